#include "format/parquet/column.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"
#include "format/parquet/codec.h"
#include "format/parquet/crc32.h"
#include "format/parquet/names.h"
#include "format/parquet/plain.h"

enum {
    /* The first fetch of a chunk brings the dictionary and the first rows soon; those after it are longer, as a request
     * costs a remote store the same for any length. */
    FIRST_WINDOW_BYTES = 256 * 1024,
    WINDOW_BYTES = 1024 * 1024,
    HEADER_GUESS_BYTES = 1024,
    /* Reading ahead takes memory from this share of the account only: the rest is for pages, which must fit. */
    READ_AHEAD_PERCENT = 50,
};

static int page_error(const struct df_parquet_reader *reader, struct df_error *error, enum df_error_kind kind,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
static int page_error(const struct df_parquet_reader *reader, struct df_error *error, enum df_error_kind kind,
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

static int unsupported(const struct df_parquet_reader *reader, struct df_error *error, const char *feature)
{
    return page_error(reader, error, DF_ERROR_UNSUPPORTED,
                      "%s is not read; write the file with data pages of version 1, plain or dictionary encoded",
                      feature);
}

static int memory_refused(const struct df_parquet_reader *reader, struct df_error *error, size_t bytes)
{
    return page_error(reader, error, DF_ERROR_EXHAUSTED,
                      "it needs %zu bytes at once, more than the memory limit leaves; raise memory.limit, or write the "
                      "file with smaller pages",
                      bytes);
}

/* ---- life ---- */

static size_t batch_value_bytes(enum df_vector_kind kind)
{
    switch (kind) {
    case DF_VECTOR_BOOL:
        return sizeof(uint8_t);
    case DF_VECTOR_BYTES:
        return sizeof(struct df_slice);
    default:
        return sizeof(int64_t);
    }
}

int df_parquet_reader_init(struct df_parquet_reader *reader, const struct df_parquet_file *file, uint32_t column,
                           struct df_budget *budget, uint64_t *serial, struct df_error *error)
{
    *reader = (struct df_parquet_reader){
        .file = file, .column = &file->footer.columns[column], .budget = budget, .serial = serial};
    size_t rows = DF_PARQUET_BATCH_ROWS;
    size_t value_bytes = rows * batch_value_bytes(reader->column->kind);
    if (df_parquet_buffer_ensure(&reader->batch, budget, value_bytes, 0, 100) &&
        df_parquet_buffer_ensure(&reader->batch_codes, budget, rows * sizeof(uint32_t), 0, 100) &&
        df_parquet_buffer_ensure(&reader->batch_valid, budget, rows, 0, 100))
        return 0;
    df_error_set(error, DF_ERROR_EXHAUSTED,
                 "%s: scanning column '%s' needs more than the memory limit leaves; raise memory.limit", file->uri,
                 reader->column->name);
    df_parquet_reader_dispose(reader);
    return -1;
}

void df_parquet_reader_dispose(struct df_parquet_reader *reader)
{
    struct df_parquet_buffer *buffers[] = {
        &reader->dictionary.values, &reader->dictionary.bytes, &reader->window, &reader->unpacked, &reader->batch,
        &reader->batch_codes,       &reader->batch_valid};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        df_parquet_buffer_dispose(buffers[i], reader->budget);
}

void df_parquet_reader_begin(struct df_parquet_reader *reader, uint32_t row_group, uint32_t column)
{
    const struct df_parquet_chunk *chunk = &reader->file->footer.row_groups[row_group].chunks[column];
    reader->codec = chunk->codec;
    reader->row_group = row_group;
    reader->page_index = 0;
    reader->page_left = 0;
    reader->values_left = chunk->value_count;
    reader->next_offset = chunk->offset;
    reader->chunk_end = chunk->offset + chunk->size_bytes;
    reader->dictionary.present = false;
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

int df_parquet_reader_prepare(struct df_parquet_reader *reader, struct df_read_item *item, struct df_error *error)
{
    uint64_t left = chunk_left(reader);
    size_t aim = reader->want_bytes > reader->window_bytes ? reader->want_bytes : reader->window_bytes;
    if (aim > left)
        aim = (size_t)left;
    slide_window(reader);
    size_t have = reader->size;
    assert(reader->want_bytes > have && reader->want_bytes <= left);
    if (!df_parquet_buffer_ensure(&reader->window, reader->budget, aim, have, READ_AHEAD_PERCENT) &&
        !df_parquet_buffer_ensure(&reader->window, reader->budget, reader->want_bytes, have, 100))
        return memory_refused(reader, error, reader->want_bytes);
    if (aim > reader->window.capacity)
        aim = reader->window.capacity;
    reader->window_bytes = WINDOW_BYTES;
    *item = (struct df_read_item){
        .uri = reader->file->uri,
        .etag = reader->file->etag,
        .offset = reader->next_offset,
        .size_bytes = aim - have,
    };
    return 0;
}

void df_parquet_reader_feed(struct df_parquet_reader *reader, struct df_slice piece)
{
    assert(piece.size <= reader->window.capacity - reader->size);
    if (piece.size)
        memcpy(reader->window.data + reader->size, piece.data, piece.size);
    reader->size += piece.size;
    reader->next_offset += piece.size;
}

/* ---- pages ---- */

/* The page's bytes as they were before compression: `data` itself, or `to`. */
static int unpack_page(struct df_parquet_reader *reader, const struct df_parquet_page *page, struct df_slice data,
                       struct df_parquet_buffer *to, struct df_slice *out, struct df_error *error)
{
    const char *problem = df_parquet_codec_verify(reader->codec, data, page->uncompressed_bytes);
    if (problem)
        return page_error(reader, error, DF_ERROR_CORRUPT, "%s", problem);
    *out = data;
    if (reader->codec == DF_PARQUET_UNCOMPRESSED)
        return 0;
    size_t room = page->uncompressed_bytes ? page->uncompressed_bytes : 1;
    if (!df_parquet_buffer_ensure(to, reader->budget, room, 0, 100))
        return memory_refused(reader, error, room);
    problem = df_parquet_codec_decompress(reader->codec, data, to->data, page->uncompressed_bytes);
    if (problem)
        return page_error(reader, error, DF_ERROR_CORRUPT, "%s", problem);
    *out = df_slice_make(to->data, page->uncompressed_bytes);
    return 0;
}

/* The window moves on, the dictionary stays. */
static int keep_bytes(struct df_parquet_reader *reader, struct df_slice *plain, struct df_error *error)
{
    struct df_parquet_buffer *bytes = &reader->dictionary.bytes;
    if (plain->data == bytes->data || reader->column->kind != DF_VECTOR_BYTES)
        return 0;
    size_t room = plain->size ? plain->size : 1;
    if (!df_parquet_buffer_ensure(bytes, reader->budget, room, 0, 100))
        return memory_refused(reader, error, room);
    if (plain->size)
        memcpy(bytes->data, plain->data, plain->size);
    plain->data = bytes->data;
    return 0;
}

static int take_dictionary_page(struct df_parquet_reader *reader, const struct df_parquet_page *page,
                                struct df_slice data, struct df_error *error)
{
    struct df_parquet_dictionary *dictionary = &reader->dictionary;
    if (reader->page_index > 0)
        return page_error(reader, error, DF_ERROR_CORRUPT, "a dictionary that is not the first page of its column");
    if (page->encoding != DF_PARQUET_ENCODING_PLAIN && page->encoding != DF_PARQUET_ENCODING_PLAIN_DICTIONARY)
        return unsupported(reader, error, df_parquet_encoding_feature(page->encoding));
    struct df_slice plain = {0};
    if (unpack_page(reader, page, data, &dictionary->bytes, &plain, error) < 0 || keep_bytes(reader, &plain, error) < 0)
        return -1;
    size_t array_bytes = df_parquet_dictionary_array_bytes(reader->column, page->value_count, plain.size);
    if (array_bytes == 0)
        return page_error(reader, error, DF_ERROR_CORRUPT, "a dictionary of %u values cannot be in %zu bytes",
                          page->value_count, plain.size);
    if (!df_parquet_buffer_ensure(&dictionary->values, reader->budget, array_bytes, 0, 100))
        return memory_refused(reader, error, array_bytes);
    if (!df_parquet_dictionary_decode(dictionary, reader->column, page->value_count, plain))
        return page_error(reader, error, DF_ERROR_CORRUPT, "its %u dictionary values do not fill its %zu bytes",
                          page->value_count, plain.size);
    dictionary->entries.serial = ++*reader->serial;
    return 0;
}

/* Definition levels: u32 length, then RLE of one bit per row. A column without nulls has none. */
static int take_levels(struct df_parquet_reader *reader, const struct df_parquet_page *page, struct df_slice *rest,
                       struct df_error *error)
{
    if (!reader->column->optional)
        return 0;
    if (page->level_encoding == DF_PARQUET_ENCODING_BIT_PACKED)
        return unsupported(reader, error, "encoding BIT_PACKED of levels");
    if (page->level_encoding != DF_PARQUET_ENCODING_RLE)
        return page_error(reader, error, DF_ERROR_CORRUPT, "its levels have %s",
                          df_parquet_encoding_feature(page->level_encoding));
    uint32_t size = rest->size >= 4 ? df_load_u32le(rest->data) : 0;
    if (rest->size < 4 || size > rest->size - 4)
        return page_error(reader, error, DF_ERROR_CORRUPT, "its levels have %u bytes, the page has %zu", size,
                          rest->size);
    df_rle_init(&reader->levels, df_slice_make(rest->data + 4, size), 1);
    *rest = df_slice_make(rest->data + 4 + size, rest->size - 4 - size);
    return 0;
}

static enum df_parquet_values plain_values(const struct df_parquet_column *column)
{
    switch (column->physical) {
    case DF_PARQUET_BOOLEAN:
        return DF_PARQUET_VALUES_BOOLS;
    case DF_PARQUET_INT32:
        return column->meaning == DF_PARQUET_UNSIGNED ? DF_PARQUET_VALUES_UINT32S : DF_PARQUET_VALUES_INT32S;
    case DF_PARQUET_INT64:
        return DF_PARQUET_VALUES_INT64S;
    case DF_PARQUET_DOUBLE:
        return DF_PARQUET_VALUES_DOUBLES;
    default:
        return DF_PARQUET_VALUES_BYTES;
    }
}

static enum df_parquet_values coded_values(const struct df_parquet_column *column)
{
    switch (column->kind) {
    case DF_VECTOR_INT64:
        return DF_PARQUET_VALUES_CODED_INT64S;
    case DF_VECTOR_FLOAT64:
        return DF_PARQUET_VALUES_CODED_DOUBLES;
    default:
        return DF_PARQUET_VALUES_CODES;
    }
}

/* Codes: one byte with their width, then RLE. A page of nulls may have neither. */
static int take_codes(struct df_parquet_reader *reader, struct df_slice rest, struct df_error *error)
{
    if (!reader->dictionary.present)
        return page_error(reader, error, DF_ERROR_CORRUPT, "it has codes, but its column has no dictionary");
    uint32_t width = rest.size ? rest.data[0] : 0;
    if (width > 32)
        return page_error(reader, error, DF_ERROR_CORRUPT, "its codes have %u bits, at most 32 are possible", width);
    struct df_slice runs = rest.size ? df_slice_make(rest.data + 1, rest.size - 1) : rest;
    df_rle_init(&reader->codes, runs, width);
    reader->values = coded_values(reader->column);
    return 0;
}

static int take_data_page(struct df_parquet_reader *reader, const struct df_parquet_page *page, struct df_slice data,
                          struct df_error *error)
{
    if (page->value_count > reader->values_left)
        return page_error(reader, error, DF_ERROR_CORRUPT, "it has %u values, only %llu are left in its row group",
                          page->value_count, (unsigned long long)reader->values_left);
    struct df_slice rest = {0};
    if (unpack_page(reader, page, data, &reader->unpacked, &rest, error) < 0 ||
        take_levels(reader, page, &rest, error) < 0)
        return -1;
    switch (page->encoding) {
    case DF_PARQUET_ENCODING_PLAIN:
        reader->values = plain_values(reader->column);
        reader->value_at = rest.data;
        reader->value_end = rest.data + rest.size;
        reader->value_bit = 0;
        break;
    case DF_PARQUET_ENCODING_PLAIN_DICTIONARY:
    case DF_PARQUET_ENCODING_RLE_DICTIONARY:
        if (take_codes(reader, rest, error) < 0)
            return -1;
        break;
    default:
        return unsupported(reader, error, df_parquet_encoding_feature(page->encoding));
    }
    reader->values_left -= page->value_count;
    reader->page_left = page->value_count;
    return 0;
}

static int take_page(struct df_parquet_reader *reader, const struct df_parquet_page *page, struct df_slice data,
                     struct df_error *error)
{
    uint32_t crc = page->has_crc ? df_crc32(data) : 0;
    if (page->has_crc && crc != page->crc)
        return page_error(reader, error, DF_ERROR_CORRUPT, "its checksum is %08x, its header says %08x", crc,
                          page->crc);
    switch (page->type) {
    case DF_PARQUET_DICTIONARY_PAGE:
        return take_dictionary_page(reader, page, data, error);
    case DF_PARQUET_DATA_PAGE:
        return take_data_page(reader, page, data, error);
    default: /* an index page, of which nothing is known but the name */
        return 0;
    }
}

static int check_page(const struct df_parquet_reader *reader, const struct df_parquet_page *page,
                      struct df_error *error)
{
    uint64_t whole = (uint64_t)page->header_bytes + page->compressed_bytes;
    if (whole > chunk_left(reader))
        return page_error(reader, error, DF_ERROR_CORRUPT, "it has %llu bytes, only %llu are left of its column",
                          (unsigned long long)whole, (unsigned long long)chunk_left(reader));
    if (page->type == DF_PARQUET_DATA_PAGE_V2)
        return unsupported(reader, error, "a data page of version 2");
    if (page->type < DF_PARQUET_DATA_PAGE || page->type > DF_PARQUET_DATA_PAGE_V2)
        return unsupported(reader, error, "a page of an unknown type");
    return 0;
}

/* As `advance`, for one page of any type. */
static int advance_one(struct df_parquet_reader *reader, struct df_error *error)
{
    struct df_slice have = window_slice(reader);
    uint64_t left = chunk_left(reader);
    if (left == 0)
        return page_error(reader, error, DF_ERROR_CORRUPT, "there is no such page, but %llu values are missing",
                          (unsigned long long)reader->values_left);
    struct df_parquet_page page = {0};
    const char *problem = NULL;
    int peeked = df_parquet_page_peek(have, &page, &problem);
    if (peeked < 0)
        return page_error(reader, error, DF_ERROR_CORRUPT, "damaged header: %s", problem);
    if (peeked == 0 && have.size >= left)
        return page_error(reader, error, DF_ERROR_CORRUPT, "its column ends inside its header");
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
    if (take_page(reader, &page, data, error) < 0)
        return -1;
    reader->at += whole;
    return 1;
}

int df_parquet_reader_advance(struct df_parquet_reader *reader, struct df_error *error)
{
    while (reader->page_left == 0) {
        int result = advance_one(reader, error);
        if (result <= 0)
            return result;
        if (reader->page_left == 0)
            reader->page_index++; /* a dictionary, or a page without rows */
    }
    return 1;
}

/* ---- rows ---- */

static int data_end_early(const struct df_parquet_reader *reader, struct df_error *error)
{
    return page_error(reader, error, DF_ERROR_CORRUPT, "its data end before its values do");
}

static bool take_fixed(struct df_parquet_reader *reader, size_t n, size_t width, const uint8_t **from)
{
    if (n > (size_t)(reader->value_end - reader->value_at) / width)
        return false;
    *from = reader->value_at;
    reader->value_at += n * width;
    return true;
}

static bool take_bools(struct df_parquet_reader *reader, size_t n)
{
    size_t bits = (size_t)(reader->value_end - reader->value_at) * 8;
    if (n > bits - reader->value_bit)
        return false;
    df_plain_bools(reader->value_at, reader->value_bit, reader->batch.data, n);
    reader->value_bit += n;
    return true;
}

/* n values of the page to the front of the batch. */
static int take_plain(struct df_parquet_reader *reader, size_t n, struct df_error *error)
{
    const uint8_t *from = NULL;
    void *to = reader->batch.data;
    bool enough = false;
    switch (reader->values) {
    case DF_PARQUET_VALUES_BOOLS:
        enough = take_bools(reader, n);
        break;
    case DF_PARQUET_VALUES_INT32S:
        if ((enough = take_fixed(reader, n, 4, &from)))
            df_plain_int32s(from, to, n);
        break;
    case DF_PARQUET_VALUES_UINT32S:
        if ((enough = take_fixed(reader, n, 4, &from)))
            df_plain_uint32s(from, to, n);
        break;
    case DF_PARQUET_VALUES_INT64S:
        if ((enough = take_fixed(reader, n, 8, &from)))
            df_plain_int64s(from, to, n);
        break;
    case DF_PARQUET_VALUES_DOUBLES:
        if ((enough = take_fixed(reader, n, 8, &from)))
            df_plain_doubles(from, to, n);
        break;
    default:
        enough = df_plain_bytes(&reader->value_at, reader->value_end, to, n);
    }
    return enough ? 0 : data_end_early(reader, error);
}

static int take_coded(struct df_parquet_reader *reader, size_t n, struct df_error *error)
{
    const struct df_dictionary *entries = &reader->dictionary.entries;
    uint32_t *codes = (uint32_t *)(void *)reader->batch_codes.data;
    if (!df_rle_take(&reader->codes, codes, n))
        return data_end_early(reader, error);
    if (!df_codes_below(codes, n, entries->count))
        return page_error(reader, error, DF_ERROR_CORRUPT, "it has a code beyond its dictionary of %u values",
                          entries->count);
    if (reader->values == DF_PARQUET_VALUES_CODED_INT64S)
        df_codes_to_int64s(codes, entries->values.int64s, (int64_t *)(void *)reader->batch.data, n);
    else if (reader->values == DF_PARQUET_VALUES_CODED_DOUBLES)
        df_codes_to_doubles(codes, entries->values.float64s, (double *)(void *)reader->batch.data, n);
    return 0;
}

/* Moves n packed values to the rows that have one, from the last on, so that none is overwritten before it is moved. */
static void spread_u8(uint8_t *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;)
        values[row] = valid[row] ? values[--n] : 0;
}

static void spread_u32(uint32_t *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;)
        values[row] = valid[row] ? values[--n] : 0;
}

static void spread_u64(uint64_t *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;)
        values[row] = valid[row] ? values[--n] : 0;
}

