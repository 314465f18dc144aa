/* The backward pass of small tensors, `_walk_arrays` of engine/backward.py in C: nodes from newest to oldest, rules on arrays.

   The few nodes that wait at a time lie in one array, sorted by age. As soon as anything comes that is not plain (a node with
   hooks, a result of another dtype, more nodes than fit), all that waits is handed to the loop in Python, which goes on. */
#include "quick.h"

#define MOST_WAITING 48
#define MOST_VALUES 16

typedef struct {
    PyObject *node, *g; /* references of its own */
} Waiting;

typedef struct {
    Waiting waiting[MOST_WAITING]; /* the newest last */
    int n;
    PyObject *leaves; /* {edge: gradient} */
    PyObject *queue;  /* (gradients, owned, heap, leaves) once Python has taken over; else NULL */
} Walk;

typedef struct {
    PyObject *values[MOST_VALUES]; /* borrowed from the node */
    int n;
    bool kept; /* whether one of them is a saved array */
} Values;

static bool is_node(PyObject *o) { return Py_TYPE(o) == engine.node || Py_TYPE(o) == engine.shown; }

static long long age(PyObject *node) { return PyLong_AsLongLong(SLOT(node, engine.of_node.seq)); }

static PyObject *item(PyObject *sequence, isize i) { /* of a list or tuple, borrowed */
    return i >= 0 && i < PySequence_Fast_GET_SIZE(sequence) ? PySequence_Fast_GET_ITEM(sequence, i) : NULL;
}

/* ---------------------------------------------------------------- what waits */

/* Takes over the reference to g. */
static void add_waiting(Walk *walk, PyObject *node, PyObject *g) {
    int i = walk->n++;
    long long seq = age(node);
    for (; i > 0 && age(walk->waiting[i - 1].node) > seq; i--) walk->waiting[i] = walk->waiting[i - 1];
    walk->waiting[i] = (Waiting){Py_NewRef(node), g};
}

static Waiting *find_waiting(Walk *walk, PyObject *node) {
    for (int i = walk->n - 1; i >= 0; i--)
        if (walk->waiting[i].node == node) return &walk->waiting[i];
    return NULL;
}

static void forget_waiting(Walk *walk) {
    while (walk->n) {
        Waiting *last = &walk->waiting[--walk->n];
        Py_DECREF(last->node);
        Py_DECREF(last->g);
    }
}

/* Hands all that waits to Python. */
static bool hand_over(Walk *walk) {
    if (walk->queue) return true;
    PyObject *gradients = PyDict_New(), *owned = PySet_New(NULL), *heap = PyList_New(0);
    bool well = gradients && owned && heap;
    for (int i = walk->n - 1; well && i >= 0; i--) { /* the newest first: sorted, so a heap */
        PyObject *entry = Py_BuildValue("(LO)", -age(walk->waiting[i].node), walk->waiting[i].node);
        well = entry && PyList_Append(heap, entry) == 0 &&
               PyDict_SetItem(gradients, walk->waiting[i].node, walk->waiting[i].g) == 0;
        Py_XDECREF(entry);
    }
    if (well) walk->queue = PyTuple_Pack(4, gradients, owned, heap, walk->leaves);
    Py_XDECREF(gradients), Py_XDECREF(owned), Py_XDECREF(heap);
    forget_waiting(walk);
    return walk->queue != NULL;
}

/* ---------------------------------------------------------------- one gradient on its way */

static bool has_shape(PyArrayObject *a, PyObject *shape) {
    if (PyTuple_GET_SIZE(shape) != PyArray_NDIM(a)) return false;
    for (int i = 0; i < PyArray_NDIM(a); i++)
        if (PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, i)) != PyArray_DIM(a, i)) return false;
    return true;
}

static bool send_in_python(Walk *walk, PyObject *edge, PyObject *r) {
    PyObject *done = hand_over(walk) ? PyObject_CallFunctionObjArgs(engine.send_raw, walk->queue, edge, r, NULL) : NULL;
    Py_XDECREF(done);
    return done != NULL;
}

/* The sum of a gradient that is there and one that arrives. */
static PyObject *sum_of_both(PyObject *present, PyObject *r) {
    PyObject *sum = PyNumber_Add(present, r);
    PyObject *array = sum ? PyArray_FromAny(sum, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL) : NULL;
    Py_XDECREF(sum);
    return array;
}

static bool send_to_leaf(Walk *walk, PyObject *edge, PyObject *r) {
    PyObject *present = PyDict_GetItemWithError(walk->leaves, edge);
    if (!present) return !PyErr_Occurred() && PyDict_SetItem(walk->leaves, edge, r) == 0;
    if (!PyArray_CheckExact(present)) return send_in_python(walk, edge, r);
    PyObject *sum = sum_of_both(present, r);
    bool well = sum && PyDict_SetItem(walk->leaves, edge, sum) == 0;
    Py_XDECREF(sum);
    return well;
}

