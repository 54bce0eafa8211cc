/* What only files do: odd kinds of files, links, patterns beside literal names, files that change while they are read,
 * full disks. What every store does is in test_store_contract.c. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "testing/testing.h"

struct fixture {
    struct df_store *store;
    char folder[128];
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

static void put(const struct fixture *fixture, const char *uri, const char *content)
{
    struct df_error error;
    struct df_put put = {.uri = uri, .content = df_slice_text(content)};
    assert_ok(df_store_put(fixture->store, &put, NULL, &error), &error);
}

static void assert_list(const struct fixture *fixture, const char *uri, const char *pattern, const char *expected)
{
    struct df_error error;
    struct df_list_options options = {.pattern = pattern, .recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    struct df_buf lines = {0};
    int more;
    assert_ok(df_store_list_open(fixture->store, uri, &options, &listing, &error), &error);
    while ((more = df_store_list_next(listing, &object, &error)) > 0)
        df_buf_printf(&lines, "%s\n", object.uri);
    assert_ok(more, &error);
    df_store_list_close(listing);
    assert_string_equal(df_buf_text(&lines), expected);
    df_buf_dispose(&lines);
}

static void make_folder(const char *path)
{
    assert_int_equal(mkdir(path, 0777), 0);
}

static void make_link(const char *target, const char *path)
{
    assert_int_equal(symlink(target, path), 0);
}

/* Names in a folder, hidden ones too. */
static int count_names(const char *path)
{
    DIR *stream = opendir(path);
    int count = 0;
    assert_non_null(stream);
    for (struct dirent *found; (found = readdir(stream));)
        count += strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0;
    closedir(stream);
    return count;
}

/* ---- URIs ---- */

static void an_unknown_scheme_is_unsupported_and_the_known_are_named(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_object object;
    struct df_store_listing *listing;
    struct df_read_item item = {.uri = "gs://b/k", .size_bytes = 1};
    uint8_t byte;
    assert_fails(df_store_head(fixture->store, "gs://b/k", &object, &error), &error, DF_ERROR_UNSUPPORTED,
                 "no store for 'gs://' (known: file://");
    assert_fails(df_store_list_open(fixture->store, "gs://b/*", NULL, &listing, &error), &error, DF_ERROR_UNSUPPORTED,
                 "gs://b/*");
    assert_fails(df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, &byte, &error), &error,
                 DF_ERROR_UNSUPPORTED, "gs://");
    assert_fails(df_store_remove_prefix(fixture->store, "gs://b/", df_deadline_never(), &error), &error,
                 DF_ERROR_UNSUPPORTED, "gs://");
}

static void a_file_uri_of_another_machine_or_with_broken_escapes_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    static const char *const uris[] = {"file://host/a", "file://relative", "file://",       "file:///a%",
                                       "file:///a%4",   "file:///a%zz",    "file:///a%00b", ""};
    struct df_error error;
    struct df_object object;
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++)
        assert_fails(df_store_head(fixture->store, uris[i], &object, &error), &error, DF_ERROR_INVALID, "");
}

static void a_file_uri_names_the_same_file_as_its_path(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_object object;
    char uri[200];
    put(fixture, "a b%41", "12");
    snprintf(uri, sizeof uri, "FILE://localhost%s/a%%20b%%2541", fixture->folder);
    assert_ok(df_store_head(fixture->store, uri, &object, &error), &error);
    assert_int_equal(object.size_bytes, 2);
}

static void an_escaped_star_of_a_file_uri_is_no_wildcard(void **state)
{
    struct fixture *fixture = *state;
    char uri[200], expected[200];
    make_folder("d");
    put(fixture, "d/*x1", "1");
    put(fixture, "d/ax1", "1");
    snprintf(uri, sizeof uri, "file://%s/d/%%2Ax?", fixture->folder);
    snprintf(expected, sizeof expected, "file://%s/d/%%2Ax1\n", fixture->folder);
    assert_list(fixture, uri, NULL, expected);
}

static void joining_puts_one_slash_between(void **state)
{
    (void)state;
    struct df_buf out = {0};
    df_uri_join(&out, "a", "b");
    df_buf_put_char(&out, ' ');
    df_uri_join(&out, "a/", "b");
    df_buf_put_char(&out, ' ');
    df_uri_join(&out, "", "b");
    assert_slice_is(df_buf_slice(&out), "a/b a/b b");
    df_buf_dispose(&out);
}

