"""tcli: a tensor shell that runs PyTorch snippets without PyTorch.

    import tcli
    session = tcli.Session(seed=0)
    session.run("x = randn(2, 3); (x @ x.T).shape")

The names below are loaded on first use: importing the package costs nothing, so that the command
starts as fast as NumPy does.
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["Session", "Tensor", "TcliError", "__version__"]

_HOME = {"Session": "tcli.runtime.session", "Tensor": "tcli.engine.tensor", "TcliError": "tcli.errors"}


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'tcli' has no attribute '{name}'")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
