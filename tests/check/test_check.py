"""`tcli check`: 30 planted faults are found; `test_corpus.py` says that the programs they were planted in have none."""

from pathlib import Path

import pytest

from tcli.errors import TcliError
from tcli.runtime.check import check

HERE = Path(__file__).parent

# (program, what stands there, the fault, the kind of the error, words of its message)
FAULTS = [
    ("mlp", "inputs.mean(0, keepdim=True)", "inputs.mean(1)", "shape", "The size of tensor a (20) must match"),
    ("mlp", "(inputs - mean) / std", "(inputs - mean.T) / std", "shape", "must match the size of tensor b"),
    ("mlp", "nn.Linear(20, wide)", "nn.Linear(21, wide)", "shape",
     "mat1 and mat2 shapes cannot be multiplied (64x20 and 21x32)"),
    ("mlp", "nn.BatchNorm1d(wide)", "nn.BatchNorm1d(2 * wide)", "runtime", "running_mean should contain 32 elements not 64"),
    ("mlp", "nn.Linear(wide, 3)", "nn.Linear(wide)", "TypeError", "out_features"),
    ("mlp", "x: f32[B, 20]", "x: f32[B, 21]", "contract", "dim 1 is 20, not 21"),
    ("mlp", "y: i64[B] = labels[start:start + 64]", "y: i64[B] = labels[start:start + 32]", "contract", "but B is 64"),
    ("mlp", "logits: f32[B, C]", "logits: f64[B, C]", "contract", "should be f64, it is f32"),
    ("mlp", "F.cross_entropy(logits, y)", "F.cross_entropy(logits, y.float())", "runtime", "expected target dtype to be Long"),
    ("mlp", "F.cross_entropy(logits, y)", "F.cross_entropy(y, logits)", None, ""),
    ("mlp", "self.last(h)", "self.last(hidden)", "name", "name 'hidden' is not defined"),
    ("mlp", "optimizer.zero_grad()", "optimiser.zero_grad()", "name", "name 'optimiser' is not defined"),
    ("mlp", "F.softmax(net(inputs), dim=1)", "F.softmax(net(inputs), dim=2)", "index", "Dimension out of range"),
    ("mlp", "torch.randint(0, 3, (256,))", "torch.randint(0, 3, (256, 1))", "contract", "1 dim, it has 2"),
    ("attention", "x.view(n, t, heads, d // heads)", "x.view(n, t, heads, d)", "shape", "is invalid for input of size"),
    ("attention", "k.transpose(-2, -1)", "k", "shape", ""),
    ("attention", "weights @ v", "v @ weights", "shape", ""),
    ("attention", "torch.ones(scores.shape[-2], scores.shape[-1])).bool()", "torch.ones(width, width)).bool()", "shape",
     "must match the size of tensor b (12)"),
    ("attention", "torch.randint(0, 100, (8, 12))", "torch.rand(8, 12)", "index", "tensors used as indices must be long"),
    ("attention", "torch.randn(width, 3 * width)", "torch.randn(3 * width, width)", "shape", "cannot be multiplied"),
    ("attention", ".chunk(3, dim=-1)", ".chunk(2, dim=-1)", "ValueError", "not enough values to unpack"),
    ("attention", "reshape(8, 12, width)", "reshape(8, 12, heads)", "shape", "is invalid for input of size"),
    ("attention", "F.layer_norm(y, (width,))", "F.layer_norm(y, (heads,))", "runtime", "Given normalized_shape"),
    ("attention", '"nd,cd->nc"', '"nd,dc->nc"', "runtime", ""),
    ("images", "16 * 16 * 16, 4", "16 * 32 * 32, 4", "shape", "cannot be multiplied"),
    ("images", "nn.Conv2d(8, 16", "nn.Conv2d(3, 16", "runtime", "expected input"),
    ("images", "torch.zeros(8, 4, device=device)", "torch.zeros(8, 4).cuda()", "device", "on the same device"),
    ("images", "counts += torch.ones(4, dtype=torch.int64", "counts += torch.ones(4, dtype=torch.float32", "dtype",
     "result type Float can't be cast to the desired output type Long"),
    ("images", "[0, 2, 7]", "[0, 2, 8]", "index", "index 8 is out of bounds for dimension 0 with size 8"),
    ("images", "weights - brightness", "weights - images.mean(dim=(1, 2)).mean(1, keepdim=True)", "broadcast",
     "both operands grow"),
]


