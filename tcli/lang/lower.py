"""Tree with sugar -> tree that CPython compiles, with every position exact.

One walk down checks the names a program may use and notes what must be replaced; the notes are then
taken from the last to the first, so that children are done before their parents and a program can
nest as deeply as its parser allowed. New nodes take the positions of the text they stand for. The
calls that are put in go to the helpers that `compile.py` lists; programs cannot name those.
"""

from __future__ import annotations

from _ast import (
    AST,
    AnnAssign,
    Assign,
    Attribute,
    AugAssign,
    BinOp,
    Call,
    ClassDef,
    Compare,
    Constant,
    Del,
    Dict,
    ExceptHandler,
    Expr,
    FunctionDef,
    Global,
    IfExp,
    Import,
    ImportFrom,
    Lambda,
    List,
    ListComp,
    Load,
    Match,
    MatchAs,
    MatchClass,
    MatchMapping,
    MatchSingleton,
    MatchStar,
    Module,
    Name,
    NamedExpr,
    Nonlocal,
    Pass,
    Raise,
    Return,
    Slice,
    Store,
    Subscript,
    Tuple,
    UnaryOp,
    Yield,
    YieldFrom,
    alias,
    arg,
    expr,
    keyword,
    match_case,
    operator,
    stmt,
)

from tcli.errors import TsrSyntaxError
from tcli.lang.contracts import contract_of, is_contract
from tcli.lang.expressions import BINARY, COMPARISONS
from tcli.lang.format_fields import names_alone
from tcli.lang.names import attribute_problem, is_dunder, name_problem, refuse_attribute, refuse_name
from tcli.lang.nodes import HelpRequest, Matrix, Pipe
from tcli.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # A node, where it hangs (parent, field, index or -1), and the function, class or module around it.
    Entry = tuple[AST, AST, str, int, AST]

LOAD, STORE = Load(), Store()
RECEIVER, DIMS = "__receiver__", "__dims__"
SYMBOLS = {type(node): symbol for symbol, node in BINARY.items()}
ORDERINGS = {type(COMPARISONS[symbol]): symbol for symbol in ("<", "<=", ">", ">=")}
LIST_MAKERS = ("list", "sorted")
# Fields that hold no nodes worth a visit.
LEAVES = frozenset("ctx op ops type_ignores id attr name kind conversion simple is_async level module arg "
                   "asname type_comment grouped rest kwd_attrs".split())


def place(node: Any, at: Any) -> Any:
    """`node` at the position of `at`."""
    node.lineno, node.col_offset = at.lineno, at.col_offset
    node.end_lineno, node.end_col_offset = at.end_lineno, at.end_col_offset
    return node


def helper_call(name: str, args: list[expr], at: AST) -> Call:
    """A call of the runtime's helper `name`, at the position of `at`."""
    call: Call = place(Call(place(Name(name, LOAD), at), args, []), at)
    return call


def constant(value: Any, at: AST) -> Constant:
    node: Constant = place(Constant(value, None), at)
    return node


