/* The queries of a block; included once for each T. See attention.c. */

#define PANEL (4 * WIDTH)

/* Some panels of keys: [panel][number of a key][key], with zeros for keys that are not there. */
static void N(pack_keys)(void *context, isize block) {
    const Attention *a = context;
    isize panels = blocks_of(a->source, PANEL), size = a->inner * PANEL;
    for (isize i = block * PACKED; i < min_of((block + 1) * PACKED, a->heads * panels); i++) {
        isize head = i / panels, first = i % panels * PANEL;
        N(turn)((T *)a->packed + i * size, PANEL, PANEL, (const T *)a->k + (head * a->source + first) * a->inner, a->inner,
                min_of(PANEL, a->source - first), a->inner);
    }
}

/* Scores become exponentials of their distances from the largest; those from `seen` to `end` become 0. */
static T N(exponentials)(T *s, isize seen, isize end, T *sum) {
    T top = (T)-INFINITY;
    double total = 0;
    SIMD_MAX(top) for (isize i = 0; i < seen; i++) top = s[i] > top ? s[i] : top;
    if (top == (T)-INFINITY) top = 0;
    for (isize start = 0; start < seen; start += PIECE) {
        isize stop = min_of(start + PIECE, seen);
        T part = 0;
        SIMD_SUM(part) for (isize i = start; i < stop; i++) {
            s[i] = N(exp_below)(s[i] - top);
            part += s[i];
        }
        total += part;
    }
    memset(s + seen, 0, (end - seen) * sizeof(T));
    *sum = total == 0 ? 1 : (T)total;
    return top;
}

/* y = weights times values, of `end` keys. */
static void N(mix)(const Attention *a, const T *weights, isize pitch, isize n, isize end, const T *v, T *y) {
    isize width = a->outer;
    for (isize first = 0; first < end; first += KEYS)
        for (isize row = 0, rows; row < n; row += rows) {
            rows = min_of(MOST_ROWS, n - row);
            for (isize c = 0, vecs; c < width; c += vecs * WIDTH) {
                vecs = width - c >= 4 * WIDTH ? 4 : width - c >= 2 * WIDTH ? 2 : 1;
                N(tile)(rows, vecs, first > 0, weights + row * pitch + first, pitch, 1, min_of(KEYS, end - first),
                        v + first * width + c, width, y + row * width + c, width);
            }
        }
}

static void N(attend)(void *context, isize block) {
    Attention *a = context;
    isize blocks = blocks_of(a->length, a->rows), head = block / blocks, start = block % blocks * a->rows;
    isize n = min_of(a->rows, a->length - start), inner = a->inner, panels = blocks_of(a->source, PANEL);
    isize end = a->causal ? min_of(start + n, a->source) : a->source, pitch = blocks_of(end, PANEL) * PANEL;
    T *scaled = scratch(n * (inner + pitch) * sizeof(T)), *scores = scaled + n * inner, scale = (T)a->scale;
    if (!scaled) {
        a->failed = true;
        return;
    }
    const T *q = (const T *)a->q + (head * a->length + start) * inner, *v = (const T *)a->v + head * a->source * a->outer;
    const T *keys = (const T *)a->packed + head * panels * inner * PANEL;
    T *y = (T *)a->y + (head * a->length + start) * a->outer, *logs = (T *)a->logs + head * a->length + start;
    for (isize i = 0; i < n * inner; i++) scaled[i] = q[i] * scale;
    for (isize first = 0; first < end; first += PANEL, keys += inner * PANEL)
        for (isize row = 0, rows; row < n; row += rows) {
            rows = min_of(MOST_ROWS, n - row);
            N(tile)(rows, 4, false, scaled + row * inner, inner, 1, inner, keys, PANEL, scores + row * pitch + first, pitch);
        }
    T sums[MOST_QUERIES];
    for (isize row = 0; row < n; row++) {
        isize seen = a->causal ? min_of(start + row + 1, end) : end;
        T top = N(exponentials)(scores + row * pitch, seen, end, &sums[row]);
        logs[row] = N(log)(sums[row]) + top;
    }
    N(mix)(a, scores, pitch, n, end, v, y);
    for (isize row = 0; row < n; row++)
        for (isize c = 0; c < a->outer; c++) y[row * a->outer + c] /= sums[row];
}

#undef PANEL
