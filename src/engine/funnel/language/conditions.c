/* Conditions: filters with a target (count or sum), or sequences; and their names. */
#include "base/hash.h"
#include "engine/funnel/filter/exact.h"
#include "engine/funnel/language/reader.h"
#include "engine/funnel/language/shown.h"

/* ---- targets ---- */

static int read_comparison(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    enum df_funnel_op *op = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (!value || value->type != DF_JSON_STRING)
        return df_funnel_expected(reader, "an operator: == != > >= < <=", value);
    if (!df_funnel_op_parse(value->text, op) || *op > DF_FUNNEL_LE)
        return df_funnel_fail(reader, "expected an operator: == != > >= < <=, found '%s'",
                              df_funnel_shown(value->text, shown));
    return 0;
}

static int read_count(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    uint64_t *count = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (!value || value->type != DF_JSON_NUMBER)
        return df_funnel_expected(reader, "a number of rows, an integer", value);
    struct df_funnel_exact exact = df_funnel_exact_parse(value->text);
    if (exact.floor < 0)
        return df_funnel_fail(reader, "%s is less than the minimum of 0", df_funnel_shown(value->text, shown));
    if (!df_json_is_integer(value))
        return df_funnel_fail(reader,
                              "expected a number of rows, written as an integer without '.' and exponent, found %s",
                              df_funnel_shown(value->text, shown));
    *count = exact.floor > UINT64_MAX ? UINT64_MAX : (uint64_t)exact.floor;
    return 0;
}

static int read_sum(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_slice *literal = out;
    if (!value || value->type != DF_JSON_NUMBER)
        return df_funnel_expected(reader, "a number", value);
    *literal = value->text;
    return 0;
}

static int read_target_type(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const words[] = {"count", "sum", NULL};
    enum df_funnel_condition_kind *kind = out;
    struct df_funnel_word word = {.words = words};
    if (df_funnel_read_word(reader, value, &word) < 0)
        return -1;
    *kind = word.chosen ? DF_FUNNEL_SUM_TARGET : DF_FUNNEL_COUNT_TARGET;
    return 0;
}

static int read_target_value(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_condition *condition = out;
    return condition->kind == DF_FUNNEL_SUM_TARGET ? read_sum(reader, value, &condition->sum)
                                                   : read_count(reader, value, &condition->count);
}

static const struct df_funnel_asked sum_target = {.needs = DF_FUNNEL_NEED_FACTS | DF_FUNNEL_NEED_NUMERIC |
                                                           DF_FUNNEL_NEED_FLAT};

static int read_long_target(struct df_funnel_reader *reader, const struct df_json *value,
                            struct df_funnel_condition *condition)
{
    static const char *const known[] = {"type", "column", "op", "value", NULL};
    struct df_funnel_asked asked = sum_target;
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_required(reader, value, "type", read_target_type, &condition->kind) < 0)
        return -1;
    if (condition->kind == DF_FUNNEL_COUNT_TARGET && df_json_get(value, "column"))
        return df_funnel_fail(reader, "'column' was unexpected beside type 'count', which counts rows");
    if (condition->kind == DF_FUNNEL_SUM_TARGET &&
        df_funnel_required(reader, value, "column", df_funnel_read_column, &asked) < 0)
        return -1;
    condition->column = asked.column;
    return df_funnel_required(reader, value, "op", read_comparison, &condition->op) < 0 ||
                   df_funnel_required(reader, value, "value", read_target_value, condition) < 0
               ? -1
               : 0;
}

/* ["count", op, n] or ["sum", column, op, number]: reads the next piece and goes on to the one behind. */
static int take_piece(struct df_funnel_reader *reader, const struct df_json **piece, size_t index,
                      df_funnel_read_fn *read, void *out)
{
    size_t mark = df_funnel_enter_element(reader, index);
    if (read(reader, *piece, out) < 0)
        return -1;
    df_funnel_leave(reader, mark);
    *piece = (*piece)->next;
    return 0;
}

static int read_short_target(struct df_funnel_reader *reader, const struct df_json *value,
                             struct df_funnel_condition *condition)
{
    static const char *const forms = "[\"count\", op, n] or [\"sum\", column, op, number]";
    const struct df_json *piece = value->children;
    struct df_funnel_asked asked = sum_target;
    size_t at = 0;
    if (!piece)
        return df_funnel_fail(reader, "expected %s, found an array of 0", forms);
    if (take_piece(reader, &piece, at++, read_target_type, &condition->kind) < 0)
        return -1;
    bool sum = condition->kind == DF_FUNNEL_SUM_TARGET;
    if (value->child_count != (sum ? 4 : 3))
        return df_funnel_fail(reader, "expected %s, found an array of %zu", forms, value->child_count);
    if (sum && take_piece(reader, &piece, at++, df_funnel_read_column, &asked) < 0)
        return -1;
    condition->column = asked.column;
    return take_piece(reader, &piece, at, read_comparison, &condition->op) < 0 ||
                   take_piece(reader, &piece, at + 1, read_target_value, condition) < 0
               ? -1
               : 0;
}

