/* Rows of a cohort as text. Inside of export/ only. */
#ifndef DF_ENGINE_FUNNEL_EXPORT_TEXT_H
#define DF_ENGINE_FUNNEL_EXPORT_TEXT_H

#include "base/json_write.h"
#include "engine/funnel/result/cohort.h"

void df_funnel_export_put_csv_header(const struct df_funnel_cohort *cohort, struct df_buf *out);
void df_funnel_export_put_csv_row(const struct df_funnel_cohort *cohort, const struct df_vector *vectors, uint32_t row,
                                  struct df_buf *out);
/* One object and a line feed; the writer is compact and writes into `out`. */
void df_funnel_export_put_json_row(const struct df_funnel_cohort *cohort, const struct df_vector *vectors, uint32_t row,
                                   struct df_json_writer *json, struct df_buf *out);

#endif