class Lowering:
    """The lowering of one program; `future_annotations` tells whether it asked for them."""

    def __init__(self, source: Source, echo: bool = True, known_lists: frozenset[str] = frozenset()) -> None:
        self.source, self.echo = source, echo
        self.lists = set(known_lists)
        self.bindings: list[tuple[expr, expr]] = []
        self.notes: list[Entry] = []
        self.contract_scopes: set[int] = set()
        self.generators: set[int] = set()
        self.future_annotations = False

    def run(self, module: Module) -> Module:
        self.walk(module)
        for target, value in self.bindings:
            self.learn(target, value)
        for entry in reversed(self.notes):
            node, parent, field, index, _ = entry
            self.replace(parent, field, index, REWRITES[type(node)](self, entry))
        if self.echo:
            self.echoes(module)
        return module

    # ---------------------------------------------------------------- the walk down

    def walk(self, module: Module) -> None:
        """Check every node, note those to be replaced, in the order of the text."""
        stack: list[Entry] = [(module, module, "", -1, module)]
        fields_of, notes = _fields_of, self.notes
        while stack:
            entry = stack.pop()
            node, scope = entry[0], entry[4]
            kind = type(node)
            look = CHECKS.get(kind)
            if look is not None:
                look(self, entry)
            if kind in REWRITES:
                notes.append(entry)
            if kind in SCOPES:
                scope = node
            for field in fields_of[kind]:
                value = getattr(node, field)
                if value.__class__ is list:
                    for index in range(len(value) - 1, -1, -1):
                        if value[index] is not None:
                            stack.append((value[index], node, field, index, scope))
                elif value is not None:
                    stack.append((value, node, field, -1, scope))

    def replace(self, parent: AST, field: str, index: int, new: Any) -> None:
        if isinstance(new, list):
            getattr(parent, field)[index:index + 1] = new
        elif index < 0:
            setattr(parent, field, new)
        else:
            getattr(parent, field)[index] = new

    # ---------------------------------------------------------------- checks of names

    def check_name(self, entry: Entry) -> None:
        node: Any = entry[0]
        if is_dunder(node.id) and name_problem(node.id):
            raise refuse_name(node.id, self.source.span_of_node(node))

    def check_attribute(self, entry: Entry) -> None:
        node, parent, field = entry[0], entry[1], entry[2]
        assert isinstance(node, Attribute)
        name = node.attr
        if name == "__class__" and names_the_class(parent):
            return
        if name == "__dict__" and isinstance(node.value, Name) and node.value.id == "self" and isinstance(node.ctx, Load):
            self.replace(parent, field, entry[3], helper_call("__attributes__", [node.value], node))
            return
        if name == "dump" and isinstance(node.value, Name) and node.value.id == "json" and isinstance(node.ctx, Load):
            self.replace(parent, field, entry[3], helper_call("__dump__", [node.value], node))
            return
        # A stage of a pipe is a call, though not yet one.
        if name == "format" and (field == "func" or (field == "stage" and isinstance(parent, Pipe))):
            return
        store = not isinstance(node.ctx, Load)
        deleted = is_dunder(name) and isinstance(node.ctx, Del)
        if deleted or attribute_problem(name, store=store, on_super=is_super(node.value)):
            raise refuse_attribute(name, self.attribute_span(node))

    def attribute_span(self, node: Attribute) -> Span:
        assert node.end_lineno is not None and node.end_col_offset is not None
        width = len(node.attr.encode())
        start = max(node.end_col_offset - width, 0)
        return self.source.span_of_bytes(node.end_lineno, start, node.end_lineno, node.end_col_offset)

    def check_bound(self, entry: Entry) -> None:
        """A function, class, parameter, named argument or caught error: its name stands in the node."""
        node: Any = entry[0]
        name = node.arg if isinstance(node, (arg, keyword)) else node.rest if isinstance(node, MatchMapping) else node.name
        if name is None or not is_dunder(name):
            return
        if isinstance(node, FunctionDef) and not name_problem(name):
            return
        raise refuse_name(name, self.name_span(node, name))

    def name_span(self, node: Any, name: str) -> Span:
        """Where the name stands in the first line of the node that binds it."""
        span = self.source.span_of_node(node)
        place = self.source.line(span.line).find(name, span.column - 1)
        if place >= 0:
            span.column, span.end_line, span.end_column = place + 1, span.line, place + 1 + len(name)
        return span

    def check_function(self, entry: Entry) -> None:
        self.check_bound(entry)
        node: Any = entry[0]
        parameters = node.args
        for parameter in (parameters.vararg, parameters.kwarg):
            if parameter is not None and is_contract(parameter.annotation):
                raise TsrSyntaxError("a parameter with * has no shape to check",
                                     span=self.source.span_of_node(parameter.annotation))

    def check_star(self, entry: Entry) -> None:
        """`*rest` binds a list."""
        self.check_bound(entry)
        name = entry[0].name  # type: ignore[attr-defined]
        if name is not None:
            self.lists.add(name)

    def check_class_pattern(self, entry: Entry) -> None:
        """`Name(part=pattern)` reads an attribute."""
        node = entry[0]
        assert isinstance(node, MatchClass)
        for name in node.kwd_attrs:
            if attribute_problem(name):
                raise refuse_attribute(name, self.name_span(node, name))

    def check_declared(self, entry: Entry) -> None:
        node: Any = entry[0]
        for name in node.names:
            if name_problem(name):
                raise refuse_name(name, self.source.span_of_node(node))

    def check_alias(self, entry: Entry) -> None:
        node, parent = entry[0], entry[1]
        assert isinstance(node, alias)
        span = self.source.span_of_node(node)
        if isinstance(parent, ImportFrom) and attribute_problem(node.name):
            raise refuse_attribute(node.name, span)
        bound = node.asname or node.name.partition(".")[0]
        if name_problem(bound):
            raise refuse_name(bound, span)

    # ---------------------------------------------------------------- what the walk learns

    def see_assign(self, entry: Entry) -> None:
        node: Any = entry[0]
        for target in node.targets:
            self.bindings.append((target, node.value))

    def see_binding(self, entry: Entry) -> None:
        node: Any = entry[0]
        if node.value is not None:
            self.bindings.append((node.target, node.value))
        if isinstance(node, AnnAssign) and is_contract(node.annotation):
            self.contract_scopes.add(id(entry[4]))

    def see_yield(self, entry: Entry) -> None:
        self.generators.add(id(entry[4]))

    def learn(self, target: expr, value: expr) -> None:
        """Note the names that may hold a list."""
        if isinstance(target, Name):
            if self.may_be_list(value):
                self.lists.add(target.id)
        elif isinstance(target, (Tuple, List)) and isinstance(value, (Tuple, List)):
            for one, its_value in zip(target.elts, value.elts, strict=False):
                self.learn(one, its_value)

    def may_be_list(self, node: AST, levels: int = 20) -> bool:
        """Whether a value is, as far as the text shows, a list. Looks a few `levels` into sums."""
        if isinstance(node, Name):
            return node.id in self.lists
        if isinstance(node, (List, ListComp)):
            return True
        if isinstance(node, Subscript):
            return levels > 0 and isinstance(node.slice, Slice) and self.may_be_list(node.value, levels - 1)
        if isinstance(node, IfExp):
            return levels > 0 and (self.may_be_list(node.body, levels - 1) or self.may_be_list(node.orelse, levels - 1))
        if isinstance(node, Call):
            return levels > 0 and self.call_gives_list(node, levels - 1)
        if isinstance(node, BinOp):
            joins = levels > 0 and SYMBOLS[type(node.op)] in "+*"
            return joins and (self.may_be_list(node.left, levels - 1) or self.may_be_list(node.right, levels - 1))
        return False

    def call_gives_list(self, node: Call, levels: int) -> bool:
        function = node.func
        if isinstance(function, Attribute):
            copied = function.attr == "copy" and self.may_be_list(function.value, levels)
            return function.attr == "tolist" or copied
        if isinstance(function, Name):
            if function.id == "__binop__":
                return any(self.may_be_list(value, levels) for value in node.args[1:])
            return function.id in LIST_MAKERS
        return False

    # ---------------------------------------------------------------- lists where Python wants numbers

    def lower_binary(self, entry: Entry) -> expr:
        node: Any = entry[0]
        left, right = node.left, node.right
        if not (self.may_be_list(left) or self.may_be_list(right)) or python_knows(node.op, left, right):
            return node  # type: ignore[no-any-return]
        return helper_call("__binop__", [constant(SYMBOLS[type(node.op)], node), left, right], node)

    def lower_unary(self, entry: Entry) -> expr:
        node: Any = entry[0]
        symbol = UNARY_SYMBOLS.get(type(node.op).__name__)
        if symbol is None or not self.may_be_list(node.operand):
            return node  # type: ignore[no-any-return]
        return helper_call("__unop__", [constant(symbol, node), node.operand], node)

    def lower_compare(self, entry: Entry) -> expr:
        node: Any = entry[0]
        symbol = ORDERINGS.get(type(node.ops[0]))
        right = node.comparators[0]
        if symbol is None or len(node.ops) > 1:
            return node  # type: ignore[no-any-return]
        if not (self.may_be_list(node.left) or self.may_be_list(right)):
            return node  # type: ignore[no-any-return]
        return helper_call("__binop__", [constant(symbol, node), node.left, right], node)

    def lower_augmented(self, entry: Entry) -> stmt:
        node: Any = entry[0]
        target = node.target
        known = isinstance(target, Name) and target.id in self.lists
        if not known or (type(node.op).__name__ == "Add" and not isinstance(node.value, Constant)):
            return node  # type: ignore[no-any-return]
        old = place(Name(target.id, LOAD), target)
        symbol = constant(SYMBOLS[type(node.op)] + "=", node)
        value = helper_call("__binop__", [symbol, old, node.value], node)
        new: stmt = place(Assign([target], value, None), node)
        return new

    # ---------------------------------------------------------------- sugar

    def lower_pipe(self, entry: Entry) -> expr:
        """`x |> f(y)` is f(x, y) at the place of its stage, so that a failing stage is underlined alone."""
        node = entry[0]
        assert isinstance(node, Pipe)
        stage = node.stage
        if isinstance(stage, Call) and not node.grouped:
            stage.args.insert(0, node.value)
            return stage
        if isinstance(stage, Attribute) and stage.attr == "format":
            return helper_call("__strformat__", [stage.value, node.value], stage)
        call: Call = place(Call(stage, [node.value], []), stage)
        return call

    def lower_matrix(self, entry: Entry) -> expr:
        node = entry[0]
        assert isinstance(node, Matrix)
        rows: list[expr] = [place(List(row.elts, LOAD), row) for row in node.rows]
        return helper_call("__matrix__", [place(List(rows, LOAD), node)], node)

    def lower_help(self, entry: Entry) -> list[stmt]:
        node = entry[0]
        assert isinstance(node, HelpRequest)
        return [self.silent(helper_call("__help__", [constant(node.name, node)], node), node)]

    def lower_match(self, entry: Entry) -> stmt:
        """Before a case with a pattern like `Name(x)`, one that never fits looks at what that pattern will read."""
        node = entry[0]
        assert isinstance(node, Match)
        cases: list[match_case] = []
        for case in node.cases:
            classes = classes_read_by_place(case.pattern)
            if classes:
                guard = helper_call("__match_class__", classes, case.pattern)
                cases.append(match_case(place(MatchAs(), case.pattern), guard, [place(Pass(), case.pattern)]))
            cases.append(case)
        node.cases = cases
        return node

    def silent(self, value: expr, at: AST) -> Expr:
        """An expression statement that is not echoed."""
        node: Expr = place(Expr(value), at)
        node.quiet = True  # type: ignore[attr-defined]
        return node

    def lower_call(self, entry: Entry) -> expr:
        """`text.format(...)` goes through the runtime, for fields can walk attributes, unless the text is there to be seen."""
        node: Any = entry[0]
        function = node.func
        if isinstance(function, Attribute) and function.attr == "format" and not is_plain_text(function.value):
            call = helper_call("__strformat__", [function.value, *node.args], node)
            call.keywords = node.keywords
            return call
        return node  # type: ignore[no-any-return]

    # ---------------------------------------------------------------- contracts

    def contract(self, value: expr, annotation: Any, name: str) -> Call:
        """`__contract__(value, spec, dims, name, place of the annotation)`, at the value's position."""
        spec = contract_of(annotation, self.source)
        where = (annotation.lineno, annotation.col_offset, annotation.end_lineno, annotation.end_col_offset)
        dims: expr = place(Name(DIMS, LOAD), value)
        return helper_call("__contract__", [value, constant(spec, value), dims, constant(name, value),
                                            constant(where, value)], value)

    def lower_annotated(self, entry: Entry) -> stmt | list[stmt]:
        node, scope = entry[0], entry[4]
        assert isinstance(node, AnnAssign)
        if not is_contract(node.annotation):
            return node
        name = self.source.span_of_node(node.target).text
        if isinstance(scope, ClassDef):
            # A field: the annotation says what it is for, there is no value to check yet.
            node.annotation = constant(contract_of(node.annotation, self.source)[2], node.annotation)
            return node
        if node.value is not None:
            value = self.contract(node.value, node.annotation, name)
            new: stmt = place(Assign([node.target], value, None), node)
            return new
        target: Any = node.target
        target.ctx = LOAD
        return [self.silent(self.contract(target, node.annotation, name), node)]

    def lower_return(self, entry: Entry) -> stmt:
        node, scope = entry[0], entry[4]
        assert isinstance(node, Return)
        returns = getattr(scope, "returns", None)
        if is_contract(returns):
            value = node.value if node.value is not None else constant(None, node)
            node.value = self.contract(value, returns, "return")
        return node

    def lower_function(self, entry: Entry) -> stmt:
        """Checks of parameters at the entry, and the frame's own dims."""
        node = entry[0]
        assert isinstance(node, FunctionDef)
        parameters = node.args
        every = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
        checked = [one for one in every if is_contract(one.annotation)]
        if not (checked or is_contract(node.returns) or id(node) in self.contract_scopes):
            return node
        at: Any = checked[0] if checked else node.returns or node.body[0]
        checks: list[stmt] = [self.bind(DIMS, place(Dict([], []), at), at)]
        for one in checked:
            assert one.annotation is not None
            value = self.contract(place(Name(one.arg, LOAD), one), one.annotation, one.arg)
            checks.append(place(Expr(value), one))
            one.annotation = None
        self.check_end(node)
        first = 1 if has_docstring(node.body) else 0
        node.body[first:first] = checks
        return node

    def check_end(self, node: FunctionDef) -> None:
        """A function with a return contract must not fall off its end."""
        if not is_contract(node.returns):
            return
        assert node.returns is not None
        if id(node) in self.generators:
            raise TsrSyntaxError("a generator returns no tensor to check",
                                 span=self.source.span_of_node(node.returns))
        if not isinstance(node.body[-1], (Return, Raise)):
            value = self.contract(constant(None, node.returns), node.returns, "return")
            node.body.append(place(Return(value), node.returns))
        node.returns = None

    # ---------------------------------------------------------------- imports

    def lower_import(self, entry: Entry) -> list[stmt]:
        node = entry[0]
        assert isinstance(node, Import)
        return [self.bind_module(name) for name in node.names]

    def bind_module(self, name: alias) -> stmt:
        whole = name.asname is not None
        value = helper_call("__import_module__", [constant(name.name, name), constant(whole, name)], name)
        return self.bind(name.asname or name.name.partition(".")[0], value, name)

    def bind(self, name: str, value: expr, at: AST) -> stmt:
        node: stmt = place(Assign([place(Name(name, STORE), at)], value, None), at)
        return node

    def lower_import_from(self, entry: Entry) -> list[stmt]:
        node = entry[0]
        assert isinstance(node, ImportFrom)
        if node.module == "__future__":
            self.future_annotations |= any(name.name == "annotations" for name in node.names)
            return [place(Pass(), node)]
        if node.level:
            raise TsrSyntaxError("a program is not part of a package: its imports start with a module's name",
                                 span=self.module_span(node))
        return [self.bind_imported(node, name) for name in node.names]

    def bind_imported(self, node: ImportFrom, name: alias) -> stmt:
        if name.name == "*":
            return self.silent(helper_call("__import_star__", [self.module_of(node)], node), node)
        value = helper_call("__import_from__", [self.module_of(node), constant(name.name, name)], name)
        return self.bind(name.asname or name.name, value, name)

    def module_of(self, node: ImportFrom) -> expr:
        """The call that gives the module, at the place of its name."""
        call = helper_call("__import_module__", [constant(node.module, node), constant(True, node)], node)
        place(call, node.name_place)  # type: ignore[attr-defined]
        for part in (call.func, *call.args):
            place(part, call)
        return call

    def module_span(self, node: ImportFrom) -> Span:
        return self.source.span_of_node(node.name_place)  # type: ignore[attr-defined]

    # ---------------------------------------------------------------- echo

    def echoes(self, module: Module) -> None:
        body: list[stmt] = []
        for index, node in enumerate(module.body):
            body.append(node)
            if not isinstance(node, Expr) or getattr(node, "quiet", False):
                continue
            if index == 0 and has_docstring(module.body) and len(module.body) > 1:
                continue
            if self.echo_value(node):
                body.append(self.bind(RECEIVER, constant(None, node), node))
        module.body = body

    def echo_value(self, node: Expr) -> bool:
        """Wrap one value; whether its receiver was kept in a hidden name that must be let go."""
        value = node.value
        owners: list[expr] = []
        kept = False
        if isinstance(value, Call):
            function = value.func
            if isinstance(function, Attribute):
                owner, kept = self.receiver(function)
                owners.append(owner)
            if called_for_effect(called_name(function)) or any(each.arg == "out" for each in value.keywords):
                owners.append(constant(..., value))
        node.value = helper_call("__echo__", [value, *owners], value)
        return kept

    def receiver(self, function: Attribute) -> tuple[expr, bool]:
        """An expression for what the method is called on, evaluated once."""
        value = function.value
        if isinstance(value, Name):
            return copied(value), False
        function.value = place(NamedExpr(place(Name(RECEIVER, STORE), value), value), value)
        return place(Name(RECEIVER, LOAD), value), True


