/* Running sums and products along rows.

   A running sum waits for the one before it, so some rows run beside each other. It is kept in double precision on its way. A
   single long row is cut: what each piece adds up to comes first, then all pieces begin with what came before them; in double
   precision it does not show in which order numbers of single precision were added. */
#include "native.h"

#include <string.h>

#define PIECE 32768
#define SIDE_BY_SIDE 8

typedef struct {
    const void *x;
    void *out;
    double *before; /* of each piece of a single row */
    isize rows, n;
} Scan;

#define SCAN_ROWS(T, NAME, OP, START)                                                               \
    static void NAME##_##T(void *context, isize block) {                                            \
        const Scan *s = context;                                                                    \
        isize n = s->n, first = block * SIDE_BY_SIDE;                                               \
        const T *x = (const T *)s->x + first * n;                                                   \
        T *out = (T *)s->out + first * n;                                                           \
        if (first + SIDE_BY_SIDE > s->rows) {                                                       \
            for (isize r = first; r < s->rows; r++, x += n, out += n) {                             \
                double total = START;                                                               \
                for (isize i = 0; i < n; i++) out[i] = (T)(total = total OP x[i]);                  \
            }                                                                                       \
            return;                                                                                 \
        }                                                                                           \
        double totals[SIDE_BY_SIDE];                                                                \
        for (int k = 0; k < SIDE_BY_SIDE; k++) totals[k] = START;                                   \
        for (isize i = 0; i < n; i++)                                                               \
            for (int k = 0; k < SIDE_BY_SIDE; k++) out[k * n + i] = (T)(totals[k] = totals[k] OP x[k * n + i]); \
    }
SCAN_ROWS(float, sums, +, 0)
SCAN_ROWS(float, products, *, 1)
SCAN_ROWS(double, sums, +, 0)
SCAN_ROWS(double, products, *, 1)

static void piece_total(void *context, isize piece) {
    const Scan *s = context;
    const float *x = (const float *)s->x + piece * PIECE;
    isize n = min_of(PIECE, s->n - piece * PIECE);
    double total = 0;
    SIMD_SUM(total) for (isize i = 0; i < n; i++) total += x[i];
    s->before[piece + 1] = total;
}

/* Four quarters of a piece side by side, each from what comes before it. */
static void piece_sums(void *context, isize piece) {
    const Scan *s = context;
    const float *x = (const float *)s->x + piece * PIECE;
    float *out = (float *)s->out + piece * PIECE;
    isize n = min_of(PIECE, s->n - piece * PIECE), quarter = n / 4, i = 0;
    double totals[4] = {s->before[piece]};
    for (int k = 1; k < 4; k++) {
        double own = 0;
        SIMD_SUM(own) for (isize j = (k - 1) * quarter; j < k * quarter; j++) own += x[j];
        totals[k] = totals[k - 1] + own;
    }
    for (; i < quarter; i++)
        for (int k = 0; k < 4; k++) out[k * quarter + i] = (float)(totals[k] += x[k * quarter + i]);
    for (i = 4 * quarter; i < n; i++) out[i] = (float)(totals[3] += x[i]);
}

static int scan_one_row(Scan *s) {
    isize pieces = blocks_of(s->n, PIECE);
    s->before = PyMem_RawCalloc(pieces + 1, sizeof(double));
    if (!s->before) return -1;
    run_blocks(piece_total, s, pieces);
    for (isize i = 1; i <= pieces; i++) s->before[i] += s->before[i - 1];
    run_blocks(piece_sums, s, pieces);
    PyMem_RawFree(s->before);
    return 0;
}

static PyObject *scan(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    PyArrayObject *x = count == 4 ? flat_array(args[0]) : NULL;
    int type = x ? PyArray_TYPE(x) : -1, failed = 0;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) Py_RETURN_FALSE;
    PyArrayObject *out = output_of(args[1], type);
    Scan s = {.x = PyArray_DATA(x), .n = PyLong_AsSsize_t(args[2])};
    if (PyErr_Occurred()) return NULL;
    if (!out || PyArray_SIZE(out) != PyArray_SIZE(x) || s.n < 1 || PyArray_SIZE(x) % s.n) Py_RETURN_FALSE;
    s.out = PyArray_DATA(out), s.rows = PyArray_SIZE(x) / s.n;
    bool product = args[3] == Py_True, is_float = type == NPY_FLOAT32, one = s.rows < 2 && s.n > PIECE;
    if (one && (product || !is_float)) Py_RETURN_FALSE;
    block_fn fn = product ? (is_float ? products_float : products_double) : is_float ? sums_float : sums_double;
    Py_BEGIN_ALLOW_THREADS
    if (one) failed = scan_one_row(&s);
    else if (PyArray_SIZE(x) <= 4096)
        for (isize i = 0; i < blocks_of(s.rows, SIDE_BY_SIDE); i++) fn(&s, i);
    else run_blocks(fn, &s, blocks_of(s.rows, SIDE_BY_SIDE));
    Py_END_ALLOW_THREADS
    if (failed) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

PyMethodDef scan_methods[] = {
    KERNEL(scan, "scan(x, out, n, product): running sums, or products, of rows of n."),
    {0},
};
