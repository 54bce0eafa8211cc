/* From verdicts and rows to an answer: compared, whole, with one that is counted out slowly from the same rows. */
#include "base/sum.h"
#include "funnel_result_testing.h"

/* ---- the slow way ---- */

static const struct world_unit *unit_of(const struct world *world, const struct world_row *row)
{
    for (size_t i = 0; i < world->unit_count; i++) {
        const struct world_unit *unit = &world->units[i];
        if (unit->user == row->user &&
            (!world->sessions || (row->timed && unit->begin <= row->time && row->time <= unit->end)))
            return unit;
    }
    return NULL;
}

/* Whether a row counts at a place: 0 is the query. */
static bool row_counts(const struct world *world, const struct world_row *row, unsigned place)
{
    if (row->user < 0 || !world->in[row->user])
        return false;
    const struct world_unit *unit = unit_of(world, row);
    return place == 0 || (unit && unit->depth >= place);
}

struct slow_entry {
    const char *key;
    uint64_t rows, terms;
    bool users[WORLD_USERS];
    __int128 sum;
    double number;
    bool null;
};

static uint64_t users_of(const struct slow_entry *entry)
{
    uint64_t users = 0;
    for (size_t i = 0; i < WORLD_USERS; i++)
        users += entry->users[i];
    return users;
}

static int compare_entries(const void *a, const void *b)
{
    const struct slow_entry *one = a, *other = b;
    if (one->null != other->null)
        return one->null ? 1 : -1;
    if (!one->null && one->number != other->number)
        return one->number > other->number ? -1 : 1;
    return strcmp(one->key, other->key);
}

static size_t slow_map(const struct world *world, unsigned place, struct slow_entry *entries)
{
    size_t count = 0;
    for (size_t i = 0; i < world->row_count; i++) {
        const struct world_row *row = &world->rows[i];
        size_t at = 0;
        if (!row->s || !row_counts(world, row, place))
            continue;
        while (at < count && strcmp(entries[at].key, row->s) != 0)
            at++;
        if (at == count)
            entries[count++] = (struct slow_entry){.key = row->s};
        entries[at].rows++;
        entries[at].users[row->user] = true;
        entries[at].terms += !row->i_null;
        entries[at].sum += row->i_null ? 0 : row->i;
    }
    return count;
}

static void put_key(struct df_buf *out, const char *key)
{
    if ((uint8_t)*key == 0xff) /* not UTF-8; and a backslash is two in JSON */
        df_buf_printf(out, "'\\\\xff%s':", key + 1);
    else
        df_buf_printf(out, "'%s':", key);
}

enum slow_number { SLOW_ROWS, SLOW_USERS, SLOW_SUM, SLOW_MEAN };

static void put_slow_map(struct df_buf *out, const struct world *world, unsigned place, enum slow_number number,
                         unsigned top)
{
    struct slow_entry entries[16];
    size_t count = slow_map(world, place, entries);
    for (size_t i = 0; i < count; i++) {
        struct slow_entry *entry = &entries[i];
        entry->null = number == SLOW_MEAN && entry->terms == 0;
        const double numbers[] = {(double)entry->rows, (double)users_of(entry), (double)entry->sum,
                                  (double)entry->sum / (double)(entry->terms ? entry->terms : 1)};
        entry->number = numbers[number];
    }
    qsort(entries, count, sizeof *entries, compare_entries);
    df_buf_put_char(out, '{');
    for (size_t i = 0; i < count && i < top; i++) {
        df_buf_put_text(out, i ? "," : "");
        put_key(out, entries[i].key);
        if (entries[i].null)
            df_buf_put_text(out, "null");
        else if (number == SLOW_MEAN)
            df_buf_put_double(out, entries[i].number);
        else if (number == SLOW_SUM && entries[i].terms == 0)
            df_buf_put_text(out, "0");
        else
            df_buf_printf(out, "%.0f", entries[i].number);
    }
    df_buf_put_char(out, '}');
}

