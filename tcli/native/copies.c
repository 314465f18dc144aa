/* Copies that only move memory: flat ones, permuted ones, zeros; half precision; comparisons that write truth values.

   A flat copy runs at the speed of memory once two threads share it. A permuted one is cut into tiles of one cache line
   by as many elements, whose lines are all read and written while they are in the nearest cache. Numbers become halves by the
   processor's own instructions where it has some. Else, and back, they are converted by integer arithmetic on their bits, which
   every processor does for many numbers at once; its own instructions change the bits of what is not a number. */
#include "native.h"

#include <string.h>
#if defined(__F16C__)
#include <immintrin.h>
#endif

#define BYTES (1 << 18) /* of a block of a flat copy */
#define FLAT 65536      /* numbers of a block that is computed */
#define WORTH (1 << 17) /* bytes from which a second thread pays */
#define SHARED 131072   /* numbers that one thread computes: a block of a fused pass, which has its own threads */
#define DIMS 16
#define TILE 16 /* elements of a side of a tile */

/* ---------------------------------------------------------------- flat */

typedef struct {
    char *out;
    const char *x; /* NULL: zeros */
    isize bytes;
} Flat;

static void flat_block(void *context, isize block) {
    Flat *f = context;
    isize start = block * BYTES, n = min_of(BYTES, f->bytes - start);
    if (f->x) memcpy(f->out + start, f->x + start, n);
    else memset(f->out + start, 0, n);
}

static void run_worth(block_fn fn, void *context, isize blocks, bool worth) {
    if (blocks == 1) {
        fn(context, 0);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    if (worth) run_blocks(fn, context, blocks);
    else
        for (isize i = 0; i < blocks; i++) fn(context, i);
    Py_END_ALLOW_THREADS
}

static void run_flat(Flat *f) { run_worth(flat_block, f, blocks_of(f->bytes, BYTES), f->bytes >= WORTH); }

static PyObject *clear(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *out = n == 1 ? strided_array(args[0]) : NULL;
    if (!out || !PyArray_ISCARRAY(out)) Py_RETURN_FALSE;
    Flat f = {PyArray_BYTES(out), NULL, PyArray_NBYTES(out)};
    run_flat(&f);
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- permuted */

typedef struct {
    char *out;
    const char *x;
    int n_dims;
    isize n[DIMS], to[DIMS], from[DIMS]; /* length, and bytes to the next element of `out` and of `x` */
    int near;                            /* the dim along which `x` lies closest; the last one is that of `out` */
    isize item, width, strips;           /* bytes of an element; columns of a strip, and how many strips */
    isize group;                         /* strips of a block */
} Permuted;

#define COPY_TILES(T)                                                                                     \
    static void copy_tile_##T(const Permuted *p, char *out, const char *x, isize rows, isize columns) {   \
        isize to = p->to[p->near], from = p->from[p->near], next = p->from[p->n_dims - 1];                \
        for (isize i = 0; i < rows; i++) {                                                                \
            T *RESTRICT target = (T *)(out + i * to);                                                     \
            const char *source = x + i * from;                                                            \
            if (columns == TILE) {                                                                        \
                for (isize j = 0; j < TILE; j++) target[j] = *(const T *)(source + j * next);             \
            } else {                                                                                      \
                for (isize j = 0; j < columns; j++) target[j] = *(const T *)(source + j * next);          \
            }                                                                                             \
        }                                                                                                 \
    }                                                                                                     \
    static void copy_turned_##T(char *out, const char *x, isize n) {                                      \
        T *RESTRICT target = (T *)out;                                                                    \
        const T *RESTRICT source = (const T *)x;                                                          \
        for (isize j = 0; j < n; j++) target[j] = source[-j];                                             \
    }
COPY_TILES(uint8_t)
COPY_TILES(uint16_t)
COPY_TILES(uint32_t)
COPY_TILES(uint64_t)

static void copy_tile(const Permuted *p, char *out, const char *x, isize rows, isize columns) {
    if (p->item == 1) copy_tile_uint8_t(p, out, x, rows, columns);
    else if (p->item == 2) copy_tile_uint16_t(p, out, x, rows, columns);
    else if (p->item == 4) copy_tile_uint32_t(p, out, x, rows, columns);
    else copy_tile_uint64_t(p, out, x, rows, columns);
}

