/* The module of kernels. It is compiled for several levels of one processor; MODULE is the name of this one.
   This file alone is compiled for any processor: it refuses to load where the others would crash. */
#define NATIVE_MODULE
#include "native.h"

#include <numpy/ufuncobject.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

static bool runs_here(void) {
#if defined(LEVEL) && LEVEL >= 3
    __builtin_cpu_init();
#endif
#if defined(LEVEL) && LEVEL == 4
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#elif defined(LEVEL) && LEVEL == 3
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
    return true;
#endif
}

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, TEXT(MODULE), "Compiled kernels of tcli; see native.h.", -1, NULL, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC JOIN(PyInit_, MODULE)(void) {
    if (!runs_here()) return PyErr_Format(PyExc_ImportError, "this processor is not one that %s is compiled for", TEXT(MODULE));
    import_array();
    import_umath();
    PyMethodDef *tables[] = {
        pool_methods,
        reduce_methods,
        conv_methods,
        conv_weight_methods,
        pooling_methods,
        cells_methods,
        attention_methods,
        fields_methods,
        builtins_methods,
        fresh_methods,
        casts_methods,
        values_methods,
        nodes_methods,
        engine_methods,
        pointwise_methods,
        power_methods,
        division_methods,
        choices_methods,
        clamp_methods,
        writes_methods,
        options_methods,
        several_methods,
        views_methods,
        splits_methods,
        record_methods,
        products_methods,
        gradients_methods,
        rules_methods,
        small_methods,
        few_methods,
        sort_methods,
        select_methods,
        norms_methods,
        optim_methods,
        rows_methods,
        scan_methods,
        resample_methods,
        along_methods,
        index_methods,
        copies_methods,
        random_methods,
        program_methods,
        stacks_methods,
        lists_methods,
        joins_methods,
    };
    PyObject *m = PyModule_Create(&module);
    if (!m || !add_fields(m) || !add_ways(m) || !add_few(m) || PyModule_AddStringConstant(m, "sources", TEXT(SOURCES)) < 0) return NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (PyModule_AddFunctions(m, tables[i]) < 0) return NULL;
    return m;
}
