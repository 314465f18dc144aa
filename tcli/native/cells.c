/* Layers of LSTM and GRU cells over whole sequences, forward and backward.

   Sequences of a batch do not depend on each other: a block is some of them, from the first step to the last. In a step,
   for one vector of hidden units at a time, the products of all gates stay in registers for a few sequences; then the
   gates, the cell and the new state of these units follow at once. Weights are turned so that they are read in order. */
#include "vectors.h"
#include "curves.h"

#include <stdlib.h>

#define GATES_KEPT 4 /* LSTM: i, f, g, o; GRU: r, z, n and the state's part of n */

typedef struct {
    isize steps, batch, units, gates; /* gates: 4 or 3 */
    bool reverse;
    const void *gx, *h0, *c0, *w, *bias;
    void *y, *kept, *cells, *packed;
    const void *gy, *gh, *gc;
    void *d_gates, *d_state, *dh, *dc;
    isize rows; /* sequences of a block */
    bool failed;
} Layer;

#define T float
#include "turn.h"
#include "tiles.h"
#include "cells_steps.h"
#undef T
#define T double
#include "turn.h"
#include "tiles.h"
#include "cells_steps.h"
#undef T

static isize rows_of_block(isize batch) {
    isize blocks = batch >= 64 ? blocks_of(batch, 12) : batch >= 16 ? blocks_of(batch, 8) : batch >= 4 ? 2 : 1;
    return blocks_of(batch, blocks);
}

/* ---------------------------------------------------------------- from Python */

static bool has_shape(PyArrayObject *a, int dims, isize d0, isize d1, isize d2, isize d3) {
    isize sizes[4] = {d0, d1, d2, d3};
    if (!a || PyArray_NDIM(a) != dims) return false;
    for (int d = 0; d < dims; d++)
        if (PyArray_DIM(a, d) != sizes[d]) return false;
    return true;
}

/* Whether `a`, which is written, has nothing in common with the others among `all`, of which it is one itself. */
static bool apart(PyArrayObject *a, PyArrayObject *const *all, int n) {
    int common = 0;
    for (int i = 0; i < n; i++)
        common += all[i] && PyArray_BYTES(a) < PyArray_BYTES(all[i]) + PyArray_NBYTES(all[i]) &&
                  PyArray_BYTES(all[i]) < PyArray_BYTES(a) + PyArray_NBYTES(a);
    return common == 1;
}

/* What `args` says of the layer: "lstm" or "gru", whether in reverse, and the sizes of y (T, B, H). */
static PyArrayObject *read_layer(Layer *l, PyObject *mode, PyObject *reverse, PyObject *y, int *type) {
    PyArrayObject *a = flat_array(y);
    *type = a ? PyArray_TYPE(a) : -1;
    if ((*type != NPY_FLOAT32 && *type != NPY_FLOAT64) || PyArray_NDIM(a) != 3 || !PyArray_SIZE(a) || !PyUnicode_Check(mode))
        return NULL;
    bool lstm = PyUnicode_CompareWithASCIIString(mode, "lstm") == 0;
    if (!lstm && PyUnicode_CompareWithASCIIString(mode, "gru") != 0) return NULL;
    *l = (Layer){.steps = PyArray_DIM(a, 0), .batch = PyArray_DIM(a, 1), .units = PyArray_DIM(a, 2), .gates = lstm ? 4 : 3,
                 .reverse = PyObject_IsTrue(reverse) == 1};
    if (l->units * (*type == NPY_FLOAT32 ? 4 : 8) < VECTOR_BYTES) return NULL;
    l->rows = rows_of_block(l->batch);
    /* With few sequences large weights are better divided among threads than read by each. */
    return l->batch < 2 * MOST_ROWS && l->units >= 512 ? NULL : a;
}

static void *data_or_null(PyArrayObject *a) { return a ? PyArray_DATA(a) : NULL; }

