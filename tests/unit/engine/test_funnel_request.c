/* The JSON of a request: what it becomes, and what is wrong with it at every place. JSON stands here with ' for ". */
#include "engine/funnel/language/request.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "testing/testing.h"

#define DATASET "'dataset':{'paths':['d'],'user':'u','time':'t'}"
#define STEP    "{'filter':['e','==','a']}"

static struct df_buf quoted(const char *json)
{
    struct df_buf out = {0};
    for (; *json; json++)
        df_buf_put_char(&out, (char)(*json == '\'' ? '"' : *json));
    return out;
}

static int parse(struct df_funnel_request *request, const char *json, struct df_arena *arena, struct df_error *error)
{
    struct df_buf text = quoted(json);
    int result = df_funnel_request_parse(request, df_buf_slice(&text), arena, error);
    df_buf_dispose(&text);
    return result;
}

/* {DATASET, members} must parse. */
static struct df_funnel_request parsed(const char *members, struct df_arena *arena)
{
    struct df_error error = {0};
    struct df_buf json = {0};
    struct df_funnel_request request;
    df_buf_printf(&json, "{" DATASET "%s%s}", *members ? "," : "", members);
    if (parse(&request, df_buf_text(&json), arena, &error) < 0)
        fail_msg("%s: %s", members, error.message);
    df_buf_dispose(&json);
    return request;
}

static const struct df_funnel_leaf *leaf_of(const struct df_funnel_request *request, uint32_t root)
{
    const struct df_funnel_node *node = request->filters.roots[root];
    assert_int_equal(node->kind, DF_FUNNEL_LEAF);
    return &request->filters.leaves[node->leaf];
}

/* ---- data set ---- */

static void test_a_dataset_of_paths_or_files(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request;
    assert_ok(parse(&request,
                    "{'dataset':{'paths':['a','b'],'pattern':'*.pq','user':'visitorid','time':'timestamp',"
                    "'groups':'spread','timestampUnit':'us'}}",
                    &arena, &error),
              &error);
    assert_int_equal(request.dataset.path_count, 2);
    assert_string_equal(request.dataset.paths[1], "b");
    assert_string_equal(request.dataset.pattern, "*.pq");
    assert_string_equal(request.dataset.user, "visitorid");
    assert_string_equal(request.dataset.time, "timestamp");
    assert_int_equal(request.dataset.groups, DF_FUNNEL_SPREAD);
    assert_true(request.dataset.unit_given);
    assert_int_equal(request.dataset.unit, DF_TIME_US);
    assert_ok(parse(&request,
                    "{'dataset':{'files':[{'uri':'s3://b/k','sizeBytes':18446744073709551615},{'uri':'x'}],'user':'u',"
                    "'time':'t'}}",
                    &arena, &error),
              &error);
    assert_int_equal(request.dataset.file_count, 2);
    assert_string_equal(request.dataset.files[0].uri, "s3://b/k");
    assert_true(request.dataset.files[0].size_bytes == UINT64_MAX);
    assert_true(request.dataset.files[1].size_bytes == 0);
    assert_string_equal(request.dataset.pattern, "*.parquet");
    assert_int_equal(request.dataset.groups, DF_FUNNEL_AUTO);
    assert_false(request.dataset.unit_given);
    assert_ok(df_funnel_request_check_paths(&request, &error), &error);
    df_arena_dispose(&arena);
}

static void test_an_empty_query_counts_everybody(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    static const char *const empty[] = {"", "'query':{}", "'timeframe':{}",
                                        "'query':{'conditions':[],'aggregations':[]}"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        struct df_funnel_request request = parsed(empty[i], &arena);
        assert_false(request.funnel.given || request.approximate || request.second_reading || request.all_times ||
                     request.chains || request.time_unit || request.from.given || request.to.given);
        assert_int_equal(request.where, DF_FUNNEL_NONE);
        assert_int_equal(request.condition_count + request.relation.token_count + request.aggregations.count +
                             request.filters.leaf_count + request.filters.root_count + request.column_count,
                         0);
    }
    df_arena_dispose(&arena);
}

/* ---- filters ---- */

static void test_filters_in_the_long_and_the_short_form(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request = parsed(
        "'funnel':{'sequence':[{'filter':{'column':'e','op':'==','value':'view'},'name':'seen'},"
        "{'filter':['price','>=',1e3]},{'filter':['new','!=',true],'name':''},{'filter':['e','in',['a',5,false]]},"
        "{'filter':['e','is null']},{'filter':{'column':'tags','op':'has all','value':[],'delimiter':'|'}},"
        "{'filter':{'column':'tags','op':'empty','delimiter':'|'}}]}",
        &arena);
    const struct df_funnel_sequence *sequence = &request.funnel.sequence;
    assert_int_equal(sequence->step_count, 7);
    assert_slice_is(sequence->steps[0].name, "seen");
    assert_null(sequence->steps[1].name.data);
    assert_non_null(sequence->steps[2].name.data);
    const struct df_funnel_leaf *leaf = leaf_of(&request, sequence->steps[0].filter);
    assert_string_equal(leaf->column, "e");
    assert_slice_is(leaf->values[0].text, "view");
    assert_string_equal(leaf->place, "funnel.sequence[0].filter");
    assert_false(leaf->shorthand);
    assert_null(leaf->delimiter.data);
    leaf = leaf_of(&request, sequence->steps[1].filter);
    assert_int_equal(leaf->op, DF_FUNNEL_GE);
    assert_int_equal(leaf->values[0].type, DF_FUNNEL_NUMBER);
    assert_slice_is(leaf->values[0].text, "1e3");
    assert_true(leaf->shorthand);
    assert_true(leaf_of(&request, sequence->steps[2].filter)->values[0].boolean);
    leaf = leaf_of(&request, sequence->steps[3].filter);
    assert_int_equal(leaf->op, DF_FUNNEL_IN);
    assert_int_equal(leaf->value_count, 3);
    assert_slice_is(leaf->values[1].text, "5");
    assert_int_equal(leaf->values[2].type, DF_FUNNEL_BOOLEAN);
    leaf = leaf_of(&request, sequence->steps[4].filter);
    assert_int_equal(leaf->op, DF_FUNNEL_IS_NULL);
    assert_int_equal(leaf->value_count, 0);
    leaf = leaf_of(&request, sequence->steps[5].filter);
    assert_int_equal(leaf->value_count, 0);
    assert_slice_is(leaf->delimiter, "|");
    assert_int_equal(leaf_of(&request, sequence->steps[6].filter)->op, DF_FUNNEL_EMPTY);
    df_arena_dispose(&arena);
}

static void test_every_operator_has_one_spelling(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DF_FUNNEL_OPS; i++) {
        enum df_funnel_op op = (enum df_funnel_op)i, found = DF_FUNNEL_OPS;
        assert_true(df_funnel_op_parse(df_slice_text(df_funnel_op_text(op)), &found));
        assert_int_equal(found, op);
    }
    static const char *const wrong[] = {"", "=", "<>", "IN", "not  in", " in", "is", "between", "==="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        enum df_funnel_op found;
        assert_false(df_funnel_op_parse(df_slice_text(wrong[i]), &found));
    }
    assert_int_equal(df_funnel_op_arity(DF_FUNNEL_NOT_CONTAINS), DF_FUNNEL_ONE_VALUE);
    assert_int_equal(df_funnel_op_arity(DF_FUNNEL_HAS_ANY), DF_FUNNEL_MANY_VALUES);
    assert_int_equal(df_funnel_op_arity(DF_FUNNEL_NOT_EMPTY), DF_FUNNEL_NO_VALUE);
}

