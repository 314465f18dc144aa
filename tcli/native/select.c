/* The best k of the rows of an array, and the numbers of a rank: where they are, and what they are.

   A number becomes a key, and a key with its place below it one number of twice the width: no two of those are equal, and
   which of equal numbers is chosen follows from their places. The best are found in one look at memory, by a bar that rises. */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#define SPARE 48               /* numbers that are collected beside the best */
#define PIECE ((isize)1 << 18) /* numbers of a row whose best are looked for at once */
#define HEAD_BITS 11
#define HEADS (1 << HEAD_BITS)
#define CHUNK 512
#define DIGITS 256
#define QUICKLY_SORTED LONG      /* narrow pairs that NumPy sorts as soon as others are divided */

static sort_fn sort_whole; /* numbers of 64 bits */

#define P(name) P_OF(name, WIDTH_NAME)
#define P_OF(name, width) P_JOINED(name, width)
#define P_JOINED(name, width) name##_##width

#define WIDTH_NAME narrow
#define KEY uint32_t
#define PAIR uint64_t
#include "select.h"
#undef WIDTH_NAME
#undef KEY
#undef PAIR

#ifdef __SIZEOF_INT128__
#define HAS_WIDE true
__extension__ typedef unsigned __int128 wide_pair;
#define WIDTH_NAME wide
#define KEY uint64_t
#define PAIR wide_pair
#include "select.h"
#define OF_WIDTH(r, fn) (is_wide((r)->type) ? fn##_wide : fn##_narrow)
#else
#define HAS_WIDE false
#define OF_WIDTH(r, fn) fn##_narrow
#endif

/* ---------------------------------------------------------------- what Python calls */

static bool is_ready(const Rows *r) {
    sort_whole = library_sort();
    return sort_whole && (HAS_WIDE || !is_wide(r->type));
}

static PyObject *best_of_rows(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r;
    if (count != 5 || !read_rows(&r, args[0], args[2], args[3]) || !read_values(&r, args[0], args[2], args[1]))
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    if (r.type == F16 || r.k > LONG || !is_ready(&r)) Py_RETURN_FALSE;
    r.descending = args[4] == Py_True;
    r.piece = max_of(PIECE, 16 * r.k);
    bool enough = true;
    Py_BEGIN_ALLOW_THREADS
    if (r.n > r.piece) enough = OF_WIDTH(&r, best_long_rows)(&r);
    else run_blocks(OF_WIDTH(&r, best_rows), &r, blocks_of(r.rows, r.group));
    Py_END_ALLOW_THREADS
    return answer(enough);
}

static PyObject *places_of_ranks(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    Rows r;
    if (count != 4 || !read_rows(&r, args[0], args[2], args[3]) || r.k != 1) return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    PyArrayObject *ranks = flat_of(args[1], NPY_INT64);
    if (!ranks || PyArray_SIZE(ranks) != r.rows || touches(ranks, (PyArrayObject *)args[2]) || !is_ready(&r)) Py_RETURN_FALSE;
    r.ranks = PyArray_DATA(ranks);
    for (isize i = 0; i < r.rows; i++)
        if (r.ranks[i] < 0 || r.ranks[i] >= r.n) Py_RETURN_FALSE;
    bool enough = true;
    Py_BEGIN_ALLOW_THREADS
    if (r.n > LONG) enough = OF_WIDTH(&r, rank_long_rows)(&r);
    else run_blocks(OF_WIDTH(&r, rank_rows), &r, blocks_of(r.rows, r.group));
    Py_END_ALLOW_THREADS
    return answer(enough);
}

PyMethodDef select_methods[] = {
    KERNEL(best_of_rows, "best_of_rows(x, values, places, n, descending): the first of the rows of `n` numbers of x in their "
                         "stable order, as many as values and places have room for."),
    KERNEL(places_of_ranks, "places_of_ranks(x, ranks, places, n): where in its stable order the number of its rank is, in each "
                            "row of `n` numbers of x."),
    {0},
};
