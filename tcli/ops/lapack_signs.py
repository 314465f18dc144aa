"""Singular and eigenvectors with the signs that PyTorch's LAPACK gives them.

Every vector here may be negated and be as right as before, but a program that prints one wants PyTorch's.
Three things in LAPACK settle the signs, and PyTorch's build (MKL) differs from OpenBLAS in each:
which way a matrix is made bidiagonal (its limits are 1.5 rows per column and 20 columns per row, where
the reference has 11/6), and the sign that a plane rotation gives its result: `dlartg` of LAPACK up to 3.9
makes it positive unless |f| > |g| and f < 0; from 3.10 on it takes the sign of f (Anderson 2017).
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import LinAlgError
from . import lapack_native
from .matrices import lapack

_SMALL = 25  # up to this size the eigenvectors of a tridiagonal matrix come from QR sweeps, beyond from division


# ---------------------------------------------------------------- singular values

def svd(a, full_matrices: bool):
    """(U, S, Vh, info) of one matrix."""
    m, n = a.shape
    if a.dtype.kind == "f" and m > 0 and n > 0:
        if int(1.5 * n) <= m < int(11 * n / 6):
            return _tall_svd(a, full_matrices)
        if int(11 * m / 6) <= n < 20 * m:
            return lapack_native.wide_svd(a, full_matrices)
    return lapack("gesdd", a.dtype)(a, full_matrices=full_matrices)


def _tall_svd(a, full_matrices: bool):
    """QR first, then the singular values of the square R."""
    q, r = np.linalg.qr(a, "complete" if full_matrices else "reduced")
    n = a.shape[1]
    u, s, vh, info = lapack("gesdd", a.dtype)(r[:n])
    q[:, :n] = q[:, :n] @ u
    return q, s, vh, info


# ---------------------------------------------------------------- symmetric matrices

def eigh(a, upper: bool):
    """(eigenvalues, eigenvectors) of one symmetric or Hermitian matrix; nan where there are none."""
    driver = lapack("heevd" if a.dtype.kind == "c" else "syevd", a.dtype)
    if not np.isfinite(a).all():
        return np.full(a.shape[0], np.nan, a.real.dtype), np.full(a.shape, np.nan, a.dtype)
    values, vectors, info = driver(a, lower=not upper)
    if info:
        raise LinAlgError("linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or "
                          f"has too many repeated eigenvalues (error code: {info}).")
    signs = _eigh_signs(a, upper, vectors)
    return values, vectors if signs is None else vectors * signs


def _eigh_signs(a, upper: bool, vectors):
    """1 or -1 for each eigenvector that LAPACK found: what makes it PyTorch's.

    The reduction to tridiagonal form leaves the first (for an upper triangle the last) coordinate alone,
    so the rotations need to be followed on that one row only.
    """
    n = a.shape[-1]
    if not 2 < n <= _SMALL:
        return None
    diagonal, beside = _tridiagonal(a, upper)
    row = [0.0] * n
    at = n - 1 if upper else 0
    row[at] = 1.0
    found = _Sweeps(diagonal, beside, row, np.finfo(a.dtype)).run()
    return None if found is None else np.where(np.sign(found) * np.sign(vectors[at].real) < 0, -1, 1).astype(a.real.dtype)


def _tridiagonal(a, upper: bool):
    if a.dtype.kind == "c":
        return lapack_native.hermitian_tridiagonal(a, upper)
    _, diagonal, beside, _, _ = lapack("sytrd", a.dtype)(a, lower=not upper)
    return diagonal.tolist(), beside.tolist()


def _rotation(f: float, g: float) -> tuple[float, float, float]:
    """(c, s, r) with c f + s g = r and -s f + c g = 0."""
    if g == 0.0:
        return 1.0, 0.0, f
    if f == 0.0:
        return 0.0, 1.0, g
    r = math.hypot(f, g)
    if abs(f) > abs(g) and f < 0:
        r = -r
    return f / r, g / r, r


def _pair(a: float, b: float, c: float) -> tuple[float, float, float, float]:
    """The eigenvalues of [[a, b], [b, c]], larger magnitude first, and the first one's vector."""
    total, gap, twice = a + c, a - c, b + b
    large, small = (a, c) if abs(a) > abs(c) else (c, a)
    root = math.hypot(gap, twice)
    if total:
        first = 0.5 * (total + math.copysign(root, total))
        second = (large / first) * small - (b / first) * b
    else:
        first, second = 0.5 * root, -0.5 * root
    turn = gap + math.copysign(root, gap if gap else 1.0)
    if abs(turn) > abs(twice):
        t = -twice / turn
        s = 1.0 / math.sqrt(1.0 + t * t)
        c = t * s
    elif twice == 0.0:
        c, s = 1.0, 0.0
    else:
        t = -turn / twice
        c = 1.0 / math.sqrt(1.0 + t * t)
        s = t * c
    if (total >= 0) == (gap >= 0):
        c, s = -s, c
    return first, second, c, s


