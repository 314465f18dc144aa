"""`__torch_function__`: classes of a program that answer for torch's functions, and subclasses of tensors."""

import pytest

import tcli

ANSWERS = """
handled = {}
class Scalar:
    def __init__(self, value): self.value = value
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in handled or not all(issubclass(t, (torch.Tensor, Scalar)) for t in types): return NotImplemented
        return handled[func](*args, **(kwargs or {}))
handled[torch.mean] = lambda s: s.value / 2
handled[torch.add] = lambda a, b: (type(a).__name__, type(b).__name__)
handled[torch.stack] = lambda values, dim=0: (len(values), dim)
"""
NAMES = """
class Named:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return func.__name__
n, x = Named(), torch.ones(2)
"""
SUBCLASS = "class M(torch.Tensor): pass\nx = M([1., 2.]); "


def test_a_class_answers_for_functions_that_it_is_given_to():
    calls = "torch.mean(Scalar(3.)), torch.add(Scalar(1), Scalar(2)), torch.add(torch.ones(1), Scalar(2)), " \
            "torch.ones(1) + Scalar(2), torch.stack([Scalar(1), torch.ones(1)], dim=1)"
    assert tcli.Session().run(ANSWERS + calls) == (
        1.5, ("Scalar", "Scalar"), ("Tensor", "Scalar"), ("Tensor", "Scalar"), (2, 1))


@pytest.mark.parametrize("call, name", [("F.relu(n)", "relu"), ("F.linear(torch.ones(2, 3), n)", "linear"), ("x @ n", "matmul"),
                                        ("x ** n", "pow"), ("torch.cat([x, n])", "cat"), ("torch.where(x > 0, n, x)", "where"),
                                        ("torch.ones_like(n)", "ones_like"), ("F.mse_loss(n, x)", "mse_loss")])
def test_functions_say_which_they_are(call, name):
    assert tcli.Session().run(NAMES + call) == name


def test_where_nobody_answers_an_error_says_so():
    with pytest.raises(TypeError, match=r"Multiple dispatch failed for .torch\.exp."):
        tcli.Session().run(ANSWERS + "torch.exp(Scalar(1))")


@pytest.mark.parametrize("value", ["x + 1", "1 + x", "x.sum()", "torch.sin(x)", "x[0]", "x.float()", "x.detach()",
                                   "x.max(0).values", "x.split(1)[0]", "torch.ones(2) + x", "torch.stack([x, x])",
                                   "x.clone().add_(1)",
                                   "x.to('cpu')", "F.softmax(x, 0)", "x @ x", "x.view(2, 1)", "torch.zeros_like(x)"])
def test_results_are_of_the_subclass(value):
    assert tcli.Session().run(SUBCLASS + f"type({value}).__name__") == "M"


def test_a_subclass_shows_its_name_and_keeps_what_it_is_given():
    assert repr(tcli.Session().run(SUBCLASS + "x")) == "M([1., 2.])"
    program = ("class M(torch.Tensor):\n    def __new__(cls, x, note): return super().__new__(cls, x)\n"
               "    def __init__(self, x, note): self.note = note\nx = M([1., 2.], 'n')\nx.note, type(x.exp()).__name__")
    assert tcli.Session().run(program) == ("n", "M")


def test_a_subclass_sees_every_call():
    program = """
seen = []
class M(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        seen.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})
x = torch.tensor([1., 2.]).as_subclass(M)
y = (torch.add(x, 1) * 2).sum().detach(); F.softplus(x)
seen
"""
    assert tcli.Session().run(program) == ["add", "mul", "sum", "detach", "softplus"]


def test_gradients_flow_through_a_subclass():
    program = "class M(torch.Tensor): pass\nx = torch.tensor([1., 2.], requires_grad=True)\n" \
              "y = (x.as_subclass(M) ** 2).sum(); y.backward(); x.grad.tolist(), type(y).__name__, y.grad_fn.name()"
    assert tcli.Session().run(program) == ([2.0, 4.0], "M", "SumBackward0")


def test_parameters_of_a_class_of_ones_own_give_plain_tensors():
    program = "class P(nn.Parameter): pass\np = P(torch.ones(2)); type(p).__name__, type(p * 2).__name__"
    assert tcli.Session().run(program) == ("P", "Tensor")


def test_functions_of_a_program_can_ask():
    program = """
class Named:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return func.__name__, kwargs
def f(x, y=1):
    if torch.overrides.has_torch_function((x,)): return torch.overrides.handle_torch_function(f, (x,), x, y=y)
    return 3
f(Named(), y=2), f(torch.ones(1)), torch.overrides.is_tensor_like(Named()), torch.overrides.is_tensor_like(1)
"""
    assert tcli.Session().run(program) == (("f", {"y": 2}), 3, True, False)


@pytest.mark.parametrize("use", ["w + 1", "w * w", "w.sum()", "torch.zeros_like(w)", "w.abs_()", "w.numel()", "w.t()"])
def test_a_parameter_without_a_shape_is_not_computed_with(use):
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        tcli.Session().run("w = nn.LazyLinear(3).weight; " + use)
