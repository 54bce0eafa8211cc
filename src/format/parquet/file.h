/* An open file, for the sources of this folder; see parquet.h. Read-only once open, so any thread may scan it. */
#ifndef DF_FORMAT_PARQUET_FILE_H
#define DF_FORMAT_PARQUET_FILE_H

#include "format/parquet/footer.h"

struct df_parquet_file {
    struct df_store *store; /* borrowed */
    char *uri, *etag;       /* owned; etag "" when the file is not pinned */
    uint64_t size_bytes;
    struct df_parquet_footer footer;
};

#endif
