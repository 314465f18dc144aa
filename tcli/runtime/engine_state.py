"""What the engine keeps once per process, kept once per session: two sessions do not mix.

Default dtype and device, recording modes, and the default random stream. A session's values are put
in place while it runs and the caller's are put back afterwards; the random stream changes hands only
when another session ran in between.
"""

from __future__ import annotations

from ..engine import device, dtypes, notes, random, tape, tracing
from ..errors import BadValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_last: list = [None]  # the EngineState whose random stream is in the default generator


class EngineState:
    """A session's side of the engine's settings; `exchange` swaps it with what is in place."""

    def __init__(self, where: str, dtype: object, seed: int | None, trace: bool,
                 show_trace: Callable[[list], None], observers: list | None = None):
        self.dtype = dtypes.float32 if dtype is None else _dtype(dtype)
        self.devices = [device.as_device(where)]
        if where != "cpu":
            device.backend(self.devices[0])  # a device that is not here fails now
        self.modes = (True, False)
        self.deterministic = (0, False)
        # Whether tensors note their place in the program, and whether every backward pass is traced.
        self.positions = self.trace = trace
        self.on_trace = [show_trace]
        self.observers = [] if observers is None else observers
        self.expanded: Callable | None = None  # is told when an op expands both of its operands
        self._in_place = False
        generator = random.Generator()
        if seed is not None:
            generator.manual_seed(seed)
        else:
            generator.seed()
        self.first_seed = generator.initial_seed()
        self.stream = generator.state_bytes()

    def exchange(self) -> None:
        """Puts these settings in place and keeps what was there: called twice, all is as before."""
        state = tape.state
        self.dtype, dtypes._default = dtypes._default, self.dtype
        self.devices, device._default_stack[:] = device._default_stack[:], self.devices
        self.modes, (state.grad, state.inference) = (state.grad, state.inference), self.modes
        self.deterministic, state.deterministic = state.deterministic, self.deterministic
        self.positions, state.where = state.where, self.positions
        self.trace, state.trace = state.trace, self.trace
        self.expanded, notes.expanded = notes.expanded, self.expanded
        self.on_trace, tracing.on_trace[:] = tracing.on_trace[:], self.on_trace
        self._exchange_observers()

    def _exchange_observers(self) -> None:
        """The list is the caller's, who may change it between programs; observers of others stay."""
        for each in self.observers:
            if self._in_place and each in tape.observers:
                tape.observers.remove(each)
            elif not self._in_place:
                tape.observers.append(each)
        self._in_place = not self._in_place

    def modes_in_place(self) -> tuple[bool, bool]:
        """Recording and inference, as the running program has them."""
        return tape.state.grad, tape.state.inference

    def put_modes(self, modes: tuple[bool, bool]) -> None:
        tape.state.grad, tape.state.inference = modes

    def take_stream(self) -> None:
        """Makes this session's random stream the default one."""
        previous = _last[0]
        if previous is self:
            return
        if previous is not None:
            previous.stream = random.get_rng_state()
        random.set_rng_state(self.stream)
        _last[0] = self


def _dtype(value: object):
    if isinstance(value, str):
        found = dtypes.NAMES.get(value.removeprefix("torch."))
        if found is None:
            raise BadValue(f"there is no dtype {value!r}")
        return found
    return dtypes.as_dtype(value)
