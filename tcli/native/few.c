/* Kernels of small arrays as objects: a function of one array, made once for its options.

   An op's `small` hands one out (engine/ways.py keeps it with the options), and a short way calls it with the array
   alone: no options are looked at again, and NumPy, whose calls cost more than a few numbers do, is not asked. What a kernel
   does not take (another dtype, an array with gaps) goes to the Python function that it was made with. */
#include "few.h"

#define MOST (1 << 14)  /* elements */
#define MOST_SUMMED 512 /* floats: larger sums are those of reduce.c */

/* ---------------------------------------------------------------- results */

static PyObject *like(PyArrayObject *a, int type) { return PyArray_EMPTY(PyArray_NDIM(a), PyArray_DIMS(a), type, 0); }

/* An array without the dim, or with size 1 there. */
static PyObject *without_dim(const Few *few, PyArrayObject *a, int type) {
    npy_intp shape[NPY_MAXDIMS];
    int n = 0;
    for (int d = 0; d < PyArray_NDIM(a); d++)
        if (few->dim >= 0 && d != few->dim) shape[n++] = PyArray_DIM(a, d);
        else if (few->keepdim) shape[n++] = 1;
    return PyArray_EMPTY(n, shape, type, 0);
}

#define DATA(o) PyArray_DATA((PyArrayObject *)(o))
#define IS_FLOAT(a) (PyArray_TYPE(a) == NPY_FLOAT32)

/* ---------------------------------------------------------------- sums */

/* Along rows in double; down columns as PyTorch adds, row after row. */
#define SUMS(T, WIDE)                                                                                       \
    static void sum_##T(const T *x, T *out, Around r, bool mean) {                                          \
        for (isize i = 0; i < r.outer; i++, x += r.n * r.inner, out += r.inner) {                           \
            if (r.inner == 1) {                                                                             \
                WIDE sum = 0;                                                                               \
                for (isize j = 0; j < r.n; j++) sum += x[j];                                                \
                out[0] = (T)sum;                                                                            \
            } else {                                                                                        \
                memset(out, 0, r.inner * sizeof(T));                                                        \
                for (isize j = 0; j < r.n; j++)                                                             \
                    for (isize k = 0; k < r.inner; k++) out[k] += x[j * r.inner + k];                       \
            }                                                                                               \
            for (isize k = 0; mean && k < r.inner; k++) out[k] /= (T)r.n;                                   \
        }                                                                                                   \
    }
SUMS(float, double)
SUMS(double, double)
SUMS(uint64_t, uint64_t) /* wraps around, as int64 does */

static PyObject *sum_few(const Few *few, PyArrayObject *a) {
    int type = PyArray_TYPE(a);
    bool mean = few->flag;
    if ((mean && (type == NPY_INT64 || !PyArray_SIZE(a))) || (type != NPY_INT64 && PyArray_SIZE(a) > MOST_SUMMED)) return NULL;
    PyObject *out = without_dim(few, a, type);
    if (!out) return NULL;
    if (type == NPY_FLOAT32) sum_float(DATA(a), DATA(out), around(a, few->dim), mean);
    else if (type == NPY_FLOAT64) sum_double(DATA(a), DATA(out), around(a, few->dim), mean);
    else sum_uint64_t(DATA(a), DATA(out), around(a, few->dim), false);
    return out;
}

PyObject *total_of_few(PyArrayObject *a) {
    int type = PyArray_TYPE(a);
    Few all = {.ndim = PyArray_NDIM(a), .dim = -1};
    return type == NPY_FLOAT32 || type == NPY_FLOAT64 ? sum_few(&all, a) : NULL;
}

