"""A reader of pickles that runs nothing.

`Reader(data).load()` walks the opcodes of protocols 0 to 5 and builds plain containers, numbers and
text. A global of the file is only a name here: it stands for a value if the caller's table has it, and
is an error (or, for looking only, an inert `Stub`) if not. No class of the file is imported or called.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

MAX_MEMO = 10_000_000
MAX_STEPS = 20_000_000  # opcodes: some seconds of work


class PickleProblem(ValueError):
    """The pickle is damaged, or asks for what is not allowed; `at` is the byte in its data."""

    def __init__(self, text: str, at: int = 0, name: str | None = None):
        super().__init__(text)
        self.at, self.global_name = at, name


class Global:
    """A name of the file, such as torch._utils._rebuild_tensor_v2; `make` builds what a call of it means."""

    __slots__ = ("make", "name")

    def __init__(self, name: str, make: Callable | None):
        self.name, self.make = name, make


class Stub:
    """An object of a class that is not allowed: its class's name, what it was made from, its state."""

    __slots__ = ("args", "items", "name", "state")

    def __init__(self, name: str, args=()):
        self.name, self.args, self.state, self.items = name, args, None, []


# Packages whose names no honest checkpoint has: they are refused even where the file is only looked at.
_HARMFUL = frozenset("""os posix nt sys subprocess builtins __builtin__ shutil socket pickle _pickle importlib runpy
    pty ctypes webbrowser code codeop operator functools timeit tcli marshal types inspect io pathlib tempfile urllib http
    multiprocessing threading signal asyncio pip pydoc bdb pdb trace profile cProfile""".split())
_KEYS = frozenset((str, int, float, bool, bytes, complex, type(None)))


class _Mark:
    __slots__ = ()


_MARK = _Mark()


class Reader:
    """Reads one pickle after the other from bytes.

    table:      "module name" -> function of the call's arguments, or a value that is no function.
    persistent: makes the value of a persistent id.
    lenient:    makes a Stub for a global that is not in the table, instead of an error.
    """

    def __init__(self, data, table: dict, persistent: Callable | None = None, *, at: int = 0, lenient: bool = False,
                 encoding: str = "utf-8"):
        self.data, self.table, self.persistent, self.at, self.lenient = data, table, persistent, at, lenient
        self.encoding = encoding
        self.unknown: list[str] = []

    def load(self) -> object:
        """The next pickled value; `at` is then behind it."""
        self.stack: list = []
        self.memo: dict[int, object] = {}
        size = len(self.data)
        try:
            for _ in range(MAX_STEPS):
                if self.at >= size:
                    raise PickleProblem("the pickle ends before its stop", self.at)
                op = self.data[self.at]
                self.at += 1
                if op == 0x2E:  # '.'
                    return self._finished()
                step = _STEPS[op]
                if step is None:
                    raise PickleProblem(f"byte 0x{op:02x} is no pickle opcode", self.at - 1)
                step(self)
            raise PickleProblem("the pickle has more steps than any checkpoint")
        except PickleProblem as problem:
            problem.at = problem.at or self.at
            raise
        except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
            raise PickleProblem(f"the pickle is damaged ({type(error).__name__})", self.at) from None

    def _finished(self):
        value = self.stack.pop()
        if value is _MARK or self.stack:
            raise PickleProblem("the pickle leaves values behind", self.at)
        return value

    # ------------------------------------------------------------ bytes

    def take(self, count: int) -> bytes:
        end = self.at + count
        if count < 0 or end > len(self.data):
            raise PickleProblem(f"the pickle is cut short: {count} bytes are wanted at byte {self.at}", self.at)
        found = bytes(self.data[self.at:end])
        self.at = end
        return found

    def number(self, width: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(width), "little", signed=signed)

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.at, self.at + 4096)
        if end < 0:
            raise PickleProblem("a line of the pickle has no end", self.at)
        found = bytes(self.data[self.at:end])
        self.at = end + 1
        return found

    # ------------------------------------------------------------ stack

    def push(self, value) -> None:
        self.stack.append(value)

    def pop(self):
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError
        return value

    def since_mark(self) -> list:
        stack = self.stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError
        found = stack[at + 1:]
        del stack[at:]
        return found

    def remember(self, key: int) -> None:
        if len(self.memo) > MAX_MEMO:
            raise PickleProblem("the pickle remembers too many values", self.at)
        self.memo[key] = self.stack[-1]

    # ------------------------------------------------------------ names and calls

    def global_of(self, module: object, name: object) -> object:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError
        full = f"{module} {name}"
        if full in self.table:
            value = self.table[full]
            return Global(f"{module}.{name}", value) if callable(value) else value
        dotted = f"{module}.{name}"
        if not self.lenient or module.partition(".")[0] in _HARMFUL:
            raise self._refused(dotted)
        self.unknown.append(dotted)
        return Global(dotted, None)

    def _refused(self, name: str) -> PickleProblem:
        return PickleProblem(f"Unsupported global: GLOBAL {name} was not an allowed global by default", self.at, name)

    def call(self, function, args) -> object:
        if type(function) is not Global or type(args) is not tuple:
            raise PickleProblem("the pickle calls something that is no allowed function", self.at)
        if function.make is None:
            raise self._refused(function.name)
        return function.make(*args)

    def new(self, cls, args) -> object:
        """An object of a class: for looking only, one of an unknown class is a Stub. A call never is."""
        if type(cls) is Global and cls.make is None and type(args) is tuple:
            return Stub(cls.name, args)
        return self.call(cls, args)

    def build(self, target, state) -> None:
        if type(target) is Stub:
            target.state = state
        elif hasattr(target, "set_state"):
            target.set_state(state)
        elif type(state) is dict and isinstance(target, dict):
            # OrderedDicts of state_dicts carry `_metadata` as an attribute.
            metadata = state.get("_metadata")
            if metadata is not None and hasattr(target, "__dict__"):
                target._metadata = metadata
        else:
            raise PickleProblem(f"the pickle sets the state of a {type(target).__name__}", self.at)

    def extend(self, target, items: list) -> None:
        if type(target) is list:
            target.extend(items)
        elif type(target) is Stub:
            target.items.extend(items)
        else:
            raise ValueError

    def set_items(self, target, items: list) -> None:
        if len(items) % 2:
            raise ValueError
        if type(target) is Stub:
            target.items.extend(zip(items[::2], items[1::2], strict=True))
            return
        if not isinstance(target, dict):
            raise ValueError
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.check_key(key)
            target[key] = value

    def check_key(self, key) -> None:
        """Keys must be cheap to hash: a nested tuple can take forever, huge numbers can all collide."""
        kind = type(key)
        if kind is tuple:
            if len(key) > 1000 or any(type(each) is tuple for each in key):
                raise PickleProblem("a key is a nested tuple", self.at)
            for each in key:
                self.check_key(each)
        elif kind is int and key.bit_length() > 64:
            raise PickleProblem("a key is a number of more than 64 bits", self.at)
        elif kind not in _KEYS:
            raise PickleProblem(f"a {kind.__name__} cannot be a key", self.at)

    def checked_set(self, kind: type, items) -> object:
        for each in items:
            self.check_key(each)
        return kind(items)


