"""Expressions: tokens -> `ast` nodes. The grammar is in the header of `parser.py`.

Binary operators are read by precedence climbing, one method for all levels; a parenthesis costs four
frames. Positions come from tokens, never from child nodes: `(a).b` starts at its parenthesis.
"""

from __future__ import annotations

from _ast import (
    Add,
    And,
    Attribute,
    BinOp,
    BitAnd,
    BitOr,
    BitXor,
    BoolOp,
    Call,
    Compare,
    Constant,
    Del,
    Dict,
    DictComp,
    Div,
    Eq,
    FloorDiv,
    GeneratorExp,
    Gt,
    GtE,
    IfExp,
    In,
    Invert,
    Is,
    IsNot,
    Lambda,
    List,
    ListComp,
    Load,
    LShift,
    Lt,
    LtE,
    MatMult,
    Mod,
    Mult,
    Name,
    NamedExpr,
    Not,
    NotEq,
    NotIn,
    Or,
    Pow,
    RShift,
    Set,
    SetComp,
    Slice,
    Starred,
    Store,
    Sub,
    Subscript,
    Tuple,
    UAdd,
    UnaryOp,
    USub,
    Yield,
    YieldFrom,
    arg,
    arguments,
    cmpop,
    comprehension,
    expr,
    expr_context,
    keyword,
)

from tcli.lang.contracts import DTYPES
from tcli.lang.fstrings import Strings
from tcli.lang.nodes import Matrix, Pipe, Row
from tcli.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

LOAD, STORE, DEL = Load(), Store(), Del()

OR, AND, NOT, COMPARE, BITOR, SHIFT, SUM, UNARY, POWER = 1, 2, 3, 4, 5, 8, 9, 11, 12

LEVELS = {"or": OR, "and": AND, "<": COMPARE, ">": COMPARE, "==": COMPARE, "!=": COMPARE, "<=": COMPARE,
          ">=": COMPARE, "in": COMPARE, "is": COMPARE, "not": COMPARE, "|": BITOR, "^": 6, "&": 7,
          "<<": SHIFT, ">>": SHIFT, "+": SUM, "-": SUM, "*": 10, "/": 10, "//": 10, "%": 10, "@": 10,
          "**": POWER}
BINARY = {"|": BitOr(), "^": BitXor(), "&": BitAnd(), "<<": LShift(), ">>": RShift(), "+": Add(), "-": Sub(),
          "*": Mult(), "/": Div(), "//": FloorDiv(), "%": Mod(), "@": MatMult(), "**": Pow()}
PREFIX = {"-": USub(), "+": UAdd(), "~": Invert()}
COMPARISONS = {"<": Lt(), ">": Gt(), "==": Eq(), "!=": NotEq(), "<=": LtE(), ">=": GtE(), "in": In()}
AND_OR = {"and": And(), "or": Or()}
IS, IS_NOT, NOT_IN, NOT_OPERATOR = Is(), IsNot(), NotIn(), Not()

CONSTANTS = {"True": True, "False": False, "None": None, "...": ...}

# A single name or number before one of these is the whole expression.
SIMPLE_ENDS = frozenset((")", ",", "]", "NEWLINE", ":", "}", "="))

# Kinds that can start an expression.
STARTS = frozenset("NAME NUMBER STRING ( [ { - + ~ not lambda True False None ... * yield await".split())

INVALID_TARGETS = {
    "Call": "a call", "BinOp": "an expression", "UnaryOp": "an expression", "BoolOp": "an expression",
    "Compare": "a comparison", "IfExp": "a conditional expression", "Lambda": "a lambda", "Dict": "a dict",
    "Set": "a set", "ListComp": "a comprehension", "SetComp": "a comprehension",
    "DictComp": "a comprehension", "GeneratorExp": "a generator expression", "JoinedStr": "an f-string",
    "NamedExpr": "a := expression", "Yield": "a yield expression", "YieldFrom": "a yield expression",
    "Matrix": "a matrix", "Pipe": "a pipe", "Constant": "a literal",
}


