"""The program tree of a check: every statement reports its own fault and the program goes on after it.

Takes the lowered tree. A statement becomes `try: statement; except ...: __fault__(targets)`, with its targets
unknown afterwards; an `if` whose condition has no answer runs both its branches; a loop asks before each turn.
Inside a `try` that has handlers only what is unknown is passed over: the program's own handlers are to see the errors.
A function says when it is entered, so that those nobody calls can be tried. New nodes get the positions of the statement
they stand for.
"""

from __future__ import annotations

import ast
import copy
from typing import Any

FAULT, TURN, KNOWN, UNUSED, UNKNOWN_NAME, CAUGHT, ENTERED = ("__fault__", "__turn__", "__known__", "__unused__",
                                                            "__unknown__", "__caught__", "__entered__")
_DEPTH = 3  # of unanswered `if`s inside each other that are taken both ways


def instrument(module: ast.Module) -> ast.Module:
    """The same program, which goes on after a fault; changes the tree."""
    module.body = [_top(statement) for statement in module.body]
    return module


def _top(statement: ast.stmt) -> ast.stmt:
    return _guarded(_inner(statement, 0, top=True))


def _block(body: list[ast.stmt], depth: int) -> list[ast.stmt]:
    return [_guarded(_inner(each, depth)) for each in body]


def _inner(node: Any, depth: int, top: bool = False) -> Any:
    """The statement with the statements inside it guarded."""
    if isinstance(node, ast.If):
        return _both_ways(node, depth)
    if isinstance(node, (ast.For, ast.AsyncFor)):
        node.iter = _call(TURN, [node.iter], node.iter)
    elif isinstance(node, ast.While):
        node.test = _call(TURN, [ast.Constant(None), node.test], node.test)
    elif isinstance(node, ast.Assert):
        answer = _call(KNOWN, [node.test, ast.Constant(False)], node.test)
        node.test = _placed(ast.Compare(answer, [ast.IsNot()], [ast.Constant(False)]), node.test)
    elif isinstance(node, ast.Expr) and not top and _may_waste(node.value):
        node.value = _call(UNUSED, [node.value], node.value)
    elif isinstance(node, ast.Try):
        # What stands in a `try` may be there for its error alone.
        node.body = [_guarded(_inner(each, depth, top=True), passing=bool(node.handlers)) for each in node.body]
        for handler in node.handlers:
            handler.body = _block(handler.body, depth)
        node.orelse, node.finalbody = _block(node.orelse, depth), _block(node.finalbody, depth)
        return node
    for field in ("body", "orelse"):
        if isinstance(getattr(node, field, None), list):
            setattr(node, field, _block(getattr(node, field), depth))
    if isinstance(node, ast.FunctionDef):
        node.body = [_entrance(node), *map(_kept, node.body)]
    return node


def _kept(statement: ast.stmt) -> ast.stmt:
    """The contract of a parameter: what is unknown becomes what the contract says."""
    inner = statement.body[0] if isinstance(statement, ast.Try) else statement
    call = inner.value if isinstance(inner, ast.Expr) else None
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "__contract__" and isinstance(call.args[0], ast.Name):
        kept: ast.stmt = _placed(ast.Assign([ast.Name(call.args[0].id, ast.Store())], call), statement)
        return kept
    return statement


def _entrance(node: ast.FunctionDef) -> ast.stmt:
    """`if __entered__(line, column): return __unknown__`."""
    question = _call(ENTERED, [ast.Constant(node.lineno), ast.Constant(node.col_offset)], node)
    return _placed(ast.If(question, [ast.Return(_name(UNKNOWN_NAME))], []), node)


def _may_waste(node: ast.expr) -> bool:
    """Whether the value of a call that stands alone is what it was made for."""
    function = getattr(node, "func", None)
    name = getattr(function, "attr", getattr(function, "id", "_"))
    return not name.endswith("_") and name not in ("step", "print", "append", "backward")


