"""A gradient trace as one HTML page that needs nothing else: source, graph, histograms.

Each line of the program has two columns, the largest gradient norm of its ops and the time of their gradients; below
stand the graph (an arrow for each gradient) and the distribution of every parameter's gradient. Pointing at a line marks
its ops. Takes the rows of `engine.tracing`, gives text.
"""

from __future__ import annotations

import math
from html import escape

from .gradtrace import health, mark_of, place_of, saved_of, title_of
from .units import BLOCKS, duration, figure, size

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 210, 46, 26, 34


def page(rows: list, title: str = "Gradient trace") -> str:
    """The whole page."""
    rows = list(rows)
    parts = [_totals(rows), "<h2>Program</h2>", *_sources(rows), "<h2>Graph</h2>", _graph(rows), "<h2>Parameters</h2>",
             _parameters(rows)]
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
            f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n" + "\n".join(parts) +
            f"\n<script>{_SCRIPT}</script>\n</body></html>")


def _totals(rows: list) -> str:
    seconds, saved = sum(row.seconds for row in rows), sum(row.saved_bytes for row in rows)
    marks = [f"{sum(mark_of(row) == mark for row in rows)} {mark}" for mark in ("vanishing", "exploding", "nan")
             if any(mark_of(row) == mark for row in rows)]
    leaves = sum(row.leaf for row in rows)
    ops = len(rows) - leaves
    said = [f"{ops} op{'s' * (ops != 1)}", f"{leaves} {'leaf' if leaves == 1 else 'leaves'}",
            f"{duration(seconds)} backward", f"{size(saved)} saved", *marks]
    return f"<p>{escape('  ·  '.join(said))}</p>"


# ---------------------------------------------------------------- the program

def _sources(rows: list) -> list[str]:
    """A listing of each source that a row comes from, in the order of the program."""
    found: dict[str, object] = {}
    for row in rows:
        if row.span is not None:
            found.setdefault(row.span.source.name, row.span.source)
    names = sorted(found, key=lambda name: (len(name), name) if name.startswith("<tsr ") else (0, name))
    listings = [_listing(found[name], rows) for name in names]
    return listings or ["<p>The program ran without positions; <code>tcli --trace</code> notes them.</p>"]


def _listing(source, rows: list) -> str:
    here = [row for row in rows if row.span is not None and row.span.source.name == source.name]
    norms = [row.grad_norm for row in here if math.isfinite(row.grad_norm) and row.grad_norm > 0]
    slowest = max((sum(r.seconds for r in here if r.span.line == row.span.line) for row in here), default=0.0) or 1.0
    lines = []
    for number, text in enumerate(source.text.rstrip().split("\n"), 1):
        own = [row for row in here if row.span.line == number]
        lines.append(_line(number, text, own, norms, slowest, rows))
    return (f"<table class=source><caption>{escape(source.name)}</caption><tr><th>line<th>|g|<th><th>time<th><th>source</tr>"
            + "".join(lines) + "</table>")


def _line(number: int, text: str, own: list, norms: list, slowest: float, rows: list) -> str:
    if not own:
        return f"<tr><td class=n>{number}<td><td><td><td><td><code>{escape(text) or ' '}</code></tr>"
    norm, seconds = max((row.grad_norm for row in own), key=_badness), sum(row.seconds for row in own)
    mark = next((m for m in ("nan", "exploding", "vanishing") if any(mark_of(row) == m for row in own)), "")
    ids = " ".join(f"n{i}" for i, row in enumerate(rows) if row in own)
    said = escape("; ".join(filter(None, (health(row) for row in own))))
    return (f'<tr class="{mark}" data-nodes="{ids}" title="{said}"><td class=n>{number}<td class=n>{escape(figure(norm))}'
            f"<td>{_bar(_log_share(norm, norms))}<td class=n>{escape(duration(seconds)) if seconds else ''}"
            f"<td>{_bar(seconds / slowest)}<td><code>{escape(text)}</code></tr>")


def _badness(norm: float) -> float:
    return math.inf if norm != norm else norm


def _log_share(norm: float, norms: list) -> float:
    """Where a norm lies between the smallest and the largest, by its logarithm."""
    if norm != norm or not norms or norm <= 0:
        return 1.0 if norm != norm else 0.0
    low, high = math.log(min(norms)), math.log(max(norms))
    return 1.0 if high == low else 0.1 + 0.9 * (math.log(norm) - low) / (high - low)


def _bar(share: float) -> str:
    return f'<span class=bar style="width:{60 * max(0.0, min(1.0, share)):.0f}px"></span>'


# ---------------------------------------------------------------- the graph

