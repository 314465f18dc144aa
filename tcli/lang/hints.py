"""What a person probably meant: turns an unexpected token into an error with a hint.

Takes the cursor at the token that does not fit and what should stand there; gives the error. Loaded
only when there is an error to explain.
"""

from __future__ import annotations

from tcli.errors import TsrSyntaxError
from tcli.lang.cursor import Cursor
from tcli.lang.tokens import KEYWORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OPERANDS = frozenset("NAME NUMBER STRING True False None ...".split())
ENDS = OPERANDS | {")", "]", "}"}
STARTS = OPERANDS | {"(", "[", "{", "not", "lambda"}
OTHER_LANGUAGES = {"elseif": "elif", "elsif": "elif", "function": "def", "func": "def", "fn": "def",
                   "let": "", "var": "", "const": "", "switch": "if", "foreach": "for", "until": "while not"}


def explain(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError:
    """The error for the token at the cursor, where `expected` should have been."""
    for rule in RULES:
        error = rule(cursor, expected, opener)
        if error is not None:
            return error
    return plain(cursor, expected, opener)


def plain(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError:
    found = described(cursor)
    details: dict[str, Any] = cursor.opened(opener) if opener is not None else {}
    message = f"expected {expected}, found {found}"
    if expected == "a statement":
        message = f"unexpected {found.removeprefix('the ')}"
    return error_at(cursor, cursor.pos, cursor.pos, message, None, **details)


def described(cursor: Cursor) -> str:
    kind = cursor.kinds[cursor.pos]
    words = {"NEWLINE": "the end of the line", "END": "the end of the text", "DEDENT": "the end of the block",
             "INDENT": "an indented line", "STRING": "a string"}
    if kind in words:
        return words[kind]
    if kind in KEYWORDS and kind not in CONSTANT_WORDS:
        return f"the keyword '{kind}'"
    return f"'{cursor.span(cursor.pos, cursor.pos).text}'"


CONSTANT_WORDS = ("True", "False", "None")


def error_at(cursor: Cursor, first: int, last: int, message: str, help: str | None,
             **details: Any) -> TsrSyntaxError:
    details.setdefault("incomplete", cursor.kinds[cursor.pos] == "END")
    return TsrSyntaxError(message, span=cursor.span(first, last), help=help, **details)


# -------------------------------------------------------------------- the rules, most telling first


def other_language(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    """`elseif x:`, `let x = 1`: a word of another language at the start of a statement."""
    start = line_start(cursor)
    word = cursor.tokens[start][1]
    if cursor.kinds[start] != "NAME" or cursor.pos != start + 1 or word not in OTHER_LANGUAGES:
        return None
    right = OTHER_LANGUAGES[word]
    return error_at(cursor, start, start, f"'{word}' is not a keyword",
                    f"write '{right}'" if right else "write the name and '=' alone")


def unsupported(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    """`async` and `await`: Python that is not part of the language."""
    for place in (cursor.pos, cursor.pos - 1):
        if place >= 0 and cursor.kinds[place] in ("async", "await"):
            return error_at(cursor, place, place, f"'{cursor.kinds[place]}' is not part of tsr", None)
    return None


def old_print(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    """`print x`: Python 2."""
    before = cursor.pos - 1
    if expected != "the end of the statement" or before != line_start(cursor):
        return None
    name = cursor.tokens[before][1]
    if cursor.kinds[before] == "NAME" and name in ("print", "exec") and cursor.kinds[cursor.pos] in OPERANDS:
        return error_at(cursor, before, cursor.pos, f"{name} is a function", f"write {name}(...)")
    return None


def else_if(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    if cursor.kinds[cursor.pos - 1:cursor.pos + 1] == ["else", "if"] and "after 'else'" in expected:
        return error_at(cursor, cursor.pos - 1, cursor.pos, "'else if' is two words", "write 'elif'")
    return None


def doubled(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    """`&&`, `||`, `===`, `x++`, `<>`, `=>`: operators of other languages."""
    pairs = {("&", "&"): ("'&&' is not an operator", "write 'and'"),
             ("|", "|"): ("'||' is not an operator", "write 'or'"),
             ("==", "="): ("'===' is not an operator", "write '=='"),
             ("!=", "="): ("'!==' is not an operator", "write '!='"),
             ("<", ">"): ("'<>' is not an operator", "write '!='"),
             ("=", ">"): ("'=>' is not an operator", "write '>=' to compare, 'lambda x: ...' for a function"),
             ("*", "*"): ("'* *' is not an operator", "write '**'")}
    places = [(cursor.pos - 1, cursor.pos), (cursor.pos - 2, cursor.pos - 1)]
    for first, last in places:
        if first < 0 or cursor.tokens[first][7] != cursor.tokens[last][6]:
            continue
        pair = cursor.kinds[first], cursor.kinds[last]
        if pair in pairs:
            return error_at(cursor, first, last, *pairs[pair])
        if pair in (("+", "+"), ("-", "-")) and cursor.kinds[cursor.pos] in ("NEWLINE", ";", ")"):
            sign = pair[0]
            return error_at(cursor, first, last, f"'{sign}{sign}' is not an operator", f"write 'x {sign}= 1'")
    return None


def assignment_as_condition(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    if cursor.kinds[cursor.pos] != "=":
        return None
    if "condition" in expected or opener is not None or expected == "a statement":
        return error_at(cursor, cursor.pos, cursor.pos, "'=' assigns, it does not compare",
                        "write '==' to compare" if expected != "a statement" else None)
    return None


def missing_colon(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    if not expected.startswith("':' after"):
        return None
    if cursor.kinds[cursor.pos] == "{":
        return error_at(cursor, cursor.pos, cursor.pos, f"expected {expected}, found '{{'",
                        "a block starts with ':' and is indented")
    if cursor.kinds[cursor.pos] in ("NEWLINE", "END"):
        return error_at(cursor, cursor.pos, cursor.pos, f"{expected} is missing", "end the line with ':'",
                        incomplete=False)
    return None


def keyword_as_name(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    """`lambda = 3`, `x.class`, `def in():`."""
    place = cursor.pos
    word = cursor.kinds[place]
    if word == "=" and place and cursor.kinds[place - 1] not in CONSTANT_WORDS:
        place, word = place - 1, cursor.kinds[place - 1]
    elif "name" not in expected and cursor.kinds[min(place + 1, len(cursor.kinds) - 1)] != "=":
        return None
    if word not in KEYWORDS:
        return None
    imported = place > 0 and cursor.kinds[place - 1] in ("import", "from")
    help = None if word in CONSTANT_WORDS or imported else f"call it {word}_"
    return error_at(cursor, place, place, f"'{word}' is a keyword, not a name", help)


def rows_outside_list(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    if cursor.kinds[cursor.pos] == ";" and opener is not None:
        bracket = cursor.kinds[opener]
        return error_at(cursor, cursor.pos, cursor.pos, f"';' cannot stand inside '{bracket}'",
                        "rows of a matrix are written [1, 2; 3, 4]", **cursor.opened(opener))
    return None


def question(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    if cursor.kinds[cursor.pos] == "?":
        return error_at(cursor, cursor.pos, cursor.pos, "'?' is not an operator",
                        "a line of its own, 'name?', shows help; a choice is 'b if a else c'")
    return None


def pipe_stage(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    kind, before = cursor.kinds[cursor.pos], cursor.kinds[cursor.pos - 1] if cursor.pos else ""
    if kind == "|>" and expected in ("a statement", "an expression"):
        return error_at(cursor, cursor.pos, cursor.pos, "there is no value before '|>'",
                        "write value |> function")
    if before != "|>" or "|>" not in expected:
        return None
    help = "write x |> f or x |> f(y)"
    if kind == ".":
        help = "a method is called on the value itself: (value).method()"
    elif kind == "lambda":
        help = "put the lambda in parentheses"
    return error_at(cursor, cursor.pos, cursor.pos, f"expected {expected}, found {described(cursor)}", help)


def missing_comma(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    """Two values side by side."""
    kind, before = cursor.kinds[cursor.pos], cursor.kinds[cursor.pos - 1] if cursor.pos else ""
    if kind not in STARTS or before not in ENDS:
        return None
    first = cursor.span(cursor.pos - 1, cursor.pos - 1).text
    second = cursor.span(cursor.pos, cursor.pos).text
    if opener is not None and cursor.tokens[cursor.pos - 1][4] != cursor.tokens[cursor.pos][2]:
        closing = {"(": ")", "[": "]", "{": "}"}[cursor.kinds[opener]]
        return error_at(cursor, cursor.pos - 1, cursor.pos - 1, f"a comma or '{closing}' is missing behind this",
                        None, **cursor.opened(opener))
    if opener is not None:
        return error_at(cursor, cursor.pos - 1, cursor.pos, "a comma is missing here",
                        f"write {short(first)}, {short(second)}", **cursor.opened(opener))
    if expected == "the end of the statement":
        product = before == "NUMBER" and kind == "NAME"
        return error_at(cursor, cursor.pos, cursor.pos,
                        f"an operator or the end of the line is missing before {short(second)}",
                        f"write {short(first)} * {short(second)}" if product else None)
    return None


def indentation(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    if cursor.kinds[cursor.pos] == "INDENT":
        return error_at(cursor, cursor.pos, cursor.pos,
                        "this line is indented, but no block starts before it",
                        "delete the spaces at its start")
    return None


def orphan(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    """`else` and its like without what they belong to."""
    kind = cursor.kinds[cursor.pos]
    owners = {"else": "'if', 'for', 'while' or 'try'", "elif": "'if'", "except": "'try'", "finally": "'try'"}
    if expected != "a statement" or kind not in owners:
        return None
    return error_at(cursor, cursor.pos, cursor.pos, f"this '{kind}' belongs to no {owners[kind]}",
                    "indent it like the line it belongs to")


def walrus(cursor: Cursor, expected: str, opener: int | None) -> TsrSyntaxError | None:
    if cursor.kinds[cursor.pos] == ":=":
        plain_name = cursor.kinds[cursor.pos - 1] == "NAME"
        help = "write '=', or put the expression in parentheses" if plain_name else "':=' binds a plain name"
        return error_at(cursor, cursor.pos, cursor.pos, "':=' cannot stand here", help)
    return None


def line_start(cursor: Cursor) -> int:
    """Index of the first token of the statement at the cursor."""
    index = min(cursor.pos, len(cursor.kinds) - 1)
    while index > 0 and cursor.kinds[index - 1] not in ("NEWLINE", "INDENT", "DEDENT", ";"):
        index -= 1
    return index


def short(text: str) -> str:
    return text if len(text) <= 20 and "\n" not in text else text[:17].split("\n")[0] + "..."


RULES = (unsupported, else_if, other_language, old_print, doubled, assignment_as_condition, missing_colon,
         keyword_as_name, rows_outside_list, question, pipe_stage, walrus, indentation, orphan, missing_comma)
