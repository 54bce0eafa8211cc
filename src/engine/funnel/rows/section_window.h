/* A run of blocks of one section, copied: what is read of an exchange comes as pieces that are valid during a callback
 * only, while a source is asked batch by batch.
 *
 * Usually the window is the whole section, and is kept for the next reading. When memory has no room for that, it is as
 * much of it as there is room for; the section is then read again for what comes behind. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SECTION_WINDOW_H
#define DF_ENGINE_FUNNEL_ROWS_SECTION_WINDOW_H

#include "engine/engine.h"
#include "engine/funnel/rows/record.h"

/* Before a block of a producer. */
struct df_funnel_section_place {
    uint32_t producer;
    size_t offset;
};

struct df_funnel_section_window {
    struct df_task *task;
    struct df_slice *pieces; /* each of whole blocks; owned, with what they point to */
    size_t piece_count, piece_capacity;
    size_t room_bytes; /* behind the last piece, for small ones */
    uint64_t charged_bytes;
    uint64_t read_bytes;    /* of the section, to fill the window */
    uint64_t surveyed_rows; /* of all blocks, where it was filled with a reader */
    bool filled;            /* false: nothing is here yet */
    struct df_funnel_section_place begin;
    bool complete;                      /* nothing comes behind it */
    struct df_funnel_section_place end; /* if not complete */
};

/* Replaces the window by one that begins at `begin`: one block at least, if there is any. With a reader it surveys all
 * blocks of the section, those outside of the window as well. section: a part of one section. Fails with what
 * df_task_section_read fails with, corrupt and invalid (df_funnel_record_survey). */
int df_funnel_section_window_fill(struct df_funnel_section_window *window, const struct df_part *section,
                                  struct df_funnel_section_place begin, struct df_funnel_record_reader *survey,
                                  struct df_error *error);
void df_funnel_section_window_dispose(struct df_funnel_section_window *window); /* empty afterwards, of the same task */

#endif
