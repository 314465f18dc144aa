"""Creation ops: tensors from sizes, ranges and other tensors."""

import math

import numpy as np

from .. import native
from ..engine import device as device_module
from ..engine import dtypes
from ..engine.args import check_numel, type_name
from ..engine.callables import short_way
from ..engine.device import as_device, backend, move
from ..engine.dispatch import READY, wrap
from ..engine.overlap import repeats
from ..engine.registry import composite
from ..engine.storage import contiguous_format, preserve_format, shaped
from ..engine.tape import SMALL
from ..engine.tensor import Tensor
from ..engine.warn import warn
from ..engine.ways import MISSING
from ..errors import ArgumentError, BadValue, EngineError, Unsupported
from .fits import check_fits
from .making import checked, fresh, is_plain, made, make


def _type(dtype):
    return (dtype or dtypes.get_default_dtype()).numpy


def _checked_for(name: str, size: tuple) -> tuple:
    if any(n < 0 for n in size):
        raise EngineError(f"{name}: Dimension size must be non-negative.")
    return check_numel(size)


@composite("zeros", at="torch", nograd=True, samples=["2, 3", "(0, 3)", "2, dtype=torch.int64"])
def zeros(size: "Shape*", *, dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None,
          requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A tensor of zeros.

    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    _checked_for("zeros", size)
    return make(lambda xp: xp.zeros(size, _type(dtype)), device, requires_grad)


@composite("ones", at="torch", nograd=True, samples=["2, 3", "()", "2, dtype=torch.int64"])
def ones(size: "Shape*", *, dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None,
         requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A tensor of ones.

    >>> ones(2)
    tensor([1., 1.])
    """
    return make(lambda xp: xp.ones(checked(size), _type(dtype)), device, requires_grad)


def _like(x, dtype, device, requires_grad, memory_format, build):
    """`build(xp, array, dtype)`; an array of the strides asked for stands in for x."""
    d = dtype.numpy if dtype is not None else x._a.dtype
    if type(x._a) is np.ndarray and (memory_format not in (None, preserve_format) or repeats(x._a)):
        x = wrap(_shaped(tuple(x.shape), memory_format))
    if device is None and not requires_grad and type(x._a) is np.ndarray and not device_module.sketch:
        return wrap(build(np, x._a, d))
    device = x.device if device is None else as_device(device)
    like = x._a if device == x.device else backend(device).create(device, lambda xp: xp.empty(x._a.shape, d))
    return make(lambda xp: build(xp, like, d), device, requires_grad)


def _shaped(shape: tuple, memory_format, dtype=np.float32) -> np.ndarray:
    return shaped(np.empty(math.prod(shape), dtype), shape, memory_format)


def _of_size(name: str, fill):
    """The maker of the short way of `zeros` and `ones`: sizes alone, all of them integers."""
    def make_way(o, slow):
        def fn(*size, **named):
            if named or not is_plain():
                return slow(*size, **named)
            shape = size
            if len(size) == 1 and type(size[0]) is tuple:
                shape, = size
            for n in shape:
                if type(n) is not int or n < 0:
                    return slow(*size)
            if not size:
                return slow()
            try:
                return fresh(fill(shape, dtypes.get_default_dtype().numpy))
            except (ValueError, MemoryError):
                return slow(*size)
        return native.creating(name, fn) or fn
    return make_way


def _filled_with_ones(shape: tuple, target):
    r = np.empty(shape, target)
    r.fill(1)
    return r


short_way("zeros")(_of_size("zeros", np.zeros))
short_way("ones")(_of_size("ones", _filled_with_ones))


def _as(name: str, value: int):
    """The maker of the short way of `zeros_like` and `ones_like` for contiguous tensors."""
    def make_way(o, slow):
        def fn(x=MISSING, **named):
            if named or type(x) not in READY or type(x._a) is not np.ndarray or x._a.size > SMALL or x._half_complex or \
                    not x._a.flags.c_contiguous or x._a.dtype.kind not in "fiub":
                return slow(**named) if x is MISSING else slow(x, **named)
            a = x._a
            r = np.empty(a.shape, a.dtype)
            r.fill(value)
            return fresh(r)
        return native.creating(name, fn) or fn
    return make_way


@composite("zeros_like", at="torch", nograd=True, samples=["r(2, 3)"])
def zeros_like(x, *, dtype: "DType?" = None, layout: "Layout?" = None, device: "any" = None, requires_grad: "bool" = False,
               memory_format: "any" = None, pin_memory: "bool" = False):
    """Zeros in the shape and dtype of x.

    >>> zeros_like(tensor([1., 2.]))
    tensor([0., 0.])
    """
    return _like(x, dtype, device, requires_grad, memory_format, lambda xp, a, d: xp.zeros_like(a, d))


@composite("ones_like", at="torch", nograd=True, samples=["r(2, 3)"])
def ones_like(x, *, dtype: "DType?" = None, layout: "Layout?" = None, device: "any" = None, requires_grad: "bool" = False,
              memory_format: "any" = None, pin_memory: "bool" = False):
    """Ones in the shape and dtype of x.

    >>> ones_like(tensor([1., 2.]))
    tensor([1., 1.])
    """
    return _like(x, dtype, device, requires_grad, memory_format, lambda xp, a, d: xp.ones_like(a, d))


short_way("zeros_like")(_as("zeros_like", 0))
short_way("ones_like")(_as("ones_like", 1))


@composite("arange", at="torch", also=[], nograd=True, samples=["5", "1, 4", "0, 1, 0.25", "5, 0, -2"])
def arange(start: "Scalar", end: "Scalar?" = None, step: "Scalar" = 1, *, dtype: "DType?" = None, layout: "Layout?" = None,
           device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """Numbers from start (0) up to, not including, end.

    >>> arange(1, 4)
    tensor([1, 2, 3])
    """
    if end is None:
        start, end = 0, start
    if step == 0:
        raise EngineError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise EngineError(f"unsupported range: {start} -> {end}")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise EngineError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        real = any(isinstance(v, float) for v in (start, end, step))
        dtype = dtypes.get_default_dtype() if real else dtypes.int64
    exact = (end - start) / step
    if abs(exact) >= 1 << 63:
        raise EngineError("value cannot be converted to type int64_t without overflow" if dtype is dtypes.int64 else
                          "invalid size, possible overflow?")
    if dtype.category < dtypes.FLOAT:
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise BadValue("step must be nonzero")
    if dtype.category in (dtypes.BOOL, dtypes.COMPLEX):
        raise Unsupported(f"\"arange_cpu\" not implemented for '{dtypes.scalar_name(dtype)}'")
    # PyTorch cuts the numbers first for int64 alone.
    count = math.ceil((end - start) / step) if dtype is dtypes.int64 or dtype.category >= dtypes.FLOAT else math.ceil(exact)
    if dtype.category >= dtypes.FLOAT:
        return make(lambda xp: _steps(xp, start, step, count, dtype.numpy), device, requires_grad)
    return make(lambda xp: _whole_steps(xp, start, step, count, dtype.numpy), device, requires_grad)


@short_way("arange")
def _quick_arange(o, slow):
    def fn(*args, **named):
        if named or len(args) != 1 or type(args[0]) is not int or not 0 <= args[0] <= SMALL or not is_plain():
            return slow(*args, **named)
        return fresh(np.arange(args[0]))
    return native.creating("arange", fn) or fn


def _whole_steps(xp, start: int, step: int, count: int, target: np.dtype):
    values = xp.arange(count, dtype=np.int64)
    if step != 1:
        values = values * step
    if start:
        values = values + start
    return values if target == np.int64 else values.astype(target)


def _steps(xp, start: float, step: float, count: int, target: np.dtype):
    """start + i * step, rounded as PyTorch's vectors of 32 bytes round: the first of each block to the dtype itself."""
    values = start + xp.arange(count, dtype=np.float64) * step
    width = 32 // target.itemsize if target.kind in "fV" and target.itemsize > 1 else 0
    whole = count // (2 * width) * 2 * width if width else 0
    found = values.astype(target)
    if whole:
        first = found[:whole:width, None].astype(np.float64)
        found[:whole] = (first + xp.arange(width) * float(step)).reshape(-1).astype(target)
    return found


@composite("range", at="torch", nograd=True, samples=["1, 4", "0, 1, 0.5"])
def range_(start: "Scalar", end: "Scalar?" = None, step: "Scalar" = 1, *, dtype: "DType?" = None, layout: "Layout?" = None,
           device: "Device?" = None, requires_grad: "bool" = False):
    """Numbers from start to end, end included (deprecated in PyTorch: use arange).

    >>> torch.range(1, 3)
    tensor([1., 2., 3.])
    """
    warn("torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
         "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).")
    if end is None:
        start, end = 0, start
    count = int((end - start) / step) + 1
    return make(lambda xp: (start + xp.arange(count, dtype=np.float64) * step).astype(_type(dtype)), device, requires_grad)


def _filled_type(value, dtype):
    if dtype is not None:
        return dtype.numpy
    if isinstance(value, Tensor):
        return value._a.dtype
    return dtypes.of_scalar(value).numpy


@composite("full", at="torch", nograd=True, samples=["(2, 3), 1.5", "(2,), 7", "(), True"])
def full(size: "Shape", fill_value: "any", *, dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None,
         requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A tensor with every element set to one value, whose type gives the dtype.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    target = _filled_type(fill_value, dtype)
    return filled(checked(size), fill_value, target, device, requires_grad)


@short_way("full")
def _quick_full(o, slow):
    kinds = {int: dtypes.int64, bool: dtypes.bool_}

    def fn(size=MISSING, value=MISSING, **named):
        kind = type(value)
        if named or not (type(size) is tuple or type(size) is list) or not (kind is float or kind in kinds) or not is_plain():
            return slow(*[each for each in (size, value) if each is not MISSING], **named)
        if kind is float and not -1e4 < value < 1e4:
            return slow(size, value)  # might not fit
        for n in size:
            if type(n) is not int or n < 0:
                return slow(size, value)
        try:
            r = np.empty(size, (kinds.get(kind) or dtypes.get_default_dtype()).numpy)
            r.fill(value)
        except (ValueError, OverflowError, MemoryError):
            return slow(size, value)
        return fresh(r)
    return native.creating("full", fn) or fn


def filled(size: tuple, fill_value, target, device, requires_grad: bool):
    if isinstance(fill_value, Tensor):
        value = move(fill_value._a, as_device(device)).astype(target)
    else:
        value = _fitting(fill_value, target)
    return make(lambda xp: xp.full(size, value if isinstance(fill_value, Tensor) else value[()], target), device, requires_grad)


def _fitting(value, target):
    """A number as an array of a dtype that it fits."""
    check_fits(value, dtypes.of_numpy(target))
    return np.asarray(value.real if isinstance(value, complex) and target.kind != "c" else value).astype(target)


@composite("full_like", at="torch", nograd=True, samples=["r(2, 3), 2.5"])
def full_like(x, fill_value: "Scalar", *, dtype: "DType?" = None, layout: "Layout?" = None, device: "any" = None,
              requires_grad: "bool" = False, memory_format: "any" = None, pin_memory: "bool" = False):
    """One value in the shape and dtype of x.

    >>> full_like(zeros(2), 5)
    tensor([5., 5.])
    """
    return _like(x, dtype, device, requires_grad, memory_format,
                 lambda xp, a, d: xp.full_like(a, _fitting(fill_value, d)[()], dtype=d))


@composite("empty", at="torch", nograd=True, samples=["0, 3"])
def empty(size: "Shape*", *, dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None,
          requires_grad: "bool" = False, pin_memory: "bool" = False, memory_format: "any" = None):
    """A tensor whose values are not set yet.

    >>> empty(2, 3).shape
    torch.Size([2, 3])
    """
    if memory_format not in (None, contiguous_format):
        if memory_format is preserve_format:
            raise EngineError("unsupported memory format Preserve")
        return made(_shaped(checked(size), memory_format, _type(dtype)), device, requires_grad)
    return make(lambda xp: xp.empty(checked(size), _type(dtype)), device, requires_grad)


@composite("empty_like", at="torch", nograd=True, samples=[])
def empty_like(x, *, dtype: "DType?" = None, layout: "Layout?" = None, device: "any" = None, requires_grad: "bool" = False,
               memory_format: "any" = None, pin_memory: "bool" = False):
    """A tensor in the shape and dtype of x whose values are not set yet.

    >>> empty_like(zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return _like(x, dtype, device, requires_grad, memory_format, lambda xp, a, d: xp.empty_like(a, d))


@composite("empty_strided", at="torch", nograd=True, samples=[])
def empty_strided(size: "Shape", stride: "Shape", *, dtype: "DType?" = None, layout: "Layout?" = None,
                  device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A tensor of given sizes and strides whose values are not set yet.

    >>> empty_strided((2, 2), (1, 2)).stride()
    (1, 2)
    """
    if len(size) != len(stride):
        raise EngineError(f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})")
    needed = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else 0
    target = _type(dtype)
    strides = [s * target.itemsize for s in stride]
    return make(lambda xp: xp.lib.stride_tricks.as_strided(xp.empty(needed, target), size, strides), device, requires_grad)


@composite("empty_permuted", at="torch", nograd=True, samples=["(0, 3), (1, 0)"])
def empty_permuted(size: "Shape", physical_layout: "Shape", *, dtype: "DType?" = None, layout: "Layout?" = None,
                   device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A dense tensor without values yet whose dims lie in memory in a given order, the widest first.

    >>> empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    if sorted(physical_layout) != list(range(len(size))):
        if len(physical_layout) != len(size):
            raise EngineError(f"Number of dimensions in size does not match the length of the physical_layout; i.e. "
                              f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(physical_layout)}")
        bad = next((d for d in physical_layout if not 0 <= d < len(size)), None)
        raise EngineError(f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {bad})" if bad
                          is not None else "Duplicate dim not allowed")
    memory = np.empty([size[d] for d in physical_layout], _type(dtype))
    return made(memory.transpose(np.argsort(physical_layout)), device, requires_grad)


@composite("eye", at="torch", nograd=True, samples=["3", "2, 3", "0"])
def eye(n: "int", m: "int?" = None, *, dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None,
        requires_grad: "bool" = False, pin_memory: "bool" = False):
    """Ones on the diagonal, zeros elsewhere.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n < 0 or (m is not None and m < 0):
        raise EngineError(f"n must be greater or equal to 0, got {n}" if n < 0 else
                          f"m must be greater or equal to 0, got {m}")
    return make(lambda xp: xp.eye(n, m, dtype=_type(dtype)), device, requires_grad)


@short_way("eye")
def _quick_eye(o, slow):
    def fn(*args, **named):
        if named or len(args) != 1 or type(args[0]) is not int or not 0 < args[0] <= 64 or not is_plain():
            return slow(*args, **named)
        n = args[0]
        r = np.zeros((n, n), dtypes.get_default_dtype().numpy)
        r.reshape(-1)[::n + 1] = 1
        return fresh(r)
    return native.creating("eye", fn) or fn


def _ends(name: str, start, end) -> list:
    """The ends of a range as numbers."""
    wrong = [f"{word} with {t.ndim} dimension(s)" for word, t in (("start", start), ("end", end)) if getattr(t, "ndim", 0)]
    if wrong:
        raise EngineError(f"{name} only supports 0-dimensional start and end tensors, but got {' and '.join(wrong)}.")
    return [_number(name, "start", start), _number(name, "end", end)]


def _step_count(name: str, start, end, steps) -> int:
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        given = ", ".join(type_name(v) for v in (start, end, steps))
        raise ArgumentError(f"{name}() received an invalid combination of arguments - got ({given}), but expected (Number "
                            "start, Number end, int steps); start and end may be tensors without dims")
    return steps.__index__()


def _number(name: str, word: str, value):
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, (int, float, complex)):
        raise ArgumentError(f"{name}(): argument '{word}' must be Number, not {type_name(value)}")
    return value


def _line(xp, start, end, steps: int, real):
    """PyTorch fills the first half from the start and the second half from the end."""
    if steps <= 1:
        return xp.full(steps, start, real)
    if real.kind in "iu":
        start, end = int(np.asarray(start).astype(real)), int(np.asarray(end).astype(real))
    else:
        start, end = real.type(start), real.type(end)
    step = real.type((end - start) / (steps - 1)) if real.kind in "fc" else (end - start) / (steps - 1)
    index = xp.arange(steps, dtype=np.float64).astype(real if real.kind in "fc" else np.float64)
    half = steps // 2
    return xp.where(xp.arange(steps) < half, start + step * index, end - step * (steps - 1 - index))


def _line_type(name: str, dtype, *numbers):
    """The dtype that complex ends ask for, where none is given."""
    if not any(isinstance(number, complex) for number in numbers):
        return dtype
    if dtype is not None and not dtype.is_complex:
        raise EngineError(f"torch.{name}(): inferred dtype {dtypes.C_NAMES[dtypes.default_complex().name]} can't be safely "
                          f"cast to passed dtype {dtypes.scalar_name(dtype)}")
    return dtype or dtypes.default_complex()


@composite("linspace", at="torch", nograd=True, samples=["0, 1, 5", "-2, 3, 1", "3, 7, 0", "0.1, 0.7, 7"])
def linspace(start: "any", end: "any", steps: "any", *, dtype: "DType?" = None, layout: "Layout?" = None,
             device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """`steps` numbers from start to end, both included, at equal distances.

    >>> linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    steps = _step_count("linspace", start, end, steps)
    start, end = _ends("linspace", start, end)
    if dtype is dtypes.bool_:
        raise Unsupported("\"linspace_cpu\" not implemented for 'Bool'")
    if steps < 0:
        raise EngineError("number of steps must be non-negative")
    dtype = _line_type("linspace", dtype, start, end)
    target = _type(dtype)
    wide = np.dtype(np.float32) if target.itemsize == 2 and target.kind in "fV" else target
    return make(lambda xp: _line(xp, start, end, steps, wide).astype(target), device, requires_grad)


def _creating(name: str) -> None:
    @short_way(name)
    def make(o, slow):
        return native.creating(name, slow) or slow


for _name in ("linspace", "full_like", "empty", "empty_like"):
    _creating(_name)


@composite("logspace", at="torch", nograd=True, samples=["0, 2, 3", "-1, 1, 4, 2.0", "0, 1, 1"])
def logspace(start: "any", end: "any", steps: "any", base: "Scalar" = 10.0, *, dtype: "DType?" = None,
             layout: "Layout?" = None, device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """`steps` numbers from base**start to base**end at equal distances of their logs.

    >>> logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    steps = _step_count("logspace", start, end, steps)
    start, end = _ends("logspace", start, end)
    if steps < 0:
        raise EngineError("number of steps must be non-negative")
    dtype = _line_type("logspace", dtype, start, end, base)
    target = _type(dtype)
    wide = target if target.kind in "fc" and target.itemsize > 2 else np.dtype(np.float32)
    if target.kind in "iu":
        start, end, wide = int(start), int(end), np.dtype(np.float64)
    return make(lambda xp: xp.power(wide.type(base), _line(xp, start, end, steps, wide)).astype(target), device, requires_grad)


@composite("scalar_tensor", at="torch", nograd=True, samples=["2.5"])
def scalar_tensor(s: "Scalar", *, dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None,
                  requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A 0-d tensor of the default dtype.

    >>> scalar_tensor(2)
    tensor(2.)
    """
    return make(lambda xp: xp.asarray(s).astype(_type(dtype)), device, requires_grad)
