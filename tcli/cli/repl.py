"""The prompt: reads an entry, runs it in the session, shows what came of it.

Only ever started on a terminal. Its parts (editor, completion, commands, bottom line) get callables and
never this object. An entry that fails changes no binding and draws no random numbers; an interrupted
one keeps what it computed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from keyword import iskeyword
from shutil import which
from time import perf_counter

from prompt_toolkit.history import History, InMemoryHistory

from ..errors import ForbiddenError, TcliError, TsrSyntaxError, UnknownName
from ..lang.parser import parse
from ..runtime.holders import shares
from ..runtime.last_backward import LastBackward
from ..runtime.patience import CallUnderWay, said_while_long
from ..runtime.profile import compute_what_waits
from ..runtime.snapshot import Snapshot
from ..show.units import duration, size
from ..source import Source, is_program_code, span_of_instruction
from . import commands, paste
from .complete import Known
from .history import open_history
from .interrupt import Abandoned, Interruptible
from .journal import FAILED, INTERRUPTED, WORKED, Entry, Journal
from .options import Settings
from .output import echoed
from .peek import Unknown, peek
from .preferences import Preferences, config_file
from .prompt import Editor, PlainReader, can_edit
from .results import Results
from .run import exit_code, report, report_interrupt, terminal_width, wants_color
from .terminal import ask_line, keys_wait, run_in_shell
from .toolbar import Pieces, signature_pieces

RECENT = 20  # entries that are searched for a name that is missing
LEAVING = ("exit", "quit")  # the bare words, where they are no variables


def start(session, settings: Settings, ran: list[str] | tuple = ()) -> int:
    """Runs the prompt until the user leaves; gives the exit code. `ran`: programs that ran before."""
    preferences = Preferences(config_file()).load()
    return Repl(session, settings, history=open_history(), preferences=preferences, ran=ran, plain=not can_edit()).loop()


class Repl:
    """The loop; `write` is where results go. The other parameters are for tests."""

    def __init__(self, session, settings: Settings, *, history: History | None = None, write: Callable[[str], object] = print,
                 preferences: Preferences | None = None, ran: list[str] | tuple = (), plain: bool = False,
                 input=None, output=None):
        self.session, self.settings, self.write = session, settings, write
        self.color = wants_color(settings, sys.stdout)
        self.preferences = preferences or Preferences()
        self.journal = Journal(self.preferences["keep"])
        self.results = Results(session, lambda: self.preferences["keep"], self._tell_dropped)
        self.backward = LastBackward()
        self.work = Interruptible()
        self.default, self.seconds, self._facts = "", None, None
        self.known = Known(session.all_names, session.lookup, self._modules, session.import_module,
                           lambda text: commands.completions(text, self.desk))
        self.while_running = nullcontext if plain else keys_wait
        self.reader = PlainReader(self.is_incomplete) if plain else Editor(
            known=self.known, history=history or InMemoryHistory(), preferences=self.preferences,
            is_incomplete=self.is_incomplete, parse_error=self.parse_error, cleaned=self.cleaned, toolbar=self.toolbar,
            input=input, output=output)
        self.desk = commands.Desk(
            session=session, write=write, run=self.run_program, show=self.echo, edit=self._set_default, fresh=self._prepare,
            width=terminal_width, journal=self.journal, preferences=self.preferences, backward=self.backward,
            known=self.known, history=self.reader.history, color=self.color)
        self._prepare()
        self.journal.entries += [Entry(text) for text in ran]

    def _prepare(self) -> None:
        """Sets a fresh session up for the prompt."""
        session = self.session
        session.echo = None if self.settings.quiet else self.echo
        session.echo_receivers = True
        session.color = self.settings.color
        session.positions = True  # so that `:trace` and errors of backward can point at their lines
        session.observers[:] = [self.backward]
        session.builtins["input"] = ask_line
        session.load_engine()
        self.backward.clear()
        self.journal.entries.clear()
        self._facts = None

    def _set_default(self, text: str) -> None:
        self.default = text

    def _modules(self) -> list[str]:
        from ..runtime.modules import known_names
        from ..runtime.namespaces import module_names

        return [*known_names(), *module_names()]

    # ------------------------------------------------------------ the loop

    def loop(self) -> int:
        from .. import __version__

        self.write(f"tcli {__version__} on {self.session.device}.  name? shows help, :help lists commands, Ctrl-D leaves.")
        for problem in self.preferences.problems:
            print(f"tcli: {problem}", file=sys.stderr)
        while True:
            default, self.default = self.default, ""
            try:
                text = self.reader.read(default)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return 0
            try:
                with self.while_running():
                    self.run(text)
            except SystemExit as leaving:
                return exit_code(leaving)

    def run(self, text: str) -> None:
        """Runs what was entered and shows its result or its error; SystemExit passes."""
        if text.strip() in LEAVING and text.strip() not in self.session.globals:
            raise SystemExit(0)
        for entry in paste.entries(self.cleaned(text), state_of):
            if not (self._run_special(entry) if paste.is_special(entry) else self.run_program(entry)):
                return

    def _run_special(self, entry: str) -> bool:
        """A command, a shell command or a question; says whether it went well."""
        line = ":help" if entry.strip() in (":", "?") else entry.strip()
        try:
            if line.startswith("!"):
                if self.settings.sandbox:
                    raise ForbiddenError("--sandbox allows no shell")
                run_in_shell(line[1:].strip())
            elif line.startswith(":"):
                found, rest = commands.find(line)
                self.work.run(lambda: found.function(self.desk, rest)) if found.computes else found.function(self.desk, rest)
            else:
                self.write(self.help(paste.help_asked(line), source="??" in line))
        except TcliError as error:
            report(error, self.settings)
            return False
        except KeyboardInterrupt as interrupt:
            self._tell_interrupt(interrupt)
            return False
        finally:
            self._facts = None
        return True

    # ------------------------------------------------------------ programs

    def run_program(self, text: str, name: str | None = None) -> bool:
        """Runs a program as an entry of its own; says whether it worked."""
        before, start, value = Snapshot(self.session), perf_counter(), None
        outcome = FAILED
        try:
            with said_while_long(CallUnderWay(self.work.frame)):
                value = self.work.run(lambda: self._run_whole(text, name))
            outcome = WORKED
        except TcliError as error:
            before.restore()
            error.help = error.help or self._failed_binding(error) or self._shell_hint(error, text)
            report(error, self.settings)
            self._tell_written(before)
        except KeyboardInterrupt as interrupt:
            outcome = INTERRUPTED
            self._tell_interrupt(interrupt)
            before.restore_settings()
        self.seconds, self._facts = perf_counter() - start, None
        if value is not None:
            self.results.keep(value)
        else:
            self.results.settle()
        self.journal.budget = self.preferences["keep"]
        self.journal.add(Entry(text, outcome, seconds=self.seconds, has_value=value is not None,
                               before=before if outcome != FAILED else None,
                               written=before.written() if outcome == FAILED else ()), self.session.globals)
        return outcome == WORKED

    def _run_whole(self, text: str, name: str | None) -> object:
        """Runs a program with all that it put off: what is left for later would be computed where no Ctrl-C gets through."""
        value = self.session.run(text, name)
        self.session.guarded(compute_what_waits, [value, *self.session.globals.values()])
        return value

    def _failed_binding(self, error: TcliError) -> str | None:
        """For a name that only an entry that failed would have bound."""
        from .commands_programs import names_bound

        name = str(error.message).split("'")[1] if isinstance(error, UnknownName) and error.message.count("'") == 2 else ""
        failed = [each.text for each in self.journal.entries[-RECENT:] if each.outcome == FAILED] if name else []
        if any(name in names_bound(self.session, text) for text in failed):
            return f"the entry that would have bound {name} failed, so it bound nothing; :edit {name} brings it back"
        return None

    def _shell_hint(self, error: TcliError, text: str) -> str | None:
        """`!ls` for what reads like a line for the shell."""
        word = text.split(maxsplit=1)[0] if text.strip() else ""
        if not isinstance(error, (UnknownName, TsrSyntaxError)) or "\n" in text.strip() or not word.isalnum():
            return None
        with suppress(KeyError):
            self.session.lookup(word)
            return None
        return f"!{' '.join(text.split())} runs it in the shell" if not iskeyword(word) and which(word) else None

    def _tell_written(self, before: Snapshot) -> None:
        written = before.written()
        if written:
            print(f"note: {', '.join(written)} had been written to in place before; that stays", file=sys.stderr)

    def _tell_interrupt(self, interrupt: KeyboardInterrupt) -> None:
        if not isinstance(interrupt, Abandoned):
            report_interrupt(interrupt, self.settings)
            return
        self.session.abandon()
        span = _span_of_frame(interrupt.frame)
        where = f" at {span}: {' '.join(span.text.split())}" if span is not None else ""
        print(f"interrupted{where}\nits last call ends in the background", file=sys.stderr)

    def _tell_dropped(self, nbytes: int) -> None:
        print(f"note: _ does not keep this result: {size(nbytes)} is more than :set keep "
              f"{size(self.preferences['keep']).replace(' ', '')}", file=sys.stderr)

    def echo(self, value: object, full: bool = False) -> None:
        """Shows a result: bounded, `:full` shows all of the last one."""
        self.write(echoed(value, color=self.color, form=self.preferences["fmt"], header=self.preferences["header"],
                          limit=None if full else self.preferences["echo"]))

    def help(self, name: str, source: bool = False) -> str:
        from ..show.help import page, source_of

        try:
            value = peek(name, self.session.lookup)
        except Unknown:
            from ..show.suggest import did_you_mean

            hint = did_you_mean(name, self.session.all_names())
            return f"no help: {name} is not defined" + (f" ({hint})" if hint else "")
        found = source_of(value) if source else ""
        return page(value, name) + (f"\n\n{found}" if found else "")

    # ------------------------------------------------------------ what the parser says of a text

    def is_incomplete(self, text: str) -> bool:
        """Whether the parser would read on; text that is simply wrong is complete."""
        error = self.parse_error(text)
        return error is not None and error.incomplete

    def parse_error(self, text: str) -> TsrSyntaxError | None:
        """Why the text cannot run, in the words of the parser."""
        if any(map(paste.is_special, text.split("\n"))):
            return None
        try:
            parse(Source(self.cleaned(text), "<typing>"))
        except TsrSyntaxError as error:
            if not error.incomplete:
                error.help = error.help or self._shell_hint(error, text)
            return error
        return None

    def cleaned(self, text: str) -> str:
        """A pasted transcript without its prompts."""
        return paste.strip_prompts(text, state_of)

    # ------------------------------------------------------------ the bottom line

    def toolbar(self, text: str) -> Pieces:
        """The signature of the call being typed; else device, dtype, grad mode, memory, time of the last entry."""
        pieces = signature_pieces(text, self.session.lookup)
        if pieces is not None:
            return pieces
        if self._facts is None:
            self._facts = self._stand()
        return [("", self._facts)]

    def _stand(self) -> str:
        engine = self.session.engine
        held = sum(count for _, count in shares(self.session.globals))
        parts = [str(engine.devices[-1]), str(engine.dtype).removeprefix("torch."), "grad" if engine.modes[0] else "no grad",
                 f"{size(held)} held"]
        if self.desk.trap is not None and self.desk.trap.kinds:
            parts.append("trap " + ",".join(self.desk.trap.kinds))
        if self.seconds is not None:
            parts.append(duration(self.seconds))
        return "  ".join(parts)


def state_of(text: str) -> str:
    """What the parser says of a program: OK, INCOMPLETE or WRONG."""
    try:
        parse(Source(text, "<typing>"))
    except TsrSyntaxError as error:
        return paste.INCOMPLETE if error.incomplete else paste.WRONG
    return paste.OK


def _span_of_frame(frame):
    """Where in the program a frame stands."""
    while frame is not None and not is_program_code(frame.f_code):
        frame = frame.f_back
    return span_of_instruction(frame.f_code, frame.f_lasti) if frame is not None else None
