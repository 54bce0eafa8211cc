#include "format/parquet/column.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "format/parquet/convert.h"
#include "format/parquet/names.h"

enum {
    /* The first fetch of a chunk brings the dictionary and the first rows soon; those after it are longer, as a request
     * costs a remote store the same for any length. */
    FIRST_WINDOW_BYTES = 256 * 1024,
    WINDOW_BYTES = 1024 * 1024,
    HEADER_GUESS_BYTES = 1024,
    /* A page from this size on is fetched alone, with what is likely to be the header of the next one: a window that
     * ends in the middle of a page has to be moved before it can go on. */
    LONE_PAGE_BYTES = 128 * 1024,
    /* Reading ahead takes memory from this share of the account only: the rest is for pages, which must fit. */
    READ_AHEAD_PERCENT = 50,
};

int df_parquet_reader_fail(const struct df_parquet_reader *reader, struct df_error *error, enum df_error_kind kind,
                           const char *format, ...)
{
    char text[384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return df_error_set(error, kind, "%s: row group %u, column '%s', page %u: %s", reader->file->uri, reader->row_group,
                        reader->column->name, reader->page_index, text);
}

int df_parquet_reader_memory_refused(const struct df_parquet_reader *reader, struct df_error *error, size_t bytes)
{
    return df_parquet_reader_fail(reader, error, DF_ERROR_EXHAUSTED,
                                  "it needs %zu bytes at once, more than the memory limit leaves; raise memory.limit, "
                                  "or write the file with smaller pages",
                                  bytes);
}

int df_parquet_reader_problem(const struct df_parquet_reader *reader, struct df_error *error,
                              struct df_parquet_problem problem)
{
    if (problem.kind == DF_ERROR_EXHAUSTED)
        return df_parquet_reader_memory_refused(reader, error, problem.bytes);
    return df_parquet_reader_fail(reader, error, problem.kind, "%s", problem.text);
}

/* ---- life ---- */

/* A flat column has a batch of rows; what a list needs grows with what it finds. */
static bool make_batch(struct df_parquet_reader *reader)
{
    size_t rows = DF_PARQUET_BATCH_ROWS;
    if (reader->leaf->repetition_max > 0)
        return true;
    size_t value_bytes = rows * df_vector_element_bytes(reader->leaf->kind);
    return df_parquet_buffer_ensure(&reader->batch, reader->budget, value_bytes, 0, 100) &&
           df_parquet_buffer_ensure(&reader->batch_codes, reader->budget, rows * sizeof(uint32_t), 0, 100) &&
           df_parquet_buffer_ensure(&reader->batch_valid, reader->budget, rows, 0, 100);
}

int df_parquet_reader_init(struct df_parquet_reader *reader, const struct df_parquet_file *file, uint32_t column,
                           struct df_budget *budget, uint64_t *serial, struct df_error *error)
{
    *reader = (struct df_parquet_reader){.file = file,
                                         .column = &file->footer.columns[column],
                                         .leaf = &file->footer.leaves[column],
                                         .budget = budget,
                                         .serial = serial,
                                         .values.leaf = &file->footer.leaves[column],
                                         .list.carried_bytes.budget = budget};
    if (make_batch(reader))
        return 0;
    df_error_set(error, DF_ERROR_EXHAUSTED,
                 "%s: scanning column '%s' needs more than the memory limit leaves; raise memory.limit", file->uri,
                 reader->column->name);
    df_parquet_reader_dispose(reader);
    return -1;
}

void df_parquet_reader_dispose(struct df_parquet_reader *reader)
{
    struct df_parquet_list *list = &reader->list;
    struct df_parquet_buffer *buffers[] = {&reader->dictionary.values,
                                           &reader->dictionary.bytes,
                                           &reader->window,
                                           &reader->unpacked,
                                           &reader->values.plain,
                                           &reader->batch,
                                           &reader->batch_codes,
                                           &reader->batch_valid,
                                           &list->offsets,
                                           &list->valid,
                                           &list->elements,
                                           &list->codes,
                                           &list->element_valid,
                                           &list->levels};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        df_parquet_buffer_dispose(buffers[i], reader->budget);
    df_parquet_index_dispose(&reader->index);
    df_parquet_memory_dispose(&list->carried_bytes);
}

void df_parquet_reader_begin(struct df_parquet_reader *reader, uint32_t row_group, uint32_t column)
{
    const struct df_parquet_chunk *chunk = &reader->file->footer.row_groups[row_group].chunks[column];
    reader->chunk = chunk;
    reader->codec = chunk->codec;
    reader->row_group = row_group;
    reader->page_index = 0;
    reader->page_left = 0;
    reader->values_left = chunk->value_count;
    reader->next_offset = chunk->offset;
    reader->chunk_end = chunk->offset + chunk->size_bytes;
    reader->dictionary.present = false;
    df_parquet_index_dispose(&reader->index);
    reader->row_at = reader->rows_to_drop = reader->fetch_end = 0;
    reader->jump = false;
    reader->list.row_at = reader->list.row_count = reader->list.element_count = reader->list.null_count = 0;
    reader->list.carried = 0;
    reader->list.open = false;
    reader->at = reader->size = 0;
    reader->want_bytes = 0;
    reader->window_bytes = FIRST_WINDOW_BYTES;
}

/* ---- the window ---- */

static struct df_slice window_slice(const struct df_parquet_reader *reader)
{
    if (!reader->window.data)
        return df_slice_make(NULL, 0);
    return df_slice_make(reader->window.data + reader->at, reader->size - reader->at);
}

/* Of the chunk, from the window's first unread byte on. */
static uint64_t chunk_left(const struct df_parquet_reader *reader)
{
    return reader->chunk_end - reader->next_offset + (reader->size - reader->at);
}

static void slide_window(struct df_parquet_reader *reader)
{
    size_t have = reader->size - reader->at;
    if (reader->at > 0 && have > 0)
        memmove(reader->window.data, reader->window.data + reader->at, have);
    reader->at = 0;
    reader->size = have;
}

/* How much should stand in the window after the next fetch. */
static size_t aim_of(const struct df_parquet_reader *reader, uint64_t left)
{
    size_t aim = reader->want_bytes > reader->window_bytes ? reader->want_bytes : reader->window_bytes;
    if (reader->want_bytes >= LONE_PAGE_BYTES)
        aim = reader->want_bytes + HEADER_GUESS_BYTES; /* a page has less than 2^32 bytes */
    return aim < left ? aim : (size_t)left;
}

int df_parquet_reader_prepare(struct df_parquet_reader *reader, struct df_read_item *item, struct df_error *error)
{
    uint64_t left = chunk_left(reader);
    size_t aim = aim_of(reader, left);
    slide_window(reader);
    size_t have = reader->size;
    /* Before a jump only the dictionary is wanted. */
    uint64_t end = reader->jump ? reader->index.pages[0].offset : reader->fetch_end;
    uint64_t ahead = end > reader->next_offset ? have + (end - reader->next_offset) : left;
    if (aim > ahead)
        aim = ahead > reader->want_bytes ? (size_t)ahead : reader->want_bytes;
    assert(reader->want_bytes > have && reader->want_bytes <= left);
    if (!df_parquet_buffer_ensure(&reader->window, reader->budget, aim, have, READ_AHEAD_PERCENT) &&
        !df_parquet_buffer_ensure(&reader->window, reader->budget, reader->want_bytes, have, 100))
        return df_parquet_reader_memory_refused(reader, error, reader->want_bytes);
    if (aim > reader->window.capacity)
        aim = reader->window.capacity;
    reader->window_bytes = WINDOW_BYTES;
    *item = (struct df_read_item){
        .uri = reader->file->uri,
        .etag = reader->file->etag,
        .offset = reader->next_offset,
        .size_bytes = aim - have,
        .into = reader->window.data + have,
    };
    return 0;
}

void df_parquet_reader_feed(struct df_parquet_reader *reader, struct df_slice piece)
{
    assert(piece.size <= reader->window.capacity - reader->size);
    uint8_t *place = reader->window.data + reader->size;
    if (piece.size && piece.data != place)
        memcpy(place, piece.data, piece.size);
    reader->size += piece.size;
    reader->next_offset += piece.size;
}

/* ---- pages ---- */

static int check_page(const struct df_parquet_reader *reader, const struct df_parquet_page *page,
                      struct df_error *error)
{
    uint64_t whole = (uint64_t)page->header_bytes + page->compressed_bytes;
    if (whole > chunk_left(reader))
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT,
                                      "it has %llu bytes, only %llu are left of its column", (unsigned long long)whole,
                                      (unsigned long long)chunk_left(reader));
    if (page->type < DF_PARQUET_DATA_PAGE || page->type > DF_PARQUET_DATA_PAGE_V2)
        return df_parquet_reader_fail(reader, error, DF_ERROR_UNSUPPORTED, "a page of an unknown type is not read");
    return 0;
}

