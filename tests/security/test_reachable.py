"""From everything a program can name, no chain of attributes that it may read leads into Python."""

import types
from collections import deque

import pytest

from tcli import Session
from tcli.lang.names import attribute_problem
from tcli.runtime.modules import known_names
from tests.security.guard import forbidden

LIMIT = 60_000

SEEDS = """
import numpy as np
from enum import Enum
from dataclasses import dataclass, field, fields
from contextlib import contextmanager
from functools import partial, cached_property
from collections import namedtuple
class Plain:
    @property
    def p(self): return 1
    @cached_property
    def q(self): return 2
    def method(self): return self
class Colour(Enum):
    RED = 1
@dataclass
class Data:
    x: int = 0
def function(a, b=2): return a
def generator(): yield 1
@contextmanager
def context(): yield 1
try:
    undefined_name
except NameError as error:
    name_error = error
try:
    torch.ones(2, 3) @ torch.ones(2, 3)
except RuntimeError as error:
    shape_error = error
x = torch.ones(2, 2, requires_grad=True)
y = (x * 2).exp().sum()
y.backward(retain_graph=True)
handle = x.register_hook(lambda g: g)
net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.LSTM(2, 2), nn.BatchNorm1d(2))
sgd = optim.SGD(net.parameters(), lr=0.1)
adam = optim.Adam(net.parameters())
schedule = optim.lr_scheduler.StepLR(sgd, 1)
data_set = torch.utils.data.TensorDataset(torch.ones(4, 2))
loader = torch.utils.data.DataLoader(data_set, 2)
values = [Plain(), Colour.RED, Data(), fields(Data)[0], function, generator(), context(), name_error, shape_error,
          x, y, y.grad_fn, handle, net, sgd, adam, schedule, data_set, loader, iter(loader), partial(function, 1),
          namedtuple("P", "a b")(1, 2), np.ones(3), np.float32(1), np.dtype("f4"),
          x.shape, x.dtype, x.device, torch.Generator(), np.random.default_rng(0), x.detach().numpy(), torch.max(x, 0),
          trace(y), memoryview(b"ab"), slice(1), range(3), {}.items(), iter([1]),
          map(len, []), zip([]), enumerate([]), reversed([]), property(len), super, type, open, print, x.untyped_storage(),
          x.add_, torch.add, torch.distributions.Normal(0.0, 1.0), torch.finfo(torch.float32), y.grad_fn.next_functions]
"""


def roots() -> dict[str, object]:
    session = Session()
    session.run(SEEDS)
    names = {name: session[name] for name in session.all_names() if not name.startswith("__")}
    for module in (each for each in known_names() if not each.startswith("__")):
        names[f"module {module}"] = session.run(f"import {module}; {module}")
    return names


def steps(value: object):
    """(text, value) one readable attribute or element away."""
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        yield from ((f"[{i}]", each) for i, each in enumerate(list(value)[:50]))
        if not isinstance(value, tuple):
            return
    if isinstance(value, (dict, types.MappingProxyType)):
        yield from ((f"[{key!r}]", each) for key, each in list(value.items())[:200])
        return
    try:
        names = dir(value)
    except Exception:
        return
    for name in names:
        if attribute_problem(name):
            continue
        try:
            yield "." + name, getattr(value, name)
        except BaseException:
            continue


@pytest.mark.filterwarnings("ignore")
def test_no_chain_of_attributes_leads_out():
    queue = deque(roots().items())
    seen: set[int] = set()
    kept: list[object] = []  # so that an id is not given twice
    bad = []
    while queue and len(seen) < LIMIT:
        path, value = queue.popleft()
        if id(value) in seen or isinstance(value, (int, float, str, bytes, complex, type(None))) or path.count(".") > 8:
            continue
        seen.add(id(value))
        kept.append(value)
        problem = forbidden(value)
        if problem:
            bad.append(f"{path}: {problem}")
            continue
        queue.extend((path + step, each) for step, each in steps(value))
    assert not bad, "\n".join(bad[:40])
    assert len(seen) > 3000
