"""Compiles tcli's kernels while it is installed, where there is a C compiler; without one the installation goes on."""

import runpy
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeKernels(BuildHookInterface):
    def initialize(self, version, build_data):
        here = Path(self.root, "tcli", "native")
        build = runpy.run_path(str(here / "build.py"))["build"]
        try:
            made = build(here)
        except (OSError, subprocess.CalledProcessError, ImportError) as error:
            print(f"tcli is installed without compiled kernels: {error}", file=sys.stderr)
            return
        build_data["artifacts"] += [f"/tcli/native/{file.name}" for file in made]
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
