#include "format/parquet/footer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/size.h"
#include "format/parquet/names.h"
#include "format/parquet/thrift.h"

enum {
    MAGIC_BYTES = 4,
    /* Deeper than any schema that people write; a file may claim a million levels. */
    SCHEMA_DEPTH_MAX = 64,
    /* Each level repeats the path above it, so that a small file could ask for an endless amount of names. */
    PATH_BYTES_MAX = 64 * 1024,
    PATHS_BYTES_MAX = 64 * 1024 * 1024,
    /* The least that an element of each list takes. */
    SCHEMA_ELEMENT_BYTES = 3,
    ROW_GROUP_BYTES = 6,
    COLUMN_CHUNK_BYTES = 2,
    KEY_VALUE_BYTES = 3,
    COLUMN_ORDER_BYTES = 1,
};

struct decoder {
    struct df_thrift_reader reader;
    struct df_parquet_footer *footer;
    const struct df_parquet_footer_bytes *bytes;
    struct df_error *error;
    bool have_schema, have_row_groups, have_orders;
    int64_t row_count;
    size_t path_bytes; /* of all columns */
};

static int corrupt(struct decoder *decoder, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int corrupt(struct decoder *decoder, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return df_error_set(decoder->error, DF_ERROR_CORRUPT, "%s: damaged footer: %s", decoder->bytes->uri, text);
}

static int check_thrift(struct decoder *decoder)
{
    if (!decoder->reader.problem)
        return 0;
    return corrupt(decoder, "%s", decoder->reader.problem);
}

static int no_memory(struct decoder *decoder)
{
    return df_error_set(decoder->error, DF_ERROR_EXHAUSTED,
                        "%s: its footer of %zu bytes does not fit into the memory limit (memory.limit)",
                        decoder->bytes->uri, decoder->bytes->thrift.size);
}

/* ---- schema ---- */

struct element {
    bool has_type, has_converted, has_logical;
    int32_t type, repetition, children, converted;
    struct df_slice name;
    enum df_parquet_meaning logical;
};

static enum df_parquet_meaning take_time_unit(struct df_thrift_reader *reader, const struct df_thrift_field *parent)
{
    enum df_parquet_meaning meaning = DF_PARQUET_OTHER;
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return meaning;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id >= 1 && field.id <= 3)
            meaning = (enum df_parquet_meaning)(DF_PARQUET_TIMESTAMP_MS + (field.id - 1));
        df_thrift_skip(reader, &field);
    }
    return meaning;
}

static enum df_parquet_meaning take_timestamp(struct df_thrift_reader *reader, const struct df_thrift_field *parent)
{
    enum df_parquet_meaning meaning = DF_PARQUET_OTHER;
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return meaning;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 2)
            meaning = take_time_unit(reader, &field);
        else
            df_thrift_skip(reader, &field);
    }
    return meaning;
}

static enum df_parquet_meaning take_integer(struct df_thrift_reader *reader, const struct df_thrift_field *parent)
{
    bool is_signed = true;
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return DF_PARQUET_OTHER;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 2)
            is_signed = df_thrift_take_bool(reader, &field);
        else
            df_thrift_skip(reader, &field);
    }
    return is_signed ? DF_PARQUET_PLAIN : DF_PARQUET_UNSIGNED;
}

/* One branch of the union LogicalType. */
static enum df_parquet_meaning take_logical_branch(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    if (field->id == DF_PARQUET_LOGICAL_TIMESTAMP)
        return take_timestamp(reader, field);
    if (field->id == DF_PARQUET_LOGICAL_INTEGER)
        return take_integer(reader, field);
    df_thrift_skip(reader, field);
    switch (field->id) {
    case DF_PARQUET_LOGICAL_STRING:
    case DF_PARQUET_LOGICAL_ENUM:
    case DF_PARQUET_LOGICAL_JSON:
    case DF_PARQUET_LOGICAL_BSON:
        return DF_PARQUET_STRING;
    case DF_PARQUET_LOGICAL_DECIMAL:
        return DF_PARQUET_DECIMAL;
    case DF_PARQUET_LOGICAL_DATE:
        return DF_PARQUET_DATE;
    case DF_PARQUET_LOGICAL_TIME:
        return DF_PARQUET_TIME;
    case DF_PARQUET_LOGICAL_UNKNOWN: /* a column of nulls, of any physical type */
        return DF_PARQUET_PLAIN;
    default:
        return DF_PARQUET_OTHER;
    }
}

