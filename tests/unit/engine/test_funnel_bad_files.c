/* Files that cannot be read: the query fails and says the way out, or its answer is that over the other files. */
#include <unistd.h>

#include "base/bytes.h"
#include "engine/funnel/plan/bad_report.h"
#include "unit/engine/funnel_driver.h"
#include "unit/engine/funnel_files.h"

#define STEPS    "{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"event\",\"==\",\"buy\"]}"
#define FUNNEL   "\"funnel\":{\"sequence\":[" STEPS "]}"
#define COUNTING "\"query\":{\"aggregations\":[{\"column\":\"price\",\"type\":\"countPerValue\"}]}," FUNNEL

enum { FILES = 10, FILES_MAX = 32, FILE_BYTES_MAX = 1 << 20 };

/* ---- files and what can be wrong with them ---- */

static void path_of(const struct world *world, const char *folder, unsigned file, char path[600])
{
    snprintf(path, 600, "%s/%s/part-%03u.parquet", world->folder, folder, file);
}

static size_t read_whole(const char *path, uint8_t *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, FILE_BYTES_MAX, file);
    fclose(file);
    assert_true(size > 12 && size < FILE_BYTES_MAX);
    return size;
}

static void write_whole(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static size_t data_end(const uint8_t *bytes, size_t size)
{
    return size - 8 - df_load_u32le(bytes + size - 8);
}

enum damage {
    CUT,
    EMPTY,
    NO_MAGIC,
    FIRST_PAGE,
    LATER_PAGES,
    FLIPPED,
    FOOTER_LIES,
    NO_USER,
    FLOAT_USER,
    NO_TIME,
    DAMAGES
};

/* Whether the file is bad for sure; a byte that was flipped may matter to nobody. */
static bool is_sure(enum damage damage)
{
    return damage != FLIPPED;
}

static void write_other_columns(struct df_store *store, const char *path, enum damage damage)
{
    struct df_error error = {0};
    struct df_buf bytes = {0};
    struct df_parquet_writer *writer;
    static const int64_t integers[] = {1, 2, 3};
    static const double floats[] = {1, 2, 3};
    const struct df_type integer = {.kind = DF_TYPE_INT64, .bits = 64}, number = {.kind = DF_TYPE_FLOAT, .bits = 64};
    const struct df_parquet_write_column columns[] = {
        {.name = damage == NO_USER ? "person" : "user", .type = damage == FLOAT_USER ? number : integer},
        {.name = damage == NO_TIME ? "moment" : "time", .type = integer},
        {.name = "event", .type = integer},
        {.name = "price", .type = integer}};
    struct df_vector vectors[4];
    for (int i = 0; i < 4; i++)
        vectors[i] =
            (struct df_vector){.kind = DF_VECTOR_INT64, .row_count = 3, .values = {.int64s = (int64_t *)integers}};
    if (damage == FLOAT_USER)
        vectors[0] =
            (struct df_vector){.kind = DF_VECTOR_FLOAT64, .row_count = 3, .values = {.float64s = (double *)floats}};
    const struct df_parquet_write_options options = {.columns = columns, .column_count = 4};
    assert_ok(df_parquet_writer_open(&writer, &options, driver_put_piece, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, vectors, 3, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    const struct df_put put = {.uri = path, .content = df_buf_slice(&bytes), .condition = DF_PUT_ALWAYS};
    assert_ok(df_store_put(store, &put, NULL, &error), &error);
    df_buf_dispose(&bytes);
}

static void damage_file(const struct world *world, const char *path, enum damage damage, uint64_t *random)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    if (damage == NO_USER || damage == FLOAT_USER || damage == NO_TIME) {
        write_other_columns(world->store, path, damage);
        return;
    }
    size_t size = read_whole(path, bytes), end = data_end(bytes, size);
    switch (damage) {
    case CUT:
        size = 1 + test_random(random) % (size - 1);
        break;
    case EMPTY:
        size = 0;
        break;
    case NO_MAGIC:
        bytes[size - 1] ^= 1;
        break;
    case FIRST_PAGE:
        memset(bytes + 4, 0xff, 64);
        break;
    case LATER_PAGES: /* all columns of a row group behind the first: that one has been read by then */
        memset(bytes + end * 3 / 8, 0xff, end * 3 / 8);
        break;
    case FLIPPED:
        bytes[4 + test_random(random) % (end - 4)] ^= (uint8_t)(1u << test_random(random) % 8);
        break;
    default:
        bytes[size - 8] ^= 0x80; /* the length of the footer */
        bytes[size - 5] ^= 0x40;
        break;
    }
    write_whole(path, bytes, size);
}

/* ---- asking ---- */

/* The files that are not out[]. */
static const char *ask(struct df_buf *request, const struct world *world, const char *folder, unsigned files,
                       const bool *out, const char *groups, const char *members)
{
    bool first = true;
    df_buf_clear(request);
    df_buf_put_text(request, "{\"dataset\":{\"paths\":[");
    for (unsigned i = 0; i < files; i++) {
        char path[600];
        path_of(world, folder, i, path);
        if (out && out[i])
            continue;
        df_buf_printf(request, "%s\"%s\"", first ? "" : ",", path);
        first = false;
    }
    df_buf_printf(request, "],\"groups\":\"%s\",\"user\":\"user\",\"time\":\"time\"},%s}", groups, members);
    return df_buf_text(request);
}

static const char *skipping(char out[1024], const char *members)
{
    snprintf(out, 1024, "\"onBadFile\":\"skip\",%s", members);
    return out;
}

static bool names(const struct driver *driver, const struct world *world, const char *folder, unsigned file)
{
    char path[600], member[700];
    path_of(world, folder, file, path);
    snprintf(member, sizeof member, "\"uri\":\"%s\"", path);
    return strstr(driver->explain, member) != NULL;
}

/* The answer is that over the files which are not named as skipped; returns how many those are. */
static unsigned assert_answer_of_the_others(struct driver *driver, const struct world *world, const char *folder,
                                            unsigned files, const char *groups, const char *members)
{
    struct df_buf request = {0}, answer = {0};
    bool out[FILES_MAX] = {0};
    unsigned count = 0;
    char with[1024], text[64];
    assert_same_answer(driver, ask(&request, world, folder, files, NULL, groups, skipping(with, members)), &answer);
    for (unsigned i = 0; i < files; i++) {
        out[i] = names(driver, world, folder, i);
        count += out[i];
    }
    snprintf(text, sizeof text, "\"skippedFiles\":{\"count\":%u,", count);
    assert_non_null(strstr(driver->explain, text));
    struct driver others = *driver;
    assert_same_answer(&others, ask(&request, world, folder, files, out, groups, members), &answer);
    static const char *const counters[] = {"scannedRows", "scannedGroups", "rowsWithoutGroup", "parts",
                                           "totalSize",   "rowGroupsRead", "rowGroupsSkipped", "filesSkipped"};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        assert_int_equal(driver_counter(driver, counters[i]), driver_counter(&others, counters[i]));
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
    return count;
}

static void make_files(const struct world *world, const char *folder, unsigned files, enum cut cut,
                       const struct file_options *options)
{
    char place[512];
    struct event *events = make_crowd(300 * (size_t)files, 40 * (uint64_t)files, 5);
    snprintf(place, sizeof place, "%s/%s", world->folder, folder);
    write_folder(world->store, place, events, 300 * (size_t)files, files, cut, options);
    free(events);
}

static void damage_one(const struct world *world, const char *folder, unsigned file, enum damage damage)
{
    uint64_t random = file;
    char path[600];
    path_of(world, folder, file, path);
    damage_file(world, path, damage, &random);
}

/* ---- without leave ---- */

static void test_a_bad_file_fails_the_query_and_the_way_out_is_said_once(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 100};
    static const char *const groups[] = {"auto", "whole", "spread"};
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    make_files(world, "fail", 4, BY_TIME, &options);
    damage_one(world, "fail", 2, LATER_PAGES);
    for (size_t i = 0; i < 3; i++) {
        struct df_error error = {0};
        struct df_buf answer = {0};
        assert_fails(run_query(&driver, ask(&request, world, "fail", 4, NULL, groups[i], FUNNEL), &answer, &error),
                     &error, DF_ERROR_CORRUPT, "part-002.parquet");
        const char *hint = strstr(error.message, "--on-bad-file skip");
        assert_non_null(hint);
        assert_null(strstr(hint + 1, "--on-bad-file"));
        df_buf_dispose(&answer);
    }
    df_buf_dispose(&request);
}

static void test_the_way_out_is_not_said_where_it_is_none(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 100};
    struct df_buf request = {0}, answer = {0};
    struct df_error error = {0};
    struct driver driver = make_driver(world);
    make_files(world, "alone", 1, BY_TIME, &options);
    damage_one(world, "alone", 0, CUT);
    assert_fails(run_query(&driver, ask(&request, world, "alone", 1, NULL, "auto", FUNNEL), &answer, &error), &error,
                 DF_ERROR_CORRUPT, "part-000.parquet");
    assert_null(strstr(error.message, "--on-bad-file"));
    /* A user column that the first file does not have is mistyped. */
    make_files(world, "mistyped", 3, BY_TIME, &options);
    df_buf_clear(&request);
    df_buf_printf(&request, "{\"dataset\":{\"paths\":[%s],\"user\":\"usr\",\"time\":\"time\"}," FUNNEL "}",
                  quoted(world, "mistyped"));
    assert_fails(run_query(&driver, df_buf_text(&request), &answer, &error), &error, DF_ERROR_INVALID, "'usr'");
    assert_null(strstr(error.message, "--on-bad-file"));
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_a_wrong_question_fails_also_where_bad_files_are_skipped(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 100};
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    make_files(world, "question", 3, BY_TIME, &options);
    assert_query_fails(&driver,
                       ask(&request, world, "question", 3, NULL, "auto",
                           "\"onBadFile\":\"skip\",\"where\":[\"colour\",\"==\",3]," FUNNEL),
                       DF_ERROR_INVALID, "Column 'colour' not in dataset");
    assert_query_fails(&driver, ask(&request, world, "question", 3, NULL, "auto", "\"onBadFile\":\"never\"," FUNNEL),
                       DF_ERROR_INVALID, "onBadFile");
    df_buf_dispose(&request);
}

