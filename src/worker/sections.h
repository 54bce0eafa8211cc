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

#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/engine.h"

/* ---- what one part wrote ---- */

struct df_section_set; /* immutable once made; thread: any */

void df_section_set_free(struct df_section_set *set); /* gives back memory, removes its file; NULL is fine */
uint64_t df_section_set_bytes(const struct df_section_set *set);
bool df_section_set_spilled(const struct df_section_set *set);

/* ---- writing ---- */

struct df_section_builder;
/* temporary_folder: where to spill; NULL: never. Thread: one per builder. */
int df_section_builder_create(struct df_section_builder **builder, uint32_t sections, struct df_budget *budget,
                              const char *temporary_folder, struct df_error *error);
int df_section_builder_put(struct df_section_builder *builder, uint32_t section, struct df_slice bytes,
                           struct df_error *error);
int df_section_builder_finish(struct df_section_builder *builder, struct df_section_set **set,
                              struct df_error *error); /* frees the builder, also when it fails */
void df_section_builder_free(struct df_section_builder *builder); /* NULL is fine */

/* ---- the winners of a stage ---- */

struct df_section_manifest; /* reference counted; filled by one thread, then read by any */

int df_section_manifest_create(struct df_section_manifest **manifest, uint32_t sections, struct df_error *error);
void df_section_manifest_hold(struct df_section_manifest *manifest);
void df_section_manifest_release(struct df_section_manifest *manifest); /* the last one frees the sets; NULL is fine */
/* Takes `set` (NULL: a producer without sections, because its part failed and the engine went on). */
int df_section_manifest_put(struct df_section_manifest *manifest, uint32_t producer, struct df_section_set *set,
                            struct df_error *error);
uint32_t df_section_manifest_sections(const struct df_section_manifest *manifest);
uint32_t df_section_manifest_producers(const struct df_section_manifest *manifest);
uint64_t df_section_manifest_bytes(const struct df_section_manifest *manifest);

/* Section by section of [begin, end), producer by producer; see df_task_section_read. */
int df_section_manifest_read(struct df_section_manifest *manifest, uint32_t begin, uint32_t end,
                             struct df_budget *budget, const atomic_bool *cancelled, df_section_fn *piece,
                             void *ctx, struct df_error *error);

#endif
