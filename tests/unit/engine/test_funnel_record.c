/* Records of the exchange: what is read back is what went in, and what is none is corrupt. */
#include "engine/funnel/rows/record.h"
#include "unit/engine/rows_testing.h"

enum { COLUMNS_MAX = 4, ROOTS = 5, ROWS_MAX = 300 };

/* A random block and what went into it. */
struct block {
    struct df_arena arena;
    struct df_funnel_request request;
    struct df_funnel_column columns[COLUMNS_MAX];
    struct df_type types[COLUMNS_MAX];
    struct df_funnel_record_head head;
    struct df_vector users, times, vectors[COLUMNS_MAX];
    uint32_t rows, picked[ROWS_MAX];
    struct df_funnel_record_match matches[ROOTS * ROWS_MAX];
    size_t match_count;
    struct df_buf bytes;
};

static const struct df_type time_type = {.kind = DF_TYPE_INT64, .bits = 64};

static void make_request(struct block *block, uint64_t *random)
{
    block->request = (struct df_funnel_request){
        .dataset = {.user = "user", .time = "time"},
        .filters = {.root_count = ROOTS},
        .where = test_random(random) % 2 ? (uint32_t)(test_random(random) % ROOTS) : DF_FUNNEL_NONE,
        .columns = block->columns,
        .column_count = (uint32_t)(test_random(random) % (COLUMNS_MAX + 1)),
        .all_times = test_random(random) % 2};
    for (uint32_t i = 0; i < block->request.column_count; i++) {
        uint64_t wants = 1 + test_random(random) % 3;
        block->columns[i] = (struct df_funnel_column){.name = "price", .facts = wants & 1, .values = wants >> 1};
        block->types[i] = test_types[test_random(random) % TEST_TYPES];
        block->types[i].list = test_random(random) % 4 == 0;
    }
}

static void make_rows(struct block *block, uint64_t *random)
{
    uint32_t read = 1 + (uint32_t)(test_random(random) % ROWS_MAX);
    struct df_type user_type = df_funnel_record_user_type(block->head.kind);
    block->rows = 0;
    for (uint32_t i = 0; i < read; i++)
        if (test_random(random) % 3 || (block->rows == 0 && i + 1 == read))
            block->picked[block->rows++] = i;
    block->users = random_vector(&block->arena, &user_type, read, random);
    block->users.valid = NULL;
    block->times = random_vector(&block->arena, &time_type, read, random);
    for (uint32_t i = 0; i < block->request.column_count; i++)
        block->vectors[i] = random_vector(&block->arena, &block->types[i], read, random);
    block->match_count = 0;
    for (uint32_t root = 0; root < ROOTS; root++) {
        uint64_t rare = 1 + test_random(random) % 5;
        for (uint32_t row = 0; row < block->rows && root != block->request.where; row++)
            if (test_random(random) % rare == 0)
                block->matches[block->match_count++] = (struct df_funnel_record_match){.root = root, .row = row};
    }
}

/* The picked rows of a vector, in up to three goes. */
static void pile_up(struct df_funnel_pile *pile, const struct df_type *type, const struct df_vector *vector,
                    const struct block *block, struct df_funnel_account *account, uint64_t *random)
{
    assert_true(df_funnel_pile_init(pile, type, account));
    assert_true(df_funnel_vector_fits(vector, type));
    for (uint32_t at = 0; at < block->rows;) {
        uint32_t left = block->rows - at, count = test_random(random) % 2 ? left : 1 + left / 2;
        assert_true(df_funnel_pile_append(pile, type, vector, block->picked + at, count, account));
        at += count;
    }
    assert_int_equal(pile->row_count, block->rows);
}

static void encode(struct block *block, uint64_t *random)
{
    struct df_funnel_account account = {.floor_bytes = UINT64_MAX};
    struct df_funnel_pile users, times, columns[COLUMNS_MAX];
    struct df_type user_type = df_funnel_record_user_type(block->head.kind);
    pile_up(&users, &user_type, &block->users, block, &account, random);
    pile_up(&times, &time_type, &block->times, block, &account, random);
    for (uint32_t i = 0; i < block->request.column_count; i++)
        pile_up(&columns[i], &block->types[i], &block->vectors[i], block, &account, random);
    struct df_funnel_record record = {.head = &block->head,
                                      .rows = block->rows,
                                      .users = &users,
                                      .times = &times,
                                      .columns = columns,
                                      .matches = block->matches,
                                      .match_count = block->match_count};
    df_funnel_record_encode(&record, &block->bytes);
    assert_false(df_buf_failed(&block->bytes));
    df_funnel_pile_dispose(&users, &account);
    df_funnel_pile_dispose(&times, &account);
    for (uint32_t i = 0; i < block->request.column_count; i++)
        df_funnel_pile_dispose(&columns[i], &account);
    assert_int_equal(account.held_bytes, 0);
}

