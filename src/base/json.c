#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

/* yajl checks the grammar and cuts the text into tokens; the rest is here, because yajl
 *   - tells only where a token ends, and not even that for a number at the end of the text: starts are found by
 *     skipping what may stand between two tokens;
 *   - takes overlong and surrogate UTF-8, and joins a lone high surrogate with any escape behind it;
 *   - takes vertical tabs and form feeds for white space;
 *   - knows no limit of depth;
 *   - does not look whether malloc gave it memory. */

const struct df_json_limits df_json_default_limits = {
    .text_bytes = (size_t)100 << 20, .depth = 512, .nodes = (size_t)20 * 1000 * 1000};

struct level {
    struct df_json *container;
    struct df_json *last; /* child, NULL while there is none */
};

/* In front of every piece of memory that yajl holds, so that all of it can be given back when malloc fails within. */
struct piece {
    _Alignas(max_align_t) struct piece *next;
    struct piece **slot; /* what points here */
};

struct reader {
    struct df_slice text;
    const struct df_json_limits *limits;
    struct df_arena *arena;
    struct df_error *error;
    yajl_handle yajl;
    struct piece *pieces;
    jmp_buf no_memory; /* out of yajl */

    size_t at; /* end of the last token */
    size_t node_count;
    struct df_json *root;
    struct df_slice key; /* of the member whose value comes next */
    struct level *levels;
    size_t depth, level_capacity;
};

/* ---- messages ---- */

void df_json_position(struct df_slice text, size_t offset, unsigned *line, unsigned *column)
{
    if (offset > text.size)
        offset = text.size;
    size_t line_start = 0;
    *line = 1;
    const uint8_t *feed;
    while (line_start < offset && (feed = memchr(text.data + line_start, '\n', offset - line_start)) != NULL) {
        line_start = (size_t)(feed - text.data) + 1;
        ++*line;
    }
    *column = (unsigned)(offset - line_start) + 1;
}

__attribute__((format(printf, 3, 4))) static int fail_at(struct reader *reader, size_t offset, const char *format, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    unsigned line, column;
    df_json_position(reader->text, offset, &line, &column);
    return df_error_set(reader->error, DF_ERROR_INVALID, "line %u, column %u: %s", line, column, reason);
}

/* What stands at a place, for "found …". */
static const char *found_at(const struct reader *reader, size_t offset, char name[static 16])
{
    if (offset >= reader->text.size)
        return "the end";
    uint8_t c = reader->text.data[offset];
    if (c == '"')
        return "a string";
    if ((c >= '0' && c <= '9') || c == '-')
        return "a number";
    if (c > ' ' && c < 0x7f)
        snprintf(name, 16, "'%c'", c);
    else
        snprintf(name, 16, "byte 0x%02x", c);
    return name;
}

/* ---- the text before yajl sees it ---- */

/* Length of the UTF-8 character at p (RFC 3629: shortest form, no surrogates, at most U+10FFFF); 0 when it is none. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < length)
        return 0;
    uint8_t low = 0x80, high = 0xbf;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static int check_utf8(struct reader *reader)
{
    const uint8_t *data = reader->text.data;
    size_t size = reader->text.size, at = 0;
    while (at < size) {
        uint64_t eight;
        while (size - at >= sizeof eight) {
            memcpy(&eight, data + at, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080))
                break;
            at += sizeof eight;
        }
        if (at == size)
            break;
        size_t length = utf8_length(data + at, size - at);
        if (length == 0)
            return fail_at(reader, at, "the text is not UTF-8 (byte 0x%02x)", data[at]);
        at += length;
    }
    return 0;
}

/* ---- tokens ---- */

/* Start of the token that ends behind `end` at the earliest. The grammar is yajl's business: it has seen to it that
 * commas and colons stand where they may. */
static size_t skip_between(const struct reader *reader, size_t end)
{
    size_t at = reader->at;
    while (at < reader->text.size) {
        uint8_t c = reader->text.data[at];
        bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        bool sign = (c == ',' || c == ':') && at + 1 < end;
        if (!blank && !sign)
            break;
        at++;
    }
    return at;
}

