/* The engine from request to answer, over real files, with an executor and no job: stages, exchange, memory, errors. */
#include <inttypes.h>

#include "unit/engine/funnel_driver.h"
#include "unit/engine/funnel_files.h"
#include "unit/engine/funnel_testing.h"

/* ---- requests ---- */

#define VIEW_CART_BUY                                                                                                  \
    "{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"event\",\"==\",\"cart\"],\"name\":\"in the cart\"},"      \
    "{\"filter\":[\"event\",\"contains\",\"uy\"]}"

static const char *make_request(struct df_buf *out, const char *paths, const char *groups, const char *steps)
{
    df_buf_clear(out);
    df_buf_printf(out,
                  "{\"dataset\":{\"paths\":[%s],\"user\":\"user\",\"time\":\"time\",\"groups\":\"%s\"},"
                  "\"funnel\":{\"sequence\":[%s]}}",
                  paths, groups, steps);
    return df_buf_text(out);
}

static void put_naive_answer(const struct event *events, size_t n, struct df_buf *out)
{
    const struct naive_step steps[] = {{.filter = 0}, {.filter = 1}, {.filter = 2}};
    struct naive_answer naive;
    naive_evaluate(events, n, steps, 3, &naive);
    df_buf_printf(out, "{\"query\":{\"matchingGroups\":%" PRIu64 ",\"matchingGroupRows\":%" PRIu64 "},", naive.groups,
                  naive.group_rows);
    df_buf_put_text(out, "\"funnel\":{\"sequence\":[");
    for (int i = 0; i < 3; i++)
        df_buf_printf(
            out, "%s{%s\"matchingGroups\":%" PRIu64 ",\"matchingGroupRows\":%" PRIu64 ",\"aggregations\":null}",
            i ? "," : "", i == 1 ? "\"name\":\"in the cart\"," : "", naive.steps[i].users, naive.steps[i].rows);
    df_buf_put_text(out, "],\"endAggregations\":null}}");
}

/* ---- answers ---- */

/* Every way to cut, promise and run the same events. */
static void test_answers_are_those_of_trying_every_chain_however_files_are_cut(void **state)
{
    struct world *world = *state;
    enum { EVENTS = 1500 };
    static const struct {
        const char *name;
        unsigned files;
        enum cut cut;
        bool whole; /* a promise that holds */
    } cuts[] = {{"one", 1, BY_TIME, true},
                {"days", 8, BY_TIME, false},
                {"users", 8, BY_USER, true},
                {"ranges", 3, BY_USER_RANGE, true}};
    struct event *events = make_crowd(EVENTS, 300, 7);
    struct df_buf expected = {0}, request = {0};
    put_naive_answer(events, EVENTS, &expected);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
            char name[64], folder[512];
            snprintf(name, sizeof name, "%s-%d", cuts[c].name, kind);
            snprintf(folder, sizeof folder, "%s/%s", world->folder, name);
            const struct file_options options = {
                .user = (enum user_kind)kind, .time = MILLISECONDS, .row_group_rows = 100, .dictionary = c % 2};
            write_folder(world->store, folder, events, EVENTS, cuts[c].files, cuts[c].cut, &options);
            static const char *const promises[] = {"auto", "spread", "whole"};
            for (int promise = 0; promise < (cuts[c].whole ? 3 : 2); promise++) {
                for (unsigned threads = 1; threads <= 4; threads += 3) {
                    struct driver driver = make_driver(world);
                    driver.threads = driver.parallelism = threads;
                    driver.room = threads * 100;
                    assert_same_answer(&driver,
                                       make_request(&request, quoted(world, name), promises[promise], VIEW_CART_BUY),
                                       &expected);
                    assert_int_equal(driver_counter(&driver, "scannedRows"), EVENTS);
                    assert_int_equal(driver_counter(&driver, "parts"), cuts[c].files);
                    assert_true(driver_counter(&driver, "rowsWithoutGroup") > 0);
                    assert_true(driver_counter(&driver, "scannedGroups") > 200);
                }
            }
        }
    }
    free(events);
    df_buf_dispose(&expected);
    df_buf_dispose(&request);
}

