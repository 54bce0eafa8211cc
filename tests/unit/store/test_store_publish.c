/* Files that several processes write and that appear together (store/publish.h), on the file system. What S3 does is in
 * tests/e2e/test_repartition.py. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "store/publish.h"
#include "testing/testing.h"

struct fixture {
    struct df_store *store;
    char folder[256], target[300];
};

static int make(void **state)
{
    struct df_error error;
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "%s", test_folder_make());
    snprintf(fixture->target, sizeof fixture->target, "%s/target", fixture->folder);
    assert_ok(df_store_create(&fixture->store, &error), &error);
    *state = fixture;
    return 0;
}

static int dispose(void **state)
{
    struct fixture *fixture = *state;
    df_store_free(fixture->store);
    test_folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

/* ---- helpers ---- */

static struct df_store_publication *begin(const struct fixture *fixture)
{
    struct df_error error;
    struct df_store_publication *publication;
    assert_ok(df_store_publication_begin(fixture->store, fixture->target, &publication, &error), &error);
    return publication;
}

/* The token of a file with that content. */
static struct df_buf detach(const struct fixture *fixture, const char *place, const char *name, const char *content)
{
    struct df_error error;
    struct df_store_upload *upload;
    struct df_buf uri = {0}, token = {0};
    df_uri_join(&uri, place, name);
    assert_ok(df_store_upload_open(fixture->store, df_buf_text(&uri), &upload, &error), &error);
    assert_ok(df_store_upload_write(upload, df_slice_text(content), &error), &error);
    assert_ok(df_store_upload_detach(upload, &token, &error), &error);
    df_buf_dispose(&uri);
    return token;
}

