/* Threads for work that may block: a coordinator's plan, fold, finish, SQLite, large bodies.
 *
 * A call is intrusive (the caller owns struct df_pool_call and keeps it until `done` ran), so submitting never fails
 * and never blocks. `fn` runs on a pool thread; then `done` is handed to the poster, which runs it on the coordinator's
 * loop. Nothing that runs on the pool may wait for something that needs the pool.
 *
 * A pool of 0 threads runs fn inside df_pool_call itself and still posts done: what a test needs to have one order of
 * events per seed. */
#ifndef DF_BASE_POOL_H
#define DF_BASE_POOL_H

#include "base/error.h"

/* Something that runs a function later on one certain thread (net/loop.h is one). Items are intrusive. */
struct df_post_item {
    void (*fn)(void *ctx);
    void *ctx;
    struct df_post_item *next; /* the poster's */
};

struct df_poster {
    void (*post)(struct df_poster *self, struct df_post_item *item); /* any thread; never blocks, never fails */
};

struct df_pool;

struct df_pool_call {
    void (*fn)(void *ctx);
    void *ctx;
    struct df_poster *poster;  /* NULL: nobody is told */
    struct df_post_item done;  /* fn and ctx set by the caller when poster is not NULL */
    struct df_pool_call *next; /* the pool's */
};

int df_pool_create(struct df_pool **pool, unsigned threads, struct df_error *error);
void df_pool_submit(struct df_pool *pool, struct df_pool_call *call); /* any thread */
void df_pool_free(struct df_pool *pool); /* waits until every submitted call has run; NULL is fine */

#endif
