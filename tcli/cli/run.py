"""What a command line asks for: runs FILE, -e expressions or stdin in a session.

Takes `Settings`, gives an exit code. Results go to stdout, everything else to stderr. Loads the
prompt, colours and formats only when they are used.
"""

from __future__ import annotations

import gc
import os
import sys
from _thread import get_ident

from ..errors import FileError, TcliError
from ..show import is_terminal
from .options import Settings, UsageError


def execute(settings: Settings) -> int:
    """Does what the settings say; 0 ok, 1 the program failed, 130 interrupted."""
    if settings.interactive and not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise UsageError("-i opens the prompt, which needs a terminal")
    gc.disable()
    _limit_threads_at_start()
    programs = _programs(settings)
    if programs is None:
        return _prompt(settings)
    try:
        if settings.emit or settings.verify or settings.chunks is not None:
            return _otherwise(settings, programs)
        session = session_for(settings)
        if settings.profile or settings.profile_trace:
            from .profiling import run_profiled

            return run_profiled(session, settings, lambda: _run_all(session, settings, programs))
        ran = _run_all(session, settings, programs)
    except TcliError as error:
        report(error, settings)
        return 1
    except KeyboardInterrupt as error:
        report_interrupt(error, settings)
        return 130
    except SystemExit as error:
        return exit_code(error)
    return _prompt(settings, session, ran) if settings.interactive else 0


def _otherwise(settings: Settings, programs: list) -> int:
    """--emit, --verify and --chunks: the program is not simply run."""
    if settings.emit:
        from .emit import print_emitted

        return print_emitted(programs, settings.emit)
    if settings.verify:
        from .verify import verify

        return verify(programs, settings)
    from .chunks import run_in_chunks

    return run_in_chunks(settings)


def _programs(settings: Settings) -> list[tuple[str, object]] | None:
    """(name, text or how to read it) of what is to run; None for the prompt."""
    found: list[tuple[str, object]] = []
    if settings.file is not None:
        found.append(("<stdin>", read_stdin_text) if settings.file == "-"
                     else (settings.file, lambda: read_program(settings.file)))
    for number, text in enumerate(settings.expr, 1):
        found.append(("<-e>" if number == 1 else f"<-e {number}>", lambda text=text: text))
    if found:
        return found
    if is_terminal(sys.stdin):
        if not is_terminal(sys.stdout):
            raise UsageError("the prompt needs a terminal; give a FILE or -e EXPR (see tcli --help)")
        return None
    text = read_stdin_text() if sys.stdin is not None else ""
    if not text.strip():
        raise UsageError("nothing to run: give a FILE or -e EXPR (see tcli --help)")
    return [("<stdin>", lambda: text)]


def _run_all(session, settings: Settings, programs: list) -> list[str]:
    """Runs the programs one after the other; gives their texts."""
    return [_run(session, settings, name, text) for name, text in programs]


def _run(session, settings: Settings, name: str, read) -> str:
    """Runs one program; gives its text."""
    from .output import echo_for

    # In a script, `x.add_(1)` is said for its effect; as a one-liner it is the question.
    one_liner = name.startswith("<-e")
    session.echo_receivers = one_liner
    session.echo = None if settings.quiet else echo_for(settings)
    text = read()
    if not is_terminal(sys.stderr):
        session.run(text, name)
        return text
    from ..runtime.patience import CallUnderWay, said_while_long

    thread = get_ident()
    with said_while_long(CallUnderWay(lambda: sys._current_frames().get(thread))):
        session.run(text, name)
    return text


def session_for(settings: Settings):
    """A session with the options and -v variables of the command line."""
    from ..runtime.session import Session

    session = Session(settings.device, settings.seed, settings.dtype, settings.quiet,
                      settings.trace in ("backward", "all"), args=settings.args, script=settings.file or "tcli",
                      threads=settings.threads, steps=steps_of(settings.trace))
    session.show_trace = lambda trace: show_trace(trace, settings)
    session.before_program = lambda: _before_program(session)
    session.color = settings.color
    _set_limits(session, settings)
    if settings.expr and settings.file != "-" and not is_terminal(sys.stdin) and sys.stdin is not None:
        from .values import read_stdin_value

        session.providers["_"] = lambda: read_stdin_value(session, settings.in_format)
    for text in settings.var:
        from .values import bind_variable

        bind_variable(session, text)
    return session


def steps_of(trace: str | None) -> int:
    """How often --trace shows a step: `steps` and `all` each one, `steps:10` each tenth, anything else none."""
    word, _, every = (trace or "").partition(":")
    return int(every or 1) if word in ("steps", "all") else 0


