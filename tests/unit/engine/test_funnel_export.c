/* Cohorts as files: the same rows in each format, exactly; all or nothing. */
#include "engine/funnel/export/write.h"

#include <unistd.h>

#include "testing/testing.h"

/* user, step1, then asked columns of the types given. */
static struct df_funnel_cohort *cohort_make(struct df_type user, struct df_type time, const char *const *names,
                                            const struct df_type *types, uint32_t count)
{
    struct df_error error = {0};
    struct df_funnel_column columns[16] = {0};
    uint32_t asked[16];
    struct df_funnel_request request = {0};
    struct df_funnel_cohort *cohort;
    assert_true(count <= 16);
    for (uint32_t i = 0; i < count; i++) {
        columns[i].name = names[i];
        asked[i] = i;
    }
    request.dataset.user = "user, or \"who\"";
    request.columns = columns;
    request.funnel.sequence.positive_count = 1;
    request.funnel.cohort = (struct df_funnel_export){.given = true, .columns = asked, .column_count = count};
    assert_ok(df_funnel_cohort_create(&cohort, &request, &user, &time, NULL, types, NULL, &error), &error);
    return cohort;
}

enum { ASKED = 10 };
static const char *const all_names[ASKED] = {"name",  "flag",  "price", "big", "day",
                                             "clock", "cents", "wide",  "id",  "nil"};
static const struct df_type all_types[ASKED] = {{.kind = DF_TYPE_STRING},
                                                {.kind = DF_TYPE_BOOL},
                                                {.kind = DF_TYPE_FLOAT, .bits = 64},
                                                {.kind = DF_TYPE_UINT64, .bits = 64},
                                                {.kind = DF_TYPE_DATE},
                                                {.kind = DF_TYPE_TIME, .unit = DF_TIME_US},
                                                {.kind = DF_TYPE_DECIMAL, .precision = 9, .scale = 2},
                                                {.kind = DF_TYPE_DECIMAL, .precision = 38, .scale = 30},
                                                {.kind = DF_TYPE_UUID},
                                                {.kind = DF_TYPE_NULL}};
static const struct df_type user_type = {.kind = DF_TYPE_INT64, .bits = 32},
                            time_type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS};

static void put(struct df_funnel_cohort *cohort, struct df_parquet_value value)
{
    assert_true(df_funnel_cohort_put(cohort, &value));
}

static void put_row(struct df_funnel_cohort *cohort, int64_t user, const char *name, double price, __int128 wide)
{
    static const uint8_t uuid[16] = {0x6a, 0x1e, 0x53, 0xe9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff};
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = user});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = 1430648430500});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_BYTES, .as.bytes = df_slice_text(name)});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_BOOL, .as.boolean = user % 2});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_FLOAT64, .as.float64 = price});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = -1});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = 16558});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = 37230500000});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = -5});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT128, .as.int128 = wide});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_BYTES, .as.bytes = df_slice_make(uuid, 16)});
    assert_true(df_funnel_cohort_put(cohort, NULL));
}

static struct df_funnel_cohort *cohort_of_all_types(void)
{
    struct df_funnel_cohort *cohort = cohort_make(user_type, time_type, all_names, all_types, ASKED);
    put_row(cohort, -7, "say \"hi\",\r\nthen go", 0.1, (__int128)1000000000000000 * 1000000000000000 * 12345678);
    put_row(cohort, 8, "", 1e16, -1);
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = 9});
    for (int i = 0; i < ASKED + 1; i++)
        assert_true(df_funnel_cohort_put(cohort, NULL));
    return cohort;
}

/* Writes the cohort twice over (two parts) and returns what stands there. */
static void write_twice(const char *folder, const char *name, struct df_store *store, struct df_buf *uri,
                        struct df_buf *content)
{
    struct df_error error = {0};
    struct df_funnel_cohort *cohort = cohort_of_all_types();
    struct df_funnel_export_writer *writer;
    df_uri_join(uri, folder, name);
    assert_ok(df_funnel_export_open(&writer, store, df_buf_text(uri), cohort, &error), &error);
    assert_ok(df_funnel_export_put(writer, cohort, &error), &error);
    assert_int_not_equal(access(df_buf_text(uri), F_OK), 0); /* nothing before the commit */
    assert_ok(df_funnel_export_put(writer, cohort, &error), &error);
    assert_int_equal(df_funnel_export_rows(writer), 6);
    assert_ok(df_funnel_export_commit(writer, &error), &error);
    assert_ok(df_store_get(store, df_buf_text(uri), 1 << 20, content, &error), &error);
    df_funnel_cohort_free(cohort);
}

