/* Lists of aggregations: of the query, of each step, of the last step. One without a type becomes three. */
#include "base/hash.h"
#include "engine/funnel/language/reader.h"
#include "engine/funnel/language/shown.h"

static const char *const type_names[] = {
    [DF_FUNNEL_AGG_COUNT] = "count",
    [DF_FUNNEL_AGG_COUNT_PER_VALUE] = "countPerValue",
    [DF_FUNNEL_AGG_GROUPS_PER_VALUE] = "groupsPerValue",
    [DF_FUNNEL_AGG_SUM_PER_VALUE] = "sumPerValue",
    [DF_FUNNEL_AGG_MEAN_PER_VALUE] = "meanPerValue",
    [DF_FUNNEL_AGG_COUNT_DISTINCT] = "countDistinct",
    [DF_FUNNEL_AGG_MIN] = "min",
    [DF_FUNNEL_AGG_MAX] = "max",
    [DF_FUNNEL_AGG_SUM] = "sum",
    [DF_FUNNEL_AGG_MEAN] = "mean",
    [DF_FUNNEL_AGG_QUANTILES] = "quantiles",
    [DF_FUNNEL_AGG_TYPES] = NULL,
};

const char *df_funnel_aggregation_name(enum df_funnel_aggregation_type type)
{
    return type_names[type];
}

bool df_funnel_aggregation_is_map(enum df_funnel_aggregation_type type)
{
    return type >= DF_FUNNEL_AGG_COUNT_PER_VALUE && type <= DF_FUNNEL_AGG_MEAN_PER_VALUE;
}

static bool wants_other(enum df_funnel_aggregation_type type)
{
    return type == DF_FUNNEL_AGG_SUM_PER_VALUE || type == DF_FUNNEL_AGG_MEAN_PER_VALUE;
}

static bool wants_number(enum df_funnel_aggregation_type type)
{
    return type == DF_FUNNEL_AGG_SUM || type == DF_FUNNEL_AGG_MEAN || type == DF_FUNNEL_AGG_QUANTILES;
}

/* ---- one aggregation ---- */

static int read_type(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    enum df_funnel_aggregation_type *type = out;
    struct df_funnel_word word = {.words = type_names};
    if (df_funnel_read_word(reader, value, &word) < 0)
        return -1;
    *type = (enum df_funnel_aggregation_type)word.chosen;
    return 0;
}

/* null: as if not given, for that is how answers show it. */
static int read_top(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_aggregation *aggregation = out;
    struct df_funnel_number number = {.least = 1, .most = DF_FUNNEL_TOP_MAX};
    if (value->type == DF_JSON_NULL)
        return 0;
    if (df_funnel_read_number(reader, value, &number) < 0)
        return -1;
    if (!df_funnel_aggregation_is_map(aggregation->type))
        return df_funnel_fail(reader,
                              "'%s' gives one value; top belongs to countPerValue, groupsPerValue, sumPerValue and "
                              "meanPerValue",
                              type_names[aggregation->type]);
    aggregation->top = number.value;
    return 0;
}

static int read_other(struct df_funnel_reader *reader, const struct df_json *object,
                      struct df_funnel_aggregation *aggregation)
{
    struct df_funnel_asked asked = {.needs = DF_FUNNEL_NEED_VALUES | DF_FUNNEL_NEED_NUMERIC | DF_FUNNEL_NEED_FLAT};
    const struct df_json *other = df_json_get(object, "otherColumn");
    aggregation->other = DF_FUNNEL_NONE;
    if (!other && !wants_other(aggregation->type))
        return 0;
    size_t mark = df_funnel_enter(reader, "otherColumn");
    if (!other)
        return df_funnel_fail(reader, "missing; '%s' requires the name of a column of numbers",
                              type_names[aggregation->type]);
    if (!wants_other(aggregation->type))
        return df_funnel_fail(reader, "was unexpected with '%s'; sumPerValue and meanPerValue take it",
                              type_names[aggregation->type]);
    if (df_funnel_read_column(reader, other, &asked) < 0)
        return -1;
    df_funnel_leave(reader, mark);
    aggregation->other = asked.column;
    return 0;
}

static unsigned needs_of(enum df_funnel_aggregation_type type)
{
    return DF_FUNNEL_NEED_VALUES | (type != DF_FUNNEL_AGG_COUNT ? (unsigned)DF_FUNNEL_NEED_FLAT : 0) |
           (wants_number(type) ? (unsigned)DF_FUNNEL_NEED_NUMERIC : 0);
}

