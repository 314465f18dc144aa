/* Steps of optimisers: one pass over a parameter, its gradient and what the optimiser keeps beside them, for all parameters
   of an optimiser at once.

   The operations are those of the kernels in tcli/optim, in their order and each rounded, so that results are the same to the
   last bit: multiplications and additions are not contracted (see build.py). */
#include "quick.h"

#include <math.h>
#include <stdlib.h>

#define BLOCK 32768
#define SMALL 1024 /* elements that are done without letting other Python threads run */
#define MOST_NUMBERS 8

typedef struct {
    void *p, *state[3];
    const void *g;
    double numbers[MOST_NUMBERS];
    isize n, first; /* `first`: the number of its first block among those of all steps */
    block_fn fn;
} Step;

/* What all steps begin with: the range of the block, the gradient to follow as d. */
#define STEP(T)                                                \
    const Step *s = context;                                   \
    const double *c = s->numbers;                              \
    T *RESTRICT p = s->p;                                      \
    const T *RESTRICT g = s->g;                                \
    isize start = block * BLOCK, stop = min_of(start + BLOCK, s->n);
#define DIRECTION(T)                \
    T d = maximize ? -g[i] : g[i];  \
    if (decay != 0) d = d + p[i] * decay;

/* m + weight * (d - m), as Tensor.lerp has it. */
#define LERP(m, d, near, by) ((near) ? (m) + ((d) - (m)) * (by) : (d) - ((d) - (m)) * (by))

