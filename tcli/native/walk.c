/* What waits in a backward pass, and how a gradient gets there: broadcasting is undone, gradients for one node add up. */
#include "few.h"
#include "walk.h"

static long long age(PyObject *node) {
    return PyLong_AsLongLong(SLOT(node, Py_TYPE(node) == engine.pick ? engine.of_pick.seq : engine.of_node.seq));
}

/* ---------------------------------------------------------------- what waits */

void add_waiting(Walk *walk, PyObject *node, PyObject *g) {
    int i = walk->n++;
    long long seq = age(node);
    for (; i > 0 && age(walk->waiting[i - 1].node) > seq; i--) walk->waiting[i] = walk->waiting[i - 1];
    walk->waiting[i] = (Waiting){Py_NewRef(node), g};
}

Waiting *find_waiting(Walk *walk, PyObject *node) {
    for (int i = walk->n - 1; i >= 0; i--)
        if (walk->waiting[i].node == node) return &walk->waiting[i];
    return NULL;
}

void forget_waiting(Walk *walk) {
    while (walk->n) {
        Waiting *last = &walk->waiting[--walk->n];
        Py_DECREF(last->node);
        Py_DECREF(last->g);
    }
}

bool tell_needed(Walk *walk) {
    if (!walk->inputs || walk->needed) return true;
    if (!(walk->needed = needed_nodes(&walk->reach))) return false;
    put(&SLOT(engine.state, engine.of_state.wanted), Py_NewRef(walk->needed));
    return true;
}