def _before_program(session) -> None:
    """What was imported stays: the collector, off since the start, need never look at it. The engine may warn."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    if session.bare is not None:
        from ..runtime.warned import take_over

        take_over()


def _set_limits(session, settings: Settings) -> None:
    """Which files the program may touch, how much memory and time it may take."""
    from ..io.access import Access

    typed = settings.file is None and (bool(settings.expr) or is_terminal(sys.stdin))
    session.set_access(Access(sandbox=settings.sandbox, typed=typed,
                              named=[*settings.args, *(text.partition("=")[2] for text in settings.var)]))
    if settings.max_memory or settings.timeout is not None:
        from .bounds import limit_memory, limit_time

        if settings.max_memory:
            limit_memory(settings.max_memory)
        if settings.timeout is not None:
            limit_time(settings.timeout)


def _prompt(settings: Settings, session=None, ran: list[str] | None = None) -> int:
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise UsageError("the prompt needs a terminal")
    from .repl import start

    return start(session or session_for(settings), settings, ran or [])


# ---------------------------------------------------------------- reading

def read_program(path: str) -> str:
    """The text of a program file; raises FileError."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except OSError as error:
        from ..show.suggest import similar_file

        raise FileError(f"cannot open {path}: {error.strerror}", help=similar_file(path) or _similar_command(path)) from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not a text file: byte {error.start} is not UTF-8",
                        help=_hint_for_data(path)) from None


def _similar_command(word: str) -> str | None:
    """For `tcli expain` and `tcli version`."""
    from ..show.suggest import nearest
    from .options import COMMANDS, OPTIONS

    if any(f"--{word}" in option.flags for option in OPTIONS):
        return f"did you mean 'tcli --{word}'?"
    found = nearest(word, COMMANDS) if word.isalpha() else None
    return f"did you mean the command '{found}'?" if found else None


def _hint_for_data(path: str) -> str | None:
    if path.endswith((".npy", ".npz", ".pt", ".pth", ".safetensors", ".png")):
        return f"to compute with it: tcli -v x={path} -e 'x.shape'"
    return None


def read_stdin_text() -> str:
    data = sys.stdin.buffer.read() if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FileError(f"stdin is not a program: byte {error.start} is not UTF-8",
                        help="data is read with -e: ... | tcli -e '_.sum()'") from None


# ---------------------------------------------------------------- saying what went wrong

def report(error: TcliError, settings: Settings) -> None:
    """The diagnostic on stderr, as text or as one line of JSON."""
    _flush(sys.stdout)
    if settings.errors == "json":
        from json import dumps

        from ..show.diagnostic import as_json

        text = dumps(as_json(error), ensure_ascii=False)
    else:
        from ..show.diagnostic import render

        # In a file a message stays one line, so that it can be searched for.
        text = render(error, color=wants_color(settings, sys.stderr), width=terminal_width(), wrap=is_terminal(sys.stderr))
    print(text, file=sys.stderr)


def show_trace(trace, settings: Settings) -> None:
    """A gradient trace on stderr."""
    from ..show.gradtrace import render

    _flush(sys.stdout)
    print(render(trace.rows, color=wants_color(settings, sys.stderr), width=terminal_width()), file=sys.stderr)


def report_interrupt(error: KeyboardInterrupt, settings: Settings) -> None:
    _flush(sys.stdout)
    span = getattr(error, "span", None)
    print(f"interrupted at {span}" if span is not None else "interrupted", file=sys.stderr)


def exit_code(error: SystemExit) -> int:
    """As Python: None is 0, a number itself, anything else is said on stderr and is 1."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    _flush(sys.stdout)
    print(error.code, file=sys.stderr)
    return 1


def _flush(stream) -> None:
    if stream is not None:
        stream.flush()


# ---------------------------------------------------------------- the terminal

def wants_color(settings: Settings, stream) -> bool:
    """Whether --color, the environment and the stream ask for colours."""
    from ..show.screen import color_of

    return color_of(stream, settings.color, os.environ) != "none"


def terminal_width() -> int:
    """The width of the terminal on stderr; a file gets 100 columns."""
    try:
        return max(40, os.get_terminal_size(2).columns)
    except (OSError, ValueError):
        return 100


def _limit_threads_at_start() -> None:
    """OpenBLAS starts its threads at import, which costs a fifth of NumPy's. The engine raises the
    number again at the first product large enough to gain from it."""
    if not any(name in os.environ for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GOTO_NUM_THREADS")):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.environ["TCLI_RAISE_THREADS"] = "1"
