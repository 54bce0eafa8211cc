/* Which files and row groups a query reads, in how many stages, and what it says of that. */
#include "unit/engine/funnel_driver.h"
#include "unit/engine/funnel_files.h"

#define VIEW_BUY "{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"event\",\"==\",\"buy\"]}"

static const char *ask(struct df_buf *out, const char *dataset, const char *members)
{
    df_buf_clear(out);
    df_buf_printf(out, "{\"dataset\":{%s,\"user\":\"user\",\"time\":\"time\"},%s}", dataset, members);
    return df_buf_text(out);
}

static const char *ask_path(struct df_buf *out, const struct world *world, const char *folder, const char *members)
{
    char dataset[700];
    snprintf(dataset, sizeof dataset, "\"paths\":[%s]", quoted(world, folder));
    return ask(out, dataset, members);
}

static struct event *crowd_in_order(size_t n, uint64_t users)
{
    struct event *events = make_crowd(n, users, 5);
    for (size_t i = 0; i < n; i++) {
        events[i].time = 1430622004384 + (int64_t)i * 1000;
        events[i].has_time = true;
    }
    return events;
}

static void in_folder(const struct world *world, const char *name, char place[512])
{
    snprintf(place, 512, "%s/%s", world->folder, name);
}

/* ---- files ---- */

static void test_registered_files_answer_as_listed_ones(void **state)
{
    struct world *world = *state;
    struct event *events = make_crowd(600, 60, 2);
    const struct file_options options = {.row_group_rows = 100};
    struct df_buf request = {0}, expected = {0}, dataset = {0};
    char folder[512];
    in_folder(world, "registered", folder);
    write_folder(world->store, folder, events, 600, 3, BY_TIME, &options);
    struct driver driver = make_driver(world);
    const char *funnel = "\"funnel\":{\"sequence\":[" VIEW_BUY "]}";
    assert_same_answer(&driver, ask_path(&request, world, "registered", funnel), &expected);
    uint64_t size = driver_counter(&driver, "totalSize");
    for (int known = 0; known < 2; known++) {
        df_buf_clear(&dataset);
        df_buf_put_text(&dataset, "\"files\":[");
        for (int i = 0; i < 3; i++) {
            char path[600];
            struct df_object object;
            struct df_error error = {0};
            snprintf(path, sizeof path, "%s/part-%03d.parquet", folder, i);
            assert_ok(df_store_head(world->store, path, &object, &error), &error);
            df_buf_printf(&dataset, "%s{\"uri\":\"%s\",\"sizeBytes\":%llu}", i ? "," : "", path,
                          known ? (unsigned long long)object.size_bytes : 0);
        }
        df_buf_put_text(&dataset, "]");
        assert_same_answer(&driver, ask(&request, df_buf_text(&dataset), funnel), &expected);
        assert_int_equal(driver_counter(&driver, "totalSize"), size);
        assert_int_equal(driver_counter(&driver, "parts"), 3);
    }
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&dataset);
    df_buf_dispose(&expected);
}

/* One folder per year; the third has a name that is no canonical integer. */
static void write_years(struct world *world, const char *name, const struct event *events, size_t n,
                        const char *const *years)
{
    const struct file_options options = {.row_group_rows = 50};
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s/year=%s/a.parquet", world->folder, name, years[i]);
        write_file(world->store, path, events + n / 3 * i, n / 3, &options);
    }
}

