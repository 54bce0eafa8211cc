/* Compiling a leaf: which test an operator and its constants become for the type of a column. */
#include "engine/funnel/filter/constants.h"
#include "engine/funnel/filter/leaf.h"
#include "engine/funnel/filter/operators.h"

#include <assert.h>

struct compiler {
    struct df_funnel_code *code;
    const struct df_funnel_leaf *leaf;
    const struct df_type *type; /* of the column */
    struct df_arena *arena;
    struct df_error *error;
};

static struct df_funnel_asked ask(const struct compiler *compiler, uint32_t value)
{
    return (struct df_funnel_asked){.leaf = compiler->leaf, .type = compiler->type, .value = value};
}

/* ---- one constant ---- */

static void set_constant(struct df_funnel_code *code, bool answer)
{
    code->test = DF_FUNNEL_TEST_CONSTANT;
    code->constant = answer;
}

/* The integers that a column of the type can hold. */
static void domain_of(const struct df_type *type, __int128 *minimum, __int128 *maximum)
{
    const __int128 wide_maximum = (__int128)(~(unsigned __int128)0 >> 1);
    bool is_unsigned = type->kind == DF_TYPE_UINT64, is_wide = df_funnel_type_is_wide(type);
    *minimum = is_unsigned ? 0 : is_wide ? -wide_maximum - 1 : INT64_MIN;
    *maximum = is_unsigned ? (__int128)UINT64_MAX : is_wide ? wide_maximum : INT64_MAX;
}

/* Integers that satisfy a comparison are one interval; == of a number between two of them is the empty one. */
static void interval_of(enum df_funnel_op op, struct df_funnel_exact exact, __int128 *low, __int128 *high)
{
    switch (op) {
    case DF_FUNNEL_GT:
        *low = exact.floor + 1;
        return;
    case DF_FUNNEL_GE:
        *low = exact.ceiling;
        return;
    case DF_FUNNEL_LT:
        *high = exact.ceiling - 1;
        return;
    case DF_FUNNEL_LE:
        *high = exact.floor;
        return;
    default:
        *low = exact.ceiling;
        *high = exact.floor;
        return;
    }
}

static int compile_range(const struct compiler *compiler)
{
    struct df_funnel_code *code = compiler->code;
    struct df_funnel_asked asked = ask(compiler, 0);
    struct df_funnel_exact exact;
    __int128 minimum, maximum;
    if (df_funnel_constant_exact(&asked, &exact, compiler->error) < 0)
        return -1;
    domain_of(compiler->type, &minimum, &maximum);
    __int128 low = minimum, high = maximum;
    interval_of(compiler->leaf->op, exact, &low, &high);
    low = low > minimum ? low : minimum;
    high = high < maximum ? high : maximum;
    if (low > high || (low == minimum && high == maximum)) {
        set_constant(code, low <= high);
        return 0;
    }
    code->test = DF_FUNNEL_TEST_RANGE;
    code->low = low;
    code->high = high;
    code->low64 = (uint64_t)low;
    code->span64 = (uint64_t)high - (uint64_t)low;
    return 0;
}

static int compile_float(const struct compiler *compiler)
{
    struct df_funnel_code *code = compiler->code;
    struct df_funnel_asked asked = ask(compiler, 0);
    struct df_funnel_float constant;
    if (df_funnel_constant_float(&asked, &constant, compiler->error) < 0)
        return -1;
    code->test = DF_FUNNEL_TEST_FLOAT;
    code->number = constant.number;
    enum df_funnel_op op = compiler->leaf->op;
    switch (op) {
    case DF_FUNNEL_GT:
    case DF_FUNNEL_GE: /* beyond the finite numbers: only +infinity is above, all but -infinity are */
        code->op = constant.beyond == 0 ? op : constant.beyond > 0 ? DF_FUNNEL_GE : DF_FUNNEL_GT;
        return 0;
    case DF_FUNNEL_LT:
    case DF_FUNNEL_LE:
        code->op = constant.beyond == 0 ? op : constant.beyond > 0 ? DF_FUNNEL_LT : DF_FUNNEL_LE;
        return 0;
    default:
        code->op = DF_FUNNEL_EQ;
        if (constant.beyond)
            set_constant(code, false);
        return 0;
    }
}

static enum df_funnel_op positive_op(enum df_funnel_op op)
{
    switch (op) {
    case DF_FUNNEL_NE:
    case DF_FUNNEL_HAS:
        return DF_FUNNEL_EQ;
    case DF_FUNNEL_NOT_CONTAINS:
        return DF_FUNNEL_CONTAINS;
    default:
        return op;
    }
}

