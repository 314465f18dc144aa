/* Rows no longer than a vector, as those of a classifier of ten classes; included once for each T. See rows.c. */

/* The row as a vector with -inf behind it; memory is read up to `end` at most. */
INLINE N(vec) N(short_row)(const T *x, isize n, const T *end, N(bits) inside) {
    T few[VECTOR_BYTES / sizeof(T)] = {0};
    if (end - x < WIDTH) x = memcpy(few, x, n * sizeof(T));
    return N(choose)(inside, N(load)(x), N(every)((T)-INFINITY));
}

INLINE N(bits) N(first_lanes)(isize n) {
    N(bits) inside;
    for (isize k = 0; k < WIDTH; k++) inside[k] = k < n ? -1 : 0;
    return inside;
}

/* The exponentials of a row's distances from its largest number, which is the result, and their sum. */
INLINE T N(short_exponentials)(N(vec) row, T *e, T *sum) {
    T lanes[VECTOR_BYTES / sizeof(T)], top = (T)-INFINITY, total = 0;
    N(store)(lanes, row);
    SIMD_MAX(top) for (isize k = 0; k < WIDTH; k++) top = lanes[k] > top ? lanes[k] : top;
    SIMD_SUM(total) for (isize k = 0; k < WIDTH; k++) {
        e[k] = N(exp_below)(lanes[k] - top);
        total += e[k];
    }
    *sum = total;
    return top;
}

/* The sum over rows of log(sum of exponentials) less the number at the target. */
static T N(short_losses)(const T *x, const int64_t *target, isize rows, isize n) {
    T loss = 0, e[VECTOR_BYTES / sizeof(T)], sum;
    const T *end = x + rows * n;
    N(bits) inside = N(first_lanes)(n);
    for (isize i = 0; i < rows; i++, x += n) {
        T top = N(short_exponentials)(N(short_row)(x, n, end, inside), e, &sum);
        loss += N(log)(sum) - (x[target[i]] - top);
    }
    return loss;
}

/* (softmax - 1 at the target) * scale; a row spills over into the next one, which is still to come. */
static void N(short_gradients)(const T *x, const int64_t *target, isize rows, isize n, T scale, T *out) {
    T e[VECTOR_BYTES / sizeof(T)] __attribute__((aligned(VECTOR_BYTES))), sum;
    const T *end = x + rows * n, *out_end = out + rows * n;
    N(bits) inside = N(first_lanes)(n), lane;
    for (isize k = 0; k < WIDTH; k++) lane[k] = k;
    for (isize i = 0; i < rows; i++, x += n, out += n) {
        N(short_exponentials)(N(short_row)(x, n, end, inside), e, &sum);
        N(vec) one = N(choose)((N(bits))(lane == (N(bit))target[i]), N(every)(1), N(every)(0));
        N(vec) d = (N(load)(e) * (1 / sum) - one) * scale;
        if (out_end - out >= WIDTH) N(store)(out, d);
        else memcpy(out, &d, n * sizeof(T));
    }
}
