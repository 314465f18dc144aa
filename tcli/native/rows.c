/* Softmax and its logarithm along rows, forward and backward, and sums of exponentials.

   A row is read from memory once and then found in the cache by the passes that follow: its maximum, the exponentials and
   their sum in lanes, the division. Threads share blocks of whole rows. */
#include "exp.h"
#include "vectors.h"

#include <math.h>

#define WORK 16384 /* numbers of a block */
#define PIECE 2048 /* numbers that are added up in their own precision */

enum { SOFTMAX, LOG_SOFTMAX };

typedef struct {
    const void *x, *g;
    void *out;
    void *top, *total; /* of each row, where they are wanted */
    isize rows, n, step;
    bool log;
} Rows;

#define SIMD_MAX(s) SIMD_REDUCE(omp simd reduction(max : s))

/* Adds up a row in pieces: LOOP adds numbers `start` to `stop` to `part`, of type T, and parts are added up in double precision. */
#define PIECES(LOOP, T)                                     \
    for (isize start = 0; start < n; start += PIECE) {      \
        isize stop = min_of(start + PIECE, n);              \
        T part = 0;                                         \
        LOOP                                                \
        total += part;                                      \
    }

#define ROW_FUNCTIONS(T, LOG)                                                                        \
    static T top_of_##T(const T *x, isize n) {                                                       \
        T top = -INFINITY;                                                                           \
        SIMD_MAX(top) for (isize i = 0; i < n; i++) top = x[i] > top ? x[i] : top;                   \
        return top;                                                                                  \
    }                                                                                                \
    static T sum_of_exp_##T(const T *x, isize n, T top) {                                            \
        double total = 0;                                                                            \
        PIECES(SIMD_SUM(part) for (isize i = start; i < stop; i++) part += exp_below_##T(x[i] - top);, T)  \
        return (T)total;                                                                             \
    }                                                                                                \
    static void softmax_row_##T(const T *x, T *out, isize n) {                                       \
        T top = top_of_##T(x, n), by;                                                                \
        double total = 0;                                                                            \
        PIECES(SIMD_SUM(part) for (isize i = start; i < stop; i++) {                                 \
            T e = exp_below_##T(x[i] - top);                                                             \
            out[i] = e;                                                                              \
            part += e;                                                                               \
        }, T)                                                                                        \
        by = (T)(1 / total);                                                                         \
        SIMD for (isize i = 0; i < n; i++) out[i] *= by;                                             \
    }                                                                                                \
    static void log_softmax_row_##T(const T *x, T *out, isize n) {                                   \
        T top = top_of_##T(x, n), total = LOG(sum_of_exp_##T(x, n, top));                            \
        SIMD for (isize i = 0; i < n; i++) out[i] = x[i] - top - total;                              \
    }                                                                                                \
    static void softmax_back_row_##T(const T *g, const T *y, T *out, isize n) {                      \
        double total = 0;                                                                            \
        PIECES(SIMD_SUM(part) for (isize i = start; i < stop; i++) part += g[i] * y[i];, T)          \
        T away = (T)total;                                                                           \
        SIMD for (isize i = 0; i < n; i++) out[i] = (g[i] - away) * y[i];                            \
    }                                                                                                \
    static void log_softmax_back_row_##T(const T *g, const T *y, T *out, isize n) {                  \
        double total = 0;                                                                            \
        PIECES(SIMD_SUM(part) for (isize i = start; i < stop; i++) part += g[i];, T)                 \
        T away = (T)total;                                                                           \
        SIMD for (isize i = 0; i < n; i++) out[i] = g[i] - exp_##T(y[i]) * away;                     \
    }                                                                                                \
    static void forward_##T(void *context, isize block) {                                            \
        const Rows *r = context;                                                                     \
        for (isize i = block * r->step, stop = min_of(i + r->step, r->rows); i < stop; i++) {        \
            const T *x = (const T *)r->x + i * r->n;                                                 \
            T *out = (T *)r->out + i * r->n;                                                         \
            if (r->log) log_softmax_row_##T(x, out, r->n);                                           \
            else softmax_row_##T(x, out, r->n);                                                      \
        }                                                                                            \
    }                                                                                                \
    static void backward_##T(void *context, isize block) {                                           \
        const Rows *r = context;                                                                     \
        for (isize i = block * r->step, stop = min_of(i + r->step, r->rows); i < stop; i++) {        \
            const T *g = (const T *)r->g + i * r->n, *y = (const T *)r->x + i * r->n;                \
            T *out = (T *)r->out + i * r->n;                                                         \
            if (r->log) log_softmax_back_row_##T(g, y, out, r->n);                                   \
            else softmax_back_row_##T(g, y, out, r->n);                                              \
        }                                                                                            \
    }                                                                                                \
    static void sums_##T(void *context, isize block) {                                               \
        const Rows *r = context;                                                                     \
        for (isize i = block * r->step, stop = min_of(i + r->step, r->rows); i < stop; i++) {        \
            const T *x = (const T *)r->x + i * r->n;                                                 \
            T top = top_of_##T(x, r->n);                                                             \
            ((T *)r->top)[i] = top;                                                                  \
            ((T *)r->total)[i] = sum_of_exp_##T(x, r->n, top);                                       \
        }                                                                                            \
    }
