/* Stacks of matrix products, and a large matrix times a vector.

   A BLAS library multiplies one pair of matrices well, but splits a small one among threads that then wait for each
   other. Here each thread takes whole products of the stack, by the library's own function, whose address Python hands
   in once. A matrix times a vector is read once and done: four rows at a time, so that a number of the vector that is
   loaded serves four sums. */
#include "native.h"

#define DIMS 16
#define LANES 16        /* partial sums of a row */
#define ROWS 64         /* of a block of a matrix times a vector */
#define WORK (1 << 20)  /* multiplications of a block of products */

enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };

#define GEMM(T) void (*)(int, int, int, int64_t, int64_t, int64_t, T, const T *, int64_t, const T *, int64_t, T, T *, int64_t)
static void (*sgemm)(int, int, int, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t, float,
                     float *, int64_t);
static void (*dgemm)(int, int, int, int64_t, int64_t, int64_t, double, const double *, int64_t, const double *, int64_t,
                     double, double *, int64_t);

static PyObject *set_blas(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2) return PyErr_Format(PyExc_TypeError, "set_blas(sgemm, dgemm)");
    void *single = PyLong_AsVoidPtr(args[0]), *wide = PyLong_AsVoidPtr(args[1]);
    if (PyErr_Occurred()) return NULL;
    sgemm = (GEMM(float))single, dgemm = (GEMM(double))wide;
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- stacks */

typedef struct {
    const char *start;
    isize step[DIMS]; /* bytes to the next matrix of each dim of the stack */
    int order;
    int64_t lead;
} Side;

typedef struct {
    Side a, b;
    char *out;
    int ahead; /* dims of the stack */
    isize size[DIMS], m, k, n, item, count, group;
} Stack;

static bool side_of(Side *s, PyArrayObject *x, PyArrayObject *out) {
    int nd = PyArray_NDIM(x);
    isize item = PyArray_ITEMSIZE(x), rows = PyArray_DIM(x, nd - 2), columns = PyArray_DIM(x, nd - 1);
    isize down = PyArray_STRIDE(x, nd - 2), right = PyArray_STRIDE(x, nd - 1);
    s->start = PyArray_BYTES(x);
    for (int d = 0; d < nd - 2; d++) {
        if (PyArray_DIM(x, d) != PyArray_DIM(out, d)) return false;
        s->step[d] = PyArray_STRIDE(x, d);
    }
    if (right == item && down >= columns * item && down % item == 0) {
        s->order = AS_IT_IS, s->lead = down / item;
        return true;
    }
    s->order = TRANSPOSED, s->lead = right / item;
    return down == item && right >= rows * item && right % item == 0;
}

static void multiply(const Stack *s, isize i) {
    const char *a = s->a.start, *b = s->b.start;
    char *out = s->out + i * s->m * s->n * s->item;
    for (int d = s->ahead - 1; d >= 0; d--) {
        isize place = i % s->size[d];
        i /= s->size[d];
        a += place * s->a.step[d], b += place * s->b.step[d];
    }
    if (s->item == 4) {
        sgemm(ROW_MAJOR, s->a.order, s->b.order, s->m, s->n, s->k, 1, (const float *)a, s->a.lead, (const float *)b, s->b.lead, 0,
              (float *)out, s->n);
    } else {
        dgemm(ROW_MAJOR, s->a.order, s->b.order, s->m, s->n, s->k, 1, (const double *)a, s->a.lead, (const double *)b, s->b.lead,
              0, (double *)out, s->n);
    }
}

static void multiply_block(void *context, isize block) {
    Stack *s = context;
    for (isize i = block * s->group; i < min_of(s->count, (block + 1) * s->group); i++) multiply(s, i);
}

