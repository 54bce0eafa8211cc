/* Random columns of every type, constants whose exact place among their values is known, and a slow, obvious evaluator:
 * what the tests of the filters compare with. */
#ifndef DF_TESTS_FUNNEL_FILTER_CASES_H
#define DF_TESTS_FUNNEL_FILTER_CASES_H

#include <math.h>
#include <time.h>

#include "engine/funnel/filter/filter.h"
#include "testing/testing.h"

enum { CASE_ROWS = 24, CASE_VALUES = 96, CASE_CONSTANTS = 12, CASE_TEXT = 96 };

/* A value or a constant. Integers of all kinds have twice their place among the column's integers, so that constants
 * can stand between two of them. */
struct case_value {
    bool null;
    __int128 twice;
    double number;
    char bytes[CASE_TEXT];
    size_t size;
};

struct case_constant {
    struct case_value value;
    char text[CASE_TEXT];
    struct df_funnel_constant constant;
};

struct case_column {
    struct df_type type; /* with `list` */
    uint32_t rows, value_count;
    struct case_value values[CASE_VALUES]; /* of rows, or of elements */
    uint32_t offsets[CASE_ROWS + 1];       /* of lists */
    bool row_null[CASE_ROWS];              /* of lists */
    struct df_vector vector;               /* the same for the library */

    struct df_vector elements;
    uint8_t valid[CASE_VALUES], row_valid[CASE_ROWS], bools[CASE_VALUES];
    int64_t int64s[CASE_VALUES];
    double float64s[CASE_VALUES];
    __int128 int128s[CASE_VALUES];
    struct df_slice bytes[CASE_VALUES];
    uint32_t codes[CASE_VALUES];
    struct df_dictionary dictionary;
};

static inline uint32_t case_below(uint64_t *random, uint32_t limit)
{
    return (uint32_t)(test_random(random) % limit);
}

static inline bool case_is_bytes(enum df_type_kind kind)
{
    return kind == DF_TYPE_STRING || kind == DF_TYPE_BINARY || kind == DF_TYPE_UUID;
}

static inline bool case_is_wide(const struct df_type *type)
{
    return type->kind == DF_TYPE_DECIMAL && type->precision > 18;
}

/* ---- types ---- */

static inline struct df_type case_type(uint64_t *random)
{
    static const uint8_t bits[] = {16, 32, 64};
    struct df_type type = {.kind = (enum df_type_kind)case_below(random, DF_TYPE_KINDS)};
    type.unit = (enum df_time_unit)case_below(random, DF_TIME_UNITS);
    type.bits = type.kind == DF_TYPE_FLOAT ? bits[case_below(random, 3)] : 64;
    if (type.kind == DF_TYPE_DECIMAL) {
        type.precision = case_below(random, 2) ? 38 : 18;
        type.scale = (uint8_t)case_below(random, type.precision == 38 ? 30 : 10);
    }
    type.list = case_below(random, 5) == 0;
    return type;
}

/* ---- values ---- */

/* Few distinct ones, so that constants meet them; extremes among them. */
static inline __int128 case_integer(uint64_t *random, const struct df_type *type)
{
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, 9007199254740993};
    int64_t small = (int64_t)case_below(random, 9) - 4;
    switch (type->kind) {
    case DF_TYPE_DATE:
        return 16558 + small; /* 2015-05-03 */
    case DF_TYPE_TIME:
        return ((int64_t)37230 + small / 3) * df_time_unit_per_second(type->unit) + small % 3;
    case DF_TYPE_TIMESTAMP:
        return ((int64_t)(case_below(random, 2) ? 1430648430 : -1) + small / 3) * df_time_unit_per_second(type->unit) +
               small % 3;
    case DF_TYPE_UINT64:
        return case_below(random, 4) == 0 ? (__int128)UINT64_MAX - case_below(random, 2) : small + 4;
    case DF_TYPE_DECIMAL:
        if (type->precision == 38 && case_below(random, 4) == 0)
            return ((__int128)900000000000000000 << 64) + small;
        return small;
    default:
        return case_below(random, 4) == 0 ? extremes[case_below(random, 5)] : small;
    }
}

