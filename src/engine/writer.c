#include "engine/writer.h"

#include <inttypes.h>

static struct df_memory_writer *memory_of(struct df_writer *writer)
{
    return (struct df_memory_writer *)writer; /* writer is the first member */
}

static int check_put(const struct df_memory_writer *memory, const struct df_buf *blob, struct df_error *error)
{
    if (df_buf_failed(blob))
        return df_error_no_memory(error, "writing the answer");
    uint64_t limit = memory->limit_bytes;
    if (limit && (blob->size > limit || memory->content.size > limit - blob->size))
        return df_error_set(error, DF_ERROR_TOO_LARGE,
                            "the answer has more than %" PRIu64 " bytes (%zu are there, %zu more come)", limit,
                            memory->content.size, blob->size);
    return 0;
}

static int memory_put(struct df_writer *writer, struct df_buf *blob, struct df_error *error)
{
    struct df_memory_writer *memory = memory_of(writer);
    int rc = check_put(memory, blob, error);
    if (rc == 0 && memory->content.size == 0) {
        df_buf_move(&memory->content, blob);
    } else if (rc == 0) {
        df_buf_put_slice(&memory->content, df_buf_slice(blob));
        if (df_buf_failed(&memory->content))
            rc = df_error_no_memory(error, "collecting the answer");
    }
    df_buf_dispose(blob);
    return rc;
}

static bool memory_full(const struct df_writer *writer)
{
    (void)writer;
    return false;
}

static void memory_finish(struct df_writer *writer)
{
    memory_of(writer)->finished = true;
}

/* Half an answer must not be taken for a whole one, so nothing of it stays. */
static void memory_abort(struct df_writer *writer, const struct df_error *error)
{
    (void)error;
    df_buf_dispose(&memory_of(writer)->content);
    memory_of(writer)->aborted = true;
}

static const struct df_writer_ops memory_ops = {
    .put = memory_put,
    .full = memory_full,
    .finish = memory_finish,
    .abort = memory_abort,
};

void df_memory_writer_init(struct df_memory_writer *memory, uint64_t limit_bytes)
{
    *memory = (struct df_memory_writer){.writer.ops = &memory_ops, .limit_bytes = limit_bytes};
}

void df_memory_writer_dispose(struct df_memory_writer *memory)
{
    df_buf_dispose(&memory->content);
}
