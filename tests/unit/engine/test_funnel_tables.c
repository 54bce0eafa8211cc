/* Results however they are cut: parts, passes, exchanges, approximations; and their bytes. */
#include "funnel_result_testing.h"

#define ALL_AGGREGATIONS                                                                                               \
    "{'column':'s'},{'column':'i','type':'countPerValue','top':3},{'column':'f','type':'groupsPerValue'},"             \
    "{'column':'d','type':'countPerValue'},{'column':'b','type':'sumPerValue','otherColumn':'d'},"                     \
    "{'column':'s','type':'sumPerValue','otherColumn':'f'},{'column':'s','type':'meanPerValue','otherColumn':'i'},"    \
    "{'column':'s','type':'meanPerValue','otherColumn':'d','top':2},{'column':'l','type':'count'},"                    \
    "{'column':'i','type':'countDistinct'},{'column':'s','type':'countDistinct'},{'column':'s','type':'min'},"         \
    "{'column':'s','type':'max'},{'column':'i','type':'min'},{'column':'i','type':'sum'},{'column':'i','type':'mean'}" \
    ","                                                                                                                \
    "{'column':'i','type':'quantiles'},{'column':'d','type':'sum'},{'column':'d','type':'mean'},"                      \
    "{'column':'d','type':'max'},{'column':'d','type':'quantiles'},{'column':'f','type':'sum'},"                       \
    "{'column':'f','type':'mean'},{'column':'f','type':'min'},{'column':'f','type':'quantiles'},"                      \
    "{'column':'b','type':'max'},{'column':'ts','type':'min'},{'column':'ts','type':'countPerValue','top':2}"

#define EVERYTHING                                                                                                     \
    "'query':{'aggregations':[" ALL_AGGREGATIONS "]},'funnel':{" WORLD_SEQUENCE                                        \
    ",'stepAggregations':[" ALL_AGGREGATIONS "],'endAggregations':[" ALL_AGGREGATIONS                                  \
    "],'trend':'day','durations':true"

static const char *const requests[] = {
    EVERYTHING ",'breakdown':{'column':'s','top':2}}",
    EVERYTHING ",'breakdown':{'column':'i','top':1,'attribution':'last'}}",
    EVERYTHING ",'breakdown':{'column':'d','top':3},'sessionGap':'1h'}",
    EVERYTHING ",'breakdown':{'column':'f','top':2},'sessionGap':'1h'}",
    EVERYTHING ",'breakdown':{'column':'s','top':2},'sessionGap':'1h'}",
    "'query':{'aggregations':[" ALL_AGGREGATIONS "]}",
    "'funnel':{" WORLD_SEQUENCE ",'stepAggregations':[{'column':'s'},{'column':'i','type':'max'}]}",
    "'funnel':{" WORLD_SEQUENCE ",'endAggregations':[{'column':'s'},{'column':'i','type':'sum'}],'trend':'month'}",
    "'query':{'aggregations':[{'column':'i','type':'groupsPerValue'}]},'funnel':{" WORLD_SEQUENCE
    ",'endAggregations':[{'column':'i','type':'groupsPerValue'},{'column':'s','type':'min'}]}",
};
enum { REQUESTS = sizeof requests / sizeof *requests };

static void random_parts(int *part_of, int parts, uint64_t *random)
{
    for (int user = 0; user < WORLD_USERS; user++)
        part_of[user] = (int)(test_random(random) % (uint64_t)parts);
}

static struct share *share_of_part(const struct world *world, const struct df_funnel_request *request,
                                   const int *part_of, int part, uint64_t *random)
{
    bool takes[WORLD_USERS];
    for (int user = 0; user < WORLD_USERS; user++)
        takes[user] = part_of[user] == part;
    return share_make(world, request, takes, test_random(random) % 2, test_random(random) % 2);
}

/* ---- any cut ---- */

static void test_any_cut_into_parts_gives_the_same_answer(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 60; round++) {
        struct df_arena arena = {0};
        struct world *world = malloc(sizeof *world);
        const char *members = requests[round % REQUESTS];
        struct df_funnel_request request = request_of(members, &arena);
        world_make(world, strstr(members, "sessionGap") != NULL, &random);
        char *whole = answer_whole(world, &request);
        int part_of[WORLD_USERS], parts = 1 + (int)(test_random(&random) % 5);
        random_parts(part_of, parts, &random);
        struct df_funnel_result *total = result_make(&request);
        for (int part = 0; part < parts; part++) {
            struct df_funnel_result *result = result_make(&request);
            struct share *share = share_of_part(world, &request, part_of, part, &random);
            /* Two passes into one result are as good as one result each. */
            share_add(share, test_random(&random) % 2 ? result : total);
            merge_encoded(total, result, false);
            share_free(share);
            df_funnel_result_free(result);
        }
        char *merged = answer_of(total);
        assert_string_equal(merged, whole);
        free(merged);
        free(whole);
        df_funnel_result_free(total);
        free(world);
        df_arena_dispose(&arena);
    }
}

