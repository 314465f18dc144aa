"""An error as text: the one place that draws diagnostics.

    error[shape]: inner sizes differ: x has 784 (dim 1), W2 has 100 (dim 0)
      --> mlp.tsr:14:10
     14 | y = relu(x @ W2 + b1)
        |          - ^ --
        |          |   f32[H=100, 10]
        |          f32[B=32, D=784]
        = fits here: W1 f32[D=784, H=100]

Takes a `TcliError`, gives text or a dictionary; knows no kinds of error and prints nothing. Columns
are counted in terminal cells, long lines are cropped around the marks, tabs are widened.
"""

from __future__ import annotations

from ..errors import Label, TcliError
from ..source import Source, Span
from .cells import cell_width, wrapped

TAB = 4
MAX_SPAN_LINES = 4  # a longer span shows its first lines and its last
MAX_CALLS = 5

_STYLES = {"error": "1;31", "primary": "1;31", "label": "1;34", "gutter": "34", "bold": "1", "help": "32"}


def render(error: TcliError, *, color: bool = False, width: int = 100, wrap: bool = True) -> str:
    """The diagnostic of `error`, without a final line break. `wrap`: long messages are broken between words."""
    paint = _paint if color else _plain
    first, *rest = str(error.message).split("\n") or [""]
    head = f"{error.word}[{code_of(error)}]"
    room = width if wrap else len(error.message) + len(head) + 4
    first, *more = wrapped(first, room, len(head) + 2, 2)
    lines = [paint("error", head) + paint("bold", f": {first}"), *("  " + paint("bold", line) for line in more),
             *("  " + line for text in rest for line in wrapped(text, room, 2, 2))]
    blocks = _marks_by_source(error)
    gutter = max((len(str(line)) for _, marks in blocks for line in _lines_shown(marks)), default=1)
    for index, (source, marks) in enumerate(blocks):
        arrow = "-->" if index == 0 else ":::"
        place = Span.__str__(marks[0].span)
        lines.append("  " + paint("gutter", arrow) + " " + place)
        lines += _snippet(source, marks, gutter, width, paint)
    lines += _remarks(error, gutter, paint)
    return "\n".join(lines)


def as_json(error: TcliError) -> dict:
    """The same as data: what `--errors json` prints."""
    span = error.span
    return {
        "code": code_of(error),
        "message": str(error.message),
        "file": span.source.name if span else None,
        **_place(span),
        "source": span.text if span else None,
        "labels": [{**_place(label.span), "file": label.span.source.name, "text": label.text}
                   for label in error.labels],
        "operands": [{"name": name, "type": text} for name, text in _operands(error)],
        "notes": list(error.notes),
        "help": error.help,
        "calls": [{"function": name, "times": times, **_place(where)}
                  for name, where, times in error.calls],
    }


def _operands(error: TcliError) -> list[tuple[str, str]]:
    """(parameter, type) of each operand, whichever operator took it."""
    found: list[tuple[str, str]] = []
    for name, described in error.operands:
        found += [(name, described)] if isinstance(described, str) else described
    return found


def code_of(error: TcliError) -> str:
    """The word in brackets: the kind, or for an exception of the program its Python class."""
    return getattr(error, "kind", None) or error.code


def _place(span: Span | None) -> dict:
    if span is None:
        return {"line": None, "column": None, "end_line": None, "end_column": None}
    return {"line": span.line, "column": span.column, "end_line": span.end_line,
            "end_column": span.end_column}


# ---------------------------------------------------------------- what is marked where

class _Mark:
    """A stretch to underline; the primary one is where the error is."""

    __slots__ = ("primary", "span", "text")

    def __init__(self, span: Span, text: str, primary: bool):
        self.span, self.text, self.primary = span, text, primary


def _marks_by_source(error: TcliError) -> list[tuple[Source, list[_Mark]]]:
    """(source, marks) with the source of the error first, each one's marks in reading order."""
    groups: dict[str, list[_Mark]] = {}
    if error.span is not None:
        groups[error.span.source.name] = [_Mark(error.span, "", True)]
    for label in error.labels:
        if label.span is not None:
            groups.setdefault(label.span.source.name, []).append(_Mark(label.span, label.text, False))
    return [(marks[0].span.source, marks) for marks in groups.values()]


def _lines_shown(marks: list[_Mark]) -> list[int]:
    shown = set()
    for mark in marks:
        first, last = mark.span.line, min(mark.span.end_line, len(mark.span.source.lines))
        lines = range(first, max(first, last) + 1)
        shown.update(lines if len(lines) <= MAX_SPAN_LINES else [first, first + 1, last])
    return sorted(shown)


def _snippet(source: Source, marks: list[_Mark], gutter: int, width: int, paint) -> list[str]:
    out, before = [], None
    for number in _lines_shown(marks):
        if before is not None and number > before + 1:
            out.append(paint("gutter", " " * (gutter + 1) + "..."))
        before = number
        line = _Line(source.line(number))
        pieces = [piece for mark in marks for piece in _pieces(mark, number, line, marks)]
        out += _marked_line(number, line, pieces, gutter, width, paint)
    return out


def _pieces(mark: _Mark, number: int, line: _Line, marks: list[_Mark]) -> list[tuple]:
    """(first cell, end cell, text, primary) of the parts of `mark` on one line."""
    span = mark.span
    if not span.line <= number <= span.end_line:
        return []
    start = span.column - 1 if number == span.line else line.indent
    end = span.end_column - 1 if number == span.end_line else len(line.text)
    text = mark.text if number == span.line else ""
    if not mark.primary:
        return [(*line.cells(start, end), text, False)]
    holes = sorted((other.span.column - 1, other.span.end_column - 1) for other in marks
                   if not other.primary and other.span.line == other.span.end_line == number)
    return [(*line.cells(*part), "", True) for part in _outside(line.text, start, end, holes)]


