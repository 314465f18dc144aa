/* Normalisation, forward and backward: layer_norm, group_norm and rms_norm by rows, batch_norm and instance_norm by channels.

   A line (a row, or the places of one channel) is read from memory once and found in the cache by the passes that follow.
   Its variance is that of distances from the mean, which loses nothing where the mean is large; what rounding left of the
   mean is taken out as well. Gradients of weights are added up in blocks of rows, whose number depends on the shape alone,
   and then over the blocks in their order. */
#include "vectors.h"

#include <math.h>

#define WORK 16384   /* numbers of a block */
#define MOST_BLOCKS 64 /* each has sums of its own for the gradients of weights */
#define CHUNK 2048   /* numbers that are added up in single precision */

typedef struct {
    const void *x, *g, *weight, *bias;
    void *y, *mean, *rstd; /* y: the result, or the gradient of x */
    void *gw, *gb;
    isize lines, n, step;   /* lines of n numbers; of one block */
    isize groups, channels; /* line i has weights i % groups * channels and so on, one for each n / channels numbers */
    isize samples;          /* by channels: x is (samples, lines, n) */
    double eps;
    bool centred, training;
} Norm;

#define T float
#include "norms_lines.h"
#undef T
#define T double
#include "norms_lines.h"
#undef T

#define ROW_BLOCKS(T)                                                                                          \
    static void row_##T(const Norm *m, isize row) {                                                            \
        const T *x = (const T *)m->x + row * m->n, *w = m->weight, *b = m->bias;                               \
        T *y = (T *)m->y + row * m->n;                                                                         \
        isize n = m->n, first = row % m->groups * m->channels, inner = n / m->channels;                        \
        double left = 0, squares = 0;                                                                          \
        T mean = m->centred ? (T)(sum_##T(x, n) / n) : 0;                                                      \
        distances_##T(x, n, mean, &left, &squares);                                                            \
        if (m->centred) {                                                                                      \
            left /= n;                                                                                         \
            mean += (T)left;                                                                                   \
            squares -= left * left * n;                                                                        \
        }                                                                                                      \
        T rstd = (T)(1 / sqrt(squares / n + m->eps));                                                          \
        if (m->mean) ((T *)m->mean)[row] = mean;                                                               \
        ((T *)m->rstd)[row] = rstd;                                                                            \
        if (!w && !b)                                                                                          \
            affine_##T(x, y, n, mean, rstd, 0);                                                                \
        else if (inner > 1)                                                                                    \
            for (isize c = 0; c < m->channels; c++)                                                            \
                affine_##T(x + c * inner, y + c * inner, inner, mean, w ? rstd * w[first + c] : rstd, b ? b[first + c] : 0); \
        else if (!b) {                                                                                         \
            SIMD for (isize j = 0; j < n; j++) y[j] = (x[j] - mean) * rstd * w[first + j];                     \
        } else if (!w) {                                                                                       \
            SIMD for (isize j = 0; j < n; j++) y[j] = (x[j] - mean) * rstd + b[first + j];                     \
        } else {                                                                                               \
            SIMD for (isize j = 0; j < n; j++) y[j] = (x[j] - mean) * rstd * w[first + j] + b[first + j];      \
        }                                                                                                      \
    }                                                                                                          \
    static void rows_##T(void *context, isize block) {                                                         \
        const Norm *m = context;                                                                               \
        for (isize i = block * m->step, stop = min_of(i + m->step, m->lines); i < stop; i++) row_##T(m, i);    \
    }                                                                                                          \
    /* gw and gb are those of one block. */                                                                    \
    static void row_back_##T(const Norm *m, isize row, T *RESTRICT gw, T *RESTRICT gb) {                       \
        const T *x = (const T *)m->x + row * m->n, *g = (const T *)m->g + row * m->n, *w = m->weight;          \
        T *gx = (T *)m->y + row * m->n, mean = m->mean ? ((T *)m->mean)[row] : 0, rstd = ((T *)m->rstd)[row];  \
        isize n = m->n, first = row % m->groups * m->channels, inner = n / m->channels;                        \
        double sum = 0, product = 0;                                                                           \
        gw += first, gb += first, w = w ? w + first : w;                                                       \
        if (inner > 1)                                                                                         \
            for (isize c = 0; c < m->channels; c++) {                                                          \
                double own = 0, both = 0;                                                                      \
                slopes_##T(g + c * inner, x + c * inner, inner, mean, &own, &both);                            \
                gb[c] += (T)own;                                                                               \
                gw[c] += (T)(both * rstd);                                                                     \
                sum += w ? own * w[c] : own;                                                                   \
                product += w ? both * w[c] : both;                                                             \
            }                                                                                                  \
        else                                                                                                   \
            weighted_slopes_##T(g, x, w, n, mean, rstd, &sum, &product, gw, gb);                               \
        T shift = m->centred ? (T)(sum / n) : 0, slope = (T)(product / n * rstd * rstd);                       \
        for (isize c = 0; c < (inner > 1 ? m->channels : 0); c++) {                                            \
            T by = w ? w[c] : 1;                                                                               \
            SIMD for (isize j = c * inner; j < (c + 1) * inner; j++)                                           \
                gx[j] = rstd * (g[j] * by - shift - (x[j] - mean) * slope);                                    \
        }                                                                                                      \
        if (inner == 1)                                                                                        \
            SIMD for (isize j = 0; j < n; j++)                                                                 \
                gx[j] = rstd * ((w ? g[j] * w[j] : g[j]) - shift - (x[j] - mean) * slope);                     \
    }                                                                                                          \
    static void rows_back_##T(void *context, isize block) {                                                    \
        const Norm *m = context;                                                                               \
        isize weights = m->groups * m->channels;                                                               \
        T *gw = (T *)m->gw + block * 2 * weights;                                                              \
        memset(gw, 0, 2 * weights * sizeof(T));                                                                \
        for (isize i = block * m->step, stop = min_of(i + m->step, m->lines); i < stop; i++)                   \
            row_back_##T(m, i, gw, gw + weights);                                                              \
    }                                                                                                          \
    static void add_up_##T(const T *parts, isize blocks, isize n, T *out) {                                    \
        memcpy(out, parts, n * sizeof(T));                                                                     \
        for (isize i = 1; i < blocks; i++)                                                                     \
            SIMD for (isize j = 0; j < n; j++) out[j] += parts[i * n + j];                                     \
    }

