"""Recurrent layers over sequences: RNN, LSTM, GRU, stacked and in both directions."""

from __future__ import annotations

import math

from ..engine.registry import T
from ..engine.warn import warn
from ..errors import ArgumentError, BadValue, EngineError
from . import init
from ._make import new_parameter
from .module import Module
from .utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What all recurrent layers share: parameters, checks of shapes, packed sequences."""

    def __init__(self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
                 device=None, dtype=None):
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_sizes(mode, input_size, hidden_size, num_layers, bias, batch_first, proj_size)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._all_weights = []
        for layer in range(num_layers):
            for direction in range(self._directions):
                self._all_weights.append(self._make_weights(layer, direction, device, dtype))
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _state_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _make_weights(self, layer: int, direction: int, device, dtype) -> list[str]:
        gates = _GATES[self.mode] * self.hidden_size
        inputs = self.input_size if layer == 0 else self._state_size * self._directions
        shapes = {"weight_ih": (gates, inputs), "weight_hh": (gates, self._state_size)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for kind, shape in shapes.items():
            names.append(f"{kind}_l{layer}" + ("_reverse" if direction else ""))
            setattr(self, names[-1], new_parameter(*shape, device=device, dtype=dtype))
        return names

    def reset_parameters(self) -> None:
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def _flat_weights(self) -> list:
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list:
        """The parameters, one list per layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do here: kept for programs that call it."""

    # ------------------------------------------------------------ checks

    def check_input(self, input, batch_sizes) -> None:
        """Raises unless the input has the right dtype, number of dims and features."""
        dtype = self.weight_ih_l0.dtype
        if input.dtype is not dtype:
            raise BadValue(f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                           f"input.to({dtype}), or convert model: model.to({input.dtype})")
        dims = 2 if batch_sizes is not None else 3
        if input.dim() != dims:
            raise EngineError(f"input must have {dims} dimensions, got {input.dim()}")
        if self.input_size != input.shape[-1]:
            raise EngineError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                              f"{input.shape[-1]}")

    def _check_state(self, hx, batch: int, size: int, name: str = "hidden") -> None:
        wanted = (self.num_layers * self._directions, batch, size)
        if tuple(hx.shape) != wanted:
            raise EngineError(f"Expected {name} size {wanted}, got {list(hx.shape)}")

    def permute_hidden(self, hx, permutation):
        """The state with its batch in another order."""
        if permutation is None:
            return hx
        if isinstance(hx, tuple):
            return tuple(T.index_select(h, 1, permutation) for h in hx)
        return T.index_select(hx, 1, permutation)

    # ------------------------------------------------------------ running

    def _run(self, input, hx):
        """(output, state) of a padded batch, one sequence, or a PackedSequence."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        kind = type(self).__name__ if self.mode in ("LSTM", "GRU") else "RNN"
        if input.dim() not in (2, 3):
            tensor = " tensor" if kind == "RNN" else ""
            raise BadValue(f"{kind}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead")
        batched, batch_dim = input.dim() == 3, 0 if self.batch_first else 1
        self._check_state_dims(hx, batched)
        if not batched:
            input = input.unsqueeze(batch_dim)
            hx = _each(hx, lambda h: h.unsqueeze(1))
        hx = self._state(hx, input, input.shape[batch_dim], None)
        output, *state = self._function(input, hx, self._flat_weights, self.bias, self.num_layers, self.dropout,
                                        self.training, self.bidirectional, self.batch_first)
        if not batched:
            output, state = output.squeeze(batch_dim), [h.squeeze(1) for h in state]
        return output, self._as_state(state)

    def _run_packed(self, input, hx):
        data, batch_sizes, order, back = input
        hx = self.permute_hidden(hx, order) if hx is not None else None
        hx = self._state(hx, data, int(batch_sizes[0]), batch_sizes)
        output, *state = self._function(data, batch_sizes, hx, self._flat_weights, self.bias, self.num_layers,
                                        self.dropout, self.training, self.bidirectional)
        packed = PackedSequence(output, batch_sizes, order, back)
        return packed, self.permute_hidden(self._as_state(state), back)

    def _check_state_dims(self, hx, batched: bool) -> None:
        if hx is not None and hx.dim() != 2 + batched:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise EngineError(f"For {kind} input, hx should also be {2 + batched}-D but got {hx.dim()}-D tensor")

    def _zeros(self, input, batch: int, size: int):
        return T.zeros((self.num_layers * self._directions, batch, size), dtype=input.dtype, device=input.device)

    def _state(self, hx, input, batch: int, batch_sizes):
        """The state to start from, zeros if none is given, checked against the input."""
        hx = self._zeros(input, batch, self.hidden_size) if hx is None else hx
        self.check_input(input, batch_sizes)
        self._check_state(hx, batch, self._state_size)
        return hx

    def _as_state(self, state: list):
        return state[0]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
                    "bidirectional": False}
        return text + "".join(f", {name}={getattr(self, name)}" for name, value in defaults.items()
                              if getattr(self, name) != value)


