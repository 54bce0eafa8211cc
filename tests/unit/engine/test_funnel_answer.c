/* How an answer is written: order of members, keys of every type, buckets, empty results. */
#include "engine/funnel/result/tables.h"
#include "funnel_result_testing.h"

static void assert_answer(const char *members, struct world *world, const char *expected)
{
    struct df_arena arena = {0};
    struct df_funnel_request request = request_of(members, &arena);
    char *text = answer_whole(world, &request);
    assert_string_equal(text, expected);
    free(text);
    df_arena_dispose(&arena);
}

static void assert_part(const char *members, struct world *world, const char *part)
{
    struct df_arena arena = {0};
    struct df_funnel_request request = request_of(members, &arena);
    char *text = answer_whole(world, &request);
    if (!strstr(text, part))
        fail_msg("%s is not in %s", part, text);
    free(text);
    df_arena_dispose(&arena);
}

/* One user with these rows, who reached `depth` steps by the first of them. */
static struct world *world_of(const struct world_row *rows, size_t count, uint16_t depth)
{
    struct world *world = calloc(1, sizeof *world);
    memcpy(world->rows, rows, count * sizeof *rows);
    world->row_count = count;
    world->in[0] = true;
    world->units[0] = (struct world_unit){.user = 0, .depth = depth, .rows = (uint32_t)count, .chain = {0, 1, 2}};
    world->unit_count = 1;
    return world;
}

static const struct world_row four[] = {
    {.timed = true, .time = 1430622024154, .s = "x\"y", .i = 7, .f = 0.1, .d = -5, .b = true, .l_null = true},
    {.timed = true, .time = 1430622025000, .s = "\xc3\xa9", .i = -3, .f = -0.0, .d = 1230, .b = false},
    {.timed = true, .time = 1430622026500, .s = "\xffz", .i_null = true, .f = 1e16, .d_null = true, .b = true},
    {.timed = true, .time = 1430622026500, .i = 7, .f = NAN, .d = -5, .b = true}};

static void test_nothing_at_all(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof *world);
    assert_answer("'query':{}", world, "{'query':{'matchingGroups':0,'matchingGroupRows':0}}");
    assert_answer("'query':{'aggregations':[{'column':'s'},{'column':'i','type':'sum','name':'total'},"
                  "{'column':'f','type':'sum'},{'column':'i','type':'min'},{'column':'i','type':'mean'},"
                  "{'column':'i','type':'countDistinct'},{'column':'i','type':'quantiles'}]}",
                  world,
                  "{'query':{'matchingGroups':0,'matchingGroupRows':0,'aggregations':["
                  "{'column':'s','type':'count','value':0,'top':null,'name':null},"
                  "{'column':'s','type':'countPerValue','value':{},'top':10,'name':null},"
                  "{'column':'s','type':'groupsPerValue','value':{},'top':10,'name':null},"
                  "{'column':'i','type':'sum','value':0,'top':null,'name':'total'},"
                  "{'column':'f','type':'sum','value':0,'top':null,'name':null},"
                  "{'column':'i','type':'min','value':null,'top':null,'name':null},"
                  "{'column':'i','type':'mean','value':null,'top':null,'name':null},"
                  "{'column':'i','type':'countDistinct','value':0,'top':null,'name':null},"
                  "{'column':'i','type':'quantiles','value':null,"
                  "'top':null,'name':null}]}}");
    assert_answer("'funnel':{'sequence':[{'filter':['i','==',1]}],'breakdown':{'column':'s'},'trend':'day',"
                  "'durations':true}",
                  world,
                  "{'query':{'matchingGroups':0,'matchingGroupRows':0},'funnel':{'sequence':[{'matchingGroups':0,"
                  "'matchingGroupRows':0,'aggregations':null}],'groups':[],'trend':[],'endAggregations':null}}");
    free(world);
}

