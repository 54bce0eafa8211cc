#include "engine/funnel/result/cohort.h"

#include <assert.h>
#include <stdio.h>

#include "engine/funnel/language/shown.h"
#include "engine/funnel/result/cohort_columns.h"

/* ---- names ---- */

static uint32_t column_count_of(const struct df_funnel_request *request)
{
    const struct df_funnel_funnel *funnel = &request->funnel;
    return 1 + funnel->sequence.positive_count + funnel->breakdown.given + funnel->cohort.column_count;
}

/* The name of column `at` and what it is; `place` has room for a made-up one. */
enum { NAME_BYTES = 32 };
static const char *name_of(const struct df_funnel_request *request, uint32_t at, char place[NAME_BYTES],
                           const char **what)
{
    const struct df_funnel_funnel *funnel = &request->funnel;
    uint32_t steps = funnel->sequence.positive_count;
    *what = "the user's";
    if (at == 0)
        return request->dataset.user;
    *what = "the time of a step";
    if (at <= steps) {
        (void)snprintf(place, NAME_BYTES, "step%u", at);
        return place;
    }
    at -= 1 + steps;
    *what = "the breakdown's";
    if (funnel->breakdown.given && at-- == 0)
        return "breakdown";
    *what = "asked for before";
    return request->columns[funnel->cohort.columns[at]].name;
}

int df_funnel_cohort_check(const struct df_funnel_request *request, struct df_error *error)
{
    char place[NAME_BYTES], earlier_place[NAME_BYTES], shown[DF_FUNNEL_SHOWN_BYTES];
    const char *what, *unused;
    uint32_t count = column_count_of(request), first_asked = count - request->funnel.cohort.column_count;
    /* The user may be called step1 as well; that is no asked column's fault. */
    for (uint32_t i = 1; i < count; i++) {
        const char *name = name_of(request, i, place, &unused);
        /* Steps among themselves differ. */
        for (uint32_t j = 0; j < (i < first_asked ? 1 : i); j++) {
            if (strcmp(name, name_of(request, j, earlier_place, &what)) != 0)
                continue;
            (void)df_funnel_shown(df_slice_text(name), shown);
            if (i < first_asked)
                return df_error_set(error, DF_ERROR_INVALID,
                                    "funnel.export: the file has a column '%s' of its own, and the user column is "
                                    "called so too; export from files in which it has another name",
                                    shown);
            return df_error_set(error, DF_ERROR_INVALID,
                                "funnel.export.columns[%u]: the file would have two columns '%s' (the other one is "
                                "%s); leave it out",
                                i - first_asked, shown, what);
        }
    }
    return 0;
}

/* ---- making and freeing ---- */

enum df_vector_kind df_funnel_cohort_kind(const struct df_type *type)
{
    return type->kind == DF_TYPE_NULL ? DF_VECTOR_BYTES : df_vector_element_kind_of(type);
}

struct df_funnel_cohort *df_funnel_cohort_new(uint32_t column_count, struct df_funnel_account *account)
{
    struct df_funnel_cohort *cohort = calloc(1, sizeof *cohort);
    if (!cohort)
        return NULL;
    cohort->uncounted.floor_bytes = UINT64_MAX;
    cohort->account = account ? account : &cohort->uncounted;
    cohort->columns = calloc(column_count, sizeof *cohort->columns);
    cohort->vectors = calloc(column_count, sizeof *cohort->vectors);
    cohort->column_count = column_count;
    if (cohort->columns && cohort->vectors)
        return cohort;
    free(cohort->columns);
    free(cohort->vectors);
    free(cohort);
    return NULL;
}

static bool name_column(struct df_funnel_cohort *cohort, uint32_t at, const char *name, const struct df_type *type)
{
    struct df_funnel_cohort_column *head = &cohort->columns[at].head;
    head->name = df_slice_strdup(df_slice_text(name));
    head->type = *type;
    /* Files may differ in the width of a column; the cohorts of all of them go into one file. */
    if (type->kind == DF_TYPE_INT64 || type->kind == DF_TYPE_FLOAT)
        head->type.bits = 64;
    head->kind = df_funnel_cohort_kind(type);
    return head->name != NULL;
}

