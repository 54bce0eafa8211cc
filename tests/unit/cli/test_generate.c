/* `dayfly generate retail`: the files hold the rows of rr-synth, whatever the cut; and what it refuses. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/rr_synth.h"
#include "format/parquet/parquet.h"
#include "testing/testing.h"

enum { VISITORS = 3000 };

struct fixture {
    char folder[128];
    struct df_store *store;
    char message[2048]; /* standard error of the last run */
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct df_error error;
    if (!fixture || df_store_create(&fixture->store, &error) < 0)
        return -1;
    snprintf(fixture->folder, sizeof fixture->folder, "%s", test_folder_make());
    *state = fixture;
    return chdir(fixture->folder);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (chdir("/") < 0)
        return -1;
    df_store_free(fixture->store);
    test_folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

/* ---- running the command ---- */

static int run_program(int argc, char **argv)
{
    const struct df_cli_command *const commands[] = {&df_command_generate};
    const struct df_cli_options options[] = {{df_cli_option_rows, df_cli_option_count}};
    const struct df_cli_program program = {.version = "0",
                                           .commit = "",
                                           .compiler = "",
                                           .commands = commands,
                                           .command_count = 1,
                                           .options = options,
                                           .options_count = 1};
    char *const environment[] = {NULL};
    return df_cli_main(&program, argc, argv, environment);
}

static void redirect(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(99);
    close(file);
}

/* In a process of its own, with its own signals and limits; the words are split at blanks. */
static int generate_limited(struct fixture *fixture, const char *words, rlim_t file_bytes)
{
    char text[512], *argv[32];
    int argc = 0;
    snprintf(text, sizeof text, "dayfly generate %s", words);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {.rlim_cur = file_bytes, .rlim_max = file_bytes};
        redirect(".err", STDERR_FILENO);
        redirect(".out", STDOUT_FILENO);
        if (file_bytes != RLIM_INFINITY && setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(99);
        exit(run_program(argc, argv));
    }
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    struct df_error error;
    struct df_buf message = {0};
    assert_ok(df_store_get(fixture->store, ".err", sizeof fixture->message - 1, &message, &error), &error);
    snprintf(fixture->message, sizeof fixture->message, "%s", df_buf_text(&message));
    df_buf_dispose(&message);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int generate(struct fixture *fixture, const char *words)
{
    return generate_limited(fixture, words, RLIM_INFINITY);
}

static void assert_refused(struct fixture *fixture, const char *words, int status, const char *text)
{
    int found = generate(fixture, words);
    if (found != status || !strstr(fixture->message, text))
        fail_msg("'%s': expected %d with '%s', got %d: %s", words, status, text, found, fixture->message);
}

/* ---- what is in the files ---- */

struct content {
    uint64_t rows, hash, files; /* hash: of the rows, whatever their order */
    bool whole;
};

static uint64_t hash_row(int64_t timestamp_ms, int64_t visitor, const char *event, int64_t item)
{
    struct df_buf text = {0};
    df_buf_printf(&text, "%lld %lld %s %lld", (long long)timestamp_ms, (long long)visitor, event, (long long)item);
    uint64_t hash = df_hash_bytes(df_buf_slice(&text));
    df_buf_dispose(&text);
    return hash;
}

static struct content expected_content(uint64_t seed)
{
    struct df_rr_row rows[DF_RR_VISITOR_ROWS_MAX];
    struct content content = {0};
    for (uint64_t visitor = 0; visitor < VISITORS; visitor++) {
        unsigned count = df_rr_visitor_rows(seed, visitor, rows);
        content.rows += count;
        for (unsigned i = 0; i < count; i++)
            content.hash +=
                hash_row(rows[i].timestamp_ms, (int64_t)visitor, df_rr_event_names[rows[i].event], rows[i].item);
    }
    return content;
}

static struct df_slice text_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind == DF_VECTOR_CODES)
        return vector->dictionary->values.bytes[vector->values.codes[row]];
    return vector->values.bytes[row];
}

