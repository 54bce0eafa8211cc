/* Rows of chains: the breakdown's value and the columns of an export stand in rows whose ordinals the verdicts name.
 * They are sorted, and picked out as the batches go by. */
#include <stdlib.h>

#include "base/size.h"
#include "engine/funnel/language/shown.h"
#include "engine/funnel/result/cohort.h"
#include "engine/funnel/result/tables.h"

struct pick {
    uint32_t row; /* ordinal */
    uint32_t unit;
};

struct pick_list {
    struct pick *picks; /* by row */
    size_t count, at;   /* at: the first one that has not gone by */
};

struct kept_value {
    bool null;
    struct df_parquet_value value; /* bytes: in `strings` */
};

struct df_funnel_picks {
    struct df_funnel_result *result;
    struct df_funnel_account *account;
    const struct df_funnel_verdicts *verdicts;
    struct pick_list breakdown, cohort;
    uint32_t *breakdown_ids; /* per unit */
    uint32_t *cohort_units;  /* units that are exported, ascending */
    uint32_t *cohort_places; /* per unit: its place in `cohort_units` */
    struct kept_value *kept; /* per exported unit, its columns */
    size_t kept_columns;
    struct df_funnel_values strings;
};

/* By row, stable; 8 bits a time. False when memory is short. */
static bool sort_picks(struct df_funnel_account *account, struct pick_list *list)
{
    size_t size_bytes = list->count * sizeof(struct pick);
    struct pick *from = list->picks, *to = df_funnel_account_alloc(account, size_bytes);
    if (!to)
        return false;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        size_t begins[257] = {0};
        for (size_t i = 0; i < list->count; i++)
            begins[(from[i].row >> shift & 0xff) + 1]++;
        for (size_t i = 1; i < 257; i++)
            begins[i] += begins[i - 1];
        for (size_t i = 0; i < list->count; i++)
            to[begins[from[i].row >> shift & 0xff]++] = from[i];
        struct pick *turned = from;
        from = to;
        to = turned;
    }
    df_funnel_account_free(account, to, size_bytes); /* four turns: `from` is the list's own again */
    return true;
}

static bool make_breakdown(struct df_funnel_picks *picks)
{
    size_t count = picks->verdicts->unit_count;
    bool last = picks->result->request->funnel.breakdown.last;
    picks->breakdown_ids = df_funnel_account_alloc(picks->account, count * sizeof *picks->breakdown_ids);
    picks->breakdown.picks = df_funnel_account_alloc(picks->account, count * sizeof *picks->breakdown.picks);
    if (!picks->breakdown_ids || !picks->breakdown.picks)
        return false;
    picks->breakdown.count = count;
    for (size_t i = 0; i < count; i++) {
        const struct df_funnel_unit *unit = &picks->verdicts->units[i];
        picks->breakdown.picks[i] =
            (struct pick){.row = unit->chain_rows[last ? unit->depth - 1 : 0], .unit = (uint32_t)i};
        picks->breakdown_ids[i] = DF_FUNNEL_NONE;
    }
    return sort_picks(picks->account, &picks->breakdown);
}

static bool is_exported(const struct df_funnel_export *export, const struct df_funnel_unit *unit)
{
    return export->dropped ? unit->depth == export->step : unit->depth >= export->step;
}

static bool make_cohort(struct df_funnel_picks *picks)
{
    const struct df_funnel_export *export = &picks->result->request->funnel.cohort;
    const struct df_funnel_verdicts *verdicts = picks->verdicts;
    size_t count = 0, size_bytes;
    for (size_t i = 0; i < verdicts->unit_count; i++)
        count += is_exported(export, &verdicts->units[i]);
    picks->kept_columns = export->column_count;
    picks->cohort.picks = df_funnel_account_alloc(picks->account, count * sizeof *picks->cohort.picks);
    if (!picks->cohort.picks)
        return false;
    picks->cohort.count = count;
    picks->cohort_units = df_funnel_account_alloc(picks->account, count * sizeof *picks->cohort_units);
    picks->cohort_places = df_funnel_account_alloc(picks->account, verdicts->unit_count * sizeof(uint32_t));
    if (df_size_mul(&size_bytes, count, picks->kept_columns) < 0 ||
        df_size_mul(&size_bytes, size_bytes, sizeof *picks->kept) < 0)
        return false;
    picks->kept = df_funnel_account_alloc(picks->account, size_bytes);
    if (!picks->cohort_units || !picks->cohort_places || !picks->kept)
        return false;
    uint32_t place = 0;
    for (size_t i = 0; i < verdicts->unit_count; i++) {
        const struct df_funnel_unit *unit = &verdicts->units[i];
        if (!is_exported(export, unit))
            continue;
        picks->cohort.picks[place] = (struct pick){.row = unit->chain_rows[export->step - 1], .unit = (uint32_t)i};
        picks->cohort_units[place] = (uint32_t)i;
        picks->cohort_places[i] = place++;
    }
    for (size_t i = 0; i < count * picks->kept_columns; i++)
        picks->kept[i] = (struct kept_value){.null = true};
    return sort_picks(picks->account, &picks->cohort);
}

