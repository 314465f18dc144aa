/* Joining small tensors: `cat` and `stack`; and whether two of them are equal. */
#include "quick.h"

#include <string.h>

#define DIMS 16
#define MOST 64 /* tensors */

typedef struct {
    PyArrayObject *of[MOST];
    isize n;
    bool needs; /* whether one of the tensors needs a gradient */
} Parts;

/* The arrays of small tensors of one float dtype; false for all else. */
static bool parts_of(Parts *p, PyObject *tensors) {
    if (!PyList_CheckExact(tensors) && !PyTuple_CheckExact(tensors)) return false;
    p->n = PySequence_Fast_GET_SIZE(tensors), p->needs = false;
    if (p->n < 1 || p->n > MOST) return false;
    isize size = 0;
    for (isize i = 0; i < p->n; i++) {
        PyObject *t = PySequence_Fast_GET_ITEM(tensors, i);
        PyArrayObject *a = is_ready(t) ? array_of(t) : NULL;
        if (!a || !PyArray_ISCARRAY_RO(a) || (size += PyArray_SIZE(a)) > engine.small) return false;
        int type = PyArray_TYPE(a);
        if ((type != NPY_FLOAT32 && type != NPY_FLOAT64) || type != PyArray_TYPE(i ? p->of[0] : a)) return false;
        p->of[i] = a, p->needs |= ((Fields *)t)->rg == Py_True;
    }
    return true;
}

/* The shape of the result along `dim`, an old dim or a new one; false where the tensors do not fit. */
static bool joint_shape(const Parts *p, int dim, bool is_new, npy_intp *shape) {
    int nd = PyArray_NDIM(p->of[0]);
    isize along = 0;
    for (isize i = 0; i < p->n; i++) {
        if (PyArray_NDIM(p->of[i]) != nd) return false;
        for (int d = 0; d < nd; d++)
            if ((is_new || d != dim) && PyArray_DIM(p->of[i], d) != PyArray_DIM(p->of[0], d)) return false;
        along += is_new ? 1 : PyArray_DIM(p->of[i], dim);
    }
    for (int d = 0; d < dim; d++) shape[d] = PyArray_DIM(p->of[0], d);
    shape[dim] = along;
    for (int d = dim + !is_new; d < nd; d++) shape[d + is_new] = PyArray_DIM(p->of[0], d);
    return true;
}

static PyObject *join_arrays(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "join_arrays(tensors, dim, is_new)");
    Parts p;
    npy_intp shape[DIMS];
    bool is_new = args[2] == Py_True;
    int overflow = 1;
    long dim = PyLong_CheckExact(args[1]) ? PyLong_AsLongAndOverflow(args[1], &overflow) : 0;
    if (overflow) Py_RETURN_FALSE;
    if (!parts_of(&p, args[0])) Py_RETURN_FALSE;
    int nd = PyArray_NDIM(p.of[0]) + is_new;
    if (dim < 0) dim += nd;
    if (dim < 0 || dim >= nd || nd > DIMS || !joint_shape(&p, (int)dim, is_new, shape)) Py_RETURN_FALSE;
    PyObject *out = PyArray_SimpleNew(nd, shape, PyArray_TYPE(p.of[0]));
    if (!out) return NULL;
    isize before = 1;
    for (int d = 0; d < dim; d++) before *= shape[d];
    char *to = PyArray_BYTES((PyArrayObject *)out);
    for (isize k = 0; k < before; k++)
        for (isize i = 0; i < p.n; i++) {
            isize bytes = PyArray_NBYTES(p.of[i]) / before;
            memcpy(to, PyArray_BYTES(p.of[i]) + k * bytes, bytes);
            to += bytes;
        }
    return Py_BuildValue("NOl", out, p.needs ? Py_True : Py_False, dim);
}

#define EQUAL(T)                                                            \
    static bool equal_##T(PyArrayObject *a, PyArrayObject *b) {             \
        const T *x = PyArray_DATA(a), *y = PyArray_DATA(b);                 \
        isize n = PyArray_SIZE(a), i = 0;                                   \
        while (i < n && x[i] == y[i]) i++;                                  \
        return i == n;                                                      \
    }
EQUAL(float)
EQUAL(double)
EQUAL(int64_t)
EQUAL(bool)

/* True or, where they differ, None. False for what is not taken: less common dtypes, large tensors, arrays with gaps. */
static PyObject *are_equal(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2) return PyErr_Format(PyExc_TypeError, "are_equal(x, y)");
    PyArrayObject *a = is_ready(args[0]) ? array_of(args[0]) : NULL, *b = is_ready(args[1]) ? array_of(args[1]) : NULL;
    if (!a || !b || !PyArray_ISCARRAY_RO(a) || !PyArray_ISCARRAY_RO(b) || PyArray_SIZE(a) > engine.small) Py_RETURN_FALSE;
    int type = PyArray_TYPE(a);
    if (type != PyArray_TYPE(b)) Py_RETURN_FALSE;
    if (!PyArray_SAMESHAPE(a, b)) Py_RETURN_NONE;
    bool equal;
    if (type == NPY_FLOAT32) equal = equal_float(a, b);
    else if (type == NPY_FLOAT64) equal = equal_double(a, b);
    else if (type == NPY_INT64) equal = equal_int64_t(a, b);
    else if (type == NPY_BOOL) equal = equal_bool(a, b);
    else Py_RETURN_FALSE;
    return Py_NewRef(equal ? Py_True : Py_None);
}

PyMethodDef joins_methods[] = {
    KERNEL(join_arrays, "join_arrays(tensors, dim, is_new): (the array of small tensors joined along a dim that they have or a new "
                        "one, whether one of them needs a gradient, the dim); False for others."),
    KERNEL(are_equal, "are_equal(x, y): True for two small tensors of the same shape and numbers, None where they differ; False for "
                      "others."),
    {0},
};
