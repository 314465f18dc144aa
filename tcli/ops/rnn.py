"""Recurrent networks: single cells, and whole sequences of layers.

One layer in one direction is one op: the input's part of all gates is a single matrix product before it,
inside it each step is one product with the state and a few passes over the gates. The gradient runs
back over the kept gates. For gradients of gradients the same layer is built step by step from ordinary
ops (`_by_steps`) and differentiated. Gates are stacked as PyTorch stacks them: LSTM i, f, g, o; GRU r, z, n.
"""



import numpy as np

from .. import native
from ..engine import blas
from ..engine.cost import recurrence, recurrence_back
from ..engine.dtypes import scalar_name
from ..engine.memory import pool
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..engine.tensor import Tensor
from ..errors import ArgumentError, DTypeError, EngineError, ShapeError
from . import lstm_layer as lstm
from .blocks import reduced

GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}
_COMPILED = ("lstm", "gru")  # kinds that there are kernels for


def _sigmoid(xp, x):
    """In place; 0.5 + 0.5 tanh(x / 2) neither overflows nor needs a division."""
    x *= 0.5
    xp.tanh(x, out=x)
    x *= 0.5
    x += 0.5
    return x


# ---------------------------------------------------------------- one layer in one direction

def _step(xp, mode: str, gx, gh, h, c, gates):
    """One step: the next (h, c); what the gradient needs goes to `gates` (B, 4 or 3 + 1 or 1, H)."""
    n = h.shape[1]
    if mode == "gru":
        r, z = _sigmoid(xp, gx[:, :n] + gh[:, :n]), _sigmoid(xp, gx[:, n:2 * n] + gh[:, n:2 * n])
        new = xp.tanh(gx[:, 2 * n:] + r * gh[:, 2 * n:])
        gates[:, 0], gates[:, 1], gates[:, 2], gates[:, 3] = r, z, new, gh[:, 2 * n:]
        return new + z * (h - new), c
    total = gx + gh
    if mode == "lstm":
        i, f, o = (_sigmoid(xp, total[:, k * n:(k + 1) * n]) for k in (0, 1, 3))
        new = xp.tanh(total[:, 2 * n:3 * n])
        c = f * c + i * new
        gates[:, 0], gates[:, 1], gates[:, 2], gates[:, 3] = i, f, new, o
        return o * xp.tanh(c), c
    h = xp.tanh(total) if mode == "tanh" else xp.maximum(total, 0)
    gates[:, 0] = h
    return h, c


def _layer_gradients(k, gs, need, gx, h0, c0, w_hh, b_hh, mode, reverse, sizes, out0, out3, out4):
    if state.grad:
        return _gradients_by_steps(k, gs, need, (gx, h0, c0, w_hh, b_hh), mode, reverse, sizes)
    found = k._recurrent_layer_backward(out0, h0, c0, w_hh, out3, out4, *gs[:3], mode, reverse, sizes)
    return found[0], found[1], found[2] if mode == "lstm" else None, found[3], found[4] if b_hh is not None else None


def _gradients_by_steps(k, gs, need, inputs, mode, reverse, sizes):
    """The same through ordinary ops, so that the result can be differentiated again."""
    from ..engine import autograd

    used = [t for t, needed in zip(inputs, need, strict=True) if needed]
    outs = _by_steps(*inputs, mode, reverse, sizes)
    pairs = [(y, g) for y, g in zip(outs, gs, strict=False) if g is not None and y is not None]
    ys, given = [y for y, _ in pairs], [g for _, g in pairs]
    found = iter(autograd.grad(ys, used, given, create_graph=True, allow_unused=True))
    return tuple(next(found) if needed else None for needed in need)


def _layer_name(gx, h0, c0, w_hh, b_hh, mode: str, *_rest) -> str:
    return "MkldnnRnnLayerBackward0" if mode == "lstm" and gx._a.dtype == np.float32 else "StackBackward0"


@op("_recurrent_layer", cost=recurrence, at="", outs=5, grad_name=_layer_name,
    vjp={"gx, h0, c0, w_hh, b_hh": _layer_gradients})