ROW_FUNCTIONS(float, logf)
ROW_FUNCTIONS(double, log)

/* exp(x - top) * by, where each row has a top and a factor. */
#define SCALED(T)                                                                                    \
    static void scaled_##T(void *context, isize block) {                                             \
        const Rows *r = context;                                                                     \
        for (isize i = block * r->step, stop = min_of(i + r->step, r->rows); i < stop; i++) {        \
            const T *x = (const T *)r->x + i * r->n;                                                 \
            T *out = (T *)r->out + i * r->n, top = ((T *)r->top)[i], by = ((T *)r->total)[i];        \
            SIMD for (isize j = 0; j < r->n; j++) out[j] = exp_##T(x[j] - top) * by;                 \
        }                                                                                            \
    }
SCALED(float)
SCALED(double)

/* `alone`: in this thread only, for callers that have threads of their own. */
static void run_rows(block_fn fn, Rows *r, bool alone) {
    r->step = max_of(1, WORK / r->n);
    isize blocks = blocks_of(r->rows, r->step);
    if (r->rows * r->n <= 512)
        for (isize i = 0; i < blocks; i++) fn(r, i);
    else {
        Py_BEGIN_ALLOW_THREADS
        if (alone)
            for (isize i = 0; i < blocks; i++) fn(r, i);
        else
            run_blocks(fn, r, blocks);
        Py_END_ALLOW_THREADS
    }
}

/* Whether `x` is a flat array of floats of whole rows of `n`. */
static bool take_rows(PyArrayObject *x, PyObject *n, Rows *r) {
    int type = x ? PyArray_TYPE(x) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) return false;
    r->n = PyLong_AsSsize_t(n);
    if (r->n < 1 || PyArray_SIZE(x) % r->n) return false;
    r->x = PyArray_DATA(x), r->rows = PyArray_SIZE(x) / r->n;
    return true;
}

static bool truth(PyObject *o) { return o == Py_True; }

PyObject *softmax(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r = {0};
    PyArrayObject *x = count == 5 ? flat_array(args[0]) : NULL;
    bool taken = take_rows(x, count == 5 ? args[2] : NULL, &r);
    if (PyErr_Occurred()) return NULL;
    PyArrayObject *out = taken ? output_of(args[1], PyArray_TYPE(x)) : NULL;
    if (!out || PyArray_SIZE(out) != PyArray_SIZE(x)) Py_RETURN_FALSE;
    r.out = PyArray_DATA(out), r.log = truth(args[3]);
    run_rows(PyArray_TYPE(x) == NPY_FLOAT32 ? forward_float : forward_double, &r, truth(args[4]));
    Py_RETURN_TRUE;
}

