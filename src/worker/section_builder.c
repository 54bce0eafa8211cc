/* Writes the sections of one part: many small appends to K places, in whatever memory there is.
 *
 * In memory each section is a chain of chunks, cut from blocks that are on the account:
 *
 *     section 0 ─► [64] ─► [128] ─► [256] …        chunks double up to CHUNK_BYTES_MAX, so that thousands of sections
 *     section 1 ─► [64]                            cost little and long ones are copied in long pieces
 *     blocks       | 0 0 1 … | 5 0 7 7 … |         one malloc and one question to the account each
 *
 * When the account says no, everything in memory goes to the temporary folder as a *run* and the blocks are given back:
 *
 *     run          { varint section | varint length | bytes }*     in order of sections, empty ones left out
 *
 * The end is one layout, K sections in order: copied together from the chunks when nothing was put aside; otherwise the
 * runs and the chunks are merged, section by section, oldest first. More than RUNS_AT_ONCE runs are first merged into
 * fewer, longer ones. Each run is read from front to end, whatever K is. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "worker/section_set.h"

enum {
    CHUNK_BYTES_MIN = 64, /* with its head */
    CHUNK_BYTES_MAX = 16 * 1024,
    BLOCK_BYTES_MIN = 4 * 1024,
    BLOCK_BYTES_MAX = 1024 * 1024,
    /* What a builder may have even if the account is full: with less, runs would be so short that they are mostly
     * heads. And one smallest chunk per section. */
    FLOOR_BYTES = 64 * 1024,
    SHARE_PERCENT = 50, /* of the account, for all builders and sets: they can be put aside, group tables cannot */
    RUNS_AT_ONCE = 64,
    RUN_BUFFER_BYTES = 64 * 1024, /* one read; RUN_BUFFER_BYTES_MIN when memory is short */
    RUN_BUFFER_BYTES_MIN = 4 * 1024,
    WRITE_BUFFER_BYTES = 32 * 1024,
    VARINT_BYTES_MAX = 10,
};

struct chunk {
    struct chunk *next;
    uint32_t used, capacity;
    uint8_t data[];
};

struct block {
    struct block *older;
    size_t bytes; /* with this head, as charged */
};

struct section {
    struct chunk *first, *last;
    uint64_t bytes;
};

/* A place in the spill file. */
struct run {
    uint64_t offset;
    uint64_t reserved_bytes;
    uint64_t bytes;
};

struct df_section_builder {
    uint32_t section_count;
    struct df_budget *budget;
    struct df_spill *spill; /* held; NULL: never put aside */
    const atomic_bool *cancelled;

    struct section *sections; /* owned */
    struct block *blocks;     /* newest first; chunks are cut from the newest */
    uint8_t *rest;
    size_t rest_bytes;
    uint64_t block_bytes;   /* of all blocks */
    uint64_t memory_bytes;  /* content in memory */
    uint64_t spilled_bytes; /* content in runs */
    uint64_t fixed_bytes;   /* charged for the builder itself */

    struct run *runs; /* owned, oldest first */
    size_t run_count, run_capacity;

    bool failed; /* sticks: what was lost cannot come back */
    struct df_error error;
};

/* ---- life ---- */

int df_section_builder_create(struct df_section_builder **out, uint32_t sections, struct df_budget *budget,
                              const char *temporary_folder, struct df_error *error)
{
    struct df_spill *spill = NULL;
    *out = NULL;
    if (temporary_folder && df_spill_create(&spill, temporary_folder, error) != 0)
        return -1;
    int rc = df_section_builder_create_shared(out, sections, budget, spill, NULL, error);
    df_spill_release(spill);
    return rc;
}

int df_section_builder_create_shared(struct df_section_builder **out, uint32_t sections, struct df_budget *budget,
                                     struct df_spill *spill, const atomic_bool *cancelled, struct df_error *error)
{
    assert(sections > 0);
    *out = NULL;
    struct df_section_builder *builder = calloc(1, sizeof *builder);
    struct section *heads = calloc(sections, sizeof *heads);
    if (!builder || !heads) {
        free(builder);
        free(heads);
        return df_error_no_memory(error, "preparing sections");
    }
    builder->section_count = sections;
    builder->budget = budget;
    builder->spill = spill ? df_spill_hold(spill) : NULL;
    builder->cancelled = cancelled;
    builder->sections = heads;
    builder->fixed_bytes = sizeof *builder + (uint64_t)sections * sizeof *heads;
    df_budget_force(budget, builder->fixed_bytes);
    *out = builder;
    return 0;
}

