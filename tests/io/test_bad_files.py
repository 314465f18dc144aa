"""Broken and malicious files: one clear error each, in bounded time and memory, and nothing runs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tcli import io as tio
from tcli.errors import TcliError
from tests.io.bad_files import FAMILIES, make
from tests.io.peak import PEAK

CASES = [(family, name, ending) for family, (files, ending) in FAMILIES.items() for name, _ in files()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    make(folder)
    return folder


def error_of(action):
    start = time.perf_counter()
    with pytest.raises(TcliError) as caught:
        action()
    assert time.perf_counter() - start < 5
    return caught.value


@pytest.mark.parametrize(("family", "name", "ending"), CASES, ids=[f"{family}-{name}" for family, name, _ in CASES])
def test_a_bad_file_is_one_clear_error(family, name, ending, folder, monkeypatch):
    monkeypatch.chdir(folder)
    path = folder / family / (name + ending)
    error = error_of(lambda: tio.load(path))
    assert path.name in error.message
    assert error.message.isprintable()
    assert len(error.message) < 1000
    assert not (folder / "PWNED").exists()


@pytest.mark.parametrize(("family", "name", "ending"), CASES, ids=[f"{family}-{name}" for family, name, _ in CASES])
def test_listing_a_bad_file_fails_clearly_or_shows_it(family, name, ending, folder, monkeypatch):
    monkeypatch.chdir(folder)
    path = folder / family / (name + ending)
    try:
        with tio.open_input(str(path)) as file:
            tio.read_listing(file)
    except TcliError as error:
        assert error.message.isprintable()
    assert not (folder / "PWNED").exists()


def test_the_corpus_is_large_enough():
    assert len(CASES) >= 250


def test_all_of_them_take_little_memory(folder):
    program = ("import sys; from tcli import io; from tcli.errors import TcliError\n"
               "for path in sys.stdin.read().split('\\n'):\n"
               "    try: io.load(path)\n"
               "    except TcliError: pass\n" + PEAK)
    paths = "\n".join(str(path) for path in sorted(folder.rglob("*.*")) if path.is_file())
    done = subprocess.run([sys.executable, "-c", program], input=paths, capture_output=True, text=True, check=True,
                          timeout=120, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert int(done.stdout) < 400_000


@pytest.mark.parametrize("path", ["npy/descr_control.npy", "st/control.safetensors", "pt/evil_call_os_system.pt",
                                  "npz/path_up.npz", "gz/bomb.txt.gz"])
@pytest.mark.parametrize("command", [["inspect"], ["convert"], ["diff"], ["-e"]])
def test_the_command_says_it_in_one_diagnostic(path, command, folder):
    name = str(folder / path)
    argv = {"inspect": ["inspect", "--stats", name], "convert": ["convert", name, str(folder / "out.npz")],
            "diff": ["diff", name, name], "-e": ["-e", f"load({name!r})"]}[command[0]]
    done = subprocess.run([sys.executable, "-m", "tcli", *argv], capture_output=True, text=True, cwd=folder, timeout=30,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "\x07" not in done.stderr + done.stdout
    if not (command == ["inspect"] and path.startswith("pt/")):
        assert done.returncode == 1
        assert done.stderr.startswith("error[")
        assert Path(name).name in done.stderr
    assert not (folder / "PWNED").exists()
    assert not (folder / "out.npz").exists()


# ---------------------------------------------------------------- honest files, changed at random

HONEST = ["kinds.pt", "kinds_legacy.pt", "nested.pt", "kinds.safetensors", "python2.npy", "quantised.npz", "quantised.gguf"]


@pytest.mark.parametrize("name", HONEST)
def test_flipped_bytes_and_cuts_give_a_value_or_a_clear_error(name, tmp_path):
    import random

    data = (Path(__file__).parent.parent / "data" / name).read_bytes()
    rng = random.Random(name)
    path = tmp_path / name
    for round in range(150):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            changed[rng.randrange(min(len(data), 2000))] = rng.choice((0, 255, 127, rng.randrange(256)))
        path.write_bytes(changed if round % 3 else changed[:rng.randrange(len(data))])
        try:
            tio.load(path)
        except TcliError as error:
            assert error.message.isprintable()
