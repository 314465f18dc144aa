"""What the pickle of a checkpoint can hold: references to tensors, storages and arrays, no values yet.

`Globals.table` is the allow list: the names that torch.save uses, each with the function of ours that
takes their arguments. Every size, stride and offset is checked here, before anything is allocated.
"""

from __future__ import annotations

from collections import OrderedDict

from .kinds import BY_STORAGE, KINDS, count
from .limits import MAX_DIMS
from .pickles import Global, PickleProblem
from .source import clean

MAX_EXPANSION = 1 << 32  # elements that a view may claim beyond its storage


class StorageRef:
    """A run of elements in the file: `start` is its byte, or `member` the packed part of the archive."""

    __slots__ = ("dtype", "itemsize", "key", "location", "member", "nbytes", "offset", "root", "start")

    def __init__(self, key: str, dtype: str | None, nbytes: int, location: str):
        self.key, self.dtype, self.nbytes, self.location = key, dtype, nbytes, location
        self.itemsize = KINDS[dtype].itemsize if dtype else 1
        self.start, self.member = None, None
        # A storage may be a view of another one: so in files from before PyTorch 0.4.
        self.root, self.offset = self, 0

    def part(self, view) -> StorageRef:
        """A stretch of this storage, as (key, offset, size) in elements."""
        if not (type(view) is tuple and len(view) == 3 and _size(view[1]) and _size(view[2])
                and (view[1] + view[2]) * self.itemsize <= self.nbytes):
            raise PickleProblem(f"a view of storage {clean(self.key)!r} lies outside of it")
        found = StorageRef(self.key, self.dtype, view[2] * self.itemsize, self.location)
        found.root, found.offset = self, view[1] * self.itemsize
        return found


def _size(value) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


class TensorRef:
    """A tensor of the file: where its first element lies in which storage, and its strides in elements."""

    __slots__ = ("dtype", "flags", "offset", "parameter", "requires_grad", "shape", "storage", "stride")

    def __init__(self, storage: StorageRef | None, dtype: str, offset: int, shape, stride, requires_grad=False,
                 flags=None):
        self.storage, self.dtype, self.offset = storage, dtype, offset
        self.shape, self.stride = tuple(shape), tuple(stride)
        self.requires_grad, self.parameter = bool(requires_grad), False
        self.flags = flags if isinstance(flags, dict) else {}
        self._check()

    def _check(self) -> None:
        said = clean(list(self.shape), 60)
        if len(self.shape) != len(self.stride) or len(self.shape) > MAX_DIMS:
            raise PickleProblem(f"a tensor of shape {said} has {len(self.stride)} strides")
        if not all(map(_size, self.shape)) or not all(map(_size, self.stride)) or not _size(self.offset):
            raise PickleProblem(f"a tensor has the shape {said} and strides {clean(list(self.stride), 60)}")
        elements = count(self.shape)
        if self.storage is None or not elements:
            return
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride, strict=True))
        there = self.storage.nbytes // KINDS[self.dtype].itemsize
        if last >= there:
            raise PickleProblem(f"a tensor of shape {said} reaches element {last} of a storage of {there}")
        if elements > there + MAX_EXPANSION:
            raise PickleProblem(f"a tensor of shape {said} claims {elements} elements over a storage of {there}")

    def set_state(self, state) -> None:
        """Attributes of a tensor are not kept."""

    def contiguous(self) -> bool:
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size != 1 and stride != step:
                return False
            step *= size
        return True

    def place(self) -> int | None:
        """The byte of the file where the values lie in order, if they do."""
        if self.storage is None or self.storage.root.start is None or not self.contiguous() or self.flags:
            return None
        return self.storage.root.start + self.storage.offset + self.offset * KINDS[self.dtype].itemsize


class ArrayRef:
    """A NumPy array inside a pickle: made empty, filled by its state."""

    __slots__ = ("budget", "data", "descr", "fortran", "scalar", "shape")

    def __init__(self, budget: Budget):
        self.shape, self.descr, self.data, self.budget = (0,), None, b"", budget
        self.fortran = self.scalar = False

    def set_state(self, state) -> None:
        if not (type(state) is tuple and len(state) == 5 and type(state[2]) is DtypeRef):
            raise PickleProblem("a NumPy array in the pickle is damaged")
        _, shape, dtype, fortran, data = state
        data = data.encode("latin-1") if isinstance(data, str) else data
        self.fill(shape, dtype, bool(fortran), data)

    def fill(self, shape, dtype: DtypeRef, fortran: bool, data) -> None:
        if not (type(shape) is tuple and len(shape) <= MAX_DIMS and all(map(_size, shape)) and isinstance(data, bytes)
                and count(shape) * dtype.itemsize() == len(data)):
            raise PickleProblem("a NumPy array in the pickle has a shape that does not fit its bytes")
        self.shape, self.descr, self.fortran, self.data = shape, dtype, fortran, data

    def dtype_name(self) -> str:
        return self.descr.kind().name if self.descr is not None else "uint8"


