/* What a scan of three columns costs, and nothing else: decodes them of all rows and adds them up, so that every value
 * is looked at once. The peers do the same (questions.py: "decoding").
 *
 *   parquet_scan FILE...
 *
 * Prints [sum of visitorid, sum of timestamp, rows whose event is "view"], sums modulo 2^64. Errors go to stderr; the
 * exit code is that of the error's kind. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/parquet/parquet.h"

enum { USER, TIME, EVENT, COLUMNS };
static const char *const names[COLUMNS] = {"visitorid", "timestamp", "event"};

struct sums {
    uint64_t user, time, views;
    uint64_t dictionary_serial;
    uint8_t *wanted; /* per entry of that dictionary: is it "view"? */
};

static uint64_t sum_of(const struct df_vector *vector)
{
    uint64_t sum = 0;
    if (vector->kind == DF_VECTOR_INT64)
        for (uint32_t i = 0; i < vector->row_count; i++)
            sum += df_vector_is_null(vector, i) ? 0 : (uint64_t)vector->values.int64s[i];
    else if (vector->kind == DF_VECTOR_CODES && vector->dictionary->kind == DF_VECTOR_INT64)
        for (uint32_t i = 0; i < vector->row_count; i++)
            sum +=
                df_vector_is_null(vector, i) ? 0 : (uint64_t)vector->dictionary->values.int64s[vector->values.codes[i]];
    return sum;
}

static bool is_view(struct df_slice text)
{
    return text.size == 4 && memcmp(text.data, "view", 4) == 0;
}

static int look_at_dictionary(struct sums *sums, const struct df_dictionary *dictionary, struct df_error *error)
{
    if (sums->wanted && sums->dictionary_serial == dictionary->serial)
        return 0;
    free(sums->wanted);
    sums->wanted = malloc(dictionary->count + (size_t)1);
    if (!sums->wanted)
        return df_error_set(error, DF_ERROR_EXHAUSTED, "no memory for %" PRIu32 " entries", dictionary->count);
    for (uint32_t i = 0; i < dictionary->count; i++)
        sums->wanted[i] = is_view(dictionary->values.bytes[i]);
    sums->dictionary_serial = dictionary->serial;
    return 0;
}

static int count_views(struct sums *sums, const struct df_vector *vector, struct df_error *error)
{
    uint64_t views = 0;
    if (vector->kind == DF_VECTOR_CODES) {
        if (look_at_dictionary(sums, vector->dictionary, error) < 0)
            return -1;
        for (uint32_t i = 0; i < vector->row_count; i++)
            views += !df_vector_is_null(vector, i) && sums->wanted[vector->values.codes[i]];
    } else if (vector->kind == DF_VECTOR_BYTES) {
        for (uint32_t i = 0; i < vector->row_count; i++)
            views += !df_vector_is_null(vector, i) && is_view(vector->values.bytes[i]);
    }
    sums->views += views;
    return 0;
}

static int scan_file(struct df_parquet_file *file, const char *uri, struct sums *sums, struct df_error *error)
{
    uint32_t columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        int64_t found = df_parquet_column_find(file, names[i]);
        if (found < 0)
            return df_error_set(error, DF_ERROR_INVALID, "%s: no column '%s'", uri, names[i]);
        columns[i] = (uint32_t)found;
    }
    struct df_parquet_scan_options options = {.columns = columns,
                                              .column_count = COLUMNS,
                                              .row_group_end = df_parquet_row_group_count(file),
                                              .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    if (df_parquet_scan_open(&scan, file, &options, error) < 0)
        return -1;
    const struct df_vector *vectors;
    uint32_t rows;
    int result;
    while ((result = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0) {
        sums->user += sum_of(&vectors[USER]);
        sums->time += sum_of(&vectors[TIME]);
        if ((result = count_views(sums, &vectors[EVENT], error)) < 0)
            break;
    }
    df_parquet_scan_close(scan);
    /* Serials are unique within a scan only. */
    free(sums->wanted);
    sums->wanted = NULL;
    return result;
}

static int scan(struct df_store *store, const char *uri, struct sums *sums, struct df_error *error)
{
    struct df_parquet_file *file = NULL;
    struct df_parquet_open open = {.store = store, .uri = uri, .deadline = df_deadline_never()};
    int result = df_parquet_file_open(&file, &open, error);
    if (result == 0)
        result = scan_file(file, uri, sums, error);
    df_parquet_file_close(file);
    return result;
}

int main(int argc, char **argv)
{
    struct df_error error = {0};
    struct sums sums = {0};
    struct df_store *store;
    int result = df_store_create(&store, &error);
    if (result == 0) {
        for (int i = 1; i < argc && result == 0; i++)
            result = scan(store, argv[i], &sums, &error);
        df_store_free(store);
    }
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", df_error_name(error.kind), error.message);
        return df_error_exit_code(error.kind);
    }
    printf("[%" PRIu64 ", %" PRIu64 ", %" PRIu64 "]\n", sums.user, sums.time, sums.views);
    return 0;
}
