"""`biject_to` and `transform_to`: a transform from all real numbers to what a constraint allows."""

from __future__ import annotations

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
    if c.lower_bound == 0 and c.upper_bound == 1:
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


def _found(constraint, find, own: dict) -> Transform:
    kind = repr(constraint).partition("(")[0]
    if kind in own:
        return own[kind]()
    if kind not in _MAPS:
        raise NotImplementedError(f"Cannot transform {kind} constraints")
    return _MAPS[kind](constraint, find)


def transform_to(constraint) -> Transform:
    """A transform onto what a constraint allows, not always one to one."""
    return _found(constraint, transform_to, _ONTO)


def biject_to(constraint) -> Transform:
    """A one-to-one transform onto what a constraint allows."""
    return _found(constraint, biject_to, _ONE_TO_ONE)