/* yajl would go on at a vertical tab or form feed; nothing else that it accepts can stand here. */
static int check_blank(struct reader *reader, size_t at)
{
    if (at < reader->text.size && (reader->text.data[at] == '\v' || reader->text.data[at] == '\f'))
        return fail_at(reader, at, "byte 0x%02x is no white space in JSON", reader->text.data[at]);
    return 0;
}

/* Finds the start of the token of which yajl has just told us. */
static int token_start(struct reader *reader, size_t *start)
{
    *start = skip_between(reader, SIZE_MAX);
    return check_blank(reader, *start);
}

/* ---- the tree ---- */

static struct df_json *add_node(struct reader *reader, enum df_json_type type, size_t offset)
{
    if (++reader->node_count > reader->limits->nodes) {
        df_error_set(reader->error, DF_ERROR_TOO_LARGE, "the JSON text has more than %zu values",
                     reader->limits->nodes);
        return NULL;
    }
    struct df_json *node = df_arena_alloc(reader->arena, sizeof *node);
    if (!node) {
        df_error_no_memory(reader->error, "reading JSON");
        return NULL;
    }
    *node = (struct df_json){.type = type, .offset = offset};
    if (reader->depth == 0) {
        reader->root = node;
        return node;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->last)
        level->last->next = node;
    else
        level->container->children = node;
    level->last = node;
    level->container->child_count++;
    node->key = reader->key;
    reader->key = df_slice_make(NULL, 0);
    return node;
}

/* A node of `size` bytes of text. */
static struct df_json *add_scalar(struct reader *reader, enum df_json_type type, size_t size)
{
    size_t start;
    if (token_start(reader, &start) != 0)
        return NULL;
    reader->at = start + size;
    return add_node(reader, type, start);
}

static int level_push(struct reader *reader, struct df_json *container)
{
    if (reader->depth == reader->level_capacity) {
        size_t capacity = reader->level_capacity ? reader->level_capacity * 2 : 16;
        struct level *levels = realloc(reader->levels, capacity * sizeof *levels);
        if (!levels)
            return df_error_no_memory(reader->error, "reading JSON");
        reader->levels = levels;
        reader->level_capacity = capacity;
    }
    reader->levels[reader->depth++] = (struct level){.container = container};
    return 0;
}

static int container_begin(struct reader *reader, enum df_json_type type)
{
    size_t start;
    if (token_start(reader, &start) != 0)
        return 0;
    if (reader->depth >= reader->limits->depth) {
        fail_at(reader, start, "arrays and objects are nested deeper than %u", reader->limits->depth);
        return 0;
    }
    reader->at = start + 1;
    struct df_json *node = add_node(reader, type, start);
    return node && level_push(reader, node) == 0;
}

static int container_end(struct reader *reader)
{
    size_t start;
    if (token_start(reader, &start) != 0)
        return 0;
    reader->at = start + 1;
    reader->depth--;
    return 1;
}

/* ---- strings ---- */

static unsigned hex_value(const uint8_t *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = digits[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10);
    }
    return value;
}

static uint8_t *utf8_put(uint8_t *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (uint8_t)code;
    } else if (code < 0x800) {
        *out++ = (uint8_t)(0xc0 | code >> 6);
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (uint8_t)(0xe0 | code >> 12);
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    } else {
        *out++ = (uint8_t)(0xf0 | code >> 18);
        *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    }
    return out;
}

/* \uXXXX at `at` (behind the u), perhaps with a second half; moves `at` behind it. yajl has checked the digits. */
static unsigned take_code(const uint8_t **at, const uint8_t *end)
{
    unsigned code = hex_value(*at);
    *at += 4;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        unsigned second = hex_value(*at + 2);
        if (second >= 0xdc00 && second <= 0xdfff) {
            *at += 6;
            return 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
        }
    }
    return '?'; /* half a character */
}

static uint8_t escaped_byte(uint8_t c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c; /* " \ / */
    }
}

/* Resolves the escapes; the result is never longer than the source. Returns its size. */
static size_t unescape(struct df_slice raw, uint8_t *out)
{
    uint8_t *to = out;
    const uint8_t *at = raw.data, *end = raw.data + raw.size;
    while (at < end) {
        const uint8_t *backslash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((backslash ? backslash : end) - at);
        memcpy(to, at, plain);
        to += plain;
        if (!backslash)
            break;
        at = backslash + 2;
        if (backslash[1] == 'u')
            to = utf8_put(to, take_code(&at, end));
        else
            *to++ = escaped_byte(backslash[1]);
    }
    return (size_t)(to - out);
}

