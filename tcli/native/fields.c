/* `Fields`, the C part of a tensor, and what makes tensors, nodes and saved values quickly. */
#include "quick.h"

#include <structmember.h>

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

static PyGetSetDef properties[] = {
    {"shape", get_shape, NULL, "The sizes of the dims.", NULL},
    {"dtype", get_dtype, NULL, "The dtype.", NULL},
    {"ndim", get_ndim, NULL, "The number of dims.", NULL},
    {"requires_grad", get_requires_grad, set_requires_grad, "Whether a gradient is wanted.", NULL},
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

/* ---------------------------------------------------------------- tensors */

void put(PyObject **slot, PyObject *value) {
    PyObject *old = *slot;
    *slot = value;
    Py_XDECREF(old);
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
    PyList_SET_ITEM(version, 0, Py_NewRef(zero));
    t->a = a;
    t->v = version;
    if (is_set(engine.of_state.inference) && !is_set(engine.of_state.grad)) put(&t->inference, Py_NewRef(Py_True));
    return (PyObject *)t;
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

PyMethodDef fields_methods[] = {
    KERNEL(new_object, "new_object(class): object.__new__(class), which for tensors Python refuses."),
    {0},
};

bool add_fields(PyObject *module) {
    SizeItems_Type.tp_base = &PyTuple_Type;
    if (PyType_Ready(&SizeItems_Type) < 0 || PyModule_AddObjectRef(module, "SizeItems", (PyObject *)&SizeItems_Type) < 0)
        return false;
    return (zero = PyLong_FromLong(0)) && (engine.one = PyLong_FromLong(1)) && PyType_Ready(&Fields_Type) == 0 &&
           PyModule_AddObjectRef(module, "Fields", (PyObject *)&Fields_Type) == 0;
}