class Expressions(Strings):
    """The part of the parser that reads expressions."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.in_function = False
        self.in_annotation = False

    # ---------------------------------------------------------------- operators

    def expression(self) -> expr:
        """A pipe, conditional expression, lambda or anything that binds tighter."""
        start, kinds = self.pos, self.kinds
        kind = kinds[start]
        if kind == "NAME":
            if kinds[start + 1] in SIMPLE_ENDS:
                token = self.tokens[start]
                self.pos = start + 1
                name = Name(token[1], LOAD)
                name.lineno = name.end_lineno = token[2]
                name.col_offset, name.end_col_offset = token[3], token[5]
                return name
        elif kind == "NUMBER" and kinds[start + 1] in SIMPLE_ENDS:
            return self.number()
        value = self.ternary()
        return value if kinds[self.pos] != "|>" else self.pipe(value, start)

    def ternary(self) -> expr:
        start = self.pos
        if self.kinds[start] == "lambda":
            return self.lambda_()
        value = self.operation(OR)
        if self.kinds[self.pos] != "if":
            return value
        self.pos += 1
        test = self.operation(OR)
        self.expect("else", " in the conditional expression")
        other = self.ternary()
        return self.node(IfExp(test, value, other), start)

    def pipe(self, value: expr, start: int) -> expr:
        """`value |> f |> g(y)`: each stage is a name, an attribute, a call, or something in parentheses."""
        while self.accept("|>"):
            first = self.pos
            if self.kinds[first] not in ("NAME", "("):
                self.unexpected("a function after '|>'")
            stage = self.postfix()
            value = self.node(Pipe(value, stage, self.is_group(first)), start)
        return value

    def is_group(self, first: int) -> bool:
        """Whether the tokens first..pos are one parenthesis and what is in it."""
        depth = 0
        for index in range(first, self.pos):
            kind = self.kinds[index]
            depth += (kind == "(") - (kind == ")")
            if depth == 0:
                return index == self.pos - 1 and index > first
        return False

    def operation(self, minimum: int) -> expr:
        """Operators of level `minimum` and tighter, by precedence climbing."""
        start, kinds = self.pos, self.kinds
        kind = kinds[start]
        if kind in PREFIX:
            self.pos += 1
            left: expr = self.node(UnaryOp(PREFIX[kind], self.operation(UNARY)), start)
        elif kind == "not":
            if minimum > NOT:
                self.unexpected("an operand")
            self.pos += 1
            left = self.node(UnaryOp(NOT_OPERATOR, self.operation(NOT)), start)
        else:
            left = self.postfix()
        while True:
            kind = kinds[self.pos]
            level = LEVELS.get(kind, 0)
            if level < minimum or not level:
                return left
            if level >= BITOR:
                self.pos += 1
                # ** binds to the right, and looser than a sign on its right side.
                right = self.operation(level + 1 if level != POWER else UNARY)
                left = self.node(BinOp(left, BINARY[kind], right), start)
            elif level == COMPARE:
                if kind == "not" and kinds[self.pos + 1] != "in":
                    return left
                left = self.comparison(left, start)
            else:
                left = self.and_or(left, kind, level, start)

    def comparison(self, left: expr, start: int) -> expr:
        operators: list[cmpop] = []
        comparators = []
        while LEVELS.get(self.kinds[self.pos]) == COMPARE:
            kind = self.kinds[self.pos]
            if kind == "is":
                self.pos += 1
                operators.append(IS_NOT if self.accept("not") else IS)
            elif kind == "not":
                if self.kinds[self.pos + 1] != "in":
                    break
                self.pos += 2
                operators.append(NOT_IN)
            else:
                self.pos += 1
                operators.append(COMPARISONS[kind])
            comparators.append(self.operation(BITOR))
        return self.node(Compare(left, operators, comparators), start)

    def and_or(self, left: expr, kind: str, level: int, start: int) -> expr:
        values = [left]
        while self.accept(kind):
            values.append(self.operation(level + 1))
        return self.node(BoolOp(AND_OR[kind], values), start)

    # ---------------------------------------------------------------- atoms and what follows them

    def postfix(self) -> expr:
        start = self.pos
        token = self.tokens[start]
        kind = token[0]
        if kind == "NAME":
            self.pos = start + 1
            value: expr = Name(token[1], LOAD)
            value.lineno = value.end_lineno = token[2]
            value.col_offset, value.end_col_offset = token[3], token[5]
        elif kind == "NUMBER":
            value = self.number()
        elif kind in ATOMS:
            value = ATOMS[kind](self)
        else:
            self.unexpected("an expression")
        kinds = self.kinds
        while True:
            kind = kinds[self.pos]
            if kind == ".":
                self.pos += 2
                if kinds[self.pos - 1] != "NAME":
                    self.pos -= 1
                    self.unexpected("a name after '.'")
                value = self.node(Attribute(value, self.tokens[self.pos - 1][1], LOAD), start)
            elif kind == "(":
                value = self.call(value, start)
            elif kind == "[":
                value = self.subscript(value, start)
            else:
                return value

    def number(self) -> expr:
        token = self.tokens[self.pos]
        self.pos += 1
        node = Constant(token[1], None)
        node.lineno = node.end_lineno = token[2]
        node.col_offset, node.end_col_offset = token[3], token[5]
        return node

    def constant(self) -> expr:
        self.pos += 1
        return self.node(Constant(CONSTANTS[self.kinds[self.pos - 1]], None), self.pos - 1)

    def named_expression(self) -> expr:
        """An expression or `name := expression`."""
        start = self.pos
        if self.kinds[start] == "NAME" and self.kinds[start + 1] == ":=":
            self.pos += 1
            target = self.node(Name(self.tokens[start][1], STORE), start)
            self.pos += 1
            return self.node(NamedExpr(target, self.expression()), start)
        return self.expression()

    def star_named(self) -> expr:
        """An element of a display: `*values`, `name := value` or an expression."""
        start = self.pos
        if self.accept("*"):
            return self.node(Starred(self.operation(BITOR), LOAD), start)
        return self.named_expression()

    def expressions(self) -> expr:
        """One expression, or a tuple without parentheses."""
        start = self.pos
        first = self.star_expression()
        if self.kinds[self.pos] != ",":
            return first
        values = [first]
        while self.accept(","):
            if self.kinds[self.pos] not in STARTS:
                break
            values.append(self.star_expression())
        return self.node(Tuple(values, LOAD), start)

    def star_expression(self) -> expr:
        start = self.pos
        if self.accept("*"):
            return self.node(Starred(self.operation(BITOR), LOAD), start)
        return self.expression()

    # ---------------------------------------------------------------- calls and subscripts

    def call(self, function: expr, start: int) -> expr:
        opener, kinds = self.pos, self.kinds
        self.pos += 1
        args: list[expr] = []
        keywords: list[keyword] = []
        while kinds[self.pos] != ")":
            self.argument(args, keywords, opener)
            if kinds[self.pos] == ",":
                self.pos += 1
            elif kinds[self.pos] != ")":
                self.unexpected("',' or ')'", opener)
        self.pos += 1
        return self.node(Call(function, args, keywords), start)

    def argument(self, args: list[expr], keywords: list[keyword], opener: int) -> None:
        start, kinds = self.pos, self.kinds
        kind = kinds[start]
        if kind == "NAME" and kinds[start + 1] == "=":
            self.keyword_argument(keywords)
        elif kind == "*":
            self.pos += 1
            if any(one.arg is None for one in keywords):
                self.fail("an argument with * stands after one with **", start)
            args.append(self.node(Starred(self.expression(), LOAD), start))
        elif kind == "**":
            self.pos += 1
            keywords.append(self.node(keyword(None, self.expression()), start))
        else:
            value = self.named_expression()
            if kinds[self.pos] == "for":
                value = self.bare_generator(value, opener, bool(args or keywords))
            elif kinds[self.pos] == "=":
                self.misplaced_equals(value)
            if keywords:
                self.positional_after_keyword(value, keywords)
            args.append(value)

    def keyword_argument(self, keywords: list[keyword]) -> None:
        start = self.pos
        name = self.tokens[start][1]
        self.pos += 2
        if self.kinds[self.pos] in (")", ","):
            self.fail(f"the argument {name}= has no value", start, start + 1)
        if any(one.arg == name for one in keywords):
            self.fail(f"the argument {name} is given twice", start)
        keywords.append(self.node(keyword(name, self.expression()), start))

    def bare_generator(self, element: expr, opener: int, crowded: bool) -> expr:
        """`f(x for x in y)`: the generator takes the call's parentheses as its own."""
        start = self.pos
        generators = self.comprehensions()
        if crowded or self.kinds[self.pos] != ")":
            if self.kinds[self.pos] not in (")", ","):
                self.unexpected("')'", opener)
            self.fail("a generator beside other arguments needs its own parentheses", start, self.pos - 1,
                      help="write f((x for x in y), 1)")
        self.pos += 1
        node = self.node(GeneratorExp(element, generators), opener)
        self.pos -= 1
        return node

    def misplaced_equals(self, value: expr) -> NoReturn:
        help = "write '==' to compare"
        if isinstance(value, Constant) and isinstance(value.value, (bool, type(None))):
            self.fail_at(f"{value.value} is not a name for an argument", value, help=help)
        self.fail("'=' in a call follows the name of an argument", self.pos, help=help)

    def positional_after_keyword(self, value: expr, keywords: list[keyword]) -> None:
        if isinstance(value, Starred):
            return
        last = keywords[-1]
        name = f"{last.arg}=" if last.arg else "**"
        self.fail_at(f"a positional argument stands after {name}", value,
                     help="put it before the named arguments, or name it")

    def subscript(self, value: expr, start: int) -> expr:
        opener = self.pos
        self.pos += 1
        if self.kinds[self.pos] == "]":
            index = self.empty_subscript(value)
        else:
            index = self.indices(opener)
        self.expect_closing("]", opener)
        return self.node(Subscript(value, index, LOAD), start)

    def empty_subscript(self, value: expr) -> expr:
        """`f32[]` is a contract of no dimensions; elsewhere an index is missing."""
        if not (self.in_annotation and isinstance(value, Name) and value.id in DTYPES):
            self.fail("the index is missing between '[' and ']'", self.pos - 1, self.pos)
        token = self.tokens[self.pos]
        return Tuple([], LOAD, lineno=token[2], col_offset=token[3],
                     end_lineno=token[2], end_col_offset=token[3])

    def indices(self, opener: int) -> expr:
        start = self.pos
        first = self.index()
        if self.kinds[self.pos] != "," and not isinstance(first, Starred):
            return first
        values = [first]
        while self.accept(","):
            if self.kinds[self.pos] == "]":
                break
            values.append(self.index())
        return self.node(Tuple(values, LOAD), start)

    def index(self) -> expr:
        """One index: `*values`, an expression, or a slice."""
        start, kinds = self.pos, self.kinds
        if kinds[start] == "*":
            return self.star_named()
        lower = upper = step = None
        if kinds[start] != ":":
            lower = self.named_expression()
            if kinds[self.pos] != ":":
                return lower
        self.pos += 1
        if kinds[self.pos] not in (":", ",", "]"):
            upper = self.expression()
        if self.accept(":") and kinds[self.pos] not in (",", "]"):
            step = self.expression()
        return self.node(Slice(lower, upper, step), start)

    def expect_closing(self, kind: str, opener: int) -> None:
        if self.kinds[self.pos] != kind:
            self.unexpected(f"',' or '{kind}'", opener)
        self.pos += 1

    # ---------------------------------------------------------------- displays

    def group(self) -> expr:
        """What starts with '(': an empty tuple, a generator, a tuple, or a value in parentheses."""
        start = self.pos
        self.pos += 1
        if self.accept(")"):
            return self.node(Tuple([], LOAD), start)
        if self.kinds[self.pos] == "yield":
            value = self.yield_()
            self.expect_closing(")", start)
            return value
        first = self.star_named()
        kind = self.kinds[self.pos]
        if kind == "for":
            generators = self.comprehensions()
            self.expect_closing(")", start)
            return self.node(GeneratorExp(first, generators), start)
        if kind == ",":
            values = self.elements(first, ")")
            self.expect_closing(")", start)
            return self.node(Tuple(values, LOAD), start)
        self.expect_closing(")", start)
        if isinstance(first, Starred):
            self.fail_at("a value with * cannot stand alone in parentheses", first,
                         help="write (*x,) for a tuple")
        return first

    def bracketed(self) -> expr:
        """What an f-string's braces may hold: the inside of a parenthesis."""
        if self.kinds[self.pos] == "yield":
            return self.yield_()
        start = self.pos
        first = self.star_named()
        if self.kinds[self.pos] == ",":
            return self.node(Tuple(self.elements(first, "END"), LOAD), start)
        if isinstance(first, Starred):
            self.fail_at("a value with * cannot stand alone in an f-string", first)
        return first

    def elements(self, first: expr, closing: str) -> list[expr]:
        """`first` and the elements that follow it after commas."""
        values = [first]
        while self.accept(","):
            kind = self.kinds[self.pos]
            if kind == closing or kind == ";":
                break
            values.append(self.star_named())
        return values

    def list_(self) -> expr:
        """What starts with '[': a list, a comprehension or a matrix."""
        start = self.pos
        self.pos += 1
        if self.accept("]"):
            return self.node(List([], LOAD), start)
        first = self.star_named()
        kind = self.kinds[self.pos]
        if kind == "for":
            self.no_star(first)
            generators = self.comprehensions()
            self.expect_closing("]", start)
            return self.node(ListComp(first, generators), start)
        values = self.elements(first, "]")
        if self.kinds[self.pos] == ";":
            return self.matrix(values, start)
        self.expect_closing("]", start)
        return self.node(List(values, LOAD), start)

    def matrix(self, first_row: list[expr], opener: int) -> expr:
        rows = [self.node(Row(first_row), opener + 1)]
        while self.accept(";"):
            if self.kinds[self.pos] == "]":
                break
            begin = self.pos
            if self.kinds[begin] == ";":
                self.fail("this row of the matrix is empty", begin)
            row = self.node(Row(self.elements(self.star_named(), "]")), begin)
            if self.kinds[self.pos] in (";", "]"):
                self.check_row(first_row, row, len(rows) + 1)
            rows.append(row)
        self.expect_closing("]", opener)
        return self.node(Matrix(rows), opener)

    def check_row(self, first: list[expr], row: Row, number: int) -> None:
        sizes = len(first), len(row.elts)
        if sizes[0] != sizes[1] and not any(isinstance(value, Starred) for value in first + row.elts):
            entries = "entry" if sizes[1] == 1 else "entries"
            self.fail_at(f"row {number} of the matrix has {sizes[1]} {entries}, row 1 has {sizes[0]}", row)

    def braces(self) -> expr:
        """What starts with '{': a dict or a set."""
        start = self.pos
        self.pos += 1
        if self.accept("}"):
            return self.node(Dict([], []), start)
        if self.kinds[self.pos] == "**":
            return self.dict_(start, [], [])
        first = self.star_named()
        if self.kinds[self.pos] == ":" and not isinstance(first, Starred):
            return self.dict_after(first, start)
        if self.kinds[self.pos] == "for":
            self.no_star(first)
            generators = self.comprehensions()
            self.expect_closing("}", start)
            return self.node(SetComp(first, generators), start)
        values = self.elements(first, "}")
        self.expect_closing("}", start)
        return self.node(Set(values), start)

    def dict_after(self, key: expr, start: int) -> expr:
        """A dict or its comprehension behind its first key."""
        self.pos += 1
        value = self.dict_value()
        if self.kinds[self.pos] == "for":
            generators = self.comprehensions()
            self.expect_closing("}", start)
            return self.node(DictComp(key, value, generators), start)
        if self.accept(","):
            return self.dict_(start, [key], [value])
        self.expect_closing("}", start)
        return self.node(Dict([key], [value]), start)

    def dict_(self, start: int, keys: list[expr | None], values: list[expr]) -> expr:
        while self.kinds[self.pos] != "}":
            if self.accept("**"):
                keys.append(None)
                values.append(self.operation(BITOR))
            else:
                keys.append(self.expression())
                self.expect(":", " between a key and its value")
                values.append(self.dict_value())
            if not self.accept(","):
                break
        self.expect_closing("}", start)
        return self.node(Dict(keys, values), start)

    def dict_value(self) -> expr:
        if self.kinds[self.pos] in ("}", ","):
            self.unexpected("a value after ':'")
        return self.expression()

    def no_star(self, element: expr) -> None:
        if isinstance(element, Starred):
            self.fail_at("a comprehension cannot unpack with *", element)

    def comprehensions(self) -> list[comprehension]:
        generators = []
        while self.accept("for"):
            target = self.targets()
            self.expect("in", " after the variables of 'for'")
            start = self.pos
            values = self.operation(OR)
            if self.kinds[self.pos] == "|>":
                values = self.pipe(values, start)
            conditions = []
            while self.accept("if"):
                conditions.append(self.operation(OR))
            generators.append(comprehension(target, values, conditions, 0))
        return generators

    # ---------------------------------------------------------------- lambda, yield, parameters

    def lambda_(self) -> expr:
        start = self.pos
        self.pos += 1
        parameters = self.parameters(":", annotated=False)
        self.expect(":", " after the parameters of lambda")
        outer, self.in_function = self.in_function, True
        body = self.expression()
        self.in_function = outer
        return self.node(Lambda(parameters, body), start)

    def yield_(self) -> expr:
        start = self.pos
        if not self.in_function:
            self.fail("'yield' outside a function", start)
        self.pos += 1
        if self.accept("from"):
            return self.node(YieldFrom(self.expression()), start)
        value = self.expressions() if self.kinds[self.pos] in STARTS else None
        return self.node(Yield(value), start)

    def parameters(self, closing: str, annotated: bool) -> arguments:
        """The parameters of a def (`annotated`) or lambda, up to `closing`."""
        reader = _Parameters(self, closing, annotated)
        return reader.read()

    def annotation(self) -> expr:
        outer, self.in_annotation = self.in_annotation, True
        value = self.expression()
        self.in_annotation = outer
        return value

    # ---------------------------------------------------------------- targets

    def targets(self) -> expr:
        """The variables of a `for`: one target or a tuple without parentheses."""
        start = self.pos
        first = self.one_target()
        if self.kinds[self.pos] != ",":
            if isinstance(first, Starred):
                self.fail_at("a target with * must be in a list or tuple", first)
            return self.as_target(first, STORE)
        values = [first]
        while self.accept(","):
            if self.kinds[self.pos] not in STARTS:
                break
            values.append(self.one_target())
        return self.as_target(self.node(Tuple(values, LOAD), start), STORE)

    def one_target(self) -> expr:
        start = self.pos
        if self.kinds[start] not in ("NAME", "(", "[", "*"):
            self.unexpected("a variable")
        if self.accept("*"):
            return self.node(Starred(self.postfix(), LOAD), start)
        return self.postfix()

    def as_target(self, node: expr, context: expr_context) -> expr:
        """`node` as something that can be bound (STORE) or deleted (DEL)."""
        if isinstance(node, (Name, Attribute, Subscript)):
            node.ctx = context
        elif isinstance(node, (Tuple, List)):
            node.ctx = context
            stars = [value for value in node.elts if isinstance(value, Starred)]
            if len(stars) > 1:
                self.fail_at("only one target of an unpacking can have *", stars[1])
            for value in node.elts:
                self.as_target(value, context)
        elif isinstance(node, Starred) and context is STORE:
            node.ctx = context
            self.as_target(node.value, context)
        else:
            self.no_target(node, "delete" if context is DEL else "assign to")
        return node

    def no_target(self, node: expr, verb: str) -> NoReturn:
        what = INVALID_TARGETS.get(type(node).__name__, "this expression")
        if isinstance(node, Constant):
            what = {True: "True", False: "False", None: "None"}[node.value] if (
                isinstance(node.value, (bool, type(None)))) else "..." if node.value is ... else what
        compared = verb == "assign to" and isinstance(node, (Call, BinOp, UnaryOp, BoolOp, Compare))
        self.fail_at(f"cannot {verb} {what}", node, help="write '==' to compare" if compared else None)


