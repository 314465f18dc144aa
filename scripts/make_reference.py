#!/usr/bin/env python3
"""Writes the pages of docs/ that are made from declarations: `ops.md` from the operators, `errors.md` from the kinds of errors.

`--check` only says whether they are up to date; a test does the same.
"""

from __future__ import annotations

import sys
from importlib import import_module
from inspect import cleandoc
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tcli.cli import explain
from tcli.runtime.op_facts import Facts, all_facts
from tcli.runtime.session import Session
from tcli.show.diagnostic import render

ROOT = Path(__file__).resolve().parent.parent
FRESH = "<!-- each block starts anew -->"
MADE = "<!-- Made by scripts/make_reference.py; do not edit. -->"

OPS_HEAD = f"""{MADE}
{FRESH}
# Operators

Every operator by family: its signature, what it does, the names it has as in PyTorch, whether a gradient flows through it,
and an example as it runs. `F` is `torch.nn.functional`. Where PyTorch has `input` or `self`, that keyword is taken too.

At the prompt `softmax?` shows the same, in the shell `tcli doc softmax`; `tcli ops` lists all, `tcli ops --json` as data.
"""

ERRORS_HEAD = f"""{MADE}
{FRESH}
# Errors

An error says what and where with the numbers, shows the line, marks the operands with dtype and shape, and gives at most
one hint, one that was tried. What stands in the brackets of `error[...]` is its kind; `tcli explain KIND` shows these pages.
A program sees PyTorch's exception class: `except RuntimeError` and `except IndexError` catch what they catch there. With
`--errors json` an error is one line of data.
"""


def operators() -> str:
    """docs/ops.md"""
    families = {family: list(members) for family, members in
                groupby(sorted(all_facts(), key=lambda each: (each.family, each.name)), key=lambda each: each.family)}
    counted = sum(map(len, families.values()))
    lines = [OPS_HEAD, f"{counted} operators: " + " · ".join(f"[{name}](#{name})" for name in families) + "\n"]
    for family, members in families.items():
        lines += [f"## {family}\n", _about(family) + "\n", *map(_operator, members)]
    return "\n".join(lines)


def _about(family: str) -> str:
    """The first paragraph of the family's module."""
    for package in ("ops", "engine", "nn", "distributions", "func"):
        try:
            doc = import_module(f"tcli.{package}.{family}").__doc__
        except ModuleNotFoundError:
            continue
        return cleandoc(doc or "").partition("\n\n")[0]
    return ""


def _operator(facts: Facts) -> str:
    gradient = "gradient" if facts.gradient else "no gradient"
    names = " ".join(f"`{_short(name)}`" for name in facts.names if not name.endswith("__"))
    words, prompt, example = cleandoc(facts.doc).partition(">>>")
    lines = [f"### `{facts.signature}`\n", words.strip() + "\n",
             f"{names} · {gradient}" + (" · `out=`" if facts.out else "") + "\n"]
    if prompt:
        lines += ["```tsr", prompt + example.rstrip(), "```\n"]
    return "\n".join(lines)


def _short(name: str) -> str:
    return name.replace("torch.nn.functional.", "F.").replace("torch.Tensor.", "Tensor.")


def errors() -> str:
    """docs/errors.md"""
    lines = [ERRORS_HEAD]
    for code, kind in explain.every_kind().items():
        summary, text, example = explain.parts(kind)
        lines += [f"## {code}\n", summary + "\n", *([text + "\n"] if text else []),
                  f"A {kind.word} of `tcli check`.\n" if kind.word != "error" else
                  f"Python class: `{kind.python_class().__name__}`\n"]
        if example:
            lines += ["```tsr", _transcript(example), "```\n"]
    return "\n".join(lines)


def _transcript(example: str) -> str:
    """The lines of an example as they are entered, the error below the last."""
    *before, last = example.strip().split("\n")
    session = Session(quiet=True)
    lines = []
    for count, line in enumerate([*before, last], 1):
        lines.append(f"tcli> {line}")
        try:
            session.run(line, f"<tsr {count}>")
        except Exception as error:
            lines.append(render(error, width=80))
    return "\n".join(lines)


PAGES = {"ops.md": operators, "errors.md": errors}


def main() -> int:
    Session().load_engine()
    made = {ROOT / "docs" / name: make() for name, make in PAGES.items()}
    stale = {path: text for path, text in made.items() if not path.exists() or path.read_text() != text}
    if "--check" in sys.argv:
        print(*(f"docs/{path.name} is out of date: run scripts/make_reference.py" for path in stale), sep="\n")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text)
        print(f"wrote docs/{path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
