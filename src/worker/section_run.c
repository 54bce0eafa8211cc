#include "worker/section_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is read even when the account is full: without it nothing goes on. */
enum { SMALL_RUN_BYTES = 1024 * 1024 };

static const struct df_section_set *remote_set(const struct df_section_manifest *manifest, uint32_t producer)
{
    const struct df_section_set *set = df_section_manifest_set(manifest, producer);
    return set && df_section_set_is_remote(set) ? set : NULL;
}

static uint64_t run_bytes(const struct df_section_manifest *manifest, uint32_t begin, uint32_t end)
{
    uint64_t bytes = 0;
    for (uint32_t producer = 0; producer < df_section_manifest_producers(manifest); producer++) {
        const struct df_section_set *set = remote_set(manifest, producer);
        bytes += set ? set->offsets[end] - set->offsets[begin] : 0; /* sums of checked sizes; see of_object */
    }
    return bytes;
}

void df_section_run_dispose(struct df_section_run *run)
{
    df_budget_give(run->budget, run->size_bytes);
    free(run->bytes);
    free(run->starts);
    *run = (struct df_section_run){.budget = run->budget};
}

/* Halves the run until the account takes it. */
static int choose_end(struct df_section_run *run, const struct df_section_manifest *manifest, uint32_t begin,
                      uint32_t end, struct df_error *error)
{
    for (;;) {
        uint64_t bytes = run_bytes(manifest, begin, end);
        bool taken = df_budget_take(run->budget, bytes);
        if (!taken && end - begin == 1 && bytes > SMALL_RUN_BYTES)
            return df_error_set(error, DF_ERROR_EXHAUSTED,
                                "memory has no room to read the %" PRIu64
                                " bytes of one section; raise the memory limit (--memory), or the function's memory",
                                bytes);
        if (!taken && end - begin == 1) {
            df_budget_force(run->budget, bytes);
            taken = true;
        }
        if (taken) {
            run->size_bytes = bytes;
            run->begin = begin;
            run->end = end;
            return 0;
        }
        end = begin + (end - begin) / 2;
    }
}

struct reading {
    struct df_section_run *run;
    const uint32_t *producers; /* of the items */
};

static int take_piece(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    (void)error;
    const struct reading *reading = ctx;
    memcpy(reading->run->bytes + reading->run->starts[reading->producers[item]] + offset, piece.data, piece.size);
    return 0;
}

static int read_objects(struct df_section_run *run, const struct df_section_manifest *manifest,
                        struct df_read_item *items, uint32_t *producers, const atomic_bool *cancelled,
                        struct df_error *error)
{
    size_t count = 0;
    uint64_t start = 0;
    struct df_store *store = NULL;
    for (uint32_t producer = 0; producer < df_section_manifest_producers(manifest); producer++) {
        const struct df_section_set *set = remote_set(manifest, producer);
        uint64_t size = set ? set->offsets[run->end] - set->offsets[run->begin] : 0;
        run->starts[producer] = start;
        start += size;
        if (size == 0)
            continue;
        store = set->store;
        producers[count] = producer;
        items[count++] = (struct df_read_item){.uri = set->uri, .offset = set->offsets[run->begin], .size_bytes = size};
    }
    struct df_read read = {
        .items = items, .item_count = count, .deadline = df_deadline_never(), .cancelled = cancelled};
    struct reading reading = {.run = run, .producers = producers};
    return count ? df_store_read(store, &read, take_piece, &reading, error) : 0;
}

int df_section_run_load(struct df_section_run *run, const struct df_section_manifest *manifest, uint32_t begin,
                        uint32_t end, const atomic_bool *cancelled, struct df_error *error)
{
    df_section_run_dispose(run);
    if (run_bytes(manifest, begin, end) == 0) {
        run->begin = begin;
        run->end = end;
        return 0;
    }
    if (choose_end(run, manifest, begin, end, error) != 0)
        return -1;
    size_t producers = df_section_manifest_producers(manifest);
    run->bytes = malloc(run->size_bytes ? run->size_bytes : 1);
    run->starts = calloc(producers, sizeof *run->starts);
    struct df_read_item *items = calloc(producers, sizeof *items);
    uint32_t *numbers = calloc(producers, sizeof *numbers);
    int rc = run->bytes && run->starts && items && numbers
                 ? read_objects(run, manifest, items, numbers, cancelled, error)
                 : df_error_no_memory(error, "reading sections");
    free(items);
    free(numbers);
    if (rc != 0)
        df_section_run_dispose(run);
    return rc;
}

struct df_slice df_section_run_piece(const struct df_section_run *run, const struct df_section_set *set,
                                     uint32_t producer, uint32_t section)
{
    uint64_t at = run->starts[producer] + set->offsets[section] - set->offsets[run->begin];
    return df_slice_make(run->bytes + at, (size_t)df_section_set_size(set, section));
}
