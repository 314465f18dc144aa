"""`torch.nn.utils.prune`: parameters multiplied by masks of zeros and ones.

A pruned module keeps `weight_orig` (the parameter) and `weight_mask` (a buffer); a hook before `forward`
computes `weight` from them. Pruning again only takes away from what is left: a `PruningContainer` then holds the methods.
"""

from __future__ import annotations

from numbers import Integral, Real

from ...engine.registry import T, paths
from ...engine.tensor import Parameter
from ...errors import ArgumentError, BadIndex, BadValue, Unsupported

__all__ = ["BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
           "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
           "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove"]


class BasePruningMethod:
    """A way to prune: subclass with `PRUNING_TYPE` ("unstructured", "structured" or "global") and `compute_mask`.

    >>> class EveryOther(torch.nn.utils.prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[::2] = 0
    ...         return mask
    >>> layer = nn.Linear(2, 4)
    >>> _ = EveryOther.apply(layer, "bias")
    >>> layer.bias_mask
    tensor([0., 1., 0., 1.])
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name: str

    def __call__(self, module, inputs) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t, default_mask):
        """The new mask for `t`, of which `default_mask` is left."""
        raise Unsupported(f"{type(self).__name__} defines no compute_mask(t, default_mask)")

    def apply_mask(self, module):
        """The masked parameter."""
        name = self._tensor_name
        return getattr(module, name + "_mask").to(getattr(module, name + "_orig").dtype) * getattr(module, name + "_orig")

    def prune(self, t, default_mask=None, importance_scores=None):
        """`t` times its new mask."""
        scores, mask = _scores(t, importance_scores), T.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    @classmethod
    def apply(cls, module, name: str, *args, importance_scores=None, **kwargs):
        """Prunes the parameter `name` of a module; returns the method that does it from now on."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        key, before = _hook_of(module, name)
        if before is None:
            original = getattr(module, name)
            scores = _scores(original, importance_scores)
            del module._parameters[name]
            module.register_parameter(name + "_orig", original)
            mask = T.ones_like(original.detach())
        else:
            del module._forward_pre_hooks[key]
            scores = _scores(getattr(module, name), importance_scores)
            mask = getattr(module, name + "_mask")
            method = _joined(before, method)
        module.register_buffer(name + "_mask", method.compute_mask(scores, default_mask=mask.detach().clone()).to(mask.dtype))
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def remove(self, module) -> None:
        """Makes the pruning permanent: the masked parameter is a plain one again."""
        name = self._tensor_name
        weight, original = self.apply_mask(module), getattr(module, name + "_orig")
        delattr(module, name)
        original.data = weight.detach()
        del module._parameters[name + "_orig"], module._buffers[name + "_mask"]
        module.register_parameter(name, original if isinstance(original, Parameter) else Parameter(original))


def _scores(t, importance_scores):
    if importance_scores is None:
        return t.detach()
    if importance_scores.shape != t.shape:
        raise BadValue("importance_scores should have the same shape as parameter t")
    return importance_scores


def _joined(before: BasePruningMethod, method: BasePruningMethod) -> PruningContainer:
    if isinstance(before, PruningContainer):
        container = before
    else:
        container = PruningContainer(before)
        container._tensor_name = before._tensor_name
    container.add_pruning_method(method)
    return container


class PruningContainer(BasePruningMethod):
    """The methods that a parameter was pruned with, in order."""

    def __init__(self, *methods: BasePruningMethod):
        self._pruning_methods: tuple = ()
        if len(methods) == 1:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method) -> None:
        """Appends a method for the same parameter."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise ArgumentError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise BadValue("Can only add pruning methods acting on the parameter named "
                           f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t, default_mask):
        """The mask so far without what the last method takes away of the rest."""
        method = self._pruning_methods[-1]
        if method.PRUNING_TYPE == "unstructured":
            chosen = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            others = [d for d in range(t.dim()) if d != dim]
            chosen = [slice(None)] * t.dim()
            chosen[dim] = default_mask.sum(others) != 0
            chosen = tuple(chosen)
        elif method.PRUNING_TYPE == "global":
            chosen = (slice(None),) * t.dim()
        else:
            raise BadValue(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = default_mask.clone()
        mask[chosen] = method.compute_mask(t[chosen], default_mask[chosen]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, but sets the mask up."""

    def compute_mask(self, t, default_mask):
        return default_mask


class _ByAmount(BasePruningMethod):
    """A method that takes a number or a fraction of the elements away."""

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def _count(self, total: int) -> int:
        count = self.amount if isinstance(self.amount, Integral) else round(self.amount * total)
        if count > total:
            raise BadValue(f"amount={self.amount} should be smaller than the number of parameters to prune={total}")
        return count


