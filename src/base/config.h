/* Options: each exists once, as a row of a table that its module contributes. --help, `dayfly config`,
 * docs/configuration.md and the checks all come from these rows.
 *
 * Where a value comes from, the first that has one: flag, environment, settings.json (Lambda), dayfly.yaml, default.
 * Thread: filled by one thread before others read it. */
#ifndef DF_BASE_CONFIG_H
#define DF_BASE_CONFIG_H

#include "base/buf.h"
#include "base/error.h"

enum df_option_type {
    DF_OPTION_BOOL,     /* true false yes no on off 1 0 */
    DF_OPTION_INT,      /* decimal, within minimum and maximum */
    DF_OPTION_SIZE,     /* bytes; 64M, 2G, 512K, 1.5G (powers of 1024); 0 allowed if minimum is 0 */
    DF_OPTION_DURATION, /* ms; 500ms 30s 15m 12h 7d 2w */
    DF_OPTION_TEXT,
    DF_OPTION_CHOICE, /* one of `choices` */
};

struct df_option {
    const char *name; /* "memory.limit"; the environment name DAYFLY_MEMORY_LIMIT follows from it */
    enum df_option_type type;
    const char *default_text;       /* as a user would write it; NULL: worked out at run time, see `help` */
    const char *flag;               /* "--memory", or NULL when there is no flag of its own */
    const char *value_name;         /* "SIZE", for --help */
    const char *choices;            /* "auto|whole|spread" */
    int64_t minimum, maximum;       /* of INT, SIZE, DURATION; both 0: any that is not negative */
    const char *const *environment; /* further names, NULL-terminated, or NULL */
    const char *const *yaml;        /* further paths in dayfly.yaml, NULL-terminated, or NULL */
    bool secret;                    /* `dayfly config` prints ***** */
    const char *help;               /* one line */
};

enum df_config_source {
    DF_CONFIG_DEFAULT,
    DF_CONFIG_YAML,
    DF_CONFIG_SETTINGS,
    DF_CONFIG_ENVIRONMENT,
    DF_CONFIG_FLAG,
};

struct df_config;

int df_config_create(struct df_config **config, struct df_error *error);
void df_config_free(struct df_config *config);

/* Adds rows; `rows` stays the module's (static). A name or flag twice is an assert. */
int df_config_register(struct df_config *config, const struct df_option *rows, size_t count, struct df_error *error);

/* Sets one option from text; checks it. Fails with invalid, naming where the value came from and what would be right.
 * A value of a lower source never replaces one of a higher. */
int df_config_set(struct df_config *config, const char *name, const char *text, enum df_config_source source,
                  struct df_error *error);

/* Reads the environment (an array like environ). The own name counts before the further ones; a variable that is set to
 * nothing counts as not set. Unknown DAYFLY_… names are logged as warnings, not errors. */
int df_config_load_environment(struct df_config *config, char *const *environment, struct df_error *error);
/* Nested mappings become dotted names; an unknown name is an error with line and the nearest known name. A value of
 * nothing (`name:`, null) counts as not given, a list is an error. settings.json alike. At most 1 MiB each. */
int df_config_load_yaml(struct df_config *config, struct df_slice text, const char *origin, struct df_error *error);
int df_config_load_settings(struct df_config *config, struct df_slice json, const char *origin, struct df_error *error);

/* Values. The name must be registered with that type (asserted). */
bool df_config_bool(const struct df_config *config, const char *name);
int64_t df_config_int(const struct df_config *config, const char *name);      /* INT; SIZE in bytes; DURATION in ms */
const char *df_config_text(const struct df_config *config, const char *name); /* TEXT, CHOICE; NULL when it has none */
bool df_config_has(const struct df_config *config, const char *name);         /* a value, be it the default's */
enum df_config_source df_config_source(const struct df_config *config, const char *name);
const char *df_config_source_name(enum df_config_source source);

/* The table, for --help and `dayfly config`: rows in order of their names. */
size_t df_config_count(const struct df_config *config);
const struct df_option *df_config_row(const struct df_config *config, size_t index);
const struct df_option *df_config_find_flag(const struct df_config *config, const char *flag); /* NULL when unknown */
void df_config_put_value(const struct df_config *config, const char *name,
                         struct df_buf *out); /* as text, secrets hidden */

/* Parsing by itself, for other texts with units. */
int df_parse_size(const char *text, uint64_t *bytes, struct df_error *error);
int df_parse_duration(const char *text, int64_t *ms, struct df_error *error);

/* The name nearest to `wrong` in edit distance, or NULL when none is near: for "did you mean". */
const char *df_nearest_name(const char *wrong, const char *const *names, size_t count);

#endif
