"""What modules, functions and helpers refuse, warn of and keep: hooks, layouts, state, data; run as `program.py` says."""

import copy
import pickle
import warnings
from collections import UserDict, UserList, namedtuple

from .program import kind_of

SECTIONS: list = []


def check(fn):
    SECTIONS.append(fn)
    return fn


def warned(call) -> list:
    """The class and text of each warning of a call."""
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        call()
    return [f"{w.category.__name__}: {w.message}" for w in log]


def attempt(say, name, call) -> None:
    try:
        say(name, "->", call())
    except Exception as error:
        say(name, "->", f"{kind_of(error)}: {str(error).splitlines()[0]}")


@check
def assertions(torch, nn, say, fails):
    close = torch.testing.assert_close
    t = torch.tensor
    a, b = t([1.0, 2.0, 3.0]), t([1.0, 4.0, 5.0])
    for given in ((a, b), (t(1.0), t(2.0)), (1.0, 1.5), (1, 1.0), (a, [1.0, 2.0, 3.0]), (True, False), (None, 1), (a,
        a.double()),
                  (a, a[:2]), ([a, a], [a, b]), ({"x": a}, {"x": b}), ({"x": a}, {"y": b}), ([a], [a, a]), (t([1, 2]), t([1,
                      4])),
                  (t(float("nan")), t(float("nan"))), ("a", "b"), (t([True]), t([False])), ([(1, 2.0)], [(1, 2.5)])):
        fails(lambda given=given: close(*given))
    fails(lambda: close(a, b, msg="mine"))
    fails(lambda: close([a], [b], msg=lambda text: f"before\n{text}\nafter"))
    fails(lambda: close(a, b, rtol=0, atol=0))
    fails(lambda: close(a, b, rtol=0.1))
    fails(lambda: close(nn.Parameter(a), a, allow_subclasses=False))
    fails(lambda: close(torch.ones(2, 3), torch.ones(3, 2).t(), check_stride=True))
    fails(lambda: close(a, a.double(), check_dtype=False))
    fails(lambda: close(t(float("nan")), t(float("nan")), equal_nan=True))


@check
def random_numbers_for_tests(torch, nn, say, fails):
    make = torch.testing.make_tensor
    for dtype in (torch.float32, torch.int64, torch.uint8, torch.bool, torch.complex64, torch.bfloat16):
        say(make((2, 3), dtype=dtype, device="cpu"))
    say(make(3, dtype=torch.float32, device="cpu", low=0, high=1, exclude_zero=True, requires_grad=True))
    say(make((2, 2), dtype=torch.float64, device="cpu", noncontiguous=True).stride())
    say(make((1, 2, 2, 2), dtype=torch.float32, device="cpu", memory_format=torch.channels_last).stride())
    fails(lambda: make(2, dtype=torch.int64, device="cpu", requires_grad=True))
    fails(lambda: make(2, dtype=torch.int64, device="cpu", low=3, high=3))
    fails(lambda: make(2, dtype=torch.float32, device="cpu", low=float("nan")))
    fails(lambda: make(2, dtype=torch.uint8, device="cpu", low=300, high=400))
    say(warned(lambda: make(2, dtype=torch.float32, device="cpu", low=1, high=1)))


@check
def old_backward_hooks(torch, nn, say, fails):
    module = nn.Sigmoid()
    handle = module.register_backward_hook(lambda m, gi, go: say("hook", type(m).__name__, gi, go))
    x = torch.ones(2, requires_grad=True)
    say(warned(lambda: module(x).sum().backward()))
    say(len(handle.hooks_dict_ref()))
    fails(lambda: module.register_full_backward_hook(print))
    handle.remove()
    handle.remove()
    say(len(module._backward_hooks))

    class Several(nn.Module):
        def forward(self, x):
            return {"a": x * 2, "b": x.exp()}

    module = Several()
    module.register_backward_hook(lambda m, gi, go: None)
    say(warned(lambda: module(x)))
    module = Several()
    module.register_full_backward_hook(lambda m, gi, go: None)
    say([text.partition(" but received")[0] for text in warned(lambda: module(x))])


