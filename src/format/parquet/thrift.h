/* Thrift's compact protocol, as far as Parquet's footer and page headers need it: reading untrusted bytes, and writing.
 *
 * A reader's failure sticks: every later take gives 0 and `problem` says what was wrong first, so that a decoder
 * checks once per struct. `cut` tells "more bytes would help" from "broken". Thread: one at a time. */
#ifndef DF_FORMAT_PARQUET_THRIFT_H
#define DF_FORMAT_PARQUET_THRIFT_H

#include "base/buf.h"

enum df_thrift_type {
    DF_THRIFT_STOP = 0,
    DF_THRIFT_TRUE = 1, /* in a struct, a bool's value is its type */
    DF_THRIFT_FALSE = 2,
    DF_THRIFT_BYTE = 3,
    DF_THRIFT_I16 = 4,
    DF_THRIFT_I32 = 5,
    DF_THRIFT_I64 = 6,
    DF_THRIFT_DOUBLE = 7,
    DF_THRIFT_BINARY = 8,
    DF_THRIFT_LIST = 9,
    DF_THRIFT_SET = 10,
    DF_THRIFT_MAP = 11,
    DF_THRIFT_STRUCT = 12,
    DF_THRIFT_UUID = 13,
};

/* Parquet nests seven structs deep; what is skipped unseen may nest so deep, and no deeper. */
enum { DF_THRIFT_SKIP_DEPTH = 32 };

struct df_thrift_reader {
    const uint8_t *at, *end;
    const char *problem; /* NULL while all is well */
    bool cut;            /* the problem is only that the bytes end here */
};

struct df_thrift_field {
    int32_t id; /* 0 before the first */
    unsigned type;
};

void df_thrift_reader_init(struct df_thrift_reader *reader, struct df_slice bytes);
void df_thrift_fail(struct df_thrift_reader *reader, const char *problem); /* the first one stays */

/* Steps to the next field of a struct; `field` starts as {0} and is carried along. False at the struct's end, and on
 * failure. The caller takes or skips the value of each field it is given. */
bool df_thrift_next_field(struct df_thrift_reader *reader, struct df_thrift_field *field);

/* The value of a field, whose type must fit. */
int64_t df_thrift_take_i64(struct df_thrift_reader *reader, const struct df_thrift_field *field);
int32_t df_thrift_take_i32(struct df_thrift_reader *reader, const struct df_thrift_field *field);
bool df_thrift_take_bool(struct df_thrift_reader *reader, const struct df_thrift_field *field);
struct df_slice df_thrift_take_binary(struct df_thrift_reader *reader, const struct df_thrift_field *field);
/* Before the fields of a struct are read. */
bool df_thrift_enter_struct(struct df_thrift_reader *reader, const struct df_thrift_field *field);
/* Number of elements, each of `element_type` and of at least element_bytes bytes: a count that cannot fit into what
 * is left fails here, before anybody allocates for it. */
uint32_t df_thrift_take_list(struct df_thrift_reader *reader, const struct df_thrift_field *field,
                             enum df_thrift_type element_type, size_t element_bytes);
int32_t df_thrift_take_element_i32(struct df_thrift_reader *reader);
int64_t df_thrift_take_element_i64(struct df_thrift_reader *reader);
bool df_thrift_take_element_bool(struct df_thrift_reader *reader);
struct df_slice df_thrift_take_element_binary(struct df_thrift_reader *reader);
void df_thrift_skip(struct df_thrift_reader *reader, const struct df_thrift_field *field);

/* ---- writing ---- */

enum { DF_THRIFT_WRITE_DEPTH = 16 };

/* Ids of a struct are put in ascending order. Nesting must be right (asserted). */
struct df_thrift_writer {
    struct df_buf *out; /* borrowed; a failed allocation sticks there */
    unsigned depth;
    int32_t last_id[DF_THRIFT_WRITE_DEPTH];
};

void df_thrift_writer_init(struct df_thrift_writer *writer, struct df_buf *out); /* inside the outermost struct */
void df_thrift_put_i32(struct df_thrift_writer *writer, int32_t id, int32_t value);
void df_thrift_put_i64(struct df_thrift_writer *writer, int32_t id, int64_t value);
void df_thrift_put_byte(struct df_thrift_writer *writer, int32_t id, int8_t value);
void df_thrift_put_bool(struct df_thrift_writer *writer, int32_t id, bool value);
void df_thrift_put_binary(struct df_thrift_writer *writer, int32_t id, struct df_slice value);
void df_thrift_begin_struct(struct df_thrift_writer *writer, int32_t id);
void df_thrift_put_list(struct df_thrift_writer *writer, int32_t id, enum df_thrift_type type, uint32_t count);
void df_thrift_begin_element(struct df_thrift_writer *writer); /* a struct in a list */
void df_thrift_put_element_i32(struct df_thrift_writer *writer, int32_t value);
void df_thrift_put_element_i64(struct df_thrift_writer *writer, int64_t value);
void df_thrift_put_element_bool(struct df_thrift_writer *writer, bool value); /* the list's type is DF_THRIFT_TRUE */
void df_thrift_put_element_binary(struct df_thrift_writer *writer, struct df_slice value);
void df_thrift_end_struct(struct df_thrift_writer *writer); /* also of an element, and of the outermost */

#endif
