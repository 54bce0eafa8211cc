/* Some neighbouring sections of all producers whose sets lie in objects, fetched at once: for the manifest only. */
#ifndef DF_WORKER_SECTION_RUN_H
#define DF_WORKER_SECTION_RUN_H

#include "worker/section_set.h"

struct df_section_run {
    struct df_budget *budget;
    uint32_t begin, end; /* sections that are here; end 0: none yet */
    uint8_t *bytes;      /* owned: producer by producer, its sections of the run; NULL: no set is remote */
    uint64_t *starts;    /* owned: where a producer begins in `bytes` */
    uint64_t size_bytes;
};

/* Replaces the run by one that begins at `begin` and goes as far towards `end` as memory allows, one section at least.
 * All objects are read by one call of the store, in flight together. */
int df_section_run_load(struct df_section_run *run, const struct df_section_manifest *manifest, uint32_t begin,
                        uint32_t end, const atomic_bool *cancelled, struct df_error *error);
struct df_slice df_section_run_piece(const struct df_section_run *run, const struct df_section_set *set,
                                     uint32_t producer, uint32_t section);
void df_section_run_dispose(struct df_section_run *run);

#endif