static bool send_to_node(Walk *walk, PyObject *edge, PyObject *r) {
    Waiting *there = find_waiting(walk, edge);
    if (!there) {
        if (walk->n == MOST_WAITING) return send_in_python(walk, edge, r);
        add_waiting(walk, edge, Py_NewRef(r));
        return true;
    }
    PyObject *sum = sum_of_both(there->g, r);
    if (sum) put(&there->g, sum);
    return sum != NULL;
}

/* The shape and dtype of what a gradient belongs to: new references. */
static bool target_of(PyObject *edge, bool is_leaf, PyObject **shape, PyObject **dtype) {
    PyObject *a = is_leaf ? ((Fields *)SLOT(edge, engine.variable))->a : NULL;
    if (is_leaf && (!a || !PyArray_CheckExact(a))) return false;
    *shape = is_leaf ? shape_of((PyArrayObject *)a) : Py_NewRef(SLOT(edge, engine.of_node.shape));
    *dtype = Py_NewRef(is_leaf ? (PyObject *)PyArray_DESCR((PyArrayObject *)a) : SLOT(edge, engine.of_node.dtype));
    return *shape && PyTuple_Check(*shape);
}

static bool send(Walk *walk, PyObject *edge, PyObject *r) {
    bool is_leaf = Py_TYPE(edge) == engine.accumulate;
    PyObject *shape = NULL, *dtype = NULL;
    if (walk->queue || (!is_leaf && !is_node(edge)) || !target_of(edge, is_leaf, &shape, &dtype)) {
        Py_XDECREF(shape), Py_XDECREF(dtype);
        return !PyErr_Occurred() && send_in_python(walk, edge, r);
    }
    Py_INCREF(r);
    if (!has_shape((PyArrayObject *)r, shape)) {
        PyObject *summed = PyObject_CallFunctionObjArgs(engine.sum_array, r, shape, NULL);
        put(&r, summed && !PyArray_CheckExact(summed) ? NULL : summed);
    }
    bool well = false;
    if (r && (PyArray_DESCR((PyArrayObject *)r) != (PyArray_Descr *)dtype || PyArray_SIZE((PyArrayObject *)r) > engine.small))
        well = send_in_python(walk, edge, r);
    else if (r) well = is_leaf ? send_to_leaf(walk, edge, r) : send_to_node(walk, edge, r);
    Py_DECREF(shape), Py_DECREF(dtype);
    Py_XDECREF(r);
    return well;
}

/* ---------------------------------------------------------------- one node */

/* What the rules of a node on arrays need; false where they cannot run. */
static bool take_values(PyObject *node, Values *values) {
    PyObject *saved = SLOT(node, engine.of_node.saved);
    values->n = 0, values->kept = false;
    if (!saved || !(PyList_CheckExact(saved) || PyTuple_CheckExact(saved)) || PySequence_Fast_GET_SIZE(saved) > MOST_VALUES)
        return false;
    for (isize i = 0; i < PySequence_Fast_GET_SIZE(saved); i++) {
        PyObject *s = PySequence_Fast_GET_ITEM(saved, i);
        if (Py_TYPE(s) == engine.saved) {
            PyObject *a = SLOT(s, engine.of_saved.array), *now = item(SLOT(s, engine.of_saved.versions), 0);
            /* A value that was modified since may still be one that no rule asks for: the long road finds out. */
            if (!now || PyLong_AsLongLong(now) != PyLong_AsLongLong(SLOT(s, engine.of_saved.version)) ||
                !PyArray_CheckExact(a) || PyArray_SIZE((PyArrayObject *)a) > engine.small ||
                SLOT(s, engine.of_saved.hooked) != Py_None)
                return false;
            values->kept = true;
            s = a;
        }
        values->values[values->n++] = s;
    }
    return true;
}

static bool has_hooks(PyObject *node) {
    static PyObject *name;
    if (!name) name = PyUnicode_InternFromString("hooks");
    PyObject *hooks = name ? PyObject_GetAttr(node, name) : NULL;
    Py_XDECREF(hooks);
    return hooks != Py_None;
}

