/* All files of a data set, each once: paths in the order given, listed as we go, or the files that a registration
 * knows. */
#ifndef DF_ENGINE_FUNNEL_PLAN_LISTING_H
#define DF_ENGINE_FUNNEL_PLAN_LISTING_H

#include "engine/engine.h"
#include "engine/funnel/language/request.h"
#include "store/store.h"

/* A file, with strings of its own. */
struct df_funnel_object {
    struct df_buf uri;   /* a C string: df_buf_text */
    uint64_t size_bytes; /* 0: not known */
    char etag[DF_ETAG_BYTES];
};
void df_funnel_object_dispose(struct df_funnel_object *object);

struct df_funnel_listing;

/* Query and request must outlive the listing. */
int df_funnel_listing_open(struct df_funnel_listing **listing, const struct df_query *query,
                           const struct df_funnel_request *request, struct df_error *error);
/* 1: *object is the next file; 0: the end; -1: not_found ("no *.parquet below 'DIR'"), and what the store says. */
int df_funnel_listing_next(struct df_funnel_listing *listing, struct df_funnel_object *object, struct df_error *error);
void df_funnel_listing_close(struct df_funnel_listing *listing); /* NULL is fine */

#endif