/* The sum of the squares is one of T, and may be infinite or nothing there; a number alone is not squared. */
#define NORMS(T)                                                                                         \
    static void norm_##T(const T *x, T *out, Around r) {                                                 \
        for (isize i = 0; i < r.outer; i++)                                                              \
            for (isize k = 0; k < r.inner; k++) {                                                        \
                double sum = 0;                                                                          \
                for (isize j = 0; j < r.n; j++) {                                                        \
                    double v = x[(i * r.n + j) * r.inner + k];                                           \
                    sum += v * v;                                                                        \
                }                                                                                        \
                out[i * r.inner + k] = r.n == 1 ? (T)fabs((double)x[i * r.inner + k]) : (T)sqrt((T)sum); \
            }                                                                                            \
    }
NORMS(float)
NORMS(double)

static PyObject *norm_few(const Few *few, PyArrayObject *a) {
    bool fits = PyArray_TYPE(a) != NPY_INT64 && PyArray_SIZE(a) <= MOST_SUMMED;
    PyObject *out = fits ? without_dim(few, a, PyArray_TYPE(a)) : NULL;
    if (!out) return NULL;
    if (IS_FLOAT(a)) norm_float(DATA(a), DATA(out), around(a, few->dim));
    else norm_double(DATA(a), DATA(out), around(a, few->dim));
    return out;
}

/* ---------------------------------------------------------------- extrema */

/* Where the first extremum of a line is; nan is one. */
#define EXTREMA(T)                                                                                              \
    static isize place_##T(const T *line, isize n, isize step, bool largest) {                                  \
        isize best = 0;                                                                                         \
        for (isize j = 1; j < n && line[best * step] == line[best * step]; j++) {                               \
            T v = line[j * step], b = line[best * step];                                                        \
            if ((largest ? v > b : v < b) || v != v) best = j;                                                  \
        }                                                                                                       \
        return best;                                                                                            \
    }                                                                                                           \
    static void extrema_##T(const T *x, T *values, int64_t *places, Around r, bool largest) {                   \
        for (isize i = 0; i < r.outer; i++)                                                                     \
            for (isize k = 0; k < r.inner; k++) {                                                               \
                const T *line = x + i * r.n * r.inner + k;                                                      \
                isize best = place_##T(line, r.n, r.inner, largest);                                            \
                if (values) values[i * r.inner + k] = line[best * r.inner];                                     \
                if (places) places[i * r.inner + k] = best;                                                     \
            }                                                                                                   \
    }
EXTREMA(float)
EXTREMA(double)
EXTREMA(int64_t)

static void find_extrema(const Few *few, PyArrayObject *a, PyObject *values, PyObject *places) {
    Around r = around(a, few->dim);
    void *v = values ? DATA(values) : NULL;
    int64_t *p = places ? DATA(places) : NULL;
    if (PyArray_TYPE(a) == NPY_FLOAT32) extrema_float(DATA(a), v, p, r, few->flag);
    else if (PyArray_TYPE(a) == NPY_FLOAT64) extrema_double(DATA(a), v, p, r, few->flag);
    else extrema_int64_t(DATA(a), v, p, r, few->flag);
}

static PyObject *extremum_few(const Few *few, PyArrayObject *a) {
    PyObject *out = PyArray_SIZE(a) ? without_dim(few, a, PyArray_TYPE(a)) : NULL;
    if (out) find_extrema(few, a, out, NULL);
    return out;
}

static PyObject *place_few(const Few *few, PyArrayObject *a) {
    PyObject *out = PyArray_SIZE(a) ? without_dim(few, a, NPY_INT64) : NULL;
    if (out) find_extrema(few, a, NULL, out);
    return out;
}

static PyObject *both_of(PyObject *values, PyObject *places) {
    PyObject *both = values && places ? PyTuple_Pack(2, values, places) : NULL;
    Py_XDECREF(values), Py_XDECREF(places);
    return both;
}

static PyObject *extremum_and_place(const Few *few, PyArrayObject *a) {
    if (!PyArray_SIZE(a)) return NULL;
    PyObject *values = without_dim(few, a, PyArray_TYPE(a)), *places = values ? without_dim(few, a, NPY_INT64) : NULL;
    if (places) find_extrema(few, a, values, places);
    return both_of(values, places);
}

