/* Relations of conditions: "$0 and ($cart or $2)" -> postfix. `and` binds tighter than `or`; words in any case.
 *
 *     expr  = (ident | "(" expr ")") { op (ident | "(" expr ")") }
 *     ident = "$" letter {letter | digit | "_"} | "$" digits          op = and or && ||
 *
 * Blanks may stand everywhere and nowhere: names are read as long as they go, so $0and$1 is fine and $aand$b is not. */
#include "base/hash.h"
#include "engine/funnel/language/reader.h"
#include "engine/funnel/language/shown.h"

enum { AROUND_CHARACTERS = 20 };
#define BRACKET UINT32_MAX /* on the stack of operators only */

struct parser {
    struct df_funnel_reader *reader;
    struct df_slice text; /* trimmed, in lower case */
    size_t at;
    bool resolve; /* second time: the grammar is right, now names and numbers */
    uint32_t *tokens, *stack;
    size_t token_count, stack_count;
    struct df_slice *names; /* by number in `index` */
    uint32_t *named;
    struct df_funnel_index index;
};

/* ---- errors: the original's words ---- */

static int invalid_here(struct parser *parser, size_t at)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    size_t end = at;
    for (unsigned i = 0; i < AROUND_CHARACTERS && end < parser->text.size; i++) {
        unsigned size = df_funnel_character_at(parser->text, end).size_bytes;
        end += size ? size : 1;
    }
    return df_funnel_fail(parser->reader, "Query relation is invalid around '%s'",
                          df_funnel_shown(df_slice_make(parser->text.data + at, end - at), shown));
}

static int empty(struct df_funnel_reader *reader)
{
    return df_funnel_fail(reader, "Query relation cannot be an empty string; without conditions there is none");
}

/* ---- tokens ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t peek(const struct parser *parser)
{
    return parser->at < parser->text.size ? parser->text.data[parser->at] : 0;
}

static void skip_blanks(struct parser *parser)
{
    while (is_blank(peek(parser)))
        parser->at++;
}

static bool take_text(struct parser *parser, const char *text)
{
    size_t size = strlen(text);
    if (parser->text.size - parser->at < size || memcmp(parser->text.data + parser->at, text, size) != 0)
        return false;
    parser->at += size;
    return true;
}

/* ---- conditions by number and name ---- */

struct sought_name {
    const struct df_slice *names;
    struct df_slice name;
};

static bool same_name(const void *ctx, uint32_t number)
{
    const struct sought_name *sought = ctx;
    return df_slice_equal(sought->names[number], sought->name);
}

static int resolve_number(struct parser *parser, struct df_slice digits, uint32_t *condition)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    uint64_t number = 0;
    while (digits.size > 1 && digits.data[0] == '0')
        digits = df_slice_make(digits.data + 1, digits.size - 1);
    for (size_t i = 0; i < digits.size && number <= UINT32_MAX; i++)
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    if (number >= parser->reader->request->condition_count)
        return df_funnel_fail(parser->reader, "Condition no. %s does not exist", df_funnel_shown(digits, shown));
    *condition = (uint32_t)number;
    return 0;
}

static int resolve_name(struct parser *parser, struct df_slice name, uint32_t *condition)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    struct sought_name sought = {.names = parser->names, .name = name};
    uint32_t found = df_funnel_index_find(&parser->index, df_hash_bytes(name), same_name, &sought);
    if (found == DF_FUNNEL_NONE)
        return df_funnel_fail(parser->reader, "Condition named %s does not exist", df_funnel_shown(name, shown));
    *condition = parser->named[found];
    return 0;
}

/* `$` and what follows; 0 when it is no condition at all. */
static int take_condition(struct parser *parser, uint32_t *condition)
{
    size_t from = parser->at;
    *condition = 0;
    if (!take_text(parser, "$"))
        return invalid_here(parser, from);
    size_t name = parser->at;
    bool digits = is_digit(peek(parser));
    if (!digits && !is_letter(peek(parser)))
        return invalid_here(parser, from);
    while (is_digit(peek(parser)) || (!digits && (is_letter(peek(parser)) || peek(parser) == '_')))
        parser->at++;
    struct df_slice text = df_slice_make(parser->text.data + name, parser->at - name);
    if (!parser->resolve)
        return 0;
    return digits ? resolve_number(parser, text, condition) : resolve_name(parser, text, condition);
}

/* ---- operators wait on a stack until one that binds less comes ---- */

static void pop_operators(struct parser *parser, bool of_and_only)
{
    while (parser->stack_count > 0 && parser->stack[parser->stack_count - 1] != BRACKET) {
        uint32_t op = parser->stack[parser->stack_count - 1];
        if (of_and_only && op != DF_FUNNEL_RELATION_AND)
            return;
        parser->tokens[parser->token_count++] = op;
        parser->stack_count--;
    }
}

/* Opening brackets and a condition. */
static int take_operand(struct parser *parser)
{
    uint32_t condition;
    for (skip_blanks(parser); take_text(parser, "("); skip_blanks(parser))
        parser->stack[parser->stack_count++] = BRACKET;
    if (take_condition(parser, &condition) < 0)
        return -1;
    parser->tokens[parser->token_count++] = condition;
    return 0;
}

