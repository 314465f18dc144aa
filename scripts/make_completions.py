#!/usr/bin/env python3
"""Writes the shell completions from the tables of options: `completions/tcli.bash`, `_tcli`, `tcli.fish`.

The files are static: no Python runs while somebody types options, commands or file names. Names of operators and of
the tensors in a file are asked of tcli. `--check` only says whether the files are up to date; a test does the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tcli.cli.explain import every_kind
from tcli.cli.file_options import FILE_COMMANDS
from tcli.cli.options import COMMANDS, DTYPES, FORMATS, OPTIONS, Option
from tcli.io.formats import TABLE

FOLDER = Path(__file__).resolve().parent.parent / "completions"
NOTE = "# Made by scripts/make_completions.py from the tables of options."
DEVICES = ("cpu", "cuda", "cuda:0", "meta")
DATA = sorted({ending.rpartition(".")[2] for _, endings in TABLE.values() for ending in endings.split()} | {"gz"})
# Words that the tables do not list, by the attribute of an option.
WORDS = {"device": DEVICES, "in_format": FORMATS, "to": FORMATS}
FILES = ("profile_trace",)
# What stands behind a command: "data" and "tsr" files, "names" of tensors after the first file, "ops", "errors".
OPERANDS = {"inspect": "data names", "diff": "data", "convert": "data", "test": "tsr", "check": "tsr", "devices": "",
            "doc": "ops", "ops": "ops", "explain": "errors"}
JSON = Option("--json", bool, "Write JSON.")
HELP = Option("--help -h", bool, "Show this help.")


def options_of(command: str) -> tuple[Option, ...]:
    """The options behind `tcli COMMAND`."""
    if command in FILE_COMMANDS:
        return FILE_COMMANDS[command][1]
    return (JSON, HELP) if command == "ops" else (HELP,)


def words_of(option: Option) -> tuple[str, ...]:
    """What may stand behind an option, as far as it can be listed."""
    if option.name == "dtype":
        return DTYPES
    return WORDS.get(option.name, tuple(option.choices))


def flags_of(options: Iterable[Option]) -> str:
    return " ".join(flag for option in options for flag in option.flags)


# ---------------------------------------------------------------- bash

def bash_values(options: Iterable[Option], indent: str) -> list[str]:
    """The cases of `case "$before"`: one for each option that takes a value."""
    cases = []
    for option in options:
        if option.kind is bool or option.optional is not None:
            continue
        words = " ".join(words_of(option))
        reply = f'_tcli_words "{words}"' if words else "_tcli_value" if option.name == "var" else \
            "_tcli_files" if option.name in FILES else "COMPREPLY=()"
        cases.append(f"{indent}{'|'.join(option.flags)}) {reply}; return ;;")
    for option in options:
        if option.optional is not None:  # what follows may be the value; with `attached` only behind a `=`
            test = "((equals > 0))" if option.attached else '[[ "$word" != -* ]]'
            cases.append(f'{indent}{"|".join(option.flags)}) _tcli_words "{" ".join(option.choices)}"; {test} && return ;;')
    return cases


def bash_command(command: str) -> list[str]:
    operands = {"data": "_tcli_files " + " ".join(DATA), "tsr": "_tcli_files tsr", "": "COMPREPLY=()",
                "data names": f'_tcli_names || _tcli_files {" ".join(DATA)}',
                "ops": '_tcli_words "$(tcli ops "$word" 2>/dev/null | cut -d " " -f 1)"',
                "errors": f'_tcli_words "{" ".join(every_kind())}"'}[OPERANDS[command]]
    values = bash_values(options_of(command), " " * 16)
    return [f"        {command})", *(['            case "$before" in', *values, "            esac"] if values else []),
            f'            if [[ "$word" == -* ]]; then _tcli_words "{flags_of(options_of(command))}"',
            f"            else {operands}; fi", "            return ;;"]


def bash() -> str:
    return "\n".join([
        NOTE, BASH_HELPERS, "_tcli() {",
        '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        BASH_EQUALS,
        '    if ((COMP_CWORD > 1)); then', '        case "${COMP_WORDS[1]}" in',
        *(line for command in COMMANDS for line in bash_command(command)), "        esac", "    fi",
        '    case "$before" in', *bash_values(OPTIONS, " " * 8), "    esac",
        '    if [[ "$word" == -* ]]; then', f'        _tcli_words "{flags_of(OPTIONS)}"',
        "    else", "        _tcli_files tsr",
        f'        ((COMP_CWORD > 1)) || COMPREPLY+=($(compgen -W "{" ".join(COMMANDS)}" -- "$word"))',
        "    fi", "}", "complete -o filenames -F _tcli tcli", ""])


# Bash makes words of their own from `--color=always` and `-v x=a.npy`: three and four.
BASH_EQUALS = """\
    local equals=0
    if [[ "$word" == "=" ]]; then equals=$COMP_CWORD word=""
    elif [[ "$before" == "=" ]]; then equals=$((COMP_CWORD - 1)); fi
    if ((equals > 0)); then
        before="${COMP_WORDS[equals-1]}"
        [[ "$before" == -* || $equals -lt 2 ]] || before="${COMP_WORDS[equals-2]}"
    fi"""
BASH_HELPERS = """\
_tcli_words() { COMPREPLY=($(compgen -W "$1" -- "$word")); }
# Folders and files, those with the given endings alone where there are any.
_tcli_files() {
    local IFS=$'\\n' ending
    COMPREPLY=($(compgen -d -- "$word"))
    if (($# == 0)); then COMPREPLY+=($(compgen -f -- "$word")); fi
    for ending; do COMPREPLY+=($(compgen -f -X "!*.$ending" -- "$word")); done
}
# The FILE of NAME=FILE.
_tcli_value() {
    COMPREPLY=()
    if ((equals > 0)); then _tcli_files
    elif [[ "$word" == *=* ]]; then word="${word#*=}"; _tcli_files; fi
}
# The names of the tensors in the file before.
_tcli_names() {
    local file="${COMP_WORDS[COMP_CWORD-1]}"
    [[ -f "$file" ]] || return 1
    _tcli_words "$(tcli inspect --json "$file" 2>/dev/null | grep -o '{"name": "[^"]*"' | cut -d '"' -f 4)"
    ((${#COMPREPLY[@]}))
}"""


# ---------------------------------------------------------------- zsh

def zsh_options(options: Iterable[Option], indent: str) -> list[str]:
    lines = []
    for option in options:
        text = option.help.replace("'", "").replace("[", "(").replace("]", ")").replace(":", "\\:").rstrip(".")
        words, name = " ".join(words_of(option)).replace(":", "\\:"), option.metavar.lower().replace("=", " ")
        name = name.strip("[ ]") if option.attached else name
        value = "" if option.kind is bool else f":{name}:({words})" if words else \
            f":{name}:_files" if option.name in (*FILES, "var") else f":{name}: "
        many = "*" if option.kind is list else ""
        exclusive = "" if option.kind is list else f"({' '.join(option.flags)})"
        if option.optional is not None:
            value = ":" + value
        equals = "=-" if option.attached else ""
        lines += [f"{indent}'{exclusive}{many}{flag}{equals}[{text}]{value}' \\" for flag in option.flags]
    return lines


def zsh_operand(command: str) -> str:
    data = f'_files -g "*.({"|".join(DATA)})"'
    return {"data": f"'*:file:{data}'", "data names": "'*:file or name:_tcli_inspected'",
            "tsr": "'*:program:_files -g \"*.tsr\"'", "ops": "'*:name:_tcli_ops'",
            "errors": f"'1:kind:({' '.join(every_kind())})'", "": "'*: :'"}[OPERANDS[command]]


def zsh() -> str:
    commands = [f"        '{name}:{text.rstrip('.')}'" for name, text in COMMANDS.items()]
    cases = [line for name in COMMANDS for line in
             (f"        {name})", "            _arguments -S \\", *zsh_options(options_of(name), " " * 16),
              f"                {zsh_operand(name)} ;;")]
    return "\n".join([
        "#compdef tcli", NOTE,
        "_tcli_ops() { compadd -- ${(f)\"$(tcli ops \"$PREFIX\" 2>/dev/null | cut -d ' ' -f 1)\"} }",
        "_tcli_inspected() {", '    if [[ -f ${words[CURRENT-1]} ]]; then',
        "        compadd -- ${(f)\"$(tcli inspect --json ${words[CURRENT-1]} 2>/dev/null | grep -o '{\"name\": \"[^\"]*\"' "
        "| cut -d '\"' -f 4)\"}",
        "    fi", f'    _files -g "*.({"|".join(DATA)})"', "}",
        "_tcli_first() {", "    local -a commands=(", *commands, "    )", "    _describe command commands",
        '    _files -g "*.tsr"', "}",
        "_tcli() {", "    if ((CURRENT > 2)) && [[ ${words[2]} == (" + "|".join(COMMANDS) + ") ]]; then",
        "        local command=${words[2]}", "        shift words; ((CURRENT--))", "        case $command in", *cases,
        "        esac", "        return", "    fi", "    _arguments -S \\", *zsh_options(OPTIONS, " " * 8),
        "        '1:file or command:_tcli_first' \\", "        '*:argument:_files'", "}", '_tcli "$@"', ""])


# ---------------------------------------------------------------- fish

def fish_options(options: Iterable[Option], where: str) -> list[str]:
    lines = []
    for option in options:
        flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        words = " ".join(words_of(option))
        value = f" -f -a '{words}'" if option.attached else \
            "" if option.kind is bool or option.optional is not None else f" -x -a '{words}'" if words else \
            " -r -F" if option.name in (*FILES, "var") else " -x"
        lines.append(f"complete -c tcli -n {where} {flags}{value} -d '{option.help.replace(chr(39), '').rstrip('.')}'")
    return lines


def fish() -> str:
    lines = [NOTE, "complete -c tcli -f", "complete -c tcli -n __fish_use_subcommand -k -a '(__fish_complete_suffix .tsr)'"]
    lines += [f"complete -c tcli -n __fish_use_subcommand -a {name} -d '{text.rstrip('.')}'" for name, text in COMMANDS.items()]
    lines += fish_options(OPTIONS, f"'not __fish_seen_subcommand_from {' '.join(COMMANDS)}'")
    data = " ".join(f".{ending}" for ending in DATA)
    operands = {"data": f"-k -a '(__fish_complete_suffix {data})'", "tsr": "-k -a '(__fish_complete_suffix .tsr)'",
                "ops": "-a '(tcli ops (commandline -ct) 2>/dev/null | string split -f 1 \" \")'",
                "errors": f"-a '{' '.join(every_kind())}'"}
    for name in COMMANDS:
        where = f"'__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c tcli -n {where} {operands[kind]}" for kind in [OPERANDS[name].partition(" ")[0]] if kind]
        lines += fish_options(options_of(name), where)
    return "\n".join([*lines, ""])


MADE = {"tcli.bash": bash, "_tcli": zsh, "tcli.fish": fish}


def main() -> int:
    stale = [name for name, make in MADE.items()
             if not (FOLDER / name).exists() or (FOLDER / name).read_text() != make()]
    if "--check" in sys.argv:
        print(*(f"completions/{name} is out of date: run scripts/make_completions.py" for name in stale), sep="\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(MADE[name]())
        print(f"wrote completions/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