static void test_answers_do_not_depend_on_the_memory(void **state)
{
    struct world *world = *state;
    enum { EVENTS = 120000 };
    struct event *events = make_crowd(EVENTS, 40000, 9);
    struct df_buf expected = {0}, request = {0};
    struct df_error error = {0};
    for (int kind = 0; kind < 2; kind++) {
        const struct file_options options = {
            .user = (enum user_kind)kind, .time = MILLISECONDS, .row_group_rows = 20000};
        char folder[512];
        snprintf(folder, sizeof folder, "%s/whole-%d", world->folder, kind);
        write_folder(world->store, folder, events, EVENTS, 1, BY_TIME, &options);
        snprintf(folder, sizeof folder, "%s/spread-%d", world->folder, kind);
        write_folder(world->store, folder, events, EVENTS, 8, BY_TIME, &options);
        for (int spread = 0; spread < 2; spread++) {
            static const uint64_t limits[] = {0, 64 << 20, 4 << 20, 2 << 20, 1 << 20};
            char name[32];
            snprintf(name, sizeof name, "%s-%d", spread ? "spread" : "whole", kind);
            for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
                struct driver driver = make_driver(world);
                driver.limit_bytes = limits[i];
                make_request(&request, quoted(world, name), "auto", VIEW_CART_BUY);
                if (expected.size == 0)
                    assert_ok(run_query(&driver, df_buf_text(&request), &expected, &error), &error);
                assert_same_answer(&driver, df_buf_text(&request), &expected);
                assert_int_equal(driver_counter(&driver, "scannedRows"), EVENTS);
                /* The floor of a part may pass the limit by what it is. */
                if (limits[i])
                    assert_true(driver.peak_bytes <= limits[i] + (512 << 10));
            }
        }
    }
    free(events);
    df_buf_dispose(&expected);
    df_buf_dispose(&request);
}

/* ---- which stages ---- */

static void assert_stages(struct world *world, const char *name, const char *groups, const char *expected,
                          unsigned parallelism)
{
    struct driver driver = make_driver(world);
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0};
    driver.parallelism = parallelism;
    assert_ok(run_query(&driver, make_request(&request, quoted(world, name), groups, VIEW_CART_BUY), &answer, &error),
              &error);
    assert_string_equal(driver.way, expected);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_an_exchange_is_made_only_where_users_may_be_spread(void **state)
{
    struct world *world = *state;
    enum { EVENTS = 1000 };
    struct event *events = make_crowd(EVENTS, 600, 3);
    struct file_options ints = {.row_group_rows = 100}, strings = {.user = USER_STRING, .row_group_rows = 100};
    char folder[512];
    const char *base = world->folder;
    snprintf(folder, sizeof folder, "%s/alone", base);
    write_folder(world->store, folder, events, EVENTS, 1, BY_TIME, &ints);
    snprintf(folder, sizeof folder, "%s/days", base);
    write_folder(world->store, folder, events, EVENTS, 4, BY_TIME, &ints);
    snprintf(folder, sizeof folder, "%s/ranges", base);
    write_folder(world->store, folder, events, EVENTS, 3, BY_USER_RANGE, &ints);
    snprintf(folder, sizeof folder, "%s/strings", base);
    write_folder(world->store, folder, events, EVENTS, 3, BY_USER, &strings);
    strings.whole = true;
    snprintf(folder, sizeof folder, "%s/saying", base);
    write_folder(world->store, folder, events, EVENTS, 3, BY_USER, &strings);

    assert_stages(world, "alone", "auto", "W", 2);
    assert_stages(world, "alone", "whole", "W", 2);
    assert_stages(world, "alone", "spread", "FSG", 2);
    assert_stages(world, "alone/*.parquet", "auto", "W", 2);
    assert_stages(world, "alone/part-000.parquet", "auto", "W", 2);
    assert_stages(world, "days", "auto", "FSG", 2);
    assert_stages(world, "days", "whole", "W", 2);
    assert_stages(world, "ranges", "auto", "FW", 2);
    assert_stages(world, "ranges", "spread", "FSG", 2);
    assert_stages(world, "strings", "auto", "FSG", 2);
    assert_stages(world, "saying", "auto", "FW", 2);
    assert_stages(world, "saying", "auto", "FW", 16); /* too little for an exchange to pay */
    free(events);
}

