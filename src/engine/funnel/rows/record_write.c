/* Rows to blocks of the exchange; the layout is in record.h. */
#include "engine/funnel/rows/record.h"

#include "base/bytes.h"
#include "engine/funnel/rows/record_layout.h"

struct df_type df_funnel_record_user_type(enum df_funnel_key_kind kind)
{
    return (struct df_type){.kind = kind == DF_FUNNEL_KEY_BYTES ? DF_TYPE_BINARY : DF_TYPE_INT64, .bits = 64};
}

/* ---- packed integers ---- */

static unsigned width_of(uint64_t greatest)
{
    if (greatest == 0)
        return 0;
    if (greatest <= UINT8_MAX)
        return 1;
    if (greatest <= UINT16_MAX)
        return 2;
    return greatest <= UINT32_MAX ? 4 : 8;
}

/* One loop per width: a copy of constant size is a store. */
static void put_above(const int64_t *values, size_t n, int64_t least, unsigned width, struct df_buf *out)
{
    uint8_t *at = width ? df_buf_extend(out, n * width) : NULL;
    if (!at)
        return;
    for (size_t i = 0; width == 1 && i < n; i++)
        at[i] = (uint8_t)((uint64_t)values[i] - (uint64_t)least);
    for (size_t i = 0; width == 2 && i < n; i++) {
        uint16_t above = (uint16_t)((uint64_t)values[i] - (uint64_t)least);
        memcpy(at + i * 2, &above, sizeof above);
    }
    for (size_t i = 0; width == 4 && i < n; i++)
        df_store_u32le(at + i * 4, (uint32_t)((uint64_t)values[i] - (uint64_t)least));
    for (size_t i = 0; width == 8 && i < n; i++)
        df_store_u64le(at + i * 8, (uint64_t)values[i] - (uint64_t)least);
}

static void put_packed(const int64_t *values, size_t n, struct df_buf *out)
{
    int64_t least = n ? values[0] : 0, greatest = least;
    for (size_t i = 1; i < n; i++) {
        least = values[i] < least ? values[i] : least;
        greatest = values[i] > greatest ? values[i] : greatest;
    }
    unsigned width = width_of((uint64_t)greatest - (uint64_t)least);
    df_buf_put_u8(out, (uint8_t)width);
    df_buf_put_u64le(out, (uint64_t)least);
    put_above(values, n, least, width, out);
}

static void put_lengths(const uint32_t *lengths, size_t n, struct df_buf *out)
{
    int64_t some[512];
    uint32_t greatest = 0;
    for (size_t i = 0; i < n; i++)
        greatest = lengths[i] > greatest ? lengths[i] : greatest;
    unsigned width = width_of(greatest);
    df_buf_put_u8(out, (uint8_t)width);
    df_buf_put_u64le(out, 0);
    for (size_t i = 0; i < n;) {
        size_t count = 0;
        for (; i < n && count < 512; i++)
            some[count++] = lengths[i];
        put_above(some, count, 0, width, out);
    }
}

/* ---- columns ---- */

static void put_nulls(const struct df_funnel_pile *pile, bool always_bits, struct df_buf *out)
{
    if (pile->value_count == 0 && !always_bits) {
        df_buf_put_u8(out, RECORD_ALL_NULL);
        return;
    }
    if (pile->value_count == pile->row_count && !always_bits) {
        df_buf_put_u8(out, RECORD_NO_NULLS);
        return;
    }
    df_buf_put_u8(out, RECORD_NULL_BITS);
    size_t size = (pile->row_count + 7) / 8;
    uint8_t *bits = df_buf_extend(out, size);
    if (!bits)
        return;
    memset(bits, 0, size);
    for (size_t i = 0; i < pile->row_count; i++)
        bits[i / 8] |= (uint8_t)(pile->valid[i] << i % 8);
}

static void put_column(const struct df_funnel_pile *pile, bool always_bits, struct df_buf *out);

static void put_values(const struct df_funnel_pile *pile, struct df_buf *out)
{
    switch (pile->kind) {
    case DF_VECTOR_INT64:
        /* Memory of the account is aligned for any type. */
        put_packed((const int64_t *)(const void *)pile->values, pile->value_count, out);
        return;
    case DF_VECTOR_BYTES:
        put_lengths(pile->lengths, pile->value_count, out);
        df_buf_put(out, pile->bytes, pile->byte_count);
        return;
    case DF_VECTOR_LIST:
        put_lengths(pile->lengths, pile->value_count, out);
        put_column(pile->elements, true, out);
        return;
    default:
        df_buf_put(out, pile->values, pile->value_count * df_funnel_kind_bytes(pile->kind));
        return;
    }
}

/* always_bits: elements cost a bit at least, so that a reader's memory is bounded by what it was given. */
static void put_column(const struct df_funnel_pile *pile, bool always_bits, struct df_buf *out)
{
    put_nulls(pile, always_bits, out);
    if (pile->value_count > 0)
        put_values(pile, out);
}

static void put_matches(const struct df_funnel_record *record, struct df_buf *out)
{
    const struct df_funnel_record_match *matches = record->matches;
    for (size_t from = 0, to; from < record->match_count; from = to) {
        for (to = from + 1; to < record->match_count && matches[to].root == matches[from].root; to++)
            ;
        df_buf_put_varint(out, matches[from].root);
        df_buf_put_varint(out, to - from);
        for (size_t i = from; i < to; i++)
            df_buf_put_varint(out, i == from ? matches[i].row : matches[i].row - matches[i - 1].row);
    }
}

/* ---- blocks ---- */

static void put_type(const struct df_type *type, struct df_buf *out)
{
    const uint8_t bytes[RECORD_TYPE_BYTES] = {(uint8_t)type->kind, type->list,      type->bits,
                                              (uint8_t)type->unit, type->precision, type->scale};
    df_buf_put(out, bytes, sizeof bytes);
}

void df_funnel_record_put_head(const struct df_funnel_record_head *head, struct df_buf *out)
{
    df_buf_put_u8(out, (uint8_t)head->kind);
    df_buf_put_u8(out, head->times_turned);
    df_buf_put_u8(out, head->scale_known);
    df_buf_put_u8(out, (uint8_t)head->scale);
    put_type(&head->user_type, out);
    put_type(&head->time_type, out);
    df_buf_put_varint(out, head->column_count);
    for (uint32_t i = 0; i < head->column_count; i++)
        put_type(&head->types[i], out);
}

/* Its size, and then the part; `part` is emptied. */
static void put_part(struct df_buf *part, struct df_buf *out)
{
    df_buf_put_varint(out, part->size);
    df_buf_put_slice(out, df_buf_slice(part));
    out->failed |= df_buf_failed(part);
    df_buf_clear(part);
}

void df_funnel_record_encode(const struct df_funnel_record *record, struct df_buf *out)
{
    struct df_buf body = {0}, part = {0};
    df_buf_put_u8(&body, RECORD_LAYOUT_COLUMNS);
    put_column(record->users, false, &part);
    put_part(&part, &body);
    put_column(record->times, false, &part);
    put_part(&part, &body);
    put_matches(record, &part);
    put_part(&part, &body);
    for (uint32_t i = 0; i < record->head->column_count; i++) {
        put_column(&record->columns[i], false, &part);
        put_part(&part, &body);
    }
    df_buf_put_u8(out, RECORD_VERSION);
    df_funnel_record_put_head(record->head, &part);
    put_part(&part, out);
    df_buf_put_varint(out, record->rows);
    put_part(&body, out);
    df_buf_dispose(&part);
    df_buf_dispose(&body);
}