class DtypeRef:
    """A NumPy dtype by its code, such as f4; numbers only."""

    __slots__ = ("big", "code")

    def __init__(self, code, *_flags):
        self.code, self.big = code if isinstance(code, str) else "", False
        self.kind()

    def kind(self):
        from .kinds import BY_NPY

        found = BY_NPY.get(self.code.lstrip("<>=|"))
        if found is None:
            raise PickleProblem(f"NumPy elements of type {clean(self.code)!r} are no numbers")
        return found

    def itemsize(self) -> int:
        return self.kind().itemsize

    def set_state(self, state) -> None:
        self.big = type(state) is tuple and len(state) > 1 and state[1] == ">"


class Named:
    """torch.float32, torch.Size([2]) or device('cuda:0') as the file names it; made real when loaded."""

    __slots__ = ("args", "kind")

    def __init__(self, kind: str, *args):
        self.kind, self.args = kind, args

    def __repr__(self) -> str:
        return f"{self.kind} {', '.join(map(str, self.args))}"


class Budget:
    """What copies a pickle may ask for: a few bytes can ask for the same megabyte again and again."""

    def __init__(self, size: int):
        self.left = (64 << 20) + 4 * size

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise PickleProblem("the pickle makes too many copies of its own data")


def _storage_kinds() -> dict:
    found = {}
    for name, kind in BY_STORAGE.items():
        for module in ("torch", "torch.storage", "torch.cuda"):
            found[f"{module} {name}"] = Named("storage", kind.name)
    for module in ("torch.storage", "torch"):
        found[f"{module} UntypedStorage"] = Named("storage", None)
    return found


def _dtypes() -> dict:
    return {f"torch {name}": Named("dtype", name) for name in KINDS} | {
        "torch half": Named("dtype", "float16"), "torch double": Named("dtype", "float64")}


