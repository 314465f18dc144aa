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

/* The array of them all; NULL, with or without an error, where they do not fit together. */
static PyObject *joined_array(const Parts *p, isize dim, bool is_new) {
    npy_intp shape[DIMS];
    int nd = PyArray_NDIM(p->of[0]) + is_new;
    if (nd > DIMS || !joint_shape(p, (int)dim, is_new, shape)) return NULL;
    PyObject *out = PyArray_SimpleNew(nd, shape, PyArray_TYPE(p->of[0]));
    isize before = 1;
    for (int d = 0; d < dim; d++) before *= shape[d];
    char *to = out ? PyArray_BYTES((PyArrayObject *)out) : NULL;
    for (isize k = 0; to && k < before; k++)
        for (isize i = 0; i < p->n; i++) {
            isize bytes = PyArray_NBYTES(p->of[i]) / before;
            memcpy(to, PyArray_BYTES(p->of[i]) + k * bytes, bytes);
            to += bytes;
        }
    return out;
}

static PyObject *edges_of(PyObject *tensors, isize n) {
    PyObject *edges = PyList_New(n);
    for (isize i = 0; edges && i < n; i++) {
        Fields *t = (Fields *)PySequence_Fast_GET_ITEM(tensors, i);
        PyObject *edge = t->rg == Py_True ? edge_to(t) : Py_NewRef(Py_None);
        if (edge) PyList_SET_ITEM(edges, i, edge);
        else Py_CLEAR(edges);
    }
    return edges;
}

static PyObject *shapes_of(const Parts *p) {
    PyObject *shapes = PyList_New(p->n);
    for (isize i = 0; shapes && i < p->n; i++) {
        PyObject *shape = shape_of(p->of[i]);
        if (shape) PyList_SET_ITEM(shapes, i, shape);
        else Py_CLEAR(shapes);
    }
    return shapes;
}

/* What a node keeps: the dim, and the shapes of the tensors for anything else that its plan asks for. */
static PyObject *kept_of(PyObject *plan, const Parts *p, isize dim) {
    PyObject *saves = SLOT(plan, engine.saves), *kept = PyList_New(PyList_GET_SIZE(saves));
    for (isize i = 0; kept && i < PyList_GET_SIZE(saves); i++) {
        PyObject *what = PyTuple_GET_ITEM(PyList_GET_ITEM(saves, i), 0);
        PyObject *value = PyUnicode_CompareWithASCIIString(what, "arg") == 0 ? PyLong_FromSsize_t(dim) : shapes_of(p);
        if (value) PyList_SET_ITEM(kept, i, value);
        else Py_CLEAR(kept);
    }
    return kept;
}

static bool record_joint(Way *way, const Parts *p, PyObject *tensors, isize dim, PyObject *t) {
    PyObject *edges = edges_of(tensors, p->n), *kept = edges ? kept_of(way->plan, p, dim) : NULL;
    if (kept) return record_node((Fields *)t, way->op, way->plan, edges, kept, Py_None);
    Py_XDECREF(edges);
    return false;
}

/* cat(tensors, dim), or stack where the way has a flag. */
static PyObject *call_join(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    bool is_new = way->alone, by_name = names && PyTuple_GET_SIZE(names) == 1 && n == 1 &&
                                        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "dim") == 0;
    PyObject *given = n == 2 || by_name ? args[1] : NULL;
    Parts p;
    int overflow = 0;
    if (n < 1 || n > 2 || (names && !by_name) || (given && !PyLong_CheckExact(given)) || !parts_of(&p, args[0]))
        return go_on(way, args, nargsf, names);
    long dim = given ? PyLong_AsLongAndOverflow(given, &overflow) : 0;
    int nd = PyArray_NDIM(p.of[0]) + is_new;
    if (dim < 0) dim += nd;
    bool records = p.needs && is_set(engine.of_state.grad);
    if (overflow || dim < 0 || dim >= nd || (records && is_set(engine.of_state.odd))) return go_on(way, args, nargsf, names);
    PyObject *t = tensor_around(joined_array(&p, dim, is_new));
    if (t && (!records || record_joint(way, &p, args[0], dim, t))) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

static PyObject *joining(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4) return PyErr_Format(PyExc_TypeError, "joining(op, plan, is_new, slow)");
    Way *way = new_way(call_join, args[0], args[3]);
    if (way) way->plan = Py_NewRef(args[1]), way->alone = args[2] == Py_True;
    return (PyObject *)way;
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
    KERNEL(joining, "joining(op, plan, is_new, slow): (tensors, dim) -> small tensors joined along a dim that they have or a new one."),
    KERNEL(are_equal, "are_equal(x, y): True for two small tensors of the same shape and numbers, None where they differ; False for "
                      "others."),
    {0},
};
