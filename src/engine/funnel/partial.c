#include "engine/funnel/partial.h"

#include "base/size.h"

enum { PARTIAL_VERSION = 1 };
enum { FOOTER_WHOLE = 1, FOOTER_BOUNDS = 2 };

static int corrupt(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "a partial result of the funnel is damaged: %s", what);
}

/* ---- details ---- */

struct df_slice df_funnel_detail_encode(const struct df_funnel_detail *detail, uint8_t place[DF_FUNNEL_DETAIL_BYTES])
{
    place[0] = (uint8_t)detail->role;
    place[1] = (uint8_t)detail->kind;
    return df_slice_make(place, detail->role == DF_FUNNEL_GATHER ? 2 : 1);
}

int df_funnel_detail_decode(struct df_slice blob, struct df_funnel_detail *detail, struct df_error *error)
{
    if (blob.size == 0 || blob.data[0] < DF_FUNNEL_FOOTERS || blob.data[0] > DF_FUNNEL_GATHER ||
        blob.size != (blob.data[0] == DF_FUNNEL_GATHER ? 2u : 1u) ||
        (blob.size == 2 && blob.data[1] >= DF_FUNNEL_KEY_KINDS))
        return df_error_set(error, DF_ERROR_CORRUPT, "the detail of a funnel's part is damaged");
    *detail = (struct df_funnel_detail){.role = (enum df_funnel_role)blob.data[0]};
    if (blob.size == 2)
        detail->kind = (enum df_funnel_key_kind)blob.data[1];
    return 0;
}

const char *df_funnel_time_text(enum df_funnel_time time)
{
    static const char *const texts[DF_FUNNEL_TIMES] = {
        "an integer",        "an unsigned 64-bit integer", "a date",
        "a timestamp in ms", "a timestamp in us",          "a timestamp in ns"};
    return texts[time];
}

const char *df_funnel_key_text(enum df_funnel_key_kind kind)
{
    static const char *const texts[DF_FUNNEL_KEY_KINDS] = {"an integer", "an unsigned 64-bit integer", "a string"};
    return texts[kind];
}

/* ---- shared ---- */

static void begin(enum df_funnel_role role, struct df_buf *out)
{
    df_buf_put_u8(out, PARTIAL_VERSION);
    df_buf_put_u8(out, (uint8_t)role);
}

static int check_head(struct df_cursor *cursor, enum df_funnel_role role, struct df_error *error)
{
    uint8_t version, found;
    if (!df_cursor_take_u8(cursor, &version) || !df_cursor_take_u8(cursor, &found))
        return corrupt(error, "it ends in its head");
    if (version != PARTIAL_VERSION)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "a partial result of the funnel has version %u, this program reads %d", version,
                            PARTIAL_VERSION);
    return found == (uint8_t)role ? 0 : corrupt(error, "it is of another stage");
}

static int check_end(const struct df_cursor *cursor, struct df_error *error)
{
    if (cursor->failed)
        return corrupt(error, "it ends too early");
    return df_cursor_left(cursor) == 0 ? 0 : corrupt(error, "bytes follow its end");
}

/* ---- footers ---- */

void df_funnel_footer_encode(const struct df_funnel_footer *footer, struct df_buf *out)
{
    begin(DF_FUNNEL_FOOTERS, out);
    df_buf_put_u8(out, (uint8_t)((footer->whole ? FOOTER_WHOLE : 0) | (footer->bounds_known ? FOOTER_BOUNDS : 0)));
    df_buf_put_u8(out, (uint8_t)footer->kind);
    df_buf_put_u8(out, (uint8_t)footer->time);
    df_buf_put_u64le(out, (uint64_t)footer->minimum);
    df_buf_put_u64le(out, (uint64_t)footer->maximum);
    df_buf_put_varint(out, footer->rows);
    df_buf_put_varint(out, footer->unit_count);
    for (uint32_t i = 0; i < footer->unit_count; i++) {
        df_buf_put_varint(out, footer->units[i].row_groups);
        df_buf_put_varint(out, footer->units[i].rows);
        df_buf_put_varint(out, footer->units[i].bytes);
    }
}

static int decode_units(struct df_cursor *cursor, uint64_t count, struct df_arena *arena,
                        struct df_funnel_footer *footer, struct df_error *error)
{
    /* A unit has three bytes at least: no more memory is asked for than the blob can fill. */
    if (count > DF_FUNNEL_UNITS_MAX || count > df_cursor_left(cursor) / 3)
        return corrupt(error, "it announces more row groups than it holds");
    footer->unit_count = (uint32_t)count;
    footer->units = df_arena_array(arena, (size_t)count, sizeof *footer->units);
    if (!footer->units)
        return df_error_no_memory(error, "reading a footer's summary");
    uint64_t rows = 0, row_groups = 0, bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct df_funnel_unit *unit = &footer->units[i];
        if (!df_cursor_take_varint(cursor, &unit->row_groups) || !df_cursor_take_varint(cursor, &unit->rows) ||
            !df_cursor_take_varint(cursor, &unit->bytes))
            return corrupt(error, "it ends in its row groups");
        if (unit->row_groups == 0 || df_u64_add(&rows, rows, unit->rows) < 0 ||
            df_u64_add(&row_groups, row_groups, unit->row_groups) < 0 || df_u64_add(&bytes, bytes, unit->bytes) < 0 ||
            row_groups > UINT32_MAX)
            return corrupt(error, "its row groups do not add up");
    }
    return rows == footer->rows ? 0 : corrupt(error, "its rows are not those of its row groups");
}