static enum df_parquet_meaning take_logical(struct df_thrift_reader *reader, const struct df_thrift_field *parent)
{
    enum df_parquet_meaning meaning = DF_PARQUET_OTHER;
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return meaning;
    while (df_thrift_next_field(reader, &field))
        meaning = take_logical_branch(reader, &field);
    return meaning;
}

static enum df_parquet_meaning meaning_of_converted(int32_t converted)
{
    switch (converted) {
    case DF_PARQUET_CONVERTED_UTF8:
    case DF_PARQUET_CONVERTED_ENUM:
    case DF_PARQUET_CONVERTED_JSON:
    case DF_PARQUET_CONVERTED_BSON:
        return DF_PARQUET_STRING;
    case DF_PARQUET_CONVERTED_DECIMAL:
        return DF_PARQUET_DECIMAL;
    case DF_PARQUET_CONVERTED_DATE:
        return DF_PARQUET_DATE;
    case DF_PARQUET_CONVERTED_TIME_MILLIS:
    case DF_PARQUET_CONVERTED_TIME_MICROS:
        return DF_PARQUET_TIME;
    case DF_PARQUET_CONVERTED_TIMESTAMP_MILLIS:
        return DF_PARQUET_TIMESTAMP_MS;
    case DF_PARQUET_CONVERTED_TIMESTAMP_MICROS:
        return DF_PARQUET_TIMESTAMP_US;
    default:
        if (converted >= DF_PARQUET_CONVERTED_UINT_8 && converted <= DF_PARQUET_CONVERTED_UINT_64)
            return DF_PARQUET_UNSIGNED;
        if (converted >= DF_PARQUET_CONVERTED_INT_8 && converted <= DF_PARQUET_CONVERTED_INT_64)
            return DF_PARQUET_PLAIN;
        return DF_PARQUET_OTHER;
    }
}

static void take_element(struct df_thrift_reader *reader, struct element *element)
{
    *element = (struct element){0};
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1:
            element->type = df_thrift_take_i32(reader, &field);
            element->has_type = true;
            break;
        case 3:
            element->repetition = df_thrift_take_i32(reader, &field);
            break;
        case 4:
            element->name = df_thrift_take_binary(reader, &field);
            break;
        case 5:
            element->children = df_thrift_take_i32(reader, &field);
            break;
        case 6:
            element->converted = df_thrift_take_i32(reader, &field);
            element->has_converted = true;
            break;
        case 10:
            element->logical = take_logical(reader, &field);
            element->has_logical = true;
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
}

/* A logical type that does not belong to the physical one says nothing that we could rely on. */
static enum df_parquet_meaning meaning_of(const struct element *element)
{
    enum df_parquet_meaning meaning = DF_PARQUET_PLAIN;
    if (element->has_logical)
        meaning = element->logical;
    else if (element->has_converted)
        meaning = meaning_of_converted(element->converted);
    bool integer = element->type == DF_PARQUET_INT32 || element->type == DF_PARQUET_INT64;
    switch (meaning) {
    case DF_PARQUET_PLAIN:
    case DF_PARQUET_OTHER:
    case DF_PARQUET_DECIMAL:
        return meaning;
    case DF_PARQUET_STRING:
        return element->type == DF_PARQUET_BYTE_ARRAY ? meaning : DF_PARQUET_OTHER;
    case DF_PARQUET_UNSIGNED:
    case DF_PARQUET_TIME:
        return integer ? meaning : DF_PARQUET_OTHER;
    case DF_PARQUET_DATE:
        return element->type == DF_PARQUET_INT32 ? meaning : DF_PARQUET_OTHER;
    case DF_PARQUET_TIMESTAMP_MS:
    case DF_PARQUET_TIMESTAMP_US:
    case DF_PARQUET_TIMESTAMP_NS:
        return element->type == DF_PARQUET_INT64 ? meaning : DF_PARQUET_OTHER;
    }
    return DF_PARQUET_OTHER;
}

static enum df_vector_kind kind_of(int32_t physical)
{
    switch (physical) {
    case DF_PARQUET_BOOLEAN:
        return DF_VECTOR_BOOL;
    case DF_PARQUET_DOUBLE:
        return DF_VECTOR_FLOAT64;
    case DF_PARQUET_BYTE_ARRAY:
        return DF_VECTOR_BYTES;
    default:
        return DF_VECTOR_INT64;
    }
}

