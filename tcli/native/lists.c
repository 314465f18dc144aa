/* Arrays from nested lists of numbers, and from two ends. One walk finds the shape and what kinds of numbers there are, a second one writes
   them. Lists that are ragged or empty, and anything in them but plain numbers that fit, is left to Python. */
#include "native.h"

#define DIMS 16

typedef struct {
    int n_dims;
    npy_intp shape[DIMS];
    bool has_float, has_int, has_bool;
} Found;

INLINE bool is_list(PyObject *o) { return PyList_CheckExact(o) || PyTuple_CheckExact(o); }

/* The shape that the first items have. */
static bool shape_of(Found *f, PyObject *o) {
    for (f->n_dims = 0; is_list(o); f->n_dims++) {
        if (f->n_dims == DIMS || !PySequence_Fast_GET_SIZE(o)) return false;
        f->shape[f->n_dims] = PySequence_Fast_GET_SIZE(o);
        o = PySequence_Fast_GET_ITEM(o, 0);
    }
    return true;
}

static bool look(Found *f, PyObject *o, int dim) {
    if (!is_list(o) || PySequence_Fast_GET_SIZE(o) != f->shape[dim]) return false;
    PyObject **items = PySequence_Fast_ITEMS(o);
    for (npy_intp i = 0; i < f->shape[dim]; i++) {
        PyObject *item = items[i];
        if (dim + 1 < f->n_dims) {
            if (!look(f, item, dim + 1)) return false;
        } else if (PyFloat_CheckExact(item)) {
            f->has_float = true;
        } else if (PyBool_Check(item)) {
            f->has_bool = true;
        } else if (PyLong_CheckExact(item)) {
            int overflow;
            PyLong_AsLongLongAndOverflow(item, &overflow);
            if (overflow) return false;
            f->has_int = true;
        } else {
            return false;
        }
    }
    return true;
}

static double double_of(PyObject *o) {
    if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o);
    return PyBool_Check(o) ? (double)(o == Py_True) : (double)PyLong_AsLongLong(o);
}

static char *write_all(const Found *f, PyObject *o, int dim, int type, char *out) {
    PyObject **items = PySequence_Fast_ITEMS(o);
    for (npy_intp i = 0; i < f->shape[dim]; i++) {
        PyObject *item = items[i];
        if (dim + 1 < f->n_dims) {
            out = write_all(f, item, dim + 1, type, out);
        } else if (type == NPY_FLOAT32) {
            *(float *)out = (float)double_of(item), out += sizeof(float);
        } else if (type == NPY_FLOAT64) {
            *(double *)out = double_of(item), out += sizeof(double);
        } else if (type == NPY_INT64) {
            *(int64_t *)out = PyBool_Check(item) ? item == Py_True : PyLong_AsLongLong(item), out += sizeof(int64_t);
        } else {
            *(npy_bool *)out++ = item == Py_True;
        }
    }
    return out;
}

/* The type of the array, or -1: what was asked for must hold all of the numbers as they are or as floats. */
static int type_of(const Found *f, PyObject *wanted, PyObject *floats) {
    int own = f->has_float ? -1 : f->has_int ? NPY_INT64 : NPY_BOOL;
    PyObject *dtype = wanted != Py_None ? wanted : own < 0 ? floats : NULL;
    if (!dtype) return own;
    if (!PyArray_DescrCheck(dtype)) return -1;
    int type = ((PyArray_Descr *)dtype)->type_num;
    if (type == NPY_FLOAT32 || type == NPY_FLOAT64) return type;
    return own >= 0 && (type == own || (type == NPY_INT64 && own == NPY_BOOL)) ? type : -1;
}

static PyObject *array_of_list(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "array_of_list(data, dtype, floats)");
    Found f = {0};
    if (!is_list(args[0]) || !shape_of(&f, args[0]) || !look(&f, args[0], 0)) Py_RETURN_FALSE;
    int type = type_of(&f, args[1], args[2]);
    if (type < 0) Py_RETURN_FALSE;
    PyObject *out = PyArray_SimpleNew(f.n_dims, f.shape, type);
    if (out) write_all(&f, args[0], 0, type, PyArray_BYTES((PyArrayObject *)out));
    return out;
}

/* As PyTorch does it: the first half from the start, the second one from the end. Every operation is rounded, for which
   this file is compiled without contracting them. */
#define FILL_LINE(T)                                                                                        \
    static void fill_line_##T(T *out, isize n, T start, T end) {                                            \
        T step = (end - start) / (T)(n - 1);                                                                \
        for (isize i = 0; i < n; i++) out[i] = i < n / 2 ? start + step * (T)i : end - step * (T)(n - 1 - i); \
    }
FILL_LINE(float)
FILL_LINE(double)

static PyObject *fill_line(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "fill_line(out, start, end)");
    PyArrayObject *wide = output_of(args[0], NPY_FLOAT64), *out = wide ? wide : output_of(args[0], NPY_FLOAT32);
    double start = PyFloat_AsDouble(args[1]), end = PyFloat_AsDouble(args[2]);
    if (PyErr_Occurred()) return NULL;
    if (!out || PyArray_SIZE(out) < 2 || PyArray_SIZE(out) > 1 << 20) Py_RETURN_FALSE;
    if (wide) fill_line_double(PyArray_DATA(out), PyArray_SIZE(out), start, end);
    else fill_line_float(PyArray_DATA(out), PyArray_SIZE(out), (float)start, (float)end);
    Py_RETURN_TRUE;
}

PyMethodDef lists_methods[] = {
    KERNEL(array_of_list, "array_of_list(data, dtype, floats): an array of a nested list of numbers, in a dtype or, for None, "
                          "in the one that they suggest: floats in `floats`."),
    KERNEL(fill_line, "fill_line(out, start, end): floats from start to end at equal distances."),
    {0},
};