def _each(hx, change):
    if hx is None:
        return None
    return tuple(change(h) for h in hx) if isinstance(hx, (tuple, list)) else change(hx)


def _check_dropout(dropout, num_layers: int) -> None:
    if not isinstance(dropout, (int, float)) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise BadValue("dropout should be a number in range [0, 1] representing the probability of an element being "
                       "zeroed")
    if dropout > 0 and num_layers == 1:
        warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
             f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}")


def _check_sizes(mode, input_size, hidden_size, num_layers, bias, batch_first, proj_size) -> None:
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise ArgumentError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise ArgumentError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise BadValue(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise BadValue("num_layers must be greater than zero")
    if proj_size < 0:
        raise BadValue("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise BadValue("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise BadValue("Unrecognized RNN mode: " + mode)


def _no_projection(kwargs: dict) -> None:
    if "proj_size" in kwargs:
        raise BadValue("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu with `nonlinearity="relu"`."""

    def __init__(self, *args, **kwargs):
        _no_projection(kwargs)
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise BadValue(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__("RNN_" + nonlinearity.upper(), *args, **kwargs)
        self.nonlinearity = nonlinearity

    @property
    def _function(self):
        return T.rnn_tanh if self.mode == "RNN_TANH" else T.rnn_relu

    def forward(self, input, hx=None):
        return self._run(input, hx)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al., 2014)."""

    def __init__(self, *args, **kwargs):
        _no_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    @property
    def _function(self):
        return T.gru

    def forward(self, input, hx=None):
        return self._run(input, hx)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); the state is (h, c).

    >>> nn.LSTM(4, 3, batch_first=True)(ones(2, 5, 4))[0].shape
    torch.Size([2, 5, 3])
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    @property
    def _function(self):
        return T.lstm

    def _check_state_dims(self, hx, batched: bool) -> None:
        if hx is None or (hx[0].dim() == hx[1].dim() == 2 + batched):
            return
        kind = "batched 3-D" if batched else "unbatched 2-D"
        raise EngineError(f"For {kind} input, hx and cx should also be {2 + batched}-D but got ({hx[0].dim()}-D, "
                          f"{hx[1].dim()}-D) tensors")

    def _state(self, hx, input, batch: int, batch_sizes):
        if hx is None:
            hx = self._zeros(input, batch, self._state_size), self._zeros(input, batch, self.hidden_size)
        self.check_input(input, batch_sizes)
        self._check_state(hx[0], batch, self._state_size, "hidden[0]")
        self._check_state(hx[1], batch, self.hidden_size, "hidden[1]")
        return tuple(hx)

    def _as_state(self, state: list):
        return tuple(state)

    def forward(self, input, hx=None):
        return self._run(input, hx)
