/* What the tests of rows/ share: random vectors of every type, and events as Parquet files. */
#ifndef DF_ROWS_TESTING_H
#define DF_ROWS_TESTING_H

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "engine/funnel/language/request.h"
#include "engine/funnel/rows/pile.h"
#include "format/parquet/parquet.h"
#include "store/store.h"
#include "testing/testing.h"

/* ---- vectors ---- */

static const struct df_type test_types[] = {{.kind = DF_TYPE_BOOL},
                                            {.kind = DF_TYPE_INT64, .bits = 64},
                                            {.kind = DF_TYPE_UINT64, .bits = 64},
                                            {.kind = DF_TYPE_FLOAT, .bits = 64},
                                            {.kind = DF_TYPE_STRING},
                                            {.kind = DF_TYPE_UUID},
                                            {.kind = DF_TYPE_DATE},
                                            {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS},
                                            {.kind = DF_TYPE_DECIMAL, .precision = 10, .scale = 2},
                                            {.kind = DF_TYPE_DECIMAL, .precision = 30, .scale = 4},
                                            {.kind = DF_TYPE_NULL}};
enum { TEST_TYPES = sizeof test_types / sizeof *test_types };

static inline int64_t random_int(uint64_t *random)
{
    static const int64_t special[] = {0, -1, INT64_MIN, INT64_MAX, 255, 256, 65535, INT64_C(1) << 32};
    uint64_t choice = test_random(random);
    return choice % 4 == 0 ? special[choice / 4 % 8] : (int64_t)(test_random(random) % 100);
}

static inline struct df_slice random_text(struct df_arena *arena, uint64_t *random)
{
    static const uint8_t empty[1] = {0};
    size_t size = test_random(random) % 4 == 0 ? test_random(random) % 300 : test_random(random) % 4;
    uint8_t *text = df_arena_alloc(arena, size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t)test_random(random);
    return size ? df_slice_make(text, size) : df_slice_make(empty, 0);
}

static inline void random_values(struct df_arena *arena, struct df_vector *vector, enum df_vector_kind kind, size_t n,
                                 uint64_t *random)
{
    uint8_t *bools = df_arena_array(arena, n + 1, sizeof *bools);
    int64_t *int64s = df_arena_array(arena, n + 1, sizeof *int64s);
    double *float64s = df_arena_array(arena, n + 1, sizeof *float64s);
    __int128 *int128s = df_arena_array(arena, n + 1, sizeof *int128s);
    struct df_slice *bytes = df_arena_array(arena, n + 1, sizeof *bytes);
    bool narrow = test_random(random) % 2;
    for (size_t i = 0; i < n; i++) {
        bools[i] = test_random(random) % 2;
        int64s[i] = narrow ? (int64_t)(test_random(random) % 3) : random_int(random);
        float64s[i] = (double)random_int(random) / 8;
        int128s[i] = (__int128)random_int(random) * (INT64_C(1) << 60) + random_int(random);
        bytes[i] = kind == DF_VECTOR_BYTES ? random_text(arena, random) : df_slice_make(NULL, 0);
    }
    vector->kind = kind;
    switch (kind) {
    case DF_VECTOR_BOOL:
        vector->values.bools = bools;
        return;
    case DF_VECTOR_FLOAT64:
        vector->values.float64s = float64s;
        return;
    case DF_VECTOR_INT128:
        vector->values.int128s = int128s;
        return;
    case DF_VECTOR_BYTES:
        vector->values.bytes = bytes;
        return;
    default:
        vector->values.int64s = int64s;
        return;
    }
}

static inline const uint8_t *random_valid(struct df_arena *arena, uint32_t rows, uint64_t *random)
{
    uint64_t choice = test_random(random) % 4;
    uint8_t *valid = df_arena_array(arena, rows + 1u, 1);
    for (uint32_t i = 0; i < rows; i++)
        valid[i] = choice == 1 ? 0 : test_random(random) % 3 != 0;
    return choice == 0 ? NULL : valid;
}

static inline struct df_vector random_flat(struct df_arena *arena, const struct df_type *type, uint32_t rows,
                                           uint64_t *random)
{
    struct df_vector vector = {.row_count = rows, .valid = random_valid(arena, rows, random)};
    enum df_vector_kind kind = df_vector_element_kind_of(type);
    bool coded = kind != DF_VECTOR_BOOL && kind != DF_VECTOR_INT128 && test_random(random) % 2;
    uint32_t entries = 1 + (uint32_t)(test_random(random) % 4);
    if (type->kind == DF_TYPE_NULL)
        vector.valid = df_arena_array(arena, rows + 1u, 1);
    random_values(arena, &vector, kind, coded ? entries : rows, random);
    if (!coded)
        return vector;
    struct df_dictionary *dictionary = df_arena_alloc(arena, sizeof *dictionary);
    uint32_t *codes = df_arena_array(arena, rows + 1u, sizeof *codes);
    for (uint32_t i = 0; i < rows; i++)
        codes[i] = (uint32_t)(test_random(random) % entries);
    *dictionary = (struct df_dictionary){.serial = 1, .count = entries, .kind = kind};
    memcpy(&dictionary->values, &vector.values.int64s, sizeof(void *));
    vector.kind = DF_VECTOR_CODES;
    vector.values.codes = codes;
    vector.dictionary = dictionary;
    return vector;
}

