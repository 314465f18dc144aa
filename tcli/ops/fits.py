"""Whether a Python number fits a dtype as C++ converts it."""

import math

from ..engine import dtypes
from ..errors import EngineError


def check_fits(number, wanted, as_opmath: bool = False) -> None:
    """Raises where a number cannot be converted to this dtype."""
    if not _fits(number, wanted):
        names = {"int64": "int64_t", "uint8": "uint8_t", "int16": "int16_t", "int8": "int8_t", "int32": "int"}
        if as_opmath:  # some kernels compute with halves in float32
            names |= {"float16": "float", "bfloat16": "float"}
        raise EngineError("value cannot be converted to type "
                          f"{names.get(wanted.name) or dtypes.C_NAMES[wanted.name]} without overflow")


def _fits(number, wanted) -> bool:
    """Whether C++ converts the number to this dtype without overflow; fractions may get lost."""
    if isinstance(number, complex) and wanted.category < dtypes.COMPLEX:
        if number.imag:
            return False
        number = number.real
    if wanted.category == dtypes.INTEGER:
        info = dtypes.iinfo(wanted)
        low = info.min if wanted.is_signed or isinstance(number, float) else -info.max
        return math.isfinite(number) and low <= number <= info.max
    if wanted.category == dtypes.FLOAT and math.isfinite(number):
        return -dtypes.finfo(wanted).max <= number <= dtypes.finfo(wanted).max
    return True