def _check_amount(amount) -> None:
    if not isinstance(amount, Real):
        raise ArgumentError(f"Invalid type for amount: {amount}. Must be int or float.")
    if isinstance(amount, Integral) and amount < 0 or not isinstance(amount, Integral) and not 0 <= float(amount) <= 1:
        raise BadValue(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


class RandomUnstructured(_ByAmount):
    """Random elements go."""

    def compute_mask(self, t, default_mask):
        count, mask = self._count(t.nelement()), default_mask.clone()
        if count:
            mask.view(-1)[T.topk(T.rand_like(t).view(-1), count)[1]] = 0
        return mask


class L1Unstructured(_ByAmount):
    """The elements of smallest magnitude go."""

    def compute_mask(self, t, default_mask):
        count, mask = self._count(t.nelement()), default_mask.clone()
        if count:
            mask.view(-1)[T.topk(t.abs().view(-1), count, largest=False)[1]] = 0
        return mask


class _Channels(_ByAmount):
    """A method that takes whole channels along a dim away."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def _check(self, t) -> None:
        if t.dim() <= 1:
            raise BadValue("Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                           f"{t.shape} with {t.dim()} dims")
        if self.dim >= t.dim():
            raise BadIndex(f"Invalid index {self.dim} for tensor of size {t.shape}")

    def _kept(self, t, chosen, default_mask):
        """The mask with ones at the chosen channels."""
        mask = T.zeros_like(t)
        places = [slice(None)] * t.dim()
        places[self.dim] = chosen
        mask[tuple(places)] = 1
        return default_mask * mask.to(default_mask.dtype)


class RandomStructured(_Channels):
    """Random channels along a dim go."""

    def compute_mask(self, t, default_mask):
        self._check(t)
        count = self._count(t.shape[self.dim])
        if not count:
            return default_mask
        drawn = T.rand(t.shape[self.dim])
        return self._kept(t, drawn > T.kthvalue(drawn, count)[0], default_mask)


class LnStructured(_Channels):
    """The channels of smallest n-norm along a dim go."""

    def __init__(self, amount, n, dim: int = -1):
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t, default_mask):
        self._check(t)
        channels = t.shape[self.dim]
        count = self._count(channels)
        if not count:
            return default_mask
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norms = paths["linalg.vector_norm"].function(t, self.n, others)
        return self._kept(t, T.topk(norms, channels - count, largest=True)[1], default_mask)


class CustomFromMask(BasePruningMethod):
    """Prunes with a mask of one's own."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        return default_mask * self.mask.to(dtype=default_mask.dtype)


# ---------------------------------------------------------------- as functions

def _hook_of(module, name: str):
    return next(((key, hook) for key, hook in module._forward_pre_hooks.items()
                 if isinstance(hook, BasePruningMethod) and hook._tensor_name == name), (None, None))


def custom_from_mask(module, name: str, mask):
    """Prunes with a mask of one's own; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def l1_unstructured(module, name: str, amount, importance_scores=None):
    """Prunes the elements of smallest magnitude; returns the module."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_unstructured(module, name: str, amount):
    """Prunes random elements; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def identity(module, name: str):
    """Prunes nothing, but sets the mask up; returns the module."""
    Identity.apply(module, name)
    return module


def ln_structured(module, name: str, amount, n, dim: int, importance_scores=None):
    """Prunes the channels of smallest n-norm along a dim; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def random_structured(module, name: str, amount, dim: int):
    """Prunes random channels along a dim; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs) -> None:
    """Prunes several parameters, (module, name) pairs, as if they were one."""
    if not isinstance(parameters, (list, tuple)) and not hasattr(parameters, "__iter__"):
        raise ArgumentError("global_unstructured(): parameters is not an Iterable")
    pairs, given = list(parameters), importance_scores or {}
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentError('Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
                            f"{pruning_method} of type {method.PRUNING_TYPE}")
    tensors = [getattr(module, name) for module, name in pairs]
    scores = [given.get(pair, t).detach().reshape(-1) for pair, t in zip(pairs, tensors, strict=True)]
    masks = [getattr(module, name + "_mask", T.ones_like(t.detach())).reshape(-1)
             for (module, name), t in zip(pairs, tensors, strict=True)]
    container = PruningContainer()
    container._tensor_name = method._tensor_name = "temp"
    container.add_pruning_method(method)
    mask, start = container.compute_mask(T.cat(scores, 0), T.cat(masks, 0)), 0
    for (module, name), t in zip(pairs, tensors, strict=True):
        custom_from_mask(module, name, mask[start:start + t.numel()].reshape(t.shape))
        start += t.numel()


def remove(module, name: str):
    """Makes pruning permanent: the masked weight is a plain parameter again; returns the module."""
    key, hook = _hook_of(module, name)
    if hook is None:
        raise BadValue(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    hook.remove(module)
    del module._forward_pre_hooks[key]
    return module


def is_pruned(module) -> bool:
    """Whether something in a module is pruned."""
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())