static void test_types_that_disagree_fail_also_where_bad_files_are_skipped(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 100},
                                     other = {.row_group_rows = 100, .user = USER_STRING};
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    struct event *events = make_crowd(100, 10, 3);
    char path[600], with[1024];
    make_files(world, "disagree", 3, BY_TIME, &options);
    path_of(world, "disagree", 1, path);
    write_file(world->store, path, events, 100, &other);
    assert_query_fails(&driver, ask(&request, world, "disagree", 3, NULL, "auto", skipping(with, FUNNEL)),
                       DF_ERROR_INVALID, "query them apart");
    free(events);
    df_buf_dispose(&request);
}

/* ---- with it ---- */

static void test_every_damage_is_left_out_whichever_stage_finds_it(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60};
    static const char *const groups[] = {"auto", "whole", "spread"};
    for (enum damage damage = 0; damage < DAMAGES; damage++) {
        char folder[32];
        snprintf(folder, sizeof folder, "damage-%d", (int)damage);
        make_files(world, folder, 5, BY_TIME, &options);
        damage_one(world, folder, 3, damage);
        for (size_t i = 0; i < 3; i++) {
            struct driver driver = make_driver(world);
            unsigned count = assert_answer_of_the_others(&driver, world, folder, 5, groups[i], FUNNEL);
            assert_true(count == 1 || !is_sure(damage));
        }
    }
}

