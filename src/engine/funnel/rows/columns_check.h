/* Which types serve as users, as times and as values, and what to say of those that do not. */
#ifndef DF_ENGINE_FUNNEL_ROWS_COLUMNS_CHECK_H
#define DF_ENGINE_FUNNEL_ROWS_COLUMNS_CHECK_H

#include "engine/funnel/rows/columns.h"

/* `place` in the request and `name` are for the message. Fail with invalid. */
int df_funnel_check_user(const char *place, const char *name, const struct df_type *type, enum df_funnel_key_kind *kind,
                         struct df_error *error);
int df_funnel_check_time(const char *place, const char *name, const struct df_type *type, struct df_funnel_time *time,
                         struct df_error *error);
int df_funnel_check_value(const struct df_funnel_column *wanted, const struct df_type *type, struct df_error *error);

#endif
