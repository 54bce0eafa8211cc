/* The sorter of an import: the same order whether rows fit into memory, need runs, or need rounds of merging. */
#include "testing/testing.h"

#include <stdlib.h>

#include "cli/import.h"

struct row {
    struct df_import_key key;
    char user[40];
    uint64_t number_user; /* of those who are integers */
    uint64_t number;      /* its place in the input */
    char padding[40];
    uint8_t padding_size;
};

static atomic_bool not_interrupted;

static int order_of(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_definition(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = order_of(a->key.part, b->key.part);
    order = order ? order : order_of(b->key.user_null, a->key.user_null);
    order = order ? order : strcmp(a->user, b->user);
    order = order ? order : order_of(a->number_user, b->number_user);
    order = order ? order : order_of(a->key.time, b->key.time);
    return order ? order : order_of(a->number, b->number);
}

enum users { INTEGERS, TEXTS };

/* Texts that differ before, at and behind the bytes that a key holds, and some of which are the beginning of others. */
static void make_row(struct row *row, enum users users, uint64_t number, uint64_t *random)
{
    static const char *const prefixes[] = {
        "", "pre-", "prefix-", "prefix-of-15---", "prefix-of-16----", "prefix-of-more-than-16-"};
    uint64_t user = test_random(random) % 300;
    *row = (struct row){.number = number, .padding_size = (uint8_t)(test_random(random) % sizeof row->padding)};
    row->key.part = (uint32_t)(user % 5);
    row->key.time = test_random(random) % 50 ? test_random(random) % 100 : UINT64_MAX;
    row->key.user_null = user == 0;
    if (user == 0)
        return;
    if (users == INTEGERS) {
        row->number_user = row->key.user[0] = user;
        return;
    }
    int digits = user % 7 == 0 ? 0 : 3;
    snprintf(row->user, sizeof row->user, "%s%.*s", prefixes[user % 6], digits,
             (const char[]){(char)('0' + user / 100), (char)('0' + user / 10 % 10), (char)('0' + user % 10), 0});
    df_import_key_set_text(&row->key, df_slice_text(row->user));
}

static struct df_import_record record_of(const struct row *row, struct df_buf *values)
{
    df_buf_clear(values);
    df_buf_put_u64le(values, row->number);
    df_buf_put(values, row->padding, row->padding_size);
    return (struct df_import_record){
        .key = row->key, .user_text = df_slice_text(row->user), .values = df_buf_slice(values)};
}

static void check_next(struct df_import_sorter *sorter, const struct row *expected)
{
    struct df_error error = {0};
    struct df_import_record record;
    uint64_t number;
    assert_int_equal(df_import_sorter_next(sorter, &record, &error), 1);
    struct df_cursor cursor = df_cursor_make(record.values);
    assert_true(df_cursor_take_u64le(&cursor, &number));
    if (number != expected->number)
        fail_msg("row %llu comes where row %llu should", (unsigned long long)number,
                 (unsigned long long)expected->number);
    assert_int_equal(record.values.size, 8 + expected->padding_size);
    assert_slice_is(record.user_text, expected->user);
    assert_int_equal(record.key.part, expected->key.part);
    assert_int_equal(record.key.user_null, expected->key.user_null);
    assert_true(record.key.time == expected->key.time && record.key.user[0] == expected->key.user[0]);
}

static void check_sorted_of(enum users users, size_t count, size_t memory_bytes)
{
    uint64_t random = test_seed();
    struct df_error error = {0};
    struct df_buf values = {0};
    struct df_import_sorter *sorter;
    struct df_import_record record;
    const char *folder = test_folder_make();
    struct df_import import = {.interrupted = &not_interrupted,
                               .plan = {.memory_bytes = memory_bytes, .temporary_folder = folder}};
    struct row *rows = calloc(count + 1, sizeof *rows);
    assert_non_null(rows);
    assert_ok(df_import_sorter_open(&sorter, &import, &error), &error);
    for (size_t i = 0; i < count; i++) {
        make_row(&rows[i], users, i, &random);
        record = record_of(&rows[i], &values);
        assert_ok(df_import_sorter_add(sorter, &record, &error), &error);
    }
    assert_ok(df_import_sorter_finish(sorter, &error), &error);
    if (count > 0)
        qsort(rows, count, sizeof *rows, by_definition);
    for (size_t i = 0; i < count; i++)
        check_next(sorter, &rows[i]);
    assert_int_equal(df_import_sorter_next(sorter, &record, &error), 0);
    df_import_sorter_close(sorter);
    df_buf_dispose(&values);
    free(rows);
    test_folder_remove(folder);
}

static void check_sorted(size_t count, size_t memory_bytes)
{
    check_sorted_of(INTEGERS, count, memory_bytes);
    check_sorted_of(TEXTS, count, memory_bytes);
}

static void test_rows_that_fit_into_memory(void **state)
{
    (void)state;
    check_sorted(0, 16 << 20);
    check_sorted(1, 16 << 20);
    check_sorted(20000, 64 << 20);
}

static void test_rows_in_runs(void **state)
{
    (void)state;
    check_sorted(20000, 4 << 20);
}

/* 1 MiB: runs of a third of it, of which four are merged at a time. */
static void test_rows_in_rounds_of_runs(void **state)
{
    (void)state;
    check_sorted(30000, 1 << 20);
    check_sorted(3000, 64 << 10);
}

static void test_a_temporary_folder_that_is_not_there_is_exhausted(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf values = {0};
    struct df_import_sorter *sorter;
    struct row row = {0};
    uint64_t random = 1;
    struct df_import import = {
        .interrupted = &not_interrupted,
        .plan = {.memory_bytes = 3 << 10, .temporary_folder = "/nowhere/that/is"},
    };
    assert_ok(df_import_sorter_open(&sorter, &import, &error), &error);
    int result = 0;
    for (uint64_t i = 0; result == 0 && i < 100; i++) {
        make_row(&row, INTEGERS, i, &random);
        struct df_import_record record = record_of(&row, &values);
        result = df_import_sorter_add(sorter, &record, &error);
    }
    assert_int_equal(result, -1);
    assert_int_equal(error.kind, DF_ERROR_EXHAUSTED);
    assert_non_null(strstr(error.message, "/nowhere/that/is"));
    df_import_sorter_close(sorter);
    df_buf_dispose(&values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_that_fit_into_memory),
        cmocka_unit_test(test_rows_in_runs),
        cmocka_unit_test(test_rows_in_rounds_of_runs),
        cmocka_unit_test(test_a_temporary_folder_that_is_not_there_is_exhausted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