static void put_slow_scalars(struct df_buf *out, const struct world *world, unsigned place)
{
    uint64_t rows = 0, lists = 0;
    int64_t least = INT64_MAX, greatest = INT64_MIN;
    __int128 sum = 0;
    bool seen[WORLD_ROWS] = {false};
    uint64_t distinct = 0;
    for (size_t i = 0; i < world->row_count; i++) {
        const struct world_row *row = &world->rows[i];
        if (!row_counts(world, row, place))
            continue;
        lists += !row->l_null;
        if (row->i_null)
            continue;
        rows++;
        sum += row->i;
        least = row->i < least ? row->i : least;
        greatest = row->i > greatest ? row->i : greatest;
        for (size_t j = 0; j < i; j++)
            seen[i] = seen[i] || (row_counts(world, &world->rows[j], place) && !world->rows[j].i_null &&
                                  world->rows[j].i == row->i);
        distinct += !seen[i];
    }
    char extremes[2][32] = {"null", "null"};
    if (rows) {
        (void)snprintf(extremes[0], sizeof extremes[0], "%lld", (long long)least);
        (void)snprintf(extremes[1], sizeof extremes[1], "%lld", (long long)greatest);
    }
    df_buf_printf(out, "{'column':'i','type':'min','value':%s,'top':null,'name':null},", extremes[0]);
    df_buf_printf(out, "{'column':'i','type':'max','value':%s,'top':null,'name':null},", extremes[1]);
    df_buf_put_text(out, "{'column':'i','type':'sum','value':");
    df_int128_put_text(sum, out);
    df_buf_put_text(out, ",'top':null,'name':null},{'column':'i','type':'mean','value':");
    if (rows)
        df_buf_put_double(out, (double)sum / (double)rows);
    else
        df_buf_put_text(out, "null");
    df_buf_printf(out,
                  ",'top':null,'name':null},{'column':'i','type':'countDistinct','value':%llu,'top':null,'name':null},"
                  "{'column':'l','type':'count','value':%llu,'top':null,'name':'lists'}",
                  (unsigned long long)distinct, (unsigned long long)lists);
}

#define SLOW_AGGREGATIONS                                                                                              \
    "[{'column':'s','type':'countPerValue'},{'column':'s','type':'groupsPerValue','top':2},"                           \
    "{'column':'s','type':'sumPerValue','otherColumn':'i','top':4},"                                                   \
    "{'column':'s','type':'meanPerValue','otherColumn':'i'},{'column':'i','type':'min'},{'column':'i','type':'max'},"  \
    "{'column':'i','type':'sum'},{'column':'i','type':'mean'},{'column':'i','type':'countDistinct'},"                  \
    "{'column':'l','type':'count','name':'lists'}]"

static void put_slow_aggregations(struct df_buf *out, const struct world *world, unsigned place)
{
    static const char *const types[] = {"countPerValue", "groupsPerValue", "sumPerValue", "meanPerValue"};
    static const unsigned tops[] = {10, 2, 4, 10};
    df_buf_put_char(out, '[');
    for (size_t i = 0; i < 4; i++) {
        df_buf_printf(out, "{'column':'s','type':'%s','value':", types[i]);
        put_slow_map(out, world, place, (enum slow_number)i, tops[i]);
        df_buf_printf(out, ",'top':%u,'name':null},", tops[i]);
    }
    put_slow_scalars(out, world, place);
    df_buf_put_char(out, ']');
}

/* ---- units: steps, groups, trend ---- */

/* Which units an entry of groups or trend has: those whose row of step 1 has this value; `keys` with a NULL entry for
 * null; NULL: all units. */
static bool unit_has(const struct world *world, const struct world_unit *unit, const char *const *keys, size_t count,
                     int64_t day)
{
    const struct world_row *row = &world->rows[unit->depth ? unit->chain[0] : 0];
    if (unit->depth == 0)
        return false;
    if (day >= 0)
        return row->time / 86400000 == day;
    for (size_t i = 0; keys && i < count; i++)
        if (row->s && keys[i] ? strcmp(row->s, keys[i]) == 0 : row->s == keys[i])
            return true;
    return !keys;
}

static void count_units(const struct world *world, unsigned place, const char *const *keys, size_t key_count,
                        int64_t day, uint64_t counts[3])
{
    bool users[WORLD_USERS] = {false};
    counts[0] = counts[1] = counts[2] = 0;
    for (size_t i = 0; i < world->unit_count; i++) {
        const struct world_unit *unit = &world->units[i];
        if (unit->depth < place || !unit_has(world, unit, keys, key_count, day))
            continue;
        counts[0]++;
        counts[1] += unit->rows;
        counts[2] += !users[unit->user];
        users[unit->user] = true;
    }
}

