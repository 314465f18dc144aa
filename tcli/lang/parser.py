"""Source -> `ast.Module`: the syntax of .tsr programs.

The Python 3.11 grammar without `async` and `await`, plus what is marked with (+).

    program     := statement* END
    statement   := compound | simple (";" simple)* [";"] NEWLINE        (+) a last ";" means: no echo
    simple      := expressions | assignment | "pass" | "break" | "continue" | "return" [expressions]
                 | "raise" [expression ["from" expression]] | "assert" named ["," expression]
                 | "del" target ("," target)* | ("global" | "nonlocal") NAME ("," NAME)*
                 | "import" module ("," module)* | "from" "."* [dotted] "import" ("*" | names)
                 | ("?" dotted | dotted "?")                            (+) help, at the top level
    assignment  := (target "=")+ right | target operator"=" right | target ":" annotation ["=" right]
    annotation  := expression | dtype "[" [dim ("," dim)*] "]"          (+) a shape contract
    dim         := NAME | NUMBER | "_" | "..." | "*" NAME | dim operator dim
    right       := expressions | yield
    compound    := "if" named block ("elif" named block)* ["else" block]
                 | "while" named block ["else" block] | "for" targets "in" expressions block ["else" block]
                 | "with" (item ("," item)* | "(" item ("," item)* [","] ")") block
                 | "try" block ("except" ["*"] [expression ["as" NAME]] block)*
                         ["else" block] ["finally" block]
                 | ("@" named NEWLINE)* ("def" NAME "(" parameters ")" ["->" annotation] block
                                        | "class" NAME ["(" arguments ")"] block)
                 | "match" star ("," star)* [","] ":" NEWLINE INDENT case+ DEDENT
    case        := "case" patterns ["if" named] block
    patterns    := ["*"] pattern ("," ["*"] pattern)* [","]     pattern := closed ("|" closed)* ["as" NAME]
    closed      := NAME | dotted | literal | ("(" | "[") [patterns] (")" | "]")
                 | "{" [key ":" pattern ("," key ":" pattern)* ["," "**" NAME]] "}"
                 | dotted "(" [pattern ("," pattern)*] ("," NAME "=" pattern)* ")"
    block       := ":" (simple_line | NEWLINE INDENT statement+ DEDENT)

    expressions := star ("," star)* [","]               star  := "*" bitor | expression
    named       := [NAME ":="] expression
    expression  := ternary ("|>" stage)*                (+) x |> f(y) means f(x, y), x |> f means f(x)
    stage       := NAME postfix* | "(" named ")" postfix*               a line may start with |>
    ternary     := "lambda" parameters ":" expression | or ["if" or "else" ternary]
    or          := and ("or" and)*      and := not ("and" not)*      not := "not" not | comparison
    comparison  := bitor (("<" | ">" | "==" | "!=" | "<=" | ">=" | ["not"] "in" | "is" ["not"]) bitor)*
    bitor       := | ^ & << >> + - * / // % @ in Python's order; unary := ("-" | "+" | "~") unary | power
    power       := postfix ["**" unary]
    postfix     := atom ("." NAME | "(" arguments ")" | "[" indices "]")*
    atom        := NAME | NUMBER | STRING+ | "True" | "False" | "None" | "..." | group | list | braces
    list        := "[" [elements | element comprehension] "]"
                 | "[" elements (";" elements)+ [";"] "]"               (+) a matrix, row by row

Trees and positions are CPython's own: `ast.dump` of both, with attributes, is equal. The sugar nodes
are in `nodes.py`. Expressions are read in `expressions.py` and `fstrings.py`, statements in
`statements.py`, patterns in `patterns.py`; every error leaves through `Cursor.fail` and `Cursor.unexpected`.
"""

from __future__ import annotations

from _ast import Module

from tcli.errors import TsrSyntaxError
from tcli.lang.statements import Statements
from tcli.source import Source, Span


def parse(source: Source) -> Module:
    """The tree of a program, sugar included. Raises `TsrSyntaxError`.

    >>> parse(Source("x |> relu")).body[0].value.stage.id
    'relu'
    """
    check_text(source)
    parser = Statements(source)
    try:
        return parser.module()
    except RecursionError:
        pass
    raise too_deep(parser)


def check(source: Source) -> list[TsrSyntaxError]:
    """Every syntax error of a program, up to ten, in the order of the text.

    >>> [str(error.span) for error in check(Source("x = = 1\\ny = 2\\nz = )\\n"))]
    ['<tsr>:1:5', '<tsr>:3:5']
    """
    errors: list[TsrSyntaxError] = []
    try:
        check_text(source)
        parser = Statements(source, errors)
        parser.module()
    except TsrSyntaxError as error:
        errors.append(error)
    except RecursionError:
        errors.append(too_deep(parser))
    return errors


def check_text(source: Source) -> None:
    """What no token may hold, even inside strings."""
    text = source.text
    if text.isascii() and "\0" not in text:
        return
    for index, line in enumerate(source.lines):
        for column, c in enumerate(line):
            if c == "\0" or "\ud800" <= c <= "\udfff":
                what = "a null character" if c == "\0" else "a byte that is not UTF-8"
                raise TsrSyntaxError(f"the text holds {what}",
                                     span=Span(source, index + 1, column + 1, index + 1, column + 2))


def too_deep(parser: Statements) -> TsrSyntaxError:
    place = min(parser.pos, len(parser.tokens) - 1)
    return TsrSyntaxError("nested too deeply", span=parser.span(place, place),
                          help="compute the inner part first and name it")
