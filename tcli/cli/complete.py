"""Completion: what could stand at the cursor.

`candidates` is a function of the text before the cursor and of callables that know the names; it never
runs program code (`peek.py`). What begins like the typed part comes first; if nothing does, what holds
its letters in order. The class at the end hands it to prompt-toolkit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ..lang.names import attribute_problem
from ..lang.tokens import KEYWORDS
from ..show import is_tensor
from ..show.help import parameters, summary
from .context import Call, Context
from .peek import Instance, Lookup, Unknown, attribute, keys_of, peek

FILE_CALLS = ("load", "open", "save", "read_csv", "imread", "from_file", "Path", "loadtxt", "savetxt", "save_file",
              "load_file")
DEVICES = (("cpu", "this machine's processor"), ("cuda", "the current GPU"), ("meta", "shapes without values"))
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64",
          "complex128")
MAX_CANDIDATES, MAX_NAMES = 1000, 200
_REMARK = 60

Names = Callable[[], Iterable[str]]
Candidates = list[tuple[str, str]]


class Known:
    """The callables that completion asks: names, their values, modules, and commands."""

    def __init__(self, names: Names, lookup: Lookup, modules: Names = tuple, module: Lookup | None = None,
                 commands: Callable[[str], tuple[int, Candidates]] | None = None):
        self.names, self.lookup, self.modules, self.commands = names, lookup, modules, commands
        self.module = module or lookup


def candidates(text: str, known: Known) -> tuple[int, Candidates]:
    """(how many characters before the cursor are replaced, [(text, remark)])."""
    if text.startswith(":") and known.commands is not None:
        return known.commands(text)
    if text.startswith("!"):
        return files(text.rpartition(" ")[2])
    if text.startswith("?"):
        text = text.lstrip("?")
    place = Context(text)
    if place.string:
        return _in_string(place, known)
    if place.statement[:1] in (["import"], ["from"]):
        return _imports(place, known)
    if place.base is not None:
        return len(place.stem), _attributes(place, known)
    found = _in_call(place, known)
    if place.stem and not (place.call and place.call.keyword == "dim" and found):
        found = found + _names(place.stem, known)
    return len(place.stem), found[:MAX_CANDIDATES]


def matching(stem: str, found: Iterable[str]) -> list[str]:
    """Those that begin with `stem`; without any, those that begin so in another case, or hold its letters in order.

    >>> matching("rel", ["prelu", "relu"]), matching("batnorm", ["BatchNorm1d", "Linear"])
    (['relu'], ['BatchNorm1d'])
    """
    every = list(found)
    if not stem:
        return every
    lower = stem.lower()
    return ([each for each in every if each.startswith(stem)]
            or [each for each in every if each.lower().startswith(lower)]
            or [each for each in every if len(stem) > 1 and _holds(lower, each.lower())])


def _holds(letters: str, name: str) -> bool:
    rest = iter(name)
    return name[:1] == letters[:1] and all(letter in rest for letter in letters)


# ---------------------------------------------------------------- names and attributes

def _names(stem: str, known: Known) -> Candidates:
    every = {*known.names(), *KEYWORDS}
    if not stem.startswith("_"):
        every = {name for name in every if not name.startswith("_")}
    found = sorted(matching(stem, every), key=lambda each: (each.lower(), each))[:MAX_NAMES]
    return [(name, "keyword" if name in KEYWORDS else _remark(name, known)) for name in found]


def _remark(name: str, known: Known) -> str:
    try:
        return summary(known.lookup(name))[:_REMARK]
    except Exception:
        return ""


def _attributes(place: Context, known: Known) -> Candidates:
    try:
        value = peek(place.base or "", known.lookup)
        kind = value.kind if isinstance(value, Instance) else value
        every = sorted({name for name in dir(kind) if not attribute_problem(name)})
    except Exception:
        return []
    if not place.stem.startswith("_"):
        every = [name for name in every if not name.startswith("_")]
    return [(name, _about(value, name)) for name in matching(place.stem, every)[:MAX_CANDIDATES]]


def _about(value: object, name: str) -> str:
    """The type of an attribute, the summary of a method."""
    if is_tensor(value) and name in ("T", "mT", "H", "mH", "data", "real", "imag"):
        return ""  # each would make a tensor
    try:
        return summary(attribute(value, name))[:_REMARK]
    except Exception:
        return ""


# ---------------------------------------------------------------- arguments

def _in_call(place: Context, known: Known) -> Candidates:
    """What fits the argument at the cursor: values of a keyword that is given, else names of keywords."""
    call = place.call
    if call is None or not place.fresh:
        return []
    method = call.function.rpartition(".")[2]
    if call.keyword in ("dim", "start_dim", "end_dim", "dim0", "dim1"):
        return _dims(call, place.stem, known)
    if call.keyword == "dtype" or call.keyword is None and method == "type":
        return _dtypes(place.stem)
    if call.keyword == "device":
        return _devices(place.stem, known, '"')
    if call.keyword is not None:
        return []
    found = _keywords(call, place.stem, known)
    if method == "to" and not call.index:
        found = _devices(place.stem, known, '"') + _dtypes(place.stem) + found
    return found


def _keywords(call: Call, stem: str, known: Known) -> Candidates:
    try:
        found = parameters_of(peek(call.function, known.lookup))
    except Exception:
        return []
    free = [each for each in found if each[0] not in call.keywords and each[1] >= call.index]
    remarks = {f"{name}=": remark for name, _, remark in free}
    return [(each, remarks[each]) for each in remarks if each.startswith(stem)]


def parameters_of(function: object) -> list[tuple[str, int, str]]:
    """(name, position or a large number, what it takes) of what a call may give by keyword."""
    op = getattr(function, "op", None)
    if op is not None and hasattr(op, "kinds"):
        skip = 1 if getattr(function, "__self__", None) is not None or hasattr(function, "is_method") else 0
        return [(name, index - skip if index < op.n_positional else 1 << 10, _kind_of(op, index))
                for index, name in enumerate(op.names)]
    from inspect import Parameter, signature

    found = []
    shown = parameters(function)
    for index, each in enumerate(signature(function).parameters.values()):  # type: ignore[arg-type]
        if each.name in shown:
            default = "" if each.default is Parameter.empty else f"default {each.default!r}"
            found.append((each.name, index if each.kind is Parameter.POSITIONAL_OR_KEYWORD else 1 << 10, default))
    return found


def _kind_of(op, index: int) -> str:
    kind = op.kinds[index].rstrip("?").lower()
    kind = {"any": "", "operand": "tensor or number"}.get(kind, kind)
    if index < op.required:
        return kind
    return f"{kind}, default {op.defaults[index]!r}".lstrip(", ")


def _dims(call: Call, stem: str, known: Known) -> Candidates:
    """The dims of the very tensor: of `x` in `x.sum(dim=` and in `softmax(x, dim=`."""
    if stem:
        return []
    base = call.function.rpartition(".")[0]
    for text in (base, call.first):
        try:
            value = peek(text, known.lookup)
        except Unknown:
            continue
        if is_tensor(value):
            return _dims_of(value)
    return []


def _dims_of(tensor) -> Candidates:
    shape, names = tuple(tensor.shape), getattr(tensor, "_dim_names", None) or ()
    said = [f"size {size}" + (f", {names[dim]}" if dim < len(names) and names[dim] else "")
            for dim, size in enumerate(shape)]
    count = len(shape)
    return [(str(dim), said[dim]) for dim in range(count)] + [(str(dim), said[dim]) for dim in range(-count, 0)]


def _dtypes(stem: str) -> Candidates:
    return [("torch." + name, "dtype") for name in DTYPES if ("torch." + name).startswith(stem) or name.startswith(stem)]


def _devices(stem: str, known: Known, quote: str) -> Candidates:
    return [(f"{quote}{name}{quote}", remark) for name, remark in DEVICES if not stem]


# ---------------------------------------------------------------- strings and imports

def _in_string(place: Context, known: Known) -> tuple[int, Candidates]:
    if place.item is not None:
        return len(place.stem), _keys(place, known)
    call = place.call
    if call is None:
        return 0, []
    method = call.function.rpartition(".")[2]
    if call.keyword == "device" or method in ("to", "device", "set_default_device"):
        return len(place.stem), [each for each in DEVICES if each[0].startswith(place.stem)]
    return files(place.stem) if method in FILE_CALLS else (0, [])


def _keys(place: Context, known: Known) -> Candidates:
    """The keys of a mapping: the names in a state_dict, the columns of a table."""
    try:
        value = peek(place.item or "", known.lookup)
        keys = keys_of(value)
    except Exception:
        return []
    return [(key, _remark_of_item(value, key)) for key in matching(place.stem, keys)[:MAX_CANDIDATES]]


def _remark_of_item(value, key: str) -> str:
    try:
        return summary(value[key])[:_REMARK] if isinstance(value, dict) else ""
    except Exception:
        return ""


def _imports(place: Context, known: Known) -> tuple[int, Candidates]:
    words = place.statement
    if words[0] == "from" and "import" in words:
        try:
            module = known.module("".join(words[1:words.index("import")]))
            names = [name for name in dir(module) if not name.startswith("_")]
        except Exception:
            return 0, []
        return len(place.stem), [(name, "") for name in matching(place.stem, names)[:MAX_CANDIDATES]]
    path = "".join(word for word in words[1:] if word != ",") if words[0] == "from" else _last_path(words)
    stem = path + place.stem
    return len(stem), [(name, "module") for name in matching(stem, sorted(known.modules()))]


def _last_path(words: list[str]) -> str:
    """`torch.nn.` of `import math, torch.nn.`."""
    rest = words[1:]
    while "," in rest:
        rest = rest[rest.index(",") + 1:]
    return "".join(rest)


def files(typed: str) -> tuple[int, Candidates]:
    """The entries of a folder that go on from what is typed."""
    folder, stem = os.path.split(typed)
    try:
        entries = sorted(os.listdir(os.path.expanduser(folder) or "."))
    except OSError:
        return 0, []
    found = []
    for entry in entries:
        if entry.startswith(stem) and (stem or not entry.startswith(".")):
            is_folder = os.path.isdir(os.path.join(os.path.expanduser(folder), entry))
            found.append((entry + "/" if is_folder else entry, "folder" if is_folder else "file"))
    return len(stem), found[:MAX_CANDIDATES]


class TcliCompleter(Completer):
    """`candidates` for prompt-toolkit."""

    def __init__(self, known: Known):
        self.known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        length, found = candidates(document.text_before_cursor, self.known)
        for text, remark in found:
            yield Completion(text, start_position=-length, display_meta=remark)