struct level {
    int32_t children_left;
    size_t path_size; /* of the path down to here */
    bool repeated;
};

static const char *unsupported_leaf(const struct element *element, bool repeated, unsigned depth)
{
    if (repeated || element->repetition == DF_PARQUET_REPEATED)
        return "repeated values (a list or map)";
    if (element->repetition != DF_PARQUET_REQUIRED && element->repetition != DF_PARQUET_OPTIONAL)
        return "an unknown repetition";
    if (depth > 1)
        return "a field of a struct";
    switch (element->type) {
    case DF_PARQUET_BOOLEAN:
    case DF_PARQUET_INT32:
    case DF_PARQUET_INT64:
    case DF_PARQUET_DOUBLE:
    case DF_PARQUET_BYTE_ARRAY:
        break;
    default:
        return df_parquet_physical_name(element->type);
    }
    switch (meaning_of(element)) {
    case DF_PARQUET_DECIMAL:
        return "DECIMAL";
    case DF_PARQUET_OTHER:
        return "its logical type";
    default:
        return NULL;
    }
}

static int add_column(struct decoder *decoder, const struct element *element, struct df_slice path, bool repeated,
                      unsigned depth)
{
    struct df_parquet_footer *footer = decoder->footer;
    decoder->path_bytes += path.size;
    if (decoder->path_bytes > PATHS_BYTES_MAX)
        return corrupt(decoder, "its column names have more than %d bytes", PATHS_BYTES_MAX);
    char *name = df_parquet_memory_text(&footer->memory, path);
    if (!name)
        return no_memory(decoder);
    struct df_parquet_column *column = &footer->columns[footer->column_count++];
    *column = (struct df_parquet_column){
        .name = name,
        .physical = (enum df_parquet_physical)element->type,
        .meaning = meaning_of(element),
        .optional = element->repetition == DF_PARQUET_OPTIONAL,
        .kind = kind_of(element->type),
        .unsupported = unsupported_leaf(element, repeated, depth),
    };
    if (path.size > 0 && memchr(path.data, 0, path.size))
        column->unsupported = "a name with a zero byte";
    return 0;
}

static int put_path(struct decoder *decoder, struct df_buf *path, size_t parent_size, struct df_slice name)
{
    if (name.size > PATH_BYTES_MAX || parent_size + name.size + 1 > PATH_BYTES_MAX)
        return corrupt(decoder, "a column's name has more than %d bytes", PATH_BYTES_MAX);
    path->size = parent_size;
    if (parent_size > 0)
        df_buf_put_char(path, '.');
    df_buf_put_slice(path, name);
    return df_buf_failed(path) ? no_memory(decoder) : 0;
}

/* The tree is written depth first: each element says how many children follow it. */
static int walk_elements(struct decoder *decoder, uint32_t count, struct df_buf *path)
{
    struct level levels[SCHEMA_DEPTH_MAX];
    unsigned depth = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct element element;
        take_element(&decoder->reader, &element);
        if (check_thrift(decoder) < 0)
            return -1;
        if (i == 0) { /* the root has no name in paths */
            if (element.children < 0)
                return corrupt(decoder, "the root of its schema has %d fields", element.children);
            levels[depth++] = (struct level){.children_left = element.children};
            continue;
        }
        while (depth > 0 && levels[depth - 1].children_left == 0)
            depth--;
        if (depth == 0)
            return corrupt(decoder, "its schema has %u elements, but its tree ends after %u", count, i);
        struct level *parent = &levels[depth - 1];
        parent->children_left--;
        if (put_path(decoder, path, parent->path_size, element.name) < 0)
            return -1;
        if (element.has_type) {
            if (element.children != 0)
                return corrupt(decoder, "its column '%.*s' has a type and also fields", DF_SLICE_ARG(element.name));
            if (add_column(decoder, &element, df_buf_slice(path), parent->repeated, depth) < 0)
                return -1;
            continue;
        }
        if (element.children < 0 || depth == SCHEMA_DEPTH_MAX)
            return corrupt(decoder, "its schema is nested deeper than %d levels or has a negative number of fields",
                           SCHEMA_DEPTH_MAX);
        bool repeated = parent->repeated || element.repetition == DF_PARQUET_REPEATED;
        levels[depth++] =
            (struct level){.children_left = element.children, .path_size = path->size, .repeated = repeated};
    }
    while (depth > 0 && levels[depth - 1].children_left == 0)
        depth--;
    if (depth > 0)
        return corrupt(decoder, "its schema ends in the middle of its tree");
    return 0;
}

