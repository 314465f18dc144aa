"""The line editor: prompt-toolkit put together from our parts, and a plain reader for dumb terminals.

Both give `read(default) -> text`, raise EOFError when the user leaves and KeyboardInterrupt when the line
is thrown away. They get callables and know neither the session nor the prompt's loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory, ConditionalAutoSuggest
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text.utils import fragment_list_len
from prompt_toolkit.history import History
from prompt_toolkit.layout.processors import (
    HighlightMatchingBracketProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.output import create_output
from prompt_toolkit.validation import ValidationError, Validator

from ..errors import TsrSyntaxError
from . import keys
from .complete import Known, TcliCompleter
from .highlight import STYLE, TsrLexer
from .preferences import Preferences
from .toolbar import Pieces, cut

PROMPT, CONTINUATION = "tcli> ", "  ... "


class Fault(ValidationError):
    """Why a text is not run: the cursor goes to `cursor_position`, the text up to `end` is marked."""

    def __init__(self, start: int, end: int, message: str):
        super().__init__(start, message)
        self.end = end


class ParseValidator(Validator):
    """Refuses a text that the parser refuses; `parse_error` gives its error or None."""

    def __init__(self, parse_error: Callable[[str], TsrSyntaxError | None]):
        self.parse_error = parse_error

    def validate(self, document) -> None:
        error = self.parse_error(document.text)
        if error is not None:
            start, end = _offsets(error, document.text)
            raise Fault(start, end, error.message + (f" ({error.help})" if error.help else ""))


def _offsets(error: TsrSyntaxError, text: str) -> tuple[int, int]:
    """Where the fault starts and ends in the text."""
    if error.span is None:
        return len(text), len(text)
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    span = error.span
    start = starts[min(span.line, len(starts) - 1) - 1] + span.column - 1
    end = starts[min(span.end_line, len(starts) - 1) - 1] + span.end_column - 1
    return min(start, len(text)), min(max(end, start + 1), len(text))


class MarkFault(Processor):
    """Underlines what the parser refused, until the text changes."""

    def apply_transformation(self, given: TransformationInput) -> Transformation:
        fault = given.buffer_control.buffer.validation_error
        if not isinstance(fault, Fault):
            return Transformation(given.fragments)
        start = given.document.translate_row_col_to_index(given.lineno, 0)
        pieces = explode_text_fragments(given.fragments)
        for column in range(max(0, fault.cursor_position - start), min(len(pieces), fault.end - start)):
            pieces[column] = (pieces[column][0] + " class:fault", *pieces[column][1:])
        return Transformation(pieces)


class Editor:
    """The line editor; `read` gives one entry."""

    def __init__(self, *, known: Known, history: History, preferences: Preferences,
                 is_incomplete: Callable[[str], bool], parse_error: Callable[[str], TsrSyntaxError | None],
                 cleaned: Callable[[str], str], toolbar: Callable[[str], Pieces], input=None, output=None):
        self.preferences, self.pieces = preferences, toolbar
        by_tab = Condition(lambda: preferences["menu"] == "tab")
        self.session: PromptSession = PromptSession(
            [("class:prompt", PROMPT)], multiline=True, history=history, lexer=TsrLexer(), completer=TcliCompleter(known),
            complete_while_typing=~by_tab, enable_history_search=by_tab, search_ignore_case=True,
            auto_suggest=ConditionalAutoSuggest(AutoSuggestFromHistory(), Condition(lambda: preferences["suggestions"])),
            validator=ParseValidator(parse_error), validate_while_typing=False, style=STYLE,
            input_processors=[HighlightMatchingBracketProcessor(), MarkFault()], tempfile_suffix=".tsr",
            key_bindings=keys.bindings(is_incomplete, cleaned), prompt_continuation=_continuation,
            enable_open_in_editor=True, input=input, output=output or quiet_output(), include_default_pygments_style=False)

    def read(self, default: str = "") -> str:
        self.session.editing_mode = EditingMode.VI if self.preferences["mode"] == "vi" else EditingMode.EMACS
        self.session.bottom_toolbar = self._toolbar if self.preferences["toolbar"] else None
        return self.session.prompt(default=default)

    def history(self) -> Iterable[str]:
        """The entries of this and earlier sessions, newest first."""
        history = self.session.history
        return reversed(history.get_strings()) if history.get_strings() else history.load_history_strings()

    def _toolbar(self) -> Pieces:
        app = get_app()
        pieces = self.pieces(app.current_buffer.document.text_before_cursor)
        return cut([("", " "), *pieces] if fragment_list_len(pieces) else [("", " ")], app.output.get_size().columns)


def _continuation(width: int, line: int, is_wrapped: int) -> Pieces:
    return [("class:continuation", " " * len(CONTINUATION) if is_wrapped else CONTINUATION)]


def quiet_output():
    """The terminal, without asking it where its cursor is: the answer comes late over slow lines, and then as
    text. The editor takes the rows it needs below the cursor instead of all there are."""
    output = create_output()
    output.get_rows_below_cursor_position = lambda: 1
    return output


class PlainReader:
    """Reads entries with nothing but lines: for terminals that cannot move a cursor."""

    def __init__(self, is_incomplete: Callable[[str], bool], ask: Callable[[str], str] = input):
        self.is_incomplete, self.ask = is_incomplete, ask
        self.entries: list[str] = []

    def read(self, default: str = "") -> str:
        if default:
            print(default)
        lines = [self.ask(PROMPT)]
        while keys.wants_more("\n".join(lines), self.is_incomplete):
            lines.append(self.ask(CONTINUATION))
        text = "\n".join(lines)
        if text.strip():
            self.entries.append(text)
        return text or default

    def history(self) -> Iterable[str]:
        return reversed(self.entries)


def can_edit() -> bool:
    """Whether the terminal can do more than print lines."""
    return os.environ.get("TERM", "dumb") not in ("dumb", "")