static void test_equal_leaves_and_equal_trees_are_one(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request =
        parsed("'where':{'and':[['e','==','a'],['p','>',5]]},'query':{'conditions':[{'filter':['e','==','a']},"
               "{'filters':[{'column':'e','op':'==','value':'a'},{'value':5,'column':'p','op':'>'}]},"
               "{'filter':{'or':[['e','==','a'],['p','>',5]]}},{'filter':{'and':[['p','>',5],['e','==','a']]}},"
               "{'filters':[{'column':'e','op':'==','value':'a'}]},{'filter':{'or':[['e','==','a']]}},"
               "{'filter':{'not':['e','==','a']}},{'filter':['e','==',5]},{'filter':['e','==','5']},"
               "{'filter':['e','in',['5']]},{'filter':['e','has any',['5']]},"
               "{'filter':{'column':'e','op':'has any','value':['5'],'delimiter':','}}]}",
               &arena);
    assert_int_equal(request.filters.leaf_count, 7);
    static const uint32_t roots[] = {1, 0, 2, 3, 1, 1, 4, 5, 6, 7, 8, 9};
    assert_int_equal(request.where, 0);
    assert_int_equal(request.filters.root_count, 10);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(request.conditions[i].filter, roots[i]);
    const struct df_funnel_node *tree = request.filters.roots[0];
    assert_int_equal(tree->kind, DF_FUNNEL_AND);
    assert_int_equal(tree->child_count, 2);
    assert_string_equal(request.filters.leaves[tree->children[1].leaf].place, "where.and[1]");
    assert_int_equal(request.filters.roots[4]->kind, DF_FUNNEL_NOT);
    assert_int_equal(request.filters.roots[4]->child_count, 1);
    df_arena_dispose(&arena);
}

static void test_places_go_through_trees(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request = parsed(
        "'funnel':{'sequence':[{'filter':['x','==',0]},{'filters':[{'or':[['a','==',1],{'not':{'or':[['b','==',1],"
        "{'and':[['c','==',1],['d','==',1]]}]}}]}],'rowFound':false}, " STEP "]}",
        &arena);
    assert_string_equal(request.filters.leaves[4].column, "d");
    assert_string_equal(request.filters.leaves[4].place, "funnel.sequence[1].filters[0].or[1].not.or[1].and[1]");
    df_arena_dispose(&arena);
}

/* ---- conditions ---- */

static void test_targets_and_their_defaults(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request = parsed(
        "'query':{'conditions':[{'filter':['e','==','a'],'name':'A'},"
        "{'filter':['e','==','a'],'target':['count','<',3],'includeZero':true},"
        "{'filter':['e','==','a'],'target':{'type':'count','op':'!=','value':99999999999999999999999}},"
        "{'filter':['e','==','a'],'target':['sum','price','>=',50.25]},"
        "{'filter':['e','==','a'],'target':{'value':-1e3,'op':'==','column':'other','type':'sum'},'includeZero':false},"
        "{'sequence':[" STEP "," STEP "],'maxDuration':'7d','order':'strict','name':'s'},"
        "{'filter':['e','==','a'],'target':['count','==',0]},{'filter':['e','==','a'],'target':['count','<=',-0]}]}",
        &arena);
    const struct df_funnel_condition *c = request.conditions;
    assert_int_equal(request.condition_count, 8);
    assert_slice_is(c[0].name, "A");
    assert_true(c[0].kind == DF_FUNNEL_COUNT_TARGET && c[0].op == DF_FUNNEL_GE && c[0].count == 1 &&
                !c[0].include_zero);
    assert_true(c[1].op == DF_FUNNEL_LT && c[1].count == 3 && c[1].include_zero && !c[1].name.data);
    assert_true(c[2].op == DF_FUNNEL_NE && c[2].count == UINT64_MAX && !c[2].include_zero);
    assert_true(c[3].kind == DF_FUNNEL_SUM_TARGET && c[3].op == DF_FUNNEL_GE && c[3].column == 0);
    assert_slice_is(c[3].sum, "50.25");
    assert_true(c[4].kind == DF_FUNNEL_SUM_TARGET && c[4].column == 1);
    assert_slice_is(c[4].sum, "-1e3");
    assert_true(c[5].kind == DF_FUNNEL_SEQUENCE_CONDITION && c[5].sequence.order == DF_FUNNEL_STRICT);
    assert_true(c[5].sequence.maximum_duration.in_ns && !c[5].sequence.simple && c[5].sequence.positive_count == 2);
    assert_true(c[6].include_zero && c[6].count == 0);
    assert_true(!c[7].include_zero && c[7].op == DF_FUNNEL_LE && c[7].count == 0);
    assert_int_equal(request.column_count, 2);
    assert_string_equal(request.columns[0].place, "query.conditions[3].target[1]");
    assert_string_equal(request.columns[1].place, "query.conditions[4].target.column");
    assert_true(request.columns[0].facts && request.columns[0].numeric && request.columns[0].flat);
    assert_false(request.columns[0].values || request.second_reading || request.chains);
    assert_true(request.all_times && request.time_unit);
    df_arena_dispose(&arena);
}

/* The table of funnels-frocket 3.2: 'T' true is taken, 'F' false, 'A' absent; upper case when zeros are in then. */
static const struct {
    const char *target, *right, *message;
} zeros[] = {
    {"'sum','p','<',5", "fa", "true is not applicable to a sum target"},
    {"'sum','p','==',0", "fa", "true is not applicable to a sum target"},
    {"'count','>',0", "fa", "true cannot stand with the operator '>'"},
    {"'count','>',7", "fa", "true cannot stand with the operator '>'"},
    {"'count','<',0", "fa", "which implies a negative count"},
    {"'count','!=',0", "fa", "'count != 0', which precludes zero"},
    {"'count','==',3", "fa", "'count == 3', which precludes zero"},
    {"'count','>=',1", "fa", "'count >= 1', which precludes zero"},
    {"'count','==',0", "TA", "cannot be false with 'count == 0'"},
    {"'count','<=',0", "Tfa", ""},
    {"'count','<=',3", "Tfa", ""},
    {"'count','<',1", "Tfa", ""},
    {"'count','<',9", "Tfa", ""},
    {"'count','>=',0", "Tfa", ""},
    {"'count','!=',2", "Tfa", ""},
};

static void test_include_zero_as_in_the_original(void **state)
{
    (void)state;
    static const char *const members[] = {",'includeZero':true", ",'includeZero':false", ""};
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
        for (int given = 0; given < 3; given++) {
            struct df_error error = {0};
            struct df_arena arena = {0};
            struct df_buf json = {0};
            struct df_funnel_request request;
            char in = "TFA"[given], out = "tfa"[given];
            bool zero = strchr(zeros[i].right, in) != NULL, right = zero || strchr(zeros[i].right, out);
            df_buf_printf(&json, "{" DATASET ",'query':{'conditions':[{'filter':['e','==','a'],'target':[%s]%s}]}}",
                          zeros[i].target, members[given]);
            int result = parse(&request, df_buf_text(&json), &arena, &error);
            if ((result == 0) != right)
                fail_msg("%s: %s", df_buf_text(&json), error.message);
            if (right)
                assert_int_equal(request.conditions[0].include_zero, zero);
            else if (!strstr(error.message, zeros[i].message) ||
                     strncmp(error.message, "query.conditions[0].includeZero: ", 33) != 0)
                fail_msg("%s: %s", df_buf_text(&json), error.message);
            df_buf_dispose(&json);
            df_arena_dispose(&arena);
        }
    }
}

/* ---- sequences and funnels ---- */

static void test_steps_with_gaps_and_without_rows(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request = parsed(
        "'funnel':{'sequence':[{'filter':['e','==','a'],'rowFound':false}," STEP
        ",{'filter':['e','==','b'],'minGap':5,'maxGap':'1h','rowFound':true},"
        "{'filter':['e','==','c'],'rowFound':false,'name':'none'},{'filter':['e','==','d'],'minGap':3.0,'maxGap':3}],"
        "'maxDuration':170141183460469231731687303715884105728,'sessionGap':'30m'}",
        &arena);
    const struct df_funnel_sequence *sequence = &request.funnel.sequence;
    assert_int_equal(sequence->step_count, 5);
    assert_int_equal(sequence->positive_count, 3);
    assert_true(sequence->steps[0].negative && !sequence->steps[1].negative && sequence->steps[3].negative);
    assert_true(sequence->steps[2].minimum_gap.amount == 5 && !sequence->steps[2].minimum_gap.in_ns);
    assert_true(sequence->steps[2].maximum_gap.in_ns);
    assert_true(sequence->steps[2].maximum_gap.amount == (unsigned __int128)3600 * 1000000000);
    assert_true(sequence->steps[4].minimum_gap.amount == 3 && sequence->steps[4].maximum_gap.amount == 3);
    assert_true(df_funnel_length_floor(&sequence->maximum_duration, DF_FUNNEL_SCALE_DAY) == UINT64_MAX);
    assert_false(sequence->simple || sequence->steps[1].minimum_gap.given);
    assert_true(request.funnel.session_gap.given && request.all_times && request.time_unit);
    assert_false(request.chains || request.second_reading);
    df_arena_dispose(&arena);
}

