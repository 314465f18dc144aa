/* The short way of ops with a ufunc of one or two operands.

   NumPy spends a third of a microsecond on finding the loop of a ufunc and the shape of its result. Both are plain here: the
   loop of each dtype is looked up once, and the operands are of one shape, numbers, or rows beside a matrix. The loop itself is
   NumPy's, so the values are. */
#include "quick.h"

static const int NUMBERS[] = {NPY_FLOAT32, NPY_FLOAT64, NPY_INT64};

/* ---------------------------------------------------------------- loops */

#define RELU(T)                                                                            \
    static void relu_##T(char **args, const npy_intp *n, const npy_intp *steps, void *data) { \
        const T *x = (const T *)args[0];                                                   \
        T *out = (T *)args[1];                                                             \
        (void)steps, (void)data;                                                           \
        for (npy_intp i = 0; i < *n; i++) out[i] = x[i] < 0 ? 0 : x[i];                  \
    }
RELU(float)
RELU(double)

static Loop exp_loops[2];

#define SIGMOID(T, kind)                                                                      \
    static void sigmoid_##T(char **args, const npy_intp *n, const npy_intp *steps, void *data) { \
        const T *x = (const T *)args[0];                                                      \
        T *out = (T *)args[1];                                                                \
        char *in_place[] = {args[1], args[1]};                                                \
        (void)data;                                                                           \
        for (npy_intp i = 0; i < *n; i++) out[i] = -x[i];                                     \
        exp_loops[kind].fn(in_place, n, steps, exp_loops[kind].data);                         \
        for (npy_intp i = 0; i < *n; i++) out[i] = 1 / (1 + out[i]);                          \
    }
SIGMOID(float, OF_FLOAT32)
SIGMOID(double, OF_FLOAT64)

/* Of two operands, which may be single numbers: g and what tanh or sigmoid gave. */
#define OF_PAIR(name, T, EXPR)                                                                  \
    static void name##_##T(char **args, const npy_intp *n, const npy_intp *steps, void *data) { \
        (void)data;                                                                             \
        for (npy_intp i = 0; i < *n; i++) {                                                     \
            const T g = *(const T *)(args[0] + i * steps[0]), out = *(const T *)(args[1] + i * steps[1]); \
            *(T *)(args[2] + i * steps[2]) = EXPR;                                              \
        }                                                                                       \
    }
OF_PAIR(tanh_adjoint, float, (1 - out * out) * g)
OF_PAIR(tanh_adjoint, double, (1 - out * out) * g)
OF_PAIR(sigmoid_adjoint, float, g * ((1 - out) * out))
OF_PAIR(sigmoid_adjoint, double, g * ((1 - out) * out))

/* The loops of ops that NumPy has no ufunc for, by the names of the ops: of flat arrays alone. */
static const struct {
    const char *name;
    PyUFuncGenericFunction of_float32, of_float64;
} own_loops[] = {{"relu", relu_float, relu_double},
                 {"sigmoid", sigmoid_float, sigmoid_double},
                 {"_tanh_adjoint", tanh_adjoint_float, tanh_adjoint_double},
                 {"_sigmoid_adjoint", sigmoid_adjoint_float, sigmoid_adjoint_double}};

static void find_own_loops(Way *way) {
    PyObject *name = PyObject_GetAttrString(way->op, "name");
    for (size_t i = 0; name && PyUnicode_Check(name) && i < sizeof own_loops / sizeof *own_loops; i++)
        if (PyUnicode_CompareWithASCIIString(name, own_loops[i].name) == 0) {
            way->loops[OF_FLOAT32] = (Loop){own_loops[i].of_float32, NULL, NPY_FLOAT32};
            way->loops[OF_FLOAT64] = (Loop){own_loops[i].of_float64, NULL, NPY_FLOAT64};
        }
    PyErr_Clear();
    Py_XDECREF(name);
}

static void find_loops(Way *way) {
    PyUFuncObject *u = (PyUFuncObject *)way->ufunc;
    if (!PyObject_TypeCheck(way->ufunc, &PyUFunc_Type)) {
        find_own_loops(way);
        return;
    }
    if (u->nout != 1 || u->nin > 2) return;
    for (int d = 0; d < 3; d++)
        for (int i = 0; i < u->ntypes; i++) {
            const char *types = u->types + i * u->nargs;
            if (types[0] != NUMBERS[d] || types[u->nin - 1] != NUMBERS[d]) continue;
            way->loops[d] = (Loop){u->functions[i], u->data ? u->data[i] : NULL, types[u->nin]};
            break;
        }
}

