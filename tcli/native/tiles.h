/* Small products of matrices whose sums stay in registers; included once for each T.

   A tile is a few rows of results times up to four vectors of columns: with one number of a row and whole vectors of the
   other matrix at a time, nearly every instruction multiplies. */

#if REGISTERS == 32
#define MOST_ROWS 6
#else
#define MOST_ROWS 2
#endif

/* to[r][column] = or, with `more`, += the sum over k of from[r * pitch + k * step] * w[k * pitch_w + column]. */
INLINE void N(tile_of)(isize rows, isize vecs, bool more, const T *from, isize pitch, isize step, isize terms, const T *w,
                       isize pitch_w, T *RESTRICT to, isize pitch_to) {
    N(vec) sum[4 * MOST_ROWS];
    UNROLL for (isize r = 0; r < rows; r++)
        UNROLL for (isize v = 0; v < vecs; v++)
            sum[r * vecs + v] = more ? N(load)(to + r * pitch_to + v * WIDTH) : N(every)(0);
    for (isize k = 0; k < terms; k++, w += pitch_w, from += step) {
        N(vec) factors[4];
        UNROLL for (isize v = 0; v < vecs; v++) factors[v] = N(load)(w + v * WIDTH);
        UNROLL for (isize r = 0; r < rows; r++) {
            N(vec) d = N(every)(from[r * pitch]);
            UNROLL for (isize v = 0; v < vecs; v++) sum[r * vecs + v] += d * factors[v];
        }
    }
    UNROLL for (isize r = 0; r < rows; r++)
        UNROLL for (isize v = 0; v < vecs; v++) N(store)(to + r * pitch_to + v * WIDTH, sum[r * vecs + v]);
}

#if REGISTERS == 32
#define FOR_ROWS(rows, call)            \
    switch (rows) {                     \
        case 1: call(1); break;         \
        case 2: call(2); break;         \
        case 3: call(3); break;         \
        case 4: call(4); break;         \
        case 5: call(5); break;         \
        default: call(6);               \
    }
#else
#define FOR_ROWS(rows, call)            \
    if (rows == 1) call(1); else call(2);
#endif

/* The same for up to MOST_ROWS rows, and 1, 2 or 4 vectors. */
static void N(tile)(isize rows, isize vecs, bool more, const T *from, isize pitch, isize step, isize terms, const T *w,
                    isize pitch_w, T *to, isize pitch_to) {
#define CALL4(n) N(tile_of)(n, 4, more, from, pitch, step, terms, w, pitch_w, to, pitch_to)
#define CALL2(n) N(tile_of)(n, 2, more, from, pitch, step, terms, w, pitch_w, to, pitch_to)
#define CALL1(n) N(tile_of)(n, 1, more, from, pitch, step, terms, w, pitch_w, to, pitch_to)
    if (vecs == 4) { FOR_ROWS(rows, CALL4) }
    else if (vecs == 2) { FOR_ROWS(rows, CALL2) }
    else { FOR_ROWS(rows, CALL1) }
#undef CALL4
#undef CALL2
#undef CALL1
}
