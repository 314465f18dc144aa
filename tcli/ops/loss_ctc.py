"""ctc_loss: the probability of a label sequence summed over all its alignments.

The labels of a sample with blanks between them are the states of a chain; `alpha[t, n, s]` is the
log-probability of all alignments of the first t + 1 frames that end in state s. All samples and states
advance together, one frame at a time. The gradient is, as in PyTorch, that of log-softmax inputs.
"""

import numpy as np

from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..errors import EngineError
from .arrays import refuse
from .loss import reduction_of


def _states(targets, lengths, blank: int):
    """(N, 2 S + 1) labels with blanks between, and where a step may skip a blank."""
    n, longest = targets.shape
    xp = module_of(targets)
    states = xp.full((n, 2 * longest + 1), blank, np.int64)
    states[:, 1::2] = targets
    skip = xp.zeros(states.shape, bool)
    skip[:, 3::2] = targets[:, 1:] != targets[:, :-1]
    return states, skip


def _shifted(xp, a, by: int):
    """The states moved by `by` places, minus infinity coming in."""
    out = xp.full_like(a, -np.inf)
    n = a.shape[1]
    if abs(by) < n:
        out[:, max(by, 0):n + min(by, 0)] = a[:, max(-by, 0):n - max(by, 0)]
    return out


def _emissions(xp, log_probs, states):
    return xp.take_along_axis(log_probs, xp.broadcast_to(states, (log_probs.shape[0], *states.shape)), 2)


def _alphas(xp, emit, skip, frames, lengths):
    alpha = xp.full_like(emit, -np.inf)
    if not len(emit):
        return alpha
    alpha[0, :, 0] = emit[0, :, 0]
    if emit.shape[2] > 1:
        alpha[0, :, 1] = xp.where(lengths > 0, emit[0, :, 1], -np.inf)
    for t in range(1, len(emit)):
        a = xp.logaddexp(alpha[t - 1], _shifted(xp, alpha[t - 1], 1))
        a = xp.logaddexp(a, xp.where(skip, _shifted(xp, alpha[t - 1], 2), -np.inf))
        alpha[t] = xp.where((t < frames)[:, None], a + emit[t], alpha[t - 1])
    return alpha


def _betas(xp, emit, skip, frames, lengths):
    beta = xp.full_like(emit, -np.inf)
    n, width = emit.shape[1:]
    ends = xp.arange(width) == 2 * lengths[:, None]
    ends |= (xp.arange(width) == 2 * lengths[:, None] - 1) & (lengths > 0)[:, None]
    later = xp.full((n, width), -np.inf, emit.dtype)
    may_skip = xp.zeros_like(skip)
    may_skip[:, :-2] = skip[:, 2:]
    for t in range(len(emit) - 1, -1, -1):
        b = xp.logaddexp(later, _shifted(xp, later, -1))
        b = xp.logaddexp(b, xp.where(may_skip, _shifted(xp, later, -2), -np.inf))
        b = xp.where((t == frames - 1)[:, None], xp.where(ends, 0, -np.inf), b)
        later = beta[t] = xp.where((t < frames)[:, None], b + emit[t], -np.inf)
    return beta


def _gradient(k, g, log_probs, targets, frames, lengths, blank, zero_infinity, out):
    if not state.grad:
        return k._ctc_loss_backward(g, log_probs, targets, out, frames, lengths, blank, zero_infinity)
    # Through ordinary ops, so that it can be differentiated again; exp(log_probs) is PyTorch's share for log-softmax.
    from ..engine import autograd

    (exact,) = autograd.grad([_by_frames(log_probs, targets._a, frames, lengths, blank)], [log_probs], [g],
                             create_graph=True)
    xp = module_of(log_probs._a)
    running = xp.arange(log_probs.shape[0])[:, None] < xp.asarray(frames)
    if zero_infinity:
        running = running & (out._a != 0)
    return T.where(wrap(running[:, :, None]), exact + T.exp(log_probs) * T.reshape(g, (1, -1, 1)),
                   T.zeros_like(log_probs))


