"""Which values a parameter or a sample may take: a constraint checks tensors and says its name."""

from __future__ import annotations

from ..engine import dtypes
from ..engine.registry import T
from ..errors import BadValue

__all__ = ["Constraint", "boolean", "cat", "corr_cholesky", "dependent", "greater_than", "greater_than_eq",
           "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than",
           "lower_cholesky", "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot",
           "positive", "positive_definite", "positive_integer", "positive_semidefinite", "real", "real_vector",
           "simplex", "square", "stack", "symmetric", "unit_interval"]


class Constraint:
    """`check(value)` gives a bool tensor; `event_dim` dims at the end belong to one event."""

    def __init__(self, text: str, test=None, event_dim: int = 0, is_discrete: bool = False, **bounds):
        self._text, self._test, self.event_dim, self.is_discrete = text, test, event_dim, is_discrete
        self.__dict__.update(bounds)

    def check(self, value):
        if self._test is None:
            raise BadValue("Cannot determine validity of dependent constraint")
        return self._test(value)

    def __repr__(self) -> str:
        return self._text


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
    return constraint._test is None


def _lower_triangular(x):
    return (x.tril() == x).reshape(tuple(x.shape[:-2]) + (-1,)).all(-1)


def _symmetric(x):
    return T.isclose(x, x.mT, atol=1e-6).all(-2).all(-1)


def _square(x):
    return T.full(tuple(x.shape[:-2]), x.shape[-2] == x.shape[-1])


def _corr_cholesky(x):
    tolerance = dtypes.finfo(x.dtype).eps * x.size(-1) * 10
    return lower_cholesky.check(x) & ((T.linalg_norm(x, dim=-1) - 1).abs() < tolerance).all(-1)


def dependent_on(event_dim: int = 0, is_discrete: bool = False) -> Constraint:
    """What can only be said when the distribution is known."""
    return Constraint("Dependent()", None, event_dim, is_discrete)


dependent = dependent_on()
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
