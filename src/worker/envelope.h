/* One batch of parts on its way to a worker: the envelope. Inside a process it travels by pointer; between processes it
 * is one JSON object (the contracts of the core, §8), so that `aws lambda invoke` works by hand.
 *
 * Read-only and shared while in flight: whoever holds one holds a reference on what it points to. */
#ifndef DF_WORKER_ENVELOPE_H
#define DF_WORKER_ENVELOPE_H

#include "engine/engine.h"
#include "worker/sections.h"

struct df_envelope {
    const struct df_engine *engine;
    const char *job; /* id: "1617106320-6a1e53e9" */
    uint32_t stage;
    uint32_t attempt; /* serial number of the batch within the job, never used twice */
    struct df_deadline deadline;
    struct df_slice request;

    const char *output_prefix; /* where partials over the limit go: "<prefix><stage>-<part>-<attempt>"; NULL: nowhere */
    /* An object that exists as long as the job: who has put objects looks at it afterwards, and removes them when it is
     * gone. So an attempt that nobody waits for any more leaves nothing behind. NULL: none. */
    const char *output_lease;
    uint64_t inline_bytes; /* partials of the whole batch that may stay in the answer; 0: no limit */
    uint32_t sections;     /* K; 0: none */

    struct df_section_manifest *inputs; /* of an exchange; NULL: none */

    const struct df_part *const *parts;
    uint32_t part_count;
};

#endif
