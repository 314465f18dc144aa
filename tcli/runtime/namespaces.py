"""The names a program finds: `torch`, `nn`, `F`, `optim` and all of torch's functions, bare.

A `Tree` is a module as programs see it: its names come from the registry, from the `__all__` of a
package of ours, or from a table below, and are resolved when they are first read. Nothing else of a
Python module is reachable through it.
"""

from __future__ import annotations

import math
from types import ModuleType, SimpleNamespace
from typing import Any

from ..engine.class_names import named_as_in_torch
from ..engine.named_results import FromOps
from ..errors import UnknownAttribute
from .submodules import FILES, FromFiles, FromPrivate, home_of

TORCH_VERSION = "2.13.0"


class Tree(ModuleType):
    """A module for programs: `finders` map a name to a value or raise KeyError; `listed` names them all."""

    def __init__(self, name: str, finders, doc: str = ""):
        super().__init__(name, doc)
        self.__dict__["_finders"] = finders

    def __getattr__(self, name: str):
        if not name.startswith("__") or name == "__version__":
            for finder in self.__dict__["_finders"]:
                try:
                    value = finder.find(name)
                except KeyError:
                    continue
                self.__dict__[name] = value
                return value
        raise UnknownAttribute(f"module '{self.__name__}' has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        names = {name for finder in self.__dict__["_finders"] for name in finder.names()}
        return sorted(names | {name for name in self.__dict__ if not name.startswith("_")})

    def __repr__(self) -> str:
        return f"<module '{self.__name__}'>"

    def __reduce__(self):
        return (tree, (self.__name__,))


class FromRegistry:
    """The ops and functions that the registry declares at one place."""

    def __init__(self, space: str):
        self.space = space + "."

    def find(self, name: str):
        from ..engine.registry import functions, paths

        path = self.space + name
        if path in functions:
            return functions[path]
        found: Any = paths.get(path)
        if found is not None:
            return found.function
        if name.endswith("_") and not name.startswith("_"):
            return self._inplace(name)
        raise KeyError(name)

    def _inplace(self, name: str):
        """`torch.relu_(x)`: the in-place method as a function, where the op is at this place."""
        from ..engine.registry import paths
        from ..engine.tensor import Tensor

        if self.space + name[:-1] in paths and "tensor." + name in paths:
            return getattr(Tensor, name)
        raise KeyError(name)

    def names(self) -> list[str]:
        from ..engine.registry import functions, paths

        n = len(self.space)
        return [p[n:] for table in (paths, functions) for p in table if p.startswith(self.space)]


class FromPackage:
    """The `__all__` of a package or module of ours, imported on first use."""

    def __init__(self, path: str):
        self.path, self.module = path, None

    def _load(self):
        if self.module is None:
            from importlib import import_module

            self.module = import_module(self.path)
        return self.module

    def find(self, name: str):
        module = self._load()
        if name in module.__all__:
            value = getattr(module, name)
            return tree_of(value) if isinstance(value, ModuleType) else named_as_in_torch(value)
        raise KeyError(name)

    def names(self) -> list[str]:
        return list(self._load().__all__)


class FromTable:
    """Names with fixed values, or with a maker that is called on first use."""

    def __init__(self, values: dict, makers: dict | None = None, hidden: bool = False):
        self.values, self.makers, self.hidden = values, makers or {}, hidden

    def find(self, name: str):
        if name in self.values:
            return self.values[name]
        return self.makers[name]()

    def names(self) -> list[str]:
        return [] if self.hidden else [*self.values, *self.makers]


_trees: dict[str, Tree] = {}


def tree_of(module: ModuleType) -> Tree:
    """A package of ours as a program sees it."""
    name = "torch." + module.__name__.removeprefix("tcli.").replace("func.", "func.")
    if name in _MAKERS:
        return tree(name)  # it has more than the package
    if name not in _trees:
        _trees[name] = Tree(name, [FromPackage(module.__name__)], module.__doc__ or "")
    return _trees[name]


def _submodule(name: str):
    return lambda: tree("torch." + name)


def _package(path: str) -> list:
    return [FromPackage(path)]


def _torch_constants() -> dict:
    from ..engine import autograd, dtypes, storage, tensor
    from ..engine.args import Size
    from ..engine.device import Device

    values: dict[str, Any] = dict(dtypes.NAMES)
    values.update(
        Tensor=tensor.Tensor, Size=Size, device=Device, dtype=dtypes.dtype, layout=tensor.layout,
        memory_format=storage.memory_format, finfo=dtypes.finfo,
        iinfo=dtypes.iinfo, pi=math.pi, e=math.e, inf=math.inf, nan=math.nan, newaxis=None,
        strided=tensor.strided, sparse_coo=tensor.sparse_coo, contiguous_format=tensor.contiguous_format,
        channels_last=tensor.channels_last, channels_last_3d=tensor.channels_last_3d,
        preserve_format=tensor.preserve_format, tensor=tensor.tensor, as_tensor=tensor.as_tensor,
        from_numpy=tensor.from_numpy, no_grad=autograd.no_grad, enable_grad=autograd.enable_grad,
        set_grad_enabled=autograd.set_grad_enabled, inference_mode=autograd.inference_mode,
        is_grad_enabled=autograd.is_grad_enabled, is_inference_mode_enabled=autograd.is_inference_mode_enabled,
        __version__=TORCH_VERSION)
    return values


class _Torch:
    """What `torch` has beside its ops: types, constants, submodules, settings."""

    def __init__(self):
        self._values = None

    def _table(self) -> dict:
        if self._values is None:
            from . import torch_extras

            self._values = _torch_constants() | torch_extras.table()
        return self._values

    def find(self, name: str):
        if name in _SUBMODULES:
            return tree("torch." + name)
        if name == "vmap":
            return tree("torch.func").vmap
        return self._table()[name]

    def names(self) -> list[str]:
        return [*self._table(), *_SUBMODULES, "vmap"]


_SUBMODULES = ("nn", "optim", "autograd", "linalg", "fft", "special", "func", "utils", "distributions", "random", "cuda",
               "accelerator", "backends", "version", "testing", "signal", "mps", "xpu", "compiler", "jit", "amp", "overrides",
               "return_types", "profiler", "multiprocessing", "types", "sparse", "cpu", "hub", "nested", "masked",
               "quasirandom", "storage")


def _extras(space: str) -> FromTable:
    from . import torch_extras

    return FromTable(torch_extras.SPACES[space]())


# PyTorch has a module per distribution; each finds them all.
_OF_DISTRIBUTIONS: tuple[str, ...] = (
    "constraints", "constraint_registry", "transforms", "kl",
    "bernoulli", "beta", "binomial", "categorical", "cauchy", "chi2", "continuous_bernoulli",
    "dirichlet", "distribution", "exponential", "fishersnedecor", "gamma", "geometric", "gumbel", "half_cauchy", "half_normal",
    "independent", "inverse_gamma", "kumaraswamy", "laplace", "lkj_cholesky", "log_normal", "logistic_normal",
    "lowrank_multivariate_normal", "mixture_same_family", "multinomial", "multivariate_normal", "negative_binomial", "normal",
    "one_hot_categorical", "pareto", "poisson", "relaxed_bernoulli", "relaxed_categorical", "studentT",
    "transformed_distribution", "uniform", "von_mises", "weibull",
    "wishart", "exp_family", "generalized_pareto")

_MAKERS = {
    "torch": lambda: [_Torch(), FromRegistry("torch")],
    "torch.nn": lambda: [*_package("tcli.nn"), FromTable({}, {
        "functional": _submodule("nn.functional"), "init": _submodule("nn.init"), "utils": _submodule("nn.utils"),
        "modules": _submodule("nn.modules"), "parameter": _submodule("nn.parameter"),
        "parallel": _submodule("nn.parallel"), "attention": _submodule("nn.attention")})],
    "torch.nn.modules": lambda: [FromFiles("torch.nn.modules"), *_package("tcli.nn"), FromPrivate("torch.nn")],
    "torch.nn.functional": lambda: [FromRegistry("F"), FromTable({}, {"grad": _submodule("nn.grad")})],
    "torch.nn.grad": lambda: _package("tcli.nn.grad"),
    "torch.nn.init": lambda: [*_package("tcli.nn.init"), FromPrivate("torch.nn.init")],
    "torch.nn.utils": lambda: [*_package("tcli.nn.utils"), FromTable({}, {"rnn": _submodule("nn.utils.rnn")})],
    "torch.nn.utils.rnn": lambda: _package("tcli.nn.utils.rnn"),
    "torch.optim": lambda: [*_package("tcli.optim"), FromTable({}, {"lr_scheduler": _submodule("optim.lr_scheduler"),
                                                                    "swa_utils": _submodule("optim.swa_utils")})],
    "torch.optim.lr_scheduler": lambda: _package("tcli.optim.lr_scheduler"),
    "torch.optim.swa_utils": lambda: _package("tcli.optim.swa_utils"),
    "torch.linalg": lambda: [FromRegistry("linalg"), _extras("linalg")],
    "torch.fft": lambda: [FromRegistry("fft")],
    "torch.return_types": lambda: [FromOps()],
    "torch.special": lambda: [FromRegistry("special")],
    "torch.quasirandom": lambda: _package("tcli.data.quasirandom"),
    "torch.utils.dlpack": lambda: [FromRegistry("utils.dlpack")],
    "torch.masked": lambda: [FromRegistry("masked")],
    "torch.func": lambda: _package("tcli.func"),
    "torch.autograd.functional": lambda: _package("tcli.func.functional"),
    "torch.autograd.forward_ad": lambda: _package("tcli.func.forward_ad"),
    "torch.utils.data": lambda: [*_package("tcli.data"),
                                 FromTable({}, {"_utils": _submodule("utils.data._utils")}, hidden=True)],
    "torch.utils.data._utils": lambda: [FromTable({}, {"collate": _submodule("utils.data._utils.collate")})],
    "torch.utils.data._utils.collate": lambda: _package("tcli.data.collate"),
    "torch.distributions": lambda: [*_package("tcli.distributions"),
                                    FromTable({}, {name: _submodule("distributions." + name) for name in _OF_DISTRIBUTIONS})],
    "torch.distributions.utils": lambda: _package("tcli.distributions.utils"),
    "torch.distributions.constraints": lambda: _package("tcli.distributions.constraints"),
    "torch.distributions.transforms": lambda: _package("tcli.distributions.transforms"),
    "torch.distributions.constraint_registry": lambda: _package("tcli.distributions.constraint_maps"),
}

for _name in _OF_DISTRIBUTIONS[3:]:
    _MAKERS["torch.distributions." + _name] = lambda: _package("tcli.distributions")


def tree(name: str) -> Tree:
    """The module a program knows by a dotted name; KeyError when there is none."""
    found = _trees.get(name)
    if found is None:
        from . import torch_extras

        if name in _MAKERS:
            finders = _MAKERS[name]()
            if name.removeprefix("torch.") in torch_extras.SPACES and name != "torch.linalg":
                finders = [*finders, _extras(name.removeprefix("torch."))]
        elif home := home_of(name):
            finders = [*tree(home)._finders, FromPrivate(home)]
        elif name.removeprefix("torch.") in torch_extras.SPACES:
            finders = [_extras(name.removeprefix("torch."))]
        else:
            raise KeyError(name)
        if name in FILES and name != "torch.nn.modules":
            finders = [*finders, FromFiles(name)]
        found = _trees[name] = Tree(name, finders)
    return found


def module_names() -> list[str]:
    """The names of the tensor modules, for completion."""
    from . import torch_extras

    return sorted({"torch", *_MAKERS, *("torch." + name for name in torch_extras.SPACES)})


class KnownModules:
    """What `import` finds among the tensor modules."""

    def get(self, name: str, default=None):
        if name != "torch" and not name.startswith("torch."):
            return default
        _load_ops()
        try:
            return tree(name)
        except KeyError:
            pass
        parent, _, leaf = name.rpartition(".")
        found = self.get(parent) if parent else None
        value = getattr(found, leaf, None) if found is not None else None
        return value if isinstance(value, (ModuleType, SimpleNamespace)) else default

    def __getitem__(self, name: str):
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None


def known_modules() -> KnownModules:
    """The tensor modules that programs may import."""
    return KnownModules()


def _load_ops() -> None:
    from importlib import import_module

    import_module("tcli.ops")


class BareNames:
    """The names that are there without import, resolved one by one: `get(name)` or None."""

    def __init__(self, session):
        _load_ops()
        from . import shared_names

        self.session = session
        self.table = {"torch": tree("torch"), "math": None} | shared_names.table(session)
        self.table.update(shared_names.SHARED)

    def get(self, name: str):
        """The value of a bare name; KeyError if there is none."""
        if name in ("nn", "optim"):
            return tree("torch." + name)
        if name == "F":
            return tree("torch.nn.functional")
        if name == "math":
            return self.session.modules.get("math")
        if name in self.table:
            return self.table[name]
        if name in _NOT_BARE:
            raise KeyError(name)
        try:
            return getattr(tree("torch"), name)
        except AttributeError:
            pass
        return FromRegistry("F").find(name)

    def names(self) -> list[str]:
        found = {"torch", "nn", "F", "optim", "math", *self.table}
        found.update(n for n in dir(tree("torch")) if n not in _NOT_BARE)
        found.update(FromRegistry("F").names())
        return sorted(n for n in found if not n.startswith("_"))


# Names of torch that would hide a plain Python or everyday name when bare.
_NOT_BARE = frozenset(("float", "int", "bool", "complex", "e", "random", "version", "types", "testing", "half", "double",
                       "short", "long", "range", "set_printoptions_", "types", "hub", "jit", "compiler", "overrides"))


def build_globals(session) -> dict[str, object]:
    """Every bare name with its value."""
    bare = BareNames(session)
    found = {}
    for name in bare.names():
        try:
            found[name] = bare.get(name)
        except KeyError:
            continue
    return found
