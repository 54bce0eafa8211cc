/* Sections of an exchange: what is written in any order, in memory or put aside, reads back whole and in order. */
#include "testing/testing.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/sections.h"
#include "worker/spill.h"

/* ---- helpers ---- */

static struct df_section_builder *make_builder(uint32_t sections, struct df_budget *budget, const char *folder)
{
    struct df_section_builder *builder;
    struct df_error error;
    assert_ok(df_section_builder_create(&builder, sections, budget, folder, &error), &error);
    return builder;
}

static void put(struct df_section_builder *builder, uint32_t section, const char *text)
{
    struct df_error error;
    assert_ok(df_section_builder_put(builder, section, df_slice_text(text), &error), &error);
}

static struct df_section_set *finish(struct df_section_builder *builder)
{
    struct df_section_set *set;
    struct df_error error;
    assert_ok(df_section_builder_finish(builder, &set, &error), &error);
    return set;
}

static struct df_section_manifest *make_manifest(uint32_t sections)
{
    struct df_section_manifest *manifest;
    struct df_error error;
    assert_ok(df_section_manifest_create(&manifest, sections, &error), &error);
    return manifest;
}

static void put_set(struct df_section_manifest *manifest, uint32_t producer, struct df_section_set *set)
{
    struct df_error error;
    assert_ok(df_section_manifest_put(manifest, producer, set, &error), &error);
}

/* Writes "<section>/<producer>:<bytes> " for each piece. */
static int list_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    (void)error;
    assert_true(bytes.size > 0);
    df_buf_printf(ctx, "%u/%u:%.*s ", section, producer, DF_SLICE_ARG(bytes));
    return 0;
}

static void assert_reads(struct df_section_manifest *manifest, uint32_t begin, uint32_t end, const char *expected)
{
    struct df_buf text = {0};
    struct df_error error;
    assert_ok(df_section_manifest_read(manifest, begin, end, NULL, NULL, list_piece, &text, &error), &error);
    assert_string_equal(df_buf_text(&text), expected);
    df_buf_dispose(&text);
}

static unsigned count_open_files(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static unsigned count_entries(const char *folder)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

/* Bytes on disk of the nameless file that this process has open in a folder. */
static uint64_t disk_bytes_of_spill_file(const char *folder)
{
    uint64_t bytes = 0;
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[300], target[300] = "";
        struct stat status;
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, target, sizeof target - 1) > 0 && strncmp(target, folder, strlen(folder)) == 0 &&
            stat(path, &status) == 0)
            bytes += (uint64_t)status.st_blocks * 512;
    }
    closedir(directory);
    return bytes;
}

static void assert_all_given_back(struct df_budget *budget)
{
    assert_int_equal(atomic_load(&budget->used_bytes), 0);
}

/* ---- in memory ---- */

static void test_sections_read_back_in_the_order_of_their_appends(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 0);
    struct df_section_builder *builder = make_builder(4, &budget, NULL);
    put(builder, 3, "z");
    put(builder, 0, "a");
    put(builder, 3, "y");
    put(builder, 0, "");
    put(builder, 0, "b");
    struct df_section_set *set = finish(builder);
    assert_int_equal(df_section_set_bytes(set), 4);
    assert_false(df_section_set_spilled(set));
    struct df_section_manifest *manifest = make_manifest(4);
    put_set(manifest, 0, set);
    assert_reads(manifest, 0, 4, "0/0:ab 3/0:zy ");
    df_section_manifest_release(manifest);
    assert_all_given_back(&budget);
}

static void test_a_read_goes_section_by_section_and_producer_by_producer(void **state)
{
    (void)state;
    struct df_section_manifest *manifest = make_manifest(3);
    /* Put in any order; producer 1 failed, producer 3 wrote nothing. */
    for (uint32_t producer = 4; producer-- > 0;) {
        struct df_section_builder *builder = make_builder(3, NULL, NULL);
        char text[32];
        for (uint32_t section = 0; section < 3 && producer != 3; section++) {
            snprintf(text, sizeof text, "p%us%u", producer, section);
            if (producer != 2 || section != 1)
                put(builder, section, text);
        }
        struct df_section_set *set = finish(builder);
        if (producer == 1) {
            df_section_set_free(set);
            set = NULL;
        }
        put_set(manifest, producer, set);
    }
    assert_int_equal(df_section_manifest_producers(manifest), 4);
    assert_int_equal(df_section_manifest_sections(manifest), 3);
    assert_int_equal(df_section_manifest_bytes(manifest), 5 * 4);
    assert_reads(manifest, 0, 3, "0/0:p0s0 0/2:p2s0 1/0:p0s1 2/0:p0s2 2/2:p2s2 ");
    assert_reads(manifest, 1, 2, "1/0:p0s1 ");
    assert_reads(manifest, 2, 2, "");
    assert_reads(manifest, 2, 3, "2/0:p0s2 2/2:p2s2 ");
    df_section_manifest_release(manifest);
}

