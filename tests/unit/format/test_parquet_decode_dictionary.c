/* Dictionary pages, alone: PLAIN bytes to entries, of each kind of column, and bytes that do not fit. */
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/dictionary.h"
#include "testing/testing.h"

/* Decodes into an array as large as it must be, so that the sanitizers see a byte too many. NULL, or what is wrong. */
static const char *decode(struct df_parquet_dictionary *dictionary, const struct df_parquet_leaf *leaf, uint32_t count,
                          struct df_slice plain)
{
    enum df_error_kind kind;
    size_t bytes = df_parquet_dictionary_array_bytes(leaf, count, plain.size);
    *dictionary = (struct df_parquet_dictionary){0};
    if (bytes == 0)
        return "no room was made";
    dictionary->values.data = malloc(bytes);
    assert_non_null(dictionary->values.data);
    const char *problem = df_parquet_dictionary_decode(dictionary, leaf, count, plain, &kind);
    assert_int_equal(dictionary->present, !problem);
    if (problem)
        assert_int_equal(kind, DF_ERROR_CORRUPT);
    return problem;
}

static void dispose(struct df_parquet_dictionary *dictionary)
{
    free(dictionary->values.data);
    *dictionary = (struct df_parquet_dictionary){0};
}

static int64_t int64_at(const struct df_parquet_dictionary *dictionary, uint32_t code)
{
    int64_t found = 0;
    df_dictionary_look_up(&dictionary->entries, DF_VECTOR_INT64, &code, &found, 1);
    return found;
}

static double double_at(const struct df_parquet_dictionary *dictionary, uint32_t code)
{
    double found = 0;
    df_dictionary_look_up(&dictionary->entries, DF_VECTOR_FLOAT64, &code, &found, 1);
    return found;
}

static void numbers_are_widened_to_the_kind_of_their_column(void **state)
{
    (void)state;
    static const uint8_t plain[] = {0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0};
    static const struct df_parquet_leaf ints = {DF_PARQUET_FROM_INT32, DF_VECTOR_INT64, .width_bytes = 4};
    static const struct df_parquet_leaf unsigned_ints = {DF_PARQUET_FROM_UINT32, DF_VECTOR_INT64, .width_bytes = 4};
    static const struct df_parquet_leaf longs = {DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8};
    struct df_parquet_dictionary dictionary;
    assert_null(decode(&dictionary, &ints, 2, df_slice_make(plain, 8)));
    assert_int_equal(dictionary.entries.count, 2);
    assert_int_equal(int64_at(&dictionary, 0), -1);
    assert_int_equal(int64_at(&dictionary, 1), 7);
    dispose(&dictionary);
    assert_null(decode(&dictionary, &unsigned_ints, 2, df_slice_make(plain, 8)));
    assert_int_equal(int64_at(&dictionary, 0), UINT32_MAX);
    dispose(&dictionary);
    assert_null(decode(&dictionary, &longs, 1, df_slice_make(plain, 8)));
    assert_int_equal(int64_at(&dictionary, 0), INT64_C(0x7ffffffff));
    dispose(&dictionary);
}

static void floats_are_doubles(void **state)
{
    (void)state;
    static const struct df_parquet_leaf leaf = {DF_PARQUET_FROM_FLOAT, DF_VECTOR_FLOAT64, .width_bytes = 4};
    const float plain[] = {1.5F, -0.25F};
    struct df_parquet_dictionary dictionary;
    assert_null(decode(&dictionary, &leaf, 2, df_slice_make(plain, sizeof plain)));
    assert_true(dictionary.entries.kind == DF_VECTOR_FLOAT64);
    assert_true(double_at(&dictionary, 0) == 1.5 && double_at(&dictionary, 1) == -0.25);
    dispose(&dictionary);
}

