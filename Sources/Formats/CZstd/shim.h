// The switch for the coding of literals is in the part of the interface that zstd calls experimental; it is a plain
// parameter that the shared library takes too.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

// Macros that stand for enumerators are not visible to Swift.
static inline ZSTD_cParameter rtedit_zstd_literal_mode(void) { return ZSTD_c_literalCompressionMode; }
static inline int rtedit_zstd_literals_always(void) { return ZSTD_ps_enable; }
