"""Where results lie: what works along dims and on lists gives row-major memory, so that `view` can follow it."""

import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.runtime.namespaces import tree

torch = tree("torch")
F = torch.nn.functional
turned = (torch.arange(24.0).reshape(2, 3, 4) / 8).permute(2, 0, 1)
large = torch.ones(64, 96, 48).permute(2, 0, 1)

IN_ROWS = {
    "sum": lambda x: x.sum(1),
    "mean": lambda x: x.mean(1, keepdim=True),
    "var": lambda x: x.var(2),
    "amax": lambda x: x.amax(1),
    "prod": lambda x: x.prod(1),
    "all": lambda x: (x > 0).all(1),
    "logsumexp": lambda x: x.logsumexp(1),
    "norm": lambda x: torch.linalg.vector_norm(x, 2, 1),
    "max": lambda x: x.max(1).values,
    "cumsum": lambda x: x.cumsum(0),
    "cummax": lambda x: x.cummax(0).indices,
    "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: x.log_softmax(0),
    "cat": lambda x: torch.cat([x, x]),
    "stack": lambda x: torch.stack([x, x], 1),
    "roll": lambda x: x.roll(1, 0),
    "tril": lambda x: x.tril(),
    "index": lambda x: x[:, torch.tensor([1, 0])],
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "one_hot": lambda x: F.one_hot((x > 1).long(), 2),
    "cross": lambda x: torch.linalg.cross(x, x),
    "narrow_copy": lambda x: torch.narrow_copy(x, 1, 0, 1),
}


@pytest.mark.parametrize("name", IN_ROWS)
@pytest.mark.parametrize("x", [turned, large], ids=["small", "large"])
def test_results_lie_in_rows(name, x):
    if x is large and name == "cross":
        pytest.skip("cross needs a dim of size 3")
    y = IN_ROWS[name](x)
    assert y.is_contiguous()
    assert y.view(-1).shape == (y.numel(),)


@pytest.mark.parametrize("call", [lambda x: x + x, lambda x: x.exp(), lambda x: x.double(), torch.zeros_like])
def test_elementwise_results_lie_as_their_operand_does(call):
    assert call(turned).stride() == turned.stride()


def test_views_stay_views():
    x = torch.zeros(2, 3, 4).permute(2, 0, 1)
    for part in (*x.split(2, 0), *x.unbind(1), x.narrow(0, 1, 2)):
        part.add_(1)
    assert float(x.sum()) == 24 * 2 + 12
