/* Filter text of the command line -> JSON of a filter.
 *
 *     filter  = filter or filter | filter and filter | not filter | ( filter ) | column [split 'text'] op
 *     column  = plain word | "any text, "" for a quote"
 *     op      = (= == != <> > >= < <= contains, not contains, starts with, ends with, regex, has) value
 *             | (in, not in, has any, has all) ( value, … )
 *             | is null | is not null | empty | not empty
 *     value   = 'any text, '' for a quote' | number | true | false | one word
 *
 * `not` binds tighter than `and`, `and` tighter than `or`; words in any case. `split` makes a list of a column of
 * texts, for has, has any, has all, empty and not empty. An error shows the text and, below it, a caret under the
 * place. */
#include "base/json_write.h"
#include "engine/funnel/filter/leaf.h"
#include "engine/funnel/filter/spec.h"
#include "engine/funnel/funnel.h"
#include "engine/funnel/language/text_parser.h"

enum {
    TEXT_BYTES_MAX = 64 * 1024,
    NESTING_MAX = 200, /* brackets and nots: what recursion may cost, whatever tree comes of it */
};

/* A node of the tree. */
struct piece {
    enum df_funnel_node_kind kind;
    struct df_slice json; /* of a LEAF */
    struct piece *first, *last, *next;
    unsigned depth; /* of the tree below, 1 for a leaf */
};

/* ---- columns ---- */

static int parse_column(struct df_funnel_text_parser *parser, struct df_buf *column)
{
    df_funnel_text_skip_blanks(parser);
    size_t from = parser->at;
    if (df_funnel_text_peek(parser) == '"') {
        if (df_funnel_text_take_quoted(parser, column, "this quote is never closed; expected \"column\"") < 0)
            return -1;
        return column->size ? 0 : df_funnel_text_fail(parser, from, "expected the name of a column between the quotes");
    }
    if (df_funnel_text_peek(parser) == '\'')
        return df_funnel_text_fail(parser, from,
                                   "expected the name of a column; in double quotes when it is not a plain word");
    struct df_slice word = df_funnel_text_take_while(parser, df_funnel_text_in_column);
    df_buf_put_slice(column, word);
    return word.size ? 0 : df_funnel_text_fail(parser, from, "expected the name of a column");
}

/* ---- values ---- */

static int parse_word(struct df_funnel_text_parser *parser, struct df_json_writer *json)
{
    struct df_buf number = {0};
    size_t from = parser->at;
    struct df_slice word = df_funnel_text_take_while(parser, df_funnel_text_in_word);
    if (word.size == 0)
        return df_funnel_text_fail(parser, from, "expected a value: 'text', a number, true, false or one word");
    if (df_funnel_text_same_word(word, "null"))
        return df_funnel_text_fail(parser, from,
                                   "null is no value to compare with, there is `is null`; the text is written 'null'");
    if (df_funnel_text_same_word(word, "and") || df_funnel_text_same_word(word, "or") ||
        df_funnel_text_same_word(word, "not"))
        return df_funnel_text_fail(parser, from, "expected a value; and, or, not stand in quotes when they are one");
    if (df_funnel_text_same_word(word, "true") || df_funnel_text_same_word(word, "false"))
        df_json_boolean(json, df_funnel_text_same_word(word, "true"));
    else if (df_funnel_text_put_number(word, &number))
        df_json_raw(json, df_buf_slice(&number));
    else
        df_json_string(json, word);
    json->out->failed |= number.failed;
    df_buf_dispose(&number);
    return 0;
}

static int parse_value(struct df_funnel_text_parser *parser, struct df_json_writer *json)
{
    df_funnel_text_skip_blanks(parser);
    if (df_funnel_text_peek(parser) == '"')
        return df_funnel_text_fail(parser, parser->at,
                                   "double quotes are for columns; a text stands in single ones: 'text'");
    if (df_funnel_text_peek(parser) == '(')
        return df_funnel_text_fail(
            parser, parser->at,
            "expected one value: 'text', a number, true, false or one word; in, not in, has any and has all "
            "take a list");
    if (df_funnel_text_peek(parser) != '\'')
        return parse_word(parser, json);
    struct df_buf value = {0};
    int result = df_funnel_text_take_quoted(parser, &value, "this quote is never closed; expected 'text'");
    if (result == 0)
        df_json_string(json, df_buf_slice(&value));
    json->out->failed |= value.failed;
    df_buf_dispose(&value);
    return result;
}

