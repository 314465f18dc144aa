/* Windows of one plane, row by row; included once for each T. See pooling.c. */

/* ---------------------------------------------------------------- maxima */

/* A plane is copied with -inf ahead of and behind its rows, so that rows are whole vectors and each window's places are
   there. For a row of windows the largest number of each column comes first, with the row of the window where it is; from
   these the largest of each window. Of equals the one in the first row counts, and in that row the first. */

#define NOWHERE (1 << 20) /* the row of what is not inside: more than any, and small enough to be multiplied */

typedef struct {
    isize pitch;    /* of a copied row: whole vectors */
    T *plane;       /* the copy */
    T *column;      /* the largest of each column, and what windows of a whole vector see behind the last one */
    N(bit) *row;    /* and where that is */
    N(bit) *beside; /* all bits for columns that are not of the plane */
    T *best;        /* the same for windows */
    N(bit) *code;   /* the number of the tap */
} N(Maxima);

static bool N(make_maxima)(const Pooling *p, N(Maxima) *m) {
    isize used = p->low[2] + p->in[2], out = blocks_of(p->out[2], WIDTH) * WIDTH;
    isize width = max_of(used, out * p->stride[2] + p->kernel[2] * p->dilation[2]) + 2 * WIDTH;
    m->pitch = blocks_of(used, WIDTH) * WIDTH, width = blocks_of(width, WIDTH) * WIDTH;
    m->plane = scratch((p->in[0] * p->in[1] * m->pitch + 3 * width + 2 * out) * sizeof(T));
    if (!m->plane) return false;
    m->column = m->plane + p->in[0] * p->in[1] * m->pitch, m->row = (N(bit) *)(m->column + width);
    m->beside = m->row + width, m->best = (T *)(m->beside + width), m->code = (N(bit) *)(m->best + out);
    for (isize c = 0; c < width; c++) {
        m->column[c] = (T)-INFINITY, m->row[c] = NOWHERE;
        m->beside[c] = c < p->low[2] || c >= used ? -1 : 0;
    }
    return true;
}

static void N(copy_plane)(const Pooling *p, const N(Maxima) *m, const T *x) {
    isize low = p->low[2], n = p->in[2];
    for (isize r = 0; r < p->in[0] * p->in[1]; r++, x += n) {
        T *to = m->plane + r * m->pitch;
        for (isize c = 0; c < low; c++) to[c] = (T)-INFINITY;
        N(copy)(to + low, x, n);
        for (isize c = low + n; c < m->pitch; c++) to[c] = (T)-INFINITY;
    }
}

/* Takes v where it is better: larger, or as large and further ahead. nan is larger than all others, and the last one counts.
   Gives where it was taken. */
INLINE N(bits) N(take)(N(vec) v, N(bits) place, N(vec) *best, N(bits) *at) {
    N(bits) ahead = place < *at, more = (v > *best) | ((v == *best) & ahead) | ((v != v) & ((*best == *best) | ~ahead));
    *best = N(choose)(more, v, *best), *at = N(choose_bits)(more, place, *at);
    return more;
}

INLINE N(vec) N(larger)(N(vec) v, N(vec) best) { return N(choose)((N(bits))(v > best) | (N(bits))(v != v), v, best); }

#include "pooling_pairs.h"

/* The taps lo .. hi of window i along a dim whose places are inside. */
INLINE void N(inside)(const Pooling *p, int dim, isize i, isize *lo, isize *hi) {
    isize start = i * p->stride[dim] - p->low[dim];
    *lo = *hi = 0;
    while (start + *lo * p->dilation[dim] < 0) ++*lo;
    for (*hi = *lo; *hi < p->kernel[dim] && start + *hi * p->dilation[dim] < p->in[dim];) ++*hi;
}

/* The largest numbers of the columns that the windows of row (d, i) span. */
INLINE void N(max_columns)(const Pooling *p, const N(Maxima) *m, isize d, isize i, bool coded) {
    isize lo0, hi0, lo1, hi1;
    N(inside)(p, 0, d, &lo0, &hi0), N(inside)(p, 1, i, &lo1, &hi1);
    const isize step1 = p->dilation[1] * m->pitch, step0 = p->dilation[0] * p->in[1] * m->pitch;
    const T *first = m->plane + (d * p->stride[0] - p->low[0]) * p->in[1] * m->pitch + (i * p->stride[1] - p->low[1]) * m->pitch;
    for (isize c = 0; c < m->pitch; c += WIDTH) {
        N(vec) best = N(every)((T)-INFINITY);
        N(bits) at = (N(bits)){0} + NOWHERE;
        for (isize k0 = lo0; k0 < hi0; k0++)
            for (isize k1 = lo1; k1 < hi1; k1++) {
                N(vec) v = N(load)(first + k0 * step0 + k1 * step1 + c);
                if (coded) N(take)(v, (N(bits)){0} + (N(bit))(k0 * p->kernel[1] + k1), &best, &at);
                else best = N(larger)(v, best);
            }
        N(store)(m->column + c, best);
        if (coded)
            N(store_bits)(m->row + c, N(choose_bits)(N(load_bits)(m->beside + c), (N(bits)){0} + NOWHERE, at));
    }
}