@check
def what_hooks_return(torch, nn, say, fails):
    x = torch.ones(3, requires_grad=True)
    for hook in (lambda m, gi, go: (gi[0] * 2,), lambda m, gi, go: (), lambda m, gi, go: None):
        module = nn.Tanh()
        module.register_full_backward_hook(hook)
        attempt(say, "full", lambda module=module: torch.autograd.grad(module(x).sum(), x)[0])
    for hook in (lambda m, go: (go[0] * 3,), lambda m, go: (go[0], go[0])):
        module = nn.Tanh()
        module.register_full_backward_pre_hook(hook)
        attempt(say, "pre", lambda module=module: torch.autograd.grad(module(x).sum(), x)[0])
    module = nn.Tanh()
    module.register_forward_hook(lambda m, a, out: say("always", out is None), always_call=True)
    fails(lambda: module("no tensor"))
    module = nn.Linear(2, 1)
    module.register_full_backward_hook(lambda m, gi, go: say("no inputs", gi))
    say([text.partition(" See")[0] for text in warned(lambda: module(torch.ones(1, 2)).sum().backward())])


@check
def hooks_are_copied(torch, nn, say, fails):
    module = nn.BatchNorm1d(2)
    module.register_load_state_dict_pre_hook(told_prefix)
    for made in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        made.load_state_dict(module.state_dict())
        say(made.told, hasattr(module, "told"))


def told_prefix(module, state_dict, prefix, *others):
    module.told = f"{type(module).__name__} at '{prefix}'"


@check
def refusals(torch, nn, say, fails):
    F, x = torch.nn.functional, torch.rand(1, 2, 3, 4)
    lengths, labels = torch.tensor([3, 2]), torch.randint(1, 4, (5,))
    scores = torch.randn(5, 2, 4).log_softmax(2)
    fails(lambda: F.ctc_loss(scores, labels, torch.tensor([5.0, 5.0]), lengths))
    fails(lambda: F.ctc_loss(scores, labels, torch.tensor([5, 5]), lengths.float()))
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        fails(lambda kind=kind: kind(5, 6)(torch.ones(0, 2, 5)))
    fails(lambda: F.affine_grid(torch.zeros(1, 3, 4), torch.Size([1, 1, 2, 0, 1]), align_corners=False))
    fails(lambda: F.affine_grid(torch.zeros(2, 3), torch.Size([1, 1, 2, 1]), align_corners=False))
    for shapes in (((1, 2, 2), (1, 1, 1, 2)), ((1, 1, 2, 2), (1, 1, 1, 1, 3)), ((1, 1, 2, 2), (2, 1, 1, 2)), ((2, 2), (1, 2))):
        fails(lambda shapes=shapes: F.grid_sample(*map(torch.zeros, shapes), align_corners=False))
    fails(lambda: F.grid_sample(x, torch.zeros(1, 1, 1, 2).double(), align_corners=False))
    fails(lambda: nn.Fold((4, 5), (2, 2), dilation=8)(torch.randn(1, 12, 12)))
    fails(lambda: nn.Dropout1d(0.5)(x))
    fails(lambda: nn.utils.rnn.pack_padded_sequence(torch.randn(0, 0), torch.zeros(1, 1, dtype=torch.long)))
    fails(lambda: nn.Linear(2, 2).to("cpu", copy=True))
    fails(lambda: nn.FractionalMaxPool2d(3, output_ratio=(0.5, 0.5))(torch.ones(1, 0, 8, 8)))
    fails(lambda: F.fractional_max_pool3d(torch.randn(1, 2, 5, 5, 5), (1,), output_size=2))
    fails(lambda: F.fractional_max_pool3d(torch.randn(1, 2, 5, 5, 5), (1, 2, 3), output_size=3))
    for pool in (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.adaptive_max_pool3d):
        fails(lambda pool=pool: pool(torch.randn(1, 4, 6, 5, requires_grad=True)[0 if pool is F.adaptive_avg_pool1d else ...],
                                     0).sum().backward())
    fails(lambda: F.scaled_dot_product_attention(x[0], x[0], x[0], torch.ones(3, 3), is_causal=True))
    fails(lambda: nn.utils.weight_norm(nn.LazyLinear(3)))
    fails(lambda: nn.utils.spectral_norm(nn.LazyLinear(3)))
    for name, more in (("elu_", (-2,)), ("celu_", (-2,)), ("leaky_relu_", (-2,)), ("rrelu_", (-5.0, 1.0)), ("elu_", (2,))):
        a = torch.tensor([-1.0, 1.0], requires_grad=True)
        fails(lambda a=a, name=name, more=more: getattr(F, name)(a.clone(), *more).sum().backward())


