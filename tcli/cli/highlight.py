"""Colours of the prompt: our own tokens as prompt-toolkit fragments, in the 16 ANSI colours."""

from __future__ import annotations

from prompt_toolkit.document import Document
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from ..lang.tokens import highlight_tokens

STYLE = Style.from_dict({
    "keyword": "ansimagenta", "function": "ansiblue", "attribute": "", "name": "", "number": "ansicyan",
    "string": "ansigreen", "operator": "ansiyellow", "bracket": "", "comment": "ansibrightblack italic",
    "error": "ansired underline", "prompt": "ansicyan bold", "continuation": "ansibrightblack",
    "bottom-toolbar": "noreverse ansibrightblack",
})


class TsrLexer(Lexer):
    """Colours the text as it is typed; a text that does not parse is coloured as far as it goes."""

    def lex_document(self, document: Document):
        lines = fragments(document.text)
        return lambda number: lines[number] if number < len(lines) else []


def fragments(text: str) -> list[list[tuple[str, str]]]:
    """(style, text) pieces of each line.

    >>> fragments("x = 1")
    [[('class:name', 'x'), ('', ' '), ('class:operator', '='), ('', ' '), ('class:number', '1')]]
    """
    lines: list[list[tuple[str, str]]] = [[]]
    at = 0
    for kind, start, end in highlight_tokens(text):
        _append(lines, "", text[at:start])
        _append(lines, f"class:{kind}", text[start:end])
        at = end
    _append(lines, "", text[at:])
    return lines


def _append(lines: list[list[tuple[str, str]]], style: str, text: str) -> None:
    for index, part in enumerate(text.split("\n")):
        if index:
            lines.append([])
        if part:
            lines[-1].append((style, part))