/* As `advance_page`, for one page of any type. */
static int advance_one(struct df_parquet_reader *reader, struct df_error *error)
{
    struct df_slice have = window_slice(reader);
    uint64_t left = chunk_left(reader);
    if (left == 0)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT,
                                      "there is no such page, but %llu values are missing",
                                      (unsigned long long)reader->values_left);
    struct df_parquet_page page = {0};
    const char *problem = NULL;
    int peeked = df_parquet_page_peek(have, &page, &problem);
    if (peeked < 0)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "damaged header: %s", problem);
    if (peeked == 0 && have.size >= left)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "its column ends inside its header");
    if (peeked == 0) {
        uint64_t more = have.size < HEADER_GUESS_BYTES / 2 ? HEADER_GUESS_BYTES : (uint64_t)have.size * 2;
        reader->want_bytes = (size_t)(more < left ? more : left);
        return 0;
    }
    if (check_page(reader, &page, error) < 0)
        return -1;
    size_t whole = (size_t)page.header_bytes + page.compressed_bytes;
    if (have.size < whole) {
        reader->want_bytes = whole;
        return 0;
    }
    struct df_slice data = df_slice_make(have.data + page.header_bytes, page.compressed_bytes);
    if (df_parquet_reader_take_page(reader, &page, data, error) < 0)
        return -1;
    reader->at += whole;
    return 1;
}