static int take_schema(struct decoder *decoder, const struct df_thrift_field *field)
{
    if (decoder->have_schema)
        return corrupt(decoder, "it has two schemas");
    decoder->have_schema = true;
    uint32_t count = df_thrift_take_list(&decoder->reader, field, DF_THRIFT_STRUCT, SCHEMA_ELEMENT_BYTES);
    if (check_thrift(decoder) < 0)
        return -1;
    struct df_parquet_footer *footer = decoder->footer;
    footer->columns = df_parquet_memory_array(&footer->memory, count, sizeof *footer->columns);
    if (!footer->columns)
        return no_memory(decoder);
    struct df_buf path = {0};
    int result = walk_elements(decoder, count, &path);
    df_buf_dispose(&path);
    return result;
}

/* ---- row groups ---- */

struct statistics {
    struct df_slice minimum, maximum, old_minimum, old_maximum;
    bool has_new, has_old;
};

struct chunk_fields {
    int64_t value_count, size_bytes, data_offset, dictionary_offset;
    int32_t type, codec;
    unsigned seen; /* bit n: field n of ColumnMetaData */
    bool encrypted, elsewhere, has_meta;
    const char *unsupported;
    struct statistics statistics;
};

static void take_statistics(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                            struct statistics *statistics)
{
    unsigned seen = 0;
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        struct df_slice *bounds[] = {
            [1] = &statistics->old_maximum,
            [2] = &statistics->old_minimum,
            [5] = &statistics->maximum,
            [6] = &statistics->minimum,
        };
        if (field.id == 1 || field.id == 2 || field.id == 5 || field.id == 6) {
            *bounds[field.id] = df_thrift_take_binary(reader, &field);
            seen |= 1u << field.id;
        } else {
            df_thrift_skip(reader, &field);
        }
    }
    statistics->has_old = (seen & 0x06) == 0x06;
    statistics->has_new = (seen & 0x60) == 0x60;
}

static bool encoding_is_read(int32_t encoding)
{
    switch (encoding) {
    case DF_PARQUET_ENCODING_PLAIN:
    case DF_PARQUET_ENCODING_PLAIN_DICTIONARY:
    case DF_PARQUET_ENCODING_RLE_DICTIONARY:
    case DF_PARQUET_ENCODING_RLE:        /* of levels; as an encoding of values its page says so */
    case DF_PARQUET_ENCODING_BIT_PACKED: /* old writers name it for levels that flat columns do not have */
        return true;
    default:
        return false;
    }
}

static void take_encodings(struct df_thrift_reader *reader, const struct df_thrift_field *field,
                           struct chunk_fields *chunk)
{
    uint32_t count = df_thrift_take_list(reader, field, DF_THRIFT_I32, 1);
    for (uint32_t i = 0; i < count && !reader->problem; i++) {
        int32_t encoding = df_thrift_take_element_i32(reader);
        if (!encoding_is_read(encoding) && !chunk->unsupported)
            chunk->unsupported = df_parquet_encoding_feature(encoding);
    }
}

static void take_encoding_stats(struct df_thrift_reader *reader, const struct df_thrift_field *list,
                                struct chunk_fields *chunk)
{
    uint32_t count = df_thrift_take_list(reader, list, DF_THRIFT_STRUCT, 1);
    for (uint32_t i = 0; i < count && !reader->problem; i++) {
        struct df_thrift_field field = {0};
        while (df_thrift_next_field(reader, &field)) {
            if (field.id != 1) {
                df_thrift_skip(reader, &field);
                continue;
            }
            if (df_thrift_take_i32(reader, &field) == DF_PARQUET_DATA_PAGE_V2 && !chunk->unsupported)
                chunk->unsupported = "data pages of version 2";
        }
    }
}

