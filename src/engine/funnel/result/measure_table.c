/* Rows of a batch into a table: value → id → cell, then one loop per counter and sum. */
#include "base/hash.h"
#include "engine/funnel/result/measure.h"

enum {
    PREFETCH_CELLS = 8, /* a sum is two cache lines, and values come in no order */
    PREFETCH_PAIRS = 16,
    PAIR_SLOTS_MIN = 64,
};

void df_funnel_table_reader_init(struct df_funnel_table_reader *reader, struct df_funnel_table *table)
{
    *reader = (struct df_funnel_table_reader){.table = table};
}

static void forget_pairs(struct df_funnel_table_reader *reader)
{
    struct df_funnel_account *account = reader->table->account;
    df_funnel_account_free(account, reader->pairs, reader->pair_slots * sizeof *reader->pairs);
    df_funnel_account_free(account, reader->pair_classes, reader->pair_slots * sizeof *reader->pair_classes);
    reader->pairs = NULL;
    reader->pair_classes = NULL;
    reader->pair_slots = reader->pair_count = 0;
}

void df_funnel_table_reader_dispose(struct df_funnel_table_reader *reader)
{
    if (!reader->table)
        return;
    df_funnel_account_free(reader->table->account, reader->dictionary_ids,
                           reader->dictionary_capacity * sizeof *reader->dictionary_ids);
    forget_pairs(reader);
    *reader = (struct df_funnel_table_reader){0};
}

/* ---- ids ---- */

static bool begin_dictionary(struct df_funnel_table_reader *reader, const struct df_dictionary *dictionary)
{
    if (reader->dictionary_known && reader->dictionary_serial == dictionary->serial)
        return true;
    void *ids = reader->dictionary_ids;
    if (!df_funnel_account_grow(reader->table->account, &ids, &reader->dictionary_capacity, dictionary->count,
                                sizeof *reader->dictionary_ids))
        return false;
    reader->dictionary_ids = ids;
    for (uint32_t i = 0; i < dictionary->count; i++)
        reader->dictionary_ids[i] = DF_FUNNEL_NONE;
    reader->dictionary_known = true;
    reader->dictionary_serial = dictionary->serial;
    return true;
}

static bool ids_of_codes(struct df_funnel_table_reader *reader, const struct df_vector *vector,
                         const struct df_type *type, struct df_funnel_present *present)
{
    if (!begin_dictionary(reader, vector->dictionary))
        return false;
    for (uint32_t i = 0; i < present->count; i++) {
        uint32_t *id = &reader->dictionary_ids[vector->values.codes[present->rows[i]]];
        if (*id == DF_FUNNEL_NONE &&
            !df_funnel_values_add_row(&reader->table->values, type, vector, present->rows[i], id))
            return false;
        present->ids[i] = *id;
    }
    return true;
}

static bool ids_of_rows(struct df_funnel_table_reader *reader, const struct df_vector *vector,
                        const struct df_type *type, struct df_funnel_present *present)
{
    struct df_funnel_values *values = &reader->table->values;
    if (vector->kind == DF_VECTOR_CODES)
        return ids_of_codes(reader, vector, type, present);
    if (values->form == DF_FUNNEL_FORM_NUMBER && vector->kind == DF_VECTOR_INT64) {
        for (uint32_t i = 0; i < present->count; i++)
            present->numbers[i] = vector->values.int64s[present->rows[i]];
        return df_funnel_values_numbers(values, present->numbers, present->count, present->ids);
    }
    if (vector->kind == DF_VECTOR_FLOAT64) {
        for (uint32_t i = 0; i < present->count; i++)
            present->numbers[i] = df_funnel_real_bits(vector->values.float64s[present->rows[i]]);
        return df_funnel_values_numbers(values, present->numbers, present->count, present->ids);
    }
    for (uint32_t i = 0; i < present->count; i++)
        if (!df_funnel_values_add_row(values, type, vector, present->rows[i], &present->ids[i]))
            return false;
    return true;
}

static bool cells_of_ids(struct df_funnel_table *table, struct df_funnel_present *present)
{
    if (!df_funnel_table_make_cells(table))
        return false;
    uint32_t classes = table->classes->count;
    for (uint32_t i = 0; !table->sparse && i < present->count; i++)
        present->cells[i] = (size_t)present->ids[i] * classes + present->classes[i];
    for (uint32_t i = 0; table->sparse && i < present->count; i++)
        if (!df_funnel_table_cell(table, present->ids[i], present->classes[i], &present->cells[i]))
            return false;
    return true;
}

/* ---- sums ---- */

static void note_term(struct df_funnel_sum_error *error, double value)
{
    error->least = fmin(error->least, value);
    error->greatest = fmax(error->greatest, value);
}