int df_parquet_reader_advance_page(struct df_parquet_reader *reader, struct df_error *error)
{
    while (reader->page_left == 0) {
        if (reader->jump && df_parquet_reader_jump(reader, error) < 0)
            return -1;
        int result = advance_one(reader, error);
        if (result <= 0)
            return result;
        if (reader->page_left == 0)
            reader->page_index++; /* a dictionary, or a page without rows */
    }
    return 1;
}

static int advance_any(struct df_parquet_reader *reader, struct df_error *error)
{
    return reader->leaf->repetition_max > 0 ? df_parquet_reader_advance_list(reader, error)
                                            : df_parquet_reader_advance_page(reader, error);
}

int df_parquet_reader_advance(struct df_parquet_reader *reader, struct df_error *error)
{
    for (;;) {
        int result = advance_any(reader, error);
        if (result <= 0 || reader->rows_to_drop == 0)
            return result;
        struct df_vector dropped;
        uint64_t rows = df_parquet_reader_rows_ready(reader);
        rows = rows < reader->rows_to_drop ? rows : reader->rows_to_drop;
        rows = rows < DF_PARQUET_BATCH_ROWS ? rows : DF_PARQUET_BATCH_ROWS;
        if (df_parquet_reader_decode(reader, (uint32_t)rows, &dropped, error) < 0)
            return -1;
        reader->rows_to_drop -= rows;
    }
}

/* ---- rows ---- */

uint32_t df_parquet_reader_rows_ready(const struct df_parquet_reader *reader)
{
    return reader->leaf->repetition_max > 0 ? reader->list.row_count - reader->list.row_at : reader->page_left;
}

int df_parquet_reader_end_page(struct df_parquet_reader *reader, struct df_error *error)
{
    uint64_t left = df_parquet_values_left_over(&reader->values);
    if (left > 0)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "%llu %s are left over after its last value",
                                      (unsigned long long)left,
                                      reader->values.stream == DF_PARQUET_STREAM_DELTA ? "values" : "bytes");
    reader->page_index++;
    return 0;
}

int df_parquet_reader_decode(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector,
                             struct df_error *error)
{
    assert(rows <= df_parquet_reader_rows_ready(reader) && rows <= DF_PARQUET_BATCH_ROWS);
    reader->row_at += rows;
    if (reader->leaf->repetition_max == 0)
        return df_parquet_reader_decode_flat(reader, rows, vector, error);
    df_parquet_reader_decode_list(reader, rows, vector);
    return 0;
}

int df_parquet_reader_end(const struct df_parquet_reader *reader, struct df_error *error)
{
    const struct df_parquet_list *list = &reader->list;
    if (reader->leaf->repetition_max == 0)
        return 0; /* its values were counted before the first was read */
    if (list->row_at == list->row_count && !list->open && reader->page_left == 0 && reader->values_left == 0)
        return 0;
    return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "it has more rows than its row group");
}
