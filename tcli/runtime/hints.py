"""Mends for operands that do not fit: each is tried on the shapes before it is offered.

Takes the operator, and for each operand its source text and its type as a message has it
("f32[64, 10]"); gives one sentence or None. Where several mends would do, none is offered.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# How to get from one element type to another.
CASTS = {"f16": "half", "f32": "float", "f64": "double", "bf16": "bfloat16", "i64": "long", "i32": "int"}
REDUCTIONS = ("sum", "mean", "amax", "amin", "std", "var", "prod", "norm", "logsumexp", "median", "argmax")


class Operand:
    """A source text and what it stands for: `Operand("h.sum(1)", "f32[64]")`."""

    __slots__ = ("dtype", "shape", "text")

    def __init__(self, text: str, type_text: str):
        self.text = text
        self.dtype, _, rest = type_text.partition("[")
        inside = rest.partition("]")[0]
        self.shape = tuple(int(part.rpartition("=")[2]) for part in inside.split(",") if part.strip())

    @property
    def grouped(self) -> str:
        """The text as something a method can be called on."""
        return self.text if _is_one_piece(self.text) else f"({self.text})"


def mend(code: str, symbol: str, left: Operand, right: Operand) -> str | None:
    """One hint for `left symbol right`; `code` is the kind of error."""
    if code == "shape":
        found = list(_products(left, right) if symbol == "@" else _broadcasts(symbol, left, right))
    elif code == "dtype":
        found = list(_casts(symbol, left, right))
    else:
        return None
    return found[0] if len(found) == 1 else None


# ---------------------------------------------------------------- products

def _products(left: Operand, right: Operand) -> Iterator[str]:
    """`x @ w.T`, `x.T @ w`: for matrices."""
    if len(left.shape) < 1 or len(right.shape) != 2:
        return
    (rows, columns), inner = right.shape, left.shape[-1]
    if inner == columns:
        yield _said(f"{left.text} @ {right.grouped}.T", left, (*left.shape[:-1], rows))
    if len(left.shape) == 2 and left.shape[0] == rows:
        yield _said(f"{left.grouped}.T @ {right.text}", left, (inner, columns))


def _said(text: str, like: Operand, shape: tuple[int, ...]) -> str:
    return f"this fits: {text} is {like.dtype}[{', '.join(map(str, shape))}]"


# ---------------------------------------------------------------- broadcasting

def _broadcasts(symbol: str, left: Operand, right: Operand) -> Iterator[str]:
    """A size of 1 put into the operand with fewer dims, or a transposed one."""
    small, large = (left, right) if len(left.shape) < len(right.shape) else (right, left)
    if len(small.shape) == len(large.shape):
        yield from _transposed(symbol, left, right)
        return
    if len(large.shape) - len(small.shape) != 1:
        return
    for dim in range(len(small.shape) + 1):
        shape = (*small.shape[:dim], 1, *small.shape[dim:])
        if broadcast(shape, large.shape) == large.shape:
            yield _with_dim(small, dim, shape)


def _with_dim(operand: Operand, dim: int, shape: tuple[int, ...]) -> str:
    """`h.sum(1, keepdim=True)` for a reduction over that dim, else `x.unsqueeze(1)`."""
    kept = _keepdim(operand.text, dim, len(shape))
    what = f"{operand.dtype}[{', '.join(map(str, shape))}]"
    if kept:
        return f"keepdim makes it fit: {kept} is {what}"
    return f"this fits: {operand.grouped}.unsqueeze({dim}) is {what}"


def _keepdim(text: str, dim: int, ndim: int) -> str | None:
    head, _, rest = text.rpartition("(")
    name, argument = head.rpartition(".")[2], rest.rstrip(")").removeprefix("dim=").strip()
    if name in REDUCTIONS and text.endswith(")") and argument in (str(dim), str(dim - ndim)):
        return f"{text[:-1]}, keepdim=True)"
    return None


def _transposed(symbol: str, left: Operand, right: Operand) -> Iterator[str]:
    if len(left.shape) == 2 and left.shape == right.shape[::-1]:
        yield _said(f"{left.text} {symbol} {right.grouped}.T", left, left.shape)


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """The common shape, or None.

    >>> broadcast((3, 1), (4,)), broadcast((3,), (4,))
    ((3, 4), None)
    """
    out = []
    for i in range(1, max(len(a), len(b)) + 1):
        x, y = a[-i] if i <= len(a) else 1, b[-i] if i <= len(b) else 1
        if x != y and 1 not in (x, y):
            return None
        out.append(y if x == 1 else x)
    return tuple(out[::-1])


# ---------------------------------------------------------------- dtypes

def _casts(symbol: str, left: Operand, right: Operand) -> Iterator[str]:
    """The integer operand made floating, the narrower float made wider."""
    ranks = ["bool", "u8", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64"]
    if left.dtype == right.dtype or left.dtype not in ranks or right.dtype not in ranks:
        return
    low, high = sorted((left, right), key=lambda each: ranks.index(each.dtype))
    if high.dtype in CASTS:
        yield f"this fits: {low.grouped}.{CASTS[high.dtype]}() is {high.dtype}"


def needs_floats(message: str, types: list[str]) -> bool:
    """Whether a message says that an op takes no integers, and integers are what it got.

    >>> needs_floats("std and var only support floating point and complex dtypes", ["i64[3]"])
    True
    """
    integers = [text for text in types if text[:1] in "iu" or text.startswith("bool")]
    said = any(f"not implemented for '{name}'" in message for name in ("Long", "Int", "Short", "Char", "Byte")) \
        or any(words in message for words in ("a floating point or complex", "only support floating", "only supports floating",
                                              "floating point or complex dtype")) \
        or "softmax" in message and "not implemented for 'Bool'" in message
    return said and (bool(integers) or not types)


def _is_one_piece(text: str) -> bool:
    """Whether a text is a name, a call or in brackets: what a dot can follow."""
    depth = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and not (char.isalnum() or char in "_.)]}"):
            return False
    return bool(text) and not text[0].isdigit()
