/* The answers that the original gives, on the data it was asked about: Q1 to Q25 on rr-synth (funnels-frocket §9.4),
 * the twelve worked examples (§4.9), and that no way of cutting the data, the memory or the partials changes a byte. */
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "cli/rr_parquet.h"
#include "format/parquet/parquet.h"
#include "unit/engine/funnel_driver.h"

/* ---- looking into an answer ---- */

/* The value at a path such as query.aggregations[0].value."1.0". */
static const struct df_json *value_at(const struct df_json *at, const char *path)
{
    while (at && *path) {
        if (*path == '.')
            path++;
        if (*path == '[') {
            unsigned long index = strtoul(path + 1, (char **)&path, 10);
            path++;
            at = at->type == DF_JSON_ARRAY ? at->children : NULL;
            for (; at && index > 0; index--)
                at = at->next;
            continue;
        }
        char name[64];
        size_t n = 0;
        if (*path == '"') {
            for (path++; *path != '"'; path++)
                name[n++] = *path;
            path++;
        } else {
            for (; *path && *path != '.' && *path != '['; path++)
                name[n++] = *path;
        }
        name[n] = '\0';
        at = df_json_get(at, name);
    }
    return at;
}

/* Integers to the digit, other numbers to 1e-12 of their size. */
static bool same_number(struct df_slice text, const char *expected)
{
    if (!strchr(expected, '.'))
        return df_slice_is(text, expected);
    char copy[64];
    snprintf(copy, sizeof copy, "%.*s", DF_SLICE_ARG(text));
    double found = strtod(copy, NULL), wanted = strtod(expected, NULL);
    return fabs(found - wanted) <= 1e-12 * fabs(wanted);
}

/* expectations: "path=number path=number …" */
static void assert_values(struct df_slice answer, const char *name, const char *expectations)
{
    struct df_arena arena = {0};
    struct df_error error = {0};
    struct df_json *root;
    assert_ok(df_json_parse(answer, NULL, &arena, &root, &error), &error);
    char *copy = strdup(expectations), *rest = copy;
    for (char *one; (one = strsep(&rest, " ")) != NULL;) {
        if (!*one)
            continue;
        char *equals = strrchr(one, '=');
        *equals = '\0';
        const struct df_json *value = value_at(root, one);
        if (!value)
            fail_msg("%s: no %s in %.*s", name, one, DF_SLICE_ARG(answer));
        bool null = value->type == DF_JSON_NULL && strcmp(equals + 1, "null") == 0;
        bool members =
            value->type == DF_JSON_OBJECT && equals[1] == '#' && value->child_count == strtoul(equals + 2, NULL, 10);
        if (!null && !members && !same_number(value->text, equals + 1))
            fail_msg("%s: %s is %.*s, expected %s; in %.*s", name, one, DF_SLICE_ARG(value->text), equals + 1,
                     DF_SLICE_ARG(answer));
    }
    free(copy);
    df_arena_dispose(&arena);
}

/* ---- every way to ask ---- */

struct way {
    const char *folder, *groups;
    unsigned threads;
    uint64_t limit_bytes, partial_values;
    bool in_memory;
    bool few_columns;   /* the pages of many do not fit the memory at once */
    const char *stages; /* NULL: whatever they are */
};

static const char *make_request(struct df_buf *out, const struct world *world, const struct way *way, const char *user,
                                const char *time, const char *members)
{
    df_buf_clear(out);
    df_buf_printf(out,
                  "{\"dataset\":{\"paths\":[\"%s/%s\"],\"user\":\"%s\",\"time\":\"%s\",\"timestampUnit\":\"ms\","
                  "\"groups\":\"%s\"}%s%s}",
                  world->folder, way->folder, user, time, way->groups, *members ? "," : "", members);
    return df_buf_text(out);
}

static void ask(const struct world *world, const struct way *way, const char *user, const char *time,
                const char *members, struct df_buf *answer)
{
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    driver.threads = driver.parallelism = way->threads;
    driver.room = way->threads * 50;
    driver.limit_bytes = way->limit_bytes;
    driver.partial_values = way->partial_values;
    driver.in_memory = way->in_memory;
    make_request(&request, world, way, user, time, members);
    assert_same_answer(&driver, df_buf_text(&request), answer);
    if (way->stages && strcmp(driver.way, way->stages) != 0)
        fail_msg("%s: stages %s, expected %s", df_buf_text(&request), driver.way, way->stages);
    df_buf_dispose(&request);
}

