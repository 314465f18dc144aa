/* PyTorch's random numbers: MT19937 and what its CPU kernels make of the words.

   A stream is an array of 626 words: the block of the generator, how many of its words are drawn, and how many blocks
   were made. Words must be drawn
   in order, so threads take turns at that and work on what they have drawn beside each other. A block of words is made
   in three loops without dependencies, in which a processor works on many words at once.

   Every rounding is part of the stream: this file is compiled without contracting products and sums, and where PyTorch
   rounds them once it says fma. Normals of float32 are worked out eight by eight with the Cephes polynomials; those of
   float64, and where there are less than 16, one by one with the C library's functions. */
#include "fresh.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define BLOCK 624
#define AHEAD 397
#define CHUNK 8192     /* numbers for which words are drawn at once; a multiple of 16 */
#define FEW 4096       /* numbers that are not worth letting go of the interpreter lock */
#define PI 3.141592653589793
#define NUMBER_32 5.9604644775390625e-8f        /* 2**-24 */
#define NUMBER_64 1.1102230246251565404e-16     /* 2**-53 */

typedef struct {
    uint32_t key[BLOCK], drawn, blocks;
} Stream;

static pthread_mutex_t drawing = PTHREAD_MUTEX_INITIALIZER; /* streams may be shared by Python's threads */

/* ---------------------------------------------------------------- words */

INLINE uint32_t mixed(uint32_t upper, uint32_t lower) {
    uint32_t y = (upper & 0x80000000u) | (lower & 0x7FFFFFFFu);
    return (y >> 1) ^ (lower & 1 ? 0x9908B0DFu : 0);
}

