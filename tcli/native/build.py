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
    running = [_compile(name, level, flags, where) for name, (level, flags) in levels.items()]
    return [link() for link in running]


def _compiler() -> list[str]:
    """The command of $CC; without it the compiler that made Python, or one by a usual name."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    names = [*shlex.split(sysconfig.get_config_var("CC") or "")[:1], "cc", "gcc", "clang"]
    return [next(filter(shutil.which, names), "cc")]


def _compile(name: str, level: int, flags: tuple, where: Path):
    """Starts the compilers of one module; the function that is returned waits for them and links."""
    import numpy

    compiler = _compiler()
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ".so"
    objects_dir = where / f".{name}"
    objects_dir.mkdir(parents=True, exist_ok=True)
    include = [f"-I{sysconfig.get_path('include')}", f"-I{numpy.get_include()}"]
    define = [f"-DMODULE={name}", f"-DLEVEL={level}", f"-DSOURCES={sources_hash()}"]
    further = shlex.split(os.environ.get("TCLI_NATIVE_FLAGS", ""))
    jobs, objects = [], []
    for source in sorted(HERE.glob("*.c")):
        target = objects_dir / (source.stem + ".o")
        own = () if source.name == "module.c" else (*flags, *OWN_FLAGS.get(source.name, ()))
        command = [*compiler, *FLAGS, *own, *further, *define, *include, "-c", str(source), "-o", str(target)]
        jobs.append(subprocess.Popen(command))
        objects.append(str(target))

    def link() -> Path:
        codes = [job.wait() for job in jobs]
        if any(codes):
            raise subprocess.CalledProcessError(1, compiler)
        shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
        made = where / (name + suffix)
        fresh = objects_dir / made.name  # renamed at the end: a program that runs may have the old one loaded
        subprocess.run([*compiler, *shared, *further, "-pthread", *objects, "-lm", "-o", str(fresh)], check=True)
        fresh.replace(made)
        for f in objects_dir.iterdir():
            f.unlink()
        objects_dir.rmdir()
        return made
    return link


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
        print(f"tcli runs without compiled kernels: {error}", file=sys.stderr)
        return 1
    for file in made:
        print(file.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
