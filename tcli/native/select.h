/* Selection among pairs of a key and a place; included with narrow and wide keys.

   KEY is a number without sign in the order of what is sorted, PAIR a number of twice its width with the key above and the
   place below. So no two pairs are equal, and to sort pairs is to sort stably. P(name) is name_narrow or name_wide. */

#define KEY_BYTES ((int)sizeof(KEY))
#define PLACE_BITS (8 * KEY_BYTES)
#define PAIR_OF(key, place) (((PAIR)(key) << PLACE_BITS) | (PAIR)(place))
#define PLACE_OF(p) ((isize)(KEY)(p))
#define KEY_OF(p) ((KEY)((p) >> PLACE_BITS))
#define DIGIT_OF(p, d) ((uint8_t)((p) >> (8 * (d))))

/* ---------------------------------------------------------------- keys */

#define FILL(CODE, T, I, KEY_FN)                                                                       \
    case CODE: {                                                                                       \
        const T *x = (const T *)data + from;                                                           \
        for (isize i = 0; i < n; i++) to[i] = PAIR_OF((KEY)KEY_FN(x[i]) ^ flip, first + i);            \
        break;                                                                                         \
    }

/* The pairs of `n` numbers from data[from] on, whose places count from `first`; best first where `descending`. */
static void P(fill)(PAIR *to, const void *data, int type, isize from, isize first, isize n, bool descending) {
    const KEY flip = descending ? (KEY)-1 : 0;
    switch (type) { P(TYPES)(FILL) }
}
#undef FILL

/* ---------------------------------------------------------------- sorting in one thread */

static void P(insert)(PAIR *a, isize n) {
    for (isize i = 1; i < n; i++) {
        PAIR moving = a[i];
        isize j = i;
        for (; j > 0 && moving < a[j - 1]; j--) a[j] = a[j - 1];
        a[j] = moving;
    }
}

/* By digits, the lowest first; those that are all alike are passed over. `room` is as large as `a`. */
static void P(by_digits)(PAIR *a, PAIR *room, isize n) {
    uint32_t counts[sizeof(PAIR)][DIGITS];
    PAIR *from = a, *to = room;
    memset(counts, 0, sizeof counts);
    for (isize i = 0; i < n; i++)
        for (size_t d = 0; d < sizeof(PAIR); d++) counts[d][DIGIT_OF(from[i], d)]++;
    for (size_t d = 0; d < sizeof(PAIR); d++) {
        uint32_t *start = counts[d], total = 0;
        if (start[DIGIT_OF(from[0], d)] == (uint32_t)n) continue;
        for (int k = 0; k < DIGITS; k++) {
            uint32_t count = start[k];
            start[k] = total;
            total += count;
        }
        for (isize i = 0; i < n; i++) to[start[DIGIT_OF(from[i], d)]++] = from[i];
        PAIR *other = from;
        from = to, to = other;
    }
    if (from != a) memcpy(a, from, n * sizeof(PAIR));
}

static void P(sort)(PAIR *a, PAIR *room, isize n) {
    if (n <= FEW) P(insert)(a, n);
    else if (sizeof(PAIR) == 8) sort_whole(a, n, NULL);
    else P(by_digits)(a, room, n);
}

/* Brings the `rank + 1` least pairs to the front, the one of that rank behind the others. */
static void P(select)(PAIR *a, isize n, isize rank) {
    isize low = 0, high = n - 1;
    uint32_t seed = 1;
    if (sizeof(PAIR) == 8 && n > FEW && n <= QUICKLY_SORTED) {
        sort_whole(a, n, NULL);
        return;
    }
    while (high - low >= FEW) {
        seed = seed * 1664525u + 1013904223u;
        PAIR x = a[low], y = a[low + (isize)(seed % (uint32_t)(high - low + 1))], z = a[high];
        PAIR pivot = x < y ? (y < z ? y : x < z ? z : x) : (x < z ? x : y < z ? z : y);
        isize i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot) i++;
            while (pivot < a[j]) j--;
            if (i <= j) {
                PAIR moving = a[i];
                a[i++] = a[j], a[j--] = moving;
            }
        }
        if (rank <= j) high = j;
        else if (rank >= i) low = i;
        else return;
    }
    P(insert)(a + low, high - low + 1);
}

