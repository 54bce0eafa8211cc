/* Which column is the user and which is the time, when the command line does not say: the one that can only be meant.
 */
#ifndef DF_CLI_COLUMNS_H
#define DF_CLI_COLUMNS_H

#include "base/buf.h"
#include "base/error.h"
#include "store/store.h"

enum df_column_role { DF_COLUMN_USER, DF_COLUMN_TIME };

/* The one of `names` that is known for the role (user_id, visitorid, …; timestamp, ts, …), whatever its letters' case.
 * NULL when there is none or more than one. */
const char *df_columns_guess(enum df_column_role role, const char *const *names, size_t count);

/* The columns of the first file that is found. */
struct df_columns {
    char *uri;
    char **names;
    size_t count;
};
/* Reads the footer of the first file below the paths; with skip_bad, of the first that can be read. not_found when
 * there is no file, corrupt when there are only bad ones. */
int df_columns_read(struct df_store *store, const char *const *paths, size_t path_count, const char *pattern,
                    bool skip_bad, struct df_columns *columns, struct df_error *error);
void df_columns_dispose(struct df_columns *columns);

/* As df_columns_guess; fails with invalid, listing the columns and naming the flag that says which one is meant. */
int df_columns_choose(const struct df_columns *columns, enum df_column_role role, const char **name,
                      struct df_error *error);

#endif
