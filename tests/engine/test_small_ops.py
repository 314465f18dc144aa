"""The short ways of small tensors: they must be indistinguishable from the long road, but for time."""

import numpy as np
import pytest

import tcli
from tcli.engine import tape
from tcli.engine.registry import ops


@pytest.fixture
def session():
    return tcli.Session(seed=0)


# ---------------------------------------------------------------- gradients own their memory

def test_leaves_that_get_the_same_gradient_do_not_share_it(session):
    session.run("a = ones(3, requires_grad=True); b = ones(3, requires_grad=True); (a + b).sum().backward()")
    session.run("a.grad.mul_(5)")
    assert session.eval("b.grad.tolist()") == [1.0, 1.0, 1.0]


def test_a_gradient_given_by_the_caller_is_not_taken_over(session):
    session.run("w = ones(3, requires_grad=True); g = ones(3); w.add(0).backward(g); w.grad.zero_()")
    assert session.eval("g.tolist()") == [1.0, 1.0, 1.0]


def test_a_gradient_is_no_view_and_row_major(session):
    session.run("w = randn(2, 3, requires_grad=True); (w.t() * randn(3, 2)).sum().backward()")
    assert session.eval("w.grad.is_contiguous()")
    assert session["w"].grad._a.base is None


def test_a_gradient_does_not_share_memory_with_what_it_was_computed_from(session):
    session.run("w = ones(3, requires_grad=True); x = tensor([1., 2., 3.]); (w * x).sum().backward(); x.zero_()")
    assert session.eval("w.grad.tolist()") == [1.0, 2.0, 3.0]


def test_gradients_accumulate_in_place(session):
    session.run("w = ones(2, requires_grad=True); (w * 2).sum().backward(); g = w.grad; (w * 3).sum().backward()")
    assert session.eval("g is w.grad")
    assert session.eval("g.tolist()") == [5.0, 5.0]


def test_a_leaf_used_twice_gets_the_sum(session):
    session.run("w = tensor([2.], requires_grad=True); (w * w + w).sum().backward()")
    assert session.eval("w.grad.tolist()") == [5.0]


def test_a_hook_may_write_into_the_gradient(session):
    session.run("w = ones(2, requires_grad=True); y = (w * 2).sum(); y.register_hook(lambda g: g.mul_(3)); y.backward()")
    assert session.eval("w.grad.tolist()") == [6.0, 6.0]
    session.run("v = ones(2, requires_grad=True); v.sum().backward()")
    assert session.eval("v.grad.tolist()") == [1.0, 1.0]


def test_the_sum_of_a_0d_tensor_gives_a_writable_gradient(session):
    session.run("w = tensor(3., requires_grad=True); w.sum().backward(); w.grad.add_(1)")
    assert session.eval("w.grad.item()") == 2.0
    session.run("v = tensor(3., requires_grad=True); v.sum().backward()")
    assert session.eval("v.grad.item()") == 1.0


# ---------------------------------------------------------------- the checks of the long road

def test_a_second_backward_is_refused(session):
    session.run("w = ones(2, requires_grad=True); y = (w * w).sum(); y.backward()")
    with pytest.raises(tcli.TcliError, match="backward through the graph a second time"):
        session.run("y.backward()")


@pytest.mark.parametrize("write", ["x[0] = 5.0", "x.mul_(2)", "x += 1", "x.add_(ones(3))", "x[1:] = 0", "x[:] = 1"])
def test_a_modified_saved_tensor_is_noticed(session, write):
    session.run("w = ones(3, requires_grad=True); x = ones(3); y = (w * x).sum()\n" + write)
    with pytest.raises(tcli.TcliError, match="modified by an inplace operation"):
        session.run("y.backward()")


def test_a_modified_tensor_that_no_rule_needs_is_no_error(session):
    session.run("w = ones(3, requires_grad=True); x = ones(3, requires_grad=True); y = w * x\n"
                "with torch.no_grad(): w.add_(1)\n"
                "g, = torch.autograd.grad(y.sum(), w)")
    assert session.eval("g.tolist()") == [1.0, 1.0, 1.0]


