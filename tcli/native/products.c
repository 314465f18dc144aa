/* The short ways of products: `x @ y` of matrices and vectors, `outer` and `linear`.

   A BLAS library costs a third of a microsecond before it multiplies. Small products are added up here, larger ones and those of
   transposed matrices are NumPy's. */
#include "quick.h"

#define FEW 4096 /* multiplications */

typedef struct {
    const void *x, *y;
    const void *bias;
    void *out;
    isize m, k, n;
} Product;

#define PRODUCTS(T)                                                                                      \
    /* out = x @ y, of (m, k) and (k, n) */                                                              \
    static void product_##T(Product *p) {                                                                \
        const T *x = p->x, *y = p->y;                                                                    \
        T *out = p->out;                                                                                 \
        for (isize i = 0; i < p->m; i++) {                                                               \
            T *RESTRICT row = out + i * p->n;                                                            \
            memset(row, 0, p->n * sizeof(T));                                                            \
            for (isize l = 0; l < p->k; l++)                                                             \
                for (isize j = 0; j < p->n; j++) row[j] += x[i * p->k + l] * y[l * p->n + j];            \
        }                                                                                                \
    }                                                                                                    \
    /* out = x @ y.T + bias, of (m, k), (n, k) and (n) */                                                \
    static void linear_##T(Product *p) {                                                                 \
        const T *x = p->x, *y = p->y, *bias = p->bias;                                                   \
        for (isize i = 0; i < p->m; i++)                                                                 \
            for (isize j = 0; j < p->n; j++) {                                                           \
                T sum = 0;                                                                               \
                const T *a = x + i * p->k, *b = y + j * p->k;                                            \
                SIMD_SUM(sum)                                                                            \
                for (isize l = 0; l < p->k; l++) sum += a[l] * b[l];                                     \
                ((T *)p->out)[i * p->n + j] = bias ? sum + bias[j] : sum;                                \
            }                                                                                            \
    }
PRODUCTS(float)
PRODUCTS(double)

/* The array of a small tensor of `dims` dims and dtype `type` (-1 for either float type); NULL for any other. */
static PyArrayObject *operand(PyObject *t, int dims, int type) {
    PyArrayObject *a = is_ready(t) ? array_of(t) : NULL;
    if (!a || PyArray_SIZE(a) > engine.small || !PyArray_ISNOTSWAPPED(a) || (dims >= 0 && PyArray_NDIM(a) != dims)) return NULL;
    int own = PyArray_TYPE(a);
    return own == type || (type < 0 && (own == NPY_FLOAT32 || own == NPY_FLOAT64)) ? a : NULL;
}

static bool are_flat(PyArrayObject *a, PyArrayObject *b) { return PyArray_ISCARRAY_RO(a) && PyArray_ISCARRAY_RO(b); }

