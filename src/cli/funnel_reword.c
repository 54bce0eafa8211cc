/* Places of the engine's request in the words of the flags. */
#include <stdlib.h>

#include "cli/funnel_request.h"

static size_t count_positive(const struct df_cli_sequence *sequence, size_t before)
{
    size_t count = 0;
    for (size_t i = 0; i < before; i++)
        count += !sequence->steps[i].negative;
    return count;
}

/* "[12]"; returns what is behind it, or NULL. */
static const char *take_index(const char *at, size_t *index)
{
    char *end;
    if (at[0] != '[' || at[1] < '0' || at[1] > '9')
        return NULL;
    unsigned long value = strtoul(at + 1, &end, 10);
    if (*end != ']' || value > 1000000)
        return NULL;
    *index = value;
    return end + 1;
}

/* Leaves out where in a filter it is: whoever typed text sees it by the names in the message. */
static const char *skip_filter_path(const char *at)
{
    static const char *const members[] = {".and", ".or", ".not", ".column", ".op", ".value", ".delimiter"};
    for (;;) {
        size_t index;
        const char *behind = take_index(at, &index);
        for (size_t i = 0; !behind && i < sizeof members / sizeof *members; i++) {
            size_t size = strlen(members[i]);
            if (strncmp(at, members[i], size) == 0 && !strchr("abcdefghijklmnopqrstuvwxyz", at[size] ? at[size] : '.'))
                behind = at + size;
        }
        if (!behind)
            return at;
        at = behind;
    }
}

static const char *put_step_place(const struct df_cli_sequence *sequence, const char *at, struct df_buf *out)
{
    static const struct {
        const char *member, *said;
    } members[] = {{".minGap", " --min-gap"}, {".maxGap", " --max-gap"}, {".name", " --name"}};
    size_t index;
    at = take_index(at, &index);
    if (!at)
        return NULL;
    if (index >= sequence->step_count)
        df_buf_printf(out, "step %zu", index + 1);
    else if (sequence->steps[index].negative)
        df_buf_printf(out, "--without %zu", index + 1 - count_positive(sequence, index));
    else
        df_buf_printf(out, "step %zu", count_positive(sequence, index) + 1);
    if (strncmp(at, ".filter", strlen(".filter")) == 0)
        return skip_filter_path(at + strlen(".filter"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (strncmp(at, members[i].member, strlen(members[i].member)) == 0) {
            df_buf_put_text(out, members[i].said);
            return at + strlen(members[i].member);
        }
    return at;
}

static const struct place {
    const char *name, *said;
    enum { ALONE, WITH_INDEX, WITH_FILTER } kind;
} places[] = {
    {"query.conditions", "--users", WITH_INDEX}, /* and .filter */
    {"where", "--where", WITH_FILTER},
    {"timeframe.from", "--from", ALONE},
    {"timeframe.to", "--to", ALONE},
    {"funnel.maxDuration", "--within", ALONE},
    {"funnel.order", "--order", ALONE},
    {"funnel.breakdown.column", "--by", ALONE},
    {"funnel.breakdown.top", "--top", ALONE},
    {"funnel.breakdown", "--by", ALONE},
    {"funnel.trend", "--trend", ALONE},
    {"funnel.durations", "--durations", ALONE},
    {"funnel.sessionGap", "--session-gap", ALONE},
    {"funnel.export.columns", "--columns", WITH_INDEX},
    {"funnel.export.file", "--export", ALONE},
    {"funnel.export.step", "--export", ALONE},
    {"funnel.export.which", "--export", ALONE},
    {"funnel.export", "--export", ALONE},
    {"dataset.paths", "path", WITH_INDEX},
    {"dataset.pattern", "--pattern", ALONE},
    {"dataset.groups", "--groups", ALONE},
    {"dataset.user", "--user", ALONE},
    {"dataset.timestampUnit", "--time-unit", ALONE},
    {"dataset.time", "--time", ALONE},
};

static const char *put_indexed(const struct place *place, const char *at, struct df_buf *out)
{
    size_t index;
    const char *behind = take_index(at, &index);
    df_buf_put_text(out, place->said);
    if (behind)
        df_buf_printf(out, " %zu", index + 1);
    else
        behind = at;
    return strncmp(behind, ".filter", strlen(".filter")) == 0 ? skip_filter_path(behind + strlen(".filter")) : behind;
}

/* The place that begins at `at` in the words of the flags; returns what is behind it, or NULL when none begins there.
 */
static const char *put_place(const struct df_cli_sequence *sequence, const char *at, struct df_buf *out)
{
    static const char steps[] = "funnel.sequence";
    if (strncmp(at, steps, strlen(steps)) == 0)
        return put_step_place(sequence, at + strlen(steps), out);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *place = &places[i];
        size_t size = strlen(place->name);
        if (strncmp(at, place->name, size) != 0 || !at[size] || !strchr(":.[", at[size]))
            continue;
        if (place->kind == WITH_INDEX)
            return put_indexed(place, at + size, out);
        df_buf_put_text(out, place->said);
        return place->kind == WITH_FILTER ? skip_filter_path(at + size) : at + size;
    }
    return NULL;
}

/* Where a place may begin: not inside a word, nor inside what is quoted, which are the user's names. */
void df_cli_funnel_reword(const struct df_cli_sequence *sequence, struct df_error *error)
{
    struct df_buf said = {0};
    bool quoted = false;
    char before = ' ';
    for (const char *at = error->message; *at;) {
        bool begins = !quoted && (before == ' ' || before == '(');
        const char *behind = begins ? put_place(sequence, at, &said) : NULL;
        if (!behind) {
            quoted = quoted != (*at == '\'');
            df_buf_put_char(&said, *at);
            behind = at + 1;
        }
        before = behind[-1];
        at = behind;
    }
    if (!df_buf_failed(&said) && said.size < sizeof error->message)
        memcpy(error->message, df_buf_text(&said), said.size + 1);
    df_buf_dispose(&said);
}
