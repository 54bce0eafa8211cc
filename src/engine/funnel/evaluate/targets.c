/* Targets of conditions: how many rows of a user match a filter, and the sum of a column over them. Sums are exact: 128
 * bits for integers and unscaled decimals, base/sum.h for floats. */
#include <assert.h>
#include <float.h>
#include <math.h>

#include "engine/funnel/evaluate/judge.h"
#include "engine/funnel/filter/exact.h"

/* ---- collecting ---- */

bool df_funnel_target_is_any(const struct df_funnel_condition *condition)
{
    switch (condition->op) {
    case DF_FUNNEL_GE:
    case DF_FUNNEL_LT:
        return condition->count <= 1;
    default: /* == != > <= */
        return condition->count == 0;
    }
}

static bool mark_rows(struct df_funnel_account *account, struct df_funnel_marks *marks, size_t users,
                      const uint32_t *codes, const uint32_t *rows, uint32_t count)
{
    if (!df_funnel_marks_room(account, marks, users))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (codes[rows[i]] != DF_FUNNEL_NO_GROUP)
            df_funnel_mark(marks, codes[rows[i]]);
    return true;
}

bool df_funnel_count_rows(struct df_funnel_account *account, struct df_funnel_filter_facts *facts, size_t users,
                          const uint32_t *codes, const uint32_t *rows, uint32_t count)
{
    if (facts->counting == DF_FUNNEL_NO_COUNT)
        return true;
    if (facts->counting == DF_FUNNEL_ANY_COUNT)
        return mark_rows(account, &facts->seen, users, codes, rows, count);
    void *counts = facts->counts;
    bool fits = df_funnel_facts_room(account, &counts, &facts->count_capacity, users, sizeof *facts->counts);
    facts->counts = counts;
    for (uint32_t i = 0; fits && i < count; i++)
        if (codes[rows[i]] != DF_FUNNEL_NO_GROUP)
            facts->counts[codes[rows[i]]]++;
    return fits;
}

static int too_many_digits(const struct df_funnel_sums *sums, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_UNSUPPORTED,
                        "the sum of column '%s' over the rows of one user has more than 38 digits, the most that a "
                        "target can be compared with",
                        sums->name);
}

static int add_integer(const struct df_funnel_sums *sums, uint32_t code, __int128 value, struct df_error *error)
{
    if (__builtin_add_overflow(sums->integers[code], value, &sums->integers[code]))
        return too_many_digits(sums, error);
    return 0;
}

static int add_integers(const struct df_funnel_sums *sums, const struct df_vector *values, const uint32_t *codes,
                        const uint32_t *rows, uint32_t count, struct df_error *error)
{
    const int64_t *numbers =
        values->kind == DF_VECTOR_CODES ? values->dictionary->values.int64s : values->values.int64s;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i], code = codes[row];
        if (code == DF_FUNNEL_NO_GROUP || df_vector_is_null(values, row))
            continue;
        __int128 value;
        if (values->kind == DF_VECTOR_INT128)
            value = values->values.int128s[row];
        else
            value = numbers[values->kind == DF_VECTOR_CODES ? values->values.codes[row] : row];
        if (sums->type.kind == DF_TYPE_UINT64)
            value = (uint64_t)value;
        if (add_integer(sums, code, value, error) < 0)
            return -1;
    }
    return 0;
}

static int add_floats(const struct df_funnel_sums *sums, const struct df_vector *values, const uint32_t *codes,
                      const uint32_t *rows, uint32_t count, struct df_error *error)
{
    bool coded = values->kind == DF_VECTOR_CODES, failed = false;
    const double *numbers = coded ? values->dictionary->values.float64s : values->values.float64s;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows[i], code = codes[row];
        if (code == DF_FUNNEL_NO_GROUP || df_vector_is_null(values, row))
            continue;
        double value = numbers[coded ? values->values.codes[row] : row];
        if (isnan(value))
            continue;
        df_sum_add(&sums->floats[code], value);
        failed |= sums->floats[code].failed;
    }
    return failed ? df_error_no_memory(error, "adding up a column exactly") : 0;
}

enum sum_class { SUM_NOTHING, SUM_INTEGERS, SUM_FLOATS, SUM_IMPOSSIBLE };

