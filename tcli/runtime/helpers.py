"""The helpers that compiled programs call: echo, promoted operators, matrices, imports, contracts.

`lang/compile.py` documents the protocol. Each helper is a function of the session it is bound to; a
helper's own frame never shows in an error, whose place is the program's call.
"""

from __future__ import annotations

import sys

from ..errors import ContractError, Label, ShapeError, TcliError, UnknownAttribute, UnknownModule
from ..lang.format_fields import names_alone
from ..source import source_named, span_of_instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INPLACE = {"+=": "iadd", "-=": "isub", "*=": "imul", "/=": "itruediv", "//=": "ifloordiv", "%=": "imod",
            "@=": "imatmul", "**=": "ipow", "|=": "ior", "^=": "ixor", "&=": "iand", "<<=": "ilshift",
            ">>=": "irshift"}
_BINARY = {symbol[:-1]: name[1:] for symbol, name in _INPLACE.items()} | {
    "|": "or_", "&": "and_", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_UNARY = {"-": "neg", "+": "pos", "~": "invert"}


def helpers_for(session) -> dict[str, object]:
    """Every name of the protocol, bound to a session."""
    def bound(helper):
        return lambda *args: helper(session, *args)

    return {
        "__echo__": bound(echo), "__matrix__": bound(matrix), "__binop__": bound(binop), "__unop__": bound(unop),
        "__contract__": bound(contract), "__dims__": {}, "__import_module__": bound(import_module),
        "__import_from__": bound(import_from), "__import_star__": bound(import_star), "__help__": bound(show_help),
        "__strformat__": strformat, "__attributes__": attributes,
        "__dump__": dump_of, "__match_class__": match_class,
    }


# ---------------------------------------------------------------- results

def echo(session, value: object, *owners: object) -> None:
    """A bare expression at top level. What a script does for its effect shows nothing."""
    session.value = value
    if value is None or session.echo is None:
        return
    if not session.echo_receivers and any(owner is value or owner is ... for owner in owners):
        return
    if not session.echo_receivers and type(value) is list and value and all(each is None for each in value):
        return  # [print(x) for x in xs]
    if type(value).__name__ == "Generator" and value is _default_generator():
        return
    session.echo(value)


def _default_generator() -> object:
    """What `torch.manual_seed` gives back: said for its effect."""
    from ..engine.random import default_generator

    return default_generator


def show_help(session, name: str) -> None:
    from ..show.help import page
    from .sandbox import safe_getattr

    root, *rest = name.split(".")
    value = session[root]
    for each in rest:
        value = safe_getattr(value, each)
    print(page(value, name))


# ---------------------------------------------------------------- operators and matrices

def binop(session, symbol: str, a: object, b: object) -> object:
    """`a symbol b`, with lists made tensors where Python refuses."""
    import _operator

    operate = getattr(_operator, _INPLACE.get(symbol) or _BINARY[symbol])
    try:
        return operate(a, b)
    except TypeError as error:
        if not (type(a) is list and _is_numeric(b)) and not (type(b) is list and _is_numeric(a)):
            raise
        refusal = error
    try:
        return operate(_promoted(session, a), _promoted(session, b))
    except TypeError as error:
        raise (error if isinstance(error, TcliError) else refusal) from None


def unop(session, symbol: str, a: object) -> object:
    import _operator

    operate = getattr(_operator, _UNARY[symbol])
    return operate(_promoted(session, a) if type(a) is list else a)


def _is_numeric(value: object) -> bool:
    return type(value) is list or hasattr(value, "__array__") or isinstance(value, (int, float, complex))


def _promoted(session, value: object) -> object:
    """A list of numbers as a tensor; anything else as it is."""
    if type(value) is not list:
        return value
    session.load_engine()
    from ..engine.tensor import tensor

    return tensor(value)


def matrix(session, rows: list[list]) -> object:
    """`[1, 2; 3, 4]`: a 2-D tensor of numbers, or of blocks set side by side."""
    session.load_engine()
    from ..engine.registry import T
    from ..engine.tensor import Tensor, tensor

    blocks = any(isinstance(each, Tensor) and each.ndim for row in rows for each in row)
    if blocks:
        return T.cat([T.cat([_block(each, tensor) for each in row], 1) for row in rows], 0)
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ShapeError(f"row {number} has {len(row)} entries, row 1 has {len(rows[0])}")
    if any(isinstance(each, Tensor) for row in rows for each in row):
        flat = [each if isinstance(each, Tensor) else tensor(each) for row in rows for each in row]
        return T.reshape(T.stack(flat), (len(rows), -1))
    return tensor(rows)


def _block(value: Any, tensor: Any) -> Any:
    """A matrix: a vector is a row."""
    from ..show import is_tensor

    value = value if is_tensor(value) else tensor(value)
    return value.reshape(1, -1) if value.ndim < 2 else value


# ---------------------------------------------------------------- contracts

def contract(session, value: Any, spec: tuple, dims: dict, name: str, place: tuple) -> Any:
    """`name: f32[B, H] = value`: the value, or a ContractError that points at both sides."""
    from .contracts import check

    frame = sys._getframe(2)
    source = source_named(frame.f_code.co_filename)
    annotation = source.span_of_bytes(*place) if source is not None else None
    try:
        names = check(value, spec, name, dims, annotation)
    except ContractError as error:
        error.span = annotation
        where = span_of_instruction(frame.f_code, frame.f_lasti)
        if where is not None and hasattr(value, "dtype"):
            from ..show.tensor import type_of

            error.labels.append(Label(where, type_of(value)))
        raise
    from ..show import is_tensor

    if is_tensor(value):
        value._dim_names = names
    return value


# ---------------------------------------------------------------- imports

def import_module(session, name: str, whole: bool) -> object:
    """The module that `import name` binds."""
    found = session.import_module(name)
    if found is None:
        raise _unknown_module(name)
    return found if whole else session.import_module(name.partition(".")[0])


def import_from(session, module: Any, name: str) -> object:
    from .sandbox import safe_getattr

    failure = None
    try:
        return safe_getattr(module, name)
    except AttributeError:
        from ..show.suggest import did_you_mean
        from .absent import hint_for_name

        inner = session.import_module(f"{module.__name__}.{name}")
        if inner is not None:
            return inner
        failure = UnknownModule(f"cannot import name '{name}' from '{module.__name__}'",
                                help=hint_for_name(name) or did_you_mean(name, dir(module)))
    raise failure


def import_star(session, module: object) -> None:
    for name in dir(module):
        if not name.startswith("_"):
            session.globals[name] = getattr(module, name)


def _unknown_module(name: str) -> UnknownModule:
    from ..show.suggest import did_you_mean
    from .absent import hint_for_module, hint_for_program
    from .modules import known_names

    known = [*known_names(), "torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils.data"]
    hint = hint_for_module(name) or hint_for_program(name) or did_you_mean(name, known)
    return UnknownModule(f"No module named '{name}'", help=hint)


# ---------------------------------------------------------------- text and attributes

def attributes(instance: object) -> dict[str, object]:
    """`self.__dict__`."""
    from .sandbox import safe_vars

    return safe_vars(instance)


def dump_of(module: Any) -> Any:
    """`json.dump`; arrays have a method of that name that writes files."""
    from types import ModuleType

    if type(module) is not ModuleType or module.__name__ != "json":
        raise UnknownAttribute("'dump' is not available to programs")
    return module.dump


def match_class(*classes: Any) -> bool:
    """False, so that the next case is looked at: its patterns may read what `__match_args__` of the classes names."""
    from .sandbox import check_match_args

    for kind in classes:
        check_match_args(kind)
    return False


def strformat(text: Any, /, *args: object, **kwargs: object) -> str:
    """`text.format(...)`. `str.format("...", x)` arrives with the type as `text`."""
    if type(text) is str and names_alone(text):
        return text.format(*args, **kwargs)
    from .sandbox import safe_format

    if text is str:
        text, args = args[0], args[1:]
    if isinstance(text, str):
        return safe_format(str(text), tuple(args), kwargs)
    return text.format(*args, **kwargs)