static struct block *make_block(uint64_t *random)
{
    struct block *block = calloc(1, sizeof *block);
    make_request(block, random);
    block->head = (struct df_funnel_record_head){.kind = (enum df_funnel_key_kind)(test_random(random) % 3),
                                                 .scale_known = true,
                                                 .scale = DF_FUNNEL_SCALE_MS,
                                                 .user_type = {.kind = DF_TYPE_DATE},
                                                 .time_type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS},
                                                 .types = block->types,
                                                 .column_count = block->request.column_count};
    make_rows(block, random);
    encode(block, random);
    return block;
}

static void free_block(struct block *block)
{
    df_arena_dispose(&block->arena);
    df_buf_dispose(&block->bytes);
    free(block);
}

/* ---- round trip ---- */

static void assert_same_rows(const struct block *block, const struct df_vector *in, const struct df_vector *out)
{
    assert_int_equal(out->row_count, block->rows);
    for (uint32_t i = 0; i < block->rows; i++)
        assert_same_value(in, block->picked[i], out, i);
}

static void assert_same_matches(const struct block *block, struct df_funnel_record_reader *reader)
{
    size_t at = 0;
    for (uint32_t root = 0; root < ROOTS; root++) {
        const uint32_t *rows;
        uint32_t count;
        df_funnel_record_match(reader, root, &rows, &count);
        if (root == block->request.where) {
            assert_int_equal(count, block->rows);
            for (uint32_t i = 0; i < count; i++)
                assert_int_equal(rows[i], i);
            continue;
        }
        for (uint32_t i = 0; i < count; i++, at++) {
            assert_int_equal(block->matches[at].root, root);
            assert_int_equal(block->matches[at].row, rows[i]);
        }
    }
    assert_int_equal(at, block->match_count);
}

/* What masks say of the roots is what matches say. */
static void assert_same_masks(struct df_funnel_record_reader *reader, const struct df_funnel_batch *batch,
                              uint32_t root_count, uint64_t *random)
{
    static uint8_t masks[DF_FUNNEL_ROWS_MAX], expected[DF_FUNNEL_ROWS_MAX];
    uint32_t roots[8], count = 1 + (uint32_t)(test_random(random) % 8);
    memset(masks, 0, batch->rows);
    memset(expected, 0, batch->rows);
    for (uint32_t b = 0; b < count; b++) {
        const uint32_t *rows;
        uint32_t matched;
        roots[b] = test_random(random) % 2 && b < root_count ? b : (uint32_t)(test_random(random) % root_count);
        df_funnel_record_match(reader, roots[b], &rows, &matched);
        for (uint32_t i = 0; i < matched; i++)
            expected[rows[i]] |= (uint8_t)(1u << b);
    }
    df_funnel_record_masks(reader, roots, count, masks);
    assert_memory_equal(masks, expected, batch->rows);
}

static void assert_same_users(const struct block *block, const struct df_funnel_batch *batch)
{
    struct df_vector users = {.kind = DF_VECTOR_INT64, .row_count = batch->keys.count};
    users.values.int64s = batch->keys.numbers;
    if (batch->keys.kind == DF_FUNNEL_KEY_BYTES) {
        users.kind = DF_VECTOR_BYTES;
        users.values.bytes = batch->keys.bytes;
    }
    assert_int_equal(batch->keys.kind, block->head.kind);
    assert_null(batch->keys.valid);
    assert_same_rows(block, &block->users, &users);
}

static void assert_same_times(const struct block *block, const struct df_funnel_batch *batch)
{
    struct df_vector times = {.kind = DF_VECTOR_INT64, .row_count = batch->rows, .valid = batch->time_valid};
    times.values.int64s = batch->times;
    assert_same_rows(block, &block->times, &times);
}

static void assert_reads(const struct block *block, struct df_funnel_record_reader *reader,
                         enum df_funnel_reading reading, bool want_keys)
{
    struct df_error error = {0};
    struct df_funnel_block found;
    struct df_funnel_batch batch;
    bool facts = reading != DF_FUNNEL_VALUES;
    assert_int_equal(df_funnel_block_take(df_buf_slice(&block->bytes), &found, &error), 1);
    assert_int_equal(found.size_bytes, block->bytes.size);
    assert_ok(df_funnel_record_survey(reader, &found, &error), &error);
    assert_ok(df_funnel_record_decode(reader, &found, reading, want_keys, &batch, &error), &error);
    assert_int_equal(batch.rows, block->rows);
    if (facts || want_keys)
        assert_same_users(block, &batch);
    else
        assert_int_equal(batch.keys.count, 0);
    if (facts || block->request.all_times)
        assert_same_times(block, &batch);
    else
        assert_null(batch.times);
    if (facts) {
        assert_same_matches(block, reader);
        assert_same_masks(reader, &batch, ROOTS, &(uint64_t){block->rows});
    }
    for (uint32_t i = 0; i < block->request.column_count; i++) {
        bool wanted = facts ? block->columns[i].facts : block->columns[i].values;
        assert_int_equal(batch.values[i] != NULL, wanted);
        if (wanted)
            assert_same_rows(block, &block->vectors[i], batch.values[i]);
    }
}

