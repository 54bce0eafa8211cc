/* The writer that collects an answer in memory. */
#include "testing/testing.h"

#include "engine/writer.h"

static int put_text(struct df_memory_writer *memory, const char *text, struct df_error *error)
{
    struct df_buf blob = {0};
    df_buf_put_text(&blob, text);
    int rc = df_writer_put(&memory->writer, &blob, error);
    assert_null(blob.data); /* taken, also on failure */
    assert_int_equal(blob.size, 0);
    return rc;
}

static void test_blobs_are_collected_in_the_order_of_puts(void **state)
{
    (void)state;
    struct df_memory_writer memory;
    struct df_error error;
    df_memory_writer_init(&memory, 100);
    assert_ok(put_text(&memory, "view ", &error), &error);
    assert_ok(put_text(&memory, "", &error), &error);
    assert_ok(put_text(&memory, "addtocart ", &error), &error);
    assert_ok(put_text(&memory, "transaction", &error), &error);
    assert_false(memory.writer.ops->full(&memory.writer));
    assert_slice_is(df_buf_slice(&memory.content), "view addtocart transaction");
    assert_false(memory.finished);
    memory.writer.ops->finish(&memory.writer);
    assert_true(memory.finished);
    assert_false(memory.aborted);
    assert_slice_is(df_buf_slice(&memory.content), "view addtocart transaction");
    df_memory_writer_dispose(&memory);
}

static void test_an_answer_may_fill_its_limit_and_not_pass_it(void **state)
{
    (void)state;
    struct df_memory_writer memory;
    struct df_error error;
    df_memory_writer_init(&memory, 10);
    assert_ok(put_text(&memory, "12345", &error), &error);
    assert_fails(put_text(&memory, "123456", &error), &error, DF_ERROR_TOO_LARGE, "more than 10 bytes");
    assert_ok(put_text(&memory, "67890", &error), &error);
    assert_fails(put_text(&memory, "1", &error), &error, DF_ERROR_TOO_LARGE, "10 are there, 1 more");
    assert_slice_is(df_buf_slice(&memory.content), "1234567890");
    df_memory_writer_dispose(&memory);

    df_memory_writer_init(&memory, 10);
    assert_fails(put_text(&memory, "12345678901", &error), &error, DF_ERROR_TOO_LARGE, "more than 10 bytes");
    df_memory_writer_dispose(&memory);
}

static void test_limit_0_is_none(void **state)
{
    (void)state;
    struct df_memory_writer memory;
    struct df_error error;
    df_memory_writer_init(&memory, 0);
    assert_ok(put_text(&memory, "anything", &error), &error);
    assert_slice_is(df_buf_slice(&memory.content), "anything");
    df_memory_writer_dispose(&memory);
}

static void test_a_blob_that_ran_out_of_memory_is_not_part_of_an_answer(void **state)
{
    (void)state;
    struct df_memory_writer memory;
    struct df_error error;
    df_memory_writer_init(&memory, 0);
    struct df_buf blob = {0};
    df_buf_put_text(&blob, "half of it");
    assert_false(df_buf_reserve(&blob, SIZE_MAX)); /* sticks */
    assert_fails(df_writer_put(&memory.writer, &blob, &error), &error, DF_ERROR_EXHAUSTED, "out of memory");
    assert_null(blob.data);
    assert_int_equal(memory.content.size, 0);
    df_memory_writer_dispose(&memory);
}

static void test_an_aborted_answer_keeps_nothing(void **state)
{
    (void)state;
    struct df_memory_writer memory;
    struct df_error error;
    df_memory_writer_init(&memory, 100);
    assert_ok(put_text(&memory, "half of it", &error), &error);
    df_error_set(&error, DF_ERROR_CANCELLED, "cancelled");
    memory.writer.ops->abort(&memory.writer, &error);
    assert_true(memory.aborted);
    assert_false(memory.finished);
    assert_int_equal(memory.content.size, 0);
    df_memory_writer_dispose(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blobs_are_collected_in_the_order_of_puts),
        cmocka_unit_test(test_an_answer_may_fill_its_limit_and_not_pass_it),
        cmocka_unit_test(test_limit_0_is_none),
        cmocka_unit_test(test_a_blob_that_ran_out_of_memory_is_not_part_of_an_answer),
        cmocka_unit_test(test_an_aborted_answer_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
