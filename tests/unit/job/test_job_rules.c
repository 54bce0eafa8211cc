/* The rules of a job one by one, at exact times: virtual time makes them exact. */
#include <unistd.h>

#include "contract/rig.h"

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_create(&rig, NULL);
    rig_reset(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_reset(&rig);
    rig_destroy(&rig);
    return 0;
}

/* ---- a script: every attempt of a part answers after its own time ---- */

enum { STEPS_MAX = 256 };

static struct {
    int64_t ms;
    uint32_t stage, index, batch_parts;
    bool local;
    struct df_deadline deadline;
} seen[STEPS_MAX];
static uint32_t seen_count;
static int64_t first_answer_ms[RIG_PARTS], later_answer_ms[RIG_PARTS];

static int64_t now_ms(void)
{
    return (df_time_mono_ns() - rig.started_ns) / RIG_NS_PER_MS;
}

static void note(struct rig_flight *flight)
{
    const struct df_envelope *envelope = &flight->batch->envelope;
    for (uint32_t i = 0; i < envelope->part_count; i++) {
        assert_true(seen_count < STEPS_MAX);
        seen[seen_count].ms = now_ms();
        seen[seen_count].stage = envelope->parts[i]->stage;
        seen[seen_count].index = envelope->parts[i]->index;
        seen[seen_count].batch_parts = envelope->part_count;
        seen[seen_count].deadline = envelope->deadline;
        seen[seen_count++].local = flight->invoker->local;
    }
}

static void script_times(struct rig *self, struct rig_flight *flight)
{
    int64_t last_ms = 0;
    (void)self;
    note(flight);
    for (uint32_t i = 0; i < flight->batch->envelope.part_count; i++) {
        struct rig_part *part = rig_part_of(flight, i);
        uint32_t index = flight->batch->envelope.parts[i]->index;
        int64_t at_ms = part->attempts == 1 ? first_answer_ms[index] : later_answer_ms[index];
        bool fails = part->attempts <= part->fails && !(flight->invoker->local && rig.options.fallback_to_threads);
        if (part->fits && flight->batch->envelope.part_count > part->fits) {
            rig_at(flight, at_ms, RIG_SAY_DONE, 0, DF_ERROR_TOO_LARGE);
            return;
        }
        if (!(fails && part->missing))
            rig_at(flight, at_ms, fails ? RIG_SAY_ERROR : RIG_SAY_ANSWER, i, part->kind);
        last_ms = at_ms > last_ms ? at_ms : last_ms;
    }
    rig_at(flight, last_ms, RIG_SAY_DONE, 0, DF_ERROR_NONE);
}

static struct rig_stage *begin(uint32_t parts)
{
    rig.stage_count = 1;
    rig.stages[0].part_count = parts;
    rig.script = script_times;
    seen_count = 0;
    for (uint32_t i = 0; i < RIG_PARTS; i++)
        first_answer_ms[i] = later_answer_ms[i] = 10;
    return &rig.stages[0];
}

static void run_to(enum df_end end)
{
    rig_go(&rig);
    if (rig.wrong[0])
        fail_msg("%s", rig.wrong);
    if (rig.end != end)
        fail_msg("end %d, expected %d: %s", (int)rig.end, (int)end, rig.error.message);
}

static void assert_answer_is_expected(void)
{
    struct df_buf expected = {0};
    bool fails;
    rig_expect(&rig, &expected, &fails);
    assert_false(fails);
    assert_slice_is(df_buf_slice(&rig.writer.content), df_buf_text(&expected));
    df_buf_dispose(&expected);
}

/* ---- retries ---- */

static void test_delays_double_with_jitter_up_to_32_times_the_first(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(1);
    rig.options.attempts = 9;
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_UNAVAILABLE, .fails = 8};
    run_to(DF_END_DONE);
    assert_int_equal(seen_count, 9);
    for (uint32_t i = 1; i < seen_count; i++) {
        int64_t delay_ms = seen[i].ms - seen[i - 1].ms - 10, full_ms = INT64_C(100) << (i - 1 < 5 ? i - 1 : 5);
        assert_in_range(delay_ms, full_ms / 2, full_ms);
    }
    assert_int_equal(rig.stats.retries, 8);
    assert_int_equal(rig.stats.attempts_failed, 8);
    assert_answer_is_expected();
}

static void test_same_seed_gives_same_delays_and_another_seed_others(void **state)
{
    (void)state;
    int64_t ends_ms[3];
    for (uint32_t i = 0; i < 3; i++) {
        rig_reset(&rig);
        struct rig_stage *stage = begin(1);
        stage->parts[0] = (struct rig_part){.kind = DF_ERROR_UNAVAILABLE, .fails = 3};
        rig.options.retry_delay_ms = 10000;
        rig.options.seed = i < 2 ? 7 : 8;
        run_to(DF_END_DONE);
        ends_ms[i] = seen[3].ms;
    }
    assert_int_equal(ends_ms[0], ends_ms[1]);
    assert_int_not_equal(ends_ms[0], ends_ms[2]);
}

