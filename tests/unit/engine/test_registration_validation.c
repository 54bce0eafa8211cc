#include "engine/funnel/register/validation.h"

#include <stdlib.h>

#include "testing/testing.h"

static uint32_t count_chosen(enum df_funnel_validation validation, uint32_t files, bool *chosen)
{
    memset(chosen, 0, files * sizeof *chosen);
    uint32_t said = df_funnel_validation_choose(validation, files, chosen), count = 0;
    for (uint32_t i = 0; i < files; i++)
        count += chosen[i];
    assert_int_equal(said, count); /* no file twice: the original's defect D2 */
    return count;
}

static void test_samples_have_the_original_sizes(void **state)
{
    (void)state;
    static bool chosen[4000];
    static const struct {
        uint32_t files, sampled;
    } cases[] = {{1, 1}, {2, 2}, {3, 2}, {29, 2}, {30, 3}, {40, 4}, {99, 9}, {100, 10}, {256, 10}, {4000, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            count_chosen(df_funnel_validation_of(DF_FUNNEL_VALIDATE_SAMPLE, cases[i].files), cases[i].files, chosen),
            cases[i].sampled);
}

static void test_the_first_and_the_last_are_always_among_them(void **state)
{
    (void)state;
    static bool chosen[300];
    for (uint32_t files = 2; files <= 300; files++)
        for (int validation = DF_FUNNEL_VALIDATE_FIRST_LAST; validation < DF_FUNNEL_VALIDATIONS; validation++) {
            count_chosen((enum df_funnel_validation)validation, files, chosen);
            assert_true(chosen[0]);
            assert_true(chosen[files - 1]);
        }
}

static void test_all_are_all_and_single_is_the_first(void **state)
{
    (void)state;
    bool chosen[50];
    assert_int_equal(count_chosen(DF_FUNNEL_VALIDATE_ALL, 50, chosen), 50);
    assert_int_equal(count_chosen(DF_FUNNEL_VALIDATE_SINGLE, 50, chosen), 1);
    assert_true(chosen[0]);
    assert_int_equal(df_funnel_validation_choose(DF_FUNNEL_VALIDATE_ALL, 0, chosen), 0);
}

static void test_the_words_of_both_surfaces_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum df_funnel_validation validation;
    } words[] = {{"SAMPLE", DF_FUNNEL_VALIDATE_SAMPLE},
                 {"first-last", DF_FUNNEL_VALIDATE_FIRST_LAST},
                 {"FIRST_LAST", DF_FUNNEL_VALIDATE_FIRST_LAST},
                 {"all", DF_FUNNEL_VALIDATE_ALL},
                 {"Single", DF_FUNNEL_VALIDATE_SINGLE}};
    enum df_funnel_validation found;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_true(df_funnel_validation_parse(df_slice_text(words[i].text), &found));
        assert_int_equal(found, words[i].validation);
    }
    assert_false(df_funnel_validation_parse(df_slice_text("some"), &found));
    assert_false(df_funnel_validation_parse(df_slice_text(""), &found));
}

static void test_what_a_sample_comes_to_depends_on_the_number_of_files(void **state)
{
    (void)state;
    assert_int_equal(df_funnel_validation_of(DF_FUNNEL_VALIDATE_SAMPLE, 2), DF_FUNNEL_VALIDATE_FIRST_LAST);
    assert_int_equal(df_funnel_validation_of(DF_FUNNEL_VALIDATE_ALL, 1), DF_FUNNEL_VALIDATE_SINGLE);
    assert_int_equal(df_funnel_validation_of(DF_FUNNEL_VALIDATE_ALL, 2), DF_FUNNEL_VALIDATE_ALL);
    assert_int_equal(df_funnel_validation_of(DF_FUNNEL_VALIDATE_SAMPLE, 30), DF_FUNNEL_VALIDATE_SAMPLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_have_the_original_sizes),
        cmocka_unit_test(test_the_first_and_the_last_are_always_among_them),
        cmocka_unit_test(test_all_are_all_and_single_is_the_first),
        cmocka_unit_test(test_the_words_of_both_surfaces_are_known),
        cmocka_unit_test(test_what_a_sample_comes_to_depends_on_the_number_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
