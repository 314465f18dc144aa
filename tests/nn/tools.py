"""What `nn.init` and `nn.utils` do, in sections like those of `program.py`."""

TOOLS: list = []


def section(fn):
    TOOLS.append(fn)
    return fn


INITS = """uniform_(t,-1,2) normal_(t,1,2) trunc_normal_(t) trunc_normal_(t,0,1,-3,1)
    trunc_normal_(t,0,0.02,0.03,0.05)
    constant_(t,3) ones_(t) zeros_(t) eye_(t) xavier_uniform_(t,1.5) xavier_normal_(t) kaiming_uniform_(t)
    kaiming_normal_(t,0.2,"fan_out") kaiming_normal_(t,0,"fan_in","relu") orthogonal_(t) orthogonal_(t,2.0)
    sparse_(t,0.3)""".split()


@section
def filling(torch, nn, say, fails):
    for text in INITS:
        for shape in ((5, 3), (3, 5)):
            t = torch.zeros(shape)
            torch.manual_seed(4)
            say(text, eval("init." + text, {"init": nn.init, "t": t}) is t, t)
    say(nn.init.dirac_(torch.ones(4, 2, 3), 2), nn.init.calculate_gain("leaky_relu", 0.3))
    for wrong in ("eye_(t)", "xavier_uniform_(t)", "dirac_(t)", "orthogonal_(t)", "kaiming_normal_(t, mode='x')",
                  "sparse_(t, 0.1)", "calculate_gain('x')"):
        fails(lambda wrong=wrong: eval("init." + wrong, {"init": nn.init, "t": torch.zeros(3)}))


@section
def clipping(torch, nn, say, fails):
    for kind in (2.0, 1.0, float("inf")):
        weights = [torch.randn(3, 4).requires_grad_() for _ in range(3)]
        for w in weights:
            w.grad = torch.randn(3, 4) * 5
        say(nn.utils.clip_grad_norm_(weights, 1.0, kind), [w.grad for w in weights])
        nn.utils.clip_grad_value_(weights, 0.1)
        say(nn.utils.get_total_norm([w.grad for w in weights]), [w.grad for w in weights])
    vector = nn.utils.parameters_to_vector(weights)
    nn.utils.vector_to_parameters(vector * 2, weights)
    say(vector, weights)
    weights[0].grad[0, 0] = float("nan")
    fails(lambda: nn.utils.clip_grad_norm_(weights, 1.0, error_if_nonfinite=True))


@section
def packing(torch, nn, say, fails):
    rnn = nn.utils.rnn
    sequences = [torch.randn(n, 3) for n in (5, 2, 4)]
    for batch_first in (False, True):
        padded = rnn.pad_sequence(sequences, batch_first, 0.5)
        packed = rnn.pack_padded_sequence(padded, torch.tensor([5, 2, 4]), batch_first, enforce_sorted=False)
        say(padded.shape, packed, rnn.pad_packed_sequence(packed, batch_first, -1.0, total_length=6))
    say(rnn.pad_sequence(sequences, padding_side="left")[:, 1])
    say(rnn.unpack_sequence(rnn.pack_sequence(sequences, enforce_sorted=False)))
    for layer in (nn.LSTM(3, 4, 2, bidirectional=True), nn.GRU(3, 4), nn.RNN(3, 4)):
        output, state = layer(packed)
        output.data.sum().backward()
        say(output.data, state, [p.grad.sum() for p in layer.parameters()])
    fails(lambda: rnn.pack_padded_sequence(padded, [1, 2, 3], True))
    fails(lambda: rnn.pack_padded_sequence(padded, [3, 2], True))
    fails(lambda: rnn.pad_packed_sequence(packed, total_length=2))


@section
def norms(torch, nn, say, fails):
    x = {"Linear": torch.randn(5, 4), "Conv2d": torch.randn(2, 2, 5, 5), "ConvTranspose1d": torch.randn(2, 2, 5)}
    for make in (lambda: nn.Linear(4, 3), lambda: nn.Conv2d(2, 3, 2), lambda: nn.ConvTranspose1d(2, 3, 2)):
        for home in (nn.utils, nn.utils.parametrizations):
            for name in ("weight_norm", "spectral_norm"):
                layer = make()
                getattr(home, name)(layer)
                layer(x[type(make()).__name__]).sum().backward()
                say(layer, list(layer.state_dict()), layer.weight.sum(), [p.grad.sum() for p in layer.parameters()])
                if home is nn.utils:
                    getattr(home, "remove_" + name)(layer)
                else:
                    nn.utils.parametrize.remove_parametrizations(layer, "weight")
                say(list(layer.state_dict()), layer.weight.sum())
    fails(lambda: nn.utils.remove_weight_norm(nn.Linear(1, 1)))
    fails(lambda: nn.utils.parametrize.register_parametrization(nn.Linear(1, 1), "x", nn.ReLU()))


@section
def pruning(torch, nn, say, fails):
    prune, layer = nn.utils.prune, nn.Linear(4, 5)
    prune.l1_unstructured(layer, "weight", 0.3)
    prune.random_unstructured(layer, "weight", 2)
    prune.ln_structured(layer, "weight", 1, 2, 0)
    say(layer.weight, list(layer.state_dict()), prune.is_pruned(layer))
    prune.remove(layer, "weight")
    say(layer.weight, list(layer.state_dict()), prune.is_pruned(layer))


@section
def averaging(torch, nn, say, fails):
    swa, model = torch.optim.swa_utils, nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = swa.AveragedModel(model)
    moving = swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
    optimizer, x = torch.optim.SGD(model.parameters(), 0.1), torch.randn(6, 3)
    schedule = swa.SWALR(optimizer, 0.01, 5)
    for _ in range(6):
        optimizer.zero_grad()
        (model(x).sin() ** 2).sum().backward()
        optimizer.step()
        average.update_parameters(model)
        moving.update_parameters(model)
        schedule.step()
        say(schedule.get_last_lr())
    swa.update_bn([x, x * 2], average)
    say(average.state_dict(), moving.state_dict())


@section
def masks_of_encoders(torch, nn, say, fails):
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    x = torch.randn(3, 4, 8)
    padding = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]]).bool()
    causal = nn.Transformer.generate_square_subsequent_mask(4)
    say(causal, encoder(x, src_key_padding_mask=padding)[0])
    with torch.no_grad():
        say(encoder(x, src_key_padding_mask=padding)[:2], encoder(x, mask=causal)[0])
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    for options in ({"need_weights": False}, {"attn_mask": causal, "is_causal": True}, {"key_padding_mask": padding},
                    {"average_attn_weights": False}):
        output, weights = attention(x, x, x, **options)
        say(output[0, :2], weights if weights is None else weights[0])
