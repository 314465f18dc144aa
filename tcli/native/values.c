/* What programs ask of a tensor: its sizes, its dtype, its numbers. Each function does the common case, a tensor whose array is
   NumPy's, and leaves the rest, errors included, to the method in Python that it was made with. */
#include "fresh.h"

#define DIMS 4      /* of shapes that are looked up by their sizes */
#define SHAPES 256

/* ---------------------------------------------------------------- shape and dtype */

typedef struct {
    PyObject *size;
    npy_intp dims[DIMS];
    int n;
} Known;

static Known known_shapes[SHAPES];

static Known *place_of_shape(PyArrayObject *a) {
    size_t hash = PyArray_NDIM(a);
    for (int d = 0; d < PyArray_NDIM(a); d++) hash = hash * 31 + (size_t)PyArray_DIM(a, d);
    return &known_shapes[(hash ^ (hash >> 8)) % SHAPES];
}

static bool is_shape_of(const Known *known, PyArrayObject *a) {
    if (!known->size || known->n != PyArray_NDIM(a)) return false;
    for (int d = 0; d < known->n; d++)
        if (known->dims[d] != PyArray_DIM(a, d)) return false;
    return true;
}

/* The `Size` of any shape, the same one for equal shapes. */
static PyObject *size_from(PyObject *shape) {
    PyObject *size = shape ? PyDict_GetItemWithError(engine.sizes, shape) : NULL;
    if (size) Py_INCREF(size);
    else if (shape && !PyErr_Occurred()) size = PyObject_CallOneArg(engine.size_of, shape);
    Py_XDECREF(shape);
    return size;
}

static PyObject *size_of_array(PyArrayObject *a) {
    Known *known = PyArray_NDIM(a) <= DIMS ? place_of_shape(a) : NULL;
    if (known && is_shape_of(known, a)) return Py_NewRef(known->size);
    PyObject *size = size_from(shape_of(a));
    if (!known || !size) return size;
    known->n = PyArray_NDIM(a);
    for (int d = 0; d < known->n; d++) known->dims[d] = PyArray_DIM(a, d);
    Py_XSETREF(known->size, Py_NewRef(size));
    return size;
}

/* Whether the engine is known here: a program that only shows a tensor from a file has not loaded what binds it. */
static bool is_bound(void) {
    if (engine.sizes) return true;
    PyObject *binder = PyImport_ImportModule("tcli.engine.callables");
    Py_XDECREF(binder);
    return binder && engine.sizes;
}

PyObject *get_shape(PyObject *self, void *nothing) {
    PyObject *a = ((Fields *)self)->a;
    (void)nothing;
    if (!is_bound() && PyErr_Occurred()) return NULL;
    if (!a || !engine.sizes) return PyErr_Format(PyExc_AttributeError, "shape");
    return PyArray_CheckExact(a) ? size_of_array((PyArrayObject *)a) : size_from(PyObject_GetAttrString(a, "shape"));
}

/* The dtypes of NumPy's own, by their numbers, as they come up. */
static struct {
    PyArray_Descr *of_numpy;
    PyObject *dtype;
} known_dtypes[NPY_VOID];

static PyObject *dtype_of_array(PyArrayObject *a) {
    PyArray_Descr *d = PyArray_DESCR(a);
    int type = d->type_num;
    if (type < NPY_VOID && known_dtypes[type].of_numpy == d) return known_dtypes[type].dtype;
    PyObject *found = engine.dtypes ? PyDict_GetItemWithError(engine.dtypes, (PyObject *)d) : NULL;
    if (found && type < NPY_VOID && !known_dtypes[type].of_numpy) {
        known_dtypes[type].of_numpy = (PyArray_Descr *)Py_NewRef((PyObject *)d);
        known_dtypes[type].dtype = Py_NewRef(found);
    }
    return found;
}

PyObject *get_dtype(PyObject *self, void *nothing) {
    Fields *t = (Fields *)self;
    (void)nothing;
    bool plain = t->a && PyArray_CheckExact(t->a) && t->half_complex == Py_False;
    PyObject *found = plain ? dtype_of_array((PyArrayObject *)t->a) : NULL;
    if (found) return Py_NewRef(found);
    if (PyErr_Occurred() || (!is_bound() && PyErr_Occurred())) return NULL;
    if (!t->a || !engine.dtypes) return PyErr_Format(PyExc_AttributeError, "dtype");
    return PyObject_CallOneArg(engine.dtype_of, self);
}

