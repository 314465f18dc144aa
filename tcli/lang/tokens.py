"""Text -> tokens, with exact positions; the first stage of the language.

Takes a `Source`, gives a list of tokens. Never raises: what cannot be a token becomes an ERROR token
that carries the finished `TsrSyntaxError`, so that the parser reports it in its own order and a check
of the whole file can go on behind it. Hand-written: a regular expression of this size takes longer
to compile than most programs take to run.

A token is the tuple (kind, text, line, column, end line, end column, offset, end offset). Lines count
from 1, columns are 0-based UTF-8 bytes as in `ast`, offsets are characters. The kind of an operator
or keyword is its text; the others are NAME NUMBER STRING NEWLINE INDENT DEDENT END ERROR. A NUMBER
holds its value. NEWLINE, INDENT, DEDENT and END carry as their end the end of the token before
them: the end of a node is then the end of the last token taken, whatever it was.
"""

from __future__ import annotations

from tcli.errors import Label, TsrSyntaxError
from tcli.lang.literals import number_value
from tcli.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Token = tuple[str, Any, int, int, int, int, int, int]

KIND, TEXT, LINE, COLUMN, END_LINE, END_COLUMN, OFFSET, END_OFFSET = range(8)

KEYWORDS = {word: word for word in (
    "False None True and as assert async await break class continue def del elif else except finally "
    "for from global if import in is lambda nonlocal not or pass raise return try while with yield"
).split()}

# Keywords that cannot stand inside an expression: in an open bracket they mean it was never closed.
STATEMENT_WORDS = frozenset(
    "as assert break class continue def del except finally from global import nonlocal pass raise "
    "return try while with".split()) - {"as", "from"}

# Words that may stand directly behind a number: `1if x else 2`.
WORDS_AFTER_NUMBER = ("and", "else", "for", "if", "in", "is", "not", "or")

STRING_PREFIXES = frozenset("r b f u rb br rf fr".split())
SINGLE = frozenset("()[]{},;~?")
ONE = frozenset("+-*/%@&|^<>=:.")
TWO = frozenset("** // >> << <= >= == != -> += -= *= /= %= &= |= ^= @= := |>".split())
THREE = frozenset(("**=", "//=", ">>=", "<<="))
CLOSING = {")": "(", "]": "[", "}": "{"}

MAX_BRACKETS = 100
MAX_INDENTS = 90

QUOTES_OF_TEXT = "“”„‟«»‘’‚‛′″"
LOOKALIKES = {"−": "-", "–": "-", "—": "-", "×": "*", "÷": "/", "≤": "<=", "≥": ">=", "≠": "!=",
              "·": "*", "，": ",", "（": "(", "）": ")", "：": ":", "；": ";", "∧": "and", "∨": "or",
              "…": "..."}


class _WordTable(dict[int, str]):
    """For `str.translate`: characters of names become 'a', all others a space, so that `find` ends a name."""

    def __missing__(self, code: int) -> str:
        kind = "a" if ("a" + chr(code)).isidentifier() else " "
        self[code] = kind
        return kind


_words = _WordTable()


