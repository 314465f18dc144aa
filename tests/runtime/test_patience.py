"""What takes long is said on a terminal, and nothing of it remains there."""

import sys
import time
from _thread import get_ident
from contextlib import redirect_stderr

import pytest

import tcli
from tcli.runtime import patience, progress
from tcli.runtime.patience import CallUnderWay, said_while_long


class Terminal:
    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        """Nothing waits here."""


@pytest.fixture
def terminal(monkeypatch):
    made = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(patience, "PAUSE", 0.02)
    return made


@pytest.mark.parametrize(("seconds", "told"), [(0.0, False), (0.3, True)])
def test_a_load_that_takes_long_is_said(seconds, told, terminal):
    with redirect_stderr(terminal), said_while_long("loading x.pt", after=0.05 if told else 30):
        time.sleep(seconds)
    assert terminal.text.startswith("\rloading x.pt … 0 s") == told
    assert terminal.text.endswith("\r\x1b[K") == told


def shown(terminal, program: str, **names) -> None:
    session = tcli.Session()
    for name, value in names.items():
        session[name] = value
    thread = get_ident()
    watch = CallUnderWay(lambda: sys._current_frames().get(thread))
    with redirect_stderr(terminal), said_while_long(watch, after=0.1):
        session.run(program, "p.tsr")


def nap(seconds):
    time.sleep(seconds)


def test_a_long_call_is_named_with_its_place(terminal):
    shown(terminal, "x = 1\ny = [nap(0.5)]\n", nap=nap)
    assert "\r2:6 nap(0.5) … 0 s\x1b[K" in terminal.text
    assert terminal.text.endswith("\r\x1b[K")


def test_a_long_call_in_a_function_of_the_program_is_the_inner_one(terminal):
    shown(terminal, "def f(n):\n    nap(n)\nf(0.5)", nap=nap)
    assert "2:5 nap(n)" in terminal.text
    assert "3:1" not in terminal.text


def test_many_short_calls_are_no_long_one(terminal):
    shown(terminal, "for i in range(400): nap(0.001)", nap=nap)
    assert terminal.text == ""


def test_a_bar_of_the_program_has_the_line(terminal, monkeypatch):
    monkeypatch.setattr(progress, "open_bars", 1)
    shown(terminal, "nap(0.4)", nap=nap)
    assert terminal.text == ""


@pytest.mark.parametrize("kind", ["dumb", None])
def test_only_a_terminal_that_can_wipe_a_line_is_told(kind, terminal, monkeypatch):
    if kind:
        monkeypatch.setenv("TERM", kind)
    else:
        monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    shown(terminal, "nap(0.3)", nap=nap)
    assert terminal.text == ""


def test_the_text_fits_on_a_line(terminal):
    shown(terminal, f"nap(0.4{' + 0' * 60})", nap=nap)
    assert "…" in terminal.text
    assert max(map(len, terminal.text.split("\r"))) < 80


def test_what_an_entry_put_off_is_named(terminal):
    def compute_what_waits():
        nap(0.5)

    thread = get_ident()
    with redirect_stderr(terminal), said_while_long(CallUnderWay(lambda: sys._current_frames().get(thread)), after=0.1):
        compute_what_waits()
    assert "\rcomputing what was deferred … 0 s\x1b[K" in terminal.text