INLINE uint32_t tempered(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

static void next_block(Stream *s) {
    uint32_t *key = s->key;
    const int behind = BLOCK - AHEAD;
    SIMD
    for (int i = 0; i < behind; i++) key[i] = key[i + AHEAD] ^ mixed(key[i], key[i + 1]);
    SIMD_REDUCE(omp simd safelen(64))
    for (int i = behind; i < BLOCK - 1; i++) key[i] = key[i - behind] ^ mixed(key[i], key[i + 1]);
    key[BLOCK - 1] = key[AHEAD - 1] ^ mixed(key[BLOCK - 1], key[0]);
    s->drawn = 0, s->blocks++;
}

static void draw(Stream *s, uint32_t *RESTRICT words, isize n) {
    while (n > 0) {
        if (s->drawn >= BLOCK) next_block(s);
        const uint32_t *key = s->key + s->drawn;
        isize m = min_of(n, BLOCK - s->drawn);
        SIMD
        for (isize i = 0; i < m; i++) words[i] = tempered(key[i]);
        s->drawn += (uint32_t)m, words += m, n -= m;
    }
}

INLINE float float_of(uint32_t word) { return (float)(int32_t)(word & 0xFFFFFF) * NUMBER_32; }

INLINE double double_of(uint32_t first, uint32_t second) {
    int64_t bits = (int64_t)((uint64_t)first << 32 | second) & ((INT64_C(1) << 53) - 1);
    return (double)bits * NUMBER_64;
}

/* word % d for d < 2**31: the quotient of doubles is never rounded up to an integer. */
INLINE uint32_t rest_of(uint32_t word, double d) { return (uint32_t)((double)word - d * (double)(int64_t)((double)word / d)); }

/* ---------------------------------------------------------------- filling an array */

typedef struct Fill Fill;
struct Fill {
    Stream *stream;
    void *out;
    isize n, next; /* numbers, and how many are given out */
    int words;     /* for each number */
    double a, b;   /* what the distribution is told */
    int64_t base, span;
    void (*make)(const Fill *f, isize start, isize n, const uint32_t *words);
    pthread_mutex_t turn;
};

static void fill_chunk(void *context, isize number) {
    Fill *f = context;
    uint32_t words[2 * CHUNK];
    (void)number;
    pthread_mutex_lock(&f->turn);
    isize start = f->next, n = min_of(CHUNK, f->n - start);
    f->next += n;
    draw(f->stream, words, n * f->words);
    pthread_mutex_unlock(&f->turn);
    f->make(f, start, n, words);
}

static void fill(Fill *f) {
    isize chunks = blocks_of(f->n, CHUNK);
    pthread_mutex_init(&f->turn, NULL);
    if (f->n <= FEW) {
        pthread_mutex_lock(&drawing);
        for (isize i = 0; i < chunks; i++) fill_chunk(f, i);
        pthread_mutex_unlock(&drawing);
    } else {
        Py_BEGIN_ALLOW_THREADS
        pthread_mutex_lock(&drawing);
        run_blocks(fill_chunk, f, chunks);
        pthread_mutex_unlock(&drawing);
        Py_END_ALLOW_THREADS
    }
    pthread_mutex_destroy(&f->turn);
}

/* ---------------------------------------------------------------- distributions */

/* Rounding may land on the upper bound, which does not belong to the interval. */
static void make_uniform_32(const Fill *f, isize start, isize n, const uint32_t *words) {
    float *RESTRICT out = (float *)f->out + start, low = (float)f->a, high = (float)f->b;
    if (low == 0 && high == 1) {
        SIMD
        for (isize i = 0; i < n; i++) out[i] = float_of(words[i]);
        return;
    }
    SIMD
    for (isize i = 0; i < n; i++) {
        float x = fmaf(float_of(words[i]), high - low, low);
        out[i] = x == high ? low : x;
    }
}

static void make_uniform_64(const Fill *f, isize start, isize n, const uint32_t *words) {
    double *RESTRICT out = (double *)f->out + start, low = f->a, high = f->b;
    SIMD
    for (isize i = 0; i < n; i++) {
        double x = fma(double_of(words[2 * i], words[2 * i + 1]), high - low, low);
        out[i] = x == high ? low : x;
    }
}

INLINE uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE float float_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x = 2**e * f of (0, 1], f in [sqrt(1/2), sqrt(2)): a polynomial in f - 1. */
INLINE float log_32(float x) {
    int32_t bits = (int32_t)bits_of(x), e = (bits - 0x3F3504F3) >> 23;
    float f = float_of_bits((uint32_t)bits - ((uint32_t)e << 23)) - 1.0f, square = f * f, exponent = (float)e;
    float s = fmaf(f, 7.0376836292e-2f, -1.1514610310e-1f);
    s = fmaf(s, f, 1.1676998740e-1f);
    s = fmaf(s, f, -1.2420140846e-1f);
    s = fmaf(s, f, 1.4249322787e-1f);
    s = fmaf(s, f, -1.6668057665e-1f);
    s = fmaf(s, f, 2.0000714765e-1f);
    s = fmaf(s, f, -2.4999993993e-1f);
    s = fmaf(s, f, 3.3333331174e-1f);
    s *= f;
    s = fmaf(s, square, exponent * -2.12194440e-4f);
    s = fmaf(square, -0.5f, s);
    s += f;
    return fmaf(exponent, 0.693359375f, s);
}

/* sin and cos of [0, 2 pi): x is reduced by octants, then there is one polynomial for each; in every second octant they
   change places. */
INLINE int32_t octant_of(float x) { return ((int32_t)(x * 1.27323954473516f) + 1) & ~1; }

INLINE float reduced(float x, int32_t octant) {
    float n = (float)octant;
    x = fmaf(n, -0.78515625f, x);
    x = fmaf(n, -2.4187564849853515625e-4f, x);
    return fmaf(n, -3.77489497744594108e-8f, x);
}

INLINE float cos_near_0(float square) {
    float c = fmaf(square, 2.443315711809948e-5f, -1.388731625493765e-3f);
    c = fmaf(c, square, 4.166664568298827e-2f);
    c *= square;
    return fmaf(c, square, -0.5f * square) + 1.0f;
}

INLINE float sin_near_0(float x, float square) {
    float s = fmaf(square, -1.9515295891e-4f, 8.3321608736e-3f);
    s = fmaf(s, square, -1.6666654611e-1f);
    s *= square;
    return fmaf(s, x, x);
}

#define PAIRS 256 /* that are worked on at once: each step is a loop of its own, over numbers that lie behind each other */

/* Number j of a block of 16 is paired with j + 8. */
static void normal_blocks_32(float *out, const uint32_t *words, isize blocks, float mean, float std) {
    float radius[PAIRS], angle[PAIRS], sine[PAIRS], cosine[PAIRS];
    int32_t octants[PAIRS];
    for (isize start = 0; start < blocks; start += PAIRS / 8) {
        int n = (int)min_of(PAIRS / 8, blocks - start) * 8;
        for (int i = 0; i < n; i++) {
            const uint32_t *word = words + start * 16 + 2 * i - i % 8;
            radius[i] = 1.0f - float_of(word[0]), angle[i] = (float)(2 * PI) * float_of(word[8]);
        }
        SIMD
        for (int i = 0; i < n; i++) radius[i] = sqrtf(log_32(radius[i]) * -2.0f);
        SIMD
        for (int i = 0; i < n; i++) {
            int32_t octant = octants[i] = octant_of(angle[i]);
            float x = reduced(angle[i], octant);
            sine[i] = sin_near_0(x, x * x), cosine[i] = cos_near_0(x * x);
        }
        SIMD
        for (int i = 0; i < n; i++) {
            uint32_t octant = (uint32_t)octants[i], s = bits_of(sine[i]), c = bits_of(cosine[i]);
            uint32_t moved = (0 - (octant >> 1 & 1)) & (s ^ c);
            sine[i] = radius[i] * float_of_bits(s ^ moved ^ (octant & 4) << 29);
            cosine[i] = radius[i] * float_of_bits(c ^ moved ^ ((octant + 2) & 4) << 29);
        }
        /* Times one plus nothing: what is left of it is that -0 becomes 0. */
        SIMD
        for (int i = 0; i < n; i++) sine[i] = fmaf(sine[i], std, mean), cosine[i] = fmaf(cosine[i], std, mean);
        for (int i = 0; i < n; i += 8) {
            memcpy(out + start * 16 + 2 * i, cosine + i, 8 * sizeof *out);
            memcpy(out + start * 16 + 2 * i + 8, sine + i, 8 * sizeof *out);
        }
    }
}

static void normal_blocks_64(double *out, const uint32_t *words, isize blocks, double mean, double std) {
    for (isize k = 0; k < blocks; k++, out += 16, words += 32)
        for (int j = 0; j < 8; j++) {
            const uint32_t *a = words + 2 * j, *b = a + 16;
            double radius = sqrt(-2.0 * log(1.0 - double_of(a[0], a[1]))), theta = 2.0 * PI * double_of(b[0], b[1]);
            out[j] = fma(radius * cos(theta), std, mean);
            out[j + 8] = fma(radius * sin(theta), std, mean);
        }
}

static void make_normal_32(const Fill *f, isize start, isize n, const uint32_t *words) {
    normal_blocks_32((float *)f->out + start, words, n / 16, (float)f->a, (float)f->b);
}

static void make_normal_64(const Fill *f, isize start, isize n, const uint32_t *words) {
    normal_blocks_64((double *)f->out + start, words, n / 16, f->a, f->b);
}

static void make_integers(const Fill *f, isize start, isize n, const uint32_t *words) {
    int64_t *RESTRICT out = (int64_t *)f->out + start, base = f->base;
    if (f->words == 1) {
        double span = (double)f->span;
        SIMD
        for (isize i = 0; i < n; i++) out[i] = (int64_t)rest_of(words[i], span) + base;
        return;
    }
    for (isize i = 0; i < n; i++) {
        uint64_t word = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
        out[i] = (int64_t)(word % (uint64_t)f->span + (uint64_t)base);
    }
}

#define MAKE_BERNOULLI(T)                                                                                    \
    static void make_bernoulli_##T(const Fill *f, isize start, isize n, const uint32_t *words) {             \
        T *RESTRICT out = (T *)f->out + start;                                                               \
        double p = f->a;                                                                                     \
        SIMD                                                                                                 \
        for (isize i = 0; i < n; i++) out[i] = (T)(double_of(words[2 * i], words[2 * i + 1]) < p);           \
    }