static void test_files_without_rows_are_no_work(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0};
    struct driver driver = make_driver(world);
    const struct file_options options = {.row_group_rows = 100};
    char folder[512];
    snprintf(folder, sizeof folder, "%s/empty", world->folder);
    write_folder(world->store, folder, NULL, 0, 3, BY_USER, &options);
    assert_ok(
        run_query(&driver, make_request(&request, quoted(world, "empty"), "auto", VIEW_CART_BUY), &answer, &error),
        &error);
    assert_int_equal(driver.stages, 1);
    assert_memory_equal(df_buf_text(&answer), "{\"query\":{\"matchingGroups\":0,\"matchingGroupRows\":0}", 49);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_a_file_that_is_named_twice_is_read_once(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0}, paths = {0};
    struct driver driver = make_driver(world);
    struct event *events = make_crowd(100, 10, 1);
    const struct file_options options = {.row_group_rows = 100};
    char folder[512];
    snprintf(folder, sizeof folder, "%s/twice", world->folder);
    write_folder(world->store, folder, events, 100, 2, BY_TIME, &options);
    df_buf_printf(&paths, "\"%s\",\"%s/part-001.parquet\",\"file://%s/part-000.parquet\",\"%s/./\"", folder, folder,
                  folder, folder);
    assert_ok(run_query(&driver, make_request(&request, df_buf_text(&paths), "auto", VIEW_CART_BUY), &answer, &error),
              &error);
    assert_int_equal(driver_counter(&driver, "scannedRows"), 100);
    assert_int_equal(driver_counter(&driver, "parts"), 2);
    free(events);
    df_buf_dispose(&paths);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_ten_thousand_steps_are_counted(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0}, steps = {0};
    struct driver driver = make_driver(world);
    struct event events[2000];
    const struct file_options options = {.row_group_rows = 1000};
    char folder[512];
    for (int i = 0; i < 2000; i++)
        events[i] = (struct event){.has_user = true, .has_time = true, .user = 1, .time = i, .matches = 1};
    snprintf(folder, sizeof folder, "%s/long", world->folder);
    write_folder(world->store, folder, events, 2000, 2, BY_TIME, &options);
    for (int i = 0; i < 10000; i++)
        df_buf_printf(&steps, "%s{\"filter\":[\"event\",\"==\",\"view\"]}", i ? "," : "");
    assert_ok(
        run_query(&driver, make_request(&request, quoted(world, "long"), "auto", df_buf_text(&steps)), &answer, &error),
        &error);
    unsigned reached = 0;
    for (const char *at = df_buf_text(&answer); (at = strstr(at, "\"matchingGroups\":1,")); at++)
        reached++;
    assert_int_equal(reached, 2001); /* 2000 steps, and the query's own count */
    df_buf_dispose(&steps);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

/* ---- errors ---- */

