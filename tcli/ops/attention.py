"""Attention: scaled_dot_product_attention as one op, and the multi-head layer built on it.

`_attention` keeps the attention weights for its gradient; `_blocked_attention`, for large inputs whose weights
nobody asks for, works them out again. Rows whose every key is masked give zeros.
"""

import math

import numpy as np

from ..engine.cost import attention
from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..errors import DTypeError, EngineError, ShapeError
from . import attention_blocks
from .activation import _softmax, _softmax_adjoint
from .linalg import product
from .windows import c_name

NEVER = -1e30  # stands for minus infinity where a gradient must stay finite


def _additive(xp, mask, causal: bool, shape, dtype):
    """What is added to the scores: 0 or -inf, or the float mask."""
    if mask is not None and mask.dtype == np.bool_:
        mask = xp.where(mask, dtype.type(0), dtype.type(-np.inf))
    if causal:
        upper = xp.triu(xp.full(shape[-2:], -np.inf, dtype), 1)
        mask = upper if mask is None else mask + upper
    return mask


def _weights(xp, query, key, mask, causal: bool, scale):
    """softmax(query @ keyᵀ * scale + mask), in one buffer."""
    p = product(xp, query * query.dtype.type(scale), key.swapaxes(-1, -2))
    if causal and p.ndim == 4:  # what a query may not see is not looked at: nan among it does no harm
        p = xp.where(xp.tri(*p.shape[-2:], dtype=bool), p, p.dtype.type(-np.inf))
        causal = False
    some = mask is not None  # else every query sees a key
    mask = _additive(xp, mask, causal, p.shape, p.dtype)
    if mask is not None:
        p = p + mask if np.broadcast_shapes(p.shape, mask.shape) != p.shape else xp.add(p, mask, out=p)
    if not some or not p.size:
        return _softmax(xp, p, p.ndim - 1)
    top = p.max(-1, keepdims=True)
    p -= xp.where(xp.isneginf(top), p.dtype.type(0), top)
    xp.exp(p, out=p)
    total = p.sum(-1, keepdims=True)
    total[total == 0] = 1
    p /= total
    return p


def _attention_name(query, key, value, attn_mask, causal, scale) -> str:
    if query._a.ndim == 4 and not (attn_mask is not None and attn_mask._rg):
        return "ScaledDotProductFlashAttentionForCpuBackward0"
    return "MmBackward0" if query._a.ndim == 2 else "UnsafeViewBackward0"


def _attention_gradients(k, gs, need, query, key, value, attn_mask, causal, scale, out1):
    g = gs[0]
    if g is None and gs[1] is None:
        return (None,) * 4
    if not state.grad and gs[1] is None:
        return k._attention_backward(g, query, key, value, out1, scale)
    p = _differentiable_weights(k, query, key, attn_mask, causal, scale)
    # `gs[1]` is the gradient of the weights themselves.
    gp = gs[1] if g is None else k.matmul(g, k.transpose(value, -2, -1))
    if g is not None and gs[1] is not None:
        gp = gp + gs[1]
    scores = p * (gp - k.sum(gp * p, -1, True))
    gq, gk = k.matmul(scores, key) * scale, k.matmul(k.transpose(scores, -2, -1), query) * scale
    gv = k.matmul(k.transpose(p, -2, -1), g) if g is not None else None
    return gq, gk, gv, scores


def _differentiable_weights(k, query, key, mask, causal: bool, scale):
    scores = k.matmul(query, k.transpose(key, -2, -1)) * scale
    xp = module_of(scores._a)
    additive = _additive(xp, mask._a if mask is not None and not mask._rg else None, causal, scores.shape,
                         np.dtype(scores._a.dtype))
    if additive is None and mask is None:
        return k.softmax(scores, -1)
    if mask is not None and mask._rg:
        scores = scores + k.clamp(mask, NEVER)
    if additive is not None:
        scores = scores + wrap(xp.maximum(additive, additive.dtype.type(NEVER)))
    alive = wrap((scores._a.max(-1, keepdims=True) > NEVER / 2).astype(scores._a.dtype))
    return k.softmax(scores, -1) * alive