static void test_a_funnel_with_everything(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request =
        parsed("'approximate':true,'funnel':{'sequence':[" STEP ",{'filter':['e','==','b']}],'order':'loose',"
               "'stepAggregations':[{'column':'e'}],'endAggregations':[{'column':'p','type':'mean','name':'m'}],"
               "'breakdown':{'column':'country','top':3,'attribution':'last'},'trend':'week','durations':true,"
               "'export':{'step':1,'which':'dropped','columns':['country','step3'],'file':'out.ndjson'}}",
               &arena);
    const struct df_funnel_funnel *funnel = &request.funnel;
    assert_true(funnel->given && funnel->sequence.simple && funnel->durations && request.approximate);
    assert_int_equal(funnel->step_aggregations.count, 3);
    assert_int_equal(funnel->end_aggregations.count, 1);
    assert_true(funnel->breakdown.given && funnel->breakdown.last && funnel->breakdown.top == 3);
    assert_string_equal(request.columns[funnel->breakdown.column].name, "country");
    assert_int_equal(funnel->trend, DF_FUNNEL_TREND_WEEK);
    assert_true(funnel->cohort.given && funnel->cohort.dropped && funnel->cohort.step == 1);
    assert_int_equal(funnel->cohort.column_count, 2);
    assert_int_equal(funnel->cohort.columns[0], funnel->breakdown.column);
    assert_string_equal(funnel->cohort.file, "out.ndjson");
    assert_true(request.second_reading && request.chains && request.time_unit && !request.all_times);
    assert_int_equal(request.column_count, 4);
    df_arena_dispose(&arena);
    request = parsed(
        "'funnel':{'sequence':[" STEP "],'breakdown':{'column':'c'},'export':{'step':1,'file':'s3://b/c/'}}", &arena);
    assert_true(request.funnel.breakdown.top == DF_FUNNEL_TOP_DEFAULT && !request.funnel.breakdown.last);
    assert_false(request.funnel.cohort.dropped);
    df_arena_dispose(&arena);
}

static const struct {
    const char *members;
    bool second_reading, all_times, chains, time_unit, simple;
} derived[] = {
    {"'funnel':{'sequence':[" STEP "]}", false, false, false, false, true},
    {"'funnel':{'sequence':[" STEP "],'order':'strict'}", false, true, false, false, false},
    {"'funnel':{'sequence':[" STEP "],'order':'any'}", false, false, false, false, false},
    {"'funnel':{'sequence':[" STEP "],'maxDuration':7}", false, false, false, false, false},
    {"'funnel':{'sequence':[" STEP "],'maxDuration':'7d'}", false, false, false, true, false},
    {"'funnel':{'sequence':[" STEP ",{'filter':['a','==',1],'maxGap':'7d'}]}", false, false, false, true, false},
    {"'funnel':{'sequence':[" STEP ",{'filter':['a','==',1],'minGap':7}]}", false, false, false, false, false},
    {"'funnel':{'sequence':[" STEP ",{'filter':['a','==',1],'rowFound':false}]}", false, false, false, false, false},
    {"'funnel':{'sequence':[" STEP "],'durations':true}", false, false, true, true, true},
    {"'funnel':{'sequence':[" STEP "],'durations':false}", false, false, false, false, true},
    {"'funnel':{'sequence':[" STEP "],'breakdown':{'column':'c'}}", true, false, true, false, true},
    {"'funnel':{'sequence':[" STEP "],'trend':'month'}", false, false, true, true, true},
    {"'funnel':{'sequence':[" STEP "],'export':{'step':1,'file':'a.csv'}}", false, false, true, true, true},
    {"'funnel':{'sequence':[" STEP "],'export':{'step':1,'file':'a.csv','columns':['c']}}", true, false, true, true,
     true},
    {"'funnel':{'sequence':[" STEP "],'sessionGap':5}", false, true, false, false, true},
    {"'funnel':{'sequence':[" STEP "],'sessionGap':'5s'}", false, true, false, true, true},
    {"'funnel':{'sequence':[" STEP "],'endAggregations':[{'column':'c','type':'count'}]}", true, false, false, false,
     true},
    {"'funnel':{'sequence':[" STEP "],'endAggregations':[]}", false, false, false, false, true},
    {"'funnel':{'sequence':[" STEP "]},'timeframe':{'from':5}", false, false, false, false, true},
    {"'funnel':{'sequence':[" STEP "]},'timeframe':{'to':'2015-05-03'}", false, false, false, true, true},
    {"'funnel':{'sequence':[" STEP "]},'query':{'conditions':[{'sequence':[" STEP "],'maxDuration':'1s'}]}", false,
     false, false, true, true},
    {"'funnel':{'sequence':[" STEP "]},'query':{'conditions':[{'sequence':[" STEP "],'order':'strict'}]}", false, true,
     false, false, true},
};

static void test_what_follows_from_a_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++) {
        struct df_arena arena = {0};
        struct df_funnel_request request = parsed(derived[i].members, &arena);
        if (request.second_reading != derived[i].second_reading || request.all_times != derived[i].all_times ||
            request.chains != derived[i].chains || request.time_unit != derived[i].time_unit ||
            request.funnel.sequence.simple != derived[i].simple)
            fail_msg("%s: %d %d %d %d %d", derived[i].members, request.second_reading, request.all_times,
                     request.chains, request.time_unit, request.funnel.sequence.simple);
        df_arena_dispose(&arena);
    }
}

/* ---- aggregations ---- */

static void test_an_aggregation_without_a_type_becomes_three_in_place(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request = parsed(
        "'query':{'aggregations':[{'column':'a','type':'min'},{'column':'b','top':5,'name':''},"
        "{'column':'a','type':'sumPerValue','otherColumn':'p','name':'x'},{'column':'a','type':'count','top':null},"
        "{'column':'c','type':'groupsPerValue','top':10000,'name':'X'},{'column':'b','type':'quantiles'}]}",
        &arena);
    static const struct {
        enum df_funnel_aggregation_type type;
        uint32_t column, other, top;
        const char *place;
    } expected[] = {
        {DF_FUNNEL_AGG_MIN, 0, DF_FUNNEL_NONE, 0, "query.aggregations[0]"},
        {DF_FUNNEL_AGG_COUNT, 1, DF_FUNNEL_NONE, 0, "query.aggregations[1]"},
        {DF_FUNNEL_AGG_COUNT_PER_VALUE, 1, DF_FUNNEL_NONE, 5, "query.aggregations[1]"},
        {DF_FUNNEL_AGG_GROUPS_PER_VALUE, 1, DF_FUNNEL_NONE, 5, "query.aggregations[1]"},
        {DF_FUNNEL_AGG_SUM_PER_VALUE, 0, 2, 10, "query.aggregations[2]"},
        {DF_FUNNEL_AGG_COUNT, 0, DF_FUNNEL_NONE, 0, "query.aggregations[3]"},
        {DF_FUNNEL_AGG_GROUPS_PER_VALUE, 3, DF_FUNNEL_NONE, 10000, "query.aggregations[4]"},
        {DF_FUNNEL_AGG_QUANTILES, 1, DF_FUNNEL_NONE, 0, "query.aggregations[5]"},
    };
    assert_int_equal(request.aggregations.count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        const struct df_funnel_aggregation *item = &request.aggregations.items[i];
        assert_int_equal(item->type, expected[i].type);
        assert_int_equal(item->column, expected[i].column);
        assert_int_equal(item->other, expected[i].other);
        assert_int_equal(item->top, expected[i].top);
        assert_string_equal(item->place, expected[i].place);
    }
    assert_slice_is(request.aggregations.items[4].name, "x");
    assert_null(request.aggregations.items[1].name.data);
    df_arena_dispose(&arena);
}

static void test_columns_know_what_is_expected_of_them(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request =
        parsed("'query':{'aggregations':[{'column':'a','type':'count'},{'column':'b','type':'countDistinct'},"
               "{'column':'b','type':'sum'},{'column':'c','type':'meanPerValue','otherColumn':'d'},"
               "{'column':'e','type':'mean'},{'column':'a','type':'count'}]}",
               &arena);
    static const struct {
        const char *name, *place;
        bool numeric, flat;
    } expected[] = {
        {"a", "query.aggregations[0].column", false, false}, {"b", "query.aggregations[2].column", true, true},
        {"c", "query.aggregations[3].column", false, true},  {"d", "query.aggregations[3].otherColumn", true, true},
        {"e", "query.aggregations[4].column", true, true},
    };
    assert_int_equal(request.column_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(request.columns[i].name, expected[i].name);
        assert_string_equal(request.columns[i].place, expected[i].place);
        assert_int_equal(request.columns[i].numeric, expected[i].numeric);
        assert_int_equal(request.columns[i].flat, expected[i].flat);
        assert_true(request.columns[i].values && !request.columns[i].facts);
    }
    df_arena_dispose(&arena);
}

