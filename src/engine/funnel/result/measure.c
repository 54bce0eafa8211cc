#include "engine/funnel/result/measure.h"

#include <stdlib.h>

#include "engine/funnel/language/shown.h"
#include "engine/funnel/result/cohort.h"

struct measure {
    struct df_funnel_result *aside;
    const struct df_funnel_verdicts *verdicts;
    const struct df_funnel_collector *collector;
    struct df_funnel_source *source;
    bool types_checked;
    struct df_funnel_table_reader *readers; /* per table of the result */
    struct df_funnel_picks *picks;          /* NULL: no chain's rows are wanted */
    uint32_t *codes;                        /* of a batch, when the collector has none */
    uint64_t *hashes;
    struct df_funnel_measured *measured;
    struct df_funnel_present *present;
};

/* ---- what is read ---- */

static int check_types(struct measure *measure, struct df_error *error)
{
    const struct df_funnel_request *request = measure->source->request;
    if (measure->types_checked)
        return 0;
    measure->types_checked = true;
    if (df_funnel_check_types(request, measure->source->types, error) < 0)
        return -1;
    for (uint32_t i = 0; i < request->column_count; i++)
        if (request->columns[i].values &&
            df_funnel_result_set_type(measure->aside, i, &measure->source->types[i], error) < 0)
            return -1;
    return 0;
}

/* A source that hands out something else than it announced is a defect of ours: said so, not read. */
static int check_vectors(const struct measure *measure, const struct df_funnel_batch *batch, struct df_error *error)
{
    const struct df_funnel_request *request = measure->source->request;
    for (uint32_t i = 0; i < request->column_count; i++) {
        if (!request->columns[i].values)
            continue;
        if (batch->values && batch->values[i] && batch->values[i]->row_count >= batch->rows &&
            df_funnel_values_fit(batch->values[i], &measure->source->types[i]))
            continue;
        char type[DF_TYPE_TEXT_BYTES], name[DF_FUNNEL_SHOWN_BYTES];
        return df_error_set(error, DF_ERROR_INTERNAL, "column '%s': rows do not hold %s, as announced",
                            df_funnel_shown(df_slice_text(request->columns[i].name), name),
                            df_type_text(&measure->source->types[i], type));
    }
    return 0;
}

static const uint32_t *codes_of(struct measure *measure, const struct df_funnel_batch *batch)
{
    if (measure->collector->row_codes)
        return measure->collector->row_codes + batch->first_row;
    df_funnel_groups_find(&measure->collector->groups, &batch->keys, measure->hashes, measure->codes);
    return measure->codes;
}

static uint16_t depth_of(const struct measure *measure, const struct df_funnel_batch *batch, uint32_t user,
                         uint32_t row)
{
    const struct df_funnel_verdicts *verdicts = measure->verdicts;
    if (!verdicts->depth)
        return 0;
    if (!measure->aside->sessions)
        return verdicts->depth[user];
    bool timed = !batch->time_valid || batch->time_valid[row];
    return df_funnel_row_depth(verdicts, user, timed, batch->times[row]);
}

/* The rows of users that are in. */
static void choose_rows(struct measure *measure, const struct df_funnel_batch *batch)
{
    const uint32_t *codes = codes_of(measure, batch);
    const struct df_funnel_verdicts *verdicts = measure->verdicts;
    struct df_funnel_measured *measured = measure->measured;
    uint32_t count = 0;
    for (uint32_t row = 0; row < batch->rows; row++) {
        uint32_t user = codes[row];
        if (user == DF_FUNNEL_NO_GROUP || !verdicts->in[user])
            continue;
        measured->rows[count] = row;
        measured->users[count] = user;
        measured->depths[count++] = depth_of(measure, batch, user, row);
    }
    measured->count = count;
}

static int measure_batch(struct measure *measure, const struct df_funnel_batch *batch, struct df_error *error)
{
    struct df_funnel_result *aside = measure->aside;
    const struct df_type *types = measure->source->types;
    if (check_types(measure, error) < 0 || check_vectors(measure, batch, error) < 0)
        return -1;
    if (aside->table_count || aside->scalar_count)
        choose_rows(measure, batch);
    for (uint32_t i = 0; i < aside->scalar_count; i++) {
        struct df_funnel_scalars *scalars = &aside->scalars[i];
        const struct df_vector *vector = batch->values[scalars->column];
        const struct df_type *type = &types[scalars->column];
        df_funnel_measure_present(measure->measured, scalars->classes, vector, type, measure->present);
        if (!df_funnel_measure_scalars(scalars, aside->account, vector, type, measure->present))
            return DF_FUNNEL_OVER;
    }
    for (uint32_t i = 0; i < aside->table_count; i++) {
        uint32_t column = aside->tables[i].column;
        df_funnel_measure_present(measure->measured, aside->tables[i].classes, batch->values[column], &types[column],
                                  measure->present);
        if (!df_funnel_measure_table(&measure->readers[i], batch->values, types, aside->request->approximate,
                                     measure->present))
            return DF_FUNNEL_OVER;
    }
    return measure->picks ? df_funnel_picks_batch(measure->picks, batch, error) : DF_FUNNEL_DONE;
}

