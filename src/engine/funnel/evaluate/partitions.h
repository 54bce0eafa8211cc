/* The memory behind portions, and the loops that fill it: shared by portions.c and partitions.c only. */
#ifndef DF_ENGINE_FUNNEL_EVALUATE_PARTITIONS_H
#define DF_ENGINE_FUNNEL_EVALUATE_PARTITIONS_H

#include "base/buf.h"
#include "engine/funnel/evaluate/facts.h"

enum {
    DF_FUNNEL_PARTITION_SHIFT = 44,
    DF_FUNNEL_PARTITIONS_MAX = 256,
    DF_FUNNEL_CHUNK_ROWS = 512,
    DF_FUNNEL_STRETCH_ROWS = 1024, /* whose scratch arrays fit the L1 cache */
    DF_FUNNEL_MASK_FILTERS = 7,    /* bit 7 of a row's mask says that it has a time */
};
#define DF_FUNNEL_MASK_TIMED UINT8_C(0x80)

/* Rows of one partition, in order. Arrays that the request does not want are not there (NULL). */
struct df_funnel_rows_chunk {
    struct df_funnel_rows_chunk *next;
    struct df_slice *bytes; /* byte keys, in the partition's pool behind their length (u32) */
    uint32_t *ordinals;     /* of the row in the source */
    int64_t *facts; /* the columns of sums, one after the other, DF_FUNNEL_CHUNK_ROWS each: 64 bits of a value */
    uint8_t *fact_valid;
    uint32_t count;
    /* At fixed places, so that the loop that fills them needs one pointer. */
    union {
        int64_t numbers[DF_FUNNEL_CHUNK_ROWS]; /* users, or */
        uint64_t hashes[DF_FUNNEL_CHUNK_ROWS]; /* the hashes of byte keys */
    } keys;
    int64_t times[DF_FUNNEL_CHUNK_ROWS];
    uint16_t tags[DF_FUNNEL_CHUNK_ROWS]; /* low bits of the hash */
    uint8_t masks[DF_FUNNEL_CHUNK_ROWS]; /* bit b: it matches the filter that has bit b; DF_FUNNEL_MASK_TIMED */
};

struct df_funnel_partition {
    struct df_funnel_rows_chunk *first, *last;
    struct df_funnel_pool_block *pool;
    uint64_t full_rows; /* of the chunks before the last */
};

struct df_funnel_partitions {
    struct df_funnel_account *account;
    enum df_funnel_key_kind kind;
    uint32_t count; /* a power of two */
    uint32_t pass_mask, pass_value;
    uint32_t filter_count, filters[DF_FUNNEL_MASK_FILTERS]; /* root filter of each bit */
    bool with_ordinals;
    uint32_t fact_count;
    const uint32_t *fact_columns; /* borrowed: of the request's columns */
    size_t chunk_bytes;
    struct df_funnel_partition partitions[DF_FUNNEL_PARTITIONS_MAX];
    uint64_t row_count; /* of the source, those that do not count as well */
    bool any;           /* by order: there was a user before, who is */
    int64_t last_number;
    struct df_buf last_bytes;
    bool untimed; /* some row has no time */

    uint8_t masks[DF_FUNNEL_ROWS_MAX]; /* of one batch */
    /* Of a stretch of it. */
    uint64_t hashes[DF_FUNNEL_STRETCH_ROWS];
    uint16_t within[DF_FUNNEL_STRETCH_ROWS];
    int64_t values[DF_FUNNEL_STRETCH_ROWS]; /* of a fact */
    uint8_t valid[DF_FUNNEL_STRETCH_ROWS];
    struct df_funnel_rows_chunk *chunk_of[DF_FUNNEL_STRETCH_ROWS]; /* NULL: the row does not count */
};

void df_funnel_partitions_init(struct df_funnel_partitions *partitions);
/* By hash: the rows of a batch that count. DF_FUNNEL_DONE, OVER, -1. */
int df_funnel_partitions_add(struct df_funnel_partitions *partitions, struct df_funnel_source *source,
                             const struct df_funnel_batch *batch, struct df_error *error);
/* By order. First the masks of a batch; then its rows, all of them into partition 0. Append: false when it does not
 * fit, or when a user is less than the one before. */
int df_funnel_partitions_mask(struct df_funnel_partitions *partitions, struct df_funnel_source *source,
                              const struct df_funnel_batch *batch, struct df_error *error);
bool df_funnel_partitions_append(struct df_funnel_partitions *partitions, const struct df_funnel_batch *batch,
                                 uint32_t begin, uint32_t end);
/* The last row of [begin, end) that counts and has another user than the row before that counts; `begin` when there is
 * none. */
uint32_t df_funnel_partitions_last_change(const struct df_funnel_keys *keys, uint32_t begin, uint32_t end);

static inline uint64_t df_funnel_partition_rows(const struct df_funnel_partition *partition)
{
    return partition->full_rows + (partition->last ? partition->last->count : 0);
}
void df_funnel_partition_free(struct df_funnel_partitions *partitions, uint32_t index);
void df_funnel_partitions_dispose(struct df_funnel_partitions *partitions);

#endif