def _recurrent_layer(xp, gx, h0, c0: "Tensor?", w_hh, b_hh: "Tensor?", mode: "any", reverse: "any", sizes: "any"):
    """(y (T, B, H), last h, last c, gates, cells). gx (T, B, gates * H) is the input's part of all gates; `sizes`
    counts the sequences that are still running at each step (None: all)."""
    steps, batch = gx.shape[:2]
    n = h0.shape[1]
    if xp is np and sizes is None and mode in _COMPILED:
        found = _compiled(gx, h0, c0, w_hh, b_hh, mode, reverse)
        if found:
            return found
    if mode == "lstm" and sizes is None:
        return lstm.forward(xp, gx, h0, c0, w_hh, b_hh, reverse)
    y = xp.zeros((steps, batch, n), gx.dtype)
    gates = xp.zeros((steps, batch, 4 if mode in ("lstm", "gru") else 1, n), gx.dtype)
    cells = xp.zeros((steps if mode == "lstm" else 0, batch, n), gx.dtype)
    h, c = h0.copy(), c0.copy() if c0 is not None else xp.zeros((0, n), gx.dtype)
    w = xp.ascontiguousarray(w_hh.T)  # products with transposed weights take twice as long
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        b = batch if sizes is None else sizes[t]
        gh = xp.matmul(h[:b], w)
        if b_hh is not None:
            gh += b_hh
        h[:b], new_c = _step(xp, mode, gx[t, :b], gh, h[:b], c[:b], gates[t, :b])
        y[t, :b] = h[:b]
        if mode == "lstm":
            c[:b] = cells[t, :b] = new_c
    return y, h, c, gates, cells


def _compiled(gx, h0, c0, w_hh, b_hh, mode: str, reverse: bool) -> tuple | None:
    """The same by a kernel, or None."""
    (steps, batch), n = gx.shape[:2], h0.shape[1]
    y, gates = pool.empty((steps, batch, n), gx.dtype), pool.empty((steps, batch, 4, n), gx.dtype)
    cells = pool.empty((steps if mode == "lstm" else 0, batch, n), gx.dtype)
    gx, h0, c0, w_hh, b_hh = (a if a is None else np.ascontiguousarray(a) for a in (gx, h0, c0, w_hh, b_hh))
    if not native.recurrent(mode, reverse, y, gates, cells, gx, h0, c0, w_hh, b_hh):
        return None
    last = 0 if reverse else -1
    return y, y[last].copy(), cells[last].copy() if mode == "lstm" else np.zeros((0, n), gx.dtype), gates, cells


def _compiled_backward(y, h0, c0, w_hh, gates, cells, gy, gh, gc, mode: str, reverse: bool) -> tuple | None:
    """The gradients by a kernel, or None."""
    steps, batch, n = y.shape
    d_gates = pool.empty((steps, batch, GATES[mode] * n), y.dtype)
    d_state = pool.empty(d_gates.shape, y.dtype) if mode == "gru" else d_gates
    dh, dc = np.empty((batch, n), y.dtype), np.zeros((batch, n), y.dtype)
    y, gates, cells, h0, c0, w_hh, gy, gh, gc = (a if a is None else np.ascontiguousarray(a) for a in
                                                 (y, gates, cells, h0, c0, w_hh, gy, gh, gc))
    if not native.recurrent_back(mode, reverse, y, d_gates, d_state, dh, dc, gates, cells, h0, c0, w_hh, gy, gh, gc):
        return None
    before = pool.empty(y.shape, y.dtype)  # the state each step began with
    if reverse:
        before[:-1], before[-1] = y[1:], h0
    else:
        before[1:], before[0] = y[:-1], h0
    flat = d_state.reshape(-1, d_state.shape[2])
    return d_gates, dh, dc, blas.multiply(flat.T, before.reshape(-1, n)), reduced(np.add, flat, 0)


@op("_recurrent_layer_backward", cost=recurrence_back, at="", outs=5, nograd=True)
def _recurrent_layer_backward(xp, y, h0, c0: "Tensor?", w_hh, gates, cells, gy: "Tensor?", gh: "Tensor?",
                              gc: "Tensor?", mode: "any", reverse: "any", sizes: "any"):
    """Gradients of (gx, h0, c0, w_hh, b_hh)."""
    steps, batch, n = y.shape
    if xp is np and sizes is None and mode in _COMPILED:
        found = _compiled_backward(y, h0, c0, w_hh, gates, cells, gy, gh, gc, mode, reverse)
        if found:
            return found
    if mode == "lstm" and sizes is None:
        return lstm.backward(xp, y, h0, c0, w_hh, gates, cells, gy, gh, gc, reverse)
    d_gates = xp.zeros((steps, batch, GATES[mode] * n), y.dtype)
    d_state = xp.zeros_like(d_gates) if mode == "gru" else d_gates
    dh = xp.zeros((batch, n), y.dtype) if gh is None else gh.copy()
    dc = xp.zeros((batch, n), y.dtype) if gc is None or mode != "lstm" else gc.copy()
    order = list(range(steps - 1, -1, -1) if reverse else range(steps))
    before = xp.empty_like(y)  # the state each step began with
    previous = h0.copy()
    for t in order:
        b = batch if sizes is None else sizes[t]
        before[t] = previous
        previous = previous.copy()
        previous[:b] = y[t, :b]
    for k in range(steps - 1, -1, -1):
        t = order[k]
        b = batch if sizes is None else sizes[t]
        if gy is not None:
            dh[:b] += gy[t, :b]
        c_before = _cell_before(xp, cells, c0, order, k, b, sizes) if mode == "lstm" else None
        cell_now = cells[t, :b] if mode == "lstm" else None
        _step_back(xp, mode, gates[t, :b], cell_now, c_before, before[t, :b], y[t, :b], dh, dc, d_gates[t, :b],
                   d_state[t, :b], b, w_hh)
    flat = d_state.reshape(-1, d_state.shape[2])
    d_w = xp.matmul(flat.T, before.reshape(-1, n))
    return d_gates, dh, dc, d_w, flat.sum(0)


