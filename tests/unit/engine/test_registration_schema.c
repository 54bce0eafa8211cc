#include "engine/funnel/register/schema.h"

#include "testing/testing.h"

/* A description of a file of 10 rows with one column `c` beside the time. */
#define FILE_OF(column)                                                                                                \
    "{\"rows\":10,\"columns\":[{\"name\":\"t\",\"unsupported\":null,\"type\":[2,0,64,0,0,0],"                          \
    "\"nulls\":0,\"minimum\":5,\"maximum\":9,\"source\":false,\"distinct\":null}," column "]}"
#define INTEGER(nulls, minimum, maximum)                                                                               \
    "{\"name\":\"c\",\"unsupported\":null,\"type\":[2,0,32,0,0,0],\"nulls\":" nulls ",\"minimum\":" minimum            \
    ",\"maximum\":" maximum ",\"source\":false,\"distinct\":null}"
#define STRING(nulls, distinct, top)                                                                                   \
    "{\"name\":\"c\",\"unsupported\":null,\"type\":[5,0,0,0,0,0],\"nulls\":" nulls                                     \
    ",\"minimum\":null,\"maximum\":null"                                                                               \
    ",\"source\":false,\"distinct\":" distinct ",\"top\":" top "}"

struct merged {
    struct df_arena arena;
    struct df_funnel_schema schema;
    struct df_error error;
    int result;
    struct df_buf text;
};

static void merge(struct merged *merged, const char *const *files, size_t count)
{
    static const char *const uris[] = {"a.parquet", "b.parquet", "c.parquet"};
    *merged = (struct merged){0};
    merged->schema.arena = &merged->arena;
    for (size_t i = 0; merged->result == 0 && i < count; i++)
        merged->result = df_funnel_schema_merge(&merged->schema, df_slice_text(files[i]), uris[i], &merged->error);
    struct df_json_writer json;
    df_json_writer_init(&json, &merged->text, DF_JSON_COMPACT);
    if (merged->result == 0)
        df_funnel_schema_put(&merged->schema, "u", "t", &json);
}

static void dispose(struct merged *merged)
{
    df_buf_dispose(&merged->text);
    df_arena_dispose(&merged->arena);
}

static void assert_tells(struct merged *merged, const char *piece)
{
    assert_ok(merged->result, &merged->error);
    if (!strstr(df_buf_text(&merged->text), piece))
        fail_msg("no %s in %s", piece, df_buf_text(&merged->text));
}

static void test_bounds_are_those_of_all_files_exactly(void **state)
{
    (void)state;
    const char *files[] = {FILE_OF(INTEGER("0", "9007199254740993", "9007199254740993")),
                           FILE_OF(INTEGER("0", "-4", "9007199254740992"))};
    struct merged merged;
    merge(&merged, files, 2);
    assert_tells(&merged, "\"numericMin\":-4,\"numericMax\":9007199254740993");
    assert_tells(&merged, "\"minTimestamp\":5,\"maxTimestamp\":9");
    assert_tells(&merged, "\"dtypeName\":\"int32\",\"coltype\":\"INT\"");
    dispose(&merged);
}

static void test_an_integer_with_nulls_in_one_file_agrees_with_one_without(void **state)
{
    (void)state;
    const char *files[] = {FILE_OF(INTEGER("0", "1", "2")), FILE_OF(INTEGER("3", "1", "2"))};
    struct merged merged;
    merge(&merged, files, 2);
    assert_tells(&merged, "\"dtypeName\":\"float64\",\"coltype\":\"INT\",\"type\":\"an integer\",\"nulls\":3");
    dispose(&merged);
}

static void test_a_column_without_values_agrees_with_every_type(void **state)
{
    (void)state;
    const char *files[] = {FILE_OF(INTEGER("10", "null", "null")), FILE_OF(STRING("0", "1", "[[\"x\",10]]"))};
    struct merged merged;
    merge(&merged, files, 2);
    assert_tells(&merged, "\"coltype\":\"STRING\"");
    dispose(&merged);
}

