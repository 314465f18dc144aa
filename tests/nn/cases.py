"""Layers, training runs and the steps that show what they do: written against what tcli and PyTorch share.

A case is (constructor, inputs): `r`, `pos`, `ints`, `sign` make NumPy arrays from one seeded stream.
The recorder runs these very steps with PyTorch.
"""

import numpy as np

ACTIVATIONS = """ReLU() ReLU6() SiLU() Mish() SELU() Hardswish() Hardsigmoid() Sigmoid() Tanh() Tanhshrink()
    Softsign() LogSigmoid() ELU(0.3) CELU(0.7) LeakyReLU(0.2) PReLU() GELU() GELU("tanh") GLU()
    Hardshrink(0.3) Softshrink()
    Softplus(2.0,3.0) Hardtanh(-0.3,0.4) Threshold(0.1,5) Softmax(1) LogSoftmax(-1) Softmin(0) RReLU()""".split()
IN = {1: "r(2, 4, 9)", 2: "r(2, 4, 8, 9)", 3: "r(2, 4, 6, 7, 5)"}
PER_DIMS = """BatchNorm{n}d(4) BatchNorm{n}d(4,momentum=None,affine=False) BatchNorm{n}d(4,track_running_stats=False)
    InstanceNorm{n}d(4) InstanceNorm{n}d(4,affine=True,track_running_stats=True) MaxPool{n}d(2)
    MaxPool{n}d(3,2,1,ceil_mode=True) MaxPool{n}d(2,return_indices=True) AvgPool{n}d(2)
    AvgPool{n}d(3,2,1,count_include_pad=False) LPPool{n}d(2,2) AdaptiveAvgPool{n}d(3) AdaptiveMaxPool{n}d(3)
    ReflectionPad{n}d(1) ReplicationPad{n}d(1) CircularPad{n}d(1) ConstantPad{n}d(1,2.5) ZeroPad{n}d(1)
    Dropout{n}d(0.3) Conv{n}d(4,6,3) Conv{n}d(4,6,2,2,1,2,2,False) ConvTranspose{n}d(4,6,3,2,1,1,2)
    Conv{n}d(4,4,3,padding="same",padding_mode="circular") LazyConv{n}d(3,2) LazyBatchNorm{n}d()""".split()