def _by_frames(log_probs, targets, frames, lengths, blank: int):
    """The loss of each sample in differentiable ops, with a large number for infinity."""
    states, skip = _states(targets, lengths, blank)
    n, width = states.shape
    never = 1e30
    xp = module_of(log_probs._a)
    at = wrap(xp.broadcast_to(states, (len(log_probs), n, width)).copy())
    emit = T.gather(log_probs, 2, at)
    first = np.full((n, width), never)
    first[:, 0] = 0
    first[np.asarray(lengths) > 0, 1:2] = 0
    first = xp.asarray(first)
    may_skip = wrap(xp.where(skip, 0, never).astype(log_probs._a.dtype))
    alpha = T._basic_index(emit, (0,)) - wrap(first.astype(log_probs._a.dtype))
    for t in range(1, len(log_probs)):
        one = T.constant_pad_nd(alpha, (1, -1), -never)
        two = T.constant_pad_nd(alpha, (2, -2), -never) - may_skip
        step = T.logaddexp(T.logaddexp(alpha, one), two) + T._basic_index(emit, (t,))
        alpha = T.where(wrap(xp.asarray(t < np.asarray(frames))[:, None]), step, alpha)
    ends = np.full((n, width), never)
    for i, length in enumerate(lengths):
        ends[i, max(2 * length - 1, 0):2 * length + 1] = 0
    return -T.logsumexp(alpha - wrap(xp.asarray(ends.astype(log_probs._a.dtype))), 1)


@op("_ctc_loss", at="", outs=1, grad_name="CtcLossBackward0",
    samples=["torch.log_softmax(r(4, 2, 3), 2), torch.tensor([[1, 2], [2, 0]]), (4, 3), (2, 1), 0, False"],
    vjp={"log_probs": _gradient})
def _ctc_loss(xp, log_probs, targets: "Index", frames: "any", lengths: "any", blank: "int", zero_infinity: "bool"):
    """The negative log-likelihood of each sample: log_probs (T, N, C), targets (N, S)."""
    frames, lengths = xp.asarray(frames), xp.asarray(lengths)
    states, skip = _states(targets, lengths, blank)
    with np.errstate(invalid="ignore"):
        alpha = _alphas(xp, _emissions(xp, log_probs, states), skip, frames, lengths)
    n = xp.arange(len(lengths))
    last = alpha[frames - 1, n]
    on_label = xp.where(lengths > 0, last[n, xp.maximum(2 * lengths - 1, 0)], -np.inf)
    total = xp.logaddexp(last[n, 2 * lengths], on_label)
    # Without any frame only an empty target is possible.
    loss = -xp.where(frames == 0, xp.where(lengths == 0, 0.0, -np.inf), total).astype(log_probs.dtype)
    return xp.where(xp.isinf(loss), log_probs.dtype.type(0), loss) if zero_infinity else loss


@op("_ctc_loss_backward", at="", nograd=True, grad_name="CtcLossBackward0")
def _ctc_loss_backward(xp, g, log_probs, targets: "Index", loss, frames: "any", lengths: "any", blank: "int",
                       zero_infinity: "bool"):
    frames, lengths = xp.asarray(frames), xp.asarray(lengths)
    states, skip = _states(targets, lengths, blank)
    emit = _emissions(xp, log_probs, states)
    with np.errstate(invalid="ignore"):
        alpha, beta = _alphas(xp, emit, skip, frames, lengths), _betas(xp, emit, skip, frames, lengths)
        share = xp.exp(alpha + beta - emit + loss[:, None])
    # How much of the probability passes through each label at each frame.
    onehot = (states[:, :, None] == xp.arange(log_probs.shape[2])).astype(log_probs.dtype)
    through = xp.matmul(xp.nan_to_num(share, posinf=np.inf).swapaxes(0, 1), onehot).swapaxes(0, 1)
    d = (xp.exp(log_probs) - through) * g[:, None]
    running = (xp.arange(len(d))[:, None] < frames)[:, :, None]
    if zero_infinity:
        running = running & (loss != 0)[:, None]
    return xp.where(running, d, log_probs.dtype.type(0))


