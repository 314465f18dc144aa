/* Runs the steps of a fused group over its arrays: chunk by chunk in the first cache, blocks shared among threads.

   A step is a ufunc of NumPy; what is called is NumPy's own inner loop for its dtypes, so results are those of NumPy to the last
   bit. What is saved is the way there: a call costs some nanoseconds instead of half a microsecond with the interpreter's lock,
   so a chunk may be so short that values on the way never leave the first cache.

   Slots hold, in this order, leaves, numbers, outputs and scratch. Leaves and outputs are all of one shape, of one or two
   dims, with any strides; numbers are 0-d. Reductions of everything to one number are found chunk by chunk, and combined in order. */
#include "curves.h"
#include "program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 32768       /* elements, of a block that one thread takes */
#define ROOM (24 << 10)   /* bytes of the scratch and outputs of one chunk */
#define MOST_CHUNK 4096   /* elements */

enum { COPY = 1, GATE, CHOOSE, GELU, GELU_ADJOINT, RELU_ADJOINT }; /* steps that are no ufuncs */
enum { SUM, DOT, MAX, MIN, KINDS };

/* ---------------------------------------------------------------- running */

static _Thread_local struct {
    char *memory;
    isize size;
} room;

static char *scratch_room(isize size) {
    if (room.size < size) {
        free(room.memory);
        room.memory = aligned_alloc(64, (size + 63) / 64 * 64);
        room.size = room.memory ? size : 0;
    }
    return room.memory;
}

/* One number or the other, without a branch: masks are seldom such that a processor could foresee them. */
#define CHOICE(T)                                                                                                  \
    static void choose_##T(char *const *p, const isize *s, isize n, bool gate) {                                   \
        const isize size = sizeof(T);                                                                              \
        const uint8_t *mask = (const uint8_t *)p[0];                                                               \
        const T *a = (const T *)p[1], *b = (const T *)p[2], one = *a, other = gate ? 0 : *b;                       \
        T *out = (T *)p[3];                                                                                        \
        bool flat = s[0] == 1, many = s[1] == size, all = !gate && s[2] == size;                                   \
        if (flat && many && all) { SIMD for (isize i = 0; i < n; i++) out[i] = mask[i] ? a[i] : b[i]; }            \
        else if (flat && many && (gate || !s[2])) { SIMD for (isize i = 0; i < n; i++) out[i] = mask[i] ? a[i] : other; } \
        else if (flat && !s[1] && all) { SIMD for (isize i = 0; i < n; i++) out[i] = mask[i] ? one : b[i]; }       \
        else                                                                                                       \
            for (isize i = 0; i < n; i++) {                                                                        \
                T first = *(const T *)(p[1] + i * s[1]), second = gate ? 0 : *(const T *)(p[2] + i * s[2]);        \
                out[i] = second ^ ((first ^ second) & -(T)(p[0][i * s[0]] != 0));                                  \
            }                                                                                                      \
    }
CHOICE(uint32_t)
CHOICE(uint64_t)

static void gelu(const float *x, float *out, isize n) {
    SIMD for (isize i = 0; i < n; i++) out[i] = gelu_float(x[i]);
}

static void gelu_adjoint(const float *g, const float *x, float *out, isize n) {
    SIMD for (isize i = 0; i < n; i++) out[i] = g[i] * gelu_slope_float(x[i]);
}

/* g where relu gave something, or nan. */
#define RELU(T)                                                                                 \
    static void relu_adjoint_##T(const T *g, const T *y, T *out, isize n) {                     \
        SIMD for (isize i = 0; i < n; i++) out[i] = y[i] != 0 ? g[i] : 0;                       \
    }
RELU(float)
RELU(double)

#define TOGETHER 256 /* numbers that are brought side by side */

static const void *side_by_side(const char *x, isize stride, int size, isize n, void *room) {
    if (stride == size) return x;
    if (size == 4)
        for (isize i = 0; i < n; i++) ((float *)room)[i] = *(const float *)(x + i * stride);
    else
        for (isize i = 0; i < n; i++) ((double *)room)[i] = *(const double *)(x + i * stride);
    return room;
}

