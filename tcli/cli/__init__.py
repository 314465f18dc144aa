"""The `tcli` command.

`main` is the entry point. It reads the common forms of the command line by hand and starts the
program at once; help and subcommands go to the typer app. What is imported before the program runs
is what the program waits for: nothing here loads typer, rich or prompt-toolkit.
"""

from __future__ import annotations

import os
import sys


def main(argv: list[str] | None = None) -> None:
    """Runs the command and ends the process with its exit code."""
    _die_quietly_on_closed_pipe()
    code = run(sys.argv[1:] if argv is None else argv)
    _leave(code)


def run(argv: list[str]) -> int:
    """Runs the command; gives the exit code. 0 ok, 1 the program failed, 2 usage, 130 interrupted."""
    from .options import COMMANDS, FILE_COMMANDS, UsageError, parse

    try:
        if argv and argv[0] in FILE_COMMANDS:
            from .files import main as files

            return files(argv)
        if argv and argv[0] in COMMANDS:
            return _app(argv)
        settings = parse(argv)
        if settings.help:
            return _app(["--help"])
        if settings.version:
            from .. import __version__

            print(f"tcli {__version__}")
            return 0
        if settings.install_completion:
            return _install_completion(settings.install_completion)
        from .run import execute

        return execute(settings)
    except UsageError as error:
        print(f"tcli: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _internal(error)


def _app(argv: list[str]) -> int:
    from .app import main as app

    return app(argv)


def _install_completion(shell: str) -> int:
    from ..errors import FileError
    from .install_completion import install

    try:
        print(install(shell))
    except FileError as error:
        print(f"tcli: {error}", file=sys.stderr)
        return 1
    return 0


def _internal(error: Exception) -> int:
    """A fault of tcli itself: one line for the user, the traceback for whoever mends it."""
    if os.environ.get("TCLI_DEBUG"):
        raise error
    print(f"tcli: internal error: {type(error).__name__}: {error} (TCLI_DEBUG=1 shows where)", file=sys.stderr)
    return 1


def _die_quietly_on_closed_pipe() -> None:
    """`tcli ... | head` ends like any Unix tool. `_signal`, because `signal` costs an import of enum."""
    try:
        import _signal

        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    except (ImportError, AttributeError, ValueError):  # Windows, or not the main thread
        pass


def _leave(code: int) -> None:
    """Ends without tearing the interpreter down: that would cost a tenth of a short run."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)
