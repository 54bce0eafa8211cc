/* The executor with an engine made for it: what is told, how often, on which way out. */
#include "testing/testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/executor.h"

/* ---- an engine whose parts do what their detail says ---- */

enum deed {
    DEED_ANSWER = 'a',      /* a partial that names the part */
    DEED_LARGE = 'l',       /* a partial of 1000 bytes */
    DEED_FAIL = 'f',        /* range_begin is the kind */
    DEED_FAIL_SILENT = 's', /* -1 without an error */
    DEED_BUF_FAILED = 'b',  /* a partial that ran out of memory */
    DEED_BLOCK = 'w',       /* until cancelled or timed out */
    DEED_OPEN_GATE = 'g',
    DEED_AWAIT_GATE = 'h', /* until a part with DEED_OPEN_GATE has run */
    DEED_SECTIONS = 'x',
    DEED_SECTIONS_FAIL = 'y', /* writes, then fails */
    DEED_SECTION_OUTSIDE = 'o',
    DEED_READ = 'r',
    DEED_WORK = 'c', /* burns CPU time */
};

static struct {
    atomic_uint begun, ended, run;
    atomic_uint running, most_running; /* DEED_WORK and DEED_BLOCK */
    atomic_bool gate;
    atomic_bool fail_begin;
    atomic_bool blocked; /* some DEED_BLOCK runs */
} world;

static void reset_world(void)
{
    memset(&world, 0, sizeof world);
}

struct shared {
    uint32_t stage;
};

static int test_task_begin(struct df_task *task, struct df_error *error)
{
    atomic_fetch_add(&world.begun, 1);
    struct shared *shared = df_arena_zalloc(&task->arena, sizeof *shared);
    shared->stage = task->stage;
    task->state = shared;
    if (df_slice_is(task->request, "silent"))
        return -1;
    return atomic_load(&world.fail_begin) ? df_error_set(error, DF_ERROR_INVALID, "bad request") : 0;
}

static void test_task_end(struct df_task *task)
{
    assert_non_null(task->state);
    atomic_fetch_add(&world.ended, 1);
}

static int block(struct df_task *task, struct df_error *error)
{
    int rc;
    atomic_store(&world.blocked, true);
    while ((rc = df_task_check(task, error)) == 0)
        usleep(200);
    return rc;
}

static int await_gate(struct df_task *task, struct df_error *error)
{
    while (!atomic_load(&world.gate)) {
        if (df_task_check(task, error) != 0)
            return -1;
        usleep(100);
    }
    return 0;
}

static int burn(struct df_task *task, struct df_error *error)
{
    unsigned running = atomic_fetch_add(&world.running, 1) + 1;
    unsigned most = atomic_load(&world.most_running);
    while (running > most && !atomic_compare_exchange_weak(&world.most_running, &most, running)) {
    }
    int64_t until = df_time_thread_cpu_ns() + 2000000;
    int rc = 0;
    while (rc == 0 && df_time_thread_cpu_ns() < until)
        rc = df_task_check(task, error);
    atomic_fetch_sub(&world.running, 1);
    return rc;
}

static int write_sections(struct df_task *task, const struct df_part *part, struct df_error *error)
{
    for (uint32_t i = 0; i < part->size_bytes; i++) {
        char text[32];
        uint32_t section = i % task->sections;
        snprintf(text, sizeof text, "%u.%u ", part->index, i);
        if (df_task_section_write(task, part, section, df_slice_text(text), error) != 0)
            return -1;
    }
    return 0;
}

static int append_section(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    (void)producer;
    (void)error;
    struct df_buf *blob = ctx;
    df_buf_printf(blob, "[%u]", section);
    df_buf_put_slice(blob, bytes);
    return 0;
}