/* ---- the exchange ---- */

enum { SECTIONS = 5 };

struct sections {
    struct df_buf bytes[SECTIONS];
    uint32_t last;
};

static int put_section(void *ctx, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct sections *sections = ctx;
    (void)error;
    assert_true(section < SECTIONS);
    assert_true(section >= sections->last);
    sections->last = section;
    df_buf_put_slice(&sections->bytes[section], bytes);
    return 0;
}

static void exchange(const struct world *world, const struct df_funnel_request *request, struct df_funnel_result *total,
                     uint64_t *random)
{
    struct df_error error = {0};
    struct sections sections = {0};
    int part_of[WORLD_USERS], parts = 1 + (int)(test_random(random) % 4);
    random_parts(part_of, parts, random);
    for (int part = 0; part < parts; part++) {
        struct df_funnel_result *result = result_make(request);
        struct share *share = share_of_part(world, request, part_of, part, random);
        share_add(share, result);
        merge_encoded(total, result, true);
        sections.last = 0;
        assert_ok(df_funnel_result_put_entries(result, SECTIONS, put_section, &sections, &error), &error);
        share_free(share);
        df_funnel_result_free(result);
    }
    for (size_t i = 0; i < SECTIONS; i++) {
        struct df_funnel_result *result = result_make(request);
        assert_ok(df_funnel_result_merge_entries(result, df_buf_slice(&sections.bytes[i]), &error), &error);
        assert_ok(df_funnel_result_settle(result, &error), &error);
        merge_encoded(total, result, false);
        df_funnel_result_free(result);
        df_buf_dispose(&sections.bytes[i]);
    }
}

static void test_an_exchange_of_values_gives_the_same_answer(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 60; round++) {
        struct df_arena arena = {0};
        struct world *world = malloc(sizeof *world);
        const char *members = requests[round % REQUESTS];
        struct df_funnel_request request = request_of(members, &arena);
        world_make(world, strstr(members, "sessionGap") != NULL, &random);
        char *whole = answer_whole(world, &request);
        struct df_funnel_result *total = result_make(&request);
        exchange(world, &request, total, &random);
        char *merged = answer_of(total);
        assert_string_equal(merged, whole);
        free(merged);
        free(whole);
        df_funnel_result_free(total);
        free(world);
        df_arena_dispose(&arena);
    }
}

static void test_settling_leaves_only_what_lists_need(void **state)
{
    (void)state;
    uint64_t random = 3;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct world *world = malloc(sizeof *world);
    struct df_funnel_request request = request_of("'query':{'aggregations':[{'column':'ts','type':'countPerValue','top'"
                                                  ":2},{'column':'ts','type':'countDistinct'}]}",
                                                  &arena);
    world_make(world, false, &random);
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    struct df_funnel_result *result = result_make(&request);
    struct share *share = share_make(world, &request, takes, true, false);
    share_add(share, result);
    assert_true(df_funnel_result_values(result) > 10);
    char *before = answer_of(result);
    assert_ok(df_funnel_result_settle(result, &error), &error);
    assert_int_equal(df_funnel_result_values(result), 2);
    char *after = answer_of(result);
    assert_string_equal(after, before);
    free(before);
    free(after);
    share_free(share);
    df_funnel_result_free(result);
    free(world);
    df_arena_dispose(&arena);
}

/* ---- bytes ---- */

static struct df_funnel_result *filled(const struct world *world, const struct df_funnel_request *request)
{
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    struct df_funnel_result *result = result_make(request);
    struct share *share = share_make(world, request, takes, true, false);
    share_add(share, result);
    share_free(share);
    return result;
}

static void test_a_result_cut_at_every_byte_is_corrupt(void **state)
{
    (void)state;
    uint64_t random = 17;
    struct df_arena arena = {0};
    struct world *world = malloc(sizeof *world);
    struct df_funnel_request request = request_of(requests[2], &arena);
    world_make(world, true, &random);
    struct df_funnel_result *result = filled(world, &request);
    struct df_buf encoded = {0};
    df_funnel_result_encode(result, false, &encoded);
    for (size_t size = 0; size < encoded.size; size += size < 400 || size + 400 > encoded.size ? 1 : 7) {
        struct df_error error = {0};
        struct df_funnel_result *to = result_make(&request);
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, encoded.data, size);
        struct df_cursor cursor = df_cursor_make(df_slice_make(copy, size));
        assert_fails(df_funnel_result_merge(to, &cursor, &error), &error, DF_ERROR_CORRUPT, "damaged result");
        free(copy);
        df_funnel_result_free(to);
    }
    df_buf_dispose(&encoded);
    df_funnel_result_free(result);
    free(world);
    df_arena_dispose(&arena);
}

