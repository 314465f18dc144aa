"""The line at the bottom: the signature of the call being typed, else where things stand.

Plain functions of text and values; gives (style, text) pieces cut to the width of the terminal.
"""

from __future__ import annotations

from ..show import is_tensor
from ..show.help import parameters, signature
from .context import Call, Context
from .peek import Instance, Lookup, Unknown, peek

Pieces = list[tuple[str, str]]


def signature_pieces(text: str, lookup: Lookup) -> Pieces | None:
    """The signature of the innermost open call, the current argument marked; None without one."""
    place = Context(text)
    if place.call is None:
        return None
    try:
        function = peek(place.call.function, lookup)
        if isinstance(function, Instance) or is_tensor(function):
            return None
        said = signature(function, place.call.function)
    except (Unknown, ValueError, TypeError):
        return None
    return marked(said, place.call, _names(function))


def _names(function: object) -> list[str]:
    try:
        return parameters(function)
    except (ValueError, TypeError):
        return []


def marked(said: str, call: Call, names: list[str]) -> Pieces:
    """A signature with the parameter at the cursor in the style `class:argument`.

    >>> marked("f(x, dim=0)", Call("f", 1, None, (), "y"), ["x", "dim"])
    [('', 'f(x, '), ('class:argument', 'dim=0'), ('', ')')]
    """
    head, bracket, rest = said.partition("(")
    parts = _split(rest.removesuffix(")"))
    target = call.keyword if call.keyword in names else None
    at = _position(parts, call.index, target)
    if at is None:
        return [("", said)]
    before, after = ", ".join(parts[:at]), ", ".join(parts[at + 1:])
    return [("", head + bracket + (before + ", " if before else "")), ("class:argument", parts[at]),
            ("", (", " + after if after else "") + ")")]


def _position(parts: list[str], index: int, target: str | None) -> int | None:
    """Which of the written parameters is meant."""
    plain = [at for at, part in enumerate(parts) if part not in ("*", "/")]
    if target is not None:
        return next((at for at in plain if parts[at].partition("=")[0].strip() == target), None)
    for at in plain[:index + 1]:
        if parts[at].startswith("*"):
            return at
    return plain[index] if index < len(plain) and "*" not in parts[:plain[index]] else None


def _split(text: str) -> list[str]:
    """The parameters between commas that stand outside of brackets and strings."""
    parts, depth, start, quote = [], 0, 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def cut(pieces: Pieces, width: int) -> Pieces:
    """The pieces in one line of `width` columns; what is marked stays in sight.

    >>> cut([("", "a long text")], 6)
    [('', 'a lon…')]
    """
    total = sum(len(text) for _, text in pieces)
    if total <= width:
        return pieces
    before = 0
    for style, text in pieces:
        if style and before + len(text) > width - 1:
            first = max(0, before + len(text) - width + 2)
            head = pieces[0][1]
            if 0 < first + 1 < len(head):
                return cut([("", "…" + head[first + 1:]), *pieces[1:]], width)
            break
        before += len(text)
    kept: Pieces = []
    room = width - 1
    for style, text in pieces:
        if room <= 0:
            break
        kept.append((style, text[:room]))
        room -= len(text)
    style, text = kept[-1]
    kept[-1] = (style, text + "…")
    return kept
