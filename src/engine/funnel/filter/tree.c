/* and, or, not over bytes. */
#include "engine/funnel/filter/set.h"

#include <assert.h>

/* ---- compiling ---- */

static void fold_leaf(const struct df_funnel_filter_set *set, uint32_t leaf, uint32_t *uses, struct df_funnel_tree *out)
{
    const struct df_funnel_code *code = &set->codes[leaf];
    if (code->decided) {
        out->kind = code->decided_answer ? DF_FUNNEL_TREE_TRUE : DF_FUNNEL_TREE_FALSE;
        return;
    }
    *out = (struct df_funnel_tree){.kind = DF_FUNNEL_TREE_LEAF, .leaf = leaf};
    uses[leaf]++;
}

/* A NOT becomes its child with the answer turned, where that is known. */
static void fold_not(struct df_funnel_tree *out)
{
    enum df_funnel_tree_kind child = out->children[0].kind;
    if (child == DF_FUNNEL_TREE_FALSE || child == DF_FUNNEL_TREE_TRUE)
        *out =
            (struct df_funnel_tree){.kind = child == DF_FUNNEL_TREE_TRUE ? DF_FUNNEL_TREE_FALSE : DF_FUNNEL_TREE_TRUE};
}

/* Children that change nothing go; one that decides is the node. */
static void fold_many(struct df_funnel_tree *out)
{
    bool is_and = out->kind == DF_FUNNEL_TREE_AND;
    enum df_funnel_tree_kind deciding = is_and ? DF_FUNNEL_TREE_FALSE : DF_FUNNEL_TREE_TRUE;
    enum df_funnel_tree_kind neutral = is_and ? DF_FUNNEL_TREE_TRUE : DF_FUNNEL_TREE_FALSE;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->child_count; i++) {
        if (out->children[i].kind == deciding) {
            *out = (struct df_funnel_tree){.kind = deciding};
            return;
        }
        if (out->children[i].kind != neutral)
            out->children[kept++] = out->children[i];
    }
    out->child_count = kept;
    if (kept == 0)
        *out = (struct df_funnel_tree){.kind = neutral};
}

static bool is_dear(const struct df_funnel_filter_set *set, const struct df_funnel_tree *tree)
{
    return tree->kind == DF_FUNNEL_TREE_LEAF && set->codes[tree->leaf].test == DF_FUNNEL_TEST_REGEX;
}

/* Regular expressions behind everything else: only rows that are still open then are searched. */
static int put_dear_last(struct df_funnel_filter_set *set, struct df_funnel_tree *tree, struct df_error *error)
{
    uint32_t dear = 0, at = 0;
    for (uint32_t i = 0; i < tree->child_count; i++)
        dear += is_dear(set, &tree->children[i]);
    if (dear == 0 || dear == tree->child_count)
        return 0;
    struct df_funnel_tree *ordered = df_arena_array(&set->arena, tree->child_count, sizeof *ordered);
    if (!ordered)
        return df_error_no_memory(error, "compiling a filter");
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < tree->child_count; i++)
            if (is_dear(set, &tree->children[i]) == (pass == 1))
                ordered[at++] = tree->children[i];
    tree->children = ordered;
    return 0;
}