/* ---------------------------------------------------------------- results */

static void P(write_row)(const Rows *r, const PAIR *pairs, isize row) {
    int64_t *places = r->places + row * r->k;
    for (isize i = 0; i < r->k; i++) places[i] = PLACE_OF(pairs[i]);
    if (r->values) take_values(r, row, 0, r->k);
}

typedef struct {
    const Rows *r;
    isize row;
    PAIR *pairs;
} P(Long);

/* ---------------------------------------------------------------- the best of a row */

/* A bar is the worst of the best k so far: what does not pass it is left behind, a vector of numbers at a look. What passes
   is collected, and when there is no more room the best k of that stay and set the next bar. */
typedef struct {
    PAIR *kept;
    isize count, k, room;
} P(Best);

static void P(keep_best)(P(Best) *b) {
    if (b->count <= b->k) return;
    P(select)(b->kept, b->count, b->k - 1);
    b->count = b->k;
}

#define BEST(CODE, T, I, KEY_FN)                                                                                      \
    INLINE void P(pass_bar_##CODE)(P(Best) *b, const T *x, isize first, isize n, const bool descending) {             \
        const KEY flip = descending ? (KEY)-1 : 0;                                                                    \
        enum { LOOK = 128 / sizeof(T) };                                                                              \
        isize i = 0;                                                                                                  \
        for (; i < n && b->count < b->room; i++) b->kept[b->count++] = PAIR_OF((KEY)KEY_FN(x[i]) ^ flip, first + i);  \
        if (i == n) return;                                                                                           \
        P(keep_best)(b);                                                                                              \
        PAIR worst = b->kept[b->k - 1];                                                                               \
        T bar = x[PLACE_OF(worst) - first];                                                                           \
        for (; i < n; i += LOOK) {                                                                                    \
            isize width = min_of(LOOK, n - i);                                                                        \
            if (width == LOOK) {                                                                                      \
                I any = 0; /* nan passes, whose key says more */                                                      \
                SIMD_REDUCE(omp simd reduction(| : any))                                                              \
                for (int j = 0; j < LOOK; j++) any |= (descending ? x[i + j] <= bar : x[i + j] >= bar) ? 0 : 1;       \
                if (!any) continue;                                                                                   \
            }                                                                                                         \
            for (isize j = i; j < i + width; j++) {                                                                   \
                if (descending ? x[j] <= bar : x[j] >= bar) continue;                                                 \
                PAIR p = PAIR_OF((KEY)KEY_FN(x[j]) ^ flip, first + j);                                                \
                if (p > worst) continue;                                                                              \
                b->kept[b->count++] = p;                                                                              \
                if (b->count < b->room) continue;                                                                     \
                P(keep_best)(b);                                                                                      \
                worst = b->kept[b->k - 1];                                                                            \
                bar = x[PLACE_OF(worst) - first];                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    static void P(best_##CODE)(P(Best) *b, const void *x, isize first, isize n, bool descending) {                    \
        if (descending) P(pass_bar_##CODE)(b, (const T *)x + first, first, n, true);                                  \
        else P(pass_bar_##CODE)(b, (const T *)x + first, first, n, false);                                            \
    }
P(TYPES)(BEST)
#undef BEST

/* The best of `n` numbers of a row from `first` on. */
#define CASE(CODE, T, I, KEY_FN) case CODE: P(best_##CODE)(b, row, first, n, r->descending); break;
static void P(best)(P(Best) *b, const Rows *r, isize row_number, isize first, isize n) {
    const char *row = (const char *)r->x + row_number * r->n * r->item;
    switch (r->type) { P(TYPES)(CASE) }
    P(keep_best)(b);
}
#undef CASE

/* Room for what is collected beside the best k, and for sorting those. */
static isize P(best_room)(isize k) { return 2 * k + SPARE; }

static void P(best_rows)(void *context, isize block) {
    const Rows *r = context;
    isize room = P(best_room)(r->k);
    PAIR *kept = scratch(2 * room * sizeof(PAIR));
    if (!kept) abort(); /* a megabyte or so */
    for (isize row = block * r->group, stop = min_of(row + r->group, r->rows); row < stop; row++) {
        P(Best) b = {kept, 0, r->k, room};
        P(best)(&b, r, row, 0, r->n);
        P(sort)(kept, kept + room, r->k);
        P(write_row)(r, kept, row);
    }
}

/* The best k of each piece of a long row go into `work`, (pieces, k), where there are as many. */
static void P(best_piece)(void *context, isize piece) {
    P(Long) *l = context;
    isize room = P(best_room)(l->r->k), start = piece * l->r->piece;
    P(Best) b = {scratch(room * sizeof(PAIR)), 0, l->r->k, room};
    if (!b.kept) abort();
    P(best)(&b, l->r, l->row, start, min_of(l->r->piece, l->r->n - start));
    PAIR *to = l->pairs + piece * l->r->k;
    memcpy(to, b.kept, b.count * sizeof(PAIR));
    for (isize i = b.count; i < l->r->k; i++) to[i] = (PAIR)-1;
}

static bool P(best_long_rows)(const Rows *r) {
    isize pieces = blocks_of(r->n, r->piece), count = pieces * r->k;
    PAIR *pairs = PyMem_RawMalloc((count + r->k) * sizeof(PAIR));
    if (!pairs) return false;
    for (isize row = 0; row < r->rows; row++) {
        P(Long) l = {r, row, pairs};
        run_blocks(P(best_piece), &l, pieces);
        P(select)(pairs, count, r->k - 1);
        P(sort)(pairs, pairs + count, r->k);
        P(write_row)(r, pairs, row);
    }
    PyMem_RawFree(pairs);
    return true;
}

/* ---------------------------------------------------------------- the number of a rank */

static void P(rank_rows)(void *context, isize block) {
    const Rows *r = context;
    PAIR *pairs = scratch(r->n * sizeof(PAIR));
    if (!pairs) abort();
    for (isize row = block * r->group, stop = min_of(row + r->group, r->rows); row < stop; row++) {
        P(fill)(pairs, r->x, r->type, row * r->n, 0, r->n, false);
        P(select)(pairs, r->n, r->ranks[row]);
        r->places[row] = PLACE_OF(pairs[r->ranks[row]]);
    }
}

/* Of a long row, the highest bits of all keys are counted: that leaves the few numbers that share them with the one looked
   for, which are collected in their order. */
typedef struct {
    const Rows *r;
    isize row;
    uint32_t (*counts)[HEADS]; /* of each block */
    KEY *differences;          /* the bits in which keys of a block differ from the first of all */
    KEY head;
    int shift;                 /* of the bits that are counted */
    isize *starts; /* of what each block collects */
    PAIR *found;
} P(Heads);

/* A chunk of a block as pairs, from `start` on; how many there are. */
static isize P(chunk)(const P(Heads) *h, PAIR *pairs, isize start, isize stop) {
    isize n = min_of(CHUNK, stop - start);
    P(fill)(pairs, h->r->x, h->r->type, h->row * h->r->n + start, start, n, false);
    return n;
}

static void P(compare_heads)(void *context, isize block) {
    P(Heads) *h = context;
    PAIR pairs[CHUNK], first = 0;
    KEY found = 0;
    P(fill)(&first, h->r->x, h->r->type, h->row * h->r->n, 0, 1, false);
    isize start = block * LONG, stop = min_of(h->r->n, start + LONG);
    for (; start < stop; start += CHUNK) {
        isize n = P(chunk)(h, pairs, start, stop);
        for (isize i = 0; i < n; i++) found |= KEY_OF(pairs[i]) ^ KEY_OF(first);
    }
    h->differences[block] = found;
}

/* Whole numbers are often small: what counts of them are the highest bits that differ. */
static int P(shift_of_heads)(P(Heads) *h, isize blocks) {
    if (h->r->type >= F16) return PLACE_BITS - HEAD_BITS;
    KEY all = 0;
    int bits = 0;
    run_blocks(P(compare_heads), h, blocks);
    for (isize b = 0; b < blocks; b++) all |= h->differences[b];
    while (all) all >>= 1, bits++;
    return bits > HEAD_BITS ? bits - HEAD_BITS : 0;
}

#define HEAD_OF(p, shift) ((KEY_OF(p) >> (shift)) & (HEADS - 1))

static void P(count_heads)(void *context, isize block) {
    P(Heads) *h = context;
    PAIR pairs[CHUNK];
    uint32_t *counts = h->counts[block];
    memset(counts, 0, HEADS * sizeof *counts);
    isize start = block * LONG, stop = min_of(h->r->n, start + LONG);
    for (; start < stop; start += CHUNK) {
        isize n = P(chunk)(h, pairs, start, stop);
        for (isize i = 0; i < n; i++) counts[HEAD_OF(pairs[i], h->shift)]++;
    }
}

static void P(collect_heads)(void *context, isize block) {
    P(Heads) *h = context;
    PAIR pairs[CHUNK], *to = h->found + h->starts[block], *end = h->found + h->starts[block + 1];
    isize start = block * LONG, stop = min_of(h->r->n, start + LONG);
    for (; start < stop && to < end; start += CHUNK) {
        isize n = P(chunk)(h, pairs, start, stop);
        for (isize i = 0; i < n && to < end; i++) {
            *to = pairs[i];
            to += HEAD_OF(pairs[i], h->shift) == h->head;
        }
    }
}

/* The head of the number of a rank; the rank becomes the one among the numbers with this head. */
static KEY P(find_head)(P(Heads) *h, isize blocks, isize *rank) {
    for (int head = 0;; head++) {
        isize count = 0;
        for (isize b = 0; b < blocks; b++) h->starts[b] = count, count += h->counts[b][head];
        h->starts[blocks] = count;
        if (*rank < count) return head;
        *rank -= count;
    }
}

static bool P(rank_long_rows)(const Rows *r) {
    isize blocks = blocks_of(r->n, LONG);
    P(Heads) h = {.r = r};
    h.counts = PyMem_RawMalloc(blocks * sizeof *h.counts);
    h.starts = PyMem_RawMalloc((blocks + 1) * sizeof *h.starts);
    h.differences = PyMem_RawMalloc(blocks * sizeof *h.differences);
    bool enough = h.counts && h.starts && h.differences;
    for (h.row = 0; h.row < r->rows && enough; h.row++) {
        isize rank = r->ranks[h.row];
        h.shift = P(shift_of_heads)(&h, blocks);
        run_blocks(P(count_heads), &h, blocks);
        h.head = P(find_head)(&h, blocks, &rank);
        h.found = PyMem_RawMalloc(h.starts[blocks] * sizeof(PAIR));
        enough = h.found != NULL;
        if (!enough) break;
        run_blocks(P(collect_heads), &h, blocks);
        if (h.shift) P(select)(h.found, h.starts[blocks], rank); /* else they are alike, and in order */
        r->places[h.row] = PLACE_OF(h.found[rank]);
        PyMem_RawFree(h.found);
    }
    PyMem_RawFree(h.counts);
    PyMem_RawFree(h.starts);
    PyMem_RawFree(h.differences);
    return enough;
}

#undef KEY_BYTES
#undef PLACE_BITS
#undef PAIR_OF
#undef PLACE_OF
#undef KEY_OF
#undef DIGIT_OF
#undef HEAD_OF
