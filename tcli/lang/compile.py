"""Source -> code object: parse, lower, and CPython's `compile()` of the finished tree.

The protocol: a program's globals must hold these helpers. Programs cannot name them.

    __echo__(value, *owners)            a top-level expression statement without trailing `;`. A script shows
                                        nothing if the value is one of the owners (the receiver of a method
                                        call) or one of them is `...` (a call for its effect: `zeros_(w)`).
    __matrix__(rows)                    `[1, 2; 3, 4]`, rows a list of lists
    __binop__(symbol, a, b)             symbol one of + - * / // % @ ** | ^ & << >> < <= > >=, or an in-place
                                        form like `*=`: the operation, with lists promoted to tensors where
                                        Python raises TypeError
    __unop__(symbol, a)                 symbol one of - + ~
    __contract__(value, spec, dims, name, place)   returns value or raises ContractError. spec is
                                        (dtype, dims, text), see `contracts.py`; dims the frame's dict of
                                        bound dimensions; name the text of the target, "return" for a
                                        result; place the annotation's four positions, as for
                                        `Source.span_of_bytes`
    __dims__                            the dict of the top level (functions make their own)
    __import_module__(name, whole)      whole: the module `a.b` itself (for `as` and `from`), else the `a`
                                        of `import a.b`; raises for unknown modules
    __import_from__(module, name)       `from module import name`
    __import_star__(module)             binds all public names of the module in the program's globals
    __attributes__(instance)            `self.__dict__`: the open attributes, written through
    __match_class__(*classes)           False; raises where a pattern like `Name(x)` would read attributes that a
                                        program may not
    __dump__(json)                      `json.dump`, a name that is closed on anything but the module
    __strformat__(text, /, *args, **kwargs)   `text.format(...)`, without attribute paths in the fields;
                                        text is any object, str.format(...) arrives as the type str
    __help__(name)                      `name?`

`__receiver__` is set to None again after each use; a run that failed may leave it bound.
"""

from __future__ import annotations

from _ast import AST, Module, stmt

from tcli.errors import TsrSyntaxError
from tcli.lang.lower import lower
from tcli.lang.parser import check, parse
from tcli.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

__all__ = ["HELPERS", "check", "compile_program", "compile_statements", "parse"]

HELPERS = ("__echo__", "__matrix__", "__binop__", "__unop__", "__contract__", "__dims__", "__import_module__",
           "__import_from__", "__import_star__", "__strformat__", "__attributes__", "__dump__", "__help__",
           "__match_class__")

FUTURE_ANNOTATIONS = 0x1000000

# What CPython's compiler still finds, in the words of this language.
WORDINGS = (("too many statically nested blocks", "nested too deeply"),
            ("no binding for nonlocal", "no function around this one binds the nonlocal name"))


def compile_program(source: Source, *, echo: bool = True,
                    known_lists: frozenset[str] = frozenset()) -> CodeType:
    """The code object of a whole program. Raises `TsrSyntaxError`, or a refusal of a name.

    echo: top-level values go to `__echo__`. known_lists: names that already hold lists (in a REPL).
    """
    module, future = lower(parse(source), source, echo=echo, known_lists=known_lists)
    return to_code(module, source, future)


def compile_statements(source: Source, *, echo: bool = True,
                       known_lists: frozenset[str] = frozenset()) -> list[tuple[CodeType, Span]]:
    """The same, one code object with its span for each top-level statement."""
    module, future = lower(parse(source), source, echo=echo, known_lists=known_lists)
    return [(to_code(Module([node], []), source, future), source.span_of_node(node)) for node in module.body]


def to_code(module: Module, source: Source, future_annotations: bool = False) -> CodeType:
    flags = FUTURE_ANNOTATIONS if future_annotations else 0
    try:
        code: CodeType = compile(module, source.name, "exec", flags, dont_inherit=True)
        return code
    except SyntaxError as error:
        failure = converted(error, source)
    except (RecursionError, MemoryError):
        failure = TsrSyntaxError("nested too deeply", span=deepest(module, source),
                                 help="compute parts of it first and name them")
    except (ValueError, OverflowError) as error:
        failure = TsrSyntaxError(str(error), span=first_span(module, source))
    raise failure


def converted(error: SyntaxError, source: Source) -> TsrSyntaxError:
    message = next((ours for theirs, ours in WORDINGS if theirs in error.msg), error.msg)
    line, offset = error.lineno or 1, (error.offset or 1) - 1
    end_line, end = error.end_lineno or line, (error.end_offset or 0) - 1
    if end_line == line and end <= offset:
        end = offset + 1
    return TsrSyntaxError(message, span=source.span_of_bytes(line, max(offset, 0), end_line, max(end, 0)))


def first_span(module: Module, source: Source) -> Span | None:
    return source.span_of_node(module.body[0]) if module.body else None


def deepest(module: Module, source: Source) -> Span | None:
    """The span of the top-level statement that nests most deeply."""
    if not module.body:
        return None
    return source.span_of_node(max(module.body, key=depth))


def depth(statement: stmt) -> int:
    """How deeply the nodes of a statement nest, without recursion."""
    level = 0
    nodes: list[AST] = [statement]
    while nodes:
        level += 1
        following: list[AST] = []
        for node in nodes:
            for field in node._fields:
                value = getattr(node, field, None)
                values = value if isinstance(value, list) else [value]
                following += [one for one in values if isinstance(one, AST)]
        nodes = following
    return level
