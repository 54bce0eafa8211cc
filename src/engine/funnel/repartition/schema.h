/* The columns of many files as one schema: by name, what a file lacks is null there, directories of paths
 * (key=value) are columns too. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_SCHEMA_H
#define DF_ENGINE_FUNNEL_REPARTITION_SCHEMA_H

#include "engine/funnel/repartition/request.h"

/* ---- worker: what a footer says (footer.c) ---- */

/* Rows, row groups, bytes of the columns, and each column, appended to `out`. */
int df_repartition_footer_put(const struct df_parquet_file *file, struct df_buf *out, struct df_error *error);

/* What a file has of it besides its columns. */
struct df_repartition_footer {
    uint64_t rows, row_groups;
};

/* ---- coordinator: reading that (footer.c); false when it is damaged ---- */

bool df_repartition_footer_take(struct df_cursor *cursor, struct df_repartition_footer *footer, uint64_t *columns);
/* why: what stands in the way of reading the column, or empty. */
bool df_repartition_footer_take_column(struct df_cursor *cursor, struct df_slice *name,
                                       struct df_repartition_column *column, struct df_slice *why);

/* ---- coordinator: all of them together ---- */

struct df_repartition_schema; /* memory in the arena */

struct df_repartition_schema *df_repartition_schema_create(const struct df_repartition_request *request,
                                                           struct df_arena *arena);
/* Adds a file, whose blob is that of df_repartition_footer_put. Fails with invalid: a column that has two types (both
 * files named), two columns of one name, a user or time column that is not there; unsupported: a column that cannot be
 * written; corrupt. */
int df_repartition_schema_add(struct df_repartition_schema *schema, const char *uri, struct df_slice blob,
                              struct df_repartition_footer *footer, struct df_error *error);
/* Fills columns, user_at, time_at and kind of the request. */
int df_repartition_schema_settle(struct df_repartition_schema *schema, struct df_repartition_request *request,
                                 struct df_error *error);
/* Columns that were left out as they cannot be written ("'m' (a map)"). */
uint32_t df_repartition_schema_left_out(const struct df_repartition_schema *schema, const char *const **texts);

#endif
