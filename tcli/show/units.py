"""Numbers for people: short figures, bytes, seconds, sparklines."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def figure(value: float) -> str:
    """Three significant digits, scientific only where the plain form would be long.

    >>> figure(0.10943), figure(31.2e-9), figure(27918.0), figure(4)
    ('0.109', '3.12e-08', '2.79e+04', '4')
    """
    if isinstance(value, (bool, int)):
        return str(value) if abs(value) < 10**7 else f"{value:.3g}"
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        digits = 2 if abs(value) >= 1 else 3
        return f"{value:.{max(0, digits - (abs(value) >= 10) - (abs(value) >= 100))}f}"
    return f"{value:.2e}"


def size(count: int) -> str:
    """Bytes with one of B, KB, MB, GB, TB (powers of 1024)."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds with one of us, ms, s."""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        value = seconds * scale
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def spark(counts: Sequence[float]) -> str:
    """A sparkline of non-negative counts: any count above zero is visible.

    >>> spark([0, 1, 8, 4])
    ' ▁█▄'
    """
    top = max(counts, default=0)
    if not top:
        return ""
    return "".join(" " if not count else BLOCKS[min(7, int(8 * count / top - 1e-9))] for count in counts)
