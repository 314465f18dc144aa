/* The exponential function in a form that compilers turn into vectors: within 1.5 units in the last place.

   exp(x) = 2 ** n * exp(r) where n is x / log(2) rounded, so that r is small and a polynomial gives its exponential.
   Adding 1.5 * 2 ** 23 (or 2 ** 52) rounds, and leaves n in the lowest bits. 2 ** n is made in two halves, for results
   that are no longer normal numbers. */
#ifndef TCLI_EXP_H
#define TCLI_EXP_H

#include "native.h"

INLINE float power_of_two_float(int32_t n) {
    union { int32_t bits; float value; } p = {(int32_t)((uint32_t)(n + 127) << 23)};
    return p.value;
}

INLINE double power_of_two_double(int64_t n) {
    union { int64_t bits; double value; } p = {(int64_t)((uint64_t)(n + 1023) << 52)};
    return p.value;
}

#define log_float logf
#define log_double log

/* exp(x) is what this returns, from 0.7 to 1.5, times 2 ** n. */
INLINE float exp_and_power_float(float x, int32_t *n) {
    union { float value; int32_t bits; } t = {x * 1.44269504f + 12582912.0f};
    float k = t.value - 12582912.0f;
    float r = x - k * 0.693145752f;
    r = r - k * 1.42860677e-6f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    *n = t.bits - 0x4B400000;
    return p * (r * r) + r + 1.0f;
}

INLINE float exp_float(float x) {
    x = x < -110.0f ? -110.0f : x;
    x = x > 90.0f ? 90.0f : x;
    int32_t n;
    float p = exp_and_power_float(x, &n);
    int32_t half = n >> 1;
    return p * power_of_two_float(half) * power_of_two_float(n - half);
}

INLINE double exp_double(double x) {
    x = x < -800.0 ? -800.0 : x;
    x = x > 720.0 ? 720.0 : x;
    union { double value; int64_t bits; } t = {x * 1.4426950408889634 + 6755399441055744.0};
    int64_t n = t.bits - 0x4338000000000000;
    double k = t.value - 6755399441055744.0;
    double r = x - k * 6.93147180369123816490e-1;
    r = r - k * 1.90821492927058770002e-10;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * (r * r) + r + 1.0;
    int64_t half = n >> 1;
    return p * power_of_two_double(half) * power_of_two_double(n - half);
}

/* The same for numbers that are not above 0: one power of two less to make. 2 ** n * 2 ** up is always a normal number. */
INLINE float exp_below_float(float x) {
    int32_t n;
    float p = exp_and_power_float(x < -110.0f ? -110.0f : x, &n);
    return p * power_of_two_float(n + 40) * 9.094947017729282e-13f;
}

INLINE double exp_below_double(double x) { return exp_double(x); }

#endif