static void drop_memory(struct df_section_builder *builder)
{
    while (builder->blocks) {
        struct block *block = builder->blocks;
        builder->blocks = block->older;
        free(block);
    }
    memset(builder->sections, 0, builder->section_count * sizeof *builder->sections);
    df_budget_give(builder->budget, builder->block_bytes);
    builder->rest = NULL;
    builder->rest_bytes = 0;
    builder->block_bytes = builder->memory_bytes = 0;
}

static void give_run(struct df_section_builder *builder, const struct run *run)
{
    df_spill_give(builder->spill, run->offset, run->reserved_bytes);
}

void df_section_builder_free(struct df_section_builder *builder)
{
    if (!builder)
        return;
    drop_memory(builder);
    for (size_t i = 0; i < builder->run_count; i++)
        give_run(builder, &builder->runs[i]);
    free(builder->runs);
    df_spill_release(builder->spill);
    df_budget_give(builder->budget, builder->fixed_bytes);
    free(builder->sections);
    free(builder);
}

/* Keeps the failure, so that a caller that goes on cannot end with sections that lack something. */
static int fail(struct df_section_builder *builder, struct df_error *error)
{
    builder->failed = true;
    if (error)
        *error = builder->error;
    return -1;
}

static int check_cancelled(const struct df_section_builder *builder, struct df_error *error)
{
    if (builder->cancelled && atomic_load_explicit(builder->cancelled, memory_order_relaxed))
        return df_error_set(error, DF_ERROR_CANCELLED, "cancelled");
    return 0;
}

/* ---- writing to the spill file ---- */

struct spill_writer {
    struct df_section_builder *builder;
    uint64_t offset; /* where the buffer will go */
    size_t fill;
    uint8_t *buffer; /* owned */
};

static int spill_writer_open(struct spill_writer *writer, struct df_section_builder *builder, uint64_t offset,
                             struct df_error *error)
{
    *writer = (struct spill_writer){.builder = builder, .offset = offset, .buffer = malloc(WRITE_BUFFER_BYTES)};
    return writer->buffer ? 0 : df_error_no_memory(error, "putting sections aside");
}

static int spill_writer_flush(struct spill_writer *writer, struct df_error *error)
{
    struct df_slice bytes = df_slice_make(writer->buffer, writer->fill);
    if (check_cancelled(writer->builder, error) != 0 ||
        df_spill_write(writer->builder->spill, writer->offset, bytes, error) != 0)
        return -1;
    writer->offset += writer->fill;
    writer->fill = 0;
    return 0;
}

static int spill_writer_put(struct spill_writer *writer, struct df_slice bytes, struct df_error *error)
{
    while (bytes.size > 0) {
        if (writer->fill == WRITE_BUFFER_BYTES && spill_writer_flush(writer, error) != 0)
            return -1;
        size_t room = WRITE_BUFFER_BYTES - writer->fill;
        size_t size = bytes.size < room ? bytes.size : room;
        memcpy(writer->buffer + writer->fill, bytes.data, size);
        writer->fill += size;
        bytes = df_slice_make(bytes.data + size, bytes.size - size);
    }
    return 0;
}

static int spill_writer_put_varint(struct spill_writer *writer, uint64_t value, struct df_error *error)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    return spill_writer_put(writer, df_slice_make(bytes, count), error);
}

/* ---- reading a run from front to end ---- */

struct run_reader {
    struct df_spill *spill;
    uint64_t offset, end; /* what has not been fetched yet */
    uint8_t *buffer;      /* part of the merge's */
    size_t capacity, at, fill;
    bool over;
    uint32_t section; /* of the piece that comes next, unless over */
    uint64_t left_bytes;
};

