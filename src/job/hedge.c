/* Second attempts for stragglers.
 *
 * A part with one live attempt is hedged when that attempt is older than three times the median of the stage's answered
 * attempts and nothing else waits to be submitted; while nothing has been answered there is nothing to compare with,
 * and only the part that the fold waits for is. That part is also hedged as soon as the window is full, for then it
 * holds up everything. Never before hedge_after_ms, never more than two at once, and only while attempts are left. */
#include <stdlib.h>

#include "base/size.h"
#include "job/internal.h"

enum { MEDIANS = 3, NS_PER_MS = 1000000 };

/* ---- the list, oldest attempt first ---- */

static bool may_hedge(const struct df_job *job, const struct df_job_part *part)
{
    return job->options.hedge_after_ms > 0 && part->lane->invoker->limits.hedge && !part->fell_back &&
           !(part->part.flags & (DF_PART_NO_HEDGE | DF_PART_NO_RETRY)) && part->failures + 1 < job->options.attempts &&
           part->internals <= 1 && part->hedges + 1 < job->options.attempts;
}

void df_job_hedge_unlist(struct df_job_part *part)
{
    struct df_job_stage *stage = part->stage;
    if (!part->hedge_listed)
        return;
    part->hedge_listed = false;
    if (part->hedge_previous)
        part->hedge_previous->hedge_next = part->hedge_next;
    else
        stage->hedge_first = part->hedge_next;
    if (part->hedge_next)
        part->hedge_next->hedge_previous = part->hedge_previous;
    else
        stage->hedge_last = part->hedge_previous;
}

void df_job_hedge_list(struct df_job *job, struct df_job_part *part)
{
    struct df_job_stage *stage = part->stage;
    df_job_hedge_unlist(part);
    if (!may_hedge(job, part))
        return;
    part->hedge_listed = true;
    part->hedge_clock_ns = df_time_mono_ns();
    part->hedge_previous = stage->hedge_last;
    part->hedge_next = NULL;
    if (stage->hedge_last)
        stage->hedge_last->hedge_next = part;
    else
        stage->hedge_first = part;
    stage->hedge_last = part;
}

/* ---- the running median ---- */

int df_job_hedge_reserve(struct df_job_stage *stage, uint32_t parts)
{
    size_t bytes;
    if (df_size_mul(&bytes, (size_t)parts + 1, sizeof(int64_t)) != 0)
        return -1;
    int64_t *lower = realloc(stage->lower_ns, bytes);
    if (!lower)
        return -1;
    stage->lower_ns = lower;
    int64_t *upper = realloc(stage->upper_ns, bytes);
    if (!upper)
        return -1;
    stage->upper_ns = upper;
    return 0;
}

/* Both heaps keep the least on top; the lower half holds negated values. */
static void heap_put(int64_t *heap, size_t *count, int64_t value)
{
    size_t i = (*count)++;
    for (; i > 0 && heap[(i - 1) / 2] > value; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = value;
}

static int64_t heap_take(int64_t *heap, size_t *count)
{
    int64_t top = heap[0], value = heap[--*count];
    size_t i = 0;
    for (;;) {
        size_t child = i * 2 + 1;
        if (child >= *count)
            break;
        if (child + 1 < *count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = value;
    return top;
}

void df_job_hedge_note(struct df_job_stage *stage, int64_t duration_ns)
{
    if (stage->lower_count == 0 || duration_ns <= -stage->lower_ns[0])
        heap_put(stage->lower_ns, &stage->lower_count, -duration_ns);
    else
        heap_put(stage->upper_ns, &stage->upper_count, duration_ns);
    if (stage->lower_count > stage->upper_count + 1)
        heap_put(stage->upper_ns, &stage->upper_count, -heap_take(stage->lower_ns, &stage->lower_count));
    else if (stage->upper_count > stage->lower_count)
        heap_put(stage->lower_ns, &stage->lower_count, -heap_take(stage->upper_ns, &stage->upper_count));
}

int64_t df_job_hedge_median_ns(const struct df_job_stage *stage)
{
    return stage->lower_count == 0 ? -1 : -stage->lower_ns[0];
}

/* ---- hedging ---- */

/* At `at_ns` or later the part gets its second attempt. True when it was submitted now. */
static bool hedge_at(struct df_job *job, struct df_job_part *part, int64_t at_ns, int64_t *next_ns)
{
    if (df_time_mono_ns() < at_ns) {
        *next_ns = at_ns < *next_ns ? at_ns : *next_ns;
        return false;
    }
    if (!df_job_lane_free(part->lane))
        return false; /* the step after some batch is done comes here again */
    part->hedges++;
    job->loop.stats.hedges++;
    df_job_submit(job, part->lane, &part, 1);
    return true;
}

static struct df_job_part *fold_waits_for(const struct df_job_stage *stage)
{
    if (stage->folded >= stage->part_count)
        return NULL;
    struct df_job_part *part = stage->parts[stage->folded];
    return part->hedge_listed ? part : NULL;
}

static int64_t after_ns(const struct df_job *job)
{
    int64_t ns;
    return __builtin_mul_overflow(job->options.hedge_after_ms, (int64_t)NS_PER_MS, &ns) ? INT64_MAX / 4 : ns;
}

static void hedge_stragglers(struct df_job *job, int64_t *next_ns)
{
    struct df_job_stage *stage = job->loop.stage;
    int64_t median_ns = df_job_hedge_median_ns(stage), age_ns = after_ns(job);
    if (median_ns < 0) {
        struct df_job_part *first = fold_waits_for(stage);
        if (first)
            (void)hedge_at(job, first, first->hedge_clock_ns + age_ns, next_ns);
        return;
    }
    if (median_ns > INT64_MAX / 4 / MEDIANS)
        median_ns = INT64_MAX / 4 / MEDIANS;
    if (age_ns < median_ns * MEDIANS)
        age_ns = median_ns * MEDIANS;
    while (stage->hedge_first && !df_job_ending(job) &&
           hedge_at(job, stage->hedge_first, stage->hedge_first->hedge_clock_ns + age_ns, next_ns))
        continue;
}

/* Parts that are not planned yet because the window is full wait as well. */
static bool nothing_waits(const struct df_job_stage *stage)
{
    return stage->waiting == 0 && stage->horizon == stage->part_count && !stage->window_full;
}

void df_job_hedge_ready(struct df_job *job)
{
    struct df_job_stage *stage = job->loop.stage;
    int64_t next_ns = DF_DEADLINE_NEVER;
    if (job->options.hedge_after_ms <= 0 || !stage->hedge_first)
        return;
    struct df_job_part *first = fold_waits_for(stage);
    if (stage->window_full && first)
        (void)hedge_at(job, first, first->hedge_clock_ns + after_ns(job), &next_ns);
    if (!df_job_ending(job) && nothing_waits(stage))
        hedge_stragglers(job, &next_ns);
    if (!df_job_ending(job))
        (void)df_timer_start(job->options.loop, &job->loop.hedge_timer, (struct df_deadline){next_ns});
}
