"""Contracts: what binds, what fails, what the errors say."""

from types import SimpleNamespace

import pytest

from tcli.errors import ContractError
from tcli.runtime.contracts import Binding, check
from tcli.source import Source, Span


def value(*shape, short="f32"):
    return SimpleNamespace(dtype=SimpleNamespace(short=short), shape=shape)


def contract(*dims, kind="f32"):
    made = []
    for dim in dims:
        if dim == "...":
            made.append(("ellipsis",))
        elif dim == "_":
            made.append(("any",))
        elif isinstance(dim, int):
            made.append(("int", dim))
        elif isinstance(dim, tuple):
            made.append(("expr", "n+1", dim))
        else:
            made.append(("star", dim[1:]) if dim[0] == "*" else ("name", dim))
    return kind, tuple(made), f"{kind}[{', '.join(map(str, dims))}]"


def test_a_first_use_binds_and_a_second_must_agree():
    bindings = {}
    assert check(value(32, 10), contract("B", "H"), "h", bindings) == ("B", "H")
    check(value(32, 5), contract("B", "_"), "x", bindings)
    with pytest.raises(ContractError, match=r"dim 0 is 31, but B is 32"):
        check(value(31, 5), contract("B", "K"), "x", bindings)
    assert set(bindings) == {"B", "H"}


def test_a_failed_check_binds_nothing():
    bindings = {}
    with pytest.raises(ContractError):
        check(value(32, 10), contract("B", 11), "h", bindings)
    assert bindings == {}


def test_the_dtype_is_checked_and_any_allows_every_one():
    with pytest.raises(ContractError, match="h should be f32, it is i64"):
        check(value(3, short="i64"), contract("N"), "h", {})
    check(value(3, short="i64"), contract("N", kind="any"), "h", {})


def test_the_number_of_dims_is_checked():
    with pytest.raises(ContractError, match=r"should be f32\[B, H\], with 2 dims, it has 1"):
        check(value(3), contract("B", "H"), "h", {})


@pytest.mark.parametrize("shape", [(4,), (2, 4), (5, 2, 4)])
def test_an_ellipsis_takes_any_number_of_dims(shape):
    assert check(value(*shape), contract("...", "H"), "h", {})[-1] == "H"


def test_a_star_binds_a_tuple():
    bindings = {}
    check(value(5, 2, 4), contract("*batch", "H"), "h", bindings)
    assert bindings["batch"].size == (5, 2)
    with pytest.raises(ContractError, match=r"dim 0 is \[5\], but batch is \[5, 2\]"):
        check(value(5, 4), contract("*batch", "H"), "h", bindings)


def test_an_expression_uses_bound_names():
    bindings = {"n": Binding(3, None)}
    check(value(4), contract(("+", "n", 1)), "h", bindings)
    with pytest.raises(ContractError, match=r"dim 0 is 5, but n\+1 is 4"):
        check(value(5), contract(("+", "n", 1)), "h", bindings)


def test_an_expression_with_an_unbound_name_says_so():
    with pytest.raises(ContractError, match="needs n, which is not bound yet"):
        check(value(4), contract(("+", "n", 1)), "h", {})


def test_the_error_lists_every_binding_and_its_line():
    place = Span(Source("x", "f"), 3, 1, 3, 2)
    with pytest.raises(ContractError) as caught:
        check(value(31), contract("B"), "x", {"B": Binding(32, place), "H": Binding(7, None)})
    assert caught.value.notes == ["bound: B=32 (bound at 3:1), H=7"]


def test_what_is_no_tensor_fails():
    with pytest.raises(ContractError, match="it is a int"):
        check(3, contract("B"), "x", {})
