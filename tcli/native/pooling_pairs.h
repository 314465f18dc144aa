/* Maxima and means of windows of 2 x 2 numbers that lie side by side; included once for each T. See pooling.c.

   Every number belongs to one window at most: two rows become one of results, a vector of windows at a time, without a
   copy of the plane. A row shorter than a vector spills over into the next one, which is still to come; the last rows of
   a block go through a buffer. */

/* Whether the windows are such. */
static bool N(in_pairs)(const Pooling *p) {
    for (int d = 0; d < 3; d++) {
        isize size = d ? 2 : 1;
        if (p->kernel[d] != size || p->stride[d] != size || p->low[d] || (d && p->dilation[d] > 1) ||
            p->out[d] * size > p->in[d])
            return false;
    }
    return p->in[0] == p->out[0];
}

/* Windows [a b; c d]; a row of each of them is a vector. */
typedef struct {
    N(vec) a, b, c, d;
} N(Square);

INLINE N(Square) N(square)(const T *upper, const T *lower) {
    N(vec) u = N(load)(upper), v = N(load)(upper + WIDTH), w = N(load)(lower), x = N(load)(lower + WIDTH);
    return (N(Square)){__builtin_shufflevector(u, v, N_OF(EVEN, T)), __builtin_shufflevector(u, v, N_OF(ODD, T)),
                       __builtin_shufflevector(w, x, N_OF(EVEN, T)), __builtin_shufflevector(w, x, N_OF(ODD, T))};
}

/* One vector of results. */
INLINE void N(pair_maxima)(const T *upper, const T *lower, T *y) {
    N(Square) s = N(square)(upper, lower);
    N(store)(y, N(larger)(N(larger)(s.d, s.c), N(larger)(s.b, s.a)));
}

/* Where v comes after `best` and is taken: it is larger, or nan. */
INLINE N(bits) N(taken)(N(vec) v, N(vec) best) { return (N(bits))(v > best) | (N(bits))(v != v); }

/* One vector of g goes to where the maxima are. */
INLINE void N(pair_gradient)(const T *upper, const T *lower, const T *g, T *to_upper, T *to_lower) {
    N(Square) s = N(square)(upper, lower);
    N(bits) b = N(taken)(s.b, s.a), d = N(taken)(s.d, s.c);
    N(bits) below = N(taken)(N(choose)(d, s.d, s.c), N(choose)(b, s.b, s.a));
    N(bits) own = (N(bits))(N(load)(g) + N(every)(0)); /* -0 becomes 0, as if it were added */
    N(bits) above = own & ~below;
    own &= below;
    N(vec) to_a = (N(vec))(above & ~b), to_b = (N(vec))(above & b), to_c = (N(vec))(own & ~d), to_d = (N(vec))(own & d);
    N(store)(to_upper, __builtin_shufflevector(to_a, to_b, N_OF(ZIP_LOW, T)));
    N(store)(to_upper + WIDTH, __builtin_shufflevector(to_a, to_b, N_OF(ZIP_HIGH, T)));
    N(store)(to_lower, __builtin_shufflevector(to_c, to_d, N_OF(ZIP_LOW, T)));
    N(store)(to_lower + WIDTH, __builtin_shufflevector(to_c, to_d, N_OF(ZIP_HIGH, T)));
}

/* The same for sums over a divisor. */
INLINE void N(pair_means)(const T *upper, const T *lower, T by, T *y) {
    N(Square) s = N(square)(upper, lower);
    N(store)(y, ((s.a + s.c) + (s.b + s.d)) / by);
}

INLINE void N(pair_shares)(const T *g, T by, T *to_upper, T *to_lower) {
    N(vec) share = N(load)(g) / by;
    N(vec) low = __builtin_shufflevector(share, share, N_OF(ZIP_LOW, T)), high = __builtin_shufflevector(share, share, N_OF(ZIP_HIGH, T));
    N(store)(to_upper, low), N(store)(to_upper + WIDTH, high), N(store)(to_lower, low), N(store)(to_lower + WIDTH, high);
}

/* Two rows: means with a divisor, else maxima. With more than a vector of windows the last vector begins earlier, so that
   nothing spills. */
