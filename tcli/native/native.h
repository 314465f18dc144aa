/* What all kernels share: arrays of NumPy, the pool of threads, the tables of functions.

   A kernel is called from Python with arrays that the caller has made ready, and looks at them once more, for a wrong
   guess here is a crash. It answers True when it has done the work, and False for what it does not take (another dtype,
   an array with gaps): the caller then goes on with NumPy. It raises only what no caller can mend.

   What is computed must not depend on the number of threads: work is cut into blocks by its size alone, and the results
   of blocks are combined in the order of their numbers. */
#ifndef TCLI_NATIVE_H
#define TCLI_NATIVE_H

#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL tcli_native_array_api
#define PY_UFUNC_UNIQUE_SYMBOL tcli_native_ufunc_api
#ifndef NATIVE_MODULE
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <Python.h>
#include <numpy/arrayobject.h>
#include <stdbool.h>
#include <stdint.h>

typedef Py_ssize_t isize;

#define RESTRICT restrict
#define INLINE static inline __attribute__((always_inline))
#define SIMD _Pragma("omp simd")                      /* the loop may be vectorised */
#define SIMD_SUM(s) SIMD_REDUCE(omp simd reduction(+ : s)) /* its sum may be taken in any order */
#define SIMD_REDUCE(clause) _Pragma(#clause)
#ifdef __clang__
#define UNROLL_4 _Pragma("unroll 4")
#else
#define UNROLL_4 _Pragma("GCC unroll 4")
#endif

INLINE isize min_of(isize a, isize b) { return a < b ? a : b; }
INLINE isize max_of(isize a, isize b) { return a > b ? a : b; }
INLINE isize blocks_of(isize n, isize size) { return (n + size - 1) / size; }

/* ---------------------------------------------------------------- arrays */

/* `o` as an array whose numbers lie one after the other in C order, aligned, in the machine's byte order; else NULL. */
INLINE PyArrayObject *flat_array(PyObject *o) {
    if (!PyArray_CheckExact(o)) return NULL;
    PyArrayObject *a = (PyArrayObject *)o;
    return PyArray_ISCARRAY_RO(a) ? a : NULL;
}

/* The same with dtype number `type`, NPY_FLOAT32 for example. */
INLINE PyArrayObject *flat_of(PyObject *o, int type) {
    PyArrayObject *a = flat_array(o);
    return a && PyArray_TYPE(a) == type ? a : NULL;
}

/* The same, and it may be written to. */
INLINE PyArrayObject *output_of(PyObject *o, int type) {
    PyArrayObject *a = flat_of(o, type);
    return a && PyArray_ISWRITEABLE(a) ? a : NULL;
}

/* `o` as an array of any strides, aligned, in the machine's byte order, without Python objects in it; else NULL. */
INLINE PyArrayObject *strided_array(PyObject *o) {
    if (!PyArray_CheckExact(o)) return NULL;
    PyArrayObject *a = (PyArrayObject *)o;
    return PyArray_ISBEHAVED_RO(a) && !PyDataType_REFCHK(PyArray_DESCR(a)) ? a : NULL;
}

INLINE bool same_dtype(PyArrayObject *a, PyArrayObject *b) {
    return PyArray_TYPE(a) == PyArray_TYPE(b) && PyArray_ITEMSIZE(a) == PyArray_ITEMSIZE(b);
}

/* Whether the stretches of memory in which two arrays lie have bytes in common. */
bool touches(PyArrayObject *a, PyArrayObject *b);

/* ---------------------------------------------------------------- threads (pool.c) */

typedef void (*block_fn)(void *context, isize block);

/* Calls `fn(context, i)` for every i in 0 .. n_blocks, on all threads that may be used. Call it without the interpreter
   lock. Waking a thread takes some microseconds: blocks should take ten at least. */
void run_blocks(block_fn fn, void *context, isize n_blocks);

extern int native_threads; /* how many threads a kernel may use */

/* ---------------------------------------------------------------- the functions of each file */

extern PyMethodDef pool_methods[];
extern PyMethodDef norms_methods[];
extern PyMethodDef optim_methods[];
extern PyMethodDef along_methods[];
extern PyMethodDef index_methods[];
extern PyMethodDef copies_methods[];
extern PyMethodDef random_methods[];
extern PyMethodDef program_methods[];
extern PyMethodDef stacks_methods[];
extern PyMethodDef lists_methods[];
extern PyMethodDef joins_methods[];
extern PyMethodDef reduce_methods[];
extern PyMethodDef conv_methods[];
extern PyMethodDef conv_weight_methods[];
extern PyMethodDef pooling_methods[];
extern PyMethodDef cells_methods[];
extern PyMethodDef attention_methods[];
extern PyMethodDef fields_methods[];
extern PyMethodDef builtins_methods[];
extern PyMethodDef fresh_methods[];
extern PyMethodDef casts_methods[];
extern PyMethodDef values_methods[];
extern PyMethodDef nodes_methods[];
extern PyMethodDef engine_methods[];
extern PyMethodDef pointwise_methods[];
extern PyMethodDef power_methods[];
extern PyMethodDef division_methods[];
extern PyMethodDef choices_methods[];
extern PyMethodDef clamp_methods[];
extern PyMethodDef writes_methods[];
extern PyMethodDef options_methods[];
extern PyMethodDef several_methods[];
extern PyMethodDef views_methods[];
extern PyMethodDef splits_methods[];
extern PyMethodDef record_methods[];
extern PyMethodDef products_methods[];
extern PyMethodDef gradients_methods[];
extern PyMethodDef rules_methods[];
extern PyMethodDef small_methods[];
extern PyMethodDef few_methods[];
extern PyMethodDef sort_methods[];
extern PyMethodDef select_methods[];
extern PyMethodDef rows_methods[];
extern PyMethodDef scan_methods[];
extern PyMethodDef resample_methods[];
bool add_fields(PyObject *module);
bool add_ways(PyObject *module);
bool add_few(PyObject *module);

#define KERNEL(name, doc) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, doc}

#endif
