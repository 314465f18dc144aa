"""Programs that try to get out: none holds anything of Python's or the system's in its hands afterwards."""

import subprocess
import sys
from pathlib import Path

import pytest

from tcli import Session
from tcli.errors import TcliError
from tcli.io import access
from tcli.lang.names import INTERNALS
from tests.security.guard import forbidden

TELLING = """__class__ __base__ __bases__ __mro__ __subclasses__ __globals__ __code__ __closure__ __builtins__ __dict__ __self__
    __func__ __wrapped__ __module__ __getattribute__ __reduce__ __reduce_ex__ __traceback__ __context__ __cause__ __loader__
    __spec__ __init_subclass__ __subclasshook__ __defaults__ __kwdefaults__ __annotations__ __weakref__ __array_interface__
    __array_struct__ __objclass__ __set_name__ __prepare__ __instancecheck__ __del__ __buffer__ __dlpack__""".split()
WAYS = {
    "attribute": "leak(value.{name})",
    "getattr": "leak(getattr(value, {name!r}))",
    "joined": "leak(getattr(value, {name!r}[:3] + {name!r}[3:]))",
    "attrgetter": "from operator import attrgetter\nleak(attrgetter({name!r})(value))",
    "methodcaller": "from operator import methodcaller\nleak(methodcaller({name!r})(value))",
    "format": "leak('{{0.{name}}}'.format(value))",
    "store": "value.{name} = 1\nleak(value)",
}
HAND_WRITTEN = [part.partition("\n")[::2] for part in
                Path(__file__).with_name("escapes.txt").read_text().split("### ")[1:]]


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """Runs a program in an empty folder; what it got hold of and how it ended."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, value: object = None):
        session, got = Session(), []
        session.access = access.Access()
        session["leak"] = lambda found: got.extend(_inside(found))
        session["value"] = value
        try:
            session.run(text)
            ended: object = None
        except (TcliError, SystemExit) as error:
            ended = error
        assert not [name for name in map(forbidden, got) if name]
        assert sorted(path.name for path in tmp_path.iterdir()) in ([], ["x"])
        assert not (tmp_path.parent / "PWNED").exists()
        return got, ended
    return run


def _inside(value: object, depth: int = 0) -> list[object]:
    """A value and what it holds."""
    found = [value]
    if depth < 3 and isinstance(value, (list, tuple, set, dict)):
        for each in list(value.values() if isinstance(value, dict) else value)[:100]:
            found += _inside(each, depth + 1)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("title", "text"), HAND_WRITTEN, ids=[title for title, _ in HAND_WRITTEN])
def test_an_attempt_gets_nothing(title, text, attempt):
    attempt(text)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TELLING + sorted(INTERNALS))
def test_a_telling_name_is_refused_however_it_is_said(name, way, attempt):
    got, ended = attempt(WAYS[way].format(name=name), value=lambda: 0)
    assert not got
    assert isinstance(ended, TcliError)
    assert name.strip("_") in str(ended) or "no attribute" in str(ended)


def test_there_are_enough_attempts():
    assert len(HAND_WRITTEN) >= 250


@pytest.mark.parametrize("call", ["sorted([n, n + 1], key=f)", "list(map(f, [n]))",
                                  "np.frompyfunc(f, 1, 1)(np.array([n, n], object))"])
def test_a_runaway_recursion_is_an_error_and_no_crash(call):
    program = f"import sys\nimport numpy as np\nsys.setrecursionlimit(10**8)\ndef f(n):\n    return {call}\nf(0)\n"
    done = subprocess.run([sys.executable, "-m", "tcli", "-"], input=program, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error[RecursionError]: the program calls itself too deeply")
