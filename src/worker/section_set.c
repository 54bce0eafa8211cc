/* Section sets, the manifest that collects those of a stage, and reading it. */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/size.h"
#include "worker/section_run.h"
#include "worker/section_set.h"

/* ---- sets ---- */

int df_section_set_create(struct df_section_set **out, uint32_t sections, bool empty, struct df_budget *budget,
                          struct df_error *error)
{
    *out = NULL;
    struct df_section_set *set = calloc(1, sizeof *set);
    uint64_t *offsets = empty ? NULL : calloc((size_t)sections + 1, sizeof *offsets);
    if (!set || (!empty && !offsets)) {
        free(set);
        free(offsets);
        return df_error_no_memory(error, "finishing sections");
    }
    set->sections = sections;
    set->offsets = offsets;
    set->budget = budget;
    /* Without its offsets a set cannot be read at all. */
    set->charged_bytes = sizeof *set + (empty ? 0 : ((uint64_t)sections + 1) * sizeof *offsets);
    df_budget_force(budget, set->charged_bytes);
    *out = set;
    return 0;
}

void df_section_set_free(struct df_section_set *set)
{
    if (!set)
        return;
    if (set->spill)
        df_spill_give(set->spill, set->spill_offset, df_section_set_bytes(set));
    df_spill_release(set->spill);
    df_budget_give(set->budget, set->charged_bytes);
    free(set->uri);
    free(set->bytes);
    free(set->offsets);
    free(set);
}

uint64_t df_section_set_bytes(const struct df_section_set *set)
{
    return set->offsets ? set->offsets[set->sections] : 0;
}

bool df_section_set_spilled(const struct df_section_set *set)
{
    return set->spill != NULL;
}

/* ---- the manifest ---- */

struct df_section_manifest {
    atomic_uint references;
    pthread_mutex_t publishing; /* guards `uri` of the sets while envelopes are written */
    uint32_t sections;
    uint32_t producers;
    uint32_t capacity;
    struct df_section_set **sets; /* owned, as are the sets; NULL: a producer without sections */
    uint64_t bytes;
};

int df_section_manifest_create(struct df_section_manifest **out, uint32_t sections, struct df_error *error)
{
    *out = NULL;
    struct df_section_manifest *manifest = calloc(1, sizeof *manifest);
    if (!manifest)
        return df_error_no_memory(error, "collecting sections");
    atomic_init(&manifest->references, 1);
    pthread_mutex_init(&manifest->publishing, NULL);
    manifest->sections = sections;
    *out = manifest;
    return 0;
}

void df_section_manifest_hold(struct df_section_manifest *manifest)
{
    atomic_fetch_add_explicit(&manifest->references, 1, memory_order_relaxed);
}

void df_section_manifest_release(struct df_section_manifest *manifest)
{
    if (!manifest || atomic_fetch_sub_explicit(&manifest->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < manifest->producers; i++)
        df_section_set_free(manifest->sets[i]);
    free(manifest->sets);
    pthread_mutex_destroy(&manifest->publishing);
    free(manifest);
}

static int make_room(struct df_section_manifest *manifest, uint32_t producer, struct df_error *error)
{
    if (producer < manifest->capacity)
        return 0;
    size_t capacity = manifest->capacity ? (size_t)manifest->capacity * 2 : 16;
    if (capacity <= producer)
        capacity = (size_t)producer + 1;
    if (capacity > UINT32_MAX)
        capacity = UINT32_MAX;
    size_t bytes;
    struct df_section_set **sets = NULL;
    if (producer < UINT32_MAX && df_size_mul(&bytes, capacity, sizeof *sets) == 0)
        sets = realloc(manifest->sets, bytes);
    if (!sets)
        return df_error_no_memory(error, "collecting sections");
    memset(sets + manifest->capacity, 0, (capacity - manifest->capacity) * sizeof *sets);
    manifest->sets = sets;
    manifest->capacity = (uint32_t)capacity;
    return 0;
}

int df_section_manifest_put(struct df_section_manifest *manifest, uint32_t producer, struct df_section_set *set,
                            struct df_error *error)
{
    int rc = 0;
    if (set && set->sections != manifest->sections)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "part %" PRIu32 " wrote %" PRIu32 " sections, expected %" PRIu32,
                          producer, set->sections, manifest->sections);
    if (rc == 0)
        rc = make_room(manifest, producer, error);
    if (rc != 0) {
        df_section_set_free(set);
        return -1;
    }
    assert(!manifest->sets[producer]); /* one winner per part */
    manifest->sets[producer] = set;
    if (manifest->producers <= producer)
        manifest->producers = producer + 1;
    manifest->bytes += set ? df_section_set_bytes(set) : 0;
    return 0;
}

uint32_t df_section_manifest_sections(const struct df_section_manifest *manifest)
{
    return manifest->sections;
}

uint32_t df_section_manifest_producers(const struct df_section_manifest *manifest)
{
    return manifest->producers;
}

uint64_t df_section_manifest_bytes(const struct df_section_manifest *manifest)
{
    return manifest->bytes;
}

const struct df_section_set *df_section_manifest_set(const struct df_section_manifest *manifest, uint32_t producer)
{
    return manifest->sets[producer];
}

