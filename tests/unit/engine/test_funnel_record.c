/* Records of the exchange: what is read back evaluates as the rows did that went in. */
#include "engine/funnel/record.h"

#include <inttypes.h>

#include "unit/engine/funnel_testing.h"

enum { EVENTS_MAX = 20, FILTERS = 3 };

/* The rows of one block as a SCATTER part makes them: rows with a user only, matches filter by filter. */
static void put_block(const struct event *events, size_t n, enum df_funnel_key_kind kind, struct df_buf *out)
{
    int64_t numbers[EVENTS_MAX];
    uint32_t lengths[EVENTS_MAX];
    struct df_funnel_record_match matches[EVENTS_MAX * FILTERS];
    struct df_buf bytes = {0};
    struct df_funnel_record record = {.kind = kind, .numbers = numbers, .lengths = lengths, .matches = matches};
    for (size_t i = 0; i < n; i++) {
        size_t before = bytes.size;
        if (!events[i].has_user)
            continue;
        if (events[i].user != 0)
            df_buf_printf(&bytes, "%" PRId64, events[i].user);
        lengths[record.row_count] = (uint32_t)(bytes.size - before);
        numbers[record.row_count++] = events[i].user;
    }
    for (uint32_t filter = 0; filter < FILTERS; filter++) {
        uint32_t row = 0;
        for (size_t i = 0; i < n; i++) {
            if (!events[i].has_user)
                continue;
            if ((events[i].matches >> filter & 1) && (events[i].has_time || filter == 0))
                matches[record.match_count++] = (struct df_funnel_record_match){
                    .row = row, .tag = filter * 2 + events[i].has_time, .time = events[i].time};
            row++;
        }
    }
    record.bytes = df_buf_slice(&bytes);
    df_funnel_record_encode(&record, out);
    df_buf_dispose(&bytes);
}

struct section {
    struct df_slice bytes;
    enum df_funnel_key_kind kind;
};

static int read_section(void *ctx, struct df_funnel_collector *collector, struct df_error *error)
{
    const struct section *section = ctx;
    struct df_funnel_record_reader *reader;
    if (df_funnel_record_reader_create(&reader, section->kind, error) < 0)
        return -1;
    int result = df_funnel_record_read(reader, section->bytes, collector, error);
    df_funnel_record_reader_free(reader);
    return result;
}

static int count(const struct section *section, const struct df_funnel_step *steps, uint32_t step_count,
                 struct df_funnel_counts *counts, struct df_error *error)
{
    struct df_funnel_request request = {.steps = steps, .step_count = step_count, .filter_count = FILTERS};
    struct df_funnel_passes passes = {.request = &request, .kind = section->kind};
    struct section copy = *section;
    return df_funnel_count_in_passes(&passes, read_section, &copy, counts, error);
}

static void test_rows_evaluate_the_same_after_the_exchange(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    const struct df_funnel_step steps[] = {{.filter = 0}, {.filter = 1}, {.filter = 2}, {.filter = 0}};
    for (int round = 0; round < 3000; round++) {
        struct df_error error = {0};
        struct df_buf bytes = {0};
        struct event events[EVENTS_MAX];
        struct df_funnel_step_count found[4] = {{0}};
        struct df_funnel_counts counts = {.step_count = 4, .steps = found};
        struct naive_answer naive;
        size_t n = test_random(&random) % EVENTS_MAX, cut = n ? test_random(&random) % n : 0;
        struct section section = {.kind = (enum df_funnel_key_kind)(test_random(&random) % DF_FUNNEL_KEY_KINDS)};
        random_events(events, n, FILTERS, &random);
        put_block(events, cut, section.kind, &bytes);
        put_block(events + cut, n - cut, section.kind, &bytes);
        section.bytes = df_buf_slice(&bytes);
        assert_ok(count(&section, steps, 4, &counts, &error), &error);
        naive_evaluate(events, n, steps, 4, &naive);
        naive.rows_without_group = 0; /* those rows stay behind */
        assert_same_answer(&counts, &naive);
        df_buf_dispose(&bytes);
    }
}

static void make_sample(enum df_funnel_key_kind kind, struct df_buf *bytes)
{
    struct event events[EVENTS_MAX];
    uint64_t random = 5;
    random_events(events, EVENTS_MAX, FILTERS, &random);
    put_block(events, EVENTS_MAX, kind, bytes);
}

static void test_a_section_cut_at_every_byte_is_corrupt(void **state)
{
    (void)state;
    const struct df_funnel_step steps[] = {{.filter = 0}};
    for (int kind = 0; kind < DF_FUNNEL_KEY_KINDS; kind++) {
        struct df_error error = {0};
        struct df_buf bytes = {0};
        make_sample((enum df_funnel_key_kind)kind, &bytes);
        for (size_t size = 1; size < bytes.size; size++) {
            struct df_funnel_step_count found[1] = {{0}};
            struct df_funnel_counts counts = {.step_count = 1, .steps = found};
            void *copy = memcpy(test_malloc(size), bytes.data, size);
            struct section section = {.kind = (enum df_funnel_key_kind)kind, .bytes = df_slice_make(copy, size)};
            assert_fails(count(&section, steps, 1, &counts, &error), &error, DF_ERROR_CORRUPT, "section");
            test_free(copy);
        }
        df_buf_dispose(&bytes);
    }
}