/* An array around a number of NumPy's, whose reference it takes over. */
static PyObject *array_from(PyObject *number) {
    PyObject *array = PyArray_FromAny(number, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
    Py_DECREF(number);
    return array;
}

/* x @ y of one or two dims each. Vectors are left to the library: what `out=` gives is that to the last bit. */
static PyObject *product_of(PyArrayObject *a, PyArrayObject *b) {
    if (PyArray_NDIM(a) != 2 || PyArray_NDIM(b) != 2) {
        PyObject *r = PyArray_MatrixProduct((PyObject *)a, (PyObject *)b);
        return r && !PyArray_CheckExact(r) ? array_from(r) : r;
    }
    npy_intp dims[] = {PyArray_DIM(a, 0), PyArray_DIM(b, 1)};
    isize k = PyArray_DIM(a, 1);
    if (!are_flat(a, b) || dims[0] * dims[1] * k > FEW) return PyArray_MatrixProduct((PyObject *)a, (PyObject *)b);
    PyObject *out = PyArray_EMPTY(2, dims, PyArray_TYPE(a), 0);
    if (!out) return NULL;
    Product p = {PyArray_DATA(a), PyArray_DATA(b), NULL, PyArray_DATA((PyArrayObject *)out), dims[0], k, dims[1]};
    if (PyArray_TYPE(a) == NPY_FLOAT32) product_float(&p);
    else product_double(&p);
    return out;
}

static bool name_node(PyObject *t, PyObject *name) {
    put(&SLOT(((Fields *)t)->node, engine.of_node.name), Py_NewRef(name));
    return true;
}

static bool needs_gradient(PyObject *o) { return is_ready(o) && ((Fields *)o)->rg == Py_True; }

/* The plans and the name of the node of a product of these dims, one or two each: NULL where that is Python's. */
static PyObject *entry_of(Way *way, PyArrayObject *a, PyArrayObject *b) {
    int n = PyArray_NDIM(a), m = PyArray_NDIM(b);
    if (n < 1 || n > 2 || m < 1 || m > 2) return NULL;
    PyObject *entry = PyTuple_GET_ITEM(way->named, 2 * (n - 1) + m - 1);
    return entry != Py_None && PyArray_DIM(a, n - 1) == PyArray_DIM(b, 0) ? entry : NULL;
}

/* x @ y of matrices and vectors. */
static PyObject *call_product(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 2 && !names ? operand(args[0], -1, -1) : NULL;
    PyArrayObject *b = a ? operand(args[1], -1, PyArray_TYPE(a)) : NULL;
    PyObject *entry = b ? entry_of(way, a, b) : NULL;
    bool needs = entry && (needs_gradient(args[0]) || needs_gradient(args[1])) && is_set(engine.of_state.grad);
    if (!entry || (needs && is_set(engine.of_state.odd))) return go_on(way, args, nargsf, names);
    PyObject *t = tensor_around(product_of(a, b));
    Way recorded = {.op = way->op, .plan = PyTuple_GET_ITEM(entry, 0)};
    if (t && (!needs || (record_two(&recorded, args[0], args[1], t) && name_node(t, PyTuple_GET_ITEM(entry, 1))))) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- outer */

#define OUTER(T)                                                                                          \
    static void outer_##T(const T *x, isize n, const T *y, isize m, T *out) {                             \
        for (isize i = 0; i < n; i++)                                                                     \
            for (isize j = 0; j < m; j++) out[i * m + j] = x[i] * y[j];                                   \
    }
OUTER(float)
OUTER(double)

static PyObject *outer_of(PyArrayObject *a, PyArrayObject *b) {
    npy_intp dims[] = {PyArray_DIM(a, 0), PyArray_DIM(b, 0)};
    if (!are_flat(a, b) || dims[0] * dims[1] > engine.small) return NULL;
    PyObject *out = PyArray_EMPTY(2, dims, PyArray_TYPE(a), 0);
    void *to = out ? PyArray_DATA((PyArrayObject *)out) : NULL;
    if (out && PyArray_TYPE(a) == NPY_FLOAT32) outer_float(PyArray_DATA(a), dims[0], PyArray_DATA(b), dims[1], to);
    else if (out) outer_double(PyArray_DATA(a), dims[0], PyArray_DATA(b), dims[1], to);
    return out;
}

/* x as a column, by the function that the way has for it; x itself where no gradient flows to it. */
static PyObject *column_of(Way *way, PyObject *x) {
    PyObject *args[] = {x, engine.one};
    return needs_gradient(x) ? PyObject_Vectorcall(way->named, args, 2, NULL) : Py_NewRef(x);
}

/* x.unsqueeze(1) * y of two vectors, recorded as that product. */
static PyObject *call_outer(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    PyArrayObject *a = PyVectorcall_NARGS(nargsf) == 2 && !names ? operand(args[0], 1, -1) : NULL;
    PyArrayObject *b = a ? operand(args[1], 1, PyArray_TYPE(a)) : NULL;
    bool needs = b && (needs_gradient(args[0]) || needs_gradient(args[1])) && is_set(engine.of_state.grad);
    /* What y's gradient needs of x is a column too. */
    if (!b || (needs && (is_set(engine.of_state.odd) || !needs_gradient(args[0])))) return go_on(way, args, nargsf, names);
    PyObject *r = outer_of(a, b), *column = !r ? NULL : needs ? column_of(way, args[0]) : Py_NewRef(args[0]);
    if (!column) {
        Py_XDECREF(r);
        return go_on_after_error(way, args, nargsf, names);
    }
    PyObject *t = tensor_around(r);
    bool well = t && (!needs || record_two(way, column, args[1], t));
    Py_DECREF(column);
    if (well) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- linear */

static PyObject *linear_of(PyArrayObject *x, PyArrayObject *weight, PyArrayObject *bias) {
    int dims = PyArray_NDIM(x);
    isize k = PyArray_DIM(weight, 1), n = PyArray_DIM(weight, 0), m = dims == 2 ? PyArray_DIM(x, 0) : 1;
    npy_intp sizes[] = {dims == 2 ? m : n, n};
    if (m * k * n > FEW || !are_flat(x, weight) || (bias && !PyArray_ISCARRAY_RO(bias))) return NULL;
    PyObject *out = PyArray_EMPTY(dims, sizes, PyArray_TYPE(x), 0);
    if (!out) return NULL;
    Product p = {PyArray_DATA(x), PyArray_DATA(weight), bias ? PyArray_DATA(bias) : NULL, PyArray_DATA((PyArrayObject *)out), m, k, n};
    if (PyArray_TYPE(x) == NPY_FLOAT32) linear_float(&p);
    else linear_double(&p);
    return out;
}

/* linear(x, weight, bias) of one or two dims; `named` is the pair of names that its node has of two, without and with bias. */
static PyObject *call_linear(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf);
    PyArrayObject *x = (n == 2 || n == 3) && !names ? operand(args[0], -1, -1) : NULL;
    PyArrayObject *weight = x ? operand(args[1], 2, PyArray_TYPE(x)) : NULL, *bias = NULL;
    PyObject *values[] = {args[0], n > 1 ? args[1] : NULL, n == 3 ? args[2] : Py_None};
    bool fits = weight && PyArray_NDIM(x) >= 1 && PyArray_NDIM(x) <= 2 &&
                PyArray_DIM(x, PyArray_NDIM(x) - 1) == PyArray_DIM(weight, 1);
    if (fits && values[2] != Py_None) {
        bias = operand(values[2], 1, PyArray_TYPE(x));
        fits = bias && PyArray_DIM(bias, 0) == PyArray_DIM(weight, 0);
    }
    if (!fits) return go_on(way, args, nargsf, names);
    bool needs = is_set(engine.of_state.grad) && (needs_gradient(args[0]) || needs_gradient(args[1]) || needs_gradient(values[2]));
    PyObject *r = needs && is_set(engine.of_state.odd) ? NULL : linear_of(x, weight, bias);
    if (!r) return go_on_after_error(way, args, nargsf, names);
    PyObject *t = tensor_around(r);
    PyObject *name = PyArray_NDIM(x) == 2 ? PyTuple_GET_ITEM(way->named, bias != NULL) : Py_None;
    if (t && (!needs || (is_named(way->op, name) && record_values(way->op, values, 3, (Fields *)t, name) == 1))) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

/* Whether `o` is (plans, name). */
static bool is_entry(PyObject *o) {
    PyObject *plans = PyTuple_CheckExact(o) && PyTuple_GET_SIZE(o) == 2 ? PyTuple_GET_ITEM(o, 0) : NULL;
    return plans && PyTuple_CheckExact(plans) && PyTuple_GET_SIZE(plans) == 4;
}

static PyObject *matrix_product(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    bool fits = n == 3 && PyTuple_CheckExact(args[1]) && PyTuple_GET_SIZE(args[1]) == 4;
    for (isize i = 0; fits && i < 4; i++) fits = PyTuple_GET_ITEM(args[1], i) == Py_None || is_entry(PyTuple_GET_ITEM(args[1], i));
    if (!fits) return PyErr_Format(PyExc_TypeError, "matrix_product(op, ((plans, name) or None of (1, 1), (1, 2), (2, 1), (2, 2) dims), slow)");
    Way *way = new_way(call_product, args[0], args[2]);
    if (way) way->named = Py_NewRef(args[1]);
    return (PyObject *)way;
}

static PyObject *outer_product(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4 || !PyTuple_CheckExact(args[1]) || PyTuple_GET_SIZE(args[1]) != 4)
        return PyErr_Format(PyExc_TypeError, "outer_product(op, plans, column, slow)");
    Way *way = new_way(call_outer, args[0], args[3]);
    if (way) way->plan = Py_NewRef(args[1]), way->named = Py_NewRef(args[2]);
    return (PyObject *)way;
}

static PyObject *linear_layer(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3 || !PyTuple_CheckExact(args[1]) || PyTuple_GET_SIZE(args[1]) != 2)
        return PyErr_Format(PyExc_TypeError, "linear_layer(op, names, slow)");
    Way *way = new_way(call_linear, args[0], args[2]);
    if (way) way->named = Py_NewRef(args[1]);
    return (PyObject *)way;
}

PyMethodDef products_methods[] = {
    KERNEL(matrix_product, "matrix_product(op, entries, slow): (x, y) -> x @ y; an entry is (plans, name of the node) or None, for "
                           "(1, 1), (1, 2), (2, 1) and (2, 2) dims."),
    KERNEL(outer_product, "outer_product(op, plans, column, slow): (x, y) -> x.unsqueeze(1) * y of vectors; op records it."),
    KERNEL(linear_layer, "linear_layer(op, names, slow): (x, weight, bias) -> x @ weight.T + bias."),
    {0},
};
