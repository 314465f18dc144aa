"""What a tensor is made of, and how objects are made quickly: in C where kernels are compiled, else as Python has it."""

from __future__ import annotations

from contextlib import suppress
from functools import update_wrapper
from itertools import count
from types import FunctionType, MemberDescriptorType

from .. import native
from . import dtypes
from .args import Size, size_of, sizes


class PlainFields:
    """`native.Fields` in Python: the class has what few tensors have another value of."""

    __slots__ = ("__dict__", "__weakref__", "_a", "_v")

    _node = None
    _rg = False
    _leaf = None
    _base = None
    _view = None
    _views = None
    _several = None
    _inference = False
    _half_complex = False
    grad = None

    @property
    def shape(self) -> Size:
        """The sizes of the dims."""
        shape = self._a.shape
        return sizes.get(shape) or size_of(shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The dtype."""
        return dtype_of(self)

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self._a.ndim

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted."""
        return self._rg

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)


def dtype_of(t) -> dtypes.dtype:
    """The dtype of a tensor."""
    found = dtypes.of_numpy(t._a.dtype)
    return dtypes.complex32 if found is dtypes.complex64 and t._half_complex else found


def compiled(method):
    """A decorator: does the common case of a method, or a maker of tensors, in compiled code where there is some."""
    way = native.reading(method.__name__, method) or native.creating(method.__name__, method)
    return update_wrapper(way, method) if way else method


if native.kernels is not None:
    Fields, new, next_sequence = native.Fields, native.new_object, native.next_sequence
    FUNCTIONS: tuple = (FunctionType, native.Way)  # what the function of an op is
else:
    Fields, new, next_sequence = PlainFields, object.__new__, count(1).__next__
    FUNCTIONS = (FunctionType,)

stored_array = Fields._a  # the descriptor: what a subclass makes of `_a` does not count
_members = [member for member in vars(Fields).values() if type(member) is MemberDescriptorType]


def shared_builtin(builtin, fn, signature: str):
    """`fn`, which serves tensors and plain values, with the builtin in its place for what are certainly plain ones."""
    name = builtin.__name__
    return native.shared_builtin(name, f"{name}{signature}\n--\n\n{fn.__doc__}", builtin, fn) or fn


def has_array(t) -> bool:
    """Whether the array of a tensor is there; one that waits is not computed."""
    try:
        stored_array.__get__(t)
    except AttributeError:
        return False
    return True


def copy_fields(t, source) -> None:
    """Gives `t` all that `source` has, the array too."""
    for member in _members:
        with suppress(AttributeError):
            member.__set__(t, member.__get__(source))
    t.__dict__.update(source.__dict__)
