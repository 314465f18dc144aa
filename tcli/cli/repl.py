"""The prompt: reads an entry, runs it in the session, shows what came of it.

Only ever started on a terminal. Helpers (completer, key bindings, toolbar) get callables and never
this object. An entry that fails changes no binding; an interrupted one keeps what it computed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from ..errors import TcliError, TsrSyntaxError
from ..lang.parser import parse
from ..source import Source
from . import keys
from .complete import TcliCompleter, open_call, resolve
from .highlight import STYLE, TsrLexer
from .options import Settings
from .output import shown
from .run import exit_code, report, report_interrupt, wants_color

PROMPT, CONTINUATION = "tcli> ", "  ... "
MAX_ECHO = 20_000
# Prompts of transcripts that people paste.
PASTED_PROMPTS = ("tcli> ", ">>> ", "... ", "  ... ")


def start(session, settings: Settings) -> int:
    """Runs the prompt until the user leaves; gives the exit code."""
    if "SSH_CONNECTION" in os.environ or os.environ.get("TERM", "dumb") == "dumb":
        os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")  # such terminals answer late or not at all
    return Repl(session, settings, history=open_history()).loop()


def open_history() -> History:
    """The history file: TCLI_HISTORY, or in the XDG state directory; in memory if it cannot be written."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(os.environ.get("TCLI_HISTORY") or Path(state) / "tcli" / "history")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


class Repl:
    """The loop and its prompt; `write` is where results go."""

    def __init__(self, session, settings: Settings, *, history: History | None = None, write=print,
                 input=None, output=None):
        self.session, self.settings, self.write = session, settings, write
        self.color = wants_color(settings, sys.stdout)
        session.echo = None if settings.quiet else self.echo
        session.echo_receivers = True
        session.positions = True  # so that a later `backward(trace=True)` can point at its lines
        self.prompt = PromptSession(
            [("class:prompt", PROMPT)], multiline=True, history=history or InMemoryHistory(), lexer=TsrLexer(),
            completer=TcliCompleter(session.all_names, session.lookup), complete_while_typing=False, style=STYLE,
            key_bindings=keys.bindings(self.is_incomplete), enable_history_search=True,
            prompt_continuation=lambda *_: [("class:continuation", CONTINUATION)],
            bottom_toolbar=self.toolbar, input=input, output=output, include_default_pygments_style=False)

    def loop(self) -> int:
        from .. import __version__

        self.write(f"tcli {__version__} on {self.session.device}.  name? shows help, Ctrl-D leaves.")
        self.session.load_engine()
        while True:
            try:
                text = self.prompt.prompt()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return 0
            try:
                self.run(text)
            except SystemExit as leaving:
                return exit_code(leaving)

    def run(self, text: str) -> None:
        """Runs one entry and shows its result or its error; SystemExit passes."""
        text = strip_prompts(text)
        asked = help_asked(text)
        if asked:
            self.write(self.help(asked))
        elif text.strip():
            self._run_program(text)

    def _run_program(self, text: str) -> None:
        names = self.session.globals
        before = dict(names)
        try:
            value = self.session.run(text)
        except TcliError as error:
            for name in names.keys() - before.keys():
                del names[name]
            names.update(before)
            report(error, self.settings)
        except KeyboardInterrupt as interrupt:
            report_interrupt(interrupt, self.settings)
        else:
            if value is not None:
                self.session.builtins["_"] = value

    def echo(self, value: object) -> None:
        """Shows a result: bounded, `print` shows all."""
        text = shown(value, color=self.color)
        if len(text) > MAX_ECHO:
            text = f"{text[:MAX_ECHO]}\n… {len(text) - MAX_ECHO} more characters: print(_) shows all"
        self.write(text)

    def help(self, name: str) -> str:
        from ..show.help import page

        try:
            return page(resolve(name, self.session.lookup), name)
        except (KeyError, AttributeError):
            from ..show.suggest import did_you_mean

            hint = did_you_mean(name, self.session.all_names())
            return f"no help: {name} is not defined" + (f" ({hint})" if hint else "")

    def is_incomplete(self, text: str) -> bool:
        """Whether the parser would read on; text that is simply wrong is complete."""
        if help_asked(text):
            return False
        try:
            parse(Source(strip_prompts(text), "<typing>"))
        except TsrSyntaxError as error:
            return error.incomplete
        return False

    def toolbar(self) -> str:
        """The signature of the call being typed; else device and default dtype."""
        from prompt_toolkit.application import get_app

        from ..show.help import signature

        call = open_call(get_app().current_buffer.document.text_before_cursor)
        if call:
            try:
                return " " + signature(resolve(call, self.session.lookup), call)
            except Exception:  # a half-typed name: nothing to say
                pass
        return f" {self.session.device}  {len(self.session.names())} names"


def help_asked(text: str) -> str | None:
    """The name in `name?` or `?name`."""
    text = text.strip()
    if "\n" in text or not (text.endswith("?") or text.startswith("?")):
        return None
    name = text.strip("?").strip()
    return name if name and all(part.isidentifier() for part in name.split(".")) else None


def strip_prompts(text: str) -> str:
    """A pasted transcript without its prompts and outputs; any other text as it is.

    >>> strip_prompts(">>> x = 1\\n>>> x\\n1")
    'x = 1\\nx'
    """
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "").lstrip()
    if not first.startswith(PASTED_PROMPTS[:2]):
        return text
    kept = []
    for line in lines:
        for prompt in PASTED_PROMPTS:
            if line.startswith(prompt) or line == prompt.rstrip():
                kept.append(line[len(prompt):])
                break
    return "\n".join(kept)