static int count_names(const char *folder)
{
    DIR *stream = opendir(folder);
    int count = 0;
    if (!stream)
        return -1;
    for (const struct dirent *entry; (entry = readdir(stream));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return count;
}

static void assert_content(const struct fixture *fixture, const char *name, const char *content)
{
    struct df_error error;
    struct df_buf uri = {0}, bytes = {0};
    df_uri_join(&uri, fixture->target, name);
    assert_ok(df_store_get(fixture->store, df_buf_text(&uri), 1000, &bytes, &error), &error);
    assert_slice_is(df_buf_slice(&bytes), content);
    df_buf_dispose(&uri);
    df_buf_dispose(&bytes);
}

/* ---- behaviours ---- */

static void test_detached_files_are_seen_all_at_once_and_losers_never(void **state)
{
    const struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_publication *publication = begin(fixture);
    const char *place = df_store_publication_place(publication);
    struct df_buf tokens[3] = {detach(fixture, place, "a.parquet", "first"),
                               detach(fixture, place, "b.parquet", "loser"),
                               detach(fixture, place, "b.parquet", "second")};
    const struct df_slice winners[] = {df_buf_slice(&tokens[2]), df_buf_slice(&tokens[0])};
    assert_int_equal(access(fixture->target, F_OK), -1);
    assert_ok(df_store_publish(fixture->store, place, fixture->target, winners, 2, &error), &error);
    assert_int_equal(count_names(fixture->target), 2);
    assert_content(fixture, "a.parquet", "first");
    assert_content(fixture, "b.parquet", "second");
    df_store_publication_end(publication);
    assert_int_equal(count_names(fixture->target), 2);
    assert_int_equal(count_names(fixture->folder), 1);
    for (int i = 0; i < 3; i++)
        df_buf_dispose(&tokens[i]);
}

static void test_publishing_again_after_a_lost_answer_succeeds(void **state)
{
    const struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_publication *publication = begin(fixture);
    const char *place = df_store_publication_place(publication);
    struct df_buf token = detach(fixture, place, "a", "content");
    const struct df_slice tokens[] = {df_buf_slice(&token)};
    for (int i = 0; i < 2; i++)
        assert_ok(df_store_publish(fixture->store, place, fixture->target, tokens, 1, &error), &error);
    df_store_publication_end(publication);
    assert_content(fixture, "a", "content");
    df_buf_dispose(&token);
}

static void test_what_is_not_published_leaves_nothing_nor_the_folders_above_it(void **state)
{
    struct fixture *fixture = *state;
    snprintf(fixture->target, sizeof fixture->target, "%s/made/twice/target", fixture->folder);
    struct df_store_publication *publication = begin(fixture);
    struct df_buf token = detach(fixture, df_store_publication_place(publication), "a", "content");
    assert_int_equal(count_names(fixture->folder), 1);
    df_store_publication_end(publication);
    assert_int_equal(count_names(fixture->folder), 0);
    df_buf_dispose(&token);
}

static void test_an_empty_folder_is_a_target_and_a_full_one_a_conflict(void **state)
{
    const struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_publication *publication;
    char inside[400];
    assert_int_equal(mkdir(fixture->target, 0777), 0);
    df_store_publication_end(begin(fixture));
    assert_int_equal(count_names(fixture->target), 0);
    snprintf(inside, sizeof inside, "%s/there", fixture->target);
    assert_int_equal(mkdir(inside, 0777), 0);
    assert_fails(df_store_publication_begin(fixture->store, fixture->target, &publication, &error), &error,
                 DF_ERROR_CONFLICT, "is not empty ('there')");
    assert_fails(df_store_publication_begin(fixture->store, ".", &publication, &error), &error, DF_ERROR_CONFLICT,
                 "is not empty");
    assert_int_equal(count_names(fixture->folder), 1);
}

static void test_a_target_that_fills_meanwhile_is_a_conflict_and_stays_as_it_is(void **state)
{
    const struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_publication *first = begin(fixture), *second = begin(fixture);
    struct df_buf a = detach(fixture, df_store_publication_place(first), "a", "of the first");
    struct df_buf b = detach(fixture, df_store_publication_place(second), "a", "of the second");
    const struct df_slice of_first[] = {df_buf_slice(&a)}, of_second[] = {df_buf_slice(&b)};
    assert_ok(
        df_store_publish(fixture->store, df_store_publication_place(second), fixture->target, of_second, 1, &error),
        &error);
    assert_fails(
        df_store_publish(fixture->store, df_store_publication_place(first), fixture->target, of_first, 1, &error),
        &error, DF_ERROR_CONFLICT, "somebody else");
    df_store_publication_end(first);
    df_store_publication_end(second);
    assert_content(fixture, "a", "of the second");
    assert_int_equal(count_names(fixture->folder), 1);
    df_buf_dispose(&a);
    df_buf_dispose(&b);
}

static void test_what_a_killed_process_left_is_removed_by_the_next(void **state)
{
    const struct fixture *fixture = *state;
    pid_t child = fork();
    if (child == 0) {
        struct df_store_publication *publication = begin(fixture);
        struct df_buf token = detach(fixture, df_store_publication_place(publication), "a", "content");
        _exit(token.size > 0 ? 0 : 1); /* as if killed: nothing is tidied up */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count_names(fixture->folder), 1);
    struct df_store_publication *publication = begin(fixture);
    assert_int_equal(count_names(fixture->folder), 1); /* its own */
    df_store_publication_end(publication);
    assert_int_equal(count_names(fixture->folder), 0);
}

static void test_what_is_alive_is_left_alone(void **state)
{
    const struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_publication *alive = begin(fixture);
    const char *place = df_store_publication_place(alive);
    struct df_buf token = detach(fixture, place, "a", "content");
    const struct df_slice tokens[] = {df_buf_slice(&token)};
    df_store_publication_end(begin(fixture));
    assert_ok(df_store_publish(fixture->store, place, fixture->target, tokens, 1, &error), &error);
    df_store_publication_end(alive);
    assert_content(fixture, "a", "content");
    df_buf_dispose(&token);
}

static void test_a_discarded_file_cannot_be_published(void **state)
{
    const struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_publication *publication = begin(fixture);
    const char *place = df_store_publication_place(publication);
    struct df_buf token = detach(fixture, place, "a", "content");
    const struct df_slice tokens[] = {df_buf_slice(&token)};
    df_store_discard(fixture->store, place, tokens[0]);
    assert_int_equal(count_names(place), 0);
    assert_fails(df_store_publish(fixture->store, place, fixture->target, tokens, 1, &error), &error, DF_ERROR_CONFLICT,
                 "has been removed");
    df_store_publication_end(publication);
    assert_int_equal(count_names(fixture->folder), 0);
    df_buf_dispose(&token);
}

static void test_tokens_that_lead_out_of_the_folder_are_corrupt(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"name\":\"a/b\",\"aside\":\"x\",\"bytes\":1}",
                                      "{\"name\":\"..\",\"aside\":\"x\",\"bytes\":1}",
                                      "{\"name\":\".hidden\",\"aside\":\"x\",\"bytes\":1}",
                                      "{\"name\":\"a\",\"aside\":\"../x\",\"bytes\":1}",
                                      "{\"name\":\"a\",\"aside\":\"x\",\"bytes\":-1}",
                                      "{\"name\":\"a\\u0000\",\"aside\":\"x\",\"bytes\":1}",
                                      "{\"name\":\"a\",\"upload\":\"x\",\"bytes\":1}",
                                      "{\"name\":\"a\",\"upload\":\"x\",\"etags\":[1],\"bytes\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct df_arena arena = {0};
        struct df_store_token token;
        struct df_error error;
        assert_fails(df_store_token_parse(df_slice_text(bad[i]), &arena, &token, &error), &error, DF_ERROR_CORRUPT,
                     "damaged");
        df_arena_dispose(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_detached_files_are_seen_all_at_once_and_losers_never, make, dispose),
        cmocka_unit_test_setup_teardown(test_publishing_again_after_a_lost_answer_succeeds, make, dispose),
        cmocka_unit_test_setup_teardown(test_what_is_not_published_leaves_nothing_nor_the_folders_above_it, make,
                                        dispose),
        cmocka_unit_test_setup_teardown(test_an_empty_folder_is_a_target_and_a_full_one_a_conflict, make, dispose),
        cmocka_unit_test_setup_teardown(test_a_target_that_fills_meanwhile_is_a_conflict_and_stays_as_it_is, make,
                                        dispose),
        cmocka_unit_test_setup_teardown(test_what_a_killed_process_left_is_removed_by_the_next, make, dispose),
        cmocka_unit_test_setup_teardown(test_what_is_alive_is_left_alone, make, dispose),
        cmocka_unit_test_setup_teardown(test_a_discarded_file_cannot_be_published, make, dispose),
        cmocka_unit_test(test_tokens_that_lead_out_of_the_folder_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