static void activate_flat(int code, int size, const void *a, const void *b, void *out, isize n) {
    if (code == GELU) gelu(a, out, n);
    else if (code == GELU_ADJOINT) gelu_adjoint(a, b, out, n);
    else if (size == 4) relu_adjoint_float(a, b, out, n);
    else relu_adjoint_double(a, b, out, n);
}

/* An activation or its gradient. Numbers that have gaps between them, or are one and the same, as the gradient of a sum is,
   are brought side by side first. */
static void activate(int code, int size, char *const *args, const isize *strides, isize n) {
    double rooms[3][TOGETHER];
    int last = code == GELU ? 1 : 2;
    bool flat = true;
    for (int k = 0; k <= last; k++) flat &= strides[k] == size;
    if (flat) {
        activate_flat(code, size, args[0], args[last - 1], args[last], n);
        return;
    }
    for (isize i = 0; i < n; i += TOGETHER) {
        isize count = min_of(n - i, TOGETHER);
        char *out = args[last] + i * strides[last];
        void *to = strides[last] == size ? (void *)out : rooms[2];
        const void *a = side_by_side(args[0] + i * strides[0], strides[0], size, count, rooms[0]);
        const void *b = last == 1 ? NULL : side_by_side(args[1] + i * strides[1], strides[1], size, count, rooms[1]);
        activate_flat(code, size, a, b, to, count);
        if (to != out)
            for (isize k = 0; k < count; k++) memcpy(out + k * strides[last], (char *)to + k * size, size);
    }
}

static void run_other(const Instruction *step, const Slot *slots, char *const *args, const isize *strides, isize n) {
    int size = slots[step->slots[step->count]].size;
    if (step->code == COPY) {
        if (strides[0] == size && strides[1] == size) memmove(args[1], args[0], n * size);
        else
            for (isize i = 0; i < n; i++) memcpy(args[1] + i * strides[1], args[0] + i * strides[0], size);
        return;
    }
    if (step->code >= GELU) {
        activate(step->code, size, args, strides, n);
        return;
    }
    bool gate = step->code == GATE;
    char *p[4] = {args[0], args[1], gate ? args[1] : args[2], args[step->count]};
    isize s[4] = {strides[0], strides[1], gate ? strides[1] : strides[2], strides[step->count]};
    (size == 4 ? choose_uint32_t : choose_uint64_t)(p, s, n, gate);
}

#define LANES 32
#define FOLDS(T)                                                                                      \
    static double fold_##T(int kind, const T *a, const T *b, isize n) {                               \
        T lanes[LANES], start = kind == MAX ? -INFINITY : kind == MIN ? INFINITY : 0;                 \
        isize i = 0;                                                                                  \
        for (int k = 0; k < LANES; k++) lanes[k] = start;                                             \
        if (kind == SUM)                                                                              \
            for (; i + LANES <= n; i += LANES)                                                        \
                for (int k = 0; k < LANES; k++) lanes[k] += a[i + k];                                 \
        else if (kind == DOT)                                                                         \
            for (; i + LANES <= n; i += LANES)                                                        \
                for (int k = 0; k < LANES; k++) lanes[k] += a[i + k] * b[i + k];                      \
        else if (kind == MAX)                                                                         \
            for (; i + LANES <= n; i += LANES)                                                        \
                for (int k = 0; k < LANES; k++)                                                       \
                    lanes[k] = ((a[i + k] > lanes[k]) | (a[i + k] != a[i + k])) ? a[i + k] : lanes[k];  \
        else                                                                                          \
            for (; i + LANES <= n; i += LANES)                                                        \
                for (int k = 0; k < LANES; k++)                                                       \
                    lanes[k] = ((a[i + k] < lanes[k]) | (a[i + k] != a[i + k])) ? a[i + k] : lanes[k];  \
        double total = start;                                                                         \
        for (int k = 0; k < LANES; k++) total = combine(kind, total, lanes[k]);                       \
        for (; i < n; i++) total = combine(kind, total, kind == DOT ? (double)a[i] * b[i] : a[i]);    \
        return total;                                                                                 \
    }

