/* A result as bytes. Which tables, lanes and classes there are follows from the request, which both sides have.
 *
 *     result   numbers | types | durations | trend | scalars | tables (0 or 1) | [aggregations' tables | breakdown |
 * mixed] table    flags | [distinct per class, rest] | [errors, registers] | entries entries  how many | per value:
 * cells * 2 + null, value, per cell: class, counters, amounts
 *
 * Reading believes nothing: a damaged result is corrupt, whatever its bytes, and makes no more of a table than its
 * bytes can name. */
#include "engine/funnel/result/codec.h"

int df_funnel_corrupt_result(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "damaged result of a funnel: %s", what);
}

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "reading the result of a part");
}

static void put_int128(__int128 value, struct df_buf *out)
{
    df_buf_put_u64le(out, (uint64_t)value);
    df_buf_put_u64le(out, (uint64_t)((unsigned __int128)value >> 64));
}

static bool take_int128(struct df_cursor *from, __int128 *value)
{
    uint64_t low, high;
    if (!df_cursor_take_u64le(from, &low) || !df_cursor_take_u64le(from, &high))
        return false;
    *value = (__int128)((unsigned __int128)high << 64 | low);
    return true;
}

/* ---- numbers ---- */

static void put_numbers(const struct df_funnel_result *result, struct df_buf *out)
{
    df_buf_put_varint(out, result->groups);
    df_buf_put_varint(out, result->group_rows);
    df_buf_put_varint(out, result->matching_groups);
    df_buf_put_varint(out, result->matching_rows);
    df_buf_put_varint(out, result->depth_count);
    for (uint32_t i = 0; i <= result->depth_count; i++) {
        df_buf_put_varint(out, result->depths[i].units);
        df_buf_put_varint(out, result->depths[i].rows);
        df_buf_put_varint(out, result->depths[i].users);
    }
}

static int take_numbers(struct df_funnel_result *aside, struct df_cursor *from, struct df_error *error)
{
    uint64_t depths;
    if (!df_cursor_take_varint(from, &aside->groups) || !df_cursor_take_varint(from, &aside->group_rows) ||
        !df_cursor_take_varint(from, &aside->matching_groups) || !df_cursor_take_varint(from, &aside->matching_rows) ||
        !df_cursor_take_varint(from, &depths))
        return df_funnel_corrupt_result(error, "it ends too early");
    if (depths != aside->depth_count)
        return df_funnel_corrupt_result(error, "it has another number of steps");
    for (uint32_t i = 0; i <= aside->depth_count; i++)
        if (!df_cursor_take_varint(from, &aside->depths[i].units) ||
            !df_cursor_take_varint(from, &aside->depths[i].rows) ||
            !df_cursor_take_varint(from, &aside->depths[i].users))
            return df_funnel_corrupt_result(error, "it ends in its steps");
    return 0;
}

static void put_duration(const struct df_funnel_duration *duration, struct df_buf *out)
{
    const struct df_funnel_amount amount = {.whole = duration->total};
    df_funnel_amount_put(&amount, out);
    df_funnel_sketch_put(&duration->sketch, out);
}

static int take_sketch(struct df_funnel_result *aside, struct df_funnel_sketch *sketch, struct df_cursor *from,
                       struct df_error *error)
{
    int taken = df_funnel_sketch_take(sketch, aside->account, from);
    if (taken < 0)
        return df_funnel_corrupt_result(error, "a sketch");
    return taken == 0 ? no_memory(error) : 0;
}

static int take_duration(struct df_funnel_result *aside, struct df_funnel_duration *duration, struct df_cursor *from,
                         struct df_error *error)
{
    struct df_funnel_amount amount;
    bool taken = df_funnel_amount_take(&amount, from);
    df_sum_dispose(&amount.real); /* none, unless the bytes are damaged */
    if (!taken)
        return df_funnel_corrupt_result(error, "a duration");
    duration->total = amount.whole;
    return take_sketch(aside, &duration->sketch, from, error);
}

/* ---- scalars ---- */

static bool is_bytes(enum df_type_kind kind)
{
    return kind == DF_TYPE_STRING || kind == DF_TYPE_BINARY || kind == DF_TYPE_UUID;
}

static void put_extreme(const struct df_funnel_extreme *extreme, enum df_type_kind kind, struct df_buf *out)
{
    df_buf_put_u8(out, extreme->known);
    if (!extreme->known)
        return;
    if (is_bytes(kind)) {
        df_buf_put_varint(out, extreme->size);
        df_buf_put(out, extreme->bytes, extreme->size);
    } else if (kind == DF_TYPE_FLOAT) {
        df_funnel_put_real(extreme->real, out);
    } else {
        put_int128(extreme->integer, out);
    }
}