static inline double case_float(uint64_t *random, unsigned bits)
{
    static const double numbers[] = {0.1, -0.0, 0.0, 1.5, -2.25, 100, 3.0e-6, 65504, 1e30, 0.30000000000000004};
    uint32_t which = case_below(random, 14);
    double number = which < 10 ? numbers[which] : which == 10 ? (double)INFINITY : which == 11 ? -(double)INFINITY : 7;
    if (bits == 32)
        return (double)(float)number;
    if (bits == 64)
        return number;
    return which == 0 || which == 9 ? 0.0999755859375 : which == 6 ? 0x1.9p-19 : which == 8 ? 65504 : number;
}

static inline void case_string(uint64_t *random, const struct df_type *type, struct case_value *value)
{
    value->size = type->kind == DF_TYPE_UUID ? 16 : case_below(random, 5);
    for (size_t i = 0; i < value->size; i++)
        value->bytes[i] = type->kind == DF_TYPE_UUID ? (char)(i % 15 ? 0x5A : 0x7E + case_below(random, 4))
                                                     : "ab|\xC3"[case_below(random, 20) ? case_below(random, 3) : 3];
}

static inline struct case_value case_any(uint64_t *random, const struct df_type *type)
{
    struct case_value value = {0};
    if (type->kind == DF_TYPE_NULL)
        value.null = true;
    else if (type->kind == DF_TYPE_BOOL)
        value.twice = 2 * (int)case_below(random, 2);
    else if (type->kind == DF_TYPE_FLOAT)
        value.number = case_float(random, type->bits);
    else if (case_is_bytes(type->kind))
        case_string(random, type, &value);
    else
        value.twice = 2 * case_integer(random, type);
    return value;
}

/* ---- constants ---- */

/* A whole and a half as text; `digits` zeros and so on belong to the caller. */
static inline void case_print_integer(__int128 value, char *out)
{
    char digits[48];
    size_t count = 0, at = 0;
    bool negative = value < 0;
    unsigned __int128 left = negative ? 0 - (unsigned __int128)value : (unsigned __int128)value;
    do
        digits[count++] = (char)('0' + (int)(left % 10));
    while ((left /= 10) > 0);
    if (negative)
        out[at++] = '-';
    while (count)
        out[at++] = digits[--count];
    out[at] = '\0';
}

/* Twice the number, as a literal with one more digit than `scale`. */
static inline void case_print_number(__int128 twice, unsigned scale, char *out)
{
    char digits[64];
    bool negative = twice < 0;
    case_print_integer((negative ? -twice : twice) * 5, digits); /* tenths of the unit */
    size_t size = strlen(digits), wanted = scale + 2;
    if (size < wanted) {
        memmove(digits + (wanted - size), digits, size + 1);
        memset(digits, '0', wanted - size);
        size = wanted;
    }
    (void)snprintf(out, CASE_TEXT, "%s%.*s.%s", negative ? "-" : "", (int)(size - scale - 1), digits,
                   digits + (size - scale - 1));
}