static inline struct df_vector random_vector(struct df_arena *arena, const struct df_type *type, uint32_t rows,
                                             uint64_t *random)
{
    if (!type->list)
        return random_flat(arena, type, rows, random);
    struct df_vector vector = {.kind = DF_VECTOR_LIST, .row_count = rows, .valid = random_valid(arena, rows, random)};
    uint32_t *offsets = df_arena_array(arena, rows + 1u, sizeof *offsets);
    for (uint32_t i = 0; i < rows; i++) {
        bool null = vector.valid && !vector.valid[i];
        offsets[i + 1] = offsets[i] + (null ? 0 : (uint32_t)(test_random(random) % 4));
    }
    struct df_vector *elements = df_arena_alloc(arena, sizeof *elements);
    *elements = random_flat(arena, type, offsets[rows], random);
    vector.values.list = (struct df_vector_list){.offsets = offsets, .elements = elements};
    return vector;
}

static inline void assert_same_value(const struct df_vector *a, uint32_t i, const struct df_vector *b, uint32_t j);

static inline bool same_plain(const struct df_vector *a, uint32_t i, const struct df_vector *b, uint32_t j)
{
    switch (a->kind) {
    case DF_VECTOR_BOOL:
        return a->values.bools[i] == b->values.bools[j];
    case DF_VECTOR_INT64:
        return a->values.int64s[i] == b->values.int64s[j];
    case DF_VECTOR_FLOAT64:
        return memcmp(&a->values.float64s[i], &b->values.float64s[j], sizeof(double)) == 0;
    case DF_VECTOR_INT128:
        return a->values.int128s[i] == b->values.int128s[j];
    default:
        return df_slice_equal(a->values.bytes[i], b->values.bytes[j]);
    }
}

static inline void assert_same_list(const struct df_vector *a, uint32_t i, const struct df_vector *b, uint32_t j)
{
    const uint32_t *first = a->values.list.offsets + i, *second = b->values.list.offsets + j;
    assert_int_equal(first[1] - first[0], second[1] - second[0]);
    for (uint32_t k = 0; k < first[1] - first[0]; k++)
        assert_same_value(a->values.list.elements, first[0] + k, b->values.list.elements, second[0] + k);
}

/* The vector behind codes, and the row's place in it. */
static inline struct df_vector behind_codes(const struct df_vector *vector, uint32_t *row)
{
    if (vector->kind != DF_VECTOR_CODES)
        return *vector;
    struct df_vector entries = {.kind = vector->dictionary->kind};
    memcpy(&entries.values, &vector->dictionary->values, sizeof(void *));
    *row = vector->values.codes[*row];
    return entries;
}

static inline void assert_same_value(const struct df_vector *a, uint32_t i, const struct df_vector *b, uint32_t j)
{
    assert_int_equal(df_vector_is_null(a, i), df_vector_is_null(b, j));
    if (df_vector_is_null(a, i))
        return;
    struct df_vector first = behind_codes(a, &i), second = behind_codes(b, &j);
    assert_int_equal(first.kind, second.kind);
    if (first.kind == DF_VECTOR_LIST)
        assert_same_list(&first, i, &second, j);
    else
        assert_true(same_plain(&first, i, &second, j));
}

/* ---- files ---- */

struct test_column {
    const char *name;
    struct df_type type;
    struct df_vector vector;
};

static inline int test_put_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    df_buf_put_slice(ctx, piece);
    return df_buf_failed(ctx) ? df_error_no_memory(error, "test") : 0;
}