static void assert_text_file(const char *name, const char *head, const char *rows)
{
    struct df_error error = {0};
    struct df_store *store;
    struct df_buf uri = {0}, content = {0}, expected = {0};
    const char *folder = test_folder_make();
    assert_ok(df_store_create(&store, &error), &error);
    write_twice(folder, name, store, &uri, &content);
    df_buf_put_text(&expected, head);
    df_buf_put_text(&expected, rows);
    df_buf_put_text(&expected, rows);
    assert_string_equal(df_buf_text(&content), df_buf_text(&expected));
    df_buf_dispose(&uri);
    df_buf_dispose(&content);
    df_buf_dispose(&expected);
    df_store_free(store);
    test_folder_remove(folder);
}

static void test_csv_is_what_rfc_4180_says(void **state)
{
    (void)state;
    assert_text_file(
        "users.csv", "\"user, or \"\"who\"\"\",step1,name,flag,price,big,day,clock,cents,wide,id,nil\r\n",
        "-7,2015-05-03T10:20:30.500Z,\"say \"\"hi\"\",\r\nthen go\",true,0.1,18446744073709551615,2015-05-03,"
        "10:20:30.500,-0.05,12345678.000000000000000000000000000000,6a1e53e9-0001-0203-0405-060708090aff,\r\n"
        "8,2015-05-03T10:20:30.500Z,\"\",false,1e+16,18446744073709551615,2015-05-03,10:20:30.500,-0.05,"
        "-0.000000000000000000000000000001,6a1e53e9-0001-0203-0405-060708090aff,\r\n"
        "9,,,,,,,,,,,\r\n");
}

static void test_ndjson_has_one_object_per_line(void **state)
{
    (void)state;
    assert_text_file(
        "users.ndjson", "",
        "{\"user, or \\\"who\\\"\":-7,\"step1\":\"2015-05-03T10:20:30.500Z\",\"name\":\"say \\\"hi\\\",\\r\\nthen go\","
        "\"flag\":true,\"price\":0.1,\"big\":18446744073709551615,\"day\":\"2015-05-03\",\"clock\":\"10:20:30.500\","
        "\"cents\":-0.05,\"wide\":12345678.000000000000000000000000000000,"
        "\"id\":\"6a1e53e9-0001-0203-0405-060708090aff\",\"nil\":null}\n"
        "{\"user, or \\\"who\\\"\":8,\"step1\":\"2015-05-03T10:20:30.500Z\",\"name\":\"\",\"flag\":false,"
        "\"price\":1e+16,\"big\":18446744073709551615,\"day\":\"2015-05-03\",\"clock\":\"10:20:30.500\","
        "\"cents\":-0.05,\"wide\":-0.000000000000000000000000000001,"
        "\"id\":\"6a1e53e9-0001-0203-0405-060708090aff\",\"nil\":null}\n"
        "{\"user, or \\\"who\\\"\":9,\"step1\":null,\"name\":null,\"flag\":null,\"price\":null,\"big\":null,"
        "\"day\":null,\"clock\":null,\"cents\":null,\"wide\":null,\"id\":null,\"nil\":null}\n");
}

/* ---- Parquet ---- */

static struct df_slice bytes_at(const struct df_vector *vector, uint32_t row)
{
    return vector->kind == DF_VECTOR_CODES ? vector->dictionary->values.bytes[vector->values.codes[row]]
                                           : vector->values.bytes[row];
}

