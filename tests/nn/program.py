"""What modules say and do, step by step: each section is run with PyTorch by the recorder and with tcli by the test.

`say` notes values as text, `fails` the class and message of what a call raises.
"""

import copy
import pickle
import re
from collections import OrderedDict

SECTIONS: list = []


def section(fn):
    SECTIONS.append(fn)
    return fn


def kind_of(error: Exception) -> str:
    """The Python class a handler would catch."""
    return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def each(say, texts, **names) -> None:
    """Notes what each expression gives, or the class and message of what it raises."""
    for text in texts:
        try:
            say(text, "->", eval(text, names))
        except Exception as error:
            say(text, "->", f"{kind_of(error)}: {error}")


def parts(text: str) -> tuple[list, list]:
    """The words and the numbers of a line; which op made a tensor is left out."""
    text = re.sub(r",?\s+grad_fn=<[^>]*>", "", text)
    number = r"-?\d+\.\d*(?:e[+-]\d+)?"
    return re.sub(r"\s+", " ", re.sub(number, "#", text)).split(), [float(n) for n in re.findall(number, text)]


def run(fn, torch, nn, lines: list | None = None) -> list:
    lines = [] if lines is None else lines

    def say(*values) -> None:
        lines.append(" ".join(map(str, values)))

    def fails(call) -> None:
        try:
            call()
        except Exception as error:
            lines.append(f"{kind_of(error)}: {error}")
        else:
            lines.append("nothing raised")

    torch.manual_seed(0)
    fn(torch, nn, say, fails)
    return lines


def net(torch, nn):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 3)
            self.seq = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
            self.register_buffer("buf", torch.ones(2))
            self.register_buffer("nb", torch.zeros(1), persistent=False)
            self.w = nn.Parameter(torch.zeros(2))
            self.l = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)] + [nn.ReLU()])
            self.shared = self.a
            self.d = nn.ModuleDict({"x": nn.ReLU(), "y": nn.Tanh()})
            self.pl = nn.ParameterList([torch.ones(2), nn.Parameter(torch.zeros(1, 3)), "s"])
            self.pd = nn.ParameterDict({"b": torch.ones(1), "a": nn.Parameter(torch.ones(2))})

        def forward(self, x):
            return self.seq(self.a(x))
    return Net()


def names(pairs) -> list:
    return [name for name, _ in pairs]


@section
def walking(torch, nn, say, fails):
    m = net(torch, nn)
    say(m)
    for walk in (m.named_parameters, m.named_buffers, m.named_modules, m.named_children):
        say(names(walk()))
    say(names(m.named_parameters(remove_duplicate=False)), names(m.named_modules(remove_duplicate=False)))
    say(names(m.named_parameters(prefix="p", recurse=False)))
    say(len(list(m.parameters())), len(list(m.buffers())), len(list(m.modules())), len(list(m.children())))
    say(m.get_submodule("seq.0"), m.get_parameter("a.bias").shape, m.get_buffer("buf"))
    fails(lambda: m.zork)
    fails(lambda: m.get_submodule("seq.7"))
    fails(lambda: m.get_submodule("zork.x"))
    fails(lambda: m.get_submodule("w"))
    fails(lambda: m.get_parameter("a.zork"))
    fails(lambda: m.get_parameter("buf"))
    fails(lambda: m.get_buffer("w"))
    say(hasattr(m, "seq"), hasattr(m, "nope"), "seq" in dir(m), "w" in dir(m))
    seen = []
    nn.Sequential(nn.Linear(1, 1), nn.ReLU()).apply(lambda module: seen.append(type(module).__name__))
    say(seen)


@section
def state_dicts(torch, nn, say, fails):
    m = net(torch, nn)
    state = m.state_dict()
    say(state, state._metadata)
    broken = OrderedDict((k, v) for k, v in state.items() if k not in ("a.bias", "w"))
    broken |= {"zzz": torch.ones(1), "seq.0.weight": torch.ones(4, 4), "seq.9.bias": torch.ones(1), "buf": 3}
    fails(lambda: m.load_state_dict(broken))
    say(m.load_state_dict(state))
    part = {k: v for k, v in state.items() if k != "w"}
    say(m.load_state_dict(part, strict=False))
    fails(lambda: m.load_state_dict(part))
    fails(lambda: m.load_state_dict([1]))
    fails(lambda: m.load_state_dict(part | {"w": torch.ones(2), "qq": torch.ones(1)}))
    m.load_state_dict(state, assign=True)
    say(m.a.weight.data_ptr() == state["a.weight"].data_ptr(), type(m.w).__name__, m.w.requires_grad)

    class Extra(nn.Module):
        def get_extra_state(self):
            return {"v": 1}

        def set_extra_state(self, state):
            say("extra", state)

    extra = Extra()
    say(extra.state_dict())
    extra.load_state_dict(extra.state_dict())
    fails(lambda: extra.load_state_dict({}))


