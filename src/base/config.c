#include "base/config.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/json.h"
#include "base/log.h"

enum {
    NAME_BYTES = 128,         /* longest dotted name in a file */
    FILE_BYTES = 1024 * 1024, /* longest dayfly.yaml and settings.json */
    FILE_DEPTH = 16,
};

struct entry {
    const struct df_option *row;
    enum df_config_source source;
    char *text;         /* owned; NULL: no value */
    int64_t number;     /* of BOOL, INT, SIZE, DURATION */
    unsigned yaml_line; /* where dayfly.yaml gave it; 0: it did not */
};

struct df_config {
    struct entry *entries; /* in order of their names */
    size_t count, capacity;
};

/* ---- names ---- */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

enum { DISTANCE_NAME_BYTES = 64 };

/* Edit distance with swaps of neighbours, case ignored. Names longer than the table are far from everything. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size >= DISTANCE_NAME_BYTES || b_size >= DISTANCE_NAME_BYTES)
        return UINT32_MAX;
    unsigned rows[3][DISTANCE_NAME_BYTES];
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *before_that = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = least(before[j - 1] + (x != y), least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]))
                now[j] = least(now[j], before_that[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *df_nearest_name(const char *wrong, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    unsigned best = 1 + (unsigned)strnlen(wrong, DISTANCE_NAME_BYTES) / 3; /* a third of the letters may be wrong */
    for (size_t i = 0; i < count; i++) {
        unsigned distance = edit_distance(wrong, names[i]);
        if (distance < best || (distance == best && !nearest)) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

static struct entry *find_entry(const struct df_config *config, const char *name)
{
    size_t low = 0, high = config->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, config->entries[middle].row->name);
        if (order == 0)
            return &config->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* By its name or by one of its further names in dayfly.yaml. */
static struct entry *find_yaml_entry(const struct df_config *config, const char *name)
{
    struct entry *found = find_entry(config, name);
    for (size_t i = 0; !found && i < config->count; i++)
        for (const char *const *alias = config->entries[i].row->yaml; alias && *alias && !found; alias++)
            if (strcmp(*alias, name) == 0)
                found = &config->entries[i];
    return found;
}

/* DAYFLY_MEMORY_LIMIT of memory.limit. */
static void environment_name(const char *name, char out[static NAME_BYTES])
{
    size_t size = (size_t)snprintf(out, NAME_BYTES, "DAYFLY_%s", name);
    assert(size < NAME_BYTES);
    for (size_t i = 0; i < size; i++)
        out[i] = out[i] == '.' || out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

/* The first option of the group `name`, NULL when there is no such group. */
static const char *group_member(const struct df_config *config, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < config->count; i++) {
        const char *known = config->entries[i].row->name;
        if (strncmp(known, name, size) == 0 && known[size] == '.')
            return known;
    }
    return NULL;
}

/* A name that is not an option: says what may have been meant. */
static int fail_unknown(const struct df_config *config, const char *name, struct df_error *error)
{
    const char *member = group_member(config, name);
    if (member)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is a group of options (%s, for example), not an option",
                            name, member);
    const char **names = calloc(config->count + 1, sizeof *names);
    if (!names)
        return df_error_no_memory(error, "looking for an option");
    for (size_t i = 0; i < config->count; i++)
        names[i] = config->entries[i].row->name;
    const char *nearest = df_nearest_name(name, names, config->count);
    free(names);
    if (nearest)
        return df_error_set(error, DF_ERROR_INVALID, "there is no option '%s'; did you mean '%s'?", name, nearest);
    return df_error_set(error, DF_ERROR_INVALID, "there is no option '%s'; `dayfly config` lists them", name);
}

/* ---- values ---- */

/* A decimal number with at most nine digits behind the point, then a unit. value / 10^decimals; the rest in *unit. */
struct quantity {
    uint64_t value;
    uint64_t scale; /* 10^decimals */
    const char *unit;
};

static bool take_quantity(const char *text, struct quantity *out)
{
    *out = (struct quantity){.scale = 1};
    const char *at = text;
    bool digits = false, point = false;
    for (;; at++) {
        if (*at == '.' && digits && !point) {
            point = true;
            digits = false; /* one must follow */
            continue;
        }
        if (*at < '0' || *at > '9')
            break;
        digits = true;
        if (point && out->scale == UINT64_C(1000000000))
            return false;
        out->scale *= point ? 10 : 1;
        if (__builtin_mul_overflow(out->value, UINT64_C(10), &out->value) ||
            __builtin_add_overflow(out->value, (uint64_t)(*at - '0'), &out->value))
            return false;
    }
    while (digits && *at == ' ')
        at++;
    out->unit = at;
    return digits;
}