static void test_keys_of_every_type(void **state)
{
    (void)state;
    struct world *world = world_of(four, 4, 1);
    assert_part("'query':{'aggregations':[{'column':'i','type':'countPerValue'}]}", world, "'value':{'7':2,'-3':1}");
    assert_part("'query':{'aggregations':[{'column':'f','type':'countPerValue'}]}", world,
                "'value':{'0.0':1,'0.1':1,'1e+16':1}");
    assert_part("'query':{'aggregations':[{'column':'d','type':'countPerValue'}]}", world,
                "'value':{'-0.05':2,'12.30':1}");
    assert_part("'query':{'aggregations':[{'column':'b','type':'countPerValue'}]}", world,
                "'value':{'True':3,'False':1}");
    assert_part("'query':{'aggregations':[{'column':'s','type':'countPerValue'}]}", world,
                "'value':{'x\\'y':1,'\xc3\xa9':1,'\\\\xffz':1}");
    assert_part("'query':{'aggregations':[{'column':'ts','type':'countPerValue'}]}", world,
                "'value':{'2015-05-03T03:00:26.500Z':2,'2015-05-03T03:00:24.154Z':1,'2015-05-03T03:00:25Z':1}");
    free(world);
}

static void test_values_of_every_type(void **state)
{
    (void)state;
    struct world *world = world_of(four, 4, 1);
    assert_part("'query':{'aggregations':[{'column':'ts','type':'max'}]}", world, "'value':'2015-05-03T03:00:26.500Z'");
    assert_part("'query':{'aggregations':[{'column':'s','type':'max'}]}", world, "'value':'\\\\xffz'");
    assert_part("'query':{'aggregations':[{'column':'b','type':'min'}]}", world, "'value':false");
    assert_part("'query':{'aggregations':[{'column':'f','type':'min'}]}", world, "'value':0.0");
    assert_part("'query':{'aggregations':[{'column':'d','type':'min'}]}", world, "'value':-0.05");
    assert_part("'query':{'aggregations':[{'column':'d','type':'sum'}]}", world, "'value':12.20");
    assert_part("'query':{'aggregations':[{'column':'d','type':'mean'}]}", world, "'value':4.066666666666666");
    assert_part("'query':{'aggregations':[{'column':'i','type':'mean'}]}", world, "'value':3.6666666666666665");
    assert_part("'query':{'aggregations':[{'column':'f','type':'sum'}]}", world, "'value':1e+16");
    assert_part("'query':{'aggregations':[{'column':'l','type':'count'}]}", world, "'value':3");
    assert_part("'query':{'aggregations':[{'column':'f','type':'count'}]}", world, "'value':3"); /* NaN is null */
    free(world);
}

static struct df_type type_of(enum df_type_kind kind)
{
    return (struct df_type){.kind = kind, .unit = DF_TIME_US, .bits = 64};
}

static void assert_value(struct df_type type, struct df_slice bytes, int64_t number, const char *key, const char *value)
{
    struct df_funnel_account account = {.floor_bytes = UINT64_MAX};
    struct df_funnel_values values;
    struct df_buf text = {0}, json = {0};
    struct df_json_writer *writer = calloc(1, sizeof *writer);
    uint32_t id;
    df_funnel_values_init(&values, df_funnel_form_of(&type), &account);
    assert_true(bytes.data ? df_funnel_values_bytes(&values, bytes, &id)
                           : df_funnel_values_number(&values, number, &id));
    df_funnel_value_put_text(&values, id, &type, &text);
    assert_string_equal(df_buf_text(&text), key);
    df_json_writer_init(writer, &json, DF_JSON_COMPACT);
    df_funnel_value_put_json(&values, id, &type, writer);
    assert_string_equal(df_buf_text(&json), value);
    free(writer);
    df_buf_dispose(&text);
    df_buf_dispose(&json);
    df_funnel_values_dispose(&values);
}

