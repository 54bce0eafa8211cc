/* Long random histories: stages, parts, batches, windows, hedges, throttles, batches that are too large, back pressure,
 * cancellation and deadlines at any moment, sections, partials in objects, local parts, fallback. Each is compared with
 * a model that knows none of this, and every rule that can be watched is watched (rig.h). */
#include <dirent.h>

#include "contract/rig.h"

enum { HISTORIES = 20000, PERCENT = 100 };

static bool chance(struct rig *rig, uint64_t percent)
{
    return rig_random(rig, PERCENT) < percent;
}

static uint32_t between(struct rig *rig, uint32_t low, uint32_t high)
{
    return low + (uint32_t)rig_random(rig, high - low + 1);
}

/* ---- the script of a part ---- */

static void fail_for_good(struct rig *rig, struct rig_part *part)
{
    static const enum df_error_kind kinds[] = {DF_ERROR_CORRUPT,   DF_ERROR_NOT_FOUND, DF_ERROR_INVALID,
                                               DF_ERROR_CANCELLED, DF_ERROR_TOO_LARGE, DF_ERROR_EXHAUSTED};
    part->kind = kinds[rig_random(rig, sizeof kinds / sizeof kinds[0])];
    part->fails = RIG_ALWAYS;
}

/* Failures that retries outlast, or RIG_ALWAYS; nothing between, where the outcome would hang on the order of events.
 */
static void fail_retryably(struct rig *rig, struct rig_part *part)
{
    static const enum df_error_kind kinds[] = {DF_ERROR_UNAVAILABLE, DF_ERROR_TIMEOUT, DF_ERROR_INTERNAL,
                                               DF_ERROR_THROTTLED};
    part->kind = kinds[rig_random(rig, sizeof kinds / sizeof kinds[0])];
    bool endless_throttle = part->kind == DF_ERROR_THROTTLED && rig->options.timeout_ms > 0;
    part->missing = part->kind == DF_ERROR_INTERNAL && chance(rig, 50);
    if (!endless_throttle && chance(rig, 10))
        part->fails = RIG_ALWAYS;
    else if (part->kind == DF_ERROR_THROTTLED)
        part->fails = between(rig, 1, 6);
    else if (rig->options.attempts > 1)
        part->fails = part->kind == DF_ERROR_INTERNAL ? 1 : between(rig, 1, rig->options.attempts - 1);
}

static void make_part(struct rig *rig, struct rig_part *part)
{
    part->weight_bytes = chance(rig, 20) ? rig_random(rig, 1000) : 100;
    part->padding_bytes = chance(rig, 20) ? rig_random(rig, 2000) : 0;
    part->detail_bytes = rig_random(rig, 300);
    if (chance(rig, 5))
        part->flags |= DF_PART_LOCAL;
    if (chance(rig, 5))
        part->flags |= DF_PART_NO_HEDGE;
    if (chance(rig, 3))
        part->flags |= DF_PART_NO_RETRY;
    if (chance(rig, 10))
        fail_retryably(rig, part);
    else if (chance(rig, 3))
        fail_for_good(rig, part);
    if (chance(rig, 10))
        part->fits = between(rig, 1, 4);
    part->in_object = chance(rig, 50);
    part->lost = chance(rig, 5);
    bool remote = !(part->flags & DF_PART_LOCAL) || rig->options.local == rig->options.invoker;
    if (rig->remote.base.limits.request_bytes && remote && chance(rig, 3)) {
        part->detail_bytes = 60000; /* no request is large enough */
        part->kind = DF_ERROR_TOO_LARGE;
        part->fails = RIG_ALWAYS;
    }
}

/* ---- the script of a history ---- */

static void make_limits(struct rig *rig, struct df_invoker_limits *limits)
{
    static const uint64_t answers[] = {0, 50, 1000, 100000};
    limits->parts_per_batch = chance(rig, 40) ? 1 : between(rig, 1, 10);
    limits->batches_in_flight = between(rig, 1, 8);
    limits->batch_weight_bytes = chance(rig, 30) ? between(rig, 1, 500) : 0;
    limits->request_bytes = chance(rig, 30) ? 20000 : 0;
    limits->answer_bytes = answers[rig_random(rig, 4)];
    limits->hedge = chance(rig, 50);
}

