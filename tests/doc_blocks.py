"""Runs the fenced blocks of README.md and docs/: what they show is what tcli prints.

The word behind the fence says how a block is run. Blocks of a file share a folder, a session and a Python namespace,
in the order they stand in.

    tsr       with `>>>` prompts: a transcript, compared; with `tcli>` prompts: the same as the prompt shows it, headers
              and its `:commands` included; without prompts: a program that must run
    console   `$ command` lines, run by bash with tcli on the PATH; what they print, errors too, is compared
    python    must run; with `>>>` prompts compared

A file that says `<!-- each block starts anew -->` shares nothing.

In expected text a line `...` stands for any lines, `...` within a line for any text, and any time (`31 us`) for any
other. A block of another kind carries `<!-- not run: why -->` above it.

    python -m tests.doc_blocks [--update] [FILE...]      # --update writes what came out into transcripts
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tcli
from tcli.errors import TcliError

WIDTH = 100  # of the terminal that the prompt of the documents has
ROOT = Path(__file__).resolve().parents[1]
RUN = ("tsr", "console", "python")
SECONDS = 120  # the most that one command of a block may take


@dataclass
class Block:
    """One fenced block; `line` is that of its first line of text."""

    path: Path
    line: int
    kind: str
    text: str
    reason: str = ""  # why it is not run

    @property
    def prompt(self) -> str:
        found = re.search(r"^(>>>|tcli>|\$) ", self.text, re.M)
        return found[1] if found else ""


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a Markdown file."""
    lines, at = path.read_text().split("\n"), 0
    while at < len(lines):
        fence = re.fullmatch(r"```(\w*)", lines[at])
        if fence is None:
            at += 1
            continue
        end = lines.index("```", at + 1)
        before = next((line for line in reversed(lines[:at]) if line.strip()), "")
        reason = re.fullmatch(r"<!-- not run: (.+) -->", before)
        yield Block(path, at + 2, fence[1], "\n".join(lines[at + 1:end]), reason[1] if reason else "")
        at = end + 1


# ---------------------------------------------------------------- transcripts

MORE = {">>>": "... ", "tcli>": "  ... ", "$": "> "}  # what continues an entry


def entries(block: Block) -> list[tuple[str, str]]:
    """(what is typed, what is expected) of a transcript."""
    first, more = block.prompt + " ", MORE[block.prompt]
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.split("\n"):
        if line.startswith(first):
            found.append(([line[len(first):]], []))
        elif found and not found[-1][1] and (line.startswith(more) or line == more.rstrip() and _in_block(found[-1][0])):
            found[-1][0].append(line[len(more):])
        elif found:
            found[-1][1].append(line)
    return [("\n".join(typed), "\n".join(shown)) for typed, shown in found]


def _in_block(typed: list[str]) -> bool:
    """Whether an empty continuation ends a block: else `...` stands for any output."""
    return typed[-1][:1] == " " or typed[-1][-1:] == ":"


def written(block: Block, results: list[tuple[str, str]]) -> str:
    """The text of a transcript."""
    first, more = block.prompt + " ", MORE[block.prompt]
    lines = []
    for typed, shown in results:
        head, *rest = typed.split("\n")
        lines += [first + head, *((more + line).rstrip() for line in rest), *([shown] if shown else [])]
    return "\n".join(lines)


_TIME = re.compile(r" *(?<![\w.])\d+(\.\d+)? (ns|us|ms|s)\b")


def agrees(want: str, got: str) -> bool:
    """Whether a text fits what is expected, `...` and times aside."""
    pattern = []
    for line in _normal(want).split("\n"):
        pattern.append(r"(?:.*\n)*?" if line.strip() == "..." else
                       r".*?".join(map(re.escape, line.split("..."))) + "\n")
    return re.fullmatch("".join(pattern), _normal(got) + "\n") is not None


def _normal(text: str) -> str:
    # A longer time moves the head of its column too.
    lines = [_TIME.sub(" (time)", line).rstrip() for line in text.rstrip().split("\n")]
    if any(line.endswith("(time)") for line in lines):  # the column of times is as wide as the longest
        lines = [re.sub(r" +(\S+)$", r" \1", line) for line in lines]
    return "\n".join(lines)


# ---------------------------------------------------------------- running

