"""`torch.nn.utils.parametrizations`: orthogonal, weight_norm, spectral_norm."""

from __future__ import annotations

from ...engine.autograd import no_grad
from ...engine.registry import T, paths
from ...engine.tensor import Tensor
from ...errors import BadIndex, BadValue, Unsupported
from .._make import F
from ..module import Module
from .parametrize import register_parametrization
from .weight_norms import apply_weight_norm, as_matrix, norm_except_dim, output_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _tensor_of(module, name: str):
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise BadValue(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def _linalg(name: str):
    return paths["linalg." + name].function


# ---------------------------------------------------------------- weight norm

class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return apply_weight_norm(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name: str = "weight", dim: int | None = 0):
    """Makes a weight its length times its direction (Salimans and Kingma, 2016); returns the module."""
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict, prefix, *_rest) -> None:
        g, v = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if g in state_dict and v in state_dict:
            for i, key in enumerate((g, v)):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


# ---------------------------------------------------------------- spectral norm

class _SpectralNorm(Module):
    def __init__(self, weight, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        n = weight.dim()
        if not -n <= dim < n:
            raise BadIndex(f"Dimension out of range (expected to be in range of [-{n}, {n - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise BadValue("Expected n_power_iterations to be positive, but got n_power_iterations="
                           f"{n_power_iterations}")
        self.dim, self.eps = dim % n, eps
        if n > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                self.register_buffer(name, matrix.new_empty(size).normal_(0, 1))
            for name in ("_u", "_v"):
                self._buffers[name] = F.normalize(self._buffers[name], dim=0, eps=eps)
            self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix, count: int) -> None:
        for _ in range(count):
            self._u.copy_(F.normalize(T.mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(T.mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        return weight / T.dot(self._u.clone(), T.mv(matrix, self._v.clone()))

    def right_inverse(self, value):
        return value


def spectral_norm(module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None):
    """Divides a weight by its largest singular value (Miyato et al., 2018); returns the module."""
    weight = _tensor_of(module, name)
    norm = _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    return register_parametrization(module, name, norm)


# ---------------------------------------------------------------- orthogonal

class _Orthogonal(Module):
    def __init__(self, weight, orthogonal_map: str, *, use_trivialization: bool = True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise BadValue("The householder parametrization does not support complex tensors.")
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        transposed = X.shape[-2] < X.shape[-1]
        X = X.mT if transposed else X
        Q = self._householder(X) if self.orthogonal_map == "householder" else self._skew(X)
        if "base" in self._buffers:
            Q = self.base @ Q
        return Q.mT if transposed else Q

    def _skew(self, X):
        """The map from a skew-symmetric matrix: its exponential, or Cayley's."""
        n, k = X.shape[-2:]
        X = X.tril()
        if n != k:
            X = T.cat([X, X.new_zeros((*X.shape[:-1], n - k))], -1)
        A = X - X.mH
        if self.orthogonal_map == "matrix_exp":
            Q = T.matrix_exp(A)
        else:
            identity = T.eye(n, dtype=A.dtype, device=A.device)
            Q = _linalg("solve")(identity - 0.5 * A, identity + 0.5 * A)
        return Q[..., :k]

    def _householder(self, X):
        A = X.tril(-1)
        tau = 2.0 / (1.0 + (A * A).sum(-2))
        Q = _linalg("householder_product")(A, tau)
        return Q * T.diagonal(X, 0, -2, -1).int().unsqueeze(-2)

    @no_grad()
    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise BadValue(f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape "
                           f"{Q.shape}.")
        start, transposed = Q, Q.shape[-2] < Q.shape[-1]
        Q = Q.mT if transposed else Q
        if "base" not in self._buffers:
            return self._reflectors(Q, transposed)
        n, k = Q.shape[-2:]
        if n != k:
            Q = T.cat([Q, T.randn((*Q.shape[:-1], n - k), dtype=Q.dtype, device=Q.device)], -1)
        self.base = Q.clone() if n == k and _is_orthogonal(Q) else _make_orthogonal(Q)
        result = T.zeros_like(start)
        T.diagonal(result, 0, -2, -1).fill_(-1.0)
        return result

    def _reflectors(self, Q, transposed: bool):
        if self.orthogonal_map != "householder":
            raise Unsupported("It is not possible to assign to the matrix exponential or the Cayley "
                              "parametrizations when use_trivialization=False.")
        A, tau = T.geqrf(Q)
        signs = T.diagonal(A, 0, -2, -1).sign()
        T.diagonal(A, 0, -2, -1).copy_(T.where(tau == 0.0, -signs, signs))
        return A.mT if transposed else A


def _is_orthogonal(Q, eps: float | None = None) -> bool:
    n, k = Q.shape[-2:]
    eps = 10 * n * {"float64": 2.0 ** -52}.get(Q.dtype.name, 2.0 ** -23)
    identity = T.eye(k, dtype=Q.dtype, device=Q.device)
    return bool(((Q.mH @ Q - identity).abs() <= eps).all())


def _make_orthogonal(A):
    """The Q of a QR decomposition with signs that make it unique."""
    Q, R = _linalg("qr")(A)
    return Q * T.sgn(T.diagonal(R, 0, -2, -1)).unsqueeze(-2)


def orthogonal(module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True):
    """Keeps a weight orthogonal (or semi-orthogonal); returns the module."""
    weight = _tensor_of(module, name)
    if weight.dim() < 2:
        raise BadValue(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1] or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise BadValue(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
                       f"Got: {orthogonal_map}")
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