def test_results_of_inference_mode_stay_out_of_graphs(session):
    session.run("with torch.inference_mode():\n"
                "    i = [ones(2) + 1, ones(2).exp(), ones(2).sum(), ones(2)[0], ones(2, 2) @ ones(2, 2), ones(2).view(2)]")
    assert session.eval("[t.is_inference() for t in i]") == [True] * 6
    with pytest.raises(tcli.TcliError, match="Inference tensors cannot be saved for backward"):
        session.run("ones(2, requires_grad=True) * i[0]")


def test_saved_tensor_hooks_see_what_the_short_ways_save(session):
    session.run("seen = []\nw = randn(2, 2, requires_grad=True)\n"
                "def pack(t):\n    seen.append(tuple(t.shape))\n    return t\n"
                "with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):\n"
                "    y = (torch.tanh(w) * w).sum()\n"
                "y.backward()")
    assert session.eval("seen") == [(2, 2)] * 3
    assert session.eval("w.grad is not None")


def test_positions_are_noted_for_the_trace(session):
    session.positions = True
    session.run("w = ones(2, 2, requires_grad=True); y = ((w @ w).tanh() + w[0]).sum()")
    node, places = session["y"]._node, []
    while type(node) is tape.Node:
        places.append(node.span().text)
        node = node.edges[0]
    assert places == ["((w @ w).tanh() + w[0]).sum()", "(w @ w).tanh() + w[0]", "(w @ w).tanh()", "w @ w"]


# ---------------------------------------------------------------- remembered options

@pytest.mark.parametrize(("good", "bad"), [("x.sum(1)", "x.sum(1.0)"), ("x.sum(0)", "x.sum('0')"),
                                           ("x.softmax(1)", "x.softmax(1.5)"), ("x.mean(1)", "x.mean(2)")])
def test_remembered_options_do_not_let_others_pass(session, good, bad):
    session.run("x = ones(2, 3)")
    session.run(good)
    session.run(good)
    with pytest.raises(tcli.TcliError):
        session.run(bad)


def test_options_are_remembered_for_each_number_of_dims(session):
    assert session.eval("[tuple(ones(2, 3).sum(-1).shape), tuple(ones(2, 3, 4).sum(-1).shape)]") == [(2,), (2, 3)]


def test_names_of_nodes_follow_the_call(session):
    session.run("x = ones(2, 3, requires_grad=True)")
    names = session.eval("[type(y.grad_fn).__name__ and y.grad_fn.name() for y in "
                         "(x.sum(), x.sum(1), x.sum(), x[0], x[:1], x @ x.t(), x ** 2, x.view(6), x.t().reshape(6))]")
    assert names == ["SumBackward0", "SumBackward1", "SumBackward0", "SelectBackward0", "SliceBackward0", "MmBackward0",
                     "PowBackward0", "ViewBackward0", "UnsafeViewBackward0"]


# ---------------------------------------------------------------- shortcuts give what the long road gives