static int publish_synced(struct df_section_manifest *manifest, struct df_store *store, const char *prefix,
                          uint32_t stage, struct df_error *error)
{
    for (uint32_t producer = 0; producer < manifest->producers; producer++) {
        struct df_section_set *set = manifest->sets[producer];
        if (!set || !set->offsets || set->uri)
            continue;
        if (!prefix)
            return df_error_set(error, DF_ERROR_TOO_LARGE,
                                "sections of an exchange need a place that every worker reaches; set --result-prefix "
                                "s3://bucket/prefix/");
        struct df_buf uri = {0};
        df_buf_printf(&uri, "%ssections-%" PRIu32 "-%" PRIu32, prefix, stage, producer);
        int rc = df_section_set_publish(set, store, df_buf_text(&uri), error);
        df_buf_dispose(&uri);
        if (rc != 0)
            return -1;
    }
    return 0;
}

int df_section_manifest_publish(struct df_section_manifest *manifest, struct df_store *store, const char *prefix,
                                uint32_t stage, struct df_error *error)
{
    pthread_mutex_lock(&manifest->publishing);
    int rc = publish_synced(manifest, store, prefix, stage, error);
    pthread_mutex_unlock(&manifest->publishing);
    return rc;
}

/* ---- reading ---- */

/* The engine asked for this many sections of about the memory limit, so one producer's piece of one section is small
 * against it; a piece up to this size is read even when the account is full, since without it nothing goes on. */
enum { SMALL_READ_BYTES = 1024 * 1024 };

/* Where a piece of a spilled set is read to; grows with the largest one. */
struct read_buffer {
    struct df_budget *budget;
    uint8_t *data; /* owned */
    size_t capacity;
};

static void read_buffer_dispose(struct read_buffer *buffer)
{
    free(buffer->data);
    df_budget_give(buffer->budget, buffer->capacity);
    *buffer = (struct read_buffer){.budget = buffer->budget};
}

static int read_buffer_make_room(struct read_buffer *buffer, uint64_t size, struct df_error *error)
{
    if (size <= buffer->capacity)
        return 0;
    read_buffer_dispose(buffer);
    if (size > SIZE_MAX / 2)
        return df_error_no_memory(error, "reading a section");
    /* A quarter more, so that slowly growing pieces do not ask each time. */
    uint64_t capacity = size + size / 4;
    if (!df_budget_take(buffer->budget, capacity)) {
        capacity = size;
        if (capacity <= SMALL_READ_BYTES)
            df_budget_force(buffer->budget, capacity);
        else if (!df_budget_take(buffer->budget, capacity))
            return df_error_set(
                error, DF_ERROR_EXHAUSTED,
                "memory has no room to read %" PRIu64 " bytes of one section; raise the memory limit (--memory)", size);
    }
    buffer->capacity = (size_t)capacity;
    buffer->data = malloc(buffer->capacity);
    if (!buffer->data) {
        read_buffer_dispose(buffer);
        return df_error_no_memory(error, "reading a section");
    }
    return 0;
}

static int fetch(const struct df_section_set *set, uint32_t producer, uint32_t section,
                 const struct df_section_run *run, struct read_buffer *buffer, struct df_slice *piece,
                 struct df_error *error)
{
    uint64_t size = df_section_set_size(set, section);
    if (df_section_set_is_remote(set)) {
        *piece = df_section_run_piece(run, set, producer, section);
        return 0;
    }
    if (!set->spill) {
        *piece = df_slice_make(set->bytes + set->offsets[section], (size_t)size);
        return 0;
    }
    if (read_buffer_make_room(buffer, size, error) != 0 ||
        df_spill_read(set->spill, set->spill_offset + set->offsets[section], buffer->data, (size_t)size, error) != 0)
        return -1;
    *piece = df_slice_make(buffer->data, (size_t)size);
    return 0;
}

int df_section_manifest_read(struct df_section_manifest *manifest, uint32_t begin, uint32_t end,
                             struct df_budget *budget, const atomic_bool *cancelled, df_section_fn *piece, void *ctx,
                             struct df_error *error)
{
    if (begin > end || end > manifest->sections)
        return df_error_set(error, DF_ERROR_INVALID, "sections %" PRIu32 " to %" PRIu32 " asked of %" PRIu32, begin,
                            end, manifest->sections);
    struct read_buffer buffer = {.budget = budget};
    struct df_section_run run = {.budget = budget};
    int rc = 0;
    for (uint32_t section = begin; rc == 0 && section < end; section++) {
        if (section >= run.end)
            rc = df_section_run_load(&run, manifest, section, end, cancelled, error);
        for (uint32_t producer = 0; rc == 0 && producer < manifest->producers; producer++) {
            const struct df_section_set *set = manifest->sets[producer];
            struct df_slice bytes;
            if (!set || df_section_set_size(set, section) == 0)
                continue;
            if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
                rc = df_error_set(error, DF_ERROR_CANCELLED, "cancelled");
            else if ((rc = fetch(set, producer, section, &run, &buffer, &bytes, error)) == 0)
                rc = piece(ctx, producer, section, bytes, error);
        }
    }
    df_section_run_dispose(&run);
    read_buffer_dispose(&buffer);
    return rc == 0 ? 0 : -1;
}
