/* What Debian's non-strict http-parser lets through and we refuse: checks over the raw bytes, before it sees them. */
#ifndef DF_NET_HTTP_STRICT_H
#define DF_NET_HTTP_STRICT_H

#include "net/http.h"

bool df_http_is_token(struct df_slice text); /* RFC 9110, §5.6.2 */

/* A whole head, up to and with the empty line. *status gets what a server answers (400, 431, 501, 505). */
int df_http_check_head(struct df_slice head, enum df_http_side side, size_t field_limit, unsigned *status,
                       struct df_error *error);

/* A chunked body, byte run by byte run. {0} stands before its first chunk. */
struct df_http_chunks {
    enum {
        DF_HTTP_CHUNK_SIZE,
        DF_HTTP_CHUNK_EXTENSION,
        DF_HTTP_CHUNK_SIZE_LF,
        DF_HTTP_CHUNK_DATA,
        DF_HTTP_CHUNK_DATA_CR,
        DF_HTTP_CHUNK_DATA_LF,
        DF_HTTP_CHUNK_TRAILER_START,
        DF_HTTP_CHUNK_TRAILER_NAME,
        DF_HTTP_CHUNK_TRAILER_VALUE,
        DF_HTTP_CHUNK_TRAILER_LF,
        DF_HTTP_CHUNK_END_LF,
        DF_HTTP_CHUNK_DONE,
    } state;
    uint64_t left_bytes;  /* of the current chunk */
    unsigned digit_count; /* of its size */
    uint64_t extra_bytes; /* extensions and trailers so far, limited by extra_limit */
    uint64_t extra_limit;
};

/* Checks bytes up to the end of the body at most; *used tells how many. state is DONE at the end. */
int df_http_check_chunks(struct df_http_chunks *chunks, struct df_slice bytes, size_t *used, struct df_error *error);

#endif
