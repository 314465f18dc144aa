"""The pieces of neural networks, forward and backward."""

from __future__ import annotations

from .common import Case, floats, integers

TORCH = ((("torch",), 1.0),)


def both(name: str, text: str, n: int, tiny: int = 2, **inputs) -> list[Case]:
    """A case for the forward pass of `text`, and one with the backward pass to every float input."""
    def prepare(torch, n):
        scope = {"torch": torch, "n": n, "F": torch.nn.functional, "nn": torch.nn,
                 "f": lambda *s: torch.tensor(floats(*s)), "i": lambda high, *s: torch.tensor(integers(high, *s))}
        for key, value in inputs.items():
            scope[key] = eval(value, scope)
        return scope

    def forward(torch, n):
        scope = prepare(torch, n)
        run = eval(f"lambda: ({text})", scope)

        def call():
            with torch.no_grad():
                return run()
        return call

    def backward(torch, n):
        scope = prepare(torch, n)
        run = eval(f"lambda: ({text})", scope)
        leaves = [scope[key] for key, value in inputs.items() if value.startswith("f(")]
        for key in inputs:
            if hasattr(scope[key], "parameters"):
                leaves += list(scope[key].parameters())
        for leaf in leaves:
            leaf.requires_grad_()
        y = run()
        first = y[0] if isinstance(y, tuple) else y
        g = torch.tensor(floats(*first.shape, seed=5))

        def call():
            for leaf in leaves:
                leaf.grad = None
            y = run()
            (y[0] if isinstance(y, tuple) else y).backward(g)
            return [leaf.grad for leaf in leaves]
        return call
    return [Case(name, forward, n=(n,), tiny=(tiny,), bounds=TORCH),
            Case(f"{name}, backward", backward, n=(n,), tiny=(tiny,), bounds=TORCH)]


