/* Reading text that people type: words, quotes and numbers, and errors that show the text with a caret under the place.
 * For filter_text.c and text_operator.c; nobody else includes it. */
#ifndef DF_ENGINE_FUNNEL_LANGUAGE_TEXT_PARSER_H
#define DF_ENGINE_FUNNEL_LANGUAGE_TEXT_PARSER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/funnel/filter/spec.h"

struct df_funnel_text_parser {
    struct df_slice text;
    size_t at;
    unsigned nesting; /* of brackets and nots */
    struct df_arena *arena;
    struct df_error *error;
};

/* invalid: `what`, the text around the place, and a caret under it. Returns -1. */
int df_funnel_text_fail(struct df_funnel_text_parser *parser, size_t at, const char *what);
#ifdef __clang_analyzer__ /* as in base/error.h */
#define df_funnel_text_fail(...) (df_funnel_text_fail(__VA_ARGS__), -1)
#endif

/* The whole text must be UTF-8 without zero bytes: what is cut from it later is then, too. */
int df_funnel_text_check_utf8(struct df_funnel_text_parser *parser);

/* The byte here, -1 at the end. */
int df_funnel_text_peek(const struct df_funnel_text_parser *parser);
void df_funnel_text_skip_blanks(struct df_funnel_text_parser *parser);

bool df_funnel_text_is_blank(int c);
bool df_funnel_text_in_column(int c); /* of a column that needs no quotes, and of keywords */
bool df_funnel_text_in_word(int c);   /* of a value that needs none */

struct df_slice df_funnel_text_take_while(struct df_funnel_text_parser *parser, bool (*in)(int));
/* Case does not count. */
bool df_funnel_text_same_word(struct df_slice word, const char *keyword);
/* The keyword here, whole; then the parser stands behind it. */
bool df_funnel_text_take_keyword(struct df_funnel_text_parser *parser, const char *keyword);
/* Text between quotes; a quote inside is doubled. The parser stands on the opening one. */
int df_funnel_text_take_quoted(struct df_funnel_text_parser *parser, struct df_buf *out, const char *unclosed);
/* A number as people write it -> as JSON has it: "+5", ".5", "5." and "007" are numbers too. False when it is none. */
bool df_funnel_text_put_number(struct df_slice word, struct df_buf *out);

/* ---- operators (text_operator.c) ---- */

/* `=`, `<>` and the like, when one stands here. */
bool df_funnel_text_take_symbol(struct df_funnel_text_parser *parser, enum df_funnel_op *op);
/* Any operator, blanks before it. */
int df_funnel_text_parse_op(struct df_funnel_text_parser *parser, enum df_funnel_op *op);
/* `split '|'` behind a column; *delimiter stays empty when there is none. */
int df_funnel_text_parse_split(struct df_funnel_text_parser *parser, struct df_buf *delimiter);

#endif