static void make_options(struct rig *rig)
{
    static const uint64_t windows[] = {1, 300, 5000, 1 << 20};
    static const int64_t hedges[] = {0, 1, 50, 1000};
    struct df_job_options *options = &rig->options;
    options->attempts = between(rig, 1, 5);
    options->retry_delay_ms = between(rig, 0, 100);
    options->hedge_after_ms = hedges[rig_random(rig, 4)];
    options->reorder_bytes = windows[rig_random(rig, 4)];
    options->plan_room = between(rig, 1, 16);
    options->fallback_to_threads = chance(rig, 50);
    options->seed = rig_random(rig, UINT64_MAX - 1) + 1;
    if (chance(rig, 20))
        options->local = options->invoker;
    if (chance(rig, 15))
        options->timeout_ms = between(rig, 1, 3000);
    if (chance(rig, 5))
        options->bytes_ceiling = between(rig, 1, 10000);
    if (chance(rig, 5))
        options->cost_ceiling = between(rig, 1, 20);
    if (chance(rig, 5))
        options->output_prefix = rig->folder;
}

static void make_stages(struct rig *rig)
{
    rig->stage_count = chance(rig, 50) ? 1 : between(rig, 0, 3);
    for (uint32_t s = 0; s < rig->stage_count; s++) {
        struct rig_stage *stage = &rig->stages[s];
        stage->part_count = chance(rig, 70) ? between(rig, 1, 8) : between(rig, 1, 40);
        if (s + 1 < rig->stage_count && chance(rig, 60))
            stage->sections = between(rig, 1, 8);
        if (chance(rig, 10))
            stage->enough_after = between(rig, 1, stage->part_count);
        if (chance(rig, 30))
            stage->plan_chunk = between(rig, 1, 3);
        stage->own_request = chance(rig, 30);
        for (uint32_t i = 0; i < stage->part_count; i++)
            make_part(rig, &stage->parts[i]);
    }
}

static void make_failure(struct rig *rig)
{
    rig->tolerant = chance(rig, 80);
    if (rig->stage_count == 0 || !chance(rig, 8))
        return;
    rig->fail_at = (enum rig_place)between(rig, RIG_BEGIN, RIG_FINISH);
    rig->fail_stage = between(rig, 0, rig->stage_count - 1);
    struct rig_stage *stage = &rig->stages[rig->fail_stage];
    rig->fail_index = between(rig, 0, stage->part_count - 1);
    stage->enough_after = 0;
}

static void make_history(struct rig *rig)
{
    make_limits(rig, &rig->remote.base.limits);
    make_limits(rig, &rig->local.base.limits);
    rig->local.base.limits.request_bytes = 0;
    make_options(rig);
    make_stages(rig);
    make_failure(rig);
    if (chance(rig, 20)) {
        rig->writer.full_every = between(rig, 1, 5);
        rig->writer.full_ms = between(rig, 1, 500);
    }
}

/* ---- what the invoker says ---- */

/* The error this attempt of a part ends with, or NONE. */
static enum df_error_kind attempt_fate(struct rig_flight *flight, uint32_t position)
{
    struct rig_part *part = rig_part_of(flight, position);
    bool fallback = flight->invoker->local && !(part->flags & DF_PART_LOCAL);
    if (fallback)
        return DF_ERROR_NONE;
    if (part->fits && flight->batch->envelope.part_count > part->fits)
        return DF_ERROR_TOO_LARGE;
    if (part->planned_fails >= part->fails)
        return DF_ERROR_NONE;
    part->planned_fails++;
    return part->kind;
}

/* One error for every part that may go in place of one for each; missing parts have none to give. */
static bool common_fate(struct rig_flight *flight, enum df_error_kind *fate)
{
    const struct df_envelope *envelope = &flight->batch->envelope;
    for (uint32_t i = 0; i < envelope->part_count; i++) {
        struct rig_part *part = rig_part_of(flight, i);
        bool fallback = flight->invoker->local && !(part->flags & DF_PART_LOCAL);
        if (fallback || part->fits || part->missing || part->planned_fails >= part->fails)
            return false;
        if (part->kind != rig_part_of(flight, 0)->kind)
            return false;
    }
    *fate = rig_part_of(flight, 0)->kind;
    return true;
}

static void use_up_common_fate(struct rig_flight *flight)
{
    for (uint32_t i = 0; i < flight->batch->envelope.part_count; i++)
        rig_part_of(flight, i)->planned_fails++;
}

/* A throttle costs no attempt, so it may come at any time, a few times; not where a part has one chance only. */
static bool may_throttle(struct rig *rig, const struct rig_flight *flight)
{
    for (uint32_t i = 0; i < flight->batch->envelope.part_count; i++) {
        const struct df_part *part = flight->batch->envelope.parts[i];
        if (part->flags & DF_PART_NO_RETRY || rig->stages[part->stage].parts[part->index].attempts > 3)
            return false;
    }
    return !flight->invoker->local;
}

static bool refuse(struct rig *rig, struct rig_flight *flight, struct df_error *error)
{
    enum df_error_kind fate = DF_ERROR_THROTTLED;
    if (chance(rig, 5) && common_fate(flight, &fate))
        use_up_common_fate(flight);
    else if (!(chance(rig, 2) && may_throttle(rig, flight)))
        return false;
    df_error_set(error, fate, "scripted refusal");
    return true;
}

