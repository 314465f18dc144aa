/* The short ways of ops on one tensor that give several, such as `sort`; and of composites that hand their tensor on to
   another op, such as `softmax` or `max`: which one, and with what options, is part of what is remembered of a call. */
#include "quick.h"

/* ---------------------------------------------------------------- several results */

/* The tensors around a tuple of arrays, in a tuple of the class; NULL without an error where it is none. */
static PyObject *tensors_around(PyObject *arrays, PyTypeObject *class) {
    isize n = PyTuple_CheckExact(arrays) ? PyTuple_GET_SIZE(arrays) : 0;
    for (isize i = 0; i < n; i++)
        if (!PyArray_CheckExact(PyTuple_GET_ITEM(arrays, i))) return NULL;
    PyObject *tensors = n ? class->tp_alloc(class, n) : NULL;
    for (isize i = 0; tensors && i < n; i++) {
        PyObject *t = tensor_around(Py_NewRef(PyTuple_GET_ITEM(arrays, i)));
        if (t) PyTuple_SET_ITEM(tensors, i, t);
        else Py_CLEAR(tensors);
    }
    return tensors;
}

/* A result that ("out", i) asks for; NULL for anything else. */
static PyObject *saved_result(PyObject *fetch, PyObject *tensors, PyObject *node) {
    if (!PyTuple_CheckExact(fetch) || PyTuple_GET_SIZE(fetch) != 2 || !PyLong_CheckExact(PyTuple_GET_ITEM(fetch, 1)) ||
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(fetch, 0), "out") != 0)
        return NULL;
    isize i = PyLong_AsSsize_t(PyTuple_GET_ITEM(fetch, 1));
    PyObject *edge = i >= 0 && i < PyTuple_GET_SIZE(tensors) ? PyTuple_Pack(2, node, PyTuple_GET_ITEM(fetch, 1)) : NULL;
    PyObject *saved = edge ? saved_of((Fields *)PyTuple_GET_ITEM(tensors, i), edge) : NULL;
    Py_XDECREF(edge);
    return saved;
}

static bool fill_saved(PyObject *list, Way *way, PyObject *x, PyObject *edge, PyObject *options, PyObject *tensors, PyObject *node) {
    PyObject *saves = SLOT(way->plan, engine.saves);
    for (isize i = 0; i < PyList_GET_SIZE(saves); i++) {
        PyObject *fetch = PyList_GET_ITEM(saves, i);
        PyObject *value = fetch == engine.shape   ? shape_of(array_of(x))
                          : fetch == engine.first ? saved_of((Fields *)x, edge)
                                                  : saved_result(fetch, tensors, node);
        if (!value && !PyErr_Occurred()) value = option_of(fetch, options);
        bool well = value && PyList_Append(list, value) == 0;
        Py_XDECREF(value);
        if (!well) return false;
    }
    return true;
}

static bool record_several(Way *way, PyObject *x, PyObject *options, PyObject *tensors) {
    isize n = PyTuple_GET_SIZE(tensors), first = 0;
    while (first < n && !is_differentiable((PyArrayObject *)((Fields *)PyTuple_GET_ITEM(tensors, first))->a)) first++;
    if (first == n) return true;
    PyArrayObject *like = (PyArrayObject *)((Fields *)PyTuple_GET_ITEM(tensors, first))->a;
    PyObject *edge = edge_to((Fields *)x), *name = edge ? name_of_node(way, x, options) : NULL, *saved = name ? PyList_New(0) : NULL;
    PyObject *edges = saved ? PyTuple_Pack(1, edge) : NULL, *node = NULL;
    if (edges) node = node_of(like, way->op, way->plan, edges, Py_NewRef(saved), name);
    bool well = node && fill_saved(saved, way, x, edge, options, tensors, node);
    for (isize i = 0; well && i < n; i++) {
        Fields *t = (Fields *)PyTuple_GET_ITEM(tensors, i);
        if (is_differentiable((PyArrayObject *)t->a)) well = record_pick(t, node, i);
    }
    Py_XDECREF(edge), Py_XDECREF(name), Py_XDECREF(saved), Py_XDECREF(node);
    return well;
}

PyObject *several_results(Way *way, PyObject *x, PyObject *options, PyObject *r, PyObject *class) {
    PyObject *tensors = r && PyTuple_Check(r) ? tensors_around(r, (PyTypeObject *)class) : NULL;
    Py_XDECREF(r);
    bool records = tensors && way->plan != Py_None && ((Fields *)x)->rg == Py_True && is_set(engine.of_state.grad);
    if (tensors && (!records || (!is_set(engine.of_state.odd) && record_several(way, x, options, tensors)))) return tensors;
    Py_XDECREF(tensors);
    return NULL;
}

static PyObject *call_several(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *a = n && is_ready(args[0]) ? array_of(args[0]) : NULL;
    PyObject *known = a && takes(way, a) ? known_way(way, a, args + 1, n - 1, names) : NULL;
    if (!known) return go_on(way, args, nargsf, names);
    PyObject *r = several_results(way, args[0], PyTuple_GET_ITEM(known, 0), run_kernel(way, a, known), way->ufunc);
    Py_DECREF(known);
    return r ? r : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- another op's result */

/* What is remembered of a call is (options, kernel, the function of the op, the class of several results or None). */
static PyObject *call_passing(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *a = n && is_ready(args[0]) ? array_of(args[0]) : NULL;
    PyObject *known = a && takes(way, a) ? known_way(way, a, args + 1, n - 1, names) : NULL;
    bool fits = known && PyTuple_GET_SIZE(known) == 4 && Py_TYPE(PyTuple_GET_ITEM(known, 2)) == &Way_Type;
    Way *of = fits ? (Way *)PyTuple_GET_ITEM(known, 2) : NULL;
    if (!of || !takes(of, a)) {
        Py_XDECREF(known);
        return go_on(way, args, nargsf, names);
    }
    PyObject *options = PyTuple_GET_ITEM(known, 0), *class = PyTuple_GET_ITEM(known, 3), *r = run_kernel(of, a, known);
    r = class == Py_None ? single_result(of, args[0], options, r) : several_results(of, args[0], options, r, class);
    Py_DECREF(known);
    return r ? r : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

static bool is_tuple_class(PyObject *o) { return PyType_Check(o) && PyType_IsSubtype((PyTypeObject *)o, &PyTuple_Type); }

static PyObject *several(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 7 || !is_tuple_class(args[6])) return PyErr_Format(PyExc_TypeError, "several(op, plan, memory, named, slow, any_dtype, class)");
    Way *way = (Way *)with_options(args, call_several);
    if (way) way->any_dtype = PyObject_IsTrue(args[5]), way->in_rows = true, way->ufunc = Py_NewRef(args[6]);
    return (PyObject *)way;
}

static PyObject *passing(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "passing(op, memory, slow)");
    PyObject *all[] = {args[0], Py_None, args[1], Py_None, args[2]};
    Way *way = (Way *)with_options(all, call_passing);
    if (way) way->any_dtype = true;
    return (PyObject *)way;
}

PyMethodDef several_methods[] = {
    KERNEL(several, "several(op, plan, memory, named, slow, any_dtype, class): the function of an op on one tensor that gives several."),
    KERNEL(passing, "passing(op, memory, slow): the function of a composite that hands its one tensor on to another op."),
    {0},
};
