"""A second backward pass: which ops keep something that the first one freed is PyTorch's choice, recorded here."""

import pytest

import tcli

FREED = """
    x*2
    x/2
    1/x
    x**2
    2**x
    x[[0,1]]
    x.relu()
    x.abs()
    x.max()
    x.clamp(min=0)
    torch.where(x>0,x,x)
    x.sort()[0]
    x.masked_fill(x>1,0.)
    x@x
    x.view(1,2)@x.view(2,1)
    torch.ones(2,2)@x
    x*torch.ones(2)
    (x+0).mul_(2)
    torch.outer(x,x)
    x.std()
    x.var()
    x.norm()
    x.gather(0,torch.tensor([0]))
    x.index_select(0,torch.tensor([0]))
    x.prod()
    x.amax()
    F.linear(x,torch.ones(2,2))
    F.leaky_relu(x)
    F.mse_loss(x,torch.zeros(2))
    F.l1_loss(x,torch.zeros(2))
    x.nan_to_num()
    torch.mul(x,2)
    torch.addcmul(x,x,x)
    x[x>0]
    (x+0).index_fill(0,torch.tensor([0]),1.)
""".strip().split("\n")
KEPT = """
    x+2
    x-1
    1-x
    -x
    x.view(2,1)
    x.mean()
    x.sum(0)
    x[0]
    torch.cat([x,x])
    torch.stack([x,x])
    x.clone()
    x.expand(3,2)
    x.t()
    x.unsqueeze(0)
    x.double()
    x%2
    x.flip(0)
    x.roll(1)
    x.cumsum(0)
    x.floor()
    x.round()
    x.sign()
    torch.lerp(x,x,0.5)
    torch.add(x,x,alpha=2)
    x+torch.ones(2)
    (x+0).add_(2)
    x.repeat(2)
    x.expand(2,2).tril()
    F.pad(x,(1,1))
    x.unsqueeze(0).squeeze()
    x.frac()
    F.dropout(x,0.0)
    x.expand(2,2).trace()
    x.diag()
    torch.einsum('i->',x)
    x.chunk(2)[0]
    x.unbind()[0]
    x.real
    x.flatten()
    x.view(1,2).movedim(0,1)
    x.tile(2)
""".strip().split("\n")


def twice(expression: str) -> None:
    tcli.Session(seed=0).run(f"x = torch.tensor([1., 2.], requires_grad=True); y = ({expression.strip()}).sum()\n"
                             "y.backward()\ny.backward()")


@pytest.mark.parametrize("expression", FREED)
def test_a_second_backward_raises(expression):
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        twice(expression)


@pytest.mark.parametrize("expression", KEPT)
def test_a_second_backward_adds_up(expression):
    twice(expression)
