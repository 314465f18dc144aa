/* What the engine tells of itself, once: its classes, their slots, its modes. */
#include "quick.h"

#include <structmember.h>

Engine engine;

isize offset_of(PyTypeObject *type, const char *name) {
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

#define PART(name) {#name, (PyObject **)&engine.name}

static const struct {
    const char *name;
    PyObject **place;
} parts[] = {
    PART(pick), PART(node), PART(saved), PART(ready), PART(classes), PART(state), PART(first), PART(second),
    PART(result), PART(shape), PART(out), PART(edge_of), PART(locate), PART(note_expansion), PART(kernel_of),
    PART(record_single), PART(view_of), PART(record_view), PART(readers), PART(exposed), PART(dtypes), PART(dtype_of), PART(device_names), PART(dtype_names), PART(sizes), PART(size_of), PART(numpy),
    PART(dtype), PART(shown), PART(accumulate), PART(op), PART(raw_names), PART(send_raw), PART(sum_array),
    PART(rule_names), PART(send), PART(sum_to), PART(unpack), PART(walk_on), PART(finish), PART(observers), PART(ones), PART(tensor),
};

static PyObject *bind_engine(PyObject *self, PyObject *words) {
    (void)self;
    if (!PyDict_CheckExact(words)) return PyErr_Format(PyExc_TypeError, "bind_engine(words)");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!(*parts[i].place = taken(words, parts[i].name))) return NULL;
    if (!PyTuple_CheckExact(engine.classes) || !PyDict_CheckExact(engine.readers) || !PyDict_CheckExact(engine.sizes) || !PyAnySet_CheckExact(engine.ready) ||
        !PyDict_CheckExact(engine.exposed) || !PyList_CheckExact(engine.observers) || !PyDict_CheckExact(engine.ones) || !PyDict_CheckExact(engine.dtypes) || !PyDict_CheckExact(engine.device_names) ||
        !PyDict_CheckExact(engine.dtype_names) || !PyType_Check(engine.dtype) ||
        !PyType_IsSubtype(engine.tensor, &Fields_Type))
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "bind_engine() got something else");
    PyTypeObject *state = Py_TYPE(engine.state), *node = engine.node, *saved = engine.saved;
    PyObject *plan = taken(words, "plan");
    if (!plan || (engine.saves = offset_of((PyTypeObject *)plan, "saves")) < 0 ||
        (engine.raw = offset_of((PyTypeObject *)plan, "raw")) < 0 ||
        (engine.rules = offset_of((PyTypeObject *)plan, "rules")) < 0 ||
        (engine.numpy_of_dtype = offset_of((PyTypeObject *)engine.dtype, "_numpy")) < 0 ||
        (engine.variable = offset_of(engine.accumulate, "variable")) < 0)
        return NULL;
    PyTypeObject *op = engine.op, *leaf = engine.accumulate, *pick = engine.pick;
    if (OFFSET(of_pick, pick, parent, "parent") || OFFSET(of_pick, pick, index, "index") || OFFSET(of_pick, pick, shape, "shape") ||
        OFFSET(of_pick, pick, dtype, "dtype") || OFFSET(of_pick, pick, seq, "seq") || OFFSET(of_pick, pick, hooks, "hooks"))
        return NULL;
    if (OFFSET(of_leaf, leaf, hooks, "hooks") || OFFSET(of_leaf, leaf, before, "before") ||
        OFFSET(of_leaf, leaf, post_hooks, "post_hooks") || OFFSET(of_op, op, tensor_slots, "tensor_slots") || OFFSET(of_op, op, plans, "plans") ||
        OFFSET(of_op, op, grad_name, "grad_name_") || OFFSET(of_op, op, list_slot, "list_slot") ||
        OFFSET(of_op, op, frees, "frees"))
        return NULL;
    if (OFFSET(of_state, state, grad, "grad") || OFFSET(of_state, state, inference, "inference") ||
        OFFSET(of_state, state, odd, "odd") || OFFSET(of_state, state, where, "where") ||
        OFFSET(of_state, state, roots, "roots") || OFFSET(of_state, state, wanted, "wanted") || OFFSET(of_node, node, op, "op") ||
        OFFSET(of_node, node, plan, "plan") || OFFSET(of_node, node, edges, "edges") ||
        OFFSET(of_node, node, saved, "saved") || OFFSET(of_node, node, seq, "seq") || OFFSET(of_node, node, shape, "shape") ||
        OFFSET(of_node, node, dtype, "dtype") || OFFSET(of_node, node, name, "_name") ||
        OFFSET(of_saved, saved, array, "array") || OFFSET(of_saved, saved, versions, "versions") ||
        OFFSET(of_saved, saved, version, "version") || OFFSET(of_saved, saved, edge, "edge") ||
        OFFSET(of_saved, saved, hooked, "hooked"))
        return NULL;
    Py_RETURN_NONE;
}

PyMethodDef engine_methods[] = {
    KERNEL(set_small, "set_small(n): elements of the largest tensor that short ways take; -1 for none."),
    {"bind_engine", bind_engine, METH_O, "bind_engine(words): tells the short ways of the engine's classes and modes."},
    {0},
};