#define STEPS(T, SQRT)                                                                                   \
    /* lr, decay, maximize, momentum, share, nesterov, fresh; state: the momentum or NULL */             \
    static void sgd_##T(void *context, isize block) {                                                    \
        STEP(T)                                                                                          \
        T *RESTRICT m = s->state[0];                                                                     \
        const T lr = (T)-c[0], decay = (T)c[1], momentum = (T)c[3], share = (T)c[4];                     \
        const bool maximize = c[2] != 0, nesterov = c[5] != 0, fresh = c[6] != 0;                        \
        if (!m) {                                                                                        \
            SIMD for (isize i = start; i < stop; i++) {                                                  \
                DIRECTION(T)                                                                             \
                p[i] = p[i] + d * lr;                                                                    \
            }                                                                                            \
            return;                                                                                      \
        }                                                                                                \
        SIMD for (isize i = start; i < stop; i++) {                                                      \
            DIRECTION(T)                                                                                 \
            T b = fresh ? d : m[i] * momentum + d * share;                                               \
            m[i] = b;                                                                                    \
            if (nesterov) b = d + b * momentum;                                                          \
            p[i] = p[i] + b * lr;                                                                        \
        }                                                                                                \
    }                                                                                                    \
    /* beta1, beta2, lr, correction, eps, decay, shrink, maximize; state: means, the largest or NULL */  \
    INLINE void adam_range_##T(void *context, isize block, const bool amsgrad) {                         \
        STEP(T)                                                                                          \
        T *RESTRICT m = s->state[0], *RESTRICT v = s->state[1], *RESTRICT largest = s->state[2];         \
        const double weight = 1 - c[0];                                                                  \
        const T beta2 = (T)c[1], rest = (T)(1 - c[1]), lr = (T)-c[2], correction = (T)c[3], eps = (T)c[4]; \
        const T decay = (T)c[5], shrink = (T)c[6];                                                       \
        const bool near = weight < 0.5, maximize = c[7] != 0;                                            \
        const T by = (T)(near ? weight : 1 - weight);                                                    \
        SIMD for (isize i = start; i < stop; i++) {                                                      \
            p[i] = p[i] * shrink;                                                                        \
            DIRECTION(T)                                                                                 \
            m[i] = LERP(m[i], d, near, by);                                                              \
            T square = v[i] * beta2 + d * rest * d;                                                      \
            v[i] = square;                                                                               \
            if (amsgrad) {                                                                               \
                T top = largest[i];                                                                      \
                square = ((top > square) | (top != top)) ? top : square;                                   \
                largest[i] = square;                                                                     \
            }                                                                                            \
            p[i] = p[i] + m[i] * lr / (SQRT(square) / correction + eps);                                 \
        }                                                                                                \
    }                                                                                                    \
    static void adam_##T(void *context, isize block) {                                                   \
        if (((const Step *)context)->state[2]) adam_range_##T(context, block, true);                     \
        else adam_range_##T(context, block, false);                                                      \
    }                                                                                                    \
    /* lr, alpha, eps, momentum, decay, maximize; state: squares, the mean or NULL, the momentum or NULL */ \
    INLINE void rmsprop_range_##T(void *context, isize block, const bool centered, const bool moving) {  \
        STEP(T)                                                                                          \
        T *RESTRICT v = s->state[0], *RESTRICT mean = s->state[1], *RESTRICT m = s->state[2];            \
        const double weight = 1 - c[1];                                                                  \
        const T lr = (T)-c[0], alpha = (T)c[1], rest = (T)weight, eps = (T)c[2], momentum = (T)c[3], decay = (T)c[4]; \
        const bool near = weight < 0.5, maximize = c[5] != 0;                                            \
        const T by = (T)(near ? weight : 1 - weight);                                                    \
        SIMD for (isize i = start; i < stop; i++) {                                                      \
            DIRECTION(T)                                                                                 \
            T square = v[i] * alpha + d * rest * d;                                                      \
            v[i] = square;                                                                               \
            if (centered) {                                                                              \
                mean[i] = LERP(mean[i], d, near, by);                                                    \
                square = square - mean[i] * mean[i];                                                     \
            }                                                                                            \
            T by_root = SQRT(square) + eps;                                                              \
            if (moving) {                                                                                \
                m[i] = m[i] * momentum + d / by_root;                                                    \
                p[i] = p[i] + m[i] * lr;                                                                 \
            } else                                                                                       \
                p[i] = p[i] + d * lr / by_root;                                                          \
        }                                                                                                \
    }                                                                                                    \
    static void rmsprop_##T(void *context, isize block) {                                                \
        void *const *state = ((const Step *)context)->state;                                             \
        if (state[1] && state[2]) rmsprop_range_##T(context, block, true, true);                         \
        else if (state[1]) rmsprop_range_##T(context, block, true, false);                               \
        else if (state[2]) rmsprop_range_##T(context, block, false, true);                               \
        else rmsprop_range_##T(context, block, false, false);                                            \
    }                                                                                                    \
    /* lr, eps, decay, maximize; state: the sum of squares */                                            \
    static void adagrad_##T(void *context, isize block) {                                                \
        STEP(T)                                                                                          \
        T *RESTRICT total = s->state[0];                                                                 \
        const T lr = (T)-c[0], eps = (T)c[1], decay = (T)c[2];                                           \
        const bool maximize = c[3] != 0;                                                                 \
        SIMD for (isize i = start; i < stop; i++) {                                                      \
            DIRECTION(T)                                                                                 \
            total[i] = total[i] + d * d;                                                                 \
            p[i] = p[i] + d * lr / (SQRT(total[i]) + eps);                                               \
        }                                                                                                \
    }
STEPS(float, sqrtf)
STEPS(double, sqrt)

/* How many states and numbers a step has, how many of the states must be there, and what does it. */
static const struct {
    const char *name;
    int states, needed, numbers;
    block_fn single, wide;
} kinds[] = {
    {"sgd", 1, 0, 7, sgd_float, sgd_double},
    {"adam", 3, 2, 8, adam_float, adam_double},
    {"rmsprop", 3, 1, 6, rmsprop_float, rmsprop_double},
    {"adagrad", 1, 1, 4, adagrad_float, adagrad_double},
};

/* ---------------------------------------------------------------- from Python */

/* Memory that a step writes, or its gradient. */
typedef struct {
    const char *start, *stop;
    bool written;
} Stretch;

/* Notes an array of `type` with as many numbers as the step has; -1 for any type, and for any count, at the parameter. */
static void *taken(PyObject *o, bool written, int type, isize n, Stretch **next) {
    PyArrayObject *a = type < 0 ? flat_array(o) : flat_of(o, type);
    if (!a || (written && !PyArray_ISWRITEABLE(a)) || (n >= 0 && PyArray_SIZE(a) != n)) return NULL;
    *(*next)++ = (Stretch){PyArray_BYTES(a), PyArray_BYTES(a) + PyArray_NBYTES(a), written};
    return PyArray_DATA(a);
}

