"""What NumPy's functions give on arrays without memory: one shape rule per function, dtypes asked of NumPy itself.

A dtype is found by running the function on arrays of one element, so promotion is never written down twice.
A function without a rule, or whose result's shape depends on values, raises `NeedsValue`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .meta import MetaArray, NeedsValue

Rule = Callable[..., Any]
RULES: dict[Any, Rule] = {}


def rule(*functions: Any) -> Callable[[Rule], Rule]:
    """Declares the shape rule of NumPy functions; it gets the call's arguments and the function as `f`."""
    def declare(fn: Rule) -> Rule:
        for function in functions:
            RULES[function] = lambda *args, f=function, **kwargs: fn(f, *args, **kwargs)
        return fn
    return declare


def run_function(function: Any, args: tuple, kwargs: dict):
    found = RULES.get(function)
    if found is None:
        raise NeedsValue(f"{function.__name__} has no shape rule")
    return found(*args, **kwargs)


# ---------------------------------------------------------------- asking NumPy for dtypes

def is_meta(value: Any) -> bool:
    return type(value) is MetaArray


def first_meta(values) -> MetaArray | None:
    for value in values:
        if type(value) is MetaArray:
            return value
        if type(value) in (list, tuple) and (found := first_meta(value)) is not None:
            return found
    return None


def tiny(value: Any):
    """One element of what `value` holds; numbers stay what they are, since they promote weakly."""
    if isinstance(value, (MetaArray, np.ndarray)):
        return np.ones((1,) * value.ndim, value.dtype)
    if type(value) in (list, tuple):
        return type(value)(tiny(v) for v in value)
    return value


def shape_of(value: Any) -> tuple:
    return value.shape if isinstance(value, (MetaArray, np.ndarray)) else np.shape(value)


def _dtype_of(function: Any, args, kwargs) -> Any:
    with np.errstate(all="ignore"):
        return function(*tiny(tuple(args)), **{k: tiny(v) for k, v in kwargs.items()})


def _into(out: Any, result: MetaArray):
    target = out[0] if isinstance(out, tuple) else out
    if target is None:
        return result
    if target.shape != result.shape and np.broadcast_shapes(target.shape, result.shape) != target.shape:
        raise ValueError(f"operands could not be broadcast together with shapes {result.shape} {target.shape}")
    if type(target) is MetaArray:
        target.spoil()
    return target


# ---------------------------------------------------------------- ufuncs

def run_ufunc(ufunc: np.ufunc, method: str, inputs: tuple, kwargs: dict):
    out = kwargs.pop("out", None)
    where = kwargs.pop("where", True)
    if method == "__call__":
        return _ufunc_call(ufunc, inputs, kwargs, out, where)
    if method == "reduce":
        return _reduction(ufunc.reduce, *inputs, out=out, **{"axis": 0, **kwargs})
    if method == "accumulate":
        return first_meta(inputs).like(inputs[0].shape, _dtype_of(ufunc.accumulate, inputs[:1], {}).dtype)
    if method == "outer":
        a, b = inputs
        return first_meta(inputs).like(shape_of(a) + shape_of(b), _dtype_of(ufunc, inputs, {}).dtype)
    if method == "at":
        return None
    if method == "reduceat":
        a, indices = inputs[:2]
        axis = (inputs[2] if len(inputs) > 2 else kwargs.get("axis", 0)) % a.ndim
        return a.like((*a.shape[:axis], len(indices), *a.shape[axis + 1:]), _dtype_of(ufunc.accumulate, inputs[:1], {}).dtype)
    raise NeedsValue(f"{ufunc.__name__}.{method} has no shape rule")


def _ufunc_call(ufunc: np.ufunc, inputs: tuple, kwargs: dict, out, where):
    if ufunc is np.matmul:
        return _into(out, _matmul(ufunc, *inputs))
    if ufunc.signature is not None:
        shape = np.broadcast_shapes(*(shape_of(v)[:-1] for v in inputs))
        return _into(out, first_meta(inputs).like(shape, _dtype_of(ufunc, inputs, {}).dtype))
    known = {k: v for k, v in kwargs.items() if k in ("dtype", "casting")}
    result = _dtype_of(ufunc, inputs, known)
    shape = np.broadcast_shapes(*(shape_of(v) for v in inputs), shape_of(where))
    source = first_meta((*inputs, where, *(out or ())))
    if isinstance(result, tuple):
        return tuple(source.like(shape, r.dtype) for r in result)
    return _into(out, source.like(shape, result.dtype))