@section
def registering(torch, nn, say, fails):
    m = net(torch, nn)
    for name, value in (("a", 3), ("w", torch.ones(2)), ("buf", "x")):
        fails(lambda name=name, value=value: setattr(m, name, value))
    for name in ("w.x", "", "forward", 3):
        fails(lambda name=name: m.register_parameter(name, None))
    for name in ("a.b", "forward"):
        fails(lambda name=name: m.register_buffer(name, None))
    for name, module in (("x.y", nn.ReLU()), ("x", 3), ("buf", nn.ReLU()), (3, None)):
        fails(lambda name=name, module=module: m.add_module(name, module))
    fails(lambda: m.register_parameter("q", torch.ones(2)))
    fails(lambda: m.register_parameter("q", nn.Linear(1, 1)))
    fails(lambda: m.register_buffer("q", 3))

    class Early(nn.Module):
        def __init__(self, act):
            act(self)

    fails(lambda: Early(lambda m: setattr(m, "x", nn.Linear(1, 1))))
    fails(lambda: Early(lambda m: setattr(m, "x", nn.Parameter(torch.ones(1)))))
    fails(lambda: Early(lambda m: m.register_buffer("x", torch.ones(1))))
    fails(lambda: Early(lambda m: m.register_parameter("x", None)))
    m.w = None
    say(m.w, names(m.named_parameters(recurse=False)))
    m.w, m.buf, m.plain, m.a = nn.Parameter(torch.ones(2)), torch.zeros(2), torch.ones(1), None
    say(m.buf, m.a, names(m.named_buffers()))
    del m.buf
    fails(lambda: m.buf)
    fails(lambda: delattr(m, "nope"))


@section
def sequential(torch, nn, say, fails):
    s = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    say(len(s), s[0], s[-1], s[:2], [type(i).__name__ for i in s])
    s.append(nn.Tanh())
    s.insert(1, nn.Sigmoid())
    say(s)
    del s[0]
    s[0] = nn.ReLU()
    say(s.pop(0), s + nn.Sequential(nn.ELU()), s * 2)
    s.extend([nn.ReLU()])
    del s[1:3]
    s += nn.Sequential(nn.ReLU())
    s *= 2
    say(s, nn.Sequential(OrderedDict([("a", nn.ReLU()), ("b", nn.Tanh())])), nn.Sequential(nn.Sequential()))
    fails(lambda: s[30])
    fails(lambda: s + [1])


@section
def module_lists_and_dicts(torch, nn, say, fails):
    many = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
    many.append(nn.Tanh())
    many.insert(1, nn.ELU())
    many.extend([nn.ReLU()])
    say(many, many[1:3], len(many), many[-1])
    many[0] = nn.GELU()
    say(many.pop(1), many + [nn.ELU()])
    many += [nn.ReLU()]
    del many[0]
    say(many, nn.ModuleList())
    fails(lambda: many.extend(3))
    fails(lambda: many[44])
    fails(lambda: many(3))
    fails(lambda: nn.ModuleList([1]))
    d = nn.ModuleDict([["a", nn.ReLU()], ["b", nn.Tanh()]])
    d["c"] = nn.ELU()
    say(d, list(d.keys()), "a" in d, len(d), list(d), d.pop("a"))
    d.update({"z": nn.ReLU()})
    say(d)
    fails(lambda: d["nope"])
    for wrong in (3, [3], [[1, 2, 3]]):
        fails(lambda wrong=wrong: d.update(wrong))
    d.clear()
    say(d)


@section
def parameter_lists_and_dicts(torch, nn, say, fails):
    many = nn.ParameterList([torch.ones(2)])
    many.append(torch.zeros(3))
    many += [torch.ones(1)]
    many[0] = torch.zeros(5)
    say(many, len(many), many[0], many[1:], [p.shape for p in many])
    fails(lambda: many(1))
    fails(lambda: many[9])
    fails(lambda: many.extend(torch.ones(1)))
    d = nn.ParameterDict({"z": torch.ones(1), "a": torch.ones(2), "s": 3})
    say(d, list(d.keys()), d["z"], d.get("q", 4), len(d), "a" in d, d.pop("a"), d.popitem(), d)
    say(d.setdefault("k", torch.ones(1)), d | nn.ParameterDict({"m": torch.ones(1)}), d.copy(), d.fromkeys(["a"], 1))
    del d["k"]
    say(d)
    fails(lambda: d[3])
    fails(lambda: d(1))