#define CHANNEL_BLOCKS(T)                                                                                      \
    static void channel_##T(const Norm *m, isize c) {                                                          \
        const T *x = (const T *)m->x + c * m->n, *w = m->weight, *b = m->bias;                                 \
        T *y = (T *)m->y + c * m->n, *means = m->mean, *rstds = m->rstd;                                       \
        isize n = m->n, stride = m->lines * n, count = m->samples * n;                                         \
        if (m->training) {                                                                                     \
            double sum = 0, left = 0, squares = 0;                                                             \
            for (isize s = 0; s < m->samples; s++) sum += sum_##T(x + s * stride, n);                          \
            T mean = (T)(sum / count);                                                                         \
            for (isize s = 0; s < m->samples; s++) distances_##T(x + s * stride, n, mean, &left, &squares);    \
            left /= count;                                                                                     \
            means[c] = mean + (T)left;                                                                         \
            rstds[c] = (T)(1 / sqrt((squares - left * left * count) / count + m->eps));                        \
        }                                                                                                      \
        for (isize s = 0; s < m->samples; s++)                                                                 \
            affine_##T(x + s * stride, y + s * stride, n, means[c], w ? rstds[c] * w[c] : rstds[c], b ? b[c] : 0); \
    }                                                                                                          \
    static void channels_##T(void *context, isize block) {                                                     \
        const Norm *m = context;                                                                               \
        for (isize i = block * m->step, stop = min_of(i + m->step, m->lines); i < stop; i++) channel_##T(m, i); \
    }                                                                                                          \
    static void channel_back_##T(const Norm *m, isize c) {                                                     \
        const T *x = (const T *)m->x + c * m->n, *g = (const T *)m->g + c * m->n, *w = m->weight;              \
        T *gx = (T *)m->y + c * m->n, mean = ((T *)m->mean)[c], rstd = ((T *)m->rstd)[c];                      \
        isize n = m->n, stride = m->lines * n, count = m->samples * n;                                         \
        double sum = 0, product = 0;                                                                           \
        for (isize s = 0; s < m->samples; s++)                                                                 \
            slopes_##T(g + s * stride, x + s * stride, n, mean, &sum, &product);                               \
        ((T *)m->gw)[c] = (T)(product * rstd);                                                                 \
        ((T *)m->gb)[c] = (T)sum;                                                                              \
        T scale = w ? rstd * w[c] : rstd, shift = 0, slope = 0;                                                \
        if (m->training) shift = (T)(sum / count), slope = (T)(product / count * rstd * rstd);                 \
        for (isize s = 0; s < m->samples; s++) {                                                               \
            const T *xs = x + s * stride, *gs = g + s * stride;                                                \
            T *out = gx + s * stride;                                                                          \
            SIMD for (isize j = 0; j < n; j++) out[j] = scale * (gs[j] - shift - (xs[j] - mean) * slope);      \
        }                                                                                                      \
    }                                                                                                          \
    static void channels_back_##T(void *context, isize block) {                                                \
        const Norm *m = context;                                                                               \
        for (isize i = block * m->step, stop = min_of(i + m->step, m->lines); i < stop; i++) channel_back_##T(m, i); \
    }