static void test_a_file_that_is_bad_behind_its_footer_has_the_scan_done_again(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60};
    struct driver driver = make_driver(world);
    make_files(world, "ways", 4, BY_TIME, &options);
    damage_one(world, "ways", 2, LATER_PAGES);
    assert_int_equal(assert_answer_of_the_others(&driver, world, "ways", 4, "spread", FUNNEL), 1);
    assert_string_equal(driver.way, "FSSG");
    assert_int_equal(assert_answer_of_the_others(&driver, world, "ways", 4, "whole", FUNNEL), 1);
    assert_string_equal(driver.way, "W"); /* it gave nothing, so there is nothing to take back */
    damage_one(world, "ways", 1, CUT);
    assert_int_equal(assert_answer_of_the_others(&driver, world, "ways", 4, "spread", FUNNEL), 2);
    assert_string_equal(driver.way, "FSSG");
}

static void test_files_that_are_parts_of_one_writing_are_whole_when_one_is_lost(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60, .whole = true};
    struct driver driver = make_driver(world);
    make_files(world, "writing", 4, BY_USER, &options);
    damage_one(world, "writing", 1, CUT);
    assert_int_equal(assert_answer_of_the_others(&driver, world, "writing", 4, "auto", FUNNEL), 1);
    assert_string_equal(driver.way, "FW");
    assert_non_null(strstr(driver.explain, "every file says so"));
    damage_one(world, "writing", 2, LATER_PAGES);
    assert_int_equal(assert_answer_of_the_others(&driver, world, "writing", 4, "auto", FUNNEL), 2);
    assert_string_equal(driver.way, "FW");
}