def _matmul(f, a, b, **_kwargs) -> MetaArray:
    left, right = shape_of(a), shape_of(b)
    if not left or not right:
        raise ValueError("matmul: Input operand does not have enough dimensions")
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    inner = right[-2] if len(right) > 1 else right[-1]
    if left[-1] != inner:
        raise ValueError(f"matmul: Input operand 1 has a mismatch in its core dimension 0 (size {inner} is different "
                         f"from {left[-1]})")
    shape = (*np.broadcast_shapes(left[:-2], right[:-2]), *rows, *columns)
    return first_meta((a, b)).like(shape, np.result_type(tiny(a), tiny(b)))


# ---------------------------------------------------------------- elementwise functions

@rule(np.where)
def _where(f, condition, x=None, y=None):
    if x is None:
        raise NeedsValue("nonzero")
    shape = np.broadcast_shapes(shape_of(condition), shape_of(x), shape_of(y))
    return first_meta((condition, x, y)).like(shape, np.where(tiny(condition), tiny(x), tiny(y)).dtype)


@rule(np.clip, np.nan_to_num, np.round, np.around, np.isclose, np.sinc, np.angle, np.iscomplex, np.isreal, np.isneginf,
      np.isposinf, np.fix, np.i0, np.interp, np.searchsorted, np.isin)
def _elementwise(f, *args, out=None, **kwargs):
    if f in (np.searchsorted, np.isin, np.interp):
        main = args[1] if f is np.searchsorted else args[0]
        wanted = {np.searchsorted: np.int64, np.isin: np.bool_, np.interp: np.float64}[f]
        return first_meta(args).like(shape_of(main), wanted)
    shape = np.broadcast_shapes(*(shape_of(v) for v in args if isinstance(v, (MetaArray, np.ndarray))))
    return _into(out, first_meta(args).like(shape, _dtype_of(f, args, kwargs).dtype))


@rule(np.real)
def _real(f, a):
    return a.real


@rule(np.imag)
def _imag(f, a):
    return a.imag


class _SpecialShapes:
    """SciPy's special functions without data: they broadcast like any other elementwise function."""

    def __getattr__(self, name: str):
        from scipy import special

        function = getattr(special, name)
        return lambda *args, **kwargs: _broadcast(function, args, kwargs)


special_shapes = _SpecialShapes()


def _broadcast(function, args, kwargs):
    shape = np.broadcast_shapes(*(shape_of(v) for v in args))
    result = _dtype_of(function, args, {k: v for k, v in kwargs.items() if k != "out"})
    if isinstance(result, tuple):
        return tuple(first_meta(args).like(shape, r.dtype) for r in result)
    return _into(kwargs.get("out"), first_meta(args).like(shape, result.dtype))


# ---------------------------------------------------------------- reductions and scans

def reduced_shape(shape: tuple, axis, keepdims: bool) -> tuple:
    chosen = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    dims = [d % max(len(shape), 1) for d in chosen]
    if keepdims:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def _reduction(f, a, axis=None, *rest, keepdims=False, out=None, where=True, initial=None, **kwargs):
    keepdims = bool(keepdims) and keepdims is not np._NoValue
    kwargs = {k: v for k, v in kwargs.items() if v is not None and v is not np._NoValue}
    dtype = np.asarray(_dtype_of(f, (a,), {"axis": axis, **kwargs})).dtype
    return _into(out, a.like(reduced_shape(a.shape, axis, keepdims), dtype))


rule(np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.amax, np.amin, np.any, np.all, np.argmax, np.argmin,
     np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin, np.median, np.nanmedian, np.ptp, np.count_nonzero)(_reduction)


