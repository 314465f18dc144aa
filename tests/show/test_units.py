"""Numbers for people."""

import doctest

import pytest

from tcli.show import suggest, units
from tcli.show.units import duration, figure, size, spark


@pytest.mark.parametrize("module", [units, suggest])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(("value", "text"), [
    (1.0, "1.00"), (0.109, "0.109"), (12.345, "12.3"), (123.4, "123"), (27918.0, "2.79e+04"), (0.0, "0"),
    (1e-9, "1.00e-09"), (-3.5, "-3.50"), (float("nan"), "nan"), (float("inf"), "inf"), (7, "7"), (True, "True"),
])
def test_a_figure_has_three_digits(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(("count", "text"), [(5, "5 B"), (1100, "1.1 KB"), (31360, "31 KB"), (3 << 30, "3.0 GB")])
def test_a_size_has_a_unit(count, text):
    assert size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(31e-6, "31 us"), (2e-3, "2.0 ms"), (1.5, "1.50 s"), (200, "200 s")])
def test_a_duration_has_a_unit(seconds, text):
    assert duration(seconds) == text


def test_a_sparkline_shows_every_count_above_zero():
    assert spark([0, 1, 1000]) == " ▁█"
    assert spark([]) == spark([0, 0]) == ""


@pytest.mark.parametrize(("typed", "meant"), [
    ("sofmax", "softmax"), ("mena", "mean"), ("Zeros", "zeros"), ("rnadn", "randn"), ("xyzzy", None), ("s", None),
])
def test_did_you_mean_finds_near_names_alone(typed, meant):
    assert suggest.nearest(typed, ["softmax", "mean", "zeros", "randn", "sum", "std"]) == meant