CASES = [
    *both("conv2d 1 to 16, 28 x 28", "F.conv2d(x, w, b, padding=1)", 32, x="f(n, 1, 28, 28)", w="f(16, 1, 3, 3)", b="f(16)"),
    *both("conv2d 16 to 32, 14 x 14", "F.conv2d(x, w, b, padding=1)", 32, x="f(n, 16, 14, 14)", w="f(32, 16, 3, 3)", b="f(32)"),
    *both("conv2d 64 to 64, 56 x 56", "F.conv2d(x, w, padding=1)", 4, x="f(n, 64, 56, 56)", w="f(64, 64, 3, 3)"),
    *both("conv2d 3 to 64, 7 x 7, stride 2", "F.conv2d(x, w, stride=2, padding=3)", 4, x="f(n, 3, 112, 112)",
          w="f(64, 3, 7, 7)"),
    *both("conv2d 1 x 1", "F.conv2d(x, w)", 8, x="f(n, 64, 28, 28)", w="f(128, 64, 1, 1)"),
    *both("conv2d depthwise", "F.conv2d(x, w, padding=1, groups=64)", 8, x="f(n, 64, 28, 28)", w="f(64, 1, 3, 3)"),
    *both("conv2d 4 groups", "F.conv2d(x, w, padding=1, groups=4)", 8, x="f(n, 64, 28, 28)", w="f(64, 16, 3, 3)"),
    *both("conv1d 64 to 64", "F.conv1d(x, w, padding=1)", 16, x="f(n, 64, 512)", w="f(64, 64, 3)"),
    *both("conv3d 8 to 16", "F.conv3d(x, w, padding=1)", 2, x="f(n, 8, 16, 16, 16)", w="f(16, 8, 3, 3, 3)"),
    *both("conv_transpose2d", "F.conv_transpose2d(x, w, stride=2)", 8, x="f(n, 32, 14, 14)", w="f(32, 16, 2, 2)"),
    *both("conv_transpose2d 4 x 4, stride 2", "F.conv_transpose2d(x, w, stride=2, padding=1)", 8, x="f(n, 32, 14, 14)",
          w="f(32, 16, 4, 4)"),
    *both("max_pool2d", "F.max_pool2d(x, 2)", 32, x="f(n, 16, 28, 28)"),
    *both("max_pool2d 3, stride 2", "F.max_pool2d(x, 3, 2, 1)", 8, x="f(n, 64, 56, 56)"),
    *both("avg_pool2d", "F.avg_pool2d(x, 2)", 32, x="f(n, 16, 28, 28)"),
    *both("adaptive_avg_pool2d", "F.adaptive_avg_pool2d(x, 1)", 32, x="f(n, 64, 14, 14)"),
    *both("adaptive_avg_pool2d to 7 x 7", "F.adaptive_avg_pool2d(x, 7)", 16, x="f(n, 64, 28, 28)"),
    *both("adaptive_max_pool2d to 7 x 7", "F.adaptive_max_pool2d(x, 7)", 16, x="f(n, 64, 28, 28)"),
    *both("interpolate nearest", "F.interpolate(x, scale_factor=2)", 8, x="f(n, 32, 28, 28)"),
    *both("interpolate bilinear", "F.interpolate(x, scale_factor=2, mode='bilinear')", 8, x="f(n, 32, 28, 28)"),
    *both("dropout", "F.dropout(x, 0.1)", 1024, x="f(n, 512)"),
    *both("embedding", "F.embedding(k, w)", 64, k="i(1000, n, 32)", w="f(1000, 64)"),
    *both("batch_norm", "F.batch_norm(x, None, None, w, b, True)", 16, x="f(n, 64, 28, 28)", w="f(64)", b="f(64)"),
    *both("layer_norm", "F.layer_norm(x, (256,), w, b)", 1024, x="f(n, 256)", w="f(256)", b="f(256)"),
    *both("instance_norm", "F.instance_norm(x)", 16, x="f(n, 64, 28, 28)"),
    *both("group_norm", "F.group_norm(x, 8, w, b)", 16, x="f(n, 64, 28, 28)", w="f(64)", b="f(64)"),
    *both("rms_norm", "F.rms_norm(x, (256,), w)", 1024, x="f(n, 256)", w="f(256)"),
    *both("cross_entropy 10 classes", "F.cross_entropy(x, k)", 1024, x="f(n, 10)", k="i(10, n)"),
    *both("cross_entropy 10000 classes", "F.cross_entropy(x, k)", 512, x="f(n, 10000)", k="i(10000, n)"),
    *both("softmax", "F.softmax(x, -1)", 1024, x="f(n, 1000)"),
    *both("log_softmax", "F.log_softmax(x, -1)", 1024, x="f(n, 1000)"),
    *both("attention 8 heads, 128", "F.scaled_dot_product_attention(q, k, v)", 8, q="f(n, 8, 128, 32)", k="f(n, 8, 128, 32)",
          v="f(n, 8, 128, 32)"),
    *both("attention causal, 1024", "F.scaled_dot_product_attention(q, k, v, is_causal=True)", 1, q="f(n, 8, 1024, 64)",
          k="f(n, 8, 1024, 64)", v="f(n, 8, 1024, 64)"),
    *both("multi-head attention", "m(x, x, x, need_weights=False)[0]", 8, x="f(n, 64, 128)",
          m="nn.MultiheadAttention(128, 8, batch_first=True)"),
    *both("LSTM", "m(x)", 16, x="f(n, 32, 64)", m="nn.LSTM(64, 128, batch_first=True)"),
    *both("GRU", "m(x)", 16, x="f(n, 32, 64)", m="nn.GRU(64, 128, batch_first=True)"),
    *both("linear", "F.linear(x, w, b)", 512, x="f(n, 512)", w="f(512, 512)", b="f(512)"),
    *both("gelu", "F.gelu(x)", 1024, x="f(n, 1024)"),
    *both("relu", "F.relu(x)", 1024, x="f(n, 1024)"),
]
