/* The short ways of writes that nothing records: `x += y`, `x.copy_(y)`, `x.zero_()`, `x.fill_(1)`, `x[0] = y`. */
#include "quick.h"

#define LARGEST_FLOAT 3.4028234e38 /* that fits float32, rounded down */

static bool records(Fields *t) { return t->rg == Py_True && is_set(engine.of_state.grad); }

/* Whether the memory of b reaches into that of a, in part or in another order. */
static bool overlap(PyArrayObject *a, PyArrayObject *b) {
    char *from = PyArray_BYTES(a), *other = PyArray_BYTES(b);
    return from != other && from < other + PyArray_NBYTES(b) && other < from + PyArray_NBYTES(a);
}

bool is_read_later(PyObject *a) {
    if (!PyDict_GET_SIZE(engine.readers)) return false;
    while (PyArray_CheckExact(a) && PyArray_BASE((PyArrayObject *)a)) a = PyArray_BASE((PyArrayObject *)a);
    PyObject *key = PyArray_CheckExact(a) ? PyLong_FromVoidPtr(a) : NULL;
    bool found = !key || PyDict_Contains(engine.readers, key) != 0;
    Py_XDECREF(key);
    PyErr_Clear();
    return found;
}

static bool may_be_written(Fields *x) {
    return !records(x) && x->inference == Py_False && (x->base == Py_None || !records((Fields *)x->base)) &&
           !is_set(engine.of_state.where) && !is_read_later(x->a);
}

PyArrayObject *written_array(PyObject *x) {
    PyArrayObject *a = is_ready(x) && may_be_written((Fields *)x) && ((Fields *)x)->half_complex == Py_False ? array_of(x) : NULL;
    return a && PyArray_ISCARRAY(a) && PyArray_SIZE(a) <= engine.small && !PyDataType_REFCHK(PyArray_DESCR(a)) ? a : NULL;
}

/* number * b in new memory, for `x.add_(b, alpha=number)`; NULL with an error where there is none. */
static char *scaled(PyArrayObject *b, int kind, Number factor) {
    isize n = PyArray_SIZE(b);
    char *made = PyMem_Malloc(PyArray_NBYTES(b) + 1);
    if (!made) return (char *)PyErr_NoMemory();
    if (kind == OF_FLOAT32)
        for (isize i = 0; i < n; i++) ((float *)made)[i] = ((float *)PyArray_DATA(b))[i] * factor.f;
    else
        for (isize i = 0; i < n; i++) ((double *)made)[i] = ((double *)PyArray_DATA(b))[i] * factor.d;
    return made;
}

static bool is_alpha(PyObject *names) {
    return PyTuple_GET_SIZE(names) == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "alpha") == 0;
}

/* x += other, for a number or a tensor of the same shape and dtype, which `alpha` may scale. */
static PyObject *call_write(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    if (PyVectorcall_NARGS(nargsf) != 2 || (names && !is_alpha(names)) || !is_ready(args[0]) ||
        !may_be_written((Fields *)args[0]))
        return go_on(way, args, nargsf, names);
    PyArrayObject *a = array_of(args[0]), *b = NULL;
    int kind = a ? kind_of(a) : -1;
    Number number, factor;
    bool fits = kind >= 0 && kind != OF_INT64 && way->loops[kind].fn && PyArray_ISCARRAY(a) &&
                way->loops[kind].out == PyArray_TYPE(a);
    if (fits && is_ready(args[1])) {
        b = array_of(args[1]);
        fits = b && !records((Fields *)args[1]) && kind_of(b) == kind && is_flat(b) && same_shape(a, b) && !overlap(a, b);
    } else fits = fits && as_number(args[1], kind, false, &number);
    if (!fits || (names && (!b || !as_number(args[2], kind, false, &factor)))) return go_on(way, args, nargsf, names);
    char *own = names ? scaled(b, kind, factor) : NULL;
    if (names && !own) return NULL;
    npy_intp n = PyArray_SIZE(a), size = PyArray_ITEMSIZE(a), steps[] = {size, b ? size : 0, size};
    char *data[] = {PyArray_BYTES(a), own ? own : b ? PyArray_BYTES(b) : (char *)&number, PyArray_BYTES(a)};
    if (n) way->loops[kind].fn(data, &n, steps, way->loops[kind].data);
    PyMem_Free(own);
    return bump_version((Fields *)args[0]) ? Py_NewRef(args[0]) : NULL;
}