static inline void case_print_time(__int128 twice, const struct df_type *type, char *out)
{
    char day[32], fraction[32];
    int64_t per_second = type->kind == DF_TYPE_DATE ? 1 : df_time_unit_per_second(type->unit);
    __int128 steps = type->kind == DF_TYPE_DATE ? twice * 43200 : twice,
             per = type->kind == DF_TYPE_DATE ? 1 : 2 * (__int128)per_second;
    time_t seconds = (time_t)(steps / per - (steps % per < 0));
    int64_t rest = (int64_t)(steps - (__int128)seconds * per); /* of `per` */
    struct tm tm;
    gmtime_r(&seconds, &tm);
    (void)strftime(day, sizeof day, type->kind == DF_TYPE_TIME ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(fraction, sizeof fraction, "%011lld", (long long)((__int128)rest * 100000000000 / per));
    (void)snprintf(out, CASE_TEXT, "%s%s%s%s", day, rest ? "." : "", rest ? fraction : "",
                   type->kind == DF_TYPE_TIME ? "" : "Z");
}

static inline void case_print_uuid(const struct case_value *value, bool dashes, char *out)
{
    for (size_t i = 0; i < 16; i++)
        out += sprintf(out, "%s%02X", dashes && (i == 4 || i == 6 || i == 8 || i == 10) ? "-" : "",
                       (uint8_t)value->bytes[i]);
}

static inline void case_constant_make(uint64_t *random, const struct df_type *type, struct case_constant *out)
{
    bool is_time = type->kind == DF_TYPE_DATE || type->kind == DF_TYPE_TIME || type->kind == DF_TYPE_TIMESTAMP;
    *out = (struct case_constant){.value = case_any(random, type)};
    out->constant.type = DF_FUNNEL_NUMBER;
    if (type->kind == DF_TYPE_NULL || type->kind == DF_TYPE_BOOL) {
        out->constant.type = DF_FUNNEL_BOOLEAN;
        out->constant.boolean = out->value.twice != 0;
    } else if (type->kind == DF_TYPE_FLOAT) {
        double number = isinf(out->value.number) ? 1 : out->value.number;
        /* Literals that are rounded to the width on the way. */
        if (case_below(random, 4) == 0 && number == 7)
            number = type->bits == 16 ? 7.001 : type->bits == 32 ? 7.00000001 : 7;
        out->value.number = isinf(out->value.number) ? 1 : out->value.number;
        (void)snprintf(out->text, CASE_TEXT, "%.17g", number);
    } else if (type->kind == DF_TYPE_UUID) {
        out->constant.type = DF_FUNNEL_STRING;
        case_print_uuid(&out->value, case_below(random, 2), out->text);
    } else if (case_is_bytes(type->kind)) {
        out->constant.type = DF_FUNNEL_STRING;
        memcpy(out->text, out->value.bytes, out->value.size);
    } else if (is_time && case_below(random, 2)) {
        out->constant.type = DF_FUNNEL_STRING;
        out->value.twice += case_below(random, 3) == 0;
        case_print_time(out->value.twice, type, out->text);
    } else {
        out->value.twice += (int)case_below(random, 3) - 1;
        case_print_number(out->value.twice, type->kind == DF_TYPE_DECIMAL ? type->scale : 0, out->text);
    }
    out->constant.text = df_slice_make(
        out->text, type->kind != DF_TYPE_UUID && case_is_bytes(type->kind) ? out->value.size : strlen(out->text));
}

/* ---- columns ---- */

static inline void case_fill(struct case_column *column, uint32_t at)
{
    const struct case_value *value = &column->values[at];
    column->bools[at] = value->twice != 0;
    column->int64s[at] = (int64_t)(uint64_t)(value->twice / 2);
    column->int128s[at] = value->twice / 2;
    column->float64s[at] = value->number;
    column->bytes[at] = df_slice_make(value->bytes, value->null ? 0 : value->size);
    column->valid[at] = !value->null;
}

/* The values as a plain vector, or as codes into themselves (entries of a dictionary may be repeated). */
static inline void case_vector(struct case_column *column, bool codes, uint64_t serial, struct df_vector *out)
{
    enum df_type_kind kind = column->type.kind;
    *out = (struct df_vector){.row_count = column->value_count};
    out->kind = kind == DF_TYPE_BOOL          ? DF_VECTOR_BOOL
                : kind == DF_TYPE_FLOAT       ? DF_VECTOR_FLOAT64
                : case_is_bytes(kind)         ? DF_VECTOR_BYTES
                : case_is_wide(&column->type) ? DF_VECTOR_INT128
                                              : DF_VECTOR_INT64;
    bool nulls = false;
    for (uint32_t i = 0; i < column->value_count; i++)
        nulls |= !column->valid[i];
    out->valid = nulls ? column->valid : NULL;
    out->values.int64s = column->int64s;
    if (out->kind == DF_VECTOR_BOOL)
        out->values.bools = column->bools;
    else if (out->kind == DF_VECTOR_INT128)
        out->values.int128s = column->int128s;
    else if (out->kind == DF_VECTOR_FLOAT64)
        out->values.float64s = column->float64s;
    else if (out->kind == DF_VECTOR_BYTES)
        out->values.bytes = column->bytes;
    if (!codes || out->kind == DF_VECTOR_BOOL || out->kind == DF_VECTOR_INT128)
        return;
    column->dictionary = (struct df_dictionary){.serial = serial, .count = column->value_count, .kind = out->kind};
    column->dictionary.values.int64s = out->values.int64s;
    out->kind = DF_VECTOR_CODES;
    out->values.codes = column->codes;
    out->dictionary = &column->dictionary;
}

static inline void case_column_make(uint64_t *random, const struct df_type *type, uint32_t rows,
                                    struct case_column *column)
{
    bool with_nulls = case_below(random, 3) > 0, codes = case_below(random, 2);
    *column = (struct case_column){.type = *type, .rows = rows, .value_count = rows};
    if (type->list) {
        for (uint32_t i = 0; i < rows; i++) {
            column->row_null[i] = with_nulls && case_below(random, 6) == 0;
            column->row_valid[i] = !column->row_null[i];
            column->offsets[i + 1] = column->offsets[i] + (column->row_null[i] ? 0 : case_below(random, 4));
        }
        column->value_count = column->offsets[rows];
    }
    for (uint32_t i = 0; i < column->value_count; i++) {
        column->values[i] = case_any(random, type);
        column->values[i].null |= with_nulls && case_below(random, 4) == 0;
        column->codes[i] = i;
        case_fill(column, i);
        if (type->kind == DF_TYPE_FLOAT && with_nulls && case_below(random, 5) == 0) {
            column->values[i].null = true; /* NaN, which is null */
            column->float64s[i] = (double)NAN;
        }
    }
    case_vector(column, codes, test_random(random), type->list ? &column->elements : &column->vector);
    if (type->list)
        column->vector = (struct df_vector){.kind = DF_VECTOR_LIST,
                                            .row_count = rows,
                                            .valid = with_nulls ? column->row_valid : NULL,
                                            .values.list = {column->offsets, &column->elements}};
}

/* ---- leaves ---- */

struct case_leaf {
    struct df_funnel_leaf leaf;
    struct case_constant constants[CASE_CONSTANTS];
    struct df_funnel_constant values[CASE_CONSTANTS];
    const struct case_column *column;
};

static inline bool case_takes(const struct df_type *type, enum df_funnel_op op, bool delimited)
{
    bool of_lists = op >= DF_FUNNEL_HAS, of_nulls = op == DF_FUNNEL_IS_NULL || op == DF_FUNNEL_IS_NOT_NULL;
    bool of_text = op >= DF_FUNNEL_CONTAINS && op <= DF_FUNNEL_REGEX;
    if (op == DF_FUNNEL_REGEX)
        return false; /* has a test of its own */
    if (type->list || delimited)
        return of_lists || of_nulls;
    if (of_lists || (of_text && type->kind != DF_TYPE_STRING && type->kind != DF_TYPE_BINARY))
        return false;
    return type->kind != DF_TYPE_BOOL || of_nulls || op <= DF_FUNNEL_NE || op == DF_FUNNEL_IN || op == DF_FUNNEL_NOT_IN;
}

static inline void case_leaf_make(uint64_t *random, const struct case_column *column, struct case_leaf *out)
{
    const struct df_type *type = &column->type;
    bool can_split = !type->list && (type->kind == DF_TYPE_STRING || type->kind == DF_TYPE_BINARY);
    *out = (struct case_leaf){.column = column};
    struct df_funnel_leaf *leaf = &out->leaf;
    leaf->column = "c";
    leaf->place = "funnel.sequence[0].filter";
    if (can_split && case_below(random, 3) == 0)
        leaf->delimiter = df_slice_text(case_below(random, 3) ? "|" : "ab");
    do
        leaf->op = (enum df_funnel_op)case_below(random, DF_FUNNEL_OPS);
    while (!case_takes(type, leaf->op, leaf->delimiter.data != NULL));
    enum df_funnel_arity arity = df_funnel_op_arity(leaf->op);
    leaf->value_count = arity == DF_FUNNEL_NO_VALUE    ? 0
                        : arity == DF_FUNNEL_ONE_VALUE ? 1
                                                       : case_below(random, case_below(random, 3) ? 4 : CASE_CONSTANTS);
    leaf->values = out->values;
    for (uint32_t i = 0; i < leaf->value_count; i++) {
        case_constant_make(random, type, &out->constants[i]);
        out->values[i] = out->constants[i].constant;
    }
}

/* ---- the slow, obvious evaluator ---- */

static inline int case_compare(const struct df_type *type, const struct case_value *a, const struct case_value *b)
{
    if (type->kind == DF_TYPE_FLOAT)
        return (a->number > b->number) - (a->number < b->number);
    if (case_is_bytes(type->kind))
        return df_slice_compare(df_slice_make(a->bytes, a->size), df_slice_make(b->bytes, b->size));
    return (a->twice > b->twice) - (a->twice < b->twice);
}

static inline bool case_text(enum df_funnel_op op, const struct case_value *value, const struct case_value *part)
{
    for (size_t at = 0; at + part->size <= value->size; at++) {
        bool here = memcmp(value->bytes + at, part->bytes, part->size) == 0;
        if (here && (op == DF_FUNNEL_CONTAINS || (op == DF_FUNNEL_STARTS_WITH && at == 0) ||
                     (op == DF_FUNNEL_ENDS_WITH && at + part->size == value->size)))
            return true;
    }
    return false;
}

static inline bool case_among(const struct df_type *type, const struct case_value *value, const struct case_value *many,
                              size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!many[i].null && case_compare(type, value, &many[i]) == 0)
            return true;
    return false;
}

