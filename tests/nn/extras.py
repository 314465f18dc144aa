"""What `nn.utils`, `nn.init`, hooks, containers and lazy modules do, in sections like those of `program.py`."""

from .program import each

SECTIONS: list = []


def section(fn):
    SECTIONS.append(fn)
    return fn


def ramp(torch, *shape):
    n = 1
    for size in shape:
        n *= size
    return (torch.arange(n) * 0.37).sin().reshape(shape)


# ---------------------------------------------------------------- nn.init

FILLS = """init.uniform_(t) init.uniform_(t,2,1) init.normal_(t,0,-1) init.trunc_normal_(t,1.0,2.0,0.0,0.5)
    init.constant_(t,2.5) init.eye_(t) init.dirac_(t) init.xavier_uniform_(t) init.xavier_normal_(t,2.0)
    init.kaiming_uniform_(t) init.kaiming_uniform_(t,a=0.1,mode='fan_out',nonlinearity='relu')
    init.kaiming_normal_(t,mode='fan_in') init.kaiming_normal_(t,nonlinearity='selu')
    init.kaiming_normal_(t,nonlinearity='zork') init.orthogonal_(t,0.5) init.sparse_(t,0.5,0.1)
    init.kaiming_uniform_(t,mode='zork')""".split()
GAINS = [f"init.calculate_gain({name!r})" for name in
         "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid tanh relu leaky_relu selu "
         "zork".split()] + ["init.calculate_gain('leaky_relu', 0.2)", "init.calculate_gain('leaky_relu', True)",
                            "init.calculate_gain('leaky_relu', 'a')"]


@section
def initial_values(torch, nn, say, fails):
    each(say, GAINS, init=nn.init)
    for shape in ((3, 4), (4, 3), (3, 2, 2), (4, 2, 3, 1), (2, 2, 1, 2, 2), (3,), (), (0, 3)):
        for text in FILLS:
            torch.manual_seed(9)
            say(shape)
            each(say, [text], init=nn.init, t=torch.zeros(shape))
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        for name in ("uniform_", "normal_", "trunc_normal_", "xavier_normal_", "kaiming_uniform_"):
            torch.manual_seed(2)
            say(dtype, name, getattr(nn.init, name)(torch.zeros(2, 3, dtype=dtype)))
    torch.manual_seed(2)
    say(nn.init.dirac_(torch.zeros(4, 2, 3, 3), groups=2).nonzero().tolist())
    each(say, ["init.dirac_(torch.zeros(3, 2, 3), groups=2)", "init.uniform(torch.zeros(2))",
               "init.xavier_uniform_(torch.zeros(2, 2), generator=torch.Generator().manual_seed(3))",
               "init.normal_(torch.zeros(2, 2), generator=torch.Generator().manual_seed(3))",
               "init.orthogonal_(torch.zeros(2, 2), generator=torch.Generator().manual_seed(3))",
               "init.kaiming_normal_(torch.zeros(2, 2), generator=torch.Generator().manual_seed(3))",
               "init.trunc_normal_(torch.zeros(2, 2), generator=torch.Generator().manual_seed(3))",
               "init._calculate_fan_in_and_fan_out(torch.zeros(4, 3, 2, 2))"], init=nn.init, torch=torch)


# ---------------------------------------------------------------- nn.utils

CLIPS = ["clip_grad_norm_(ps, 1.0)", "clip_grad_norm_(ps, 1.0, 1)", "clip_grad_norm_(ps, 0.5, float('inf'))",
         "clip_grad_norm_(ps[0], 0.5)", "clip_grad_norm_([], 1.0)", "clip_grad_norm_(ps, 1.0, foreach=True)",
         "clip_grad_norm_(ps, 0.3, 3.0)", "clip_grad_norm_(ps, 0.3, 0.0)", "clip_grad_norm_(iter(ps), 0.3)",
         "clip_grad_value_(ps, 0.2)", "clip_grad_value_(ps[1], 0.1)", "clip_grad_value_(ps, 0.1, foreach=True)",
         "get_total_norm([p.grad for p in ps if p.grad is not None])", "get_total_norm([])", "get_total_norm([ps[0]], 1.0)",
         "get_total_norm(ps[0], float('inf'))", "clip_grads_with_norm_(ps, 1.0, torch.tensor(4.0))",
         "clip_grads_with_norm_([], 1.0, torch.tensor(4.0))", "clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)",
         "parameters_to_vector(ps)", "vector_to_parameters(torch.ones(3), ps)", "vector_to_parameters([1], ps)",
         "parameters_to_vector([])"]


