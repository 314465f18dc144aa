"""The sum of an array by a kernel, for tests of the pool of threads; programs of their own import it as well."""

import numpy as np

from tcli import native


def total(x) -> float | bool:
    """The sum; False where the kernel does not take `x`, or there is none."""
    out = np.empty((), getattr(x, "dtype", "f"))
    return native.reduce(0, x, out, 1) and out.item()
