"""Gradient rules in compiled code against the Python ones that they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401
from tcli import native
from tcli.engine.registry import RAW, ops

compiled = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
SPECIAL = [float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1.0]
# By op and operand: what the rule asks for, given g. `same` is an array of g's shape.
ELEMENTWISE = ["mul.x", "mul.other", "_true_divide.x", "square.x", "exp.x", "log.x", "sqrt.x", "abs.x", "tanh.x", "sigmoid.x",
               "relu.x"]


def pair(name: str):
    """(the rule in Python, the compiled one)."""
    op, _, operand = name.partition(".")
    o = ops[op]
    slow = o.vjp[operand] if o.raw_vjp is True else o.raw_vjp[operand]
    return slow, native.rule(name, slow)


def numbers(shape, dtype, seed: int = 0, odd: bool = False) -> np.ndarray:
    a = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    if odd and a.size:
        a.reshape(-1)[:len(SPECIAL)] = SPECIAL[:a.size]
    return a


def check(name: str, g, *values, exact: bool = True) -> None:
    slow, fast = pair(name)
    with np.errstate(all="ignore"):
        want, found = np.asarray(slow(RAW, g, *values)), fast(RAW, g, *values)
    assert type(found) is np.ndarray or exact and not g.shape
    found = np.asarray(found)
    assert (found.dtype, found.shape) == (want.dtype, want.shape)
    if exact:
        np.testing.assert_array_equal(found, want)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(want))
    else:
        np.testing.assert_allclose(found, want, rtol=1e-5 if g.dtype == np.float32 else 1e-12)


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.filterwarnings("ignore")
def test_elementwise_rules(name, dtype):
    if dtype == "float16" and name in ("tanh.x", "sigmoid.x"):
        return  # the rules on arrays are of float32 and float64
    for shape in [(3, 4), (), (1,), (0, 3), (2, 3, 4), (7,)]:
        g = numbers(shape, dtype, 1, odd=True)
        check(name, g, numbers(shape, dtype, 2))
        check(name, g, numbers(shape, dtype, 2, odd=True))
    g, a = numbers((4, 6), dtype, 1), numbers((4, 6), dtype, 2)
    for values in [(a.T.copy().T,), (a[:, ::-1],)]:
        check(name, g, *values)
    check(name, g[::2], a[:2])
    check(name, g.T, a.T)


@compiled
@pytest.mark.parametrize("name", ["mul.x", "_true_divide.x"])
def test_rules_beside_rows_and_numbers(name):
    g = numbers((2, 3, 4), "float32")
    for other in [numbers(shape, "float32", 3) for shape in ((4,), (1, 4), (1, 1, 4), (3, 4), (3, 1), (), (1,), (2, 1, 4))]:
        check(name, g, other)
    for other in [2, 0.1, -3.5, True, 1 << 70]:
        check(name, g, other)
    check(name, numbers((), "float64"), 0.1)


@compiled
@pytest.mark.parametrize("name, values", [
    ("add.x", ()), ("add.other", (1,)), ("add.other", (2,)), ("add.other", (0.3,)), ("add.other", (1.0,)), ("sub.x", ()),
    ("sub.other", (1,)), ("sub.other", (0.3,)), ("rsub.x", (1,)), ("rsub.x", (-2,)), ("rsub.other", ()), ("neg.x", ()),
    ("linear.bias", ())])
def test_rules_of_sums(name, values):
    for dtype in ("float32", "float64"):
        for shape in [(3, 4), (), (0,)]:
            check(name, numbers(shape, dtype, odd=True), *values)
    check(name, numbers((3, 4), "float32").T, *values)


@compiled
@pytest.mark.parametrize("exponent", [2, 3, 4, 2.0, 3.0, 1, 0, 0.5, -1, 2.5, 1 << 80, np.float32(2)])
def test_rule_of_powers(exponent):
    for dtype in ("float32", "float64"):
        check("pow.x", numbers((3, 4), dtype, 1, odd=True), np.abs(numbers((3, 4), dtype, 2, odd=True)), exponent)
    if type(exponent) is not np.float32:
        check("pow.x", numbers((2, 3), "float32"), numbers((3,), "float32"), exponent)


@compiled
@pytest.mark.parametrize("name", ["sum.x", "mean.x"])
def test_rules_of_reductions(name):
    for dtype in ("float32", "float64"):
        for shape in [(3, 4), (2, 3, 4), (5,), (1, 1), (0, 3), (3, 0), (200, 200)]:
            for dim in [None, (), (0,), (0, len(shape) - 1), *range(len(shape))]:
                for keepdim in (False, True):
                    if dim == (0, 0) or name == "mean.x" and 0 in shape:
                        continue
                    dims = tuple(range(len(shape))) if dim in (None, ()) else dim
                    g = np.asarray(np.sum(numbers(shape, dtype), dims, keepdims=keepdim))
                    check(name, g, shape, dim, keepdim)


@compiled
def test_rules_of_shapes():
    g = numbers((3, 4), "float32")
    for name in ("reshape.x", "_view.x"):
        for shape in [(12,), (2, 6), (3, 4), (1, 12, 1)]:
            check(name, g, shape)
            check(name, g.T, shape)
        check(name, g[:1, :1], ())
    with pytest.raises(ValueError):
        native.rule("reshape.x", ops["reshape"].vjp["x"])(RAW, g, (5,))


@compiled
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6), st.sampled_from(["float32", "float64"]), st.booleans())
def test_rules_of_products(m, k, n, dtype, turned):
    x, y, g = (numbers(shape, dtype, i) for i, shape in enumerate([(m, k), (k, n), (m, n)]))
    if turned:
        x, g = x.T.copy().T, g.T.copy().T
    check("mm.x", g, y, exact=False)
    check("mm.mat2", g, x, exact=False)
    check("matmul.x", g, x.shape, y, y.shape, exact=False)
    check("matmul.other", g, x, x.shape, y.shape, exact=False)
    weight = y.T.copy()
    check("linear.x", g, weight, weight.shape, exact=False)
    check("linear.weight", g, x, weight.shape, exact=False)


@compiled
def test_rules_of_products_leave_vectors_and_stacks():
    a, v, s = numbers((3, 4), "float64"), numbers((4,), "float64"), numbers((2, 3, 4), "float64")
    check("matmul.x", np.float64(2) * numbers((3,), "float64"), (3, 4), v, (4,), exact=False)
    check("matmul.other", numbers((3,), "float64"), a, (3, 4), (4,), exact=False)
    check("matmul.x", numbers((2, 3, 4), "float64"), s.shape, numbers((4, 4), "float64"), (4, 4), exact=False)
    check("linear.x", numbers((4,), "float64"), numbers((4, 3), "float64"), (4, 3), exact=False)
    check("linear.x", numbers((3,), "float64"), v, (4,), exact=False)
    check("linear.weight", numbers((3,), "float64"), a, (4,), exact=False)
    big = numbers((90, 90), "float64")
    check("mm.x", big, big, exact=False)


@compiled
def test_rules_take_what_is_theirs():
    slow = lambda *args: args[2:]  # noqa: E731
    assert native.rule("nothing.x", slow) is False
    with pytest.raises(TypeError):
        native.rule("mul.x")
    fast, g = native.rule("mul.x", slow), numbers((2, 2), "float32")
    for values in [(), (g, g), ("a",), (None,), (numbers((2, 2), "float64"),), (numbers((3, 3), "float32"),)]:
        assert fast(RAW, g, *values) == values
    assert fast(RAW, g.astype(">f4"), 2) == (2,)
    assert fast(RAW, 3.0, 2) == (2,)


@compiled
@pytest.mark.parametrize("text", [
    *(f"{x} ** {e}" for x in ("a", "c", "a.t()", "d", "i", "a.half()", "n", "e", "z", "c[0]")
      for e in ("2", "3", "2.0", "3.0", "True", "2.5", "-1", "(1 << 80)", "a", "None")),
    "torch.pow(c, 2)", "c.pow(3)", "c.pow(exponent=2)", "2 ** c", "pow(c, 3)", "c.detach().pow_(3)",
    *(f"T.{name}({pair})" for name in ("_tanh_adjoint", "_sigmoid_adjoint")
      for pair in ("a, b", "c, b", "a, c", "c, c", "a.t(), b.t()", "a.t(), b.t().contiguous()", "d, d", "z, z", "e, e",
                   "n, n", "a.half(), a.half()", "a * 1j, b * 1j", "a, b[0]"))])
def test_short_ways_of_powers_and_adjoints(text):
    assert _outcome(text, True) == _outcome(text, False)


def _outcome(text: str, small: bool) -> list:
    from tcli.engine.registry import T
    from tcli.engine.tape import SMALL
    from tcli.runtime.session import Session

    session = Session(quiet=True)
    session.run("""
import torch
torch.manual_seed(0)
a, b, i, d = torch.randn(3, 4), torch.randn(3, 4), torch.arange(12).view(3, 4), torch.randn(3, 4, dtype=torch.float64)
n, e, z = torch.tensor([float("nan"), float("inf"), -0.0, -1.0]), torch.empty(0, 4), torch.tensor(2.5)
c = torch.randn(3, 4, requires_grad=True)
""")
    session["T"] = T
    native.set_small(SMALL if small else -1)
    try:
        t = session.eval(text)
        found = [str(t.dtype), t._a.shape, t._a.strides, [f"{v:.6g}" for v in t._a.astype(complex).ravel().view(float)], t._v]
        if t.requires_grad:
            (t * session["b"]).abs().sum().backward()
            found += [t._node.name(), [f"{v:.5g}" for v in session["c"].grad._a.ravel()]]
        return found
    except Exception as error:
        return [type(error).__name__, str(error)]
    finally:
        native.set_small(SMALL)
