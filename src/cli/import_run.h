/* Records as bytes, and sorted runs of them in the temporary folder.
 *
 *     u32 size of all | u32 part | u64 user, of an integer | u64 time | u32 size of the user's text, UINT32_MAX: null |
 *     text | values
 */
#ifndef DF_CLI_IMPORT_RUN_H
#define DF_CLI_IMPORT_RUN_H

#include "cli/import.h"

enum { DF_IMPORT_HEAD_BYTES = 28 };

size_t df_import_record_bytes(const struct df_import_record *record);
void df_import_record_store(uint8_t *to, const struct df_import_record *record);
/* Of bytes that df_import_record_store wrote; returns how many. */
size_t df_import_record_load(const uint8_t *from, struct df_import_record *record);

struct df_import_run {
    uint64_t offset, size_bytes;
};

/* Writing a run whose size is known. */
struct df_import_run_writer {
    struct df_spill *spill;
    struct df_import_run run;
    uint64_t written;
    struct df_buf pending;
};
int df_import_run_begin(struct df_import_run_writer *writer, struct df_spill *spill, uint64_t size_bytes,
                        struct df_error *error);
int df_import_run_put(struct df_import_run_writer *writer, const struct df_import_record *record,
                      struct df_error *error);
int df_import_run_end(struct df_import_run_writer *writer, struct df_error *error);
void df_import_run_dispose(struct df_import_run_writer *writer);

/* The least record of several runs, one after the other; of equal ones that of the first run. */
struct df_import_merge;
/* buffer_bytes: for each run, at least as long as the longest record. The runs are copied. */
int df_import_merge_open(struct df_import_merge **merge, struct df_spill *spill, const struct df_import_run *runs,
                         size_t run_count, size_t buffer_bytes, struct df_error *error);
int df_import_merge_next(struct df_import_merge *merge, struct df_import_record *record, struct df_error *error);
void df_import_merge_close(struct df_import_merge *merge);

#endif
