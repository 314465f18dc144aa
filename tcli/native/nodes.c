/* Tape entries, written straight into the slots of the classes of engine/tape.py: nodes, their outputs, what they save. */
#include "quick.h"

static long long sequence;

PyObject *edge_to(Fields *t) {
    PyObject *edge = t->node != Py_None ? t->node : t->leaf;
    return edge != Py_None ? Py_NewRef(edge) : PyObject_CallOneArg(engine.edge_of, (PyObject *)t);
}

PyObject *shape_of(PyArrayObject *a) {
    int n = PyArray_NDIM(a);
    PyObject *shape = PyTuple_New(n);
    for (int i = 0; shape && i < n; i++) {
        PyObject *size = PyLong_FromSsize_t(PyArray_DIM(a, i));
        if (!size) Py_CLEAR(shape);
        else PyTuple_SET_ITEM(shape, i, size);
    }
    return shape;
}

static bool note_place(PyObject *node) {
    PyObject *place = PyObject_CallNoArgs(engine.locate);
    bool done = place && PyObject_SetAttrString(node, "place", place) == 0;
    Py_XDECREF(place);
    return done;
}

PyObject *node_of(PyArrayObject *like, PyObject *op, PyObject *plan, PyObject *edges, PyObject *saved, PyObject *name) {
    PyObject *node = edges && saved ? engine.node->tp_alloc(engine.node, 0) : NULL;
    PyObject *shape = node ? shape_of(like) : NULL, *seq = shape ? PyLong_FromLongLong(++sequence) : NULL;
    if (!seq) {
        Py_XDECREF(node), Py_XDECREF(shape), Py_XDECREF(edges), Py_XDECREF(saved);
        return NULL;
    }
    SLOT(node, engine.of_node.op) = Py_NewRef(op);
    SLOT(node, engine.of_node.plan) = Py_NewRef(plan);
    SLOT(node, engine.of_node.edges) = edges;
    SLOT(node, engine.of_node.saved) = saved;
    SLOT(node, engine.of_node.seq) = seq;
    SLOT(node, engine.of_node.shape) = shape;
    SLOT(node, engine.of_node.dtype) = Py_NewRef((PyObject *)PyArray_DESCR(like));
    SLOT(node, engine.of_node.name) = Py_NewRef(name);
    if (is_set(engine.of_state.where) && !note_place(node)) Py_CLEAR(node);
    return node;
}

bool record_node(Fields *t, PyObject *op, PyObject *plan, PyObject *edges, PyObject *saved, PyObject *name) {
    PyObject *node = node_of((PyArrayObject *)t->a, op, plan, edges, saved, name);
    if (!node) return false;
    put(&t->node, node);
    put(&t->rg, Py_NewRef(Py_True));
    return true;
}

bool record_pick(Fields *t, PyObject *node, isize i) {
    PyObject *pick = engine.pick->tp_alloc(engine.pick, 0), *index = pick ? PyLong_FromSsize_t(i) : NULL;
    PyObject *shape = index ? shape_of((PyArrayObject *)t->a) : NULL, *seq = shape ? PyLong_FromLongLong(++sequence) : NULL;
    if (!seq) {
        Py_XDECREF(pick), Py_XDECREF(index), Py_XDECREF(shape);
        return false;
    }
    SLOT(pick, engine.of_pick.parent) = Py_NewRef(node);
    SLOT(pick, engine.of_pick.index) = index;
    SLOT(pick, engine.of_pick.shape) = shape;
    SLOT(pick, engine.of_pick.seq) = seq;
    SLOT(pick, engine.of_pick.dtype) = Py_NewRef((PyObject *)PyArray_DESCR((PyArrayObject *)t->a));
    SLOT(pick, engine.of_pick.hooks) = Py_NewRef(Py_None);
    put(&t->node, pick);
    put(&t->rg, Py_NewRef(Py_True));
    return true;
}

PyObject *saved_of(Fields *t, PyObject *edge) {
    PyObject *s = engine.saved->tp_alloc(engine.saved, 0);
    if (!s) return NULL;
    SLOT(s, engine.of_saved.array) = Py_NewRef(t->a);
    SLOT(s, engine.of_saved.versions) = Py_NewRef(t->v);
    SLOT(s, engine.of_saved.version) = Py_NewRef(PyList_GET_ITEM(t->v, 0));
    SLOT(s, engine.of_saved.edge) = Py_NewRef(edge);
    SLOT(s, engine.of_saved.hooked) = Py_NewRef(Py_None);
    return s;
}

/* The option that ("arg", i) asks for; NULL for anything else. */
PyObject *option_of(PyObject *fetch, PyObject *options) {
    if (!options || !PyTuple_CheckExact(fetch) || PyTuple_GET_SIZE(fetch) != 2) return NULL;
    PyObject *what = PyTuple_GET_ITEM(fetch, 0), *place = PyTuple_GET_ITEM(fetch, 1);
    if (!PyUnicode_CheckExact(what) || !PyLong_CheckExact(place) || PyUnicode_CompareWithASCIIString(what, "arg") != 0) return NULL;
    long i = PyLong_AsLong(place);
    return i >= 1 && i <= PyTuple_GET_SIZE(options) ? Py_NewRef(PyTuple_GET_ITEM(options, i - 1)) : NULL;
}

/* Whether `fetch` is ("shape", 1). */
static bool is_shape_of_second(PyObject *fetch) {
    if (!PyTuple_CheckExact(fetch) || PyTuple_GET_SIZE(fetch) != 2 || !PyLong_CheckExact(PyTuple_GET_ITEM(fetch, 1))) return false;
    return PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(fetch, 0), "shape") == 0 && PyLong_AsLong(PyTuple_GET_ITEM(fetch, 1)) == 1;
}

static PyObject *saved_value(PyObject *fetch, PyObject *x, PyObject *edge_x, PyObject *y, PyObject *edge_y, PyObject *options,
                             Fields *t) {
    if (fetch == engine.result) return t ? saved_of(t, engine.out) : NULL;
    if (fetch == engine.shape) return shape_of(array_of(x));
    if (fetch == engine.first) return is_ready(x) ? saved_of((Fields *)x, edge_x) : Py_NewRef(x);
    if (fetch == engine.second && y) return is_ready(y) ? saved_of((Fields *)y, edge_y) : Py_NewRef(y);
    if (y && is_ready(y) && is_shape_of_second(fetch)) return shape_of(array_of(y));
    return option_of(fetch, options);
}

PyObject *saved_values(PyObject *plan, PyObject *x, PyObject *edge_x, PyObject *y, PyObject *edge_y, PyObject *options, Fields *t) {
    PyObject *saves = SLOT(plan, engine.saves);
    isize n = PyList_GET_SIZE(saves);
    PyObject *list = PyList_New(n);
    for (isize i = 0; list && i < n; i++) {
        PyObject *value = saved_value(PyList_GET_ITEM(saves, i), x, edge_x, y, edge_y, options, t);
        if (!value) Py_CLEAR(list);
        else PyList_SET_ITEM(list, i, value);
    }
    return list;
}

/* ---------------------------------------------------------------- what Python calls */

static PyObject *next_sequence(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self, (void)args, (void)n;
    return PyLong_FromLongLong(++sequence);
}

PyMethodDef nodes_methods[] = {
    KERNEL(next_sequence, "next_sequence(): the number of a new node."),
    {0},
};
