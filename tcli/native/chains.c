/* Chains: steps of a fused group whose result the next one takes, done without leaving the registers.

   One step after the other over a chunk reads and writes every number on the way, if only in the first cache. Here some
   registers full of numbers go through all steps of a chain before the next ones do, and only what somebody else reads is
   stored. Which step it is, is asked once for a hundred numbers and more. Only steps whose result is what IEEE 754 says it
   is are links: so it does not matter that these are not NumPy's loops. What is left at the end of a chunk goes step by step. */
#include "program.h"
#include "vectors.h"

#include <math.h>

#define HELD (REGISTERS / 2) /* vectors that go through a chain together */
#define MOST_CHAIN 32
#define AHEAD 1024 /* numbers: what is read so much later is fetched into the cache */

/* What a link does to the numbers held, x, and the other operand, y. */
enum {
    NO_LINK, ADD, SUBTRACT, SUBTRACT_FROM, MULTIPLY, DIVIDE, DIVIDE_INTO, MAXIMUM, MAXIMUM_OF, MINIMUM, MINIMUM_OF,
    SQUARE, NEGATIVE, ABSOLUTE, SQRT, RECIPROCAL
};

/* The ufuncs that can be links, and what they are if x is their second operand. */
static struct {
    const char *name;
    uint8_t what, turned;
    PyObject *ufunc;
} links[] = {
    {"add", ADD, ADD, NULL},
    {"subtract", SUBTRACT, SUBTRACT_FROM, NULL},
    {"multiply", MULTIPLY, MULTIPLY, NULL},
    {"divide", DIVIDE, DIVIDE_INTO, NULL},
    {"maximum", MAXIMUM, MAXIMUM_OF, NULL},
    {"minimum", MINIMUM, MINIMUM_OF, NULL},
    {"square", SQUARE, SQUARE, NULL},
    {"negative", NEGATIVE, NEGATIVE, NULL},
    {"absolute", ABSOLUTE, ABSOLUTE, NULL},
    {"sqrt", SQRT, SQRT, NULL},
    {"reciprocal", RECIPROCAL, RECIPROCAL, NULL},
};

/* ---------------------------------------------------------------- running */

/* A link with the places of its numbers in this chunk; NULL for what it does not read or write. */
typedef struct {
    const void *load, *other;
    void *keep;
    uint8_t what;
    bool every; /* the other operand is one number for all */
} Stage;

#define T float
#include "chains.h"
#undef T
#define T double
#include "chains.h"
#undef T

isize run_chain(const Program *p, int first, char *const *at, isize n) {
    const Instruction *steps = &p->steps[first];
    static const double nothing;
    Stage stages[MOST_CHAIN];
    int count = steps->linked;
    for (int i = 0; i < count; i++) {
        const Link *l = &steps[i].link;
        stages[i] = (Stage){
            .load = l->load < 0 ? NULL : at[l->load],
            .other = l->other < 0 ? (const void *)&nothing : at[l->other],
            .keep = l->keep ? at[steps[i].slots[steps[i].count]] : NULL,
            .what = l->what,
            .every = l->other < 0 || !p->slots[l->other].inner,
        };
    }
    return p->slots[steps->slots[0]].type == NPY_FLOAT32 ? run_float(stages, count, n) : run_double(stages, count, n);
}

/* ---------------------------------------------------------------- finding */

static bool find_ufuncs(void) {
    PyObject *numpy = PyImport_ImportModule("numpy");
    for (size_t i = 0; numpy && i < sizeof links / sizeof *links; i++)
        if (!(links[i].ufunc = PyObject_GetAttrString(numpy, links[i].name))) break;
    Py_XDECREF(numpy);
    return !PyErr_Occurred();
}

/* What `step` is as a link when the numbers of slot `held` are (-1: of none); its `what` is NO_LINK where it cannot be one. */
static Link link_of(const Program *p, const Instruction *step, int held) {
    const Link none = {NO_LINK, -1, -1, false};
    const Slot *slots = p->slots, *out = &slots[step->slots[step->count]];
    int a = step->slots[0], b = step->count == 2 ? step->slots[1] : -1;
    if (!step->ufunc || (out->type != NPY_FLOAT32 && out->type != NPY_FLOAT64) || out->inner != out->size) return none;
    for (int k = 0; k < step->count; k++) {
        const Slot *s = &slots[step->slots[k]];
        if (s->type != out->type || (s->inner && s->inner != s->size)) return none;
    }
    size_t i = 0;
    while (i < sizeof links / sizeof *links && links[i].ufunc != step->ufunc) i++;
    if (i == sizeof links / sizeof *links) return none;
    bool turn = b >= 0 && a != held && (b == held || !slots[a].inner);
    Link l = {turn ? links[i].turned : links[i].what, (int8_t)(turn ? b : a), (int8_t)(turn ? a : b), false};
    if (l.what == MULTIPLY && a == b) l.what = SQUARE, l.other = -1;
    if (l.load == held) l.load = -1;
    else if (!slots[l.load].inner) return none;
    return l;
}

/* Whether anything after step `i` reads its result from memory. */
static bool is_read(const Program *p, int i, int chain_end) {
    int slot = p->steps[i].slots[p->steps[i].count];
    if (slot < p->first_scratch) return true;
    for (int j = i + 1; j < p->n_steps; j++) {
        const Instruction *step = &p->steps[j];
        if (j < chain_end) {
            if (step->link.load == slot || step->link.other == slot) return true;
        } else
            for (int k = 0; k < step->count; k++)
                if (step->slots[k] == slot) return true;
        if (step->slots[step->count] == slot) return false;
    }
    for (int f = 0; f < p->n_finals; f++)
        if (p->finals[f].slots[0] == slot || p->finals[f].slots[1] == slot) return true;
    return false;
}

bool find_chains(Program *p) {
    if (!links[0].ufunc && !find_ufuncs()) return false;
    for (int first = 0, end; first < p->n_steps; first = max_of(end, first + 1)) {
        int type = p->slots[p->steps[first].slots[0]].type, held = -1;
        for (end = first; end < p->n_steps && end - first < MOST_CHAIN; end++) {
            Instruction *step = &p->steps[end];
            int out = step->slots[step->count];
            step->link = link_of(p, step, held);
            if (step->link.what == NO_LINK || p->slots[out].type != type) break;
            held = out;
        }
        if (end - first < 2) continue;
        p->steps[first].linked = end - first;
        for (int i = first; i < end; i++) p->steps[i].link.keep = is_read(p, i, end);
    }
    return true;
}
