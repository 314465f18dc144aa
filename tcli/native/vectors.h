/* Vectors of floats and doubles as wide as the processor has them, and copies between places that need not be aligned.

   Kernels that exist for float and for double are written once, in a header that is included twice: with T defined as
   one of the two, N(name) is name_float or name_double, and N(vec) the vector of T. */
#ifndef TCLI_VECTORS_H
#define TCLI_VECTORS_H

#include "native.h"
#include <string.h>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#if defined(__AVX512F__) || defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif

#define N_JOINED(name, type) name##_##type
#define N_OF(name, type) N_JOINED(name, type)
#define N(name) N_OF(name, T)
#define WIDTH ((isize)(VECTOR_BYTES / sizeof(T))) /* numbers in a vector */
#define UNROLL _Pragma("GCC unroll 16")

/* Every other number of two vectors. */
#if VECTOR_BYTES == 64
#define EVEN_float 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define EVEN_double 0, 2, 4, 6, 8, 10, 12, 14
#elif VECTOR_BYTES == 32
#define EVEN_float 0, 2, 4, 6, 8, 10, 12, 14
#define EVEN_double 0, 2, 4, 6
#else
#define EVEN_float 0, 2, 4, 6
#define EVEN_double 0, 2
#endif

#define VECTOR(T, I)                                                                                              \
    typedef T vec_##T __attribute__((vector_size(VECTOR_BYTES)));                                                 \
    typedef T loose_##T __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));                \
    typedef I bits_##T __attribute__((vector_size(VECTOR_BYTES)));                                                \
    typedef I bit_##T; /* a whole number as large as T */                                                         \
    typedef I loose_bits_##T __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));           \
    INLINE bits_##T load_bits_##T(const I *p) { return *(const loose_bits_##T *)p; }                              \
    INLINE void store_bits_##T(I *p, bits_##T v) { *(loose_bits_##T *)p = v; }                                    \
    /* a where the bits of m are set, b elsewhere */                                                              \
    INLINE bits_##T choose_bits_##T(bits_##T m, bits_##T a, bits_##T b) { return (m & a) | (~m & b); }            \
    INLINE vec_##T choose_##T(bits_##T m, vec_##T a, vec_##T b) {                                                 \
        return (vec_##T)((m & (bits_##T)a) | (~m & (bits_##T)b));                                                 \
    }                                                                                                             \
    INLINE vec_##T every_##T(T x) { return x - (vec_##T){0}; /* the compiler sees that nothing is subtracted */ }  \
    INLINE vec_##T load_##T(const T *p) { return *(const loose_##T *)p; }                                         \
    INLINE void store_##T(T *p, vec_##T v) { *(loose_##T *)p = v; }                                               \
    INLINE void copy_##T(T *RESTRICT to, const T *RESTRICT from, isize n) {                                       \
        const isize width = VECTOR_BYTES / sizeof(T);                                                             \
        isize i = 0;                                                                                              \
        if (n >= width) {                                                                                         \
            for (; i + width <= n; i += width) store_##T(to + i, load_##T(from + i));                             \
            if (i < n) store_##T(to + n - width, load_##T(from + n - width));                                     \
            return;                                                                                               \
        }                                                                                                         \
        for (isize part = width / 2; part; part /= 2)                                                             \
            if (n & part) {                                                                                       \
                memcpy(to + i, from + i, part * sizeof(T));                                                       \
                i += part;                                                                                        \
            }                                                                                                     \
    }
VECTOR(float, int32_t)
VECTOR(double, int64_t)

/* ---------------------------------------------------------------- memory of a thread (scratch.c) */

/* At least `bytes` of memory of this thread, aligned to cache lines, valid until its next call; NULL where there is none.
   It is kept for the next call, so that a kernel does not pay for fresh pages every time. */
void *scratch(isize bytes);

#endif