static void test_blocks_read_back_as_they_went_in(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 1500; round++) {
        struct df_error error = {0};
        struct block *block = make_block(&random);
        struct df_funnel_record_reader *reader;
        assert_ok(df_funnel_record_reader_create(&reader, &block->request, &error), &error);
        assert_false(df_funnel_record_seen(reader));
        assert_reads(block, reader, DF_FUNNEL_FACTS, true);
        assert_reads(block, reader, DF_FUNNEL_VALUES, true);
        assert_reads(block, reader, DF_FUNNEL_VALUES, false);
        assert_true(df_funnel_record_seen(reader));
        df_funnel_record_reader_free(reader);
        free_block(block);
    }
}

static void test_few_distinct_integers_take_few_bytes(void **state)
{
    (void)state;
    struct df_funnel_account account = {.floor_bytes = UINT64_MAX};
    struct df_funnel_record_head head = {.kind = DF_FUNNEL_KEY_INT64, .user_type = time_type, .time_type = time_type};
    struct df_funnel_pile users, times;
    struct df_buf bytes = {0};
    static int64_t numbers[1000];
    static uint32_t rows[1000];
    static uint8_t none[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        numbers[i] = INT64_MAX - i % 200;
        rows[i] = i;
    }
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = 1000, .values = {.int64s = numbers}};
    assert_true(df_funnel_pile_init(&users, &time_type, &account) && df_funnel_pile_init(&times, &time_type, &account));
    assert_true(df_funnel_pile_append(&users, &time_type, &vector, rows, 1000, &account));
    vector.valid = none;
    assert_true(df_funnel_pile_append(&times, &time_type, &vector, rows, 1000, &account));
    df_funnel_record_encode(&(struct df_funnel_record){.head = &head, .rows = 1000, .users = &users, .times = &times},
                            &bytes);
    assert_in_range(bytes.size, 1000, 1060);
    df_funnel_pile_dispose(&users, &account);
    df_funnel_pile_dispose(&times, &account);
    df_buf_dispose(&bytes);
}

/* ---- what is none ---- */

/* All of it as a source reads it: 0 or -1. */
static int read_all(const struct df_funnel_request *request, struct df_slice bytes, struct df_error *error)
{
    struct df_funnel_record_reader *reader;
    struct df_funnel_block block;
    struct df_funnel_batch batch = {0};
    const enum df_funnel_reading all = DF_FUNNEL_FACTS_AND_VALUES;
    assert_ok(df_funnel_record_reader_create(&reader, request, error), error);
    int result, appended = 0;
    while ((result = df_funnel_block_take(bytes, &block, error)) > 0) {
        result = df_funnel_record_survey(reader, &block, error);
        if (result == 0 && batch.rows > 0)
            result = appended = df_funnel_record_append(reader, &block, all, true, &batch, error);
        if (result == 0 && !appended)
            result = df_funnel_record_decode(reader, &block, all, true, &batch, error);
        if (result < 0)
            break;
        appended = 0;
        bytes = df_slice_make(bytes.data + block.size_bytes, bytes.size - block.size_bytes);
    }
    df_funnel_record_reader_free(reader);
    return result;
}

static void test_a_section_cut_at_every_byte_is_corrupt(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 20; round++) {
        struct df_error error = {0};
        struct block *block = make_block(&random);
        assert_ok(read_all(&block->request, df_buf_slice(&block->bytes), &error), &error);
        for (size_t size = 1; size < block->bytes.size; size += size < 200 ? 1 : 97) {
            void *copy = memcpy(test_malloc(size), block->bytes.data, size);
            assert_fails(read_all(&block->request, df_slice_make(copy, size), &error), &error, DF_ERROR_CORRUPT,
                         "a section of the exchange cannot be read");
            test_free(copy);
        }
        free_block(block);
    }
}

/* A changed byte may leave a valid section (another time), but never a crash nor an error of another kind. */
static void test_a_section_with_any_changed_byte_is_read_or_corrupt(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 8; round++) {
        struct block *block = make_block(&random);
        size_t corrupt = 0;
        for (size_t at = 0; at < block->bytes.size; at += 1 + at / 100) {
            uint8_t before = block->bytes.data[at];
            for (unsigned value = 0; value < 256; value += 5) {
                struct df_error error = {0};
                block->bytes.data[at] = (uint8_t)value;
                if (read_all(&block->request, df_buf_slice(&block->bytes), &error) == 0)
                    continue;
                assert_int_equal(error.kind, DF_ERROR_CORRUPT);
                corrupt++;
            }
            block->bytes.data[at] = before;
        }
        assert_true(corrupt > 0);
        free_block(block);
    }
}