class Globals:
    """The allow list of one checkpoint."""

    def __init__(self, checkpoint, budget: Budget):
        self.checkpoint, self.budget = checkpoint, budget
        self.table = _STORAGES | {
            "torch._utils _rebuild_tensor": self.tensor, "torch._utils _rebuild_tensor_v2": self.tensor,
            "torch._utils _rebuild_tensor_v3": self.tensor_v3, "torch._utils _rebuild_parameter": self.parameter,
            "torch._utils _rebuild_parameter_with_state": self.parameter,
            "torch._utils _rebuild_meta_tensor_no_storage": self.meta_tensor,
            "torch.nn.parameter Parameter": self.parameter, "torch Tensor": self.bare_tensor,
            "torch._tensor _rebuild_from_type_v2": self.from_type,
            "torch Size": lambda items=(): Named("size", *self._numbers(items)),
            "torch device": lambda kind="cpu", index=None: Named("device", *self._device(kind, index)),
            "torch.serialization _get_layout": lambda name: Named("layout", clean(name)),
            "collections OrderedDict": self.ordered, "collections defaultdict": lambda factory=None: {},
            "collections Counter": self.counter,
            "_codecs encode": self.encoded, **self._builtins(), **self._numpy()}

    def _builtins(self) -> dict:
        found = {}
        for module in ("builtins", "__builtin__"):
            found |= {f"{module} set": lambda items=(): self._set(set, items),
                      f"{module} frozenset": lambda items=(): self._set(frozenset, items),
                      f"{module} complex": lambda a=0, b=0: complex(float(a), float(b)),
                      f"{module} bytearray": self.bytearray, f"{module} dict": dict, f"{module} list": list,
                      f"{module} int": int, f"{module} float": float, f"{module} bytes": bytes}
            # Calls of these would copy or convert; as names (a defaultdict's factory) they are harmless.
            for name in ("dict", "list", "int", "float", "bytes"):
                found[f"{module} {name}"] = lambda *args: self._no_call(args)
        return found

    def _numpy(self) -> dict:
        found = {"numpy ndarray": lambda *args: self._no_call(args), "numpy dtype": DtypeRef}
        for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            found |= {f"{module} _reconstruct": lambda *args: ArrayRef(self.budget), f"{module} scalar": self.scalar}
        return found

    def _no_call(self, args):
        raise PickleProblem("the pickle calls a builtin type")

    # ------------------------------------------------------------ storages and tensors

    def storage(self, kind, key, location, elements) -> StorageRef:
        named = type(kind) is Named and kind.kind == "storage" and isinstance(key, (str, int))
        if not named or not _size(elements):
            raise PickleProblem("a persistent id names no storage")
        dtype = kind.args[0]
        nbytes = elements * (KINDS[dtype].itemsize if dtype else 1)
        return StorageRef(str(key), dtype, nbytes, location if isinstance(location, str) else "cpu")

    def tensor(self, storage, offset, shape, stride, requires_grad=False, hooks=None, flags=None) -> TensorRef:
        self._is_storage(storage)
        return TensorRef(storage, storage.dtype or "uint8", offset, self._numbers(shape), self._numbers(stride),
                         requires_grad, flags)

    def tensor_v3(self, storage, offset, shape, stride, requires_grad, hooks, dtype, flags=None) -> TensorRef:
        self._is_storage(storage)
        return TensorRef(storage, self._dtype(dtype), offset, self._numbers(shape), self._numbers(stride),
                         requires_grad, flags)

    def meta_tensor(self, dtype, shape, stride, requires_grad=False) -> TensorRef:
        return TensorRef(None, self._dtype(dtype), 0, self._numbers(shape), self._numbers(stride), requires_grad)

    def bare_tensor(self, *args):
        raise PickleProblem("the pickle makes a tensor without its data")

    def parameter(self, data, requires_grad=True, hooks=None, state=None) -> TensorRef:
        if type(data) is not TensorRef:
            raise PickleProblem("a Parameter holds no tensor")
        found = TensorRef(data.storage, data.dtype, data.offset, data.shape, data.stride, requires_grad, data.flags)
        found.parameter = True
        return found

    def from_type(self, function, kind, args, state):
        """A tensor with attributes: the tensor."""
        if type(function) is not Global or function.make is None or type(args) is not tuple:
            raise PickleProblem("a tensor with attributes is made by an unknown function")
        return function.make(*args)

    def _is_storage(self, storage) -> None:
        if type(storage) is not StorageRef:
            raise PickleProblem("a tensor refers to no storage")

    def _dtype(self, value) -> str:
        if type(value) is not Named or value.kind != "dtype":
            raise PickleProblem("a tensor has no dtype")
        return value.args[0]

    def _numbers(self, items) -> tuple:
        if type(items) is Named and items.kind == "size":
            return items.args
        if type(items) not in (tuple, list) or len(items) > MAX_DIMS or not all(type(n) is int for n in items):
            raise PickleProblem(f"{clean(items, 60)} is no shape")
        return tuple(items)

    def _device(self, kind, index) -> tuple:
        if not isinstance(kind, str) or len(kind) > 20 or not (index is None or type(index) is int):
            raise PickleProblem("a device has no name")
        return kind, index

    # ------------------------------------------------------------ plain values

    def ordered(self, items=()) -> OrderedDict:
        self.budget.take(64 * len(items))
        if any(type(each) not in (tuple, list) or len(each) != 2 or type(each[0]) is tuple for each in items):
            raise PickleProblem("an OrderedDict is made of something that is no pairs")
        return OrderedDict(items)

    def counter(self, items=None) -> dict:
        self.budget.take(64 * len(items or ()))
        return dict(items) if isinstance(items, dict) else {}

    def _set(self, kind, items):
        self.budget.take(64 * len(items))
        if any(type(each) is tuple or type(each) is int and each.bit_length() > 64 for each in items):
            raise PickleProblem("a set holds tuples or huge numbers")
        return kind(items)

    def encoded(self, text, encoding="utf-8") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
            raise PickleProblem("the pickle encodes something that is no text")
        self.budget.take(len(text))
        return text.encode(encoding)

    def bytearray(self, data=b"", encoding=None) -> bytearray:
        if isinstance(data, str):
            data = self.encoded(data, encoding or "latin-1")
        if not isinstance(data, (bytes, bytearray)):
            raise PickleProblem("a bytearray is made of something that is no bytes")
        self.budget.take(len(data))
        return bytearray(data)

    def scalar(self, dtype, data=b"") -> ArrayRef:
        found = ArrayRef(self.budget)
        data = data.encode("latin-1") if isinstance(data, str) else data
        if type(dtype) is not DtypeRef:
            raise PickleProblem("a NumPy number has no type")
        found.fill((), dtype, False, data)
        found.scalar = True
        return found


_STORAGES = _storage_kinds() | _dtypes()
