"""`inspect` for programs: what a function takes, as plain data.

Python's own `Signature` evaluates annotations on request and leads to code objects; a program gets names,
defaults and annotations.
"""

from __future__ import annotations

import inspect


class Parameter:
    """One parameter of a signature."""

    empty = inspect.Parameter.empty
    POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = (
        str(getattr(inspect.Parameter, kind)) for kind in (
            "POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD"))
    __slots__ = ("_text", "annotation", "default", "kind", "name")

    def __init__(self, real: inspect.Parameter):
        self.name, self.default, self.annotation = real.name, real.default, real.annotation
        self.kind, self._text = str(real.kind), str(real)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f'<Parameter "{self._text}">'


class Signature:
    """The parameters of a callable, in order."""

    __slots__ = ("_text", "parameters", "return_annotation")

    def __init__(self, real: inspect.Signature):
        self.parameters = {name: Parameter(each) for name, each in real.parameters.items()}
        self.return_annotation, self._text = real.return_annotation, str(real)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Signature {self._text}>"


def signature(target) -> Signature:
    """`inspect.signature(f).parameters`: what `f` takes."""
    op = getattr(target, "op", None)
    return Signature(inspect.signature(target) if op is None else _signature_of_op(op))


def _signature_of_op(op) -> inspect.Signature:
    """An op's public function takes (*args, **kwargs); what it takes in truth its declaration says."""
    kinds = inspect.Parameter
    return inspect.Signature([
        kinds(name, kinds.POSITIONAL_OR_KEYWORD if i < op.n_positional else kinds.KEYWORD_ONLY,
              default=kinds.empty if i < op.required else op.defaults[i]) for i, name in enumerate(op.names)])


def module_contents() -> dict[str, object]:
    """The names of `inspect` in a program."""
    tests = "isclass isfunction ismethod isbuiltin isroutine isabstract isgenerator isgeneratorfunction cleandoc getdoc"
    return {name: getattr(inspect, name) for name in tests.split()} | {"signature": signature, "Parameter": Parameter}
