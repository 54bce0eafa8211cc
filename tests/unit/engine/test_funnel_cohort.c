/* The rows of an export: put together value by value, on the account, through the codec. */
#include "engine/funnel/result/cohort.h"

#include "testing/testing.h"

/* A request with a funnel of `steps`, a breakdown, and asked columns. */
enum { ASKED_MAX = 8 };
struct fixture {
    struct df_funnel_request request;
    struct df_funnel_column columns[ASKED_MAX];
    uint32_t asked[ASKED_MAX];
};

static void fixture_make(struct fixture *fixture, const char *user, uint32_t steps, bool breakdown,
                         const char *const *names, uint32_t count)
{
    *fixture = (struct fixture){0};
    struct df_funnel_request *request = &fixture->request;
    request->dataset.user = user;
    request->columns = fixture->columns;
    request->column_count = count;
    request->funnel.given = true;
    request->funnel.sequence.positive_count = steps;
    request->funnel.breakdown.given = breakdown;
    request->funnel.cohort = (struct df_funnel_export){.given = true, .step = 1, .columns = fixture->asked};
    request->funnel.cohort.column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        fixture->columns[i].name = names[i];
        fixture->asked[i] = i;
    }
}

static struct df_parquet_value of_int64(int64_t value)
{
    return (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = value};
}
static struct df_parquet_value of_text(const char *text)
{
    return (struct df_parquet_value){.kind = DF_VECTOR_BYTES, .as.bytes = df_slice_text(text)};
}

/* user, step1, step2, breakdown, and one asked column of each other kind of vector. */
enum { COLUMNS = 8 };
static struct df_funnel_cohort *cohort_of_all_kinds(struct df_funnel_account *account)
{
    static const char *const names[] = {"flag", "price", "amount", "id"};
    static const struct df_type user = {.kind = DF_TYPE_STRING}, time = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS},
                                breakdown = {.kind = DF_TYPE_STRING},
                                columns[] = {{.kind = DF_TYPE_BOOL},
                                             {.kind = DF_TYPE_FLOAT, .bits = 32},
                                             {.kind = DF_TYPE_DECIMAL, .precision = 38, .scale = 2},
                                             {.kind = DF_TYPE_UUID}};
    struct df_error error = {0};
    struct fixture fixture;
    struct df_funnel_cohort *cohort;
    fixture_make(&fixture, "user", 2, true, names, 4);
    assert_ok(df_funnel_cohort_create(&cohort, &fixture.request, &user, &time, &breakdown, columns, account, &error),
              &error);
    return cohort;
}

static void put_row(struct df_funnel_cohort *cohort, const char *user, const struct df_parquet_value *const rest[])
{
    struct df_parquet_value name = of_text(user);
    assert_true(df_funnel_cohort_put(cohort, &name));
    for (int i = 0; i < COLUMNS - 1; i++)
        assert_true(df_funnel_cohort_put(cohort, rest[i]));
}

static void fill(struct df_funnel_cohort *cohort)
{
    static const uint8_t uuid[16] = {0x6a, 0x1e};
    const struct df_parquet_value first = of_int64(INT64_MIN), second = of_int64(INT64_MAX), country = of_text("DE"),
                                  flag = {.kind = DF_VECTOR_BOOL, .as.boolean = true},
                                  price = {.kind = DF_VECTOR_FLOAT64, .as.float64 = 1.5},
                                  nan = {.kind = DF_VECTOR_FLOAT64, .as.float64 = __builtin_nan("")},
                                  amount = {.kind = DF_VECTOR_INT128, .as.int128 = -((__int128)1 << 100)},
                                  id = {.kind = DF_VECTOR_BYTES, .as.bytes = df_slice_make(uuid, 16)};
    put_row(cohort, "ann", (const struct df_parquet_value *[]){&first, &second, &country, &flag, &price, &amount, &id});
    put_row(cohort, "", (const struct df_parquet_value *[]){&second, NULL, NULL, NULL, &nan, NULL, NULL});
    put_row(cohort, "bob", (const struct df_parquet_value *[]){&first, &first, &country, NULL, NULL, &amount, NULL});
}

