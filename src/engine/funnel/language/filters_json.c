/* Filters: trees of and, or, not over leaves; equal leaves become one, equal trees one root filter.
 *
 *     {"column": c, "op": o, "value": v}    [c, o, v]    {"and": [...]}    {"or": [...]}    {"not": ...} */
#include "base/hash.h"
#include "engine/funnel/filter/leaf.h"
#include "engine/funnel/language/reader.h"
#include "engine/funnel/language/shown.h"

/* ---- operators and values ---- */

int df_funnel_read_operator(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (!value || value->type != DF_JSON_STRING)
        return df_funnel_expected(reader, "an operator", value);
    if (df_funnel_op_parse(value->text, out))
        return 0;
    struct df_buf known = {0};
    for (unsigned op = 0; op < DF_FUNNEL_OPS; op++)
        df_buf_printf(&known, "%s%s", op ? ", " : "", df_funnel_op_text((enum df_funnel_op)op));
    int result = df_funnel_fail(reader, "unknown operator '%s'; known: %s", df_funnel_shown(value->text, shown),
                                df_buf_text(&known));
    df_buf_dispose(&known);
    return result;
}

static int read_constant(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_constant *constant = out;
    switch (value ? value->type : DF_JSON_NULL) {
    case DF_JSON_STRING:
        *constant = (struct df_funnel_constant){.type = DF_FUNNEL_STRING,
                                                .text = value->text.data ? value->text : df_slice_make("", 0)};
        return 0;
    case DF_JSON_NUMBER:
        *constant = (struct df_funnel_constant){.type = DF_FUNNEL_NUMBER, .text = value->text};
        return 0;
    case DF_JSON_BOOL:
        *constant = (struct df_funnel_constant){.type = DF_FUNNEL_BOOLEAN, .boolean = value->boolean};
        return 0;
    case DF_JSON_NULL:
        if (value)
            return df_funnel_fail(reader, "expected a string, a number or a boolean, found null; "
                                          "the operators for it are 'is null' and 'is not null'");
        break;
    case DF_JSON_ARRAY:
        return df_funnel_fail(reader, "expected a string, a number or a boolean, found an array; "
                                      "'in', 'not in', 'has any' and 'has all' take arrays");
    default:
        break;
    }
    return df_funnel_expected(reader, "a string, a number or a boolean", value);
}

static int read_values(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_leaf *leaf = out;
    struct df_funnel_constant *values;
    switch (df_funnel_op_arity(leaf->op)) {
    case DF_FUNNEL_NO_VALUE:
        return value ? df_funnel_fail(reader, "'%s' takes no value", df_funnel_op_text(leaf->op)) : 0;
    case DF_FUNNEL_ONE_VALUE:
        values = df_arena_array(reader->arena, 1, sizeof *values);
        if (!values)
            return df_funnel_fail_memory(reader);
        leaf->values = values;
        leaf->value_count = 1;
        return read_constant(reader, value, values);
    default:
        break;
    }
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of values", value);
    values = df_arena_array(reader->arena, value->child_count, sizeof *values);
    if (!values)
        return df_funnel_fail_memory(reader);
    leaf->values = values;
    leaf->value_count = (uint32_t)value->child_count;
    return df_funnel_each(reader, value, read_constant, values, sizeof *values);
}

static int read_delimiter(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_leaf *leaf = out;
    if (df_funnel_read_string(reader, value, &leaf->delimiter) < 0)
        return -1;
    if (leaf->delimiter.size == 0)
        return df_funnel_fail(reader, "expected the text between two values, found an empty string");
    if (leaf->op < DF_FUNNEL_HAS)
        return df_funnel_fail(reader,
                              "'%s' knows no delimiter; 'has', 'has any', 'has all', 'empty' and 'not empty' do",
                              df_funnel_op_text(leaf->op));
    return 0;
}

/* ---- leaves ---- */

struct sought_leaf {
    const struct df_funnel_leaf *leaves, *leaf;
};