static void assert_parquet_rows(const struct df_vector *vectors, uint32_t rows)
{
    assert_int_equal(rows, 6);
    for (uint32_t row = 0; row < rows; row += 3) {
        assert_int_equal(vectors[0].values.int64s[row], -7);
        assert_int_equal(vectors[0].values.int64s[row + 2], 9);
        assert_int_equal(vectors[1].values.int64s[row + 1], 1430648430500);
        assert_slice_is(bytes_at(&vectors[2], row), "say \"hi\",\r\nthen go");
        assert_false(df_vector_is_null(&vectors[2], row + 1));
        assert_slice_is(bytes_at(&vectors[2], row + 1), "");
        assert_int_equal(vectors[3].values.bools[row], 1);
        assert_true(vectors[4].values.float64s[row] == 0.1);
        assert_int_equal(vectors[5].values.int64s[row], -1);
        assert_int_equal(vectors[6].values.int64s[row], 16558);
        assert_int_equal(vectors[7].values.int64s[row], 37230500000);
        assert_int_equal(vectors[8].values.int64s[row], -5);
        assert_true(vectors[9].values.int128s[row + 1] == -1);
        assert_true(vectors[9].values.int128s[row] / 12345678 == (__int128)1000000000000000 * 1000000000000000);
        assert_int_equal(bytes_at(&vectors[10], row).data[15], 0xff);
        for (uint32_t i = 1; i < ASKED + 2; i++)
            assert_true(df_vector_is_null(&vectors[i], row + 2));
        assert_true(df_vector_is_null(&vectors[11], row));
    }
}

static void test_parquet_keeps_types_and_values(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_store *store;
    struct df_buf uri = {0}, content = {0};
    const char *folder = test_folder_make();
    assert_ok(df_store_create(&store, &error), &error);
    write_twice(folder, "users.parquet", store, &uri, &content);
    struct df_parquet_file *file;
    const struct df_parquet_open open = {.store = store, .uri = df_buf_text(&uri), .deadline = df_deadline_never()};
    assert_ok(df_parquet_file_open(&file, &open, &error), &error);
    assert_int_equal(df_parquet_row_count(file), 6);
    uint32_t columns[ASKED + 2];
    for (uint32_t i = 0; i < ASKED + 2; i++) {
        const struct df_parquet_column *column = df_parquet_column(file, i);
        const struct df_type *type = i == 0 ? &user_type : i == 1 ? &time_type : &all_types[i - 2];
        assert_null(column->unsupported);
        assert_int_equal(column->type.kind, type->kind == DF_TYPE_NULL ? DF_TYPE_STRING : type->kind);
        assert_int_equal(column->type.scale, type->scale);
        assert_int_equal(column->optional, i > 0);
        columns[i] = i;
    }
    assert_string_equal(df_parquet_column(file, 0)->name, "user, or \"who\"");
    struct df_parquet_scan *scan;
    const struct df_parquet_scan_options options = {.columns = columns,
                                                    .column_count = ASKED + 2,
                                                    .row_group_end = df_parquet_row_group_count(file),
                                                    .deadline = df_deadline_never()};
    const struct df_vector *vectors;
    uint32_t rows;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    assert_ok(df_parquet_scan_next(scan, &vectors, &rows, &error), &error);
    assert_parquet_rows(vectors, rows);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    df_buf_dispose(&uri);
    df_buf_dispose(&content);
    df_store_free(store);
    test_folder_remove(folder);
}

/* Parquet has no timestamps in seconds: the same instants are written in another unit. */
static void test_times_in_seconds_are_the_same_instants_in_parquet(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_store *store;
    struct df_buf uri = {0};
    const char *folder = test_folder_make();
    struct df_funnel_cohort *cohort =
        cohort_make(user_type, (struct df_type){.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_S}, NULL, NULL, 0);
    struct df_funnel_export_writer *writer;
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = 1});
    put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = 1430648430});
    assert_ok(df_store_create(&store, &error), &error);
    df_uri_join(&uri, folder, "s.parquet");
    assert_ok(df_funnel_export_open(&writer, store, df_buf_text(&uri), cohort, &error), &error);
    assert_ok(df_funnel_export_put(writer, cohort, &error), &error);
    assert_ok(df_funnel_export_commit(writer, &error), &error);
    struct df_parquet_file *file;
    const struct df_parquet_open open = {.store = store, .uri = df_buf_text(&uri), .deadline = df_deadline_never()};
    assert_ok(df_parquet_file_open(&file, &open, &error), &error);
    const struct df_type *type = &df_parquet_column(file, 1)->type;
    struct df_parquet_bounds bounds = df_parquet_bounds(file, 0, 1);
    assert_int_equal(type->kind, DF_TYPE_TIMESTAMP);
    assert_true(bounds.known);
    assert_int_equal(bounds.minimum.as.int64, 1430648430 * df_time_unit_per_second(type->unit));
    df_parquet_file_close(file);
    df_funnel_cohort_free(cohort);
    df_buf_dispose(&uri);
    df_store_free(store);
    test_folder_remove(folder);
}

