"""What the fields of a format text go through: `"{0.shape[0]}".format(x)` walks attributes, `"{:.2f}".format(x)` none."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(256)
def names_alone(text: str) -> bool:
    """Whether no field of a format text, or of the specification of one, goes through an attribute or an index."""
    if "." not in text and "[" not in text:
        return True
    from _string import formatter_parser

    try:
        for _, field, specification, _ in formatter_parser(text):
            if field is not None and ("." in field or "[" in field):
                return False
            if specification and "{" in specification and not names_alone(specification):
                return False
    except ValueError:
        return False
    return True