/* `(a, b, c)`, also `()`. */
/* A pattern is text whatever it looks like; a wrong one is told here, where there is a place for the caret. */
static int check_pattern(struct df_funnel_text_parser *parser, size_t from, struct df_slice pattern)
{
    struct df_error error = {0};
    struct df_funnel_regex *regex;
    if (df_funnel_regex_compile(&regex, pattern, "regex", &error) < 0)
        return df_funnel_text_fail(parser, from, error.message);
    df_funnel_regex_free(regex);
    return 0;
}

static int parse_pattern(struct df_funnel_text_parser *parser, struct df_json_writer *json)
{
    struct df_buf pattern = {0};
    df_funnel_text_skip_blanks(parser);
    size_t from = parser->at;
    int result = 0;
    if (df_funnel_text_peek(parser) == '\'')
        result = df_funnel_text_take_quoted(parser, &pattern, "this quote is never closed; expected 'text'");
    else
        df_buf_put_slice(&pattern, df_funnel_text_take_while(parser, df_funnel_text_in_word));
    if (result == 0 && parser->at == from)
        result = df_funnel_text_fail(parser, from, "expected a regular expression in single quotes: '^/cart'");
    if (result == 0)
        result = check_pattern(parser, from, df_buf_slice(&pattern));
    if (result == 0)
        df_json_string(json, df_buf_slice(&pattern));
    json->out->failed |= pattern.failed;
    df_buf_dispose(&pattern);
    return result;
}

static int parse_values(struct df_funnel_text_parser *parser, struct df_json_writer *json)
{
    df_funnel_text_skip_blanks(parser);
    size_t from = parser->at;
    if (df_funnel_text_peek(parser) != '(')
        return df_funnel_text_fail(parser, from, "expected a list of values in brackets: ('a', 'b')");
    parser->at++;
    df_funnel_text_skip_blanks(parser);
    df_json_begin_array(json);
    bool more = df_funnel_text_peek(parser) != ')';
    while (more) {
        if (parse_value(parser, json) < 0)
            return -1;
        df_funnel_text_skip_blanks(parser);
        if (df_funnel_text_peek(parser) != ',' && df_funnel_text_peek(parser) != ')')
            return df_funnel_text_fail(parser, parser->at,
                                       df_funnel_text_peek(parser) < 0
                                           ? "expected ',' or ')': the list is not closed"
                                           : "expected ',' or ')' after a value of the list");
        more = df_funnel_text_peek(parser) == ',';
        if (more)
            parser->at++;
    }
    parser->at++;
    df_json_end_array(json);
    return 0;
}

/* What stands behind an operator that takes something. */
static int parse_right_side(struct df_funnel_text_parser *parser, enum df_funnel_op op, struct df_json_writer *json)
{
    if (op == DF_FUNNEL_REGEX)
        return parse_pattern(parser, json);
    return df_funnel_op_arity(op) == DF_FUNNEL_ONE_VALUE ? parse_value(parser, json) : parse_values(parser, json);
}

/* ---- leaves ---- */

static void put_member(struct df_json_writer *json, const char *key, const struct df_buf *text)
{
    df_json_key(json, key);
    df_json_string(json, df_buf_slice(text));
    json->out->failed |= text->failed;
}