class _Parameters:
    """Reads one parameter list; the fields are those of `ast.arguments`."""

    def __init__(self, parser: Expressions, closing: str, annotated: bool) -> None:
        self.parser, self.closing, self.annotated = parser, closing, annotated
        self.positional_only: list[arg] = []
        self.positional: list[arg] = []
        self.keyword_only: list[arg] = []
        self.defaults: list[expr] = []
        self.keyword_defaults: list[expr | None] = []
        self.rest: arg | None = None
        self.keywords: arg | None = None
        self.after_star = False
        self.names: set[str] = set()

    def read(self) -> arguments:
        parser = self.parser
        while parser.kinds[parser.pos] != self.closing:
            if self.keywords is not None:
                parser.fail("nothing can follow the ** parameter", parser.pos)
            self.one()
            if parser.kinds[parser.pos] == ",":
                parser.pos += 1
            elif parser.kinds[parser.pos] != self.closing:
                parser.unexpected(f"',' or '{self.closing}' after a parameter")
        if self.after_star and self.rest is None and not self.keyword_only:
            parser.fail("a parameter must follow the '*'", parser.pos - 1)
        return arguments(self.positional_only, self.positional, self.rest, self.keyword_only,
                         self.keyword_defaults, self.keywords, self.defaults)

    def one(self) -> None:
        parser = self.parser
        kind = parser.kinds[parser.pos]
        if kind == "*":
            self.star()
        elif kind == "**":
            parser.pos += 1
            self.keywords = self.parameter()
            self.no_default("**" + self.keywords.arg)
        elif kind == "/":
            self.slash()
        else:
            self.plain()

    def star(self) -> None:
        parser = self.parser
        if self.after_star:
            parser.fail("a second '*' among the parameters", parser.pos)
        parser.pos += 1
        self.after_star = True
        if parser.kinds[parser.pos] not in (",", self.closing):
            self.rest = self.parameter(starred=True)
            self.no_default("*" + self.rest.arg)

    def slash(self) -> None:
        parser = self.parser
        if self.positional_only or self.after_star or not self.positional:
            parser.fail("'/' stands once, behind the parameters that are only positional, before any '*'",
                        parser.pos)
        parser.pos += 1
        self.positional_only, self.positional = self.positional, []

    def plain(self) -> None:
        parser, start = self.parser, self.parser.pos
        parameter = self.parameter()
        default = parser.expression() if parser.accept("=") else None
        if self.after_star:
            self.keyword_only.append(parameter)
            self.keyword_defaults.append(default)
            return
        self.positional.append(parameter)
        if default is not None:
            self.defaults.append(default)
        elif self.defaults:
            parser.fail(f"parameter {parameter.arg} has no default, but one before it has", start,
                        help="put it before the parameters with defaults, or give it one")

    def parameter(self, starred: bool = False) -> arg:
        parser, start = self.parser, self.parser.pos
        name = parser.expect_name("the name of a parameter")
        if name in self.names:
            parser.fail(f"two parameters are called {name}", start)
        self.names.add(name)
        annotation: expr | None = None
        if self.annotated and parser.accept(":"):
            place = parser.pos
            if starred and parser.accept("*"):
                annotation = parser.node(Starred(parser.operation(BITOR), LOAD), place)
            else:
                annotation = parser.annotation()
        return parser.node(arg(name, annotation), start)

    def no_default(self, name: str) -> None:
        if self.parser.kinds[self.parser.pos] == "=":
            self.parser.fail(f"{name} cannot have a default", self.parser.pos)


ATOMS = {"STRING": Expressions.string, "(": Expressions.group, "[": Expressions.list_,
         "{": Expressions.braces, "True": Expressions.constant, "False": Expressions.constant,
         "None": Expressions.constant, "...": Expressions.constant}
