"""One session of the prompt in a real terminal, driven by keys."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SNIPPET = """>>> import torch
>>> from torch import nn
>>> net = nn.Linear(4, 2)
>>> x = torch.randn(3, 4)
>>> def run(n):
...     total = 0.
...     for i in range(n):
...         total = total + net(x).pow(2).mean()
...     return total
...
>>> loss = run(2)
>>> loss.backward()
>>> print(tuple(net.weight.grad.shape))
(2, 4)
"""

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A tmux server of its own with one prompt in it."""

    def __init__(self, folder: Path):
        self.folder, self.socket = folder, str(folder / "tmux.socket")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("TMUX", "SSH", "NO_COLOR"))}
        environment |= {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder),
                        "SHELL": "/bin/sh", "TERM": "xterm-256color"}
        self.environment = environment
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "50", "-c", str(folder),
                  f"trap : INT; {sys.executable} -m tcli --seed 3; echo ended with $?; sleep 300")

    def tmux(self, *args: str) -> str:
        return subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, text=True, check=True, timeout=30,
                              env=self.environment, cwd=self.folder).stdout

    def screen(self, colours: bool = False) -> str:
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def line(self, text: str) -> None:
        """Types a line on a screen that is empty again."""
        self.ready()
        self.tmux("send-keys", "-l", text)
        self.keys("Enter")

    def ready(self) -> None:
        """Waits until the prompt reads, and clears the screen."""
        self.wait(r"^tcli> *$")
        self.keys("C-l")
        self.wait(r"\A *tcli> *$")

    def paste(self, text: str) -> None:
        (self.folder / "clip").write_text(text)
        self.tmux("load-buffer", str(self.folder / "clip"))
        self.tmux("paste-buffer", "-p")

    def wait(self, pattern: str, seconds: float = 60, colours: bool = False) -> str:
        """The screen, once it shows the pattern."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, screen := self.screen(colours), re.M):
            assert time.monotonic() < deadline, f"no {pattern!r} on:\n{screen}"
            time.sleep(0.1)
        return screen


@pytest.fixture
def terminal(tmp_path):
    made = Terminal(tmp_path)
    yield made
    subprocess.run(["tmux", "-S", made.socket, "kill-server"], check=False, capture_output=True)


def test_a_session(terminal):
    terminal.ready()

    # A transcript is pasted: its prompts go, its output too; Enter runs it.
    terminal.paste(SNIPPET)
    screen = terminal.wait("print")
    assert ">>>" not in screen
    terminal.keys("Enter")
    assert terminal.wait(r"^\(2, 4\)$").count("(2, 4)") == 1

    # Completion: a menu with what each name is.
    terminal.ready()
    terminal.keys("-l", "net.bi")
    terminal.keys("Tab")
    terminal.wait("net.bias")
    terminal.keys("C-c")
    terminal.keys("-l", "F.softm")
    terminal.keys("Tab")
    assert re.search("softmax +e to|softmax +", terminal.wait("softmin|softmax"))
    terminal.keys("C-c")

    # An error underlines the operands of the failing call, in colour.
    terminal.line("x @ x")
    screen = terminal.wait(r"error\[shape\]")
    terminal.wait(r"^ +\| +\| +f32\[3, 4\]$")
    assert "\x1b[" in terminal.screen(colours=True)

    # What does not parse is not run; the cursor stands on the fault.
    terminal.ready()
    terminal.keys("-l", "y = (1 + ) * 2")
    terminal.keys("Enter")
    terminal.wait("expected an expression")
    column, _ = terminal.tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split()
    assert int(column) == len("tcli> y = (1 + ")
    terminal.keys("C-c")

    # The trace of the last backward pass.
    terminal.line(":trace")
    screen = terminal.wait(r"net.weight \(leaf\)")
    assert re.search(r"net\(x\).pow\(2\).mean\(\)", screen)

    # Ctrl-C in a loop and in one long call; all variables are still there.
    terminal.line("while True: pass")
    time.sleep(0.5)
    terminal.keys("C-c")
    terminal.wait(r"interrupted at[^$]*^tcli> *$")
    terminal.line("big = ones(3000, 3000, dtype=torch.float64)")
    terminal.line("y = big @ big @ big @ big @ big @ big")
    time.sleep(1)
    terminal.keys("C-c")
    terminal.wait(r"interrupted at[^$]*^tcli> *$", seconds=20)
    # A call that takes long is named below, and nothing of that remains.
    terminal.line("long = torch.linalg.multi_dot([big] * 12)")
    terminal.wait(r"^[\d.]+:\d+ torch.linalg.multi_dot\(\[big\] \* 12\) … \d s$")
    terminal.keys("C-c")
    terminal.wait(r"interrupted at[^$]*^tcli> *$", seconds=20)
    assert " … " not in terminal.screen()
    terminal.line("x.shape, big.shape")
    terminal.wait(r"torch.Size\(\[3, 4\]\), torch.Size\(\[3000, 3000\]\)")

    # Ctrl-R finds an earlier entry.
    terminal.line("answer = 6 * 7")
    terminal.line("other = 1")
    terminal.ready()
    terminal.keys("C-r")
    terminal.keys("-l", "answ")
    terminal.wait("answer = 6")
    terminal.keys("Enter", "End")
    terminal.keys("-l", "; answer")
    terminal.keys("Enter")
    terminal.wait("^42$")

    # A saved session replays with the same numbers.
    terminal.line("z = randn(3); z.sum().item()")
    number = re.search(r"^-?\d+\.\d+$", terminal.wait(r"^-?\d+\.\d+$"), re.M).group()
    terminal.line(":free big")
    terminal.line(":save s.tsr")
    terminal.wait("tcli s.tsr replays them")
    terminal.line("!" + f"{sys.executable} -m tcli s.tsr")
    terminal.wait(rf"^{re.escape(number)}$")

    # A model says what it is; a step of an optimizer what it did.
    terminal.line("net")
    terminal.wait("^Linear  10 parameters  40 B  f32  cpu  training$")
    terminal.line(":trace steps")
    terminal.line("optim.SGD(net.parameters(), lr=0.1).step()")
    terminal.wait(r"^net.weight +[\d.]+ +[\d.]+ +[\d.]+")

    terminal.line("exit")
    terminal.wait("ended with 0")


def test_a_dumb_terminal_gets_a_plain_prompt(tmp_path):
    import pty

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb", "XDG_STATE_HOME": str(tmp_path)}
    main, end = pty.openpty()
    child = subprocess.Popen([sys.executable, "-m", "tcli"], stdin=end, stdout=end, stderr=end, env=environment, cwd=tmp_path)
    os.close(end)
    os.write(main, b"x = (1 +\n2)\nx * 2\n:vars\n\x04")
    text = b""
    try:
        while chunk := os.read(main, 4096):
            text += chunk
    except OSError:
        pass  # the other end was closed
    os.close(main)
    assert child.wait(30) == 0
    assert b"\x1b" not in text
    assert b"tcli> 6\r\n" in text
    assert b"x  3" in text
