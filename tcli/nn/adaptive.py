"""Adaptive softmax (Grave et al., 2017): rare classes in clusters of their own, with smaller projections."""

from __future__ import annotations

from itertools import pairwise

from ..engine.registry import T
from ..errors import BadValue, EngineError
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module


class ASMoutput(tuple):
    """`output` (log probability of each target) and `loss`."""

    __slots__ = ()
    _fields = ("output", "loss")
    output = property(lambda self: self[0])
    loss = property(lambda self: self[1])

    def __repr__(self) -> str:
        return f"_ASMoutput(output={self[0]!r}, loss={self[1]!r})"


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log probabilities of targets among very many classes, the frequent ones first."""

    def __init__(self, in_features: int, n_classes: int, cutoffs, div_value: float = 4.0, head_bias: bool = False,
                 device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise BadValue("cutoffs should be a sequence of length larger than 0")
        if cutoffs != sorted(set(cutoffs)) or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1 \
                or any(int(c) != c for c in cutoffs):
            raise BadValue("cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                           "order, where each value is between 1 and n_classes-1")
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        where = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            size = int(in_features // div_value ** (i + 1))
            self.tail.append(Sequential(Linear(in_features, size, bias=False, **where),
                                        Linear(size, high - low, bias=False, **where)))

    def reset_parameters(self) -> None:
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_, target_):
        _check_shapes(input_, target_)
        batched = target_.dim() > 0
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        size = target.shape[0]
        output, places = input.new_zeros(size), target.new_zeros(size)
        used = 0
        for i, (low, high) in enumerate(pairwise([0, *self.cutoffs])):
            rows = ((target >= low) & (target < high)).nonzero().reshape(-1)
            used += rows.numel()
            if not rows.numel():
                continue
            chosen = target.index_select(0, rows)
            if i == 0:
                places = places.index_copy(0, rows, chosen)
                continue
            scores = self.tail[i - 1](input.index_select(0, rows)).log_softmax(1)
            places = places.index_fill(0, rows, self.shortlist_size + i - 1)
            output = output.index_copy(0, rows, scores.gather(1, (chosen - low).unsqueeze(1)).squeeze(1))
        if used != size:
            raise EngineError(f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                              f"[{target.min().item()}, {target.max().item()}] were found. ")
        output = output + self.head(input).log_softmax(1).gather(1, places.unsqueeze(1)).squeeze(1)
        return ASMoutput((output if batched else output.squeeze(0), (-output).mean()))

    def _all_log_probs(self, input, head):
        first = head.log_softmax(1)
        parts = [first[:, :self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            parts.append(cluster(input).log_softmax(1) + first[:, self.shortlist_size + i].unsqueeze(1))
        return T.cat(parts, 1)

    def log_prob(self, input):
        """The log probabilities of all classes."""
        return self._all_log_probs(input, self.head(input))

    def predict(self, input):
        """The most probable class; clusters are looked into only where one of them wins."""
        head = self.head(input)
        found = head.argmax(1)
        outside = found >= self.shortlist_size
        if not outside.any():
            return found
        full = self._all_log_probs(input[outside], head[outside]).argmax(1)
        found[outside] = full
        return found


def _check_shapes(input, target) -> None:
    if target.dim() == 1:
        if input.shape[0] != target.shape[0]:
            raise EngineError("Input and target should have the same size in the batch dimension.")
        if input.dim() != 2:
            raise EngineError(f"1D target tensor expects 2D input tensors, but found inputs with size {input.size()}")
    elif target.dim() == 0:
        if input.dim() != 1:
            raise EngineError(f"0D target tensor expects 1D input tensors, but found inputs with size {input.size()}")
    else:
        raise EngineError("0D or 1D target tensor expected, multi-target not supported")
