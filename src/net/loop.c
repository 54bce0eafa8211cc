#include "net/loop.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct df_loop {
    struct df_poster poster;
    enum df_loop_time time;
    struct event_base *base;
    struct event *wake_event, *sleep_event;
    int wake_fd;
    bool stopping;

    /* A binary heap by time; equal times run in the order of arming, so that a test's order is the seed's. */
    struct df_timer **heap; /* [1..heap_count] */
    size_t heap_count, heap_capacity;
    uint64_t armed_count; /* timers ever armed: gives each its order */

    pthread_mutex_t mutex;
    struct {
        struct df_post_item *first, *last;
    } synced; /* under mutex */
};

/* ---- timers ---- */

static void heap_place(struct df_loop *loop, size_t index, struct df_timer *timer)
{
    loop->heap[index] = timer;
    timer->heap_index = index;
}

static bool runs_before(const struct df_timer *a, const struct df_timer *b)
{
    return a->at_mono_ns != b->at_mono_ns ? a->at_mono_ns < b->at_mono_ns : a->order < b->order;
}

static void heap_up(struct df_loop *loop, size_t index, struct df_timer *timer)
{
    for (; index > 1 && runs_before(timer, loop->heap[index / 2]); index /= 2)
        heap_place(loop, index, loop->heap[index / 2]);
    heap_place(loop, index, timer);
}

static void heap_down(struct df_loop *loop, size_t index, struct df_timer *timer)
{
    for (;;) {
        size_t child = index * 2;
        if (child > loop->heap_count)
            break;
        if (child < loop->heap_count && runs_before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!runs_before(loop->heap[child], timer))
            break;
        heap_place(loop, index, loop->heap[child]);
        index = child;
    }
    heap_place(loop, index, timer);
}

void df_timer_stop(struct df_loop *loop, struct df_timer *timer)
{
    size_t index = timer->heap_index;
    if (index == 0)
        return;
    timer->heap_index = 0;
    struct df_timer *moved = loop->heap[loop->heap_count--];
    if (moved == timer)
        return;
    if (index > 1 && runs_before(moved, loop->heap[index / 2]))
        heap_up(loop, index, moved);
    else
        heap_down(loop, index, moved);
}

bool df_timer_start(struct df_loop *loop, struct df_timer *timer, struct df_deadline at)
{
    df_timer_stop(loop, timer);
    if (at.mono_ns == DF_DEADLINE_NEVER)
        return true;
    if (loop->heap_count + 1 >= loop->heap_capacity) {
        size_t capacity = loop->heap_capacity ? loop->heap_capacity * 2 : 64;
        struct df_timer **heap = realloc(loop->heap, capacity * sizeof(struct df_timer *));
        if (!heap)
            return false;
        loop->heap = heap;
        loop->heap_capacity = capacity;
    }
    timer->at_mono_ns = at.mono_ns;
    timer->order = loop->armed_count++;
    loop->heap_count++;
    heap_up(loop, loop->heap_count, timer);
    return true;
}

static bool run_due_timers(struct df_loop *loop)
{
    bool ran = false;
    int64_t now = df_time_mono_ns();
    uint64_t armed_before = loop->armed_count; /* a timer that arms itself again for now waits for the next round */
    while (loop->heap_count && !loop->stopping && loop->heap[1]->at_mono_ns <= now &&
           loop->heap[1]->order < armed_before) {
        struct df_timer *timer = loop->heap[1];
        df_timer_stop(loop, timer);
        timer->fn(timer->ctx);
        ran = true;
    }
    return ran;
}

/* ---- posted functions ---- */

void df_loop_post(struct df_loop *loop, struct df_post_item *item)
{
    item->next = NULL;
    pthread_mutex_lock(&loop->mutex);
    bool was_empty = !loop->synced.first;
    if (was_empty)
        loop->synced.first = item;
    else
        loop->synced.last->next = item;
    loop->synced.last = item;
    /* Inside the lock: after it the loop may already be gone. */
    if (was_empty)
        (void)eventfd_write(loop->wake_fd, 1);
    pthread_mutex_unlock(&loop->mutex);
}