static void test_attempts_are_used_up_and_the_error_goes_to_fold(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(2);
    stage->parts[1] = (struct rig_part){.kind = DF_ERROR_UNAVAILABLE, .fails = RIG_ALWAYS};
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[1].attempts, 4);
    assert_answer_is_expected();
}

static void test_an_error_that_is_not_retryable_is_not_retried(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(1);
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_CORRUPT, .fails = RIG_ALWAYS};
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[0].attempts, 1);
    assert_answer_is_expected();
}

static void test_internal_is_retried_once(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(1);
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_INTERNAL, .fails = RIG_ALWAYS};
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[0].attempts, 2);
    assert_answer_is_expected();
}

static void test_throttles_use_up_no_attempt(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(1);
    rig.options.attempts = 1;
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_THROTTLED, .fails = 9};
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[0].attempts, 10);
    assert_answer_is_expected();
}

static void test_throttles_without_deadline_end_after_ten_times_the_attempts(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(1);
    rig.options.attempts = 2;
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_THROTTLED, .fails = RIG_ALWAYS};
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[0].attempts, 20);
    assert_answer_is_expected();
}

static void test_throttles_with_a_deadline_end_by_it(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(1);
    rig.options.timeout_ms = 300000;
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_THROTTLED, .fails = RIG_ALWAYS};
    run_to(DF_END_DEADLINE);
    assert_true(stage->parts[0].attempts > 80);
}

static void test_no_retry_is_never_tried_twice(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(3);
    rig.remote.base.limits = (struct df_invoker_limits){.parts_per_batch = 3, .batches_in_flight = 3, .hedge = true};
    rig.options.hedge_after_ms = 1;
    rig.options.fallback_to_threads = true;
    stage->parts[1] =
        (struct rig_part){.flags = DF_PART_NO_RETRY, .kind = DF_ERROR_UNAVAILABLE, .fails = RIG_ALWAYS, .fits = 1};
    first_answer_ms[1] = 5000;
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[1].attempts, 1);
    assert_int_equal(rig.stats.hedges, 0);
    assert_answer_is_expected();
}

static void test_the_last_resort_is_local_and_only_once(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(2);
    rig.options.attempts = 2;
    rig.options.fallback_to_threads = true;
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_UNAVAILABLE, .fails = RIG_ALWAYS};
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[0].attempts, 3);
    uint32_t local = 0;
    for (uint32_t i = 0; i < seen_count; i++)
        local += seen[i].local;
    assert_int_equal(local, 1);
    assert_answer_is_expected();
}

static bool refuse_twice(struct rig *self, struct rig_flight *flight, struct df_error *error)
{
    (void)flight;
    if (self->refusals >= 2)
        return false;
    df_error_set(error, DF_ERROR_UNAVAILABLE, "no connection");
    return true;
}

static void test_a_refused_submit_is_an_error_of_its_parts(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(1);
    rig.refuse = refuse_twice;
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[0].attempts, 3);
    assert_int_equal(rig.stats.retries, 2);
    assert_answer_is_expected();
}

/* ---- batches ---- */

static uint32_t batches_of(uint32_t parts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < seen_count; i++)
        count += seen[i].batch_parts == parts;
    return parts ? count / parts : count;
}

static void test_parts_are_packed_up_to_the_number_a_batch_takes(void **state)
{
    (void)state;
    begin(10);
    rig.remote.base.limits.parts_per_batch = 4;
    run_to(DF_END_DONE);
    assert_int_equal(rig.stats.batches, 3);
    assert_int_equal(batches_of(4), 2);
    assert_int_equal(batches_of(2), 1);
}

static void test_parts_are_packed_by_weight_and_a_heavy_one_goes_alone_and_first(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(5);
    static const uint64_t weights[] = {40, 60, 1000, 30, 30};
    for (uint32_t i = 0; i < 5; i++)
        stage->parts[i].weight_bytes = weights[i];
    rig.remote.base.limits.parts_per_batch = 5;
    rig.remote.base.limits.batch_weight_bytes = 100;
    run_to(DF_END_DONE);
    assert_int_equal(rig.stats.batches, 3);
    assert_int_equal(seen[0].index, 2);
    assert_int_equal(seen[0].batch_parts, 1);
    assert_int_equal(seen[1].index, 1);
    assert_int_equal(seen[2].index, 0);
    assert_int_equal(seen[1].batch_parts, 2);
    assert_int_equal(seen[3].index, 3);
    assert_int_equal(rig.stats.bytes_planned, 1160);
}

