"""How results are written: the echo of bare expressions and the formats of -o.

Off the terminal the echo is what `print` gives: no colour, no limit. On a terminal a tensor gets a
header line first. `-o json|csv|tsv|md|npy|npz|safetensors|pt|bin:<f4` writes data for other programs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from ..errors import BadValue
from ..show import is_table, is_tensor, is_terminal
from .options import Settings

LEAST_LINES = 20  # of a result are shown, however low the screen is


def echo_for(settings: Settings) -> Callable[[object], None]:
    """The function that shows a value as the settings ask."""
    if settings.raw:
        return lambda value: print(bare(value))
    if settings.output in BINARY or settings.output.startswith("bin:"):
        return lambda value: write_binary(value, settings.output)
    if settings.output == "text" and is_terminal(sys.stdout):
        from .run import wants_color

        color = wants_color(settings, sys.stdout)
        return lambda value: print(shown(value, color=color))
    writer = WRITERS[settings.output]
    return lambda value: print(writer(value))


def plain(value: object) -> str:
    """What `print` gives; text is quoted, as at Python's prompt."""
    return repr(value) if isinstance(value, str) else str(value)


def shown(value: object, *, color: bool = False, form: str = "short", header: bool = True, full: bool = False,
          width: int | None = None) -> str:
    """For a person: a tensor with its header line, its numbers in a format of `:fmt`, all of them if `full`.

    width: that of the screen, where it is not stdout.
    """
    if not is_tensor(value):
        return _not_a_tensor(value, color, full, width)
    if value.ndim == 0 and value.grad_fn is None and form == "short":
        return plain(value)
    from ..show.tensor import header as header_of
    from ..show.tensor import header_lines
    from ..show.values import Look, render

    screen, names = _screen(color, width), dim_names(value)
    numbers = render(value, screen, Look(form, rows=None) if full else Look(form), names)
    if not header:
        return numbers
    return "\n".join([*(screen.paint(line, "36") for line in header_lines(header_of(value, names), screen.width)), numbers])


def _screen(color: bool, width: int | None = None):
    """Stdout, or a screen as wide as that."""
    from ..show.screen import Screen

    screen = Screen.of(sys.stdout, "auto" if color else "never")
    return Screen(width, screen.height, screen.color) if width else screen


def _not_a_tensor(value: object, color: bool, full: bool, width: int | None) -> str:
    if isinstance(value, (dict, list, tuple)):
        return plain(value) if full else _collection(value)
    if isinstance(value, (str, int, float, complex)):
        return plain(value)
    if is_table(value):
        from ..show.table import render

        return render(value, _screen(color, width), rows=None if full else 12)
    if type(value).__module__.startswith("tcli.") and hasattr(value, "on_screen"):
        return value.on_screen(_screen(color, width))
    from ..show.objects import described

    found = described(value)
    return plain(value) if found is None else found


def _collection(value: object) -> str:
    """A line for each tensor where written out they would fill the screen."""
    from ..show.collection import is_large, lines

    return "\n".join(lines(value)) if is_large(value) else plain(value)


def echoed(value: object, *, color: bool = False, form: str = "short", header: bool = True,
           limit: int | None = 20_000) -> str:
    """What the prompt shows of a result; beyond `limit` characters, or a screen of lines, a footer says how to see the rest."""
    part = _first(value, limit) if limit is not None else value
    text = shown(part, color=color, form=form, header=header, full=limit is None)
    if limit is None:
        return text
    seen = text[:limit] if is_tensor(value) else _on_a_screen(text[:limit])
    if len(seen) == len(text) and part is value:
        return text
    many = isinstance(value, (list, tuple, dict, set, frozenset)) and "\n" not in text
    lines = text.count("\n") + 1
    count = f"{len(value):,} elements" if many else f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
    return f"{seen}\n… of {count}: :full shows all"


