"""`torch.autograd.gradcheck`: complex numbers, and gradients that are wrong in ways that a Jacobian does not show."""

import pytest

import tcli

HOOKED = "def f(x):\n    y = x.clone(); y.register_hook({hook}); return y\n"
ONE = "torch.ones(1, dtype=torch.float64, requires_grad=True)"
TWO = "torch.tensor([1 + 2j, 0.5 - 1j], dtype=torch.complex128, requires_grad=True)"


@pytest.mark.parametrize("call", [f"gradcheck(lambda x: x * 2j, {TWO})", f"gradcheck(lambda x: x.exp() * x.conj(), {TWO})",
                                  f"gradcheck(torch.abs, {TWO})", f"gradcheck(lambda x: torch.complex(x, x * 2), {ONE})",
                                  f"gradgradcheck(lambda x: x ** 3, {TWO})", f"gradcheck(lambda x: x.detach() * 0, {ONE})",
                                  f"gradcheck(lambda x: x.long(), {ONE})"])
def test_right_gradients(call):
    assert tcli.Session(seed=0).run("torch.autograd." + call) is True


@pytest.mark.parametrize("program, message", [
    (HOOKED.format(hook="lambda g: g + 1e-2") + f"torch.autograd.gradcheck(f, {ONE}, atol=1e-1)",
     "backward not multiplied by grad_output"),
    (HOOKED.format(hook="lambda g: g * (1 + 1e-6 * torch.rand(1, dtype=torch.float64))")
     + f"torch.autograd.gradcheck(f, {ONE})",
     "Backward is not reentrant"),
    (f"torch.autograd.gradcheck(lambda x: x.detach() * 2, {ONE})", "Numerical gradient for function expected to be zero"),
    (HOOKED.format(hook="lambda g: g * 2") + f"torch.autograd.gradcheck(lambda x: f(x) * 1j, {ONE})",
     "While considering the imaginary part of complex outputs only, Jacobian mismatch for output 0 with respect to input 0")])
def test_wrong_gradients(program, message):
    with pytest.raises(RuntimeError) as caught:
        tcli.Session(seed=0).run(program)
    assert str(caught.value).startswith(message)


def test_numbers_of_a_tensor_that_requires_grad_are_there_where_nothing_is_recorded():
    program = "x = torch.ones(2, requires_grad=True); kinds = torch.FloatTensor, torch.LongTensor\n" \
              "with torch.no_grad(): n = x.numpy().sum()\n" \
              "float(n), isinstance(x, kinds[0]), isinstance(x, kinds[1]), isinstance(x.long(), kinds[1])"
    assert tcli.Session().run(program) == (2.0, True, False, True)