static void test_a_request_holds_no_more_than_its_bytes_and_a_part_above_fails(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(6);
    for (uint32_t i = 0; i < 6; i++)
        stage->parts[i].detail_bytes = 3000; /* 4,000 in base64 */
    stage->parts[4] = (struct rig_part){.detail_bytes = 9000, .kind = DF_ERROR_TOO_LARGE, .fails = RIG_ALWAYS};
    rig.remote.base.limits.parts_per_batch = 6;
    rig.remote.base.limits.request_bytes = 10000;
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[4].attempts, 0);
    assert_int_equal(rig.stats.batches, 3);
    assert_answer_is_expected();
}

static void test_a_batch_that_is_too_large_is_halved_until_it_fits(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(8);
    for (uint32_t i = 0; i < 8; i++)
        stage->parts[i].fits = 2;
    rig.options.attempts = 1; /* it costs none */
    rig.remote.base.limits.parts_per_batch = 8;
    run_to(DF_END_DONE);
    assert_int_equal(batches_of(8), 1);
    assert_int_equal(batches_of(4), 2);
    assert_int_equal(batches_of(2), 4);
    assert_int_equal(rig.stats.retries, 0);
    assert_answer_is_expected();
}

static void test_a_part_that_is_too_large_alone_fails(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(2);
    stage->parts[0] = (struct rig_part){.kind = DF_ERROR_TOO_LARGE, .fails = RIG_ALWAYS};
    rig.remote.base.limits.parts_per_batch = 2;
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[0].attempts, 2);
    assert_answer_is_expected();
}

static void test_local_parts_go_to_the_threads(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(4);
    stage->parts[1].flags = stage->parts[3].flags = DF_PART_LOCAL;
    run_to(DF_END_DONE);
    for (uint32_t i = 0; i < seen_count; i++)
        assert_int_equal(seen[i].local, seen[i].index % 2);
    assert_answer_is_expected();
}

static void test_no_more_batches_are_in_flight_than_the_invoker_takes(void **state)
{
    (void)state;
    begin(20);
    rig.remote.base.limits.batches_in_flight = 3;
    run_to(DF_END_DONE);
    assert_int_equal(rig.remote.in_flight_peak, 3);
    assert_int_equal(seen[19].ms, 60);
}

/* ---- the window ---- */

static void test_nothing_is_submitted_further_ahead_than_the_window_holds(void **state)
{
    (void)state;
    begin(20);
    rig.options.reorder_bytes = 5000; /* five answers of 1,000 at most */
    rig.remote.base.limits.batches_in_flight = 20;
    first_answer_ms[0] = 1000;
    run_to(DF_END_DONE);
    /* Answers that are there count what they are, so more follow; but never past the memory of the window. */
    for (uint32_t i = 0; i < seen_count; i++)
        if (seen[i].ms == 0)
            assert_true(seen[i].index < 5);
    assert_answer_is_expected();
}

static void test_large_answers_that_wait_hold_the_window_shut(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(20);
    for (uint32_t i = 0; i < 20; i++)
        stage->parts[i].padding_bytes = 990;
    rig.options.reorder_bytes = 5000;
    rig.remote.base.limits.batches_in_flight = 20;
    first_answer_ms[0] = 1000;
    run_to(DF_END_DONE);
    for (uint32_t i = 0; i < seen_count; i++)
        assert_true(seen[i].index < 5 || seen[i].ms >= 1000);
    assert_true(rig.budget.peak_bytes <= 5 * 1100);
    assert_answer_is_expected();
}

static void test_the_first_part_goes_also_when_it_alone_is_more_than_the_window(void **state)
{
    (void)state;
    begin(3);
    rig.options.reorder_bytes = 1;
    run_to(DF_END_DONE);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(seen[i].index, i);
        assert_int_equal(seen[i].ms, 10 * i);
    }
}

static void test_heavier_parts_go_first_inside_the_window_only(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(10);
    for (uint32_t i = 0; i < 10; i++) {
        stage->parts[i].flags = DF_PART_LOCAL;
        stage->parts[i].weight_bytes = i;
    }
    rig.remote.base.limits.answer_bytes = 0; /* all are planned at once */
    rig.local.base.limits.batches_in_flight = 1;
    rig.options.reorder_bytes = 3000; /* three of 1,000 */
    run_to(DF_END_DONE);
    assert_int_equal(seen[0].index, 2);
    assert_answer_is_expected();
}

static void test_a_batch_reserves_its_whole_answer_however_few_parts_it_holds(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(20);
    for (uint32_t i = 0; i < 20; i++)
        stage->parts[i].weight_bytes = 100; /* so that each goes alone */
    rig.remote.base.limits.parts_per_batch = 10;
    rig.remote.base.limits.batch_weight_bytes = 100;
    rig.remote.base.limits.batches_in_flight = 20;
    rig.options.reorder_bytes = 3000;
    run_to(DF_END_DONE);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(seen[i].ms, 10 * (i / 3)); /* three answers of 1,000 at a time, not thirty of 100 */
}