PyObject *get_ndim(PyObject *self, void *nothing) {
    PyObject *a = ((Fields *)self)->a;
    (void)nothing;
    if (!a) return PyErr_Format(PyExc_AttributeError, "ndim");
    return PyArray_CheckExact(a) ? PyLong_FromLong(PyArray_NDIM((PyArrayObject *)a)) : PyObject_GetAttrString(a, "ndim");
}

PyObject *get_requires_grad(PyObject *self, void *nothing) { return (void)nothing, Py_NewRef(((Fields *)self)->rg); }

int set_requires_grad(PyObject *self, PyObject *value, void *nothing) {
    (void)nothing;
    PyObject *done = value ? PyObject_CallMethod(self, "requires_grad_", "O", value) : PyErr_Format(PyExc_AttributeError, "requires_grad");
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* ---------------------------------------------------------------- numbers */

/* The array of a tensor that is the only argument; NULL for any other call. */
static PyArrayObject *only_array(PyObject *const *args, size_t nargsf, PyObject *names) {
    return PyVectorcall_NARGS(nargsf) == 1 && !names && is_ready(args[0]) ? array_of(args[0]) : NULL;
}

#define READ(a, method) \
    static PyObject *call_##method(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) { \
        PyArrayObject *a = only_array(args, nargsf, names);                                                  \
        PyObject *r = a ? method(args[0], a) : NULL;                                                         \
        return r ? r : go_on_after_error((Way *)self, args, nargsf, names);                                  \
    }

/* A number as Python has it; NULL for less common dtypes. */
static PyObject *number_at(const char *at, int type) {
    switch (type) {
    case NPY_FLOAT32: return PyFloat_FromDouble(*(const float *)at);
    case NPY_FLOAT64: return PyFloat_FromDouble(*(const double *)at);
    case NPY_INT64: return PyLong_FromLongLong(*(const int64_t *)at);
    case NPY_BOOL: return Py_NewRef(*at ? Py_True : Py_False);
    }
    return NULL;
}

static bool is_plain(PyArrayObject *a) { return PyArray_ISBEHAVED_RO(a); }

static PyObject *item(PyObject *t, PyArrayObject *a) {
    (void)t;
    return is_plain(a) && PyArray_SIZE(a) == 1 ? number_at(PyArray_BYTES(a), PyArray_TYPE(a)) : NULL;
}
READ(a, item)

static PyObject *as_float(PyObject *t, PyArrayObject *a) {
    PyObject *number = item(t, a);
    if (!number || PyFloat_CheckExact(number)) return number;
    PyObject *value = PyNumber_Float(number);
    Py_DECREF(number);
    return value;
}
READ(a, as_float)

static PyObject *as_int(PyObject *t, PyArrayObject *a) {
    PyObject *number = item(t, a), *value = number ? PyNumber_Long(number) : NULL;
    Py_XDECREF(number);
    return value;
}
READ(a, as_int)

static PyObject *truth(PyObject *t, PyArrayObject *a) {
    PyObject *number = item(t, a);
    if (!number) return NULL;
    int is_true = PyObject_IsTrue(number);
    Py_DECREF(number);
    return is_true < 0 ? NULL : Py_NewRef(is_true ? Py_True : Py_False);
}
READ(a, truth)

/* The numbers of dim `d` on, which begin at `at`. */
static PyObject *list_from(PyArrayObject *a, int d, const char *at) {
    if (d == PyArray_NDIM(a)) return number_at(at, PyArray_TYPE(a));
    PyObject *list = PyList_New(PyArray_DIM(a, d));
    for (npy_intp i = 0; list && i < PyArray_DIM(a, d); i++) {
        PyObject *o = list_from(a, d + 1, at + i * PyArray_STRIDE(a, d));
        if (o) PyList_SET_ITEM(list, i, o);
        else Py_CLEAR(list);
    }
    return list;
}

static PyObject *tolist(PyObject *t, PyArrayObject *a) {
    (void)t;
    return is_plain(a) ? list_from(a, 0, PyArray_BYTES(a)) : NULL;
}
READ(a, tolist)

/* ---------------------------------------------------------------- sizes by methods */

static PyObject *dim(PyObject *t, PyArrayObject *a) { return (void)t, PyLong_FromLong(PyArray_NDIM(a)); }
READ(a, dim)

static PyObject *numel(PyObject *t, PyArrayObject *a) { return (void)t, PyLong_FromSsize_t(PyArray_SIZE(a)); }
READ(a, numel)

static PyObject *length(PyObject *t, PyArrayObject *a) { return (void)t, PyArray_NDIM(a) ? PyLong_FromSsize_t(PyArray_DIM(a, 0)) : NULL; }
READ(a, length)

