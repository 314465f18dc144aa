"""The profiler: what ran, on which line, how much of it; and that everything is as before afterwards."""

import json

import pytest

from tcli import Session
from tcli.engine import callables, dispatch, tape
from tcli.engine.profile import Recorder, Roofline
from tcli.errors import EngineError
from tcli.runtime.profiler import report

PROGRAM = """
x = torch.ones(4, 3); w = torch.ones(3, 2, requires_grad=True)
for i in range(3):
    h = torch.relu(x @ w + 1.0)
h.sum().backward()
"""


def recorded(text: str = PROGRAM) -> Recorder:
    session, recorder = Session(), Recorder()
    session.load_engine()
    session.positions = True
    with recorder:
        session.run(text, "profiled.tsr")
    return recorder


def test_every_call_is_recorded_with_shapes_and_operations():
    calls = recorded().calls
    products = [call for call in calls if call.name == "matmul" and call.shapes == ((4, 3), (3, 2))]
    assert [call.flops for call in products] == [2 * 4 * 3 * 2] * 3
    assert [call.bytes for call in products] == [4 * (12 + 6 + 8)] * 3
    assert {"add", "relu", "sum"} <= {call.name for call in calls}
    assert all(call.seconds >= 0 for call in calls)


def test_calls_belong_to_lines_and_backward_to_its_own():
    text = report(recorded(), Roofline())
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("profiled.tsr")}
    assert set(lines) == {"profiled.tsr:4", "profiled.tsr:5"}
    assert "h.sum().backward()" in lines["profiled.tsr:5"]


def test_shortcuts_are_back_afterwards():
    before = callables.SMALL, callables.is_small, dispatch._guarded, list(tape.observers)
    recorded()
    assert (callables.SMALL, callables.is_small, dispatch._guarded, tape.observers) == before
    with pytest.raises(EngineError):
        recorded("torch.ones(3) + torch.ones(4)")
    assert (callables.SMALL, callables.is_small, dispatch._guarded, tape.observers) == before


def test_two_profilers_at_once_are_refused():
    with Recorder(), pytest.raises(EngineError, match="running already"), Recorder():
        pass


def test_the_profiler_of_pytorch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = Session(args=["trace.json"])
    session.run("""
from torch.profiler import profile, record_function, ProfilerActivity
x = torch.randn(8, 8)
with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof:
    with record_function("work"):
        y = (x @ x).exp()
table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=10)
rows = {row.key: row.count for row in prof.key_averages(group_by_input_shape=True)}
prof.export_chrome_trace("trace.json")
""")
    assert "aten::matmul" in session["table"] and "Self CPU time total" in session["table"]
    assert session["rows"]["aten::matmul [[8, 8], [8, 8]]"] == 1
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [event["name"] for event in events] == ["aten::matmul", "aten::exp", "work"]
    work, = [event for event in events if event["cat"] == "user_annotation"]
    assert all(work["ts"] <= event["ts"] and event["ts"] + event["dur"] <= work["ts"] + work["dur"] for event in events[:2])
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in events)


def test_the_command_shows_both_tables_and_writes_a_trace(tmp_path, capsys):
    from tcli.cli.options import parse
    from tcli.cli.run import execute

    file = tmp_path / "a.tsr"
    file.write_text("x = torch.ones(64, 64)\nprint((x @ x).sum())\n")
    assert execute(parse(["--profile", "--profile-trace", str(tmp_path / "t.json"), str(file)])) == 0
    shown = capsys.readouterr()
    assert shown.out == "tensor(262144.)\n"
    assert "GFLOP/s" in shown.err and "matmul" in shown.err and "a.tsr:2" in shown.err
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]


# ---------------------------------------------------------------- regions, schedules

# What torch 2.13 answers for the first twelve steps: N(one), W(armup), R(ecord), S(ave).
SCHEDULES = [({"wait": 1, "warmup": 1, "active": 2}, "NWRSNWRSNWRS"), ({"wait": 0, "warmup": 0, "active": 1}, "SSSSSSSSSSSS"),
             ({"wait": 2, "warmup": 1, "active": 1, "repeat": 2}, "NNWSNNWSNNNN"),
             ({"wait": 1, "warmup": 0, "active": 2, "repeat": 1, "skip_first": 3}, "NNNNRSNNNNNN"),
             ({"wait": 3, "warmup": 1, "active": 1, "skip_first": 2, "skip_first_wait": 1}, "NNWSNNNWSNNN")]


