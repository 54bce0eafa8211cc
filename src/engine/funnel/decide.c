/* After the footers: are users whole, and how are the files cut?
 *
 * Users are whole when there is one file, when every file says so (dayfly.groups=whole), or when the bounds of the user
 * column do not overlap. Then each file is counted by itself, unless that would leave cores idle or not fit the memory.
 * Otherwise rows go through an exchange by hash of the user. */
#include <stdlib.h>

#include "engine/funnel/query.h"

enum {
    /* Memory of a row at the worst, each being another user with a match: group 16, slots 24, match 12, evaluation 18.
     */
    ROW_BYTES = 64,
    SCATTER_BYTES_MIN = 8 * 1024 * 1024,
    SCATTER_BYTES_MAX = 64 * 1024 * 1024,
    SCATTER_BYTES_LEAST = 64 * 1024, /* however small the memory: a part has its costs */
    SMALL_BYTES = 32 * 1024 * 1024,  /* below it the second stage costs more than idle cores */
    SECTION_ROWS = 256 * 1024,       /* so that the table of a section fits the caches */
    SECTIONS_MAX = 4096,
    READS_MAX = 99999, /* producers times sections; beyond it the requests of the exchange are the work */
    PARTS_PER_CORE = 4,
};

struct totals {
    size_t files; /* with rows */
    uint64_t units, rows, bytes;
    uint64_t rows_of_largest;
};

static struct totals add_up(const struct df_funnel_query *funnel)
{
    struct totals totals = {0};
    for (size_t i = 0; i < funnel->file_count; i++) {
        const struct df_funnel_footer *footer = &funnel->files[i].footer;
        if (footer->rows == 0)
            continue;
        totals.files++;
        totals.units += footer->unit_count;
        totals.rows += footer->rows;
        for (uint32_t u = 0; u < footer->unit_count; u++)
            totals.bytes += footer->units[u].bytes;
        totals.rows_of_largest = footer->rows > totals.rows_of_largest ? footer->rows : totals.rows_of_largest;
    }
    return totals;
}

/* ---- are users whole? ---- */

static bool all_say_whole(const struct df_funnel_query *funnel)
{
    for (size_t i = 0; i < funnel->file_count; i++)
        if (funnel->files[i].footer.rows && !funnel->files[i].footer.whole)
            return false;
    return true;
}

struct bounds {
    int64_t minimum, maximum;
};

static int by_minimum(const void *a, const void *b)
{
    const struct bounds *x = a, *y = b;
    return (x->minimum > y->minimum) - (x->minimum < y->minimum);
}

/* The encoder has turned unsigned bounds so that they compare as signed ones. */
static int disjoint(const struct df_funnel_query *funnel, bool *yes, struct df_error *error)
{
    size_t n = 0;
    struct bounds *bounds = calloc(funnel->file_count ? funnel->file_count : 1, sizeof *bounds);
    if (!bounds)
        return df_error_no_memory(error, "comparing the bounds of files");
    *yes = true;
    for (size_t i = 0; *yes && i < funnel->file_count; i++) {
        const struct df_funnel_footer *footer = &funnel->files[i].footer;
        if (footer->rows == 0)
            continue;
        *yes = footer->bounds_known;
        bounds[n++] = (struct bounds){.minimum = footer->minimum, .maximum = footer->maximum};
    }
    qsort(bounds, n, sizeof *bounds, by_minimum);
    for (size_t i = 1; *yes && i < n; i++)
        *yes = bounds[i - 1].maximum < bounds[i].minimum;
    free(bounds);
    return 0;
}

static int users_whole(const struct df_funnel_query *funnel, const struct totals *totals, bool *whole,
                       struct df_error *error)
{
    *whole = funnel->request.groups != DF_FUNNEL_SPREAD && (totals->files <= 1 || all_say_whole(funnel));
    if (*whole || funnel->request.groups == DF_FUNNEL_SPREAD)
        return 0;
    return disjoint(funnel, whole, error);
}

/* ---- do the files go together? ---- */

