"""The tensors of a file as a tree by dotted name, with sizes; also as data.

    digits_mlp.safetensors  safetensors  4 tensors  2,410 elements  9.4 KB
      format: pt
    fc1                    2,080  8.1 KB  86.3 %
      weight  f32[32, 64]  2,048  8.0 KB  85.0 %

Takes a listing (names, dtypes, shapes, bytes), gives text; opens nothing. Repeated layers are folded.
"""

from __future__ import annotations

from .units import figure, size

MAX_METADATA = 12
MAX_NAME = 60


class Node:
    """A part of the tree: its children by name, and the tensor if one has this very name."""

    __slots__ = ("children", "count", "entry", "nbytes")

    def __init__(self):
        self.children: dict[str, Node] = {}
        self.entry, self.count, self.nbytes = None, 0, 0


def render(listing, name: str, file_size: int, *, stats: dict | None = None, fold: bool = True,
           hashes: dict | None = None, color: bool = False) -> str:
    """The page for one file."""
    paint = _bold if color else _plain
    entries = listing.entries
    tensors = f"{len(entries)} tensor" + ("s" if len(entries) != 1 else "")
    more = f" of {size(file_size)}" if file_size > listing.nbytes + 65_536 else ""
    lines = [f"{paint(_printable(name, 300))}  {listing.format}  {tensors}  {listing.count:,} elements  "
             f"{size(listing.nbytes)}{more}{_kinds(entries)}"]
    lines += [f"  {note}" for note in listing.notes]
    lines += _metadata(listing.metadata)
    rows = _rows(entries, listing.nbytes, fold, stats or {}, hashes or {})
    return "\n".join([*lines, *_aligned(rows)])


def _kinds(entries) -> str:
    """The share of each dtype, where there are several."""
    sums: dict[str, int] = {}
    for entry in entries:
        sums[_short(entry.dtype)] = sums.get(_short(entry.dtype), 0) + entry.nbytes
    if len(sums) < 2:
        return ""
    return "  (" + ", ".join(f"{kind} {size(n)}" for kind, n in sorted(sums.items(), key=lambda kv: -kv[1])) + ")"


def _short(dtype: str) -> str:
    return _SHORT.get(dtype, dtype)


_SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32",
          "int16": "i16", "int8": "i8", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
          "complex64": "c64", "complex128": "c128", "complex32": "c32", "float8_e4m3fn": "f8e4m3",
          "float8_e5m2": "f8e5m2", "float8_e4m3fnuz": "f8e4m3fnuz", "float8_e5m2fnuz": "f8e5m2fnuz"}


def type_of(entry) -> str:
    """`f32[32, 64]`."""
    return f"{_short(entry.dtype)}[{', '.join(map(str, entry.shape))}]"


def _printable(text: object, limit: int = MAX_NAME) -> str:
    said = str(text)
    said = said if said.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in said)
    return said if len(said) <= limit else said[:limit - 1] + "…"


def _metadata(metadata: dict) -> list[str]:
    shown = [f"  {_printable(key)}: {_printable(value, 100)}" for key, value in list(metadata.items())[:MAX_METADATA]]
    more = len(metadata) - MAX_METADATA
    return [*shown, f"  … {more} more"] if more > 0 else shown


# ---------------------------------------------------------------- the tree

def tree_of(entries) -> Node:
    """Entries by the parts of their dotted names."""
    root = Node()
    for entry in entries:
        node = root
        for part in entry.name.split(".") if entry.name else []:
            node.count += entry.count
            node.nbytes += entry.nbytes
            node = node.children.setdefault(part, Node())
        node.count += entry.count
        node.nbytes += entry.nbytes
        node.entry = entry
    return root


def _rows(entries, total: int, fold: bool, stats: dict, hashes: dict) -> list[tuple]:
    rows: list[tuple] = []
    root = tree_of(entries)
    if root.entry is not None:
        rows.append(_row("", root, total, stats, hashes, 0))
    _walk(root, 0, rows, total, fold and not stats and not hashes, stats, hashes)
    return rows


