"""The `out=` form of an op: which dtypes a given tensor may have, how it is resized, what it may overlap.

An op's declaration says in `out` what dtype it asks of the tensor: True (any dtype that the result can be cast
to), "copied" (any dtype at all), a word of `RULES` (each stands for "exactly the dtype of the result" and has its
own message), a word of `KERNELS`, a tuple of words (one for each result), or a function of the arguments that gives
one of these.
"""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, DTypeError, EngineError, GradError, Unsupported
from . import dtypes
from .device import device_of, module_of, move
from .dispatch import Tensor, bump, execute, wrap
from .named_results import struct
from .overlap import OVERLAP, check_operand, check_repeats
from .registry import Op
from .tape import state
from .waiting import before_write
from .warn import warn

# What is said when the dtype is another than the result's; have and want are in capitals as PyTorch's names of
# dtypes (Float), else as those of C (float).
RULES = {
    "exact": "Expected out tensor to have dtype {want}, but got {have} instead",
    "found": "Found dtype {Have} but expected {Want}",
    "of dtype": "Expected out tensor to have dtype {want}, but got {have} instead",
    "product": "result dtype {Have} does not match input dtype {Want}",
    "truth": "{name} only supports bool tensor for result, got: {Have}",
    "extremum": "Expected the dtype for input and out to match, but got {Want} for input's dtype and {Have} for out's dtype.",
    "scan": "expected scalar_type {Want} but found {Have}",
    "boolean": "{name} does not support non-boolean outputs.",
    "complex": "Expected object of scalar type {Want} but got scalar type {Have} for argument 'out'",
    "selection": "{name}(): self and result must have the same scalar type",
    "values": "output values must be of same type as input",
    "mode": "expected scalar type '{Want}' but got '{Have}' for values output",
    "mode indices": "expected scalar type '{Want}' but got '{Have}' for indices output",
    "nan_to_num": "nan_to_num: dtype of out: {Have} should be same as input: {Want}",
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {Want} and out.dtype = {Have}",
    "quantile": "quantile() out tensor must be same dtype as the input tensor",
    "tensordot": "tensordot: Expected the output tensor to have dtype {Want}, but got an output tensor with dtype {Have}",
    "hashed": "Expected result to be of dtype uint64, but got {Have}",
    "choice": "Expected out type to be {Want} but got {Have}",
    "nonzero": "nonzero: Expected out tensor to have scalar type {Want} but got scalar type{Have}",
    "multinomial": "multinomial expects {Want} tensor out, got: {Have}",
    "searchsorted": "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) "
                    "depending on whether out_int32 flag is True, but we got output tensor's dtype {Have} and "
                    "out_int32 flag is False",
    "addmv": "addmv input tensors must have the same dtype, but got {Have}, {Want}, and {Want}",
    "addbmm": "self and mat2 must have the same dtype, but got {Have} and {Want}",
    "heaviside": "heaviside is not yet implemented for tensors with different dtypes.",
    "mantissa": "torch.frexp() expects mantissa to have dtype {want} but got {have}",
    "exponent": "torch.frexp() expects exponent to have int dtype but got {have}",
    "ormqr": "torch.ormqr: Expected input and result to have the same dtype, but input has dtype{Want} and result has "
             "dtype {Have}",
    "vecdot": "linalg.vecdot: Expected out of dtype{Want} but found {Have}",
    "multi_dot": "multi_dot(): expected out tensor to have dtype {want} but got {have}",
    "norm": "{linalg} expected out tensor dtype {Want} but got: {Have}",
    "of type": "expected scalar type {Want} but found {Have}",
    "float_power": "the output given to float_power has dtype {Have} but the operation's result requires dtype {Want}",
    "histogram": "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {want} and hist "
                 "{have}",
    "bin edges": "torch.histogram: input tensor and bin_edges tensor should have the same dtype, but got input {want} and "
                 "bin_edges {have} for dimension 0",
}

# What can be cast to a given tensor's dtype is, with a message that names the result.
CASTABLE = {"castable": ("result", ""), "castable torch": ("result", "torch."), "eigenvalues": ("eigenvalues", "torch."),
            "eigenvectors": ("eigenvectors", "torch.")}

