/* What a convolution is made of, for the files conv*.c.

   Lines and images are taken as volumes with leading dims of size 1. The numbers of a band of one image are copied into a
   buffer with zeros around them, from which everything is read: the result at place f of the band is then the sum over
   channels c and taps t of

       weight[c][t] * buffer[c * channel + at[t] + f]

   with one number at[t] per tap, whatever stride and dilation are. A band is one run of places, row after row; the
   places between the end of a result's row and the start of the next row are computed as well and not stored.

   With a stride s the buffer holds every s-th place together (a phase). A transposed convolution with stride s is s
   convolutions with stride 1 (passes), each with its own share of the taps, whose results are s places apart. */
#ifndef TCLI_CONV_H
#define TCLI_CONV_H

#include "vectors.h"

#define SLACK 128 /* places that may be read behind the last one of a buffer */
#define MOST_PASSES 64

typedef struct {
    isize start[3];  /* of the first result */
    isize places[3]; /* results along each dim */
    isize n_taps;
    isize *tap; /* their numbers in the kernel */
    isize *at;
} Pass;

/* What stands in the geometry that Python hands over: (stride, pads, dilation, groups). */
typedef struct {
    isize stride[3], low[3], high[3], dilation[3], groups;
} Geometry;

typedef struct {
    Geometry geometry;
    bool transposed;
    isize images, groups, ci, co; /* ci and co: channels of a group that are read and written */
    isize in[3], out[3], kernel[3], n_kernel;
    isize split[3]; /* phases of the buffer along each dim */
    isize step[3];  /* how far results of a pass are apart */
    isize low[3];   /* zeros ahead of the first number */
    isize places[3], reach[3];
    bool direct; /* the image itself is the buffer */
    isize row, plane, phase, channel; /* pitches of the buffer */
    isize rows[3];                    /* the buffer's size along each dim */
    int banded;                       /* the dim that bands divide */
    isize band, bands;
    int n_passes;
    Pass passes[MOST_PASSES];
    isize *numbers; /* the memory of taps */
} Plan;

bool read_geometry(PyObject *o, int dims, Geometry *g);

/* Sets up `p` for an input (N, C, *in) and an output (N, O, *out); kernel and taps from the weight. False: not possible. */
bool plan_conv(Plan *p, PyArrayObject *in, PyArrayObject *weight, PyArrayObject *out, const Geometry *g, bool transposed);

/* Chooses bands so that a buffer has at most `most` numbers where that can be, and there are at least `wanted` bands. */
void plan_bands(Plan *p, isize most, isize wanted, bool may_be_direct);

void free_plan(Plan *p);

/* Whether the memory of two arrays has bytes in common. */
bool overlap(PyArrayObject *a, PyArrayObject *b);

#endif
