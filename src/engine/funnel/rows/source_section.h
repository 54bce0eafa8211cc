/* One section of an exchange as a source: what rows/scatter.h of all producers wrote, in part order. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SOURCE_SECTION_H
#define DF_ENGINE_FUNNEL_ROWS_SOURCE_SECTION_H

#include "engine/engine.h"
#include "engine/funnel/rows/source.h"

struct df_funnel_source_section {
    struct df_funnel_source source;
    struct df_task *task;
    struct df_part section;                       /* the part, narrowed to one section */
    uint64_t bytes_read;                          /* of sections, as often as they were read */
    struct df_funnel_source_section_state *state; /* owned */
};

/* kind, scale and so on are those of the scattered files; the coordinator has compared them and hands them on: whoever
 * opens sets them in section->source afterwards (kind, scale_known, scale, times_turned, user_type, time_type). A
 * section with blocks takes all but `kind` from these, and the types of columns always; types known from one section
 * stay known in the next. begin fails with invalid when two files have different types for a column, and with corrupt
 * when users are of another kind. Dispose also after a failure.
 *
 * Memory: a copy of the section, kept for all its readings, where the account has room within three quarters of its
 * limit; otherwise of a piece of it, and the section is read again from the exchange for every piece. */
int df_funnel_source_section_open(struct df_funnel_source_section *section, struct df_task *task,
                                  const struct df_part *part, const struct df_funnel_request *request,
                                  struct df_error *error);
/* The next reading is of this section; that of part->range_begin before it is called. */
void df_funnel_source_section_at(struct df_funnel_source_section *section, uint64_t index);
void df_funnel_source_section_dispose(struct df_funnel_source_section *section);

#endif
