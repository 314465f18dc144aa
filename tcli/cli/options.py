"""The options of `tcli`: one table, read by the fast parser here and by the typer app for its help.

    tcli [OPTIONS] [FILE [ARGS]]

Options may stand before or after FILE; an unknown option after FILE belongs to the program, and
everything after `--` does. Imports nothing, so that a one-liner starts at once.
"""

from __future__ import annotations

FORMATS = ("text", "repr", "json", "csv", "tsv", "md", "npy", "npz", "safetensors", "pt")
DTYPES = ("float32", "float64", "float16", "bfloat16", "float", "double", "half")
# Subcommand -> one-line help; the functions are in app.py.
COMMANDS = {"inspect": "Lists the tensors of files.", "diff": "Compares the tensors of two files.",
            "convert": "Writes the tensors of a file in another format.",
            "test": "Runs .tsr files and compares with the values they expect.",
            "check": "Runs a program on shapes alone and reports what is wrong with it.",
            "devices": "Lists devices, memory, BLAS and versions.",
            "doc": "Shows the help page of a name.", "ops": "Lists the operators.",
            "explain": "Says what a kind of error means, with an example."}
# These read their own options: `file_options.py`.
FILE_COMMANDS = ("inspect", "diff", "convert", "test", "check", "devices")


class UsageError(Exception):
    """The command line makes no sense: one line for a person, exit code 2."""


class Option:
    """A flag (`kind` bool), an option with a value (str, int, float) or a repeatable one (list).

    optional: what the value is where none follows. attached: a value must be joined to the flag by `=`.
    """

    __slots__ = ("attached", "choices", "default", "flags", "help", "kind", "metavar", "name", "optional")

    def __init__(self, flags: str, kind: type, help: str, *, metavar: str = "", choices=(), default=None, optional=None,
                 attached: bool = False):
        self.flags = flags.split()
        name = self.flags[0].lstrip("-").replace("-", "_")
        self.name = "in_format" if name == "in" else name  # `in` is a word of Python
        self.kind, self.help, self.metavar, self.choices = kind, help, metavar, choices
        self.optional, self.attached = optional, attached
        self.default = default if default is not None else {bool: False}.get(kind)


OPTIONS = (
    Option("--expr -e", list, "Run EXPR and show its value; repeatable, after FILE if there is one.",
           metavar="EXPR"),
    Option("--interactive -i", bool, "Stay in the prompt afterwards."),
    Option("--var -v", list, "Set a variable: a number, a list, a file of numbers, or text; repeatable.",
           metavar="NAME=VALUE"),
    Option("--output -o", str, "How results are written (also bin:<f4 and the like).", metavar="FORMAT",
           choices=FORMATS, default="text"),
    Option("--raw -r", bool, "Bare values: text without quotes, one number a line."),
    Option("--in", str, "The format of stdin, where its bytes do not say it.", metavar="FORMAT"),
    Option("--chunks", int, "Run -e over _ in parts of N rows, so that it need not fit in memory.", metavar="N"),
    Option("--device", str, "Where new tensors live: cpu, cuda, cuda:N or meta.", metavar="DEVICE",
           default="cpu"),
    Option("--seed", int, "Seed of the random streams.", metavar="N"),
    Option("--dtype", str, "The default floating-point type.", metavar="DTYPE", choices=DTYPES),
    Option("--quiet -q", bool, "Do not show the values of bare expressions."),
    Option("--profile", bool, "Show the time, bytes and operations of each line and operator."),
    Option("--profile-trace", str, "Write the operator calls as a Chrome trace.", metavar="FILE"),
    Option("--trace", str, "Show the gradient trace of every backward pass, what each optimizer step did to the parameters "
           "(=steps:N: every N-th), or both.", metavar="[=WHAT]", choices=("backward", "steps", "all"), optional="backward",
           attached=True),
    Option("--color", str, "Colour on the terminal.", metavar="WHEN", choices=("auto", "always", "never"),
           default="auto"),
    Option("--errors", str, "How errors are written.", metavar="FORMAT", choices=("text", "json"),
           default="text"),
    Option("--emit", str, "Print the program without its sugar instead of running it.", metavar="DIALECT",
           choices=("torch", "numpy")),
    Option("--verify", str, "Run the program here and with PyTorch and say where they differ.", metavar="WITH",
           choices=("torch",)),
    Option("--sandbox", bool, "No file is written, and only what the command line names is read."),
    Option("--max-memory", str, "The most memory to use, such as 2GB.", metavar="SIZE"),
    Option("--timeout", float, "Stop after so many seconds.", metavar="SECONDS"),
    Option("--threads", int, "The most threads a computation may use.", metavar="N"),
    Option("--install-completion", str, "Write the completion file of a shell (without SHELL the one in use).",
           metavar="[SHELL]", choices=("bash", "zsh", "fish"), optional="auto"),
    Option("--version -V", bool, "Show the version."),
    Option("--help -h", bool, "Show this help."),
)
_BY_FLAG = {flag: option for option in OPTIONS for flag in option.flags}