MAKE_BERNOULLI(bool)
MAKE_BERNOULLI(float)
MAKE_BERNOULLI(double)

static void make_exponential_32(const Fill *f, isize start, isize n, const uint32_t *words) {
    float *out = (float *)f->out + start;
    for (isize i = 0; i < n; i++) out[i] = (float)(-1.0 / f->a * log1p(-double_of(words[2 * i], words[2 * i + 1])));
}

static void make_exponential_64(const Fill *f, isize start, isize n, const uint32_t *words) {
    double *out = (double *)f->out + start;
    for (isize i = 0; i < n; i++) out[i] = -1.0 / f->a * log1p(-double_of(words[2 * i], words[2 * i + 1]));
}

/* ---------------------------------------------------------------- the functions */

static Stream *stream_of(PyObject *o) {
    PyArrayObject *a = output_of(o, NPY_UINT32);
    return a && PyArray_NBYTES(a) == sizeof(Stream) ? PyArray_DATA(a) : NULL;
}

static PyArrayObject *floats_of(PyObject *o) {
    PyArrayObject *out = output_of(o, NPY_FLOAT32);
    return out ? out : output_of(o, NPY_FLOAT64);
}

static PyObject *seed_words(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2) return PyErr_Format(PyExc_TypeError, "seed_words(stream, seed)");
    Stream *s = stream_of(args[0]);
    unsigned long long seed = PyLong_AsUnsignedLongLongMask(args[1]);
    if (PyErr_Occurred()) return NULL;
    if (!s) Py_RETURN_FALSE;
    s->key[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < BLOCK; i++) s->key[i] = 1812433253u * (s->key[i - 1] ^ (s->key[i - 1] >> 30)) + i;
    s->drawn = BLOCK, s->blocks = 0;
    Py_RETURN_TRUE;
}

