"""L-BFGS (Liu and Nocedal, 1989) with an optional strong-Wolfe line search (Nocedal and Wright, ch. 3).

All parameters are one flat vector here; `closure` is called several times in a step.
"""

from __future__ import annotations

from ..engine.autograd import no_grad
from ..engine.registry import T
from ..errors import BadValue, EngineError
from .optimizer import Optimizer, check_lr, number, with_grad

# What a first step leaves behind, in PyTorch's order.
_KEPT = "d t old_dirs old_stps ro H_diag prev_flat_grad prev_loss".split()


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` gradients; `step(closure)` needs the closure."""

    def __init__(self, params, lr=1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
                 tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None):
        check_lr(lr)
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn})
        if len(self.param_groups) != 1:
            raise BadValue("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list:
        return self.param_groups[0]["params"]

    # ------------------------------------------------------------ the flat vector

    def _flat_gradient(self):
        parts = []
        for p in self._params:
            g = T.zeros_like(p) if p.grad is None else p.grad.detach()
            parts.append((T.view_as_real(g) if g.is_complex() else g).reshape(-1))
        return T.cat(parts, 0)

    def _move(self, size, direction) -> None:
        """Parameters plus size · direction."""
        size = number(size)
        start = 0
        for p in self._params:
            target = T.view_as_real(p) if p.is_complex() else p
            stop = start + target.numel()
            target.add_(direction[start:stop].reshape(target.shape), alpha=size)
            start = stop

    def _evaluate(self, closure, before: list, size, direction):
        """Loss and gradient at `before` plus size · direction; the parameters are put back."""
        self._move(size, direction)
        loss = float(closure())
        gradient = self._flat_gradient()
        for p, values in zip(self._params, before, strict=True):
            p.copy_(values)
        return loss, gradient

    # ------------------------------------------------------------ one step

    @no_grad()
    def step(self, closure):
        """Up to max_iter quasi-Newton steps; returns the loss at the start."""
        def evaluate():
            return with_grad(closure)

        group = self.param_groups[0]
        memory = self.state[self._params[0]]
        fresh = not memory
        memory.setdefault("func_evals", 0)
        memory.setdefault("n_iter", 0)
        first_loss = evaluate()
        loss, evaluations = float(first_loss), 1
        memory["func_evals"] += 1
        gradient = self._flat_gradient()
        if gradient.abs().max() <= group["tolerance_grad"]:
            return first_loss
        for i in range(1, group["max_iter"] + 1):
            memory["n_iter"] += 1
            self._next_direction(memory, gradient, group["history_size"])
            self._remember(memory, gradient, loss)
            lr = group["lr"]
            memory["t"] = min(1.0, 1.0 / gradient.abs().sum()) * lr if memory["n_iter"] == 1 else lr
            slope = gradient.dot(memory["d"])
            if slope > -group["tolerance_change"]:
                break
            loss, gradient, calls = self._search(evaluate, group, memory, loss, gradient, slope, i, evaluations)
            evaluations += calls
            memory["func_evals"] += calls
            if self._is_done(group, memory, loss, gradient, i, evaluations):
                break
        if fresh:
            for name in _KEPT:
                memory[name] = memory.pop(name)
        return first_loss

    def _remember(self, memory: dict, gradient, loss: float) -> None:
        if memory.get("prev_flat_grad") is None:
            memory["prev_flat_grad"] = gradient.clone()
        else:
            memory["prev_flat_grad"].copy_(gradient)
        memory["prev_loss"] = loss

    def _next_direction(self, memory: dict, gradient, history_size: int) -> None:
        """`memory["d"]`: minus the gradient at first, then the two-loop recursion."""
        if memory["n_iter"] == 1:
            memory.update(d=gradient.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        changes, steps, ro = memory["old_dirs"], memory["old_stps"], memory["ro"]
        change = gradient - memory["prev_flat_grad"]
        step = memory["d"] * number(memory["t"])
        curvature = change.dot(step)
        if curvature > 1e-10:
            if len(changes) == history_size:
                for kept in (changes, steps, ro):
                    kept.pop(0)
            changes.append(change)
            steps.append(step)
            ro.append(1.0 / curvature)
            memory["H_diag"] = curvature / change.dot(change)
        al = memory.setdefault("al", [None] * history_size)
        q = gradient.neg()
        for i in reversed(range(len(changes))):
            al[i] = steps[i].dot(q) * ro[i]
            q.add_(changes[i], alpha=-number(al[i]))
        d = q * memory["H_diag"]
        for i in range(len(changes)):
            d.add_(steps[i], alpha=number(al[i] - changes[i].dot(d) * ro[i]))
        memory["d"] = d

    def _search(self, evaluate, group: dict, memory: dict, loss, gradient, slope, i: int, evaluations: int):
        """Moves along the direction; (loss, gradient, number of evaluations) at the new place."""
        direction, kind = memory["d"], group["line_search_fn"]
        if kind is None:
            self._move(memory["t"], direction)
            if i == group["max_iter"]:
                return loss, gradient, 0
            return float(evaluate()), self._flat_gradient(), 1
        if kind != "strong_wolfe":
            raise EngineError("only 'strong_wolfe' is supported")
        before = [p.clone() for p in self._params]
        loss, gradient, size, calls = strong_wolfe(
            lambda t: self._evaluate(evaluate, before, t, direction), memory["t"], direction, loss, gradient, slope,
            max_ls=group["max_eval"] - evaluations)
        memory["t"] = size
        self._move(size, direction)
        return loss, gradient, calls

    def _is_done(self, group: dict, memory: dict, loss: float, gradient, i: int, evaluations: int) -> bool:
        if i == group["max_iter"] or evaluations >= group["max_eval"]:
            return True
        if gradient.abs().max() <= group["tolerance_grad"]:
            return True
        moved = (memory["d"] * number(memory["t"])).abs().max()
        return bool(moved <= group["tolerance_change"]) or abs(loss - memory["prev_loss"]) < group["tolerance_change"]


# ---------------------------------------------------------------- line search

def _cubic_minimum(x1, f1, g1, x2, f2, g2, low=None, high=None):
    """Where the cubic through two points with slopes has its minimum, kept within bounds."""
    if low is None:
        low, high = (x1, x2) if x1 <= x2 else (x2, x1)
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 ** 2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    if x1 <= x2:
        best = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        best = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(best, low), high)


class _Point:
    """A step size with loss, gradient and slope there."""

    __slots__ = ("f", "g", "slope", "t")

    def __init__(self, t, f, g, slope):
        self.t, self.f, self.g, self.slope = t, f, g, slope


def strong_wolfe(objective, t, direction, f, g, slope, c1: float = 1e-4, c2: float = 0.9,
                 tolerance_change: float = 1e-9, max_ls: int = 25):
    """A step size that fulfils the strong Wolfe conditions: (loss, gradient, size, evaluations)."""
    calls = 0

    def at(size) -> _Point:
        nonlocal calls
        calls += 1
        loss, gradient = objective(size)
        return _Point(size, loss, gradient, gradient.dot(direction))

    start = _Point(0, f, g.clone(), slope)
    low, high, rounds, done = _bracket(at, start, t, c1, c2, max_ls)
    if done:
        return low.f, low.g, low.t, calls
    low, high = (low, high) if low.f <= high.f else (high, low)
    longest, stalled = float(direction.abs().max()), False
    while not done and rounds < max_ls and abs(high.t - low.t) * longest >= tolerance_change:
        t, stalled = _next_size(low, high, stalled)
        new = at(t)
        rounds += 1
        if new.f > f + c1 * t * slope or new.f >= low.f:
            high = new
            low, high = (low, high) if low.f <= high.f else (high, low)
            continue
        if abs(new.slope) <= -c2 * slope:
            done = True
        elif new.slope * (high.t - low.t) >= 0:
            high = low
        low = new
    return low.f, low.g, low.t, calls


def _bracket(at, start: _Point, t, c1: float, c2: float, max_ls: int):
    """Two points with a good step size between them, or one that is good already."""
    before, new, rounds = start, at(t), 0
    while rounds < max_ls:
        if new.f > start.f + c1 * new.t * start.slope or (rounds > 1 and new.f >= before.f):
            return before, new, rounds, False
        if abs(new.slope) <= -c2 * start.slope:
            return new, new, rounds, True
        if new.slope >= 0:
            return before, new, rounds, False
        size = _cubic_minimum(before.t, before.f, before.slope, new.t, new.f, new.slope,
                              new.t + 0.01 * (new.t - before.t), new.t * 10)
        before, new = new, at(size)
        rounds += 1
    return start, new, rounds, False


def _next_size(low: _Point, high: _Point, stalled: bool):
    """The next size to try, moved off the ends when interpolation sticks to them."""
    first, second = (low, high)
    t = _cubic_minimum(first.t, first.f, first.slope, second.t, second.f, second.slope)
    top, bottom = max(low.t, high.t), min(low.t, high.t)
    margin = 0.1 * (top - bottom)
    if min(top - t, t - bottom) >= margin:
        return t, False
    if stalled or t >= top or t <= bottom:
        return (top - margin if abs(t - top) < abs(t - bottom) else bottom + margin), False
    return t, True