class Scanner:
    """One pass over `source.text[start:stop]`; `nested` is for the inside of a bracket or f-string."""

    def __init__(self, source: Source, start: int = 0, stop: int | None = None, line: int = 1,
                 line_start: int = 0, nested: bool = False) -> None:
        self.source = source
        # The sentinel ends the last line and saves every look-ahead a test for the end.
        self.text = (source.text if stop is None else source.text[:stop]) + "\n"
        self.words = self.text.translate(_words)
        self.start, self.line, self.line_start, self.nested = start, line, line_start, nested
        self.tokens: list[Token] = []
        self.brackets: list[int] = []       # indices of the tokens that opened them
        self.indents: list[tuple[int, int]] = [(0, 0)]      # widths with tabs as 8 and as 1
        self.end = (line, start - line_start)
        self.has_pipe = "|>" in self.text

    def scan(self) -> list[Token]:
        """All tokens, END last."""
        position = self.start if self.nested else self.begin_line(self.start)
        position = self.scan_tokens(position)
        while self.brackets and not self.nested:
            restart = self.close_brackets()
            if restart is None:
                break
            position = self.scan_tokens(self.begin_line(restart))
        self.finish(position)
        if not self.source.text.isascii():
            self.tokens = [self.in_bytes(token) for token in self.tokens]
        return self.tokens

    def scan_tokens(self, i: int) -> int:
        """The inner loop. Returns where it stopped, which is the end of the text."""
        text, words, tokens = self.text, self.words, self.tokens
        append, keyword = tokens.append, KEYWORDS.get
        size = len(text)
        line, line_start = self.line, self.line_start
        while i < size:
            c = text[i]
            if c == " ":
                i += 1
            elif words[i] == "a" and not c.isdigit():
                j = words.find(" ", i)
                word = text[i:j]
                if text[j] in "\"'" and word.lower() in STRING_PREFIXES:
                    self.line, self.line_start = line, line_start
                    i = self.string(i, j)
                    line, line_start = self.line, self.line_start
                    continue
                if not word.isascii():
                    word = self.normalized(word)
                column = i - line_start
                kind = keyword(word, "NAME")
                append((kind, word, line, column, line, column + j - i, i, j))
                i = j
                if self.brackets and kind in STATEMENT_WORDS and self.starts_statement():
                    return size
            elif c in SINGLE:
                if c in "([{":
                    self.brackets.append(len(tokens))
                    if len(self.brackets) > MAX_BRACKETS:
                        self.line, self.line_start = line, line_start
                        self.error(i, i + 1, "nested too deeply",
                                   help="compute the inner part first and name it")
                        self.brackets.clear()
                        return size
                elif c in ")]}" and not self.closes(c):
                    self.line, self.line_start = line, line_start
                    self.unmatched(c, i)
                    i += 1
                    continue
                column = i - line_start
                append((c, c, line, column, line, column + 1, i, i + 1))
                i += 1
            elif c == "\n":
                i += 1
                if self.brackets or self.nested:
                    line += 1
                    line_start = i
                    continue
                self.line, self.line_start = line, line_start
                i = self.newline(i)
                line, line_start = self.line, self.line_start
            elif c.isdigit() or (c == "." and text[i + 1].isdigit()):
                self.line, self.line_start = line, line_start
                i = self.number(i)
            elif c == "'" or c == '"':
                self.line, self.line_start = line, line_start
                i = self.string(i, i)
                line, line_start = self.line, self.line_start
            elif c == "#":
                i = text.find("\n", i)
            elif c in "\t\f":
                i += 1
            else:
                j = i + self.operator_length(i)
                if j > i:
                    word = text[i:j]
                    column = i - line_start
                    append((word, word, line, column, line, column + j - i, i, j))
                    i = j
                else:
                    self.line, self.line_start = line, line_start
                    i = self.strange(i)
                    line, line_start = self.line, self.line_start
        self.line, self.line_start = line, line_start
        return size

    def operator_length(self, i: int) -> int:
        text = self.text
        if text[i:i + 2] in TWO:
            return 3 if text[i:i + 3] in THREE else 2
        if text[i] in ONE:
            return 3 if text.startswith("...", i) else 1
        return 0

    # ---------------------------------------------------------------- lines

    def begin_line(self, i: int) -> int:
        """Skip blank lines, take the indentation of the next one, return where its first token is."""
        text = self.text
        while i < len(text):
            self.line_start = i
            stop = text.find("\n", i)
            rest = text[i:stop].lstrip(" \t\f")
            if rest and rest[0] != "#" and (rest != "\\" or stop + 1 >= len(text)):
                body = stop - len(rest)
                self.indent(i, body)
                return body
            i = stop + 1
            self.line += 1
        self.line_start = i
        return i

    def indent(self, start: int, stop: int) -> None:
        width, narrow = stop - start, stop - start
        blank = self.text[start:stop]
        if "\t" in blank or "\f" in blank:
            width, narrow = _widths(blank)
        known, known_narrow = self.indents[-1]
        if width == known:
            if narrow != known_narrow:
                self.mixed_tabs(start, stop)
        elif width > known:
            if narrow <= known_narrow:
                self.mixed_tabs(start, stop)
            if len(self.indents) > MAX_INDENTS:
                self.error(start, stop, "nested too deeply", help="move the inner blocks into functions")
            self.indents.append((width, narrow))
            self.structural("INDENT", start)
        else:
            self.dedent(width, narrow, start, stop)

    def dedent(self, width: int, narrow: int, start: int, stop: int) -> None:
        while self.indents[-1][0] > width:
            self.indents.pop()
            self.structural("DEDENT", stop)
        if self.indents[-1][0] != width:
            self.error(start, stop, "this line is indented like no block before it",
                       help="indent it like the lines of the block it belongs to")
        elif self.indents[-1][1] != narrow:
            self.mixed_tabs(start, stop)

    def mixed_tabs(self, start: int, stop: int) -> None:
        self.error(start, stop, "tabs and spaces are mixed in the indentation", help="use spaces only")

    def newline(self, i: int) -> int:
        """At the start `i` of the next line: end this one, unless that one continues it with `|>`."""
        if self.has_pipe:
            continued = self.pipe_line(i)
            if continued:
                return continued
        if self.tokens and self.tokens[-1][0] != "NEWLINE":
            self.structural("NEWLINE", i - 1)
        self.line += 1
        return self.begin_line(i)

    def pipe_line(self, i: int) -> int:
        """Where the next line with text starts, if that is `|>`; else 0."""
        text, lines = self.text, 1
        while i < len(text):
            stop = text.find("\n", i)
            rest = text[i:stop].lstrip(" \t\f")
            if rest and rest[0] != "#":
                if not rest.startswith("|>"):
                    return 0
                self.line += lines
                self.line_start = i
                return stop - len(rest)
            i = stop + 1
            lines += 1
        return 0

    def structural(self, kind: str, i: int) -> None:
        line, column = self.last_end()
        self.tokens.append((kind, "", self.line, i - self.line_start, line, column, i, i))

    def last_end(self) -> tuple[int, int]:
        if not self.tokens:
            return self.line, 0
        return self.tokens[-1][4], self.tokens[-1][5]

    def finish(self, i: int) -> None:
        if self.tokens and self.tokens[-1][0] not in ("NEWLINE", "DEDENT") and not self.nested:
            self.structural("NEWLINE", i - 1)
        while len(self.indents) > 1:
            self.indents.pop()
            self.structural("DEDENT", i)
        self.structural("END", i)

    # ---------------------------------------------------------------- brackets

    def closes(self, c: str) -> bool:
        if self.brackets and self.tokens[self.brackets[-1]][0] == CLOSING[c]:
            self.brackets.pop()
            return True
        return False

    def unmatched(self, c: str, i: int) -> None:
        if not self.brackets:
            self.error(i, i + 1, f"'{c}' has no '{CLOSING[c]}' before it")
            return
        opener = self.tokens[self.brackets.pop()]
        self.error(i, i + 1, f"'{c}' does not close '{opener[0]}'",
                   labels=[Label(self.span_of(opener), f"this '{opener[0]}' is open")],
                   notes=[f"'{opener[0]}' was opened at {opener[2]}:{opener[6] - self.start_of(opener) + 1}"])

    def close_brackets(self) -> int | None:
        """The text ended inside brackets. If a later line can only be a new statement, return its start."""
        tokens = self.tokens
        opener = tokens[self.brackets[0]]
        index = self.restart_index(self.brackets[0])
        innermost = tokens[self.brackets[-1]]
        restart = None
        if index is not None:
            restart_token = tokens[index]
            restart = self.start_of(restart_token)
            self.line, self.line_start = restart_token[2], restart
            del tokens[index:]
            innermost = opener
        self.never_closed(innermost, restart is None)
        self.brackets.clear()
        if restart is not None:
            self.structural("NEWLINE", restart - 1)
        return restart

    def starts_statement(self) -> bool:
        """Whether the last token, inside brackets, can only be a new statement: `x = (` and then `def f():`."""
        token, before = self.tokens[-1], self.tokens[-2]
        return not self.nested and token[2] > before[4] and token[6] - self.start_of(token) <= self.indents[-1][0]

    def restart_index(self, opener: int) -> int | None:
        tokens, base = self.tokens, self.indents[-1][0]
        for index in range(opener + 1, len(tokens)):
            token, before = tokens[index], tokens[index - 1]
            if token[2] == before[4] or token[6] - self.start_of(token) > base:
                continue
            ends = before[0] in ("NAME", "NUMBER", "STRING", ")", "]", "}")
            if token[0] in STATEMENT_WORDS or (token[0] == "NAME" and ends):
                return index
        return None

    def never_closed(self, opener: Token, incomplete: bool) -> None:
        text, column = opener[0], opener[6] - self.start_of(opener)
        span = Span(self.source, opener[2], column + 1, opener[2], column + 2)
        error = TsrSyntaxError(f"'{text}' is never closed", span=span, incomplete=incomplete,
                               notes=[f"'{text}' was opened at {opener[2]}:{column + 1}"])
        line, end = self.last_end()
        last = self.tokens[-1][7]
        self.tokens.append(("ERROR", error, line, end, line, end, last, last))

    def start_of(self, token: Token) -> int:
        """Offset of the line that a token starts on."""
        return self.text.rfind("\n", 0, token[6]) + 1

    # ---------------------------------------------------------------- names, numbers, strings

    def normalized(self, word: str) -> str:
        # Python compares identifiers in this form: `ﬁ` is the name `fi`.
        from unicodedata import normalize

        return normalize("NFKC", word)

    def number(self, i: int) -> int:
        words, text = self.words, self.text
        j = words.find(" ", i)
        if i == j or (text[j] == "." and text[i:j].replace("_", "").isdigit()):
            j = words.find(" ", j + 1)
        if text[j - 1] in "eE" and text[j] in "+-" and text[j + 1].isdigit():
            j = words.find(" ", j + 1)
        value, problem = number_value(text[i:j])
        if problem:
            for word in WORDS_AFTER_NUMBER:
                if text[i:j].endswith(word):
                    value, rest = number_value(text[i:j - len(word)])
                    if not rest:
                        j, problem = j - len(word), ""
                        break
        if problem:
            self.error(i, j, problem[0], help=problem[1] or None)
            return j
        column = i - self.line_start
        self.tokens.append(("NUMBER", value, self.line, column, self.line, column + j - i, i, j))
        return j

    def string(self, i: int, quote_at: int) -> int:
        """A string whose prefix starts at `i` and whose quote is at `quote_at`."""
        text = self.text
        quote = text[quote_at]
        if text.startswith(quote * 3, quote_at):
            end = self.string_end(quote_at + 3, quote * 3)
        else:
            end = text.find(quote, quote_at + 1)
            body = text[quote_at + 1:end]
            if end < 0 or "\\" in body or "\n" in body:
                end = self.string_end(quote_at + 1, quote)
        if end < 0:
            return self.unclosed_string(i, quote_at)
        end += 1
        raw, line, column = text[i:end], self.line, i - self.line_start
        breaks = raw.count("\n")
        if breaks:
            self.line += breaks
            self.line_start = text.rfind("\n", 0, end) + 1
        self.tokens.append(("STRING", raw, line, column, self.line, end - self.line_start, i, end))
        return end

    def string_end(self, i: int, quote: str) -> int:
        """Offset of the last character of the closing quote, or -1."""
        text, triple = self.text, len(quote) == 3
        while True:
            end = text.find(quote, i)
            escape = text.find("\\", i, end if end >= 0 else len(text))
            if not triple:
                stop = text.find("\n", i, end if end >= 0 else len(text))
                if stop >= 0 and not 0 <= escape < stop:
                    return -1
            if escape < 0:
                return end + len(quote) - 1 if end >= 0 else -1
            i = escape + 2

    def unclosed_string(self, i: int, quote_at: int) -> int:
        text, quote = self.text, self.text[quote_at]
        if text.startswith(quote * 3, quote_at):
            self.error(i, quote_at + 3, f"the string that {quote * 3} opens is never closed", incomplete=True)
            self.line += text.count("\n", i, len(text) - 1)
            self.line_start = text.rfind("\n", 0, len(text) - 1) + 1
            return len(text) - 1
        end = text.find("\n", i)
        while text[end - 1] == "\\" and end + 1 < len(text):
            end = text.find("\n", end + 1)
        stop = min(end, text.find("\n", i))
        self.error(i, stop, "this string is not closed",
                   help=f"close it with {quote} on the same line, or open it with {quote * 3}")
        self.line += text.count("\n", i, end)
        self.line_start = text.rfind("\n", 0, end) + 1
        return end

    # ---------------------------------------------------------------- what is no token

    def strange(self, i: int) -> int:
        """A backslash that joins two lines, or a character that starts nothing."""
        text = self.text
        c = text[i]
        if c == "\\":
            return self.backslash(i)
        if text.startswith("!", i):
            self.error(i, i + 1, "'!' is not an operator", help="write 'not x'")
        elif c == "$":
            self.error(i, i + 1, "'$' cannot stand in a program")
        elif c == "`":
            self.error(i, i + 1, "'`' cannot stand in a program", help="write repr(x)")
        elif c in QUOTES_OF_TEXT:
            self.error(i, i + 1, f"{c} is a typographic quote", help="use straight quotes: \" or '")
        elif c in LOOKALIKES:
            self.error(i, i + 1, f"{c} (U+{ord(c):04X}) is not an operator", help=f"write {LOOKALIKES[c]}")
        elif "\ud800" <= c <= "\udfff":
            self.error(i, i + 1, "the text is not UTF-8")
        elif c.isprintable():
            self.error(i, i + 1, f"{c!r} cannot stand in a program")
        else:
            self.error(i, i + 1, f"invisible character U+{ord(c):04X}",
                       help="delete it, or type a plain space")
        return i + 1

    def backslash(self, i: int) -> int:
        text = self.text
        if text[i + 1] != "\n":
            self.error(i, i + 1, "a backslash joins lines only as the last character of a line",
                       help="delete what follows it on this line")
            return i + 1
        if i + 2 >= len(text):
            self.error(i, i + 1, "the text ends after a backslash", incomplete=True)
            return i + 1
        self.line += 1
        self.line_start = i + 2
        return i + 2

    def error(self, i: int, j: int, message: str, **details: Any) -> None:
        """An ERROR token over text[i:j] of the current line."""
        line, column, end = self.line, i - self.line_start, j - self.line_start
        span = Span(self.source, line, column + 1, line, end + 1)
        error = TsrSyntaxError(message, span=span, **details)
        self.tokens.append(("ERROR", error, line, column, line, end, i, j))

    def span_of(self, token: Token) -> Span:
        column = token[6] - self.start_of(token)
        return Span(self.source, token[2], column + 1, token[2], column + 1 + token[7] - token[6])

    def in_bytes(self, token: Token) -> Token:
        """The token with its columns counted in UTF-8 bytes instead of characters."""
        kind, text, line, column, end_line, end_column, start, end = token
        source = self.source
        return (kind, text, line, source.byte_of_column(line, column + 1),
                end_line, source.byte_of_column(end_line, end_column + 1), start, end)