static PyObject *draw_words(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Stream *s = n == 2 ? stream_of(args[0]) : NULL;
    PyArrayObject *out = n == 2 ? output_of(args[1], NPY_UINT32) : NULL;
    if (!s || !out || touches(out, (PyArrayObject *)args[0])) Py_RETURN_FALSE;
    pthread_mutex_lock(&drawing);
    draw(s, PyArray_DATA(out), PyArray_SIZE(out));
    pthread_mutex_unlock(&drawing);
    Py_RETURN_TRUE;
}

/* What all fills of floats by two numbers have in common; false where the arrays are not what is wanted. */
static bool fill_of(Fill *f, PyObject *const *args, Py_ssize_t n, PyArrayObject **out) {
    if (n < 3) return false;
    f->stream = stream_of(args[0]);
    *out = floats_of(args[1]);
    if (!f->stream || !*out || touches(*out, (PyArrayObject *)args[0])) return false;
    f->out = PyArray_DATA(*out), f->n = PyArray_SIZE(*out);
    f->words = PyArray_TYPE(*out) == NPY_FLOAT32 ? 1 : 2;
    f->a = PyFloat_AsDouble(args[2]), f->b = n > 3 ? PyFloat_AsDouble(args[3]) : 0;
    return !PyErr_Occurred();
}

#define REFUSED (PyErr_Occurred() ? NULL : Py_NewRef(Py_False))

static PyObject *fill_uniform(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Fill f = {0};
    PyArrayObject *out;
    if (!fill_of(&f, args, n, &out)) return REFUSED;
    f.make = f.words == 1 ? make_uniform_32 : make_uniform_64;
    fill(&f);
    Py_RETURN_TRUE;
}

/* Normals in blocks; where there is a ragged end the last 16 are made anew. */
static void fill_blocks(Fill *f, isize item) {
    f->make = f->words == 1 ? make_normal_32 : make_normal_64;
    fill(f);
    if (f->n % 16) {
        Fill end = *f;
        end.n = 16, end.next = 0;
        end.out = (char *)f->out + (f->n - 16) * item;
        fill(&end);
    }
}

static PyObject *fill_normal(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Fill f = {0};
    PyArrayObject *out;
    if (!fill_of(&f, args, n, &out) || f.n < 16) return REFUSED;
    fill_blocks(&f, PyArray_ITEMSIZE(out));
    Py_RETURN_TRUE;
}

/* Pairs, of which one may be left over from the last call and for the next: `left` where `has_left`, there and back. */
static void make_pairs(Fill *f, bool *has_left, double *left) {
    double *wide = f->words == 2 ? f->out : NULL;
    pthread_mutex_lock(&drawing);
    for (isize i = 0; i < f->n; i++) {
        double x = *left;
        if (!*has_left) {
            uint32_t words[4];
            draw(f->stream, words, 4);
            double radius = sqrt(-2.0 * log1p(-double_of(words[2], words[3]))), theta = 2.0 * PI * double_of(words[0], words[1]);
            x = radius * cos(theta), *left = radius * sin(theta);
        }
        *has_left = !*has_left;
        x = fma(x, f->b, f->a);
        if (wide) wide[i] = x;
        else ((float *)f->out)[i] = (float)x;
    }
    pthread_mutex_unlock(&drawing);
}

