"""Sequences through recurrent networks: torch.lstm, gru, rnn_tanh and rnn_relu.

Layers are stacked, each in one direction or two, with dropout between them. Each function takes a padded
batch, or packed data with the number of sequences running at each step.
"""

import numpy as np

from ..engine.device import device_of, move
from ..engine.dispatch import wrap
from ..engine.dtypes import scalar_name
from ..engine.registry import T, composite
from ..engine.tensor import Tensor
from ..errors import DTypeError, EngineError


def run_layers(mode: str, x, h0, c0, params, has_biases: bool, layers: int, dropout: float, train: bool,
               bidirectional: bool, sizes=None):
    """(y (T, B, directions * H), last h, last c) of all layers; x is (T, B, in), h0 (layers * directions, B, H).

    `params` lists w_ih, w_hh, b_ih, b_hh (and w_hr) of each layer and direction. `sizes` are the batch sizes of a
    packed sequence laid out with padding.
    """
    params = list(params)
    directions = 2 if bidirectional else 1
    per = 4 if has_biases else 2
    projected = len(params) == (per + 1) * layers * directions
    per += projected
    if len(params) != per * layers * directions:
        raise EngineError(f"got an incorrect number of RNN parameters: expected {per * layers * directions}, got "
                          f"{len(params)}")
    last_h, last_c = [], []
    for layer in range(layers):
        ys = []
        for d in range(directions):
            i = layer * directions + d
            own = params[i * per:(i + 1) * per]
            y, h, c = _one(mode, x, _row(h0, i), _row(c0, i), own, has_biases, projected, d == 1, sizes)
            ys.append(y)
            last_h.append(h)
            last_c.append(c)
        x = ys[0] if directions == 1 else T.cat(ys, -1)
        if dropout and train and layer < layers - 1:
            x = _dropout(x, dropout, sizes)
    return x, T.stack(last_h, 0), T.stack(last_c, 0) if mode == "lstm" else None


def _dropout(x, p: float, sizes):
    """Dropout between layers; of packed data only the rows that run draw random numbers, in their packed order."""
    if sizes is None:
        return T.dropout(x, p, True)
    steps, batch = x._a.shape[:2]
    flat = _packed_places(sizes, device_of(x._a))
    rows = T._embedding(T.reshape(x, (steps * batch, -1)), flat, -1, False)
    return T.reshape(_spread(T.dropout(rows, p, True), flat, steps * batch), (steps, batch, -1))


def _row(t, i: int):
    return None if t is None else T._basic_index(t, (i,))


def _one(mode, x, h, c, params, has_biases: bool, projected: bool, reverse: bool, sizes):
    """One layer in one direction."""
    w_ih, w_hh = params[:2]
    b_ih, b_hh = params[2:4] if has_biases else (None, None)
    if projected:
        return _projected(x, h, c, w_ih, w_hh, b_ih, b_hh, params[-1], reverse, sizes)
    if mode != "gru" and _are_alike(b_ih, b_hh):  # both are added to the same sums
        b_ih, b_hh = None, b_ih + b_hh
    gx = T.linear(x, w_ih, b_ih)
    y, h, c = T._recurrent_layer(gx, h, c, w_hh, b_hh, mode, reverse, sizes)[:3]
    return y, h, c


def _are_alike(a, b) -> bool:
    return a is not None and a._a.dtype == b._a.dtype and a._a.shape == b._a.shape and a._a.dtype.char in "fd"


def _projected(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, reverse: bool, sizes):
    """An LSTM whose state is projected to a smaller size after every step."""
    from .rnn import cell

    steps, batch = x._a.shape[:2]
    gx, ys = T.linear(x, w_ih, b_ih), [None] * steps
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        b = batch if sizes is None else sizes[t]
        rows, rest = (slice(0, b),), (slice(b, batch),)
        gh = T.linear(T._basic_index(h, rows), w_hh, b_hh)
        part = T._basic_index(c, rows)
        new_h, new_c = cell("lstm", T._basic_index(gx, (t, *rows)), gh, part, part)
        new_h = T.linear(new_h, w_hr)
        ys[t] = T.constant_pad_nd(new_h, (0, 0, 0, batch - b), 0.0)
        h, c = (new_h, new_c) if b == batch else (T.cat([new_h, T._basic_index(h, rest)], 0),
                                                  T.cat([new_c, T._basic_index(c, rest)], 0))
    return T.stack(ys, 0), h, c


# ---------------------------------------------------------------- packed data