int df_funnel_picks_create(struct df_funnel_picks **picks, struct df_funnel_result *result,
                           const struct df_funnel_verdicts *verdicts, bool with_cohort, struct df_error *error)
{
    struct df_funnel_picks *made = calloc(1, sizeof *made);
    *picks = made;
    if (!made)
        return df_error_no_memory(error, "looking for the rows of chains");
    made->result = result;
    made->account = result->account;
    made->verdicts = verdicts;
    df_funnel_values_init(&made->strings, DF_FUNNEL_FORM_BYTES, made->account);
    if (verdicts->unit_count >= DF_FUNNEL_NONE)
        return DF_FUNNEL_OVER;
    if ((result->has_breakdown && !make_breakdown(made)) || (with_cohort && !make_cohort(made)))
        return DF_FUNNEL_OVER;
    return DF_FUNNEL_DONE;
}

void df_funnel_picks_free(struct df_funnel_picks *picks)
{
    if (!picks)
        return;
    struct df_funnel_account *account = picks->account;
    size_t units = picks->verdicts->unit_count, exported = picks->cohort.count;
    df_funnel_account_free(account, picks->breakdown.picks, units * sizeof *picks->breakdown.picks);
    df_funnel_account_free(account, picks->breakdown_ids, units * sizeof *picks->breakdown_ids);
    df_funnel_account_free(account, picks->cohort.picks, exported * sizeof *picks->cohort.picks);
    df_funnel_account_free(account, picks->cohort_units, exported * sizeof *picks->cohort_units);
    df_funnel_account_free(account, picks->cohort_places, units * sizeof *picks->cohort_places);
    df_funnel_account_free(account, picks->kept, exported * picks->kept_columns * sizeof *picks->kept);
    df_funnel_values_dispose(&picks->strings);
    free(picks);
}

/* ---- batches ---- */

/* The pick that lies in the batch, and its row there; NULL when none is left in it. */
static const struct pick *next_pick(struct pick_list *list, const struct df_funnel_batch *batch, uint32_t *row)
{
    if (list->at == list->count || list->picks[list->at].row - batch->first_row >= batch->rows)
        return NULL;
    *row = list->picks[list->at].row - batch->first_row;
    return &list->picks[list->at++];
}

static bool pick_breakdown(struct df_funnel_picks *picks, const struct df_funnel_batch *batch)
{
    struct df_funnel_values *values = &picks->result->breakdown.values;
    uint32_t column = picks->result->breakdown.column, row;
    const struct df_type *type = &picks->result->types[column];
    const struct df_vector *vector = batch->values[column];
    const struct pick *pick;
    while ((pick = next_pick(&picks->breakdown, batch, &row)) != NULL) {
        uint32_t *id = &picks->breakdown_ids[pick->unit];
        bool null = df_funnel_is_null_at(vector, row, type->kind);
        if (null ? !df_funnel_values_null(values, id) : !df_funnel_values_add_row(values, type, vector, row, id))
            return false;
    }
    return true;
}

static bool keep_value(struct df_funnel_picks *picks, const struct df_vector *vector, uint32_t row,
                       const struct df_type *type, struct kept_value *kept)
{
    uint32_t id;
    if (df_funnel_is_null_at(vector, row, type->kind))
        return true;
    kept->null = false;
    kept->value.kind = vector->kind == DF_VECTOR_CODES ? vector->dictionary->kind : vector->kind;
    switch (kept->value.kind) {
    case DF_VECTOR_BOOL:
        kept->value.as.boolean = vector->values.bools[row];
        return true;
    case DF_VECTOR_FLOAT64:
        kept->value.as.float64 = df_funnel_real_at(vector, row);
        return true;
    case DF_VECTOR_INT128:
        kept->value.as.int128 = vector->values.int128s[row];
        return true;
    case DF_VECTOR_BYTES:
        if (!df_funnel_values_bytes(&picks->strings, df_funnel_bytes_at(vector, row), &id))
            return false;
        kept->value.as.bytes = df_funnel_values_slice(&picks->strings, id);
        return true;
    default:
        kept->value.as.int64 = (int64_t)df_funnel_integer_at(vector, row, false);
        return true;
    }
}

static bool pick_cohort(struct df_funnel_picks *picks, const struct df_funnel_batch *batch)
{
    const struct df_funnel_export *export = &picks->result->request->funnel.cohort;
    const struct pick *pick;
    uint32_t row;
    while ((pick = next_pick(&picks->cohort, batch, &row)) != NULL) {
        struct kept_value *kept = &picks->kept[picks->cohort_places[pick->unit] * picks->kept_columns];
        for (uint32_t i = 0; i < export->column_count; i++)
            if (!keep_value(picks, batch->values[export->columns[i]], row, &picks->result->types[export->columns[i]],
                            &kept[i]))
                return false;
    }
    return true;
}

