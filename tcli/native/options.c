/* The short way of ops on one tensor with options: each way a call is written is looked up with the options it stands for.

   The memory is the one of engine/ways.py, which also says what a key is made of: the number of dims, then for each
   argument what tells it from others. A way that is not in the memory goes the long road, and is there the next time. */
#include "quick.h"

#define MOST_PARTS 24

/* ---------------------------------------------------------------- keys */

/* Parts of a key under way; each is a reference of its own. */
typedef struct {
    PyObject *parts[MOST_PARTS];
    isize n;
} Key;

static bool push(Key *key, PyObject *part) { /* takes over the reference */
    if (!part || key->n == MOST_PARTS) {
        Py_XDECREF(part);
        return false;
    }
    key->parts[key->n++] = part;
    return true;
}

static PyObject *tuple_of(Key *key, bool whole) {
    PyObject *made = whole ? PyTuple_New(key->n) : NULL;
    for (isize i = 0; i < key->n; i++) {
        if (made) PyTuple_SET_ITEM(made, i, key->parts[i]);
        else Py_DECREF(key->parts[i]);
    }
    return made;
}

static bool push_types(Key *key, PyObject *tuple) {
    for (isize i = 0; i < PyTuple_GET_SIZE(tuple); i++)
        if (!push(key, Py_NewRef((PyObject *)Py_TYPE(PyTuple_GET_ITEM(tuple, i))))) return false;
    return true;
}

/* What tells a value from others: 1 == True == 1.0, and 0.0 == -0.0. */
static bool push_value(Key *key, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    if (!push(key, Py_NewRef((PyObject *)type))) return false;
    if (PyTuple_Check(value) || PyList_CheckExact(value)) {
        PyObject *tuple = PySequence_Tuple(value);
        return push(key, tuple) && push_types(key, tuple);
    }
    if (PyFloat_CheckExact(value)) return push(key, PyFloat_AS_DOUBLE(value) ? Py_NewRef(value) : PyObject_Str(value));
    bool plain = PyLong_Check(value) || PyUnicode_CheckExact(value) || value == Py_None || (PyObject *)type == engine.dtype;
    return plain && push(key, Py_NewRef(value));
}

static bool is_int(PyObject *o) { return PyLong_CheckExact(o); }

static bool fill(Key *key, int dims, PyObject *const *args, isize n, PyObject *names) {
    isize n_names = names ? PyTuple_GET_SIZE(names) : 0;
    if (!push(key, PyLong_FromLong(dims))) return false;
    bool plain = n_names ? n_names == 1 && !n && is_int(args[0]) : n == 1 && is_int(args[0]);
    if (plain) return (!n_names || push(key, Py_NewRef(PyTuple_GET_ITEM(names, 0)))) && push(key, Py_NewRef(args[0]));
    for (isize i = 0; i < n; i++)
        if (!push_value(key, args[i])) return false;
    for (isize i = 0; i < n_names; i++)
        if (!push(key, Py_NewRef(PyTuple_GET_ITEM(names, i))) || !push_value(key, args[n + i])) return false;
    return true;
}

/* Views have keys of two integers, too. */
static bool fill_two(Key *key, int dims, PyObject *const *args) {
    return push(key, PyLong_FromLong(dims)) && push(key, Py_NewRef(args[0])) && push(key, Py_NewRef(args[1]));
}

PyObject *known_way(Way *way, PyArrayObject *a, PyObject *const *args, isize n, PyObject *names) {
    PyObject *key;
    if (!n && !names) key = PyLong_FromLong(PyArray_NDIM(a));
    else {
        Key parts = {.n = 0};
        bool two = way->call == call_view && n == 2 && !names && is_int(args[0]) && is_int(args[1]);
        key = tuple_of(&parts, two ? fill_two(&parts, PyArray_NDIM(a), args) : fill(&parts, PyArray_NDIM(a), args, n, names));
    }
    PyObject *known = key ? PyDict_GetItemWithError(way->memory, key) : NULL;
    Py_XDECREF(key);
    if (known && (!PyTuple_CheckExact(known) || PyTuple_GET_SIZE(known) < 2 || !PyTuple_CheckExact(PyTuple_GET_ITEM(known, 0))))
        known = NULL;
    if (!known) PyErr_Clear(); /* of a key that has no hash, for example */
    Py_XINCREF(known);
    return known;
}

/* ---------------------------------------------------------------- kernels, results, nodes */

static PyObject *call_with(PyObject *function, PyObject *first, PyObject *second, PyObject *options) {
    PyObject *args[MOST_PARTS] = {first, second};
    isize n = second ? 2 : 1, more = PyTuple_GET_SIZE(options);
    if (n + more > MOST_PARTS) return PyErr_Format(PyExc_TypeError, "too many options");
    for (isize i = 0; i < more; i++) args[n + i] = PyTuple_GET_ITEM(options, i);
    return PyObject_Vectorcall(function, args, n + more, NULL);
}

PyObject *run_kernel(Way *way, PyArrayObject *a, PyObject *known) {
    PyObject *options = PyTuple_GET_ITEM(known, 0), *run = PyTuple_GET_ITEM(known, 1);
    if (run != Py_None) return PyObject_CallOneArg(run, (PyObject *)a);
    if (!way->ufunc && !(way->ufunc = PyObject_CallOneArg(engine.kernel_of, way->op))) return NULL;
    return call_with(way->ufunc, engine.numpy, (PyObject *)a, options);
}

