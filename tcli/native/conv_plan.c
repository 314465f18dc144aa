/* Where the numbers of a convolution lie: see conv.h. */
#include "conv.h"

#include <stdlib.h>

/* ---------------------------------------------------------------- from Python */

static bool read_sizes(PyObject *o, int dims, isize *sizes) {
    if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) != dims) return false;
    for (int d = 0; d < dims; d++) {
        sizes[3 - dims + d] = PyLong_AsSsize_t(PyTuple_GET_ITEM(o, d));
        if (PyErr_Occurred()) return PyErr_Clear(), false;
    }
    return true;
}

bool read_geometry(PyObject *o, int dims, Geometry *g) {
    *g = (Geometry){{1, 1, 1}, {0}, {0}, {1, 1, 1}, 1};
    if (dims < 1 || dims > 3 || !PyTuple_Check(o) || PyTuple_GET_SIZE(o) != 4) return false;
    PyObject *pads = PyTuple_GET_ITEM(o, 1);
    if (!read_sizes(PyTuple_GET_ITEM(o, 0), dims, g->stride) || !read_sizes(PyTuple_GET_ITEM(o, 2), dims, g->dilation) ||
        !PyTuple_Check(pads) || PyTuple_GET_SIZE(pads) != dims)
        return false;
    for (int d = 0; d < dims; d++) {
        isize pair[3];
        if (!read_sizes(PyTuple_GET_ITEM(pads, d), 2, pair)) return false;
        g->low[3 - dims + d] = pair[1], g->high[3 - dims + d] = pair[2];
    }
    g->groups = PyLong_AsSsize_t(PyTuple_GET_ITEM(o, 3));
    if (PyErr_Occurred()) return PyErr_Clear(), false;
    for (int d = 0; d < 3; d++)
        if (g->stride[d] < 1 || g->dilation[d] < 1 || g->low[d] < 0 || g->high[d] < 0) return false;
    return g->groups > 0;
}

bool overlap(PyArrayObject *a, PyArrayObject *b) {
    const char *x = PyArray_BYTES(a), *y = PyArray_BYTES(b);
    return x < y + PyArray_NBYTES(b) && y < x + PyArray_NBYTES(a);
}

static void spatial(PyArrayObject *a, isize *sizes) {
    int dims = PyArray_NDIM(a) - 2;
    for (int d = 0; d < 3; d++) sizes[d] = d < 3 - dims ? 1 : PyArray_DIM(a, d - 1 + dims);
}

/* ---------------------------------------------------------------- taps */

/* One dim of a tap: its phase and how many places into it; false where the pass that starts at `start` lacks it. */
static bool tap_at(const Plan *p, int d, isize start, isize k, isize *phase, isize *at) {
    isize s = p->geometry.stride[d], moved = k * p->geometry.dilation[d];
    if (!p->transposed) return *phase = moved % s, *at = moved / s, true;
    isize from = start + p->geometry.low[d] - moved, over = (from % s + s) % s;
    *phase = 0, *at = (from - over) / s + p->low[d];
    return over == 0;
}

/* The least and the largest place of all taps along a dim. */
static void extent(const Plan *p, int d, isize *least, isize *most) {
    *least = *most = 0;
    for (isize start = 0; start < p->step[d]; start++)
        for (isize k = 0; k < p->kernel[d]; k++) {
            isize phase, at;
            if (!tap_at(p, d, start, k, &phase, &at)) continue;
            *least = min_of(*least, at), *most = max_of(*most, at);
        }
}

static bool fitting(const Plan *p, PyArrayObject *in, PyArrayObject *weight, PyArrayObject *out) {
    isize read = PyArray_DIM(in, 1), written = PyArray_DIM(out, 1);
    return PyArray_DIM(out, 0) == p->images && read % p->groups == 0 && written % p->groups == 0 &&
           PyArray_DIM(weight, 0) == (p->transposed ? read : written) &&
           PyArray_DIM(weight, 1) == (p->transposed ? p->co : p->ci) && PyArray_SIZE(in) && PyArray_SIZE(out) &&
           PyArray_SIZE(weight);
}

