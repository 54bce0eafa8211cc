#include "catalog/catalog.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "testing/testing.h"

static struct df_catalog *open_in(const char *folder)
{
    struct df_error error = {0};
    struct df_catalog *catalog;
    assert_ok(df_catalog_open(&catalog, folder, &error), &error);
    return catalog;
}

/* A data set of `count` files whose sizes are `size`. */
static struct df_catalog_dataset make_dataset(const char *name, struct df_catalog_file *files, uint32_t count,
                                              uint64_t size)
{
    static char uris[64][32];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(uris[i % 64], sizeof uris[0], "s3://bucket/%u.parquet", i % 64);
        files[i] = (struct df_catalog_file){.uri = uris[i % 64], .size_bytes = size};
    }
    return (struct df_catalog_dataset){.name = name,
                                       .basepath = "s3://bucket",
                                       .pattern = "*.parquet",
                                       .user = "visitor",
                                       .time = "when",
                                       .time_unit = "ms",
                                       .groups = "whole",
                                       .validation = "SAMPLE",
                                       .schema = df_slice_text("{\"columns\":{}}"),
                                       .registered_at_us = 1617106320412792,
                                       .total_bytes = count * size,
                                       .file_count = count,
                                       .files = files};
}

static void test_what_was_registered_comes_back_whole(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_catalog_file files[3];
    struct df_catalog_dataset dataset = make_dataset("retail", files, 3, 1000), found;
    const char *folder = test_folder_make();
    struct df_catalog *catalog = open_in(folder);
    assert_ok(df_catalog_put(catalog, &dataset, &error), &error);
    df_catalog_close(catalog);
    catalog = open_in(folder); /* another process, another day */
    assert_ok(df_catalog_get(catalog, "retail", &arena, &found, &error), &error);
    assert_string_equal(found.basepath, "s3://bucket");
    assert_string_equal(found.user, "visitor");
    assert_string_equal(found.time, "when");
    assert_string_equal(found.time_unit, "ms");
    assert_string_equal(found.groups, "whole");
    assert_true(df_slice_is(found.schema, "{\"columns\":{}}"));
    assert_int_equal(found.registered_at_us, 1617106320412792);
    assert_int_equal(found.total_bytes, 3000);
    assert_int_equal(found.file_count, 3);
    assert_string_equal(found.files[2].uri, "s3://bucket/2.parquet");
    assert_int_equal(found.files[2].size_bytes, 1000);
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
}

static void test_registering_again_replaces_also_the_files(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_catalog_file files[8];
    struct df_catalog *catalog = open_in(test_folder_make());
    struct df_catalog_dataset first = make_dataset("retail", files, 8, 10), found;
    assert_ok(df_catalog_put(catalog, &first, &error), &error);
    struct df_catalog_dataset second = make_dataset("retail", files, 2, 20);
    assert_ok(df_catalog_put(catalog, &second, &error), &error);
    assert_ok(df_catalog_get(catalog, "retail", &arena, &found, &error), &error);
    assert_int_equal(found.file_count, 2);
    assert_int_equal(found.files[1].size_bytes, 20);
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
}

static void test_an_unknown_name_is_told_with_the_nearest_one(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_catalog_file files[1];
    struct df_catalog *catalog = open_in(test_folder_make());
    struct df_catalog_dataset dataset = make_dataset("retail", files, 1, 10), found;
    assert_ok(df_catalog_put(catalog, &dataset, &error), &error);
    assert_int_equal(df_catalog_get(catalog, "retial", &arena, &found, &error), -1);
    assert_int_equal(error.kind, DF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "Dataset retial not found, did you mean 'retail'?"));
    assert_int_equal(df_catalog_remove(catalog, "retail", &error), 1);
    assert_int_equal(df_catalog_remove(catalog, "retail", &error), 0);
    assert_int_equal(df_catalog_get(catalog, "retail", &arena, &found, &error), -1);
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
}

static void test_names_that_are_none_are_refused(void **state)
{
    (void)state;
    char longer[DF_CATALOG_NAME_BYTES + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *const names[] = {"", "a/b", "line\nbreak", longer};
    struct df_catalog *catalog = open_in(test_folder_make());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct df_error error = {0};
        struct df_catalog_file files[1];
        struct df_catalog_dataset dataset = make_dataset(names[i], files, 1, 10);
        assert_int_equal(df_catalog_put(catalog, &dataset, &error), -1);
        assert_int_equal(error.kind, DF_ERROR_INVALID);
    }
    df_catalog_close(catalog);
}

static void test_a_list_is_in_the_order_of_names(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_catalog *catalog = open_in(test_folder_make());
    for (int i = 39; i >= 0; i--) {
        char name[16];
        struct df_catalog_file files[1];
        snprintf(name, sizeof name, "set%02d", i);
        struct df_catalog_dataset dataset = make_dataset(name, files, 1, 10);
        assert_ok(df_catalog_put(catalog, &dataset, &error), &error);
    }
    struct df_catalog_dataset *all;
    size_t count;
    assert_ok(df_catalog_list(catalog, &arena, &all, &count, &error), &error);
    assert_int_equal(count, 40);
    assert_string_equal(all[0].name, "set00");
    assert_string_equal(all[39].name, "set39");
    assert_null(all[0].files);
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
}