static int test_run(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                    struct df_error *error)
{
    atomic_fetch_add(&world.run, 1);
    assert_int_equal(((const struct shared *)task->state)->stage, part->stage);
    partial->stats.rows_scanned = part->index;
    switch ((enum deed)part->detail.data[0]) {
    case DEED_ANSWER:
        break;
    case DEED_LARGE:
        memset(df_buf_extend(&partial->blob, 1000), 'L', 1000);
        return 0;
    case DEED_FAIL:
        df_buf_put_text(&partial->blob, "half a partial");
        return df_error_set(error, (enum df_error_kind)part->range_begin, "part %u", part->index);
    case DEED_FAIL_SILENT:
        return -1;
    case DEED_BUF_FAILED:
        df_buf_put_text(&partial->blob, "half a partial");
        (void)df_buf_reserve(&partial->blob, SIZE_MAX);
        return 0;
    case DEED_BLOCK:
        return block(task, error);
    case DEED_OPEN_GATE:
        atomic_store(&world.gate, true);
        break;
    case DEED_AWAIT_GATE:
        if (await_gate(task, error) != 0)
            return -1;
        break;
    case DEED_SECTIONS:
        if (write_sections(task, part, error) != 0)
            return -1;
        break;
    case DEED_SECTIONS_FAIL:
        if (write_sections(task, part, error) != 0)
            return -1;
        return df_error_set(error, DF_ERROR_CORRUPT, "after writing sections");
    case DEED_SECTION_OUTSIDE:
        return df_task_section_write(task, part, task->sections, df_slice_text("x"), error);
    case DEED_READ:
        return df_task_section_read(task, part, append_section, &partial->blob, error);
    case DEED_WORK:
        if (burn(task, error) != 0)
            return -1;
        break;
    }
    df_buf_printf(&partial->blob, "part %u", part->index);
    return 0;
}

static const struct df_engine test_engine = {
    .name = "test",
    .task_begin = test_task_begin,
    .run = test_run,
    .task_end = test_task_end,
};

/* ---- a batch ---- */

enum { PARTS_MAX = 64 };

struct batch {
    struct df_execution execution;
    struct df_envelope envelope;
    char deeds[PARTS_MAX + 1];
    struct df_part parts[PARTS_MAX];
    const struct df_part *pointers[PARTS_MAX];

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct df_part_result results[PARTS_MAX];
    unsigned told[PARTS_MAX];
    uint32_t order[PARTS_MAX]; /* positions as they were told */
    uint32_t told_count;
    unsigned done;
};

static void on_part(void *ctx, uint32_t position, struct df_part_result *result)
{
    struct batch *batch = ctx;
    pthread_mutex_lock(&batch->mutex);
    assert_int_equal(batch->done, 0);
    batch->told[position]++;
    batch->order[batch->told_count++] = position;
    batch->results[position] = *result;
    pthread_mutex_unlock(&batch->mutex);
}

static void on_done(void *ctx)
{
    struct batch *batch = ctx;
    pthread_mutex_lock(&batch->mutex);
    batch->done++;
    pthread_cond_broadcast(&batch->changed);
    pthread_mutex_unlock(&batch->mutex);
}

/* One part per letter of `deeds`. */
static struct batch *make_batch(const char *deeds)
{
    struct batch *batch = calloc(1, sizeof *batch);
    pthread_mutex_init(&batch->mutex, NULL);
    pthread_cond_init(&batch->changed, NULL);
    snprintf(batch->deeds, sizeof batch->deeds, "%s", deeds);
    uint32_t count = (uint32_t)strlen(deeds);
    for (uint32_t i = 0; i < count; i++) {
        batch->parts[i] = (struct df_part){
            .stage = 3, .index = 100 + i, .size_bytes = 50, .detail = df_slice_make(&batch->deeds[i], 1)};
        batch->pointers[i] = &batch->parts[i];
    }
    batch->envelope = (struct df_envelope){.engine = &test_engine,
                                           .job = "job",
                                           .stage = 3,
                                           .attempt = 17,
                                           .deadline = df_deadline_never(),
                                           .parts = batch->pointers,
                                           .part_count = count};
    batch->execution.envelope = &batch->envelope;
    batch->execution.callbacks = (struct df_execution_callbacks){.on_part = on_part, .on_done = on_done, .ctx = batch};
    return batch;
}

/* Waits until it is done, and checks that everything was told exactly once. */
static void await(struct batch *batch)
{
    pthread_mutex_lock(&batch->mutex);
    while (!batch->done)
        pthread_cond_wait(&batch->changed, &batch->mutex);
    assert_int_equal(batch->done, 1);
    for (uint32_t i = 0; i < batch->envelope.part_count; i++) {
        assert_int_equal(batch->told[i], 1);
        const struct df_part_result *result = &batch->results[i];
        if (result->failed) {
            assert_int_not_equal(result->error.kind, DF_ERROR_NONE);
            assert_null(result->blob.data);
            assert_null(result->uri);
            assert_null(result->sections);
        } else {
            assert_int_equal(result->error.kind, DF_ERROR_NONE);
            assert_true(!result->uri || result->blob.size == 0);
            assert_true((result->sections != NULL) == (batch->envelope.sections > 0));
        }
    }
    pthread_mutex_unlock(&batch->mutex);
}