def _widths(blank: str) -> tuple[int, int]:
    """Width of an indentation with tab stops every 8 columns, and with a tab as one column."""
    width = narrow = 0
    for c in blank:
        if c == "\f":
            width = narrow = 0
        else:
            width = (width // 8 + 1) * 8 if c == "\t" else width + 1
            narrow += 1
    return width, narrow


def tokenize(source: Source) -> list[Token]:
    """All tokens of a program, END last.

    >>> [token[0] for token in tokenize(Source("x = 1"))]
    ['NAME', '=', 'NUMBER', 'NEWLINE', 'END']
    """
    return Scanner(source).scan()


# -------------------------------------------------------------------- for the highlighter


def highlight_tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """(kind, start, end) of every stretch of `text` worth a colour, in order; never raises.

    Kinds: keyword, name, function, attribute, number, string, operator, bracket, comment, error.

    >>> list(highlight_tokens("f(1)  # one"))
    [('function', 0, 1), ('bracket', 1, 2), ('number', 2, 3), ('bracket', 3, 4), ('comment', 6, 11)]
    """
    # A `Source` drops these: keep the offsets.
    text = text.replace("\r", " ").replace("\ufeff", " ")
    tokens = [token for token in tokenize(Source(text)) if token[7] > token[6]]
    place = 0
    for index, token in enumerate(tokens):
        yield from _comments(text, place, token[6])
        place = min(token[7], len(text))
        if token[6] < place:
            yield _colour(tokens, index), token[6], place
    yield from _comments(text, place, len(text))


def _comments(text: str, start: int, stop: int) -> Iterator[tuple[str, int, int]]:
    """The comments in text[start:stop], which holds no tokens."""
    while start < stop:
        start = text.find("#", start, stop)
        if start < 0:
            return
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield "comment", start, end
        start = end


def _colour(tokens: list[Token], index: int) -> str:
    kind = tokens[index][0]
    if kind == "NAME":
        if index and tokens[index - 1][0] == ".":
            return "attribute"
        called = index + 1 < len(tokens) and tokens[index + 1][0] == "("
        return "function" if called else "name"
    if kind in KEYWORDS:
        return "keyword"
    if kind in ("NUMBER", "STRING", "ERROR"):
        return kind.lower()
    return "bracket" if kind in "()[]{}" else "operator"
