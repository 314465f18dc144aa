/* Tape entries of ops that have a short way of their own: `finish` and `record_binary` of engine/callables.py in C. */
#include "quick.h"

/* The edges of (values of) an op's tensor slots, a new list, and which of them there are, a new tuple that ends in False. */
static PyObject *edges_of(PyObject *slots, PyObject *const *values, isize n, PyObject **mask) {
    isize count = PyTuple_GET_SIZE(slots);
    PyObject *edges = PyList_New(count);
    *mask = PyTuple_New(count + 1);
    for (isize i = 0; edges && *mask && i <= count; i++) {
        isize place = i < count ? PyLong_AsSsize_t(PyTuple_GET_ITEM(slots, i)) : 0;
        PyObject *value = i < count && place < n ? values[place] : NULL;
        bool needs = value && is_ready(value) && ((Fields *)value)->rg == Py_True;
        PyTuple_SET_ITEM(*mask, i, Py_NewRef(needs ? Py_True : Py_False));
        PyObject *edge = i == count ? NULL : needs ? edge_to((Fields *)value) : Py_NewRef(Py_None);
        if (edge) PyList_SET_ITEM(edges, i, edge);
        else if (i < count) Py_CLEAR(edges);
    }
    return *mask ? edges : NULL;
}

static PyObject *edge_in(PyObject *slots, PyObject *edges, isize place) {
    for (isize i = 0; i < PyTuple_GET_SIZE(slots); i++)
        if (PyLong_AsSsize_t(PyTuple_GET_ITEM(slots, i)) == place) return PyList_GET_ITEM(edges, i);
    return NULL;
}

/* A saved value of an op with these values; NULL without an error for one that takes more. */
static PyObject *kept(PyObject *fetch, PyObject *slots, PyObject *edges, PyObject *const *values, isize n, Fields *t) {
    if (fetch == engine.result) return saved_of(t, engine.out);
    if (!PyTuple_CheckExact(fetch) || PyTuple_GET_SIZE(fetch) != 2 || !PyLong_CheckExact(PyTuple_GET_ITEM(fetch, 1))) return NULL;
    PyObject *what = PyTuple_GET_ITEM(fetch, 0);
    isize place = PyLong_AsSsize_t(PyTuple_GET_ITEM(fetch, 1));
    if (place < 0 || place >= n || !PyUnicode_CheckExact(what)) return NULL;
    PyObject *value = values[place];
    bool ready = is_ready(value);
    if (ready && PyUnicode_CompareWithASCIIString(what, "shape") == 0 && array_of(value)) return shape_of(array_of(value));
    if (PyUnicode_CompareWithASCIIString(what, "arg") != 0) return NULL;
    if (!ready) return PyList_CheckExact(value) || PyObject_TypeCheck(value, &Fields_Type) ? NULL : Py_NewRef(value);
    PyObject *edge = edge_in(slots, edges, place);
    return saved_of((Fields *)value, edge ? edge : Py_None);
}

static PyObject *kept_list(PyObject *plan, PyObject *slots, PyObject *edges, PyObject *const *values, isize n, Fields *t) {
    PyObject *saves = SLOT(plan, engine.saves), *list = PyList_New(PyList_GET_SIZE(saves));
    for (isize i = 0; list && i < PyList_GET_SIZE(saves); i++) {
        PyObject *value = kept(PyList_GET_ITEM(saves, i), slots, edges, values, n, t);
        if (value) PyList_SET_ITEM(list, i, value);
        else Py_CLEAR(list);
    }
    return list;
}