@check
def warnings_of_layers(torch, nn, say, fails):
    F = torch.nn.functional
    say(warned(lambda: F.affine_grid(torch.zeros(1, 2, 3), torch.Size([1, 1, 2, 1]), align_corners=True)))
    say(warned(lambda: F.affine_grid(torch.zeros(1, 2, 3), torch.Size([1, 1, 2, 2]))))
    say(warned(lambda: F.grid_sample(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 2))))
    say(warned(lambda: nn.Linear(2, 2).to(torch.complex64)))
    for layer, shape in ((nn.Dropout2d, (2, 2, 2)), (nn.Dropout2d, (2, 2, 2, 2, 2)), (nn.Dropout3d, (2,)), (nn.Dropout3d, (2,
        2, 2, 2))):
        say(warned(lambda layer=layer, shape=shape: layer(0.5)(torch.ones(shape))))


@check
def channels_last(torch, nn, say, fails):
    F = torch.nn.functional
    x = torch.randn(2, 4, 6, 8).to(memory_format=torch.channels_last)
    ways = {
        "conv": lambda: nn.Conv2d(4, 3, 3)(x), "weights": lambda: nn.Conv2d(4, 3,
        3).to(memory_format=torch.channels_last)(x.contiguous()),
        "transposed": lambda: nn.ConvTranspose2d(4, 3, 3)(x), "batch norm": lambda: nn.BatchNorm2d(4)(x),
        "group norm": lambda: nn.GroupNorm(2, 4)(x), "layer norm": lambda: F.layer_norm(x, (8,)),
        "rms norm": lambda: F.rms_norm(x, (8,)),
        "shuffle": lambda: F.pixel_shuffle(x, 2), "unshuffle": lambda: F.pixel_unshuffle(x, 2),
        "channels": lambda: F.channel_shuffle(x, 2),
        "pad": lambda: F.pad(x, (1, 1)), "reflect": lambda: F.pad(x, (1, 1, 1, 1), mode="reflect"),
        "max": lambda: F.max_pool2d(x, 2),
        "average": lambda: F.avg_pool2d(x, 2), "adaptive": lambda: F.adaptive_avg_pool2d(x, 3),
        "up": lambda: F.interpolate(x, scale_factor=2),
        "bilinear": lambda: F.interpolate(x, scale_factor=2, mode="bilinear"), "cat": lambda: torch.cat([x, x], 1),
        "mixed": lambda: torch.cat([x, x.contiguous()], 1), "flip": lambda: x.flip(2), "roll": lambda: x.roll(1, 2),
        "unpool": lambda: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), "dropout": lambda: F.dropout(x, 0.5)}
    for name, way in ways.items():
        y = way()
        say(name, y.stride(), y.float().abs().mean())
    say(F.pad(x, (0, 0, 0, 0), mode="reflect").data_ptr() == x.data_ptr(), torch.channels_last,
        isinstance(torch.channels_last, torch.memory_format))
    say([x.dim_order(), x.contiguous().dim_order(), torch.ones(2, 3).t().dim_order()])
    fails(lambda: torch.ones(1, 2, 3, 4).dim_order(ambiguity_check=True))
    fails(lambda: torch.ones(1, 2, 3, 4).dim_order(ambiguity_check="yes"))