/* ---- rr-synth ---- */

enum { VISITORS = 20000, ROWS = 50008 };

static size_t make_rows(struct df_rr_row *rows, uint64_t first, uint64_t step)
{
    size_t count = 0;
    for (uint64_t visitor = first; visitor < VISITORS; visitor += step)
        count += df_rr_visitor_rows(1, visitor, rows + count);
    return count;
}

static void write_rows(const struct world *world, const char *folder, unsigned file, struct df_rr_row *rows,
                       size_t count, bool whole)
{
    struct df_error error = {0};
    struct df_progress progress = {0};
    char uri[512];
    snprintf(uri, sizeof uri, "%s/%s/part-%03u.parquet", world->folder, folder, file);
    const struct df_rr_file rr = {
        .uri = uri, .rows = rows, .row_count = count, .writing = whole ? "a test" : NULL, .part = file};
    assert_ok(df_rr_write_parquet(world->store, &rr, &progress, NULL, &error), &error);
}

static int by_time(const void *a, const void *b)
{
    const struct df_rr_row *x = a, *y = b;
    return (x->timestamp_ms > y->timestamp_ms) - (x->timestamp_ms < y->timestamp_ms);
}

static void write_days(const struct world *world, const char *folder, struct df_rr_row *rows, size_t count,
                       unsigned days)
{
    for (unsigned day = 0; day < days; day++) {
        size_t begin = count * day / days, end = count * (day + 1) / days;
        df_rr_sort(rows + begin, end - begin);
        write_rows(world, folder, day, rows + begin, end - begin, false);
    }
}

/* whole8: 8 files by visitor. one: one file. days: 8 files by time, so that visitors are spread;
 * hours: 64, whose pages are small enough for the smallest memory. */
static int rr_make(void **state)
{
    world_make(state);
    const struct world *world = *state;
    struct df_rr_row *rows = calloc(ROWS + DF_RR_VISITOR_ROWS_MAX, sizeof *rows);
    size_t count;
    for (unsigned part = 0; part < 8; part++) {
        count = make_rows(rows, part, 8);
        df_rr_sort(rows, count);
        write_rows(world, "whole8", part, rows, count, true);
    }
    count = make_rows(rows, 0, 1);
    assert_int_equal(count, ROWS);
    df_rr_sort(rows, count);
    write_rows(world, "one", 0, rows, count, true);
    qsort(rows, count, sizeof *rows, by_time);
    write_days(world, "days", rows, count, 8);
    qsort(rows, count, sizeof *rows, by_time);
    write_days(world, "hours", rows, count, 64);
    free(rows);
    return 0;
}

#define VIEW             "[\"event\",\"==\",\"view\"]"
#define CART             "[\"event\",\"==\",\"addtocart\"]"
#define SALE             "[\"event\",\"==\",\"transaction\"]"
#define DEAR             "[\"price\",\">=\",50]"
#define S_(f)            "{\"filter\":" f "}"
#define VIEW_CART_SALE   S_(VIEW) "," S_(CART) "," S_(SALE)
#define FUNNEL(steps)    "\"funnel\":{\"sequence\":[" steps "]}"
#define CONDITIONS(list) "\"query\":{\"conditions\":[" list "]}"
#define V5               "{\"filter\":{\"column\":\"event\",\"op\":\"==\",\"value\":\"view\"}}"
#define GROUPS_AND_SUMS                                                                                                \
    "[{\"column\":\"event\",\"type\":\"groupsPerValue\"},"                                                             \
    "{\"column\":\"event\",\"type\":\"sumPerValue\",\"otherColumn\":\"price\"}]"
#define FILTERS(a, b)   "\"filters\":[{\"column\":\"event\",\"op\":\"==\",\"value\":\"" a "\"}," b "]"
#define DEAR_SALE       FILTERS("transaction", "{\"column\":\"price\",\"op\":\">=\",\"value\":50}")
#define Q(groups, rows) "query.matchingGroups=" #groups " query.matchingGroupRows=" #rows " "
#define F(i, groups, rows)                                                                                             \
    "funnel.sequence[" #i "].matchingGroups=" #groups " funnel.sequence[" #i "].matchingGroupRows=" #rows " "
