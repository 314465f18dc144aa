"""The commands of the prompt, undo, saved sessions and interrupts."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from tcli.cli import commands, interrupt, journal, preferences, repl, timing
from tcli.cli.options import Settings
from tcli.cli.preferences import Preferences
from tcli.cli.repl import Repl
from tcli.engine import fuse
from tcli.runtime import profile
from tcli.runtime.holders import Held
from tcli.runtime.session import Session
from tcli.runtime.trap import Trap


class Prompt:
    """A prompt without an editor: `say` gives what an entry shows."""

    def __init__(self, capsys, **options):
        self.shown, self.capsys = [], capsys
        preferences_ = options.pop("preferences", None)
        self.session = Session(**options)
        self.repl = Repl(self.session, Settings(), write=self.shown.append, plain=True, preferences=preferences_)

    def say(self, text):
        self.shown.clear()
        self.repl.run(text)
        captured = self.capsys.readouterr()
        return "\n".join(self.shown) + captured.out + captured.err


@pytest.fixture
def prompt(capsys):
    made = Prompt(capsys, seed=0)
    yield made
    if made.repl.desk.trap:
        made.repl.desk.trap.clear()


def test_every_command_has_help_and_a_usage_that_begins_with_its_name():
    for name, each in commands.load().items():
        assert each.help.endswith(".")
        assert each.usage.split()[0] == name


def test_the_commands_that_are_promised_are_there():
    promised = ("help device dtype seed threads mem vars free time profile trace trap fmt full dims load run save edit "
                "history undo reset set quit")
    assert sorted(commands.load()) == sorted(promised.split())


def test_names_may_be_shortened_and_wrong_ones_are_guessed(prompt):
    assert "could be :trace or :trap" in prompt.say(":tra")
    assert "did you mean :trace?" in prompt.say(":trcae")
    assert prompt.say("x = 1\n:va") == "x  1"


def test_help_lists_commands_and_shows_one(prompt):
    assert ":fmt [FORMAT]" in prompt.say(":help")
    assert prompt.say(":help undo").startswith(":undo [N]")
    assert "softmax(x, dim" in prompt.say(":help softmax")
    assert "def " in prompt.say("softmax??")


def test_device_dtype_seed_and_threads(prompt):
    assert prompt.say(":device") == "cpu"
    assert prompt.say(":dtype float64") == "float64"
    assert "dtype=torch.float64" not in prompt.say("zeros(2)")
    assert prompt.say("zeros(2).dtype") == "torch.float64"
    assert prompt.say(":seed 7") == "7"
    assert prompt.say(":threads 1") == "1"
    assert "there is no dtype" in prompt.say(":dtype flaot32")
    assert "usage: :seed [N]" in prompt.say(":seed many")


def test_vars_and_free(prompt):
    prompt.say("x = zeros(2, 3); n = 5; net = nn.Linear(3, 2)")
    text = prompt.say(":vars")
    assert "x    f32[2, 3]" in text
    assert "net  Linear, 8 parameters" in text
    prompt.say(":free x n")
    assert "x" not in prompt.session
    assert "not bound" in prompt.say(":free x")


def test_mem_names_who_holds_what_once(prompt):
    prompt.say("x = zeros(1000, 1000); y = x[3:]; w = ones(1000, 1000, requires_grad=True); z = (w * x).exp()")
    text = prompt.say(":mem")
    assert re.search(r"^x +3.8 MB$", text, re.M)
    assert not re.search(r"^y ", text, re.M)
    assert re.search(r"^z +3.8 MB$", text, re.M)
    assert "process has" in text
    prompt.say("import torch")
    assert re.search(r"^x +3.8 MB$", prompt.say(":mem"), re.M)
    prompt.say("q = (w * 2).exp().exp().sum()")
    assert re.search(r"^saved for backward +[1-9].* MB$", prompt.say(":mem"), re.M)


def test_results_beyond_the_budget_are_not_held(prompt):
    prompt.repl.preferences.set("keep", "2MB")
    assert "_ does not keep this result" in prompt.say("zeros(1000, 1000)")
    assert "_" not in prompt.session.builtins
    prompt.say("x = zeros(1000, 1000)")
    assert "does not keep" not in prompt.say("x")  # a variable holds it anyway
    prompt.say("1\n")
    prompt.say("2")
    assert prompt.say("_ + 10 * __") == "12"


def test_a_result_that_nothing_else_holds_any_more_is_let_go_of(prompt):
    prompt.repl.preferences.set("keep", "2MB")
    prompt.say("x = zeros(1000, 1000)")
    prompt.say("x")
    prompt.say("y = 1")
    assert "_" in prompt.session.builtins
    assert "_ does not keep this result: 3.8 MB" in prompt.say("del x")
    assert "_" not in prompt.session.builtins
    assert "saved for backward" not in prompt.say(":mem")


def test_what_a_result_saves_for_backward_counts(prompt):
    prompt.repl.preferences.set("keep", "2MB")
    prompt.say("w = ones(500, 500, requires_grad=True)")
    assert "does not keep" in prompt.say("(w.exp().sin().cos() * 2).exp().sum()")
    prompt.say("loss = w.exp().sin().cos().exp().sum();")
    assert "does not keep" not in prompt.say("loss")  # the variable holds the graph anyway


def test_undo_takes_bindings_and_random_numbers_back(prompt):
    prompt.say("x = 1")
    prompt.say("x = 2; y = 3")
    assert "undone: x = 2; y = 3" in prompt.say(":undo")
    assert prompt.session["x"] == 1
    assert "y" not in prompt.session
    first = prompt.say("r = randn(3); r.tolist()")
    prompt.say(":undo")
    assert prompt.say("r = randn(3); r.tolist()") == first
    assert "nothing to undo" in prompt.say(":undo 9")


def test_undo_says_what_stays(prompt):
    prompt.say("x = zeros(2)")
    prompt.say("x += 1; y = 2")
    assert "written to x in place: that stays" in prompt.say(":undo")


def test_a_line_that_fails_takes_back_bindings_names_of_dims_and_random_numbers(prompt):
    prompt.say("a = randn(2)")
    state = prompt.session.eval("torch.get_rng_state().sum().item()")
    assert "division by zero" in prompt.say("a = 5; h: f32[B] = randn(3); torch.set_default_dtype(torch.float64); 1/0")
    assert prompt.say("a.shape") == "torch.Size([2])"
    assert "no dimension names" in prompt.say(":dims")
    assert prompt.session.eval("torch.get_rng_state().sum().item()") == state
    assert prompt.say(":dtype") == "float32"


def test_a_line_that_fails_says_what_it_wrote_in_place(prompt):
    prompt.say("x = zeros(2)")
    assert "note: x had been written to in place before; that stays" in prompt.say("x += 1; 1/0")


def test_old_snapshots_are_let_go_of_within_the_budget(prompt):
    prompt.repl.preferences.set("keep", "9MB")
    for _ in range(4):
        prompt.say("x = zeros(1000, 1000);")
    assert sum(each.before is not None for each in prompt.repl.journal.entries) == 2


def test_dims_are_listed_and_forgotten(prompt):
    prompt.say("h: f32[B, C] = zeros(2, 3)")
    assert "B=2" in prompt.say(":dims")
    prompt.say(":dims -B B")
    assert "B=2" not in prompt.say(":dims")
    assert "C=3" in prompt.say(":dims")


def test_time_and_profile(prompt, monkeypatch):
    monkeypatch.setattr(timing, "BUDGET", 0.05)
    assert re.match(r"[\d.]+ [um]?s at best, .* calls\)$", prompt.say(":time zeros(3) + 1"))
    assert "at best" in prompt.say(":time x = 3")
    assert "division by zero" in prompt.say(":time 1/0")
    text = prompt.say(":profile for i in range(20): y = randn(30, 30) @ ones(30, 30)")
    assert "randn(30, 30) @ ones(30, 30)" in text
    assert re.search(r" 20 .*ones\(30, 30\)", text)


def test_what_fusion_puts_off_is_computed_where_it_is_timed(prompt, monkeypatch):
    monkeypatch.setattr(timing, "BUDGET", 0.05)
    monkeypatch.setattr(profile, "TRIFLE", 0.0)
    prompt.say("x = torch.rand(1000, 1000)")
    prompt.say(":time z = x * 2")
    assert type(prompt.session["z"]) is not fuse.Pending
    assert "what was deferred, computed together" in prompt.say(":profile w = (x * 3).exp()")
    assert type(prompt.session["w"]) is not fuse.Pending


def test_an_entry_computes_what_it_put_off_while_ctrl_c_gets_through(prompt):
    run, left = prompt.repl.work.run, []

    def watched(function):
        value = run(function)
        left.append(isinstance(prompt.session.globals.get("y"), fuse.Pending))
        return value

    prompt.repl.work.run = watched
    prompt.say("x = torch.rand(1000, 1000)")
    prompt.say("y = (x * 3).exp()")
    assert left == [False, False]
    prompt.say("y = []; y.append(y); y.append(x * 2)")
    assert not isinstance(prompt.session["y"][1], fuse.Pending)


def test_who_holds_memory_is_found_without_computing():
    session = Session(seed=0)
    session.run("x = torch.rand(1000, 1000); y = (x * 3).exp()")
    held = Held()
    assert held.add(session["y"]) == 4_000_000
    assert held.add(session["y"]) == 0
    assert isinstance(session["y"], fuse.Pending)


def test_profile_tells_the_ops_of_a_module_and_counts_nothing_twice(prompt):
    prompt.say("""class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    def forward(self, x):
        return self.inner(x).softmax(1)