CALLS = ["torch.cat([a, b])", "torch.cat([a, b], -1)", "torch.cat([a, b.double()])", "torch.cat((a, a, a), 1)",
         "torch.stack([a, b])", "torch.stack([a, b], -1)", "torch.where(a > 0, a, b)", "torch.where(a > 0, a, 0.0)",
         "torch.where(a > 0, 1.0, b)", "torch.where(a > 0, a, b.double())", "a.view(-1)", "a.view(3, 2)", "a.view((6,))",
         "a.reshape(-1, 2)", "a.t().reshape(2, 3)", "a.reshape([6])", "a[1]", "a[-1, 0]", "a[:, 1:]", "a[0, ::2]",
         "a ** 2", "a ** 3.0", "2 ** a", "a.abs() ** b", "F.linear(a, b)", "F.linear(a, b, b[:, 0])", "F.linear(a[0], b)",
         "F.mse_loss(a, b)", "F.mse_loss(a, b, reduction='sum')", "F.mse_loss(a, b, reduction='none')", "a.max()",
         "a.min()", "torch.zeros(2, 3)", "torch.ones((2,))", "a.relu()", "torch.sigmoid(a)", "a @ b.t()", "a[0] @ b[0]",
         "a @ b[0]", "a.sum()", "a.sum(0)", "a.sum(-1, keepdim=True)", "a.sum((0, 1))", "a.sum((1,))",
         "a.sum(dim=0, dtype=torch.float64)", "a.mean()", "a.mean(1)", "a.mean(dim=0, keepdim=True)", "a[:, ::2].sum(1)",
         "a.t().sum(0)", "(a > 0).sum()", "(a > 0).sum(1)", "(a > 0).all()", "(a > 0).any()", "(a > 0).all(1)",
         "torch.softmax(a, 1)", "torch.softmax(a * 50, 0)", "F.softmax(a, dim=-1)", "F.log_softmax(a, dim=1)",
         "torch.log_softmax(a * 50, 0)", "F.cross_entropy(a, torch.tensor([2, 0]))",
         "nn.CrossEntropyLoss()(a, torch.tensor([2, 0]))", "F.cross_entropy(a, torch.tensor([2, -100]))",
         "F.cross_entropy(a, torch.tensor([2, 0]), label_smoothing=0.1)", "a.clamp(-0.5, 0.5)", "a.clamp(min=0)",
         "a.clamp(max=0.0)", "a.flatten()", "a.flatten(0, -1)", "a.permute(1, 0)", "a.permute((1, 0))", "a.unsqueeze(-1)",
         "torch.full((2,), -0.0)", "torch.full((2,), 0.0)", "torch.full([2, 1], 1)", "torch.full((2, 1), True)",
         "torch.arange(3)", "torch.arange(3.0)", "torch.zeros_like(a)", "torch.linspace(0, 1, 5)", "torch.eye(2)",
         "torch.rand(3)", "a.long().sum()", "a.long().float()", "a.max(1)[0]", "a.min(0, True)[0]", "a.max(-1)[0]",
         "a.detach().min(0, True)[0]", "a.detach().max(-1).indices", "torch.max(a.detach(), dim=1).values", "a[:, None]",
         "a[torch.tensor([1, 0, 1])]", "a[a > 0]", "a[torch.tensor([-1])]", "a.t()[1]", "a.detach()[None, 0]",
         "a.gather(1, torch.tensor([[0, 2], [1, 1]]))", "torch.lerp(a, b, 0.5)", "a.index_select(1, torch.tensor([2, 0]))",
         "torch.dot(a[0], b[0])", "torch.atan2(a, b)", "a.scatter_add(1, torch.tensor([[0, 2], [1, 1]]), b)",
         "torch.bmm(a[None], b[None].transpose(1, 2))", "torch.outer(a[0], b[0])", "F.embedding(torch.tensor([1, 0]), a)",
         "F.layer_norm(a, (3,))", "F.layer_norm(a, (3,), b[0], b[1])", "F.conv1d(a[None], b[:, :2][None])",
         "torch.addmm(a, a[:, :2], b[:2])", "F.smooth_l1_loss(a, b)", "torch.isclose(a, b)", "torch.fmod(a, b)",
         "F.binary_cross_entropy_with_logits(a, (b > 0).float())", "F.nll_loss(F.log_softmax(a, 1), torch.tensor([0, 2]))"]


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>", "==", "<", ">="])
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float32"])
def test_numbers_beside_a_small_tensor_give_what_the_long_road_gives(symbol, dtype, monkeypatch):
    from tcli.engine import callables, options

    def outcomes():
        session = tcli.Session(quiet=True)
        session.run(f"x = torch.tensor([0, 1, 3]).to(torch.{dtype})")
        found = []
        for number in ("0", "2", "-1", "True", "2.5", "0.0", "-1.5", "inf", str(2 ** 40), str(2 ** 70), "x.bool()", "x.long()",
                       "x.flip(0)"):
            for text in (f"x {symbol} {number}", f"({number}) {symbol} x"):
                try:
                    y = session.eval(text)
                    found.append((text, str(y), str(y.dtype)))
                except tcli.TcliError as error:
                    found.append((text, type(error).__name__, error.message))
        return found

    quick = outcomes()
    monkeypatch.setattr(callables, "SMALL", -1)
    monkeypatch.setattr(options, "SMALL", -1)
    assert quick == outcomes()


WRITES = ["x[0] = b", "x[0] = b[0]", "x[:, 1] = 5", "x[0, 0] = 1.5", "x[1] = b.double()", "x[0] = i", "i[0] = 2",
          "i[0] = 1.5", "x[:] = b", "x[0] = ones(4)", "x[5] = 1", "v[0] = b", "v.zero_()", "x.copy_(b)", "x.copy_(i)",
          "x.fill_(2)", "i.fill_(3)", "x.fill_(1.5)", "e[0] = b", "e.zero_()", "w[0] = b", "x[0] = w[0]", "i[0] = 2 ** 70",
          "m[0] = True", "x[:, None] = b"]


