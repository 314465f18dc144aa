"""Differentiable changes of variables, with the logarithm of what they do to volumes."""

from __future__ import annotations

import math

from ..engine import dtypes
from ..engine.registry import T
from ..errors import BadValue, Unsupported
from . import constraints
from .base import sum_rightmost

__all__ = ["AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
           "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform", "LowerCholeskyTransform",
           "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
           "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform",
           "identity_transform"]


class Transform:
    """y = transform(x), with `inv`, `log_abs_det_jacobian(x, y)`, a domain and a codomain."""

    bijective = False
    domain = constraints.real
    codomain = constraints.real
    parameters: tuple | None = None  # the attributes by which two transforms of a class are the same; None: by identity

    def __init__(self, cache_size: int = 0):
        if cache_size not in (0, 1):
            raise BadValue("cache_size must be 0 or 1")
        self._cache_size, self._last, self._inverse = cache_size, (None, None), None

    @property
    def event_dim(self) -> int:
        if self.domain.event_dim == self.codomain.event_dim:
            return self.domain.event_dim
        raise BadValue("Please use either .domain.event_dim or .codomain.event_dim")

    @property
    def inv(self) -> Transform:
        if self._inverse is None:
            self._inverse = _InverseTransform(self)
        return self._inverse

    @property
    def sign(self):
        raise Unsupported(f"{type(self).__name__} has no sign: it is not monotone in one dim")

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, _cache_size=cache_size, _last=(None, None), _inverse=None)
        return new

    def __call__(self, x):
        if not self._cache_size:
            return self._call(x)
        if self._last[0] is not x:
            self._last = (x, self._call(x))
        return self._last[1]

    def _inv_call(self, y):
        if not self._cache_size:
            return self._inverse_of(y)
        if self._last[1] is not y:
            self._last = (self._inverse_of(y), y)
        return self._last[0]

    def _call(self, x):
        raise NotImplementedError

    def _inverse_of(self, y):
        raise NotImplementedError

    def log_abs_det_jacobian(self, x, y):
        """log |dy / dx|, one number per event."""
        raise Unsupported(f"{type(self).__name__} has no log_abs_det_jacobian")

    def forward_shape(self, shape) -> tuple:
        return tuple(shape)

    def inverse_shape(self, shape) -> tuple:
        return tuple(shape)

    def __eq__(self, other) -> bool:
        if self is other or self.parameters is None or type(self) is not type(other):
            return self is other
        return all(_equal(getattr(self, n), getattr(other, n)) for n in self.parameters)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _equal(a, b) -> bool:
    found = a == b
    return found if isinstance(found, bool) else bool(found.all())


class _InverseTransform(Transform):
    """A transform the other way round."""

    def __init__(self, transform: Transform):
        super().__init__(transform._cache_size)
        self._inverse = transform

    @property
    def domain(self):
        return self._inverse.codomain

    @property
    def codomain(self):
        return self._inverse.domain

    @property
    def bijective(self) -> bool:
        return self._inverse.bijective

    @property
    def sign(self):
        return self._inverse.sign

    def __call__(self, x):
        return self._inverse._inv_call(x)

    def _inv_call(self, y):
        return self._inverse(y)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._inverse.with_cache(cache_size).inv

    def log_abs_det_jacobian(self, x, y):
        return -self._inverse.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape) -> tuple:
        return self._inverse.inverse_shape(shape)

    def inverse_shape(self, shape) -> tuple:
        return self._inverse.forward_shape(shape)

    def __eq__(self, other) -> bool:
        return isinstance(other, _InverseTransform) and self._inverse == other._inverse

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"_InverseTransform({self._inverse!r})"