def _on_a_screen(text: str) -> str:
    """The beginning of a text, at most what a screen holds."""
    from ..show.cells import cell_width

    screen = _screen(False)
    room, kept = max(LEAST_LINES, screen.height - 4), []
    for line in text.split("\n"):
        needed = max(1, -(-cell_width(line) // screen.width))
        if needed > room:
            kept += [line[:room * screen.width - 1]] if room > 0 else []
            break
        kept.append(line)
        room -= needed
    return "\n".join(kept)


def _first(value: object, limit: int) -> object:
    """A list or tuple so long that its text would be too: only what could be shown of it."""
    return value[:limit] if type(value) in (list, tuple) and len(value) > limit else value


def dim_names(value: object) -> tuple | None:
    """The names a contract bound to the dims of a tensor."""
    names = getattr(value, "_dim_names", None)
    return names if names is not None and len(names) == value.ndim and any(names) else None


def as_json(value: object) -> str:
    """One line of JSON; NaN and infinities, which JSON lacks, become null."""
    from json import dumps

    return dumps(_json_value(value), ensure_ascii=False)


def _json_value(value: object) -> object:
    if is_tensor(value) or type(value).__module__ == "numpy":
        return _json_value(value.tolist())
    if isinstance(value, dict):
        return {str(key): _json_value(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_json_value(each) for each in value]
    if isinstance(value, complex):
        return [_json_value(value.real), _json_value(value.imag)]
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def as_table(value: object, separator: str) -> str:
    """Rows of numbers: a vector is a column, a matrix is itself; a Table has a line of names first."""
    if is_table(value):
        lines = [value.columns, *zip(*(_listed(each) for each in value.values()), strict=True)]
        return "\n".join(separator.join(map(_cell, line)) for line in lines)
    rows = value.tolist() if is_tensor(value) or type(value).__module__ == "numpy" else value
    if not isinstance(rows, (list, tuple)):
        return _cell(rows)
    if any(isinstance(cell, (list, tuple)) for row in rows if isinstance(row, (list, tuple)) for cell in row):
        raise BadValue(f"a table has two dims, this value has shape {list(getattr(value, 'shape', ()))}",
                       help="reshape it, or use -o json or -o npy")
    return "\n".join(separator.join(map(_cell, row)) if isinstance(row, (list, tuple)) else _cell(row)
                     for row in rows)


def _cell(value: object) -> str:
    text = str(value)
    if isinstance(value, str) and any(char in text for char in ',"\n\t'):
        return '"' + text.replace('"', '""') + '"'
    return text


def bare(value: object) -> str:
    """Values alone: text without quotes, a number or a row of numbers a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    rows = value.tolist() if is_tensor(value) else value
    if is_tensor(value) and value.ndim > 2:
        rows = value.reshape(-1, value.shape[-1]).tolist()
    return as_table(rows, " ") if isinstance(rows, (list, tuple)) else str(rows)


def as_markdown(value: object) -> str:
    """A table in Markdown: the columns of a Table or a dict, or numbered ones."""
    if hasattr(value, "items"):
        names, columns = list(value.keys()), [_listed(each) for each in value.values()]
        if not all(isinstance(column, list) for column in columns):
            columns, names = [names, [_cell(each) for each in columns]], ["name", "value"]
        rows = [list(row) for row in zip(*columns, strict=False)]
    else:
        rows = _listed(value)
        rows = [row if isinstance(row, list) else [row] for row in (rows if isinstance(rows, list) else [rows])]
        names = [str(k) for k in range(max(map(len, rows), default=0))]
    if any(isinstance(cell, list) for row in rows for cell in row):
        raise BadValue(f"a table has two dims, this value has shape {list(getattr(value, 'shape', ()))}")
    lines = [names, ["---"] * len(names), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _listed(value: object) -> object:
    return value.tolist() if hasattr(value, "tolist") else list(value) if isinstance(value, tuple) else value


BINARY = ("npy", "npz", "safetensors", "pt")


def write_binary(value: object, format: str) -> None:
    """A whole file on stdout, which may be a pipe."""
    from ..io import writer_for

    if type(value).__module__ == "numpy":
        from ..engine.tensor import as_tensor

        value = as_tensor(value)
    sys.stdout.flush()
    writer_for("stdout", format).save(value, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def exact(value: object) -> str:
    """Text that gives the same value back: every number in full."""
    if not is_tensor(value):
        return repr(value)
    dtype = str(value.dtype)
    suffix = "" if dtype in ("torch.float32", "torch.int64", "torch.bool") else f", dtype={dtype}"
    return f"tensor({_exact_numbers(value)}{suffix})"


def _exact_numbers(value: object) -> str:
    """float32 values with the fewest digits that give them back."""
    import numpy

    array = numpy.asarray(value.detach().cpu().numpy())
    return numpy.array2string(array, separator=", ", threshold=sys.maxsize, max_line_width=sys.maxsize,
                              floatmode="unique").replace("\n", "").replace("],  ", "], ")


WRITERS = {"text": plain, "repr": exact, "json": as_json, "csv": lambda value: as_table(value, ","),
           "tsv": lambda value: as_table(value, "\t"), "md": as_markdown}