def copied(node: expr) -> expr:
    """A second node for a dotted name."""
    if isinstance(node, Attribute):
        copy: expr = place(Attribute(copied(node.value), node.attr, LOAD), node)
        return copy
    assert isinstance(node, Name)
    again: expr = place(Name(node.id, LOAD), node)
    return again


def called_name(function: expr) -> str:
    if isinstance(function, Attribute):
        return function.attr
    return function.id if isinstance(function, Name) and not is_dunder(function.id) else ""


# Calls that change something; what they return as well is seldom looked at.
EFFECTS = frozenset("""
    pop popleft popitem setdefault heappop heapreplace load_state_dict write writelines writerow writerows seek
    add_argument add_parser manual_seed seed simplefilter filterwarnings l1_unstructured random_unstructured
    ln_structured random_structured custom_from_mask remove remove_parametrizations
    """.split())


def called_for_effect(name: str) -> bool:
    """Whether a call of that name is a statement rather than a question: `nn.init.zeros_(w)`, `register_hook(f)`."""
    return name.endswith("_") or name.startswith(("register_", "set_")) or name in EFFECTS


def has_docstring(body: list[stmt]) -> bool:
    if not body or not isinstance(body[0], Expr):
        return False
    value = body[0].value
    return isinstance(value, Constant) and isinstance(value.value, str)


