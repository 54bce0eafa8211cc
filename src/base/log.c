#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/json_write.h"
#include "base/time.h"

static _Atomic int log_level = DF_LOG_WARNING;
static _Atomic int log_format = DF_LOG_TEXT;
static _Atomic int log_fd = STDERR_FILENO;

static const char *const level_names[] = {
    [DF_LOG_DEBUG] = "debug", [DF_LOG_INFO] = "info", [DF_LOG_WARNING] = "warning",
    [DF_LOG_ERROR] = "error", [DF_LOG_OFF] = "off",
};

void df_log_setup(enum df_log_level level, enum df_log_format format, int fd)
{
    atomic_store(&log_level, (int)level);
    atomic_store(&log_format, (int)format);
    atomic_store(&log_fd, fd);
}

bool df_log_enabled(enum df_log_level level)
{
    return level != DF_LOG_OFF && (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

struct df_log_field df_log_text(const char *name, const char *value)
{
    return (struct df_log_field){.name = name, .type = DF_LOG_FIELD_TEXT, .value.text = value};
}

struct df_log_field df_log_int(const char *name, int64_t value)
{
    return (struct df_log_field){.name = name, .type = DF_LOG_FIELD_INT, .value.integer = value};
}

struct df_log_field df_log_uint(const char *name, uint64_t value)
{
    return (struct df_log_field){.name = name, .type = DF_LOG_FIELD_UINT, .value.unsigned_integer = value};
}

struct df_log_field df_log_double(const char *name, double value)
{
    return (struct df_log_field){.name = name, .type = DF_LOG_FIELD_DOUBLE, .value.number = value};
}

/* RFC 3339 with milliseconds, UTC. */
static void put_time(struct df_buf *out)
{
    int64_t wall_ms = df_time_wall_ms();
    int64_t ms = (wall_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts))
        df_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                      parts.tm_hour, parts.tm_min, parts.tm_sec, (int)ms);
}

/* Words that no reader of the line could misunderstand stand without quotes. */
static bool is_word(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at == '"' || *at == '=' || *at == '\\' || *at == 0x7f || (unsigned char)*at >= 0x80)
            return false;
    return *text != '\0';
}

static void put_value(struct df_json_writer *json, const struct df_log_field *field)
{
    switch (field->type) {
    case DF_LOG_FIELD_TEXT:
        df_json_text(json, field->value.text);
        break;
    case DF_LOG_FIELD_INT:
        df_json_int(json, field->value.integer);
        break;
    case DF_LOG_FIELD_UINT:
        df_json_uint(json, field->value.unsigned_integer);
        break;
    case DF_LOG_FIELD_DOUBLE:
        df_json_number(json, field->value.number);
        break;
    }
}

static void put_json_line(struct df_buf *line, enum df_log_level level, const char *event,
                          const struct df_log_field *fields)
{
    struct df_json_writer json;
    df_json_writer_init(&json, line, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "time");
    df_json_raw(&json, df_slice_text("\""));
    put_time(line);
    df_buf_put_char(line, '"');
    df_json_key(&json, "level");
    df_json_text(&json, level_names[level]);
    df_json_key(&json, "event");
    df_json_text(&json, event);
    for (; fields->name; fields++) {
        df_json_key(&json, fields->name);
        put_value(&json, fields);
    }
    df_json_end_object(&json);
}

static void put_text_line(struct df_buf *line, enum df_log_level level, const char *event,
                          const struct df_log_field *fields)
{
    put_time(line);
    df_buf_printf(line, " %s %s", level_names[level], event);
    for (; fields->name; fields++) {
        df_buf_printf(line, " %s=", fields->name);
        struct df_json_writer value;
        df_json_writer_init(&value, line, DF_JSON_COMPACT);
        if (fields->type == DF_LOG_FIELD_TEXT && fields->value.text && is_word(fields->value.text))
            df_buf_put_text(line, fields->value.text);
        else
            put_value(&value, fields);
    }
}

/* One write keeps lines of several threads and processes apart; more only when the reader takes a part of it. */
static void write_line(const struct df_buf *line)
{
    int fd = atomic_load(&log_fd);
    size_t at = 0;
    while (at < line->size) {
        ssize_t written = write(fd, line->data + at, line->size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* nobody left to tell */
        at += (size_t)written;
    }
}

void df_log_fields(enum df_log_level level, const char *event, const struct df_log_field *fields)
{
    int errno_before = errno; /* logging is no reason to lose what is being logged */
    struct df_buf line = {0};
    if (atomic_load(&log_format) == DF_LOG_JSON)
        put_json_line(&line, level, event, fields);
    else
        put_text_line(&line, level, event, fields);
    df_buf_put_char(&line, '\n');
    if (!df_buf_failed(&line))
        write_line(&line);
    df_buf_dispose(&line);
    errno = errno_before;
}