static void test_files_that_directories_rule_out_are_not_read(void **state)
{
    struct world *world = *state;
    struct event *events = make_crowd(600, 60, 2);
    static const char *const integers[] = {"2014", "2015", "2016"}, *const texts[] = {"2014", "2015", "late%20ones"};
    struct df_buf request = {0}, some = {0}, all = {0};
    struct driver driver = make_driver(world);
    const struct file_options options = {.row_group_rows = 50};
    char folder[512];
    write_years(world, "years", events, 600, integers);
    write_years(world, "mixed", events, 600, texts);
    in_folder(world, "first", folder);
    write_folder(world->store, folder, events, 200, 1, BY_TIME, &options);
    in_folder(world, "all", folder);
    write_folder(world->store, folder, events, 600, 3, BY_TIME, &options);
    const char *plain = "\"funnel\":{\"sequence\":[" VIEW_BUY "]}";
    assert_same_answer(&driver, ask_path(&request, world, "first", plain), &some);
    assert_same_answer(&driver, ask_path(&request, world, "all", plain), &all);

    assert_same_answer(
        &driver,
        ask_path(&request, world, "years", "\"where\":[\"year\",\"==\",2014],\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
        &some);
    assert_string_equal(driver.way, "W"); /* of one file that is left, users are whole */
    assert_int_equal(driver_counter(&driver, "filesSkipped"), 2);
    assert_int_equal(driver_counter(&driver, "scannedRows"), 200);
    assert_int_equal(driver_counter(&driver, "parts"), 3);
    assert_same_answer(&driver,
                       ask_path(&request, world, "years",
                                "\"where\":{\"not\":{\"or\":[[\"year\",\"<\",2014],[\"year\",\">=\",2017]]}},"
                                "\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
                       &all);
    assert_int_equal(driver_counter(&driver, "filesSkipped"), 0);
    /* One value that is no integer, and all are strings. */
    assert_same_answer(&driver,
                       ask_path(&request, world, "mixed",
                                "\"where\":[\"year\",\"==\",\"2014\"],\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
                       &some);
    assert_int_equal(driver_counter(&driver, "filesSkipped"), 2);
    assert_query_fails(
        &driver,
        ask_path(&request, world, "mixed", "\"where\":[\"year\",\"==\",2014],\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
        DF_ERROR_INVALID, "'year' is a string");
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&some);
    df_buf_dispose(&all);
}

static void test_directories_are_columns_of_lists_too(void **state)
{
    struct world *world = *state;
    struct event *events = make_crowd(600, 60, 2);
    static const char *const years[] = {"2014", "2015", "x"};
    struct df_buf request = {0}, answer = {0};
    struct driver driver = make_driver(world);
    for (size_t i = 0; i < 600; i++)
        events[i].has_user = true;
    write_years(world, "lists", events, 600, years);
    assert_same_answer(&driver,
                       ask_path(&request, world, "lists",
                                "\"query\":{\"aggregations\":[{\"column\":\"year\",\"type\":\"countPerValue\"}]}"),
                       &answer);
    assert_non_null(strstr(df_buf_text(&answer), "\"value\":{\"2014\":200,\"2015\":200,\"x\":200}"));
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_nothing_left_is_answered_from_directories_and_footers_alone(void **state)
{
    struct world *world = *state;
    struct event *events = crowd_in_order(600, 60);
    static const char *const years[] = {"2014", "2015", "2016"};
    struct df_buf request = {0}, expected = {0};
    struct driver driver = make_driver(world);
    write_years(world, "nothing", events, 600, years);
    assert_same_answer(&driver,
                       ask_path(&request, world, "nothing",
                                "\"where\":[\"year\",\"==\",1999],\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
                       &expected);
    assert_string_equal(driver.way, "");
    assert_int_equal(driver_counter(&driver, "filesSkipped"), 3);
    assert_non_null(strstr(df_buf_text(&expected), "\"matchingGroups\":0,\"matchingGroupRows\":0"));
    assert_same_answer(&driver,
                       ask_path(&request, world, "nothing",
                                "\"timeframe\":{\"from\":2430622004384},\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
                       &expected);
    assert_string_equal(driver.way, "F");
    assert_int_equal(driver_counter(&driver, "scannedRows"), 0);
    assert_int_equal(driver_counter(&driver, "rowGroupsRead"), 0);
    assert_int_equal(driver_counter(&driver, "filesSkipped"), 3);
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&expected);
}

/* ---- row groups ---- */

static void test_row_groups_outside_the_timeframe_are_not_read(void **state)
{
    struct world *world = *state;
    struct event *events = crowd_in_order(2000, 100);
    const struct file_options small = {.row_group_rows = 100}, large = {.row_group_rows = 2000};
    struct df_buf request = {0}, expected = {0}, members = {0};
    struct driver driver = make_driver(world);
    char folder[512];
    in_folder(world, "cut", folder);
    write_folder(world->store, folder, events, 2000, 2, BY_TIME, &small);
    in_folder(world, "uncut", folder);
    write_folder(world->store, folder, events, 2000, 1, BY_TIME, &large);
    df_buf_printf(&members,
                  "\"timeframe\":{\"from\":%" PRId64 ",\"to\":%" PRId64 "},\"funnel\":{\"sequence\":[" VIEW_BUY "]}",
                  events[350].time, events[1150].time);
    assert_same_answer(&driver, ask_path(&request, world, "uncut", df_buf_text(&members)), &expected);
    assert_int_equal(driver_counter(&driver, "rowGroupsSkipped"), 0);
    assert_same_answer(&driver, ask_path(&request, world, "cut", df_buf_text(&members)), &expected);
    assert_string_equal(driver.way, "FSG");
    assert_int_equal(driver_counter(&driver, "rowGroupsRead"), 9);
    assert_int_equal(driver_counter(&driver, "rowGroupsSkipped"), 11);
    assert_int_equal(driver_counter(&driver, "scannedRows"), 900);
    free(events);
    df_buf_dispose(&members);
    df_buf_dispose(&request);
    df_buf_dispose(&expected);
}

static void test_row_groups_that_fail_where_are_not_read(void **state)
{
    struct world *world = *state;
    struct event *events = crowd_in_order(1000, 1000);
    const struct file_options options = {.row_group_rows = 100};
    struct df_buf request = {0}, expected = {0};
    struct driver driver = make_driver(world);
    char folder[512];
    for (size_t i = 0; i < 1000; i++) {
        events[i].has_user = true;
        events[i].user = (int64_t)(i / 2); /* in order, so that bounds of row groups tell */
    }
    in_folder(world, "ordered", folder);
    write_folder(world->store, folder, events, 1000, 2, BY_TIME, &options);
    assert_same_answer(
        &driver,
        ask_path(&request, world, "ordered", "\"where\":[\"user\",\"<\",75],\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
        &expected);
    assert_string_equal(driver.way, "FW"); /* only one file is left */
    assert_int_equal(driver_counter(&driver, "rowGroupsRead"), 2);
    assert_int_equal(driver_counter(&driver, "rowGroupsSkipped"), 8);
    assert_int_equal(driver_counter(&driver, "filesSkipped"), 1);
    assert_int_equal(driver_counter(&driver, "scannedGroups"), 75);
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&expected);
}

/* ---- the unit of plain integers ---- */

static void test_the_unit_of_plain_integers_is_guessed_where_it_matters(void **state)
{
    struct world *world = *state;
    static const struct {
        int64_t factor_up, factor_down;
        const char *unit;
    } cases[] = {{1, 1000, "s"}, {1, 1, "ms"}, {1000, 1, "us"}, {1000000, 1, "ns"}};
    struct df_buf request = {0}, expected = {0};
    for (size_t c = 0; c < 4; c++) {
        struct event *events = crowd_in_order(900, 30);
        const struct file_options options = {.row_group_rows = 100};
        struct driver driver = make_driver(world);
        char folder[512], name[32], wanted[64];
        for (size_t i = 0; i < 900; i++)
            events[i].time = events[i].time / 1000 * 1000 / cases[c].factor_down * cases[c].factor_up;
        snprintf(name, sizeof name, "unit-%s", cases[c].unit);
        in_folder(world, name, folder);
        write_folder(world->store, folder, events, 900, 3, BY_TIME, &options);
        assert_same_answer(
            &driver,
            ask_path(&request, world, name, "\"funnel\":{\"sequence\":[" VIEW_BUY "],\"maxDuration\":\"30s\"}"),
            &expected);
        snprintf(wanted, sizeof wanted, "\"timestampUnit\":\"%s\",\"timestampUnitFrom\":\"guessed\"", cases[c].unit);
        if (!strstr(driver.explain, wanted))
            fail_msg("%s: %s", wanted, driver.explain);
        free(events);
    }
    df_buf_dispose(&request);
    df_buf_dispose(&expected);
}

/* ---- files that do not go together ---- */

static void test_columns_of_two_types_name_both_files(void **state)
{
    struct world *world = *state;
    struct event *events = make_crowd(200, 20, 1);
    const struct file_options floats = {.row_group_rows = 100}, integers = {.row_group_rows = 100, .cents = true};
    struct df_buf request = {0};
    char path[512];
    in_folder(world, "types/a.parquet", path);
    write_file(world->store, path, events, 200, &floats);
    in_folder(world, "types/b.parquet", path);
    write_file(world->store, path, events, 200, &integers);
    static const char *const groups[] = {"auto", "spread", "whole"};
    for (int i = 0; i < 3; i++) {
        struct driver driver = make_driver(world);
        char dataset[700];
        snprintf(dataset, sizeof dataset, "\"groups\":\"%s\",\"paths\":[%s]", groups[i], quoted(world, "types"));
        ask(&request, dataset, "\"query\":{\"aggregations\":[{\"column\":\"price\",\"type\":\"sum\"}]}");
        assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID,
                           "column 'price' is a float of 64 bits in ");
        assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID, "an integer in ");
        assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID, "b.parquet");
    }
    free(events);
    df_buf_dispose(&request);
}

static void test_durations_of_times_in_two_units_are_refused(void **state)
{
    struct world *world = *state;
    struct event *events = make_crowd(200, 20, 1);
    const struct file_options first = {.row_group_rows = 100, .time = MILLISECONDS},
                              second = {.row_group_rows = 100, .time = MICROSECONDS};
    struct df_buf request = {0}, answer = {0};
    char path[512], dataset[700];
    in_folder(world, "two-units/a.parquet", path);
    write_file(world->store, path, events, 200, &first);
    in_folder(world, "two-units/b.parquet", path);
    write_file(world->store, path, events, 200, &second);
    snprintf(dataset, sizeof dataset, "\"groups\":\"whole\",\"paths\":[%s]", quoted(world, "two-units"));
    struct driver driver = make_driver(world);
    assert_same_answer(&driver, ask(&request, dataset, "\"funnel\":{\"sequence\":[" VIEW_BUY "]}"), &answer);
    ask(&request, dataset, "\"funnel\":{\"sequence\":[" VIEW_BUY "],\"durations\":true}");
    assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID,
                       "the time column 'time' is a timestamp in ms in ");
    assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID, "b.parquet");
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

/* ---- fold ---- */

static int count_part(struct df_plan *plan, const struct df_part *part, struct df_error *error)
{
    (void)part;
    (void)error;
    ++*(unsigned *)plan->ctx;
    return 0;
}

/* What comes back from a worker is garbage: the query ends as corrupt, and frees what it has. */
static void test_garbage_from_a_worker_is_corrupt(void **state)
{
    struct world *world = *state;
    struct event *events = make_crowd(200, 20, 1);
    const struct file_options options = {.row_group_rows = 100};
    struct df_buf request = {0};
    struct df_error error = {0};
    char folder[512];
    in_folder(world, "garbage", folder);
    for (unsigned files = 1; files <= 2; files++) {
        write_folder(world->store, folder, events, 200, files, BY_TIME, &options);
        ask_path(&request, world, "garbage", "\"funnel\":{\"sequence\":[" VIEW_BUY "]}");
        struct df_query query = {
            .engine = &df_engine_funnel, .request = df_buf_slice(&request), .store = world->store, .parallelism = 1};
        unsigned parts = 0;
        struct df_plan plan = {.room = 10, .add = count_part, .ctx = &parts};
        const struct df_part part = {.uri = "somewhere.parquet", .etag = ""};
        const struct df_outcome outcome = {.blob = df_slice_text("\x03garbage")};
        assert_ok(df_engine_funnel.query_begin(&query, &error), &error);
        assert_int_equal(df_engine_funnel.plan(&query, 0, &plan, &error), DF_PLAN_END);
        assert_int_equal(parts, files);
        assert_fails(df_engine_funnel.fold(&query, &part, &outcome, NULL, &error), &error, DF_ERROR_CORRUPT, "damaged");
        df_engine_funnel.query_end(&query, DF_END_FAILED);
        df_query_dispose(&query);
    }
    free(events);
    df_buf_dispose(&request);
}

/* ---- explain ---- */

static void test_explain_tells_stages_columns_and_why(void **state)
{
    struct world *world = *state;
    struct event *events = crowd_in_order(600, 60);
    const struct file_options options = {.row_group_rows = 100, .time = MILLISECONDS};
    struct df_buf request = {0}, answer = {0};
    struct driver driver = make_driver(world);
    char folder[512];
    in_folder(world, "explained", folder);
    write_folder(world->store, folder, events, 600, 3, BY_TIME, &options);
    assert_same_answer(&driver,
                       ask_path(&request, world, "explained",
                                "\"query\":{\"aggregations\":[{\"column\":\"price\",\"type\":\"sum\"}]},"
                                "\"funnel\":{\"sequence\":[" VIEW_BUY "]}"),
                       &answer);
    static const char *const parts[] = {
        "{\"users\":\"spread\",\"why\":\"the rows of a user may lie in several files\",",
        "\"timestampUnit\":\"ms\",\"timestampUnitFrom\":\"column\",\"columns\":[\"user\",\"time\",\"event\",\"price\"]",
        "\"stages\":[{\"name\":\"footers\",\"parts\":3,\"readBytes\":",
        "{\"name\":\"scatter\",\"parts\":3,\"readBytes\":",
        "{\"name\":\"gather\",\"parts\":2,\"readBytes\":",
        "\"rowGroups\":{\"read\":6,\"skipped\":0},\"files\":{\"read\":3,\"skipped\":0},\"exchange\":{\"sections\":2,",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(driver.explain, parts[i]))
            fail_msg("no %s in %s", parts[i], driver.explain);
    assert_null(strstr(driver.explain, "\"parts\":2,\"readBytes\":0}")); /* sections count too */
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registered_files_answer_as_listed_ones),
        cmocka_unit_test(test_files_that_directories_rule_out_are_not_read),
        cmocka_unit_test(test_directories_are_columns_of_lists_too),
        cmocka_unit_test(test_nothing_left_is_answered_from_directories_and_footers_alone),
        cmocka_unit_test(test_row_groups_outside_the_timeframe_are_not_read),
        cmocka_unit_test(test_row_groups_that_fail_where_are_not_read),
        cmocka_unit_test(test_the_unit_of_plain_integers_is_guessed_where_it_matters),
        cmocka_unit_test(test_columns_of_two_types_name_both_files),
        cmocka_unit_test(test_durations_of_times_in_two_units_are_refused),
        cmocka_unit_test(test_garbage_from_a_worker_is_corrupt),
        cmocka_unit_test(test_explain_tells_stages_columns_and_why),
    };
    return cmocka_run_group_tests(tests, world_make, world_free);
}
