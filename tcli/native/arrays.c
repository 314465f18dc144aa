/* Questions about arrays that need more than a look at their flags. */
#include "native.h"

typedef struct {
    const char *start, *end;
} Stretch;

static Stretch stretch_of(PyArrayObject *a) {
    Stretch s = {PyArray_BYTES(a), PyArray_BYTES(a) + PyArray_ITEMSIZE(a)};
    for (int d = 0; d < PyArray_NDIM(a); d++) {
        isize far = PyArray_STRIDE(a, d) * (PyArray_DIM(a, d) - 1);
        *(far < 0 ? &s.start : &s.end) += far;
    }
    return s;
}

bool touches(PyArrayObject *a, PyArrayObject *b) {
    if (!PyArray_SIZE(a) || !PyArray_SIZE(b)) return false;
    Stretch s = stretch_of(a), t = stretch_of(b);
    return s.start < t.end && t.start < s.end;
}
