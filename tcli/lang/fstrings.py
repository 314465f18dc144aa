"""String atoms: implicit concatenation, bytes, and f-strings with their nested expressions.

Takes the run of STRING tokens at the cursor, gives a `Constant` or a `JoinedStr`. The text parts of
an f-string carry the position of the whole run, as CPython 3.11 places them; the expressions inside
carry their real places, so that an error in one is underlined alone.
"""

from __future__ import annotations

from _ast import Constant, FormattedValue, JoinedStr, expr

from tcli.errors import TsrSyntaxError
from tcli.lang.cursor import Cursor
from tcli.lang.literals import LiteralError, split_prefix, unescape, unescape_bytes
from tcli.lang.tokens import Scanner
from tcli.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from tcli.lang.tokens import Token

MAX_NESTING = 2
CLOSERS = {"(": ")", "[": "]", "{": "}"}


class Strings(Cursor):
    """The part of the parser that reads strings; `bracketed` is what an f-string's braces may hold."""

    def bracketed(self) -> expr:
        raise NotImplementedError

    def string(self) -> expr:
        start, token = self.pos, self.tokens[self.pos]
        self.pos += 1
        raw = token[1]
        if self.kinds[self.pos] != "STRING" and raw[0] in "\"'" and "\\" not in raw:
            width = 3 if raw[:3] in ('"""', "'''") and len(raw) >= 6 else 1
            return self.node(Constant(raw[width:-width], None), start)
        while self.kinds[self.pos] == "STRING":
            self.pos += 1
        run = self.tokens[start:self.pos]
        prefixes = [split_prefix(token[1])[0] for token in run]
        if any("b" in prefix for prefix in prefixes):
            return self.bytes_run(run, prefixes, start)
        kind = "u" if raw[0] == "u" else None
        if any("f" in prefix for prefix in prefixes):
            return self.joined(run, prefixes, start, kind)
        text = "".join([self.plain(token) for token in run])
        return self.node(Constant(text, kind), start)

    def bytes_run(self, run: list[Token], prefixes: list[str], start: int) -> expr:
        for index, prefix in enumerate(prefixes):
            if "b" not in prefix:
                self.fail("bytes and text do not join", start + index,
                          help="give all parts the prefix b, or none")
        return self.node(Constant(b"".join([self.plain(token) for token in run]), None), start)

    def plain(self, token: Token) -> Any:
        """The value of one literal without expressions."""
        prefix, begin, end = split_prefix(token[1])
        body = token[1][begin:end]
        try:
            if "b" in prefix:
                return unescape_bytes(body) if "r" not in prefix or not body.isascii() else body.encode()
            return body if "r" in prefix or "\\" not in body else unescape(body)
        except LiteralError as problem:
            self.fail_within(token, begin + problem.start, begin + problem.end, problem.message)

    def joined(self, run: list[Token], prefixes: list[str], start: int, kind: str | None) -> expr:
        parts = _Parts(self, start, self.pos - 1, kind)
        for token, prefix in zip(run, prefixes, strict=True):
            if "f" in prefix:
                _, begin, end = split_prefix(token[1])
                body = _Body(self, token, begin, end, "r" in prefix, parts)
                body.read(0)
            else:
                parts.add_text(self.plain(token))
        return parts.finish()

    def nested(self, token: Token, begin: int, end: int) -> expr:
        """The expression in token text [begin, end), parsed where it stands."""
        offset = token[6] + begin
        text = self.source.text
        line = token[2] + text.count("\n", token[6], offset)
        line_start = text.rfind("\n", 0, offset) + 1
        scanner = Scanner(self.source, offset, token[6] + end, line, line_start, nested=True)
        outer = self.tokens, self.kinds, self.pos
        self.load(scanner.scan())
        try:
            if self.kinds[0] == "END":
                self.fail_within(token, begin - 1, end + 1, "the braces of this f-string hold no expression")
            value = self.bracketed()
            if self.kinds[self.pos] != "END":
                self.unexpected("'}' after the expression")
        finally:
            self.tokens, self.kinds, self.pos = outer
        return value

    def fail_within(self, token: Token, begin: int, end: int, message: str,
                    help: str | None = None) -> NoReturn:
        """Fail over characters [begin, end) of a token's text."""
        text, offset = self.source.text, token[6] + begin
        line = token[2] + text.count("\n", token[6], offset)
        column = offset - text.rfind("\n", 0, offset)
        stop = text.find("\n", offset)
        width = min(end - begin, (stop if stop >= 0 else len(text)) - offset)
        span = Span(self.source, line, column, line, column + max(width, 1))
        raise TsrSyntaxError(message, span=span, help=help)


class _Parts:
    """The values of a JoinedStr while they are gathered: neighbouring texts become one constant."""

    def __init__(self, strings: Strings, first: int, last: int, kind: str | None) -> None:
        self.strings, self.kind = strings, kind
        token, end = strings.tokens[first], strings.tokens[last]
        self.place = {"lineno": token[2], "col_offset": token[3],
                      "end_lineno": end[4], "end_col_offset": end[5]}
        self.values: list[expr] = []
        self.texts: list[str] = []

    def nested(self) -> _Parts:
        inner = _Parts.__new__(_Parts)
        inner.strings, inner.kind, inner.place = self.strings, self.kind, self.place
        inner.values, inner.texts = [], []
        return inner

    def add_text(self, text: str) -> None:
        if text:
            self.texts.append(text)

    def add_value(self, value: expr, conversion: int, spec: expr | None) -> None:
        self.flush()
        self.values.append(FormattedValue(value, conversion, spec, **self.place))

    def flush(self) -> None:
        if self.texts:
            self.values.append(Constant("".join(self.texts), self.kind, **self.place))
            self.texts = []

    def finish(self) -> expr:
        self.flush()
        return JoinedStr(self.values, **self.place)


