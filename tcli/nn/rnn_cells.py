"""Recurrent cells: one step of an RNN, LSTM or GRU."""

from __future__ import annotations

import math

from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError
from . import init
from ._make import new_parameter
from .module import Module


class RNNCellBase(Module):
    """Parameters and checks that all cells share."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device=None, dtype=None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = new_parameter(rows, input_size, device=device, dtype=dtype)
        self.weight_hh = new_parameter(rows, hidden_size, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, new_parameter(rows, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text + (f", nonlinearity={nonlinearity}" if nonlinearity != "tanh" else "")

    def _check(self, input, hx) -> None:
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise BadValue(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if hx is not None and hx.dim() not in (1, 2):
            raise BadValue(f"{name}: Expected hidden to be 1D or 2D, got {hx.dim()}D instead")

    def _zeros(self, input):
        return T.zeros((input.shape[0], self.hidden_size), dtype=input.dtype, device=input.device)

    def _weights(self) -> tuple:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _step(self, cell, input, hx):
        self._check(input, hx)
        if input.dim() == 2:
            return cell(input, self._zeros(input) if hx is None else hx, *self._weights())
        input = input.unsqueeze(0)
        hx = self._zeros(input) if hx is None else hx.unsqueeze(0)
        return cell(input, hx, *self._weights()).squeeze(0)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device=None,
                 dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in ("tanh", "relu"):
            raise EngineError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(T.rnn_tanh_cell if self.nonlinearity == "tanh" else T.rnn_relu_cell, input, hx)


class GRUCell(RNNCellBase):
    """One step of a GRU."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._step(T.gru_cell, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h', c') from an input and (h, c)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        self._check(input, None)
        given = hx is not None
        for i, h in enumerate(hx if given and not isinstance(hx, Tensor) else ()):
            if h.dim() not in (1, 2):
                raise BadValue(f"LSTMCell: Expected hx[{i}] to be 1D or 2D, got {h.dim()}D instead")
        if input.dim() == 2:
            return T.lstm_cell(input, hx if given else (self._zeros(input), self._zeros(input)), *self._weights())
        input = input.unsqueeze(0)
        hx = tuple(h.unsqueeze(0) for h in hx) if given else (self._zeros(input), self._zeros(input))
        return tuple(h.squeeze(0) for h in T.lstm_cell(input, hx, *self._weights()))
