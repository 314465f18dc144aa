/* Chains of one type T, included twice by chains.c. */

/* `held` with an operand that is one number for all, or another number for each. */
#define LINK(name, result)                                           \
    case name: {                                                     \
        if (s->every) {                                              \
            const N(vec) y = every;                                  \
            UNROLL for (int k = 0; k < HELD; k++) {                  \
                const N(vec) x = held[k];                            \
                held[k] = result;                                    \
            }                                                        \
        } else {                                                     \
            UNROLL for (int k = 0; k < HELD; k++) {                  \
                const N(vec) x = held[k], y = N(load)(other + k * WIDTH); \
                __builtin_prefetch(other + AHEAD + k * WIDTH);       \
                held[k] = result;                                    \
            }                                                        \
        }                                                            \
        break;                                                       \
    }
#define LINK_OF_ONE(name, result)                                    \
    case name: {                                                     \
        UNROLL for (int k = 0; k < HELD; k++) {                      \
            const N(vec) x = held[k];                                \
            held[k] = result;                                        \
        }                                                            \
        break;                                                       \
    }

INLINE N(vec) N(root)(N(vec) x) {
    UNROLL for (int k = 0; k < WIDTH; k++) x[k] = sqrt(x[k]);
    return x;
}

/* The larger one as NumPy takes it: nan if there is one, of two zeros the second. */
INLINE N(vec) N(larger)(N(vec) x, N(vec) y) { return N(choose)((x > y) | (x != x), x, y); }
INLINE N(vec) N(smaller)(N(vec) x, N(vec) y) { return N(choose)((x < y) | (x != x), x, y); }

static isize N(run)(const Stage *stages, int count, isize n) {
    isize i = 0;
    for (; i + HELD * WIDTH <= n; i += HELD * WIDTH) {
        N(vec) held[HELD] = {0};
        for (const Stage *s = stages; s < stages + count; s++) {
            const T *other = (const T *)s->other + (s->every ? 0 : i);
            const N(vec) every = N(every)(*other);
            if (s->load) {
                const T *load = (const T *)s->load + i;
                UNROLL for (int k = 0; k < HELD; k++) {
                    __builtin_prefetch(load + AHEAD + k * WIDTH);
                    held[k] = N(load)(load + k * WIDTH);
                }
            }
            switch (s->what) {
                LINK(ADD, x + y)
                LINK(SUBTRACT, x - y)
                LINK(SUBTRACT_FROM, y - x)
                LINK(MULTIPLY, x * y)
                LINK(DIVIDE, x / y)
                LINK(DIVIDE_INTO, y / x)
                LINK(MAXIMUM, N(larger)(x, y))
                LINK(MAXIMUM_OF, N(larger)(y, x))
                LINK(MINIMUM, N(smaller)(x, y))
                LINK(MINIMUM_OF, N(smaller)(y, x))
                LINK_OF_ONE(SQUARE, x * x)
                LINK_OF_ONE(NEGATIVE, -x)
                LINK_OF_ONE(ABSOLUTE, (N(vec))((N(bits))x & ~(N(bits))N(every)((T)-0.0)))
                LINK_OF_ONE(SQRT, N(root)(x))
                LINK_OF_ONE(RECIPROCAL, 1 / x)
            }
            if (s->keep) { UNROLL for (int k = 0; k < HELD; k++) N(store)((T *)s->keep + i + k * WIDTH, held[k]); }
        }
    }
    return i;
}

#undef LINK
#undef LINK_OF_ONE
