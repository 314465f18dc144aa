"""CPython's own tree of a text, in a form that can be compared with ours."""

from __future__ import annotations

import ast
import warnings

from tcli.lang.parser import parse
from tcli.source import Source

FOREIGN = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)


def cpython(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def foreign(tree):
    """Whether a tree holds Python that is not part of the language."""
    return any(isinstance(node, FOREIGN) or getattr(node, "is_async", 0) for node in ast.walk(tree))


def dump(tree):
    """The tree as text. CPython 3.11 misplaces what is inside f-strings: no positions there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for inner in ast.walk(node):
                if inner is not node and hasattr(inner, "lineno"):
                    inner.lineno = inner.col_offset = inner.end_lineno = inner.end_col_offset = 0
    return ast.dump(tree, include_attributes=True)


def check_equal(text):
    expected, ours = dump(cpython(text)), dump(parse(Source(text)))
    if expected != ours:
        place = next(i for i, pair in enumerate(zip(expected + " ", ours + " ")) if pair[0] != pair[1])
        window = slice(max(place - 120, 0), place + 80)
        raise AssertionError(f"{text[:200]!r}\nCPython: {expected[window]}\n   ours: {ours[window]}")
