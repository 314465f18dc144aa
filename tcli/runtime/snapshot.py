"""What an entry of the prompt may change, kept so that it can be taken back.

A snapshot holds the bindings, the dimension names of contracts, the engine's settings and the place in
the random stream. Values themselves are not copied: `written` says which tensors were overwritten in
place since, because that cannot be taken back.
"""

from __future__ import annotations

from ..show import is_tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Session

RESULTS = ("_", "__")


class Snapshot:
    """The state of `session` now; `restore` goes back to it."""

    def __init__(self, session: Session):
        self.session = session
        self.names = dict(session.globals)
        self.dims = dict(session.builtins["__dims__"])  # type: ignore[call-overload]
        self.results = {name: session.builtins[name] for name in RESULTS if name in session.builtins}
        self.versions = {name: _version(value) for name, value in self.names.items() if is_tensor(value)}
        self.settings: tuple | None = None
        self.stream = None
        if session.engine is not None:
            from ..engine import random

            engine = session.engine
            engine.take_stream()
            self.settings = (engine.dtype, list(engine.devices), engine.modes)
            self.stream = random.get_rng_state()

    def restore(self) -> None:
        """Puts everything back; what was bound since is gone."""
        names, builtins = self.session.globals, self.session.builtins
        for name in names.keys() - self.names.keys():
            del names[name]
        names.update(self.names)
        dims: dict = builtins["__dims__"]  # type: ignore[assignment]
        dims.clear()
        dims.update(self.dims)
        for name in RESULTS:
            builtins.pop(name, None)
        builtins.update(self.results)
        self.restore_settings()

    def restore_settings(self) -> None:
        """Puts the engine's settings and the random stream back, and leaves the bindings."""
        if self.settings is not None:
            engine = self.session.engine
            engine.dtype, engine.devices, engine.modes = self.settings[0], list(self.settings[1]), self.settings[2]
            self.restore_stream()

    def restore_stream(self) -> None:
        if self.stream is not None:
            from ..engine import random

            self.session.engine.take_stream()
            random.set_rng_state(self.stream)

    def written(self) -> list[str]:
        """The variables whose tensor was written to since."""
        return [name for name, version in self.versions.items() if _version(self.names[name]) != version]


def _version(value: object) -> int:
    return value._v[0]  # type: ignore[attr-defined]
