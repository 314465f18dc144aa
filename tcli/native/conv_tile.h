/* The convolution of one band, from its buffer; included once for each T. See conv.h.

   A tile is a few results' channels times a few vectors of places. Its sums stay in registers over all channels and taps
   that are read: with vectors of places and one number of the weight at a time, nearly every instruction multiplies. */

#define MOST_TILES 8

INLINE void N(tile)(isize oc, isize pv, const Plan *p, const Pass *s, const T *b, const T *w, const T *bias, T *RESTRICT out) {
    N(vec) sum[24];
    UNROLL for (isize o = 0; o < oc; o++)
        UNROLL for (isize v = 0; v < pv; v++) sum[o * pv + v] = N(every)(bias ? bias[o] : 0);
    const isize n_taps = s->n_taps, channels = p->ci, step = p->channel;
    const isize *at = s->at;
    for (isize c = 0; c < channels; c++, b += step)
        for (isize t = 0; t < n_taps; t++, w += oc) {
            const T *x = b + at[t];
            N(vec) seen[8];
            UNROLL for (isize v = 0; v < pv; v++) seen[v] = N(load)(x + v * WIDTH);
            UNROLL for (isize o = 0; o < oc; o++) {
                N(vec) factor = N(every)(w[o]);
                UNROLL for (isize v = 0; v < pv; v++) sum[o * pv + v] += factor * seen[v];
            }
        }
    UNROLL for (isize o = 0; o < oc; o++)
        UNROLL for (isize v = 0; v < pv; v++) N(store)(out + (o * pv + v) * WIDTH, sum[o * pv + v]);
}

#define TILE(oc, pv)                                                                                               \
    static void N(tile_##oc##_##pv)(const Plan *p, const Pass *s, const T *b, const T *w, const T *bias, T *out) { \
        N(tile)(oc, pv, p, s, b, w, bias, out);                                                                    \
    }
#if REGISTERS == 32
TILE(8, 1) TILE(8, 2) TILE(8, 3)
TILE(4, 1) TILE(4, 2) TILE(4, 4) TILE(4, 6)
TILE(2, 2) TILE(2, 4) TILE(2, 8)
TILE(1, 2) TILE(1, 4) TILE(1, 8)
#else
TILE(4, 1) TILE(4, 2) TILE(4, 3)
TILE(2, 2) TILE(2, 4) TILE(2, 5)
TILE(1, 2) TILE(1, 4) TILE(1, 8)
#endif

typedef void (*N(tile_fn))(const Plan *p, const Pass *s, const T *b, const T *w, const T *bias, T *out);
typedef struct {
    isize oc, pv;
    N(tile_fn) fn;
} N(Tile);

/* From the largest down; of one `oc` together. */
static const N(Tile) N(tiles)[] = {
#define LISTED(oc, pv) {oc, pv, N(tile_##oc##_##pv)}
#if REGISTERS == 32
    LISTED(8, 3), LISTED(8, 2), LISTED(8, 1), LISTED(4, 6), LISTED(4, 4), LISTED(4, 2), LISTED(4, 1),
    LISTED(2, 8), LISTED(2, 4), LISTED(2, 2), LISTED(1, 8), LISTED(1, 4), LISTED(1, 2),
#else
    LISTED(4, 3), LISTED(4, 2), LISTED(4, 1), LISTED(2, 5), LISTED(2, 4), LISTED(2, 2), LISTED(1, 8), LISTED(1, 4), LISTED(1, 2),
#endif
    {0},
};

/* The number of channels in the next tile, of which `left` are to do. */
INLINE isize N(next_tile)(isize left) {
#if REGISTERS == 32
    return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
#else
    return left >= 4 ? 4 : left >= 2 ? 2 : 1;
#endif
}

/* The tile for `oc` channels where n vectors are left to do: what does not fit into one is cut evenly at the end. */
static const N(Tile) *N(tile_for)(isize oc, isize n) {
    const N(Tile) *t = N(tiles);
    while (t->oc != oc) t++;
    isize size = n >= 2 * t->pv ? t->pv : n > t->pv ? (n + 1) / 2 : n;
    while (t[1].oc == oc && t[1].pv >= size) t++;
    return t;
}

/* Where rows of results lie: in a run, and in the output from its first place on. */
typedef struct {
    isize row, places;            /* pitch of the run, results in a row of it */
    isize line, step, channel;    /* how far rows, neighbours and channels are apart in the output */
    isize end, last;              /* the end of the run, and of its results in the output */
    bool whole;                   /* whether rows follow each other in the output */
} N(Run);

/* A piece of a row for `oc` channels: n results with `step` between them. What lies behind them may be overwritten up to
   `room` places from the first. */
static void N(put)(const N(Run) *r, T *to, const T *from, isize oc, isize found_n, isize n, isize room) {
    isize vecs = blocks_of(n, WIDTH), step = r->step;
    if (step == 1 && vecs == 1 && WIDTH <= room)
        for (isize o = 0; o < oc; o++) N(store)(to + o * r->channel, N(load)(from + o * found_n));
    else if (step == 1 && vecs * WIDTH <= room)
        for (isize o = 0; o < oc; o++)
            for (isize v = 0; v < vecs; v++) N(store)(to + o * r->channel + v * WIDTH, N(load)(from + o * found_n + v * WIDTH));
    else if (step == 1)
        for (isize o = 0; o < oc; o++) N(copy)(to + o * r->channel, from + o * found_n, n);
    else
        for (isize o = 0; o < oc; o++, to += r->channel, from += found_n) {
            if (step == 2)
                for (isize i = 0; i < n; i++) to[2 * i] = from[i];
            else
                for (isize i = 0; i < n; i++) to[i * step] = from[i];
        }
}

/* Stores the places f .. f + n of `oc` channels, of each of which a tile has found `found_n`. Rows are stored in their
   order: a row may spill over into the next one, which is still to come. */
static void N(put_tile)(const N(Run) *r, T *y, const T *found, isize oc, isize found_n, isize f, isize n) {
    isize row = f / r->row, column = f % r->row;
    for (isize done = 0; done < n; done += r->row - column, column = 0, row++) {
        isize here = min_of(n - done, r->places - column), at = row * r->line + column * r->step;
        if (here > 0) N(put)(r, y + at, found + done, oc, found_n, here, r->whole ? r->last - at : here);
    }
}

/* A run for the channels from .. to: b is where the buffer's first place is, w the weights of tap after tap for the tiles
   of all channels, y the output's first place for channel 0. */
static void N(run)(const Plan *p, const Pass *s, const N(Run) *r, const T *b, const T *w, const T *bias, T *y, isize from,
                   isize to) {
    T found[25 * VECTOR_BYTES / sizeof(T)] __attribute__((aligned(VECTOR_BYTES)));
    for (isize o = from, oc; o < to; o += oc) {
        oc = N(next_tile)(to - o);
        for (isize f = 0, n; f < r->end; f += n) {
            const N(Tile) *t = N(tile_for)(oc, blocks_of(r->end - f, WIDTH));
            n = t->pv * WIDTH;
            if (f + n > r->end) f = max_of(0, r->end - n); /* some once more: nothing behind the run is read */
            t->fn(p, s, b + f, w + o * p->ci * s->n_taps, bias ? bias + o : NULL, found);
            N(put_tile)(r, y + o * r->channel, found, oc, n, f, min_of(n, r->end));
        }
    }
}