static void test_a_builder_that_wrote_nothing_gives_an_empty_set(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 1);
    struct df_section_set *set = finish(make_builder(1000, &budget, NULL));
    assert_int_equal(df_section_set_bytes(set), 0);
    assert_false(df_section_set_spilled(set));
    struct df_section_manifest *manifest = make_manifest(1000);
    put_set(manifest, 7, set);
    assert_int_equal(df_section_manifest_producers(manifest), 8);
    assert_reads(manifest, 0, 1000, "");
    df_section_manifest_release(manifest);
    assert_all_given_back(&budget);
}

static void test_a_builder_dropped_half_way_gives_everything_back(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 200000);
    unsigned open_before = count_open_files();
    static uint8_t bytes[1000];
    struct df_error error;
    struct df_section_builder *builder = make_builder(16, &budget, folder);
    for (uint32_t i = 0; i < 1000; i++)
        assert_ok(df_section_builder_put(builder, i % 16, df_slice_make(bytes, sizeof bytes), &error), &error);
    assert_true(count_open_files() > open_before); /* it did spill */
    df_section_builder_free(builder);
    assert_all_given_back(&budget);
    assert_int_equal(count_open_files(), open_before);
    df_section_builder_free(NULL);
    test_folder_remove(folder);
}

static void test_memory_per_section_stays_small(void **state)
{
    (void)state;
    enum { SECTIONS = 4096 };
    struct df_budget budget;
    df_budget_init(&budget, 0);
    struct df_section_builder *builder = make_builder(SECTIONS, &budget, NULL);
    for (uint32_t section = 0; section < SECTIONS; section++)
        put(builder, section, "0123456789");
    /* A head and one smallest chunk each, and the block growth of at most twice. */
    assert_true(atomic_load(&budget.used_bytes) < SECTIONS * 160);
    df_section_set_free(finish(builder));
    assert_all_given_back(&budget);
}

static void test_many_small_appends_ask_the_account_rarely(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 0);
    struct df_section_builder *builder = make_builder(64, &budget, NULL);
    unsigned asked = 0;
    uint64_t before = atomic_load(&budget.used_bytes);
    for (uint32_t i = 0; i < 100000; i++) {
        put(builder, i * 7 % 64, "12345678");
        asked += atomic_load(&budget.used_bytes) != before;
        before = atomic_load(&budget.used_bytes);
    }
    assert_in_range(asked, 1, 20);
    df_section_set_free(finish(builder));
    assert_all_given_back(&budget);
}

/* ---- put aside ---- */

static void test_a_full_account_puts_sections_aside_and_leaves_no_name(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 100000);
    unsigned open_before = count_open_files();
    struct df_section_builder *builder = make_builder(3, &budget, folder);
    for (uint32_t i = 0; i < 30000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%09u,", i);
        put(builder, i % 3, text);
    }
    assert_int_equal(count_entries(folder), 0); /* the file has no name */
    struct df_section_set *set = finish(builder);
    assert_true(df_section_set_spilled(set));
    assert_int_equal(df_section_set_bytes(set), 300000);
    assert_int_equal(count_entries(folder), 0);
    /* What lies in the file is not on the account. */
    assert_true(atomic_load(&budget.used_bytes) < 1000);

    struct df_section_manifest *manifest = make_manifest(3);
    put_set(manifest, 0, set);
    struct df_buf text = {0}, expected = {0};
    struct df_error error;
    assert_ok(df_section_manifest_read(manifest, 1, 2, &budget, NULL, list_piece, &text, &error), &error);
    df_buf_put_text(&expected, "1/0:");
    for (uint32_t i = 1; i < 30000; i += 3)
        df_buf_printf(&expected, "%09u,", i);
    df_buf_put_text(&expected, " ");
    assert_string_equal(df_buf_text(&text), df_buf_text(&expected));
    df_buf_dispose(&text);
    df_buf_dispose(&expected);
    df_section_manifest_release(manifest);
    assert_all_given_back(&budget);
    assert_int_equal(count_open_files(), open_before);
    test_folder_remove(folder);
}

