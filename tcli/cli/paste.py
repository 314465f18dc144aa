"""Text that was pasted: transcripts lose their prompts and outputs, programs stay as they are.

Knows the prompts of tcli, Python and IPython. A text that parses as it stands is no transcript, so
that a `>>>` in a string stays; nor is one without a prompt on any line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

OK, INCOMPLETE, WRONG = "ok", "incomplete", "wrong"
_PROMPT = re.compile(r"\s*(?:tcli>|>>>|In \[\d+\]:)(?: |$)")
_CONTINUATION = re.compile(r"\s*\.\.\.:?(?: |$)")


def strip_prompts(text: str, state: Callable[[str], str]) -> str:
    """A transcript without its prompts and outputs; any other text as it is.

    state: what the parser says of a program: OK, INCOMPLETE or WRONG. What follows an incomplete entry
    belongs to it even without a prompt; everything else without one is output.

    >>> strip_prompts(">>> x = 1\\n>>> x\\n1", lambda text: OK)
    'x = 1\\nx'
    """
    lines = text.split("\n")
    prompted = [bool(_PROMPT.match(line)) for line in lines]
    if not any(prompted):
        return text
    first = next(index for index, line in enumerate(lines) if line.strip())
    if not prompted[first] and state(text) == OK:
        return text
    return "\n".join(_code_of(lines, prompted, first, state))


def _code_of(lines: list[str], prompted: list[bool], first: int, state: Callable[[str], str]) -> list[str]:
    kept: list[str] = []
    entry: list[str] = []
    for index, line in enumerate(lines):
        start = _PROMPT.match(line)
        more = None if start else _CONTINUATION.match(line)
        if start or (index == first and not prompted[first]):  # a selection often starts behind the first prompt
            entry = [line[start.end():] if start else line]
        elif more and entry:
            entry.append(line[more.end():])
        elif entry and state("\n".join(entry)) == INCOMPLETE:
            entry.append(line)
        else:
            continue
        kept.append(entry[-1])
    return kept


def is_special(line: str) -> bool:
    """Whether a line is a command, a shell command or a question for help: no program.

    >>> [is_special(line) for line in (":vars", "!ls", "relu?", "?relu", "x != 1", "::2")]
    [True, True, True, True, False, False]
    """
    line = line.strip()
    return line in (":", "?") or line[:1] == "!" or (line[:1] == ":" and line[1:2].isalpha()) or help_asked(line) is not None


def help_asked(text: str) -> str | None:
    """The name in `name?`, `?name` or `name??`."""
    text = text.strip()
    if "\n" in text or not (text.endswith("?") or text.startswith("?")):
        return None
    name = text.strip("?").strip()
    return name if name and all(part.isidentifier() for part in name.split(".")) else None


def entries(text: str, state: Callable[[str], str]) -> list[str]:
    """A text cut into entries: lines that are no program stand alone, what lies between is one program.

    >>> entries("x = 1\\n:vars\\ny = 2", lambda text: OK)
    ['x = 1', ':vars', 'y = 2']
    """
    found: list[str] = []
    program: list[str] = []
    for line in text.split("\n"):
        if line and not line[0].isspace() and is_special(line) and state("\n".join(program)) != INCOMPLETE:
            found += ["\n".join(program)] if "".join(program).strip() else []
            found.append(line)
            program = []
        else:
            program.append(line)
    return found + (["\n".join(program)] if "".join(program).strip() else [])
