/* The short ways of `unbind`, `split` and `chunk`: the parts of a tensor along a dim, views that share one node. */
#include "quick.h"

#define MOST_DIMS 16
#define MOST_COUNTED 64

/* Part i along `dim`: of `step` elements, or one without that dim where the step is 0. */
static PyObject *part_of(PyArrayObject *a, int dim, isize i, isize step) {
    npy_intp dims[MOST_DIMS], strides[MOST_DIMS];
    int n = 0;
    for (int d = 0; d < PyArray_NDIM(a); d++) {
        if (d == dim && !step) continue;
        dims[n] = d == dim ? min_of(step, PyArray_DIM(a, d) - i * step) : PyArray_DIM(a, d);
        strides[n++] = PyArray_STRIDE(a, d);
    }
    return view_at(a, n, dims, strides, PyArray_BYTES(a) + i * (step ? step : 1) * PyArray_STRIDE(a, dim));
}

/* Notes part i as a view of x. */
static bool note_part(Fields *t, Fields *x, PyObject *op, PyObject *options, PyObject *name, isize i) {
    Fields *root = (Fields *)(x->base != Py_None ? x->base : (PyObject *)x);
    PyObject *view = options ? PyTuple_Pack(3, (PyObject *)x, op, options) : NULL, *several = view ? Py_BuildValue("(On)", name, i) : NULL;
    if (!several) {
        Py_XDECREF(view);
        return false;
    }
    put(&t->v, Py_NewRef(x->v));
    put(&t->base, Py_NewRef((PyObject *)root));
    put(&t->view, view);
    put(&t->several, several);
    return note_in_root(root, (PyObject *)t);
}

/* What a call splits: `step` elements a part, or one without the dim where the step is 0. */
typedef struct {
    PyObject *x;
    PyArrayObject *a;
    isize dim, step, count;
} Split;

/* The object at the end of what a node of `n` outputs keeps. */
static PyObject *count_of(Way *way, isize n) {
    static PyObject *known[MOST_COUNTED];
    PyObject *number = n < MOST_COUNTED && known[n] ? NULL : PyLong_FromSsize_t(n);
    if (!number) return PyErr_Occurred() ? NULL : Py_NewRef(known[n]);
    PyObject *made = PyObject_CallOneArg(way->ufunc, number);
    Py_DECREF(number);
    if (made && n < MOST_COUNTED) known[n] = Py_NewRef(made);
    return made;
}

/* The options of the recorded op: (dim,), or (sizes, dim, the name of the node). */
static PyObject *options_of(const Split *s, PyObject *name) {
    if (!s->step) return Py_BuildValue("(n)", s->dim);
    PyObject *sizes = PyList_New(s->count);
    for (isize i = 0; sizes && i < s->count; i++) {
        PyObject *size = PyLong_FromSsize_t(min_of(s->step, PyArray_DIM(s->a, s->dim) - i * s->step));
        if (size) PyList_SET_ITEM(sizes, i, size);
        else Py_CLEAR(sizes);
    }
    return sizes ? Py_BuildValue("(NnO)", sizes, s->dim, name) : NULL;
}

static bool keep_count(Way *way, PyObject *saved, isize n) {
    PyObject *count = count_of(way, n);
    bool well = count && PyList_Append(saved, count) == 0;
    Py_XDECREF(count);
    return well;
}

/* The node that all parts share, whose first one is `like`. */
static PyObject *node_of_parts(Way *way, const Split *s, PyArrayObject *like) {
    PyObject *name = PyTuple_GET_ITEM(way->named, 2), *options = options_of(s, name);
    PyObject *edge = options ? edge_to((Fields *)s->x) : NULL, *edges = edge ? PyTuple_Pack(1, edge) : NULL;
    PyObject *saved = edges ? saved_values(way->plan, s->x, edge, NULL, NULL, options, NULL) : NULL;
    Py_XDECREF(options), Py_XDECREF(edge);
    if (saved && keep_count(way, saved, s->count)) return node_of(like, way->op, way->plan, edges, saved, name);
    Py_XDECREF(edges), Py_XDECREF(saved);
    return NULL;
}