static void test_sections_take_at_most_half_of_the_account(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 4000000);
    static uint8_t bytes[5000];
    struct df_error error;
    struct df_section_builder *builder = make_builder(8, &budget, folder);
    for (uint32_t i = 0; i < 2000; i++)
        assert_ok(df_section_builder_put(builder, i % 8, df_slice_make(bytes, sizeof bytes), &error), &error);
    struct df_section_set *set = finish(builder);
    assert_true(df_section_set_spilled(set));
    assert_in_range(atomic_load(&budget.peak_bytes), 1000000, 2000000);
    df_section_set_free(set);
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

struct numbers {
    uint32_t next, step, count;
};

static int check_numbers(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct numbers *numbers = ctx;
    (void)producer;
    (void)section;
    (void)error;
    assert_int_equal(bytes.size % sizeof(uint32_t), 0);
    for (size_t at = 0; at < bytes.size; at += sizeof(uint32_t)) {
        uint32_t number;
        memcpy(&number, bytes.data + at, sizeof number);
        if (number != numbers->next)
            fail_msg("number %u stands where %u should", number, numbers->next);
        numbers->next += numbers->step;
        numbers->count++;
    }
    return 0;
}

/* About 95 runs: more than are merged at once, so there are two passes. */
static void test_order_of_appends_survives_many_runs(void **state)
{
    (void)state;
    enum { SECTIONS = 6, NUMBERS = 1500000 };
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 1);
    struct df_section_builder *builder = make_builder(SECTIONS, &budget, folder);
    struct df_error error;
    for (uint32_t i = 0; i < NUMBERS; i++)
        if (df_section_builder_put(builder, i % SECTIONS, df_slice_make(&i, sizeof i), &error) != 0)
            fail_msg("%s", error.message);
    struct df_section_manifest *manifest = make_manifest(SECTIONS);
    put_set(manifest, 0, finish(builder));
    for (uint32_t section = 0; section < SECTIONS; section++) {
        struct numbers numbers = {.next = section, .step = SECTIONS};
        assert_ok(df_section_manifest_read(manifest, section, section + 1, NULL, NULL, check_numbers, &numbers, &error),
                  &error);
        assert_int_equal(numbers.count, NUMBERS / SECTIONS);
    }
    df_section_manifest_release(manifest);
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

static void test_thousands_of_sections_within_64_kb(void **state)
{
    (void)state;
    enum { SECTIONS = 4096, APPENDS = 400000 };
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 65536);
    struct df_section_builder *builder = make_builder(SECTIONS, &budget, folder);
    struct df_error error;
    for (uint32_t i = 0; i < APPENDS; i++)
        if (df_section_builder_put(builder, i % SECTIONS, df_slice_make(&i, sizeof i), &error) != 0)
            fail_msg("%s", error.message);
    /* The floor: heads, and the smallest chunk per section, a few blocks' heads. */
    assert_true(atomic_load(&budget.peak_bytes) < SECTIONS * 100);
    struct df_section_set *set = finish(builder);
    assert_true(df_section_set_spilled(set));
    struct df_section_manifest *manifest = make_manifest(SECTIONS);
    put_set(manifest, 0, set);
    for (uint32_t section = 0; section < SECTIONS; section += 111) {
        struct numbers numbers = {.next = section, .step = SECTIONS};
        assert_ok(
            df_section_manifest_read(manifest, section, section + 1, &budget, NULL, check_numbers, &numbers, &error),
            &error);
        assert_int_equal(numbers.count, (APPENDS - section + SECTIONS - 1) / SECTIONS);
    }
    df_section_manifest_release(manifest);
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

/* ---- one spill file for many sets ---- */

