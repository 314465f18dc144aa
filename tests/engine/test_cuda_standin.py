"""Devices beside the CPU, on the strict stand-in for CuPy: moving, mixing, memory, streams, several GPUs."""

import re

import pytest

from tcli import Session
from tcli.engine import fuse
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


def _notes(session, program: str) -> list:
    with pytest.raises(TcliError, match="at least two devices") as caught:
        session.run(program)
    return caught.value.notes


def test_the_error_names_the_line_that_put_each_operand_where_it_is(session):
    notes = _notes(session, "x = torch.ones(3)\ny = torch.ones(3)\nx = x.cuda()\nfor _ in range(2):\n    z = x * 2 + y\n")
    assert notes[-2:] == ["x was put on cuda:0 at line 3", "y was made on cpu at line 2"]
    notes = _notes(session, "net = nn.Linear(3, 2)\nnet.to('cuda')\nx = [1., 2., 3. ; 4, 5, 6]\nnet(x)")
    assert notes[-2:] == ["net was put on cuda:0 at line 2", "x was made on cpu at line 3"]


def test_the_error_names_earlier_lines_of_the_prompt(session):
    session.run("x = torch.ones(3, device='cuda')")
    session.run("y = torch.ones(3)")
    notes = [re.sub(r"tsr \d+", "tsr n", note) for note in _notes(session, "x + y")]
    assert notes[-2:] == ["x was put on cuda:0 at <tsr n>:1", "y was made on cpu at <tsr n>:1"]


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


def test_memory_that_the_pool_keeps_is_freed_when_it_runs_out(monkeypatch):
    strict.install(monkeypatch, memory=10_000)
    session = Session(seed=0)
    session.run("x = torch.zeros(1500, device='cuda'); del x")
    assert session.eval("torch.cuda.memory_reserved() - torch.cuda.memory_allocated()") == 6000
    session.run("y = torch.zeros(2000, device='cuda'); z = y[:400] + 1")
    assert session.eval("torch.cuda.memory_allocated()") == 9600


def test_memory_that_does_run_out_is_an_error_that_frees_what_it_can(monkeypatch):
    strict.install(monkeypatch, memory=10_000)
    session = Session(seed=0)
    session.run("x = torch.ones(2000, device='cuda')")
    for text in ("x.exp()", "torch.zeros(3000, device='cuda')", "torch.ones(2000).cuda()", "x + x"):
        with pytest.raises(TcliError, match="CUDA out of memory") as caught:
            session.run(text)
        assert any("GPU 0 has a total capacity of" in note for note in caught.value.notes)
    assert session.eval("torch.cuda.memory_allocated()") == 8000
    assert session.eval("x[:100].exp().sum().item()") == pytest.approx(271.828, rel=1e-4)


def test_a_fused_pass_that_runs_out_of_memory_says_so(monkeypatch):
    strict.install(monkeypatch, memory=10_000)
    monkeypatch.setattr(fuse.settings, "minimum", 1)
    session = Session(seed=0)
    session.run("x = torch.ones(2000, device='cuda')")
    with pytest.raises(TcliError, match="CUDA out of memory"):
        session.run("print(x * 2 + 1)")


def test_memory_statistics(session):
    session.run("""
torch.cuda.reset_peak_memory_stats()
a = torch.zeros(1000, device="cuda")
b = torch.zeros(3000, device="cuda")
del b
now, peak, held = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated(), torch.cuda.memory_reserved()
torch.cuda.empty_cache()
after = torch.cuda.memory_reserved()
torch.cuda.reset_peak_memory_stats()
""")
    assert [session[n] for n in ("now", "peak", "held", "after")] == [4000, 16000, 16000, 4000]
    assert session.eval("torch.cuda.max_memory_allocated()") == 4000
    free, total = session.eval("torch.cuda.mem_get_info()")
    assert total - free == 4000
    assert "allocated" in session.eval("torch.cuda.memory_summary()")


def test_streams_and_events(session):
    session.run("""
start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
side = torch.cuda.Stream()
start.record()
with torch.cuda.stream(side):
    x = torch.ones(10, device="cuda") * 2
side.record_event(end)
torch.cuda.current_stream().wait_stream(side)
torch.cuda.synchronize()
took, done = start.elapsed_time(end), end.query() and side.query()
""")
    assert session["took"] >= 0 and session["done"] is True
    with pytest.raises(Exception, match="invalid resource handle"):
        session.run("torch.cuda.Event().elapsed_time(torch.cuda.Event())")


# ---------------------------------------------------------------- several GPUs