/* Takes note of the loops of `exp` when it is made: others are built on them. */
static void keep_exp_loops(PyObject *ufunc) {
    Way way = {.ufunc = ufunc};
    find_loops(&way);
    memcpy(exp_loops, way.loops, sizeof exp_loops);
}

static PyObject *empty_like_shape(PyArrayObject *a, int type) {
    return PyArray_EMPTY(PyArray_NDIM(a), PyArray_DIMS(a), type, 0);
}

/* ---------------------------------------------------------------- one operand */

static PyObject *apply_one(Way *way, PyArrayObject *a, int kind) {
    Loop *loop = &way->loops[kind];
    if (!loop->fn || !is_flat(a)) {
        PyObject *r = PyObject_CallOneArg(way->ufunc, (PyObject *)a);
        return r && !PyArray_CheckExact(r) ? PyArray_FromAny(r, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL) : r;
    }
    PyObject *r = empty_like_shape(a, loop->out);
    npy_intp n = PyArray_SIZE(a);
    if (!r || !n) return r;
    char *data[] = {PyArray_BYTES(a), PyArray_BYTES((PyArrayObject *)r)};
    npy_intp steps[] = {PyArray_ITEMSIZE(a), PyArray_ITEMSIZE((PyArrayObject *)r)};
    loop->fn(data, &n, steps, loop->data);
    return r;
}

static bool record_one(Way *way, PyObject *x, PyObject *t) {
    PyObject *edge = edge_to((Fields *)x);
    PyObject *saved = edge ? saved_values(way->plan, x, edge, NULL, NULL, NULL, (Fields *)t) : NULL;
    PyObject *edges = saved ? PyTuple_Pack(1, edge) : NULL;
    Py_XDECREF(edge);
    if (edges) return record_node((Fields *)t, way->op, way->plan, edges, saved, Py_None);
    Py_XDECREF(saved);
    return false;
}

