/* Every order of answers of up to 4 parts with every outcome of each, one part per batch and all parts in one batch:
 * the answer is the one that no order may change, and every counter is exact. */
#include "contract/rig.h"

enum outcome {
    RIGHT,
    LATE,   /* answers long after its hedge has won */
    DOUBLE, /* answers, then again with garbage */
    MISSING,
    RETRYABLE,
    FINAL,
    CANCELLED, /* by somebody else: nobody here asked for it */
    OUTCOMES
};

enum { PARTS_MAX = 4, FIRST_MS = 10, LATE_MS = 100000, HEDGE_MS = 1000 };

static enum outcome outcomes[PARTS_MAX];
static uint32_t order[PARTS_MAX]; /* order[part]: its turn */
static uint32_t part_count;

static void say_first(struct rig_flight *flight, uint32_t position, uint32_t index)
{
    int64_t at_ms = FIRST_MS + 10 * order[index];
    switch (outcomes[index]) {
    case DOUBLE:
        rig_at(flight, at_ms + 1, RIG_SAY_GARBAGE, position, DF_ERROR_NONE);
        /* fall through */
    case RIGHT:
        rig_at(flight, at_ms, RIG_SAY_ANSWER, position, DF_ERROR_NONE);
        break;
    case LATE:
        rig_at(flight, LATE_MS + at_ms, RIG_SAY_ANSWER, position, DF_ERROR_NONE);
        break;
    case RETRYABLE:
        rig_at(flight, at_ms, RIG_SAY_ERROR, position, DF_ERROR_UNAVAILABLE);
        break;
    case FINAL:
        rig_at(flight, at_ms, RIG_SAY_ERROR, position, DF_ERROR_CORRUPT);
        break;
    case CANCELLED:
        rig_at(flight, at_ms, RIG_SAY_ERROR, position, DF_ERROR_CANCELLED);
        break;
    case MISSING:
    case OUTCOMES:
        break;
    }
}

/* The batch is done one ms after the last thing it says. */
static void script(struct rig *rig, struct rig_flight *flight)
{
    const struct df_envelope *envelope = &flight->batch->envelope;
    (void)rig;
    for (uint32_t i = 0; i < envelope->part_count; i++) {
        if (rig_part_of(flight, i)->attempts == 1)
            say_first(flight, i, envelope->parts[i]->index);
        else
            rig_at(flight, 5, RIG_SAY_ANSWER, i, DF_ERROR_NONE);
    }
    int64_t last_ms = flight->event_count == 0
                          ? FIRST_MS
                          : (flight->events[flight->event_count - 1].at_ns - df_time_mono_ns()) / RIG_NS_PER_MS;
    rig_at(flight, last_ms + 1, RIG_SAY_DONE, 0, DF_ERROR_NONE);
}

/* A cancelled attempt goes on and answers all the same: the worst that may happen. */
static void go_on(struct rig *rig, struct rig_flight *flight)
{
    (void)rig;
    (void)flight;
}

static uint32_t count(enum outcome outcome)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < part_count; i++)
        n += outcomes[i] == outcome;
    return n;
}

static void fill_fates(struct rig *rig)
{
    for (uint32_t i = 0; i < part_count; i++) {
        struct rig_part *part = &rig->stages[0].parts[i];
        part->kind = outcomes[i] == FINAL       ? DF_ERROR_CORRUPT
                     : outcomes[i] == CANCELLED ? DF_ERROR_CANCELLED
                     : outcomes[i] == MISSING   ? DF_ERROR_INTERNAL
                                                : DF_ERROR_UNAVAILABLE;
        part->fails = outcomes[i] >= MISSING;
    }
}

static void check_equal(struct rig *rig, const char *what, uint64_t found, uint64_t expected)
{
    if (found != expected)
        rig_wrong(rig, "%s: %" PRIu64 ", expected %" PRIu64, what, found, expected);
}

static void check_answer(struct rig *rig)
{
    struct df_buf expected = {0};
    bool fails;
    rig_expect(rig, &expected, &fails);
    if (fails != (rig->end == DF_END_FAILED))
        rig_wrong(rig, "end %d", (int)rig->end);
    if (!fails && !df_slice_equal(df_buf_slice(&expected), df_buf_slice(&rig->writer.content)))
        rig_wrong(rig, "answer '%s', expected '%s'", df_buf_text(&rig->writer.content), df_buf_text(&expected));
    df_buf_dispose(&expected);
}