static int read_typed(struct df_funnel_reader *reader, const struct df_json *value,
                      struct df_funnel_aggregation *aggregation)
{
    struct df_funnel_asked asked = {.needs = needs_of(aggregation->type)};
    aggregation->top = df_funnel_aggregation_is_map(aggregation->type) ? DF_FUNNEL_TOP_DEFAULT : 0;
    if (df_funnel_required(reader, value, "column", df_funnel_read_column, &asked) < 0 ||
        read_other(reader, value, aggregation) < 0 ||
        df_funnel_optional(reader, value, "top", read_top, aggregation) < 0 ||
        df_funnel_optional(reader, value, "name", df_funnel_read_name, &aggregation->name) < 0)
        return -1;
    aggregation->column = asked.column;
    return 0;
}

static int check_no_type(struct df_funnel_reader *reader, const struct df_json *value)
{
    struct df_slice name = {0};
    if (df_funnel_optional(reader, value, "name", df_funnel_read_name, &name) < 0)
        return -1;
    if (!name.data)
        return 0;
    df_funnel_enter(reader, "name");
    return df_funnel_fail(reader, "without a type there are three aggregations (count, countPerValue, groupsPerValue), "
                                  "and a name cannot be shared");
}

/* count, countPerValue and groupsPerValue of the same column; the last one is read, the others are like it. */
static int read_three(struct df_funnel_reader *reader, const struct df_json *value, struct df_funnel_aggregation *three)
{
    struct df_funnel_aggregation last = {.type = DF_FUNNEL_AGG_GROUPS_PER_VALUE, .place = three->place};
    if (check_no_type(reader, value) < 0)
        return -1;
    if (df_json_get(value, "otherColumn")) {
        last.type = DF_FUNNEL_AGG_COUNT; /* the first of the three refuses it */
        return read_other(reader, value, &last);
    }
    if (read_typed(reader, value, &last) < 0)
        return -1;
    three[0] = three[1] = three[2] = last;
    three[0].type = DF_FUNNEL_AGG_COUNT;
    three[0].top = 0;
    three[1].type = DF_FUNNEL_AGG_COUNT_PER_VALUE;
    return 0;
}

/* ---- names in a list ---- */

struct sought_name {
    const struct df_funnel_aggregation *items;
    const uint32_t *named;
    struct df_slice name;
};

static bool same_name(const void *ctx, uint32_t number)
{
    const struct sought_name *sought = ctx;
    return df_slice_equal(sought->items[sought->named[number]].name, sought->name);
}

struct list {
    struct df_funnel_aggregation *items;
    uint32_t count;
    uint32_t *named; /* items by number in `names` */
    struct df_funnel_index names;
};

static int check_name(struct df_funnel_reader *reader, struct list *list, uint32_t item)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    struct sought_name sought = {.items = list->items, .named = list->named, .name = list->items[item].name};
    if (!sought.name.data)
        return 0;
    uint64_t hash = df_hash_bytes(sought.name);
    uint32_t found = df_funnel_index_find(&list->names, hash, same_name, &sought);
    if (found != DF_FUNNEL_NONE) {
        df_funnel_enter(reader, "name");
        return df_funnel_fail(reader, "'%s' is the name of %s already", df_funnel_shown(sought.name, shown),
                              list->items[list->named[found]].place);
    }
    list->named[list->names.count] = item;
    return df_funnel_index_add(&list->names, reader->arena, hash) ? 0 : df_funnel_fail_memory(reader);
}

/* ---- the list ---- */

static int read_item(struct df_funnel_reader *reader, const struct df_json *value, struct list *list)
{
    static const char *const known[] = {"column", "type", "otherColumn", "name", "top", NULL};
    struct df_funnel_aggregation *item = &list->items[list->count];
    item->place = df_funnel_place(reader);
    if (!item->place)
        return df_funnel_fail_memory(reader);
    if (df_funnel_check_members(reader, value, known) < 0)
        return -1;
    if (!df_json_get(value, "type")) {
        list->count += 3;
        return read_three(reader, value, item);
    }
    list->count++;
    if (df_funnel_required(reader, value, "type", read_type, &item->type) < 0 || read_typed(reader, value, item) < 0)
        return -1;
    return check_name(reader, list, list->count - 1);
}

int df_funnel_read_aggregations(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_aggregations *aggregations = out;
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_fail(reader, "expected an array of aggregations, found %s, which is not of type 'array'",
                              value ? df_json_type_name(value->type) : "nothing");
    struct list list = {
        .items = df_arena_array(reader->arena, 3 * value->child_count, sizeof *list.items),
        .named = df_arena_array(reader->arena, value->child_count, sizeof *list.named),
    };
    if (!list.items || !list.named)
        return df_funnel_fail_memory(reader);
    size_t index = 0;
    for (const struct df_json *item = value->children; item; item = item->next) {
        size_t mark = df_funnel_enter_element(reader, index++);
        if (read_item(reader, item, &list) < 0)
            return -1;
        df_funnel_leave(reader, mark);
    }
    *aggregations = (struct df_funnel_aggregations){.items = list.items, .count = list.count};
    return 0;
}
