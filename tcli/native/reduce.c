/* Sums, sums of squares and extremes: of whole arrays, along rows, down columns.

   Memory is read once, in pieces of 65536 numbers that any thread may take. A row is added up in 64 lanes side by side, which
   keeps the adders busy and rounds less than one running sum would; the lanes, and the pieces of a long row, are then
   added up in double precision. Down columns a piece is some rows of a strip of columns, whose results stay in the first
   cache. What is not a number wins as an extreme. */
#include "native.h"

#include <math.h>

#define PIECE 65536 /* numbers */
#define LANES 64
#define AHEAD 8192  /* bytes */
#define FEW 16      /* numbers that are added up one after the other */
#define FEW_PER_LANE 64 /* that are added up one after the other */
#define FEW_ROWS 256    /* the same, in columns */
#define STRIP 2048 /* columns that are reduced side by side */

enum { SUM, SQUARES, MAX, MIN, KINDS };

/* An array (before, n, behind) that is reduced over n. Pieces along n have results of their own, `partial`. */
typedef struct {
    const void *x;
    void *out;
    isize before, n, behind;
    isize rows;            /* of a piece along `before` (behind 1), or along n */
    isize pieces, strips;  /* along n, and along `behind` */
    double *partial;       /* (before, pieces, behind) where there are several pieces */
} Job;

/* Asks for memory that is read soon: left to itself, the processor waits at the start of every row. */
INLINE void fetch_ahead(const void *p, size_t bytes) {
    for (size_t k = 0; k < bytes; k += 64) __builtin_prefetch((const char *)p + AHEAD + k);
}

#define ADD(a, x) ((a) + (x))
#define ADD_SQUARE(a, x) ((a) + (x) * (x))
#define FOLD(from, to, COMBINE) \
    for (int k = 0; k < (to); k++) lanes[k] = COMBINE(lanes[k], lanes[k + (from) / 2])

/* One row in lanes, which are folded in halves. */
#define LINE(T, NAME, STEP, COMBINE, START)                                                              \
    static double line_##NAME##_##T(const T *x, isize n) {                                               \
        isize i = 0;                                                                                     \
        if (n < FEW) {                                                                                   \
            T total = (T)(START);                                                                        \
            for (; i < n; i++) total = STEP(total, x[i]);                                                \
            return total;                                                                                \
        }                                                                                                \
        T lanes[LANES];                                                                                  \
        for (int k = 0; k < LANES; k++) lanes[k] = (T)(START);                                           \
        for (; i + LANES <= n; i += LANES) {                                                             \
            fetch_ahead(x + i, sizeof lanes);                                                            \
            for (int k = 0; k < LANES; k++) lanes[k] = STEP(lanes[k], x[i + k]);                         \
        }                                                                                                \
        for (; i + FEW <= n; i += FEW)                                                                   \
            for (int k = 0; k < FEW; k++) lanes[k] = STEP(lanes[k], x[i + k]);                           \
        for (int k = 0; k < FEW; k++)                                                                    \
            if (k < n - i) lanes[k] = STEP(lanes[k], x[i + k]);                                          \
        FOLD(LANES, LANES / 2, COMBINE);                                                                 \
        FOLD(LANES / 2, LANES / 4, COMBINE);                                                             \
        FOLD(LANES / 4, LANES / 8, COMBINE);                                                             \
        FOLD(LANES / 8, LANES / 16, COMBINE);                                                            \
        return COMBINE(COMBINE((double)lanes[0], (double)lanes[2]), COMBINE((double)lanes[1], (double)lanes[3])); \
    }

/* Rows of one strip of columns, into one. */
#define STRIP_OF(T, NAME, STEP, START)                                                                   \
    static void strip_##NAME##_##T(const T *x, isize rows, isize stride, isize width, T *RESTRICT acc) { \
        isize i = 0;                                                                                     \
        for (isize j = 0; j < width; j++) acc[j] = (T)(START);                                           \
        for (; i + 4 <= rows; i += 4) {                                                                  \
            const T *a = x + i * stride, *b = a + stride, *c = b + stride, *d = c + stride;              \
            SIMD for (isize j = 0; j < width; j++) {                                                     \
                T t = STEP(acc[j], a[j]);                                                                \
                t = STEP(t, b[j]), t = STEP(t, c[j]);                                                    \
                acc[j] = STEP(t, d[j]);                                                                  \
            }                                                                                            \
        }                                                                                                \
        for (; i < rows; i++) {                                                                          \
            const T *a = x + i * stride;                                                                 \
            SIMD for (isize j = 0; j < width; j++) acc[j] = STEP(acc[j], a[j]);                          \
        }                                                                                                \
    }