static void free_batch(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->envelope.part_count; i++)
        df_part_result_dispose(&batch->results[i]);
    pthread_mutex_destroy(&batch->mutex);
    pthread_cond_destroy(&batch->changed);
    free(batch);
}

static struct df_executor *make_executor(unsigned threads, struct df_budget *budget, const char *folder,
                                         struct df_store *store)
{
    reset_world();
    struct df_executor *executor;
    struct df_error error;
    struct df_executor_options options = {
        .threads = threads, .budget = budget, .temporary_folder = folder, .store = store};
    assert_ok(df_executor_create(&executor, &options, &error), &error);
    return executor;
}

static void assert_failed(const struct batch *batch, uint32_t position, enum df_error_kind kind, const char *text)
{
    const struct df_part_result *result = &batch->results[position];
    if (!result->failed || result->error.kind != kind || !strstr(result->error.message, text))
        fail_msg("part %u: expected %s with '%s', got %s: %s", position, df_error_name(kind), text,
                 df_error_name(result->error.kind), result->error.message);
}

static void assert_partial(const struct batch *batch, uint32_t position, const char *text)
{
    if (batch->results[position].failed)
        fail_msg("part %u failed: %s", position, batch->results[position].error.message);
    assert_slice_is(df_buf_slice(&batch->results[position].blob), text);
}

static struct batch *run(struct df_executor *executor, const char *deeds)
{
    struct batch *batch = make_batch(deeds);
    df_executor_submit(executor, &batch->execution);
    await(batch);
    return batch;
}

/* ---- parts ---- */

static void test_every_part_is_told_once_and_the_task_begins_and_ends_once(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(4, NULL, NULL, NULL);
    struct batch *batch = run(executor, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    for (uint32_t i = 0; i < 32; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "part %u", 100 + i);
        assert_partial(batch, i, expected);
        assert_int_equal(batch->results[i].stats.rows_scanned, 100 + i);
    }
    assert_int_equal(atomic_load(&world.begun), 1);
    assert_int_equal(atomic_load(&world.ended), 1);
    assert_int_equal(atomic_load(&world.run), 32);
    free_batch(batch);
    df_executor_free(executor);
}

static void test_one_thread_takes_parts_by_position(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    struct batch *batch = run(executor, "aaaaaaaa");
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(batch->order[i], i);
    free_batch(batch);
    df_executor_free(executor);
}

static void test_a_failing_part_fails_alone_with_its_kind(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(2, NULL, NULL, NULL);
    struct batch *batch = make_batch("afffffffffffffsba");
    for (uint32_t i = 1; i < DF_ERROR_KIND_COUNT - 1; i++)
        batch->parts[i].range_begin = i;
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_partial(batch, 0, "part 100");
    for (uint32_t i = 1; i < DF_ERROR_KIND_COUNT - 1; i++) {
        assert_failed(batch, i, (enum df_error_kind)i, "part 1");
        assert_true(batch->results[i].error.retryable == df_error_kind_retried((enum df_error_kind)i));
        assert_int_equal(batch->results[i].stats.rows_scanned, 100 + i); /* work that was done counts */
    }
    assert_failed(batch, 14, DF_ERROR_INTERNAL, "engine 'test' failed at part 114");
    assert_failed(batch, 15, DF_ERROR_EXHAUSTED, "out of memory");
    assert_partial(batch, 16, "part 116");
    assert_int_equal(atomic_load(&world.ended), 1);
    free_batch(batch);
    df_executor_free(executor);
}

static void test_parts_of_one_batch_run_at_once(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(2, NULL, NULL, NULL);
    struct batch *batch = run(executor, "hg"); /* the first waits for the second */
    assert_partial(batch, 0, "part 100");
    assert_partial(batch, 1, "part 101");
    free_batch(batch);
    df_executor_free(executor);
}

static void test_no_more_parts_run_at_once_than_there_are_threads(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(3, NULL, NULL, NULL);
    struct batch *first = make_batch("cccccccc"), *second = make_batch("cccccccc");
    df_executor_submit(executor, &first->execution);
    df_executor_submit(executor, &second->execution);
    await(first);
    await(second);
    assert_in_range(atomic_load(&world.most_running), 1, 3);
    free_batch(first);
    free_batch(second);
    df_executor_free(executor);
}