/* value * unit, rounded down; false when it does not fit. */
static bool quantity_in(const struct quantity *quantity, uint64_t unit, uint64_t *out)
{
    unsigned __int128 product = (unsigned __int128)quantity->value * unit / quantity->scale;
    *out = (uint64_t)product;
    return product <= UINT64_MAX;
}

static bool size_unit(const char *text, uint64_t *unit)
{
    static const char letters[] = "KMGTP";
    const char *letter = *text ? strchr(letters, toupper((unsigned char)*text)) : NULL;
    *unit = letter ? UINT64_C(1) << (10 * (letter - letters + 1)) : 1;
    text += letter != NULL;
    return *text == '\0' || strcasecmp(text, "B") == 0 || (letter && strcasecmp(text, "iB") == 0);
}

int df_parse_size(const char *text, uint64_t *bytes, struct df_error *error)
{
    struct quantity quantity;
    uint64_t unit;
    if (!take_quantity(text, &quantity) || !size_unit(quantity.unit, &unit) || (unit == 1 && quantity.scale > 1))
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is not a size; write bytes, or 512K, 64M, 1.5G", text);
    if (!quantity_in(&quantity, unit, bytes))
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is more than a size can be (16 EiB)", text);
    return 0;
}

static bool duration_unit(const char *text, uint64_t *ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        *ms = units[i].ms;
        if (strcmp(text, units[i].name) == 0)
            return true;
    }
    return false;
}

int df_parse_duration(const char *text, int64_t *ms, struct df_error *error)
{
    struct quantity quantity;
    uint64_t unit, value;
    bool is_number = take_quantity(text, &quantity);
    if (is_number && quantity.value == 0 && *quantity.unit == '\0') { /* 0 needs no unit */
        *ms = 0;
        return 0;
    }
    if (!is_number || !duration_unit(quantity.unit, &unit))
        return df_error_set(error, DF_ERROR_INVALID,
                            "'%s' is not a duration; write a number and its unit: 500ms, 30s, 15m, 12h, 7d, 2w", text);
    if (!quantity_in(&quantity, unit, &value) || value > INT64_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is longer than a duration can be", text);
    *ms = (int64_t)value;
    return 0;
}

static int parse_bool(const char *text, int64_t *out, struct df_error *error)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *out = i % 2;
            return 0;
        }
    return df_error_set(error, DF_ERROR_INVALID, "'%s' is neither true nor false", text);
}

static int parse_int(const char *text, int64_t *out, struct df_error *error)
{
    bool negative = *text == '-';
    uint64_t magnitude = 0;
    bool fits = text[negative] != '\0';
    for (const char *at = text + negative; *at && fits; at++)
        fits = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(magnitude, UINT64_C(10), &magnitude) &&
               !__builtin_add_overflow(magnitude, (uint64_t)(*at - '0'), &magnitude);
    if (!fits || magnitude > (uint64_t)INT64_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is not a whole number", text);
    *out = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return 0;
}

static int parse_choice(const struct df_option *row, const char *text, struct df_error *error)
{
    size_t size = strchr(text, '|') ? 0 : strlen(text); /* no choice has a bar in it */
    for (const char *at = row->choices; size > 0 && at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, text, size) == 0 && (at[size] == '|' || at[size] == '\0'))
            return 0;
    return df_error_set(error, DF_ERROR_INVALID, "'%s' is not one of %s", text, row->choices);
}

static int check_range(const struct df_option *row, const char *text, int64_t value, struct df_error *error)
{
    int64_t maximum = row->minimum == 0 && row->maximum == 0 ? INT64_MAX : row->maximum;
    if (value >= row->minimum && value <= maximum)
        return 0;
    const char *unit = row->type == DF_OPTION_SIZE ? " bytes" : row->type == DF_OPTION_DURATION ? " ms" : "";
    if (maximum == INT64_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is too little; at least %lld%s", text,
                            (long long)row->minimum, unit);
    return df_error_set(error, DF_ERROR_INVALID, "'%s' is out of range; %lld to %lld%s", text, (long long)row->minimum,
                        (long long)maximum, unit);
}