/* Extremes. A processor's own maximum overlooks what is not a number, and to look at each costs as much again.
   A number times 0 is 0, unless it is infinite or no number: so their sum says whether a second, careful look is needed. */
#define BEYOND(a, x) ((x) > (a) ? (x) : (a))
#define BELOW(a, x) ((x) < (a) ? (x) : (a))
#define BEYOND_OR_NAN(a, x) ((((x) > (a)) | ((x) != (x))) ? (x) : (a))
#define BELOW_OR_NAN(a, x) ((((x) < (a)) | ((x) != (x))) ? (x) : (a))

#define EXTREME(T, NAME, PLAIN, CAREFUL, START)                                                          \
    LINE(T, careful_##NAME, CAREFUL, CAREFUL, START)                                                     \
    static double line_##NAME##_##T(const T *x, isize n) {                                               \
        T lanes[LANES], zeros[LANES], zero = 0;                                                          \
        isize i = 0;                                                                                     \
        if (n < LANES) {                                                                                 \
            T best = (T)(START);                                                                         \
            for (; i < n; i++) best = PLAIN(best, x[i]), zero += x[i] * 0;                               \
            return zero != 0 ? line_careful_##NAME##_##T(x, n) : best;                                   \
        }                                                                                                \
        for (int k = 0; k < LANES; k++) lanes[k] = (T)(START), zeros[k] = 0;                             \
        for (; i + LANES <= n; i += LANES) {                                                             \
            fetch_ahead(x + i, sizeof lanes);                                                            \
            for (int k = 0; k < LANES; k++) {                                                            \
                lanes[k] = PLAIN(lanes[k], x[i + k]);                                                    \
                zeros[k] += x[i + k] * 0;                                                                \
            }                                                                                            \
        }                                                                                                \
        if (i < n) {                                                                                     \
            x += n - LANES;                                                                              \
            for (int k = 0; k < LANES; k++) {                                                            \
                lanes[k] = PLAIN(lanes[k], x[k]);                                                        \
                zeros[k] += x[k] * 0;                                                                    \
            }                                                                                            \
            x -= n - LANES;                                                                              \
        }                                                                                                \
        SIMD_SUM(zero) for (int k = 0; k < LANES; k++) zero += zeros[k];                                 \
        if (zero != 0) return line_careful_##NAME##_##T(x, n);                                           \
        FOLD(LANES, LANES / 2, PLAIN);                                                                   \
        FOLD(LANES / 2, LANES / 4, PLAIN);                                                               \
        FOLD(LANES / 4, LANES / 8, PLAIN);                                                               \
        FOLD(LANES / 8, LANES / 16, PLAIN);                                                              \
        return PLAIN(PLAIN(lanes[0], lanes[2]), PLAIN(lanes[1], lanes[3]));                              \
    }                                                                                                    \
    static void strip_##NAME##_##T(const T *x, isize rows, isize stride, isize width, T *RESTRICT acc) { \
        isize i = 0;                                                                                     \
        T zeros[STRIP], zero = 0;                                                                        \
        for (isize j = 0; j < width; j++) acc[j] = (T)(START), zeros[j] = 0;                             \
        for (; i + 4 <= rows; i += 4) {                                                                  \
            const T *a = x + i * stride, *b = a + stride, *c = b + stride, *d = c + stride;              \
            SIMD for (isize j = 0; j < width; j++) {                                                     \
                T ab = PLAIN(a[j], b[j]), cd = PLAIN(c[j], d[j]);                                        \
                zeros[j] += a[j] * 0 + b[j] * 0 + c[j] * 0 + d[j] * 0;                                   \
                ab = PLAIN(ab, cd);                                                                      \
                acc[j] = PLAIN(acc[j], ab);                                                              \
            }                                                                                            \
        }                                                                                                \
        SIMD_SUM(zero) for (isize j = 0; j < width; j++) zero += zeros[j];                               \
        if (zero != 0) i = 0;                                                                            \
        for (; i < rows; i++) {                                                                          \
            const T *a = x + i * stride;                                                                 \
            SIMD for (isize j = 0; j < width; j++) acc[j] = CAREFUL(acc[j], a[j]);                       \
        }                                                                                                \
    }