class Runner:
    """Runs the blocks of one document."""

    def __init__(self, path: Path, folder: Path):
        self.folder = folder
        self.fresh = "<!-- each block starts anew -->" in path.read_text()
        self._start()

    def _start(self) -> None:
        self.session = tcli.Session(seed=0)
        self.session.color = "never"
        self.repl = None
        self.python: dict[str, object] = {"__name__": "__main__"}
        self.count = 0

    def run(self, block: Block) -> list[tuple[str, str, str]]:
        """(typed, expected, shown) of each entry; a program is one entry that expects nothing. Raises what fails."""
        if self.fresh:
            self._start()
        if block.prompt:
            run = {">>>": self._python if block.kind == "python" else self._plain, "tcli>": self._prompt,
                   "$": self._console}[block.prompt]
            return [(typed, want, run(typed)) for typed, want in entries(block)]
        if block.kind == "console":
            raise ValueError("a console block needs `$ ` in front of its commands")
        self._program(block)
        return []

    def _program(self, block: Block) -> None:
        with self._captured():
            if block.kind == "python":
                exec(compile(block.text, f"{block.path.name}:{block.line}", "exec"), self.python)
            else:
                self.session.echo = None
                self.session.run(block.text, f"{block.path.name}:{block.line}")

    def _plain(self, typed: str) -> str:
        """As a program off the terminal shows it."""
        return self._entry(typed, lambda value: print(repr(value) if isinstance(value, str) else value))

    def _prompt(self, typed: str) -> str:
        """As the prompt shows it."""
        from tcli.cli.output import shown
        from tcli.cli.paste import is_special

        repl = self._open_prompt()
        if not is_special(typed):
            return self._entry(typed, lambda value: print(shown(value, width=WIDTH)))
        with self._captured() as out:
            repl.run(typed)
        return out.getvalue().rstrip()

    def _open_prompt(self):
        if self.repl is None:
            from tcli.cli.options import Settings
            from tcli.cli.repl import Repl

            settings = Settings()
            settings.color = "never"
            self.repl = Repl(self.session, settings, write=print, plain=True)
        return self.repl

    def _entry(self, typed: str, echo) -> str:
        from tcli.show.diagnostic import render

        self.count += 1
        self.session.echo, self.session.echo_receivers = echo, True
        with self._captured() as out:
            try:
                value = self.session.run(typed, f"<tsr {self.count}>")
                if value is not None:
                    self.session.builtins["_"] = value
            except TcliError as error:
                print(render(error, width=80))
        return out.getvalue().rstrip()

    def _python(self, typed: str) -> str:
        with self._captured() as out:
            exec(compile(typed, "<python>", "single"), self.python)
        return out.getvalue().rstrip()

    @contextlib.contextmanager
    def _captured(self):
        out = io.StringIO()
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield out
        finally:
            os.chdir(before)

    def _console(self, typed: str) -> str:
        done = subprocess.run(["bash", "-c", typed], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False, env=self._environment())
        return done.stdout.rstrip()

    def _environment(self) -> dict[str, str]:
        bin = self.folder / ".bin"
        if not bin.exists():
            bin.mkdir()
            command = bin / "tcli"
            command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tcli "$@"\n')
            command.chmod(command.stat().st_mode | stat.S_IXUSR)
        home = {"HOME": str(self.folder), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
        outer = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "CLICOLOR_FORCE")}
        return outer | home | {"PATH": f"{bin}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


def check(path: Path, folder: Path) -> list[str]:
    """What is wrong in a document, an entry each: empty if all is as it says."""
    runner, wrong = Runner(path, folder), []
    for block in blocks(path):
        if block.kind not in RUN or block.reason:
            continue
        try:
            results = runner.run(block)
        except Exception as error:
            wrong.append(f"{path.name}:{block.line}: {type(error).__name__}: {error}")
            continue
        wrong += [f"{path.name}:{block.line}: {typed}\nexpected\n{want}\ngot\n{got}\n"
                  for typed, want, got in results if not agrees(want, got)]
    return wrong


def update(path: Path, folder: Path) -> int:
    """Writes what came out into the transcripts that do not agree; gives how many."""
    runner, text, changed = Runner(path, folder), path.read_text(), 0
    for block in blocks(path):
        if block.kind not in RUN or block.reason:
            continue
        results = runner.run(block)
        if not results:
            continue
        new = written(block, [(typed, want if agrees(want, got) else got) for typed, want, got in results])
        if new != block.text:
            text = text.replace(f"```{block.kind}\n{block.text}\n```", f"```{block.kind}\n{new}\n```", 1)
            changed += 1
    path.write_text(text)
    return changed


def main(words: list[str]) -> int:
    failed = 0
    for path in [Path(word).resolve() for word in words if not word.startswith("--")] or documents():
        with tempfile.TemporaryDirectory() as folder:
            if "--update" in words:
                print(f"{path.name}: {update(path, Path(folder))} blocks written")
            else:
                wrong = check(path, Path(folder))
                failed += len(wrong)
                print(f"{path.name}: {len(wrong)} wrong", *wrong, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