/* The string token that yajl has just read: its start, and its content in the arena. */
static int take_string(struct reader *reader, size_t *start, struct df_slice *content)
{
    if (token_start(reader, start) != 0)
        return -1;
    reader->at = yajl_get_bytes_consumed(reader->yajl);
    struct df_slice raw = df_slice_make(reader->text.data + *start + 1, reader->at - *start - 2);
    uint8_t *copy = df_arena_alloc(reader->arena, raw.size);
    if (!copy)
        return df_error_no_memory(reader->error, "reading JSON");
    *content = df_slice_make(copy, unescape(raw, copy));
    return 0;
}

/* ---- yajl's callbacks: 1 goes on, 0 ends ---- */

static int on_null(void *ctx)
{
    return add_scalar(ctx, DF_JSON_NULL, 4) != NULL;
}

static int on_boolean(void *ctx, int value)
{
    struct df_json *node = add_scalar(ctx, DF_JSON_BOOL, value ? 4 : 5);
    if (node)
        node->boolean = value != 0;
    return node != NULL;
}

static int on_number(void *ctx, const char *text, size_t size)
{
    struct reader *reader = ctx;
    struct df_json *node = add_scalar(reader, DF_JSON_NUMBER, size);
    if (!node)
        return 0;
    if (df_arena_copy(reader->arena, df_slice_make(text, size), &node->text))
        return 1;
    df_error_no_memory(reader->error, "reading JSON");
    return 0;
}

static int on_string(void *ctx, const unsigned char *decoded, size_t size)
{
    (void)decoded;
    (void)size;
    struct reader *reader = ctx;
    struct df_slice content;
    size_t start;
    if (take_string(reader, &start, &content) != 0)
        return 0;
    struct df_json *node = add_node(reader, DF_JSON_STRING, start);
    if (node)
        node->text = content;
    return node != NULL;
}

static int on_key(void *ctx, const unsigned char *decoded, size_t size)
{
    (void)decoded;
    (void)size;
    struct reader *reader = ctx;
    size_t start;
    return take_string(reader, &start, &reader->key) == 0;
}

static int on_object(void *ctx)
{
    return container_begin(ctx, DF_JSON_OBJECT);
}

static int on_array(void *ctx)
{
    return container_begin(ctx, DF_JSON_ARRAY);
}

static int on_end(void *ctx)
{
    return container_end(ctx);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_end,
};

/* ---- yajl's memory ---- */

static void piece_link(struct reader *reader, struct piece *piece)
{
    piece->next = reader->pieces;
    piece->slot = &reader->pieces;
    if (piece->next)
        piece->next->slot = &piece->next;
    reader->pieces = piece;
}

static void piece_unlink(struct piece *piece)
{
    *piece->slot = piece->next;
    if (piece->next)
        piece->next->slot = piece->slot;
}

static void *yajl_memory_resize(void *ctx, void *memory, size_t size)
{
    struct reader *reader = ctx;
    struct piece *old = memory ? (struct piece *)memory - 1 : NULL;
    if (old)
        piece_unlink(old);
    struct piece *piece = size <= SIZE_MAX - sizeof *piece ? realloc(old, sizeof *piece + size) : NULL;
    if (!piece) {
        if (old)
            piece_link(reader, old);
        longjmp(reader->no_memory, 1);
    }
    piece_link(reader, piece);
    return piece + 1;
}

static void *yajl_memory_get(void *ctx, size_t size)
{
    return yajl_memory_resize(ctx, NULL, size);
}

static void yajl_memory_give(void *ctx, void *memory)
{
    (void)ctx;
    if (!memory)
        return;
    struct piece *piece = (struct piece *)memory - 1;
    piece_unlink(piece);
    free(piece);
}

/* ---- what was wrong ---- */