/* Numbers p[0], p[2], p[4] ... as a vector. */
INLINE N(vec) N(even)(const T *p) { return __builtin_shufflevector(N(load)(p), N(load)(p + WIDTH), N_OF(EVEN, T)); }

/* Numbers p[0], p[s], p[2 s] ... as a vector. */
INLINE N(vec) N(strided)(const T *p, isize s) {
    if (s == 1) return N(load)(p);
    if (s == 2) return N(even)(p);
    if (s == 4) return __builtin_shufflevector(N(even)(p), N(even)(p + 2 * WIDTH), N_OF(EVEN, T));
    N(vec) v = {0};
    for (isize i = 0; i < WIDTH; i++) v[i] = p[i * s];
    return v;
}

INLINE N(bits) N(strided_bits)(const N(bit) *p, isize s) {
    return (N(bits))N(strided)((const T *)p, s);
}

/* The largest of each window of a row, and with `coded` the tap where it is. */
INLINE void N(max_windows)(const Pooling *p, const N(Maxima) *m, isize s, bool coded) {
    for (isize j = 0; j < p->out[2]; j += WIDTH) {
        N(vec) best = N(every)((T)-INFINITY);
        N(bits) at = (N(bits)){0} + NOWHERE, tap = {0};
        for (isize k = 0; k < p->kernel[2]; k++) {
            isize c = j * s + k * p->dilation[2];
            N(vec) v = N(strided)(m->column + c, s);
            if (!coded) {
                best = N(larger)(v, best);
                continue;
            }
            N(bits) row = N(strided_bits)(m->row + c, s), taken = N(take)(v, row, &best, &at);
            tap = N(choose_bits)(taken, (N(bits)){0} + (N(bit))k, tap);
        }
        N(store)(m->best + j, best);
        if (coded) N(store_bits)(m->code + j, at * (N(bit))p->kernel[2] + tap);
    }
}

INLINE void N(max_row)(const Pooling *p, const N(Maxima) *m, isize d, isize i, bool coded) {
    N(max_columns)(p, m, d, i, coded);
    if (p->stride[2] == 1) N(max_windows)(p, m, 1, coded);
    else if (p->stride[2] == 2) N(max_windows)(p, m, 2, coded);
    else if (p->stride[2] == 4) N(max_windows)(p, m, 4, coded);
    else N(max_windows)(p, m, p->stride[2], coded);
}

static void N(max_block)(void *context, isize block) {
    Pooling *p = context;
    N(Maxima) m;
    if (N(in_pairs)(p)) {
        if (!N(pair_block)(p, block, 0)) p->failed = true;
        return;
    }
    isize in = p->in[0] * p->in[1] * p->in[2], n = p->out[2];
    T *y = (T *)p->y + block * p->per_block * p->out[0] * p->out[1] * n;
    if (!N(make_maxima)(p, &m)) {
        p->failed = true;
        return;
    }
    for (isize plane = block * p->per_block; plane < min_of(p->planes, (block + 1) * p->per_block); plane++) {
        N(copy_plane)(p, &m, (const T *)p->x + plane * in);
        for (isize d = 0; d < p->out[0]; d++)
            for (isize i = 0; i < p->out[1]; i++, y += n) {
                N(max_row)(p, &m, d, i, false);
                N(copy)(y, m.best, n);
            }
    }
}

/* How far each tap is from a window's first place. */
static void N(tap_shifts)(const Pooling *p, isize *shifts) {
    for (isize k0 = 0; k0 < p->kernel[0]; k0++)
        for (isize k1 = 0; k1 < p->kernel[1]; k1++)
            for (isize k2 = 0; k2 < p->kernel[2]; k2++)
                *shifts++ = ((k0 * p->dilation[0] - p->low[0]) * p->in[1] + k1 * p->dilation[1] - p->low[1]) * p->in[2] +
                            k2 * p->dilation[2] - p->low[2];
}

