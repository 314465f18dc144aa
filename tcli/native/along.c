/* Reading, writing and adding up by an index tensor along one dim: gather, scatter and their relatives.

   Element `e` of the index goes with the place `base(e) + index[e] * step` of the indexed array, where the base follows
   from where the element stands in all other dims. Dims of one element are dropped and neighbours merged that all arrays
   traverse alike; the last of what is left is walked in an inner loop of nothing but a load, a check and a move.

   Whatever is read may be cut anywhere. Writers keep to themselves what can meet: all elements along `dim`, in order, so
   that additions round as if one thread had made them, and the last of several values for one place stays. Two threads
   that write to one cache line wait for each other longer than they work, so each keeps to a stretch of its own. */
#include "quick.h"

#include <stdatomic.h>
#include <string.h>

#define DIMS 16
#define CHUNK 256      /* rows looked through at once */
#define ELEMENTS 32768 /* of a block */
#define AHEAD 8        /* rows */
#define NARROWEST 128  /* bytes of a row that threads share: two cache lines */

typedef struct {
    isize n, x, index, other; /* length, and bytes to the next element of each array */
} Dim;

typedef struct Along Along;
typedef bool (*line_fn)(const Along *a, char *x, const char *index, char *other, isize n);

struct Along {
    char *x, *index, *other;
    isize step, size; /* bytes between neighbours along the dim, and how many there are */
    Dim dims[DIMS];   /* outer ones first; along the dim itself `x` does not move */
    int n_dims;
    Dim along;   /* of writers: the dim itself, where it is not the last one; else n = 1 */
    isize lines; /* outer elements */
    isize piece, pieces; /* of the inner loop */
    isize group;         /* lines of a block */
    isize ranges;        /* of places, where rows are shared among threads by where they go */
    isize threads;       /* how many there were when this was worked out */
    line_fn line;
    atomic_bool bad;
};

/* ---------------------------------------------------------------- the inner loops */

/* One line of elements of type T: MOVE has `T *at` in the indexed array and `T *of` in the other one. The three loops are
   the same walk for a row that one index names, for what lies packed, and for all the rest. */
#define LINE(name, T, MOVE)                                                                           \
    static bool name(const Along *a, char *x, const char *index, char *other, isize n) {              \
        const Dim inner = a->dims[a->n_dims - 1];                                                     \
        const uint64_t size = (uint64_t)a->size;                                                      \
        const isize step = a->step;                                                                   \
        bool packed = inner.other == sizeof(T);                                                       \
        if (packed && !inner.index && inner.x == sizeof(T)) {                                         \
            int64_t i = *(const int64_t *)index;                                                      \
            if ((uint64_t)i >= size) return false;                                                    \
            T *RESTRICT to = (T *)(x + i * step), *RESTRICT from = (T *)other;                        \
            SIMD                                                                                      \
            for (isize j = 0; j < n; j++) {                                                           \
                T *at = to + j, *of = from + j;                                                       \
                MOVE;                                                                                 \
            }                                                                                         \
        } else if (packed && inner.index == sizeof(int64_t) && !inner.x && step == sizeof(T)) {       \
            const int64_t *RESTRICT indices = (const int64_t *)index;                                 \
            T *RESTRICT to = (T *)x, *RESTRICT from = (T *)other;                                     \
            UNROLL_4                                                                                    \
            for (isize j = 0; j < n; j++) {                                                           \
                int64_t i = indices[j];                                                               \
                if ((uint64_t)i >= size) return false;                                                \
                T *at = to + i, *of = from + j;                                                       \
                MOVE;                                                                                 \
            }                                                                                         \
        } else {                                                                                      \
            UNROLL_4                                                                                    \
            for (isize j = 0; j < n; j++) {                                                           \
                int64_t i = *(const int64_t *)(index + j * inner.index);                              \
                if ((uint64_t)i >= size) return false;                                                \
                T *at = (T *)(x + i * step + j * inner.x), *of = (T *)(other + j * inner.other);      \
                MOVE;                                                                                 \
            }                                                                                         \
        }                                                                                             \
        return true;                                                                                  \
    }

typedef struct {
    uint64_t low, high;
} Wide;

