#include "testing/testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/pool.h"

/* A poster that keeps what was posted, in order. */
struct inbox {
    struct df_poster poster;
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    struct df_post_item *first, *last;
};

static void inbox_post(struct df_poster *poster, struct df_post_item *item)
{
    struct inbox *inbox = (struct inbox *)poster;
    item->next = NULL;
    pthread_mutex_lock(&inbox->mutex);
    if (inbox->last)
        inbox->last->next = item;
    else
        inbox->first = item;
    inbox->last = item;
    pthread_cond_signal(&inbox->arrived);
    pthread_mutex_unlock(&inbox->mutex);
}

static void inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){.poster.post = inbox_post};
    pthread_mutex_init(&inbox->mutex, NULL);
    pthread_cond_init(&inbox->arrived, NULL);
}

static void inbox_dispose(struct inbox *inbox)
{
    pthread_cond_destroy(&inbox->arrived);
    pthread_mutex_destroy(&inbox->mutex);
}

/* Waits for one item and runs it. */
static void inbox_run_one(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    while (!inbox->first)
        pthread_cond_wait(&inbox->arrived, &inbox->mutex);
    struct df_post_item *item = inbox->first;
    inbox->first = item->next;
    if (!inbox->first)
        inbox->last = NULL;
    pthread_mutex_unlock(&inbox->mutex);
    item->fn(item->ctx);
}

struct work {
    struct df_pool_call call;
    int input;
    int square;
    pthread_t ran_on;
    int *done_count;
};

static void work_run(void *ctx)
{
    struct work *work = ctx;
    work->square = work->input * work->input;
    work->ran_on = pthread_self();
}

static void work_done(void *ctx)
{
    struct work *work = ctx;
    ++*work->done_count;
    assert_int_equal(work->square, work->input * work->input);
}

static void run_many(unsigned threads)
{
    enum { COUNT = 500 };
    static struct work works[COUNT];
    struct inbox inbox;
    struct df_pool *pool;
    struct df_error error;
    int done_count = 0;
    inbox_init(&inbox);
    assert_ok(df_pool_create(&pool, threads, &error), &error);
    for (int i = 0; i < COUNT; i++) {
        works[i] = (struct work){.input = i, .done_count = &done_count};
        works[i].call = (struct df_pool_call){
            .fn = work_run, .ctx = &works[i], .poster = &inbox.poster, .done = {.fn = work_done, .ctx = &works[i]}};
        df_pool_submit(pool, &works[i].call);
        if (threads == 0)
            assert_true(pthread_equal(works[i].ran_on, pthread_self()));
    }
    for (int i = 0; i < COUNT; i++)
        inbox_run_one(&inbox);
    assert_int_equal(done_count, COUNT);
    if (threads > 0)
        assert_false(pthread_equal(works[0].ran_on, pthread_self()));
    df_pool_free(pool);
    inbox_dispose(&inbox);
}

static void test_every_call_runs_and_tells_its_poster(void **state)
{
    (void)state;
    run_many(1);
    run_many(4);
}

static void test_a_pool_of_no_threads_runs_calls_at_once(void **state)
{
    (void)state;
    run_many(0);
}

static void count_slowly(void *ctx)
{
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void test_freeing_waits_for_everything_submitted(void **state)
{
    (void)state;
    struct df_pool *pool;
    struct df_error error;
    struct df_pool_call calls[30];
    atomic_int count = 0;
    assert_ok(df_pool_create(&pool, 2, &error), &error);
    for (size_t i = 0; i < 30; i++) {
        calls[i] = (struct df_pool_call){.fn = count_slowly, .ctx = &count};
        df_pool_submit(pool, &calls[i]);
    }
    df_pool_free(pool);
    assert_int_equal(count, 30);
    df_pool_free(NULL);
}

static void test_calls_of_one_thread_run_in_order(void **state)
{
    (void)state;
    struct df_pool *pool;
    struct df_error error;
    struct inbox inbox;
    struct work works[50];
    int done_count = 0;
    inbox_init(&inbox);
    assert_ok(df_pool_create(&pool, 1, &error), &error);
    for (int i = 0; i < 50; i++) {
        works[i] = (struct work){.input = i, .done_count = &done_count};
        works[i].call = (struct df_pool_call){
            .fn = work_run, .ctx = &works[i], .poster = &inbox.poster, .done = {.fn = work_done, .ctx = &works[i]}};
        df_pool_submit(pool, &works[i].call);
    }
    df_pool_free(pool);
    struct df_post_item *item = inbox.first;
    for (int i = 0; i < 50; i++, item = item->next)
        assert_ptr_equal(item, &works[i].call.done);
    assert_null(item);
    inbox_dispose(&inbox);
}

struct chain {
    struct df_pool_call call;
    struct df_pool *pool;
    struct df_pool_call next;
    atomic_int *count;
};

static void chain_end(void *ctx)
{
    struct chain *chain = ctx;
    atomic_fetch_add(chain->count, 10);
}

static void chain_begin(void *ctx)
{
    struct chain *chain = ctx;
    atomic_fetch_add(chain->count, 1);
    chain->next = (struct df_pool_call){.fn = chain_end, .ctx = chain};
    df_pool_submit(chain->pool, &chain->next);
}

static void test_a_running_call_may_submit_another(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 3; threads++) {
        struct df_error error;
        atomic_int count = 0;
        struct chain chain = {.count = &count};
        assert_ok(df_pool_create(&chain.pool, threads, &error), &error);
        chain.call = (struct df_pool_call){.fn = chain_begin, .ctx = &chain};
        df_pool_submit(chain.pool, &chain.call);
        df_pool_free(chain.pool);
        assert_int_equal(count, 11);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_runs_and_tells_its_poster),
        cmocka_unit_test(test_a_pool_of_no_threads_runs_calls_at_once),
        cmocka_unit_test(test_freeing_waits_for_everything_submitted),
        cmocka_unit_test(test_calls_of_one_thread_run_in_order),
        cmocka_unit_test(test_a_running_call_may_submit_another),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
