/* Rows of rr-synth as a Parquet file: timestamp, visitorid, event, itemid, transactionid, categoryid, available, price,
 * cryptic_attrs; events and categories as dictionaries, snappy. */
#ifndef DF_CLI_RR_PARQUET_H
#define DF_CLI_RR_PARQUET_H

#include "base/progress.h"
#include "cli/rr_synth.h"
#include "store/store.h"

struct df_rr_file {
    const char *uri;
    const struct df_rr_row *rows; /* in the order of the file */
    size_t row_count;
    /* All rows of each visitor are here: said in the file's metadata. Which writing it is of (a text that only writings
     * with the same rows in the same files share), and which part of it. NULL: not so. */
    const char *writing;
    uint64_t part;
};

/* Writes the file, whole or not at all; rows and bytes are added to progress. Ends as cancelled between batches when
 * the flag is set (NULL: never). Thread: any. */
int df_rr_write_parquet(struct df_store *store, const struct df_rr_file *file, struct df_progress *progress,
                        const atomic_bool *cancelled, struct df_error *error);

#endif