/* ---------------------------------------------------------------- ops on one tensor */

/* x.exp_() */
static PyObject *call_rewrite(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 1 && !names ? written_array(args[0]) : NULL;
    int kind = a ? kind_of(a) : -1;
    if (kind < 0 || kind == OF_INT64 || !way->loops[kind].fn || way->loops[kind].out != PyArray_TYPE(a)) return go_on(way, args, nargsf, names);
    npy_intp n = PyArray_SIZE(a), steps[] = {PyArray_ITEMSIZE(a), PyArray_ITEMSIZE(a)};
    char *data[] = {PyArray_BYTES(a), PyArray_BYTES(a)};
    if (n) way->loops[kind].fn(data, &n, steps, way->loops[kind].data);
    return bump_version((Fields *)args[0]) ? Py_NewRef(args[0]) : NULL;
}

/* ---------------------------------------------------------------- copies and fills */

/* x.copy_(y) of two tensors of one shape and dtype. */
static PyObject *call_copy(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 2 && !names ? written_array(args[0]) : NULL;
    PyArrayObject *b = a && is_ready(args[1]) && !records((Fields *)args[1]) ? array_of(args[1]) : NULL;
    if (!b || PyArray_DESCR(a) != PyArray_DESCR(b) || !is_flat(b) || !same_shape(a, b) || touches(a, b))
        return go_on(way, args, nargsf, names);
    memcpy(PyArray_DATA(a), PyArray_DATA(b), PyArray_NBYTES(a));
    return bump_version((Fields *)args[0]) ? Py_NewRef(args[0]) : NULL;
}

static PyObject *call_zero(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 1 && !names ? written_array(args[0]) : NULL;
    if (!a) return go_on(way, args, nargsf, names);
    memset(PyArray_DATA(a), 0, PyArray_NBYTES(a));
    return bump_version((Fields *)args[0]) ? Py_NewRef(args[0]) : NULL;
}

bool fits_number(PyArrayObject *a, PyObject *o, Number *number) {
    int kind = kind_of(a);
    if (kind < 0 || !as_number(o, kind, true, number)) return false;
    bool is_finite = !PyFloat_CheckExact(o) || PyFloat_AS_DOUBLE(o) - PyFloat_AS_DOUBLE(o) == 0;
    return kind != OF_FLOAT32 || !is_finite || (number->f >= -LARGEST_FLOAT && number->f <= LARGEST_FLOAT);
}

/* Writes it to the elements of dim `d` on, which begin at `at`. */
static void fill_from(PyArrayObject *a, int d, char *at, const Number *number) {
    if (d == PyArray_NDIM(a)) {
        memcpy(at, number, PyArray_ITEMSIZE(a));
        return;
    }
    for (npy_intp i = 0; i < PyArray_DIM(a, d); i++) fill_from(a, d + 1, at + i * PyArray_STRIDE(a, d), number);
}

/* x.fill_(number) */
static PyObject *call_fill(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 2 && !names ? written_array(args[0]) : NULL;
    Number number;
    if (!a || !fits_number(a, args[1], &number)) return go_on(way, args, nargsf, names);
    isize n = PyArray_SIZE(a);
    if (PyArray_TYPE(a) == NPY_FLOAT32)
        for (isize i = 0; i < n; i++) ((float *)PyArray_DATA(a))[i] = number.f;
    else /* a double or an integer of the same size */
        for (isize i = 0; i < n; i++) ((int64_t *)PyArray_DATA(a))[i] = number.i;
    return bump_version((Fields *)args[0]) ? Py_NewRef(args[0]) : NULL;
}

