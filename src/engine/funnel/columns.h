/* A file's columns, as a funnel needs them: found by name, checked, each read once. Errors name the file and a way out.
 */
#ifndef DF_ENGINE_FUNNEL_COLUMNS_H
#define DF_ENGINE_FUNNEL_COLUMNS_H

#include "engine/funnel/partial.h"
#include "format/parquet/parquet.h"

struct df_funnel_columns {
    enum df_funnel_key_kind kind;
    enum df_funnel_time time;
    uint32_t *columns; /* owned; distinct leaf columns of the file, in the order of the vectors of a scan */
    uint32_t column_count;
    uint32_t user_at, time_at;        /* positions in `columns` */
    uint32_t *filters_at;             /* owned; per distinct filter */
    struct df_funnel_filter *filters; /* owned; compiled for this file */
    uint32_t filter_count;
};

/* uri: for messages. Fails with invalid (unknown column, wrong type), unsupported (a feature of the file). */
int df_funnel_columns_find(struct df_funnel_columns *columns, const struct df_parquet_file *file, const char *uri,
                           const struct df_funnel_request *request, struct df_budget *budget, struct df_error *error);
void df_funnel_columns_dispose(struct df_funnel_columns *columns);

#endif
