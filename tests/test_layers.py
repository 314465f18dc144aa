"""Imports run one way: each package may import only the packages below it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "tcli"
BELOW = {
    "native": {"native"},
    "lang": {"lang", "errors", "source"},
    "engine": {"engine", "native", "errors", "source"},
    "ops": {"ops", "engine", "native", "errors"},
    "nn": {"nn", "ops", "engine", "native", "errors"},
    "optim": {"optim", "nn", "ops", "engine", "native", "errors"},
    "func": {"func", "nn", "ops", "engine", "errors"},
    "data": {"data", "ops", "engine", "errors"},
    "distributions": {"distributions", "ops", "engine", "errors"},
    "io": {"io", "engine", "errors"},
    "show": {"show", "engine", "errors", "source"},
    "runtime": {"runtime", "lang", "engine", "ops", "nn", "optim", "func", "data", "distributions", "io", "show", "errors",
                "source"},
}
FILES = [f for f in sorted(ROOT.rglob("*.py")) if f.relative_to(ROOT).parts[0] in BELOW]


def _imported(file: Path) -> set:
    """The top-level packages of tcli that a file imports."""
    package = ["tcli", *file.relative_to(ROOT).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")] if node.module else base
            if module[:1] == ["tcli"]:
                found.update([module[1]] if len(module) > 1 else [a.name for a in node.names])
        elif isinstance(node, ast.Import):
            found.update(a.name.split(".")[1] for a in node.names if a.name.startswith("tcli."))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_imports_only_what_lies_below_it(file):
    layer = file.relative_to(ROOT).parts[0]
    assert _imported(file) <= BELOW[layer], sorted(_imported(file) - BELOW[layer])


SOURCES = sorted(f for f in ROOT.rglob("*.*") if f.suffix in (".py", ".c", ".h"))


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_file_is_over_800_lines(file):
    assert len(file.read_text().splitlines()) <= 800