static void add_file(struct fixture *fixture, const char *uri, struct content *content)
{
    static const char *const names[] = {"timestamp", "visitorid", "event", "itemid"};
    struct df_error error;
    struct df_parquet_file *file;
    struct df_parquet_open open = {.store = fixture->store, .uri = uri, .deadline = df_deadline_never()};
    assert_ok(df_parquet_file_open(&file, &open, &error), &error);
    const char *groups = df_parquet_metadata(file, "dayfly.groups");
    content->whole = groups && strcmp(groups, "whole") == 0;
    uint32_t columns[4];
    for (size_t i = 0; i < 4; i++)
        columns[i] = (uint32_t)df_parquet_column_find(file, names[i]);
    struct df_parquet_scan_options options = {.columns = columns,
                                              .column_count = 4,
                                              .row_group_end = df_parquet_row_group_count(file),
                                              .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    const struct df_vector *v;
    uint32_t rows;
    int more;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    while ((more = df_parquet_scan_next(scan, &v, &rows, &error)) > 0) {
        content->rows += rows;
        for (uint32_t i = 0; i < rows; i++) {
            char event[16];
            snprintf(event, sizeof event, "%.*s", DF_SLICE_ARG(text_at(&v[2], i)));
            content->hash += hash_row(v[0].values.int64s[i], v[1].values.int64s[i], event, v[3].values.int64s[i]);
        }
    }
    assert_ok(more, &error);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    content->files++;
}

static struct content content_of(struct fixture *fixture, const char *folder)
{
    struct df_error error;
    struct df_list_options options = {.recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    struct content content = {0};
    assert_ok(df_store_list_open(fixture->store, folder, &options, &listing, &error), &error);
    while (df_store_list_next(listing, &object, &error) > 0)
        add_file(fixture, object.uri, &content);
    df_store_list_close(listing);
    return content;
}

static void assert_same_rows(struct content found, struct content expected)
{
    assert_int_equal(found.rows, expected.rows);
    assert_true(found.hash == expected.hash);
}

/* ---- tests ---- */

static void files_by_user_hold_all_rows_and_say_that_visitors_are_whole(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(generate(fixture, "retail -o a --users 3000 --parts 5 --threads 3"), 0);
    assert_int_equal(generate(fixture, "retail -o b --users 3000 --parts 1 --threads 1"), 0);
    struct content five = content_of(fixture, "a"), one = content_of(fixture, "b");
    assert_same_rows(five, expected_content(1));
    assert_same_rows(one, expected_content(1));
    assert_int_equal(five.files, 5);
    assert_int_equal(one.files, 1);
    assert_true(five.whole && one.whole);
}

static void files_by_day_hold_the_same_rows_and_promise_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(generate(fixture, "retail -o a --users 3000 --by day --threads 2 --seed 7"), 0);
    struct content days = content_of(fixture, "a");
    assert_same_rows(days, expected_content(7));
    assert_true(days.files > 100);
    assert_false(days.whole);
    struct content day = {0};
    add_file(fixture, "a/part-2015-05-10.parquet", &day);
    assert_true(day.rows > 0 && day.rows < days.rows);
}

static void a_folder_with_parquet_files_is_refused_without_force(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(generate(fixture, "retail -o a --users 100 --parts 3"), 0);
    assert_refused(fixture, "retail -o a --users 3000", 2, "holds Parquet files already ('a/part-00000.parquet')");
    assert_int_equal(content_of(fixture, "a").files, 3);
    assert_int_equal(generate(fixture, "retail -o a --users 3000 --parts 3 --force"), 0);
    assert_same_rows(content_of(fixture, "a"), expected_content(1));
    assert_string_equal(fixture->message, "");
    assert_int_equal(generate(fixture, "retail -o a --users 3000 --parts 2 --force"), 0);
    assert_non_null(strstr(fixture->message, "1 other Parquet files stay in 'a'"));
}

static void wrong_words_are_refused_and_make_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, "retail", 2, "-o FOLDER is missing");
    assert_refused(fixture, "shop -o a", 2, "retail is the only one");
    assert_refused(fixture, "retail -o a --by week", 2, "--by is user or day");
    assert_refused(fixture, "retail -o a --by day --parts 3", 2, "--parts does not go with --by day");
    assert_refused(fixture, "retail -o a --users 0", 2, "--users");
    assert_refused(fixture, "retail -o a --users 3 --parts 4", 2, "--parts 4 is more than --users 3");
    assert_refused(fixture, "retail -o .err", 2, "is a file");
    assert_refused(fixture, "retail -o gs://bucket/a", 3, "gs://");
    assert_int_equal(access("a", F_OK), -1);
}

static void a_full_disk_leaves_no_file_and_no_folder(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(generate_limited(fixture, "retail -o a --users 3000 --parts 2", 20000), 1);
    assert_non_null(strstr(fixture->message, "no room in 'a/'"));
    assert_int_equal(access("a", F_OK), -1);
    assert_int_equal(mkdir("b", 0777), 0);
    assert_int_equal(generate_limited(fixture, "retail -o b --users 3000 --by day", 5000), 1);
    assert_int_equal(rmdir("b"), 0); /* it was there, so it stays, and it is empty */
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(files_by_user_hold_all_rows_and_say_that_visitors_are_whole),
        CASE(files_by_day_hold_the_same_rows_and_promise_nothing),
        CASE(a_folder_with_parquet_files_is_refused_without_force),
        CASE(wrong_words_are_refused_and_make_nothing),
        CASE(a_full_disk_leaves_no_file_and_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