# ---------------------------------------------------------------- opcodes

_STEPS: list = [None] * 256


def _op(char: str | int):
    code = ord(char) if isinstance(char, str) else char

    def declare(function):
        _STEPS[code] = function
        return function
    return declare


def _constants() -> None:
    for code, value in ((ord("N"), None), (0x88, True), (0x89, False)):
        _STEPS[code] = lambda r, value=value: r.stack.append(value)
    for code, maker in ((ord("}"), dict), (ord("]"), list), (ord(")"), tuple), (0x8F, set)):
        _STEPS[code] = lambda r, maker=maker: r.stack.append(maker())
    for code, width in ((ord("K"), 1), (ord("M"), 2)):
        _STEPS[code] = lambda r, width=width: r.stack.append(r.number(width))
    _STEPS[ord("J")] = lambda r: r.stack.append(r.number(4, True))
    _STEPS[ord("(")] = lambda r: r.stack.append(_MARK)
    for code, width in ((ord("X"), 4), (0x8C, 1), (0x8D, 8)):
        _STEPS[code] = lambda r, width=width: r.stack.append(r.take(r.number(width)).decode("utf-8", "surrogatepass"))
    for code, width in ((ord("B"), 4), (ord("C"), 1), (0x8E, 8)):
        _STEPS[code] = lambda r, width=width: r.stack.append(r.take(r.number(width)))
    for code, width in ((ord("T"), 4), (ord("U"), 1)):
        _STEPS[code] = lambda r, width=width: r.stack.append(_old_text(r, r.take(r.number(width))))
    for code, width in ((ord("q"), 1), (ord("r"), 4)):
        _STEPS[code] = lambda r, width=width: r.remember(r.number(width))
    for code, width in ((ord("h"), 1), (ord("j"), 4)):
        _STEPS[code] = lambda r, width=width: r.stack.append(r.memo[r.number(width)])
    for code, count in ((0x85, 1), (0x86, 2), (0x87, 3)):
        _STEPS[code] = lambda r, count=count: _tuple(r, count)


def _old_text(r: Reader, data: bytes):
    """A string of Python 2: text where it can be."""
    if r.encoding == "bytes":
        return data
    try:
        return data.decode(r.encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _tuple(r: Reader, count: int) -> None:
    items = [r.pop() for _ in range(count)]
    r.push(tuple(reversed(items)))


_constants()


@_op(0x80)
def _proto(r: Reader) -> None:
    version = r.number(1)
    if version > 5:
        raise PickleProblem(f"pickle protocol {version} is not known", r.at)


@_op(0x95)
def _frame(r: Reader) -> None:
    r.number(8)


@_op("I")
def _int(r: Reader) -> None:
    text = r.line()
    r.push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))


