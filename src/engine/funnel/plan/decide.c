/* After the footers: do the files go together, in which unit are times, are users whole, and how are the files cut?
 *
 * Users are whole when there is one file, when every file says so (dayfly.groups=whole) and is another part of the same
 * writing, when the bounds of the user column do not overlap, or when the caller promises it. Then each file is counted
 * by itself, unless that would leave cores idle or not fit the memory. Otherwise rows go through an exchange by hash of
 * the user. */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/funnel/plan/query.h"

enum {
    /* Memory of a row at the worst, each being another user with a match: group 16, slots 24, match 12, evaluation 18.
     */
    ROW_BYTES = 64,
    CHAIN_ROW_BYTES = 48, /* more, where the order of a user's rows matters: row, sort, chain */
    ROW_CODE_BYTES = 4,   /* more, where rows are read twice */
    SCATTER_BYTES_MIN = 8 * 1024 * 1024,
    SCATTER_BYTES_MAX = 64 * 1024 * 1024,
    SCATTER_BYTES_LEAST = 64 * 1024, /* however small the memory: a part has its costs */
    SMALL_BYTES = 32 * 1024 * 1024,  /* below it the second stage costs more than idle cores */
    SECTION_ROWS = 128 * 1024,       /* few enough for the L3 cache, enough to be judged by portions */
    SECTIONS_MAX = 4096,
    READS_MAX = 99999, /* producers times sections; beyond it the requests of the exchange are the work */
    PARTS_PER_CORE = 4,

    VALUES_MAX = 65536,           /* of one partial */
    VALUES_LEAST = 64,            /* however many parts */
    VALUES_ALL = 2000000,         /* of all partials: the coordinator merges them */
    VALUE_BYTES = 256,            /* memory of a value in a table, about */
    VALUE_SECTION_ROWS = 1 << 20, /* a section has at most as many values as rows */
    VALUE_SECTIONS_MAX = 1024,
};

struct totals {
    size_t files; /* with rows that matter */
    uint64_t stretches, rows, bytes;
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
        for (uint32_t s = 0; s < footer->stretch_count; s++)
            totals.stretches += !df_funnel_stretch_skipped(&footer->stretches[s]);
        totals.rows += footer->rows;
        totals.bytes += footer->bytes;
        totals.rows_of_largest = footer->rows > totals.rows_of_largest ? footer->rows : totals.rows_of_largest;
    }
    return totals;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t greatest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- the unit of plain integer times ---- */

/* Instants of this century: seconds have 10 digits, each further unit three more. */
static enum df_time_unit unit_of(uint64_t largest)
{
    if (largest < UINT64_C(100000000000))
        return DF_TIME_S;
    if (largest < UINT64_C(100000000000000))
        return DF_TIME_MS;
    return largest < UINT64_C(100000000000000000) ? DF_TIME_US : DF_TIME_NS;
}

/* From statistics where there are any, else from the first file that has told values. */
static void guess_unit(struct df_funnel_query *funnel)
{
    bool needed = false, statistics = false, values = false;
    uint64_t largest = 0;
    for (size_t i = 0; i < funnel->file_count; i++) {
        const struct df_funnel_file *file = &funnel->files[i];
        const struct df_funnel_footer *footer = &file->footer;
        needed = needed || (file->footer_known && !footer->shape.time.scale_known);
        if (!footer->largest_known || (footer->largest_guessed && (statistics || values)))
            continue;
        if (footer->largest_guessed || !statistics)
            largest = footer->largest;
        else
            largest = greatest(largest, footer->largest);
        statistics = statistics || !footer->largest_guessed;
        values = true;
    }
    funnel->unit_guessed = needed && funnel->request.time_unit && !funnel->request.dataset.unit_given;
    funnel->guessed_unit = unit_of(largest);
}

