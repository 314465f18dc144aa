"""Text -> Python code object. Knows nothing of tensors: it compiles names, it does not resolve them.

The stages, one file each: tokens, parser (with expressions, fstrings, statements), lower, compile.
"""

from __future__ import annotations

__all__ = ["check", "compile_program", "compile_statements", "highlight_tokens", "parse"]

_HOME = {"check": "parser", "parse": "parser", "compile_program": "compile", "compile_statements": "compile",
         "highlight_tokens": "tokens", "emit": "emit"}


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'tcli.lang' has no attribute '{name}'")
    from importlib import import_module

    value = globals()[name] = getattr(import_module("tcli.lang." + home), name)
    return value
