/* All leaves and roots of a request over the columns of one file, batch by batch. */
#include "engine/funnel/filter/set.h"

enum {
    MEMO_BYTES_MAX = 4 * 1024 * 1024, /* 512 leaves over a batch of 8,192 rows */
    MEMO_SLOTS_MAX = 4096,
};

/* ---- compiling ---- */

/* A directory's column has one value: the leaf is decided once, over a vector of that one row. */
static int decide_fixed(struct df_funnel_code *code, const struct df_funnel_filter_column *column,
                        struct df_error *error)
{
    const struct df_parquet_value *fixed = &column->fixed;
    struct df_vector vector = {.kind = fixed->kind, .row_count = 1};
    uint8_t answer = code->null_answer;
    if (code->decided)
        return 0;
    switch (fixed->kind) {
    case DF_VECTOR_INT64:
        vector.values.int64s = &fixed->as.int64;
        break;
    case DF_VECTOR_BYTES:
        vector.values.bytes = &fixed->as.bytes;
        break;
    default:
        return df_error_set(error, DF_ERROR_INTERNAL, "the column '%s' of a directory is neither integer nor string",
                            code->leaf->column);
    }
    if (!column->fixed_null && df_funnel_code_match(code, &vector, &answer, error) < 0)
        return -1;
    code->decided = true;
    code->decided_answer = answer != 0;
    return 0;
}

static int compile_leaves(struct df_funnel_filter_set *set, const struct df_funnel_filter_column *columns,
                          struct df_error *error)
{
    for (uint32_t i = 0; i < set->filters->leaf_count; i++) {
        struct df_funnel_code *code = &set->codes[i];
        if (df_funnel_code_compile(code, &set->filters->leaves[i], &columns[i].type, &set->arena, set->budget, error) <
            0)
            return -1;
        code->vector = columns[i].vector;
        if (columns[i].vector == DF_FUNNEL_FILTER_FIXED && decide_fixed(code, &columns[i], error) < 0)
            return -1;
    }
    return 0;
}

/* Text is dearer than numbers: it gets the slots first. */
static bool is_dear(const struct df_funnel_code *code)
{
    return code->shape != DF_FUNNEL_PLAIN || df_funnel_type_is_bytes(&code->type) ||
           code->test == DF_FUNNEL_TEST_LOOKUP;
}

static void give_slots(struct df_funnel_filter_set *set, const uint32_t *uses, bool dear)
{
    for (uint32_t i = 0; i < set->filters->leaf_count && set->memo.slot_count < MEMO_SLOTS_MAX; i++)
        if (uses[i] > 1 && is_dear(&set->codes[i]) == dear)
            set->memo.slot_of_leaf[i] = set->memo.slot_count++;
}

static int compile_roots(struct df_funnel_filter_set *set, struct df_error *error)
{
    uint32_t leaf_count = set->filters->leaf_count;
    uint32_t *uses = df_arena_array(&set->arena, leaf_count, sizeof *uses);
    set->memo.slot_of_leaf = df_arena_array(&set->arena, leaf_count, sizeof *set->memo.slot_of_leaf);
    if (!uses || !set->memo.slot_of_leaf)
        return df_error_no_memory(error, "compiling filters");
    for (uint32_t i = 0; i < set->filters->root_count; i++)
        if (df_funnel_tree_compile(set, set->filters->roots[i], 0, uses, &set->roots[i], error) < 0)
            return -1;
    for (uint32_t i = 0; i < leaf_count; i++)
        set->memo.slot_of_leaf[i] = DF_FUNNEL_NO_SLOT;
    give_slots(set, uses, true);
    give_slots(set, uses, false);
    set->memo.batch_of_slot = df_arena_array(&set->arena, set->memo.slot_count, sizeof *set->memo.batch_of_slot);
    return set->memo.batch_of_slot ? 0 : df_error_no_memory(error, "compiling filters");
}

static int compile(struct df_funnel_filter_set *set, const struct df_funnel_filter_column *columns,
                   struct df_error *error)
{
    set->codes = df_arena_array(&set->arena, set->filters->leaf_count, sizeof *set->codes);
    set->roots = df_arena_array(&set->arena, set->filters->root_count, sizeof *set->roots);
    if (!set->codes || !set->roots)
        return df_error_no_memory(error, "compiling filters");
    if (compile_leaves(set, columns, error) < 0 || compile_roots(set, error) < 0)
        return -1;
    if (!df_budget_take(set->budget, set->arena.total_bytes))
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "no memory for the filters of the query (%zu bytes); raise "
                            "memory.limit",
                            set->arena.total_bytes);
    set->arena_bytes = set->arena.total_bytes;
    return 0;
}

