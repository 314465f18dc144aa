"""What stands at the cursor: the name being typed, the call and the brackets that are open around it.

Reads the text before the cursor with our own tokens, so that strings, comments and brackets inside
them are what they are in the language. Knows no values.
"""

from __future__ import annotations

from ..lang.tokens import CLOSING, tokenize
from ..source import Source

_KIND, _TEXT, _START, _END = 0, 1, 6, 7


class Call:
    """An open call: its function as written, which argument the cursor is in, and the first one."""

    __slots__ = ("first", "function", "index", "keyword", "keywords")

    def __init__(self, function: str, index: int, keyword: str | None, keywords: tuple[str, ...], first: str):
        self.function = function
        self.index, self.keyword, self.keywords, self.first = index, keyword, keywords, first


class Context:
    """Where the cursor is.

    stem: what is typed of a name or a string.    base: what stands before the dot, if anything.
    string: whether the cursor is in a string.    item: what is subscripted, in `x["`.
    call: the innermost open call.                fresh: whether an argument starts at the stem.
    statement: the tokens' texts of the statement up to the cursor.
    """

    __slots__ = ("base", "call", "fresh", "item", "statement", "stem", "string")

    def __init__(self, text: str):
        self.stem, self.base, self.string, self.item, self.fresh = "", None, False, None, False
        self.call: Call | None = None
        tokens = [token for token in tokenize(Source(text)) if token[_END] > token[_START]]
        if self._in_comment(text, tokens):
            self.statement: list[str] = ["#"]
            return
        self._take_stem(text, tokens)
        self.statement = _statement(text, tokens)
        opened = _open_brackets(tokens)
        if self.string and tokens and tokens[-1][_KIND] == "[":
            self.item = _chain(text, tokens, len(tokens) - 1)
        self.fresh = bool(tokens) and tokens[-1][_KIND] in ("(", ",", "=")
        self.call = _call(text, tokens, opened)

    def _in_comment(self, text: str, tokens: list) -> bool:
        end = tokens[-1][_END] if tokens else 0
        return "#" in text[end:].rpartition("\n")[2]

    def _take_stem(self, text: str, tokens: list) -> None:
        """Takes the name or string that ends at the cursor off the tokens."""
        if not tokens or tokens[-1][_END] < len(text):
            return
        last = tokens[-1]
        said = text[last[_START]:]
        bare = said.lstrip("rbfuRBFU")
        if last[_KIND] == "ERROR" and bare[:1] in "'\"" and bare:
            self.stem, self.string = bare.lstrip(bare[0]), True
            tokens.pop()
            return
        if said.isidentifier():
            self.stem = said
            tokens.pop()
        elif last[_KIND] != ".":
            return
        if tokens and tokens[-1][_KIND] == ".":
            self.base = _chain(text, tokens, len(tokens) - 1) or ""


def _statement(text: str, tokens: list) -> list[str]:
    """The words of the line that the cursor is in."""
    line = text.rfind("\n") + 1
    return [text[token[_START]:token[_END]] for token in tokens if token[_START] >= line]


def _open_brackets(tokens: list) -> list[int]:
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token[_KIND] in ("(", "[", "{"):
            opened.append(index)
        elif token[_KIND] in CLOSING and opened:
            opened.pop()
    return opened


def _call(text: str, tokens: list, opened: list[int]) -> Call | None:
    """The innermost open bracket that is a call."""
    for at in reversed(opened):
        if tokens[at][_KIND] == "(":
            function = _chain(text, tokens, at)
            if function is not None and not (at > 1 and tokens[at - 2][_KIND] in ("def", "class")):
                return _arguments(text, tokens, at, function)
    return None


def _arguments(text: str, tokens: list, at: int, function: str) -> Call:
    depth, index, start, keywords, first = 0, 0, at + 1, [], ""
    for place in range(at + 1, len(tokens)):
        kind = tokens[place][_KIND]
        depth += (kind in ("(", "[", "{")) - (kind in CLOSING)
        if kind == "," and not depth:
            first = first if index else text[tokens[at][_END]:tokens[place][_START]].strip()
            index, start = index + 1, place + 1
        elif kind == "=" and not depth and place == start + 1:
            keywords.append(tokens[start][_TEXT])
    inside = tokens[start:]
    keyword = inside[0][_TEXT] if len(inside) > 1 and inside[1][_KIND] == "=" else None
    if text[:tokens[at][_START] - len(function)].rstrip().endswith("|>"):
        index, first = index + 1, ""  # the value in the pipe is the first argument
    return Call(function, index, keyword, tuple(keywords), first)


def _chain(text: str, tokens: list, end: int) -> str | None:
    """The text of the attributes, calls and subscripts that end before token `end`: `m.layers[0]`."""
    at = end - 1
    while at >= 0:
        kind = tokens[at][_KIND]
        if kind in (")", "]"):
            at = _opener(tokens, at)
            if at <= 0 or tokens[at - 1][_KIND] not in ("NAME", ")", "]"):
                break
            at -= 1
            continue
        if kind not in ("NAME", "STRING"):
            return None
        if at < 2 or tokens[at - 1][_KIND] != ".":
            break
        at -= 2
    return text[tokens[at][_START]:tokens[end - 1][_END]] if at >= 0 else None


def _opener(tokens: list, closer: int) -> int:
    depth = 0
    for at in range(closer, -1, -1):
        kind = tokens[at][_KIND]
        depth += (kind in CLOSING) - (kind in ("(", "[", "{"))
        if not depth:
            return at
    return -1
