/* What the processor can do beyond what the program is compiled for (x86-64: SSE2; arm64: NEON).
 *
 * Code for it stands in functions of their own (name_avx2), each beside one that needs nothing (name_scalar) and does
 * the same; who has the choice takes it once, outside of the loop. */
#ifndef DF_BASE_CPU_H
#define DF_BASE_CPU_H

#include <stdbool.h>

#if defined(__x86_64__)
#define DF_CPU_AVX2    1
#define DF_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2")))
#endif

static inline bool df_cpu_has_avx2(void)
{
#ifdef DF_CPU_AVX2
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#else
    return false;
#endif
}

#endif
