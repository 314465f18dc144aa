/* The short way of `clamp` with numbers as bounds. */
#include "quick.h"

#include <math.h>

#define CLAMP(T)                                                                    \
    static void clamp_##T(const T *x, T *out, isize n, T low, T high) {             \
        for (isize i = 0; i < n; i++) {                                             \
            T v = x[i] < low ? low : x[i]; /* nan stays */                          \
            out[i] = v > high ? high : v;                                           \
        }                                                                           \
    }
CLAMP(float)
CLAMP(double)

/* Puts (x, min, max) into `values`, None for what is not given; false for any other call. */
static bool take_bounds(PyObject **values, PyObject *const *args, isize n, PyObject *names) {
    if (n < 1 || n > 3) return false;
    for (isize i = 0; i < 3; i++) values[i] = i < n ? args[i] : NULL;
    for (isize i = 0; names && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        int place = PyUnicode_CompareWithASCIIString(name, "min") == 0 ? 1 : PyUnicode_CompareWithASCIIString(name, "max") == 0 ? 2 : 0;
        if (!place || values[place]) return false;
        values[place] = args[n + i];
    }
    for (isize i = 1; i < 3; i++)
        if (!values[i]) values[i] = Py_None;
    return values[1] != Py_None || values[2] != Py_None;
}

static bool bound_of(PyObject *o, int kind, double none, Number *bound) {
    if (o == Py_None) {
        if (kind == OF_FLOAT32) bound->f = (float)none;
        else bound->d = none;
        return true;
    }
    return as_number(o, kind, false, bound) && (kind == OF_FLOAT32 ? bound->f == bound->f : bound->d == bound->d);
}

/* The bounds of a call for a tensor, NULL where it takes more. */
static PyArrayObject *take_clamp(PyObject **values, Number *low, Number *high, PyObject *const *args, isize n, PyObject *names) {
    PyArrayObject *a = take_bounds(values, args, n, names) && is_ready(values[0]) ? array_of(values[0]) : NULL;
    int kind = a && is_flat(a) ? kind_of(a) : -1;
    bool fits = kind >= 0 && kind != OF_INT64 && bound_of(values[1], kind, -INFINITY, low) && bound_of(values[2], kind, INFINITY, high);
    return fits ? a : NULL;
}

static void clamp(PyArrayObject *a, void *out, Number low, Number high) {
    if (PyArray_TYPE(a) == NPY_FLOAT32) clamp_float(PyArray_DATA(a), out, PyArray_SIZE(a), low.f, high.f);
    else clamp_double(PyArray_DATA(a), out, PyArray_SIZE(a), low.d, high.d);
}

static PyObject *call_clamp(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyObject *values[3];
    Number low, high;
    PyArrayObject *a = take_clamp(values, &low, &high, args, PyVectorcall_NARGS(nargsf), names);
    bool records = a && ((Fields *)values[0])->rg == Py_True && is_set(engine.of_state.grad);
    if (!a || (records && is_set(engine.of_state.odd))) return go_on(way, args, nargsf, names);
    PyObject *r = PyArray_EMPTY(PyArray_NDIM(a), PyArray_DIMS(a), PyArray_TYPE(a), 0);
    if (r) clamp(a, PyArray_DATA((PyArrayObject *)r), low, high);
    PyObject *t = tensor_around(r);
    if (t && (!records || record_values(way->op, values, 3, (Fields *)t, way->named) == 1)) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

/* x.clamp_(min, max) */
static PyObject *call_clamp_in_place(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    PyObject *values[3];
    Number low, high;
    PyArrayObject *a = take_clamp(values, &low, &high, args, PyVectorcall_NARGS(nargsf), names);
    if (!a || written_array(values[0]) != a) return go_on((Way *)self, args, nargsf, names);
    clamp(a, PyArray_DATA(a), low, high);
    return bump_version((Fields *)values[0]) ? Py_NewRef(values[0]) : NULL;
}

static PyObject *clamping(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "clamping(op, name, slow)");
    Way *way = new_way(call_clamp, args[0], args[2]);
    if (way) way->named = Py_NewRef(args[1]);
    return (PyObject *)way;
}

static PyObject *clamping_in_place(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    return n == 1 ? (PyObject *)new_way(call_clamp_in_place, Py_None, args[0]) : PyErr_Format(PyExc_TypeError, "clamping_in_place(slow)");
}

PyMethodDef clamp_methods[] = {
    KERNEL(clamping_in_place, "clamping_in_place(slow): (x, min, max) that writes x within these numbers into x."),
    KERNEL(clamping, "clamping(op, name, slow): (x, min, max) -> x within these numbers; `name` is that of its node."),
    {0},
};
