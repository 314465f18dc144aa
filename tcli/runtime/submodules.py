"""PyTorch's packages by the names of their files: `torch.nn.modules.batchnorm`, `torch.utils.data.dataset`.

Model files import from there. Such a module shows all that its package has, and the private names that
people import from these files.
"""

from __future__ import annotations

from importlib import import_module

# parent of the files -> the package that holds what they define, and the files
_FILES = {
    "torch.nn.modules": ("torch.nn", """activation adaptive batchnorm channelshuffle container conv distance dropout flatten
        fold instancenorm lazy linear loss module normalization padding pixelshuffle pooling rnn sparse transformer
        upsampling utils"""),
    "torch.nn.utils": ("torch.nn.utils", "clip_grad convert_parameters fusion init spectral_norm stateless weight_norm"),
    "torch.optim": ("torch.optim", """adadelta adagrad adam adamax adamw asgd lbfgs nadam optimizer radam rmsprop rprop
        sgd"""),
    "torch.utils.data": ("torch.utils.data", "dataloader dataset distributed sampler"),
    "torch.autograd": ("torch.autograd", "anomaly_mode function grad_mode gradcheck variable"),
    "torch.distributions": ("torch.distributions", """bernoulli beta binomial categorical cauchy chi2 constraints dirichlet
        distribution exponential gamma geometric half_normal independent kl laplace log_normal multinomial
        multivariate_normal normal one_hot_categorical poisson studentT uniform utils"""),
}
FILES = {parent: (home, frozenset(names.split())) for parent, (home, names) in _FILES.items()}

# A private name that model files import: where it is here.
_PRIVATE = {
    "torch.nn": {"_BatchNorm": "nn.normalization._BatchNorm", "_InstanceNorm": "nn.normalization._InstanceNorm",
                 "_NormBase": "nn.normalization._NormBase", "_ConvNd": "nn.conv._Conv", "_Loss": "nn.loss._Loss",
                 "_ConvTransposeNd": "nn.conv._Transposed", "_WeightedLoss": "nn.loss._WeightedLoss",
                 "_DropoutNd": "nn.dropout._Dropout", "_MaxPoolNd": "nn.pooling._MaxPool",
                 "LazyModuleMixin": "nn.lazy.LazyModuleMixin", "RemovableHandle": "nn.hooks.RemovableHandle",
                 "consume_prefix_in_state_dict_if_present": "nn.state.consume_prefix_in_state_dict_if_present"},
    "torch.nn.init": {"_calculate_fan_in_and_fan_out": "nn.init._fans", "_calculate_correct_fan": "nn.init._fan"},
    "torch.optim": {"register_optimizer_step_pre_hook": "optim.optimizer.register_optimizer_step_pre_hook",
                    "register_optimizer_step_post_hook": "optim.optimizer.register_optimizer_step_post_hook"},
    "torch.nn.utils": {"functional_call": "func.functional_call"},
    "torch.autograd": {"once_differentiable": "engine.autograd.once_differentiable",
                       "GradcheckError": "func.gradcheck.GradcheckError"},
}


def home_of(name: str) -> str | None:
    """The package whose names the file module `name` shows, or None if there is no such file.

    >>> from tcli.runtime.submodules import home_of
    >>> home_of("torch.nn.modules.conv"), home_of("torch.nn.modules.zork")
    ('torch.nn', None)
    """
    parent, _, leaf = name.rpartition(".")
    home, files = FILES.get(parent, ("", frozenset()))
    return home if leaf in files else None


class FromFiles:
    """The file modules of a package as its attributes."""

    def __init__(self, parent: str):
        self.parent = parent

    def find(self, name: str) -> object:
        from .namespaces import tree

        if name not in FILES[self.parent][1]:
            raise KeyError(name)
        return tree(f"{self.parent}.{name}")

    def names(self) -> list[str]:
        return sorted(FILES[self.parent][1])


class FromPrivate:
    """The private names of a package that model files import; they are not listed."""

    def __init__(self, package: str):
        self.package = package

    def find(self, name: str) -> object:
        if self.package == "torch.nn" and name in _TUPLES:
            return _TUPLES[name]
        path, _, leaf = _PRIVATE.get(self.package, {})[name].rpartition(".")
        return getattr(import_module("tcli." + path), leaf)

    def names(self) -> list[str]:
        return []


def _ntuple(n: int):
    """`torch.nn.modules.utils._ntuple`: one value becomes a tuple of n."""
    def parse(x):
        from ..nn._make import ntuple

        return ntuple(x, n)

    return parse


_TUPLES = {"_single": _ntuple(1), "_pair": _ntuple(2), "_triple": _ntuple(3), "_quadruple": _ntuple(4), "_ntuple": _ntuple}