def _both_ways(node: ast.If, depth: int) -> ast.stmt:
    """`if` by the answer; without one, the first branch without its jumps and then the second."""
    if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
        node.test, node.body, node.orelse = node.test.operand, node.orelse or [_placed(ast.Pass(), node)], node.body
    if depth >= _DEPTH:
        node.body, node.orelse = _block(node.body, depth), _block(node.orelse, depth)
        return node
    name = f"__answer{depth}__"
    both = [_without_jumps(copy.deepcopy(each)) for each in [*node.body, *node.orelse]]
    unanswered = _block(both, depth + 1) or [ast.Pass()]
    answer = ast.Assign([ast.Name(name, ast.Store())], _call(KNOWN, [node.test], node.test))
    split = ast.If(ast.Compare(ast.Name(name, ast.Load()), [ast.Is()], [ast.Constant(None)]), unanswered,
                   [ast.If(ast.Name(name, ast.Load()), _block(node.body, depth + 1), _block(node.orelse, depth + 1))])
    return _placed(ast.If(ast.Constant(True), [answer, split], []), node)


class _without_jumps_in(ast.NodeTransformer):
    """Statements that leave the branch become what they compute."""

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        return ast.copy_location(ast.Expr(node.value) if node.value is not None else ast.Pass(), node)

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, (ast.Raise, ast.Break, ast.Continue)):
            return ast.copy_location(ast.Pass(), node)
        # The jumps of inner loops and functions stay inside them.
        inner = (ast.For, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        return node if isinstance(node, inner) else super().visit(node)


def _without_jumps(statement: ast.stmt) -> Any:
    return _without_jumps_in().visit(statement)


# ---------------------------------------------------------------- going on after a fault

def _guarded(node: Any, passing: bool = False) -> ast.stmt:
    """`try: node` with the fault reported and the targets unknown; `passing`: faults go on to the program's handlers."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Global, ast.Nonlocal, ast.Pass, ast.Break, ast.Continue,
                         ast.Raise, ast.Import, ast.ImportFrom)):
        return node
    targets = [ast.Assign([target], _name(UNKNOWN_NAME)) for target in [
        *(ast.Name(name, ast.Store()) for name in _targets(node)), *_attributes(node)]]
    after: list[ast.stmt] = [ast.Expr(_call(FAULT, [ast.Constant(True)] if passing else [], node)), *targets]
    if isinstance(node, ast.Return):
        after.append(ast.Return(_name(UNKNOWN_NAME)))
    handler = ast.ExceptHandler(_name(CAUGHT), None, after)
    return _placed(ast.Try([node], [handler], [], []), node)


def _targets(node: Any) -> list[str]:
    """The names that a statement binds."""
    if isinstance(node, ast.Assign):
        parts = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        parts = [node.target]
    elif isinstance(node, (ast.For, ast.While, ast.With)):
        return _changed(node)
    elif isinstance(node, ast.ClassDef):
        return [node.name]
    else:
        parts = []
    return list(dict.fromkeys(each.id for part in parts for each in ast.walk(part)
                              if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)))


def _attributes(node: Any) -> list[ast.expr]:
    """The attributes of named things that a statement binds: `self.weight = ...`."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [ast.Attribute(_name(each.value.id), each.attr, ast.Store()) for target in targets for each in ast.walk(target)
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and isinstance(each.ctx, ast.Store)]


def _changed(block: Any) -> list[str]:
    """The names that a loop or a `with` binds, and those into which it writes."""
    found = []
    for each in ast.walk(block):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and not each.id.startswith("__"):
            found.append(each.id)
        elif isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Store) and isinstance(each.value, ast.Name):
            found.append(each.value.id)
    return list(dict.fromkeys(found))


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _call(name: str, arguments: list, like: ast.AST) -> ast.Call:
    return _placed(ast.Call(_name(name), arguments, []), like)


def _placed(node: Any, like: Any) -> Any:
    """New nodes stand where the statement stands that they were made for."""
    for each in ast.walk(node):
        if "lineno" in each._attributes and not hasattr(each, "lineno"):
            ast.copy_location(each, like)
    return node