@section
def clipping_again(torch, nn, say, fails):
    for text in CLIPS:
        ps = [ramp(torch, 2, 3).requires_grad_(), ramp(torch, 4).requires_grad_(), torch.ones(2).requires_grad_()]
        ps[0].grad, ps[1].grad = ramp(torch, 2, 3) * 3, -ramp(torch, 4)
        each(say, [text], ps=ps, torch=torch, **{n: getattr(nn.utils, n) for n in dir(nn.utils) if not n.startswith("_")})
        say([p.grad for p in ps])


PRUNES = ["prune.identity(m, 'weight')", "prune.random_unstructured(m, 'weight', 0.5)",
          "prune.random_unstructured(m, 'bias', 2)",
          "prune.l1_unstructured(m, 'weight', 5)", "prune.l1_unstructured(m, 'weight', 0.4, importance_scores=-m.weight.abs())",
          "prune.random_structured(m, 'weight', 2, dim=1)", "prune.ln_structured(m, 'weight', 0.5, n=1, dim=0)",
          "prune.ln_structured(m, 'weight', 1, n=float('-inf'), dim=-1)", "prune.custom_from_mask(m, 'bias', torch.eye(3)[0])",
          "prune.l1_unstructured(m, 'weight', 1.5)", "prune.l1_unstructured(m, 'weight', 100)",
          "prune.l1_unstructured(m, 'weight', -1)", "prune.l1_unstructured(m, 'zork', 1)", "prune.remove(m, 'weight')",
          "prune.l1_unstructured(m, 'weight', '3')", "prune.random_structured(m, 'bias', 1, dim=0)",
          "prune.ln_structured(m, 'weight', 1, n=2, dim=4)", "prune.is_pruned(m)",
          "prune.L1Unstructured(3)", "prune.L1Unstructured(0.3).amount", "prune.Identity.apply(m, 'weight')",
          "prune.RandomUnstructured.apply(m, 'weight', 3)", "prune.L1Unstructured.apply(m, 'weight', 3)",
          "prune.RandomStructured.apply(m, 'weight', 1, 0)", "prune.LnStructured.apply(m, 'weight', 1, 2, 1)",
          "prune.CustomFromMask.apply(m, 'weight', torch.ones(3, 4).tril())", "prune.L1Unstructured(2).prune(m.weight)",
          "prune.L1Unstructured(2).compute_mask(m.weight, torch.ones(3, 4))", "prune.LnStructured(1, 2).prune(m.weight)",
          "prune.L1Unstructured(2).PRUNING_TYPE, prune.LnStructured(1, 2).PRUNING_TYPE, prune.Identity().PRUNING_TYPE",
          "len(prune.PruningContainer())",
          "prune.BasePruningMethod()", "prune.LnStructured(1, 2, -1).n, prune.LnStructured(1, 2, -1).dim",
          "prune.CustomFromMask(torch.ones(2)).mask"]


def brief(value):
    """Text without addresses."""
    return type(value).__name__ if "object at" in repr(value) else str(value)


@section
def pruning_classes(torch, nn, say, fails):
    for text in PRUNES:
        torch.manual_seed(4)
        m = nn.Linear(4, 3)
        each(lambda *values: say(*map(brief, values)), [text], prune=nn.utils.prune, m=m, torch=torch)
        say(sorted(m.state_dict()), m.weight, m.bias, sorted(n for n, _ in m.named_parameters()))