static void test_data_errors_name_the_thing_and_a_way_out(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct event *events = make_crowd(200, 20, 1);
    char folder[512];
    struct file_options options = {.row_group_rows = 100, .time = MILLISECONDS};
    snprintf(folder, sizeof folder, "%s/good", world->folder);
    write_folder(world->store, folder, events, 200, 2, BY_TIME, &options);
    static const struct {
        const char *user, *time, *steps, *message;
        enum df_error_kind kind;
    } cases[] = {
        {"user", "time", "{\"filter\":[\"evnt\",\"==\",\"view\"]}",
         "part-000.parquet: funnel.sequence[0].filter[0]: Column 'evnt' not in dataset; did you mean 'event'? It has: "
         "user, "
         "time, event, price",
         DF_ERROR_INVALID},
        {"user", "time", "{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"nothing_like_it\",\"==\",1]}",
         "funnel.sequence[1].filter", DF_ERROR_INVALID},
        {"usr", "time", VIEW_CART_BUY, "dataset.user: Column 'usr' not in dataset; did you mean 'user'?",
         DF_ERROR_INVALID},
        {"price", "time", VIEW_CART_BUY, "column 'price' is a float, which cannot tell users apart", DF_ERROR_INVALID},
        {"user", "event", VIEW_CART_BUY, "dataset.time: column 'event' is a string", DF_ERROR_INVALID},
        {"user", "time", "{\"filter\":[\"event\",\"==\",5]}",
         "column 'event' is a string and 5 is a number; quote it: event = '5'", DF_ERROR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int whole = 0; whole < 2; whole++) {
            struct driver driver = make_driver(world);
            df_buf_clear(&request);
            df_buf_printf(&request,
                          "{\"dataset\":{\"paths\":[\"%s\"],\"user\":\"%s\",\"time\":\"%s\",\"groups\":\"%s\"},"
                          "\"funnel\":{\"sequence\":[%s]}}",
                          folder, cases[i].user, cases[i].time, whole ? "whole" : "auto", cases[i].steps);
            assert_query_fails(&driver, df_buf_text(&request), cases[i].kind, cases[i].message);
            assert_int_equal(driver.stages, 1); /* told by the footers, before any row is read */
        }
    }
    free(events);
    df_buf_dispose(&request);
}

static void test_missing_and_wrong_files_are_told(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    char path[512];
    assert_query_fails(&driver, make_request(&request, quoted(world, "nowhere"), "auto", VIEW_CART_BUY),
                       DF_ERROR_NOT_FOUND, "nowhere");
    snprintf(path, sizeof path, "%s/texts/readme.txt", world->folder);
    struct df_put put = {.uri = path, .content = df_slice_text("hello"), .condition = DF_PUT_ALWAYS};
    assert_ok(df_store_put(world->store, &put, NULL, &error), &error);
    assert_query_fails(&driver, make_request(&request, quoted(world, "texts"), "auto", VIEW_CART_BUY),
                       DF_ERROR_NOT_FOUND, "no *.parquet below '");
    snprintf(path, sizeof path, "%s/texts/false.parquet", world->folder);
    assert_ok(df_store_put(world->store, &put, NULL, &error), &error);
    assert_query_fails(&driver, make_request(&request, quoted(world, "texts"), "auto", VIEW_CART_BUY), DF_ERROR_CORRUPT,
                       "false.parquet");
    df_buf_dispose(&request);
}

static void test_files_that_do_not_go_together_are_both_named(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct event *events = make_crowd(200, 20, 1);
    char path[512];
    static const struct {
        const char *name, *message;
        struct file_options second;
    } cases[] = {
        {"kinds",
         "the user column 'user' is an integer in ",
         {.user = USER_STRING, .time = MILLISECONDS, .row_group_rows = 100}},
        {"units", "the time column 'time' is a timestamp in ms in ", {.time = MICROSECONDS, .row_group_rows = 100}}};
    for (size_t i = 0; i < 2; i++) {
        const struct file_options first = {.time = MILLISECONDS, .row_group_rows = 100};
        snprintf(path, sizeof path, "%s/%s/a.parquet", world->folder, cases[i].name);
        write_file(world->store, path, events, 200, &first);
        snprintf(path, sizeof path, "%s/%s/b.parquet", world->folder, cases[i].name);
        write_file(world->store, path, events, 200, &cases[i].second);
        struct driver driver = make_driver(world);
        make_request(&request, quoted(world, cases[i].name), "auto", VIEW_CART_BUY);
        assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID, cases[i].message);
        assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID, "b.parquet");
    }
    free(events);
    df_buf_dispose(&request);
}