static void put_slow_sequence(struct df_buf *out, const struct world *world, const char *const *keys, size_t count,
                              int64_t day)
{
    df_buf_put_text(out, "'sequence':[");
    for (unsigned place = 1; place <= WORLD_STEPS; place++) {
        uint64_t counts[3];
        count_units(world, place, keys, count, day, counts);
        df_buf_printf(out, "%s{'matchingGroups':%llu", place > 1 ? "," : "", (unsigned long long)counts[0]);
        if (day < 0)
            df_buf_printf(out, ",'matchingGroupRows':%llu", (unsigned long long)counts[1]);
        if (world->sessions)
            df_buf_printf(out, ",'matchingUsers':%llu", (unsigned long long)counts[2]);
        df_buf_put_char(out, '}');
    }
    df_buf_put_text(out, "]}");
}

struct slow_group {
    const char *key; /* NULL: null */
    uint64_t units;
};

static int compare_groups(const void *a, const void *b)
{
    const struct slow_group *one = a, *other = b;
    if (one->units != other->units)
        return one->units > other->units ? -1 : 1;
    if (!one->key || !other->key)
        return (one->key != NULL) - (other->key != NULL);
    return strcmp(one->key, other->key);
}

static void put_slow_groups(struct df_buf *out, const struct world *world, unsigned top)
{
    static const char *const texts[] = {"a", "b", "c", "dd", "", "\xffx", "zz", NULL};
    struct slow_group groups[8];
    size_t count = 0;
    for (size_t i = 0; i < 8; i++) {
        uint64_t counts[3];
        count_units(world, 1, &texts[i], 1, -1, counts);
        if (counts[0])
            groups[count++] = (struct slow_group){.key = texts[i], .units = counts[0]};
    }
    qsort(groups, count, sizeof *groups, compare_groups);
    df_buf_put_text(out, "'groups':[");
    for (size_t i = 0; i < count && i < top; i++) {
        df_buf_put_text(out, i ? "," : "");
        if (!groups[i].key)
            df_buf_put_text(out, "{'value':null,");
        else
            df_buf_printf(out, "{'value':'%s%s',", (uint8_t)*groups[i].key == 0xff ? "\\\\xff" : "",
                          groups[i].key + ((uint8_t)*groups[i].key == 0xff));
        put_slow_sequence(out, world, &groups[i].key, 1, -1);
    }
    if (count > top) {
        const char *others[8];
        for (size_t i = top; i < count; i++)
            others[i - top] = groups[i].key;
        df_buf_put_text(out, ",{'other':true,");
        put_slow_sequence(out, world, others, count - top, -1);
    }
    df_buf_put_text(out, "],");
}

static void put_slow_trend(struct df_buf *out, const struct world *world)
{
    int64_t first = INT64_MAX, last = -1;
    for (size_t i = 0; i < world->unit_count; i++) {
        if (world->units[i].depth == 0)
            continue;
        int64_t day = world->rows[world->units[i].chain[0]].time / 86400000;
        first = day < first ? day : first;
        last = day > last ? day : last;
    }
    df_buf_put_text(out, "'trend':[");
    for (int64_t day = first; day <= last; day++) {
        df_buf_put_text(out, day > first ? ",{'bucket':'" : "{'bucket':'");
        df_type_put_date(out, day);
        df_buf_put_text(out, "',");
        put_slow_sequence(out, world, NULL, 0, day);
    }
    df_buf_put_text(out, "],");
}

static void put_slow_steps(struct df_buf *out, const struct world *world)
{
    df_buf_put_text(out, "'sequence':[");
    for (unsigned place = 1; place <= WORLD_STEPS; place++) {
        uint64_t counts[3];
        count_units(world, place, NULL, 0, -1, counts);
        df_buf_printf(out, "%s{%s'matchingGroups':%llu,'matchingGroupRows':%llu,", place > 1 ? "," : "",
                      place == 1 ? "'name':'one'," : "", (unsigned long long)counts[0], (unsigned long long)counts[1]);
        if (world->sessions)
            df_buf_printf(out, "'matchingUsers':%llu,", (unsigned long long)counts[2]);
        df_buf_put_text(out, "'aggregations':");
        put_slow_aggregations(out, world, place);
        df_buf_put_char(out, '}');
    }
    df_buf_put_text(out, "],");
}

static char *slow_answer(const struct world *world, unsigned top)
{
    struct df_buf out = {0};
    uint64_t users = 0, rows = 0;
    for (size_t i = 0; i < world->row_count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || world->rows[j].user == world->rows[i].user;
        rows += row_counts(world, &world->rows[i], 0);
        users += row_counts(world, &world->rows[i], 0) && !seen;
    }
    df_buf_printf(&out,
                  "{'query':{'matchingGroups':%llu,'matchingGroupRows':%llu,'aggregations':", (unsigned long long)users,
                  (unsigned long long)rows);
    put_slow_aggregations(&out, world, 0);
    df_buf_put_text(&out, "},'funnel':{");
    put_slow_steps(&out, world);
    put_slow_groups(&out, world, top);
    put_slow_trend(&out, world);
    df_buf_put_text(&out, "'endAggregations':");
    put_slow_aggregations(&out, world, WORLD_STEPS);
    df_buf_put_text(&out, "}}");
    char *text = df_slice_strdup(df_buf_slice(&out));
    df_buf_dispose(&out);
    return text;
}

