"""Colours of the prompt: our own tokens as prompt-toolkit fragments, in the 16 ANSI colours.

Pairs of brackets share a colour by depth, a bracket without a partner is an error. Lines that are
commands are no program and are coloured as what they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from prompt_toolkit.document import Document
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from ..lang.tokens import highlight_tokens
from .paste import is_special

STYLE = Style.from_dict({
    "keyword": "ansimagenta", "function": "ansiblue", "attribute": "", "name": "", "number": "ansicyan",
    "string": "ansigreen", "operator": "ansiyellow", "comment": "ansibrightblack italic",
    "bracket": "", "bracket1": "", "bracket2": "ansiblue", "bracket3": "ansimagenta",
    "error": "ansired underline", "fault": "ansired bold underline", "command": "ansicyan bold",
    "prompt": "ansicyan bold", "continuation": "ansibrightblack",
    "bottom-toolbar": "noreverse ansibrightblack", "argument": "ansicyan bold",
    "validation-toolbar": "noreverse bg:default ansired", "auto-suggestion": "ansibrightblack",
    "matching-bracket.cursor": "bold underline", "matching-bracket.other": "bold underline",
    "completion-menu": "bg:ansibrightblack ansiwhite", "completion-menu.completion.current": "bg:ansicyan ansiblack",
    "completion-menu.meta.completion": "bg:ansibrightblack ansiwhite",
    "completion-menu.meta.completion.current": "bg:ansicyan ansiblack",
})
MAX_COLOURED = 20_000  # a longer text stays plain: every key press would read all of it
_OPENS = "([{"


class TsrLexer(Lexer):
    """Colours the text as it is typed; a text that does not parse is coloured as far as it goes."""

    def lex_document(self, document: Document):
        text = document.text
        lines = fragments(text) if len(text) <= MAX_COLOURED else [[("", line)] for line in text.split("\n")]
        return lambda number: lines[number] if number < len(lines) else []


def fragments(text: str) -> list[list[tuple[str, str]]]:
    """(style, text) pieces of each line.

    >>> fragments("x = 1")
    [[('class:name', 'x'), ('', ' '), ('class:operator', '='), ('', ' '), ('class:number', '1')]]
    """
    if "\n" not in text and is_special(text):
        word, space, rest = text.partition(" ")
        return [[("class:command", word), ("", space + rest)]]
    lines: list[list[tuple[str, str]]] = [[]]
    at = 0
    for kind, start, end in _with_depths(text):
        _append(lines, "", text[at:start])
        _append(lines, f"class:{kind}", text[start:end])
        at = end
    _append(lines, "", text[at:])
    return lines


def _with_depths(text: str) -> Iterator[tuple[str, int, int]]:
    """The tokens, brackets by depth; the scanner has marked the closers without a partner as errors."""
    depth = 0
    for kind, start, end in highlight_tokens(text):
        if kind != "bracket":
            # A string that is being typed is not closed yet.
            yield "string" if kind == "error" and text[start] in "'\"" else kind, start, end
        elif text[start] in _OPENS:
            depth += 1
            yield f"bracket{(depth - 1) % 3 + 1}", start, end
        else:
            yield f"bracket{(depth - 1) % 3 + 1}" if depth > 0 else "error", start, end
            depth = max(0, depth - 1)


def _append(lines: list[list[tuple[str, str]]], style: str, text: str) -> None:
    for index, part in enumerate(text.split("\n")):
        if index:
            lines.append([])
        if part:
            lines[-1].append((style, part))