#define NORMS(T) ROW_BLOCKS(T) CHANNEL_BLOCKS(T)
NORMS(float)
NORMS(double)

/* ---------------------------------------------------------------- arguments */

/* The memory of an array of `type` with `size` numbers, or NULL; `ok` becomes false where it is no such array. None is NULL. */
static void *memory(PyObject *o, int type, isize size, bool write, bool optional, bool *ok) {
    if (optional && o == Py_None) return NULL;
    PyArrayObject *a = write ? output_of(o, type) : flat_of(o, type);
    if (!a || PyArray_SIZE(a) != size) *ok = false;
    return *ok ? PyArray_DATA(a) : NULL;
}

static int float_type(PyObject *o) {
    PyArrayObject *a = flat_array(o);
    int type = a ? PyArray_TYPE(a) : -1;
    return (type == NPY_FLOAT32 || type == NPY_FLOAT64) && PyArray_SIZE(a) ? type : -1;
}

static void run_lines(block_fn fn, Norm *m, isize per_line) {
    isize blocks = blocks_of(m->lines, m->step);
    Py_BEGIN_ALLOW_THREADS
    if (m->lines * per_line <= WORK)
        for (isize i = 0; i < blocks; i++) fn(m, i);
    else
        run_blocks(fn, m, blocks);
    Py_END_ALLOW_THREADS
}

