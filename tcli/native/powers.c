/* The short way of `x ** 2` and `x ** 3`, which are products: of small arrays and Python numbers. */
#include "quick.h"

#define POWERS(T)                                                                              \
    static void power_##T(const T *x, T *out, isize n, int exponent) {                         \
        if (exponent == 2)                                                                     \
            for (isize i = 0; i < n; i++) out[i] = x[i] * x[i];                                \
        else                                                                                   \
            for (isize i = 0; i < n; i++) out[i] = x[i] * x[i] * x[i];                         \
    }
POWERS(float)
POWERS(double)

/* 2 or 3, as an int or a float; 0 for any other object. */
static int small_exponent(PyObject *o) {
    if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o) == 2 ? 2 : PyFloat_AS_DOUBLE(o) == 3 ? 3 : 0;
    int overflow = 0;
    long value = PyLong_CheckExact(o) ? PyLong_AsLongAndOverflow(o, &overflow) : 0;
    return value == 2 || value == 3 ? (int)value : 0;
}

static PyObject *power_of(PyArrayObject *a, int kind, int exponent) {
    PyObject *r = PyArray_EMPTY(PyArray_NDIM(a), PyArray_DIMS(a), PyArray_TYPE(a), 0);
    void *to = r ? PyArray_DATA((PyArrayObject *)r) : NULL;
    if (r && kind == OF_FLOAT32) power_float(PyArray_DATA(a), to, PyArray_SIZE(a), exponent);
    else if (r) power_double(PyArray_DATA(a), to, PyArray_SIZE(a), exponent);
    return r;
}

static PyObject *call_power(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    bool fits = PyVectorcall_NARGS(nargsf) == 2 && !names && is_ready(args[0]);
    PyArrayObject *a = fits ? array_of(args[0]) : NULL;
    int kind = a ? kind_of(a) : -1, exponent = a ? small_exponent(args[1]) : 0;
    bool records = a && ((Fields *)args[0])->rg == Py_True && is_set(engine.of_state.grad);
    if (!exponent || kind < 0 || kind == OF_INT64 || !is_flat(a) || (records && is_set(engine.of_state.odd)))
        return go_on(way, args, nargsf, names);
    PyObject *t = tensor_around(power_of(a, kind, exponent));
    if (t && (!records || record_two(way, args[0], args[1], t))) {
        if (records) put(&SLOT(((Fields *)t)->node, engine.of_node.name), Py_NewRef(way->named));
        return t;
    }
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

static PyObject *power(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4 || !PyTuple_CheckExact(args[1]) || PyTuple_GET_SIZE(args[1]) != 4 || !PyUnicode_Check(args[2]))
        return PyErr_Format(PyExc_TypeError, "power(op, plans, name, slow)");
    Way *way = new_way(call_power, args[0], args[3]);
    if (way) way->plan = Py_NewRef(args[1]), way->named = Py_NewRef(args[2]);
    return (PyObject *)way;
}

PyMethodDef powers_methods[] = {
    KERNEL(power, "power(op, plans, name, slow): (x, exponent) -> x ** exponent; `name` is that of the node beside a number."),
    {0},
};
