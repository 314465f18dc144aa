"""Compiles the kernels beside this file: `python -m tcli.native.build`. Without a C compiler it says so and leaves it.

TCLI_NATIVE_FLAGS are more flags for the compiler, "-fsanitize=address,undefined -O1" for one. With --check it compiles
nothing and exits with 1 where the modules do not belong to the sources.

Imports nothing of tcli: the build hook of pyproject.toml runs it before tcli is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fvisibility=hidden",
         "-pthread", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-unknown-pragmas")
_EXACT = ("-ffp-contract=off",)  # products and sums are rounded one by one
OWN_FLAGS = {"random.c": _EXACT, "lists.c": _EXACT, "optim.c": _EXACT, "rules.c": _EXACT, "pointwise.c": _EXACT}
LEVELS = {  # module: (LEVEL, flags of the kernels); on other machines than x86-64 one module for all
    "_kernels4": (4, ("-march=x86-64-v4", "-mprefer-vector-width=512")),
    "_kernels3": (3, ("-march=x86-64-v3",)),
}


def sources_hash() -> str:
    """What the compiled modules must carry to belong to the sources."""
    text = b"".join(f.read_bytes() for f in sorted(HERE.glob("*.[ch]"))) + Path(__file__).read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]


def build(where: Path) -> list[Path]:
    """Compiles every level into `where` and gives the files; raises OSError or CalledProcessError where it cannot."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    levels = LEVELS if x86 else {"_kernels": (0, ())}
    modules = [_Module(name, level, flags, where) for name, (level, flags) in levels.items()]
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(processors) as several:  # not all at once: each compiler takes a hundred megabytes
        list(several.map(partial(subprocess.run, check=True), [c for module in modules for c in module.commands]))
    return [module.link() for module in modules]


def _compiler() -> list[str]:
    """The command of $CC; without it the compiler that made Python, or one by a usual name."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    names = [*shlex.split(sysconfig.get_config_var("CC") or "")[:1], "cc", "gcc", "clang"]
    return [next(filter(shutil.which, names), "cc")]


class _Module:
    """One module to make: the `commands` that compile its files, then `link`."""

    def __init__(self, name: str, level: int, flags: tuple, where: Path):
        import numpy

        self.made = where / (name + (sysconfig.get_config_var("EXT_SUFFIX") or ".so"))
        self.folder = where / f".{name}"  # of the objects
        self.folder.mkdir(parents=True, exist_ok=True)
        self.compiler, self.further = _compiler(), shlex.split(os.environ.get("TCLI_NATIVE_FLAGS", ""))
        include = [f"-I{sysconfig.get_path('include')}", f"-I{numpy.get_include()}"]
        define = [f"-DMODULE={name}", f"-DLEVEL={level}", f"-DSOURCES={sources_hash()}"]
        self.commands, self.objects = [], []
        for source in sorted(HERE.glob("*.c")):
            target = str(self.folder / (source.stem + ".o"))
            own = () if source.name == "module.c" else (*flags, *OWN_FLAGS.get(source.name, ()))
            self.commands.append([*self.compiler, *FLAGS, *own, *self.further, *define, *include, "-c", str(source),
                                  "-o", target])
            self.objects.append(target)

    def link(self) -> Path:
        shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
        fresh = self.folder / self.made.name  # renamed at the end: a program that runs may have the old one loaded
        command = [*self.compiler, *shared, *self.further, "-pthread", *self.objects, "-lm", "-o", str(fresh)]
        subprocess.run(command, check=True)
        fresh.replace(self.made)
        for f in self.folder.iterdir():
            f.unlink()
        self.folder.rmdir()
        return self.made


def is_built() -> bool:
    """Whether there are modules here, and all of them are compiled from these sources."""
    made = [f for f in HERE.glob("_kernels*") if f.suffix in (".so", ".pyd")]
    mark = sources_hash().encode()
    return bool(made) and all(mark in f.read_bytes() for f in made)


def main() -> int:
    if "--check" in sys.argv[1:]:
        return 0 if is_built() else 1
    try:
        made = build(HERE)
    except (OSError, subprocess.CalledProcessError, ImportError) as error:
        why = f"{error.cmd[0]} failed" if isinstance(error, subprocess.CalledProcessError) else error
        print(f"tcli runs without compiled kernels: {why}", file=sys.stderr)
        return 1
    for file in made:
        print(file.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