@check
def long_rows(torch, nn, say, fails):
    F, x = torch.nn.functional, torch.rand(2, 1 << 20) + 1
    say(x.var(1), F.layer_norm(x, (1 << 20,))[:, :3] * 10, F.group_norm(x.reshape(2, 4, -1), 2)[:, 0, :3] * 10)


@check
def bags_of_embeddings(torch, nn, say, fails):
    F, i = torch.nn.functional, torch.tensor([0, 1, 2, 3])
    w = (torch.arange(12.0) + 1).view(6, 2)
    for mode in ("sum", "mean", "max"):
        for pad in (None, 5):
            for offsets in ([0, 3, 3], [0, 3, 4], [0, 0, 3]):
                for dtype in (torch.float32, torch.float64):
                    say(F.embedding_bag(i, w.to(dtype), torch.tensor(offsets), mode=mode, include_last_offset=True,
                        padding_idx=pad))
            fails(lambda mode=mode, pad=pad: F.embedding_bag(torch.tensor([[-1, 1]]), w, mode=mode, padding_idx=pad))
    fails(lambda: F.embedding_bag(i, w, torch.tensor([0, 2]), mode="sum", per_sample_weights=torch.ones(4).double()))
    fails(lambda: F.embedding_bag(i, w, torch.tensor([0, 2]), padding_idx=9))
    fails(lambda: F.embedding_bag(torch.tensor([1]), w.view(3, 2, 2), torch.tensor([0])))
    say(nn.Embedding(0, 0)(torch.tensor([], dtype=torch.long)).shape, nn.Embedding(3, 0)(torch.tensor([[0, 2]])).shape)


@check
def gradients_of_convolutions(torch, nn, say, fails):
    for n in (1, 2, 3):
        x, w = torch.randn(2, 4, *(5,) * n), torch.randn(6, 2, *(3,) * n)
        y = getattr(torch.nn.functional, f"conv{n}d")(x, w, None, 2, 1, 1, 2)
        g = torch.randn_like(y)
        say(getattr(torch.nn.grad, f"conv{n}d_input")(x.shape, w, g, 2, 1, 1, 2).sum(0).flatten()[:4])
        say(getattr(torch.nn.grad, f"conv{n}d_weight")(x, w.shape, g, 2, 1, 1, 2).sum(0).flatten()[:4])


@check
def other_state(torch, nn, say, fails):
    state = nn.Sequential(nn.Linear(1, 1)).state_dict(prefix="module.")
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    say(list(state), list(state._metadata))
    m = nn.utils.spectral_norm(nn.Linear(3, 5))
    old = copy.deepcopy(m.state_dict())
    del old._metadata[""]["spectral_norm"], old["weight_v"]
    old["weight"] = m.weight.detach().clone()
    say(m.load_state_dict(old), sorted(m.state_dict()))
    m.eval()
    say(m(torch.ones(1, 3)))
    with torch.no_grad():
        say(nn.utils.parametrizations.orthogonal(nn.Linear(3, 3, dtype=torch.complex64)).weight.abs().pow(2).sum(1))
    flags = torch.backends.cudnn
    before = flags.benchmark
    with flags.flags(enabled=False, benchmark=True):
        say(flags.enabled, flags.benchmark)
    say(flags.enabled, flags.benchmark == before)
    x = torch.ones(2)
    say(isinstance(x, torch.FloatTensor), isinstance(x, torch.DoubleTensor), isinstance(x.long(), torch.LongTensor))
    say(x.new([1, 2]), x.long().new(2, 3).shape, x.to_dense() is x, torch.typename(nn.Parameter), torch.typename(x), x._grad)
    g = torch.Generator().manual_seed(3)
    say(g.get_state().dtype, g.get_state().shape, torch.Generator().set_state(g.get_state()).initial_seed())
    say(torch.histogramdd(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), bins=[2, 2]))