static PyObject *run(Layer *l, block_fn fn) {
    Py_BEGIN_ALLOW_THREADS
    run_blocks(fn, l, blocks_of(l->batch, l->rows));
    Py_END_ALLOW_THREADS
    if (l->failed) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

/* (mode, reverse, y, kept, cells, gx, h0, c0, w_hh, b_hh): y, kept (T, B, 4, H) and, of LSTM, cells are written. */
static PyObject *recurrent(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Layer l;
    int type;
    PyArrayObject *y = n == 10 ? read_layer(&l, args[0], args[1], args[2], &type) : NULL;
    if (!y) Py_RETURN_FALSE;
    isize t = l.steps, b = l.batch, h = l.units;
    bool lstm = l.gates == 4;
    PyArrayObject *kept = output_of(args[3], type), *cells = lstm ? output_of(args[4], type) : NULL, *gx = flat_of(args[5], type),
                  *h0 = flat_of(args[6], type), *c0 = lstm ? flat_of(args[7], type) : NULL, *w = flat_of(args[8], type),
                  *bias = args[9] == Py_None ? NULL : flat_of(args[9], type);
    PyArrayObject *all[] = {y, kept, cells, gx, h0, c0, w, bias};
    if (!PyArray_ISWRITEABLE(y) || !has_shape(kept, 4, t, b, GATES_KEPT, h) || (lstm && !has_shape(cells, 3, t, b, h, 0)) ||
        !has_shape(gx, 3, t, b, l.gates * h, 0) || !has_shape(h0, 2, b, h, 0, 0) || (lstm && !has_shape(c0, 2, b, h, 0, 0)) ||
        !has_shape(w, 2, l.gates * h, h, 0, 0) || (args[9] != Py_None && !has_shape(bias, 1, l.gates * h, 0, 0, 0)) ||
        !apart(y, all, 8) || !apart(kept, all, 8) || (lstm && !apart(cells, all, 8)))
        Py_RETURN_FALSE;
    l.y = PyArray_DATA(y), l.kept = PyArray_DATA(kept), l.cells = data_or_null(cells), l.gx = PyArray_DATA(gx);
    l.h0 = PyArray_DATA(h0), l.c0 = data_or_null(c0), l.w = PyArray_DATA(w), l.bias = data_or_null(bias);
    isize width = VECTOR_BYTES / PyArray_ITEMSIZE(y);
    l.packed = malloc(blocks_of(h, width) * VECTOR_BYTES * l.gates * h);
    if (!l.packed) return PyErr_NoMemory();
    PyObject *done;
    if (type == NPY_FLOAT32) {
        run_blocks(pack_units_float, &l, blocks_of(h, width));
        done = run(&l, forward_float);
    } else {
        run_blocks(pack_units_double, &l, blocks_of(h, width));
        done = run(&l, forward_double);
    }
    free(l.packed);
    return done;
}

/* (mode, reverse, y, d_gates, d_state, dh, dc, kept, cells, h0, c0, w_hh, gy, gh, gc). Written: d_gates (T, B, gates * H),
   of GRU d_state as well, dh, and of LSTM dc; the last three may be None. */
static PyObject *recurrent_back(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Layer l;
    int type;
    PyArrayObject *y = n == 15 ? read_layer(&l, args[0], args[1], args[2], &type) : NULL;
    if (!y) Py_RETURN_FALSE;
    isize t = l.steps, b = l.batch, h = l.units;
    bool lstm = l.gates == 4;
    PyArrayObject *d_gates = output_of(args[3], type), *d_state = lstm ? NULL : output_of(args[4], type),
                  *dh = output_of(args[5], type), *dc = lstm ? output_of(args[6], type) : NULL, *kept = flat_of(args[7], type),
                  *cells = lstm ? flat_of(args[8], type) : NULL, *h0 = flat_of(args[9], type),
                  *c0 = lstm ? flat_of(args[10], type) : NULL, *w = flat_of(args[11], type), *given[3];
    for (int i = 0; i < 3; i++) {
        given[i] = args[12 + i] == Py_None ? NULL : flat_of(args[12 + i], type);
        if (args[12 + i] != Py_None && !(i ? has_shape(given[i], 2, b, h, 0, 0) : has_shape(given[i], 3, t, b, h, 0)))
            Py_RETURN_FALSE;
    }
    PyArrayObject *all[] = {y, d_gates, d_state, dh, dc, kept, cells, h0, c0, w, given[0], given[1], given[2]};
    if (!has_shape(d_gates, 3, t, b, l.gates * h, 0) || (!lstm && !has_shape(d_state, 3, t, b, l.gates * h, 0)) ||
        !has_shape(dh, 2, b, h, 0, 0) || (lstm && !has_shape(dc, 2, b, h, 0, 0)) || !has_shape(kept, 4, t, b, GATES_KEPT, h) ||
        (lstm && !has_shape(cells, 3, t, b, h, 0)) || !has_shape(h0, 2, b, h, 0, 0) || (lstm && !has_shape(c0, 2, b, h, 0, 0)) ||
        !has_shape(w, 2, l.gates * h, h, 0, 0) || !apart(d_gates, all, 13) || !apart(dh, all, 13) ||
        (lstm ? !apart(dc, all, 13) : !apart(d_state, all, 13)))
        Py_RETURN_FALSE;
    l.y = PyArray_DATA(y), l.d_gates = PyArray_DATA(d_gates), l.d_state = data_or_null(d_state), l.dh = PyArray_DATA(dh);
    l.dc = data_or_null(dc), l.kept = PyArray_DATA(kept), l.cells = data_or_null(cells), l.h0 = PyArray_DATA(h0);
    l.c0 = data_or_null(c0), l.w = PyArray_DATA(w);
    l.gy = data_or_null(given[0]), l.gh = data_or_null(given[1]), l.gc = data_or_null(given[2]);
    return run(&l, type == NPY_FLOAT32 ? backward_float : backward_double);
}

PyMethodDef cells_methods[] = {
    KERNEL(recurrent, "recurrent(mode, reverse, y, kept, cells, gx, h0, c0, w_hh, b_hh): a layer of LSTM or GRU cells."),
    KERNEL(recurrent_back, "recurrent_back(mode, reverse, y, d_gates, d_state, dh, dc, kept, cells, h0, c0, w_hh, gy, gh, gc)."),
    {0},
};
