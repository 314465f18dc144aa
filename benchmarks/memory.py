"""The most memory that a piece of work holds beyond what its process held before, its result included."""

from __future__ import annotations

from .common import Case

SCRIPT = """
from benchmarks.common import floats, load, settle
from benchmarks.memory import forget_peak, status
torch = load({name!r}, 2)
F = torch.nn.functional
x = torch.tensor(floats(10_000_000)).requires_grad_()
(torch.ones(10) * 2).sum()
forget_peak()
before = status("VmRSS")
{work}
settle({result})
print(max(status("VmHWM") - before, 0))
"""


def forget_peak() -> None:
    """Linux counts the peak of a process from now on."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def status(field: str) -> int:
    """Bytes from the process's status: VmRSS (held now) or VmHWM (the most held so far)."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field + ":"))


FORMULA = "(0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))).sum().backward()"
HALF, RESULT_ALONE = 0.5, 1.1  # where PyTorch holds no more than the result, less cannot be asked for


def memory(name: str, work: str, result: str = "y", bound: float = HALF) -> Case:
    """`result` is looked at when the work is done: until then tcli may not have computed it."""
    def command(contestant: str):
        return lambda python: [python, "-c", SCRIPT.format(name=contestant, work=work, result=result)]
    return Case(name, tcli=command("tcli"), torch=command("torch"), kind="memory", bounds=((("torch",), bound),))


CASES = [
    memory("gelu of 10 million, forward and backward", "F.gelu(x).sum().backward()", "x.grad"),
    memory("tanh-gelu of 10 million, forward and backward", "F.gelu(x, approximate='tanh').sum().backward()", "x.grad",
           RESULT_ALONE),
    memory("the formula of tanh-gelu of 10 million, forward and backward", FORMULA, "x.grad"),
    memory("softmax of 10 million in rows", "y = torch.softmax(x.detach().reshape(10_000, 1000), 1)", bound=RESULT_ALONE),
    memory("the sum of a chain", "y = (torch.exp(-x.detach() * x.detach() / 2) * 0.4).sum()"),
]