_NO_KERNEL = "\"{kernel}\" not implemented for '{Have}'"
# The kernel works in the dtype of the given tensor: the kinds of dtypes that it refuses and how, and to which kinds
# the result cannot be cast. Every other dtype will do, even where an imaginary part gets lost.
KERNELS = {
    "real": ("", "", "biu"),
    "magnitude": ("", "", "biu"),
    "mean": ("", "", "biu"),
    "complex fft": ("biuf", "ihfftn expects a complex output tensor, but got {Have}", ""),
    "real fft": ("biuc", "{fft} expects a floating point output tensor, but got {Have}", ""),
    "nansum": ("biuc", _NO_KERNEL.replace("{kernel}", "nansum_cpu"), ""),
    "std": ("c", _NO_KERNEL.replace("{kernel}", "std_cpu"), "biu"),
    "bernoulli": ("c", _NO_KERNEL.replace("{kernel}", "bernoulli_tensor_cpu_self_"), ""),
    "normal": ("biu", _NO_KERNEL.replace("{kernel}", "normal_kernel_cpu"), ""),
}

# Families of ops that create, and other ops, which resize without a word.
RANGES = frozenset(("arange", "fft_fftfreq", "fft_rfftfreq"))
QUIET = frozenset("create random addbmm narrow_copy multinomial bernoulli lu log_sigmoid logsigmoid linspace logspace".split())
REFILLED = frozenset("arange range linspace logspace".split())  # a tensor of as many elements keeps its shape


def into_out(o: Op, values: list, out):
    """Runs an op and writes its result into `out` (a tensor, or one for each result)."""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    for t in outs:
        if not isinstance(t, Tensor):
            raise ArgumentError(f"{o.name}(): argument 'out' must be Tensor, not {type(t).__name__}")
    if state.grad and (any(t._rg for t in outs) or any(t._rg for t in values if isinstance(t, Tensor))):
        raise GradError(f"{o.name}(): functions with out=... arguments don't support automatic differentiation, but one "
                        "of the arguments requires grad.")
    rule = o.out_rule(*values) if callable(o.out_rule) else o.out_rule
    _take_dtype(o, values, outs[0])
    result = execute(o, values)
    results = result if isinstance(result, (tuple, list)) else (result,)
    rules = rule if isinstance(rule, tuple) else (rule,) * len(outs)
    for t, r, rule in zip(outs, results, rules, strict=True):
        if o.name in REFILLED and t._a.shape != r._a.shape and t._a.size == r._a.size:
            r = wrap(r._a.reshape(t._a.shape))
        _check_overlap(o, values, t, r)
        write_out(o.name, t, r, rule, quiet=_is_quiet(o, values))
    if o.fields and len(outs) > 1:
        return struct(o.name + "_out", o.fields)(outs)
    return out if not isinstance(out, list) else tuple(out)


def _is_quiet(o: Op, values: list) -> bool:
    """Whether a tensor of another size is resized without a word."""
    return _creates(o) and o.family in QUIET and not any(isinstance(v, Tensor) for v in values) or o.name in QUIET


def _creates(o: Op) -> bool:
    return not o.tensor_slots and o.list_slot is None


def _take_dtype(o: Op, values: list, out) -> None:
    """A creation op makes what `out` is, and so do the ops that say "of dtype"."""
    i, creates = o.index.get("dtype"), _creates(o)
    if i is None or not (creates or o.out_rule == "of dtype"):
        return
    if values[i] is None:
        x = values[0] if not creates else None
        if not (isinstance(x, Tensor) and x.dtype is out.dtype and x.dtype.category >= dtypes.FLOAT):
            values[i] = out.dtype
    elif creates and values[i] is not out.dtype:
        raise DTypeError(f"dtype {dtypes.scalar_name(values[i])} does not match dtype of out parameter "
                         f"({dtypes.scalar_name(out.dtype)})")


