/* What the sources that decode a footer share: the Thrift reader, the result, and how failures are said. */
#ifndef DF_FORMAT_PARQUET_DECODER_H
#define DF_FORMAT_PARQUET_DECODER_H

#include "format/parquet/footer.h"
#include "format/parquet/thrift.h"

struct df_parquet_decoder {
    struct df_thrift_reader reader;
    struct df_parquet_footer *footer;
    const struct df_parquet_footer_bytes *bytes;
    struct df_error *error;
    bool have_schema, have_row_groups, have_orders;
    int64_t row_count;
    size_t path_bytes; /* of all columns */
};

int df_parquet_decoder_corrupt(struct df_parquet_decoder *decoder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int df_parquet_decoder_no_memory(struct df_parquet_decoder *decoder);
/* 0, or -1 and corrupt when the Thrift reader stumbled. */
int df_parquet_decoder_check(struct df_parquet_decoder *decoder);

/* The list of schema elements: a tree, written depth first, to columns and leaves of the footer. */
int df_parquet_decoder_take_schema(struct df_parquet_decoder *decoder, const struct df_thrift_field *field);
/* 0, or -1 and corrupt when two chunks of the footer claim the same bytes. */
int df_parquet_decoder_check_overlap(struct df_parquet_decoder *decoder);

#endif
