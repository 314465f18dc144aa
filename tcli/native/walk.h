/* A backward pass under way (backward.c): what waits in it (walk.c) and the nodes that it needs (reach.c).

   A gradient is a plain array where it is small and will not itself be differentiated, else a tensor. As soon as anything
   comes that is not plain (a node with hooks, a result of another dtype, more nodes than fit), all that waits is handed to the
   loop in Python, which goes on. */
#ifndef TCLI_WALK_H
#define TCLI_WALK_H

#include "quick.h"

/* ---------------------------------------------------------------- which nodes are needed (reach.c) */

typedef struct {
    PyObject *node; /* borrowed from the graph, which the caller holds */
    int parent;     /* from where the search came here */
    int next;       /* the edge that it looks at next; -1 before it was here */
    bool needed;    /* an input, or one can be reached from here */
    bool input;
} Reached;

#define AT_HAND 48

typedef struct {
    Reached *nodes;
    int *table; /* of places in `nodes`, by address; -1 for none */
    int n, mask;
    Reached first[AT_HAND]; /* of graphs that fit */
    int first_table[2 * AT_HAND + 32];
} Reach;

/* Finds the nodes from which one of `inputs`, a list of nodes, can be reached. 1: done; 0: nodes of unknown classes; -1: an error. */
int find_reach(Reach *reach, PyObject *const *roots, isize n, PyObject *inputs);
void forget_reach(Reach *reach);

/* What is known of a node; NULL for one that the search did not come to. */
Reached *reached(Reach *reach, PyObject *node);

/* The needed nodes as a set. */
PyObject *needed_nodes(Reach *reach);

/* ---------------------------------------------------------------- the pass (walk.c) */

#define MOST_WAITING 48

typedef struct {
    PyObject *node, *g; /* references of its own */
} Waiting;

typedef struct {
    Waiting waiting[MOST_WAITING]; /* the newest last */
    int n;
    bool retain;      /* what nodes keep is kept */
    bool records;     /* gradients are differentiable: `create_graph` */
    PyObject *leaves; /* {edge: gradient} */
    PyObject *queue;  /* (gradients, owned, heap, leaves) once Python has taken over; else NULL */
    PyObject *inputs; /* a list of nodes whose gradients are asked for, borrowed; NULL: those of leaves add up in `.grad` */
    PyObject *captured; /* {node of an input: gradient}, or NULL */
    PyObject *needed;   /* the set of nodes needed, once Python asks for it */
    Reach reach;
} Walk;

INLINE bool is_node(PyObject *o) { return Py_TYPE(o) == engine.node || Py_TYPE(o) == engine.shown; }

/* The same, or a node of a program's own function. */
INLINE bool is_any_node(PyObject *o) { return is_node(o) || PyType_IsSubtype(Py_TYPE(o), engine.node); }

INLINE PyObject *item(PyObject *sequence, isize i) { /* of a list or tuple, borrowed */
    return i >= 0 && i < PySequence_Fast_GET_SIZE(sequence) ? PySequence_Fast_GET_ITEM(sequence, i) : NULL;
}

/* Whether a gradient for this node is of use. */
INLINE bool is_needed(Walk *walk, PyObject *node) {
    if (!walk->inputs) return true;
    Reached *found = reached(&walk->reach, node);
    return found && found->needed;
}

/* Lets a node wait with its gradient, whose reference is taken over. */
void add_waiting(Walk *walk, PyObject *node, PyObject *g);
Waiting *find_waiting(Walk *walk, PyObject *node);
void forget_waiting(Walk *walk);

/* Tells `state` which nodes a pass with inputs needs: hooks may ask. */
bool tell_needed(Walk *walk);

/* Hands all that waits to Python. */
bool hand_over(Walk *walk);

/* Adds a gradient, an array or a tensor, to what a node or leaf has received so far. */
bool send(Walk *walk, PyObject *edge, PyObject *r);

/* A gradient as a tensor: a new reference. Memory that may not be written is copied. */
PyObject *as_gradient(PyObject *g);

/* ---------------------------------------------------------------- all of it (backward.c) */

bool has_hooks(PyObject *node);

/* Sends gradients from n roots, to the nodes in `inputs` or with NULL to all leaves. 1: done; 0: there are nodes of unknown
   classes, nothing was done; -1: an error. `captured` becomes {node: gradient} for inputs, else NULL. */
int walk_from(PyObject *const *roots, PyObject *const *seeds, isize n, PyObject *inputs, bool retain, bool records,
              PyObject **captured);

#endif
