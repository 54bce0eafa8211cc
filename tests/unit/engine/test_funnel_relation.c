#include <stdlib.h>

#include "base/buf.h"
#include "engine/funnel/language/request.h"
#include "testing/testing.h"

/* Four conditions: $0 is also $one, $1 is $Two, $2 is $x_9, $3 has no name. */
#define CONDITIONS                                                                                                     \
    "[{\"filter\":[\"e\",\"==\",\"a\"],\"name\":\"one\"},{\"filter\":[\"e\",\"==\",\"b\"],\"name\":\"Two\"},"          \
    "{\"filter\":[\"e\",\"==\",\"c\"],\"name\":\"x_9\"},{\"filter\":[\"e\",\"==\",\"d\"],\"name\":\"\"}]"

static int parse(struct df_funnel_request *request, const char *conditions, struct df_slice relation,
                 struct df_arena *arena, struct df_error *error)
{
    struct df_buf json = {0};
    df_buf_printf(&json, "{\"dataset\":{\"user\":\"u\",\"time\":\"t\"},\"query\":{\"conditions\":%s,\"relation\":\"",
                  conditions);
    df_buf_put_slice(&json, relation);
    df_buf_put_text(&json, "\"}}");
    int result = df_funnel_request_parse(request, df_buf_slice(&json), arena, error);
    df_buf_dispose(&json);
    return result;
}

/* "0 1 & 2 |" */
static void postfix(const struct df_funnel_relation *relation, char *out, size_t size)
{
    size_t used = 0;
    *out = '\0';
    for (uint32_t i = 0; i < relation->token_count; i++) {
        uint32_t token = relation->tokens[i];
        const char *blank = i ? " " : "";
        if (token < DF_FUNNEL_RELATION_AND)
            used += (size_t)snprintf(out + used, size - used, "%s%u", blank, token);
        else
            used +=
                (size_t)snprintf(out + used, size - used, "%s%c", blank, token == DF_FUNNEL_RELATION_AND ? '&' : '|');
    }
}

static const struct {
    const char *relation, *postfix;
    uint32_t depth;
} right[] = {
    {"and", "0 1 & 2 & 3 &", 2},
    {"  AND\\n", "0 1 & 2 & 3 &", 2},
    {"&&", "0 1 & 2 & 3 &", 2},
    {"or", "0 1 | 2 | 3 |", 2},
    {"||", "0 1 | 2 | 3 |", 2},
    {"$0", "0", 1},
    {"$00", "0", 1},
    {"$0000000000000000000000000000000000000003", "3", 1},
    {"($2)", "2", 1},
    {"((($2)))", "2", 1},
    {"$0 and $1", "0 1 &", 2},
    {"$0and$1", "0 1 &", 2},
    {"$0&&$1||$2", "0 1 & 2 |", 2},
    {"$one and$two", "0 1 &", 2},
    {"$ONE Or $tWO", "0 1 |", 2},
    {"$x_9 or $3", "2 3 |", 2},
    {"$0 or $1 and $2", "0 1 2 & |", 3},
    {"$0 and $1 or $2", "0 1 & 2 |", 2},
    {"($0 or $1) and $2", "0 1 | 2 &", 2},
    {"$0 and ($1 or $2)", "0 1 2 | &", 3},
    {"$0 or $1 or $2 and $3 and $0", "0 1 | 2 3 & 0 & |", 3},
    {"\\t( $0\\nor($1 ) )and\\r$2 ", "0 1 | 2 &", 2},
    {"$3 && $3 && $3", "3 3 & 3 &", 2},
    {"$0 or ($1 and ($2 or ($3 and $0)))", "0 1 2 3 0 & | & |", 5},
};

static void test_relations_become_postfix(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_funnel_request request;
        char text[256];
        if (parse(&request, CONDITIONS, df_slice_text(right[i].relation), &arena, &error) < 0)
            fail_msg("%s: %s", right[i].relation, error.message);
        postfix(&request.relation, text, sizeof text);
        assert_string_equal(text, right[i].postfix);
        assert_int_equal(request.relation.depth, right[i].depth);
        df_arena_dispose(&arena);
    }
}

