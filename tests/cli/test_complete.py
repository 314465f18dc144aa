"""What completion offers, and what the bottom line says."""

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from tcli.cli import complete, toolbar
from tcli.cli.context import Context
from tcli.cli.options import Settings
from tcli.cli.peek import Instance, Unknown, peek
from tcli.cli.repl import Repl
from tcli.runtime.session import Session

PROGRAM = """
x = randn(3, 4, 5); weights = [1]; weird = 2
net = nn.Sequential(nn.Linear(4, 2), nn.ReLU()); sd = net.state_dict()
log = []
class Loud:
    def __init__(self): self.quiet = 1
    @property
    def loud(self):
        log.append("property")
        return 1
    def __getitem__(self, key):
        log.append("item")
        return 1
loud = Loud()
"""


@pytest.fixture(scope="module")
def prompt():
    session = Session(seed=0)
    session.run(PROGRAM)
    return Repl(session, Settings(), write=lambda text: None, plain=True)


@pytest.fixture
def found(prompt):
    def names(text):
        return [name for name, _ in complete.candidates(text, prompt.known)[1]]
    return names


@pytest.fixture
def remarks(prompt):
    return lambda text: dict(complete.candidates(text, prompt.known)[1])


def test_names_and_keywords_complete(found):
    assert found("y = wei") == ["weights", "weird"]
    assert found("whi") == ["while"]


def test_the_menu_says_what_a_name_is(remarks):
    assert remarks("y = x")["x"] == "f32[3, 4, 5]"
    assert remarks("sof")["softmax"].startswith("e to the power") or remarks("sof")["softmax"]


def test_without_a_beginning_the_letters_in_order_do(found):
    assert "BatchNorm1d" in found("nn.batnorm")
    assert "cross_entropy" in found("F.crent")


def test_attributes_of_the_actual_value_complete(found):
    assert found("weights.app") == ["append"]
    assert "unsqueeze" in found("x.unsq")
    assert "in_features" in found("net[0].in_f")
    assert "bias" in found("net[0].b")


def test_the_class_of_a_result_is_enough_for_its_methods(found):
    assert "unsqueeze" in found("relu(x).unsq")
    assert "unsqueeze" in found("x.exp().unsq")
    assert "parameters" in found("nn.Linear(2, 3).param")
    assert "upper" in found("'abc'.up")


def test_private_attributes_are_hidden_until_asked_for(found):
    assert not any(name.startswith("_") for name in found("x."))


def test_keyword_names_complete_inside_a_call(found, remarks):
    assert found("softmax(x, d") == ["dim=", "dtype=", *[name for name in found("d") if True]]
    assert remarks("softmax(x, d")["dtype="].startswith("dtype, default None")
    assert "keepdim=" in found("x.sum(0, ")
    assert "dim=" not in found("x.sum(dim=0, k")


def test_legal_dims_complete_after_dim(found, remarks):
    assert found("softmax(x, dim=") == ["0", "1", "2", "-3", "-2", "-1"]
    assert remarks("x.sum(dim=")["-1"] == "size 5"


def test_devices_and_dtypes_complete(found):
    assert found("x.to(")[:3] == ['"cpu"', '"cuda"', '"meta"']
    assert "torch.float16" in found("x.to(torch.f") + found("x.to(fl")
    assert "torch.bfloat16" in found("zeros(3, dtype=")
    assert found('x.to("cu') == ["cuda"]
    assert found('zeros(2, device="') == ["cpu", "cuda", "meta"]


def test_keys_of_a_state_dict_complete(found, remarks):
    assert found('sd["0.') == ["0.weight", "0.bias"]
    assert remarks('sd["')["0.weight"] == "f32[2, 4]"


