#include "testing/testing.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/loop.h"

enum { MS = 1000000 };

static struct df_loop *loop;
static struct df_error error;

/* What happened, in order: one letter per event. */
static char trace[256];

static int start(enum df_loop_time time)
{
    trace[0] = '\0';
    df_error_clear(&error);
    return df_loop_create(&loop, time, &error);
}

static int setup_virtual(void **state)
{
    (void)state;
    df_time_freeze(true);
    return start(DF_LOOP_VIRTUAL_TIME);
}

static int setup_real(void **state)
{
    (void)state;
    return start(DF_LOOP_REAL_TIME);
}

static int teardown(void **state)
{
    (void)state;
    df_loop_free(loop);
    loop = NULL;
    df_time_freeze(false);
    return 0;
}

static void note(char c)
{
    size_t size = strlen(trace);
    assert_true(size + 1 < sizeof trace);
    trace[size] = c;
    trace[size + 1] = '\0';
}

static void note_ctx(void *ctx)
{
    note(*(const char *)ctx);
}

static void stop_loop(void *ctx)
{
    (void)ctx;
    note('.');
    df_loop_stop(loop);
}

static struct df_timer timer_of(const char *letter)
{
    return (struct df_timer){.fn = note_ctx, .ctx = (void *)letter};
}

static struct df_deadline at_ms(int64_t base_ns, int64_t ms)
{
    return (struct df_deadline){base_ns + ms * MS};
}

/* Arms the timer that ends the run. */
static void stop_at(struct df_timer *timer, struct df_deadline at)
{
    *timer = (struct df_timer){.fn = stop_loop};
    assert_true(df_timer_start(loop, timer, at));
}

static void run(void)
{
    assert_ok(df_loop_run(loop, &error), &error);
}

static void expect_trace(const char *expected)
{
    assert_string_equal(trace, expected);
    trace[0] = '\0';
}

/* ---- timers ---- */

static void test_timers_run_in_order_of_their_times(void **state)
{
    (void)state;
    int64_t now = df_time_mono_ns(), wall = df_time_wall_ms();
    struct df_timer a = timer_of("a"), b = timer_of("b"), c = timer_of("c"), end;
    df_timer_start(loop, &b, at_ms(now, 20));
    df_timer_start(loop, &c, at_ms(now, 3600000));
    df_timer_start(loop, &a, at_ms(now, 10));
    stop_at(&end, at_ms(now, 3600001));
    run();
    expect_trace("abc.");
    assert_true(df_time_mono_ns() == now + INT64_C(3600001) * MS); /* nobody slept an hour */
    assert_true(df_time_wall_ms() >= wall + 3600001);
    assert_int_equal(a.heap_index, 0);
}

static void test_equal_times_run_in_the_order_of_arming(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    int64_t now = df_time_mono_ns();
    struct df_timer timers[26], before[10], end;
    for (size_t i = 0; i < 10; i++) { /* others, so that the heap is stirred */
        before[i] = timer_of("-");
        df_timer_start(loop, &before[i], at_ms(now, (int64_t)(10 - i) % 5));
    }
    for (size_t i = 0; i < 26; i++) {
        timers[i] = timer_of(&letters[i]);
        df_timer_start(loop, &timers[i], at_ms(now, 10));
    }
    stop_at(&end, at_ms(now, 10));
    run();
    expect_trace("----------abcdefghijklmnopqrstuvwxyz.");
}

static void test_arming_again_puts_a_timer_behind_its_equals(void **state)
{
    (void)state;
    int64_t now = df_time_mono_ns();
    struct df_timer a = timer_of("a"), b = timer_of("b"), c = timer_of("c"), end;
    df_timer_start(loop, &a, at_ms(now, 5));
    df_timer_start(loop, &b, at_ms(now, 5));
    df_timer_start(loop, &c, at_ms(now, 50));
    df_timer_start(loop, &a, at_ms(now, 5)); /* moved in place */
    df_timer_start(loop, &c, at_ms(now, 1)); /* moved forward */
    stop_at(&end, at_ms(now, 100));
    run();
    expect_trace("cba.");
}

static void test_a_stopped_timer_does_not_run(void **state)
{
    (void)state;
    int64_t now = df_time_mono_ns();
    struct df_timer a = timer_of("a"), b = timer_of("b"), end;
    df_timer_stop(loop, &a); /* was never armed */
    df_timer_start(loop, &a, at_ms(now, 5));
    df_timer_start(loop, &b, at_ms(now, 6));
    df_timer_stop(loop, &a);
    df_timer_stop(loop, &a);
    stop_at(&end, at_ms(now, 10));
    run();
    expect_trace("b.");
}

