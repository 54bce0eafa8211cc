#include "engine/funnel/evaluate/collector.h"

#include "engine/funnel/evaluate/facts.h"

/* ---- what the request needs of each filter ---- */

static void want_sequence(struct df_funnel_collected *collected, const struct df_funnel_request *request,
                          const struct df_funnel_sequence *sequence)
{
    bool uses_rows = df_funnel_uses_rows(request, sequence);
    for (uint32_t i = 0; i < sequence->step_count; i++) {
        struct df_funnel_filter_facts *facts = &collected->filters[sequence->steps[i].filter];
        facts->wanted = true;
        if (!uses_rows)
            facts->listed = true;
        else if (facts->bit == DF_FUNNEL_NONE)
            facts->bit = collected->bit_count++;
    }
    collected->keep_rows |= uses_rows;
    bool funnel = sequence == &request->funnel.sequence;
    if (funnel && request->funnel.session_gap.given) /* rows without time stand in no session */
        return;
    struct df_funnel_filter_facts *first = &collected->filters[df_funnel_first_step(sequence)->filter];
    first->first = true;
    first->chained |= funnel && request->chains;
}

static void want_sum(struct df_funnel_collected *collected, const struct df_funnel_request *request,
                     const struct df_funnel_condition *condition)
{
    struct df_funnel_filter_facts *facts = &collected->filters[condition->filter];
    if (df_funnel_find_sums(collected, condition->filter, condition->column))
        return;
    facts->wanted = true;
    collected->sums[collected->sum_count] = (struct df_funnel_sums){.filter = condition->filter,
                                                                    .column = condition->column,
                                                                    .next = facts->first_sum,
                                                                    .name = request->columns[condition->column].name};
    facts->first_sum = collected->sum_count++;
}

static void want_count(struct df_funnel_collected *collected, const struct df_funnel_condition *condition)
{
    struct df_funnel_filter_facts *facts = &collected->filters[condition->filter];
    facts->wanted = true;
    if (!df_funnel_target_is_any(condition))
        facts->counting = DF_FUNNEL_EXACT_COUNT;
    else if (facts->counting == DF_FUNNEL_NO_COUNT)
        facts->counting = DF_FUNNEL_ANY_COUNT;
}

static void want(struct df_funnel_collected *collected, const struct df_funnel_request *request)
{
    for (uint32_t i = 0; i < collected->filter_count; i++)
        collected->filters[i].bit = collected->filters[i].first_sum = DF_FUNNEL_NONE;
    for (uint32_t i = 0; i < request->condition_count; i++) {
        const struct df_funnel_condition *condition = &request->conditions[i];
        if (condition->kind == DF_FUNNEL_SEQUENCE_CONDITION)
            want_sequence(collected, request, &condition->sequence);
        else if (condition->kind == DF_FUNNEL_SUM_TARGET)
            want_sum(collected, request, condition);
        else
            want_count(collected, condition);
    }
    if (request->funnel.given)
        want_sequence(collected, request, &request->funnel.sequence);
    df_funnel_rows_init(&collected->rows, collected->bit_count);
}

/* ---- life ---- */

static bool make_arrays(struct df_funnel_collected *collected, const struct df_funnel_request *request)
{
    struct df_arena *arena = &collected->arena;
    collected->filter_count = request->filters.root_count;
    collected->filters = df_arena_array(arena, collected->filter_count, sizeof *collected->filters);
    collected->sums = df_arena_array(arena, request->condition_count, sizeof *collected->sums);
    collected->hashes = df_arena_array(arena, DF_FUNNEL_ROWS_MAX, sizeof *collected->hashes);
    collected->codes = df_arena_array(arena, DF_FUNNEL_ROWS_MAX, sizeof *collected->codes);
    collected->refs = df_arena_array(arena, DF_FUNNEL_ROWS_MAX, sizeof *collected->refs);
    collected->picked_codes = df_arena_array(arena, DF_FUNNEL_ROWS_MAX, sizeof *collected->picked_codes);
    collected->picked_times = df_arena_array(arena, DF_FUNNEL_ROWS_MAX, sizeof *collected->picked_times);
    return collected->filters && collected->sums && collected->hashes && collected->codes && collected->refs &&
           collected->picked_codes && collected->picked_times;
}

