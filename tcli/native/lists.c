/* Tensors of numbers that a program writes down: `tensor` and `linspace`. One walk through nested lists finds the shape and
   what kinds of numbers there are, a second one writes them. Lists that are ragged or empty, and anything in them but plain
   numbers that fit, is left to Python. */
#include "fresh.h"

#define DIMS 16

typedef struct {
    int n_dims;
    npy_intp shape[DIMS];
    bool has_float, has_int, has_bool;
} Found;

INLINE bool is_list(PyObject *o) { return PyList_CheckExact(o) || PyTuple_CheckExact(o); }

/* The shape that the first items have. */
static bool look_along(Found *f, PyObject *o) {
    for (f->n_dims = 0; is_list(o); f->n_dims++) {
        if (f->n_dims == DIMS || !PySequence_Fast_GET_SIZE(o)) return false;
        f->shape[f->n_dims] = PySequence_Fast_GET_SIZE(o);
        o = PySequence_Fast_GET_ITEM(o, 0);
    }
    return true;
}

/* Notes of what kind a number is; false for anything else, and for integers beyond 64 bits. */
INLINE bool look_at(Found *f, PyObject *o) {
    if (PyFloat_CheckExact(o)) return f->has_float = true;
    if (PyBool_Check(o)) return f->has_bool = true;
    if (!PyLong_CheckExact(o)) return false;
    int overflow;
    PyLong_AsLongLongAndOverflow(o, &overflow);
    f->has_int = true;
    return !overflow;
}

static bool look_through(Found *f, PyObject *o, int dim) {
    if (dim == f->n_dims) return look_at(f, o);
    if (!is_list(o) || PySequence_Fast_GET_SIZE(o) != f->shape[dim]) return false;
    PyObject **items = PySequence_Fast_ITEMS(o);
    bool last = dim + 1 == f->n_dims;
    for (npy_intp i = 0; i < f->shape[dim]; i++)
        if (!(last ? look_at(f, items[i]) : look_through(f, items[i], dim + 1))) return false;
    return true;
}

static double double_of(PyObject *o) {
    if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o);
    return PyBool_Check(o) ? (double)(o == Py_True) : (double)PyLong_AsLongLong(o);
}

INLINE char *write_number(PyObject *number, int type, char *out) {
    switch (type) {
    case NPY_FLOAT32: return *(float *)out = (float)double_of(number), out + sizeof(float);
    case NPY_FLOAT64: return *(double *)out = double_of(number), out + sizeof(double);
    case NPY_INT64: return *(int64_t *)out = PyBool_Check(number) ? number == Py_True : PyLong_AsLongLong(number), out + sizeof(int64_t);
    default: return *(npy_bool *)out = number == Py_True, out + sizeof(npy_bool);
    }
}

static char *write_all(const Found *f, PyObject *o, int dim, int type, char *out) {
    if (dim == f->n_dims) return write_number(o, type, out);
    PyObject **items = PySequence_Fast_ITEMS(o);
    bool last = dim + 1 == f->n_dims;
    for (npy_intp i = 0; i < f->shape[dim]; i++)
        out = last ? write_number(items[i], type, out) : write_all(f, items[i], dim + 1, type, out);
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

/* A new array of a number or nested lists of them; NULL, without an error, where it takes more or `most` is exceeded. */
static PyObject *array_from(PyObject *data, PyObject *wanted, PyObject *floats, isize most) {
    Found f = {0};
    npy_intp size = look_along(&f, data) ? PyArray_OverflowMultiplyList(f.shape, f.n_dims) : -1;
    if (size < 0 || size > most || !look_through(&f, data, 0)) return NULL;
    int type = type_of(&f, wanted, floats);
    PyObject *out = type < 0 ? NULL : PyArray_SimpleNew(f.n_dims, f.shape, type);
    if (out) write_all(&f, data, 0, type, PyArray_BYTES((PyArrayObject *)out));
    return out;
}

static PyObject *array_of_list(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "array_of_list(data, dtype, floats)");
    PyObject *out = is_list(args[0]) ? array_from(args[0], args[1], args[2], PY_SSIZE_T_MAX) : NULL;
    return out || PyErr_Occurred() ? out : Py_NewRef(Py_False);
}

/* tensor(data) */
PyObject *call_tensor(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArray_Descr *floats = PyVectorcall_NARGS(nargsf) == 1 ? numpy_of(default_dtype()) : NULL, *d = NULL;
    PyObject *dtype = Py_None;
    bool needs = false;
    if (!floats || !take_names(names, args + 1, &dtype, &needs) || (dtype != Py_None && !(d = numpy_of(dtype))))
        return go_on(way, args, nargsf, names);
    PyObject *a = array_from(args[0], d ? (PyObject *)d : Py_None, (PyObject *)floats, engine.small);
    if (needs && a && PyArray_DESCR((PyArrayObject *)a)->kind != 'f') Py_CLEAR(a);
    PyObject *t = with_gradient(tensor_around(a), needs);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- lines */

/* As PyTorch does it: the first half from the start, the second one from the end. Every operation is rounded, for which
   this file is compiled without contracting them. */
#define FILL_LINE(T)                                                                                        \
    static void fill_line_##T(T *out, isize n, T start, T end) {                                            \
        T step = (end - start) / (T)(n - 1);                                                                \
        for (isize i = 0; i < n; i++) out[i] = i < n / 2 ? start + step * (T)i : end - step * (T)(n - 1 - i); \
    }
FILL_LINE(float)
FILL_LINE(double)

/* A number that float64 holds as it is. */
static bool is_exact(PyObject *o) {
    int overflow = 0;
    int64_t whole = PyLong_CheckExact(o) ? PyLong_AsLongLongAndOverflow(o, &overflow) : 0;
    return PyFloat_CheckExact(o) || (PyLong_CheckExact(o) && !overflow && whole >= -(INT64_C(1) << 53) && whole <= INT64_C(1) << 53);
}

/* linspace(start, end, steps) */
PyObject *call_linspace(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    bool fits = PyVectorcall_NARGS(nargsf) == 3 && !names && is_exact(args[0]) && is_exact(args[1]);
    PyArray_Descr *d = fits ? numpy_of(default_dtype()) : NULL;
    Sizes s;
    if (!d || !take_sizes(&s, args + 2, 1) || s.dims[0] < 2) return go_on(way, args, nargsf, names);
    PyObject *a = PyArray_SimpleNew(1, s.dims, d->type_num);
    double start = double_of(args[0]), end = double_of(args[1]);
    if (a && d->type_num == NPY_FLOAT64) fill_line_double(PyArray_DATA((PyArrayObject *)a), s.dims[0], start, end);
    else if (a) fill_line_float(PyArray_DATA((PyArrayObject *)a), s.dims[0], (float)start, (float)end);
    PyObject *t = tensor_around(a);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

PyMethodDef lists_methods[] = {
    KERNEL(array_of_list, "array_of_list(data, dtype, floats): an array of a nested list of numbers, in a dtype or, for None, "
                          "in the one that they suggest: floats in `floats`."),
    {0},
};
