/* Room on disk for what memory has no place for: one file in the temporary folder, shared by any number of section
 * sets.
 *
 * One file for all of them, because a stage may leave thousands of sets and a process has about a thousand file
 * descriptors. It has no name (O_TMPFILE, or removed right after it was made), so that a killed process leaves nothing.
 * A region that is given back becomes a hole; when the last one is given back the file is empty again.
 *
 * Thread: any. Whoever reserved a region is the only one that writes it. */
#ifndef DF_WORKER_SPILL_H
#define DF_WORKER_SPILL_H

#include "base/error.h"
#include "base/slice.h"

struct df_spill; /* reference counted */

/* The file is made by the first reservation: a folder that cannot be used is an error only when it is needed. */
int df_spill_create(struct df_spill **spill, const char *folder, struct df_error *error);
struct df_spill *df_spill_hold(struct df_spill *spill);
void df_spill_release(struct df_spill *spill); /* the last one closes the file; NULL is fine */

/* A place for size_bytes. Nothing is written, so it costs no disk yet and may be more than is needed in the end. Fails
 * with exhausted, whatever is wrong with the folder: it could not take what memory could not. */
int df_spill_reserve(struct df_spill *spill, uint64_t size_bytes, uint64_t *offset, struct df_error *error);
void df_spill_give(struct df_spill *spill, uint64_t offset, uint64_t size_bytes);

int df_spill_write(struct df_spill *spill, uint64_t offset, struct df_slice bytes, struct df_error *error);
int df_spill_read(struct df_spill *spill, uint64_t offset, uint8_t *to, size_t size, struct df_error *error);

#endif
