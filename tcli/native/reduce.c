/* Sums and extremes over whole arrays: blocks that stay in cache, their results combined in order. */
#include "native.h"

#define BLOCK 65536 /* numbers */
#define LANES 64    /* partial sums in one block: enough for the adders to stay busy, and less error than with one */

typedef struct {
    const void *numbers;
    isize n;
    double *partial;
} Sum;

#define SUM_BLOCK(T)                                                                                    \
    static void sum_block_##T(void *context, isize block) {                                             \
        Sum *s = context;                                                                               \
        const T *x = (const T *)s->numbers + block * BLOCK;                                             \
        isize n = min_of(BLOCK, s->n - block * BLOCK), i = 0;                                           \
        T lanes[LANES] = {0};                                                                           \
        for (; i + LANES <= n; i += LANES)                                                              \
            for (int k = 0; k < LANES; k++) lanes[k] += x[i + k];                                       \
        double total = 0;                                                                               \
        for (; i < n; i++) total += x[i];                                                               \
        for (int k = 0; k < LANES; k++) total += lanes[k];                                              \
        s->partial[block] = total;                                                                      \
    }
SUM_BLOCK(float)
SUM_BLOCK(double)

static PyObject *sum_of(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *a = n == 1 ? flat_array(args[0]) : NULL;
    int type = a ? PyArray_TYPE(a) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) Py_RETURN_FALSE;
    isize blocks = blocks_of(PyArray_SIZE(a), BLOCK);
    Sum s = {PyArray_DATA(a), PyArray_SIZE(a), PyMem_Malloc(blocks * sizeof(double) + 1)};
    if (!s.partial) return PyErr_NoMemory();
    double total = 0;
    Py_BEGIN_ALLOW_THREADS
    run_blocks(type == NPY_FLOAT32 ? sum_block_float : sum_block_double, &s, blocks);
    for (isize i = 0; i < blocks; i++) total += s.partial[i];
    Py_END_ALLOW_THREADS
    PyMem_Free(s.partial);
    return PyFloat_FromDouble(total);
}

PyMethodDef reduce_methods[] = {
    KERNEL(sum_of, "sum_of(a): the sum of a flat float32 or float64 array as a float; False for other arrays."),
    {0},
};
