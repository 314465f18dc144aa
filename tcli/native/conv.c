/* Convolutions of one to three dims and their transposes, any stride, dilation, padding and groups.

   Directly, without a matrix of columns: see conv.h for where things lie, conv_tile.h for what is computed. Blocks are
   bands of images; each copies what it reads into a buffer that stays in cache. */
#include "conv.h"

#include <stdlib.h>

#define BUFFER 98304      /* numbers in the buffer of a band: a part of the cache of a core */
#define ENOUGH 262144     /* multiplications that are worth a block */
#define WEIGHT_PART 64    /* channels whose weights are packed at a time */
#define DEPTH_WORK 65536  /* multiplications of a block of planes */
#define DEPTH_REACH 32    /* numbers beside a plane that its vectors may read */

typedef struct {
    Plan plan;
    const void *in, *weight, *bias;
    void *out, *packed;
    isize slices, slice; /* channels that are written are divided as well where there are few bands */
    isize units, per_block;
    bool failed;
} Conv;

#define T float
#include "conv_pack.h"
#include "conv_tile.h"
#include "conv_bands.h"
#include "conv_depth.h"
#undef T
#define T double
#include "conv_pack.h"
#include "conv_tile.h"
#include "conv_bands.h"
#include "conv_depth.h"
#undef T

/* Whether each channel has a kernel of its own, such as conv_depth.h takes. */
static bool is_by_depth(const Plan *p) {
    bool fits = p->ci == 1 && p->co == 1 && p->in[0] == 1 && p->out[0] == 1 && p->kernel[0] == 1;
    for (int d = 1; d < 3; d++)
        fits &= p->geometry.stride[d] == 1 && p->geometry.dilation[d] == 1 && p->kernel[d] == 3 && p->geometry.low[d] < 3;
    return fits;
}

/* How the work is divided: by sizes alone. */
static void divide(Conv *c) {
    Plan *p = &c->plan;
    isize pairs = p->images * p->groups, work = p->co * p->ci * p->n_kernel * p->places[0] * p->places[1] * p->places[2];
    isize wanted = max_of(1, min_of(blocks_of(8, pairs), work / ENOUGH / 4));
    plan_bands(p, BUFFER, wanted, true);
    c->slices = max_of(1, min_of(wanted / p->bands, p->co / 16));
    c->slice = blocks_of(blocks_of(p->co, c->slices), 8) * 8;
    c->slices = blocks_of(p->co, c->slice);
    c->units = pairs * p->bands * c->slices;
    c->per_block = blocks_of(ENOUGH, work / p->bands / c->slices + 1);
}

static void convolve(Conv *c, bool single) {
    Plan *p = &c->plan;
    if (is_by_depth(p)) {
        c->per_block = blocks_of(DEPTH_WORK, p->n_kernel * p->out[1] * p->out[2]);
        run_blocks(single ? depth_block_float : depth_block_double, c, blocks_of(p->images * p->groups, c->per_block));
        return;
    }
    run_blocks(single ? weight_block_float : weight_block_double, c, p->groups * blocks_of(p->co, WEIGHT_PART));
    run_blocks(single ? conv_block_float : conv_block_double, c, blocks_of(c->units, c->per_block));
}

/* (output, input, weight, bias or None, geometry) */
static PyObject *conv_any(PyObject *const *args, Py_ssize_t n, bool transposed) {
    PyArrayObject *in = n == 5 ? flat_array(args[1]) : NULL;
    int type = in ? PyArray_TYPE(in) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) Py_RETURN_FALSE;
    PyArrayObject *out = output_of(args[0], type), *weight = flat_of(args[2], type);
    PyArrayObject *bias = args[3] == Py_None ? NULL : flat_of(args[3], type);
    Geometry g;
    if (!out || !weight || (!bias && args[3] != Py_None)) Py_RETURN_FALSE;
    int dims = PyArray_NDIM(in) - 2;
    if (!read_geometry(args[4], dims, &g) || PyArray_NDIM(out) != dims + 2 || PyArray_NDIM(weight) != dims + 2 ||
        overlap(out, in) || overlap(out, weight) || (bias && (overlap(out, bias) || PyArray_NDIM(bias) != 1)) ||
        (bias && PyArray_DIM(bias, 0) != PyArray_DIM(out, 1)))
        Py_RETURN_FALSE;
    Conv c = {.in = PyArray_DATA(in), .weight = PyArray_DATA(weight), .out = PyArray_DATA(out),
              .bias = bias ? PyArray_DATA(bias) : NULL};
    if (!plan_conv(&c.plan, in, weight, out, &g, transposed)) Py_RETURN_FALSE;
    divide(&c);
    c.packed = malloc(PyArray_NBYTES(weight));
    if (c.packed) {
        Py_BEGIN_ALLOW_THREADS
        convolve(&c, type == NPY_FLOAT32);
        Py_END_ALLOW_THREADS
    }
    bool failed = c.failed || !c.packed;
    free(c.packed);
    free_plan(&c.plan);
    if (failed) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

static PyObject *conv(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    return conv_any(args, n, false);
}

static PyObject *conv_transposed(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    return conv_any(args, n, true);
}

PyMethodDef conv_methods[] = {
    KERNEL(conv, "conv(y, x, weight, bias, geometry): the convolution of x (N, C, *S) with weight (O, C / groups, *K)."),
    KERNEL(conv_transposed, "conv_transposed(x, g, weight, bias, geometry): what g sends back to x through that convolution."),
    {0},
};