static void byte_arrays_are_slices_of_the_page(void **state)
{
    (void)state;
    static const struct df_parquet_leaf leaf = {DF_PARQUET_FROM_BYTES, DF_VECTOR_BYTES, .width_bytes = 0};
    static const char plain[] = "\4\0\0\0view\0\0\0\0\3\0\0\0buy";
    struct df_slice page = df_slice_make(plain, sizeof plain - 1), found[4];
    static const uint32_t codes[] = {2, 0, 1, 2};
    struct df_parquet_dictionary dictionary;
    assert_null(decode(&dictionary, &leaf, 3, page));
    assert_true(df_codes_below(codes, 4, dictionary.entries.count));
    df_dictionary_look_up(&dictionary.entries, DF_VECTOR_BYTES, codes, found, 4);
    assert_true(df_slice_equal(found[0], df_slice_text("buy")) && df_slice_equal(found[1], df_slice_text("view")));
    assert_int_equal(found[2].size, 0);
    assert_ptr_equal(found[3].data, page.data + page.size - 3);
    dispose(&dictionary);
    for (size_t cut = 1; cut < page.size; cut++) {
        assert_non_null(decode(&dictionary, &leaf, 3, df_slice_make(plain, page.size - cut)));
        dispose(&dictionary);
    }
    assert_non_null(decode(&dictionary, &leaf, 2, page)); /* bytes are left over */
    dispose(&dictionary);
}

static void decimals_keep_their_sign_in_either_width(void **state)
{
    (void)state;
    static const struct df_parquet_leaf narrow = {DF_PARQUET_FROM_FIXED_DECIMAL, DF_VECTOR_INT64, .width_bytes = 3};
    static const struct df_parquet_leaf wide = {DF_PARQUET_FROM_BYTES_DECIMAL, DF_VECTOR_INT128, .width_bytes = 0};
    struct df_parquet_dictionary dictionary;
    assert_null(decode(&dictionary, &narrow, 2, df_slice_make("\xff\xff\xfe\x00\x01\x00", 6)));
    assert_int_equal(int64_at(&dictionary, 0), -2);
    assert_int_equal(int64_at(&dictionary, 1), 256);
    dispose(&dictionary);
    assert_null(decode(&dictionary, &wide, 2, df_slice_make("\1\0\0\0\xfb\2\0\0\0\1\2", 11)));
    static const uint32_t codes[] = {0, 1};
    __int128 found[2];
    df_dictionary_look_up(&dictionary.entries, DF_VECTOR_INT128, codes, found, 2);
    assert_true(found[0] == -5 && found[1] == 258);
    dispose(&dictionary);
}

/* The count stands in the page's header, and is not believed. */
static void counts_that_the_bytes_do_not_have_are_refused_before_room_is_made(void **state)
{
    (void)state;
    static const struct df_parquet_leaf longs = {DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8};
    static const struct df_parquet_leaf bytes = {DF_PARQUET_FROM_BYTES, DF_VECTOR_BYTES, .width_bytes = 0};
    static const struct df_parquet_leaf bools = {DF_PARQUET_FROM_BOOLEAN, DF_VECTOR_BOOL, .width_bytes = 0};
    static const uint8_t plain[24];
    struct df_parquet_dictionary dictionary;
    assert_int_equal(df_parquet_dictionary_array_bytes(&longs, UINT32_MAX, 24), 0);
    assert_int_equal(df_parquet_dictionary_array_bytes(&longs, 4, 24), 0);
    assert_int_equal(df_parquet_dictionary_array_bytes(&bytes, 7, 24), 0);
    assert_int_equal(df_parquet_dictionary_array_bytes(&bools, 1, 24), 0);
    assert_non_null(decode(&dictionary, &longs, 2, df_slice_make(plain, 24)));
    dispose(&dictionary);
    assert_null(decode(&dictionary, &longs, 0, df_slice_make(NULL, 0)));
    dispose(&dictionary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_widened_to_the_kind_of_their_column),
        cmocka_unit_test(floats_are_doubles),
        cmocka_unit_test(byte_arrays_are_slices_of_the_page),
        cmocka_unit_test(decimals_keep_their_sign_in_either_width),
        cmocka_unit_test(counts_that_the_bytes_do_not_have_are_refused_before_room_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