static PyObject *call_unary(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    if (PyVectorcall_NARGS(nargsf) != 1 || names || !is_ready(args[0])) return go_on(way, args, nargsf, names);
    PyObject *x = args[0];
    PyArrayObject *a = array_of(x);
    int kind = a ? kind_of(a) : -1;
    bool records = ((Fields *)x)->rg == Py_True && way->plan != Py_None && is_set(engine.of_state.grad);
    if (kind < 0 || kind == OF_INT64 || (records && (!way->alone || is_set(engine.of_state.odd))))
        return go_on(way, args, nargsf, names);
    PyObject *t = tensor_around(apply_one(way, a, kind));
    if (t && (!records || record_one(way, x, t))) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- two operands */

/* One side of a binary op: an array, or a number beside one. */
typedef struct {
    PyArrayObject *a;
    Number number;
} Side;

bool as_number(PyObject *o, int kind, bool integers, Number *number) {
    double value;
    if (kind == OF_INT64) {
        if (!integers || !PyLong_CheckExact(o)) return false;
        int overflow = 0;
        number->i = PyLong_AsLongLongAndOverflow(o, &overflow);
        return !overflow;
    }
    if (PyFloat_CheckExact(o)) value = PyFloat_AS_DOUBLE(o);
    else if (PyLong_CheckExact(o)) {
        value = PyLong_AsDouble(o);
        if (value == -1 && PyErr_Occurred()) {
            PyErr_Clear();
            return false;
        }
    } else return false;
    if (kind == OF_FLOAT32) number->f = (float)value;
    else number->d = value;
    return true;
}

/* Runs the loop where the sides are of one shape or one of them is a single number. */
static PyObject *apply_flat(Loop *loop, Side *x, Side *y, PyArrayObject *like, int size) {
    PyObject *r = empty_like_shape(like, loop->out);
    npy_intp n = PyArray_SIZE(like);
    if (!r || !n) return r;
    bool x_one = !x->a || PyArray_NDIM(x->a) == 0, y_one = !y->a || PyArray_NDIM(y->a) == 0;
    char *data[] = {x->a ? PyArray_BYTES(x->a) : (char *)&x->number, y->a ? PyArray_BYTES(y->a) : (char *)&y->number,
                    PyArray_BYTES((PyArrayObject *)r)};
    npy_intp steps[] = {x_one ? 0 : size, y_one ? 0 : size, PyArray_ITEMSIZE((PyArrayObject *)r)};
    if (n == 1) steps[0] = steps[1] = size;
    loop->fn(data, &n, steps, loop->data);
    return r;
}

/* The same for a matrix and a row. */
static PyObject *apply_rows(Loop *loop, PyArrayObject *x, PyArrayObject *y, PyArrayObject *like, int size) {
    PyObject *r = empty_like_shape(like, loop->out);
    if (!r || !PyArray_SIZE(like)) return r;
    npy_intp width = PyArray_DIM(like, 1), out = PyArray_ITEMSIZE((PyArrayObject *)r), steps[] = {size, size, out};
    for (npy_intp i = 0; i < PyArray_DIM(like, 0); i++) {
        char *data[] = {PyArray_BYTES(x) + (x == like ? i * width * size : 0),
                        PyArray_BYTES(y) + (y == like ? i * width * size : 0),
                        PyArray_BYTES((PyArrayObject *)r) + i * width * out};
        npy_intp n = width;
        loop->fn(data, &n, steps, loop->data);
    }
    return r;
}

static bool is_row_of(PyArrayObject *row, PyArrayObject *matrix) {
    int n = PyArray_NDIM(row);
    return PyArray_NDIM(matrix) == 2 && (n == 1 || (n == 2 && PyArray_DIM(row, 0) == 1)) &&
           PyArray_DIM(row, n - 1) == PyArray_DIM(matrix, 1);
}

static PyObject *apply_two(Way *way, Side *x, Side *y, int kind, PyObject *const *args) {
    Loop *loop = &way->loops[kind];
    PyArrayObject *a = x->a, *b = y->a;
    int size = kind == OF_FLOAT32 ? 4 : 8;
    if (loop->fn && (!a || is_flat(a)) && (!b || is_flat(b))) {
        if (!a || !b) return apply_flat(loop, x, y, a ? a : b, size);
        if (same_shape(a, b) || PyArray_NDIM(b) == 0) return apply_flat(loop, x, y, a, size);
        if (PyArray_NDIM(a) == 0) return apply_flat(loop, x, y, b, size);
        if (is_row_of(b, a)) return apply_rows(loop, a, b, a, size);
        if (is_row_of(a, b)) return apply_rows(loop, a, b, b, size);
    }
    PyObject *sides[] = {a ? (PyObject *)a : args[0], b ? (PyObject *)b : args[1]};
    PyObject *r = PyObject_Vectorcall(way->ufunc, sides, 2, NULL);
    if (!r || PyArray_CheckExact(r)) return r;
    PyObject *array = PyArray_FromAny(r, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
    Py_DECREF(r);
    return array;
}

static PyObject *call_two(PyObject *function, PyObject *x, PyObject *y, PyObject *t) {
    return PyObject_CallFunctionObjArgs(function, x, y, t, NULL);
}

/* Whether one side is of float32 and the other one of float64, of the same shape, and both lie flat; neither of them is a number
   without dims, which would not count. */
static bool is_mixed(const Side *sides, const int *kinds) {
    PyArrayObject *a = sides[0].a, *b = sides[1].a;
    return a && b && kinds[0] != kinds[1] && kinds[0] != OF_INT64 && kinds[1] != OF_INT64 && PyArray_NDIM(a) && same_shape(a, b) &&
           is_flat(a) && is_flat(b);
}

/* The result in float64, for tensors that need no gradient. */
static PyObject *apply_mixed(Way *way, Side *sides, const int *kinds, PyObject *const *args) {
    Side *narrow = &sides[kinds[1] == OF_FLOAT32];
    PyObject *wide = PyArray_CastToType(narrow->a, PyArray_DescrFromType(NPY_FLOAT64), 0);
    if (!wide) return NULL;
    narrow->a = (PyArrayObject *)wide;
    PyObject *r = apply_two(way, &sides[0], &sides[1], OF_FLOAT64, args);
    Py_DECREF(wide);
    return tensor_around(r);
}

PyObject *call_binary(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    if (PyVectorcall_NARGS(nargsf) != 2 || names) return go_on(way, args, nargsf, names);
    Side sides[2] = {0};
    int kinds[2] = {-1, -1};
    bool needs[2] = {false, false};
    for (int i = 0; i < 2; i++)
        if (is_ready(args[i])) {
            sides[i].a = array_of(args[i]);
            kinds[i] = sides[i].a ? kind_of(sides[i].a) : -1;
            needs[i] = ((Fields *)args[i])->rg == Py_True;
            if (kinds[i] < 0) return go_on(way, args, nargsf, names);
        }
    if (is_mixed(sides, kinds) && !((needs[0] || needs[1]) && is_set(engine.of_state.grad)) && !is_set(engine.of_state.inference)) {
        PyObject *t = apply_mixed(way, sides, kinds, args);
        return t ? t : go_on_after_error(way, args, nargsf, names);
    }
    int kind = max_of(kinds[0], kinds[1]);
    if (kind < 0 || (kind == OF_INT64 && !way->integers)) return go_on(way, args, nargsf, names);
    for (int i = 0; i < 2; i++)
        if (sides[i].a ? kinds[i] != kind : !as_number(args[i], kind, way->integers, &sides[i].number))
            return go_on(way, args, nargsf, names);
    bool records = (needs[0] || needs[1]) && way->plan != Py_None && is_set(engine.of_state.grad);
    if (records && (!way->alone || is_set(engine.of_state.odd))) return go_on(way, args, nargsf, names);
    PyObject *r = apply_two(way, &sides[0], &sides[1], kind, args);
    PyObject *t = tensor_around(r);
    bool well = t && (!records || record_two(way, args[0], args[1], t));
    if (well && sides[0].a && sides[1].a &&
        PyArray_SIZE((PyArrayObject *)r) > PyArray_SIZE(sides[0].a) + PyArray_SIZE(sides[1].a)) {
        PyObject *noted = call_two(engine.note_expansion, args[0], args[1], t);
        if (!noted) {
            Py_DECREF(t);
            return NULL;
        }
        Py_DECREF(noted);
    }
    if (well) return t;
    Py_XDECREF(t);
    return go_on_after_error(way, args, nargsf, names);
}

/* ---------------------------------------------------------------- what Python calls */

/* Whether a plan keeps but what `saved_values` knows, beside `options`. */
static bool keeps_plain(PyObject *plan, PyObject *options) {
    PyObject *saves = SLOT(plan, engine.saves);
    bool plain = PyList_CheckExact(saves);
    for (isize i = 0; plain && i < PyList_GET_SIZE(saves); i++) {
        PyObject *fetch = PyList_GET_ITEM(saves, i), *option = option_of(fetch, options);
        plain = fetch == engine.first || fetch == engine.second || fetch == engine.result || fetch == engine.shape || option;
        Py_XDECREF(option);
    }
    return plain;
}

PyObject *make_pointwise(PyObject *const *args, vectorcallfunc call) {
    Way *way = new_way(call, args[0], args[3]);
    if (!way) return NULL;
    Py_INCREF(args[1]), Py_INCREF(args[2]);
    way->ufunc = args[1], way->plan = args[2];
    way->alone = true;
    find_loops(way);
    if (!exp_loops[0].fn) {
        PyObject *ufunc = PyObject_GetAttrString(engine.numpy, "exp");
        if (ufunc) keep_exp_loops(ufunc);
        Py_XDECREF(ufunc);
        if (!exp_loops[0].fn || !exp_loops[1].fn) memset(way->loops, 0, sizeof way->loops);
    }
    return (PyObject *)way;
}

static PyObject *unary(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4) return PyErr_Format(PyExc_TypeError, "unary(op, ufunc, plan, slow)");
    Way *way = (Way *)make_pointwise(args, call_unary);
    if (way && way->plan != Py_None) way->alone = keeps_plain(way->plan, NULL);
    return (PyObject *)way;
}

static PyObject *binary(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 6 || !PyTuple_CheckExact(args[5]) || (args[2] != Py_None && (!PyTuple_CheckExact(args[2]) || PyTuple_GET_SIZE(args[2]) != 4)))
        return PyErr_Format(PyExc_TypeError, "binary(op, ufunc, plans, slow, integers, options)");
    Way *way = (Way *)make_pointwise(args, call_binary);
    if (!way) return NULL;
    way->integers = args[4] == Py_True;
    way->memory = Py_NewRef(args[5]);
    for (int i = 1; i < 4 && way->plan != Py_None; i++)
        way->alone = way->alone && keeps_plain(PyTuple_GET_ITEM(way->plan, i), args[5]);
    return (PyObject *)way;
}

PyMethodDef pointwise_methods[] = {
    KERNEL(unary, "unary(op, ufunc, plan, slow): the function of an op on one tensor."),
    KERNEL(binary, "binary(op, ufunc, plans, slow, integers, options): (x, other) of an op on two operands."),
    {0},
};