static int parse_size_number(const char *text, int64_t *out, struct df_error *error)
{
    uint64_t bytes = 0;
    if (df_parse_size(text, &bytes, error) != 0)
        return -1;
    if (bytes > INT64_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is more than a size can be here (8 EiB)", text);
    *out = (int64_t)bytes;
    return 0;
}

/* The number behind a text; 0 for types that have none. */
static int parse_value(const struct df_option *row, const char *text, int64_t *number, struct df_error *error)
{
    *number = 0;
    int rc = 0;
    switch (row->type) {
    case DF_OPTION_BOOL:
        return parse_bool(text, number, error);
    case DF_OPTION_TEXT:
        return 0;
    case DF_OPTION_CHOICE:
        return parse_choice(row, text, error);
    case DF_OPTION_INT:
        rc = parse_int(text, number, error);
        break;
    case DF_OPTION_SIZE:
        rc = parse_size_number(text, number, error);
        break;
    case DF_OPTION_DURATION:
        rc = df_parse_duration(text, number, error);
        break;
    }
    return rc != 0 ? -1 : check_range(row, text, *number, error);
}

/* ---- the table ---- */

int df_config_create(struct df_config **config, struct df_error *error)
{
    *config = calloc(1, sizeof **config);
    return *config ? 0 : df_error_no_memory(error, "creating the configuration");
}

void df_config_free(struct df_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->count; i++)
        free(config->entries[i].text);
    free(config->entries);
    free(config);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->row->name, ((const struct entry *)b)->row->name);
}

static int entry_add(struct df_config *config, const struct df_option *row, struct df_error *error)
{
    struct entry entry = {.row = row, .source = DF_CONFIG_DEFAULT};
    assert(strlen(row->name) < NAME_BYTES - sizeof "DAYFLY_");
    if (row->default_text) {
        int rc = parse_value(row, row->default_text, &entry.number, error);
        assert(rc == 0); /* the module's own mistake */
        if (rc != 0)
            return df_error_prefix(error, "default of %s", row->name);
        entry.text = strdup(row->default_text);
        if (!entry.text)
            return df_error_no_memory(error, "filling the configuration");
    }
    config->entries[config->count++] = entry;
    return 0;
}

int df_config_register(struct df_config *config, const struct df_option *rows, size_t count, struct df_error *error)
{
    if (config->capacity - config->count < count) {
        size_t capacity = config->count + count;
        struct entry *entries = realloc(config->entries, capacity * sizeof *entries);
        if (!entries)
            return df_error_no_memory(error, "filling the configuration");
        config->entries = entries;
        config->capacity = capacity;
    }
    size_t sorted = config->count;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        assert(!rows[i].flag || !df_config_find_flag(config, rows[i].flag));
        rc = entry_add(config, &rows[i], error);
    }
    if (config->count > sorted)
        qsort(config->entries, config->count, sizeof *config->entries, compare_entries);
    for (size_t i = 1; i < config->count; i++)
        assert(strcmp(config->entries[i - 1].row->name, config->entries[i].row->name) != 0);
    return rc;
}

/* `where` says in words where the text came from. */
static int entry_set(struct entry *entry, const char *text, enum df_config_source source, const char *where,
                     struct df_error *error)
{
    int64_t number;
    if (parse_value(entry->row, text, &number, error) != 0) {
        if (entry->row->secret) /* the message would show it */
            return df_error_set(error, DF_ERROR_INVALID,
                                "%s: the value is not right for %s (it is secret and not shown)", where,
                                entry->row->name);
        return df_error_prefix(error, "%s: %s", where, entry->row->name);
    }
    if (source < entry->source)
        return 0;
    char *copy = strdup(text);
    if (!copy)
        return df_error_no_memory(error, "filling the configuration");
    free(entry->text);
    entry->text = copy;
    entry->number = number;
    entry->source = source;
    return 0;
}

const char *df_config_source_name(enum df_config_source source)
{
    static const char *const names[] = {
        [DF_CONFIG_DEFAULT] = "default",
        [DF_CONFIG_YAML] = "dayfly.yaml",
        [DF_CONFIG_SETTINGS] = "settings.json",
        [DF_CONFIG_ENVIRONMENT] = "environment",
        [DF_CONFIG_FLAG] = "flag",
    };
    return names[source];
}

int df_config_set(struct df_config *config, const char *name, const char *text, enum df_config_source source,
                  struct df_error *error)
{
    struct entry *entry = find_entry(config, name);
    if (!entry)
        return fail_unknown(config, name, error);
    const char *where = df_config_source_name(source);
    if (source == DF_CONFIG_FLAG && entry->row->flag)
        where = entry->row->flag;
    return entry_set(entry, text, source, where, error);
}

