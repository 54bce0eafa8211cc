/* The schema of a data set: the descriptions of the files that were looked at, compared and merged in file order
 * (funnels-frocket §5). */
#ifndef DF_ENGINE_FUNNEL_REGISTER_SCHEMA_H
#define DF_ENGINE_FUNNEL_REGISTER_SCHEMA_H

#include "base/json.h"
#include "base/json_write.h"
#include "format/type.h"

struct df_funnel_schema_column;

struct df_funnel_schema {
    struct df_arena *arena;                  /* of all strings */
    struct df_funnel_schema_column *columns; /* of the first file, in its order */
    uint32_t column_count;
    const char *first_uri;
    uint32_t file_count; /* that were merged */
    uint64_t rows;
};

/* `description` is what describe.h wrote of the file `uri`. Fails with invalid ("Schemas differ!", both files, the
 * column and both types), corrupt. A column in which a file has no value at all agrees with every type. */
int df_funnel_schema_merge(struct df_funnel_schema *schema, struct df_slice description, const char *uri,
                           struct df_error *error);

/* The object of register.h; user and time are the names of columns. */
void df_funnel_schema_put(const struct df_funnel_schema *schema, const char *user, const char *time,
                          struct df_json_writer *json);

#endif
