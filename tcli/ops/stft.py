"""Short-time Fourier transforms: frames of a signal, windowed and transformed, and the way back."""

import numpy as np

from ..engine import dtypes
from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.placement import holds
from ..engine.registry import T, composite
from ..engine.warn import warn_once
from ..errors import BadIndex, EngineError


def _fail(call: str, text: str):
    raise EngineError(f"{call} : {text}")


def _word(value) -> str:
    return "None" if value is None else str(int(value))


def _window_text(window) -> str:
    return "None" if window is None else f"{_kind(window)}{{{list(window.shape)}}}"


def _kind(t) -> str:
    return f"torch.{dtypes.scalar_name(t.dtype)}Tensor"


_SUPPRESS = "To suppress this warning and use a rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`."


def _padded(window, win_length: int, n_fft: int):
    """The window in the middle of n_fft places."""
    if window is None or win_length == n_fft:
        return window
    return T._range_into(window, 0, (n_fft - win_length) // 2, n_fft)


def _ones(win_length: int, like):
    return wrap(module_of(like._a).ones(win_length, like._a.real.dtype))


def _complex_window(x, window) -> bool:
    return x.is_complex() or window is not None and window.is_complex()


# ---------------------------------------------------------------- forward

def _check_stft(call: str, x, n_fft, hop, win_length, window) -> None:
    if x.dtype.category < dtypes.FLOAT:
        _fail(call, "expected a tensor of floating point or complex values")
    if x.ndim not in (1, 2):
        _fail(call, "expected a 1D or 2D tensor")
    if not 0 < n_fft <= x.shape[-1]:
        _fail(call, f"expected 0 < n_fft < {x.shape[-1]}, but got n_fft={n_fft}")
    if hop <= 0:
        _fail(call, f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win_length <= n_fft:
        _fail(call, f"expected 0 < win_length <= n_fft, but got win_length={win_length}")
    if window is not None and (window.ndim != 1 or window.shape[0] != win_length):
        _fail(call, f"expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
                    f"{list(window.shape)}")


def _centred(x, n_fft: int, mode: str):
    shape = (1,) * (3 - x.ndim) + tuple(x.shape)
    padded = T.pad(T.reshape(x, shape), (n_fft // 2, n_fft // 2), mode)
    return T.reshape(padded, (*x.shape[:-1], padded.shape[-1]))


def _need_answer(return_complex, complex_input: bool) -> bool:
    if return_complex is None:
        if not complex_input:
            raise EngineError("stft requires the return_complex parameter be given for real inputs, and will further "
                              "require that return_complex=True in a future PyTorch release.")
        return True
    return return_complex


@composite("stft", at="torch tensor", out=False,
           samples=["r(20), 8, return_complex=True", "r(2, 20), 8, 3, 6, pos(6), return_complex=False",
                    "r(20), 7, center=False, normalized=True, return_complex=True", "c(12), 4",
                    "r(20), 8, pad_mode='constant', onesided=False, return_complex=True"])
def stft(x, n_fft: "int", hop_length: "int?" = None, win_length: "int?" = None, window: "Tensor?" = None,
         center: "bool" = True, pad_mode: "str" = "reflect", normalized: "bool" = False, onesided: "bool?" = None,
         return_complex: "bool?" = None, align_to_window: "bool?" = None):
    """The Fourier transforms of overlapping frames of a signal: (frequencies, frames), or a batch of them.

    >>> stft(ones(6), 4, window=ones(4), center=False, return_complex=True).abs()
    tensor([[4., 4., 4.],
            [0., 0., 0.],
            [0., 0., 0.]])
    """
    if center and align_to_window is not None:
        raise EngineError("stft align_to_window should only be set when center = false")
    signal = _centred(x, n_fft, pad_mode) if center else x
    if window is None:
        warn_once("A window was not provided. A rectangular window will be applied,which is known to cause spectral leakage. "
                  "Other windows such as torch.hann_window or torch.hamming_window are recommended to reduce spectral leakage."
                  f"{_SUPPRESS}")
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    whole = _complex_window(x, window)
    answer = _need_answer(return_complex, whole)
    _check_stft(f"stft({_kind(x)}{list(signal.shape)}, n_fft={n_fft}, hop_length={hop}, win_length={win}, window="
                f"{_window_text(window)}, normalized={int(normalized)}, onesided={_word(onesided)}, return_complex="
                f"{_word(return_complex)}, align_to_window={_word(align_to_window)})", signal, n_fft, hop, win,
                window)
    if whole and onesided:
        raise EngineError("Cannot have onesided output if window or input is complex")
    if x._a.dtype.itemsize == 2 and not whole:
        raise EngineError(f"MKL FFT doesn't support tensors of type: {dtypes.scalar_name(x.dtype)}")
    if align_to_window and win < n_fft:
        signal = T.pad(signal, ((n_fft - win) // 2,) * 2)
    frames = T.unfold(signal, -1, n_fft, hop)
    weights = _padded(window if window is not None or win == n_fft else _ones(win, x), win, n_fft)
    frames = frames if weights is None else frames * weights
    scale, dim = "root" if normalized else "none", (frames.ndim - 1,)
    half = not whole if onesided is None else onesided
    y = T._fft_r2c(frames, dim, scale) if half else T._fft_c2c(frames, dim, scale, True)
    y = T.transpose(y, -2, -1)
    return y if answer else T.view_as_real(y)


# ---------------------------------------------------------------- back

def _check_istft(call: str, x, n_fft: int, hop: int, win: int, window, half: bool) -> None:
    size = x.shape[-2]
    if not x._a.size:
        _fail(call, "input tensor cannot be empty.")
    if x.ndim not in (2, 3):
        _fail(call, f"expected a tensor with 3 or 4 dimensions, but got {x.ndim + 1}")
    if half and size != n_fft // 2 + 1:
        _fail(call, "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 "
                    f"when onesided=True, but got {size}")
    if not half and size != n_fft:
        _fail(call, "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when "
                    f"onesided=False, but got {size}")
    if not 0 < win <= n_fft:
        _fail(call, "expected 0 < win_length <= n_fft")
    if not 0 < hop <= win:
        _fail(call, "expected 0 < hop_length <= win_length")
    if window is not None and (window.ndim != 1 or window.shape[0] != win):
        _fail(call, "Invalid window shape. window has to be 1D and length of `win_length`")


def _overlapped(frames, hop: int):
    """The sum of frames, each `hop` places after the one before."""
    count, n = frames.shape[-2:]
    shape = (*frames.shape[:-2], n + hop * (count - 1))
    return T._unfold_adjoint(frames, shape, len(shape) - 1, n, hop)


@composite("istft", at="torch tensor", out=False,
           samples=["torch.stft(r(20), 8, return_complex=True), 8",
                    "torch.stft(r(2, 20), 8, 3, 6, pos(6), return_complex=True), 8, 3, 6, pos(6) + 0.1, length=15"])
def istft(x, n_fft: "int", hop_length: "int?" = None, win_length: "int?" = None, window: "Tensor?" = None,
          center: "bool" = True, normalized: "bool" = False, onesided: "bool?" = None, length: "int?" = None,
          return_complex: "bool" = False):
    """The signal whose `stft` is given: frames transformed back, added up, and divided by the windows' squares.

    >>> istft(stft(tensor([1., 2., 3., 4.]), 4, window=ones(4), return_complex=True), 4, window=ones(4))
    tensor([1., 2., 3., 4.])
    """
    if not x.is_complex():
        raise EngineError("istft requires a complex-valued input tensor matching the output from stft with "
                          "return_complex=True.")
    if x.ndim < 2:
        raise BadIndex("Dimension out of range (expected to be in range of [-2, 1], but got -3)")
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    half = x.shape[-2] != n_fft if onesided is None else onesided
    call = (f"istft(CPU{dtypes.scalar_name(x.dtype)}Type{list(x.shape)}, n_fft={n_fft}, hop_length={hop}, "
            f"win_length={win}, window={_window_text(window)}, center={int(center)}, normalized={int(normalized)}, "
            f"onesided={_word(onesided)}, length={_word(length)}, return_complex={int(return_complex)})")
    _check_istft(call, x, n_fft, hop, win, window, half)
    if half and (return_complex or window is not None and window.is_complex()):
        raise EngineError("Cannot have onesided output if window or input is complex")
    if window is None:
        warn_once("A window was not provided. A rectangular window will be applied.Please provide the same window used by "
                  f"stft to make the inversion lossless.{_SUPPRESS}")
    weights = _padded(window if window is not None else _ones(win, x), win, n_fft)
    frames = T.transpose(x, -2, -1)
    scale, dim = "root" if normalized else "n", (frames.ndim - 1,)
    if return_complex:
        frames = T._fft_c2c(frames, dim, scale, False)
    else:  # the frequencies beyond the half are taken for its mirror image
        frames = T._fft_c2r(T.part_of(frames, -1, n_fft // 2 + 1), dim, scale, n_fft)
    return _assembled(call, frames * weights, weights, n_fft, hop, center, length)


def _assembled(call: str, frames, weights, n_fft: int, hop: int, center: bool, length):
    y = _overlapped(frames, hop)
    squares = weights * weights
    envelope = _overlapped(T.expand(squares, (frames.shape[-2], n_fft)), hop)
    total = y.shape[-1]
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else total - n_fft // 2 if center else total
    y, envelope = T._slice(y, -1, start, min(stop, total)), T._slice(envelope, -1, start, min(stop, total))
    if holds(~(np.abs(envelope._a) > 1e-11).all()):
        _fail_overlap(call)
    y = y / envelope
    if stop <= total:
        return y
    warn_once("The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
              "Please check your center and hop_length settings.")
    return T._range_into(y, -1, 0, length)


def _fail_overlap(call: str):
    raise EngineError(f"{call} window overlap add min: 1\n[ CPUBoolType{{}} ]")
