/* Columns that hold values of several kinds: what made a column a string is said with its place, because nobody finds
 * one "n/a" among millions of numbers. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/import.h"
#include "cli/text.h"

enum { TOLD_MOST = 5 };

/* ---- places ---- */

static void put_met(struct df_buf *out, const struct df_import *import, const struct df_import_met *met)
{
    df_buf_put_char(out, '\'');
    df_text_put(out, df_slice_text(met->text), import->cli->ascii);
    df_buf_put_text(out, "' ('");
    df_text_put(out, df_slice_text(import->inputs[met->input - 1].name), import->cli->ascii);
    df_buf_printf(out, "': line %" PRIu64 ", column %" PRIu64 ")", met->place.line, met->place.column);
}

/* "'01/02/2024' (…) could have the day or the month first", or which two dates contradict each other. */
static void put_ways(struct df_buf *out, const struct df_import *import, const struct df_import_column *column)
{
    bool both = column->seen.day_first && column->seen.month_first;
    put_met(out, import, &column->first_of_order[both ? DF_TEXT_DAY_FIRST : DF_TEXT_DAY_ANY]);
    if (!both) {
        df_buf_put_text(out, " could have the day or the month first: --dates dmy or --dates mdy says which");
        return;
    }
    df_buf_put_text(out, " has the day first and ");
    put_met(out, import, &column->first_of_order[DF_TEXT_MONTH_FIRST]);
    df_buf_put_text(out, " the month: --dates dmy or --dates mdy says which is right");
}

int df_import_two_ways(const struct df_import *import, const struct df_import_column *column, struct df_error *error)
{
    struct df_buf ways = {0};
    put_ways(&ways, import, column);
    if (df_buf_failed(&ways))
        df_error_no_memory(error, "telling what is wrong");
    else
        df_error_set(error, DF_ERROR_INVALID, "column '%s': %s", column->name, df_buf_text(&ways));
    df_buf_dispose(&ways);
    return -1;
}

/* ---- which kind is in the way of which ---- */

/* What the column would be without its texts; a string when these are not the reason. */
static struct df_type type_without_texts(const struct df_import_column *column)
{
    struct df_text_column others = column->seen;
    others.seen &= ~(1U << DF_TEXT_CLASS_STRING);
    return df_text_column_type(&others);
}

static uint64_t other_values(const struct df_import_column *column)
{
    uint64_t count = 0;
    for (int i = DF_TEXT_CLASS_BOOL; i < DF_TEXT_CLASS_STRING; i++)
        count += column->counts[i];
    return count;
}

static bool means_null(const char *text)
{
    static const char *const words[] = {"NULL", "null", "NA",  "N/A",  "n/a", "na",
                                        "\\N",  "None", "nil", "#N/A", "-",   "?"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Texts in a column of something else. */
static bool put_texts(struct df_buf *out, const struct df_import *import, const struct df_import_column *column)
{
    char type_text[DF_TYPE_TEXT_BYTES];
    const struct df_import_met *met = &column->first[DF_TEXT_CLASS_STRING];
    uint64_t texts = column->counts[DF_TEXT_CLASS_STRING], others = other_values(column);
    struct df_type type = type_without_texts(column);
    if (texts == 0 || others <= texts || type.kind == DF_TYPE_STRING)
        return false;
    df_buf_printf(out, "column '%s' is a string because of ", column->name);
    df_text_put_thousands(out, texts);
    df_buf_put_text(out, " of its ");
    df_text_put_thousands(out, texts + others);
    df_buf_put_text(out, texts == 1 ? " values: " : " values, the first: ");
    put_met(out, import, met);
    df_buf_printf(out, "; else it would be %s", df_type_text(&type, type_text));
    if (means_null(met->text))
        df_buf_printf(out, " (--null '%s' makes it null)", met->text);
    return true;
}

/* Values of two kinds that no type but text holds. */
static bool put_kinds(struct df_buf *out, const struct df_import *import, const struct df_import_column *column)
{
    const struct df_import_met *met[2] = {0};
    size_t count = 0;
    if (column->counts[DF_TEXT_CLASS_STRING] > 0)
        return false;
    for (int i = DF_TEXT_CLASS_BOOL; i < DF_TEXT_CLASS_STRING && count < 2; i++)
        if (column->counts[i] > 0)
            met[count++] = &column->first[i];
    if (count < 2)
        return false;
    df_buf_printf(out, "column '%s' is a string, since no other type holds both ", column->name);
    put_met(out, import, met[0]);
    df_buf_put_text(out, " and ");
    put_met(out, import, met[1]);
    return true;
}

static bool put_dates(struct df_buf *out, const struct df_import *import, const struct df_import_column *column)
{
    if (!df_text_column_is_ambiguous(&column->seen) || column->counts[DF_TEXT_CLASS_STRING] > 0)
        return false;
    df_buf_printf(out, "column '%s' is a string, since ", column->name);
    put_ways(out, import, column);
    return true;
}

static bool put_reason(struct df_buf *out, const struct df_import *import, uint32_t index)
{
    const struct df_import_column *column = &import->columns[index];
    if (column->forced || index == import->user || column->type.kind != DF_TYPE_STRING)
        return false;
    return put_dates(out, import, column) || put_texts(out, import, column) || put_kinds(out, import, column);
}

void df_import_tell_mixed(const struct df_import *import)
{
    struct df_buf out = {0};
    uint64_t told = 0, more = 0;
    for (uint32_t i = 0; i < import->names.count; i++) {
        df_buf_clear(&out);
        if (!put_reason(&out, import, i) || df_buf_failed(&out))
            continue;
        if (told++ < TOLD_MOST)
            df_cli_note(import->cli, "%s", df_buf_text(&out));
        else
            more++;
    }
    if (more > 0)
        df_cli_note(import->cli, "and %" PRIu64 " more such columns", more);
    df_buf_dispose(&out);
}