/* The kind of a name; -1 for none. */
static int kind_named(PyObject *name) {
    int kind = (int)(sizeof(kinds) / sizeof(*kinds)) - 1;
    while (kind >= 0 && !(PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, kinds[kind].name) == 0)) kind--;
    return kind;
}

/* The step of a kind on these arrays, states (NULL or None for one that there is not) and numbers; false where it is none. */
static bool make_step(int kind, PyObject *parameter, PyObject *gradient, PyObject *const *states, PyObject *const *numbers, Step *s,
                      Stretch **next) {
    PyArrayObject *p = flat_array(parameter);
    int type = p ? PyArray_TYPE(p) : -1;
    if (type != NPY_FLOAT32 && type != NPY_FLOAT64) return false;
    *s = (Step){.n = PyArray_SIZE(p), .fn = type == NPY_FLOAT32 ? kinds[kind].single : kinds[kind].wide};
    if (!(s->p = taken(parameter, true, type, -1, next)) || !(s->g = taken(gradient, false, type, s->n, next))) return false;
    for (int i = 0; i < kinds[kind].states; i++) {
        if (!states[i] || states[i] == Py_None) {
            if (i < kinds[kind].needed) return false;
        } else if (!(s->state[i] = taken(states[i], true, type, s->n, next))) return false;
    }
    for (int i = 0; i < kinds[kind].numbers; i++) {
        s->numbers[i] = PyFloat_AsDouble(numbers[i]);
        if (s->numbers[i] == -1 && PyErr_Occurred()) return PyErr_Clear(), false;
    }
    return true;
}

/* (kind, parameter, gradient, states ..., numbers ...) as a step; false where it is none. */
static bool read_step(PyObject *call, Step *s, Stretch **next) {
    int kind = PyTuple_Check(call) && PyTuple_GET_SIZE(call) >= 3 ? kind_named(PyTuple_GET_ITEM(call, 0)) : -1;
    if (kind < 0 || PyTuple_GET_SIZE(call) != 3 + kinds[kind].states + kinds[kind].numbers) return false;
    PyObject *const *rest = &PyTuple_GET_ITEM(call, 3);
    return make_step(kind, PyTuple_GET_ITEM(call, 1), PyTuple_GET_ITEM(call, 2), rest, rest + kinds[kind].states, s, next);
}

static int by_start(const void *a, const void *b) {
    const char *x = ((const Stretch *)a)->start, *y = ((const Stretch *)b)->start;
    return x < y ? -1 : x > y;
}

/* Whether no memory that is written is that of another array. */
static bool all_apart(Stretch *stretches, isize n) {
    qsort(stretches, n, sizeof(Stretch), by_start);
    const char *written = NULL, *seen = NULL; /* how far what came before reaches */
    for (isize i = 0; i < n; i++) {
        const Stretch *s = &stretches[i];
        if (s->start < written || (s->written && s->start < seen)) return false;
        if (s->stop > seen) seen = s->stop;
        if (s->written && s->stop > written) written = s->stop;
    }
    return true;
}

typedef struct {
    Step *steps;
    isize n;
} Steps;

static void step_block(void *context, isize block) {
    const Steps *all = context;
    isize low = 0, high = all->n; /* the last step whose first block is not behind `block` */
    while (high - low > 1) {
        isize middle = (low + high) / 2;
        if (all->steps[middle].first <= block) low = middle;
        else high = middle;
    }
    all->steps[low].fn(&all->steps[low], block - all->steps[low].first);
}

