/* The short ways of `where`, `masked_fill` and `masked_fill_` for operands of the shape of the mask, and for numbers. */
#include "quick.h"

/* The array of a mask that lies flat; NULL for anything else. */
static PyArrayObject *mask_of(PyObject *o) {
    PyArrayObject *a = is_ready(o) ? array_of(o) : NULL;
    return a && PyArray_TYPE(a) == NPY_BOOL && is_flat(a) && PyArray_SIZE(a) <= engine.small ? a : NULL;
}

/* One side of a choice: its first element, and bytes to the next one. */
typedef struct {
    const char *data;
    isize step;
    Number number;
} Side;

/* Where `o` is an array of that kind and shape, or a number for it. */
static bool take_side(Side *side, PyObject *o, PyArrayObject *like, int kind) {
    PyArrayObject *a = is_ready(o) ? array_of(o) : NULL;
    if (a) {
        side->data = PyArray_BYTES(a), side->step = PyArray_ITEMSIZE(a);
        return kind_of(a) == kind && is_flat(a) && same_shape(a, like);
    }
    side->data = (char *)&side->number, side->step = 0;
    return as_number(o, kind, true, &side->number);
}

#define CHOOSE(T)                                                                                             \
    static void choose_##T(const npy_bool *mask, const Side *x, const Side *y, T *out, isize n) {             \
        for (isize i = 0; i < n; i++) {                                                                       \
            T a = *(const T *)(x->data + i * x->step), b = *(const T *)(y->data + i * y->step);               \
            out[i] = mask[i] ? a : b;                                                                         \
        }                                                                                                     \
    }
CHOOSE(uint32_t)
CHOOSE(uint64_t)

/* A new array of that kind: x where the mask is set, else y. */
static PyObject *chosen(PyArrayObject *mask, const Side *x, const Side *y, int kind) {
    int type = kind == OF_FLOAT32 ? NPY_FLOAT32 : kind == OF_FLOAT64 ? NPY_FLOAT64 : NPY_INT64;
    PyObject *r = PyArray_SimpleNew(PyArray_NDIM(mask), PyArray_DIMS(mask), type);
    void *out = r ? PyArray_DATA((PyArrayObject *)r) : NULL;
    if (r && kind == OF_FLOAT32) choose_uint32_t(PyArray_DATA(mask), x, y, out, PyArray_SIZE(mask));
    else if (r) choose_uint64_t(PyArray_DATA(mask), x, y, out, PyArray_SIZE(mask));
    return r;
}

static int kind_at(PyObject *o) {
    PyArrayObject *a = is_ready(o) ? array_of(o) : NULL;
    return a ? kind_of(a) : -1;
}

/* The tensor around `r`: what way's op gives for three values, recorded under the name that the way has. */
static PyObject *result_of(Way *way, PyObject *const *values, PyObject *r) {
    bool records = is_recorded(values[0]) || is_recorded(values[1]) || is_recorded(values[2]);
    PyObject *t = records && is_set(engine.of_state.odd) ? NULL : tensor_around(Py_XNewRef(r));
    Py_XDECREF(r);
    if (t && (!records || record_values(way->op, values, 3, (Fields *)t, way->named) == 1)) return t;
    Py_XDECREF(t);
    return NULL;
}

/* where(mask, x, other); one of the two is a tensor */
static PyObject *call_where(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *mask = PyVectorcall_NARGS(nargsf) == 3 && !names ? mask_of(args[0]) : NULL;
    int kind = mask ? max_of(kind_at(args[1]), kind_at(args[2])) : -1;
    Side x, y;
    if (kind < 0 || !take_side(&x, args[1], mask, kind) || !take_side(&y, args[2], mask, kind)) return go_on(way, args, nargsf, names);
    PyObject *t = result_of(way, args, chosen(mask, &x, &y, kind));
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* x.masked_fill(mask, number) */
static PyObject *call_masked_fill(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *mask = PyVectorcall_NARGS(nargsf) == 3 && !names ? mask_of(args[1]) : NULL;
    int kind = mask ? kind_at(args[0]) : -1;
    Side x, number = {.data = (char *)&number.number};
    if (kind < 0 || !take_side(&x, args[0], mask, kind) || !fits_number(array_of(args[0]), args[2], &number.number))
        return go_on(way, args, nargsf, names);
    PyObject *t = result_of(way, args, chosen(mask, &number, &x, kind));
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

bool fill_masked(PyArrayObject *a, PyObject *mask_, PyObject *number_) {
    PyArrayObject *mask = mask_of(mask_);
    Number number;
    if (!mask || !same_shape(a, mask) || touches(a, mask) || !fits_number(a, number_, &number)) return false;
    isize size = PyArray_ITEMSIZE(a);
    for (isize i = 0; i < PyArray_SIZE(a); i++)
        if (((npy_bool *)PyArray_DATA(mask))[i]) memcpy(PyArray_BYTES(a) + i * size, &number, size);
    return true;
}

/* ---------------------------------------------------------------- what Python calls */

static PyObject *made(PyObject *const *args, Py_ssize_t n, vectorcallfunc call) {
    if (n != 3) return PyErr_Format(PyExc_TypeError, "a choice wants (op, name, slow)");
    Way *way = new_way(call, args[0], args[2]);
    if (way) way->named = Py_NewRef(args[1]);
    return (PyObject *)way;
}

static PyObject *choosing(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_where); }

static PyObject *masking(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_masked_fill); }

PyMethodDef choices_methods[] = {
    KERNEL(choosing, "choosing(op, name, slow): (mask, x, other) -> x where the mask is set, else other; op records it under a name."),
    KERNEL(masking, "masking(op, name, slow): (x, mask, number) -> x.masked_fill(mask, number)."),
    {0},
};
