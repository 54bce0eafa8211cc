#include "cli/explain.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "base/progress.h"
#include "cli/chart_line.h"
#include "cli/text.h"

enum { NAME_WIDTH = 12, SKIPPED_FILES_NOTED = 3 };

static int parse(const struct df_cli_answer *answer, struct df_arena *arena, struct df_json **tree,
                 struct df_error *error)
{
    if (answer->explain.size == 0)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "this engine does not tell how it answers: leave --explain out");
    if (df_json_parse(df_buf_slice(&answer->explain), NULL, arena, tree, error) != 0)
        return df_error_prefix(error, "the engine's report");
    return 0;
}

/* ---- facts ---- */

static struct df_slice text_of(const struct df_json *json)
{
    bool text = json && (json->type == DF_JSON_STRING || json->type == DF_JSON_NUMBER);
    return text ? json->text : (struct df_slice){0};
}

static uint64_t number_of(const struct df_json *object, const char *name)
{
    uint64_t value;
    const struct df_json *number = df_json_get(object, name);
    return number && df_json_uint64(number, &value) ? value : 0;
}

/* One fact, on as many lines as it needs; breaks between words. */
static void put_fact(struct df_buf *out, const struct df_chart_style *style, const char *name, struct df_slice fact)
{
    unsigned room = style->columns > NAME_WIDTH + 20 ? style->columns - NAME_WIDTH : style->columns;
    struct df_slice left = fact;
    for (bool first = true; first || left.size > 0; first = false) {
        size_t size = left.size;
        while (size > 0 && df_text_width(df_slice_make(left.data, size), style->ascii) > room) {
            size_t cut = size - 1;
            while (cut > 0 && left.data[cut] != ' ')
                cut--;
            if (cut == 0)
                break; /* one long word: the line cuts it */
            size = cut;
        }
        struct df_chart_line line = df_chart_line_begin(out, style);
        df_chart_line_colour(&line, "2");
        df_chart_line_label(&line, df_slice_text(first ? name : ""), NAME_WIDTH);
        df_chart_line_colour(&line, "0");
        df_chart_line_label(&line, df_slice_make(left.data, size), line.left);
        df_chart_line_end(&line);
        while (size < left.size && left.data[size] == ' ')
            size++;
        left = df_slice_make(left.data + size, left.size - size);
    }
}

static void put_buf(struct df_buf *out, const struct df_chart_style *style, const char *name, struct df_buf *fact)
{
    if (fact->size > 0)
        put_fact(out, style, name, df_buf_slice(fact));
    out->failed |= df_buf_failed(fact);
    df_buf_dispose(fact);
}

/* "spread: their bounds overlap" */
static void put_with_why(struct df_buf *fact, struct df_slice what, struct df_slice why)
{
    df_buf_put_slice(fact, what);
    if (why.size > 0)
        df_buf_printf(fact, "%s%.*s", what.size > 0 ? ": " : "", DF_SLICE_ARG(why));
}

static void put_users(struct df_buf *out, const struct df_chart_style *style, const struct df_json *tree)
{
    struct df_buf fact = {0};
    put_with_why(&fact, text_of(df_json_get(tree, "users")), text_of(df_json_get(tree, "why")));
    put_buf(out, style, "users", &fact);
}

static void put_unit(struct df_buf *out, const struct df_chart_style *style, const struct df_json *tree)
{
    struct df_slice unit = text_of(df_json_get(tree, "timestampUnit"));
    struct df_slice from = text_of(df_json_get(tree, "timestampUnitFrom"));
    struct df_buf fact = {0};
    if (unit.size > 0)
        df_buf_printf(&fact, "%.*s%s%.*s%s", DF_SLICE_ARG(unit), from.size ? " (" : "", DF_SLICE_ARG(from),
                      from.size ? ")" : "");
    put_buf(out, style, "time unit", &fact);
}

static void put_columns(struct df_buf *out, const struct df_chart_style *style, const struct df_json *columns)
{
    struct df_buf fact = {0};
    for (const struct df_json *column = columns ? columns->children : NULL; column; column = column->next)
        df_buf_printf(&fact, "%s%.*s", fact.size > 0 ? ", " : "", DF_SLICE_ARG(column->text));
    put_buf(out, style, "columns", &fact);
}