static void spread_slices(struct df_slice *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;)
        values[row] = valid[row] ? values[--n] : (struct df_slice){0};
}

static void spread_values(struct df_parquet_reader *reader, size_t rows, size_t n)
{
    const uint8_t *valid = reader->batch_valid.data;
    void *batch = reader->batch.data;
    switch (reader->values) {
    case DF_PARQUET_VALUES_BOOLS:
        spread_u8(batch, valid, rows, n);
        break;
    case DF_PARQUET_VALUES_BYTES:
        spread_slices(batch, valid, rows, n);
        break;
    case DF_PARQUET_VALUES_CODES:
        spread_u32((uint32_t *)(void *)reader->batch_codes.data, valid, rows, n);
        break;
    default: /* numbers of eight bytes, of either kind */
        spread_u64(batch, valid, rows, n);
    }
}

static void fill_vector(const struct df_parquet_reader *reader, uint32_t rows, const uint8_t *valid,
                        struct df_vector *vector)
{
    *vector = (struct df_vector){.kind = reader->column->kind, .row_count = rows, .valid = valid};
    const void *batch = reader->batch.data;
    if (reader->values == DF_PARQUET_VALUES_CODES) {
        vector->kind = DF_VECTOR_CODES;
        vector->values.codes = (const uint32_t *)(const void *)reader->batch_codes.data;
        vector->dictionary = &reader->dictionary.entries;
        return;
    }
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        vector->values.bools = batch;
        break;
    case DF_VECTOR_INT64:
        vector->values.int64s = batch;
        break;
    case DF_VECTOR_FLOAT64:
        vector->values.float64s = batch;
        break;
    default:
        vector->values.bytes = batch;
    }
}