static int compile_regex(const struct compiler *compiler)
{
    struct df_buf place = {0};
    df_funnel_put_place(&place, compiler->leaf, DF_FUNNEL_MEMBER_VALUE, 0);
    int status = df_funnel_regex_compile(&compiler->code->regex, compiler->leaf->values[0].text, df_buf_text(&place),
                                         compiler->error);
    df_buf_dispose(&place);
    compiler->code->test = DF_FUNNEL_TEST_REGEX;
    return status;
}

static int compile_one(const struct compiler *compiler)
{
    struct df_funnel_code *code = compiler->code;
    struct df_funnel_asked asked = ask(compiler, 0);
    enum df_type_kind kind = compiler->type->kind;
    if (kind == DF_TYPE_BOOL) {
        code->test = DF_FUNNEL_TEST_BOOL;
        code->by_bool[compiler->leaf->values[0].boolean] = 1;
        return 0;
    }
    if (kind == DF_TYPE_FLOAT)
        return compile_float(compiler);
    if (!df_funnel_type_is_bytes(compiler->type))
        return compile_range(compiler);
    if (compiler->leaf->op == DF_FUNNEL_REGEX)
        return compile_regex(compiler);
    code->test = DF_FUNNEL_TEST_TEXT;
    code->op = positive_op(compiler->leaf->op);
    return df_funnel_constant_bytes(&asked, compiler->arena, &code->text, compiler->error);
}

/* ---- many constants ---- */

/* Adds one constant to the lookup; one that no value of the column can equal is left out. */
static int add_to_lookup(const struct compiler *compiler, uint32_t value)
{
    struct df_funnel_lookup *lookup = &compiler->code->lookup;
    struct df_funnel_asked asked = ask(compiler, value);
    struct df_funnel_exact exact;
    struct df_funnel_float number;
    __int128 minimum, maximum;
    switch (lookup->kind) {
    case DF_VECTOR_BYTES:
        return df_funnel_constant_bytes(&asked, compiler->arena, &lookup->values.bytes[lookup->count++],
                                        compiler->error);
    case DF_VECTOR_FLOAT64:
        if (df_funnel_constant_float(&asked, &number, compiler->error) < 0)
            return -1;
        if (!number.beyond)
            lookup->values.float64s[lookup->count++] = number.number;
        return 0;
    default:
        break;
    }
    if (compiler->type->kind == DF_TYPE_BOOL) {
        lookup->values.int64s[lookup->count++] = compiler->leaf->values[value].boolean;
        return 0;
    }
    if (df_funnel_constant_exact(&asked, &exact, compiler->error) < 0)
        return -1;
    domain_of(compiler->type, &minimum, &maximum);
    if (exact.floor != exact.ceiling || exact.floor < minimum || exact.floor > maximum)
        return 0;
    if (lookup->kind == DF_VECTOR_INT128)
        lookup->values.int128s[lookup->count++] = exact.floor;
    else
        lookup->values.int64s[lookup->count++] = (int64_t)(uint64_t)exact.floor;
    return 0;
}

/* *all: every constant is one that a value may equal. */
static int compile_lookup(const struct compiler *compiler, bool *all)
{
    struct df_funnel_lookup *lookup = &compiler->code->lookup;
    uint32_t count = compiler->leaf->value_count;
    lookup->kind = df_funnel_type_is_bytes(compiler->type)  ? DF_VECTOR_BYTES
                   : compiler->type->kind == DF_TYPE_FLOAT  ? DF_VECTOR_FLOAT64
                   : df_funnel_type_is_wide(compiler->type) ? DF_VECTOR_INT128
                                                            : DF_VECTOR_INT64;
    compiler->code->test = DF_FUNNEL_TEST_LOOKUP;
    /* 16 bytes are the widest element: a slice, or an integer of 128 bits. */
    lookup->values.bytes = df_arena_array(compiler->arena, count, sizeof(struct df_slice));
    if (!lookup->values.bytes)
        return df_error_no_memory(compiler->error, "compiling a filter");
    for (uint32_t i = 0; i < count; i++) {
        if (add_to_lookup(compiler, i) < 0)
            return -1;
    }
    *all = lookup->count == count;
    if (!df_funnel_lookup_settle(lookup, compiler->arena))
        return df_error_no_memory(compiler->error, "compiling a filter");
    return 0;
}

static int compile_any_of(const struct compiler *compiler)
{
    struct df_funnel_code *code = compiler->code;
    bool all;
    if (compiler->type->kind == DF_TYPE_BOOL) {
        for (uint32_t i = 0; i < compiler->leaf->value_count; i++)
            code->by_bool[compiler->leaf->values[i].boolean] = 1;
        code->test = DF_FUNNEL_TEST_BOOL;
        if (compiler->leaf->value_count == 0)
            set_constant(code, false);
        return 0;
    }
    if (compile_lookup(compiler, &all) < 0)
        return -1;
    if (code->lookup.count == 0)
        set_constant(code, false);
    return 0;
}