int df_funnel_tree_compile(struct df_funnel_filter_set *set, const struct df_funnel_node *node, unsigned depth,
                           uint32_t *uses, struct df_funnel_tree *out, struct df_error *error)
{
    static const enum df_funnel_tree_kind kinds[] = {[DF_FUNNEL_LEAF] = DF_FUNNEL_TREE_LEAF,
                                                     [DF_FUNNEL_AND] = DF_FUNNEL_TREE_AND,
                                                     [DF_FUNNEL_OR] = DF_FUNNEL_TREE_OR,
                                                     [DF_FUNNEL_NOT] = DF_FUNNEL_TREE_NOT};
    *out = (struct df_funnel_tree){.kind = DF_FUNNEL_TREE_FALSE};
    if (depth > DF_FUNNEL_TREE_DEPTH_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "a filter is deeper than %d levels", DF_FUNNEL_TREE_DEPTH_MAX);
    if (node->kind == DF_FUNNEL_LEAF) {
        fold_leaf(set, node->leaf, uses, out);
        return 0;
    }
    uint32_t count = node->kind == DF_FUNNEL_NOT ? 1 : node->child_count;
    out->kind = kinds[node->kind];
    out->child_count = count;
    out->children = df_arena_array(&set->arena, count, sizeof *out->children);
    if (!out->children)
        return df_error_no_memory(error, "compiling a filter");
    for (uint32_t i = 0; i < count; i++)
        if (df_funnel_tree_compile(set, &node->children[i], depth + 1, uses, &out->children[i], error) < 0)
            return -1;
    if (node->kind == DF_FUNNEL_NOT) {
        fold_not(out);
        return 0;
    }
    fold_many(out);
    return put_dear_last(set, out, error);
}

/* ---- evaluating ---- */

static void combine_and(uint8_t *restrict out, const uint8_t *restrict with, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] &= with[i];
}

static void combine_or(uint8_t *restrict out, const uint8_t *restrict with, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] |= with[i];
}

static const uint8_t *match_not(struct df_funnel_filter_set *set, const struct df_funnel_tree *tree, unsigned depth,
                                uint8_t *out, struct df_error *error)
{
    const uint8_t *child = df_funnel_tree_match(set, tree->children, depth + 1, out, error);
    if (!child)
        return NULL;
    for (size_t i = 0; i < set->rows; i++)
        out[i] = child[i] ^ 1;
    return out;
}

/* out and (or) the child; only rows that can still change are of interest. */
static int add_child(struct df_funnel_filter_set *set, const struct df_funnel_tree *child, bool is_and, unsigned depth,
                     uint8_t *out, struct df_error *error)
{
    if (child->kind == DF_FUNNEL_TREE_LEAF) {
        int done = df_funnel_set_leaf_where(set, child->leaf, is_and ? 1 : 0, out, error);
        if (done != 0)
            return done < 0 ? -1 : 0;
    }
    const uint8_t *with = df_funnel_tree_match(set, child, depth + 1, set->levels[depth].memory, error);
    if (!with)
        return -1;
    if (is_and)
        combine_and(out, with, set->rows);
    else
        combine_or(out, with, set->rows);
    return 0;
}

/* Stops at the child after which no row can change any more. */
static const uint8_t *match_many(struct df_funnel_filter_set *set, const struct df_funnel_tree *tree, unsigned depth,
                                 uint8_t *out, struct df_error *error)
{
    bool is_and = tree->kind == DF_FUNNEL_TREE_AND;
    size_t n = set->rows;
    if (tree->child_count == 1)
        return df_funnel_tree_match(set, tree->children, depth + 1, out, error);
    if (df_funnel_room_reserve(&set->levels[depth], n, set->budget, "the rows of a filter", error) < 0)
        return NULL;
    const uint8_t *first = df_funnel_tree_match(set, &tree->children[0], depth + 1, out, error);
    if (!first)
        return NULL;
    if (first != out)
        memcpy(out, first, n);
    for (uint32_t i = 1; i < tree->child_count && memchr(out, is_and ? 1 : 0, n); i++)
        if (add_child(set, &tree->children[i], is_and, depth, out, error) < 0)
            return NULL;
    return out;
}

const uint8_t *df_funnel_tree_match(struct df_funnel_filter_set *set, const struct df_funnel_tree *tree, unsigned depth,
                                    uint8_t *out, struct df_error *error)
{
    switch (tree->kind) {
    case DF_FUNNEL_TREE_LEAF:
        return df_funnel_set_leaf(set, tree->leaf, out, error);
    case DF_FUNNEL_TREE_NOT:
        return match_not(set, tree, depth, out, error);
    case DF_FUNNEL_TREE_AND:
    case DF_FUNNEL_TREE_OR:
        return match_many(set, tree, depth, out, error);
    default:
        memset(out, tree->kind == DF_FUNNEL_TREE_TRUE, set->rows);
        return out;
    }
}