static enum sum_class class_of(const struct df_funnel_sums *sums, const struct df_vector *values)
{
    if (sums->type.kind == DF_TYPE_NULL)
        return SUM_NOTHING;
    enum df_vector_kind kind = values->kind == DF_VECTOR_CODES ? values->dictionary->kind : values->kind;
    if (sums->type.kind == DF_TYPE_FLOAT)
        return kind == DF_VECTOR_FLOAT64 ? SUM_FLOATS : SUM_IMPOSSIBLE;
    return kind == DF_VECTOR_INT64 || kind == DF_VECTOR_INT128 ? SUM_INTEGERS : SUM_IMPOSSIBLE;
}

int df_funnel_sum_rows(struct df_funnel_account *account, struct df_funnel_sums *sums, size_t users,
                       const struct df_vector *values, const uint32_t *codes, const uint32_t *rows, uint32_t count,
                       struct df_error *error)
{
    if (!mark_rows(account, &sums->matched, users, codes, rows, count))
        return DF_FUNNEL_OVER;
    void *array;
    bool fits;
    switch (class_of(sums, values)) {
    case SUM_INTEGERS:
        array = sums->integers;
        fits = df_funnel_facts_room(account, &array, &sums->integer_capacity, users, sizeof *sums->integers);
        sums->integers = array;
        return fits ? add_integers(sums, values, codes, rows, count, error) : DF_FUNNEL_OVER;
    case SUM_FLOATS:
        array = sums->floats;
        fits = df_funnel_facts_room(account, &array, &sums->float_capacity, users, sizeof *sums->floats);
        sums->floats = array;
        return fits ? add_floats(sums, values, codes, rows, count, error) : DF_FUNNEL_OVER;
    case SUM_IMPOSSIBLE:
        return df_error_set(error, DF_ERROR_INTERNAL, "column '%s' is the target of a sum and has no numbers",
                            sums->name);
    case SUM_NOTHING:
        break;
    }
    return DF_FUNNEL_DONE;
}

struct df_funnel_sums *df_funnel_find_sums(const struct df_funnel_collected *collected, uint32_t filter,
                                           uint32_t column)
{
    uint32_t at = collected->filters[filter].first_sum;
    while (at != DF_FUNNEL_NONE && collected->sums[at].column != column)
        at = collected->sums[at].next;
    return at == DF_FUNNEL_NONE ? NULL : &collected->sums[at];
}

void df_funnel_sums_clear(struct df_funnel_sums *sums, size_t users)
{
    size_t floats = users < sums->float_capacity ? users : sums->float_capacity;
    size_t integers = users < sums->integer_capacity ? users : sums->integer_capacity;
    for (size_t i = 0; i < floats; i++)
        df_sum_dispose(&sums->floats[i]);
    if (floats)
        memset(sums->floats, 0, floats * sizeof *sums->floats);
    if (integers)
        memset(sums->integers, 0, integers * sizeof *sums->integers);
    df_funnel_marks_clear(&sums->matched);
}

void df_funnel_sums_free(struct df_funnel_account *account, struct df_funnel_sums *sums)
{
    for (size_t i = 0; i < sums->float_capacity; i++)
        df_sum_dispose(&sums->floats[i]);
    df_funnel_account_free(account, sums->floats, sums->float_capacity * sizeof *sums->floats);
    df_funnel_account_free(account, sums->integers, sums->integer_capacity * sizeof *sums->integers);
    df_funnel_marks_free(account, &sums->matched);
    sums->floats = NULL;
    sums->integers = NULL;
    sums->float_capacity = sums->integer_capacity = 0;
}

/* ---- judging ---- */

/* From the order of a number and what it is compared with: below 0, 0, above 0. */
static bool holds(enum df_funnel_op op, int order)
{
    switch (op) {
    case DF_FUNNEL_EQ:
        return order == 0;
    case DF_FUNNEL_NE:
        return order != 0;
    case DF_FUNNEL_GT:
        return order > 0;
    case DF_FUNNEL_GE:
        return order >= 0;
    case DF_FUNNEL_LT:
        return order < 0;
    default:
        return order <= 0;
    }
}

static uint64_t rows_of(const struct df_funnel_filter_facts *facts, uint32_t user)
{
    if (facts->counting == DF_FUNNEL_ANY_COUNT) /* any number above 0 will do */
        return df_funnel_marked(&facts->seen, user);
    return user < facts->count_capacity ? facts->counts[user] : 0;
}