static void take_column_meta(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                             struct chunk_fields *chunk)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    chunk->has_meta = true;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id >= 1 && field.id < 32)
            chunk->seen |= 1u << field.id;
        switch (field.id) {
        case 1:
            chunk->type = df_thrift_take_i32(reader, &field);
            break;
        case 2:
            take_encodings(reader, &field, chunk);
            break;
        case 4:
            chunk->codec = df_thrift_take_i32(reader, &field);
            break;
        case 5:
            chunk->value_count = df_thrift_take_i64(reader, &field);
            break;
        case 7:
            chunk->size_bytes = df_thrift_take_i64(reader, &field);
            break;
        case 9:
            chunk->data_offset = df_thrift_take_i64(reader, &field);
            break;
        case 11:
            chunk->dictionary_offset = df_thrift_take_i64(reader, &field);
            break;
        case 12:
            take_statistics(reader, &field, &chunk->statistics);
            break;
        case 13:
            take_encoding_stats(reader, &field, chunk);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
}

static void take_chunk_fields(struct df_thrift_reader *reader, struct chunk_fields *chunk)
{
    *chunk = (struct chunk_fields){0};
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1:
            chunk->elsewhere = df_thrift_take_binary(reader, &field).size > 0;
            break;
        case 3:
            take_column_meta(reader, &field, chunk);
            break;
        case 8:
        case 9:
            chunk->encrypted = true;
            df_thrift_skip(reader, &field);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
}

static bool load_bound(struct df_slice bytes, enum df_parquet_physical physical, int64_t *out)
{
    if (physical == DF_PARQUET_INT32 && bytes.size == 4) {
        *out = (int32_t)df_load_u32le(bytes.data);
        return true;
    }
    if (physical == DF_PARQUET_INT64 && bytes.size == 8) {
        *out = df_load_i64le(bytes.data);
        return true;
    }
    return false;
}

/* The old fields were compared as signed numbers, which is right for these columns, and only for them. */
static struct df_parquet_int_bounds bounds_of(const struct statistics *statistics,
                                              const struct df_parquet_column *column)
{
    struct df_parquet_int_bounds bounds = {0};
    bool ordered_signed = column->meaning == DF_PARQUET_PLAIN || column->meaning == DF_PARQUET_DATE ||
                          column->meaning == DF_PARQUET_TIME || column->meaning == DF_PARQUET_TIMESTAMP_MS ||
                          column->meaning == DF_PARQUET_TIMESTAMP_US || column->meaning == DF_PARQUET_TIMESTAMP_NS;
    if (!ordered_signed || (!statistics->has_new && !statistics->has_old))
        return bounds;
    struct df_slice minimum = statistics->has_new ? statistics->minimum : statistics->old_minimum;
    struct df_slice maximum = statistics->has_new ? statistics->maximum : statistics->old_maximum;
    bounds.known = load_bound(minimum, column->physical, &bounds.minimum) &&
                   load_bound(maximum, column->physical, &bounds.maximum) && bounds.minimum <= bounds.maximum;
    return bounds;
}

/* Where the pages lie: from the dictionary page, if there is one. Writers without one leave the field out or 0, and
 * some set it to the first data page. */
static int place_chunk(struct decoder *decoder, const struct chunk_fields *fields, const char *name,
                       struct df_parquet_chunk *chunk)
{
    int64_t offset = fields->data_offset;
    if (fields->dictionary_offset > 0 && fields->dictionary_offset < offset)
        offset = fields->dictionary_offset;
    uint64_t end;
    if (fields->value_count == 0 && fields->size_bytes >= 0)
        return 0; /* nothing will be read, and writers put such chunks anywhere */
    if (offset < MAGIC_BYTES || fields->size_bytes < 0 || fields->value_count < 0 ||
        df_u64_add(&end, (uint64_t)offset, (uint64_t)fields->size_bytes) != 0 || end > decoder->bytes->data_end ||
        (uint64_t)fields->data_offset > end)
        return corrupt(decoder,
                       "column '%s' of row group %u says that it has %lld bytes from byte %lld on and %lld values; "
                       "data end at byte %llu",
                       name, decoder->footer->row_group_count, (long long)fields->size_bytes, (long long)offset,
                       (long long)fields->value_count, (unsigned long long)decoder->bytes->data_end);
    chunk->offset = (uint64_t)offset;
    chunk->size_bytes = (uint64_t)fields->size_bytes;
    chunk->value_count = (uint64_t)fields->value_count;
    return 0;
}