static void test_never_is_not_armed(void **state)
{
    (void)state;
    int64_t now = df_time_mono_ns();
    struct df_timer a = timer_of("a"), end;
    df_timer_start(loop, &a, at_ms(now, 5));
    assert_true(df_timer_start(loop, &a, df_deadline_never()));
    assert_int_equal(a.heap_index, 0);
    stop_at(&end, at_ms(now, 10));
    run();
    expect_trace(".");
}

/* A timer whose callback stops one, moves another and arms itself again. */
static struct meddler {
    struct df_timer timer, victim, moved;
    int rounds;
} meddler;

static void meddle(void *ctx)
{
    (void)ctx;
    note('m');
    assert_int_equal(meddler.timer.heap_index, 0);
    df_timer_stop(loop, &meddler.victim);
    df_timer_start(loop, &meddler.moved, df_deadline_after_ms(meddler.rounds == 1 ? 0 : 30));
    if (--meddler.rounds > 0)
        df_timer_start(loop, &meddler.timer, df_deadline_after_ms(10));
}

static void test_callbacks_may_stop_move_and_arm_timers(void **state)
{
    (void)state;
    int64_t now = df_time_mono_ns();
    struct df_timer end;
    meddler = (struct meddler){.timer = {.fn = meddle}, .victim = timer_of("v"), .moved = timer_of("x"), .rounds = 3};
    df_timer_start(loop, &meddler.timer, at_ms(now, 10));
    df_timer_start(loop, &meddler.victim, at_ms(now, 10)); /* due at the same moment, and stopped in it */
    df_timer_start(loop, &meddler.moved, at_ms(now, 15));
    stop_at(&end, at_ms(now, 1000));
    run();
    expect_trace("mmmx.");
}

static struct spinner {
    struct df_timer timer;
    int count;
} spinner;

static void spin(void *ctx)
{
    (void)ctx;
    if (++spinner.count < 1000)
        df_timer_start(loop, &spinner.timer, df_deadline_after_ms(0));
    if (spinner.count == 3)
        note('s');
}

static struct df_post_item stop_item = {.fn = stop_loop};

static void post_stop(void *ctx)
{
    (void)ctx;
    note('p');
    df_loop_post(loop, &stop_item);
}

static void test_a_timer_that_is_always_due_starves_nobody(void **state)
{
    (void)state;
    struct df_timer other = {.fn = post_stop};
    spinner = (struct spinner){.timer = {.fn = spin}};
    df_timer_start(loop, &spinner.timer, df_deadline_after_ms(0));
    df_timer_start(loop, &other, df_deadline_after_ms(0));
    run();
    expect_trace("p.");
    assert_true(spinner.count < 5);
}

static struct random_run {
    struct df_timer timers[200];
    bool armed[200];
    int64_t last_ns;
    size_t ran;
    uint64_t seed;
} random_run;

static void random_step(void *ctx)
{
    size_t self = (size_t)((struct df_timer *)ctx - random_run.timers);
    assert_true(random_run.armed[self]);
    random_run.armed[self] = false;
    assert_true(random_run.timers[self].at_mono_ns >= random_run.last_ns);
    assert_true(random_run.timers[self].at_mono_ns <= df_time_mono_ns());
    random_run.last_ns = random_run.timers[self].at_mono_ns;
    if (++random_run.ran == 20000) {
        df_loop_stop(loop);
        return;
    }
    for (int i = 0; i < 3; i++) {
        size_t other = test_random(&random_run.seed) % 200;
        if (test_random(&random_run.seed) % 3 == 0 && random_run.ran % 100) {
            df_timer_stop(loop, &random_run.timers[other]);
            random_run.armed[other] = false;
        } else {
            int64_t ahead_ms = (int64_t)(test_random(&random_run.seed) % 50);
            assert_true(df_timer_start(loop, &random_run.timers[other], df_deadline_after_ms(ahead_ms)));
            random_run.armed[other] = true;
        }
    }
}

static void test_whatever_timers_do_their_order_holds(void **state)
{
    (void)state;
    random_run = (struct random_run){.seed = test_seed(), .last_ns = INT64_MIN};
    for (size_t i = 0; i < 200; i++) {
        random_run.timers[i] = (struct df_timer){.fn = random_step, .ctx = &random_run.timers[i]};
        df_timer_start(loop, &random_run.timers[i], df_deadline_after_ms((int64_t)i));
        random_run.armed[i] = true;
    }
    run();
    assert_int_equal(random_run.ran, 20000);
}

static void test_a_hang_is_an_error(void **state)
{
    (void)state;
    struct df_timer a = timer_of("a");
    df_timer_start(loop, &a, df_deadline_after_ms(5));
    assert_fails(df_loop_run(loop, &error), &error, DF_ERROR_INTERNAL, "never come");
    expect_trace("a");
}

