/* Steps of optimisers: one pass over a parameter, its gradient and what the optimiser keeps beside them.

   The operations are those of the kernels in tcli/optim, in their order and each rounded, so that results are the same to the
   last bit: multiplications and additions are not contracted. */
#include "native.h"

#include <math.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#define BLOCK 32768

typedef struct {
    void *p, *m, *v, *largest;
    const void *g;
    isize n;
    double lr, decay, momentum, share, beta1, beta2, correction, eps, shrink;
    bool maximize, nesterov, fresh;
} Step;

/* The gradient to follow. */
#define DIRECTION(T) \
    T d = maximize ? -g[i] : g[i]; \
    if (decay != 0) d = d + p[i] * decay;

#define STEPS(T, SQRT)                                                                                   \
    static void sgd_##T(void *context, isize block) {                                                    \
        const Step *s = context;                                                                         \
        T *RESTRICT p = s->p, *RESTRICT m = s->m;                                                        \
        const T *RESTRICT g = s->g;                                                                      \
        const T lr = (T)-s->lr, decay = (T)s->decay, momentum = (T)s->momentum, share = (T)s->share;     \
        const bool maximize = s->maximize, nesterov = s->nesterov, fresh = s->fresh;                     \
        isize start = block * BLOCK, stop = min_of(start + BLOCK, s->n);                                 \
        if (!m) {                                                                                        \
            SIMD for (isize i = start; i < stop; i++) {                                                  \
                DIRECTION(T)                                                                             \
                p[i] = p[i] + d * lr;                                                                    \
            }                                                                                            \
            return;                                                                                      \
        }                                                                                                \
        SIMD for (isize i = start; i < stop; i++) {                                                      \
            DIRECTION(T)                                                                                 \
            T b = fresh ? d : m[i] * momentum + d * share;                                               \
            m[i] = b;                                                                                    \
            if (nesterov) b = d + b * momentum;                                                          \
            p[i] = p[i] + b * lr;                                                                        \
        }                                                                                                \
    }                                                                                                    \
    INLINE void adam_range_##T(const Step *s, isize start, isize stop, const bool amsgrad) {             \
        T *RESTRICT p = s->p, *RESTRICT m = s->m, *RESTRICT v = s->v, *RESTRICT largest = s->largest;    \
        const T *RESTRICT g = s->g;                                                                      \
        const T lr = (T)-s->lr, decay = (T)s->decay, eps = (T)s->eps, correction = (T)s->correction;     \
        const T shrink = (T)s->shrink, beta2 = (T)s->beta2, rest = (T)(1 - s->beta2);                    \
        const double weight = 1 - s->beta1;                                                              \
        const bool near = weight < 0.5, maximize = s->maximize;                                          \
        const T by = (T)(near ? weight : 1 - weight);                                                    \
        SIMD for (isize i = start; i < stop; i++) {                                                      \
            p[i] = p[i] * shrink;                                                                        \
            DIRECTION(T)                                                                                 \
            T step = (d - m[i]) * by;                                                                    \
            m[i] = near ? m[i] + step : d - step;                                                        \
            T square = v[i] * beta2 + d * rest * d;                                                      \
            v[i] = square;                                                                               \
            if (amsgrad) {                                                                               \
                T top = largest[i];                                                                      \
                square = ((top > square) | (top != top)) ? top : square;                                   \
                largest[i] = square;                                                                     \
            }                                                                                            \
            p[i] = p[i] + m[i] * lr / (SQRT(square) / correction + eps);                                 \
        }                                                                                                \
    }                                                                                                    \
    static void adam_##T(void *context, isize block) {                                                   \
        const Step *s = context;                                                                         \
        isize start = block * BLOCK, stop = min_of(start + BLOCK, s->n);                                 \
        if (s->largest) adam_range_##T(s, start, stop, true);                                            \
        else adam_range_##T(s, start, stop, false);                                                      \
    }
STEPS(float, sqrtf)
STEPS(double, sqrt)

/* Whether `arrays` (parameter, gradient, state ...) are flat, of one size and float type, all but the gradient writeable, and
   do not share memory with each other's ends; their memory goes to `places`. None is NULL where it is not one of the first two. */
static int take(PyObject *const *arrays, int count, isize *n, void **places) {
    PyArrayObject *p = flat_array(arrays[0]);
    int type = p ? PyArray_TYPE(p) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) return -1;
    *n = PyArray_SIZE(p);
    for (int i = 0; i < count; i++) {
        places[i] = NULL;
        if (i > 1 && arrays[i] == Py_None) continue;
        PyArrayObject *a = i == 1 ? flat_of(arrays[i], type) : output_of(arrays[i], type);
        if (!a || PyArray_SIZE(a) != *n) return -1;
        places[i] = PyArray_DATA(a);
        isize bytes = *n * PyArray_ITEMSIZE(a);
        for (int j = 0; j < i; j++)
            if (places[j] && (char *)places[i] < (char *)places[j] + bytes && (char *)places[j] < (char *)places[i] + bytes) return -1;
    }
    return type;
}

static void run(block_fn fn, Step *s) {
    isize blocks = blocks_of(s->n, BLOCK);
    if (s->n <= 1024)
        for (isize i = 0; i < blocks; i++) fn(s, i);
    else {
        Py_BEGIN_ALLOW_THREADS
        run_blocks(fn, s, blocks);
        Py_END_ALLOW_THREADS
    }
}

static PyObject *sgd(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count != 10) Py_RETURN_FALSE;
    Step s = {.lr = PyFloat_AsDouble(args[3]), .decay = PyFloat_AsDouble(args[4]), .maximize = PyObject_IsTrue(args[5]) == 1,
              .momentum = PyFloat_AsDouble(args[6]), .share = PyFloat_AsDouble(args[7]),
              .nesterov = PyObject_IsTrue(args[8]) == 1, .fresh = PyObject_IsTrue(args[9]) == 1};
    if (PyErr_Occurred()) return NULL;
    void *places[3];
    int type = take(args, 3, &s.n, places);
    if (type < 0) Py_RETURN_FALSE;
    s.p = places[0], s.g = places[1], s.m = places[2];
    run(type == NPY_FLOAT32 ? sgd_float : sgd_double, &s);
    Py_RETURN_TRUE;
}

static PyObject *adam(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count != 13) Py_RETURN_FALSE;
    Step s = {.beta1 = PyFloat_AsDouble(args[5]), .beta2 = PyFloat_AsDouble(args[6]), .lr = PyFloat_AsDouble(args[7]),
              .correction = PyFloat_AsDouble(args[8]), .eps = PyFloat_AsDouble(args[9]), .decay = PyFloat_AsDouble(args[10]),
              .shrink = PyFloat_AsDouble(args[11]), .maximize = PyObject_IsTrue(args[12]) == 1};
    if (PyErr_Occurred()) return NULL;
    void *places[5];
    int type = take(args, 5, &s.n, places);
    if (type < 0 || !places[2] || !places[3]) Py_RETURN_FALSE;
    s.p = places[0], s.g = places[1], s.m = places[2], s.v = places[3], s.largest = places[4];
    run(type == NPY_FLOAT32 ? adam_float : adam_double, &s);
    Py_RETURN_TRUE;
}

PyMethodDef optim_methods[] = {
    KERNEL(sgd, "sgd(p, g, buffer, lr, decay, maximize, momentum, share, nesterov, fresh): a step; without momentum buffer is None."),
    KERNEL(adam, "adam(p, g, m, v, largest, beta1, beta2, step_size, correction, eps, decay, shrink, maximize): a step of Adam, or "
                 "of AMSGrad where largest is not None."),
    {0},
};