static void add_sums(struct df_funnel_sum_lane *lane, const struct df_vector *vector, const struct df_type *type,
                     bool approximate, const struct df_funnel_present *present)
{
    double unit = 1;
    for (unsigned i = 0; type->kind == DF_TYPE_DECIMAL && i < type->scale; i++)
        unit *= 10;
    if (type->kind == DF_TYPE_NULL)
        return;
    for (uint32_t i = 0; i < present->count; i++) {
        struct df_funnel_amount *amount = &lane->cells[present->cells[i]];
        uint32_t row = present->rows[i];
        if (i + PREFETCH_CELLS < present->count)
            __builtin_prefetch(&lane->cells[present->cells[i + PREFETCH_CELLS]], 1);
        if (df_funnel_is_null_at(vector, row, type->kind))
            continue;
        amount->count++;
        if (type->kind == DF_TYPE_FLOAT)
            df_sum_add(&amount->real, df_funnel_real_at(vector, row));
        else
            df_funnel_total_add(&amount->whole, df_funnel_integer_at(vector, row, type->kind == DF_TYPE_UINT64));
        if (!approximate)
            continue;
        if (type->kind == DF_TYPE_FLOAT)
            note_term(&lane->error, df_funnel_real_at(vector, row));
        else
            note_term(&lane->error, (double)df_funnel_integer_at(vector, row, type->kind == DF_TYPE_UINT64) / unit);
    }
}

/* ---- distinct users ---- */

static size_t pair_slot(const struct df_funnel_table_reader *reader, uint64_t pair)
{
    size_t mask = reader->pair_slots - 1, at = df_hash_u64(pair) & mask;
    while (reader->pairs[at] && reader->pairs[at] != pair)
        at = (at + 1) & mask;
    return at;
}

static bool grow_pairs(struct df_funnel_table_reader *reader)
{
    struct df_funnel_account *account = reader->table->account;
    struct df_funnel_table_reader larger = *reader;
    larger.pair_slots = reader->pair_slots ? reader->pair_slots * 2 : PAIR_SLOTS_MIN;
    larger.pairs = df_funnel_account_alloc(account, larger.pair_slots * sizeof *larger.pairs);
    larger.pair_classes = df_funnel_account_alloc(account, larger.pair_slots * sizeof *larger.pair_classes);
    if (!larger.pairs || !larger.pair_classes) {
        df_funnel_account_free(account, larger.pairs, larger.pair_slots * sizeof *larger.pairs);
        df_funnel_account_free(account, larger.pair_classes, larger.pair_slots * sizeof *larger.pair_classes);
        return false;
    }
    memset(larger.pairs, 0, larger.pair_slots * sizeof *larger.pairs);
    for (size_t i = 0; i < reader->pair_slots; i++) {
        if (!reader->pairs[i])
            continue;
        size_t at = pair_slot(&larger, reader->pairs[i]);
        larger.pairs[at] = reader->pairs[i];
        larger.pair_classes[at] = reader->pair_classes[i];
    }
    forget_pairs(reader);
    *reader = larger;
    return true;
}

static bool add_pair(struct df_funnel_table_reader *reader, uint64_t pair, uint16_t class)
{
    if ((reader->pair_count + 1) * 3 > reader->pair_slots * 2 && !grow_pairs(reader))
        return false;
    size_t at = pair_slot(reader, pair);
    if (!reader->pairs[at]) {
        reader->pairs[at] = pair;
        reader->pair_classes[at] = class;
        reader->pair_count++;
    } else if (class > reader->pair_classes[at]) {
        reader->pair_classes[at] = class;
    }
    return true;
}

static bool add_pairs(struct df_funnel_table_reader *reader, struct df_funnel_present *present)
{
    for (uint32_t i = 0; i < present->count; i++)
        present->numbers[i] = (int64_t)(((uint64_t)present->ids[i] << 32 | present->users[i]) + 1);
    for (uint32_t i = 0; i < present->count; i++) {
        if (reader->pair_slots && i + PREFETCH_PAIRS < present->count)
            __builtin_prefetch(
                &reader->pairs[df_hash_u64((uint64_t)present->numbers[i + PREFETCH_PAIRS]) & (reader->pair_slots - 1)],
                1);
        if (!add_pair(reader, (uint64_t)present->numbers[i], present->classes[i]))
            return false;
    }
    return true;
}

bool df_funnel_measure_users(struct df_funnel_table_reader *reader)
{
    struct df_funnel_table *table = reader->table;
    for (size_t i = 0; i < reader->pair_slots; i++) {
        size_t cell;
        if (!reader->pairs[i])
            continue;
        if (!df_funnel_table_cell(table, (uint32_t)((reader->pairs[i] - 1) >> 32), reader->pair_classes[i], &cell))
            return false;
        table->counters[cell * table->counter_count + DF_FUNNEL_USERS]++;
    }
    forget_pairs(reader);
    return true;
}

bool df_funnel_measure_table(struct df_funnel_table_reader *reader, const struct df_vector *const *vectors,
                             const struct df_type *types, bool approximate, struct df_funnel_present *present)
{
    struct df_funnel_table *table = reader->table;
    uint32_t column = table->column;
    if (present->count == 0)
        return true;
    if (!ids_of_rows(reader, vectors[column], &types[column], present) || !cells_of_ids(table, present))
        return false;
    for (uint32_t i = 0; i < present->count; i++)
        table->counters[present->cells[i] * table->counter_count + DF_FUNNEL_ROWS]++;
    for (uint32_t i = 0; i < table->sum_count; i++)
        add_sums(&table->sums[i], vectors[table->sums[i].other], &types[table->sums[i].other], approximate, present);
    return !table->wants_users || add_pairs(reader, present);
}
