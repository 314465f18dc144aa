"""`track` and `tqdm` with a terminal on stderr, and without."""

import os
import pty
import re
import subprocess
import sys

import pytest

import tcli


def on_terminal(program, columns=120):
    """(stdout, what a terminal on stderr got) of a program."""
    ours, theirs = pty.openpty()
    code = f"import tcli; tcli.Session().run({program!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL,
                               env=os.environ | {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"})
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, seen
    return out.decode(), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())


def test_a_bar_with_live_values_on_a_terminal():
    out, seen = on_terminal("loss = tensor(9.)\n"
                            "for i in track(range(4), 'training', loss=lambda: loss):\n    loss = loss / 2\nprint(loss.item())")
    assert out == "0.5625\n"
    last = seen.replace("\r", "\n").rstrip("\n").split("\n")[-1]
    assert "training" in last
    assert "4/4" in last
    assert "loss=0.562" in last
    assert re.search(r"[0-9]/s", last)


def test_a_narrow_terminal_shows_numbers_without_a_bar():
    _, seen = on_terminal("for i in track(range(4), 'training the net', loss=lambda: 0.5): pass", columns=40)
    last = seen.replace("\r", "\n").rstrip("\n").split("\n")[-1]
    assert last.split() == ["training", "the", "net", "4/4", "0:00:00", "loss=0.5"]


def test_the_rate_of_slow_steps_is_the_time_of_one():
    _, seen = on_terminal("import time\nfor i in track(range(2)):\n    time.sleep(1.2)")
    assert re.search(r"1\.2\d? s each", seen)


def test_off_the_terminal_nothing_is_drawn_or_asked(capsys):
    session = tcli.Session()
    session.run("def never():\n    raise ValueError('asked')\nn = 0\nfor i in track(range(3), 'x', loss=never):\n    n += i")
    assert session["n"] == 3
    assert capsys.readouterr().err == ""


def test_a_generator_and_its_total():
    assert tcli.Session().run("[x for x in track((i for i in range(3)), 'g', total=3)]") == [0, 1, 2]


def test_a_value_that_is_no_function_is_told():
    with pytest.raises(tcli.TcliError) as caught:
        tcli.Session().run("track([1], 'x', loss=3)")
    assert caught.value.message == "track(): loss must be a function that gives the value to show"
    assert caught.value.help == "loss=lambda: loss"
