/* The short ways of conversions between bools, integers and floats: `x.float()`, `x.to(torch.float64)`. */
#include "fresh.h"

/* ---------------------------------------------------------------- loops */

typedef void (*Cast)(const void *from, void *to, isize n);

#define EVERY_TYPE(DO, other) DO(float, other) DO(double, other) DO(int64_t, other) DO(int32_t, other) DO(bool, other)

#define CAST(from, to)                                                       \
    static void cast_##from##_##to(const void *from_data, void *to_data, isize n) { \
        const from *RESTRICT a = from_data;                                  \
        to *RESTRICT b = to_data;                                            \
        for (isize i = 0; i < n; i++) b[i] = (to)a[i];                       \
    }
EVERY_TYPE(CAST, float)
EVERY_TYPE(CAST, double)
EVERY_TYPE(CAST, int64_t)
EVERY_TYPE(CAST, int32_t)
EVERY_TYPE(CAST, bool)

static const int types[] = {NPY_FLOAT32, NPY_FLOAT64, NPY_INT64, NPY_INT32, NPY_BOOL};

#define TYPES (int)(sizeof types / sizeof *types)
#define NAME(from, to) cast_##from##_##to,
#define ROW(to) {EVERY_TYPE(NAME, to)}

static const Cast casts[TYPES][TYPES] = {ROW(float), ROW(double), ROW(int64_t), ROW(int32_t), ROW(bool)}; /* [to][from] */

/* Which of the types a dtype is; -1 for others. */
static int place_of(PyArray_Descr *d) {
    int i = 0;
    while (i < TYPES && types[i] != d->type_num) i++;
    return i < TYPES && PyArray_ISNBO(d->byteorder) ? i : -1;
}

/* ---------------------------------------------------------------- tensors */

/* x with a dtype, itself where it has that; NULL, without an error perhaps, for what takes more. */
static PyObject *converted(PyObject *x, PyArray_Descr *d) {
    PyArrayObject *a = d && is_ready(x) ? array_of(x) : NULL;
    int from = a ? place_of(PyArray_DESCR(a)) : -1, to = a ? place_of(d) : -1;
    if (from < 0 || to < 0) return NULL;
    if (from == to) return Py_NewRef(x);
    bool records = ((Fields *)x)->rg == Py_True && is_set(engine.of_state.grad);
    if (records || PyArray_SIZE(a) > engine.small || !PyArray_ISCARRAY_RO(a)) return NULL;
    PyObject *r = PyArray_SimpleNew(PyArray_NDIM(a), PyArray_DIMS(a), types[to]);
    if (r) casts[to][from](PyArray_DATA(a), PyArray_DATA((PyArrayObject *)r), PyArray_SIZE(a));
    return tensor_around(r);
}

/* x.float() */
static PyObject *call_conversion(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyObject *t = PyVectorcall_NARGS(nargsf) == 1 && !names ? converted(args[0], (PyArray_Descr *)way->op) : NULL;
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* x.to(dtype), x.to("cpu") */
PyObject *call_to(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    bool one = PyVectorcall_NARGS(nargsf) == 2 && !names;
    if (one && PyUnicode_CheckExact(args[1]) && PyUnicode_CompareWithASCIIString(args[1], "cpu") == 0 && is_ready(args[0]) &&
        array_of(args[0]))
        return Py_NewRef(args[0]);
    PyObject *t = one ? converted(args[0], numpy_of(args[1])) : NULL;
    return t ? t : go_on_after_error((Way *)self, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

static PyObject *converting(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2 || !PyArray_DescrCheck(args[0])) return PyErr_Format(PyExc_TypeError, "converting(dtype, slow)");
    if (place_of((PyArray_Descr *)args[0]) < 0) Py_RETURN_FALSE;
    return (PyObject *)new_way(call_conversion, args[0], args[1]);
}

PyMethodDef casts_methods[] = {
    KERNEL(converting, "converting(dtype, slow): the method that converts a tensor to that dtype of NumPy."),
    {0},
};
