/* The short way of `x ** n` for a number n of which the power is a product or a root, and of which NumPy's is slow. */
#include "quick.h"

#include <math.h>

typedef enum { NO_POWER, ITSELF, SQUARE, CUBE, ROOT, INVERSE } Power;

static Power power_of(PyObject *exponent) {
    bool is_number = PyFloat_CheckExact(exponent) || PyLong_CheckExact(exponent);
    double n = is_number ? PyFloat_AsDouble(exponent) : 0;
    if (n == -1 && PyErr_Occurred()) return NO_POWER;
    return n == 2 ? SQUARE : n == 3 ? CUBE : n == 1 ? ITSELF : n == 0.5 ? ROOT : n == -1 ? INVERSE : NO_POWER;
}

#define PRODUCTS(T)                                                       \
    case ITSELF: for (isize i = 0; i < n; i++) out[i] = x[i]; break;      \
    case SQUARE: for (isize i = 0; i < n; i++) out[i] = x[i] * x[i]; break; \
    case CUBE: for (isize i = 0; i < n; i++) out[i] = x[i] * x[i] * x[i]; break;

#define RAISE(name, T, ROOTS)                                                              \
    static void name(Power power, const void *from, void *to, isize n) {                   \
        const T *RESTRICT x = from;                                                        \
        T *RESTRICT out = to;                                                              \
        switch (power) { PRODUCTS(T) ROOTS default: break; }                               \
    }
#define ROOTS(root)                                                            \
    case ROOT: for (isize i = 0; i < n; i++) out[i] = root(x[i]); break;       \
    case INVERSE: for (isize i = 0; i < n; i++) out[i] = 1 / x[i]; break;
RAISE(raise_32, float, ROOTS(sqrtf))
RAISE(raise_64, double, ROOTS(sqrt))
RAISE(raise_whole, uint64_t, ) /* wraps around, as int64 does */

static PyObject *raised(PyArrayObject *a, int kind, Power power) {
    PyObject *r = PyArray_SimpleNew(PyArray_NDIM(a), PyArray_DIMS(a), PyArray_TYPE(a));
    if (r) (kind == OF_FLOAT32 ? raise_32 : kind == OF_FLOAT64 ? raise_64 : raise_whole)(
        power, PyArray_DATA(a), PyArray_DATA((PyArrayObject *)r), PyArray_SIZE(a));
    return r;
}

static PyObject *call_power(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    static PyObject *name;
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 2 && !names && is_ready(args[0]) ? array_of(args[0]) : NULL;
    int kind = a && is_flat(a) ? kind_of(a) : -1;
    Power power = kind >= 0 ? power_of(args[1]) : NO_POWER;
    if (kind == OF_INT64 && (power > CUBE || !PyLong_CheckExact(args[1]))) power = NO_POWER;
    bool records = power && ((Fields *)args[0])->rg == Py_True && is_set(engine.of_state.grad);
    if (!power || (records && is_set(engine.of_state.odd))) return go_on_after_error(way, args, nargsf, names);
    if (!name && !(name = PyUnicode_InternFromString("PowBackward0"))) return NULL;
    PyObject *t = tensor_around(raised(a, kind, power));
    if (t && (!records || record_two(way, args[0], args[1], t))) {
        if (records) put(&SLOT(((Fields *)t)->node, engine.of_node.name), Py_NewRef(name));
        return t;
    }
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

static PyObject *raising(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3 || !PyTuple_CheckExact(args[1]) || PyTuple_GET_SIZE(args[1]) != 4)
        return PyErr_Format(PyExc_TypeError, "raising(op, plans of two operands, slow)");
    Way *way = new_way(call_power, args[0], args[2]);
    if (way) way->plan = Py_NewRef(args[1]), way->memory = PyTuple_New(0);
    return (PyObject *)way;
}

PyMethodDef power_methods[] = {
    KERNEL(raising, "raising(op, plans, slow): (x, n) -> x ** n."),
    {0},
};