#define KERNELS(T)                                                             \
    LINE(T, sum, ADD, ADD, 0) STRIP_OF(T, sum, ADD, 0)                         \
    LINE(T, squares, ADD_SQUARE, ADD, 0) STRIP_OF(T, squares, ADD_SQUARE, 0)   \
    EXTREME(T, max, BEYOND, BEYOND_OR_NAN, -INFINITY)                          \
    EXTREME(T, min, BELOW, BELOW_OR_NAN, INFINITY)                             \
    typedef double (*line_fn_##T)(const T *, isize); \
    typedef void (*strip_fn_##T)(const T *, isize, isize, isize, T *); \
    static const line_fn_##T lines_##T[KINDS] = {line_sum_##T, line_squares_##T, line_max_##T, line_min_##T}; \
    static const strip_fn_##T strips_##T[KINDS] = {strip_sum_##T, strip_squares_##T, strip_max_##T, strip_min_##T};
KERNELS(float)
KERNELS(double)

INLINE double combine(int kind, double a, double x) {
    return kind == MAX ? BEYOND_OR_NAN(a, x) : kind == MIN ? BELOW_OR_NAN(a, x) : a + x;
}

/* A row of any length: lanes of a short piece add up few numbers, and pieces are added up in double precision. */
#define LONG_LINE(T)                                                                                            \
    static double long_line_##T(int kind, const T *x, isize n) {                                                \
        if (n <= FEW_PER_LANE * LANES) return lines_##T[kind](x, n);                                            \
        double total = kind == MAX ? -INFINITY : kind == MIN ? INFINITY : 0;                                    \
        for (isize i = 0; i < n; i += FEW_PER_LANE * LANES)                                                     \
            total = combine(kind, total, lines_##T[kind](x + i, min_of(FEW_PER_LANE * LANES, n - i)));          \
        return total;                                                                                           \
    }
LONG_LINE(float)
LONG_LINE(double)

/* Some whole rows, or a piece of one. */
#define ROWS_BLOCK(T, kind)                                                                                     \
    static void rows_##kind##_##T(void *context, isize block) {                                                 \
        Job *job = context;                                                                                     \
        const T *x = job->x;                                                                                    \
        if (job->pieces > 1) {                                                                                  \
            isize row = block / job->pieces, piece = block % job->pieces, start = piece * PIECE;                \
            job->partial[block] = long_line_##T(kind, x + row * job->n + start, min_of(PIECE, job->n - start)); \
            return;                                                                                             \
        }                                                                                                       \
        for (isize i = block * job->rows, stop = min_of(i + job->rows, job->before); i < stop; i++)             \
            ((T *)job->out)[i] = (T)long_line_##T(kind, x + i * job->n, job->n);                                \
    }
/* Some rows of one strip of columns. */
#define COLUMNS_BLOCK(T, kind)                                                                                  \
    static void columns_##kind##_##T(void *context, isize block) {                                              \
        Job *job = context;                                                                                     \
        isize strip = block % job->strips, piece = block / job->strips % job->pieces;                           \
        isize outer = block / job->strips / job->pieces, start = piece * job->rows, first = strip * STRIP;      \
        isize width = min_of(STRIP, job->behind - first);                                                       \
        T acc[STRIP];                                                                                           \
        strips_##T[kind]((const T *)job->x + (outer * job->n + start) * job->behind + first,                    \
                         min_of(job->rows, job->n - start), job->behind, width, acc);                           \
        if (job->pieces > 1)                                                                                    \
            for (isize j = 0; j < width; j++)                                                                   \
                job->partial[(outer * job->pieces + piece) * job->behind + first + j] = acc[j];                 \
        else                                                                                                    \
            for (isize j = 0; j < width; j++) ((T *)job->out)[outer * job->behind + first + j] = acc[j];        \
    }
