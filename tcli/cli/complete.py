"""Completion: what could stand at the cursor.

`candidates` is a function of the text before the cursor and of two callables, `names()` and
`lookup(name)`; it never runs program code beyond reading attributes of named values. The class at
the end hands it to prompt-toolkit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ..lang.tokens import KEYWORDS
from ..show.help import parameters, summary

FILE_CALLS = ("load", "open", "save", "read_csv", "imread", "from_file", "Path")
MAX_CANDIDATES = 400

Names = Callable[[], Iterable[str]]
Lookup = Callable[[str], object]


def candidates(text: str, names: Names, lookup: Lookup) -> tuple[int, list[tuple[str, str]]]:
    """(how many characters before the cursor are replaced, [(text, remark)])."""
    quoted = open_string(text)
    if quoted is not None:
        call, typed = quoted
        return _files(typed) if call.rpartition(".")[2] in FILE_CALLS else (0, [])
    word = trailing_name(text)
    base, dot, stem = word.rpartition(".")
    if dot:
        return len(stem), _attributes(base, stem, lookup)
    if not word and not text.rstrip().endswith(("(", ",")):
        return 0, []
    found = _keywords(text, word, lookup) if word == stem else []
    if word:
        found += _names(word, names, lookup)
    return len(word), found[:MAX_CANDIDATES]


def trailing_name(text: str) -> str:
    """The dotted name that ends at the cursor: `F.rel` of `y = F.rel`."""
    start = len(text)
    while start and (text[start - 1].isalnum() or text[start - 1] in "_."):
        start -= 1
    name = text[start:]
    return name if not name[:1].isdigit() else ""


def open_string(text: str) -> tuple[str, str] | None:
    """(the call it is an argument of, what is typed) if the cursor is inside a string."""
    line, quote, start = text.rpartition("\n")[2], "", 0
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote, start = char, at
        elif char == "#":
            return None
    if not quote:
        return None
    return trailing_name(line[:start].rstrip().removesuffix("(")), line[start + 1:]


def open_call(text: str) -> str | None:
    """The name of the innermost call that is open at the cursor: `F.relu` of `x + F.relu(y, `."""
    depth, at, quote = 0, len(text), ""
    while at:
        at -= 1
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in ")]}":
            depth += 1
        elif char in "([{" and depth:
            depth -= 1
        elif char == "(":
            return trailing_name(text[:at]) or None
        elif char in "[{":
            continue
    return None


def resolve(name: str, lookup: Lookup) -> object:
    """The value of a dotted name; AttributeError or KeyError if there is none."""
    root, *rest = name.split(".")
    value = lookup(root)
    for each in rest:
        if each.startswith("__"):
            raise AttributeError(each)
        value = getattr(value, each)
    return value


def _attributes(base: str, stem: str, lookup: Lookup) -> list[tuple[str, str]]:
    try:
        value = resolve(base, lookup)
        found = [name for name in dir(value) if name.startswith(stem)]
    except Exception:
        return []
    if not stem.startswith("_"):
        found = [name for name in found if not name.startswith("_")]
    return [(name, "") for name in sorted(found) if not name.startswith("__")][:MAX_CANDIDATES]


def _names(word: str, names: Names, lookup: Lookup) -> list[tuple[str, str]]:
    known = {name for name in names() if name.startswith(word)}
    if not word.startswith("_"):
        known = {name for name in known if not name.startswith("_")}
    found = [(name, _remark(name, lookup)) for name in sorted(known, key=lambda each: (each.lower(), each))]
    return found + [(each, "keyword") for each in sorted(KEYWORDS) if each.startswith(word) and each not in known]


def _remark(name: str, lookup: Lookup) -> str:
    try:
        return summary(lookup(name))[:60]
    except Exception:
        return ""


def _keywords(text: str, word: str, lookup: Lookup) -> list[tuple[str, str]]:
    """Parameters of the open call, as `dim=`."""
    before = text[:len(text) - len(word)].rstrip()
    if not before.endswith(("(", ",")):
        return []
    call = open_call(before)
    try:
        found = parameters(resolve(call, lookup)) if call else []
    except Exception:
        return []
    return [(f"{name}=", "argument") for name in found if name.startswith(word)]


def _files(typed: str) -> tuple[int, list[tuple[str, str]]]:
    folder, stem = os.path.split(typed)
    try:
        entries = sorted(os.listdir(os.path.expanduser(folder) or "."))
    except OSError:
        return 0, []
    found = []
    for entry in entries:
        if entry.startswith(stem) and (stem or not entry.startswith(".")):
            is_folder = os.path.isdir(os.path.join(folder, entry))
            found.append((entry + "/" if is_folder else entry, "folder" if is_folder else "file"))
    return len(stem), found[:MAX_CANDIDATES]


class TcliCompleter(Completer):
    """`candidates` for prompt-toolkit."""

    def __init__(self, names: Names, lookup: Lookup):
        self.names, self.lookup = names, lookup

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        length, found = candidates(document.text_before_cursor, self.names, self.lookup)
        for text, remark in found:
            yield Completion(text, start_position=-length, display_meta=remark)
