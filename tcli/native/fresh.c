/* The short ways of ops that make tensors: `zeros`, `ones`, `full`, `eye`, `arange`, `zeros_like`, `ones_like`. */
#include "fresh.h"

#define MOST_FILLED 1e4 /* a number that fits every dtype of floats */

/* ---------------------------------------------------------------- what new tensors are made of */

static PyObject *global_of(PyObject *names, PyObject **interned, const char *name) {
    if (!*interned && !(*interned = PyUnicode_InternFromString(name))) return NULL;
    return PyDict_GetItemWithError(names, *interned);
}

PyObject *default_dtype(void) {
    static PyObject *sketch, *stack, *cpu, *dtype;
    PyObject *at_work = global_of(engine.device_names, &sketch, "sketch"), *home = global_of(engine.device_names, &cpu, "CPU");
    PyObject *devices = global_of(engine.device_names, &stack, "_default_stack");
    if (at_work != Py_False || !home || !devices || !PyList_CheckExact(devices) || !PyList_GET_SIZE(devices) ||
        PyList_GET_ITEM(devices, PyList_GET_SIZE(devices) - 1) != home || is_set(engine.of_state.inference))
        return NULL;
    return PySet_GET_SIZE(engine.ready) ? global_of(engine.dtype_names, &dtype, "_default") : NULL;
}

PyArray_Descr *numpy_of(PyObject *dtype) {
    if (!dtype || (PyObject *)Py_TYPE(dtype) != engine.dtype) return NULL;
    PyObject *found = SLOT(dtype, engine.numpy_of_dtype);
    PyArray_Descr *d = found && PyArray_DescrCheck(found) ? (PyArray_Descr *)found : NULL;
    int type = d ? d->type_num : -1;
    return type == NPY_FLOAT32 || type == NPY_FLOAT64 || type == NPY_INT64 || type == NPY_INT32 || type == NPY_BOOL ? d : NULL;
}

bool take_sizes(Sizes *s, PyObject *const *given, isize n) {
    isize total = 1;
    if (n > MOST_SIZES) return false;
    for (s->n = 0; s->n < n; s->n++) {
        if (!PyLong_CheckExact(given[s->n])) return false;
        int overflow = 0;
        long size = PyLong_AsLongAndOverflow(given[s->n], &overflow);
        if (overflow || size < 0 || size > engine.small || (total *= size) > engine.small) return false;
        s->dims[s->n] = size;
    }
    return true;
}

bool take_names(PyObject *names, PyObject *const *values, PyObject **dtype, bool *needs) {
    for (isize i = 0; names && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (PyUnicode_CompareWithASCIIString(name, "dtype") == 0) *dtype = values[i] == Py_None ? *dtype : values[i];
        else if (PyUnicode_CompareWithASCIIString(name, "requires_grad") == 0 && PyBool_Check(values[i])) *needs = values[i] == Py_True;
        else return false;
    }
    return true;
}

PyObject *with_gradient(PyObject *t, bool needs) {
    if (t && needs) put(&((Fields *)t)->rg, Py_NewRef(Py_True));
    return t;
}

bool take_fresh(Fresh *f, PyObject *const *args, size_t nargsf, PyObject *names) {
    isize n = PyVectorcall_NARGS(nargsf);
    PyObject *tuple = n == 1 && PyTuple_Check(args[0]) ? args[0] : NULL, *dtype = n ? default_dtype() : NULL;
    f->needs = false;
    if (!dtype || !take_names(names, args + n, &dtype, &f->needs)) return false;
    bool fits = tuple ? take_sizes(&f->sizes, &PyTuple_GET_ITEM(tuple, 0), PyTuple_GET_SIZE(tuple)) : take_sizes(&f->sizes, args, n);
    f->dtype = fits ? numpy_of(dtype) : NULL;
    return f->dtype && (!f->needs || f->dtype->kind == 'f');
}