/* The unit of integer times is guessed from statistics: those of a file that is left out must not count. */
static void test_what_a_bad_file_says_of_itself_changes_nothing(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60};
    static const char *const members =
        "\"funnel\":{\"sequence\":[" STEPS "],\"durations\":true,\"maxDuration\":\"30ms\"}";
    struct driver driver = make_driver(world);
    make_files(world, "unit", 4, BY_USER, &options);
    struct event *events = make_crowd(300, 40, 8);
    for (size_t i = 0; i < 300; i++)
        events[i].time *= 1000;
    char path[600];
    path_of(world, "unit", 2, path);
    write_file(world->store, path, events, 300, &options);
    damage_one(world, "unit", 2, LATER_PAGES);
    static const char *const groups[] = {"auto", "whole", "spread"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(assert_answer_of_the_others(&driver, world, "unit", 4, groups[i], members), 1);
        assert_non_null(strstr(driver.explain, "\"timestampUnit\":\"ms\""));
    }
    free(events);
}

static void read_object(const struct world *world, const char *name, struct df_buf *out)
{
    struct df_error error = {0};
    char uri[600];
    snprintf(uri, sizeof uri, "%s/%s", world->folder, name);
    df_buf_clear(out);
    assert_ok(df_store_get(world->store, uri, 1 << 24, out, &error), &error);
}

/* The greatest year is 2015, where all are numbers, and "2015", where one is text. */
static void test_directories_of_a_bad_file_do_not_tell_what_columns_are(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 50};
    static const char *const years[] = {"2014", "2015", "1.5"}, *const groups[] = {"auto", "whole", "spread"};
    struct event *events = make_crowd(600, 60, 2);
    struct df_buf request = {0}, answer = {0}, exported = {0}, expected = {0};
    char path[600], rest[1024];
    snprintf(
        rest, sizeof rest,
        "\"user\":\"user\",\"time\":\"time\"},\"query\":{\"aggregations\":[{\"column\":\"year\",\"type\":\"max\"}]},"
        "\"funnel\":{\"sequence\":[" STEPS "],\"export\":{\"step\":1,\"which\":\"reached\",\"columns\":[\"year\"],"
        "\"file\":\"%s/years.ndjson\"}}}",
        world->folder);
    uint64_t random = 1;
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/years/year=%s/a.parquet", world->folder, years[i]);
        write_file(world->store, path, events + 200 * i, 200, &options);
    }
    for (enum damage damage = CUT; damage <= LATER_PAGES; damage += LATER_PAGES) {
        write_file(world->store, path, events, 200, &options);
        damage_file(world, path, damage, &random);
        for (size_t i = 0; i < 3; i++) {
            struct driver driver = make_driver(world);
            df_buf_clear(&request);
            df_buf_printf(&request, "{\"dataset\":{\"paths\":[\"%s/years/year=201*\"],\"groups\":\"%s\",%s",
                          world->folder, groups[i], rest);
            df_buf_clear(&answer);
            assert_same_answer(&driver, df_buf_text(&request), &answer);
            assert_non_null(strstr(df_buf_text(&answer), "\"value\":2015"));
            read_object(world, "years.ndjson", &expected);
            df_buf_clear(&request);
            df_buf_printf(&request, "{\"onBadFile\":\"skip\",\"dataset\":{\"paths\":[%s],\"groups\":\"%s\",%s",
                          quoted(world, "years"), groups[i], rest);
            assert_same_answer(&driver, df_buf_text(&request), &answer);
            assert_non_null(strstr(driver.explain, "\"skippedFiles\":{\"count\":1"));
            read_object(world, "years.ndjson", &exported);
            assert_true(df_slice_equal(df_buf_slice(&exported), df_buf_slice(&expected)));
        }
    }
    free(events);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
    df_buf_dispose(&exported);
    df_buf_dispose(&expected);
}