int df_funnel_picks_batch(struct df_funnel_picks *picks, const struct df_funnel_batch *batch, struct df_error *error)
{
    (void)error;
    return pick_breakdown(picks, batch) && pick_cohort(picks, batch) ? DF_FUNNEL_DONE : DF_FUNNEL_OVER;
}

int df_funnel_picks_count(struct df_funnel_picks *picks, struct df_error *error)
{
    if (picks->breakdown.at < picks->breakdown.count || picks->cohort.at < picks->cohort.count)
        return df_error_set(error, DF_ERROR_INTERNAL, "a row of a chain was not there in the second reading");
    if (!picks->result->has_breakdown ||
        df_funnel_count_breakdown(picks->result, picks->verdicts, picks->breakdown_ids))
        return DF_FUNNEL_DONE;
    return DF_FUNNEL_OVER;
}

/* ---- the export ---- */

static struct df_parquet_value integer_value(int64_t number)
{
    return (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = number};
}

static bool put_user(struct df_funnel_cohort *cohort, const struct df_funnel_groups *groups, uint32_t user)
{
    struct df_parquet_value value = integer_value(groups->groups[user].key.number);
    if (groups->kind == DF_FUNNEL_KEY_BYTES)
        value = (struct df_parquet_value){.kind = DF_VECTOR_BYTES,
                                          .as.bytes = df_funnel_group_bytes(&groups->groups[user])};
    return df_funnel_cohort_put(cohort, &value);
}

static bool put_times(const struct df_funnel_picks *picks, struct df_funnel_cohort *cohort,
                      const struct df_funnel_source *source, const struct df_funnel_unit *unit)
{
    for (uint32_t step = 0; step < picks->result->depth_count; step++) {
        bool null = !unit->timed || step >= unit->depth;
        int64_t time = null ? 0 : unit->chain_times[step];
        struct df_parquet_value value = integer_value(source->times_turned ? time ^ INT64_MIN : time);
        if (source->time_type.kind == DF_TYPE_FLOAT) /* seconds, of which batches have microseconds */
            value = (struct df_parquet_value){.kind = DF_VECTOR_FLOAT64, .as.float64 = (double)time / 1e6};
        if (!df_funnel_cohort_put(cohort, null ? NULL : &value))
            return false;
    }
    return true;
}

static bool put_breakdown(const struct df_funnel_values *values, uint32_t id, const struct df_type *type,
                          struct df_funnel_cohort *cohort)
{
    if (id == values->null_id)
        return df_funnel_cohort_put(cohort, NULL);
    struct df_parquet_value value = {.kind = DF_VECTOR_BYTES};
    if (values->form == DF_FUNNEL_FORM_BYTES)
        value.as.bytes = df_funnel_values_slice(values, id);
    else
        value = integer_value(values->items[id].number);
    if (type->kind == DF_TYPE_BOOL) {
        value = (struct df_parquet_value){.kind = DF_VECTOR_BOOL, .as.boolean = values->items[id].number != 0};
    } else if (type->kind == DF_TYPE_FLOAT) {
        value.kind = DF_VECTOR_FLOAT64;
        memcpy(&value.as.float64, &values->items[id].number, sizeof value.as.float64);
    } else if (type->kind == DF_TYPE_DECIMAL) {
        __int128 number;
        memcpy(&number, value.as.bytes.data, sizeof number);
        value = integer_value((int64_t)number);
        if (type->precision > 18)
            value = (struct df_parquet_value){.kind = DF_VECTOR_INT128, .as.int128 = number};
    }
    return df_funnel_cohort_put(cohort, &value);
}

int df_funnel_picks_export(const struct df_funnel_picks *picks, const struct df_funnel_groups *groups,
                           const struct df_funnel_source *source, struct df_funnel_cohort *cohort,
                           struct df_error *error)
{
    (void)error;
    const struct df_funnel_table *breakdown = &picks->result->breakdown;
    for (size_t i = 0; i < picks->cohort.count; i++) {
        uint32_t at = picks->cohort_units[i];
        const struct df_funnel_unit *unit = &picks->verdicts->units[at];
        const struct kept_value *kept = &picks->kept[i * picks->kept_columns];
        if (!put_user(cohort, groups, unit->user) || !put_times(picks, cohort, source, unit))
            return DF_FUNNEL_OVER;
        if (picks->result->has_breakdown && !put_breakdown(&breakdown->values, picks->breakdown_ids[at],
                                                           &picks->result->types[breakdown->column], cohort))
            return DF_FUNNEL_OVER;
        for (size_t column = 0; column < picks->kept_columns; column++)
            if (!df_funnel_cohort_put(cohort, kept[column].null ? NULL : &kept[column].value))
                return DF_FUNNEL_OVER;
    }
    return DF_FUNNEL_DONE;
}
