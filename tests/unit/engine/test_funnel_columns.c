/* A file's columns as a request needs them: which are found, which types serve, and what is said of those that do not.
 */
#include "engine/funnel/rows/columns_check.h"
#include "unit/engine/rows_testing.h"

/* ---- types ---- */

static const struct df_type null = {.kind = DF_TYPE_NULL}, boolean = {.kind = DF_TYPE_BOOL},
                            int32 = {.kind = DF_TYPE_INT64, .bits = 32}, uint64 = {.kind = DF_TYPE_UINT64, .bits = 64},
                            half = {.kind = DF_TYPE_FLOAT, .bits = 16}, string = {.kind = DF_TYPE_STRING},
                            binary = {.kind = DF_TYPE_BINARY}, uuid = {.kind = DF_TYPE_UUID},
                            date = {.kind = DF_TYPE_DATE}, clock = {.kind = DF_TYPE_TIME, .unit = DF_TIME_US},
                            instant = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_NS},
                            cents = {.kind = DF_TYPE_DECIMAL, .precision = 18, .scale = 2},
                            big = {.kind = DF_TYPE_DECIMAL, .precision = 19, .scale = 2},
                            tags = {.kind = DF_TYPE_STRING, .list = true};

static void test_users_are_what_is_equal_or_not(void **state)
{
    (void)state;
    static const struct {
        const struct df_type *type;
        int kind; /* -1: refused */
        const char *text;
    } cases[] = {{&int32, DF_FUNNEL_KEY_INT64, ""},   {&uint64, DF_FUNNEL_KEY_UINT64, ""},
                 {&string, DF_FUNNEL_KEY_BYTES, ""},  {&binary, DF_FUNNEL_KEY_BYTES, ""},
                 {&uuid, DF_FUNNEL_KEY_BYTES, ""},    {&date, DF_FUNNEL_KEY_INT64, ""},
                 {&instant, DF_FUNNEL_KEY_INT64, ""}, {&cents, DF_FUNNEL_KEY_INT64, ""},
                 {&null, DF_FUNNEL_KEY_INT64, ""},    {&boolean, -1, "is a boolean"},
                 {&half, -1, "is a float"},           {&clock, -1, "is a time of day in us"},
                 {&big, -1, "is a decimal(19,2)"},    {&tags, -1, "is a list of strings"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        enum df_funnel_key_kind kind;
        if (cases[i].kind < 0) {
            assert_fails(df_funnel_check_user("dataset.user", "who", cases[i].type, &kind, &error), &error,
                         DF_ERROR_INVALID, cases[i].text);
            assert_non_null(strstr(error.message, "dataset.user: column 'who' is "));
            assert_non_null(strstr(error.message, "cannot tell users apart; name one of integers, strings"));
        } else {
            assert_ok(df_funnel_check_user("dataset.user", "who", cases[i].type, &kind, &error), &error);
            assert_int_equal(kind, cases[i].kind);
        }
    }
}

static void test_times_are_what_has_an_order_on_a_line(void **state)
{
    (void)state;
    static const struct {
        const struct df_type *type;
        int kind; /* -1: refused */
        bool known;
        enum df_funnel_scale scale;
        const char *text;
    } cases[] = {{&int32, DF_FUNNEL_TIME_INT64, false, DF_FUNNEL_SCALE_S, "an integer"},
                 {&uint64, DF_FUNNEL_TIME_UINT64, false, DF_FUNNEL_SCALE_S, "an unsigned 64-bit integer"},
                 {&half, DF_FUNNEL_TIME_FLOAT, true, DF_FUNNEL_SCALE_US, "floating seconds"},
                 {&date, DF_FUNNEL_TIME_INT64, true, DF_FUNNEL_SCALE_DAY, "a date"},
                 {&instant, DF_FUNNEL_TIME_INT64, true, DF_FUNNEL_SCALE_NS, "a timestamp in ns"},
                 {&null, DF_FUNNEL_TIME_INT64, false, DF_FUNNEL_SCALE_S, "an integer"},
                 {&boolean, -1, false, DF_FUNNEL_SCALE_S, "is a boolean, which cannot be the time"},
                 {&string, -1, false, DF_FUNNEL_SCALE_S, "is a string, which cannot be the time"},
                 {&clock, -1, false, DF_FUNNEL_SCALE_S, "is a time of day in us, which cannot be the time"},
                 {&cents, -1, false, DF_FUNNEL_SCALE_S, "is a decimal(18,2), which cannot be the time"},
                 {&tags, -1, false, DF_FUNNEL_SCALE_S, "is a list of strings, which cannot be the time"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        struct df_funnel_time time;
        if (cases[i].kind < 0) {
            assert_fails(df_funnel_check_time("dataset.time", "when", cases[i].type, &time, &error), &error,
                         DF_ERROR_INVALID, cases[i].text);
            continue;
        }
        assert_ok(df_funnel_check_time("dataset.time", "when", cases[i].type, &time, &error), &error);
        assert_int_equal(time.kind, cases[i].kind);
        assert_int_equal(time.scale_known, cases[i].known);
        assert_int_equal(time.scale, cases[i].scale);
        assert_string_equal(df_funnel_time_text(&time), cases[i].text);
    }
}

static void test_sums_want_numbers_and_most_want_single_values(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_funnel_column column = {.name = "c", .place = "query.aggregations[0].column"};
    assert_ok(df_funnel_check_value(&column, &tags, &error), &error); /* count */
    column.flat = true;
    assert_fails(
        df_funnel_check_value(&column, &tags, &error), &error, DF_ERROR_INVALID,
        "query.aggregations[0].column: column 'c' is a list of strings, which only aggregations of type count");
    assert_ok(df_funnel_check_value(&column, &string, &error), &error);
    column.numeric = true;
    const struct df_type *numbers[] = {&int32, &uint64, &half, &cents, &big, &null};
    const struct df_type *others[] = {&string, &boolean, &date, &instant, &uuid};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_ok(df_funnel_check_value(&column, numbers[i], &error), &error);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_fails(df_funnel_check_value(&column, others[i], &error), &error, DF_ERROR_INVALID,
                     "a number is needed here; name a column of integers, floats or decimals");
}

static void test_kinds_of_users_have_names(void **state)
{
    (void)state;
    assert_string_equal(df_funnel_key_text(DF_FUNNEL_KEY_INT64), "an integer");
    assert_string_equal(df_funnel_key_text(DF_FUNNEL_KEY_BYTES), "a string");
}

/* ---- files ---- */

struct world {
    char folder[128];
    struct df_store *store;
    struct df_arena arena;
    struct df_parquet_file *file;
    struct df_funnel_request request;
    struct df_funnel_directories directories;
    struct df_funnel_columns columns;
};

/* Columns: user, time, event, price, geo.lat. */
static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct df_error error = {0};
    char path[256];
    int64_t zero[1] = {0};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = 1, .values = {.int64s = zero}};
    const struct df_slice text = df_slice_text("x");
    const struct df_vector texts = {.kind = DF_VECTOR_BYTES, .row_count = 1, .values = {.bytes = &text}};
    const struct test_column columns[] = {{"user", int32, vector},
                                          {"time", instant, vector},
                                          {"event", string, texts},
                                          {"price", cents, vector},
                                          {"geo.lat", int32, vector}};
    snprintf(world->folder, sizeof world->folder, "%s", test_folder_make());
    assert_ok(df_store_create(&world->store, &error), &error);
    snprintf(path, sizeof path, "%s/a.parquet", world->folder);
    write_table(world->store, path, columns, 5, 1, 0);
    struct df_parquet_open open = {.store = world->store, .uri = path, .deadline = df_deadline_never()};
    assert_ok(df_parquet_file_open(&world->file, &open, &error), &error);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    df_parquet_file_close(world->file);
    df_arena_dispose(&world->arena);
    df_store_free(world->store);
    test_folder_remove(world->folder);
    free(world);
    return 0;
}

