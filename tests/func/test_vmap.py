"""`vmap` and `functional_call`: random draws, dims, messages. Numbers are PyTorch 2.13's."""

import pytest

import tcli
from tcli.runtime.namespaces import known_modules

torch = known_modules()["torch"]
vmap = torch.func.vmap
B = torch.arange(12.0).view(4, 3)


def drawn(randomness: str, draw=lambda x: torch.randn(3) + 0 * x):
    torch.manual_seed(3)
    return vmap(draw, randomness=randomness)(B)


def test_different_draws_for_the_whole_batch_at_once():
    got = drawn("different")
    torch.manual_seed(3)
    torch.testing.assert_close(got, torch.randn(4, 3))
    got = drawn("different", lambda x: torch.rand(2) + torch.randint(0, 9, (2,)))
    torch.manual_seed(3)
    first = torch.rand(4, 2)
    torch.testing.assert_close(got, first + torch.randint(0, 9, (4, 2)))


def test_same_draws_the_same_for_every_sample():
    got = drawn("same")
    torch.manual_seed(3)
    torch.testing.assert_close(got, torch.randn(3).expand(4, 3))
    dropped = drawn("same", lambda x: torch.dropout(torch.ones(8), 0.5, True))
    assert bool((dropped == dropped[0]).all())


def test_nested_maps_draw_outer_batch_first():
    torch.manual_seed(3)
    inner = vmap(lambda x: torch.randn(2) + 0 * x, randomness="different")
    got = vmap(inner, randomness="different")(torch.zeros(3, 4, 2))
    torch.manual_seed(3)
    torch.testing.assert_close(got, torch.randn(3, 4, 2))


def test_no_draw_without_leave():
    with pytest.raises(RuntimeError, match="called random operation while in randomness error mode"):
        drawn("error")
    assert torch.rand(2).shape == (2,)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: vmap(torch.dot, in_dims=(0, 7))(B, B), "Got in_dim=7 for some input, but that input is a Tensor of "
                                                    "dimensionality 2 so expected in_dim to satisfy -2 <= in_dim < 2"),
    (lambda: vmap(torch.dot, in_dims=(None, None))(B, B), "Expected at least one Tensor to vmap over"),
    (lambda: vmap(lambda x: 3)(B), r"vmap\(<lambda>, ...\): `<lambda>` must only return Tensors, got type <class 'int'>"),
    (lambda: vmap(torch.dot)(B, torch.ones(5, 3)), r"got sizes \[4, 5\] for the mapped dimension"),
    (lambda: vmap(torch.sin)(), "got no inputs"),
    (lambda: vmap(torch.sin, in_dims=(0, 0))(B), "in_dims is not compatible with the structure"),
])
def test_what_cannot_be_mapped(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_outputs_without_a_dim_and_keywords_are_not_mapped():
    first, second = vmap(lambda x, *, s: (x * s.sum(), s), out_dims=(0, None))(B, s=torch.ones(4))
    assert (tuple(first.shape), tuple(second.shape)) == ((4, 3), (4,))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: torch.func.grad(lambda x: x)(B[0]), "Expected f.* to return a scalar Tensor, got tensor with 1 dims"),
    (lambda: torch.func.grad(lambda x: 3.0)(B[0]), "to return a Tensor, got <class 'float'>"),
    (lambda: torch.func.grad(lambda x: x.sum())(torch.arange(3)), "only Tensors of floating point dtype can require gradients"),
])
def test_what_has_no_gradient(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


# ---------------------------------------------------------------- functional_call

def tied():
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    return net


def test_tied_weights_are_replaced_together():
    x, new = torch.eye(2), 2 * torch.eye(2)
    torch.testing.assert_close(torch.func.functional_call(tied(), {"0.weight": new}, (x,)), 4 * x)
    loose = torch.func.functional_call(tied(), {"0.weight": new}, (x,), tie_weights=False)
    assert not torch.allclose(loose, 4 * x)
    with pytest.raises(ValueError, match=r"multiple values for keys \['0.weight', '1.weight'\]"):
        torch.func.functional_call(tied(), {"0.weight": new, "1.weight": x}, (x,))


def test_strict_names_what_is_missing_and_unexpected():
    net = torch.nn.Linear(2, 2)
    with pytest.raises(RuntimeError) as caught:
        torch.func.functional_call(net, {"weight": torch.eye(2), "zork": torch.eye(2)}, (torch.eye(2),), strict=True)
    assert str(caught.value).split("\n\t") == ["Error(s) in reparametrizing for Linear:", "Unexpected key(s): 'zork'.",
                                               "Missing key(s): 'bias'."]
    assert isinstance(caught.value, tcli.TcliError)