/* Moves what is left to the front and fetches as much as has room. */
static int run_fetch(struct run_reader *reader, struct df_error *error)
{
    memmove(reader->buffer, reader->buffer + reader->at, reader->fill - reader->at);
    reader->fill -= reader->at;
    reader->at = 0;
    size_t size = reader->capacity - reader->fill;
    if (size > reader->end - reader->offset)
        size = (size_t)(reader->end - reader->offset);
    if (df_spill_read(reader->spill, reader->offset, reader->buffer + reader->fill, size, error) != 0)
        return -1;
    reader->fill += size;
    reader->offset += size;
    return 0;
}

static int run_next_piece(struct run_reader *reader, struct df_error *error)
{
    if (reader->fill - reader->at < 2 * VARINT_BYTES_MAX && run_fetch(reader, error) != 0)
        return -1;
    if (reader->at == reader->fill) {
        reader->over = true;
        return 0;
    }
    struct df_cursor cursor = df_cursor_make(df_slice_make(reader->buffer + reader->at, reader->fill - reader->at));
    uint64_t section = 0;
    if (!df_cursor_take_varint(&cursor, &section) || !df_cursor_take_varint(&cursor, &reader->left_bytes) ||
        section > UINT32_MAX)
        return df_error_set(error, DF_ERROR_INTERNAL, "sections put aside read back damaged");
    reader->section = (uint32_t)section;
    reader->at = reader->fill - df_cursor_left(&cursor);
    return 0;
}

static int run_copy_piece(struct run_reader *reader, struct spill_writer *writer, struct df_error *error)
{
    while (reader->left_bytes > 0) {
        if (reader->at == reader->fill && run_fetch(reader, error) != 0)
            return -1;
        size_t size = reader->fill - reader->at;
        if (size == 0)
            return df_error_set(error, DF_ERROR_INTERNAL, "sections put aside read back too short");
        if (size > reader->left_bytes)
            size = (size_t)reader->left_bytes;
        if (spill_writer_put(writer, df_slice_make(reader->buffer + reader->at, size), error) != 0)
            return -1;
        reader->at += size;
        reader->left_bytes -= size;
    }
    return run_next_piece(reader, error);
}

/* ---- merging: runs, and what is in memory behind them, into one place of the spill file ---- */

struct merge {
    struct df_section_builder *builder;
    struct run_reader readers[RUNS_AT_ONCE];
    size_t reader_count;
    uint8_t *buffers; /* owned, one part per reader */
    uint64_t charged_bytes;
    bool with_memory;
    struct df_section_set *set; /* the final layout: its offsets are filled, no heads are written; NULL: a run */
};

static int merge_open(struct merge *merge, const struct run *runs, size_t run_count, struct df_error *error)
{
    struct df_section_builder *builder = merge->builder;
    assert(run_count <= RUNS_AT_ONCE);
    size_t bytes_each = RUN_BUFFER_BYTES;
    merge->charged_bytes = run_count * bytes_each;
    if (!df_budget_take_share(builder->budget, merge->charged_bytes, SHARE_PERCENT)) {
        bytes_each = RUN_BUFFER_BYTES_MIN;
        merge->charged_bytes = run_count * bytes_each;
        df_budget_force(builder->budget, merge->charged_bytes);
    }
    if (run_count > 0 && !(merge->buffers = malloc(run_count * bytes_each)))
        return df_error_no_memory(error, "merging sections");
    for (size_t i = 0; i < run_count; i++) {
        merge->readers[i] = (struct run_reader){.spill = builder->spill,
                                                .offset = runs[i].offset,
                                                .end = runs[i].offset + runs[i].bytes,
                                                .buffer = merge->buffers + i * bytes_each,
                                                .capacity = bytes_each};
        merge->reader_count++;
        if (run_next_piece(&merge->readers[i], error) != 0)
            return -1;
    }
    return 0;
}

static void merge_close(struct merge *merge)
{
    df_budget_give(merge->builder->budget, merge->charged_bytes);
    free(merge->buffers);
}

static bool run_has(const struct run_reader *reader, uint32_t section)
{
    return !reader->over && reader->section == section;
}

static uint64_t merged_bytes(const struct merge *merge, uint32_t section)
{
    uint64_t bytes = merge->with_memory ? merge->builder->sections[section].bytes : 0;
    for (size_t i = 0; i < merge->reader_count; i++)
        bytes += run_has(&merge->readers[i], section) ? merge->readers[i].left_bytes : 0;
    return bytes;
}