def _walk(node: Node, depth: int, rows: list, total: int, fold: bool, stats: dict, hashes: dict) -> None:
    groups = _folded(node.children) if fold else [(name, [name]) for name in _ordered(node.children)]
    for label, names in groups:
        child = node.children[names[0]]
        if len(names) > 1:
            part = Node()
            part.children, part.entry = child.children, child.entry
            part.count = sum(node.children[n].count for n in names)
            part.nbytes = sum(node.children[n].nbytes for n in names)
            label = f"{label}  x {len(names)}"
        else:
            part = child
        while part.entry is None and len(part.children) == 1 and len(names) == 1 and depth < 40:
            below, part = next(iter(part.children.items()))
            label = f"{label}.{_printable(below)}"
        rows.append(_row("  " * min(depth, 20) + label, part, total, stats, hashes, len(names)))
        if depth < 60:
            _walk(part, depth + 1, rows, total, fold, stats, hashes)


def _ordered(children: dict) -> list[str]:
    """Layer 10 after layer 9, the rest in the order of the file."""
    numbers = [name for name in children if name.isdigit()]
    ranked = iter(sorted(numbers, key=lambda name: (len(name), name)))
    return [next(ranked) if name.isdigit() else name for name in children]


def _folded(children: dict) -> list[tuple[str, list[str]]]:
    """Runs of numbered children that look the same, as one: `0-11`."""
    groups: list[tuple[str, list[str]]] = []
    shapes: dict[str, tuple] = {}
    for name in _ordered(children):
        shapes[name] = _shape_of(children[name])
        last = groups[-1][1] if groups else []
        follows = last and name.isdigit() and last[-1].isdigit() and len(name) < 10 and int(name) == int(last[-1]) + 1
        if follows and shapes[last[0]] == shapes[name] and children[name].children:
            last.append(name)
        else:
            groups.append((name, [name]))
    return [(_printable(names[0]) if len(names) == 1 else f"{names[0]}-{names[-1]}", names) for _, names in groups]


def _shape_of(node: Node, depth: int = 0) -> tuple:
    """What makes two layers the same: names, types and shapes below them."""
    if depth > 60:
        return ()
    mine = (node.entry.dtype, node.entry.shape) if node.entry is not None else ()
    return mine, tuple((name, _shape_of(child, depth + 1)) for name, child in node.children.items())


def _row(label: str, node: Node, total: int, stats: dict, hashes: dict, times: int) -> tuple:
    share = f"{100 * node.nbytes / total:.1f} %" if total else ""
    entry = node.entry
    more = ""
    if entry is not None and times <= 1:
        parts = stats_text(stats.get(entry.name)), hashes.get(entry.name, "")[:16]
        more = "  ".join(part for part in parts if part)
    return label, type_of(entry) if entry is not None else "", f"{node.count:,}", size(node.nbytes), share, more


def stats_text(found: dict | None) -> str:
    """`-1.2 … 3.4  mean 0.1  std 0.9  3 % zero  2 NaN`."""
    if not found:
        return ""
    if "unread" in found:
        return found["unread"]
    if found["min"] is None:
        parts = ["no finite value" if found["count"] else "empty"]
    else:
        parts = [f"{figure(found['min'])} … {figure(found['max'])}", f"mean {figure(found['mean'])}",
                 f"std {figure(found['std'])}"]
    if found["zeros"]:
        parts.append(f"{100 * found['zeros'] / max(1, found['count']):.3g} % zero")
    parts += [f"{found[key]} {word}" for key, word in (("nan", "NaN"), ("inf", "Inf")) if found[key]]
    return "  ".join(parts)


def _aligned(rows: list[tuple]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[k]) for row in rows) for k in range(5)]
    return ["  ".join((row[0].ljust(widths[0]), row[1].ljust(widths[1]),
                       *(row[k].rjust(widths[k]) for k in (2, 3, 4)), row[5])).rstrip() for row in rows]


def as_data(listing, name: str, file_size: int, stats: dict | None = None, hashes: dict | None = None) -> dict:
    """The same as data."""
    tensors = []
    for entry in listing.entries:
        row = {"name": entry.name, "dtype": entry.dtype, "shape": list(entry.shape), "count": entry.count,
               "bytes": entry.nbytes}
        if stats and entry.name in stats:
            row["stats"] = stats[entry.name]
        if hashes and entry.name in hashes:
            row["sha256"] = hashes[entry.name]
        tensors.append(row)
    return {"file": name, "format": listing.format, "size": file_size, "count": listing.count,
            "bytes": listing.nbytes, "metadata": listing.metadata, "notes": listing.notes, "tensors": tensors}


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m"


def _plain(text: str) -> str:
    return text