static int read_target(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    if (value->type == DF_JSON_ARRAY)
        return read_short_target(reader, value, out);
    if (value->type == DF_JSON_OBJECT)
        return read_long_target(reader, value, out);
    return df_funnel_expected(reader, "an object or an array such as [\"count\", \">=\", 1]", value);
}

/* ---- includeZero: may users without a matching row be in? ---- */

/* A user without a matching row is one of the users that the target describes. */
static bool zero_fits(const struct df_funnel_condition *condition)
{
    switch (condition->op) {
    case DF_FUNNEL_EQ:
        return condition->count == 0;
    case DF_FUNNEL_NE:
        return condition->count > 0;
    case DF_FUNNEL_GE:
        return condition->count == 0;
    case DF_FUNNEL_LE:
        return true;
    default: /* < */
        return condition->count > 0;
    }
}

static int check_include_zero(struct df_funnel_reader *reader, const struct df_funnel_condition *condition)
{
    const char *op = df_funnel_op_text(condition->op);
    unsigned long long count = condition->count;
    if (condition->kind == DF_FUNNEL_SUM_TARGET)
        return df_funnel_fail(reader, "true is not applicable to a sum target; it belongs to count");
    if (condition->op == DF_FUNNEL_GT)
        return df_funnel_fail(
            reader, "true cannot stand with the operator '>': no user without rows has more than %llu", count);
    if (condition->op == DF_FUNNEL_LT && condition->count == 0)
        return df_funnel_fail(reader, "true cannot stand with 'count < 0', which implies a negative count");
    if (!zero_fits(condition))
        return df_funnel_fail(reader, "true cannot stand with 'count %s %llu', which precludes zero", op, count);
    return 0;
}

static int read_include_zero(struct df_funnel_reader *reader, const struct df_json *object,
                             struct df_funnel_condition *condition)
{
    bool include_zero = false, given = df_json_get(object, "includeZero") != NULL;
    bool is_zero = condition->kind == DF_FUNNEL_COUNT_TARGET && condition->op == DF_FUNNEL_EQ && condition->count == 0;
    size_t mark = df_funnel_enter(reader, "includeZero");
    if (given && df_funnel_read_bool(reader, df_json_get(object, "includeZero"), &include_zero) < 0)
        return -1;
    if (given && !include_zero && is_zero)
        return df_funnel_fail(reader, "cannot be false with 'count == 0'");
    if (include_zero && check_include_zero(reader, condition) < 0)
        return -1;
    condition->include_zero = include_zero || is_zero;
    df_funnel_leave(reader, mark);
    return 0;
}

/* ---- one condition ---- */

static int check_shape(struct df_funnel_reader *reader, const struct df_json *condition)
{
    static const char *const forms[] = {"filter", "filters", "sequence"};
    static const char *const of_filters[] = {"target", "includeZero", NULL}, *const of_sequence[] = {"maxDuration",
                                                                                                     "order", NULL};
    const char *form = NULL;
    for (unsigned i = 0; i < 3; i++) {
        if (!df_json_get(condition, forms[i]))
            continue;
        if (form)
            return df_funnel_fail(reader,
                                  "not valid under any of the given schemas: expected one of filter, filters and "
                                  "sequence, found %s and %s",
                                  form, forms[i]);
        form = forms[i];
    }
    if (!form)
        return df_funnel_fail(reader, "not valid under any of the given schemas: expected one of filter, filters and "
                                      "sequence, found none");
    const char *const *foreign = strcmp(form, "sequence") == 0 ? of_filters : of_sequence;
    for (; *foreign; foreign++)
        if (df_json_get(condition, *foreign))
            return df_funnel_fail(reader, "'%s' was unexpected beside '%s'", *foreign, form);
    return 0;
}

