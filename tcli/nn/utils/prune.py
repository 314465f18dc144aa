"""`torch.nn.utils.prune`: parameters multiplied by masks of zeros and ones.

A pruned module keeps `weight_orig` (the parameter) and `weight_mask` (a buffer); a hook before `forward`
computes `weight` from them. Pruning again only takes away from what is left.
"""

from __future__ import annotations

from math import prod

from ...engine.registry import T, paths
from ...engine.tensor import Parameter
from ...errors import BadIndex, BadValue

__all__ = ["custom_from_mask", "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
           "random_structured", "random_unstructured", "remove", "L1Unstructured", "RandomUnstructured"]


class _Masked:
    """The hook that applies the mask of one parameter."""

    def __init__(self, name: str):
        self._tensor_name = name

    def __call__(self, module, inputs) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module):
        name = self._tensor_name
        return getattr(module, name + "_mask") * getattr(module, name + "_orig")


def _hook_of(module, name: str):
    return next(((key, hook) for key, hook in module._forward_pre_hooks.items()
                 if isinstance(hook, _Masked) and hook._tensor_name == name), (None, None))


def custom_from_mask(module, name: str, mask):
    """Prunes with a mask of one's own; returns the module."""
    hook = _hook_of(module, name)[1]
    if hook is None:
        original = getattr(module, name)
        module.register_parameter(name + "_orig", original)
        del module._parameters[name]
        hook = _Masked(name)
        module.register_forward_pre_hook(hook)
    else:
        mask = mask * getattr(module, name + "_mask")
    module.register_buffer(name + "_mask", mask.to(getattr(module, name + "_orig").dtype))
    setattr(module, name, hook.apply_mask(module))
    return module


def _count(amount, total: int) -> int:
    """How many of `total` an amount (a number or a fraction) stands for."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        from ...errors import ArgumentError

        raise ArgumentError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and amount > 1.0):
        raise BadValue(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
    count = amount if isinstance(amount, int) else round(amount * total)
    if count > total:
        raise BadValue(f"amount={count} should be smaller than the number of parameters to prune={total}")
    return count


def _left(module, name: str):
    """The mask so far."""
    mask = module._buffers.get(name + "_mask")
    return T.ones_like(getattr(module, name).detach()) if mask is None else mask


def _without(scores, left, amount):
    """A mask without the elements of lowest score among those that are left."""
    mask, places = left.clone().reshape(-1), left.reshape(-1).nonzero().reshape(-1)
    count = _count(amount, places.numel())
    if count:
        chosen = T.topk(scores.reshape(-1)[places], count, largest=False)[1]
        mask[places[chosen]] = 0
    return mask.reshape(left.shape)


def _scores_of(t, left, drawn: bool):
    """What decides: the magnitude, or random numbers for the elements that are left."""
    if not drawn:
        return t.abs()
    scores, kept = T.zeros_like(t), left != 0
    scores[kept] = -T.rand(int(kept.sum()), dtype=t.dtype)
    return scores


def l1_unstructured(module, name: str, amount, importance_scores=None):
    """Prunes the elements of smallest magnitude; returns the module."""
    scores = getattr(module, name).detach().abs() if importance_scores is None else importance_scores
    return custom_from_mask(module, name, _without(scores, _left(module, name), amount))


def random_unstructured(module, name: str, amount):
    """Prunes random elements; returns the module."""
    t, left = getattr(module, name).detach(), _left(module, name)
    return custom_from_mask(module, name, _without(_scores_of(t, left, True), left, amount))


def identity(module, name: str):
    """Prunes nothing, but sets the mask up; returns the module."""
    return custom_from_mask(module, name, T.ones_like(getattr(module, name).detach()))


def _structured(module, name: str, amount, dim: int, scores_of):
    t, left = getattr(module, name).detach(), _left(module, name)
    if not -t.dim() <= dim < t.dim():
        raise BadIndex(f"Invalid index {dim} for tensor of size {t.shape}")
    dim %= t.dim()
    others = [d for d in range(t.dim()) if d != dim]
    alive = (left.sum(others) != 0).nonzero().reshape(-1)
    count = _count(amount, alive.numel())
    keep = T.zeros(t.shape[dim], dtype=t.dtype)
    scores = scores_of(t.index_select(dim, alive), others)
    keep[alive[T.topk(scores, alive.numel() - count, largest=True)[1]]] = 1
    shape = [1] * t.dim()
    shape[dim] = -1
    return custom_from_mask(module, name, keep.reshape(shape).expand(t.shape).clone())


def ln_structured(module, name: str, amount, n, dim: int, importance_scores=None):
    """Prunes the channels of smallest n-norm along a dim; returns the module."""
    norm = paths["linalg.vector_norm"].function
    return _structured(module, name, amount, dim, lambda t, others: norm(t, n, others))


def random_structured(module, name: str, amount, dim: int):
    """Prunes random channels along a dim; returns the module."""
    return _structured(module, name, amount, dim, lambda t, others: T.rand(
        t.numel() // prod(t.shape[d] for d in others)))


class L1Unstructured:
    """For `global_unstructured`: the smallest magnitudes go."""


class RandomUnstructured:
    """For `global_unstructured`: random elements go."""


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs) -> None:
    """Prunes several parameters, (module, name) pairs, as if they were one."""
    pairs = list(parameters)
    tensors, masks = [getattr(m, name).detach() for m, name in pairs], [_left(m, name) for m, name in pairs]
    left = T.cat([mask.reshape(-1) for mask in masks], 0)
    scores = [_scores_of(t, mask, False) if importance_scores is None else importance_scores.get(pair, t.abs())
              for t, mask, pair in zip(tensors, masks, pairs, strict=True)]
    flat = T.cat([s.reshape(-1) for s in scores], 0)
    if getattr(pruning_method, "__name__", "") == "RandomUnstructured":
        flat = _scores_of(flat, left, True)
    mask, start = _without(flat, left, kwargs["amount"]), 0
    for (module, name), t in zip(pairs, tensors, strict=True):
        custom_from_mask(module, name, mask[start:start + t.numel()].reshape(t.shape))
        start += t.numel()


def remove(module, name: str):
    """Makes pruning permanent: the masked weight is a plain parameter again; returns the module."""
    key, hook = _hook_of(module, name)
    if hook is None:
        raise BadValue(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    weight, original = hook.apply_mask(module), getattr(module, name + "_orig")
    delattr(module, name)
    original.data = weight.detach()
    del module._parameters[name + "_orig"], module._buffers[name + "_mask"], module._forward_pre_hooks[key]
    module.register_parameter(name, original if isinstance(original, Parameter) else Parameter(original))
    return module


def is_pruned(module) -> bool:
    """Whether something in a module is pruned."""
    return any(isinstance(hook, _Masked) for m in module.modules() for hook in m._forward_pre_hooks.values())
