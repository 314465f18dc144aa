"""Attention, transformers and recurrent layers in all their options, and what wrong inputs are told."""

import itertools

from .extras import ramp
from .program import each, kind_of

SECTIONS: list = []


def section(fn):
    SECTIONS.append(fn)
    return fn


def fill(torch, module):
    """Deterministic weights."""
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(ramp(torch, *p.shape) * 0.5 + 0.01 * i)
    return module


def brief(value):
    """Shapes and sums of what a call gives."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (tuple, list)):
        return [brief(v) for v in value]
    return tuple(value.shape), value.detach().double().sum(), value.detach().double().reshape(-1)[:3]


def attempt(say, label, call, *args, **kwargs) -> None:
    try:
        say(label, brief(call(*args, **kwargs)))
    except Exception as error:
        say(label, f"{kind_of(error)}: {error}")


ATTENTIONS = [{}, {"bias": False}, {"batch_first": True}, {"add_bias_kv": True}, {"add_zero_attn": True},
              {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 5, "vdim": 3}, {"kdim": 8, "vdim": 8},
              {"dropout": 0.5, "batch_first": True}, {"kdim": 5, "vdim": 3, "bias": False, "batch_first": True}]


def masks_for(torch, batch: int, target: int, source: int) -> list:
    upper = torch.ones(target, source).triu(1).bool()
    padding = torch.zeros(batch, source).bool()
    padding[0, -1] = True
    return [{}, {"need_weights": False}, {"attn_mask": upper}, {"attn_mask": upper.float() * -2},
            {"key_padding_mask": padding}, {"key_padding_mask": padding, "attn_mask": upper},
            {"key_padding_mask": padding.float() * -3, "attn_mask": upper.float() * -2}, {"average_attn_weights": False},
            {"attn_mask": upper, "is_causal": True, "need_weights": False}, {"is_causal": True},
            {"attn_mask": upper.expand(batch * 2, target, source)}, {"attn_mask": torch.ones(2, 2).bool()},
            {"attn_mask": torch.ones(target, source).long()}, {"key_padding_mask": torch.ones(1, 1).bool()},
            {"attn_mask": torch.ones(3, target, source).bool()}, {"attn_mask": torch.ones(target).bool()},
            {"key_padding_mask": padding, "attn_mask": upper.float() * -2}]


@section
def attention_in_all_options(torch, nn, say, fails):
    for options, mode in itertools.product(ATTENTIONS, (True, False)):
        m = fill(torch, nn.MultiheadAttention(8, 2, **options)).train(mode)
        q, k, v = ramp(torch, 3, 2, 8), ramp(torch, 4, 2, options.get("kdim", 8)), ramp(torch, 4, 2, options.get("vdim",
                                                                                                                 8)) + 0.1
        if options.get("batch_first"):
            q, k, v = (t.transpose(0, 1).contiguous() for t in (q, k, v))
        for i, asked in enumerate(masks_for(torch, 2, 3, 4)):
            torch.manual_seed(5)
            attempt(say, (options, mode, i), m, q, k, v, **asked)
    m = fill(torch, nn.MultiheadAttention(8, 2))
    q = ramp(torch, 3, 8)
    for i, asked in enumerate(masks_for(torch, 1, 3, 3)):
        if "key_padding_mask" in asked:
            asked["key_padding_mask"] = asked["key_padding_mask"][0]
        attempt(say, ("unbatched", i), m, q, q, q, **asked)
    each(say, ["m", "list(m.state_dict())", "nn.MultiheadAttention(8, 3)", "nn.MultiheadAttention(0, 2)", "m(q, q, q[None])",
               "m(q[None], q, q)", "m(q[..., :4], q, q)", "m(torch.ones(3, 2, 8), torch.ones(4, 1, 8), torch.ones(4, 1, 8))",
               "m(torch.ones(3, 2, 8), torch.ones(4, 2, 8), torch.ones(5, 2, 8))",
               "m(torch.ones(8), torch.ones(8), torch.ones(8))",
               "m.double()(q, q, q)"], m=m, q=q, nn=nn, torch=torch)


LAYERS = [{}, {"norm_first": True}, {"batch_first": True}, {"activation": "gelu"}, {"bias": False}, {"layer_norm_eps": 0.1},
          {"norm_first": True, "batch_first": True, "activation": "gelu", "bias": False}]


@section
def transformer_layers(torch, nn, say, fails):
    for options, mode in itertools.product(LAYERS, (True, False)):
        encoder = fill(torch, nn.TransformerEncoderLayer(8, 2, 6, 0.1, **options)).train(mode)
        decoder = fill(torch, nn.TransformerDecoderLayer(8, 2, 6, 0.1, **options)).train(mode)
        x, memory = ramp(torch, 3, 3, 8), ramp(torch, 3, 3, 8) + 0.2
        mask = nn.Transformer.generate_square_subsequent_mask(3)
        padding = torch.tensor([[0, 0, 1], [0, 0, 0], [0, 1, 1]]).bool()
        for i, asked in enumerate(({}, {"src_mask": mask}, {"src_key_padding_mask": padding}, {"src_mask": mask,
                                                                                               "is_causal": True},
                                   {"src_mask": mask.isinf(), "src_key_padding_mask": padding}, {"is_causal": True})):
            torch.manual_seed(5)
            attempt(say, ("encoder", options, mode, i), encoder, x, **asked)
        for i, asked in enumerate(({}, {"tgt_mask": mask}, {"memory_mask": mask}, {"tgt_key_padding_mask": padding},
                                   {"memory_key_padding_mask": padding, "tgt_mask": mask, "tgt_is_causal": True},
                                   {"memory_mask": mask.isinf(), "memory_is_causal": True})):
            torch.manual_seed(5)
            attempt(say, ("decoder", options, mode, i), decoder, x, memory, **asked)
    say(encoder, decoder)
    each(say, ["nn.TransformerEncoderLayer(8, 3)", "nn.TransformerEncoderLayer(8, 2, activation='zork')",
               "nn.TransformerDecoderLayer(8, 2, activation='zork')",
               "nn.TransformerEncoderLayer(8, 2, activation=nn.functional.tanh)"
               ".activation is nn.functional.tanh", "nn.TransformerEncoderLayer(8, 2)(torch.ones(2, 3, 4))"], nn=nn,
               torch=torch)


@section
def whole_transformers(torch, nn, say, fails):
    for options in LAYERS:
        m = fill(torch, nn.Transformer(8, 2, 1, 2, 6, 0.0, **options))
        src, tgt = ramp(torch, 3, 3, 8), ramp(torch, 3, 3, 8) + 0.3
        mask, padding = m.generate_square_subsequent_mask(3), torch.tensor([[0, 0, 1], [0, 0, 0], [0, 1, 1]]).bool()
        for i, asked in enumerate(({}, {"tgt_mask": mask}, {"src_mask": mask, "tgt_mask": mask, "memory_mask": mask},
                                   {"src_key_padding_mask": padding, "memory_key_padding_mask": padding},
                                   {"tgt_mask": mask, "tgt_is_causal": True}, {"src_mask": mask, "src_is_causal": True})):
            for mode in (True, False):
                attempt(say, (options, i, mode), m.train(mode), src, tgt, **asked)
        attempt(say, "unbatched", m, src[0], tgt[1])
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 6), 2, nn.LayerNorm(8))
    each(say, ["nn.Transformer(8, 3)", "m(torch.ones(2, 3, 4), torch.ones(2, 3, 8))",
               "m(torch.ones(2, 3, 8), torch.ones(2, 2, 8))",
               "m(torch.ones(8), torch.ones(8))", "nn.Transformer.generate_square_subsequent_mask(3)",
               "nn.Transformer.generate_square_subsequent_mask(2, dtype=torch.float64)", "encoder",
               "list(encoder.state_dict())[-3:]",
               "nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 6), 1)", "nn.Transformer(4, 1, 0, 1, 2)",
               "nn.Transformer(8, 2, custom_encoder=nn.Identity())"], nn=nn, torch=torch, m=m, encoder=encoder)


RECURRENT = [{}, {"num_layers": 2}, {"bias": False}, {"bidirectional": True}, {"batch_first": True},
             {"num_layers": 2, "bidirectional": True, "dropout": 0.5}, {"num_layers": 3, "batch_first": True, "dropout": 1.0}]


@section
def recurrent_in_all_options(torch, nn, say, fails):
    kinds = [(name, options) for name, options in itertools.product(("RNN", "LSTM", "GRU"), RECURRENT)]
    kinds += [("RNN", {"nonlinearity": "relu"}), ("LSTM", {"proj_size": 2}),
              ("LSTM", {"proj_size": 2, "bidirectional": True, "num_layers": 2, "batch_first": True})]
    for (name, options), mode in itertools.product(kinds, (True, False)):
        m = fill(torch, getattr(nn, name)(3, 4, **options)).train(mode)
        x = ramp(torch, 5, 2, 3)
        given = x.transpose(0, 1) if options.get("batch_first") else x
        layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        h = ramp(torch, layers, 2, options.get("proj_size", 4))
        state = (h, ramp(torch, layers, 2, 4) + 0.2) if name == "LSTM" else h
        packed = nn.utils.rnn.pack_padded_sequence(x, [3, 5], enforce_sorted=False)
        one = (state[0][:, 0], state[1][:, 0]) if name == "LSTM" else state[:, 0]
        for label, *given_now in (("plain", given), ("state", given, state), ("unbatched", x[:, 0]),
                                  ("unbatched state", x[:, 0], one), ("packed", packed), ("packed state", packed, state)):
            torch.manual_seed(5)
            attempt(say, (name, options, mode, label), flat_call, m, *given_now)
        say(m, m.all_weights[-1][0].shape, {k: tuple(v.shape) for k, v in m.state_dict().items()})


def flat_call(m, *given):
    """A call whose packed result is taken apart."""
    output, state = m(*given)
    return (output, state) if hasattr(output, "sum") else (output.data, output.batch_sizes, output.sorted_indices, state)


def of_kind(kinds: str, *texts: str) -> list:
    return [text.replace("KIND", kind) for kind in kinds.split() for text in texts]


WRONG = [
    *of_kind("RNN LSTM GRU", "nn.KIND(3, 4)(torch.ones(2, 3, 5))", "nn.KIND(3, 4)(torch.ones(3))",
             "nn.KIND(3, 4)(torch.ones(1, 2, 3, 3))", "nn.KIND(3, 4, num_layers=0)", "nn.KIND(0, 4)", "nn.KIND(3, -1)",
             "nn.KIND(3, 4, dropout=2)", "nn.KIND(3, 4, dropout=True)", "nn.KIND(3, '4')",
             "nn.KIND(3, 4, batch_first=True)(torch.ones(2, 3, 2))", "nn.KIND(3, 4, proj_size=-1)",
             "nn.KIND(3, 4, 1, True, False, 0.5)", "nn.KIND(3, 4)(torch.ones(2, 2, 3).half())", "nn.KIND(3, 4, zork=1)",
             "nn.KIND()", "nn.KIND(3, 4)(torch.ones(2, 2, 3).long())"),
    *of_kind("RNN GRU", "nn.KIND(3, 4)(torch.ones(2, 2, 3), torch.ones(2, 2, 4))",
             "nn.KIND(3, 4)(torch.ones(2, 3), torch.ones(1, 1, 4))",
             "nn.KIND(3, 4)(torch.ones(2, 2, 3), torch.ones(1, 4))",
             "nn.KIND(3, 4)(torch.ones(2, 2, 3), (torch.ones(1, 2, 4),))"),
    "nn.RNN(3, 4, proj_size=2)", "nn.GRU(3, 4, proj_size=2)", "nn.LSTM(3, 4, proj_size=5)",
    "nn.LSTM(3, 4)(torch.ones(2, 2, 3), torch.ones(1, 2, 4))",
    "nn.LSTM(3, 4)(torch.ones(2, 3), (torch.ones(1, 1, 4), torch.ones(1, 1, 4)))",
    "nn.LSTM(3, 4)(torch.ones(2, 2, 3), (torch.ones(1, 2, 4), torch.ones(1, 1, 4)))",
    "nn.LSTM(3, 4, proj_size=2)(torch.ones(2, 2, 3), (torch.ones(1, 2, 4), torch.ones(1, 2, 4)))",
    *of_kind("RNNCell LSTMCell GRUCell", "nn.KIND(3, 4)(torch.ones(2, 5))", "nn.KIND(3, 4)(torch.ones(1, 2, 3))",
             "nn.KIND(3, 4)", "nn.KIND(3, 4)(torch.ones(2, 3).double())", "nn.KIND(3, 4, bias=False)", "nn.KIND(0, 4)",
             "nn.KIND(3, 0)"),
    *of_kind("RNNCell GRUCell", "nn.KIND(3, 4)(torch.ones(2, 3), torch.ones(1, 4))",
             "nn.KIND(3, 4)(torch.ones(2, 3), torch.ones(2, 5))", "nn.KIND(3, 4)(torch.ones(3), torch.ones(1, 1, 4))",
             "nn.KIND(3, 4)(torch.ones(3), torch.ones(2, 4))"),
    "nn.LSTMCell(3, 4)(torch.ones(2, 3), (torch.ones(1, 4), torch.ones(2, 4)))",
    "nn.LSTMCell(3, 4)(torch.ones(2, 3), (torch.ones(2, 4), torch.ones(2, 5)))",
    "nn.RNNCell(3, 4, nonlinearity='zork')(torch.ones(2, 3))", "nn.LSTMCell(3, 4)(torch.ones(2, 3), torch.ones(2, 4))",
    "nn.Linear(3, 4)(torch.ones(2, 5))", "nn.Linear(3, 4)(torch.ones(2, 2, 5))", "nn.Linear(3, 4)(torch.ones(5))",
    "nn.Linear(3, 4)(torch.ones(()))", "nn.Linear(3, 4)(torch.ones(2, 3).double())",
    "nn.Linear(3, 4)(torch.ones(2, 3).long())", "nn.Linear(3, 4)(3)", "nn.Linear(3, 4)()",
    "nn.Linear(3, 4)(torch.ones(3), torch.ones(3))", "nn.Linear(-1, 2)", "nn.Linear(3)",
    "nn.Linear(0, 3)(torch.ones(2, 0)).shape", "nn.Linear(3, 0)(torch.ones(2, 3)).shape",
    "nn.Bilinear(2, 3, 4)(torch.ones(2, 2), torch.ones(3, 3))",
    "nn.Bilinear(2, 3, 4)(torch.ones(2, 5), torch.ones(2, 3))",
    "nn.Bilinear(2, 3, 4)(torch.ones(2, 2), torch.ones(2, 5))",
    *of_kind("1 2 3",
             "nn.ConvKINDd(4, 6, 3)(torch.ones(2, 3, 9, 9, 9)[(slice(None),) * 2 + (slice(None),) * KIND + (0,) * (3 - KIND)])",
             "nn.ConvKINDd(4, 6, 3)(torch.ones(4, 9))", "nn.ConvKINDd(4, 6, 3)(torch.ones(2, 2, 2, 2, 2, 2, 2))",
             "nn.ConvKINDd(4, 6, 3)(torch.ones(2, 4, *[2] * KIND))", "nn.ConvKINDd(4, 6, 3, groups=3)",
             "nn.ConvKINDd(4, 6, 3, stride=0)(torch.ones(2, 4, *[5] * KIND))",
             "nn.ConvKINDd(4, 6, 3, dilation=0)(torch.ones(2, 4, *[5] * KIND))",
             "nn.ConvKINDd(4, 6, 3, padding=-1)(torch.ones(2, 4, *[5] * KIND))",
             "nn.ConvKINDd(4, 6, 3)(torch.ones(2, 4, *[5] * KIND).double())", "nn.ConvKINDd(4, 5, 3, groups=2)",
             "nn.ConvKINDd(4, 6, 3, groups=-1)", "nn.ConvTransposeKINDd(4, 6, 3)(torch.ones(2, 3, *[5] * KIND))",
             "nn.ConvTransposeKINDd(4, 6, 3, output_padding=2)(torch.ones(2, 4, *[5] * KIND))",
             "nn.ConvTransposeKINDd(4, 6, 3)(torch.ones(2, 4, *[5] * KIND), output_size=[1] * KIND)",
             "nn.ConvTransposeKINDd(4, 6, 3)(torch.ones(2, 4, *[5] * KIND), output_size=[1] * 7)",
             "nn.BatchNormKINDd(4)(torch.ones(2, 3, *[2] * KIND))", "nn.BatchNormKINDd(4)(torch.ones(4))",
             "nn.BatchNormKINDd(4)(torch.ones(1, 4, *[1] * KIND))",
             "nn.BatchNormKINDd(4)(torch.ones(2, 4, *[2] * KIND).double())",
             "nn.BatchNormKINDd(4)(torch.ones(2, 4, *[2] * KIND).long())",
             "nn.InstanceNormKINDd(4)(torch.ones(2, 4, *[1] * KIND))",
             "nn.InstanceNormKINDd(4)(torch.ones(2, 3, *[2] * KIND)).shape",
             "nn.InstanceNormKINDd(4, affine=True)(torch.ones(2, 3, *[2] * KIND))",
             "nn.InstanceNormKINDd(4)(torch.ones(4))", "nn.MaxPoolKINDd(3)(torch.ones(1, 1, *[2] * KIND))",
             "nn.MaxPoolKINDd(3, padding=2)(torch.ones(1, 1, *[5] * KIND))",
             "nn.AvgPoolKINDd(3)(torch.ones(1, 1, *[2] * KIND))",
             "nn.AvgPoolKINDd(3, padding=2)(torch.ones(1, 1, *[5] * KIND))",
             "nn.AdaptiveAvgPoolKINDd((3,) * KIND)(torch.ones(2))", "nn.LPPoolKINDd(2, 9)(torch.ones(1, 1, *[3] * KIND))",
             "nn.MaxUnpoolKINDd(2)(torch.ones(1, 1, *[2] * KIND), torch.ones(1, 1, *[2] * KIND).long())",
             "nn.ReflectionPadKINDd(5)(torch.ones(1, 1, *[3] * KIND))", "nn.ReplicationPadKINDd(1)(torch.ones(2))",
             "nn.CircularPadKINDd(9)(torch.ones(1, 1, *[3] * KIND))",
             "nn.ConstantPadKINDd(-3, 0.0)(torch.ones(1, 1, *[3] * KIND))", "nn.DropoutKINDd(1.5)",
             "nn.DropoutKINDd(-0.1)"),
    "nn.LayerNorm(3)(torch.ones(2, 4))", "nn.LayerNorm((2, 3))(torch.ones(3))", "nn.LayerNorm([])(torch.ones(3))",
    "nn.RMSNorm(3)(torch.ones(2, 4))", "nn.GroupNorm(2, 4)(torch.ones(2, 3))", "nn.GroupNorm(2, 4)(torch.ones(4))",
    "nn.GroupNorm(0, 4)", "nn.GroupNorm(2, 4)(torch.ones(1, 4))", "nn.LocalResponseNorm(0)(torch.ones(1, 2, 3))",
    "nn.LocalResponseNorm(2)(torch.ones(2))", "nn.Embedding(5, 2)(torch.ones(2))",
    "nn.Embedding(5, 2)(torch.tensor([-1]))", "nn.Embedding(5, 2, padding_idx=-6)",
    "nn.Embedding(5, 2, _weight=torch.ones(2, 2))", "nn.Embedding.from_pretrained(torch.ones(3))",
    "nn.Embedding.from_pretrained(torch.ones(3, 2), padding_idx=1)",
    "nn.Embedding.from_pretrained(torch.ones(3, 2)).weight.requires_grad", "nn.Embedding(-1, 2)",
    "nn.Embedding(5, 2, max_norm=1.0)", "nn.EmbeddingBag(5, 2)(torch.tensor([1, 2]))",
    "nn.EmbeddingBag(5, 2)(torch.tensor([[1, 2]]), torch.tensor([0]))",
    "nn.EmbeddingBag(5, 2)(torch.tensor([1, 2]), torch.tensor([1]))", "nn.EmbeddingBag(5, 2, mode='zork')",
    "nn.EmbeddingBag(5, 2, mode='max')(torch.tensor([[1]]), per_sample_weights=torch.ones(1, 1))",
    "nn.EmbeddingBag(5, 2, scale_grad_by_freq=True, mode='max')(torch.tensor([[1]]))",
    "nn.EmbeddingBag(5, 2)(torch.tensor([[[1]]]))", "nn.Softmax2d()(torch.ones(2, 2))", "nn.Softmax(5)(torch.ones(2))",
    "nn.GLU(0)(torch.ones(3))", "nn.PReLU(3)(torch.ones(2, 2))", "nn.PReLU(2)(torch.ones(()))",
    "nn.RReLU(0.5, 0.1)(torch.ones(1))", "nn.Hardtanh(1, -1)", "nn.Softshrink(-1)(torch.ones(1))",
    "nn.GELU('zork')(torch.ones(1))", "nn.ReLU()(3)", "nn.ReLU(True)(torch.ones(1, requires_grad=True))",
    "nn.Threshold(1)", "nn.Flatten(3)(torch.ones(2, 2))", "nn.Flatten(2, 1)(torch.ones(2, 2, 2))",
    "nn.Unflatten(1, (2, 2))(torch.ones(2, 3))", "nn.Unflatten(1, 3)", "nn.Unflatten(1, ('a', 2))",
    "nn.Unflatten('a', (('b', 2),))", "nn.PixelShuffle(2)(torch.ones(1, 3, 2, 2))",
    "nn.PixelUnshuffle(2)(torch.ones(1, 3, 3, 2))", "nn.PixelShuffle(2)(torch.ones(2))",
    "nn.ChannelShuffle(3)(torch.ones(1, 4, 2, 2))", "nn.PixelShuffle(0)(torch.ones(1, 4, 2, 2))",
    "nn.Upsample(scale_factor=2, mode='bilinear')(torch.ones(1, 1, 2))", "nn.Upsample()(torch.ones(1, 1, 2))",
    "nn.Upsample(2, 2)(torch.ones(1, 1, 2))", "nn.Upsample(2, mode='zork')(torch.ones(1, 1, 2))",
    "nn.Upsample(scale_factor=(1, 2))(torch.ones(1, 1, 2))",
    "nn.Upsample(2, mode='nearest', align_corners=True)(torch.ones(1, 1, 2))", "nn.Fold((4, 5), 2)(torch.ones(1, 3, 12))",
    "nn.Fold((4, 5), 2)(torch.ones(1, 4, 3))", "nn.Unfold(9)(torch.ones(1, 1, 3, 3))",
    "nn.CosineSimilarity(3)(torch.ones(2), torch.ones(2))", "nn.PairwiseDistance()(torch.ones(2, 3), torch.ones(2, 4))",
    "nn.MSELoss()(torch.ones(2), torch.ones(3))", "nn.MSELoss(reduction='zork')(torch.ones(2), torch.ones(2))",
    "nn.MSELoss(reduce=False).reduction", "nn.MSELoss(size_average=False).reduction",
    "nn.CrossEntropyLoss()(torch.ones(2, 3), torch.ones(2))",
    "nn.CrossEntropyLoss()(torch.ones(2, 3), torch.tensor([1, 3]))",
    "nn.CrossEntropyLoss()(torch.ones(2, 3), torch.tensor([1]))",
    "nn.CrossEntropyLoss(weight=torch.ones(2))(torch.ones(2, 3), torch.tensor([1, 2]))",
    "nn.CrossEntropyLoss(label_smoothing=2)(torch.ones(2, 3), torch.tensor([1, 2]))",
    "nn.NLLLoss()(torch.ones(2, 3), torch.tensor([1, 5]))", "nn.NLLLoss()(torch.ones(2, 3), torch.ones(2))",
    "nn.NLLLoss()(torch.ones(()), torch.tensor(0))", "nn.BCELoss()(torch.ones(2) * 2, torch.ones(2))",
    "nn.BCELoss()(torch.ones(2), torch.ones(3))", "nn.BCELoss()(torch.ones(2), torch.ones(2).long())",
    "nn.BCEWithLogitsLoss()(torch.ones(2), torch.ones(3))", "nn.KLDivLoss()(torch.zeros(2, 2), torch.ones(2, 2))",
    "nn.HuberLoss(delta=-1)(torch.ones(2), torch.ones(2))", "nn.SmoothL1Loss(beta=-1)(torch.ones(2), torch.ones(2))",
    "nn.GaussianNLLLoss()(torch.ones(2), torch.ones(2), -torch.ones(2))",
    "nn.GaussianNLLLoss()(torch.ones(2), torch.ones(2), torch.ones(3))",
    "nn.MarginRankingLoss()(torch.ones(2), torch.ones(2), torch.ones(2, 1))", "nn.MultiMarginLoss(p=3)",
    "nn.MultiMarginLoss(weight=torch.ones(2, 2))", "nn.MultiMarginLoss()(torch.ones(2, 3), torch.tensor([5, 0]))",
    "nn.MultiLabelMarginLoss()(torch.ones(2, 3), torch.ones(2, 3))",
    "nn.MultiLabelSoftMarginLoss()(torch.ones(2, 3), torch.ones(2, 2))",
    "nn.CosineEmbeddingLoss()(torch.ones(2, 3), torch.ones(2, 3), torch.ones(3))",
    "nn.TripletMarginLoss()(torch.ones(2, 3), torch.ones(2, 3), torch.ones(3))",
    "nn.TripletMarginLoss()(torch.ones(2, 3), torch.ones(4, 3), torch.ones(2, 3))",
    "nn.CTCLoss()(torch.ones(3, 2, 4), torch.ones(2, 2).long(), (3, 3), (2,))",
    "nn.CTCLoss(blank=9)(torch.ones(3, 2, 4), torch.ones(2, 2).long(), (3, 3), (2, 2))",
    "nn.HingeEmbeddingLoss()(torch.ones(2), torch.ones(3))", "nn.SoftMarginLoss()(torch.ones(2), torch.ones(3))",
    "nn.PoissonNLLLoss()(torch.ones(2), torch.ones(3))", "nn.AdaptiveLogSoftmaxWithLoss(4, 6, [3, 2])",
    "nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 6])", "nn.AdaptiveLogSoftmaxWithLoss(4, 6, [])",
    "nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2])(torch.ones(2, 3), torch.tensor([1, 2]))",
    "nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2])(torch.ones(2, 4), torch.tensor([1, 7]))",
    "nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2])(torch.ones(2, 4), torch.tensor([1]))", "nn.FractionalMaxPool2d(2)",
    "nn.FractionalMaxPool2d(2, output_size=1, output_ratio=0.5)", "nn.FractionalMaxPool2d(2, output_ratio=1.5)",
    "nn.FractionalMaxPool2d(5, output_size=2)(torch.ones(1, 1, 4, 4))",
    "nn.FractionalMaxPool3d(2, output_ratio=(0.5, 0.5, 2))", "nn.AlphaDropout(-1)", "nn.FeatureAlphaDropout(2)",
    "nn.Identity(3, a=4)(torch.ones(1))", "nn.SyncBatchNorm(2)(torch.ones(2))",
    "nn.MultiheadAttention(4, 2)(torch.ones(2, 4))",
]


@section
def old_response_norm(torch, nn, say, fails):
    for size in (1, 2, 3, 5):
        say(size, brief(nn.CrossMapLRN2d(size, 0.5, 0.75, 2)(ramp(torch, 2, 6, 2, 2))))
    fails(lambda: nn.CrossMapLRN2d(2)(torch.ones(2, 3, 4)))


@section
def wrong_inputs(torch, nn, say, fails):
    for text in WRONG:
        torch.manual_seed(0)
        each(lambda *v: say(*[brief_text(x) for x in v]), [text], torch=torch, nn=nn)


def brief_text(value):
    return value if isinstance(value, str) or not hasattr(value, "sum") else brief(value)
