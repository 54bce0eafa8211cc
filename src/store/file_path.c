/* URIs of files: to paths and back. */
#include <stdlib.h>
#include <strings.h>

#include "store/file.h"
#include "store/glob.h"

static const char *after_scheme(const char *uri)
{
    return strncasecmp(uri, "file://", 7) == 0 ? uri + 7 : NULL;
}

/* The path inside "host/path"; NULL when the host is not this machine, or there is no absolute path. */
static const char *after_host(const char *rest)
{
    if (strncasecmp(rest, "localhost/", 10) == 0)
        return rest + 9;
    return rest[0] == '/' ? rest : NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte behind a '%'; -1 when no two digits follow, or for NUL, which no path can hold. */
static int decode_escape(const char *percent)
{
    int high = hex_digit(percent[1]);
    int low = high < 0 ? -1 : hex_digit(percent[2]);
    return low < 0 || high + low == 0 ? -1 : high << 4 | low;
}

/* A literal byte inside a glob. */
static void put_literal(struct df_buf *pattern, char byte)
{
    if (byte != '*' && byte != '?' && byte != '[') {
        df_buf_put_char(pattern, byte);
        return;
    }
    df_buf_put_char(pattern, '[');
    df_buf_put_char(pattern, byte);
    df_buf_put_char(pattern, ']');
}

static int decode(const char *encoded, struct df_buf *path, struct df_buf *pattern)
{
    for (const char *at = encoded; *at; at++) {
        if (*at != '%') {
            df_buf_put_char(path, *at);
            df_buf_put_char(pattern, *at);
            continue;
        }
        int byte = decode_escape(at);
        if (byte < 0)
            return -1;
        df_buf_put_char(path, (char)byte);
        put_literal(pattern, (char)byte);
        at += 2;
    }
    return 0;
}

/* A buffer's content as a string of its own; the buffer is empty afterwards. */
static char *take_text(struct df_buf *buf)
{
    df_buf_put_char(buf, '\0');
    char *text = df_buf_failed(buf) ? NULL : (char *)buf->data;
    if (text)
        *buf = (struct df_buf){0};
    df_buf_dispose(buf);
    return text;
}

static int parse_encoded(struct df_buf *path, struct df_buf *pattern, const char *uri, const char *rest,
                         struct df_error *error)
{
    const char *encoded = after_host(rest);
    if (!encoded)
        return df_error_set(error, DF_ERROR_INVALID,
                            "'%s' names another machine or no absolute path: write file:///folder/name", uri);
    if (decode(encoded, path, pattern) < 0)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' has a %% that is not followed by two hex digits (not 00)",
                            uri);
    return 0;
}

int df_file_path_parse_pattern(struct df_file_path *path, char **pattern, const char *uri, struct df_error *error)
{
    *path = (struct df_file_path){0};
    *pattern = NULL;
    if (uri[0] == '\0')
        return df_error_set(error, DF_ERROR_INVALID, "the path is empty");
    struct df_buf path_buf = {0}, pattern_buf = {0};
    const char *rest = after_scheme(uri);
    path->encoded = rest != NULL;
    if (rest && parse_encoded(&path_buf, &pattern_buf, uri, rest, error) < 0) {
        df_buf_dispose(&path_buf);
        df_buf_dispose(&pattern_buf);
        return -1;
    }
    if (!rest) {
        df_buf_put_text(&path_buf, uri);
        df_buf_put_text(&pattern_buf, uri);
    }
    path->text = take_text(&path_buf);
    *pattern = take_text(&pattern_buf);
    if (path->text && *pattern)
        return 0;
    df_file_path_dispose(path);
    free(*pattern);
    *pattern = NULL;
    return df_error_no_memory(error, "reading a path");
}

int df_file_path_parse(struct df_file_path *path, const char *uri, struct df_error *error)
{
    char *pattern;
    int result = df_file_path_parse_pattern(path, &pattern, uri, error);
    free(pattern);
    return result;
}

void df_file_path_dispose(struct df_file_path *path)
{
    free(path->text);
    *path = (struct df_file_path){0};
}

/* What may stand in a path of a URI as it is; of the others only '=' is common in names, and harmless. */
static bool stands_for_itself(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           (byte != 0 && strchr("-._~/=", byte) != NULL);
}

void df_file_path_put_uri(const struct df_file_path *like, struct df_slice path, struct df_buf *uri)
{
    if (!like->encoded) {
        df_buf_put_slice(uri, path);
        return;
    }
    df_buf_put_text(uri, "file://");
    for (size_t i = 0; i < path.size; i++) {
        if (stands_for_itself(path.data[i]))
            df_buf_put_char(uri, (char)path.data[i]);
        else
            df_buf_printf(uri, "%%%02X", path.data[i]);
    }
}