#define READERS_AND_WRITERS(T, name)      \
    LINE(take_##name, T, *of = *at)       \
    LINE(write_##name, T, *at = *of)
READERS_AND_WRITERS(uint8_t, 1)
READERS_AND_WRITERS(uint16_t, 2)
READERS_AND_WRITERS(uint32_t, 4)
READERS_AND_WRITERS(uint64_t, 8)
READERS_AND_WRITERS(Wide, 16)

/* Integers wrap around, which C promises for unsigned ones only. nan is larger and smaller than everything. */
#define COMBINERS(T, Unsigned, name)                                   \
    LINE(add_##name, Unsigned, *at += *of)                             \
    LINE(multiply_##name, Unsigned, *at *= *of)                        \
    LINE(larger_##name, T, if (!(*of <= *at) && *at == *at) *at = *of) \
    LINE(smaller_##name, T, if (!(*of >= *at) && *at == *at) *at = *of)
COMBINERS(float, float, float)
COMBINERS(double, double, double)
COMBINERS(int32_t, uint32_t, int)
COMBINERS(int64_t, uint64_t, long)

static line_fn mover(bool writes, isize size) {
    switch (size) {
    case 1: return writes ? write_1 : take_1;
    case 2: return writes ? write_2 : take_2;
    case 4: return writes ? write_4 : take_4;
    case 8: return writes ? write_8 : take_8;
    case 16: return writes ? write_16 : take_16;
    }
    return NULL;
}

static line_fn combiner(char how, int type) {
#define OF(name)                                                                                                    \
    return how == '+' ? add_##name : how == '*' ? multiply_##name : how == '>' ? larger_##name : how == '<' ? smaller_##name : NULL
    if (type == NPY_FLOAT32) OF(float);
    if (type == NPY_FLOAT64) OF(double);
    if (type == NPY_INT32) OF(int);
    if (type == NPY_INT64) OF(long);
#undef OF
    return NULL;
}

/* ---------------------------------------------------------------- the walk */

static bool dims_of(Along *a, PyArrayObject *x, PyArrayObject *index, PyArrayObject *other, int dim) {
    int n_dims = PyArray_NDIM(index);
    if (n_dims < 1 || n_dims > DIMS || PyArray_NDIM(x) != n_dims || PyArray_NDIM(other) != n_dims) return false;
    if (dim < 0 || dim >= n_dims) return false;
    for (int d = 0; d < n_dims; d++) {
        isize n = PyArray_DIM(index, d);
        if (PyArray_DIM(other, d) != n || (d != dim && PyArray_DIM(x, d) < n)) return false;
    }
    a->x = PyArray_BYTES(x), a->index = PyArray_BYTES(index), a->other = PyArray_BYTES(other);
    a->step = PyArray_STRIDE(x, dim), a->size = PyArray_DIM(x, dim);
    return true;
}

INLINE bool continues(const Dim *outer, const Dim *inner) {
    return outer->x == inner->n * inner->x && outer->index == inner->n * inner->index &&
           outer->other == inner->n * inner->other;
}

/* Fills in the dims; a writer's dim stays apart unless it is the last one. */
static void walk_of(Along *a, PyArrayObject *x, PyArrayObject *index, PyArrayObject *other, int dim, bool writes) {
    int last = PyArray_NDIM(index) - 1;
    while (last > 0 && PyArray_DIM(index, last) == 1) last--;
    a->n_dims = 0;
    a->along = (Dim){1, 0, 0, 0};
    for (int d = 0; d <= last; d++) {
        Dim new = {PyArray_DIM(index, d), d == dim ? 0 : PyArray_STRIDE(x, d), PyArray_STRIDE(index, d), PyArray_STRIDE(other, d)};
        if (new.n == 1 && d < last) continue;
        if (writes && d == dim && d < last) {
            a->along = new;
            continue;
        }
        Dim *before = a->n_dims ? &a->dims[a->n_dims - 1] : NULL;
        if (before && !(writes && d == dim) && continues(before, &new)) {
            new.n *= before->n;
            *before = new;
        } else {
            a->dims[a->n_dims++] = new;
        }
    }
    a->lines = 1;
    for (int d = 0; d + 1 < a->n_dims; d++) a->lines *= a->dims[d].n;
}

/* How work is cut. Only what is never written by two blocks depends on the number of threads. */
static void cut(Along *a, bool writes, bool last_is_dim, isize item) {
    Dim *inner = &a->dims[a->n_dims - 1];
    a->piece = inner->n, a->ranges = 1, a->threads = native_threads;
    if (!writes) {
        a->piece = min_of(inner->n, ELEMENTS);
    } else if (!last_is_dim && inner->index) {
        isize line = NARROWEST / item;
        a->piece = min_of(inner->n, max_of(line, (blocks_of(inner->n, 8) + line - 1) / line * line));
    } else if (!last_is_dim && inner->n * item >= NARROWEST / 2 && a->along.n * inner->n > ELEMENTS) {
        a->ranges = a->threads;
    }
    a->pieces = blocks_of(inner->n, a->piece);
    a->group = a->pieces > 1 ? 1 : max_of(1, ELEMENTS / max_of(1, a->piece * a->along.n));
}

/* The work of block `i` of n: threads, which take blocks in turn, get to work far from each other. */
static isize apart(isize i, isize n, isize threads) {
    threads = min_of(threads, n);
    isize whole = n / threads * threads;
    return i < whole ? i % threads * (n / threads) + i / threads : i;
}

/* All of one line or row along the dim. */
static bool walk_along(const Along *a, char *x, const char *index, char *other, isize n) {
    for (isize i = 0; i < a->along.n; i++)
        if (!a->line(a, x, index + i * a->along.index, other + i * a->along.other, n)) return false;
    return true;
}

/* The same for the rows that go to places `low` to `high`; they are looked for in chunks, without a branch to mispredict. */
static bool walk_range(const Along *a, char *x, const char *index, char *other, isize n, isize low, isize high) {
    int rows[CHUNK];
    for (isize start = 0; start < a->along.n; start += CHUNK) {
        int count = 0, m = (int)min_of(CHUNK, a->along.n - start);
        bool bad = false;
        for (int i = 0; i < m; i++) {
            int64_t k = *(const int64_t *)(index + (start + i) * a->along.index);
            bad |= (uint64_t)k >= (uint64_t)a->size;
            rows[count] = i;
            count += k >= low && k < high;
        }
        if (bad) return false;
        for (int i = 0; i < count; i++) {
            isize row = start + rows[i];
            a->line(a, x, index + row * a->along.index, other + row * a->along.other, n);
        }
    }
    return true;
}

/* A group of lines, in one piece of the inner loop or one range of places. */
static void walk_block(void *context, isize block) {
    Along *a = context;
    isize parts = a->pieces * a->ranges;
    block = apart(block, blocks_of(a->lines, a->group) * parts, a->threads);
    isize first = block / parts * a->group, start = block % parts / a->ranges * a->piece;
    isize count = min_of(a->group, a->lines - first), low = 0, high = a->size;
    if (a->ranges > 1) {
        isize range = block % a->ranges;
        low = a->size * range / a->ranges, high = a->size * (range + 1) / a->ranges;
    }
    const Dim *inner = &a->dims[a->n_dims - 1];
    isize at[DIMS], n = min_of(a->piece, inner->n - start), rest = first;
    char *x = a->x + start * inner->x, *index = a->index + start * inner->index, *other = a->other + start * inner->other;
    for (int d = a->n_dims - 2; d >= 0; d--) {
        const Dim *dim = &a->dims[d];
        at[d] = rest % dim->n, rest /= dim->n;
        x += at[d] * dim->x, index += at[d] * dim->index, other += at[d] * dim->other;
    }
    for (isize line = 0;; line++) {
        bool good = a->ranges > 1 ? walk_range(a, x, index, other, n, low, high) : walk_along(a, x, index, other, n);
        if (!good) atomic_store(&a->bad, true);
        if (!good || line + 1 == count) return;
        for (int d = a->n_dims - 2; d >= 0; d--) {
            const Dim *dim = &a->dims[d];
            x += dim->x, index += dim->index, other += dim->other;
            if (++at[d] < dim->n) break;
            at[d] = 0;
            x -= dim->n * dim->x, index -= dim->n * dim->index, other -= dim->n * dim->other;
        }
    }
}

/* Rows that are read: a whole row is one move, and the processor is told some rows ahead where it will read. */
static void read_rows(void *context, isize block) {
    Along *a = context;
    isize start = block * a->group, stop = min_of(a->lines, start + a->group);
    isize next = a->dims[0].index, bytes = a->dims[1].n * a->dims[1].other;
    for (isize i = start; i < stop; i++) {
        int64_t k = *(const int64_t *)(a->index + i * next);
        if ((uint64_t)k >= (uint64_t)a->size) {
            atomic_store(&a->bad, true);
            return;
        }
        if (i + AHEAD < stop) {
            uint64_t later = *(const uint64_t *)(a->index + (i + AHEAD) * next);
            const char *row = a->x + (later < (uint64_t)a->size ? later : 0) * a->step;
            for (isize at = 0; at < min_of(bytes, 512); at += 64) __builtin_prefetch(row + at);
        }
        memcpy(a->other + i * a->dims[0].other, a->x + k * a->step, bytes);
    }
}

static bool is_of_rows(const Along *a, isize item) {
    const Dim *inner = &a->dims[1];
    return a->n_dims == 2 && !a->dims[0].x && !inner->index && inner->x == item && inner->other == item && a->pieces == 1;
}

static bool walk(Along *a, block_fn fn) {
    isize blocks = blocks_of(a->lines, a->group) * a->pieces * a->ranges;
    bool good;
    if (a->lines * a->dims[a->n_dims - 1].n * a->along.n < 4096) {
        for (isize i = 0; i < blocks; i++) fn(a, i);
        return !atomic_load(&a->bad);
    }
    Py_BEGIN_ALLOW_THREADS
    run_blocks(fn, a, blocks);
    good = !atomic_load(&a->bad);
    Py_END_ALLOW_THREADS
    return good;
}

/* ---------------------------------------------------------------- the functions */

/* Whether it is done: not for arrays that it does not take, nor where an index is out of range. */
static bool along(PyObject *x_, PyObject *index_, long dim, PyObject *other_, char how) {
    PyArrayObject *x = strided_array(x_), *index = strided_array(index_), *other = strided_array(other_);
    if (!x || !index || !other || PyArray_TYPE(index) != NPY_INT64) return false;
    bool writes = how != 't';
    PyArrayObject *written = writes ? x : other;
    Along a = {0};
    if (!dims_of(&a, x, index, other, (int)dim) || !same_dtype(x, other)) return false;
    if (!PyArray_ISCARRAY(written) || touches(written, index) || touches(written, writes ? other : x)) return false;
    isize item = PyArray_ITEMSIZE(x);
    a.line = how == 't' || how == '=' ? mover(writes, item) : combiner(how, PyArray_TYPE(x));
    if (!a.line) return false;
    if (PyArray_SIZE(index) == 0) return true;
    walk_of(&a, x, index, other, (int)dim, writes);
    cut(&a, writes, !a.dims[a.n_dims - 1].x, item);
    return walk(&a, !writes && is_of_rows(&a, item) ? read_rows : walk_block);
}

static PyObject *answer(PyObject *x, PyObject *index, PyObject *dim_, PyObject *other, char how) {
    long dim = PyLong_AsLong(dim_);
    return dim == -1 && PyErr_Occurred() ? NULL : PyBool_FromLong(along(x, index, dim, other, how));
}

static PyObject *take_along(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4) return PyErr_Format(PyExc_TypeError, "take_along(x, index, dim, out)");
    return answer(args[0], args[1], args[2], args[3], 't');
}

static PyObject *place_along(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    const char *how = n == 5 && PyUnicode_Check(args[0]) ? PyUnicode_AsUTF8(args[0]) : NULL;
    if (!how || !strchr("=+*<>", how[0]) || strlen(how) != 1) {
        return PyErr_Format(PyExc_TypeError, "place_along(how, out, index, dim, values): how is one of = + * < >");
    }
    return answer(args[1], args[2], args[3], args[4], how[0]);
}

/* ---------------------------------------------------------------- gather of small tensors */

/* x.gather(dim, index); the way has the op. */
static PyObject *call_gather(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    bool fits = PyVectorcall_NARGS(nargsf) == 3 && !names && is_ready(args[0]) && PyLong_CheckExact(args[1]) && is_ready(args[2]);
    PyArrayObject *a = fits ? array_of(args[0]) : NULL, *index = fits ? array_of(args[2]) : NULL;
    bool records = a && ((Fields *)args[0])->rg == Py_True && is_set(engine.of_state.grad);
    if (!a || !index || !takes(way, a) || PyArray_SIZE(index) > engine.small || (records && is_set(engine.of_state.odd)))
        return go_on(way, args, nargsf, names);
    int overflow = 0;
    long dim = PyLong_AsLongAndOverflow(args[1], &overflow);
    if (dim < 0) dim += PyArray_NDIM(a);
    PyObject *out = overflow ? NULL : PyArray_SimpleNew(PyArray_NDIM(index), PyArray_DIMS(index), PyArray_TYPE(a));
    if (out && !along((PyObject *)a, (PyObject *)index, dim, out, 't')) Py_CLEAR(out);
    PyObject *t = tensor_around(out), *place = t && records ? PyLong_FromLong(dim) : NULL;
    PyObject *values[] = {args[0], place, args[2], Py_False};
    bool well = t && (!records || (place && record_values(way->op, values, 4, (Fields *)t, Py_None) == 1));
    Py_XDECREF(place);
    if (well) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

static PyObject *gathering(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2 || Py_TYPE(args[0]) != engine.op) return PyErr_Format(PyExc_TypeError, "gathering(op, slow)");
    Way *way = new_way(call_gather, args[0], args[1]);
    if (way) way->any_dtype = true;
    return (PyObject *)way;
}

PyMethodDef along_methods[] = {
    KERNEL(gathering, "gathering(op, slow): the function (x, dim, index) -> x.gather(dim, index)."),
    KERNEL(take_along, "take_along(x, index, dim, out): out = x.gather(dim, index). False, with out spoiled, where an index "
                       "is out of range."),
    KERNEL(place_along, "place_along(how, out, index, dim, values): writes (=), adds (+), multiplies (*), or keeps the larger "
                        "(>) or smaller (<); in the order of the index. False, with out spoiled, where an index is out of "
                        "range."),
    {0},
};
