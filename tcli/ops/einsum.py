"""`einsum`: its own parser, an order of contraction, and products of two operands by BLAS.

Labels are small integers: 0..51 for letters (or the numbers of the sublist form), from 52 on for the
dims an ellipsis stands for. Each operand is first brought to distinct labels in one order (diagonals
are taken, sizes 1 are kept), dims that nothing else uses are summed at once, then two operands at a
time are contracted: the pair whose product costs least comes first when there are three or more.
"""

from functools import lru_cache
from math import prod

from ..engine.registry import T, function, op
from ..errors import ArgumentError, BadValue, EngineError, ShapeError
from .linalg import product

ELLIPSIS = 52


# ---------------------------------------------------------------- reading the equation

def _label(char: str) -> int:
    return ord(char) - 65 if "A" <= char <= "Z" else ord(char) - 97 + 26 if "a" <= char <= "z" else -1


def _read(text: str, start: int, stop: int, what: str) -> list:
    """The labels of one operand (or the output), `...` as ELLIPSIS."""
    labels, i = [], start
    while i < stop:
        char = text[i]
        if char == ".":
            if ELLIPSIS in labels:
                raise EngineError(f"einsum(): found '.' for {what} " + (
                    "but an ellipsis (...) was already found" if what == "output" else
                    "for which an ellipsis was already found"))
            if text[i:i + 3] != "..." or i + 3 > stop:
                raise EngineError(f"einsum(): found '.' for {what} that is not part of any ellipsis (...)"
                                  if what == "output" else
                                  f"einsum(): found '.' for {what} that is not part of any ellipsis")
            labels.append(ELLIPSIS)
            i += 3
            continue
        if char != " ":
            label = _label(char)
            if label < 0:
                raise EngineError(f"einsum(): invalid subscript given at index {i} in the equation string, "
                                  "subscripts must be in [a-zA-Z]")
            labels.append(label)
        i += 1
    return labels


@lru_cache(256)
def _parse(equation: str) -> tuple:
    """(labels of each operand, labels of the output or None)."""
    arrow = equation.find("->")
    end = len(equation) if arrow < 0 else arrow
    inputs, start = [], 0
    for n, piece in enumerate(equation[:end].split(",")):
        inputs.append(tuple(_read(equation, start, start + len(piece), f"operand {n}")))
        start += len(piece) + 1
    output = None if arrow < 0 else tuple(_read(equation, arrow + 2, len(equation), "output"))
    return tuple(inputs), output


def _sublists(args: tuple) -> tuple:
    """The same from `einsum(x, [0, 1], y, [1, 2], [0, 2])`, and the operands."""
    output = None
    if len(args) % 2:
        *args, output = args
        output = tuple(_number(v) for v in output)
    return tuple(tuple(_number(v) for v in labels) for labels in args[1::2]), output, list(args[::2])


