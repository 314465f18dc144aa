"""`torch.autocast` on a CPU: which ops take half-precision operands, which float32, while it is on.

Nothing of this is looked at while it is off: `dispatch.execute` asks `dispatch.casts`, which is None then. While it is
on, the short ways in front of `execute` are closed: the set of the classes that they take is empty.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import EngineError
from . import dispatch, dtypes, ways
from .registry import T, find
from .tape import state as modes

LOWER = """
    F.linear F.conv1d F.conv2d F.conv3d F.conv_transpose1d F.conv_transpose2d F.conv_transpose3d torch.bmm torch.mm
    torch.matmul torch.baddbmm torch.addmm torch.addbmm torch.conv_tbc linalg.vecdot F.prelu F.scaled_dot_product_attention
    torch.tensordot linalg.multi_dot _pair
    """.split()
FLOAT32 = """
    F.avg_pool3d F.adaptive_avg_pool3d F.adaptive_max_pool3d F.fractional_max_pool2d F.fractional_max_pool3d
    F.max_unpool1d F.max_unpool2d F.max_unpool3d F.grid_sample torch.grid_sampler torch.grid_sampler_2d
    torch.grid_sampler_3d F.binary_cross_entropy F.binary_cross_entropy_with_logits F.mse_loss F.l1_loss F.smooth_l1_loss
    F.huber_loss F.nll_loss F.cross_entropy F.poisson_nll_loss F.cosine_embedding_loss F.hinge_embedding_loss
    F.margin_ranking_loss F.soft_margin_loss F.triplet_margin_loss F.multi_margin_loss F.multilabel_margin_loss F.ctc_loss
    F.kl_div torch.polar torch.prod torch.quantile torch.nanquantile torch.stft torch.cdist torch.trace
    torch.view_as_complex torch.cholesky torch.cholesky_inverse torch.cholesky_solve torch.inverse torch.lu_solve torch.lu
    torch.orgqr torch.ormqr torch.geqrf torch.qr torch.svd torch.triangular_solve torch.pinverse linalg.cond
    linalg.matrix_rank linalg.solve linalg.solve_ex linalg.cholesky linalg.cholesky_ex linalg.svd linalg.svdvals
    linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.inv linalg.inv_ex linalg.householder_product
    linalg.tensorinv linalg.tensorsolve linalg.qr linalg.lstsq fft.fft fft.ifft fft.fft2 fft.ifft2 fft.fftn fft.ifftn
    fft.rfft fft.irfft fft.rfft2 fft.irfft2 fft.rfftn fft.irfftn fft.hfft fft.ihfft
    """.split()
PADDING = ("reflect", "replicate")
WIDEST = ["torch.cat", "torch.stack", "torch.index_copy"]
SUPPORTED = (dtypes.bfloat16, dtypes.float16)


class _Autocast:
    """Whether it is on, to which dtype it casts, and what it keeps of casts of parameters."""

    def __init__(self) -> None:
        self.dtype = dtypes.bfloat16
        self.on = False
        self.keeps = True
        self.depth = 0
        self.kept: dict = {}
        self.policies: dict = {}  # op -> how its operands are cast

    def switch(self, on: bool) -> None:
        """Turns it on or off; the short ways of ops are open only while it is off."""
        if on and not self.policies:
            self.policies = _policies()
        self.on, dispatch.casts = on, self if on else None
        (ways.shut if on else ways.reopen)("autocast")

    def run(self, o, values: list):
        """`execute` with the operands cast as the op wants them; what the op consists of sees no autocast."""
        return self.leave(dispatch.execute, o, self.policies[o](o, values))

    def leave(self, function: Callable, *args):
        """A call that autocast leaves alone."""
        dispatch.casts = None
        try:
            return function(*args)
        finally:
            dispatch.casts = self if self.on else None


autocast = _Autocast()


class cast_as:
    """A block in which autocast is as it was at another time."""

    def __init__(self, on: bool, dtype: dtypes.dtype, keeps: bool) -> None:
        self.wanted = on, dtype, keeps

    def __enter__(self) -> None:
        self._before = autocast.on, autocast.dtype, autocast.keeps
        self._set(*self.wanted)

    def __exit__(self, *_error) -> None:
        self._set(*self._before)

    @staticmethod
    def _set(on: bool, dtype: dtypes.dtype, keeps: bool) -> None:
        autocast.dtype, autocast.keeps = dtype, keeps
        if autocast.on != on:
            autocast.switch(on)


def _policies() -> dict:
    found = {find(name): policy for names, policy in ((LOWER, to_lower), (FLOAT32, to_float32), (WIDEST, to_widest))
             for name in names}
    found[find("F.pad")] = when_padding
    found.pop(None, None)
    return found


# ---------------------------------------------------------------- policies

def to_lower(o, values: list) -> list:
    return [_each(value, lambda t: _cast(t, autocast.dtype)) for value in values]


def to_float32(o, values: list) -> list:
    return [_each(value, lambda t: _cast(t, dtypes.float32)) for value in values]


def to_widest(o, values: list) -> list:
    """Half and float32 beside each other give float32."""
    found: list = []
    for value in values:
        _each(value, lambda t: found.append(t.dtype) if eligible(t) else None)
    if any(d is not dtypes.float32 and d is not autocast.dtype for d in found):
        raise EngineError("Unexpected floating ScalarType in at::autocast::prioritize")
    widest = dtypes.float32 if dtypes.float32 in found else None
    return values if widest is None else [_each(value, lambda t: _cast(t, widest)) for value in values]


def when_padding(o, values: list) -> list:
    return to_float32(o, values) if values[o.index["mode"]] in PADDING else values


def _each(value, change: Callable):
    if isinstance(value, dispatch.Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_each(each, change) for each in value)
    return value


def eligible(t) -> bool:
    """Floating-point tensors in the CPU's memory, but for those in double precision."""
    return t.is_floating_point() and t.dtype is not dtypes.float64 and t.is_cpu


def _cast(t, d: dtypes.dtype):
    if not eligible(t) or t.dtype is d:
        return t
    if not (autocast.keeps and d is autocast.dtype and t.dtype is dtypes.float32 and t._rg and t._node is None
            and t._base is None):
        return T._cast(t, d)
    # A parameter is cast once: its gradients are then added up in half precision, as in PyTorch.
    kept = autocast.kept.get(id(t))
    if kept is None or kept[1]._rg != modes.grad:
        kept = autocast.kept[id(t)] = t, T._cast(t, d)
    return kept[1]