static PyObject *row_norm(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    int type = count == 10 ? float_type(args[0]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    isize size = PyArray_SIZE((PyArrayObject *)args[0]);
    Norm m = {.lines = PyLong_AsSsize_t(args[6]), .groups = PyLong_AsSsize_t(args[7]), .channels = PyLong_AsSsize_t(args[8])};
    m.eps = PyFloat_AsDouble(args[9]), m.centred = args[4] != Py_None;
    if (PyErr_Occurred()) return NULL;
    if (m.lines < 1 || m.groups < 1 || m.channels < 1 || size % m.lines || size / m.lines % m.channels) Py_RETURN_FALSE;
    bool ok = true;
    isize weights = m.groups * m.channels;
    m.n = size / m.lines;
    m.x = PyArray_DATA((PyArrayObject *)args[0]);
    m.weight = memory(args[1], type, weights, false, true, &ok);
    m.bias = memory(args[2], type, weights, false, true, &ok);
    m.y = memory(args[3], type, size, true, false, &ok);
    m.mean = memory(args[4], type, m.lines, true, true, &ok);
    m.rstd = memory(args[5], type, m.lines, true, false, &ok);
    if (!ok) Py_RETURN_FALSE;
    m.step = max_of(1, WORK / m.n);
    run_lines(type == NPY_FLOAT32 ? rows_float : rows_double, &m, m.n);
    Py_RETURN_TRUE;
}

static PyObject *row_norm_backward(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    int type = count == 11 ? float_type(args[0]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    isize size = PyArray_SIZE((PyArrayObject *)args[0]);
    Norm m = {.lines = PyLong_AsSsize_t(args[8]), .groups = PyLong_AsSsize_t(args[9]), .channels = PyLong_AsSsize_t(args[10])};
    m.centred = args[3] != Py_None;
    if (PyErr_Occurred()) return NULL;
    if (m.lines < 1 || m.groups < 1 || m.channels < 1 || size % m.lines || size / m.lines % m.channels) Py_RETURN_FALSE;
    bool ok = true;
    isize weights = m.groups * m.channels, bytes = type == NPY_FLOAT32 ? 4 : 8;
    m.n = size / m.lines;
    m.g = PyArray_DATA((PyArrayObject *)args[0]);
    m.x = memory(args[1], type, size, false, false, &ok);
    m.weight = memory(args[2], type, weights, false, true, &ok);
    m.mean = memory(args[3], type, m.lines, false, true, &ok);
    m.rstd = memory(args[4], type, m.lines, false, false, &ok);
    m.y = memory(args[5], type, size, true, false, &ok);
    void *gw = memory(args[6], type, weights, true, false, &ok);
    void *gb = memory(args[7], type, weights, true, true, &ok);
    if (!ok) Py_RETURN_FALSE;
    m.step = max_of(max_of(1, WORK / m.n), blocks_of(m.lines, MOST_BLOCKS));
    isize blocks = blocks_of(m.lines, m.step);
    char *parts = PyMem_Malloc((blocks + 1) * 2 * weights * bytes);
    if (!parts) return PyErr_NoMemory();
    m.gw = parts;
    run_lines(type == NPY_FLOAT32 ? rows_back_float : rows_back_double, &m, m.n);
    char *total = parts + blocks * 2 * weights * bytes;
    if (type == NPY_FLOAT32) add_up_float((float *)parts, blocks, 2 * weights, (float *)total);
    else add_up_double((double *)parts, blocks, 2 * weights, (double *)total);
    memcpy(gw, total, weights * bytes);
    if (gb) memcpy(gb, total + weights * bytes, weights * bytes);
    PyMem_Free(parts);
    Py_RETURN_TRUE;
}

static PyObject *channel_norm(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    int type = count == 9 ? float_type(args[0]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    PyArrayObject *x = (PyArrayObject *)args[0];
    Norm m = {.lines = PyLong_AsSsize_t(args[6]), .eps = PyFloat_AsDouble(args[7]), .training = args[8] == Py_True};
    if (PyErr_Occurred()) return NULL;
    if (PyArray_NDIM(x) < 2 || PyArray_DIM(x, 1) != m.lines) Py_RETURN_FALSE;
    bool ok = true;
    m.x = PyArray_DATA(x), m.samples = PyArray_DIM(x, 0), m.n = PyArray_SIZE(x) / (m.samples * m.lines);
    m.weight = memory(args[1], type, m.lines, false, true, &ok);
    m.bias = memory(args[2], type, m.lines, false, true, &ok);
    m.y = memory(args[3], type, PyArray_SIZE(x), true, false, &ok);
    m.mean = memory(args[4], type, m.lines, m.training, false, &ok);
    m.rstd = memory(args[5], type, m.lines, m.training, false, &ok);
    if (!ok || m.n < 8) Py_RETURN_FALSE;
    m.step = max_of(1, WORK / (m.samples * m.n));
    run_lines(type == NPY_FLOAT32 ? channels_float : channels_double, &m, m.samples * m.n);
    Py_RETURN_TRUE;
}

static PyObject *channel_norm_backward(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    int type = count == 10 ? float_type(args[0]) : -1;
    if (type < 0) Py_RETURN_FALSE;
    PyArrayObject *g = (PyArrayObject *)args[0];
    Norm m = {.lines = PyLong_AsSsize_t(args[8]), .training = args[9] == Py_True};
    if (PyErr_Occurred()) return NULL;
    if (PyArray_NDIM(g) < 2 || PyArray_DIM(g, 1) != m.lines) Py_RETURN_FALSE;
    bool ok = true;
    m.g = PyArray_DATA(g), m.samples = PyArray_DIM(g, 0), m.n = PyArray_SIZE(g) / (m.samples * m.lines);
    m.x = memory(args[1], type, PyArray_SIZE(g), false, false, &ok);
    m.weight = memory(args[2], type, m.lines, false, true, &ok);
    m.mean = memory(args[3], type, m.lines, false, false, &ok);
    m.rstd = memory(args[4], type, m.lines, false, false, &ok);
    m.y = memory(args[5], type, PyArray_SIZE(g), true, false, &ok);
    m.gw = memory(args[6], type, m.lines, true, false, &ok);
    m.gb = memory(args[7], type, m.lines, true, false, &ok);
    if (!ok || m.n < 8) Py_RETURN_FALSE;
    m.step = max_of(1, WORK / (m.samples * m.n));
    run_lines(type == NPY_FLOAT32 ? channels_back_float : channels_back_double, &m, m.samples * m.n);
    Py_RETURN_TRUE;
}

PyMethodDef norms_methods[] = {
    KERNEL(row_norm, "row_norm(x, weight, bias, y, mean, rstd, rows, groups, channels, eps): rows less their means over their "
                     "standard deviations; without `mean` over the roots of their mean squares. Weight and bias may be None."),
    KERNEL(row_norm_backward, "row_norm_backward(g, x, weight, mean, rstd, gx, gw, gb, rows, groups, channels): its gradients."),
    KERNEL(channel_norm, "channel_norm(x, weight, bias, y, mean, rstd, channels, eps, training): the same for each channel of "
                         "(samples, channels, ...); mean and rstd are found in training, else given."),
    KERNEL(channel_norm_backward, "channel_norm_backward(g, x, weight, mean, rstd, gx, gw, gb, channels, training): its gradients."),
    {0},
};