static void test_damaged_bytes_never_crash(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_arena arena = {0};
    struct world *world = malloc(sizeof *world);
    struct df_funnel_request request = request_of(requests[4], &arena);
    world_make(world, true, &random);
    struct df_funnel_result *result = filled(world, &request);
    struct df_buf encoded = {0};
    struct sections sections = {0};
    struct df_error error = {0};
    df_funnel_result_encode(result, false, &encoded);
    assert_ok(df_funnel_result_put_entries(result, SECTIONS, put_section, &sections, &error), &error);
    for (int round = 0; round < 400; round++) {
        const struct df_buf *from = round % 2 ? &encoded : &sections.bytes[round % SECTIONS];
        struct df_funnel_result *to = result_make(&request);
        uint8_t *copy = malloc(from->size + 1);
        memcpy(copy, from->data, from->size);
        for (uint64_t i = 0; from->size && i <= test_random(&random) % 3; i++)
            copy[test_random(&random) % from->size] = (uint8_t)test_random(&random);
        struct df_cursor cursor = df_cursor_make(df_slice_make(copy, from->size));
        int merged = round % 2 ? df_funnel_result_merge(to, &cursor, &error)
                               : df_funnel_result_merge_entries(to, df_slice_make(copy, from->size), &error);
        if (merged == 0) {
            struct df_buf out = {0};
            const struct df_funnel_answer answer = {0};
            struct df_json_writer *json = calloc(1, sizeof *json);
            df_json_writer_init(json, &out, DF_JSON_COMPACT);
            df_json_begin_object(json);
            (void)df_funnel_result_put_json(to, &answer, json, &error);
            df_buf_dispose(&out);
            free(json);
        }
        free(copy);
        df_funnel_result_free(to);
    }
    for (size_t i = 0; i < SECTIONS; i++)
        df_buf_dispose(&sections.bytes[i]);
    df_buf_dispose(&encoded);
    df_funnel_result_free(result);
    free(world);
    df_arena_dispose(&arena);
}

/* ---- memory ---- */

static void test_what_does_not_fit_adds_nothing(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_arena arena = {0};
    struct world *world = malloc(sizeof *world);
    struct df_funnel_request request = request_of(requests[4], &arena);
    world_make(world, true, &random);
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    struct share *share = share_make(world, &request, takes, true, false);
    struct df_funnel_result *whole = result_make(&request);
    share_add(share, whole);
    share_add(share, whole);
    char *expected = answer_of(whole);
    unsigned overs = 0;
    for (uint64_t limit = 60000; limit < 4000000; limit += limit / 16) {
        struct df_error error = {0};
        struct df_budget budget;
        df_budget_init(&budget, limit);
        struct df_funnel_account account = {.budget = &budget};
        struct df_funnel_result *result;
        if (df_funnel_result_create(&result, &request, &account, &error) < 0)
            continue;
        /* Twice, so that one meets a result that is filled. */
        int done[4] = {DF_FUNNEL_OVER, DF_FUNNEL_OVER, DF_FUNNEL_OVER, DF_FUNNEL_OVER};
        for (int i = 0; i < 4; i++) {
            done[i] = i % 2
                          ? df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, NULL, &error)
                          : df_funnel_tally(result, &share->verdicts, &share->collector.groups, &share->source, &error);
            assert_true(done[i] >= 0 || error.kind == DF_ERROR_EXHAUSTED);
            overs += done[i] == DF_FUNNEL_OVER;
        }
        df_budget_init(&budget, 0);
        uint64_t held = account.held_bytes;
        budget.used_bytes = held;
        for (int i = 0; i < 4; i++) {
            if (done[i] == DF_FUNNEL_DONE)
                continue;
            assert_int_equal(
                i % 2 ? df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, NULL, &error)
                      : df_funnel_tally(result, &share->verdicts, &share->collector.groups, &share->source, &error),
                DF_FUNNEL_DONE);
        }
        char *text = answer_of(result);
        assert_string_equal(text, expected);
        free(text);
        df_funnel_result_free(result);
        assert_int_equal(account.held_bytes, 0);
        assert_int_equal(budget.used_bytes, 0);
    }
    assert_true(overs > 10);
    free(expected);
    df_funnel_result_free(whole);
    share_free(share);
    free(world);
    df_arena_dispose(&arena);
}

