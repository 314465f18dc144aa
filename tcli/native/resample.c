/* Results that are a few numbers of the input each along one dim, as when images are resized.

   Ahead of the last dim whole rows are added up, each times its weight. In the last dim results are taken by vectors, whose
   numbers the processor gathers. The places and weights of all results lie by taps: those of the first tap of each result,
   then those of the second, ...; place -1 is no tap. One with weight 0 is: it gives nan where it meets an infinity. */
#include "native.h"

#include <string.h>

#define WORK 32768 /* multiplications of a block */

typedef struct {
    const void *x, *weights;
    const int32_t *places;
    void *y;
    isize outer, taps, from, to, inner; /* x is (outer, from, inner), y (outer, to, inner) */
    isize per_block;                    /* of the outer dim */
    bool whole;                         /* every place is a tap */
} Resampled;

#define TAP(T)                                                                                               \
    INLINE T tap_##T(T sum, T w, const T *x, int32_t place) {                                                \
        const T more = sum + w * x[place < 0 ? 0 : place];                                                   \
        return place < 0 ? sum : more;                                                                       \
    }
TAP(float)
TAP(double)

#define RESAMPLE(T)                                                                                          \
    static void add_rows_##T(const Resampled *r, const T *x, T *y) {                                         \
        for (isize i = 0; i < r->to; i++, y += r->inner)                                                     \
            for (isize k = 0; k < r->taps; k++) {                                                            \
                const int32_t place = r->places[k * r->to + i];                                              \
                const T w = ((const T *)r->weights)[k * r->to + i];                                          \
                const T *RESTRICT from = x + max_of(place, 0) * r->inner;                                    \
                T *RESTRICT to = y;                                                                          \
                if (!k && place < 0) memset(to, 0, r->inner * sizeof(T));                                    \
                else if (!k) { SIMD for (isize j = 0; j < r->inner; j++) to[j] = w * from[j]; }              \
                else if (place >= 0) { SIMD for (isize j = 0; j < r->inner; j++) to[j] += w * from[j]; }     \
            }                                                                                                \
    }                                                                                                        \
    static void gather_##T(const Resampled *r, const T *RESTRICT x, T *RESTRICT y) {                         \
        for (isize k = 0; k < r->taps; k++) {                                                                \
            const T *RESTRICT w = (const T *)r->weights + k * r->to;                                         \
            const int32_t *RESTRICT at = r->places + k * r->to;                                              \
            if (!k && r->whole) { SIMD for (isize j = 0; j < r->to; j++) y[j] = w[j] * x[at[j]]; }           \
            else if (r->whole) { SIMD for (isize j = 0; j < r->to; j++) y[j] += w[j] * x[at[j]]; }           \
            else { SIMD for (isize j = 0; j < r->to; j++) y[j] = tap_##T(k ? y[j] : (T)-0.0, w[j], x, at[j]); }\
        }                                                                                                    \
    }                                                                                                        \
    static void gather_pairs_##T(const Resampled *r, const T *RESTRICT x, T *RESTRICT y) {                   \
        const T *RESTRICT w = r->weights, *RESTRICT v = w + r->to;                                           \
        const int32_t *RESTRICT at = r->places, *RESTRICT next = at + r->to;                                 \
        SIMD for (isize j = 0; j < r->to; j++) y[j] = w[j] * x[at[j]] + v[j] * x[next[j]];                   \
    }                                                                                                        \
    static void resample_##T(void *context, isize block) {                                                   \
        const Resampled *r = context;                                                                        \
        for (isize i = block * r->per_block; i < min_of(r->outer, (block + 1) * r->per_block); i++) {        \
            const T *x = (const T *)r->x + i * r->from * r->inner;                                           \
            T *y = (T *)r->y + i * r->to * r->inner;                                                         \
            if (r->inner > 1) add_rows_##T(r, x, y);                                                         \
            else if (r->taps == 2 && r->whole) gather_pairs_##T(r, x, y);                                                \
            else gather_##T(r, x, y);                                                                        \
        }                                                                                                    \
    }
RESAMPLE(float)
RESAMPLE(double)

static bool all_inside(const int32_t *places, isize count, isize n, bool *whole) {
    *whole = true;
    for (isize i = 0; i < count; i++) {
        if (places[i] < -1 || places[i] >= n) return false;
        *whole &= places[i] >= 0;
    }
    return true;
}

/* (y, x, dim, places, weights): x and y alike but along `dim`; places (taps, results) int32, weights of their dtype likewise. */
static PyObject *resample(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *x = n == 5 ? flat_array(args[1]) : NULL;
    int type = x ? PyArray_TYPE(x) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) Py_RETURN_FALSE;
    PyArrayObject *y = output_of(args[0], type), *places = flat_of(args[3], NPY_INT32), *weights = flat_of(args[4], type);
    isize dim = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred()) return NULL;
    if (!y || !places || !weights || PyArray_NDIM(y) != PyArray_NDIM(x) || dim < 0 || dim >= PyArray_NDIM(x) || touches(x, y))
        Py_RETURN_FALSE;
    if (PyArray_NDIM(places) != 2 || !PyArray_SAMESHAPE(places, weights) || PyArray_DIM(places, 1) != PyArray_DIM(y, dim) ||
        !PyArray_DIM(places, 0) || touches(places, y) || touches(weights, y))
        Py_RETURN_FALSE;
    Resampled r = {.x = PyArray_DATA(x), .weights = PyArray_DATA(weights), .places = PyArray_DATA(places), .y = PyArray_DATA(y),
                   .outer = 1, .taps = PyArray_DIM(places, 0), .from = PyArray_DIM(x, dim), .to = PyArray_DIM(y, dim), .inner = 1};
    for (int d = 0; d < PyArray_NDIM(x); d++) {
        if (d == dim) continue;
        if (PyArray_DIM(x, d) != PyArray_DIM(y, d)) Py_RETURN_FALSE;
        *(d < dim ? &r.outer : &r.inner) *= PyArray_DIM(x, d);
    }
    if (!all_inside(r.places, PyArray_SIZE(places), r.from, &r.whole)) Py_RETURN_FALSE;
    if (!PyArray_SIZE(y)) Py_RETURN_TRUE;
    r.per_block = blocks_of(WORK, r.taps * r.to * r.inner);
    Py_BEGIN_ALLOW_THREADS
    run_blocks(type == NPY_FLOAT32 ? resample_float : resample_double, &r, blocks_of(r.outer, r.per_block));
    Py_END_ALLOW_THREADS
    Py_RETURN_TRUE;
}

PyMethodDef resample_methods[] = {
    KERNEL(resample, "resample(y, x, dim, places, weights): y = the sums over taps of weights times x at places along a dim."),
    {0},
};
