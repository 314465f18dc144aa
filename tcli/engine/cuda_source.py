"""CUDA C of a group of expressions: one kernel that reads each leaf once and leaves nothing of the group in memory.

`elementwise` and `reducing` take a `Group` (`plan.py`) and how its arrays lie, and give the text of a kernel called
`fused`. The text depends on the structure alone: sizes, strides and numbers are arguments, so that equal structures
share one compiled kernel, in this process and in CuPy's cache on disk. A value of one of the half types lives in a
float register and is rounded after every step, as NumPy's loops do it. Kernels are compiled without contraction to
fused multiply-adds: fused and unfused programs give the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import symbols
from .cuda_prelude import PRELUDE
from .plan import Group
from .symbols import Primitive

OPTIONS = ("--fmad=false", "--std=c++14")
THREADS = 256
ITEMS = 4  # elements per thread of an elementwise kernel: enough reads in flight to fill the bus
MOST_ARGUMENTS = 440  # of eight bytes: CUDA takes 4096 bytes

_TYPES = {"bool": "bool", "int8": "signed char", "uint8": "unsigned char", "int16": "short", "uint16": "unsigned short",
          "int32": "int", "uint32": "unsigned", "int64": "long long", "uint64": "unsigned long long", "float32": "float",
          "float64": "double", "float16": "float", "bfloat16": "float"}
_HALVES = {"float16": "half", "bfloat16": "bfloat"}

# What a ufunc is in C for operands that are floats, integers and truth values; None where it has no such loop.
_SAME = {name: (text, text, text) for name, text in {
    "equal": "{a} == {b}", "not_equal": "{a} != {b}", "less": "{a} < {b}", "less_equal": "{a} <= {b}",
    "greater": "{a} > {b}", "greater_equal": "{a} >= {b}", "logical_and": "({a} != 0) && ({b} != 0)",
    "logical_or": "({a} != 0) || ({b} != 0)", "logical_xor": "({a} != 0) != ({b} != 0)", "logical_not": "{a} == 0",
    "isnan": "is_nan({a})", "isinf": "absolute({a}) == infinity({a})", "maximum": "maximum({a}, {b})",
    "minimum": "minimum({a}, {b})", "fmax": "larger_number({a}, {b})", "fmin": "smaller_number({a}, {b})", "positive": "{a}",
    "conjugate": "{a}", "absolute": "absolute({a})", "fabs": "absolute({a})", "sign": "sign({a})",
    "clip": "clip({a}, {b}, {c})"}.items()}
_NUMBERS = {name: (text, text, None) for name, text in {
    "subtract": "{a} - {b}", "negative": "-{a}", "square": "{a} * {a}", "heaviside": "heaviside({a}, {b})"}.items()}
_WHOLE = {name: (None, text, text) for name, text in {
    "bitwise_and": "{a} & {b}", "bitwise_or": "{a} | {b}", "bitwise_xor": "{a} ^ {b}", "left_shift": "shift_left({a}, {b})",
    "right_shift": "shift_right({a}, {b})", "gcd": "gcd({a}, {b})", "lcm": "lcm({a}, {b})"}.items()}
_REAL = {name: (text, None, None) for name, text in {
    "divide": "{a} / {b}", "true_divide": "{a} / {b}", "reciprocal": "1 / {a}", "isfinite": "absolute({a}) < infinity({a})",
    "signbit": "m_copysign(({T})1, {a}) < 0", "power": "m_pow({a}, {b})", "float_power": "m_pow({a}, {b})",
    "arctan2": "m_atan2({a}, {b})", "logaddexp": "logaddexp({a}, {b})", "logaddexp2": "logaddexp2({a}, {b})",
    "deg2rad": "{a} * ({T})0.017453292519943295769", "rad2deg": "{a} * ({T})57.295779513082320877",
    **{name: f"m_{name}({{a}}, {{b}})" for name in ("hypot", "copysign", "nextafter")},
    **{name: f"m_{name}({{a}})" for name in ("exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh "
                                              "floor ceil trunc rint erf erfc").split()},
    **{name: f"m_{name.replace('arc', 'a')}({{a}})" for name in "arcsin arccos arctan arcsinh arccosh arctanh".split()},
    "gammaln": "m_lgamma({a})"}.items()}
_MIXED: dict[str, tuple] = {
    "add": ("{a} + {b}", "{a} + {b}", "{a} || {b}"), "multiply": ("{a} * {b}", "{a} * {b}", "{a} && {b}"),
    "isfinite": ("absolute({a}) < infinity({a})", "{a} == {a}", "{a} == {a}"), "invert": (None, "~{a}", "!{a}"),
    "isnan": ("is_nan({a})", "{a} != {a}", "{a} != {a}"),
    "isinf": ("absolute({a}) == infinity({a})", "{a} != {a}", "{a} != {a}"),
    "fmod": ("m_fmod({a}, {b})", "int_fmod({a}, {b})", None),
    "remainder": ("float_remainder({a}, {b})", "int_remainder({a}, {b})", None),
    "floor_divide": ("float_floor_divide({a}, {b})", "int_floor_divide({a}, {b})", None),
    "power": ("m_pow({a}, {b})", "int_power({a}, {b})", None)}
_UFUNCS: dict[str, tuple] = {**_SAME, **_NUMBERS, **_WHOLE, **_REAL, **_MIXED}
_PRIMITIVES = {symbols.COPY: "{a}", symbols.CAST: "{a}", symbols.GATE: "{a} ? {b} : ({T})0", symbols.SELECT: "{a} ? {b} : {c}",
               symbols.CHOOSE: "{a} ? {b} : {c}"}
_STARTS = {"add": "({T})0", "multiply": "({T})1", "logical_and": "true", "logical_or": "false", "maximum": "least(({T})0)",
           "minimum": "greatest(({T})0)"}


# ---------------------------------------------------------------- types and steps

def register(dtype: Any) -> str:
    """The C type in which a value of a dtype is computed with."""
    return _TYPES[dtype.name]


def stored(dtype: Any) -> str:
    """The C type of a value of a dtype in memory."""
    half = _HALVES.get(dtype.name)
    return f"{half}_bits" if half else _TYPES[dtype.name]


def knows(dtype: Any) -> bool:
    return dtype.name in _TYPES


def formula(fn: Any, inputs: tuple) -> str | None:
    """The C of a step on operands of these dtypes; None where there is none."""
    if type(fn) is Primitive:
        return _PRIMITIVES.get(fn)
    if not inputs or not all(map(knows, inputs)):
        return None
    return _UFUNCS.get(fn.__name__, (None, None, None))[_class_of(inputs[0])]


def covers(fn: Any, inputs: tuple, dtype: Any) -> bool:
    """Whether a step, or the reduction at the end of a pass, can be part of a kernel."""
    if not (knows(dtype) and all(map(knows, inputs))):
        return False
    if type(fn) is symbols.Reduction:
        return fn.ufunc.__name__ in _STARTS
    return type(fn) is not symbols.Rows and formula(fn, inputs) is not None


def _class_of(dtype: Any) -> int:
    return 2 if dtype.kind == "b" else 1 if dtype.kind in "iu" else 0


def _read(dtype: Any, text: str) -> str:
    half = _HALVES.get(dtype.name)
    return f"from_{half}({text})" if half else text


def _write(dtype: Any, text: str) -> str:
    half = _HALVES.get(dtype.name)
    return f"to_{half}({text})" if half else text


def _rounded(dtype: Any, text: str) -> str:
    """A computed value as it would be after a trip to memory."""
    return _read(dtype, _write(dtype, text)) if dtype.name in _HALVES else f"({register(dtype)})({text})"


# ---------------------------------------------------------------- what a pass reads and does

class Layout:
    """How the arrays of a pass lie: sizes of the merged dims, and which arrays are traversed alike."""

    def __init__(self, sizes: list, strides: list, linear: bool):
        """`strides` in elements, per array; `linear`: whether an array in C order is simply read at the running index."""
        self.sizes, self.classes, self.forms = sizes, [], []
        steps, running = [], 1
        for n in reversed(sizes):
            steps.insert(0, running)
            running *= n
        for own in strides:
            key = tuple(s if n != 1 else 0 for s, n in zip(own, sizes, strict=True))
            if not any(key):
                self.forms.append("0")
            elif linear and all(s == c or n == 1 for s, c, n in zip(own, steps, sizes, strict=True)):
                self.forms.append("i")
            else:
                if key not in self.classes:
                    self.classes.append(key)
                self.forms.append(f"at{self.classes.index(key)}")

    def key(self) -> tuple:
        return len(self.sizes), len(self.classes), tuple(self.forms)

    def arguments(self) -> list:
        if not self.classes:
            return []
        return [np.int64(n) for n in self.sizes] + [np.int64(s) for own in self.classes for s in own]

    def parameters(self) -> list:
        if not self.classes:
            return []
        dims = range(len(self.sizes))
        return [f"long long n{d}" for d in dims] + [f"long long s{k}_{d}" for k in range(len(self.classes)) for d in dims]

    def places(self, index: str, dims: range, start: bool = True) -> list:
        """Lines that give `at<k>` the place of an element from its number `index` within some dims."""
        if not self.classes or not dims:
            return [f"index at{k} = 0;" for k in range(len(self.classes))] if start else []
        lines = [f"index rest = {index};"] if len(dims) > 1 else []
        for d in reversed(dims):
            if d != dims[0]:
                lines.append(f"index c{d} = rest % (index)n{d}; rest /= (index)n{d};")
            else:
                lines.append(f"index c{d} = {'rest' if len(dims) > 1 else index};")
        for k in range(len(self.classes)):
            total = " + ".join(f"c{d} * (index)s{k}_{d}" for d in dims)
            lines.append(f"at{k} = base{k} + {total};" if not start else f"index at{k} = {total};")
        return lines


def number_parameter(dtype: Any, i: int) -> str:
    return f"int q{i}" if dtype.kind == "b" else f"{register(dtype)} k{i}"


def number_argument(value: Any) -> Any:
    """A 0-d array as an argument of a kernel: halves as floats, truth values as integers."""
    if value.dtype.name in _HALVES:
        return np.float32(value.astype(np.float32)[()])
    return np.int32(value[()]) if value.dtype.kind == "b" else value[()]


def steps_of(group: Group, forms: list) -> list:
    """The lines that compute all steps of one element."""
    lines = [f"{register(a.dtype)} a{i} = {_read(a.dtype, f'p{i}[{form}]')};"
             for i, (a, form) in enumerate(zip(group.leaves, forms, strict=True))]
    lines += [f"bool k{i} = q{i} != 0;" for i, c in enumerate(group.constants) if c.dtype.kind == "b"]
    kinds = {**{("leaf", i): a.dtype for i, a in enumerate(group.leaves)},
             **{("number", i): c.dtype for i, c in enumerate(group.constants)}}
    for i, (fn, places, dtype) in enumerate(group.steps):
        kinds["step", i] = dtype
        inputs = tuple(kinds[p] for p in places)
        text = formula(fn, inputs)
        if text is None:
            raise symbols.NotFusable(str(fn))
        names = dict(zip("abc", map(_name, places), strict=False))
        lines.append(f"{register(dtype)} v{i} = {_converted(fn, inputs, dtype, text.format(T=register(inputs[-1]), **names))};")
    return lines


def _converted(fn: Any, inputs: tuple, dtype: Any, text: str) -> str:
    if fn is symbols.CAST and dtype.kind == "b":
        return f"({text}) != 0"
    return _rounded(dtype, text)


def _name(place: tuple) -> str:
    return f"{'a' if place[0] == 'leaf' else 'k' if place[0] == 'number' else 'v'}{place[1]}"


def _parameters(group: Group, apart: bool) -> list:
    only = "* __restrict__ " if apart else "* "
    return [*(f"const {stored(a.dtype)}{only}p{i}" for i, a in enumerate(group.leaves)),
            *(number_parameter(c.dtype, i) for i, c in enumerate(group.constants)),
            *(f"{stored(e.dtype)}{only}o{j}" for j, e in enumerate(group.outputs))]


def _text(parameters: list, body: str, wide: bool) -> str:
    index = "long long" if wide else "int"
    listed = ", ".join(parameters)
    return f"{PRELUDE}\ntypedef {index} index;\nextern \"C\" __global__ void fused({listed}) {{\n{body}\n}}\n"


def _indented(lines: list, depth: int) -> str:
    return "\n".join("  " * depth + line for line in lines)


# ---------------------------------------------------------------- the kernels

def elementwise(group: Group, layout: Layout, apart: bool, wide: bool) -> str:
    """A kernel that stores the outputs of a group.

    `apart`: no output is written where a leaf lies; `wide`: places do not fit 32 bits.
    """
    n = len(group.leaves)
    lines = layout.places("i", range(len(layout.sizes))) + steps_of(group, layout.forms[:n])
    lines += [f"o{j}[{form}] = {_write(e.dtype, _name(group.index[id(e)]))};"
              for j, (e, form) in enumerate(zip(group.outputs, layout.forms[n:], strict=True))]
    body = f"""\
  for (index start = (index)blockIdx.x * {THREADS * ITEMS} + threadIdx.x; start < (index)n;
       start += (index)gridDim.x * {THREADS * ITEMS}) {{
    #pragma unroll
    for (int item = 0; item < {ITEMS}; ++item) {{
      index i = start + item * {THREADS};
      if (i < (index)n) {{
{_indented(lines, 4)}
      }}
    }}
  }}"""
    return _text(["long long n", *_parameters(group, apart), *layout.parameters()], body, wide)


def reducing(group: Group, layout: Layout, ahead: int, finals: list, across: bool, wide: bool) -> str:
    """A kernel that stores the outputs of a group and one partial result of each final per piece of what is reduced.

    The first `ahead` dims stay. `finals` are (ufunc name, dtype, whether this pass is the last). The threads of a
    block share what is reduced; `across`: neighbours belong to neighbouring results, else to one result.
    """
    n = len(group.leaves)
    dims = len(layout.sizes)
    parameters = ["long long kept", "long long reduced", "long long piece", "int near", *_parameters(group, True),
                  *[f"{stored(d) if last else register(d)}* r{j}" for j, (_, d, last) in enumerate(finals)],
                  *layout.parameters()]
    fast, slow = "threadIdx.x % near", "threadIdx.x / near"
    lane, own = (slow, fast) if across else (fast, slow)
    lanes, owns = (f"{THREADS} / near", "near") if across else ("near", f"{THREADS} / near")
    before = layout.places("o", range(ahead))
    before += [f"index base{k} = at{k};" for k in range(len(layout.classes))]
    inner = layout.places("r", range(ahead, dims), start=False) + steps_of(group, layout.forms[:n])
    inner += [f"o{j}[{form}] = {_write(e.dtype, _name(group.index[id(e)]))};"
              for j, (e, form) in enumerate(zip(group.outputs, layout.forms[n:], strict=True))]
    inner += [f"t{j} = {_combined(name, d, f't{j}', _as(d, _name(group.index[id(e)])))};"
              for j, ((name, d, _), e) in enumerate(zip(finals, group.finals, strict=True))]
    starts = [f"{register(d)} t{j} = {_STARTS[name].format(T=register(d))};" for j, (name, d, _) in enumerate(finals)]
    shared = [f"__shared__ {register(d)} s{j}[{THREADS}];" for j, (_, d, _) in enumerate(finals)]
    put = [f"s{j}[slot] = t{j};" for j in range(len(finals))]
    join = [f"s{j}[slot] = {_combined(name, d, f's{j}[slot]', f's{j}[slot + half * owns]')};"
            for j, (name, d, _) in enumerate(finals)]
    give = [f"r{j}[(index)blockIdx.y * (index)kept + o] = {_write(d, f's{j}[slot]') if last else f's{j}[slot]'};"
            for j, (_, d, last) in enumerate(finals)]
    body = f"""\
{_indented(shared, 1)}
  const int lane = {lane}, own = {own}, lanes = {lanes}, owns = {owns};
  const int slot = lane * owns + own;
  const index o = (index)blockIdx.x * owns + own;
{_indented(starts, 1)}
  if (o < (index)kept) {{
{_indented(before, 2)}
    index end = ((index)blockIdx.y + 1) * (index)piece;
    if (end > (index)reduced) end = (index)reduced;
    for (index r = (index)blockIdx.y * (index)piece + lane; r < end; r += lanes) {{
{_indented(inner, 3)}
    }}
  }}
{_indented(put, 1)}
  __syncthreads();
  for (int half = lanes / 2; half > 0; half /= 2) {{
    if (lane < half) {{
{_indented(join, 3)}
    }}
    __syncthreads();
  }}
  if (lane == 0 && o < (index)kept) {{
{_indented(give, 2)}
  }}"""
    return _text(parameters, body, wide)


def _as(dtype: Any, name: str) -> str:
    return f"({name} != 0)" if dtype.kind == "b" else f"({register(dtype)}){name}"


def _combined(name: str, dtype: Any, a: str, b: str) -> str:
    text = _UFUNCS[name][_class_of(dtype)]
    return f"({register(dtype)})({text.format(a=a, b=b, T=register(dtype))})"


def updating(group: Group) -> str:
    """A kernel that runs a group over many sets of arrays, given as a table of addresses.

    Block b takes `length` elements of set `table[2b]` from `table[2b + 1]` on; `sets` holds for each set its size, the
    addresses of its leaves and then those of its outputs.
    """
    n, m = len(group.leaves), len(group.outputs)
    width = 1 + n + m
    reads = [f"const {stored(a.dtype)}* p{i} = (const {stored(a.dtype)}*)row[{1 + i}];" for i, a in enumerate(group.leaves)]
    reads += [f"{stored(e.dtype)}* o{j} = ({stored(e.dtype)}*)row[{1 + n + j}];" for j, e in enumerate(group.outputs)]
    lines = steps_of(group, ["i"] * n)
    lines += [f"o{j}[i] = {_write(e.dtype, _name(group.index[id(e)]))};" for j, e in enumerate(group.outputs)]
    body = f"""\
  const long long* row = sets + table[2 * blockIdx.x] * {width};
  long long first = table[2 * blockIdx.x + 1], end = first + length;
  if (end > row[0]) end = row[0];
{_indented(reads, 1)}
  for (long long i = first + threadIdx.x; i < end; i += {THREADS}) {{
{_indented(lines, 2)}
  }}"""
    parameters = ["const long long* table", "const long long* sets", "long long length",
                  *[number_parameter(c.dtype, i) for i, c in enumerate(group.constants)]]
    return _text(parameters, body, True)