@check
def calls_with_other_tensors(torch, nn, say, fails):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x, *, more=0):
            self.seen = self.seen + 1
            return x + self.seen + more + getattr(self, "extra", 0)

    m, given = Counting(), {"seen": torch.tensor([5.0]), "extra": torch.ones(1)}
    say(torch.func.functional_call(m, given, torch.zeros(1)), given["seen"], m.seen, hasattr(m, "extra"))
    say(torch.func.functional_call(m, {}, (torch.zeros(1),), {"more": 2}), m.seen)
    fails(lambda: torch.func.functional_call(m, {"seen": 3}, torch.zeros(1)))
    fails(lambda: torch.func.functional_call(m, {"training": torch.ones(1)}, torch.zeros(1)))
    say(m.training, m.seen)


Pair = namedtuple("Pair", "a b")


@check
def batches(torch, nn, say, fails):
    data = torch.utils.data
    say(data.default_collate([Pair(1, 2.0), Pair(3, 4.0)]), data.default_collate([UserDict(a=1), UserDict(a=2)])["a"])
    say(type(data.default_collate([UserList([1, 2]), UserList([3, 4])])).__name__, data.default_collate([range(2), range(2)]))
    fails(lambda: data.default_collate([[1], [1, 2]]))
    fails(lambda: data.default_collate([object()]))

    class Broken(data.Dataset):
        def __getitem__(self, i):
            if i % 2:
                raise RuntimeError(f"sample {i}")
            return i

        def __len__(self):
            return 5

    it, seen = iter(data.DataLoader(Broken())), []
    for _ in range(5):
        try:
            seen.append(next(it).item())
        except RuntimeError as error:
            seen.append(str(error))
    say(seen, next(it, "end"))
    loader = data.DataLoader(Broken(), batch_size=2)
    for name in ("batch_size", "sampler", "drop_last", "dataset"):
        fails(lambda name=name: setattr(loader, name, 3))
    say(data.DataLoader[int] is not None, len(iter(loader)))

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    say(list(data.DataLoader(Stream(), batch_size=2)), list(data.DataLoader(Stream(), batch_size=None)))
    fails(lambda: data.ConcatDataset([Stream()]))
    fails(lambda: list(data.ChainDataset([[1, 2]])))
    sampler = data.WeightedRandomSampler([0.1, 0.9, 0.4], 4)
    twice = [iter(sampler), iter(sampler)]
    torch.manual_seed(0)
    first = next(twice[0])
    torch.manual_seed(0)
    say(first == next(twice[1]))


