"""`torch.nn.utils.prune`: parameters multiplied by masks of zeros and ones.

A pruned module keeps `weight_orig` (the parameter) and `weight_mask` (a buffer); a hook before `forward`
computes `weight` from them. The hook is the method that made the mask: a `BasePruningMethod`, or a
`PruningContainer` of several, each of which only takes away from what the ones before it left.
"""

from __future__ import annotations

from ...engine.registry import T, paths
from ...engine.tensor import Parameter, Tensor
from ...errors import ArgumentError, BadIndex, BadValue, Unsupported

__all__ = ["BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
           "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
           "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove"]


class BasePruningMethod:
    """What makes a mask: a subclass says in `compute_mask(t, default_mask)` what stays of a tensor."""

    PRUNING_TYPE: str
    _tensor_name: str

    def __new__(cls, *_args, **_kwargs):
        if cls.compute_mask is BasePruningMethod.compute_mask:
            raise ArgumentError(f"Can't instantiate abstract class {cls.__name__} with abstract method compute_mask")
        return object.__new__(cls)

    def __call__(self, module, inputs) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t, default_mask):
        """The mask for a tensor of scores, of which `default_mask` is left."""
        raise Unsupported("compute_mask")

    def apply_mask(self, module):
        """The original parameter times its mask."""
        name = self._tensor_name
        original = getattr(module, name + "_orig")
        return getattr(module, name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(cls, module, name: str, *args, importance_scores=None, **kwargs):
        """Prunes a parameter of a module, on top of what has pruned it before; returns the method, or all of them."""
        key, method = _hook_of(module, name)
        added = cls(*args, **kwargs)
        added._tensor_name = name
        if method is None:
            method = added
        else:
            if not isinstance(method, PruningContainer):
                method = PruningContainer(method)
            method.add_pruning_method(added)
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter                 "
                                 f"{name} of {module}")
        left = T.ones_like(original.detach()) if key is None else getattr(module, name + "_mask").detach().clone()
        mask = method.compute_mask(scores.detach(), left)
        if key is None:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
        else:
            del module._forward_pre_hooks[key]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """The tensor with what this method takes away set to zero."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        left = T.ones_like(t.detach()) if default_mask is None else default_mask
        return t * self.compute_mask(scores.detach(), left)

    def remove(self, module) -> None:
        """Makes the pruning permanent: the masked value is a plain parameter again."""
        name = self._tensor_name
        value, original = self.apply_mask(module), getattr(module, name + "_orig")
        if hasattr(module, name):
            delattr(module, name)
        original.data = value.detach()
        del module._parameters[name + "_orig"], module._buffers[name + "_mask"]
        module.register_parameter(name, original if isinstance(original, Parameter) else Parameter(original))


class PruningContainer(BasePruningMethod):
    """Several methods, one after the other, on the same parameter."""

    def __init__(self, *args):
        self._pruning_methods: tuple = ()
        for method in args:
            if not self._pruning_methods and isinstance(method, BasePruningMethod):
                self._tensor_name = method._tensor_name if hasattr(method, "_tensor_name") else ""
            self.add_pruning_method(method)

    def add_pruning_method(self, method) -> None:
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise ArgumentError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != getattr(method, "_tensor_name", ""):
            raise BadValue("Can only add pruning methods acting on the parameter named "
                           f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, i):
        return self._pruning_methods[i]

    def compute_mask(self, t, default_mask):
        """The mask of the last method, which only sees what is left."""
        method, mask = self._pruning_methods[-1], default_mask.to(t.dtype).clone()
        if method.PRUNING_TYPE == "unstructured":
            where = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            alive = mask.sum([d for d in range(t.dim()) if d != dim]) != 0
            where = (slice(None),) * dim + (alive.nonzero().reshape(-1),)
        elif method.PRUNING_TYPE == "global":
            where = (slice(None),) * t.dim()
        else:
            raise BadValue(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask[where] = method.compute_mask(t[where], mask[where])
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, but sets the mask up."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask


class CustomFromMask(BasePruningMethod):
    """Prunes with a mask of one's own."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        if default_mask.shape != self.mask.shape:
            raise AssertionError("default_mask and mask must have the same shape")
        return default_mask * self.mask.to(default_mask.dtype)