static void test_many_sets_share_one_file_and_give_their_room_back(void **state)
{
    (void)state;
    enum { SETS = 40, BYTES = 100000 };
    const char *folder = test_folder_make();
    struct df_spill *spill;
    struct df_error error;
    struct df_budget budget;
    df_budget_init(&budget, 1);
    unsigned open_before = count_open_files();
    assert_ok(df_spill_create(&spill, folder, &error), &error);
    assert_int_equal(count_open_files(), open_before); /* made when it is needed */
    struct df_section_set *sets[SETS];
    static uint8_t bytes[BYTES];
    for (uint32_t i = 0; i < SETS; i++) {
        struct df_section_builder *builder;
        assert_ok(df_section_builder_create_shared(&builder, 2, &budget, spill, NULL, &error), &error);
        memset(bytes, (int)i, sizeof bytes);
        assert_ok(df_section_builder_put(builder, 1, df_slice_make(bytes, sizeof bytes), &error), &error);
        sets[i] = finish(builder);
        assert_true(df_section_set_spilled(sets[i]));
    }
    assert_int_equal(count_open_files(), open_before + 1);
    df_spill_release(spill); /* the sets hold it */
    assert_true(disk_bytes_of_spill_file(folder) >= SETS * BYTES);
    for (uint32_t i = 0; i < SETS; i += 2)
        df_section_set_free(sets[i]);
    assert_true(disk_bytes_of_spill_file(folder) < SETS * BYTES * 3 / 4);
    for (uint32_t i = 1; i < SETS; i += 2) {
        struct df_section_manifest *manifest = make_manifest(2);
        struct df_buf text = {0};
        put_set(manifest, 0, sets[i]);
        assert_ok(df_section_manifest_read(manifest, 0, 2, NULL, NULL, list_piece, &text, &error), &error);
        df_section_manifest_release(manifest);
        df_buf_dispose(&text);
    }
    assert_all_given_back(&budget);
    assert_int_equal(count_open_files(), open_before);
    test_folder_remove(folder);
}

static void test_an_emptied_spill_file_begins_anew(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_spill *spill;
    struct df_error error;
    uint64_t first, second, third;
    assert_ok(df_spill_create(&spill, folder, &error), &error);
    assert_ok(df_spill_reserve(spill, 1000, &first, &error), &error);
    assert_ok(df_spill_reserve(spill, 500, &second, &error), &error);
    assert_int_equal(first, 0);
    assert_int_equal(second, 1000);
    assert_ok(df_spill_write(spill, second, df_slice_text("kept"), &error), &error);
    df_spill_give(spill, first, 1000);
    uint8_t text[4];
    assert_ok(df_spill_read(spill, second, text, sizeof text, &error), &error);
    assert_memory_equal(text, "kept", 4);
    df_spill_give(spill, second, 500);
    assert_ok(df_spill_reserve(spill, 10, &third, &error), &error);
    assert_int_equal(third, 0);
    assert_fails(df_spill_read(spill, third, text, sizeof text, &error), &error, DF_ERROR_INTERNAL, "ends at byte 0");
    df_spill_give(spill, third, 10);
    df_spill_release(spill);
    test_folder_remove(folder);
}

static void test_a_reservation_that_no_file_can_hold_is_exhausted(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_spill *spill;
    struct df_error error;
    uint64_t offset;
    assert_ok(df_spill_create(&spill, folder, &error), &error);
    assert_fails(df_spill_reserve(spill, UINT64_MAX, &offset, &error), &error, DF_ERROR_EXHAUSTED, folder);
    assert_ok(df_spill_reserve(spill, 100, &offset, &error), &error);
    assert_fails(df_spill_reserve(spill, UINT64_MAX - 50, &offset, &error), &error, DF_ERROR_EXHAUSTED, folder);
    df_spill_give(spill, 0, 100);
    df_spill_release(spill);
    test_folder_remove(folder);
}

/* ---- property: any appends, any account, with and without a folder's help ---- */

struct expected {
    struct df_buf *sections;
    uint32_t next_section; /* of the reading */
    uint32_t end;
};

static int compare_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct expected *expected = ctx;
    (void)producer;
    (void)error;
    assert_true(section >= expected->next_section && section < expected->end);
    for (; expected->next_section < section; expected->next_section++)
        assert_int_equal(expected->sections[expected->next_section].size, 0);
    assert_true(df_slice_equal(bytes, df_buf_slice(&expected->sections[section])));
    expected->next_section = section + 1;
    return 0;
}

