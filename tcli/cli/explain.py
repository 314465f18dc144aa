"""`tcli explain CODE`: what an error of a kind means, with an example that is run.

The pages are the docstrings of the classes in `errors.py`: a sentence, paragraphs, and an indented program.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

from .. import errors
from ..errors import TcliError


def kinds() -> dict[str, type[TcliError]]:
    """Code -> class, for every kind of error."""
    found = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TcliError)
             and "code" in vars(kind)}
    found.pop(TcliError.code)
    return dict(sorted(found.items()))


# Kinds that live beside what raises them: their pages have no example, for it takes an option or a command.
_ELSEWHERE = {"timeout": ("tcli.cli.bounds", "OutOfTime"), "trap": ("tcli.runtime.trap", "Trapped"),
              "gradcheck": ("tcli.func.gradcheck", "GradientMismatch"), "broadcast": ("tcli.runtime.check", "BroadcastWarning"),
              "unused": ("tcli.runtime.check", "UnusedWarning"), "values": ("tcli.runtime.check", "Note"),
              "warning": ("tcli.runtime.check", "ProgramWarning")}


def every_kind() -> dict[str, type[TcliError]]:
    """Code -> class, those of options, commands and `tcli check` included."""
    from importlib import import_module

    elsewhere = {code: getattr(import_module(home), name) for code, (home, name) in _ELSEWHERE.items()}
    return dict(sorted((kinds() | elsewhere).items()))


def parts(kind: type[TcliError]) -> tuple[str, str, str]:
    """(summary, text, example) of a kind's page."""
    lines = [line[4:] if line.startswith("    ") else line for line in (kind.__doc__ or "").rstrip().split("\n")]
    start = next((i for i, line in enumerate(lines) if line.startswith("    ")), len(lines))
    example = "\n".join(line[4:] for line in lines[start:])
    return lines[0], "\n".join(lines[1:start]).strip("\n"), example


def failure_of(example: str) -> TcliError | None:
    """The error that the example gives."""
    from ..runtime.session import Session

    session = Session(quiet=True)
    try:
        session.run(example, "example.tsr")
    except TcliError as error:
        return error
    return None


def page(code: str, *, width: int = 80, color: bool = False) -> str:
    """The page of a code; KeyError if there is none."""
    from ..show.diagnostic import render

    summary, text, example = parts(every_kind()[code])
    error = failure_of(example) if example else None
    shown = render(error, width=width - 4, color=color) if error is not None else ""
    text = "\n\n".join(textwrap.fill(each.replace("\n", " "), width) for each in text.split("\n\n"))
    title = textwrap.fill(f"{every_kind()[code].word}[{code}]: {summary}", width)
    blocks = [title, text, *(["For example", _indented(example), "gives", _indented(shown)] if example else [])]
    return "\n\n".join(block for block in blocks if block)


def _indented(text: str) -> str:
    return "\n".join(("    " + line).rstrip() for line in text.rstrip().split("\n"))


def overview() -> Iterator[str]:
    """A line for each kind."""
    width = max(map(len, every_kind()))
    for code, kind in every_kind().items():
        yield f"{code:<{width}}  {parts(kind)[0]}"


def explain(code: str | None) -> int:
    """Prints the page of a code, or the list of all."""
    if not code:
        print("\n".join(overview()))
        return 0
    code = code.partition("[")[2].removesuffix("]") or code
    if code not in every_kind():
        import builtins

        from ..show.suggest import did_you_mean

        if isinstance(getattr(builtins, code, None), type) and issubclass(getattr(builtins, code), BaseException):
            code = "python"
        else:
            hint = did_you_mean(code, every_kind())
            said = f": {hint}" if hint else "; tcli explain lists them"
            print(f"tcli: there is no error kind {code!r}{said}", file=sys.stderr)
            return 2
    from ..show.screen import Screen

    screen = Screen.of(sys.stdout)
    print(page(code, width=min(screen.width, 100), color=screen.color != "none"))
    return 0
