"""`torch.autocast` on a CPU: dtypes that PyTorch 2.13 gives, gradients, and that nothing of it stays behind."""

import pytest

import tcli

HALF, SINGLE = "torch.bfloat16", "torch.float32"
ONES, LOW = "torch.ones(2, 2)", "torch.ones(2, 2).bfloat16()"
DTYPES = {
    f"{ONES} @ {ONES}": HALF, f"{ONES}.mm({ONES})": HALF, f"{ONES} @ torch.ones(2)": HALF, f"F.linear({ONES}, {ONES})": HALF,
    f"torch.mv({ONES}, torch.ones(2))": SINGLE, f"torch.einsum('ij,jk', {ONES}, {ONES})": HALF,
    "torch.baddbmm(torch.ones(1, 2, 2), torch.ones(1, 2, 2), torch.ones(1, 2, 2))": HALF,
    "F.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2))": HALF, "nn.Conv2d(1, 2, 2)(torch.ones(1, 1, 4, 4))": HALF,
    "F.scaled_dot_product_attention(torch.ones(1, 2, 4), torch.ones(1, 2, 4), torch.ones(1, 2, 4))": HALF,
    f"F.softmax({LOW}, 0)": HALF, f"F.gelu({ONES})": SINGLE, f"{LOW} + {ONES}": SINGLE, f"{LOW}.sum()": HALF,
    f"{LOW}.prod()": SINGLE, f"F.mse_loss({LOW}, {LOW})": SINGLE, f"F.cross_entropy({LOW}, torch.tensor([0, 1]))": SINGLE,
    f"torch.cdist({LOW}, {ONES})": SINGLE, f"torch.linalg.inv({LOW} * torch.eye(2).bfloat16())": SINGLE,
    f"torch.cat([{LOW}, {LOW}])": HALF, f"torch.cat([{LOW}, {ONES}])": SINGLE, f"torch.stack([{LOW}, {ONES}])": SINGLE,
    f"torch.cat([{LOW}, {ONES}.double()])": "torch.float64", "F.pad(torch.ones(1, 2, 2).bfloat16(), (1, 1), 'reflect')": SINGLE,
    "F.pad(torch.ones(1, 2, 2).bfloat16(), (1, 1))": HALF, f"{ONES}.double() @ {ONES}.double()": "torch.float64",
    f"{ONES}.long() @ {ONES}.long()": "torch.int64", f"torch.mm({ONES}, {ONES}, out=torch.zeros(2, 2))": SINGLE,
    f"{ONES}.addmm_({ONES}, {ONES})": SINGLE, "nn.LSTMCell(2, 2)(torch.ones(1, 2))[0]": SINGLE,
    "nn.MultiheadAttention(4, 2)(*[torch.ones(1, 1, 4)] * 3)[0]": HALF, "nn.LayerNorm(2)(torch.ones(2))": SINGLE}


@pytest.mark.parametrize("call", DTYPES)
def test_ops_give_pytorchs_dtypes(call):
    found = tcli.Session().run(f"with torch.autocast('cpu'): y = {call}\ny.dtype")
    assert str(found) == DTYPES[call]


def test_a_network_is_trained_in_half_precision():
    found = tcli.Session().run("""
m = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
for p in m.parameters(): nn.init.constant_(p, 0.3)
x = torch.tensor([[1., 2., 3.]])
with torch.autocast("cpu", dtype=torch.bfloat16): y = m(x); loss = F.mse_loss(y, torch.ones(1, 1))
loss.backward()
str(y.dtype), str(loss.dtype), y.item(), loss.item(), str(m[0].weight.grad.dtype), m[0].weight.grad[0].tolist()
""")
    assert found == (HALF, SINGLE, 1.5703125, 0.32525634765625, SINGLE, [0.34375, 0.6875, 1.03125])


def test_it_ends_with_its_block_and_can_be_left_out():
    program = """
w = torch.ones(2, 2)
with torch.autocast("cpu"):
    a = w @ w
    with torch.autocast("cpu", enabled=False): b = w @ w
    c = w @ w
try:
    with torch.autocast("cpu"): torch.ones(3) @ torch.ones(2)
except RuntimeError: pass
@torch.autocast("cpu")
def f(x): return x @ x
[str(t.dtype)[6:] for t in (a, b, c, w @ w, f(w), w @ w)], torch.is_autocast_enabled("cpu")
"""
    expected = ["bfloat16", "float32", "bfloat16", "float32", "bfloat16", "float32"]
    assert tcli.Session().run(program) == (expected, False)


def test_gradients_of_a_parameter_that_is_cast_once_are_added_in_half_precision():
    program = """
w = torch.ones(1, 1, requires_grad=True)
def gradient(keep):
    w.grad = None
    with torch.autocast("cpu", cache_enabled=keep): y = torch.full((1, 1), 256.) @ w + torch.ones(1, 1) @ w
    y.sum().backward()
    return w.grad.item()
gradient(True), gradient(False)
"""
    assert tcli.Session().run(program) == (256.0, 257.0)


@pytest.mark.parametrize("text, kind, message", [
    ("torch.autocast(3)", ValueError, "Expected `device_type` of type `str`, got: `<class 'int'>`"),
    ("torch.autocast('xyz')", RuntimeError, "Expected one of cpu, cuda"),
    ("with torch.autocast('cpu'): torch.cat([torch.ones(1).half(), torch.ones(1).bfloat16()])", RuntimeError,
     "Unexpected floating ScalarType in at::autocast::prioritize"),
    ("with torch.autocast('cpu'): torch.ones(2, 2).double() @ torch.ones(2, 2)", RuntimeError, "to have the same dtype")])
def test_refusals(text, kind, message):
    with pytest.raises(kind) as caught:
        tcli.Session().run(text)
    assert message in str(caught.value)


def test_a_step_that_overflows_is_left_out():
    program = """
s = torch.amp.GradScaler("cpu", init_scale=4.)
w = torch.ones(2, requires_grad=True); o = optim.SGD([w], 0.1)
def step(factor):
    o.zero_grad(); s.scale((w * factor).sum()).backward(); s.step(o); s.update()
    return [round(v, 4) for v in w.tolist()], s.get_scale()
step(1.), step(float("inf")), step(1.), s.state_dict()["_growth_tracker"]
"""
    assert tcli.Session().run(program) == (([0.9, 0.9], 4.0), ([0.9, 0.9], 2.0), ([0.8, 0.8], 2.0), 1)