/* ---- types ---- */

static void test_files_of_different_types_do_not_meet(void **state)
{
    (void)state;
    struct df_error error = {0};
    uint64_t random = 5;
    struct df_arena arena = {0};
    struct world *world = malloc(sizeof *world);
    struct df_funnel_request request =
        request_of("'query':{'aggregations':[{'column':'i','type':'countPerValue'}]}", &arena);
    world_make(world, false, &random);
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    struct df_funnel_result *result = filled(world, &request);
    struct share *share = share_make(world, &request, takes, true, false);
    share->types[0] = (struct df_type){.kind = DF_TYPE_INT64, .bits = 32}; /* another width is no other type */
    assert_ok(df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, NULL, &error), &error);
    share->types[0] = (struct df_type){.kind = DF_TYPE_DATE};
    assert_fails(df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, NULL, &error), &error,
                 DF_ERROR_INVALID, "column 'i' is an integer in some files and a date in others");
    share->types[0] = (struct df_type){.kind = DF_TYPE_NULL}; /* no value was seen there: fine */
    assert_ok(df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, NULL, &error), &error);
    df_funnel_result_free(result);
    share_free(share);
    free(world);
    df_arena_dispose(&arena);
}

/* ---- approximate ---- */

/* What is shown behind `start` (of a map: for its first key) is no further from the truth than it says. */
static void assert_within(const char *cut, const char *exact, const char *start, bool map)
{
    const char *shown = strstr(cut, start), *truth = strstr(exact, start);
    if (!shown || !truth) {
        fail_msg("%s is not in the answer", start);
        return;
    }
    shown += strlen(start);
    truth += strlen(start);
    /* A table that was never cut says nothing, and is exact. */
    const char *limit = strstr(shown, "'approximate':true,'maxError':"), *end = strstr(shown, "'top':");
    double most = limit && limit < end ? strtod(limit + strlen("'approximate':true,'maxError':"), NULL) : 0;
    if (map && *shown == '}') /* nothing was kept */
        return;
    if (map) {
        char key[32] = {0};
        size_t size = (size_t)(strstr(shown, "':") + 2 - shown);
        assert_true(size < sizeof key);
        memcpy(key, shown, size);
        shown += size;
        truth = strstr(truth, key);
        assert_non_null(truth);
        truth += size;
    }
    if (fabs(strtod(truth, NULL) - strtod(shown, NULL)) > most)
        fail_msg("%.60s is further from %.60s than %g", shown, truth, most);
}

static void test_approximate_answers_are_within_their_bounds(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 30; round++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct world *world = malloc(sizeof *world);
        struct df_funnel_request request =
            request_of("'approximate':true,'query':{'aggregations':[{'column':'ts','type':'countDistinct'},"
                       "{'column':'s','type':'countPerValue'},{'column':'s','type':'sumPerValue','otherColumn':'i'}]}",
                       &arena);
        world_make(world, false, &random);
        for (size_t i = 0; i < world->row_count; i++) /* sums that a double has exactly */
            world->rows[i].i %= 1000;
        char *exact = answer_whole(world, &request);
        assert_null(strstr(exact, "approximate"));
        struct df_funnel_result *total = result_make(&request);
        int part_of[WORLD_USERS];
        random_parts(part_of, 3, &random);
        for (int part = 0; part < 3; part++) {
            struct df_funnel_result *result = result_make(&request);
            struct share *share = share_of_part(world, &request, part_of, part, &random);
            share_add(share, result);
            assert_ok(df_funnel_result_cut(result, 6, &error), &error);
            assert_true(df_funnel_result_values(result) <= 6);
            merge_encoded(total, result, false);
            share_free(share);
            df_funnel_result_free(result);
        }
        char *cut = answer_of(total);
        assert_within(cut, exact, "'countDistinct','value':", false);
        assert_within(cut, exact, "'countPerValue','value':{", true);
        assert_within(cut, exact, "'sumPerValue','value':{", true);
        free(cut);
        free(exact);
        df_funnel_result_free(total);
        free(world);
        df_arena_dispose(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut_into_parts_gives_the_same_answer),
        cmocka_unit_test(test_an_exchange_of_values_gives_the_same_answer),
        cmocka_unit_test(test_settling_leaves_only_what_lists_need),
        cmocka_unit_test(test_a_result_cut_at_every_byte_is_corrupt),
        cmocka_unit_test(test_damaged_bytes_never_crash),
        cmocka_unit_test(test_what_does_not_fit_adds_nothing),
        cmocka_unit_test(test_files_of_different_types_do_not_meet),
        cmocka_unit_test(test_approximate_answers_are_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