/* ---- all or nothing, and what does not fit ---- */

static void test_nothing_is_left_of_an_export_that_is_given_up(void **state)
{
    (void)state;
    static const char *const names[] = {"a.csv", "a.ndjson", "a.parquet"};
    struct df_error error = {0};
    struct df_store *store;
    const char *folder = test_folder_make();
    assert_ok(df_store_create(&store, &error), &error);
    for (int i = 0; i < 3; i++) {
        struct df_funnel_cohort *cohort = cohort_of_all_types();
        struct df_funnel_export_writer *writer;
        struct df_buf uri = {0};
        df_uri_join(&uri, folder, names[i]);
        assert_ok(df_funnel_export_open(&writer, store, df_buf_text(&uri), cohort, &error), &error);
        assert_ok(df_funnel_export_put(writer, cohort, &error), &error);
        df_funnel_export_abort(writer);
        df_buf_dispose(&uri);
        df_funnel_cohort_free(cohort);
    }
    assert_int_equal(rmdir(folder), 0); /* not even what was written aside */
    df_store_free(store);
}

static void test_an_export_without_rows_is_a_file_with_columns(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_store *store;
    struct df_buf uri = {0}, content = {0};
    const char *folder = test_folder_make();
    struct df_funnel_cohort *cohort = cohort_make(user_type, time_type, all_names, all_types, 1);
    struct df_funnel_export_writer *writer;
    assert_ok(df_store_create(&store, &error), &error);
    df_uri_join(&uri, folder, "none.csv");
    assert_ok(df_funnel_export_open(&writer, store, df_buf_text(&uri), cohort, &error), &error);
    assert_ok(df_funnel_export_put(writer, cohort, &error), &error);
    assert_ok(df_funnel_export_commit(writer, &error), &error);
    assert_ok(df_store_get(store, df_buf_text(&uri), 1000, &content, &error), &error);
    assert_string_equal(df_buf_text(&content), "\"user, or \"\"who\"\"\",step1,name\r\n");
    df_buf_dispose(&uri);
    df_buf_dispose(&content);
    df_funnel_cohort_free(cohort);
    df_store_free(store);
    test_folder_remove(folder);
}

/* More text than is uploaded at once. */
static void test_large_exports_have_every_row_once(void **state)
{
    (void)state;
    enum { ROWS = 100000 };
    struct df_error error = {0};
    struct df_store *store;
    struct df_buf uri = {0}, content = {0}, expected = {0};
    const char *folder = test_folder_make();
    struct df_funnel_cohort *cohort = cohort_make(user_type, time_type, NULL, NULL, 0);
    struct df_funnel_export_writer *writer;
    assert_ok(df_store_create(&store, &error), &error);
    df_buf_put_text(&expected, "\"user, or \"\"who\"\"\",step1\r\n");
    for (int64_t i = 0; i < ROWS; i++) {
        put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = i});
        put(cohort, (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = 0});
        df_buf_printf(&expected, "%lld,1970-01-01T00:00:00Z\r\n", (long long)i);
    }
    df_uri_join(&uri, folder, "many.csv");
    assert_ok(df_funnel_export_open(&writer, store, df_buf_text(&uri), cohort, &error), &error);
    assert_ok(df_funnel_export_put(writer, cohort, &error), &error);
    assert_ok(df_funnel_export_commit(writer, &error), &error);
    assert_ok(df_store_get(store, df_buf_text(&uri), 1 << 24, &content, &error), &error);
    assert_true(df_slice_equal(df_buf_slice(&content), df_buf_slice(&expected)));
    df_buf_dispose(&uri);
    df_buf_dispose(&content);
    df_buf_dispose(&expected);
    df_funnel_cohort_free(cohort);
    df_store_free(store);
    test_folder_remove(folder);
}

