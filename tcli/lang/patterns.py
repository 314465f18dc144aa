"""`match` and the patterns of its cases: tokens -> `ast` nodes. The grammar is in the header of `parser.py`.

`match`, `case` and `_` are ordinary names elsewhere: a line that starts with `match` and ends with a colon
is the statement.
"""

from __future__ import annotations

from _ast import (
    Attribute,
    BinOp,
    Constant,
    MatchAs,
    MatchClass,
    MatchMapping,
    MatchOr,
    MatchSequence,
    MatchSingleton,
    MatchStar,
    MatchValue,
    Name,
    Starred,
    Tuple,
    UnaryOp,
    expr,
    pattern,
)

from tcli.lang.expressions import BINARY, LOAD, PREFIX, STARTS, Expressions

SINGLETONS = {"True": True, "False": False, "None": None}
LITERALS = frozenset(("NUMBER", "STRING", "-"))


class Patterns(Expressions):
    """The part of the parser that reads the head of `match` and the patterns of `case`."""

    def at_match(self) -> bool:
        """Whether the name `match` under the cursor starts a statement: no other line ends with a colon."""
        kinds, place = self.kinds, self.pos + 1
        if kinds[place] in (":", "=", ".", ","):
            return False
        while kinds[place] not in ("NEWLINE", "END", "ERROR"):
            place += 1
        return kinds[place - 1] == ":"

    def subject(self) -> expr:
        start = self.pos
        if self.kinds[start] not in STARTS:
            self.unexpected("the value to match")
        first = self.star_named()
        if self.kinds[self.pos] != ",":
            if isinstance(first, Starred):
                self.fail_at("a value with * must be in a list or tuple", first, help="write *x,")
            return first
        values = [first]
        while self.accept(","):
            if self.kinds[self.pos] not in STARTS:
                break
            values.append(self.star_named())
        return self.node(Tuple(values, LOAD), start)

    # ---------------------------------------------------------------- patterns

    def patterns(self) -> pattern:
        """One pattern, or a sequence without brackets."""
        start = self.pos
        first = self.star_or_pattern()
        if self.kinds[self.pos] != ",":
            if isinstance(first, MatchStar):
                self.fail_at("a pattern with * must be in a list or tuple", first, help="write *x,")
            return first
        return self.node(MatchSequence(self.rest_of_sequence([first], (":", "if"))), start)

    def rest_of_sequence(self, found: list[pattern], ends: tuple[str, ...]) -> list[pattern]:
        while self.accept(","):
            if self.kinds[self.pos] in ends:
                break
            found.append(self.star_or_pattern())
        stars = [each for each in found if isinstance(each, MatchStar)]
        if len(stars) > 1:
            self.fail_at("only one part of a sequence can have *", stars[1])
        return found

    def star_or_pattern(self) -> pattern:
        start = self.pos
        if self.accept("*"):
            name = self.expect_name("a name after '*'")
            return self.node(MatchStar(None if name == "_" else name), start)
        return self.one_pattern()

    def one_pattern(self) -> pattern:
        """Alternatives, with `as name` or without."""
        start = self.pos
        found = self.pattern_choices()
        if not self.accept("as"):
            return found
        place = self.pos
        name = self.expect_name("a name after 'as'")
        if name == "_":
            self.fail("'_' takes anything and binds nothing", place, help="give it another name")
        return self.node(MatchAs(found, name), start)

    def pattern_choices(self) -> pattern:
        start = self.pos
        found = [self.closed_pattern()]
        while self.accept("|"):
            found.append(self.closed_pattern())
        return found[0] if len(found) == 1 else self.node(MatchOr(found), start)

    def closed_pattern(self) -> pattern:
        start, kind = self.pos, self.kinds[self.pos]
        if kind == "NAME":
            return self.pattern_name(start)
        if kind in LITERALS:
            return self.node(MatchValue(self.pattern_literal()), start)
        if kind in SINGLETONS:
            self.pos += 1
            return self.node(MatchSingleton(SINGLETONS[kind]), start)
        if kind == "[":
            return self.pattern_list(start)
        if kind == "(":
            return self.pattern_group(start)
        if kind == "{":
            return self.pattern_mapping(start)
        self.unexpected("a pattern")

    def pattern_literal(self) -> expr:
        """A number with its sign, a complex number, or text."""
        start = self.pos
        if self.kinds[start] == "STRING":
            text = self.string()
            if not isinstance(text, Constant):
                self.fail_at("a pattern is no place for an f-string", text, help="compare in 'if' behind the pattern")
            return text
        value = self.pattern_number(start)
        sign = self.kinds[self.pos]
        if sign not in ("+", "-"):
            return value
        self.pos += 1
        if self.kinds[self.pos] != "NUMBER" or not isinstance(self.tokens[self.pos][1], complex):
            self.unexpected("an imaginary number")
        return self.node(BinOp(value, BINARY[sign], self.number()), start)

    def pattern_number(self, start: int) -> expr:
        minus = self.accept("-")
        if self.kinds[self.pos] != "NUMBER":
            self.unexpected("a number")
        value = self.number()
        return self.node(UnaryOp(PREFIX["-"], value), start) if minus else value

    def pattern_name(self, start: int) -> pattern:
        """`name` binds, `a.name` compares, `Name(...)` asks for a class; `_` takes anything."""
        name = self.tokens[start][1]
        self.pos += 1
        following = self.kinds[self.pos]
        if following not in (".", "("):
            return self.node(MatchAs(None, None if name == "_" else name), start)
        value = self.dotted_value(start)
        if self.kinds[self.pos] == "(":
            return self.class_pattern(value, start)
        return self.node(MatchValue(value), start)

    def dotted_value(self, start: int) -> expr:
        """`a.b.c`, the cursor behind its first name."""
        value: expr = self.node(Name(self.tokens[start][1], LOAD), start)
        while self.accept("."):
            value = self.node(Attribute(value, "", LOAD), start)
            value.attr = self.expect_name("a name after '.'")
            self.node(value, start)
        return value

    def pattern_list(self, start: int) -> pattern:
        self.pos += 1
        found = [] if self.kinds[self.pos] == "]" else self.rest_of_sequence([self.star_or_pattern()], ("]",))
        self.expect_closing("]", start)
        return self.node(MatchSequence(found), start)

    def pattern_group(self, start: int) -> pattern:
        """A pattern in parentheses, or a sequence."""
        self.pos += 1
        if self.accept(")"):
            return self.node(MatchSequence([]), start)
        first = self.star_or_pattern()
        if self.kinds[self.pos] != "," and not isinstance(first, MatchStar):
            self.expect_closing(")", start)
            return first
        if self.kinds[self.pos] != ",":
            self.fail_at("a pattern with * must be in a list or tuple", first, help="write (*x,)")
        found = self.rest_of_sequence([first], (")",))
        self.expect_closing(")", start)
        return self.node(MatchSequence(found), start)

    def pattern_mapping(self, start: int) -> pattern:
        self.pos += 1
        keys: list[expr] = []
        values: list[pattern] = []
        rest = None
        while self.kinds[self.pos] != "}":
            if rest is not None:
                self.fail("'**' comes last", self.pos)
            if self.accept("**"):
                rest = self.expect_name("a name after '**'")
            else:
                keys.append(self.pattern_key())
                self.expect(":", " after the key")
                values.append(self.one_pattern())
            if not self.accept(",") and self.kinds[self.pos] != "}":
                self.unexpected("',' or '}'", start)
        self.pos += 1
        return self.node(MatchMapping(keys, values, rest), start)

    def pattern_key(self) -> expr:
        start, kind = self.pos, self.kinds[self.pos]
        if kind in LITERALS:
            return self.pattern_literal()
        if kind in SINGLETONS:
            return self.constant()
        if kind == "NAME" and self.kinds[start + 1] == ".":
            self.pos += 1
            return self.dotted_value(start)
        self.unexpected("a key: a literal or a dotted name")

    def class_pattern(self, kind: expr, start: int) -> pattern:
        opener = self.pos
        self.pos += 1
        positional: list[pattern] = []
        names: list[str] = []
        values: list[pattern] = []
        while self.kinds[self.pos] != ")":
            if self.kinds[self.pos] == "NAME" and self.kinds[self.pos + 1] == "=":
                names.append(self.expect_name("a name"))
                self.pos += 1
                values.append(self.one_pattern())
            elif names:
                self.fail("parts with names come behind those without", self.pos)
            else:
                positional.append(self.one_pattern())
            if not self.accept(",") and self.kinds[self.pos] != ")":
                self.unexpected("',' or ')'", opener)
        self.pos += 1
        return self.node(MatchClass(kind, positional, names, values), start)