@section
def hooks(torch, nn, say, fails):
    linear, log = nn.Linear(2, 2), []
    nn.init.ones_(linear.weight)
    nn.init.zeros_(linear.bias)
    x = torch.ones(1, 2, requires_grad=True)
    first = [linear.register_forward_pre_hook(lambda m, a: log.append("pre") or (a[0] * 2,)),
             linear.register_forward_hook(lambda m, a, y: log.append("post") or y + 1),
             linear.register_forward_hook(lambda m, a, kw, y: log.append(("keywords", kw)), with_kwargs=True,
                                          prepend=True)]
    second = [linear.register_full_backward_hook(lambda m, i, o: log.append(
                  ("back", [g.tolist() if g is not None else None for g in i], [g.tolist() for g in o]))),
              linear.register_full_backward_pre_hook(lambda m, o: log.append("back pre") or (o[0] * 3,))]
    y = linear(x)
    say(y)
    y.sum().backward()
    say(x.grad, linear.weight.grad, log)
    for handle in first:
        handle.remove()
    log.clear()
    x.grad = None
    linear(x).sum().backward()
    linear(torch.ones(1, 2)).sum().backward()
    say(log, x.grad)
    for handle in second:
        handle.remove()
    handle = linear.register_full_backward_hook(lambda m, i, o: (i[0] * 10,))
    x.grad = None
    linear(x).sum().backward()
    say(x.grad)
    handle.remove()
    with linear.register_forward_hook(lambda m, a, y: y * 0):
        say(linear(x))
    say(linear(input=x))
    outputs = []

    def boom(m, a):
        raise ValueError("boom")

    linear.register_forward_hook(lambda m, a, y: outputs.append(y), always_call=True)
    linear.register_forward_pre_hook(boom)
    fails(lambda: linear(x))
    say(outputs)


@section
def modes_and_copies(torch, nn, say, fails):
    n = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2))

    def dtypes():
        return [(k, v.dtype) for k, v in n.state_dict().items()]

    say([k.training for k in n.eval().modules()], [k.training for k in n.train().modules()])
    say([p.requires_grad for p in n.requires_grad_(False).parameters()])
    for change in (n.double, n.half, lambda: n.to(torch.float64), n.float, lambda: n.type(torch.float64), n.bfloat16):
        change()
        say(dtypes())
    fails(lambda: n.train(3))
    fails(lambda: n.to(torch.int64))
    fails(lambda: nn.Module(3))
    fails(lambda: nn.Module(x=3))
    fails(lambda: nn.Module()(1))
    m = net(torch, nn)
    c = copy.deepcopy(m.seq)
    say(c[0].weight is m.seq[0].weight, (c[0].weight == m.seq[0].weight).all())
    say(pickle.loads(pickle.dumps(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))))
    m.a.weight.grad = torch.ones(3, 2)
    m.zero_grad(set_to_none=False)
    say(m.a.weight.grad)
    m.zero_grad()
    say(m.a.weight.grad)


@section
def wrong_arguments(torch, nn, say, fails):
    for text in WRONG:
        fails(lambda text=text: eval(text, {"torch": torch, "nn": nn}))


WRONG = [
    "nn.Linear(2, 3)(torch.ones(4, 5))", "nn.Conv2d(3, 4, 2, groups=2)", "nn.Conv2d(4, 4, 2, groups=0)",
    "nn.Conv2d(4, 4, 2, padding='same', stride=2)", "nn.Dropout(2)", "nn.GroupNorm(3, 4)",
    "nn.LSTM(2, 3, proj_size=4)", "nn.GRU(2, 0)", "nn.RNN(2, 3, nonlinearity='x')",
    "nn.BatchNorm2d(3)(torch.ones(2, 3))",
    "nn.Embedding(3, 2)(torch.tensor([5]))", "nn.Embedding(3, 2, padding_idx=7)",
    "nn.LSTM(2, 3)(torch.ones(2, 2, 5))",
    "nn.LSTM(2, 3)(torch.ones(2, 2, 2), (torch.ones(1, 3, 3), torch.ones(1, 2, 3)))", "nn.MultiheadAttention(5, 2)",
    "nn.ConvTranspose2d(1, 1, 2, padding_mode='reflect')", "nn.Unflatten('a', 2)", "nn.GRU(2, 3)(torch.ones(2))",
    "nn.LSTMCell(2, 3)(torch.ones(2, 2, 2))", "nn.Softmax2d()(torch.ones(2))", "nn.TripletMarginLoss(margin=0)",
    "nn.CircularPad1d(1)(torch.ones(2, 2, 2, 2))", "nn.InstanceNorm1d(3, affine=True)(torch.ones(2, 4, 5))",
    "nn.Hardtanh(2, 1)", "nn.LSTM(2, 3)(torch.ones(2, 2, 2).double())", "nn.Bilinear(0, 1, 1)",
    "nn.Transformer(d_model=8, nhead=2)(torch.ones(3, 2, 8), torch.ones(3, 4, 8))",
    "nn.ConvTranspose2d(1, 1, 2)(torch.ones(1, 1, 3, 3), output_size=(9, 9))", "nn.BatchNorm1d(3)(torch.ones(1, 3))",
]