void df_funnel_judge_count(const struct df_funnel_collector *collector, const struct df_funnel_condition *condition,
                           uint64_t *bits)
{
    const struct df_funnel_filter_facts *facts = &collector->collected->filters[condition->filter];
    for (uint32_t user = 0; user < collector->groups.group_count; user++) {
        uint64_t rows = rows_of(facts, user);
        bool in = rows ? holds(condition->op, (rows > condition->count) - (rows < condition->count))
                       : condition->include_zero;
        bits[user >> 6] |= (uint64_t)in << (user & 63);
    }
}

/* The literal of a sum target among the integers (of decimals: the unscaled ones). */
static int judge_integers(const struct df_funnel_collector *collector, const struct df_funnel_condition *condition,
                          const struct df_funnel_sums *sums, uint64_t *bits, struct df_error *error)
{
    bool decimal = sums->type.kind == DF_TYPE_DECIMAL;
    struct df_funnel_exact number = decimal ? df_funnel_exact_parse_scaled(condition->sum, sums->type.scale)
                                            : df_funnel_exact_parse(condition->sum);
    __int128 limit = 1; /* beyond it the literal's place is not known; sums of integers never come there */
    for (int i = 0; i < 38; i++)
        limit *= 10;
    for (uint32_t user = 0; user < collector->groups.group_count; user++) {
        if (!df_funnel_marked(&sums->matched, user))
            continue;
        __int128 sum = user < sums->integer_capacity ? sums->integers[user] : 0;
        if (sum >= limit || sum <= -limit)
            return too_many_digits(sums, error);
        int order = sum > number.floor ? 1 : -1;
        if (sum == number.floor && number.floor == number.ceiling)
            order = 0;
        bits[user >> 6] |= (uint64_t)holds(condition->op, order) << (user & 63);
    }
    return 0;
}

struct float_literal {
    double number;
    int beyond; /* 1, -1: above, below every finite double, and no number */
};

/* D21 of the original: against narrow columns a literal with a fraction or exponent has their width, an integer literal
 * that of a double. */
static int read_literal(const struct df_funnel_condition *condition, bool narrow, struct float_literal *literal,
                        struct df_error *error)
{
    char *text = df_slice_strdup(condition->sum);
    if (!text)
        return df_error_no_memory(error, "reading a number");
    bool integer = strpbrk(text, ".eE") == NULL;
    *literal = (struct float_literal){.number = strtod(text, NULL)};
    free(text);
    if (isinf(literal->number))
        literal->beyond = literal->number > 0 ? 1 : -1;
    else if (narrow && !integer)
        literal->number = (double)(float)literal->number;
    return 0;
}

static bool float_holds(enum df_funnel_op op, double sum, const struct float_literal *literal)
{
    if (isnan(sum)) /* both infinities */
        return op == DF_FUNNEL_NE;
    if (literal->beyond > 0)
        return holds(op, sum > DBL_MAX ? 1 : -1);
    if (literal->beyond < 0)
        return holds(op, sum < -DBL_MAX ? -1 : 1);
    return holds(op, (sum > literal->number) - (sum < literal->number));
}

static int judge_floats(const struct df_funnel_collector *collector, const struct df_funnel_condition *condition,
                        const struct df_funnel_sums *sums, uint64_t *bits, struct df_error *error)
{
    bool narrow = sums->type.bits < 64;
    struct float_literal literal = {0};
    if (read_literal(condition, narrow, &literal, error) < 0)
        return -1;
    for (uint32_t user = 0; user < collector->groups.group_count; user++) {
        if (!df_funnel_marked(&sums->matched, user))
            continue;
        double sum = user < sums->float_capacity ? df_sum_value(&sums->floats[user]) : 0;
        if (narrow)
            sum = (double)(float)sum;
        bits[user >> 6] |= (uint64_t)float_holds(condition->op, sum, &literal) << (user & 63);
    }
    return 0;
}

int df_funnel_judge_sum(const struct df_funnel_collector *collector, const struct df_funnel_condition *condition,
                        uint64_t *bits, struct df_error *error)
{
    const struct df_funnel_sums *sums = df_funnel_find_sums(collector->collected, condition->filter, condition->column);
    assert(sums); /* collector.c made one per target */
    if (sums->type.kind == DF_TYPE_FLOAT)
        return judge_floats(collector, condition, sums, bits, error);
    return judge_integers(collector, condition, sums, bits, error);
}
