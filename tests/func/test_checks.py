"""What the transforms of `torch.func` and `torch.autograd.functional` refuse, in PyTorch's words, and how trees come out."""

import pytest

import tcli

ONES = "torch.ones(2)"
REFUSED = {
    f"torch.func.grad(torch.sum, argnums=(0, 0))({ONES})":
        "argnums elements must be unique, got (0, 0)",
    f"torch.func.grad(torch.sum, argnums=())({ONES})":
        "argnums must be non-empty",
    f"torch.func.grad(torch.sum, argnums=1.0)({ONES})":
        "argnums must be int or Tuple[int, ...], got: <class 'float'>",
    f"torch.func.grad(torch.sum, argnums=(0, 'a'))({ONES})":
        "argnum must be int, got: <class 'str'>",
    "torch.func.grad(lambda x: x)(3.)":
        "Thing passed to transform API must be Tensor, got <class 'float'>",
    f"torch.func.grad(torch.sum, has_aux=True)({ONES})":
        "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) if has_aux is True",
    f"torch.func.grad(lambda x: (x.sum(), 1), has_aux=True)({ONES})":
        "Expected tensors, got unsupported type <class 'int'>",
    f"torch.func.vjp(lambda x: [x, 1], {ONES})":
        "vjp(f, *primals): expected f(*primals) to return only tensors, got unsupported type <class 'int'>",
    f"torch.func.vjp(lambda x: None, {ONES})":
        "vjp(f, *primals): Expected f to be a function that has non-empty output",
    f"torch.func.vjp(lambda x: (x, x), {ONES})[1]({ONES})":
        "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
        "function. cotangents: *, primal output: (*, *)",
    f"torch.func.jvp(lambda x: x, ({ONES},), ({ONES}, {ONES}))":
        "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure.",
    f"torch.func.jvp(lambda x: x, {ONES}, {ONES})":
        "jvp(f, primals, tangents): Expected primals to be a tuple.",
    f"torch.func.jvp(lambda x: x, ({ONES},), (torch.ones(3),))":
        "Trying to set a forward gradient that has a different size",
    f"torch.func.jvp(lambda x: {ONES}, ({ONES},), ({ONES},), strict=True)":
        "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs.",
    f"torch.func.jacrev(lambda x: x)({ONES}.cfloat())":
        "jacrev: Expected all inputs to be real but received complex tensor at flattened input idx: 0",
    f"torch.func.jacfwd(lambda x: x * 1j)({ONES})":
        "jacfwd: Expected all outputs to be real",
    f"torch.func.jacrev(lambda x: x, chunk_size=0)({ONES})":
        "jacrev: `chunk_size` should be greater than 0.",
    f"torch.vmap(lambda x: x, in_dims=(0,))({ONES}, {ONES})":
        "vmap(<lambda>, in_dims=(0,), ...)(<inputs>): in_dims is not compatible with the structure of "
        "`inputs`. in_dims has structure TreeSpec(tuple, None, [*]) but inputs has structure TreeSpec(tuple, "
        "None, [*,\n  *]).",
    f"torch.vmap(lambda x, y: x)({ONES}, 3)":
        "vmap(<lambda>, in_dims=0, ...)(<inputs>): Got in_dim=0 for an input but the input is of type <class "
        "'int'>.",
    f"torch.vmap(lambda x: (x, x), out_dims=(0,))({ONES})":
        "vmap(<lambda>, ..., out_dims=(0,))(<inputs>): out_dims is not compatible with the structure of "
        "`outputs`.",
    f"torch.vmap(lambda x: x, out_dims='a')({ONES})":
        "vmap(<lambda>, ..., out_dims=a): `out_dims` must be an int, None or a python collection of ints",
    f"torch.vmap(lambda x: x, chunk_size=0)({ONES})":
        "vmap: chunk_size should be None or greater than 0. (got 0)",
    f"torch.vmap(lambda x: x, randomness='a')({ONES})":
        "Only allowed values for randomness are 'error', 'different', or 'same'. Got a",
    f"af.vjp(lambda x: 3, {ONES})":
        "The outputs of the user-provided function given to vjp must be either a Tensor or a tuple of Tensors"
        " but the given outputs of the user-provided function has type <class 'int'>.",
    f"af.vjp(lambda x: x, {ONES}, ({ONES}, {ONES}))":
        "The given v should contain a single Tensor.",
    f"af.jvp(lambda x, y: x, ({ONES}, {ONES}), {ONES})":
        "v is a tuple of invalid length: should be 2 but got 1.",
    f"af.vjp(lambda x: x.detach(), {ONES}, {ONES}, strict=True)":
        "Output 0 of the user-provided function does not require gradients.",
    f"af.vjp(lambda x: {ONES}.requires_grad_(), {ONES}, {ONES}, strict=True)":
        "The output of the user-provided function is independent of input 0. This is not allowed in strict "
        "mode.",
    f"af.jacobian(lambda x: x, {ONES}, create_graph=True, strict=True)":
        "The jacobian of the user-provided function is independent of input 0. This is not allowed in strict "
        "mode when create_graph=True.",
    f"af.jacobian(lambda x: x, {ONES}, strict=True, vectorize=True)":
        "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together.",
    f"af.hessian(lambda x: x.sum(), {ONES}, strict=True)":
        "While computing the hessian, found that the jacobian of the user-provided function with respect to "
        "input 0 is independent of the input.",
    f"af.hvp(lambda x: x, {ONES}, {ONES})":
        "The Tensor returned by the function given to hvp should contain a single element",
    f"functional_call(nn.Linear(2, 2), {{'weight': 3}}, {ONES})":
        "3 is not an instance of torch.Tensor",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text):
    with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
        tcli.Session().run("af = torch.autograd.functional; from torch.func import functional_call\n" + text)
    assert str(caught.value).startswith(REFUSED[text])


