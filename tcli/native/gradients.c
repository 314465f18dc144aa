/* Where backward passes begin: what engine/backward.py and engine/autograd.py call. */
#include "walk.h"

/* Whether passes may run here: nobody watches them, and they make no inference tensors. */
static bool is_open(void) {
    return engine.ready && PySet_GET_SIZE(engine.ready) && !PyList_GET_SIZE(engine.observers) && !is_set(engine.of_state.inference);
}

static PyObject *walk_arrays(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3 || !engine.ready || !is_node(args[0]) || !PyArray_CheckExact(args[1])) Py_RETURN_FALSE;
    PyObject *captured;
    int retain = PyObject_IsTrue(args[2]), done = retain < 0 ? -1 : walk_from(args, args + 1, 1, NULL, retain, false, &captured);
    return done < 0 ? NULL : PyBool_FromLong(done);
}

static PyObject *walk_graph(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 5 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1]) || !is_open()) Py_RETURN_FALSE;
    isize count = PyList_GET_SIZE(args[0]);
    bool fits = count == PyList_GET_SIZE(args[1]) && (args[4] == Py_None || PyList_CheckExact(args[4]));
    for (isize i = 0; fits && i < count; i++) fits = PyObject_TypeCheck(PyList_GET_ITEM(args[1], i), &Fields_Type);
    if (!fits) Py_RETURN_FALSE;
    int retain = PyObject_IsTrue(args[2]), records = PyObject_IsTrue(args[3]);
    if (retain < 0 || records < 0) return NULL;
    PyObject *captured, *inputs = args[4] == Py_None ? NULL : args[4];
    int done = walk_from(PySequence_Fast_ITEMS(args[0]), PySequence_Fast_ITEMS(args[1]), count, inputs, retain, records, &captured);
    if (done <= 0) return done ? NULL : Py_NewRef(Py_False);
    return captured ? captured : Py_NewRef(Py_None);
}

/* ---------------------------------------------------------------- gradients of some tensors */

/* The edge of a tensor whose gradient may be asked for, a new reference; NULL without an error for anything else. */
static PyObject *edge_of_ready(PyObject *t) {
    return is_ready(t) && array_of(t) && ((Fields *)t)->rg == Py_True ? edge_to((Fields *)t) : NULL;
}

/* The edges of one tensor or a list or tuple of them: a new list; NULL without an error for anything else. */
static PyObject *edges_of(PyObject *tensors) {
    bool many = PyList_CheckExact(tensors) || PyTuple_CheckExact(tensors);
    isize n = many ? PySequence_Fast_GET_SIZE(tensors) : 1;
    PyObject *edges = PyList_New(n);
    for (isize i = 0; edges && i < n; i++) {
        PyObject *edge = edge_of_ready(many ? PySequence_Fast_GET_ITEM(tensors, i) : tensors);
        if (edge) PyList_SET_ITEM(edges, i, edge);
        else Py_CLEAR(edges);
    }
    return edges;
}

static PyObject *filled_with_one(PyArrayObject *like) {
    PyObject *a = PyArray_EMPTY(PyArray_NDIM(like), PyArray_DIMS(like), PyArray_TYPE(like), 0);
    if (!a) return NULL;
    if (PyArray_TYPE(like) == NPY_FLOAT32) *(float *)PyArray_DATA((PyArrayObject *)a) = 1;
    else *(double *)PyArray_DATA((PyArrayObject *)a) = 1;
    return a;
}

/* What flows into the graph at `t`: `g`, or 1 where that is None. NULL without an error for what is not plain. */
static PyObject *seed_of(PyObject *t, PyObject *g, bool records) {
    PyArrayObject *a = array_of(t);
    if (kind_of(a) != OF_FLOAT32 && kind_of(a) != OF_FLOAT64) return NULL;
    if (g != Py_None) {
        PyArrayObject *b = is_ready(g) ? array_of(g) : NULL;
        return b && PyArray_DESCR(b) == PyArray_DESCR(a) && same_shape(a, b) ? Py_NewRef(g) : NULL;
    }
    if (PyArray_SIZE(a) != 1) return NULL;
    PyObject *one = records || PyArray_NDIM(a) ? NULL : PyDict_GetItemWithError(engine.ones, (PyObject *)PyArray_DESCR(a));
    if (one) return Py_NewRef(one);
    one = PyErr_Occurred() ? NULL : filled_with_one(a);
    return one && records ? tensor_around(one) : one;
}