/* Of a list or of pieces. */
static inline bool case_many(const struct case_leaf *leaf, const struct case_value *items, size_t count)
{
    const struct df_type *type = &leaf->column->type;
    bool any = false, all = true;
    if (leaf->leaf.op == DF_FUNNEL_EMPTY || leaf->leaf.op == DF_FUNNEL_NOT_EMPTY)
        return (count == 0) == (leaf->leaf.op == DF_FUNNEL_EMPTY);
    for (uint32_t i = 0; i < leaf->leaf.value_count; i++) {
        bool found = case_among(type, &leaf->constants[i].value, items, count);
        any |= found;
        all &= found;
    }
    return leaf->leaf.op == DF_FUNNEL_HAS_ALL ? all : any;
}

static inline bool case_pieces(const struct case_leaf *leaf, const struct case_value *value)
{
    struct case_value pieces[CASE_TEXT] = {{0}};
    size_t count = 0, delimiter = leaf->leaf.delimiter.size;
    if (value->size)
        count = 1;
    for (size_t at = 0; at < value->size;) {
        struct case_value *piece = &pieces[count - 1];
        if (value->size - at >= delimiter && memcmp(value->bytes + at, leaf->leaf.delimiter.data, delimiter) == 0) {
            count++;
            at += delimiter;
        } else {
            piece->bytes[piece->size++] = value->bytes[at++];
        }
    }
    return case_many(leaf, pieces, count);
}

