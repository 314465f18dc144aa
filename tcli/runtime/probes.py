"""`peek` and `show`: look at a value in the middle of a pipe. They print on stderr and pass the value on. And `help`."""

from __future__ import annotations

import sys


def peek(value, label: str = ""):
    """One line about a value: type, shape, range. Gives the value back, so that it fits in a pipe.

    >>> tensor([1., 2.]) |> peek |> sum
    tensor(3.)
    """
    _say(label, _line(value))
    return value


def show(value, label: str = ""):
    """The line of `peek` and the values below it. Gives the value back."""
    line, text = _line(value), str(value)
    _say(label, line if line == text else f"{line}\n{text}")
    return value


def help(value, /) -> None:
    """Prints the help page of a value; `softmax?` does the same.

    >>> help(relu)
    relu(x, inplace=False)
    <BLANKLINE>
        max(x, 0).
    <BLANKLINE>
        >>> relu(tensor([-1., 2.]))
        tensor([0., 2.])
    """
    from ..show.help import page

    print(page(value))


def _say(label: str, text: str) -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
    print(f"{label}: {text}" if label else text, file=sys.stderr, flush=True)


def _line(value) -> str:
    from ..show import is_tensor

    if is_tensor(value):
        from ..show.tensor import header

        return header(value)
    if hasattr(value, "items"):
        return f"{type(value).__name__} of {len(value)}: {', '.join(map(str, list(value)[:8]))}"
    text = repr(value)
    return text if len(text) <= 200 else text[:199] + "…"