/* The seeds of one tensor or of a list or tuple of them: a new list; NULL without an error for what is not plain. */
static PyObject *seeds_of(PyObject *tensors, PyObject *gradients, isize n, bool records) {
    bool many = PyList_CheckExact(tensors) || PyTuple_CheckExact(tensors);
    bool each = PyList_CheckExact(gradients) || PyTuple_CheckExact(gradients);
    if (gradients != Py_None && (each ? PySequence_Fast_GET_SIZE(gradients) : 1) != n) return NULL;
    PyObject *seeds = PyList_New(n);
    for (isize i = 0; seeds && i < n; i++) {
        PyObject *t = many ? PySequence_Fast_GET_ITEM(tensors, i) : tensors;
        PyObject *seed = seed_of(t, each ? PySequence_Fast_GET_ITEM(gradients, i) : gradients, records);
        if (seed) PyList_SET_ITEM(seeds, i, seed);
        else Py_CLEAR(seeds);
    }
    return seeds;
}

/* `run` of engine/backward.py with the modes of `state` that belong to the pass. */
static int walk_alone(PyObject *roots, PyObject *seeds, PyObject *inputs, bool retain, bool records, PyObject **captured) {
    isize slots[] = {engine.of_state.grad, engine.of_state.roots, engine.of_state.wanted};
    PyObject *now[] = {Py_NewRef(records ? Py_True : Py_False), Py_NewRef(roots), Py_NewRef(Py_None)}, *before[3];
    for (int i = 0; i < 3; i++) before[i] = SLOT(engine.state, slots[i]), SLOT(engine.state, slots[i]) = now[i];
    int done = walk_from(PySequence_Fast_ITEMS(roots), PySequence_Fast_ITEMS(seeds), PyList_GET_SIZE(roots), inputs, retain, records,
                         captured);
    for (int i = 0; i < 3; i++) put(&SLOT(engine.state, slots[i]), before[i]);
    return done;
}

/* The gradients found, in order: a tuple, or a list where there are None among them. */
static PyObject *in_order(PyObject *captured, PyObject *inputs) {
    isize n = PyList_GET_SIZE(inputs);
    PyObject *found = PyTuple_New(n);
    bool all = true;
    for (isize i = 0; found && i < n; i++) {
        PyObject *g = PyDict_GetItemWithError(captured, PyList_GET_ITEM(inputs, i));
        PyTuple_SET_ITEM(found, i, Py_NewRef(g ? g : Py_None));
        all &= g != NULL;
        if (!g && PyErr_Occurred()) Py_CLEAR(found);
    }
    if (!found || all) return found;
    PyObject *list = PySequence_List(found);
    Py_DECREF(found);
    return list;
}

static PyObject *gradients(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 5 || !is_open()) Py_RETURN_FALSE;
    int retain = PyObject_IsTrue(args[3]), records = PyObject_IsTrue(args[4]);
    if (retain < 0 || records < 0) return NULL;
    PyObject *roots = edges_of(args[0]), *inputs = roots ? edges_of(args[1]) : NULL, *captured = NULL;
    PyObject *seeds = inputs ? seeds_of(args[0], args[2], PyList_GET_SIZE(roots), records) : NULL;
    int done = PyErr_Occurred() ? -1 : seeds ? walk_alone(roots, seeds, inputs, retain, records, &captured) : 0;
    PyObject *found = done < 0 ? NULL : done ? in_order(captured, inputs) : Py_NewRef(Py_False);
    Py_XDECREF(roots), Py_XDECREF(inputs), Py_XDECREF(seeds), Py_XDECREF(captured);
    return found;
}

/* ---------------------------------------------------------------- what a graph leads to */

static bool is_plain(PyObject *node) {
    if (Py_TYPE(node) == engine.accumulate) return SLOT(node, engine.of_leaf.hooks) == Py_None;
    return (is_node(node) || Py_TYPE(node) == engine.pick) && !has_hooks(node);
}

/* Whether the graph of some tensors leads to no other leaves than those of `own`, over nodes that run no code of a program. */
static PyObject *leads_only_to(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyObject *roots = n == 2 && engine.ready ? edges_of(args[0]) : NULL, *own = roots ? edges_of(args[1]) : NULL;
    Reach reach;
    int done = own ? find_reach(&reach, PySequence_Fast_ITEMS(roots), PyList_GET_SIZE(roots), own) : 0;
    bool only = done == 1;
    for (int i = 0; only && i < reach.n; i++) {
        Reached *found = &reach.nodes[i];
        only = is_plain(found->node) && (found->input || Py_TYPE(found->node) != engine.accumulate);
    }
    if (own) forget_reach(&reach);
    Py_XDECREF(roots), Py_XDECREF(own);
    return done < 0 || PyErr_Occurred() ? NULL : PyBool_FromLong(only);
}

PyMethodDef gradients_methods[] = {
    KERNEL(walk_arrays, "walk_arrays(node, g, retain_graph): gradients from one node to all leaves."),
    KERNEL(walk_graph, "walk_graph(roots, gradients, retain_graph, create_graph, inputs): to all leaves, None; or to inputs, in a dict."),
    KERNEL(gradients, "gradients(outputs, inputs, gradients, retain_graph, create_graph): a tuple, or a list with None among them."),
    KERNEL(leads_only_to, "leads_only_to(tensors, leaves): whether their graph leads nowhere else, and no code of a program takes part."),
    {0},
};
