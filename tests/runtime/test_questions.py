"""`why_no_grad` names the line that lost a gradient, `why_nan` the op that made a NaN; `trace_steps` shows what steps did."""

import pytest

import tcli

LEAF = "it is a leaf that requires a gradient, and none has been left there"
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
    ("why_no_grad(w)", f"{LEAF}"),
    ("loss = (w * w).sum(); why_no_grad(w)", f"{LEAF}; loss depends on it: loss.backward() gives it one"),
    ("loss = (w * w).sum(); loss.backward(); w.grad = None; why_no_grad(w)",
     f"{LEAF}; loss.backward() has been there, and the gradient was cleared since (zero_grad(), or grad = None)"),
    ("v = ones(1, requires_grad=True); loss = (w.detach() * v).sum(); loss.backward(); why_no_grad(w)",
     f"{LEAF}; the graph of loss does not lead to it: detach() cuts the graph at 2:42: w.detach()"),
    ("v = ones(1, requires_grad=True); loss = v * 2; why_no_grad(w)", f"{LEAF}; the graph of loss does not lead to it"),
    ("w.sum().backward(); why_no_grad(w)", "it has a gradient"),
    ("why_no_grad(arange(3))", "its dtype is torch.int64: only floating-point and complex tensors can require gradients"),
    ("why_no_grad(ones(2))", "it does not require a gradient: made without requires_grad=True at 2:13: ones(2)"),
    ("x = [ones(2)]\nwhy_no_grad(*x)", "it does not require a gradient: it was made without requires_grad=True, detached, or "
     "computed under no_grad"),
    ("(w * 1).detach().apply_(why_no_grad) if False else why_no_grad((w * 2).detach())",
     "it does not require a gradient: detach() cuts the graph at 2:64: (w * 2).detach()"),
])
def test_other_reasons(program, said):
    assert answer(W + program) == said


MODEL = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3)
    def forward(self, x):
        h = self.a(x)
        h = h.detach()
        return torch.relu(h)
def f(x): return x.data * 2
@torch.no_grad()
def g(x):
    return x * 2
def k(x):
    with torch.no_grad():
        y = x * 3
    return y + 1
def again(x): return again(x) if x is None else k(x)
class Plain:
    def run(self, x): return x.detach()
net = Net(); both = nn.Sequential(nn.Linear(2, 2), net); plain = Plain()
"""


@pytest.mark.parametrize(("program", "said"), [
    ("why_no_grad(net(w[None]))", "detach() cuts the graph at 8:13: h.detach()"),
    ("out = net(w[None]).sum()\nwhy_no_grad(out)", "detach() cuts the graph at 8:13: h.detach()"),
    ("why_no_grad(both(w[None]))", "detach() cuts the graph at 8:13: h.detach()"),
    ("why_no_grad(f(w))", ".data is outside of the graph at 10:18: x.data"),
    ("why_no_grad(g(w) + 1)", "computed under no_grad, as the whole of g is at 12:1: def g(x):"),
    ("why_no_grad(k(w).sum() * 2)", "computed under no_grad at 16:9: y = x * 3"),
    ("why_no_grad(again(w))", "computed under no_grad at 16:9: y = x * 3"),
    ("r = plain.run(w)\nwhy_no_grad(r)", "detach() cuts the graph at 20:30: x.detach()"),
    ("why_no_grad(net.a(w[None]).exp().detach())", "detach() cuts the graph at 22:13: net.a(w[None]).exp().detach()")])
def test_functions_and_modules_of_the_program_are_followed(program, said):
    assert answer(W + MODEL + program) == f"it does not require a gradient: {said}"


def test_a_parameter_that_the_loss_does_not_reach():
    program = "net.b = nn.Linear(3, 1); loss = net.b(net(w[None])).sum(); loss.backward()\nwhy_no_grad(net.a.weight)"
    said = answer(W + MODEL + program)
    assert said == f"{LEAF}; the graph of loss does not lead to it: detach() cuts the graph at 8:13: h.detach()"


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


@pytest.mark.parametrize(("program", "note"), [
    ("(w.detach() * 2).sum().backward()", "detach() cuts the graph at 2:2: w.detach()"),
    ("loss = w.data.sum()\nloss.backward()", ".data is outside of the graph at 2:8: w.data"),
    ("def f(x):\n    return x.detach()\nf(w).sum().backward()", "detach() cuts the graph at 3:12: x.detach()")])
def test_backward_without_a_graph_tells_where_it_was_cut(program, note):
    with pytest.raises(tcli.TcliError) as caught:
        answer(W + program)
    assert caught.value.notes == [note]
    assert caught.value.help is None


def test_backward_of_what_was_made_without_a_graph_keeps_its_hint():
    with pytest.raises(tcli.TcliError) as caught:
        answer("v = ones(2)\n(v * 2).sum().backward()")
    assert caught.value.notes == ["nothing that it is computed from requires a gradient (v) at 2:1: (v * 2).sum()"]
    assert caught.value.help == "make a leaf with requires_grad=True before computing with it"