/* A changed byte may leave a valid section (another time), but never a crash nor an error of another kind. */
static void test_a_section_with_any_changed_byte_is_read_or_corrupt(void **state)
{
    (void)state;
    const struct df_funnel_step steps[] = {{.filter = 0}, {.filter = 1}};
    for (int kind = 0; kind < DF_FUNNEL_KEY_KINDS; kind++) {
        struct df_buf bytes = {0};
        make_sample((enum df_funnel_key_kind)kind, &bytes);
        for (size_t at = 0; at < bytes.size; at++) {
            uint8_t before = bytes.data[at];
            for (unsigned value = 0; value < 256; value += 3) {
                struct df_error error = {0};
                struct df_funnel_step_count found[2] = {{0}};
                struct df_funnel_counts counts = {.step_count = 2, .steps = found};
                struct section section = {.kind = (enum df_funnel_key_kind)kind, .bytes = df_buf_slice(&bytes)};
                bytes.data[at] = (uint8_t)value;
                if (count(&section, steps, 2, &counts, &error) < 0)
                    assert_int_equal(error.kind, DF_ERROR_CORRUPT);
            }
            bytes.data[at] = before;
        }
        df_buf_dispose(&bytes);
    }
}

static void assert_body_refused(struct df_buf *body, const char *message)
{
    struct df_error error = {0};
    struct df_buf bytes = {0};
    const struct df_funnel_step steps[] = {{.filter = 0}};
    struct df_funnel_step_count found[1] = {{0}};
    struct df_funnel_counts counts = {.step_count = 1, .steps = found};
    df_buf_put_u8(&bytes, 1);
    df_buf_put_u8(&bytes, DF_FUNNEL_KEY_INT64);
    df_buf_put_varint(&bytes, body->size);
    df_buf_put_slice(&bytes, df_buf_slice(body));
    struct section section = {.kind = DF_FUNNEL_KEY_INT64, .bytes = df_buf_slice(&bytes)};
    assert_fails(count(&section, steps, 1, &counts, &error), &error, DF_ERROR_CORRUPT, message);
    df_buf_dispose(&bytes);
    df_buf_dispose(body);
}

static void put_two_rows(struct df_buf *body)
{
    df_buf_put_varint(body, 2);
    df_buf_put_u64le(body, 1);
    df_buf_put_u64le(body, 2);
}

static void put_run(struct df_buf *body, uint64_t tag, uint64_t n, const uint8_t *rows)
{
    put_two_rows(body);
    df_buf_put_varint(body, tag);
    df_buf_put_varint(body, n);
    df_buf_put(body, rows, n < 3 ? (size_t)n : 3);
    df_buf_put_u64le(body, 0);
    df_buf_put_u64le(body, 0);
}

static void test_blocks_that_lie_are_corrupt(void **state)
{
    (void)state;
    struct df_buf body = {0};
    df_buf_put_varint(&body, DF_FUNNEL_ROWS_MAX + 1);
    assert_body_refused(&body, "more rows than a block has");
    put_run(&body, FILTERS * 2 + 1, 1, (const uint8_t[]){0});
    assert_body_refused(&body, "a filter that the query does not have");
    put_run(&body, 1, 0, (const uint8_t[]){0});
    assert_body_refused(&body, "a filter that the query does not have");
    put_run(&body, 1, 3, (const uint8_t[]){0, 1, 1});
    assert_body_refused(&body, "a filter that the query does not have");
    put_run(&body, 1, 1, (const uint8_t[]){2});
    assert_body_refused(&body, "a row that is not in its block");
    put_run(&body, 1, 2, (const uint8_t[]){1, 1});
    assert_body_refused(&body, "a row that is not in its block");
    put_run(&body, 1, 2, (const uint8_t[]){0, 0});
    assert_body_refused(&body, "a row that is not in its block");
    put_run(&body, 2, 1, (const uint8_t[]){0});
    assert_body_refused(&body, "not step 1's");
}

static void test_a_section_of_other_users_is_corrupt(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf bytes = {0};
    const struct df_funnel_step steps[] = {{.filter = 0}};
    struct df_funnel_step_count found[1] = {{0}};
    struct df_funnel_counts counts = {.step_count = 1, .steps = found};
    make_sample(DF_FUNNEL_KEY_BYTES, &bytes);
    struct section section = {.kind = DF_FUNNEL_KEY_INT64, .bytes = df_buf_slice(&bytes)};
    assert_fails(count(&section, steps, 1, &counts, &error), &error, DF_ERROR_CORRUPT, "another kind of user");
    df_buf_dispose(&bytes);
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
        cmocka_unit_test(test_rows_evaluate_the_same_after_the_exchange),
        cmocka_unit_test(test_a_section_cut_at_every_byte_is_corrupt),
        cmocka_unit_test(test_a_section_with_any_changed_byte_is_read_or_corrupt),
        cmocka_unit_test(test_blocks_that_lie_are_corrupt),
        cmocka_unit_test(test_a_section_of_other_users_is_corrupt),
        cmocka_unit_test(test_sections_of_hashes_are_even_and_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