static double combine(int kind, double a, double x) {
    if (kind == MAX) return ((x > a) | (x != x)) ? x : a;
    if (kind == MIN) return ((x < a) | (x != x)) ? x : a;
    return a + x;
}
FOLDS(float)
FOLDS(double)

static double start_of(int kind) { return kind == MAX ? -INFINITY : kind == MIN ? INFINITY : 0; }

/* One step, from number `first` of the chunk on. */
static void run_step(const Program *p, const Instruction *step, char *const *at, isize first, isize n) {
    char *args[4];
    npy_intp strides[4];
    for (int k = 0; k <= step->count; k++) {
        strides[k] = p->slots[step->slots[k]].inner;
        args[k] = at[step->slots[k]] + first * strides[k];
    }
    if (step->ufunc) step->loop(args, &n, strides, step->data);
    else run_other(step, p->slots, args, strides, n);
}

/* One chunk: `n` elements of row `row` from column `first` on. */
static void run_chunk(const Program *p, char *scratch, isize row, isize first, isize n, double *found) {
    char *at[MOST_SLOTS];
    for (int i = 0; i < p->n_slots; i++) {
        const Slot *s = &p->slots[i];
        if (i < p->first_scratch) at[i] = s->data + row * s->outer + first * s->inner;
        else at[i] = scratch, scratch += (p->chunk * s->size + 63) / 64 * 64;
    }
    for (int i = 0, stop; i < p->n_steps; i = stop) {
        int linked = p->steps[i].linked;
        isize done = linked ? run_chain(p, i, at, n) : 0;
        for (stop = i + (linked ? linked : 1); i < stop && done < n; i++) run_step(p, &p->steps[i], at, done, n - done);
    }
    for (int i = 0; i < p->n_finals; i++) {
        const Final *f = &p->finals[i];
        const void *a = at[f->slots[0]], *b = at[f->slots[1]];
        double value = p->slots[f->slots[0]].type == NPY_FLOAT32 ? fold_float(f->kind, a, b, n) : fold_double(f->kind, a, b, n);
        found[i] = combine(f->kind, found[i], value);
    }
}

static void run_block(void *context, isize block) {
    const Program *p = context;
    isize size = 64;
    for (int i = p->first_scratch; i < p->n_slots; i++) size += (p->chunk * p->slots[i].size + 63) / 64 * 64;
    char *scratch = scratch_room(size);
    if (!scratch) abort(); /* some kilobytes */
    double found[MOST_FINALS];
    for (int i = 0; i < p->n_finals; i++) found[i] = start_of(p->finals[i].kind);
    isize row = block / p->pieces * p->block_rows, stop = min_of(row + p->block_rows, p->rows);
    isize first = block % p->pieces * BLOCK, end = p->pieces > 1 ? min_of(first + BLOCK, p->columns) : p->columns;
    for (; row < stop; row++)
        for (isize j = first; j < end; j += p->chunk) run_chunk(p, scratch, row, j, min_of(p->chunk, end - j), found);
    for (int i = 0; i < p->n_finals; i++) p->finals[i].parts[block] = found[i];
}

/* ---------------------------------------------------------------- reading what Python gives */

static bool find_loop(Instruction *step, PyUFuncObject *u, const Slot *slots) {
    if (u->nin != step->count || u->nout != 1 || u->core_enabled) return false;
    for (int i = 0; i < u->ntypes; i++) {
        bool same = true;
        for (int k = 0; k <= step->count && same; k++) same = u->types[i * u->nargs + k] == slots[step->slots[k]].type;
        if (!same || !u->functions[i]) continue;
        step->loop = u->functions[i];
        step->data = u->data ? u->data[i] : NULL;
        return true;
    }
    return false;
}