/* For each window the place of its maximum goes to `places`, or g is added there. */
static void N(max_coded)(Pooling *p, isize block) {
    isize in = p->in[0] * p->in[1] * p->in[2], n = p->out[2], rows = p->out[0] * p->out[1], s = p->stride[2];
    isize *shifts = malloc(p->kernel[0] * p->kernel[1] * p->kernel[2] * sizeof(isize));
    N(Maxima) m;
    if (!shifts || !N(make_maxima)(p, &m)) {
        p->failed = true;
        free(shifts);
        return;
    }
    N(tap_shifts)(p, shifts);
    for (isize plane = block * p->per_block; plane < min_of(p->planes, (block + 1) * p->per_block); plane++) {
        T *dx = p->places ? NULL : (T *)p->y + plane * in;
        if (dx) memset(dx, 0, in * sizeof(T));
        N(copy_plane)(p, &m, (const T *)p->x + plane * in);
        for (isize row = 0; row < rows; row++) {
            isize d = row / p->out[1], i = row % p->out[1], at = (plane * rows + row) * n;
            isize first = (d * p->stride[0] * p->in[1] + i * p->stride[1]) * p->in[2];
            N(max_row)(p, &m, d, i, true);
            if (dx)
                for (isize j = 0; j < n; j++) dx[first + j * s + shifts[m.code[j]]] += ((const T *)p->g)[at + j];
            else
                for (isize j = 0; j < n; j++) p->places[at + j] = first + j * s + shifts[m.code[j]];
        }
    }
    free(shifts);
}

static void N(max_places)(void *context, isize block) { N(max_coded)(context, block); }
static void N(max_back)(void *context, isize block) {
    Pooling *p = context;
    if (!N(in_pairs)(p)) N(max_coded)(p, block);
    else if (!N(pair_block_back)(p, block, 0)) p->failed = true;
}

static void N(scatter)(void *context, isize block) {
    Pooling *p = context;
    isize in = p->in[0] * p->in[1] * p->in[2], out = p->out[0] * p->out[1] * p->out[2];
    for (isize plane = block * p->per_block; plane < min_of(p->planes, (block + 1) * p->per_block); plane++) {
        T *to = (T *)p->y + plane * in;
        memset(to, 0, in * sizeof(T));
        for (isize i = plane * out; i < (plane + 1) * out; i++) to[p->places[i]] += ((const T *)p->g)[i];
    }
}

/* ---------------------------------------------------------------- means */

/* The sum of n numbers, in an order that compilers may choose. */
INLINE T N(run_sum)(const T *x, isize n) {
    T sum = 0;
    SIMD_SUM(sum) for (isize i = 0; i < n; i++) sum += x[i];
    return sum;
}

/* What the windows of row (d, i) are divided by: `rows` times the count of each. */
INLINE T N(divisor)(const Pooling *p, isize d, isize i, isize j) {
    if (p->divisor != 0) return (T)p->divisor;
    return (T)(p->windows[0].count[d] * p->windows[1].count[i] * p->windows[2].count[j]);
}

static void N(mean_row)(const Pooling *p, const T *plane, isize d, isize i, T *RESTRICT columns, T *RESTRICT y) {
    const Windows *w0 = &p->windows[0], *w1 = &p->windows[1], *w2 = &p->windows[2];
    isize width = p->in[2], rows = 0;
    const T *seen = columns;
    for (isize a = w0->start[d]; a < w0->stop[d]; a++)
        for (isize b = w1->start[i]; b < w1->stop[i]; b++, rows++) {
            const T *row = plane + (a * p->in[1] + b) * width;
            if (!rows) seen = row; /* one row alone need not be copied */
            else if (rows == 1) for (isize c = 0; c < width; c++) columns[c] = seen[c] + row[c];
            else for (isize c = 0; c < width; c++) columns[c] += row[c];
            if (rows == 1) seen = columns;
        }
    if (!rows) memset(columns, 0, width * sizeof(T));
    for (isize j = 0; j < w2->n; j++) {
        const T *x = seen + w2->start[j];
        isize n = w2->stop[j] - w2->start[j];
        T sum = n == 2 ? x[0] + x[1] : n == 3 ? x[0] + x[1] + x[2] : n == 4 ? x[0] + x[1] + x[2] + x[3] : N(run_sum)(x, n);
        y[j] = sum / N(divisor)(p, d, i, j);
    }
}

/* One window over the whole plane. */
static bool N(all_of_it)(const Pooling *p) {
    for (int d = 0; d < 3; d++)
        if (p->out[d] > 1 || p->windows[d].start[0] || p->windows[d].stop[0] < p->in[d]) return false;
    return true;
}

