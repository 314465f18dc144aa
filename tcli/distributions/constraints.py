"""Which values a parameter or a sample may take: a constraint checks tensors and says its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine import dtypes
from ..engine.registry import T
from ..errors import BadValue

__all__ = ["Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent",
           "dependent_property", "greater_than", "greater_than_eq",
           "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than",
           "lower_cholesky", "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot",
           "positive", "positive_definite", "positive_integer", "positive_semidefinite", "real", "real_vector",
           "simplex", "square", "stack", "symmetric", "unit_interval"]


class Constraint:
    """`check(value)` gives a bool tensor; `event_dim` dims at the end belong to one event.

    The constraints here are made with their text and their test; a program's own subclass defines `check`.
    """

    is_discrete: Any = False
    event_dim: Any = 0
    _text: str | None = None
    _test: Callable | None = None

    def __init__(self, text: str | None = None, test: Callable | None = None, event_dim: int | None = None,
                 is_discrete: bool | None = None, **bounds):
        given = {"_text": text, "_test": test, "event_dim": event_dim, "is_discrete": is_discrete}
        self.__dict__.update({name: value for name, value in given.items() if value is not None}, **bounds)

    def check(self, value):
        """Whether each event of `value` is allowed."""
        if self._test is None:
            raise NotImplementedError
        return self._test(value)

    def __repr__(self) -> str:
        # PyTorch drops the first letter of a class, which is an underscore in its own.
        return type(self).__name__[1:] + "()" if self._text is None else self._text


class _Dependent(Constraint):
    """What can only be said when the distribution is known: `dependent(event_dim=1)` says a part of it."""

    def __init__(self, *, is_discrete: bool | None = None, event_dim: int | None = None):
        super().__init__("Dependent()")
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:
        if self._is_discrete is None:
            raise NotImplementedError(".is_discrete cannot be determined statically")
        return self._is_discrete

    @property
    def event_dim(self) -> int:
        if self._event_dim is None:
            raise NotImplementedError(".event_dim cannot be determined statically")
        return self._event_dim

    def __call__(self, *, is_discrete: bool | None = None, event_dim: int | None = None) -> _Dependent:
        return _Dependent(is_discrete=self._is_discrete if is_discrete is None else is_discrete,
                          event_dim=self._event_dim if event_dim is None else event_dim)

    def check(self, value):
        raise BadValue("Cannot determine validity of dependent constraint")


class dependent_property(property, _Dependent):
    """A property that is a constraint, such as `support`; read from the class it says what is known there."""

    def __init__(self, fn: Callable | None = None, *, is_discrete: bool | None = None, event_dim: int | None = None):
        property.__init__(self, fn)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn: Callable) -> dependent_property:
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class MixtureSameFamilyConstraint(Constraint):
    """What the components of a mixture allow, each of them."""

    def __init__(self, base_constraint: Constraint):
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"base_constraint {base_constraint} is not an instance of Constraint")
        super().__init__(f"MixtureSameFamilyConstraint({base_constraint!r})", None, base_constraint.event_dim,
                         base_constraint.is_discrete, base_constraint=base_constraint)

    def check(self, value):
        beside = value.unsqueeze(-1 - self.event_dim)
        found = self.base_constraint.check(beside)
        if value.dim() < self.event_dim:
            raise BadValue(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return found.reshape((*beside.shape[:beside.dim() - self.event_dim], -1)).all(-1).all(-1)


def _whole(x):
    return x % 1 == 0


def greater_than(lower_bound) -> Constraint:
    return Constraint(f"GreaterThan(lower_bound={lower_bound})", lambda x: x > lower_bound, lower_bound=lower_bound)


def greater_than_eq(lower_bound) -> Constraint:
    return Constraint(f"GreaterThanEq(lower_bound={lower_bound})", lambda x: x >= lower_bound, lower_bound=lower_bound)


def less_than(upper_bound) -> Constraint:
    return Constraint(f"LessThan(upper_bound={upper_bound})", lambda x: x < upper_bound, upper_bound=upper_bound)


def interval(lower_bound, upper_bound) -> Constraint:
    return Constraint(f"Interval(lower_bound={lower_bound}, upper_bound={upper_bound})",
                      lambda x: (x >= lower_bound) & (x <= upper_bound), lower_bound=lower_bound, upper_bound=upper_bound)


def half_open_interval(lower_bound, upper_bound) -> Constraint:
    return Constraint(f"HalfOpenInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
                      lambda x: (x >= lower_bound) & (x < upper_bound), lower_bound=lower_bound, upper_bound=upper_bound)


def integer_interval(lower_bound, upper_bound) -> Constraint:
    return Constraint(f"IntegerInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
                      lambda x: _whole(x) & (x >= lower_bound) & (x <= upper_bound), is_discrete=True,
                      lower_bound=lower_bound, upper_bound=upper_bound)


def multinomial(upper_bound) -> Constraint:
    return Constraint("Multinomial()", lambda x: (x >= 0).all(-1) & (x.sum(-1) <= upper_bound), 1, True,
                      upper_bound=upper_bound)


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """The constraint for whole events: the last dims of the check are taken together."""
    n = reinterpreted_batch_ndims

    def check(value):
        found = base_constraint.check(value)
        if found.dim() < n:
            raise BadValue(f"Expected value.dim() >= {base_constraint.event_dim + n} but got {value.dim()}")
        return found.reshape(tuple(found.shape[:found.dim() - n]) + (-1,)).all(-1) if n else found

    return Constraint(f"IndependentConstraint({base_constraint!r}, {n})", check, base_constraint.event_dim + n,
                      base_constraint.is_discrete, base_constraint=base_constraint)


def cat(cseq, dim: int = 0, lengths=None) -> Constraint:
    """One constraint per part along a dim."""
    parts, sizes = list(cseq), [1] * len(cseq) if lengths is None else list(lengths)

    def check(value):
        found, start = [], 0
        for part, length in zip(parts, sizes, strict=True):
            found.append(part.check(value.narrow(dim, start, length)))
            start += length
        return T.cat(found, dim)

    return Constraint("Cat()", check, max(p.event_dim for p in parts), any(p.is_discrete for p in parts),
                      parts=parts, dim=dim, lengths=sizes)


def stack(cseq, dim: int = 0) -> Constraint:
    """One constraint per slice of a dim."""
    parts = list(cseq)

    def check(value):
        return T.stack([part.check(value.select(dim, i)) for i, part in enumerate(parts)], dim)

    return Constraint("Stack()", check, max(p.event_dim for p in parts), any(p.is_discrete for p in parts),
                      parts=parts, dim=dim)


def is_dependent(constraint: Constraint) -> bool:
    return isinstance(constraint, _Dependent)


def _lower_triangular(x):
    return (x.tril() == x).reshape(tuple(x.shape[:-2]) + (-1,)).all(-1)


def _symmetric(x):
    return T.isclose(x, x.mT, atol=1e-6).all(-2).all(-1)


def _square(x):
    return T.full(tuple(x.shape[:-2]), x.shape[-2] == x.shape[-1])


def _corr_cholesky(x):
    tolerance = dtypes.finfo(x.dtype).eps * x.size(-1) * 10
    return lower_cholesky.check(x) & ((T.linalg_norm(x, dim=-1) - 1).abs() < tolerance).all(-1)


dependent = _Dependent()
real = Constraint("Real()", lambda x: x == x)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
boolean = Constraint("Boolean()", lambda x: (x == 0) | (x == 1), is_discrete=True)
nonnegative_integer = Constraint("IntegerGreaterThan(lower_bound=0)", lambda x: _whole(x) & (x >= 0), is_discrete=True,
                                 lower_bound=0)
positive_integer = Constraint("IntegerGreaterThan(lower_bound=1)", lambda x: _whole(x) & (x >= 1), is_discrete=True,
                              lower_bound=1)
simplex = Constraint("Simplex()", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), 1)
real_vector = independent(real, 1)
one_hot = Constraint("OneHot()", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), 1, True)
lower_triangular = Constraint("LowerTriangular()", _lower_triangular, 2)
lower_cholesky = Constraint("LowerCholesky()",
                            lambda x: _lower_triangular(x) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1), 2)
corr_cholesky = Constraint("CorrCholesky()", _corr_cholesky, 2)
square = Constraint("Square()", _square, 2)
symmetric = Constraint("Symmetric()", _symmetric, 2)
positive_semidefinite = Constraint("PositiveSemidefinite()",
                                   lambda x: _symmetric(x) & (T.linalg_eigvalsh(x) >= 0).all(-1), 2)
positive_definite = Constraint("PositiveDefinite()",
                               lambda x: _symmetric(x) & (T.linalg_cholesky_ex(x)[1] == 0), 2)
