"""What all layers share: `F` (functions as `torch.nn.functional` has them), fresh parameters, tuples."""

from __future__ import annotations

from ..engine import registry
from ..engine.registry import T
from ..engine.tensor import Parameter


class _Functional:
    """`F.<name>`: the op at `F.`, else the one at `torch.`."""

    def __getattr__(self, name: str):
        found = registry.functions.get("F." + name)
        if found is None:
            op = registry.paths.get("F." + name) or registry.paths.get("torch." + name)
            found = getattr(T, name) if op is None else op.function
        self.__dict__[name] = found
        return found


F = _Functional()


def new_parameter(*shape: int, device=None, dtype=None) -> Parameter:
    """A parameter with memory and no values yet."""
    return Parameter(T.empty(shape, device=device, dtype=dtype))


def ntuple(value, n: int) -> tuple:
    """`value` as a tuple of n; one number stands for n of them."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return (value,) * n
    return tuple(value)


def of_args(module, *names: str) -> str:
    """`name=value` for attributes, as most layers print themselves."""
    return ", ".join(f"{name}={getattr(module, name)}" for name in names)