FUNCTION = """
class Twice(torch.autograd.Function):
    @staticmethod
    def forward({head}x): return x * 2
    {extra}
    @staticmethod
    def backward(ctx, g): return g * 2
"""


@pytest.mark.parametrize("head, extra, call, message", [
    ("ctx, ", "", "torch.func.grad(lambda x: Twice.apply(x).sum())(torch.ones(2))", "it must override the setup_context"),
    ("", "setup_context = staticmethod(lambda ctx, inputs, output: None)", "torch.vmap(Twice.apply)(torch.ones(2))",
     "You tried to vmap over Twice, but it does not have vmap support."),
    ("", "setup_context = staticmethod(lambda ctx, inputs, output: None); generate_vmap_rule = True",
     "torch.vmap(Twice.apply)(torch.ones(2)).tolist()", [2.0, 2.0]),
    ("", "setup_context = staticmethod(lambda ctx, inputs, output: None)",
     "torch.func.grad(lambda x: Twice.apply(x).sum())(torch.ones(2)).tolist()", [2.0, 2.0])])
def test_custom_functions_inside_of_transforms(head, extra, call, message):
    program = FUNCTION.format(head=head, extra=extra) + call
    if isinstance(message, list):
        assert tcli.Session().run(program) == message
        return
    with pytest.raises(RuntimeError, match=message):
        tcli.Session().run(program)


@pytest.mark.parametrize("program, expected", [
    ("with torch.no_grad(): g = torch.func.grad(lambda x: (x ** 2).sum())(torch.ones(2, requires_grad=True))\n"
     "g.requires_grad", False),
    ("def h(x):\n    with torch.no_grad(): s = torch.func.grad(lambda x: 0.25 * x ** 4)(x)\n    return x ** 3 - s\n"
     "torch.func.grad(h)(torch.tensor(1.5)).item()", 6.75),
    ("out, back = torch.func.vjp(lambda x: {'a': x, 'b': (x * 3,)}, torch.ones(2))\n"
     "back({'a': torch.ones(2), 'b': (torch.ones(2),)})[0].tolist()", [4.0, 4.0]),
    ("torch.vmap(lambda x: x + 1)(torch.ones(0, 3)).shape", (0, 3)),
    ("torch.vmap(lambda x: (x, x.sum()), out_dims=(1, 0))(torch.ones(2, 3))[0].shape", (3, 2)),
    ("x = torch.ones(2, 3); y = torch.vmap(torch.neg_)(x); y is x, x.sum().item()", (True, -6.0)),
    ("m = nn.Module(); m.x = torch.ones(2); m.forward = lambda y: y * m.x\n"
     "torch.func.functional_call(m, {'x': torch.full((2,), 3.)}, torch.ones(2)).tolist(), m.x.tolist()",
     ([3.0, 3.0], [1.0, 1.0])),
    ("m = nn.Sequential(nn.BatchNorm1d(2))\n"
     "torch.func.replace_all_batch_norm_modules_(m) is m, m[0].running_mean, len(m.state_dict())",
     (True, None, 2)),
    ("from torch.utils._pytree import tree_map, tree_flatten, tree_unflatten\n"
     "leaves, spec = tree_flatten({'a': [1, (2, 3)]}); tree_unflatten([v * 2 for v in leaves], spec), str(spec)",
     ({"a": [2, (4, 6)]}, "TreeSpec(dict, ['a'], [TreeSpec(list, None, [*,\n    TreeSpec(tuple, None, [*,\n      *])])])"))])
def test_answers(program, expected):
    assert tcli.Session().run(program) == expected
