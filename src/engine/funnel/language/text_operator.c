/* Operators in filter text: symbols, and the words of filter/spec.h. */
#include "engine/funnel/language/text_parser.h"

/* The words of an operator, as its name has them. *behind: where they end. */
static bool is_phrase(const struct df_funnel_text_parser *parser, const char *phrase, size_t *behind)
{
    struct df_funnel_text_parser ahead = *parser;
    char word[16];
    for (const char *at = phrase; *at;) {
        size_t size = strcspn(at, " ");
        memcpy(word, at, size);
        word[size] = '\0';
        df_funnel_text_skip_blanks(&ahead);
        if (!df_funnel_text_take_keyword(&ahead, word))
            return false;
        at += size + (at[size] == ' ');
    }
    *behind = ahead.at;
    return true;
}

/* `has any` is the operator only in front of a list: in `tags has any` the word is the value. */
static bool is_list_word(struct df_slice text, size_t at)
{
    while (at < text.size && df_funnel_text_is_blank(text.data[at]))
        at++;
    return at < text.size && text.data[at] == '(';
}

static bool take_phrase(struct df_funnel_text_parser *parser, enum df_funnel_op *op)
{
    size_t longest = 0, behind;
    for (unsigned i = DF_FUNNEL_CONTAINS; i < DF_FUNNEL_OPS; i++) {
        if (!is_phrase(parser, df_funnel_op_text((enum df_funnel_op)i), &behind) || behind <= longest)
            continue;
        if ((i == DF_FUNNEL_HAS_ANY || i == DF_FUNNEL_HAS_ALL) && !is_list_word(parser->text, behind))
            continue;
        longest = behind;
        *op = (enum df_funnel_op)i;
    }
    if (longest)
        parser->at = longest;
    return longest > 0;
}

bool df_funnel_text_take_symbol(struct df_funnel_text_parser *parser, enum df_funnel_op *op)
{
    static const struct {
        const char *text;
        enum df_funnel_op op;
    } symbols[] = {{"==", DF_FUNNEL_EQ}, {"!=", DF_FUNNEL_NE}, {"<>", DF_FUNNEL_NE}, {">=", DF_FUNNEL_GE},
                   {"<=", DF_FUNNEL_LE}, {"=", DF_FUNNEL_EQ},  {">", DF_FUNNEL_GT},  {"<", DF_FUNNEL_LT}};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        size_t size = strlen(symbols[i].text);
        if (parser->text.size - parser->at >= size &&
            memcmp(parser->text.data + parser->at, symbols[i].text, size) == 0) {
            parser->at += size;
            *op = symbols[i].op;
            return true;
        }
    }
    return false;
}

int df_funnel_text_parse_op(struct df_funnel_text_parser *parser, enum df_funnel_op *op)
{
    static const struct {
        const char *word, *expected;
    } begun[] = {{"not",
                  "expected contains, in or empty after not; other operators are negated in front of the column: "
                  "not column starts with 'text'"},
                 {"is", "expected null or not null after is"},
                 {"starts", "expected with after starts"},
                 {"ends", "expected with after ends"}};
    df_funnel_text_skip_blanks(parser);
    if (df_funnel_text_take_symbol(parser, op) || take_phrase(parser, op))
        return 0;
    for (size_t i = 0; i < sizeof begun / sizeof *begun; i++) {
        if (df_funnel_text_take_keyword(parser, begun[i].word)) {
            df_funnel_text_skip_blanks(parser);
            return df_funnel_text_fail(parser, parser->at, begun[i].expected);
        }
    }
    return df_funnel_text_fail(
        parser, parser->at,
        "expected an operator: = != > >= < <= in, contains, starts with, ends with, regex, is null, has, "
        "empty, or one of them with not");
}

/* `split '|'` behind a column. */
int df_funnel_text_parse_split(struct df_funnel_text_parser *parser, struct df_buf *delimiter)
{
    df_funnel_text_skip_blanks(parser);
    if (!df_funnel_text_take_keyword(parser, "split"))
        return 0;
    df_funnel_text_skip_blanks(parser);
    size_t from = parser->at;
    if (df_funnel_text_peek(parser) != '\'')
        return df_funnel_text_fail(parser, from,
                                   "expected the text between two values after split, in quotes: split '|'");
    if (df_funnel_text_take_quoted(parser, delimiter, "this quote is never closed; expected 'text'") < 0)
        return -1;
    return delimiter->size ? 0 : df_funnel_text_fail(parser, from, "expected the text between two values, found none");
}
