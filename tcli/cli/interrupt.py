"""Ctrl-C that always comes back: work runs in a thread of its own, the prompt's thread waits for it.

Python tells only its main thread of a signal, and only between two instructions: a program that sits in
one long call of NumPy would not hear it. Here the main thread is free to hear it at once. It raises
KeyboardInterrupt in the worker, at its next instruction; a worker that does not reach one is left to
finish by itself and its result is dropped.
"""

from __future__ import annotations

import _thread
import ctypes
import sys
import threading
from collections.abc import Callable
from types import FrameType

GRACE = 0.6  # seconds a call has to come back before it is left alone
PATIENCE = 4  # so many times Ctrl-C, and a program that catches it is left alone too
_STEP = 0.03
_STACK = 64 << 20


class Abandoned(KeyboardInterrupt):
    """The interrupted call goes on in the background; `frame` is where the worker stands."""

    def __init__(self, frame: object):
        super().__init__()
        self.frame = frame


class _Job:
    """A function on its way through a thread; `ident` is the thread's once it runs."""

    def __init__(self, function: Callable[[], object]):
        self.function = function
        self.value: object = None
        self.error: BaseException | None = None
        self.ident: int | None = None
        self.asked = self.cancelled = self.finished = False
        self.lock = _thread.allocate_lock()
        self.lock.acquire()

    def start(self) -> None:
        """Starts the thread, once. `threading.Thread.start` would wait for it, and could be interrupted there."""
        if self.asked:
            return
        self.asked = True
        before = _thread.stack_size(_STACK)
        try:
            _thread.start_new_thread(self._serve, ())
        finally:
            _thread.stack_size(before)

    def _serve(self) -> None:
        try:
            self.ident = _thread.get_ident()
            try:
                if self.cancelled:  # before it began
                    raise KeyboardInterrupt
                self.value = self.function()
            except BaseException as error:
                self.error = error
            self.finished = True
            self.lock.release()
        except KeyboardInterrupt:  # it came when the work was already done
            pass

    def runs(self) -> bool:
        return not self.finished and (self.ident is None or self.ident in sys._current_frames())

    def frame(self) -> FrameType | None:
        return sys._current_frames().get(self.ident or 0)

    def interrupt(self) -> None:
        self.cancelled = True
        if self.ident is not None:
            _raise_in(self.ident, KeyboardInterrupt)


class Interruptible:
    """Runs functions so that Ctrl-C gets through; keeps an eye on calls that were left behind."""

    def __init__(self, grace: float = GRACE):
        self.grace = grace
        self.left: list[_Job] = []
        self.job: _Job | None = None

    def run(self, function: Callable[[], object]) -> object:
        """The value of `function()`, or what it raised; `Abandoned` if it could not be stopped."""
        if threading.current_thread() is not threading.main_thread():
            return function()
        self._remind()
        job = self.job = _Job(function)
        try:
            self._wait(job)
        except Abandoned:
            self.left.append(job)
            raise
        finally:
            self.job = None
        if job.error is not None:
            raise job.error
        if not job.finished:
            raise KeyboardInterrupt
        return job.value

    def frame(self) -> FrameType | None:
        """Where the function that runs stands."""
        job = self.job
        return job.frame() if job is not None else None

    def _wait(self, job: _Job) -> None:
        while not job.asked or job.runs():
            try:
                job.start()
                job.lock.acquire()
            except KeyboardInterrupt:
                self._interrupt(job)
            except BaseException:  # --timeout rings in this thread
                self._interrupt(job)
                raise

    def _interrupt(self, job: _Job) -> None:
        """Tells the worker and waits as long as it moves; Ctrl-C again tells it again, the third time is enough."""
        place, still, told = None, 0.0, 1
        job.interrupt()
        while job.runs() and still < self.grace and told < PATIENCE:
            try:
                job.lock.acquire(timeout=_STEP)
            except KeyboardInterrupt:
                told += 1
                job.interrupt()
            now = _place(job.frame())
            still = still + _STEP if now == place else 0.0
            place = now
        if job.runs():
            raise Abandoned(job.frame())

    def _remind(self) -> None:
        """What was left behind and lives again, by catching its interrupt, is interrupted again."""
        self.left = [job for job in self.left if job.runs()]
        for job in self.left:
            job.interrupt()


def _raise_in(ident: int, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))


def _place(frame: FrameType | None) -> tuple | None:
    """Where a thread stands: the same twice means that it is inside one call."""
    return (id(frame), frame.f_lasti) if frame is not None else None
