"""The example in the docstring of every op, function, layer, optimiser and helper shows what tcli prints."""

import contextlib
import doctest
import io
import warnings

import pytest

import tcli
import tcli.ops
from tcli.engine.registry import functions, ops

PARSER = doctest.DocTestParser()


def _documented() -> dict:
    found = {op.name: op.doc for op in ops.values()}
    for path, fn in functions.items():
        found.setdefault(path, fn.__doc__ or "")
    return {name: doc for name, doc in found.items() if ">>>" in doc}


DOCS = _documented()


@pytest.mark.parametrize("name", DOCS)
def test_the_example_prints_what_it_says(name):
    session = tcli.Session(echo=lambda value: print(repr(value) if isinstance(value, str) else value), seed=0)
    for example in PARSER.get_examples(DOCS[name]):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            session.run(example.source)
        assert shown.getvalue().rstrip() == example.want.rstrip(), example.source
