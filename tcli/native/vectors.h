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

/* Every other number of two vectors, and the two merged number by number. */
#if VECTOR_BYTES == 64
#define EVEN_float 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_float 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define ZIP_LOW_float 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH_float 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define EVEN_double EVEN_8
#define ODD_double ODD_8
#define ZIP_LOW_double ZIP_LOW_8
#define ZIP_HIGH_double ZIP_HIGH_8
#elif VECTOR_BYTES == 32
#define EVEN_float EVEN_8
#define ODD_float ODD_8
#define ZIP_LOW_float ZIP_LOW_8
#define ZIP_HIGH_float ZIP_HIGH_8
#define EVEN_double EVEN_4
#define ODD_double ODD_4
#define ZIP_LOW_double ZIP_LOW_4
#define ZIP_HIGH_double ZIP_HIGH_4
#else
#define EVEN_float EVEN_4
#define ODD_float ODD_4
#define ZIP_LOW_float ZIP_LOW_4
#define ZIP_HIGH_float ZIP_HIGH_4
#define EVEN_double 0, 2
#define ODD_double 1, 3
#define ZIP_LOW_double 0, 2
#define ZIP_HIGH_double 1, 3
#endif
#define EVEN_8 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_8 1, 3, 5, 7, 9, 11, 13, 15
#define ZIP_LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define EVEN_4 0, 2, 4, 6
#define ODD_4 1, 3, 5, 7
#define ZIP_LOW_4 0, 4, 1, 5
#define ZIP_HIGH_4 2, 6, 3, 7

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
