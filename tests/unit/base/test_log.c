#include "testing/testing.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <errno.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"

/* A socket that keeps the borders between writes: what comes out in one read was one write(2). */
static int ends[2];

static int open_ends(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
}

static int close_ends(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    df_time_freeze(false);
    df_log_setup(DF_LOG_WARNING, DF_LOG_TEXT, STDERR_FILENO);
    return 0;
}

static const char *read_write(void)
{
    static char line[65536];
    ssize_t size = recv(ends[0], line, sizeof line - 1, MSG_DONTWAIT);
    line[size > 0 ? size : 0] = '\0';
    return line;
}

/* Moves the wall clock to a certain moment. */
static void set_wall_ms(int64_t wall_ms)
{
    df_time_freeze(true);
    df_time_jump(0, wall_ms - df_time_wall_ms());
}

static void test_a_text_line_has_time_level_event_and_fields(void **state)
{
    (void)state;
    set_wall_ms(INT64_C(1617093132042));
    df_log_setup(DF_LOG_DEBUG, DF_LOG_TEXT, ends[1]);
    df_log(DF_LOG_WARNING, "part_retried", df_log_uint("part", UINT64_MAX), df_log_int("left", -3),
           df_log_double("share", 0.25), df_log_text("kind", "timeout"), df_log_text("etag", NULL));
    assert_string_equal(read_write(), "2021-03-30T08:32:12.042Z warning part_retried part=18446744073709551615 left=-3 "
                                      "share=0.25 kind=timeout etag=null\n");
    df_log(DF_LOG_INFO, "started");
    assert_string_equal(read_write(), "2021-03-30T08:32:12.042Z info started\n");
}

static void test_texts_that_could_be_misread_are_quoted(void **state)
{
    (void)state;
    set_wall_ms(0);
    df_log_setup(DF_LOG_DEBUG, DF_LOG_TEXT, ends[1]);
    df_log(DF_LOG_ERROR, "e", df_log_text("a", "two words"), df_log_text("b", "x=\"y\"\n"), df_log_text("c", ""),
           df_log_text("d", "\xc3\xa9\xff"));
    assert_string_equal(read_write(), "1970-01-01T00:00:00.000Z error e a=\"two words\" b=\"x=\\\"y\\\"\\n\" c=\"\" "
                                      "d=\"\xc3\xa9\xef\xbf\xbd\"\n");
}

static void test_a_json_line_is_an_object_with_escaped_texts(void **state)
{
    (void)state;
    set_wall_ms(INT64_C(253402300799999));
    df_log_setup(DF_LOG_DEBUG, DF_LOG_JSON, ends[1]);
    df_log(DF_LOG_ERROR, "put_failed", df_log_text("key", "a\"b\n\xff"), df_log_int("n", INT64_MIN),
           df_log_double("nan", NAN), df_log_text("none", NULL));
    const char *line = read_write();
    assert_string_equal(line, "{\"time\":\"9999-12-31T23:59:59.999Z\",\"level\":\"error\",\"event\":\"put_failed\","
                              "\"key\":\"a\\\"b\\n\xef\xbf\xbd\",\"n\":-9223372036854775808,\"nan\":null,"
                              "\"none\":null}\n");
    struct df_arena arena = {0};
    struct df_json *tree;
    struct df_error error;
    assert_ok(df_json_parse(df_slice_text(line), NULL, &arena, &tree, &error), &error);
    df_arena_dispose(&arena);
}

static void test_time_before_1970_is_right(void **state)
{
    (void)state;
    set_wall_ms(-1);
    df_log_setup(DF_LOG_DEBUG, DF_LOG_TEXT, ends[1]);
    df_log(DF_LOG_INFO, "e");
    assert_string_equal(read_write(), "1969-12-31T23:59:59.999Z info e\n");
}

static struct df_log_field never(void)
{
    fail_msg("the fields of a disabled line were made");
    return df_log_text("x", "y");
}

static void test_lines_below_the_level_cost_nothing(void **state)
{
    (void)state;
    df_log_setup(DF_LOG_ERROR, DF_LOG_TEXT, ends[1]);
    assert_false(df_log_enabled(DF_LOG_WARNING));
    assert_true(df_log_enabled(DF_LOG_ERROR));
    df_log(DF_LOG_WARNING, "e", never());
    assert_string_equal(read_write(), "");
    df_log_setup(DF_LOG_OFF, DF_LOG_TEXT, ends[1]);
    assert_false(df_log_enabled(DF_LOG_ERROR));
    assert_false(df_log_enabled(DF_LOG_OFF));
}

static void test_logging_keeps_errno_and_outlives_its_reader(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    df_log_setup(DF_LOG_DEBUG, DF_LOG_TEXT, fd);
    errno = EXDEV;
    df_log(DF_LOG_ERROR, "nobody_reads");
    assert_int_equal(errno, EXDEV);
    close(fd);
    df_log(DF_LOG_ERROR, "nobody_reads");
    assert_int_equal(errno, EXDEV);
}

enum { LINES = 200 };

static void *write_lines(void *argument)
{
    const char *text = argument;
    for (int i = 0; i < LINES; i++)
        df_log(DF_LOG_INFO, "line", df_log_text("text", text));
    return NULL;
}

static void test_lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    char texts[3][2001];
    pthread_t threads[3];
    size_t counts[3] = {0};
    df_log_setup(DF_LOG_DEBUG, DF_LOG_TEXT, ends[1]);
    for (int i = 0; i < 3; i++) {
        memset(texts[i], 'a' + i, sizeof texts[i] - 1);
        texts[i][sizeof texts[i] - 1] = '\0';
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, texts[i]), 0);
    }
    static char line[65536];
    for (int i = 0; i < 3 * LINES; i++) {
        ssize_t size = recv(ends[0], line, sizeof line - 1, 0);
        assert_true(size > 2000);
        line[size] = '\0';
        const char *text = strstr(line, "text=");
        assert_non_null(text);
        size_t who = (size_t)(text[5] - 'a');
        assert_memory_equal(text + 5, texts[who], 2000);
        assert_string_equal(text + 2005, "\n");
        counts[who]++;
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(counts[i], LINES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_text_line_has_time_level_event_and_fields, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(test_texts_that_could_be_misread_are_quoted, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(test_a_json_line_is_an_object_with_escaped_texts, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(test_time_before_1970_is_right, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(test_lines_below_the_level_cost_nothing, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(test_logging_keeps_errno_and_outlives_its_reader, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(test_lines_of_several_threads_do_not_mix, open_ends, close_ends),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