def classes_read_by_place(pattern: AST) -> list[expr]:
    """The classes of patterns like `Name(x)`: their `__match_args__` say which attributes are read."""
    found: list[expr] = []
    nodes = [pattern]
    while nodes:
        node = nodes.pop()
        if isinstance(node, MatchClass) and node.patterns:
            found.append(copied(node.cls))
        for field in ("pattern", "patterns", "kwd_patterns"):
            value = getattr(node, field, None)
            nodes += value if isinstance(value, list) else [value] if value is not None else []
    return found


def names_the_class(parent: AST) -> bool:
    """Whether `parent` is the `.__name__` of `x.__class__.__name__`, being read."""
    return isinstance(parent, Attribute) and parent.attr == "__name__" and isinstance(parent.ctx, Load)


def is_super(node: expr) -> bool:
    return isinstance(node, Call) and isinstance(node.func, Name) and node.func.id == "super"


def is_plain_text(node: expr) -> bool:
    """Whether `node` is a text whose `format` goes through no attributes."""
    return isinstance(node, Constant) and type(node.value) is str and names_alone(node.value)


def python_knows(op: operator, left: expr, right: expr) -> bool:
    """Operations that Python defines on lists for sure: joining displays, repeating, formatting a text."""
    name = type(op).__name__
    if name == "Add":
        return isinstance(left, (List, ListComp)) and isinstance(right, (List, ListComp))
    for value in (left, right):
        if isinstance(value, Constant):
            if name == "Mult" and type(value.value) is int:
                return True
            if name == "Mod" and isinstance(value.value, str):
                return True
    return False