static void test_plan_is_asked_for_no_more_than_fits(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(40);
    rig.options.plan_room = 1000;
    rig.options.reorder_bytes = 4000; /* four answers: room is at most four */
    rig.remote.base.limits.batches_in_flight = 40;
    first_answer_ms[0] = 100000;
    rig.options.timeout_ms = 5;
    run_to(DF_END_DEADLINE);
    assert_int_equal(stage->planned, 4);
}

static void test_no_more_is_planned_than_two_rounds_of_batches(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(40);
    rig.options.plan_room = 1000;
    rig.remote.base.limits.batches_in_flight = 2;
    rig.remote.base.limits.parts_per_batch = 3;
    first_answer_ms[0] = 100000;
    rig.options.timeout_ms = 5;
    run_to(DF_END_DEADLINE);
    assert_in_range(stage->planned, 6 + 3, 6 + 12); /* in flight, and one to two rounds that wait */
}

static int64_t first_fold_ms;

static void note_first_fold(struct rig *self, const struct df_part *part)
{
    (void)self;
    if (part->index == 0)
        first_fold_ms = now_ms();
}

static void test_a_long_listing_does_not_hold_up_the_fold(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(4);
    stage->plan_chunk = 1;
    stage->empty_plans = 100;
    rig.on_fold = note_first_fold;
    run_to(DF_END_DONE);
    assert_in_range(first_fold_ms, 10, 12);
    assert_answer_is_expected();
}

static void test_parts_run_while_listing_goes_on(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(30);
    stage->plan_chunk = 1;
    rig.remote.base.limits.batches_in_flight = 2;
    run_to(DF_END_DONE);
    assert_int_equal(seen[0].ms, 0);
    assert_int_equal(seen[29].ms, 140);
    assert_answer_is_expected();
}

/* ---- hedges ---- */

static void ignore_cancel(struct rig *self, struct rig_flight *flight)
{
    (void)self;
    (void)flight;
}

static struct rig_stage *begin_hedging(uint32_t parts)
{
    struct rig_stage *stage = begin(parts);
    rig.remote.base.limits.hedge = true;
    rig.remote.base.limits.batches_in_flight = 64;
    rig.options.hedge_after_ms = 50;
    return stage;
}

static int64_t submitted_again_ms(uint32_t index)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < seen_count; i++)
        if (seen[i].index == index && ++count == 2)
            return seen[i].ms;
    return -1;
}

static void test_a_straggler_is_hedged_at_three_times_the_median(void **state)
{
    (void)state;
    begin_hedging(5);
    static const int64_t times[] = {30, 40, 20, 10000, 90};
    memcpy(first_answer_ms, times, sizeof times);
    run_to(DF_END_DONE);
    /* Of 20, 30, 40, 90 the lower median is 30, so from 90 ms on; part 4 answers just then. */
    assert_int_equal(submitted_again_ms(3), 90);
    assert_int_equal(rig.stats.hedges, 1);
    assert_int_equal(rig.cancels, 1);
    assert_answer_is_expected();
}

static int64_t cancelled_ms;

static void note_cancel(struct rig *self, struct rig_flight *flight)
{
    (void)self;
    cancelled_ms = now_ms();
    rig_cancel_rest(flight);
}

static void test_a_loser_is_cancelled_when_all_parts_of_its_batch_are_settled(void **state)
{
    (void)state;
    struct rig_stage *stage = begin_hedging(4);
    stage->parts[0].flags = DF_PART_NO_HEDGE; /* keeps the stage going */
    first_answer_ms[0] = 5000;
    first_answer_ms[2] = first_answer_ms[3] = 4000;
    rig.remote.base.limits.parts_per_batch = 2; /* 0 and 1, 2 and 3 */
    later_answer_ms[3] = 200;
    rig.on_cancel = note_cancel;
    run_to(DF_END_DONE);
    assert_int_equal(rig.stats.hedges, 2);
    assert_int_equal(rig.cancels, 1);
    assert_int_equal(submitted_again_ms(3), 50);
    assert_int_equal(cancelled_ms, 250);
    assert_answer_is_expected();
}

static void test_no_hedge_comes_before_hedge_after(void **state)
{
    (void)state;
    begin_hedging(3);
    first_answer_ms[0] = first_answer_ms[1] = 1;
    first_answer_ms[2] = 10000;
    run_to(DF_END_DONE);
    assert_int_equal(submitted_again_ms(2), 50);
}

