"""`tcli devices`: what this machine has, and what is missing for a GPU."""

from __future__ import annotations

import json

from ..show.units import size
from .file_options import Choices
from .options import UsageError


def run_devices(choices: Choices) -> int:
    """Prints the devices as text or JSON; always 0."""
    from .. import __version__
    from ..runtime.machine import machine

    if choices.words:
        raise UsageError("devices takes no arguments")
    found = machine()
    found["versions"] = {"tcli": __version__, **found["versions"]}
    print(json.dumps(found, indent=2) if choices.json else "\n".join(lines(found)))
    return 0


def lines(found: dict) -> list[str]:
    """The text: a line per device, then libraries and versions."""
    cpu = found["cpu"]
    memory = f", {size(cpu['memory'])} of memory ({size(cpu['available_memory'])} free)" if cpu["memory"] else ""
    out = [f"cpu     {cpu['name']}, {cpu['usable_cores']} of {cpu['cores']} cores{memory}"]
    for gpu in found["cuda"]["devices"]:
        out.append(f"cuda:{gpu['index']}  {gpu['name']}, compute capability {gpu['capability']}, {size(gpu['memory'])} of "
                   f"memory ({size(gpu['free_memory'])} free)")
    if not found["cuda"]["devices"]:
        out.append(f"cuda    not here: {found['cuda'].get('missing')}")
        if found["cuda"].get("help"):
            out.append(f"        {found['cuda']['help']}")
    out.append("meta    shapes and dtypes without data")
    out += [f"blas    {each['library']} {each['version']}, {each['threads']} threads" for each in found["blas"]]
    out.append("with    " + ", ".join(f"{name} {version}" for name, version in found["versions"].items() if version))
    return out