static void test_the_names_of_aggregations(void **state)
{
    (void)state;
    static const char *const names[] = {
        "count", "countPerValue", "groupsPerValue", "sumPerValue", "meanPerValue", "countDistinct", "min",
        "max",   "sum",           "mean",           "quantiles"};
    for (unsigned i = 0; i < DF_FUNNEL_AGG_TYPES; i++) {
        assert_string_equal(df_funnel_aggregation_name((enum df_funnel_aggregation_type)i), names[i]);
        assert_int_equal(df_funnel_aggregation_is_map((enum df_funnel_aggregation_type)i), i >= 1 && i <= 4);
    }
}

/* ---- time ---- */

static void test_a_timeframe_has_integers_or_iso_text(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_funnel_request request = parsed("'timeframe':{'from':-5,'to':1430635327936.0}", &arena);
    assert_true(request.from.given && !request.from.in_ns && request.from.amount == -5);
    assert_true(request.to.amount == INT64_C(1430635327936));
    request = parsed("'timeframe':{'from':'2015-05-03','to':'2015-05-03T00:00:00.000000001Z'}", &arena);
    assert_true(request.from.in_ns && request.to.in_ns && request.to.amount - request.from.amount == 1);
    request = parsed("'timeframe':{'from':'2015-05-03','to':5}", &arena); /* known when the column is */
    assert_true(request.from.in_ns && !request.to.in_ns);
    request = parsed("'timeframe':{'from':9007199254740993,'to':9007199254740994}", &arena);
    assert_true(request.from.amount == INT64_C(9007199254740993));
    request = parsed("'timeframe':{'to':99999999999999999999999999999999999999999999}", &arena);
    assert_true(request.to.amount > (__int128)UINT64_MAX);
    df_arena_dispose(&arena);
}

/* ---- what is wrong, place by place ---- */

#define Q(members)    "{" DATASET ",'query':{" members "}}"
#define C(condition)  Q("'conditions':[" condition "]")
#define F(members)    "{" DATASET ",'funnel':{'sequence':[" STEP "," STEP "]," members "}}"
#define S(step)       "{" DATASET ",'funnel':{'sequence':[" STEP "," step "]}}"
#define FILTER(value) S("{'filter':" value "}")
#define A(item)       Q("'aggregations':[" item "]")
#define T(target)     C("{'filter':['e','==',1],'target':" target "}")
#define D(members)    "{'dataset':{" members "}}"

