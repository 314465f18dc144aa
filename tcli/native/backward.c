/* The backward pass of small tensors, `_walk_on` and `_walk_arrays` of engine/backward.py in C: nodes from newest to oldest.

   A node's rules run on arrays where it has some that do and nothing is recorded, else on tensors. What waits is described in
   walk.h, and when Python takes over. */
#include "walk.h"

#define MOST_VALUES 16

typedef struct {
    PyObject *values[MOST_VALUES]; /* borrowed from the node */
    int n;
} Values;

/* ---------------------------------------------------------------- what a node keeps */

static bool is_unchanged(PyObject *saved) {
    PyObject *now = item(SLOT(saved, engine.of_saved.versions), 0);
    return now && PyLong_AsLongLong(now) == PyLong_AsLongLong(SLOT(saved, engine.of_saved.version)) &&
           PyArray_CheckExact(SLOT(saved, engine.of_saved.array)) && SLOT(saved, engine.of_saved.hooked) == Py_None;
}

/* What the rules of a node on arrays need; false where they cannot run. */
static bool take_values(PyObject *node, Values *values) {
    PyObject *saved = SLOT(node, engine.of_node.saved);
    values->n = 0;
    if (!saved || !(PyList_CheckExact(saved) || PyTuple_CheckExact(saved)) || PySequence_Fast_GET_SIZE(saved) > MOST_VALUES)
        return false;
    for (isize i = 0; i < PySequence_Fast_GET_SIZE(saved); i++) {
        PyObject *s = PySequence_Fast_GET_ITEM(saved, i);
        if (Py_TYPE(s) == engine.saved) {
            /* A value that was modified since may still be one that no rule asks for: the long road finds out. */
            if (!is_unchanged(s)) return false;
            s = SLOT(s, engine.of_saved.array);
            if (PyArray_SIZE((PyArrayObject *)s) > engine.small) return false;
        }
        values->values[values->n++] = s;
    }
    return true;
}

/* `tape.unpack` for values that are as they were: a tensor, with its history where gradients are recorded. */
static PyObject *unpacked(Walk *walk, PyObject *s, PyObject *node) {
    if (Py_TYPE(s) != engine.saved) return Py_NewRef(s);
    PyObject *edge = SLOT(s, engine.of_saved.edge);
    bool linked = walk->records && edge != Py_None;
    if (!is_unchanged(s) || (linked && PyTuple_Check(edge)))
        return PyObject_CallFunctionObjArgs(engine.unpack, s, node, walk->records ? Py_True : Py_False, NULL);
    if (linked && Py_TYPE(edge) == engine.accumulate) return Py_NewRef(SLOT(edge, engine.variable));
    Fields *t = (Fields *)tensor_around(Py_NewRef(SLOT(s, engine.of_saved.array)));
    if (!t) return NULL;
    put(&t->v, Py_NewRef(SLOT(s, engine.of_saved.versions)));
    if (linked) {
        put(&t->node, Py_NewRef(edge == engine.out ? node : edge));
        put(&t->rg, Py_NewRef(Py_True));
    }
    return (PyObject *)t;
}

bool has_hooks(PyObject *node) {
    static PyObject *name;
    if (Py_TYPE(node) == engine.pick) return SLOT(node, engine.of_pick.hooks) != Py_None;
    if (!name) name = PyUnicode_InternFromString("hooks");
    PyObject *hooks = name ? PyObject_GetAttr(node, name) : NULL;
    Py_XDECREF(hooks);
    return hooks != Py_None;
}

/* Lets go of what a node keeps, where its op does that or tensors are among it. */
static void release(PyObject *node) {
    PyObject *saved = SLOT(node, engine.of_node.saved);
    if (!saved || !(PyList_CheckExact(saved) || PyTuple_CheckExact(saved)) || !PySequence_Fast_GET_SIZE(saved)) return;
    bool kept = SLOT(SLOT(node, engine.of_node.op), engine.of_op.frees) == Py_True;
    for (isize i = 0; !kept && i < PySequence_Fast_GET_SIZE(saved); i++)
        kept = Py_TYPE(PySequence_Fast_GET_ITEM(saved, i)) == engine.saved;
    if (kept) put(&SLOT(node, engine.of_node.saved), Py_NewRef(Py_None));
}