/* 1: recorded; 0: something for Python, nothing was done; -1: an error. */
int record_values(PyObject *op, PyObject *const *values, isize n, Fields *t, PyObject *name) {
    PyObject *slots = SLOT(op, engine.of_op.tensor_slots), *mask = NULL;
    PyObject *edges = edges_of(slots, values, n, &mask);
    PyObject *plan = edges ? PyDict_GetItemWithError(SLOT(op, engine.of_op.plans), mask) : NULL;
    Py_XDECREF(mask);
    if (plan && !PyObject_IsTrue(SLOT(plan, engine.rules))) { /* no operand that needs a gradient has one */
        Py_DECREF(edges);
        return 1;
    }
    PyObject *saved = plan ? kept_list(plan, slots, edges, values, n, t) : NULL;
    if (!saved) {
        Py_XDECREF(edges);
        return PyErr_Occurred() ? -1 : 0;
    }
    return record_node(t, op, plan, edges, saved, name) ? 1 : -1;
}

/* Whether the op's node has one name, or was told it. */
bool is_named(PyObject *op, PyObject *name) {
    PyObject *own = SLOT(op, engine.of_op.grad_name);
    return name != Py_None || own == Py_None || PyUnicode_Check(own);
}

static PyObject *array_around(PyObject *r) {
    return PyArray_CheckExact(r) ? Py_NewRef(r) : PyArray_FromAny(r, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
}

static PyObject *finish(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 5 || !engine.ready || Py_TYPE(args[0]) != engine.op || !(PyTuple_CheckExact(args[1]) || PyList_CheckExact(args[1])))
        Py_RETURN_FALSE;
    int needs = PyObject_IsTrue(args[3]) && is_set(engine.of_state.grad);
    if (needs && (is_set(engine.of_state.odd) || SLOT(args[0], engine.of_op.list_slot) != Py_None || !is_named(args[0], args[4])))
        Py_RETURN_FALSE;
    PyObject *t = tensor_around(array_around(args[2]));
    int done = !t ? -1 : needs ? record_values(args[0], PySequence_Fast_ITEMS(args[1]), PySequence_Fast_GET_SIZE(args[1]), (Fields *)t, args[4]) : 1;
    if (done == 1) return t;
    Py_XDECREF(t);
    return done ? NULL : Py_NewRef(Py_False);
}

/* The node of an op on two operands, whose plans `way` has. */
bool record_two(Way *way, PyObject *x, PyObject *y, PyObject *t) {
    bool of_x = is_ready(x) && ((Fields *)x)->rg == Py_True, of_y = is_ready(y) && ((Fields *)y)->rg == Py_True;
    PyObject *plan = PyTuple_GET_ITEM(way->plan, of_x + 2 * of_y);
    PyObject *e1 = of_x ? edge_to((Fields *)x) : Py_NewRef(Py_None), *e2 = of_y ? edge_to((Fields *)y) : Py_NewRef(Py_None);
    PyObject *saved = e1 && e2 ? saved_values(plan, x, e1, y, e2, way->memory, (Fields *)t) : NULL;
    PyObject *edges = saved ? PyTuple_Pack(2, e1, e2) : NULL;
    Py_XDECREF(e1), Py_XDECREF(e2);
    if (edges) return record_node((Fields *)t, way->op, plan, edges, saved, Py_None);
    Py_XDECREF(saved);
    return false;
}

static PyObject *record_pair(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 6 || !engine.ready || !PyTuple_CheckExact(args[1]) || PyTuple_GET_SIZE(args[1]) != 4 || is_set(engine.of_state.odd) ||
        !is_ready(args[4]) || !array_of(args[4]))
        Py_RETURN_FALSE;
    Way way = {.op = args[0], .plan = args[1]};
    bool needs = (is_ready(args[2]) && ((Fields *)args[2])->rg == Py_True) || (is_ready(args[3]) && ((Fields *)args[3])->rg == Py_True);
    if (!needs || !PyTuple_CheckExact(args[5]) || PyTuple_GET_SIZE(args[5])) Py_RETURN_FALSE;
    if (record_two(&way, args[2], args[3], args[4])) Py_RETURN_TRUE;
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
}

PyMethodDef record_methods[] = {
    KERNEL(finish, "finish(op, values, r, needs, name): the tensor around a kernel's result, recorded where `needs`."),
    KERNEL(record_pair, "record_pair(op, plans, x, other, t, extras): makes the node of an op on two operands."),
    {0},
};
