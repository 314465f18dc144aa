#!/usr/bin/env python3
"""Draws the pictures of README.md: real sessions as SVG, into docs/images/.

    scripts/make_screenshots.py [NAME...]

The entries are run, what they print is caught with its colours and drawn by rich.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.text import Text

import tcli
from tcli.cli.output import shown
from tcli.errors import TcliError
from tcli.lang.tokens import highlight_tokens
from tcli.show.diagnostic import render
from tcli.show.gradtrace import render as render_trace

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
COLORS = {"keyword": "magenta", "function": "blue", "number": "cyan", "string": "green", "operator": "yellow",
          "comment": "bright_black"}
WIDTH = 100

# Name of the picture -> what is entered; an entry of several lines goes on behind "  ... ".
SESSIONS = {
    "prompt": ["x: f32[B, D] = torch.randn(64, 784)", "w: f32[D, C] = torch.randn(784, 10)", "h: f32[B, C] = x @ w",
               "h[:2]", "[1., 2, 3; 4, 5, 6] |> softmax(dim=1) |> sum(dim=0)", "(h - h.sum(1)).mean()",
               "h: f32[B, D] = x @ w"],
    "trace": ["X, y = data.digits()", "net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))",
              "F.cross_entropy(net(X), y).backward(trace=True)", "a = tensor([0., 1., 4.], requires_grad=True)",
              "(a.sqrt() * tensor([0., 1., 1.])).sum().backward(trace=True)"],
    "pictures": ["imshow(data.flower()[4:60:3, 12:84:3])", "t = torch.linspace(0, 6.28, 80)",
                 "plot(t, torch.stack([t.sin(), (2 * t).cos()], 1), label=['sin t', 'cos 2t'], height=13)",
                 "hist(torch.randn(10_000), bins=7)"],
}


def picture(name: str) -> str:
    """The SVG of a session."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    session = tcli.Session(seed=0)
    session.color = "always"
    session.positions = session.echo_receivers = True
    session.echo = lambda value: print(shown(value, color=True, width=WIDTH))
    session.show_trace = lambda trace: print(render_trace(trace.rows, color=True, width=WIDTH))
    for count, entry in enumerate(SESSIONS[name], 1):
        console.print(_typed(entry))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                session.run(entry, f"<tsr {count}>")
            except TcliError as error:
                print(render(error, color=True, width=WIDTH))
        if out.getvalue().strip():
            console.print(Text.from_ansi(out.getvalue().rstrip()))
    return _slim(console.export_svg(title="tcli", unique_id=f"tcli-{name}"))


def _slim(svg: str) -> str:
    """Without fonts from elsewhere and clip paths of single lines, which every viewer does without; numbers of one digit."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    svg = re.sub(r'<clipPath id="[^"]*-line-\d+">.*?</clipPath>\s*', "", svg, flags=re.S)
    svg = re.sub(r' clip-path="url\(#[^)]*-line-\d+\)"', "", svg)
    return re.sub(r'(?<==")(\d+\.\d)\d+(?=")', r"\1", svg)


def _typed(entry: str) -> Text:
    """An entry behind its prompt, coloured as the prompt does."""
    text = Text(entry)
    for kind, start, end in highlight_tokens(entry):
        if kind in COLORS:
            text.stylize(COLORS[kind], start, end)
    lines = text.split("\n")
    return Text("\n").join(Text.assemble(("  ... " if i else "tcli> ", "bold cyan"), line) for i, line in enumerate(lines))


def main() -> None:
    os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color", "CLICOLOR_FORCE": "1"}
    os.environ.pop("NO_COLOR", None)
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SESSIONS:
        path = FOLDER / f"{name}.svg"
        path.write_text(picture(name))
        print(f"wrote {path.relative_to(FOLDER.parents[1])}, {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
