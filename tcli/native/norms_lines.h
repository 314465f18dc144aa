/* Sums over a line; included once for each T. See norms.c.

   Four vectors are added up beside each other, since an addition is done some cycles after it was begun; CHUNK numbers in
   their own precision, the sums of chunks in double. */

INLINE T N(added_up)(const N(vec) *v) {
    T lanes[VECTOR_BYTES / sizeof(T)], sum = 0;
    N(store)(lanes, (v[0] + v[1]) + (v[2] + v[3]));
    SIMD_SUM(sum) for (isize i = 0; i < WIDTH; i++) sum += lanes[i];
    return sum;
}

/* Runs VECTOR(k, j) for the vectors of a chunk, k of four in turn, then NUMBER(j) for what is left. */
#define OVER_CHUNK(VECTOR, NUMBER)                                         \
    isize j = i, stop = min_of(i + CHUNK, n);                              \
    for (; j + 4 * WIDTH <= stop; j += 4 * WIDTH)                          \
        UNROLL_4 for (isize k = 0; k < 4; k++) { VECTOR(k, j + k * WIDTH) } \
    for (; j + WIDTH <= stop; j += WIDTH) { VECTOR(0, j) }                 \
    for (; j < stop; j++) { NUMBER(j) }

static double N(sum)(const T *x, isize n) {
    double total = 0;
    for (isize i = 0; i < n; i += CHUNK) {
        N(vec) sums[4] = {0};
        T rest = 0;
#define VECTOR_SUM(k, at) sums[k] += N(load)(x + (at));
#define NUMBER_SUM(at) rest += x[at];
        OVER_CHUNK(VECTOR_SUM, NUMBER_SUM)
        total += N(added_up)(sums) + rest;
    }
    return total;
}

/* Adds the sums of distances from `mean` and of their squares. */
static void N(distances)(const T *x, isize n, T mean, double *sum, double *squares) {
    for (isize i = 0; i < n; i += CHUNK) {
        N(vec) parts[4] = {0}, squared[4] = {0};
        T rest = 0, rest_squared = 0;
#define VECTOR_DISTANCE(k, at)                 \
    N(vec) d = N(load)(x + (at)) - mean;       \
    parts[k] += d;                             \
    squared[k] += d * d;
#define NUMBER_DISTANCE(at)                    \
    T d = x[at] - mean;                        \
    rest += d;                                 \
    rest_squared += d * d;
        OVER_CHUNK(VECTOR_DISTANCE, NUMBER_DISTANCE)
        *sum += N(added_up)(parts) + rest;
        *squares += N(added_up)(squared) + rest_squared;
    }
}

/* Adds the sums of g and of g * (x - mean). */
static void N(slopes)(const T *g, const T *x, isize n, T mean, double *sum, double *product) {
    for (isize i = 0; i < n; i += CHUNK) {
        N(vec) parts[4] = {0}, both[4] = {0};
        T rest = 0, rest_both = 0;
#define VECTOR_SLOPE(k, at)                    \
    N(vec) h = N(load)(g + (at));              \
    parts[k] += h;                             \
    both[k] += h * (N(load)(x + (at)) - mean);
#define NUMBER_SLOPE(at)                       \
    rest += g[at];                             \
    rest_both += g[at] * (x[at] - mean);
        OVER_CHUNK(VECTOR_SLOPE, NUMBER_SLOPE)
        *sum += N(added_up)(parts) + rest;
        *product += N(added_up)(both) + rest_both;
    }
}

/* The same for a row with a weight for each number (or none): adds the sums of h = g * w and of h * (x - mean), and to the
   gradients of bias and weight g and g * (x - mean) * rstd. */
static void N(weighted_slopes)(const T *g, const T *x, const T *w, isize n, T mean, T rstd, double *sum, double *product,
                               T *RESTRICT gw, T *RESTRICT gb) {
    for (isize i = 0; i < n; i += CHUNK) {
        N(vec) parts[4] = {0}, both[4] = {0};
        T rest = 0, rest_both = 0;
#define VECTOR_WEIGHTED(k, at)                                               \
    N(vec) own = N(load)(g + (at)), d = N(load)(x + (at)) - mean;            \
    N(store)(gb + (at), N(load)(gb + (at)) + own);                           \
    N(store)(gw + (at), N(load)(gw + (at)) + own * d * rstd);                \
    if (w) own *= N(load)(w + (at));                                         \
    parts[k] += own;                                                         \
    both[k] += own * d;
#define NUMBER_WEIGHTED(at)                                                  \
    T own = g[at], d = x[at] - mean;                                         \
    gb[at] += own;                                                           \
    gw[at] += own * d * rstd;                                                \
    if (w) own *= w[at];                                                     \
    rest += own;                                                             \
    rest_both += own * d;
        OVER_CHUNK(VECTOR_WEIGHTED, NUMBER_WEIGHTED)
        *sum += N(added_up)(parts) + rest;
        *product += N(added_up)(both) + rest_both;
    }
}

static void N(affine)(const T *x, T *y, isize n, T mean, T scale, T shift) {
    SIMD for (isize j = 0; j < n; j++) y[j] = (x[j] - mean) * scale + shift;
}

#undef OVER_CHUNK
#undef VECTOR_SUM
#undef NUMBER_SUM
#undef VECTOR_DISTANCE
#undef NUMBER_DISTANCE
#undef VECTOR_SLOPE
#undef NUMBER_SLOPE
#undef VECTOR_WEIGHTED
#undef NUMBER_WEIGHTED
