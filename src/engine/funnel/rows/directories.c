/* `key=value` directories of a path -> columns of its file. */
#include "engine/funnel/rows/columns.h"

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Into `out`, which has room for text.size bytes; how many there are. What is no escape stays as it is. */
static size_t decode_percent(struct df_slice text, uint8_t *out)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int high = -1, low = -1;
        if (text.data[i] == '%' && text.size - i > 2) {
            high = hex_digit(text.data[i + 1]);
            low = hex_digit(text.data[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            out[size++] = (uint8_t)(high * 16 + low);
            i += 2;
        } else {
            out[size++] = text.data[i];
        }
    }
    return size;
}

bool df_funnel_directory_integer(struct df_slice text, int64_t *out)
{
    size_t at = text.size > 0 && text.data[0] == '-';
    bool negative = at == 1;
    int64_t value = 0;
    if (at == text.size || (text.data[at] == '0' && (negative || text.size > 1)))
        return false;
    for (; at < text.size; at++) {
        int digit = text.data[at] - '0';
        /* Downwards, because -2^63 has no positive counterpart. */
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

static struct df_funnel_directory *place_of(struct df_funnel_directories *directories, const char *name)
{
    for (uint32_t i = 0; i < directories->count; i++)
        if (strcmp(directories->items[i].name, name) == 0)
            return &directories->items[i];
    return directories->count < DF_FUNNEL_DIRECTORIES_MAX ? &directories->items[directories->count++] : NULL;
}

static int add_directory(struct df_funnel_directories *directories, struct df_slice name, struct df_slice value,
                         struct df_arena *arena, struct df_error *error)
{
    char *name_text = df_arena_alloc(arena, name.size + 1);
    uint8_t *value_bytes = df_arena_alloc(arena, value.size + 1);
    if (!name_text || !value_bytes)
        return df_error_no_memory(error, "reading the directories of a path");
    size_t name_size = decode_percent(name, (uint8_t *)name_text);
    if (memchr(name_text, 0, name_size))
        return 0; /* no column has such a name */
    name_text[name_size] = '\0';
    struct df_funnel_directory *directory = place_of(directories, name_text);
    if (!directory)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "a path has more than %d key=value directories",
                            DF_FUNNEL_DIRECTORIES_MAX);
    int64_t number;
    bool null = df_slice_is(value, "__HIVE_DEFAULT_PARTITION__");
    struct df_slice decoded = df_slice_make(value_bytes, decode_percent(value, value_bytes));
    *directory = (struct df_funnel_directory){.name = name_text,
                                              .value = null ? df_slice_make(NULL, 0) : decoded,
                                              .integer = null || df_funnel_directory_integer(decoded, &number)};
    return 0;
}

/* Behind "scheme://authority": a bucket or a host is no directory. */
static const char *path_of(const char *uri)
{
    const char *scheme = strstr(uri, "://");
    if (!scheme || memchr(uri, '/', (size_t)(scheme - uri)))
        return uri;
    const char *path = strchr(scheme + 3, '/');
    return path ? path : scheme + strlen(scheme);
}

int df_funnel_directories_parse(const char *uri, struct df_arena *arena, struct df_funnel_directories *directories,
                                struct df_error *error)
{
    directories->count = 0;
    const char *at = path_of(uri);
    for (const char *slash; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        const char *equals = memchr(at, '=', (size_t)(slash - at));
        if (!equals || equals == at)
            continue;
        struct df_slice name = df_slice_make(at, (size_t)(equals - at));
        struct df_slice value = df_slice_make(equals + 1, (size_t)(slash - equals - 1));
        if (add_directory(directories, name, value, arena, error) < 0)
            return df_error_prefix(error, "%s", uri);
    }
    return 0;
}
