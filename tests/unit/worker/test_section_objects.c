/* Sections that leave a process: what lies in an object reads as what was written, under any budget, and an object that
 * is not what it was said to be is an error of the right kind. */
#include "testing/testing.h"

#include <stdlib.h>
#include <unistd.h>

#include "worker/envelope_json.h"
#include "worker/section_run.h"

struct rig {
    const char *folder;
    struct df_store *store;
};

static int open_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct df_error error;
    rig->folder = test_folder_make();
    assert_ok(df_store_create(&rig->store, &error), &error);
    *state = rig;
    return 0;
}

static int close_rig(void **state)
{
    struct rig *rig = *state;
    df_store_free(rig->store);
    test_folder_remove(rig->folder);
    free(rig);
    return 0;
}

/* Section s of producer p holds `unit` times (p + s) % 5 bytes, all of them 'a' + p. */
static size_t size_of(uint32_t producer, uint32_t section, size_t unit)
{
    return unit * ((producer + section) % 5);
}

static struct df_section_set *write_set(const struct rig *rig, uint32_t producer, uint32_t sections, size_t unit,
                                        struct df_budget *budget)
{
    struct df_section_builder *builder;
    struct df_section_set *set;
    struct df_error error;
    char *bytes = malloc(unit * 5 + 1);
    memset(bytes, 'a' + (int)producer, unit * 5);
    assert_ok(df_section_builder_create(&builder, sections, budget, rig->folder, &error), &error);
    for (uint32_t section = 0; section < sections; section++)
        assert_ok(
            df_section_builder_put(builder, section, df_slice_make(bytes, size_of(producer, section, unit)), &error),
            &error);
    assert_ok(df_section_builder_finish(builder, &set, &error), &error);
    free(bytes);
    return set;
}

static struct df_section_manifest *publish(const struct rig *rig, uint32_t producers, uint32_t sections, size_t unit)
{
    struct df_section_manifest *manifest;
    struct df_buf prefix = {0};
    struct df_error error;
    assert_ok(df_section_manifest_create(&manifest, sections, &error), &error);
    for (uint32_t producer = 0; producer < producers; producer++)
        assert_ok(df_section_manifest_put(manifest, producer, write_set(rig, producer, sections, unit, NULL), &error),
                  &error);
    df_buf_printf(&prefix, "file://%s/", rig->folder);
    assert_ok(df_section_manifest_publish(manifest, rig->store, df_buf_text(&prefix), 1, &error), &error);
    df_buf_dispose(&prefix);
    return manifest;
}

/* The manifest as another process knows it: through JSON. */
static struct df_section_manifest *receive(const struct rig *rig, const struct df_section_manifest *manifest)
{
    struct df_buf text = {0};
    struct df_arena arena = {0};
    struct df_json *json;
    struct df_section_manifest *received;
    struct df_error error;
    assert_ok(df_section_manifest_put_json(manifest, &text, &error), &error);
    assert_ok(df_json_parse(df_buf_slice(&text), NULL, &arena, &json, &error), &error);
    assert_ok(df_section_manifest_take_json(json, rig->store, &received, &error), &error);
    df_arena_dispose(&arena);
    df_buf_dispose(&text);
    return received;
}

struct expected {
    uint32_t next_section, next_producer, producers;
    size_t unit;
};

static void skip_empty(struct expected *expected)
{
    while (expected->producers && size_of(expected->next_producer, expected->next_section, expected->unit) == 0)
        if (++expected->next_producer == expected->producers) {
            expected->next_producer = 0;
            expected->next_section++;
        }
}

static int check_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    (void)error;
    struct expected *expected = ctx;
    skip_empty(expected);
    assert_int_equal(producer, expected->next_producer);
    assert_int_equal(section, expected->next_section);
    assert_int_equal(bytes.size, size_of(producer, section, expected->unit));
    for (size_t i = 0; i < bytes.size; i++)
        assert_int_equal(bytes.data[i], 'a' + (int)producer);
    if (++expected->next_producer == expected->producers) {
        expected->next_producer = 0;
        expected->next_section++;
    }
    return 0;
}

static void assert_reads_all(struct df_section_manifest *manifest, uint32_t begin, uint32_t end, uint32_t producers,
                             size_t unit, struct df_budget *budget)
{
    struct expected expected = {.next_section = begin, .producers = producers, .unit = unit};
    struct df_error error;
    assert_ok(df_section_manifest_read(manifest, begin, end, budget, NULL, check_piece, &expected, &error), &error);
    while (expected.next_section < end && size_of(expected.next_producer, expected.next_section, unit) == 0)
        if (++expected.next_producer == producers) {
            expected.next_producer = 0;
            expected.next_section++;
        }
    assert_true(expected.next_section >= end);
    if (budget)
        assert_int_equal(budget->used_bytes, 0);
}