@op("_attention", at="", cost=attention, outs=2, grad_name=_attention_name, vjp={"query, key, "
                                                                 "value, attn_mask": _attention_gradients},
    samples=["r(2, 3, 4), r(2, 5, 4), r(2, 5, 3), r(3, 5), False, 0.5",
             "r(2, 3, 4), r(2, 3, 4), r(2, 3, 3), None, True, 0.5"])
def _attention(xp, query, key, value, attn_mask: "Tensor?", causal: "bool", scale: "float"):
    """(result, attention weights)."""
    p = _weights(xp, query, key, attn_mask, causal, scale)
    return product(xp, p, value), p


@op("_attention_backward", at="", outs=4, nograd=True)
def _attention_backward(xp, g, query, key, value, p, scale: "float"):
    gv = product(xp, p.swapaxes(-1, -2), g)
    scores = _softmax_adjoint(xp, product(xp, g, value.swapaxes(-1, -2)), p, p.ndim - 1)
    gq = product(xp, scores, key)
    gq *= gq.dtype.type(scale)
    gk = product(xp, scores.swapaxes(-1, -2), query)
    gk *= gk.dtype.type(scale)
    return gq, gk, gv, scores


def _blocked_gradients(k, gs, need, query, key, value, attn_mask, causal, scale, out0, out1):
    if gs[0] is None:
        return (None,) * 3
    if not state.grad:
        return k._blocked_attention_backward(gs[0], query, key, value, attn_mask, out0, out1, causal, scale)
    return _attention_gradients(k, (gs[0], None), need, query, key, value, attn_mask, causal, scale, None)[:3]


@op("_blocked_attention", at="", outs=2, grad_name=_attention_name, vjp={"query, key, value": _blocked_gradients})
def _blocked_attention(xp, query, key, value, attn_mask: "Index?", causal: "bool", scale: "float"):
    """(result, logarithms of the sums of exponentials)."""
    return attention_blocks.forward(query, key, value, attn_mask, causal, scale)


@op("_blocked_attention_backward", at="", outs=3, nograd=True)
def _blocked_attention_backward(xp, g, query, key, value, attn_mask: "Index?", y, sums, causal: "bool",
                                scale: "float"):
    return attention_blocks.backward(g, query, key, value, attn_mask, y, sums, causal, scale)


def _check(query, key, value, mask) -> None:
    if min(query._a.ndim, key._a.ndim, value._a.ndim) < 2:
        raise ShapeError("Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
                         f"{query._a.ndim} key.dim: {key._a.ndim} and value.dim: {value._a.ndim} instead.")
    if not query._a.dtype == key._a.dtype == value._a.dtype:
        q, k, v = (c_name(t._a.dtype) for t in (query, key, value))
        raise DTypeError(f"Expected query, key, and value to have the same dtype, but got query.dtype: {q} "
                         f"key.dtype: {k} and value.dtype: {v} instead.")
    if mask is not None and mask._a.dtype not in (np.bool_, np.float32, query._a.dtype):
        raise DTypeError("Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                         f"attn_mask.dtype: {c_name(mask._a.dtype)} and  query.dtype: {c_name(query._a.dtype)} "
                         "instead.")
    if query._a.shape[-1] != key._a.shape[-1]:
        n = math.prod(query._a.shape[:-2])
        raise ShapeError(f"Expected size for first two dimensions of batch2 tensor to be: [{n}, "
                         f"{query._a.shape[-1]}] but got: [{n}, {key._a.shape[-1]}].")
    from ..engine.args import broadcast_shapes

    lead = broadcast_shapes(query._a.shape[:-2], key._a.shape[:-2], value._a.shape[:-2])
    if mask is not None:
        broadcast_shapes((*lead, query._a.shape[-2], key._a.shape[-2]), mask._a.shape)