@section
def pruning_again_and_again(torch, nn, say, fails):
    prune = nn.utils.prune
    m = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    prune.l1_unstructured(m[0], "weight", 0.3)
    prune.random_structured(m[0], "weight", 1, dim=0)
    prune.ln_structured(m[0], "weight", 1, 2, 1)
    container = next(iter(m[0]._forward_pre_hooks.values()))
    say(type(container).__name__, len(container), [type(c).__name__ for c in container], type(container[0]).__name__,
        container._tensor_name, m[0].weight_mask)
    m(torch.ones(1, 4)).sum().backward()
    say(m[0].weight_orig.grad, m[0].weight.is_leaf)
    prune.remove(m[0], "weight")
    say(m[0].weight, len(m[0]._forward_pre_hooks))
    prune.global_unstructured([(m[0], "weight"), (m[2], "weight")], prune.L1Unstructured, amount=0.4)
    say(m[0].weight_mask, m[2].weight_mask, prune.is_pruned(m))
    fails(lambda: prune.global_unstructured([(m[0], "bias")], prune.LnStructured, amount=0.4))
    other = nn.Linear(2, 2)
    prune.global_unstructured([(other, "weight")], prune.RandomUnstructured, amount=2)
    say(other.weight)

    class Every(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    layer = nn.Linear(3, 2)
    Every.apply(layer, "bias")
    say(layer.bias, layer.bias_mask)


@section
def parametrized(torch, nn, say, fails):
    P = nn.utils.parametrize

    class Twice(nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, y):
            return y / 2

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

    m = nn.Linear(3, 3)
    before = m.weight.detach().clone()
    P.register_parametrization(m, "weight", Twice())
    say(m, (m.weight - before).abs().max() < 1e-6, list(m.state_dict()), P.is_parametrized(m), P.is_parametrized(m, "bias"))
    P.register_parametrization(m, "weight", Symmetric())
    say(m.parametrizations.weight, m.weight, type(m).__name__, isinstance(m, nn.Linear))
    m(torch.ones(1, 3)).sum().backward()
    say(m.parametrizations.weight.original.grad)
    with P.cached():
        say(m.weight is m.weight)
    say(m.weight is m.weight)
    fails(lambda: setattr(m, 'weight', torch.eye(3)))
    fails(lambda: P.register_parametrization(m, "zork", Twice()))
    fails(lambda: P.remove_parametrizations(m, "bias"))
    fails(lambda: P.remove_parametrizations(nn.ReLU(), "bias"))
    P.remove_parametrizations(m, "weight", leave_parametrized=True)
    say(m, m.weight, list(m.state_dict()))

    class Shrink(nn.Module):
        def forward(self, x):
            return x[:2]

    class Half(nn.Module):
        def forward(self, x):
            return x.half()

    fails(lambda: P.register_parametrization(nn.Linear(3, 3), "weight", Shrink()))
    fails(lambda: P.register_parametrization(nn.Linear(3, 3), "weight", Half()))
    loose = nn.Linear(3, 3)
    P.register_parametrization(loose, "weight", Shrink(), unsafe=True)
    say(loose.weight.shape)
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    P.register_parametrization(source, "weight", Twice())
    P.transfer_parametrizations_and_params(source, target)
    say(target, P.type_before_parametrizations(target).__name__, list(target.state_dict()))


@section
def norms_again(torch, nn, say, fails):
    U, Q = nn.utils, nn.utils.parametrizations
    for make in (lambda: nn.Linear(4, 3), lambda: nn.Conv1d(2, 3, 2), lambda: nn.ConvTranspose2d(2, 3, 2),
                 lambda: nn.Embedding(4, 3)):
        for dim in (None, 0, 1, -1):
            for home in (U, Q):
                torch.manual_seed(1)
                m = home.weight_norm(make(), dim=dim)
                say(dim, {k: tuple(v.shape) for k, v in m.state_dict().items()}, m.weight.sum())
        for options in ({}, {"n_power_iterations": 3}, {"eps": 1e-3, "dim": 1}):
            for home in (U, Q):
                torch.manual_seed(1)
                m = home.spectral_norm(make(), **options)
                say({k: tuple(v.shape) for k, v in m.state_dict().items()}, m.weight.sum())
                m.eval()
                say(m.weight.sum())
    torch.manual_seed(1)
    for options in ({}, {"orthogonal_map": "cayley"}, {"orthogonal_map": "householder"}, {"use_trivialization": False}):
        for shape in ((4, 3), (3, 4), (3, 3)):
            m = Q.orthogonal(nn.Linear(*shape), **options)
            w = m.weight if shape[1] >= shape[0] else m.weight.T
            w = w if w.shape[0] <= w.shape[1] else w.T
            say(options, shape, list(m.state_dict()), (w @ w.T - torch.eye(w.shape[0])).abs().max() < 1e-4)
    fails(lambda: Q.orthogonal(nn.Linear(2, 2), orthogonal_map="zork"))
    fails(lambda: Q.orthogonal(nn.Linear(2, 2), "bias"))
    fails(lambda: Q.orthogonal(nn.Linear(2, 2), "zork"))
    fails(lambda: Q.spectral_norm(nn.Linear(2, 2), n_power_iterations=0))
    fails(lambda: Q.spectral_norm(nn.Linear(2, 2), "zork"))
    fails(lambda: Q.weight_norm(nn.Linear(2, 2), "zork"))
    fails(lambda: U.weight_norm(U.weight_norm(nn.Linear(2, 2))))
    fails(lambda: U.remove_spectral_norm(nn.Linear(2, 2)))


@section
def fused_layers(torch, nn, say, fails):
    conv, bn = nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3)
    bn.running_mean.copy_(torch.tensor([0.1, 0.2, 0.3]))
    fails(lambda: nn.utils.fuse_conv_bn_eval(conv, bn))
    conv.eval(), bn.eval()
    fused = nn.utils.fuse_conv_bn_eval(conv, bn)
    x = ramp(torch, 1, 2, 4, 4)
    say(fused, (fused(x) - bn(conv(x))).abs().max() < 1e-5, fused.weight.sum(), fused.bias)
    linear, bn = nn.Linear(3, 2).eval(), nn.BatchNorm1d(2).eval()
    fused = nn.utils.fuse_linear_bn_eval(linear, bn)
    say(fused, fused(torch.ones(2, 3)) - bn(linear(torch.ones(2, 3))))
    fails(lambda: nn.utils.fuse_linear_bn_eval(nn.Linear(3, 2).eval(), nn.BatchNorm1d(4).eval()))
    up, bn = nn.ConvTranspose2d(2, 3, 2).eval(), nn.BatchNorm2d(3).eval()
    say((nn.utils.fuse_conv_bn_eval(up, bn, transpose=True)(x) - bn(up(x))).abs().max() < 1e-5)
    skipped = nn.utils.skip_init(nn.Linear, 3, 2, bias=False)
    say(skipped, skipped.weight.shape, torch.rand(2))
    fails(lambda: nn.utils.skip_init(nn.ReLU))
    fails(lambda: nn.utils.skip_init(3))


