"""The functions that draw: `summary deep heat hist spark plot scatter imshow`, and `model_summary`.

Takes what a program has (tensors, arrays, lists), hands NumPy arrays to `show`, prints what comes back on stdout.
Only `spark` gives its text back instead, since it is one line and fits into an f-string.
"""

from __future__ import annotations

import sys

from ..errors import ArgumentError, BadValue, ShapeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST = 1_000_000  # values that a picture looks at; more are sampled evenly


def names_for(session) -> dict[str, object]:
    """The functions for the programs of one session."""
    pictures = Pictures(session)
    drawing = ("summary", "model_summary", "deep", "heat", "hist", "spark", "plot", "scatter", "imshow")
    return {name: getattr(pictures, name) for name in drawing}


class Pictures:
    """The drawing functions; `session.color` says whether colours are wished for."""

    def __init__(self, session):
        self._session = session

    def _screen(self):
        from ..show.screen import Screen

        return Screen.of(sys.stdout, self._session.color)

    # ------------------------------------------------------------ words

    def summary(self, x, input_size=None, depth: int = 3, **options) -> None:
        """Prints what a tensor is: shape, device, range, moments, quantiles, zeros, bytes and layout.

        A module is shown as by `model_summary(x, input_size, depth)`; a dict or list of tensors has a line for each.

        >>> summary(tensor([1., 2., 4.]))
        f32[3]  cpu  |  1.00 … 4.00  mean 2.33  std 1.53
        12 B  strides (1,)  0 % zero
        quantiles  0: 1.00  1 %: 1.02  25 %: 1.50  50 %: 2.00  75 %: 3.00  99 %: 3.96  100 %: 4.00
        """
        if _is_module(x):
            from .model_summary import model_summary

            print(model_summary(x, input_size, depth, **options).text(self._screen().width))
        elif _is_entries(x):
            from ..show.collection import lines

            print("\n".join(lines(x, 1)))
        else:
            from ..show.summary import summary

            print(summary(_tensor(x)))

    def model_summary(self, model, input_shape=None, depth: int = 3, *, dtypes=None, **options):
        """The layers of a module as a table: output shapes, parameters, floating-point operations and memory.

        input_shape: the shape of the input, a list of shapes, or a tensor or several; without it the table has no shapes.
        depth: levels below the model that are shown. dtypes: those of inputs given by shape (float32). options: keyword
        arguments of `forward`. Raises what the model raises on such shapes, with the layer's name.

        >>> print(model_summary(nn.Linear(3, 2), (5, 3)))
        layer   output     params  flops  output bytes
        Linear  f32[5, 2]       8     60          40 B
        <BLANKLINE>
        parameters   8 (32 B), all trainable
        input        f32[5, 3] (60 B)
        flops        60 (30 mult-adds in products)
        activations  40 B of results, 60 B saved for backward
        """
        from .model_summary import model_summary

        return model_summary(model, input_shape, depth, dtypes=dtypes, **options)

    def deep(self, x, depth: int = 1, limit: int = 12) -> None:
        """Prints the summary line of `x` and of its parts along the first `depth` dims, at most `limit` of each.

        Of a module, a table, a dict or a list of tensors: a line for each entry, `depth` levels deep.

        >>> deep(arange(6).view(2, 3))
        i64[2, 3]  cpu  |  0 … 5  mean 2.50  std 1.87
          [0]  i64[3]  cpu  |  0 … 2  mean 1.00  std 1.00
          [1]  i64[3]  cpu  |  3 … 5  mean 4.00  std 1.00
        """
        if _is_module(x) or _is_entries(x):
            from ..show.collection import lines

            print("\n".join(lines(x, max(1, depth), limit)))
            return
        from ..show.summary import deep

        print("\n".join(deep(_tensor(x), depth, limit)))

    def spark(self, x, width: int = 40) -> str:
        """The course of a vector as one line of blocks.

        >>> print(spark([1, 2, 3, 2, 1]))
        ▁▅█▅▁
        """
        from ..show.charts import sparkline

        return sparkline(_values(x), width)

    # ------------------------------------------------------------ pictures

    def hist(self, x, bins: int = 16) -> None:
        """Prints a histogram of all elements of `x`, NaN and infinities counted apart.

        >>> hist(tensor([0., 0., 1.]), bins=2)
            0 … 0.500  ██████████████████████████████████████████████████████████████ 2
        0.500 …  1.00  ███████████████████████████████ 1
        """
        from ..show.charts import histogram

        if bins < 1:
            raise BadValue(f"hist(): bins must be at least 1, not {bins}")
        print(histogram(_values(x), self._screen(), bins))

    def heat(self, x) -> None:
        """Prints a matrix (rows, columns), or a vector as one row, as a map of colours or shades.

        >>> heat(tensor([[0., 1.], [2., 3.]]))
          --
        **@@
        0   ..::--==++**##%%@@ 3.00
        """
        from ..show.maps import heat

        values = _array(x)
        if values.ndim > 2:
            raise ShapeError(f"heat() draws a matrix, this tensor has {values.ndim} dims", help="choose one: heat(x[0])")
        print(heat(abs(values) if values.dtype.kind == "c" else values, self._screen()))

    def plot(self, x, y=None, *, label="", title: str = "", xlabel: str = "", ylabel: str = "", log: bool = False,
             width: int | None = None, height: int | None = None, file: str | None = None) -> None:
        """Draws y against its index, or y against x; the columns of a matrix are one curve each.

        x, y: tensors or lists of n numbers, y also (n, curves). label: a text, or one per curve. log: y on a logarithmic
        scale. file: writes a .svg, .png or .pdf through matplotlib instead of drawing in the terminal.
        """
        curves = _curves(x, y, label)
        self._draw(curves, False, title, xlabel, ylabel, log, width, height, file)

    def scatter(self, x, y=None, *more, label="", title: str = "", xlabel: str = "", ylabel: str = "", log: bool = False,
                width: int | None = None, height: int | None = None, file: str | None = None):
        """Draws points: y against x, or the rows of an (n, 2) tensor. The options are those of `plot`.

        `scatter(x, dim, index, src)` is `torch.scatter`: without import the name serves both.
        """
        if more or isinstance(y, int):
            from ..engine.registry import T

            return T.scatter(x, y, *more)
        if y is None:
            pairs = _array(x)
            if pairs.ndim != 2 or pairs.shape[1] != 2:
                raise ShapeError(f"scatter() takes x and y, or a tensor of shape (n, 2); this one is {list(pairs.shape)}")
            x, y = pairs[:, 0], pairs[:, 1]
        return self._draw(_curves(x, y, label), True, title, xlabel, ylabel, log, width, height, file)

    def _draw(self, curves, points, title, xlabel, ylabel, log, width, height, file) -> None:
        from ..show.charts import Figure

        figure = Figure(curves, points=points, title=title, xlabel=xlabel, ylabel=ylabel, log=log)
        if file is None:
            print(figure.text(self._screen(), width, height))
            return
        from ..io.access import check
        from ..io.extras import need

        path = check(file, write=True)
        figure.save(path, need("matplotlib.figure", "plot(file=...)", "matplotlib"))
        print(f"wrote {file}", file=sys.stderr)

    def imshow(self, img) -> None:
        """Prints an image: (H, W), (H, W, 3 or 4), (3 or 1, H, W); integers from 0 to 255, floats from 0 to 1 or scaled."""
        from ..show.maps import image

        print(image(_pixels(img), self._screen()))


