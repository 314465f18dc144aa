"""What there is to compute with: devices, memory, BLAS and its threads, versions, and what CUDA lacks here."""

from __future__ import annotations

import os
import platform
from typing import Any


def machine() -> dict:
    """The facts that `tcli devices` shows; sizes in bytes, `cuda.missing` says why there is no GPU."""
    return {"cpu": _cpu(), "cuda": _cuda(), "meta": {"available": True}, "blas": _blas(), "versions": _versions()}


def _cpu() -> dict:
    memory = _memory()
    return {"name": _cpu_name(), "cores": os.cpu_count() or 1,
            "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            "memory": memory.get("MemTotal"), "available_memory": memory.get("MemAvailable")}


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> dict[str, int]:
    """Bytes by the names of /proc/meminfo; empty where there is no such file."""
    try:
        with open("/proc/meminfo", encoding="ascii", errors="replace") as file:
            rows = [line.split() for line in file]
    except OSError:
        return {}
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) >= 2 and row[1].isdigit()}


def _cuda() -> dict:
    from ..engine.cuda import driver_version, why_not

    driver = driver_version()
    found: dict[str, Any] = {"driver": f"{driver[0]}.{driver[1]}" if driver else None, "devices": []}
    error = why_not()
    if error is not None:
        found["missing"] = "; ".join([*error.notes, *([] if error.notes else [error.message])])
        found["help"] = None if driver is None else error.help  # without a driver there is nothing to install
        return found
    from . import torch_cuda

    for index in range(torch_cuda.device_count()):
        about = torch_cuda.get_device_properties(index)
        free, total = torch_cuda.mem_get_info(index)
        found["devices"].append({"index": index, "name": about.name, "capability": f"{about.major}.{about.minor}",
                                 "memory": total, "free_memory": free})
    return found


def _blas() -> list[dict]:
    """The BLAS libraries in this process, with their threads."""
    __import__("numpy")  # its BLAS is what is looked at

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return [{"library": each.get("internal_api"), "version": each.get("version"), "threads": each.get("num_threads")}
            for each in threadpool_info() if each.get("user_api") == "blas"]


def _versions() -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version

    def of(*packages: str) -> str | None:
        for package in packages:
            try:
                return version(package)
            except PackageNotFoundError:
                continue
        return None

    return {"python": platform.python_version(), "numpy": of("numpy"), "scipy": of("scipy"),
            "ml-dtypes": of("ml-dtypes"), "cupy": of("cupy-cuda12x", "cupy-cuda13x", "cupy-cuda11x", "cupy")}