class _Sweeps:
    """Implicit QL and QR sweeps over a tridiagonal matrix (LAPACK's `steqr`), on one row of its eigenvectors."""

    def __init__(self, diagonal: list, beside: list, row: list, precision: np.finfo):
        self.d, self.e, self.row = diagonal, beside, row
        self._epsilon, self._tiny = float(precision.eps) / 2, float(precision.tiny)
        self.left = 30 * len(diagonal)

    def run(self):
        """The row, ordered by rising eigenvalue; None where the sweeps do not settle."""
        start, n = 0, len(self.d)
        while start < n:
            end = self._block(start)
            if end > start:
                if not (self._sweep_down(end, start) if abs(self.d[end]) < abs(self.d[start])
                        else self._sweep_up(start, end)):
                    return None
            start = end + 1
        return np.array(self.row)[np.argsort(self.d, kind="stable")]

    def _block(self, start: int) -> int:
        """The last row of the block that begins at `start`: what lies beside it is negligible."""
        d, e = self.d, self.e
        for m in range(start, len(d) - 1):
            if abs(e[m]) <= math.sqrt(abs(d[m])) * math.sqrt(abs(d[m + 1])) * self._epsilon:
                e[m] = 0.0
                return m
        return len(d) - 1

    def _negligible(self, i: int) -> bool:
        e = self.e[i]
        return e * e <= (self._epsilon**2 * abs(self.d[i])) * abs(self.d[i + 1]) + self._tiny

    def _turn(self, j: int, c: float, s: float) -> None:
        row = self.row
        row[j], row[j + 1] = s * row[j + 1] + c * row[j], c * row[j + 1] - s * row[j]

    def _shift(self, p: float, neighbour: float, beside: float, far: float) -> float:
        g = (neighbour - p) / (2.0 * beside)
        return far - p + beside / (g + math.copysign(math.hypot(g, 1.0), g))

    def _solve_pair(self, i: int) -> None:
        self.d[i], self.d[i + 1], c, s = _pair(self.d[i], self.e[i], self.d[i + 1])
        self._turn(i, c, s)
        self.e[i] = 0.0

    def _sweep_up(self, low: int, end: int) -> bool:
        """QL: eigenvalues come off at the low end."""
        e = self.e
        while low <= end:
            m = next((i for i in range(low, end) if self._negligible(i)), end)
            if m < end:
                e[m] = 0.0
            if m - low <= 1:
                if m > low:
                    self._solve_pair(low)
                low = m + 1
                continue
            self.left -= 1
            if self.left < 0:
                return False
            self._chase_up(low, m)
        return True

    def _chase_up(self, low: int, m: int) -> None:
        d, e = self.d, self.e
        g = self._shift(d[low], d[low + 1], e[low], d[m])
        c, s, p = 1.0, 1.0, 0.0
        for i in range(m - 1, low - 1, -1):
            f, b = s * e[i], c * e[i]
            c, s, r = _rotation(g, f)
            if i != m - 1:
                e[i + 1] = r
            g = d[i + 1] - p
            r = (d[i] - g) * s + 2.0 * c * b
            p = s * r
            d[i + 1] = g + p
            g = c * r - b
            self._turn(i, c, -s)
        d[low] -= p
        e[low] = g

    def _sweep_down(self, high: int, end: int) -> bool:
        """QR: eigenvalues come off at the high end."""
        e = self.e
        while high >= end:
            m = next((i for i in range(high, end, -1) if self._negligible(i - 1)), end)
            if m > end:
                e[m - 1] = 0.0
            if high - m <= 1:
                if high > m:
                    self._solve_pair(m)
                high = m - 1
                continue
            self.left -= 1
            if self.left < 0:
                return False
            self._chase_down(m, high)
        return True

    def _chase_down(self, m: int, high: int) -> None:
        d, e = self.d, self.e
        g = self._shift(d[high], d[high - 1], e[high - 1], d[m])
        c, s, p = 1.0, 1.0, 0.0
        for i in range(m, high):
            f, b = s * e[i], c * e[i]
            c, s, r = _rotation(g, f)
            if i != m:
                e[i - 1] = r
            g = d[i] - p
            r = (d[i + 1] - g) * s + 2.0 * c * b
            p = s * r
            d[i] = g + p
            g = c * r - b
            self._turn(i, c, s)
        d[high] -= p
        e[high - 1] = g