static inline void write_table(struct df_store *store, const char *path, const struct test_column *columns,
                               uint32_t column_count, uint32_t rows, uint32_t row_group_rows)
{
    struct df_error error = {0};
    struct df_buf bytes = {0};
    struct df_parquet_writer *writer;
    struct df_parquet_write_column written[16] = {{0}};
    struct df_vector vectors[16];
    assert_true(column_count <= 16);
    for (uint32_t i = 0; i < column_count; i++) {
        written[i] = (struct df_parquet_write_column){
            .name = columns[i].name, .type = columns[i].type, .optional = true, .dictionary = i % 2 == 0};
        vectors[i] = columns[i].vector;
    }
    const struct df_parquet_write_options options = {.columns = written,
                                                     .column_count = column_count,
                                                     .codec = DF_PARQUET_SNAPPY,
                                                     .row_group_rows = row_group_rows,
                                                     .page_bytes = 4096};
    assert_ok(df_parquet_writer_open(&writer, &options, test_put_piece, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, vectors, rows, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    const struct df_put put = {.uri = path, .content = df_buf_slice(&bytes), .condition = DF_PUT_ALWAYS};
    assert_ok(df_store_put(store, &put, NULL, &error), &error);
    df_buf_dispose(&bytes);
}

/* ---- events ---- */

struct test_row {
    bool has_user, has_time, has_price;
    int64_t user, time;
    uint32_t event; /* index into test_events */
    double price;
};
static const char *const test_events[] = {"view", "cart", "buy", "other"};

static inline void random_rows(struct test_row *rows, uint32_t n, uint64_t *random)
{
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (struct test_row){.has_user = test_random(random) % 8 != 0,
                                    .has_time = test_random(random) % 8 != 0,
                                    .has_price = test_random(random) % 4 != 0,
                                    .user = (int64_t)(test_random(random) % 20) - 10,
                                    /* about ascending, so that row groups can be skipped */
                                    .time = (int64_t)i + (int64_t)(test_random(random) % 8),
                                    .event = (uint32_t)(test_random(random) % 4),
                                    .price = (double)(test_random(random) % 16) / 4};
}

/* Columns user, time, event, price; user_type INT64 or STRING, time_type of INT64 values or FLOAT (seconds). */
static inline void write_events(struct df_store *store, const char *path, const struct test_row *rows, uint32_t n,
                                struct df_type user_type, struct df_type time_type, uint32_t row_group_rows)
{
    struct df_arena arena = {0};
    struct test_column columns[4] = {{"user", user_type, {.kind = DF_VECTOR_INT64}},
                                     {"time", time_type, {.kind = DF_VECTOR_INT64}},
                                     {"event", {.kind = DF_TYPE_STRING}, {.kind = DF_VECTOR_BYTES}},
                                     {"price", {.kind = DF_TYPE_FLOAT, .bits = 64}, {.kind = DF_VECTOR_FLOAT64}}};
    int64_t *users = df_arena_array(&arena, n + 1u, sizeof *users), *times = df_arena_array(&arena, n + 1u, 8);
    double *seconds = df_arena_array(&arena, n + 1u, sizeof *seconds), *prices = df_arena_array(&arena, n + 1u, 8);
    struct df_slice *texts = df_arena_array(&arena, n + 1u, sizeof *texts);
    struct df_slice *events = df_arena_array(&arena, n + 1u, sizeof *events);
    uint8_t *valid[3];
    for (int i = 0; i < 3; i++)
        valid[i] = df_arena_array(&arena, n + 1u, 1);
    for (uint32_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "user-%" PRId64, rows[i].user);
        users[i] = rows[i].user;
        texts[i] = df_slice_text(df_arena_text(&arena, df_slice_text(name)));
        times[i] = rows[i].time;
        seconds[i] = (double)rows[i].time / 1e6;
        events[i] = df_slice_text(test_events[rows[i].event]);
        prices[i] = rows[i].price;
        valid[0][i] = rows[i].has_user;
        valid[1][i] = rows[i].has_time;
        valid[2][i] = rows[i].has_price;
    }
    columns[0].vector.values.int64s = users;
    if (user_type.kind == DF_TYPE_STRING) {
        columns[0].vector.kind = DF_VECTOR_BYTES;
        columns[0].vector.values.bytes = texts;
    }
    columns[1].vector.values.int64s = times;
    if (time_type.kind == DF_TYPE_FLOAT) {
        columns[1].vector.kind = DF_VECTOR_FLOAT64;
        columns[1].vector.values.float64s = seconds;
    }
    columns[2].vector.values.bytes = events;
    columns[3].vector.values.float64s = prices;
    columns[0].vector.valid = valid[0];
    columns[1].vector.valid = valid[1];
    columns[3].vector.valid = valid[2];
    for (int i = 0; i < 4; i++)
        columns[i].vector.row_count = n;
    write_table(store, path, columns, 4, n, row_group_rows);
    df_arena_dispose(&arena);
}

/* `rest` are the members behind dataset. */
static inline void parse_request(struct df_funnel_request *request, struct df_arena *arena, const char *rest)
{
    struct df_error error = {0};
    struct df_buf json = {0};
    df_buf_printf(&json, "{\"dataset\":{\"paths\":[\"x\"],\"user\":\"user\",\"time\":\"time\"}%s%s}", *rest ? "," : "",
                  rest);
    assert_ok(df_funnel_request_parse(request, df_buf_slice(&json), arena, &error), &error);
    df_buf_dispose(&json);
}

#endif
