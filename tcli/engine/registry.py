"""The registry: one declaration per op, many readers.

`@op` takes a kernel on raw arrays, `@composite` a function on tensors. The signature is the schema,
the decorator's words say where the op is found (`at`), how its operands promote (`promote`), what its
gradient is (`vjp`) and which calls show it (`samples`). From that come the functions and methods, the
in-place and `out=` forms, help, completion and the generated tests. Declarations are validated at
import; this file knows no op by name.

    @op("exp", at="torch tensor tensor_ special", promote="float", samples=["r(3, 4)"],
        vjp={"x": lambda k, g, out: g * out})
    def exp(xp, x): ...

`at` words: torch tensor tensor_ F special linalg fft (namespaces; `tensor_` is the in-place method).
`also`: further names: plain ones go to the same places, dotted ones (`tensor.__add__`) to that place.
`grad_name`: what `grad_fn` prints; a function of the arguments where it depends on them.
`promote`: None, "same" (all operands to their common dtype), "float" (the same, and integers to the
default dtype), "compare" (the same for the operands; the result is the kernel's).
`ufunc`: the NumPy function (its name, or a callable) that the op is on float32 and float64 when called with
nothing but its tensors: the shortcut that such calls take.
`fuse`: whether fusion may take the op apart: True where the kernel works on expressions (`symbols.py`) as on
arrays, or a function of the same arguments that stands for the kernel there; ops with a `ufunc` do unless told not to.
`shape`: a kernel for arrays without data, `(xp, args...)`, where the op's own reads values.
`small`: a function of (number of dims, options...) that gives the kernel for small NumPy arrays with these options,
a function of the array alone, or None: for kernels that look at more than a small array needs. An op with a `check` has
one for the options with which there is nothing to check.
`host`: the op has no way on other devices; its arrays go to the CPU and its results back, and that is counted.
`out`: the dtype that `out=` asks for: False (there is no such form), True (anything the result can be cast
to), a word or message of `out.py`; `out_apart`: the tensor may share no memory with the operands.
`same_dtype`: what the in-place form says when the result has another dtype than the tensor.
`half`: kernels on float16/bfloat16 run in float32 and are rounded once; False leaves them alone.
A vjp rule is `(k, g, names...)`: `k` holds all ops, `g` is the gradient of the output (a list for
several outputs), the names are arguments, `out` (or `out0`, `out1`), `x_shape`, `x_dtype`. A key
"a, b" or the name of a tensor list gets `need` after `g` and returns one gradient per tensor.
`raw_vjp`: the same rules for plain float32 or float64 NumPy arrays, under the same keys: what the first-order
gradient of small tensors runs on. True where the rules of `vjp` work on arrays as they are; `k` then gives
the kernels. A rule asks for names that its twin in `vjp` asks for too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .. import native
from ..errors import ArgumentError
from .args import CONVERTERS, TENSOR_KINDS
from .declared import Declared

NAMESPACES = ("torch", "tensor", "F", "special", "linalg", "fft", "nested", "init", "masked")
PROMOTIONS = (None, "same", "float", "compare")


class Op:
    """One operator. `names`, `kinds`, `defaults` describe its parameters in order."""

    __slots__ = ("alternatives", "at", "composite", "cost", "defaults", "doc_example", "family", "fn", "grad_name_",
                 "half", "index", "kinds", "list_slot", "name", "names", "nograd", "n_positional",
                 "out_count", "paths", "plans", "promote", "public", "ref", "required", "rules", "samples", "star",
                 "tensor_slots", "ufunc", "check", "host", "view", "vjp", "raw_vjp", "fields", "_function", "takes_out",
                 "out_rule", "out_apart", "same_dtype", "shape", "errors", "fuse", "small", "rows", "frees", "wide")

    @property
    def grad_name(self) -> str:
        if self.grad_name_ is None:
            letters = self.name.strip("_")
            return "".join(c.upper() if i == 0 or letters[i - 1] == "_" or letters[i - 1].isdigit() else c
                           for i, c in enumerate(letters) if c != "_") + "Backward0"
        return self.grad_name_ if type(self.grad_name_) is str else self.name.capitalize() + "Backward0"

    @property
    def function(self):
        """The public function."""
        if self._function is None:
            from .callables import make_function

            self._function = make_function(self)
        return self._function

    @property
    def doc(self) -> str:
        return self.fn.__doc__ or ""

    @property
    def differentiable(self) -> bool:
        return self.composite or bool(self.vjp)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


ops = Declared()
paths = Declared()  # "torch.exp", "tensor.exp", "tensor.exp_"
functions = Declared()  # plain functions on tensors that are no ops: "torch.is_tensor"
function_samples: dict[str, tuple[str, ...]] = {}  # calls that show them, by the same paths


OutRule = bool | str | tuple | Callable  # see `out`


def op(name: str, at: str = "torch tensor", *, also=(), promote: str | None = None, vjp=None, nograd: bool = False,
       samples=(), errors=(), view: bool = False, half: bool = True, ufunc: str | None = None, ref=None, cost=None,
       shape=None, grad_name=None, outs: int = 1, fields=None, raw_vjp=None, out: OutRule | None = None,
       out_apart: bool = False, same_dtype: str | None = None, check=None, host: bool = False, fuse=None, small=None,
       rows: bool | str | None = None, frees: bool = False, wide: bool = False):
    """Declares an op by its kernel `(xp, args...) -> array` (or a tuple of arrays when outs > 1).

    `check(values)` sees the bound values before promotion and may raise. `rows`: results lie in row-major memory,
    however the operands do; unless told, this holds for ops that work along dims and on lists; "format" is channels
    last where the first operand is, "first" the memory order of the first operand. `frees`: also the numbers that it keeps
    are gone after a backward pass, as PyTorch has it. `wide`: beside tensors of half precision a number that is the last
    operand is not rounded to it first.
    """
    def declare(fn):
        o = _declare(name, fn, at, also, samples, grad_name, skip=1)
        o.promote, o.view, o.half, o.ufunc, o.ref = promote, view, half and not view, ufunc, ref
        o.cost, o.shape, o.out_count, o.raw_vjp, o.errors = cost, shape, outs, raw_vjp, errors
        o.vjp, o.nograd, o.composite, o.fields = vjp or {}, nograd, False, fields
        o.check, o.same_dtype, o.host, o.small, o.frees, o.wide = check, same_dtype, host, small, frees, wide
        o.fuse = ufunc is not None if fuse is None else fuse
        along = o.list_slot is not None or not o.index.keys().isdisjoint(("dim", "dims"))
        o.rows = along and not view if rows is None else rows
        _out_words(o, (not view) if out is None else out, out_apart)
        _validate(o)
        return fn
    return declare


def composite(name: str, at: str = "torch tensor", *, also=(), samples=(), errors=(), nograd: bool = False,
              grad_name=None, out: OutRule = True, out_apart: bool = False,
              same_dtype: str | None = None, promote: str | None = None, fields=None):
    """Declares an op written with other ops: `(tensors...) -> tensor(s)`; it needs no gradient rule."""
    def declare(fn):
        o = _declare(name, fn, at, also, samples, grad_name, skip=0)
        o.promote, o.view, o.half, o.ufunc, o.ref, o.cost, o.shape = promote, False, False, None, None, None, None
        o.out_count, o.raw_vjp, o.vjp, o.nograd, o.composite = 1, None, {}, nograd, True
        o.errors, o.fields, o.rules, o.check, o.fuse, o.host = errors, fields, [], None, False, False
        o.same_dtype, o.small, o.rows, o.frees, o.wide = same_dtype, None, False, False, False
        _out_words(o, out, out_apart)
        return fn
    return declare


def _out_words(o: Op, out, apart: bool) -> None:
    o.takes_out, o.out_rule, o.out_apart = bool(out), None if isinstance(out, bool) else out, apart


rule_helpers = Declared()


def rule_helper(fn):
    """Makes a plain function on tensors available to gradient rules and composites as `k.<name>`."""
    rule_helpers[fn.__name__] = fn
    return fn


raw_helpers = Declared()


def raw_helper(fn, name: str | None = None):
    """Makes a plain function on arrays available to rules on arrays as `k.<name>`."""
    raw_helpers[name or fn.__name__] = fn
    return fn


def function(*where: str, samples=()):
    """Declares plain functions on tensors that are no ops of their own: `@function("torch.is_tensor")`."""
    def declare(fn):
        for path in where:
            functions[path] = fn
            function_samples[path] = tuple(samples)
        return fn
    return declare


def _declare(name: str, fn, at: str, also, samples, grad_name, skip: int) -> Op:
    # Names of the index were checked when it was made: they come again if Ctrl-C fell into the loading of their family.
    if ops.is_declared(name) and name not in ops.families:
        raise ValueError(f"op {name!r} is declared twice")
    o = Op()
    o.name, o.fn, o.at, o.grad_name_ = name, fn, at.split(), grad_name
    o.samples = tuple(dict.fromkeys(samples))
    o.family = fn.__module__.rpartition(".")[2]
    o.plans, o._function, o.public = {}, None, not name.startswith("_")
    _schema(o, fn, skip)
    o.paths = _paths(o, name, also)
    for path in o.paths:
        if paths.is_declared(path) and path not in paths.families:
            raise ValueError(f"{path} is taken by op {paths[path].name!r}, {name!r} wants it too")
        paths[path] = o
    ops[name] = o
    return o


def _schema(o: Op, fn, skip: int) -> None:
    code, notes = fn.__code__, fn.__annotations__
    n = code.co_argcount
    names = code.co_varnames[skip:n + code.co_kwonlyargcount]
    o.names, o.n_positional = names, n - skip
    defaults = fn.__defaults__ or ()
    o.required = n - skip - len(defaults)
    keyword_defaults = fn.__kwdefaults__ or {}
    o.defaults = [None] * o.required + list(defaults) + [keyword_defaults.get(k) for k in names[n - skip:]]
    o.kinds = tuple(notes.get(p, "Tensor" if i < o.required else "any").strip("'\"") for i, p in enumerate(names))
    o.index = {p: i for i, p in enumerate(names)}
    o.tensor_slots = tuple(i for i, kind in enumerate(o.kinds) if kind in TENSOR_KINDS and kind != "Tensors")
    o.list_slot = next((i for i, kind in enumerate(o.kinds) if kind == "Tensors"), None)
    o.star = next((i for i, kind in enumerate(o.kinds) if kind.rstrip("?").endswith("*")), None)
    for kind in o.kinds:
        if kind not in TENSOR_KINDS and kind not in CONVERTERS:
            raise ValueError(f"op {o.name!r}: unknown kind {kind!r} in its signature")


def _paths(o: Op, name: str, also) -> list[str]:
    found = []
    for alias in (name, *also):
        if "." in alias:
            found.append(alias)
            continue
        for word in o.at:
            if word == "tensor_":
                found.append(f"tensor.{alias}_")
            elif word in NAMESPACES:
                found.append(f"{word}.{alias}")
            else:
                raise ValueError(f"op {name!r}: unknown place {word!r}")
    return found


def _validate(o: Op) -> None:
    if o.promote not in PROMOTIONS:
        raise ValueError(f"op {o.name!r}: unknown promotion {o.promote!r}")
    if not o.vjp and not o.nograd:
        raise ValueError(f"op {o.name!r} has neither vjp nor nograd")
    o.rules = []
    for key, rule in o.vjp.items():
        targets = [t.strip() for t in key.split(",")]
        for target in targets:
            if target not in o.index:
                raise ValueError(f"op {o.name!r}: vjp for {target!r}, which is no argument")
        code = rule.__code__
        joint = len(targets) > 1 or o.kinds[o.index[targets[0]]] == "Tensors"
        wanted = code.co_varnames[3 if joint else 2:code.co_argcount]
        fetches = [_fetch(o, name) for name in wanted]
        o.rules.append((targets, joint, rule, fetches, _raw_rule(o, key, rule, joint, fetches)))


def _raw_rule(o: Op, key: str, rule, joint: bool, fetches: list) -> tuple | None:
    """(rule on arrays, what it asks for), or None. Compiled code does some, and is called as they are: see native/rules.c."""
    if not o.raw_vjp:
        return None
    if o.raw_vjp is True:
        return native.rule(f"{o.name}.{key}", rule) or rule, fetches
    found = o.raw_vjp.get(key)
    if found is None:
        return None
    code = found.__code__
    wanted = [_fetch(o, name) for name in code.co_varnames[3 if joint else 2:code.co_argcount]]
    if any(fetch not in fetches for fetch in wanted):
        raise ValueError(f"op {o.name!r}: raw_vjp for {key!r} asks for what vjp does not keep")
    return native.rule(f"{o.name}.{key}", found) or found, wanted


def _fetch(o: Op, name: str) -> tuple:
    """What a name after `k, g` stands for: ("arg", i), ("shape", i), ("dtype", i), ("out", i); always the same tuple."""
    found = _meaning(o, name)
    return _fetches.setdefault(found, found)


_fetches: dict[tuple, tuple] = {}


def _meaning(o: Op, name: str) -> tuple:
    if name in o.index:
        return ("arg", o.index[name])
    if name == "out":
        return ("out", 0)
    if name.startswith("out") and name[3:].isdigit():
        return ("out", int(name[3:]))
    base, _, what = name.rpartition("_")
    if base in o.index and what in ("shape", "dtype"):
        return (what, o.index[base])
    raise ValueError(f"op {o.name!r}: a vjp asks for {name!r}; the op has {', '.join(o.names)}, out")


FIRST, SECOND, RESULT, SHAPE = (_fetches.setdefault(fetch, fetch)
                                for fetch in (("arg", 0), ("arg", 1), ("out", 0), ("shape", 0)))


class Plan:
    """For one set of inputs that need gradients: which rules run (`raw`: on arrays) and what they need kept."""

    __slots__ = ("count", "raw", "rules", "saves")

    def __init__(self, rules, raw, saves, count):
        self.rules, self.raw, self.saves, self.count = rules, raw, saves, count

    def outputs_of(self, node) -> int:
        return self.count if self.count > 0 else len(node.saved[-1])


def plan_for(o: Op, mask: tuple) -> Plan:
    """`mask`: for each tensor slot (and last the list slot) whether it needs a gradient."""
    found = o.plans.get(mask)
    if found is None:
        found = o.plans[mask] = _make_plan(o, mask)
    return found


def _make_plan(o: Op, mask: tuple) -> Plan:
    positions = {slot: i for i, slot in enumerate(o.tensor_slots)}
    saves: list[tuple] = []
    rules = []
    raw: list | None = []
    for targets, joint, rule, fetches, raw_rule in o.rules:
        slots = [o.index[t] for t in targets]
        if not any(mask[-1] if s == o.list_slot else mask[positions[s]] for s in slots):
            continue
        for fetch in fetches:
            if fetch not in saves:
                saves.append(fetch)
        if not joint:
            where: object = positions[slots[0]]
        elif slots[0] == o.list_slot:
            where = (len(o.tensor_slots), None)
        else:
            where = (0, 0, [positions[s] for s in slots])
        rules.append((where, rule, [saves.index(f) for f in fetches]))
        if raw_rule is None:
            raw = None
        elif raw is not None:
            raw.append((where, raw_rule[0], [saves.index(f) for f in raw_rule[1]]))
    # None stands for all that is saved, in order.
    raw = raw and [(where, rule, None if slots == list(range(len(saves))) else slots) for where, rule, slots in raw]
    return Plan(rules, raw if o.out_count == 1 else None, saves, o.out_count)


class Namespace:
    """Ops by name as attributes: the `k` of gradient rules and the `T` of composites."""

    def __getattr__(self, name: str):
        if name in rule_helpers:
            self.__dict__[name] = rule_helpers[name]
            return rule_helpers[name]
        found = ops.get(name) or paths.get("torch." + name) or paths.get("F." + name)
        if found is None:
            for space in ("torch.", "F.", "tensor."):
                if space + name in functions:
                    self.__dict__[name] = functions[space + name]
                    return functions[space + name]
            raise AttributeError(f"no op is named {name!r}")
        self.__dict__[name] = found.function
        return found.function


T = Namespace()


class RawNamespace:
    """The `k` of rules on arrays: ufuncs and kernels by the names of their ops."""

    def __getattr__(self, name: str):
        found = raw_helpers.get(name) or _kernel_on_arrays(name)
        self.__dict__[name] = found
        return found


def _kernel_on_arrays(name: str):
    o = ops[name]
    if o.composite:
        raise AttributeError(f"op {name!r} has no kernel")
    if o.ufunc is not None:
        return getattr(np, o.ufunc) if isinstance(o.ufunc, str) else o.ufunc
    return partial(o.fn, np)


RAW = RawNamespace()


TABLES = {"ops": ops, "paths": paths, "functions": functions, "rule_helpers": rule_helpers, "raw_helpers": raw_helpers}


def know(index: dict[str, dict[str, str]]) -> None:
    """Takes the index: for each table and family the names that the family declares there."""
    for table, families in index.items():
        where = TABLES[table].families
        for family, names in families.items():
            where.update(dict.fromkeys(names.split(), family))


def find(name: str) -> Op | None:
    """The op that a user means by `name`: `exp`, `torch.exp`, `x.exp_`, `F.relu`."""
    if name in ops:
        return ops[name]
    head, _, tail = name.rpartition(".")
    if head:
        return paths.get(name) or paths.get(f"{head.rpartition('.')[2]}.{tail}")
    return next((paths[f"{space}.{name}"] for space in NAMESPACES if f"{space}.{name}" in paths), None)


def missing_argument(o: Op, given: int) -> ArgumentError:
    missing = list(o.names[given:o.required])
    listed = ", ".join(f'"{"input" if n == "x" else n}"' for n in missing)
    name = o.name.removeprefix("_").removesuffix("_f") if o.name.startswith("_") else o.name
    return ArgumentError(f"{name}() missing {len(missing)} required positional arguments: {listed}")
