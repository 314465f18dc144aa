"""A pool of threads for kernels: the caller and its helpers take blocks from one shared iterator.

NumPy's loops, copies, sorts and random fills release the interpreter lock, so two threads that call
them on different blocks run side by side. Helpers are made on first use, wait on a lock, and end with
the process. What is computed must not depend on the number of threads: cut the work into blocks by its
size alone, and combine the results of blocks in the order of their numbers.

    def one(i):
        block = slice(i * SIZE, (i + 1) * SIZE)
        np.exp(x[block], out=y[block])

    parallel(-(-len(x) // SIZE), one)
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock  # `threading` waits until there is a helper: programs start without it
from collections.abc import Callable, Iterator
from contextlib import suppress

from .. import native
from ..errors import EngineError
from . import blas

_busy = allocate_lock()
_helpers: list[_Helper] = []
_count: list[int | None] = [None]
_processor: list[Callable[[], int] | None] = []  # tells where its caller runs; None where nothing does
_home: list[int | None] = [None]  # the processor that helpers are kept off
after_block: list[Callable[[], object]] = []  # called by every thread after each of its blocks


def parallel(n_blocks: int, fn: Callable[[int], object]) -> None:
    """Calls `fn(i)` for every block number i in range(n_blocks), on all threads that may be used.

    Each thread takes the next block when it is done with one, so blocks may differ in cost. Ten or more
    microseconds go into waking the helpers: blocks should take a hundred at least. Inside a call of
    `parallel`, and while another thread uses the pool, blocks run one after the other in the caller.
    The first exception stops the work and is raised here. Floating-point warnings are off in helpers.

    >>> from tcli.engine.threads import parallel
    >>> found = [0] * 4
    >>> def one(i): found[i] = i * i
    >>> parallel(4, one); found
    [0, 1, 4, 9]
    """
    def work(blocks: Iterator[int]) -> None:
        for i in blocks:
            fn(i)

    spread(n_blocks, work)


def spread(n_blocks: int, work: Callable[[Iterator[int]], object]) -> None:
    """Like `parallel`, with one call of `work(blocks)` per thread: it may set up scratch memory first.

    `blocks` yields the numbers that this thread is to do; all threads share it.
    """
    if after_block:
        work = _with_calls_between(work)
    workers = min(get_num_threads(), n_blocks)
    if workers <= 1 or not _busy.acquire(blocking=False):
        work(iter(range(n_blocks)))
        return
    try:
        blas.narrow()  # a library with threads of its own would have each of these wait for the other
        job = _Job(n_blocks, work)
        helpers = _get_helpers(workers - 1)
        for helper in helpers:
            helper.start(job)
        job.run()
        for helper in helpers:
            helper.wait(job)
    finally:
        _busy.release()
    if job.error is not None:
        raise job.error


def _with_calls_between(work: Callable[[Iterator[int]], object]) -> Callable[[Iterator[int]], object]:
    def between(blocks: Iterator[int]) -> Iterator[int]:
        for i in blocks:
            yield i
            for call in after_block:
                call()
    return lambda blocks: work(between(blocks))


class _Job:
    """Work that threads share; the first error empties the iterator for all."""

    __slots__ = ("blocks", "error", "work")

    def __init__(self, n_blocks: int, work):
        self.blocks, self.work, self.error = iter(range(n_blocks)), work, None

    def run(self) -> None:
        try:
            self.work(self.blocks)
        except BaseException as error:
            self.stop(error)

    def stop(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
        for _ in self.blocks:
            pass


class _Helper:
    """A waiting thread: two locks are its door bell and its answer."""

    def __init__(self):
        self._bell, self._answer, self._job = allocate_lock(), allocate_lock(), None
        self._bell.acquire()
        self._answer.acquire()
        import threading

        self._thread = threading.Thread(target=self._loop, name="tcli-helper", daemon=True)
        self._thread.start()

    def stay_on(self, processors: set[int]) -> None:
        """Keeps the thread on some processors."""
        with suppress(OSError):  # they have been taken from the process
            os.sched_setaffinity(self._thread.native_id, processors)

    def start(self, job: _Job) -> None:
        self._job = job
        self._bell.release()

    def wait(self, job: _Job) -> None:
        """Returns when the helper has left the job: it may be writing into arrays until then."""
        while True:
            try:
                self._answer.acquire()
                return
            except BaseException as error:  # an interrupt: first let the helper finish its block
                job.stop(error)

    def _loop(self) -> None:
        import numpy as np

        np.seterr(all="ignore")
        while True:
            self._bell.acquire()
            self._job.run()
            self._job = None
            self._answer.release()


def _get_helpers(n: int) -> list[_Helper]:
    if len(_helpers) < n:
        _home[0] = None
    while len(_helpers) < n:
        _helpers.append(_Helper())
    _keep_off_the_caller()
    return _helpers[:n]


def _find_processor() -> Callable[[], int] | None:
    """Linux's function that tells on which processor its caller runs."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes  # NumPy has loaded it

    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


def _keep_off_the_caller() -> None:
    """Linux may wake a helper on the processor of its caller, where the two take turns for milliseconds."""
    if not _processor:
        _processor.append(_find_processor())
    here = _processor[0]() if _processor[0] is not None else None
    if here == _home[0]:
        return
    _home[0], own = here, os.sched_getaffinity(0)
    others = own - {here} or own
    for helper in _helpers:
        helper.stay_on(others)


def _forget_helpers() -> None:
    """A forked child has none of its parent's threads."""
    global _busy
    _busy = allocate_lock()
    _helpers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)


# ---------------------------------------------------------------- how many

def get_num_threads() -> int:
    """How many threads a computation may use: what was set, OMP_NUM_THREADS, or one per processor."""
    n = _count[0]
    if n is None:
        n = _count[0] = native.threads_at_start()
        native.set_threads(n)
    return n


def set_num_threads(n: int) -> None:
    """Sets how many threads a computation may use, the BLAS library's included."""
    if type(n) is not int or n < 1:
        raise EngineError("set_num_threads expects a positive integer")
    _count[0] = n
    native.set_threads(n)
    blas.settled()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return
    threadpool_limits(n)