int df_funnel_filter_set_compile(struct df_funnel_filter_set **out, const struct df_funnel_filters *filters,
                                 const struct df_funnel_filter_column *columns, struct df_budget *budget,
                                 struct df_error *error)
{
    *out = NULL;
    struct df_funnel_filter_set *set = calloc(1, sizeof *set);
    if (!set)
        return df_error_no_memory(error, "compiling filters");
    set->filters = filters;
    set->budget = budget;
    if (compile(set, columns, error) < 0) {
        df_funnel_filter_set_free(set);
        return -1;
    }
    *out = set;
    return 0;
}

void df_funnel_filter_set_free(struct df_funnel_filter_set *set)
{
    if (!set)
        return;
    for (uint32_t i = 0; set->codes && i < set->filters->leaf_count; i++)
        df_funnel_code_dispose(&set->codes[i]);
    for (size_t i = 0; i < sizeof set->levels / sizeof *set->levels; i++)
        df_funnel_room_dispose(&set->levels[i], set->budget);
    for (size_t i = 0; i < DF_FUNNEL_MASK_ROOTS; i++)
        df_funnel_room_dispose(&set->tables[i].room, set->budget);
    df_funnel_room_dispose(&set->answer, set->budget);
    df_funnel_room_dispose(&set->memo.room, set->budget);
    df_budget_give(set->budget, set->arena_bytes);
    df_arena_dispose(&set->arena);
    free(set);
}

void df_funnel_filter_set_new_scan(struct df_funnel_filter_set *set)
{
    for (uint32_t i = 0; i < set->filters->leaf_count; i++)
        set->codes[i].dictionary.known = false;
    for (size_t i = 0; i < DF_FUNNEL_MASK_ROOTS; i++)
        set->tables[i].known = false;
}

/* ---- evaluating ---- */

/* Keeping answers is a convenience: without memory for it leaves are evaluated again. */
static void reserve_memo(struct df_funnel_filter_set *set)
{
    struct df_error unused;
    uint32_t usable = set->memo.slot_count;
    if (set->rows && usable > MEMO_BYTES_MAX / set->rows)
        usable = MEMO_BYTES_MAX / set->rows;
    if (df_funnel_room_reserve(&set->memo.room, (size_t)usable * set->rows, set->budget, "answers", &unused) < 0)
        usable = 0;
    set->memo.usable_count = usable;
}

void df_funnel_filter_set_batch(struct df_funnel_filter_set *set, const struct df_vector *vectors, uint32_t rows)
{
    set->vectors = vectors;
    set->rows = rows;
    set->batch++;
    reserve_memo(set);
}

static int check_rows(const struct df_funnel_filter_set *set, const struct df_vector *vector, struct df_error *error)
{
    if (vector->row_count == set->rows)
        return 0;
    return df_error_set(error, DF_ERROR_INTERNAL, "a batch of %u rows has a column of %u", set->rows,
                        vector->row_count);
}

int df_funnel_set_leaf_where(struct df_funnel_filter_set *set, uint32_t leaf, uint8_t where, uint8_t *out,
                             struct df_error *error)
{
    const struct df_funnel_code *code = &set->codes[leaf];
    const struct df_vector *vector = &set->vectors[code->vector];
    if (set->memo.slot_of_leaf[leaf] < set->memo.usable_count || !df_funnel_code_is_dear(code, vector))
        return 0;
    if (check_rows(set, vector, error) < 0)
        return -1;
    return df_funnel_code_match_where(code, vector, where, out, error) < 0 ? -1 : 1;
}

const uint8_t *df_funnel_set_leaf(struct df_funnel_filter_set *set, uint32_t leaf, uint8_t *out, struct df_error *error)
{
    struct df_funnel_code *code = &set->codes[leaf];
    const struct df_vector *vector = &set->vectors[code->vector];
    uint32_t slot = set->memo.slot_of_leaf[leaf];
    bool kept = slot < set->memo.usable_count;
    if (kept)
        out = (uint8_t *)set->memo.room.memory + (size_t)slot * set->rows;
    if (kept && set->memo.batch_of_slot[slot] == set->batch)
        return out;
    if (check_rows(set, vector, error) < 0 || df_funnel_code_match(code, vector, out, error) < 0)
        return NULL;
    if (kept)
        set->memo.batch_of_slot[slot] = set->batch;
    return out;
}

int df_funnel_filter_set_match(struct df_funnel_filter_set *set, uint32_t root, const uint8_t **matches,
                               struct df_error *error)
{
    static const uint8_t nothing[1] = {0};
    *matches = nothing;
    if (set->rows == 0)
        return 0;
    if (df_funnel_room_reserve(&set->answer, set->rows, set->budget, "the rows of a filter", error) < 0)
        return -1;
    *matches = df_funnel_tree_match(set, &set->roots[root], 0, set->answer.memory, error);
    return *matches ? 0 : -1;
}