static void test_the_same_where_values_go_apart(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60, .cents = true};
    static const char *const groups[] = {"auto", "whole", "spread"};
    make_files(world, "values", 6, BY_TIME, &options);
    damage_one(world, "values", 1, LATER_PAGES);
    damage_one(world, "values", 4, FIRST_PAGE);
    damage_one(world, "values", 5, CUT);
    for (size_t i = 0; i < 3; i++)
        for (uint64_t limit = 0; limit < 3; limit++) {
            struct driver driver = make_driver(world);
            driver.partial_values = limit * 4;
            assert_int_equal(assert_answer_of_the_others(&driver, world, "values", 6, groups[i], COUNTING), 3);
            assert_true(limit == 0 || strchr(driver.way, 'V'));
        }
}

static void test_when_no_file_can_be_read_the_first_is_named(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60};
    static const char *const groups[] = {"auto", "whole", "spread"};
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    char with[1024];
    make_files(world, "none", 3, BY_TIME, &options);
    damage_one(world, "none", 0, LATER_PAGES);
    damage_one(world, "none", 1, CUT);
    damage_one(world, "none", 2, EMPTY);
    for (size_t i = 0; i < 3; i++) {
        const char *text = ask(&request, world, "none", 3, NULL, groups[i], skipping(with, FUNNEL));
        struct df_buf answer = {0};
        struct df_error error = {0};
        assert_fails(run_query(&driver, text, &answer, &error), &error, DF_ERROR_CORRUPT,
                     "none of the 3 files can be read; the first: ");
        assert_non_null(strstr(error.message, "part-000.parquet"));
        assert_null(strstr(error.message, "part-001.parquet"));
        df_buf_dispose(&answer);
    }
    assert_query_fails(&driver, ask(&request, world, "none", 1, NULL, "auto", skipping(with, FUNNEL)), DF_ERROR_CORRUPT,
                       "the only file cannot be read");
    df_buf_dispose(&request);
}

static void test_twenty_bad_files_are_listed_and_all_are_counted(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60};
    struct df_buf request = {0}, answer = {0};
    struct driver driver = make_driver(world);
    char with[1024];
    make_files(world, "many", 30, BY_TIME, &options);
    /* Those whose footers are fine are found later, and listed where they stand. */
    for (unsigned i = 1; i < 30; i++)
        damage_one(world, "many", i, i % 2 ? CUT : LATER_PAGES);
    assert_same_answer(&driver, ask(&request, world, "many", 30, NULL, "spread", skipping(with, FUNNEL)), &answer);
    assert_non_null(strstr(driver.explain, "\"skippedFiles\":{\"count\":29,"));
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(names(&driver, world, "many", i), i >= 1 && i <= 20);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

/* ---- files that go while they are read ---- */

struct removal {
    const struct world *world;
    const char *folder;
    uint32_t stage;
    unsigned file;
    bool replace;
};

static void remove_before(void *ctx, uint32_t stage)
{
    const struct removal *removal = ctx;
    char path[600];
    path_of(removal->world, removal->folder, removal->file, path);
    if (stage != removal->stage)
        return;
    assert_int_equal(unlink(path), 0);
    if (removal->replace)
        write_whole(path, (const uint8_t *)"another file", 12);
}