static PyObject *softmax_backward(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r = {0};
    PyArrayObject *y = count == 6 ? flat_array(args[1]) : NULL;
    bool taken = take_rows(y, count == 6 ? args[3] : NULL, &r);
    if (PyErr_Occurred()) return NULL;
    PyArrayObject *g = taken ? flat_of(args[0], PyArray_TYPE(y)) : NULL;
    PyArrayObject *out = taken ? output_of(args[2], PyArray_TYPE(y)) : NULL;
    if (!g || !out || PyArray_SIZE(g) != PyArray_SIZE(y) || PyArray_SIZE(out) != PyArray_SIZE(y)) Py_RETURN_FALSE;
    r.g = PyArray_DATA(g), r.out = PyArray_DATA(out), r.log = truth(args[4]);
    run_rows(PyArray_TYPE(y) == NPY_FLOAT32 ? backward_float : backward_double, &r, truth(args[5]));
    Py_RETURN_TRUE;
}

static PyObject *exponential_sums(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r = {0};
    PyArrayObject *x = count == 4 ? flat_array(args[0]) : NULL;
    bool taken = take_rows(x, count == 4 ? args[3] : NULL, &r);
    if (PyErr_Occurred()) return NULL;
    PyArrayObject *top = taken ? output_of(args[1], PyArray_TYPE(x)) : NULL;
    PyArrayObject *total = taken ? output_of(args[2], PyArray_TYPE(x)) : NULL;
    if (!top || !total || PyArray_SIZE(top) != r.rows || PyArray_SIZE(total) != r.rows) Py_RETURN_FALSE;
    r.top = PyArray_DATA(top), r.total = PyArray_DATA(total);
    run_rows(PyArray_TYPE(x) == NPY_FLOAT32 ? sums_float : sums_double, &r, false);
    Py_RETURN_TRUE;
}

static PyObject *scaled_exponentials(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r = {0};
    PyArrayObject *x = count == 5 ? flat_array(args[0]) : NULL;
    bool taken = take_rows(x, count == 5 ? args[4] : NULL, &r);
    if (PyErr_Occurred()) return NULL;
    PyArrayObject *top = taken ? flat_of(args[1], PyArray_TYPE(x)) : NULL;
    PyArrayObject *by = taken ? flat_of(args[2], PyArray_TYPE(x)) : NULL;
    PyArrayObject *out = taken ? output_of(args[3], PyArray_TYPE(x)) : NULL;
    if (!top || !by || !out || PyArray_SIZE(top) != r.rows || PyArray_SIZE(by) != r.rows || PyArray_SIZE(out) != PyArray_SIZE(x))
        Py_RETURN_FALSE;
    r.top = PyArray_DATA(top), r.total = PyArray_DATA(by), r.out = PyArray_DATA(out);
    run_rows(PyArray_TYPE(x) == NPY_FLOAT32 ? scaled_float : scaled_double, &r, false);
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- cross entropy of a small matrix, without weights */

/* (x, target, n) as rows and int64 places in them, all of which exist; else NULL. */
static const int64_t *take_targets(PyArrayObject *x, PyObject *target, PyObject *n, Rows *r) {
    PyArrayObject *t = x && take_rows(x, n, r) ? flat_of(target, NPY_INT64) : NULL;
    if (!t || !r->rows || PyArray_SIZE(t) != r->rows) return NULL;
    const int64_t *places = PyArray_DATA(t);
    for (isize i = 0; i < r->rows; i++)
        if (places[i] < 0 || places[i] >= r->n) return NULL;
    return places;
}

#define T float
#include "rows_short.h"
#undef T
#define T double
#include "rows_short.h"
#undef T

#define CROSS_ENTROPY(T)                                                                             \
    static T mean_loss_##T(const T *x, const int64_t *target, isize rows, isize n) {                 \
        T loss = 0;                                                                                  \
        if (n <= (isize)(VECTOR_BYTES / sizeof(T))) loss = short_losses_##T(x, target, rows, n);     \
        else                                                                                         \
            for (isize i = 0; i < rows; i++, x += n) {                                               \
                T top = top_of_##T(x, n);                                                            \
                loss += log_##T(sum_of_exp_##T(x, n, top)) - (x[target[i]] - top);                   \
            }                                                                                        \
        return loss / (T)rows;                                                                       \
    }                                                                                                \
    static void mean_loss_gradient_##T(const T *x, const int64_t *target, isize rows, isize n, T g, T *out) { \
        if (n <= (isize)(VECTOR_BYTES / sizeof(T))) {                                                \
            short_gradients_##T(x, target, rows, n, g / (T)rows, out);                               \
            return;                                                                                  \
        }                                                                                            \
        for (isize i = 0; i < rows; i++, x += n, out += n) {                                         \
            softmax_row_##T(x, out, n);                                                              \
            out[target[i]] -= 1;                                                                     \
            for (isize j = 0; j < n; j++) out[j] *= g / (T)rows;                                     \
        }                                                                                            \
    }
