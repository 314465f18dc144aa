"""The one-line summary of a tensor: what it is, where, how its numbers lie.

    f32[64, 10]  cpu  grad: matmul 2:18  |  -92.4 … 88.1  mean 0.31  std 27.9  ▁▂▅█▅▂▁

Takes a tensor, gives text. The work is bounded: above ten million elements the statistics are those
of an evenly spread sample of a million, marked `~`. Only that sample leaves the device.
"""

from __future__ import annotations

from .cells import cell_width, wrapped
from .place import short
from .units import figure, spark

SAMPLE = 1_000_000  # values of a sample
EXACT = 10  # what has no more than so many times as many values is not sampled, on a CPU
BINS = 8
MIN_FOR_HISTOGRAM = 8


def header(tensor: object, names: tuple | None = None, limit: int = SAMPLE) -> str:
    """The summary line; `names` are dimension names bound by a contract, `limit` the size of a sample."""
    parts = [type_of(tensor, names), str(tensor.device)]
    grad = gradient_of(tensor)
    if grad:
        parts.append(grad)
    numbers = statistics(tensor, limit)
    return "  ".join(parts) + (f"  |  {numbers}" if numbers else "")


def header_lines(text: str, width: int) -> list[str]:
    """A header as one line, or where that is too wide as two and more: what it is, then its numbers."""
    if cell_width(text) <= width:
        return [text]
    what, bar, numbers = text.partition("  |  ")
    return [*wrapped(what, width, 0, 2, by="  "),
            *(f"  {line}" for line in (wrapped(numbers, width, 2, 2, by="  ") if bar else []))]


def type_of(tensor: object, names: tuple | None = None) -> str:
    """`f32[64, 10]`, with names `f32[B=64, C=10]`."""
    if getattr(tensor, "is_lazy", False):
        return f"{tensor.dtype.short}[?]"
    sizes = [str(each) for each in tensor.shape]
    if names:
        sizes = [f"{name}={each}" if name else each for name, each in zip(names, sizes, strict=True)]
    return f"{tensor.dtype.short}[{', '.join(sizes)}]"


def gradient_of(tensor: object) -> str:
    """How the tensor stands to autograd: a leaf, or the op that made it and where."""
    node = tensor.grad_fn
    if node is None:
        return "requires grad" if tensor.requires_grad else ""
    name = _name_of(node)
    span = node.span() if callable(getattr(node, "span", None)) else None
    return f"grad: {name} {short(span)}" if span is not None else f"grad: {name}"


def _name_of(node: object) -> str:
    """The op of a node as programs call it; `nll_loss` for NllLossBackward0 where the op is one inside tcli."""
    op = getattr(node, "op", None)
    name = getattr(op, "name", None) or type(node).__name__
    if name[0] != "_":
        return name
    words = op.grad_name.removesuffix("Backward0")
    return "".join("_" + c.lower() if c.isupper() else c for c in words).lstrip("_")


def statistics(tensor: object, limit: int = SAMPLE) -> str:
    """Range, moments, NaN and Inf counts and a sparkline, over the finite values."""
    if str(tensor.device).startswith("meta"):
        return "no values"
    if 0 in tensor.shape:
        return "empty"
    values, sampled = sample_of(tensor, limit)
    kind = values.dtype.kind
    if kind == "b":
        return _about(sampled) + f"{100 * values.mean():.3g} % True"
    if kind == "c":
        return _about(sampled) + _real_statistics(abs(values), "|z| ")
    return _about(sampled) + _real_statistics(values, "")


def _about(sampled: bool) -> str:
    return "~ " if sampled else ""


def sample_of(tensor: object, limit: int = SAMPLE) -> tuple:
    """(NumPy values, whether they are a sample): flat, at most `limit` of them if it is one."""
    part, count = tensor.detach(), tensor.numel()
    sampled = count > (EXACT * limit if tensor.device.type == "cpu" else limit)
    if sampled:
        part = part.reshape(-1)[::-(-count // limit)] if part.is_contiguous() else _thinned(part, limit)
    return host_values(part).reshape(-1), sampled


def _thinned(tensor: object, limit: int) -> object:
    """Every so many-th place along the dims: a view, since the whole in one row would be a copy."""
    steps = [1] * tensor.ndim
    sizes = list(tensor.shape)
    while _product(sizes) > limit:
        dim = max(range(len(sizes)), key=sizes.__getitem__)
        steps[dim] += 1
        sizes[dim] = -(-tensor.shape[dim] // steps[dim])
    return tensor[tuple(slice(None, None, step) for step in steps)]


def _product(sizes: list[int]) -> int:
    total = 1
    for each in sizes:
        total *= each
    return total


def host_values(tensor: object):
    """The values as a NumPy array; bfloat16 and float8, which NumPy lacks, as float32."""
    part = tensor.detach()
    if part.is_floating_point() and part.element_size() < 4:
        part = part.float()
    return part.cpu().numpy()


def _real_statistics(values, prefix: str) -> str:
    import numpy

    broken, finite = "", values
    if values.dtype.kind == "f":
        good = numpy.isfinite(values)
        if not good.all():
            nan = int(numpy.isnan(values).sum())
            broken = _counts(nan, len(values) - int(good.sum()) - nan)
            finite = values[good]
    if not len(finite):
        return broken
    low, high = finite.min().item(), finite.max().item()
    if low == high:
        said = prefix + (f"all {figure(low)}" if len(finite) > 1 else figure(low))
        return said + ("  " + broken if broken else "")
    wide = finite if finite.dtype.itemsize >= 4 and finite.dtype.kind == "f" else finite.astype("float64")
    parts = [f"{prefix}{figure(low)} … {figure(high)}",
             f"mean {figure(float(wide.mean(dtype='float64')))}",
             f"std {figure(float(wide.std(dtype='float64', ddof=1)))}"]
    if len(finite) >= MIN_FOR_HISTOGRAM:
        parts.append(_sparkline(wide, low, high))
    return "  ".join([*parts, broken] if broken else parts)


def _counts(nan: int, inf: int) -> str:
    return " ".join(f"{count} {word}" for count, word in ((nan, "NaN"), (inf, "Inf")) if count)


def _sparkline(values, low: float, high: float) -> str:
    """Counts in equal bins. By integer bins: numpy.histogram costs several times as much."""
    import numpy

    step = max(1, len(values) // 65_536)
    part = values[::step].astype("float64")
    bins = ((part - low) * (BINS / (high - low))).astype("int64")
    return spark(numpy.bincount(numpy.clip(bins, 0, BINS - 1), minlength=BINS).tolist())