static void test_cpu_time_is_measured_per_part(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    struct batch *batch = run(executor, "ca");
    assert_true(batch->results[0].stats.cpu_ns >= 2000000);
    assert_true(batch->results[1].stats.cpu_ns < 2000000);
    assert_true(batch->results[0].stats.total_ns >= batch->results[0].stats.cpu_ns / 2);
    assert_true(batch->results[1].stats.queued_ns >= batch->results[0].stats.total_ns); /* one thread: one waits */
    free_batch(batch);
    df_executor_free(executor);
}

static void test_a_batch_without_parts_is_done_without_the_engine(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(2, NULL, NULL, NULL);
    struct batch *batch = run(executor, "");
    assert_int_equal(atomic_load(&world.begun), 0);
    assert_int_equal(atomic_load(&world.ended), 0);
    free_batch(batch);
    df_executor_free(executor);
}

/* ---- begin ---- */

static void test_a_failing_begin_fails_every_part_and_still_ends(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(2, NULL, NULL, NULL);
    atomic_store(&world.fail_begin, true);
    struct batch *batch = run(executor, "aaaa");
    for (uint32_t i = 0; i < 4; i++)
        assert_failed(batch, i, DF_ERROR_INVALID, "bad request");
    assert_int_equal(atomic_load(&world.begun), 1);
    assert_int_equal(atomic_load(&world.ended), 1);
    assert_int_equal(atomic_load(&world.run), 0);
    free_batch(batch);

    atomic_store(&world.fail_begin, false);
    batch = make_batch("aa");
    batch->envelope.request = df_slice_text("silent");
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_failed(batch, 1, DF_ERROR_INTERNAL, "engine 'test' could not begin");
    free_batch(batch);
    df_executor_free(executor);
}

/* ---- several batches ---- */

static void test_batches_are_taken_in_the_order_of_submission(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    /* The gate holds the only thread until all are in the queue; each next one could only pass if the one before ran.
     */
    struct batch *batches[5];
    batches[0] = make_batch("h");
    for (unsigned i = 1; i < 5; i++)
        batches[i] = make_batch(i == 1 ? "c" : "a");
    for (unsigned i = 0; i < 5; i++)
        df_executor_submit(executor, &batches[i]->execution);
    assert_int_equal(atomic_load(&world.begun) <= 1, 1);
    atomic_store(&world.gate, true);
    await(batches[4]);
    for (unsigned i = 0; i < 4; i++) {
        pthread_mutex_lock(&batches[i]->mutex);
        assert_int_equal(batches[i]->done, 1); /* the last was not before any of them */
        pthread_mutex_unlock(&batches[i]->mutex);
    }
    for (unsigned i = 0; i < 5; i++)
        free_batch(batches[i]);
    df_executor_free(executor);
}

static void test_a_long_batch_does_not_keep_free_threads_from_the_next(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(2, NULL, NULL, NULL);
    struct batch *slow = make_batch("w"), *quick = make_batch("aaaa");
    df_executor_submit(executor, &slow->execution);
    df_executor_submit(executor, &quick->execution);
    await(quick);
    assert_int_equal(slow->done, 0);
    df_execution_cancel(executor, &slow->execution);
    await(slow);
    free_batch(slow);
    free_batch(quick);
    df_executor_free(executor);
}

static void test_free_waits_for_what_was_submitted(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(2, NULL, NULL, NULL);
    struct batch *batch = make_batch("cccccccc");
    df_executor_submit(executor, &batch->execution);
    df_executor_free(executor);
    await(batch);
    assert_partial(batch, 7, "part 107");
    free_batch(batch);
    df_executor_free(NULL);
}

/* ---- cancel and deadline ---- */

static void await_blocked(void)
{
    while (!atomic_load(&world.blocked))
        usleep(100);
}

static void test_cancel_ends_running_parts_and_refuses_the_rest(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    struct batch *batch = make_batch("awaaa");
    df_executor_submit(executor, &batch->execution);
    await_blocked();
    df_execution_cancel(executor, &batch->execution);
    await(batch);
    assert_partial(batch, 0, "part 100");
    for (uint32_t i = 1; i < 5; i++)
        assert_failed(batch, i, DF_ERROR_CANCELLED, "cancelled");
    assert_int_equal(atomic_load(&world.run), 2);
    assert_int_equal(atomic_load(&world.ended), 1);
    free_batch(batch);
    df_executor_free(executor);
}