@section
def called_with_other_parameters(torch, nn, say, fails):
    m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    call = torch.func.functional_call
    x = ramp(torch, 3, 2)
    say(call(m, {"0.weight": torch.eye(2), "0.bias": torch.zeros(2)}, (x,)), call(m, {}, x), m[1].num_batches_tracked)
    say(call(m, ({"0.weight": torch.eye(2)}, {"1.running_mean": torch.ones(2)}), x), m[1].running_mean)
    fails(lambda: call(m, {"0.zork": torch.eye(2)}, x, strict=True))
    fails(lambda: call(m, {"0.weight": torch.eye(2)}, x, strict=True))
    fails(lambda: call(m, ({"0.weight": torch.eye(2)}, {"0.weight": torch.eye(2)}), x))
    fails(lambda: call(m, 3, x))
    stateless = nn.utils.stateless.functional_call
    say(stateless(m, {"0.weight": torch.eye(2)}, x))
    tied = nn.Linear(2, 2, bias=False)
    tied.also = tied.weight
    say(call(tied, {"weight": torch.eye(2)}, x), call(tied, {"also": torch.eye(2)}, x))
    fails(lambda: call(tied, {"weight": torch.eye(2), "also": torch.ones(2, 2)}, x))
    say(call(tied, {"weight": torch.eye(2)}, x, tie_weights=False))
    params, buffers = torch.func.stack_module_state([nn.Linear(2, 1), nn.Linear(2, 1)])
    say({k: v.shape for k, v in params.items()}, buffers)
    fails(lambda: torch.func.stack_module_state([]))
    fails(lambda: torch.func.stack_module_state([nn.Linear(2, 1), nn.ReLU()]))


PACKS = ["rnn.pack_padded_sequence(x, [3, 2])", "rnn.pack_padded_sequence(x, torch.tensor([3, 1]))",
         "rnn.pack_padded_sequence(x, [2, 3], enforce_sorted=False)", "rnn.pack_padded_sequence(x, [2, 3])",
         "rnn.pack_padded_sequence(x, [2, 0])", "rnn.pack_padded_sequence(x, [3])",
         "rnn.pack_padded_sequence(x, [1, 2, 2], batch_first=True, enforce_sorted=False)",
         "rnn.pack_padded_sequence(x[:0], [0, 0])", "rnn.pack_padded_sequence(x, torch.tensor([[3, 2]]))",
         "rnn.pack_sequence([x[0], x[1, :1]])", "rnn.pack_sequence([x[1, :1], x[0]])", "rnn.pack_sequence([])",
         "rnn.pack_sequence([x[1, :1], x[0]], enforce_sorted=False)", "rnn.pad_sequence([x[0], x[1, :1]])",
         "rnn.pad_sequence([x[0], x[1, :1]], batch_first=True, padding_value=9.0)",
         "rnn.pad_sequence([x[0], x[1, :1]], padding_side='left')", "rnn.pad_sequence([x[0]], padding_side='zork')",
         "rnn.pad_sequence([x[0], x[1, :, :1]])", "rnn.pad_sequence([])", "rnn.pad_sequence(3)", "rnn.pad_sequence(x)",
         "rnn.unpad_sequence(x.clone(), torch.tensor([3, 1]))",
         "rnn.unpad_sequence(x, torch.tensor([1, 2, 2]), batch_first=True)",
         "rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [3, 2]))",
         "rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [3, 2]), True, 7.0, 5)",
         "rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [3, 2]), total_length=1)",
         "rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [1, 3], enforce_sorted=False))",
         "rnn.pad_packed_sequence(x)", "rnn.unpack_sequence(rnn.pack_sequence([x[1, :1], x[0]], enforce_sorted=False))",
         "rnn.invert_permutation(torch.tensor([2, 0, 1]))", "rnn.invert_permutation(None)",
         "p.batch_sizes, p.sorted_indices, p.unsorted_indices, p.data.shape", "p.to(torch.float64).data.dtype",
         "p.double().data.dtype", "p.half().data.dtype", "p.float() is p", "p.cpu() is p", "p.is_cuda", "p.is_pinned()",
         "len(p)",
         "p._replace(data=p.data * 2).data", "isinstance(p, tuple)", "p.int().data", "p.long().data.dtype",
         "p.byte().data.dtype",
         "p.char().data.dtype", "p.short().data.dtype", "type(p).__name__", "p[0].shape",
         "rnn.PackedSequence(x[0], torch.tensor([1, 1, 1]))",
         "rnn.PackedSequence(x[0])", "p.to('cpu', torch.float64).data.dtype", "p.to(torch.zeros(1).double()).data.dtype"]