static size_t random_piece_bytes(uint64_t *random)
{
    switch (test_random(random) % 8) {
    case 0:
        return 0;
    case 1:
        return (size_t)(test_random(random) % 40000);
    case 2:
        return (size_t)(test_random(random) % 1000);
    default:
        return (size_t)(test_random(random) % 60);
    }
}

static bool try_one_shape(uint64_t *random, const char *folder)
{
    uint32_t sections = (uint32_t)(1 + test_random(random) % (test_random(random) % 4 ? 30 : 3000));
    uint32_t appends = (uint32_t)(test_random(random) % 3000);
    struct df_budget budget;
    df_budget_init(&budget, test_random(random) % 3 ? 1 + test_random(random) % 3000000 : 0);
    struct df_section_builder *builder = make_builder(sections, &budget, folder);
    struct df_buf *expected = calloc(sections, sizeof *expected);
    static uint8_t noise[40000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(random);
    uint64_t total = 0;
    struct df_error error;
    for (uint32_t i = 0; i < appends; i++) {
        uint32_t section = (uint32_t)(test_random(random) % sections);
        size_t size = random_piece_bytes(random);
        struct df_slice piece = df_slice_make(noise + test_random(random) % (sizeof noise - size), size);
        assert_ok(df_section_builder_put(builder, section, piece, &error), &error);
        df_buf_put_slice(&expected[section], piece);
        total += size;
    }
    struct df_section_set *set = finish(builder);
    bool spilled = df_section_set_spilled(set);
    assert_int_equal(df_section_set_bytes(set), total);
    struct df_section_manifest *manifest = make_manifest(sections);
    put_set(manifest, 0, set);
    uint32_t begin = (uint32_t)(test_random(random) % (sections + 1));
    struct expected all = {.sections = expected, .end = sections};
    struct expected tail = {.sections = expected, .end = sections, .next_section = begin};
    assert_ok(df_section_manifest_read(manifest, 0, sections, NULL, NULL, compare_piece, &all, &error), &error);
    assert_ok(df_section_manifest_read(manifest, begin, sections, NULL, NULL, compare_piece, &tail, &error), &error);
    for (uint32_t i = all.next_section; i < sections; i++)
        assert_int_equal(expected[i].size, 0);
    df_section_manifest_release(manifest);
    assert_all_given_back(&budget);
    for (uint32_t i = 0; i < sections; i++)
        df_buf_dispose(&expected[i]);
    free(expected);
    return spilled;
}

static void test_property_what_was_written_reads_back(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    uint64_t random = test_seed();
    unsigned spilled = 0;
    for (unsigned i = 0; i < 150; i++)
        spilled += try_one_shape(&random, folder);
    assert_in_range(spilled, 10, 140); /* both ways were taken */
    test_folder_remove(folder);
}

/* ---- failures ---- */

static void test_no_memory_and_no_folder_is_exhausted_once_and_stays(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 1000);
    struct df_error error;
    static uint8_t bytes[100000];
    struct df_section_builder *builder = make_builder(4, &budget, NULL);
    assert_fails(df_section_builder_put(builder, 2, df_slice_make(bytes, sizeof bytes), &error), &error,
                 DF_ERROR_EXHAUSTED, "(--memory)");
    assert_false(error.retryable);
    assert_fails(df_section_builder_put(builder, 1, df_slice_text("x"), &error), &error, DF_ERROR_EXHAUSTED,
                 "--temporary-folder");
    struct df_section_set *set = (struct df_section_set *)&budget;
    assert_fails(df_section_builder_finish(builder, &set, &error), &error, DF_ERROR_EXHAUSTED, "no temporary folder");
    assert_null(set);
    assert_all_given_back(&budget);
}

static void test_a_finish_without_memory_and_folder_is_exhausted(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 1000);
    struct df_error error;
    struct df_section_builder *builder = make_builder(4, &budget, NULL);
    put(builder, 2, "within the floor");
    struct df_section_set *set;
    assert_fails(df_section_builder_finish(builder, &set, &error), &error, DF_ERROR_EXHAUSTED, "16 bytes of sections");
    assert_null(set);
    assert_all_given_back(&budget);
}