LAYERS = [(f"nn.{a}", "r(4, 6)") for a in ACTIVATIONS]
LAYERS += [("nn." + text.format(n=n), IN[n]) for text in PER_DIMS for n in (1, 2, 3)]
LAYERS += [
    ("nn.Softmax2d()", IN[2]), ("nn.PReLU(4, 0.1)", IN[1]), ("nn.Identity(3)", "r(4, 6)"),
    ("nn.Linear(6, 3)", "r(4, 6)"), ("nn.Linear(6, 3, bias=False)", "r(2, 3, 6)"), ("nn.LazyLinear(3)", "r(4, 6)"),
    ("nn.Bilinear(6, 5, 3)", "r(4, 6), r(4, 5)"), ("nn.Flatten()", IN[2]), ("nn.Unflatten(1, (2, 3))", "r(4, 6)"),
    ("nn.Conv2d(4, 8, (3, 5), padding=(1, 2), groups=4, padding_mode='replicate')", IN[2]),
    ("nn.LayerNorm(6)", "r(4, 6)"), ("nn.LayerNorm((8, 9), bias=False)", IN[2]),
    ("nn.LayerNorm(6, elementwise_affine=False)", "r(4, 6)"), ("nn.RMSNorm(6)", "r(4, 6)"),
    ("nn.RMSNorm([8, 9], 1e-3, False)", IN[2]), ("nn.GroupNorm(2, 4)", IN[2]), ("nn.LocalResponseNorm(2)", IN[2]),
    ("nn.Dropout(0.3)", "r(4, 6)"), ("nn.AlphaDropout(0.3)", "r(4, 6)"), ("nn.FeatureAlphaDropout(0.3)", IN[2]),
    ("nn.Embedding(10, 3)", "ints(10, 2, 4)"), ("nn.Embedding(10, 3, -1, 1.0)", "ints(10, 2, 4)"),
    ("nn.EmbeddingBag(10, 3)", "ints(10, 2, 4)"), ("nn.EmbeddingBag(10, 3, mode='max')", "ints(10, 2, 4)"),
    ("nn.Upsample(scale_factor=2)", IN[2]), ("nn.Upsample(size=(5, 4), mode='bilinear')", IN[2]),
    ("nn.UpsamplingBilinear2d((6, 6))", IN[2]), ("nn.PixelShuffle(2)", IN[2]),
    ("nn.PixelUnshuffle(2)", "r(1, 2, 4, 6)"), ("nn.ChannelShuffle(2)", IN[2]), ("nn.Unfold((2, 3))", IN[2]),
    ("nn.Fold((4, 5), (2, 2))", "r(2, 8, 12)"),
    ("nn.CosineSimilarity()", "r(4, 6), r(4, 6)"), ("nn.PairwiseDistance(1.0, keepdim=True)", "r(4, 6), r(4, 6)"),
    ("nn.AdaptiveLogSoftmaxWithLoss(6, 20, [5, 10])", "r(4, 6), ints(20, 4)"),
    ("nn.L1Loss()", "r(4, 6), r(4, 6)"), ("nn.MSELoss(reduction='sum')", "r(4, 6), r(4, 6)"),
    ("nn.SmoothL1Loss(beta=0.5)", "r(4, 6), r(4, 6)"), ("nn.HuberLoss(delta=0.5)", "r(4, 6), r(4, 6)"),
    ("nn.KLDivLoss(reduction='batchmean')", "r(4, 6), pos(4, 6)"), ("nn.CrossEntropyLoss()", "r(4, 6), ints(6, 4)"),
    ("nn.CrossEntropyLoss(label_smoothing=0.1, reduction='none')", "r(4, 6), ints(6, 4)"),
    ("nn.NLLLoss()", "r(4, 6), ints(6, 4)"), ("nn.PoissonNLLLoss()", "r(4, 6), pos(4, 6)"),
    ("nn.GaussianNLLLoss()", "r(4, 6), r(4, 6), pos(4, 6)"), ("nn.BCELoss()", "pos(4, 6), pos(4, 6)"),
    ("nn.BCEWithLogitsLoss()", "r(4, 6), pos(4, 6)"), ("nn.HingeEmbeddingLoss()", "r(4, 6), sign(4, 6)"),
    ("nn.MarginRankingLoss(0.2)", "r(4, 6), r(4, 6), sign(4, 6)"), ("nn.SoftMarginLoss()", "r(4, 6), sign(4, 6)"),
    ("nn.CosineEmbeddingLoss()", "r(4, 6), r(4, 6), sign(4)"), ("nn.MultiMarginLoss()", "r(4, 6), ints(6, 4)"),
    ("nn.MultiLabelMarginLoss()", "r(4, 6), ints(6, 4, 6)"), ("nn.MultiLabelSoftMarginLoss()", "r(4, 6), pos(4, 6)"),
    ("nn.TripletMarginLoss()", "r(4, 6), r(4, 6), r(4, 6)"),
    ("nn.TripletMarginWithDistanceLoss()", "r(4, 6), r(4, 6), r(4, 6)"),
    ("nn.LinearCrossEntropyLoss(6, 5, bias=True)", "r(4, 6), ints(5, 4)"),
    ("nn.RNN(6, 4, 2, 'relu')", "r(5, 3, 6)"), ("nn.RNN(6, 4, batch_first=True, bias=False)", "r(5, 3, 6)"),
    ("nn.LSTM(6, 4, 2, bidirectional=True, dropout=0.3)", "r(5, 3, 6)"),
    ("nn.LSTM(6, 4, 2, proj_size=2, bidirectional=True)", "r(5, 3, 6)"), ("nn.LSTM(6, 4)", "r(5, 6)"),
    ("nn.GRU(6, 4)", "r(5, 3, 6), r(1, 3, 4)"), ("nn.GRU(6, 4, 2, bidirectional=True)", "r(5, 3, 6)"),
    ("nn.RNNCell(6, 4, nonlinearity='relu')", "r(3, 6), r(3, 4)"), ("nn.LSTMCell(6, 4)", "r(3, 6)"),
    ("nn.GRUCell(6, 4, False)", "r(6)"), ("nn.MultiheadAttention(8, 2, 0.2)", "r(5, 3, 8), r(4, 3, 8), r(4, 3, 8)"),
    ("nn.MultiheadAttention(8, 2, kdim=5, vdim=7, batch_first=True)", "r(3, 5, 8), r(3, 4, 5), r(3, 4, 7)"),
    ("nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True, bias=False)",
     "r(5, 3, 8), r(5, 3, 8), r(5, 3, 8)"),
    ("nn.TransformerEncoderLayer(8, 2, 16)", "r(5, 3, 8)"),
    ("nn.TransformerEncoderLayer(8, 2, 16, 0.1, 'gelu', norm_first=True, batch_first=True)", "r(5, 3, 8)"),
    ("nn.TransformerDecoderLayer(8, 2, 16, norm_first=True, bias=False)", "r(5, 3, 8), r(4, 3, 8)"),
    ("nn.Transformer(8, 2, 2, 2, 16)", "r(5, 3, 8), r(4, 3, 8)"),
    ("nn.CTCLoss()", "r(5, 2, 4), ints(3, 2, 2) + 1, ints(1, 2) + 5, ints(1, 2) + 2"),
    ("nn.UpsamplingNearest2d(scale_factor=2)", IN[2]),
    ("nn.FractionalMaxPool2d(2, output_size=3)", IN[2]), ("nn.FractionalMaxPool3d(2, output_ratio=0.5)", IN[3]),
    ("nn.MaxUnpool1d(2)", "r(1, 3), (ints(1, 1, 3) + 1).cumsum(1)"),
    ("nn.MaxUnpool2d(2)", "r(1, 2, 2), (ints(1, 1, 4) + 1).cumsum(1).reshape(1, 2, 2) * 3"),
    ("nn.MaxUnpool3d(2)", "r(1, 1, 2, 2), (ints(1, 1, 4) + 1).cumsum(1).reshape(1, 1, 2, 2) * 7"),
    ("nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)", "r(5, 3, 8)"),
    ("nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2, nn.LayerNorm(8))", "r(5, 3, 8), r(4, 3, 8)"),
    ("nn.CrossEntropyLoss(ignore_index=1)", "r(2, 3), ints(1, 2) + 1"), ("nn.BatchNorm1d(4, 0.001, 0.3, False)", "r(0, 4, 9)"),
]
LAYERS += [(f"nn.{text}{n}d({given})", IN[n]) for text, given in (("LazyConvTranspose", "3, 2"), ("LazyInstanceNorm", ""))
           for n in (1, 2, 3)]