def _check_dtype(name: str, rule: str | None, out, result) -> None:
    have, want = result.dtype, out.dtype
    if rule == "copied":  # by `copy_`, which takes any dtype
        return
    if rule in KERNELS:
        refused, message, uncastable = KERNELS[rule]
        kind = "f" if want.numpy.kind == "V" else want.numpy.kind
        if kind in refused and (rule != "bernoulli" or result._a.size):
            error = Unsupported if "not implemented" in message else DTypeError
            raise error(message.format(fft=name.removeprefix("fft_").replace("2", "n"), Have=dtypes.scalar_name(want)))
        _check_kernel(rule, have, want)
        if kind not in uncastable:
            return
    if rule in CASTABLE:
        if have.category > want.category:
            what, prefix = CASTABLE[rule]
            raise DTypeError(f"{prefix}{name.replace('linalg_', 'linalg.', 1)}: Expected {what} to be safely castable from "
                             f"{dtypes.scalar_name(have)} dtype, but got {what} with dtype {dtypes.scalar_name(want)}")
        return
    if rule is None or rule in KERNELS:
        if have.category > want.category:
            raise DTypeError(f"result type {dtypes.scalar_name(have)} can't be cast to the desired output type "
                             f"{dtypes.scalar_name(want)}")
        return
    if have is want:
        return
    names = {"have": c_name(out.dtype), "want": c_name(result.dtype),
             "Have": dtypes.scalar_name(out.dtype), "Want": dtypes.scalar_name(result.dtype)}
    raise DTypeError(RULES[rule].format(name=name, linalg=name.replace("_", ".", 1), **names))


def _check_kernel(rule: str, have, want) -> None:
    """What two kernels ask besides: a magnitude written to its own complex dtype, a complex mean to a complex one."""
    want_name = dtypes.scalar_name(want)
    if rule == "magnitude" and want.is_complex and want is not have.to_complex():
        raise DTypeError(f"Found dtype {want_name} but expected {dtypes.scalar_name(have.to_complex())}")
    if rule == "mean" and have.is_complex and not want.is_complex:
        raise DTypeError(f"mean.dtype_out(): input types can't be cast to the desired output type {want_name}")


def c_name(d: dtypes.dtype) -> str:
    """`long int` for int64: the name of the element type in messages about `out`."""
    return dtypes.C_NAMES.get(d.name, d.name).replace("long long", "long int")


def _check_overlap(o: Op, values: list, out, result) -> None:
    """The written memory may be an operand's as a whole, but not in part; and each element has its own."""
    a = out._a
    if o.out_apart and not a.size and any(t is out for value in values if isinstance(value, (list, tuple)) for t in value):
        raise EngineError(OVERLAP)
    if type(a) is not np.ndarray or not a.size or a.shape != result._a.shape and not o.out_apart:
        return
    check_repeats(a)
    for value in values:
        for t in value if isinstance(value, (list, tuple)) else (value,):
            check_operand(a, getattr(t, "_a", None), o.out_apart)


def write_out(name: str, out, result, rule: str | None = None, quiet: bool = False) -> None:
    """Writes a result into a tensor that was given for it, resized where it has another shape."""
    _check_dtype(name, rule, out, result)
    if out._a.shape != result._a.shape:
        if name in RANGES and out._a.size not in (0, result._a.size):
            warn_of_range(out, result)
        elif out._a.size and not quiet:
            warn_resized(out, result)
        out._a = module_of(out._a).empty_like(result._a, dtype=out._a.dtype)
    before_write(out._a)
    value = result._a.real if result._a.dtype.kind == "c" and out._a.dtype.kind != "c" else result._a
    out._a[...] = move(value, device_of(out._a))
    bump(out)


def warn_of_range(out, result) -> None:
    """PyTorch's warning about a tensor for a range that has another number of elements."""

    n = result._a.size
    warn(f"The number of elements in the out tensor of shape {list(out._a.shape)} is {out._a.size} which does not "
         f"match the computed number of elements {n}. Note that this may occur as a result of rounding error. The "
         f"out tensor will be resized to a tensor of shape ({n},).")


def warn_resized(out, result) -> None:
    """PyTorch's warning about a tensor that was given the wrong size."""

    warn(
        f"An output with one or more elements was resized since it had shape {list(out._a.shape)}, which does not "
        f"match the required output shape {list(result._a.shape)}. This behavior is deprecated, and in a future "
        "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse an out "
        "tensor t by resizing it, inplace, to zero elements with t.resize_(0).")
