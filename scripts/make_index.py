#!/usr/bin/env python3
"""Writes `tcli/ops/_index.py`: which family declares which names, so that a start loads only the families that it uses.

`--check` only says whether it is up to date; a test does the same.
"""

from __future__ import annotations

import sys
from importlib import abc, machinery
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PAGE = ROOT / "tcli" / "ops" / "_index.py"
HEAD = '''"""Which family declares which names. Made by scripts/make_index.py; do not edit."""

TABLES: dict[str, dict[str, str]] = {
'''


class Watch(abc.MetaPathFinder):
    """Notes what each module of tcli.ops declares while it is loaded, without what the modules that it imports declare."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, list[str]]] = {}
        self._inner: list[set] = []

    def find_spec(self, name, path, target=None):
        spec = machinery.PathFinder.find_spec(name, path) if name.startswith("tcli.ops.") else None
        if spec is None:
            return None
        load = spec.loader.exec_module

        def watched(module):
            before = declared()
            self._inner.append(set())
            load(module)
            inner, new = self._inner.pop(), declared() - before
            if self._inner:
                self._inner[-1] |= new
            for table, word in new - inner:
                self.found.setdefault(table, {}).setdefault(name.rpartition(".")[2], []).append(word)
        spec.loader.exec_module = watched
        return spec


def declared() -> set[tuple[str, str]]:
    from tcli.engine.registry import TABLES

    return {(name, word) for name, table in TABLES.items() for word in dict.keys(table)}


def index() -> str:
    """The text of the file."""
    from tcli.engine import methods, registry  # noqa: F401  what the engine itself declares is there already

    # The package itself would read the index that is to be made.
    package = sys.modules["tcli.ops"] = type(sys)("tcli.ops")
    package.__path__ = [str(PAGE.parent)]
    watch = Watch()
    sys.meta_path.insert(0, watch)
    from tcli.ops import families

    families.load()
    lines = [HEAD]
    for table in registry.TABLES:
        lines.append(f'    "{table}": {{\n')
        for family, words in sorted(watch.found.get(table, {}).items()):
            text = " ".join(sorted(words))
            if len(f'        "{family}": "{text}",') <= 128:
                lines.append(f'        "{family}": "{text}",\n')
            else:
                lines += [f'        "{family}":\n', "\n".join(f'            "{row}"' for row in _narrow(text)) + ",\n"]
        lines.append("    },\n")
    return "".join([*lines, "}\n"])


def _narrow(text: str) -> list[str]:
    rows = wrap(text, 112, break_long_words=False, break_on_hyphens=False)
    return [row + " " for row in rows[:-1]] + rows[-1:]


def main() -> int:
    text = index()
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    if "--check" in sys.argv:
        print("tcli/ops/_index.py is out of date: run scripts/make_index.py")
        return 1
    PAGE.write_text(text)
    print("wrote tcli/ops/_index.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