static inline bool case_single(const struct case_leaf *leaf, const struct case_value *value)
{
    const struct df_type *type = &leaf->column->type;
    const struct case_value *than = &leaf->constants[0].value;
    switch (leaf->leaf.op) {
    case DF_FUNNEL_EQ:
        return case_compare(type, value, than) == 0;
    case DF_FUNNEL_NE:
        return case_compare(type, value, than) != 0;
    case DF_FUNNEL_GT:
        return case_compare(type, value, than) > 0;
    case DF_FUNNEL_GE:
        return case_compare(type, value, than) >= 0;
    case DF_FUNNEL_LT:
        return case_compare(type, value, than) < 0;
    case DF_FUNNEL_LE:
        return case_compare(type, value, than) <= 0;
    case DF_FUNNEL_NOT_CONTAINS:
        return !case_text(DF_FUNNEL_CONTAINS, value, than);
    case DF_FUNNEL_IN:
    case DF_FUNNEL_NOT_IN: {
        bool found = false;
        for (uint32_t i = 0; i < leaf->leaf.value_count; i++)
            found |= case_compare(type, value, &leaf->constants[i].value) == 0;
        return found == (leaf->leaf.op == DF_FUNNEL_IN);
    }
    case DF_FUNNEL_IS_NULL:
        return false;
    case DF_FUNNEL_IS_NOT_NULL:
        return true;
    default:
        return case_text(leaf->leaf.op, value, than);
    }
}

