/* The sigmoid, the hyperbolic tangent and gelu in a form that compilers turn into vectors: the first two within 2.5 units in
   the last place. */
#ifndef TCLI_CURVES_H
#define TCLI_CURVES_H

#include "exp.h"

/* Above -89 and up to 87 one power of two will do, and beyond them it is infinite, or too small to change anything. */
INLINE float sigmoid_float(float x) {
    float y = -x;
    y = y < -87.0f ? -87.0f : y;
    y = y > 89.0f ? 89.0f : y;
    int32_t n;
    float p = exp_and_power_float(y, &n);
    return 1 / (1 + p * power_of_two_float(n));
}

INLINE double sigmoid_double(double x) { return 1 / (1 + exp_double(-x)); }

/* m / (m + 2) for m = exp(2 |x|) - 1, which has all its digits near zero too: 2 ** n * (exp(r) - 1) + (2 ** n - 1). From 9.5 on
   the quotient is 1. */
INLINE float tanh_float(float x) {
    float a = __builtin_fabsf(x);
    a = a > 9.5f ? 9.5f : a;
    union { float value; int32_t bits; } t = {a * 2.88539008f + 12582912.0f};
    float k = t.value - 12582912.0f, power = power_of_two_float(t.bits - 0x4B400000);
    float r = 2 * a - k * 0.693145752f;
    r = r - k * 1.42860677e-6f;
    float p = 1.9891080e-4f;
    p = p * r + 1.3933731e-3f;
    p = p * r + 8.3333108e-3f;
    p = p * r + 4.1666464e-2f;
    p = p * r + 1.6666667e-1f;
    p = p * r + 0.5f;
    float m = power * (p * (r * r) + r) + (power - 1);
    return __builtin_copysignf(m / (m + 2), x);
}

/* Near zero, where 1 - exp(-2 x) would lose digits, a quotient of polynomials in x * x. */
INLINE double tanh_double(double x) {
    double a = x < 0 ? -x : x, z = x * x, e = exp_double(-2 * a), far = (1 - e) / (1 + e);
    double p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
    double q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
    double near = x + x * z * (p / q);
    far = x < 0 ? -far : far;
    return a < 0.625 ? near : x != x ? x : far;
}

/* What gelu and its slope are made of. For a = |x|, a normal number is below -a with probability bell * ratio: exp(-a * a / 2)
   times a quotient of polynomials in a (to 5e-9 of it; 4e-7 in this arithmetic). Beyond 13 nothing is left of it. */
typedef struct {
    float bell, tail;
} Normal;

INLINE Normal normal_of(float x) {
    float a = __builtin_fabsf(x);
    a = a > 13.0f ? 13.0f : a;
    float y = a * a * -0.72134752f; /* the exponent of 2 */
    union { float value; int32_t bits; } t = {y + 12582912.0f}, e;
    float f = y - (t.value - 12582912.0f);
    e.value = 1.535336188e-4f;
    e.value = e.value * f + 1.339887440e-3f;
    e.value = e.value * f + 9.618437357e-3f;
    e.value = e.value * f + 5.550332471e-2f;
    e.value = e.value * f + 2.402264791e-1f;
    e.value = e.value * f + 6.931472028e-1f;
    e.value = e.value * f + 1.0f;
    e.bits = (int32_t)((uint32_t)e.bits + ((uint32_t)t.bits << 23));
    float bell = a >= 13.0f ? 0.0f : e.value;
    float p = 3.9943002e-3f, q = 1.0012072e-2f;
    p = p * a + 3.9808422e-2f;
    p = p * a + 1.8078293e-1f;
    p = p * a + 4.3497478e-1f;
    p = p * a + 0.5f;
    q = q * a + 9.9792553e-2f;
    q = q * a + 4.6299794e-1f;
    q = q * a + 1.1923013f;
    q = q * a + 1.6678345f;
    q = q * a + 1.0f;
    return (Normal){bell, bell * (p / q)};
}

/* x times the probability that a normal number is below x. */
INLINE float gelu_float(float x) {
    float a = __builtin_fabsf(x), tail = normal_of(x).tail;
    return (x > 0 ? x : x * 0.0f) - (a > 13.0f ? 13.0f : a) * tail;
}

INLINE float gelu_slope_float(float x) {
    Normal n = normal_of(x);
    return (x > 0 ? 1 - n.tail : n.tail) + x * (n.bell * 0.39894228f);
}

#endif