/* ---- are users whole? ---- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int all_say_whole(const struct df_funnel_query *funnel, bool *yes, struct df_error *error)
{
    size_t n = 0;
    uint64_t writing = 0;
    uint64_t *parts = calloc(funnel->file_count ? funnel->file_count : 1, sizeof *parts);
    if (!parts)
        return df_error_no_memory(error, "comparing what files say");
    *yes = true;
    for (size_t i = 0; *yes && i < funnel->file_count; i++) {
        const struct df_funnel_footer *footer = &funnel->files[i].footer;
        if (footer->rows == 0)
            continue;
        *yes = footer->whole && (n == 0 || footer->writing == writing);
        writing = footer->writing;
        parts[n++] = footer->part;
    }
    qsort(parts, n, sizeof *parts, by_number);
    for (size_t i = 1; *yes && i < n; i++)
        *yes = parts[i - 1] != parts[i];
    free(parts);
    return 0;
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

static int users_whole(struct df_funnel_query *funnel, const struct totals *totals, bool *whole, struct df_error *error)
{
    struct df_funnel_reasons *reasons = &funnel->reasons;
    bool apart = false, said = false;
    *whole = true;
    if (all_say_whole(funnel, &said, error) < 0)
        return -1;
    if (funnel->request.dataset.groups == DF_FUNNEL_SPREAD) {
        *whole = false;
        reasons->whole_or_spread = "it was asked for (groups: spread)";
    } else if (funnel->request.dataset.groups == DF_FUNNEL_WHOLE) {
        reasons->whole_or_spread = "it was promised (groups: whole)";
    } else if (totals->files == 0) {
        reasons->whole_or_spread = "no file has rows that matter";
    } else if (totals->files == 1) {
        reasons->whole_or_spread = "all rows that matter are in one file";
    } else if (said) {
        reasons->whole_or_spread = "every file says so (dayfly.groups=whole)";
    } else {
        if (disjoint(funnel, &apart, error) < 0)
            return -1;
        *whole = apart;
        reasons->whole_or_spread = apart ? "the bounds of the user column do not overlap between files"
                                         : "the rows of a user may lie in several files";
    }
    reasons->spread = !*whole;
    return 0;
}

/* Columns must be of one type in all files; times only where they meet: of users whose rows come from several files, or
 * in an answer that is in their unit. */