#define BLOCKS(T)                                                                                               \
    ROWS_BLOCK(T, SUM) ROWS_BLOCK(T, SQUARES) ROWS_BLOCK(T, MAX) ROWS_BLOCK(T, MIN)                             \
    COLUMNS_BLOCK(T, SUM) COLUMNS_BLOCK(T, SQUARES) COLUMNS_BLOCK(T, MAX) COLUMNS_BLOCK(T, MIN)                 \
    static const block_fn rows_of_##T[KINDS] = {rows_SUM_##T, rows_SQUARES_##T, rows_MAX_##T, rows_MIN_##T};    \
    static const block_fn columns_of_##T[KINDS] = {columns_SUM_##T, columns_SQUARES_##T, columns_MAX_##T, columns_MIN_##T};
BLOCKS(float)
BLOCKS(double)

/* The partial results of the pieces, in their order, into `out`. */
static void combine_pieces(Job *job, int kind, bool is_float) {
    double start = kind == MAX ? -INFINITY : kind == MIN ? INFINITY : 0;
    for (isize outer = 0; outer < job->before; outer++)
        for (isize j = 0; j < job->behind; j++) {
            double total = start;
            for (isize piece = 0; piece < job->pieces; piece++)
                total = combine(kind, total, job->partial[(outer * job->pieces + piece) * job->behind + j]);
            isize place = outer * job->behind + j;
            if (is_float) ((float *)job->out)[place] = (float)total;
            else ((double *)job->out)[place] = total;
        }
}

static int run_job(Job *job, int kind, bool is_float) {
    block_fn fn;
    isize blocks;
    if (job->behind == 1) {
        job->pieces = job->n > 2 * PIECE ? blocks_of(job->n, PIECE) : 1;
        job->rows = max_of(1, PIECE / max_of(job->n, 1));
        blocks = job->pieces > 1 ? job->before * job->pieces : blocks_of(job->before, job->rows);
        fn = is_float ? rows_of_float[kind] : rows_of_double[kind];
    } else {
        job->strips = blocks_of(job->behind, STRIP);
        job->rows = min_of(FEW_ROWS, max_of(8, PIECE / min_of(job->behind, STRIP)));
        job->pieces = job->n > 2 * job->rows ? blocks_of(job->n, job->rows) : 1;
        if (job->pieces == 1) job->rows = job->n;
        blocks = job->before * job->pieces * job->strips;
        fn = is_float ? columns_of_float[kind] : columns_of_double[kind];
    }
    job->partial = NULL;
    if (job->pieces > 1) {
        job->partial = PyMem_RawMalloc(job->before * job->pieces * job->behind * sizeof(double));
        if (!job->partial) return -1;
    }
    if (job->before * job->n * job->behind <= PIECE) {
        for (isize i = 0; i < blocks; i++) fn(job, i);
    } else
        run_blocks(fn, job, blocks);
    if (job->partial) combine_pieces(job, kind, is_float);
    PyMem_RawFree(job->partial);
    return 0;
}

static PyObject *reduce(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count != 4) Py_RETURN_FALSE;
    long kind = PyLong_AsLong(args[0]);
    isize behind = PyLong_AsSsize_t(args[3]);
    if (PyErr_Occurred()) return NULL;
    PyArrayObject *x = flat_array(args[1]);
    int type = x ? PyArray_TYPE(x) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) Py_RETURN_FALSE;
    PyArrayObject *out = output_of(args[2], type);
    isize size = PyArray_SIZE(x), results = out ? PyArray_SIZE(out) : 0;
    if (kind < 0 || kind >= KINDS || !results || !size || behind < 1 || results % behind || size % results) Py_RETURN_FALSE;
    Job job = {.x = PyArray_DATA(x), .out = PyArray_DATA(out), .before = results / behind, .n = size / results, .behind = behind};
    int failed;
    if (size > 4096) {
        Py_BEGIN_ALLOW_THREADS
        failed = run_job(&job, (int)kind, type == NPY_FLOAT32);
        Py_END_ALLOW_THREADS
    } else
        failed = run_job(&job, (int)kind, type == NPY_FLOAT32);
    if (failed) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

PyMethodDef reduce_methods[] = {
    KERNEL(reduce, "reduce(kind, x, out, behind): x seen as (before, n, behind) reduced over n into out (before, behind); "
                   "kind 0 adds up, 1 adds up squares, 2 finds the greatest, 3 the least."),
    {0},
};
