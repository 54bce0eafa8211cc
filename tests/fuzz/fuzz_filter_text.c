/* Filter text of the command line: refused with a caret, or a filter that the language takes. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/funnel/funnel.h"
#include "engine/funnel/language/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_filter_text: %s\n", what);
        abort();
    }
}

static void check_filter(struct df_slice filter)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf json = {0};
    struct df_funnel_request request;
    df_buf_put_text(&json, "{\"dataset\":{\"user\":\"u\",\"time\":\"t\"},\"where\":");
    df_buf_put_slice(&json, filter);
    df_buf_put_text(&json, "}");
    if (df_funnel_request_parse(&request, df_buf_slice(&json), &arena, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        require(false, "a filter that the language does not take");
    }
    require(request.where == 0 && request.filters.root_count == 1, "not one filter");
    df_arena_dispose(&arena);
    df_buf_dispose(&json);
}

/* Three lines; nothing in them that a terminal would obey. */
static void check_message(const char *message)
{
    unsigned lines = 0;
    for (const char *at = message; *at; at++) {
        lines += *at == '\n';
        require(*at == '\n' || (uint8_t)*at >= 0x20, "a control character in a message");
    }
    size_t size = strlen(message);
    require(lines == 2 && message[size - 1] == '^', "a message without a caret");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_error error = {0};
    struct df_buf json = {0};
    if (size > 64 * 1024)
        return 0;
    if (df_funnel_filter_text(df_slice_make(data, size), &json, &error) == 0) {
        check_filter(df_buf_slice(&json));
    } else {
        require(error.kind == DF_ERROR_INVALID && json.size == 0, "a failure that leaves something");
        check_message(error.message);
    }
    df_buf_dispose(&json);
    return 0;
}
