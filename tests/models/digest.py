"""A program's results as short lists of numbers that can be recorded and compared: used by the recorder and the test."""

import math

import numpy as np


def digest(value, path: str = "") -> dict:
    """path -> (kind, numbers or text): a tensor gives dtype, shape, norm and 40 of its elements."""
    if isinstance(value, dict):
        return _joined(digest(item, f"{path}/{key}") for key, item in value.items())
    if isinstance(value, (list, tuple)) and not (value and all(isinstance(item, (int, float)) for item in value)):
        return _joined(digest(item, f"{path}/{i}") for i, item in enumerate(value))
    if hasattr(value, "requires_grad"):
        a = np.asarray(value.detach().double().numpy()).reshape(-1)
        places = np.linspace(0, a.size - 1, min(a.size, 40)).astype(int)
        return {path: [f"{value.dtype} {tuple(value.shape)}", [float(np.linalg.norm(a)), *a[places].tolist()]]}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {path: ["number", [float(value)]]}
    if isinstance(value, (list, tuple)) and any(isinstance(item, float) for item in value):
        return {path: ["numbers", [float(item) for item in value]]}
    return {path: ["text", str(value)]}


def _joined(parts) -> dict:
    return {path: found for part in parts for path, found in part.items()}


def difference(got: list, want: list) -> float:
    """The largest difference of two lists of numbers, relative to the largest number wanted."""
    a, b = np.array(got), np.array(want)
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        return math.inf
    a, b = np.nan_to_num(a), np.nan_to_num(b)
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-6)) if a.size else 0.0