/* ---- the environment ---- */

/* The value of NAME in an array of NAME=value; NULL when it is not there, or empty. */
static const char *environment_value(char *const *environment, const char *name)
{
    size_t size = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=' && (*environment)[size + 1])
            return *environment + size + 1;
    return NULL;
}

static int load_entry_environment(struct entry *entry, char *const *environment, struct df_error *error)
{
    char own_name[NAME_BYTES];
    environment_name(entry->row->name, own_name);
    const char *name = own_name;
    const char *text = environment_value(environment, name);
    for (const char *const *alias = entry->row->environment; !text && alias && *alias; alias++) {
        name = *alias;
        text = environment_value(environment, name);
    }
    return text ? entry_set(entry, text, DF_CONFIG_ENVIRONMENT, name, error) : 0;
}

static bool is_known_environment(const struct df_config *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++) {
        char own_name[NAME_BYTES];
        environment_name(config->entries[i].row->name, own_name);
        if (strcmp(own_name, name) == 0)
            return true;
        for (const char *const *alias = config->entries[i].row->environment; alias && *alias; alias++)
            if (strcmp(*alias, name) == 0)
                return true;
    }
    return false;
}

static void warn_unknown_environment(const struct df_config *config, char *const *environment)
{
    for (; *environment; environment++) {
        size_t size = strcspn(*environment, "=");
        char name[NAME_BYTES];
        if (strncmp(*environment, "DAYFLY_", 7) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), *environment);
        if (!is_known_environment(config, name))
            df_log(DF_LOG_WARNING, "environment_unknown", df_log_text("name", name));
    }
}

int df_config_load_environment(struct df_config *config, char *const *environment, struct df_error *error)
{
    if (!environment)
        return 0;
    warn_unknown_environment(config, environment);
    for (size_t i = 0; i < config->count; i++)
        if (load_entry_environment(&config->entries[i], environment, error) != 0)
            return -1;
    return 0;
}

/* ---- files: dotted names from nested ones ---- */

/* The dotted name of where a reader stands; levels end where the name of the next one begins. */
struct path {
    char name[NAME_BYTES];
    size_t ends[FILE_DEPTH];
    size_t depth;
};

/* Steps into a member; false when the name is too long, too deep or no name. */
static bool path_push(struct path *path, struct df_slice key)
{
    size_t end = path->depth ? path->ends[path->depth - 1] : 0;
    size_t point = end > 0;
    if (path->depth == FILE_DEPTH || key.size == 0 || key.size >= sizeof path->name - end - point ||
        memchr(key.data, '\0', key.size))
        return false;
    if (point)
        path->name[end] = '.';
    memcpy(path->name + end + point, key.data, key.size);
    path->ends[path->depth++] = end + point + key.size;
    path->name[end + point + key.size] = '\0';
    return true;
}

static void path_pop(struct path *path)
{
    path->depth--;
    path->name[path->depth ? path->ends[path->depth - 1] : 0] = '\0';
}

/* ---- dayfly.yaml ---- */

struct yaml_reader {
    struct df_config *config;
    const char *origin;
    struct df_error *error;
    yaml_parser_t parser;
    struct path path;
    unsigned mappings; /* open ones */
    bool wants_value;  /* a key has been read */
};

__attribute__((format(printf, 3, 4))) static int yaml_fail(struct yaml_reader *reader, const yaml_mark_t *mark,
                                                           const char *format, ...)
{
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return df_error_set(reader->error, DF_ERROR_INVALID, "%s, line %zu: %s", reader->origin, mark->line + 1, reason);
}

static int yaml_key(struct yaml_reader *reader, const yaml_event_t *event)
{
    struct df_slice key = df_slice_make(event->data.scalar.value, event->data.scalar.length);
    if (!path_push(&reader->path, key))
        return yaml_fail(reader, &event->start_mark, "no option has a name like that, or as deep as that");
    reader->wants_value = true;
    return 0;
}