static void assert_filled(struct df_funnel_cohort *cohort)
{
    struct df_error error = {0};
    const struct df_vector *vectors;
    assert_int_equal(df_funnel_cohort_rows(cohort), 3);
    assert_int_equal(df_funnel_cohort_column_count(cohort), COLUMNS);
    assert_ok(df_funnel_cohort_vectors(cohort, &vectors, &error), &error);
    assert_null(vectors[0].valid);
    assert_slice_is(vectors[0].values.bytes[0], "ann");
    assert_slice_is(vectors[0].values.bytes[1], "");
    assert_slice_is(vectors[0].values.bytes[2], "bob");
    assert_null(vectors[1].valid);
    assert_true(vectors[1].values.int64s[0] == INT64_MIN && vectors[1].values.int64s[1] == INT64_MAX);
    assert_true(df_vector_is_null(&vectors[2], 1) && !df_vector_is_null(&vectors[2], 2));
    assert_true(vectors[2].values.int64s[0] == INT64_MAX && vectors[2].values.int64s[2] == INT64_MIN);
    assert_slice_is(vectors[3].values.bytes[2], "DE");
    assert_int_equal(vectors[4].values.bools[0], 1);
    assert_true(vectors[5].values.float64s[0] == 1.5);
    assert_true(df_vector_is_null(&vectors[5], 1)); /* NaN is null */
    assert_true(vectors[6].values.int128s[2] == -((__int128)1 << 100));
    assert_int_equal(vectors[7].values.bytes[0].size, 16);
    assert_true(df_vector_is_null(&vectors[7], 2));
    assert_int_equal(vectors[7].values.bytes[2].size, 0);
}

static void test_rows_come_out_as_vectors(void **state)
{
    (void)state;
    struct df_funnel_cohort *cohort = cohort_of_all_kinds(NULL);
    static const char *const names[] = {"user", "step1", "step2", "breakdown", "flag", "price", "amount", "id"};
    for (uint32_t i = 0; i < COLUMNS; i++)
        assert_string_equal(df_funnel_cohort_column(cohort, i)->name, names[i]);
    fill(cohort);
    assert_filled(cohort);
    df_funnel_cohort_clear(cohort);
    assert_int_equal(df_funnel_cohort_rows(cohort), 0);
    fill(cohort);
    assert_filled(cohort);
    df_funnel_cohort_free(cohort);
}

static void test_the_codec_gives_the_same_rows_back(void **state)
{
    (void)state;
    struct df_error error = {0};
    for (int rows = 0; rows < 2; rows++) {
        struct df_funnel_cohort *cohort = cohort_of_all_kinds(NULL), *decoded;
        struct df_buf bytes = {0}, again = {0};
        if (rows)
            fill(cohort);
        df_funnel_cohort_encode(cohort, &bytes);
        df_buf_put_text(&bytes, "rest");
        struct df_cursor from = df_cursor_make(df_buf_slice(&bytes));
        assert_ok(df_funnel_cohort_decode(&decoded, &from, &error), &error);
        assert_int_equal(df_cursor_left(&from), 4);
        if (rows)
            assert_filled(decoded);
        df_funnel_cohort_encode(decoded, &again);
        df_buf_put_text(&again, "rest");
        assert_true(df_slice_equal(df_buf_slice(&bytes), df_buf_slice(&again)));
        df_buf_dispose(&bytes);
        df_buf_dispose(&again);
        df_funnel_cohort_free(cohort);
        df_funnel_cohort_free(decoded);
    }
}

static void test_rows_that_are_cut_at_any_byte_are_corrupt(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_funnel_cohort *cohort = cohort_of_all_kinds(NULL), *decoded;
    struct df_buf bytes = {0};
    fill(cohort);
    df_funnel_cohort_encode(cohort, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        /* A copy of that size, so that a sanitizer sees each read beyond it. */
        uint8_t *copy = malloc(size ? size : 1);
        assert_non_null(copy);
        memcpy(copy, bytes.data, size);
        struct df_cursor from = df_cursor_make(df_slice_make(copy, size));
        assert_fails(df_funnel_cohort_decode(&decoded, &from, &error), &error, DF_ERROR_CORRUPT, "damaged rows");
        assert_null(decoded);
        free(copy);
    }
    df_buf_dispose(&bytes);
    df_funnel_cohort_free(cohort);
}

static void test_changed_bytes_never_crash(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_funnel_cohort *cohort = cohort_of_all_kinds(NULL);
    struct df_buf bytes = {0};
    fill(cohort);
    df_funnel_cohort_encode(cohort, &bytes);
    for (int i = 0; i < 20000; i++) {
        struct df_error error = {0};
        struct df_funnel_cohort *decoded;
        const struct df_vector *vectors;
        size_t at = test_random(&random) % bytes.size;
        uint8_t before = bytes.data[at];
        bytes.data[at] = (uint8_t)test_random(&random);
        struct df_cursor from = df_cursor_make(df_buf_slice(&bytes));
        if (df_funnel_cohort_decode(&decoded, &from, &error) < 0)
            assert_int_equal(error.kind, DF_ERROR_CORRUPT);
        else
            assert_ok(df_funnel_cohort_vectors(decoded, &vectors, &error), &error);
        df_funnel_cohort_free(decoded);
        bytes.data[at] = before;
    }
    df_buf_dispose(&bytes);
    df_funnel_cohort_free(cohort);
}