static int put_chunks(const struct section *section, struct spill_writer *writer, struct df_error *error)
{
    for (const struct chunk *chunk = section->first; chunk; chunk = chunk->next)
        if (spill_writer_put(writer, df_slice_make(chunk->data, chunk->used), error) != 0)
            return -1;
    return 0;
}

static int merge_section(struct merge *merge, uint32_t section, struct spill_writer *writer, struct df_error *error)
{
    uint64_t bytes = merged_bytes(merge, section);
    if (merge->set)
        merge->set->offsets[section + 1] = merge->set->offsets[section] + bytes;
    if (bytes == 0)
        return 0;
    if (!merge->set &&
        (spill_writer_put_varint(writer, section, error) != 0 || spill_writer_put_varint(writer, bytes, error) != 0))
        return -1;
    for (size_t i = 0; i < merge->reader_count; i++)
        if (run_has(&merge->readers[i], section) && run_copy_piece(&merge->readers[i], writer, error) != 0)
            return -1;
    return merge->with_memory ? put_chunks(&merge->builder->sections[section], writer, error) : 0;
}

static int merge_into(struct merge *merge, struct run *into, struct df_error *error)
{
    struct spill_writer writer;
    if (spill_writer_open(&writer, merge->builder, into->offset, error) != 0)
        return -1;
    int rc = 0;
    for (uint32_t section = 0; rc == 0 && section < merge->builder->section_count; section++)
        rc = merge_section(merge, section, &writer, error);
    if (rc == 0)
        rc = spill_writer_flush(&writer, error);
    free(writer.buffer);
    into->bytes = writer.offset - into->offset;
    assert(rc != 0 || into->bytes <= into->reserved_bytes);
    return rc;
}

/* Reserves `bytes`, and fills them from some runs and, if asked, the memory. The runs stay. */
static int merge_runs(struct df_section_builder *builder, const struct run *runs, size_t run_count, bool with_memory,
                      struct df_section_set *set, struct run *into, struct df_error *error)
{
    if (df_spill_reserve(builder->spill, into->reserved_bytes, &into->offset, error) != 0)
        return -1;
    struct merge merge = {.builder = builder, .with_memory = with_memory, .set = set};
    int rc = merge_open(&merge, runs, run_count, error);
    if (rc == 0)
        rc = merge_into(&merge, into, error);
    merge_close(&merge);
    if (rc != 0)
        give_run(builder, into);
    return rc;
}

/* ---- putting aside ---- */

/* What the content of memory is as a run, at most. */
static uint64_t run_bytes_bound(const struct df_section_builder *builder)
{
    uint64_t filled = 0;
    for (uint32_t i = 0; i < builder->section_count; i++)
        filled += builder->sections[i].bytes > 0;
    return builder->memory_bytes + filled * 2 * VARINT_BYTES_MAX;
}

static int make_room_for_run(struct df_section_builder *builder, struct df_error *error)
{
    if (builder->run_count < builder->run_capacity)
        return 0;
    size_t capacity = builder->run_capacity ? builder->run_capacity * 2 : 16;
    struct run *runs = realloc(builder->runs, capacity * sizeof *runs);
    if (!runs)
        return df_error_no_memory(error, "putting sections aside");
    builder->runs = runs;
    builder->run_capacity = capacity;
    return 0;
}

static int put_aside(struct df_section_builder *builder, struct df_error *error)
{
    if (!builder->spill)
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "memory has no room for more than %" PRIu64
                            " bytes of sections, and there is no temporary folder to put them aside; give one "
                            "(--temporary-folder), or raise the memory limit (--memory)",
                            builder->memory_bytes);
    if (make_room_for_run(builder, error) != 0)
        return -1;
    struct run run = {.reserved_bytes = run_bytes_bound(builder)};
    if (merge_runs(builder, NULL, 0, true, NULL, &run, error) != 0)
        return -1;
    builder->runs[builder->run_count++] = run;
    builder->spilled_bytes += builder->memory_bytes;
    drop_memory(builder);
    return 0;
}

/* ---- memory ---- */

