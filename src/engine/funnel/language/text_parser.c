#include "engine/funnel/language/text_parser.h"

#include "engine/funnel/language/shown.h"

#undef df_funnel_text_fail

enum {
    SHOWN_COLUMNS_BEFORE = 50, /* around the caret: together a line of a terminal */
    SHOWN_CHARACTERS = 75,
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

int df_funnel_text_fail(struct df_funnel_text_parser *parser, size_t at, const char *what)
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

int df_funnel_text_check_utf8(struct df_funnel_text_parser *parser)
{
    for (size_t at = 0; at < parser->text.size;) {
        struct df_funnel_character character = df_funnel_character_at(parser->text, at);
        if (character.size_bytes == 0)
            return df_funnel_text_fail(parser, at, "expected UTF-8 text");
        if (character.code_point == 0)
            return df_funnel_text_fail(parser, at, "a zero byte cannot be part of a filter");
        at += character.size_bytes;
    }
    return 0;
}

/* ---- characters ---- */

int df_funnel_text_peek(const struct df_funnel_text_parser *parser)
{
    return parser->at < parser->text.size ? parser->text.data[parser->at] : -1;
}

bool df_funnel_text_is_blank(int c)
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

bool df_funnel_text_in_column(int c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '$' || c == '@';
}

/* A word that stands for a string ends where the language goes on: blanks, quotes, operators, brackets, commas. */
bool df_funnel_text_in_word(int c)
{
    return c > ' ' && c != 0x7F && !strchr("'\"=<>!(),", c);
}

void df_funnel_text_skip_blanks(struct df_funnel_text_parser *parser)
{
    while (df_funnel_text_is_blank(df_funnel_text_peek(parser)))
        parser->at++;
}

struct df_slice df_funnel_text_take_while(struct df_funnel_text_parser *parser, bool (*in)(int))
{
    size_t from = parser->at;
    while (parser->at < parser->text.size && in(parser->text.data[parser->at]))
        parser->at++;
    return df_slice_make(parser->text.data + from, parser->at - from);
}

bool df_funnel_text_same_word(struct df_slice word, const char *keyword)
{
    return word.size == strlen(keyword) && strncasecmp((const char *)word.data, keyword, word.size) == 0;
}

/* The keyword here, whole; then the parser stands behind it. */
bool df_funnel_text_take_keyword(struct df_funnel_text_parser *parser, const char *keyword)
{
    struct df_funnel_text_parser ahead = *parser;
    if (!df_funnel_text_same_word(df_funnel_text_take_while(&ahead, df_funnel_text_in_column), keyword))
        return false;
    parser->at = ahead.at;
    return true;
}

/* Text between quotes; a quote inside is doubled. The parser stands on the opening one. */
int df_funnel_text_take_quoted(struct df_funnel_text_parser *parser, struct df_buf *out, const char *unclosed)
{
    size_t from = parser->at;
    int quote = df_funnel_text_peek(parser);
    for (parser->at++; parser->at < parser->text.size; parser->at++) {
        if (df_funnel_text_peek(parser) == quote) {
            parser->at++;
            if (df_funnel_text_peek(parser) != quote)
                return 0;
        }
        df_buf_put_char(out, (char)df_funnel_text_peek(parser));
    }
    return df_funnel_text_fail(parser, from, unclosed);
}

/* A number as people write it -> as JSON has it: "+5", ".5", "5." and "007" are numbers too. False when it is none. */
bool df_funnel_text_put_number(struct df_slice word, struct df_buf *out)
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