static void test_before_any_answer_only_the_part_the_fold_waits_for_is_hedged(void **state)
{
    (void)state;
    begin_hedging(3);
    first_answer_ms[0] = first_answer_ms[1] = first_answer_ms[2] = 10000;
    later_answer_ms[0] = 30;
    run_to(DF_END_DONE);
    assert_int_equal(submitted_again_ms(0), 50);
    /* The hedge took 30 ms: three times that is 90, and at 80 ms, when it is known, nobody is that old. */
    assert_int_equal(submitted_again_ms(1), 90);
    assert_int_equal(submitted_again_ms(2), 90);
}

static void test_a_full_window_hedges_the_part_the_fold_waits_for_without_the_median(void **state)
{
    (void)state;
    struct rig_stage *stage = begin_hedging(6);
    for (uint32_t i = 0; i < 6; i++)
        stage->parts[i].padding_bytes = 990;
    rig.options.reorder_bytes = 2100;
    first_answer_ms[0] = 10000;
    first_answer_ms[1] = 49;
    run_to(DF_END_DONE);
    assert_int_equal(submitted_again_ms(0), 50); /* three medians would be 147 */
}

static void test_no_hedge_while_others_wait_to_be_submitted(void **state)
{
    (void)state;
    begin_hedging(8);
    rig.remote.base.limits.batches_in_flight = 2;
    for (uint32_t i = 1; i < 8; i++)
        first_answer_ms[i] = 40;
    first_answer_ms[0] = 10000;
    run_to(DF_END_DONE);
    assert_int_equal(submitted_again_ms(0), 280); /* seven others, one after the other, on the other place */
}

static void test_behind_a_full_window_only_the_part_the_fold_waits_for_is_hedged(void **state)
{
    (void)state;
    begin_hedging(6);
    rig.options.reorder_bytes = 2500; /* two at a time, the third waits */
    first_answer_ms[0] = 1;
    first_answer_ms[1] = first_answer_ms[2] = 10000;
    run_to(DF_END_DONE);
    assert_int_equal(submitted_again_ms(1), 50);
    assert_int_equal(submitted_again_ms(2), 60); /* old enough at 51, but its turn comes when part 1 is folded */
    assert_answer_is_expected();
}

static void test_no_hedge_is_honoured(void **state)
{
    (void)state;
    struct rig_stage *stage = begin_hedging(3);
    stage->parts[2].flags = DF_PART_NO_HEDGE;
    first_answer_ms[2] = 10000;
    run_to(DF_END_DONE);
    assert_int_equal(rig.stats.hedges, 0);
    assert_int_equal((rig.ended_ns - rig.started_ns) / RIG_NS_PER_MS, 10000);
}

static void test_an_invoker_that_gains_nothing_by_it_is_not_hedged(void **state)
{
    (void)state;
    begin_hedging(3);
    rig.remote.base.limits.hedge = false;
    first_answer_ms[2] = 10000;
    run_to(DF_END_DONE);
    assert_int_equal(rig.stats.hedges, 0);
}

static void test_a_failed_attempt_waits_for_its_hedge(void **state)
{
    (void)state;
    struct rig_stage *stage = begin_hedging(2);
    stage->parts[1] = (struct rig_part){.kind = DF_ERROR_UNAVAILABLE, .fails = 1};
    first_answer_ms[1] = 60; /* fails when its hedge, from 50 ms on, is under way */
    later_answer_ms[1] = 30;
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[1].attempts, 2);
    assert_int_equal(rig.stats.retries, 0);
    assert_int_equal((rig.ended_ns - rig.started_ns) / RIG_NS_PER_MS, 80);
    assert_answer_is_expected();
}

/* ---- fold, writer, ENOUGH ---- */

static void test_enough_cancels_what_is_not_folded(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(6);
    stage->enough_after = 2;
    for (uint32_t i = 2; i < 6; i++)
        first_answer_ms[i] = 10000;
    run_to(DF_END_DONE);
    assert_int_equal(rig.cancels, 4);
    assert_int_equal(rig.stats.parts_unsettled, 4);
    assert_int_equal((rig.ended_ns - rig.started_ns) / RIG_NS_PER_MS, 10);
    assert_answer_is_expected();
}

static void test_enough_cancels_at_once_though_other_stages_follow(void **state)
{
    (void)state;
    begin(4);
    rig.stage_count = 2;
    rig.stages[0].enough_after = 1;
    rig.stages[1].part_count = 1;
    first_answer_ms[1] = first_answer_ms[2] = first_answer_ms[3] = 10000;
    rig.on_cancel = note_cancel;
    run_to(DF_END_DONE);
    assert_int_equal(rig.cancels, 3);
    assert_int_equal(cancelled_ms, 10);
    assert_int_equal(now_ms(), 20);
    assert_answer_is_expected();
}