@section
def packing_again(torch, nn, say, fails):
    x = ramp(torch, 3, 2, 2)
    rnn = nn.utils.rnn
    each(say, PACKS, rnn=rnn, x=x, torch=torch, p=rnn.pack_padded_sequence(x, [3, 2]))


# ---------------------------------------------------------------- hooks

@section
def hooks_of_every_kind(torch, nn, say, fails):
    log: list = []
    m = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    with torch.no_grad():
        for p in m.parameters():
            p.copy_(ramp(torch, *p.shape))
    x = ramp(torch, 2, 2).requires_grad_()
    handles = [m.register_forward_pre_hook(lambda mod, args, kwargs: log.append(("pre kw", len(args), sorted(kwargs))),
                                           with_kwargs=True),
               m.register_forward_pre_hook(lambda mod, args: log.append("first"), prepend=True),
               m[1].register_forward_hook(lambda mod, args, out: log.append(("tanh", out.shape))),
               m[0].register_full_backward_pre_hook(lambda mod, g: log.append(("back pre", g[0].shape))),
               m[0].register_full_backward_hook(lambda mod, gi, go: log.append(("back", gi[0].shape, go[0].shape))),
               m[0].register_full_backward_hook(lambda mod, gi, go: log.append("prepended"), prepend=True)]
    m(input=x).sum().backward()
    say(log, x.grad)
    say([type(h).__name__ for h in handles], handles[0].id < handles[1].id)
    for h in handles:
        h.remove()
        h.remove()
    log.clear()
    m(x)
    say(log)
    m = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    old = m[0].register_backward_hook(lambda mod, gi, go: log.append(("old", len(gi), len(go))))
    fails(lambda: m[0].register_full_backward_hook(lambda *a: None))
    old.remove()
    log.clear()
    m(x)
    say(log)
    m = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    with m.register_forward_hook(lambda mod, a, out: out * 2):
        say(m(x))
    fails(lambda: m.register_forward_pre_hook(lambda mod, a: 3) and m(x))


@section
def hooks_that_change(torch, nn, say, fails):
    m = nn.Linear(2, 1, bias=False)
    nn.init.ones_(m.weight)
    x = torch.ones(1, 2, requires_grad=True)
    with m.register_forward_pre_hook(lambda mod, a: a[0] * 3):
        say(m(x))
    with m.register_forward_pre_hook(lambda mod, a, k: ((a[0] * 5,), k), with_kwargs=True):
        say(m(x))
    with m.register_forward_pre_hook(lambda mod, a, k: 3, with_kwargs=True):
        fails(lambda: m(x))
    with m.register_forward_hook(lambda mod, a, k, out: (out, k), with_kwargs=True):
        say(m(input=x))
    with m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 2,)):
        m(x).sum().backward()
    say(x.grad)
    with m.register_full_backward_hook(lambda mod, gi, go: gi + gi):
        fails(lambda: m(x).sum().backward())
    with m.register_full_backward_pre_hook(lambda mod, g: (g[0] * 7,)):
        x.grad = None
        m(x).sum().backward()
    say(x.grad)


@section
def hooks_of_every_module(torch, nn, say, fails):
    G, log = nn.modules.module, []
    handles = [G.register_module_forward_pre_hook(lambda m, a: log.append(("pre", type(m).__name__))),
               G.register_module_forward_hook(lambda m, a, o: log.append(("post", type(m).__name__))),
               G.register_module_full_backward_hook(lambda m, gi, go: log.append(("back", type(m).__name__))),
               G.register_module_full_backward_pre_hook(lambda m, go: log.append(("back pre", type(m).__name__))),
               G.register_module_parameter_registration_hook(lambda m, n, p: log.append(("parameter", n))),
               G.register_module_buffer_registration_hook(lambda m, n, p: log.append(("buffer", n))),
               G.register_module_module_registration_hook(lambda m, n, p: log.append(("module", n)))]
    m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    m(torch.ones(3, 2, requires_grad=True)).sum().backward()
    for h in handles:
        h.remove()
    say(log)
    log.clear()
    nn.Linear(2, 2)(torch.ones(1, 2))
    say(log)