static void test_files_that_vanish_or_are_replaced_before_any_stage_are_left_out(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60};
    static const char *const groups[] = {"auto", "whole", "spread"};
    static const char *const ways[][2] = {{"FSG", "FSSG"}, {"W", ""}, {"FSG", "FSSG"}};
    for (size_t i = 0; i < 3; i++)
        for (uint32_t turn = 0; turn < 4; turn++) {
            const uint32_t stage = turn / 2;
            const bool replace = turn % 2;
            struct df_buf request = {0}, answer = {0};
            bool out[FILES_MAX] = {[2] = true};
            char folder[32], with[1024];
            if (!ways[i][stage][0])
                continue;
            snprintf(folder, sizeof folder, "vanish-%zu-%u", i, turn);
            make_files(world, folder, 4, BY_TIME, &options);
            struct removal removal = {.world = world, .folder = folder, .stage = stage, .file = 2, .replace = replace};
            struct driver driver = make_driver(world);
            driver.before_run = remove_before;
            driver.ctx = &removal;
            assert_same_answer(&driver, ask(&request, world, folder, 4, NULL, groups[i], skipping(with, FUNNEL)),
                               &answer);
            assert_string_equal(driver.way, ways[i][stage]);
            assert_non_null(strstr(driver.explain, replace ? "\"kind\":\"conflict\"" : "\"kind\":\"not_found\""));
            struct driver others = make_driver(world);
            assert_same_answer(&others, ask(&request, world, folder, 4, out, groups[i], FUNNEL), &answer);
            df_buf_dispose(&request);
            df_buf_dispose(&answer);
        }
}

/* ---- exports ---- */

/* No row of a lost file, none of the others twice. */
static void test_exports_hold_the_users_of_the_others(void **state)
{
    struct world *world = *state;
    static const struct file_options options = {.row_group_rows = 60};
    static const char *const groups[] = {"whole", "spread"};
    make_files(world, "export", 5, BY_USER, &options);
    damage_one(world, "export", 1, LATER_PAGES);
    damage_one(world, "export", 3, CUT);
    for (size_t i = 0; i < 2; i++) {
        struct df_buf request = {0}, answer = {0}, exported = {0}, expected = {0};
        const bool out[FILES_MAX] = {[1] = true, [3] = true};
        char members[1024], with[1100];
        struct driver driver = make_driver(world);
        snprintf(members, sizeof members,
                 "\"funnel\":{\"sequence\":[" STEPS "],\"export\":{\"step\":1,\"which\":\"reached\",\"columns\":[],"
                 "\"file\":\"%s/out.csv\"}}",
                 world->folder);
        snprintf(with, sizeof with, "\"onBadFile\":\"skip\",%s", members);
        assert_same_answer(&driver, ask(&request, world, "export", 5, NULL, groups[i], with), &answer);
        read_object(world, "out.csv", &exported);
        assert_same_answer(&driver, ask(&request, world, "export", 5, out, groups[i], members), &answer);
        read_object(world, "out.csv", &expected);
        assert_true(expected.size > 500);
        assert_true(df_slice_equal(df_buf_slice(&exported), df_buf_slice(&expected)));
        df_buf_dispose(&request);
        df_buf_dispose(&answer);
        df_buf_dispose(&exported);
        df_buf_dispose(&expected);
    }
}

/* ---- at random ---- */

/* Some of the files are damaged in some way, at least one is not. */
static unsigned damage_some(const struct world *world, const char *folder, uint64_t *random)
{
    unsigned sure = 0, spared = (unsigned)(test_random(random) % FILES);
    for (unsigned i = 0; i < FILES; i++) {
        enum damage damage = (enum damage)(test_random(random) % DAMAGES);
        char path[600];
        if (i == spared || test_random(random) % 3)
            continue;
        path_of(world, folder, i, path);
        damage_file(world, path, damage, random);
        sure += is_sure(damage);
    }
    return sure;
}

static void test_random_damage_gives_the_answer_of_the_others(void **state)
{
    struct world *world = *state;
    static const char *const groups[] = {"auto", "whole", "spread"}, *const members[] = {FUNNEL, COUNTING};
    uint64_t random = test_seed();
    for (unsigned round = 0; round < 12; round++) {
        const struct file_options options = {.row_group_rows = 30 + (uint32_t)(test_random(&random) % 60),
                                             .dictionary = test_random(&random) % 2,
                                             .whole = test_random(&random) % 2,
                                             .cents = true};
        char folder[32];
        snprintf(folder, sizeof folder, "random-%u", round);
        make_files(world, folder, FILES, options.whole || test_random(&random) % 2 ? BY_USER : BY_TIME, &options);
        unsigned sure = damage_some(world, folder, &random);
        for (size_t i = 0; i < 3; i++)
            for (unsigned threads = 1; threads <= 2; threads++) {
                struct driver driver = make_driver(world);
                driver.threads = threads;
                driver.parallelism = 1 + (unsigned)(test_random(&random) % 4);
                driver.room = 1 + (uint32_t)(test_random(&random) % 5);
                driver.partial_values = test_random(&random) % 2 ? 0 : 5;
                unsigned count = assert_answer_of_the_others(&driver, world, folder, FILES, groups[i],
                                                             members[test_random(&random) % 2]);
                assert_true(count >= sure);
            }
    }
}

