#if defined(__linux__)
#include <sys/auxv.h>
#endif

// Asks the processor, without needing any newer instruction, which vector instructions it has and the system lets run.

static inline int rtedit_processor_is_supported(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#else
    return 1;
#endif
}

// Whether there is the part of AVX-512 that matrix products use.
static inline int rtedit_processor_has_avx512(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

// Whether the system started the program itself: not the dynamic loader, called with the program as its argument.
static inline int rtedit_is_started_by_system(void) {
#if defined(__linux__)
    return getauxval(AT_BASE) != 0;
#else
    return 0;
#endif
}
