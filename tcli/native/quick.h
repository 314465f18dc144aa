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

PyObject *get_shape(PyObject *self, void *nothing); /* (values.c) */
PyObject *get_dtype(PyObject *self, void *nothing);
PyObject *get_ndim(PyObject *self, void *nothing);
PyObject *get_requires_grad(PyObject *self, void *nothing);
int set_requires_grad(PyObject *self, PyObject *value, void *nothing);

/* What the engine tells of itself, once (`bind_engine`). */
typedef struct {
    PyTypeObject *tensor, *node, *shown, *pick, *saved, *accumulate, *op;
    PyObject *ready;   /* the set of classes that short ways take; empty while they are closed */
    PyObject *classes; /* the same as a tuple, always */
    PyObject *state, *first, *second, *result, *shape, *out;
    PyObject *edge_of, *locate, *note_expansion, *kernel_of, *record_single, *view_of, *record_view;
    PyObject *readers, *exposed; /* {id: what waits on an array}, {id: one whose memory left} */
    PyObject *dtypes, *dtype_of; /* {NumPy's: dtype}; the dtype of a less common tensor */
    PyObject *device_names, *dtype_names; /* of the modules engine/device.py and dtypes.py */
    isize numpy_of_dtype;
    PyObject *one, *sizes, *size_of; /* 1; {shape: Size}, and what makes a Size */
    PyObject *numpy, *dtype; /* the module, and the class of dtypes */
    isize small; /* elements of the largest small tensor */
    PyObject *raw_names, *rule_names, *send, *send_raw, *sum_array, *sum_to; /* of engine/backward.py, as these are: */
    PyObject *unpack, *walk_on, *finish, *observers, *ones;
    isize saves, raw, rules, variable; /* where they lie in a plan, and in the end of a path */
    struct { isize hooks, before, post_hooks; } of_leaf;
    struct { isize tensor_slots, plans, grad_name, list_slot, frees; } of_op;
    struct { isize grad, inference, odd, where, roots, wanted; } of_state; /* where the slots lie */
    struct { isize op, plan, edges, saved, seq, shape, dtype, name; } of_node;
    struct { isize array, versions, version, edge, hooked; } of_saved;
    struct { isize parent, index, shape, dtype, seq, hooks; } of_pick;
} Engine;

extern Engine engine;

/* Where the slot `name` lies in the instances of a class with __slots__; -1 with an error where there is none. (engine.c) */
isize offset_of(PyTypeObject *type, const char *name);

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

/* A node of `op` for a result like an array; takes over `edges` and `saved`. */
PyObject *node_of(PyArrayObject *like, PyObject *op, PyObject *plan, PyObject *edges, PyObject *saved, PyObject *name);

/* The same for its result `t`, whose node it becomes. */
bool record_node(Fields *t, PyObject *op, PyObject *plan, PyObject *edges, PyObject *saved, PyObject *name);

/* Notes that `t` is output i of a node of several. */
bool record_pick(Fields *t, PyObject *node, isize i);

/* A saved value: of the tensor `t`, whose own gradient goes to `edge`. */
PyObject *saved_of(Fields *t, PyObject *edge);

/* What a node keeps, a list; NULL without an error where it takes more than is known here. The operands are x and either y,
   which may be a number, or the options (NULL for what there is not); the result is t. */
PyObject *saved_values(PyObject *plan, PyObject *x, PyObject *edge_x, PyObject *y, PyObject *edge_y, PyObject *options, Fields *t);

/* The option that ("arg", i) asks for, of (the first one, ...): a new reference; NULL without an error for anything else. */
PyObject *option_of(PyObject *fetch, PyObject *options);

PyObject *shape_of(PyArrayObject *a);
void put(PyObject **slot, PyObject *value); /* takes over `value`, lets go of what was there */

/* Whether an op on `o` is to be recorded for its gradient. */
INLINE bool is_recorded(PyObject *o) { return is_ready(o) && ((Fields *)o)->rg == Py_True && is_set(engine.of_state.grad); }

/* Counts a write to the memory of `t`. */
INLINE bool bump_version(Fields *t) {
    PyObject *version = PyList_GET_SIZE(t->v) ? PyNumber_Add(PyList_GET_ITEM(t->v, 0), engine.one) : NULL;
    return version && PyList_SetItem(t->v, 0, version) == 0;
}

typedef struct Way Way;

/* The node of an op on two operands, whose plans `way` has. (record.c) */
bool record_two(Way *way, PyObject *x, PyObject *y, PyObject *t);

/* The node of an op of these values. 1: recorded; 0: one for Python, nothing was done; -1: an error. (record.c) */
int record_values(PyObject *op, PyObject *const *values, isize n, Fields *t, PyObject *name);

/* Whether the op's node has one name, or was told it. */
bool is_named(PyObject *op, PyObject *name);

/* ---------------------------------------------------------------- ufuncs (pointwise.c) */

typedef struct {
    PyUFuncGenericFunction fn;
    void *data;
    int out; /* the dtype number of the result */
} Loop;

enum { OF_FLOAT32, OF_FLOAT64, OF_INT64 };