/* ---------------------------------------------------------------- order */

#define SHORT 16 /* lines that are sorted here: as the C++ library sorts them, which is by insertion */

/* Whether a comes after b; nan is the largest. */
#define AFTER(a, b) ((a) > (b) || ((a) != (a) && (b) == (b)))

#define SORTS(T)                                                                                            \
    static void sort_##T(const T *x, T *values, int64_t *places, Around r, bool descending) {               \
        for (isize i = 0; i < r.outer; i++)                                                                 \
            for (isize k = 0; k < r.inner; k++) {                                                           \
                isize at = i * r.n * r.inner + k, step = r.inner;                                           \
                for (isize j = 0; j < r.n; j++) {                                                           \
                    T v = x[at + j * step];                                                                 \
                    isize p = j;                                                                            \
                    for (; p > 0; p--) {                                                                    \
                        T before = values[at + (p - 1) * step];                                             \
                        if (!(descending ? AFTER(v, before) : AFTER(before, v))) break;                     \
                        values[at + p * step] = before, places[at + p * step] = places[at + (p - 1) * step]; \
                    }                                                                                       \
                    values[at + p * step] = v, places[at + p * step] = j;                                   \
                }                                                                                           \
            }                                                                                               \
    }
SORTS(float)
SORTS(double)
SORTS(int64_t)

static PyObject *sort_few(const Few *few, PyArrayObject *a) {
    Around r = around(a, few->dim);
    if (r.n > SHORT) return NULL;
    PyObject *values = like(a, PyArray_TYPE(a)), *places = values ? like(a, NPY_INT64) : NULL;
    if (!places) return both_of(values, places);
    if (PyArray_TYPE(a) == NPY_FLOAT32) sort_float(DATA(a), DATA(values), DATA(places), r, few->flag);
    else if (PyArray_TYPE(a) == NPY_FLOAT64) sort_double(DATA(a), DATA(values), DATA(places), r, few->flag);
    else sort_int64_t(DATA(a), DATA(values), DATA(places), r, few->flag);
    return both_of(values, places);
}

/* ---------------------------------------------------------------- what stands elsewhere */

static PyObject *softmax_few(const Few *few, PyArrayObject *a) {
    if (PyArray_TYPE(a) == NPY_INT64 || !PyArray_SIZE(a)) return NULL;
    PyObject *out = like(a, PyArray_TYPE(a)), *length = out ? PyLong_FromSsize_t(PyArray_DIM(a, PyArray_NDIM(a) - 1)) : NULL;
    PyObject *args[] = {(PyObject *)a, out, length, few->flag ? Py_True : Py_False, Py_True};
    PyObject *done = length ? softmax(NULL, args, 5) : NULL;
    if (done != Py_True) Py_CLEAR(out);
    Py_XDECREF(done), Py_XDECREF(length);
    return out;
}

static PyObject *scan_few(const Few *few, PyArrayObject *a) {
    return PyArray_TYPE(a) == NPY_INT64 ? NULL : scanned(a, few->dim, few->flag, few->back);
}

/* ---------------------------------------------------------------- the objects */

static const struct {
    const char *name;
    few_fn fn;
    bool flag, back, line; /* line: a dim is called for, and it is the last one */
} kernels[] = {
    {"sum", sum_few, false, false, false},
    {"mean", sum_few, true, false, false},
    {"norm", norm_few, false, false, false},
    {"max", extremum_few, true, false, false},
    {"min", extremum_few, false, false, false},
    {"argmax", place_few, true, false, false},
    {"argmin", place_few, false, false, false},
    {"max and place", extremum_and_place, true, false, false},
    {"min and place", extremum_and_place, false, false, false},
    {"sort", sort_few, false, false, false},
    {"sort down", sort_few, true, false, false},
    {"softmax", softmax_few, false, false, true},
    {"log_softmax", softmax_few, true, false, true},
    {"cumsum", scan_few, false, false, false},
    {"cumprod", scan_few, true, false, false},
    {"cumsum from the end", scan_few, false, true, false},
};