static void put_frame(struct df_buf *out, uint8_t version, uint64_t rows, enum df_funnel_key_kind kind,
                      struct df_slice body)
{
    const struct df_funnel_record_head described = {
        .kind = kind, .scale_known = true, .user_type = time_type, .time_type = time_type};
    struct df_buf head = {0};
    df_funnel_record_put_head(&described, &head);
    df_buf_clear(out);
    df_buf_put_u8(out, version);
    df_buf_put_varint(out, head.size);
    df_buf_put_slice(out, df_buf_slice(&head));
    df_buf_put_varint(out, rows);
    df_buf_put_varint(out, body.size);
    df_buf_put_slice(out, body);
    df_buf_dispose(&head);
}

/* Two INT64 users, no times, then `matches` and perhaps columns. */
static void put_block(struct df_buf *out, uint8_t version, uint64_t rows, const struct df_buf *matches,
                      const struct df_buf *behind)
{
    struct df_buf body = {0};
    df_buf_put_u8(&body, 0);
    df_buf_put_varint(&body, 12);
    df_buf_put(&body, (const uint8_t[]){0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 12);
    df_buf_put_varint(&body, 1);
    df_buf_put_u8(&body, 2);
    df_buf_put_varint(&body, matches->size);
    df_buf_put_slice(&body, df_buf_slice(matches));
    df_buf_put_slice(&body, df_buf_slice(behind));
    put_frame(out, version, rows, DF_FUNNEL_KEY_INT64, df_buf_slice(&body));
    df_buf_dispose(&body);
}

static void test_blocks_that_lie_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        uint8_t version;
        uint64_t rows;
        uint8_t matches[8];
        uint8_t match_bytes, behind;
        const char *message; /* NULL: it is fine */
    } cases[] = {{3, 2, {0, 2, 0, 1, 3, 1, 1}, 7, 0, NULL},
                 {2, 2, {0}, 0, 0, "another version"},
                 {3, 0, {0}, 0, 0, "announces no rows"},
                 {3, DF_FUNNEL_ROWS_MAX + 1, {0}, 0, 0, "more than a block has"},
                 {3, 3, {0}, 0, 0, "packed integers"},
                 {3, 1, {0}, 0, 0, "something stands behind the values"},
                 {3, 2, {4, 1, 0}, 3, 0, "a filter that the query does not have"},
                 {3, 2, {1, 1, 0}, 3, 0, "a filter that the query does not have"}, /* `where` */
                 {3, 2, {2, 1, 0, 0, 1, 0}, 6, 0, "a filter that the query does not have"},
                 {3, 2, {0, 1, 0, 0, 1, 1}, 6, 0, "a filter that the query does not have"},
                 {3, 2, {0, 0}, 2, 0, "another number of rows"},
                 {3, 2, {0, 3, 0, 1, 1}, 5, 0, "another number of rows"},
                 {3, 2, {0, 2, 0}, 3, 0, "another number of rows"},
                 {3, 2, {0, 1, 2}, 3, 0, "a row that is not in its block"},
                 {3, 2, {0, 2, 1, 1}, 4, 0, "a row that is not in its block"},
                 {3, 2, {0, 2, 0, 0}, 4, 0, "a row that is not in its block"},
                 {3, 2, {0}, 0, 1, "something stands behind the columns"}};
    struct df_funnel_request request = {.filters = {.root_count = 4}, .where = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        struct df_buf bytes = {0}, matches = {0}, behind = {0};
        df_buf_put(&matches, cases[i].matches, cases[i].match_bytes);
        df_buf_put(&behind, cases[i].matches, cases[i].behind);
        put_block(&bytes, cases[i].version, cases[i].rows, &matches, &behind);
        if (cases[i].message)
            assert_fails(read_all(&request, df_buf_slice(&bytes), &error), &error, DF_ERROR_CORRUPT, cases[i].message);
        else
            assert_ok(read_all(&request, df_buf_slice(&bytes), &error), &error);
        df_buf_dispose(&bytes);
        df_buf_dispose(&matches);
        df_buf_dispose(&behind);
    }
}

/* ---- plain blocks ---- */

enum { PLAIN_ROWS = 6000 };

/* Some plain blocks, one behind the other, and what went into them. */
struct plain {
    struct df_funnel_request request;
    uint32_t roots[DF_FUNNEL_RECORD_ROOTS], root_count, rows;
    int64_t users[PLAIN_ROWS], times[PLAIN_ROWS];
    uint8_t masks[PLAIN_ROWS];
    struct df_buf bytes;
};

static int64_t random_number(uint64_t *random, uint64_t range)
{
    uint64_t number = test_random(random);
    return range == 0 ? (int64_t)number : (int64_t)(range + number % 300) - 150;
}