static const struct {
    const char *json, *message; /* the beginning of the message */
} wrong[] = {
    {"", "line 1, column 1: the text is empty"},
    {"{", "line 1, column 2: unexpected end"},
    {"{" DATASET ",'timeframe':{'from':NaN}}", "line 1, column 70: expected JSON, found 'N'"},
    {"[]", "request: expected an object, found an array"},
    {"{" DATASET ",'blah':1}",
     "request: 'blah' was unexpected; known: dataset, timeframe, query, funnel, where, approximate"},
    {"{" DATASET ",'funel':{}}", "request: 'funel' was unexpected, did you mean 'funnel'?; known: "},
    {"{" DATASET ",'query':{},'query':{}}", "request: 'query' stands there twice"},
    {"{" DATASET ",'approximate':1}", "approximate: expected true or false, found a number"},
    {"{'funnel':{}}", "dataset: missing; expected an object"},
    /* dataset */
    {"{'dataset':[]}", "dataset: expected an object, found an array"},
    {D("'path':'d'"),
     "dataset: 'path' was unexpected, did you mean 'paths'?; known: paths, files, pattern, user, time, "
     "groups, timestampUnit"},
    {D("'paths':'d'"), "dataset.paths: expected an array of paths, found a string"},
    {D("'paths':[]"), "dataset.paths: expected at least one path"},
    {D("'paths':['a',5]"), "dataset.paths[1]: expected a path, found a number"},
    {D("'paths':['']"), "dataset.paths[0]: expected a path, found an empty string"},
    {D("'paths':['a\\u0000b']"), "dataset.paths[0]: a zero byte cannot be part of it"},
    {D("'files':['a']"), "dataset.files[0]: expected an object, found a string"},
    {D("'files':[]"), "dataset.files: expected at least one file"},
    {D("'files':{}"), "dataset.files: expected an array of"},
    {D("'files':[{'uri':'a'},{'sizeBytes':5}]"), "dataset.files[1].uri: missing; expected the URI of a file"},
    {D("'files':[{'uri':'a','sizeBytes':-1}]"), "dataset.files[0].sizeBytes: expected a number of bytes, found -1"},
    {D("'files':[{'uri':'a','sizeBytes':'1'}]"),
     "dataset.files[0].sizeBytes: expected a number of bytes, found a string"},
    {D("'files':[{'uri':'a','size':1}]"), "dataset.files[0]: 'size' was unexpected"},
    {D("'files':[{'uri':'a'}],'paths':['a'],'user':'u','time':'t'"), "dataset: expected paths or files, found both"},
    {D("'paths':['a'],'time':'t'"), "dataset.user: missing; expected the name of the user column"},
    {D("'paths':['a'],'user':null"), "dataset.user: expected the name of the user column, found null"},
    {D("'paths':['a'],'user':'u'"), "dataset.time: missing; expected the name of the time column"},
    {D("'user':'u','time':'t','groups':'some'"), "dataset.groups: expected 'auto', 'whole' or 'spread', found 'some'"},
    {D("'user':'u','time':'t','groups':1"), "dataset.groups: expected 'auto', 'whole' or 'spread', found a number"},
    {D("'user':'u','time':'t','groups':'hole'"),
     "dataset.groups: expected 'auto', 'whole' or 'spread', found 'hole'; did you mean 'whole'?"},
    {D("'user':'u','time':'t','timestampUnit':'min'"),
     "dataset.timestampUnit: expected 's', 'ms', 'us' or 'ns', found"},
    {D("'user':'u','time':'t','pattern':1"), "dataset.pattern: expected a pattern of file names, found a number"},
    /* timeframe */
    {"{" DATASET ",'timeframe':[1,2]}", "timeframe: expected an object, found an array"},
    {"{" DATASET ",'timeframe':{'form':1}}", "timeframe: 'form' was unexpected, did you mean 'from'?; known: from, to"},
    {"{" DATASET ",'timeframe':{'from':5.5}}",
     "timeframe.from: expected an integer in the unit of the time column, or ISO"},
    {"{" DATASET ",'timeframe':{'from':'2015-13-01'}}", "timeframe.from: expected an integer in the unit"},
    {"{" DATASET ",'timeframe':{'from':'5'}}", "timeframe.from: expected an integer in the unit of the time column"},
    {"{" DATASET ",'timeframe':{'to':null}}", "timeframe.to: expected an integer"},
    {"{" DATASET ",'timeframe':{'to':true}}", "timeframe.to: expected an integer"},
    {"{" DATASET ",'timeframe':{'from':5,'to':5}}", "timeframe: expected from < to, found to <= from"},
    {"{" DATASET ",'timeframe':{'from':5,'to':-5}}", "timeframe: expected from < to, found to <= from"},
    {"{" DATASET ",'timeframe':{'from':'2015-05-03T02:00:00+02:00','to':'2015-05-03'}}",
     "timeframe: expected from < to, found to <= from"},
    /* query */
    {"{" DATASET ",'query':[]}", "query: expected an object, found an array"},
    {Q("'blah':1"), "query: 'blah' was unexpected; known: relation, conditions, aggregations"},
    {Q("'condition':[]"), "query: 'condition' was unexpected, did you mean 'conditions'?"},
    {Q("'conditions':{}"), "query.conditions: expected an array of conditions, found an object"},
    {Q("'relation':null"), "query.relation: expected a string such as '$0 and ($1 or $2)', found null"},
    {Q("'relation':'$3','conditions':[{'filter':['e','==',1]}]"), "query.relation: Condition no. 3 does not exist"},
    /* conditions */
    {C("5"), "query.conditions[0]: expected an object, found a number"},
    {C("{}"),
     "query.conditions[0]: not valid under any of the given schemas: expected one of filter, filters and sequence, "
     "found none"},
    {C("{'filter':['e','==',1],'filters':[]}"), "query.conditions[0]: not valid under any of the given schemas: "
                                                "expected one of filter, filters and sequence, found "
                                                "filter and filters"},
    {C("{'filter':['e','==',1],'sequence':[]}"), "query.conditions[0]: not valid under any of the given schemas: "},
    {C("{'filter':['e','==',1],'filtr':1}"), "query.conditions[0]: 'filtr' was unexpected, did you mean 'filter'?"},
    {C("{'sequence':[" STEP "],'target':['count','>=',1]}"),
     "query.conditions[0]: 'target' was unexpected beside 'sequence'"},
    {C("{'sequence':[" STEP "],'includeZero':true}"),
     "query.conditions[0]: 'includeZero' was unexpected beside 'sequence'"},
    {C("{'filter':['e','==',1],'maxDuration':1}"), "query.conditions[0]: 'maxDuration' was unexpected beside 'filter'"},
    {C("{'filters':[{'column':'e','op':'==','value':1}],'order':'any'}"),
     "query.conditions[0]: 'order' was unexpected beside 'filters'"},
    {C("{'sequence':{'sequence':[]}}"), "query.conditions[0].sequence: expected an array of steps, found an object"},
    {C("{'sequence':[]}"), "query.conditions[0].sequence: [] is too short; expected 1 to 10000 steps"},
    {C("{'sequence':[" STEP ",{'filter':['e','~',1]}]}"), "query.conditions[0].sequence[1].filter[1]: unknown operator "
                                                          "'~'; known: ==, !=, >, >=, <, <=, contains, not contains, "},
    {C("{'filters':[['e','==',1]]}"), "query.conditions[0].filters[0]: expected an object; the short form"},
    {C("{'filters':[]}"), "query.conditions[0].filters: [] is too short; expected at least one filter"},
    {C("{'filters':{}}"), "query.conditions[0].filters: expected an array of filters, found an object"},
    {C("{'filters':[{'column':'e','op':'==','value':1},{'column':'e','op':'=='}]}"),
     "query.conditions[0].filters[1].value: missing"},
    {C("{'filter':['e','==',1],'name':'1a'}"), "query.conditions[0].name: '1a' is no name; expected a letter"},
    {C("{'filter':['e','==',1],'name':'a b'}"), "query.conditions[0].name: 'a b' is no name"},
    {C("{'filter':['e','==',1],'name':'_a'}"), "query.conditions[0].name: '_a' is no name"},
    {C("{'filter':['e','==',1],'name':'||'}"), "query.conditions[0].name: '||' is no name"},
    {C("{'filter':['e','==',1],'name':5}"), "query.conditions[0].name: expected a string, found a number"},
    {C("{'filter':['e','==',1],'name':'And'}"), "query.conditions[0].name: a condition cannot be named 'And'"},
    {C("{'filter':['e','==',1],'name':'OR'}"), "query.conditions[0].name: a condition cannot be named 'OR'"},
    {C("{'filter':['e','==',1],'name':'a'},{'filter':['e','==',1]},{'filter':['e','==',1],'name':'a'}"),
     "query.conditions[2].name: 'a' is the name of condition 0 already"},
    {C("{'filter':['e','==',1],'name':'x'},{'filter':['e','==',1],'name':'X'}"),
     "query.conditions[1].name: 'X' and 'x' of condition 0 differ in case only"},
    {C("{'filter':['e','==',1],'includeZero':1}"),
     "query.conditions[0].includeZero: expected true or false, found a number"},
    {C("{'filter':['e','==',1],'includeZero':true}"),
     "query.conditions[0].includeZero: true cannot stand with 'count >= 1'"},
    /* targets */
    {T("5"),
     "query.conditions[0].target: expected an object or an array such as [\"count\", \">=\", 1], found a number"},
    {T("null"), "query.conditions[0].target: expected an object or an array"},
    {T("[]"),
     "query.conditions[0].target: expected [\"count\", op, n] or [\"sum\", column, op, number], found an array of 0"},
    {T("['count','>=']"), "query.conditions[0].target: expected [\"count\", op, n] or"},
    {T("['count','>=',1,1]"), "query.conditions[0].target: expected [\"count\", op, n] or"},
    {T("['sum','p','>=']"), "query.conditions[0].target: expected [\"count\", op, n] or"},
    {T("['avg','p','>=',1]"), "query.conditions[0].target[0]: expected 'count' or 'sum', found 'avg'"},
    {T("['count','contains',1]"),
     "query.conditions[0].target[1]: expected an operator: == != > >= < <=, found 'contains'"},
    {T("['count',1,1]"), "query.conditions[0].target[1]: expected an operator: == != > >= < <=, found a number"},
    {T("['count','>=','1']"), "query.conditions[0].target[2]: expected a number of rows, an integer, found a string"},
    {T("['count','>=',-1]"), "query.conditions[0].target[2]: -1 is less than the minimum of 0"},
    {T("['count','>=',1.0]"), "query.conditions[0].target[2]: expected a number of rows, written as an integer"},
    {T("['count','>=',1.5]"), "query.conditions[0].target[2]: expected a number of rows, written as an integer"},
    {T("['count','>=',1e2]"), "query.conditions[0].target[2]: expected a number of rows, written as an integer"},
    {T("['sum',5,'>=',1]"), "query.conditions[0].target[1]: expected the name of a column, found a number"},
    {T("['sum','p','=',1]"), "query.conditions[0].target[2]: expected an operator: == != > >= < <=, found '='"},
    {T("['sum','p','>=',true]"), "query.conditions[0].target[3]: expected a number, found a boolean"},
    {T("{'op':'>=','value':1}"), "query.conditions[0].target.type: missing; expected 'count' or 'sum'"},
    {T("{'type':'count','column':'p','op':'>=','value':1}"),
     "query.conditions[0].target: 'column' was unexpected beside type 'count'"},
    {T("{'type':'sum','op':'>=','value':1}"),
     "query.conditions[0].target.column: missing; expected the name of a column"},
    {T("{'type':'sum','column':'p','value':1}"), "query.conditions[0].target.op: missing"},
    {T("{'type':'count','op':'>='}"), "query.conditions[0].target.value: missing; expected a number of rows"},
    {T("{'type':'count','op':'>=','value':1,'x':1}"), "query.conditions[0].target: 'x' was unexpected"},
    /* aggregations */
    {Q("'aggregations':{'columns':['a']}"),
     "query.aggregations: expected an array of aggregations, found an object, which is not of type 'array'"},
    {F("'stepAggregations':{'columns':['a']}"),
     "funnel.stepAggregations: expected an array of aggregations, found an object"},
    {F("'endAggregations':null"), "funnel.endAggregations: expected an array of aggregations, found null"},
    {A("'a'"), "query.aggregations[0]: expected an object, found a string"},
    {A("{}"), "query.aggregations[0].column: missing; expected the name of a column"},
    {A("{'column':'a','type':'median'}"),
     "query.aggregations[0].type: expected 'count', 'countPerValue', 'groupsPerValue', "
     "'sumPerValue', 'meanPerValue', 'countDistinct', 'min', 'max', 'sum', 'mean' or "
     "'quantiles', found 'median'"},
    {A("{'column':'a','typ':'count'}"), "query.aggregations[0]: 'typ' was unexpected, did you mean 'type'?"},
    {A("{'column':'a','type':'sumPerValue'}"), "query.aggregations[0].otherColumn: missing; 'sumPerValue' requires"},
    {A("{'column':'a','type':'meanPerValue'}"), "query.aggregations[0].otherColumn: missing; 'meanPerValue' requires"},
    {A("{'column':'a','type':'count','otherColumn':'b'}"),
     "query.aggregations[0].otherColumn: was unexpected with 'count'"},
    {A("{'column':'a','type':'sum','otherColumn':'b'}"),
     "query.aggregations[0].otherColumn: was unexpected with 'sum'"},
    {A("{'column':'a','otherColumn':'b'}"), "query.aggregations[0].otherColumn: was unexpected with 'count'"},
    {A("{'column':'a','type':'sumPerValue','otherColumn':5}"),
     "query.aggregations[0].otherColumn: expected the name of a column, found a number"},
    {A("{'column':'a','name':'n'}"), "query.aggregations[0].name: without a type there are three aggregations"},
    {A("{'column':'a','type':'count','name':'a-b'}"), "query.aggregations[0].name: 'a-b' is no name"},
    {A("{'column':'a','type':'count','name':'n'},{'column':'b'},{'column':'b','type':'min','name':'n'}"),
     "query.aggregations[2].name: 'n' is the name of query.aggregations[0] already"},
    {A("{'column':'a','type':'countPerValue','top':0}"),
     "query.aggregations[0].top: expected an integer from 1 to 10000, found 0"},
    {A("{'column':'a','type':'countPerValue','top':10001}"),
     "query.aggregations[0].top: expected an integer from 1 to 10000"},
    {A("{'column':'a','type':'countPerValue','top':1.0}"),
     "query.aggregations[0].top: expected an integer from 1 to 10000"},
    {A("{'column':'a','type':'countPerValue','top':'5'}"),
     "query.aggregations[0].top: expected an integer from 1 to 10000"},
    {A("{'column':'a','type':'count','top':5}"), "query.aggregations[0].top: 'count' gives one value; top belongs to "},
    {A("{'column':'a','type':'quantiles','top':5}"), "query.aggregations[0].top: 'quantiles' gives one value"},
    /* funnel */
    {"{" DATASET ",'funnel':[]}", "funnel: expected an object, found an array"},
    {"{" DATASET ",'funnel':{}}", "funnel.sequence: missing; expected an array of steps"},
    {"{" DATASET ",'funnel':{'steps':[]}}", "funnel: 'steps' was unexpected"},
    {"{" DATASET ",'funnel':{'sequence':{}}}", "funnel.sequence: expected an array of steps, found an object"},
    {"{" DATASET ",'funnel':{'sequence':[]}}", "funnel.sequence: [] is too short; expected 1 to 10000 steps"},
    {F("'maxDuration':-1"), "funnel.maxDuration: -1 is less than the minimum of 0"},
    {F("'maxDuration':-0.5"), "funnel.maxDuration: -0.5 is less than the minimum of 0"},
    {F("'maxDuration':1.5"), "funnel.maxDuration: expected a length of time: text such as '30s'"},
    {F("'maxDuration':'7 days'"), "funnel.maxDuration: expected a length of time: text such as '30s'"},
    {F("'maxDuration':'7'"), "funnel.maxDuration: expected a length of time"},
    {F("'maxDuration':null"), "funnel.maxDuration: expected a length of time"},
    {F("'order':'Loose'"), "funnel.order: expected 'loose', 'strict' or 'any', found 'Loose'; did you mean 'loose'?"},
    {F("'order':true"), "funnel.order: expected 'loose', 'strict' or 'any', found a boolean"},
    {F("'durations':'yes'"), "funnel.durations: expected true or false, found a string"},
    {F("'durations':true,'order':'any'"), "funnel.durations: steps in any order have no durations"},
    {F("'sessionGap':'30min'"), "funnel.sessionGap: expected a length of time"},
    {F("'trend':'year'"), "funnel.trend: expected 'hour', 'day', 'week' or 'month', found 'year'"},
    {F("'trend':null"), "funnel.trend: expected 'hour', 'day', 'week' or 'month', found null"},
    {F("'breakdown':'c'"), "funnel.breakdown: expected an object, found a string"},
    {F("'breakdown':{}"), "funnel.breakdown.column: missing; expected the name of a column"},
    {F("'breakdown':{'column':'c','top':0}"), "funnel.breakdown.top: expected an integer from 1 to 10000, found 0"},
    {F("'breakdown':{'column':'c','top':10001}"),
     "funnel.breakdown.top: expected an integer from 1 to 10000, found 10001"},
    {F("'breakdown':{'column':'c','attribution':'middle'}"),
     "funnel.breakdown.attribution: expected 'first' or 'last'"},
    {F("'breakdown':{'column':'c','limit':5}"), "funnel.breakdown: 'limit' was unexpected"},
    /* export */
    {F("'export':'a.csv'"), "funnel.export: expected an object, found a string"},
    {F("'export':{'file':'a.csv'}"), "funnel.export.step: missing; expected an integer from 1 to 2"},
    {F("'export':{'step':0,'file':'a.csv'}"), "funnel.export.step: expected an integer from 1 to 2, found 0"},
    {F("'export':{'step':3,'file':'a.csv'}"), "funnel.export.step: expected an integer from 1 to 2, found 3"},
    {F("'export':{'step':1}"), "funnel.export.file: missing; expected the path of a file"},
    {F("'export':{'step':1,'file':'a.txt'}"),
     "funnel.export.file: expected a path that ends with .parquet, .csv, .ndjson"},
    {F("'export':{'step':1,'file':'.csv'}"), "funnel.export.file: expected a path that ends with"},
    {F("'export':{'step':2,'which':'dropped','file':'a.csv'}"), "funnel.export.which: nobody drops out at step 2"},
    {F("'export':{'step':1,'which':'all','file':'a.csv'}"), "funnel.export.which: expected 'reached' or 'dropped'"},
    {F("'export':{'step':1,'file':'a.csv','columns':'c'}"), "funnel.export.columns: expected an array of columns"},
    {F("'export':{'step':1,'file':'a.csv','columns':['c',5]}"),
     "funnel.export.columns[1]: expected the name of a column"},
    {F("'export':{'step':1,'file':'a.csv','columns':['c','d','c']}"),
     "funnel.export.columns[2]: 'c' stands there twice"},
    {F("'export':{'step':1,'file':'a.csv','columns':['u']}"),
     "funnel.export.columns[0]: the file has a column 'u' already"},
    {F("'export':{'step':1,'file':'a.csv','columns':['step2']}"),
     "funnel.export.columns[0]: the file has a column 'step2'"},
    {F("'breakdown':{'column':'c'},'export':{'step':1,'file':'a.csv','columns':['breakdown']}"),
     "funnel.export.columns[0]: the file has a column 'breakdown' already"},
    {F("'export':{'step':1,'file':'a.csv','format':'csv'}"), "funnel.export: 'format' was unexpected"},
    /* steps */
    {S("1"), "funnel.sequence[1]: expected an object, found a number"},
    {S("{}"), "funnel.sequence[1].filter: missing; expected an object or [column, op, value]"},
    {S("{'filter':['e','==',1],'filters':[]}"),
     "funnel.sequence[1]: not valid under any of the given schemas: expected filter "
     "or filters, found both"},
    {S("{'filter':['e','==',1],'filterz':1}"), "funnel.sequence[1]: 'filterz' was unexpected, did you mean 'filter'?"},
    {S("{'filter':['e','==',1],'target':['count','>=',1]}"), "funnel.sequence[1]: 'target' was unexpected"},
    {S("{'filter':['e','==',1],'rowFound':0}"), "funnel.sequence[1].rowFound: expected true or false, found a number"},
    {S("{'filter':['e','==',1],'name':5}"), "funnel.sequence[1].name: expected a string, found a number"},
    {S("{'filter':['e','==',1],'minGap':-5}"), "funnel.sequence[1].minGap: -5 is less than the minimum of 0"},
    {S("{'filter':['e','==',1],'maxGap':'soon'}"), "funnel.sequence[1].maxGap: expected a length of time"},
    {S("{'filter':['e','==',1],'minGap':6,'maxGap':5}"), "funnel.sequence[1].minGap: minGap is above maxGap"},
    {S("{'filter':['e','==',1],'minGap':'2d','maxGap':'47h'}"), "funnel.sequence[1].minGap: minGap is above maxGap"},
    {S("{'filter':['e','==',1],'rowFound':false,'minGap':5}"),
     "funnel.sequence[1].minGap: a step with rowFound false takes no"},
    {S("{'filter':['e','==',1],'rowFound':false,'maxGap':5}"),
     "funnel.sequence[1].maxGap: a step with rowFound false takes no"},
    {"{" DATASET ",'funnel':{'sequence':[{'filter':['e','==',1],'maxGap':5}]}}",
     "funnel.sequence[0].maxGap: the first step has no step before it"},
    {"{" DATASET
     ",'funnel':{'sequence':[{'filter':['e','==',1],'rowFound':false},{'filter':['e','==',1],'minGap':5}]}}",
     "funnel.sequence[1].minGap: the first step has no step before it"},
    {"{" DATASET ",'funnel':{'sequence':[{'filter':['e','==',1],'rowFound':false}]}}",
     "funnel.sequence: every step has rowFound false"},
    {"{" DATASET ",'funnel':{'sequence':[" STEP ",{'filter':['e','==',1],'rowFound':false}],'order':'any'}}",
     "funnel.sequence[1].rowFound: a step without rows has no place among steps in any order"},
    {"{" DATASET ",'funnel':{'sequence':[" STEP ",{'filter':['e','==',1],'maxGap':5}],'order':'any'}}",
     "funnel.sequence[1].maxGap: steps in any order have no gaps"},
    /* filters */
    {FILTER("1"), "funnel.sequence[1].filter: expected an object or [column, op, value], found a number"},
    {FILTER("null"), "funnel.sequence[1].filter: expected an object or [column, op, value], found null"},
    {FILTER("[]"), "funnel.sequence[1].filter: expected [column, op, value], found an array of 0"},
    {FILTER("['e']"), "funnel.sequence[1].filter: expected [column, op, value], found an array of 1"},
    {FILTER("['e','==']"), "funnel.sequence[1].filter: expected [column, op, value], found an array of 2"},
    {FILTER("['e','==',1,2]"), "funnel.sequence[1].filter: expected [column, op, value], found an array of 4"},
    {FILTER("[5,'==',1]"), "funnel.sequence[1].filter[0]: expected the name of a column, found a number"},
    {FILTER("['','==',1]"), "funnel.sequence[1].filter[0]: expected the name of a column, found an empty string"},
    {FILTER("['e',5,1]"), "funnel.sequence[1].filter[1]: expected an operator, found a number"},
    {FILTER("['e','==',null]"),
     "funnel.sequence[1].filter[2]: expected a string, a number or a boolean, found null; the "
     "operators for it are 'is null' and 'is not null'"},
    {FILTER("['e','==',[1]]"),
     "funnel.sequence[1].filter[2]: expected a string, a number or a boolean, found an array; 'in'"},
    {FILTER("['e','==',{}]"),
     "funnel.sequence[1].filter[2]: expected a string, a number or a boolean, found an object"},
    {FILTER("['e','is null',1]"), "funnel.sequence[1].filter[2]: 'is null' takes no value"},
    {FILTER("['e','in',5]"), "funnel.sequence[1].filter[2]: expected an array of values, found a number"},
    {FILTER("['e','in',[5,null]]"),
     "funnel.sequence[1].filter[2][1]: expected a string, a number or a boolean, found null"},
    {FILTER("['e','not in',[[]]]"),
     "funnel.sequence[1].filter[2][0]: expected a string, a number or a boolean, found an array"},
    {FILTER("{'colum':'a'}"),
     "funnel.sequence[1].filter: 'colum' was unexpected, did you mean 'column'?; known: column, op, "
     "value, delimiter, and, or, not"},
    {FILTER("{}"), "funnel.sequence[1].filter.column: missing; expected the name of a column"},
    {FILTER("{'op':'==','value':1}"), "funnel.sequence[1].filter.column: missing"},
    {FILTER("{'column':'a','value':1}"), "funnel.sequence[1].filter.op: missing; expected an operator"},
    {FILTER("{'column':'a','op':'=','value':1}"),
     "funnel.sequence[1].filter.op: unknown operator '='; known: ==, !=, >, >="},
    {FILTER("{'column':'a','op':'=='}"),
     "funnel.sequence[1].filter.value: missing; expected a string, a number or a boolean"},
    {FILTER("{'column':'a','op':'has any'}"), "funnel.sequence[1].filter.value: missing; expected an array of values"},
    {FILTER("{'column':'a','op':'empty','value':null}"), "funnel.sequence[1].filter.value: 'empty' takes no value"},
    {FILTER("{'column':'a','op':'==','op':'!=','value':1}"), "funnel.sequence[1].filter: 'op' stands there twice"},
    {FILTER("{'column':'a','op':'==','value':1,'delimiter':'|'}"),
     "funnel.sequence[1].filter.delimiter: '==' knows no delimiter"},
    {FILTER("{'column':'a','op':'has','value':'x','delimiter':''}"),
     "funnel.sequence[1].filter.delimiter: expected the text "
     "between two values, found an empty string"},
    {FILTER("{'column':'a','op':'has','value':'x','delimiter':5}"),
     "funnel.sequence[1].filter.delimiter: expected a string"},
    {FILTER("['e','regex','a(b']"),
     "funnel.sequence[1].filter[2]: the regular expression 'a(b' is wrong at position 3: missing closing parenthesis"},
    {FILTER("{'not':{'column':'a','op':'regex','value':'[z-a]'}}"),
     "funnel.sequence[1].filter.not.value: the regular expression '[z-a]' is wrong at position 3: range out of order"},
    {FILTER("['e','regex',5]"), "funnel.sequence[1].filter[2]: expected a regular expression, which is a string"},
    {FILTER("{'and':{}}"), "funnel.sequence[1].filter.and: expected an array of filters, found an object"},
    {FILTER("{'or':[]}"), "funnel.sequence[1].filter.or: [] is too short; expected at least one filter"},
    {FILTER("{'not':[]}"), "funnel.sequence[1].filter.not: expected [column, op, value], found an array of 0"},
    {FILTER("{'not':null}"), "funnel.sequence[1].filter.not: expected an object or [column, op, value], found null"},
    {FILTER("{'and':[['e','==',1]],'column':'a'}"), "funnel.sequence[1].filter: 'column' was unexpected beside 'and'"},
    {FILTER("{'and':[['e','==',1]],'or':[['e','==',1]]}"),
     "funnel.sequence[1].filter: 'or' was unexpected beside 'and'"},
    {FILTER("{'or':[['e','==',1]],'or':[['e','==',1]]}"), "funnel.sequence[1].filter: 'or' stands there twice"},
    {FILTER("{'and':[['e','==',1],{'not':{'or':[{'column':'a','op':'like','value':'x'}]}}]}"),
     "funnel.sequence[1].filter.and[1].not.or[0].op: unknown operator 'like'"},
    {"{" DATASET ",'where':{'and':[5]}}", "where.and[0]: expected an object or [column, op, value], found a number"},
    {"{" DATASET ",'where':[['e','==',1]]}", "where: expected [column, op, value], found an array of 1"},
};