def _outside(text: str, start: int, end: int, holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """[start, end) without the labelled operands; what is left is shrunk to the operator or name."""
    inside = [(a, b) for a, b in holes if a < end and b > start]
    if not inside:
        return [(start, max(end, start + 1))]
    parts, at = [], start
    for a, b in [*inside, (end, end)]:
        part = text[at:a]
        lead = len(part) - len(part.lstrip(" \t(),"))
        word = part.strip(" \t(),")
        if word:
            parts.append((at + lead, at + lead + len(word)))
        at = max(at, b)
    return parts


# ---------------------------------------------------------------- drawing a line

class _Line:
    """A source line in terminal cells: tabs widened, wide characters counted twice."""

    def __init__(self, text: str):
        self.text = text.rstrip("\r")
        self.indent = len(text) - len(text.lstrip())
        plain = self.text.isascii() and "\t" not in self.text
        self.shown = self.text if plain else self.text.replace("\t", " " * TAB)
        self._offsets = None if plain else _cell_offsets(self.text)

    def cells(self, start: int, end: int) -> tuple[int, int]:
        """The cells of characters [start, end); at least one."""
        if self._offsets is None:
            return start, max(end, start + 1)
        first, last = (self._offsets[min(at, len(self.text))] for at in (start, end))
        return first, max(last, first + 1)


def _cell_offsets(text: str) -> list[int]:
    offsets = [0]
    for char in text:
        offsets.append(offsets[-1] + (TAB if char == "\t" else cell_width(char)))
    return offsets


def _marked_line(number: int, line: _Line, pieces: list[tuple], gutter: int, width: int, paint) -> list[str]:
    room = max(20, width - gutter - 4)
    shown, shift = _crop(line.shown, pieces, room)
    bar = paint("gutter", " " * (gutter + 2) + "|")
    out = [paint("gutter", f" {number:>{gutter}} |") + (f" {shown}" if shown else "")]
    moved = [(max(0, a - shift), min(max(a - shift + 1, b - shift), room), text, primary)
             for a, b, text, primary in pieces if b > shift and a - shift < room]
    if moved:
        out.append(f"{bar} {_underline(moved, paint)}")
        out += [f"{bar} {row}" for row in _label_rows(moved, room, paint)]
    return out


def _crop(text: str, pieces: list[tuple], room: int) -> tuple[str, int]:
    """(visible part of a line, how many cells it was moved left)."""
    if cell_width(text) <= room:
        return text, 0
    first = min((piece[0] for piece in pieces), default=0)
    last = max((piece[1] for piece in pieces), default=0)
    start = 0 if last < room - 1 else max(0, min(first - 8, len(text) - room + 1))
    part = text[start:]
    while cell_width(part) > room - 1 - (start > 0):
        part = part[:-1]
    tail = "…" if start + len(part) < len(text) else ""
    # The mark for cut text takes one cell, which the first visible character gives up.
    return ("…" + part[1:] if start else part) + tail, cell_width(text[:start])


def _underline(pieces: list[tuple], paint) -> str:
    cells: dict[int, tuple[str, str]] = {}
    for start, end, _, primary in sorted(pieces, key=lambda piece: not piece[3]):
        mark = ("primary", "^") if primary else ("label", "-")
        cells.update((at, mark) for at in range(start, end))
    out, at = [], 0
    for start, end, (style, char) in _runs(cells):
        out.append(" " * (start - at) + paint(style, char * (end - start)))
        at = end
    return "".join(out)


def _runs(cells: dict[int, tuple]) -> list[tuple]:
    runs: list[list] = []
    for at in sorted(cells):
        if runs and runs[-1][1] == at and runs[-1][2] == cells[at]:
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1, cells[at]])
    return [tuple(run) for run in runs]


def _label_rows(pieces: list[tuple], room: int, paint) -> list[str]:
    """A row per label, the rightmost first; bars lead down to those that wait."""
    labels = sorted((start, text) for start, _, text, primary in pieces if text and not primary)
    rows = []
    while labels:
        start, text = labels.pop()
        if len(text) > room:
            text = text[:room - 1] + "…"
        start = min(start, max(0, room - len(text)))
        row, at = "", 0
        for bar, _ in labels:
            if at <= bar < start:
                row, at = row + " " * (bar - at) + paint("label", "|"), bar + 1
        rows.append(row + " " * (start - at) + paint("label", text))
    return rows


# ---------------------------------------------------------------- what follows the snippet

def _remarks(error: TcliError, gutter: int, paint) -> list[str]:
    lead = paint("gutter", " " * (gutter + 2) + "=")
    remarks = [(None, note) for note in error.notes]
    if error.help:
        remarks.append(("help", error.help))
    remarks += [(None, text) for text in _calls(error.calls)]
    out = []
    for style, text in remarks:
        first, *rest = text.split("\n")
        out.append(f"{lead} {paint(style, first) if style else first}")
        out += [" " * (gutter + 4) + line for line in rest]
    return out


def _calls(calls) -> list[str]:
    """`in f, called at x.tsr:3:1`, innermost first."""
    said = [f"in {name}, called at {where}" + (f" ({times} times)" if times > 1 else "")
            for name, where, times in reversed(list(calls)) if where is not None]
    if len(said) > MAX_CALLS:
        said[MAX_CALLS - 1:-1] = [f"... {len(said) - MAX_CALLS} more calls"]
    return said


def _paint(style: str, text: str) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if text else text


def _plain(style: str, text: str) -> str:
    return text


__all__ = ["Label", "as_json", "cell_width", "code_of", "render"]
