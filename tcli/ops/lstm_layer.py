"""One layer of an LSTM over whole sequences, in few passes per step; what `rnn` does for all kinds, written out.

Sigmoids are taken as 0.5 + 0.5 tanh(x / 2): with the halves multiplied into weights and inputs once, one tanh
serves all gates of a step. The gradient works out what does not depend on later steps for all steps at once.
Gates are i, f, g, o. No op is declared here.
"""

from __future__ import annotations


def forward(xp, gx, h0, c0, w_hh, b_hh, reverse: bool) -> tuple:
    """(y (T, B, H), last h, last c, gates (T, B, 4, H), cells (T, B, H)) from the inputs' part gx of all gates."""
    steps, batch = gx.shape[:2]
    n = h0.shape[1]
    half = xp.repeat(xp.asarray([0.5, 0.5, 1, 0.5], gx.dtype), n)
    w = xp.ascontiguousarray(w_hh.T) * half
    gates = xp.multiply(gx if b_hh is None else gx + b_hh, half)
    # A sigmoid is half of a tanh and a half; the new content of the cell is a tanh as it is.
    scale = xp.broadcast_to(half, (batch, 4 * n)).copy()
    shift = 1 - scale
    shift[:, 2 * n:3 * n] = 0
    y, cells = xp.empty((steps, batch, n), gx.dtype), xp.empty((steps, batch, n), gx.dtype)
    product, part = xp.empty((batch, 4 * n), gx.dtype), xp.empty((batch, n), gx.dtype)
    h, c = h0, c0
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        g, cell = gates[t], cells[t]
        g += xp.matmul(h, w, out=product)
        xp.tanh(g, out=g)
        g *= scale
        g += shift
        xp.multiply(g[:, n:2 * n], c, out=cell)
        cell += xp.multiply(g[:, :n], g[:, 2 * n:3 * n], out=part)
        xp.tanh(cell, out=part)
        h, c = xp.multiply(g[:, 3 * n:], part, out=y[t]), cell
    return y, h.copy(), c.copy(), gates.reshape(steps, batch, 4, n), cells


def backward(xp, y, h0, c0, w_hh, gates, cells, gy, gh, gc, reverse: bool) -> tuple:
    """Gradients of (gx, h0, c0, w_hh, b_hh)."""
    steps, batch, n = y.shape
    before, c_before = xp.empty_like(y), xp.empty_like(y)  # the states each step began with
    for target, first, source in ((before, h0, y), (c_before, c0, cells)):
        if reverse:
            target[:-1], target[-1:] = source[1:], first
        else:
            target[1:], target[:1] = source[:-1], first
    factors, through = _factors(xp, gates, c_before, xp.tanh(cells))
    forget = gates[:, :, 1]
    dh = xp.zeros((batch, n), y.dtype) if gh is None else gh.copy()
    dc = xp.zeros((batch, n), y.dtype) if gc is None else gc.copy()
    for t in range(steps) if reverse else range(steps - 1, -1, -1):
        if gy is not None:
            dh += gy[t]
        dc += dh * through[t]
        d = factors[t]
        d[:, :3] *= dc[:, None]
        d[:, 3] *= dh
        dc *= forget[t]
        xp.matmul(d.reshape(batch, 4 * n), w_hh, out=dh)
    d_gates = factors.reshape(steps, batch, 4 * n)
    flat = d_gates.reshape(-1, 4 * n)
    return d_gates, dh, dc, xp.matmul(flat.T, before.reshape(-1, n)), flat.sum(0)


def _factors(xp, gates, c_before, tanh_c) -> tuple:
    """What the gradient of the cell (of h for o) is multiplied by for each gate, and that of h for the cell."""
    i, f, new, o = (gates[:, :, k] for k in range(4))
    factors = xp.empty_like(gates)
    xp.multiply(new * i, 1 - i, out=factors[:, :, 0])
    xp.multiply(c_before * f, 1 - f, out=factors[:, :, 1])
    xp.multiply(i, 1 - new * new, out=factors[:, :, 2])
    xp.multiply(tanh_c * o, 1 - o, out=factors[:, :, 3])
    return factors, o * (1 - tanh_c * tanh_c)
