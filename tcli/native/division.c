/* `x % y` and `x // y`: loops that round as PyTorch does, and their short ways, which are those of ops with a ufunc. What divides
   integers by zero, or needs a gradient, is left to Python. */
#include "quick.h"

#include <math.h>

/* ---------------------------------------------------------------- numbers */

/* The remainder has the sign of the divisor; 0 has that of the dividend. */
#define REMAINDER(T, fmod)                                            \
    static T remainder_##T(T a, T b) {                                \
        T r = fmod(a, b);                                             \
        return r != 0 && (b < 0) != (r < 0) ? r + b : r;              \
    }
REMAINDER(float, fmodf)
REMAINDER(double, fmod)

/* The quotient of what is left without the remainder, which is nearly whole. */
#define FLOORED(T, fmod, floor, copysign)                             \
    static T floored_##T(T a, T b) {                                  \
        if (b == 0) return a / b;                                     \
        T r = fmod(a, b), q = (a - r) / b;                            \
        if (r != 0 && (b < 0) != (r < 0)) q -= 1;                     \
        if (q == 0) return copysign(0, a / b);                        \
        T whole = floor(q);                                           \
        return q - whole > (T)0.5 ? whole + 1 : whole;                \
    }
FLOORED(float, fmodf, floorf, copysignf)
FLOORED(double, fmod, floor, copysign)

static int64_t remainder_int64_t(int64_t a, int64_t b) {
    if (b == 0 || b == -1) return 0;
    int64_t r = a % b;
    return r != 0 && (b < 0) != (r < 0) ? r + b : r;
}

static int64_t floored_int64_t(int64_t a, int64_t b) {
    if (b == 0) return 0;
    if (b == -1) return (int64_t)(0 - (uint64_t)a);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* ---------------------------------------------------------------- loops */

#define LOOP(name, T)                                                                                        \
    static void name##_loop_##T(char **args, const npy_intp *n, const npy_intp *steps, void *data) {         \
        (void)data;                                                                                          \
        for (npy_intp i = 0; i < *n; i++)                                                                    \
            *(T *)(args[2] + i * steps[2]) = name##_##T(*(T *)(args[0] + i * steps[0]), *(T *)(args[1] + i * steps[1])); \
    }
#define LOOPS(name) LOOP(name, float) LOOP(name, double) LOOP(name, int64_t)
LOOPS(remainder)
LOOPS(floored)

#define TABLE(name) {name##_loop_float, name##_loop_double, name##_loop_int64_t}

static PyUFuncGenericFunction loops[2][3] = {TABLE(remainder), TABLE(floored)};
static const char types[] = {NPY_FLOAT32, NPY_FLOAT32, NPY_FLOAT32, NPY_FLOAT64, NPY_FLOAT64, NPY_FLOAT64, NPY_INT64, NPY_INT64, NPY_INT64};

/* ---------------------------------------------------------------- the ways */

/* Whether an operand may be a divisor: a zero among integers may not. */
static bool divides(PyObject *o) {
    if (PyLong_CheckExact(o)) return PyObject_IsTrue(o) == 1;
    PyArrayObject *a = is_ready(o) ? array_of(o) : NULL;
    if (!a || kind_of(a) != OF_INT64) return true;
    if (!is_flat(a)) return false;
    const int64_t *numbers = PyArray_DATA(a);
    for (isize i = 0; i < PyArray_SIZE(a); i++)
        if (!numbers[i]) return false;
    return true;
}

static PyObject *call_division(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    bool fits = PyVectorcall_NARGS(nargsf) == 2 && !is_recorded(args[0]) && !is_recorded(args[1]) && divides(args[1]);
    return fits ? call_binary(self, args, nargsf, names) : go_on((Way *)self, args, nargsf, names);
}

static PyObject *dividing(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "dividing(op, floored, slow)");
    bool floored = args[1] == Py_True;
    PyObject *ufunc = PyUFunc_FromFuncAndData(loops[floored], NULL, types, 3, 2, 1, PyUFunc_None, floored ? "floored" : "remainder", NULL, 0);
    PyObject *all[] = {args[0], ufunc, Py_None, args[2]};
    Way *way = ufunc ? (Way *)make_pointwise(all, call_division) : NULL;
    Py_XDECREF(ufunc);
    if (way) way->integers = true;
    return (PyObject *)way;
}

PyMethodDef division_methods[] = {
    KERNEL(dividing, "dividing(op, floored, slow): (x, other) -> x // other, or x % other."),
    {0},
};
