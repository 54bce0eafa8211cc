/* Cohorts as files: Parquet, CSV or NDJSON, as the name's ending says.
 *
 *     open ─► put … ─► commit     the file stands in its place, whole
 *                  └─► abort      nothing is left
 *
 * CSV is RFC 4180: a header, lines that end with CR LF, quotes where needed; null is an empty field, an empty string is
 * `""`. NDJSON has one object per line. In both, dates and times are ISO text, decimals have their digits, floats the
 * shortest text that reads back the same, UUIDs their text form; an infinite float is `inf` in CSV and null in JSON,
 * which has no word for it. Parquet keeps the types. Thread: one at a time. */
#ifndef DF_ENGINE_FUNNEL_EXPORT_WRITE_H
#define DF_ENGINE_FUNNEL_EXPORT_WRITE_H

#include "engine/funnel/result/cohort.h"
#include "store/store.h"

enum df_funnel_export_format {
    DF_FUNNEL_EXPORT_PARQUET,
    DF_FUNNEL_EXPORT_CSV,
    DF_FUNNEL_EXPORT_NDJSON,
    DF_FUNNEL_EXPORT_FORMATS
};
/* From the ending of the name; of a folder ("…/") Parquet. False when it is none of the three. */
bool df_funnel_export_format_of(const char *uri, enum df_funnel_export_format *format);

/* What can be told of an export before any file is read: its format, and that no two columns have one name
 * (df_funnel_cohort_check). Nothing to check without an export. Fails with invalid. */
int df_funnel_export_check(const struct df_funnel_request *request, struct df_error *error);

struct df_funnel_export_writer;

/* `like` has the columns of all cohorts that follow (its rows are not written). */
int df_funnel_export_open(struct df_funnel_export_writer **writer, struct df_store *store, const char *uri,
                          const struct df_funnel_cohort *like, struct df_error *error);
/* Appends the rows of a cohort. Fails with invalid when its columns are others (a column that is of one type in some
 * files and of another in others: names both), and as the store does. */
int df_funnel_export_put(struct df_funnel_export_writer *writer, struct df_funnel_cohort *cohort,
                         struct df_error *error);
uint64_t df_funnel_export_rows(const struct df_funnel_export_writer *writer);
int df_funnel_export_commit(struct df_funnel_export_writer *writer, struct df_error *error); /* frees it in any case */
void df_funnel_export_abort(struct df_funnel_export_writer *writer); /* frees it; NULL is fine */

#endif
