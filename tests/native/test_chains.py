"""Chains of steps that stay in registers: the same numbers, to the last bit, as NumPy's ufuncs one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcli import native

pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
TWO = [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum]
ONE = [np.square, np.negative, np.absolute, np.sqrt, np.reciprocal]
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 3e38, 1.0]
ROWS, COLUMNS, NUMBERS, OUTS, SCRATCH = 2, 1, 2, 2, 3  # slots of each sort, in this order
FIRST_OUT = ROWS + COLUMNS + NUMBERS


def numbers(rng, shape: tuple, dtype: str) -> np.ndarray:
    """Normal numbers, with the odd ones of floating point among them."""
    a = rng.standard_normal(shape).astype(dtype)
    flat = a.reshape(-1)
    where = rng.integers(0, flat.size, min(flat.size, 20))
    flat[where] = rng.choice(np.array(ODD).astype(dtype), where.size)
    return a


@st.composite
def steps(draw) -> list:
    """Steps that read only what leaves, numbers and earlier steps have given."""
    known, found = list(range(FIRST_OUT)), []
    for _ in range(draw(st.integers(2, 14))):
        recent = known[-1:] * 4 + known  # chains are what is looked for
        out = draw(st.integers(FIRST_OUT, FIRST_OUT + OUTS + SCRATCH - 1))
        if draw(st.booleans()):
            found.append((draw(st.sampled_from(ONE)), draw(st.sampled_from(recent)), -1, -1, out))
        else:
            found.append((draw(st.sampled_from(TWO)), draw(st.sampled_from(recent)), draw(st.sampled_from(recent)), -1, out))
        if out in known:
            known.remove(out)
        known.append(out)
    return found


def step_by_step(program: list, arrays: list, shape: tuple) -> dict:
    values = dict(enumerate(arrays))
    for ufunc, a, b, _, out in program:
        values[out] = np.broadcast_to(ufunc(values[a]) if b < 0 else ufunc(values[a], values[b]), shape)
    return values


@settings(max_examples=300, deadline=None)
@given(steps(), st.sampled_from([(1, 1), (1, 255), (1, 256), (1, 513), (3, 700), (2, 5000), (1, 70_001), (300, 130)]),
       st.sampled_from("fd"), st.integers(0, 2**32 - 1))
def test_chains_give_what_single_steps_give(program, shape, dtype, seed):
    rng = np.random.default_rng(seed)
    leaves = [numbers(rng, shape, dtype) for _ in range(ROWS)]
    leaves.append(np.broadcast_to(numbers(rng, (shape[0], 1), dtype), shape))
    scalars = [numbers(rng, (1,), dtype).reshape(()) for _ in range(NUMBERS)]
    outs = [np.zeros(shape, dtype) for _ in range(OUTS)]
    with np.errstate(all="ignore"):
        wanted = step_by_step(program, leaves + scalars, shape)
    assert native.run_program(program, leaves, scalars, outs, (np.dtype(dtype),) * SCRATCH, [])
    for i, out in enumerate(outs, FIRST_OUT):
        if i in wanted:
            np.testing.assert_array_equal(out, wanted[i])
            np.testing.assert_array_equal(np.signbit(out[out == 0]), np.signbit(wanted[i][out == 0]))
        else:
            assert not out.any()


def test_an_output_that_is_a_leaf_is_written_where_it_was_read():
    x = np.arange(1000, dtype="f")
    wanted = (x * 2 + 1) * x
    two, one = np.array(2, "f"), np.array(1, "f")
    program = [(np.multiply, 0, 1, -1, 4), (np.add, 4, 2, -1, 4), (np.multiply, 4, 0, -1, 3)]
    assert native.run_program(program, [x], [two, one], [x], (np.dtype("f"),), [])
    np.testing.assert_array_equal(x, wanted)


def test_a_sum_of_a_chain_is_that_of_its_numbers():
    x, total = np.arange(100_000, dtype="d"), np.empty(1)
    program = [(np.add, 0, 1, -1, 3), (np.square, 3, -1, -1, 3)]
    assert native.run_program(program, [x], [np.array(0.5), np.array(0.0)], [], (np.dtype("d"),), [(0, 3, 3, total)])
    assert total[0] == pytest.approx(np.square(x + 0.5).sum(), rel=1e-14)
