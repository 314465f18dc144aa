/* The gradient of a convolution's weight: sums over all places of all images of g[o] * x[c], moved by each tap.

   As in conv.c x is read from a buffer, band by band. Where there are many channels in g they are turned so that a vector
   holds one place of several channels; sums then stay in registers over the places of a band, a dozen taps at a time.
   Where channels are few (depthwise convolutions have one to a group) vectors are of places, and summed up at the end.

   Images are divided into parts, each with sums of its own, which are added up in their order. */
#include "conv.h"

#include <stdlib.h>

#define BUFFER 98304
#define ENOUGH 262144 /* multiplications that are worth a block */
#define CHUNK 512     /* places of g that are turned at a time */
#define FEW 8         /* channels for which vectors of places are better */
#define MOST_SUMS ((isize)1 << 22)

typedef struct {
    Plan plan;
    const void *x, *g;
    void *weight, *sums;
    isize parts, per_part; /* of images */
    isize slices, slice;   /* of the channels of x in a group */
    isize size;            /* sums of one group and part */
    isize units, per_block;
    bool by_lines, failed;
} Sums;

#define T float
#include "conv_pack.h"
#include "turn.h"
#include "conv_sums.h"
#undef T
#define T double
#include "conv_pack.h"
#include "turn.h"
#include "conv_sums.h"
#undef T

/* How the work is divided: by sizes alone. */
static void divide(Sums *c, isize width) {
    Plan *p = &c->plan;
    isize places = p->out[0] * p->out[1] * p->out[2], terms = p->ci * p->n_kernel, work = p->co * terms * places;
    c->by_lines = p->co <= FEW;
    c->size = terms * (c->by_lines ? p->co : blocks_of(p->co, width) * width);
    isize most = max_of(1, min_of(8, MOST_SUMS / c->size / p->groups));
    isize useful = max_of(1, p->images * work / ENOUGH);
    c->per_part = blocks_of(p->images, min_of(min_of(most, useful), p->images));
    c->parts = blocks_of(p->images, c->per_part);
    isize wanted = min_of(blocks_of(8, c->parts * p->groups), max_of(1, c->per_part * work / ENOUGH));
    c->slice = blocks_of(p->ci, min_of(wanted, p->ci));
    c->slices = blocks_of(p->ci, c->slice);
    c->units = c->parts * p->groups * c->slices;
    c->per_block = blocks_of(ENOUGH, c->per_part * work / c->slices + 1);
    plan_bands(p, BUFFER, 1, p->out[2] >= width);
}

/* (weight, g, x, geometry) */
static PyObject *conv_weight(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *x = n == 4 ? flat_array(args[2]) : NULL;
    int type = x ? PyArray_TYPE(x) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) Py_RETURN_FALSE;
    PyArrayObject *weight = output_of(args[0], type), *g = flat_of(args[1], type);
    Geometry geometry;
    int dims = PyArray_NDIM(x) - 2;
    if (!weight || !g || !read_geometry(args[3], dims, &geometry) || PyArray_NDIM(g) != dims + 2 ||
        PyArray_NDIM(weight) != dims + 2 || overlap(weight, g) || overlap(weight, x))
        Py_RETURN_FALSE;
    Sums c = {.x = PyArray_DATA(x), .g = PyArray_DATA(g), .weight = PyArray_DATA(weight)};
    if (!plan_conv(&c.plan, x, weight, g, &geometry, false)) Py_RETURN_FALSE;
    bool single = type == NPY_FLOAT32;
    isize item = single ? sizeof(float) : sizeof(double);
    divide(&c, VECTOR_BYTES / item);
    c.sums = malloc(c.parts * c.plan.groups * c.size * item);
    if (c.sums) {
        Py_BEGIN_ALLOW_THREADS
        run_blocks(single ? sum_block_float : sum_block_double, &c, blocks_of(c.units, c.per_block));
        run_blocks(single ? join_block_float : join_block_double, &c, c.plan.groups);
        Py_END_ALLOW_THREADS
    }
    bool failed = c.failed || !c.sums;
    free(c.sums);
    free_plan(&c.plan);
    if (failed) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

PyMethodDef conv_weight_methods[] = {
    KERNEL(conv_weight, "conv_weight(w, g, x, geometry): the gradient g of a convolution of x, as that of its weight."),
    {0},
};