static PyObject *multiply_stacks(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *a = n == 3 ? strided_array(args[0]) : NULL, *b = n == 3 ? strided_array(args[1]) : NULL;
    PyArrayObject *out = n == 3 ? strided_array(args[2]) : NULL;
    if (!a || !b || !out || !PyArray_ISCARRAY(out) || !same_dtype(a, b) || !same_dtype(a, out)) Py_RETURN_FALSE;
    int nd = PyArray_NDIM(out), type = PyArray_TYPE(out);
    if (nd < 2 || nd > DIMS || PyArray_NDIM(a) != nd || PyArray_NDIM(b) != nd || touches(a, out) || touches(b, out)) Py_RETURN_FALSE;
    if (!(type == NPY_FLOAT32 && sgemm) && !(type == NPY_FLOAT64 && dgemm)) Py_RETURN_FALSE;
    Stack s = {.out = PyArray_BYTES(out), .ahead = nd - 2, .m = PyArray_DIM(a, nd - 2), .k = PyArray_DIM(a, nd - 1),
               .n = PyArray_DIM(b, nd - 1), .item = PyArray_ITEMSIZE(a), .count = 1};
    if (PyArray_DIM(b, nd - 2) != s.k || PyArray_DIM(out, nd - 2) != s.m || PyArray_DIM(out, nd - 1) != s.n) Py_RETURN_FALSE;
    if (!s.m || !s.n || !s.k || !side_of(&s.a, a, out) || !side_of(&s.b, b, out)) Py_RETURN_FALSE;
    for (int d = 0; d < s.ahead; d++) s.count *= s.size[d] = PyArray_DIM(out, d);
    s.group = max_of(1, WORK / (s.m * s.n * s.k));
    Py_BEGIN_ALLOW_THREADS
    run_blocks(multiply_block, &s, blocks_of(s.count, s.group));
    Py_END_ALLOW_THREADS
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- a matrix times a vector */

typedef struct {
    const char *a;
    const void *v;
    void *out;
    isize rows, columns, down;
} Lines;

#define LINES(T)                                                                                         \
    static T sum_##T(const T *lanes) {                                                                   \
        T total = 0;                                                                                     \
        for (int k = 0; k < LANES; k++) total += lanes[k];                                               \
        return total;                                                                                    \
    }                                                                                                    \
    static void four_lines_##T(const Lines *l, isize row) {                                              \
        const T *a = (const T *)(l->a + row * l->down), *b = (const T *)((const char *)a + l->down);     \
        const T *c = (const T *)((const char *)b + l->down), *d = (const T *)((const char *)c + l->down); \
        const T *v = l->v;                                                                               \
        T *out = (T *)l->out + row, p[LANES] = {0}, q[LANES] = {0}, r[LANES] = {0}, s[LANES] = {0};      \
        isize i = 0;                                                                                     \
        for (; i + LANES <= l->columns; i += LANES)                                                      \
            for (int k = 0; k < LANES; k++) {                                                            \
                p[k] += a[i + k] * v[i + k], q[k] += b[i + k] * v[i + k];                                \
                r[k] += c[i + k] * v[i + k], s[k] += d[i + k] * v[i + k];                                \
            }                                                                                            \
        for (; i < l->columns; i++) p[0] += a[i] * v[i], q[0] += b[i] * v[i], r[0] += c[i] * v[i], s[0] += d[i] * v[i]; \
        out[0] = sum_##T(p), out[1] = sum_##T(q), out[2] = sum_##T(r), out[3] = sum_##T(s);              \
    }                                                                                                    \
    static void line_##T(const Lines *l, isize row) {                                                    \
        const T *a = (const T *)(l->a + row * l->down), *v = l->v;                                       \
        T p[LANES] = {0};                                                                                \
        isize i = 0;                                                                                     \
        for (; i + LANES <= l->columns; i += LANES)                                                      \
            for (int k = 0; k < LANES; k++) p[k] += a[i + k] * v[i + k];                                 \
        for (; i < l->columns; i++) p[0] += a[i] * v[i];                                                 \
        ((T *)l->out)[row] = sum_##T(p);                                                                 \
    }                                                                                                    \
    static void lines_##T(void *context, isize block) {                                                  \
        Lines *l = context;                                                                              \
        isize row = block * ROWS, stop = min_of(l->rows, row + ROWS);                                    \
        for (; row + 4 <= stop; row += 4) four_lines_##T(l, row);                                        \
        for (; row < stop; row++) line_##T(l, row);                                                      \
    }
LINES(float)
LINES(double)

static PyObject *matrix_vector(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *a = n == 3 ? strided_array(args[0]) : NULL, *v = n == 3 ? flat_array(args[1]) : NULL;
    PyArrayObject *out = n == 3 ? flat_array(args[2]) : NULL;
    if (!a || !v || !out || !PyArray_ISWRITEABLE(out) || !same_dtype(a, v) || !same_dtype(a, out)) Py_RETURN_FALSE;
    int type = PyArray_TYPE(a);
    if ((type != NPY_FLOAT32 && type != NPY_FLOAT64) || PyArray_NDIM(a) != 2 || PyArray_NDIM(v) != 1 || PyArray_NDIM(out) != 1 ||
        PyArray_DIM(v, 0) != PyArray_DIM(a, 1) || PyArray_DIM(out, 0) != PyArray_DIM(a, 0) || touches(a, out) || touches(v, out) ||
        (PyArray_STRIDE(a, 1) != PyArray_ITEMSIZE(a) && PyArray_DIM(a, 1) > 1)) {
        Py_RETURN_FALSE;
    }
    Lines l = {PyArray_BYTES(a), PyArray_DATA(v), PyArray_DATA(out), PyArray_DIM(a, 0), PyArray_DIM(a, 1), PyArray_STRIDE(a, 0)};
    Py_BEGIN_ALLOW_THREADS
    run_blocks(type == NPY_FLOAT32 ? lines_float : lines_double, &l, blocks_of(l.rows, ROWS));
    Py_END_ALLOW_THREADS
    Py_RETURN_TRUE;
}

PyMethodDef stacks_methods[] = {
    KERNEL(set_blas, "set_blas(sgemm, dgemm): the addresses of a library's cblas functions with integers of 64 bits."),
    KERNEL(multiply_stacks, "multiply_stacks(a, b, out): out = a @ b of two stacks of one shape; rows or columns packed."),
    KERNEL(matrix_vector, "matrix_vector(a, v, out): out = a @ v of a matrix with packed rows."),
    {0},
};