@check
def own_distributions(torch, nn, say, fails):
    D, constraints = torch.distributions, torch.distributions.constraints

    class Point(D.Distribution):
        arg_constraints = {"where": constraints.real}

        def __init__(self, where, validate_args=None):
            self.where = where
            super().__init__(where.shape, validate_args=validate_args)

        @constraints.dependent_property(is_discrete=False, event_dim=0)
        def support(self):
            return constraints.interval(self.where, self.where)

        def expand(self, batch_shape, _instance=None):
            new = self._get_checked_instance(Point, _instance)
            new.where = self.where.expand(batch_shape)
            super(Point, new).__init__(batch_shape, validate_args=False)
            return new

        def log_prob(self, value):
            if self._validate_args:
                self._validate_sample(value)
            return torch.zeros_like(value)

    p = Point(torch.ones(2), validate_args=True)
    say(p, p.log_prob(torch.ones(2)), p.expand(torch.Size((3, 2))).batch_shape, Point.support.event_dim,
        Point.support.is_discrete)
    fails(lambda: p.log_prob(torch.zeros(2)))
    fails(lambda: Point(torch.tensor(float("nan")), validate_args=True))

    class Bare(D.Distribution):
        def __init__(self):
            super().__init__(validate_args=True)

    say([text.partition("'>")[2] for text in warned(Bare)],
        [text.partition("'>")[2] for text in warned(lambda: Bare()._validate_sample(torch.ones(())))])

    class Even(constraints.Constraint):
        def check(self, value):
            return value % 2 == 0

    say(Even().check(torch.arange(3)), Even().event_dim, Even().is_discrete, Even())
    D.transform_to.register(Even, lambda constraint: D.AffineTransform(0, 2))
    say(D.transform_to(Even())(torch.tensor(3.0)), D.constraint_registry.biject_to(constraints.positive)(torch.tensor(0.0)))
    fails(lambda: D.transform_to.register(3, print))
    fails(lambda: constraints.dependent.event_dim)
    say(constraints.dependent(event_dim=2).event_dim, D.Categorical.support.is_discrete, D.Multinomial.support.event_dim)
    say(D.utils.tril_matrix_to_vec(torch.arange(9).view(3, 3), -1), D.utils.vec_to_tril_matrix(torch.arange(6.0)))
    mixture = D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Normal(torch.zeros(2), torch.ones(2)))
    say(mixture.expand((3,)).batch_shape, mixture.support)
    x = torch.tensor(0.0, requires_grad=True)
    say(torch.autograd.grad(D.Binomial(1.0, logits=x).log_prob(torch.tensor(0.0)), x))
    both = D.CatTransform([D.AffineTransform(0, 2 * torch.ones(2), event_dim=1)] * 2, 1, [2, 2])
    say(both.log_abs_det_jacobian(torch.ones(3, 4), torch.ones(3, 4)), both.event_dim)
    covariance = torch.eye(2, requires_grad=True)
    with torch.no_grad():
        normal = D.MultivariateNormal(torch.zeros(2), covariance)
    say(normal.precision_matrix.shape)


@check
def watched_steps(torch, nn, say, fails):
    model = nn.Linear(1, 1)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(opt, 1)
    plain = opt.step
    opt.step = lambda *given: plain(*given)
    opt.step()
    say(warned(schedule.step), torch.optim.lr_scheduler.EPOCH_DEPRECATION_WARNING)


@check
def rearrangements(torch, nn, say, fails):
    x = torch.arange(2 * 4 * 6 * 3).view(2, 4, 6, 3)
    for pattern, lengths in (("b h w c -> b c h w", {}), ("b h w c -> (b h) w c", {}), ("b h w c -> h (b w) c", {}),
                             ("b (h1 h) (w1 w) c -> (b h1 w1) h w c", {"h1": 2, "w1": 2}), ("b ... c -> c ... b", {}),
                             ("b (h h1) (w w1) c -> b h w (c h1 w1)", {"h1": 2, "w1": 2}), ("b ... -> b (...)", {}),
                             ("b h w c -> b 1 h w () c", {}), ("b h w c -> b h w c", {"b": 2})):
        found = torch.func.rearrange(x, pattern, **lengths)
        say(pattern, found.shape, found.flatten()[::7])
    say(torch.func.rearrange([torch.ones(2), torch.zeros(2)], "a b -> b a"))
    for pattern in ("b h w -> b h w", "b h w c - b", "b h w c c -> b", "b (h w c -> b h w c", "b h w c) -> b h w c",
                    "b h w c -> b h w", "b (h ...) -> b h ...", "b h w c -> b h w c ...", "b h w 2 -> b h w 2"):
        fails(lambda pattern=pattern: torch.func.rearrange(x, pattern))
    fails(lambda: torch.func.rearrange(x, "b h w c -> b h w c", z=3))