def test_files_complete_inside_load(found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.npy").touch()
    (tmp_path / "deep").mkdir()
    assert found('y = load("d') == ["data.npy", "deep/"]
    assert found('print("d') == []
    assert found(":run d") == ["data.npy", "deep/"]
    assert found("!ls de") == ["deep/"]


def test_modules_complete(found):
    assert "torch.nn" in found("import torch.n")
    assert "functional" in found("from torch.nn import func")
    assert "math" in found("import ma")


def test_commands_and_their_arguments_complete(found, remarks):
    assert found(":tra") == ["trace", "trap"]
    assert found(":fmt e") == ["eng"]
    assert found(":trap nan,i") == ["inf"]
    assert found(":free wei") == ["weights", "weird"]
    assert remarks(":dev")["device"].startswith("Shows or sets")
    assert "append" in found(":time weights.app")


def test_nothing_of_the_program_is_run(prompt, found):
    assert "quiet" in found("loud.")
    for text in ("loud.loud.", "loud[0].", 'loud["', "loud.loud.x.y"):
        found(text)
        prompt.toolbar(text)
    assert prompt.session["log"] == []


@pytest.mark.parametrize("text", ["nothing.x", "# x.", 'print("a', "x = 1", "", ")", "x[", "'", "f('a' 'b'", "\x00"])
def test_where_nothing_fits_nothing_is_offered(found, text):
    assert found(text) == []


def test_the_completer_replaces_the_typed_part(prompt):
    completer = complete.TcliCompleter(prompt.known)
    completions = list(completer.get_completions(Document("y = wei"), CompleteEvent()))
    assert [(each.text, each.start_position) for each in completions] == [("weights", -3), ("weird", -3)]


# ---------------------------------------------------------------- values without running

@pytest.mark.parametrize("text", ["loud.loud", "loud[0]", "x + 1", "print(3)", "nothing", "x.__class__", "weights[9]"])
def test_what_would_run_code_is_unknown(prompt, text):
    with pytest.raises(Unknown):
        peek(text, prompt.session.lookup)


def test_a_chain_is_followed_to_its_value(prompt):
    lookup = prompt.session.lookup
    assert peek("net[0].in_features", lookup) == 4
    assert peek("weights[-1]", lookup) == 1
    assert peek("sd['0.bias'].ndim", lookup) == 1
    assert isinstance(peek("x.exp()", lookup), Instance)


# ---------------------------------------------------------------- calls and the bottom line

@pytest.mark.parametrize(("text", "call"), [
    ("relu(", ("relu", 0)), ("x + F.relu(y, ", ("F.relu", 1)), ("f(g(1), ", ("f", 1)), ("f(1)", None), ("f(')', ", ("f", 1)),
    ("(", None), ("x |> f(y, ", ("f", 2)), ("def f(a, ", None), ("f([1, 2", ("f", 0)), ("m[0].f(", ("m[0].f", 0))])
def test_the_open_call_is_found(text, call):
    place = Context(text)
    assert (place.call and (place.call.function, place.call.index)) == call


def said(prompt, text):
    return "".join(part for _, part in prompt.toolbar(text)), [part for style, part in prompt.toolbar(text) if style]


def test_the_bottom_line_shows_the_signature_with_the_argument(prompt):
    assert said(prompt, "softmax(x, ") == ("softmax(x, dim, dtype=None)", ["dim"])
    assert said(prompt, "softmax(x, dtype=") == ("softmax(x, dim, dtype=None)", ["dtype=None"])
    assert said(prompt, "x.softmax(") == ("x.softmax(dim, dtype=None)", ["dim"])


def test_the_bottom_line_shows_where_things_stand(prompt):
    text = said(prompt, "x")[0]
    assert text.startswith("cpu  float32  grad  ")
    assert "held" in text


@pytest.mark.parametrize("width", [10, 20, 30, 200])
def test_the_bottom_line_fits(width):
    pieces = [("", "conv2d(input, weight, "), ("class:argument", "bias=None"), ("", ", stride=1, padding=0)")]
    cut = toolbar.cut(pieces, width)
    assert sum(len(text) for _, text in cut) <= width
    assert width < 20 or ("class:argument", "bias=None") in cut
