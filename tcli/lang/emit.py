"""The program without its sugar, as text: what `--emit torch` prints.

Takes a `Source`, gives Python that runs with PyTorch (or NumPy). Only the sugar's own stretches of
text are replaced; comments, blank lines and layout stay. What `lang` cannot know, where a bare name
like `randn` lives, comes in as a dict.
"""

from __future__ import annotations

from _ast import (
    AST,
    AnnAssign,
    Attribute,
    BinOp,
    Call,
    ClassDef,
    Expr,
    FunctionDef,
    Import,
    ImportFrom,
    List,
    ListComp,
    Load,
    Module,
    Name,
    Subscript,
    alias,
    arg,
    expr,
    stmt,
)

from tcli.errors import TsrSyntaxError
from tcli.lang.contracts import is_contract
from tcli.lang.lower import called_for_effect, has_docstring, python_knows
from tcli.lang.nodes import HelpRequest, Matrix, Pipe
from tcli.lang.parser import parse
from tcli.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    # Replace text[start:end] by the string.
    Edit = tuple[int, int, str]

HEADERS = {"torch": "import torch", "nn": "from torch import nn", "F": "import torch.nn.functional as F",
           "optim": "from torch import optim", "math": "import math", "np": "import numpy as np"}
TENSOR = {"torch": "torch.tensor", "numpy": "np.array"}

# Calls that return None, as far as one can tell from their names.
SILENT = frozenset("""
    print backward step zero_grad train eval save append extend insert remove clear update sort reverse add_module
    set_printoptions retain_grad shuffle close add
    """.split())


def emit(source: Source, mode: str = "torch", names: Mapping[str, str] | None = None) -> str:
    """The sugar-free program. `names` says where bare names live, e.g. {"randn": "torch.randn"}.

    >>> print(emit(Source("x = [1, 2; 3, 4]  # two rows\\nx |> sum")), end="")
    import torch
    x = torch.tensor([[1, 2], [3, 4]])  # two rows
    print(sum(x))
    """
    try:
        return Emitter(source, mode, dict(names or {})).text()
    except RecursionError:
        pass
    raise TsrSyntaxError("nested too deeply", help="compute parts of it first and name them")