# ---------------------------------------------------------------- from a program's values to arrays

def _is_module(x) -> bool:
    from ..nn.module import Module

    return isinstance(x, Module)


def _is_entries(x) -> bool:
    """A collection of named or numbered parts, not a list of numbers or of rows."""
    from ..engine.tensor import Tensor
    from ..show.collection import is_collection

    return is_collection(x) and (not isinstance(x, (list, tuple)) or any(isinstance(each, (Tensor, dict)) for each in x))


def _tensor(x):
    from ..engine.tensor import as_tensor
    from ..show import is_tensor

    return x if is_tensor(x) else as_tensor(x)


def _array(x):
    from ..show.tensor import host_values

    return host_values(_tensor(x))


def _values(x):
    """All elements in a row, evenly sampled where there are very many."""
    t = _tensor(x).detach().reshape(-1)
    values = _array(t[::-(-t.numel() // MOST)] if t.numel() > MOST else t)
    return abs(values) if values.dtype.kind == "c" else values


def _curves(x, y, label) -> list[tuple[Any, Any, str]]:
    import numpy as np

    heights = _array(x if y is None else y).astype(np.float64)
    places = np.arange(heights.shape[0] if heights.ndim else 1, dtype=np.float64) if y is None \
        else _array(x).astype(np.float64).reshape(-1)
    heights = heights.reshape(-1) if heights.ndim < 2 else heights
    if heights.ndim > 2:
        raise ShapeError(f"plot() draws a vector or the columns of a matrix, this tensor has {heights.ndim} dims")
    if len(places) != len(heights):
        raise ShapeError(f"x has {len(places)} values, y has {len(heights)}")
    columns = [heights] if heights.ndim == 1 else list(heights.T)
    labels = [label] if isinstance(label, str) else [str(each) for each in label]
    if len(labels) not in (1, len(columns)):
        raise ArgumentError(f"{len(labels)} labels for {len(columns)} curves")
    if len(labels) == 1 and len(columns) > 1:
        labels = [labels[0] and f"{labels[0]} {i}" for i in range(len(columns))]
    return [(places[good], column[good], name) for column, name in zip(columns, labels, strict=True)
            for good in [np.isfinite(places) & np.isfinite(column)]]


def _pixels(img):
    """(H, W) or (H, W, 3), numbers from 0 to 1."""
    import numpy as np

    values = _array(img)
    if values.ndim == 3 and values.shape[0] in (1, 3, 4) and values.shape[2] not in (1, 3, 4):
        values = np.moveaxis(values, 0, -1)
    if values.ndim not in (2, 3) or values.ndim == 3 and values.shape[2] not in (1, 3, 4):
        raise ShapeError(f"imshow() takes (H, W), (H, W, 3) or (3, H, W); this is {list(_tensor(img).shape)}")
    if not values.size:
        raise ShapeError("imshow(): the image is empty")
    if values.dtype == np.uint8:
        values = values / 255.0
    elif values.dtype != bool:
        values = np.nan_to_num(values.astype(np.float64))
        low, high = values.min(), values.max()
        if low < 0 or high > 1:
            values = values / 255.0 if 1 < high <= 255 and low >= 0 and values.dtype.kind in "iu" else \
                (values - low) / ((high - low) or 1.0)
    values = values.astype(np.float64)
    return values if values.ndim == 2 else values[..., 0] if values.shape[2] == 1 else values[..., :3]
