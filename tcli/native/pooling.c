/* Pooling: the largest number of each window and where it is, the mean of each window, and their gradients.

   Work goes plane by plane, in a plane row by row of the result, and over a whole row at a time, which compilers make
   vectors of: first along the rows that a window spans, then along the places in a row. */
#include "vectors.h"

#include <math.h>
#include <stdlib.h>

#define ENOUGH 16384 /* numbers that are worth a block */

/* Windows along one dim: [start, stop) of the input, `count` places in the divisor of a mean. */
typedef struct {
    isize n, m; /* windows; places of the input */
    isize *start, *stop, *count;
} Windows;

typedef struct {
    isize planes, in[3], out[3];
    isize kernel[3], stride[3], low[3], dilation[3]; /* of maxima */
    Windows windows[3];                              /* of means */
    double divisor;                                  /* 0: what the windows count */
    const void *x, *g;
    void *y;
    int64_t *places;
    isize per_block;
    bool failed;
} Pooling;

#define T float
#include "pooling_rows.h"
#undef T
#define T double
#include "pooling_rows.h"
#undef T

/* ---------------------------------------------------------------- from Python */

static bool read_numbers(PyObject *o, int dims, isize *numbers, isize otherwise) {
    for (int d = 0; d < 3; d++) numbers[d] = otherwise;
    if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) != dims) return false;
    for (int d = 0; d < dims; d++) {
        numbers[3 - dims + d] = PyLong_AsSsize_t(PyTuple_GET_ITEM(o, d));
        if (PyErr_Occurred()) return PyErr_Clear(), false;
    }
    return true;
}

static bool read_pads(PyObject *o, int dims, isize *low, isize *high) {
    low[0] = low[1] = low[2] = high[0] = high[1] = high[2] = 0;
    if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) != dims) return false;
    for (int d = 0; d < dims; d++) {
        isize pair[3];
        if (!read_numbers(PyTuple_GET_ITEM(o, d), 2, pair, 0) || pair[1] < 0 || pair[2] < 0) return false;
        low[3 - dims + d] = pair[1], high[3 - dims + d] = pair[2];
    }
    return true;
}

/* The planes of `whole` (..., *in) and of `pooled` (..., *out), whose leading dims are the same. */
static bool read_planes(Pooling *p, PyArrayObject *whole, PyArrayObject *pooled, int dims) {
    int all = PyArray_NDIM(whole);
    if (dims < 1 || dims > 3 || all < dims || PyArray_NDIM(pooled) != all || !PyArray_SIZE(whole) || !PyArray_SIZE(pooled))
        return false;
    p->planes = 1;
    for (int d = 0; d < all - dims; d++) {
        if (PyArray_DIM(whole, d) != PyArray_DIM(pooled, d)) return false;
        p->planes *= PyArray_DIM(whole, d);
    }
    for (int d = 0; d < 3; d++) {
        int own = all - 3 + d;
        p->in[d] = d < 3 - dims ? 1 : PyArray_DIM(whole, own), p->out[d] = d < 3 - dims ? 1 : PyArray_DIM(pooled, own);
    }
    p->per_block = blocks_of(ENOUGH, p->in[0] * p->in[1] * p->in[2]);
    return true;
}

static int number_type(PyObject *o) {
    PyArrayObject *a = flat_array(o);
    int type = a ? PyArray_TYPE(a) : -1;
    return type == NPY_FLOAT32 || type == NPY_FLOAT64 ? type : -1;
}

static bool apart(PyArrayObject *a, PyArrayObject *b) {
    const char *x = PyArray_BYTES(a), *y = PyArray_BYTES(b);
    return !b || x >= y + PyArray_NBYTES(b) || y >= x + PyArray_NBYTES(a);
}