static void test_an_error_names_the_place(void **state)
{
    (void)state;
    unsigned others = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_funnel_request request;
        assert_fails(parse(&request, wrong[i].json, &arena, &error), &error, DF_ERROR_INVALID, "");
        if (strncmp(error.message, wrong[i].message, strlen(wrong[i].message)) != 0) {
            print_error("%s\n expected %s\n got      %s\n", wrong[i].json, wrong[i].message, error.message);
            others++;
        }
        df_arena_dispose(&arena);
    }
    assert_int_equal(others, 0);
}

/* ---- limits ---- */

static void put_steps(struct df_buf *json, int count)
{
    df_buf_put_text(json, "{" DATASET ",'funnel':{'sequence':[");
    for (int i = 0; i < count; i++)
        df_buf_printf(json, "%s{'filter':['c','==',%d]}", i ? "," : "", i);
    df_buf_put_text(json, "]}}");
}

static void test_ten_thousand_steps_are_taken_and_one_more_is_not(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_funnel_request request;
    for (int more = 0; more < 2; more++) {
        struct df_arena arena = {0};
        struct df_buf json = {0};
        put_steps(&json, DF_FUNNEL_STEPS_MAX + more);
        if (more) {
            assert_fails(parse(&request, df_buf_text(&json), &arena, &error), &error, DF_ERROR_INVALID,
                         "funnel.sequence: expected 1 to 10000 steps, found 10001");
        } else {
            assert_ok(parse(&request, df_buf_text(&json), &arena, &error), &error);
            assert_int_equal(request.filters.leaf_count, DF_FUNNEL_STEPS_MAX);
            assert_int_equal(request.filters.root_count, DF_FUNNEL_STEPS_MAX);
            for (uint32_t i = 0; i < DF_FUNNEL_STEPS_MAX; i++)
                assert_int_equal(request.funnel.sequence.steps[i].filter, i);
        }
        df_buf_dispose(&json);
        df_arena_dispose(&arena);
    }
}