static void test_types_that_no_column_of_the_world_has(void **state)
{
    (void)state;
    const struct df_slice none = {0};
    assert_value(type_of(DF_TYPE_UINT64), none, -1, "18446744073709551615", "18446744073709551615");
    assert_value(type_of(DF_TYPE_DATE), none, 16558, "2015-05-03", "\"2015-05-03\"");
    assert_value(type_of(DF_TYPE_TIME), none, 3600000000, "01:00:00", "\"01:00:00\"");
    assert_value(type_of(DF_TYPE_TIMESTAMP), none, 1430622024154001, "2015-05-03T03:00:24.154001Z",
                 "\"2015-05-03T03:00:24.154001Z\"");
    assert_value(type_of(DF_TYPE_FLOAT), none, df_funnel_real_bits((double)0.1f), "0.10000000149011612",
                 "0.10000000149011612");
    assert_value(type_of(DF_TYPE_FLOAT), none, df_funnel_real_bits(-INFINITY), "-inf", "\"-inf\"");
    assert_value(type_of(DF_TYPE_BOOL), none, 1, "True", "true");
    assert_value(type_of(DF_TYPE_UUID), df_slice_text("0123456789abcdef"), 0, "30313233-3435-3637-3839-616263646566",
                 "\"30313233-3435-3637-3839-616263646566\"");
    assert_value(type_of(DF_TYPE_BINARY), df_slice_make("a\0\xfe", 3), 0, "a", "\"a\\u0000\\\\xfe\"");
}

/* ---- trend ---- */

