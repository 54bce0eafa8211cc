/* Signs what it reads, for tests/e2e/test_sigv4.py: one JSON object per line in, one Authorization value per line out.
 *
 *     {"method", "path", "query", "host", "body" (hex), "service", "region", "wall_ms",
 *      "access_key_id", "secret_access_key", "session_token" (or null), "fields": [[name, value], ...]} */
#include <stdio.h>
#include <stdlib.h>

#include "aws/sigv4.h"
#include "base/json.h"

static struct df_slice text_of(const struct df_json *object, const char *name)
{
    const struct df_json *value = df_json_get(object, name);
    return value && value->type == DF_JSON_STRING ? value->text : df_slice_make(NULL, 0);
}

static char *string_of(struct df_arena *arena, const struct df_json *object, const char *name)
{
    struct df_slice text = text_of(object, name);
    return text.data ? df_arena_text(arena, text) : NULL;
}

static unsigned hex_digit(uint8_t c)
{
    return c <= '9' ? c - (unsigned)'0' : c - (unsigned)'a' + 10;
}

static struct df_slice bytes_of(struct df_arena *arena, const struct df_json *object, const char *name)
{
    struct df_slice hex = text_of(object, name);
    uint8_t *bytes = df_arena_alloc(arena, hex.size / 2);
    if (!bytes)
        abort();
    for (size_t i = 0; i < hex.size / 2; i++)
        bytes[i] = (uint8_t)(hex_digit(hex.data[2 * i]) << 4 | hex_digit(hex.data[2 * i + 1]));
    return df_slice_make(bytes, hex.size / 2);
}

static int sign_line(struct df_slice line, struct df_arena *arena, struct df_error *error)
{
    struct df_json *object;
    if (df_json_parse(line, NULL, arena, &object, error) != 0)
        return -1;
    struct df_http_fields fields = {.arena = arena};
    const struct df_json *list = df_json_get(object, "fields");
    for (const struct df_json *field = list ? list->children : NULL; field; field = field->next)
        if (!df_http_fields_add(&fields, field->children->text, field->children->next->text))
            return df_error_no_memory(error, "reading the fields");
    struct df_aws_credentials credentials = {.access_key_id = string_of(arena, object, "access_key_id"),
                                             .secret_access_key = string_of(arena, object, "secret_access_key"),
                                             .session_token = string_of(arena, object, "session_token")};
    struct df_sigv4_request request = {.method = string_of(arena, object, "method"),
                                       .path = text_of(object, "path"),
                                       .query = text_of(object, "query"),
                                       .host = text_of(object, "host"),
                                       .body = bytes_of(arena, object, "body"),
                                       .service = string_of(arena, object, "service"),
                                       .region = string_of(arena, object, "region")};
    if (!df_json_int64(df_json_get(object, "wall_ms"), &request.wall_ms))
        return df_error_set(error, DF_ERROR_INVALID, "wall_ms is missing");
    if (df_sigv4_sign(&fields, &request, &credentials, error) != 0)
        return -1;
    printf("%.*s\n", DF_SLICE_ARG(df_http_fields_get(&fields, "Authorization")));
    return 0;
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int rc = 0;
    while (rc == 0 && (size = getline(&line, &capacity, stdin)) > 0) {
        struct df_arena arena = {0};
        struct df_error error;
        rc = sign_line(df_slice_make(line, (size_t)size), &arena, &error);
        if (rc != 0)
            fprintf(stderr, "%s: %s\n", df_error_name(error.kind), error.message);
        df_arena_dispose(&arena);
    }
    free(line);
    return rc == 0 ? 0 : 1;
}
