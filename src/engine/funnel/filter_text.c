/* Filter text of the command line -> JSON of a filter.
 *
 *     filter  = column op value
 *     column  = plain word | "any text, "" for a quote"
 *     op      = = == != <> > >= < <= contains | not contains        (words in any case)
 *     value   = 'any text, '' for a quote' | number | true | false | one word
 *
 * An error shows the text and, below it, a caret under the place. */
#include "base/json_write.h"
#include "engine/funnel/filter.h"
#include "engine/funnel/funnel.h"
#include "engine/funnel/shown.h"

enum {
    TEXT_BYTES_MAX = 64 * 1024,
    SHOWN_COLUMNS_BEFORE = 50, /* around the caret: together a line of a terminal */
    SHOWN_CHARACTERS = 75,
};

struct parser {
    struct df_slice text;
    size_t at;
    struct df_error *error;
};

/* ---- errors ---- */

/* Where the shown line begins: so that the caret stands in the first SHOWN_COLUMNS_BEFORE columns. */
static size_t shown_from(struct df_slice text, size_t at)
{
    size_t from = at;
    unsigned columns = 0;
    while (from > 0) {
        size_t before = from - 1;
        while (before > 0 && from - before < 4 && (text.data[before] & 0xC0) == 0x80)
            before--;
        struct df_funnel_character character = df_funnel_character_at(text, before);
        if (character.size_bytes != from - before)
            before = from - 1; /* not UTF-8: byte by byte */
        columns += before == from - 1 ? 1 : character.columns;
        if (columns > SHOWN_COLUMNS_BEFORE)
            break;
        from = before;
    }
    return from;
}

static void put_blanks(struct df_buf *out, struct df_slice text, size_t from, size_t to)
{
    for (size_t at = from; at < to;) {
        struct df_funnel_character character = df_funnel_character_at(text, at);
        bool shown = character.size_bytes && !df_funnel_character_hidden(character.code_point);
        for (unsigned i = 0; i < (shown ? character.columns : 1); i++)
            df_buf_put_char(out, ' ');
        at += character.size_bytes ? character.size_bytes : 1;
    }
}

static int fail_at(struct parser *parser, size_t at, const char *what)
{
    struct df_buf message = {0};
    size_t from = shown_from(parser->text, at);
    df_buf_printf(&message, "%s\n  %s", what, from ? "…" : "");
    df_funnel_put_shown(&message, df_slice_make(parser->text.data + from, parser->text.size - from), SHOWN_CHARACTERS);
    df_buf_printf(&message, "\n  %s", from ? " " : "");
    put_blanks(&message, parser->text, from, at);
    df_buf_put_char(&message, '^');
    int result = df_error_set(parser->error, DF_ERROR_INVALID, "%s", df_buf_text(&message));
    df_buf_dispose(&message);
    return result;
}

static int check_utf8(struct parser *parser)
{
    for (size_t at = 0; at < parser->text.size;) {
        struct df_funnel_character character = df_funnel_character_at(parser->text, at);
        if (character.size_bytes == 0)
            return fail_at(parser, at, "expected UTF-8 text");
        if (character.code_point == 0)
            return fail_at(parser, at, "a zero byte cannot be part of a filter");
        at += character.size_bytes;
    }
    return 0;
}

/* ---- characters ---- */

