/* CSV: what a row is, what is wrong with one and where, however the bytes come. */
#include "testing/testing.h"

#include <stdlib.h>

#include "format/text/text.h"

/* Gives its text in pieces: [0, cut), then `step` bytes at a time. */
struct pieces {
    struct df_slice text;
    size_t at, cut, step;
};

static int read_piece(void *ctx, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    (void)error;
    struct pieces *pieces = ctx;
    size_t end = pieces->at < pieces->cut ? pieces->cut : pieces->at + pieces->step;
    size_t left = pieces->text.size - pieces->at;
    *got = end - pieces->at < left ? end - pieces->at : left;
    *got = *got < capacity ? *got : capacity;
    memcpy(to, pieces->text.data + pieces->at, *got);
    pieces->at += *got;
    return 0;
}

/* All that a reader says, as text: "[a|b|<null>]" of a row, "(line:column reason: raw)" of a bad one. */
static void describe_row(const struct df_text_row *row, struct df_buf *out)
{
    df_buf_printf(out, "%llu[", (unsigned long long)row->line);
    for (uint32_t i = 0; i < row->cell_count; i++) {
        df_buf_put_text(out, i > 0 ? "|" : "");
        if (row->cells[i].form == DF_TEXT_MISSING)
            df_buf_put_text(out, "<null>");
        else
            df_buf_put_slice(out, row->cells[i].text);
    }
    df_buf_put_text(out, "]\n");
}

static void read_all(struct df_text_options options, struct pieces pieces, struct df_buf *out)
{
    struct df_error error = {0};
    struct df_text_reader *reader;
    struct df_text_row row;
    struct df_text_bad bad;
    options.source = (struct df_text_source){.read = read_piece, .ctx = &pieces};
    options.name = "t.csv";
    if (options.record_bytes == 0)
        options.record_bytes = 4096;
    if (options.delimiter == 0)
        options.delimiter = ',';
    df_buf_clear(out);
    if (df_text_reader_open(&reader, &options, &error) < 0) {
        df_buf_printf(out, "%s: %s\n", df_error_name(error.kind), error.message);
        return;
    }
    for (uint32_t i = 0; i < df_text_column_count(reader); i++)
        df_buf_printf(out, "%s%s", df_text_column_name(reader, i), i + 1 < df_text_column_count(reader) ? "," : "\n");
    int step;
    while ((step = df_text_next(reader, &row, &bad, &error)) > 0) {
        if (step == DF_TEXT_ROW)
            describe_row(&row, out);
        else
            df_buf_printf(out, "(%llu:%llu %s: %.*s)\n", (unsigned long long)bad.line, (unsigned long long)bad.column,
                          bad.reason, DF_SLICE_ARG(bad.raw));
    }
    assert_ok(step, &error);
    df_text_reader_close(reader);
}