static uint64_t floor_bytes(const struct df_section_builder *builder)
{
    uint64_t chunks = (uint64_t)builder->section_count * CHUNK_BYTES_MIN;
    return chunks > FLOOR_BYTES ? chunks : FLOOR_BYTES;
}

/* How large the next block may be: as much as there is already, if the account allows; 0: it is time to put aside. */
static size_t take_block(const struct df_section_builder *builder)
{
    uint64_t wanted = builder->block_bytes;
    if (wanted < BLOCK_BYTES_MIN)
        wanted = BLOCK_BYTES_MIN;
    if (wanted > BLOCK_BYTES_MAX)
        wanted = BLOCK_BYTES_MAX;
    if (df_budget_take_share(builder->budget, wanted, SHARE_PERCENT))
        return (size_t)wanted;
    if (df_budget_take_share(builder->budget, BLOCK_BYTES_MIN, SHARE_PERCENT))
        return BLOCK_BYTES_MIN;
    if (builder->block_bytes + BLOCK_BYTES_MIN > floor_bytes(builder))
        return 0;
    df_budget_force(builder->budget, BLOCK_BYTES_MIN);
    return BLOCK_BYTES_MIN;
}

static int add_block(struct df_section_builder *builder, struct df_error *error)
{
    size_t bytes = take_block(builder);
    if (bytes == 0) {
        if (put_aside(builder, error) != 0)
            return -1;
        bytes = take_block(builder); /* the floor is there again */
    }
    assert(bytes > 0);
    struct block *block = malloc(bytes);
    if (!block) {
        df_budget_give(builder->budget, bytes);
        return df_error_no_memory(error, "collecting sections");
    }
    *block = (struct block){.older = builder->blocks, .bytes = bytes};
    builder->blocks = block;
    builder->block_bytes += bytes;
    builder->rest = (uint8_t *)(block + 1);
    builder->rest_bytes = bytes - sizeof *block;
    return 0;
}

/* How many bytes the next chunk of a section should have: twice the last one, and not less than what waits for it. */
static size_t next_chunk_bytes(const struct section *section, size_t waiting)
{
    size_t bytes = section->last ? 2 * (section->last->capacity + sizeof(struct chunk)) : CHUNK_BYTES_MIN;
    if (bytes < waiting + sizeof(struct chunk))
        bytes = waiting + sizeof(struct chunk);
    if (bytes > CHUNK_BYTES_MAX)
        bytes = CHUNK_BYTES_MAX;
    return (bytes + CHUNK_BYTES_MIN - 1) / CHUNK_BYTES_MIN * CHUNK_BYTES_MIN; /* keeps chunk heads aligned */
}

/* Puts an empty chunk behind a section; putting aside may have emptied it meanwhile. */
static int add_chunk(struct df_section_builder *builder, struct section *section, size_t waiting,
                     struct df_error *error)
{
    if (builder->rest_bytes < CHUNK_BYTES_MIN && add_block(builder, error) != 0)
        return -1;
    size_t bytes = next_chunk_bytes(section, waiting);
    if (bytes > builder->rest_bytes)
        bytes = builder->rest_bytes / CHUNK_BYTES_MIN * CHUNK_BYTES_MIN;
    struct chunk *chunk = (struct chunk *)(void *)builder->rest;
    *chunk = (struct chunk){.capacity = (uint32_t)(bytes - sizeof *chunk)};
    builder->rest += bytes;
    builder->rest_bytes -= bytes;
    if (section->last)
        section->last->next = chunk;
    else
        section->first = chunk;
    section->last = chunk;
    return 0;
}

int df_section_builder_put(struct df_section_builder *builder, uint32_t section, struct df_slice bytes,
                           struct df_error *error)
{
    assert(section < builder->section_count);
    if (builder->failed)
        return fail(builder, error);
    struct section *to = &builder->sections[section];
    while (bytes.size > 0) {
        if ((!to->last || to->last->used == to->last->capacity) &&
            add_chunk(builder, to, bytes.size, &builder->error) != 0)
            return fail(builder, error);
        struct chunk *chunk = to->last;
        size_t room = chunk->capacity - chunk->used;
        size_t size = bytes.size < room ? bytes.size : room;
        memcpy(chunk->data + chunk->used, bytes.data, size);
        chunk->used += (uint32_t)size;
        to->bytes += size;
        builder->memory_bytes += size;
        bytes = df_slice_make(bytes.data + size, bytes.size - size);
    }
    return 0;
}