int df_funnel_collector_init(struct df_funnel_collector *collector, const struct df_funnel_request *request,
                             enum df_funnel_key_kind kind, const struct df_funnel_account *account,
                             struct df_error *error)
{
    *collector = (struct df_funnel_collector){.request = request, .account = *account};
    collector->account.held_bytes = 0;
    df_funnel_groups_init(&collector->groups, kind, &collector->account);
    collector->groups.without_order = request->without & DF_FUNNEL_WITHOUT_ORDER;
    collector->groups.without_dictionary = request->without & DF_FUNNEL_WITHOUT_ENTRIES;
    collector->collected = calloc(1, sizeof *collector->collected);
    if (!collector->collected || !make_arrays(collector->collected, request)) {
        df_funnel_collector_dispose(collector);
        return df_error_no_memory(error, "collecting users");
    }
    want(collector->collected, request);
    return 0;
}

static void free_facts(struct df_funnel_account *account, struct df_funnel_filter_facts *facts)
{
    df_funnel_list_free(account, &facts->list);
    df_funnel_marks_free(account, &facts->seen);
    df_funnel_marks_free(account, &facts->untimed);
    df_funnel_account_free(account, facts->counts, facts->count_capacity * sizeof *facts->counts);
    df_funnel_account_free(account, facts->untimed_rows, facts->untimed_row_capacity * sizeof *facts->untimed_rows);
    facts->counts = facts->untimed_rows = NULL;
    facts->count_capacity = facts->untimed_row_capacity = 0;
}

static void free_row_codes(struct df_funnel_collector *collector)
{
    df_funnel_account_free(&collector->account, collector->row_codes,
                           collector->row_code_capacity * sizeof *collector->row_codes);
    collector->row_codes = NULL;
    collector->row_code_capacity = 0;
}

static void clear_facts(struct df_funnel_filter_facts *facts, size_t users)
{
    size_t counts = users < facts->count_capacity ? users : facts->count_capacity;
    size_t rows = users < facts->untimed_row_capacity ? users : facts->untimed_row_capacity;
    df_funnel_marks_clear(&facts->seen);
    df_funnel_marks_clear(&facts->untimed);
    if (counts)
        memset(facts->counts, 0, counts * sizeof *facts->counts);
    if (rows)
        memset(facts->untimed_rows, 0, rows * sizeof *facts->untimed_rows);
    df_funnel_list_clear(&facts->list);
}

void df_funnel_collector_clear(struct df_funnel_collector *collector)
{
    struct df_funnel_collected *collected = collector->collected;
    size_t users = collector->groups.group_count;
    for (uint32_t i = 0; i < collected->filter_count; i++)
        clear_facts(&collected->filters[i], users);
    for (uint32_t i = 0; i < collected->sum_count; i++)
        df_funnel_sums_clear(&collected->sums[i], users);
    df_funnel_rows_free(&collector->account, &collected->rows);
    free_row_codes(collector);
    df_funnel_groups_clear(&collector->groups);
    collector->row_count = 0;
}

void df_funnel_collector_reset(struct df_funnel_collector *collector)
{
    struct df_funnel_collected *collected = collector->collected;
    for (uint32_t i = 0; collected && i < collected->filter_count; i++)
        free_facts(&collector->account, &collected->filters[i]);
    for (uint32_t i = 0; collected && i < collected->sum_count; i++)
        df_funnel_sums_free(&collector->account, &collected->sums[i]);
    if (collected)
        df_funnel_rows_free(&collector->account, &collected->rows);
    free_row_codes(collector);
    collector->row_count = 0;
    df_funnel_groups_dispose(&collector->groups);
}

void df_funnel_collector_dispose(struct df_funnel_collector *collector)
{
    struct df_funnel_collected *collected = collector->collected;
    if (collected && collected->filters)
        df_funnel_collector_reset(collector);
    if (collected)
        df_arena_dispose(&collected->arena);
    free(collected);
    *collector = (struct df_funnel_collector){0};
}

/* ---- a batch ---- */

/* Codes of all rows save the second reading a look at the table, but the table does without them: they take no more
 * than the first half of the memory. */