struct vanishing {
    struct df_store *store;
    char path[512];
    uint32_t at_stage;
};

static void remove_before(void *ctx, uint32_t stage)
{
    struct vanishing *vanishing = ctx;
    struct df_error error = {0};
    if (stage == vanishing->at_stage)
        assert_ok(df_store_remove(vanishing->store, vanishing->path, df_deadline_never(), &error), &error);
}

static void test_a_file_that_vanishes_ends_the_query_with_its_name(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct event *events = make_crowd(200, 20, 1);
    const struct file_options options = {.row_group_rows = 100};
    for (uint32_t stage = 0; stage < 2; stage++) {
        char folder[512];
        struct vanishing vanishing = {.store = world->store, .at_stage = stage};
        struct driver driver = make_driver(world);
        snprintf(folder, sizeof folder, "%s/vanishing", world->folder);
        write_folder(world->store, folder, events, 200, 3, BY_TIME, &options);
        snprintf(vanishing.path, sizeof vanishing.path, "%s/vanishing/part-001.parquet", world->folder);
        driver.before_run = remove_before;
        driver.ctx = &vanishing;
        assert_query_fails(&driver, make_request(&request, quoted(world, "vanishing"), "auto", VIEW_CART_BUY),
                           DF_ERROR_NOT_FOUND, "part-001.parquet");
    }
    free(events);
    df_buf_dispose(&request);
}

static void test_a_user_beyond_the_memory_is_named(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    enum { EVENTS = 200000 };
    struct event *events = make_crowd(EVENTS, 50, 1);
    const struct file_options options = {.row_group_rows = 20000};
    char folder[512];
    for (size_t i = 0; i < EVENTS; i++)
        if (i % 10)
            events[i] =
                (struct event){.has_user = true, .has_time = true, .user = 4711, .time = (int64_t)i, .matches = 1};
    snprintf(folder, sizeof folder, "%s/giant", world->folder);
    write_folder(world->store, folder, events, EVENTS, 2, BY_TIME, &options);
    struct driver driver = make_driver(world);
    driver.limit_bytes = 3 << 19;
    assert_query_fails(&driver, make_request(&request, quoted(world, "giant"), "spread", VIEW_CART_BUY),
                       DF_ERROR_EXHAUSTED, "user 4711 do not fit");
    assert_query_fails(&driver, make_request(&request, quoted(world, "giant"), "whole", VIEW_CART_BUY),
                       DF_ERROR_EXHAUSTED, "memory.limit");
    free(events);
    df_buf_dispose(&request);
}

static void test_a_wrong_request_never_starts_a_stage(void **state)
{
    struct world *world = *state;
    struct driver driver = make_driver(world);
    assert_query_fails(&driver, "{\"dataset\":{}}", DF_ERROR_INVALID, "dataset.user: missing");
    assert_int_equal(driver.stages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_trying_every_chain_however_files_are_cut),
        cmocka_unit_test(test_answers_do_not_depend_on_the_memory),
        cmocka_unit_test(test_an_exchange_is_made_only_where_users_may_be_spread),
        cmocka_unit_test(test_files_without_rows_are_no_work),
        cmocka_unit_test(test_a_file_that_is_named_twice_is_read_once),
        cmocka_unit_test(test_ten_thousand_steps_are_counted),
        cmocka_unit_test(test_data_errors_name_the_thing_and_a_way_out),
        cmocka_unit_test(test_missing_and_wrong_files_are_told),
        cmocka_unit_test(test_files_that_do_not_go_together_are_both_named),
        cmocka_unit_test(test_a_file_that_vanishes_ends_the_query_with_its_name),
        cmocka_unit_test(test_a_user_beyond_the_memory_is_named),
        cmocka_unit_test(test_a_wrong_request_never_starts_a_stage),
    };
    return cmocka_run_group_tests(tests, world_make, world_free);
}