static int64_t answer_delay_ms(struct rig *rig)
{
    if (chance(rig, 4))
        return 1000 + (int64_t)rig_random(rig, 20000);
    return chance(rig, 30) ? 0 : (int64_t)rig_random(rig, 200);
}

static int64_t say_part(struct rig *rig, struct rig_flight *flight, uint32_t position)
{
    int64_t delay_ms = answer_delay_ms(rig);
    enum df_error_kind fate = attempt_fate(flight, position);
    if (fate == DF_ERROR_INTERNAL && rig_part_of(flight, position)->missing)
        return delay_ms;
    rig_at(flight, delay_ms, fate == DF_ERROR_NONE ? RIG_SAY_ANSWER : RIG_SAY_ERROR, position, fate);
    if (chance(rig, 5)) {
        delay_ms += (int64_t)rig_random(rig, 50);
        rig_at(flight, delay_ms, chance(rig, 50) ? RIG_SAY_GARBAGE : RIG_SAY_ERROR, position, DF_ERROR_CORRUPT);
    }
    return delay_ms;
}

static void script(struct rig *rig, struct rig_flight *flight)
{
    uint32_t count = flight->batch->envelope.part_count;
    enum df_error_kind fate = DF_ERROR_THROTTLED;
    int64_t last_ms = 0;
    if (chance(rig, 50) && common_fate(flight, &fate)) {
        use_up_common_fate(flight);
        rig_at(flight, answer_delay_ms(rig), RIG_SAY_DONE, 0, fate);
        return;
    }
    if (chance(rig, 2) && may_throttle(rig, flight)) {
        rig_at(flight, answer_delay_ms(rig), RIG_SAY_DONE, 0, DF_ERROR_THROTTLED);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t at_ms = say_part(rig, flight, i);
        last_ms = at_ms > last_ms ? at_ms : last_ms;
    }
    if (chance(rig, 2))
        rig_at(flight, last_ms, RIG_SAY_GARBAGE, count + 3, DF_ERROR_NONE);
    rig_at(flight, last_ms + (int64_t)rig_random(rig, 30), RIG_SAY_DONE, 0, DF_ERROR_NONE);
}

static void on_cancel(struct rig *rig, struct rig_flight *flight)
{
    switch (rig_random(rig, 4)) {
    case 0: /* it does not care */
        return;
    case 1: /* from inside cancel */
        rig_land(flight, DF_ERROR_CANCELLED);
        return;
    case 2:
        flight->event_count = flight->next_event;
        for (uint32_t i = 0; i < flight->batch->envelope.part_count; i++)
            rig_at(flight, 1, RIG_SAY_ERROR, i, DF_ERROR_CANCELLED);
        rig_at(flight, 2, RIG_SAY_DONE, 0, DF_ERROR_NONE);
        rig_arm(flight);
        return;
    default:
        rig_cancel_rest(flight);
    }
}

/* ---- comparing ---- */

static bool any_enough(const struct rig *rig)
{
    for (uint32_t s = 0; s < rig->stage_count; s++)
        if (rig->stages[s].enough_after)
            return true;
    return false;
}

static uint64_t all_weight(const struct rig *rig)
{
    uint64_t sum = 0;
    for (uint32_t s = 0; s < rig->stage_count; s++)
        for (uint32_t i = 0; i < rig->stages[s].part_count; i++)
            sum += rig->stages[s].parts[i].weight_bytes;
    return sum;
}

static void check_done(struct rig *rig, struct df_buf *expected, bool fails)
{
    bool over = rig->options.bytes_ceiling && all_weight(rig) > rig->options.bytes_ceiling && !any_enough(rig);
    if (fails || over)
        rig_wrong(rig, "done, where it should have failed");
    if (!df_slice_equal(df_buf_slice(expected), df_buf_slice(&rig->writer.content)))
        rig_wrong(rig, "answer '%s', expected '%s'", df_buf_text(&rig->writer.content), df_buf_text(expected));
    int64_t ns = rig->writer.ended_ns - rig->started_ns - rig->writer.full_ns_at_end;
    if (rig->options.timeout_ms && ns > rig->options.timeout_ms * RIG_NS_PER_MS)
        rig_wrong(rig, "done after %" PRId64 " ns", ns);
    uint64_t parts = 0, answered = 0;
    for (uint32_t s = 0; s < rig->stage_count; s++)
        for (uint32_t i = 0; i < rig->stages[s].part_count; i++, parts++) {
            enum df_error_kind fate = rig_fate(rig, &rig->stages[s].parts[i]);
            answered += fate == DF_ERROR_NONE || (fate == DF_ERROR_NOT_FOUND && rig->stages[s].parts[i].fails == 0);
        }
    if (!any_enough(rig) && (rig->stats.parts != parts || rig->stats.parts_unsettled != 0))
        rig_wrong(rig, "%" PRIu64 " of %" PRIu64 " parts counted", rig->stats.parts, parts);
    if (!any_enough(rig) && !rig->options.output_prefix && rig->stats.run.rows_scanned != answered)
        rig_wrong(rig, "%" PRIu64 " winners counted, %" PRIu64 " expected", rig->stats.run.rows_scanned, answered);
}