static void assert_read_fails(struct df_section_manifest *manifest, struct df_budget *budget,
                              const atomic_bool *cancelled, enum df_error_kind kind)
{
    struct expected expected = {.producers = 4, .unit = 1000};
    struct df_error error;
    assert_fails(df_section_manifest_read(manifest, 0, 8, budget, cancelled, check_piece, &expected, &error), &error,
                 kind, "");
    if (budget)
        assert_int_equal(budget->used_bytes, 0);
}

static void test_sets_in_memory_read_the_same_from_objects(void **state)
{
    struct df_section_manifest *manifest = publish(*state, 4, 8, 1000), *received = receive(*state, manifest);
    assert_int_equal(df_section_manifest_bytes(received), df_section_manifest_bytes(manifest));
    assert_reads_all(manifest, 0, 8, 4, 1000, NULL);
    df_section_manifest_release(manifest);
    assert_reads_all(received, 0, 8, 4, 1000, NULL);
    assert_reads_all(received, 3, 5, 4, 1000, NULL);
    assert_reads_all(received, 4, 4, 4, 1000, NULL);
    df_section_manifest_release(received);
}

static void test_a_spilled_set_is_published_whole(void **state)
{
    struct rig *rig = *state;
    struct df_budget budget;
    struct df_buf uri = {0}, read = {0};
    struct df_error error;
    df_budget_init(&budget, 512 * 1024);
    /* 2.8 MB: more than one copy of a MiB. */
    struct df_section_set *set = write_set(rig, 1, 7, 200000, &budget);
    assert_true(df_section_set_spilled(set));
    df_buf_printf(&uri, "file://%s/set", rig->folder);
    assert_ok(df_section_set_publish(set, rig->store, df_buf_text(&uri), &error), &error);
    assert_string_equal(df_section_set_uri(set), df_buf_text(&uri));
    assert_ok(df_store_get(rig->store, df_buf_text(&uri), UINT64_MAX, &read, &error), &error);
    assert_int_equal(read.size, df_section_set_bytes(set));
    for (size_t i = 0; i < read.size; i++)
        assert_int_equal(read.data[i], 'b');
    df_section_set_free(set);
    assert_int_equal(budget.used_bytes, 0);
    df_buf_dispose(&uri);
    df_buf_dispose(&read);
}

static void test_a_small_budget_reads_in_shorter_runs(void **state)
{
    struct df_section_manifest *manifest = publish(*state, 4, 32, 100000), *received = receive(*state, manifest);
    df_section_manifest_release(manifest);
    struct df_budget budget;
    /* All is 25 MB, one section at most 1 MB. */
    for (uint64_t limit = UINT64_C(1) << 26; limit >= 1 << 20; limit /= 4) {
        df_budget_init(&budget, limit);
        assert_reads_all(received, 0, 32, 4, 100000, &budget);
        assert_true(budget.peak_bytes <= limit);
    }
    df_section_manifest_release(received);
}

static void test_a_section_that_does_not_fit_is_exhausted(void **state)
{
    struct df_section_manifest *manifest = publish(*state, 4, 8, 300000), *received = receive(*state, manifest);
    df_section_manifest_release(manifest);
    struct df_budget budget;
    struct df_error error;
    struct expected expected = {.producers = 4, .unit = 300000};
    df_budget_init(&budget, 1000);
    assert_fails(df_section_manifest_read(received, 0, 8, &budget, NULL, check_piece, &expected, &error), &error,
                 DF_ERROR_EXHAUSTED, "--memory");
    assert_int_equal(budget.used_bytes, 0);
    df_section_manifest_release(received);
}

static void test_a_small_section_is_read_even_when_memory_is_full(void **state)
{
    struct df_section_manifest *manifest = publish(*state, 4, 8, 1000), *received = receive(*state, manifest);
    df_section_manifest_release(manifest);
    struct df_budget budget;
    df_budget_init(&budget, 1);
    assert_reads_all(received, 0, 8, 4, 1000, &budget);
    df_section_manifest_release(received);
}

static void test_an_object_that_is_gone_or_shorter_fails(void **state)
{
    struct rig *rig = *state;
    struct df_section_manifest *manifest = publish(rig, 4, 8, 1000), *received = receive(rig, manifest);
    struct df_budget budget;
    struct df_buf path = {0};
    atomic_bool cancelled = true;
    df_budget_init(&budget, 1 << 20);
    df_section_manifest_release(manifest);
    assert_read_fails(received, &budget, &cancelled, DF_ERROR_CANCELLED);
    df_buf_printf(&path, "%s/sections-1-2", rig->folder);
    assert_int_equal(truncate(df_buf_text(&path), 5), 0);
    assert_read_fails(received, &budget, NULL, DF_ERROR_CORRUPT);
    assert_int_equal(unlink(df_buf_text(&path)), 0);
    assert_read_fails(received, &budget, NULL, DF_ERROR_NOT_FOUND);
    df_section_manifest_release(received);
    df_buf_dispose(&path);
}

