"""`--verify torch`: the program here and in PyTorch, statement by statement, until they differ.

PyTorch runs in a process of its own: the Python named by TCLI_TORCH_PYTHON, else this one. Compared are
the top-level names that a statement binds and the values of bare expressions: type, shape, dtype, numbers.
"""

from __future__ import annotations

import os
import subprocess
import sys

from ..errors import EngineError
from .options import Settings

RTOL, ATOL = 1e-4, 1e-6

# Runs in the Python that has PyTorch: reads statements as JSON, answers a line of JSON for each.
_OTHER = r"""
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
from torch import nn, optim
import torch.nn.functional as F
import math
out, sys.stdout = sys.stdout, open("/dev/null", "w")
def told(v, deep=0):
    if isinstance(v, torch.Tensor):
        n = v.detach()
        n = n.float() if n.dtype in (torch.bfloat16, torch.float16) else n
        values = torch.view_as_real(n).reshape(-1) if n.is_complex() else n.reshape(-1)
        return {"dtype": str(v.dtype), "shape": list(v.shape), "values": values[:100000].tolist()}
    if isinstance(v, (bool, int, float, str)) or v is None:
        return {"value": v}
    if isinstance(v, (list, tuple)) and deep < 4 and len(v) < 1000:
        return {"items": [told(e, deep + 1) for e in v]}
    return {"type": type(v).__name__}
names = {"torch": torch, "nn": nn, "optim": optim, "F": F, "math": math}
for line in sys.stdin:
    step = json.loads(line)
    try:
        exec(compile(step["code"], "<program>", "exec"), names)
        answer = {n: told(names[n]) for n in step["names"] if n in names}
    except BaseException as error:
        answer = {"error": type(error).__name__ + ": " + str(error)}
    out.write(json.dumps(answer) + "\n")
    out.flush()
"""


def told(value: object, deep: int = 0) -> dict:
    """A value as data, in the words of the other side."""
    from ..show import is_tensor

    if is_tensor(value):
        plain = value.detach()
        flat = plain.cpu_array().reshape(-1)[:100_000]
        flat = flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat
        half = flat.dtype.itemsize < 4 and flat.dtype.kind not in "biu"
        return {"dtype": str(value.dtype), "shape": list(value.shape),
                "values": (flat.astype("f4") if half else flat).tolist()}
    if isinstance(value, (bool, int, float, str)) or value is None:
        return {"value": value}
    if isinstance(value, (list, tuple)) and deep < 4 and len(value) < 1000:
        return {"items": [told(each, deep + 1) for each in value]}
    return {"type": type(value).__name__}


def verify(programs: list, settings: Settings) -> int:
    """Runs the programs on both sides; 0 if they agree, 1 with the first statement that differs."""
    from .run import session_for

    session = session_for(settings)
    other = _start()
    steps = 0
    try:
        for name, read in programs:
            for text, line in _statements(read(), name):
                difference = _step(session, other, text)
                steps += 1
                if difference is not None:
                    first = text.partition("\n")[0]
                    print(f"differs at {name}:{line}: {first}\n  {difference}", file=sys.stderr)
                    return 1
    finally:
        other.kill()
    print(f"the same: {steps} statements", file=sys.stderr)
    return 0


def _start():
    python = os.environ.get("TCLI_TORCH_PYTHON", sys.executable)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        found = subprocess.run([python, "-c", "import torch"], capture_output=True, env=environment, check=False)
    except OSError as error:
        raise EngineError(f"cannot start {python}: {error.strerror}") from None
    if found.returncode:
        raise EngineError("--verify needs PyTorch, which is not installed for this Python",
                          help="TCLI_TORCH_PYTHON=/path/to/python names one that has it")
    return subprocess.Popen([python, "-c", _OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env=environment)


def _statements(text: str, name: str):
    """(text, line) of each top-level statement."""
    from ..lang.parser import parse
    from ..source import Source

    source = Source(text, name).register()
    tree = parse(source)
    spans = [source.span_of_node(node) for node in tree.body]
    lines = source.lines
    starts = [span.line for span in spans]
    for at, start in enumerate(starts):
        if at and start == starts[at - 1]:
            continue
        after = next((each for each in starts[at + 1:] if each > start), len(lines) + 1)
        yield "\n".join(lines[start - 1:after - 1]), start


def _step(session, other, text: str) -> str | None:
    """What differs after one statement, or None."""
    from json import dumps, loads

    from ..errors import TcliError
    from ..lang.emit import emit
    from ..source import Source
    from .emit import names_of

    before = {key: id(value) for key, value in session.globals.items()}
    failure = None
    try:
        value = session.run(text)
    except TcliError as error:
        failure, value = error, None
    bound = [key for key, each in session.globals.items() if before.get(key) != id(each) and not key.startswith("__")]
    code = emit(Source(text), "torch", names_of("torch"))
    other.stdin.write(dumps({"code": _catching(code), "names": [*bound, "__shown__"]}) + "\n")
    other.stdin.flush()
    answer = loads(other.stdout.readline() or '{"error": "PyTorch ended"}')
    if "error" in answer or failure is not None:
        return None if "error" in answer and failure is not None else \
            f"tcli: {failure or 'no error'}\n  torch: {answer.get('error', 'no error')}"
    mine = {key: told(session.globals[key]) for key in bound}
    if value is not None:
        mine["__shown__"] = told(value)
    return next((found for key, each in mine.items() if key in answer
                 and (found := difference(each, answer[key], "the value" if key == "__shown__" else key))), None)


def _catching(code: str) -> str:
    """Bare expressions are printed by the emitted program; here their value is kept."""
    return "def print(value=None, *more, **options):\n    globals()['__shown__'] = value\n" \
           "globals().pop('__shown__', None)\n" + code


def difference(mine: dict, theirs: dict, name: str) -> str | None:
    """In words, or None."""
    for key in ("dtype", "shape", "value", "type"):
        if key in mine and key in theirs and mine[key] != theirs[key] and not _close(mine[key], theirs[key]):
            return f"{name}: tcli {key} {mine[key]!r}, torch {theirs[key]!r}"
    if "items" in mine and "items" in theirs:
        return next((found for i, (a, b) in enumerate(zip(mine["items"], theirs["items"], strict=False))
                     if (found := difference(a, b, f"{name}[{i}]"))), None)
    for i, (a, b) in enumerate(zip(mine.get("values", ()), theirs.get("values", ()), strict=False)):
        if a != b and not _close(a, b):
            return f"{name}: element {i} is {a!r} in tcli, {b!r} in torch"
    return None


def _close(a, b) -> bool:
    if not (isinstance(a, (int, float)) and isinstance(b, (int, float))):
        return False
    return (a != a and b != b) or abs(a - b) <= ATOL + RTOL * abs(b)
