/* A fused group as the compiled pass sees it: steps over slots (program.c), and runs of steps that stay in registers (chains.c). */
#ifndef TCLI_PROGRAM_H
#define TCLI_PROGRAM_H

#include "native.h"

#include <numpy/ufuncobject.h>

#define MOST_SLOTS 64
#define MOST_STEPS 256
#define MOST_FINALS 8

/* How a step takes part in a chain: what it does to the numbers held in registers. */
typedef struct {
    uint8_t what;
    int8_t load, other; /* the slot to begin with, or -1: the numbers held; the slot of the second operand, or -1 */
    bool keep;          /* whether the result is needed in memory */
} Link;

typedef struct {
    PyUFuncGenericFunction loop;
    void *data;
    PyObject *ufunc; /* NULL: one of the others */
    int code, count, slots[4]; /* inputs, then where the result goes */
    Link link;
    int linked; /* how many steps from here on are one chain; 0: this one goes alone */
} Instruction;

typedef struct {
    char *data;         /* NULL for scratch */
    isize outer, inner; /* strides */
    int type, size;
} Slot;

typedef struct {
    int kind, slots[2];
    void *out;
    double *parts; /* one for each block */
} Final;

typedef struct {
    Instruction steps[MOST_STEPS];
    Slot slots[MOST_SLOTS];
    Final finals[MOST_FINALS];
    int n_steps, n_slots, first_scratch, n_finals;
    isize rows, columns, chunk, block_rows, pieces; /* pieces that one row is cut into */
} Program;

/* Finds the chains among the steps: once all of them have been read. */
bool find_chains(Program *p);

/* Runs the chain that begins with step `first` for the first numbers of a chunk of `n`, and returns for how many. */
isize run_chain(const Program *p, int first, char *const *at, isize n);

#endif
