"""Statements: tokens -> `ast` nodes. The grammar is in the header of `parser.py`.

One method per statement, found by its first token. With `errors` set, a failing statement is noted
and skipped, so that a check reports every error of a file.
"""

from __future__ import annotations

from _ast import (
    AnnAssign,
    Assert,
    Assign,
    Attribute,
    AugAssign,
    Break,
    Call,
    ClassDef,
    Continue,
    Delete,
    ExceptHandler,
    Expr,
    For,
    FunctionDef,
    Global,
    If,
    Import,
    ImportFrom,
    Match,
    Module,
    Name,
    Nonlocal,
    Pass,
    Raise,
    Return,
    Starred,
    Subscript,
    Try,
    TryStar,
    Tuple,
    While,
    With,
    alias,
    expr,
    match_case,
    operator,
    stmt,
    withitem,
)

from tcli.errors import TsrSyntaxError
from tcli.lang.expressions import BINARY, DEL, STARTS, STORE
from tcli.lang.nodes import HelpRequest
from tcli.lang.patterns import Patterns
from tcli.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    Definition = TypeVar("Definition", FunctionDef, ClassDef)

AUGMENTED = {symbol + "=": node for symbol, node in BINARY.items()}
CONTINUED = ("elif", "else", "except", "finally")
MAX_ERRORS = 10
# CPython allows no more blocks inside each other.
MAX_BLOCKS = 20