#define A(i) "query.aggregations[" #i "].value"

static const struct {
    const char *name, *members, *expected;
} goldens[] = {
    {"Q1", "", Q(20000, 50008)},
    {"Q2",
     "\"query\":{\"aggregations\":[{\"column\":\"event\"},"
     "{\"column\":\"event\",\"type\":\"sumPerValue\",\"otherColumn\":\"price\"}]}",
     Q(20000, 50008)
         A(0) "=50008 " A(1) ".view=47420 " A(1) ".addtocart=1710 " A(1) ".transaction=878 " A(2) ".view=19401 " A(
             2) ".addtocart=1190 " A(2) ".transaction=410 " A(3) ".view=6605905.008 " A(3) ".addtocart="
                                                                                           "240531."
                                                                                           "768 " A(3) ".transaction="
                                                                                                       "125145.612"},
    {"Q3", CONDITIONS(S_(SALE)), Q(410, 4904)},
    {"Q4", CONDITIONS("{\"filter\":" SALE ",\"target\":[\"count\",\">\",1]}"), Q(224, 3411)},
    {"Q5", CONDITIONS("{\"filter\":" SALE ",\"target\":[\"count\",\"==\",1]}"), Q(186, 1493)},
    {"Q6", CONDITIONS("{\"filter\":" SALE ",\"target\":[\"count\",\"==\",0]}"), Q(19590, 45104)},
    {"Q7", CONDITIONS("{" DEAR_SALE "}"), Q(293, 3883)},
    {"Q8", CONDITIONS("{\"filter\":" SALE ",\"target\":[\"sum\",\"price\",\">=\",50]}"), Q(301, 3945)},
    {"Q9",
     CONDITIONS("{" DEAR_SALE ",\"target\":[\"count\",\"==\",0]},"
                "{\"filter\":" SALE ",\"target\":[\"sum\",\"price\",\">=\",50]}"),
     Q(8, 62)},
    {"Q10", CONDITIONS("{\"sequence\":[" VIEW_CART_SALE "]}"), Q(328, 4024)},
    {"Q11", FUNNEL(VIEW_CART_SALE), Q(20000, 50008) F(0, 19401, 49408) F(1, 552, 5209) F(2, 328, 4024)},
    {"Q12", "\"funnel\":{\"sequence\":[" V5 "," V5 "," V5 "," V5 "," V5 "],\"stepAggregations\":" GROUPS_AND_SUMS "}",
     F(0, 19401, 49408) F(1, 5417, 35073) F(2, 2901, 29771) F(3, 1889, 26475)
         F(4, 1343, 24068) "funnel.sequence[4].aggregations[0].value.view=1343 "
                           "funnel.sequence[4].aggregations[0].value.transaction=271 "
                           "funnel.sequence[4].aggregations[0].value.addtocart=263 "
                           "funnel.sequence[4].aggregations[1].value.view=3169868.724 "
                           "funnel.sequence[4].aggregations[1].value.transaction=97604.796 "
                           "funnel.sequence[4].aggregations[1].value.addtocart=91881.948"},
    {"Q13",
     "\"query\":{\"conditions\":[{\"filter\":" VIEW
     ",\"target\":[\"count\",\"==\",1]}],\"aggregations\":" GROUPS_AND_SUMS "}",
     Q(13823, 14004) A(0) ".view=13823 " A(0) ".addtocart=142 " A(0) ".transaction=26 " A(1) ".view=1927992.156 " A(
         1) ".addtocart=17603.304 " A(1) ".transaction=3338.256"},
    {"Q14",
     "\"query\":{\"conditions\":[{\"filter\":" SALE ",\"target\":[\"count\",\">\",1]}],\"aggregations\":[{\"column\":"
     "\"event\"}]},\"funnel\":{\"sequence\":[" S_(VIEW) "," S_(
         SALE) "],\"stepAggregations\":[{\"column\":\"event\","
               "\"type\":\"groupsPerValue\"}],\"endAggregations\":[{\"column\":\"event\",\"type\":\"sumPerValue\","
               "\"otherColumn\":\"price\"}]}",
     Q(224, 3411) A(1) ".view=2223 " A(1) ".addtocart=496 " A(1) ".transaction=692 " A(2) ".view=224 " A(
         2) ".addtocart=191 " A(2) ".transaction=224 " F(0, 224, 3411)
         F(1, 221, 3385) "funnel.sequence[0].aggregations[0].value.addtocart=191 "
                         "funnel.sequence[1].aggregations[0].value.view=221 "
                         "funnel.sequence[1].aggregations[0].value.addtocart=191 "
                         "funnel.endAggregations[0].value.view=304082.712 "
                         "funnel.endAggregations[0].value.addtocart=69090.42 "
                         "funnel.endAggregations[0].value.transaction=95717.472"},
    {"Q15a", CONDITIONS("{\"filter\":" VIEW ",\"target\":[\"count\",\"<\",3],\"includeZero\":true}"), Q(16982, 19872)},
    {"Q15b", CONDITIONS("{\"filter\":" VIEW ",\"target\":[\"count\",\"<\",3]}"), Q(16383, 19272)},
    {"Q16", CONDITIONS(S_("[\"cryptic_attrs\",\"contains\",\"n12\"]")), Q(490, 10123)},
    {"Q17a", CONDITIONS(S_("[\"price\",\"<\",1.3]")), Q(1982, 19749)},
    {"Q17b", CONDITIONS(S_("[\"price\",\"!=\",13.2]")), Q(20000, 50008)},
    {"Q18", CONDITIONS("{\"filter\":" VIEW ",\"target\":[\"sum\",\"price\",\"==\",0]}"), Q(858, 881)},
    {"Q19", CONDITIONS(S_("[\"available\",\"==\",true]") "," S_("[\"categoryid\",\"==\",\"0\"]")), Q(215, 8273)},
    {"Q20a",
     "\"query\":{\"relation\":\"$tx or $cart and $v9\",\"conditions\":[{\"name\":\"tx\",\"filter\":" SALE
     "},{\"name\":\"cart\",\"filter\":" CART "},{\"name\":\"v9\",\"filter\":" VIEW
     ",\"target\":[\"count\",\">=\",9]}]}",
     Q(425, 5304)},
    {"Q20b",
     "\"query\":{\"relation\":\"($tx or $cart) and $v9\",\"conditions\":[{\"name\":\"tx\",\"filter\":" SALE
     "},{\"name\":\"cart\",\"filter\":" CART "},{\"name\":\"v9\",\"filter\":" VIEW
     ",\"target\":[\"count\",\">=\",9]}]}",
     Q(161, 3234)},
    {"Q21", FUNNEL(S_(VIEW) "," S_(VIEW)), F(0, 19401, 49408) F(1, 5417, 35073)},
    {"Q22", "\"query\":{\"aggregations\":[{\"column\":\"categoryid\",\"type\":\"countPerValue\"}]}",
     A(0) "=#10 " A(0) ".0=353 " A(0) ".5=261 " A(0) ".2=256 " A(0) ".6=243 " A(0) ".3=241 " A(0) ".1=236 " A(
         0) ".8=216 " A(0) ".11=210 " A(0) ".4=207 " A(0) ".7=202"},
    {"Q23", "\"query\":{\"aggregations\":[{\"column\":\"event\",\"type\":\"meanPerValue\",\"otherColumn\":\"price\"}]}",
     A(0) ".transaction=151.508004842615 " A(0) ".addtocart=149.02835687732343 " A(0) ".view=148.510712618871"},
    {"Q24",
     "\"query\":{\"aggregations\":[{\"column\":\"available\"},{\"column\":\"price\",\"type\":\"count\"},"
     "{\"column\":\"transactionid\",\"type\":\"count\"}]}",
     A(0) "=50008 " A(1) ".False=34970 " A(1) ".True=15038 " A(2) ".False=15363 " A(2) ".True=8197 " A(3) "=46921 " A(
         4) "=878"},
    {"Q25", "\"timeframe\":{\"from\":1436000000000,\"to\":1440000000000}," FUNNEL(VIEW_CART_SALE),
     Q(6769, 16418) F(0, 6579, 16228) F(1, 207, 1776) F(2, 122, 1341)},
    /* Not among the twenty-five: what funnels-dayfly adds, for the ways to agree on. */
    {"more",
     "\"query\":{\"aggregations\":[{\"column\":\"itemid\",\"type\":\"countDistinct\"},{\"column\":\"price\",\"type\":"
     "\"quantiles\"},{\"column\":\"itemid\",\"type\":\"countPerValue\",\"top\":20},{\"column\":\"timestamp\",\"type\":"
     "\"max\"},{\"column\":\"price\",\"type\":\"mean\"},{\"column\":\"cryptic_attrs\",\"type\":\"min\"}]},"
     "\"funnel\":{\"sequence\":[" VIEW_CART_SALE "],\"maxDuration\":\"7d\",\"durations\":true,\"trend\":\"week\","
     "\"breakdown\":{\"column\":\"categoryid\",\"top\":5}}",
     Q(20000, 50008) A(0) "=45150 " A(3) "=1452217061347"},
    {"sessions",
     "\"where\":{\"or\":[" VIEW "," SALE "]},\"funnel\":{\"sequence\":[" S_(VIEW) "," S_(
         SALE) "],\"sessionGap\":\"30m\",\"stepAggregations\":[{\"column\":\"itemid\",\"type\":\"countDistinct\"}]}",
     ""},
    {"strict", "\"funnel\":{\"order\":\"strict\",\"sequence\":[" VIEW_CART_SALE "]}", F(0, 19401, 49408)},
    {"any", "\"funnel\":{\"order\":\"any\",\"maxDuration\":\"1d\",\"sequence\":[" S_(SALE) "," S_(CART) "]}", ""},
};

