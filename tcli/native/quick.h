/* The short ways from an op's call to its result and its tape entry, for small tensors.

   A tensor's fields lie in C (`Fields`, fields.c); nodes and saved values are the Python classes of engine/tape.py, whose slots
   are written where they lie. A `Way` (ways.c) is the function of one op: a callable that does the common case here and hands
   everything else, errors included, to the Python function it was made with. */
#ifndef TCLI_QUICK_H
#define TCLI_QUICK_H

#include "native.h"

#include <numpy/ufuncobject.h>

/* ---------------------------------------------------------------- tensors (fields.c) */

typedef struct {
    PyObject_HEAD
    PyObject *a;            /* the array */
    PyObject *v;            /* [version], shared by all views of one memory */
    PyObject *node;         /* the tape entry that made it */
    PyObject *rg;           /* whether it needs a gradient */
    PyObject *leaf;
    PyObject *base;         /* of a view */
    PyObject *view;         /* (what it is a view of, the op, its options) */
    PyObject *views;        /* weak references to the views of it */
    PyObject *several;
    PyObject *inference;
    PyObject *half_complex;
    PyObject *grad;
    PyObject *dict, *weak;
} Fields;

extern PyTypeObject Fields_Type;

/* What the engine tells of itself, once (`bind_engine`). */
typedef struct {
    PyTypeObject *tensor, *node, *saved;
    PyObject *ready;   /* the set of classes that short ways take; empty while they are closed */
    PyObject *classes; /* the same as a tuple, always */
    PyObject *state, *first, *second, *result, *shape, *out;
    PyObject *edge_of, *locate, *note_expansion;
    isize small; /* elements of the largest small tensor */
    struct { isize grad, inference, odd, where; } of_state; /* where the slots lie */
    struct { isize op, plan, edges, saved, seq, shape, dtype, name; } of_node;
    struct { isize array, versions, version, edge, hooked; } of_saved;
} Engine;

extern Engine engine;

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

INLINE bool is_set(isize offset) { return SLOT(engine.state, offset) != Py_False; } /* a mode of `state` */

/* Whether `o` is a tensor whose array is at hand, and short ways are open. */
INLINE bool is_ready(PyObject *o) {
    PyTypeObject *type = Py_TYPE(o);
    if (type != engine.tensor) {
        isize n = engine.classes ? PyTuple_GET_SIZE(engine.classes) : 0, i = 0;
        while (i < n && (PyTypeObject *)PyTuple_GET_ITEM(engine.classes, i) != type) i++;
        if (i == n) return false;
    }
    return PySet_GET_SIZE(engine.ready) && ((Fields *)o)->a != NULL;
}

INLINE PyArrayObject *array_of(PyObject *t) {
    PyObject *a = ((Fields *)t)->a;
    return PyArray_CheckExact(a) ? (PyArrayObject *)a : NULL;
}

/* A tensor around `a`, whose reference it takes over (NULL passes through), with version 0 and no history. */
PyObject *tensor_around(PyObject *a);

/* The node that a gradient of `t` flows to, a new reference; None for a tensor that needs none. */
PyObject *edge_to(Fields *t);

/* A node of `op` for its result `t`; takes over `edges` and `saved` and sets t's node. */
bool record_node(Fields *t, PyObject *op, PyObject *plan, PyObject *edges, PyObject *saved, PyObject *name);

/* A saved value: of the tensor `t`, whose own gradient goes to `edge`. */
PyObject *saved_of(Fields *t, PyObject *edge);

/* What a node keeps of `plan.saves` where the result is t and the operands are x and y (NULL: there is one), numbers
   included; NULL without an error where it takes more. */
PyObject *saved_values(PyObject *saves, PyObject *x, PyObject *edge_x, PyObject *y, PyObject *edge_y, Fields *t);

/* ---------------------------------------------------------------- ufuncs (pointwise.c) */

typedef struct {
    PyUFuncGenericFunction fn;
    void *data;
    int out; /* the dtype number of the result */
} Loop;

/* ---------------------------------------------------------------- the functions of ops (ways.c) */

typedef struct Way {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *dict;
    PyObject *slow;    /* the Python function for all other cases */
    PyObject *op;
    PyObject *plan;    /* of one operand, or the plans of two; None where nothing is recorded */
    PyObject *memory;  /* {way of calling: (options, kernel)} */
    PyObject *named;   /* what names the node, or None */
    PyObject *ufunc;
    Loop loops[3];     /* of float32, float64 and int64 */
    bool alone;        /* one value is all that the gradient keeps */
    bool integers;
} Way;

extern PyTypeObject Way_Type;

Way *new_way(vectorcallfunc call, PyObject *op, PyObject *slow);

INLINE PyObject *go_on(Way *way, PyObject *const *args, size_t nargsf, PyObject *names) {
    return PyObject_Vectorcall(way->slow, args, nargsf, names);
}

/* The way out of a failure on the short way: the long one says what is wrong. */
INLINE PyObject *go_on_after_error(Way *way, PyObject *const *args, size_t nargsf, PyObject *names) {
    PyErr_Clear();
    return go_on(way, args, nargsf, names);
}

#endif
