"""The compiled kernels belong to the sources, load or do without, and are told how many threads to use."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tcli import native
from tcli.engine import threads
from tcli.native import build

from .total import total

compiled = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
IMPORTS = "import os, numpy as np; from tcli import native; from tests.native.total import total\n"


@compiled
def test_what_is_loaded_was_compiled_from_these_sources():
    assert native.kernels.sources == build.sources_hash()
    assert build.is_built()


@compiled
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 65536, 65537, 300_001])
def test_a_sum_does_not_depend_on_the_number_of_threads(n, dtype):
    x = np.random.default_rng(n).standard_normal(n).astype(dtype)
    count = threads.get_num_threads()
    try:
        found = []
        for k in (1, 2, 4):
            threads.set_num_threads(k)
            found += [total(x) for _ in range(20)]
    finally:
        threads.set_num_threads(count)
    assert len(set(found)) == 1
    assert found[0] == pytest.approx(x.sum(dtype="d"), rel=1e-5, abs=1e-3)


def test_what_a_kernel_does_not_take_it_leaves_to_numpy():
    for a in (np.arange(4), np.ones((4, 4), "f")[:, ::2], [1.0], None, np.ones(3, ">f4")):
        assert total(a) is False


def run(program: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tcli_is_complete_without_kernels():
    program = IMPORTS + "print(native.kernels, total(np.ones(3, 'f')), native.set_threads(2))"
    assert run(program, TCLI_NATIVE="0") == "None False False\n"


@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_starts_threads_of_its_own():
    program = IMPORTS + """if True:
        native.set_threads(2)
        x = np.ones(1 << 20, 'f')
        assert total(x) == 1 << 20
        child = os.fork()
        if not child:
            os._exit(total(x) != 1 << 20)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"""
    assert run(program) == "0\n"


@compiled
@pytest.mark.skipif(not os.path.isdir("/proc/self/task") or len(os.sched_getaffinity(0)) < 2, reason="needs 2 processors")
def test_threads_of_the_pool_stay_off_the_processor_of_the_caller():
    program = IMPORTS + """if True:
        before = set(os.listdir('/proc/self/task'))
        native.set_threads(2)
        total(np.ones(1 << 20, 'f'))
        own, (added,) = os.sched_getaffinity(0), set(os.listdir('/proc/self/task')) - before
        print(len(own - os.sched_getaffinity(int(added))), os.sched_getaffinity(int(added)) <= own)"""
    assert run(program) == "1 True\n"


@compiled
@pytest.mark.skipif(not os.path.isdir("/proc/self/task") or len(os.sched_getaffinity(0)) < 2, reason="needs 2 processors")
def test_threads_of_blas_stay_off_the_processor_of_the_caller():
    program = """if True:
        import os, numpy as np
        from threadpoolctl import threadpool_info
        from tcli.engine import blas, threads
        threads.set_num_threads(2)
        with blas.threads_for(1 << 30):
            np.ones((600, 600)) @ np.ones((600, 600))
        own = os.sched_getaffinity(0)
        kept = [len(own - os.sched_getaffinity(int(task))) for task in os.listdir('/proc/self/task')]
        names = {lib['internal_api'] for lib in threadpool_info() if lib['user_api'] == 'blas'}
        print(sum(kept) if names == {'openblas'} else 1)"""
    assert run(program) == "1\n"