static void compare_with_slow(bool sessions)
{
    uint64_t random = test_seed();
    for (int round = 0; round < 150; round++) {
        struct df_arena arena = {0};
        struct world *world = malloc(sizeof *world);
        unsigned top = 1 + (unsigned)(round % 4);
        char members[4096];
        (void)snprintf(members, sizeof members,
                       "'query':{'aggregations':" SLOW_AGGREGATIONS "},'funnel':{" WORLD_SEQUENCE
                       ",'stepAggregations':" SLOW_AGGREGATIONS ",'endAggregations':" SLOW_AGGREGATIONS
                       ",'breakdown':{'column':'s','top':%u},'trend':'day'%s}",
                       top, sessions ? ",'sessionGap':'1h'" : "");
        struct df_funnel_request request = request_of(members, &arena);
        world_make(world, sessions, &random);
        for (size_t i = 0; i < world->row_count; i++) /* so that the slow way's doubles are exact */
            world->rows[i].i %= 1 << 20;
        char *expected = slow_answer(world, top), *found = answer_whole(world, &request);
        assert_string_equal(found, expected);
        free(expected);
        free(found);
        free(world);
        df_arena_dispose(&arena);
    }
}

static void test_answers_are_those_of_the_slow_way(void **state)
{
    (void)state;
    compare_with_slow(false);
}

static void test_answers_by_session_are_those_of_the_slow_way(void **state)
{
    (void)state;
    compare_with_slow(true);
}

/* ---- durations ---- */

static void test_durations_are_those_of_the_chains(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_arena arena = {0};
    struct world *world = malloc(sizeof *world);
    struct df_funnel_request request =
        request_of("'funnel':{'sequence':[{'filter':['i','==',1]},{'filter':['i','==',3]}],'durations':true}", &arena);
    *world = (struct world){.row_count = 6};
    for (int i = 0; i < 6; i++)
        world->rows[i] = (struct world_row){.user = i / 2, .timed = true, .time = 1000 + (i % 2) * (10 + i)};
    for (int user = 0; user < 3; user++) { /* 11, 13 and 15 apart; the last does not reach step 2 */
        world->in[user] = true;
        world->units[world->unit_count++] = (struct world_unit){
            .user = user, .depth = user < 2 ? 2 : 1, .rows = 2, .chain = {(uint32_t)user * 2, (uint32_t)user * 2 + 1}};
    }
    char *text = answer_whole(world, &request);
    assert_non_null(strstr(text, "{'matchingGroups':3,'matchingGroupRows':6,'aggregations':null}"));
    assert_non_null(strstr(text, "'timeFromStart':{'mean':12.0,'p25':11,'p50':11,'p75':13,'p90':13,'p99':13},"
                                 "'timeFromPrevious':{'mean':12.0,'p25':11,"));
    free(text);
    world->in[0] = world->in[1] = false;
    world->units[0] = world->units[2];
    world->unit_count = 1;
    text = answer_whole(world, &request);
    assert_non_null(
        strstr(text, "'timeFromStart':{'mean':null,'p25':null,'p50':null,'p75':null,'p90':null,'p99':null}"));
    free(text);
    free(world);
    df_arena_dispose(&arena);
    (void)random;
}

/* ---- what is refused ---- */

static void assert_refused(const char *members, const char *message)
{
    struct df_error error = {0};
    uint64_t random = 1;
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    struct df_arena arena = {0};
    struct world *world = malloc(sizeof *world);
    struct df_funnel_request request = request_of(members, &arena);
    world_make(world, false, &random);
    struct share *share = share_make(world, &request, takes, true, false);
    struct df_funnel_result *result = result_make(&request);
    assert_fails(df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, NULL, &error), &error,
                 DF_ERROR_INVALID, message);
    df_funnel_result_free(result);
    share_free(share);
    free(world);
    df_arena_dispose(&arena);
}

