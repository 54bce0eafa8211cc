/* The schema: a tree of groups and leaves to columns with dotted names.
 *
 *   message schema            column   levels: definition (max), repetition (max)
 *     required int64 id       id       0, 0
 *     optional group geo
 *       optional double lat   geo.lat  2, 0       a null of any ancestor makes null
 *     optional group tags (LIST)
 *       repeated group list
 *         optional binary element
 *                             tags     3, 1       0: no list, 1: an empty one, 2: a null in it, 3: a value
 *
 * Lists come in more forms than this; LogicalTypes.md ("Backward-compatibility rules") says how they are told apart. */
#include "format/parquet/decoder.h"
#include "format/parquet/logical.h"
#include "format/parquet/names.h"

enum {
    /* Deeper than any schema that people write; a file may claim a million levels. */
    SCHEMA_DEPTH_MAX = 64,
    /* Each level repeats the path above it, so that a small file could ask for an endless amount of names. */
    PATH_BYTES_MAX = 64 * 1024,
    PATHS_BYTES_MAX = 64 * 1024 * 1024,
    /* The least that an element takes. */
    SCHEMA_ELEMENT_BYTES = 3,
};

struct element {
    bool has_type, has_converted, has_logical;
    int32_t type, length, repetition, children, converted, scale, precision;
    struct df_slice name;
    struct df_parquet_annotation says;
};

/* fastparquet, asked to infer whether there are nulls, writes a bool here: true for columns that have levels. (Readers
 * that skip fields of other types than theirs take both for required, and levels for values.) */
static int32_t take_repetition(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    if (field->type == DF_THRIFT_TRUE || field->type == DF_THRIFT_FALSE)
        return df_thrift_take_bool(reader, field);
    return df_thrift_take_i32(reader, field);
}

static void take_element(struct df_thrift_reader *reader, struct element *element)
{
    *element = (struct element){0};
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1:
            element->type = df_thrift_take_i32(reader, &field);
            element->has_type = true;
            break;
        case 2:
            element->length = df_thrift_take_i32(reader, &field);
            break;
        case 3:
            element->repetition = take_repetition(reader, &field);
            break;
        case 4:
            element->name = df_thrift_take_binary(reader, &field);
            break;
        case 5:
            element->children = df_thrift_take_i32(reader, &field);
            break;
        case 6:
            element->converted = df_thrift_take_i32(reader, &field);
            element->has_converted = true;
            break;
        case 7:
            element->scale = df_thrift_take_i32(reader, &field);
            break;
        case 8:
            element->precision = df_thrift_take_i32(reader, &field);
            break;
        case 10:
            element->says = df_parquet_take_logical(reader, &field);
            element->has_logical = true;
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
    if (!element->has_logical && element->has_converted)
        element->says = df_parquet_annotation_of_converted(element->converted, element->precision, element->scale);
}

/* What a group is to the fields in it. */
enum role {
    ROLE_STRUCT,
    ROLE_LIST, /* says that it is a list: its field is what is repeated */
    ROLE_ITEM, /* the repeated group inside: its field is the element */
};

/* One level of the tree, from the root down. */
struct level {
    int32_t children_left;
    size_t path_size; /* of the path down to here */
    struct df_slice name;
    enum role role;
    uint8_t definition, repetition;
    uint8_t element_definition;
    size_t list_path_size;   /* of the list's own name, in a ROLE_ITEM */
    const char *unsupported; /* of all leaves below */
};

static bool name_says_struct(struct df_slice name, struct df_slice parent)
{
    static const char tuple[] = "_tuple";
    size_t tuple_bytes = sizeof tuple - 1;
    if (df_slice_is(name, "array"))
        return true;
    return name.size == parent.size + tuple_bytes && memcmp(name.data + parent.size, tuple, tuple_bytes) == 0 &&
           (parent.size == 0 || memcmp(name.data, parent.data, parent.size) == 0);
}

/* Levels of a node below its parent. False when its repetition is none that we know. */
static bool count_levels(const struct element *element, const struct level *parent, uint8_t *definition,
                         uint8_t *repetition)
{
    bool repeated = element->repetition == DF_PARQUET_REPEATED;
    *definition = (uint8_t)(parent->definition + (repeated || element->repetition == DF_PARQUET_OPTIONAL));
    *repetition = (uint8_t)(parent->repetition + repeated);
    return element->repetition >= DF_PARQUET_REQUIRED && element->repetition <= DF_PARQUET_REPEATED;
}