static void put_plain(struct plain *plain, uint32_t begin, uint32_t rows, bool untimed, uint64_t *random)
{
    static const uint64_t ranges[] = {0, 0, 200, UINT64_C(1) << 32, UINT64_C(1) << 62};
    static int64_t times[PLAIN_ROWS];
    const struct df_funnel_record_head described = {
        .kind = DF_FUNNEL_KEY_INT64, .scale_known = true, .user_type = time_type, .time_type = time_type};
    struct df_buf head = {0};
    uint64_t range = ranges[test_random(random) % 5];
    uint8_t bits = (uint8_t)((1u << plain->root_count) - 1);
    for (uint32_t i = begin; i < begin + rows; i++) {
        plain->users[i] = random_number(random, range);
        plain->times[i] = random_number(random, ranges[rows % 5]);
        plain->masks[i] = (uint8_t)(test_random(random) & bits);
        if (!untimed || test_random(random) % 3)
            plain->masks[i] |= DF_FUNNEL_RECORD_TIMED;
        times[i] = plain->times[i];
    }
    df_funnel_record_put_head(&described, &head);
    df_funnel_record_encode_plain(&(struct df_funnel_plain_record){.head = df_buf_slice(&head),
                                                                   .rows = rows,
                                                                   .users = plain->users + begin,
                                                                   .times = times + begin,
                                                                   .masks = plain->masks + begin},
                                  &plain->bytes);
    df_buf_dispose(&head);
    assert_false(df_buf_failed(&plain->bytes));
}

static struct plain *make_plain(uint32_t rows_max, uint64_t *random)
{
    struct plain *plain = calloc(1, sizeof *plain);
    uint32_t rows = 1 + (uint32_t)(test_random(random) % rows_max);
    plain->request = (struct df_funnel_request){.dataset = {.user = "user", .time = "time"},
                                                .filters = {.root_count = 1 + (uint32_t)(test_random(random) % 7)},
                                                .where = DF_FUNNEL_NONE,
                                                .all_times = test_random(random) % 2};
    if (test_random(random) % 2)
        plain->request.where = (uint32_t)(test_random(random) % ++plain->request.filters.root_count);
    assert_true(df_funnel_record_roots(&plain->request, plain->roots, &plain->root_count));
    while (plain->rows < rows) {
        uint32_t count = 1 + (uint32_t)(test_random(random) % (rows - plain->rows));
        put_plain(plain, plain->rows, count, test_random(random) % 2, random);
        plain->rows += count;
    }
    return plain;
}

static void free_plain(struct plain *plain)
{
    df_buf_dispose(&plain->bytes);
    free(plain);
}

static void assert_plain_matches(const struct plain *plain, struct df_funnel_record_reader *reader, uint32_t at,
                                 uint32_t count)
{
    for (uint32_t bit = 0; bit < plain->root_count; bit++) {
        const uint32_t *rows;
        uint32_t matched, next = 0;
        df_funnel_record_match(reader, plain->roots[bit], &rows, &matched);
        for (uint32_t i = 0; i < count; i++)
            if (plain->masks[at + i] >> bit & 1)
                assert_true(next < matched && rows[next++] == i);
        assert_int_equal(next, matched);
    }
}

static void assert_plain_batch(const struct plain *plain, const struct df_funnel_batch *batch, uint32_t at,
                               enum df_funnel_reading reading, bool want_keys)
{
    bool facts = reading != DF_FUNNEL_VALUES, times = facts || plain->request.all_times;
    assert_true(batch->rows <= plain->rows - at);
    assert_int_equal(batch->keys.count, facts || want_keys ? batch->rows : 0);
    assert_null(batch->keys.valid);
    assert_int_equal(batch->times != NULL, times);
    if (batch->keys.count)
        assert_memory_equal(batch->keys.numbers, plain->users + at, batch->rows * sizeof *plain->users);
    for (uint32_t i = 0; times && i < batch->rows; i++) {
        bool timed = plain->masks[at + i] & DF_FUNNEL_RECORD_TIMED;
        assert_int_equal(!batch->time_valid || batch->time_valid[i], timed);
        if (timed)
            assert_int_equal(batch->times[i], plain->times[at + i]);
    }
}

static void read_plain(const struct plain *plain, enum df_funnel_reading reading, bool want_keys, uint64_t *random)
{
    struct df_error error = {0};
    struct df_funnel_record_reader *reader;
    struct df_slice bytes = df_buf_slice(&plain->bytes);
    struct df_funnel_block block;
    struct df_funnel_batch batch = {0};
    uint32_t at = 0;
    int more;
    assert_ok(df_funnel_record_reader_create(&reader, &plain->request, &error), &error);
    while ((more = df_funnel_block_take(bytes, &block, &error)) > 0) {
        assert_ok(df_funnel_record_survey(reader, &block, &error), &error);
        int appended = batch.rows ? df_funnel_record_append(reader, &block, reading, want_keys, &batch, &error) : 0;
        assert_true(appended >= 0);
        if (!appended) {
            at += batch.rows;
            assert_ok(df_funnel_record_decode(reader, &block, reading, want_keys, &batch, &error), &error);
        }
        assert_plain_batch(plain, &batch, at, reading, want_keys);
        if (reading != DF_FUNNEL_VALUES) {
            assert_plain_matches(plain, reader, at, batch.rows);
            assert_same_masks(reader, &batch, plain->request.filters.root_count, random);
        }
        bytes = df_slice_make(bytes.data + block.size_bytes, bytes.size - block.size_bytes);
    }
    assert_int_equal(more, 0);
    assert_int_equal(at + batch.rows, plain->rows);
    df_funnel_record_reader_free(reader);
}

