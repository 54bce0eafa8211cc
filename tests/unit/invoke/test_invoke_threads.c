/* The threads invoker: everything comes back on the loop, once, `done` last. */
#include "testing/testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "invoke/invoke.h"
#include "net/loop.h"

/* ---- an engine: a part's detail is how many ms it works, or 'w' for until cancelled ---- */

static struct {
    atomic_uint begun, ended;
    atomic_bool blocked;
} world;

static int test_task_begin(struct df_task *task, struct df_error *error)
{
    atomic_fetch_add(&world.begun, 1);
    return df_slice_is(task->request, "bad") ? df_error_set(error, DF_ERROR_INVALID, "bad request") : 0;
}

static void test_task_end(struct df_task *task)
{
    (void)task;
    atomic_fetch_add(&world.ended, 1);
}

static int test_run(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                    struct df_error *error)
{
    bool block = df_slice_is(part->detail, "w");
    struct df_deadline end = df_deadline_after_ms((int64_t)part->size_bytes);
    if (block)
        atomic_store(&world.blocked, true);
    while (block || !df_deadline_passed(end)) {
        if (df_task_check(task, error) != 0)
            return -1;
        usleep(100);
    }
    if (task->sections > 0 && df_task_section_write(task, part, 0, df_slice_text("section"), error) != 0)
        return -1;
    df_buf_printf(&partial->blob, "part %u", part->index);
    return 0;
}

static const struct df_engine test_engine = {
    .name = "test",
    .task_begin = test_task_begin,
    .run = test_run,
    .task_end = test_task_end,
};

/* ---- a job that only counts ---- */

enum { PARTS_MAX = 16 };

struct test_job {
    struct df_loop *loop;
    struct df_invoker *invoker;
    pthread_t loop_thread;
    unsigned out; /* batches submitted and not done */
    unsigned done;
    unsigned answers, errors;
    struct df_error last_error;
    bool inside_submit;
};

struct test_batch {
    struct df_batch batch;
    struct test_job *job;
    struct df_part parts[PARTS_MAX];
    const struct df_part *pointers[PARTS_MAX];
    unsigned told[PARTS_MAX];
    bool cancel_at_first_part;
};

static void on_part(void *ctx, struct df_batch *batch, uint32_t position, struct df_part_result *result)
{
    struct test_batch *mine = ctx;
    struct test_job *job = mine->job;
    assert_ptr_equal(batch, &mine->batch);
    assert_true(pthread_equal(pthread_self(), job->loop_thread));
    assert_false(job->inside_submit);
    assert_int_equal(mine->told[position]++, 0);
    if (result->failed) {
        job->errors++;
        job->last_error = result->error;
    } else {
        char expected[32];
        snprintf(expected, sizeof expected, "part %u", mine->parts[position].index);
        assert_slice_is(df_buf_slice(&result->blob), expected);
        assert_true((result->sections != NULL) == (batch->envelope.sections > 0));
        job->answers++;
    }
    df_part_result_dispose(result);
    if (mine->cancel_at_first_part)
        job->invoker->cancel(job->invoker, batch);
}

static void on_done(void *ctx, struct df_batch *batch, const struct df_error *error, const struct df_cost *cost)
{
    struct test_batch *mine = ctx;
    struct test_job *job = mine->job;
    assert_null(error);
    assert_true(cost->dollars == 0 && cost->billed_ms == 0 && cost->throttled_count == 0);
    assert_true(pthread_equal(pthread_self(), job->loop_thread));
    assert_false(job->inside_submit);
    for (uint32_t i = 0; i < batch->envelope.part_count; i++)
        assert_int_equal(mine->told[i], 1);
    assert_null(batch->invoker_state);
    job->done++;
    free(mine); /* the batch is ours again */
    if (--job->out == 0)
        df_loop_stop(job->loop);
}

static struct test_batch *make_batch(struct test_job *job, uint32_t part_count)
{
    struct test_batch *batch = calloc(1, sizeof *batch);
    batch->job = job;
    for (uint32_t i = 0; i < part_count; i++) {
        batch->parts[i].index = i;
        batch->pointers[i] = &batch->parts[i];
    }
    batch->batch.envelope = (struct df_envelope){
        .engine = &test_engine, .deadline = df_deadline_never(), .parts = batch->pointers, .part_count = part_count};
    batch->batch.callbacks = (struct df_batch_callbacks){.on_part = on_part, .done = on_done, .ctx = batch};
    return batch;
}

static void submit(struct test_batch *batch)
{
    struct test_job *job = batch->job;
    struct df_error error;
    job->out++;
    job->inside_submit = true;
    assert_ok(job->invoker->submit(job->invoker, &batch->batch, &error), &error);
    job->inside_submit = false;
}

static void run_until_done(struct test_job *job)
{
    struct df_error error;
    if (job->out > 0)
        assert_ok(df_loop_run(job->loop, &error), &error);
    assert_int_equal(job->out, 0);
}

static void open_job(struct test_job *job, unsigned threads, struct df_budget *budget)
{
    struct df_error error;
    memset(&world, 0, sizeof world);
    *job = (struct test_job){.loop_thread = pthread_self()};
    assert_ok(df_loop_create(&job->loop, DF_LOOP_REAL_TIME, &error), &error);
    struct df_executor_options options = {.threads = threads, .budget = budget};
    assert_ok(df_invoke_threads_create(&job->invoker, job->loop, &options, &error), &error);
}

static void close_job(struct test_job *job)
{
    job->invoker->free(job->invoker);
    df_loop_free(job->loop);
    assert_int_equal(atomic_load(&world.begun), atomic_load(&world.ended));
}

