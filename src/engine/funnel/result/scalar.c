/* Numbers of a column and a class of rows: how many, least, greatest, sum, quantiles. */
#include "engine/funnel/result/tables.h"

bool df_funnel_extreme_set_bytes(struct df_funnel_extreme *extreme, struct df_funnel_account *account,
                                 struct df_slice bytes)
{
    if (bytes.size > extreme->capacity) {
        uint8_t *moved = df_funnel_account_alloc(account, bytes.size);
        if (!moved)
            return false;
        df_funnel_account_free(account, extreme->bytes, extreme->capacity);
        extreme->bytes = moved;
        extreme->capacity = bytes.size;
    }
    if (bytes.size)
        memcpy(extreme->bytes, bytes.data, bytes.size);
    extreme->size = bytes.size;
    extreme->known = true;
    return true;
}

static int compare_extremes(const struct df_funnel_extreme *a, const struct df_funnel_extreme *b,
                            enum df_type_kind kind)
{
    switch (kind) {
    case DF_TYPE_FLOAT:
        return (a->real > b->real) - (a->real < b->real);
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        return df_slice_compare(df_slice_make(a->bytes, a->size), df_slice_make(b->bytes, b->size));
    default:
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
}

static void take_extreme(struct df_funnel_extreme *to, struct df_funnel_account *account,
                         struct df_funnel_extreme *from, enum df_type_kind kind, int sign)
{
    if (!from->known || (to->known && compare_extremes(from, to, kind) * sign >= 0))
        return;
    df_funnel_account_free(account, to->bytes, to->capacity);
    *to = *from;
    *from = (struct df_funnel_extreme){0};
}

bool df_funnel_scalar_reserve(struct df_funnel_scalar *to, struct df_funnel_account *account,
                              const struct df_funnel_scalar *from)
{
    return df_funnel_sketch_reserve(&to->sketch, account, &from->sketch);
}

void df_funnel_scalar_add(struct df_funnel_scalar *to, struct df_funnel_account *account, struct df_funnel_scalar *from,
                          enum df_type_kind kind)
{
    to->rows += from->rows;
    df_funnel_amount_merge(&to->amount, &from->amount);
    take_extreme(&to->least, account, &from->least, kind, 1);
    take_extreme(&to->greatest, account, &from->greatest, kind, -1);
    (void)df_funnel_sketch_merge(&to->sketch, account, &from->sketch); /* reserved */
}

static bool copy_extreme(struct df_funnel_extreme *to, struct df_funnel_account *account,
                         const struct df_funnel_extreme *from)
{
    *to = (struct df_funnel_extreme){.known = from->known, .integer = from->integer, .real = from->real};
    return !from->bytes || df_funnel_extreme_set_bytes(to, account, df_slice_make(from->bytes, from->size));
}

bool df_funnel_scalars_suffix(struct df_funnel_scalars *scalars, struct df_funnel_account *account,
                              enum df_type_kind kind)
{
    if (scalars->suffixed)
        return true;
    for (uint32_t class = scalars->classes->count - 1; class -- > 0;) {
        struct df_funnel_scalar *to = &scalars->items[class], above = scalars->items[class + 1];
        above.least = above.greatest = (struct df_funnel_extreme){0};
        bool fits = copy_extreme(&above.least, account, &scalars->items[class + 1].least) &&
                    copy_extreme(&above.greatest, account, &scalars->items[class + 1].greatest) &&
                    df_funnel_scalar_reserve(to, account, &above);
        if (fits)
            df_funnel_scalar_add(to, account, &above, kind);
        df_funnel_account_free(account, above.least.bytes, above.least.capacity);
        df_funnel_account_free(account, above.greatest.bytes, above.greatest.capacity);
        if (!fits)
            return false;
    }
    scalars->suffixed = true;
    return true;
}

void df_funnel_scalar_dispose(struct df_funnel_scalar *scalar, struct df_funnel_account *account)
{
    df_sum_dispose(&scalar->amount.real);
    df_funnel_account_free(account, scalar->least.bytes, scalar->least.capacity);
    df_funnel_account_free(account, scalar->greatest.bytes, scalar->greatest.capacity);
    df_funnel_sketch_dispose(&scalar->sketch, account);
    *scalar = (struct df_funnel_scalar){0};
}