@rule(np.cumsum, np.cumprod, np.sort, np.argsort, np.partition, np.argpartition)
def _scan(f, a, *args, axis=None, out=None, **kwargs):
    positional = [v for v in args if v is not None]
    axis = positional[-1] if positional and isinstance(positional[-1], int) else axis
    flat = axis is None and f in (np.cumsum, np.cumprod)
    if f in (np.partition, np.argpartition):
        dtype = a.dtype if f is np.partition else np.dtype(np.int64)
    else:
        dtype = _dtype_of(f, (a,), {k: v for k, v in kwargs.items() if k == "dtype"}).dtype
    return _into(out, a.like((a.size,) if flat else a.shape, dtype))


@rule(np.flip, np.tril, np.triu, np.roll, np.fft.fftshift, np.fft.ifftshift, np.flipud, np.fliplr)
def _same(f, a, *_args, **_kwargs):
    return a.like(a.shape)


@rule(np.lexsort)
def _lexsort(f, keys, axis=-1):
    return first_meta((keys,)).like(shape_of(keys[0]), np.int64)


@rule(np.diff)
def _diff(f, a, n=1, axis=-1, **_ends):
    axis %= a.ndim
    return a.like((*a.shape[:axis], max(a.shape[axis] - n, 0), *a.shape[axis + 1:]))


# ---------------------------------------------------------------- movement

@rule(np.reshape)
def _reshape(f, a, shape, *_args, **_kwargs):
    return a.reshape(shape)


@rule(np.transpose, np.permute_dims)
def _transpose(f, a, axes=None):
    return a.transpose(axes) if axes is not None else a.transpose()


@rule(np.swapaxes)
def _swapaxes(f, a, axis1, axis2):
    return a.swapaxes(axis1, axis2)


@rule(np.moveaxis)
def _moveaxis(f, a, source, destination):
    source, destination = ([d % a.ndim for d in ((v,) if isinstance(v, int) else v)] for v in (source, destination))
    order = [d for d in range(a.ndim) if d not in source]
    for place, d in sorted(zip(destination, source, strict=True)):
        order.insert(place, d)
    return a.transpose(order)


@rule(np.squeeze)
def _squeeze(f, a, axis=None):
    return a.squeeze(axis)


@rule(np.ravel)
def _ravel(f, a, order="C"):
    return a.ravel()


@rule(np.expand_dims)
def _expand_dims(f, a, axis):
    dims = (axis,) if isinstance(axis, int) else tuple(axis)
    ndim = a.ndim + len(dims)
    dims = {d % ndim for d in dims}
    rest = iter(zip(a.shape, a.strides, strict=True))
    pairs = [(1, 0) if d in dims else next(rest) for d in range(ndim)]
    return a.view_of([p[0] for p in pairs], [p[1] for p in pairs])


@rule(np.broadcast_to)
def _broadcast_to(f, a, shape, subok=False):
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if np.broadcast_shapes(a.shape, shape) != shape:
        raise ValueError(f"operands could not be broadcast together with remapped shapes {a.shape} {shape}")
    lead = len(shape) - a.ndim
    strides = [0] * lead + [s if n == shape[lead + i] and n != 1 else 0
                            for i, (n, s) in enumerate(zip(a.shape, a.strides, strict=True))]
    return a.view_of(shape, strides)


