/* Lines become columns; included once for each T. */

/* Four numbers of four lines: to[place][line] = from[line][place]. */
INLINE void N(turn4)(T *RESTRICT to, isize pitch, const T *RESTRICT from, isize line) {
    typedef T four __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
    four a = *(const four *)from, b = *(const four *)(from + line), c = *(const four *)(from + 2 * line),
         d = *(const four *)(from + 3 * line);
    four e = __builtin_shufflevector(a, b, 0, 4, 1, 5), f = __builtin_shufflevector(a, b, 2, 6, 3, 7),
         h = __builtin_shufflevector(c, d, 0, 4, 1, 5), i = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four *)to = __builtin_shufflevector(e, h, 0, 1, 4, 5);
    *(four *)(to + pitch) = __builtin_shufflevector(e, h, 2, 3, 6, 7);
    *(four *)(to + 2 * pitch) = __builtin_shufflevector(f, i, 0, 1, 4, 5);
    *(four *)(to + 3 * pitch) = __builtin_shufflevector(f, i, 2, 3, 6, 7);
}

/* to[place * pitch + l] = from[l * line + place] for `lines` lines, and zeros for those up to `width`. */
static void N(turn)(T *RESTRICT to, isize pitch, isize width, const T *RESTRICT from, isize line, isize lines, isize places) {
    isize fours = lines / 4 * 4;
    for (isize l = 0; l < fours; l += 4) {
        isize j = 0;
        for (; j + 4 <= places; j += 4) N(turn4)(to + j * pitch + l, pitch, from + l * line + j, line);
        for (; j < places; j++)
            for (isize k = l; k < l + 4; k++) to[j * pitch + k] = from[k * line + j];
    }
    for (isize l = fours; l < lines; l++)
        for (isize j = 0; j < places; j++) to[j * pitch + l] = from[l * line + j];
    for (isize l = lines; l < width; l++)
        for (isize j = 0; j < places; j++) to[j * pitch + l] = 0;
}