/* A missing part is known to be missing when its batch is done; behind a late one it has been hedged by then. */
static void check_counters(struct rig *rig, bool one_batch)
{
    const struct df_job_stats *stats = &rig->stats;
    bool hedged = one_batch && count(LATE) > 0;
    uint32_t hedged_missing = hedged ? count(MISSING) : 0, failed_missing = hedged ? 0 : count(MISSING);
    if (rig->end != DF_END_DONE)
        return;
    check_equal(rig, "parts", stats->parts, part_count);
    check_equal(rig, "stages", stats->stages, 1);
    check_equal(rig, "hedges", stats->hedges, count(LATE) + hedged_missing);
    check_equal(rig, "retries", stats->retries, failed_missing + count(RETRYABLE));
    check_equal(rig, "attempts failed", stats->attempts_failed,
                failed_missing + count(RETRYABLE) + count(FINAL) + count(CANCELLED));
    check_equal(rig, "answers dropped", stats->answers_dropped, count(LATE) + count(DOUBLE));
    check_equal(rig, "rows", stats->run.rows_scanned, part_count - count(FINAL) - count(CANCELLED));
    check_equal(rig, "unsettled", stats->parts_unsettled, 0);
}

static void run_case(struct rig *rig, bool one_batch, bool tolerant)
{
    rig_reset(rig);
    rig->stage_count = 1;
    rig->stages[0].part_count = part_count;
    rig->script = script;
    rig->on_cancel = go_on;
    rig->tolerant = tolerant;
    rig->remote.base.limits.parts_per_batch = one_batch ? PARTS_MAX : 1;
    rig->remote.base.limits.hedge = true;
    rig->options.hedge_after_ms = HEDGE_MS;
    fill_fates(rig);
    rig_go(rig);
    check_answer(rig);
    check_counters(rig, one_batch);
    if (!rig->wrong[0])
        return;
    for (uint32_t i = 0; i < part_count; i++)
        print_message("part %u: outcome %d, turn %u\n", i, (int)outcomes[i], order[i]);
    fail_msg("%s, %s: %s", one_batch ? "one batch" : "a batch each", tolerant ? "tolerant" : "strict", rig->wrong);
}

static bool next_outcomes(void)
{
    for (uint32_t i = 0; i < part_count; i++) {
        outcomes[i] = (enum outcome)((outcomes[i] + 1) % OUTCOMES);
        if (outcomes[i] != RIGHT)
            return true;
    }
    return false;
}

/* All permutations in the order of their numbers. */
static bool set_order(uint32_t number)
{
    uint32_t left[PARTS_MAX] = {0, 1, 2, 3}, factorial = 1;
    for (uint32_t i = 2; i <= part_count; i++)
        factorial *= i;
    if (number >= factorial)
        return false;
    for (uint32_t i = 0; i < part_count; i++) {
        factorial /= part_count - i;
        uint32_t pick = number / factorial;
        number %= factorial;
        order[i] = left[pick];
        memmove(&left[pick], &left[pick + 1], (PARTS_MAX - pick - 1) * sizeof left[0]);
    }
    return true;
}

static uint64_t run_all(struct rig *rig, bool one_batch, bool tolerant)
{
    uint64_t cases = 0;
    for (part_count = 1; part_count <= PARTS_MAX; part_count++)
        for (uint32_t number = 0; set_order(number); number++)
            do {
                run_case(rig, one_batch, tolerant);
                cases++;
            } while (next_outcomes());
    return cases;
}

static void test_every_order_of_every_outcome_gives_the_same_answer(void **state)
{
    static struct rig rig;
    (void)state;
    rig_create(&rig, NULL);
    uint64_t cases = run_all(&rig, false, true);
    cases += run_all(&rig, true, true);
    print_message("%" PRIu64 " cases\n", cases);
    rig_reset(&rig);
    rig_destroy(&rig);
}

static void test_every_order_ends_when_the_engine_gives_up_at_the_first_error(void **state)
{
    static struct rig rig;
    (void)state;
    rig_create(&rig, NULL);
    uint64_t cases = run_all(&rig, false, false);
    cases += run_all(&rig, true, false);
    print_message("%" PRIu64 " cases\n", cases);
    rig_reset(&rig);
    rig_destroy(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order_of_every_outcome_gives_the_same_answer),
        cmocka_unit_test(test_every_order_ends_when_the_engine_gives_up_at_the_first_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
