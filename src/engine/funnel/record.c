#include "engine/funnel/record.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "engine/funnel/passes.h"

enum { RECORD_VERSION = 1 };

/* ---- writing ---- */

static void put_keys(const struct df_funnel_record *record, struct df_buf *out)
{
    if (record->kind != DF_FUNNEL_KEY_BYTES) {
        df_buf_put(out, record->numbers, record->row_count * sizeof *record->numbers);
        return;
    }
    for (uint32_t i = 0; i < record->row_count; i++)
        df_buf_put_varint(out, record->lengths[i]);
    df_buf_put_slice(out, record->bytes);
}

static size_t put_run(const struct df_funnel_record *record, size_t from, struct df_buf *out)
{
    const struct df_funnel_record_match *matches = record->matches;
    size_t to = from + 1;
    while (to < record->match_count && matches[to].tag == matches[from].tag && matches[to].row > matches[to - 1].row)
        to++;
    df_buf_put_varint(out, matches[from].tag);
    df_buf_put_varint(out, to - from);
    for (size_t i = from; i < to; i++)
        df_buf_put_varint(out, i == from ? matches[i].row : matches[i].row - matches[i - 1].row);
    for (size_t i = from; (matches[from].tag & 1) && i < to; i++)
        df_buf_put_u64le(out, (uint64_t)matches[i].time);
    return to;
}

void df_funnel_record_encode(const struct df_funnel_record *record, struct df_buf *out)
{
    struct df_buf body = {0};
    df_buf_put_varint(&body, record->row_count);
    put_keys(record, &body);
    for (size_t i = 0; i < record->match_count;)
        i = put_run(record, i, &body);
    df_buf_put_u8(out, RECORD_VERSION);
    df_buf_put_u8(out, (uint8_t)record->kind);
    df_buf_put_varint(out, body.size);
    df_buf_put_slice(out, df_buf_slice(&body));
    out->failed |= df_buf_failed(&body);
    df_buf_dispose(&body);
}

/* ---- reading ---- */

struct df_funnel_record_reader {
    enum df_funnel_key_kind kind;
    int64_t numbers[DF_FUNNEL_ROWS_MAX];
    struct df_slice bytes[DF_FUNNEL_ROWS_MAX];
    uint32_t codes[DF_FUNNEL_ROWS_MAX];
    uint32_t run_codes[DF_FUNNEL_ROWS_MAX];
    int64_t run_times[DF_FUNNEL_ROWS_MAX];
    uint32_t lengths[DF_FUNNEL_ROWS_MAX];
};

int df_funnel_record_reader_create(struct df_funnel_record_reader **reader, enum df_funnel_key_kind kind,
                                   struct df_error *error)
{
    *reader = malloc(sizeof **reader);
    if (!*reader)
        return df_error_no_memory(error, "reading sections");
    (*reader)->kind = kind;
    return 0;
}

void df_funnel_record_reader_free(struct df_funnel_record_reader *reader)
{
    free(reader);
}

static int corrupt(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "a section of the funnel's exchange is damaged: %s", what);
}

static int take_numbers(struct df_funnel_record_reader *reader, struct df_cursor *cursor, uint32_t rows,
                        struct df_error *error)
{
    struct df_slice keys;
    if (!df_cursor_take_bytes(cursor, rows * sizeof(int64_t), &keys))
        return corrupt(error, "a block ends in its users");
    if (rows)
        memcpy(reader->numbers, keys.data, keys.size);
    return 0;
}

static int take_bytes(struct df_funnel_record_reader *reader, struct df_cursor *cursor, uint32_t rows,
                      struct df_error *error)
{
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t length;
        if (!df_cursor_take_varint(cursor, &length) || length > UINT32_MAX)
            return corrupt(error, "a block ends in the lengths of its users");
        reader->lengths[i] = (uint32_t)length;
    }
    for (uint32_t i = 0; i < rows; i++)
        if (!df_cursor_take_bytes(cursor, reader->lengths[i], &reader->bytes[i]))
            return corrupt(error, "a block ends in its users");
    return 0;
}

