"""`tcli test`: .tsr files whose expected results stand in them as comments.

    x = arange(6).view(2, 3)
    x.sum(1)
    #> tensor([ 3, 12])
    (x + ones(4))
    #> error[shape]: The size of tensor a (3) must match

What a statement prints or shows is compared with the `#>` lines below it: first shape and dtype, then
numbers within tolerance, other text as it is. A statement without `#>` lines may show what it likes.
`--update` writes what came out. In the expected text `...` stands for anything.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import time

from ..errors import FileError, TcliError
from ..io.source import clean
from .file_options import Choices
from .options import UsageError

MARK = "#>"
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf\b|nan\b)")


def run_tests(choices: Choices) -> int:
    """Runs the files; 0 if all results are as expected, 1 if not."""
    files = _files(choices.words or ["."])
    if not files:
        raise UsageError("no .tsr file with #> lines was found")
    start, failed, checked = time.monotonic(), 0, 0
    for path in files:
        problems, count = run_file(path, choices)
        checked += count
        failed += bool(problems)
        if problems or not choices.quiet:
            print(f"{'FAIL' if problems else 'ok  '} {clean(path, 300)}  {count} checked")
        for problem in problems:
            print("\n".join("     " + line for line in problem.splitlines()))
    seconds = time.monotonic() - start
    print(f"{_count(len(files), 'file')}, {_count(checked, 'result')}, {_count(failed, 'file')} failed, {seconds:.1f} s")
    return 1 if failed else 0


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _files(words: list[str]) -> list[str]:
    """The files that were named, and in folders every .tsr with expected results."""
    found = []
    for word in words:
        if os.path.isdir(word):
            inside = sorted(os.path.join(folder, name) for folder, _, names in os.walk(word) for name in names
                            if name.endswith(".tsr"))
            found += [path for path in inside if _has_marks(path)]
        elif os.path.exists(word):
            found.append(word)
        else:
            raise FileError(f"No such file or directory: '{clean(word, 300)}'")
    return found


def _has_marks(path: str) -> bool:
    with open(path, encoding="utf-8", errors="replace") as file:
        return any(line.lstrip().startswith(MARK) for line in file)


class Block:
    """Statements up to the next expected result: their lines, the `#>` lines and where these stand."""

    __slots__ = ("end", "expected", "line", "start", "text")

    def __init__(self, text: str, line: int, expected: list[str] | None, start: int, end: int):
        self.text, self.line, self.expected, self.start, self.end = text, line, expected, start, end


def blocks_of(text: str) -> list[Block]:
    """A program cut behind each group of `#>` lines."""
    lines = text.splitlines()
    found, begin, at = [], 0, 0
    while at < len(lines):
        if not lines[at].startswith(MARK):
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].startswith(MARK):
            end += 1
        expected = [line[2:].removeprefix(" ") for line in lines[at:end]]
        found.append(Block("\n".join(lines[begin:at]), begin + 1, expected, at, end))
        begin = at = end
    if any(line.strip() for line in lines[begin:]):
        found.append(Block("\n".join(lines[begin:]), begin + 1, None, len(lines), len(lines)))
    return found


def run_file(path: str, choices: Choices) -> tuple[list[str], int]:
    """(what differs, how many results were compared) of one file."""
    from ..runtime.session import Session
    from .run import read_program

    text = read_program(path)
    session = Session(seed=0, script=path)
    blocks, problems, results = blocks_of(text), [], []
    for block in blocks:
        got = _output_of(session, block, path)
        results.append(got)
        if block.expected is None:
            if got and got[-1].startswith("error["):
                problems.append(f"{path}:{block.line}: " + "\n".join(got))
            continue
        said = difference(got, block.expected, choices.rtol, choices.atol)
        if said is not None and not choices.update:
            problems.append(f"{path}:{block.start + 1}: {said}")
    if choices.update:
        _update(path, text, blocks, results)
    return problems, sum(block.expected is not None for block in blocks)


def _output_of(session, block: Block, path: str) -> list[str]:
    """What the last statement of a block shows; what those before it print comes first."""
    from .output import plain

    printed = io.StringIO()
    session.echo = lambda value: print(plain(value))
    with contextlib.redirect_stdout(printed):
        try:
            # Line breaks in front keep the positions of errors those of the file.
            session.run("\n" * (block.line - 1) + block.text, path)
        except TcliError as error:
            from ..show.diagnostic import code_of

            print(f"error[{code_of(error)}]: {error.message}")
        except SystemExit:
            pass
    return printed.getvalue().rstrip("\n").split("\n") if printed.getvalue() else []


def _update(path: str, text: str, blocks: list[Block], results: list[list[str]]) -> None:
    from ..io.atomic import writing

    lines = text.splitlines()
    for block, got in zip(reversed(blocks), reversed(results), strict=True):
        if block.expected is not None:
            lines[block.start:block.end] = [f"{MARK} {line}".rstrip() for line in got]
    fresh = "\n".join(lines) + "\n"
    if fresh != text:
        with writing(path) as stream:
            stream.write(fresh.encode())


# ---------------------------------------------------------------- comparing

def difference(got: list[str], expected: list[str], rtol: float, atol: float) -> str | None:
    """None, or what is different in words: shapes first, then numbers, then the text."""
    mine, theirs = _joined(got), _joined(expected)
    if mine == theirs or _matches(mine, theirs):
        return None
    shapes = _shape(got), _shape(expected)
    if None not in shapes and shapes[0] != shapes[1]:
        return f"shape {list(shapes[0])}, expected {list(shapes[1])}" + _both(got, expected)
    words, numbers = _split(mine)
    other_words, other_numbers = _split(theirs)
    if words == other_words and len(numbers) == len(other_numbers):
        worst = next(((i, a, b) for i, (a, b) in enumerate(zip(numbers, other_numbers, strict=True))
                      if not _close(a, b, rtol, atol)), None)
        if worst is None:
            return None
        i, a, b = worst
        return f"number {i + 1} is {a}, expected {b}" + _both(got, expected)
    return "it shows something else" + _both(got, expected)


def _both(got: list[str], expected: list[str]) -> str:
    def shown(lines: list[str]) -> str:
        kept = lines if len(lines) <= 12 else [*lines[:12], f"… {len(lines) - 12} more lines"]
        return "\n".join("    " + line for line in kept) or "    (nothing)"

    return f"\n  expected\n{shown(expected)}\n  got\n{shown(got)}"


def _joined(lines: list[str]) -> str:
    """Line breaks and the width of columns do not count."""
    return re.sub(r"\s+", " ", " ".join(lines)).replace("[ ", "[").replace("( ", "(").strip()


def _matches(mine: str, theirs: str) -> bool:
    if "..." not in theirs:
        # The start of an error's text is enough.
        return theirs.startswith("error[") and mine.startswith(theirs)
    pattern = ".*".join(re.escape(part) for part in theirs.split("..."))
    return re.fullmatch(pattern, mine, re.DOTALL) is not None


def _shape(lines: list[str]) -> tuple | None:
    """The shape of a printed tensor."""
    text = _joined(lines)
    if not text.startswith("tensor(") or "..." in text:
        return None
    shape, body = [], text[7:]
    while body.startswith("["):
        items, end = _items_of(body)
        shape.append(items if body[1:end].strip() else 0)
        body = body[1:end].lstrip()
    return tuple(shape)


def _items_of(body: str) -> tuple[int, int]:
    """(how many items the list has that a text begins with, where it ends)."""
    depth, items = 0, 1
    for place, char in enumerate(body):
        depth += (char == "[") - (char == "]")
        if depth == 0:
            return items, place
        items += char == "," and depth == 1
    return items, len(body)


def _split(text: str) -> tuple[list[str], list[str]]:
    """(the text between numbers without spaces, the numbers)."""
    words = [part.replace(" ", "") for part in _NUMBER.split(text)]
    return words, _NUMBER.findall(text)


def _close(a: str, b: str, rtol: float, atol: float) -> bool:
    x, y = float(a), float(b)
    if x == y or (x != x and y != y):
        return True
    # A printed number is known to half of its last digit.
    decimals = len(b.partition(".")[2]) if "." in b and "e" not in b.lower() else None
    printed = 0.6 * 10.0 ** -decimals if decimals else 0.0
    return abs(x - y) <= atol + rtol * abs(y) + printed