@pytest.mark.parametrize("write", WRITES)
def test_a_short_write_does_what_the_long_road_does(write, monkeypatch):
    from tcli.ops import convert, index

    def outcome():
        session = tcli.Session(quiet=True)
        session.run("x = torch.arange(6.).reshape(2, 3); b = ones(3) * 7; i = torch.arange(3)\n"
                    "v = x[1]; e = ones(1).expand(3)\n"
                    "w = ones(2, 3, requires_grad=True) * 1; m = torch.zeros(2, dtype=torch.bool)")
        try:
            session.run(write)
        except tcli.TcliError as error:
            return type(error).__name__, error.message
        found = [session[n] for n in "xbivewm"]
        return [(str(t), t._version, str(t.grad_fn and t.grad_fn.name())) for t in found]

    quick = outcome()
    monkeypatch.setattr(convert, "plain_target", lambda x: None)
    monkeypatch.setattr(index, "plain_target", lambda x: None)
    assert quick == outcome()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_what_is_not_finite(session, name):
    session.run(f"x = torch.tensor([[nan, 1.0], [1000.0, 1.0], [-inf, 2.0], [-200.0, -190.0]]); y = torch.{name}(x, 1)")
    expected = {"softmax": [[1.0, 0.0], [0.0, 1.0], [4.5398e-05, 0.99995]],
                "log_softmax": [[0.0, -999.0], [-np.inf, 0.0], [-10.000046, -4.54e-05]]}[name]
    assert np.isnan(session["y"]._a[0]).all()
    np.testing.assert_allclose(session["y"]._a[1:], expected, rtol=1e-3, atol=1e-7)


def test_numbers_that_are_equal_are_options_of_their_own(session):
    session.run("y = [torch.full((1,), v) for v in (0.0, -0.0, 1, True, 1.0, 0)]")
    assert [str(y) for y in session["y"]] == ["tensor([0.])", "tensor([-0.])", "tensor([1])", "tensor([True])", "tensor([1.])",
                                              "tensor([0])"]
    session.run("sizes = [2, 3]; z = [torch.zeros(sizes)]; sizes[0] = 1; z.append(torch.zeros(sizes)); x = ones(4, 3, 2)")
    assert [tuple(z.shape) for z in session["z"]] == [(2, 3), (1, 3)]
    assert session.eval("(x.permute(2, 0, 1).shape, x.permute([1, 0, 2]).shape, x.permute(0, 1, 2).shape)") == (
        (2, 4, 3), (3, 4, 2), (4, 3, 2))


def test_a_default_dtype_or_device_that_changes_is_followed(session):
    session.run("a = torch.zeros(2), torch.full((2,), 1.5), torch.linspace(0, 1, 2)\ntorch.set_default_dtype(torch.float64)\n"
                "b = torch.zeros(2), torch.full((2,), 1.5), torch.linspace(0, 1, 2)\ntorch.set_default_dtype(torch.float32)\n"
                "with torch.device('meta'):\n    c = torch.zeros(2), torch.arange(3), torch.rand(2)")
    assert {str(t.dtype) for t in session["a"]} == {"torch.float32"}
    assert {str(t.dtype) for t in session["b"]} == {"torch.float64"}
    assert {t.device.type for t in session["c"]} == {"meta"}


