/* Loops over the rows of a batch that have a value: one loop per thing that is asked for. */
#include "engine/funnel/result/measure.h"

void df_funnel_measure_present(const struct df_funnel_measured *measured, const struct df_funnel_classes *classes,
                               const struct df_vector *vector, const struct df_type *type,
                               struct df_funnel_present *present)
{
    /* Rows are written before it is known whether they stay: no branch that cannot be foreseen. */
    bool may_be_null = vector->valid || type->kind == DF_TYPE_FLOAT || type->kind == DF_TYPE_NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < measured->count; i++) {
        uint16_t class = classes->of_depth[measured->depths[i]];
        present->rows[count] = measured->rows[i];
        present->users[count] = measured->users[i];
        present->classes[count] = class;
        bool null = may_be_null && df_funnel_is_null_at(vector, measured->rows[i], type->kind);
        count += class != DF_FUNNEL_NO_CLASS && !null;
    }
    present->count = count;
}

static bool add_integers(struct df_funnel_scalars *scalars, struct df_funnel_account *account,
                         const struct df_vector *vector, bool is_unsigned, const struct df_funnel_present *present)
{
    for (uint32_t i = 0; scalars->amount && i < present->count; i++) {
        struct df_funnel_amount *amount = &scalars->items[present->classes[i]].amount;
        df_funnel_total_add(&amount->whole, df_funnel_integer_at(vector, present->rows[i], is_unsigned));
        amount->count++;
    }
    for (uint32_t i = 0; scalars->extremes && i < present->count; i++) {
        struct df_funnel_scalar *scalar = &scalars->items[present->classes[i]];
        __int128 value = df_funnel_integer_at(vector, present->rows[i], is_unsigned);
        if (!scalar->least.known || value < scalar->least.integer)
            scalar->least = (struct df_funnel_extreme){.known = true, .integer = value};
        if (!scalar->greatest.known || value > scalar->greatest.integer)
            scalar->greatest = (struct df_funnel_extreme){.known = true, .integer = value};
    }
    for (uint32_t i = 0; scalars->sketch && i < present->count; i++) {
        __int128 value = df_funnel_integer_at(vector, present->rows[i], is_unsigned);
        if (!df_funnel_sketch_add(&scalars->items[present->classes[i]].sketch, account,
                                  df_funnel_sketch_key_of_integer(value), 1))
            return false;
    }
    return true;
}

static bool add_reals(struct df_funnel_scalars *scalars, struct df_funnel_account *account,
                      const struct df_vector *vector, const struct df_funnel_present *present)
{
    for (uint32_t i = 0; scalars->amount && i < present->count; i++) {
        struct df_funnel_amount *amount = &scalars->items[present->classes[i]].amount;
        df_sum_add(&amount->real, df_funnel_real_at(vector, present->rows[i]));
        amount->count++;
    }
    for (uint32_t i = 0; scalars->extremes && i < present->count; i++) {
        struct df_funnel_scalar *scalar = &scalars->items[present->classes[i]];
        double value = df_funnel_real_at(vector, present->rows[i]);
        value = value == 0 ? 0.0 : value;
        if (!scalar->least.known || value < scalar->least.real)
            scalar->least = (struct df_funnel_extreme){.known = true, .real = value};
        if (!scalar->greatest.known || value > scalar->greatest.real)
            scalar->greatest = (struct df_funnel_extreme){.known = true, .real = value};
    }
    for (uint32_t i = 0; scalars->sketch && i < present->count; i++)
        if (!df_funnel_sketch_add(&scalars->items[present->classes[i]].sketch, account,
                                  df_funnel_sketch_key_of_real(df_funnel_real_at(vector, present->rows[i])), 1))
            return false;
    return true;
}

static struct df_slice extreme_bytes(const struct df_funnel_extreme *extreme)
{
    return df_slice_make(extreme->bytes, extreme->size);
}

static bool add_bytes(struct df_funnel_scalars *scalars, struct df_funnel_account *account,
                      const struct df_vector *vector, const struct df_funnel_present *present)
{
    for (uint32_t i = 0; scalars->extremes && i < present->count; i++) {
        struct df_funnel_scalar *scalar = &scalars->items[present->classes[i]];
        struct df_slice value = df_funnel_bytes_at(vector, present->rows[i]);
        if ((!scalar->least.known || df_slice_compare(value, extreme_bytes(&scalar->least)) < 0) &&
            !df_funnel_extreme_set_bytes(&scalar->least, account, value))
            return false;
        if ((!scalar->greatest.known || df_slice_compare(value, extreme_bytes(&scalar->greatest)) > 0) &&
            !df_funnel_extreme_set_bytes(&scalar->greatest, account, value))
            return false;
    }
    return true;
}

bool df_funnel_measure_scalars(struct df_funnel_scalars *scalars, struct df_funnel_account *account,
                               const struct df_vector *vector, const struct df_type *type,
                               const struct df_funnel_present *present)
{
    for (uint32_t i = 0; i < present->count; i++)
        scalars->items[present->classes[i]].rows++;
    if (type->list || type->kind == DF_TYPE_NULL)
        return true;
    switch (type->kind) {
    case DF_TYPE_FLOAT:
        return add_reals(scalars, account, vector, present);
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        return add_bytes(scalars, account, vector, present);
    default:
        return add_integers(scalars, account, vector, type->kind == DF_TYPE_UINT64, present);
    }
}
