/* JSON of a request: refused with a place, or plain arrays whose numbers all fit, and which workers can read again. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/funnel/language/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_funnel_request: %s\n", what);
        abort();
    }
}

static void check_node(const struct df_funnel_filters *filters, const struct df_funnel_node *node, unsigned depth)
{
    require(depth <= DF_FUNNEL_TREE_DEPTH_MAX, "a tree that is too deep");
    if (node->kind == DF_FUNNEL_LEAF) {
        require(node->leaf < filters->leaf_count && node->child_count == 0, "a leaf that is not there");
        return;
    }
    require(node->kind == DF_FUNNEL_NOT ? node->child_count == 1 : node->child_count > 1, "a number of children");
    for (uint32_t i = 0; i < node->child_count; i++)
        check_node(filters, &node->children[i], depth + 1);
}

static void check_filters(const struct df_funnel_filters *filters)
{
    for (uint32_t i = 0; i < filters->leaf_count; i++) {
        const struct df_funnel_leaf *leaf = &filters->leaves[i];
        enum df_funnel_arity arity = df_funnel_op_arity(leaf->op);
        require(leaf->column && *leaf->column && leaf->place && *leaf->place, "a leaf without column or place");
        require(arity == DF_FUNNEL_MANY_VALUES || leaf->value_count == (arity == DF_FUNNEL_ONE_VALUE), "values");
        require(!leaf->delimiter.data || (leaf->delimiter.size && leaf->op >= DF_FUNNEL_HAS), "a delimiter");
    }
    for (uint32_t i = 0; i < filters->root_count; i++)
        check_node(filters, filters->roots[i], 1);
}

static void check_sequence(const struct df_funnel_request *request, const struct df_funnel_sequence *sequence)
{
    uint32_t positive = 0;
    require(sequence->step_count >= 1 && sequence->step_count <= DF_FUNNEL_STEPS_MAX, "a number of steps");
    for (uint32_t i = 0; i < sequence->step_count; i++) {
        const struct df_funnel_step *step = &sequence->steps[i];
        require(step->filter < request->filters.root_count, "a filter of a step that is not there");
        require(positive || (!step->minimum_gap.given && !step->maximum_gap.given), "a gap before the first step");
        require(!step->negative || sequence->order != DF_FUNNEL_ANY, "a negative step in any order");
        require(!sequence->simple || !step->negative, "a negative step in a simple sequence");
        positive += !step->negative;
    }
    require(positive == sequence->positive_count && positive >= 1, "a number of positive steps");
}

static void check_relation(const struct df_funnel_request *request)
{
    const struct df_funnel_relation *relation = &request->relation;
    uint32_t depth = 0;
    for (uint32_t i = 0; i < relation->token_count; i++) {
        uint32_t token = relation->tokens[i];
        if (token >= DF_FUNNEL_RELATION_AND) {
            require(depth >= 2 && token <= DF_FUNNEL_RELATION_OR, "an operator without operands");
            depth--;
        } else {
            require(token < request->condition_count, "a condition of the relation that is not there");
            depth++;
        }
        require(depth <= relation->depth, "a stack that is too small");
    }
    require(depth == (request->condition_count > 0), "a relation that does not end in one value");
}

static void check_aggregations(const struct df_funnel_request *request, const struct df_funnel_aggregations *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct df_funnel_aggregation *item = &list->items[i];
        bool map = df_funnel_aggregation_is_map(item->type);
        require(item->column < request->column_count && request->columns[item->column].values, "a column");
        require(item->other == DF_FUNNEL_NONE || item->other < request->column_count, "another column");
        require(map ? item->top >= 1 && item->top <= DF_FUNNEL_TOP_MAX : item->top == 0, "a top");
        require(item->place && *item->place, "an aggregation without place");
    }
}

static void check_funnel(const struct df_funnel_request *request)
{
    const struct df_funnel_funnel *funnel = &request->funnel;
    check_sequence(request, &funnel->sequence);
    check_aggregations(request, &funnel->step_aggregations);
    check_aggregations(request, &funnel->end_aggregations);
    if (funnel->breakdown.given)
        require(funnel->breakdown.column < request->column_count && funnel->breakdown.top, "a breakdown");
    if (!funnel->cohort.given)
        return;
    require(funnel->cohort.step >= 1 && funnel->cohort.step <= funnel->sequence.positive_count, "a step of an export");
    for (uint32_t i = 0; i < funnel->cohort.column_count; i++)
        require(funnel->cohort.columns[i] < request->column_count, "a column of an export");
}

static void check_request(const struct df_funnel_request *request)
{
    require(request->dataset.user && request->dataset.time && request->dataset.pattern, "a data set");
    check_filters(&request->filters);
    require(request->where == DF_FUNNEL_NONE || request->where < request->filters.root_count, "a where");
    for (uint32_t i = 0; i < request->condition_count; i++) {
        const struct df_funnel_condition *condition = &request->conditions[i];
        if (condition->kind == DF_FUNNEL_SEQUENCE_CONDITION)
            check_sequence(request, &condition->sequence);
        else
            require(condition->filter < request->filters.root_count && condition->op <= DF_FUNNEL_LE, "a condition");
        if (condition->kind == DF_FUNNEL_SUM_TARGET)
            require(condition->column < request->column_count && request->columns[condition->column].facts, "a sum");
    }
    check_relation(request);
    check_aggregations(request, &request->aggregations);
    if (request->funnel.given)
        check_funnel(request);
}

static void check_workers(struct df_slice json, const struct df_funnel_request *request)
{
    const enum df_time_unit unit = DF_TIME_US;
    struct df_buf out = {0};
    struct df_arena arena = {0};
    struct df_error error = {0};
    struct df_funnel_request again;
    require(df_funnel_request_for_workers(json, &unit, &out, &error) == 0, "a request that workers cannot get");
    if (df_funnel_request_parse(&again, df_buf_slice(&out), &arena, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        require(false, "a request that workers cannot read");
    }
    require(again.dataset.unit_given && again.dataset.unit == unit && !again.dataset.path_count &&
                !again.dataset.file_count,
            "a data set of workers");
    require(again.filters.leaf_count == request->filters.leaf_count &&
                again.filters.root_count == request->filters.root_count &&
                again.condition_count == request->condition_count && again.column_count == request->column_count &&
                again.relation.token_count == request->relation.token_count &&
                again.aggregations.count == request->aggregations.count,
            "another request");
    df_arena_dispose(&arena);
    df_buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_arena arena = {0};
    struct df_error error = {0};
    struct df_funnel_request request;
    struct df_slice json = df_slice_make(data, size);
    if (df_funnel_request_parse(&request, json, &arena, &error) == 0) {
        check_request(&request);
        check_workers(json, &request);
    } else {
        require(error.kind == DF_ERROR_INVALID, "a failure of another kind");
        require(strchr(error.message, ':') != NULL, "a failure without a place");
    }
    df_arena_dispose(&arena);
    return 0;
}
