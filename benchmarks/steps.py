"""Whole training steps: an MLP, a small convolutional network, a transformer block, and optimiser updates alone."""

from __future__ import annotations

from .common import Case, floats, integers

TORCH = ((("torch",), 1.0),)


def _trained(torch, model, optimiser, x, target):
    """One step of `model` on a batch, as a call."""
    loss_of = torch.nn.functional.cross_entropy

    def step():
        optimiser.zero_grad()
        loss = loss_of(model(x), target)
        loss.backward()
        optimiser.step()
        return loss
    return step


def mlp(torch, batch: int, width: int):
    """784-512-512-10 with Adam."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    x, target = torch.tensor(floats(batch, 784)), torch.tensor(integers(10, batch))
    return _trained(torch, model, torch.optim.Adam(model.parameters(), lr=1e-4), x, target)


def cnn(torch, batch: int):
    """Two convolutions with pooling, one linear layer, SGD with momentum."""
    nn = torch.nn
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
                          nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 7 * 7, 10))
    x, target = torch.tensor(floats(batch, 1, 28, 28)), torch.tensor(integers(10, batch))
    return _trained(torch, model, torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9), x, target)


def block(torch, batch: int, length: int, width: int):
    """Attention and a feed-forward part with layer norms before them, forward and backward."""
    nn, F = torch.nn, torch.nn.functional
    norm1, norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
    inputs, output = nn.Linear(width, 3 * width), nn.Linear(width, width)
    up, down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
    parts = [p for module in (norm1, norm2, inputs, output, up, down) for p in module.parameters()]
    x = torch.tensor(floats(batch, length, width)).requires_grad_()
    g = torch.tensor(floats(batch, length, width, seed=1))

    def run():
        x.grad = None
        for p in parts:
            p.grad = None
        q, k, v = inputs(norm1(x)).reshape(batch, length, 3, 8, width // 8).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = x + output(mixed.transpose(1, 2).reshape(batch, length, width))
        y = y + down(F.gelu(up(norm2(y))))
        y.backward(g)
        return y
    return run


def encoder(torch, batch: int, length: int, width: int):
    """The library's own encoder layer, forward and backward."""
    layer = torch.nn.TransformerEncoderLayer(width, 8, 4 * width, dropout=0.0, batch_first=True)
    x = torch.tensor(floats(batch, length, width)).requires_grad_()
    g = torch.tensor(floats(batch, length, width, seed=1))

    def run():
        x.grad = None
        layer.zero_grad()
        layer(x).backward(g)
        return x.grad
    return run


def update(make):
    """An optimiser's step alone, on a few large and small parameters with gradients."""
    def build(torch, n):
        parts = [torch.nn.Parameter(torch.tensor(floats(*s))) for s in ((n, 784), (n,), (n, n), (n,), (10, n), (10,))]
        for p in parts:
            p.grad = torch.tensor(floats(*p.shape, seed=1))
        optimiser = make(torch, parts)

        def step():
            optimiser.step()
            return parts
        return step
    return build


CASES = [
    Case("MLP step", mlp, n=(128, 512), tiny=(2, 3), bounds=TORCH),
    Case("CNN step", cnn, n=(32,), tiny=(2,), bounds=TORCH),
    Case("transformer block", block, n=(8, 128, 256), tiny=(1, 3, 16), bounds=TORCH),
    Case("TransformerEncoderLayer", encoder, n=(8, 128, 256), tiny=(1, 3, 16), bounds=TORCH),
    *[Case(f"{name} update", update(make), n=(512,), tiny=(3,), bounds=TORCH) for name, make in (
        ("SGD", lambda torch, p: torch.optim.SGD(p, lr=1e-3)),
        ("SGD momentum", lambda torch, p: torch.optim.SGD(p, lr=1e-3, momentum=0.9)),
        ("Adam", lambda torch, p: torch.optim.Adam(p, lr=1e-3)),
        ("AdamW", lambda torch, p: torch.optim.AdamW(p, lr=1e-3)))],
]