static int compile_all_of(const struct compiler *compiler)
{
    bool all;
    if (compile_lookup(compiler, &all) < 0)
        return -1;
    compiler->code->quantifier = DF_FUNNEL_ALL_OF;
    if (!all) { /* a constant that no value can equal is in no list */
        compiler->code->quantifier = DF_FUNNEL_ANY_OF;
        set_constant(compiler->code, false);
    }
    return 0;
}

/* ---- the leaf ---- */

static int check_constants(const struct compiler *compiler)
{
    for (uint32_t i = 0; i < compiler->leaf->value_count; i++) {
        struct df_funnel_asked asked = ask(compiler, i);
        if (df_funnel_constant_check(&asked, compiler->error) < 0)
            return -1;
    }
    return 0;
}

static int compile_test(const struct compiler *compiler)
{
    struct df_funnel_code *code = compiler->code;
    switch (compiler->leaf->op) {
    case DF_FUNNEL_IS_NULL:
    case DF_FUNNEL_IS_NOT_NULL:
        set_constant(code, compiler->leaf->op == DF_FUNNEL_IS_NOT_NULL);
        return 0;
    case DF_FUNNEL_EMPTY:
    case DF_FUNNEL_NOT_EMPTY:
        code->quantifier = DF_FUNNEL_NOTHING;
        return 0;
    case DF_FUNNEL_IN:
    case DF_FUNNEL_NOT_IN:
    case DF_FUNNEL_HAS_ANY:
        return compile_any_of(compiler);
    case DF_FUNNEL_HAS_ALL:
        return compile_all_of(compiler);
    default:
        return compile_one(compiler);
    }
}

/* A column of nulls takes whatever is said of it: there is no value that could be compared wrongly. In lists of nulls
 * no constant is found. */
static int compile_nulls(const struct compiler *compiler)
{
    struct df_funnel_code *code = compiler->code;
    if (compiler->leaf->op == DF_FUNNEL_EMPTY || compiler->leaf->op == DF_FUNNEL_NOT_EMPTY)
        code->quantifier = DF_FUNNEL_NOTHING;
    if (compiler->leaf->op == DF_FUNNEL_HAS_ALL && compiler->leaf->value_count == 0)
        code->quantifier = DF_FUNNEL_ALL_OF;
    set_constant(code, compiler->leaf->op == DF_FUNNEL_IS_NOT_NULL);
    return compiler->leaf->op == DF_FUNNEL_REGEX && compiler->leaf->values[0].type == DF_FUNNEL_STRING
               ? compile_regex(compiler)
               : 0;
}

static void decide(struct df_funnel_code *code, const struct df_type *type)
{
    bool of_values = code->test == DF_FUNNEL_TEST_CONSTANT && code->quantifier == DF_FUNNEL_ANY_OF;
    bool answer = code->constant != (code->negate != 0);
    if (type->kind == DF_TYPE_NULL && !type->list) {
        code->decided = true;
        code->decided_answer = code->null_answer != 0;
    } else if (of_values && answer == (code->null_answer != 0) && (code->shape == DF_FUNNEL_PLAIN || !code->constant)) {
        code->decided = true;
        code->decided_answer = answer;
    }
}

int df_funnel_code_compile(struct df_funnel_code *code, const struct df_funnel_leaf *leaf, const struct df_type *type,
                           struct df_arena *arena, struct df_budget *budget, struct df_error *error)
{
    const struct compiler compiler = {.code = code, .leaf = leaf, .type = type, .arena = arena, .error = error};
    bool delimited = leaf->delimiter.data != NULL;
    assert(df_funnel_op_arity(leaf->op) != DF_FUNNEL_ONE_VALUE || leaf->value_count == 1);
    *code = (struct df_funnel_code){
        .leaf = leaf,
        .type = *type,
        .shape = type->list                                                   ? DF_FUNNEL_LIST
                 : delimited && df_funnel_op_is(leaf->op, DF_FUNNEL_LIST_OPS) ? DF_FUNNEL_SPLIT
                                                                              : DF_FUNNEL_PLAIN,
        .negate = df_funnel_op_is(leaf->op, DF_FUNNEL_NEGATIVE_OPS),
        .null_answer = df_funnel_op_is(leaf->op, DF_FUNNEL_TRUE_ON_NULL_OPS),
        .budget = budget,
    };
    if (df_funnel_operator_check(leaf, type, error) < 0 || check_constants(&compiler) < 0)
        return -1;
    if ((type->kind == DF_TYPE_NULL ? compile_nulls(&compiler) : compile_test(&compiler)) < 0)
        return -1;
    decide(code, type);
    return 0;
}