class Settings:
    """What the command line asked for: an attribute per option, and `file` and `args`."""

    __slots__ = (*(option.name for option in OPTIONS), "args", "file")

    def __init__(self):
        for option in OPTIONS:
            setattr(self, option.name, [] if option.kind is list else option.default)
        self.file: str | None = None
        self.args: list[str] = []


def parse(argv: list[str]) -> Settings:
    """The settings of a command line; raises UsageError."""
    settings, rest = Settings(), list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            _take_rest(settings, rest)
            break
        if word == "-" or not word.startswith("-") or _is_number(word):
            _take_word(settings, word)
        elif not _take_option(settings, word, rest):
            if settings.file is None:
                raise UsageError(_unknown(word))
            settings.args.append(word)
    return settings


def _take_rest(settings: Settings, rest: list[str]) -> None:
    for word in rest:
        _take_word(settings, word)


def _take_word(settings: Settings, word: str) -> None:
    if settings.file is None:
        settings.file = word
    else:
        settings.args.append(word)


def _is_number(word: str) -> bool:
    return word[1:2].isdigit() or word[1:2] == "."


def _take_option(settings: Settings, word: str, rest: list[str]) -> bool:
    """Sets the option that `word` begins; False if there is none of that name."""
    flag, has_value, value = split_flag(word)
    option = _BY_FLAG.get(flag)
    if option is None:
        return False
    if option.kind is bool:
        if has_value and not word.startswith("--"):  # -qi is -q -i
            rest.insert(0, "-" + value)
        elif has_value:
            raise UsageError(f"{flag} takes no value")
        setattr(settings, option.name, True)
        return True
    if not has_value and option.optional is not None and (option.attached or not rest or rest[0].startswith("-")):
        setattr(settings, option.name, option.optional)
        return True
    if not has_value:
        if not rest:
            raise UsageError(f"{flag} needs a value: {flag} {option.metavar}")
        value = rest.pop(0)
    _store(settings, option, flag, value)
    return True


def split_flag(word: str) -> tuple[str, bool, str]:
    """(flag, whether a value is attached, value) of `--seed=3`, `-e1+1`, `--trace`."""
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        return flag, bool(equals), value
    return word[:2], len(word) > 2, word[2:]


def _store(settings: Settings, option: Option, flag: str, value: str) -> None:
    if option.kind is list:
        getattr(settings, option.name).append(value)
        return
    setattr(settings, option.name, checked(option, flag, value))


def checked(option: Option, flag: str, value: str) -> object:
    """The value in its type; raises UsageError if it is not one the option takes."""
    if option.kind is int:
        try:
            return int(value)
        except ValueError:
            raise UsageError(f"{flag} takes a whole number, not {value!r}") from None
    if option.kind is float:
        try:
            return float(value)
        except ValueError:
            raise UsageError(f"{flag} takes a number, not {value!r}") from None
    if option.name == "output" and value.startswith("bin:"):
        return value
    if option.name == "device" and not _is_device(value):
        raise UsageError(f"{flag} takes cpu, cuda, cuda:N or meta, not {value!r}")
    if option.name == "trace" and value.startswith("steps:") and value[6:].isdigit() and int(value[6:]):
        return value
    if option.choices and value not in option.choices:
        said = f"{flag} takes {', '.join(option.choices[:-1])} or {option.choices[-1]}, not {value!r}"
        raise UsageError(said + _hint(value, option.choices))
    return value


def _is_device(text: str) -> bool:
    kind, colon, index = text.partition(":")
    return kind in ("cpu", "cuda", "meta") and (not colon or index.isdigit())


def _unknown(word: str) -> str:
    flag = split_flag(word)[0] if word.startswith("--") else word
    return f"no such option: {flag}{_hint(flag, _BY_FLAG) or ' (see tcli --help)'}"


def _hint(word: str, known) -> str:
    from ..show.suggest import did_you_mean

    found = did_you_mean(word, known)
    return f" ({found})" if found else ""
