#!/usr/bin/env python3
"""Writes the shell completions from the table of options: `completions/tcli.bash`, `_tcli`, `tcli.fish`.

The files are static: no Python runs while somebody types. `--check` only says whether they are up to
date; a test does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tcli.cli.options import COMMANDS, OPTIONS

FOLDER = Path(__file__).resolve().parent.parent / "completions"
NOTE = "# Made by scripts/make_completions.py from tcli/cli/options.py."
DEVICES = ("cpu", "cuda", "cuda:0", "meta")


def values_of(option) -> tuple[str, ...]:
    return DEVICES if option.name == "device" else tuple(option.choices)


def bash() -> str:
    flags = " ".join(flag for option in OPTIONS for flag in option.flags)
    cases = []
    for option in OPTIONS:
        if option.kind is bool:
            continue
        words = " ".join(values_of(option))
        reply = f'COMPREPLY=($(compgen -W "{words}" -- "$word"))' if words else \
            "COMPREPLY=()" if option.name != "var" else 'COMPREPLY=($(compgen -f -- "${word#*=}"))'
        cases.append(f"        {'|'.join(option.flags)}) {reply}; return ;;")
    return "\n".join([
        NOTE, "_tcli() {", '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        '    case "$before" in', *cases, "    esac",
        '    if [[ "$word" == -* ]]; then', f'        COMPREPLY=($(compgen -W "{flags}" -- "$word"))',
        "    else", f'        COMPREPLY=($(compgen -W "{" ".join(COMMANDS)}" -- "$word")'
        ' $(compgen -f -X \'!*.tsr\' -- "$word") $(compgen -d -- "$word"))',
        "    fi", "}", "complete -o filenames -F _tcli tcli", ""])


def zsh() -> str:
    lines = []
    for option in OPTIONS:
        text = option.help.replace("'", "").replace("[", "(").replace("]", ")").replace(":", "\\:").rstrip(".")
        words = " ".join(values_of(option)).replace(":", "\\:")
        value = "" if option.kind is bool else f":{option.metavar.lower()}:({words})" if words else \
            f":{option.metavar.lower().replace('=', ' ')}: "
        many = "*" if option.kind is list else ""
        exclusive = "" if option.kind is list else f"({' '.join(option.flags)})"
        lines += [f"    '{exclusive}{many}{flag}[{text}]{value}' \\" for flag in option.flags]
    return "\n".join(["#compdef tcli", NOTE, "_arguments -S \\", *lines,
                      f"    '1:file:{{_files -g \"*.tsr\"; _values command {' '.join(COMMANDS)}}}' \\",
                      "    '*:argument:_files'", ""])


def fish() -> str:
    lines = [NOTE]
    for option in OPTIONS:
        flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        words = " ".join(values_of(option))
        value = "" if option.kind is bool else f" -x -a '{words}'" if words else " -r"
        lines.append(f"complete -c tcli {flags}{value} -d '{option.help.replace(chr(39), '').rstrip('.')}'")
    for name, text in COMMANDS.items():
        lines.append(f"complete -c tcli -n __fish_use_subcommand -a {name} -d '{text.rstrip('.')}'")
    return "\n".join([*lines, ""])


FILES = {"tcli.bash": bash, "_tcli": zsh, "tcli.fish": fish}


def main() -> int:
    stale = [name for name, make in FILES.items()
             if not (FOLDER / name).exists() or (FOLDER / name).read_text() != make()]
    if "--check" in sys.argv:
        print(*(f"completions/{name} is out of date" for name in stale), sep="\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(FILES[name]())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
