/* `Fields`, the C part of a tensor, and what makes tensors, nodes and saved values quickly. */
#include "quick.h"

#include <structmember.h>

Engine engine;
static long long sequence;
static PyObject *zero;

/* ---------------------------------------------------------------- the type */

#define FIELD(name, member) {name, T_OBJECT_EX, offsetof(Fields, member), 0, NULL}

static PyMemberDef members[] = {
    FIELD("_a", a),
    FIELD("_v", v),
    FIELD("_node", node),
    FIELD("_rg", rg),
    FIELD("_leaf", leaf),
    FIELD("_base", base),
    FIELD("_view", view),
    FIELD("_views", views),
    FIELD("_several", several),
    FIELD("_inference", inference),
    FIELD("_half_complex", half_complex),
    {"grad", T_OBJECT, offsetof(Fields, grad), 0, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(Fields, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Fields, weak), READONLY, NULL},
    {0},
};

/* The shape as a `Size`, the same one for equal shapes. */
static PyObject *get_shape(PyObject *self, void *nothing) {
    PyObject *a = ((Fields *)self)->a;
    (void)nothing;
    if (!a || !engine.sizes) return PyErr_Format(PyExc_AttributeError, "shape");
    PyObject *shape = PyArray_CheckExact(a) ? shape_of((PyArrayObject *)a) : PyObject_GetAttrString(a, "shape");
    PyObject *size = shape ? PyDict_GetItemWithError(engine.sizes, shape) : NULL;
    if (size) Py_INCREF(size);
    else if (shape && !PyErr_Occurred()) size = PyObject_CallOneArg(engine.size_of, shape);
    Py_XDECREF(shape);
    return size;
}

static PyGetSetDef properties[] = {
    {"shape", get_shape, NULL, "The sizes of the dims.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {0},
};

#define EVERY_FIELD(DO) DO(a) DO(v) DO(node) DO(rg) DO(leaf) DO(base) DO(view) DO(views) DO(several) DO(inference) \
    DO(half_complex) DO(grad) DO(dict)

static int traverse(PyObject *self, visitproc visit, void *arg) {
    Fields *t = (Fields *)self;
#define VISIT(field) Py_VISIT(t->field);
    EVERY_FIELD(VISIT)
    return 0;
}

static int clear(PyObject *self) {
    Fields *t = (Fields *)self;
#define CLEAR(field) Py_CLEAR(t->field);
    EVERY_FIELD(CLEAR)
    return 0;
}

static void dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    if (((Fields *)self)->weak) PyObject_ClearWeakRefs(self);
    clear(self);
    Py_TYPE(self)->tp_free(self);
}

static Fields *make(PyTypeObject *type) {
    Fields *t = (Fields *)type->tp_alloc(type, 0);
    if (!t) return NULL;
    t->node = t->leaf = t->base = t->view = t->views = t->several = Py_None;
    t->rg = t->inference = t->half_complex = Py_False;
    Py_SET_REFCNT(Py_None, Py_REFCNT(Py_None) + 6);
    Py_SET_REFCNT(Py_False, Py_REFCNT(Py_False) + 3);
    return t;
}

static PyObject *fields_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)args, (void)kwargs;
    return (PyObject *)make(type);
}

PyTypeObject Fields_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tcli.native.Fields",
    .tp_doc = "What every tensor is made of: an array, its version, its history. `Tensor` derives from it.",
    .tp_basicsize = sizeof(Fields),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = fields_new,
    .tp_dealloc = dealloc,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_members = members,
    .tp_getset = properties,
    .tp_dictoffset = offsetof(Fields, dict),
    .tp_weaklistoffset = offsetof(Fields, weak),
};

/* ---------------------------------------------------------------- sizes */