/* Writes a number, or a tensor of the same dtype, to a part of an array: false, perhaps with an error, where it does not. */
static bool write_part(PyArrayObject *part, PyObject *value) {
    PyArrayObject *b = is_ready(value) && !records((Fields *)value) ? array_of(value) : NULL;
    if (!b) {
        Number number;
        bool fits = fits_number(part, value, &number);
        if (fits) fill_from(part, 0, PyArray_BYTES(part), &number);
        return fits;
    }
    if (PyArray_DESCR(b) != PyArray_DESCR(part) || PyArray_SIZE(b) > engine.small || touches(part, b)) return false;
    if (!PyArray_ISCARRAY(part) || !is_flat(b) || !same_shape(part, b)) return PyArray_CopyInto(part, b) == 0;
    memcpy(PyArray_DATA(part), PyArray_DATA(b), PyArray_NBYTES(part));
    return true;
}

/* x[index] = value for an index of integers, slices and None; for a mask of the shape of x and a number. */
static PyObject *call_setitem(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 3 && !names ? written_array(args[0]) : NULL;
    PyObject *entries = a && !is_ready(args[1]) ? entries_of(a, args[1]) : NULL;
    PyObject *part = entries ? region_of(a, &PyTuple_GET_ITEM(entries, 0), PyTuple_GET_SIZE(entries)) : NULL;
    bool written = part ? write_part((PyArrayObject *)part, args[2]) : a && fill_masked(a, args[1], args[2]);
    Py_XDECREF(entries);
    Py_XDECREF(part);
    if (!written) return go_on_after_error(way, args, nargsf, names);
    return bump_version((Fields *)args[0]) ? Py_NewRef(Py_None) : NULL;
}

/* x.masked_fill_(mask, number) */
static PyObject *call_masked(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 3 && !names ? written_array(args[0]) : NULL;
    if (!a || !fill_masked(a, args[1], args[2])) return go_on((Way *)self, args, nargsf, names);
    return bump_version((Fields *)args[0]) ? Py_NewRef(args[0]) : NULL;
}

/* ---------------------------------------------------------------- what Python calls */

static PyObject *writing(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "writing(op, ufunc, slow)");
    PyObject *all[] = {args[0], args[1], Py_None, args[2]};
    return make_pointwise(all, call_write);
}

static PyObject *rewriting(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "rewriting(op, ufunc, slow)");
    PyObject *all[] = {args[0], args[1], Py_None, args[2]};
    return make_pointwise(all, call_rewrite);
}

static PyObject *made(PyObject *const *args, Py_ssize_t n, vectorcallfunc call) {
    return n == 1 ? (PyObject *)new_way(call, Py_None, args[0]) : PyErr_Format(PyExc_TypeError, "a write wants (slow)");
}

static PyObject *copying(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_copy); }

static PyObject *zeroing(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_zero); }

static PyObject *filling(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_fill); }

static PyObject *filling_masked(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_masked); }

static PyObject *storing(PyObject *self, PyObject *const *args, Py_ssize_t n) { return (void)self, made(args, n, call_setitem); }

PyMethodDef writes_methods[] = {
    KERNEL(writing, "writing(op, ufunc, slow): (x, other) that writes the result of an op on two operands into x."),
    KERNEL(rewriting, "rewriting(op, ufunc, slow): (x) that writes the result of an op on x into x."),
    KERNEL(copying, "copying(slow): (x, other) that writes other into x."),
    KERNEL(zeroing, "zeroing(slow): (x) that writes zeros into x."),
    KERNEL(filling_masked, "filling_masked(slow): (x, mask, number) that writes a number into x where the mask is set."),
    KERNEL(storing, "storing(slow): (x, index, value) that writes a value to x[index]."),
    KERNEL(filling, "filling(slow): (x, number) that writes a number into x."),
    {0},
};