enum { QUESTIONS = sizeof goldens / sizeof *goldens - 4 };

static const struct way rr_ways[] = {
    {.folder = "whole8", .groups = "auto", .threads = 2, .stages = "FW"},
    {.folder = "one", .groups = "auto", .threads = 1, .stages = "W"},
    {.folder = "days", .groups = "auto", .threads = 2, .stages = "FSG"},
    {.folder = "whole8", .groups = "spread", .threads = 8, .stages = "FSG"},
    {.folder = "whole8", .groups = "whole", .threads = 8, .stages = "W"},
    {.folder = "days", .groups = "auto", .threads = 1, .limit_bytes = 64 << 20},
    {.folder = "days", .groups = "auto", .threads = 2, .in_memory = true},
    {.folder = "one", .groups = "auto", .threads = 1, .limit_bytes = 8 << 20},
    {.folder = "one", .groups = "auto", .threads = 1, .limit_bytes = 4 << 20, .few_columns = true},
    {.folder = "days", .groups = "auto", .threads = 1, .limit_bytes = 4 << 20, .few_columns = true},
    {.folder = "hours", .groups = "auto", .threads = 1, .limit_bytes = 2 << 20, .few_columns = true},
    {.folder = "whole8", .groups = "whole", .threads = 2, .partial_values = 3},
    {.folder = "days", .groups = "auto", .threads = 2, .partial_values = 3},
    {.folder = "one", .groups = "auto", .threads = 1, .limit_bytes = 4 << 20, .partial_values = 3, .few_columns = true},
};