/* size[i] of a `Size`: slices are of the same class. */
static PyObject *size_item(PyObject *self, PyObject *index) {
    if (PyLong_CheckExact(index)) {
        Py_ssize_t i = PyLong_AsSsize_t(index), n = PyTuple_GET_SIZE(self);
        if (i >= -n && i < n && !(i == -1 && PyErr_Occurred())) return Py_NewRef(PyTuple_GET_ITEM(self, i < 0 ? i + n : i));
        PyErr_Clear();
    }
    PyObject *found = PyTuple_Type.tp_as_mapping->mp_subscript(self, index);
    if (!found || !PySlice_Check(index)) return found;
    PyObject *size = PyObject_CallOneArg((PyObject *)Py_TYPE(self), found);
    Py_DECREF(found);
    return size;
}

static PyMappingMethods size_items = {.mp_subscript = size_item};

static PyTypeObject SizeItems_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tcli.native.SizeItems",
    .tp_doc = "A tuple whose slices are of its class.",
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_as_mapping = &size_items,
};

/* ---------------------------------------------------------------- tensors, nodes, saved values */

void put(PyObject **slot, PyObject *value) {
    PyObject *old = *slot;
    *slot = value;
    Py_XDECREF(old);
}

INLINE PyObject *with_reference(PyObject *o) {
    Py_INCREF(o);
    return o;
}

PyObject *tensor_around(PyObject *a) {
    if (!a) return NULL;
    Fields *t = make(engine.tensor);
    PyObject *version = t ? PyList_New(1) : NULL;
    if (!version) {
        Py_DECREF(a);
        Py_XDECREF(t);
        return NULL;
    }
    PyList_SET_ITEM(version, 0, with_reference(zero));
    t->a = a;
    t->v = version;
    if (is_set(engine.of_state.inference) && !is_set(engine.of_state.grad)) put(&t->inference, with_reference(Py_True));
    return (PyObject *)t;
}

