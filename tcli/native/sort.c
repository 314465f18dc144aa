/* Sorting along the rows of an array: the places of the numbers in their stable order, and the numbers.

   A number becomes a key of 32 bits, and the key with its place below it a whole number of 64, of which no two are equal.
   Rows that fit a cache are sorted by one thread each, with NumPy's own sort of such numbers. A long row is sorted by all
   threads together, one digit of eight bits after the other: each block counts its digits, and then moves its numbers to where
   they belong, behind those of the blocks before it.

   Of numbers with 64 bits the key is the first 32 bits in which any two of a row differ. What is alike in those, seldom more
   than a few numbers, is put in order by the bits below. */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS 256
#define KEY_DIGITS 4
#define MOST_BLOCKS 256 /* of one row whose digits are counted */

static sort_fn sort_pairs;

INLINE uint32_t key_of(uint64_t pair) { return (uint32_t)(pair >> 32); }
INLINE isize place_of(uint64_t pair) { return (isize)(uint32_t)pair; }
INLINE uint8_t digit_of(uint64_t pair, int digit) { return (uint8_t)(pair >> (32 + 8 * digit)); }

/* ---------------------------------------------------------------- pairs from numbers */

#define FILL(CODE, T, I, KEY_FN)                                                                             \
    case CODE: {                                                                                             \
        const T *x = (const T *)r->x + row * r->n;                                                           \
        for (isize i = start; i < stop; i++)                                                                 \
            pairs[i] = (uint64_t)(uint32_t)((KEY_FN(x[i]) ^ flip) >> shift) << 32 | (uint64_t)i;             \
        break;                                                                                               \
    }

static void fill_narrow(const Rows *r, uint64_t *pairs, isize row, isize start, isize stop) {
    const uint32_t flip = r->descending ? UINT32_MAX : 0;
    const int shift = 0;
    switch (r->type) { TYPES_narrow(FILL) }
}

static void fill_wide(const Rows *r, uint64_t *pairs, isize row, isize start, isize stop, int shift) {
    const uint64_t flip = r->descending ? UINT64_MAX : 0;
    switch (r->type) { TYPES_wide(FILL) }
}

static void fill(const Rows *r, uint64_t *pairs, isize row, isize start, isize stop, int shift) {
    if (is_wide(r->type)) fill_wide(r, pairs, row, start, stop, shift);
    else fill_narrow(r, pairs, row, start, stop);
}

/* The bits in which some of the keys of wide numbers differ from the first one. */
#define DIFFERENCES(CODE, T, I, KEY_FN)                                                     \
    case CODE: {                                                                            \
        const T *x = (const T *)r->x + row * r->n;                                          \
        const uint64_t first = KEY_FN(x[0]);                                                \
        for (isize i = start; i < stop; i++) found |= KEY_FN(x[i]) ^ first;                 \
        break;                                                                              \
    }

static uint64_t differences(const Rows *r, isize row, isize start, isize stop) {
    uint64_t found = 0;
    switch (r->type) { TYPES_wide(DIFFERENCES) }
    return found;
}

static int shift_for(uint64_t differences) { return differences >> 32 ? 32 - __builtin_clzll(differences) : 0; }

/* ---------------------------------------------------------------- what is alike in its key */

static uint64_t whole_key(const Rows *r, isize row, isize place) {
    const isize i = row * r->n + place;
    if (r->type == F64) return key_of_double(((const double *)r->x)[i]);
    uint64_t x = ((const uint64_t *)r->x)[i];
    return r->type == I64 ? KEY_OF_LONG(x) : x;
}

/* By the bits below the key, which there are up to 32 of. */
static void settle_run(const Rows *r, uint64_t *run, isize n, isize row, int shift) {
    const uint64_t below = ((uint64_t)1 << shift) - 1, flip = r->descending ? UINT64_MAX : 0;
    for (isize i = 0; i < n; i++) run[i] = ((whole_key(r, row, place_of(run[i])) ^ flip) & below) << 32 | (uint32_t)run[i];
    if (n > FEW) {
        sort_pairs(run, n, NULL);
        return;
    }
    for (isize i = 1; i < n; i++) {
        uint64_t moving = run[i];
        isize j = i;
        for (; j > 0 && moving < run[j - 1]; j--) run[j] = run[j - 1];
        run[j] = moving;
    }
}

