"""The place in the token list, and the one door through which every syntax error leaves.

`Cursor` knows tokens and positions and nothing of grammar; `expressions.py` and `statements.py`
build on it. What a person probably meant is worked out in `hints.py`.
"""

from __future__ import annotations

from _ast import AST

from tcli.errors import Label, TsrSyntaxError
from tcli.lang.tokens import tokenize
from tcli.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeVar

    from tcli.lang.tokens import Token

    Node = TypeVar("Node", bound=AST)


class Cursor:
    """The tokens of one program and the index `pos` of the next one."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.load(tokenize(source))

    def load(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.kinds = [token[0] for token in tokens]
        self.pos = 0

    def node(self, node: Node, start: int) -> Node:
        """`node` with the positions from token `start` to the last token taken."""
        tokens = self.tokens
        token = tokens[start]
        node.lineno, node.col_offset = token[2], token[3]  # type: ignore[attr-defined]
        token = tokens[self.pos - 1]
        node.end_lineno, node.end_col_offset = token[4], token[5]  # type: ignore[attr-defined]
        return node

    def accept(self, kind: str) -> bool:
        if self.kinds[self.pos] == kind:
            self.pos += 1
            return True
        return False

    def expect(self, kind: str, where: str = "") -> None:
        """Take a token of this kind; `where` completes "expected ')' ..."."""
        if self.kinds[self.pos] != kind:
            self.unexpected(f"'{kind}'{where}")
        self.pos += 1

    def expect_name(self, what: str) -> str:
        if self.kinds[self.pos] != "NAME":
            self.unexpected(what)
        self.pos += 1
        name: str = self.tokens[self.pos - 1][1]
        return name

    # ---------------------------------------------------------------- failing

    def fail(self, message: str, first: int, last: int | None = None, **details: Any) -> NoReturn:
        """Raise a syntax error over the tokens first..last."""
        raise TsrSyntaxError(message, span=self.span(first, first if last is None else last), **details)

    def fail_at(self, message: str, node: AST, **details: Any) -> NoReturn:
        """Raise a syntax error over the text of `node`."""
        raise TsrSyntaxError(message, span=self.source.span_of_node(node), **details)

    def unexpected(self, expected: str, opener: int | None = None) -> NoReturn:
        """Raise for the current token: `expected` says what should stand here."""
        if self.kinds[self.pos] == "ERROR":
            raise self.tokens[self.pos][1]
        from tcli.lang.hints import explain

        raise explain(self, expected, opener)

    def span(self, first: int, last: int) -> Span:
        """The span of tokens first..last; of the end of a line, one column behind its last token."""
        token, end = self.tokens[first], self.tokens[last]
        if token[0] == "INDENT":
            text = self.source.line(token[2])
            return Span(self.source, token[2], 1, token[2], max(len(text) - len(text.lstrip()), 1) + 1)
        if token[0] in ("NEWLINE", "DEDENT", "END"):
            span = self.source.span_of_bytes(token[4], token[5], token[4], token[5])
            span.end_column += 1
            return span
        return self.source.span_of_bytes(token[2], token[3], end[4], end[5])

    def opened(self, opener: int) -> dict[str, list[Any]]:
        """The note and the label that point at an opening bracket."""
        token, span = self.tokens[opener], self.span(opener, opener)
        return {"notes": [f"'{token[0]}' was opened at {span.line}:{span.column}"],
                "labels": [Label(span, f"this '{token[0]}' is open")]}
