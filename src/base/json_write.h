/* Writing JSON into a buffer: compact or pretty, members in the order they are written.
 *
 * Calls must nest rightly (asserted). A failure of the buffer sticks in the buffer. Strings are taken as UTF-8; bytes
 * that are not are written as U+FFFD. Doubles are the shortest text that reads back the same, in Python's forms ("1.0",
 * "1e+16", "1e-05"); NaN and the infinities become null. */
#ifndef DF_BASE_JSON_WRITE_H
#define DF_BASE_JSON_WRITE_H

#include "base/buf.h"

/* A tree of the default limits (base/json.h) and 128 levels around it. */
enum { DF_JSON_WRITE_DEPTH = 640 };

enum df_json_style {
    DF_JSON_COMPACT, /* {"a":1,"b":[2,3]} */
    DF_JSON_PRETTY,  /* two blanks of indent, one member per line, ": " after keys */
};

struct df_json_writer {
    struct df_buf *out; /* borrowed */
    enum df_json_style style;
    bool ascii; /* escape everything above U+007F as \uXXXX */
    unsigned depth;
    bool after_key;
    struct {
        bool is_object;
        bool has_members;
    } levels[DF_JSON_WRITE_DEPTH];
};

void df_json_writer_init(struct df_json_writer *writer, struct df_buf *out, enum df_json_style style);

void df_json_begin_object(struct df_json_writer *writer);
void df_json_end_object(struct df_json_writer *writer);
void df_json_begin_array(struct df_json_writer *writer);
void df_json_end_array(struct df_json_writer *writer);
void df_json_key(struct df_json_writer *writer, const char *name);
void df_json_key_slice(struct df_json_writer *writer, struct df_slice name);
void df_json_string(struct df_json_writer *writer, struct df_slice text);
void df_json_text(struct df_json_writer *writer, const char *text); /* NULL: null */
void df_json_int(struct df_json_writer *writer, int64_t value);
void df_json_uint(struct df_json_writer *writer, uint64_t value);
void df_json_number(struct df_json_writer *writer, double value);
void df_json_boolean(struct df_json_writer *writer, bool value);
void df_json_null(struct df_json_writer *writer);
void df_json_raw(struct df_json_writer *writer, struct df_slice json); /* a finished JSON value, copied as it is */

/* A parsed tree again as text; numbers as they stood. */
struct df_json;
void df_json_write_tree(struct df_json_writer *writer, const struct df_json *tree);

/* The shortest text of a finite double, as above; for other writers (CSV, charts). */
void df_buf_put_double(struct df_buf *out, double value);

#endif
