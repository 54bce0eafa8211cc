#include "base/progress.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

enum {
    DRAW_INTERVAL_NS = 100 * 1000 * 1000,
    /* Rates and remaining time of the first moments are noise. */
    ESTIMATE_AFTER_NS = 500 * 1000 * 1000,
    BAR_COLUMNS = 20, /* at most */
};

void df_progress_start(struct df_progress *progress)
{
    atomic_init(&progress->parts_total, 0);
    atomic_init(&progress->parts_done, 0);
    atomic_init(&progress->parts_known, false);
    atomic_init(&progress->rows, 0);
    atomic_init(&progress->bytes, 0);
    atomic_init(&progress->stage, 0);
    progress->started_mono_ns = df_time_mono_ns();
}

/* ---- numbers for people ---- */

/* Three significant digits, then the unit of the power of 1000. */
static void put_scaled(struct df_buf *out, double value, const char *const *units, size_t unit_count)
{
    if (!(value > 0))
        value = 0;
    size_t unit = 0;
    /* 999.5 would be shown as 1000. */
    while (value >= 999.5 && unit + 1 < unit_count) {
        value /= 1000;
        unit++;
    }
    int decimals = unit == 0 && value == floor(value) ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    char text[64];
    snprintf(text, sizeof text, "%.*f", decimals, value > 1e15 ? 1e15 : value);
    if (strchr(text, '.')) { /* 1.20 is 1.2, 3.00 is 3 */
        size_t size = strlen(text);
        while (text[size - 1] == '0')
            text[--size] = '\0';
        if (text[size - 1] == '.')
            text[size - 1] = '\0';
    }
    df_buf_put_text(out, text);
    if (*units[unit]) {
        df_buf_put_char(out, ' ');
        df_buf_put_text(out, units[unit]);
    }
}

void df_buf_put_count(struct df_buf *out, double count)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P"};
    put_scaled(out, count, units, sizeof units / sizeof *units);
}

void df_buf_put_bytes(struct df_buf *out, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    put_scaled(out, bytes, units, sizeof units / sizeof *units);
}

static void put_seconds(struct df_buf *out, double seconds)
{
    if (seconds < 60)
        df_buf_printf(out, "%d s", (int)ceil(seconds));
    else if (seconds < 3600)
        df_buf_printf(out, "%d min", (int)ceil(seconds / 60));
    else if (seconds < 100 * 3600.0)
        df_buf_printf(out, "%d h", (int)ceil(seconds / 3600));
    else
        df_buf_put_text(out, "days");
}

/* ---- the line ---- */

/* What was read of the counters, once, so that the pieces of a line agree. */
struct reading {
    uint64_t parts_total, parts_done, rows, bytes;
    uint32_t stage;
    bool parts_known;
    double elapsed_s; /* 0: too early for rates */
};

static struct reading read_counters(const struct df_progress *progress)
{
    int64_t elapsed_ns = df_time_mono_ns() - progress->started_mono_ns;
    struct reading now = {
        .parts_done = atomic_load(&progress->parts_done), /* before the total: never more done than there are */
        .rows = atomic_load(&progress->rows),
        .bytes = atomic_load(&progress->bytes),
        .stage = atomic_load(&progress->stage),
        .elapsed_s = elapsed_ns >= ESTIMATE_AFTER_NS ? (double)elapsed_ns / 1e9 : 0,
    };
    now.parts_known = atomic_load(&progress->parts_known);
    now.parts_total = atomic_load(&progress->parts_total);
    if (now.parts_done > now.parts_total)
        now.parts_done = now.parts_total;
    return now;
}

/* Columns of UTF-8 text of which every character takes one: none of ours is wider. */
static unsigned text_columns(struct df_slice text)
{
    unsigned columns = 0;
    for (size_t i = 0; i < text.size; i++)
        columns += (text.data[i] & 0xc0) != 0x80;
    return columns;
}

static void put_bar(struct df_buf *out, const struct reading *now, unsigned cells, bool ascii)
{
    double share = now->parts_total ? (double)now->parts_done / (double)now->parts_total : 0;
    unsigned full = (unsigned)(share * cells);
    df_buf_put_char(out, '[');
    for (unsigned i = 0; i < cells; i++)
        df_buf_put_text(out, i < full ? (ascii ? "#" : "\u2588") : (ascii ? "-" : "\u2591"));
    df_buf_put_char(out, ']');
}