static void test_golden_answers_are_those_of_the_original_however_asked(void **state)
{
    const struct world *world = *state;
    const char *only = getenv("DAYFLY_TEST_ONLY");
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        struct df_buf answer = {0};
        if (only && strcmp(only, goldens[i].name) != 0)
            continue;
        for (size_t way = 0; way < sizeof rr_ways / sizeof *rr_ways; way++) {
            if (rr_ways[way].few_columns && i >= QUESTIONS)
                continue;
            ask(world, &rr_ways[way], "visitorid", "timestamp", goldens[i].members, &answer);
            if (way == 0)
                assert_values(df_buf_slice(&answer), goldens[i].name, goldens[i].expected);
        }
        df_buf_dispose(&answer);
    }
}

/* A tiny limit brings the exchange of values about: the scan is done again, and its tables meet in a stage of their
 * own. */
static void test_too_many_values_take_the_way_through_sections(void **state)
{
    const struct world *world = *state;
    static const char members[] = "\"query\":{\"aggregations\":[{\"column\":\"itemid\",\"type\":\"countDistinct\"}]}";
    static const struct way ways[] = {
        {.folder = "one", .groups = "auto", .threads = 2, .stages = "W"},
        {.folder = "one", .groups = "auto", .threads = 2, .partial_values = 10, .stages = "WWV"},
        {.folder = "whole8", .groups = "auto", .threads = 2, .partial_values = 10, .stages = "FWWV"},
        {.folder = "days", .groups = "auto", .threads = 2, .partial_values = 10, .stages = "FSGSGV"},
    };
    struct df_buf answer = {0};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        ask(world, &ways[i], "visitorid", "timestamp", members, &answer);
    assert_values(df_buf_slice(&answer), "items", A(0) "=45150");
    df_buf_dispose(&answer);
}