static int read_all(struct measure *measure, struct df_error *error)
{
    struct df_funnel_source *source = measure->source;
    struct df_funnel_batch batch;
    int more, done = DF_FUNNEL_DONE;
    source->want_keys = !measure->collector->row_codes; /* the users of rows are known then */
    if (source->begin(source, DF_FUNNEL_VALUES, error) < 0)
        return -1;
    while (done == DF_FUNNEL_DONE && (more = source->next(source, &batch, error)) != 0) {
        if (more < 0)
            return -1;
        done = measure_batch(measure, &batch, error);
    }
    for (uint32_t i = 0; done == DF_FUNNEL_DONE && i < measure->aside->table_count; i++)
        if (measure->aside->tables[i].wants_users && !df_funnel_measure_users(&measure->readers[i]))
            done = DF_FUNNEL_OVER;
    if (done == DF_FUNNEL_DONE && measure->picks)
        done = df_funnel_picks_count(measure->picks, error);
    return done;
}

/* ---- from begin to end ---- */

static int prepare(struct measure *measure, bool with_cohort, struct df_error *error)
{
    struct df_funnel_result *aside = measure->aside;
    /* Of fixed size, and needed however few users there are: not on the account. */
    measure->readers = calloc((size_t)aside->table_count + 1, sizeof *measure->readers);
    measure->codes = calloc(DF_FUNNEL_ROWS_MAX, sizeof *measure->codes);
    measure->hashes = calloc(DF_FUNNEL_ROWS_MAX, sizeof *measure->hashes);
    measure->measured = calloc(1, sizeof *measure->measured);
    measure->present = calloc(1, sizeof *measure->present);
    if (!measure->readers || !measure->codes || !measure->hashes || !measure->measured || !measure->present)
        return df_error_no_memory(error, "reading the values of a batch");
    for (uint32_t i = 0; i < aside->table_count; i++)
        df_funnel_table_reader_init(&measure->readers[i], &aside->tables[i]);
    if (!aside->has_breakdown && !with_cohort)
        return DF_FUNNEL_DONE;
    return df_funnel_picks_create(&measure->picks, aside, measure->verdicts, with_cohort, error);
}

static void dispose(struct measure *measure)
{
    for (uint32_t i = 0; measure->readers && i < measure->aside->table_count; i++)
        df_funnel_table_reader_dispose(&measure->readers[i]);
    df_funnel_picks_free(measure->picks);
    free(measure->readers);
    free(measure->codes);
    free(measure->hashes);
    free(measure->measured);
    free(measure->present);
    df_funnel_result_free(measure->aside);
}

/* Rows of a cohort cannot be taken back one by one, so only what was empty can be tried again. */
static int export_rows(const struct measure *measure, struct df_funnel_cohort *cohort, struct df_error *error)
{
    bool was_empty = df_funnel_cohort_rows(cohort) == 0;
    int done = df_funnel_picks_export(measure->picks, &measure->collector->groups, measure->source, cohort, error);
    if (done != DF_FUNNEL_OVER)
        return done;
    if (!was_empty)
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "funnel.export: the exported users do not fit the memory that is left; raise memory.limit");
    df_funnel_cohort_clear(cohort);
    return DF_FUNNEL_OVER;
}

int df_funnel_measure(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                      const struct df_funnel_collector *collector, struct df_funnel_source *source,
                      struct df_funnel_cohort *cohort, struct df_error *error)
{
    struct measure measure = {.verdicts = verdicts, .collector = collector, .source = source};
    if (df_funnel_result_create(&measure.aside, result->request, result->account, error) < 0)
        return -1;
    int done = prepare(&measure, cohort != NULL, error);
    if (done == DF_FUNNEL_DONE)
        done = read_all(&measure, error);
    if (done == DF_FUNNEL_DONE)
        done = df_funnel_result_absorb_reserve(result, measure.aside, error);
    if (done == DF_FUNNEL_DONE && cohort)
        done = export_rows(&measure, cohort, error);
    if (done == DF_FUNNEL_DONE)
        df_funnel_result_absorb_add(result, measure.aside);
    dispose(&measure);
    return done;
}