static int take_run_rows(struct df_funnel_record_reader *reader, struct df_cursor *cursor, uint32_t n, uint32_t rows,
                         struct df_error *error)
{
    uint64_t row = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t distance;
        if (!df_cursor_take_varint(cursor, &distance))
            return corrupt(error, "a block ends in the rows of a filter");
        if (distance >= rows || (i > 0 && distance == 0) || row + distance >= rows)
            return corrupt(error, "a filter names a row that is not in its block");
        row += distance;
        reader->run_codes[i] = reader->codes[row];
    }
    return 0;
}

static int take_run_times(struct df_funnel_record_reader *reader, struct df_cursor *cursor, uint32_t n,
                          struct df_error *error)
{
    struct df_slice times;
    if (!df_cursor_take_bytes(cursor, n * sizeof(int64_t), &times))
        return corrupt(error, "a block ends in the times of a filter");
    memcpy(reader->run_times, times.data, times.size);
    return 0;
}

static int read_run(struct df_funnel_record_reader *reader, struct df_cursor *cursor, uint32_t rows,
                    struct df_funnel_collector *collector, struct df_error *error)
{
    uint64_t tag, n;
    if (!df_cursor_take_varint(cursor, &tag) || !df_cursor_take_varint(cursor, &n))
        return corrupt(error, "a block ends in the head of a filter");
    if (tag / 2 >= collector->filter_count || n == 0 || n > rows)
        return corrupt(error, "a block holds a filter that the query does not have");
    if (take_run_rows(reader, cursor, (uint32_t)n, rows, error) < 0)
        return -1;
    if (!(tag & 1)) {
        if (tag / 2 != collector->first_filter)
            return corrupt(error, "rows without time stand under a filter that is not step 1's");
        return df_funnel_collector_untimed(collector, reader->run_codes, (uint32_t)n) ? DF_FUNNEL_SOURCE_DONE
                                                                                      : DF_FUNNEL_SOURCE_OVER;
    }
    if (take_run_times(reader, cursor, (uint32_t)n, error) < 0)
        return -1;
    return df_funnel_collector_append(collector, (uint32_t)(tag / 2), reader->run_codes, reader->run_times, (uint32_t)n)
               ? DF_FUNNEL_SOURCE_DONE
               : DF_FUNNEL_SOURCE_OVER;
}

static int read_body(struct df_funnel_record_reader *reader, struct df_slice body,
                     struct df_funnel_collector *collector, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(body);
    uint64_t rows;
    if (!df_cursor_take_varint(&cursor, &rows) || rows > DF_FUNNEL_ROWS_MAX)
        return corrupt(error, "a block announces more rows than a block has");
    int result = reader->kind == DF_FUNNEL_KEY_BYTES ? take_bytes(reader, &cursor, (uint32_t)rows, error)
                                                     : take_numbers(reader, &cursor, (uint32_t)rows, error);
    if (result < 0)
        return -1;
    struct df_funnel_keys keys = {
        .kind = reader->kind, .count = (uint32_t)rows, .numbers = reader->numbers, .bytes = reader->bytes};
    if (!df_funnel_collector_rows(collector, &keys, reader->codes))
        return DF_FUNNEL_SOURCE_OVER;
    while (result == DF_FUNNEL_SOURCE_DONE && df_cursor_left(&cursor) > 0)
        result = read_run(reader, &cursor, (uint32_t)rows, collector, error);
    return result;
}

int df_funnel_record_read(struct df_funnel_record_reader *reader, struct df_slice section,
                          struct df_funnel_collector *collector, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(section);
    while (df_cursor_left(&cursor) > 0) {
        uint8_t version, kind;
        uint64_t size_bytes;
        struct df_slice body;
        if (!df_cursor_take_u8(&cursor, &version) || !df_cursor_take_u8(&cursor, &kind) ||
            !df_cursor_take_varint(&cursor, &size_bytes))
            return corrupt(error, "it ends in the head of a block");
        if (version != RECORD_VERSION || kind != (uint8_t)reader->kind)
            return corrupt(error, "a block is of another version or of another kind of user");
        if (size_bytes > df_cursor_left(&cursor) || !df_cursor_take_bytes(&cursor, (size_t)size_bytes, &body))
            return corrupt(error, "it ends in a block");
        int result = read_body(reader, body, collector, error);
        if (result != DF_FUNNEL_SOURCE_DONE)
            return result;
    }
    return DF_FUNNEL_SOURCE_DONE;
}