static void run(Steps *all) {
    isize blocks = 0, elements = 0;
    for (isize i = 0; i < all->n; i++) {
        all->steps[i].first = blocks;
        blocks += blocks_of(all->steps[i].n, BLOCK), elements += all->steps[i].n;
    }
    if (elements <= SMALL) {
        for (isize i = 0; i < blocks; i++) step_block(all, i);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    run_blocks(step_block, all, blocks);
    Py_END_ALLOW_THREADS
}

/* Room for n steps and what they touch, and how many of them there are. */
typedef struct {
    Steps all;
    Stretch *stretches, *next;
} Plan;

static bool start_plan(Plan *plan, isize n) {
    char *memory = malloc(n * (sizeof(Step) + 5 * sizeof(Stretch)) + 1);
    if (!memory) return PyErr_NoMemory(), false;
    plan->all = (Steps){(Step *)memory, 0};
    plan->stretches = plan->next = (Stretch *)(plan->all.steps + n);
    return true;
}

static void add_step(Plan *plan, Step s) {
    if (s.n) plan->all.steps[plan->all.n++] = s;
}

/* Does all steps, or none where they are not `complete` or share memory. */
static bool run_plan(Plan *plan, bool complete) {
    bool fits = complete && all_apart(plan->stretches, plan->next - plan->stretches);
    if (fits && plan->all.n) run(&plan->all);
    free(plan->all.steps);
    return fits;
}

/* A list of steps; all of them or none are done. */
static PyObject *steps(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count != 1 || !PyList_Check(args[0])) Py_RETURN_FALSE;
    isize n = PyList_GET_SIZE(args[0]), i = 0;
    Plan plan;
    if (!start_plan(&plan, n)) return NULL;
    for (Step s; i < n && read_step(PyList_GET_ITEM(args[0], i), &s, &plan.next); i++) add_step(&plan, s);
    return PyBool_FromLong(run_plan(&plan, i == n));
}

static PyObject *array_at_hand(PyObject *t) { return is_ready(t) ? (PyObject *)array_of(t) : NULL; }

/* The step of parameter i, a tensor with a gradient, of which the states are lists of tensors or None. */
static bool read_tensors(int kind, PyObject *p, isize i, PyObject *const *rest, Step *s, Stretch **next) {
    PyObject *states[3] = {NULL}, *a = array_at_hand(p), *g = array_at_hand(((Fields *)p)->grad);
    if (!a || !g || PyArray_NDIM((PyArrayObject *)a) != PyArray_NDIM((PyArrayObject *)g)) return false;
    for (int k = 0; k < kinds[kind].states; k++)
        if (rest[k] != Py_None && !(states[k] = array_at_hand(PyList_GET_ITEM(rest[k], i)))) return false;
    return make_step(kind, a, g, states, rest + kinds[kind].states, s, next);
}

static bool has_gradient(PyObject *p) {
    return PyObject_TypeCheck(p, &Fields_Type) && ((Fields *)p)->grad && ((Fields *)p)->grad != Py_None;
}

/* All parameters of an optimiser that have a gradient, or none; their versions count the write. */
static PyObject *step_tensors(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    int kind = count >= 2 && engine.ready && PyList_CheckExact(args[1]) ? kind_named(args[0]) : -1;
    if (kind < 0 || count != 2 + kinds[kind].states + kinds[kind].numbers || is_set(engine.of_state.where)) Py_RETURN_FALSE;
    isize n = PyList_GET_SIZE(args[1]), i = 0;
    for (int k = 0; k < kinds[kind].states; k++)
        if (args[2 + k] != Py_None && !(PyList_CheckExact(args[2 + k]) && PyList_GET_SIZE(args[2 + k]) == n)) Py_RETURN_FALSE;
    Plan plan;
    if (!start_plan(&plan, n)) return NULL;
    for (; i < n; i++) {
        Step s;
        PyObject *p = PyList_GET_ITEM(args[1], i);
        if (!has_gradient(p)) continue;
        if (!read_tensors(kind, p, i, args + 2, &s, &plan.next)) break;
        add_step(&plan, s);
    }
    if (!run_plan(&plan, i == n)) Py_RETURN_FALSE;
    for (i = 0; i < n; i++)
        if (has_gradient(PyList_GET_ITEM(args[1], i)) && !bump_version((Fields *)PyList_GET_ITEM(args[1], i))) return NULL;
    Py_RETURN_TRUE;
}

PyMethodDef optim_methods[] = {
    KERNEL(steps, "steps(calls): of optimisers, each as (kind, parameter, gradient, states ..., numbers ...): see optim.c."),
    KERNEL(step_tensors, "step_tensors(kind, parameters, states ..., numbers ...): a step of all that have a gradient, or of none."),
    {0},
};