@pytest.fixture
def two(monkeypatch):
    small = fuse._SMALL
    strict.install(monkeypatch, devices=2)
    yield Session(seed=0)
    fuse._SMALL = small
    fuse._publish()


def test_results_are_where_their_operands_are(two):
    two.run("""
a, b = (torch.randn(3, 4, device="cuda:1") for _ in range(2))
found = [a + b, a @ b.T, a.softmax(1), a.max(1).values, a[torch.tensor([0, 2])], a[a > 0], a.sort(1).values, F.relu(a),
         torch.cat([a, b]), a.to("cuda:0").to("cuda:1"), torch.zeros_like(a)]
a.fill_(2); a[0] = 3; a[:, 1] += 1
places = {str(t.device) for t in found}
""")
    assert two["places"] == {"cuda:1"}
    assert two.eval("a.tolist()") == [[3, 4, 3, 3], [2, 3, 2, 2], [2, 3, 2, 2]]


def test_training_on_the_second_gpu(two):
    two.run("""
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 2)).to("cuda:1")
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
x, y = torch.randn(16, 4, device="cuda:1"), torch.randint(0, 2, (16,), device="cuda:1")
losses = []
for _ in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
places = {str(t.device) for p in net.parameters() for t in (p, p.grad)}
""")
    assert two["places"] == {"cuda:1"}
    assert two["losses"][-1] < two["losses"][0]


def test_the_current_gpu_is_the_programs_choice(two):
    two.run("""
first = str(torch.ones(2, device="cuda").device)
torch.ones(2, device="cuda:1").exp()
with torch.cuda.device(1):
    inside = str(torch.ones(2, device="cuda").device)
after = torch.cuda.current_device()
torch.cuda.set_device(1)
chosen = str(torch.ones(2).cuda().device)
""")
    assert [two[n] for n in ("first", "inside", "after", "chosen")] == ["cuda:0", "cuda:1", 0, "cuda:1"]
    assert two.eval("torch.cuda.device_count()") == 2
    with pytest.raises(TcliError, match="invalid device ordinal"):
        two.run("torch.ones(2, device='cuda:2')")


def test_tensors_of_two_gpus_do_not_mix(two):
    with pytest.raises(TcliError, match="found at least two devices, cuda:0 and cuda:1!"):
        two.run("torch.ones(2, device='cuda:0') + torch.ones(2, device='cuda:1')")


def test_memory_is_counted_per_gpu(two):
    before = two.eval("torch.cuda.memory_allocated(0)")
    two.run("x = torch.zeros(1000, device='cuda:1')")
    assert two.eval("torch.cuda.memory_allocated(0)") == before
    assert two.eval("torch.cuda.memory_allocated(1)") >= 4000


# ---------------------------------------------------------------- indices and numbers from elsewhere

def test_indices_may_be_on_the_cpu_but_not_the_other_way_round(session):
    session.run("x = torch.arange(6., device='cuda').reshape(2, 3); i = torch.tensor([1, 0])")
    assert session.eval("x[i].tolist()") == [[3, 4, 5], [0, 1, 2]]
    assert session.eval("x[:, i].device.type") == "cuda"
    session.run("x[i] = torch.zeros(2, 3, device='cuda')")
    assert session.eval("x.sum().item()") == 0
    with pytest.raises(TcliError, match=r"indices should be either on cpu or on the same device as the indexed tensor \(cpu\)"):
        session.run("torch.ones(3)[i.cuda()]")


def test_a_tensor_of_numbers_on_the_device(session):
    assert session.eval("torch.tensor([torch.tensor(1.5, device='cuda'), 2]).tolist()") == [1.5, 2.0]


def test_packed_sequences_on_the_device(session):
    session.run("""
net = nn.GRU(1, 4, batch_first=True).cuda()
packed = nn.utils.rnn.pack_padded_sequence(torch.randn(2, 5, 1, device="cuda"), torch.tensor([5, 3]), batch_first=True)
out, lengths = nn.utils.rnn.pad_packed_sequence(net(packed)[0], batch_first=True)
""")
    assert session.eval("(out.device.type, tuple(out.shape), lengths.tolist())") == ("cuda", (2, 5, 4), [5, 3])


def test_gradcheck_on_the_device(session):
    assert session.eval("torch.autograd.gradcheck(torch.sin, torch.randn(3, dtype=torch.float64, device='cuda', "
                        "requires_grad=True))")


def test_checkpoints_come_back_where_they_are_asked_for(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session.run("""
torch.save({"w": torch.ones(2, device="cuda")}, "w.pt")
w = torch.load("w.pt", map_location="cpu")["w"]
""")
    assert session.eval("w.device.type") == "cpu"