class _Body:
    """The inside of one f-string token, from `i` to `end` of its raw text."""

    def __init__(self, strings: Strings, token: Token, i: int, end: int, raw: bool, parts: _Parts) -> None:
        self.strings, self.token = strings, token
        self.text: str = token[1]
        self.i, self.end, self.raw, self.parts = i, end, raw, parts

    def fail(self, begin: int, end: int, message: str, help: str | None = None) -> NoReturn:
        self.strings.fail_within(self.token, begin, end, message, help)

    def read(self, level: int) -> None:
        """Text and expressions up to the end, or in a format spec up to its '}'."""
        while self.i < self.end:
            self.literal(level)
            if self.i >= self.end or (level and self.text[self.i] == "}"):
                return
            self.expression(level)

    def literal(self, level: int) -> None:
        text, begin = self.text, self.i
        pieces: list[str] = []
        while self.i < self.end:
            c = text[self.i]
            if c == "\\" and not self.raw:
                self.i += 1 if text[self.i + 1:self.i + 2] in ("{", "}") else 2  # no escape: the brace counts
                if text.startswith("N{", self.i - 1) and text[self.i - 2] == "\\":
                    self.i = max(text.find("}", self.i, self.end) + 1, self.i)
                continue
            if c in "{}":
                if level == 0 and text.startswith(c * 2, self.i):
                    pieces.append(self.decoded(begin, self.i + 1))
                    self.i += 2
                    begin = self.i
                    continue
                if c == "}" and level == 0:
                    self.fail(self.i, self.i + 1, "a '}' in an f-string has no '{' before it",
                              "write }} for a brace in the text")
                break
            self.i += 1
        self.i = min(self.i, self.end)
        pieces.append(self.decoded(begin, self.i))
        self.parts.add_text("".join(pieces))

    def decoded(self, begin: int, end: int) -> str:
        piece = self.text[begin:end]
        if self.raw or "\\" not in piece:
            return piece
        try:
            return unescape(piece)
        except LiteralError as problem:
            self.fail(begin + problem.start, begin + problem.end, problem.message)

    def expression(self, level: int) -> None:
        """`{value=!r:spec}`, at its '{'."""
        text, opened = self.text, self.i
        if level >= MAX_NESTING:
            self.fail(opened, opened + 1, "the format of an f-string is nested too deeply")
        begin = opened + 1
        stop = self.expression_end(begin)
        value = self.strings.nested(self.token, begin, stop)
        self.i = stop
        shown = self.equals(begin)
        conversion = self.conversion()
        spec = self.spec(level)
        if self.i >= self.end or text[self.i] != "}":
            self.unclosed(opened)
        self.i += 1
        if shown:
            self.parts.add_text(shown)
            if conversion < 0 and spec is None:
                conversion = ord("r")
        self.parts.add_value(value, conversion, spec)

    def equals(self, begin: int) -> str:
        """The text that `{x=}` shows, if there is a '=' here."""
        if self.i >= self.end or self.text[self.i] != "=":
            return ""
        self.i += 1
        while self.i < self.end and self.text[self.i].isspace():
            self.i += 1
        return self.text[begin:self.i]

    def conversion(self) -> int:
        if self.i >= self.end or self.text[self.i] != "!":
            return -1
        c = self.text[self.i + 1:self.i + 2]
        if self.i + 1 >= self.end or c not in "rsa":
            self.fail(self.i, self.i + 2, "after '!' an f-string takes r, s or a")
        self.i += 2
        return ord(c)

    def spec(self, level: int) -> expr | None:
        if self.i >= self.end or self.text[self.i] != ":":
            return None
        self.i += 1
        outer, self.parts = self.parts, self.parts.nested()
        self.read(level + 1)
        inner, self.parts = self.parts, outer
        return inner.finish()

    def unclosed(self, opened: int) -> NoReturn:
        self.fail(opened, opened + 1, "this '{' of the f-string is never closed",
                  "write {{ for a brace in the text")

    def expression_end(self, begin: int) -> int:
        """Where the expression ends: at a '!', ':', '=' or '}' outside brackets and strings."""
        text, i, stack = self.text, begin, []
        while i < self.end:
            c = text[i]
            if c in "\"'":
                i = self.inner_string_end(i)
            elif c in CLOSERS:
                stack.append(CLOSERS[c])
            elif stack and c == stack[-1]:
                stack.pop()
            elif not stack and (c in "}:" or c in ")]" or (c == "!" and text[i + 1] != "=")):
                return i
            elif c == "#":
                self.fail(i, i + 1, "an expression in an f-string holds no comment")
            elif not stack and c in "=!<>":
                if text[i + 1] == "=":
                    i += 1
                elif c == "=":
                    return i
            i += 1
        self.unclosed(begin - 1)

    def inner_string_end(self, i: int) -> int:
        text = self.text
        quote = text[i] * 3 if text.startswith(text[i] * 3, i) else text[i]
        end = text.find(quote, i + len(quote), self.end)
        if end < 0:
            self.fail(i, i + 1, "a string in this f-string is not closed")
        return end + len(quote) - 1