static void post_of_poster(struct df_poster *poster, struct df_post_item *item)
{
    df_loop_post((struct df_loop *)poster, item); /* poster is the first member */
}

struct df_poster *df_loop_poster(struct df_loop *loop)
{
    return &loop->poster;
}

static bool run_posted(struct df_loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct df_post_item *item = loop->synced.first;
    loop->synced.first = loop->synced.last = NULL;
    pthread_mutex_unlock(&loop->mutex);
    bool ran = item != NULL;
    while (item) {
        struct df_post_item *next = item->next; /* fn may post the item again */
        item->fn(item->ctx);
        item = next;
    }
    return ran;
}

/* ---- the loop ---- */

static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    (void)argument;
    eventfd_t count;
    (void)eventfd_read((int)fd, &count);
}

static void on_sleep_over(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    (void)argument;
}

int df_loop_create(struct df_loop **out, enum df_loop_time time, struct df_error *error)
{
    *out = NULL;
    struct df_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return df_error_no_memory(error, "creating an event loop");
    loop->poster.post = post_of_poster;
    loop->time = time;
    pthread_mutex_init(&loop->mutex, NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct event_config *config = event_config_new();
    if (config) {
        /* One thread runs the loop and others only write to the eventfd: libevent needs no locks of its own. */
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        loop->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (loop->wake_fd >= 0 && loop->base) {
        loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, NULL);
        loop->sleep_event = event_new(loop->base, -1, 0, on_sleep_over, NULL);
    }
    if (!loop->wake_event || !loop->sleep_event || event_add(loop->wake_event, NULL) != 0) {
        df_loop_free(loop);
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "cannot create an event loop (file descriptors or memory short)");
    }
    *out = loop;
    return 0;
}

void df_loop_free(struct df_loop *loop)
{
    if (!loop)
        return;
    if (loop->wake_event)
        event_free(loop->wake_event);
    if (loop->sleep_event)
        event_free(loop->sleep_event);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    /* A poster may still be inside df_loop_post, about to unlock. */
    pthread_mutex_lock(&loop->mutex);
    pthread_mutex_unlock(&loop->mutex);
    pthread_mutex_destroy(&loop->mutex);
    free(loop->heap);
    free(loop);
}

/* Sockets get their turn in every round, also while timers and posted functions keep the loop busy. */
static void look_for_events(struct df_loop *loop, bool may_sleep)
{
    if (!may_sleep) {
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
        return;
    }
    if (loop->heap_count) {
        int64_t left_ns = loop->heap[1]->at_mono_ns - df_time_mono_ns();
        if (left_ns < 0)
            left_ns = 0;
        struct timeval wait = {.tv_sec = left_ns / 1000000000, .tv_usec = left_ns % 1000000000 / 1000 + 1};
        event_add(loop->sleep_event, &wait);
    }
    event_base_loop(loop->base, EVLOOP_ONCE);
    event_del(loop->sleep_event);
}

static int jump_to_next_timer(struct df_loop *loop, struct df_error *error)
{
    if (loop->heap_count == 0)
        return df_error_set(error, DF_ERROR_INTERNAL, "the loop waits for something that will never come");
    int64_t ahead_ns = loop->heap[1]->at_mono_ns - df_time_mono_ns();
    if (ahead_ns > 0)
        df_time_jump(ahead_ns, (ahead_ns + 999999) / 1000000);
    return 0;
}

int df_loop_run(struct df_loop *loop, struct df_error *error)
{
    loop->stopping = false;
    while (!loop->stopping) {
        bool ran = run_posted(loop);
        if (!loop->stopping)
            ran = run_due_timers(loop) || ran;
        if (loop->stopping)
            break;
        if (loop->time == DF_LOOP_REAL_TIME)
            look_for_events(loop, !ran);
        else if (ran)
            continue;
        else if (jump_to_next_timer(loop, error) != 0)
            return -1;
    }
    return 0;
}

void df_loop_stop(struct df_loop *loop)
{
    loop->stopping = true;
}

struct event_base *df_loop_event_base(struct df_loop *loop)
{
    return loop->base;
}
