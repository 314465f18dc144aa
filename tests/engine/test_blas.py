"""The number of BLAS threads: held down at the start of the command, raised by the first large product."""

import json
import os
import subprocess
import sys

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


def test_small_products_run_on_one_thread():
    assert set(threads_after("ones(3, 3) @ ones(3, 3)")) == {1}


def test_a_large_product_gets_every_processor():
    everyone = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert set(threads_after("ones(200, 200) @ ones(200, 200)")) == {everyone}
    assert set(threads_after("F.linear(ones(200, 200), ones(200, 200))")) == {everyone}


def test_a_number_that_the_program_sets_stays():
    assert set(threads_after("torch.set_num_threads(1); ones(200, 200) @ ones(200, 200)")) == {1}
