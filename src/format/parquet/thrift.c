#include "format/parquet/thrift.h"

#include <assert.h>

void df_thrift_reader_init(struct df_thrift_reader *reader, struct df_slice bytes)
{
    static const uint8_t nothing[1];
    const uint8_t *at = bytes.data ? bytes.data : nothing;
    *reader = (struct df_thrift_reader){.at = at, .end = at + bytes.size};
}

void df_thrift_fail(struct df_thrift_reader *reader, const char *problem)
{
    if (!reader->problem)
        reader->problem = problem;
    reader->at = reader->end;
}

static void fail_cut(struct df_thrift_reader *reader)
{
    if (!reader->problem)
        reader->cut = true;
    df_thrift_fail(reader, "it ends in the middle of a value");
}

static size_t left(const struct df_thrift_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static uint8_t take_u8(struct df_thrift_reader *reader)
{
    if (reader->at == reader->end) {
        fail_cut(reader);
        return 0;
    }
    return *reader->at++;
}

static uint64_t take_varint(struct df_thrift_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = take_u8(reader);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return reader->problem ? 0 : value;
    }
    df_thrift_fail(reader, "an integer has more than 64 bits");
    return 0;
}

static int64_t take_zigzag(struct df_thrift_reader *reader)
{
    uint64_t value = take_varint(reader);
    return (int64_t)((value >> 1) ^ (UINT64_C(0) - (value & 1)));
}

static struct df_slice take_bytes(struct df_thrift_reader *reader, uint64_t size)
{
    if (size > left(reader)) {
        fail_cut(reader);
        return df_slice_make(NULL, 0);
    }
    struct df_slice bytes = df_slice_make(reader->at, (size_t)size);
    reader->at += size;
    return bytes;
}

bool df_thrift_next_field(struct df_thrift_reader *reader, struct df_thrift_field *field)
{
    uint8_t head = take_u8(reader);
    if (reader->problem || (head & 0x0f) == DF_THRIFT_STOP)
        return false;
    field->type = head & 0x0f;
    if (field->type > DF_THRIFT_UUID) {
        df_thrift_fail(reader, "a field has a type that Thrift does not know");
        return false;
    }
    int64_t id = head >> 4 ? field->id + (head >> 4) : take_zigzag(reader);
    if (reader->problem)
        return false;
    if (id < INT16_MIN || id > INT16_MAX) {
        df_thrift_fail(reader, "a field's number is out of range");
        return false;
    }
    field->id = (int32_t)id;
    return true;
}

int64_t df_thrift_take_i64(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    switch (field->type) {
    case DF_THRIFT_BYTE:
        return (int8_t)take_u8(reader);
    case DF_THRIFT_I16:
    case DF_THRIFT_I32:
    case DF_THRIFT_I64:
        return take_zigzag(reader);
    default:
        df_thrift_fail(reader, "a field is not the integer it should be");
        return 0;
    }
}

static int32_t narrow(struct df_thrift_reader *reader, int64_t value)
{
    if (value < INT32_MIN || value > INT32_MAX) {
        df_thrift_fail(reader, "a 32-bit integer is out of range");
        return 0;
    }
    return (int32_t)value;
}

int32_t df_thrift_take_i32(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    return narrow(reader, df_thrift_take_i64(reader, field));
}

int32_t df_thrift_take_element_i32(struct df_thrift_reader *reader)
{
    return narrow(reader, take_zigzag(reader));
}

int64_t df_thrift_take_element_i64(struct df_thrift_reader *reader)
{
    return take_zigzag(reader);
}

/* Writers disagree on what stands for false: 0, or the type's own 2. */
bool df_thrift_take_element_bool(struct df_thrift_reader *reader)
{
    return take_u8(reader) == DF_THRIFT_TRUE;
}

struct df_slice df_thrift_take_element_binary(struct df_thrift_reader *reader)
{
    return take_bytes(reader, take_varint(reader));
}

bool df_thrift_take_bool(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    if (field->type != DF_THRIFT_TRUE && field->type != DF_THRIFT_FALSE)
        df_thrift_fail(reader, "a field is not the bool it should be");
    return field->type == DF_THRIFT_TRUE;
}

struct df_slice df_thrift_take_binary(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    if (field->type != DF_THRIFT_BINARY)
        df_thrift_fail(reader, "a field is not the string it should be");
    return take_bytes(reader, take_varint(reader));
}