/* ---- listing ---- */

static void a_literal_name_goes_before_the_pattern_that_it_looks_like(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "[ab]", "1");
    put(fixture, "a", "1");
    put(fixture, "x[1]/p.parquet", "1");
    put(fixture, "x1/q.parquet", "1");
    assert_list(fixture, "[ab]", NULL, "[ab]\n");
    assert_list(fixture, "x[1]/*.parquet", NULL, "x[1]/p.parquet\n");
    assert_list(fixture, "[a]", NULL, "a\n");
    assert_list(fixture, "x[12]/*", NULL, "x1/q.parquet\n");
}

static void what_is_no_regular_file_is_left_out_and_refused_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_object object;
    struct df_store_listing *listing;
    assert_int_equal(mkfifo("pipe", 0666), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    put(fixture, "file", "1");
    assert_list(fixture, ".", NULL, "./file\n");
    static const char *const names[][2] = {
        {"pipe", "named pipe"}, {"socket", "socket"}, {"/dev/null", "device"}, {"/dev/tty", "device"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct df_read_item item = {.uri = names[i][0], .size_bytes = 0};
        uint8_t byte;
        assert_fails(df_store_head(fixture->store, names[i][0], &object, &error), &error, DF_ERROR_INVALID,
                     names[i][1]);
        assert_fails(df_store_list_open(fixture->store, names[i][0], NULL, &listing, &error), &error, DF_ERROR_INVALID,
                     names[i][1]);
        assert_fails(df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, &byte, &error), &error,
                     DF_ERROR_INVALID, names[i][1]);
        struct df_put over = {.uri = names[i][0], .content = df_slice_text("x")};
        assert_fails(df_store_put(fixture->store, &over, NULL, &error), &error, DF_ERROR_INVALID, "cannot write");
    }
    close(fd);
}

static void a_folder_is_not_read_as_an_object(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_object object;
    struct df_read_item item = {.uri = "d", .size_bytes = 1};
    uint8_t byte;
    make_folder("d");
    assert_fails(df_store_head(fixture->store, "d", &object, &error), &error, DF_ERROR_NOT_FOUND, "is a folder");
    assert_fails(df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, &byte, &error), &error,
                 DF_ERROR_NOT_FOUND, "is a folder");
    struct df_put put = {.uri = "d"};
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_INVALID, "is a folder");
    put.uri = "d/";
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_INVALID, "names a folder");
    assert_fails(df_store_remove(fixture->store, "d", df_deadline_never(), &error), &error, DF_ERROR_INVALID, "'d'");
    assert_int_equal(count_names("d"), 0);
}

static void links_are_followed_and_loops_end(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "real/a.parquet", "1");
    put(fixture, "real/sub/b.parquet", "1");
    make_folder("t");
    make_link("../real/a.parquet", "t/file.parquet");
    make_link("../real", "t/folder");
    make_link("..", "real/sub/up");
    make_link(".", "t/self");
    assert_list(fixture, "t", "*.parquet", "t/file.parquet\nt/folder/a.parquet\nt/folder/sub/b.parquet\n");
    assert_list(fixture, "t/folder/*.parquet", NULL, "t/folder/a.parquet\n");
    assert_list(fixture, "t/self/self/file*", NULL, "t/self/self/file.parquet\n");
}

/* Walked in every order these would be 20! paths. */
static void folders_full_of_links_to_each_other_are_listed_soon(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 20 };
    char from[32], to[32];
    for (int i = 0; i < COUNT; i++) {
        snprintf(from, sizeof from, "m/%02d/x.parquet", i);
        put(fixture, from, "1");
        for (int k = 0; k < COUNT; k++) {
            snprintf(from, sizeof from, "m/%02d/l%02d", i, k);
            snprintf(to, sizeof to, "../%02d", k);
            make_link(to, from);
        }
    }
    struct df_error error;
    struct df_list_options options = {.pattern = "*.parquet", .recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    int more, count = 0;
    assert_ok(df_store_list_open(fixture->store, "m", &options, &listing, &error), &error);
    while ((more = df_store_list_next(listing, &object, &error)) > 0)
        count++;
    assert_ok(more, &error);
    df_store_list_close(listing);
    assert_in_range(count, COUNT, 2 * COUNT);
}