static void N(pair_rows)(isize n, const T *upper, const T *lower, T by, T *y) {
    for (isize i = 0; i < n; i += WIDTH) {
        isize at = max_of(0, min_of(i, n - WIDTH));
        if (by != 0) N(pair_means)(upper + 2 * at, lower + 2 * at, by, y + at);
        else N(pair_maxima)(upper + 2 * at, lower + 2 * at, y + at);
    }
}

static void N(pair_rows_back)(isize n, const T *upper, const T *lower, const T *g, T by, T *to_upper, T *to_lower) {
    for (isize i = 0; i < n; i += WIDTH) {
        isize at = max_of(0, min_of(i, n - WIDTH));
        if (by != 0) N(pair_shares)(g + at, by, to_upper + 2 * at, to_lower + 2 * at);
        else N(pair_gradient)(upper + 2 * at, lower + 2 * at, g + at, to_upper + 2 * at, to_lower + 2 * at);
    }
}

/* `from`, or a copy of its n numbers in `buffer` where less than `span` are left before `end`. */
INLINE const T *N(readable)(const T *from, const T *end, isize n, isize span, T *buffer) {
    if (end - from >= span) return from;
    memcpy(buffer, from, n * sizeof(T));
    return buffer;
}

static bool N(pair_block)(const Pooling *p, isize block, T by) {
    isize n = p->out[2], width = p->in[2], span = max_of(n, WIDTH), pairs = p->in[0] * p->out[1];
    isize first = block * p->per_block, end = min_of(p->planes, first + p->per_block), size = p->in[0] * p->in[1] * width;
    const T *x_end = (const T *)p->x + end * size;
    T *y = (T *)p->y + first * pairs * n, *y_end = (T *)p->y + end * pairs * n, *buffer = scratch(5 * span * sizeof(T));
    if (!buffer) return false;
    for (isize k = first * pairs; k < end * pairs; k++, y += n) {
        const T *x = (const T *)p->x + (k / p->out[1] * p->in[1] + k % p->out[1] * 2) * width;
        const T *upper = N(readable)(x, x_end, 2 * n, 2 * span, buffer);
        const T *lower = N(readable)(x + width, x_end, 2 * n, 2 * span, buffer + 2 * span);
        T *to = y_end - y < span ? buffer + 4 * span : y;
        N(pair_rows)(n, upper, lower, by, to);
        if (to != y) memcpy(y, to, n * sizeof(T));
    }
    return true;
}

static bool N(pair_block_back)(const Pooling *p, isize block, T by) {
    isize n = p->out[2], width = p->in[2], span = max_of(n, WIDTH), pairs = p->in[0] * p->out[1];
    isize first = block * p->per_block, end = min_of(p->planes, first + p->per_block), size = p->in[0] * p->in[1] * width;
    const T *x_end = (const T *)p->x + end * size, *g = (const T *)p->g + first * pairs * n, *g_end = (const T *)p->g + end * pairs * n;
    T *dx_end = (T *)p->y + end * size, *buffer = scratch(9 * span * sizeof(T));
    if (!buffer) return false;
    for (isize k = first * pairs; k < end * pairs; k++, g += n) {
        isize at = (k / p->out[1] * p->in[1] + k % p->out[1] * 2) * width;
        const T *x = (const T *)p->x + at, *upper = NULL, *lower = NULL;
        if (by == 0) {
            upper = N(readable)(x, x_end, 2 * n, 2 * span, buffer);
            lower = N(readable)(x + width, x_end, 2 * n, 2 * span, buffer + 2 * span);
        }
        T *dx = (T *)p->y + at, *to = dx, *to_lower = dx + width;
        if (dx_end - to_lower < 2 * span) to = buffer + 4 * span, to_lower = buffer + 6 * span;
        N(pair_rows_back)(n, upper, lower, N(readable)(g, g_end, n, span, buffer + 8 * span), by, to, to_lower);
        if (to != dx) memcpy(dx, to, 2 * n * sizeof(T)), memcpy(dx + width, to_lower, 2 * n * sizeof(T));
        for (isize c = 2 * n; c < width; c++) dx[c] = dx[width + c] = 0;
        if (k % p->out[1] == p->out[1] - 1) /* rows below the last windows */
            memset(dx + 2 * width, 0, (p->in[1] - 2 * p->out[1]) * width * sizeof(T));
    }
    return true;
}