/* ---- finishing ---- */

/* For a moment chunks and copy are both there. With nowhere to put them aside the whole account may be used. */
static bool take_for_set(const struct df_section_builder *builder, uint64_t bytes)
{
    return df_budget_take_share(builder->budget, bytes, builder->spill ? SHARE_PERCENT : 100);
}

static void copy_sections(const struct df_section_builder *builder, struct df_section_set *set)
{
    uint8_t *to = set->bytes;
    for (uint32_t i = 0; i < builder->section_count; i++) {
        for (const struct chunk *chunk = builder->sections[i].first; chunk; chunk = chunk->next) {
            memcpy(to, chunk->data, chunk->used);
            to += chunk->used;
        }
        set->offsets[i + 1] = (uint64_t)(to - set->bytes);
    }
}

/* 1: done; 0: no room in memory. */
static int finish_in_memory(struct df_section_builder *builder, struct df_section_set *set)
{
    uint64_t bytes = builder->memory_bytes;
    if (builder->run_count > 0 || bytes > SIZE_MAX || !take_for_set(builder, bytes))
        return 0;
    set->bytes = malloc((size_t)bytes);
    if (!set->bytes) {
        df_budget_give(builder->budget, bytes);
        return 0;
    }
    set->charged_bytes += bytes;
    copy_sections(builder, set);
    return 1;
}

/* Merges neighbouring runs, oldest first, so that the order of appends stays. */
static int merge_group(struct df_section_builder *builder, size_t first, size_t count, struct run *into,
                       struct df_error *error)
{
    *into = (struct run){0};
    for (size_t i = first; i < first + count; i++)
        into->reserved_bytes += builder->runs[i].bytes; /* fewer heads, and their lengths at most as long together */
    return merge_runs(builder, builder->runs + first, count, false, NULL, into, error);
}

static int merge_into_fewer_runs(struct df_section_builder *builder, struct df_error *error)
{
    size_t done = 0;
    int rc = 0;
    size_t first = 0;
    while (rc == 0 && first < builder->run_count) {
        size_t count = builder->run_count - first;
        if (count > RUNS_AT_ONCE)
            count = RUNS_AT_ONCE;
        struct run merged;
        rc = merge_group(builder, first, count, &merged, error);
        if (rc != 0)
            break;
        for (size_t i = first; i < first + count; i++)
            give_run(builder, &builder->runs[i]);
        builder->runs[done++] = merged;
        first += count;
    }
    /* After a failure: what was merged, and what was not. */
    memmove(builder->runs + done, builder->runs + first, (builder->run_count - first) * sizeof *builder->runs);
    builder->run_count -= first - done;
    return rc;
}

static int finish_aside(struct df_section_builder *builder, struct df_section_set *set, struct df_error *error)
{
    if (!builder->spill)
        return put_aside(builder, error); /* which says what can be done */
    while (builder->run_count > RUNS_AT_ONCE)
        if (merge_into_fewer_runs(builder, error) != 0)
            return -1;
    struct run whole = {.reserved_bytes = builder->spilled_bytes + builder->memory_bytes};
    if (merge_runs(builder, builder->runs, builder->run_count, true, set, &whole, error) != 0)
        return -1;
    set->spill = df_spill_hold(builder->spill);
    set->spill_offset = whole.offset;
    return 0;
}

static int finish(struct df_section_builder *builder, struct df_section_set **out, struct df_error *error)
{
    if (builder->failed)
        return fail(builder, error);
    bool empty = builder->memory_bytes == 0 && builder->run_count == 0;
    struct df_section_set *set;
    if (df_section_set_create(&set, builder->section_count, empty, builder->budget, error) != 0)
        return -1;
    if (!empty && !finish_in_memory(builder, set) && finish_aside(builder, set, error) != 0) {
        df_section_set_free(set);
        return -1;
    }
    *out = set;
    return 0;
}

int df_section_builder_finish(struct df_section_builder *builder, struct df_section_set **set, struct df_error *error)
{
    *set = NULL;
    int rc = finish(builder, set, error);
    df_section_builder_free(builder);
    return rc;
}
