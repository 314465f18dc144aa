"""One fault planted in a copy of a program in scripts/examples: `tcli check` finds it, where it is, and says what it is.

`test_corpus.py` says that the programs themselves have none.
"""

from pathlib import Path

import pytest

from tcli.runtime.check import check

EXAMPLES = Path(__file__).parent.parent.parent / "scripts" / "examples"

# (kind of fault, program, what stands there, what is planted, words of the message)
FAULTS = [
    ("matmul from the wrong side", "ode", "2 * t * y", "2 * t @ y",
     "mat1 and mat2 shapes cannot be multiplied (50x1 and 50x1)"),
    ("missing keepdim", "bigram", "(counts + 0.01).sum(1, keepdim=True)", "(counts + 0.01)[:, 1:].sum(0)",
     "must match the size of tensor b"),
    ("bad view", "conv_digits", "X.view(-1, 1, 8, 8)", "X.view(-1, 1, 8, 9)", "is invalid for input of size"),
    ("mixed dtypes", "attention", "keys).float()\n\nto_query", "keys)\n\nto_query", "to have the same dtype"),
    ("mixed devices", "spiral", "y).float().mean().item()", "y.cuda()).float().mean().item()", "on the same device"),
    ("wrong dtype in a contract", "contracts", "images: f32[N, 1, S, S]", "images: f64[N, 1, S, S]",
     "should be f64, it is f32"),
    ("wrong size in a contract", "attention", "q: f32[B, D]", "q: f32[B, 12]", "is 16, not 12"),
    ("a name bound to another size", "contracts", "moves: f32[B, T-1, _]", "moves: f32[B, T-2, _]", "T-2"),
    ("wrong number of dims in a contract", "contracts", "steps: f32[B, T, _] = ", "steps: f32[B, T] = ", "2 dims, it has 3"),
    ("(N,) - (N, 1)", "ode", "(slope + 2 * t * y)", "(slope.squeeze(1) + 2 * t * y)", "both operands grow"),
    ("unused result", "xor", "        loss.backward()\n", "        loss.backward()\n        loss.exp()\n",
     "nothing uses the result"),
    ("name never defined", "digits", "F.relu(self.hidden(x))", "F.relu(self.hidden(hidden))", "name 'hidden' is not defined"),
    ("misspelt attribute", "transformer", "self.norm(self.blocks(", "self.norms(self.blocks(", "no attribute 'norms'"),
    ("misspelt function", "kmeans", "torch.bincount(group", "torch.bincounts(group", "bincounts"),
    ("wrong number of features", "spiral", "nn.Linear(48, 3))", "nn.Linear(84, 3))",
     "mat1 and mat2 shapes cannot be multiplied"),
    ("wrong number of channels", "conv_digits", "nn.Conv2d(12, 24", "nn.Conv2d(8, 24", "to have 8 channels, but got 12"),
    ("wrong features of a norm", "transformer", "self.norm1, self.norm2 = nn.LayerNorm(width)",
     "self.norm1, self.norm2 = nn.LayerNorm(heads)", "Given normalized_shape"),
    ("wrong features of a batch norm", "conv_digits", "nn.BatchNorm2d(12)", "nn.BatchNorm2d(1)", "running_mean should contain"),
    ("dim out of range", "kmeans", "(new - centers).norm(dim=1)", "(new - centers).norm(dim=2)", "Dimension out of range"),
    ("index out of range", "ode", "t.detach().flatten(), torch.cat([found, exact], 1)",
     "t.detach()[:, 1], torch.cat([found, exact], 1)",
     "out of bounds"),
    ("float indices", "transformer", "ids[starts[:, None] + torch.arange(context + 1)]",
     "ids[starts[:, None] + torch.rand(context + 1)]", "tensors used as indices must be long"),
    ("targets of the wrong dtype", "digits", "labels[batch])", "labels[batch].float())", "expected target dtype to be Long"),
    ("targets of the wrong size", "spiral", "F.cross_entropy(net(X), y)", "F.cross_entropy(net(X), y[1:])", "batch_size"),
    ("shapes that cannot be joined", "flower", "torch.stack([kernel, kernel.T])", "torch.stack([kernel, kernel[1:]])",
     "stack expects each tensor to be equal size"),
    ("transposed the wrong way", "pca", "Vh[:k].T @ Vh[:k]", "Vh[:k] @ Vh[:k]", "mat1 and mat2 shapes cannot be multiplied"),
    ("wrong labels in einsum", "attention", '"bt,btv->bv"', '"bt,bv->bv"',
     "does not match the number of dimensions (3) for operand 1"),
    ("too few values to unpack", "transformer", "q, k, v = (part", "q, k, v, w = (part", "not enough values to unpack"),
    ("backward without a gradient", "bigram", "torch.zeros(V, V, requires_grad=True)", "torch.zeros(V, V)",
     "does not require grad"),
    ("in place on a leaf", "regression", "    with torch.no_grad():\n        w -= 0.08 * w.grad\n        w.grad.zero_()",
     "    w -= 0.08 * w.grad\n    w.grad.zero_()", "a leaf Variable that requires grad"),
    ("in place into another dtype", "conv_digits", "total = 0.0", "total = torch.tensor(0)", "can't be cast"),
    ("wrong argument", "spiral", "lr=1e-2, weight_decay=1e-3", "lr=1e-2, decay=1e-3", "unexpected keyword argument 'decay'"),
    ("missing argument", "xor", "nn.Linear(4, 1))", "nn.Linear(4))", "out_features"),
    ("backward of a table", "gradients", "deep(x).sum().backward()", "deep(x).backward()", "scalar outputs"),
]


def planted(program: str, there: str, fault: str) -> str:
    text = (EXAMPLES / f"{program}.tsr").read_text()
    assert text.count(there) >= 1, "what the fault replaces is gone from the example"
    return text.replace(there, fault, 1)


@pytest.mark.parametrize("program, there, fault, words", [pytest.param(*f[1:], id=f"{f[1]}: {f[0]}") for f in FAULTS])
def test_a_fault_planted_in_an_example_is_found(program, there, fault, words):
    text = planted(program, there, fault)
    report = check(text, f"{program}.tsr")
    found = [*report.faults, *report.warnings]
    assert any(words in each.message for each in found), [each.message for each in found]
    assert all(each.span is not None for each in found)


def test_there_are_thirty_kinds():
    assert len({f[0] for f in FAULTS}) == len(FAULTS) >= 30
