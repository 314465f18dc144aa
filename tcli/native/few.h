/* A kernel of small arrays as an object (few.c), and what it takes from other files. */
#ifndef TCLI_FEW_H
#define TCLI_FEW_H

#include "native.h"

#include <math.h>
#include <stddef.h>

/* How an array lies around a dim; all of it along `n` for dim -1. */
typedef struct {
    isize outer, n, inner;
} Around;

Around around(PyArrayObject *a, isize dim); /* small.c */

typedef struct Few Few;

/* The result for an array that lies flat, of float32, float64 or int64; NULL without an error for one that it does not take. */
typedef PyObject *(*few_fn)(const Few *few, PyArrayObject *a);

struct Few {
    PyObject_HEAD
    vectorcallfunc call;
    few_fn fn;
    PyObject *slow;
    int ndim, dim; /* -1: all dims */
    bool keepdim, flag, back;
};

PyObject *softmax(PyObject *self, PyObject *const *args, Py_ssize_t count);       /* rows.c */
PyObject *scanned(PyArrayObject *a, isize dim, bool product, bool from_the_end); /* small.c */


/* The sum of all numbers of a small flat array, an array without dims; NULL without an error for one that it does not take. */
PyObject *total_of_few(PyArrayObject *a); /* few.c */

#endif