static PyObject *part_tensor(Way *way, const Split *s, isize i, PyObject *node) {
    PyObject *t = tensor_around(part_of(s->a, (int)s->dim, i, s->step));
    isize end = min_of((i + 1) * s->step, PyArray_DIM(s->a, s->dim));
    PyObject *options = s->step ? Py_BuildValue("(nnni)", s->dim, i * s->step, end, 1) : Py_BuildValue("(nn)", s->dim, i);
    bool well = t && note_part((Fields *)t, (Fields *)s->x, PyTuple_GET_ITEM(way->named, 1), options, PyTuple_GET_ITEM(way->named, 0), i) &&
                (!node || record_pick((Fields *)t, node, i));
    Py_XDECREF(options);
    if (!well) Py_CLEAR(t);
    return t;
}

static PyObject *all_parts(Way *way, const Split *s) {
    PyObject *parts = PyTuple_New(s->count), *node = NULL;
    if (parts && ((Fields *)s->x)->rg == Py_True && is_set(engine.of_state.grad)) {
        PyObject *first = part_of(s->a, (int)s->dim, 0, s->step);
        node = first ? node_of_parts(way, s, (PyArrayObject *)first) : NULL;
        Py_XDECREF(first);
        if (!node) Py_CLEAR(parts);
    }
    for (isize i = 0; parts && i < s->count; i++) {
        PyObject *t = part_tensor(way, s, i, node);
        if (t) PyTuple_SET_ITEM(parts, i, t);
        else Py_CLEAR(parts);
    }
    Py_XDECREF(node);
    return parts;
}

/* A tensor that may be split along `dim`, an object or NULL for 0: false for any other. */
static bool may_split(Split *s, PyObject *x, PyObject *dim) {
    s->x = x, s->a = viewed_array(x), s->dim = 0;
    if (!s->a || !PyArray_SIZE(s->a) || !PyArray_NDIM(s->a) || PyArray_NDIM(s->a) > MOST_DIMS) return false;
    if (((Fields *)x)->rg == Py_True && is_set(engine.of_state.odd)) return false;
    if (dim) {
        int overflow = 0;
        if (!PyLong_CheckExact(dim)) return false;
        s->dim = PyLong_AsLongAndOverflow(dim, &overflow);
        if (s->dim < 0) s->dim += PyArray_NDIM(s->a);
        if (overflow || s->dim < 0 || s->dim >= PyArray_NDIM(s->a)) return false;
    }
    return true;
}

static PyObject *call_unbind(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    Split s;
    if (n < 1 || n > 2 || names || !may_split(&s, args[0], n == 2 ? args[1] : NULL)) return go_on(way, args, nargsf, names);
    s.step = 0, s.count = PyArray_DIM(s.a, s.dim);
    PyObject *parts = all_parts(way, &s);
    return parts ? parts : go_on_after_error(way, args, nargsf, names);
}

/* x.split(size), or x.chunk(n) where the way has a flag. */
static PyObject *call_split(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    Split s;
    int overflow = 0;
    bool fits = n >= 2 && n <= 3 && !names && PyLong_CheckExact(args[1]) && may_split(&s, args[0], n == 3 ? args[2] : NULL);
    isize number = fits ? PyLong_AsLongAndOverflow(args[1], &overflow) : 0;
    if (!fits || overflow || number < 1) return go_on(way, args, nargsf, names);
    isize size = PyArray_DIM(s.a, s.dim);
    s.step = way->alone ? blocks_of(size, min_of(number, size)) : min_of(number, size), s.count = blocks_of(size, s.step);
    PyObject *parts = all_parts(way, &s);
    return parts ? parts : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

static PyObject *made(PyObject *const *args, Py_ssize_t n, vectorcallfunc call) {
    if (n < 5 || !PyTuple_CheckExact(args[2]) || PyTuple_GET_SIZE(args[2]) != 3)
        return PyErr_Format(PyExc_TypeError, "a split wants (op, plan, (name, op of a part, name of the node), class of counts, slow)");
    Way *way = new_way(call, args[0], args[4]);
    if (way) way->plan = Py_NewRef(args[1]), way->named = Py_NewRef(args[2]), way->ufunc = Py_NewRef(args[3]);
    if (way && n == 6) way->alone = args[5] == Py_True;
    return (PyObject *)way;
}

static PyObject *unbinding(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_unbind); }

static PyObject *splitting(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_split); }

PyMethodDef splits_methods[] = {
    KERNEL(unbinding, "unbinding(op, plan, (name, op of a part, name of the node), class of counts, slow): (x, dim) -> its slices."),
    KERNEL(splitting, "splitting(the same, by number): (x, size, dim) -> parts of that size, or that many of them."),
    {0},
};