static void check_options(struct df_text_options options, const char *text, const char *expected)
{
    struct df_buf out = {0};
    read_all(options, (struct pieces){.text = df_slice_text(text), .cut = 1 << 20, .step = 1}, &out);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void check(const char *text, const char *expected)
{
    check_options((struct df_text_options){0}, text, expected);
}

static void test_fields_quotes_and_line_ends(void **state)
{
    (void)state;
    check("a,b\n1,2\n", "a,b\n2[1|2]\n");
    check("a,b\r\n1,2\r\n3,4", "a,b\n2[1|2]\n3[3|4]\n");
    check("a,b\r1,2\r", "a,b\n2[1|2]\n");
    check("a,b\n\"x,\"\"y\"\"\",\"two\nlines\"\n5,6\n", "a,b\n2[x,\"y\"|two\nlines]\n4[5|6]\n");
    check("\xef\xbb\xbf\"a\",b\n1,2\n", "a,b\n2[1|2]\n");
    check("a,b\n\n1,2\n\r\n\n3,4\n", "a,b\n3[1|2]\n6[3|4]\n");
}

static void test_nulls_are_empty_fields_without_quotes(void **state)
{
    (void)state;
    static const char *const nulls[] = {"NA"};
    check("a,b\n,\"\"\n", "a,b\n2[<null>|]\n");
    check_options((struct df_text_options){.nulls = nulls, .null_count = 1}, "a,b\nNA,\"NA\"\nNAN,na\n",
                  "a,b\n2[<null>|<null>]\n3[NAN|na]\n");
}

static void test_without_header_and_with_another_delimiter(void **state)
{
    (void)state;
    check_options((struct df_text_options){.no_header = true}, "1,\"2\"\n3,4\n", "c1,c2\n1[1|2]\n2[3|4]\n");
    check_options((struct df_text_options){.delimiter = '\t'}, "a,\tb\n1\t2\n", "a,,b\n2[1|2]\n");
}

static void test_an_empty_input_has_no_columns(void **state)
{
    (void)state;
    check("", "");
    check("\n\n", "");
    check("a,b", "a,b\n");
}

static void test_columns_without_a_name_are_called_by_their_number(void **state)
{
    (void)state;
    check(",a,\"\"\n1,2,3\n", "c1,a,c3\n2[1|2|3]\n");
}

static void test_headers_with_names_twice_or_of_utf16_fail(void **state)
{
    (void)state;
    check("c2,\n", "invalid: 't.csv': line 1, column 4: a second column 'c2' (if there is no header, say "
                   "--no-header)\n");
    check("a,b,\"a\"\n", "invalid: 't.csv': line 1, column 5: a second column 'a' (if there is no header, say "
                         "--no-header)\n");
    check("\xff\xfe"
          "a",
          "invalid: 't.csv': line 1, column 1: this is UTF-16, and only UTF-8 is read: convert it first (iconv -f "
          "UTF-16 -t UTF-8)\n");
}

static void test_blanks_around_fields_are_taken_away_when_asked_for(void **state)
{
    (void)state;
    struct df_text_options trim = {.trim = true};
    check_options(trim, " a ,\t\"b\" \n 1 , \" x \"\"y\" \t\r\n  ,\"\"  \n", "a,b\n2[1| x \"y]\n3[<null>|]\n");
    check_options(trim, "a,b\n1, \"x\" y\n2, z \"\n",
                  "a,b\n(2:8 text behind a closing quote: a quote inside quotes is "
                  "written twice: 1, \"x\" y)\n(3:6 a quote inside a field without "
                  "quotes: put the field in quotes and double the quote: 2, z \")\n");
    check_options((struct df_text_options){.trim = true, .delimiter = '\t'}, "a\t b\n\t x\n", "a,b\n2[<null>|x]\n");
    check_options((struct df_text_options){.trim = true, .no_header = true}, "1, \"x\" \n2,y \n",
                  "c1,c2\n1[1|x]\n2[2|y]\n");
    check("a,b\n 1, \"x\"\n2,\"x\" \n",
          "a,b\n(2:5 a blank before a quote: --trim takes blanks around fields away:  1, "
          "\"x\")\n(3:6 a blank behind a closing quote: --trim takes blanks around fields "
          "away: 2,\"x\" )\n");
}

static void test_bad_rows_are_told_with_their_place_and_left_out(void **state)
{
    (void)state;
    check("a,b\n1\n1,2,3\n5,6\n", "a,b\n(2:2 1 field, where the header has 2: 1)\n(3:5 3 fields, where the header has "
                                  "2: 1,2,3)\n4[5|6]\n");
    check("a,b\n1,x\"y\n5,6\n", "a,b\n(2:4 a quote inside a field without quotes: put the field in quotes and double "
                                "the quote: 1,x\"y)\n3[5|6]\n");
    check("a,b\n\"p\nq\"r,2\n5,6\n", "a,b\n(3:3 text behind a closing quote: a quote inside quotes is written twice: "
                                     "\"p\nq\"r,2)\n4[5|6]\n");
    check("a,b\n1,\"x\n5,6\n", "a,b\n(2:3 a quote that is never closed: 1,\"x)\n3[5|6]\n");
    check("a,b\n1,\xc3\x28\n5,6\n", "a,b\n(2:3 this is not UTF-8: 1,\xc3\x28)\n3[5|6]\n");
}

static void test_a_row_beyond_the_limit_is_bad_and_the_next_is_found(void **state)
{
    (void)state;
    struct df_text_options options = {.record_bytes = 64};
    struct df_buf text = {0}, out = {0};
    df_buf_put_text(&text, "a,b\n");
    for (int i = 0; i < 200; i++)
        df_buf_put_char(&text, 'x');
    df_buf_put_text(&text, ",1\n5,6\n1,\"open\n7,8\n");
    for (int i = 0; i < 20; i++)
        df_buf_put_text(&text, "9,10\n");
    read_all(options, (struct pieces){.text = df_buf_slice(&text), .cut = 1 << 20, .step = 1}, &out);
    assert_non_null(strstr(df_buf_text(&out), "(2:1 a row of more than 64 bytes: xxx"));
    assert_non_null(strstr(df_buf_text(&out), "3[5|6]\n(4:3 a row of more than 64 bytes: is this quote ever closed?: "
                                              "1,\"open)\n5[7|8]\n6[9|10]\n"));
    assert_non_null(strstr(df_buf_text(&out), "25[9|10]\n"));
    df_buf_dispose(&text);
    df_buf_dispose(&out);
}

/* Whatever piece a byte comes in, the reader says the same. */
static void check_cuts(struct df_slice text)
{
    struct df_text_options options = {.record_bytes = 256};
    struct df_buf whole = {0}, cut = {0};
    read_all(options, (struct pieces){.text = text, .cut = 1 << 20, .step = 1}, &whole);
    for (size_t at = 0; at <= text.size; at++) {
        read_all(options, (struct pieces){.text = text, .cut = at, .step = 1 + at % 7}, &cut);
        if (!df_slice_equal(df_buf_slice(&whole), df_buf_slice(&cut)))
            fail_msg("cut at %zu:\n%s\nwhole:\n%s", at, df_buf_text(&cut), df_buf_text(&whole));
    }
    df_buf_dispose(&whole);
    df_buf_dispose(&cut);
}

static void test_the_place_of_a_cut_changes_nothing(void **state)
{
    (void)state;
    check_cuts(df_slice_text("\xef\xbb\xbf"
                             "a,b\r\n\"x\"\"\r\ny\",2\r\n\r\n\"\"\"\",\"\"\r1,\xe2\x82\xac\n1\n\"q\"z,1\r\n3,4\r"));
    check_cuts(df_slice_text("a,b\n1,\"never\r\nclosed\r\n\"\",\n5,\"6"));
}

static void test_hostile_text_reads_the_same_however_it_is_cut(void **state)
{
    (void)state;
    static const char alphabet[] = "a,b\"\"\"\r\n\n\xc3\xa9 1";
    uint64_t random = test_seed();
    for (int round = 0; round < 150; round++) {
        struct df_buf text = {0};
        df_buf_put_text(&text, "a,b\n");
        for (uint64_t left = test_random(&random) % 120; left > 0; left--)
            df_buf_put_char(&text, alphabet[test_random(&random) % (sizeof alphabet - 1)]);
        check_cuts(df_buf_slice(&text));
        df_buf_dispose(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_quotes_and_line_ends),
        cmocka_unit_test(test_nulls_are_empty_fields_without_quotes),
        cmocka_unit_test(test_without_header_and_with_another_delimiter),
        cmocka_unit_test(test_an_empty_input_has_no_columns),
        cmocka_unit_test(test_columns_without_a_name_are_called_by_their_number),
        cmocka_unit_test(test_headers_with_names_twice_or_of_utf16_fail),
        cmocka_unit_test(test_blanks_around_fields_are_taken_away_when_asked_for),
        cmocka_unit_test(test_bad_rows_are_told_with_their_place_and_left_out),
        cmocka_unit_test(test_a_row_beyond_the_limit_is_bad_and_the_next_is_found),
        cmocka_unit_test(test_the_place_of_a_cut_changes_nothing),
        cmocka_unit_test(test_hostile_text_reads_the_same_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