static int parse_comparison_into(struct df_funnel_text_parser *parser, struct df_json_writer *json,
                                 struct df_buf *column, struct df_buf *delimiter)
{
    enum df_funnel_op op = DF_FUNNEL_EQ;
    if (parse_column(parser, column) < 0 || df_funnel_text_parse_split(parser, delimiter) < 0)
        return -1;
    df_funnel_text_skip_blanks(parser);
    size_t op_at = parser->at;
    if (df_funnel_text_parse_op(parser, &op) < 0)
        return -1;
    if (delimiter->size && op < DF_FUNNEL_HAS)
        return df_funnel_text_fail(parser, op_at, "expected has, has any, has all, empty or not empty after split");
    df_json_begin_object(json);
    put_member(json, "column", column);
    df_json_key(json, "op");
    df_json_text(json, df_funnel_op_text(op));
    if (df_funnel_op_arity(op) != DF_FUNNEL_NO_VALUE) {
        df_json_key(json, "value");
        if (parse_right_side(parser, op, json) < 0)
            return -1;
    }
    if (delimiter->size)
        put_member(json, "delimiter", delimiter);
    df_json_end_object(json);
    return 0;
}

static int no_memory(struct df_funnel_text_parser *parser)
{
    return df_error_no_memory(parser->error, "reading a filter");
}

static struct piece *new_piece(struct df_funnel_text_parser *parser, enum df_funnel_node_kind kind)
{
    struct piece *piece = df_arena_zalloc(parser->arena, sizeof *piece);
    if (piece)
        *piece = (struct piece){.kind = kind, .depth = 1};
    return piece;
}

static int parse_comparison(struct df_funnel_text_parser *parser, struct piece **out)
{
    struct df_buf column = {0}, delimiter = {0}, json = {0};
    struct df_json_writer writer;
    df_json_writer_init(&writer, &json, DF_JSON_COMPACT);
    int result = parse_comparison_into(parser, &writer, &column, &delimiter);
    if (result == 0) {
        *out = new_piece(parser, DF_FUNNEL_LEAF);
        if (df_buf_failed(&json) || !*out || !df_arena_copy(parser->arena, df_buf_slice(&json), &(*out)->json))
            result = no_memory(parser);
    }
    df_buf_dispose(&column);
    df_buf_dispose(&delimiter);
    df_buf_dispose(&json);
    return result;
}

/* ---- trees ---- */

/* The child becomes the last one; a chain of the parent's kind is joined with it. */
static int append(struct df_funnel_text_parser *parser, struct piece *parent, struct piece *child)
{
    bool chain = child->kind == parent->kind && parent->kind != DF_FUNNEL_NOT;
    struct piece *first = chain ? child->first : child, *last = chain ? child->last : child;
    unsigned depth = chain ? child->depth : child->depth + 1;
    if (depth > DF_FUNNEL_TREE_DEPTH_MAX)
        return df_funnel_text_fail(parser, parser->at, "filters are nested too deep; expected at most 64 levels");
    if (parent->last)
        parent->last->next = first;
    else
        parent->first = first;
    parent->last = last;
    parent->depth = depth > parent->depth ? depth : parent->depth;
    return 0;
}
_Static_assert(DF_FUNNEL_TREE_DEPTH_MAX == 64, "the message above says so");

static int parse_chain(struct df_funnel_text_parser *parser, enum df_funnel_node_kind kind, struct piece **out);

static int parse_brackets(struct df_funnel_text_parser *parser, struct piece **out)
{
    size_t from = parser->at++;
    if (parse_chain(parser, DF_FUNNEL_OR, out) < 0)
        return -1;
    df_funnel_text_skip_blanks(parser);
    if (df_funnel_text_peek(parser) < 0)
        return df_funnel_text_fail(parser, from, "this bracket is never closed");
    if (df_funnel_text_peek(parser) != ')')
        return df_funnel_text_fail(parser, parser->at,
                                   "expected and, or or ')'; a text of several words stands in single quotes");
    parser->at++;
    return 0;
}

/* In front of `=` and the like the word is a column. */
static bool take_not(struct df_funnel_text_parser *parser)
{
    struct df_funnel_text_parser ahead = *parser;
    enum df_funnel_op op;
    if (!df_funnel_text_take_keyword(&ahead, "not"))
        return false;
    df_funnel_text_skip_blanks(&ahead);
    size_t behind = ahead.at;
    if (df_funnel_text_take_symbol(&ahead, &op))
        return false;
    parser->at = behind;
    return true;
}

