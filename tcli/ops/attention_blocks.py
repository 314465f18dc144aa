"""Attention that keeps no matrix of weights: blocks of queries against their keys, worked out again for the gradient.

What is kept is one number per query, the logarithm of the sum of its exponentials. Under a causal mask a block
looks only at the keys up to its last query. Heads are shared among threads, each with one BLAS thread. Arrays are
NumPy's, (..., L, E) with the same leading dims. No op is declared here.
"""

from __future__ import annotations

import numpy as np

from .. import native
from ..engine.blas import one_thread
from ..engine.memory import pool
from ..engine.sums import line_sums
from .blocks import parallel, several_threads
from .row_kernels import is_calm

BLOCK = 1 << 16  # weights held at a time
PANEL = 64  # keys that kernels pack together, at most
LARGE = 1 << 16  # weights of one head from which this pays: smaller matrices go through one product for all heads


def fits(query, key, value) -> bool:
    """Whether these shapes are worth blocks."""
    lead, length, source = query.shape[:-2], query.shape[-2], key.shape[-2]
    return (type(query) is np.ndarray and query.dtype.kind == "f" and key.shape[:-2] == lead == value.shape[:-2]
            and length * source >= LARGE and query.shape[-1] > 0)


class _Scores:
    """The weights of blocks of queries, before the division by their sum."""

    def __init__(self, query, key, mask, causal: bool, scale: float):
        self.lead, self.length, self.source = query.shape[:-2], query.shape[-2], key.shape[-2]
        self.step = max(16, BLOCK // self.source)
        self.causal, self.scale = causal, query.dtype.type(scale)
        self.later = ~np.tri(self.step, dtype=bool) if causal else None
        self.mask = None if mask is None else np.broadcast_to(mask, (*self.lead, self.length, self.source))

    def blocks(self) -> list:
        """(first query, end, end of the keys they see)."""
        ends = [(i, min(i + self.step, self.length)) for i in range(0, self.length, self.step)]
        return [(i, j, min(j, self.source) if self.causal else self.source) for i, j in ends]

    def of(self, n: int, q: np.ndarray, keys: np.ndarray, start: int) -> np.ndarray:
        """The scores of scaled queries from `start` on against the keys they may see; -inf for those they may not."""
        s = q @ keys.T
        if self.causal and start < len(keys):  # keys before the first query are seen by all
            corner = s[:, start:]
            np.copyto(corner, -np.inf, where=self.later[:len(q), :corner.shape[1]])
        if self.mask is not None:
            part = self.mask[np.unravel_index(n, self.lead) if self.lead else ()][start:start + len(q), :len(keys)]
            if part.dtype == np.bool_:
                s[~part] = -np.inf
            else:
                s += part
        return s


def _heads(a: np.ndarray) -> np.ndarray:
    return a.reshape(-1, *a.shape[-2:])


def _over_heads(n: int, fn) -> None:
    if n < 2 or not several_threads():
        for i in range(n):
            fn(i)
        return
    with one_thread:
        parallel(n, fn)


def _compiled(y, sums, q, k, v, causal: bool, scale: float) -> bool:
    """Whether a kernel has done it."""
    if native.kernels is None:
        return False
    heads, source, width = k.shape
    packed = pool.empty((heads * -(-source // PANEL) * PANEL, width), k.dtype)
    return native.attention(y, sums, packed, *map(np.ascontiguousarray, (q, k, v)), bool(causal), float(scale))


def _exponentials(s: np.ndarray, top) -> tuple[np.ndarray, np.ndarray]:
    """(exp(s - top) in the memory of s, the sums of its lines)."""
    if top is not None:
        s -= top
    np.exp(s, out=s)
    return s, line_sums(s)


def forward(query, key, value, mask, causal: bool, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """(result (..., L, V), logarithms of sums (..., L)); queries that see no key give zeros."""
    q, k, v = _heads(query), _heads(key), _heads(value)
    y, sums = pool.empty((*q.shape[:2], v.shape[2]), q.dtype), np.empty(q.shape[:2], q.dtype)
    if mask is None and _compiled(y, sums, q, k, v, causal, scale):
        return y.reshape(*query.shape[:-1], value.shape[-1]), sums.reshape(query.shape[:-1])
    scores = _Scores(query, key, mask, causal, scale)

    def head(n: int) -> None:
        for start, stop, end in scores.blocks():
            part = q[n, start:stop] * scores.scale
            top, (e, total) = 0, _exponentials(scores.of(n, part, k[n, :end], start), None)
            if not is_calm(total):
                s = scores.of(n, part, k[n, :end], start)
                top = s.max(1, keepdims=True)
                top[np.isneginf(top)] = 0
                e, total = _exponentials(s, top)
                total[total == 0] = 1
            out = np.matmul(e, v[n, :end], out=y[n, start:stop])
            out /= total
            sums[n, start:stop] = (np.log(total) + top)[:, 0]
    _over_heads(len(q), head)
    return y.reshape(*query.shape[:-1], value.shape[-1]), sums.reshape(query.shape[:-1])


def backward(g, query, key, value, mask, y, sums, causal: bool, scale: float) -> tuple:
    """The gradients of query, key and value."""
    scores = _Scores(query, key, mask, causal, scale)
    q, k, v, grad, out = (_heads(a) for a in (query, key, value, g, y))
    logs = sums.reshape(q.shape[:2])
    gq, gk, gv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)

    def head(n: int) -> None:
        for start, stop, end in scores.blocks():
            part, keys, values = grad[n, start:stop], k[n, :end], v[n, :end]
            scaled = q[n, start:stop] * scores.scale
            p = scores.of(n, scaled, keys, start)
            p -= logs[n, start:stop, None]
            np.exp(p, out=p)
            gv[n, :end] += p.T @ part
            d = part @ values.T
            d -= np.vecdot(part, out[n, start:stop])[:, None]
            d *= p
            queries = np.matmul(d, keys, out=gq[n, start:stop])
            queries *= scores.scale
            gk[n, :end] += d.T @ scaled
    _over_heads(len(q), head)
    return gq.reshape(query.shape), gk.reshape(key.shape), gv.reshape(value.shape)