@section
def hooks_of_state_dicts(torch, nn, say, fails):
    log: list = []
    m = nn.Sequential(nn.Linear(2, 1))
    m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("pre", prefix, keep)))
    m[0].register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("inner pre", prefix, keep)))
    m.register_state_dict_post_hook(lambda mod, d, prefix, meta: log.append(("post", list(d), prefix, sorted(meta))))
    m._register_state_dict_hook(lambda mod, d, prefix, meta: log.append(("private", prefix)))
    state = m.state_dict(prefix="p.", keep_vars=True)
    say(list(state), type(state["p.0.weight"]).__name__, log)
    log.clear()
    m.register_load_state_dict_pre_hook(lambda mod, d, prefix, meta, strict, miss, unexpected, errors: log.append(
        ("load pre", sorted(d), prefix, strict)))
    m.register_load_state_dict_post_hook(lambda mod, keys: log.append(("load post", keys.missing_keys, keys.unexpected_keys)))
    m.load_state_dict({"0.weight": torch.ones(1, 2), "x": torch.ones(1)}, strict=False)
    say(log)
    m.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear())
    say(m.load_state_dict({"0.weight": torch.ones(1, 2)}))
    m.register_load_state_dict_post_hook(lambda mod, keys: 3)
    fails(lambda: m.load_state_dict(m.state_dict()))
    say(list(m.state_dict(destination={"a": 1})))


LOADS = ["m.load_state_dict({})", "m.load_state_dict({'weight': torch.ones(2, 2)})", "m.load_state_dict(3)",
         "m.load_state_dict({'weight': torch.ones(3), 'bias': torch.ones(1)})", "m.load_state_dict({}, strict=False)",
         "m.load_state_dict({'weight': torch.ones(2, 3), 'bias': [1, 2]})",
         "m.load_state_dict({'weight': torch.ones(2, 3), 'bias': torch.ones(2), 'a.b': 1, 'c': 2})",
         "m.load_state_dict({'weight': torch.ones(2, 3).double(), 'bias': torch.ones(2)})",
         "m.load_state_dict({'weight': torch.ones(2, 3), 'bias': torch.ones(2)}, assign=True)",
         "m.load_state_dict({'weight': torch.ones(2, 3), 'bias': torch.ones(())})",
         "m.load_state_dict({'weight': torch.ones(2, 2), 'x': torch.ones(2)}, strict=False)",
         "m.load_state_dict(nn.Linear(3, 2).state_dict())", "m.load_state_dict(nn.Linear(3, 2, bias=False).state_dict())",
         "nn.BatchNorm1d(2).load_state_dict(nn.BatchNorm1d(2, affine=False).state_dict())",
         "nn.BatchNorm1d(2).load_state_dict(nn.BatchNorm1d(3).state_dict())",
         "nn.LSTM(2, 3).load_state_dict(nn.LSTM(2, 3, 2).state_dict())",
         "nn.Sequential(nn.Linear(1, 1), nn.ReLU()).load_state_dict({'0.weight': torch.ones(1, 1), '1.w': torch.ones(1)})"]


@section
def loading_wrong_states(torch, nn, say, fails):
    for text in LOADS:
        each(say, [text], torch=torch, nn=nn, m=nn.Linear(3, 2))


# ---------------------------------------------------------------- containers and lazy modules