/* rule(k, g, values...) */
static PyObject *run_rule(PyObject *rule, PyObject *g, Values *values, PyObject *slots) {
    PyObject *args[MOST_VALUES + 2] = {engine.raw_names, g};
    int n = 2;
    if (slots == Py_None)
        for (int i = 0; i < values->n; i++) args[n++] = values->values[i];
    else
        for (isize i = 0; i < PyList_GET_SIZE(slots); i++) {
            long slot = PyLong_AsLong(PyList_GET_ITEM(slots, i));
            if (slot < 0 || slot >= values->n || n == MOST_VALUES + 2) return PyErr_Format(PyExc_SystemError, "slots of a rule");
            args[n++] = values->values[slot];
        }
    PyObject *r = PyObject_Vectorcall(rule, args, n, NULL);
    if (!r || r == Py_None || PyArray_CheckExact(r)) return r;
    PyObject *array = PyArray_FromAny(r, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
    Py_DECREF(r);
    return array;
}

/* A rule that gives the gradients of several operands at once. */
static bool run_joint(Walk *walk, PyObject *node, PyObject *entry, PyObject *g, Values *values) {
    PyObject *list = PyList_New(values->n);
    for (int i = 0; list && i < values->n; i++) PyList_SET_ITEM(list, i, Py_NewRef(values->values[i]));
    PyObject *found = list ? PyObject_CallFunctionObjArgs(engine.joint_raw, node, PyTuple_GET_ITEM(entry, 0),
                                                          PyTuple_GET_ITEM(entry, 1), PyTuple_GET_ITEM(entry, 2), g, Py_None, list,
                                                          NULL)
                           : NULL;
    bool well = found != NULL;
    for (isize i = 0; well && i < PySequence_Fast_GET_SIZE(found); i++) {
        PyObject *pair = PySequence_Fast_GET_ITEM(found, i), *r = PyTuple_GET_ITEM(pair, 1);
        well = PyArray_CheckExact(r) ? send(walk, PyTuple_GET_ITEM(pair, 0), r)
                                     : send_in_python(walk, PyTuple_GET_ITEM(pair, 0), r);
    }
    Py_XDECREF(list);
    Py_XDECREF(found);
    return well;
}

static bool run_rules(Walk *walk, PyObject *node, PyObject *raw, PyObject *g, Values *values) {
    PyObject *edges = SLOT(node, engine.of_node.edges);
    for (isize i = 0; i < PyList_GET_SIZE(raw); i++) {
        PyObject *entry = PyList_GET_ITEM(raw, i), *index = PyTuple_GET_ITEM(entry, 0);
        if (!PyLong_CheckExact(index)) {
            if (!run_joint(walk, node, entry, g, values)) return false;
            continue;
        }
        PyObject *edge = item(edges, PyLong_AsSsize_t(index));
        if (!edge) return PyErr_Format(PyExc_SystemError, "edges of a node"), false;
        if (edge == Py_None) continue;
        PyObject *r = run_rule(PyTuple_GET_ITEM(entry, 1), g, values, PyTuple_GET_ITEM(entry, 2));
        bool well = r && (r == Py_None || send(walk, edge, r));
        Py_XDECREF(r);
        if (!well) return false;
    }
    return true;
}

static bool frees(PyObject *node) {
    return SLOT(SLOT(node, engine.of_node.op), engine.of_op.frees) == Py_True;
}

/* One node with its gradient. 1: done; 0: it is one for Python; -1: an error. */
static int visit(Walk *walk, PyObject *node, PyObject *g, bool retain) {
    Values values;
    PyObject *raw = is_node(node) ? SLOT(SLOT(node, engine.of_node.plan), engine.raw) : NULL;
    if (!raw || !PyList_CheckExact(raw) || !PyArray_CheckExact(g) || !take_values(node, &values) || has_hooks(node))
        return PyErr_Occurred() ? -1 : 0;
    PyObject *saved = Py_NewRef(SLOT(node, engine.of_node.saved)); /* what values are borrowed from */
    bool well = run_rules(walk, node, raw, g, &values);
    if (well && !retain && values.n && (values.kept || frees(node))) put(&SLOT(node, engine.of_node.saved), Py_NewRef(Py_None));
    Py_DECREF(saved);
    return well ? 1 : -1;
}

/* ---------------------------------------------------------------- leaves */

static bool is_plain_leaf(PyObject *leaf) {
    return SLOT(leaf, engine.of_leaf.hooks) == Py_None && SLOT(leaf, engine.of_leaf.before) == Py_None &&
           SLOT(leaf, engine.of_leaf.post_hooks) == Py_None;
}

static bool add_flat(PyArrayObject *a, PyArrayObject *g) {
    int type = PyArray_TYPE(a);
    if (!PyArray_ISCARRAY(a) || !PyArray_ISCARRAY_RO(g) || PyArray_DESCR(a) != PyArray_DESCR(g)) return false;
    npy_intp n = PyArray_SIZE(a);
    if (type == NPY_FLOAT32)
        for (npy_intp i = 0; i < n; i++) ((float *)PyArray_DATA(a))[i] += ((float *)PyArray_DATA(g))[i];
    else if (type == NPY_FLOAT64)
        for (npy_intp i = 0; i < n; i++) ((double *)PyArray_DATA(a))[i] += ((double *)PyArray_DATA(g))[i];
    return type == NPY_FLOAT32 || type == NPY_FLOAT64;
}

/* Adds a gradient to the one that a leaf has. */
static bool add_to(PyObject *grad, PyArrayObject *g) {
    PyArrayObject *a = grad && is_ready(grad) && !PyDict_GET_SIZE(engine.readers) ? array_of(grad) : NULL;
    if (!a || PyArray_NDIM(a) != PyArray_NDIM(g) ||
        memcmp(PyArray_DIMS(a), PyArray_DIMS(g), PyArray_NDIM(a) * sizeof(npy_intp)) || !add_flat(a, g))
        return false;
    PyObject *v = ((Fields *)grad)->v, *version = PyNumber_Add(PyList_GET_ITEM(v, 0), engine.one);
    return version && PyList_SetItem(v, 0, version) == 0;
}

/* Makes g, which nobody else holds, the gradient of a leaf that has none. */
static bool give(Fields *variable, PyObject *g) {
    PyObject *t = tensor_around(Py_NewRef(g));
    if (t) put(&variable->grad, t);
    return t != NULL;
}

/* Hands leaves what arrived for them; those that are not plain stay. */
static bool finish_leaves(PyObject *leaves) {
    PyObject *leaf, *g, *done = PyList_New(0);
    Py_ssize_t at = 0;
    while (done && PyDict_Next(leaves, &at, &leaf, &g)) {
        Fields *variable = (Fields *)SLOT(leaf, engine.variable);
        if (!is_plain_leaf(leaf) || variable->rg != Py_True || !PyArray_CheckExact(g)) continue;
        bool none = !variable->grad || variable->grad == Py_None;
        bool own = Py_REFCNT(g) == 1 && !PyArray_BASE((PyArrayObject *)g) && PyArray_ISCARRAY((PyArrayObject *)g);
        bool well = none ? own && give(variable, g) : add_to(variable->grad, (PyArrayObject *)g);
        if (PyErr_Occurred() || (well && PyList_Append(done, leaf) < 0)) Py_CLEAR(done);
    }
    for (isize i = 0; done && i < PyList_GET_SIZE(done); i++)
        if (PyDict_DelItem(leaves, PyList_GET_ITEM(done, i)) < 0) Py_CLEAR(done);
    Py_XDECREF(done);
    return done != NULL;
}

/* ---------------------------------------------------------------- the walk */

static bool walk_all(Walk *walk, bool retain) {
    while (walk->n && !walk->queue) {
        Waiting now = walk->waiting[--walk->n];
        int done = visit(walk, now.node, now.g, retain);
        if (done == 0) {
            add_waiting(walk, now.node, Py_NewRef(now.g)); /* the newest still: it comes first in Python, too */
            if (!hand_over(walk)) done = -1;
        }
        Py_DECREF(now.node);
        Py_DECREF(now.g);
        if (done < 0) return false;
    }
    return true;
}

static PyObject *walk_arrays(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3 || !engine.ready || !is_node(args[0]) || !PyArray_CheckExact(args[1])) Py_RETURN_FALSE;
    Walk walk = {.leaves = PyDict_New()};
    int retain = PyObject_IsTrue(args[2]);
    if (!walk.leaves || retain < 0) return NULL;
    add_waiting(&walk, args[0], Py_NewRef(args[1]));
    PyObject *done = NULL;
    if (walk_all(&walk, retain)) {
        if (walk.queue) done = PyObject_CallFunctionObjArgs(engine.walk_on, walk.queue, args[2], Py_False, NULL);
        else if (finish_leaves(walk.leaves)) {
            PyObject *owned = PySet_New(NULL);
            if (!PyDict_GET_SIZE(walk.leaves)) done = Py_NewRef(Py_None);
            else if (owned)
                done = PyObject_CallFunctionObjArgs(engine.finish, walk.leaves, owned, Py_None, Py_None, Py_False, NULL);
            Py_XDECREF(owned);
        }
    }
    forget_waiting(&walk);
    Py_XDECREF(walk.queue);
    Py_DECREF(walk.leaves);
    if (!done) return NULL;
    Py_DECREF(done);
    Py_RETURN_TRUE;
}

PyMethodDef backward_methods[] = {
    KERNEL(walk_arrays, "walk_arrays(node, g, retain_graph): gradients from one node to all leaves."),
    {0},
};