bool df_thrift_enter_struct(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    if (field->type != DF_THRIFT_STRUCT)
        df_thrift_fail(reader, "a field is not the struct it should be");
    return !reader->problem;
}

/* Count and element type of a list or set; the count is at most the bytes left, as no element is empty. */
static uint64_t take_list_head(struct df_thrift_reader *reader, unsigned *type)
{
    uint8_t head = take_u8(reader);
    *type = head & 0x0f;
    uint64_t count = head >> 4;
    if (count == 15)
        count = take_varint(reader);
    if (count > left(reader)) {
        fail_cut(reader);
        return 0;
    }
    return count;
}

uint32_t df_thrift_take_list(struct df_thrift_reader *reader, const struct df_thrift_field *field,
                             enum df_thrift_type element_type, size_t element_bytes)
{
    if (field->type != DF_THRIFT_LIST)
        df_thrift_fail(reader, "a field is not the list it should be");
    unsigned type;
    uint64_t count = take_list_head(reader, &type);
    if (reader->problem)
        return 0;
    bool bools = element_type == DF_THRIFT_TRUE && type == DF_THRIFT_FALSE; /* both are written for lists of them */
    if (count > 0 && type != element_type && !bools) {
        df_thrift_fail(reader, "a list has elements of another type than it should");
        return 0;
    }
    if (count > left(reader) / element_bytes || count > UINT32_MAX) {
        df_thrift_fail(reader, "a list has more elements than bytes for them");
        return 0;
    }
    return (uint32_t)count;
}

/* One level of what is being skipped: the fields of a struct, or elements of a list or map that are still to come. */
struct skip_level {
    bool is_struct;
    struct df_thrift_field field;
    uint64_t values_left;
    unsigned type, other_type; /* of the next value and, in a map, of the one after it */
};

static void open_map(struct df_thrift_reader *reader, struct skip_level *level)
{
    uint64_t count = take_varint(reader);
    *level = (struct skip_level){0};
    if (count == 0)
        return;
    uint8_t types = take_u8(reader);
    if (count > left(reader) / 2) {
        fail_cut(reader);
        return;
    }
    *level = (struct skip_level){.values_left = count * 2, .type = types >> 4, .other_type = types & 0x0f};
}

/* Skips a value that holds no others, or opens the level of one that does. True when a level was opened. */
static bool skip_one(struct df_thrift_reader *reader, unsigned type, bool in_struct, struct skip_level *inner)
{
    switch (type) {
    case DF_THRIFT_TRUE:
    case DF_THRIFT_FALSE:
        if (!in_struct)
            take_u8(reader);
        return false;
    case DF_THRIFT_BYTE:
        take_u8(reader);
        return false;
    case DF_THRIFT_I16:
    case DF_THRIFT_I32:
    case DF_THRIFT_I64:
        take_varint(reader);
        return false;
    case DF_THRIFT_DOUBLE:
        take_bytes(reader, 8);
        return false;
    case DF_THRIFT_UUID:
        take_bytes(reader, 16);
        return false;
    case DF_THRIFT_BINARY:
        take_bytes(reader, take_varint(reader));
        return false;
    case DF_THRIFT_LIST:
    case DF_THRIFT_SET:
        *inner = (struct skip_level){0};
        inner->values_left = take_list_head(reader, &inner->type);
        inner->other_type = inner->type;
        return true;
    case DF_THRIFT_MAP:
        open_map(reader, inner);
        return true;
    case DF_THRIFT_STRUCT:
        *inner = (struct skip_level){.is_struct = true};
        return true;
    default:
        df_thrift_fail(reader, "a value has a type that Thrift does not know");
        return false;
    }
}

/* The type of the next value of a level; false at its end. */
static bool next_value(struct df_thrift_reader *reader, struct skip_level *level, unsigned *type)
{
    if (level->is_struct) {
        if (!df_thrift_next_field(reader, &level->field))
            return false;
        *type = level->field.type;
        return true;
    }
    if (level->values_left == 0)
        return false;
    level->values_left--;
    *type = level->type;
    level->type = level->other_type;
    level->other_type = *type;
    return true;
}