/* ---- reports of workers ---- */

static void test_reports_read_back_and_damaged_ones_are_corrupt(void **state)
{
    (void)state;
    struct df_error why = {0}, back = {0}, error = {0};
    struct df_buf report = {0};
    uint64_t bytes_read = 0;
    df_error_set(&why, DF_ERROR_NOT_FOUND, "there is no 'a.parquet'");
    df_funnel_bad_report_encode(&why, 12345, &report);
    struct df_slice whole = df_buf_slice(&report);
    assert_true(df_funnel_bad_report_is(whole));
    assert_ok(df_funnel_bad_report_decode(whole, &back, &bytes_read, &error), &error);
    assert_int_equal(back.kind, DF_ERROR_NOT_FOUND);
    assert_string_equal(back.message, why.message);
    assert_int_equal(bytes_read, 12345);
    for (size_t size = 0; size < 4; size++)
        assert_fails(df_funnel_bad_report_decode(df_slice_make(whole.data, size), &back, &bytes_read, &error), &error,
                     DF_ERROR_CORRUPT, "damaged");
    report.data[2] = DF_ERROR_EXHAUSTED; /* no fault of a file */
    assert_fails(df_funnel_bad_report_decode(df_buf_slice(&report), &back, &bytes_read, &error), &error,
                 DF_ERROR_CORRUPT, "damaged");
    report.data[1] = 9;
    assert_fails(df_funnel_bad_report_decode(df_buf_slice(&report), &back, &bytes_read, &error), &error,
                 DF_ERROR_UNSUPPORTED, "version 9");
    df_buf_dispose(&report);
}

static void test_faults_of_the_machine_are_no_fault_of_a_file(void **state)
{
    (void)state;
    static const enum df_error_kind kinds[] = {DF_ERROR_UNAUTHENTICATED, DF_ERROR_TOO_LARGE, DF_ERROR_THROTTLED,
                                               DF_ERROR_UNAVAILABLE,     DF_ERROR_TIMEOUT,   DF_ERROR_EXHAUSTED,
                                               DF_ERROR_CANCELLED,       DF_ERROR_INTERNAL};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        assert_false(df_funnel_bad_kind(kinds[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bad_file_fails_the_query_and_the_way_out_is_said_once),
        cmocka_unit_test(test_the_way_out_is_not_said_where_it_is_none),
        cmocka_unit_test(test_a_wrong_question_fails_also_where_bad_files_are_skipped),
        cmocka_unit_test(test_types_that_disagree_fail_also_where_bad_files_are_skipped),
        cmocka_unit_test(test_every_damage_is_left_out_whichever_stage_finds_it),
        cmocka_unit_test(test_a_file_that_is_bad_behind_its_footer_has_the_scan_done_again),
        cmocka_unit_test(test_files_that_are_parts_of_one_writing_are_whole_when_one_is_lost),
        cmocka_unit_test(test_what_a_bad_file_says_of_itself_changes_nothing),
        cmocka_unit_test(test_directories_of_a_bad_file_do_not_tell_what_columns_are),
        cmocka_unit_test(test_the_same_where_values_go_apart),
        cmocka_unit_test(test_when_no_file_can_be_read_the_first_is_named),
        cmocka_unit_test(test_twenty_bad_files_are_listed_and_all_are_counted),
        cmocka_unit_test(test_files_that_vanish_or_are_replaced_before_any_stage_are_left_out),
        cmocka_unit_test(test_exports_hold_the_users_of_the_others),
        cmocka_unit_test(test_random_damage_gives_the_answer_of_the_others),
        cmocka_unit_test(test_reports_read_back_and_damaged_ones_are_corrupt),
        cmocka_unit_test(test_faults_of_the_machine_are_no_fault_of_a_file),
    };
    return cmocka_run_group_tests(tests, world_make, world_free);
}
