/* Tables on their way through an exchange: each value goes to the section of its hash, where it meets its like. */
#include <stdlib.h>

#include "engine/funnel/result/codec.h"

/* The values of a table by section: those of section s are ids[begins[s]] to ids[begins[s + 1] - 1]. */
struct spread {
    struct df_funnel_table *table;
    struct df_funnel_chains chains;
    uint32_t *ids, *sections;
    size_t *begins;
};

static void dispose_spread(struct spread *spread)
{
    df_funnel_chains_dispose(&spread->chains);
    free(spread->ids);
    free(spread->sections);
    free(spread->begins);
}

/* hashes of a table start anew: the high bits of the user's hash, by which rows were spread, have nothing to do here */
static bool make_spread(struct spread *spread, struct df_funnel_table *table, uint32_t sections)
{
    size_t count = table->values.count;
    *spread = (struct spread){.table = table,
                              .ids = calloc(count + 1, sizeof *spread->ids),
                              .sections = calloc(count + 1, sizeof *spread->sections),
                              .begins = calloc((size_t)sections + 2, sizeof *spread->begins)};
    if (!spread->ids || !spread->sections || !spread->begins || !df_funnel_chains_make(&spread->chains, table))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        spread->sections[i] = df_funnel_section_of(df_funnel_values_hash(&table->values, i), sections);
        spread->begins[spread->sections[i] + 2]++;
    }
    for (size_t i = 2; i < (size_t)sections + 2; i++)
        spread->begins[i] += spread->begins[i - 1];
    for (uint32_t i = 0; i < count; i++)
        spread->ids[spread->begins[spread->sections[i] + 1]++] = i;
    return true;
}

static int put_section(const struct df_funnel_result *result, const struct spread *spreads, uint32_t count,
                       uint32_t section, df_funnel_entries_fn *put, void *ctx, struct df_error *error)
{
    struct df_buf out = {0};
    size_t values = 0;
    df_funnel_put_types(result, &out);
    for (uint32_t i = 0; i < count; i++) {
        const struct spread *spread = &spreads[i];
        size_t begin = spread->begins[section], end = spread->begins[section + 1];
        df_funnel_put_entries(spread->table, result->types, &spread->chains, spread->ids + begin, end - begin, &out);
        values += end - begin;
    }
    int done = 0;
    if (df_buf_failed(&out))
        done = df_error_no_memory(error, "spreading the values of a part");
    else if (values > 0)
        done = put(ctx, section, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return done < 0 ? -1 : 0;
}

int df_funnel_result_put_entries(const struct df_funnel_result *result, uint32_t sections, df_funnel_entries_fn *put,
                                 void *ctx, struct df_error *error)
{
    uint32_t count = 0, made = 0;
    while (df_funnel_result_table(result, count))
        count++;
    struct spread *spreads = calloc((size_t)count + 1, sizeof *spreads);
    bool fits = spreads;
    for (; fits && made < count; made++)
        fits = make_spread(&spreads[made], df_funnel_result_table(result, made), sections);
    int done = fits ? 0 : df_error_no_memory(error, "spreading the values of a part");
    for (uint32_t section = 0; done == 0 && section < sections; section++)
        done = put_section(result, spreads, count, section, put, ctx, error);
    for (uint32_t i = 0; i < made; i++)
        dispose_spread(&spreads[i]);
    free(spreads);
    return done;
}

static int take_all(struct df_funnel_result *aside, struct df_cursor *from, struct df_error *error)
{
    struct df_funnel_table *table;
    if (df_funnel_take_types(aside, from, error) < 0)
        return -1;
    for (uint32_t i = 0; (table = df_funnel_result_table(aside, i)) != NULL; i++)
        if (df_funnel_take_entries(aside, table, from, error) < 0)
            return -1;
    return 0;
}

static int merge_one(struct df_funnel_result *result, struct df_cursor *from, struct df_error *error)
{
    struct df_funnel_result *aside;
    if (df_funnel_result_create(&aside, result->request, result->account, error) < 0)
        return -1;
    int merged = take_all(aside, from, error);
    if (merged == 0)
        merged = df_funnel_result_absorb(result, aside, error);
    df_funnel_result_free(aside);
    return merged == DF_FUNNEL_OVER ? df_error_no_memory(error, "collecting the values of a section") : merged;
}

/* A producer that went over its users in several passes wrote as many runs of entries, one behind the other. */
int df_funnel_result_merge_entries(struct df_funnel_result *result, struct df_slice bytes, struct df_error *error)
{
    struct df_cursor from = df_cursor_make(bytes);
    while (df_cursor_left(&from) > 0)
        if (merge_one(result, &from, error) < 0)
            return -1;
    return 0;
}