def _cell_before(xp, cells, c0, order, k: int, b: int, sizes):
    """The cell states that step k began with: of each sequence the last one that was written."""
    c = c0[:b].copy()
    if k == 0:
        return c
    earlier = order[k - 1]
    if sizes is None:
        return cells[earlier][:b]
    m = min(b, sizes[earlier])
    c[:m] = cells[earlier][:m]
    return c


def _step_back(xp, mode, gates, cell, c_before, h_before, h, dh, dc, d_gates, d_state, b: int, w_hh) -> None:
    n = h.shape[1]
    if mode == "lstm":
        i, f, new, o = gates[:, 0], gates[:, 1], gates[:, 2], gates[:, 3]
        tanh_c = xp.tanh(cell)
        d_cell = dc[:b] + dh[:b] * o * (1 - tanh_c * tanh_c)
        d_gates[:, :n] = d_cell * new * i * (1 - i)
        d_gates[:, n:2 * n] = d_cell * c_before * f * (1 - f)
        d_gates[:, 2 * n:3 * n] = d_cell * i * (1 - new * new)
        d_gates[:, 3 * n:] = dh[:b] * tanh_c * o * (1 - o)
        dc[:b] = d_cell * f
        dh[:b] = xp.matmul(d_gates, w_hh)
    elif mode == "gru":
        r, z, new, part = gates[:, 0], gates[:, 1], gates[:, 2], gates[:, 3]
        d_new = dh[:b] * (1 - z) * (1 - new * new)
        d_gates[:, :n] = d_new * part * r * (1 - r)
        d_gates[:, n:2 * n] = dh[:b] * (h_before - new) * z * (1 - z)
        d_gates[:, 2 * n:] = d_new
        d_state[:] = d_gates
        d_state[:, 2 * n:] = d_new * r
        dh[:b] = dh[:b] * z + xp.matmul(d_state, w_hh)
    else:
        d_gates[:] = dh[:b] * ((1 - h * h) if mode == "tanh" else (h > 0))
        dh[:b] = xp.matmul(d_gates, w_hh)


# ---------------------------------------------------------------- the same in ordinary ops

def _part(x, k: int, n: int):
    return T._basic_index(x, (Ellipsis, slice(k * n, (k + 1) * n)))


def cell(mode: str, gx, gh, h, c):
    """One step in differentiable ops: the next (h, c)."""
    n = h._a.shape[-1]
    if mode == "gru":
        r, z = T.sigmoid(_part(gx, 0, n) + _part(gh, 0, n)), T.sigmoid(_part(gx, 1, n) + _part(gh, 1, n))
        new = T.tanh(_part(gx, 2, n) + r * _part(gh, 2, n))
        return new + z * (h - new), c
    total = gx + gh
    if mode == "lstm":
        i, f, o = (T.sigmoid(_part(total, k, n)) for k in (0, 1, 3))
        c = f * c + i * T.tanh(_part(total, 2, n))
        return o * T.tanh(c), c
    return (T.tanh(total) if mode == "tanh" else T.relu(total)), c


def _by_steps(gx, h0, c0, w_hh, b_hh, mode: str, reverse: bool, sizes):
    steps, batch = gx._a.shape[:2]
    h, c, ys = h0, c0, [None] * steps
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        b = batch if sizes is None else sizes[t]
        rows = (slice(0, b),)
        part_h, part_c = (T._basic_index(s, rows) if s is not None else None for s in (h, c))
        new_h, new_c = cell(mode, T._basic_index(gx, (t, *rows)), T.linear(part_h, w_hh, b_hh), part_h, part_c)
        ys[t] = T.constant_pad_nd(new_h, (0, 0, 0, batch - b), 0.0) if b < batch else new_h
        if b < batch:
            rest = (slice(b, batch),)
            new_h = T.cat([new_h, T._basic_index(h, rest)], 0)
            new_c = T.cat([new_c, T._basic_index(c, rest)], 0) if c is not None else None
        h, c = new_h, new_c
    return T.stack(ys, 0), h, c