static void a_link_to_nothing_is_an_error_when_its_name_is_wanted(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_list_options options = {.pattern = "*.parquet", .recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    put(fixture, "t/b.parquet", "1");
    make_link("nowhere", "t/c.txt");
    assert_list(fixture, "t", "*.parquet", "t/b.parquet\n");
    make_link("nowhere", "t/a.parquet");
    assert_ok(df_store_list_open(fixture->store, "t", &options, &listing, &error), &error);
    assert_fails(df_store_list_next(listing, &object, &error), &error, DF_ERROR_NOT_FOUND, "t/a.parquet");
    df_store_list_close(listing);
}

static void files_that_vanish_while_listing_are_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_list_options options = {.recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    put(fixture, "t/a", "1");
    put(fixture, "t/b", "1");
    put(fixture, "t/c/d", "1");
    put(fixture, "t/e", "1");
    assert_ok(df_store_list_open(fixture->store, "t", &options, &listing, &error), &error);
    assert_int_equal(df_store_list_next(listing, &object, &error), 1);
    assert_string_equal(object.uri, "t/a");
    assert_ok(df_store_remove(fixture->store, "t/b", df_deadline_never(), &error), &error);
    assert_ok(df_store_remove_prefix(fixture->store, "t/c/", df_deadline_never(), &error), &error);
    assert_int_equal(df_store_list_next(listing, &object, &error), 1);
    assert_string_equal(object.uri, "t/e");
    assert_int_equal(df_store_list_next(listing, &object, &error), 0);
    df_store_list_close(listing);
}

static void a_tree_that_is_too_deep_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_list_options options = {.recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    struct df_buf path = {0};
    for (int i = 0; i < 200; i++)
        df_buf_put_text(&path, "d/");
    df_buf_put_text(&path, "x");
    put(fixture, df_buf_text(&path), "1");
    df_buf_dispose(&path);
    assert_ok(df_store_list_open(fixture->store, "d", &options, &listing, &error), &error);
    assert_fails(df_store_list_next(listing, &object, &error), &error, DF_ERROR_INVALID, "128 folders deep");
    df_store_list_close(listing);
    assert_fails(df_store_remove_prefix(fixture->store, "d/", df_deadline_never(), &error), &error, DF_ERROR_INVALID,
                 "128 folders deep");
}

static void an_empty_folder_lists_nothing(void **state)
{
    struct fixture *fixture = *state;
    make_folder("empty");
    make_folder("empty/sub");
    assert_list(fixture, "empty", NULL, "");
    assert_list(fixture, "empty/*", NULL, "");
}

/* ---- files that change ---- */

enum { LARGE_BYTES = 2 * 1024 * 1024 };

static void put_large(const struct fixture *fixture)
{
    struct df_error error;
    uint8_t *bytes = calloc(1, LARGE_BYTES);
    struct df_put put = {.uri = "large", .content = df_slice_make(bytes, LARGE_BYTES)};
    assert_ok(df_store_put(fixture->store, &put, NULL, &error), &error);
    free(bytes);
}

/* Old enough that the next change cannot carry the same time. */
static void make_old(const char *path)
{
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int rewrite_first_byte(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    (void)ctx, (void)item, (void)piece, (void)error;
    if (offset > 0)
        return 0;
    int fd = open("large", O_WRONLY);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    return 0;
}

static int cut_short(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    (void)ctx, (void)item, (void)offset, (void)piece, (void)error;
    return truncate("large", 100);
}

static int replace_whole(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    (void)item, (void)error;
    for (size_t i = 0; i < piece.size; i++)
        assert_int_equal(piece.data[i], 0);
    if (offset == 0)
        put(ctx, "large", "another file of this name");
    return 0;
}

static void a_file_that_changes_while_it_is_read_is_a_conflict(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_read_item item = {.uri = "large", .size_bytes = LARGE_BYTES};
    struct df_read read = {.items = &item, .item_count = 1, .deadline = df_deadline_never()};
    put_large(fixture);
    make_old("large");
    assert_fails(df_store_read(fixture->store, &read, rewrite_first_byte, NULL, &error), &error, DF_ERROR_CONFLICT,
                 "'large' changed while it was read");
    make_old("large");
    assert_fails(df_store_read(fixture->store, &read, cut_short, NULL, &error), &error, DF_ERROR_CONFLICT,
                 "'large' changed while it was read");
}

/* A rename leaves the old file to those who have it open: they get it whole. */
static void a_file_replaced_while_it_is_read_is_read_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_read_item item = {.uri = "large", .size_bytes = LARGE_BYTES};
    struct df_read read = {.items = &item, .item_count = 1, .deadline = df_deadline_never()};
    put_large(fixture);
    assert_ok(df_store_read(fixture->store, &read, replace_whole, fixture, &error), &error);
}

/* ---- writing ---- */

static void a_failed_put_leaves_no_file_and_no_folder_behind(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_put put = {
        .uri = "new/deep/x", .content = df_slice_text("1"), .condition = DF_PUT_IF_MATCH, .etag = "none such"};
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_CONFLICT, "new/deep/x");
    assert_int_equal(count_names("."), 0);
    struct df_store_upload *upload;
    assert_ok(df_store_upload_open(fixture->store, "new/deep/x", &upload, &error), &error);
    assert_int_equal(count_names("new/deep"), 1);
    df_store_upload_abort(upload);
    assert_int_equal(count_names("."), 0);
}

