"""Changes in place: what keeps a graph whole, and which error comes first. The expectations are PyTorch's answers."""

import pytest

import tcli

PROGRAMS = {
    "a change of sizes without gradients keeps requires_grad": (
        "w = torch.ones(2, 1, requires_grad=True)\nwith torch.no_grad():\n    w.squeeze_(); w.unsqueeze_(0); w.t_()\n"
        "w.requires_grad, w.is_leaf, tuple(w.shape)", "(True, True, (2, 1))"),
    "what has a history keeps it": (
        "v = torch.ones(2, 3, requires_grad=True) * 2\nwith torch.no_grad():\n    v.unsqueeze_(0)\n"
        "v.requires_grad, v.is_leaf", "(True, False)"),
    "a leaf that was detached gets no gradient": (
        "a = torch.ones(3, requires_grad=True); s = a.sum(); a.detach_(); s.backward()\na.grad is None", "True"),
    "a number turned around": ("torch.tensor(1.).flip(0), torch.tensor(1.).movedim(0, -1)", "(tensor(1.), tensor(1.))")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_answers(name):
    program, expected = PROGRAMS[name]
    assert repr(tcli.Session(seed=0).run(program)) == expected


PART = "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location."
SEVERAL = "unsupported operation: more than one element of the written-to tensor refers to a single memory location."
CHANGED = "one of the variables needed for gradient computation has been modified by an inplace operation: ["
X, M = "x = torch.arange(4.); ", "x = torch.ones(3, requires_grad=True); m = torch.tensor([True, False, True]); "
OVERLAPS = {
    X + "x[1:] += x[:-1]": PART, X + "x[1:].add_(x[:-1])": PART, X + "x[1:].copy_(x[:-1])": PART, X + "x[1:] = x[:-1]": PART,
    X + "x = x.view(2, 2); x.mul_(x.t())": PART, X + "x.index_add_(0, torch.tensor([0, 1, 2, 3]), x)": PART,
    X + "x.index_copy_(0, torch.tensor([0]), x[1:2])": PART, X + "x.scatter_(0, torch.tensor([0, 1]), x[1:3])": PART,
    X + "x[torch.tensor([0, 1])] = x[1:3]": PART, X + "x[:1].expand(3).add_(1)": SEVERAL,
    X + "x[:1].expand(3)[1:] = 2": SEVERAL,
    X + "x[:1].expand(3).exp_()": SEVERAL, "torch.ones(3, 1).expand(3, 3).uniform_()": SEVERAL,
    M + "y = x[m]; m[0] = False; y.sum().backward()": CHANGED + "CPUBoolType [3]] is at version 1",
    M + "y = torch.masked_select(x, m); m[0] = False; y.sum().backward()": CHANGED + "CPUBoolType [3]] is at version 1",
    M + "y = x.clone(); y[m] = 2; m[0] = False; y.sum().backward()": CHANGED + "CPUBoolType [3]] is at version 1",
    M + "i = torch.tensor([0, 1]); y = x[i]; i[0] = 2; y.sum().backward()": CHANGED + "torch.LongTensor [2]] is at version 1"}


@pytest.mark.parametrize("program", OVERLAPS)
def test_shared_memory_and_changed_indices(program):
    with pytest.raises(RuntimeError) as caught:
        tcli.Session(seed=0).run(program)
    assert caught.value.message.startswith(OVERLAPS[program])


@pytest.mark.parametrize("program, expected", [
    ("x = torch.arange(4.); x[:] += x; x += x; x.tolist()", [0.0, 4.0, 8.0, 12.0]),
    ("x = torch.arange(4.); x[1:3].copy_(x[1:3]); x[::2].add_(x[1::2]); x.tolist()", [1.0, 1.0, 5.0, 3.0]),
    ("x = torch.ones(3, 1); x.expand(3, 3).zero_(); x[:2].expand(2, 3).fill_(2); x.tolist()", [[2.0], [2.0], [0.0]]),
    ("x = torch.ones(2, requires_grad=True) * 1; x += torch.ones(2).double(); x.grad_fn.name()", "AddBackward0"),
    ("x = torch.ones(2, requires_grad=True) * 1; x.div_(torch.ones(2).double().requires_grad_())\n"
     "[f.name() for f, _ in x.grad_fn.next_functions]", ["MulBackward0", "torch::autograd::AccumulateGrad"])])
def test_what_may_share_memory(program, expected):
    assert tcli.Session(seed=0).run(program) == expected


LEAF = "w = torch.ones(2, 3, requires_grad=True); "
ERRORS = {
    LEAF + "w.copy_(torch.ones(4))": "a leaf Variable that requires grad is being used in an in-place operation.",
    LEAF + "w[1] = 1": "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    LEAF + "w[torch.tensor([7])] = 1": "a leaf Variable that requires grad is being used in an in-place operation.",
    LEAF + "w.unbind(0)[0].relu_()": "Output 0 of Unbind is a view and is being modified inplace.",
    LEAF + "w[0].mul_(2)": "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    "torch.ones(2, 3, 4).t_()": "t_() expects a tensor with <= 2 dimensions, but self is 3D",
    "x = torch.ones(4, 3); x[x > 0] = torch.ones(4, 3)":
        "shape mismatch: value tensor of shape [4, 3] cannot be broadcast to indexing result of shape [12]",
    "x = torch.ones(2, 3); x[[0, 0]] = torch.ones(7).double()":
        "shape mismatch: value tensor of shape [7] cannot be broadcast to indexing result of shape [2, 3]",
    "torch.ones(3, 2).masked_fill(torch.ones(2, 3, 4) > 0, 1)":
        "The size of tensor a (4) must match the size of tensor b (2) at non-singleton dimension 2",
    "torch.ones(2, 1).gather(0, torch.tensor(0))":
        "Index tensor must have the same number of dimensions as input tensor",
    "torch.ones(2, 3).double() @ torch.ones(2, 3)": "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)",
    "(torch.ones(3, requires_grad=True) // 2).sum().backward()": "derivative for aten::floor_divide is not implemented"}


@pytest.mark.parametrize("program", ERRORS)
def test_errors(program):
    with pytest.raises(RuntimeError) as caught:
        tcli.Session(seed=0).run(program)
    assert not isinstance(caught.value, NotImplementedError)
    assert caught.value.message.startswith(ERRORS[program])


@pytest.mark.parametrize("cast", ["x.bfloat16()", "x.to(torch.bfloat16)", "x.half()", "x.bfloat16().exp()", "x.bfloat16()[0]",
                                  "torch.stack([x.bfloat16()])", "x.bfloat16().softmax(0)", "x.bfloat16() @ x.bfloat16()"])
def test_a_cast_of_a_small_tensor_keeps_its_gradient(cast):
    found = tcli.Session(seed=0).run(f"x = torch.tensor([1., 2.], requires_grad=True); y = {cast}; y.float().sum().backward()\n"
                                     "y.requires_grad, x.grad is not None")
    assert repr(found) == "(True, True)"