static void test_more_rows_than_bytes_are_not_believed(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_funnel_cohort *decoded;
    struct df_buf bytes = {0};
    df_buf_put_varint(&bytes, 1);
    df_buf_put_varint(&bytes, 1);
    df_buf_put_text(&bytes, "u");
    df_buf_put(&bytes, "\2\100\0\0\0", 5); /* INT64 of 64 bits */
    df_buf_put_varint(&bytes, 1000000000);
    df_buf_put(&bytes, "\0\0\0\0", 4);
    struct df_cursor from = df_cursor_make(df_buf_slice(&bytes));
    assert_fails(df_funnel_cohort_decode(&decoded, &from, &error), &error, DF_ERROR_CORRUPT, "more rows than bytes");
    df_buf_dispose(&bytes);
}

static void test_a_row_that_does_not_fit_is_forgotten_and_memory_is_given_back(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 64 * 1024);
    struct df_funnel_account account = {.budget = &budget};
    struct df_funnel_cohort *cohort = cohort_of_all_kinds(&account);
    struct df_error error = {0};
    uint64_t rows = 0;
    bool fits = true;
    while (fits) {
        struct df_parquet_value user = of_text("somebody"), time = of_int64((int64_t)rows);
        fits = df_funnel_cohort_put(cohort, &user) && df_funnel_cohort_put(cohort, &time);
        for (int i = 2; i < COLUMNS && fits; i++)
            fits = df_funnel_cohort_put(cohort, NULL);
        rows += fits;
        assert_true(rows < 100000);
    }
    assert_true(rows > 100);
    assert_int_equal(df_funnel_cohort_rows(cohort), rows);
    budget.limit_bytes = 0;
    /* The next value is a user again, and what came before is whole. */
    fill(cohort);
    const struct df_vector *vectors;
    assert_ok(df_funnel_cohort_vectors(cohort, &vectors, &error), &error);
    assert_int_equal(vectors[0].row_count, rows + 3);
    assert_slice_is(vectors[0].values.bytes[rows - 1], "somebody");
    assert_slice_is(vectors[0].values.bytes[rows], "ann");
    assert_int_equal(vectors[1].values.int64s[rows - 1], rows - 1);
    df_funnel_cohort_free(cohort);
    assert_int_equal(budget.used_bytes, 0);
    assert_int_equal(account.held_bytes, 0);
}

static void assert_check(const char *user, bool breakdown, const char *first, const char *second, const char *message)
{
    struct df_error error = {0};
    struct fixture fixture;
    fixture_make(&fixture, user, 3, breakdown, (const char *const[]){first, second}, 2);
    if (message)
        assert_fails(df_funnel_cohort_check(&fixture.request, &error), &error, DF_ERROR_INVALID, message);
    else
        assert_ok(df_funnel_cohort_check(&fixture.request, &error), &error);
}

static void test_columns_of_one_name_are_told_early(void **state)
{
    (void)state;
    assert_check("user", true, "a", "b", NULL);
    assert_check("user", false, "breakdown", "step4", NULL);
    assert_check("user", false, "a", "user",
                 "funnel.export.columns[1]: the file would have two columns 'user' (the other one is the user's)");
    assert_check("user", false, "step3", "a", "funnel.export.columns[0]: the file would have two columns 'step3'");
    assert_check("user", true, "a", "breakdown", "(the other one is the breakdown's); leave it out");
    assert_check("user", false, "a", "a", "asked for before");
    assert_check("step2", false, "a", "b", "a column 'step2' of its own, and the user column is called so too");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_out_as_vectors),
        cmocka_unit_test(test_the_codec_gives_the_same_rows_back),
        cmocka_unit_test(test_rows_that_are_cut_at_any_byte_are_corrupt),
        cmocka_unit_test(test_changed_bytes_never_crash),
        cmocka_unit_test(test_more_rows_than_bytes_are_not_believed),
        cmocka_unit_test(test_a_row_that_does_not_fit_is_forgotten_and_memory_is_given_back),
        cmocka_unit_test(test_columns_of_one_name_are_told_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
