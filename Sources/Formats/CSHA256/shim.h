// The compression function of SHA-256 with the processor's own instructions. Swift has no functions for a single
// instruction set extension, and no intrinsics for this one.
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static inline int rtedit_has_sha_instructions(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

// Adds whole blocks of 64 bytes to the state a … h. The instructions want it as (a, b, e, f) and (c, d, g, h), highest
// word first, do two rounds at a time and make four words of the message schedule from the sixteen before.
__attribute__((target("sha,ssse3,sse4.1"))) static inline void rtedit_sha256_add_blocks(
    uint32_t *state, const void *data, size_t blocks, const uint32_t *constants) {
    const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
    const __m128i *message = (const __m128i *)data;
    for (; blocks > 0; blocks--, message += 4) {
        const __m128i abefBefore = abef, cdghBefore = cdgh;
        __m128i words[4];
#pragma clang loop unroll(full)
        for (int step = 0; step < 16; step++) {
            __m128i *next = &words[step % 4];
            if (step < 4) {
                *next = _mm_shuffle_epi8(_mm_loadu_si128(message + step), bigEndian);
            } else {
                const __m128i last = words[(step + 3) % 4];
                const __m128i seventhLast = _mm_alignr_epi8(last, words[(step + 2) % 4], 4);
                const __m128i sum = _mm_sha256msg1_epu32(*next, words[(step + 1) % 4]);
                *next = _mm_sha256msg2_epu32(_mm_add_epi32(sum, seventhLast), last);
            }
            const __m128i input =
                _mm_add_epi32(*next, _mm_loadu_si128((const __m128i *)(constants + 4 * step)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(input, 0x0e));
        }
        abef = _mm_add_epi32(abef, abefBefore);
        cdgh = _mm_add_epi32(cdgh, cdghBefore);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#else
static inline int rtedit_has_sha_instructions(void) { return 0; }
static inline void rtedit_sha256_add_blocks(
    uint32_t *state, const void *data, size_t blocks, const uint32_t *constants) {}
#endif
