/* Rows by user, by time, then by ordinal: a counting sort by code, then each user's rows by merging. Files mostly have
 * time in order already, so that a user's rows are only looked through. */
#include "engine/funnel/evaluate/judge.h"

enum { PREFETCH_ROWS = 16 }; /* far enough to hide a miss of the last cache */

struct df_funnel_sort_row {
    int64_t time;
    uint32_t ordinal, ref;
};

static bool allocate(struct df_funnel_sorting *sorting, struct df_funnel_account *account, size_t begins, size_t refs)
{
    sorting->begin = df_funnel_account_alloc(account, begins * sizeof *sorting->begin);
    sorting->begin_count = sorting->begin ? begins : 0;
    sorting->refs = df_funnel_account_alloc(account, refs * sizeof *sorting->refs);
    sorting->ref_count = sorting->refs ? refs : 0;
    return sorting->begin && sorting->refs;
}

int df_funnel_sorting_make(struct df_funnel_sorting *sorting, struct df_funnel_account *account,
                           const struct df_funnel_rows *rows, size_t users)
{
    if (!allocate(sorting, account, users + 1, rows->count))
        return DF_FUNNEL_OVER;
    uint32_t *begin = sorting->begin;
    memset(begin, 0, (users + 1) * sizeof *begin);
    for (uint32_t ref = 0; ref < rows->count; ref++)
        begin[df_funnel_rows_at(rows, ref)->code]++;
    uint32_t end = 0;
    for (size_t user = 0; user <= users; user++) {
        end += begin[user];
        begin[user] = end;
    }
    /* Backwards: each user's rows keep their order, and begin[] ends where it says. */
    for (uint32_t ref = rows->count; ref-- > 0;)
        sorting->refs[--begin[df_funnel_rows_at(rows, ref)->code]] = ref;
    return DF_FUNNEL_DONE;
}

void df_funnel_sorting_free(struct df_funnel_sorting *sorting, struct df_funnel_account *account)
{
    df_funnel_account_free(account, sorting->begin, sorting->begin_count * sizeof *sorting->begin);
    df_funnel_account_free(account, sorting->refs, sorting->ref_count * sizeof *sorting->refs);
    df_funnel_account_free(account, sorting->times, sorting->time_capacity * sizeof *sorting->times);
    df_funnel_account_free(account, sorting->rows, sorting->row_capacity * sizeof *sorting->rows);
    *sorting = (struct df_funnel_sorting){0};
}

/* ---- one user ---- */

static bool stands_before(const struct df_funnel_sort_row *a, const struct df_funnel_sort_row *b)
{
    return a->time != b->time ? a->time < b->time : a->ordinal < b->ordinal;
}

/* Reads the times of refs[count]: rows of a user lie far apart, and those of the users after it are fetched early. */
static void read_times(struct df_funnel_sorting *sorting, const struct df_funnel_rows *rows, const uint32_t *refs,
                       uint32_t count)
{
    const uint32_t *end = sorting->refs + sorting->ref_count;
    for (uint32_t i = 0; i < count; i++) {
        if (end - (refs + i) > PREFETCH_ROWS)
            __builtin_prefetch(df_funnel_rows_at(rows, refs[i + PREFETCH_ROWS]));
        sorting->times[i] = df_funnel_rows_at(rows, refs[i])->time;
    }
}

static bool in_order(const struct df_funnel_rows *rows, const int64_t *times, const uint32_t *refs, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (times[i - 1] > times[i])
            return false;
        if (times[i - 1] == times[i] &&
            df_funnel_rows_at(rows, refs[i - 1])->ordinal > df_funnel_rows_at(rows, refs[i])->ordinal)
            return false;
    }
    return true;
}

static void merge(const struct df_funnel_sort_row *from, size_t middle, size_t count, struct df_funnel_sort_row *to)
{
    size_t left = 0, right = middle;
    for (size_t i = 0; i < count; i++) {
        bool take_right = left == middle || (right < count && stands_before(&from[right], &from[left]));
        to[i] = take_right ? from[right++] : from[left++];
    }
}

/* Sorts rows[count]; `other` has the same room. Returns where the result is. */
static struct df_funnel_sort_row *merge_sort(struct df_funnel_sort_row *rows, struct df_funnel_sort_row *other,
                                             size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t some = count - at < 2 * width ? count - at : 2 * width;
            size_t middle = some < width ? some : width;
            if (middle < some && stands_before(&rows[at + middle], &rows[at + middle - 1]))
                merge(rows + at, middle, some, other + at);
            else
                memcpy(other + at, rows + at, some * sizeof *rows);
        }
        struct df_funnel_sort_row *swap = rows;
        rows = other;
        other = swap;
    }
    return rows;
}

static bool sort_refs(struct df_funnel_sorting *sorting, struct df_funnel_account *account,
                      const struct df_funnel_rows *rows, uint32_t *refs, uint32_t count)
{
    void *scratch = sorting->rows;
    bool fits =
        df_funnel_scratch_room(account, &scratch, &sorting->row_capacity, (size_t)count * 2, sizeof *sorting->rows);
    sorting->rows = scratch;
    if (!fits)
        return false;
    for (uint32_t i = 0; i < count; i++)
        sorting->rows[i] = (struct df_funnel_sort_row){.time = df_funnel_rows_at(rows, refs[i])->time,
                                                       .ordinal = df_funnel_rows_at(rows, refs[i])->ordinal,
                                                       .ref = refs[i]};
    const struct df_funnel_sort_row *sorted = merge_sort(sorting->rows, sorting->rows + count, count);
    for (uint32_t i = 0; i < count; i++)
        refs[i] = sorted[i].ref;
    return true;
}

int df_funnel_sorting_user(struct df_funnel_sorting *sorting, struct df_funnel_account *account,
                           const struct df_funnel_rows *rows, uint32_t user, struct df_funnel_unit_rows *unit)
{
    uint32_t *refs = sorting->refs + sorting->begin[user], count = sorting->begin[user + 1] - sorting->begin[user];
    void *times = sorting->times;
    bool fits = df_funnel_scratch_room(account, &times, &sorting->time_capacity, count, sizeof *sorting->times);
    sorting->times = times;
    if (!fits)
        return DF_FUNNEL_OVER;
    read_times(sorting, rows, refs, count);
    if (!in_order(rows, sorting->times, refs, count)) {
        if (!sort_refs(sorting, account, rows, refs, count))
            return DF_FUNNEL_OVER;
        read_times(sorting, rows, refs, count);
    }
    *unit = (struct df_funnel_unit_rows){.times = sorting->times, .refs = refs, .count = count};
    return DF_FUNNEL_DONE;
}