# ---------------------------------------------------------------- general matrices

def eig(a):
    """(values, vectors) of one matrix, both complex for a real one too."""
    if a.dtype.kind == "f" and a.shape[0] > 1:
        peak, limit = float(np.abs(a).max()), np.sqrt(np.finfo(a.dtype).tiny) / np.finfo(a.dtype).eps
        found = _real_eig(a) if limit <= peak <= 1 / limit else None
        if found is not None:
            return found
    if a.dtype.kind == "f":
        return np.linalg.eig(a)
    values, _, vectors, info = lapack("geev", a.dtype)(a, compute_vl=0)
    if info:
        raise LinAlgError("linalg.eig: The algorithm failed to converge because the input matrix is ill-conditioned or has "
                          f"too many repeated eigenvalues (error code: {info}).")
    return values, vectors


def _real_eig(a):
    """By the steps of LAPACK's `geev`; None where they do not settle."""
    d = a.dtype
    balanced, low, high, scale, _ = lapack("gebal", d)(a, scale=1, permute=1)
    hessenberg, tau, _ = lapack("gehrd", d)(balanced, low, high)
    q, _ = lapack("orghr", d)(hessenberg, tau, low, high)
    real, imaginary, vectors, info = lapack_native.schur_vectors(
        np.asfortranarray(np.triu(hessenberg, -1)), np.asfortranarray(q), low + 1, high + 1, scale)
    if info:
        return None
    values = real + 1j * imaginary
    return values, _unit_vectors(vectors, imaginary)


def _unit_vectors(vectors, imaginary):
    """Columns of norm 1, complex, each complex one turned so that its largest component is real."""
    out = vectors.astype(np.result_type(vectors.dtype, np.complex64))
    for j in np.flatnonzero(imaginary > 0):
        z = vectors[:, j] + 1j * vectors[:, j + 1]
        z = z / np.linalg.norm(z)
        k = int(np.argmax(z.real**2 + z.imag**2))
        c, s, _ = _rotation(float(z[k].real), float(z[k].imag))
        z = z * complex(c, -s)
        z[k] = z[k].real
        out[:, j], out[:, j + 1] = z, z.conj()
    plain = imaginary == 0
    out[:, plain] = vectors[:, plain] / np.linalg.norm(vectors[:, plain], axis=0)
    return out
