/* The short ways of views: NumPy's view, the base that it belongs to, and the tape entry. */
#include "quick.h"

#define PRUNED_FROM 64
#define MOST_DIMS 16

/* ---------------------------------------------------------------- the tensor around a view */

/* Throws out dead views where a list of them has come to a power of two. */
static bool prune(PyObject *views) {
    isize n = PyList_GET_SIZE(views), kept = 0;
    if (n < PRUNED_FROM || (n & (n - 1))) return true;
    for (isize i = 0; i < n; i++) {
        PyObject *weak = PyList_GET_ITEM(views, i);
        if (PyWeakref_GetObject(weak) == Py_None) continue;
        PyList_SET_ITEM(views, i, PyList_GET_ITEM(views, kept));
        PyList_SET_ITEM(views, kept++, weak);
    }
    return PyList_SetSlice(views, kept, n, NULL) == 0;
}

bool note_in_root(Fields *root, PyObject *t) {
    if (root->views == Py_None) {
        PyObject *views = PyList_New(0);
        if (!views) return false;
        put(&root->views, views);
    }
    if (!PyList_CheckExact(root->views) || !prune(root->views)) return false;
    PyObject *weak = PyWeakref_NewRef(t, NULL);
    bool well = weak && PyList_Append(root->views, weak) == 0;
    Py_XDECREF(weak);
    return well;
}

static bool record_view(Way *way, PyObject *x, PyObject *options, Fields *t) {
    if (is_set(engine.of_state.odd)) {
        PyObject *done = PyObject_CallFunctionObjArgs(engine.record_view, way->op, x, options, (PyObject *)t, NULL);
        Py_XDECREF(done);
        return done != NULL;
    }
    PyObject *edge = edge_to((Fields *)x);
    PyObject *saved = edge ? saved_values(way->plan, x, edge, NULL, NULL, options, t) : NULL;
    PyObject *name = saved ? name_of_node(way, x, options) : NULL, *edges = name ? PyTuple_Pack(1, edge) : NULL;
    Py_XDECREF(edge);
    bool well = edges && record_node(t, way->op, way->plan, edges, saved, name);
    if (!edges) Py_XDECREF(saved);
    Py_XDECREF(name);
    return well;
}

/* The tensor around `r`, a view of the array of x, whose reference it takes over: the result of way's op with (x, *options). */
static PyObject *view_result(Way *way, PyObject *x, PyObject *options, PyObject *r) {
    if (!r) return NULL;
    Fields *parent = (Fields *)x;
    PyObject *base = PyArray_CheckExact(r) ? PyArray_BASE((PyArrayObject *)r) : NULL;
    if (!base || (base != parent->a && base != PyArray_BASE((PyArrayObject *)parent->a))) {
        PyObject *t = PyObject_CallFunctionObjArgs(engine.view_of, way->op, x, options, r, NULL);
        Py_DECREF(r);
        return t;
    }
    Fields *t = (Fields *)tensor_around(r), *root = (Fields *)(parent->base != Py_None ? parent->base : x);
    if (!t) return NULL;
    put(&t->v, Py_NewRef(parent->v));
    put(&t->base, Py_NewRef((PyObject *)root));
    put(&t->several, Py_NewRef(parent->several));
    PyObject *view = PyTuple_Pack(3, x, way->op, options);
    bool well = view && (put(&t->view, view), note_in_root(root, (PyObject *)t));
    bool records = way->plan != Py_None && parent->rg == Py_True && is_set(engine.of_state.grad);
    if (well && (!records || record_view(way, x, options, t))) return (PyObject *)t;
    Py_DECREF(t);
    return NULL;
}

PyArrayObject *viewed_array(PyObject *x) {
    PyArrayObject *a = is_ready(x) && ((Fields *)x)->half_complex == Py_False ? array_of(x) : NULL;
    return a && PyArray_SIZE(a) <= engine.small ? a : NULL;
}