static void test_a_loop_can_run_again_after_a_stop(void **state)
{
    (void)state;
    struct df_timer a = timer_of("a"), end;
    for (int i = 0; i < 3; i++) {
        df_timer_start(loop, &a, df_deadline_after_ms(5));
        stop_at(&end, df_deadline_after_ms(6));
        run();
        expect_trace("a.");
    }
}

static void test_nothing_more_runs_after_a_stop_in_a_timer(void **state)
{
    (void)state;
    struct df_timer a = timer_of("a"), end;
    int64_t now = df_time_mono_ns();
    stop_at(&end, at_ms(now, 5));
    df_timer_start(loop, &a, at_ms(now, 5));
    run();
    expect_trace(".");
    stop_at(&end, at_ms(now, 6));
    run(); /* what was left comes now */
    expect_trace("a.");
}

/* ---- posting ---- */

static struct df_post_item again_item;
static int again_left;

static void post_again(void *ctx)
{
    (void)ctx;
    note('g');
    if (--again_left > 0)
        df_loop_post(loop, &again_item);
    else
        df_loop_stop(loop);
}

static void test_posted_functions_run_in_order_and_may_be_posted_again(void **state)
{
    (void)state;
    struct df_post_item a = {.fn = note_ctx, .ctx = "a"}, b = {.fn = note_ctx, .ctx = "b"};
    again_item = (struct df_post_item){.fn = post_again};
    again_left = 3;
    df_loop_post(loop, &a);
    df_loop_post(loop, &again_item);
    df_loop_poster(loop)->post(df_loop_poster(loop), &b);
    run();
    expect_trace("agbgg");
}

static void test_posted_functions_run_before_timers_of_the_moment(void **state)
{
    (void)state;
    struct df_timer a = timer_of("t"), end;
    struct df_post_item p = {.fn = note_ctx, .ctx = "p"};
    df_timer_start(loop, &a, df_deadline_after_ms(0));
    df_loop_post(loop, &p);
    stop_at(&end, df_deadline_after_ms(1));
    run();
    expect_trace("pt.");
}

enum { POSTERS = 4, POSTS = 2000 };

static struct sender {
    struct df_post_item items[POSTS];
    size_t next; /* only the loop's thread */
    unsigned number;
} senders[POSTERS];
static size_t received;

struct letter {
    struct sender *from;
    size_t index;
};
static struct letter letters_sent[POSTERS][POSTS];

static void receive(void *ctx)
{
    struct letter *letter = ctx;
    assert_int_equal(letter->index, letter->from->next); /* each thread's own order holds */
    letter->from->next++;
    if (++received == (size_t)POSTERS * POSTS)
        df_loop_stop(loop);
}