@rule(np.broadcast_arrays)
def _broadcast_arrays(f, *arrays, subok=False):
    shape = np.broadcast_shapes(*(shape_of(a) for a in arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@rule(np.rot90)
def _rot90(f, m, k=1, axes=(0, 1)):
    return m.like(np.swapaxes(m, *axes).shape if k % 2 else m.shape)


@rule(np.diagonal)
def _diagonal(f, a, offset=0, axis1=0, axis2=1):
    rows, columns = a.shape[axis1], a.shape[axis2]
    n = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = offset * a.strides[axis2] if offset >= 0 else -offset * a.strides[axis1]
    rest = [d for d in range(a.ndim) if d not in (axis1 % a.ndim, axis2 % a.ndim)]
    return a.view_of((*(a.shape[d] for d in rest), n),
                     (*(a.strides[d] for d in rest), a.strides[axis1] + a.strides[axis2]), start if n else 0)


@rule(np.trace)
def _trace(f, a, offset=0, axis1=0, axis2=1, **_kwargs):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@rule(np.diag)
def _diag(f, v, k=0):
    return np.diagonal(v, k) if v.ndim == 2 else v.like((len(v) + abs(k),) * 2)


# ---------------------------------------------------------------- joining, repeating, picking

@rule(np.concatenate)
def _concatenate(f, arrays, axis=0, out=None, **_kwargs):
    shapes = [shape_of(a) for a in arrays]
    dtype = np.result_type(*(tiny(a) for a in arrays))
    source = first_meta((arrays, out))
    if axis is None:
        return source.like((sum(math.prod(s) for s in shapes),), dtype)
    axis %= len(shapes[0])
    if len({s[:axis] + s[axis + 1:] for s in shapes}) > 1:
        raise ValueError("all the input array dimensions except for the concatenation axis must match exactly")
    first = shapes[0]
    return _into(out, source.like((*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1:]), dtype))


@rule(np.stack)
def _stack(f, arrays, axis=0, out=None, **_kwargs):
    shapes = {shape_of(a) for a in arrays}
    if len(shapes) > 1:
        raise ValueError("all input arrays must have the same shape")
    first = shapes.pop()
    axis %= len(first) + 1
    return _into(out, first_meta((arrays,)).like((*first[:axis], len(arrays), *first[axis:]),
                                                 np.result_type(*(tiny(a) for a in arrays))))


@rule(np.append)
def _append(f, arr, values, axis=None):
    return np.concatenate([np.ravel(arr), np.ravel(values)] if axis is None else [arr, values], axis=axis or 0)


@rule(np.repeat)
def _repeat(f, a, repeats, axis=None):
    if is_meta(repeats):
        raise NeedsValue("cannot repeat_interleave a meta tensor without output_size")
    shape, axis = ((a.size,), 0) if axis is None else (shape_of(a), axis % a.ndim)
    total = shape[axis] * int(repeats) if np.ndim(repeats) == 0 else int(np.sum(repeats))
    return a.like((*shape[:axis], total, *shape[axis + 1:]))


@rule(np.tile)
def _tile(f, a, reps):
    reps = (reps,) if isinstance(reps, int) else tuple(reps)
    ndim = max(len(reps), a.ndim)
    sizes = zip((1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - len(reps)) + reps, strict=True)
    return a.like([n * r for n, r in sizes])


@rule(np.pad)
def _pad(f, array, pad_width, *_args, **_kwargs):
    widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist()
    return array.like([n + before + after for n, (before, after) in zip(array.shape, widths, strict=True)])


@rule(np.take)
def _take(f, a, indices, axis=None, out=None, mode="raise"):
    source, wanted = first_meta((a, indices)), shape_of(indices)
    if axis is None:
        return source.like(wanted, a.dtype)
    axis %= a.ndim
    return _into(out, source.like((*a.shape[:axis], *wanted, *a.shape[axis + 1:]), a.dtype))


@rule(np.take_along_axis)
def _take_along_axis(f, arr, indices, axis=-1):
    if axis is None:
        return first_meta((arr, indices)).like(shape_of(indices), arr.dtype)
    axis %= arr.ndim
    sizes = [shape_of(indices)[i] if i == axis else np.broadcast_shapes((n,), (shape_of(indices)[i],))[0]
             for i, n in enumerate(arr.shape)]
    return first_meta((arr, indices)).like(sizes, arr.dtype)


@rule(np.put_along_axis, np.copyto, np.put, np.place, np.add.at)
def _nothing(f, *_args, **_kwargs):
    return None


@rule(np.bincount)
def _bincount(f, x, weights=None, minlength=0):
    if not minlength:
        raise NeedsValue("bincount")
    return first_meta((x, weights)).like((minlength,), np.int64 if weights is None else np.float64)


@rule(np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.histogram, np.extract, np.compress, np.allclose,
      np.array_equal)
def _depends_on_values(f, *_args, **_kwargs):
    raise NeedsValue(f.__name__)


@rule(np.meshgrid)
def _meshgrid(f, *xi, indexing="xy", **_kwargs):
    sizes = [a.size for a in xi]
    if indexing == "xy" and len(sizes) > 1:
        sizes[:2] = sizes[1::-1]
    return [first_meta(xi).like(sizes, a.dtype) for a in xi]


@rule(np.ix_)
def _ix(f, *args):
    return tuple(a.reshape((1,) * i + (-1,) + (1,) * (len(args) - i - 1)) for i, a in enumerate(args))


@rule(np.shape)
def _shape(f, a):
    return a.shape


@rule(np.ndim)
def _ndim(f, a):
    return a.ndim


@rule(np.size)
def _size(f, a, axis=None):
    return a.size if axis is None else a.shape[axis]


@rule(np.may_share_memory, np.shares_memory)
def _share(f, a, b, **_kwargs):
    roots = [getattr(x, "base", None) if getattr(x, "base", None) is not None else x for x in (a, b)]
    return roots[0] is roots[1]


@rule(np.empty_like, np.zeros_like, np.ones_like, np.full_like)
def _like(f, a, *args, dtype=None, shape=None, **_kwargs):
    if dtype is None and f is not np.full_like and args:
        dtype = args[0]
    return a.like(a.shape if shape is None else shape, dtype)


@rule(np.copy)
def _copy(f, a, *_args, **_kwargs):
    return a.copy()


@rule(np.result_type)
def _result_type(f, *args):
    return np.result_type(*(tiny(a) for a in args))


# ---------------------------------------------------------------- products

@rule(np.dot)
def _dot(f, a, b, out=None):
    if not shape_of(a) or not shape_of(b):
        return np.multiply(a, b)
    if len(shape_of(a)) > 2 or len(shape_of(b)) > 2:
        left, right = shape_of(a), shape_of(b)
        shape = (*left[:-1], *right[:-2], right[-1]) if len(right) > 1 else left[:-1]
        return first_meta((a, b)).like(shape, np.result_type(tiny(a), tiny(b)))
    return _into(out, _matmul(f, a, b))


@rule(np.outer)
def _outer(f, a, b, out=None):
    return np.multiply(np.ravel(a)[:, None], np.ravel(b)[None])


@rule(np.tensordot)
def _tensordot(f, a, b, axes=2):
    left, right = (list(range(a.ndim - axes, a.ndim)), list(range(axes))) if isinstance(axes, int) else axes
    shape = [n for i, n in enumerate(shape_of(a)) if i not in left] + [n for i, n in enumerate(shape_of(b)) if i not in right]
    return first_meta((a, b)).like(shape, np.result_type(tiny(a), tiny(b)))


@rule(np.einsum)
def _einsum(f, subscripts, *operands, **_kwargs):
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    lead: tuple = ()
    for letters, operand in zip(inputs.split(","), operands, strict=True):
        head, dots, tail = letters.partition("...")
        shape = shape_of(operand)
        extra = len(shape) - len(head) - len(tail)
        named = [*zip(head, shape[:len(head)], strict=True), *zip(tail, shape[len(head) + extra:], strict=True)]
        for letter, n in named:
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
        if dots:
            lead = np.broadcast_shapes(lead, shape[len(head):len(head) + extra])
    if not arrow:
        output = "".join(sorted(c for c in sizes if inputs.count(c) == 1))
    shape = []
    for part in output.replace("...", "."):
        shape.extend(lead if part == "." else [sizes[part]])
    return first_meta(operands).like(shape, np.result_type(*(tiny(a) for a in operands)))


# ---------------------------------------------------------------- linear algebra and Fourier transforms

def _square(a: MetaArray, dtype=None) -> MetaArray:
    return a.like(a.shape, _inexact(a.dtype) if dtype is None else dtype)


def _inexact(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def _part(dtype: np.dtype) -> np.dtype:
    from .meta import real_dtype

    return real_dtype(_inexact(dtype))


def _complex(dtype: np.dtype) -> np.dtype:
    return np.result_type(_inexact(dtype), np.complex64)


@rule(np.linalg.inv, np.linalg.cholesky, np.linalg.matrix_power)
def _inverse(f, a, *_args, **_kwargs):
    return _square(a)


@rule(np.linalg.solve)
def _solve(f, a, b):
    columns = shape_of(b)[-1:] if np.ndim(b) > 1 else ()
    batch = np.broadcast_shapes(a.shape[:-2], shape_of(b)[:-2])
    return first_meta((a, b)).like((*batch, a.shape[-1], *columns), _inexact(np.result_type(a.dtype, b.dtype)))


@rule(np.linalg.det)
def _det(f, a):
    return a.like(a.shape[:-2], _inexact(a.dtype))


@rule(np.linalg.slogdet)
def _slogdet(f, a):
    return a.like(a.shape[:-2], _inexact(a.dtype)), a.like(a.shape[:-2], _part(a.dtype))


@rule(np.linalg.eigh, np.linalg.eig)
def _eigh(f, a, *_args):
    values, vectors = (_part(a.dtype), _inexact(a.dtype)) if f is np.linalg.eigh else (_complex(a.dtype),) * 2
    return a.like(a.shape[:-1], values), a.like(a.shape, vectors)


@rule(np.linalg.eigvalsh, np.linalg.eigvals)
def _eigvals(f, a, *_args):
    return a.like(a.shape[:-1], _part(a.dtype) if f is np.linalg.eigvalsh else _complex(a.dtype))


@rule(np.linalg.svd)
def _svd(f, a, full_matrices=True, compute_uv=True, hermitian=False):
    *batch, m, n = a.shape
    k = min(m, n)
    s = a.like((*batch, k), _part(a.dtype))
    if not compute_uv:
        return s
    left, right = (m, n) if full_matrices else (k, k)
    return a.like((*batch, m, left), _inexact(a.dtype)), s, a.like((*batch, right, n), _inexact(a.dtype))


@rule(np.linalg.qr)
def _qr(f, a, mode="reduced"):
    *batch, m, n = a.shape
    k = m if mode == "complete" else min(m, n)
    r = a.like((*batch, min(m, n) if mode == "r" else k, n), _inexact(a.dtype))
    return r if mode == "r" else (a.like((*batch, m, k), _inexact(a.dtype)), r)


@rule(np.linalg.pinv)
def _pinv(f, a, *_args, **_kwargs):
    return a.like((*a.shape[:-2], a.shape[-1], a.shape[-2]), _inexact(a.dtype))


@rule(np.linalg.norm)
def _norm(f, x, ord=None, axis=None, keepdims=False):
    return x.like(reduced_shape(x.shape, axis, keepdims), _part(x.dtype))


@rule(np.fft.fft, np.fft.ifft)
def _fft(f, a, n=None, axis=-1, norm=None, out=None):
    return _resized(a, axis, n, _complex(a.dtype))


@rule(np.fft.rfft, np.fft.ihfft)
def _rfft(f, a, n=None, axis=-1, norm=None, out=None):
    return _resized(a, axis, (a.shape[axis] if n is None else n) // 2 + 1, _complex(a.dtype))


@rule(np.fft.irfft, np.fft.hfft)
def _irfft(f, a, n=None, axis=-1, norm=None, out=None):
    return _resized(a, axis, 2 * (a.shape[axis] - 1) if n is None else n, _part(a.dtype))


@rule(np.fft.fftn, np.fft.ifftn, np.fft.fft2, np.fft.ifft2, np.fft.rfftn, np.fft.irfftn)
def _fftn(f, a, s=None, axes=None, norm=None, out=None):
    axes = tuple(range(a.ndim)) if axes is None else tuple(axes)
    sizes = [a.shape[d] for d in axes] if s is None else list(s)
    for d, n in zip(axes, sizes, strict=True):
        a = _resized(a, d, n, _complex(a.dtype))
    if f is np.fft.rfftn:
        return _resized(a, axes[-1], sizes[-1] // 2 + 1, a.dtype)
    if f is np.fft.irfftn:
        return _resized(a, axes[-1], sizes[-1] if s is not None else 2 * (sizes[-1] - 1), _part(a.dtype))
    return a


def _resized(a: MetaArray, axis: int, n: int | None, dtype) -> MetaArray:
    shape = list(a.shape)
    shape[axis] = shape[axis] if n is None else n
    return a.like(shape, dtype)