PyObject *name_of_node(Way *way, PyObject *x, PyObject *options) {
    if (way->named == Py_None) return Py_NewRef(Py_None);
    if (!way->by_options) return call_with(way->named, x, NULL, options);
    if (!way->by_shape) return PyTuple_Pack(2, way->named, options);
    PyObject *shape = shape_of(array_of(x)), *last = shape ? PyTuple_Pack(1, shape) : NULL;
    PyObject *both = last ? PySequence_Concat(options, last) : NULL, *name = both ? PyTuple_Pack(2, way->named, both) : NULL;
    Py_XDECREF(shape), Py_XDECREF(last), Py_XDECREF(both);
    return name;
}

static bool record_in_python(Way *way, PyObject *x, PyObject *options, PyObject *t) {
    PyObject *first = PyTuple_Pack(1, x), *values = first ? PySequence_Concat(first, options) : NULL;
    PyObject *done = values ? PyObject_CallFunctionObjArgs(engine.record_single, way->op, way->plan, x, values, t, NULL) : NULL;
    PyObject *name = done ? name_of_node(way, x, options) : NULL;
    bool well = name && (name == Py_None || PyObject_SetAttrString(((Fields *)t)->node, "_name", name) == 0);
    Py_XDECREF(first), Py_XDECREF(values), Py_XDECREF(done), Py_XDECREF(name);
    return well;
}

static bool record_options(Way *way, PyObject *x, PyObject *options, PyObject *t) {
    PyObject *edge = is_set(engine.of_state.odd) ? NULL : edge_to((Fields *)x);
    PyObject *saved = edge ? saved_values(way->plan, x, edge, NULL, NULL, options, (Fields *)t) : NULL;
    if (!saved) {
        Py_XDECREF(edge);
        return !PyErr_Occurred() && record_in_python(way, x, options, t);
    }
    PyObject *edges = PyTuple_Pack(1, edge), *name = name_of_node(way, x, options);
    Py_DECREF(edge);
    bool well = name && record_node((Fields *)t, way->op, way->plan, edges, saved, name);
    if (!name) Py_DECREF(saved), Py_XDECREF(edges);
    Py_XDECREF(name);
    return well;
}

bool is_differentiable(PyArrayObject *a) {
    char kind = PyArray_DESCR(a)->kind;
    return kind == 'f' || kind == 'c' || kind == 'V';
}

bool takes(Way *way, PyArrayObject *a) {
    PyArray_Descr *d = PyArray_DESCR(a);
    if (PyArray_SIZE(a) > engine.small || !PyArray_ISNOTSWAPPED(a)) return false;
    if (way->in_rows && PyArray_NDIM(a) > 1 && !PyArray_IS_C_CONTIGUOUS(a)) return false;
    if (d->type_num == NPY_FLOAT32 || d->type_num == NPY_FLOAT64) return true;
    if (!way->any_dtype) return false;
    char kind = d->kind;
    return kind == 'i' || kind == 'b' || d->type_num == NPY_UINT8;
}

PyObject *single_result(Way *way, PyObject *x, PyObject *options, PyObject *r) {
    if (r && !PyArray_CheckExact(r)) {
        PyObject *scalar = r;
        r = PyTuple_Check(scalar) ? NULL : PyArray_FromAny(scalar, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
        Py_DECREF(scalar);
    }
    PyObject *t = tensor_around(r);
    bool records = t && way->plan != Py_None && ((Fields *)x)->rg == Py_True && is_set(engine.of_state.grad) &&
                   is_differentiable((PyArrayObject *)r);
    if (t && (!records || record_options(way, x, options, t))) return t;
    Py_XDECREF(t);
    return NULL;
}

static PyObject *call_single(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *a = n && is_ready(args[0]) ? array_of(args[0]) : NULL;
    PyObject *known = a && takes(way, a) ? known_way(way, a, args + 1, n - 1, names) : NULL;
    if (!known) return go_on(way, args, nargsf, names);
    PyObject *t = single_result(way, args[0], PyTuple_GET_ITEM(known, 0), run_kernel(way, a, known));
    Py_DECREF(known);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

static bool has(PyObject *o, const char *name) {
    PyObject *found = PyObject_GetAttrString(o, name);
    PyErr_Clear();
    Py_XDECREF(found);
    return found != NULL;
}

PyObject *with_options(PyObject *const *args, vectorcallfunc call) {
    Way *way = PyDict_CheckExact(args[2]) ? new_way(call, args[0], args[4]) : NULL;
    if (!way) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "the memory of a way is a dict");
    way->plan = Py_NewRef(args[1]), way->memory = Py_NewRef(args[2]), way->named = Py_NewRef(args[3]);
    way->by_options = has(way->named, "by_options"), way->by_shape = has(way->named, "by_shape");
    return (PyObject *)way;
}

static PyObject *single(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 7) return PyErr_Format(PyExc_TypeError, "single(op, plan, memory, named, slow, any_dtype, in_rows)");
    Way *way = (Way *)with_options(args, call_single);
    if (way) way->any_dtype = PyObject_IsTrue(args[5]), way->in_rows = PyObject_IsTrue(args[6]);
    return (PyObject *)way;
}

PyMethodDef options_methods[] = {
    KERNEL(single, "single(op, plan, memory, named, slow, any_dtype, in_rows): the function of an op on one tensor with options."),
    {0},
};