/* A step (what, a, b, c, out), where what is a ufunc or the number of another step, and inputs that are not there are -1. */
static bool read_step(Program *p, PyObject *o) {
    Instruction *step = &p->steps[p->n_steps];
    if (p->n_steps == MOST_STEPS || !PyTuple_CheckExact(o) || PyTuple_GET_SIZE(o) != 5) return false;
    *step = (Instruction){0};
    for (int k = 1; k < 5; k++) {
        long slot = PyLong_AsLong(PyTuple_GET_ITEM(o, k));
        if (slot < 0 && k < 4) continue;
        if (slot < 0 || slot >= p->n_slots) return false;
        step->slots[k < 4 ? step->count++ : step->count] = (int)slot;
    }
    PyObject *what = PyTuple_GET_ITEM(o, 0);
    p->n_steps++;
    if (PyObject_TypeCheck(what, &PyUFunc_Type)) {
        step->ufunc = what;
        return find_loop(step, (PyUFuncObject *)what, p->slots);
    }
    if (!PyLong_CheckExact(what)) return false;
    step->code = (int)PyLong_AsLong(what);
    const Slot *out = &p->slots[step->slots[step->count]], *first = &p->slots[step->slots[0]];
    if (step->code >= GELU) {
        const Slot *last = &p->slots[step->slots[step->count - 1]];
        return step->code <= RELU_ADJOINT && step->count == (step->code == GELU ? 1 : 2) && first->type == out->type &&
               last->type == out->type && (out->type == NPY_FLOAT32 || (out->type == NPY_FLOAT64 && step->code == RELU_ADJOINT));
    }
    if (step->code == COPY) return step->count == 1 && first->type == out->type;
    if (step->count != (step->code == GATE ? 2 : 3) || step->code < COPY || step->code > CHOOSE) return false;
    for (int k = 1; k < step->count; k++)
        if (p->slots[step->slots[k]].type != out->type) return false;
    return first->type == NPY_BOOL && (out->size == 4 || out->size == 8) && out->inner == out->size;
}

/* Arrays of one shape, or numbers, into slots. */
static bool read_arrays(Program *p, PyObject *list, bool numbers, bool write) {
    if (!PyList_CheckExact(list)) return false;
    for (isize i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *o = PyList_GET_ITEM(list, i);
        if (p->n_slots == MOST_SLOTS || !PyArray_CheckExact(o)) return false;
        PyArrayObject *a = (PyArrayObject *)o;
        int ndim = PyArray_NDIM(a), type = PyArray_TYPE(a);
        if (!PyArray_ISALIGNED(a) || !PyArray_ISNOTSWAPPED(a) || (write && !PyArray_ISWRITEABLE(a))) return false;
        if (type > NPY_DOUBLE && type != NPY_HALF) return false;
        Slot *s = &p->slots[p->n_slots++];
        *s = (Slot){PyArray_DATA(a), 0, 0, type, (int)PyArray_ITEMSIZE(a)};
        if (numbers) {
            if (ndim) return false;
            continue;
        }
        if (ndim < 1 || ndim > 2) return false;
        isize rows = ndim == 2 ? PyArray_DIM(a, 0) : 1, columns = PyArray_DIM(a, ndim - 1);
        if (p->rows < 0) p->rows = rows, p->columns = columns;
        if (rows != p->rows || columns != p->columns) return false;
        s->outer = ndim == 2 ? PyArray_STRIDE(a, 0) : 0, s->inner = PyArray_STRIDE(a, ndim - 1);
    }
    return true;
}

static bool read_scratch(Program *p, PyObject *types) {
    if (!PyTuple_CheckExact(types)) return false;
    p->first_scratch = p->n_slots;
    for (isize i = 0; i < PyTuple_GET_SIZE(types); i++) {
        PyObject *o = PyTuple_GET_ITEM(types, i);
        if (p->n_slots == MOST_SLOTS || !PyArray_DescrCheck(o)) return false;
        PyArray_Descr *d = (PyArray_Descr *)o;
        if ((d->type_num > NPY_DOUBLE && d->type_num != NPY_HALF) || !PyArray_ISNBO(d->byteorder)) return false;
        isize size = PyDataType_ELSIZE(d);
        p->slots[p->n_slots++] = (Slot){NULL, 0, size, d->type_num, (int)size};
    }
    return true;
}