# ---------------------------------------------------------------- cells

def _check_cell(x, states: tuple, w_ih, w_hh) -> None:
    if x._a.shape[-1] != w_ih._a.shape[1]:
        raise ShapeError(f"input has inconsistent input_size: got {x._a.shape[-1]} expected {w_ih._a.shape[1]}")
    for i, h in enumerate(states):
        if x._a.shape[0] != h._a.shape[0] and x._a.ndim == 2:
            raise ShapeError(f"Input batch size {x._a.shape[0]} doesn't match hidden{i} batch size {h._a.shape[0]}")
        if h._a.ndim > 2 or h._a.shape[-1] != w_hh._a.shape[1]:
            raise ShapeError(f"hidden{i} has inconsistent hidden_size: got {h._a.shape[1 if h._a.ndim > 1 else 0]}, expected "
                             f"{w_hh._a.shape[1]}")


def _one_cell(mode: str, x, h, c, w_ih, w_hh, b_ih, b_hh):
    _check_cell(x, (h,) if c is None else (h, c), w_ih, w_hh)
    if mode in ("lstm", "gru") and x._a.dtype.kind in "iu":
        raise DTypeError(f"result type Float can't be cast to the desired output type {scalar_name(x.dtype)}")
    return cell(mode, T.linear(x, w_ih, b_ih), T.linear(h, w_hh, b_hh), h, c)


@composite("lstm_cell", at="torch", samples=["r(2, 3), (r(2, 2), r(2, 2)), r(8, 3), r(8, 2), r(8), r(8)"])
def lstm_cell(x, hx: "any", w_ih, w_hh, b_ih: "Tensor?" = None, b_hh: "Tensor?" = None):
    """One step of an LSTM: the next (h, c) from x (N, in) and hx = (h, c).

    >>> lstm_cell(zeros(1, 1), (zeros(1, 1), ones(1, 1)), zeros(4, 1), zeros(4, 1))[1]
    tensor([[0.5000]])
    """
    if isinstance(hx, Tensor):
        raise ArgumentError("lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor")
    if len(hx) != 2:
        raise EngineError("lstm_cell expects two hidden states")
    return _one_cell("lstm", x, hx[0], hx[1], w_ih, w_hh, b_ih, b_hh)


@composite("gru_cell", at="torch", samples=["r(2, 3), r(2, 2), r(6, 3), r(6, 2), r(6), r(6)"])
def gru_cell(x, hx, w_ih, w_hh, b_ih: "Tensor?" = None, b_hh: "Tensor?" = None):
    """One step of a GRU: the next h from x (N, in) and h.

    >>> gru_cell(zeros(1, 1), ones(1, 1), zeros(3, 1), zeros(3, 1))
    tensor([[0.5000]])
    """
    return _one_cell("gru", x, hx, None, w_ih, w_hh, b_ih, b_hh)[0]


@composite("rnn_tanh_cell", at="torch", samples=["r(2, 3), r(2, 2), r(2, 3), r(2, 2), r(2), r(2)"])
def rnn_tanh_cell(x, hx, w_ih, w_hh, b_ih: "Tensor?" = None, b_hh: "Tensor?" = None):
    """tanh(w_ih x + b_ih + w_hh h + b_hh): one step of a plain recurrent network.

    >>> rnn_tanh_cell(zeros(1, 1), zeros(1, 1), ones(1, 1), ones(1, 1))
    tensor([[0.]])
    """
    return _one_cell("tanh", x, hx, None, w_ih, w_hh, b_ih, b_hh)[0]


@composite("rnn_relu_cell", at="torch", samples=["r(2, 3), r(2, 2), r(2, 3), r(2, 2), r(2), r(2)"])
def rnn_relu_cell(x, hx, w_ih, w_hh, b_ih: "Tensor?" = None, b_hh: "Tensor?" = None):
    """relu(w_ih x + b_ih + w_hh h + b_hh): one step of a plain recurrent network.

    >>> rnn_relu_cell(ones(1, 1), ones(1, 1), ones(1, 1), ones(1, 1))
    tensor([[2.]])
    """
    return _one_cell("relu", x, hx, None, w_ih, w_hh, b_ih, b_hh)[0]