/* The answer is what is left over, or None. */
static PyObject *normal_pairs(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Fill f = {0};
    PyArrayObject *out;
    if (n != 5 || !fill_of(&f, args, n, &out)) return REFUSED;
    bool has_left = args[4] != Py_None;
    double left = has_left ? PyFloat_AsDouble(args[4]) : 0;
    if (PyErr_Occurred()) return NULL;
    make_pairs(&f, &has_left, &left);
    if (!has_left) Py_RETURN_NONE;
    return PyFloat_FromDouble(left);
}

static PyObject *fill_exponential(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Fill f = {0};
    PyArrayObject *out;
    if (!fill_of(&f, args, n, &out)) return REFUSED;
    f.make = f.words == 1 ? make_exponential_32 : make_exponential_64;
    f.words = 2;
    fill(&f);
    Py_RETURN_TRUE;
}

static PyObject *fill_bernoulli(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "fill_bernoulli(stream, out, p)");
    PyArrayObject *out = flat_array(args[1]);
    Fill f = {.stream = stream_of(args[0]), .words = 2, .a = PyFloat_AsDouble(args[2])};
    if (PyErr_Occurred()) return NULL;
    if (!f.stream || !out || !PyArray_ISWRITEABLE(out) || touches(out, (PyArrayObject *)args[0])) Py_RETURN_FALSE;
    int type = PyArray_TYPE(out);
    f.make = type == NPY_FLOAT32 ? make_bernoulli_float : type == NPY_FLOAT64 ? make_bernoulli_double : type == NPY_BOOL ? make_bernoulli_bool : NULL;
    if (!f.make) Py_RETURN_FALSE;
    f.out = PyArray_DATA(out), f.n = PyArray_SIZE(out);
    fill(&f);
    Py_RETURN_TRUE;
}

/* Two words where one would be skewed by more than a sixteenth. */
static PyObject *fill_integers(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4) return PyErr_Format(PyExc_TypeError, "fill_integers(stream, out, low, span)");
    PyArrayObject *out = output_of(args[1], NPY_INT64);
    Fill f = {.stream = stream_of(args[0]), .base = PyLong_AsLongLong(args[2]), .make = make_integers};
    uint64_t span = PyLong_AsUnsignedLongLong(args[3]);
    if (PyErr_Occurred()) return NULL;
    if (!f.stream || !out || !span || touches(out, (PyArrayObject *)args[0])) Py_RETURN_FALSE;
    f.span = (int64_t)span, f.words = span < (1 << 28) ? 1 : 2, f.out = PyArray_DATA(out), f.n = PyArray_SIZE(out);
    fill(&f);
    Py_RETURN_TRUE;
}

#define STEPS 512 /* of a shuffle, whose places are fetched before they change */

