"""The options of `tcli inspect`, `diff`, `convert`, `test`, `check` and `devices`: a table each, and the parser for them.

Imports nothing but the general table's types, so that `tcli inspect` answers at once.
"""

from __future__ import annotations

from .options import Option, UsageError, checked, split_flag

HELP = Option("--help -h", bool, "Show this help.")
COLOR = Option("--color", str, "Colour on the terminal.", metavar="WHEN", choices=("auto", "always", "never"),
               default="auto")
ERRORS = Option("--errors", str, "How errors are written.", metavar="FORMAT", choices=("text", "json"),
                default="text")
IN = Option("--in", str, "The format of the input, where its bytes do not say it.", metavar="FORMAT")
TOLERANCES = (Option("--rtol", float, "Relative difference that counts as equal.", metavar="X", default=0.0),
              Option("--atol", float, "Absolute difference that counts as equal.", metavar="X", default=0.0))

FILE_COMMANDS = {
    "inspect": ("FILE... [NAME]", (
        Option("--grep -g", list, "Only tensors whose name matches; repeatable.", metavar="RE"),
        Option("--stats -s", bool, "Read the values: min, max, mean, std, zeros, NaN and Inf."),
        Option("--hash", bool, "SHA-256 of each tensor's values and of the file."),
        Option("--json", bool, "Write JSON."),
        Option("--all -a", bool, "Do not fold repeated layers."), IN, COLOR, ERRORS, HELP)),
    "diff": ("A B", (
        *TOLERANCES, Option("--grep -g", list, "Only tensors whose name matches; repeatable.", metavar="RE"),
        Option("--json", bool, "Write JSON."), Option("--quiet -q", bool, "Only the exit code."),
        COLOR, ERRORS, HELP)),
    "convert": ("IN OUT", (
        Option("--dtype", str, "Cast floating-point tensors.", metavar="DTYPE"),
        Option("--select", list, "Keep only tensors whose name matches; repeatable.", metavar="RE"),
        Option("--rename", list, "Replace what RE matches in names by NEW; repeatable.", metavar="RE=NEW"),
        Option("--shard", str, "Write several .safetensors files of at most SIZE (such as 2GB) and an index.",
               metavar="SIZE"),
        IN, Option("--to", str, "The format of the output, where its name does not say it.", metavar="FORMAT"),
        COLOR, ERRORS, HELP)),
    "test": ("[PATH]...", (
        Option("--update", bool, "Write the values that came out as the expected ones."),
        Option("--rtol", float, "Relative difference that counts as equal.", metavar="X", default=1e-4),
        Option("--atol", float, "Absolute difference that counts as equal.", metavar="X", default=1e-6),
        Option("--quiet -q", bool, "Only failures and the total."), COLOR, ERRORS, HELP)),
    "check": ("FILE.tsr [ARGS]...", (
        Option("--plan", bool, "Operations, bytes and parameters of each line."),
        Option("--json", bool, "Write JSON."),
        Option("--var -v", list, "A variable that comes from outside, by its dtype and shape: x=f32[B,784].",
               metavar="NAME=TYPE"),
        Option("--device", str, "Where new tensors live: cpu or cuda.", metavar="DEVICE", default="cpu"),
        Option("--quiet -q", bool, "No notes."), COLOR, ERRORS, HELP)),
    "devices": ("", (Option("--json", bool, "Write JSON."), COLOR, ERRORS, HELP)),
}


class Choices:
    """What a command was asked for: an attribute per option (dashes off), and `words`."""

    def __init__(self, options):
        for option in options:
            setattr(self, option.name, [] if option.kind is list else option.default)
        self.words: list[str] = []


def parse_command(name: str, argv: list[str]) -> Choices:
    """The options and words behind `tcli NAME`; raises UsageError."""
    options = FILE_COMMANDS[name][1]
    flags = {flag: option for option in options for flag in option.flags}
    found, rest = Choices(options), list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            found.words += rest
            break
        if word == "-" or not word.startswith("-"):
            found.words.append(word)
        else:
            _take(found, name, flags, word, rest)
    return found


def _take(found: Choices, name: str, flags: dict, word: str, rest: list[str]) -> None:
    flag, has_value, value = split_flag(word)
    option = flags.get(flag)
    if option is None:
        from ..show.suggest import did_you_mean

        hint = did_you_mean(flag, flags)
        raise UsageError(f"{name} has no option {flag} ({hint or f'see tcli {name} --help'})")
    if option.kind is bool:
        if has_value and word.startswith("--"):
            raise UsageError(f"{flag} takes no value")
        if has_value:  # -sg is -s -g
            rest.insert(0, "-" + value)
        setattr(found, option.name, True)
        return
    if not has_value:
        if not rest:
            raise UsageError(f"{flag} needs a value: {flag} {option.metavar}")
        value = rest.pop(0)
    if option.kind is list:
        getattr(found, option.name).append(value)
    else:
        setattr(found, option.name, checked(option, flag, value))


def help_of(name: str, summary: str) -> str:
    """The help page of a file command."""
    words, options = FILE_COMMANDS[name]
    left = [", ".join(option.flags) + (f" {option.metavar}" if option.metavar else "") for option in options]
    width = max(map(len, left)) + 2
    lines = [f"Usage: tcli {name} [OPTIONS] {words}", "", f"  {summary}", "", "Options:"]
    for text, option in zip(left, options, strict=True):
        more = f" One of: {', '.join(option.choices)}." if option.choices else ""
        lines.append(f"  {text:<{width}}{option.help}{more}")
    return "\n".join(lines)
