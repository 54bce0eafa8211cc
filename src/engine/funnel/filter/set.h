/* The compiled leaves and roots of a request, and what they know of a batch. Inside of filter/ only. */
#ifndef DF_ENGINE_FUNNEL_FILTER_SET_H
#define DF_ENGINE_FUNNEL_FILTER_SET_H

#include "engine/funnel/filter/leaf.h"

enum df_funnel_tree_kind {
    DF_FUNNEL_TREE_FALSE,
    DF_FUNNEL_TREE_TRUE,
    DF_FUNNEL_TREE_LEAF,
    DF_FUNNEL_TREE_AND,
    DF_FUNNEL_TREE_OR,
    DF_FUNNEL_TREE_NOT,
};

/* A tree without what is decided: no constant stands below another node. In the arena of the set. */
struct df_funnel_tree {
    enum df_funnel_tree_kind kind;
    uint32_t leaf;
    struct df_funnel_tree *children; /* of AND and OR at least one, of NOT one */
    uint32_t child_count;
};

#define DF_FUNNEL_NO_SLOT UINT32_MAX

/* Of the dictionary met last: the mask of each entry. masks.c */
struct df_funnel_masks_table {
    struct df_funnel_room room;
    uint64_t serial;
    uint8_t bits; /* that it has */
    bool known;
};

struct df_funnel_filter_set {
    const struct df_funnel_filters *filters;
    struct df_budget *budget;
    struct df_arena arena;
    uint64_t arena_bytes;         /* of it on the account */
    struct df_funnel_code *codes; /* per leaf */
    struct df_funnel_tree *roots; /* per root */

    const struct df_vector *vectors; /* of the batch */
    uint32_t rows;
    uint64_t batch;

    /* Answers of leaves that stand at several places, kept for the batch. */
    struct {
        uint32_t *slot_of_leaf;  /* DF_FUNNEL_NO_SLOT: computed anew each time */
        uint64_t *batch_of_slot; /* whose answers the slot has */
        uint32_t slot_count, usable_count;
        struct df_funnel_room room; /* usable_count × rows */
    } memo;
    struct df_funnel_masks_table tables[DF_FUNNEL_MASK_ROOTS];  /* by their lowest bit */
    struct df_funnel_room answer;                               /* of a root */
    struct df_funnel_room levels[DF_FUNNEL_TREE_DEPTH_MAX + 2]; /* of the children of the nodes at each depth */
};

/* Copies the tree and folds what the leaves have decided. Counts in uses[leaf] where leaves are left. tree.c */
int df_funnel_tree_compile(struct df_funnel_filter_set *set, const struct df_funnel_node *node, unsigned depth,
                           uint32_t *uses, struct df_funnel_tree *out, struct df_error *error);
/* The answers of the tree to the batch: in `out`, or where they are kept. NULL: error. tree.c */
const uint8_t *df_funnel_tree_match(struct df_funnel_filter_set *set, const struct df_funnel_tree *tree, unsigned depth,
                                    uint8_t *out, struct df_error *error);
/* The answers of one leaf: in `out`, or where they are kept. NULL: error. set.c */
const uint8_t *df_funnel_set_leaf(struct df_funnel_filter_set *set, uint32_t leaf, uint8_t *out,
                                  struct df_error *error);
/* For a leaf whose evaluation is dear: its answers to the rows whose byte in `out` is `where`, in place of it. 1: done;
 * 0: it is not dear, or is kept anyway; -1. set.c */
int df_funnel_set_leaf_where(struct df_funnel_filter_set *set, uint32_t leaf, uint8_t where, uint8_t *out,
                             struct df_error *error);

#endif