def arrays(text: str) -> list:
    """The inputs of a case."""
    stream = np.random.RandomState(len(text))
    words = {
        "r": lambda *shape: stream.standard_normal(shape).astype(np.float32),
        "pos": lambda *shape: stream.uniform(0.1, 0.9, shape).astype(np.float32),
        "ints": lambda high, *shape: stream.randint(0, high, shape),
        "sign": lambda *shape: np.where(stream.uniform(size=shape) < 0.5, -1, 1).astype(np.float32),
    }
    return list(eval(f"[{text}]", words))


def flat(value) -> list:
    """The tensors in a result."""
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in flat(part)]
    return [] if value is None else [value]


def run_layer(torch, nn, constructor: str, inputs: str) -> dict:
    """Everything a layer shows: text, parameters, outputs and gradients in both modes, running statistics."""
    torch.manual_seed(3)
    layer = eval(constructor, {"nn": nn})
    found = {"text": repr(layer), "keys": list(layer.state_dict())}
    values = {}
    for mode in (True, False):
        layer.train(mode)
        made = [torch.from_numpy(a.copy()) for a in arrays(inputs)]
        made[0] = made[0].requires_grad_() if made[0].is_floating_point() else made[0]
        torch.manual_seed(5)
        outputs = flat(layer(*made))
        if mode:
            found["text after"] = repr(layer)
            values |= {f"parameter {k}": v.detach() for k, v in layer.named_parameters()}
        values |= {f"{mode} output {i}": t.detach() for i, t in enumerate(outputs)}
        roots = [t for t in outputs if t.requires_grad]
        if roots:
            stream = np.random.RandomState(1)
            seeds = [stream.standard_normal(tuple(t.shape)).astype(np.float32) for t in roots]
            torch.autograd.backward(roots, [torch.from_numpy(g) for g in seeds])
            values |= {f"{mode} gradient {k}": p.grad for k, p in layer.named_parameters() if p.grad is not None}
            if made[0].grad is not None:
                values[f"{mode} gradient"] = made[0].grad
        values |= {f"{mode} buffer {k}": b.clone() for k, b in layer.named_buffers()}
        layer.zero_grad()
    found["values"] = {k: np.array(v.numpy()) for k, v in values.items()}
    return found


# ---------------------------------------------------------------- training

def digits_net(nn):
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Dropout(0.2), nn.Conv2d(8, 16, 3), nn.GELU(), nn.Flatten(), nn.Linear(16 * 9, 10))


def char_net(torch, nn):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.letters, self.places = nn.Embedding(20, 32), nn.Embedding(16, 32)
            layer = nn.TransformerEncoderLayer(32, 4, 64, 0.1, "gelu", batch_first=True, norm_first=True)
            self.stack = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 20, bias=False)

        def forward(self, x):
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            h = self.letters(x) + self.places(torch.arange(x.shape[1]))
            return self.head(self.norm(self.stack(h, mask=mask, is_causal=True)))
    return Net()


def lstm_net(nn):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.letters, self.lstm = nn.Embedding(20, 16), nn.LSTM(16, 32, 2, batch_first=True, dropout=0.1)
            self.head = nn.Linear(32, 20)

        def forward(self, x):
            return self.head(self.lstm(self.letters(x))[0])
    return Net()


RUNS = ("digits", "characters", "lstm")


def train(torch, nn, optim, which: str, steps: int = 50) -> list:
    """The losses of a small training run."""
    torch.manual_seed(0)
    stream = np.random.RandomState(7)
    if which == "digits":
        x, y = stream.standard_normal((32, 1, 10, 10)).astype(np.float32), stream.randint(0, 10, 32)
        net = digits_net(nn)
        optimizer = optim.Adam(net.parameters(), lr=1e-2)
        schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    else:
        x, y = stream.randint(0, 20, (8, 16)), stream.randint(0, 20, (8, 16))
        net = char_net(torch, nn) if which == "characters" else lstm_net(nn)
        optimizer = optim.AdamW(net.parameters(), lr=3e-3) if which == "characters" else \
            optim.RMSprop(net.parameters(), lr=3e-3)
        schedule = optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, 60) if which == "characters" else \
            optim.lr_scheduler.StepLR(optimizer, 20, 0.5)
    x, y, losses = torch.from_numpy(x), torch.from_numpy(y), []
    for _ in range(steps):
        optimizer.zero_grad()
        scores = net(x)
        loss = nn.functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses
