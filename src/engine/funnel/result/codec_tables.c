/* Types and tables as bytes; see codec.c. */
#include <stdlib.h>

#include "engine/funnel/result/codec.h"

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "reading the tables of a part");
}

/* ---- types ---- */

void df_funnel_put_types(const struct df_funnel_result *result, struct df_buf *out)
{
    for (uint32_t i = 0; i < result->request->column_count; i++) {
        const struct df_type *type = &result->types[i];
        df_buf_put_u8(out, result->types_known[i]);
        if (!result->types_known[i])
            continue;
        const uint8_t members[] = {(uint8_t)type->kind, type->list,      type->bits,
                                   (uint8_t)type->unit, type->precision, type->scale};
        df_buf_put(out, members, sizeof members);
    }
}

int df_funnel_take_types(struct df_funnel_result *aside, struct df_cursor *from, struct df_error *error)
{
    for (uint32_t i = 0; i < aside->request->column_count; i++) {
        uint8_t known;
        struct df_slice members;
        if (!df_cursor_take_u8(from, &known) || known > 1)
            return df_funnel_corrupt_result(error, "its types");
        if (!known)
            continue;
        if (!df_cursor_take_bytes(from, 6, &members))
            return df_funnel_corrupt_result(error, "it ends in its types");
        const uint8_t *bytes = members.data;
        if (bytes[0] >= DF_TYPE_KINDS || bytes[1] > 1 || bytes[2] > 64 || bytes[3] >= DF_TIME_UNITS || bytes[4] > 38 ||
            bytes[5] > 38)
            return df_funnel_corrupt_result(error, "a type that no column has");
        const struct df_type type = {.kind = (enum df_type_kind)bytes[0],
                                     .list = bytes[1],
                                     .bits = bytes[2],
                                     .unit = (enum df_time_unit)bytes[3],
                                     .precision = bytes[4],
                                     .scale = bytes[5]};
        if (df_funnel_result_set_type(aside, i, &type, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- entries ---- */

static void put_cell(const struct df_funnel_table *table, size_t cell, struct df_buf *out)
{
    df_buf_put_varint(out, df_funnel_cell_class(table, cell));
    for (uint32_t i = 0; i < table->counter_count; i++)
        df_buf_put_varint(out, table->counters[cell * table->counter_count + i]);
    for (uint32_t i = 0; i < table->sum_count; i++)
        df_funnel_amount_put(&table->sums[i].cells[cell], out);
}

/* Small numbers, also negative ones, take few bytes. */
static uint64_t zigzag(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static int64_t from_zigzag(uint64_t number)
{
    return (int64_t)(number >> 1 ^ (number & 1 ? UINT64_MAX : 0));
}

static void put_value(const struct df_funnel_table *table, const struct df_type *type, uint32_t id, struct df_buf *out)
{
    if (table->values.form == DF_FUNNEL_FORM_BYTES) {
        struct df_slice bytes = df_funnel_values_slice(&table->values, id);
        df_buf_put_varint(out, bytes.size);
        df_buf_put_slice(out, bytes);
    } else if (type && type->kind == DF_TYPE_FLOAT) {
        df_buf_put_u64le(out, (uint64_t)table->values.items[id].number);
    } else {
        df_buf_put_varint(out, zigzag(table->values.items[id].number));
    }
}

void df_funnel_put_entries(const struct df_funnel_table *table, const struct df_type *types,
                           const struct df_funnel_chains *chains, const uint32_t *ids, size_t count, struct df_buf *out)
{
    const struct df_type *type = table->column == DF_FUNNEL_NONE ? NULL : &types[table->column];
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += chains->first[ids[i]] != DF_FUNNEL_NO_CELL;
    df_buf_put_varint(out, used);
    for (size_t i = 0; i < count; i++) {
        uint64_t cells = 0;
        bool null = ids[i] == table->values.null_id;
        for (size_t cell = chains->first[ids[i]]; cell != DF_FUNNEL_NO_CELL; cell = chains->next[cell])
            cells++;
        if (cells == 0)
            continue;
        df_buf_put_varint(out, cells << 1 | null);
        if (!null)
            put_value(table, type, ids[i], out);
        for (size_t cell = chains->first[ids[i]]; cell != DF_FUNNEL_NO_CELL; cell = chains->next[cell])
            put_cell(table, cell, out);
    }
}

/* 1; 0: memory; -1: damaged */
static int take_value(struct df_funnel_table *table, const struct df_type *type, struct df_cursor *from, uint32_t *id)
{
    if (table->values.form == DF_FUNNEL_FORM_BYTES) {
        struct df_slice bytes;
        if (!df_funnel_take_slice(from, &bytes) ||
            (type && type->kind == DF_TYPE_DECIMAL && bytes.size != sizeof(__int128)))
            return -1;
        return df_funnel_values_bytes(&table->values, bytes, id);
    }
    uint64_t number;
    bool fixed = type && type->kind == DF_TYPE_FLOAT;
    if (fixed ? !df_cursor_take_u64le(from, &number) : !df_cursor_take_varint(from, &number))
        return -1;
    return df_funnel_values_number(&table->values, fixed ? (int64_t)number : from_zigzag(number), id);
}

static int take_cell(struct df_funnel_table *table, uint32_t id, struct df_cursor *from)
{
    uint64_t class, count;
    size_t cell;
    if (!df_cursor_take_varint(from, &class) || class >= table->classes->count)
        return -1;
    if (!df_funnel_table_cell(table, id, (uint32_t) class, &cell))
        return 0;
    /* A value comes once, and a class of it once. */
    if (df_funnel_cell_is_used(table, cell))
        return -1;
    for (uint32_t i = 0; i < table->counter_count; i++) {
        if (!df_cursor_take_varint(from, &count) || (i == 0 && count == 0))
            return -1;
        table->counters[cell * table->counter_count + i] = count;
    }
    for (uint32_t i = 0; i < table->sum_count; i++)
        if (!df_funnel_amount_take(&table->sums[i].cells[cell], from))
            return -1;
    return 1;
}

static int take_entry(struct df_funnel_table *table, const struct df_type *type, bool values_known,
                      struct df_cursor *from)
{
    uint64_t head;
    uint32_t id;
    if (!df_cursor_take_varint(from, &head) || head < 2)
        return -1;
    if (!(head & 1) && !values_known)
        return -1;
    int taken = head & 1 ? df_funnel_values_null(&table->values, &id) : take_value(table, type, from, &id);
    for (uint64_t i = 0; taken > 0 && i < head >> 1; i++)
        taken = take_cell(table, id, from);
    return taken;
}

int df_funnel_take_entries(struct df_funnel_result *aside, struct df_funnel_table *table, struct df_cursor *from,
                           struct df_error *error)
{
    const struct df_type *type = table->column == DF_FUNNEL_NONE ? NULL : &aside->types[table->column];
    bool values_known = !type || (aside->types_known[table->column] && type->kind != DF_TYPE_NULL && !type->list);
    uint64_t count;
    if (!df_cursor_take_varint(from, &count) || count > df_cursor_left(from))
        return df_funnel_corrupt_result(error, "a table of more values than it holds");
    int taken = 1;
    for (uint64_t i = 0; taken > 0 && i < count; i++)
        taken = take_entry(table, type, values_known, from);
    if (taken < 0)
        return df_funnel_corrupt_result(error, "a value of a table");
    return taken == 0 ? no_memory(error) : 0;
}

/* ---- tables ---- */

enum { TABLE_SETTLED = 1, TABLE_CUT = 2 };

static void put_errors(const struct df_funnel_table *table, struct df_buf *out)
{
    for (uint32_t i = 0; i < table->counter_count; i++)
        df_buf_put_varint(out, table->counter_errors[i]);
    for (uint32_t i = 0; i < table->classes->count; i++) {
        df_buf_put_u8(out, table->hlls[i] != NULL);
        if (table->hlls[i])
            df_funnel_hll_put(table->hlls[i], out);
    }
}

/* Settled parts and those of approximate answers that were cut lie beside the entries. */
static void put_rest(const struct df_funnel_table *table, struct df_buf *out)
{
    for (uint32_t i = 0; i < table->classes->count; i++)
        df_buf_put_varint(out, table->distinct[i]);
    for (uint32_t i = 0; i < table->classes->count * table->counter_count; i++)
        df_buf_put_varint(out, table->rest[i]);
}

bool df_funnel_put_table(const struct df_funnel_result *result, const struct df_funnel_table *table, struct df_buf *out)
{
    struct df_funnel_chains chains;
    uint32_t *ids = calloc(table->values.count + 1, sizeof *ids);
    if (!ids || !df_funnel_chains_make(&chains, table)) {
        free(ids);
        return false;
    }
    for (uint32_t i = 0; i < table->values.count; i++)
        ids[i] = i;
    df_buf_put_u8(out, (uint8_t)((table->settled ? TABLE_SETTLED : 0) | (table->cut ? TABLE_CUT : 0)));
    if (table->settled || table->cut)
        put_rest(table, out);
    for (uint32_t i = 0; result->request->approximate && i < table->sum_count; i++) {
        df_funnel_put_real(table->sums[i].error.largest, out);
        df_funnel_put_real(table->sums[i].error.least, out);
        df_funnel_put_real(table->sums[i].error.greatest, out);
    }
    if (table->cut)
        put_errors(table, out);
    df_funnel_put_entries(table, result->types, &chains, ids, table->values.count, out);
    df_funnel_chains_dispose(&chains);
    free(ids);
    return true;
}

static int take_errors(struct df_funnel_table *table, struct df_cursor *from, struct df_error *error)
{
    for (uint32_t i = 0; i < table->counter_count; i++)
        if (!df_cursor_take_varint(from, &table->counter_errors[i]))
            return df_funnel_corrupt_result(error, "it ends in its errors");
    for (uint32_t i = 0; i < table->classes->count; i++) {
        uint8_t there;
        if (!df_cursor_take_u8(from, &there) || there > 1)
            return df_funnel_corrupt_result(error, "its registers");
        if (!there)
            continue;
        uint8_t *registers = df_funnel_table_hll(table, i);
        if (!registers)
            return no_memory(error);
        if (!df_funnel_hll_take(registers, from))
            return df_funnel_corrupt_result(error, "registers of a distinct count");
    }
    return 0;
}

static int take_rest(struct df_funnel_table *table, struct df_cursor *from, struct df_error *error)
{
    for (uint32_t i = 0; i < table->classes->count; i++)
        if (!df_cursor_take_varint(from, &table->distinct[i]))
            return df_funnel_corrupt_result(error, "it ends in a distinct count");
    for (uint32_t i = 0; i < table->classes->count * table->counter_count; i++)
        if (!df_cursor_take_varint(from, &table->rest[i]))
            return df_funnel_corrupt_result(error, "it ends in the rest of a table");
    return 0;
}

int df_funnel_take_table(struct df_funnel_result *aside, struct df_funnel_table *table, struct df_cursor *from,
                         struct df_error *error)
{
    uint8_t flags;
    if (!df_cursor_take_u8(from, &flags) || flags > (TABLE_SETTLED | TABLE_CUT))
        return df_funnel_corrupt_result(error, "the head of a table");
    table->settled = flags & TABLE_SETTLED;
    table->cut = flags & TABLE_CUT;
    if (flags && take_rest(table, from, error) < 0)
        return -1;
    for (uint32_t i = 0; aside->request->approximate && i < table->sum_count; i++) {
        struct df_funnel_sum_error *sum = &table->sums[i].error;
        if (!df_funnel_take_real(from, &sum->largest) || !df_funnel_take_real(from, &sum->least) ||
            !df_funnel_take_real(from, &sum->greatest))
            return df_funnel_corrupt_result(error, "it ends in its errors");
    }
    if (table->cut && take_errors(table, from, error) < 0)
        return -1;
    return df_funnel_take_entries(aside, table, from, error);
}
