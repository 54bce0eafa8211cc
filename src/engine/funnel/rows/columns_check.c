#include "engine/funnel/rows/columns_check.h"

#include "engine/funnel/language/shown.h"

enum { NUMBER_DIGITS_MAX = 18 }; /* decimals of more do not fit an int64 */

static int wrong_type(const char *place, const char *name, const struct df_type *type, const char *why,
                      struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], text[DF_TYPE_TEXT_BYTES];
    return df_error_set(error, DF_ERROR_INVALID, "%s: column '%s' is %s, %s", place,
                        df_funnel_shown(df_slice_text(name), shown), df_type_text(type, text), why);
}

/* ---- users ---- */

static bool user_kind(const struct df_type *type, enum df_funnel_key_kind *kind)
{
    switch (type->kind) {
    case DF_TYPE_NULL: /* nobody: any kind will do */
    case DF_TYPE_INT64:
    case DF_TYPE_DATE:
    case DF_TYPE_TIMESTAMP:
        *kind = DF_FUNNEL_KEY_INT64;
        return true;
    case DF_TYPE_DECIMAL:
        *kind = DF_FUNNEL_KEY_INT64;
        return type->precision <= NUMBER_DIGITS_MAX;
    case DF_TYPE_UINT64:
        *kind = DF_FUNNEL_KEY_UINT64;
        return true;
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        *kind = DF_FUNNEL_KEY_BYTES;
        return true;
    default:
        return false;
    }
}

int df_funnel_check_user(const char *place, const char *name, const struct df_type *type, enum df_funnel_key_kind *kind,
                         struct df_error *error)
{
    if (!type->list && user_kind(type, kind))
        return 0;
    return wrong_type(place, name, type,
                      "which cannot tell users apart; name one of integers, strings, binary, UUIDs, dates, timestamps "
                      "or decimals of up to 18 digits",
                      error);
}

/* ---- times ---- */

static bool time_kind(const struct df_type *type, struct df_funnel_time *time)
{
    *time = (struct df_funnel_time){.kind = DF_FUNNEL_TIME_INT64, .scale_known = false, .scale = DF_FUNNEL_SCALE_S};
    switch (type->kind) {
    case DF_TYPE_NULL: /* no row has a time: any unit will do */
    case DF_TYPE_INT64:
        return true;
    case DF_TYPE_UINT64:
        time->kind = DF_FUNNEL_TIME_UINT64;
        return true;
    case DF_TYPE_FLOAT:
        *time = (struct df_funnel_time){.kind = DF_FUNNEL_TIME_FLOAT, .scale_known = true, .scale = DF_FUNNEL_SCALE_US};
        return true;
    case DF_TYPE_DATE:
        time->scale_known = true;
        time->scale = DF_FUNNEL_SCALE_DAY;
        return true;
    case DF_TYPE_TIMESTAMP:
        time->scale_known = true;
        time->scale = (enum df_funnel_scale)type->unit;
        return true;
    default:
        return false;
    }
}

int df_funnel_check_time(const char *place, const char *name, const struct df_type *type, struct df_funnel_time *time,
                         struct df_error *error)
{
    if (!type->list && time_kind(type, time))
        return 0;
    return wrong_type(place, name, type,
                      "which cannot be the time; name one of integers, timestamps, dates or floating seconds", error);
}

const char *df_funnel_time_text(const struct df_funnel_time *time)
{
    static const char *const timestamps[] = {"a timestamp in s", "a timestamp in ms", "a timestamp in us",
                                             "a timestamp in ns", "a date"};
    if (time->kind == DF_FUNNEL_TIME_FLOAT)
        return "floating seconds";
    if (time->kind == DF_FUNNEL_TIME_UINT64)
        return "an unsigned 64-bit integer";
    return time->scale_known ? timestamps[time->scale] : "an integer";
}

/* ---- values ---- */

static bool is_number(const struct df_type *type)
{
    return type->kind == DF_TYPE_NULL || type->kind == DF_TYPE_INT64 || type->kind == DF_TYPE_UINT64 ||
           type->kind == DF_TYPE_FLOAT || type->kind == DF_TYPE_DECIMAL;
}

int df_funnel_check_value(const struct df_funnel_column *wanted, const struct df_type *type, struct df_error *error)
{
    if ((wanted->flat || wanted->numeric) && type->list)
        return wrong_type(wanted->place, wanted->name, type,
                          "which only aggregations of type count take; name a column of single values", error);
    if (wanted->numeric && !is_number(type))
        return wrong_type(wanted->place, wanted->name, type,
                          "and a number is needed here; name a column of integers, floats or decimals", error);
    return 0;
}