static void test_a_folder_that_is_not_there_is_named_when_it_is_needed(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    char missing[128];
    snprintf(missing, sizeof missing, "%s/missing", folder);
    struct df_budget budget;
    df_budget_init(&budget, 1000);
    struct df_error error;
    static uint8_t bytes[100000];
    struct df_section_builder *builder = make_builder(4, &budget, missing);
    assert_fails(df_section_builder_put(builder, 2, df_slice_make(bytes, sizeof bytes), &error), &error,
                 DF_ERROR_EXHAUSTED, missing);
    assert_non_null(strstr(error.message, "No such file or directory"));
    assert_non_null(strstr(error.message, "--temporary-folder"));
    df_section_builder_free(builder);
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

/* A limit on file sizes is a disk that is full at that byte. */
struct full_disk {
    struct rlimit before;
};

static struct full_disk make_disk_full_at(uint64_t bytes)
{
    struct full_disk disk;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &disk.before), 0);
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = disk.before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return disk;
}

static void empty_disk(const struct full_disk *disk)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &disk->before), 0);
}

/* Wherever the disk gets full (in a run, while runs are merged, in the last merge): one error, nothing left. */
static void test_a_disk_that_gets_full_at_any_moment_gives_one_error_and_leaves_nothing(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    unsigned open_before = count_open_files();
    enum { PIECES = 5000, PIECE = 1024 };
    static uint8_t bytes[PIECE];
    unsigned failed_put = 0, failed_finish = 0, fine = 0;
    for (uint64_t room = 0; room <= 20 * 1024 * 1024; room += 900 * 1024 + 4321) {
        struct df_budget budget;
        df_budget_init(&budget, 1);
        struct df_error error = {0};
        struct df_section_builder *builder = make_builder(16, &budget, folder);
        struct full_disk disk = make_disk_full_at(room);
        int rc = 0;
        for (uint32_t i = 0; rc == 0 && i < PIECES; i++)
            rc = df_section_builder_put(builder, i % 16, df_slice_make(bytes, sizeof bytes), &error);
        failed_put += rc != 0;
        struct df_section_set *set = NULL;
        if (rc == 0) {
            rc = df_section_builder_finish(builder, &set, &error);
            failed_finish += rc != 0;
        } else {
            df_section_builder_free(builder);
        }
        empty_disk(&disk);
        if (rc == 0)
            fine++;
        else if (error.kind != DF_ERROR_EXHAUSTED || !strstr(error.message, folder))
            fail_msg("room %llu: %s", (unsigned long long)room, error.message);
        assert_true((set != NULL) == (rc == 0));
        df_section_set_free(set);
        assert_all_given_back(&budget);
        assert_int_equal(count_open_files(), open_before);
        assert_int_equal(count_entries(folder), 0);
    }
    assert_true(failed_put > 3 && failed_finish > 3 && fine > 3);
    test_folder_remove(folder);
}

/* What a failed put did not keep cannot come back, even if there is room again. */
static void test_a_failure_stays_when_the_disk_has_room_again(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 1);
    struct df_error error;
    static uint8_t bytes[100000];
    struct df_section_builder *builder = make_builder(2, &budget, folder);
    struct full_disk disk = make_disk_full_at(0);
    assert_fails(df_section_builder_put(builder, 0, df_slice_make(bytes, sizeof bytes), &error), &error,
                 DF_ERROR_EXHAUSTED, "File too large");
    empty_disk(&disk);
    struct df_section_set *set;
    assert_fails(df_section_builder_put(builder, 1, df_slice_text("x"), &error), &error, DF_ERROR_EXHAUSTED, folder);
    assert_fails(df_section_builder_finish(builder, &set, &error), &error, DF_ERROR_EXHAUSTED, folder);
    assert_null(set);
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

