/* `key=value` directories as columns, over all files: of which type each column is, and which files need not be read
 * because their directories make `where` impossible. */
#include "engine/funnel/filter/filter.h"
#include "engine/funnel/plan/query.h"

static bool named(const struct df_funnel_request *request, const char *name)
{
    for (uint32_t i = 0; i < request->column_count; i++)
        if (strcmp(request->columns[i].name, name) == 0)
            return true;
    for (uint32_t i = 0; i < request->filters.leaf_count; i++)
        if (strcmp(request->filters.leaves[i].column, name) == 0)
            return true;
    return false;
}

/* An answer for one path: what cannot be parsed is told where the file is read. */
bool df_funnel_directories_used(const struct df_funnel_request *request, const char *uri)
{
    struct df_arena arena = {0};
    struct df_funnel_directories directories;
    struct df_error error;
    bool used = false;
    if (df_funnel_directories_parse(uri, &arena, &directories, &error) == 0)
        for (uint32_t i = 0; i < directories.count; i++)
            used = used || named(request, directories.items[i].name);
    df_arena_dispose(&arena);
    return used;
}

/* ---- which are strings ---- */

struct settling {
    struct df_query *query;
    const char **strings; /* room for DF_FUNNEL_DIRECTORIES_MAX */
    uint32_t string_count;
};

static bool is_string(const struct settling *settling, const char *name)
{
    for (uint32_t i = 0; i < settling->string_count; i++)
        if (strcmp(settling->strings[i], name) == 0)
            return true;
    return false;
}

static int note_strings(struct settling *settling, const struct df_funnel_directories *directories,
                        struct df_error *error)
{
    const struct df_funnel_query *funnel = settling->query->state;
    for (uint32_t i = 0; i < directories->count; i++) {
        const struct df_funnel_directory *directory = &directories->items[i];
        if (directory->integer || !named(&funnel->request, directory->name) || is_string(settling, directory->name))
            continue;
        if (settling->string_count == DF_FUNNEL_DIRECTORIES_MAX)
            return df_error_set(error, DF_ERROR_UNSUPPORTED, "more than %d columns of the request are directories",
                                DF_FUNNEL_DIRECTORIES_MAX);
        const char *name = df_arena_text(&settling->query->arena, df_slice_text(directory->name));
        if (!name)
            return df_error_no_memory(error, "listing files");
        settling->strings[settling->string_count++] = name;
    }
    return 0;
}

/* ---- which files `where` rules out ---- */

enum truth { FALSE_EVERYWHERE, TRUE_EVERYWHERE, DEPENDS };

/* The leaves of a file that its directories decide. */
struct decided {
    const struct df_funnel_request *request;
    enum truth *leaves; /* per leaf of the request */
};

static enum truth truth_of(const struct decided *decided, const struct df_funnel_node *node)
{
    if (node->kind == DF_FUNNEL_LEAF)
        return decided->leaves[node->leaf];
    if (node->kind == DF_FUNNEL_NOT) {
        enum truth of = truth_of(decided, &node->children[0]);
        return of == DEPENDS ? DEPENDS : of == TRUE_EVERYWHERE ? FALSE_EVERYWHERE : TRUE_EVERYWHERE;
    }
    enum truth absorbing = node->kind == DF_FUNNEL_AND ? FALSE_EVERYWHERE : TRUE_EVERYWHERE;
    enum truth all = node->kind == DF_FUNNEL_AND ? TRUE_EVERYWHERE : FALSE_EVERYWHERE;
    for (uint32_t i = 0; i < node->child_count; i++) {
        enum truth child = truth_of(decided, &node->children[i]);
        if (child == absorbing)
            return absorbing;
        all = child == DEPENDS ? DEPENDS : all;
    }
    return all;
}

static const struct df_parquet_bounds *no_bounds(void *ctx, uint32_t leaf)
{
    (void)ctx;
    (void)leaf;
    return NULL;
}

static const struct df_funnel_directory *find_directory(const struct df_funnel_directories *directories,
                                                        const char *name)
{
    for (uint32_t i = 0; i < directories->count; i++)
        if (strcmp(directories->items[i].name, name) == 0)
            return &directories->items[i];
    return NULL;
}

static struct df_funnel_filter_column column_of(const struct settling *settling,
                                                const struct df_funnel_directory *directory)
{
    struct df_funnel_filter_column column = {.vector = DF_FUNNEL_FILTER_FIXED,
                                             .fixed_null = directory->value.data == NULL};
    if (is_string(settling, directory->name)) {
        column.type.kind = DF_TYPE_STRING;
        column.fixed.kind = DF_VECTOR_BYTES;
        column.fixed.as.bytes = directory->value;
    } else {
        column.type = (struct df_type){.kind = DF_TYPE_INT64, .bits = 64};
        column.fixed.kind = DF_VECTOR_INT64;
        if (!column.fixed_null)
            df_funnel_directory_integer(directory->value, &column.fixed.as.int64);
    }
    return column;
}