@_op("L")
def _long(r: Reader) -> None:
    r.push(int(r.line().rstrip(b"L")))


@_op("F")
def _float_text(r: Reader) -> None:
    r.push(float(r.line()))


@_op("G")
def _float(r: Reader) -> None:
    r.push(struct.unpack(">d", r.take(8))[0])


@_op(0x8A)
def _long1(r: Reader) -> None:
    r.push(r.number(r.number(1), True))


@_op(0x8B)
def _long4(r: Reader) -> None:
    width = r.number(4, True)
    if not 0 <= width <= 4096:
        raise PickleProblem(f"a number of {width} bytes", r.at)
    r.push(r.number(width, True))


@_op("S")
def _string(r: Reader) -> None:
    text = r.line().strip()
    if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
        raise ValueError
    r.push(_old_text(r, text[1:-1].decode("latin-1").encode("latin-1", "backslashreplace").decode("unicode_escape")
                     .encode("latin-1")))


@_op("V")
def _unicode(r: Reader) -> None:
    r.push(r.line().decode("raw-unicode-escape"))


@_op(0x96)
def _bytearray(r: Reader) -> None:
    r.push(bytearray(r.take(r.number(8))))


@_op("t")
def _tuple_mark(r: Reader) -> None:
    r.push(tuple(r.since_mark()))


@_op("l")
def _list_mark(r: Reader) -> None:
    r.push(r.since_mark())


@_op("d")
def _dict_mark(r: Reader) -> None:
    items, found = r.since_mark(), {}
    r.set_items(found, items)
    r.push(found)


@_op("a")
def _append(r: Reader) -> None:
    value = r.pop()
    r.extend(r.stack[-1], [value])


@_op("e")
def _appends(r: Reader) -> None:
    items = r.since_mark()
    r.extend(r.stack[-1], items)


@_op("s")
def _setitem(r: Reader) -> None:
    value, key = r.pop(), r.pop()
    r.set_items(r.stack[-1], [key, value])


@_op("u")
def _setitems(r: Reader) -> None:
    items = r.since_mark()
    r.set_items(r.stack[-1], items)


@_op(0x90)
def _additems(r: Reader) -> None:
    items = r.since_mark()
    if type(r.stack[-1]) is not set:
        raise ValueError
    r.stack[-1] |= r.checked_set(set, items)


@_op(0x91)
def _frozenset(r: Reader) -> None:
    r.push(r.checked_set(frozenset, r.since_mark()))


@_op("0")
def _pop(r: Reader) -> None:
    r.stack.pop()


@_op("1")
def _pop_mark(r: Reader) -> None:
    r.since_mark()


@_op("2")
def _dup(r: Reader) -> None:
    r.push(r.stack[-1])


@_op("p")
def _put(r: Reader) -> None:
    r.remember(int(r.line()))


@_op("g")
def _get(r: Reader) -> None:
    r.push(r.memo[int(r.line())])


@_op(0x94)
def _memoize(r: Reader) -> None:
    r.remember(len(r.memo))


@_op("c")
def _global(r: Reader) -> None:
    module, name = r.line().decode("utf-8"), r.line().decode("utf-8")
    r.push(r.global_of(module, name))


@_op(0x93)
def _stack_global(r: Reader) -> None:
    name, module = r.pop(), r.pop()
    r.push(r.global_of(module, name))


@_op("R")
def _reduce(r: Reader) -> None:
    args, function = r.pop(), r.pop()
    r.push(r.call(function, args))


@_op(0x81)
def _newobj(r: Reader) -> None:
    args, cls = r.pop(), r.pop()
    r.push(r.new(cls, args))


@_op(0x92)
def _newobj_ex(r: Reader) -> None:
    kwargs, args, cls = r.pop(), r.pop(), r.pop()
    if kwargs:
        raise PickleProblem("the pickle makes an object with keyword arguments", r.at)
    r.push(r.new(cls, args))


@_op("i")
def _inst(r: Reader) -> None:
    module, name = r.line().decode("utf-8"), r.line().decode("utf-8")
    args = tuple(r.since_mark())
    r.push(r.call(r.global_of(module, name), args))


@_op("o")
def _obj(r: Reader) -> None:
    cls, *args = r.since_mark()
    r.push(r.call(cls, tuple(args)))


@_op("b")
def _build(r: Reader) -> None:
    state = r.pop()
    r.build(r.stack[-1], state)


@_op("P")
def _persid(r: Reader) -> None:
    r.push(_persistent(r, r.line().decode("ascii")))


@_op("Q")
def _binpersid(r: Reader) -> None:
    r.push(_persistent(r, r.pop()))


def _persistent(r: Reader, value):
    if r.persistent is None:
        raise PickleProblem("the pickle refers to values outside of it", r.at)
    return r.persistent(value)
