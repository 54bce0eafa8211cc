/* Exported users of whole queries: to one file and to a folder, whole or not at all. */
#include "unit/engine/funnel_driver.h"
#include "unit/engine/funnel_files.h"

static const char *request_for(struct df_buf *out, const struct world *world, const char *data, const char *groups,
                               const char *file)
{
    df_buf_clear(out);
    df_buf_printf(out,
                  "{\"dataset\":{\"paths\":[%s],\"groups\":\"%s\",\"user\":\"user\",\"time\":\"time\"},"
                  "\"funnel\":{\"sequence\":[{\"filter\":[\"event\",\"==\",\"view\"]},"
                  "{\"filter\":[\"event\",\"==\",\"buy\"]}],\"export\":{\"step\":2,\"which\":\"reached\",\"columns\":"
                  "[\"price\"],\"file\":\"%s/%s\"}}}",
                  quoted(world, data), groups, world->folder, file);
    return df_buf_text(out);
}

/* Times of a user are distinct, so that the chain of each is the same however the rows are cut. */
static struct event *make_rows(size_t n)
{
    struct event *events = make_crowd(n, 60, 11);
    for (size_t i = 0; i < n; i++)
        events[i].time = 1430622004384 + (int64_t)i;
    return events;
}

static void read_object(const struct world *world, const char *name, struct df_buf *out)
{
    struct df_error error = {0};
    char uri[600];
    snprintf(uri, sizeof uri, "%s/%s", world->folder, name);
    df_buf_clear(out);
    assert_ok(df_store_get(world->store, uri, 1 << 24, out, &error), &error);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Rows come in no promised order. */
static void sort_lines(struct df_buf *text)
{
    char *lines[4096], *sorted = strdup(df_buf_text(text)), *rest = sorted;
    size_t n = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && n < 4096;)
        lines[n++] = line;
    qsort(lines, n, sizeof *lines, by_text);
    df_buf_clear(text);
    for (size_t i = 0; i < n; i++)
        df_buf_printf(text, "%s\n", lines[i]);
    free(sorted);
}

static size_t count_objects(const struct world *world, const char *name)
{
    struct df_error error = {0};
    struct df_store_listing *listing;
    struct df_object object;
    size_t count = 0;
    char uri[600];
    snprintf(uri, sizeof uri, "%s/%s", world->folder, name);
    const struct df_list_options options = {.recursive = true};
    if (df_store_list_open(world->store, uri, &options, &listing, &error) < 0)
        return 0;
    while (df_store_list_next(listing, &object, &error) > 0)
        count++;
    df_store_list_close(listing);
    return count;
}

static void write_data(const struct world *world)
{
    struct event *events = make_rows(1500);
    const struct file_options options = {.row_group_rows = 100, .time = MILLISECONDS};
    char folder[512];
    snprintf(folder, sizeof folder, "%s/one", world->folder);
    write_folder(world->store, folder, events, 1500, 1, BY_TIME, &options);
    snprintf(folder, sizeof folder, "%s/days", world->folder);
    write_folder(world->store, folder, events, 1500, 4, BY_TIME, &options);
    free(events);
}

static void test_one_file_has_the_same_rows_however_the_data_is_cut(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *data, *groups;
        uint64_t limit_bytes;
    } ways[] = {{"one", "auto", 0}, {"days", "auto", 0}, {"one", "spread", 0}, {"days", "auto", 1 << 20}};
    struct df_buf request = {0}, answer = {0}, first = {0}, text = {0};
    write_data(world);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct driver driver = make_driver(world);
        driver.limit_bytes = ways[i].limit_bytes;
        assert_same_answer(&driver, request_for(&request, world, ways[i].data, ways[i].groups, "users.csv"), &answer);
        read_object(world, "users.csv", &text);
        sort_lines(&text);
        if (first.size == 0)
            df_buf_put_slice(&first, df_buf_slice(&text));
        assert_string_equal(df_buf_text(&text), df_buf_text(&first));
    }
    assert_non_null(strstr(df_buf_text(&first), "user,step1,step2,price"));
    assert_non_null(strstr(df_buf_text(&answer), "\"export\":{\"step\":2,\"which\":\"reached\",\"rows\":"));
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
    df_buf_dispose(&first);
    df_buf_dispose(&text);
}

static void test_a_folder_has_a_file_per_part_and_a_manifest_that_names_them(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0}, answer = {0}, manifest = {0};
    struct df_error error = {0};
    for (int again = 0; again < 2; again++) { /* a second export takes the place of the first */
        struct driver driver = make_driver(world);
        df_buf_clear(&answer);
        assert_ok(run_query(&driver, request_for(&request, world, "days", "auto", "users/"), &answer, &error), &error);
        assert_string_equal(driver.way, "FSG");
        assert_int_equal(count_objects(world, "users/"), driver.stage_parts[2]);
        read_object(world, "users/_manifest.json", &manifest);
        assert_non_null(strstr(df_buf_text(&manifest), "{\"files\":[\"part-00000-"));
        assert_non_null(strstr(df_buf_text(&answer), "/users/part-00000-"));
    }
    /* Dayfly reads what it has written. */
    df_buf_clear(&request);
    df_buf_printf(&request, "{\"dataset\":{\"paths\":[%s],\"user\":\"user\",\"time\":\"step1\"}}",
                  quoted(world, "users/"));
    struct driver driver = make_driver(world);
    df_buf_clear(&answer);
    assert_ok(run_query(&driver, df_buf_text(&request), &answer, &error), &error);
    char rows[64];
    snprintf(rows, sizeof rows, "\"rows\":%llu}", (unsigned long long)driver_counter(&driver, "scannedRows"));
    assert_non_null(strstr(df_buf_text(&manifest), rows));
    assert_int_equal(driver_counter(&driver, "scannedRows"), driver_counter(&driver, "scannedGroups"));
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
    df_buf_dispose(&manifest);
}

struct vanishing {
    struct df_store *store;
    char path[512];
};

static void remove_before_gather(void *ctx, uint32_t stage)
{
    struct vanishing *vanishing = ctx;
    struct df_error error = {0};
    if (stage == 1)
        assert_ok(df_store_remove(vanishing->store, vanishing->path, df_deadline_never(), &error), &error);
}

static void test_a_query_that_fails_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct vanishing vanishing = {.store = world->store};
    static const char *const files[] = {"none.parquet", "none/"};
    for (int i = 0; i < 2; i++) {
        struct driver driver = make_driver(world);
        write_data(world);
        snprintf(vanishing.path, sizeof vanishing.path, "%s/days/part-003.parquet", world->folder);
        driver.before_run = remove_before_gather;
        driver.ctx = &vanishing;
        assert_query_fails(&driver, request_for(&request, world, "days", "auto", files[i]), DF_ERROR_NOT_FOUND,
                           "part-003.parquet");
        assert_int_equal(count_objects(world, files[i]), 0);
    }
    df_buf_dispose(&request);
}

static void test_a_wrong_export_is_told_before_any_stage(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    assert_query_fails(&driver, request_for(&request, world, "days", "auto", "users.xls"), DF_ERROR_INVALID,
                       "funnel.export.file");
    assert_int_equal(driver.stages, 0);
    df_buf_dispose(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_file_has_the_same_rows_however_the_data_is_cut),
        cmocka_unit_test(test_a_folder_has_a_file_per_part_and_a_manifest_that_names_them),
        cmocka_unit_test(test_a_query_that_fails_leaves_nothing),
        cmocka_unit_test(test_a_wrong_export_is_told_before_any_stage),
    };
    return cmocka_run_group_tests(tests, world_make, world_free);
}