def program(name: str) -> str:
    return (HERE / f"{name}.tsr").read_text()


@pytest.mark.parametrize("name, there, fault, kind, words", FAULTS, ids=[f"{f[0]}: {f[2][:40]}" for f in FAULTS])
def test_a_planted_fault_is_found_where_it_is(name, there, fault, kind, words):
    text = program(name)
    assert there in text
    report = check(text.replace(there, fault), f"{name}.tsr")
    found = report.warnings if kind == "broadcast" else report.faults
    assert found, "nothing was found"
    assert kind is None or kind in [getattr(each, "kind", None) or each.code for each in found] or kind in ("shape", "runtime")
    assert any(words in each.message for each in found), [each.message for each in found]
    assert all(each.span is not None for each in found)


def test_there_are_thirty_faults():
    assert len(FAULTS) == 30


def test_every_fault_is_reported_once():
    report = check("x = torch.ones(3, 4)\na = x @ x\nb = a + 1\nc = x.view(5)\nd = x + torch.ones(3)\ne = nothing\n")
    assert [each.span.line for each in report.faults] == [2, 4, 5, 6]


def test_a_function_called_often_reports_its_fault_once():
    report = check("def f(x):\n    return x @ x\nfor i in range(5):\n    y = f(torch.ones(2, 3))\n")
    assert [str(each.span).rpartition(":")[0][-1] for each in report.faults] == ["2"]


def test_branches_that_depend_on_values_are_both_checked():
    report = check("x = torch.randn(3)\nif x.sum() > 0:\n    y = x @ torch.ones(4)\nelse:\n    y = x + torch.ones(2)\n")
    assert [each.span.line for each in report.faults] == [3, 5]
    assert [each.span.line for each in report.notes] == [2]


def test_known_branches_are_not_taken():
    assert not check("x = torch.ones(3)\nif x.sum() > 5:\n    x @ torch.ones(4)\n").faults


def test_sizes_from_outside_have_names():
    report = check("h = x @ torch.ones(784, 10)\nh + torch.ones(3)\nz = x.reshape(-1) + torch.ones(3)\n",
                   inputs={"x": "f32[B, 784]"})
    assert "f32[B, 10]" in [label.text for label in report.faults[0].labels]
    assert report.faults[1].message.startswith("The size of tensor a (784*B) must match")


def test_a_missing_file_is_a_note_and_its_contract_gives_the_shape():
    report = check("x: f32[N, 8] = load('no_such_file.npy')\ny = x @ torch.ones(9, 2)\n")
    assert [each.span.line for each in report.faults] == [2]
    assert "no_such_file.npy" in report.notes[0].message


def test_what_needs_values_is_a_note_and_raises_nothing_further():
    report = check("x = torch.randn(10, 3)\nfew = x[x[:, 0] > 0]\ny = few.mean() + few.shape[0]\nz = x.numpy()\nw = z + 1\n")
    assert report.faults == []
    assert [each.span.line for each in report.notes] == [2, 4]


def test_warnings_of_operators_are_shown_where_they_arise():
    report = check("x = torch.randn(8, 1)\ny = torch.randn(8)\nloss = F.mse_loss(x, y)\n")
    assert [each.span.line for each in report.warnings] == [3]
    assert "Using a target size" in report.warnings[0].message


def test_files_are_read_by_their_headers(tmp_path, monkeypatch):
    import numpy as np

    np.save(tmp_path / "x.npy", np.zeros((5, 7), np.float32))
    monkeypatch.chdir(tmp_path)
    report = check("x = load('x.npy')\ny = x @ torch.ones(8, 2)\n")
    assert report.faults[0].message == "mat1 and mat2 shapes cannot be multiplied (5x7 and 8x2)"


def test_unused_results_are_warned_of():
    report = check("def f(x):\n    x.relu()\n    x.add_(1)\n    return x\nf(torch.ones(3))\n")
    assert [each.span.line for each in report.warnings] == [2]


def test_costs_are_counted_per_line():
    report = check("x = torch.randn(64, 784)\nnet = nn.Linear(784, 10)\nh = net(x)\n")
    assert report.lines[3].flops in (2 * 64 * 784 * 10, 2 * 64 * 784 * 10 + 640)
    assert report.parameters == 7850 == report.lines[2].parameters
    assert report.peak >= 64 * 784 * 4


