"""Tensors, their operators and gradients, and how they are computed."""

import os

# OpenBLAS reads this when NumPy loads it: how long its threads look for work after a large product before they sleep. It
# would be 2**26 cycles, 20 ms, in which they take the processor from the threads of compiled kernels.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