/* The group that is an element of a list, or repeated by itself. */
static const char *list_of_what(const struct element *group)
{
    if (group->says.kind == DF_PARQUET_SAYS_LIST)
        return "a list of lists";
    return group->says.kind == DF_PARQUET_SAYS_MAP ? "a list of maps" : "a list of structs";
}

static void place_group(const struct element *group, const struct level *parent, size_t path_size, struct level *level)
{
    bool repeated = group->repetition == DF_PARQUET_REPEATED;
    *level = (struct level){.children_left = group->children,
                            .path_size = path_size,
                            .name = group->name,
                            .unsupported = parent->unsupported};
    if (!count_levels(group, parent, &level->definition, &level->repetition) && !level->unsupported)
        level->unsupported = "an unknown repetition";
    if (level->unsupported)
        return;
    if (parent->role == ROLE_ITEM) {
        level->unsupported = list_of_what(group);
    } else if (group->says.kind == DF_PARQUET_SAYS_MAP) {
        level->unsupported = "a map";
    } else if (group->says.kind == DF_PARQUET_SAYS_VARIANT) {
        level->unsupported = "a Variant";
    } else if (parent->role == ROLE_LIST) {
        if (!repeated)
            level->unsupported = "a list of an unknown form";
        else if (group->children != 1 || name_says_struct(group->name, parent->name))
            level->unsupported = "a list of structs";
        level->role = ROLE_ITEM;
        level->element_definition = level->definition;
        level->list_path_size = parent->path_size;
    } else if (repeated) {
        level->unsupported = list_of_what(group);
    } else if (group->says.kind == DF_PARQUET_SAYS_LIST) {
        level->role = ROLE_LIST;
        if (group->children != 1)
            level->unsupported = "a list of an unknown form";
    }
}

/* The levels of a leaf, whether it is a list, and how long the column's name is. NULL, or what stands in the way. */
static const char *place_leaf(const struct element *element, const struct level *parent, struct df_slice *path,
                              struct df_parquet_leaf *leaf)
{
    bool repeated = element->repetition == DF_PARQUET_REPEATED;
    if (!count_levels(element, parent, &leaf->definition_max, &leaf->repetition_max))
        return "an unknown repetition";
    if (parent->unsupported)
        return parent->unsupported;
    switch (parent->role) {
    case ROLE_LIST: /* two levels: the repeated field is the element */
        if (!repeated)
            return "a list of an unknown form";
        leaf->element_definition = leaf->definition_max;
        path->size = parent->path_size;
        return NULL;
    case ROLE_ITEM: /* three levels */
        if (repeated)
            return "a list of lists";
        leaf->element_definition = parent->element_definition;
        path->size = parent->list_path_size;
        return NULL;
    case ROLE_STRUCT:
        leaf->element_definition = leaf->definition_max; /* if it is repeated: a list without more ado */
        return NULL;
    }
    return NULL;
}

static int add_column(struct df_parquet_decoder *decoder, const struct element *element, const struct level *parent,
                      struct df_slice path)
{
    struct df_parquet_footer *footer = decoder->footer;
    struct df_parquet_column *column = &footer->columns[footer->column_count];
    struct df_parquet_leaf *leaf = &footer->leaves[footer->column_count++];
    *column = (struct df_parquet_column){.physical = (enum df_parquet_physical)element->type};
    const char *type_problem = df_parquet_leaf_type(&element->says, element->type, element->length, column, leaf);
    const char *place_problem = place_leaf(element, parent, &path, leaf);
    column->unsupported = place_problem ? place_problem : type_problem;
    column->optional = leaf->definition_max > 0;
    if (leaf->repetition_max > 0) {
        column->type.list = true;
        column->kind = DF_VECTOR_LIST;
    }
    if (path.size > 0 && memchr(path.data, 0, path.size))
        column->unsupported = "a name with a zero byte";
    decoder->path_bytes += path.size;
    if (decoder->path_bytes > PATHS_BYTES_MAX)
        return df_parquet_decoder_corrupt(decoder, "its column names have more than %d bytes", PATHS_BYTES_MAX);
    column->name = df_parquet_memory_text(&footer->memory, path);
    return column->name ? 0 : df_parquet_decoder_no_memory(decoder);
}