static inline bool case_answer(const struct case_leaf *leaf, uint32_t row)
{
    const struct case_column *column = leaf->column;
    enum df_funnel_op op = leaf->leaf.op;
    bool null = column->type.list ? column->row_null[row] : column->values[row].null;
    if (null)
        return op == DF_FUNNEL_NE || op == DF_FUNNEL_NOT_CONTAINS || op == DF_FUNNEL_NOT_IN || op == DF_FUNNEL_IS_NULL;
    if (op < DF_FUNNEL_HAS && column->type.list)
        return op == DF_FUNNEL_IS_NOT_NULL;
    if (op < DF_FUNNEL_HAS)
        return case_single(leaf, &column->values[row]);
    if (!column->type.list)
        return case_pieces(leaf, &column->values[row]);
    return case_many(leaf, column->values + column->offsets[row], column->offsets[row + 1] - column->offsets[row]);
}

/* ---- trees ---- */

enum { CASE_NODES = 64, CASE_LEAVES = 5 };
struct case_trees {
    struct df_funnel_node nodes[CASE_NODES];
    uint32_t used;
};

/* A random tree over leaves [0, leaf_count). */
static inline void case_tree_make(uint64_t *random, struct case_trees *trees, struct df_funnel_node *out,
                                  uint32_t leaf_count, unsigned depth)
{
    uint32_t kind = depth == 0 || trees->used + 4 > CASE_NODES ? 0 : case_below(random, 4);
    *out = (struct df_funnel_node){.kind = (enum df_funnel_node_kind)kind, .leaf = case_below(random, leaf_count)};
    if (kind == DF_FUNNEL_LEAF)
        return;
    out->child_count = kind == DF_FUNNEL_NOT ? 1 : 1 + case_below(random, 3);
    struct df_funnel_node *children = &trees->nodes[trees->used];
    trees->used += out->child_count;
    out->children = children;
    for (uint32_t i = 0; i < out->child_count; i++)
        case_tree_make(random, trees, &children[i], leaf_count, depth - 1);
}

static inline bool case_tree_answer(const struct df_funnel_node *node, const struct case_leaf *leaves, uint32_t row)
{
    bool any = false, all = true;
    if (node->kind == DF_FUNNEL_LEAF)
        return case_answer(&leaves[node->leaf], row);
    for (uint32_t i = 0; i < node->child_count; i++) {
        bool child = case_tree_answer(&node->children[i], leaves, row);
        any |= child;
        all &= child;
    }
    return node->kind == DF_FUNNEL_AND ? all : node->kind == DF_FUNNEL_OR ? any : !any;
}

#endif
