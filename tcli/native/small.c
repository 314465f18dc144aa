/* Kernels of small arrays along one dim, for which a call of NumPy costs more than the numbers: one call, one pass.

   An array of (outer, n, inner) is walked in place, whatever the dim; sums are kept in double. */
#include "few.h"

#define SMALL (1 << 14) /* elements: larger arrays are cut into blocks elsewhere */

Around around(PyArrayObject *a, isize dim) {
    Around along = {1, 1, 1};
    for (isize d = 0; d < PyArray_NDIM(a); d++) {
        if (dim < 0 || d == dim) along.n *= PyArray_DIM(a, d);
        else if (d < dim) along.outer *= PyArray_DIM(a, d);
        else along.inner *= PyArray_DIM(a, d);
    }
    return along;
}

static PyArrayObject *small_floats(PyObject *o) {
    PyArrayObject *a = flat_array(o);
    bool fits = a && PyArray_SIZE(a) <= SMALL && (PyArray_TYPE(a) == NPY_FLOAT32 || PyArray_TYPE(a) == NPY_FLOAT64);
    return fits ? a : NULL;
}

#define SCAN(T)                                                                            \
    static void scan_##T(const T *x, T *out, Around along, bool product, bool back) {      \
        isize step = back ? -along.inner : along.inner;                                    \
        for (isize i = 0; i < along.outer; i++)                                            \
            for (isize k = 0; k < along.inner; k++) {                                      \
                isize at = (i * along.n + (back ? along.n - 1 : 0)) * along.inner + k;     \
                double running = product;                                                  \
                for (isize j = 0; j < along.n; j++, at += step) {                          \
                    running = product ? running * x[at] : running + x[at];                 \
                    out[at] = (T)running;                                                  \
                }                                                                          \
            }                                                                              \
    }
SCAN(float)
SCAN(double)

PyObject *scanned(PyArrayObject *a, isize dim, bool product, bool from_the_end) {
    PyObject *out = PyArray_EMPTY(PyArray_NDIM(a), PyArray_DIMS(a), PyArray_TYPE(a), 0);
    if (!out || !PyArray_SIZE(a)) return out;
    void *x = PyArray_DATA(a), *y = PyArray_DATA((PyArrayObject *)out);
    if (PyArray_TYPE(a) == NPY_FLOAT32) scan_float(x, y, around(a, dim), product, from_the_end);
    else scan_double(x, y, around(a, dim), product, from_the_end);
    return out;
}

static PyObject *scan_small(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *a = n == 4 ? small_floats(args[0]) : NULL;
    isize dim = a ? PyLong_AsSsize_t(args[1]) : -1;
    if (PyErr_Occurred()) return NULL;
    if (dim < 0 || dim >= PyArray_NDIM(a)) Py_RETURN_FALSE;
    return scanned(a, dim, args[2] == Py_True, args[3] == Py_True);
}

#define SPREAD(T)                                                                          \
    static void spread_##T(const T *x, T *out, Around along, double correction, bool root) { \
        double count = along.n && along.n > correction ? along.n - correction : 0;         \
        for (isize i = 0; i < along.outer; i++)                                            \
            for (isize k = 0; k < along.inner; k++) {                                      \
                const T *line = x + i * along.n * along.inner + k;                         \
                double sum = 0, squares = 0;                                               \
                for (isize j = 0; j < along.n; j++) sum += line[j * along.inner];          \
                double mean = sum / along.n;                                               \
                for (isize j = 0; j < along.n; j++) {                                      \
                    double d = line[j * along.inner] - mean;                               \
                    squares += d * d;                                                      \
                }                                                                          \
                double found = squares / count;                                            \
                out[i * along.inner + k] = (T)(root ? sqrt(found) : found);                \
            }                                                                              \
    }
SPREAD(float)
SPREAD(double)

static PyObject *spread_small(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *a = n == 5 ? small_floats(args[0]) : NULL;
    if (!a) Py_RETURN_FALSE;
    isize dim = args[1] == Py_None ? -1 : PyLong_AsSsize_t(args[1]);
    double correction = PyFloat_AsDouble(args[2]);
    if (PyErr_Occurred()) return NULL;
    int dims = PyArray_NDIM(a), kept = 0;
    bool keepdim = args[3] == Py_True, root = args[4] == Py_True;
    if (dim >= dims || dim < -1 || dims > 16 || (dim == -1 && args[1] != Py_None)) Py_RETURN_FALSE;
    npy_intp shape[16];
    for (int d = 0; d < dims; d++)
        if (dim >= 0 && d != dim) shape[kept++] = PyArray_DIM(a, d);
        else if (keepdim) shape[kept++] = 1;
    PyObject *out = PyArray_EMPTY(kept, shape, PyArray_TYPE(a), 0);
    if (!out) return NULL;
    void *x = PyArray_DATA(a), *y = PyArray_DATA((PyArrayObject *)out);
    if (PyArray_TYPE(a) == NPY_FLOAT32) spread_float(x, y, around(a, dim), correction, root);
    else spread_double(x, y, around(a, dim), correction, root);
    return out;
}

PyMethodDef small_methods[] = {
    KERNEL(scan_small, "scan_small(x, dim, product, back): running sums or products along a dim of a small array; False for others."),
    KERNEL(spread_small, "spread_small(x, dim, correction, keepdim, root): the variance along a dim or None of a small array, or its root."),
    {0},
};