static void keep_codes(struct df_funnel_collector *collector, const struct df_funnel_batch *batch)
{
    struct df_funnel_collected *collected = collector->collected;
    struct df_budget *budget = collector->account.budget;
    if (!collector->request->second_reading || collected->no_row_codes)
        return;
    void *codes = collector->row_codes;
    size_t needed = (size_t)batch->first_row + batch->rows;
    bool fits = df_funnel_account_grow(&collector->account, &codes, &collector->row_code_capacity, needed,
                                       sizeof *collector->row_codes);
    collector->row_codes = codes;
    if (!fits || (budget && budget->limit_bytes && budget->used_bytes > budget->limit_bytes / 2)) {
        free_row_codes(collector);
        collected->no_row_codes = true;
        return;
    }
    memcpy(collector->row_codes + batch->first_row, collected->codes, batch->rows * sizeof *collector->row_codes);
}

static bool has_time(const struct df_funnel_batch *batch, uint32_t row)
{
    return !batch->time_valid || batch->time_valid[row];
}

static bool append_row(struct df_funnel_collector *collector, const struct df_funnel_batch *batch, uint32_t row)
{
    struct df_funnel_collected *collected = collector->collected;
    if (!df_funnel_rows_append(&collector->account, &collected->rows, collected->codes[row], batch->times[row],
                               batch->first_row + row))
        return false;
    collected->refs[row] = collected->rows.count;
    return true;
}

static bool begin_rows(struct df_funnel_collector *collector, const struct df_funnel_batch *batch)
{
    struct df_funnel_collected *collected = collector->collected;
    if (!collected->keep_rows)
        return true;
    memset(collected->refs, 0, batch->rows * sizeof *collected->refs);
    if (!collector->request->all_times)
        return true;
    for (uint32_t row = 0; row < batch->rows; row++)
        if (collected->codes[row] != DF_FUNNEL_NO_GROUP && has_time(batch, row) && !append_row(collector, batch, row))
            return false;
    return true;
}

static bool mask_rows(struct df_funnel_collector *collector, const struct df_funnel_batch *batch, uint32_t bit,
                      const uint32_t *rows, uint32_t count)
{
    struct df_funnel_collected *collected = collector->collected;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        if (collected->codes[row] == DF_FUNNEL_NO_GROUP || !has_time(batch, row))
            continue;
        if (collected->refs[row] == 0 && !append_row(collector, batch, row))
            return false;
        df_funnel_rows_at(&collected->rows, collected->refs[row] - 1)->mask[bit >> 6] |= UINT64_C(1) << (bit & 63);
    }
    return true;
}

static bool list_rows(struct df_funnel_collector *collector, const struct df_funnel_batch *batch,
                      struct df_funnel_list *list, const uint32_t *rows, uint32_t count)
{
    struct df_funnel_collected *collected = collector->collected;
    uint32_t *codes = collected->picked_codes, picked = 0;
    int64_t *times = collected->picked_times;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        codes[picked] = collected->codes[row];
        times[picked] = batch->times[row];
        picked += (uint32_t)((codes[picked] != DF_FUNNEL_NO_GROUP) & has_time(batch, row));
    }
    return df_funnel_list_append(&collector->account, list, codes, times, picked);
}

static bool note_untimed(struct df_funnel_collector *collector, const struct df_funnel_batch *batch,
                         struct df_funnel_filter_facts *facts, const uint32_t *rows, uint32_t count)
{
    struct df_funnel_account *account = &collector->account;
    for (uint32_t i = 0; batch->time_valid && i < count; i++) {
        uint32_t code = collector->collected->codes[rows[i]];
        if (code == DF_FUNNEL_NO_GROUP || batch->time_valid[rows[i]])
            continue;
        if (!df_funnel_marks_room(account, &facts->untimed, collector->groups.group_count))
            return false;
        df_funnel_mark(&facts->untimed, code);
        if (!facts->chained)
            continue;
        void *array = facts->untimed_rows;
        bool fits = df_funnel_facts_room(account, &array, &facts->untimed_row_capacity, collector->groups.group_count,
                                         sizeof *facts->untimed_rows);
        facts->untimed_rows = array;
        if (!fits)
            return false;
        facts->untimed_rows[code] = batch->first_row + rows[i] + 1;
    }
    return true;
}

static int sum_rows(struct df_funnel_collector *collector, const struct df_funnel_batch *batch, uint32_t filter,
                    const uint32_t *rows, uint32_t count, struct df_error *error)
{
    struct df_funnel_collected *collected = collector->collected;
    uint32_t next;
    for (uint32_t i = collected->filters[filter].first_sum; i != DF_FUNNEL_NONE; i = next) {
        struct df_funnel_sums *sums = &collected->sums[i];
        next = sums->next;
        int result = df_funnel_sum_rows(&collector->account, sums, collector->groups.group_count,
                                        batch->values[sums->column], collected->codes, rows, count, error);
        if (result != DF_FUNNEL_DONE)
            return result;
    }
    return DF_FUNNEL_DONE;
}