/* `n` numbers of which each lies before the last one. */
static void copy_turned(isize item, char *out, const char *x, isize n) {
    if (item == 1) copy_turned_uint8_t(out, x, n);
    else if (item == 2) copy_turned_uint16_t(out, x, n);
    else if (item == 4) copy_turned_uint32_t(out, x, n);
    else copy_turned_uint64_t(out, x, n);
}

/* Some columns of `out`, tile below tile: the lines that are read follow each other, which is what the processor foresees. */
static void copy_strip(const Permuted *p, char *out, const char *x, isize columns) {
    isize to = p->to[p->near], from = p->from[p->near], rows = p->n[p->near];
    if (p->from[p->n_dims - 1] == p->item) {
        for (isize i = 0; i < rows; i++) memcpy(out + i * to, x + i * from, columns * p->item);
        return;
    }
    if (p->from[p->n_dims - 1] == -p->item) {
        for (isize i = 0; i < rows; i++) copy_turned(p->item, out + i * to, x + i * from, columns);
        return;
    }
    for (isize i = 0; i < rows; i += TILE) copy_tile(p, out + i * to, x + i * from, min_of(TILE, rows - i), columns);
}

static void permuted_block(void *context, isize block) {
    Permuted *p = context;
    int last = p->n_dims - 1;
    isize all = p->strips;
    for (int d = 0; d < last; d++)
        if (d != p->near) all *= p->n[d];
    for (isize k = block * p->group; k < min_of(all, (block + 1) * p->group); k++) {
        isize rest = k / p->strips, start = k % p->strips * p->width;
        char *out = p->out + start * p->item;
        const char *x = p->x + start * p->from[last];
        for (int d = last - 1; d >= 0; d--) {
            if (d == p->near) continue;
            isize i = rest % p->n[d];
            rest /= p->n[d];
            out += i * p->to[d], x += i * p->from[d];
        }
        copy_strip(p, out, x, min_of(p->width, p->n[last] - start));
    }
}

/* The dims of both arrays, neighbours merged that both traverse alike; two at least. */
static void dims_of(Permuted *p, PyArrayObject *out, PyArrayObject *x) {
    p->n_dims = 0;
    for (int d = 0; d < PyArray_NDIM(x); d++) {
        isize n = PyArray_DIM(x, d), to = PyArray_STRIDE(out, d), from = PyArray_STRIDE(x, d);
        int k = p->n_dims - 1;
        if (n == 1) continue;
        if (k >= 0 && p->to[k] == n * to && p->from[k] == n * from) {
            p->n[k] *= n, p->to[k] = to, p->from[k] = from;
        } else {
            p->n_dims++, k++;
            p->n[k] = n, p->to[k] = to, p->from[k] = from;
        }
    }
    while (p->n_dims < 2) {
        int k = p->n_dims++;
        if (k) p->n[1] = p->n[0], p->to[1] = p->to[0], p->from[1] = p->from[0];
        p->n[0] = 1, p->to[0] = p->from[0] = 0;
        if (!k) p->to[0] = p->from[0] = p->item;
    }
}

static isize size_of(isize step) { return step < 0 ? -step : step; }

