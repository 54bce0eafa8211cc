/* Heads of blocks: what types the rows of a section have, and whether all files agree. */
#include "engine/funnel/language/shown.h"
#include "engine/funnel/rows/record_layout.h"
#include "engine/funnel/rows/record_read.h"

enum { PRECISION_MAX = 38, NUMBER_DIGITS_MAX = 18 };

int df_funnel_record_corrupt(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "a section of the exchange cannot be read: %s", what);
}

/* ---- reading a head ---- */

static bool take_type(struct df_cursor *cursor, struct df_type *type)
{
    struct df_slice bytes;
    if (!df_cursor_take_bytes(cursor, RECORD_TYPE_BYTES, &bytes))
        return false;
    const uint8_t *at = bytes.data;
    if (at[0] >= DF_TYPE_KINDS || at[1] > 1 || at[3] >= DF_TIME_UNITS || at[4] > PRECISION_MAX || at[5] > PRECISION_MAX)
        return false;
    *type = (struct df_type){.kind = (enum df_type_kind)at[0],
                             .list = at[1] == 1,
                             .bits = at[2],
                             .unit = (enum df_time_unit)at[3],
                             .precision = at[4],
                             .scale = at[5]};
    return true;
}

static bool take_flags(struct df_cursor *cursor, struct df_funnel_record_head *head)
{
    struct df_slice bytes;
    if (!df_cursor_take_bytes(cursor, 4, &bytes))
        return false;
    const uint8_t *at = bytes.data;
    head->kind = (enum df_funnel_key_kind)at[0];
    head->times_turned = at[1] == 1;
    head->scale_known = at[2] == 1;
    head->scale = (enum df_funnel_scale)at[3];
    return at[0] < DF_FUNNEL_KEY_KINDS && at[1] <= 1 && at[2] <= 1 && at[3] < DF_FUNNEL_SCALES;
}

int df_funnel_record_take_head(struct df_slice bytes, uint32_t column_count, struct df_funnel_record_head *head,
                               struct df_type *types, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(bytes);
    uint64_t count = 0;
    bool fine = take_flags(&cursor, head) && take_type(&cursor, &head->user_type) &&
                take_type(&cursor, &head->time_type) && df_cursor_take_varint(&cursor, &count);
    if (!fine)
        return df_funnel_record_corrupt(error, "the head of a block is not one");
    if (count != column_count)
        return df_funnel_record_corrupt(error, "a block has other columns than the query");
    for (uint32_t i = 0; i < column_count; i++)
        if (!take_type(&cursor, &types[i]))
            return df_funnel_record_corrupt(error, "the head of a block is not one");
    if (df_cursor_left(&cursor) != 0)
        return df_funnel_record_corrupt(error, "something stands behind the head of a block");
    head->types = types;
    head->column_count = column_count;
    return 0;
}

/* ---- comparing heads ---- */

/* Of two, does the first say nothing that the second does not? */
static bool says_less(const struct df_type *a, const struct df_type *b)
{
    return a->kind == DF_TYPE_NULL && (!a->list || b->list || b->kind == DF_TYPE_NULL);
}

static bool same_details(const struct df_type *a, const struct df_type *b)
{
    switch (a->kind) {
    case DF_TYPE_FLOAT:
        return a->bits == b->bits;
    case DF_TYPE_TIME:
    case DF_TYPE_TIMESTAMP:
        return a->unit == b->unit;
    case DF_TYPE_DECIMAL:
        return a->scale == b->scale && (a->precision > NUMBER_DIGITS_MAX) == (b->precision > NUMBER_DIGITS_MAX);
    default:
        return true;
    }
}

/* False when the two do not go together. */
static bool merge_type(struct df_type *known, const struct df_type *type)
{
    if (says_less(known, type)) {
        *known = *type;
        return true;
    }
    if (says_less(type, known))
        return true;
    if (known->kind != type->kind || known->list != type->list || !same_details(known, type))
        return false;
    known->bits = known->bits > type->bits ? known->bits : type->bits;
    known->precision = known->precision > type->precision ? known->precision : type->precision;
    return true;
}

static int differ(const char *name, const struct df_type *a, const struct df_type *b, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], first[DF_TYPE_TEXT_BYTES], second[DF_TYPE_TEXT_BYTES];
    df_funnel_shown(df_slice_text(name), shown);
    if (a->kind == DF_TYPE_FLOAT && b->kind == DF_TYPE_FLOAT && a->list == b->list)
        return df_error_set(error, DF_ERROR_INVALID,
                            "column '%s' is a float of %u bits in one file and of %u bits in another; write them with "
                            "the same type",
                            shown, a->bits, b->bits);
    return df_error_set(error, DF_ERROR_INVALID,
                        "column '%s' is %s in one file and %s in another; write them with the same type, or query the "
                        "files apart",
                        shown, df_type_text(a, first), df_type_text(b, second));
}

static int merge_times(struct df_funnel_record_head *known, const struct df_funnel_record_head *head, const char *name,
                       struct df_error *error)
{
    if (head->time_type.kind == DF_TYPE_NULL)
        return 0;
    if (known->time_type.kind == DF_TYPE_NULL) {
        known->times_turned = head->times_turned;
        known->scale_known = head->scale_known;
        known->scale = head->scale;
        known->time_type = head->time_type;
        return 0;
    }
    if (!merge_type(&known->time_type, &head->time_type))
        return differ(name, &known->time_type, &head->time_type, error);
    if (known->times_turned != head->times_turned || known->scale_known != head->scale_known ||
        known->scale != head->scale)
        return df_funnel_record_corrupt(error, "its blocks have times of different units");
    return 0;
}

int df_funnel_record_merge(struct df_funnel_record_head *known, struct df_type *known_types,
                           const struct df_funnel_record_head *head, const struct df_funnel_request *request,
                           struct df_error *error)
{
    if (!merge_type(&known->user_type, &head->user_type))
        return differ(request->dataset.user, &known->user_type, &head->user_type, error);
    if (known->kind != head->kind)
        return df_funnel_record_corrupt(error, "its blocks have users of different kinds");
    if (merge_times(known, head, request->dataset.time, error) < 0)
        return -1;
    for (uint32_t i = 0; i < head->column_count; i++)
        if (!merge_type(&known_types[i], &head->types[i]))
            return differ(request->columns[i].name, &known_types[i], &head->types[i], error);
    return 0;
}