@pytest.mark.parametrize("call", CALLS)
def test_a_shortcut_gives_what_the_long_road_gives(call, monkeypatch):
    from tcli.engine import callables, options

    def result():
        session = tcli.Session(seed=3)
        session.run("a = randn(2, 3, requires_grad=True); b = randn(2, 3, requires_grad=True); y = " + call)
        session.run("if y.requires_grad: (y * torch.arange(1., y.numel() + 1).view(y.shape)).sum().backward()")
        y = session["y"]
        return y._a, y.dtype, y.requires_grad, y.grad_fn and y.grad_fn.name(), [
            session[name].grad._a if session[name].grad is not None else None for name in "ab"]

    quick = result()
    monkeypatch.setattr(callables, "SMALL", -1)
    monkeypatch.setattr(options, "SMALL", -1)
    slow = result()
    assert quick[1:4] == slow[1:4]
    np.testing.assert_allclose(quick[0], slow[0], rtol=1e-6)
    for mine, other in zip(quick[4], slow[4], strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("call", "message"), [
    ("torch.cat([ones(2), ones(2, 2)])", "same number of dimensions"), ("torch.stack([ones(2), ones(3)])", "equal size"),
    ("ones(2, 3).view(4)", "invalid for input of size 6"), ("ones(2, 3)[2]", "out of bounds"),
    ("ones(2)[0, 0]", "too many indices"), ("F.linear(ones(2, 3), ones(2, 2))", "cannot be multiplied"),
    ("torch.zeros(-1, 2)", "negative dimension|non-negative"), ("ones(2, 3) @ ones(2, 3)", "cannot be multiplied"),
    ("torch.where(ones(2) > 0, ones(2), ones(3))", "must match the size"), ("ones(2) ** ones(3)", "must match the size")])
def test_errors_come_from_the_long_road(session, call, message):
    with pytest.raises(tcli.TcliError, match=message):
        session.run(call)


def test_views_share_memory_and_version(session):
    session.run("x = zeros(2, 3); v = x.view(6); r = x[1]; s = x[:, 1:]; x[0, 0] = 7.0; v[5] = 9.0")
    assert session.eval("[v[0].item(), r[2].item(), s[1, 1].item()]") == [7.0, 9.0, 9.0]
    assert session.eval("[v._version, r._version, x._version]") == [2, 2, 2]


def test_writing_to_a_view_reaches_the_history_of_its_base(session):
    session.run("w = ones(2, requires_grad=True); x = zeros(2, 2); x[0] = w * 3; x.view(4).sum().backward()")
    assert session.eval("w.grad.tolist()") == [3.0, 3.0]


@pytest.mark.parametrize("call", ["torch.mean(x, 0, out=whole)", "torch.erf(x, out=whole)", "torch.amax(x, 0, out=whole)",
                                  "torch.erf(x, out=3)"])
def test_a_refused_out_stays_refused(session, call):
    session.run("x = ones(3); whole = zeros(3, dtype=torch.int64)")
    with pytest.raises(tcli.TcliError):
        session.run(call)
    assert session.eval("whole.tolist()") == [0, 0, 0]


def test_asking_an_op_for_its_name_changes_no_graph(capsys):
    session = tcli.Session()
    program = """
x = ones(2, 2, requires_grad=True)
y = torch.max(x, 0)[0]
print(F.batch_norm(x, None, None, training=True), y.real)
"""
    shown = []
    for _ in range(2):
        session.run(program)
        shown.append(capsys.readouterr().out)
        assert all(o.grad_name for o in ops.values())
    assert shown[0] == shown[1]


# ---------------------------------------------------------------- views, parts and numbers

@pytest.mark.parametrize("index, name", [("0", "Select"), ("-1", "Select"), (":", "Alias"), ("0:2", "Alias"), ("0:1", "Slice"),
                                         ("0, 1:", "Slice"), ("None", "Unsqueeze"), (":, None, 1", "Select"),
                                         (":, 0:9", "Alias")])
def test_a_view_by_index_is_named_after_its_last_step(session, index, name):
    session.run(f"w = randn(2, 3, requires_grad=True); y = w[{index}]")
    want = "Slice" if index in (":", "0:2") else name  # a slice alone
    assert session.eval("y.grad_fn.name()") == want + "Backward0"
    session.run("y.sum().backward()")
    assert session.eval(f"w.grad[{index}].sum().item() == y.numel() == w.grad.sum().item()")


def test_a_write_into_a_base_gives_its_short_views_a_history(session):
    session.run("b = zeros(2, 3); v = b[0]; t = b.t(); f = b.view(6); p, q = b.unbind(0); w = ones(3, requires_grad=True)")
    session.run("b[0] = w * 2")
    assert session.eval("[x.requires_grad for x in (v, t, f)]") == [True, True, True]
    session.run("(v.sum() + t.sum() + f.sum()).backward()")
    assert session.eval("w.grad.tolist()") == [6.0, 6.0, 6.0]


