"""Which names a program may use: the language's half of the sandbox.

A program reaches Python's internals only through attributes with telling names: dunders, and the
fields of frames, code objects and generators, and what leads from NumPy's and the standard library's
objects to files, memory and modules. Dunders are refused but for the lists below; the fields
are refused by name. The runtime asks `attribute_problem` in its own `getattr`, `setattr`, `hasattr`.
"""

from __future__ import annotations

from tcli.errors import UnknownAttribute, UnknownName
from tcli.source import Span

# Methods that classes of a program may define, read, and bind in a class body (`__rmul__ = __mul__`).
METHODS = frozenset("""
    __init__ __call__ __len__ __getitem__ __setitem__ __delitem__ __iter__ __next__ __reversed__
    __contains__ __missing__ __length_hint__ __repr__ __str__ __format__ __bool__ __hash__ __eq__ __ne__
    __lt__ __le__ __gt__ __ge__ __enter__ __exit__ __int__ __float__ __complex__ __index__ __round__
    __trunc__ __floor__ __ceil__ __abs__ __neg__ __pos__ __invert__ __post_init__ __array__
    __add__ __sub__ __mul__ __matmul__ __truediv__ __floordiv__ __mod__ __divmod__ __pow__ __lshift__
    __rshift__ __and__ __or__ __xor__
    __radd__ __rsub__ __rmul__ __rmatmul__ __rtruediv__ __rfloordiv__ __rmod__ __rdivmod__ __rpow__
    __rlshift__ __rrshift__ __rand__ __ror__ __rxor__
    __iadd__ __isub__ __imul__ __imatmul__ __itruediv__ __ifloordiv__ __imod__ __ipow__ __ilshift__
    __irshift__ __iand__ __ior__ __ixor__ __copy__ __deepcopy__ __torch_function__
""".split())

# Defined by classes, but read only as `super().__setattr__`: on other objects they go around the checks.
HOOKS = frozenset("__getattr__ __setattr__ __delattr__ __new__ __init_subclass__ __class_getitem__ "
                  "__set_name__ __get__ __set__ __dir__ __getstate__ __setstate__".split())

# Facts about a program, or of a class.
FACTS = frozenset("__name__ __doc__ __qualname__ __version__".split())
NAMES = METHODS | HOOKS | FACTS | frozenset("__file__ __all__ __author__ __slots__ __debug__".split())
WRITABLE = frozenset(("__name__", "__doc__"))

# `format` runs attribute paths written in a string; a call of it goes through the runtime's own.
FORMATS = frozenset(("format", "format_map", "vformat", "get_field"))

INTERNALS = frozenset("""
    gi_frame gi_code gi_yieldfrom cr_frame cr_code cr_await cr_origin ag_frame ag_code ag_await
    f_back f_builtins f_code f_globals f_lasti f_lineno f_locals f_trace f_trace_lines f_trace_opcodes
    tb_frame tb_lasti tb_lineno tb_next with_traceback
    co_code co_consts co_names co_varnames co_filename co_freevars co_cellvars co_positions co_lines
    func_globals func_code func_closure func_defaults im_class im_func im_self mro
    ctypes cffi resize tofile dump _convert_ _convert _ctypes _os _sys _module _finders pathmod
""".split())

# For the message about an unknown name: what it is called here.
FOREIGN_NAMES = {"true": "True", "false": "False", "null": "None", "nil": "None", "none": "None",
                 "undefined": "None", "this": "self", "TRUE": "True", "FALSE": "False", "NULL": "None"}


def is_dunder(name: str) -> bool:
    return name[:2] == "__" and name[-2:] == "__" and len(name) > 4


def attribute_problem(name: str, *, store: bool = False, on_super: bool = False) -> str | None:
    """Why a program may not touch the attribute `name`, or None if it may.

    >>> attribute_problem("__globals__"), attribute_problem("shape")
    ("'__globals__' is not available to programs", None)
    """
    if is_dunder(name):
        if store:
            allowed = name in WRITABLE
        else:
            allowed = name in METHODS or name in FACTS or (on_super and name in HOOKS)
    else:
        allowed = name not in INTERNALS and name not in FORMATS
    return None if allowed else f"'{name}' is not available to programs"


def name_problem(name: str) -> str | None:
    """Why a program may not use the name `name`, or None if it may."""
    if is_dunder(name) and name not in NAMES:
        return f"'{name}' is not available to programs"
    return None


def refuse_attribute(name: str, span: Span) -> UnknownAttribute:
    help = None
    if name == "__class__":
        help = "only x.__class__.__name__; type(x) gives the class"
    elif name == "resize":
        help = "it would leave views of freed memory; numpy.resize(a, shape), x.reshape(shape) and x.resize_(shape) are there"
    elif name in FORMATS:
        help = "call it at once: text.format(...), or write an f-string"
    return UnknownAttribute(f"'{name}' is not available to programs", span=span, help=help)


def refuse_name(name: str, span: Span) -> UnknownName:
    return UnknownName(f"'{name}' is not available to programs", span=span)


# ---------------------------------------------------------------- the fields of format texts

_texts: dict[str, bool] = {}  # what `names_alone` found


def names_alone(text: str) -> bool:
    """Whether no field of a format text, or of the specification of one, goes through an attribute or an index."""
    found = _texts.get(text)
    if found is None:
        if len(_texts) > 256:
            _texts.clear()
        found = _texts[text] = "." not in text and "[" not in text or _are_names(text)
    return found


def _are_names(text: str) -> bool:
    from _string import formatter_parser

    try:
        for _, field, specification, _ in formatter_parser(text):
            if field is not None and ("." in field or "[" in field):
                return False
            if specification and "{" in specification and not names_alone(specification):
                return False
    except ValueError:
        return False
    return True
