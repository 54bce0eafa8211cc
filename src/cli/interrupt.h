/* Ctrl-C: how long work in this process learns that somebody wants it to end.
 *
 * From start to stop SIGINT, SIGTERM and SIGHUP do not end the process: the first one sets a flag and calls `fn`; the
 * second ends the process at once with status 130, for whoever has no patience. A signal that was ignored when the
 * program started (nohup, a job in the background of a script) stays ignored. No global state: one thread waits on a
 * signalfd. Start it before any other thread of the process, so that they all inherit the blocked signals. */
#ifndef DF_CLI_INTERRUPT_H
#define DF_CLI_INTERRUPT_H

#include <stdatomic.h>

#include "base/error.h"

struct df_interrupt;

/* fn: on the interrupt's own thread, at most once, right after the flag was set; may be NULL. */
int df_interrupt_start(struct df_interrupt **interrupt, void (*fn)(void *ctx), void *ctx, struct df_error *error);
/* True from the first signal on; for `cancelled` of reads and scans. Thread: any. Valid until stop. */
const atomic_bool *df_interrupt_flag(const struct df_interrupt *interrupt);
/* After it fn is not called any more, and signals do what they did before; NULL is fine. */
void df_interrupt_stop(struct df_interrupt *interrupt);

#endif
