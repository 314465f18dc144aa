"""Which values a program shows, and what else the runtime is told about them."""

import pytest

from .program import run


@pytest.mark.parametrize("text, shown", [
    ("1", [1]), ("1;", []), ("1; 2", [1, 2]), ("1; 2;", [1]), ("1; x = 2", [1]), ("x = 1; x;", []),
    ("1\n2;\n3", [1, 3]), ("if 1:\n    2", []), ("for i in [1]: i", []), ("def f():\n    1\nf()", [None]),
    ("'doc'\n1", [1]), ("'alone'", ["alone"]), ("1\n'not a docstring'", [1, "not a docstring"]),
    ("(1)", [1]), ("1, 2", [(1, 2)]), ("pass; 1", [1]), ("lambda: 1;", []), ("x = 3", []), ("1 # c;", [1]),
    ("1 ; # c", []), ("...", [...]), ("None", [None]),
])
def test_top_level_values_are_shown(text, shown):
    assert run(text).shown == shown


class Model:
    def __init__(self):
        self.weight = [0]

    @property
    def inner(self):
        return self.__dict__.setdefault("_inner", Model())

    def train(self):
        return self

    def value(self, n):
        return n

    set_value = value


def zero_(x):
    return x


def owner_is_value(text, **names):
    result = run(text, model=Model(), zero_=zero_, **names)
    (value,), (owners,) = result.shown, result.owners
    return any(owner is value or owner is ... for owner in owners)


@pytest.mark.parametrize("text", ["model.train()", "model.inner.train()", "(model.inner).train()",
                                  "model.train().train()", "zero_(model.weight)", "zero_(model)",
                                  "model.weight |> zero_", "model.set_value(3)", "[1].copy().extend([2]) or zero_(model)"])
def test_the_receiver_of_a_call_is_told(text):
    assert owner_is_value(text) is ("or" not in text)


@pytest.mark.parametrize("text", ["model.value(3)", "len(model.weight)", "model.weight", "max(model.weight)"])
def test_other_values_are_not_receivers(text):
    assert not owner_is_value(text)


def test_the_receiver_is_evaluated_once():
    made = []

    def make():
        made.append(1)
        return Model()

    run("make().train()", make=make)
    assert made == [1]


def test_a_kept_receiver_is_let_go():
    names = run("model.inner.train()\nx = 1", model=Model()).names
    assert names["__receiver__"] is None


def test_no_echo_on_request():
    from tcli.lang.compile import compile_program
    from tcli.source import Source

    exec(compile_program(Source("1; x = 2"), echo=False), {})