/* `name:`, `name: ~` and `name: null` give nothing. */
static bool yaml_is_null(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (strcmp(text, "") == 0 || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

/* A value for an option, its path still in place. */
static int yaml_assign(struct yaml_reader *reader, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    unsigned line = (unsigned)event->start_mark.line + 1;
    struct entry *entry = find_yaml_entry(reader->config, reader->path.name);
    char where[256];
    snprintf(where, sizeof where, "%s, line %u", reader->origin, line);
    if (!entry && yaml_is_null(event) && group_member(reader->config, reader->path.name))
        return 0; /* a group whose members are all commented out */
    if (!entry) {
        fail_unknown(reader->config, reader->path.name, reader->error);
        return df_error_prefix(reader->error, "%s", where);
    }
    if (strlen(text) != event->data.scalar.length)
        return yaml_fail(reader, &event->start_mark, "%s has a zero byte in its value", entry->row->name);
    if (entry->yaml_line)
        return yaml_fail(reader, &event->start_mark, "%s is given twice, in line %u as well", entry->row->name,
                         entry->yaml_line);
    entry->yaml_line = line;
    return yaml_is_null(event) ? 0 : entry_set(entry, text, DF_CONFIG_YAML, where, reader->error);
}

static int yaml_value(struct yaml_reader *reader, const yaml_event_t *event)
{
    int rc = yaml_assign(reader, event);
    path_pop(&reader->path);
    reader->wants_value = false;
    return rc;
}

static int yaml_step(struct yaml_reader *reader, const yaml_event_t *event, unsigned *documents)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++*documents > 1 ? yaml_fail(reader, &event->start_mark, "there is a second document") : 0;
    case YAML_MAPPING_START_EVENT:
        if (!reader->wants_value && reader->mappings > 0)
            return yaml_fail(reader, &event->start_mark, "a mapping is no name of an option");
        reader->mappings++;
        reader->wants_value = false;
        return 0;
    case YAML_MAPPING_END_EVENT:
        if (--reader->mappings > 0) /* the outermost stands behind no key */
            path_pop(&reader->path);
        return 0;
    case YAML_SCALAR_EVENT:
        return reader->wants_value ? yaml_value(reader, event) : yaml_key(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return yaml_fail(reader, &event->start_mark, "%s%sa list stands where one value or a mapping was expected",
                         reader->path.name, reader->path.depth ? ": " : "");
    case YAML_ALIAS_EVENT:
        return yaml_fail(reader, &event->start_mark, "anchors and aliases are not supported; write the value out");
    default:
        return 0;
    }
}

static int yaml_read_all(struct yaml_reader *reader)
{
    unsigned documents = 0;
    bool top_seen = false;
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event) && reader->parser.error == YAML_MEMORY_ERROR)
            return df_error_no_memory(reader->error, "reading YAML");
        if (reader->parser.error != YAML_NO_ERROR)
            return yaml_fail(reader, &reader->parser.problem_mark, "%s",
                             reader->parser.problem ? reader->parser.problem : "this is no YAML");
        int rc = 0;
        /* The document itself must be a mapping; an empty one has an empty scalar. */
        if (!top_seen && event.type == YAML_SCALAR_EVENT) {
            top_seen = true;
            if (!yaml_is_null(&event))
                rc = yaml_fail(reader, &event.start_mark, "expected lines like `memory.limit: 64M`");
        } else {
            top_seen = top_seen || event.type == YAML_MAPPING_START_EVENT;
            rc = yaml_step(reader, &event, &documents);
        }
        bool end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (rc != 0 || end)
            return rc;
    }
}

int df_config_load_yaml(struct df_config *config, struct df_slice text, const char *origin, struct df_error *error)
{
    if (text.size > FILE_BYTES)
        return df_error_set(error, DF_ERROR_TOO_LARGE, "%s has %zu bytes; at most %d are read", origin, text.size,
                            FILE_BYTES);
    for (size_t i = 0; i < config->count; i++)
        config->entries[i].yaml_line = 0;
    struct yaml_reader reader = {.config = config, .origin = origin, .error = error};
    if (!yaml_parser_initialize(&reader.parser))
        return df_error_no_memory(error, "reading YAML");
    yaml_parser_set_input_string(&reader.parser, text.size ? text.data : (const unsigned char *)"", text.size);
    int rc = yaml_read_all(&reader);
    yaml_parser_delete(&reader.parser);
    return rc;
}

/* ---- settings.json ---- */

static const char *json_value_text(const struct df_json *value, struct df_arena *arena)
{
    if (value->type == DF_JSON_BOOL)
        return value->boolean ? "true" : "false";
    return df_arena_text(arena, value->text);
}

