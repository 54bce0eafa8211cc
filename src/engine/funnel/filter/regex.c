/* Regular expressions: PCRE2, unanchored, UTF-8. Text that is no UTF-8 is searched around its invalid bytes.
 *
 * A pattern that backtracks without end meets a limit and the query fails: "no match" would be a wrong answer. The JIT
 * makes matching several times faster; where a hardened host forbids memory that is writable and executable it cannot
 * be had, and the interpreter does the work. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdio.h>
#include <stdlib.h>

#include "engine/funnel/filter/leaf.h"
#include "engine/funnel/language/shown.h"

enum {
    STEPS_MAX = 1000000,      /* per text: about ten milliseconds */
    HEAP_KIB_MAX = 16 * 1024, /* of the interpreter's backtracking */
    JIT_STACK_START_BYTES = 32 * 1024,
    JIT_STACK_BYTES = 512 * 1024,
    MESSAGE_BYTES = 256,
};

struct df_funnel_regex {
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *match;
    pcre2_jit_stack *stack; /* NULL: no JIT */
    char *where;
};

static int invalid_pattern(struct df_slice pattern, const char *where, int problem, size_t position,
                           struct df_error *error)
{
    PCRE2_UCHAR text[MESSAGE_BYTES];
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (pcre2_get_error_message(problem, text, sizeof text) < 0)
        (void)snprintf((char *)text, sizeof text, "error %d", problem);
    return df_error_set(error, DF_ERROR_INVALID, "%s: the regular expression '%s' is wrong at position %zu: %s", where,
                        df_funnel_shown(pattern, shown), position, (const char *)text);
}

/* Everything but the JIT is needed. */
static bool prepare(struct df_funnel_regex *regex)
{
    regex->context = pcre2_match_context_create(NULL);
    regex->match = pcre2_match_data_create(1, NULL);
    if (!regex->context || !regex->match)
        return false;
    (void)pcre2_set_match_limit(regex->context, STEPS_MAX);
    (void)pcre2_set_heap_limit(regex->context, HEAP_KIB_MAX);
    if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0) {
        regex->stack = pcre2_jit_stack_create(JIT_STACK_START_BYTES, JIT_STACK_BYTES, NULL);
        if (regex->stack)
            pcre2_jit_stack_assign(regex->context, NULL, regex->stack);
    }
    return true;
}

int df_funnel_regex_compile(struct df_funnel_regex **out, struct df_slice pattern, const char *where,
                            struct df_error *error)
{
    *out = NULL;
    int problem = 0;
    size_t position = 0;
    /* \C would cut characters apart, which UTF with invalid bytes does not allow. */
    pcre2_code *code =
        pcre2_compile(pattern.size ? pattern.data : (const uint8_t *)"", pattern.size,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &problem, &position, NULL);
    if (!code)
        return invalid_pattern(pattern, where, problem, position, error);
    struct df_funnel_regex *regex = calloc(1, sizeof *regex);
    if (!regex) {
        pcre2_code_free(code);
        return df_error_no_memory(error, "compiling a regular expression");
    }
    regex->code = code;
    regex->where = df_slice_strdup(df_slice_text(where));
    if (!regex->where || !prepare(regex)) {
        df_funnel_regex_free(regex);
        return df_error_no_memory(error, "compiling a regular expression");
    }
    *out = regex;
    return 0;
}

void df_funnel_regex_free(struct df_funnel_regex *regex)
{
    if (!regex)
        return;
    pcre2_jit_stack_free(regex->stack);
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->context);
    pcre2_code_free(regex->code);
    free(regex->where);
    free(regex);
}

static int match_failed(const struct df_funnel_regex *regex, struct df_slice text, int status, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    PCRE2_UCHAR message[MESSAGE_BYTES];
    if (status == PCRE2_ERROR_MATCHLIMIT || status == PCRE2_ERROR_DEPTHLIMIT || status == PCRE2_ERROR_HEAPLIMIT ||
        status == PCRE2_ERROR_NOMEMORY)
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "%s: the regular expression tries too many ways (over %d steps) to match '%s'; write it "
                            "without repetitions inside of repetitions",
                            regex->where, STEPS_MAX, df_funnel_shown(text, shown));
    if (pcre2_get_error_message(status, message, sizeof message) < 0)
        (void)snprintf((char *)message, sizeof message, "error %d", status);
    return df_error_set(error, DF_ERROR_INTERNAL, "%s: the regular expression failed on '%s': %s", regex->where,
                        df_funnel_shown(text, shown), (const char *)message);
}

int df_funnel_regex_match(const struct df_funnel_regex *regex, struct df_slice text, struct df_error *error)
{
    const uint8_t *data = text.size ? text.data : (const uint8_t *)"";
    int status = pcre2_match(regex->code, data, text.size, 0, 0, regex->match, regex->context);
    /* Deep backtracking may pass the JIT's stack long before the limit of steps: the interpreter has its own. */
    if (status == PCRE2_ERROR_JIT_STACKLIMIT)
        status = pcre2_match(regex->code, data, text.size, 0, PCRE2_NO_JIT, regex->match, regex->context);
    if (status >= 0)
        return 1;
    return status == PCRE2_ERROR_NOMATCH ? 0 : match_failed(regex, text, status, error);
}