static void test_plain_blocks_read_back_as_they_went_in(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 300; round++) {
        struct plain *plain = make_plain(round % 3 ? 100 : PLAIN_ROWS, &random);
        read_plain(plain, DF_FUNNEL_FACTS, true, &random);
        read_plain(plain, DF_FUNNEL_FACTS_AND_VALUES, true, &random);
        read_plain(plain, DF_FUNNEL_VALUES, true, &random);
        read_plain(plain, DF_FUNNEL_VALUES, false, &random);
        free_plain(plain);
    }
}

static void test_requests_with_columns_or_many_filters_have_no_plain_blocks(void **state)
{
    (void)state;
    uint32_t roots[DF_FUNNEL_RECORD_ROOTS], count;
    struct df_funnel_request request = {.filters = {.root_count = 8}, .where = 3};
    assert_true(df_funnel_record_roots(&request, roots, &count));
    assert_int_equal(count, 7);
    assert_int_equal(roots[2], 2);
    assert_int_equal(roots[3], 4);
    request.where = DF_FUNNEL_NONE;
    assert_false(df_funnel_record_roots(&request, roots, &count));
    request.filters.root_count = 7;
    assert_true(df_funnel_record_roots(&request, roots, &count));
    request.column_count = 1;
    assert_false(df_funnel_record_roots(&request, roots, &count));
}

static void test_numbers_close_together_take_few_bytes(void **state)
{
    (void)state;
    struct plain *plain = calloc(1, sizeof *plain);
    /* On both sides of a power of two: what they have in common says nothing, their bounds do. */
    const uint32_t rows = 300;
    struct df_buf bytes = {0}, head = {0};
    memset(plain->masks, DF_FUNNEL_RECORD_TIMED, rows);
    for (uint32_t i = 0; i < rows; i++)
        plain->users[i] = (INT64_C(1) << 40) - 100 + (int64_t)i % 200;
    memcpy(plain->times, plain->users, sizeof plain->times);
    df_funnel_record_encode_plain(&(struct df_funnel_plain_record){.head = df_buf_slice(&head),
                                                                   .rows = rows,
                                                                   .users = plain->users,
                                                                   .times = plain->times,
                                                                   .masks = plain->masks},
                                  &bytes);
    assert_in_range(bytes.size, 3 * rows, 3 * rows + 30);
    df_buf_dispose(&bytes);
    free_plain(plain);
}

static void test_plain_blocks_cut_or_changed_are_read_or_corrupt(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 40; round++) {
        struct df_error error = {0};
        struct plain *plain = make_plain(60, &random);
        assert_ok(read_all(&plain->request, df_buf_slice(&plain->bytes), &error), &error);
        for (size_t size = 1; size < plain->bytes.size; size++) {
            struct df_error cut = {0};
            void *copy = memcpy(test_malloc(size), plain->bytes.data, size);
            if (read_all(&plain->request, df_slice_make(copy, size), &cut) < 0)
                assert_int_equal(cut.kind, DF_ERROR_CORRUPT);
            test_free(copy);
        }
        for (size_t at = 0; at < plain->bytes.size; at++) {
            struct df_error changed = {0};
            uint8_t before = plain->bytes.data[at];
            plain->bytes.data[at] ^= (uint8_t)(1u << test_random(&random) % 8);
            /* Invalid: two blocks have other types. */
            if (read_all(&plain->request, df_buf_slice(&plain->bytes), &changed) < 0)
                assert_true(changed.kind == DF_ERROR_CORRUPT || changed.kind == DF_ERROR_INVALID);
            plain->bytes.data[at] = before;
        }
        free_plain(plain);
    }
}

