"""Families are loaded when a name of theirs is asked for: the index is up to date, and any family may come first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in sys.path if p)])}

# Loads each family alone, in a process of its own, and shows what else than a declaration an op got from it.
ALONE = """
import os, sys
import numpy, tcli.ops
from tcli.engine import callables
from tcli.engine.registry import TABLES, ops
from tcli.ops import families

def short_ways(names):
    return sorted(name for name in names if ops[name] in callables._operators or ops[name] in callables._shortcuts)

names = {}
for name, family in ops.families.items():
    names.setdefault(family, []).append(name)
pages = {}
for family in families.names():
    out, into = os.pipe()
    if os.fork() == 0:
        __import__("tcli.ops." + family)
        for table in TABLES.values():
            for name in table.families:
                if table.families[name] == family:
                    assert table.is_declared(name), name
        os.write(into, repr(short_ways(names.get(family, ()))).encode())
        os._exit(0)
    os.close(into)
    pages[family] = os.fdopen(out).read()
    assert os.wait()[1] == 0, family
families.load()
for family, page in pages.items():
    assert page == repr(short_ways(names.get(family, ()))), (family, page)
print(len(pages))
"""

ON_DEMAND = """
import sys
import tcli
session = tcli.Session()
session.run({program!r})
print(*sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("tcli.ops.")))
"""


def run(*args: str) -> str:
    done = subprocess.run([sys.executable, *args], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def loaded(program: str) -> set[str]:
    return set(run("-c", ON_DEMAND.format(program=program)).split())


def test_the_index_is_up_to_date():
    run(str(ROOT / "scripts" / "make_index.py"), "--check")


def test_every_family_can_be_the_first():
    assert int(run("-c", ALONE)) > 80


def test_a_program_loads_the_families_that_it_uses():
    few = loaded("sum(arange(10))")
    assert {"create", "reduce"} <= few
    assert not few & {"conv", "attention", "decomposition", "fft", "random", "activation"}
    assert "activation" in loaded("ones(2).softmax(0)")
    assert "fft" in loaded("torch.fft.fft(ones(2))")
    assert "decomposition" in loaded("torch.linalg.svd(ones(2, 2))")


def test_names_are_known_without_loading():
    assert not loaded("'conv2d' in dir(torch) and 'softmax' in dir(torch.Tensor)") & {"conv", "activation"}
    assert not loaded("callable") & {"conv", "activation"}


def test_a_property_can_be_set_before_it_was_read():
    run("-c", "import tcli\nsession = tcli.Session()\n"
        "session.run('x = torch.ones(2, dtype=torch.complex64); x.real = torch.zeros(2)')\n"
        "assert session['x'].tolist() == [0j, 0j]\n"
        "session.run('y = torch.ones(2); y.softmax = 3')\nassert session['y'].softmax == 3")


INTERRUPTED = """
import numpy, tcli
from tcli.engine import registry

session, validate, calls = tcli.Session(), registry._validate, []

def interrupted(o):
    calls.append(o)
    if len(calls) == 3:
        raise KeyboardInterrupt
    validate(o)

registry._validate = interrupted
try:
    session.run("x = torch.ones(2, 2)\\ntorch.fft.fft(x)")
except BaseException as error:
    assert isinstance(error, KeyboardInterrupt), error
else:
    raise AssertionError("nothing was interrupted")
registry._validate = validate
session.run("y = torch.fft.fft(torch.ones(2)); z = torch.ones(2, 2).softmax(0); w = torch.ones(2) + 1; v = w.sum()")
assert session["y"].tolist() == [2, 0] and session["v"].item() == 4
"""


@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_interrupt_while_a_family_is_loaded_does_no_harm(call):
    run("-c", INTERRUPTED.replace("== 3", f"== {call}"))
