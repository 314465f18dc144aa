"""How classes and functions of nn, optim, func and data are called: names and defaults, for the recorder and the test."""

import inspect

MODULES = """nn nn.functional nn.init nn.utils nn.utils.rnn nn.utils.parametrize nn.utils.parametrizations nn.utils.prune optim
    optim.lr_scheduler optim.swa_utils func autograd.functional utils.data""".split()


def home_of(torch, name: str):
    for part in name.split("."):
        torch = getattr(torch, part)
    return torch


def parameters(target) -> list | None:
    """[name, default as text] of every parameter, or None where PyTorch does not say."""
    op = getattr(target, "op", None)
    if op is not None:
        return [["input" if name == "x" else name, "" if i < op.required else repr(op.defaults[i])]
                for i, name in enumerate(op.names)]
    try:
        found = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return None
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [[stars.get(p.kind, "") + p.name, "" if p.default is p.empty else repr(p.default)] for p in found
            if p.name != "self"]


def public(torch, name: str) -> list[str]:
    """What PyTorch defines itself in one of its modules: no imported typing names, no private ones."""
    home = home_of(torch, name)
    return sorted(each for each in dir(home) if not each.startswith("_") and callable(getattr(home, each))
                  and str(getattr(getattr(home, each), "__module__", "")).startswith("torch"))