static int fill_chunk(struct decoder *decoder, const struct chunk_fields *fields,
                      const struct df_parquet_column *column, struct df_parquet_chunk *chunk)
{
    enum { REQUIRED_FIELDS = 1u << 1 | 1u << 4 | 1u << 5 | 1u << 7 | 1u << 9 };
    chunk->unsupported = fields->unsupported;
    if (fields->encrypted)
        chunk->unsupported = "encryption";
    else if (fields->elsewhere)
        chunk->unsupported = "data in another file";
    if (fields->encrypted && !fields->has_meta)
        return 0;
    if ((fields->seen & REQUIRED_FIELDS) != REQUIRED_FIELDS)
        return corrupt(decoder, "column '%s' of row group %u lacks a field that every column has", column->name,
                       decoder->footer->row_group_count);
    if (fields->type != (int32_t)column->physical)
        return corrupt(decoder, "column '%s' is %s in the schema, but %s in row group %u", column->name,
                       df_parquet_physical_name((int32_t)column->physical), df_parquet_physical_name(fields->type),
                       decoder->footer->row_group_count);
    chunk->codec = fields->codec;
    if (fields->codec != DF_PARQUET_UNCOMPRESSED && fields->codec != DF_PARQUET_SNAPPY && !chunk->unsupported)
        chunk->unsupported = df_parquet_codec_feature(fields->codec);
    chunk->bounds = bounds_of(&fields->statistics, column);
    if (fields->elsewhere)
        return 0; /* its place is one in the other file */
    return place_chunk(decoder, fields, column->name, chunk);
}

static int take_chunks(struct decoder *decoder, const struct df_thrift_field *field, struct df_parquet_row_group *group)
{
    struct df_parquet_footer *footer = decoder->footer;
    uint32_t count = df_thrift_take_list(&decoder->reader, field, DF_THRIFT_STRUCT, COLUMN_CHUNK_BYTES);
    if (check_thrift(decoder) < 0)
        return -1;
    if (count != footer->column_count || group->chunks)
        return corrupt(decoder, "row group %u has %u columns, the schema has %u", footer->row_group_count, count,
                       footer->column_count);
    group->chunks = df_parquet_memory_array(&footer->memory, count, sizeof *group->chunks);
    if (!group->chunks)
        return no_memory(decoder);
    for (uint32_t i = 0; i < count; i++) {
        struct chunk_fields fields;
        take_chunk_fields(&decoder->reader, &fields);
        if (check_thrift(decoder) < 0 || fill_chunk(decoder, &fields, &footer->columns[i], &group->chunks[i]) < 0)
            return -1;
    }
    return 0;
}

static int take_row_group(struct decoder *decoder, struct df_parquet_row_group *group)
{
    struct df_parquet_footer *footer = decoder->footer;
    int64_t rows = -1;
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(&decoder->reader, &field)) {
        if (field.id == 1) {
            if (take_chunks(decoder, &field, group) < 0)
                return -1;
        } else if (field.id == 3) {
            rows = df_thrift_take_i64(&decoder->reader, &field);
        } else {
            df_thrift_skip(&decoder->reader, &field);
        }
    }
    if (check_thrift(decoder) < 0)
        return -1;
    if (rows < 0 || !group->chunks)
        return corrupt(decoder, "row group %u lacks its columns or has %lld rows", footer->row_group_count,
                       (long long)rows);
    group->row_count = (uint64_t)rows;
    if (df_u64_add(&footer->row_count, footer->row_count, group->row_count) != 0)
        return corrupt(decoder, "its row groups have more rows than there are numbers");
    return 0;
}

static int take_row_groups(struct decoder *decoder, const struct df_thrift_field *field)
{
    struct df_parquet_footer *footer = decoder->footer;
    if (!decoder->have_schema || decoder->have_row_groups)
        return corrupt(decoder, "its row groups come before its schema, or twice");
    decoder->have_row_groups = true;
    uint32_t count = df_thrift_take_list(&decoder->reader, field, DF_THRIFT_STRUCT, ROW_GROUP_BYTES);
    if (check_thrift(decoder) < 0)
        return -1;
    footer->row_groups = df_parquet_memory_array(&footer->memory, count, sizeof *footer->row_groups);
    if (!footer->row_groups)
        return no_memory(decoder);
    for (uint32_t i = 0; i < count; i++) {
        if (take_row_group(decoder, &footer->row_groups[i]) < 0)
            return -1;
        footer->row_group_count++;
    }
    return 0;
}

/* ---- the rest ---- */