static bool same_constant(const struct df_funnel_constant *a, const struct df_funnel_constant *b)
{
    return a->type == b->type && a->boolean == b->boolean && df_slice_equal(a->text, b->text);
}

static bool same_leaf(const void *ctx, uint32_t number)
{
    const struct sought_leaf *sought = ctx;
    const struct df_funnel_leaf *a = &sought->leaves[number], *b = sought->leaf;
    if (a->op != b->op || a->value_count != b->value_count || strcmp(a->column, b->column) != 0 ||
        !df_slice_equal(a->delimiter, b->delimiter))
        return false;
    for (uint32_t i = 0; i < a->value_count; i++)
        if (!same_constant(&a->values[i], &b->values[i]))
            return false;
    return true;
}

static uint64_t hash_leaf(const struct df_funnel_leaf *leaf)
{
    uint64_t hash = df_hash_u64(df_hash_bytes(df_slice_text(leaf->column)) ^ (uint64_t)leaf->op);
    hash = df_hash_u64(hash ^ df_hash_bytes(leaf->delimiter));
    for (uint32_t i = 0; i < leaf->value_count; i++) {
        const struct df_funnel_constant *value = &leaf->values[i];
        hash = df_hash_u64(hash ^ df_hash_bytes(value->text) ^ (uint64_t)value->type << 1 ^ (uint64_t)value->boolean);
    }
    return hash;
}

/* A wrong pattern is found before the first file is looked for. The reader stands at the leaf. */
static int check_pattern(struct df_funnel_reader *reader, const struct df_funnel_leaf *leaf)
{
    struct df_funnel_regex *regex;
    if (leaf->op != DF_FUNNEL_REGEX)
        return 0;
    size_t mark = leaf->shorthand ? df_funnel_enter_element(reader, 2) : df_funnel_enter(reader, "value");
    if (leaf->values[0].type != DF_FUNNEL_STRING)
        return df_funnel_fail(reader, "expected a regular expression, which is a string");
    if (df_funnel_regex_compile(&regex, leaf->values[0].text, df_buf_text(&reader->place), reader->error) < 0)
        return -1;
    df_funnel_regex_free(regex);
    df_funnel_leave(reader, mark);
    return 0;
}

/* The reader stands at the leaf. */
static int add_leaf(struct df_funnel_reader *reader, struct df_funnel_leaf *leaf, struct df_funnel_node *node)
{
    uint64_t hash = hash_leaf(leaf);
    struct sought_leaf sought = {.leaves = reader->leaves, .leaf = leaf};
    *node = (struct df_funnel_node){.kind = DF_FUNNEL_LEAF};
    node->leaf = df_funnel_index_find(&reader->leaf_index, hash, same_leaf, &sought);
    if (node->leaf != DF_FUNNEL_NONE)
        return 0;
    if (check_pattern(reader, leaf) < 0)
        return -1;
    uint32_t count = node->leaf = reader->leaf_index.count;
    struct df_funnel_leaf *leaves =
        df_funnel_grown(reader->arena, reader->leaves, count, &reader->leaf_capacity, sizeof *leaves);
    leaf->place = df_funnel_place(reader);
    if (!leaves || !leaf->place || !df_funnel_index_add(&reader->leaf_index, reader->arena, hash))
        return df_funnel_fail_memory(reader);
    reader->leaves = leaves;
    leaves[count] = *leaf;
    return 0;
}

static int read_long_leaf(struct df_funnel_reader *reader, const struct df_json *value, struct df_funnel_node *node)
{
    static const char *const known[] = {"column", "op", "value", "delimiter", "and", "or", "not", NULL};
    struct df_funnel_leaf leaf = {0};
    struct df_funnel_text column = {.what = "the name of a column"};
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_required(reader, value, "column", df_funnel_read_text, &column) < 0 ||
        df_funnel_required(reader, value, "op", df_funnel_read_operator, &leaf.op) < 0 ||
        df_funnel_required(reader, value, "value", read_values, &leaf) < 0 ||
        df_funnel_optional(reader, value, "delimiter", read_delimiter, &leaf) < 0)
        return -1;
    leaf.column = column.text;
    return add_leaf(reader, &leaf, node);
}