/* Which of the loops an array asks for; -1 for another dtype, or an array that is not small. */
INLINE int kind_of(PyArrayObject *a) {
    PyArray_Descr *d = PyArray_DESCR(a);
    if (PyArray_SIZE(a) > engine.small || !PyArray_ISNOTSWAPPED(a)) return -1;
    return d->type_num == NPY_FLOAT32   ? OF_FLOAT32
           : d->type_num == NPY_FLOAT64 ? OF_FLOAT64
           : d->type_num == NPY_INT64   ? OF_INT64
                                        : -1;
}

INLINE bool is_flat(PyArrayObject *a) { return PyArray_ISCARRAY_RO(a); }

typedef union {
    float f;
    double d;
    int64_t i;
} Number;

/* A Python number as an array of that kind wants it; false for any other object. */
bool as_number(PyObject *o, int kind, bool integers, Number *number);

/* The same for an array that the number fits without overflow. (writes.c) */
bool fits_number(PyArrayObject *a, PyObject *o, Number *number);

/* The array of a small tensor that lies flat and may be written at once; NULL for any other. (writes.c) */
PyArrayObject *written_array(PyObject *x);

/* Whether expressions wait on the memory of an array, or may. */
bool is_read_later(PyObject *a);

/* Writes a number to a flat array where a mask of its shape is set; false where it takes more. (choices.c) */
bool fill_masked(PyArrayObject *a, PyObject *mask, PyObject *number);

INLINE bool same_shape(PyArrayObject *a, PyArrayObject *b) {
    int n = PyArray_NDIM(a);
    return n == PyArray_NDIM(b) && (!n || !memcmp(PyArray_DIMS(a), PyArray_DIMS(b), n * sizeof(npy_intp)));
}

/* ---------------------------------------------------------------- the functions of ops (ways.c) */

struct Way {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *dict;
    PyObject *slow;    /* the Python function for all other cases */
    PyObject *op;
    PyObject *plan;    /* of one operand, or the plans of two; None where nothing is recorded */
    PyObject *memory;  /* {way of calling: (options, kernel)}; of an op on two operands (the second, further options) */
    PyObject *named;   /* a function that names the node, or None */
    PyObject *ufunc;   /* or the kernel */
    Loop loops[3];     /* of float32, float64 and int64 */
    bool alone;        /* one value is all that the gradient keeps */
    bool integers;
    bool any_dtype;    /* of numbers and bools */
    bool in_rows;      /* results lie in row-major memory */
    bool by_options, by_shape; /* what `named` is called with, when somebody asks */
};

extern PyTypeObject Way_Type;

Way *new_way(vectorcallfunc call, PyObject *op, PyObject *slow);

/* (x, other) of a way with a ufunc. (pointwise.c) */
PyObject *call_binary(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names);

/* A way made of (op, ufunc, plan, slow), with the loops of the ufunc. (pointwise.c) */
PyObject *make_pointwise(PyObject *const *args, vectorcallfunc call);

INLINE PyObject *go_on(Way *way, PyObject *const *args, size_t nargsf, PyObject *names) {
    return PyObject_Vectorcall(way->slow, args, nargsf, names);
}

/* The way out of a failure on the short way: the long one says what is wrong. */
INLINE PyObject *go_on_after_error(Way *way, PyObject *const *args, size_t nargsf, PyObject *names) {
    PyErr_Clear();
    return go_on(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- options and views (options.c, views.c) */

/* The options and the kernel, None or a function of the array, of a call that was made before: a new reference to the pair.
   NULL, without an error, for all other calls. */
PyObject *known_way(Way *way, PyArrayObject *a, PyObject *const *args, isize n, PyObject *names);

/* What the kernel makes of an array with these options. */
PyObject *run_kernel(Way *way, PyArrayObject *a, PyObject *known);

/* Whether a way takes an array of this dtype and layout. */
bool takes(Way *way, PyArrayObject *a);

/* The tensor around `r`, an array or a number (NULL passes through), what way's op gives for (x, *options): recorded. */
PyObject *single_result(Way *way, PyObject *x, PyObject *options, PyObject *r);

/* The same for a tuple of arrays: a tuple of tensors, of that class. (several.c) */
PyObject *several_results(Way *way, PyObject *x, PyObject *options, PyObject *r, PyObject *class);

/* Whether a gradient can flow to an array of this dtype: floats, complex numbers, bfloat16. */
bool is_differentiable(PyArrayObject *a);

/* The name of the node of (x, *options), a new reference; None where the op has one name. */
PyObject *name_of_node(Way *way, PyObject *x, PyObject *options);

/* A way made of (op, plan, memory, named, slow). */
PyObject *with_options(PyObject *const *args, vectorcallfunc call);

/* Notes a view among those of its root. */
bool note_in_root(Fields *root, PyObject *t);

/* The array of a small tensor that views may be taken of. */
PyArrayObject *viewed_array(PyObject *x);

/* The entries of an index, a new tuple, with slices in the place of `...`; NULL, perhaps without an error, where it has too many. */
PyObject *entries_of(PyArrayObject *a, PyObject *index);

/* a[(*entries, ...)]; NULL, with or without an error, for entries that are no integers, slices or None, or do not fit. */
PyObject *region_of(PyArrayObject *a, PyObject *const *entries, isize n);

/* A view of the memory of `a`: these sizes and strides, from `data` on. */
PyObject *view_at(PyArrayObject *a, int n, npy_intp *dims, npy_intp *strides, char *data);

PyObject *call_view(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names);

#endif