static void test_types_that_differ_name_column_files_and_both_types(void **state)
{
    (void)state;
    const char *files[] = {FILE_OF(INTEGER("0", "1", "2")), FILE_OF(STRING("0", "1", "[[\"x\",10]]"))};
    struct merged merged;
    merge(&merged, files, 2);
    assert_int_equal(merged.result, -1);
    assert_int_equal(merged.error.kind, DF_ERROR_INVALID);
    assert_non_null(strstr(merged.error.message,
                           "Schemas differ! Column 'c' is an integer in a.parquet and a string in b.parquet"));
    dispose(&merged);
}

static void test_a_missing_column_is_a_difference_either_way(void **state)
{
    (void)state;
    const char *with = FILE_OF(INTEGER("0", "1", "2"));
    const char *without = "{\"rows\":10,\"columns\":[{\"name\":\"t\",\"unsupported\":null,\"type\":[2,0,64,0,0,0],"
                          "\"nulls\":0,\"minimum\":5,\"maximum\":9,\"source\":false,\"distinct\":null}]}";
    for (int turn = 0; turn < 2; turn++) {
        const char *files[] = {turn ? with : without, turn ? without : with};
        struct merged merged;
        merge(&merged, files, 2);
        assert_int_equal(merged.result, -1);
        assert_non_null(strstr(merged.error.message, "Column 'c'"));
        assert_non_null(strstr(merged.error.message, "missing"));
        dispose(&merged);
    }
}

static void test_a_string_is_categorical_only_if_all_files_say_so(void **state)
{
    (void)state;
    const char *few[] = {FILE_OF(STRING("0", "1", "[[\"x\",10]]")), FILE_OF(STRING("5", "1", "[[\"y\",5]]"))};
    const char *many[] = {few[0], FILE_OF(STRING("0", "7", "[[\"y\",4]]"))};
    struct merged merged;
    merge(&merged, few, 2);
    assert_tells(&merged, "\"potentialCategoricals\":[\"c\"]");
    assert_tells(&merged, "\"catTopValues\":{\"x\":0.5,\"y\":0.5},\"catUniqueRatio\":0.1");
    dispose(&merged);
    merge(&merged, many, 2);
    assert_tells(&merged, "\"potentialCategoricals\":[]");
    dispose(&merged);
}

static void test_damaged_descriptions_are_corrupt(void **state)
{
    (void)state;
    static const char *const damaged[] = {"",
                                          "[]",
                                          "{\"rows\":10}",
                                          "{\"rows\":-1,\"columns\":[]}",
                                          FILE_OF("{\"name\":\"c\"}"),
                                          FILE_OF("7"),
                                          FILE_OF(STRING("11", "1", "[]")),
                                          FILE_OF(STRING("0", "11", "[]")),
                                          FILE_OF(STRING("0", "1", "[[\"x\",11]]")),
                                          FILE_OF(STRING("0", "1", "[[\"x\"]]")),
                                          FILE_OF("{\"name\":\"c\",\"unsupported\":null,\"type\":[99,0,0,0,0,0],"
                                                  "\"nulls\":0,\"source\":false}")};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        struct merged merged;
        merge(&merged, &damaged[i], 1);
        if (merged.result == 0 || merged.error.kind != DF_ERROR_CORRUPT)
            fail_msg("not corrupt: %s", damaged[i]);
        dispose(&merged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_are_those_of_all_files_exactly),
        cmocka_unit_test(test_an_integer_with_nulls_in_one_file_agrees_with_one_without),
        cmocka_unit_test(test_a_column_without_values_agrees_with_every_type),
        cmocka_unit_test(test_types_that_differ_name_column_files_and_both_types),
        cmocka_unit_test(test_a_missing_column_is_a_difference_either_way),
        cmocka_unit_test(test_a_string_is_categorical_only_if_all_files_say_so),
        cmocka_unit_test(test_damaged_descriptions_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
