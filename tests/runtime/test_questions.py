"""`why_no_grad` names the line that lost a gradient, `why_nan` the op that made a NaN; `trace_steps` shows what steps did."""

import pytest

import tcli

W = "w = tensor([-1., 4.], requires_grad=True)\n"


def answer(text):
    return tcli.Session(seed=0).run(text, "q.tsr")


@pytest.mark.parametrize(("program", "said"), [
    ("h = w.detach() * 2\nloss = h.sum()", "detach() cuts the graph at 2:5: w.detach()"),
    ("with torch.no_grad():\n    h = w * 2\nloss = h.sum()", "computed under no_grad at 3:5: h = w * 2"),
    ("h = w.long()\nloss = h.float().sum()", "long() gives integers or booleans, which carry no gradient at 2:5: w.long()"),
    ("h = w.to(torch.int32)\nloss = h.float().sum()", "a cast to integers ends the graph at 2:5"),
    ("h = (w > 0).float()\nloss = h.sum()", "a comparison gives booleans at 2:6: w > 0"),
    ("loss = torch.tensor(w.sum().item())", "tensor() makes a new leaf of the values at 2:8"),
    ("loss = w.sum().item() * ones(1)", "item() makes a plain number at 2:8"),
    ("loss = (w.data * 2).sum()", ".data is outside of the graph at 2:9: w.data"),
    ("w.requires_grad_(False)\nloss = w.sum()", "requires_grad is switched off for w at 2:1"),
    ("w.requires_grad = False\nloss = w.sum()", "requires_grad is switched off for w at 2:1"),
    ("v = ones(2)\nloss = (v * 2).sum()", "nothing that it is computed from requires a gradient (v) at 3:1"),
    ("loss = zeros(3)", "made without requires_grad=True at 2:1: loss = zeros(3)"),
    ("if True:\n    loss = w.detach()", "detach() cuts the graph at 3:12"),
])
def test_the_line_that_lost_a_gradient(program, said):
    assert answer(f"{W}{program}\nwhy_no_grad(loss)").startswith(f"it does not require a gradient: {said}")


@pytest.mark.parametrize(("program", "said"), [
    ("h = w * 2\nwhy_no_grad(h)", "it is no leaf: it was made by mul at 2:5: w * 2; call retain_grad() before backward()"),
    ("why_no_grad(w)", "it is a leaf that requires a gradient, but no backward() has reached it yet"),
    ("w.sum().backward(); why_no_grad(w)", "it has a gradient"),
    ("why_no_grad(arange(3))", "its dtype is torch.int64: only floating-point and complex tensors can require gradients"),
    ("why_no_grad(ones(2))", "it does not require a gradient: it was made without requires_grad=True, detached, or computed "
     "under no_grad"),
])
def test_other_reasons(program, said):
    assert answer(W + program) == said


def test_a_function_under_no_grad():
    said = answer(W + "@torch.no_grad()\ndef f(x):\n    y = x * 2\n    return why_no_grad(y)\nf(w)")
    assert said == "it does not require a gradient: computed under no_grad at 4:5: y = x * 2"


def test_the_newest_entry_of_a_session_counts():
    session = tcli.Session()
    session.run(W)
    session.run("h = w.detach()", "first")
    session.run("h = w.float().data", "second")
    assert ".data is outside" in session.run("why_no_grad(h)")


@pytest.mark.parametrize(("program", "said"), [
    ("h = torch.log(w)\nx = (h * 2).sum()", "first made by log at 2:5: torch.log(w): 1 NaN of 2; its operand was f32[2] from "
     "-1 to 4"),
    ("h = 1 / (w - 4)\nx = (h * 2).sum()", "1 Inf of 2"),
    ("h = w.sqrt().exp()\nx = h + 1", "first made by sqrt at 2:5: w.sqrt(): 1 NaN of 2; its operand was f32[2] from -1 to 4"),
    ("x = w * tensor([inf, 1.])", "a constant operand of mul at 2:5: w * tensor([inf, 1.]) holds 1 Inf of 2"),
    ("w.data[0] = nan\nx = w * w", "the leaf w holds 1 NaN of 2 itself"),
    ("x = w * 2", "all of its values are finite, and so are those that it was computed from"),
    ("x = (w * w).sum(); x.backward()",
     "all of its values are finite; those of its history are gone, since backward() has run"),
    ("h = w * 1e30\nx = h * 1e30",
     "first made by mul at 3:5: h * 1e30: 2 Inf of 2; its operand was f32[2] from -1e+30 to 4e+30"),
    ("x = tensor([nan])", "it holds 1 NaN of 1 itself, and has no history that tells where from"),
])
def test_the_op_that_made_a_nan(program, said):
    assert said in answer(f"{W}{program}\nwhy_nan(x)")


def test_steps_are_shown_on_request(capsys):
    session = tcli.Session(seed=0)
    session.run("""
net = nn.Linear(2, 1)
frozen = ones(1, requires_grad=True)
opt = torch.optim.SGD([*net.parameters(), frozen], lr=0.5)
watch = trace_steps(opt, every=2)
for i in range(4):
    opt.zero_grad(); (net(tensor([[1., 0.]])) * 3).sum().backward(); opt.step()
watch.remove(); opt.step(); opt.step()
""")
    lines = capsys.readouterr().err.rstrip("\n").split("\n")
    assert [line.split()[:2] for line in lines if line.startswith("step")] == [["step", "2"], ["step", "4"]]
    assert lines[1].split()[:2] == ["net.weight", "3.00"]
    assert lines[1].endswith("50 % zero")
    assert lines[3].split()[:4] == ["frozen", "none", "1.00", "0"]
    weight = session.run("net.weight")
    assert len(lines) == 8
    assert weight.shape == (1, 2)


def test_ratios_and_marks_of_a_step(capsys):
    session = tcli.Session()
    session.run("w = tensor([3., 4.], requires_grad=True); opt = torch.optim.SGD([w], lr=0.1); trace_steps(opt)\n"
                "(w * tensor([nan, 1e5])).sum().backward(); opt.step()")
    assert capsys.readouterr().err.rstrip().endswith("2 NaN  nan")
    session.run("w.data.copy_(tensor([3., 4.])); w.grad = tensor([0., 5.]); opt.step()")
    assert capsys.readouterr().err.split("\n")[1].split()[:4] == ["w", "5.00", "4.61", "0.100"]


@pytest.mark.parametrize(("program", "said"), [("trace_steps(3)", "takes an optimizer"), (
    "trace_steps(torch.optim.SGD([ones(1)], lr=1), every=0)", "positive number of steps")])
def test_what_cannot_be_watched_is_told(program, said):
    with pytest.raises(tcli.TcliError, match=said):
        tcli.Session().run(program)