static int parse_operand(struct df_funnel_text_parser *parser, struct piece **out)
{
    df_funnel_text_skip_blanks(parser);
    size_t from = parser->at;
    bool bracket = df_funnel_text_peek(parser) == '(';
    if (!bracket && !take_not(parser))
        return parse_comparison(parser, out);
    if (parser->nesting >= NESTING_MAX)
        return df_funnel_text_fail(parser, from, "too many brackets and nots within each other");
    parser->nesting++;
    int result;
    if (bracket) {
        result = parse_brackets(parser, out);
    } else {
        struct piece *child = NULL, *piece = new_piece(parser, DF_FUNNEL_NOT);
        result = !piece ? no_memory(parser) : parse_operand(parser, &child);
        if (result == 0)
            result = append(parser, piece, child);
        *out = piece;
    }
    parser->nesting--;
    return result;
}

/* `a or b or c`, whose operands are chains of `and`. */
static int parse_chain(struct df_funnel_text_parser *parser, enum df_funnel_node_kind kind, struct piece **out)
{
    struct piece *chain = NULL, *piece = NULL;
    for (;;) {
        if ((kind == DF_FUNNEL_OR ? parse_chain(parser, DF_FUNNEL_AND, &piece) : parse_operand(parser, &piece)) < 0)
            return -1;
        if (chain && append(parser, chain, piece) < 0)
            return -1;
        df_funnel_text_skip_blanks(parser);
        if (!df_funnel_text_take_keyword(parser, kind == DF_FUNNEL_OR ? "or" : "and"))
            break;
        if (chain)
            continue;
        chain = new_piece(parser, kind);
        if (!chain)
            return no_memory(parser);
        if (append(parser, chain, piece) < 0)
            return -1;
    }
    *out = chain ? chain : piece;
    return 0;
}

static void put_piece(struct df_json_writer *json, const struct piece *piece)
{
    static const char *const keys[] = {[DF_FUNNEL_AND] = "and", [DF_FUNNEL_OR] = "or", [DF_FUNNEL_NOT] = "not"};
    if (piece->kind == DF_FUNNEL_LEAF) {
        df_json_raw(json, piece->json);
        return;
    }
    df_json_begin_object(json);
    df_json_key(json, keys[piece->kind]);
    if (piece->kind != DF_FUNNEL_NOT)
        df_json_begin_array(json);
    for (const struct piece *child = piece->first; child; child = child->next)
        put_piece(json, child);
    if (piece->kind != DF_FUNNEL_NOT)
        df_json_end_array(json);
    df_json_end_object(json);
}

static int parse(struct df_funnel_text_parser *parser, struct piece **tree)
{
    if (df_funnel_text_check_utf8(parser) < 0 || parse_chain(parser, DF_FUNNEL_OR, tree) < 0)
        return -1;
    df_funnel_text_skip_blanks(parser);
    if (df_funnel_text_peek(parser) == ')')
        return df_funnel_text_fail(parser, parser->at, "this bracket was never opened");
    if (parser->at < parser->text.size)
        return df_funnel_text_fail(parser, parser->at,
                                   "expected and, or or nothing more; a text of several words stands in single quotes");
    return 0;
}

int df_funnel_filter_text(struct df_slice text, struct df_buf *json, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_funnel_text_parser parser = {.text = text, .arena = &arena, .error = error};
    struct df_json_writer writer;
    struct piece *tree = NULL;
    if (text.size > TEXT_BYTES_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "a filter of %zu bytes; expected at most %d", text.size,
                            TEXT_BYTES_MAX);
    int result = parse(&parser, &tree);
    if (result == 0) {
        df_json_writer_init(&writer, json, DF_JSON_COMPACT);
        put_piece(&writer, tree);
        if (df_buf_failed(json))
            result = no_memory(&parser);
    }
    df_arena_dispose(&arena);
    return result;
}