static PyObject *run(Pooling *p, block_fn fn) {
    Py_BEGIN_ALLOW_THREADS
    run_blocks(fn, p, blocks_of(p->planes, p->per_block));
    Py_END_ALLOW_THREADS
    if (p->failed) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- maxima */

/* kernel, stride, pads and dilation of `args`; every window must have a place inside. */
static bool read_maxima(Pooling *p, PyObject *const *args) {
    int dims = PyTuple_Check(args[0]) ? (int)PyTuple_GET_SIZE(args[0]) : 0;
    isize high[3];
    if (!read_numbers(args[0], dims, p->kernel, 1) || !read_numbers(args[1], dims, p->stride, 1) ||
        !read_pads(args[2], dims, p->low, high) || !read_numbers(args[3], dims, p->dilation, 1))
        return false;
    isize taps = 1;
    for (int d = 0; d < 3; d++) {
        if (p->kernel[d] < 1 || p->stride[d] < 1 || p->dilation[d] < 1 || p->kernel[d] > 1000) return false;
        taps *= p->kernel[d];
        isize last = (p->out[d] - 1) * p->stride[d] - p->low[d]; /* where the last window begins */
        if (last >= p->in[d] || blocks_of(p->low[d], p->dilation[d]) >= p->kernel[d] ||
            (p->low[d] && p->dilation[d] > p->in[d]))
            return false;
    }
    return taps < 1 << 30;
}

/* (y or places, x, kernel, stride, pads, dilation) */
static PyObject *maxima(PyObject *const *args, Py_ssize_t n, bool places) {
    int type = n == 6 ? number_type(args[1]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    PyArrayObject *x = (PyArrayObject *)args[1], *y = output_of(args[0], places ? NPY_INT64 : type);
    Pooling p = {0};
    int dims = PyTuple_Check(args[2]) ? (int)PyTuple_GET_SIZE(args[2]) : 0;
    if (!y || !read_planes(&p, x, y, dims) || !read_maxima(&p, args + 2) || !apart(y, x)) Py_RETURN_FALSE;
    p.x = PyArray_DATA(x);
    if (places) p.places = PyArray_DATA(y);
    else p.y = PyArray_DATA(y);
    if (places) return run(&p, type == NPY_FLOAT32 ? max_places_float : max_places_double);
    return run(&p, type == NPY_FLOAT32 ? max_block_float : max_block_double);
}

static PyObject *max_pool(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    return maxima(args, n, false);
}

static PyObject *max_pool_places(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    return maxima(args, n, true);
}

/* (dx, g, x, kernel, stride, pads, dilation) */
static PyObject *max_pool_back(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    int type = n == 7 ? number_type(args[2]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    PyArrayObject *x = (PyArrayObject *)args[2], *g = flat_of(args[1], type), *dx = output_of(args[0], type);
    Pooling p = {0};
    int dims = PyTuple_Check(args[3]) ? (int)PyTuple_GET_SIZE(args[3]) : 0;
    if (!dx || !g || !PyArray_SAMESHAPE(x, dx) || !read_planes(&p, x, g, dims) || !read_maxima(&p, args + 3) ||
        !apart(dx, x) || !apart(dx, g))
        Py_RETURN_FALSE;
    p.x = PyArray_DATA(x), p.g = PyArray_DATA(g), p.y = PyArray_DATA(dx);
    return run(&p, type == NPY_FLOAT32 ? max_back_float : max_back_double);
}

/* (out, g, places, n): out is (..., *S) with n dims S, g and places have the same leading dims. */
static PyObject *scatter_planes(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    int type = n == 4 ? number_type(args[1]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    PyArrayObject *g = (PyArrayObject *)args[1], *out = output_of(args[0], type), *places = flat_of(args[2], NPY_INT64);
    long dims = PyLong_AsLong(args[3]);
    if (PyErr_Occurred()) return PyErr_Clear(), Py_NewRef(Py_False);
    Pooling p = {0};
    if (!out || !places || dims < 1 || dims > 3 || !PyArray_SAMESHAPE(g, places) || !read_planes(&p, out, g, (int)dims) ||
        !apart(out, g) || !apart(out, places))
        Py_RETURN_FALSE;
    int64_t *at = PyArray_DATA(places), size = p.in[0] * p.in[1] * p.in[2], wrong = 0;
    for (isize i = 0; i < PyArray_SIZE(places); i++) wrong |= at[i] < 0 || at[i] >= size;
    if (wrong) Py_RETURN_FALSE;
    p.g = PyArray_DATA(g), p.y = PyArray_DATA(out), p.places = at;
    return run(&p, type == NPY_FLOAT32 ? scatter_float : scatter_double);
}

/* ---------------------------------------------------------------- means */

static bool make_windows(Windows *w, isize m, isize n) {
    *w = (Windows){n, m, malloc(3 * n * sizeof(isize) + 1), NULL, NULL};
    w->stop = w->start + n, w->count = w->stop + n;
    return w->start != NULL;
}

static void free_windows(Pooling *p) {
    for (int d = 0; d < 3; d++) free(p->windows[d].start);
}

/* Window i reaches from floor(i m / n) to ceil((i + 1) m / n). */
static bool adaptive_windows(Pooling *p) {
    for (int d = 0; d < 3; d++) {
        Windows *w = &p->windows[d];
        isize m = p->in[d], n = p->out[d];
        if (n > PY_SSIZE_T_MAX / (m + 1) || !make_windows(w, m, n)) return false;
        for (isize i = 0; i < n; i++) {
            w->start[i] = i * m / n, w->stop[i] = blocks_of((i + 1) * m, n);
            w->count[i] = w->stop[i] - w->start[i];
        }
    }
    return true;
}

/* kernel, stride, pads, count_pad and divisor or None of `args`. */
static bool equal_windows(Pooling *p, PyObject *const *args, int dims) {
    isize high[3];
    if (!read_numbers(args[0], dims, p->kernel, 1) || !read_numbers(args[1], dims, p->stride, 1) ||
        !read_pads(args[2], dims, p->low, high))
        return false;
    int count_pad = PyObject_IsTrue(args[3]);
    p->divisor = args[4] == Py_None ? 0 : PyFloat_AsDouble(args[4]);
    if (PyErr_Occurred()) return PyErr_Clear(), false;
    for (int d = 0; d < 3; d++) {
        Windows *w = &p->windows[d];
        isize m = p->in[d], n = p->out[d];
        if (p->kernel[d] < 1 || p->stride[d] < 1 || !make_windows(w, m, n)) return false;
        for (isize i = 0; i < n; i++) {
            isize start = i * p->stride[d] - p->low[d], stop = min_of(start + p->kernel[d], m + high[d]);
            w->start[i] = max_of(0, min_of(start, m)), w->stop[i] = max_of(w->start[i], min_of(stop, m));
            w->count[i] = count_pad ? stop - start : w->stop[i] - w->start[i];
            if (w->count[i] < 1) return false;
        }
    }
    return true;
}

/* (pooled, whole, dims) or (pooled, whole, kernel, stride, pads, count_pad, divisor); the first is written, or with `back`
   the other way round. */
static PyObject *means(PyObject *const *args, Py_ssize_t n, bool back) {
    int type = n == 3 || n == 7 ? number_type(args[1]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    PyArrayObject *from = (PyArrayObject *)args[1], *to = output_of(args[0], type);
    long dims = n == 7 ? (PyTuple_Check(args[2]) ? (long)PyTuple_GET_SIZE(args[2]) : 0) : PyLong_AsLong(args[2]);
    if (PyErr_Occurred()) return PyErr_Clear(), Py_NewRef(Py_False);
    Pooling p = {0};
    if (!to || dims < 1 || dims > 3 || !read_planes(&p, back ? to : from, back ? from : to, (int)dims) || !apart(to, from))
        Py_RETURN_FALSE;
    p.x = p.g = PyArray_DATA(from), p.y = PyArray_DATA(to);
    PyObject *found = Py_NewRef(Py_False);
    if (n == 3 ? adaptive_windows(&p) : equal_windows(&p, args + 2, (int)dims))
        found = back ? run(&p, type == NPY_FLOAT32 ? mean_back_float : mean_back_double)
                     : run(&p, type == NPY_FLOAT32 ? mean_block_float : mean_block_double);
    free_windows(&p);
    return found;
}

static PyObject *mean_pool(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    return means(args, n, false);
}

static PyObject *mean_pool_back(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    return means(args, n, true);
}

PyMethodDef pooling_methods[] = {
    KERNEL(max_pool, "max_pool(y, x, kernel, stride, pads, dilation): the largest number of each window; nan counts as such."),
    KERNEL(max_pool_places, "max_pool_places(places, x, kernel, stride, pads, dilation): where it is, the first of equals."),
    KERNEL(max_pool_back, "max_pool_back(dx, g, x, kernel, stride, pads, dilation): g at these places, zeros elsewhere."),
    KERNEL(scatter_planes, "scatter_planes(out, g, places, n): zeros (..., *S), S of n dims, with g added at places."),
    KERNEL(mean_pool, "mean_pool(y, x, dims) over adaptive windows; (y, x, kernel, stride, pads, count_pad, divisor)."),
    KERNEL(mean_pool_back, "mean_pool_back(dx, g, ...): the gradient of mean_pool."),
    {0},
};
