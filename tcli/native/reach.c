/* Which nodes of a graph are needed for the gradients of some inputs: those from which one of the inputs can be reached.

   One search, as deep as it goes first: a node is left when all its edges have been looked at, and tells where the search came
   from whether it is needed. The nodes found lie in one array, and a table of addresses says where. */
#include "walk.h"

static int place_of(Reach *reach, PyObject *node) {
    int i = (int)(((uint64_t)(uintptr_t)node * 0x9E3779B97F4A7C15u) >> 32) & reach->mask;
    while (reach->table[i] >= 0 && reach->nodes[reach->table[i]].node != node) i = (i + 1) & reach->mask;
    return i;
}

Reached *reached(Reach *reach, PyObject *node) {
    int found = reach->table[place_of(reach, node)];
    return found < 0 ? NULL : &reach->nodes[found];
}

static void clear_table(Reach *reach) {
    for (int i = 0; i <= reach->mask; i++) reach->table[i] = -1;
}

static void start(Reach *reach) {
    reach->n = 0, reach->mask = 127;
    reach->nodes = reach->first, reach->table = reach->first_table;
    clear_table(reach);
}

void forget_reach(Reach *reach) {
    if (reach->nodes != reach->first) free(reach->nodes), free(reach->table);
}

/* Twice the room or more, in memory of its own. */
static bool grow(Reach *reach) {
    isize size = 8 * ((isize)reach->mask + 1);
    if (size > INT32_MAX) return PyErr_NoMemory(), false;
    Reached *nodes = malloc(size / 2 * sizeof(Reached));
    int *table = malloc(size * sizeof(int));
    if (!nodes || !table) {
        free(nodes), free(table);
        return PyErr_NoMemory(), false;
    }
    memcpy(nodes, reach->nodes, reach->n * sizeof(Reached));
    forget_reach(reach);
    reach->nodes = nodes, reach->table = table, reach->mask = (int)size - 1;
    clear_table(reach);
    for (int i = 0; i < reach->n; i++) table[place_of(reach, nodes[i].node)] = i;
    return true;
}

static isize room(Reach *reach) { return reach->nodes == reach->first ? AT_HAND : ((isize)reach->mask + 1) / 2; }

/* The place of a node, which is added if it is new; -1 with an error. */
static int found_at(Reach *reach, PyObject *node) {
    int place = place_of(reach, node);
    if (reach->table[place] >= 0) return reach->table[place];
    if (reach->n == room(reach)) {
        if (!grow(reach)) return -1;
        place = place_of(reach, node);
    }
    reach->nodes[reach->n] = (Reached){.node = node, .parent = -1, .next = -1};
    return reach->table[place] = reach->n++;
}

static bool is_known(PyObject *o) {
    return is_any_node(o) || Py_TYPE(o) == engine.accumulate || Py_TYPE(o) == engine.pick;
}

/* Edge i of a node, borrowed; NULL behind the last one. */
static PyObject *edge_at(PyObject *node, int i) {
    if (Py_TYPE(node) == engine.pick) return i == 0 ? SLOT(node, engine.of_pick.parent) : NULL;
    PyObject *edges = is_any_node(node) ? SLOT(node, engine.of_node.edges) : NULL;
    return edges && (PyTuple_Check(edges) || PyList_Check(edges)) ? item(edges, i) : NULL;
}

/* All that can be reached from a root. */
static int search(Reach *reach, PyObject *root) {
    int at = root == Py_None ? -1 : is_known(root) ? found_at(reach, root) : -2;
    if (at < 0) return at == -1 ? (PyErr_Occurred() ? -1 : 1) : 0;
    if (reach->nodes[at].next >= 0) return 1;
    reach->nodes[at].next = 0, reach->nodes[at].parent = -1;
    while (at >= 0) {
        PyObject *edge = edge_at(reach->nodes[at].node, reach->nodes[at].next);
        if (!edge) {
            int parent = reach->nodes[at].parent;
            if (parent >= 0 && reach->nodes[at].needed) reach->nodes[parent].needed = true;
            at = parent;
            continue;
        }
        reach->nodes[at].next++;
        if (edge == Py_None) continue;
        if (!is_known(edge)) return 0;
        int to = found_at(reach, edge);
        if (to < 0) return -1;
        if (reach->nodes[to].next >= 0) {
            if (reach->nodes[to].needed) reach->nodes[at].needed = true;
        } else {
            reach->nodes[to].next = 0, reach->nodes[to].parent = at;
            at = to;
        }
    }
    return 1;
}

int find_reach(Reach *reach, PyObject *const *roots, isize n, PyObject *inputs) {
    start(reach);
    for (isize i = 0; i < PyList_GET_SIZE(inputs); i++) {
        if (!is_known(PyList_GET_ITEM(inputs, i))) return 0;
        int at = found_at(reach, PyList_GET_ITEM(inputs, i));
        if (at < 0) return -1;
        reach->nodes[at].input = reach->nodes[at].needed = true;
    }
    int well = 1;
    for (isize i = 0; well == 1 && i < n; i++) well = search(reach, roots[i]);
    return well;
}

PyObject *needed_nodes(Reach *reach) {
    PyObject *set = PySet_New(NULL);
    for (int i = 0; set && i < reach->n; i++)
        if (reach->nodes[i].needed && PySet_Add(set, reach->nodes[i].node) < 0) Py_CLEAR(set);
    return set;
}
