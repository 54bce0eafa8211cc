/* The records of a section in the order user, time, place in the data set, in bounded memory.
 *
 * A pass reads the section and keeps the records behind those that were given already. When memory is full it sorts
 * what it has, forgets the greater half and from then on passes over everything behind the rest; at its end it has the
 * smallest records that there are still to give. So each pass gives a run of at least half of the memory, the runs
 * follow each other, and how many there are changes nothing. Thread: one. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_SORTER_H
#define DF_ENGINE_FUNNEL_REPARTITION_SORTER_H

#include "engine/engine.h"
#include "engine/funnel/repartition/row.h"

struct df_repartition_sorter;

/* part: of one section. The layout must outlive the sorter. */
int df_repartition_sorter_create(struct df_repartition_sorter **sorter, struct df_task *task,
                                 const struct df_part *part, const struct df_repartition_layout *layout,
                                 struct df_error *error);
void df_repartition_sorter_free(struct df_repartition_sorter *sorter); /* NULL is fine */

/* 1: the next run, of *count records; 0: all were given; -1. */
int df_repartition_sorter_next(struct df_repartition_sorter *sorter, size_t *count, struct df_error *error);
/* Record i of the run; valid until the next one. */
struct df_slice df_repartition_sorter_record(const struct df_repartition_sorter *sorter, size_t i);
/* Whether record i of the run has another user than the record before it (also of the run before). */
bool df_repartition_sorter_new_user(const struct df_repartition_sorter *sorter, size_t i);
bool df_repartition_sorter_has_user(const struct df_repartition_sorter *sorter, size_t i);

uint64_t df_repartition_sorter_read_bytes(const struct df_repartition_sorter *sorter);
uint32_t df_repartition_sorter_passes(const struct df_repartition_sorter *sorter);

#endif