static void put_skipped(struct df_buf *out, const struct df_chart_style *style, const char *name,
                        const struct df_json *counts)
{
    struct df_buf fact = {0};
    if (!counts)
        return;
    df_text_put_thousands(&fact, number_of(counts, "read"));
    df_buf_put_text(&fact, " read, ");
    df_text_put_thousands(&fact, number_of(counts, "skipped"));
    df_buf_put_text(&fact, " skipped");
    put_buf(out, style, name, &fact);
}

/* Nothing beside statistics: nothing to tell. */
static void put_skipped_by(struct df_buf *out, const struct df_chart_style *style, const struct df_json *by)
{
    static const struct {
        const char *member, *name;
    } kinds[] = {{"statistics", "statistics"},
                 {"bloom", "bloom filters"},
                 {"dictionary", "dictionaries"},
                 {"pages", "page indexes"}};
    struct df_buf fact = {0};
    if (number_of(by, "bloom") + number_of(by, "dictionary") + number_of(by, "pages") == 0)
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t count = number_of(by, kinds[i].member);
        if (count == 0)
            continue;
        df_buf_put_text(&fact, fact.size > 0 ? ", " : "skipped: ");
        df_text_put_thousands(&fact, count);
        df_buf_printf(&fact, " by %s", kinds[i].name);
    }
    put_buf(out, style, "", &fact);
}

/* Only when page indexes were looked at. */
static void put_pages(struct df_buf *out, const struct df_chart_style *style, const struct df_json *pages)
{
    if (pages && number_of(pages, "read") + number_of(pages, "skipped") > 0)
        put_skipped(out, style, "pages", pages);
}

static void put_exchange(struct df_buf *out, const struct df_chart_style *style, const struct df_json *exchange)
{
    struct df_buf fact = {0};
    if (!exchange || exchange->type != DF_JSON_OBJECT) {
        df_buf_put_text(&fact, "none");
    } else {
        struct df_buf sections = {0};
        df_text_put_thousands(&sections, number_of(exchange, "sections"));
        df_buf_put_text(&sections, number_of(exchange, "sections") == 1 ? " section" : " sections");
        put_with_why(&fact, df_buf_slice(&sections), text_of(df_json_get(exchange, "why")));
        df_buf_dispose(&sections);
    }
    put_buf(out, style, "exchange", &fact);
}

static void put_stages(struct df_buf *out, const struct df_chart_style *style, const struct df_json *stages)
{
    unsigned number = 0;
    for (const struct df_json *stage = stages ? stages->children : NULL; stage; stage = stage->next) {
        struct df_buf name = {0}, fact = {0};
        df_buf_printf(&name, "stage %u", ++number);
        df_buf_printf(&fact, "%.*s: ", DF_SLICE_ARG(text_of(df_json_get(stage, "name"))));
        df_text_put_thousands(&fact, number_of(stage, "parts"));
        df_buf_put_text(&fact, number_of(stage, "parts") == 1 ? " part, " : " parts, ");
        df_buf_put_bytes(&fact, (double)number_of(stage, "readBytes"));
        df_buf_put_text(&fact, " read");
        put_buf(out, style, df_buf_text(&name), &fact);
        df_buf_dispose(&name);
    }
}

/* Most messages begin with the file, some have it further behind. */
static void put_skipped_file(struct df_buf *out, const struct df_json *file)
{
    struct df_slice uri = text_of(df_json_get(file, "uri")), message = text_of(df_json_get(file, "message"));
    if (uri.size > 0 && message.size > 0 && !memmem(message.data, message.size, uri.data, uri.size))
        df_buf_printf(out, "%.*s: ", DF_SLICE_ARG(uri));
    df_buf_put_slice(out, message);
}

static void put_skipped_files(struct df_buf *out, const struct df_chart_style *style, const struct df_json *skipped)
{
    uint64_t count = number_of(skipped, "count");
    struct df_buf fact = {0};
    if (!skipped || count == 0)
        return;
    df_text_put_thousands(&fact, count);
    df_buf_put_text(&fact, " left out, for they cannot be read");
    put_buf(out, style, "bad files", &fact);
    const struct df_json *files = df_json_get(skipped, "files");
    for (const struct df_json *file = files ? files->children : NULL; file; file = file->next) {
        struct df_buf one = {0};
        put_skipped_file(&one, file);
        put_buf(out, style, "", &one);
    }
}