#define AROUND(text) "query.relation: Query relation is invalid around '" text "'"

static const struct {
    const char *relation, *message; /* the whole message */
} wrong[] = {
    {"", "query.relation: Query relation cannot be an empty string; without conditions there is none"},
    {"   ", "query.relation: Query relation cannot be an empty string; without conditions there is none"},
    {"\\n\\t", "query.relation: Query relation cannot be an empty string; without conditions there is none"},
    {"$4", "query.relation: Condition no. 4 does not exist"},
    {"$0 and $17", "query.relation: Condition no. 17 does not exist"},
    {"$18446744073709551616", "query.relation: Condition no. 18446744073709551616 does not exist"},
    {"$0 and $bla", "query.relation: Condition named bla does not exist"},
    {"$0 and $onetwo", "query.relation: Condition named onetwo does not exist"},
    {"0", AROUND("0")},
    {"one", AROUND("one")},
    {"$", AROUND("$")},
    {"$ 0", AROUND("$ 0")},
    {"$_a", AROUND("$_a")},
    {"$-1", AROUND("$-1")},
    {"$0 $1", AROUND("$1")},
    {"$0 and", AROUND("")},
    {"$0 and or $1", AROUND("or $1")},
    {"and $0", AROUND("and $0")},
    {"$0 not $1", AROUND("not $1")},
    {"not $0", AROUND("not $0")},
    {"$0 & $1", AROUND("& $1")},
    {"$0 | $1", AROUND("| $1")},
    {"$0 xor $1", AROUND("xor $1")},
    {"$oneand$two", AROUND("$two")},
    {"$0a", AROUND("a")},
    {"$0 and $1.5", AROUND(".5")},
    {"()", AROUND(")")},
    {"($0", AROUND("")},
    {"($0 and ($1 or $2)", AROUND("")},
    {"$0)", AROUND(")")},
    {"$0 and $1) or $2", AROUND(") or $2")},
    {"$0 ($1)", AROUND("($1)")},
    {"$0 and () or $1", AROUND(") or $1")},
    {"$9 and", AROUND("")}, /* the grammar first */
    {"$0 == 1", AROUND("== 1")},
    {"$0; drop table conditions", AROUND("; drop table conditi")},
    {"$0 "
     "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
     "\xC3\xA9"
     "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9",
     AROUND("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
            "\xC3\xA9\xC3\xA9"
            "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9")},
    {"$0 \\u001b[31m", AROUND("?[31m")},
};

static void test_wrong_relations_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_funnel_request request;
        assert_fails(parse(&request, CONDITIONS, df_slice_text(wrong[i].relation), &arena, &error), &error,
                     DF_ERROR_INVALID, "");
        assert_string_equal(error.message, wrong[i].message);
        df_arena_dispose(&arena);
    }
}

static void test_a_relation_without_conditions_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *relation, *message;
    } none[] = {{"$0", "Condition no. 0 does not exist"},
                {"$a", "Condition named a does not exist"},
                {"and", "cannot be an empty string"},
                {"or", "cannot be an empty string"},
                {"", "cannot be an empty string"}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_funnel_request request;
        assert_fails(parse(&request, "[]", df_slice_text(none[i].relation), &arena, &error), &error, DF_ERROR_INVALID,
                     none[i].message);
        df_arena_dispose(&arena);
    }
}

