/* A df_funnel_source over rows that a test wrote down: users, times, which filters match, values of columns. What a
 * real source leaves unspecified is garbage here. */
#ifndef DF_FUNNEL_FAKE_SOURCE_H
#define DF_FUNNEL_FAKE_SOURCE_H

#include <inttypes.h>
#include <stdlib.h>

#include "engine/funnel/rows/source.h"
#include "testing/testing.h"

struct fake_row {
    bool no_user, no_time;
    int64_t user, time;
    uint64_t matches; /* a bit per root filter */
};

/* Values of all rows: one vector, which batches show a piece of. */
struct fake_column {
    struct df_type type;
    struct df_vector values;
};

enum { FAKE_BATCH_MAX = 1024, FAKE_COLUMNS_MAX = 8, FAKE_GARBAGE = 0x5a };

struct fake_source {
    struct df_funnel_source base;
    const struct fake_row *rows;
    uint32_t row_count, batch_rows;
    const struct fake_column *columns;
    bool fail; /* in the second batch */

    uint32_t at, current; /* rows handed over; those of the current batch */
    int64_t numbers[FAKE_BATCH_MAX], times[FAKE_BATCH_MAX];
    struct df_slice bytes[FAKE_BATCH_MAX];
    char texts[FAKE_BATCH_MAX][24];
    uint8_t valid[FAKE_BATCH_MAX], time_valid[FAKE_BATCH_MAX];
    uint32_t matched[FAKE_BATCH_MAX];
    struct df_type types[FAKE_COLUMNS_MAX];
    struct df_vector vectors[FAKE_COLUMNS_MAX];
    const struct df_vector *values[FAKE_COLUMNS_MAX];
};

static inline int fake_begin(struct df_funnel_source *base, enum df_funnel_reading reading, struct df_error *error)
{
    struct fake_source *source = (struct fake_source *)base;
    (void)error;
    assert_int_equal(reading, DF_FUNNEL_FACTS);
    source->at = source->current = 0;
    return 0;
}

static inline void fake_vector(struct df_vector *to, const struct df_vector *all, uint32_t first, uint32_t rows)
{
    *to = *all;
    to->row_count = rows;
    to->valid = all->valid ? all->valid + first : NULL;
    switch (all->kind) {
    case DF_VECTOR_INT64:
        to->values.int64s += first;
        break;
    case DF_VECTOR_FLOAT64:
        to->values.float64s += first;
        break;
    case DF_VECTOR_INT128:
        to->values.int128s += first;
        break;
    case DF_VECTOR_CODES:
        to->values.codes += first;
        break;
    default:
        fail_msg("a fake column of this kind is not written");
    }
}

static inline void fake_row(struct fake_source *source, uint32_t i, const struct fake_row *row)
{
    bool timed = !row->no_time && (row->matches || source->base.request->all_times);
    snprintf(source->texts[i], sizeof source->texts[i], "%" PRId64, row->user);
    source->bytes[i] = df_slice_text(row->user == 0 ? "" : source->texts[i]);
    source->numbers[i] = row->user;
    source->valid[i] = !row->no_user;
    source->time_valid[i] = !row->no_time;
    if (timed)
        source->times[i] = row->time;
    else
        memset(&source->times[i], FAKE_GARBAGE, sizeof source->times[i]);
}

static inline int fake_next(struct df_funnel_source *base, struct df_funnel_batch *batch, struct df_error *error)
{
    struct fake_source *source = (struct fake_source *)base;
    uint32_t first = source->at, left = source->row_count - first;
    uint32_t rows = left < source->batch_rows ? left : source->batch_rows;
    if (source->fail && first)
        return df_error_set(error, DF_ERROR_CORRUPT, "page 7 is broken");
    if (rows == 0)
        return 0;
    source->at += rows;
    source->current = rows;
    bool untimed = false;
    for (uint32_t i = 0; i < rows; i++) {
        fake_row(source, i, &source->rows[first + i]);
        untimed |= source->rows[first + i].no_time;
    }
    for (uint32_t i = 0; i < base->request->column_count; i++) {
        fake_vector(&source->vectors[i], &source->columns[i].values, first, rows);
        source->values[i] = base->request->columns[i].facts ? &source->vectors[i] : NULL;
    }
    *batch = (struct df_funnel_batch){.rows = rows,
                                      .first_row = first,
                                      .keys = {.kind = base->kind,
                                               .count = rows,
                                               .numbers = source->numbers,
                                               .bytes = source->bytes,
                                               .valid = source->valid},
                                      .times = source->times,
                                      .time_valid = untimed ? source->time_valid : NULL,
                                      .values = source->values};
    return 1;
}

static inline int fake_match(struct df_funnel_source *base, uint32_t filter, const uint32_t **rows, uint32_t *count,
                             struct df_error *error)
{
    struct fake_source *source = (struct fake_source *)base;
    (void)error;
    uint32_t first = source->at - source->current, matched = 0;
    memset(source->matched, FAKE_GARBAGE, sizeof source->matched); /* what the last call gave is gone */
    for (uint32_t i = 0; i < source->current; i++)
        if (!source->rows[first + i].no_user && (source->rows[first + i].matches >> filter & 1))
            source->matched[matched++] = i;
    *rows = source->matched;
    *count = matched;
    return 0;
}

/* rows, columns and request must outlive the source. */
static inline void fake_source_init(struct fake_source *source, const struct df_funnel_request *request,
                                    enum df_funnel_key_kind kind, const struct fake_row *rows, uint32_t row_count,
                                    uint32_t batch_rows, const struct fake_column *columns)
{
    static const struct fake_row none;
    *source = (struct fake_source){.base = {.request = request,
                                            .kind = kind,
                                            .scale_known = true,
                                            .scale = DF_FUNNEL_SCALE_MS,
                                            .begin = fake_begin,
                                            .next = fake_next,
                                            .match = fake_match},
                                   .rows = rows ? rows : &none,
                                   .row_count = row_count,
                                   .batch_rows = batch_rows,
                                   .columns = columns};
    assert_true(batch_rows > 0 && batch_rows <= FAKE_BATCH_MAX);
    for (uint32_t i = 0; columns && i < request->column_count; i++)
        source->types[i] = columns[i].type;
    source->base.types = source->types;
}

#endif
