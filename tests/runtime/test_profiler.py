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
    assert [event["name"] for event in events] == ["aten::matmul", "aten::exp"]
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