def _graph(rows: list) -> str:
    """Boxes in layers: an op lies one layer below the last op that it feeds; the loss is on top."""
    if not rows:
        return "<p>empty</p>"
    layer = [0] * len(rows)
    for i in _by_users_first(rows):
        for j in rows[i].inputs:
            layer[j] = max(layer[j], layer[i] + 1)
    places, widths = [(0, 0)] * len(rows), {}
    for i, at in enumerate(layer):
        column = widths.get(at, 0)
        places[i], widths[at] = (column, at), column + 1
    width = max(widths.values()) * (BOX_WIDTH + GAP_X)
    height = (max(layer) + 1) * (BOX_HEIGHT + GAP_Y)
    xy = [((column + 0.5) * width / widths[at] - BOX_WIDTH / 2, at * (BOX_HEIGHT + GAP_Y) + 8) for column, at in places]
    arrows = [_arrow(xy[i], xy[j]) for i, row in enumerate(rows) for j in row.inputs]
    boxes = [_box(i, row, *xy[i]) for i, row in enumerate(rows)]
    return (f'<div class=graph><svg width="{width:.0f}" height="{height:.0f}" role="img" aria-label="graph">'
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z" class=tip></path></marker></defs>' + "".join(arrows + boxes) + "</svg></div>")


def _by_users_first(rows: list) -> list[int]:
    """The rows so that each comes after all the rows that feed it."""
    waiting = [0] * len(rows)
    for row in rows:
        for j in row.inputs:
            waiting[j] += 1
    order = [i for i, users in enumerate(waiting) if not users]
    for i in order:
        for j in rows[i].inputs:
            waiting[j] -= 1
            if not waiting[j]:
                order.append(j)
    return order


def _arrow(start: tuple, end: tuple) -> str:
    x1, y1, x2, y2 = start[0] + BOX_WIDTH / 2, start[1] + BOX_HEIGHT, end[0] + BOX_WIDTH / 2, end[1] - 1
    bend = max(GAP_Y / 2, (y2 - y1) / 2)
    return (f'<path class=edge marker-end="url(#tip)" d="M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} '
            f'{x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"></path>')


def _box(number: int, row, x: float, y: float) -> str:
    first = _cut(title_of(row), 30)
    second = _cut(f"{row.dtype_shape}  |g| {figure(row.grad_norm)}", 34)
    facts = [title_of(row), row.op, row.dtype_shape, f"|g| {figure(row.grad_norm)}", health(row),
             saved_of(row) and f"saved {saved_of(row)}", duration(row.seconds) if row.seconds else "", place_of(row)]
    return (f'<g id="n{number}" class="{"leaf " if row.leaf else ""}{mark_of(row)}" transform="translate({x:.0f} {y:.0f})">'
            f"<title>{escape(chr(10).join(filter(None, facts)))}</title>"
            f'<rect width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="{20 if row.leaf else 4}"></rect>'
            f'<text x="{BOX_WIDTH / 2:.0f}" y="18">{escape(first)}</text>'
            f'<text x="{BOX_WIDTH / 2:.0f}" y="35" class=small>{escape(second)}</text></g>')


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[:width - 1] + "…"


# ---------------------------------------------------------------- the parameters

def _parameters(rows: list) -> str:
    """Each leaf with its numbers and the histogram of the magnitudes of its gradient."""
    cells = []
    for row in rows:
        if row.leaf:
            numbers = (figure(row.grad_norm), f"{100 * row.zeros:.0f} %", row.nan, row.inf)
            cells.append(f'<tr class="{mark_of(row)}"><td><code>{escape(row.name or "leaf")}</code>'
                         f"<td>{escape(row.dtype_shape)}{''.join(f'<td class=n>{each}' for each in numbers)}"
                         f"<td>{_histogram(row.spark or '')}</tr>")
    head = "<tr><th>name<th>shape<th>|g|<th>zero<th>NaN<th>Inf<th>|gradient|, small to large</tr>"
    return f"<table class=leaves>{head}{''.join(cells)}</table>"


def _histogram(spark: str) -> str:
    bars = "".join(f'<rect x="{12 * i}" y="{26 - 3 * height}" width="11" height="{3 * height}"></rect>'
                   for i, height in enumerate(BLOCKS.find(each) + 1 for each in spark))
    return f'<svg class=histogram width="{12 * max(1, len(spark))}" height="26">{bars}</svg>'


_STYLE = """
:root{color-scheme:light dark;--ink:#1d2433;--ground:#fff;--soft:#8a93a6;--line:#d5dae3;--bar:#4a7fd0;--box:#f4f6fa;
--leaf:#e3f2e6;--bad:#c62828;--warm:#c77700}
@media(prefers-color-scheme:dark){:root{--ink:#dde3ee;--ground:#14181f;--soft:#7d879a;--line:#303846;--bar:#5b93e6;
--box:#1f2631;
--leaf:#1d3326;--bad:#ff6b6b;--warm:#ffb454}}
body{font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--ground);margin:2em auto;max-width:1200px;
padding:0 1em}
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}
table{border-collapse:collapse}caption{text-align:left;color:var(--soft);padding:.3em 0}
td,th{padding:1px 10px 1px 0;text-align:left;vertical-align:middle}th{color:var(--soft);font-weight:normal}
.n{text-align:right;font-variant-numeric:tabular-nums;color:var(--soft)}code,text{font-family:ui-monospace,monospace;font-size:13px}
code{white-space:pre}.bar{display:inline-block;height:9px;background:var(--bar);border-radius:2px}
.source tr[data-nodes]:hover{background:var(--box)}
.vanishing .n,.exploding .n{color:var(--warm)}.nan .n{color:var(--bad)}
.graph{overflow:auto;border:1px solid var(--line);border-radius:6px;padding:8px;max-height:75vh}
.graph rect{fill:var(--box);stroke:var(--line)}.graph .leaf rect{fill:var(--leaf)}
.graph text{fill:var(--ink);text-anchor:middle}
.graph .small{font-size:11px;fill:var(--soft)}.edge{fill:none;stroke:var(--soft)}.tip{fill:var(--soft)}
.graph .vanishing rect,.graph .exploding rect{stroke:var(--warm);stroke-width:2}
.graph .nan rect{stroke:var(--bad);stroke-width:2}
.graph .on rect{stroke:var(--bar);stroke-width:3}.histogram rect{fill:var(--bar)}
"""

_SCRIPT = """
for (const line of document.querySelectorAll("tr[data-nodes]")) {
  const nodes = line.dataset.nodes.split(" ").map(id => document.getElementById(id)).filter(Boolean);
  line.addEventListener("mouseenter", () => nodes.forEach(node => node.classList.add("on")));
  line.addEventListener("mouseleave", () => nodes.forEach(node => node.classList.remove("on")));
}
"""
