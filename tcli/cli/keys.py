"""Keys of the prompt: when Enter runs and when it starts a new line, indentation, pasting, the editor.

`wants_more` and `indent_after` are plain functions of the text; the bindings get them and the
parser's answer as callables.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, emacs_insert_mode, has_completions, has_focus, has_selection
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys

STEP = 4
_ENDS_BLOCK = ("return", "break", "continue", "pass", "raise")
_INNER = ("else:", "elif ", "except:", "except ", "finally:")  # words that stand one step to the left of their block


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


def dedented(line: str, above: list[str]) -> str:
    """`else:` and its kin, moved left to the block they belong to when they were typed inside it.

    >>> dedented("        else:", ["if x:", "    if y:", "        f()"])
    '    else:'
    """
    word = line.strip()
    if not (word + " ").startswith(_INNER) or not word.endswith(":"):
        return line
    openers = {"else:": ("if", "for", "while", "try", "elif", "except"), "elif": ("if", "elif")}.get(
        word.split(" ")[0], ("try", "except"))
    indent = len(line) - len(line.lstrip())
    for before in reversed(above):
        head = before.strip().split(" ")[0].rstrip(":")
        width = len(before) - len(before.lstrip())
        if width == indent and head in openers:
            return line  # it stands where it belongs already
        if width < indent and head in openers:
            return " " * width + word
    return line


def bindings(is_incomplete: Callable[[str], bool], cleaned: Callable[[str], str] = lambda text: text) -> KeyBindings:
    """The key bindings of the prompt.

    cleaned: what is pasted, without the prompts of a transcript.
    """
    keys = KeyBindings()
    here = has_focus(DEFAULT_BUFFER)  # and not in the line of Ctrl-R

    @keys.add("enter", filter=here & ~has_selection)
    def _(event) -> None:
        buffer = event.current_buffer
        _dedent(buffer)
        at_end = not buffer.document.text_after_cursor.strip()
        if (at_end or "\n" not in buffer.text) and not wants_more(buffer.text, is_incomplete):
            buffer.validate_and_handle()
        else:
            _new_line(buffer)

    @keys.add("escape", "enter", filter=here & emacs_insert_mode)
    def _(event) -> None:
        _new_line(event.current_buffer)

    @keys.add("tab", filter=here & Condition(_in_indentation) & ~has_completions)
    def _(event) -> None:
        column = event.current_buffer.document.cursor_position_col
        event.current_buffer.insert_text(" " * (STEP - column % STEP))

    @keys.add("backspace", filter=here & Condition(_in_indentation) & ~has_selection)
    def _(event) -> None:
        buffer = event.current_buffer
        column = buffer.document.cursor_position_col
        buffer.delete_before_cursor(1 if not column else (column - 1) % STEP + 1)

    @keys.add(Keys.BracketedPaste, filter=here)
    def _(event) -> None:
        buffer = event.current_buffer
        buffer.insert_text(_fitted(cleaned(event.data.replace("\r\n", "\n").replace("\r", "\n")), buffer))

    @keys.add("escape", "e", filter=here & emacs_insert_mode)
    def _(event) -> None:
        event.current_buffer.open_in_editor(validate_and_handle=False)

    @keys.add("end", filter=here & Condition(_suggested))
    def _(event) -> None:
        buffer = event.current_buffer
        buffer.insert_text(buffer.suggestion.text)

    return keys


def _suggested() -> bool:
    """Whether grey text stands behind the cursor."""
    buffer = get_app().current_buffer
    return buffer.suggestion is not None and bool(buffer.suggestion.text) and buffer.document.is_cursor_at_the_end


def _fitted(text: str, buffer) -> str:
    """Pasted text without the blank lines at its end, and with the indentation of its first line only once."""
    text = text.rstrip("\n ")
    before = buffer.document.current_line_before_cursor
    return text.lstrip(" ") if before and not before.strip() and "\n" not in text else text


def _dedent(buffer) -> None:
    document = buffer.document
    if document.text_after_cursor or "\n" not in document.text:
        return
    line = document.current_line
    better = dedented(line, document.lines[:-1])
    if better != line:
        buffer.delete_before_cursor(len(line))
        buffer.insert_text(better)


def _new_line(buffer) -> None:
    indent = indent_after(buffer.document.current_line_before_cursor)
    buffer.insert_text("\n" + indent)


def _in_indentation() -> bool:
    """Whether only spaces stand before the cursor, in a text of several lines or an indented one."""
    document = get_app().current_buffer.document
    before = document.current_line_before_cursor
    return not before.strip() and (bool(before) or "\n" in document.text)
