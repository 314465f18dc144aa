"""How the prompt writes the numbers of a tensor: `:fmt short|long|g|eng|hex|sign`.

    short  PyTorch's own text          g     six significant digits, as short as they go
    long   digits enough to tell       eng   exponents in steps of three
           neighbours apart            hex   the bits of each value
                                       sign  a map of + - and . for zero

Takes a tensor, gives text; `print` is not concerned. What is shown of a large tensor is what
`torch.set_printoptions` says.
"""

from __future__ import annotations

from collections.abc import Callable

FORMATS = ("short", "long", "g", "eng", "hex", "sign")
_DIGITS = {2: 5, 4: 8, 8: 16}  # itemsize of a float -> decimals that tell neighbours apart


def text(tensor, form: str = "short", full: bool = False) -> str:
    """The text of a tensor in a format of `FORMATS`; `full` cuts nothing."""
    from ..engine.format import options, printoptions

    limits = {"threshold": float("inf")} if full else {}
    if form == "long" and tensor.is_floating_point():
        limits["precision"] = _DIGITS.get(tensor.element_size(), 3)
    with printoptions(**limits, sci_mode=options.sci_mode):
        if form in ("short", "long") or str(tensor.device) == "meta":
            return str(tensor)
        return _sign_map(tensor) if form == "sign" else _cells(tensor, form)


def _cells(tensor, form: str) -> str:
    """The numbers written one by one, padded to one width."""
    import numpy as np

    from ..engine.format import options

    array = np.asarray(tensor.detach().cpu_array())
    write = _writer(array, form)
    corners = array[np.ix_(*(_edges(size, array.size, options) for size in array.shape))] if array.ndim else array
    width = max((len(write(each)) for each in corners.ravel()), default=0)
    body = np.array2string(array, separator=", ", prefix="tensor(", threshold=min(options.threshold, 1 << 60),
                           edgeitems=options.edgeitems, max_line_width=options.linewidth,
                           formatter={"all": lambda value: write(value).rjust(width)})
    return f"tensor({body})" if str(tensor.dtype) == "torch.float32" else f"tensor({body}, dtype={tensor.dtype})"


def _edges(size: int, count: int, options) -> list[int]:
    """The indices of a dim that are shown."""
    n = options.edgeitems
    return list(range(size)) if count <= options.threshold or size <= 2 * n else [*range(n), *range(size - n, size)]


def _writer(array, form: str) -> Callable[[object], str]:
    if form == "hex":
        digits = 2 * array.dtype.itemsize
        return lambda value: bytes(value.tobytes())[::-1].hex().rjust(digits, "0")
    if array.dtype.kind in "biu":
        return lambda value: str(value)
    one = _general if form == "g" else engineering
    if array.dtype.kind == "c":
        return lambda value: f"{one(value.real)}{'' if value.imag < 0 else '+'}{one(value.imag)}j"
    return lambda value: one(float(value))


def _general(value: float) -> str:
    return f"{value:.6g}"


def engineering(value: float) -> str:
    """Three digits and an exponent that is a multiple of three.

    >>> engineering(0.00012345), engineering(-98765.0), engineering(2.5)
    ('123.45e-06', '-98.765e+03', '2.5')
    """
    import math

    if value == 0 or value - value != 0:
        return f"{value:g}"
    power = 3 * math.floor(math.log10(abs(value)) / 3)
    mantissa = float(f"{value / 10.0 ** power:.5g}")
    if abs(mantissa) >= 1000:
        power, mantissa = power + 3, mantissa / 1000
    return f"{mantissa:g}" + (f"e{power:+03d}" if power else "")


def _sign_map(tensor) -> str:
    """Rows of + - . and ! for NaN; a block per matrix."""
    import numpy as np

    from ..engine.format import options

    array = np.asarray(tensor.detach().cpu_array())
    if array.dtype.kind == "c":
        array = array.real
    if array.dtype.kind == "V":
        array = array.astype("float32")
    marks = np.where(array > 0, "+", np.where(array < 0, "-", np.where(array == 0, ".", "!")))
    rows = marks.reshape(-1, array.shape[-1]) if array.ndim and array.size else marks.reshape(1, -1)
    height = array.shape[-2] if array.ndim > 1 else 1
    most = len(rows) if options.threshold == float("inf") else 4 * options.edgeitems * 4
    lines = []
    for index, row in enumerate(rows[:most]):
        if index and array.ndim > 2 and index % height == 0:
            lines.append("")
        line = "".join(row)
        lines.append(line if len(line) <= options.linewidth or most == len(rows) else line[:options.linewidth - 1] + "…")
    if len(rows) > most:
        lines.append(f"… {len(rows) - most} more rows")
    return "\n".join(lines)
