/* The sigmoid and the hyperbolic tangent in a form that compilers turn into vectors: within 2 units in the last place. */
#ifndef TCLI_CURVES_H
#define TCLI_CURVES_H

#include "exp.h"

INLINE float sigmoid_float(float x) { return 1 / (1 + exp_float(-x)); }
INLINE double sigmoid_double(double x) { return 1 / (1 + exp_double(-x)); }

/* Near zero, where 1 - exp(-2 x) would lose digits, a polynomial in x * x. */
INLINE float tanh_float(float x) {
    float a = x < 0 ? -x : x, z = x * x, e = exp_float(-2 * a), far = (1 - e) / (1 + e);
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float near = p * z * x + x;
    far = x < 0 ? -far : far;
    return a < 0.625f ? near : x != x ? x : far;
}

INLINE double tanh_double(double x) {
    double a = x < 0 ? -x : x, z = x * x, e = exp_double(-2 * a), far = (1 - e) / (1 + e);
    double p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
    double q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
    double near = x + x * z * (p / q);
    far = x < 0 ? -far : far;
    return a < 0.625 ? near : x != x ? x : far;
}

#endif