class ComposeTransform(Transform):
    """Several transforms, one after the other."""

    def __init__(self, parts, cache_size: int = 0):
        self.parts = [p.with_cache(cache_size) for p in parts] if cache_size else list(parts)
        super().__init__(cache_size)

    @property
    def domain(self):
        return _widened(self.parts[0].domain, self._dims()[0]) if self.parts else constraints.real

    @property
    def codomain(self):
        return _widened(self.parts[-1].codomain, self._dims()[1]) if self.parts else constraints.real

    @property
    def inv(self) -> Transform:
        if self._inverse is None:
            self._inverse = ComposeTransform([p.inv for p in reversed(self.parts)])
            self._inverse._inverse = self
        return self._inverse

    def _dims(self) -> tuple[int, int]:
        """Event dims of what goes in and of what comes out."""
        into = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            into = max(into + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
        out = self.parts[0].domain.event_dim
        for part in self.parts:
            out = max(out + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim)
        return into, out

    @property
    def bijective(self) -> bool:
        return all(p.bijective for p in self.parts)

    @property
    def sign(self):
        sign = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def _inv_call(self, y):
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x, y):
        if not self.parts:
            return T.zeros_like(x)
        event, total = self.domain.event_dim, None
        for part in self.parts:
            after = part(x)
            term = sum_rightmost(part.log_abs_det_jacobian(x, after), event - part.domain.event_dim)
            event += part.codomain.event_dim - part.domain.event_dim
            total, x = term if total is None else total + term, after
        return total

    def forward_shape(self, shape) -> tuple:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return tuple(shape)

    def inverse_shape(self, shape) -> tuple:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return tuple(shape)

    def __eq__(self, other) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        inside = ",\n    ".join(repr(p) for p in self.parts)
        return f"ComposeTransform(\n    {inside}\n)"


def _widened(constraint, event_dim: int):
    more = event_dim - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform whose last batch dims count as part of the event."""

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0):
        super().__init__(cache_size)
        self.base_transform, self.reinterpreted_batch_ndims = base_transform, reinterpreted_batch_ndims

    @property
    def domain(self):
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self):
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> bool:
        return self.base_transform.bijective

    @property
    def sign(self):
        return self.base_transform.sign

    def _call(self, x):
        return self.base_transform(x)

    def _inverse_of(self, y):
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x, y):
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """Events of one shape as events of another."""

    bijective = True

    def __init__(self, in_shape, out_shape, cache_size: int = 0):
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise BadValue("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size)

    @property
    def domain(self):
        return constraints.independent(constraints.real, len(self.in_shape))

    @property
    def codomain(self):
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x):
        return x.reshape(tuple(x.shape[:x.dim() - len(self.in_shape)]) + self.out_shape)

    def _inverse_of(self, y):
        return y.reshape(tuple(y.shape[:y.dim() - len(self.out_shape)]) + self.in_shape)

    def log_abs_det_jacobian(self, x, y):
        return T.zeros(tuple(x.shape[:x.dim() - len(self.in_shape)]), dtype=x.dtype)

    def forward_shape(self, shape) -> tuple:
        return tuple(shape)[:len(shape) - len(self.in_shape)] + self.out_shape

    def inverse_shape(self, shape) -> tuple:
        return tuple(shape)[:len(shape) - len(self.out_shape)] + self.in_shape


class ExpTransform(Transform):
    """y = exp(x)."""

    parameters = ()
    codomain, bijective, sign = constraints.positive, True, 1

    def _call(self, x):
        return x.exp()

    def _inverse_of(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        return x


class PowerTransform(Transform):
    """y = x ** exponent."""

    parameters = ("exponent",)
    domain = codomain = constraints.positive
    bijective = True

    def __init__(self, exponent, cache_size: int = 0):
        super().__init__(cache_size)
        self.exponent = exponent

    @property
    def sign(self):
        return self.exponent.sign() if hasattr(self.exponent, "sign") else math.copysign(1, self.exponent)

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverse_of(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        ratio = self.exponent * y / x
        return ratio.abs().log()


class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x))."""

    parameters = ()
    codomain, bijective, sign = constraints.unit_interval, True, 1

    def _call(self, x):
        f = dtypes.finfo(x.dtype)
        return T.clamp(T.sigmoid(x), min=f.tiny, max=1.0 - f.eps)

    def _inverse_of(self, y):
        f = dtypes.finfo(y.dtype)
        y = y.clamp(min=f.tiny, max=1.0 - f.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x, y):
        return -T.softplus(-x) - T.softplus(x)