static int find_with(struct world *world, const char *uri, const char *rest, const char *string_directory,
                     struct df_error *error)
{
    parse_request(&world->request, &world->arena, rest);
    assert_ok(df_funnel_directories_parse(uri, &world->arena, &world->directories, error), error);
    struct df_funnel_columns_find find = {.file = world->file,
                                          .uri = "s3://b/f",
                                          .request = &world->request,
                                          .directories = &world->directories,
                                          .string_directories = &string_directory,
                                          .string_directory_count = string_directory != NULL};
    return df_funnel_columns_find(&world->columns, &find, error);
}

#define VIEW "\"funnel\":{\"sequence\":[{\"filter\":[\"event\",\"==\",\"view\"]}]}"

static void test_each_column_is_found_once_and_those_of_facts_come_first(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    assert_ok(find_with(world, "f",
                        "\"query\":{\"conditions\":[{\"filter\":[\"event\",\"!=\",\"x\"],\"target\":[\"sum\",\"price\","
                        "\">\",1]}],\"aggregations\":[{\"column\":\"event\",\"type\":\"count\"},{\"column\":\"user\","
                        "\"type\":\"count\"}]}," VIEW,
                        NULL, &error),
              &error);
    const struct df_funnel_columns *columns = &world->columns;
    assert_int_equal(columns->column_count, 4);
    assert_int_equal(columns->facts_count, 4);
    assert_int_equal(columns->user_at, 0);
    assert_int_equal(columns->time_at, 1);
    for (uint32_t i = 0; i < world->request.filters.leaf_count; i++)
        assert_int_equal(columns->leaves[i].vector, 2);
    for (uint32_t i = 0; i < world->request.column_count; i++) {
        const char *name = world->request.columns[i].name;
        uint32_t at = columns->values[i].vector;
        assert_string_equal(df_parquet_column(world->file, columns->columns[at])->name, name);
    }
    df_funnel_columns_dispose(&world->columns);
    assert_ok(
        find_with(world, "f", "\"query\":{\"aggregations\":[{\"column\":\"price\",\"type\":\"sum\"}]}", NULL, &error),
        &error);
    assert_int_equal(world->columns.facts_count, 2);
    assert_int_equal(world->columns.column_count, 3);
    df_funnel_columns_dispose(&world->columns);
}