bool hand_over(Walk *walk) {
    if (walk->queue) return true;
    PyObject *gradients = PyDict_New(), *owned = PySet_New(NULL), *heap = PyList_New(0);
    bool well = gradients && owned && heap && tell_needed(walk);
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

static bool send_in_python(Walk *walk, PyObject *edge, PyObject *r) {
    PyObject *by = PyObject_TypeCheck(r, &Fields_Type) ? engine.send : engine.send_raw;
    PyObject *done = hand_over(walk) ? PyObject_CallFunctionObjArgs(by, walk->queue, edge, r, NULL) : NULL;
    Py_XDECREF(done);
    return done != NULL;
}

/* The sum of a gradient that is there and one that arrives, two arrays or two tensors. */
static PyObject *sum_of_both(PyObject *present, PyObject *r) {
    PyObject *sum = PyNumber_Add(present, r);
    if (!sum || !PyArray_CheckExact(present)) return sum;
    PyObject *array = PyArray_FromAny(sum, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
    Py_DECREF(sum);
    return array;
}

static bool send_to_leaf(Walk *walk, PyObject *edge, PyObject *r) {
    PyObject *present = PyDict_GetItemWithError(walk->leaves, edge);
    if (!present) return !PyErr_Occurred() && PyDict_SetItem(walk->leaves, edge, r) == 0;
    if (PyArray_CheckExact(present) != PyArray_CheckExact(r)) return send_in_python(walk, edge, r);
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
    if (PyArray_CheckExact(there->g) != PyArray_CheckExact(r)) return send_in_python(walk, edge, r);
    PyObject *sum = sum_of_both(there->g, r);
    if (sum) put(&there->g, sum);
    return sum != NULL;
}

/* What a gradient belongs to: an array, or shape and dtype. */
typedef struct {
    PyArrayObject *like;
    PyObject *shape, *dtype; /* borrowed */
} Target;

static bool target_of(PyObject *edge, Target *target) {
    *target = (Target){0};
    if (Py_TYPE(edge) == engine.accumulate) {
        PyObject *a = ((Fields *)SLOT(edge, engine.variable))->a;
        if (!a || !PyArray_CheckExact(a)) return false;
        target->like = (PyArrayObject *)a, target->dtype = (PyObject *)PyArray_DESCR(target->like);
        return true;
    }
    bool pick = Py_TYPE(edge) == engine.pick;
    if (!pick && !is_any_node(edge)) return false;
    target->shape = SLOT(edge, pick ? engine.of_pick.shape : engine.of_node.shape);
    target->dtype = SLOT(edge, pick ? engine.of_pick.dtype : engine.of_node.dtype);
    return PyTuple_Check(target->shape);
}

static bool has_shape(PyArrayObject *a, Target *target) {
    if (target->like) return same_shape(a, target->like);
    if (PyTuple_GET_SIZE(target->shape) != PyArray_NDIM(a)) return false;
    for (int i = 0; i < PyArray_NDIM(a); i++)
        if (PyLong_AsSsize_t(PyTuple_GET_ITEM(target->shape, i)) != PyArray_DIM(a, i)) return false;
    return true;
}

#define SUM_ROWS(T)                                                                    \
    static void sum_rows_##T(const T *x, T *out, isize rows, isize width) {            \
        memset(out, 0, width * sizeof(T));                                             \
        for (isize i = 0; i < rows; i++, x += width)                                   \
            for (isize j = 0; j < width; j++) out[j] += x[j];                          \
    }
SUM_ROWS(float)
SUM_ROWS(double)

/* A flat array summed over its leading dims, row after row as NumPy does it, or as a whole; NULL without an error for other
   sums. */
static PyObject *sum_of_rows(PyArrayObject *a, Target *target) {
    int type = PyArray_TYPE(a), n = target->like ? PyArray_NDIM(target->like) : (int)PyTuple_GET_SIZE(target->shape);
    int lead = PyArray_NDIM(a) - n;
    if (lead < 1 || !PyArray_ISCARRAY_RO(a) || (type != NPY_FLOAT32 && type != NPY_FLOAT64)) return NULL;
    if (n == 0) return total_of_few(a);
    isize width = 1;
    for (int i = 0; i < n; i++) {
        isize size = target->like ? PyArray_DIM(target->like, i) : PyLong_AsSsize_t(PyTuple_GET_ITEM(target->shape, i));
        if (size != PyArray_DIM(a, lead + i)) return NULL;
        width *= size;
    }
    PyObject *out = width ? PyArray_EMPTY(n, PyArray_DIMS(a) + lead, type, 0) : NULL;
    void *to = out ? PyArray_DATA((PyArrayObject *)out) : NULL;
    if (out && type == NPY_FLOAT32) sum_rows_float(PyArray_DATA(a), to, PyArray_SIZE(a) / width, width);
    else if (out) sum_rows_double(PyArray_DATA(a), to, PyArray_SIZE(a) / width, width);
    return out;
}

/* `r`, summed over the dims along which its target was broadcast: a new reference. */
static PyObject *summed(PyObject *r, Target *target) {
    bool array = PyArray_CheckExact(r);
    PyObject *by = array ? engine.sum_array : engine.sum_to, *quick = array ? sum_of_rows((PyArrayObject *)r, target) : NULL;
    if (quick || PyErr_Occurred()) return quick;
    PyObject *shape = target->like ? shape_of(target->like) : Py_NewRef(target->shape);
    PyObject *found = shape ? PyObject_CallFunctionObjArgs(by, r, shape, NULL) : NULL;
    Py_XDECREF(shape);
    return found;
}

/* A gradient of the right shape. */
static bool send_fitting(Walk *walk, PyObject *edge, PyObject *r, PyObject *dtype) {
    bool tensor = !PyArray_CheckExact(r);
    PyArrayObject *a = !tensor ? (PyArrayObject *)r : is_ready(r) ? array_of(r) : NULL;
    if (!a || (PyObject *)PyArray_DESCR(a) != dtype) return send_in_python(walk, edge, r);
    int type = PyArray_TYPE(a);
    bool small = PyArray_SIZE(a) <= engine.small && (type == NPY_FLOAT32 || type == NPY_FLOAT64);
    if (!small && !walk->records) return send_in_python(walk, edge, r);
    if (tensor && !walk->records) r = (PyObject *)a;
    return Py_TYPE(edge) == engine.accumulate ? send_to_leaf(walk, edge, r) : send_to_node(walk, edge, r);
}

bool send(Walk *walk, PyObject *edge, PyObject *r) {
    Target target;
    PyArrayObject *a = PyArray_CheckExact(r) ? (PyArrayObject *)r : is_ready(r) ? array_of(r) : NULL;
    if (walk->queue || !a || !target_of(edge, &target)) return send_in_python(walk, edge, r);
    if (has_shape(a, &target)) return send_fitting(walk, edge, r, target.dtype);
    PyObject *fitting = summed(r, &target);
    bool well = fitting && (PyArray_CheckExact(fitting) || PyObject_TypeCheck(fitting, &Fields_Type)) &&
                send_fitting(walk, edge, fitting, target.dtype);
    if (fitting && !well && !PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "the sum of a gradient");
    Py_XDECREF(fitting);
    return well;
}

PyObject *as_gradient(PyObject *g) {
    if (!PyArray_CheckExact(g)) return Py_NewRef(g);
    PyArrayObject *a = (PyArrayObject *)g;
    bool shared = PyArray_ISWRITEABLE(a) || PyArray_SIZE(a) > engine.small;
    return tensor_around(shared ? Py_NewRef(g) : (PyObject *)PyArray_NewCopy(a, NPY_KEEPORDER));
}
