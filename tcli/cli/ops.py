"""`tcli ops`: the operators as a table for a person or as JSON for a program."""

from __future__ import annotations

import json

from ..runtime.op_facts import Facts, all_facts


def listing(pattern: str, as_json: bool) -> str:
    """What `tcli ops PATTERN` prints."""
    if as_json:
        return json.dumps([each.as_dict() for each in all_facts(pattern)], indent=1)
    return "\n".join(map(_line, all_facts(pattern, probe=False)))


def _line(facts: Facts) -> str:
    """Name, whether it has a gradient and can be fused, what it does."""
    marks = ("grad" if facts.gradient else "    ") + " " + ("fuse" if facts.fusable else "    ")
    return f"{facts.name:<28} {marks}  {facts.summary}".rstrip()