static PyObject *copy(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *out = n == 2 ? strided_array(args[0]) : NULL, *x = n == 2 ? strided_array(args[1]) : NULL;
    if (!out || !x || !PyArray_ISCARRAY(out) || !same_dtype(out, x) || !PyArray_SAMESHAPE(out, x) || touches(out, x)) {
        Py_RETURN_FALSE;
    }
    if (PyArray_IS_C_CONTIGUOUS(x)) {
        Flat f = {PyArray_BYTES(out), PyArray_BYTES(x), PyArray_NBYTES(out)};
        run_flat(&f);
        Py_RETURN_TRUE;
    }
    Permuted p = {.out = PyArray_BYTES(out), .x = PyArray_BYTES(x), .item = PyArray_ITEMSIZE(x)};
    if (PyArray_NDIM(x) > DIMS || (p.item != 1 && p.item != 2 && p.item != 4 && p.item != 8)) Py_RETURN_FALSE;
    if (!PyArray_SIZE(x)) Py_RETURN_TRUE;
    dims_of(&p, out, x);
    p.near = 0;
    for (int d = 1; d + 1 < p.n_dims; d++)
        if (size_of(p.from[d]) <= size_of(p.from[p.near])) p.near = d;
    isize last = p.n[p.n_dims - 1];
    p.width = size_of(p.from[p.n_dims - 1]) == p.item ? min_of(last, FLAT) : TILE;
    p.strips = blocks_of(last, p.width);
    p.group = max_of(1, FLAT / (min_of(p.width, last) * p.n[p.near]));
    isize all = PyArray_SIZE(x) / last / p.n[p.near] * p.strips;
    run_worth(permuted_block, &p, blocks_of(all, p.group), PyArray_NBYTES(out) >= WORTH);
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- half precision */

typedef struct {
    const void *x;
    void *out;
    isize n;
} Converted;

INLINE uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* To nearest, ties to even: normal halves by adding half a unit to the bits, subnormal ones by the addition of a float
   whose last bit is theirs. */
INLINE uint16_t half_of(float x) {
    uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    uint32_t normal = (magnitude + 0xC8000FFF + (magnitude >> 13 & 1)) >> 13;
    uint32_t small = bits_of(float_of(magnitude) + 0.5f) - 0x3F000000;
    uint32_t large = magnitude > 0x7F800000 ? 0x7E00 | (magnitude >> 13 & 0x1FF) : 0x7C00;
    uint32_t found = magnitude < 0x38800000 ? small : magnitude < 0x477FF000 ? normal : large;
    return (uint16_t)(sign | found);
}

INLINE float float_of_half(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7FFF) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t normal = magnitude + 0x38000000;
    uint32_t small = bits_of(float_of((uint32_t)(half & 0x3FF) | 0x3F000000) - 0.5f);
    uint32_t large = magnitude | 0x7F800000;
    uint32_t found = magnitude < 0x00800000 ? small : magnitude < 0x0F800000 ? normal : large;
    return float_of(sign | found);
}

/* bfloat16 is the first half of a float, to nearest, ties to even. */
INLINE uint16_t bfloat_of(float x) {
    uint32_t bits = bits_of(x), rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? (bits >> 16 & 0x8000) | 0x7FC0 : rounded);
}

INLINE float float_of_bfloat(uint16_t x) { return float_of((uint32_t)x << 16); }

/* As many numbers as the processor converts at once; how many that were. */
#if defined(__F16C__)
INLINE isize narrow_many(const float *RESTRICT x, uint16_t *RESTRICT out, isize n) {
    isize i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}
#else
INLINE isize narrow_many(const float *x, uint16_t *out, isize n) { return (void)x, (void)out, (void)n, 0; }
#endif

static void narrow_block(void *context, isize block) {
    Converted *c = context;
    isize start = block * FLAT, n = min_of(FLAT, c->n - start);
    const float *RESTRICT x = (const float *)c->x + start;
    uint16_t *RESTRICT out = (uint16_t *)c->out + start;
    const isize done = narrow_many(x, out, n);
    SIMD
    for (isize i = done; i < n; i++) out[i] = half_of(x[i]);
}

#define CONVERT(name, FROM, TO, convert)                              \
    static void name##_block(void *context, isize block) {            \
        Converted *c = context;                                       \
        isize start = block * FLAT, n = min_of(FLAT, c->n - start);   \
        const FROM *RESTRICT x = (const FROM *)c->x + start;          \
        TO *RESTRICT out = (TO *)c->out + start;                      \
        SIMD for (isize i = 0; i < n; i++) out[i] = convert(x[i]);    \
    }
CONVERT(widen, uint16_t, float, float_of_half)
CONVERT(narrow_bfloat, float, uint16_t, bfloat_of)
CONVERT(widen_bfloat, uint16_t, float, float_of_bfloat)

static block_fn conversion(int from, int to) {
    if (from == NPY_FLOAT32) return to == NPY_FLOAT16 ? narrow_block : to == NPY_UINT16 ? narrow_bfloat_block : NULL;
    if (to != NPY_FLOAT32) return NULL;
    return from == NPY_FLOAT16 ? widen_block : from == NPY_UINT16 ? widen_bfloat_block : NULL;
}