int df_funnel_cohort_create(struct df_funnel_cohort **out, const struct df_funnel_request *request,
                            const struct df_type *user, const struct df_type *time, const struct df_type *breakdown,
                            const struct df_type *columns, struct df_funnel_account *account, struct df_error *error)
{
    *out = NULL;
    if (df_funnel_cohort_check(request, error) < 0)
        return -1;
    assert((breakdown != NULL) == request->funnel.breakdown.given);
    uint32_t count = column_count_of(request), steps = request->funnel.sequence.positive_count;
    struct df_funnel_cohort *cohort = df_funnel_cohort_new(count, account);
    if (!cohort)
        return df_error_no_memory(error, "making a cohort");
    for (uint32_t i = 0; i < count; i++) {
        char place[NAME_BYTES];
        const char *unused, *name = name_of(request, i, place, &unused);
        uint32_t first_asked = 1 + steps + (breakdown != NULL);
        const struct df_type *type = i == 0            ? user
                                     : i <= steps      ? time
                                     : i < first_asked ? breakdown
                                                       : &columns[i - first_asked];
        if (!name_column(cohort, i, name, type)) {
            df_funnel_cohort_free(cohort);
            return df_error_no_memory(error, "making a cohort");
        }
    }
    *out = cohort;
    return 0;
}

static void free_column(struct df_funnel_account *account, struct df_funnel_cohort_values *column)
{
    free(column->head.name);
    df_funnel_account_free(account, column->valid, column->valid_capacity);
    df_funnel_account_free(account, column->values,
                           column->values_capacity * df_funnel_cohort_width(column->head.kind));
    df_funnel_account_free(account, column->heap, column->heap_capacity);
    df_funnel_account_free(account, column->slices, column->slices_capacity * sizeof *column->slices);
}

void df_funnel_cohort_free(struct df_funnel_cohort *cohort)
{
    if (!cohort)
        return;
    for (uint32_t i = 0; i < cohort->column_count; i++)
        free_column(cohort->account, &cohort->columns[i]);
    free(cohort->columns);
    free(cohort->vectors);
    free(cohort);
}

void df_funnel_cohort_clear(struct df_funnel_cohort *cohort)
{
    cohort->rows = 0;
    cohort->at = 0;
    for (uint32_t i = 0; i < cohort->column_count; i++)
        cohort->columns[i].null_count = 0;
}

uint32_t df_funnel_cohort_column_count(const struct df_funnel_cohort *cohort)
{
    return cohort->column_count;
}

const struct df_funnel_cohort_column *df_funnel_cohort_column(const struct df_funnel_cohort *cohort, uint32_t column)
{
    return &cohort->columns[column].head;
}

uint64_t df_funnel_cohort_rows(const struct df_funnel_cohort *cohort)
{
    return cohort->rows;
}

/* ---- rows ---- */

size_t df_funnel_cohort_width(enum df_vector_kind kind)
{
    switch (kind) {
    case DF_VECTOR_BOOL:
        return 1;
    case DF_VECTOR_INT128:
        return sizeof(__int128);
    default:
        return 8; /* of BYTES the end in the heap */
    }
}

static bool reserve_row(struct df_funnel_account *account, struct df_funnel_cohort_values *column, uint64_t row)
{
    void *valid = column->valid;
    bool fits = df_funnel_account_grow(account, &valid, &column->valid_capacity, row + 1, 1);
    column->valid = valid;
    return fits && df_funnel_account_grow(account, &column->values, &column->values_capacity, row + 1,
                                          df_funnel_cohort_width(column->head.kind));
}

static bool put_bytes(struct df_funnel_account *account, struct df_funnel_cohort_values *column, uint64_t row,
                      struct df_slice bytes)
{
    uint64_t *ends = column->values;
    uint64_t begin = row ? ends[row - 1] : 0;
    void *heap = column->heap;
    size_t needed;
    if (df_size_add(&needed, begin, bytes.size) < 0 ||
        !df_funnel_account_grow(account, &heap, &column->heap_capacity, needed, 1))
        return false;
    column->heap = heap;
    if (bytes.size)
        memcpy(column->heap + begin, bytes.data, bytes.size);
    ends[row] = needed;
    return true;
}