/* Appends a piece and the two blanks before it if it still fits; forgets it otherwise. */
static void put_piece(struct df_buf *line, unsigned columns, struct df_buf *piece)
{
    unsigned used = text_columns(df_buf_slice(line)), wanted = text_columns(df_buf_slice(piece));
    unsigned gap = used > 0 ? 2 : 0;
    if (wanted > 0 && used + gap + wanted <= columns) {
        df_buf_put(line, "  ", gap);
        df_buf_put_slice(line, df_buf_slice(piece));
    }
    df_buf_clear(piece);
}

static void put_parts(struct df_buf *piece, const struct reading *now)
{
    if (now->parts_total == 0)
        return;
    df_buf_printf(piece, "%llu/%llu%s parts", (unsigned long long)now->parts_done, (unsigned long long)now->parts_total,
                  now->parts_known ? "" : "+");
}

static void put_rate(struct df_buf *piece, const struct reading *now)
{
    if (now->rows == 0 || now->elapsed_s == 0)
        return;
    df_buf_put_count(piece, (double)now->rows / now->elapsed_s);
    df_buf_put_text(piece, " rows/s");
}

static void put_left(struct df_buf *piece, const struct reading *now)
{
    if (!now->parts_known || now->parts_done == 0 || now->parts_done >= now->parts_total || now->elapsed_s == 0)
        return;
    put_seconds(piece, now->elapsed_s * (double)(now->parts_total - now->parts_done) / (double)now->parts_done);
    df_buf_put_text(piece, " left");
}

/* Pieces in the order of the line; those that tell most are given their place first, the bar what is left. */
static void put_bar_and_rest(const struct reading *now, unsigned columns, bool ascii, struct df_buf *rest,
                             struct df_buf *line)
{
    unsigned used = text_columns(df_buf_slice(line)), behind = text_columns(df_buf_slice(rest));
    unsigned gaps = (used ? 2u : 0u) + (behind ? 2u : 0u);
    unsigned left = columns > used + behind + gaps ? columns - used - behind - gaps : 0;
    struct df_buf bar = {0};
    if (left >= 5 + 2 && now->parts_total > 0)
        put_bar(&bar, now, left - 2 < BAR_COLUMNS ? left - 2 : BAR_COLUMNS, ascii);
    put_piece(line, columns, &bar);
    put_piece(line, columns, rest);
    df_buf_dispose(&bar);
}

void df_progress_put_line(const struct df_progress *progress, unsigned columns, bool ascii, struct df_buf *out)
{
    struct reading now = read_counters(progress);
    struct df_buf line = {0}, rest = {0}, piece = {0};
    df_buf_printf(&piece, "stage %u", now.stage + 1);
    put_piece(&line, columns, &piece);
    unsigned used = text_columns(df_buf_slice(&line));
    unsigned room = columns > used + 2 ? columns - used - 2 : 0;
    put_parts(&piece, &now);
    put_piece(&rest, room, &piece);
    put_rate(&piece, &now);
    put_piece(&rest, room, &piece);
    if (now.bytes)
        df_buf_put_bytes(&piece, (double)now.bytes);
    put_piece(&rest, room, &piece);
    put_left(&piece, &now);
    put_piece(&rest, room, &piece);
    put_bar_and_rest(&now, columns, ascii, &rest, &line);
    df_buf_put_slice(out, df_buf_slice(&line));
    out->failed = out->failed || df_buf_failed(&line) || df_buf_failed(&rest) || df_buf_failed(&piece);
    df_buf_dispose(&line);
    df_buf_dispose(&rest);
    df_buf_dispose(&piece);
}

/* ---- the terminal ---- */

static void write_all(int fd, struct df_slice bytes)
{
    size_t at = 0;
    while (at < bytes.size) {
        ssize_t written = write(fd, bytes.data + at, bytes.size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* progress is no reason to fail */
        at += (size_t)written;
    }
}

void df_progress_draw(struct df_progress_line *line, const struct df_progress *progress)
{
    int64_t now_ns = df_time_mono_ns();
    if (line->fd < 0 || (line->shown && now_ns - line->last_mono_ns < DRAW_INTERVAL_NS))
        return;
    struct df_buf text = {0};
    df_buf_put_text(&text, "\r");
    /* The last column stays free: some terminals wrap when it is written. */
    df_progress_put_line(progress, line->columns ? line->columns - 1 : 0, line->ascii, &text);
    df_buf_put_text(&text, "\x1b[K");
    if (!df_buf_failed(&text))
        write_all(line->fd, df_buf_slice(&text));
    df_buf_dispose(&text);
    line->shown = true;
    line->last_mono_ns = now_ns;
}

void df_progress_wipe(struct df_progress_line *line)
{
    if (line->fd >= 0 && line->shown)
        write_all(line->fd, df_slice_text("\r\x1b[K"));
    line->shown = false;
}
