/* A column of a file as the options of a writer, so that a copy has the schema of what it was copied from. */
#include "format/parquet/file.h"

void df_parquet_write_like(const struct df_parquet_file *file, uint32_t column, struct df_parquet_write_column *written,
                           struct df_parquet_write_more *more)
{
    const struct df_parquet_column *read = df_parquet_column(file, column);
    const struct df_parquet_leaf *leaf = &file->footer.leaves[column];
    bool list = leaf->repetition_max > 0;
    *written = (struct df_parquet_write_column){
        .name = read->name, .type = read->type, .optional = list ? leaf->element_definition > 1 : read->optional};
    *more = (struct df_parquet_write_more){
        .is_unsigned = read->meaning == DF_PARQUET_UNSIGNED && read->type.kind == DF_TYPE_INT64,
        .is_local = read->local_time,
        .elements_required = list && leaf->definition_max == leaf->element_definition,
    };
    if (read->type.kind == DF_TYPE_BINARY && leaf->conversion == DF_PARQUET_FROM_FIXED)
        more->fixed_bytes = leaf->width_bytes;
}