/* 0, 1, ... after step i has exchanged the numbers at i and at a random place from i on. */
static void shuffle_all(Stream *s, uint32_t *order, isize n) {
    uint32_t words[STEPS];
    for (isize i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (isize start = 0; start < n - 1; start += STEPS) {
        isize m = min_of(STEPS, n - 1 - start);
        draw(s, words, m);
        double left = (double)(n - start);
        SIMD
        for (isize i = 0; i < m; i++) words[i] = rest_of(words[i], left - (double)i) + (uint32_t)(start + i);
        for (isize i = 0; i < m; i++) __builtin_prefetch(order + words[i], 1);
        for (isize i = 0; i < m; i++) {
            uint32_t other = order[words[i]];
            order[words[i]] = order[start + i], order[start + i] = other;
        }
    }
}

static void shuffle_few(Stream *s, int64_t *out, isize n) {
    uint32_t order[STEPS];
    pthread_mutex_lock(&drawing);
    shuffle_all(s, order, n);
    pthread_mutex_unlock(&drawing);
    for (isize i = 0; i < n; i++) out[i] = order[i];
}

static PyObject *shuffle(PyObject *self, PyObject *const *args, Py_ssize_t n_args) {
    (void)self;
    Stream *s = n_args == 2 ? stream_of(args[0]) : NULL;
    PyArrayObject *out = n_args == 2 ? output_of(args[1], NPY_INT64) : NULL;
    if (!s || !out || touches(out, (PyArrayObject *)args[0]) || PyArray_SIZE(out) > INT32_MAX) Py_RETURN_FALSE;
    isize n = PyArray_SIZE(out);
    int64_t *wide = PyArray_DATA(out);
    if (n <= STEPS) {
        shuffle_few(s, wide, n);
        Py_RETURN_TRUE;
    }
    uint32_t *order = PyMem_RawMalloc(n * sizeof *order);
    if (!order) return PyErr_NoMemory();
    PyThreadState *state = n > FEW ? PyEval_SaveThread() : NULL;
    pthread_mutex_lock(&drawing);
    shuffle_all(s, order, n);
    pthread_mutex_unlock(&drawing);
    for (isize i = 0; i < n; i++) wide[i] = order[i];
    if (state) PyEval_RestoreThread(state);
    PyMem_RawFree(order);
    Py_RETURN_TRUE;
}

/* ---------------------------------------------------------------- a few numbers in a tensor of their own */

/* The ways of `rand`, `randn`, `randint` and `randperm` have the generator for an op, and for a memory the list of functions
   that are being mapped: in these draws are another thing. */
static struct { isize stream, next_normal; } of_generator;

/* The stream that a way draws from; NULL, perhaps with an error, for a call that takes more. */
static Stream *stream_at_hand(Way *way) {
    if (PyList_GET_SIZE(way->memory)) return NULL;
    PyObject **stream = &SLOT(way->op, of_generator.stream);
    if (*stream == Py_None) {
        PyObject *begun = PyObject_CallMethod(way->op, "stream", NULL);
        if (!begun) return NULL;
        Py_DECREF(begun);
    }
    return *stream ? stream_of(*stream) : NULL;
}

/* A tensor for one to FEW numbers, which `f` is told of; NULL for any other size. */
static PyObject *tensor_for(Fill *f, const Sizes *sizes, int type) {
    npy_intp n = PyArray_MultiplyList(sizes->dims, sizes->n);
    PyObject *t = n > 0 && n <= FEW ? tensor_around(PyArray_SimpleNew(sizes->n, (npy_intp *)sizes->dims, type)) : NULL;
    if (t) f->out = PyArray_DATA(array_of(t)), f->n = n;
    return t;
}

/* The same for floats, as a call of `rand` or `randn` wants them, or of `rand_like` and `randn_like`, whose ways have a flag. */
static PyObject *floats_for(Fill *f, Way *way, PyObject *const *args, size_t nargsf, PyObject *names) {
    Fresh fresh;
    bool fits = way->alone ? PyVectorcall_NARGS(nargsf) == 1 && !names && default_dtype() && take_like(&fresh, args[0])
                           : take_fresh(&fresh, args, nargsf, names);
    if (!fits || fresh.dtype->kind != 'f' || !(f->stream = stream_at_hand(way))) return NULL;
    f->words = fresh.dtype->type_num == NPY_FLOAT32 ? 1 : 2;
    return with_gradient(tensor_for(f, &fresh.sizes, fresh.dtype->type_num), fresh.needs);
}

static PyObject *call_rand(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Fill f = {.b = 1};
    PyObject *t = floats_for(&f, (Way *)self, args, nargsf, names);
    if (!t) return go_on_after_error((Way *)self, args, nargsf, names);
    f.make = f.words == 1 ? make_uniform_32 : make_uniform_64;
    fill(&f);
    return t;
}

static PyObject *call_randn(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Fill f = {.b = 1};
    PyObject *t = floats_for(&f, (Way *)self, args, nargsf, names);
    PyObject **next = &SLOT(((Way *)self)->op, of_generator.next_normal);
    bool has_left = t && *next && *next != Py_None;
    double left = has_left ? PyFloat_AsDouble(*next) : 0;
    if (!t || PyErr_Occurred()) {
        Py_XDECREF(t);
        return go_on_after_error((Way *)self, args, nargsf, names);
    }
    if (f.n >= 16) {
        fill_blocks(&f, f.words * (isize)sizeof(float));
        return t;
    }
    make_pairs(&f, &has_left, &left);
    PyObject *rest = has_left ? PyFloat_FromDouble(left) : Py_NewRef(Py_None);
    if (rest) put(next, rest);
    else Py_CLEAR(t);
    return t;
}

/* randint(high, sizes), randint(low, high, sizes) */
static PyObject *call_randint(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyObject *size = n == 2 || n == 3 ? args[n - 1] : NULL, *t = NULL;
    int overflow = 0, low_overflow = 0;
    bool fits = size && !names && PyTuple_Check(size) && PyLong_CheckExact(args[0]) && PyLong_CheckExact(args[n - 2]);
    int64_t low = fits && n == 3 ? PyLong_AsLongLongAndOverflow(args[0], &low_overflow) : 0;
    int64_t high = fits ? PyLong_AsLongLongAndOverflow(args[n - 2], &overflow) : 0;
    Fill f = {.base = low, .make = make_integers};
    Sizes sizes;
    if (fits && !overflow && !low_overflow && low < high && default_dtype() &&
        take_sizes(&sizes, &PyTuple_GET_ITEM(size, 0), PyTuple_GET_SIZE(size)) && (f.stream = stream_at_hand(way)))
        t = tensor_for(&f, &sizes, NPY_INT64);
    if (!t) return go_on_after_error(way, args, nargsf, names);
    uint64_t span = (uint64_t)high - (uint64_t)low;
    f.span = (int64_t)span, f.words = span < (1 << 28) ? 1 : 2;
    fill(&f);
    return t;
}

static PyObject *call_randperm(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    Fill f = {0};
    Sizes sizes;
    PyObject *t = NULL;
    if (PyVectorcall_NARGS(nargsf) == 1 && !names && default_dtype() && take_sizes(&sizes, args, 1) && sizes.dims[0] <= STEPS &&
        (f.stream = stream_at_hand(way)))
        t = tensor_for(&f, &sizes, NPY_INT64);
    if (!t) return go_on_after_error(way, args, nargsf, names);
    shuffle_few(f.stream, f.out, f.n);
    return t;
}

static const struct {
    const char *name;
    vectorcallfunc call;
    bool like;
} draws[] = {{"rand", call_rand, false}, {"randn", call_randn, false}, {"rand_like", call_rand, true}, {"randn_like", call_randn, true},
             {"randint", call_randint, false}, {"randperm", call_randperm, false}};

static PyObject *drawing_few(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4 || !PyUnicode_Check(args[0]) || !PyList_CheckExact(args[2]))
        return PyErr_Format(PyExc_TypeError, "drawing_few(name, generator, mapped, slow)");
    PyTypeObject *class = Py_TYPE(args[1]);
    if ((of_generator.stream = offset_of(class, "_stream")) < 0 || (of_generator.next_normal = offset_of(class, "next_normal")) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
        if (PyUnicode_CompareWithASCIIString(args[0], draws[i].name) != 0) continue;
        Way *way = new_way(draws[i].call, args[1], args[3]);
        if (way) way->memory = Py_NewRef(args[2]), way->alone = draws[i].like;
        return (PyObject *)way;
    }
    Py_RETURN_FALSE;
}

PyMethodDef random_methods[] = {
    KERNEL(seed_words, "seed_words(stream, seed): starts a stream, a uint32 array of 626 words."),
    KERNEL(draw_words, "draw_words(stream, out): the next words, uint32."),
    KERNEL(fill_uniform, "fill_uniform(stream, out, low, high): floats of [low, high)."),
    KERNEL(fill_normal, "fill_normal(stream, out, mean, std): 16 or more normals, in blocks."),
    KERNEL(normal_pairs, "normal_pairs(stream, out, mean, std, left): normals in pairs; `left` is what the last call answered, "
                         "a float or None."),
    KERNEL(fill_exponential, "fill_exponential(stream, out, rate)"),
    KERNEL(fill_bernoulli, "fill_bernoulli(stream, out, p): ones with probability p, else zeros."),
    KERNEL(fill_integers, "fill_integers(stream, out, low, span): int64 of [low, low + span)."),
    KERNEL(shuffle, "shuffle(stream, out): 0, 1, ... in random order."),
    KERNEL(drawing_few, "drawing_few(name, generator, mapped, slow): the function of that name, `slow` for more than a few numbers."),
    {0},
};
