/* Gradient rules of the commonest ops on small arrays: one call and one loop each, where Python and NumPy take several.

   A rule is `(k, g, values...)` as a declaration has it in `raw_vjp` (engine/registry.py puts the one from here in its place), and
   rounds what that one rounds. What it does not take (arrays with gaps, other shapes, other options) goes to the Python function. */
#include "quick.h"

#include <stddef.h>

#define MOST (1 << 14) /* elements */
#define FEW 4096       /* multiplications of a product of matrices; more are those of BLAS */

/* What a rule makes of g and the values; NULL without an error for what it does not take. */
typedef PyObject *(*rule_fn)(PyArrayObject *g, PyObject *const *values);

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    rule_fn fn;
    int count; /* of values */
    PyObject *slow;
} Rule;

#define IS_FLOAT(a) (PyArray_TYPE(a) == NPY_FLOAT32)
#define DATA(o) PyArray_DATA((PyArrayObject *)(o))

static PyObject *like(PyArrayObject *a) { return PyArray_EMPTY(PyArray_NDIM(a), PyArray_DIMS(a), PyArray_TYPE(a), 0); }

static bool is_one(PyObject *o) { return PyLong_CheckExact(o) && o == engine.one; }

/* ---------------------------------------------------------------- elementwise */

/* What stands beside g: an array of its shape (width is its size), a row or a number, repeated. */
typedef struct {
    const void *data;
    isize width, step;
    Number number;
} Beside;

static bool stands_beside(PyArrayObject *g, PyObject *o, Beside *beside) {
    PyArrayObject *a = flat_of(o, PyArray_TYPE(g));
    *beside = (Beside){.width = PyArray_SIZE(g)};
    if (!a) {
        beside->data = &beside->number;
        return as_number(o, IS_FLOAT(g) ? OF_FLOAT32 : OF_FLOAT64, false, &beside->number);
    }
    int n = PyArray_NDIM(a);
    beside->data = PyArray_DATA(a), beside->step = n > 0;
    if (n == 0 || same_shape(a, g)) return true;
    if (n > PyArray_NDIM(g) || PyArray_DIM(a, n - 1) != PyArray_SIZE(a)) return false;
    beside->width = PyArray_SIZE(a);
    return PyArray_DIM(a, n - 1) == PyArray_DIM(g, PyArray_NDIM(g) - 1);
}

/* out = EXPR of g and a, elementwise. */
#define ELEMENTWISE(name, T, EXPR)                                                                   \
    static void name##_##T(const T *RESTRICT gs, const Beside *beside, T *RESTRICT out, isize n) {   \
        const T *as = beside->data;                                                                  \
        for (isize i = 0; i < n; i += beside->width)                                                 \
            for (isize j = 0; j < beside->width; j++) {                                              \
                const T g = gs[i + j], a = as[j * beside->step];                                     \
                out[i + j] = EXPR;                                                                   \
            }                                                                                        \
    }
#define RULE(name, EXPR)                                                                             \
    ELEMENTWISE(name, float, EXPR)                                                                   \
    ELEMENTWISE(name, double, EXPR)                                                                  \
    static PyObject *name(PyArrayObject *g, PyObject *const *values) {                               \
        Beside beside;                                                                               \
        PyObject *out = stands_beside(g, values[0], &beside) ? like(g) : NULL;                       \
        if (out && IS_FLOAT(g)) name##_float(DATA(g), &beside, DATA(out), PyArray_SIZE(g));          \
        else if (out) name##_double(DATA(g), &beside, DATA(out), PyArray_SIZE(g));                   \
        return out;                                                                                  \
    }
RULE(product, g * a)
RULE(quotient, g / a)
RULE(negative_product, g * -a)
RULE(negated, ((void)a, -g))
RULE(of_sqrt, g / (a * 2))
RULE(of_square, g * (a * 2))
RULE(of_tanh, g * (1 - a * a))
RULE(of_sigmoid, g * ((1 - a) * a))
RULE(of_relu, a != 0 ? g : 0)
RULE(of_abs, g * (a > 0 ? 1 : a < 0 ? -1 : a == 0 ? 0 : a))
RULE(of_power_2, g * (a + a))
RULE(of_power_3, g * (3 * (a * a)))
RULE(of_power_4, g * (4 * (a * a * a)))

static PyObject *same(PyArrayObject *g, PyObject *const *values) {
    (void)values;
    return Py_NewRef((PyObject *)g);
}

static PyObject *scaled(PyArrayObject *g, PyObject *const *values) {
    return is_one(values[0]) ? same(g, values) : product(g, values);
}

static PyObject *negative(PyArrayObject *g, PyObject *const *values) {
    (void)values;
    return negated(g, &engine.one);
}

static PyObject *scaled_down(PyArrayObject *g, PyObject *const *values) {
    return is_one(values[0]) ? negative(g, values) : negative_product(g, values);
}