static void test_types_that_do_not_serve_are_refused_by_place(void **state)
{
    (void)state;
    assert_refused("'query':{'aggregations':[{'column':'i','type':'sum'},{'column':'l','type':'countPerValue'}]}",
                   "query.aggregations[1].column: column 'l' is a list of integers; 'countPerValue' does not look into "
                   "lists, only "
                   "'count' takes one");
    assert_refused("'query':{'aggregations':[{'column':'l','type':'min'}]}", "query.aggregations[0].column");
    assert_refused("'query':{'aggregations':[{'column':'s','type':'sum'}]}",
                   "query.aggregations[0].column: column 's' is a string; 'sum' takes integers, floats and decimals");
    assert_refused("'query':{'aggregations':[{'column':'b','type':'mean'}]}", "'mean' takes integers");
    assert_refused("'query':{'aggregations':[{'column':'ts','type':'quantiles'}]}", "'quantiles' takes integers");
    assert_refused("'funnel':{" WORLD_SEQUENCE
                   ",'stepAggregations':[{'column':'s','type':'sumPerValue','otherColumn':'ts'}]}",
                   "funnel.stepAggregations[0].otherColumn: column 'ts' is a timestamp in ms");
    assert_refused("'funnel':{" WORLD_SEQUENCE ",'breakdown':{'column':'l'}}",
                   "funnel.breakdown.column: column 'l' is a list");
}

/* ---- the export ---- */

static void test_exported_rows_are_those_of_the_chains(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_error error = {0};
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    for (int round = 0; round < 40; round++) {
        struct df_arena arena = {0};
        struct world *world = malloc(sizeof *world);
        bool dropped = round % 2;
        char members[1024];
        (void)snprintf(members, sizeof members,
                       "'funnel':{" WORLD_SEQUENCE ",'breakdown':{'column':'d'},'export':{'step':2,'which':'%s',"
                       "'columns':['s','f','i'],'file':'x.csv'}}",
                       dropped ? "dropped" : "reached");
        struct df_funnel_request request = request_of(members, &arena);
        world_make(world, round % 3 == 0, &random);
        struct share *share = share_make(world, &request, takes, round % 5 > 0, true);
        struct df_funnel_result *result = result_make(&request);
        struct df_funnel_cohort *cohort;
        const struct df_type columns[] = {world_types[0], world_types[2], world_types[1]};
        assert_ok(df_funnel_cohort_create(&cohort, &request, &share->source.user_type, &share->source.time_type,
                                          &world_types[3], columns, NULL, &error),
                  &error);
        assert_ok(df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, cohort, &error),
                  &error);
        const struct df_vector *vectors;
        assert_ok(df_funnel_cohort_vectors(cohort, &vectors, &error), &error);
        /* Units come in the order of their users' codes, as the share's do. */
        uint64_t at = 0;
        for (size_t i = 0; i < share->verdicts.unit_count; i++) {
            const struct df_funnel_unit *unit = &share->units[i];
            if (dropped ? unit->depth != 2 : unit->depth < 2)
                continue;
            uint32_t row = (uint32_t)at++;
            const struct world_row *first = &world->rows[share->rows[unit->chain_rows[0]]];
            const struct world_row *second = &world->rows[share->rows[unit->chain_rows[1]]];
            assert_int_equal(vectors[0].values.int64s[row], second->user);
            assert_int_equal(vectors[1].values.int64s[row], first->time);
            assert_int_equal(vectors[2].values.int64s[row], second->time);
            assert_int_equal(df_vector_is_null(&vectors[3], row), unit->depth < 3);
            assert_int_equal(df_vector_is_null(&vectors[4], row), first->d_null);
            if (!first->d_null)
                assert_true(vectors[4].values.int128s[row] == first->d);
            assert_int_equal(df_vector_is_null(&vectors[5], row), second->s == NULL);
            if (second->s)
                assert_slice_is(vectors[5].values.bytes[row], second->s);
            assert_int_equal(df_vector_is_null(&vectors[6], row), second->f_null || isnan(second->f));
            assert_int_equal(df_vector_is_null(&vectors[7], row), second->i_null);
        }
        assert_int_equal(df_funnel_cohort_rows(cohort), at);
        df_funnel_cohort_free(cohort);
        df_funnel_result_free(result);
        share_free(share);
        free(world);
        df_arena_dispose(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_the_slow_way),
        cmocka_unit_test(test_answers_by_session_are_those_of_the_slow_way),
        cmocka_unit_test(test_durations_are_those_of_the_chains),
        cmocka_unit_test(test_types_that_do_not_serve_are_refused_by_place),
        cmocka_unit_test(test_exported_rows_are_those_of_the_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
