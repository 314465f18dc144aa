"""Program text and places in it.

A `Source` is a named text. A `Span` is a stretch of it, in 1-based lines and 1-based columns that
count characters. CPython's `ast` nodes and code objects count UTF-8 bytes from 0: the conversion
happens here and nowhere else. `span_of` finds where in a program a Python exception arose.
"""

from __future__ import annotations

import sys

# Sources whose code may be running, by the file name that their code objects carry.
_sources: dict[str, Source] = {}


class Source:
    """A named program text; `register` makes it known to `span_of` and to plain tracebacks."""

    __slots__ = ("lines", "name", "text")

    def __init__(self, text: str, name: str = "<tsr>"):
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        # Editors may put a byte order mark before the first line; it is no part of the program.
        text = text.removeprefix("\ufeff")
        self.text, self.name = text, name
        self.lines = text.split("\n")

    def register(self) -> Source:
        _sources.pop(self.name, None)  # of one name the newest counts, and stands last
        _sources[self.name] = self
        if "linecache" in sys.modules:
            self.show_lines()
        return self

    def show_lines(self) -> None:
        """Puts the lines where plain tracebacks look for them. `linecache` costs an import of six milliseconds, so
        this waits until there is a traceback or somebody else has imported it."""
        import linecache

        # mtime None keeps the entry through linecache.checkcache().
        linecache.cache[self.name] = (len(self.text), None, [line + "\n" for line in self.lines], self.name)

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def column_of_byte(self, line: int, offset: int) -> int:
        """1-based character column of a 0-based UTF-8 byte offset."""
        text = self.line(line)
        if text.isascii():
            return offset + 1
        return len(text.encode(errors="surrogatepass")[:offset].decode(errors="replace")) + 1

    def byte_of_column(self, line: int, column: int) -> int:
        """0-based UTF-8 byte offset of a 1-based character column."""
        text = self.line(line)
        return column - 1 if text.isascii() else len(text[:column - 1].encode(errors="surrogatepass"))

    def span_of_node(self, node) -> Span:
        """The span of an `ast` node."""
        return self.span_of_bytes(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)

    def span_of_bytes(self, line: int, offset: int, end_line: int, end_offset: int) -> Span:
        return Span(self, line, self.column_of_byte(line, offset),
                    end_line, self.column_of_byte(end_line, end_offset))


class Span:
    """From (line, column) up to, not including, (end_line, end_column); 1-based characters."""

    __slots__ = ("column", "end_column", "end_line", "line", "source")

    def __init__(self, source: Source, line: int, column: int, end_line: int, end_column: int):
        self.source = source
        self.line, self.column = line, column
        self.end_line, self.end_column = end_line, end_column

    @property
    def text(self) -> str:
        if self.line == self.end_line:
            return self.source.line(self.line)[self.column - 1:self.end_column - 1]
        first = self.source.line(self.line)[self.column - 1:]
        middle = self.source.lines[self.line:self.end_line - 1]
        return "\n".join([first, *middle, self.source.line(self.end_line)[:self.end_column - 1]])

    def short(self) -> str:
        """Line and column; of an entry of the prompt that has one line, its number and column: `14:9`, `6:2`."""
        name = self.source.name
        if not name.startswith("<tsr "):
            return f"{self.line}:{self.column}"
        entry = name[5:-1]
        return f"{entry}:{self.column}" if "\n" not in self.source.text.strip() else f"{entry}.{self.line}:{self.column}"

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def __repr__(self) -> str:
        return f"Span({self}-{self.end_line}:{self.end_column})"


def source_named(name: str) -> Source | None:
    return _sources.get(name)


def is_program_code(code) -> bool:
    """Whether a code object was compiled from a registered program."""
    return code.co_filename in _sources


def span_of_instruction(code, lasti: int) -> Span | None:
    """The span of the instruction at byte offset `lasti` of a code object of ours."""
    source = _sources.get(code.co_filename)
    if source is None:
        return None
    for index, (line, end_line, offset, end_offset) in enumerate(code.co_positions()):
        if index == lasti // 2:
            if line is None:
                return None
            if offset is None or end_offset is None:
                text = source.line(line)
                return Span(source, line, len(text) - len(text.lstrip()) + 1, line, len(text) + 1)
            return source.span_of_bytes(line, offset, end_line or line, end_offset)
    return None


def frames_of(error: BaseException) -> list[tuple]:
    """(code, lasti) of the frames of ours that `error` passed through, outermost first."""
    frames, tb = [], error.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename in _sources:
            frames.append((tb.tb_frame.f_code, tb.tb_lasti))
        tb = tb.tb_next
    return frames


def span_of(error: BaseException) -> Span | None:
    """Where in a program `error` arose: the innermost frame that was compiled from one."""
    frames = frames_of(error)
    return span_of_instruction(*frames[-1]) if frames else None