@section
def dicts_of_parameters(torch, nn, say, fails):
    d = nn.ParameterDict({"b": torch.ones(1), "a": nn.Parameter(torch.zeros(2))})
    texts = ["d", "list(d)", "list(d.keys())", "list(d.items())[0][0]", "[v.shape for v in d.values()]", "len(d)", "'a' in d",
             "d['a']", "d['zork']", "d.a", "d.get('zork')", "d.get('zork', 3)", "d.update({'c': torch.ones(1, 2)})", "d",
             "d.update([('e', torch.ones(1))])", "d.update(3)", "d.update([3])", "d.update([[1, 2, 3]])", "d.pop('c')",
             "d.pop('zork')", "d.popitem()", "d.setdefault('n')", "d.setdefault('m', torch.ones(2))", "list(d)",
             "list(reversed(d))", "d | {'q': torch.ones(1)}", "{'q': torch.ones(1)} | d", "d.__ior__({'r': torch.ones(1)})",
             "d.copy()", "d.fromkeys(['x', 'y'], 2)", "d(1)", "[n for n, _ in d.named_parameters()]", "d.state_dict()",
             "d.clear()", "len(d)", "nn.ParameterDict({'x': 3, 'y': torch.ones(2, requires_grad=False)})",
             "nn.ParameterDict([('k', torch.ones(1))])", "nn.ParameterDict(d)", "nn.ParameterDict(3)"]
    each(say, texts, d=d, torch=torch, nn=nn)
    d["x y"] = torch.ones(1)
    d["3"] = torch.ones(1)
    say(d, list(d.state_dict()))
    del d["3"]
    fails(lambda: d.__delitem__("zork"))
    m = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 1)})
    texts = ["m", "list(m.keys())", "[type(v).__name__ for v in m.values()]", "[k for k, v in m.items()]", "m['a']",
             "m['zork']",
             "m.pop('b')", "m.pop('b')", "m.update({'c': nn.Tanh(), 'a': nn.ELU()})", "m", "m.update([('z', nn.ReLU())])",
             "m.update(nn.ModuleDict({'w': nn.ReLU()}))", "m.update([3])", "m.update([[1, 2, 3]])", "m.update(3)",
             "m.__setitem__('x.y', nn.ReLU())", "m.__setitem__('', nn.ReLU())", "m.__setitem__('forward', nn.ReLU())",
             "m.__setitem__('keys', nn.ReLU())", "m.__setitem__('n', 3)", "m.__delitem__('zork')", "m(1)", "len(m)", "'z' in m",
             "m.clear()", "m", "nn.ModuleDict(3)", "nn.ModuleDict([('a', nn.ReLU())])"]
    each(say, texts, m=m, nn=nn)


@section
def lists_of_modules(torch, nn, say, fails):
    texts = ["s", "s[0:2]", "s[-1]", "s[5]", "s['0']", "s.append(nn.ELU())", "s.insert(0, nn.Tanh())", "s.insert(9, nn.Tanh())",
             "s.insert(0, 3)", "s.extend([nn.ReLU()])", "s.pop(1)", "s.pop(99)", "len(s)", "s.__delitem__(0)",
             "s.__delitem__(slice(0, 2))",
             "s", "s.__setitem__(0, nn.ReLU())", "s.__setitem__(9, nn.ReLU())", "s + s", "s * 2", "2 * s", "s * 0",
             "s * -1", "s * 'a'",
             "s + 3", "s.append(3)", "s.extend([3])", "s.extend(3)", "list(s.named_children())[0][0]", "nn.Sequential(3)",
             "nn.Sequential([nn.ReLU()])", "nn.ReLU() in list(s)"]
    each(say, texts, s=nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), nn=nn)
    each(say, [t for t in texts if "*" not in t and "Sequential" not in t and t != "s + 3"],
         s=nn.ModuleList([nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)]), nn=nn)
    each(say, ["p", "p[0]", "p[-1]", "p[:1]", "p[9]", "p.append(torch.ones(1))", "p.extend([torch.ones(2), 3])", "p", "len(p)",
               "p.pop()", "p.__setitem__(0, torch.zeros(1))", "p.__delitem__(0)", "p + [torch.ones(1)]",
               "p.__iadd__([torch.ones(1)])",
               "list(p.state_dict())", "p.extend(3)", "p(1)", "nn.ParameterList(torch.ones(2, 2))", "nn.ParameterList(3)",
               "p.insert(0, 3)", "[type(x).__name__ for x in p]"],
         p=nn.ParameterList([torch.ones(2), nn.Parameter(torch.ones(1, 3))]), nn=nn, torch=torch)


LAZY = [("LazyLinear(3)", (2, 4)), ("LazyLinear(3, bias=False)", (4,)), ("LazyConv1d(3, 2)", (1, 2, 5)),
        ("LazyConv2d(4, 2, groups=2, bias=False)", (1, 2, 5, 4)), ("LazyConv3d(3, 1)", (1, 2, 3, 3, 3)),
        ("LazyConvTranspose1d(3, 2)", (1, 2, 5)), ("LazyConvTranspose2d(3, 2)", (2, 4, 4)), ("LazyConvTranspose3d(3, 1)",
                                                                                             (1, 2, 2, 2, 2)),
        ("LazyBatchNorm1d()", (3, 2)), ("LazyBatchNorm2d(affine=False)", (2, 3, 2, 2)), ("LazyBatchNorm3d()", (2, 3, 1, 2, 2)),
        ("LazyInstanceNorm1d()", (2, 3, 4)), ("LazyInstanceNorm2d(affine=True)", (2, 3, 2, 2)), ("LazyInstanceNorm3d()", (1,
                                                                                                                          2,
                                                                                                                          2,
                                                                                                                          2,
                                                                                                                          2))]