static int put_path(struct df_parquet_decoder *decoder, struct df_buf *path, size_t parent_size, struct df_slice name)
{
    if (name.size > PATH_BYTES_MAX || parent_size + name.size + 1 > PATH_BYTES_MAX)
        return df_parquet_decoder_corrupt(decoder, "a column's name has more than %d bytes", PATH_BYTES_MAX);
    path->size = parent_size;
    if (parent_size > 0)
        df_buf_put_char(path, '.');
    df_buf_put_slice(path, name);
    return df_buf_failed(path) ? df_parquet_decoder_no_memory(decoder) : 0;
}

/* A node that is not the root: a leaf becomes a column, a group a level. */
static int take_node(struct df_parquet_decoder *decoder, const struct element *element, struct df_buf *path,
                     struct level *levels, unsigned *depth)
{
    struct level *parent = &levels[*depth - 1];
    parent->children_left--;
    if (put_path(decoder, path, parent->path_size, element->name) < 0)
        return -1;
    if (element->has_type) {
        if (element->children != 0)
            return df_parquet_decoder_corrupt(decoder, "its column '%.*s' has a type and also fields",
                                              DF_SLICE_ARG(element->name));
        return add_column(decoder, element, parent, df_buf_slice(path));
    }
    if (element->children < 0 || *depth == SCHEMA_DEPTH_MAX)
        return df_parquet_decoder_corrupt(
            decoder, "its schema is nested deeper than %d levels or has a negative number of fields", SCHEMA_DEPTH_MAX);
    place_group(element, parent, path->size, &levels[(*depth)++]);
    return 0;
}

static unsigned close_levels(const struct level *levels, unsigned depth)
{
    while (depth > 0 && levels[depth - 1].children_left == 0)
        depth--;
    return depth;
}

/* The tree is written depth first: each element says how many children follow it. */
static int walk_elements(struct df_parquet_decoder *decoder, uint32_t count, struct df_buf *path)
{
    struct level levels[SCHEMA_DEPTH_MAX];
    unsigned depth = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct element element;
        take_element(&decoder->reader, &element);
        if (df_parquet_decoder_check(decoder) < 0)
            return -1;
        if (i == 0) { /* the root has no name in paths, and its repetition says nothing */
            if (element.children < 0)
                return df_parquet_decoder_corrupt(decoder, "the root of its schema has %d fields", element.children);
            levels[depth++] = (struct level){.children_left = element.children};
            continue;
        }
        depth = close_levels(levels, depth);
        if (depth == 0)
            return df_parquet_decoder_corrupt(decoder, "its schema has %u elements, but its tree ends after %u", count,
                                              i);
        if (take_node(decoder, &element, path, levels, &depth) < 0)
            return -1;
    }
    if (close_levels(levels, depth) > 0)
        return df_parquet_decoder_corrupt(decoder, "its schema ends in the middle of its tree");
    return 0;
}

int df_parquet_decoder_take_schema(struct df_parquet_decoder *decoder, const struct df_thrift_field *field)
{
    if (decoder->have_schema)
        return df_parquet_decoder_corrupt(decoder, "it has two schemas");
    decoder->have_schema = true;
    uint32_t count = df_thrift_take_list(&decoder->reader, field, DF_THRIFT_STRUCT, SCHEMA_ELEMENT_BYTES);
    if (df_parquet_decoder_check(decoder) < 0)
        return -1;
    struct df_parquet_footer *footer = decoder->footer;
    footer->columns = df_parquet_memory_array(&footer->memory, count, sizeof *footer->columns);
    footer->leaves = df_parquet_memory_array(&footer->memory, count, sizeof *footer->leaves);
    if (!footer->columns || !footer->leaves)
        return df_parquet_decoder_no_memory(decoder);
    struct df_buf path = {0};
    int result = walk_elements(decoder, count, &path);
    df_buf_dispose(&path);
    return result;
}