class _ByAmount(BasePruningMethod):
    """Takes away a number of elements or channels, or a fraction of those that are left."""

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def _count(self, total: int) -> int:
        count = self.amount if isinstance(self.amount, int) else round(self.amount * total)
        if isinstance(self.amount, int) and count > total:
            raise BadValue(f"amount={self.amount} should be smaller than the number of parameters to prune={total}")
        return count


class _Unstructured(_ByAmount):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        count, mask = self._count(t.numel()), default_mask.clone()
        if count:
            flat = mask.reshape(-1)
            flat[self._first(t.reshape(-1), count)] = 0
            mask = flat.reshape(mask.shape)
        return mask


class L1Unstructured(_Unstructured):
    """Takes the elements of smallest magnitude away."""

    def _first(self, t, count: int):
        return T.topk(t.abs(), count, largest=False)[1]


class RandomUnstructured(_Unstructured):
    """Takes random elements away."""

    def _first(self, t, count: int):
        return T.topk(T.rand_like(t), count)[1]


class _Structured(_ByAmount):
    PRUNING_TYPE = "structured"
    dim: int

    def compute_mask(self, t, default_mask):
        if t.dim() <= 1:
            raise BadValue("Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                           f"{t.shape} with {t.dim()} dims")
        if self.dim >= t.dim():
            raise BadIndex(f"Invalid index {self.dim} for tensor of size {t.shape}")
        channels = t.shape[self.dim]
        kept = channels - self._count(channels)
        keep = T.zeros(channels, dtype=default_mask.dtype)
        keep[T.topk(self._scores(t), kept, largest=True)[1]] = 1
        shape = [1] * t.dim()
        shape[self.dim] = -1
        return keep.reshape(shape) * default_mask


class RandomStructured(_Structured):
    """Takes random channels along a dim away."""

    def __init__(self, amount, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def _scores(self, t):
        return T.rand(t.shape[self.dim])


class LnStructured(_Structured):
    """Takes the channels of smallest n-norm along a dim away."""

    def __init__(self, amount, n, dim: int = -1):
        super().__init__(amount)
        self.n, self.dim = n, dim

    def _scores(self, t):
        return paths["linalg.vector_norm"].function(t, self.n, [d for d in range(t.dim()) if d != self.dim % t.dim()])


def _check_amount(amount) -> None:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise ArgumentError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and amount > 1.0):
        raise BadValue(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _hook_of(module, name: str):
    return next(((key, hook) for key, hook in module._forward_pre_hooks.items()
                 if isinstance(hook, BasePruningMethod) and hook._tensor_name == name), (None, None))


# ---------------------------------------------------------------- in one call

def identity(module, name: str):
    """Prunes nothing, but sets the mask up; returns the module."""
    Identity.apply(module, name)
    return module


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
    if not hasattr(parameters, "__iter__") or isinstance(parameters, (Tensor, str)):
        raise ArgumentError("global_unstructured(): parameters is not an Iterable")
    pairs, wanted = list(parameters), importance_scores or {}
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise ArgumentError("global_unstructured(): parameters must be (module, name) pairs")
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentError('Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
                            f"{pruning_method} of type {method.PRUNING_TYPE}")
    tensors = [wanted.get((m, name), getattr(m, name)).detach() for m, name in pairs]
    masks = [getattr(m, name + "_mask", T.ones_like(getattr(m, name).detach())) for m, name in pairs]
    method._tensor_name = "temp"
    scores, left = (T.cat([t.reshape(-1) for t in many], 0) for many in (tensors, masks))
    mask, start = PruningContainer(method).compute_mask(scores, left), 0
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