static void assert_bucket(enum df_funnel_trend trend, enum df_funnel_scale scale, bool turned, int64_t time,
                          const char *expected)
{
    struct df_buf out = {0};
    df_funnel_trend_put_text(trend, df_funnel_trend_bucket(trend, scale, turned, time), &out);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void test_buckets_of_utc(void **state)
{
    (void)state;
    const enum df_funnel_scale ms = DF_FUNNEL_SCALE_MS;
    assert_bucket(DF_FUNNEL_TREND_HOUR, ms, false, 1430622024154, "2015-05-03T03:00:00Z");
    assert_bucket(DF_FUNNEL_TREND_DAY, ms, false, 1430622024154, "2015-05-03");
    assert_bucket(DF_FUNNEL_TREND_WEEK, ms, false, 1430622024154, "2015-04-27"); /* a Sunday: its Monday */
    assert_bucket(DF_FUNNEL_TREND_MONTH, ms, false, 1430622024154, "2015-05");
    assert_bucket(DF_FUNNEL_TREND_WEEK, DF_FUNNEL_SCALE_DAY, false, 4, "1970-01-05"); /* a Monday */
    assert_bucket(DF_FUNNEL_TREND_WEEK, DF_FUNNEL_SCALE_DAY, false, 3, "1969-12-29");
    assert_bucket(DF_FUNNEL_TREND_DAY, ms, false, -1, "1969-12-31");
    assert_bucket(DF_FUNNEL_TREND_HOUR, DF_FUNNEL_SCALE_NS, false, -1, "1969-12-31T23:00:00Z");
    assert_bucket(DF_FUNNEL_TREND_MONTH, DF_FUNNEL_SCALE_S, false, -1, "1969-12");
    assert_bucket(DF_FUNNEL_TREND_DAY, DF_FUNNEL_SCALE_S, true, INT64_MIN, "1970-01-01"); /* unsigned 0 */
    assert_bucket(DF_FUNNEL_TREND_MONTH, DF_FUNNEL_SCALE_US, false, 1456704000000000, "2016-02");
}

static void test_a_trend_has_no_gaps_and_a_limit(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct world *world = world_of(four, 4, 1);
    const char *members = "'funnel':{'sequence':[{'filter':['i','==',1]}],'trend':'month'}";
    world->in[1] = true;
    world->rows[3].user = 1;
    world->rows[3].time = 1435708800000; /* 2015-07-01 */
    world->units[1] = (struct world_unit){.user = 1, .depth = 1, .rows = 1, .chain = {3}};
    world->unit_count = 2;
    assert_part(members, world,
                "'trend':[{'bucket':'2015-05','sequence':[{'matchingGroups':1}]},{'bucket':'2015-06','sequence':["
                "{'matchingGroups':0}]},{'bucket':'2015-07','sequence':[{'matchingGroups':1}]}]");
    struct df_funnel_request request =
        request_of("'funnel':{'sequence':[{'filter':['i','==',1]}],'trend':'hour'}", &arena);
    struct df_funnel_result *result = result_make(&request);
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    world->rows[3].time = INT64_C(1430622024154) + INT64_C(1000000) * 3600000;
    struct share *share = share_make(world, &request, takes, true, false);
    assert_fails(df_funnel_tally(result, &share->verdicts, &share->collector.groups, &share->source, &error), &error,
                 DF_ERROR_INVALID, "there are 1000001 buckets, at most 1000000 are shown; take a coarser trend");
    share_free(share);
    df_funnel_result_free(result);
    free(world);
    df_arena_dispose(&arena);
}

static void test_a_user_without_time_stands_in_no_bucket_but_in_groups(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct world *world = world_of(four, 4, 1);
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    struct df_funnel_request request =
        request_of("'funnel':{'sequence':[{'filter':['i','==',1]}],'trend':'day','breakdown':{'column':'b'}}", &arena);
    struct df_funnel_result *result = result_make(&request);
    struct share *share = share_make(world, &request, takes, true, false);
    share->units[0].timed = false;
    share_add(share, result);
    char *text = answer_of(result);
    assert_non_null(strstr(text, "'groups':[{'value':true,'sequence':[{'matchingGroups':1,'matchingGroupRows':4}]}]"));
    assert_non_null(strstr(text, "'trend':[]"));
    free(text);
    share_free(share);
    df_funnel_result_free(result);
    free(world);
    df_arena_dispose(&arena);
}

static void test_an_export_is_told_of(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request =
        request_of("'funnel':{'sequence':[{'filter':['i','==',1]},{'filter':['i','==',2]}],"
                   "'export':{'step':1,'which':'dropped','file':'x/'}}",
                   &arena);
    struct df_funnel_result *result = result_make(&request);
    const char *const files[] = {"x/a.parquet", "x/b.parquet"};
    const struct df_funnel_answer answer = {.export_files = files, .export_file_count = 2, .export_rows = 9};
    struct df_buf out = {0};
    struct df_json_writer *json = calloc(1, sizeof *json);
    df_json_writer_init(json, &out, DF_JSON_COMPACT);
    df_json_begin_object(json);
    assert_ok(df_funnel_result_put_json(result, &answer, json, &error), &error);
    df_json_end_object(json);
    assert_non_null(strstr(df_buf_text(&out), "],\"export\":{\"step\":1,\"which\":\"dropped\",\"rows\":9,\"files\":["
                                              "\"x/a.parquet\",\"x/b.parquet\"]},\"endAggregations\":null}"));
    free(json);
    df_buf_dispose(&out);
    df_funnel_result_free(result);
    df_arena_dispose(&arena);
}

/* With 10,000 steps and all three lists nothing takes steps times rows: this ends at once or not at all. */
static void test_many_steps(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_buf members = {0};
    struct world *world = world_of(four, 4, 3);
    df_buf_put_text(&members, "'funnel':{'sequence':[");
    for (int i = 0; i < 10000; i++)
        df_buf_put_text(&members, i ? ",{'filter':['i','==',1]}" : "{'filter':['i','==',1]}");
    df_buf_put_text(&members, "],'stepAggregations':[{'column':'s'},{'column':'i','type':'quantiles'}],"
                              "'breakdown':{'column':'s'},'durations':true}");
    struct df_funnel_request request = request_of(df_buf_text(&members), &arena);
    char *text = answer_whole(world, &request);
    assert_non_null(strstr(text, "{'matchingGroups':1,'matchingGroupRows':4,'aggregations':[{'column':'s',"
                                 "'type':'count','value':3"));
    assert_non_null(strstr(text, "{'matchingGroups':0,'matchingGroupRows':0,'aggregations':[{'column':'s',"
                                 "'type':'count','value':0"));
    free(text);
    free(world);
    df_buf_dispose(&members);
    df_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_at_all),
        cmocka_unit_test(test_keys_of_every_type),
        cmocka_unit_test(test_values_of_every_type),
        cmocka_unit_test(test_types_that_no_column_of_the_world_has),
        cmocka_unit_test(test_buckets_of_utc),
        cmocka_unit_test(test_a_trend_has_no_gaps_and_a_limit),
        cmocka_unit_test(test_a_user_without_time_stands_in_no_bucket_but_in_groups),
        cmocka_unit_test(test_an_export_is_told_of),
        cmocka_unit_test(test_many_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