static void test_a_failed_builder_gives_its_room_back_to_the_others(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_spill *spill;
    struct df_error error;
    struct df_budget budget;
    df_budget_init(&budget, 1);
    static uint8_t bytes[300000];
    assert_ok(df_spill_create(&spill, folder, &error), &error);
    struct full_disk disk = make_disk_full_at(400000);
    for (unsigned round = 0; round < 20; round++) {
        struct df_section_builder *builder;
        struct df_section_set *set;
        assert_ok(df_section_builder_create_shared(&builder, 2, &budget, spill, NULL, &error), &error);
        /* Runs of 250 KB fit, their merge behind them does not. */
        assert_ok(df_section_builder_put(builder, 0, df_slice_make(bytes, sizeof bytes), &error), &error);
        assert_fails(df_section_builder_finish(builder, &set, &error), &error, DF_ERROR_EXHAUSTED, folder);
    }
    empty_disk(&disk);
    df_spill_release(spill);
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

static void test_putting_aside_ends_when_cancelled(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_spill *spill;
    struct df_error error;
    struct df_budget budget;
    df_budget_init(&budget, 1);
    atomic_bool cancelled = false;
    static uint8_t bytes[100000];
    struct df_section_builder *builder;
    struct df_section_set *set;
    assert_ok(df_spill_create(&spill, folder, &error), &error);
    assert_ok(df_section_builder_create_shared(&builder, 2, &budget, spill, &cancelled, &error), &error);
    assert_ok(df_section_builder_put(builder, 0, df_slice_make(bytes, sizeof bytes), &error), &error);
    cancelled = true;
    assert_fails(df_section_builder_finish(builder, &set, &error), &error, DF_ERROR_CANCELLED, "cancelled");
    df_spill_release(spill);
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

/* ---- manifest: failures, sharing ---- */

static struct df_section_manifest *manifest_with_spilled_section(struct df_budget *budget, const char *folder,
                                                                 size_t bytes_in_section)
{
    struct df_error error;
    uint8_t *bytes = calloc(1, bytes_in_section);
    struct df_section_builder *builder = make_builder(2, budget, folder);
    assert_ok(df_section_builder_put(builder, 1, df_slice_make(bytes, bytes_in_section), &error), &error);
    free(bytes);
    struct df_section_manifest *manifest = make_manifest(2);
    put_set(manifest, 0, finish(builder));
    return manifest;
}

static int count_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    (void)producer;
    (void)section;
    (void)error;
    *(uint64_t *)ctx += bytes.size;
    return 0;
}

static void test_a_full_account_reads_small_sections_and_refuses_large_ones(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_budget small, full;
    df_budget_init(&small, 1);
    df_budget_init(&full, 1);
    struct df_error error;
    uint64_t read_bytes = 0;

    struct df_section_manifest *manifest = manifest_with_spilled_section(&small, folder, 1024 * 1024);
    assert_ok(df_section_manifest_read(manifest, 0, 2, &full, NULL, count_piece, &read_bytes, &error), &error);
    assert_int_equal(read_bytes, 1024 * 1024);
    df_section_manifest_release(manifest);

    manifest = manifest_with_spilled_section(&small, folder, 1024 * 1024 + 1);
    assert_fails(df_section_manifest_read(manifest, 0, 2, &full, NULL, count_piece, &read_bytes, &error), &error,
                 DF_ERROR_EXHAUSTED, "1048577 bytes");
    df_section_manifest_release(manifest);
    assert_all_given_back(&small);
    assert_all_given_back(&full);
    test_folder_remove(folder);
}

static void test_a_range_outside_the_sections_is_invalid(void **state)
{
    (void)state;
    struct df_section_manifest *manifest = make_manifest(4);
    struct df_error error;
    struct df_buf text = {0};
    assert_fails(df_section_manifest_read(manifest, 0, 5, NULL, NULL, list_piece, &text, &error), &error,
                 DF_ERROR_INVALID, "0 to 5 asked of 4");
    assert_fails(df_section_manifest_read(manifest, 3, 2, NULL, NULL, list_piece, &text, &error), &error,
                 DF_ERROR_INVALID, "3 to 2");
    df_section_manifest_release(manifest);
}

static void test_a_set_with_another_number_of_sections_is_corrupt_and_freed(void **state)
{
    (void)state;
    struct df_section_manifest *manifest = make_manifest(4);
    struct df_section_builder *builder = make_builder(3, NULL, NULL);
    struct df_error error;
    put(builder, 0, "x");
    assert_fails(df_section_manifest_put(manifest, 9, finish(builder), &error), &error, DF_ERROR_CORRUPT,
                 "part 9 wrote 3 sections, expected 4");
    assert_int_equal(df_section_manifest_producers(manifest), 0);
    df_section_manifest_release(manifest);
    df_section_manifest_release(NULL);
}

static int stop_at_second(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    (void)producer;
    (void)section;
    (void)bytes;
    if (++*(unsigned *)ctx == 2)
        return df_error_set(error, DF_ERROR_CORRUPT, "not what it should be");
    return 0;
}

static int cancel_at_second(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes,
                            struct df_error *error)
{
    (void)producer;
    (void)section;
    (void)bytes;
    (void)error;
    atomic_store((atomic_bool *)ctx, true);
    return 0;
}

static void test_a_reading_ends_with_the_readers_error_or_when_cancelled(void **state)
{
    (void)state;
    struct df_section_manifest *manifest = make_manifest(5);
    struct df_section_builder *builder = make_builder(5, NULL, NULL);
    for (uint32_t i = 0; i < 5; i++)
        put(builder, i, "x");
    put_set(manifest, 0, finish(builder));
    struct df_error error;
    unsigned seen = 0;
    assert_fails(df_section_manifest_read(manifest, 0, 5, NULL, NULL, stop_at_second, &seen, &error), &error,
                 DF_ERROR_CORRUPT, "not what it should be");
    assert_int_equal(seen, 2);
    atomic_bool cancelled = false;
    assert_fails(df_section_manifest_read(manifest, 0, 5, NULL, &cancelled, cancel_at_second, &cancelled, &error),
                 &error, DF_ERROR_CANCELLED, "cancelled");
    df_section_manifest_release(manifest);
}

struct reader {
    pthread_t thread;
    struct df_section_manifest *manifest;
    uint64_t bytes;
    int rc;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    struct df_error error;
    reader->rc = df_section_manifest_read(reader->manifest, 0, 2, NULL, NULL, count_piece, &reader->bytes, &error);
    df_section_manifest_release(reader->manifest);
    return NULL;
}

static void test_threads_read_one_manifest_at_once_and_the_last_frees_it(void **state)
{
    (void)state;
    enum { READERS = 8 };
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 1);
    struct df_section_manifest *manifest = manifest_with_spilled_section(&budget, folder, 200000);
    struct reader readers[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.manifest = manifest};
        df_section_manifest_hold(manifest);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    df_section_manifest_release(manifest);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].rc, 0);
        assert_int_equal(readers[i].bytes, 200000);
    }
    assert_all_given_back(&budget);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_read_back_in_the_order_of_their_appends),
        cmocka_unit_test(test_a_read_goes_section_by_section_and_producer_by_producer),
        cmocka_unit_test(test_a_builder_that_wrote_nothing_gives_an_empty_set),
        cmocka_unit_test(test_a_builder_dropped_half_way_gives_everything_back),
        cmocka_unit_test(test_memory_per_section_stays_small),
        cmocka_unit_test(test_many_small_appends_ask_the_account_rarely),
        cmocka_unit_test(test_a_full_account_puts_sections_aside_and_leaves_no_name),
        cmocka_unit_test(test_sections_take_at_most_half_of_the_account),
        cmocka_unit_test(test_order_of_appends_survives_many_runs),
        cmocka_unit_test(test_thousands_of_sections_within_64_kb),
        cmocka_unit_test(test_many_sets_share_one_file_and_give_their_room_back),
        cmocka_unit_test(test_an_emptied_spill_file_begins_anew),
        cmocka_unit_test(test_a_reservation_that_no_file_can_hold_is_exhausted),
        cmocka_unit_test(test_property_what_was_written_reads_back),
        cmocka_unit_test(test_no_memory_and_no_folder_is_exhausted_once_and_stays),
        cmocka_unit_test(test_a_finish_without_memory_and_folder_is_exhausted),
        cmocka_unit_test(test_a_folder_that_is_not_there_is_named_when_it_is_needed),
        cmocka_unit_test(test_a_disk_that_gets_full_at_any_moment_gives_one_error_and_leaves_nothing),
        cmocka_unit_test(test_a_failure_stays_when_the_disk_has_room_again),
        cmocka_unit_test(test_a_failed_builder_gives_its_room_back_to_the_others),
        cmocka_unit_test(test_putting_aside_ends_when_cancelled),
        cmocka_unit_test(test_a_full_account_reads_small_sections_and_refuses_large_ones),
        cmocka_unit_test(test_a_range_outside_the_sections_is_invalid),
        cmocka_unit_test(test_a_set_with_another_number_of_sections_is_corrupt_and_freed),
        cmocka_unit_test(test_a_reading_ends_with_the_readers_error_or_when_cancelled),
        cmocka_unit_test(test_threads_read_one_manifest_at_once_and_the_last_frees_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