/* (x, exponent) */
static PyObject *of_power(PyArrayObject *g, PyObject *const *values) {
    double exponent = PyFloat_CheckExact(values[1])  ? PyFloat_AS_DOUBLE(values[1])
                      : PyLong_CheckExact(values[1]) ? PyLong_AsDouble(values[1])
                                                     : 0;
    if (PyErr_Occurred()) PyErr_Clear();
    rule_fn fn = exponent == 2 ? of_power_2 : exponent == 3 ? of_power_3 : exponent == 4 ? of_power_4 : NULL;
    return fn && PyArray_CheckExact(values[0]) ? fn(g, values) : NULL;
}

/* ---------------------------------------------------------------- shapes */

static bool as_dims(PyObject *shape, npy_intp *dims, int *n) {
    if (!PyTuple_Check(shape) || PyTuple_GET_SIZE(shape) > NPY_MAXDIMS) return false;
    *n = (int)PyTuple_GET_SIZE(shape);
    for (int i = 0; i < *n; i++) {
        dims[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, i));
        if (dims[i] < 0) return PyErr_Clear(), false;
    }
    return true;
}

/* (x_shape) */
static PyObject *reshaped(PyArrayObject *g, PyObject *const *values) {
    npy_intp dims[NPY_MAXDIMS];
    PyArray_Dims shape = {dims, 0};
    return as_dims(values[0], dims, &shape.len) ? PyArray_Newshape(g, &shape, NPY_CORDER) : NULL;
}

#define SPREAD(T)                                                                                    \
    static void spread_##T(const T *g, T *out, isize outer, isize n, isize inner, T share) {         \
        for (isize i = 0; i < outer; i++, g += inner)                                                \
            for (isize j = 0; j < n; j++, out += inner)                                              \
                for (isize k = 0; k < inner; k++) out[k] = g[k] / share;                             \
    }
SPREAD(float)
SPREAD(double)

/* The one dim of a reduction; -1 for all of them. False for several. */
static bool one_dim(PyObject *dim, int ndim, int *found) {
    if (PyTuple_CheckExact(dim) && PyTuple_GET_SIZE(dim) == 1) dim = PyTuple_GET_ITEM(dim, 0);
    *found = -1;
    if (dim == Py_None) return true;
    if (!PyLong_CheckExact(dim)) return false;
    long d = PyLong_AsLong(dim);
    if (d < 0) d += ndim;
    *found = (int)d;
    return !PyErr_Occurred() && d >= 0 && d < ndim;
}

/* (x_shape, dim, keepdim): each number of a sum, or of a mean its share, for all that it was made of. */
static PyObject *spread(PyArrayObject *g, PyObject *const *values, bool mean) {
    npy_intp dims[NPY_MAXDIMS];
    int ndim, dim;
    if (!as_dims(values[0], dims, &ndim) || !one_dim(values[1], ndim, &dim)) return PyErr_Clear(), NULL;
    isize outer = 1, n = 1, inner = 1;
    for (int i = 0; i < ndim; i++) *(dim < 0 || i == dim ? &n : i < dim ? &outer : &inner) *= dims[i];
    if (!n || outer * n * inner > MOST || PyArray_SIZE(g) != outer * inner) return NULL;
    PyObject *out = PyArray_EMPTY(ndim, dims, PyArray_TYPE(g), 0);
    if (out && IS_FLOAT(g)) spread_float(DATA(g), DATA(out), outer, n, inner, mean ? (float)n : 1);
    else if (out) spread_double(DATA(g), DATA(out), outer, n, inner, mean ? (double)n : 1);
    return out;
}

static PyObject *of_sum(PyArrayObject *g, PyObject *const *values) { return spread(g, values, false); }
static PyObject *of_mean(PyArrayObject *g, PyObject *const *values) { return spread(g, values, true); }

/* ---------------------------------------------------------------- products of matrices */

#define PRODUCT(T)                                                                                   \
    /* out = x @ y where x is (m, k) with those strides, y is (k, n) with those */                   \
    static void multiply_##T(const T *x, isize xi, isize xl, const T *y, isize yl, isize yj, T *out, isize m, isize k, isize n) { \
        for (isize i = 0; i < m; i++)                                                                \
            for (isize j = 0; j < n; j++) {                                                          \
                T sum = 0;                                                                           \
                for (isize l = 0; l < k; l++) sum += x[i * xi + l * xl] * y[l * yl + j * yj];        \
                out[i * n + j] = sum;                                                                \
            }                                                                                        \
    }
PRODUCT(float)
PRODUCT(double)

/* x @ y of two flat matrices, or of their transposes. */
static PyObject *multiplied(PyArrayObject *x, bool x_turned, PyArrayObject *y, bool y_turned) {
    if (PyArray_NDIM(x) != 2 || PyArray_NDIM(y) != 2) return NULL;
    isize xc = PyArray_DIM(x, 1), yc = PyArray_DIM(y, 1), m = PyArray_DIM(x, x_turned), k = PyArray_DIM(x, !x_turned);
    npy_intp dims[] = {m, PyArray_DIM(y, !y_turned)};
    if (PyArray_DIM(y, y_turned) != k || m * k * dims[1] > FEW) return NULL;
    PyObject *out = PyArray_EMPTY(2, dims, PyArray_TYPE(x), 0);
    isize xi = x_turned ? 1 : xc, xl = x_turned ? xc : 1, yl = y_turned ? 1 : yc, yj = y_turned ? yc : 1;
    if (out && IS_FLOAT(x)) multiply_float(DATA(x), xi, xl, DATA(y), yl, yj, DATA(out), m, k, dims[1]);
    else if (out) multiply_double(DATA(x), xi, xl, DATA(y), yl, yj, DATA(out), m, k, dims[1]);
    return out;
}

