/* Structured log to stderr: one line per event, `time level event key=value …` or one JSON object per line.
 *
 * The only global state of the program. Thread: any; a line is written with one write(2). */
#ifndef DF_BASE_LOG_H
#define DF_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum df_log_level { DF_LOG_DEBUG, DF_LOG_INFO, DF_LOG_WARNING, DF_LOG_ERROR, DF_LOG_OFF };
enum df_log_format { DF_LOG_TEXT, DF_LOG_JSON };

void df_log_setup(enum df_log_level level, enum df_log_format format, int fd);
bool df_log_enabled(enum df_log_level level);

/* A field is made by one of these; names and texts are borrowed during the call. */
struct df_log_field {
    const char *name; /* NULL ends the list */
    enum { DF_LOG_FIELD_TEXT, DF_LOG_FIELD_INT, DF_LOG_FIELD_UINT, DF_LOG_FIELD_DOUBLE } type;
    union {
        const char *text;
        int64_t integer;
        uint64_t unsigned_integer;
        double number;
    } value;
};
struct df_log_field df_log_text(const char *name, const char *value); /* value NULL is written as null */
struct df_log_field df_log_int(const char *name, int64_t value);
struct df_log_field df_log_uint(const char *name, uint64_t value);
struct df_log_field df_log_double(const char *name, double value);

void df_log_fields(enum df_log_level level, const char *event, const struct df_log_field *fields);

/* df_log(DF_LOG_WARNING, "part_retried", df_log_uint("part", 3), df_log_text("error", message)); */
#define df_log(level, event, ...)                                                                                      \
    do {                                                                                                               \
        if (df_log_enabled(level))                                                                                     \
            df_log_fields((level), (event), (const struct df_log_field[]){__VA_ARGS__ __VA_OPT__(, ){.name = 0}});     \
    } while (0)

#endif