static int take_extreme(struct df_funnel_extreme *extreme, struct df_funnel_account *account, enum df_type_kind kind,
                        struct df_cursor *from, struct df_error *error)
{
    uint8_t known;
    struct df_slice bytes = {0};
    if (!df_cursor_take_u8(from, &known) || known > 1 || (known && kind == DF_TYPE_NULL))
        return df_funnel_corrupt_result(error, "a least or greatest value");
    if (!known)
        return 0;
    bool taken = is_bytes(kind)          ? df_funnel_take_slice(from, &bytes)
                 : kind == DF_TYPE_FLOAT ? df_funnel_take_real(from, &extreme->real) && !isnan(extreme->real)
                                         : take_int128(from, &extreme->integer);
    if (!taken)
        return df_funnel_corrupt_result(error, "it ends in a least or greatest value");
    extreme->known = true;
    if (is_bytes(kind) && !df_funnel_extreme_set_bytes(extreme, account, bytes))
        return no_memory(error);
    return 0;
}

static void put_scalars(const struct df_funnel_result *result, const struct df_funnel_scalars *scalars,
                        struct df_buf *out)
{
    enum df_type_kind kind = result->types[scalars->column].kind;
    for (uint32_t i = 0; i < scalars->classes->count; i++) {
        const struct df_funnel_scalar *scalar = &scalars->items[i];
        df_buf_put_varint(out, scalar->rows);
        if (scalars->amount)
            df_funnel_amount_put(&scalar->amount, out);
        if (scalars->extremes) {
            put_extreme(&scalar->least, kind, out);
            put_extreme(&scalar->greatest, kind, out);
        }
        if (scalars->sketch)
            df_funnel_sketch_put(&scalar->sketch, out);
    }
}

static int take_scalars(struct df_funnel_result *aside, struct df_funnel_scalars *scalars, struct df_cursor *from,
                        struct df_error *error)
{
    enum df_type_kind kind = aside->types_known[scalars->column] ? aside->types[scalars->column].kind : DF_TYPE_NULL;
    for (uint32_t i = 0; i < scalars->classes->count; i++) {
        struct df_funnel_scalar *scalar = &scalars->items[i];
        if (!df_cursor_take_varint(from, &scalar->rows) ||
            (scalars->amount && !df_funnel_amount_take(&scalar->amount, from)))
            return df_funnel_corrupt_result(error, "it ends in its sums");
        if (scalars->extremes && (take_extreme(&scalar->least, aside->account, kind, from, error) < 0 ||
                                  take_extreme(&scalar->greatest, aside->account, kind, from, error) < 0))
            return -1;
        if (scalars->sketch && take_sketch(aside, &scalar->sketch, from, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- all of it ---- */

void df_funnel_result_encode(const struct df_funnel_result *result, bool without_tables, struct df_buf *out)
{
    const struct df_funnel_table *table;
    put_numbers(result, out);
    df_funnel_put_types(result, out);
    for (uint32_t i = 0; result->from_start && i < result->depth_count; i++) {
        put_duration(&result->from_start[i], out);
        put_duration(&result->from_previous[i], out);
    }
    if (result->has_trend && !df_funnel_put_table(result, &result->trend, out))
        out->failed = true;
    for (uint32_t i = 0; i < result->scalar_count; i++)
        put_scalars(result, &result->scalars[i], out);
    df_buf_put_u8(out, !without_tables);
    for (uint32_t i = 0; !without_tables && (table = df_funnel_result_table(result, i)) != NULL; i++)
        if (!df_funnel_put_table(result, table, out))
            out->failed = true;
}

static int take_all(struct df_funnel_result *aside, struct df_cursor *from, struct df_error *error)
{
    struct df_funnel_table *table;
    uint8_t with_tables;
    if (take_numbers(aside, from, error) < 0 || df_funnel_take_types(aside, from, error) < 0)
        return -1;
    for (uint32_t i = 0; aside->from_start && i < aside->depth_count; i++)
        if (take_duration(aside, &aside->from_start[i], from, error) < 0 ||
            take_duration(aside, &aside->from_previous[i], from, error) < 0)
            return -1;
    if (aside->has_trend && df_funnel_take_table(aside, &aside->trend, from, error) < 0)
        return -1;
    for (uint32_t i = 0; i < aside->scalar_count; i++)
        if (take_scalars(aside, &aside->scalars[i], from, error) < 0)
            return -1;
    if (!df_cursor_take_u8(from, &with_tables) || with_tables > 1)
        return df_funnel_corrupt_result(error, "it ends before its tables");
    for (uint32_t i = 0; with_tables && (table = df_funnel_result_table(aside, i)) != NULL; i++)
        if (df_funnel_take_table(aside, table, from, error) < 0)
            return -1;
    return df_funnel_trend_check(&aside->trend, error);
}

int df_funnel_result_merge(struct df_funnel_result *result, struct df_cursor *from, struct df_error *error)
{
    struct df_funnel_result *aside;
    if (df_funnel_result_create(&aside, result->request, result->account, error) < 0)
        return -1;
    int merged = take_all(aside, from, error);
    if (merged == 0)
        merged = df_funnel_result_absorb(result, aside, error);
    df_funnel_result_free(aside);
    if (merged == DF_FUNNEL_OVER)
        return no_memory(error);
    return merged < 0 ? -1 : df_funnel_trend_check(&result->trend, error);
}