static int read_piece(struct df_funnel_reader *reader, const struct df_json *piece, size_t index,
                      df_funnel_read_fn *read, void *out)
{
    size_t mark = df_funnel_enter_element(reader, index);
    if (read(reader, piece, out) < 0)
        return -1;
    df_funnel_leave(reader, mark);
    return 0;
}

static int read_short_leaf(struct df_funnel_reader *reader, const struct df_json *value, struct df_funnel_node *node)
{
    struct df_funnel_leaf leaf = {.shorthand = true};
    struct df_funnel_text column = {.what = "the name of a column"};
    const struct df_json *first = value->children, *second = first ? first->next : NULL;
    if (!second || value->child_count > 3)
        return df_funnel_fail(reader, "expected [column, op, value], found an array of %zu", value->child_count);
    if (read_piece(reader, first, 0, df_funnel_read_text, &column) < 0 ||
        read_piece(reader, second, 1, df_funnel_read_operator, &leaf.op) < 0)
        return -1;
    if (!second->next && df_funnel_op_arity(leaf.op) != DF_FUNNEL_NO_VALUE)
        return df_funnel_fail(reader, "expected [column, op, value], found an array of 2");
    if (read_piece(reader, second->next, 2, read_values, &leaf) < 0)
        return -1;
    leaf.column = column.text;
    return add_leaf(reader, &leaf, node);
}

/* ---- trees ---- */

static int read_tree(struct df_funnel_reader *reader, const struct df_json *value, unsigned depth,
                     struct df_funnel_node *node);

/* A list that is one node; a list of one is that one. */
static int read_list(struct df_funnel_reader *reader, const struct df_json *list, enum df_funnel_node_kind kind,
                     unsigned depth, struct df_funnel_node *node)
{
    if (!list || list->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of filters", list);
    if (list->child_count == 0)
        return df_funnel_fail(reader, "[] is too short; expected at least one filter");
    struct df_funnel_node *children = node;
    if (list->child_count > 1) {
        children = df_arena_array(reader->arena, list->child_count, sizeof *children);
        if (!children)
            return df_funnel_fail_memory(reader);
    }
    size_t index = 0;
    for (const struct df_json *child = list->children; child; child = child->next, index++) {
        size_t mark = df_funnel_enter_element(reader, index);
        if (read_tree(reader, child, depth, &children[index]) < 0)
            return -1;
        df_funnel_leave(reader, mark);
    }
    if (children != node)
        *node = (struct df_funnel_node){.kind = kind, .children = children, .child_count = (uint32_t)index};
    return 0;
}

static int read_not(struct df_funnel_reader *reader, const struct df_json *value, unsigned depth,
                    struct df_funnel_node *node)
{
    struct df_funnel_node *child = df_arena_array(reader->arena, 1, sizeof *child);
    if (!child)
        return df_funnel_fail_memory(reader);
    *node = (struct df_funnel_node){.kind = DF_FUNNEL_NOT, .children = child, .child_count = 1};
    return read_tree(reader, value, depth, child);
}

static const char *logic_member(const struct df_json *object)
{
    static const char *const members[] = {"and", "or", "not"};
    for (unsigned i = 0; i < 3; i++)
        if (df_json_get(object, members[i]))
            return members[i];
    return NULL;
}

static int read_logic(struct df_funnel_reader *reader, const struct df_json *value, const char *member, unsigned depth,
                      struct df_funnel_node *node)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    for (const struct df_json *other = value->children; other && value->child_count > 1; other = other->next)
        if (!df_slice_is(other->key, member))
            return df_funnel_fail(reader, "'%s' was unexpected beside '%s'", df_funnel_shown(other->key, shown),
                                  member);
    if (value->child_count > 1)
        return df_funnel_fail(reader, "'%s' stands there twice", member);
    size_t mark = df_funnel_enter(reader, member);
    const struct df_json *inner = value->children;
    int result = *member == 'n'
                     ? read_not(reader, inner, depth + 1, node)
                     : read_list(reader, inner, *member == 'a' ? DF_FUNNEL_AND : DF_FUNNEL_OR, depth + 1, node);
    if (result == 0)
        df_funnel_leave(reader, mark);
    return result;
}