static void a_file_in_the_place_of_a_folder_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    put(fixture, "file", "1");
    struct df_put put = {.uri = "file/x/y"};
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_INVALID, "file/x/y");
    assert_int_equal(count_names("."), 1);
}

static void the_longest_name_can_be_written(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    char name[257];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    put(fixture, name, "1");
    name[255] = 'n';
    name[256] = '\0';
    struct df_put put = {.uri = name};
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_INVALID, "name too long");
    assert_int_equal(count_names("."), 1);
}

static void files_of_killed_writers_are_not_listed(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_upload *upload;
    put(fixture, "t/a", "1");
    assert_ok(df_store_upload_open(fixture->store, "t/b", &upload, &error), &error);
    assert_int_equal(count_names("t"), 2);
    assert_list(fixture, "t", NULL, "t/a\n");
    df_store_upload_abort(upload);
}

/* In a child, as the limit cannot be raised again. Returns its exit status. */
static int run_with_small_files(void (*fn)(const struct fixture *), const struct fixture *fixture)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(99);
        fn(fixture);
        _exit(98);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void exit_with(const struct df_error *error)
{
    bool named = strstr(error->message, "no room in 'full/' for 'full/x'") && strstr(error->message, "free some space");
    _exit(error->kind == DF_ERROR_EXHAUSTED && named ? 0 : 1);
}

static void put_too_much(const struct fixture *fixture)
{
    static const uint8_t bytes[10000];
    struct df_error error = {0};
    struct df_put put = {.uri = "full/x", .content = df_slice_make(bytes, sizeof bytes)};
    if (df_store_put(fixture->store, &put, NULL, &error) < 0)
        exit_with(&error);
}

static void upload_too_much(const struct fixture *fixture)
{
    static const uint8_t bytes[3000];
    struct df_error error = {0};
    struct df_store_upload *upload;
    if (df_store_upload_open(fixture->store, "full/x", &upload, &error) < 0 ||
        df_store_upload_write(upload, df_slice_make(bytes, sizeof bytes), &error) < 0)
        _exit(2);
    if (df_store_upload_write(upload, df_slice_make(bytes, sizeof bytes), &error) == 0)
        _exit(3);
    if (access("full", F_OK) == 0) /* the room is given back at once */
        _exit(4);
    df_error_clear(&error);
    if (df_store_upload_commit(upload, &error) == 0)
        _exit(5);
    exit_with(&error);
}

static void a_full_disk_is_exhausted_and_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(run_with_small_files(put_too_much, fixture), 0);
    assert_int_equal(count_names("."), 0);
    assert_int_equal(run_with_small_files(upload_too_much, fixture), 0);
    assert_int_equal(count_names("."), 0);
}

