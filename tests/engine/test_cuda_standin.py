"""Devices beside the CPU, on the strict stand-in for CuPy: moving, mixing, memory that runs out."""

import pytest

from tcli import Session
from tcli.engine import device
from tcli.errors import TcliError
from tests.generated import strict


@pytest.fixture
def session(monkeypatch):
    strict.install(monkeypatch)
    return Session(seed=0)


def test_tensors_move_and_print_where_they_are(session):
    assert repr(session.eval("torch.ones(2).cuda()")) == "tensor([1., 1.], device='cuda:0')"
    assert session.eval("(torch.ones(2, device='cuda') * 2).cpu().tolist()") == [2.0, 2.0]
    assert session.eval("torch.zeros(1).to('cuda').is_cuda and not torch.zeros(1).is_cuda")


def test_a_training_step_stays_on_the_device(session):
    session.run("""
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).to("cuda")
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
x, y = torch.randn(16, 4, device="cuda"), torch.randint(0, 2, (16,), device="cuda")
losses = []
for _ in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
places = {p.device.type for p in net.parameters()} | {p.grad.device.type for p in net.parameters()} | {loss.device.type}
""")
    assert session["places"] == {"cuda"}
    assert session["losses"][-1] < session["losses"][0]


def test_mixed_devices_are_refused_in_pytorchs_words(session):
    session.run("a = torch.ones(3, device='cuda'); b = torch.ones(3)")
    for text in ("a + b", "a @ b", "torch.cat([a, b])", "torch.where(a > 0, a, b)", "F.mse_loss(a, b)"):
        with pytest.raises(TcliError, match="Expected all tensors to be on the same device, but found at least two devices, "
                                            "cuda:0 and cpu!"):
            session.run(text)


def test_the_error_says_which_operand_is_where(session):
    with pytest.raises(TcliError) as caught:
        session.run("torch.ones(3, device='cuda') + torch.ones(3)")
    assert caught.value.code == "device"
    assert "input is on cuda:0, other is on cpu" in caught.value.notes


def test_zero_dim_cpu_operands_are_welcome(session):
    session.run("a = torch.ones(3, device='cuda')")
    assert session.eval("(a + torch.tensor(2.0)).tolist()") == [3.0, 3.0, 3.0]
    assert session.eval("(torch.tensor(2.0) * a).device.type") == "cuda"


def test_copies_between_devices_and_into_tensors(session):
    session.run("a = torch.zeros(3, device='cuda'); a.copy_(torch.tensor([1.0, 2.0, 3.0])); b = torch.zeros(3); b.copy_(a)")
    assert session.eval("a.tolist() == b.tolist() == [1.0, 2.0, 3.0]")
    with pytest.raises(TcliError, match="can't convert cuda:0 device type tensor to numpy"):
        session.run("a.numpy()")


def test_an_index_out_of_range_is_found_before_the_kernel(session):
    with pytest.raises(TcliError, match="index 5 is out of bounds for dimension 0 with size 3"):
        session.run("torch.ones(3, device='cuda')[torch.tensor([0, 5], device='cuda')]")


def test_memory_that_runs_out_is_asked_for_twice(session, monkeypatch):
    backend, freed, tries = device._backends["cuda"], [], []

    def run(where, kernel, xp, values):
        tries.append(1)
        if len(tries) == 1:
            raise MemoryError("Out of memory allocating 64 bytes")
        return kernel(xp, *values)

    monkeypatch.setattr(backend, "run", run)
    monkeypatch.setattr(backend, "release", lambda: freed.append(1) or True)
    assert session.eval("torch.ones(2, device='cuda').exp().shape") == (2,)
    assert (len(tries), len(freed)) == (2, 1)

    def always(where, kernel, xp, values):
        raise MemoryError("Out of memory allocating 64 bytes")

    monkeypatch.setattr(backend, "run", always)
    with pytest.raises(TcliError, match="CUDA out of memory"):
        session.run("torch.ones(2, device='cuda').exp()")


def test_checkpoints_come_back_where_they_are_asked_for(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session.run("""
torch.save({"w": torch.ones(2, device="cuda")}, "w.pt")
w = torch.load("w.pt", map_location="cpu")["w"]
""")
    assert session.eval("w.device.type") == "cpu"