static int parse_nested(unsigned levels, const char *open, const char *close, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_buf json = {0};
    struct df_funnel_request request;
    df_buf_put_text(&json, "{" DATASET ",'where':");
    for (unsigned i = 0; i < levels; i++)
        df_buf_put_text(&json, open);
    df_buf_put_text(&json, "['e','==',1]");
    for (unsigned i = 0; i < levels; i++)
        df_buf_put_text(&json, close);
    df_buf_put_text(&json, "}");
    int result = parse(&request, df_buf_text(&json), &arena, error);
    df_buf_dispose(&json);
    df_arena_dispose(&arena);
    return result;
}

static void test_trees_and_documents_that_are_too_deep(void **state)
{
    (void)state;
    struct df_error error = {0};
    assert_ok(parse_nested(63, "{'not':", "}", &error), &error);
    assert_ok(parse_nested(63, "{'and':[", ",['e','==',2]]}", &error), &error);
    assert_fails(parse_nested(64, "{'not':", "}", &error), &error, DF_ERROR_INVALID,
                 "filters are nested deeper than 64");
    assert_memory_equal(error.message, "where.not.not.", 14);
    assert_fails(parse_nested(200, "{'or':[", "]}", &error), &error, DF_ERROR_INVALID,
                 "filters are nested deeper than 64");
    assert_fails(parse_nested(20000, "{'not':", "}", &error), &error, DF_ERROR_INVALID,
                 "arrays and objects are nested deeper than 512");
    assert_fails(parse_nested(1000000, "[", "]", &error), &error, DF_ERROR_INVALID,
                 "arrays and objects are nested deeper than 512");
}