static void test_plain_blocks_that_lie_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        enum df_funnel_key_kind kind;
        uint32_t rows, many;
        uint8_t layout, masks[2], width, behind;
        const char *message; /* NULL: it is fine */
    } cases[] = {{DF_FUNNEL_KEY_INT64, 2, 0, 1, {0x81, 0x04}, 1, 0, NULL},
                 {DF_FUNNEL_KEY_UINT64, 2, 0, 1, {0x87, 0}, 0, 0, NULL},
                 {DF_FUNNEL_KEY_INT64, 2, 0, 2, {0x81, 0}, 1, 0, "an unknown layout"},
                 {DF_FUNNEL_KEY_BYTES, 2, 0, 1, {0x81, 0}, 1, 0, "a layout that its users do not have"},
                 {DF_FUNNEL_KEY_INT64, 2, 1, 1, {0x81, 0}, 1, 0, "a layout that the query does not have"},
                 {DF_FUNNEL_KEY_INT64, 2, 0, 1, {0x88, 0}, 1, 0, "a filter that the query does not have"},
                 {DF_FUNNEL_KEY_INT64, 2, 0, 1, {0x80, 0}, 3, 0, "an unknown width"},
                 {DF_FUNNEL_KEY_INT64, 2, 0, 1, {0x80, 0}, 2, 0, "packed integers"},
                 {DF_FUNNEL_KEY_INT64, 2, 0, 1, {0x80, 0x80}, 1, 0, "packed integers"},
                 {DF_FUNNEL_KEY_INT64, 2, 0, 1, {0, 0}, 1, 0, "something stands behind the times"},
                 {DF_FUNNEL_KEY_INT64, 2, 0, 1, {0x80, 0}, 1, 1, "something stands behind the times"},
                 {DF_FUNNEL_KEY_INT64, 5000, 0, 1, {0x80, 0}, 1, 0, "ends in its masks"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_funnel_request request = {
            .dataset = {.user = "user", .time = "time"}, .filters = {.root_count = cases[i].many ? 9 : 4}, .where = 1};
        struct df_error error = {0};
        struct df_buf bytes = {0}, body = {0};
        const uint8_t least[8] = {0}, above[2] = {1, 2};
        df_buf_put_u8(&body, cases[i].layout);
        df_buf_put(&body, cases[i].masks, 2);
        df_buf_put_u8(&body, cases[i].width);
        df_buf_put(&body, least, 8);
        df_buf_put(&body, above, cases[i].width ? 2 : 0);
        df_buf_put_u8(&body, 1);
        df_buf_put(&body, least, 8);
        df_buf_put(&body, above, 1 + cases[i].behind);
        put_frame(&bytes, 3, cases[i].rows, cases[i].kind, df_buf_slice(&body));
        if (cases[i].message)
            assert_fails(read_all(&request, df_buf_slice(&bytes), &error), &error, DF_ERROR_CORRUPT, cases[i].message);
        else
            assert_ok(read_all(&request, df_buf_slice(&bytes), &error), &error);
        df_buf_dispose(&bytes);
        df_buf_dispose(&body);
    }
}

/* ---- types of several files ---- */

static void put_typed(struct df_buf *out, const struct df_funnel_record_head *head, uint64_t *random)
{
    struct df_arena arena = {0};
    struct df_funnel_account account = {.floor_bytes = UINT64_MAX};
    struct df_funnel_pile piles[3];
    const uint32_t row = 0;
    const struct df_type *types[3] = {&time_type, &time_type, &head->types[0]};
    for (int i = 0; i < 3; i++) {
        struct df_vector vector = random_vector(&arena, types[i], 1, random);
        vector.valid = types[i]->kind == DF_TYPE_NULL ? vector.valid : NULL;
        assert_true(df_funnel_pile_init(&piles[i], types[i], &account) &&
                    df_funnel_pile_append(&piles[i], types[i], &vector, &row, 1, &account));
    }
    df_funnel_record_encode(
        &(struct df_funnel_record){
            .head = head, .rows = 1, .users = &piles[0], .times = &piles[1], .columns = &piles[2]},
        out);
    for (int i = 0; i < 3; i++)
        df_funnel_pile_dispose(&piles[i], &account);
    df_arena_dispose(&arena);
}

static const struct df_type int32_type = {.kind = DF_TYPE_INT64, .bits = 32};

static int read_two(const struct df_type *first, const struct df_type *second, struct df_error *error)
{
    uint64_t random = 3;
    struct df_buf bytes = {0};
    const struct df_funnel_column column = {.name = "price", .facts = true, .values = true};
    struct df_funnel_request request = {
        .dataset = {.user = "user", .time = "time"}, .where = DF_FUNNEL_NONE, .columns = &column, .column_count = 1};
    struct df_funnel_record_head head = {
        .user_type = time_type, .time_type = time_type, .types = first, .column_count = 1};
    put_typed(&bytes, &head, &random);
    head.types = second;
    put_typed(&bytes, &head, &random);
    int result = read_all(&request, df_buf_slice(&bytes), error);
    df_buf_dispose(&bytes);
    return result;
}

