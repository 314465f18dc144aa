import numpy as np
import pytest


@pytest.fixture(autouse=True)
def quiet_numpy():
    """Programs run with NumPy's floating-point warnings off; so do the tests that call ops directly."""
    with np.errstate(all="ignore"):
        yield