static void test_an_approximate_answer_says_so_and_needs_no_second_scan(void **state)
{
    const struct world *world = *state;
    static const char members[] =
        "\"approximate\":true,\"query\":{\"aggregations\":[{\"column\":\"itemid\",\"type\":\"countDistinct\"}]}";
    const struct way way = {.folder = "days", .groups = "auto", .threads = 2, .partial_values = 1000, .stages = "FSG"};
    struct df_buf answer = {0};
    struct df_arena arena = {0};
    struct df_error error = {0};
    struct df_json *root;
    ask(world, &way, "visitorid", "timestamp", members, &answer);
    assert_ok(df_json_parse(df_buf_slice(&answer), NULL, &arena, &root, &error), &error);
    const struct df_json *item = value_at(root, "query.aggregations[0]");
    assert_non_null(item);
    assert_true(df_json_get(item, "approximate") && df_json_get(item, "approximate")->boolean);
    assert_non_null(df_json_get(item, "maxError"));
    double value, most;
    assert_true(df_json_double(df_json_get(item, "value"), &value));
    assert_true(df_json_double(df_json_get(item, "maxError"), &most));
    if (fabs(value - 45150) > most)
        fail_msg("%s", df_buf_text(&answer));
    df_buf_dispose(&answer);
    df_arena_dispose(&arena);
}

/* ---- the twelve worked examples ---- */

struct example_row {
    int64_t g, t;
    const char *e; /* NULL: null */
    double p;      /* NaN: null */
};
static const struct example_row example_rows[] = {
    {1, 10, "view", 1.0}, {1, 20, "cart", NAN}, {1, 30, "buy", 5.0},  {2, 10, "view", 2.0}, {2, 10, "cart", 2.0},
    {2, 11, "buy", 0.5},  {3, 30, "buy", NAN},  {3, 20, "cart", NAN}, {3, 10, "view", NAN}, {4, 5, "cart", 7.0},
    {4, 6, "view", -1.0}, {4, 7, NULL, 0.0},    {5, 1, "view", NAN},  {5, 1, "view", 3.0},  {5, 2, "view", NAN},
};
enum { EXAMPLE_ROWS = sizeof example_rows / sizeof *example_rows };