/* ---------------------------------------------------------------- the rules of a node */

/* One node with its gradient; `values` where its rules run on arrays, else NULL. */
typedef struct {
    PyObject *node, *g, *edges;
    Values *values;
} Visit;

/* Puts what a rule asks for into `args`, new references: how many there are, or -1 with an error. */
static int arguments(Walk *walk, Visit *at, PyObject *slots, PyObject **args) {
    PyObject *saved = SLOT(at->node, engine.of_node.saved);
    isize n = slots != Py_None ? PyList_GET_SIZE(slots) : at->values->n;
    for (int i = 0; i < n; i++) {
        isize slot = slots != Py_None ? PyLong_AsSsize_t(PyList_GET_ITEM(slots, i)) : i;
        PyObject *s = at->values ? (slot < at->values->n ? Py_NewRef(at->values->values[slot]) : NULL)
                      : item(saved, slot) ? unpacked(walk, item(saved, slot), at->node)
                                          : NULL;
        if (!s) {
            while (i) Py_DECREF(args[--i]);
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "slots of a rule");
            return -1;
        }
        args[i] = s;
    }
    return (int)n;
}

/* rule(k, g, values...), with `need` before the values where the rule is for several operands. */
static PyObject *call_rule(Walk *walk, Visit *at, PyObject *entry, PyObject *need) {
    PyObject *args[MOST_VALUES + 3] = {at->values ? engine.raw_names : engine.rule_names, at->g, need};
    int first = need ? 3 : 2, n = arguments(walk, at, PyTuple_GET_ITEM(entry, 2), args + first);
    if (n < 0) return NULL;
    PyObject *r = PyObject_Vectorcall(PyTuple_GET_ITEM(entry, 1), args, first + n, NULL);
    for (int i = 0; i < n; i++) Py_DECREF(args[first + i]);
    return r;
}