static void test_sections_of_parts_that_enough_cut_off_are_not_passed_on(void **state)
{
    (void)state;
    begin(6);
    rig.stage_count = 2;
    rig.stages[0].sections = 4;
    rig.stages[0].enough_after = 2;
    rig.stages[1].part_count = 2;
    first_answer_ms[0] = 20; /* all others are there before */
    run_to(DF_END_DONE);
    assert_answer_is_expected();
    assert_true(rig.stats.section_bytes > 0);
}

static void test_the_deadline_stands_still_while_the_writer_is_full(void **state)
{
    (void)state;
    begin(6);
    rig.options.timeout_ms = 100;
    rig.writer.full_every = 2;
    rig.writer.full_ms = 1000;
    run_to(DF_END_DONE);
    assert_int_equal((rig.ended_ns - rig.started_ns) / RIG_NS_PER_MS, 3010);
    assert_answer_is_expected();
}

static void test_the_deadline_goes_on_where_it_stood_when_the_writer_has_drained(void **state)
{
    (void)state;
    begin(3);
    rig.options.timeout_ms = 100;
    rig.writer.full_every = 2;
    rig.writer.full_ms = 1000;
    first_answer_ms[2] = 5000;
    run_to(DF_END_DEADLINE);
    assert_int_equal((rig.ended_ns - rig.started_ns) / RIG_NS_PER_MS, 1100);
    assert_non_null(strstr(rig.error.message, "did not finish within 100 ms"));
}

static void test_a_worker_that_ran_out_of_a_time_that_stood_still_costs_no_attempt(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(3);
    rig.options.attempts = 1;
    rig.options.timeout_ms = 100;
    rig.writer.full_every = 2;
    rig.writer.full_ms = 1000;
    stage->parts[2] = (struct rig_part){.kind = DF_ERROR_TIMEOUT, .fails = 1};
    first_answer_ms[2] = 100; /* its deadline as it was submitted */
    run_to(DF_END_DONE);
    assert_int_equal(stage->parts[2].attempts, 2);
    assert_int_equal((seen[3].deadline.mono_ns - rig.started_ns) / RIG_NS_PER_MS, seen[3].ms + 90);
    assert_answer_is_expected();
}

static void test_a_failed_query_aborts_its_writer_with_the_error(void **state)
{
    static const enum rig_place places[] = {RIG_BEGIN, RIG_PLAN, RIG_FOLD, RIG_FINISH};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        rig_reset(&rig);
        begin(4);
        rig.fail_at = places[i];
        rig.fail_index = 2;
        run_to(DF_END_FAILED);
        assert_int_equal(rig.error.kind, DF_ERROR_INVALID);
        assert_int_equal(rig.writer.aborted, 1);
        assert_int_equal(rig.writer.finished, 0);
        assert_int_equal(rig.ended_query, 1);
    }
}

static void test_a_query_without_parts_is_finished_at_once(void **state)
{
    (void)state;
    begin(0);
    run_to(DF_END_DONE);
    assert_slice_is(df_buf_slice(&rig.writer.content), "end");
    assert_int_equal(rig.stats.stages, 0);
}

/* ---- partials in objects ---- */

static const char *use_objects(struct rig_stage *stage)
{
    const char *folder = test_folder_make();
    rig.options.output_prefix = folder;
    for (uint32_t i = 0; i < stage->part_count; i++) {
        stage->parts[i].in_object = true;
        stage->parts[i].padding_bytes = 10000;
    }
    return folder;
}

static void test_partials_in_objects_are_fetched_two_ahead_of_the_fold(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(12);
    const char *folder = use_objects(stage);
    rig.remote.base.limits.batches_in_flight = 12;
    first_answer_ms[0] = 1000;
    run_to(DF_END_DONE);
    assert_in_range(rig.budget.peak_bytes, 2 * 10000, 4 * 10000);
    assert_answer_is_expected();
    test_folder_remove(folder);
}

static void test_an_object_that_is_gone_is_the_error_of_its_part(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(4);
    const char *folder = use_objects(stage);
    stage->parts[2].lost = true;
    run_to(DF_END_DONE);
    assert_non_null(strstr(df_buf_text(&rig.writer.content), "0.2!not_found;"));
    assert_int_equal(now_ms(), 10); /* it would not come back by waiting */
    assert_answer_is_expected();
    test_folder_remove(folder);
}

static void test_nothing_is_left_under_the_prefix_not_even_of_losers(void **state)
{
    (void)state;
    struct rig_stage *stage = begin_hedging(4);
    const char *folder = use_objects(stage);
    first_answer_ms[1] = 300;
    rig.on_cancel = ignore_cancel; /* it writes its object when the answer is complete */
    run_to(DF_END_DONE);
    assert_int_equal(rig.stats.answers_dropped, 1);
    assert_int_equal(rmdir(folder), 0); /* empty */
    assert_answer_is_expected();
}

static unsigned leases_seen;

static void script_under_lease(struct rig *self, struct rig_flight *flight)
{
    const char *lease = flight->batch->envelope.output_lease;
    leases_seen += lease && access(lease, F_OK) == 0;
    script_times(self, flight);
}

