/* A footer's blob:
 *
 *     | version (1) | varint: rows | varint: row groups | varint: columns | column … |
 *     column    | text: name | type: kind, list, bits, unit, precision, scale, flags (1 each) | varint: fixed bytes |
 *               text: why it is not read, or empty |
 *     text      | varint: bytes | bytes | */
#include "engine/funnel/repartition/schema.h"

enum { FLAG_UNSIGNED = 1, FLAG_LOCAL = 2, FLAG_ELEMENTS = 4, FLAG_REQUIRED = 8 };
enum { FOOTER_VERSION = 1, TYPE_BYTES = 7 };

/* ---- writing ---- */

static void put_text(struct df_buf *out, const char *text)
{
    size_t size = strlen(text);
    df_buf_put_varint(out, size);
    df_buf_put(out, text, size);
}

int df_repartition_footer_put(const struct df_parquet_file *file, struct df_buf *out, struct df_error *error)
{
    uint32_t count = df_parquet_column_count(file);
    df_buf_put_u8(out, FOOTER_VERSION);
    df_buf_put_varint(out, df_parquet_row_count(file));
    df_buf_put_varint(out, df_parquet_row_group_count(file));
    df_buf_put_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct df_parquet_column *column = df_parquet_column(file, i);
        struct df_parquet_write_column written = {0};
        struct df_parquet_write_more more = {0};
        if (!column->unsupported)
            df_parquet_write_like(file, i, &written, &more);
        const struct df_type *type = &written.type;
        unsigned flags = (more.is_unsigned ? FLAG_UNSIGNED : 0U) | (more.is_local ? FLAG_LOCAL : 0U) |
                         (more.elements_required ? FLAG_ELEMENTS : 0U) | (written.optional ? 0U : FLAG_REQUIRED);
        const uint8_t bytes[TYPE_BYTES] = {(uint8_t)type->kind, type->list,  type->bits,    (uint8_t)type->unit,
                                           type->precision,     type->scale, (uint8_t)flags};
        put_text(out, column->name);
        df_buf_put(out, bytes, TYPE_BYTES);
        df_buf_put_varint(out, more.fixed_bytes);
        put_text(out, column->unsupported ? column->unsupported : "");
    }
    return df_buf_failed(out) ? df_error_no_memory(error, "reading a footer") : 0;
}

/* ---- reading ---- */

static bool take_text(struct df_cursor *cursor, struct df_slice *text)
{
    uint64_t size;
    return df_cursor_take_varint(cursor, &size) && size <= df_cursor_left(cursor) &&
           df_cursor_take_bytes(cursor, (size_t)size, text) && (size == 0 || !memchr(text->data, 0, text->size));
}

static bool take_type(struct df_cursor *cursor, struct df_repartition_column *as)
{
    struct df_slice bytes;
    uint64_t fixed;
    if (!df_cursor_take_bytes(cursor, TYPE_BYTES, &bytes) || bytes.data[0] >= DF_TYPE_KINDS || bytes.data[1] > 1 ||
        bytes.data[3] >= DF_TIME_UNITS || !df_cursor_take_varint(cursor, &fixed))
        return false;
    *as = (struct df_repartition_column){.type = {.kind = (enum df_type_kind)bytes.data[0],
                                                  .list = bytes.data[1] != 0,
                                                  .bits = bytes.data[2],
                                                  .unit = (enum df_time_unit)bytes.data[3],
                                                  .precision = bytes.data[4],
                                                  .scale = bytes.data[5]},
                                         .is_unsigned = (bytes.data[6] & FLAG_UNSIGNED) != 0,
                                         .is_local = (bytes.data[6] & FLAG_LOCAL) != 0,
                                         .elements_required = (bytes.data[6] & FLAG_ELEMENTS) != 0,
                                         .required = (bytes.data[6] & FLAG_REQUIRED) != 0,
                                         .fixed_bytes = fixed <= DF_REPARTITION_FIXED_MAX ? (uint32_t)fixed : 0};
    return true;
}

bool df_repartition_footer_take(struct df_cursor *cursor, struct df_repartition_footer *footer, uint64_t *columns)
{
    uint8_t version;
    return df_cursor_take_u8(cursor, &version) && version == FOOTER_VERSION &&
           df_cursor_take_varint(cursor, &footer->rows) && df_cursor_take_varint(cursor, &footer->row_groups) &&
           df_cursor_take_varint(cursor, columns);
}

bool df_repartition_footer_take_column(struct df_cursor *cursor, struct df_slice *name,
                                       struct df_repartition_column *column, struct df_slice *why)
{
    return take_text(cursor, name) && take_type(cursor, column) && take_text(cursor, why);
}