static int peek(const struct parser *parser)
{
    return parser->at < parser->text.size ? parser->text.data[parser->at] : -1;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool in_column(int c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '$' || c == '@';
}

/* A word that stands for a string ends where the language goes on: blanks, quotes, operators, brackets, commas. */
static bool in_word(int c)
{
    return c > ' ' && c != 0x7F && !strchr("'\"=<>!(),", c);
}

static void skip_blanks(struct parser *parser)
{
    while (is_blank(peek(parser)))
        parser->at++;
}

static struct df_slice take_while(struct parser *parser, bool (*in)(int))
{
    size_t from = parser->at;
    while (parser->at < parser->text.size && in(parser->text.data[parser->at]))
        parser->at++;
    return df_slice_make(parser->text.data + from, parser->at - from);
}

static bool same_word(struct df_slice word, const char *keyword)
{
    return word.size == strlen(keyword) && strncasecmp((const char *)word.data, keyword, word.size) == 0;
}

/* The keyword here, whole; then the parser stands behind it. */
static bool take_keyword(struct parser *parser, const char *keyword)
{
    struct parser ahead = *parser;
    if (!same_word(take_while(&ahead, is_letter), keyword) || is_digit(peek(&ahead)))
        return false;
    parser->at = ahead.at;
    return true;
}

/* Text between quotes; a quote inside is doubled. The parser stands on the opening one. */
static int take_quoted(struct parser *parser, struct df_buf *out, const char *unclosed)
{
    size_t from = parser->at;
    int quote = peek(parser);
    for (parser->at++; parser->at < parser->text.size; parser->at++) {
        if (peek(parser) == quote) {
            parser->at++;
            if (peek(parser) != quote)
                return 0;
        }
        df_buf_put_char(out, (char)peek(parser));
    }
    return fail_at(parser, from, unclosed);
}

/* ---- the three pieces ---- */

static int parse_column(struct parser *parser, struct df_buf *column)
{
    skip_blanks(parser);
    size_t from = parser->at;
    if (peek(parser) == '"') {
        if (take_quoted(parser, column, "this quote is never closed; expected \"column\"") < 0)
            return -1;
        return column->size ? 0 : fail_at(parser, from, "expected the name of a column between the quotes");
    }
    if (peek(parser) == '\'')
        return fail_at(parser, from, "expected the name of a column; in double quotes when it is not a plain word");
    struct df_slice word = take_while(parser, in_column);
    df_buf_put_slice(column, word);
    return word.size ? 0 : fail_at(parser, from, "expected the name of a column");
}

static int parse_op(struct parser *parser, enum df_funnel_op *op)
{
    static const struct {
        const char *text;
        enum df_funnel_op op;
    } symbols[] = {{"==", DF_FUNNEL_EQ}, {"!=", DF_FUNNEL_NE}, {"<>", DF_FUNNEL_NE}, {">=", DF_FUNNEL_GE},
                   {"<=", DF_FUNNEL_LE}, {"=", DF_FUNNEL_EQ},  {">", DF_FUNNEL_GT},  {"<", DF_FUNNEL_LT}};
    skip_blanks(parser);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        size_t size = strlen(symbols[i].text);
        if (parser->text.size - parser->at >= size &&
            memcmp(parser->text.data + parser->at, symbols[i].text, size) == 0) {
            parser->at += size;
            *op = symbols[i].op;
            return 0;
        }
    }
    if (take_keyword(parser, "contains")) {
        *op = DF_FUNNEL_CONTAINS;
        return 0;
    }
    size_t from = parser->at;
    if (take_keyword(parser, "not")) {
        skip_blanks(parser);
        if (take_keyword(parser, "contains")) {
            *op = DF_FUNNEL_NOT_CONTAINS;
            return 0;
        }
        return fail_at(parser, parser->at, "expected contains after not");
    }
    return fail_at(parser, from, "expected an operator: = != > >= < <= contains, not contains");
}

