"""The values of number and string literals, without `eval`.

Takes the raw text of one literal, gives its value or what is wrong with it. Knows nothing of tokens.
"""

from __future__ import annotations

SIMPLE_ESCAPES = {"\n": "", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n",
                  "r": "\r", "t": "\t", "v": "\v"}
OCTAL = "01234567"
HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
BASES = {"0x": (16, "hexadecimal"), "0o": (8, "octal"), "0b": (2, "binary")}


class LiteralError(Exception):
    """What is wrong with a literal: the remark, and where in its body [start, end)."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message, self.start, self.end = message, start, end


def number_value(text: str) -> tuple[int | float | complex | None, tuple[str, str] | str]:
    """(value, problem): the problem is "" or (message, hint).

    >>> number_value("1_000"), number_value("2j")[0], number_value("0x1F")[0]
    ((1000, ''), 2j, 31)
    """
    try:
        if text.isdigit() and text.isascii():
            if text[0] == "0" and text.strip("0"):
                return None, ("a whole number does not start with 0", f"write {text.lstrip('0')}")
            return int(text), ""
        return _other_number(text), ""
    except ValueError:
        return None, _number_problem(text)


def _other_number(text: str) -> int | float | complex:
    if not text.isascii():
        raise ValueError
    base = BASES.get(text[:2].lower())
    if base:
        return int(text, base[0])
    if text[-1] in "jJ":
        return complex(0.0, float(text[:-1]))
    if "." in text or "e" in text or "E" in text:
        return float(text)
    if text[0] == "0" and text.strip("0_"):
        raise ValueError
    return int(text, 10)


def _number_problem(text: str) -> tuple[str, str]:
    base = BASES.get(text[:2].lower())
    if base:
        return f"{text} is not a {base[1]} number", ""
    if text.replace("_", "").isdigit() and len(text) > 4000:
        return "this number has too many digits", ""
    if "_" in text and text.replace("_", "").replace(".", "").isdigit():
        return f"{text} is not a number", "'_' stands between two digits"
    digits = len(text) - len(text.lstrip("0123456789_."))
    if text[digits:].isidentifier():
        return (f"{text} is neither a number nor a name",
                f"write {text[:digits]} * {text[digits:]}, or start the name with a letter")
    return f"{text} is not a number", ""


def split_prefix(raw: str) -> tuple[str, int, int]:
    """(prefix in lower case, start and end of the body) of a string literal.

    >>> split_prefix("rb'x'")
    ('rb', 3, 4)
    """
    quote_at = 0
    while raw[quote_at] not in "\"'":
        quote_at += 1
    width = 3 if raw.startswith(raw[quote_at] * 3, quote_at) and len(raw) >= quote_at + 6 else 1
    return raw[:quote_at].lower(), quote_at + width, len(raw) - width


def unescape(body: str) -> str:
    """The characters that the body of a string literal stands for.

    >>> unescape(r"a\\tb\\x41")
    'a\\tbA'
    """
    parts, i = [], 0
    while True:
        j = body.find("\\", i)
        if j < 0:
            parts.append(body[i:])
            return "".join(parts)
        parts.append(body[i:j])
        text, i = _escape(body, j)
        parts.append(text)


def _escape(body: str, i: int) -> tuple[str, int]:
    """The escape that starts at `i`: (its text, where the rest starts)."""
    c = body[i + 1] if i + 1 < len(body) else ""
    if c in SIMPLE_ESCAPES:
        return SIMPLE_ESCAPES[c], i + 2
    if c and c in OCTAL:
        end = _octal_end(body, i + 1)
        return chr(int(body[i + 1:end], 8)), end
    if c in HEX_DIGITS:
        return _hex_escape(body, i, HEX_DIGITS[c])
    if c == "N":
        return _named_escape(body, i)
    # Not an escape: the backslash stands for itself, as in Python.
    return "\\" + c, i + 2


def _octal_end(body: str, i: int) -> int:
    end = i
    while end < len(body) and end < i + 3 and body[end] in OCTAL:
        end += 1
    return end


def _hex_escape(body: str, i: int, width: int) -> tuple[str, int]:
    digits = body[i + 2:i + 2 + width]
    if len(digits) < width or not all(c in "0123456789abcdefABCDEF" for c in digits):
        raise LiteralError(f"\\{body[i + 1]} takes {width} hexadecimal digits", i, i + 2)
    code = int(digits, 16)
    if code > 0x10FFFF:
        raise LiteralError("there is no character with this number", i, i + 2 + width)
    return chr(code), i + 2 + width


def _named_escape(body: str, i: int) -> tuple[str, int]:
    end = body.find("}", i)
    if body[i + 2:i + 3] != "{" or end < 0:
        raise LiteralError("\\N takes the name of a character in braces", i, i + 2)
    from unicodedata import lookup

    try:
        return lookup(body[i + 3:end]), end + 1
    except KeyError:
        raise LiteralError(f"no character is called {body[i + 3:end]}", i, end + 1) from None


def unescape_bytes(body: str) -> bytes:
    """The bytes that the body of a bytes literal stands for."""
    for place, c in enumerate(body):
        if not c.isascii():
            raise LiteralError("bytes hold only ASCII characters", place, place + 1)
    parts, i = [], 0
    while True:
        j = body.find("\\", i)
        if j < 0:
            parts.append(body[i:].encode())
            return b"".join(parts)
        parts.append(body[i:j].encode())
        part, i = _byte_escape(body, j)
        parts.append(part)


def _byte_escape(body: str, i: int) -> tuple[bytes, int]:
    c = body[i + 1] if i + 1 < len(body) else ""
    if c in SIMPLE_ESCAPES:
        return SIMPLE_ESCAPES[c].encode(), i + 2
    if c and c in OCTAL:
        end = _octal_end(body, i + 1)
        return bytes([int(body[i + 1:end], 8) & 0xFF]), end
    if c == "x":
        text, end = _hex_escape(body, i, 2)
        return bytes([ord(text)]), end
    return ("\\" + c).encode(), i + 2
