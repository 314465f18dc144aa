/* The convolution of one band of one image, for some channels; included once for each T. See conv.h. */

/* The weights of all passes in the order in which tiles read them, for channels from .. to of a group that are written. */
static void N(pack_weight)(const Plan *p, T *to, const T *weight, isize group, isize first, isize end) {
    isize write = p->transposed ? p->n_kernel : p->ci * p->n_kernel, read = p->transposed ? p->co * p->n_kernel : p->n_kernel;
    weight += group * p->ci * p->co * p->n_kernel;
    for (int i = 0; i < p->n_passes; i++) {
        const Pass *s = &p->passes[i];
        T *next = to + (group * p->co + first) * p->ci * s->n_taps;
        for (isize o = first, oc; o < end; o += oc) {
            oc = N(next_tile)(end - o);
            for (isize c = 0; c < p->ci; c++)
                for (isize t = 0; t < s->n_taps; t++)
                    for (isize k = 0; k < oc; k++) *next++ = weight[(o + k) * write + c * read + s->tap[t]];
        }
        to += p->groups * p->co * p->ci * s->n_taps;
    }
}

/* Channels from .. to of a group: b is the band's buffer, y the output of the group. */
static void N(conv_band)(const Plan *p, const T *b, const T *weight, const T *bias, T *y, isize group, isize band, isize from,
                         isize to) {
    isize first[3] = {0}, size = p->out[0] * p->out[1] * p->out[2];
    first[p->banded] = band * p->band;
    for (int i = 0; i < p->n_passes; i++) {
        const Pass *s = &p->passes[i];
        isize n[3];
        for (int d = 0; d < 3; d++) n[d] = s->places[d] - first[d];
        n[p->banded] = min_of(n[p->banded], p->band);
        if (min_of(n[0], min_of(n[1], n[2])) <= 0) goto next;
        N(Run) run = {p->row, n[2], p->out[2] * p->step[1], p->step[2], size, (n[1] - 1) * p->row + n[2], 0,
                      p->step[1] == 1 && p->step[2] == 1 && n[2] == p->out[2]};
        run.last = (n[1] - 1) * run.line + n[2];
        T *start = y + (s->start[1] + first[1] * p->step[1]) * p->out[2] + s->start[2] + first[2] * p->step[2];
        for (isize d = 0; d < n[0]; d++) {
            T *target = start + (s->start[0] + (first[0] + d) * p->step[0]) * p->out[1] * p->out[2];
            N(run)(p, s, &run, b + d * p->plane, weight + group * p->co * p->ci * s->n_taps, bias ? bias + group * p->co : NULL,
                   target, from, to);
        }
    next:
        weight += p->groups * p->co * p->ci * s->n_taps;
    }
}

static bool N(conv_unit)(const Conv *c, isize unit) {
    const Plan *p = &c->plan;
    isize slice = unit % c->slices, band = unit / c->slices % p->bands, group = unit / c->slices / p->bands;
    isize in = p->in[0] * p->in[1] * p->in[2], out = p->out[0] * p->out[1] * p->out[2];
    T *memory = p->direct ? NULL : scratch(N(packed_bytes)(p, p->ci));
    if (!memory && !p->direct) return false;
    const T *b = N(pack)(p, memory, (const T *)c->in + group * p->ci * in, band, p->ci);
    N(conv_band)(p, b, c->packed, c->bias, (T *)c->out + group * p->co * out, group % p->groups, band, slice * c->slice,
                 min_of(p->co, (slice + 1) * c->slice));
    return true;
}

static void N(conv_block)(void *context, isize block) {
    Conv *c = context;
    for (isize u = block * c->per_block; u < min_of(c->units, (block + 1) * c->per_block); u++)
        if (!N(conv_unit)(c, u)) c->failed = true;
}

static void N(weight_block)(void *context, isize block) {
    Conv *c = context;
    isize parts = blocks_of(c->plan.co, WEIGHT_PART), first = block % parts * WEIGHT_PART;
    N(pack_weight)(&c->plan, c->packed, c->weight, block / parts, first, min_of(c->plan.co, first + WEIGHT_PART));
}