static void test_files_of_different_types_are_told_apart(void **state)
{
    (void)state;
    static const struct df_type text = {.kind = DF_TYPE_STRING}, real = {.kind = DF_TYPE_FLOAT, .bits = 64},
                                small = {.kind = DF_TYPE_FLOAT, .bits = 32}, null = {.kind = DF_TYPE_NULL},
                                texts = {.kind = DF_TYPE_STRING, .list = true},
                                nulls = {.kind = DF_TYPE_NULL, .list = true},
                                cents = {.kind = DF_TYPE_DECIMAL, .precision = 9, .scale = 2},
                                more_cents = {.kind = DF_TYPE_DECIMAL, .precision = 12, .scale = 2},
                                ms = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS},
                                us = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US},
                                mills = {.kind = DF_TYPE_DECIMAL, .precision = 12, .scale = 3};
    static const struct {
        const struct df_type *first, *second;
        const char *message; /* NULL: they go together */
    } cases[] = {{&time_type, &int32_type, NULL},
                 {&text, &null, NULL},
                 {&null, &text, NULL},
                 {&null, &texts, NULL},
                 {&texts, &nulls, NULL},
                 {&nulls, &texts, NULL},
                 {&cents, &more_cents, NULL},
                 {&text, &real, "column 'price' is a string in one file and a float in another"},
                 {&real, &small, "column 'price' is a float of 64 bits in one file and of 32 bits in another"},
                 {&ms, &us, "a timestamp in ms in one file and a timestamp in us in another"},
                 {&text, &texts, "a string in one file and a list of strings in another"},
                 {&text, &nulls, "a string in one file and a list of nulls in another"},
                 {&cents, &mills, "a decimal(9,2) in one file and a decimal(12,3) in another"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        if (cases[i].message)
            assert_fails(read_two(cases[i].first, cases[i].second, &error), &error, DF_ERROR_INVALID, cases[i].message);
        else
            assert_ok(read_two(cases[i].first, cases[i].second, &error), &error);
    }
}

static void test_files_of_different_users_or_times_are_told_apart(void **state)
{
    (void)state;
    static const struct df_type date = {.kind = DF_TYPE_DATE}, ms = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS};
    const struct df_funnel_column column = {.name = "price", .facts = true};
    struct df_funnel_request request = {
        .dataset = {.user = "who", .time = "when"}, .where = DF_FUNNEL_NONE, .columns = &column, .column_count = 1};
    for (int c = 0; c < 3; c++) {
        uint64_t random = 3;
        struct df_error error = {0};
        struct df_buf bytes = {0};
        struct df_funnel_record_head head = {
            .user_type = time_type, .time_type = ms, .types = &time_type, .column_count = 1};
        put_typed(&bytes, &head, &random);
        if (c == 0)
            head.user_type = date;
        else if (c == 1)
            head.time_type = date;
        else
            head.scale = DF_FUNNEL_SCALE_NS;
        put_typed(&bytes, &head, &random);
        assert_fails(read_all(&request, df_buf_slice(&bytes), &error), &error,
                     c == 2 ? DF_ERROR_CORRUPT : DF_ERROR_INVALID,
                     c == 0   ? "column 'who' is an integer in one file and a date in another"
                     : c == 1 ? "column 'when' is a timestamp in ms in one file and a date in another"
                              : "times of different units");
        df_buf_dispose(&bytes);
    }
}

static void test_sections_of_hashes_are_even_and_in_range(void **state)
{
    (void)state;
    enum { KEYS = 100000, SECTIONS = 7 };
    uint32_t rows[SECTIONS] = {0};
    for (int64_t key = 0; key < KEYS; key++) {
        uint64_t hash;
        struct df_funnel_keys keys = {.kind = DF_FUNNEL_KEY_INT64, .count = 1, .numbers = &key};
        df_funnel_keys_hash(&keys, &hash);
        uint32_t section = df_funnel_section_of(hash, SECTIONS);
        assert_true(section < SECTIONS);
        rows[section]++;
    }
    for (int i = 0; i < SECTIONS; i++)
        assert_in_range(rows[i], KEYS / SECTIONS * 95 / 100, KEYS / SECTIONS * 105 / 100);
    assert_int_equal(df_funnel_section_of(UINT64_MAX, 4096), 4095);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_read_back_as_they_went_in),
        cmocka_unit_test(test_few_distinct_integers_take_few_bytes),
        cmocka_unit_test(test_a_section_cut_at_every_byte_is_corrupt),
        cmocka_unit_test(test_a_section_with_any_changed_byte_is_read_or_corrupt),
        cmocka_unit_test(test_blocks_that_lie_are_corrupt),
        cmocka_unit_test(test_plain_blocks_read_back_as_they_went_in),
        cmocka_unit_test(test_requests_with_columns_or_many_filters_have_no_plain_blocks),
        cmocka_unit_test(test_numbers_close_together_take_few_bytes),
        cmocka_unit_test(test_plain_blocks_cut_or_changed_are_read_or_corrupt),
        cmocka_unit_test(test_plain_blocks_that_lie_are_corrupt),
        cmocka_unit_test(test_files_of_different_types_are_told_apart),
        cmocka_unit_test(test_files_of_different_users_or_times_are_told_apart),
        cmocka_unit_test(test_sections_of_hashes_are_even_and_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
