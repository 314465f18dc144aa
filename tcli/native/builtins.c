/* Python's builtins that serve tensors too: plain values go to Python's own at once, all else to a function in Python.

   They are builtin functions themselves, which the interpreter calls in fewer steps than any other object. */
#include "native.h"

typedef struct {
    PyObject *own, *other; /* Python's builtin; the function for all but plain values */
} Shared;

/* What is certainly no tensor, and holds none that would be treated in another way. */
static bool is_plain(PyObject *o) {
    PyTypeObject *type = Py_TYPE(o);
    return type == &PyFloat_Type || type == &PyLong_Type || type == &PyBool_Type || type == &PyList_Type || type == &PyTuple_Type ||
           type == &PyDict_Type || type == &PySet_Type || type == &PyRange_Type || type == &PyGen_Type;
}

static bool is_number(PyObject *o) { return PyFloat_CheckExact(o) || PyLong_CheckExact(o); }

/* Of reducers: the first argument is plain, and nothing has a name. */
static PyObject *reducer(const Shared *of, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    return PyObject_Vectorcall(n && !names && is_plain(args[0]) ? of->own : of->other, args, n, names);
}

/* Of functions of numbers: all arguments are. */
static PyObject *numeric(const Shared *of, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    Py_ssize_t i = 0;
    while (i < n && is_number(args[i])) i++;
    return PyObject_Vectorcall(n && i == n && !names ? of->own : of->other, args, n, names);
}

static PyObject *absolute(const Shared *of, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    return n == 1 && !names && is_number(args[0]) ? PyNumber_Absolute(args[0]) : PyObject_Vectorcall(of->other, args, n, names);
}

#define EVERY_BUILTIN(DO) \
    DO(sum, reducer) DO(max, reducer) DO(min, reducer) DO(all, reducer) DO(any, reducer) DO(round, numeric) DO(pow, numeric) DO(abs, absolute)

#define FUNCTION(name, kind)                                                                                  \
    static Shared of_##name;                                                                                  \
    static PyObject *shared_##name(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {    \
        (void)self;                                                                                           \
        return kind(&of_##name, args, n, names);                                                              \
    }
EVERY_BUILTIN(FUNCTION)

#define ENTRY(name, kind) {&of_##name, {#name, (PyCFunction)(void (*)(void))shared_##name, METH_FASTCALL | METH_KEYWORDS, NULL}},

static struct {
    Shared *of;
    PyMethodDef def;
} builtins[] = {EVERY_BUILTIN(ENTRY)};

static PyObject *shared_builtin(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 4 || !PyUnicode_CheckExact(args[0]) || !PyUnicode_CheckExact(args[1]))
        return PyErr_Format(PyExc_TypeError, "shared_builtin(name, doc, own, other)");
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (PyUnicode_CompareWithASCIIString(args[0], builtins[i].def.ml_name) != 0) continue;
        builtins[i].def.ml_doc = PyUnicode_AsUTF8(Py_NewRef(args[1]));
        Py_XSETREF(builtins[i].of->own, Py_NewRef(args[2]));
        Py_XSETREF(builtins[i].of->other, Py_NewRef(args[3]));
        return PyCFunction_NewEx(&builtins[i].def, NULL, NULL);
    }
    Py_RETURN_FALSE;
}

PyMethodDef builtins_methods[] = {
    KERNEL(shared_builtin, "shared_builtin(name, doc, own, other): the builtin of that name, `own` for plain values, `other` for all else."),
    {0},
};
