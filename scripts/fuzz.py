"""Changes honest files and programs at random and reads them: `python scripts/fuzz.py 600`, 600 seconds for each.

Only a value or a TcliError may come out, within five seconds. What does anything else is kept: a file, or a
program, which goes through lexer, parser, lowering and CPython's compiler. The programs are those of the tests.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

import tcli.ops  # noqa: F401
from tcli import io as tio
from tcli.engine.tensor import tensor
from tcli.errors import TcliError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
IMAGES = (".png", ".jpg", ".gif", ".tif", ".webp", ".bmp")
WORDS = (b"\0", b"\xff", b"\x7f", b"\xff\xff\xff\xff", b"9" * 30, b"-1", b"[", b"{", b'"', b",", b"\n", b"(", b"\x80\2", b"PK")


def honest(folder: Path) -> list[tuple[str, bytes]]:
    """(name, bytes) of a file of every format."""
    value = tensor([[1.5, 2.0, 3.0], [4.0, -5.0, 6.0]])
    for ending in (".npy", ".npz", ".safetensors", ".pt", ".csv", ".tsv", ".json", ".jsonl", ".txt", ".png", ".idx", ".mtx",
                   ".gguf", ".mat", ".h5", ".parquet", ".arrow", ".jpg", ".gif", ".tif", ".webp", ".bmp"):
        tio.save(value.abs() / 8 if ending in IMAGES else value, folder / f"made{ending}")
    (folder / "table.csv").write_text('name,n,x\nann,1,0.5\n"b ""c""",,2e3\n' * 30)
    files = [*folder.iterdir(), *(path for path in DATA.iterdir() if path.suffix not in (".py", ".md"))]
    return [(path.name, path.read_bytes()) for path in sorted(files)]


def changed(data: bytes, rng: random.Random) -> bytes:
    """A few small changes, most of them near the start, where headers are."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(min(len(found), rng.choice((64, 512, 1 << 20))) or 1)
        kind = rng.randrange(6)
        if kind == 0:
            found[at:at + 1] = bytes((rng.randrange(256),))
        elif kind == 1:
            found[at:at] = rng.choice(WORDS)
        elif kind == 2:
            del found[at:at + rng.choice((1, 4, 50))]
        elif kind == 3:
            found[at:at + 8] = rng.getrandbits(64).to_bytes(8, "little")
        elif kind == 4:
            found[at:at] = found[at:at + rng.choice((2, 16, 200))]
        else:
            found = found[:rng.randrange(len(found) + 1)] or bytearray(b"\0")
    return bytes(found)


def fuzz_files(seconds: float, rng: random.Random) -> tuple[int, int]:
    """(how many, how many bad)"""
    bad = count = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = honest(folder)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            name, data = rng.choice(files)
            bad += not survives(folder / f"x-{name}", changed(data, rng))
            count += 1
    return count, bad


PIECES = [*"()[]{}:;,=*@.#'\"?!$é\u2028\0\ufeff\x1b𝒳", "|>", ":=", "**", "->", "..", "...", "\n", "\n    ", "\t", "\\\n", "'''",
          'f"', "f'{", "{x!r:>{w}}", "b'", "r'", "0x", "1_0", "1e", "1j", "lambda ", "if ", "else ", "for x in ", "def f(",
          "class A", "return ", "yield ", "await ", "async ", "with ", "try:", "except* ", "import ", "not ", "in ", "is ",
          "del ", "global x", "nonlocal x", "@f\n", "f32[B, *c, ...]", "??"]


def programs() -> list[str]:
    """Honest ones: the transcripts, the examples and the snippets of the tests."""
    files = [*ROOT.glob("tests/**/*.tsr"), *ROOT.glob("scripts/examples/*.tsr"), ROOT / "tests/lang/snippets.txt"]
    return [path.read_text() for path in sorted(files)]


def rewritten(text: str, rng: random.Random) -> str:
    """A stretch of a program with pieces put in, taken out, doubled and moved."""
    start = rng.randrange(len(text))
    found = text[start:start + rng.choice((20, 100, 400))] if rng.random() < 0.7 else text
    for _ in range(rng.choice((1, 1, 2, 4, 10))):
        at = rng.randrange(len(found) + 1)
        end = at + rng.choice((0, 0, 1, 3, 30))
        found = found[:at] + rng.choice((*PIECES, found[end:end + 20] * rng.choice((1, 1, 300)))) + found[end:]
    return found


def fuzz_programs(seconds: float, rng: random.Random) -> tuple[int, int]:
    """(how many, how many bad)"""
    from tcli.lang.compile import compile_program
    from tcli.lang.tokens import tokenize
    from tcli.source import Source

    texts, bad, count = programs(), 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text, count = rewritten(rng.choice(texts), rng), count + 1
        start, problem = time.monotonic(), None
        for read in (tokenize, compile_program):
            try:
                read(Source(text, "<fuzz>"))
            except TcliError as error:
                if error.span is not None and not 1 <= error.span.line <= text.count("\n") + 2:
                    problem = f"line {error.span.line}"
            except BaseException as error:
                problem = f"{type(error).__name__}: {error}"
        if time.monotonic() - start > 5:
            problem = "took too long"
        if problem:
            bad += 1
            kept = Path(tempfile.gettempdir()) / f"fuzz-{abs(hash(text)):x}.tsr"
            kept.write_text(text, errors="surrogatepass")
            print(f"{kept}: {problem}", flush=True)
    return count, bad


def main(seconds: float, seed: int) -> int:
    worst = 0
    for name, fuzz in (("files", fuzz_files), ("programs", fuzz_programs)):
        count, bad = fuzz(seconds, random.Random(seed))
        print(f"{count} {name}, {bad} bad", flush=True)
        worst = max(worst, bad)
    return 1 if worst else 0


def survives(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    start = time.monotonic()
    try:
        with tio.open_input(str(path)) as file:
            tio.read_listing(file)
        tio.load(path)
        problem = None
    except TcliError as error:
        problem = None if error.message.isprintable() else f"control characters in {error.message!r}"
    except BaseException as error:
        problem = f"{type(error).__name__}: {error}"
    if time.monotonic() - start > 5:
        problem = f"{time.monotonic() - start:.1f} s"
    if problem is None:
        return True
    kept = Path(tempfile.gettempdir()) / f"fuzz-{abs(hash(data)) % 10 ** 8}-{path.name}"
    kept.write_bytes(data)
    print(f"{kept}: {problem}")
    return False


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