static void test_attempts_that_outlive_the_job_get_a_lease_that_ends_with_it(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(3);
    const char *folder = use_objects(stage);
    rig.remote.base.limits.outlives = true;
    rig.script = script_under_lease;
    leases_seen = 0;
    run_to(DF_END_DONE);
    assert_int_equal(leases_seen, 3);
    assert_int_equal(rmdir(folder), 0); /* the lease is gone as well */
    assert_answer_is_expected();
}

static void test_attempts_that_end_with_their_batch_get_no_lease(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(3);
    const char *folder = use_objects(stage);
    rig.script = script_under_lease;
    leases_seen = 0;
    run_to(DF_END_DONE);
    assert_int_equal(leases_seen, 0);
    test_folder_remove(folder);
}

static void test_a_lease_that_cannot_be_put_fails_the_query(void **state)
{
    (void)state;
    begin(3);
    rig.options.output_prefix = "nowhere://bucket";
    rig.remote.base.limits.outlives = true;
    run_to(DF_END_FAILED);
    assert_true(rig.error.kind == DF_ERROR_UNSUPPORTED);
    assert_int_equal(seen_count, 0);
}

/* ---- ends ---- */

static void test_cancelled_before_it_begins_no_engine_call_is_made(void **state)
{
    struct df_error error = {0};
    (void)state;
    begin(3);
    rig_start(&rig);
    rig_cancel_job(&rig);
    assert_ok(df_loop_run(rig.loop, &error), &error);
    rig_stop(&rig);
    assert_string_equal(rig.wrong, "");
    assert_int_equal(rig.end, DF_END_CANCELLED);
    assert_int_equal(rig.begun, 0);
    assert_int_equal(rig.writer.aborted, 1);
}

static void test_a_cancelled_query_waits_for_its_batches(void **state)
{
    struct df_error error = {0};
    (void)state;
    begin(3);
    first_answer_ms[1] = 400;
    rig_start(&rig);
    df_timer_start(rig.loop, &rig.cancel_timer, df_deadline_after_ms(20));
    assert_ok(df_loop_run(rig.loop, &error), &error);
    rig_stop(&rig);
    assert_string_equal(rig.wrong, "");
    assert_int_equal(rig.end, DF_END_CANCELLED);
    assert_int_equal(rig.error.kind, DF_ERROR_CANCELLED);
    assert_int_equal(rig.cancels, 1);
    assert_int_equal(rig.ended_ns - rig.started_ns, 20 * RIG_NS_PER_MS);
}

static void test_a_batch_that_is_done_just_when_it_shall_be_cancelled_is_not(void **state)
{
    struct df_error error = {0};
    (void)state;
    struct rig_stage *stage = begin(2);
    stage->parts[0] = stage->parts[1] =
        (struct rig_part){.kind = DF_ERROR_INTERNAL, .fails = RIG_ALWAYS, .missing = true};
    rig_start(&rig);
    df_timer_start(rig.loop, &rig.cancel_timer, df_deadline_after_ms(10)); /* in the round of both batches, before */
    assert_ok(df_loop_run(rig.loop, &error), &error);
    rig_stop(&rig);
    assert_string_equal(rig.wrong, "");
    assert_int_equal(rig.end, DF_END_CANCELLED);
    assert_int_equal(rig.cancels, 0);
}

static void test_the_ceiling_of_bytes_stops_the_plan(void **state)
{
    (void)state;
    struct rig_stage *stage = begin(10);
    for (uint32_t i = 0; i < 10; i++)
        stage->parts[i].weight_bytes = 100;
    rig.options.bytes_ceiling = 1000;
    run_to(DF_END_DONE);
    rig_reset(&rig);
    stage = begin(10);
    for (uint32_t i = 0; i < 10; i++)
        stage->parts[i].weight_bytes = 100;
    rig.options.bytes_ceiling = 999;
    run_to(DF_END_FAILED);
    assert_int_equal(rig.error.kind, DF_ERROR_EXHAUSTED);
    assert_non_null(strstr(rig.error.message, "999 bytes"));
    assert_int_equal(rig.submits, 0);
}

static void test_the_ceiling_of_cost_ends_the_query(void **state)
{
    (void)state;
    begin(10);
    rig.remote.base.limits.batches_in_flight = 1;
    rig.options.cost_ceiling = 1.5; /* three batches of the rig */
    run_to(DF_END_FAILED);
    assert_int_equal(rig.error.kind, DF_ERROR_EXHAUSTED);
    assert_int_equal(rig.submits, 4);
}