static void *send_all(void *argument)
{
    struct sender *sender = argument;
    for (size_t i = 0; i < POSTS; i++) {
        letters_sent[sender->number][i] = (struct letter){.from = sender, .index = i};
        sender->items[i] = (struct df_post_item){.fn = receive, .ctx = &letters_sent[sender->number][i]};
        df_loop_post(loop, &sender->items[i]);
        if (i % 500 == 0) {
            struct timespec pause = {.tv_nsec = 1 * MS}; /* lets the loop fall asleep */
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

static void test_threads_may_post_and_wake_a_sleeping_loop(void **state)
{
    (void)state;
    pthread_t threads[POSTERS];
    received = 0;
    for (unsigned i = 0; i < POSTERS; i++) {
        senders[i].next = 0;
        senders[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    run();
    assert_int_equal(received, POSTERS * POSTS);
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
}

static void *post_the_stop(void *argument)
{
    df_loop_post(loop, argument);
    return NULL;
}

static void test_the_loop_may_be_freed_by_what_was_posted_last(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        struct df_post_item item = {.fn = stop_loop};
        assert_int_equal(pthread_create(&thread, NULL, post_the_stop, &item), 0);
        run();
        df_loop_free(loop); /* the poster may still be inside df_loop_post */
        pthread_join(thread, NULL);
        expect_trace(".");
        assert_int_equal(start(DF_LOOP_REAL_TIME), 0);
    }
}

static int pool_runs, pool_left;

static void pool_work(void *ctx)
{
    *(int *)ctx += 1;
}

static void pool_done(void *ctx)
{
    pool_runs += *(int *)ctx;
    if (--pool_left == 0)
        df_loop_stop(loop);
}

static void test_a_pool_hands_its_results_to_the_loop(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static int inputs[COUNT];
    static struct df_pool_call calls[COUNT];
    struct df_pool *pool;
    pool_runs = 0;
    pool_left = COUNT;
    assert_ok(df_pool_create(&pool, 3, &error), &error);
    for (int i = 0; i < COUNT; i++) {
        inputs[i] = i;
        calls[i] = (struct df_pool_call){.fn = pool_work,
                                         .ctx = &inputs[i],
                                         .poster = df_loop_poster(loop),
                                         .done = {.fn = pool_done, .ctx = &inputs[i]}};
        df_pool_submit(pool, &calls[i]);
    }
    run();
    assert_int_equal(pool_runs, COUNT * (COUNT + 1) / 2);
    df_pool_free(pool);
}

/* ---- real time ---- */

static void test_real_timers_wait_for_their_time(void **state)
{
    (void)state;
    int64_t now = df_time_mono_ns();
    struct df_timer a = timer_of("a"), b = timer_of("b"), end;
    df_timer_start(loop, &b, at_ms(now, 20));
    df_timer_start(loop, &a, at_ms(now, 10));
    stop_at(&end, at_ms(now, 30));
    run();
    expect_trace("ab.");
    int64_t took = df_time_mono_ns() - now;
    assert_true(took >= 30 * (int64_t)MS);
    assert_true(took < 10000 * (int64_t)MS);
}

static void test_waiting_costs_no_cpu(void **state)
{
    (void)state;
    struct df_timer end;
    stop_at(&end, df_deadline_after_ms(100));
    int64_t cpu = df_time_thread_cpu_ns();
    run();
    assert_true(df_time_thread_cpu_ns() - cpu < 50 * (int64_t)MS);
    expect_trace(".");
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    (void)what;
    (void)ctx;
    char c;
    assert_int_equal(read((int)fd, &c, 1), 1);
    note(c);
    df_loop_stop(loop);
}

static void spin_for_ever(void *ctx)
{
    (void)ctx;
    df_timer_start(loop, &spinner.timer, df_deadline_after_ms(0));
}

static void test_sockets_get_their_turn_beside_a_busy_timer(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct event *event = event_new(df_loop_event_base(loop), ends[0], EV_READ | EV_PERSIST, on_readable, NULL);
    assert_int_equal(event_add(event, NULL), 0);
    spinner = (struct spinner){.timer = {.fn = spin_for_ever}};
    df_timer_start(loop, &spinner.timer, df_deadline_after_ms(0));
    assert_int_equal(write(ends[1], "r", 1), 1);
    run();
    expect_trace("r");
    event_free(event);
    close(ends[0]);
    close(ends[1]);
}

static void test_freeing_forgets_pending_timers_and_null_is_fine(void **state)
{
    (void)state;
    struct df_timer a = timer_of("a");
    df_timer_start(loop, &a, df_deadline_after_ms(5));
    df_loop_free(NULL);
    /* teardown frees the loop */
}

#define VIRTUAL(name) cmocka_unit_test_setup_teardown(name, setup_virtual, teardown)
#define REAL(name)    cmocka_unit_test_setup_teardown(name, setup_real, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIRTUAL(test_timers_run_in_order_of_their_times),
        VIRTUAL(test_equal_times_run_in_the_order_of_arming),
        VIRTUAL(test_arming_again_puts_a_timer_behind_its_equals),
        VIRTUAL(test_a_stopped_timer_does_not_run),
        VIRTUAL(test_never_is_not_armed),
        VIRTUAL(test_callbacks_may_stop_move_and_arm_timers),
        VIRTUAL(test_a_timer_that_is_always_due_starves_nobody),
        REAL(test_a_timer_that_is_always_due_starves_nobody),
        VIRTUAL(test_whatever_timers_do_their_order_holds),
        VIRTUAL(test_a_hang_is_an_error),
        VIRTUAL(test_a_loop_can_run_again_after_a_stop),
        VIRTUAL(test_nothing_more_runs_after_a_stop_in_a_timer),
        VIRTUAL(test_posted_functions_run_in_order_and_may_be_posted_again),
        REAL(test_posted_functions_run_in_order_and_may_be_posted_again),
        VIRTUAL(test_posted_functions_run_before_timers_of_the_moment),
        REAL(test_threads_may_post_and_wake_a_sleeping_loop),
        REAL(test_the_loop_may_be_freed_by_what_was_posted_last),
        REAL(test_a_pool_hands_its_results_to_the_loop),
        REAL(test_real_timers_wait_for_their_time),
        REAL(test_waiting_costs_no_cpu),
        REAL(test_sockets_get_their_turn_beside_a_busy_timer),
        REAL(test_freeing_forgets_pending_timers_and_null_is_fine),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