static void check_failed(struct rig *rig, bool fails)
{
    bool exhausted = rig->error.kind == DF_ERROR_EXHAUSTED;
    bool cost = exhausted && rig->options.cost_ceiling > 0 && rig->stats.cost.dollars > rig->options.cost_ceiling;
    bool bytes = exhausted && rig->options.bytes_ceiling && all_weight(rig) > rig->options.bytes_ceiling;
    if (!fails && !cost && !bytes)
        rig_wrong(rig, "failed: %s", rig->error.message);
}

static void check_deadline(struct rig *rig)
{
    int64_t ns = rig->writer.ended_ns - rig->started_ns - rig->writer.full_ns_at_end;
    if (rig->options.timeout_ms == 0 || ns != rig->options.timeout_ms * RIG_NS_PER_MS)
        rig_wrong(rig, "given up after %" PRId64 " ns, timeout %" PRId64 " ms", ns, rig->options.timeout_ms);
    if (rig->error.kind != DF_ERROR_TIMEOUT)
        rig_wrong(rig, "a deadline with error %s", df_error_name(rig->error.kind));
}

static void check_folder(struct rig *rig)
{
    DIR *folder = opendir(rig->folder);
    struct dirent *entry;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.')
            rig_wrong(rig, "%s is left", entry->d_name);
    closedir(folder);
}

static void check(struct rig *rig)
{
    struct df_buf expected = {0};
    bool fails;
    rig_expect(rig, &expected, &fails);
    switch (rig->end) {
    case DF_END_DONE:
        check_done(rig, &expected, fails);
        break;
    case DF_END_FAILED:
        check_failed(rig, fails);
        break;
    case DF_END_DEADLINE:
        check_deadline(rig);
        break;
    case DF_END_CANCELLED:
        if (!rig->cancel_called || rig->error.kind != DF_ERROR_CANCELLED)
            rig_wrong(rig, "cancelled by nobody");
    }
    if (rig->options.output_prefix)
        check_folder(rig);
    df_buf_dispose(&expected);
}

/* ---- running ---- */

static void run_history(struct rig *rig, uint64_t seed)
{
    struct df_error error = {0};
    rig_reset(rig);
    rig->random = seed;
    rig->script = script;
    rig->refuse = refuse;
    rig->on_cancel = on_cancel;
    make_history(rig);
    rig_start(rig);
    if (chance(rig, 1))
        rig_cancel_job(rig);
    else if (chance(rig, 12))
        df_timer_start(rig->loop, &rig->cancel_timer, df_deadline_after_ms((int64_t)rig_random(rig, 3000)));
    if (df_loop_run(rig->loop, &error) != 0)
        rig_wrong(rig, "hung: %s", error.message);
    rig_stop(rig);
    check(rig);
}

static void test_random_histories_answer_as_the_model(void **state)
{
    static struct rig rig;
    (void)state;
    uint64_t seed = test_seed(), ends[4] = {0}, hedges = 0, retries = 0, dropped = 0, batches = 0;
    rig_create(&rig, test_folder_make());
    for (uint32_t i = 0; i < HISTORIES; i++) {
        run_history(&rig, seed + i);
        if (rig.wrong[0])
            fail_msg("DAYFLY_TEST_SEED=%" PRIu64 " (its first history): %s", seed + i, rig.wrong);
        ends[rig.end]++;
        hedges += rig.stats.hedges;
        retries += rig.stats.retries;
        dropped += rig.stats.answers_dropped;
        batches += rig.stats.batches;
    }
    print_message("%d histories: %" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " cancelled, %" PRIu64
                  " over their deadline; %" PRIu64 " batches, %" PRIu64 " retries, %" PRIu64 " hedges, %" PRIu64
                  " answers dropped\n",
                  HISTORIES, ends[DF_END_DONE], ends[DF_END_FAILED], ends[DF_END_CANCELLED], ends[DF_END_DEADLINE],
                  batches, retries, hedges, dropped);
    /* The script is worth something only while it reaches everything. */
    for (size_t i = 0; i < 4; i++)
        assert_true(ends[i] > HISTORIES / 100);
    assert_true(hedges > HISTORIES / 100 && retries > HISTORIES / 10 && dropped > HISTORIES / 10);
    test_folder_remove(rig.folder);
    rig_reset(&rig);
    rig_destroy(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories_answer_as_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