static bool send_result(Walk *walk, Visit *at, PyObject *edge, PyObject *r) {
    if (r == Py_None) return true;
    if (!at->values || PyArray_CheckExact(r)) return send(walk, edge, r);
    PyObject *array = PyArray_FromAny(r, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
    bool well = array && send(walk, edge, array);
    Py_XDECREF(array);
    return well;
}

/* The edges that a rule for several operands is for, (first, last or None[, their places]): a new list. */
static PyObject *joint_edges(Visit *at, PyObject *index) {
    PyObject *picks = PyTuple_GET_SIZE(index) > 2 ? PyTuple_GET_ITEM(index, 2) : Py_None;
    bool picked = PyList_Check(picks) && PyList_GET_SIZE(picks);
    isize start = picked ? 0 : PyLong_AsSsize_t(PyTuple_GET_ITEM(index, 0)), stop = picked ? PyList_GET_SIZE(picks) : -1;
    if (!picked) {
        PyObject *last = PyTuple_GET_ITEM(index, 1);
        stop = last == Py_None ? PySequence_Fast_GET_SIZE(at->edges) : PyLong_AsSsize_t(last);
    }
    PyObject *list = PyList_New(stop > start ? stop - start : 0);
    for (isize i = start; list && i < stop; i++) {
        PyObject *edge = item(at->edges, picked ? PyLong_AsSsize_t(PyList_GET_ITEM(picks, i)) : i);
        if (edge) PyList_SET_ITEM(list, i - start, Py_NewRef(edge));
        else Py_CLEAR(list);
    }
    if (!list && !PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "edges of a node");
    return list;
}

/* Which of the edges a gradient is asked for: a new tuple. */
static PyObject *needs(Walk *walk, PyObject *edges, bool *any) {
    PyObject *need = PyTuple_New(PyList_GET_SIZE(edges));
    for (isize i = 0; need && i < PyList_GET_SIZE(edges); i++) {
        PyObject *edge = PyList_GET_ITEM(edges, i);
        bool needed = edge != Py_None && is_needed(walk, edge);
        PyTuple_SET_ITEM(need, i, Py_NewRef(needed ? Py_True : Py_False));
        *any |= needed;
    }
    return need;
}

/* A rule that gives the gradients of several operands at once. */
static bool run_joint(Walk *walk, Visit *at, PyObject *entry) {
    bool any = false, well = false;
    PyObject *edges = joint_edges(at, PyTuple_GET_ITEM(entry, 0)), *need = edges ? needs(walk, edges, &any) : NULL;
    if (need && !any) well = true;
    else if (need) {
        PyObject *r = call_rule(walk, at, entry, need), *found = r ? PySequence_Fast(r, "a rule gives a sequence") : NULL;
        Py_XDECREF(r);
        well = found && PySequence_Fast_GET_SIZE(found) == PyList_GET_SIZE(edges);
        if (found && !well) PyErr_SetString(PyExc_SystemError, "a rule gives as many gradients as it was asked for");
        for (isize i = 0; well && i < PyList_GET_SIZE(edges); i++)
            if (PyTuple_GET_ITEM(need, i) == Py_True)
                well = send_result(walk, at, PyList_GET_ITEM(edges, i), PySequence_Fast_GET_ITEM(found, i));
        Py_XDECREF(found);
    }
    Py_XDECREF(edges), Py_XDECREF(need);
    return well;
}

static bool run_rules(Walk *walk, Visit *at, PyObject *rules) {
    for (isize i = 0; i < PyList_GET_SIZE(rules); i++) {
        PyObject *entry = PyList_GET_ITEM(rules, i), *index = PyTuple_GET_ITEM(entry, 0);
        if (!PyLong_CheckExact(index)) {
            if (!run_joint(walk, at, entry)) return false;
            continue;
        }
        PyObject *edge = item(at->edges, PyLong_AsSsize_t(index));
        if (!edge) return PyErr_Format(PyExc_SystemError, "edges of a node"), false;
        if (edge == Py_None || !is_needed(walk, edge)) continue;
        PyObject *r = call_rule(walk, at, entry, NULL);
        bool well = r && send_result(walk, at, edge, r);
        Py_XDECREF(r);
        if (!well) return false;
    }
    return true;
}

static bool few_slots(PyObject *rules) {
    for (isize i = 0; i < PyList_GET_SIZE(rules); i++) {
        PyObject *slots = PyTuple_GET_ITEM(PyList_GET_ITEM(rules, i), 2);
        if (slots != Py_None && PyList_GET_SIZE(slots) > MOST_VALUES) return false;
    }
    return true;
}

/* Runs a node's rules. 1: done; 0: it is one for Python; -1: an error. */
static int visit_node(Walk *walk, PyObject *node, PyObject *g) {
    Values values;
    PyObject *plan = SLOT(node, engine.of_node.plan), *raw = SLOT(plan, engine.raw), *rules = SLOT(plan, engine.rules);
    PyObject *saved = SLOT(node, engine.of_node.saved), *edges = SLOT(node, engine.of_node.edges);
    bool on_arrays = !walk->records && PyArray_CheckExact(g) && PyList_CheckExact(raw) && take_values(node, &values);
    if (PyErr_Occurred()) return -1;
    if (!saved || !edges || !(PyList_CheckExact(saved) || PyTuple_CheckExact(saved)) || !PyList_CheckExact(rules) ||
        !few_slots(rules) || !(PyTuple_Check(edges) || PyList_Check(edges)))
        return 0;
    Visit at = {node, on_arrays || PyList_Check(g) ? Py_NewRef(g) : as_gradient(g), edges, on_arrays ? &values : NULL};
    if (!at.g) return -1;
    Py_INCREF(saved); /* what values are borrowed from */
    bool well = run_rules(walk, &at, on_arrays ? raw : rules);
    Py_DECREF(saved), Py_DECREF(at.g);
    return well ? 1 : -1;
}

static PyObject *or_none(PyObject *o) { return o ? o : Py_None; }
static PyObject *truth(bool b) { return b ? Py_True : Py_False; }

/* ---------------------------------------------------------------- one node */

/* A node of a program's own function, whose `apply` yields edges and gradients. */
static int visit_function(Walk *walk, PyObject *node, PyObject *g) {
    PyObject *given = PyList_Check(g) ? Py_NewRef(g) : as_gradient(g), *pair = NULL, *pairs = NULL;
    if (given && tell_needed(walk)) {
        PyObject *all = PyObject_CallMethod(node, "apply", "OOO", given, truth(walk->records), or_none(walk->needed));
        pairs = all ? PyObject_GetIter(all) : NULL;
        Py_XDECREF(all);
    }
    bool well = pairs != NULL;
    while (well && (pair = PyIter_Next(pairs))) {
        well = send(walk, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        Py_DECREF(pair);
    }
    Py_XDECREF(given), Py_XDECREF(pairs);
    return well && !PyErr_Occurred() ? 1 : -1;
}

/* Lets go of what a node has saved. */
static bool free_node(PyObject *node) {
    if (is_node(node)) return release(node), true;
    PyObject *done = PyObject_CallMethod(node, "free", NULL);
    Py_XDECREF(done);
    return done != NULL;
}

/* One output of an op with several: its gradient takes its place in the list of them. */
static int visit_pick(Walk *walk, PyObject *pick, PyObject *g) {
    PyObject *parent = SLOT(pick, engine.of_pick.parent);
    if (!is_any_node(parent)) return 0;
    Waiting *there = find_waiting(walk, parent);
    if (!there) {
        if (walk->n == MOST_WAITING) return 0;
        PyObject *many = PyObject_CallMethod(SLOT(parent, engine.of_node.plan), "outputs_of", "O", parent);
        isize n = many ? PyLong_AsSsize_t(many) : -1;
        Py_XDECREF(many);
        PyObject *list = n < 0 ? NULL : PyList_New(n);
        for (isize i = 0; list && i < n; i++) PyList_SET_ITEM(list, i, Py_NewRef(Py_None));
        if (!list) return -1;
        add_waiting(walk, parent, list);
        there = find_waiting(walk, parent);
    }
    isize i = PyLong_AsSsize_t(SLOT(pick, engine.of_pick.index));
    if (!PyList_CheckExact(there->g) || i < 0 || i >= PyList_GET_SIZE(there->g)) return 0;
    PyObject *t = as_gradient(g), *present = PyList_GET_ITEM(there->g, i);
    if (t && present != Py_None) put(&t, PyNumber_Add(present, t));
    return t && PyList_SetItem(there->g, i, t) == 0 ? 1 : -1;
}

static bool any_edge_needed(Walk *walk, PyObject *node) {
    if (Py_TYPE(node) == engine.pick) return is_needed(walk, SLOT(node, engine.of_pick.parent));
    PyObject *edges = SLOT(node, engine.of_node.edges), *edge;
    for (isize i = 0; (edge = item(edges, i)); i++)
        if (edge != Py_None && is_needed(walk, edge)) return true;
    return false;
}

/* Keeps the gradient of an input. */
static bool capture(Walk *walk, PyObject *node, PyObject *g) {
    PyObject *t = as_gradient(g);
    bool well = t && PyDict_SetItem(walk->captured, node, t) == 0;
    Py_XDECREF(t);
    return well;
}

/* One node with its gradient. 1: done; 0: it is one for Python; -1: an error. */
static int visit(Walk *walk, PyObject *node, PyObject *g) {
    bool pick = Py_TYPE(node) == engine.pick;
    if (!(pick || is_any_node(node)) || has_hooks(node)) return PyErr_Occurred() ? -1 : 0;
    int done = -1;
    Reached *here = walk->inputs ? reached(&walk->reach, node) : NULL;
    if (here && here->input && !PyList_Check(g)) {
        if (!capture(walk, node, g)) return -1;
        if (!any_edge_needed(walk, node)) done = 1;
    } else if (here && !here->needed)
        done = 1;
    if (done < 0) done = pick ? visit_pick(walk, node, g) : is_node(node) ? visit_node(walk, node, g) : visit_function(walk, node, g);
    return done == 1 && !walk->retain && !pick && !free_node(node) ? -1 : done;
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
    PyArrayObject *a = grad && is_ready(grad) ? array_of(grad) : NULL;
    if (!a || is_read_later((PyObject *)a) || PyArray_NDIM(a) != PyArray_NDIM(g) ||
        memcmp(PyArray_DIMS(a), PyArray_DIMS(g), PyArray_NDIM(a) * sizeof(npy_intp)) || !add_flat(a, g))
        return false;
    return bump_version((Fields *)grad);
}

/* Makes g the gradient of a leaf that has none: itself where nobody else holds its memory, or a copy. */
static bool give(Fields *variable, PyArrayObject *g) {
    bool own = Py_REFCNT(g) == 1 && !PyArray_BASE(g) && PyArray_ISCARRAY(g);
    PyObject *t = tensor_around(own ? Py_NewRef((PyObject *)g) : (PyObject *)PyArray_NewCopy(g, NPY_CORDER));
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
        bool well = none ? give(variable, (PyArrayObject *)g) : add_to(variable->grad, (PyArrayObject *)g);
        if (PyErr_Occurred() || (well && PyList_Append(done, leaf) < 0)) Py_CLEAR(done);
    }
    for (isize i = 0; done && i < PyList_GET_SIZE(done); i++)
        if (PyDict_DelItem(leaves, PyList_GET_ITEM(done, i)) < 0) Py_CLEAR(done);
    Py_XDECREF(done);
    return done != NULL;
}


/* The same in a pass with inputs: keeps the gradients of those that are leaves. False where Python has to, or with an error. */
static bool capture_leaves(Walk *walk) {
    PyObject *leaf, *g;
    Py_ssize_t at = 0;
    while (PyDict_Next(walk->leaves, &at, &leaf, &g))
        if (SLOT(leaf, engine.of_leaf.hooks) != Py_None || ((Fields *)SLOT(leaf, engine.variable))->rg != Py_True) return false;
    for (at = 0; PyDict_Next(walk->leaves, &at, &leaf, &g);) {
        Reached *here = reached(&walk->reach, leaf);
        if (here && here->input && !capture(walk, leaf, g)) return false;
    }
    PyDict_Clear(walk->leaves);
    return true;
}

/* ---------------------------------------------------------------- the walk */

static bool finish_in_python(Walk *walk) {
    PyObject *owned = PySet_New(NULL), *stop = walk->inputs ? PySet_New(walk->inputs) : Py_NewRef(Py_None), *done = NULL;
    if (owned && stop && tell_needed(walk))
        done = PyObject_CallFunctionObjArgs(engine.finish, walk->leaves, owned, stop, or_none(walk->captured),
                                            truth(walk->records), NULL);
    Py_XDECREF(owned), Py_XDECREF(stop), Py_XDECREF(done);
    return done != NULL;
}

/* What is left when no node waits here any more. */
static bool finish(Walk *walk) {
    if (walk->queue) {
        PyObject *done = PyObject_CallFunctionObjArgs(engine.walk_on, walk->queue, truth(walk->retain), truth(walk->records),
                                                      or_none(walk->inputs), or_none(walk->captured), or_none(walk->needed), NULL);
        Py_XDECREF(done);
        return done != NULL;
    }
    if (!(walk->inputs ? capture_leaves(walk) : finish_leaves(walk->leaves)) && PyErr_Occurred()) return false;
    return !PyDict_GET_SIZE(walk->leaves) || finish_in_python(walk);
}

static bool walk_all(Walk *walk) {
    while (walk->n && !walk->queue) {
        Waiting now = walk->waiting[--walk->n];
        int done = visit(walk, now.node, now.g);
        if (done == 0) {
            add_waiting(walk, now.node, Py_NewRef(now.g)); /* the newest still: it comes first in Python, too */
            if (!hand_over(walk)) done = -1;
        }
        Py_DECREF(now.node);
        Py_DECREF(now.g);
        if (done < 0) return false;
    }
    return finish(walk);
}

int walk_from(PyObject *const *roots, PyObject *const *seeds, isize n, PyObject *inputs, bool retain, bool records,
              PyObject **captured) {
    Walk walk; /* most of it is memory to come */
    walk.n = 0, walk.retain = retain, walk.records = records, walk.inputs = inputs;
    walk.leaves = walk.queue = walk.captured = walk.needed = NULL;
    int done = inputs ? find_reach(&walk.reach, roots, n, inputs) : 1;
    if (done == 1 && (!(walk.leaves = PyDict_New()) || (inputs && !(walk.captured = PyDict_New())))) done = -1;
    if (done == 1) {
        for (isize i = 0; done == 1 && i < n; i++)
            if (!send(&walk, roots[i], seeds[i])) done = -1;
        if (done == 1 && !walk_all(&walk)) done = -1;
    }
    forget_waiting(&walk);
    if (inputs) forget_reach(&walk.reach);
    Py_XDECREF(walk.queue), Py_XDECREF(walk.leaves), Py_XDECREF(walk.needed);
    if (done == 1) *captured = walk.captured;
    else Py_XDECREF(walk.captured);
    return done;
}