CROSS_ENTROPY(float)
CROSS_ENTROPY(double)

static PyObject *cross_entropy(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r = {0};
    PyArrayObject *x = count == 4 ? flat_array(args[0]) : NULL;
    const int64_t *target = x ? take_targets(x, args[1], args[3], &r) : NULL;
    if (PyErr_Occurred()) return NULL;
    PyArrayObject *out = target ? output_of(args[2], PyArray_TYPE(x)) : NULL;
    if (!out || PyArray_SIZE(out) != 1) Py_RETURN_FALSE;
    if (PyArray_TYPE(x) == NPY_FLOAT32) *(float *)PyArray_DATA(out) = mean_loss_float(r.x, target, r.rows, r.n);
    else *(double *)PyArray_DATA(out) = mean_loss_double(r.x, target, r.rows, r.n);
    Py_RETURN_TRUE;
}

static PyObject *cross_entropy_backward(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r = {0};
    PyArrayObject *x = count == 5 ? flat_array(args[1]) : NULL;
    const int64_t *target = x ? take_targets(x, args[2], args[4], &r) : NULL;
    if (PyErr_Occurred()) return NULL;
    PyArrayObject *out = target ? output_of(args[3], PyArray_TYPE(x)) : NULL;
    PyArrayObject *g = target ? flat_of(args[0], PyArray_TYPE(x)) : NULL;
    if (!out || !g || PyArray_SIZE(g) != 1 || PyArray_SIZE(out) != PyArray_SIZE(x)) Py_RETURN_FALSE;
    if (PyArray_TYPE(x) == NPY_FLOAT32)
        mean_loss_gradient_float(r.x, target, r.rows, r.n, *(float *)PyArray_DATA(g), PyArray_DATA(out));
    else
        mean_loss_gradient_double(r.x, target, r.rows, r.n, *(double *)PyArray_DATA(g), PyArray_DATA(out));
    Py_RETURN_TRUE;
}

PyMethodDef rows_methods[] = {
    KERNEL(softmax, "softmax(x, out, n, log, alone): softmax of rows of n, or its logarithm; alone: in one thread."),
    KERNEL(softmax_backward, "softmax_backward(g, y, out, n, log, alone): the gradient of what gave y."),
    KERNEL(exponential_sums, "exponential_sums(x, top, total, n): of each row the maximum, and the sum of exp(x - top)."),
    KERNEL(scaled_exponentials, "scaled_exponentials(x, top, by, out, n): exp(x - top) * by, with a top and a by for each row."),
    KERNEL(cross_entropy, "cross_entropy(x, target, out, n): the mean cross entropy of rows of n, in one thread."),
    KERNEL(cross_entropy_backward, "cross_entropy_backward(g, x, target, out, n): its gradient, in one thread."),
    {0},
};
