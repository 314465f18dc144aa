/* `Way`: the function of an op. It binds as a method does and is called without a tuple of arguments being made. */
#include "quick.h"

#include <structmember.h>

#define EVERY_PART(DO) DO(dict) DO(slow) DO(op) DO(plan) DO(memory) DO(named) DO(ufunc)

static int traverse(PyObject *self, visitproc visit, void *arg) {
    Way *way = (Way *)self;
#define VISIT(part) Py_VISIT(way->part);
    EVERY_PART(VISIT)
    return 0;
}

static int clear(PyObject *self) {
    Way *way = (Way *)self;
#define CLEAR(part) Py_CLEAR(way->part);
    EVERY_PART(CLEAR)
    return 0;
}

static void dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *as_method(PyObject *self, PyObject *owner, PyObject *type) {
    (void)type;
    if (owner) return PyMethod_New(self, owner);
    Py_INCREF(self);
    return self;
}

/* Pickled by its name, as functions are. */
static PyObject *reduce(PyObject *self, PyObject *nothing) {
    (void)nothing;
    return PyObject_GetAttrString(self, "__qualname__");
}

static PyObject *repr(PyObject *self) {
    PyObject *name = PyObject_GetAttrString(self, "__qualname__");
    PyObject *text = name ? PyUnicode_FromFormat("<function %U>", name) : NULL;
    Py_XDECREF(name);
    return text;
}

static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, NULL}, {0}};

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Way, call), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(Way, dict), READONLY, NULL},
    {0},
};

static PyGetSetDef properties[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {0}};

PyTypeObject Way_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tcli.native.Way",
    .tp_doc = "The function of an op: the common case in C, the rest in the Python function that it was made with.",
    .tp_basicsize = sizeof(Way),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_vectorcall_offset = offsetof(Way, call),
    .tp_call = PyVectorcall_Call,
    .tp_dictoffset = offsetof(Way, dict),
    .tp_descr_get = as_method,
    .tp_dealloc = dealloc,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = properties,
    .tp_repr = repr,
};

Way *new_way(vectorcallfunc call, PyObject *op, PyObject *slow) {
    Way *way = (Way *)Way_Type.tp_alloc(&Way_Type, 0);
    if (!way) return NULL;
    way->call = call;
    Py_INCREF(op), Py_INCREF(slow);
    way->op = op, way->slow = slow;
    return way;
}

bool add_ways(PyObject *module) {
    return PyType_Ready(&Way_Type) == 0 && PyModule_AddObjectRef(module, "Way", (PyObject *)&Way_Type) == 0;
}
