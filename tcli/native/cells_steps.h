/* The steps of some sequences of a layer; included once for each T. See cells.c.

   Units go by vectors; where they do not fill the last one, it begins earlier, and some units are done twice. */

/* Rows of `from` times the packed weights of one vector of units: sum[row][gate]. */
INLINE void N(gate_sums)(isize rows, isize gates, const T *from, isize pitch, isize terms, const T *w, T *RESTRICT sums) {
    N(vec) sum[4 * MOST_ROWS];
    UNROLL for (isize k = 0; k < rows * gates; k++) sum[k] = N(every)(0);
    for (isize k = 0; k < terms; k++, w += gates * WIDTH) {
        N(vec) factors[4];
        UNROLL for (isize q = 0; q < gates; q++) factors[q] = N(load)(w + q * WIDTH);
        UNROLL for (isize r = 0; r < rows; r++) {
            N(vec) h = N(every)(from[r * pitch + k]);
            UNROLL for (isize q = 0; q < gates; q++) sum[r * gates + q] += h * factors[q];
        }
    }
    UNROLL for (isize k = 0; k < rows * gates; k++) N(store)(sums + k * WIDTH, sum[k]);
}

static void N(any_gate_sums)(isize rows, isize gates, const T *from, isize pitch, isize terms, const T *w, T *sums) {
#define CALL4(n) N(gate_sums)(n, 4, from, pitch, terms, w, sums)
#define CALL3(n) N(gate_sums)(n, 3, from, pitch, terms, w, sums)
    if (gates == 4) { FOR_ROWS(rows, CALL4) }
    else { FOR_ROWS(rows, CALL3) }
#undef CALL4
#undef CALL3
}

/* `columns` columns of rows times the weights as they are, (terms, columns). */
static void N(state_sums)(isize rows, const T *from, isize pitch, isize terms, const T *w, isize columns, T *to) {
    isize vecs = columns >= 4 * WIDTH ? 4 : columns >= 2 * WIDTH ? 2 : 1, size = vecs * WIDTH;
    for (isize c = 0; c < columns; c += size) {
        isize at = min_of(c, columns - size);
        N(tile)(rows, vecs, false, from, pitch, 1, terms, w + at, columns, to + at, columns);
    }
}

/* The weights (gates * H, H) as [vector of units][term][gate][unit]. */
static void N(pack_units)(void *context, isize block) {
    Layer *l = context;
    isize first = min_of(block * WIDTH, l->units - WIDTH);
    T *to = (T *)l->packed + block * WIDTH * l->gates * l->units;
    for (isize q = 0; q < l->gates; q++)
        N(turn)(to + q * WIDTH, l->gates * WIDTH, WIDTH, (const T *)l->w + (q * l->units + first) * l->units, l->units, WIDTH,
                l->units);
}

/* ---------------------------------------------------------------- forward */

/* pre[gate] = sums[gate] + more[gate], a vector each; where those are in `more`, NULL for none. */
INLINE void N(add_gates)(isize gates, const T *sums, const T *more, isize units, T *pre) {
    UNROLL for (isize q = 0; q < gates; q++) {
        N(vec) sum = N(load)(sums + q * WIDTH);
        N(store)(pre + q * WIDTH, more ? sum + N(load)(more + q * units) : sum);
    }
}

/* One vector of units of one sequence: from what the products have found to its gates, cell and state. */
static void N(lstm_units)(const T *sums, const T *gx, const T *bias, isize units, const T *c, T *kept, T *cell, T *y) {
    T pre[4 * VECTOR_BYTES / sizeof(T)];
    N(add_gates)(4, sums, gx, units, pre);
    N(add_gates)(4, pre, bias, units, pre);
    SIMD for (isize u = 0; u < WIDTH; u++) {
        T i = N(sigmoid)(pre[u]), f = N(sigmoid)(pre[WIDTH + u]), g = N(tanh)(pre[2 * WIDTH + u]), o = N(sigmoid)(pre[3 * WIDTH + u]);
        T now = f * c[u] + i * g;
        kept[u] = i, kept[units + u] = f, kept[2 * units + u] = g, kept[3 * units + u] = o;
        cell[u] = now, y[u] = o * N(tanh)(now);
    }
}

static void N(gru_units)(const T *sums, const T *gx, const T *bias, isize units, const T *h, T *kept, T *y) {
    T pre[3 * VECTOR_BYTES / sizeof(T)];
    N(add_gates)(3, sums, bias, units, pre);
    SIMD for (isize u = 0; u < WIDTH; u++) {
        T r = N(sigmoid)(pre[u] + gx[u]), z = N(sigmoid)(pre[WIDTH + u] + gx[units + u]), part = pre[2 * WIDTH + u];
        T new = N(tanh)(gx[2 * units + u] + r * part);
        kept[u] = r, kept[units + u] = z, kept[2 * units + u] = new, kept[3 * units + u] = part;
        y[u] = new + z * (h[u] - new);
    }
}

