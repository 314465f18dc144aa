/* Python's builtins that serve tensors too: plain values go to Python's own at once, all else to a function in Python. */
#include "quick.h"

/* What is certainly no tensor, and holds none that would be treated in another way. */
static bool is_plain(PyObject *o) {
    PyTypeObject *type = Py_TYPE(o);
    return type == &PyFloat_Type || type == &PyLong_Type || type == &PyBool_Type || type == &PyList_Type || type == &PyTuple_Type ||
           type == &PyDict_Type || type == &PySet_Type || type == &PyRange_Type || type == &PyGen_Type;
}

/* Of reducers: the first argument is plain, and nothing has a name. */
static PyObject *call_reducer(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    if (PyVectorcall_NARGS(nargsf) && !names && is_plain(args[0])) return PyObject_Vectorcall(way->ufunc, args, nargsf, NULL);
    return go_on(way, args, nargsf, names);
}

/* Of functions of numbers: all arguments are. */
static PyObject *call_numeric(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Way *way = (Way *)self;
    isize n = PyVectorcall_NARGS(nargsf), i = 0;
    while (i < n && (PyFloat_CheckExact(args[i]) || PyLong_CheckExact(args[i]))) i++;
    if (n && i == n && !names) return PyObject_Vectorcall(way->ufunc, args, nargsf, NULL);
    return go_on(way, args, nargsf, names);
}

static PyObject *call_absolute(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    bool is_number = PyVectorcall_NARGS(nargsf) == 1 && !names && (PyFloat_CheckExact(args[0]) || PyLong_CheckExact(args[0]));
    return is_number ? PyNumber_Absolute(args[0]) : go_on((Way *)self, args, nargsf, names);
}

static bool is_named_abs(PyObject *function) {
    return PyCFunction_CheckExact(function) && strcmp(((PyCFunctionObject *)function)->m_ml->ml_name, "abs") == 0;
}

static PyObject *shared_builtin(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 3) return PyErr_Format(PyExc_TypeError, "shared_builtin(builtin, of_numbers, slow)");
    vectorcallfunc call = is_named_abs(args[0]) ? call_absolute : args[1] == Py_True ? call_numeric : call_reducer;
    Way *way = new_way(call, Py_None, args[2]);
    if (way) way->ufunc = Py_NewRef(args[0]);
    return (PyObject *)way;
}

PyMethodDef builtins_methods[] = {
    KERNEL(shared_builtin, "shared_builtin(builtin, of_numbers, slow): the builtin for plain values, `slow` for all others."),
    {0},
};
