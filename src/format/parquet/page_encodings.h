/* Whether all data pages of a chunk hold codes into its dictionary, as the footer tells: then what is not in the
 * dictionary is not in the chunk. */
#ifndef DF_FORMAT_PARQUET_PAGE_ENCODINGS_H
#define DF_FORMAT_PARQUET_PAGE_ENCODINGS_H

#include "format/parquet/thrift.h"

struct df_parquet_page_encodings {
    bool data_page, other_page; /* there is a data page; one without codes */
};
/* Field 13 of ColumnMetaData: how many pages of each type have which encoding. */
void df_parquet_take_page_encodings(struct df_thrift_reader *reader, const struct df_thrift_field *field,
                                    struct df_parquet_page_encodings *out);
/* `encodings`: bit n stands for encoding n of ColumnMetaData's list, for writers that do not count pages. */
bool df_parquet_only_codes(const struct df_parquet_page_encodings *pages, uint32_t encodings);

#endif
