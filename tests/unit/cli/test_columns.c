#include "cli/columns.h"

#include "testing/testing.h"

#define GUESS(role, ...)                                                                                               \
    df_columns_guess(role, (const char *const[]){__VA_ARGS__},                                                         \
                     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void test_columns_the_only_known_name_is_meant(void **state)
{
    (void)state;
    assert_string_equal(GUESS(DF_COLUMN_USER, "timestamp", "visitorid", "event"), "visitorid");
    assert_string_equal(GUESS(DF_COLUMN_TIME, "timestamp", "visitorid", "event"), "timestamp");
    assert_string_equal(GUESS(DF_COLUMN_USER, "User_ID", "x"), "User_ID");
    static const char *const users[] = {"user_id",     "userid",      "user",     "visitorid",
                                        "distinct_id", "customer_id", "client_id"};
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        assert_string_equal(GUESS(DF_COLUMN_USER, "a", users[i]), users[i]);
    static const char *const times[] = {"timestamp", "time", "ts", "event_time", "created_at"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        assert_string_equal(GUESS(DF_COLUMN_TIME, times[i], "b"), times[i]);
}

static void test_columns_two_known_names_are_no_guess(void **state)
{
    (void)state;
    assert_null(GUESS(DF_COLUMN_USER, "user_id", "customer_id"));
    assert_null(GUESS(DF_COLUMN_TIME, "ts", "created_at"));
    assert_null(GUESS(DF_COLUMN_TIME, "when", "timestamps"));
}

static void test_columns_that_cannot_be_guessed_are_listed(void **state)
{
    (void)state;
    char *names[] = {(char *)"buyer", (char *)"ts"};
    struct df_columns columns = {.uri = (char *)"a.parquet", .names = names, .count = 2};
    struct df_error error = {0};
    const char *name = "";
    assert_ok(df_columns_choose(&columns, DF_COLUMN_TIME, &name, &error), &error);
    assert_string_equal(name, "ts");
    assert_fails(df_columns_choose(&columns, DF_COLUMN_USER, &name, &error), &error, DF_ERROR_INVALID,
                 "which column is the user? say --user COLUMN; 'a.parquet' has buyer, ts");
    assert_null(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_the_only_known_name_is_meant),
        cmocka_unit_test(test_columns_two_known_names_are_no_guess),
        cmocka_unit_test(test_columns_that_cannot_be_guessed_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
