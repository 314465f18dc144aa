"""The pool of threads: every block once, errors and nesting, the same result with any number of threads."""

import os
import sys
import threading

import numpy as np
import pytest

from tcli.engine import threads
from tcli.engine.threads import parallel, spread


@pytest.fixture(autouse=True)
def _restore():
    before = threads._count[0]
    yield
    threads._count[0] = before


@pytest.mark.parametrize("n", [1, 2, 4])
def test_every_block_is_done_once(n):
    threads._count[0] = n
    done = np.zeros(100, int)
    for _ in range(20):
        parallel(100, lambda i: done.__setitem__(i, done[i] + 1))
    assert (done == 20).all()


def test_two_threads_take_part():
    threads._count[0] = 2
    names, both = set(), threading.Barrier(2, timeout=10)

    def work(blocks):
        names.add(threading.current_thread().name)
        both.wait()
        list(blocks)

    spread(8, work)
    assert len(names) == 2


@pytest.mark.parametrize("n", [1, 3])
def test_an_error_stops_the_work_and_is_raised(n):
    threads._count[0] = n

    def one(i):
        if i == 5:
            raise KeyError(i)

    with pytest.raises(KeyError):
        parallel(50, one)
    parallel(3, lambda i: None)  # the pool works on


def test_calls_inside_a_call_run_in_their_caller():
    threads._count[0] = 2
    total = np.zeros(12, int)
    parallel(3, lambda i: parallel(4, lambda j: total.__setitem__(4 * i + j, 1)))
    assert total.all()


def test_helpers_raise_no_floating_point_warnings():
    threads._count[0] = 2
    with np.errstate(all="ignore"):
        parallel(8, lambda i: np.log(np.zeros(3)))


def test_no_blocks_are_no_work():
    parallel(0, lambda i: 1 / 0)


@pytest.mark.skipif(not sys.platform.startswith("linux") or len(os.sched_getaffinity(0)) < 2, reason="needs 2 processors")
def test_helpers_stay_off_the_processor_of_the_caller():
    threads._count[0] = 2
    found = {}
    both = threading.Barrier(2, timeout=10)

    def work(blocks):
        found[threading.current_thread().name] = os.sched_getaffinity(0)
        both.wait()
        list(blocks)

    spread(8, work)
    own = found.pop(threading.current_thread().name)
    (helper,) = found.values()
    assert own == os.sched_getaffinity(0) and helper < own and len(own - helper) == 1
