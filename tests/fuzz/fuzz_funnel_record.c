/* Bytes of the wire -> blocks of a section of the exchange. Nothing of it may crash, read beyond its end or ask for
 * memory that the bytes do not fill; what is accepted keeps its invariants and survives another trip.
 *
 * The first byte says which of the columns the reading wants, whether all times are, and whether the request has any
 * columns (blocks may be plain where it has none); the rest is the section. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/funnel/rows/record.h"

enum { COLUMNS = 3, ROOTS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* ---- what was decoded ---- */

static volatile uint64_t looked_at;

static void look_at_bytes(struct df_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        looked_at += bytes.data[i];
}

static void look_at_flat(const struct df_vector *vector)
{
    for (uint32_t i = 0; i < vector->row_count; i++) {
        check(!vector->valid || vector->valid[i] <= 1);
        if (vector->kind == DF_VECTOR_BOOL)
            check(vector->values.bools[i] <= 1);
        else if (vector->kind == DF_VECTOR_BYTES)
            look_at_bytes(vector->values.bytes[i]);
        else if (vector->kind == DF_VECTOR_INT128)
            looked_at += (uint64_t)vector->values.int128s[i];
        else
            looked_at += (uint64_t)vector->values.int64s[i];
    }
}

static void look_at(const struct df_vector *vector)
{
    if (vector->kind != DF_VECTOR_LIST) {
        look_at_flat(vector);
        return;
    }
    const struct df_vector_list *list = &vector->values.list;
    for (uint32_t i = 0; i < vector->row_count; i++)
        check(list->offsets[i] <= list->offsets[i + 1]);
    check(list->offsets[vector->row_count] == list->elements->row_count);
    look_at_flat(list->elements);
}

/* Masks say what matches say. */
static void look_at_masks(struct df_funnel_record_reader *reader, const struct df_funnel_batch *batch)
{
    static const uint32_t roots[ROOTS] = {0, 2, 1, 3};
    static uint8_t masks[DF_FUNNEL_ROWS_MAX];
    memset(masks, 0, batch->rows);
    df_funnel_record_masks(reader, roots, ROOTS, masks);
    for (uint32_t bit = 0; bit < ROOTS; bit++) {
        const uint32_t *rows;
        uint32_t count;
        df_funnel_record_match(reader, roots[bit], &rows, &count);
        for (uint32_t i = 0, next = 0; i < batch->rows; i++) {
            bool matches = next < count && rows[next] == i;
            check(matches == (masks[i] >> bit & 1));
            next += matches;
        }
    }
}

static void look_at_batch(struct df_funnel_record_reader *reader, const struct df_funnel_batch *batch,
                          uint32_t column_count)
{
    check(batch->rows > 0 && batch->rows <= DF_FUNNEL_ROWS_MAX);
    for (uint32_t i = 0; i < batch->keys.count && batch->keys.bytes; i++)
        look_at_bytes(batch->keys.bytes[i]);
    for (uint32_t i = 0; i < batch->rows && batch->times; i++)
        looked_at += (uint64_t)batch->times[i];
    for (uint32_t i = 0; i < column_count; i++)
        if (batch->values[i]) {
            check(batch->values[i]->row_count == batch->rows);
            look_at(batch->values[i]);
        }
    for (uint32_t root = 0; root < ROOTS; root++) {
        const uint32_t *rows;
        uint32_t count;
        df_funnel_record_match(reader, root, &rows, &count);
        for (uint32_t i = 0; i < count; i++)
            check(rows[i] < batch->rows && (i == 0 || rows[i] > rows[i - 1]));
    }
    look_at_masks(reader, batch);
}

/* ---- another trip ---- */

static void pile_up(struct df_funnel_pile *pile, const struct df_type *type, const struct df_vector *vector,
                    uint32_t rows, struct df_funnel_account *account)
{
    check(df_funnel_pile_init(pile, type, account));
    for (uint32_t i = 0; vector && i < rows; i++)
        check(df_funnel_pile_append(pile, type, vector, &i, 1, account));
}

static void encode_again(const struct df_funnel_record_head *known, const struct df_funnel_batch *batch,
                         struct df_buf *out)
{
    const uint32_t column_count = known->column_count;
    struct df_funnel_account account = {.floor_bytes = UINT64_MAX};
    struct df_funnel_pile users, times, columns[COLUMNS];
    const struct df_type user_type = df_funnel_record_user_type(batch->keys.kind),
                         time_type = {.kind = DF_TYPE_INT64, .bits = 64};
    struct df_vector user = {.kind = DF_VECTOR_INT64, .row_count = batch->rows},
                     time = {.kind = DF_VECTOR_INT64, .row_count = batch->rows, .valid = batch->time_valid};
    user.values.int64s = batch->keys.numbers;
    time.values.int64s = batch->times;
    if (batch->keys.bytes) {
        user.kind = DF_VECTOR_BYTES;
        user.values.bytes = batch->keys.bytes;
    }
    pile_up(&users, &user_type, &user, batch->rows, &account);
    pile_up(&times, &time_type, &time, batch->rows, &account);
    for (uint32_t i = 0; i < column_count; i++)
        pile_up(&columns[i], &known->types[i], batch->values[i], batch->rows, &account);
    df_funnel_record_encode(
        &(struct df_funnel_record){
            .head = known, .rows = batch->rows, .users = &users, .times = &times, .columns = columns},
        out);
    df_funnel_pile_dispose(&users, &account);
    df_funnel_pile_dispose(&times, &account);
    for (uint32_t i = 0; i < column_count; i++)
        df_funnel_pile_dispose(&columns[i], &account);
    check(account.held_bytes == 0);
}