static void test_unknown_columns_are_told_with_their_place_and_the_nearest(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    static const struct {
        const char *rest, *message;
    } cases[] = {
        {"\"funnel\":{\"sequence\":[{\"filter\":[\"evnt\",\"==\",\"view\"]}]}",
         "s3://b/f: funnel.sequence[0].filter[0]: Column 'evnt' not in dataset; did you mean 'event'? It has: user, "
         "time, event, price, geo.lat, day"},
        {"\"funnel\":{\"sequence\":[{\"filter\":{\"not\":{\"column\":\"qqqqqqqqq\",\"op\":\"is null\"}}}]}",
         "funnel.sequence[0].filter.not.column: Column 'qqqqqqqqq' not in dataset; it has: user"},
        {"\"query\":{\"aggregations\":[{\"column\":\"dya\",\"type\":\"count\"}]}",
         "query.aggregations[0].column: Column 'dya' not in dataset; did you mean 'day'?"},
        {"\"query\":{\"aggregations\":[{\"column\":\"geo\",\"type\":\"count\"}]}",
         "query.aggregations[0].column: column 'geo' is a struct; name one of its fields, as 'geo.lat'"},
        {"\"query\":{\"aggregations\":[{\"column\":\"event\",\"type\":\"sum\"}]}",
         "query.aggregations[0].column: column 'event' is a string, and a number is needed here"},
        {"\"funnel\":{\"sequence\":[{\"filter\":[\"a\\u0007b\",\"==\",\"view\"]}]}", "Column 'a?b' not in dataset"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(find_with(world, "day=1/f", cases[i].rest, NULL, &error), &error, DF_ERROR_INVALID,
                     cases[i].message);
}

static void test_a_directory_stands_before_a_column_of_the_same_name(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    const char *rest = VIEW ",\"query\":{\"aggregations\":[{\"column\":\"event\",\"type\":\"count\"}]}";
    assert_ok(find_with(world, "event=7/f", rest, NULL, &error), &error);
    const struct df_funnel_filter_column *leaf = &world->columns.leaves[0];
    const struct df_funnel_value_column *value = &world->columns.values[0];
    assert_true(leaf->vector == DF_FUNNEL_FILTER_FIXED && leaf->type.kind == DF_TYPE_INT64 && !leaf->fixed_null);
    assert_int_equal(leaf->fixed.as.int64, 7);
    assert_true(value->vector == DF_FUNNEL_FILTER_FIXED && value->fixed.as.int64 == 7);
    assert_int_equal(world->columns.column_count, 2);
    df_funnel_columns_dispose(&world->columns);

    assert_ok(find_with(world, "event=7/f", rest, "event", &error), &error); /* a string in another file */
    assert_int_equal(world->columns.leaves[0].type.kind, DF_TYPE_STRING);
    assert_slice_is(world->columns.leaves[0].fixed.as.bytes, "7");
    df_funnel_columns_dispose(&world->columns);

    assert_ok(find_with(world, "event=__HIVE_DEFAULT_PARTITION__/f", rest, "event", &error), &error);
    assert_true(world->columns.leaves[0].fixed_null && world->columns.leaves[0].type.kind == DF_TYPE_STRING);
    df_funnel_columns_dispose(&world->columns);
}

static void test_users_and_times_are_no_directories(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    assert_fails(find_with(world, "user=7/f", VIEW, NULL, &error), &error, DF_ERROR_INVALID,
                 "s3://b/f: dataset.user: column 'user' is a directory of the path");
    assert_fails(find_with(world, "time=7/f", VIEW, NULL, &error), &error, DF_ERROR_INVALID,
                 "dataset.time: column 'time' is a directory of the path");
    assert_null(world->columns.columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_are_what_is_equal_or_not),
        cmocka_unit_test(test_times_are_what_has_an_order_on_a_line),
        cmocka_unit_test(test_sums_want_numbers_and_most_want_single_values),
        cmocka_unit_test(test_kinds_of_users_have_names),
        cmocka_unit_test_setup_teardown(test_each_column_is_found_once_and_those_of_facts_come_first, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_unknown_columns_are_told_with_their_place_and_the_nearest, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_a_directory_stands_before_a_column_of_the_same_name, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_users_and_times_are_no_directories, world_make, world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