/* (y): of x in x @ y */
static PyObject *by_right(PyArrayObject *g, PyObject *const *values) {
    PyArrayObject *y = flat_of(values[0], PyArray_TYPE(g));
    return y ? multiplied(g, false, y, true) : NULL;
}

/* (x): of y in x @ y */
static PyObject *by_left(PyArrayObject *g, PyObject *const *values) {
    PyArrayObject *x = flat_of(values[0], PyArray_TYPE(g));
    return x ? multiplied(x, true, g, false) : NULL;
}

/* (x_shape, y, y_shape) */
static PyObject *of_matmul_x(PyArrayObject *g, PyObject *const *values) { return by_right(g, values + 1); }

/* (weight, weight_shape): of x in x @ weight.T */
static PyObject *of_linear_x(PyArrayObject *g, PyObject *const *values) {
    PyArrayObject *weight = flat_of(values[0], PyArray_TYPE(g));
    return weight ? multiplied(g, false, weight, false) : NULL;
}

/* (x, weight_shape) */
static PyObject *of_linear_weight(PyArrayObject *g, PyObject *const *values) {
    PyArrayObject *x = flat_of(values[0], PyArray_TYPE(g));
    bool matrix = PyTuple_Check(values[1]) && PyTuple_GET_SIZE(values[1]) == 2;
    return x && matrix ? multiplied(g, true, x, false) : NULL;
}

/* ---------------------------------------------------------------- the rules */

/* By op and operand, and how many values each is called with. */
static const struct {
    const char *name;
    rule_fn fn;
    int count;
} rules[] = {
    {"add.x", same, 0},
    {"add.other", scaled, 1},
    {"sub.x", same, 0},
    {"sub.other", scaled_down, 1},
    {"rsub.x", scaled_down, 1},
    {"rsub.other", same, 0},
    {"mul.x", product, 1},
    {"mul.other", product, 1},
    {"_true_divide.x", quotient, 1},
    {"neg.x", negative, 0},
    {"pow.x", of_power, 2},
    {"square.x", of_square, 1},
    {"exp.x", product, 1},
    {"log.x", quotient, 1},
    {"sqrt.x", of_sqrt, 1},
    {"abs.x", of_abs, 1},
    {"tanh.x", of_tanh, 1},
    {"sigmoid.x", of_sigmoid, 1},
    {"relu.x", of_relu, 1},
    {"sum.x", of_sum, 3},
    {"mean.x", of_mean, 3},
    {"_view.x", reshaped, 1},
    {"reshape.x", reshaped, 1},
    {"matmul.x", of_matmul_x, 3},
    {"matmul.other", by_left, 3},
    {"mm.x", by_right, 1},
    {"mm.mat2", by_left, 1},
    {"linear.x", of_linear_x, 2},
    {"linear.weight", of_linear_weight, 2},
    {"linear.bias", same, 0},
};

static PyObject *call_rule(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Rule *rule = (Rule *)self;
    PyArrayObject *g = PyVectorcall_NARGS(nargsf) == 2 + rule->count && !names ? flat_array(args[1]) : NULL;
    int type = g ? PyArray_TYPE(g) : -1;
    if ((type == NPY_FLOAT32 || type == NPY_FLOAT64) && PyArray_SIZE(g) <= MOST) {
        PyObject *r = rule->fn(g, args + 2);
        if (r || PyErr_Occurred()) return r;
    }
    return PyObject_Vectorcall(rule->slow, args, nargsf, names);
}

static void dealloc(PyObject *self) {
    Py_DECREF(((Rule *)self)->slow);
    PyObject_Free(self);
}

static PyTypeObject Rule_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tcli.native.Rule",
    .tp_doc = "A gradient rule on small arrays.",
    .tp_basicsize = sizeof(Rule),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Rule, call),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = dealloc,
};

static PyObject *rule(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2 || !PyUnicode_Check(args[0])) return PyErr_Format(PyExc_TypeError, "rule(name, slow)");
    if (PyType_Ready(&Rule_Type) < 0) return NULL;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (PyUnicode_CompareWithASCIIString(args[0], rules[i].name) != 0) continue;
        Rule *made = PyObject_New(Rule, &Rule_Type);
        if (!made) return NULL;
        made->call = call_rule, made->fn = rules[i].fn, made->count = rules[i].count, made->slow = Py_NewRef(args[1]);
        return (PyObject *)made;
    }
    Py_RETURN_FALSE;
}

PyMethodDef rules_methods[] = {
    KERNEL(rule, "rule(\"op.operand\", slow): the rule on arrays of that operand; False where there is none."),
    {0},
};