/* The sums of four runs of n numbers, one behind the other: no addition waits for the one before it. */
INLINE void N(four_sums)(const T *x, isize n, T *sums) {
    T a = 0, b = 0, c = 0, d = 0;
    SIMD_REDUCE(omp simd reduction(+ : a, b, c, d))
    for (isize i = 0; i < n; i++) a += x[i], b += x[n + i], c += x[2 * n + i], d += x[3 * n + i];
    sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

/* The means of whole planes. */
static void N(mean_planes)(const Pooling *p, isize plane, isize stop, isize in) {
    const T *x = p->x;
    T *y = p->y, divisor = N(divisor)(p, 0, 0, 0);
    isize start = plane;
    for (; plane + 4 <= stop; plane += 4) N(four_sums)(x + plane * in, in, y + plane);
    for (; plane < stop; plane++) y[plane] = N(run_sum)(x + plane * in, in);
    for (; start < stop; start++) y[start] /= divisor;
}

static void N(mean_block)(void *context, isize block) {
    Pooling *p = context;
    if (N(in_pairs)(p)) {
        if (!N(pair_block)(p, block, N(divisor)(p, 0, 0, 0))) p->failed = true;
        return;
    }
    isize in = p->in[0] * p->in[1] * p->in[2], rows = p->out[0] * p->out[1];
    isize stop = min_of(p->planes, (block + 1) * p->per_block);
    if (N(all_of_it)(p)) {
        N(mean_planes)(p, block * p->per_block, stop, in);
        return;
    }
    T *columns = scratch(p->in[2] * sizeof(T));
    if (!columns) {
        p->failed = true;
        return;
    }
    for (isize plane = block * p->per_block; plane < stop; plane++) {
        const T *x = (const T *)p->x + plane * in;
        T *y = (T *)p->y + plane * rows * p->out[2];
        for (isize row = 0; row < rows; row++)
            N(mean_row)(p, x, row / p->out[1], row % p->out[1], columns, y + row * p->out[2]);
    }
}

/* What a row of g gives to each column. */
static void N(spread_row)(const Pooling *p, const T *g, isize d, isize i, T *RESTRICT columns) {
    const Windows *w = &p->windows[2];
    isize done = 0; /* columns that have a number already */
    for (isize j = 0; j < w->n; j++) {
        T share = g[j] / N(divisor)(p, d, i, j);
        isize c = w->start[j], stop = w->stop[j];
        for (; done < c; done++) columns[done] = 0;
        for (; c < min_of(done, stop); c++) columns[c] += share;
        for (; c < stop; c++) columns[c] = share;
        done = max_of(done, stop);
    }
    for (; done < p->in[2]; done++) columns[done] = 0;
}

static void N(mean_back)(void *context, isize block) {
    Pooling *p = context;
    if (N(in_pairs)(p)) {
        if (!N(pair_block_back)(p, block, N(divisor)(p, 0, 0, 0))) p->failed = true;
        return;
    }
    const Windows *w0 = &p->windows[0], *w1 = &p->windows[1];
    isize width = p->in[2], in = p->in[0] * p->in[1] * width, rows = p->out[0] * p->out[1];
    bool whole = N(all_of_it)(p);
    T *columns = scratch(width * sizeof(T));
    if (!columns) {
        p->failed = true;
        return;
    }
    for (isize plane = block * p->per_block; plane < min_of(p->planes, (block + 1) * p->per_block); plane++) {
        T *dx = (T *)p->y + plane * in;
        const T *g = (const T *)p->g + plane * rows * p->out[2];
        if (whole) {
            T share = *g / N(divisor)(p, 0, 0, 0);
            for (isize k = 0; k < in; k++) dx[k] = share;
            continue;
        }
        isize done = 0; /* rows of the plane that have numbers already; windows begin in their order */
        if (p->in[0] > 1) memset(dx, 0, in * sizeof(T)), done = p->in[1];
        for (isize row = 0; row < rows; row++) {
            isize d = row / p->out[1], i = row % p->out[1];
            N(spread_row)(p, g + row * p->out[2], d, i, columns);
            for (isize a = w0->start[d]; a < w0->stop[d]; a++) {
                for (; done < w1->start[i]; done++) memset(dx + done * width, 0, width * sizeof(T));
                for (isize b = w1->start[i]; b < w1->stop[i]; b++) {
                    T *RESTRICT to = dx + (a * p->in[1] + b) * width;
                    if (b < done) for (isize c = 0; c < width; c++) to[c] += columns[c];
                    else memcpy(to, columns, width * sizeof(T));
                }
                done = max_of(done, w1->stop[i]);
            }
        }
        for (; done < p->in[1]; done++) memset(dx + done * width, 0, width * sizeof(T));
    }
}
