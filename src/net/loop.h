/* The event loop of a coordinator or a worker: one thread that runs timers, posted functions and (libevent) sockets.
 *
 * Timers and post items are intrusive and owned by the caller. Everything but df_loop_post is for the
 * loop's own thread. A loop in virtual time never sleeps: when nothing else is due it lets base/time jump to the next
 * timer, which is how tests run thousands of schedules a second. */
#ifndef DF_NET_LOOP_H
#define DF_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/pool.h"
#include "base/time.h"

struct df_loop;
struct event_base;

enum df_loop_time { DF_LOOP_REAL_TIME, DF_LOOP_VIRTUAL_TIME };

int df_loop_create(struct df_loop **loop, enum df_loop_time time, struct df_error *error);
void df_loop_free(struct df_loop *loop); /* nothing may be posted any more; pending timers are forgotten */

/* Runs item->fn(item->ctx) on the loop, in the order of posting. An item may be posted again once its fn has begun. */
void df_loop_post(struct df_loop *loop, struct df_post_item *item); /* any thread */
struct df_poster *df_loop_poster(struct df_loop *loop);

struct df_timer {
    void (*fn)(void *ctx);
    void *ctx;
    int64_t at_mono_ns;
    size_t heap_index; /* the loop's; 0: not armed */
    uint64_t order;    /* the loop's */
};
/* Arms (or moves) a timer; fn runs once, on the loop, not inside this call. Timers of equal times run in the order of
 * arming. false when memory is short. */
bool df_timer_start(struct df_loop *loop, struct df_timer *timer, struct df_deadline at);
void df_timer_stop(struct df_loop *loop, struct df_timer *timer); /* fine when it is not armed */

/* Runs until df_loop_stop. Returns 0; -1 (internal) when in virtual time nothing is left that could ever happen,
 * which is what a test calls a hang. */
int df_loop_run(struct df_loop *loop, struct df_error *error);
void df_loop_stop(struct df_loop *loop);

/* For sockets and signals of other modules of net/. */
struct event_base *df_loop_event_base(struct df_loop *loop);

#endif