@pytest.mark.parametrize("options, wanted", SCHEDULES)
def test_schedules_are_pytorchs(options, wanted):
    from tcli.runtime.torch_profiler import ProfilerAction as A
    from tcli.runtime.torch_profiler import schedule

    letters = {A.NONE: "N", A.WARMUP: "W", A.RECORD: "R", A.RECORD_AND_SAVE: "S"}
    assert "".join(letters[schedule(**options)(step)] for step in range(12)) == wanted


def test_a_schedule_records_the_steps_that_it_names():
    session = Session()
    session.run("""
from torch.profiler import profile, record_function, schedule
seen = []
def ready(p):
    seen.append((p.step_num, {row.key: row.count for row in p.key_averages()}))
with profile(schedule=schedule(wait=1, warmup=1, active=2, repeat=2), on_trace_ready=ready) as prof:
    for i in range(9):
        with record_function("work"):
            x = torch.ones(4) + i
            if i % 2:
                x = x.exp()
        prof.step()
""")
    (first, rows), (second, more) = session["seen"]
    assert (first, second) == (3, 7)
    assert rows["work"] == rows["aten::add"] == 2 and rows["aten::exp"] == 1
    assert rows["ProfilerStep#2"] == rows["ProfilerStep#3"] == more["ProfilerStep#6"] == 1
    assert "ProfilerStep#3" not in more


def test_regions_have_time_of_their_own_and_time_with_what_is_inside():
    session = Session()
    session.run("""
from torch.profiler import profile, record_function
@record_function("inner")
def inner(x):
    return (x @ x).exp()
with profile() as prof:
    with record_function("outer"):
        y = inner(torch.ones(40, 40))
        y = y + 1
rows = {row.key: row for row in prof.key_averages()}
table = prof.key_averages().table(sort_by="cpu_time_total")
""")
    rows = session["rows"]
    ops = sum(rows[n].cpu_time_total for n in ("aten::matmul", "aten::exp"))
    assert rows["outer"].cpu_time_total >= rows["inner"].cpu_time_total >= ops
    assert rows["inner"].self_cpu_time_total == pytest.approx(rows["inner"].cpu_time_total - ops)
    assert session["table"].splitlines()[3].startswith("outer")


# ---------------------------------------------------------------- lines that call, fused groups, the roofline

def test_a_line_has_the_time_of_what_it_calls():
    from tcli.runtime.profiler import by_line

    recorder = recorded("""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(30, 30)
    def forward(self, x):
        y = self.a(x)
        return torch.relu(y)
net = Net()
def run(n):
    return sum(net(torch.ones(5, 30)).sum() for _ in range(n))
run(3)
""")
    rows = {int(row.key.rpartition(":")[2]): row for row in by_line(recorder.calls) if row.key.startswith("profiled")}
    assert rows[7].count == rows[8].count == 3 and rows[12].count == 0
    assert rows[12].inside >= rows[11].inside >= rows[7].inside + rows[8].inside
    assert rows[8].inside == rows[8].seconds


def test_fused_groups_are_shown_as_groups():
    from tcli.engine import fuse

    before = fuse.settings.minimum
    fuse.set_fusion(True, 1)
    try:
        recorder = recorded("x = torch.ones(50, 40)\ny = (x * 2 + 1).exp()\nz = y.sum()\nprint(z)\n")
    finally:
        fuse.set_fusion(True, before)
    group, = [call for call in recorder.calls if call.name.startswith("fused")]
    assert group.name == "fused: multiply add exp reduce"
    assert group.flops == 4 * 50 * 40 and group.bytes == 4 * (50 * 40 + 1)
    assert fuse._run.__module__ == "tcli.engine.fuse"


def test_no_call_is_above_the_roofline():
    line = Roofline()
    assert line.share(1e-12, 10**9, 10**9) == 1.0
    assert all("1e" not in row and int(row.split(" %")[0].split()[-1]) <= 100 for row in report(recorded(), line).splitlines()
               if " %" in row and "profiled" in row)


def test_calls_on_a_gpu_are_timed_by_its_events(monkeypatch):
    from tests.generated import strict

    strict.install(monkeypatch)
    recorder = recorded("x = torch.ones(5, device='cuda')\ny = x.exp()\n")
    call = next(call for call in recorder.calls if call.name == "exp")
    assert str(call.device) == "cuda:0" and call.marks is None and call.seconds >= 0
    row = next(row for row in report(recorder, Roofline()).splitlines() if row.startswith("exp"))
    assert "%" not in row