static void test_empty_sets_need_no_object(void **state)
{
    struct rig *rig = *state;
    struct df_section_manifest *manifest, *received;
    struct df_section_set *set = write_set(rig, 0, 4, 0, NULL);
    struct df_buf path = {0};
    struct df_error error;
    assert_ok(df_section_manifest_create(&manifest, 4, &error), &error);
    assert_ok(df_section_manifest_put(manifest, 2, set, &error), &error);
    df_buf_printf(&path, "%s/empty/", rig->folder);
    assert_ok(df_section_manifest_publish(manifest, rig->store, df_buf_text(&path), 0, &error), &error);
    assert_int_equal(access(df_buf_text(&path), F_OK), -1);
    received = receive(rig, manifest);
    assert_int_equal(df_section_manifest_bytes(received), 0);
    struct expected expected = {0};
    assert_ok(df_section_manifest_read(received, 0, 4, NULL, NULL, check_piece, &expected, &error), &error);
    df_section_manifest_release(received);
    df_section_manifest_release(manifest);
    df_buf_dispose(&path);
}

static void test_without_a_place_nothing_is_published(void **state)
{
    struct rig *rig = *state;
    struct df_section_manifest *manifest;
    struct df_buf text = {0};
    struct df_error error;
    assert_ok(df_section_manifest_create(&manifest, 4, &error), &error);
    assert_ok(df_section_manifest_put(manifest, 0, write_set(rig, 1, 4, 10, NULL), &error), &error);
    assert_fails(df_section_manifest_publish(manifest, rig->store, NULL, 0, &error), &error, DF_ERROR_TOO_LARGE,
                 "--result-prefix");
    assert_fails(df_section_manifest_put_json(manifest, &text, &error), &error, DF_ERROR_INTERNAL, "memory");
    df_section_manifest_release(manifest);
    df_buf_dispose(&text);
}

static void test_a_failed_publish_can_be_repeated(void **state)
{
    struct rig *rig = *state;
    struct df_section_set *set = write_set(rig, 1, 4, 10, NULL);
    struct df_buf uri = {0};
    struct df_error error;
    struct df_put file = {.content = df_slice_text("x")};
    df_buf_printf(&uri, "%s/file", rig->folder);
    file.uri = df_buf_text(&uri);
    assert_ok(df_store_put(rig->store, &file, NULL, &error), &error);
    df_buf_put_text(&uri, "/below");
    assert_true(df_section_set_publish(set, rig->store, df_buf_text(&uri), &error) != 0);
    assert_null(df_section_set_uri(set));
    df_buf_clear(&uri);
    df_buf_printf(&uri, "%s/other", rig->folder);
    assert_ok(df_section_set_publish(set, rig->store, df_buf_text(&uri), &error), &error);
    assert_non_null(df_section_set_uri(set));
    df_section_set_free(set);
    df_buf_dispose(&uri);
}

static void test_hostile_sizes_are_corrupt(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"", 0},                                                  /* none */
        {"\x01", 1},                                              /* too few */
        {"\x01\x01\x01", 3},                                      /* too many */
        {"\x01\x80", 2},                                          /* cut */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 11},     /* 2^64 - 1, and the sum overflows */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* more than 64 bits */
        {"\x80\x80\x80\x80\x80\x40\x00", 7},                      /* 2^41 */
    };
    struct df_section_set *set;
    struct df_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(
            df_section_set_of_object(&set, 2, "u", df_slice_make(cases[i].bytes, cases[i].size), rig->store, &error),
            &error, DF_ERROR_CORRUPT, "u: ");
        assert_null(set);
    }
    assert_ok(df_section_set_of_object(&set, 2, "u", df_slice_make("\x00\x05", 2), rig->store, &error), &error);
    assert_int_equal(df_section_set_bytes(set), 5);
    df_section_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sets_in_memory_read_the_same_from_objects, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_a_spilled_set_is_published_whole, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_a_small_budget_reads_in_shorter_runs, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_a_section_that_does_not_fit_is_exhausted, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_a_small_section_is_read_even_when_memory_is_full, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_an_object_that_is_gone_or_shorter_fails, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_empty_sets_need_no_object, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_without_a_place_nothing_is_published, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_a_failed_publish_can_be_repeated, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(test_hostile_sizes_are_corrupt, open_rig, close_rig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
