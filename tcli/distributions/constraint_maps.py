"""`biject_to` and `transform_to`: a transform from all real numbers to what a constraint allows."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ArgumentError
from .constraints import Constraint
from .transforms import (
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SigmoidTransform,
    SoftmaxTransform,
    StackTransform,
    StickBreakingTransform,
    Transform,
    identity_transform,
)


def _above(c, _):
    return ComposeTransform([ExpTransform(), AffineTransform(c.lower_bound, 1)])


def _inside(c, _):
    if isinstance(c.lower_bound, (int, float)) and c.lower_bound == 0 and c.upper_bound == 1:
        return SigmoidTransform()
    return ComposeTransform([SigmoidTransform(), AffineTransform(c.lower_bound, c.upper_bound - c.lower_bound)])


_MAPS = {
    "Real": lambda c, find: identity_transform,
    "GreaterThan": _above, "GreaterThanEq": _above, "Interval": _inside, "HalfOpenInterval": _inside,
    "LessThan": lambda c, find: ComposeTransform([ExpTransform(), AffineTransform(c.upper_bound, -1)]),
    "IndependentConstraint": lambda c, find: IndependentTransform(find(c.base_constraint),
                                                                  c.event_dim - c.base_constraint.event_dim),
    "CorrCholesky": lambda c, find: CorrCholeskyTransform(),
    "Cat": lambda c, find: CatTransform([find(part) for part in c.parts], c.dim, c.lengths),
    "Stack": lambda c, find: StackTransform([find(part) for part in c.parts], c.dim)}


_ONTO = {"Simplex": SoftmaxTransform, "LowerCholesky": LowerCholeskyTransform,
         "PositiveDefinite": PositiveDefiniteTransform, "PositiveSemidefinite": PositiveDefiniteTransform}
_ONE_TO_ONE = {"Simplex": StickBreakingTransform}


class ConstraintRegistry:
    """A function from constraints to transforms: `transform_to(constraint)`; `register` adds a class of constraints."""

    def __init__(self, own: dict):
        self._own = own
        self._registered: dict[type, Callable] = {}

    def register(self, constraint, factory: Callable | None = None):
        """`factory(constraint)` makes the transform for constraints of that class; also a decorator."""
        if factory is None:
            return lambda given: self.register(constraint, given)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, Constraint)):
            raise ArgumentError("Expected constraint to be either a Constraint subclass or instance, "
                                f"but got {constraint}")
        self._registered[kind] = factory
        return factory

    def __call__(self, constraint) -> Transform:
        if type(constraint) in self._registered:
            return self._registered[type(constraint)](constraint)
        kind = repr(constraint).partition("(")[0]
        if kind in self._own:
            return self._own[kind]()
        if kind not in _MAPS or not isinstance(constraint, Constraint):
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return _MAPS[kind](constraint, self)


# Onto what a constraint allows: one is not always one to one, the other is.
transform_to, biject_to = ConstraintRegistry(_ONTO), ConstraintRegistry(_ONE_TO_ONE)

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]