class _FieldTable(dict[type, tuple[str, ...]]):
    """The fields of a node class that hold nodes, last first: the walk's stack turns them round."""

    def __missing__(self, kind: type) -> tuple[str, ...]:
        fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
        if kind in (Constant, Global, MatchSingleton, Nonlocal, HelpRequest):
            fields = ()
        fields = tuple([field for field in reversed(fields) if field not in LEAVES])
        self[kind] = fields
        return fields


_fields_of = _FieldTable()

UNARY_SYMBOLS = {"USub": "-", "UAdd": "+", "Invert": "~"}
SCOPES = frozenset((FunctionDef, Lambda, ClassDef))
CHECKS: dict[type, Any] = {
    Name: Lowering.check_name, Attribute: Lowering.check_attribute, FunctionDef: Lowering.check_function,
    ClassDef: Lowering.check_bound, arg: Lowering.check_bound, keyword: Lowering.check_bound,
    ExceptHandler: Lowering.check_bound, Global: Lowering.check_declared, Nonlocal: Lowering.check_declared,
    alias: Lowering.check_alias, Assign: Lowering.see_assign, AnnAssign: Lowering.see_binding,
    MatchAs: Lowering.check_bound, MatchStar: Lowering.check_star, MatchMapping: Lowering.check_bound,
    MatchClass: Lowering.check_class_pattern,
    NamedExpr: Lowering.see_binding, Yield: Lowering.see_yield, YieldFrom: Lowering.see_yield,
}
REWRITES: dict[type, Any] = {
    BinOp: Lowering.lower_binary, UnaryOp: Lowering.lower_unary, Compare: Lowering.lower_compare,
    AugAssign: Lowering.lower_augmented, Pipe: Lowering.lower_pipe, Matrix: Lowering.lower_matrix,
    HelpRequest: Lowering.lower_help, Call: Lowering.lower_call, AnnAssign: Lowering.lower_annotated,
    Return: Lowering.lower_return, Match: Lowering.lower_match, FunctionDef: Lowering.lower_function,
    Import: Lowering.lower_import, ImportFrom: Lowering.lower_import_from,
}


def lower(module: Module, source: Source, *, echo: bool = True,
          known_lists: frozenset[str] = frozenset()) -> tuple[Module, bool]:
    """(the lowered module, whether it asked for `from __future__ import annotations`)."""
    lowering = Lowering(source, echo, known_lists)
    try:
        return lowering.run(module), lowering.future_annotations
    except RecursionError:
        pass
    span = source.span_of_node(module.body[0]) if module.body else None
    raise TsrSyntaxError("nested too deeply", span=span, help="compute parts of it first and name them")