int df_funnel_footer_decode(struct df_slice blob, struct df_arena *arena, struct df_funnel_footer *footer,
                            struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    uint8_t flags = 0, kind = 0, time = 0;
    uint64_t minimum = 0, maximum = 0, units = 0;
    *footer = (struct df_funnel_footer){0};
    if (check_head(&cursor, DF_FUNNEL_FOOTERS, error) < 0)
        return -1;
    if (!df_cursor_take_u8(&cursor, &flags) || !df_cursor_take_u8(&cursor, &kind) ||
        !df_cursor_take_u8(&cursor, &time) || !df_cursor_take_u64le(&cursor, &minimum) ||
        !df_cursor_take_u64le(&cursor, &maximum) || !df_cursor_take_varint(&cursor, &footer->rows) ||
        !df_cursor_take_varint(&cursor, &units))
        return corrupt(error, "it ends too early");
    if (flags > (FOOTER_WHOLE | FOOTER_BOUNDS) || kind >= DF_FUNNEL_KEY_KINDS || time >= DF_FUNNEL_TIMES)
        return corrupt(error, "it says what no footer says");
    footer->whole = flags & FOOTER_WHOLE;
    footer->bounds_known = flags & FOOTER_BOUNDS;
    footer->kind = (enum df_funnel_key_kind)kind;
    footer->time = (enum df_funnel_time)time;
    footer->minimum = (int64_t)minimum;
    footer->maximum = (int64_t)maximum;
    if (decode_units(&cursor, units, arena, footer, error) < 0)
        return -1;
    return check_end(&cursor, error);
}

/* ---- counts ---- */

void df_funnel_counts_encode(enum df_funnel_role role, const struct df_funnel_counts *counts, struct df_buf *out)
{
    begin(role, out);
    df_buf_put_varint(out, counts->rows);
    df_buf_put_varint(out, counts->rows_without_group);
    if (role == DF_FUNNEL_SCATTER)
        return;
    df_buf_put_varint(out, counts->groups);
    df_buf_put_varint(out, counts->group_rows);
    df_buf_put_varint(out, counts->step_count);
    for (uint32_t i = 0; i < counts->step_count; i++) {
        df_buf_put_varint(out, counts->steps[i].users);
        df_buf_put_varint(out, counts->steps[i].rows);
    }
}

/* Steps are nested: each has at most the users and rows of the one before, and a user has at least one row. */
static int decode_steps(struct df_cursor *cursor, struct df_funnel_counts *counts, struct df_error *error)
{
    uint64_t steps;
    if (!df_cursor_take_varint(cursor, &steps))
        return corrupt(error, "it ends too early");
    if (steps != counts->step_count)
        return corrupt(error, "it has another number of steps");
    struct df_funnel_step_count before = {.users = counts->groups, .rows = counts->group_rows};
    for (uint32_t i = 0; i < counts->step_count; i++) {
        struct df_funnel_step_count *step = &counts->steps[i];
        if (!df_cursor_take_varint(cursor, &step->users) || !df_cursor_take_varint(cursor, &step->rows))
            return corrupt(error, "it ends in its steps");
        if (step->users > before.users || step->rows > before.rows || step->rows < step->users)
            return corrupt(error, "its steps are not nested");
        before = *step;
    }
    return 0;
}

int df_funnel_counts_decode(struct df_slice blob, enum df_funnel_role role, struct df_funnel_counts *counts,
                            struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    if (check_head(&cursor, role, error) < 0)
        return -1;
    counts->groups = counts->group_rows = 0;
    if (!df_cursor_take_varint(&cursor, &counts->rows) || !df_cursor_take_varint(&cursor, &counts->rows_without_group))
        return corrupt(error, "it ends too early");
    if (counts->rows_without_group > counts->rows)
        return corrupt(error, "it has more rows without a user than rows");
    if (role != DF_FUNNEL_SCATTER) {
        if (!df_cursor_take_varint(&cursor, &counts->groups) || !df_cursor_take_varint(&cursor, &counts->group_rows))
            return corrupt(error, "it ends too early");
        if (counts->group_rows < counts->groups)
            return corrupt(error, "it has more users than rows");
        if (decode_steps(&cursor, counts, error) < 0)
            return -1;
    }
    return check_end(&cursor, error);
}