/* In a child that is no superuser, as nothing is forbidden to one. */
static int run_as_nobody(void (*fn)(const struct fixture *), const struct fixture *fixture)
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) < 0)
            _exit(99);
        fn(fixture);
        _exit(98);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void touch_forbidden(const struct fixture *fixture)
{
    struct df_error error = {0};
    struct df_object object;
    struct df_store_listing *listing;
    struct df_read_item item = {.uri = "file", .size_bytes = 1};
    struct df_put put = {.uri = "closed/new", .content = df_slice_text("1")};
    uint8_t byte;
    if (df_store_head(fixture->store, "closed/x", &object, &error) == 0 || error.kind != DF_ERROR_DENIED)
        _exit(1);
    if (df_store_list_open(fixture->store, "closed", NULL, &listing, &error) == 0 || error.kind != DF_ERROR_DENIED)
        _exit(2);
    if (df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, &byte, &error) == 0 ||
        error.kind != DF_ERROR_DENIED || !strstr(error.message, "'file'"))
        _exit(3);
    if (df_store_put(fixture->store, &put, NULL, &error) == 0 || error.kind != DF_ERROR_DENIED)
        _exit(4);
    _exit(df_store_remove_prefix(fixture->store, "closed/", df_deadline_never(), &error) < 0 &&
                  error.kind == DF_ERROR_DENIED
              ? 0
              : 5);
}

static void what_the_system_forbids_is_denied(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "closed/x", "1");
    put(fixture, "file", "1");
    assert_int_equal(chmod("file", 0), 0);
    assert_int_equal(chmod("closed", 0), 0);
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    assert_int_equal(run_as_nobody(touch_forbidden, fixture), 0);
    assert_int_equal(chmod("closed", 0700), 0);
}

/* ---- removing ---- */

static void the_root_and_nothing_are_never_removed(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    static const char *const prefixes[] = {"", "/", "//", "/./", "/dev/../", "file:///", "file:///%2E/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        assert_fails(df_store_remove_prefix(fixture->store, prefixes[i], df_deadline_never(), &error), &error,
                     DF_ERROR_INVALID, prefixes[i]);
}

static void removing_a_tree_removes_links_and_not_what_they_lead_to(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    put(fixture, "kept/x", "1");
    make_folder("t");
    make_link("../kept", "t/folder");
    make_link("../kept/x", "t/file");
    assert_int_equal(mkfifo("t/pipe", 0666), 0);
    assert_ok(df_store_remove_prefix(fixture->store, "t/", df_deadline_never(), &error), &error);
    assert_int_equal(access("t", F_OK), -1);
    assert_int_equal(access("kept/x", F_OK), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_unknown_scheme_is_unsupported_and_the_known_are_named),
        CASE(a_file_uri_of_another_machine_or_with_broken_escapes_is_invalid),
        CASE(a_file_uri_names_the_same_file_as_its_path),
        CASE(an_escaped_star_of_a_file_uri_is_no_wildcard),
        CASE(joining_puts_one_slash_between),
        CASE(a_literal_name_goes_before_the_pattern_that_it_looks_like),
        CASE(what_is_no_regular_file_is_left_out_and_refused_by_name),
        CASE(a_folder_is_not_read_as_an_object),
        CASE(links_are_followed_and_loops_end),
        CASE(folders_full_of_links_to_each_other_are_listed_soon),
        CASE(a_link_to_nothing_is_an_error_when_its_name_is_wanted),
        CASE(files_that_vanish_while_listing_are_passed_over),
        CASE(a_tree_that_is_too_deep_is_refused),
        CASE(an_empty_folder_lists_nothing),
        CASE(a_file_that_changes_while_it_is_read_is_a_conflict),
        CASE(a_file_replaced_while_it_is_read_is_read_as_it_was),
        CASE(a_failed_put_leaves_no_file_and_no_folder_behind),
        CASE(a_file_in_the_place_of_a_folder_is_invalid),
        CASE(the_longest_name_can_be_written),
        CASE(files_of_killed_writers_are_not_listed),
        CASE(a_full_disk_is_exhausted_and_leaves_nothing),
        CASE(what_the_system_forbids_is_denied),
        CASE(the_root_and_nothing_are_never_removed),
        CASE(removing_a_tree_removes_links_and_not_what_they_lead_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
