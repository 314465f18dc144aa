"""The prompt, driven by keys."""

import doctest
import re

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.validation import ValidationError

from tcli.cli import complete, context, highlight, history, keys, paste, peek, repl, toolbar
from tcli.cli.options import Settings
from tcli.cli.preferences import Preferences
from tcli.cli.prompt import ParseValidator
from tcli.runtime.session import Session


@pytest.fixture
def typed(capsys):
    """Types keys into a fresh prompt; gives (what was shown, stderr, the session, the exit code)."""
    def type_keys(text, session=None, history=()):
        session, shown = session or Session(), []
        memory = InMemoryHistory(list(reversed(history)))
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
            prompt = repl.Repl(session, Settings(), write=shown.append, history=memory, input=pipe,
                               output=DummyOutput())
            pipe.send_text(text + "\x04")
            code = prompt.loop()
        return shown[1:], capsys.readouterr().err, session, code
    return type_keys


@pytest.mark.parametrize("module", [complete, context, highlight, history, keys, paste, peek, repl, toolbar])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


# ---------------------------------------------------------------- running entries

def test_an_entry_runs_and_shows_its_value(typed):
    shown, _, session, code = typed("x = 20\rx + 1\r")
    assert shown == ["21"]
    assert session["x"] == 20
    assert code == 0


def test_a_tensor_is_shown_under_a_header_line(typed):
    shown = typed("ones(2, 3)\r")[0]
    assert shown[0].split("\n")[0] == "f32[2, 3]  cpu  |  all 1.00"
    assert "tensor([[1., 1., 1.]," in shown[0]


def test_names_bound_by_a_contract_are_in_the_header(typed):
    assert typed("h: f32[B, C] = ones(2, 3)\rh\r")[0][0].startswith("f32[B=2, C=3]  cpu")


def test_the_underscore_is_the_last_result_until_the_program_binds_it(typed):
    assert typed("3 * 7\r_ + 1\r")[0] == ["21", "22"]
    assert typed("_ = 5\r1\r_\r")[0] == ["1", "5"]


def test_an_error_is_shown_and_the_prompt_goes_on(typed):
    shown, err, _, _ = typed("1/0\r2\r")
    assert "error[ZeroDivisionError]: division by zero" in err
    assert shown == ["2"]


def test_a_line_that_fails_changes_no_binding(typed):
    session = typed("x = 1\rx = 2; y = 3; 1/0\r")[2]
    assert session["x"] == 1
    assert "y" not in session


def test_exit_leaves_with_its_code(typed):
    assert typed("exit(4)\r")[3] == 4


def test_a_long_result_is_cut_with_a_footer(typed):
    shown = typed("list(range(10000))\r")[0][0]
    assert len(shown) < 21_000
    assert shown.endswith("… of 10,000 elements: :full shows all")


def test_a_question_mark_shows_help(typed):
    shown = typed("len?\r?len\rlenn?\r")[0]
    assert shown[0].startswith("len(obj, /)")
    assert shown[1] == shown[0]
    assert shown[2] == "no help: lenn is not defined (did you mean 'len'?)"


# ---------------------------------------------------------------- several lines

def test_a_block_goes_on_until_an_empty_line(typed):
    shown, _, session, _ = typed("for i in range(3):\rx = i\r\x7f\rx\r")
    assert session["x"] == 2
    assert shown == ["2"]


def test_an_open_bracket_goes_on(typed):
    assert typed("(1 +\r2)\r")[0] == ["3"]


def test_a_wrong_line_is_not_run_and_can_be_mended(typed):
    shown, err, _, _ = typed("x = )\r\x1b[3~5\rx\r")
    assert shown == ["5"]
    assert err == ""


def test_the_cursor_goes_to_the_fault():
    prompt = repl.Repl(Session(), Settings(), write=print, plain=True)
    with pytest.raises(ValidationError) as refused:
        ParseValidator(prompt.parse_error).validate(Document("x = 1\ny = (2 + ) * 3"))
    assert refused.value.cursor_position == len("x = 1\ny = (2 + ")
    assert "expected an expression" in refused.value.message


def test_alt_enter_starts_a_new_line(typed):
    assert typed("x = 1\x1b\rx + 1\r")[0] == ["2"]


@pytest.mark.parametrize("pasted", [
    ">>> x = 2\n>>> x * 3\n6\n", "tcli> x = 2\ntcli> x * 3\n6\n",
    ">>> def f(y):\n...     return y * 3\n...\n>>> f(2)\n6"])
def test_a_pasted_transcript_loses_its_prompts(typed, pasted):
    assert typed(f"\x1b[200~{pasted}\x1b[201~\r")[0] == ["6"]