net = Net(); x = randn(3, 4)
""")
    text = prompt.say(":profile for i in range(4): net(x)")
    assert re.search(r" 4 .*:16  self.inner\(x\)$", text, re.M)
    assert re.search(r"% +4 .* · linear \[3, 4\] \[8, 4\] \[8\]$", text, re.M)
    assert re.search(r"% +4 .* · relu \[3, 8\]$", text, re.M)
    shares = [int(each) for each in re.findall(r"(\d+) % +\d+ .*:\d+  ", text)]
    assert sum(shares) <= 100 + len(shares)
    assert "__echo__" not in text


def test_trace_shows_the_last_backward(prompt):
    assert "no backward pass yet" in prompt.say(":trace")
    prompt.say("w = tensor([1., 2.], requires_grad=True); loss = (w * w).sum()")
    prompt.say("loss.backward()")
    text = prompt.say(":trace")
    assert "w * w" in text
    assert "w (leaf)" in text
    assert "|g| 4.47" in text
    assert "w * w" in prompt.say(":trace (w * w).sum()")
    prompt.say(":trace steps")
    assert "|w|" in prompt.say("o = optim.SGD([w], lr=1); o.step()")
    prompt.say(":trace off")
    assert prompt.say("o.step()") == ""
    prompt.say(":trace on")
    assert "w * 3" in prompt.say("(w * 3).sum().backward()")


def test_trap_stops_at_the_op_that_makes_a_nan(prompt):
    prompt.say("x = tensor([1., -1.]); n = tensor([float('nan')])")
    prompt.say(":trap nan,inf")
    text = prompt.say("y = x * 2; z = (y.log() + 1).sum()")
    assert "log makes NaN: 1 of 2 values" in text
    assert "z" not in prompt.session
    for given in ("n + 1", "x.masked_fill(x > 0, float('-inf')).shape", "tensor([float('inf')]).shape"):
        assert "makes" not in prompt.say(given)
    for made in ("x / 0", "(x - x) / 0", "x *= 3e38; x *= 10", "ones(1, requires_grad=True).sub(1).sqrt().sum().backward()"):
        assert "makes" in prompt.say(made)
    prompt.say(":trap off")
    assert "makes" not in prompt.say("x.log()")


def test_trap_finds_the_line_where_large_tensors_would_wait(prompt):
    prompt.say("x = torch.zeros(1 << 20) - 1")
    prompt.say(":trap nan")
    assert "log makes NaN: 1048576 of 1048576 values" in prompt.say("a = x * 2\nc = torch.log(a + 1)\nd = (c * 2).sum().item()")
    prompt.say(":trap off")
    assert prompt.session.run("torch.log(x)").isnan().all()
    assert fuse.settings.on


def test_formats_change_the_echo_and_not_print(prompt):
    prompt.say("x = tensor([1.5, -0.00012, 0.])")
    for form, text in (("g", "-0.00012"), ("eng", "-120e-6"), ("hex", "0x1.8000000000000p+0"), ("sign", "+ - 0"),
                       ("long", "-0.000119999997")):
        prompt.say(f":fmt {form}")
        assert text in prompt.say("x")
    assert prompt.say(":fmt") == "long"
    assert "tensor([ 1.5000e+00" in prompt.say("print(x)")
    assert "fmt takes short" in prompt.say(":fmt octal")


def test_full_shows_everything(prompt):
    assert prompt.say("arange(90000).reshape(300, 300)").count("\n") < 40
    assert prompt.say(":full").count("\n") >= 300
    assert "of 12,000 elements: :full shows all" in prompt.say("list(range(12000))")
    assert prompt.say(":full").count(",") == 11999
    assert prompt.say("nn.Sequential(*[nn.ReLU() for i in range(100)])").endswith("… of 103 lines: :full shows all")
    assert len(prompt.say("'a' * 9000")) < 2000
    assert "no result" in Prompt(prompt.capsys).say(":full")


def test_load_run_and_shell(prompt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prompt.say("save(ones(3), 'ones.npy')")
    assert prompt.say(":load ones.npy") == "ones  f32[3]"
    (tmp_path / "p.tsr").write_text("k = 7\nk + 1\n")
    assert prompt.say(":run p.tsr") == "8"
    assert "cannot open" in prompt.say(":run q.tsr")
    assert "is a program" in prompt.say(":load p.tsr")
    (tmp_path / "deep").mkdir()
    prompt.say("!cd deep")
    assert os.getcwd() == str(tmp_path / "deep")
    assert "exit code 3" in prompt.say("!exit 3")


def test_settings_are_kept_in_a_file(capsys, tmp_path):
    path = tmp_path / "tcli" / "config.toml"
    prompt = Prompt(capsys, preferences=Preferences(path).load())
    prompt.say(":set mode vi")
    prompt.say(":set keep 1GB")
    assert path.read_text() == 'mode = "vi"\nkeep = 1073741824\n'
    path.write_text(path.read_text() + "colour = 'x'\nheader = 5\n")
    again = Preferences(path).load()
    assert again["mode"] == "vi"
    assert again.problems == [f"{path}: header takes on or off, not '5'"]
    again.save()
    assert "colour" in path.read_text()
    assert "did you mean 'mode'?" in prompt.say(":set moed vi")
    assert "mode takes emacs or vi" in prompt.say(":set mode nano")
    assert "mode         vi" in prompt.say(":set")


def test_a_config_file_that_is_no_toml_is_passed_over(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("mode = = vi")
    assert "is not read" in Preferences(path).load().problems[0]
    assert {each.name for each in preferences.ALL} == set(Preferences().values)


# ---------------------------------------------------------------- saved sessions

def test_a_saved_session_replays_with_the_same_numbers(prompt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for entry in ("x = randn(3)", "y = randn(2); 1/0", "x * 2", "_ + 1", "z = __ + randn(3)", ":seed 5", "w = rand(2)",
                  "nonsense", "def f(a):\n    return a * w", "q = f(3)"):
        prompt.say(entry)
    assert "7 entries" in prompt.say(":save s.tsr") or "8 entries" in prompt.say(":save s.tsr")
    text = (tmp_path / "s.tsr").read_text()
    assert text.split("\n")[1] == "torch.manual_seed(0);"
    assert "1/0" not in text
    assert "nonsense" not in text
    replay = Session()
    replay.run(text)
    for name in "xzwq":
        assert replay[name].tolist() == prompt.session[name].tolist()


def test_what_was_interrupted_is_a_comment(prompt):
    prompt.say("x = 1")
    prompt.repl.journal.add(journal.Entry("while True:\n    pass", journal.INTERRUPTED), {})
    assert "# interrupted:\n# while True:\n#     pass\n" in prompt.repl.journal.program(prompt.session, [])


def test_edit_opens_an_entry_in_the_editor(prompt, tmp_path, monkeypatch):
    script = tmp_path / "editor.sh"
    script.write_text("#!/bin/sh\nsed -i s/1/41/ \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.delenv("VISUAL", raising=False)
    prompt.say("k = 1")
    prompt.say("other = 2")
    prompt.say(":edit k")
    assert prompt.repl.default == "k = 41"


# ---------------------------------------------------------------- interrupts

def interrupted_after(seconds, function):
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    return function()


def test_a_loop_is_interrupted_and_variables_stay(prompt):
    prompt.say("x = 3; n = 0")
    text = interrupted_after(0.3, lambda: prompt.say("while True: n += 1"))
    assert text.startswith("interrupted at <tsr ")
    assert prompt.say("x") == "3"
    assert prompt.session["n"] > 0


def test_a_call_that_does_not_come_back_is_left_behind(prompt, monkeypatch):
    prompt.repl.work.grace = 0.2
    prompt.say("x = 3")
    done = []
    prompt.session.builtins["long_call"] = lambda: (time.sleep(1.5), done.append(True))
    text = interrupted_after(0.3, lambda: prompt.say("with torch.no_grad():\n    long_call(); y = 1"))
    assert "its last call ends in the background" in text
    assert not done
    assert prompt.say("x") == "3"
    assert prompt.say("torch.is_grad_enabled()") == "True"
    deadline = time.monotonic() + 10
    while prompt.repl.work.left and time.monotonic() < deadline:
        prompt.repl.work._remind()
        time.sleep(0.05)
    assert not prompt.repl.work.left
    assert "y" not in prompt.session


def test_a_program_may_catch_the_interrupt(prompt):
    program = "try:\n    n = 0\n    while n >= 0:\n        n += 1\nexcept KeyboardInterrupt:\n    caught = 5"
    interrupted_after(0.3, lambda: prompt.say(program))
    assert prompt.session["caught"] == 5


def test_errors_and_exits_pass_through_the_thread():
    work = interrupt.Interruptible()
    assert work.run(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        work.run(lambda: 1 / 0)
    with pytest.raises(SystemExit):
        work.run(lambda: exit(3))


def test_the_trap_leaves_the_tensor_class_as_it_was():
    from tcli.engine.tensor import Tensor

    before = dict(vars(Tensor))
    trap = Trap()
    trap.set(("nan",))
    assert dict(vars(Tensor)) != before
    trap.clear()
    assert {name: value for name, value in vars(Tensor).items() if before.get(name) is not value} == {}


def test_the_page_about_the_prompt_names_every_command_and_setting():
    page = (Path(__file__).parent.parent.parent / "docs" / "prompt.md").read_text()
    for name in commands.load():
        assert f"`:{name}" in page
    for each in preferences.ALL:
        assert f"| `{each.name}` |" in page


def test_lines_for_a_shell_are_recognised(prompt, monkeypatch):
    monkeypatch.setattr(repl, "which", lambda word: word in ("ls", "pip", "sum", "import", "x"))
    assert "= !ls runs it in the shell" in prompt.say("ls")
    assert "= !pip install torch runs it in the shell" in prompt.say("pip  install torch")
    assert prompt.repl.parse_error("pip install torch").help == "!pip install torch runs it in the shell"
    prompt.say("x = 3")
    for text in ("x y", "sum x", "import 3", "lss"):
        assert "in the shell" not in prompt.say(text)


def test_a_bare_exit_leaves_unless_it_is_a_variable(prompt):
    with pytest.raises(SystemExit):
        prompt.say(" exit ")
    prompt.say("quit = 3")
    assert prompt.say("quit") == "3"


def test_a_missing_import_is_named(prompt):
    assert "= import numpy as np is missing" in prompt.say("np.ones(3)")
    assert "= import json is missing" in prompt.say("json.dumps(3)")


def test_a_colon_or_a_question_mark_alone_asks_for_help(prompt):
    assert ":undo [N]" in prompt.say(":")
    assert prompt.say("?") == prompt.say(":help")
    assert "float16" in prompt.say(":dtype f16")


def test_a_name_that_a_failed_entry_would_have_bound_is_explained(prompt):
    prompt.say("alpha = ones(3); alpha.backward()")
    assert "the entry that would have bound alpha failed" in prompt.say("alpha")
    assert "failed" not in prompt.say("beta")