class Emitter:
    """The edits of one program."""

    def __init__(self, source: Source, mode: str, names: dict[str, str]) -> None:
        self.source, self.tensor = source, TENSOR[mode]
        self.module = parse(source)
        self.line_starts = [0]
        for line in source.lines:
            self.line_starts.append(self.line_starts[-1] + len(line) + 1)
        self.bound = set(bound_names(self.module))
        self.names = {name: home for name, home in names.items() if name not in self.bound}
        self.used: set[str] = set()

    def text(self) -> str:
        statements = self.statements()
        edits = statements + self.edits(self.module)
        header = [line for name, line in HEADERS.items() if name in self.used and name not in self.bound]
        place = self.header_place()
        edits.insert(0, (place, place, "".join(line + "\n" for line in header)))
        return self.spliced(0, len(self.source.text), edits).rstrip("\n") + "\n"

    def header_place(self) -> int:
        """Where imports may stand: behind a docstring and the imports from `__future__`."""
        for index, node in enumerate(self.module.body):
            future = isinstance(node, ImportFrom) and node.module == "__future__"
            if not future and not (index == 0 and has_docstring(self.module.body)):
                return self.line_starts[self.source.span_of_node(node).line - 1]
        return 0

    # ---------------------------------------------------------------- text and places

    def span(self, node: Any) -> tuple[int, int]:
        """Character offsets of a node."""
        span = self.source.span_of_node(node)
        return (self.line_starts[span.line - 1] + span.column - 1,
                self.line_starts[span.end_line - 1] + span.end_column - 1)

    def spliced(self, start: int, end: int, edits: list[Edit]) -> str:
        """text[start:end] with the edits made; of edits inside each other the outer one counts."""
        parts, place = [], start
        for begin, stop, new in sorted(edits, key=lambda edit: (edit[0], edit[0] != edit[1], -edit[1])):
            if begin < place or stop > end:
                continue
            parts += [self.source.text[place:begin], new]
            place = stop
        return "".join([*parts, self.source.text[place:end]])

    def render(self, node: AST) -> str:
        """The text of a node, sugar inside replaced."""
        start, end = self.span(node)
        return self.spliced(start, end, self.edits(node))

    def edits(self, top: AST) -> list[Edit]:
        """The edits for the outermost sugar in `top`."""
        edits: list[Edit] = []
        nodes = [top]
        while nodes:
            node = nodes.pop()
            found = self.edits_of(node)
            edits += found
            if not isinstance(node, (Pipe, Matrix)):
                nodes += children(node)
        return edits

    def edits_of(self, node: AST) -> list[Edit]:
        if isinstance(node, Name):
            return self.name(node)
        if isinstance(node, (Pipe, Matrix)):
            return [(*self.span(node), self.sugar(node))]
        if isinstance(node, BinOp):
            return self.list_operands(node)
        if isinstance(node, (AnnAssign, FunctionDef, arg)):
            return self.contract(node)
        return []

    # ---------------------------------------------------------------- expressions

    def name(self, node: Name) -> list[Edit]:
        home = self.names.get(node.id, node.id)
        self.used.add(home.partition(".")[0])
        return [(*self.span(node), home)] if home != node.id and isinstance(node.ctx, Load) else []

    def sugar(self, node: Pipe | Matrix) -> str:
        if isinstance(node, Matrix):
            self.used.add(self.tensor.partition(".")[0])
            rows = [", ".join([self.render(value) for value in row.elts]) for row in node.rows]
            return f"{self.tensor}([" + ", ".join(f"[{row}]" for row in rows) + "])"
        value, stage = self.argument(node.value), node.stage
        if not isinstance(stage, Call) or node.grouped:
            return f"{self.function(stage)}({value})"
        rest = sorted([*stage.args, *stage.keywords], key=self.span)
        return f"{self.function(stage.func)}({', '.join([value, *[self.render(one) for one in rest]])})"

    def argument(self, node: expr) -> str:
        return self.sugar(node) if isinstance(node, (Pipe, Matrix)) else self.render(node)

    def function(self, node: expr) -> str:
        text = self.render(node)
        return text if isinstance(node, (Name, Attribute, Call, Subscript)) else f"({text})"

    def list_operands(self, node: BinOp) -> list[Edit]:
        """`[1, 2] * 2.0`: a list display where Python wants numbers."""
        displays = [side for side in (node.left, node.right) if isinstance(side, (List, ListComp))]
        if not displays or python_knows(node.op, node.left, node.right):
            return []
        self.used.add(self.tensor.partition(".")[0])
        edits: list[Edit] = []
        for side in displays:
            start, end = self.span(side)
            edits += [(start, start + 1, f"{self.tensor}(["), (end - 1, end, "])")]
        return edits

    # ---------------------------------------------------------------- contracts

    def contract(self, node: AnnAssign | FunctionDef | arg) -> list[Edit]:
        if isinstance(node, FunctionDef):
            return self.result_contract(node)
        if not is_contract(node.annotation):
            return []
        assert node.annotation is not None
        start, end = self.span(node.annotation)
        if isinstance(node, arg):
            return [(self.span(node)[0] + len(node.arg), end, "")]
        if self.is_field(node):
            return [(start, end, repr(self.source.text[start:end]))]
        if node.value is None:
            return [(*self.span(node), "pass")]
        return [(self.span(node.target)[1], end, "")]

    def is_field(self, node: AnnAssign) -> bool:
        nodes: list[AST] = [self.module]
        while nodes:
            one = nodes.pop()
            if isinstance(one, ClassDef) and node in one.body:
                return True
            nodes += children(one)
        return False

    def result_contract(self, node: FunctionDef) -> list[Edit]:
        if not is_contract(node.returns):
            return []
        start, end = self.span(node.returns)
        text = self.source.text[:start]
        return [(len(text[:text.rfind("->")].rstrip()), end, "")]

    # ---------------------------------------------------------------- top-level statements

    def statements(self) -> list[Edit]:
        """What the echo shows is printed, help is asked for by its function."""
        edits: list[Edit] = []
        for index, node in enumerate(self.module.body):
            if isinstance(node, HelpRequest):
                edits.append((*self.span(node), f"help({self.names.get(node.name, node.name)})"))
            elif isinstance(node, Expr) and not getattr(node, "quiet", False):
                docstring = index == 0 and has_docstring(self.module.body) and len(self.module.body) > 1
                if not docstring and shows(node.value):
                    edits.append(self.printed(node))
        return edits

    def printed(self, node: Expr) -> Edit:
        start, end = self.span(node)
        value = node.value
        text = self.sugar(value) if isinstance(value, (Pipe, Matrix)) else self.spliced(start, end, self.edits(value))
        return start, end, f"print({text})"


def shows(value: expr) -> bool:
    """Whether a top-level expression is there for its value."""
    if not isinstance(value, Call):
        return True
    function = value.func
    name = function.attr if isinstance(function, Attribute) else function.id if isinstance(function, Name) else ""
    return name not in SILENT and not called_for_effect(name)


def children(node: AST) -> Iterator[AST]:
    for field in node._fields:
        value = getattr(node, field, None)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, AST) and (isinstance(one, (expr, stmt)) or one._fields):
                yield one


def bound_names(module: Module) -> Iterator[str]:
    """The names that a program binds anywhere."""
    nodes: list[AST] = [module]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Name) and not isinstance(node.ctx, Load):
            yield node.id
        elif isinstance(node, (FunctionDef, ClassDef)):
            yield node.name
        elif isinstance(node, arg):
            yield node.arg
        elif isinstance(node, (Import, ImportFrom)):
            yield from (imported(name) for name in node.names)
        nodes += children(node)


def imported(name: alias) -> str:
    return name.asname or name.name.partition(".")[0]