def _ints(values) -> list:
    if hasattr(values, "_a"):
        return [int(v) for v in values._a.reshape(-1)]
    return [int(v) for v in values] if isinstance(values, (tuple, list)) else [int(values)]


def _padded_targets(targets, lengths: list, n: int):
    """(N, S) targets from either form; concatenated ones are split."""
    if targets.ndim == 2:
        longest = max(lengths, default=0)
        if targets.shape[1] < longest:
            raise EngineError(f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                              f"{targets.shape[1]} for argument #2 'targets' (while checking arguments for "
                              "ctc_loss_allocate_outputs)")
        return targets[:, :longest].astype(np.int64)
    out = module_of(targets).zeros((n, max(lengths, default=0)), np.int64)
    start = 0
    for i, length in enumerate(lengths):
        out[i, :length] = targets[start:start + length]
        start += length
    return out


def _ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction: str, zero_infinity):
    batched = log_probs._a.ndim == 3
    if not batched:
        log_probs = T.unsqueeze(log_probs, 1)
    for word, given in (("input", input_lengths), ("target", target_lengths)):
        if hasattr(given, "_a") and given._a.dtype.kind not in "iu":
            raise EngineError(f"{word}_lengths must be integral")
    frames, lengths = _ints(input_lengths), _ints(target_lengths)
    refuse(log_probs._a, "biuch", "ctc_loss_cpu")
    steps, n, classes = log_probs._a.shape
    if not 0 <= blank < classes:
        raise EngineError("blank must be in label range")
    if len(frames) != n:
        raise EngineError("input_lengths must be of size batch_size")
    if len(lengths) != n:
        raise EngineError("target_lengths must be of size batch_size")
    for f in frames:
        if f > steps:
            raise EngineError(f"Expected input_lengths to have value at most {steps}, but got value {f} (while "
                              "checking arguments for ctc_loss_allocate_outputs)")
    raw = targets._a if batched or targets._a.ndim == 1 else targets._a.reshape(1, -1)
    labels = _padded_targets(raw, lengths, n)
    loss = T._ctc_loss(log_probs, wrap(labels), tuple(frames), tuple(lengths), blank, zero_infinity)
    if reduction == "mean":
        by = wrap(module_of(loss._a).asarray(np.maximum(np.asarray(lengths), 1).astype(loss._a.dtype)))
        return T.mean(loss / by)
    if reduction == "sum":
        return T.sum(loss)
    return loss if batched else T.squeeze(loss, 0)


@composite("ctc_loss", at="F", samples=["torch.log_softmax(r(5, 2, 4), 2), torch.tensor([[1, 2], [2, 2]]), (5, 4), "
                                        "(2, 2)",
                                        "torch.log_softmax(r(4, 3), 1), torch.tensor([1, 2]), (4,), (2,), "
                                        "reduction='sum'"])
def ctc_loss(log_probs, targets: "Index", input_lengths: "any", target_lengths: "any", blank: "int" = 0,
             reduction: "any" = "mean", zero_infinity: "bool" = False):
    """-log of the probability that frames log_probs (T, N, C) spell targets (N, S) with blanks and repeats removed.

    >>> F.ctc_loss(torch.log(tensor([[0.5, 0.5]])), tensor([1]), (1,), (1,))
    tensor(0.6931)
    """
    return _ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction_of(reduction), zero_infinity)


@composite("_torch_ctc_loss", at="", also=["torch.ctc_loss"])
def _torch_ctc_loss(log_probs, targets: "Index", input_lengths: "any", target_lengths: "any", blank: "int" = 0,
                    reduction: "any" = 1, zero_infinity: "bool" = False):
    """ctc_loss with torch's own order of arguments."""
    return _ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction_of(reduction), zero_infinity)