int df_explain_put_text(const struct df_cli_answer *answer, const struct df_chart_style *style, struct df_buf *out,
                        struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    int result = parse(answer, &arena, &tree, error);
    if (result == 0) {
        put_users(out, style, tree);
        put_exchange(out, style, df_json_get(tree, "exchange"));
        put_unit(out, style, tree);
        put_columns(out, style, df_json_get(tree, "columns"));
        put_skipped(out, style, "files", df_json_get(tree, "files"));
        put_skipped_files(out, style, df_json_get(tree, "skippedFiles"));
        put_skipped(out, style, "row groups", df_json_get(tree, "rowGroups"));
        put_skipped_by(out, style, df_json_get(tree, "skippedBy"));
        put_pages(out, style, df_json_get(tree, "pages"));
        put_stages(out, style, df_json_get(tree, "stages"));
    }
    df_arena_dispose(&arena);
    return result;
}

int df_explain_put_json(const struct df_cli_answer *answer, enum df_json_style style, struct df_buf *out,
                        struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    int result = parse(answer, &arena, &tree, error);
    if (result == 0) {
        struct df_json_writer writer;
        df_json_writer_init(&writer, out, style);
        df_json_write_tree(&writer, tree);
        df_buf_put_char(out, '\n');
    }
    df_arena_dispose(&arena);
    return result;
}

bool df_explain_put_guess(const struct df_cli_answer *answer, const char *time, struct df_buf *out)
{
    static const struct {
        const char *unit, *name;
    } units[] = {{"s", "seconds"}, {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"}};
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    struct df_error error;
    size_t before = out->size;
    if (parse(answer, &arena, &tree, &error) == 0 &&
        df_slice_is(text_of(df_json_get(tree, "timestampUnitFrom")), "guessed"))
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (df_slice_is(text_of(df_json_get(tree, "timestampUnit")), units[i].unit))
                df_buf_printf(out, "taking %s%s%s as %s (%s says otherwise)", time ? "column '" : "the time",
                              time ? time : "", time ? "'" : "", units[i].name,
                              time ? "--time-unit" : "a registration with --time-unit");
    df_arena_dispose(&arena);
    return out->size > before;
}

void df_explain_note_guess(struct df_cli *cli, const struct df_cli_answer *answer, const char *time)
{
    struct df_buf note = {0};
    if (df_explain_put_guess(answer, time, &note))
        df_cli_note(cli, "%s", df_buf_text(&note));
    df_buf_dispose(&note);
}

/* ---- files that were left out ---- */

void df_explain_put_skipped_files(const struct df_cli_answer *answer, struct df_json_writer *writer)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    struct df_error error;
    const struct df_json *skipped =
        parse(answer, &arena, &tree, &error) == 0 ? df_json_get(tree, "skippedFiles") : NULL;
    if (skipped) {
        df_json_key(writer, "skippedFiles");
        df_json_write_tree(writer, skipped);
    }
    df_arena_dispose(&arena);
}

static void note_skipped_files(struct df_cli *cli, const struct df_json *skipped)
{
    uint64_t count = number_of(skipped, "count"), noted = 0;
    const struct df_json *files = df_json_get(skipped, "files");
    if (count == 0)
        return;
    df_cli_note(cli, "warning: left out %" PRIu64 " %s that cannot be read:", count, count == 1 ? "file" : "files");
    for (const struct df_json *file = files ? files->children : NULL; file && noted < SKIPPED_FILES_NOTED;
         file = file->next, noted++) {
        struct df_buf line = {0};
        put_skipped_file(&line, file);
        df_cli_note(cli, "  %s", df_buf_text(&line));
        df_buf_dispose(&line);
    }
    if (count > noted)
        df_cli_note(cli, "  and %" PRIu64 " more (--explain and the JSON answer name up to 20)", count - noted);
}

void df_explain_note_skipped_files(struct df_cli *cli, const struct df_cli_answer *answer)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    struct df_error error;
    const struct df_json *skipped =
        parse(answer, &arena, &tree, &error) == 0 ? df_json_get(tree, "skippedFiles") : NULL;
    if (skipped)
        note_skipped_files(cli, skipped);
    df_arena_dispose(&arena);
}