static void test_files_whose_types_differ_do_not_fit_into_one_export(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_store *store;
    struct df_buf uri = {0};
    const char *folder = test_folder_make(), *const names[] = {"price"};
    const struct df_type types[] = {{.kind = DF_TYPE_INT64, .bits = 32},
                                    {.kind = DF_TYPE_INT64, .bits = 64},
                                    {.kind = DF_TYPE_NULL},
                                    {.kind = DF_TYPE_STRING}};
    struct df_funnel_cohort *cohorts[4];
    struct df_funnel_export_writer *writer;
    assert_ok(df_store_create(&store, &error), &error);
    df_uri_join(&uri, folder, "a.parquet");
    for (int i = 0; i < 4; i++) {
        cohorts[i] = cohort_make(user_type, time_type, names, &types[i], 1);
        put(cohorts[i], (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = i});
        assert_true(df_funnel_cohort_put(cohorts[i], NULL));
        assert_true(df_funnel_cohort_put(cohorts[i], NULL));
    }
    assert_ok(df_funnel_export_open(&writer, store, df_buf_text(&uri), cohorts[0], &error), &error);
    for (int i = 0; i < 3; i++) /* another width, or no value at all, are no difference */
        assert_ok(df_funnel_export_put(writer, cohorts[i], &error), &error);
    assert_fails(df_funnel_export_put(writer, cohorts[3], &error), &error, DF_ERROR_INVALID,
                 "the column 'price' is an integer in some files and a string in others");
    assert_ok(df_funnel_export_commit(writer, &error), &error);
    for (int i = 0; i < 4; i++)
        df_funnel_cohort_free(cohorts[i]);
    df_buf_dispose(&uri);
    df_store_free(store);
    test_folder_remove(folder);
}

static void test_endings_say_the_format(void **state)
{
    (void)state;
    struct df_error error = {0};
    enum df_funnel_export_format format;
    assert_true(df_funnel_export_format_of("s3://b/users.csv", &format));
    assert_int_equal(format, DF_FUNNEL_EXPORT_CSV);
    assert_true(df_funnel_export_format_of("a.csv.ndjson", &format));
    assert_int_equal(format, DF_FUNNEL_EXPORT_NDJSON);
    assert_true(df_funnel_export_format_of("folder/", &format));
    assert_int_equal(format, DF_FUNNEL_EXPORT_PARQUET);
    struct df_funnel_request request = {0};
    assert_ok(df_funnel_export_check(&request, &error), &error);
    request.dataset.user = "user";
    request.funnel.given = true;
    request.funnel.sequence.positive_count = 1;
    request.funnel.cohort = (struct df_funnel_export){.given = true, .file = "users.parquet"};
    assert_ok(df_funnel_export_check(&request, &error), &error);
    request.funnel.cohort.file = "users.xlsx";
    assert_fails(df_funnel_export_check(&request, &error), &error, DF_ERROR_INVALID,
                 "funnel.export.file: the ending of 'users.xlsx' names no format; expected .parquet, .csv, .ndjson");
    request.funnel.cohort.file = "users.csv";
    request.dataset.user = "step1";
    assert_fails(df_funnel_export_check(&request, &error), &error, DF_ERROR_INVALID, "'step1'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_is_what_rfc_4180_says),
        cmocka_unit_test(test_ndjson_has_one_object_per_line),
        cmocka_unit_test(test_parquet_keeps_types_and_values),
        cmocka_unit_test(test_times_in_seconds_are_the_same_instants_in_parquet),
        cmocka_unit_test(test_nothing_is_left_of_an_export_that_is_given_up),
        cmocka_unit_test(test_an_export_without_rows_is_a_file_with_columns),
        cmocka_unit_test(test_large_exports_have_every_row_once),
        cmocka_unit_test(test_files_whose_types_differ_do_not_fit_into_one_export),
        cmocka_unit_test(test_endings_say_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