/* Sorted pairs from `start` on, which begins a run, until that which reaches `stop` or ends there. */
static void settle(const Rows *r, uint64_t *pairs, isize row, isize start, isize stop, int shift) {
    for (isize i = start, end; i < stop; i = end) {
        for (end = i + 1; end < stop && key_of(pairs[end]) == key_of(pairs[i]); end++) continue;
        if (end - i > 1) settle_run(r, pairs + i, end - i, row, shift);
    }
}

/* ---------------------------------------------------------------- short rows */

static void write_part(const Rows *r, const uint64_t *pairs, isize row, isize start, isize stop) {
    int64_t *places = r->places + row * r->n;
    for (isize i = start; i < stop; i++) places[i] = place_of(pairs[i]);
    if (r->values) take_values(r, row, start, stop - start);
}

static void sort_group(void *context, isize block) {
    const Rows *r = context;
    uint64_t *pairs = scratch(r->n * sizeof *pairs);
    if (!pairs) abort(); /* half a megabyte */
    for (isize row = block * r->group, stop = min_of(row + r->group, r->rows); row < stop; row++) {
        int shift = is_wide(r->type) ? shift_for(differences(r, row, 0, r->n)) : 0;
        fill(r, pairs, row, 0, r->n, shift);
        sort_pairs(pairs, r->n, NULL);
        if (shift) settle(r, pairs, row, 0, r->n, shift);
        write_part(r, pairs, row, 0, r->n);
    }
}

/* ---------------------------------------------------------------- a long row */

typedef struct {
    const Rows *r;
    isize row, n;
    uint64_t *from, *to;
    isize size, blocks; /* numbers of a block, blocks */
    int digit, shift;
    uint32_t (*starts)[DIGITS]; /* of each block: how often a digit is there, then where the next one goes */
    isize *runs;                /* where the first run begins that begins in a block */
    uint64_t *differences;
} Long;

static void compare_block(void *context, isize block) {
    Long *l = context;
    l->differences[block] = differences(l->r, l->row, block * l->size, min_of(l->n, (block + 1) * l->size));
}

static void fill_block(void *context, isize block) {
    Long *l = context;
    fill(l->r, l->from, l->row, block * l->size, min_of(l->n, (block + 1) * l->size), l->shift);
}

static void count_block(void *context, isize block) {
    Long *l = context;
    uint32_t counts[2][DIGITS] = {0}; /* neighbours are often alike: two in turn need not wait for each other */
    isize i = block * l->size, stop = min_of(l->n, i + l->size);
    for (; i + 2 <= stop; i += 2) counts[0][digit_of(l->from[i], l->digit)]++, counts[1][digit_of(l->from[i + 1], l->digit)]++;
    if (i < stop) counts[0][digit_of(l->from[i], l->digit)]++;
    for (int k = 0; k < DIGITS; k++) l->starts[block][k] = counts[0][k] + counts[1][k];
}

static void move_block(void *context, isize block) {
    Long *l = context;
    uint32_t starts[DIGITS];
    memcpy(starts, l->starts[block], sizeof starts);
    for (isize i = block * l->size, stop = min_of(l->n, i + l->size); i < stop; i++)
        l->to[starts[digit_of(l->from[i], l->digit)]++] = l->from[i];
}

/* Counts become places: of the digits in order, and of one digit block by block. False where one digit is all there is. */
static bool place_digits(Long *l) {
    uint32_t total = 0;
    for (int k = 0; k < DIGITS; k++) {
        uint32_t before = total;
        for (isize b = 0; b < l->blocks; b++) {
            uint32_t count = l->starts[b][k];
            l->starts[b][k] = total;
            total += count;
        }
        if (total - before == (uint32_t)l->n) return false;
    }
    return true;
}

