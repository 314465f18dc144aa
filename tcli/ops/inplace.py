"""In-place forms that PyTorch has as functions and not as methods: `F.elu_(x)` is `F.elu(x, inplace=True)`."""

from ..engine.registry import T, function


def _in_place(name: str, *places: str) -> None:
    @function(*(f"{place}.{name}_" for place in places))
    def form(*args, **kwargs):
        return getattr(T, name)(*args, inplace=True, **kwargs)

    form.__name__ = form.__qualname__ = name + "_"
    form.__doc__ = f"""`F.{name}` written into its argument.

    >>> x = tensor([-1., 0.5])
    >>> F.{name}_(x{", 0.1, 0." if name == "threshold" else ""}) is x
    True
    """


for _name in ("elu", "hardtanh", "leaky_relu"):
    _in_place(_name, "F")
for _name in ("celu", "rrelu", "selu", "threshold"):
    _in_place(_name, "F", "torch")