static void test_tens_of_thousands_of_files_are_kept(void **state)
{
    (void)state;
    enum { FILES = 50000 };
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_catalog_file *files = calloc(FILES, sizeof *files);
    assert_non_null(files);
    struct df_catalog *catalog = open_in(test_folder_make());
    struct df_catalog_dataset dataset = make_dataset("many", files, FILES, 7), found;
    assert_ok(df_catalog_put(catalog, &dataset, &error), &error);
    assert_ok(df_catalog_get(catalog, "many", &arena, &found, &error), &error);
    assert_int_equal(found.file_count, FILES);
    assert_int_equal(found.files[FILES - 1].size_bytes, 7);
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
    free(files);
}

static void test_a_file_that_is_no_catalogue_is_told(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_catalog *catalog;
    struct df_buf path = {0};
    const char *folder = test_folder_make();
    df_buf_printf(&path, "%s/catalog.sqlite", folder);
    FILE *file = fopen(df_buf_text(&path), "w");
    assert_non_null(file);
    fputs("this is a shopping list, and by no means a data base; it goes on for more than a few bytes\n", file);
    fclose(file);
    assert_int_equal(df_catalog_open(&catalog, folder, &error), -1);
    assert_int_equal(error.kind, DF_ERROR_CORRUPT);
    assert_non_null(strstr(error.message, df_buf_text(&path)));
    df_buf_dispose(&path);
}

/* A child registers one state after the other until it is killed in the middle of it. */
static void register_forever(const char *folder)
{
    struct df_error error = {0};
    static struct df_catalog_file files[2000];
    struct df_catalog *catalog = open_in(folder);
    for (uint64_t size = 1;; size++) {
        struct df_catalog_dataset dataset = make_dataset("retail", files, (uint32_t)(1 + size % 2000), size);
        if (df_catalog_put(catalog, &dataset, &error) < 0)
            _exit(1);
    }
}

static void test_a_kill_in_mid_write_leaves_one_state_or_the_other(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    for (int kill_number = 0; kill_number < 20; kill_number++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            register_forever(folder);
        usleep((useconds_t)(5000 + kill_number * 3000));
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not end by an error */
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_catalog_dataset found;
        struct df_catalog *catalog = open_in(folder);
        if (df_catalog_get(catalog, "retail", &arena, &found, &error) == 0) {
            uint64_t size = found.files[0].size_bytes;
            assert_int_equal(found.file_count, 1 + size % 2000);
            assert_int_equal(found.total_bytes, found.file_count * size);
            for (uint32_t i = 0; i < found.file_count; i++)
                assert_int_equal(found.files[i].size_bytes, size);
        } else {
            assert_int_equal(error.kind, DF_ERROR_NOT_FOUND); /* killed before the first state was there */
        }
        df_catalog_close(catalog);
        df_arena_dispose(&arena);
    }
}

static void test_two_processes_write_at_once_and_nothing_is_lost(void **state)
{
    (void)state;
    enum { CHILDREN = 4, EACH = 15 };
    const char *folder = test_folder_make();
    pid_t children[CHILDREN];
    for (int c = 0; c < CHILDREN; c++) {
        children[c] = fork();
        assert_true(children[c] >= 0);
        if (children[c] > 0)
            continue;
        struct df_catalog *catalog = open_in(folder);
        for (int i = 0; i < EACH; i++) {
            char name[32];
            struct df_error error = {0};
            struct df_catalog_file files[10];
            snprintf(name, sizeof name, "set-%d-%d", c, i);
            struct df_catalog_dataset dataset = make_dataset(name, files, 10, 5);
            if (df_catalog_put(catalog, &dataset, &error) < 0)
                _exit(1);
        }
        _exit(0);
    }
    for (int c = 0; c < CHILDREN; c++) {
        int status;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_catalog_dataset *all;
    size_t count;
    struct df_catalog *catalog = open_in(folder);
    assert_ok(df_catalog_list(catalog, &arena, &all, &count, &error), &error);
    assert_int_equal(count, CHILDREN * EACH);
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_registered_comes_back_whole),
        cmocka_unit_test(test_registering_again_replaces_also_the_files),
        cmocka_unit_test(test_an_unknown_name_is_told_with_the_nearest_one),
        cmocka_unit_test(test_names_that_are_none_are_refused),
        cmocka_unit_test(test_a_list_is_in_the_order_of_names),
        cmocka_unit_test(test_tens_of_thousands_of_files_are_kept),
        cmocka_unit_test(test_a_file_that_is_no_catalogue_is_told),
        cmocka_unit_test(test_a_kill_in_mid_write_leaves_one_state_or_the_other),
        cmocka_unit_test(test_two_processes_write_at_once_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