/* Words of yajl, the place meant, and ours. */
static const struct fault {
    const char *yajl;
    enum { AT_TOKEN, AT_CONSUMED, BEFORE_CONSUMED } place;
    const char *reason;
    bool name_found;
} faults[] = {
    {"unallowed token", AT_TOKEN, "expected a value", true},
    {"after array element", AT_TOKEN, "expected ',' or ']' after an element of the array", true},
    {"object key and value", AT_TOKEN, "expected ':' after the name of a member", true},
    {"after key and value", AT_TOKEN, "expected ',' or '}' after a member of the object", true},
    {"invalid object key", AT_TOKEN, "expected the name of a member, in double quotes", true},
    {"trailing garbage", AT_TOKEN, "there is text after the end of the value", false},
    {"probable comment", AT_TOKEN, "there are no comments in JSON", false},
    {"invalid char in json text", BEFORE_CONSUMED, "expected JSON", true},
    {"invalid string in json text", AT_TOKEN, "expected true, false or null", false},
    {"which it may not", AT_CONSUMED, "a backslash in a string stands before one of \"\\/bfnrtu only", true},
    {"invalid (non-hex)", AT_CONSUMED, "expected four hexadecimal digits after \\u", true},
    {"invalid character inside string", AT_CONSUMED,
     "control characters (a line break, for example) are escaped in strings", true},
    {"after the minus sign", AT_CONSUMED, "expected a digit after the minus sign", true},
    {"after the decimal point", AT_CONSUMED, "expected a digit after the decimal point", true},
    {"after the exponent", AT_CONSUMED, "expected a digit in the exponent", true},
};

static const struct fault *find_fault(struct reader *reader)
{
    unsigned char *message = yajl_get_error(reader->yajl, 0, NULL, 0);
    const struct fault *found = NULL;
    for (size_t i = 0; i < sizeof faults / sizeof *faults && !found; i++)
        if (message && strstr((const char *)message, faults[i].yajl))
            found = &faults[i];
    yajl_free_error(reader->yajl, message);
    return found;
}

static int fail_at_end(struct reader *reader)
{
    if (reader->depth == 0)
        return fail_at(reader, reader->text.size, "unexpected end of the text");
    const struct df_json *open = reader->levels[reader->depth - 1].container;
    unsigned line, column;
    df_json_position(reader->text, open->offset, &line, &column);
    return fail_at(reader, reader->text.size, "unexpected end of the text: the %s of line %u, column %u is not closed",
                   open->type == DF_JSON_ARRAY ? "array" : "object", line, column);
}

/* consumed: how far yajl came, or the size of the text when it failed at its end. */
static int fail_as_yajl(struct reader *reader, size_t consumed)
{
    const struct fault *fault = find_fault(reader);
    size_t token = skip_between(reader, consumed);
    if (check_blank(reader, token) != 0)
        return -1;
    if (!fault)
        return fail_at(reader, token, "this is no JSON");
    size_t place = token;
    if (fault->place == AT_CONSUMED)
        place = consumed;
    else if (fault->place == BEFORE_CONSUMED && consumed > 0)
        place = consumed - 1;
    if (place == 0 && reader->text.size >= 3 && memcmp(reader->text.data, "\xef\xbb\xbf", 3) == 0)
        return fail_at(reader, 0, "the text begins with a byte order mark; save it without");
    char name[16];
    if (fault->name_found)
        return fail_at(reader, place, "%s, found %s", fault->reason, found_at(reader, place, name));
    return fail_at(reader, place, "%s", fault->reason);
}

