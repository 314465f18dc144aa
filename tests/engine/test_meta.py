"""The meta device: shapes without data, and PyTorch's words where a value would be needed."""

import resource

import pytest

from tcli import Session
from tcli.engine.meta import MetaArray, reshaped_strides
from tcli.errors import TcliError


def shown(text: str) -> str:
    return repr(Session(seed=0).eval(text))


def test_a_meta_tensor_prints_its_size():
    assert shown("torch.empty(3, 4, device='meta')") == "tensor(..., device='meta', size=(3, 4))"
    assert shown("torch.zeros((), device='meta', dtype=torch.int64)") == (
        "tensor(..., device='meta', size=(), dtype=torch.int64)")
    assert shown("torch.empty(2, device='meta', requires_grad=True) * 2") == (
        "tensor(..., device='meta', size=(2,), grad_fn=<MulBackward0>)")


@pytest.mark.parametrize("text, kind, message", [
    ("m.sum().item()", RuntimeError, "Tensor.item() cannot be called on meta tensors"),
    ("bool(m.sum())", RuntimeError, "Tensor.item() cannot be called on meta tensors"),
    ("m.tolist()", NotImplementedError, "Cannot copy out of meta tensor; no data!"),
    ("m.cpu()", NotImplementedError, "Cannot copy out of meta tensor; no data!"),
    ("m.numpy()", TypeError, "can't convert meta device type tensor to numpy."),
    ("m.nonzero()", NotImplementedError, "The register_meta function for torch.nonzero() raises unimplemented"),
    ("m[m > 0]", NotImplementedError, "The register_meta function for torch.nonzero() raises unimplemented"),
    ("torch.unique(m)", NotImplementedError, "aten::_unique2: attempted to run this operator with Meta tensors"),
    ("torch.masked_select(m, m > 0)", NotImplementedError, "aten::masked_select: attempted to run this operator"),
    ("m @ torch.ones(4, 3)", RuntimeError, "Tensor on device cpu is not on the expected device meta!"),
    ("torch.cat([m, torch.ones(3, 4)])", RuntimeError, "Tensor on device cpu is not on the expected device meta!"),
    ("m @ m", RuntimeError, "mat1 and mat2 shapes cannot be multiplied (3x4 and 3x4)"),
    ("m.view(5)", RuntimeError, "shape '[5]' is invalid for input of size 12"),
    ("nn.Linear(2, 3, device='meta').to('cpu')", NotImplementedError, "Please use torch.nn.Module.to_empty()"),
])
def test_what_needs_values_or_does_not_fit_is_refused(text, kind, message):
    session = Session(seed=0)
    session.run("m = torch.empty(3, 4, device='meta')")
    with pytest.raises(TcliError) as caught:
        session.run(text)
    assert isinstance(caught.value, kind)
    assert message in str(caught.value)


def test_zero_dim_cpu_operands_are_welcome():
    assert shown("torch.empty(3, device='meta') + torch.tensor(2.0)") == "tensor(..., device='meta', size=(3,))"


def test_gradients_have_shapes():
    session = Session()
    session.run("""
with torch.device("meta"):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    loss = F.cross_entropy(net(torch.randn(4, 3, 8, 8)), torch.randint(0, 10, (4,)))
loss.backward()
shapes = [tuple(p.grad.shape) == tuple(p.shape) and p.grad.is_meta for p in net.parameters()]
torch.optim.Adam(net.parameters()).step()
full = net.to_empty(device="cpu")
""")
    assert all(session["shapes"])
    assert session["full"][0].weight.is_cpu


def test_views_have_pytorch_strides():
    session = Session()
    session.run("x = torch.empty(4, 6, device='meta'); y = x[1:, ::2].t(); z = x.view(2, 2, 6).transpose(0, 2)")
    assert (session["y"].stride(), session["y"].storage_offset()) == ((2, 6), 6)
    assert session["z"].stride() == (1, 6, 12)
    assert not session["z"].is_contiguous()
    assert session["z"].contiguous().is_contiguous()


@pytest.mark.parametrize("old, strides, new, expected", [
    ((4, 6), (24, 4), (24,), (4,)), ((4, 6), (4, 16), (24,), None), ((2, 3, 4), (48, 16, 4), (6, 2, 2), (16, 8, 4)),
    ((2, 3), (0, 4), (2, 3, 1), (0, 4, 4)), ((1, 5), (99, 4), (5, 1), (4, 4)), ((0, 3), (12, 4), (3, 0), (4, 4)),
    ((2, 3), (12, 4), (1, 2, 1, 3, 1), (24, 12, 12, 4, 4)),
])
def test_a_reshape_is_a_view_where_strides_allow(old, strides, new, expected):
    assert reshaped_strides(old, strides, new, 4) == expected


def test_sizes_no_machine_has_cost_nothing():
    session = Session()
    session.run("x = torch.ones(10**6, 10**6, device='meta'); y = torch.arange(10**12, device='meta')")
    assert session["x"].numel() == 10**12 == session["y"].numel()
    assert type(session["x"]._a) is MetaArray


def test_a_transformer_of_7_billion_parameters_runs_forward():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    session = Session()
    session.run("""
class Block(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.RMSNorm(width), nn.RMSNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.gate, self.up = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.first(x)).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(n, t, d))
        h = self.second(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


with torch.device("meta"):
    embedding = nn.Embedding(32000, 4096)
    blocks = nn.ModuleList([Block(4096, 32, 11008) for _ in range(32)])
    head = nn.Linear(4096, 32000, bias=False)
    x = embedding(torch.randint(0, 32000, (1, 2048)))
    for block in blocks:
        x = block(x)
    logits = head(x)
count = sum(p.numel() for m in (embedding, blocks, head) for p in m.parameters())
""")
    assert tuple(session["logits"].shape) == (1, 2048, 32000)
    assert session["count"] == 6_738_411_520
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 500 * 1024
