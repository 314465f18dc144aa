"""`torch.cuda` on a real GPU."""

import pytest

from tcli import Session
from tcli.errors import TcliError


def test_what_there_is():
    session = Session()
    assert session.eval("torch.cuda.is_available()")
    assert session.eval("torch.cuda.device_count()") >= 1
    assert session.eval("torch.cuda.get_device_name()")
    assert session.eval("torch.cuda.get_device_properties(0).total_memory") > 0


def test_memory_is_counted_and_given_back():
    session = Session()
    session.run("""
torch.cuda.reset_peak_memory_stats()
before = torch.cuda.memory_allocated()
x = torch.zeros(1024, 1024, device="cuda")
held = torch.cuda.memory_allocated() - before
peak = torch.cuda.max_memory_allocated()
del x
torch.cuda.empty_cache()
after = torch.cuda.memory_allocated() - before
""")
    assert session["held"] >= 4 * 2**20
    assert session["peak"] >= session["before"] + 4 * 2**20
    assert session["after"] == 0


def test_seeds_streams_and_events():
    session = Session()
    session.run("""
torch.manual_seed(1); a = torch.rand(5, device="cuda")
torch.manual_seed(1); b = torch.rand(5, device="cuda")
start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
start.record()
with torch.cuda.stream(torch.cuda.Stream()):
    c = torch.ones(1000, device="cuda").sum()
end.record(); torch.cuda.synchronize()
took = start.elapsed_time(end)
""")
    assert session.eval("torch.equal(a, b) and 0 <= a.min().item() and a.max().item() < 1")
    assert session["took"] >= 0


def test_running_out_of_memory_is_an_error_and_no_more():
    session = Session()
    with pytest.raises(TcliError, match="CUDA out of memory"):
        session.run("torch.zeros(2**46, device='cuda')")
    assert session.eval("torch.ones(2, device='cuda').sum().item()") == 2.0


def test_training_gives_the_cpus_losses():
    session = Session()
    session.run("""
def losses(device):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    x, y = torch.randn(8, 1, 8, 8), torch.randint(0, 3, (8,))
    net, x, y = net.to(device), x.to(device), y.to(device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    found = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found
""")
    assert session.eval("losses('cuda')") == pytest.approx(session.eval("losses('cpu')"), rel=1e-3)
