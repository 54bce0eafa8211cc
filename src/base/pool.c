#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct df_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct {
        struct df_pool_call *first, *last;
        bool closing;
    } synced; /* under mutex */
    unsigned thread_count;
    pthread_t threads[];
};

static void run(struct df_pool_call *call)
{
    /* fn may hand the call's memory on; what is needed afterwards is read before. */
    struct df_poster *poster = call->poster;
    struct df_post_item *done = &call->done;
    call->fn(call->ctx);
    if (poster)
        poster->post(poster, done);
}

static struct df_pool_call *next_call(struct df_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    while (!pool->synced.first && !pool->synced.closing)
        pthread_cond_wait(&pool->work, &pool->mutex);
    struct df_pool_call *call = pool->synced.first;
    if (call) {
        pool->synced.first = call->next;
        if (!pool->synced.first)
            pool->synced.last = NULL;
    }
    pthread_mutex_unlock(&pool->mutex);
    return call;
}

static void *thread_main(void *argument)
{
    struct df_pool *pool = argument;
    struct df_pool_call *call;
    while ((call = next_call(pool)) != NULL)
        run(call);
    return NULL;
}

int df_pool_create(struct df_pool **out, unsigned threads, struct df_error *error)
{
    *out = NULL;
    struct df_pool *pool = calloc(1, sizeof *pool + threads * sizeof(pthread_t));
    if (!pool)
        return df_error_no_memory(error, "creating a thread pool");
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    for (; pool->thread_count < threads; pool->thread_count++) {
        int rc = pthread_create(&pool->threads[pool->thread_count], NULL, thread_main, pool);
        if (rc != 0) {
            df_error_set_errno(error, rc, "starting thread %u of %u of the pool", pool->thread_count + 1, threads);
            df_pool_free(pool);
            return -1;
        }
    }
    *out = pool;
    return 0;
}

void df_pool_submit(struct df_pool *pool, struct df_pool_call *call)
{
    if (pool->thread_count == 0) {
        run(call);
        return;
    }
    call->next = NULL;
    pthread_mutex_lock(&pool->mutex);
    if (pool->synced.last)
        pool->synced.last->next = call;
    else
        pool->synced.first = call;
    pool->synced.last = call;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
}

void df_pool_free(struct df_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->synced.closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