class SoftplusTransform(Transform):
    """y = log(1 + exp(x))."""

    parameters = ()
    codomain, bijective, sign = constraints.positive, True, 1

    def _call(self, x):
        return T.softplus(x)

    def _inverse_of(self, y):
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x, y):
        return -T.softplus(-x)


class TanhTransform(Transform):
    """y = tanh(x)."""

    parameters = ()
    codomain, bijective, sign = constraints.interval(-1.0, 1.0), True, 1

    def _call(self, x):
        return x.tanh()

    def _inverse_of(self, y):
        return T.atanh(y)

    def log_abs_det_jacobian(self, x, y):
        return 2.0 * (math.log(2.0) - x - T.softplus(-2.0 * x))


class AbsTransform(Transform):
    """y = |x|."""

    parameters = ()
    codomain = constraints.positive

    def _call(self, x):
        return x.abs()

    def _inverse_of(self, y):
        return y


class AffineTransform(Transform):
    """y = loc + scale * x."""

    parameters = ("loc", "scale")
    bijective = True

    def __init__(self, loc, scale, event_dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @property
    def domain(self):
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    codomain = domain

    @property
    def sign(self):
        return self.scale.sign() if hasattr(self.scale, "sign") else (self.scale > 0) - (self.scale < 0)

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverse_of(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        scale = self.scale
        found = scale.abs().log() if hasattr(scale, "log") else T.full_like(x, math.log(abs(scale)))
        if self._event_dim:
            found = found.reshape(tuple(found.shape[:-self._event_dim]) + (-1,)).sum(-1)
        return found.expand(tuple(x.shape[:x.dim() - self._event_dim]))

    def forward_shape(self, shape) -> tuple:
        from ..engine.args import broadcast_shapes

        return broadcast_shapes(tuple(shape), *(tuple(v.shape) for v in (self.loc, self.scale) if hasattr(v, "shape")))

    inverse_shape = forward_shape


class CorrCholeskyTransform(Transform):
    """A vector of n (n - 1) / 2 numbers as the Cholesky factor of an n x n correlation matrix."""

    domain, codomain, bijective = constraints.real_vector, constraints.corr_cholesky, True

    def _call(self, x):
        x = T.tanh(x)
        eps = dtypes.finfo(x.dtype).eps
        r = vec_to_tril(x.clamp(min=-1 + eps, max=1 - eps), diag=-1)
        z1m = (1 - r * r).sqrt().cumprod(-1)
        r = r + T.eye(r.shape[-1], dtype=r.dtype)
        return r * T.pad(z1m[..., :-1], [1, 0], value=1.0)

    def _inverse_of(self, y):
        left = T.pad((1 - T.cumsum(y * y, -1))[..., :-1], [1, 0], value=1.0)
        t = tril_to_vec(y, -1) / tril_to_vec(left, -1).sqrt()
        return (t.log1p() - t.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x, y):
        left = tril_to_vec(1 - (y * y).cumsum(-1), -2)
        return 0.5 * left.log().sum(-1) - 2 * (x + T.softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape) -> tuple:
        n = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != shape[-1]:
            raise BadValue("Input is not a flattened lower-diagonal number")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape) -> tuple:
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


def vec_to_tril(vec, diag: int = 0):
    """A vector as the entries of a lower triangle, row by row."""
    count = vec.shape[-1]
    n = int((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    index = T.arange(n)
    mask = index.unsqueeze(0) < index.unsqueeze(1) + (diag + 1)
    full = T.zeros((*vec.shape[:-1], n, n), dtype=vec.dtype)
    return full.masked_scatter(mask.expand(full.shape), vec)


def tril_to_vec(mat, diag: int = 0):
    """The entries of a lower triangle, row by row."""
    n = mat.shape[-1]
    rows, columns = T.tril_indices(n, n, diag)
    return mat[..., rows, columns]


class SoftmaxTransform(Transform):
    """y = exp(x), scaled to sum 1; not one to one."""

    parameters = ()
    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x):
        probs = (x - x.max(-1, True)[0]).exp()
        return probs / probs.sum(-1, True)

    def _inverse_of(self, y):
        return y.log()


class StickBreakingTransform(Transform):
    """n - 1 numbers as a point of the simplex: each says how much of the rest of a stick is broken off."""

    parameters = ()
    domain, codomain, bijective = constraints.real_vector, constraints.simplex, True

    def _call(self, x):
        offset = x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)
        z = _clipped_sigmoid(x - offset.log())
        rest = (1 - z).cumprod(-1)
        return T.pad(z, [0, 1], value=1.0) * T.pad(rest, [1, 0], value=1.0)

    def _inverse_of(self, y):
        cropped = y[..., :-1]
        offset = y.shape[-1] - cropped.new_ones(cropped.shape[-1]).cumsum(-1)
        rest = T.clamp(1 - cropped.cumsum(-1), min=dtypes.finfo(y.dtype).tiny)
        return cropped.log() - rest.log() + offset.log()

    def log_abs_det_jacobian(self, x, y):
        offset = x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)
        x = x - offset.log()
        return (-x + T.logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape) -> tuple:
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape) -> tuple:
        return (*shape[:-1], shape[-1] - 1)


