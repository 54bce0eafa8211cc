#include "engine/funnel/rows/source_section.h"

#include <stdlib.h>

#include "engine/funnel/rows/record.h"
#include "engine/funnel/rows/section_window.h"

struct df_funnel_source_section_state {
    struct df_funnel_record_reader *reader; /* owned */
    struct df_funnel_section_window window;
    bool surveyed; /* the types of this section's blocks are known, and: */
    uint64_t rows;

    /* The reading. */
    enum df_funnel_reading reading;
    size_t piece;  /* of the window */
    size_t offset; /* of the next block in it */
};

/* The source is the first member of its section. */
static struct df_funnel_source_section *section_of(struct df_funnel_source *source)
{
    return (struct df_funnel_source_section *)source;
}

static int fill(struct df_funnel_source_section *section, struct df_funnel_section_place begin, struct df_error *error)
{
    struct df_funnel_source_section_state *state = section->state;
    state->piece = state->offset = 0;
    if (df_funnel_section_window_fill(&state->window, &section->section, begin, state->surveyed ? NULL : state->reader,
                                      error) < 0)
        return -1;
    section->bytes_read += state->window.read_bytes;
    return 0;
}

/* What the blocks say of users and times, which the files of all producers agree on. */
static int take_known(struct df_funnel_source_section *section, struct df_error *error)
{
    struct df_funnel_source *source = &section->source;
    const struct df_funnel_record_head *known = df_funnel_record_known(section->state->reader);
    if (!df_funnel_record_seen(section->state->reader))
        return 0;
    if (known->kind != source->kind)
        return df_error_set(error, DF_ERROR_CORRUPT,
                            "a section of the exchange cannot be read: its users are %s, expected %s",
                            df_funnel_key_text(known->kind), df_funnel_key_text(source->kind));
    source->user_type = known->user_type;
    if (known->time_type.kind == DF_TYPE_NULL)
        return 0;
    source->scale_known = known->scale_known;
    source->scale = known->scale;
    source->times_turned = known->times_turned;
    source->time_type = known->time_type;
    return 0;
}

static int section_begin(struct df_funnel_source *source, enum df_funnel_reading reading, struct df_error *error)
{
    struct df_funnel_source_section *section = section_of(source);
    struct df_funnel_source_section_state *state = section->state;
    const struct df_funnel_section_place first = {0};
    const struct df_funnel_section_place *begin = &state->window.begin;
    source->rows_scanned = source->rows_without_group = 0;
    state->reading = reading;
    state->piece = state->offset = 0;
    bool here = state->surveyed && state->window.filled && begin->producer == 0 && begin->offset == 0;
    if (!here && fill(section, first, error) < 0)
        return -1;
    if (!state->surveyed)
        state->rows = state->window.surveyed_rows;
    state->surveyed = true;
    source->rows_expected = state->rows;
    return take_known(section, error);
}

/* The next block of the window: 1, 0 at its end, -1. It stays the next one until state->offset passes it. */
static int look_at_block(struct df_funnel_source_section_state *state, struct df_funnel_block *block,
                         struct df_error *error)
{
    const struct df_funnel_section_window *window = &state->window;
    for (; state->piece < window->piece_count; state->piece++, state->offset = 0) {
        struct df_slice piece = window->pieces[state->piece];
        struct df_slice rest = df_slice_make(piece.data + state->offset, piece.size - state->offset);
        int result = df_funnel_block_take(rest, block, error);
        if (result != 0)
            return result;
    }
    return 0;
}

/* The next block of the section: 1, 0 at the end, -1. */
static int next_block(struct df_funnel_source_section *section, struct df_funnel_block *block, struct df_error *error)
{
    struct df_funnel_source_section_state *state = section->state;
    int result;
    while ((result = look_at_block(state, block, error)) == 0) {
        if (state->window.complete || !state->window.filled)
            return 0;
        if (fill(section, state->window.end, error) < 0)
            return -1;
    }
    if (result > 0)
        state->offset += block->size_bytes;
    return result;
}

static int check_rows(const struct df_funnel_source *source, uint32_t rows, struct df_error *error)
{
    if (source->rows_scanned + rows < UINT32_MAX)
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED,
                        "one section of the exchange has more than %u rows; raise memory.limit, or give more files",
                        UINT32_MAX - 1);
}

/* Blocks of the window that go into the same batch. */
static int append_blocks(struct df_funnel_source_section *section, struct df_funnel_batch *batch,
                         struct df_error *error)
{
    struct df_funnel_source_section_state *state = section->state;
    struct df_funnel_block block;
    int result;
    while ((result = look_at_block(state, &block, error)) > 0) {
        result =
            df_funnel_record_append(state->reader, &block, state->reading, section->source.want_keys, batch, error);
        if (result <= 0)
            return result;
        state->offset += block.size_bytes;
    }
    return result;
}

static int section_next(struct df_funnel_source *source, struct df_funnel_batch *batch, struct df_error *error)
{
    struct df_funnel_source_section *section = section_of(source);
    struct df_funnel_source_section_state *state = section->state;
    struct df_funnel_block block;
    if (df_task_check(section->task, error) < 0)
        return -1;
    int result = next_block(section, &block, error);
    if (result <= 0)
        return result;
    if (df_funnel_record_decode(state->reader, &block, state->reading, source->want_keys, batch, error) < 0 ||
        append_blocks(section, batch, error) < 0 || check_rows(source, batch->rows, error) < 0)
        return -1;
    batch->first_row = (uint32_t)source->rows_scanned;
    source->rows_scanned += batch->rows;
    return 1;
}

static int section_match(struct df_funnel_source *source, uint32_t filter, const uint32_t **rows, uint32_t *count,
                         struct df_error *error)
{
    (void)error;
    df_funnel_record_match(section_of(source)->state->reader, filter, rows, count);
    return 0;
}

static int section_masks(struct df_funnel_source *source, const uint32_t *filters, uint32_t count, uint8_t *masks,
                         struct df_error *error)
{
    (void)error;
    df_funnel_record_masks(section_of(source)->state->reader, filters, count, masks);
    return 0;
}

int df_funnel_source_section_open(struct df_funnel_source_section *section, struct df_task *task,
                                  const struct df_part *part, const struct df_funnel_request *request,
                                  struct df_error *error)
{
    *section = (struct df_funnel_source_section){.task = task, .section = *part, .source = {.request = request}};
    section->state = calloc(1, sizeof *section->state);
    if (!section->state)
        return df_error_no_memory(error, "reading sections");
    section->state->window.task = task;
    if (df_funnel_record_reader_create(&section->state->reader, request, error) < 0)
        return -1;
    struct df_funnel_source *source = &section->source;
    source->types = df_funnel_record_known(section->state->reader)->types;
    source->want_keys = true;
    source->begin = section_begin;
    source->next = section_next;
    source->match = section_match;
    source->masks = section_masks;
    df_funnel_source_section_at(section, part->range_begin);
    return 0;
}

void df_funnel_source_section_at(struct df_funnel_source_section *section, uint64_t index)
{
    section->section.range_begin = index;
    section->section.range_end = index + 1;
    section->state->surveyed = false;
    df_funnel_section_window_dispose(&section->state->window);
}

void df_funnel_source_section_dispose(struct df_funnel_source_section *section)
{
    if (section->state) {
        df_funnel_section_window_dispose(&section->state->window);
        df_funnel_record_reader_free(section->state->reader);
        free(section->state);
    }
    *section = (struct df_funnel_source_section){0};
}
