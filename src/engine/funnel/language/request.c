/* A request, from its JSON to plain arrays: the steps in their order. Each part has a file of its own. */
#include "base/config.h"
#include "engine/funnel/language/reader.h"

static int read_timeframe(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"from", "to", NULL};
    struct df_funnel_request *request = out;
    struct df_funnel_instant *from = &request->from, *to = &request->to;
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_optional(reader, value, "from", df_funnel_read_instant, from) < 0 ||
        df_funnel_optional(reader, value, "to", df_funnel_read_instant, to) < 0)
        return -1;
    if (from->given && to->given && from->in_ns == to->in_ns && to->amount <= from->amount)
        return df_funnel_fail(reader, "expected from < to, found to <= from");
    return 0;
}

static int read_query(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"relation", "conditions", "aggregations", NULL};
    struct df_funnel_request *request = out;
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_optional(reader, value, "conditions", df_funnel_read_conditions, request) < 0)
        return -1;
    size_t mark = df_funnel_enter(reader, "relation");
    if (df_funnel_read_relation(reader, df_json_get(value, "relation"), &request->relation) < 0)
        return -1;
    df_funnel_leave(reader, mark);
    return df_funnel_optional(reader, value, "aggregations", df_funnel_read_aggregations, &request->aggregations);
}

static int read_without(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    uint32_t *without = out;
    struct df_buf names = {0};
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of names of optimisations", value);
    for (const struct df_json *name = value->children; name; name = name->next) {
        if (name->type == DF_JSON_STRING && df_funnel_without_add(name->text, without))
            continue;
        df_funnel_without_put_names(&names);
        df_funnel_fail(reader, "expected names of optimisations: %s", df_buf_text(&names));
        df_buf_dispose(&names);
        return -1;
    }
    return 0;
}

static int read_on_bad_file(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const words[] = {"fail", "skip", NULL};
    bool *skip = out;
    struct df_funnel_word word = {.words = words};
    if (df_funnel_read_word(reader, value, &word) < 0)
        return -1;
    *skip = word.chosen == 1;
    return 0;
}

static int read_request(struct df_funnel_reader *reader, const struct df_json *root)
{
    static const char *const known[] = {"dataset",     "timeframe", "query",     "funnel", "where",
                                        "approximate", "without",   "onBadFile", NULL};
    struct df_funnel_request *request = reader->request;
    request->where = DF_FUNNEL_NONE;
    return df_funnel_check_members(reader, root, known) < 0 ||
                   df_funnel_required(reader, root, "dataset", df_funnel_read_dataset, &request->dataset) < 0 ||
                   df_funnel_optional(reader, root, "timeframe", read_timeframe, request) < 0 ||
                   df_funnel_optional(reader, root, "where", df_funnel_read_filter, &request->where) < 0 ||
                   df_funnel_optional(reader, root, "query", read_query, request) < 0 ||
                   df_funnel_optional(reader, root, "funnel", df_funnel_read_funnel, &request->funnel) < 0 ||
                   df_funnel_optional(reader, root, "approximate", df_funnel_read_bool, &request->approximate) < 0 ||
                   df_funnel_optional(reader, root, "without", read_without, &request->without) < 0 ||
                   df_funnel_optional(reader, root, "onBadFile", read_on_bad_file, &request->skip_bad_files) < 0
               ? -1
               : 0;
}

/* ---- what follows ---- */

/* A sequence looks at the time of every row, and whether a length of it is in nanoseconds. */
static void follow_sequence(struct df_funnel_request *request, const struct df_funnel_sequence *sequence)
{
    request->all_times |= sequence->order == DF_FUNNEL_STRICT;
    request->time_unit |= sequence->maximum_duration.in_ns;
    for (uint32_t i = 0; i < sequence->step_count; i++)
        request->time_unit |= sequence->steps[i].minimum_gap.in_ns || sequence->steps[i].maximum_gap.in_ns;
}

static void follow(struct df_funnel_request *request)
{
    const struct df_funnel_funnel *funnel = &request->funnel;
    for (uint32_t i = 0; i < request->column_count; i++)
        request->second_reading |= request->columns[i].values;
    for (uint32_t i = 0; i < request->condition_count; i++)
        if (request->conditions[i].kind == DF_FUNNEL_SEQUENCE_CONDITION) {
            request->sequences = true;
            follow_sequence(request, &request->conditions[i].sequence);
        }
    request->sequences |= funnel->given;
    follow_sequence(request, &funnel->sequence);
    request->all_times |= funnel->session_gap.given;
    request->chains =
        funnel->durations || funnel->breakdown.given || funnel->trend != DF_FUNNEL_NO_TREND || funnel->cohort.given;
    request->time_unit |= request->from.in_ns || request->to.in_ns || funnel->session_gap.in_ns ||
                          funnel->trend != DF_FUNNEL_NO_TREND || funnel->cohort.given || funnel->durations;
}

int df_funnel_request_parse(struct df_funnel_request *request, struct df_slice json, struct df_arena *arena,
                            struct df_error *error)
{
    struct df_funnel_reader reader = {.request = request, .arena = arena, .error = error};
    struct df_json *root;
    *request = (struct df_funnel_request){0};
    if (df_json_parse(json, &df_funnel_json_limits, arena, &root, error) < 0)
        return -1;
    int result = read_request(&reader, root);
    df_buf_dispose(&reader.place);
    if (result < 0)
        return -1;
    request->filters = (struct df_funnel_filters){.leaves = reader.leaves,
                                                  .leaf_count = reader.leaf_index.count,
                                                  .roots = reader.roots,
                                                  .root_count = reader.root_index.count};
    request->columns = reader.columns;
    request->column_count = reader.column_index.count;
    follow(request);
    return 0;
}
