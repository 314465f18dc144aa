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
    found = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TcliError)}
    found.pop(TcliError.code)
    return dict(sorted(found.items()))


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

    summary, text, example = parts(kinds()[code])
    error = failure_of(example)
    shown = render(error, width=width - 4, color=color) if error is not None else ""
    text = "\n\n".join(textwrap.fill(each.replace("\n", " "), width) for each in text.split("\n\n"))
    title = textwrap.fill(f"error[{code}]: {summary}", width)
    blocks = [title, text, "For example", _indented(example), "gives", _indented(shown)]
    return "\n\n".join(block for block in blocks if block)


def _indented(text: str) -> str:
    return "\n".join(("    " + line).rstrip() for line in text.rstrip().split("\n"))


def overview() -> Iterator[str]:
    """A line for each kind."""
    width = max(map(len, kinds()))
    for code, kind in kinds().items():
        yield f"{code:<{width}}  {parts(kind)[0]}"


def explain(code: str | None) -> int:
    """Prints the page of a code, or the list of all."""
    if not code:
        print("\n".join(overview()))
        return 0
    code = code.removeprefix("error[").removesuffix("]")
    if code not in kinds():
        import builtins

        from ..show.suggest import did_you_mean

        if isinstance(getattr(builtins, code, None), type) and issubclass(getattr(builtins, code), BaseException):
            code = "python"
        else:
            hint = did_you_mean(code, kinds())
            said = f": {hint}" if hint else "; tcli explain lists them"
            print(f"tcli: there is no error kind {code!r}{said}", file=sys.stderr)
            return 2
    from ..show.screen import Screen

    screen = Screen.of(sys.stdout)
    print(page(code, width=min(screen.width, 100), color=screen.color != "none"))
    return 0