@pytest.mark.parametrize(("pasted", "kept"), [
    ("In [3]: x = 2\n\nIn [4]: for i in x:\n   ...:     f(i)\n   ...: \nOut[4]: 7\n", "x = 2\nfor i in x:\n    f(i)\n"),
    (">>> x = torch.tensor([[1, 2],\n        [3, 4]])\n>>> x\ntensor([[1, 2],\n        [3, 4]])",
     "x = torch.tensor([[1, 2],\n        [3, 4]])\nx"),
    ("y = 1\n>>> y\n1", "y = 1\ny"),
    ('s = """\n>>> not a prompt\n"""', 's = """\n>>> not a prompt\n"""'),
    ('>>> s = """\n... >>> kept\n... """', 's = """\n>>> kept\n"""'),
    ("x = 1\n\ny = 2", "x = 1\n\ny = 2"),
    ("tcli> :vars\nx  1\ntcli> x", ":vars\nx")])
def test_prompts_and_outputs_are_stripped_and_strings_are_not(pasted, kept):
    assert paste.strip_prompts(pasted, repl.state_of) == kept


def test_pasted_commands_run_as_entries_of_their_own(typed):
    pasted = "tcli> x = 2\ntcli> :vars\nx  2\ntcli> x + 1\n3"
    assert typed(f"\x1b[200~{pasted}\x1b[201~\r")[0] == ["x  2", "3"]


def test_else_moves_to_its_if(typed):
    assert typed("if 0:\rx = 1\relse:\rx = 2\r\rx\r")[0] == ["2"]


def test_enter_in_the_middle_of_a_line_runs_it(typed):
    assert typed("1 + 2\x1b[D\x1b[D\r")[0] == ["3"]


@pytest.mark.parametrize("key", ["\x1b[C", "\x1b[F", "\x06", "\x05"])
def test_a_suggestion_is_taken_by_right_end_and_their_kin(key):
    assert suggested("answer", key) == ["42"]


def test_enter_leaves_a_suggestion_alone():
    assert suggested("answer", "") == ["5"]


def suggested(text, key):
    """What is shown when `key` is pressed after the suggestion for `text` has come."""
    session, shown = Session(), []
    session.run("answer = 5")
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        prompt = repl.Repl(session, Settings(), write=shown.append, history=InMemoryHistory(["answer + 37"]), input=pipe,
                           output=DummyOutput())
        buffer = prompt.reader.session.default_buffer

        def send(_):
            if buffer.suggestion is not None and buffer.text == text:
                pipe.send_text(key + "\r\x04")

        buffer.on_suggestion_set += send
        pipe.send_text(text)
        prompt.loop()
    return shown[1:]


def test_vi_keys():
    session = Session()
    shown = []
    prompt_preferences = Preferences()
    prompt_preferences.set("mode", "vi")
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        prompt = repl.Repl(session, Settings(), write=shown.append, preferences=prompt_preferences, input=pipe,
                           output=DummyOutput())
        pipe.send_text("12 + 1\x1b0x\r\x04")
        prompt.loop()
    assert shown[1:] == ["3"]


def test_up_finds_the_entry_with_the_same_beginning(typed):
    assert typed("xs\x1b[A\r", history=["xs = 41; xs + 1", "y = 2"])[0] == ["42"]


@pytest.mark.parametrize(("line", "width"), [("if x:", 4), ("    for i in y:  # loop", 8), ("    return x", 0),
                                             ("    x = 1", 4), ("pass", 0)])
def test_indentation_follows_the_line_before(line, width):
    assert keys.indent_after(line) == " " * width


# ---------------------------------------------------------------- looks

def test_every_character_of_a_text_is_kept_by_the_highlighter():
    text = "x = f('a', 1)  # c\n  y |> z $ ("
    assert "\n".join("".join(part for _, part in line) for line in highlight.fragments(text)) == text


def test_the_style_has_a_colour_for_every_kind_of_token():
    names = {rule[0] for rule in highlight.STYLE.style_rules}
    styles = {style for line in highlight.fragments("def f(x): return x.a + 'b' # c") for style, _ in line if style}
    assert {re.sub("^class:", "", style) for style in styles} <= names


def test_the_history_file_lies_where_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("TCLI_HISTORY", str(tmp_path / "h" / "history"))
    assert history.open_history().path == tmp_path / "h" / "history"
    monkeypatch.delenv("TCLI_HISTORY")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert history.open_history().path == tmp_path / "state" / "tcli" / "history"


def test_two_prompts_share_one_history_file(tmp_path):
    path = tmp_path / "history"
    path.touch()
    one, two = history.SharedHistory(path), history.SharedHistory(path)
    one.append_string("a = 1")
    two.append_string("def f():\n    return 2")
    one.append_string("a = 1")
    one.append_string(" secret = 3")
    one.append_string("b = 4")
    assert list(history.SharedHistory(path).load_history_strings()) == ["b = 4", "def f():\n    return 2", "a = 1"]


def test_a_long_history_file_is_cut_to_its_newer_half(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "MAX_BYTES", 1000)
    path = tmp_path / "history"
    path.write_text("".join(f"\n# now\n+entry {number}\n" for number in range(100)))
    kept = list(history.SharedHistory(path).load_history_strings())
    assert kept[0] == "entry 99"
    assert 10 < len(kept) < 60
    assert path.stat().st_size <= 500