static void test_a_batch_cancelled_before_it_begins_never_reaches_the_engine(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    struct batch *first = make_batch("h"), *second = make_batch("aaa");
    df_executor_submit(executor, &first->execution);
    df_executor_submit(executor, &second->execution);
    df_execution_cancel(executor, &second->execution);
    atomic_store(&world.gate, true);
    await(first);
    await(second);
    assert_partial(first, 0, "part 100");
    assert_failed(second, 2, DF_ERROR_CANCELLED, "cancelled");
    assert_int_equal(atomic_load(&world.begun), 1);
    assert_int_equal(atomic_load(&world.ended), 1);
    free_batch(first);
    free_batch(second);
    df_executor_free(executor);
}

static void test_a_passed_deadline_refuses_what_has_not_begun(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    struct batch *batch = make_batch("awaa");
    batch->envelope.deadline = df_deadline_after_ms(50);
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_partial(batch, 0, "part 100");
    assert_failed(batch, 1, DF_ERROR_TIMEOUT, "the deadline has passed");
    assert_failed(batch, 2, DF_ERROR_TIMEOUT, "before the work began");
    assert_failed(batch, 3, DF_ERROR_TIMEOUT, "before the work began");
    assert_true(batch->results[3].error.retryable);
    assert_int_equal(atomic_load(&world.run), 2);
    free_batch(batch);

    batch = make_batch("aa");
    batch->envelope.deadline = df_deadline_after_ms(0);
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_failed(batch, 1, DF_ERROR_TIMEOUT, "before the work began");
    assert_int_equal(atomic_load(&world.begun), 1); /* of the first batch */
    free_batch(batch);
    df_executor_free(executor);
}

static void test_task_check_tells_cancelled_before_timeout(void **state)
{
    (void)state;
    atomic_bool cancelled = false;
    struct df_task task = {.cancelled = &cancelled, .deadline = df_deadline_never()};
    struct df_error error;
    assert_ok(df_task_check(&task, &error), &error);
    task.deadline = df_deadline_after_ms(0);
    assert_fails(df_task_check(&task, &error), &error, DF_ERROR_TIMEOUT, "deadline");
    cancelled = true;
    assert_fails(df_task_check(&task, &error), &error, DF_ERROR_CANCELLED, "cancelled");
}

/* ---- where partials go ---- */

static void test_partials_over_the_inline_limit_go_out_as_objects(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_store *store;
    struct df_error error;
    assert_ok(df_store_create(&store, &error), &error);
    struct df_executor *executor = make_executor(1, NULL, NULL, store);
    char prefix[128], expected[160];
    snprintf(prefix, sizeof prefix, "%s/out/", folder);
    struct batch *batch = make_batch("allla"); /* 8 + 1000 fit into 2100, and another 1000, then nothing large */
    batch->envelope.output_prefix = prefix;
    batch->envelope.inline_bytes = 2100;
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_partial(batch, 0, "part 100");
    assert_int_equal(batch->results[1].blob.size, 1000);
    assert_int_equal(batch->results[2].blob.size, 1000);
    assert_false(batch->results[3].failed);
    snprintf(expected, sizeof expected, "%s3-103-17", prefix);
    assert_string_equal(batch->results[3].uri, expected);
    assert_partial(batch, 4, "part 104"); /* what still fits stays */

    struct df_buf content = {0};
    assert_ok(df_store_get(store, expected, 10000, &content, &error), &error);
    assert_int_equal(content.size, 1000);
    assert_int_equal(content.data[999], 'L');
    df_buf_dispose(&content);
    free_batch(batch);
    df_executor_free(executor);
    df_store_free(store);
    test_folder_remove(folder);
}

/* One batch of one large partial under a lease that is there, or not. */
static struct batch *run_under_lease(struct df_store *store, const char *prefix, bool is_there)
{
    struct df_error error;
    struct df_executor *executor = make_executor(1, NULL, NULL, store);
    struct batch *batch = make_batch("l");
    char *lease;
    assert_true(asprintf(&lease, "%slease", prefix) > 0);
    struct df_put put = {.uri = lease, .content = df_slice_text("job")};
    if (is_there)
        assert_ok(df_store_put(store, &put, NULL, &error), &error);
    batch->envelope.output_prefix = prefix;
    batch->envelope.output_lease = lease;
    batch->envelope.inline_bytes = 10;
    df_executor_submit(executor, &batch->execution);
    await(batch);
    df_executor_free(executor);
    free(lease);
    return batch;
}