def _grouped(query, key, value):
    """Key and value heads repeated so that each serves its group of query heads."""
    heads, kv = query._a.shape[-3], key._a.shape[-3]
    if not kv or heads % kv or heads % value._a.shape[-3]:
        raise EngineError("Number of heads in key and value must divide the number of heads in query")
    return _repeat_heads(key, heads // kv), _repeat_heads(value, heads // value._a.shape[-3])


def _repeat_heads(t, times: int):
    if times == 1:
        return t
    shape = t._a.shape
    t = T.expand(T.unsqueeze(t, -3), (*shape[:-2], times, *shape[-2:]))
    return T.reshape(t, (*shape[:-3], shape[-3] * times, *shape[-2:]))


def attend(query, key, value, mask, dropout_p: float, causal: bool, scale, weights: bool = True):
    """(result, weights after dropout); the weights may be None where they are not wanted."""
    if scale is None:
        scale = 1 / math.sqrt(query._a.shape[-1]) if query._a.shape[-1] else math.inf
    if not weights and not dropout_p and not (mask is not None and mask._rg) and attention_blocks.fits(
            query._a, key._a, value._a):
        return T._blocked_attention(query, key, value, mask, causal, scale)[0], None
    y, p = T._attention(query, key, value, mask, causal, scale)
    if dropout_p:
        p = T.dropout(p, dropout_p, True)
        y = T.matmul(p, value)
    return y, p


@composite("scaled_dot_product_attention", at="F",
           samples=["r(2, 2, 3, 4), r(2, 2, 5, 4), r(2, 2, 5, 4)",
                    "r(2, 3, 4), r(2, 3, 4), r(2, 3, 4), is_causal=True",
                    "r(3, 4), r(5, 4), r(5, 2), r(3, 5)",
                    "r(1, 4, 3, 2), r(1, 2, 3, 2), r(1, 2, 3, 2), enable_gqa=True",
                    "r(2, 3, 4), r(2, 3, 4), r(2, 3, 4), torch.ones(3, 3).tril().bool(), scale=0.3"])
def scaled_dot_product_attention(query, key, value, attn_mask: "Tensor?" = None, dropout_p: "float" = 0.0,
                                 is_causal: "bool" = False, scale: "float?" = None, enable_gqa: "bool" = False):
    """softmax(query @ keyᵀ * scale + mask) @ value for query (..., L, E), key (..., S, E), value (..., S, V). A bool
    mask says which keys take part, a float one is added; scale is 1 / sqrt(E) by default.

    >>> F.scaled_dot_product_attention(zeros(1, 2), zeros(2, 2), tensor([[1., 0.], [3., 4.]]))
    tensor([[2., 2.]])
    """
    if enable_gqa and min(query._a.ndim, key._a.ndim, value._a.ndim) >= 3:
        key, value = _grouped(query, key, value)
    _check(query, key, value, attn_mask)
    if is_causal and attn_mask is not None and (query._a.ndim != 4 or dropout_p):  # PyTorch's kernel for the others lets it be
        raise EngineError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    return attend(query, key, value, attn_mask, dropout_p, is_causal, scale, weights=False)[0]


# ---------------------------------------------------------------- multi-head attention

def _float_mask(mask, name: str, like):
    """A mask that is added to the scores."""
    if mask is None:
        return None
    if mask._a.dtype == np.bool_:
        return wrap(np.where(mask._a, -np.inf, 0.0).astype(like._a.dtype))
    if mask._a.dtype.kind not in "fV":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


def _projections(query, key, value, embed: int, weight, bias, separate):
    """The projected query, key and value."""
    thirds = [slice(i * embed, (i + 1) * embed) for i in range(3)]
    if separate is None and query is key and key is value:
        y = T.linear(query, weight, bias)
        return [T._basic_index(y, (Ellipsis, third)) for third in thirds]
    weights = [T._basic_index(weight, (third,)) for third in thirds] if separate is None else separate
    biases = [None if bias is None else T._basic_index(bias, (third,)) for third in thirds]
    return [T.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]


def _heads(x, heads: int):
    """(T, N, E) as (N, heads, T, E / heads)."""
    t, n, e = x._a.shape
    return T.permute(T.reshape(x, (t, n, heads, e // heads)), (1, 2, 0, 3))


def _appended(x, extra):
    """x (T, N, E) with one more place in time."""
    return T.cat([x, T.expand(extra, (1, *x._a.shape[1:]))], 0)


def _check_heads(query, embed: int, heads: int) -> None:
    if embed != query._a.shape[-1]:
        raise AssertionError(f"was expecting embedding dimension of {embed}, but got {query._a.shape[-1]}")
    if embed % heads:
        raise AssertionError(f"embed_dim {embed} not divisible by num_heads {heads}")


def _check_masks(batched: bool, query, key, padding_mask, attn_mask, heads: int) -> None:
    """Masks have the dims that inputs with or without a batch ask for."""
    start = "For batched (3-D) `query`, expected" if batched else "For unbatched (2-D) `query`, expected"
    if padding_mask is not None and padding_mask._a.ndim != 1 + batched:
        raise AssertionError(f"{start} `key_padding_mask` to be `None` or {1 + batched}-D but found {padding_mask._a.ndim}-D "
                             "tensor instead")
    if attn_mask is None:
        return
    if attn_mask._a.ndim not in (2, 3):
        raise AssertionError(f"{start} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask._a.ndim}-D tensor instead")
    want = (heads, query._a.shape[0], key._a.shape[0])
    if not batched and attn_mask._a.ndim == 3 and attn_mask._a.shape != want:
        raise AssertionError(f"Expected `attn_mask` shape to be {want} but got {attn_mask.shape}")


def _check_pair(key, value, dims: int | None) -> None:
    """Keys and values belong to the same places."""
    if dims is None and key._a.shape != value._a.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if dims is not None and key._a.shape[:-1] != value._a.shape[:-1]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")


def _merged_mask(attn_mask, padding_mask, n: int, heads: int, length: int, source: int, extra: int):
    """One float mask (N or 1, heads or 1, L, S) from both; places added to the keys are never masked."""
    if attn_mask is not None:
        shape = attn_mask._a.shape
        if shape not in ((length, source), (n * heads, length, source)):
            want = (length, source) if len(shape) == 2 else (n * heads, length, source)
            raise EngineError(f"The shape of the {len(shape)}D attn_mask is {attn_mask.shape}, but should be {want}.")
        attn_mask = T.reshape(attn_mask, (1, 1, length, source) if len(shape) == 2 else (n, heads, length, source))
    if padding_mask is not None:
        for i, (want, got) in enumerate(zip((n, source), padding_mask._a.shape, strict=True)):
            if want != got:
                raise AssertionError(f"Expected key_padded_mask.shape[{i}] to be {want}, but got {got}")
        padding_mask = T.reshape(padding_mask, (n, 1, 1, source))
    mask = attn_mask if padding_mask is None else padding_mask if attn_mask is None else attn_mask + padding_mask
    return mask if mask is None or not extra else T.constant_pad_nd(mask, (0, extra), 0.0)


@composite("multi_head_attention_forward", at="F",
           samples=["r(3, 2, 4), r(5, 2, 4), r(5, 2, 4), 4, 2, r(12, 4), r(12), None, None, False, 0.0, "
                    "r(4, 4), r(4)"])
def multi_head_attention_forward(
        query, key, value, embed_dim_to_check: "int", num_heads: "int", in_proj_weight: "Tensor?",
        in_proj_bias: "Tensor?", bias_k: "Tensor?", bias_v: "Tensor?", add_zero_attn: "bool", dropout_p: "float",
        out_proj_weight, out_proj_bias: "Tensor?", training: "bool" = True, key_padding_mask: "Tensor?" = None,
        need_weights: "bool" = True, attn_mask: "Tensor?" = None, use_separate_proj_weight: "bool" = False,
        q_proj_weight: "Tensor?" = None, k_proj_weight: "Tensor?" = None, v_proj_weight: "Tensor?" = None,
        static_k: "Tensor?" = None, static_v: "Tensor?" = None, average_attn_weights: "bool" = True,
        is_causal: "bool" = False):
    """(result, attention weights) of attention in several heads, with projections before and after. Inputs are
    (time, batch, features), or (time, features) without a batch.

    >>> w = torch.eye(2)
    >>> F.multi_head_attention_forward(ones(1, 2), ones(1, 2), ones(1, 2), 2, 1, torch.cat([w, w, w]), None, None,
    ...                                None, False, 0., w, None)[0]
    tensor([[1., 1.]])
    """
    batched = query._a.ndim == 3
    if query._a.ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query._a.ndim}-D "
                             "query tensor")
    if not key._a.ndim == value._a.ndim == query._a.ndim:
        raise AssertionError(f"For {'' if batched else 'un'}batched ({query._a.ndim}-D) `query`, expected `key` and `value` to "
                             f"be {query._a.ndim}-D but found {key._a.ndim}-D and {value._a.ndim}-D tensors respectively")
    _check_heads(query, embed_dim_to_check, num_heads)
    _check_masks(batched, query, key, key_padding_mask, attn_mask, num_heads)
    _check_pair(key, value, 2 if use_separate_proj_weight else None)
    same = query is key, key is value
    if not batched:
        query = T.unsqueeze(query, 1)
        key = query if same[0] else T.unsqueeze(key, 1)
        value = key if same[1] else T.unsqueeze(value, 1)
        key_padding_mask = None if key_padding_mask is None else T.unsqueeze(key_padding_mask, 0)
    if is_causal and attn_mask is None:
        raise EngineError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                          "`generate_square_subsequent_mask` to create this mask.")
    attn_mask = _float_mask(attn_mask, "attn_mask", query)
    padding = _float_mask(key_padding_mask, "key_padding_mask", query)
    length, n, embed = query._a.shape
    if key._a.shape[1] != n:
        raise ShapeError(f"shape '[{key._a.shape[0]}, {n * num_heads}, {embed // num_heads}]' is invalid for input of size "
                         f"{key._a.shape[0] * key._a.shape[1] * embed}")
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projections(query, key, value, embed, in_proj_weight, in_proj_bias, separate)
    extra = (bias_k is not None) + add_zero_attn
    mask = _merged_mask(attn_mask, padding, n, num_heads, length, key._a.shape[0], extra)
    causal = is_causal and key_padding_mask is None and not need_weights  # then the mask is only a hint
    if bias_k is not None:
        k, v = _appended(k, bias_k), _appended(v, bias_v)
    q, k, v = _heads(q, num_heads), _heads(k, num_heads), _heads(v, num_heads)
    k, v = (T.reshape(s, (n, num_heads, -1, embed // num_heads)) if s is not None else t
            for s, t in ((static_k, k), (static_v, v)))
    if add_zero_attn:
        k, v = T.constant_pad_nd(k, (0, 0, 0, 1), 0.0), T.constant_pad_nd(v, (0, 0, 0, 1), 0.0)
    y, p = attend(q, k, v, None if causal else mask, dropout_p if training else 0.0, causal, None, need_weights)
    y = T.reshape(T.permute(y, (2, 0, 1, 3)), (length, n, embed))
    y = T.linear(y, out_proj_weight, out_proj_bias)
    if not need_weights:
        return (y if batched else T.squeeze(y, 1)), None
    weights = T.mean(p, 1) if average_attn_weights else p
    return (y, weights) if batched else (T.squeeze(y, 1), T.squeeze(weights, 0))