/* A number as people write it -> as JSON has it: "+5", ".5", "5." and "007" are numbers too. False when it is none. */
static bool put_number(struct df_slice word, struct df_buf *out)
{
    size_t at = 0, digits = 0;
    struct df_buf number = {0};
    if (at < word.size && (word.data[at] == '-' || word.data[at] == '+') && word.data[at++] == '-')
        df_buf_put_char(&number, '-');
    while (at + 1 < word.size && word.data[at] == '0' && is_digit(word.data[at + 1]))
        at++;
    for (; at < word.size && is_digit(word.data[at]); at++, digits++)
        df_buf_put_char(&number, (char)word.data[at]);
    if (digits == 0)
        df_buf_put_char(&number, '0');
    if (at < word.size && word.data[at] == '.') {
        size_t fraction = 0;
        df_buf_put_char(&number, '.');
        for (at++; at < word.size && is_digit(word.data[at]); at++, fraction++)
            df_buf_put_char(&number, (char)word.data[at]);
        if (fraction == 0)
            df_buf_put_char(&number, '0');
        digits += fraction;
    }
    bool is_number = digits > 0;
    if (is_number && at < word.size && (word.data[at] | 0x20) == 'e') {
        df_buf_put_char(&number, 'e');
        at++;
        if (at < word.size && (word.data[at] == '-' || word.data[at] == '+'))
            df_buf_put_char(&number, (char)word.data[at++]);
        is_number = at < word.size;
        for (; at < word.size && is_digit(word.data[at]); at++)
            df_buf_put_char(&number, (char)word.data[at]);
    }
    is_number = is_number && at == word.size;
    if (is_number)
        df_buf_put_slice(out, df_buf_slice(&number));
    out->failed |= number.failed;
    df_buf_dispose(&number);
    return is_number;
}

static int parse_value(struct parser *parser, struct df_json_writer *json)
{
    struct df_buf value = {0};
    skip_blanks(parser);
    size_t from = parser->at;
    int result = 0;
    if (peek(parser) == '\'') {
        result = take_quoted(parser, &value, "this quote is never closed; expected 'text'");
        if (result == 0)
            df_json_string(json, df_buf_slice(&value));
        json->out->failed |= value.failed;
        df_buf_dispose(&value);
        return result;
    }
    if (peek(parser) == '"')
        return fail_at(parser, from, "double quotes are for columns; a text stands in single ones: 'text'");
    struct df_slice word = take_while(parser, in_word);
    if (word.size == 0)
        return fail_at(parser, from, "expected a value: 'text', a number, true, false or one word");
    if (same_word(word, "null"))
        return fail_at(parser, from, "null is no value to compare with; the text is written 'null'");
    if (same_word(word, "true") || same_word(word, "false"))
        df_json_boolean(json, same_word(word, "true"));
    else if (put_number(word, &value))
        df_json_raw(json, df_buf_slice(&value));
    else
        df_json_string(json, word);
    json->out->failed |= value.failed;
    df_buf_dispose(&value);
    return 0;
}

static int parse(struct parser *parser, struct df_buf *column, struct df_json_writer *json)
{
    enum df_funnel_op op = DF_FUNNEL_EQ;
    if (parse_column(parser, column) < 0 || parse_op(parser, &op) < 0)
        return -1;
    df_json_begin_object(json);
    df_json_key(json, "column");
    df_json_string(json, df_buf_slice(column));
    df_json_key(json, "op");
    df_json_text(json, df_funnel_op_text(op));
    df_json_key(json, "value");
    if (parse_value(parser, json) < 0)
        return -1;
    df_json_end_object(json);
    skip_blanks(parser);
    if (parser->at < parser->text.size)
        return fail_at(parser, parser->at, "expected nothing more; a text of several words stands in single quotes");
    return 0;
}

int df_funnel_filter_text(struct df_slice text, struct df_buf *json, struct df_error *error)
{
    struct parser parser = {.text = text, .error = error};
    struct df_buf column = {0}, out = {0};
    struct df_json_writer writer;
    if (text.size > TEXT_BYTES_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "a filter of %zu bytes; expected at most %d", text.size,
                            TEXT_BYTES_MAX);
    df_json_writer_init(&writer, &out, DF_JSON_COMPACT);
    int result = check_utf8(&parser) < 0 ? -1 : parse(&parser, &column, &writer);
    if (result == 0) {
        df_buf_put_slice(json, df_buf_slice(&out));
        if (df_buf_failed(&out) || df_buf_failed(&column) || df_buf_failed(json))
            result = df_error_no_memory(error, "reading a filter");
    }
    df_buf_dispose(&column);
    df_buf_dispose(&out);
    return result;
}