/* A final (kind, slot, other slot, array of one number). */
static bool read_final(Program *p, PyObject *o) {
    if (p->n_finals == MOST_FINALS || !PyTuple_CheckExact(o) || PyTuple_GET_SIZE(o) != 4) return false;
    Final *f = &p->finals[p->n_finals++];
    *f = (Final){.kind = (int)PyLong_AsLong(PyTuple_GET_ITEM(o, 0))};
    if (f->kind < 0 || f->kind >= KINDS) return false;
    int type = -1;
    for (int k = 0; k < 2; k++) {
        long slot = PyLong_AsLong(PyTuple_GET_ITEM(o, k + 1));
        if (slot < 0 || slot >= p->n_slots) return false;
        const Slot *s = &p->slots[slot];
        if ((s->type != NPY_FLOAT32 && s->type != NPY_FLOAT64) || s->inner != s->size || (k && s->type != type)) return false;
        f->slots[k] = (int)slot, type = s->type;
    }
    PyArrayObject *out = output_of(PyTuple_GET_ITEM(o, 3), type);
    if (!out || PyArray_SIZE(out) != 1) return false;
    f->out = PyArray_DATA(out);
    return true;
}

static bool read_program(Program *p, PyObject *const *args) {
    p->rows = -1;
    if (!read_arrays(p, args[1], false, false) || !read_arrays(p, args[2], true, false)) return false;
    if (!read_arrays(p, args[3], false, true) || !read_scratch(p, args[4])) return false;
    if (!PyList_CheckExact(args[0]) || !PyList_CheckExact(args[5]) || p->rows < 1 || p->columns < 1) return false;
    for (isize i = 0; i < PyList_GET_SIZE(args[0]); i++)
        if (!read_step(p, PyList_GET_ITEM(args[0], i))) return false;
    for (isize i = 0; i < PyList_GET_SIZE(args[5]); i++)
        if (!read_final(p, PyList_GET_ITEM(args[5], i))) return false;
    isize first_out = PyList_GET_SIZE(args[1]) + PyList_GET_SIZE(args[2]), bytes = 1;
    for (int i = 0; i < p->n_steps; i++) /* only outputs and scratch are written */
        if (p->steps[i].slots[p->steps[i].count] < first_out) return false;
    for (isize i = first_out; i < p->n_slots; i++) bytes += p->slots[i].size;
    p->chunk = min_of(max_of(ROOM / bytes / 64 * 64, 512), MOST_CHUNK);
    p->pieces = p->columns > BLOCK ? blocks_of(p->columns, BLOCK) : 1;
    p->block_rows = p->pieces > 1 ? 1 : max_of(1, BLOCK / p->columns);
    return find_chains(p);
}

static PyObject *run_program(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    static bool imported = false;
    if (!imported && _import_umath() < 0) return NULL;
    imported = true;
    if (count != 6) Py_RETURN_FALSE;
    Program *p = PyMem_Calloc(1, sizeof *p);
    if (!p) return PyErr_NoMemory();
    bool taken = read_program(p, args);
    isize blocks = taken ? p->pieces * blocks_of(p->rows, p->block_rows) : 0;
    double *parts = taken ? PyMem_Malloc((blocks * p->n_finals + 1) * sizeof(double)) : NULL;
    if (taken && parts && !PyErr_Occurred()) {
        for (int i = 0; i < p->n_finals; i++) p->finals[i].parts = parts + i * blocks;
        Py_BEGIN_ALLOW_THREADS
        run_blocks(run_block, p, blocks);
        Py_END_ALLOW_THREADS
        for (int i = 0; i < p->n_finals; i++) {
            const Final *f = &p->finals[i];
            double total = start_of(f->kind);
            for (isize k = 0; k < blocks; k++) total = combine(f->kind, total, f->parts[k]);
            if (p->slots[f->slots[0]].type == NPY_FLOAT32) *(float *)f->out = (float)total;
            else *(double *)f->out = total;
        }
    }
    bool lost = taken && !parts;
    PyMem_Free(parts);
    PyMem_Free(p);
    if (PyErr_Occurred()) return NULL;
    if (lost) return PyErr_NoMemory();
    return PyBool_FromLong(taken);
}

PyMethodDef program_methods[] = {
    KERNEL(run_program, "run_program(steps, leaves, numbers, outputs, scratch, finals): the steps [(what, a, b, c, out)] of a fused "
                        "group over its arrays; scratch is a tuple of dtypes, finals are [(kind, slot, slot, array of one)]."),
    {0},
};
