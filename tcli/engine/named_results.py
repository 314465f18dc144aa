"""The classes of results with names: `torch.return_types.max(values=..., indices=...)`."""

from __future__ import annotations

_structs: dict[str, type] = {}


def struct(name: str, fields: tuple) -> type:
    """The class of an op's named results: `torch.return_types.max(values=..., indices=...)`."""
    found = _structs.get(name)
    if found is None:
        members = {"__slots__": (), "__repr__": _struct_repr, "_fields": fields, "op_name": name,
                   "__module__": "torch.return_types", "n_fields": len(fields), "n_sequence_fields": len(fields),
                   "n_unnamed_fields": 0}
        for i, field in enumerate(fields):
            members[field] = property(lambda self, i=i: self[i])
        found = _structs[name] = type(name, (tuple,), members)
    return found


class FromOps:
    """The classes of named results as the names of `torch.return_types`."""

    def find(self, name: str) -> type:
        from .registry import ops

        o = ops.get(name) or ops[name.removesuffix("_out")]
        fields = o.fields
        if not fields:
            raise KeyError(name)
        return struct(name, fields)

    def names(self) -> list[str]:
        from .registry import ops

        return [name for name, o in ops.items() if o.fields]


def _struct_repr(self) -> str:
    inner = ",\n".join(f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
    return f"torch.return_types.{self.op_name}(\n{inner})"
