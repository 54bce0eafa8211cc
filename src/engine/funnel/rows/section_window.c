#include "engine/funnel/rows/section_window.h"

#include <stdlib.h>
#include <string.h>

#include "engine/funnel/rows/record_read.h"

enum {
    /* The share of the account within which a window may grow: sections keep to half of it, and a quarter is for the
     * tables of users. */
    WINDOW_PERCENT = 75,
    /* What a window takes in any case, so that a section is not read again for every block. */
    FLOOR_BYTES_MIN = 256 * 1024,
    FLOOR_BYTES_MAX = 4 * 1024 * 1024,
    /* Small pieces, as many small files leave them, are put together. */
    TOGETHER_BYTES = 64 * 1024,
    SMALL_BYTES = 4 * 1024,
};

void df_funnel_section_window_dispose(struct df_funnel_section_window *window)
{
    for (size_t i = 0; i < window->piece_count; i++)
        free((void *)(uintptr_t)window->pieces[i].data);
    free(window->pieces);
    df_budget_give(window->task->budget, window->charged_bytes);
    *window = (struct df_funnel_section_window){.task = window->task};
}

static uint64_t floor_bytes(const struct df_task *task)
{
    uint64_t limit = task->budget ? task->budget->limit_bytes : 0;
    uint64_t share = limit / 16 / (task->threads ? task->threads : 1);
    share = share < FLOOR_BYTES_MAX ? share : FLOOR_BYTES_MAX;
    return share > FLOOR_BYTES_MIN ? share : FLOOR_BYTES_MIN;
}

struct filling {
    struct df_funnel_section_window *window;
    struct df_funnel_record_reader *survey; /* NULL: all types are known */
    bool full;
    bool stopped; /* reading was ended by us, because the rest is of no use */
};

/* As many whole blocks as the floor has room for; the first in any case. */
static int floor_of(const struct df_task *task, struct df_slice bytes, size_t *size, struct df_error *error)
{
    uint64_t room = floor_bytes(task);
    for (*size = 0; *size < bytes.size;) {
        struct df_funnel_block block;
        struct df_slice rest = df_slice_make(bytes.data + *size, bytes.size - *size);
        if (df_funnel_block_take(rest, &block, error) < 0)
            return -1;
        if (*size > 0 && *size + block.size_bytes > room)
            return 0;
        *size += block.size_bytes;
    }
    return 0;
}

/* What the window takes of a piece; 0: it is full. */
static int choose_size(struct filling *filling, struct df_slice bytes, size_t *size, struct df_error *error)
{
    struct df_funnel_section_window *window = filling->window;
    struct df_budget *budget = window->task->budget;
    *size = bytes.size;
    if (!df_budget_take_share(budget, bytes.size, WINDOW_PERCENT)) {
        *size = 0;
        if (window->piece_count == 0 && floor_of(window->task, bytes, size, error) < 0)
            return -1;
        df_budget_force(budget, *size);
        filling->full = true;
    }
    window->charged_bytes += *size;
    return 0;
}

/* What is left behind a place for small pieces goes back. */
static void shrink_last(struct df_funnel_section_window *window)
{
    if (window->piece_count == 0 || window->room_bytes == 0)
        return;
    struct df_slice *last = &window->pieces[window->piece_count - 1];
    void *memory = realloc((void *)(uintptr_t)last->data, last->size);
    if (memory)
        last->data = memory;
    window->room_bytes = 0;
}

static int add_piece(struct df_funnel_section_window *window, size_t capacity, struct df_error *error)
{
    if (window->piece_count == window->piece_capacity) {
        size_t count = window->piece_capacity ? window->piece_capacity * 2 : 16;
        struct df_slice *pieces = reallocarray(window->pieces, count, sizeof *pieces);
        if (!pieces)
            return df_error_no_memory(error, "reading a section");
        window->pieces = pieces;
        window->piece_capacity = count;
    }
    shrink_last(window);
    void *memory = malloc(capacity);
    if (!memory)
        return df_error_no_memory(error, "reading a section");
    window->pieces[window->piece_count++] = df_slice_make(memory, 0);
    window->room_bytes = capacity;
    return 0;
}

static int copy(struct df_funnel_section_window *window, struct df_slice bytes, struct df_error *error)
{
    if (bytes.size > window->room_bytes &&
        add_piece(window, bytes.size > SMALL_BYTES ? bytes.size : TOGETHER_BYTES, error) < 0)
        return -1;
    struct df_slice *piece = &window->pieces[window->piece_count - 1];
    memcpy((uint8_t *)(uintptr_t)piece->data + piece->size, bytes.data, bytes.size);
    piece->size += bytes.size;
    window->room_bytes -= bytes.size;
    return 0;
}

static int survey(struct filling *filling, struct df_slice bytes, struct df_error *error)
{
    struct df_funnel_block block;
    int result;
    while ((result = df_funnel_block_take(bytes, &block, error)) > 0) {
        if (df_funnel_record_survey(filling->survey, &block, error) < 0)
            return -1;
        filling->window->surveyed_rows += block.rows;
        bytes = df_slice_make(bytes.data + block.size_bytes, bytes.size - block.size_bytes);
    }
    return result;
}

static int take_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct filling *filling = ctx;
    struct df_funnel_section_window *window = filling->window;
    size_t offset = producer == window->begin.producer ? window->begin.offset : 0, size;
    (void)section;
    window->read_bytes += bytes.size;
    if (filling->survey && survey(filling, bytes, error) < 0)
        return df_error_prefix(error, "from part %u", producer);
    if (producer < window->begin.producer || offset == bytes.size)
        return 0;
    if (offset > bytes.size)
        return df_funnel_record_corrupt(error, "it is shorter than when it was read before");
    if (!filling->full) {
        struct df_slice rest = df_slice_make(bytes.data + offset, bytes.size - offset);
        if (choose_size(filling, rest, &size, error) < 0)
            return df_error_prefix(error, "from part %u", producer);
        if (filling->full)
            window->end = (struct df_funnel_section_place){.producer = producer, .offset = offset + size};
        if (size > 0 && copy(window, df_slice_make(rest.data, size), error) < 0)
            return -1;
        return 0;
    }
    if (filling->survey)
        return 0;
    filling->stopped = true;
    return -1;
}

int df_funnel_section_window_fill(struct df_funnel_section_window *window, const struct df_part *section,
                                  struct df_funnel_section_place begin, struct df_funnel_record_reader *reader,
                                  struct df_error *error)
{
    struct filling filling = {.window = window, .survey = reader};
    df_funnel_section_window_dispose(window);
    window->begin = begin;
    if (df_task_section_read(window->task, section, take_piece, &filling, error) < 0 && !filling.stopped) {
        df_funnel_section_window_dispose(window);
        return -1;
    }
    window->filled = true;
    window->complete = !filling.full;
    return 0;
}