/* ---- tests ---- */

static void test_limits_leave_no_thread_idle_and_hedge_nothing(void **state)
{
    (void)state;
    struct test_job job;
    open_job(&job, 5, NULL);
    assert_string_equal(job.invoker->name, "threads");
    assert_true(job.invoker->limits.batches_in_flight > 5);
    assert_true(job.invoker->limits.parts_per_batch > 1);
    assert_true(job.invoker->limits.batch_weight_bytes > 0);
    assert_true(job.invoker->limits.answer_bytes > 0);
    assert_int_equal(job.invoker->limits.request_bytes, 0);
    assert_false(job.invoker->limits.hedge);
    close_job(&job);
}

static void test_every_part_comes_back_on_the_loop_and_then_done(void **state)
{
    (void)state;
    struct test_job job;
    open_job(&job, 4, NULL);
    for (uint32_t count = 0; count <= PARTS_MAX; count++)
        submit(make_batch(&job, count));
    run_until_done(&job);
    assert_int_equal(job.done, PARTS_MAX + 1);
    assert_int_equal(job.answers, PARTS_MAX * (PARTS_MAX + 1) / 2);
    assert_int_equal(job.errors, 0);
    close_job(&job);
}

static void test_a_failing_begin_comes_back_per_part(void **state)
{
    (void)state;
    struct test_job job;
    open_job(&job, 2, NULL);
    struct test_batch *batch = make_batch(&job, 3);
    batch->batch.envelope.request = df_slice_text("bad");
    submit(batch);
    run_until_done(&job);
    assert_int_equal(job.errors, 3);
    assert_int_equal(job.last_error.kind, DF_ERROR_INVALID);
    close_job(&job);
}

static void test_sections_come_back_with_their_part_and_leave_the_account_when_dropped(void **state)
{
    (void)state;
    struct test_job job;
    struct df_budget budget;
    df_budget_init(&budget, 0);
    open_job(&job, 2, &budget);
    struct test_batch *batch = make_batch(&job, 8);
    batch->batch.envelope.sections = 5;
    submit(batch);
    run_until_done(&job);
    assert_int_equal(job.answers, 8);
    close_job(&job);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
}

static void test_cancel_ends_a_blocked_batch_and_done_still_comes(void **state)
{
    (void)state;
    struct test_job job;
    open_job(&job, 2, NULL);
    struct test_batch *batch = make_batch(&job, 4);
    batch->parts[0].detail = df_slice_text("w");
    batch->parts[1].detail = df_slice_text("w");
    submit(batch);
    while (!atomic_load(&world.blocked))
        usleep(100);
    int64_t start_ns = df_time_mono_ns();
    job.invoker->cancel(job.invoker, &batch->batch);
    job.invoker->cancel(job.invoker, &batch->batch); /* twice is fine */
    run_until_done(&job);
    assert_true(df_time_mono_ns() - start_ns < INT64_C(2000000000));
    assert_int_equal(job.errors, 4);
    assert_int_equal(job.last_error.kind, DF_ERROR_CANCELLED);
    close_job(&job);
}

static void test_cancel_of_a_batch_that_is_not_out_does_nothing(void **state)
{
    (void)state;
    struct test_job job;
    open_job(&job, 1, NULL);
    struct test_batch *batch = make_batch(&job, 1);
    job.invoker->cancel(job.invoker, &batch->batch);
    submit(batch);
    run_until_done(&job);
    assert_int_equal(job.answers, 1);
    close_job(&job);
}

static void test_property_cancels_at_any_moment(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct test_job job;
    struct df_budget budget;
    df_budget_init(&budget, 0);
    open_job(&job, 8, &budget);
    unsigned parts = 0;
    for (unsigned round = 0; round < 100; round++) {
        struct test_batch *batches[6];
        for (unsigned b = 0; b < 6; b++) {
            uint32_t count = (uint32_t)(test_random(&random) % (PARTS_MAX + 1));
            batches[b] = make_batch(&job, count);
            batches[b]->batch.envelope.sections = test_random(&random) % 2 ? 3 : 0;
            batches[b]->cancel_at_first_part = test_random(&random) % 4 == 0;
            if (test_random(&random) % 6 == 0)
                batches[b]->batch.envelope.deadline = df_deadline_after_ms((int64_t)(test_random(&random) % 3));
            for (uint32_t i = 0; i < count; i++)
                batches[b]->parts[i].size_bytes = test_random(&random) % 8 ? 0 : 1;
            parts += count;
            submit(batches[b]);
        }
        for (unsigned b = 0; b < 6; b++) {
            if (test_random(&random) % 3 == 0)
                usleep((useconds_t)(test_random(&random) % 1000));
            if (test_random(&random) % 3 == 0) /* none is done before the loop runs */
                job.invoker->cancel(job.invoker, &batches[b]->batch);
        }
        run_until_done(&job);
    }
    assert_int_equal(job.done, 600);
    assert_int_equal(job.answers + job.errors, parts);
    close_job(&job);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_leave_no_thread_idle_and_hedge_nothing),
        cmocka_unit_test(test_every_part_comes_back_on_the_loop_and_then_done),
        cmocka_unit_test(test_a_failing_begin_comes_back_per_part),
        cmocka_unit_test(test_sections_come_back_with_their_part_and_leave_the_account_when_dropped),
        cmocka_unit_test(test_cancel_ends_a_blocked_batch_and_done_still_comes),
        cmocka_unit_test(test_cancel_of_a_batch_that_is_not_out_does_nothing),
        cmocka_unit_test(test_property_cancels_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
