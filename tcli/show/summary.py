"""More than one line about a tensor: quantiles and layout, and the parts along its first dims."""

from __future__ import annotations

from .tensor import header, sample_of
from .units import figure, size

QUANTILES = (0, 1, 25, 50, 75, 99, 100)


def summary(tensor, names: tuple | None = None) -> str:
    """The header line, then bytes, strides, zeros, then quantiles of the finite values."""
    import numpy

    lines = [header(tensor, names)]
    layout = [size(tensor.numel() * tensor.element_size()), f"strides {tuple(tensor.stride())}"]
    if not tensor.is_contiguous():
        layout.append("not contiguous")
    if not tensor.is_meta and tensor.numel():
        values, sampled = sample_of(tensor)
        layout.append(f"{'~ ' if sampled else ''}{100 * float((values == 0).mean()):.3g} % zero")
        finite = values[numpy.isfinite(values)]
        if values.dtype.kind in "iuf" and len(finite) > 2:
            found = numpy.percentile(finite.astype(numpy.float64), QUANTILES)
            named = (f"{q} %" if q > 0 else "0" for q in QUANTILES)
            lines.append("quantiles  " + "  ".join(f"{name}: {figure(float(value))}"
                                                   for name, value in zip(named, found, strict=True)))
    lines.insert(1, "  ".join(layout))
    return "\n".join(lines)


def deep(tensor, depth: int, limit: int, name: str = "") -> list[str]:
    """The header line of a tensor, below it those of its parts, indented; the middle of many is left out."""
    indent = "  " * name.count("[")
    lines = [f"{indent}{name + '  ' if name else ''}{header(tensor)}"]
    if depth <= 0 or tensor.ndim == 0:
        return lines
    count = tensor.shape[0]
    kept = list(range(count)) if count <= limit else [*range((limit + 1) // 2), None, *range(count - limit // 2, count)]
    for i in kept:
        lines += [f"{indent}  … {count - limit} more"] if i is None else deep(tensor[i], depth - 1, limit, f"{name}[{i}]")
    return lines