static PyArrayObject *small_array(PyObject *o) {
    PyArrayObject *a = flat_array(o);
    int type = a ? PyArray_TYPE(a) : -1;
    bool fits = (type == NPY_FLOAT32 || type == NPY_FLOAT64 || type == NPY_INT64) && PyArray_SIZE(a) <= MOST;
    return fits ? a : NULL;
}

static PyObject *call_few(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Few *few = (Few *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 1 && !names ? small_array(args[0]) : NULL;
    if (a && PyArray_NDIM(a) == few->ndim) {
        PyObject *r = few->fn(few, a);
        if (r || PyErr_Occurred()) return r;
    }
    return PyObject_Vectorcall(few->slow, args, nargsf, names);
}

static void dealloc(PyObject *self) {
    Py_DECREF(((Few *)self)->slow);
    PyObject_Free(self);
}

PyTypeObject Few_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tcli.native.Few",
    .tp_doc = "A kernel of small arrays, made for its options.",
    .tp_basicsize = sizeof(Few),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Few, call),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = dealloc,
};

/* The kernel of a name for arrays of `ndim` dims along a dim, or None; false where there is none. */
static bool find_kernel(Few *few, PyObject *name, long ndim, PyObject *dim, PyObject *keepdim) {
    int overflow = 0;
    long d = dim == Py_None ? -1 : PyLong_Check(dim) ? PyLong_AsLongAndOverflow(dim, &overflow) : NPY_MAXDIMS;
    if (dim != Py_None && d < 0) d += ndim;
    if (overflow || ndim < 0 || ndim > NPY_MAXDIMS || d >= ndim + (d < 0) || (dim != Py_None && d < 0) || !PyUnicode_Check(name)) return false;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (PyUnicode_CompareWithASCIIString(name, kernels[i].name) != 0) continue;
        few->fn = kernels[i].fn, few->flag = kernels[i].flag, few->back = kernels[i].back;
        few->ndim = (int)ndim, few->dim = (int)d, few->keepdim = keepdim == Py_True;
        return !kernels[i].line || d == ndim - 1;
    }
    return false;
}

static PyObject *few(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Few found;
    if (n != 5) return PyErr_Format(PyExc_TypeError, "few(name, ndim, dim, keepdim, slow)");
    long ndim = PyLong_AsLong(args[1]);
    if (PyErr_Occurred()) return NULL;
    if (!find_kernel(&found, args[0], ndim, args[2], args[3])) Py_RETURN_FALSE;
    Few *made = PyObject_New(Few, &Few_Type);
    if (!made) return NULL;
    made->call = call_few, made->fn = found.fn, made->slow = Py_NewRef(args[4]);
    made->ndim = found.ndim, made->dim = found.dim, made->keepdim = found.keepdim, made->flag = found.flag, made->back = found.back;
    return (PyObject *)made;
}

static PyObject *few_of(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    Few found;
    PyArrayObject *a = n == 4 ? small_array(args[1]) : NULL;
    if (!a || !find_kernel(&found, args[0], PyArray_NDIM(a), args[2], args[3])) Py_RETURN_FALSE;
    PyObject *r = found.fn(&found, a);
    return r || PyErr_Occurred() ? r : Py_NewRef(Py_False);
}

PyMethodDef few_methods[] = {
    KERNEL(few, "few(name, ndim, dim, keepdim, slow): the kernel of that name for small arrays of so many dims; dim None is all."),
    KERNEL(few_of, "few_of(name, x, dim, keepdim): what that kernel gives for x; False where there is none."),
    {0},
};

bool add_few(PyObject *module) { return PyType_Ready(&Few_Type) == 0 && PyModule_AddObjectRef(module, "Few", (PyObject *)&Few_Type) == 0; }
