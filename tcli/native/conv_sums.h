/* The gradient of a weight, from the buffer of a band; included once for each T. See conv_weight.c. */

/* ---------------------------------------------------------------- vectors of channels */

/* sums[k][channels] += over places: g[place][channels] * buffer[from[k] + place]. `vecs` vectors of channels lie together. */
INLINE void N(sum_tile)(isize taps, isize vecs, const T *const *from, const T *g, isize rows, isize places, isize row,
                        T *RESTRICT sums) {
    N(vec) sum[24];
    const T *x[12];
    UNROLL for (isize k = 0; k < taps; k++) {
        x[k] = from[k];
        UNROLL for (isize v = 0; v < vecs; v++) sum[k * vecs + v] = N(load)(sums + (k * vecs + v) * WIDTH);
    }
    for (isize i = 0; i < rows; i++) {
        for (isize j = 0; j < places; j++, g += vecs * WIDTH) {
            N(vec) own[2];
            UNROLL for (isize v = 0; v < vecs; v++) own[v] = N(load)(g + v * WIDTH);
            UNROLL for (isize k = 0; k < taps; k++) {
                N(vec) factor = N(every)(x[k][j]);
                UNROLL for (isize v = 0; v < vecs; v++) sum[k * vecs + v] += factor * own[v];
            }
        }
        UNROLL for (isize k = 0; k < taps; k++) x[k] += row;
    }
    UNROLL for (isize k = 0; k < taps; k++)
        UNROLL for (isize v = 0; v < vecs; v++) N(store)(sums + (k * vecs + v) * WIDTH, sum[k * vecs + v]);
}

#define SUM_TILE(taps, vecs)                                                                                          \
    static void N(sum_tile_##taps##_##vecs)(const T *const *from, const T *g, isize rows, isize places, isize row, T *sums) { \
        N(sum_tile)(taps, vecs, from, g, rows, places, row, sums);                                                    \
    }
#if REGISTERS == 32
SUM_TILE(12, 2) SUM_TILE(9, 2) SUM_TILE(6, 2) SUM_TILE(3, 2) SUM_TILE(1, 2)
SUM_TILE(12, 1) SUM_TILE(9, 1) SUM_TILE(6, 1) SUM_TILE(3, 1) SUM_TILE(1, 1)
#else
SUM_TILE(6, 2) SUM_TILE(3, 2) SUM_TILE(1, 2)
SUM_TILE(9, 1) SUM_TILE(6, 1) SUM_TILE(3, 1) SUM_TILE(1, 1)
#endif

