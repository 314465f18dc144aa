/* Copies the numbers of a band into a buffer; included once for each T. See conv.h. */

/* What a row of the buffer holds: numbers[lo - ahead], numbers[lo - ahead + split] .. in places lo .. hi, and zeros. */
typedef struct {
    isize lo, hi, ahead;
} N(Row);

static N(Row) N(row_of)(const Plan *p, isize phase, isize first) {
    isize s = p->split[2], ahead = p->low[2] - phase - s * first, left = p->in[2] - 1 + ahead;
    isize lo = min_of(p->row, ahead > 0 ? blocks_of(ahead, s) : 0);
    return (N(Row)){lo, max_of(lo, min_of(p->row, left < 0 ? 0 : left / s + 1)), ahead};
}

/* Rows are packed in their order, so that one may spill over into the next as long as neither the buffer ends (`room`
   places further on) nor the numbers do (at `end`). */
INLINE void N(pack_row)(const N(Row) *r, isize width, isize s, T *to, const T *from, isize room, const T *end) {
    isize n = r->hi - r->lo, spill = blocks_of(n, WIDTH) * WIDTH;
    from += s * r->lo - r->ahead;
    for (isize q = 0; q < r->lo; q++) to[q] = 0;
    if (s == 1 && r->lo + spill <= room && spill <= end - from)
        for (isize q = 0; q < n; q += WIDTH) N(store)(to + r->lo + q, N(load)(from + q));
    else if (s == 1)
        N(copy)(to + r->lo, from, n);
    else if (s == 2)
        for (isize q = 0; q < n; q++) to[r->lo + q] = from[2 * q];
    else
        for (isize q = 0; q < n; q++) to[r->lo + q] = from[s * q];
    for (isize q = r->hi; q < width; q++) to[q] = 0;
}

/* One channel: `first` is where the band begins along each dim. */
static void N(pack_channel)(const Plan *p, T *to, const T *from, const T *from_end, const isize *first) {
    T *end = to + p->channel;
    for (isize phase = 0; phase < p->split[0] * p->split[1] * p->split[2]; phase++) {
        isize p2 = phase % p->split[2], p1 = phase / p->split[2] % p->split[1], p0 = phase / p->split[2] / p->split[1];
        N(Row) row = N(row_of)(p, p2, first[2]);
        for (isize i = 0; i < p->rows[0]; i++)
            for (isize j = 0; j < p->rows[1]; j++, to += p->row) {
                isize a = p0 + p->split[0] * (first[0] + i) - p->low[0], b = p1 + p->split[1] * (first[1] + j) - p->low[1];
                if (a < 0 || a >= p->in[0] || b < 0 || b >= p->in[1])
                    memset(to, 0, p->row * sizeof(T));
                else
                    N(pack_row)(&row, p->row, p->split[2], to, from + (a * p->in[1] + b) * p->in[2], end - to, from_end);
            }
    }
    memset(to, 0, (char *)end - (char *)to);
}

/* The buffer of a band of channels from .. to of one image; `memory` has room for them and SLACK. */
static const T *N(pack)(const Plan *p, T *memory, const T *image, isize band, isize channels) {
    isize first[3] = {0}, size = p->in[0] * p->in[1] * p->in[2];
    first[p->banded] = band * p->band;
    if (p->direct) return image + first[0] * p->plane + first[1] * p->row + first[2];
    for (isize c = 0; c < channels; c++) N(pack_channel)(p, memory + c * p->channel, image + c * size, image + channels * size, first);
    memset(memory + channels * p->channel, 0, SLACK * sizeof(T));
    return memory;
}

/* Bytes of such a buffer, up to the next cache line. */
static isize N(packed_bytes)(const Plan *p, isize channels) {
    return p->direct ? 0 : ((channels * p->channel + SLACK) * (isize)sizeof(T) + 63) / 64 * 64;
}