static int take_filter(struct df_funnel_collector *collector, struct df_funnel_source *source,
                       const struct df_funnel_batch *batch, uint32_t filter, struct df_error *error)
{
    struct df_funnel_collected *collected = collector->collected;
    struct df_funnel_filter_facts *facts = &collected->filters[filter];
    const uint32_t *rows;
    uint32_t count;
    if (!facts->wanted)
        return DF_FUNNEL_DONE;
    if (source->match(source, filter, &rows, &count, error) < 0)
        return -1;
    if (count == 0)
        return DF_FUNNEL_DONE;
    bool fits = df_funnel_count_rows(&collector->account, facts, collector->groups.group_count, collected->codes, rows,
                                     count) &&
                (!facts->listed || list_rows(collector, batch, &facts->list, rows, count)) &&
                (facts->bit == DF_FUNNEL_NONE || mask_rows(collector, batch, facts->bit, rows, count)) &&
                (!facts->first || note_untimed(collector, batch, facts, rows, count));
    if (!fits)
        return DF_FUNNEL_OVER;
    return sum_rows(collector, batch, filter, rows, count, error);
}

/* Steps of simple sequences, and nothing else. */
static bool only_listed(const struct df_funnel_filter_facts *facts, const struct df_funnel_batch *batch)
{
    return facts->wanted && facts->listed && facts->counting == DF_FUNNEL_NO_COUNT && facts->bit == DF_FUNNEL_NONE &&
           facts->first_sum == DF_FUNNEL_NONE && !(facts->first && batch->time_valid);
}

int df_funnel_collect_coded(struct df_funnel_collector *collector, struct df_funnel_source *source,
                            const struct df_funnel_batch *batch, struct df_funnel_chunk *views, struct df_error *error)
{
    struct df_funnel_collected *collected = collector->collected;
    for (uint32_t i = 0; i < collected->sum_count; i++)
        collected->sums[i].type = source->types[collected->sums[i].column];
    keep_codes(collector, batch);
    if (!begin_rows(collector, batch))
        return DF_FUNNEL_OVER;
    for (uint32_t filter = 0; filter < collected->filter_count; filter++) {
        struct df_funnel_filter_facts *facts = &collected->filters[filter];
        if (views && only_listed(facts, batch)) {
            df_funnel_list_view(&facts->list, &views[filter]);
            continue;
        }
        int result = take_filter(collector, source, batch, filter, error);
        if (result != DF_FUNNEL_DONE)
            return result;
    }
    collector->row_count = batch->first_row + batch->rows;
    return DF_FUNNEL_DONE;
}

static int collect_batch(struct df_funnel_collector *collector, struct df_funnel_source *source,
                         const struct df_funnel_batch *batch, struct df_error *error)
{
    struct df_funnel_collected *collected = collector->collected;
    if (!df_funnel_groups_add(&collector->groups, &batch->keys, collected->hashes, collector->pass_mask,
                              collector->pass_value, collected->codes))
        return DF_FUNNEL_OVER;
    return df_funnel_collect_coded(collector, source, batch, NULL, error);
}

static int collect(struct df_funnel_collector *collector, struct df_funnel_source *source,
                   const struct df_funnel_batch *first, struct df_error *error)
{
    struct df_funnel_batch batch;
    int more = 1;
    if (first)
        batch = *first;
    else if (source->begin(source, DF_FUNNEL_FACTS, error) < 0)
        return -1;
    else
        more = source->next(source, &batch, error);
    for (; more > 0; more = source->next(source, &batch, error)) {
        int result = collect_batch(collector, source, &batch, error);
        if (result != DF_FUNNEL_DONE)
            return result;
    }
    df_funnel_groups_settle(&collector->groups);
    return more;
}

int df_funnel_collect(struct df_funnel_collector *collector, struct df_funnel_source *source,
                      const struct df_funnel_batch *first, struct df_error *error)
{
    int result = collect(collector, source, first, error);
    if (result != DF_FUNNEL_OVER || !collector->row_codes)
        return result;
    /* Without the codes of rows it may fit. */
    df_funnel_collector_reset(collector);
    collector->collected->no_row_codes = true;
    return collect(collector, source, NULL, error);
}
