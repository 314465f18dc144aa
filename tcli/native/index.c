/* Looking at index arrays: whether all are within bounds, and several of them as one index of the flattened dims. */
#include "native.h"

#include <stdatomic.h>

#define BLOCK 32768 /* indices */
#define MOST 8      /* index arrays */
#define SHORT 4096  /* indices that are not worth a thread */

typedef struct {
    const int64_t *index[MOST];
    int64_t size[MOST];
    int count;
    isize n;
    int64_t low, high; /* of `all_within` */
    int64_t *flat;
    atomic_bool bad;
} Look;

static void within_block(void *context, isize block) {
    Look *look = context;
    const int64_t *index = look->index[0] + block * BLOCK;
    isize n = min_of(BLOCK, look->n - block * BLOCK);
    uint64_t low = (uint64_t)look->low, span = (uint64_t)look->high - low;
    int bad = 0;
    SIMD
    for (isize i = 0; i < n; i++) bad |= (uint64_t)index[i] - low >= span;
    if (bad) atomic_store(&look->bad, true);
}

/* flat = (((i0 * n1) + i1) * n2 + i2) ..., where negative indices count from the end. */
static void flat_block(void *context, isize block) {
    Look *look = context;
    isize n = min_of(BLOCK, look->n - block * BLOCK);
    uint64_t *RESTRICT flat = (uint64_t *)look->flat + block * BLOCK;
    int bad = 0;
    for (int d = 0; d < look->count; d++) {
        const int64_t *RESTRICT index = look->index[d] + block * BLOCK;
        uint64_t size = (uint64_t)look->size[d];
        SIMD
        for (isize i = 0; i < n; i++) {
            uint64_t k = (uint64_t)index[i] + (index[i] < 0 ? size : 0);
            bad |= k >= size;
            flat[i] = (d ? flat[i] * size : 0) + k;
        }
    }
    if (bad) atomic_store(&look->bad, true);
}

static bool look_at(Look *look, block_fn fn) {
    isize blocks = blocks_of(look->n, BLOCK);
    if (look->n <= SHORT) {
        for (isize i = 0; i < blocks; i++) fn(look, i);
        return !atomic_load(&look->bad);
    }
    Py_BEGIN_ALLOW_THREADS
    run_blocks(fn, look, blocks);
    Py_END_ALLOW_THREADS
    return !atomic_load(&look->bad);
}

static PyObject *all_within(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "all_within(index, low, high)");
    PyArrayObject *index = flat_of(args[0], NPY_INT64);
    Look look = {.low = PyLong_AsLongLong(args[1]), .high = PyLong_AsLongLong(args[2])};
    if (PyErr_Occurred()) return NULL;
    if (!index || look.low > look.high) Py_RETURN_FALSE;
    look.index[0] = PyArray_DATA(index), look.n = PyArray_SIZE(index);
    return PyBool_FromLong(look_at(&look, within_block));
}

static PyObject *flat_places(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3 || !PyTuple_Check(args[0]) || !PyTuple_Check(args[1])) {
        return PyErr_Format(PyExc_TypeError, "flat_places(indices, sizes, out): tuples and an array");
    }
    PyArrayObject *out = output_of(args[2], NPY_INT64);
    Look look = {.count = (int)PyTuple_GET_SIZE(args[0])};
    if (!out || look.count < 1 || look.count > MOST || PyTuple_GET_SIZE(args[1]) < look.count) Py_RETURN_FALSE;
    look.flat = PyArray_DATA(out), look.n = PyArray_SIZE(out);
    for (int d = 0; d < look.count; d++) {
        PyArrayObject *index = flat_of(PyTuple_GET_ITEM(args[0], d), NPY_INT64);
        look.size[d] = PyLong_AsLongLong(PyTuple_GET_ITEM(args[1], d));
        if (PyErr_Occurred()) return NULL;
        if (!index || !PyArray_SAMESHAPE(index, out) || touches(index, out) || look.size[d] < 0) Py_RETURN_FALSE;
        look.index[d] = PyArray_DATA(index);
    }
    return PyBool_FromLong(look_at(&look, flat_block));
}

PyMethodDef index_methods[] = {
    KERNEL(all_within, "all_within(index, low, high): whether low <= i < high for all of an int64 array. False for other arrays."),
    KERNEL(flat_places, "flat_places(indices, sizes, out): out = the indices of the first dims as one of their flattened dim. "
                        "False, with out spoiled, where one is out of range."),
    {0},
};