/* One leaf as a filter of its own, so that leaves of columns that are not directories need no type here. */
static int decide_leaf(const struct settling *settling, const struct df_funnel_leaf *leaf,
                       const struct df_funnel_directory *directory, enum truth *truth, struct df_error *error)
{
    static const struct df_funnel_node node = {.kind = DF_FUNNEL_LEAF};
    static const struct df_funnel_node *const roots[] = {&node};
    const struct df_funnel_filters filters = {.leaves = leaf, .leaf_count = 1, .roots = roots, .root_count = 1};
    const struct df_funnel_filter_column column = column_of(settling, directory);
    struct df_funnel_filter_set *set;
    if (df_funnel_filter_set_compile(&set, &filters, &column, settling->query->budget, error) < 0)
        return -1;
    *truth = df_funnel_filter_set_may_match(set, 0, 1, no_bounds, NULL) ? TRUE_EVERYWHERE : FALSE_EVERYWHERE;
    df_funnel_filter_set_free(set);
    return 0;
}

static int decide_file(const struct settling *settling, struct df_funnel_file *file,
                       const struct df_funnel_directories *directories, enum truth *leaves, struct df_error *error)
{
    const struct df_funnel_query *funnel = settling->query->state;
    const struct df_funnel_filters *filters = &funnel->request.filters;
    const struct decided decided = {.request = &funnel->request, .leaves = leaves};
    for (uint32_t i = 0; i < filters->leaf_count; i++) {
        const struct df_funnel_directory *directory = find_directory(directories, filters->leaves[i].column);
        leaves[i] = DEPENDS;
        if (directory && decide_leaf(settling, &filters->leaves[i], directory, &leaves[i], error) < 0)
            return -1;
    }
    file->skipped = truth_of(&decided, filters->roots[funnel->request.where]) == FALSE_EVERYWHERE;
    return 0;
}

/* ---- both ---- */

typedef int directories_fn(struct settling *settling, struct df_funnel_file *file,
                           const struct df_funnel_directories *directories, void *ctx, struct df_error *error);

static int each_file(struct settling *settling, directories_fn *fn, void *ctx, struct df_error *error)
{
    struct df_funnel_query *funnel = settling->query->state;
    int result = 0;
    for (size_t i = 0; result == 0 && i < funnel->file_count; i++) {
        struct df_arena arena = {0};
        if (funnel->files[i].left_out)
            continue;
        struct df_funnel_directories directories;
        result = df_funnel_directories_parse(funnel->files[i].uri, &arena, &directories, error);
        if (result == 0)
            result = fn(settling, &funnel->files[i], &directories, ctx, error);
        df_arena_dispose(&arena);
    }
    return result;
}

static int on_names(struct settling *settling, struct df_funnel_file *file,
                    const struct df_funnel_directories *directories, void *ctx, struct df_error *error)
{
    (void)file;
    (void)ctx;
    return note_strings(settling, directories, error);
}

static int on_where(struct settling *settling, struct df_funnel_file *file,
                    const struct df_funnel_directories *directories, void *ctx, struct df_error *error)
{
    struct df_funnel_query *funnel = settling->query->state;
    if (decide_file(settling, file, directories, ctx, error) < 0)
        return -1;
    funnel->files_skipped += file->skipped;
    return 0;
}

int df_funnel_directories_settle(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct settling settling = {.query = query};
    settling.strings = df_arena_array(&query->arena, DF_FUNNEL_DIRECTORIES_MAX, sizeof *settling.strings);
    if (!settling.strings)
        return df_error_no_memory(error, "listing files");
    if (each_file(&settling, on_names, NULL, error) < 0)
        return -1;
    funnel->string_directories = settling.strings;
    funnel->string_directory_count = settling.string_count;
    if (funnel->request.where == DF_FUNNEL_NONE)
        return 0;
    enum truth *leaves = df_arena_array(&query->arena, funnel->request.filters.leaf_count, sizeof *leaves);
    if (!leaves)
        return df_error_no_memory(error, "listing files");
    return each_file(&settling, on_where, leaves, error);
}

int df_funnel_directories_settle_again(struct df_query *query, bool *changed, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct settling before = {.strings = (const char **)funnel->string_directories,
                                    .string_count = funnel->string_directory_count};
    *changed = false;
    if (!funnel->string_directories)
        return 0;
    for (size_t i = 0; i < funnel->file_count; i++)
        funnel->files[i].skipped = false;
    funnel->files_skipped = 0;
    if (df_funnel_directories_settle(query, error) < 0)
        return -1;
    *changed = before.string_count != funnel->string_directory_count;
    for (uint32_t i = 0; i < funnel->string_directory_count; i++)
        *changed = *changed || !is_string(&before, funnel->string_directories[i]);
    return 0;
}