static int settings_value(struct df_config *config, const char *name, const struct df_json *value, const char *where,
                          struct df_arena *arena, struct df_error *error)
{
    struct entry *entry = find_yaml_entry(config, name);
    if (!entry) {
        fail_unknown(config, name, error);
        return df_error_prefix(error, "%s", where);
    }
    if (value->type == DF_JSON_NULL)
        return 0;
    if (value->type == DF_JSON_ARRAY)
        return df_error_set(error, DF_ERROR_INVALID, "%s: %s: expected one value, found an array", where, name);
    if (memchr(value->text.data ? value->text.data : (const uint8_t *)"x", '\0', value->text.size))
        return df_error_set(error, DF_ERROR_INVALID, "%s: %s has a zero byte in its value", where, name);
    const char *text = json_value_text(value, arena);
    if (!text)
        return df_error_no_memory(error, "reading settings");
    return entry_set(entry, text, DF_CONFIG_SETTINGS, where, error);
}

struct settings_reader {
    struct df_config *config;
    struct df_slice json;
    const char *origin;
    struct df_arena *arena;
    struct path path;
    struct df_error *error;
};

/* Recursive; df_json_parse has limited the depth to FILE_DEPTH. */
static int settings_object(struct settings_reader *reader, const struct df_json *object)
{
    for (const struct df_json *member = object->children; member; member = member->next) {
        unsigned line, column;
        char where[256];
        df_json_position(reader->json, member->offset, &line, &column);
        snprintf(where, sizeof where, "%s, line %u", reader->origin, line);
        if (!path_push(&reader->path, member->key))
            return df_error_set(reader->error, DF_ERROR_INVALID,
                                "%s: no option has a name like that, or as deep as that", where);
        int rc = member->type == DF_JSON_OBJECT
                     ? settings_object(reader, member)
                     : settings_value(reader->config, reader->path.name, member, where, reader->arena, reader->error);
        if (rc != 0)
            return -1;
        path_pop(&reader->path);
    }
    return 0;
}

int df_config_load_settings(struct df_config *config, struct df_slice json, const char *origin, struct df_error *error)
{
    struct df_json_limits limits = {.text_bytes = FILE_BYTES, .depth = FILE_DEPTH, .nodes = 10000};
    struct df_arena arena = {0};
    struct settings_reader reader = {.config = config, .json = json, .origin = origin, .arena = &arena, .error = error};
    struct df_json *root;
    int rc = df_json_parse(json, &limits, &arena, &root, error);
    if (rc != 0)
        df_error_prefix(error, "%s", origin);
    else if (root->type != DF_JSON_OBJECT)
        rc = df_error_set(error, DF_ERROR_INVALID, "%s: expected an object, found %s", origin,
                          df_json_type_name(root->type));
    else
        rc = settings_object(&reader, root);
    df_arena_dispose(&arena);
    return rc;
}

/* ---- asking ---- */

static const struct entry *registered(const struct df_config *config, const char *name)
{
    const struct entry *entry = find_entry(config, name);
    assert(entry);
    return entry;
}

bool df_config_bool(const struct df_config *config, const char *name)
{
    const struct entry *entry = registered(config, name);
    assert(entry->row->type == DF_OPTION_BOOL);
    return entry->number != 0;
}

int64_t df_config_int(const struct df_config *config, const char *name)
{
    const struct entry *entry = registered(config, name);
    assert(entry->row->type == DF_OPTION_INT || entry->row->type == DF_OPTION_SIZE ||
           entry->row->type == DF_OPTION_DURATION);
    return entry->number;
}

const char *df_config_text(const struct df_config *config, const char *name)
{
    const struct entry *entry = registered(config, name);
    assert(entry->row->type == DF_OPTION_TEXT || entry->row->type == DF_OPTION_CHOICE);
    return entry->text;
}

bool df_config_has(const struct df_config *config, const char *name)
{
    return registered(config, name)->text != NULL;
}

enum df_config_source df_config_source(const struct df_config *config, const char *name)
{
    return registered(config, name)->source;
}

size_t df_config_count(const struct df_config *config)
{
    return config->count;
}

const struct df_option *df_config_row(const struct df_config *config, size_t index)
{
    assert(index < config->count);
    return config->entries[index].row;
}

const struct df_option *df_config_find_flag(const struct df_config *config, const char *flag)
{
    for (size_t i = 0; i < config->count; i++)
        if (config->entries[i].row->flag && strcmp(config->entries[i].row->flag, flag) == 0)
            return config->entries[i].row;
    return NULL;
}

void df_config_put_value(const struct df_config *config, const char *name, struct df_buf *out)
{
    const struct entry *entry = registered(config, name);
    if (!entry->text)
        return;
    df_buf_put_text(out, entry->row->secret && *entry->text ? "*****" : entry->text);
}
