"""Changes honest files at random and reads them, for as long as asked: `python tests/io/fuzz.py 600`.

Only a value or a TcliError may come out, within five seconds. A file that does anything else is kept.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tcli.ops  # noqa: F401
from tcli import io as tio
from tcli.engine.tensor import tensor
from tcli.errors import TcliError

DATA = Path(__file__).resolve().parent.parent / "data"
WORDS = (b"\0", b"\xff", b"\x7f", b"\xff\xff\xff\xff", b"9" * 30, b"-1", b"[", b"{", b'"', b",", b"\n", b"(", b"\x80\2", b"PK")


def honest(folder: Path) -> list[tuple[str, bytes]]:
    """(name, bytes) of a file of every format."""
    value = tensor([[1.5, 2.0, 3.0], [4.0, -5.0, 6.0]])
    for ending in (".npy", ".npz", ".safetensors", ".pt", ".csv", ".tsv", ".json", ".jsonl", ".txt", ".png", ".idx", ".mtx"):
        tio.save(value / 8 if ending == ".png" else value, folder / f"made{ending}")
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


def main(seconds: float, seed: int) -> int:
    rng, bad, count = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = honest(folder)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            name, data = rng.choice(files)
            bad += not survives(folder / f"x-{name}", changed(data, rng))
            count += 1
    print(f"{count} files, {bad} bad")
    return 1 if bad else 0


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
