/* Buckets of time: hours, days, ISO weeks and months of UTC, numbered from 1970 on. */
#include "base/calendar.h"
#include "engine/funnel/result/tables.h"

/* Times beyond it (a quarter of a billion millennia) share one bucket: their numbers would not fit the calendar. */
#define BUCKET_LIMIT (INT64_C(1) << 51)

static int64_t floor_divide(__int128 a, int64_t b)
{
    __int128 quotient = a / b - (a % b < 0);
    if (quotient > BUCKET_LIMIT)
        return BUCKET_LIMIT;
    return quotient < -BUCKET_LIMIT ? -BUCKET_LIMIT : (int64_t)quotient;
}

enum { MONDAY = 3 }; /* 1970-01-01 was a Thursday, three days after the Monday of week 0 */

int64_t df_funnel_trend_bucket(enum df_funnel_trend trend, enum df_funnel_scale scale, bool turned, int64_t time)
{
    const int64_t hour_ns = INT64_C(3600) * 1000000000, day_ns = 24 * hour_ns;
    __int128 steps = turned ? (__int128)((uint64_t)time ^ UINT64_C(1) << 63) : (__int128)time;
    __int128 ns = steps * df_funnel_scale_ns(scale);
    if (trend == DF_FUNNEL_TREND_HOUR)
        return floor_divide(ns, hour_ns);
    int64_t days = floor_divide(ns, day_ns);
    if (trend == DF_FUNNEL_TREND_WEEK)
        return floor_divide((__int128)days + MONDAY, 7);
    if (trend == DF_FUNNEL_TREND_DAY)
        return days;
    struct df_civil civil = df_civil_of_days(days);
    return civil.year * 12 + (int64_t)civil.month - 1;
}

void df_funnel_trend_put_text(enum df_funnel_trend trend, int64_t bucket, struct df_buf *out)
{
    switch (trend) {
    case DF_FUNNEL_TREND_HOUR:
        df_type_put_timestamp(out, bucket * 3600, DF_TIME_S);
        return;
    case DF_FUNNEL_TREND_WEEK:
        df_type_put_date(out, bucket * 7 - MONDAY);
        return;
    case DF_FUNNEL_TREND_MONTH: {
        int64_t year = floor_divide(bucket, 12);
        struct df_civil first = {.year = year, .month = (unsigned)(bucket - year * 12) + 1, .day = 1};
        df_type_put_date(out, df_days_of_civil(first));
        if (!df_buf_failed(out) && out->size >= 3)
            out->size -= 3; /* "-01" */
        return;
    }
    default:
        df_type_put_date(out, bucket);
    }
}

bool df_funnel_trend_bounds(const struct df_funnel_table *trend, int64_t *first, int64_t *last)
{
    for (size_t i = 0; i < trend->values.count; i++) {
        int64_t bucket = trend->values.items[i].number;
        if (i == 0 || bucket < *first)
            *first = bucket;
        if (i == 0 || bucket > *last)
            *last = bucket;
    }
    return trend->values.count > 0;
}

int df_funnel_trend_check(const struct df_funnel_table *trend, struct df_error *error)
{
    int64_t first, last;
    if (!trend->classes || !df_funnel_trend_bounds(trend, &first, &last))
        return 0;
    if (first < -BUCKET_LIMIT || last > BUCKET_LIMIT)
        return df_funnel_corrupt_result(error, "a bucket of the trend beyond all times");
    if (last - first < DF_FUNNEL_BUCKETS_MAX)
        return 0;
    return df_error_set(
        error, DF_ERROR_INVALID,
        "funnel.trend: from the first to the last user there are %lld buckets, at most %d are shown; take "
        "a coarser trend or a timeframe, and check the unit of the time column",
        (long long)(last - first) + 1, DF_FUNNEL_BUCKETS_MAX);
}