/* A tensor of zeros of that dtype, which it takes a reference of. */
static PyObject *zeros_of(const Sizes *s, PyArray_Descr *d) {
    Py_INCREF(d);
    return tensor_around(PyArray_Zeros(s->n, (npy_intp *)s->dims, d, 0));
}

#define FILL(T, value) \
    for (isize i = 0; i < n; i++) ((T *)PyArray_DATA(a))[i] = (T)(value);

/* Fills the array of `t` (NULL passes through) with a number. */
static PyObject *filled(PyObject *t, double number) {
    if (!t) return NULL;
    PyArrayObject *a = array_of(t);
    isize n = PyArray_SIZE(a);
    switch (PyArray_TYPE(a)) {
    case NPY_FLOAT32: FILL(float, number) break;
    case NPY_FLOAT64: FILL(double, number) break;
    case NPY_INT64: FILL(int64_t, number) break;
    case NPY_INT32: FILL(int32_t, number) break;
    case NPY_BOOL: FILL(npy_bool, number != 0) break;
    default: PyErr_SetString(PyExc_TypeError, "a dtype that is not filled here"); Py_CLEAR(t);
    }
    return t;
}

/* ---------------------------------------------------------------- zeros, ones, full */

/* Filled with ones where the way has a flag. */
static PyObject *call_sized(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    Fresh f;
    if (!take_fresh(&f, args, nargsf, names)) return go_on(way, args, nargsf, names);
    PyObject *t = zeros_of(&f.sizes, f.dtype);
    t = with_gradient(way->alone ? filled(t, 1) : t, f.needs);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* The number that a tensor is filled with; false for one that might not fit. */
static bool take_filling(PyObject *o, double *number) {
    int overflow = 0;
    if (PyFloat_CheckExact(o)) *number = PyFloat_AS_DOUBLE(o);
    else if (PyBool_Check(o)) *number = o == Py_True;
    else if (PyLong_CheckExact(o)) *number = (double)PyLong_AsLongAndOverflow(o, &overflow);
    else return false;
    return !overflow && *number > -MOST_FILLED && *number < MOST_FILLED;
}

/* full(sizes, number) */
static PyObject *call_full(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyObject *dtype = PyVectorcall_NARGS(nargsf) == 2 && !names ? default_dtype() : NULL;
    Sizes s;
    double number;
    if (!dtype || !(PyTuple_CheckExact(args[0]) || PyList_CheckExact(args[0])) || !take_filling(args[1], &number) ||
        !take_sizes(&s, PySequence_Fast_ITEMS(args[0]), PySequence_Fast_GET_SIZE(args[0])))
        return go_on(way, args, nargsf, names);
    PyArray_Descr *d = PyFloat_CheckExact(args[1]) ? numpy_of(dtype) : NULL;
    PyArray_Descr *own = PyFloat_CheckExact(args[1]) ? NULL : PyArray_DescrFromType(PyBool_Check(args[1]) ? NPY_BOOL : NPY_INT64);
    PyObject *t = d || own ? filled(zeros_of(&s, d ? d : own), number) : NULL;
    Py_XDECREF(own);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- zeros_like, ones_like */

bool take_like(Fresh *f, PyObject *t) {
    PyArrayObject *a = is_ready(t) && ((Fields *)t)->half_complex == Py_False && !is_set(engine.of_state.inference) ? array_of(t) : NULL;
    if (!a || PyArray_SIZE(a) > engine.small || !PyArray_ISCARRAY_RO(a) || PyArray_NDIM(a) > MOST_SIZES) return false;
    int type = PyArray_TYPE(a);
    f->dtype = PyArray_DESCR(a), f->needs = false, f->sizes.n = PyArray_NDIM(a);
    for (int d = 0; d < f->sizes.n; d++) f->sizes.dims[d] = PyArray_DIM(a, d);
    return type == NPY_FLOAT32 || type == NPY_FLOAT64 || type == NPY_INT64 || type == NPY_INT32 || type == NPY_BOOL;
}

static PyObject *call_like(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    Fresh f;
    if (PyVectorcall_NARGS(nargsf) != 1 || names || !take_like(&f, args[0])) return go_on(way, args, nargsf, names);
    PyObject *t = zeros_of(&f.sizes, f.dtype);
    if (way->alone) t = filled(t, 1);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* full_like(x, number); a fraction for integers is left to Python. */
static PyObject *call_full_like(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    Fresh f;
    double number;
    if (PyVectorcall_NARGS(nargsf) != 2 || names || !take_like(&f, args[0]) || !take_filling(args[1], &number) ||
        (f.dtype->kind != 'f' && number != (double)(long)number))
        return go_on(way, args, nargsf, names);
    PyObject *t = filled(zeros_of(&f.sizes, f.dtype), number);
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- eye, arange */

static PyObject *call_eye(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArray_Descr *d = PyVectorcall_NARGS(nargsf) == 1 && !names ? numpy_of(default_dtype()) : NULL;
    PyObject *both[] = {d ? args[0] : NULL, d ? args[0] : NULL};
    Sizes s;
    if (!d || !take_sizes(&s, both, 2)) return go_on(way, args, nargsf, names);
    PyObject *t = zeros_of(&s, d);
    void *data = t ? PyArray_DATA(array_of(t)) : NULL;
    for (isize i = 0; t && i < s.dims[0]; i++)
        if (d->type_num == NPY_FLOAT32) ((float *)data)[i * (s.dims[0] + 1)] = 1;
        else ((double *)data)[i * (s.dims[0] + 1)] = 1;
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

#define FARTHEST ((int64_t)1 << 40) /* ends of ranges whose lengths are sure to fit */

/* arange(end), arange(start, end) and arange(start, end, step) of integers */
static PyObject *call_arange(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    int64_t given[3] = {0, 0, 1};
    bool fits = n >= 1 && n <= 3 && !names && default_dtype();
    for (isize i = 0; fits && i < n; i++) {
        int overflow = 0;
        fits = PyLong_CheckExact(args[i]);
        if (fits) given[i] = PyLong_AsLongLongAndOverflow(args[i], &overflow);
        fits = fits && !overflow && given[i] < FARTHEST && given[i] > -FARTHEST;
    }
    int64_t start = n == 1 ? 0 : given[0], end = n == 1 ? given[0] : given[1], step = given[2];
    fits = fits && step && (step > 0 ? start <= end : start >= end);
    npy_intp size = fits ? (end - start + step - (step > 0 ? 1 : -1)) / step : 0;
    if (!fits || size > engine.small) return go_on(way, args, nargsf, names);
    PyObject *t = tensor_around(PyArray_SimpleNew(1, &size, NPY_INT64));
    for (isize i = 0; t && i < size; i++) ((int64_t *)PyArray_DATA(array_of(t)))[i] = start + i * step;
    return t ? t : go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

static const struct {
    const char *name;
    vectorcallfunc call;
    bool ones;
} makers[] = {{"zeros", call_sized, false}, {"ones", call_sized, true}, {"full", call_full, false}, {"zeros_like", call_like, false},
              {"ones_like", call_like, true}, {"eye", call_eye, false}, {"arange", call_arange, false}, {"tensor", call_tensor, false},
              {"linspace", call_linspace, false}, {"full_like", call_full_like, false}, {"empty", call_sized, false},
              {"empty_like", call_like, false}};

static PyObject *creating(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2 || !PyUnicode_Check(args[0])) return PyErr_Format(PyExc_TypeError, "creating(name, slow)");
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        if (PyUnicode_CompareWithASCIIString(args[0], makers[i].name) != 0) continue;
        Way *way = new_way(makers[i].call, Py_None, args[1]);
        if (way) way->alone = makers[i].ones;
        return (PyObject *)way;
    }
    Py_RETURN_FALSE;
}

PyMethodDef fresh_methods[] = {
    KERNEL(creating, "creating(name, slow): the function of that name that makes a tensor."),
    {0},
};
