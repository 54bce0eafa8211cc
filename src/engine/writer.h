/* Where an engine puts its answer. It takes blobs, never blocks, and breaks the stream when the query fails, so that
 * what was sent cannot look complete.
 *
 * `put` and `abort` come from whichever thread runs fold or finish, one at a time. `full` is asked by the job before it
 * starts another fold; a writer that was full posts `drained` to the job when it is below its low-water mark. */
#ifndef DF_ENGINE_WRITER_H
#define DF_ENGINE_WRITER_H

#include "base/buf.h"
#include "base/error.h"

struct df_writer;

struct df_writer_ops {
    int (*put)(struct df_writer *, struct df_buf *blob, struct df_error *); /* takes blob's content, also on failure */
    bool (*full)(const struct df_writer *);                                 /* above the high-water mark */
    void (*finish)(struct df_writer *);                                     /* the answer is complete */
    void (*abort)(struct df_writer *, const struct df_error *);             /* it never will be */
};

struct df_writer {
    const struct df_writer_ops *ops;
    /* Set by the job before the first fold, called by the writer, on any thread, after `full` has turned false. */
    void (*drained)(void *ctx);
    void *drained_ctx;
};

static inline int df_writer_put(struct df_writer *writer, struct df_buf *blob, struct df_error *error)
{
    return writer->ops->put(writer, blob, error);
}

/* A writer that collects the answer in memory. Never full; more than limit_bytes (0: any) is too_large. An aborted one
 * keeps nothing. */
struct df_memory_writer {
    struct df_writer writer;
    struct df_buf content;
    uint64_t limit_bytes;
    bool finished, aborted;
};
void df_memory_writer_init(struct df_memory_writer *memory, uint64_t limit_bytes);
void df_memory_writer_dispose(struct df_memory_writer *memory);

#endif