void df_thrift_skip(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    struct skip_level levels[DF_THRIFT_SKIP_DEPTH];
    unsigned depth = 0;
    if (skip_one(reader, field->type, true, &levels[0]))
        depth = 1;
    while (depth > 0 && !reader->problem) {
        struct skip_level *level = &levels[depth - 1];
        unsigned type;
        if (!next_value(reader, level, &type)) {
            depth--;
            continue;
        }
        struct skip_level inner;
        if (!skip_one(reader, type, level->is_struct, &inner))
            continue;
        if (depth == DF_THRIFT_SKIP_DEPTH) {
            df_thrift_fail(reader, "values are nested too deep");
            return;
        }
        levels[depth++] = inner;
    }
}

/* ---- writing ---- */

void df_thrift_writer_init(struct df_thrift_writer *writer, struct df_buf *out)
{
    *writer = (struct df_thrift_writer){.out = out};
}

static void put_zigzag(struct df_buf *out, int64_t value)
{
    df_buf_put_varint(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static void put_field(struct df_thrift_writer *writer, int32_t id, enum df_thrift_type type)
{
    int32_t *last = &writer->last_id[writer->depth];
    assert(id > *last);
    if (id - *last <= 15) {
        df_buf_put_u8(writer->out, (uint8_t)((unsigned)(id - *last) << 4 | type));
    } else {
        df_buf_put_u8(writer->out, (uint8_t)type);
        put_zigzag(writer->out, id);
    }
    *last = id;
}

void df_thrift_put_i32(struct df_thrift_writer *writer, int32_t id, int32_t value)
{
    put_field(writer, id, DF_THRIFT_I32);
    put_zigzag(writer->out, value);
}

void df_thrift_put_i64(struct df_thrift_writer *writer, int32_t id, int64_t value)
{
    put_field(writer, id, DF_THRIFT_I64);
    put_zigzag(writer->out, value);
}

void df_thrift_put_byte(struct df_thrift_writer *writer, int32_t id, int8_t value)
{
    put_field(writer, id, DF_THRIFT_BYTE);
    df_buf_put_u8(writer->out, (uint8_t)value);
}

void df_thrift_put_bool(struct df_thrift_writer *writer, int32_t id, bool value)
{
    put_field(writer, id, value ? DF_THRIFT_TRUE : DF_THRIFT_FALSE);
}

void df_thrift_put_binary(struct df_thrift_writer *writer, int32_t id, struct df_slice value)
{
    put_field(writer, id, DF_THRIFT_BINARY);
    df_thrift_put_element_binary(writer, value);
}

void df_thrift_put_list(struct df_thrift_writer *writer, int32_t id, enum df_thrift_type type, uint32_t count)
{
    put_field(writer, id, DF_THRIFT_LIST);
    if (count < 15) {
        df_buf_put_u8(writer->out, (uint8_t)(count << 4 | (unsigned)type));
    } else {
        df_buf_put_u8(writer->out, (uint8_t)(0xf0 | (unsigned)type));
        df_buf_put_varint(writer->out, count);
    }
}

void df_thrift_put_element_i32(struct df_thrift_writer *writer, int32_t value)
{
    put_zigzag(writer->out, value);
}

void df_thrift_put_element_i64(struct df_thrift_writer *writer, int64_t value)
{
    put_zigzag(writer->out, value);
}

void df_thrift_put_element_bool(struct df_thrift_writer *writer, bool value)
{
    df_buf_put_u8(writer->out, value ? DF_THRIFT_TRUE : DF_THRIFT_FALSE);
}

void df_thrift_put_element_binary(struct df_thrift_writer *writer, struct df_slice value)
{
    df_buf_put_varint(writer->out, value.size);
    df_buf_put_slice(writer->out, value);
}

void df_thrift_begin_element(struct df_thrift_writer *writer)
{
    assert(writer->depth + 1 < DF_THRIFT_WRITE_DEPTH);
    writer->last_id[++writer->depth] = 0;
}

void df_thrift_begin_struct(struct df_thrift_writer *writer, int32_t id)
{
    put_field(writer, id, DF_THRIFT_STRUCT);
    df_thrift_begin_element(writer);
}

void df_thrift_end_struct(struct df_thrift_writer *writer)
{
    df_buf_put_u8(writer->out, DF_THRIFT_STOP);
    if (writer->depth > 0)
        writer->depth--;
}
