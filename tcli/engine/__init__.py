"""Tensors, the tape, and what ops are made of."""

from .processor import choose_kernels

choose_kernels()