@section
def lazy_modules(torch, nn, say, fails):
    for text, shape in LAZY:
        torch.manual_seed(6)
        m = eval("nn." + text, {"nn": nn})
        say(m, m.has_uninitialized_params(), list(m.state_dict()), type(m).__name__)
        say([type(p).__name__ for p in m.parameters()], [repr(p) for p in m.parameters()][:1])
        fresh = eval("nn." + text, {"nn": nn})
        y = m(ramp(torch, *shape))
        say(m, type(m).__name__, y.sum(), m.has_uninitialized_params() if hasattr(m, "has_uninitialized_params") else None)
        fresh.load_state_dict(m.state_dict())
        say(fresh.state_dict().keys() == m.state_dict().keys())
        each(say, ["m(x).sum()"], m=fresh, x=ramp(torch, *shape))
        fails(lambda m=m: m(ramp(torch, 2, 7, 1, 1)))
    lazy = nn.LazyLinear(2)
    each(say, ["lazy.weight.shape", "lazy.weight.dtype", "lazy.weight.device", "lazy.half().weight.dtype",
               "len(list(lazy.parameters()))", "copy.deepcopy(lazy)", "lazy.weight.materialize((2, 2))",
               "lazy.weight.is_leaf", "nn.Sequential(nn.LazyLinear(2), nn.ReLU())(torch.ones(1, 3)).shape",
               "nn.parameter.UninitializedParameter()", "nn.parameter.UninitializedBuffer()", "lazy.load_state_dict({})",
               "nn.LazyConv2d(3, 2)(torch.ones(3))", "nn.LazyBatchNorm1d()(torch.ones(1, 2, 3, 4))",
               "nn.parameter.is_lazy(nn.LazyLinear(2).weight)"], lazy=lazy, nn=nn, torch=torch, copy=__import__("copy"))


@section
def buffers_and_names(torch, nn, say, fails):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_module("lin", nn.Linear(2, 2))
            self.register_buffer("kept", torch.ones(2))
            self.register_buffer("left", torch.ones(1), persistent=False)
            self.register_buffer("none", None)
            self.b = nn.Buffer(torch.zeros(1))
            self.c = nn.Buffer(torch.zeros(1), persistent=False)
            self.again = self.lin
            self.register_parameter("nothing", None)

        def extra_repr(self):
            return "one=1\ntwo=2"
    m = Net()
    m.inner = Net()
    texts = ["m", "list(m.state_dict())", "[n for n, _ in m.named_buffers()]", "[n for n, _ in m.named_buffers(recurse=False)]",
             "[n for n, _ in m.named_buffers('p', remove_duplicate=False)]", "[n for n, _ in m.named_modules()]",
             "[n for n, _ in m.named_modules(prefix='root', remove_duplicate=False)]", "[n for n, _ in m.named_children()]",
             "[n for n, _ in m.named_parameters('x')]", "[n for n, _ in m.named_parameters(remove_duplicate=False)]",
             "m.get_submodule('inner.lin')", "m.get_submodule('')is m", "m.get_parameter('inner.lin.weight').shape",
             "m.get_parameter('inner.zork')", "m.get_parameter('kept')", "m.get_buffer('inner.kept')",
             "m.get_buffer('inner.lin.weight')",
             "m.get_buffer('zork.kept')", "m.get_submodule('inner.kept')", "m.set_submodule('inner.lin', nn.ReLU())",
             "m.inner.lin",
             "m.set_submodule('', nn.ReLU())", "m.set_submodule('zork.x', nn.ReLU())", "m.set_submodule('inner.lin', 3)",
             "m.set_submodule('inner.new', nn.ReLU(), strict=True)", "m.add_module('x', None)", "m.x",
             "m.register_buffer('kept', torch.ones(1))",
             "m.kept", "m.register_buffer('lin', torch.ones(1))", "m.register_buffer('z', torch.ones(1), persistent='a')",
             "m.get_extra_state()", "m.set_extra_state(3)", "m.share_memory() is m", "m.cpu() is m", "m.to('meta').kept.device",
             "m.to_empty(device='cpu').kept.shape", "m.type(torch.float64).kept.dtype",
             "m.requires_grad_(False).lin.weight.requires_grad",
             "m.compile()", "m.extra_repr()", "m._get_name()", "m.eval().training", "m.apply(3)", "nn.Buffer(torch.ones(1))",
             "nn.Parameter(torch.ones(1), requires_grad=False)", "nn.Parameter()", "nn.Parameter(torch.tensor([1]))",
             "nn.Parameter(torch.tensor([1]), requires_grad=False)", "isinstance(nn.Parameter(torch.ones(1)), torch.Tensor)",
             "isinstance(nn.Buffer(torch.ones(1)), nn.Buffer)", "m.half().kept.dtype",
             "m.float().double().bfloat16().kept.dtype",
             "nn.Module()", "nn.Module().forward(1)"]
    each(say, texts, m=m, nn=nn, torch=torch)