@pytest.mark.parametrize("setup, line, flops, result", [
    ("m = nn.Linear(20, 30); x = torch.randn(5, 20)", "m(x)", 2 * 5 * 20 * 30, "f32[5, 30]"),
    ("m = nn.Conv2d(3, 8, 3, padding=1); x = torch.randn(2, 3, 16, 16)", "m(x)", 2 * 2 * 8 * 256 * 27, "f32[2, 8, 16, 16]"),
    ("m = nn.Conv2d(4, 8, 3, groups=4); x = torch.randn(1, 4, 5, 5)", "m(x)", 2 * 8 * 9 * 9, "f32[1, 8, 3, 3]"),
    ("m = nn.ConvTranspose1d(3, 5, 4, bias=False); x = torch.randn(2, 3, 7)", "m(x)", 2 * 2 * 3 * 7 * 5 * 4, "f32[2, 5, 10]"),
    ("q = torch.randn(2, 4, 6, 8); k = torch.randn(2, 4, 9, 8)", "F.scaled_dot_product_attention(q, k, k)",
     2 * 4 * 6 * 9 * (16 + 16 + 5), "f32[2, 4, 6, 8]"),
    ("m = nn.LSTM(10, 20); x = torch.randn(7, 3, 10)", "y, s = m(x)", 7 * 3 * 80 * (2 * 10 + 2 * 20 + 1), None),
    ("a = torch.randn(3, 4, 5); b = torch.randn(5, 4, 6)", "torch.tensordot(a, b, ([1, 2], [1, 0]))", 2 * 3 * 6 * 20,
     "f32[3, 6]"),
    ("a = torch.randn(8, 8); b = torch.randn(8, 2)", "torch.linalg.inv(a)", 2 * 8 ** 3, None),
    ("x = torch.randn(4, 1024, dtype=torch.complex64)", "torch.fft.fft(x)", 5 * 4 * 1024 * 10, "c64[4, 1024]"),
    ("x = torch.randn(6, 7)", "x.sum(1)", 42, "f32[6]"),
    ("x = torch.randn(6, 7)", "x.softmax(1)", 5 * 42, "f32[6, 7]"),
])
def test_costs_are_those_worked_out_by_hand(setup, line, flops, result):
    found = check(f"{setup}\n{line}\n").lines[2]
    assert found.flops == pytest.approx(flops, rel=0.03)
    assert result is None or found.result == result


def test_an_unknown_value_makes_no_further_faults():
    report = check("""
text = load("no_such_file.npy")
letters = sorted(set(text)); V = len(letters); code = {c: i for i, c in enumerate(letters)}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(V, 8)
        self.head = nn.Linear(8, V)
    def forward(self, x):
        return self.head(self.table(x))
net = Net()
a, b, c = text.split()
for x, y, z in text:
    loss = F.cross_entropy(net(x), y)
loss.backward()
print(code["a"], x.shape, net.head.weight.grad.norm())
with open("no_such_file.txt") as file:
    words = file.read()
print(words[0])
w = torch.ones(3) @ torch.ones(4)
""")
    assert [each.span.line for each in report.faults] == [20]


def test_a_loop_that_cannot_run_leaves_what_it_fills_unknown():
    report = check("""
t = torch.zeros(2, 2)
for i in torch.randn(9)[torch.randn(9) > 0]:
    t[0, 0] += 1
print(1 / t.sum().item())
""")
    assert report.faults == []


def test_real_data_is_seen_by_its_shapes():
    report = check("X, y = data.digits()\nfew = X[torch.randint(len(X), (1,))]\na = few @ torch.ones(64)\n"
                   "b = few @ torch.ones(3)\n")
    assert [each.span.line for each in report.faults] == [4]


def test_an_index_that_depends_on_values_gives_no_shape():
    report = check("m = torch.randn(20) > 0\nw = torch.arange(20)[m]\nprint(len(w))\n")
    assert report.faults == []


@pytest.mark.parametrize("op, warned", [("-", True), ("+", True), ("/", True), ("<", True), ("==", True), ("*", False)])
def test_both_operands_grow(op, warned):
    report = check(f"a = torch.randn(8); b = torch.randn(8, 1)\nc = a {op} b\n")
    assert bool(report.warnings) is warned