/* The rows for which take[i] == file. */
static void write_examples(const struct world *world, const char *folder, unsigned file, const unsigned *take)
{
    struct df_error error = {0};
    struct df_buf bytes = {0};
    int64_t g[EXAMPLE_ROWS], t[EXAMPLE_ROWS];
    struct df_slice e[EXAMPLE_ROWS];
    double p[EXAMPLE_ROWS];
    uint8_t e_valid[EXAMPLE_ROWS], p_valid[EXAMPLE_ROWS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < EXAMPLE_ROWS; i++) {
        if (take[i] != file)
            continue;
        g[n] = example_rows[i].g;
        t[n] = example_rows[i].t;
        e[n] = df_slice_text(example_rows[i].e);
        e_valid[n] = example_rows[i].e != NULL;
        p_valid[n] = (uint8_t)(isnan(example_rows[i].p) ? 0 : 1);
        p[n++] = isnan(example_rows[i].p) ? 0 : example_rows[i].p;
    }
    const struct df_vector vectors[] = {
        {.kind = DF_VECTOR_INT64, .row_count = n, .values.int64s = g},
        {.kind = DF_VECTOR_INT64, .row_count = n, .values.int64s = t},
        {.kind = DF_VECTOR_BYTES, .row_count = n, .valid = e_valid, .values.bytes = e},
        {.kind = DF_VECTOR_FLOAT64, .row_count = n, .valid = p_valid, .values.float64s = p}};
    const struct df_parquet_write_column columns[] = {
        {.name = "g", .type = {.kind = DF_TYPE_INT64, .bits = 64}},
        {.name = "t", .type = {.kind = DF_TYPE_INT64, .bits = 64}},
        {.name = "e", .type = {.kind = DF_TYPE_STRING}, .optional = true},
        {.name = "p", .type = {.kind = DF_TYPE_FLOAT, .bits = 64}, .optional = true}};
    const struct df_parquet_write_options options = {.columns = columns, .column_count = 4, .row_group_rows = 4};
    struct df_parquet_writer *writer;
    char uri[512];
    assert_ok(df_parquet_writer_open(&writer, &options, driver_put_piece, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, vectors, n, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    snprintf(uri, sizeof uri, "%s/%s/%u.parquet", world->folder, folder, file);
    const struct df_put put = {.uri = uri, .content = df_buf_slice(&bytes), .condition = DF_PUT_ALWAYS};
    assert_ok(df_store_put(world->store, &put, NULL, &error), &error);
    df_buf_dispose(&bytes);
}

static int examples_make(void **state)
{
    world_make(state);
    unsigned one[EXAMPLE_ROWS] = {0}, two[EXAMPLE_ROWS], spread[EXAMPLE_ROWS];
    for (uint32_t i = 0; i < EXAMPLE_ROWS; i++) {
        two[i] = example_rows[i].g > 2;
        spread[i] = i % 3;
    }
    write_examples(*state, "one", 0, one);
    for (unsigned file = 0; file < 2; file++)
        write_examples(*state, "two", file, two);
    for (unsigned file = 0; file < 3; file++)
        write_examples(*state, "spread", file, spread);
    return 0;
}

#define E(op, value)     "[\"e\",\"" op "\",\"" value "\"]"
#define T(what)          ",\"target\":[" what "]"
#define C_(filter, more) CONDITIONS("{\"filter\":" filter more "}")

static const struct {
    const char *name, *members, *expected;
} examples[] = {
    {"1", C_(E("!=", "view"), T("\"count\",\"==\",2")), Q(4, 12)},
    {"2a", C_(E("==", "cart"), T("\"count\",\"<\",2")), Q(4, 12)},
    {"2b", C_(E("==", "cart"), T("\"count\",\"<\",2") ",\"includeZero\":true"), Q(5, 15)},
    {"2c", C_(E("==", "cart"), T("\"count\",\"==\",0")), Q(1, 3)},
    {"3a", C_(E("==", "view"), T("\"sum\",\"p\",\"<=\",0")), Q(2, 6)},
    {"3b", C_(E("==", "buy"), T("\"sum\",\"p\",\"<\",1")), Q(2, 6)},
    {"4", FUNNEL(S_(E("==", "view")) "," S_(E("==", "cart")) "," S_(E("==", "buy"))),
     F(0, 5, 15) F(1, 2, 6) F(2, 2, 6)},
    {"5", FUNNEL(S_(E("==", "view")) "," S_(E("==", "view")) "," S_(E("==", "view"))),
     F(0, 5, 15) F(1, 1, 3) F(2, 0, 0)},
    {"6a",
     "\"query\":{\"relation\":\"$0 or $1 and $2\",\"conditions\":[" S_(E("==", "buy")) "," S_(E("==", "view")) "," S_(
         "[\"p\",\">\",6]") "]}",
     Q(4, 12)},
    {"6b",
     "\"query\":{\"relation\":\"($0 or $1) and $2\",\"conditions\":[" S_(E("==", "buy")) "," S_(E("==", "view")) "," S_(
         "[\"p\",\">\",6]") "]}",
     Q(1, 3)},
    {"7",
     "\"query\":{\"conditions\":[" S_("[\"p\",\">\",0]") "],\"aggregations\":[{\"column\":\"e\"},{\"column\":\"e\","
                                                         "\"type\":\"sumPerValue\",\"otherColumn\":\"p\"}]}",
     Q(4, 12) A(0) "=11 " A(1) "=#3 " A(1) ".view=6 " A(1) ".cart=3 " A(1) ".buy=2 " A(2) ".view=4 " A(2) ".cart=3 " A(
         2) ".buy=2 " A(3) ".cart=9.0 " A(3) ".buy=5.5 " A(3) ".view=5.0"},
    {"8a",
     CONDITIONS("{\"filters\":[{\"column\":\"e\",\"op\":\"==\",\"value\":\"view\"},"
                "{\"column\":\"p\",\"op\":\">=\",\"value\":2}]}"),
     Q(2, 6)},
    {"8b", CONDITIONS(S_(E("==", "view")) "," S_("[\"p\",\">=\",2]")), Q(4, 12)},
    {"9", "\"query\":{\"aggregations\":[{\"column\":\"e\",\"type\":\"meanPerValue\",\"otherColumn\":\"p\"}]}",
     A(0) ".view=1.25 " A(0) ".cart=4.5 " A(0) ".buy=2.75"},
    {"10",
     "\"query\":{\"conditions\":[" S_("[\"g\",\"==\",5]") "],\"aggregations\":[{\"column\":\"e\",\"type\":"
                                                          "\"countPerValue\"}]}",
     Q(1, 3) A(0) "=#1 " A(0) ".view=3"},
    {"11",
     "\"query\":{\"aggregations\":[{\"column\":\"p\",\"type\":\"countPerValue\"},{\"column\":\"g\",\"type\":"
     "\"sumPerValue\",\"otherColumn\":\"t\"}]}",
     A(0) "=#8 " A(0) ".\"2.0\"=2 " A(0) ".\"-1.0\"=1 " A(0) ".\"0.5\"=1 " A(1) ".1=60 " A(1) ".3=60 " A(1) ".2=31 " A(
         1) ".4=18 " A(1) ".5=4"},
    {"12a",
     "\"query\":{\"conditions\":[" S_(E("==", "view")) "]},\"funnel\":{\"sequence\":[" S_(
         E("==", "buy")) "],"
                         "\"stepAggregations\":[{\"column\":\"e\",\"type\":\"count\"}],\"endAggregations\":[{"
                         "\"column\":\"e\",\"type\":"
                         "\"countPerValue\"}]}",
     Q(5, 15) F(0, 3, 9) "funnel.sequence[0].aggregations[0].value=9 funnel.endAggregations[0].value.view=3 "
                         "funnel.endAggregations[0].value.cart=3 funnel.endAggregations[0].value.buy=3"},
    {"12b",
     "\"query\":{\"conditions\":[" S_("[\"p\",\">\",100]") "]},\"funnel\":{\"sequence\":[" S_(E("==", "view")) "," S_(
         E("==", "cart")) "],\"endAggregations\":[{\"column\":\"e\"}]}",
     Q(0, 0) F(0, 0, 0) F(1, 0, 0) "funnel.endAggregations[0].value=0 funnel.endAggregations[1].value=#0 "
                                   "funnel.endAggregations[2].value=#0"},
};

static void test_worked_examples_hold_however_the_rows_are_cut(void **state)
{
    const struct world *world = *state;
    static const struct way ways[] = {
        {.folder = "one", .groups = "auto", .threads = 1},
        {.folder = "two", .groups = "auto", .threads = 2, .stages = "FW"},
        {.folder = "two", .groups = "whole", .threads = 2, .stages = "W"},
        {.folder = "spread", .groups = "auto", .threads = 2, .stages = "FSG"},
        {.folder = "one", .groups = "spread", .threads = 4, .stages = "FSG"},
        {.folder = "spread", .groups = "auto", .threads = 1, .limit_bytes = 1 << 20},
        {.folder = "spread", .groups = "auto", .threads = 1, .partial_values = 1},
        {.folder = "two", .groups = "auto", .threads = 1, .partial_values = 1},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct df_buf answer = {0};
        for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
            ask(world, &ways[way], "g", "t", examples[i].members, &answer);
        assert_values(df_buf_slice(&answer), examples[i].name, examples[i].expected);
        df_buf_dispose(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest rr[] = {
        cmocka_unit_test(test_golden_answers_are_those_of_the_original_however_asked),
        cmocka_unit_test(test_too_many_values_take_the_way_through_sections),
        cmocka_unit_test(test_an_approximate_answer_says_so_and_needs_no_second_scan),
    };
    const struct CMUnitTest worked[] = {
        cmocka_unit_test(test_worked_examples_hold_however_the_rows_are_cut),
    };
    int failed = cmocka_run_group_tests_name("rr-synth", rr, rr_make, world_free);
    return failed + cmocka_run_group_tests_name("worked examples", worked, examples_make, world_free);
}
