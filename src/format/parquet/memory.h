/* Memory of a Parquet reader, on the account of the process: an arena for metadata, and buffers that grow.
 *
 * What the account refuses is not allocated. Thread: one at a time. */
#ifndef DF_FORMAT_PARQUET_MEMORY_H
#define DF_FORMAT_PARQUET_MEMORY_H

#include "base/arena.h"
#include "base/budget.h"

struct df_parquet_memory {
    struct df_arena arena;
    struct df_budget *budget; /* borrowed, NULL: no account */
    uint64_t charged_bytes;
};

/* Cleared; NULL when the account or the machine has no more. A count of 0 gives a place, too. */
void *df_parquet_memory_array(struct df_parquet_memory *memory, size_t count, size_t element_bytes);
char *df_parquet_memory_text(struct df_parquet_memory *memory, struct df_slice text); /* a NUL behind it */
void df_parquet_memory_dispose(struct df_parquet_memory *memory);

/* Memory of one growing thing; {0} is empty. */
struct df_parquet_buffer {
    uint8_t *data; /* owned */
    size_t capacity;
};

/* Room for `bytes`, the first keep_bytes of the content kept (0: any content is lost). share_percent below 100 asks
 * only for that share of the account: for reading ahead. False when it cannot be had; the content is then as it was, or
 * gone if nothing was to be kept. */
bool df_parquet_buffer_ensure(struct df_parquet_buffer *buffer, struct df_budget *budget, size_t bytes,
                              size_t keep_bytes, unsigned share_percent);
void df_parquet_buffer_dispose(struct df_parquet_buffer *buffer, struct df_budget *budget);

#endif
