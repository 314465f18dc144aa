"""`DataParallel`: one device does all the work here, so that it is the module with `module.` before its names."""

from __future__ import annotations

from .module import Module


class DataParallel(Module):
    """A module under the name `module`, as checkpoints of models trained on several devices have it."""

    def __init__(self, module, device_ids=None, output_device=None, dim: int = 0):
        super().__init__()
        self.module, self.device_ids, self.dim = module, [], dim

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)