static void N(forward)(void *context, isize block) {
    Layer *l = context;
    isize n = l->units, first = block * l->rows, end = min_of(l->batch, first + l->rows), size = l->batch * n;
    isize tiles = blocks_of(end - first, MOST_ROWS), most = blocks_of(end - first, tiles);
    T sums[4 * MOST_ROWS * VECTOR_BYTES / sizeof(T)] __attribute__((aligned(VECTOR_BYTES)));
    const T *h = l->h0, *c = l->c0, *bias = l->bias;
    for (isize k = 0; k < l->steps; k++) {
        isize t = l->reverse ? l->steps - 1 - k : k;
        T *y = (T *)l->y + t * size, *cells = l->cells ? (T *)l->cells + t * size : NULL;
        for (isize v = 0; v < blocks_of(n, WIDTH); v++)
            for (isize row = first, rows; row < end; row += rows) {
                rows = min_of(most, end - row);
                isize u = min_of(v * WIDTH, n - WIDTH);
                N(any_gate_sums)(rows, l->gates, h + row * n, n, n, (T *)l->packed + v * WIDTH * l->gates * n, sums);
                for (isize r = row; r < row + rows; r++) {
                    const T *gx = (const T *)l->gx + (t * l->batch + r) * l->gates * n + u, *own = sums + (r - row) * l->gates * WIDTH;
                    T *kept = (T *)l->kept + (t * l->batch + r) * GATES_KEPT * n + u;
                    if (cells)
                        N(lstm_units)(own, gx, bias ? bias + u : NULL, n, c + r * n + u, kept, cells + r * n + u, y + r * n + u);
                    else
                        N(gru_units)(own, gx, bias ? bias + u : NULL, n, h + r * n + u, kept, y + r * n + u);
                }
            }
        h = y, c = cells;
    }
}

/* ---------------------------------------------------------------- backward */

/* One sequence in one step: dh and dc (with what later steps gave) to the gradients of its gates. */
static void N(lstm_gradient)(isize n, const T *kept, const T *cell, const T *before, const T *dh, T *RESTRICT dc,
                             T *RESTRICT d) {
    SIMD for (isize u = 0; u < n; u++) {
        T i = kept[u], f = kept[n + u], g = kept[2 * n + u], o = kept[3 * n + u], c = N(tanh)(cell[u]);
        T dcell = dc[u] + dh[u] * o * (1 - c * c);
        d[u] = dcell * g * i * (1 - i), d[n + u] = dcell * before[u] * f * (1 - f);
        d[2 * n + u] = dcell * i * (1 - g * g), d[3 * n + u] = dh[u] * c * o * (1 - o);
        dc[u] = dcell * f;
    }
}

/* The same; dh becomes what goes to the state before without the weights. */
static void N(gru_gradient)(isize n, const T *kept, const T *before, T *RESTRICT dh, T *RESTRICT d, T *RESTRICT state) {
    SIMD for (isize u = 0; u < n; u++) {
        T r = kept[u], z = kept[n + u], new = kept[2 * n + u], part = kept[3 * n + u];
        T dnew = dh[u] * (1 - z) * (1 - new * new), dr = dnew * part * r * (1 - r), dz = dh[u] * (before[u] - new) * z * (1 - z);
        d[u] = state[u] = dr, d[n + u] = state[n + u] = dz, d[2 * n + u] = dnew, state[2 * n + u] = dnew * r;
        dh[u] *= z;
    }
}

static void N(backward)(void *context, isize block) {
    Layer *l = context;
    isize n = l->units, first = block * l->rows, end = min_of(l->batch, first + l->rows), size = l->batch * n, wide = l->gates * n;
    isize tiles = blocks_of(end - first, MOST_ROWS), most = blocks_of(end - first, tiles), own = (end - first) * n;
    T *dh = (T *)l->dh + first * n, *dc = l->dc ? (T *)l->dc + first * n : NULL, *found = scratch(own * sizeof(T));
    if (!found) {
        l->failed = true;
        return;
    }
    if (l->gh) memcpy(dh, (const T *)l->gh + first * n, own * sizeof(T));
    else memset(dh, 0, own * sizeof(T));
    if (dc && l->gc) memcpy(dc, (const T *)l->gc + first * n, own * sizeof(T));
    else if (dc) memset(dc, 0, own * sizeof(T));
    for (isize k = l->steps - 1; k >= 0; k--) {
        isize t = l->reverse ? l->steps - 1 - k : k, back = l->reverse ? t + 1 : t - 1;
        const T *h = k ? (const T *)l->y + back * size : l->h0, *c = !dc ? NULL : k ? (const T *)l->cells + back * size : l->c0;
        if (l->gy)
            for (isize i = 0; i < own; i++) dh[i] += ((const T *)l->gy)[t * size + first * n + i];
        for (isize r = first; r < end; r++) {
            const T *kept = (const T *)l->kept + (t * l->batch + r) * GATES_KEPT * n;
            T *d = (T *)l->d_gates + (t * l->batch + r) * wide;
            if (dc)
                N(lstm_gradient)(n, kept, (const T *)l->cells + t * size + r * n, c + r * n, dh + (r - first) * n,
                                 dc + (r - first) * n, d);
            else
                N(gru_gradient)(n, kept, h + r * n, dh + (r - first) * n, d, (T *)l->d_state + (t * l->batch + r) * wide);
        }
        const T *from = (const T *)(dc ? l->d_gates : l->d_state) + t * l->batch * wide;
        T *to = dc ? dh : found;
        for (isize row = first, rows; row < end; row += rows) {
            rows = min_of(most, end - row);
            N(state_sums)(rows, from + row * wide, wide, wide, l->w, n, to + (row - first) * n);
        }
        if (!dc)
            for (isize i = 0; i < own; i++) dh[i] += found[i];
    }
}
