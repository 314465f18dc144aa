"""The number of BLAS threads: held down at the start of the command, raised by the first large product."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from tcli.cli import run
run(["-q", "-e", sys.argv[1]])
from threadpoolctl import threadpool_info
json.dump([i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"], sys.stderr)
"""


def threads_after(text: str) -> list[int]:
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run([sys.executable, "-c", PROGRAM, text], capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stderr)


WIDE = """
import tcli.engine.blas as blas
switch = blas._switch
seen = []
blas._switch = lambda wide: (switch(wide), seen.append(wide))
"""


def widened_by(text: str) -> bool:
    """Whether a program gave BLAS more than one thread at some time."""
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    program = WIDE + "import sys\nfrom tcli.cli import run\nrun(['-q', '-e', sys.argv[1]])\nprint(any(seen))"
    done = subprocess.run([sys.executable, "-c", program, text], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip() == "True"


@pytest.mark.parametrize("text", ["ones(3, 3) @ ones(3, 3)", "ones(100, 100) @ ones(100, 100)",
                                  "ones(8, 200, 200) @ ones(8, 200, 200)"])
def test_small_products_run_on_one_thread(text):
    assert not widened_by(text)


@pytest.mark.parametrize("text", ["ones(400, 400) @ ones(400, 400)", "F.linear(ones(400, 400), ones(400, 400))",
                                  "x = ones(400, 400, requires_grad=True); (x @ x).sum().backward()"])
def test_a_large_product_gets_every_processor(text):
    assert widened_by(text)
    assert set(threads_after(text)) == {1}  # and what comes after it one again


def test_a_number_that_the_program_sets_is_the_most():
    assert set(threads_after("torch.set_num_threads(1); ones(400, 400) @ ones(400, 400)")) == {1}