static void make_trip(const struct df_funnel_request *request, struct df_funnel_record_reader *reader,
                      const struct df_funnel_batch *batch)
{
    struct df_error error = {0};
    struct df_buf again = {0};
    struct df_funnel_block block;
    struct df_funnel_record_reader *second;
    struct df_funnel_batch read;
    encode_again(df_funnel_record_known(reader), batch, &again);
    check(df_funnel_record_reader_create(&second, request, &error) == 0);
    check(df_funnel_block_take(df_buf_slice(&again), &block, &error) == 1);
    check(df_funnel_record_survey(second, &block, &error) == 0);
    check(df_funnel_record_decode(second, &block, DF_FUNNEL_FACTS_AND_VALUES, true, &read, &error) == 0);
    check(read.rows == batch->rows);
    for (uint32_t i = 0; i < request->column_count; i++) {
        const struct df_vector *a = batch->values[i], *b = read.values[i];
        for (uint32_t row = 0; a && row < a->row_count; row++)
            check(df_vector_is_null(a, row) == df_vector_is_null(b, row));
    }
    df_funnel_record_reader_free(second);
    df_buf_dispose(&again);
}

/* The same rows as a plain block: users and times of rows that have one are there again, to the bit. */
static void make_plain_trip(const struct df_funnel_request *request, struct df_funnel_record_reader *reader,
                            const struct df_funnel_batch *batch)
{
    struct df_error error = {0};
    struct df_buf head = {0}, again = {0};
    struct df_funnel_block block;
    struct df_funnel_record_reader *second;
    struct df_funnel_batch read;
    static int64_t times[DF_FUNNEL_ROWS_MAX];
    static uint8_t masks[DF_FUNNEL_ROWS_MAX];
    for (uint32_t i = 0; i < batch->rows; i++) {
        times[i] = batch->times[i];
        masks[i] = !batch->time_valid || batch->time_valid[i] ? DF_FUNNEL_RECORD_TIMED : 0;
    }
    df_funnel_record_put_head(df_funnel_record_known(reader), &head);
    df_funnel_record_encode_plain(&(struct df_funnel_plain_record){.head = df_buf_slice(&head),
                                                                   .rows = batch->rows,
                                                                   .users = batch->keys.numbers,
                                                                   .times = times,
                                                                   .masks = masks},
                                  &again);
    check(df_funnel_record_reader_create(&second, request, &error) == 0);
    check(df_funnel_block_take(df_buf_slice(&again), &block, &error) == 1);
    check(df_funnel_record_survey(second, &block, &error) == 0);
    check(df_funnel_record_decode(second, &block, DF_FUNNEL_FACTS, true, &read, &error) == 0);
    check(read.rows == batch->rows);
    check(memcmp(read.keys.numbers, batch->keys.numbers, read.rows * sizeof *read.keys.numbers) == 0);
    for (uint32_t i = 0; i < read.rows; i++) {
        bool timed = masks[i] != 0;
        check((!read.time_valid || read.time_valid[i]) == timed && (!timed || read.times[i] == batch->times[i]));
    }
    df_funnel_record_reader_free(second);
    df_buf_dispose(&head);
    df_buf_dispose(&again);
}

/* As a source reads: with the block before in one batch where they go together. */
static int read_block(struct df_funnel_record_reader *reader, const struct df_funnel_block *block,
                      struct df_funnel_batch *batch, struct df_error *error)
{
    int appended =
        batch->rows ? df_funnel_record_append(reader, block, DF_FUNNEL_FACTS_AND_VALUES, true, batch, error) : 0;
    if (appended != 0)
        return appended < 0 ? -1 : 0;
    return df_funnel_record_decode(reader, block, DF_FUNNEL_FACTS_AND_VALUES, true, batch, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct df_funnel_column columns[COLUMNS];
    struct df_funnel_request request = {.dataset = {.user = "user", .time = "time"},
                                        .filters = {.root_count = ROOTS},
                                        .where = 1,
                                        .columns = columns,
                                        .column_count = data[0] & 32 ? 0 : COLUMNS,
                                        .all_times = data[0] >> 3 & 1};
    for (uint32_t i = 0; i < COLUMNS; i++)
        columns[i] = (struct df_funnel_column){.name = "c", .facts = data[0] >> i & 1, .values = !(data[0] >> i & 1)};
    struct df_error error = {0};
    struct df_funnel_record_reader *reader;
    struct df_funnel_block block;
    struct df_funnel_batch batch = {0};
    struct df_slice bytes = df_slice_make(data + 1, size - 1);
    bool values = !(data[0] & 64);
    if (df_funnel_record_reader_create(&reader, &request, &error) < 0)
        return 0;
    int result;
    while ((result = df_funnel_block_take(bytes, &block, &error)) > 0 &&
           (result = df_funnel_record_survey(reader, &block, &error)) == 0 &&
           (!values ||
            (result = df_funnel_record_decode(reader, &block, DF_FUNNEL_VALUES, data[0] & 16, &batch, &error)) == 0) &&
           (result = values ? df_funnel_record_decode(reader, &block, DF_FUNNEL_FACTS_AND_VALUES, true, &batch, &error)
                            : read_block(reader, &block, &batch, &error)) == 0) {
        look_at_batch(reader, &batch, request.column_count);
        make_trip(&request, reader, &batch);
        if (request.column_count == 0 && batch.keys.numbers)
            make_plain_trip(&request, reader, &batch);
        bytes = df_slice_make(bytes.data + block.size_bytes, bytes.size - block.size_bytes);
    }
    check(result == 0 || error.kind == DF_ERROR_CORRUPT || error.kind == DF_ERROR_INVALID);
    df_funnel_record_reader_free(reader);
    return 0;
}