static int parse_all(struct reader *reader)
{
    yajl_alloc_funcs memory = {yajl_memory_get, yajl_memory_resize, yajl_memory_give, reader};
    if (setjmp(reader->no_memory) != 0)
        return df_error_no_memory(reader->error, "reading JSON");
    reader->yajl = yajl_alloc(&callbacks, &memory, reader);
    yajl_config(reader->yajl, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(reader->yajl, reader->text.data, reader->text.size);
    if (status == yajl_status_error)
        return fail_as_yajl(reader, yajl_get_bytes_consumed(reader->yajl));
    if (status == yajl_status_ok)
        status = yajl_complete_parse(reader->yajl);
    if (status == yajl_status_client_canceled)
        return -1; /* the callback has set the error */
    size_t rest = skip_between(reader, SIZE_MAX);
    if (check_blank(reader, rest) != 0)
        return -1;
    /* yajl takes the beginning of a string behind the value for nothing. */
    if (reader->root && reader->depth == 0 && rest < reader->text.size)
        return fail_at(reader, rest, "there is text after the end of the value");
    return status == yajl_status_ok ? 0 : fail_at_end(reader);
}

static void reader_dispose(struct reader *reader)
{
    for (struct piece *piece = reader->pieces, *next; piece; piece = next) {
        next = piece->next;
        free(piece);
    }
    free(reader->levels);
}

int df_json_parse(struct df_slice text, const struct df_json_limits *limits, struct df_arena *arena,
                  struct df_json **out, struct df_error *error)
{
    *out = NULL;
    if (!limits)
        limits = &df_json_default_limits;
    if (text.size > limits->text_bytes)
        return df_error_set(error, DF_ERROR_TOO_LARGE, "the JSON text has %zu bytes; at most %zu are read", text.size,
                            limits->text_bytes);
    struct reader reader = {.text = text, .limits = limits, .arena = arena, .error = error};
    if (text.size == 0)
        return fail_at(&reader, 0, "the text is empty; expected a JSON value");
    if (check_utf8(&reader) != 0)
        return -1;
    int rc = parse_all(&reader);
    if (rc == 0)
        *out = reader.root;
    reader_dispose(&reader);
    return rc;
}

/* ---- using the tree ---- */

struct df_json *df_json_get(const struct df_json *object, const char *name)
{
    struct df_json *found = NULL;
    if (!object || object->type != DF_JSON_OBJECT)
        return NULL;
    for (struct df_json *member = object->children; member; member = member->next)
        if (df_slice_is(member->key, name))
            found = member;
    return found;
}

bool df_json_is_integer(const struct df_json *number)
{
    if (!number || number->type != DF_JSON_NUMBER)
        return false;
    for (size_t i = 0; i < number->text.size; i++) {
        uint8_t c = number->text.data[i];
        if (c == '.' || c == 'e' || c == 'E')
            return false;
    }
    return true;
}

/* Sign and magnitude of an integer literal; false when it is none, or longer than 64 bits. */
static bool take_integer(const struct df_json *number, bool *negative, uint64_t *magnitude)
{
    if (!df_json_is_integer(number))
        return false;
    size_t i = 0;
    *negative = number->text.size > 0 && number->text.data[0] == '-';
    *magnitude = 0;
    for (i = *negative; i < number->text.size; i++)
        if (__builtin_mul_overflow(*magnitude, UINT64_C(10), magnitude) ||
            __builtin_add_overflow(*magnitude, (uint64_t)(number->text.data[i] - '0'), magnitude))
            return false;
    return true;
}

bool df_json_int64(const struct df_json *number, int64_t *out)
{
    bool negative;
    uint64_t magnitude;
    if (!take_integer(number, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(UINT64_C(0) - magnitude) : (int64_t)magnitude;
    return true;
}

bool df_json_uint64(const struct df_json *number, uint64_t *out)
{
    bool negative;
    uint64_t magnitude;
    if (!take_integer(number, &negative, &magnitude) || (negative && magnitude != 0))
        return false;
    *out = magnitude;
    return true;
}

/* strtod follows the locale's decimal point; the program never sets a locale, so that is '.'. */
bool df_json_double(const struct df_json *number, double *out)
{
    char small[64];
    if (!number || number->type != DF_JSON_NUMBER)
        return false;
    char *text = number->text.size < sizeof small ? small : malloc(number->text.size + 1);
    if (!text)
        return false;
    memcpy(text, number->text.data, number->text.size);
    text[number->text.size] = '\0';
    double value = strtod(text, NULL);
    if (text != small)
        free(text);
    if (value - value != 0) /* an infinity: beyond the range */
        return false;
    *out = value;
    return true;
}

const char *df_json_type_name(enum df_json_type type)
{
    static const char *const names[] = {
        [DF_JSON_NULL] = "null",       [DF_JSON_BOOL] = "a boolean", [DF_JSON_NUMBER] = "a number",
        [DF_JSON_STRING] = "a string", [DF_JSON_ARRAY] = "an array", [DF_JSON_OBJECT] = "an object",
    };
    return names[type];
}