/* All terms (channel after channel, tap after tap) of the buffer against the channels of one column of g. */
static void N(sum_terms)(const Plan *p, const T *b, isize channels, isize vecs, const T *g, isize rows, isize places, T *sums) {
    const Pass *s = &p->passes[0];
    isize terms = channels * s->n_taps;
    for (isize k = 0, n; k < terms; k += n) {
        const T *from[12];
        isize left = terms - k;
#if REGISTERS == 32
        n = left >= 12 ? 12 : left >= 9 ? 9 : left >= 6 ? 6 : left >= 3 ? 3 : 1;
#else
        n = left >= 9 && vecs == 1 ? 9 : left >= 6 ? 6 : left >= 3 ? 3 : 1;
#endif
        for (isize i = 0; i < n; i++) from[i] = b + (k + i) / s->n_taps * p->channel + s->at[(k + i) % s->n_taps];
        T *to = sums + k * vecs * WIDTH;
        switch (2 * n + vecs) {
#define CASE(taps, vecs) \
    case 2 * taps + vecs: N(sum_tile_##taps##_##vecs)(from, g, rows, places, p->row, to); break
#if REGISTERS == 32
            CASE(12, 2); CASE(9, 2); CASE(12, 1);
#endif
            CASE(6, 2); CASE(3, 2); CASE(1, 2); CASE(9, 1); CASE(6, 1); CASE(3, 1); CASE(1, 1);
#undef CASE
        }
    }
}

/* ---------------------------------------------------------------- vectors of places */

/* The numbers of v where `mask` has all bits, zeros elsewhere: what is there may be anything, nan as well. */
INLINE N(vec) N(kept)(N(vec) v, N(bits) mask) { return (N(vec))((N(bits))v & mask); }

INLINE T N(total)(N(vec) v) {
    T sum = 0;
    for (isize i = 0; i < WIDTH; i++) sum += v[i];
    return sum;
}

/* A row that is no whole number of vectors ends with a vector that reaches back into it, or, where it is shorter than one,
   with what lies behind it; `mask` takes away what does not belong. */
typedef struct {
    isize rows, places, row; /* row: pitch in the buffer */
    isize full, rest;        /* places in whole vectors; where the last vector begins, or -1 */
    N(bits) mask;
} N(Lines);

static N(Lines) N(lines_of)(isize rows, isize places, isize row) {
    N(Lines) l = {rows, places, row, places / WIDTH * WIDTH, -1, {0}};
    if (l.full < places) l.rest = max_of(0, places - WIDTH);
    for (isize i = 0; i < WIDTH; i++) l.mask[i] = l.rest + i >= l.full && l.rest + i < places ? -1 : 0;
    return l;
}

/* sums[k] += over places: g[place] * buffer[from[k] + place], for one channel of g, which may be read up to g_end. */
INLINE void N(line_tile)(isize taps, const N(Lines) *l, const T *const *from, const T *g, isize g_row, const T *g_end,
                         T *RESTRICT sums) {
    N(vec) sum[9] = {0};
    for (isize i = 0; i < l->rows; i++, g += g_row) {
        for (isize j = 0; j < l->full; j += WIDTH) {
            N(vec) own = N(load)(g + j);
            UNROLL for (isize k = 0; k < taps; k++) sum[k] += own * N(load)(from[k] + i * l->row + j);
        }
        if (l->rest < 0) continue;
        T few[VECTOR_BYTES / sizeof(T)] = {0};
        const T *last = g + l->rest;
        if (last + WIDTH > g_end) last = memcpy(few, last, (g_end - last) * sizeof(T));
        N(vec) own = N(kept)(N(load)(last), l->mask);
        UNROLL for (isize k = 0; k < taps; k++) sum[k] += own * N(kept)(N(load)(from[k] + i * l->row + l->rest), l->mask);
    }
    UNROLL for (isize k = 0; k < taps; k++) sums[k] += N(total)(sum[k]);
}

static void N(line_terms)(const Plan *p, const T *b, isize channels, const N(Lines) *l, const T *g, isize g_row,
                          const T *g_end, T *sums) {
    const Pass *s = &p->passes[0];
    isize terms = channels * s->n_taps;
    for (isize k = 0, n; k < terms; k += n) {
        const T *from[9];
        n = terms - k >= 9 ? 9 : terms - k >= 3 ? 3 : 1;
        for (isize i = 0; i < n; i++) from[i] = b + (k + i) / s->n_taps * p->channel + s->at[(k + i) % s->n_taps];
        if (n == 9) N(line_tile)(9, l, from, g, g_row, g_end, sums + k);
        else if (n == 3) N(line_tile)(3, l, from, g, g_row, g_end, sums + k);
        else N(line_tile)(1, l, from, g, g_row, g_end, sums + k);
    }
}

/* ---------------------------------------------------------------- bands and images */

/* What a part of a band adds: rows from .. of plane d, `rows` of them, columns likewise. `turned` is memory for g. */
static void N(sum_part)(const Sums *c, const T *b, const T *g, isize channels, isize first, isize rows, isize places, T *turned,
                        const T *g_end, T *sums) {
    const Plan *p = &c->plan;
    isize size = p->out[0] * p->out[1] * p->out[2], terms = p->ci * p->n_kernel;
    if (c->by_lines) {
        N(Lines) l = N(lines_of)(rows, places, p->row);
        for (isize o = 0; o < p->co; o++)
            N(line_terms)(p, b, channels, &l, g + o * size, p->out[2], g_end, sums + o * terms + first * p->n_kernel);
        return;
    }
    for (isize o = 0; o < p->co; o += 2 * WIDTH) {
        isize vecs = p->co - o > WIDTH ? 2 : 1, lines = min_of(p->co - o, vecs * WIDTH);
        if (places == p->out[2])
            N(turn)(turned, vecs * WIDTH, vecs * WIDTH, g + o * size, size, lines, rows * places);
        else
            for (isize i = 0; i < rows; i++)
                N(turn)(turned + i * places * vecs * WIDTH, vecs * WIDTH, vecs * WIDTH, g + o * size + i * p->out[2], size, lines, places);
        N(sum_terms)(p, b, channels, vecs, turned, rows, places, sums + o * terms + first * p->n_kernel * vecs * WIDTH);
    }
}

/* What one image adds for some channels of a group: x and g of the group. */
static void N(sum_image)(const Sums *c, const T *x, const T *g, isize first, isize channels, T *memory, T *turned,
                         const T *g_end, T *sums) {
    const Plan *p = &c->plan;
    isize size = p->in[0] * p->in[1] * p->in[2];
    for (isize band = 0; band < p->bands; band++) {
        const T *b = N(pack)(p, memory, x + first * size, band, channels);
        isize at[3] = {0}, n[3] = {p->out[0], p->out[1], p->out[2]};
        at[p->banded] = band * p->band, n[p->banded] = min_of(p->band, n[p->banded] - at[p->banded]);
        isize columns = min_of(n[2], CHUNK), rows = max_of(1, CHUNK / columns);
        for (isize d = 0; d < n[0]; d++)
            for (isize i = 0; i < n[1]; i += rows)
                for (isize j = 0; j < n[2]; j += columns)
                    N(sum_part)(c, b + d * p->plane + i * p->row + j,
                                g + ((at[0] + d) * p->out[1] + at[1] + i) * p->out[2] + at[2] + j, channels, first,
                                min_of(rows, n[1] - i), min_of(columns, n[2] - j), turned, g_end, sums);
    }
}

static bool N(sum_unit)(const Sums *c, isize unit) {
    const Plan *p = &c->plan;
    isize slice = unit % c->slices, group = unit / c->slices % p->groups, part = unit / c->slices / p->groups;
    isize in = p->in[0] * p->in[1] * p->in[2], out = p->out[0] * p->out[1] * p->out[2];
    isize first = slice * c->slice, channels = min_of(c->slice, p->ci - first), buffer = N(packed_bytes)(p, channels);
    char *memory = scratch(buffer + 2 * VECTOR_BYTES * CHUNK);
    if (!memory) return false;
    T *sums = (T *)c->sums + (part * p->groups + group) * c->size;
    isize width = c->by_lines ? 1 : 2 * WIDTH, terms = p->ci * p->n_kernel;
    for (isize o = 0; o < p->co; o += width) {
        isize lanes = c->by_lines ? 1 : p->co - o > WIDTH ? 2 * WIDTH : WIDTH;
        memset(sums + o * terms + first * p->n_kernel * lanes, 0, channels * p->n_kernel * lanes * sizeof(T));
    }
    const T *g_end = (const T *)c->g + p->images * p->groups * p->co * out;
    for (isize i = part * c->per_part; i < min_of(p->images, (part + 1) * c->per_part); i++)
        N(sum_image)(c, (const T *)c->x + (i * p->groups + group) * p->ci * in,
                     (const T *)c->g + (i * p->groups + group) * p->co * out, first, channels, (T *)memory, (T *)(memory + buffer),
                     g_end, sums);
    return true;
}

static void N(sum_block)(void *context, isize block) {
    Sums *c = context;
    for (isize u = block * c->per_block; u < min_of(c->units, (block + 1) * c->per_block); u++)
        if (!N(sum_unit)(c, u)) c->failed = true;
}

/* The sums of all parts, in the order of parts, for one group; and from vectors of channels to the weight's own order. */
static void N(join_block)(void *context, isize group) {
    Sums *c = context;
    const Plan *p = &c->plan;
    isize terms = p->ci * p->n_kernel, pitch = p->groups * c->size;
    const T *sums = (const T *)c->sums + group * c->size;
    T *w = (T *)c->weight + group * p->co * terms;
    for (isize o = 0; o < p->co;) {
        isize width = c->by_lines ? 1 : p->co - o > WIDTH ? 2 * WIDTH : WIDTH;
        for (isize k = 0; k < terms; k++)
            for (isize l = 0; l < min_of(width, p->co - o); l++) {
                const T *s = sums + o * terms + k * width + l;
                T sum = s[0];
                for (isize i = 1; i < c->parts; i++) sum += s[i * pitch];
                w[(o + l) * terms + k] = sum;
            }
        o += width;
    }
}