static void settle_block(void *context, isize block) {
    Long *l = context;
    settle(l->r, l->from, l->row, l->runs[block], l->runs[block + 1], l->shift);
}

static void find_runs(Long *l) {
    for (isize b = 0; b < l->blocks; b++) {
        isize i = b * l->size;
        while (i > 0 && i < l->n && key_of(l->from[i]) == key_of(l->from[i - 1])) i++;
        l->runs[b] = i;
    }
    l->runs[l->blocks] = l->n;
}

static void write_block(void *context, isize block) {
    Long *l = context;
    write_part(l->r, l->from, l->row, block * l->size, min_of(l->n, (block + 1) * l->size));
}

/* The memory of the places is one of the two that pairs move between. */
static void sort_long_row(Long *l) {
    l->from = (uint64_t *)(l->r->places + l->row * l->n), l->to = l->r->work, l->shift = 0;
    if (is_wide(l->r->type)) {
        uint64_t all = 0;
        run_blocks(compare_block, l, l->blocks);
        for (isize b = 0; b < l->blocks; b++) all |= l->differences[b];
        l->shift = shift_for(all);
    }
    run_blocks(fill_block, l, l->blocks);
    for (l->digit = 0; l->digit < KEY_DIGITS; l->digit++) {
        run_blocks(count_block, l, l->blocks);
        if (!place_digits(l)) continue;
        run_blocks(move_block, l, l->blocks);
        uint64_t *other = l->from;
        l->from = l->to, l->to = other;
    }
    if (l->shift) {
        find_runs(l);
        run_blocks(settle_block, l, l->blocks);
    }
    run_blocks(write_block, l, l->blocks);
}

static bool sort_long_rows(const Rows *r) {
    Long l = {.r = r, .n = r->n, .size = max_of(LONG, r->n / MOST_BLOCKS + 1)};
    l.blocks = blocks_of(r->n, l.size);
    l.starts = PyMem_RawMalloc(l.blocks * sizeof *l.starts);
    l.runs = PyMem_RawMalloc((l.blocks + 1) * sizeof *l.runs);
    l.differences = PyMem_RawMalloc(l.blocks * sizeof *l.differences);
    bool enough = l.starts && l.runs && l.differences;
    if (enough)
        for (l.row = 0; l.row < r->rows; l.row++) sort_long_row(&l);
    PyMem_RawFree(l.starts);
    PyMem_RawFree(l.runs);
    PyMem_RawFree(l.differences);
    return enough;
}

/* ---------------------------------------------------------------- what Python calls */

static PyObject *sort_rows(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r;
    if (count != 6 || !read_rows(&r, args[0], args[2], args[3]) || !read_values(&r, args[0], args[2], args[1]) || r.k != r.n)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    r.descending = args[4] == Py_True;
    if (r.n > LONG) {
        PyArrayObject *work = output_of(args[5], NPY_INT64);
        if (!work || PyArray_SIZE(work) < r.n || touches(work, (PyArrayObject *)args[0]) ||
            touches(work, (PyArrayObject *)args[2]) || (args[1] != Py_None && touches(work, (PyArrayObject *)args[1]))) {
            Py_RETURN_FALSE;
        }
        r.work = PyArray_DATA(work);
    }
    sort_pairs = library_sort();
    if (!sort_pairs) Py_RETURN_FALSE;
    bool enough = true;
    Py_BEGIN_ALLOW_THREADS
    if (r.n > LONG) enough = sort_long_rows(&r);
    else run_blocks(sort_group, &r, blocks_of(r.rows, r.group));
    Py_END_ALLOW_THREADS
    return answer(enough);
}

PyMethodDef sort_methods[] = {
    KERNEL(sort_rows, "sort_rows(x, values, places, n, descending, work): the rows of `n` numbers of x in their stable order; "
                      "values may be None, work is as large as a row of more than 65536."),
    {0},
};