static void test_an_object_put_after_the_job_is_over_is_taken_back(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_store *store;
    struct df_error error;
    struct df_object object;
    assert_ok(df_store_create(&store, &error), &error);
    char prefix[128], uri[160];
    snprintf(prefix, sizeof prefix, "%s/out/", folder);
    snprintf(uri, sizeof uri, "%s3-100-17", prefix);

    struct batch *late = run_under_lease(store, prefix, false);
    assert_failed(late, 0, DF_ERROR_CANCELLED, "is over");
    assert_fails(df_store_head(store, uri, &object, &error), &error, DF_ERROR_NOT_FOUND, "3-100-17");
    free_batch(late);

    struct batch *in_time = run_under_lease(store, prefix, true);
    assert_false(in_time->results[0].failed);
    assert_string_equal(in_time->results[0].uri, uri);
    assert_ok(df_store_head(store, uri, &object, &error), &error);
    free_batch(in_time);
    df_store_free(store);
    test_folder_remove(folder);
}

static void test_a_partial_that_fits_nowhere_is_too_large(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    struct batch *batch = make_batch("alaa");
    batch->envelope.inline_bytes = 20;
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_partial(batch, 0, "part 100");
    assert_failed(batch, 1, DF_ERROR_TOO_LARGE, "part 101 has a partial result of 1000 bytes");
    assert_partial(batch, 2, "part 102");
    assert_failed(batch, 3, DF_ERROR_TOO_LARGE, "8 bytes");
    free_batch(batch);
    df_executor_free(executor);
}

static void test_a_store_that_refuses_the_object_fails_the_part(void **state)
{
    (void)state;
    struct df_store *store;
    struct df_error error;
    assert_ok(df_store_create(&store, &error), &error);
    struct df_executor *executor = make_executor(1, NULL, NULL, store);
    struct batch *batch = make_batch("la");
    batch->envelope.output_prefix = "nowhere://bucket/";
    batch->envelope.inline_bytes = 100;
    batch->envelope.sections = 4;
    df_executor_submit(executor, &batch->execution);
    await(batch); /* and the sections of the failing part are gone */
    assert_failed(batch, 0, DF_ERROR_UNSUPPORTED, "nowhere");
    assert_partial(batch, 1, "part 101");
    free_batch(batch);
    df_executor_free(executor);
    df_store_free(store);
}

/* ---- sections ---- */

/* Moves the sections of a done batch into a manifest, by position. */
static struct df_section_manifest *collect(struct batch *batch)
{
    struct df_section_manifest *manifest;
    struct df_error error;
    assert_ok(df_section_manifest_create(&manifest, batch->envelope.sections, &error), &error);
    for (uint32_t i = 0; i < batch->envelope.part_count; i++) {
        assert_ok(df_section_manifest_put(manifest, i, batch->results[i].sections, &error), &error);
        batch->results[i].sections = NULL;
    }
    return manifest;
}

static void check_exchange(struct df_budget *budget, const char *folder, bool spilled)
{
    enum { SECTIONS = 7, WRITES = 20000 };
    struct df_executor *executor = make_executor(4, budget, folder, NULL);
    struct batch *writers = make_batch("xxaxxxyx");
    writers->envelope.sections = SECTIONS;
    for (uint32_t i = 0; i < 8; i++)
        writers->parts[i].size_bytes = WRITES;
    df_executor_submit(executor, &writers->execution);
    await(writers);
    assert_failed(writers, 6, DF_ERROR_CORRUPT, "after writing sections");
    assert_int_equal(df_section_set_bytes(writers->results[2].sections), 0); /* wrote none: an empty set */
    assert_true(df_section_set_spilled(writers->results[0].sections) == spilled);
    struct df_section_manifest *manifest = collect(writers);

    struct batch *readers = make_batch("rrr");
    readers->envelope.inputs = manifest;
    for (uint32_t i = 0; i < 3; i++) {
        readers->parts[i].range_begin = i * SECTIONS / 3;
        readers->parts[i].range_end = (i + 1) * SECTIONS / 3;
    }
    df_executor_submit(executor, &readers->execution);
    await(readers);
    for (uint32_t reader = 0; reader < 3; reader++) {
        struct df_buf expected = {0};
        for (uint32_t s = reader * SECTIONS / 3; s < (reader + 1) * SECTIONS / 3; s++) {
            for (uint32_t p = 0; p < 8; p++) {
                if (p == 2 || p == 6)
                    continue;
                df_buf_printf(&expected, "[%u]", s);
                for (uint32_t i = s; i < WRITES; i += SECTIONS)
                    df_buf_printf(&expected, "%u.%u ", 100 + p, i);
            }
        }
        assert_false(readers->results[reader].failed);
        assert_true(df_slice_equal(df_buf_slice(&readers->results[reader].blob), df_buf_slice(&expected)));
        df_buf_dispose(&expected);
    }
    free_batch(writers);
    free_batch(readers);
    df_section_manifest_release(manifest);
    df_executor_free(executor);
    if (budget)
        assert_int_equal(atomic_load(&budget->used_bytes), 0);
}

