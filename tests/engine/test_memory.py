"""Memory that arrays leave is kept for the next ones."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tcli.engine import memory
from tcli.engine.tensor import tensor

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import resource
import numpy as np
import tcli.engine.memory
for round in range(60):
    first, second, third = (np.ones(500_000, np.float32) for _ in range(3))
    del first, second, third
    if round == 9:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    """Page faults of fifty rounds that make and drop 6 megabytes, after ten others."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return int(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=env).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator can be told")
def test_freed_arrays_cost_no_page_faults_when_their_memory_is_used_again():
    assert faults() < 2000 < faults(TCLI_POOL="0")


@pytest.mark.filterwarnings("ignore:To copy construct")
def test_copies_of_large_arrays_start_at_cache_lines_and_are_apart():
    data = np.arange(1 << 19, dtype=np.float32)[1:]
    for made in (tensor(data), tensor(tensor(data).clone())):
        assert made._a.__array_interface__["data"][0] % memory.LINE == 0
        assert made._a.dtype == np.float32 and (made._a == data).all() and not np.shares_memory(made._a, data)
    turned = np.arange(1 << 19, dtype=np.float32).reshape(512, -1).T
    assert (tensor(turned)._a == turned).all()
