"""The typer app: `--help` and the subcommands. Options come from the table in `options.py`.

The common forms of the command line never get here (`options.parse` reads them); this is what draws
the help pages, so typer and rich are imported only when somebody asks for one.
"""

from __future__ import annotations

import inspect
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from .file_options import FILE_COMMANDS
from .options import COMMANDS, OPTIONS, Option, Settings, UsageError, checked

EPILOG = "Without FILE and -e: a prompt, or with piped stdin its text as a script. " \
         "With -e, _ is the tensor on stdin."


class _FileOrCommand(TyperGroup):
    """`tcli FILE` beside `tcli COMMAND`: shows FILE in the usage line."""

    def format_usage(self, ctx, formatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] [FILE | -] [ARGS]...")

    def collect_usage_pieces(self, ctx) -> list[str]:
        return ["[OPTIONS]", "[FILE | -]", "[ARGS]..."]


app = typer.Typer(cls=_FileOrCommand, add_completion=False, rich_markup_mode=None, epilog=EPILOG,
                  context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})


def _parameter(option: Option) -> inspect.Parameter:
    """An option of the table as a typer parameter."""
    kind = {bool: bool, str: str | None, int: int | None, float: float | None, list: list[str] | None}[option.kind]
    text = option.help + (f" One of: {', '.join(option.choices)}." if option.choices else "")
    info = typer.Option(*option.flags, help=text, metavar=option.metavar or None, is_eager=option.name == "version",
                        callback=_checker(option) if option.choices else None)
    default = None if option.kind is list else option.default
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=default,
                             annotation=Annotated[kind, info])


def _checker(option: Option):
    def check(value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return checked(option, option.flags[0], value)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from None

    return check


def _run(**values: object) -> None:
    """A tensor shell: runs PyTorch snippets, scripts and one-liners without PyTorch."""
    from .run import execute

    settings = Settings()
    for name, value in values.items():
        setattr(settings, name, value if value is not None else getattr(settings, name))
    raise typer.Exit(execute(settings))


def _callback(context: typer.Context, **values: object) -> None:
    if context.invoked_subcommand is None:
        _run(**values)


_shown = [_parameter(option) for option in OPTIONS if option.name != "help"]
_context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
_callback.__signature__ = inspect.Signature([_context, *_shown])
_callback.__annotations__ = {each.name: each.annotation for each in (_context, *_shown)}
_callback.__doc__ = _run.__doc__
app.callback(invoke_without_command=True)(_callback)


@app.command(help=COMMANDS["doc"])
def doc(name: Annotated[str, typer.Argument(help="A name as a program writes it: softmax, nn.Linear, x.view.")],
        ) -> None:
    """Prints the help page of a name."""
    from ..runtime.session import Session
    from ..show.help import page

    session = Session()
    session.load_engine()
    print(page(session.eval(name), name))


@app.command(help=COMMANDS["ops"])
def ops(pattern: Annotated[str, typer.Argument(help="Only names that contain this.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Names, dtypes, gradient, fusable and more, as JSON.")] = False,
        ) -> None:
    """Prints every operator with its summary."""
    from ..runtime.session import Session
    from .ops import listing

    Session().load_engine()
    found = listing(pattern, as_json)
    if not found:
        print(f"tcli: no operator has {pattern!r} in its name; tcli ops lists them all", file=sys.stderr)
        raise typer.Exit(1)
    print(found)


@app.command(help=COMMANDS["explain"])
def explain(code: Annotated[str, typer.Argument(help="What stands in the brackets of error[...]; without it, all kinds.")] = "",
            ) -> None:
    """Prints the page of a kind of error."""
    from .explain import explain as page

    raise typer.Exit(page(code))


def _file_command(name: str) -> None:
    """Lists a command on the help page; `files.main` runs it, without typer."""
    def run(context: typer.Context) -> None:
        from .files import main as files

        raise typer.Exit(files([name, *context.args]))

    app.command(name, help=COMMANDS[name], add_help_option=False,
                context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(run)


for _name in FILE_COMMANDS:
    _file_command(_name)


def main(argv: list[str]) -> int:
    """Runs the app; gives the exit code, usage errors as one line."""
    from ..errors import TcliError

    command = typer.main.get_command(app)
    try:
        return command.main(argv, prog_name="tcli", standalone_mode=False) or 0
    except TcliError as error:
        from .run import report

        report(error, Settings())
        return 1
    except typer.Exit as stop:
        return stop.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own usage errors
            print(f"tcli: {error.format_message()}", file=sys.stderr)
            return 2
        raise