static void test_sections_of_one_stage_are_read_by_the_next_in_memory(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 0);
    check_exchange(&budget, NULL, false);
}

static void test_sections_of_one_stage_are_read_by_the_next_put_aside(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_budget budget;
    df_budget_init(&budget, 100000);
    check_exchange(&budget, folder, true);
    test_folder_remove(folder);
}

static void test_sections_that_are_not_there_are_invalid(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(1, NULL, NULL, NULL);
    struct batch *batch = make_batch("or");
    batch->envelope.sections = 4;
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_failed(batch, 0, DF_ERROR_INVALID, "section 4, its stage has 4");
    assert_failed(batch, 1, DF_ERROR_INVALID, "stage before it wrote none");
    free_batch(batch);
    batch = run(executor, "o"); /* a stage that writes none */
    assert_failed(batch, 0, DF_ERROR_INVALID, "section 0, its stage has 0");
    free_batch(batch);

    struct df_section_manifest *manifest;
    struct df_error error;
    assert_ok(df_section_manifest_create(&manifest, 4, &error), &error);
    batch = make_batch("r");
    batch->envelope.inputs = manifest;
    batch->parts[0].range_end = UINT64_C(1) << 32; /* must not wrap to 0 */
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_failed(batch, 0, DF_ERROR_INVALID, "0 to 4294967296 asked of 4");
    free_batch(batch);
    df_section_manifest_release(manifest);
    df_executor_free(executor);
}

static void test_a_folder_that_cannot_take_sections_fails_the_parts_that_need_it(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    char missing[128];
    snprintf(missing, sizeof missing, "%s/missing", folder);
    struct df_budget budget;
    df_budget_init(&budget, 1);
    struct df_executor *executor = make_executor(2, &budget, missing, NULL);
    struct batch *batch = make_batch("xax");
    batch->envelope.sections = 4;
    batch->parts[0].size_bytes = batch->parts[2].size_bytes = 50000;
    df_executor_submit(executor, &batch->execution);
    await(batch);
    assert_failed(batch, 0, DF_ERROR_EXHAUSTED, missing);
    assert_partial(batch, 1, "part 101");
    assert_failed(batch, 2, DF_ERROR_EXHAUSTED, missing);
    free_batch(batch);
    df_executor_free(executor);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
    test_folder_remove(folder);
}

/* ---- 8 threads, cancels at any moment ---- */

