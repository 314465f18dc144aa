"""`--emit torch|numpy`: the program as plain Python for PyTorch or NumPy, on stdout."""

from __future__ import annotations

import sys


def names_of(mode: str) -> dict[str, str]:
    """Where bare names live in the other library: randn -> torch.randn."""
    if mode == "numpy":
        import numpy

        return {name: f"np.{name}" for name in dir(numpy) if name.islower() and not hasattr(__builtins__, name)}
    from ..runtime.namespaces import _NOT_BARE, FromRegistry, tree
    from ..runtime.session import SHARED, Session

    Session().load_engine()
    found = {name: f"F.{name}" for name in FromRegistry("F").names()}
    found |= {name: f"torch.{name}" for name in dir(tree("torch")) if not name.startswith("_")}
    left_out = _NOT_BARE | SHARED | {"nn", "optim", "math", "load", "save"}
    return {name: home for name, home in found.items() if name not in left_out}


def emitted(programs: list, mode: str) -> str:
    """The programs one after the other; imports come first."""
    from ..lang.emit import emit
    from ..source import Source

    names, header, body = names_of(mode), {}, []
    for name, read in programs:
        source = Source(read(), name).register()
        for line in emit(source, mode, names).splitlines():
            if line.startswith(("import ", "from ")) and not line.startswith("from __future__"):
                header[line] = None
            else:
                body.append(line)
    return "\n".join([*header, *body]) + "\n"


def print_emitted(programs: list, mode: str) -> int:
    """Prints the programs; gives the exit code."""
    sys.stdout.write(emitted(programs, mode))
    return 0
