/* Convolutions of each channel with a kernel of its own, 3 x 3, stride 1 and dilation 1; included once for each T.

   There is little to multiply for every number that is read, so nothing is copied: some rows of results at a time stay in
   registers, and each row of the image that takes part is read once for all of them. What a vector reads beyond the ends of
   its row is taken away by masks. */

#define DEPTH 3      /* taps along each dim */
#define DEPTH_ROWS 4 /* of results that are worked out together */

typedef struct {
    isize first[2]; /* where the first tap lies beside a result */
    isize in[2], out[2];
    bool turned;                /* the kernel is read from its end */
    const T *image, *begin, *end; /* of the plane, and of all that may be read */
    T *result;
    T bias;
    const T *weight;
    N(bits) *masks; /* of each vector of a row, for each column of taps: what lies within the row */
} N(Depth);

/* The numbers at `from` where `mask` says so; `careful`: some of the others may lie outside of the array. */
INLINE N(vec) N(load_part)(const N(Depth) *d, const T *from, N(bits) mask, bool masked, bool careful) {
    if (!masked) return N(load)(from);
    if (careful && (from < d->begin || from + WIDTH > d->end)) {
        T few[VECTOR_BYTES / sizeof(T)] = {0};
        for (isize i = 0; i < WIDTH; i++)
            if (mask[i]) few[i] = from[i];
        return N(load)(few);
    }
    return (N(vec))((N(bits))N(load)(from) & mask);
}

/* `rows` rows of results from row y on, `vecs` vectors of columns from column x[v] on; masks [vector][tap]. */
INLINE void N(depth_tile)(const N(Depth) *d, isize rows, isize vecs, const N(vec) *w, const N(bits) *masks,
                          bool masked, bool careful, isize y, const isize *x) {
    N(vec) sum[2 * DEPTH_ROWS];
    UNROLL for (isize r = 0; r < rows * vecs; r++) sum[r] = N(every)(d->bias);
    UNROLL for (isize i = 0; i < rows + DEPTH - 1; i++) {
        isize row = y + i + d->first[0];
        if (row < 0 || row >= d->in[0]) continue;
        const T *from = d->image + row * d->in[1] + d->first[1];
        UNROLL for (isize k = 0; k < DEPTH; k++)
            UNROLL for (isize v = 0; v < vecs; v++) {
                N(vec) own = N(load_part)(d, from + x[v] + k, masks[v * DEPTH + k], masked, careful);
                UNROLL for (isize r = 0; r < rows; r++)
                    if (i - r >= 0 && i - r < DEPTH) sum[r * vecs + v] += w[(i - r) * DEPTH + k] * own;
            }
    }
    UNROLL for (isize r = 0; r < rows; r++)
        UNROLL for (isize v = 0; v < vecs; v++) {
            T *to = d->result + (y + r) * d->out[1] + x[v];
            if (d->out[1] >= WIDTH) N(store)(to, sum[r * vecs + v]);
            else memcpy(to, &sum[r * vecs + v], d->out[1] * sizeof(T));
        }
}

/* Where vector `v` of a row of results begins: the last one where it ends with the row. */
INLINE isize N(column)(const N(Depth) *d, isize v) { return max_of(0, min_of(v * WIDTH, d->out[1] - WIDTH)); }

INLINE bool N(is_masked)(const N(Depth) *d, isize v) {
    isize first = N(column)(d, v) + d->first[1];
    return first < 0 || first + DEPTH - 1 + WIDTH > d->in[1];
}

static void N(find_masks)(const N(Depth) *d, N(bits) *masks) {
    for (isize v = 0; v < blocks_of(d->out[1], WIDTH); v++)
        for (isize k = 0; k < DEPTH; k++, masks++)
            for (isize i = 0; i < WIDTH; i++) {
                isize at = N(column)(d, v) + d->first[1] + k + i;
                (*masks)[i] = at >= 0 && at < d->in[1] ? -1 : 0;
            }
}

INLINE void N(depth_columns)(const N(Depth) *d, isize vecs, const N(vec) *w, const N(bits) *masks,
                             bool masked, const isize *x) {
    isize y = 0;
    for (; y + DEPTH_ROWS <= d->out[0]; y += DEPTH_ROWS)
        N(depth_tile)(d, DEPTH_ROWS, vecs, w, masks, masked, false, y, x);
    for (; y < d->out[0]; y++) N(depth_tile)(d, 1, vecs, w, masks, masked, false, y, x);
}

static void N(depth_plane)(const N(Depth) *d, bool careful) {
    N(vec) w[DEPTH * DEPTH];
    UNROLL for (isize k = 0; k < DEPTH * DEPTH; k++) w[k] = N(every)(d->weight[d->turned ? DEPTH * DEPTH - 1 - k : k]);
    isize vectors = blocks_of(d->out[1], WIDTH);
    for (isize v = 0; v < vectors;) {
        const N(bits) *masks = d->masks + v * DEPTH;
        isize x[2] = {N(column)(d, v), N(column)(d, v + 1)}, vecs = careful || v + 1 == vectors ? 1 : 2;
        bool masked = N(is_masked)(d, v) || (vecs == 2 && N(is_masked)(d, v + 1));
        if (careful)
            for (isize y = 0; y < d->out[0]; y++) N(depth_tile)(d, 1, 1, w, masks, true, true, y, x);
        else if (vecs == 1) N(depth_columns)(d, 1, w, masks, true, x);
        else if (masked) N(depth_columns)(d, 2, w, masks, true, x);
        else N(depth_columns)(d, 2, w, masks, false, x);
        v += vecs;
    }
}

static void N(depth_block)(void *context, isize block) {
    Conv *c = context;
    const Plan *p = &c->plan;
    isize in = p->in[1] * p->in[2], out = p->out[1] * p->out[2], planes = p->images * p->groups;
    N(Depth) d = {.in = {p->in[1], p->in[2]}, .out = {p->out[1], p->out[2]},
                  .turned = p->transposed, .begin = c->in, .end = (const T *)c->in + planes * in};
    for (int i = 0; i < 2; i++)
        d.first[i] = p->transposed ? p->geometry.low[i + 1] - DEPTH + 1 : -p->geometry.low[i + 1];
    d.masks = scratch(blocks_of(d.out[1], WIDTH) * DEPTH * VECTOR_BYTES);
    if (!d.masks) {
        c->failed = true;
        return;
    }
    N(find_masks)(&d, d.masks);
    for (isize i = block * c->per_block; i < min_of(planes, (block + 1) * c->per_block); i++) {
        d.image = d.begin + i * in, d.result = (T *)c->out + i * out;
        d.weight = (const T *)c->weight + i % p->groups * DEPTH * DEPTH, d.bias = c->bias ? ((const T *)c->bias)[i % p->groups] : 0;
        N(depth_plane)(&d, d.image - d.begin < DEPTH_REACH || d.end - d.image - in < DEPTH_REACH);
    }
}