def _packed_places(sizes, device):
    """Where each row of packed data lies in a padded (steps * batch, ...) layout."""
    steps = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.concatenate([np.arange(b) for b in sizes]) if len(sizes) else np.zeros(0, np.int64)
    return wrap(move(steps * sizes[0] + rows, device))


def _spread(rows, places, count: int):
    """Packed rows at their places among `count` rows, zeros elsewhere."""
    return T._embedding_gradient(rows, places, count, -1, False)


def run_packed(mode: str, data, batch_sizes, h0, c0, params, has_biases, layers, dropout, train, bidirectional):
    """(data, last h, last c) of packed `data` (all rows, in), its `batch_sizes` given."""
    sizes = [int(b) for b in batch_sizes._a] if isinstance(batch_sizes, Tensor) else list(batch_sizes)
    flat, rows = _packed_places(sizes, device_of(data._a)), len(sizes) * sizes[0]
    padded = T.reshape(_spread(data, flat, rows), (len(sizes), sizes[0], -1))
    y, h, c = run_layers(mode, padded, h0, c0, params, has_biases, layers, dropout, train, bidirectional, sizes)
    return T._embedding(T.reshape(y, (rows, -1)), flat, -1, False), h, c


def _run(mode: str, args: tuple):
    """Either signature: (input, hx, params, ...) or (data, batch_sizes, hx, params, ...)."""
    second = args[1]
    packed = not isinstance(args[-1], bool) or (isinstance(second, Tensor) and second._a.ndim == 1
                                                and second._a.dtype.kind in "iu")
    if mode != "relu" and args[0]._a.dtype.kind in "iu":
        raise DTypeError(f"mat1 and mat2 must have the same dtype, but got Float and {scalar_name(args[0].dtype)}")
    if packed:
        data, sizes, hx, params, *rest = args
        h0, c0 = hx if mode == "lstm" else (hx, None)
        return run_packed(mode, data, sizes, h0, c0, params, *rest[:5])
    x, hx, params, has_biases, layers, dropout, train, bidirectional, batch_first = args
    h0, c0 = hx if mode == "lstm" else (hx, None)
    if batch_first:
        x = T.transpose(x, 0, 1)
    if not x._a.shape[0]:
        raise EngineError("Expected sequence length to be larger than 0 in RNN")
    y, h, c = run_layers(mode, x, h0, c0, params, has_biases, layers, dropout, train, bidirectional)
    return T.transpose(y, 0, 1) if batch_first else y, h, c


@composite("lstm", at="torch", samples=["r(3, 2, 3), (r(1, 2, 2), r(1, 2, 2)), [r(8, 3), r(8, 2), r(8), r(8)], True, "
                                        "1, 0.0, False, False, False",
                                        "r(2, 3, 3), (r(2, 2, 2), r(2, 2, 2)), [r(8, 3), r(8, 2), r(8, 3), r(8, 2)], "
                                        "False, 1, 0.0, False, True, True"])
def lstm(x, hx: "any", params: "any", has_biases: "any", num_layers: "any", dropout: "any", train: "any",
         bidirectional: "any", batch_first: "any" = None):
    """(y, h, c) of a long short-term memory network over x (T, N, in); packed data has its batch sizes second.

    >>> state = (zeros(1, 1, 1), ones(1, 1, 1))
    >>> lstm(zeros(2, 1, 1), state, [zeros(4, 1), zeros(4, 1)], False, 1, 0., False, False, False)[2]
    tensor([[[0.2500]]])
    """
    return _run("lstm", (x, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first))


def _plain(name: str, mode: str, text: str, gates: int):
    @composite(name, at="torch", samples=[f"r(3, 2, 3), r(1, 2, 2), [r({2 * gates}, 3), r({2 * gates}, 2), "
                                          f"r({2 * gates}), r({2 * gates})], True, 1, 0.0, False, False, False"])
    def sequence(x, hx: "any", params: "any", has_biases: "any", num_layers: "any", dropout: "any", train: "any",
                 bidirectional: "any", batch_first: "any" = None):
        return _run(mode, (x, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first))[:2]

    sequence.__doc__ = f"""(y, h) of {text} over x (T, N, in); packed data has its batch sizes second.

    >>> weights = [zeros({gates}, 1), zeros({gates}, 1)]
    >>> {name}(zeros(2, 1, 1), zeros(1, 1, 1), weights, False, 1, 0., False, False, False)[1]
    tensor([[[0.]]])
    """


_plain("gru", "gru", "a network of gated recurrent units", 3)
_plain("rnn_tanh", "tanh", "a plain recurrent network with tanh", 1)
_plain("rnn_relu", "relu", "a plain recurrent network with relu", 1)