static int check_files(struct df_query *query, bool whole, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    bool times = !whole || funnel->request.funnel.durations || funnel->request.funnel.cohort.given;
    for (size_t i = 0; i < funnel->file_count; i++) {
        const struct df_funnel_file *file = &funnel->files[i];
        if (file->footer_known && df_funnel_agree(query, file->uri, &file->footer.shape, times, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- how are they cut? ---- */

static uint64_t row_bytes(const struct df_funnel_request *request)
{
    bool simple = !request->funnel.given || request->funnel.sequence.simple;
    for (uint32_t i = 0; i < request->condition_count; i++)
        if (request->conditions[i].kind == DF_FUNNEL_SEQUENCE_CONDITION)
            simple = simple && request->conditions[i].sequence.simple;
    uint64_t bytes = ROW_BYTES + (request->second_reading ? ROW_CODE_BYTES : 0u);
    return simple && !request->all_times && !request->chains ? bytes : bytes + CHAIN_ROW_BYTES;
}

static bool fits(const struct df_query *query, uint64_t rows)
{
    const struct df_funnel_query *funnel = query->state;
    uint64_t share = query->memory_limit_bytes / 2 / greatest(query->parallelism, 1);
    return rows < UINT32_MAX && (query->memory_limit_bytes == 0 || rows <= share / row_bytes(&funnel->request));
}

bool df_funnel_stretch_skipped(const struct df_funnel_stretch *stretch)
{
    return stretch->skipped == stretch->row_groups;
}

uint32_t df_funnel_scatter_stretches(const struct df_funnel_query *funnel, const struct df_funnel_file *file,
                                     uint32_t stretch)
{
    uint64_t bytes = 0;
    uint32_t taken = 0;
    for (; stretch + taken < file->footer.stretch_count; taken++) {
        bytes += file->footer.stretches[stretch + taken].bytes;
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
        for (uint32_t stretch = 0; file->footer.rows && stretch < file->footer.stretch_count; producers++)
            stretch += df_funnel_scatter_stretches(funnel, file, stretch);
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
    funnel->scatter_bytes = scatter_bytes(query, totals->bytes / parts);
    uint64_t producers = greatest(count_producers(funnel), 1), rows_max = SECTION_ROWS;
    if (query->memory_limit_bytes) {
        uint64_t share = query->memory_limit_bytes / 4 / greatest(query->parallelism, 1);
        rows_max = least(rows_max, greatest(share / row_bytes(&funnel->request), 1));
    }
    uint64_t wanted = greatest(totals->rows / rows_max + 1, greatest(query->parallelism, 1));
    funnel->sections = (uint32_t)greatest(least(least(wanted, SECTIONS_MAX), READS_MAX / producers), 1);
    funnel->sections_per_part = (uint32_t)greatest(funnel->sections / parts, 1);
}

static const char *why_exchange(const struct df_query *query, const struct totals *totals, bool whole)
{
    if (!whole)
        return "rows of a user are brought together by a hash of the user";
    return fits(query, totals->rows_of_largest) ? "one file is split by row groups, so that it uses every core"
                                                : "the users of the largest file do not fit the memory at once";
}

int df_funnel_decide(struct df_query *query, enum df_funnel_role *role, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct totals totals = add_up(funnel);
    bool whole;
    guess_unit(funnel);
    if (users_whole(funnel, &totals, &whole, error) < 0 || check_files(query, whole, error) < 0)
        return -1;
    bool divisible = totals.stretches > totals.files;
    bool promised = funnel->request.dataset.groups == DF_FUNNEL_WHOLE;
    bool idle = !promised && totals.bytes > SMALL_BYTES && totals.files < query->parallelism;
    bool scatter = !whole || (divisible && (idle || !fits(query, totals.rows_of_largest)));
    if (totals.files == 0) {
        *role = 0;
        return 0;
    }
    if (scatter) {
        cut_exchange(query, &totals);
        funnel->reasons.exchange = why_exchange(query, &totals, whole);
    }
    *role = scatter ? DF_FUNNEL_ROLE_SCATTER : DF_FUNNEL_ROLE_WHOLE;
    return 0;
}

/* ---- values ---- */

uint64_t df_funnel_inline_values(const struct df_query *query, uint64_t parts)
{
    uint64_t values = least(VALUES_MAX, greatest(VALUES_ALL / greatest(parts, 1), VALUES_LEAST));
    if (query->memory_limit_bytes) {
        uint64_t share = query->memory_limit_bytes / 8 / greatest(query->parallelism, 1);
        values = least(values, greatest(share / VALUE_BYTES, VALUES_LEAST));
    }
    return query->partial_values ? least(values, query->partial_values) : values;
}

/* Rows of the data set: from footers, or what the parts so far have had, as if the others had as many. */
static uint64_t rows_in_all(const struct df_funnel_query *funnel)
{
    uint64_t rows = 0, folded = greatest(funnel->scan.folded, 1), parts;
    for (size_t i = 0; i < funnel->file_count; i++)
        rows += funnel->files[i].footer.rows;
    parts = greatest(funnel->scan.parts / folded, 1);
    return greatest(rows, funnel->scan.rows < UINT64_MAX / parts ? funnel->scan.rows * parts : funnel->scan.rows);
}

void df_funnel_cut_values(struct df_query *query)
{
    struct df_funnel_query *funnel = query->state;
    uint64_t rows_max = VALUE_SECTION_ROWS, cores = greatest(query->parallelism, 1);
    if (query->memory_limit_bytes)
        rows_max = least(rows_max, greatest(query->memory_limit_bytes / 4 / cores / VALUE_BYTES, 1));
    uint64_t wanted = greatest(rows_in_all(funnel) / rows_max + 1, cores);
    uint64_t most = least(VALUE_SECTIONS_MAX, READS_MAX / greatest(funnel->scan.parts, 1));
    funnel->value_sections = (uint32_t)greatest(least(wanted, most), 1);
}
