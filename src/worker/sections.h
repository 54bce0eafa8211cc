/* Sections of an exchange: what the parts of one stage leave for those of the next.
 *
 * One layout everywhere, per (part, attempt): the K sections in order, and K + 1 offsets.
 *
 *     bytes    | section 0 | section 1 | … | section K-1 |
 *     offsets  0           o1          o2  …             oK = size
 *
 * The bytes lie in memory, or in a file of the temporary folder when the budget says so (and, between processes, in one
 * object). A section set has one owner; a manifest owns the winners of a stage. */
#ifndef DF_WORKER_SECTIONS_H
#define DF_WORKER_SECTIONS_H

#include <stdatomic.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/engine.h"

/* ---- what one part wrote ---- */

struct df_section_set; /* immutable once made; thread: any */

void df_section_set_free(struct df_section_set *set); /* gives back memory and its place in the file; NULL is fine */
uint64_t df_section_set_bytes(const struct df_section_set *set);
bool df_section_set_spilled(const struct df_section_set *set);

/* ---- writing ---- */

struct df_section_builder;
struct df_spill; /* worker/spill.h */

/* Memory is taken from the account in blocks, and together with all other sections at most half of it; when it says no,
 * what was written so far goes to the temporary folder (NULL: never). While it writes, a builder takes
 * a small floor in any case: 64 KB, or 64 bytes per section. Thread: one per builder. */
int df_section_builder_create(struct df_section_builder **builder, uint32_t sections, struct df_budget *budget,
                              const char *temporary_folder, struct df_error *error);
/* As above, with the spill file shared by many builders (NULL: never), and an early end: when *cancelled (may be NULL)
 * turns true, putting aside and merging fail as `cancelled`. */
int df_section_builder_create_shared(struct df_section_builder **builder, uint32_t sections, struct df_budget *budget,
                                     struct df_spill *spill, const atomic_bool *cancelled, struct df_error *error);
/* Fails with exhausted when memory and temporary folder are both full; after a failure every call gives that error. */
int df_section_builder_put(struct df_section_builder *builder, uint32_t section, struct df_slice bytes,
                           struct df_error *error);
int df_section_builder_finish(struct df_section_builder *builder, struct df_section_set **set,
                              struct df_error *error);            /* frees the builder, also when it fails */
void df_section_builder_free(struct df_section_builder *builder); /* NULL is fine */

/* ---- between processes: sections as objects (section_object.c) ---- */

/* Puts the bytes of a set into an object as well, so that other processes can read them. Blocks. */
int df_section_set_publish(struct df_section_set *set, struct df_store *store, const char *uri, struct df_error *error);
/* A set that lies in an object. sizes: K varints, one per section; uri NULL: a set whose sections are all empty. */
int df_section_set_of_object(struct df_section_set **set, uint32_t sections, const char *uri, struct df_slice sizes,
                             struct df_store *store, struct df_error *error);
const char *df_section_set_uri(const struct df_section_set *set); /* NULL: not published */
void df_section_set_put_sizes(const struct df_section_set *set, struct df_buf *out);

/* ---- the winners of a stage ---- */

struct df_section_manifest; /* reference counted; filled by one thread, then read by any */

int df_section_manifest_create(struct df_section_manifest **manifest, uint32_t sections, struct df_error *error);
void df_section_manifest_hold(struct df_section_manifest *manifest);
void df_section_manifest_release(struct df_section_manifest *manifest); /* the last one frees the sets; NULL is fine */
/* Takes `set`, also on failure (NULL: a producer without sections, because its part failed and the engine went on).
 * Once per producer. Fails with corrupt when it has another number of sections. */
int df_section_manifest_put(struct df_section_manifest *manifest, uint32_t producer, struct df_section_set *set,
                            struct df_error *error);
uint32_t df_section_manifest_sections(const struct df_section_manifest *manifest);
uint32_t df_section_manifest_producers(const struct df_section_manifest *manifest);
uint64_t df_section_manifest_bytes(const struct df_section_manifest *manifest);
/* NULL: a producer without sections. */
const struct df_section_set *df_section_manifest_set(const struct df_section_manifest *manifest, uint32_t producer);
/* Publishes the sets that are not yet, under "<prefix>sections-<stage>-<producer>"; too_large when prefix is NULL and
 * one of them is not. Blocks; several threads may call it at once. */
int df_section_manifest_publish(struct df_section_manifest *manifest, struct df_store *store, const char *prefix,
                                uint32_t stage, struct df_error *error);

/* Section by section of [begin, end), producer by producer; see df_task_section_read. What was put aside is read into
 * memory of the account, piece by piece. cancelled may be NULL. */
int df_section_manifest_read(struct df_section_manifest *manifest, uint32_t begin, uint32_t end,
                             struct df_budget *budget, const atomic_bool *cancelled, df_section_fn *piece, void *ctx,
                             struct df_error *error);

#endif