PyObject *edge_to(Fields *t) {
    PyObject *edge = t->node != Py_None ? t->node : t->leaf;
    return edge != Py_None ? with_reference(edge) : PyObject_CallOneArg(engine.edge_of, (PyObject *)t);
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

bool record_node(Fields *t, PyObject *op, PyObject *plan, PyObject *edges, PyObject *saved, PyObject *name) {
    PyObject *node = edges && saved ? engine.node->tp_alloc(engine.node, 0) : NULL;
    PyObject *shape = node ? shape_of((PyArrayObject *)t->a) : NULL, *seq = shape ? PyLong_FromLongLong(++sequence) : NULL;
    if (!seq) {
        Py_XDECREF(node), Py_XDECREF(shape), Py_XDECREF(edges), Py_XDECREF(saved);
        return false;
    }
    SLOT(node, engine.of_node.op) = with_reference(op);
    SLOT(node, engine.of_node.plan) = with_reference(plan);
    SLOT(node, engine.of_node.edges) = edges;
    SLOT(node, engine.of_node.saved) = saved;
    SLOT(node, engine.of_node.seq) = seq;
    SLOT(node, engine.of_node.shape) = shape;
    SLOT(node, engine.of_node.dtype) = with_reference((PyObject *)PyArray_DESCR((PyArrayObject *)t->a));
    SLOT(node, engine.of_node.name) = with_reference(name);
    put(&t->node, node);
    put(&t->rg, with_reference(Py_True));
    return !is_set(engine.of_state.where) || note_place(node);
}

PyObject *saved_of(Fields *t, PyObject *edge) {
    PyObject *s = engine.saved->tp_alloc(engine.saved, 0);
    if (!s) return NULL;
    SLOT(s, engine.of_saved.array) = with_reference(t->a);
    SLOT(s, engine.of_saved.versions) = with_reference(t->v);
    SLOT(s, engine.of_saved.version) = with_reference(PyList_GET_ITEM(t->v, 0));
    SLOT(s, engine.of_saved.edge) = with_reference(edge);
    SLOT(s, engine.of_saved.hooked) = with_reference(Py_None);
    return s;
}

/* The option that ("arg", i) asks for; NULL for anything else. */
PyObject *option_of(PyObject *fetch, PyObject *options) {
    if (!options || !PyTuple_CheckExact(fetch) || PyTuple_GET_SIZE(fetch) != 2) return NULL;
    PyObject *what = PyTuple_GET_ITEM(fetch, 0), *place = PyTuple_GET_ITEM(fetch, 1);
    if (!PyUnicode_CheckExact(what) || !PyLong_CheckExact(place) || PyUnicode_CompareWithASCIIString(what, "arg") != 0) return NULL;
    long i = PyLong_AsLong(place);
    return i >= 1 && i <= PyTuple_GET_SIZE(options) ? with_reference(PyTuple_GET_ITEM(options, i - 1)) : NULL;
}

static PyObject *saved_value(PyObject *fetch, PyObject *x, PyObject *edge_x, PyObject *y, PyObject *edge_y, PyObject *options,
                             Fields *t) {
    if (fetch == engine.result) return saved_of(t, engine.out);
    if (fetch == engine.shape) return shape_of(array_of(x));
    if (fetch == engine.first) return is_ready(x) ? saved_of((Fields *)x, edge_x) : with_reference(x);
    if (fetch == engine.second && y) return is_ready(y) ? saved_of((Fields *)y, edge_y) : with_reference(y);
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

static PyObject *new_object(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 1 || !PyType_Check(args[0])) return PyErr_Format(PyExc_TypeError, "new_object(class)");
    PyTypeObject *type = (PyTypeObject *)args[0];
    if (PyType_IsSubtype(type, &Fields_Type)) return (PyObject *)make(type);
    static PyObject *nothing;
    if (!nothing && !(nothing = PyTuple_New(0))) return NULL;
    return PyBaseObject_Type.tp_new(type, nothing, NULL);
}

static PyObject *next_sequence(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self, (void)args, (void)n;
    return PyLong_FromLongLong(++sequence);
}

/* Where the slot `name` lies in the instances of a class with __slots__; -1 with an error where there is none. */
static isize offset_of(PyTypeObject *type, const char *name) {
    PyObject *found = PyDict_GetItemString(type->tp_dict, name);
    if (!found || !PyObject_TypeCheck(found, &PyMemberDescr_Type)) {
        PyErr_Format(PyExc_TypeError, "%s has no slot %s", type->tp_name, name);
        return -1;
    }
    return ((PyMemberDescrObject *)found)->d_member->offset;
}

static PyObject *taken(PyObject *words, const char *name) {
    PyObject *found = PyDict_GetItemString(words, name);
    if (!found) return PyErr_Format(PyExc_TypeError, "bind_engine() wants %s", name);
    Py_INCREF(found);
    return found;
}

static PyObject *set_small(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 1) return PyErr_Format(PyExc_TypeError, "set_small(n)");
    engine.small = PyLong_AsSsize_t(args[0]);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

#define OFFSET(of, type, field, name) ((engine.of.field = offset_of(type, name)) < 0)

static PyObject *bind_engine(PyObject *self, PyObject *words) {
    (void)self;
    if (!PyDict_CheckExact(words)) return PyErr_Format(PyExc_TypeError, "bind_engine(words)");
    PyObject **objects[] = {(PyObject **)&engine.node, (PyObject **)&engine.saved, &engine.ready, &engine.classes, &engine.state,
                            &engine.first, &engine.second, &engine.result, &engine.shape, &engine.out, &engine.edge_of,
                            &engine.locate, &engine.note_expansion, &engine.kernel_of, &engine.record_single, &engine.view_of,
                            &engine.record_view, &engine.readers, &engine.sizes, &engine.size_of, &engine.numpy, &engine.dtype, (PyObject **)&engine.shown,
                            (PyObject **)&engine.accumulate, (PyObject **)&engine.op, &engine.pick, &engine.raw_names, &engine.send_raw,
                            &engine.sum_array, &engine.joint_raw, &engine.walk_on, &engine.finish, (PyObject **)&engine.tensor};
    const char *names[] = {"node", "saved", "ready", "classes", "state", "first", "second", "result", "shape", "out", "edge_of",
                           "locate", "note_expansion", "kernel_of", "record_single", "view_of", "record_view", "readers", "sizes", "size_of", "numpy", "dtype",
                           "shown", "accumulate", "op", "pick", "raw_names", "send_raw", "sum_array", "joint_raw", "walk_on", "finish",
                           "tensor"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!(*objects[i] = taken(words, names[i]))) return NULL;
    if (!PyTuple_CheckExact(engine.classes) || !PyDict_CheckExact(engine.readers) || !PyDict_CheckExact(engine.sizes) || !PyAnySet_CheckExact(engine.ready) ||
        !PyType_IsSubtype(engine.tensor, &Fields_Type))
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "bind_engine() got something else");
    PyTypeObject *state = Py_TYPE(engine.state), *node = engine.node, *saved = engine.saved;
    PyObject *plan = taken(words, "plan");
    if (!plan || (engine.saves = offset_of((PyTypeObject *)plan, "saves")) < 0 ||
        (engine.raw = offset_of((PyTypeObject *)plan, "raw")) < 0 ||
        (engine.rules = offset_of((PyTypeObject *)plan, "rules")) < 0 ||
        (engine.variable = offset_of(engine.accumulate, "variable")) < 0)
        return NULL;
    PyTypeObject *op = engine.op, *leaf = engine.accumulate;
    if (OFFSET(of_leaf, leaf, hooks, "hooks") || OFFSET(of_leaf, leaf, before, "before") ||
        OFFSET(of_leaf, leaf, post_hooks, "post_hooks") || OFFSET(of_op, op, tensor_slots, "tensor_slots") || OFFSET(of_op, op, plans, "plans") ||
        OFFSET(of_op, op, grad_name, "grad_name_") || OFFSET(of_op, op, list_slot, "list_slot") ||
        OFFSET(of_op, op, frees, "frees"))
        return NULL;
    if (OFFSET(of_state, state, grad, "grad") || OFFSET(of_state, state, inference, "inference") ||
        OFFSET(of_state, state, odd, "odd") || OFFSET(of_state, state, where, "where") || OFFSET(of_node, node, op, "op") ||
        OFFSET(of_node, node, plan, "plan") || OFFSET(of_node, node, edges, "edges") ||
        OFFSET(of_node, node, saved, "saved") || OFFSET(of_node, node, seq, "seq") || OFFSET(of_node, node, shape, "shape") ||
        OFFSET(of_node, node, dtype, "dtype") || OFFSET(of_node, node, name, "_name") ||
        OFFSET(of_saved, saved, array, "array") || OFFSET(of_saved, saved, versions, "versions") ||
        OFFSET(of_saved, saved, version, "version") || OFFSET(of_saved, saved, edge, "edge") ||
        OFFSET(of_saved, saved, hooked, "hooked"))
        return NULL;
    Py_RETURN_NONE;
}

PyMethodDef fields_methods[] = {
    KERNEL(new_object, "new_object(class): object.__new__(class), which for tensors Python refuses."),
    KERNEL(next_sequence, "next_sequence(): the number of a new node."),
    KERNEL(set_small, "set_small(n): elements of the largest tensor that short ways take; -1 for none."),
    {"bind_engine", bind_engine, METH_O, "bind_engine(words): tells the short ways of the engine's classes and modes."},
    {0},
};

bool add_fields(PyObject *module) {
    SizeItems_Type.tp_base = &PyTuple_Type;
    if (PyType_Ready(&SizeItems_Type) < 0 || PyModule_AddObjectRef(module, "SizeItems", (PyObject *)&SizeItems_Type) < 0)
        return false;
    return (zero = PyLong_FromLong(0)) && (engine.one = PyLong_FromLong(1)) && PyType_Ready(&Fields_Type) == 0 &&
           PyModule_AddObjectRef(module, "Fields", (PyObject *)&Fields_Type) == 0;
}
