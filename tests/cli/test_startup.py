"""What the command imports before it does anything: every module here is time that a one-liner waits."""

import os
import subprocess
import sys

import pytest

# Modules that Python itself has loaded by the time the command starts differ between versions and installations.
COMMAND = """
import os, sys
before = set(sys.modules)
from tcli.cli import run
run(sys.argv[1:])
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""

FRONT = {"tcli", "tcli.cli", "tcli.cli.options", "__future__"}
RUN = FRONT | {"tcli.cli.run", "tcli.errors"}
LANGUAGE = RUN | {
    "tcli.cli.output", "tcli.cli.values", "tcli.io", "tcli.io.access", "tcli.io.source", "tcli.lang", "tcli.lang.compile",
    "tcli.lang.contracts", "tcli.lang.cursor", "tcli.lang.expressions", "tcli.lang.fstrings", "tcli.lang.literals",
    "tcli.lang.lower", "tcli.lang.names", "tcli.lang.nodes", "tcli.lang.parser", "tcli.lang.patterns", "tcli.lang.statements",
    "tcli.lang.tokens",
    "tcli.runtime", "tcli.runtime.classes",
    "tcli.runtime.helpers", "tcli.runtime.modules", "tcli.runtime.sandbox", "tcli.runtime.session",
    "tcli.show", "tcli.source"}
# Small and quick modules of the standard library that the language needs, with what they import themselves.
SMALL = {"_ast", "_collections", "_contextvars", "_functools", "_opcode", "_opcode_metadata", "_operator", "collections",
         "collections.abc", "functools", "gc", "importlib", "importlib._bootstrap", "importlib._bootstrap_external",
         "itertools",
         "keyword", "opcode", "operator", "reprlib", "types", "warnings", "_warnings", "token", "copyreg"}
SLOW = {"re", "typing", "inspect", "dataclasses", "pathlib", "json", "ast", "tokenize", "linecache", "enum", "contextlib"}


def imported(*args: str) -> set[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-S", "-c", COMMAND, *args], capture_output=True, text=True, check=True,
                          env=environment)
    return set(done.stderr.split())


def test_version_loads_the_front_of_the_command_alone():
    assert imported("--version") - {"gc"} == FRONT


def test_arithmetic_loads_the_language_and_no_engine():
    found = imported("-e", "1+1")
    assert {name for name in found if name.startswith("tcli")} == LANGUAGE - {"__future__"}
    assert found - LANGUAGE <= SMALL
    assert not found & SLOW


@pytest.mark.parametrize("args", [["--help"], ["ops", "--help"], ["--version"], ["-e", "1+1"]])
def test_what_needs_no_numbers_does_not_load_numpy(args):
    assert "numpy" not in imported(*args)


def test_a_tensor_one_liner_loads_numpy_and_tcli_and_little_else():
    found = imported("-e", "sum(arange(10))")
    assert {name for name in found if name.startswith("tcli.")} & {
        "tcli.nn", "tcli.optim", "tcli.func", "tcli.data", "tcli.distributions", "tcli.show.tensor", "tcli.cli.app"} == set()
    assert not found & {"typer", "rich", "prompt_toolkit", "scipy", "ml_dtypes", "cupy", "threadpoolctl", "dataclasses", "json"}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    program = "import sys; import numpy; print(*sys.modules)"
    numpy = set(subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True,
                               env=environment).stdout.split())
    others = {name for name in found - numpy if not name.startswith("tcli")}
    assert others <= SMALL | {"__future__", "_heapq", "heapq", "weakref", "_weakrefset"}
