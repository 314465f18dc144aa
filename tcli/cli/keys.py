"""Keys of the prompt: when Enter runs and when it starts a new line, indentation, leaving.

`wants_more` and `indent_after` are plain functions of the text; the bindings get them and the
parser's answer as callables.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.filters import Condition, has_completions, has_selection
from prompt_toolkit.key_binding import KeyBindings

STEP = 4
_ENDS_BLOCK = ("return", "break", "continue", "pass", "raise")


def wants_more(text: str, is_incomplete: Callable[[str], bool]) -> bool:
    """Whether Enter at the end of `text` should read on: an open bracket, or a block that goes on.

    >>> wants_more("x = 1", lambda text: False), wants_more("for i in x:\\n    f(i)", lambda text: False)
    (False, True)
    """
    if not text.strip():
        return False
    last = text.rpartition("\n")[2]
    if "\n" in text and last.strip() and last[:1] in " \t":
        return True  # inside a block: an empty line ends it
    return is_incomplete(text.rstrip() + "\n" if not last.strip() else text)


def indent_after(line: str) -> str:
    """The indentation of the line that follows `line`.

    >>> len(indent_after("    if x:")), len(indent_after("    return x")), len(indent_after("  y"))
    (8, 0, 2)
    """
    indent = len(line) - len(line.lstrip(" "))
    code = line.partition("#")[0].rstrip()
    if code.endswith(":"):
        indent += STEP
    elif code.split(" ")[-1:] and code.lstrip().split(" ")[0] in _ENDS_BLOCK:
        indent = max(0, indent - STEP)
    return " " * indent


def bindings(is_incomplete: Callable[[str], bool]) -> KeyBindings:
    """The key bindings of the prompt."""
    keys = KeyBindings()

    @keys.add("enter", filter=~has_selection)
    def _(event) -> None:
        buffer = event.current_buffer
        at_end = not buffer.document.text_after_cursor.strip()
        if at_end and not wants_more(buffer.text, is_incomplete):
            buffer.validate_and_handle()
        else:
            _new_line(buffer)

    @keys.add("escape", "enter")
    def _(event) -> None:
        _new_line(event.current_buffer)

    @keys.add("tab", filter=Condition(_in_indentation) & ~has_completions)
    def _(event) -> None:
        column = event.current_buffer.document.cursor_position_col
        event.current_buffer.insert_text(" " * (STEP - column % STEP))

    @keys.add("backspace", filter=Condition(_in_indentation) & ~has_selection)
    def _(event) -> None:
        buffer = event.current_buffer
        column = buffer.document.cursor_position_col
        buffer.delete_before_cursor(1 if not column else (column - 1) % STEP + 1)

    return keys


def _new_line(buffer) -> None:
    indent = indent_after(buffer.document.current_line_before_cursor)
    buffer.insert_text("\n" + indent)


def _in_indentation() -> bool:
    """Whether only spaces stand before the cursor, in a text of several lines or an indented one."""
    from prompt_toolkit.application import get_app

    document = get_app().current_buffer.document
    before = document.current_line_before_cursor
    return not before.strip() and (bool(before) or "\n" in document.text)
