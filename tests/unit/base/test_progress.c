#include "testing/testing.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/time.h"

static int freeze(void **state)
{
    (void)state;
    df_time_freeze(true);
    return 0;
}

static int thaw(void **state)
{
    (void)state;
    df_time_freeze(false);
    return 0;
}

static void pass_ms(int64_t ms)
{
    df_time_jump(ms * 1000000, ms);
}

/* In the middle of the second stage. */
static void make_busy(struct df_progress *progress)
{
    df_progress_start(progress);
    progress->stage = 1;
    progress->parts_total = 64;
    progress->parts_done = 16;
    progress->parts_known = true;
    progress->rows = 48400000;
    progress->bytes = 312000000;
    pass_ms(4000);
}

static void expect_line(const struct df_progress *progress, unsigned columns, bool ascii, const char *expected)
{
    struct df_buf out = {0};
    df_progress_put_line(progress, columns, ascii, &out);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void test_the_line_says_how_far_and_how_fast(void **state)
{
    (void)state;
    struct df_progress progress;
    make_busy(&progress);
    expect_line(&progress, 200, true, "stage 2  [#####---------------]  16/64 parts  12.1 M rows/s  312 MB  12 s left");
    expect_line(&progress, 80, true, "stage 2  [#####---------------]  16/64 parts  12.1 M rows/s  312 MB  12 s left");
    expect_line(&progress, 200, false,
                "stage 2  [█████░░░░░░░░░░░░░░░]  16/64 parts  12.1 M rows/s  312 MB  12 s left");
}

static void test_narrow_terminals_lose_pieces_and_not_the_order(void **state)
{
    (void)state;
    struct df_progress progress;
    make_busy(&progress);
    expect_line(&progress, 40, true, "stage 2  16/64 parts  12.1 M rows/s");
    expect_line(&progress, 34, true, "stage 2  16/64 parts  312 MB");
    expect_line(&progress, 27, true, "stage 2  16/64 parts");
    expect_line(&progress, 20, true, "stage 2  16/64 parts");
    expect_line(&progress, 10, true, "stage 2");
    expect_line(&progress, 3, true, "");
    expect_line(&progress, 0, true, "");
}

static void test_what_is_not_known_is_not_shown(void **state)
{
    (void)state;
    struct df_progress progress;
    df_progress_start(&progress);
    expect_line(&progress, 80, true, "stage 1");
    progress.parts_total = 10; /* the listing goes on: no bar would be true */
    progress.parts_done = 2;
    progress.rows = 1000;
    pass_ms(100); /* too early for a rate */
    expect_line(&progress, 80, true, "stage 1  [####----------------]  2/10+ parts");
    pass_ms(900);
    expect_line(&progress, 80, true, "stage 1  [####----------------]  2/10+ parts  1 k rows/s");
    progress.parts_known = true;
    expect_line(&progress, 80, true, "stage 1  [####----------------]  2/10 parts  1 k rows/s  4 s left");
    progress.parts_done = 10;
    expect_line(&progress, 80, true, "stage 1  [####################]  10/10 parts  1 k rows/s");
}

/* Columns of UTF-8 text whose characters are one column wide. */
static unsigned width(const char *text)
{
    unsigned columns = 0;
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

static void test_no_line_is_wider_than_asked(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < 3000; round++) {
        static const unsigned usual[] = {20, 40, 80, 200};
        unsigned columns = round % 2 ? usual[round / 2 % 4] : (unsigned)(test_random(&seed) % 120);
        struct df_progress progress;
        df_progress_start(&progress);
        progress.stage = (uint32_t)(test_random(&seed) >> (test_random(&seed) % 64));
        progress.parts_total = test_random(&seed) >> (test_random(&seed) % 64);
        progress.parts_done = test_random(&seed) >> (test_random(&seed) % 64);
        progress.parts_known = round % 3;
        progress.rows = test_random(&seed) >> (test_random(&seed) % 64);
        progress.bytes = test_random(&seed) >> (test_random(&seed) % 64);
        pass_ms((int64_t)(test_random(&seed) % 100000));
        struct df_buf out = {0};
        df_progress_put_line(&progress, columns, round % 5 == 0, &out);
        const char *text = df_buf_text(&out);
        if (width(text) > columns)
            fail_msg("%u columns: '%s'", columns, text);
        for (; round % 5 == 0 && *text; text++)
            assert_true((unsigned char)*text < 0x80);
        assert_null(memchr(out.data, '\n', out.size));
        df_buf_dispose(&out);
    }
}

static void expect_number(void (*put)(struct df_buf *, double), double value, const char *expected)
{
    struct df_buf out = {0};
    put(&out, value);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void test_counts_have_three_digits_and_a_unit(void **state)
{
    (void)state;
    expect_number(df_buf_put_count, 0, "0");
    expect_number(df_buf_put_count, 7, "7");
    expect_number(df_buf_put_count, 0.5, "0.5");
    expect_number(df_buf_put_count, 312, "312");
    expect_number(df_buf_put_count, 999, "999");
    expect_number(df_buf_put_count, 999.7, "1 k");
    expect_number(df_buf_put_count, 1000, "1 k");
    expect_number(df_buf_put_count, 1200000, "1.2 M");
    expect_number(df_buf_put_count, 1234567, "1.23 M");
    expect_number(df_buf_put_count, 9.999e6, "10 M");
    expect_number(df_buf_put_count, 99.99e6, "100 M");
    expect_number(df_buf_put_count, 999999999, "1 G");
    expect_number(df_buf_put_count, 2e17, "200 P");
    expect_number(df_buf_put_count, -5, "0");
    expect_number(df_buf_put_bytes, 312e6, "312 MB");
    expect_number(df_buf_put_bytes, 12, "12 B");
    expect_number(df_buf_put_bytes, 1536, "1.54 kB");
    expect_number(df_buf_put_bytes, 20e9, "20 GB");
}

static size_t drawn(int fd, char text[static 1024])
{
    ssize_t size = read(fd, text, 1023);
    text[size > 0 ? size : 0] = '\0';
    return size > 0 ? (size_t)size : 0;
}

static void test_drawing_happens_in_place_and_ten_times_a_second(void **state)
{
    (void)state;
    int ends[2];
    char text[1024];
    assert_int_equal(pipe(ends), 0);
    struct df_progress progress;
    struct df_progress_line line = {.fd = ends[1], .columns = 8, .ascii = true};
    df_progress_start(&progress);
    df_progress_wipe(&line); /* nothing there yet: writes nothing */
    df_progress_draw(&line, &progress);
    drawn(ends[0], text);
    assert_string_equal(text, "\rstage 1\x1b[K"); /* the last column stays free */
    pass_ms(99);
    df_progress_draw(&line, &progress);
    pass_ms(1);
    progress.stage = 4;
    df_progress_draw(&line, &progress);
    drawn(ends[0], text);
    assert_string_equal(text, "\rstage 5\x1b[K");
    df_progress_wipe(&line);
    drawn(ends[0], text);
    assert_string_equal(text, "\r\x1b[K");
    df_progress_wipe(&line);
    close(ends[1]);
    assert_int_equal(drawn(ends[0], text), 0);
    close(ends[0]);
}

static void test_without_a_terminal_nothing_is_drawn(void **state)
{
    (void)state;
    struct df_progress progress;
    struct df_progress_line line = {.fd = -1, .columns = 80};
    df_progress_start(&progress);
    df_progress_draw(&line, &progress);
    assert_false(line.shown);
    df_progress_wipe(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_line_says_how_far_and_how_fast, freeze, thaw),
        cmocka_unit_test_setup_teardown(test_narrow_terminals_lose_pieces_and_not_the_order, freeze, thaw),
        cmocka_unit_test_setup_teardown(test_what_is_not_known_is_not_shown, freeze, thaw),
        cmocka_unit_test_setup_teardown(test_no_line_is_wider_than_asked, freeze, thaw),
        cmocka_unit_test(test_counts_have_three_digits_and_a_unit),
        cmocka_unit_test_setup_teardown(test_drawing_happens_in_place_and_ten_times_a_second, freeze, thaw),
        cmocka_unit_test_setup_teardown(test_without_a_terminal_nothing_is_drawn, freeze, thaw),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