/* depth: of the nodes above. */
static int read_tree(struct df_funnel_reader *reader, const struct df_json *value, unsigned depth,
                     struct df_funnel_node *node)
{
    if (depth >= DF_FUNNEL_TREE_DEPTH_MAX)
        return df_funnel_fail(reader, "filters are nested deeper than %d", DF_FUNNEL_TREE_DEPTH_MAX);
    if (value && value->type == DF_JSON_ARRAY)
        return read_short_leaf(reader, value, node);
    if (!value || value->type != DF_JSON_OBJECT)
        return df_funnel_expected(reader, "an object or [column, op, value]", value);
    const char *logic = logic_member(value);
    return logic ? read_logic(reader, value, logic, depth, node) : read_long_leaf(reader, value, node);
}

/* ---- roots ---- */

struct sought_tree {
    const struct df_funnel_node *const *roots, *tree;
};

static bool same_tree(const struct df_funnel_node *a, const struct df_funnel_node *b)
{
    if (a->kind != b->kind || a->leaf != b->leaf || a->child_count != b->child_count)
        return false;
    for (uint32_t i = 0; i < a->child_count; i++)
        if (!same_tree(&a->children[i], &b->children[i]))
            return false;
    return true;
}

static bool same_root(const void *ctx, uint32_t number)
{
    const struct sought_tree *sought = ctx;
    return same_tree(sought->roots[number], sought->tree);
}

static uint64_t hash_tree(const struct df_funnel_node *tree)
{
    uint64_t hash = df_hash_u64((uint64_t)tree->kind << 32 ^ tree->leaf);
    for (uint32_t i = 0; i < tree->child_count; i++)
        hash = df_hash_u64(hash * 31 ^ hash_tree(&tree->children[i]));
    return hash;
}

static int add_root(struct df_funnel_reader *reader, const struct df_funnel_node *tree, uint32_t *root)
{
    uint64_t hash = hash_tree(tree);
    struct sought_tree sought = {.roots = reader->roots, .tree = tree};
    *root = df_funnel_index_find(&reader->root_index, hash, same_root, &sought);
    if (*root != DF_FUNNEL_NONE)
        return 0;
    uint32_t count = *root = reader->root_index.count;
    struct df_funnel_node *kept = df_arena_alloc(reader->arena, sizeof *kept);
    const struct df_funnel_node **roots =
        df_funnel_grown(reader->arena, reader->roots, count, &reader->root_capacity, sizeof *roots);
    if (!kept || !roots || !df_funnel_index_add(&reader->root_index, reader->arena, hash))
        return df_funnel_fail_memory(reader);
    *kept = *tree;
    reader->roots = roots;
    roots[count] = kept;
    return 0;
}

int df_funnel_read_filter(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_node tree = {0};
    return read_tree(reader, value, 0, &tree) < 0 ? -1 : add_root(reader, &tree, out);
}

/* The short form may not stand directly in the list, as in the original: a list of three texts would be one filter. */
static int check_no_short_form(struct df_funnel_reader *reader, const struct df_json *list)
{
    size_t index = 0;
    for (const struct df_json *filter = list->children; filter; filter = filter->next, index++) {
        if (filter->type == DF_JSON_OBJECT)
            continue;
        df_funnel_enter_element(reader, index);
        return df_funnel_expected(
            reader, "an object; the short form [column, op, value] stands in filter, and, or, not", filter);
    }
    return 0;
}

int df_funnel_read_filters(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_node tree = {0};
    if (value && value->type == DF_JSON_ARRAY && check_no_short_form(reader, value) < 0)
        return -1;
    if (read_list(reader, value, DF_FUNNEL_AND, 1, &tree) < 0)
        return -1;
    return add_root(reader, &tree, out);
}