/* Closing brackets, then an operator or the end. *more: an operator, so that an operand must follow. */
static int take_operator(struct parser *parser, bool *more)
{
    for (skip_blanks(parser); peek(parser) == ')'; parser->at++, skip_blanks(parser)) {
        pop_operators(parser, false);
        if (parser->stack_count == 0)
            return invalid_here(parser, parser->at);
        parser->stack_count--;
    }
    *more = true;
    if (take_text(parser, "and") || take_text(parser, "&&")) {
        pop_operators(parser, true);
        parser->stack[parser->stack_count++] = DF_FUNNEL_RELATION_AND;
    } else if (take_text(parser, "or") || take_text(parser, "||")) {
        pop_operators(parser, false);
        parser->stack[parser->stack_count++] = DF_FUNNEL_RELATION_OR;
    } else if (parser->at < parser->text.size) {
        return invalid_here(parser, parser->at);
    } else {
        *more = false;
    }
    return 0;
}

static int parse(struct parser *parser, bool resolve)
{
    bool more = true;
    parser->resolve = resolve;
    parser->at = parser->token_count = parser->stack_count = 0;
    while (more)
        if (take_operand(parser) < 0 || take_operator(parser, &more) < 0)
            return -1;
    pop_operators(parser, false);
    return parser->stack_count ? invalid_here(parser, parser->text.size) : 0;
}

/* ---- the steps in order ---- */

/* Every token takes a byte of the text at least, so that many are enough. */
static int prepare(struct parser *parser)
{
    const struct df_funnel_request *request = parser->reader->request;
    struct df_arena *arena = parser->reader->arena;
    parser->tokens = df_arena_array(arena, parser->text.size + 1, sizeof *parser->tokens);
    parser->stack = df_arena_array(arena, parser->text.size + 1, sizeof *parser->stack);
    parser->names = df_arena_array(arena, request->condition_count, sizeof *parser->names);
    parser->named = df_arena_array(arena, request->condition_count, sizeof *parser->named);
    if (!parser->tokens || !parser->stack || !parser->names || !parser->named)
        return df_funnel_fail_memory(parser->reader);
    for (uint32_t i = 0; i < request->condition_count; i++) {
        struct df_slice name = request->conditions[i].name;
        uint8_t *lower = df_arena_alloc(arena, name.size);
        if (!lower)
            return df_funnel_fail_memory(parser->reader);
        if (!name.data)
            continue;
        for (size_t c = 0; c < name.size; c++)
            lower[c] = (uint8_t)(name.data[c] >= 'A' && name.data[c] <= 'Z' ? name.data[c] + 32 : name.data[c]);
        parser->names[parser->index.count] = df_slice_make(lower, name.size);
        parser->named[parser->index.count] = i;
        if (!df_funnel_index_add(&parser->index, arena, df_hash_bytes(df_slice_make(lower, name.size))))
            return df_funnel_fail_memory(parser->reader);
    }
    return 0;
}

static int trimmed_lower(struct df_funnel_reader *reader, struct df_slice text, struct df_slice *out)
{
    while (text.size && is_blank(text.data[0]))
        text = df_slice_make(text.data + 1, text.size - 1);
    while (text.size && is_blank(text.data[text.size - 1]))
        text.size--;
    if (text.size > DF_FUNNEL_RELATION_MAX)
        return df_funnel_fail(reader, "a relation of %zu bytes; expected at most %d", text.size,
                              DF_FUNNEL_RELATION_MAX);
    uint8_t *lower = df_arena_alloc(reader->arena, text.size);
    if (!lower)
        return df_funnel_fail_memory(reader);
    for (size_t i = 0; i < text.size; i++)
        lower[i] = (uint8_t)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] + 32 : text.data[i]);
    *out = df_slice_make(lower, text.size);
    return 0;
}

/* c0 c1 op c2 op …: needs a stack of two. */
static int join_all(struct df_funnel_reader *reader, uint32_t op, struct df_funnel_relation *relation)
{
    uint32_t conditions = reader->request->condition_count;
    if (conditions == 0)
        return empty(reader);
    uint32_t *tokens = df_arena_array(reader->arena, 2 * (size_t)conditions, sizeof *tokens);
    if (!tokens)
        return df_funnel_fail_memory(reader);
    for (uint32_t i = 0; i < conditions; i++) {
        tokens[relation->token_count++] = i;
        if (i > 0)
            tokens[relation->token_count++] = op;
    }
    relation->tokens = tokens;
    relation->depth = conditions > 1 ? 2 : 1;
    return 0;
}

static uint32_t depth_of(const uint32_t *tokens, size_t count)
{
    uint32_t depth = 0, deepest = 0;
    for (size_t i = 0; i < count; i++) {
        depth = tokens[i] < DF_FUNNEL_RELATION_AND ? depth + 1 : depth - 1;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

int df_funnel_read_relation(struct df_funnel_reader *reader, const struct df_json *value,
                            struct df_funnel_relation *relation)
{
    struct parser parser = {.reader = reader};
    if (!value)
        return reader->request->condition_count ? join_all(reader, DF_FUNNEL_RELATION_AND, relation) : 0;
    if (value->type != DF_JSON_STRING)
        return df_funnel_expected(reader, "a string such as '$0 and ($1 or $2)'", value);
    if (trimmed_lower(reader, value->text, &parser.text) < 0)
        return -1;
    if (parser.text.size == 0)
        return empty(reader);
    if (df_slice_is(parser.text, "and") || df_slice_is(parser.text, "&&"))
        return join_all(reader, DF_FUNNEL_RELATION_AND, relation);
    if (df_slice_is(parser.text, "or") || df_slice_is(parser.text, "||"))
        return join_all(reader, DF_FUNNEL_RELATION_OR, relation);
    if (prepare(&parser) < 0 || parse(&parser, false) < 0 || parse(&parser, true) < 0)
        return -1;
    relation->tokens = parser.tokens;
    relation->token_count = (uint32_t)parser.token_count;
    relation->depth = depth_of(parser.tokens, parser.token_count);
    return 0;
}