static PyObject *convert_half(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    PyArrayObject *x = n == 2 ? flat_array(args[0]) : NULL, *out = n == 2 ? flat_array(args[1]) : NULL;
    if (!x || !out || !PyArray_ISWRITEABLE(out) || !PyArray_SAMESHAPE(x, out) || touches(x, out)) Py_RETURN_FALSE;
    block_fn fn = conversion(PyArray_TYPE(x), PyArray_TYPE(out));
    if (!fn) Py_RETURN_FALSE;
    Converted c = {PyArray_DATA(x), PyArray_DATA(out), PyArray_SIZE(x)};
    run_worth(fn, &c, blocks_of(c.n, FLAT), c.n > SHARED);
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- comparisons */

typedef struct {
    const char *a, *b; /* one of them may be a single number */
    bool one_a, one_b;
    bool *out;
    isize n;
} Compared;

#define COMPARE_LOOP(T, A, B, OP) \
    SIMD                          \
    for (isize i = 0; i < n; i++) out[i] = (A) OP (B);

#define COMPARE(T, name, OP)                                                                    \
    static void name##_##T(void *context, isize block) {                                        \
        Compared *c = context;                                                                  \
        isize start = block * FLAT, n = min_of(FLAT, c->n - start);                             \
        const T *RESTRICT a = (const T *)c->a + (c->one_a ? 0 : start);                         \
        const T *RESTRICT b = (const T *)c->b + (c->one_b ? 0 : start);                         \
        bool *RESTRICT out = c->out + start;                                                    \
        T one = c->one_a ? *a : *b;                                                             \
        if (c->one_a) { COMPARE_LOOP(T, one, b[i], OP) }                                        \
        else if (c->one_b) { COMPARE_LOOP(T, a[i], one, OP) }                                   \
        else { COMPARE_LOOP(T, a[i], b[i], OP) }                                                \
    }
#define COMPARISONS(T)    \
    COMPARE(T, less, <)   \
    COMPARE(T, up_to, <=) \
    COMPARE(T, equal, ==) \
    COMPARE(T, other, !=)
COMPARISONS(float)
COMPARISONS(double)
COMPARISONS(int64_t)

static block_fn comparison(int type, const char *how) {
#define OF(T) return !strcmp(how, "<") ? less_##T : !strcmp(how, "<=") ? up_to_##T : !strcmp(how, "==") ? equal_##T : other_##T
    if (type == NPY_FLOAT32) OF(float);
    if (type == NPY_FLOAT64) OF(double);
    if (type == NPY_INT64) OF(int64_t);
#undef OF
    return NULL;
}

static PyObject *compare(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    const char *how = n == 4 && PyUnicode_Check(args[0]) ? PyUnicode_AsUTF8(args[0]) : NULL;
    if (!how || (strcmp(how, "<") && strcmp(how, "<=") && strcmp(how, "==") && strcmp(how, "!="))) {
        return PyErr_Format(PyExc_TypeError, "compare(how, a, b, out): how is one of < <= == !=");
    }
    PyArrayObject *a = flat_array(args[1]), *b = flat_array(args[2]), *out = output_of(args[3], NPY_BOOL);
    if (!a || !b || !out || PyArray_TYPE(a) != PyArray_TYPE(b) || touches(a, out) || touches(b, out)) Py_RETURN_FALSE;
    Compared c = {PyArray_BYTES(a), PyArray_BYTES(b), PyArray_SIZE(a) == 1, PyArray_SIZE(b) == 1, PyArray_DATA(out), PyArray_SIZE(out)};
    if ((!c.one_a && !PyArray_SAMESHAPE(a, out)) || (!c.one_b && !PyArray_SAMESHAPE(b, out))) Py_RETURN_FALSE;
    block_fn fn = comparison(PyArray_TYPE(a), how);
    if (!fn) Py_RETURN_FALSE;
    run_worth(fn, &c, blocks_of(c.n, FLAT), c.n > SHARED);
    Py_RETURN_TRUE;
}

PyMethodDef copies_methods[] = {
    KERNEL(copy, "copy(out, x): copies an array of any strides to a contiguous one of its shape and dtype."),
    KERNEL(clear, "clear(out): zeros."),
    KERNEL(convert_half, "convert_half(x, out): float32 to float16 or the other way; uint16 holds the bits of bfloat16."),
    KERNEL(compare, "compare(how, a, b, out): a < b, a <= b, a == b or a != b; a or b may be one number."),
    {0},
};
