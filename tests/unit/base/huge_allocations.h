/* For tests that ask for more memory than there can be: the sanitizers end the program then, unless they are told to
 * answer as malloc does. Included by the one source file of such a test. */
#ifndef DF_UNIT_BASE_HUGE_ALLOCATIONS_H
#define DF_UNIT_BASE_HUGE_ALLOCATIONS_H

const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

#endif
