"""Which values a parameter may take: each constraint checks a tensor elementwise and says its name."""

from __future__ import annotations

from ..engine.registry import T

__all__ = ["boolean", "positive", "real", "simplex", "unit_interval"]


class Constraint:
    """`check(value)` gives a bool tensor; `event_dim` dims at the end belong to one event."""

    def __init__(self, text: str, test, event_dim: int = 0, is_discrete: bool = False):
        self._text, self._test, self.event_dim, self.is_discrete = text, test, event_dim, is_discrete

    def check(self, value):
        return self._test(value)

    def __repr__(self) -> str:
        return self._text


def _whole(x):
    return x % 1 == 0


real = Constraint("Real()", lambda x: x == x)
positive = Constraint("GreaterThan(lower_bound=0.0)", lambda x: x > 0)
nonnegative = Constraint("GreaterThanEq(lower_bound=0.0)", lambda x: x >= 0)
unit_interval = Constraint("Interval(lower_bound=0.0, upper_bound=1.0)", lambda x: (x >= 0) & (x <= 1))
half_open_unit = Constraint("Interval(lower_bound=0.0, upper_bound=1.0)", lambda x: (x > 0) & (x <= 1))
boolean = Constraint("Boolean()", lambda x: (x == 0) | (x == 1), is_discrete=True)
nonnegative_integer = Constraint("IntegerGreaterThan(lower_bound=0)", lambda x: _whole(x) & (x >= 0), is_discrete=True)
simplex = Constraint("Simplex()", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), 1)
real_vector = Constraint("IndependentConstraint(Real(), 1)", lambda x: (x == x).all(-1), 1)
one_hot = Constraint("OneHot()", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), 1, True)
positive_definite = Constraint("PositiveDefinite()", lambda x: T.linalg_cholesky_ex_ok(x), 2)
lower_cholesky = Constraint("LowerCholesky()", lambda x: ((x.tril() == x).reshape(*x.shape[:-2], -1).all(-1)
                                                           & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1)), 2)


def integer_interval(low, high) -> Constraint:
    return Constraint(f"IntegerInterval(lower_bound={low}, upper_bound={high})",
                      lambda x: _whole(x) & (x >= low) & (x <= high), is_discrete=True)


def interval(low, high) -> Constraint:
    return Constraint(f"Interval(lower_bound={low}, upper_bound={high})", lambda x: (x >= low) & (x <= high))
