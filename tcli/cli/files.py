"""`tcli inspect`, `diff` and `convert`: tensor files from the shell.

Headers are read without NumPy; values only for `--stats`, `--hash` and comparisons, and then in parts
of bounded size. Exit code 0 ok, 1 a file cannot be read or two differ, 2 usage.
"""

from __future__ import annotations

import os
import sys

from ..errors import FileError, TcliError
from .file_options import Choices, help_of, parse_command
from .options import COMMANDS, Settings, UsageError


def main(argv: list[str]) -> int:
    """Runs one of the file commands; gives the exit code."""
    name = argv[0]
    choices = parse_command(name, argv[1:])
    if choices.help:
        print(help_of(name, COMMANDS[name]))
        return 0
    try:
        return _RUN[name](choices)
    except TcliError as error:
        _report(error, choices)
        return 1


def _report(error: TcliError, choices: Choices) -> None:
    from .run import report

    settings = Settings()
    settings.color, settings.errors = choices.color, choices.errors
    report(error, settings)


def _color(choices: Choices) -> bool:
    if choices.color != "auto":
        return choices.color == "always"
    if not os.environ.get("CLICOLOR_FORCE") and not sys.stdout.isatty():
        return False
    from .run import wants_color

    settings = Settings()
    settings.color = choices.color
    return wants_color(settings, sys.stdout)


def _printer(text: str) -> None:
    """Text with names from files: what the terminal cannot encode is escaped, not a crash."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


# ---------------------------------------------------------------- inspect

def _inspect(choices: Choices) -> int:
    if not choices.words:
        raise UsageError("inspect needs a FILE (see tcli inspect --help)")
    files, names = _files_and_names(choices.words)
    pages, failed = [], 0
    for path in files:
        try:
            pages.append(_page(path, names, choices))
        except TcliError as error:
            if len(files) == 1:
                raise
            _report(error, choices)
            failed = 1
    if choices.json:
        from json import dumps

        print(dumps(pages[0] if len(files) == 1 else pages, ensure_ascii=True, allow_nan=False))
    elif pages:
        _printer("\n\n".join(pages))
    return failed


def _files_and_names(words: list[str]) -> tuple[list[str], list[str]]:
    """`FILE... NAME...`: a word behind a file that is no file itself is the name of a tensor."""
    files = [words[0]]
    names = []
    for word in words[1:]:
        if os.path.exists(word) or word == "-" or "/" in word or os.path.splitext(word)[1] in (".npy", ".npz", ".pt"):
            files.append(word)
        else:
            names.append(word)
    return files, names


def _page(path: str, names: list[str], choices: Choices):
    from ..io import open_input, read_listing, split_name

    place, inner = split_name(path)
    wanted = [*names, inner] if inner is not None else names
    with open_input(place) as file:
        listing = read_listing(file, choices.in_format)
        size = file.size
        _select(listing, choices.grep, wanted, file)
        stats = hashes = None
        if choices.stats or choices.hash or wanted:
            from .file_values import Values

            values = Values(file, choices.in_format)
            stats = values.statistics(listing) if choices.stats or wanted else None
            hashes = values.hashes(listing) if choices.hash else None
            if hashes is not None:
                listing.notes.append(f"sha256 of the file: {values.file_hash()}")
        text = "" if choices.json or not wanted else _values_of(file, listing, choices)
    from ..show.inspect import as_data, render

    if choices.json:
        return as_data(listing, file.name, size, _plain_stats(stats), hashes)
    page = render(listing, file.name, size, stats=stats, hashes=hashes, fold=not choices.all, color=_color(choices))
    return page + text


def _plain_stats(stats: dict | None) -> dict | None:
    """JSON has no NaN and no infinities."""
    if stats is None:
        return None
    return {name: {key: value if not isinstance(value, float) or value - value == 0 else None
                   for key, value in row.items()} for name, row in stats.items()}


def _values_of(file, listing, choices: Choices) -> str:
    """The values of the tensors that were asked for by name, as `print` shows them."""
    from ..io import load_input

    parts = []
    for entry in listing.entries:
        value = load_input(file, choices.in_format, entry.name or None)
        parts.append(f"\n\n{entry.name}\n{value}" if entry.name else f"\n\n{value}")
    return "".join(parts)


def _select(listing, patterns: list[str], names: list[str], file) -> None:
    if names:
        known = {entry.name for entry in listing.entries}
        for name in names:
            if name not in known:
                from ..show.suggest import did_you_mean

                raise FileError(f"{file.name}: there is no tensor {name!r}", help=did_you_mean(name, known))
        listing.entries = [entry for entry in listing.entries if entry.name in names]
    if patterns:
        match = matcher(patterns)
        listing.entries = [entry for entry in listing.entries if match(entry.name)]


def matcher(patterns: list[str]):
    """Whether any of the regular expressions is found in a name."""
    import re

    try:
        compiled = [re.compile(pattern) for pattern in patterns]
    except re.error as error:
        raise UsageError(f"the pattern {error.pattern!r} is no regular expression: {error.msg} at column "
                         f"{(error.pos or 0) + 1}") from None
    return lambda name: any(each.search(name) for each in compiled)


# ---------------------------------------------------------------- diff

def _diff(choices: Choices) -> int:
    if len(choices.words) != 2:
        raise UsageError("diff compares two files: tcli diff A B")
    from .file_values import compare

    a, b = choices.words
    keep = matcher(choices.grep) if choices.grep else None
    rows, same = compare(a, b, choices.rtol, choices.atol, keep)
    if choices.json:
        from json import dumps

        print(dumps({"a": a, "b": b, "same": same, "different": rows}))
    elif not choices.quiet:
        from ..show.diff import render

        _printer(render(rows, (a, b), same, color=_color(choices)))
    return 1 if rows else 0


# ---------------------------------------------------------------- convert

def _convert(choices: Choices) -> int:
    if len(choices.words) != 2:
        raise UsageError("convert needs two files: tcli convert IN OUT")
    from .convert import convert

    convert(*choices.words, choices)
    return 0


def _test(choices: Choices) -> int:
    from .testing import run_tests

    return run_tests(choices)


def _check(choices: Choices) -> int:
    from .check import run_check

    return run_check(choices, _color(choices))


def _devices(choices: Choices) -> int:
    from .devices import run_devices

    return run_devices(choices)


_RUN = {"inspect": _inspect, "diff": _diff, "convert": _convert, "test": _test, "check": _check, "devices": _devices}