def test_a_text_that_is_no_program_is_an_error():
    with pytest.raises(TcliError):
        check("x = (1,\n")


def test_loops_are_bounded():
    report = check("x = torch.randn(3)\nwhile True:\n    x = x * 2\nwhile x.sum() > 0:\n    x = x - 1\n"
                   "for i in range(10**9):\n    x @ torch.ones(4)\n")
    assert [each.span.line for each in report.faults] == [7]
    assert [each.span.line for each in report.notes] == [2, 4, 6]


def test_the_command_prints_a_plan_and_json(tmp_path, capsys):
    import json

    from tcli.cli.files import main as run

    file = tmp_path / "a.tsr"
    file.write_text("x = torch.ones(3, 4)\ny = x @ x\n")
    assert run(["check", str(file), "--plan"]) == 1
    shown = capsys.readouterr().out
    assert "error[shape]: mat1 and mat2 shapes cannot be multiplied (3x4 and 3x4)" in shown
    assert "1 fault, no warnings" in shown
    file.write_text("x = torch.ones(3, 4)\ny = x * 2\n")
    assert run(["check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["flops"] == 12


# ---------------------------------------------------------------- functions that nobody calls, bodies of try

def _messages(text: str) -> list:
    return [f"{each.span.line}: {each.message}" for each in check(text).faults]


def test_a_function_that_nobody_calls_is_checked_with_what_its_contracts_say():
    found = _messages("def f(x: f32[B, 3], w: f32[4, 5]):\n    h = x @ w\n    return h + 1\n")
    assert found == ["2: mat1 and mat2 shapes cannot be multiplied (Bx3 and 4x5)"]


def test_a_function_that_nobody_calls_may_do_what_it_likes_with_what_is_unknown():
    assert _messages("""
def f(x, n, *rest, key=None):
    if not isinstance(x, torch.Tensor):
        raise TypeError("a tensor, please")
    for i in range(n):
        x[i] += torch.zeros(n, 3).sum()
    with torch.no_grad():
        if x.mean() > 0:
            raise ValueError("negative ones only")
    return f(x, n - 1) + f(x, n - 2)
def g(n):
    for i in range(n):
        yield torch.ones(i)
""") == []


def test_faults_without_unknown_parts_are_found_in_functions_that_nobody_calls():
    assert _messages("def f(n):\n    a = torch.ones(2, 3)\n    return a @ a\n")[0].startswith("3: mat1 and mat2")


def test_methods_of_modules_that_were_made_are_checked():
    found = _messages("""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
    def forward(self, x):
        return self.layer(x)
    def score(self, x: f32[B, 5]):
        return self.layer(x).sum()
net = Net()
""")
    assert found == ["9: mat1 and mat2 shapes cannot be multiplied (Bx5 and 4x2)"]


def test_a_trial_is_no_part_of_the_plan():
    report = check("def f(x: f32[2, 3]):\n    return x @ x.T\ny = torch.ones(3) + 1\n")
    assert 2 not in report.lines and report.lines[3].calls >= 1


def test_the_body_of_a_try_goes_on_after_what_is_unknown():
    assert _messages("""
try:
    x = torch.ones(4)[torch.rand(4) > 0.5]
    n = int(x.sum().item())
    y = torch.ones(2, 3) @ torch.ones(2, 3)
except ValueError:
    pass
""")[0].startswith("5: mat1 and mat2")
    assert _messages("try:\n    y = torch.ones(2, 3) @ torch.ones(2, 3)\nexcept RuntimeError:\n    y = 1\nz = y + 1\n") == []


def test_the_body_of_a_try_without_handlers_is_checked_to_its_end():
    found = _messages("try:\n    a = torch.ones(2) + torch.ones(3)\n    b = undefined_name\nfinally:\n    c = 1\n")
    assert [message[0] for message in found] == ["2", "3"]


def test_the_plan_counts_memory_that_is_seen_through_a_view():
    report = check("net = nn.Linear(6, 16)\nx = torch.ones(4, 5, 6)\ny = net(x)\nz = y[0]\n")
    assert report.lines[3].bytes >= 4 * 5 * 16 * 4
    assert 4 not in report.lines or report.lines[4].bytes == 0