/* Without the strides that NumPy leaves at 0, or has for empty arrays. */
static PyObject *stride(PyObject *t, PyArrayObject *a) {
    (void)t;
    int n = PyArray_NDIM(a);
    for (int d = 0; d < n; d++)
        if (!PyArray_DIM(a, d) || !PyArray_STRIDE(a, d)) return NULL;
    PyObject *strides = PyTuple_New(n);
    for (int d = 0; strides && d < n; d++) {
        PyObject *each = PyLong_FromSsize_t(PyArray_STRIDE(a, d) / PyArray_ITEMSIZE(a));
        if (each) PyTuple_SET_ITEM(strides, d, each);
        else Py_CLEAR(strides);
    }
    return strides;
}
READ(a, stride)

static PyObject *is_contiguous(PyObject *t, PyArrayObject *a) { return (void)t, PyBool_FromLong(PyArray_IS_C_CONTIGUOUS(a)); }
READ(a, is_contiguous)

static PyObject *call_size(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *a = (n == 1 || n == 2) && !names && is_ready(args[0]) ? array_of(args[0]) : NULL;
    if (a && n == 1) return size_of_array(a);
    if (a && PyLong_CheckExact(args[1])) {
        int overflow = 0;
        long d = PyLong_AsLongAndOverflow(args[1], &overflow);
        if (d < 0) d += PyArray_NDIM(a);
        if (!overflow && d >= 0 && d < PyArray_NDIM(a)) return PyLong_FromSsize_t(PyArray_DIM(a, d));
    }
    return go_on((Way *)self, args, nargsf, names);
}

/* The text of a tensor without dims is that of its number. */
static PyObject *call_format(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 2 && !names && is_ready(args[0]) ? array_of(args[0]) : NULL;
    PyObject *number = a && !PyArray_NDIM(a) ? item(args[0], a) : NULL;
    PyObject *text = number ? PyObject_Format(number, args[1]) : NULL;
    Py_XDECREF(number);
    return text ? text : go_on_after_error((Way *)self, args, nargsf, names);
}

/* ---------------------------------------------------------------- the same memory elsewhere */

static PyObject *detach(PyObject *t, PyArrayObject *a) {
    if (is_set(engine.of_state.inference)) return NULL;
    Fields *r = (Fields *)tensor_around(Py_NewRef((PyObject *)a));
    if (r) put(&r->v, Py_NewRef(((Fields *)t)->v));
    return (PyObject *)r;
}
READ(a, detach)

static PyObject *contiguous(PyObject *t, PyArrayObject *a) { return PyArray_IS_C_CONTIGUOUS(a) ? Py_NewRef(t) : NULL; }
READ(a, contiguous)

static PyObject *cpu(PyObject *t, PyArrayObject *a) { return (void)a, Py_NewRef(t); }
READ(a, cpu)

/* The array itself, of which it is known that its memory left. */
static PyObject *numpy(PyObject *t, PyArrayObject *a) {
    bool takes = ((Fields *)t)->rg != Py_True && !is_read_later((PyObject *)a) && PyArray_DESCR(a)->kind != 'V';
    PyObject *root = (PyObject *)a;
    while (PyArray_CheckExact(root) && PyArray_BASE((PyArrayObject *)root)) root = PyArray_BASE((PyArrayObject *)root);
    PyObject *key = takes ? PyLong_FromVoidPtr(root) : NULL;
    int found = key ? PyDict_Contains(engine.exposed, key) : 0;
    Py_XDECREF(key);
    return found == 1 ? Py_NewRef((PyObject *)a) : NULL;
}
READ(a, numpy)

/* ---------------------------------------------------------------- what Python calls */

static const struct {
    const char *name;
    vectorcallfunc call;
} readers[] = {
    {"item", call_item}, {"__float__", call_as_float}, {"__int__", call_as_int}, {"__bool__", call_truth}, {"tolist", call_tolist},
    {"dim", call_dim}, {"numel", call_numel}, {"__len__", call_length}, {"size", call_size}, {"stride", call_stride},
    {"is_contiguous", call_is_contiguous}, {"contiguous", call_contiguous}, {"cpu", call_cpu}, {"detach", call_detach},
    {"numpy", call_numpy}, {"to", call_to}, {"__format__", call_format},
};

static PyObject *reading(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2 || !PyUnicode_Check(args[0])) return PyErr_Format(PyExc_TypeError, "reading(name, slow)");
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (PyUnicode_CompareWithASCIIString(args[0], readers[i].name) == 0)
            return (PyObject *)new_way(readers[i].call, Py_None, args[1]);
    Py_RETURN_FALSE;
}

PyMethodDef values_methods[] = {
    KERNEL(reading, "reading(name, slow): the method of that name of a tensor."),
    {0},
};