static int take_metadata(struct decoder *decoder, const struct df_thrift_field *list)
{
    struct df_parquet_footer *footer = decoder->footer;
    if (footer->metadata)
        return corrupt(decoder, "it has its metadata twice");
    uint32_t count = df_thrift_take_list(&decoder->reader, list, DF_THRIFT_STRUCT, KEY_VALUE_BYTES);
    if (check_thrift(decoder) < 0)
        return -1;
    footer->metadata = df_parquet_memory_array(&footer->memory, count, sizeof *footer->metadata);
    if (!footer->metadata)
        return no_memory(decoder);
    for (uint32_t i = 0; i < count; i++) {
        struct df_slice key = {0}, value = {0};
        struct df_thrift_field field = {0};
        while (df_thrift_next_field(&decoder->reader, &field)) {
            if (field.id == 1)
                key = df_thrift_take_binary(&decoder->reader, &field);
            else if (field.id == 2)
                value = df_thrift_take_binary(&decoder->reader, &field);
            else
                df_thrift_skip(&decoder->reader, &field);
        }
        if (check_thrift(decoder) < 0)
            return -1;
        struct df_parquet_key_value *pair = &footer->metadata[i];
        pair->key = df_parquet_memory_text(&footer->memory, key);
        pair->value = df_parquet_memory_text(&footer->memory, value);
        if (!pair->key || !pair->value)
            return no_memory(decoder);
        footer->metadata_count++;
    }
    return 0;
}

/* Bounds in an order that is not the type's own are none that we understand. */
static void forget_bounds(struct df_parquet_footer *footer, uint32_t column)
{
    for (uint32_t i = 0; i < footer->row_group_count; i++)
        footer->row_groups[i].chunks[column].bounds.known = false;
}

static int take_column_orders(struct decoder *decoder, const struct df_thrift_field *list)
{
    struct df_parquet_footer *footer = decoder->footer;
    if (!decoder->have_row_groups || decoder->have_orders)
        return corrupt(decoder, "its column orders come before its row groups, or twice");
    decoder->have_orders = true;
    uint32_t count = df_thrift_take_list(&decoder->reader, list, DF_THRIFT_STRUCT, COLUMN_ORDER_BYTES);
    for (uint32_t i = 0; i < count && !decoder->reader.problem; i++) {
        int32_t order = 0;
        struct df_thrift_field field = {0};
        while (df_thrift_next_field(&decoder->reader, &field)) {
            order = field.id;
            df_thrift_skip(&decoder->reader, &field);
        }
        enum { TYPE_ORDER = 1 };
        if (order != TYPE_ORDER && i < footer->column_count)
            forget_bounds(footer, i);
    }
    return check_thrift(decoder);
}

static int take_file(struct decoder *decoder)
{
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(&decoder->reader, &field)) {
        int result = 0;
        switch (field.id) {
        case 2:
            result = take_schema(decoder, &field);
            break;
        case 3:
            decoder->row_count = df_thrift_take_i64(&decoder->reader, &field);
            break;
        case 4:
            result = take_row_groups(decoder, &field);
            break;
        case 5:
            result = take_metadata(decoder, &field);
            break;
        case 7:
            result = take_column_orders(decoder, &field);
            break;
        default:
            df_thrift_skip(&decoder->reader, &field);
        }
        if (result < 0)
            return -1;
    }
    return check_thrift(decoder);
}

static int check_file(struct decoder *decoder)
{
    if (!decoder->have_schema || !decoder->have_row_groups)
        return corrupt(decoder, "it lacks its schema or its row groups");
    if (decoder->row_count < 0 || (uint64_t)decoder->row_count != decoder->footer->row_count)
        return corrupt(decoder, "it says that there are %lld rows, its row groups have %llu",
                       (long long)decoder->row_count, (unsigned long long)decoder->footer->row_count);
    return 0;
}

int df_parquet_footer_decode(struct df_parquet_footer *footer, const struct df_parquet_footer_bytes *bytes,
                             struct df_error *error)
{
    *footer = (struct df_parquet_footer){.memory.budget = bytes->budget};
    struct decoder decoder = {.footer = footer, .bytes = bytes, .error = error, .row_count = -1};
    df_thrift_reader_init(&decoder.reader, bytes->thrift);
    if (take_file(&decoder) == 0 && check_file(&decoder) == 0)
        return 0;
    df_parquet_footer_dispose(footer);
    return -1;
}

void df_parquet_footer_dispose(struct df_parquet_footer *footer)
{
    df_parquet_memory_dispose(&footer->memory);
    *footer = (struct df_parquet_footer){0};
}
