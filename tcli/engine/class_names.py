"""Where PyTorch keeps a class: `print(type(layer))` says torch.nn.modules.linear.Linear there, and here too.

A class is renamed when a program first gets hold of it, by `type(x)` or by its name in a module.
"""

from __future__ import annotations

from importlib import import_module

# The files of PyTorch that are called or cut differently from ours.
_LAYERS = {name: file for file, names in {
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d",
    "instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d",
    "flatten": "Flatten Unflatten", "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "rnn": "GRUCell LSTMCell RNNCell RNNCellBase", "activation": "MultiheadAttention", "fold": "Fold Unfold",
    "pixelshuffle": "PixelShuffle PixelUnshuffle", "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    "channelshuffle": "ChannelShuffle", "linear": "LazyLinear",
    "conv": "LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d",
}.items() for name in names.split()}
_DATA = {"datasets": "dataset", "loader": "dataloader", "samplers": "sampler"}
_DISTRIBUTIONS = {file.replace("_", "").lower(): file for file in """
    bernoulli beta binomial categorical cauchy chi2 continuous_bernoulli dirichlet distribution exp_family exponential
    fishersnedecor gamma geometric gumbel half_cauchy half_normal independent inverse_gamma kumaraswamy laplace lkj_cholesky
    log_normal logistic_normal lowrank_multivariate_normal mixture_same_family multinomial multivariate_normal negative_binomial
    normal one_hot_categorical pareto poisson relaxed_bernoulli relaxed_categorical studentT transformed_distribution uniform
    von_mises weibull wishart generalized_pareto constraints transforms
    """.split()}


def home_in_torch(module: str, name: str) -> str | None:
    """The module in which PyTorch defines the class `name` of our `module`, or None if it is none of PyTorch's.

    >>> from tcli.engine.class_names import home_in_torch
    >>> home_in_torch("tcli.nn.linear", "Flatten"), home_in_torch("tcli.optim.adam", "AdamW")
    ('torch.nn.modules.flatten', 'torch.optim.adamw')
    """
    package, _, file = module.removeprefix("tcli.").partition(".")
    if package == "nn":
        if file.startswith(("utils", "init")):
            return f"torch.nn.{file}"
        return f"torch.nn.modules.{_LAYERS.get(name, file)}"
    if package == "optim":
        return f"torch.optim.{file}" if file in ("lr_scheduler", "swa_utils", "optimizer") else f"torch.optim.{name.lower()}"
    if package == "data":
        return f"torch.utils.data.{_DATA.get(file, file)}"
    if package == "distributions":
        leaf = file if file in ("constraints", "transforms") else _DISTRIBUTIONS.get(name.lower(), file)
        return f"torch.distributions.{leaf}"
    return None


def named_as_in_torch(value: object) -> object:
    """The value; a class of ours is from now on said to come from where PyTorch has it."""
    if isinstance(value, type) and value.__module__[:5] == "tcli.":
        home = home_in_torch(value.__module__, value.__name__)
        if home is not None:
            _origins[value] = value.__module__
            value.__module__ = home
    return value


_origins: dict[type, str] = {}


def reduced(target: object, protocol: int) -> tuple:
    """`__reduce_ex__` of an object whose class may be renamed: pickles find the class where it is."""
    found = object.__reduce_ex__(target, protocol)
    origin = _origins.get(type(target))
    if origin is None or not isinstance(found, tuple):
        return found  # type: ignore[return-value]
    return (_blank, (origin, type(target).__qualname__), *found[2:])


def _blank(module: str, name: str) -> object:
    kind = getattr(import_module(module), name)
    return kind.__new__(kind)
