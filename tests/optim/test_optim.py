"""Optimisers and schedules against what PyTorch's did, step by step."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from tcli.runtime.namespaces import known_modules

from ..nn import program as sections
from . import cases, program

TEXT = json.loads((Path(__file__).parent.parent / "golden" / "optim.json").read_text())
torch = known_modules()["torch"]
optim = torch.optim


def _close(got, want) -> None:
    if isinstance(want, dict):
        assert sorted(got) == sorted(want)
        for key, value in want.items():
            _close(got[key], value)
    else:
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("case", cases.OPTIMISERS)
def test_optimiser_follows_pytorch(case):
    want, found = TEXT["optimisers"][case], cases.run_optimiser(torch, optim, case)
    for key in ("text", "keys"):
        assert found[key] == want[key]
    assert json.loads(json.dumps(found["groups"])) == want["groups"]
    np.testing.assert_allclose(found["losses"], want["losses"], rtol=1e-5 if case.startswith(cases.ROUGH) else 1e-9)
    _close(found["state"], want["state"])
    for got, expected in zip(found["weights"], want["weights"], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4 if case.startswith(cases.ROUGH) else 1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", cases.SCHEDULES)
def test_schedule_gives_the_same_rates(case):
    assert cases.run_schedule(torch, optim, case) == TEXT["schedules"][case]


@pytest.mark.parametrize("i", range(len(cases.PLATEAUS)))
def test_plateau_gives_the_same_rates(i):
    assert cases.run_plateau(torch, optim, cases.PLATEAUS[i]) == TEXT["plateaus"][i]


@pytest.mark.parametrize("case", cases.WRONG)
def test_wrong_use_says_what_pytorch_says(case):
    assert cases.run_wrong(torch, optim, case) == TEXT["wrong"][case]


@pytest.mark.parametrize("case", ["SGD(lr=0.1,momentum=0.9)", "Adam(lr=0.01,amsgrad=True)", "RMSprop(centered=True)"])
def test_a_loaded_state_goes_on_as_if_nothing_had_happened(case):
    name, _, rest = case.partition("(")

    def make(w):
        return eval(f"optim.{name}([w], {rest}", {"optim": optim, "w": w})

    def steps(w, optimiser, n):
        for _ in range(n):
            optimiser.zero_grad()
            (w.sin() * w).sum().backward()
            optimiser.step()

    w = cases.weights(torch)[0]
    first = make(w)
    steps(w, first, 3)
    v = w.detach().clone().requires_grad_()
    second = make(v)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    steps(w, first, 3)
    steps(v, second, 3)
    assert v.tolist() == w.tolist()
    assert repr(first) == repr(second)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", "SGD Adam RMSprop Adadelta NAdam RAdam Adamax Adagrad Rprop".split())
def test_large_parameters_are_updated_in_blocks_as_small_ones_are_at_once(name, dtype):
    stream = np.random.RandomState(0)
    start, gradient = (stream.standard_normal((300, 401)).astype(dtype) for _ in range(2))

    def end(pieces: int):
        parts = [torch.from_numpy(p.copy()).requires_grad_() for p in np.array_split(start, pieces)]
        optimiser = getattr(optim, name)(parts, lr=0.1)
        for _ in range(3):
            for p, g in zip(parts, np.array_split(gradient, pieces), strict=True):
                p.grad = torch.from_numpy(g.copy())
            optimiser.step()
        return np.concatenate([p.detach().numpy() for p in parts])

    assert (end(1) == end(50)).all()


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "maximize": True}, {"momentum": 0.9},
                                     {"momentum": 0.5, "dampening": 0.2, "weight_decay": 0.1},
                                     {"momentum": 0.9, "nesterov": True}])
@pytest.mark.parametrize("odd", [None, "no gradient", "a gap", "memory of another", "a double", "a half", "nothing in it"])
def test_parameters_are_updated_at_once_as_one_by_one(options, odd, monkeypatch):
    def end() -> list:
        stream = np.random.RandomState(0)
        parts = [torch.from_numpy(stream.standard_normal(s).astype("f4")).requires_grad_() for s in [(3, 4), (), (300, 5)]]
        parts.append({"a gap": lambda: torch.ones(4, 6)[:, ::2].detach().requires_grad_(),
                      "memory of another": lambda: parts[0].detach()[0].requires_grad_(),
                      "a double": lambda: torch.ones(3, dtype=torch.float64, requires_grad=True),
                      "a half": lambda: torch.ones(3, dtype=torch.float16, requires_grad=True),
                      "nothing in it": lambda: torch.ones(0, 3, requires_grad=True)}.get(
                          odd, lambda: torch.ones(3, requires_grad=True))())
        optimiser = optim.SGD([{"params": parts[:2]}, {"params": parts[2:], "lr": 0.5}], lr=0.1, **options)
        for step in range(3):
            for p in parts:
                p.grad = torch.from_numpy(stream.standard_normal(tuple(p.shape))).to(p.dtype)
            if odd == "no gradient" and step < 2:
                parts[-1].grad = None
            optimiser.step()
        buffers = [(i, v.get("momentum_buffer")) for i, v in optimiser.state_dict()["state"].items()]
        buffers = [(i, None if b is None else b.tolist()) for i, b in buffers]
        return [[p.tolist() for p in parts], [p._version for p in parts], buffers]

    found = end()
    monkeypatch.setattr("tcli.native.step_tensors", lambda *args: False)
    assert found == end()


def test_gradients_and_parameters_of_any_layout():
    w = torch.ones(3, 4).t().clone().t().requires_grad_()
    w.grad = torch.arange(12.).reshape(4, 3).t()
    optim.Adam([w], lr=0.5).step()
    assert w.flatten().tolist() == pytest.approx([1.0] + [0.5] * 11)


def test_step_hooks_closures_and_parameters_without_gradients():
    w, v = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimiser, log = optim.SGD([w, v], lr=0.5), []
    before = optimiser.register_step_pre_hook(lambda o, args, kwargs: log.append("before"))
    optimiser.register_step_post_hook(lambda o, args, kwargs: log.append("after"))

    def closure():
        optimiser.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimiser.step(closure).item() == 2
    before.remove()
    optimiser.step()
    assert log == ["before", "after", "after"]
    assert w.tolist() == [-1.0, -1.0] and v.tolist() == [1.0, 1.0]


def test_a_schedule_before_the_optimiser_warns():
    optimiser = optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimiser, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        schedule.step()
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        schedule.get_lr()


def test_an_update_is_noticed_by_a_later_backward():
    w = torch.ones(2, requires_grad=True)
    loss = (w * w).sum()
    w.grad = torch.ones(2)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fn", program.SECTIONS, ids=lambda fn: fn.__name__)
def test_optimisers_say_what_pytorch_says(fn):
    for got, want in zip(sections.run(fn, torch, torch.nn), TEXT["programs"][fn.__name__], strict=True):
        (words, numbers), (expected_words, expected) = sections.parts(got), sections.parts(want)
        assert words == expected_words
        assert numbers == pytest.approx(expected, rel=2e-4, abs=2e-4)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_large_parameters_of_a_step_are_updated_as_one_by_one(dtype):
    def parameters():
        rng = np.random.default_rng(0)
        made = [torch.tensor(rng.standard_normal(n).astype(dtype)) for n in (700_001, 40_000, 300_000, 5)]
        for p in made:
            p.requires_grad_()
            p.grad = torch.tensor(rng.standard_normal(p.shape).astype(dtype))
        return made
    together, alone = parameters(), parameters()
    in_one = optim.Adam(together, lr=0.1)
    one_by_one = [optim.Adam([p], lr=0.1) for p in alone]
    for _ in range(2):
        in_one.step()
        for each in one_by_one:
            each.step()
    for p, q in zip(together, alone, strict=True):
        assert np.array_equal(p._a, q._a)
    assert not np.array_equal(together[0]._a, parameters()[0]._a)


def test_parameters_that_share_memory_are_updated_in_turn():
    n = 600_000
    memory = torch.tensor(np.zeros(n, np.float32))
    parts = [memory, memory.view(n)]
    for p in parts:
        p.requires_grad_()
        p.grad = torch.tensor(np.ones(n, np.float32))
    optim.SGD(parts, lr=1.0).step()
    assert (memory._a == -2).all()