static void test_without_a_relation_all_conditions_must_hold(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request;
    char text[64];
    const char *json = "{\"dataset\":{\"user\":\"u\",\"time\":\"t\"},\"query\":{\"conditions\":" CONDITIONS "}}";
    assert_ok(df_funnel_request_parse(&request, df_slice_text(json), &arena, &error), &error);
    postfix(&request.relation, text, sizeof text);
    assert_string_equal(text, "0 1 & 2 & 3 &");
    df_arena_dispose(&arena);
    json = "{\"dataset\":{\"user\":\"u\",\"time\":\"t\"},\"query\":{\"conditions\":[]}}";
    assert_ok(df_funnel_request_parse(&request, df_slice_text(json), &arena, &error), &error);
    assert_int_equal(request.relation.token_count, 0);
    df_arena_dispose(&arena);
}

static void test_brackets_may_be_as_deep_as_the_text_is_long(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request;
    struct df_buf relation = {0};
    const int depth = 200000;
    for (int i = 0; i < depth; i++)
        df_buf_put_text(&relation, "(");
    df_buf_put_text(&relation, "$0");
    for (int i = 0; i < depth; i++)
        df_buf_put_text(&relation, ")");
    assert_ok(parse(&request, CONDITIONS, df_buf_slice(&relation), &arena, &error), &error);
    assert_int_equal(request.relation.token_count, 1);
    df_arena_dispose(&arena);
    while (relation.size <= DF_FUNNEL_RELATION_MAX)
        df_buf_put_text(&relation, " and $0");
    assert_fails(parse(&request, CONDITIONS, df_buf_slice(&relation), &arena, &error), &error, DF_ERROR_INVALID,
                 "query.relation: a relation of 1048");
    df_arena_dispose(&arena);
    df_buf_dispose(&relation);
}

/* ---- a random relation means what its tree means ---- */

static bool random_tree(struct df_buf *text, uint64_t *random, unsigned depth, unsigned holds)
{
    if (depth == 0 || test_random(random) % 3 == 0) {
        unsigned condition = (unsigned)(test_random(random) % 4);
        df_buf_printf(text, "$%u", condition);
        return holds >> condition & 1;
    }
    df_buf_put_text(text, "(");
    bool is_and = test_random(random) % 2, value = random_tree(text, random, depth - 1, holds);
    for (uint64_t more = test_random(random) % 3; more > 0; more--) {
        df_buf_put_text(text, is_and ? (more % 2 ? " and " : "&&") : (more % 2 ? "or" : " || "));
        bool next = random_tree(text, random, depth - 1, holds);
        value = is_and ? value && next : value || next;
    }
    df_buf_put_text(text, ")");
    return value;
}

static bool evaluate(const struct df_funnel_relation *relation, unsigned holds)
{
    bool stack[64] = {false};
    uint32_t depth = 0;
    for (uint32_t i = 0; i < relation->token_count; i++) {
        uint32_t token = relation->tokens[i];
        if (token < DF_FUNNEL_RELATION_AND) {
            assert_true(depth < relation->depth);
            stack[depth++] = holds >> token & 1;
            continue;
        }
        depth--;
        stack[depth - 1] =
            token == DF_FUNNEL_RELATION_AND ? stack[depth - 1] && stack[depth] : stack[depth - 1] || stack[depth];
    }
    assert_int_equal(depth, 1);
    return stack[0];
}

static void test_random_relations_mean_what_their_brackets_say(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 3000; round++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_buf text = {0};
        struct df_funnel_request request;
        unsigned holds = (unsigned)(test_random(&random) % 16);
        bool expected = random_tree(&text, &random, 5, holds);
        assert_ok(parse(&request, CONDITIONS, df_buf_slice(&text), &arena, &error), &error);
        if (evaluate(&request.relation, holds) != expected)
            fail_msg("%s with %x", df_buf_text(&text), holds);
        df_buf_dispose(&text);
        df_arena_dispose(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relations_become_postfix),
        cmocka_unit_test(test_wrong_relations_say_where),
        cmocka_unit_test(test_a_relation_without_conditions_is_refused),
        cmocka_unit_test(test_without_a_relation_all_conditions_must_hold),
        cmocka_unit_test(test_brackets_may_be_as_deep_as_the_text_is_long),
        cmocka_unit_test(test_random_relations_mean_what_their_brackets_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