static int read_filter_condition(struct df_funnel_reader *reader, const struct df_json *value,
                                 struct df_funnel_condition *condition)
{
    condition->kind = DF_FUNNEL_COUNT_TARGET;
    condition->op = DF_FUNNEL_GE;
    condition->count = 1;
    if (df_funnel_optional(reader, value, "filter", df_funnel_read_filter, &condition->filter) < 0 ||
        df_funnel_optional(reader, value, "filters", df_funnel_read_filters, &condition->filter) < 0 ||
        df_funnel_optional(reader, value, "target", read_target, condition) < 0)
        return -1;
    return read_include_zero(reader, value, condition);
}

static int check_reserved(struct df_funnel_reader *reader, struct df_slice name)
{
    bool is_and = name.size == 3 && strncasecmp((const char *)name.data, "and", 3) == 0;
    bool is_or = name.size == 2 && strncasecmp((const char *)name.data, "or", 2) == 0;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (!is_and && !is_or)
        return 0;
    df_funnel_enter(reader, "name");
    return df_funnel_fail(reader, "a condition cannot be named '%s', which is a word of relations",
                          df_funnel_shown(name, shown));
}

static int read_condition(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"filter",      "filters",     "sequence", "name", "target",
                                        "includeZero", "maxDuration", "order",    NULL};
    struct df_funnel_condition *condition = out;
    if (df_funnel_check_members(reader, value, known) < 0 || check_shape(reader, value) < 0 ||
        df_funnel_optional(reader, value, "name", df_funnel_read_name, &condition->name) < 0 ||
        check_reserved(reader, condition->name) < 0)
        return -1;
    if (!df_json_get(value, "sequence"))
        return read_filter_condition(reader, value, condition);
    condition->kind = DF_FUNNEL_SEQUENCE_CONDITION;
    return df_funnel_read_sequence(reader, value, &condition->sequence);
}

/* ---- all of them ---- */

struct sought_name {
    const struct df_funnel_condition *conditions;
    const uint32_t *named; /* by number in the index */
    struct df_slice name;
};

static bool same_name(const void *ctx, uint32_t number)
{
    const struct sought_name *sought = ctx;
    struct df_slice other = sought->conditions[sought->named[number]].name;
    return other.size == sought->name.size &&
           strncasecmp((const char *)other.data, (const char *)sought->name.data, other.size) == 0;
}

static uint64_t hash_name(struct df_slice name)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < name.size; i++)
        hash = df_hash_u64(hash ^ (name.data[i] | 0x20u)); /* names are letters, digits and '_' */
    return hash;
}

static int name_twice(struct df_funnel_reader *reader, struct df_slice name, uint32_t index, struct df_slice other,
                      uint32_t other_index)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], shown_other[DF_FUNNEL_SHOWN_BYTES];
    df_funnel_enter_element(reader, index);
    df_funnel_enter(reader, "name");
    if (df_slice_equal(name, other))
        return df_funnel_fail(reader, "'%s' is the name of condition %u already", df_funnel_shown(name, shown),
                              other_index);
    return df_funnel_fail(reader, "'%s' and '%s' of condition %u differ in case only, which relations do not see",
                          df_funnel_shown(name, shown), df_funnel_shown(other, shown_other), other_index);
}

/* A relation sees names in lower case, so two that differ in case only would be one. */
static int check_names(struct df_funnel_reader *reader)
{
    const struct df_funnel_request *request = reader->request;
    struct df_funnel_index index = {0};
    uint32_t *named = df_arena_array(reader->arena, request->condition_count, sizeof *named);
    if (!named)
        return df_funnel_fail_memory(reader);
    for (uint32_t i = 0; i < request->condition_count; i++) {
        struct sought_name sought = {
            .conditions = request->conditions, .named = named, .name = request->conditions[i].name};
        if (!sought.name.data)
            continue;
        uint64_t hash = hash_name(sought.name);
        uint32_t found = df_funnel_index_find(&index, hash, same_name, &sought);
        if (found != DF_FUNNEL_NONE)
            return name_twice(reader, sought.name, i, request->conditions[named[found]].name, named[found]);
        named[index.count] = i;
        if (!df_funnel_index_add(&index, reader->arena, hash))
            return df_funnel_fail_memory(reader);
    }
    return 0;
}

int df_funnel_read_conditions(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_request *request = out;
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of conditions", value);
    struct df_funnel_condition *conditions = df_arena_array(reader->arena, value->child_count, sizeof *conditions);
    if (!conditions)
        return df_funnel_fail_memory(reader);
    request->conditions = conditions;
    request->condition_count = (uint32_t)value->child_count;
    if (df_funnel_each(reader, value, read_condition, conditions, sizeof *conditions) < 0)
        return -1;
    return check_names(reader);
}
