"""`model_summary`: the table of a model's layers, found on shapes alone."""

import pytest

import tcli
from tests.show.golden import check

MODELS = '''
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 16)
        self.words.weight.requires_grad_(False)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.head = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 4))
        self.mix = nn.Linear(4, 4)
        self.same_mix = self.mix
        self.mix.bias.requires_grad_(False)
        self.unused = nn.Linear(3, 3)
        self.scale = nn.Parameter(ones(4))

    def forward(self, words, bias):
        states, (h, c) = self.lstm(self.words(words))
        return self.same_mix(self.mix(self.head(states[:, -1]))) * self.scale + bias + torch.zeros(4)

tagger = Tagger()
images = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                       nn.Linear(16 * 16 * 16, 10))
encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2)
'''
CALLS = ["model_summary(tagger, [(8, 20), (8, 4)], dtypes=[torch.long, None])", "model_summary(images, (8, 3, 32, 32))",
         "model_summary(images)", "model_summary(encoder, (2, 7, 32), 2)",
         "model_summary(tagger, [torch.zeros(8, 20, dtype=torch.long), torch.zeros(8, 4)], depth=0)"]


@pytest.fixture(scope="module")
def session():
    session = tcli.Session(seed=0)
    session.run(MODELS)
    return session


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_look_as_they_did(width, session):
    parts = []
    for call in CALLS:
        text = session.run(call).text(width)
        assert max(map(len, text.split("\n"))) <= max(width, 80)
        parts.append(f"--- {call}\n{text}")
    check(f"model_summary_{width}", "\n\n".join(parts))


def test_figures_are_those_of_the_layers(session):
    found = session.run("model_summary(tagger, [(8, 20), (8, 4)], dtypes=[torch.long, None])")
    rows = {row.name: row for row in found.layers if not row.shared}
    assert found.total_params == sum(session.run("[p.numel() for p in tagger.parameters()]"))
    assert rows["mix"].calls == 2
    assert (rows["mix"].params, rows["mix"].trainable) == (20, 16)
    assert rows["lstm"].outputs == ["f32[8, 20, 32]", "f32[1, 8, 32]", "f32[1, 8, 32]"]
    assert rows["unused"].calls == 0
    # Both products of the LSTM: input and state with the weights of four gates.
    assert rows["lstm"].flops >= 2 * 8 * 20 * (16 + 32) * 128
    assert found.total_flops >= sum(row.flops for row in found.layers if row.depth == 1)


def test_saved_bytes_are_what_the_tape_keeps():
    session = tcli.Session(seed=0)
    session.run("m = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5))")
    found = session.run("model_summary(m, (4, 10))")
    # The input and the output of the ReLU; the weights belong to the model.
    assert found.saved_bytes == 4 * (4 * 10 + 4 * 20)
    assert found.total_mult_adds == 4 * (10 * 20 + 20 * 5)


def test_the_model_is_as_before():
    session = tcli.Session(seed=0)
    session.run("m = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)); x = ones(2, 4); loss = m(x).sum()")
    before = session.run("m.state_dict()")
    before = {name: value.clone() for name, value in before.items()}
    state = session.run("torch.get_rng_state().sum().item()")
    session.run("summary(m, (1000000, 4)); z = model_summary(m, (8, 4))")
    after = session.run("m.state_dict()")
    assert all((before[name] == after[name]).all() for name in before)
    assert session.run("m.training and m[2].training and torch.get_rng_state().sum().item()") == state
    assert session.run("not m._forward_hooks and zeros(1).device.type == 'cpu'")
    session.run("loss.backward()")
    assert session.run("m[0].weight.grad.shape") == (3, 4)


def test_nothing_is_allocated():
    session = tcli.Session()
    found = session.run("model_summary(nn.Linear(10, 10), (1000000000, 10))")
    assert found.layers[0].outputs == ["f32[1000000000, 10]"]
    assert found.output_bytes == 40 * 10**9


@pytest.mark.parametrize(("program", "said", "note"), [
    ("model_summary(images, (8, 3, 31, 34))", "mat1 and mat2 shapes cannot be multiplied (8x4080 and 4096x10)",
     "in layer 5 (Linear) of the model"),
    ("model_summary(tensor(1.))", "takes a module first", None),
    ("model_summary(images, 'x')", "input_shape is a shape", None),
    ("model_summary(images, (1, -3))", "no negative sizes", None),
    ("model_summary(tagger, [(8, 20), (8, 4)], dtypes=[torch.long])", "1 dtypes for 2 inputs", None),
    ("model_summary(nn.LazyLinear(3), (2, 4))", "its layer is lazy", None),
])
def test_what_cannot_be_summed_up_is_told(program, said, note, session):
    with pytest.raises(tcli.TcliError) as caught:
        session.run(program)
    assert said in caught.value.message
    assert note is None or note in caught.value.notes
    session.run("images(ones(1, 3, 32, 32))")


def test_the_spelling_of_torchinfo(session, capsys):
    session.run("from torchinfo import summary as info; s = info(images, input_size=(1, 3, 32, 32), col_width=20)")
    printed = capsys.readouterr().out
    assert printed == str(session["s"]) + "\n"
    assert session["s"].total_params == 41450
