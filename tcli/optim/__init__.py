"""`torch.optim`: optimisers and learning rate schedules. A file is imported when its class is first asked for."""

from importlib import import_module

_FILES = {
    "optimizer": "Optimizer",
    "sgd": "SGD",
    "adam": "Adam AdamW",
    "adam_variants": "Adamax NAdam RAdam",
    "adaptive": "Adadelta Adagrad RMSprop",
    "rprop": "ASGD Rprop",
    "lbfgs": "LBFGS",
    "factored": "Adafactor Muon",
}
_WHERE = {name: file for file, names in _FILES.items() for name in names.split()}

__all__ = ["lr_scheduler", "swa_utils", *_WHERE]


def __getattr__(name: str):
    if name in ("lr_scheduler", "swa_utils"):
        return import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'torch.optim' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found