def test_parts_share_a_node_and_refuse_writes(session):
    session.run("w = arange(6.).view(3, 2).requires_grad_(); a, b, c = (w * 1).unbind(0)")
    assert session.eval("a.grad_fn is b.grad_fn and (a.output_nr, c.output_nr) == (0, 2)")
    with pytest.raises(tcli.TcliError, match="Output 0 of Unbind"):
        session.run("a.add_(1)")
    session.run("(a * 2 + c).sum().backward()")
    assert session.eval("w.grad.tolist()") == [[2.0, 2.0], [0.0, 0.0], [1.0, 1.0]]
    assert session.eval("[p.shape[1] for p in ones(2, 5).chunk(3, -1)]") == [2, 2, 1]
    assert session.eval("[p.tolist() for p in arange(3).split(2)]") == [[0, 1], [2]]


def test_a_number_keeps_its_sign_of_zero_however_often_it_is_met(session):
    assert session.eval("[str((zeros(1) * k).item()) for k in (0, 0.0, -0.0, 0, True)]") == ["0.0", "0.0", "-0.0", "0.0", "0.0"]
    assert session.eval("[str((tensor([-0.0]) + k).item()) for k in (-0.0, 0, -0.0, 0.0)]") == ["-0.0", "0.0", "-0.0", "0.0"]


@pytest.mark.parametrize("call", ["ones(2, 3).gather(1, tensor([[3]]))", "ones(2, 3).gather(1, tensor([[-1]]))",
                                  "ones(2, 3).gather(0, tensor([[0, 0, 0, 0]]))", "ones(2, 3)[[0, 2]]", "ones(2, 3)[2]",
                                  "ones(2, 3).view(4)", "ones(2, 3).flatten(2)",
                                  "torch.cat([ones(2), ones(1, 2)])", "torch.stack([ones(2), ones(3)])", "zeros(-1)",
                                  "torch.full((2, -1), 1.0)", "torch.arange(-1)", "torch.eye(-1)", "ones(3).chunk(0)",
                                  "ones(2, 3)[:, ::0]", "ones(()).unbind(0)"])
def test_what_does_not_fit_fails_in_the_words_of_the_long_road(session, call):
    with pytest.raises(tcli.TcliError) as short:
        session.eval(call)
    session.run("torch.set_fusion(True, 1)")  # no short ways
    try:
        with pytest.raises(tcli.TcliError) as long:
            session.eval(call)
    finally:
        session.run("torch.set_fusion(True, 262144)")
    assert str(short.value) == str(long.value)


def test_a_node_that_was_looked_at_takes_part_as_before(session):
    session.run("w = tensor([0.5], requires_grad=True); y = torch.tanh(w); n = y.grad_fn; r = n._saved_result.item()")
    assert session.eval("abs(r - math.tanh(0.5)) < 1e-6 and type(n).__name__ == 'TanhBackward0' and n is y.grad_fn")
    with pytest.raises(tcli.TcliError, match="'TanhBackward0' object has no attribute '_saved_self'"):
        session.eval("n._saved_self")
    session.run("y.sum().backward()")
    assert abs(session.eval("w.grad.item()") - (1 - np.tanh(0.5) ** 2)) < 1e-6


@pytest.mark.parametrize("call", [
    "t.t()", "t.T", "t.view(4)", "t.view(2, -1)", "t.reshape((4,))", "t.transpose(0, 1)", "t.permute(1, 0)", "t.unsqueeze(0)",
    "t.unsqueeze(0).squeeze(0)", "t.flatten()", "t[0].expand(3, 2)", "t[0]", "t[:, 1]", "t[1:]", "t.sum(1)", "t.amax(dim=0)",
    "t.mean(1, keepdim=True)", "t.clone()", "t.tril()", "t.exp()", "t + 1", "t @ t", "t.float()", "t.chunk(2)", "t.unbind(0)"])
def test_small_tensors_take_the_short_way(session, call, monkeypatch):
    from tcli.engine import callables, dispatch, options, quick_views

    session.run("t = ones(2, 2)")
    wanted = session.eval(f"repr({call})")

    def long_road(*args):
        raise AssertionError("the long road")

    for module in (callables, dispatch, options, quick_views):
        monkeypatch.setattr(module, "call", long_road)
    result = session.eval(call)
    monkeypatch.undo()
    assert repr(result) == wanted
