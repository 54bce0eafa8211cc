/* How the answer was made, for `--explain`: stages, parts, bytes, what was skipped, and why an exchange was or was not
 * needed. */
#include "base/json_write.h"
#include "engine/funnel/plan/query.h"

static void put_unit(const struct df_funnel_query *funnel, struct df_json_writer *json)
{
    enum df_funnel_scale scale;
    const char *from = NULL;
    bool known = df_funnel_scale(funnel, &scale);
    if (known)
        from = funnel->agreed.shape.time.scale_known ? "column" : funnel->unit_guessed ? "guessed" : "given";
    df_json_key(json, "timestampUnit");
    df_json_text(json, known ? df_funnel_scale_name(scale) : NULL);
    df_json_key(json, "timestampUnitFrom");
    df_json_text(json, from);
}

static bool seen_leaf(const struct df_funnel_request *request, uint32_t before, const char *name)
{
    for (uint32_t i = 0; i < before; i++)
        if (strcmp(request->filters.leaves[i].column, name) == 0)
            return true;
    return strcmp(request->dataset.user, name) == 0 || strcmp(request->dataset.time, name) == 0;
}

static bool seen_in_leaves(const struct df_funnel_request *request, const char *name)
{
    return seen_leaf(request, request->filters.leaf_count, name);
}

static void put_columns(const struct df_funnel_request *request, struct df_json_writer *json)
{
    df_json_key(json, "columns");
    df_json_begin_array(json);
    df_json_text(json, request->dataset.user);
    if (strcmp(request->dataset.user, request->dataset.time) != 0)
        df_json_text(json, request->dataset.time);
    for (uint32_t i = 0; i < request->filters.leaf_count; i++)
        if (!seen_leaf(request, i, request->filters.leaves[i].column))
            df_json_text(json, request->filters.leaves[i].column);
    for (uint32_t i = 0; i < request->column_count; i++) /* these are distinct already */
        if (!seen_in_leaves(request, request->columns[i].name))
            df_json_text(json, request->columns[i].name);
    df_json_end_array(json);
}

static void put_stages(const struct df_funnel_query *funnel, struct df_json_writer *json)
{
    df_json_key(json, "stages");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < DF_FUNNEL_STAGES_MAX; i++) {
        if (funnel->stage_parts[i] == 0)
            continue;
        df_json_begin_object(json);
        df_json_key(json, "name");
        df_json_text(json, df_funnel_role_name(funnel->roles[i]));
        df_json_key(json, "parts");
        df_json_uint(json, funnel->stage_parts[i]);
        df_json_key(json, "readBytes");
        df_json_uint(json, funnel->stage_bytes_read[i]);
        df_json_end_object(json);
    }
    df_json_end_array(json);
}

static void put_read_and_skipped(const char *name, uint64_t read, uint64_t skipped, struct df_json_writer *json)
{
    df_json_key(json, name);
    df_json_begin_object(json);
    df_json_key(json, "read");
    df_json_uint(json, read);
    df_json_key(json, "skipped");
    df_json_uint(json, skipped);
    df_json_end_object(json);
}

/* What is not by anything else is by statistics and directories. */
static void put_skipped_by(const struct df_funnel_query *funnel, uint64_t skipped, struct df_json_writer *json)
{
    const struct df_funnel_skip_counts *skips = &funnel->scan.skips;
    uint64_t looked = skips->by_bloom + skips->by_dictionary + skips->by_pages;
    df_json_key(json, "skippedBy");
    df_json_begin_object(json);
    df_json_key(json, "statistics");
    df_json_uint(json, skipped > looked ? skipped - looked : 0);
    df_json_key(json, "bloom");
    df_json_uint(json, skips->by_bloom);
    df_json_key(json, "dictionary");
    df_json_uint(json, skips->by_dictionary);
    df_json_key(json, "pages");
    df_json_uint(json, skips->by_pages);
    df_json_end_object(json);
    put_read_and_skipped("pages", skips->pages_read, skips->pages_skipped, json);
}

static void put_exchange(const struct df_funnel_query *funnel, struct df_json_writer *json)
{
    const struct df_funnel_reasons *reasons = &funnel->reasons;
    struct df_buf why = {0};
    df_json_key(json, "exchange");
    if (!reasons->exchange && !reasons->values) {
        df_json_null(json);
        return;
    }
    df_buf_put_text(&why, reasons->exchange ? reasons->exchange : "");
    df_buf_put_text(&why, reasons->exchange && reasons->values ? "; " : "");
    df_buf_put_text(&why, reasons->values ? reasons->values : "");
    df_json_begin_object(json);
    df_json_key(json, "sections");
    df_json_uint(json, reasons->exchange ? funnel->sections : funnel->value_sections);
    df_json_key(json, "why");
    df_json_string(json, df_buf_slice(&why));
    df_json_end_object(json);
    df_buf_dispose(&why);
}

int df_funnel_explain(struct df_query *query, struct df_error *error)
{
    const struct df_funnel_query *funnel = query->state;
    const struct df_funnel_reasons *reasons = &funnel->reasons;
    uint64_t files_skipped = df_query_counter(query, "filesSkipped");
    struct df_json_writer json;
    df_buf_clear(&query->explain);
    df_json_writer_init(&json, &query->explain, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "users");
    df_json_text(&json, reasons->spread ? "spread" : "whole");
    df_json_key(&json, "why");
    df_json_text(&json, reasons->whole_or_spread ? reasons->whole_or_spread : "no file has rows that matter");
    put_unit(funnel, &json);
    put_columns(&funnel->request, &json);
    put_stages(funnel, &json);
    put_read_and_skipped("rowGroups", df_query_counter(query, "rowGroupsRead"),
                         df_query_counter(query, "rowGroupsSkipped"), &json);
    put_read_and_skipped("files", funnel->file_count - funnel->bad.count - files_skipped, files_skipped, &json);
    if (funnel->request.skip_bad_files) {
        df_json_key(&json, "skippedFiles");
        df_funnel_bad_files_put(funnel, &json);
    }
    put_exchange(funnel, &json);
    put_skipped_by(funnel, df_query_counter(query, "rowGroupsSkipped"), &json);
    df_json_end_object(&json);
    return df_buf_failed(&query->explain) ? df_error_no_memory(error, "explaining the answer") : 0;
}
