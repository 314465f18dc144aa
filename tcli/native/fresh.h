/* What ops that make tensors have in common: which dtype, which sizes, whether a gradient is wanted. (fresh.c) */
#ifndef TCLI_FRESH_H
#define TCLI_FRESH_H

#include "quick.h"

#define MOST_SIZES 16

typedef struct {
    npy_intp dims[MOST_SIZES];
    int n;
} Sizes;

/* The dtype of new tensors, borrowed; NULL where they do not lie in NumPy's memory, or something else has to be looked at. */
PyObject *default_dtype(void);

/* NumPy's dtype of one of ours, borrowed: NULL for any but bools, integers and float32 or float64. */
PyArray_Descr *numpy_of(PyObject *dtype);

/* `n` sizes; false for anything but those of a small tensor. */
bool take_sizes(Sizes *s, PyObject *const *given, isize n);

/* What names ask for: dtype=, requires_grad=. False where they ask for more. */
bool take_names(PyObject *names, PyObject *const *values, PyObject **dtype, bool *needs);

/* What a call of `zeros`, `rand` and the like asks for: sizes one by one or in a tuple, and names. */
typedef struct {
    Sizes sizes;
    PyArray_Descr *dtype; /* borrowed */
    bool needs;
} Fresh;

/* False where it asks for more. */
bool take_fresh(Fresh *f, PyObject *const *args, size_t nargsf, PyObject *names);

/* The same for a tensor like `t`, which lies flat. */
bool take_like(Fresh *f, PyObject *t);

/* `t` (NULL passes through), which needs a gradient where one is wanted. */
PyObject *with_gradient(PyObject *t, bool needs);

PyObject *call_tensor(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names); /* (lists.c) */
PyObject *call_linspace(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names);
PyObject *call_to(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names); /* (casts.c) */

#endif