def _clipped_sigmoid(x):
    f = dtypes.finfo(x.dtype)
    return T.clamp(T.sigmoid(x), min=f.tiny, max=1.0 - f.eps)


class LowerCholeskyTransform(Transform):
    """A square matrix as a lower triangle with a positive diagonal."""

    parameters = ()
    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse_of(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """A square matrix as a positive definite one."""

    parameters = ()
    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x):
        factor = LowerCholeskyTransform()(x)
        return T.matmul(factor, factor.mT)

    def _inverse_of(self, y):
        return LowerCholeskyTransform().inv(T.linalg_cholesky(y))


class _Parts(Transform):
    """One transform per part of a tensor; subclasses say how it is taken apart and put together."""

    def __init__(self, tseq, dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.transforms, self.dim = list(tseq), dim

    @property
    def bijective(self) -> bool:
        return all(t.bijective for t in self.transforms)

    def _call(self, x):
        return self._join([t(part) for t, part in zip(self.transforms, self._split(x), strict=True)])

    def _inverse_of(self, y):
        return self._join([t.inv(part) for t, part in zip(self.transforms, self._split(y), strict=True)])

    def log_abs_det_jacobian(self, x, y):
        return self._join([t.log_abs_det_jacobian(a, b)
                           for t, a, b in zip(self.transforms, self._split(x), self._split(y), strict=True)])


class CatTransform(_Parts):
    """One transform per range of a dim, whose sizes are `lengths`."""

    def __init__(self, tseq, dim: int = 0, lengths=None, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)

    @property
    def domain(self):
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self):
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _split(self, x):
        return T.split(x, self.lengths, self.dim)

    def _join(self, parts):
        return T.cat(parts, self.dim)

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    def log_abs_det_jacobian(self, x, y):
        widest = self.event_dim
        parts = [sum_rightmost(t.log_abs_det_jacobian(a, b), widest - t.event_dim)
                 for t, a, b in zip(self.transforms, self._split(x), self._split(y), strict=True)]
        dim = (self.dim - x.dim() if self.dim >= 0 else self.dim) + widest
        return T.cat(parts, dim) if dim < 0 else sum(parts)


class StackTransform(_Parts):
    """One transform per slice of a dim."""

    @property
    def domain(self):
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self):
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _split(self, x):
        return T.unbind(x, self.dim)

    def _join(self, parts):
        return T.stack(parts, self.dim)


class CumulativeDistributionTransform(Transform):
    """y = the probability that a distribution gives to values below x."""

    codomain, bijective, sign = constraints.unit_interval, True, 1

    def __init__(self, distribution, cache_size: int = 0):
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self):
        return self.distribution.support

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse_of(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)
