"""Charts of numbers as text: histogram, sparkline, curves and points.

Takes NumPy arrays and a `Screen`, gives text. Bars are drawn here in eighths of a cell; curves and points
are plotext's, and matplotlib's where a file is asked for.
"""

from __future__ import annotations

from .screen import Screen
from .units import BLOCKS, figure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉█"
COLORS = ("blue", "red", "green", "magenta", "orange", "cyan")


def sparkline(values, width: int = 40) -> str:
    """The course of `values` in one line of blocks, from their smallest to their largest; gaps where not finite."""
    import numpy as np

    values = np.asarray(values, np.float64).ravel()
    if len(values) > width:
        edges = np.linspace(0, len(values), width + 1).astype(int)
        values = np.array([_mean(values[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)])
    good = np.isfinite(values)
    if not good.any():
        return " " * len(values)
    low, high = values[good].min(), values[good].max()
    steps = np.zeros(len(values)) if high == low else (values - low) / (high - low)
    return "".join(BLOCKS[min(7, int(step * 8))] if fine else " " for step, fine in zip(steps, good, strict=True))


def _mean(part) -> float:
    import numpy as np

    part = part[np.isfinite(part)]
    return float(part.mean()) if len(part) else float("nan")


def histogram(values, screen: Screen, bins: int = 16) -> str:
    """One bar per bin, `low … high  ██▌ count`; what is not finite is counted below."""
    import numpy as np

    values = np.asarray(values).ravel()
    good = values[np.isfinite(values)].astype(np.float64)
    lines = []
    if len(good):
        counts, edges = np.histogram(good, bins if good.min() < good.max() else 1)
        labels = [(figure(float(a)), figure(float(b))) for a, b in zip(edges[:-1], edges[1:], strict=True)]
        left, right = (max(len(each[i]) for each in labels) for i in (0, 1))
        digits = len(str(counts.max()))
        room = max(4, screen.width - left - right - digits - 7)
        for (low, high), count in zip(labels, counts.tolist(), strict=True):
            bar = _bar(room * count / counts.max())
            lines.append(f"{low:>{left}} … {high:>{right}}  {screen.paint(bar, '36') if bar else ''}"
                         f"{' ' if bar else ''}{count}".rstrip())
    missing = [(int(np.isnan(values).sum()), "NaN"), (int(np.isposinf(values).sum()), "Inf"),
               (int(np.isneginf(values).sum()), "-Inf")]
    lines += [screen.paint(f"{count} {word}", "31") for count, word in missing if count]
    return "\n".join(lines) or "empty"


def _bar(length: float) -> str:
    whole, eighths = divmod(round(length * 8), 8)
    return _EIGHTHS[8] * whole + (_EIGHTHS[eighths] if eighths else "") or (_EIGHTHS[1] if length > 0 else "")


class Figure:
    """What a plot shows: curves or points `(x, y, label)`, and the words around them."""

    __slots__ = ("curves", "log", "points", "title", "xlabel", "ylabel")

    def __init__(self, curves: Sequence[tuple], *, points: bool = False, title: str = "", xlabel: str = "", ylabel: str = "",
                 log: bool = False):
        self.curves, self.points, self.title, self.log = list(curves), points, title, log
        self.xlabel, self.ylabel = xlabel, ylabel

    def text(self, screen: Screen, width: int | None = None, height: int | None = None) -> str:
        """Drawn by plotext in braille-like blocks, or in plain marks where there are no colours."""
        import plotext

        plotext.clear_figure()
        plotext.theme("pro" if screen.color != "none" else "clear")
        plotext.plotsize(width or min(screen.width, 100), height or min(screen.height - 2, 20))
        draw = plotext.scatter if self.points else plotext.plot
        for (x, y, label), color in zip(self.curves, COLORS * len(self.curves), strict=False):
            draw(x.tolist(), y.tolist(), label=label or None, color=color)
        plotext.title(self.title or None)
        plotext.xlabel(self.xlabel or None)
        plotext.ylabel(self.ylabel or None)
        if self.log:
            plotext.yscale("log")
        text = plotext.build()
        plotext.clear_figure()
        lines = (plotext.uncolorize(text) if screen.color == "none" else text).split("\n")
        return "\n".join(line.rstrip() for line in lines).rstrip("\n")

    def save(self, path: str, figure_module) -> None:
        """Written by matplotlib; its `figure` module is handed in by whoever made sure that it is there."""
        drawn = figure_module.Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = drawn.subplots()
        for x, y, label in self.curves:
            axes.plot(x, y, "o" if self.points else "-", label=label or None, markersize=3)
        axes.set(title=self.title, xlabel=self.xlabel, ylabel=self.ylabel)
        if self.log:
            axes.set_yscale("log")
        if any(label for _, _, label in self.curves):
            axes.legend()
        drawn.savefig(path)