/* PLAIN values fill their page exactly; what is left over means that levels and values do not belong together. */
static int check_page_end(const struct df_parquet_reader *reader, struct df_error *error)
{
    size_t left = 0;
    if (reader->values == DF_PARQUET_VALUES_BOOLS)
        left = (size_t)(reader->value_end - reader->value_at) - (reader->value_bit + 7) / 8;
    else if (reader->values < DF_PARQUET_VALUES_CODES)
        left = (size_t)(reader->value_end - reader->value_at);
    if (left == 0)
        return 0;
    return page_error(reader, error, DF_ERROR_CORRUPT, "%zu bytes are left over after its last value", left);
}

int df_parquet_reader_decode(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector,
                             struct df_error *error)
{
    assert(rows <= reader->page_left && rows <= DF_PARQUET_BATCH_ROWS);
    uint8_t *valid = NULL;
    size_t present = rows;
    if (reader->column->optional && !df_rle_take_all_ones(&reader->levels, rows)) {
        valid = reader->batch_valid.data;
        if (!df_rle_take_bits(&reader->levels, valid, rows, &present))
            return page_error(reader, error, DF_ERROR_CORRUPT, "its levels end before its values do");
    }
    int result = reader->values < DF_PARQUET_VALUES_CODES ? take_plain(reader, present, error)
                                                          : take_coded(reader, present, error);
    if (result < 0)
        return -1;
    if (present == rows)
        valid = NULL;
    else
        spread_values(reader, rows, present);
    fill_vector(reader, rows, valid, vector);
    reader->page_left -= rows;
    if (reader->page_left > 0)
        return 0;
    if (check_page_end(reader, error) < 0)
        return -1;
    reader->page_index++;
    return 0;
}
