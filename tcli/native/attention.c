/* Attention: softmax(q @ k.T * scale) @ v for each head, without a matrix of all weights.

   A block is some queries of a head. Their scores against all keys that they see stay in the cache, where they become
   exponentials and then factors of the values. Keys are packed first, so that a vector holds one number of several keys. */
#include "exp.h"
#include "vectors.h"

#include <math.h>

#define MOST_QUERIES 48          /* of a block */
#define SCORES ((isize)1 << 16)  /* that a block holds, where it has more than MOST_ROWS queries */
#define KEYS 128                 /* whose values are added up at a time */
#define PIECE 2048               /* exponentials that are added up in their own precision */
#define PACKED 8                 /* panels of keys of a block */
#define SIMD_MAX(s) SIMD_REDUCE(omp simd reduction(max : s))

typedef struct {
    isize heads, length, source, inner, outer; /* queries, keys; numbers of a key, of a value */
    isize rows;                                /* queries of a block */
    bool causal, failed;
    double scale;
    const void *q, *k, *v;
    void *y, *logs, *packed;
} Attention;

#define T float
#include "turn.h"
#include "tiles.h"
#include "attention_rows.h"
#undef T
#define T double
#include "turn.h"
#include "tiles.h"
#include "attention_rows.h"
#undef T

/* A flat array (heads, length, width) of `type`. */
static const void *read_heads(PyObject *o, int type, isize heads, isize length, isize *width) {
    PyArrayObject *a = flat_of(o, type);
    if (!a || PyArray_NDIM(a) != 3 || PyArray_DIM(a, 0) != heads || PyArray_DIM(a, 1) != length) return NULL;
    if (*width < 0) *width = PyArray_DIM(a, 2);
    return PyArray_DIM(a, 2) == *width ? PyArray_DATA(a) : NULL;
}

/* An array of `type` of at least `size` numbers that is written. */
static void *read_room(PyObject *o, int type, isize size) {
    PyArrayObject *a = output_of(o, type);
    return a && PyArray_SIZE(a) >= size ? PyArray_DATA(a) : NULL;
}

/* (y, logs, packed, q, k, v, causal, scale) */
static PyObject *attention(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *q = n == 8 ? flat_array(args[3]) : NULL, *k = n == 8 ? flat_array(args[4]) : NULL;
    int type = q ? PyArray_TYPE(q) : -1;
    if ((type != NPY_FLOAT32 && type != NPY_FLOAT64) || PyArray_NDIM(q) != 3 || !k || PyArray_NDIM(k) != 3) Py_RETURN_FALSE;
    Attention a = {.heads = PyArray_DIM(q, 0), .length = PyArray_DIM(q, 1), .source = PyArray_DIM(k, 1), .inner = -1, .outer = -1,
                   .causal = args[6] == Py_True, .scale = PyFloat_AsDouble(args[7])};
    if (a.scale == -1 && PyErr_Occurred()) return PyErr_Clear(), Py_NewRef(Py_False);
    isize width = VECTOR_BYTES / PyArray_ITEMSIZE(q), panel = 4 * width, panels = blocks_of(a.source, panel);
    a.q = read_heads(args[3], type, a.heads, a.length, &a.inner), a.k = read_heads(args[4], type, a.heads, a.source, &a.inner);
    a.v = read_heads(args[5], type, a.heads, a.source, &a.outer);
    if (!a.q || !a.k || !a.v || !PyArray_SIZE(q) || !PyArray_SIZE(k) || a.outer < 1 || a.outer % width) Py_RETURN_FALSE;
    a.y = read_room(args[0], type, a.heads * a.length * a.outer), a.logs = read_room(args[1], type, a.heads * a.length);
    a.packed = read_room(args[2], type, a.heads * panels * panel * a.inner);
    if (!a.y || !a.logs || !a.packed) Py_RETURN_FALSE;
    for (int i = 0; i < 3; i++)
        for (int j = i + 1; j < 6; j++)
            if (touches((PyArrayObject *)args[i], (PyArrayObject *)args[j])) Py_RETURN_FALSE;
    a.rows = min_of(MOST_QUERIES, max_of(1, SCORES / a.source / MOST_ROWS) * MOST_ROWS);
    isize blocks = a.heads * blocks_of(a.length, a.rows), packing = blocks_of(a.heads * panels, PACKED);
    Py_BEGIN_ALLOW_THREADS
    run_blocks(type == NPY_FLOAT32 ? pack_keys_float : pack_keys_double, &a, packing);
    run_blocks(type == NPY_FLOAT32 ? attend_float : attend_double, &a, blocks);
    Py_END_ALLOW_THREADS
    if (a.failed) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

PyMethodDef attention_methods[] = {
    KERNEL(attention, "attention(y, logs, packed, q, k, v, causal, scale) of heads (H, L, E): logs are those of the sums of "
                      "exponentials, packed is room for as many numbers as k has, rounded up to whole panels of keys."),
    {0},
};