static bool put_value(struct df_funnel_account *account, struct df_funnel_cohort_values *column, uint64_t row,
                      const struct df_parquet_value *value)
{
    switch (column->head.kind) {
    case DF_VECTOR_BOOL:
        ((uint8_t *)column->values)[row] = value ? value->as.boolean : 0;
        return true;
    case DF_VECTOR_FLOAT64:
        ((double *)column->values)[row] = value ? value->as.float64 : 0;
        return true;
    case DF_VECTOR_INT128:
        ((__int128 *)column->values)[row] = !value                           ? 0
                                            : value->kind == DF_VECTOR_INT64 ? value->as.int64
                                                                             : value->as.int128;
        return true;
    case DF_VECTOR_BYTES:
        return put_bytes(account, column, row, value ? value->as.bytes : (struct df_slice){0});
    default:
        ((int64_t *)column->values)[row] = value ? value->as.int64 : 0;
        return true;
    }
}

/* Columns are indexed by the row, so that a row that is not complete needs no undoing but of its nulls. */
static void forget_row(struct df_funnel_cohort *cohort)
{
    for (uint32_t i = 0; i < cohort->at; i++)
        cohort->columns[i].null_count -= !cohort->columns[i].valid[cohort->rows];
    cohort->at = 0;
}

bool df_funnel_cohort_put(struct df_funnel_cohort *cohort, const struct df_parquet_value *value)
{
    struct df_funnel_cohort_values *column = &cohort->columns[cohort->at];
    if (value && value->kind == DF_VECTOR_FLOAT64 && value->as.float64 != value->as.float64)
        value = NULL;
    assert(value || cohort->at > 0); /* there is no row without a user */
    assert(!value || value->kind == column->head.kind ||
           (value->kind == DF_VECTOR_INT64 && column->head.kind == DF_VECTOR_INT128));
    if (cohort->rows >= DF_FUNNEL_COHORT_ROWS_MAX || !reserve_row(cohort->account, column, cohort->rows) ||
        !put_value(cohort->account, column, cohort->rows, value)) {
        forget_row(cohort);
        return false;
    }
    column->valid[cohort->rows] = value != NULL;
    column->null_count += !value;
    if (++cohort->at == cohort->column_count) {
        cohort->at = 0;
        cohort->rows++;
    }
    return true;
}

/* ---- vectors ---- */

static bool make_slices(struct df_funnel_cohort *cohort, struct df_funnel_cohort_values *column)
{
    void *memory = column->slices;
    if (!df_funnel_account_grow(cohort->account, &memory, &column->slices_capacity, cohort->rows,
                                sizeof *column->slices))
        return false;
    column->slices = memory;
    const uint64_t *ends = column->values;
    uint64_t begin = 0;
    for (uint64_t row = 0; row < cohort->rows; row++) {
        column->slices[row] =
            ends[row] > begin ? df_slice_make(column->heap + begin, ends[row] - begin) : (struct df_slice){0};
        begin = ends[row];
    }
    return true;
}

int df_funnel_cohort_vectors(struct df_funnel_cohort *cohort, const struct df_vector **vectors, struct df_error *error)
{
    *vectors = NULL;
    for (uint32_t i = 0; i < cohort->column_count; i++) {
        struct df_funnel_cohort_values *column = &cohort->columns[i];
        struct df_vector *vector = &cohort->vectors[i];
        *vector = (struct df_vector){.kind = column->head.kind,
                                     .row_count = (uint32_t)cohort->rows,
                                     .valid = column->null_count ? column->valid : NULL};
        if (column->head.kind != DF_VECTOR_BYTES) {
            vector->values.int64s = column->values;
            continue;
        }
        if (!make_slices(cohort, column))
            return df_error_set(error, DF_ERROR_EXHAUSTED,
                                "no memory for the %llu rows of an export; raise memory.limit",
                                (unsigned long long)cohort->rows);
        vector->values.bytes = column->slices;
    }
    *vectors = cohort->vectors;
    return 0;
}