static void test_property_cancels_at_any_moment(void **state)
{
    (void)state;
    static const char deeds[] = "aalfxxyocsb";
    const char *folder = test_folder_make();
    uint64_t random = test_seed();
    struct df_budget budget;
    df_budget_init(&budget, 300000);
    struct df_executor *executor = make_executor(8, &budget, folder, NULL);
    unsigned submitted_with_parts = 0;
    for (unsigned round = 0; round < 60; round++) {
        enum { BATCHES = 6 };
        struct batch *batches[BATCHES];
        for (unsigned b = 0; b < BATCHES; b++) {
            char wanted[17] = "";
            size_t count = (size_t)(test_random(&random) % 17);
            for (size_t i = 0; i < count; i++)
                wanted[i] = deeds[test_random(&random) % (sizeof deeds - 1)];
            batches[b] = make_batch(wanted);
            batches[b]->envelope.sections = test_random(&random) % 3 ? 9 : 0;
            for (size_t i = 0; i < count; i++) {
                if (strchr("xy", wanted[i]) && batches[b]->envelope.sections == 0)
                    batches[b]->deeds[i] = 'a';
                batches[b]->parts[i].size_bytes = test_random(&random) % 8000;
                batches[b]->parts[i].range_begin = 1 + test_random(&random) % (DF_ERROR_KIND_COUNT - 1);
            }
            if (test_random(&random) % 5 == 0)
                batches[b]->envelope.deadline = df_deadline_after_ms((int64_t)(test_random(&random) % 6));
            submitted_with_parts += count > 0;
            df_executor_submit(executor, &batches[b]->execution);
        }
        for (unsigned b = 0; b < BATCHES; b++) {
            if (test_random(&random) % 2)
                usleep((useconds_t)(test_random(&random) % 3000));
            if (test_random(&random) % 2)
                df_execution_cancel(executor, &batches[b]->execution);
        }
        for (unsigned b = 0; b < BATCHES; b++) {
            await(batches[b]);
            free_batch(batches[b]);
        }
        assert_int_equal(atomic_load(&world.begun), atomic_load(&world.ended));
        assert_int_equal(atomic_load(&budget.used_bytes), 0);
    }
    assert_true(atomic_load(&world.begun) <= submitted_with_parts);
    df_executor_free(executor);
    test_folder_remove(folder);
}

/* The execution is freed inside on_done: nothing may be touched after it (the sanitizers look). */
static void free_in_done(void *ctx)
{
    struct batch *batch = ctx;
    free_batch(batch);
    atomic_fetch_add(&world.run, 1000);
}

static void test_an_execution_may_be_freed_by_on_done(void **state)
{
    (void)state;
    struct df_executor *executor = make_executor(8, NULL, NULL, NULL);
    enum { BATCHES = 200 };
    for (unsigned i = 0; i < BATCHES; i++) {
        struct batch *batch = make_batch(i % 3 ? "aaaa" : "");
        batch->execution.callbacks.on_done = free_in_done;
        if (i % 7 == 0)
            atomic_store(&batch->execution.cancelled, true);
        df_executor_submit(executor, &batch->execution);
    }
    df_executor_free(executor);
    assert_int_equal(atomic_load(&world.run) / 1000, BATCHES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_is_told_once_and_the_task_begins_and_ends_once),
        cmocka_unit_test(test_one_thread_takes_parts_by_position),
        cmocka_unit_test(test_a_failing_part_fails_alone_with_its_kind),
        cmocka_unit_test(test_parts_of_one_batch_run_at_once),
        cmocka_unit_test(test_no_more_parts_run_at_once_than_there_are_threads),
        cmocka_unit_test(test_cpu_time_is_measured_per_part),
        cmocka_unit_test(test_a_batch_without_parts_is_done_without_the_engine),
        cmocka_unit_test(test_a_failing_begin_fails_every_part_and_still_ends),
        cmocka_unit_test(test_batches_are_taken_in_the_order_of_submission),
        cmocka_unit_test(test_a_long_batch_does_not_keep_free_threads_from_the_next),
        cmocka_unit_test(test_free_waits_for_what_was_submitted),
        cmocka_unit_test(test_cancel_ends_running_parts_and_refuses_the_rest),
        cmocka_unit_test(test_a_batch_cancelled_before_it_begins_never_reaches_the_engine),
        cmocka_unit_test(test_a_passed_deadline_refuses_what_has_not_begun),
        cmocka_unit_test(test_task_check_tells_cancelled_before_timeout),
        cmocka_unit_test(test_partials_over_the_inline_limit_go_out_as_objects),
        cmocka_unit_test(test_an_object_put_after_the_job_is_over_is_taken_back),
        cmocka_unit_test(test_a_partial_that_fits_nowhere_is_too_large),
        cmocka_unit_test(test_a_store_that_refuses_the_object_fails_the_part),
        cmocka_unit_test(test_sections_of_one_stage_are_read_by_the_next_in_memory),
        cmocka_unit_test(test_sections_of_one_stage_are_read_by_the_next_put_aside),
        cmocka_unit_test(test_sections_that_are_not_there_are_invalid),
        cmocka_unit_test(test_a_folder_that_cannot_take_sections_fails_the_parts_that_need_it),
        cmocka_unit_test(test_property_cancels_at_any_moment),
        cmocka_unit_test(test_an_execution_may_be_freed_by_on_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
