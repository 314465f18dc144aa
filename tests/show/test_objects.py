"""What the prompt shows of values that are no tensors."""

import pytest

import tcli
from tcli.cli.output import shown


def text_of(program):
    return shown(tcli.Session(seed=0).run(program))


@pytest.mark.parametrize(("program", "said"), [
    ("nn.Sequential(nn.Linear(4, 8), nn.ReLU())", "Sequential  40 parameters  160 B  f32  cpu  training\nSequential(\n  (0)"),
    ("nn.Linear(2, 1).double().eval().requires_grad_(False)", "Linear  3 parameters, 3 frozen  24 B  f64  cpu  eval\nLinear("),
    ("nn.ReLU()", "ReLU  0 parameters  training\nReLU()"), ("nn.LazyLinear(3)", "LazyLinear  0 parameters  training\n"),
    ("x = nn.Linear(2, 2); nn.ModuleList([x, x])", "ModuleList  6 parameters  24 B"),
    ("F.relu", "relu(x, inplace=False)\n    The larger"), ("nn.Linear", "class Linear(in_features, out_features, "),
    ("ones(2).sum", "sum(dim=None"), ("lambda x: x", "lambda(x)"), ("def f(a, b=3):\n    'adds'\nf", "f(a, b=3)\n    adds"),
    ("nn", "module torch.nn: "), ("(i for i in range(3))", "generator <genexpr>: list(...)"), ("zip([1])", "zip: list("),
    ("iter({1: 2})", "dict keyiterator: "), ("nn.Linear(1, 1).parameters()", "generator Module.parameters: "),
    ("class A:\n    def __init__(self):\n        self.x, self.n, self._hidden = ones(3), [1] * 9, 3\nA()",
     "A  x=f32[3]  n=list of 9"), ("class A: pass\nA()", "A object"),
    ("class A:\n    def __repr__(self): return 'me'\nA()", "me"), ("torch.float32", "torch.float32"), ("'a'", "'a'"),
    ("open", "open(path,"), ("exit", "exit(code=None)"),
    ("range(3)", "range(0, 3)"), ("{1}", "{1}"), ("torch.autocast('cpu')", "autocast  device='cpu'"),
    ("torch.no_grad()", "no_grad()"), ("torch.inference_mode()", "inference_mode(True)"),
    ("torch.Generator().manual_seed(3)", "<torch.Generator device=cpu seed=3>"),
])
def test_an_object_says_what_it_is(program, said):
    assert text_of(program).startswith(said)
    assert "object at 0x" not in text_of(program)


@pytest.mark.parametrize(("program", "said"), [
    ("DataLoader(TensorDataset(ones(70)), batch_size=32, shuffle=True)", "DataLoader(70 samples, 3 batches of 32, shuffled)"),
    ("DataLoader(ones(4), batch_size=None)", "DataLoader(4 samples, 4 batches)"),
    ("TensorDataset(ones(1, 3))", "TensorDataset(1 sample)"), ("RandomSampler(ones(3))", "RandomSampler(3 indices)"),
    ("BatchSampler(RandomSampler(ones(3)), 2, False)", "BatchSampler(2 batches)"),
    ("class S(IterableDataset):\n    def __iter__(self): return iter([1])\nDataLoader(S(), batch_size=2)",
     "DataLoader(a stream in batches of 2)"),
    ("class M(Dataset):\n    def __getitem__(self, i): return i\nDataLoader(M(), batch_size=4, sampler=range(8))",
     "DataLoader(samples in batches of 4)")])
def test_data_says_how_much_there_is(program, said):
    assert text_of("from torch.utils.data import *\n" + program) == said


def test_a_schedule_says_where_it_is():
    program = "o = optim.SGD([ones(1)], lr=0.5); s = optim.lr_scheduler.StepLR(o, 1, gamma=0.1); o.step(); s.step(); s"
    assert text_of(program) == "StepLR(epoch 1, lr 0.05)"


def test_an_object_with_many_fields_is_cut():
    assert text_of("class A: pass\na = A()\nfor i in range(12): setattr(a, 'f' + str(i), i)\na").endswith("f7=7  … 4 more")