bool plan_conv(Plan *p, PyArrayObject *in, PyArrayObject *weight, PyArrayObject *out, const Geometry *g, bool transposed) {
    *p = (Plan){.images = PyArray_DIM(in, 0), .groups = g->groups, .geometry = *g, .transposed = transposed};
    spatial(in, p->in), spatial(out, p->out), spatial(weight, p->kernel);
    p->n_kernel = p->kernel[0] * p->kernel[1] * p->kernel[2];
    p->ci = PyArray_DIM(in, 1) / g->groups, p->co = PyArray_DIM(out, 1) / g->groups;
    if (!fitting(p, in, weight, out)) return false;
    for (int d = 0; d < 3; d++) {
        isize least, most;
        p->split[d] = transposed ? 1 : g->stride[d], p->step[d] = transposed ? g->stride[d] : 1;
        if (g->stride[d] > MOST_PASSES) return false;
        p->places[d] = blocks_of(p->out[d], p->step[d]);
        extent(p, d, &least, &most);
        p->low[d] = transposed ? -least : g->low[d];
        p->reach[d] = most - least;
    }
    isize passes = p->step[0] * p->step[1] * p->step[2];
    if (passes > MOST_PASSES || !(p->numbers = malloc(2 * passes * p->n_kernel * sizeof(isize)))) return false;
    for (isize i = 0; i < passes; i++) {
        Pass *s = &p->passes[p->n_passes++];
        s->start[2] = i % p->step[2], s->start[1] = i / p->step[2] % p->step[1], s->start[0] = i / p->step[2] / p->step[1];
        for (int d = 0; d < 3; d++) s->places[d] = max_of(0, blocks_of(p->out[d] - s->start[d], p->step[d]));
        s->tap = p->numbers + 2 * i * p->n_kernel, s->at = s->tap + p->n_kernel;
        for (isize tap = 0; tap < p->n_kernel; tap++) {
            isize phase, at;
            if (tap_at(p, 0, s->start[0], tap / p->kernel[2] / p->kernel[1], &phase, &at) &&
                tap_at(p, 1, s->start[1], tap / p->kernel[2] % p->kernel[1], &phase, &at) &&
                tap_at(p, 2, s->start[2], tap % p->kernel[2], &phase, &at))
                s->tap[s->n_taps++] = tap;
        }
    }
    return true;
}

/* ---------------------------------------------------------------- the buffer */

/* Places of a row of the buffer. Zeros behind a row may be those ahead of the next one. */
static isize row_pitch(const Plan *p) {
    isize all = p->rows[2], high = max_of(0, all - p->low[2] - p->in[2]);
    isize shared = min_of(p->low[2], high);
    if (p->split[2] > 1 || p->banded == 2 || shared > 16) return all;
    return max_of(p->places[2], all - shared);
}

static bool can_be_direct(const Plan *p) {
    isize last = p->places[p->banded] - (p->bands - 1) * p->band;
    isize run = p->banded == 2 ? last : p->banded == 1 ? (last - 1) * p->in[2] + p->places[2] :
                (p->places[1] - 1) * p->in[2] + p->places[2];
    for (int d = 0; d < 3; d++)
        if (p->split[d] > 1 || p->low[d] || p->places[d] + p->reach[d] > p->in[d]) return false;
    return run >= SLACK && p->in[0] * p->in[1] * p->in[2] % 256; /* channels at the same place of many pages push each
                                                                    other out of the cache */
}

void plan_bands(Plan *p, isize most, isize wanted, bool may_be_direct) {
    p->banded = p->places[0] > 1 ? 0 : p->places[1] > 1 ? 1 : 2;
    isize phases = p->split[0] * p->split[1] * p->split[2], line = p->ci * phases, all = p->places[p->banded];
    for (int d = 0; d < 3; d++)
        if (d != p->banded) line *= p->places[d] + p->reach[d];
    isize reach = p->reach[p->banded], band = max_of(max_of(1, reach), most / line - reach);
    band = min_of(band, max_of(blocks_of(all, wanted), min_of(all, 2 * reach)));
    p->bands = blocks_of(all, band), p->band = blocks_of(all, p->bands), p->bands = blocks_of(all, p->band);
    for (int d = 0; d < 3; d++) p->rows[d] = (d == p->banded ? p->band : p->places[d]) + p->reach[d];
    p->direct = may_be_direct && can_be_direct(p);
    if (p->direct) {
        p->row = p->in[2], p->plane = p->in[1] * p->in[2], p->phase = p->channel = p->in[0] * p->plane;
    } else {
        p->row = row_pitch(p), p->plane = p->rows[1] * p->row, p->phase = p->rows[0] * p->plane;
        p->channel = ((phases * p->phase + 31) / 32 * 2 + 1) * 16; /* an odd number of cache lines */
    }
    for (int i = 0; i < p->n_passes; i++) {
        Pass *s = &p->passes[i];
        for (isize k = 0; k < s->n_taps; k++) {
            isize phase[3], at[3], tap = s->tap[k];
            tap_at(p, 0, s->start[0], tap / p->kernel[2] / p->kernel[1], &phase[0], &at[0]);
            tap_at(p, 1, s->start[1], tap / p->kernel[2] % p->kernel[1], &phase[1], &at[1]);
            tap_at(p, 2, s->start[2], tap % p->kernel[2], &phase[2], &at[2]);
            s->at[k] = ((phase[0] * p->split[1] + phase[1]) * p->split[2] + phase[2]) * p->phase + at[0] * p->plane +
                       at[1] * p->row + at[2];
        }
    }
}

void free_plan(Plan *p) { free(p->numbers); }
