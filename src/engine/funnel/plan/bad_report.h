/* What a worker tells of a file that cannot be read: a partial of its own, so that the coordinator knows the fault to
 * be the file's, and not that of a worker, a section or an export, which have errors of the same kinds.
 *
 *     report   | 0 (1): no version of other partials | version (1) | kind (1) | bytes read (varint) | message, to the
 * end |
 */
#ifndef DF_ENGINE_FUNNEL_PLAN_BAD_REPORT_H
#define DF_ENGINE_FUNNEL_PLAN_BAD_REPORT_H

#include "base/buf.h"
#include "base/error.h"

/* Kinds that tell of a file, when reading it has failed: what remains so however often it is tried. */
bool df_funnel_bad_kind(enum df_error_kind kind);

void df_funnel_bad_report_encode(const struct df_error *why, uint64_t bytes_read, struct df_buf *out);
/* Whether a partial is a report at all. */
bool df_funnel_bad_report_is(struct df_slice blob);
int df_funnel_bad_report_decode(struct df_slice blob, struct df_error *why, uint64_t *bytes_read,
                                struct df_error *error);

#endif