static void test_progress_counts_parts_of_the_stage_and_rows_of_all(void **state)
{
    struct df_progress progress = {0};
    (void)state;
    begin(6);
    rig.stage_count = 2;
    rig.stages[1].part_count = 3;
    rig.options.progress = &progress;
    run_to(DF_END_DONE);
    assert_int_equal(progress.stage, 1);
    assert_int_equal(progress.parts_total, 3);
    assert_int_equal(progress.parts_done, 3);
    assert_true(progress.parts_known);
    assert_int_equal(progress.rows, 9);
    assert_int_equal(rig.stats.stages, 2);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(test_delays_double_with_jitter_up_to_32_times_the_first),
        RULE(test_same_seed_gives_same_delays_and_another_seed_others),
        RULE(test_attempts_are_used_up_and_the_error_goes_to_fold),
        RULE(test_an_error_that_is_not_retryable_is_not_retried),
        RULE(test_internal_is_retried_once),
        RULE(test_throttles_use_up_no_attempt),
        RULE(test_throttles_without_deadline_end_after_ten_times_the_attempts),
        RULE(test_throttles_with_a_deadline_end_by_it),
        RULE(test_no_retry_is_never_tried_twice),
        RULE(test_the_last_resort_is_local_and_only_once),
        RULE(test_a_refused_submit_is_an_error_of_its_parts),
        RULE(test_parts_are_packed_up_to_the_number_a_batch_takes),
        RULE(test_parts_are_packed_by_weight_and_a_heavy_one_goes_alone_and_first),
        RULE(test_a_request_holds_no_more_than_its_bytes_and_a_part_above_fails),
        RULE(test_a_batch_that_is_too_large_is_halved_until_it_fits),
        RULE(test_a_part_that_is_too_large_alone_fails),
        RULE(test_local_parts_go_to_the_threads),
        RULE(test_no_more_batches_are_in_flight_than_the_invoker_takes),
        RULE(test_nothing_is_submitted_further_ahead_than_the_window_holds),
        RULE(test_large_answers_that_wait_hold_the_window_shut),
        RULE(test_the_first_part_goes_also_when_it_alone_is_more_than_the_window),
        RULE(test_heavier_parts_go_first_inside_the_window_only),
        RULE(test_a_batch_reserves_its_whole_answer_however_few_parts_it_holds),
        RULE(test_plan_is_asked_for_no_more_than_fits),
        RULE(test_no_more_is_planned_than_two_rounds_of_batches),
        RULE(test_a_long_listing_does_not_hold_up_the_fold),
        RULE(test_parts_run_while_listing_goes_on),
        RULE(test_a_straggler_is_hedged_at_three_times_the_median),
        RULE(test_a_loser_is_cancelled_when_all_parts_of_its_batch_are_settled),
        RULE(test_no_hedge_comes_before_hedge_after),
        RULE(test_before_any_answer_only_the_part_the_fold_waits_for_is_hedged),
        RULE(test_a_full_window_hedges_the_part_the_fold_waits_for_without_the_median),
        RULE(test_no_hedge_while_others_wait_to_be_submitted),
        RULE(test_behind_a_full_window_only_the_part_the_fold_waits_for_is_hedged),
        RULE(test_no_hedge_is_honoured),
        RULE(test_an_invoker_that_gains_nothing_by_it_is_not_hedged),
        RULE(test_a_failed_attempt_waits_for_its_hedge),
        RULE(test_enough_cancels_what_is_not_folded),
        RULE(test_enough_cancels_at_once_though_other_stages_follow),
        RULE(test_sections_of_parts_that_enough_cut_off_are_not_passed_on),
        RULE(test_the_deadline_stands_still_while_the_writer_is_full),
        RULE(test_the_deadline_goes_on_where_it_stood_when_the_writer_has_drained),
        RULE(test_a_worker_that_ran_out_of_a_time_that_stood_still_costs_no_attempt),
        RULE(test_a_failed_query_aborts_its_writer_with_the_error),
        RULE(test_a_query_without_parts_is_finished_at_once),
        RULE(test_partials_in_objects_are_fetched_two_ahead_of_the_fold),
        RULE(test_an_object_that_is_gone_is_the_error_of_its_part),
        RULE(test_nothing_is_left_under_the_prefix_not_even_of_losers),
        RULE(test_attempts_that_outlive_the_job_get_a_lease_that_ends_with_it),
        RULE(test_attempts_that_end_with_their_batch_get_no_lease),
        RULE(test_a_lease_that_cannot_be_put_fails_the_query),
        RULE(test_cancelled_before_it_begins_no_engine_call_is_made),
        RULE(test_a_cancelled_query_waits_for_its_batches),
        RULE(test_a_batch_that_is_done_just_when_it_shall_be_cancelled_is_not),
        RULE(test_the_ceiling_of_bytes_stops_the_plan),
        RULE(test_the_ceiling_of_cost_ends_the_query),
        RULE(test_progress_counts_parts_of_the_stage_and_rows_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