def _number(value) -> int:
    if value is Ellipsis:
        return ELLIPSIS
    if not 0 <= int(value) < ELLIPSIS:
        raise BadValue("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return int(value)


# ---------------------------------------------------------------- what to do

@lru_cache(512)
def _plan(inputs: tuple, output, shapes: tuple) -> tuple:
    """(labels of each operand without ellipses, labels of the output, size of each label)."""
    if len(inputs) > len(shapes):
        raise EngineError("einsum(): fewer operands were provided than specified in the equation")
    if len(inputs) < len(shapes):
        raise EngineError("einsum(): more operands were provided than specified in the equation")
    spans = [_span(labels, shape, i) for i, (labels, shape) in enumerate(zip(inputs, shapes, strict=True))]
    widest = max(spans, default=0)
    dots = tuple(range(ELLIPSIS, ELLIPSIS + widest))
    full = [_spread(labels, dots[widest - n:]) for labels, n in zip(inputs, spans, strict=True)]
    sizes = _sizes(full, shapes, inputs, spans)
    return tuple(full), _output(full, output, dots), sizes


def _span(labels: tuple, shape: tuple, i: int) -> int:
    """How many dims the ellipsis of an operand covers."""
    n = len(labels) - (ELLIPSIS in labels)
    if ELLIPSIS not in labels and n != len(shape) or n > len(shape):
        more = "but no ellipsis was given" if ELLIPSIS not in labels else ""
        if ELLIPSIS not in labels:
            raise ShapeError(f"einsum(): the number of subscripts in the equation ({n}) does not match the number of "
                             f"dimensions ({len(shape)}) for operand {i} and no ellipsis was given")
        raise ShapeError(f"einsum(): the number of subscripts in the equation ({n}) is more than the number of "
                         f"dimensions ({len(shape)}) for operand {i}{more}")
    return len(shape) - n


def _spread(labels: tuple, dots: tuple) -> tuple:
    if ELLIPSIS not in labels:
        return tuple(labels)
    at = labels.index(ELLIPSIS)
    return (*labels[:at], *dots, *labels[at + 1:])


def _name_of(label: int) -> str:
    return chr(label + 65) if label < 26 else chr(label - 26 + 97)


def _sizes(full: list, shapes: tuple, inputs: tuple, spans: list) -> dict:
    sizes: dict = {}
    for i, (labels, shape) in enumerate(zip(full, shapes, strict=True)):
        own: dict = {}
        for label, n in zip(labels, shape, strict=True):
            if own.setdefault(label, n) != n:
                raise ShapeError(f"einsum(): subscript {_name_of(label)} is repeated for operand {i} but the sizes "
                                 f"don't match, {n} != {own[label]}")
        for label, n in own.items():
            seen = sizes.get(label, 1)
            if n != 1 and seen not in (1, n):
                raise ShapeError(_mismatch(label, n, seen, i, max(spans)))
            sizes[label] = seen if n == 1 else n
    return sizes


def _mismatch(label: int, n: int, seen: int, i: int, widest: int) -> str:
    if label >= ELLIPSIS:
        return (f"einsum(): dimension {label - ELLIPSIS} covered by ellipsis in operand {i}has size {n} which does "
                f"not broadcast with previously seen ellipsis with size {seen} for the respective dimension")
    return (f"einsum(): subscript {_name_of(label)} has size {n} for operand {i} which does not broadcast with "
            f"previously seen size {seen}")


def _output(full: list, output, dots: tuple) -> tuple:
    every = [label for labels in full for label in labels]
    if output is None:
        return dots + tuple(sorted(v for v in set(every) if v < ELLIPSIS and every.count(v) == 1))
    for label in output:
        if label == ELLIPSIS:
            continue
        if output.count(label) > 1:
            raise EngineError(f"einsum(): output subscript {_name_of(label)} appears more than once in the output")
        if label not in every:
            raise EngineError(f"einsum(): output subscript {_name_of(label)} does not appear in the equation for any "
                              "input operand")
    return _spread(output, dots)


@lru_cache(512)
def _order(operands: tuple, output: tuple, sizes: tuple) -> tuple:
    """Pairs of positions to contract, cheapest product first; the result goes to the end of the list."""
    size, left, steps = dict(sizes), [frozenset(labels) for labels in operands], []
    while len(left) > 2:
        best = None
        for i in range(len(left)):
            for j in range(i + 1, len(left)):
                union = left[i] | left[j]
                others = frozenset(output).union(*(s for n, s in enumerate(left) if n not in (i, j)))
                grown = prod(size[v] for v in union & others) - sum(prod(size[v] for v in left[n]) for n in (i, j))
                cost = (prod(size[v] for v in union), grown, i, j)
                if best is None or cost < best[0]:
                    best = (cost, i, j, union & others)
        _, i, j, kept = best
        left = [s for n, s in enumerate(left) if n not in (i, j)] + [kept]
        steps.append((i, j))
    return tuple(steps)


# ---------------------------------------------------------------- one operand

def _distinct(t, labels: tuple):
    """The tensor with a diagonal in place of every repeated label."""
    names = list(labels)
    for label in dict.fromkeys(labels):
        while names.count(label) > 1:
            first = names.index(label)
            second = names.index(label, first + 1)
            t = T.diagonal(t, 0, first, second)
            names.pop(second)
            names.pop(first)
            names.append(label)
    return t, tuple(names)


def _summed(t, labels: tuple, kept):
    """The tensor without the dims whose labels are not in `kept`."""
    dims = tuple(i for i, label in enumerate(labels) if label not in kept)
    return (T.sum(t, dims), tuple(v for v in labels if v in kept)) if dims else (t, labels)


def _arranged(t, labels: tuple, output: tuple):
    """The dims in the order of `output`, which names the same labels."""
    if labels == output:
        return t
    return T.permute(t, tuple(labels.index(v) for v in output))


# ---------------------------------------------------------------- two operands

def _pair_x(k, g, x_shape, other, first, second, output):
    return _pair_back(k, g, other, x_shape, first, second, output)


def _pair_other(k, g, x, other_shape, first, second, output):
    return _pair_back(k, g, x, other_shape, second, first, output)


def _pair_back(k, g, other, shape, mine, theirs, output):
    """The gradient of one operand is the product of g and the other; its own summed labels are spread."""
    reached = tuple(v for v in mine if v in output or v in theirs)
    return k._pair(g, k.conj_of(other), output, theirs, reached)


@op("_pair", at="", grad_name="ViewBackward0", samples=["r(2, 3), r(3, 4), (0, 1), (1, 2), (2, 0)",
    "r(5, 2, 3), r(5, 3), (0, 1, 2), (0, 2), (0, 1)"],
    vjp={"x": _pair_x, "other": _pair_other})
def _pair(xp, x, other, first: "any", second: "any", output: "any"):
    """The contraction of two operands with distinct labels, each of which is in the other or the output."""
    if _first_is_last(first, second, output):
        x, other, first, second = other, x, second, first
    layout = _layout(first, x.shape, second, other.shape, output)
    if layout is None:
        return _outer(xp, x, other, first, second, output)
    order1, shape1, order2, shape2, shape, order = layout
    a = x if order1 is None else x.transpose(order1)
    b = other if order2 is None else other.transpose(order2)
    y = product(xp, a.reshape(shape1), b.reshape(shape2)).reshape(shape)
    return y if order is None else y.transpose(order)


@lru_cache(512)
def _first_is_last(first: tuple, second: tuple, output: tuple) -> bool:
    """Whether the columns of the product must come from the first operand for the result to lie in rows."""
    return bool(output) and output[-1] not in second and any(v not in first for v in output)


@lru_cache(512)
def _layout(first: tuple, shape1: tuple, second: tuple, shape2: tuple, output: tuple):
    """How two operands become (stacks of) matrices and their product the result: orders of dims and shapes."""
    both = [v for v in first if v in second]
    batch, summed = [v for v in output if v in both], [v for v in both if v not in output]
    rows, columns = ([v for v in output if v in labels and v not in both] for labels in (first, second))
    if not summed:
        return None
    size = dict(zip(second, shape2, strict=True)) | dict(zip(first, shape1, strict=True))
    total = {id(group): prod(size[v] for v in group) for group in (batch, summed, rows, columns)}
    stack = [total[id(batch)]] if batch else []
    have = [*batch, *rows, *columns]
    return (_moved(first, [*batch, *rows, *summed]), (*stack, total[id(rows)], total[id(summed)]),
            _moved(second, [*batch, *summed, *columns]), (*stack, total[id(summed)], total[id(columns)]),
            tuple(size[v] for v in have), _moved(have, output))


def _moved(have, want):
    """The order of dims that turns labels `have` into `want`; None where they agree."""
    return None if list(have) == list(want) else tuple(list(have).index(v) for v in want)


def _outer(xp, x, other, first, second, output):
    """Nothing is summed: one multiplication with broadcasting."""
    def placed(a, labels):
        a = a.transpose([labels.index(v) for v in output if v in labels])
        shape = iter(a.shape)
        return a.reshape([next(shape) if v in labels else 1 for v in output])
    return placed(x, first) * placed(other, second)


def _contract_pair(a, b, output: tuple, kept, sizes: dict):
    """(tensor, labels): two labelled operands contracted to the labels in `kept`, in the order of `output`."""
    (x, first), (y, second) = a, b
    x, first = _summed(x, first, kept | set(second))
    y, second = _summed(y, second, kept | set(first))
    shared = [v for v in first if v in second]
    for label in shared:  # a size of 1 broadcasts: the other operand is summed or kept on its own
        n, m = x.shape[first.index(label)], y.shape[second.index(label)]
        if n != m and n == 1:
            x, first = T.squeeze(x, first.index(label)), tuple(v for v in first if v != label)
        elif n != m:
            y, second = T.squeeze(y, second.index(label)), tuple(v for v in second if v != label)
    x, first = _summed(x, first, kept | set(second))
    y, second = _summed(y, second, kept | set(first))
    target = tuple(v for v in output if v in first or v in second)
    if len(target) < len(kept & (set(first) | set(second))):
        target = (*target, *sorted(v for v in kept if v not in target and (v in first or v in second)))
    result = T._pair(x, y, first, second, target)
    if result._node is not None and not any(v in second and v not in target for v in first):
        result._node._name = "MulBackward0"
    return result, target


# ---------------------------------------------------------------- the function

@function("torch.einsum", samples=["'ij,jk->ik', r(2, 3), r(3, 4)"])
def einsum(*args):
    """Sums of products by the labels of an equation: `ij,jk->ik` multiplies matrices.

    Labels are letters; `...` stands for further dims, which broadcast. Without `->` the output has the
    labels that occur once, in alphabetical order. Also `einsum(x, [0, 1], y, [1, 2], [0, 2])`.

    >>> einsum('ij,j->i', tensor([[1., 2.], [3., 4.]]), tensor([1., 10.]))
    tensor([21., 43.])
    """
    if len(args) < 2 or isinstance(args[1], (list, tuple)) and not args[1]:
        raise BadValue("einsum(): must specify the equation string and at least one operand, or at least one operand "
                       "and its subscripts list")
    if isinstance(args[0], str):
        inputs, output = _parse(args[0])
        operands = list(args[1]) if len(args) == 2 and isinstance(args[1], (list, tuple)) else list(args[1:])
    else:
        inputs, output, operands = _sublists(args)
    for i, t in enumerate(operands):
        if not hasattr(t, "_a"):
            if not isinstance(t, (list, tuple, int, float)):
                raise ArgumentError(f"expected Tensor as element {i} in argument 1, but got {type(t).__name__}")
            operands[i] = T.clone(t)
    shapes = tuple([t._a.shape for t in operands])
    labels, output, sizes = _plan(inputs, output, shapes)
    _same_dtype(operands)
    if len(operands) == 2 and _direct(*labels, *shapes, output):
        return T._pair(*operands, *labels, output)
    return _evaluate(operands, labels, output, sizes)


@lru_cache(512)
def _direct(first: tuple, second: tuple, shape1: tuple, shape2: tuple, output: tuple) -> bool:
    """Whether two operands can be multiplied as they are: no label repeats, stands alone or broadcasts."""
    sizes = dict(zip(first, shape1, strict=True))
    return (len(sizes) == len(first) and len(set(second)) == len(second)
            and all(v in second or v in output for v in first) and all(v in first or v in output for v in second)
            and all(sizes.get(v, n) == n for v, n in zip(second, shape2, strict=True))
            and any(v in second and v not in output for v in first))


def _evaluate(operands: list, labels: tuple, output: tuple, sizes: dict):
    parts = [_distinct(t, names) if len(set(names)) < len(names) else (t, names)
             for t, names in zip(operands, labels, strict=True)]
    if len(parts) == 1:
        t, names = parts[0]
        t, names = _summed(t, names, output)
        return _arranged(t, names, output)
    for i, j in _order(tuple(names for _, names in parts), output, tuple(sizes.items())):
        rest = [p for n, p in enumerate(parts) if n not in (i, j)]
        kept = set(output).union(*(names for _, names in rest))
        parts = [*rest, _contract_pair(parts[i], parts[j], output, kept, sizes)]
    result, names = _contract_pair(*parts, output, set(output), sizes)
    return _arranged(result, names, output)


def _same_dtype(operands: list) -> None:
    from .linalg import no_bool, scalar

    first = operands[0]._a
    for t in operands[1:]:
        if t._a.dtype != first.dtype:
            raise EngineError(f"expected scalar type {scalar(first)} but found {scalar(t._a)}")
    if len(operands) > 1:
        no_bool(first, "bmm")
