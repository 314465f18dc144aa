"""Which matrix kernels are asked of OpenBLAS."""

import os
import subprocess
import sys

from tcli.engine.processor import kernels_for

FLAGS = "flags\t\t: fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"


def test_wide_kernels_are_named_for_processors_that_openblas_may_not_know():
    assert kernels_for("vendor_id\t: AuthenticAMD\nmodel\t\t: 2\n" + FLAGS) == "SKYLAKEX"


def test_openblas_decides_where_it_knows_the_processor_or_the_flags_are_missing():
    assert kernels_for("vendor_id\t: GenuineIntel\n" + FLAGS) is None
    assert kernels_for("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f\n") is None
    assert kernels_for("") is None


def test_what_the_user_set_stays():
    code = "import tcli.engine, os; print(os.environ['OPENBLAS_CORETYPE'])"
    found = subprocess.run([sys.executable, "-c", code], env={**os.environ, "OPENBLAS_CORETYPE": "Haswell"},
                           capture_output=True, text=True, check=True)
    assert found.stdout == "Haswell\n"