PyObject *view_at(PyArrayObject *a, int n, npy_intp *dims, npy_intp *strides, char *data) {
    Py_INCREF(PyArray_DESCR(a));
    PyObject *r = PyArray_NewFromDescr(&PyArray_Type, PyArray_DESCR(a), n, dims, strides, data,
                                       PyArray_FLAGS(a) & (NPY_ARRAY_WRITEABLE | NPY_ARRAY_ALIGNED), NULL);
    if (r && PyArray_SetBaseObject((PyArrayObject *)r, Py_NewRef((PyObject *)a)) < 0) Py_CLEAR(r);
    return r;
}

/* ---------------------------------------------------------------- views by options */

PyObject *call_view(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *a = n ? viewed_array(args[0]) : NULL;
    PyObject *known = a ? known_way(way, a, args + 1, n - 1, names) : NULL;
    if (!known) return go_on(way, args, nargsf, names);
    PyObject *t = view_result(way, args[0], PyTuple_GET_ITEM(known, 0), run_kernel(way, a, known));
    Py_DECREF(known);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- view, reshape */

/* The sizes that were given, one by one or as a tuple: how many there are, or -1 for anything but integers from -1 on. */
static int sizes_of(PyObject *const *args, isize n, npy_intp *sizes, PyObject **shape) {
    PyObject *tuple = n == 1 && PyTuple_Check(args[0]) ? args[0] : NULL;
    isize count = tuple ? PyTuple_GET_SIZE(tuple) : n;
    if (count > MOST_DIMS) return -1;
    for (isize i = 0; i < count; i++) {
        PyObject *size = tuple ? PyTuple_GET_ITEM(tuple, i) : args[i];
        if (!PyLong_CheckExact(size)) return -1;
        sizes[i] = PyLong_AsSsize_t(size);
        if (sizes[i] < -1 || (sizes[i] == -1 && PyErr_Occurred())) {
            PyErr_Clear();
            return -1;
        }
    }
    *shape = tuple && PyTuple_CheckExact(tuple) ? Py_NewRef(tuple) : PyTuple_New(count);
    for (isize i = 0; *shape && *shape != tuple && i < count; i++)
        PyTuple_SET_ITEM(*shape, i, Py_NewRef(tuple ? PyTuple_GET_ITEM(tuple, i) : args[i]));
    return *shape ? (int)count : -1;
}

static PyObject *call_reshape(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *a = n > 1 && !names ? viewed_array(args[0]) : NULL;
    npy_intp sizes[MOST_DIMS];
    PyObject *shape = NULL;
    int count = a && PyArray_IS_C_CONTIGUOUS(a) && PyArray_SIZE(a) ? sizes_of(args + 1, n - 1, sizes, &shape) : -1;
    if (count < 0) return go_on(way, args, nargsf, names);
    PyArray_Dims dims = {sizes, count};
    PyObject *options = PyTuple_Pack(1, shape);
    PyObject *t = options ? view_result(way, args[0], options, PyArray_Newshape(a, &dims, NPY_CORDER)) : NULL;
    Py_DECREF(shape);
    Py_XDECREF(options);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- expand */

/* `a` with dims of size 1 repeated up to these sizes, of which -1 keeps one; NULL where they do not fit. */
static PyObject *expanded(PyArrayObject *a, npy_intp *sizes, int n) {
    npy_intp strides[MOST_DIMS];
    int lead = n - PyArray_NDIM(a);
    for (int d = 0; d < n; d++) {
        npy_intp have = d < lead ? 1 : PyArray_DIM(a, d - lead);
        if (sizes[d] == -1 && d >= lead) sizes[d] = have;
        if (sizes[d] < 0 || (have != 1 && have != sizes[d])) return NULL;
        strides[d] = d < lead || have != sizes[d] ? 0 : PyArray_STRIDE(a, d - lead);
    }
    return lead < 0 ? NULL : view_at(a, n, sizes, strides, PyArray_BYTES(a));
}

static PyObject *call_expand(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *a = n > 1 && !names ? viewed_array(args[0]) : NULL;
    npy_intp sizes[MOST_DIMS];
    PyObject *shape = NULL;
    int count = a && PyArray_SIZE(a) ? sizes_of(args + 1, n - 1, sizes, &shape) : -1;
    if (count < 0) return go_on(way, args, nargsf, names);
    PyObject *options = PyTuple_Pack(2, shape, Py_False);
    PyObject *t = options ? view_result(way, args[0], options, expanded(a, sizes, count)) : NULL;
    Py_DECREF(shape);
    Py_XDECREF(options);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- flatten */

/* x.flatten() of a tensor with several dims, which lies as one line. */
static PyObject *call_flatten(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 1 && !names ? viewed_array(args[0]) : NULL;
    if (!a || !PyArray_IS_C_CONTIGUOUS(a) || !PyArray_SIZE(a) || !PyArray_NDIM(a)) return go_on(way, args, nargsf, names);
    if (PyArray_NDIM(a) == 1) return Py_NewRef(args[0]);
    npy_intp size = PyArray_SIZE(a);
    PyArray_Dims dims = {&size, 1};
    PyObject *options = Py_BuildValue("((n))", size);
    PyObject *t = options ? view_result(way, args[0], options, PyArray_Newshape(a, &dims, NPY_CORDER)) : NULL;
    Py_XDECREF(options);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- x[1], x[:, 2:], x[None] */

/* A view under construction: the dims that are left, and where it begins. */
typedef struct {
    npy_intp dims[MOST_DIMS], strides[MOST_DIMS];
    char *data;
    int n, taken; /* dims of the view; dims of the array that entries have taken */
} Region;

/* A bound of a slice: 0 for None, 1 for an integer, -1 for anything else. */
static int bound(PyObject *o) { return o == Py_None ? 0 : PyLong_CheckExact(o) ? 1 : -1; }

static bool take_slice(Region *region, PyArrayObject *a, PyObject *slice) {
    PySliceObject *s = (PySliceObject *)slice;
    Py_ssize_t start, stop, step, dim = region->taken++;
    if (bound(s->start) < 0 || bound(s->stop) < 0 || bound(s->step) < 0 || PySlice_Unpack(slice, &start, &stop, &step) < 0 ||
        step < 1)
        return false;
    region->dims[region->n] = PySlice_AdjustIndices(PyArray_DIM(a, dim), &start, &stop, step);
    region->strides[region->n++] = PyArray_STRIDE(a, dim) * step;
    region->data += region->dims[region->n - 1] ? start * PyArray_STRIDE(a, dim) : 0;
    return true;
}

static bool take_entry(Region *region, PyArrayObject *a, PyObject *entry) {
    if (region->n == MOST_DIMS) return false;
    if (entry == Py_None) {
        region->dims[region->n] = 1;
        region->strides[region->n++] = 0;
        return true;
    }
    if (region->taken == PyArray_NDIM(a)) return false;
    if (PySlice_Check(entry)) return take_slice(region, a, entry);
    if (!PyLong_CheckExact(entry)) return false;
    Py_ssize_t i = PyLong_AsSsize_t(entry), size = PyArray_DIM(a, region->taken);
    if (i < 0) i += size;
    if (i < 0 || i >= size) return false;
    region->data += i * PyArray_STRIDE(a, region->taken++);
    return true;
}

PyObject *region_of(PyArrayObject *a, PyObject *const *entries, isize n) {
    Region region = {.data = PyArray_BYTES(a)};
    if (PyArray_NDIM(a) > MOST_DIMS) return NULL;
    for (isize i = 0; i < n; i++)
        if (!take_entry(&region, a, entries[i])) return NULL;
    for (; region.taken < PyArray_NDIM(a); region.taken++, region.n++) {
        if (region.n == MOST_DIMS) return NULL;
        region.dims[region.n] = PyArray_DIM(a, region.taken);
        region.strides[region.n] = PyArray_STRIDE(a, region.taken);
    }
    return view_at(a, region.n, region.dims, region.strides, region.data);
}

static void name_node(PyObject *t, PyObject *name) {
    PyObject *node = t ? ((Fields *)t)->node : Py_None;
    if (node != Py_None && Py_TYPE(node) == engine.node) put(&SLOT(node, engine.of_node.name), Py_NewRef(name));
}

static bool name_slice(PyObject *t) {
    static PyObject *name;
    if (!name && !(name = PyUnicode_InternFromString("SliceBackward0"))) return false;
    name_node(t, name);
    return true;
}

/* How many dims the entries of an index take; -1 where there are two `...` among them. */
static isize dims_taken(PyObject *entries, bool *spreads) {
    isize taken = 0;
    *spreads = false;
    for (isize i = 0; i < PyTuple_GET_SIZE(entries); i++) {
        PyObject *entry = PyTuple_GET_ITEM(entries, i);
        if (entry == Py_Ellipsis && *spreads) return -1;
        if (entry == Py_Ellipsis) *spreads = true;
        else taken += entry != Py_None;
    }
    return taken;
}

PyObject *entries_of(PyArrayObject *a, PyObject *index) {
    PyObject *entries = PyTuple_CheckExact(index) ? Py_NewRef(index) : PyTuple_Pack(1, index);
    bool spreads = false;
    isize taken = entries ? dims_taken(entries, &spreads) : -1, more = PyArray_NDIM(a) - taken;
    if (taken >= 0 && !spreads) return entries;
    PyObject *whole = taken < 0 || more < 0 ? NULL : PySlice_New(NULL, NULL, NULL);
    PyObject *spread = whole ? PyTuple_New(PyTuple_GET_SIZE(entries) - 1 + more) : NULL;
    for (isize i = 0, at = 0; spread && i < PyTuple_GET_SIZE(entries); i++) {
        PyObject *entry = PyTuple_GET_ITEM(entries, i);
        if (entry != Py_Ellipsis) PyTuple_SET_ITEM(spread, at++, Py_NewRef(entry));
        for (isize d = 0; entry == Py_Ellipsis && d < more; d++) PyTuple_SET_ITEM(spread, at++, Py_NewRef(whole));
    }
    Py_XDECREF(whole), Py_XDECREF(entries);
    return spread;
}

static PyObject *call_index(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 2 && !names ? viewed_array(args[0]) : NULL;
    PyObject *index = a ? args[1] : NULL, *t = NULL;
    if (!a || !(PyTuple_CheckExact(index) || PyLong_CheckExact(index) || PySlice_Check(index) || index == Py_None || index == Py_Ellipsis))
        return go_on(way, args, nargsf, names);
    PyObject *entries = entries_of(a, index), *options = entries ? PyTuple_Pack(1, entries) : NULL;
    if (options) t = view_result(way, args[0], options, region_of(a, &PyTuple_GET_ITEM(entries, 0), PyTuple_GET_SIZE(entries)));
    if (PySlice_Check(index) && !name_slice(t)) Py_CLEAR(t);
    Py_XDECREF(entries);
    Py_XDECREF(options);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- x.T */

static PyObject *call_transposed(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    static PyObject *name, *nothing;
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 1 && !names ? viewed_array(args[0]) : NULL;
    if (!name && !(name = PyUnicode_InternFromString("PermuteBackward0"))) return NULL;
    if (!nothing && !(nothing = PyTuple_New(0))) return NULL;
    if (!a || PyArray_NDIM(a) != 2) return go_on(way, args, nargsf, names);
    PyObject *t = view_result(way, args[0], nothing, PyArray_Transpose(a, NULL));
    name_node(t, name);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

static PyObject *made(PyObject *const *args, Py_ssize_t n, vectorcallfunc call) {
    if (n != 5) return PyErr_Format(PyExc_TypeError, "a view wants (op, plan, memory, named, slow)");
    return with_options(args, call);
}

static PyObject *viewing(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_view); }

static PyObject *reshaping(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_reshape); }

static PyObject *expanding(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_expand); }

static PyObject *flattening(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_flatten); }

static PyObject *indexing(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_index); }

static PyObject *transposing(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_transposed); }

PyMethodDef views_methods[] = {
    KERNEL(transposing, "transposing(op, plan, {}, None, slow): (x) -> x.T; op records it."),
    KERNEL(viewing, "viewing(op, plan, memory, named, slow): the function of an op that gives a view."),
    KERNEL(reshaping, "reshaping(op, plan, {}, named, slow): the same of view and reshape; op records it."),
    KERNEL(expanding, "expanding(op, plan, {}, named, slow): the same of expand."),
    KERNEL(flattening, "flattening(op, plan, {}, named, slow): the same of flatten."),
    KERNEL(indexing, "indexing(op, plan, {}, named, slow): (x, index) -> x[index]; op records it."),
    {0},
};