class Statements(Patterns):
    """The part of the parser that reads statements."""

    def __init__(self, source: Source, errors: list[TsrSyntaxError] | None = None) -> None:
        super().__init__(source)
        self.errors = errors
        self.in_class = False
        self.in_loop = False
        self.depth = 0      # blocks of any kind around the statement
        self.blocks = 0     # loops, with and try within the function

    def module(self) -> Module:
        body: list[stmt] = []
        while self.kinds[self.pos] != "END":
            self.statement_or_skip(body)
        return Module(body, [])

    # ---------------------------------------------------------------- one statement, and recovery

    def statement_or_skip(self, body: list[stmt]) -> None:
        if self.errors is None:
            self.statement(body)
            return
        state = self.in_function, self.in_class, self.in_loop, self.depth, self.blocks
        start = self.pos
        try:
            self.statement(body)
        except TsrSyntaxError as error:
            self.in_function, self.in_class, self.in_loop, self.depth, self.blocks = state
            self.in_annotation = False
            self.errors.append(error)
            if len(self.errors) >= MAX_ERRORS:
                self.pos = len(self.kinds) - 1
                return
            self.skip_statement(start, body)

    def skip_statement(self, start: int, body: list[stmt]) -> None:
        """Go on behind the line of the error; what is indented under it is still read."""
        if self.kinds[start] == "INDENT":
            self.pos = start
            self.indented(body)
            return
        self.pos = max(self.pos, start)
        while self.kinds[self.pos] not in ("NEWLINE", "END", "DEDENT"):
            self.pos += 1
        if self.pos == start and self.kinds[start] == "DEDENT":
            self.pos += 1
        self.accept("NEWLINE")
        if self.kinds[self.pos] == "INDENT" and self.tokens[start][1] == "match":
            self.skip_block()
        elif self.kinds[self.pos] == "INDENT":
            outer = self.in_function, self.in_loop
            # A broken `def` or `for` line: `return` and `break` under it are not further errors.
            self.in_function = self.in_loop = True
            self.indented(body)
            self.in_function, self.in_loop = outer
        if self.kinds[self.pos] in CONTINUED:
            while self.kinds[self.pos] not in ("NEWLINE", "END"):
                self.pos += 1
            self.skip_statement(self.pos, body)

    def skip_block(self) -> None:
        """Leave out a whole block: the cases of a `match` whose head is broken are no statements."""
        depth = 0
        while True:
            depth += (self.kinds[self.pos] == "INDENT") - (self.kinds[self.pos] == "DEDENT")
            self.pos += 1
            if depth == 0:
                return

    def statement(self, body: list[stmt]) -> None:
        kind = self.kinds[self.pos]
        compound = COMPOUND.get(kind)
        if compound is not None:
            body.append(compound(self))
        elif kind == "NAME" and self.tokens[self.pos][1] == "match" and self.at_match():
            body.append(self.match_())
        else:
            self.simple_line(body)

    def simple_line(self, body: list[stmt]) -> None:
        """Simple statements on one line; a last `;` makes the expression before it quiet."""
        kinds = self.kinds
        while True:
            simple = SIMPLE.get(kinds[self.pos])
            statement = simple(self) if simple is not None else self.expression_statement()
            body.append(statement)
            if kinds[self.pos] == "NEWLINE":
                self.pos += 1
                return
            if kinds[self.pos] != ";":
                self.unexpected("the end of the statement")
            self.pos += 1
            if kinds[self.pos] == "NEWLINE":
                self.pos += 1
                statement.quiet = True  # type: ignore[attr-defined]
                return

    # ---------------------------------------------------------------- expressions and assignments

    def expression_statement(self) -> stmt:
        start, kinds = self.pos, self.kinds
        if kinds[start] not in STARTS:
            if kinds[start] == "?":
                return self.help_before()
            self.unexpected("a statement")
        value = self.right_side()
        kind = kinds[self.pos]
        if kind == "NEWLINE" or kind == ";":
            return self.node(Expr(value), start)
        if kind == "=":
            return self.assignment(value, start)
        if kind in AUGMENTED:
            return self.augmented(value, AUGMENTED[kind], start)
        if kind == ":" and isinstance(value, (Name, Attribute, Subscript)):
            return self.annotated(value, start)
        if kind == "?":
            return self.help_after(value, start)
        return self.node(Expr(value), start)

    def right_side(self) -> expr:
        return self.yield_() if self.kinds[self.pos] == "yield" else self.expressions()

    def assignment(self, first: expr, start: int) -> stmt:
        values = [first]
        while self.accept("="):
            values.append(self.right_side())
        targets = values[:-1]
        for target in targets:
            if isinstance(target, Starred):
                self.fail_at("a target with * must be in a list or tuple", target, help="write *x, = ...")
            self.as_target(target, STORE)
        return self.node(Assign(targets, values[-1], None), start)

    def augmented(self, target: expr, symbol: operator, start: int) -> stmt:
        if not isinstance(target, (Name, Attribute, Subscript)):
            if isinstance(target, Tuple):
                self.fail_at("an assignment with an operator takes one target", target)
            self.as_target(target, STORE)
            self.fail_at("an assignment with an operator takes one target", target)
        self.as_target(target, STORE)
        self.pos += 1
        return self.node(AugAssign(target, symbol, self.right_side()), start)

    def annotated(self, target: Name | Attribute | Subscript, start: int) -> stmt:
        simple = isinstance(target, Name) and self.kinds[start] == "NAME"
        self.as_target(target, STORE)
        self.pos += 1
        annotation = self.annotation()
        value = self.right_side() if self.accept("=") else None
        return self.node(AnnAssign(target, annotation, value, simple=int(simple)), start)

    # ---------------------------------------------------------------- help

    def help_before(self) -> stmt:
        start = self.pos
        while self.accept("?"):
            pass
        value = self.postfix()
        return self.help_request(value, start)

    def help_after(self, value: expr, start: int) -> stmt:
        while self.accept("?"):
            pass
        return self.help_request(value, start)

    def help_request(self, value: expr, start: int) -> stmt:
        name = dotted_name(value)
        if name is None or self.depth or self.kinds[self.pos] not in ("NEWLINE", ";"):
            mark = next(i for i in range(start, len(self.kinds)) if self.kinds[i] == "?")
            self.fail("'?' is not an operator", mark,
                      help="a line of its own, 'name?', shows help; a choice is 'b if a else c'")
        return self.node(HelpRequest(name), start)

    # ---------------------------------------------------------------- simple statements

    def pass_(self) -> stmt:
        self.pos += 1
        return self.node(Pass(), self.pos - 1)

    def break_(self) -> stmt:
        if not self.in_loop:
            self.fail("'break' outside a loop", self.pos)
        self.pos += 1
        return self.node(Break(), self.pos - 1)

    def continue_(self) -> stmt:
        if not self.in_loop:
            self.fail("'continue' outside a loop", self.pos)
        self.pos += 1
        return self.node(Continue(), self.pos - 1)

    def return_(self) -> stmt:
        start = self.pos
        if not self.in_function:
            self.fail("'return' outside a function", start)
        self.pos += 1
        value = self.expressions() if self.kinds[self.pos] in STARTS else None
        return self.node(Return(value), start)

    def raise_(self) -> stmt:
        start = self.pos
        self.pos += 1
        error = cause = None
        if self.kinds[self.pos] in STARTS:
            error = self.expression()
            if self.accept("from"):
                cause = self.expression()
        return self.node(Raise(error, cause), start)

    def assert_(self) -> stmt:
        start = self.pos
        self.pos += 1
        test = self.named_expression()
        message = self.expression() if self.accept(",") else None
        return self.node(Assert(test, message), start)

    def del_(self) -> stmt:
        start = self.pos
        self.pos += 1
        targets = [self.as_target(self.one_target(), DEL)]
        while self.accept(","):
            if self.kinds[self.pos] in ("NEWLINE", ";"):
                break
            targets.append(self.as_target(self.one_target(), DEL))
        return self.node(Delete(targets), start)

    def global_(self) -> stmt:
        start = self.pos
        return self.node(Global(self.names()), start)

    def nonlocal_(self) -> stmt:
        start = self.pos
        if not (self.in_function or self.in_class):
            self.fail("'nonlocal' outside a function", start)
        return self.node(Nonlocal(self.names()), start)

    def names(self) -> list[str]:
        self.pos += 1
        names = [self.expect_name("a name")]
        while self.accept(","):
            names.append(self.expect_name("a name"))
        return names

    def import_(self) -> stmt:
        start = self.pos
        self.pos += 1
        names = [self.import_alias()]
        while self.accept(","):
            names.append(self.import_alias())
        return self.node(Import(names), start)

    def import_alias(self) -> alias:
        start = self.pos
        name = self.dotted()
        return self.with_alias(name, start)

    def with_alias(self, name: str, start: int) -> alias:
        bound = self.expect_name("a name after 'as'") if self.accept("as") else None
        return self.node(alias(name, bound), start)

    def dotted(self) -> str:
        parts = [self.expect_name("the name of a module")]
        while self.accept("."):
            parts.append(self.expect_name("a name after '.'"))
        return ".".join(parts)

    def from_(self) -> stmt:
        start = self.pos
        self.pos += 1
        level = 0
        while self.kinds[self.pos] in (".", "..."):
            level += len(self.kinds[self.pos])
            self.pos += 1
        module = None if level and self.kinds[self.pos] == "import" else self.dotted()
        name_place = self.node(Pass(), start + 1)
        self.expect("import", " after the name of the module")
        node = self.node(ImportFrom(module, self.imported_names(), level), start)
        node.name_place = name_place  # type: ignore[attr-defined]
        return node

    def imported_names(self) -> list[alias]:
        start = self.pos
        if self.accept("*"):
            if self.in_function or self.in_class:
                self.fail("'import *' is possible only at the top level", start)
            return [self.node(alias("*", None), start)]
        bracketed = self.accept("(")
        names = [self.imported_name()]
        while self.accept(","):
            if bracketed and self.kinds[self.pos] == ")":
                break
            if not bracketed and self.kinds[self.pos] in ("NEWLINE", ";"):
                self.fail("a comma ends this import", self.pos - 1,
                          help="delete it, or put the names in parentheses")
            names.append(self.imported_name())
        if bracketed:
            self.expect_closing(")", start)
        return names

    def imported_name(self) -> alias:
        start = self.pos
        return self.with_alias(self.expect_name("a name to import"), start)

    # ---------------------------------------------------------------- blocks

    def block(self, after: str, header: int) -> list[stmt]:
        """`: statements`: the body of the compound statement `after` that starts at token `header`."""
        if self.kinds[self.pos] != ":":
            self.unexpected(f"':' after {after}")
        self.pos += 1
        body: list[stmt] = []
        if not self.accept("NEWLINE"):
            self.line_block(body)
            return body
        if self.kinds[self.pos] != "INDENT":
            self.missing_block(after, header)
        self.indented(body)
        return body

    def line_block(self, body: list[stmt]) -> None:
        """A body on the line of its header."""
        if self.kinds[self.pos] in COMPOUND and self.kinds[self.pos] != "@":
            self.fail(f"'{self.kinds[self.pos]}' cannot start on the line of another block", self.pos,
                      help="put it on the next line, indented")
        self.depth += 1
        self.simple_line(body)
        self.depth -= 1

    def missing_block(self, after: str, header: int) -> None:
        end = self.kinds[self.pos] == "END" or (self.kinds[self.pos] == "DEDENT" and "END" in
                                                self.kinds[self.pos:self.pos + 1 + self.depth])
        if self.kinds[self.pos] == "ERROR":
            raise self.tokens[self.pos][1]
        line = self.tokens[header][2]
        self.fail(f"the block under {after} on line {line} is missing", self.pos, incomplete=end,
                  help="write its cases, indented" if after == "'match'" else "indent its lines, or write 'pass'")

    def indented(self, body: list[stmt]) -> None:
        self.pos += 1
        self.depth += 1
        while self.kinds[self.pos] != "DEDENT":
            if self.kinds[self.pos] == "END":
                break
            self.statement_or_skip(body)
        self.depth -= 1
        self.accept("DEDENT")

    def loop_block(self, after: str, header: int) -> list[stmt]:
        outer, self.in_loop = self.in_loop, True
        self.enter_block(header)
        body = self.block(after, header)
        self.blocks -= 1
        self.in_loop = outer
        return body

    def enter_block(self, header: int) -> None:
        self.blocks += 1
        if self.blocks > MAX_BLOCKS:
            self.fail("nested too deeply", header, help="move the inner blocks into functions")

    def else_block(self) -> list[stmt]:
        if self.kinds[self.pos] != "else":
            return []
        self.pos += 1
        return self.block("'else'", self.pos - 1)

    def if_(self) -> stmt:
        """`if` and its whole chain of `elif`, each one nested in the `orelse` before it."""
        chain: list[tuple[int, If]] = []
        while True:
            start = self.pos
            word = self.kinds[start]
            self.pos += 1
            test = self.named_expression()
            node = If(test, self.block(f"the condition of '{word}'", start), [])
            chain.append((start, node))
            if self.kinds[self.pos] != "elif":
                break
        node.orelse = self.else_block()
        for index in range(len(chain) - 1, -1, -1):
            start, node = chain[index]
            self.node(node, start)
            if index:
                chain[index - 1][1].orelse = [node]
        return node

    def while_(self) -> stmt:
        start = self.pos
        self.pos += 1
        test = self.named_expression()
        body = self.loop_block("the condition of 'while'", start)
        return self.node(While(test, body, self.else_block()), start)

    def for_(self) -> stmt:
        start = self.pos
        self.pos += 1
        target = self.targets()
        self.expect("in", " after the variables of 'for'")
        values = self.expressions()
        body = self.loop_block("the values of 'for'", start)
        return self.node(For(target, values, body, self.else_block(), None), start)

    def with_(self) -> stmt:
        start = self.pos
        self.pos += 1
        items = self.with_items()
        self.enter_block(start)
        body = self.block("'with'", start)
        self.blocks -= 1
        return self.node(With(items, body, None), start)

    def with_items(self) -> list[withitem]:
        if self.kinds[self.pos] == "(":
            items = self.grouped_items()
            if items is not None:
                return items
        items = [self.with_item()]
        while self.accept(","):
            items.append(self.with_item())
        return items

    def grouped_items(self) -> list[withitem] | None:
        """`with (a as b, c):`, or None where the parenthesis belongs to an expression."""
        start = self.pos
        self.pos += 1
        items: list[withitem] = []
        try:
            while self.kinds[self.pos] != ")":
                items.append(self.with_item())
                if not self.accept(","):
                    break
            if items and self.kinds[self.pos] == ")" and self.kinds[self.pos + 1] == ":":
                self.pos += 1
                return items
        except TsrSyntaxError:
            pass
        self.pos = start
        return None

    def with_item(self) -> withitem:
        value = self.expression()
        target = None
        if self.accept("as"):
            target = self.as_target(self.one_target(), STORE)
        return withitem(value, target)

    def try_(self) -> stmt:
        start = self.pos
        self.pos += 1
        self.enter_block(start)
        body = self.block("'try'", start)
        handlers: list[ExceptHandler] = []
        starred = self.kinds[self.pos:self.pos + 2] == ["except", "*"]
        while self.kinds[self.pos] == "except":
            if handlers and handlers[-1].type is None:
                self.fail("an 'except' without a kind must be the last one", self.pos)
            handlers.append(self.handler(starred))
        otherwise = self.else_block() if handlers else []
        final = self.block("'finally'", self.pos - 1) if self.accept("finally") else []
        self.blocks -= 1
        if not handlers and not final:
            self.no_handlers(start)
        kind = TryStar if starred else Try
        return self.node(kind(body, handlers, otherwise, final), start)

    def no_handlers(self, start: int) -> None:
        if self.kinds[self.pos] == "ERROR":
            raise self.tokens[self.pos][1]
        self.fail("this 'try' has neither 'except' nor 'finally'", start,
                  incomplete=self.kinds[self.pos] == "END")

    def handler(self, starred: bool) -> ExceptHandler:
        start = self.pos
        self.pos += 1
        if starred != self.accept("*"):
            self.fail("'except' and 'except*' do not mix", start)
        kind = name = None
        if self.kinds[self.pos] != ":":
            kind = self.expression()
            if self.accept("as"):
                name = self.expect_name("a name after 'as'")
            elif self.kinds[self.pos] == ",":
                self.fail("several kinds of errors need parentheses", self.pos,
                          help="write 'except (A, B):', or 'except A as name:'")
        body = self.block("'except'", start)
        return self.node(ExceptHandler(kind, name, body), start)

    def match_(self) -> stmt:
        start = self.pos
        self.pos += 1
        subject = self.subject()
        if self.kinds[self.pos] != ":":
            self.unexpected("':' after the value to match")
        self.pos += 1
        self.expect("NEWLINE", " after 'match'")
        if self.kinds[self.pos] != "INDENT":
            self.missing_block("'match'", start)
        self.pos += 1
        self.depth += 1
        cases: list[match_case] = []
        while self.kinds[self.pos] not in ("DEDENT", "END"):
            self.case_or_skip(cases)
        self.depth -= 1
        self.accept("DEDENT")
        return self.node(Match(subject, cases), start)

    def case_or_skip(self, cases: list[match_case]) -> None:
        """One case; a broken one is left out where every error is to be found."""
        start, depth = self.pos, self.depth
        try:
            cases.append(self.case())
        except TsrSyntaxError as error:
            if self.errors is None or len(self.errors) + 1 >= MAX_ERRORS:
                raise
            self.errors.append(error)
            self.depth = depth
            self.skip_statement(start, [])

    def case(self) -> match_case:
        start = self.pos
        if self.kinds[start] != "NAME" or self.tokens[start][1] != "case":
            self.unexpected("'case' and a pattern")
        self.pos += 1
        pattern = self.patterns()
        guard = self.named_expression() if self.accept("if") else None
        return match_case(pattern, guard, self.block("the pattern of 'case'", start))

    # ---------------------------------------------------------------- functions and classes

    def def_(self, decorators: list[expr] | None = None) -> stmt:
        start = self.pos
        self.pos += 1
        name = self.expect_name("the name of the function")
        opener = self.pos
        if self.kinds[opener] != "(":
            self.unexpected("'(' and the parameters")
        self.pos += 1
        parameters = self.parameters(")", annotated=True)
        self.expect_closing(")", opener)
        returns = self.annotation() if self.accept("->") else None
        body = self.inner_block(f"the head of function {name}", start, True)
        node = FunctionDef(name, parameters, body, decorators or [], returns, None)
        return self.node(with_type_parameters(node), start)

    def class_(self, decorators: list[expr] | None = None) -> stmt:
        start = self.pos
        self.pos += 1
        name = self.expect_name("the name of the class")
        call = self.call(Name(name, STORE), self.pos) if self.kinds[self.pos] == "(" else None
        assert call is None or isinstance(call, Call)
        bases, keywords = (call.args, call.keywords) if call else ([], [])
        body = self.inner_block(f"the head of class {name}", start, False)
        node = ClassDef(name, bases, keywords, body, decorators or [])
        return self.node(with_type_parameters(node), start)

    def inner_block(self, after: str, header: int, in_function: bool) -> list[stmt]:
        """The body of a function or class: its own place for `return`, `break` and blocks."""
        state = self.in_function, self.in_class, self.in_loop, self.blocks
        self.in_function, self.in_class, self.in_loop, self.blocks = in_function, not in_function, False, 0
        body = self.block(after, header)
        self.in_function, self.in_class, self.in_loop, self.blocks = state
        return body

    def decorated(self) -> stmt:
        decorators = []
        while self.accept("@"):
            decorators.append(self.named_expression())
            if not self.accept("NEWLINE"):
                self.unexpected("the end of the line after a decorator")
        if self.kinds[self.pos] == "def":
            return self.def_(decorators)
        if self.kinds[self.pos] == "class":
            return self.class_(decorators)
        if self.kinds[self.pos] == "END":
            self.fail("a decorator stands before a function or class", self.pos, incomplete=True)
        self.unexpected("'def' or 'class' after a decorator")


def with_type_parameters(node: Definition) -> Definition:
    """Python 3.12 added a field to definitions, and wants it filled."""
    if "type_params" in node._fields:
        node.type_params = []  # type: ignore[attr-defined]
    return node


def dotted_name(node: expr) -> str | None:
    """`a.b.c` as text, if that is all that `node` is."""
    parts: list[str] = []
    while isinstance(node, Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, Name):
        return None
    return ".".join([node.id, *reversed(parts)])


COMPOUND = {"if": Statements.if_, "while": Statements.while_, "for": Statements.for_,
            "with": Statements.with_, "try": Statements.try_, "def": Statements.def_,
            "class": Statements.class_, "@": Statements.decorated}
SIMPLE = {"pass": Statements.pass_, "break": Statements.break_, "continue": Statements.continue_,
          "return": Statements.return_, "raise": Statements.raise_, "assert": Statements.assert_,
          "del": Statements.del_, "global": Statements.global_, "nonlocal": Statements.nonlocal_,
          "import": Statements.import_, "from": Statements.from_}