static void test_documents_that_are_too_large(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request;
    size_t size = ((size_t)100 << 20) + 1;
    char *text = calloc(size, 1);
    assert_non_null(text);
    assert_fails(df_funnel_request_parse(&request, df_slice_make(text, size), &arena, &error), &error,
                 DF_ERROR_TOO_LARGE, "the JSON text has 104857601 bytes");
    free(text);
    struct df_buf json = {0};
    df_buf_put_text(&json, "[0");
    for (unsigned i = 0; i < 2u << 20; i++)
        df_buf_put_text(&json, ",0");
    df_buf_put_text(&json, "]");
    assert_fails(df_funnel_request_parse(&request, df_buf_slice(&json), &arena, &error), &error, DF_ERROR_TOO_LARGE,
                 "more than 2097152 values");
    df_buf_dispose(&json);
    df_arena_dispose(&arena);
}

static void test_a_request_may_have_very_many_conditions(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf json = {0};
    struct df_funnel_request request;
    df_buf_put_text(&json, "{" DATASET ",'query':{'conditions':[");
    for (int i = 0; i < 20000; i++)
        df_buf_printf(&json, "%s{'filter':['e','==',%d],'name':'n%d'}", i ? "," : "", i % 100, i);
    df_buf_put_text(&json, "]}}");
    assert_ok(parse(&request, df_buf_text(&json), &arena, &error), &error);
    assert_int_equal(request.condition_count, 20000);
    assert_int_equal(request.filters.root_count, 100);
    assert_int_equal(request.relation.token_count, 39999);
    assert_int_equal(request.relation.depth, 2);
    df_buf_dispose(&json);
    df_arena_dispose(&arena);
}

/* Cut at every byte: an error each time, and nothing beyond the end is read. */
static void test_a_request_that_is_cut_anywhere(void **state)
{
    (void)state;
    struct df_buf text = quoted(
        "{" DATASET ",'timeframe':{'from':-5,'to':'2015-05-03T10:20:30Z'},'where':{'not':['a','in',[1,'\\u00e9']]},"
        "'query':{'relation':'$0 or $b','conditions':[{'filter':['e','==','a'],'target':['sum','p','<',5]},"
        "{'name':'b','sequence':[" STEP "],'maxDuration':'7d'}],'aggregations':[{'column':'e'}]},"
        "'funnel':{'sequence':[" STEP "," STEP "],'breakdown':{'column':'c'},'export':{'step':1,'file':'a.csv'}}}");
    struct df_arena arena = {0};
    struct df_error error = {0};
    struct df_funnel_request request;
    assert_ok(df_funnel_request_parse(&request, df_buf_slice(&text), &arena, &error), &error);
    for (size_t size = 0; size < text.size; size++) {
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, text.data, size);
        assert_fails(df_funnel_request_parse(&request, df_slice_make(exact, size), &arena, &error), &error,
                     DF_ERROR_INVALID, "line 1, column ");
        free(exact);
        df_arena_dispose(&arena);
    }
    df_buf_dispose(&text);
}

/* ---- for workers ---- */

static void assert_for_workers(const char *json, const enum df_time_unit *unit, const char *expected)
{
    struct df_error error = {0};
    struct df_buf text = quoted(json), out = {0}, wanted = quoted(expected);
    assert_ok(df_funnel_request_for_workers(df_buf_slice(&text), unit, &out, &error), &error);
    assert_string_equal(df_buf_text(&out), df_buf_text(&wanted));
    df_buf_dispose(&text);
    df_buf_dispose(&out);
    df_buf_dispose(&wanted);
}

static void test_workers_get_a_request_without_files_and_with_the_unit(void **state)
{
    (void)state;
    const enum df_time_unit us = DF_TIME_US;
    assert_for_workers("{'funnel':{'sequence':[" STEP "]}, 'dataset':{'paths':['a','b'],'user':'u','time':'t'}}", &us,
                       "{'funnel':{'sequence':[" STEP "]},'dataset':{'user':'u','time':'t','timestampUnit':'us'}}");
    assert_for_workers("{'dataset':{'files':[{'uri':'x'}],'user':'u','timestampUnit':'s','time':'t'},"
                       "'query':{'conditions':[{'filter':['a','==',1e400]}]}}",
                       &us,
                       "{'dataset':{'user':'u','time':'t','timestampUnit':'us'},"
                       "'query':{'conditions':[{'filter':['a','==',1e400]}]}}");
    assert_for_workers("{'dataset':{'user':'u','timestampUnit':'s','time':'t'}}", NULL,
                       "{'dataset':{'user':'u','timestampUnit':'s','time':'t'}}");
    struct df_error error = {0};
    struct df_buf out = {0};
    assert_fails(df_funnel_request_for_workers(df_slice_text("{"), NULL, &out, &error), &error, DF_ERROR_INVALID,
                 "line 1");
    df_buf_dispose(&out);
}

static void test_a_request_without_files_parses_and_is_told_apart(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request;
    assert_ok(parse(&request, "{'dataset':{'user':'u','time':'t','timestampUnit':'ns'}}", &arena, &error), &error);
    assert_int_equal(request.dataset.unit, DF_TIME_NS);
    assert_fails(df_funnel_request_check_paths(&request, &error), &error, DF_ERROR_INVALID, "dataset.paths: missing");
    df_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dataset_of_paths_or_files),
        cmocka_unit_test(test_an_empty_query_counts_everybody),
        cmocka_unit_test(test_filters_in_the_long_and_the_short_form),
        cmocka_unit_test(test_every_operator_has_one_spelling),
        cmocka_unit_test(test_equal_leaves_and_equal_trees_are_one),
        cmocka_unit_test(test_places_go_through_trees),
        cmocka_unit_test(test_targets_and_their_defaults),
        cmocka_unit_test(test_include_zero_as_in_the_original),
        cmocka_unit_test(test_steps_with_gaps_and_without_rows),
        cmocka_unit_test(test_a_funnel_with_everything),
        cmocka_unit_test(test_what_follows_from_a_request),
        cmocka_unit_test(test_an_aggregation_without_a_type_becomes_three_in_place),
        cmocka_unit_test(test_columns_know_what_is_expected_of_them),
        cmocka_unit_test(test_the_names_of_aggregations),
        cmocka_unit_test(test_a_timeframe_has_integers_or_iso_text),
        cmocka_unit_test(test_an_error_names_the_place),
        cmocka_unit_test(test_ten_thousand_steps_are_taken_and_one_more_is_not),
        cmocka_unit_test(test_trees_and_documents_that_are_too_deep),
        cmocka_unit_test(test_documents_that_are_too_large),
        cmocka_unit_test(test_a_request_may_have_very_many_conditions),
        cmocka_unit_test(test_a_request_that_is_cut_anywhere),
        cmocka_unit_test(test_workers_get_a_request_without_files_and_with_the_unit),
        cmocka_unit_test(test_a_request_without_files_parses_and_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
