"""Tensors, their operators and gradients, and how they are computed."""

import os

# OpenBLAS reads this when NumPy loads it. Its threads would look for work for 20 ms after each large product, on the
# processor on which those of the compiled kernels have work to do; now for 2**12 cycles.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "12")
