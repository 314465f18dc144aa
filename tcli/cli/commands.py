"""The commands of the prompt: `:name arguments`. One declaration each, read by the prompt, help and completion.

    @command("seed [N]", "Shows or sets the seed of the random streams.")
    def seed(desk, text): ...

A command gets a `Desk`, which is all it may use, and the text behind its name. Names may be shortened as
long as one command is meant. The commands themselves are in `commands_*.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..errors import ArgumentError, TcliError, UnknownName
from ..runtime.last_backward import LastBackward
from .complete import Candidates, Known, candidates, files, matching
from .journal import Journal
from .preferences import Preferences


@dataclass
class Desk:
    """What commands work with: the session and callables of the prompt."""

    session: object
    write: Callable[[str], None]
    run: Callable[..., None]            # a program as an entry of its own: run(text, name=None)
    show: Callable[..., None]           # a value as the echo shows it: show(value, full=False)
    edit: Callable[[str], None]         # text for the next prompt
    fresh: Callable[[], None]           # called after the session was reset
    width: Callable[[], int]
    journal: Journal
    preferences: Preferences
    backward: LastBackward
    known: Known
    history: Callable[[], Iterable[str]]
    trap: object = None
    color: bool = False
    notes: dict = field(default_factory=dict)


class Command:
    """A command: `usage` is its name and arguments, `complete` says what its arguments are."""

    __slots__ = ("complete", "computes", "function", "help", "name", "usage")

    def __init__(self, usage: str, help: str, function: Callable[[Desk, str], None], complete, computes: bool):
        self.usage, self.help, self.function, self.complete, self.computes = usage, help, function, complete, computes
        self.name = usage.partition(" ")[0]


COMMANDS: dict[str, Command] = {}


def command(usage: str, help: str, *, complete=None, computes: bool = False):
    """Declares a command.

    complete: "code", "file", "name", a tuple of words, or a function of the desk that gives [(word, remark)].
    computes: it runs programs for as long as they take, so that Ctrl-C must get through to them.
    """
    def declare(function: Callable[[Desk, str], None]) -> Callable[[Desk, str], None]:
        made = Command(usage, help, function, complete, computes)
        COMMANDS[made.name] = made
        return function
    return declare


def load() -> dict[str, Command]:
    """All commands."""
    from . import commands_names, commands_programs, commands_settings  # noqa: F401

    return COMMANDS


def find(text: str) -> tuple[Command, str]:
    """(the command, the text behind its name) of `:name arguments`; raises UnknownName."""
    word, _, rest = text.strip()[1:].partition(" ")
    table = load()
    found = [word] if word in table else [name for name in table if name.startswith(word)]
    if len(found) == 1:
        return table[found[0]], rest.strip()
    if found:
        raise UnknownName(f":{word} could be {_listed(found)}")
    from ..show.suggest import nearest

    guess = nearest(word, table)
    raise UnknownName(f"there is no command :{word}", help=f"did you mean :{guess}?" if guess else ":help lists them")


def _listed(names: list[str]) -> str:
    names = [":" + name for name in names]
    return ", ".join(names[:-1]) + " or " + names[-1]


def completions(text: str, desk: Desk) -> tuple[int, Candidates]:
    """What may follow in a line that begins with `:`."""
    word, space, rest = text[1:].partition(" ")
    if not space:
        return len(word), [(name, each.help) for name, each in sorted(load().items()) if name.startswith(word)]
    try:
        found, _ = find(text)
    except TcliError:
        return 0, []
    if found.complete == "code":
        return candidates(rest, desk.known)
    if found.complete == "file":
        return files(rest)
    typed = rest.rpartition(" ")[2].rpartition(",")[2]
    offered = _offered(found, desk)
    names = matching(typed, [each for each, _ in offered])
    remarks = dict(offered)
    return len(typed), [(name, remarks[name]) for name in names]


def _offered(found: Command, desk: Desk) -> Candidates:
    if found.complete is None:
        return []
    if found.complete == "name":
        return variables(desk)
    if callable(found.complete):
        return found.complete(desk)
    return [(each, "") for each in found.complete]


def variables(desk: Desk) -> Candidates:
    """The names the user has bound, with what they are."""
    from ..show.help import summary

    session = desk.session
    return [(name, summary(session[name])[:60]) for name in sorted(session.names()) if not name.startswith("_")]


def refuse(usage: str) -> ArgumentError:
    """The error for arguments that a command does not take."""
    return ArgumentError(f"usage: :{usage}")
