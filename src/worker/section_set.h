/* What a section set is made of: for its builder and the manifest only; everybody else uses sections.h. */
#ifndef DF_WORKER_SECTION_SET_H
#define DF_WORKER_SECTION_SET_H

#include "worker/sections.h"
#include "worker/spill.h"

struct df_section_set {
    uint32_t sections;
    uint64_t *offsets;      /* sections + 1, owned; NULL: all sections are empty */
    uint8_t *bytes;         /* owned; NULL: in the file, or there are none */
    struct df_spill *spill; /* NULL: in memory */
    uint64_t spill_offset;
    char *uri;              /* of the object with the same bytes, owned; NULL: there is none */
    struct df_store *store; /* where that is */
    struct df_budget *budget;
    uint64_t charged_bytes;
};

/* An empty set, with room for the offsets if there are bytes to come. */
int df_section_set_create(struct df_section_set **set, uint32_t sections, bool empty, struct df_budget *budget,
                          struct df_error *error);

/* True when the object is the only place of the bytes. */
static inline bool df_section_set_is_remote(const struct df_section_set *set)
{
    return set->offsets && !set->bytes && !set->spill;
}

static inline uint64_t df_section_set_size(const struct df_section_set *set, uint32_t section)
{
    return set->offsets ? set->offsets[section + 1] - set->offsets[section] : 0;
}

#endif