/* The kinds of users must be the same in all files; those of times only where a user's rows come from several. */
static int check_kinds(const struct df_funnel_query *funnel, bool whole, struct df_error *error)
{
    const struct df_funnel_file *first = funnel->files;
    for (size_t i = 1; i < funnel->file_count; i++) {
        const struct df_funnel_file *file = &funnel->files[i];
        if (file->footer.kind != first->footer.kind)
            return df_error_set(error, DF_ERROR_INVALID,
                                "the user column '%s' is %s in %s and %s in %s; query them apart, or write one of "
                                "them again",
                                funnel->request.user, df_funnel_key_text(first->footer.kind), first->uri,
                                df_funnel_key_text(file->footer.kind), file->uri);
        if (!whole && file->footer.time != first->footer.time)
            return df_error_set(error, DF_ERROR_INVALID,
                                "the time column '%s' is %s in %s and %s in %s; times of one user must be of one kind",
                                funnel->request.time, df_funnel_time_text(first->footer.time), first->uri,
                                df_funnel_time_text(file->footer.time), file->uri);
    }
    return 0;
}

/* ---- how are they cut? ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t greatest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool fits(const struct df_query *query, uint64_t rows)
{
    uint64_t share = query->memory_limit_bytes / 2 / greatest(query->parallelism, 1);
    return query->memory_limit_bytes == 0 || rows <= share / ROW_BYTES;
}

uint32_t df_funnel_scatter_units(const struct df_funnel_query *funnel, const struct df_funnel_file *file, uint32_t unit)
{
    uint64_t bytes = 0;
    uint32_t taken = 0;
    for (; unit + taken < file->footer.unit_count; taken++) {
        bytes += file->footer.units[unit + taken].bytes;
        if (taken > 0 && bytes > funnel->scatter_bytes)
            break;
    }
    return taken;
}

static uint64_t count_producers(const struct df_funnel_query *funnel)
{
    uint64_t producers = 0;
    for (size_t i = 0; i < funnel->file_count; i++) {
        const struct df_funnel_file *file = &funnel->files[i];
        for (uint32_t unit = 0; file->footer.rows && unit < file->footer.unit_count; producers++)
            unit += df_funnel_scatter_units(funnel, file, unit);
    }
    return producers;
}

/* A section of one producer is read whole: even when one user fills it, it must be small against the memory. */
static uint64_t scatter_bytes(const struct df_query *query, uint64_t wanted)
{
    uint64_t bytes = least(greatest(wanted, SCATTER_BYTES_MIN), SCATTER_BYTES_MAX);
    uint64_t share = query->memory_limit_bytes / 16 / greatest(query->parallelism, 1);
    return query->memory_limit_bytes ? least(bytes, greatest(share, SCATTER_BYTES_LEAST)) : bytes;
}

static void cut_exchange(struct df_query *query, const struct totals *totals)
{
    struct df_funnel_query *funnel = query->state;
    uint64_t parts = greatest(query->parallelism, 1) * PARTS_PER_CORE;
    funnel->kind = funnel->file_count ? funnel->files[0].footer.kind : DF_FUNNEL_KEY_INT64;
    funnel->scatter_bytes = scatter_bytes(query, totals->bytes / parts);
    uint64_t producers = greatest(count_producers(funnel), 1), rows_max = SECTION_ROWS;
    if (query->memory_limit_bytes) {
        uint64_t share = query->memory_limit_bytes / 4 / greatest(query->parallelism, 1);
        rows_max = least(rows_max, greatest(share / ROW_BYTES, 1));
    }
    uint64_t wanted = greatest(totals->rows / rows_max + 1, greatest(query->parallelism, 1));
    funnel->sections = (uint32_t)greatest(least(least(wanted, SECTIONS_MAX), READS_MAX / producers), 1);
    funnel->sections_per_part = (uint32_t)greatest(funnel->sections / parts, 1);
}

int df_funnel_decide(struct df_query *query, enum df_funnel_role *role, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct totals totals = add_up(funnel);
    bool whole;
    if (users_whole(funnel, &totals, &whole, error) < 0 || check_kinds(funnel, whole, error) < 0)
        return -1;
    bool divisible = totals.units > totals.files;
    bool idle = totals.bytes > SMALL_BYTES && totals.files < query->parallelism;
    bool scatter = !whole || (divisible && (idle || !fits(query, totals.rows_of_largest)));
    if (scatter)
        cut_exchange(query, &totals);
    *role = scatter ? DF_FUNNEL_SCATTER : DF_FUNNEL_COUNT;
    return 0;
}
