/* Rows of numbers as sorting and selection see them: keys without sign in the order of the numbers, nan above all, -0 like 0. */
#ifndef TCLI_KEYS_H
#define TCLI_KEYS_H

#include "vectors.h"

#define FEW 24                 /* pairs that are sorted by insertion */
#define LONG ((isize)1 << 16)  /* numbers of a row that is not left to one thread, and of a block of it */
#define GROUP ((isize)1 << 14) /* numbers of the short rows of one block */

enum { BOOL, U8, U16, U32, U64, I8, I16, I32, I64, F16, F32, F64 };

typedef struct {
    const void *x;
    void *values;       /* may be NULL */
    int64_t *places;
    const int64_t *ranks;
    uint64_t *work;
    isize rows, n, k;   /* k: results of a row */
    isize group, piece; /* rows of a block, numbers of a piece of a long row */
    int type, item;
    bool descending;
} Rows;

/* ---------------------------------------------------------------- keys */

INLINE uint32_t key_of_half(uint16_t bits) {
    if ((bits & 0x7FFF) > 0x7C00) return UINT32_MAX;
    if (!(bits & 0x7FFF)) bits = 0;
    return (uint16_t)(bits & 0x8000 ? ~bits : bits | 0x8000);
}

INLINE uint32_t key_of_float(float x) {
    union { float x; int32_t i; } u = {x + 0.0f};
    uint32_t key = (uint32_t)(u.i ^ ((u.i >> 31) | INT32_MIN));
    return x != x ? UINT32_MAX : key;
}

INLINE uint64_t key_of_double(double x) {
    union { double x; int64_t i; } u = {x + 0.0};
    uint64_t key = (uint64_t)(u.i ^ ((u.i >> 63) | INT64_MIN));
    return x != x ? UINT64_MAX : key;
}

#define KEY_OF_UNSIGNED(x) (x)
#define KEY_OF_SIGNED(x) ((uint32_t)(int32_t)(x) ^ 0x80000000u)
#define KEY_OF_LONG(x) ((uint64_t)(x) ^ ((uint64_t)1 << 63))

/* Every dtype: its type in C, a whole number as wide, its key. */
#define TYPES_narrow(X) \
    X(BOOL, uint8_t, uint8_t, KEY_OF_UNSIGNED) X(U8, uint8_t, uint8_t, KEY_OF_UNSIGNED) X(U16, uint16_t, uint16_t, KEY_OF_UNSIGNED) \
    X(U32, uint32_t, uint32_t, KEY_OF_UNSIGNED) X(I8, int8_t, int8_t, KEY_OF_SIGNED) X(I16, int16_t, int16_t, KEY_OF_SIGNED) \
    X(I32, int32_t, int32_t, KEY_OF_SIGNED) X(F16, uint16_t, uint16_t, key_of_half) X(F32, float, int32_t, key_of_float)
#define TYPES_wide(X) \
    X(U64, uint64_t, uint64_t, KEY_OF_UNSIGNED) X(I64, int64_t, int64_t, KEY_OF_LONG) X(F64, double, int64_t, key_of_double)

INLINE int type_of(PyArrayObject *a) {
    const isize size = PyArray_ITEMSIZE(a);
    switch (PyArray_DESCR(a)->kind) {
    case 'b': return BOOL;
    case 'u': return size == 1 ? U8 : size == 2 ? U16 : size == 4 ? U32 : U64;
    case 'i': return size == 1 ? I8 : size == 2 ? I16 : size == 4 ? I32 : I64;
    case 'f': return size == 2 ? F16 : size == 4 ? F32 : size == 8 ? F64 : -1;
    }
    return -1;
}

INLINE bool is_wide(int type) { return type == U64 || type == I64 || type == F64; }

/* The values of some results of a row, at their places. */
#define TAKE(T)                                                                                   \
    INLINE void take_##T(const Rows *r, isize row, isize start, isize n) {                        \
        const T *x = (const T *)r->x + row * r->n;                                                \
        const int64_t *places = r->places + row * r->k + start;                                   \
        T *values = (T *)r->values + row * r->k + start;                                          \
        for (isize i = 0; i < n; i++) values[i] = x[places[i]];                                   \
    }
TAKE(uint8_t)
TAKE(uint16_t)
TAKE(uint32_t)
TAKE(uint64_t)

INLINE void take_values(const Rows *r, isize row, isize start, isize n) {
    (r->item == 1 ? take_uint8_t : r->item == 2 ? take_uint16_t : r->item == 4 ? take_uint32_t : take_uint64_t)(r, row, start, n);
}

/* ---------------------------------------------------------------- arguments and answers */

/* Rows of `x`, which are `n` long, and places for `k` of each, or as many as `places` has where k is -1. */
INLINE bool read_rows(Rows *r, PyObject *o, PyObject *places, PyObject *n) {
    PyArrayObject *x = flat_array(o), *out = output_of(places, NPY_INT64);
    *r = (Rows){.n = PyLong_AsSsize_t(n)};
    if (PyErr_Occurred() || !x || !out || r->n < 1 || r->n > INT32_MAX || PyArray_SIZE(x) < 1 || PyArray_SIZE(x) % r->n) return false;
    r->rows = PyArray_SIZE(x) / r->n;
    if (PyArray_SIZE(out) < 1 || PyArray_SIZE(out) % r->rows || touches(x, out)) return false;
    r->type = type_of(x), r->item = (int)PyArray_ITEMSIZE(x), r->x = PyArray_DATA(x);
    r->k = PyArray_SIZE(out) / r->rows, r->places = PyArray_DATA(out);
    r->group = max_of(1, GROUP / r->n);
    return r->k <= r->n && r->type >= 0;
}

INLINE bool read_values(Rows *r, PyObject *x, PyObject *places, PyObject *o) {
    if (o == Py_None) return true;
    PyArrayObject *values = flat_array(o), *source = (PyArrayObject *)x;
    if (!values || !PyArray_ISWRITEABLE(values) || !same_dtype(values, source) || PyArray_SIZE(values) != r->rows * r->k ||
        touches(values, source) || touches(values, (PyArrayObject *)places)) {
        return false;
    }
    r->values = PyArray_DATA(values);
    return true;
}

INLINE PyObject *answer(bool enough) {
    if (!enough) return PyErr_NoMemory();
    Py_RETURN_TRUE;
}

/* NumPy's own sort of whole numbers of 64 bits, which is made for the vectors of the processor; NULL where it hides it. */
typedef int (*sort_fn)(void *numbers, npy_intp n, void *unused);

INLINE sort_fn library_sort(void) {
    static sort_fn found;
    if (!found) {
        PyArray_Descr *d = PyArray_DescrFromType(NPY_UINT64);
        if (d) found = (sort_fn)PyDataType_GetArrFuncs(d)->sort[NPY_QUICKSORT];
        Py_XDECREF(d);
    }
    return found;
}

#endif
