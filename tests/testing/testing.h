/* What every C test includes: cmocka, and checks that print the library's own message when they fail. */
#ifndef DF_TESTING_H
#define DF_TESTING_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

/* assert_ok(df_thing_open(&thing, &error), &error): shows kind and message of the failure. */
#define assert_ok(call, error_pointer)                                                                                 \
    do {                                                                                                               \
        if ((call) < 0)                                                                                                \
            fail_msg("%s failed: %s: %s", #call, df_error_name((error_pointer)->kind), (error_pointer)->message);      \
    } while (0)

/* The call must fail with this kind, and its message must contain `text`. */
#define assert_fails(call, error_pointer, expected_kind, text)                                                         \
    do {                                                                                                               \
        df_error_clear(error_pointer);                                                                                 \
        if ((call) >= 0)                                                                                               \
            fail_msg("%s succeeded, expected %s", #call, df_error_name(expected_kind));                                \
        if ((error_pointer)->kind != (expected_kind) || !strstr((error_pointer)->message, (text)))                     \
            fail_msg("%s: expected %s with '%s', got %s: %s", #call, df_error_name(expected_kind), (text),             \
                     df_error_name((error_pointer)->kind), (error_pointer)->message);                                  \
    } while (0)

#include "base/slice.h"

static inline void assert_slice_is(struct df_slice slice, const char *text)
{
    if (!df_slice_is(slice, text))
        fail_msg("expected '%s', got '%.*s'", text, DF_SLICE_ARG(slice));
}

/* A seeded stream of numbers for property tests; print the seed when one fails. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t x = (*state += UINT64_C(0x9E3779B97F4A7C15));
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* The seed of this run: DAYFLY_TEST_SEED, or one from the clock; printed. */
uint64_t test_seed(void);

/* A new empty folder under the system's temporary one; removed, with everything in it, by test_folder_remove. */
const char *test_folder_make(void);
void test_folder_remove(const char *folder);

#endif
