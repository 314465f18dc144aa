"""The command as a process: output, errors, exit codes, pipes."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest


def tcli(*args, stdin=b"", cwd=None, **env):
    done = subprocess.run([sys.executable, "-m", "tcli", *args], input=stdin, capture_output=True, cwd=cwd, timeout=60,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | env, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def script(tmp_path):
    def write(text, name="p.tsr"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)
    return write


# ---------------------------------------------------------------- one-liners

def test_an_expression_shows_its_value():
    assert tcli("-e", "1+1") == (0, "2\n", "")


def test_expressions_share_names_and_show_in_turn():
    assert tcli("-e", "x = 2", "-e", "x * 3", "-e", "x") == (0, "6\n2\n", "")


def test_a_tensor_shows_as_print_does():
    assert tcli("-e", "ones(2) + 1")[1] == "tensor([2., 2.])\n"
    assert tcli("-e", "zeros(5, 3).size()")[1] == "torch.Size([5, 3])\n"


def test_text_is_quoted_and_print_is_not():
    assert tcli("-e", "x = 'a'; x; print('b')")[1] == "'a'\nb\n"


def test_a_final_semicolon_and_quiet_show_nothing():
    assert tcli("-e", "1;")[1] == ""
    assert tcli("--quiet", "-e", "1")[1] == ""


def test_a_one_liner_shows_its_receiver_and_a_script_does_not(script):
    assert tcli("-e", "x = ones(1); x.add_(1)")[1] == "tensor([2.])\n"
    assert tcli(script("x = ones(1)\nx.add_(1)\nx"))[1] == "tensor([2.])\n"


def test_help_prints_the_page_of_a_value():
    code, out, _ = tcli("-e", "help(softmax)")
    assert code == 0 and out.startswith("softmax(x, dim") and ">>> softmax(" in out


# ---------------------------------------------------------------- scripts

def test_a_script_gets_its_arguments(script):
    path = script("#!/usr/bin/env tcli\nprint(args)\nimport sys\nprint(sys.argv[1:] == args)\n")
    assert tcli(path, "a", "--steps", "3") == (0, "['a', '--steps', '3']\nTrue\n", "")


def test_an_expression_runs_after_the_script(script):
    assert tcli(script("x = 4"), "-e", "x + 1")[1] == "5\n"


def test_piped_text_is_a_script():
    assert tcli(stdin=b"print(ones(2) + 1)\n3\n")[1] == "tensor([2., 2.])\n3\n"
    assert tcli("-", stdin=b"print(4)")[1] == "4\n"


@pytest.mark.parametrize(("text", "code", "said"), [
    ("exit(3)", 3, ""), ("import sys; sys.exit()", 0, ""), ("exit('bye')", 1, "bye\n"),
    ("raise SystemExit", 0, "")])
def test_a_script_chooses_its_exit_code(script, text, code, said):
    assert tcli(script(text)) == (code, "", said)


# ---------------------------------------------------------------- what goes wrong

def test_a_failing_program_is_one_diagnostic_on_stderr():
    code, out, err = tcli("-e", "1/0")
    assert (code, out) == (1, "")
    assert err == "error[ZeroDivisionError]: division by zero\n  --> <-e>:1:1\n 1 | 1/0\n   | ^^^\n"


def test_what_was_shown_before_an_error_stays():
    assert tcli("-e", "1; 2\n1/0")[:2] == (1, "1\n2\n")


def test_a_missing_file_has_a_hint(script, tmp_path):
    script("1", "train.tsr")
    code, out, err = tcli("trian.tsr", cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err == ("error[file]: cannot open trian.tsr: No such file or directory\n"
                   "   = did you mean 'train.tsr'?\n")


def test_a_syntax_error_is_a_diagnostic(script):
    code, _, err = tcli(script("x = (1 + 2\ny = 3\n"))
    assert code == 1
    assert "error[syntax]" in err
    assert "Traceback" not in err


def test_a_data_file_is_no_script(script, tmp_path):
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\xff\xfe")
    code, _, err = tcli("x.npy", cwd=tmp_path)
    assert code == 1
    assert "tcli -v x=x.npy" in err


@pytest.mark.parametrize("argv", [["--sede", "1"], ["-o", "xml", "-e", "1"], ["-v", "3", "-e", "1"], ["-e"]])
def test_bad_usage_is_one_line_and_exit_code_2(argv):
    code, out, err = tcli(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("tcli: ")
    assert err.count("\n") == 1


def test_nothing_to_run_is_bad_usage_and_no_prompt():
    assert tcli(stdin=b"")[0] == 2


def test_errors_as_json_are_one_line():
    code, _, err = tcli("--errors", "json", "-e", "ones(2) + ones(3)")
    found = json.loads(err)
    assert code == 1
    assert (found["code"], found["line"], found["column"]) == ("shape", 1, 1)
    assert [label["text"] for label in found["labels"]] == ["f32[2]", "f32[3]"]


def test_colour_only_when_asked_or_forced():
    assert "\x1b" not in tcli("-e", "1/0")[2]
    assert "\x1b" in tcli("--color", "always", "-e", "1/0")[2]
    assert "\x1b" in tcli("-e", "1/0", CLICOLOR_FORCE="1")[2]
    assert "\x1b" not in tcli("-e", "1/0", CLICOLOR_FORCE="1", NO_COLOR="1")[2]


def test_an_interrupt_ends_with_130_and_says_where(script):
    path = script("print('go', flush=True)\nwhile True:\n    pass\n")
    child = subprocess.Popen([sys.executable, "-m", "tcli", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert child.stdout.readline() == b"go\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert b"interrupted at" in err
    assert b"Traceback" not in err


def test_a_closed_pipe_ends_quietly(script):
    path = script("for i in range(100000): print(i)")
    shell = f"'{sys.executable}' -m tcli {path} | head -1"
    done = subprocess.run(shell, shell=True, capture_output=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert done.stdout == b"0\n"
    assert done.stderr == b""


# ---------------------------------------------------------------- values from outside

@pytest.mark.parametrize(("data", "shown"), [
    (b"1\n2\n3\n", "tensor([1, 2, 3])"), (b"1 2\n3 4\n", "tensor([[1, 2],\n        [3, 4]])"),
    (b"1.5,2\n", "tensor([1.5000, 2.0000])"),
    (b"[[1, 2], [3, 4.5]]", "tensor([[1.0000, 2.0000],\n        [3.0000, 4.5000]])"),
    (b"", "tensor([])"),
])
def test_numbers_on_stdin_are_the_underscore(data, shown):
    assert tcli("-e", "_", stdin=data)[1] == shown + "\n"


def test_npy_bytes_on_stdin_are_recognised():
    numpy = pytest.importorskip("numpy")
    buffer = io.BytesIO()
    numpy.save(buffer, numpy.arange(6.0).reshape(2, 3))
    assert tcli("-e", "_.shape", stdin=buffer.getvalue())[1] == "torch.Size([2, 3])\n"


def test_a_programs_own_underscore_wins_and_stdin_is_not_read():
    assert tcli("-e", "for _ in range(2): pass\nprint(_)", stdin=b"nonsense") == (0, "1\n", "")


@pytest.mark.parametrize(("data", "said"), [
    (b"1 2\n3\n", "line 2 has 1 numbers, line 1 has 2"), (b"a b\n", "stdin holds 'a', which is not a number")])
def test_what_is_no_table_of_numbers_is_told(data, said):
    code, _, err = tcli("-e", "_", stdin=data)
    assert code == 1
    assert said in err


def test_variables_are_numbers_lists_text_and_files(tmp_path):
    (tmp_path / "a.txt").write_text("1 2 3")
    argv = ["-v", "n=3", "-v", "lr=0.5", "-v", "xs=[1, 2]", "-v", "name=mlp", "-v", "a=a.txt", "-v", "flag=true"]
    shown = tcli(*argv, "-e", "n, lr, xs, name, a, flag", cwd=tmp_path)[1]
    assert shown == "(3, 0.5, [1, 2], 'mlp', tensor([1, 2, 3]), True)\n"


# ---------------------------------------------------------------- formats

@pytest.mark.parametrize(("form", "expr", "text"), [
    ("json", "ones(2, 2)", "[[1.0, 1.0], [1.0, 1.0]]"), ("json", "{'a': ones(1), 'b': None}", '{"a": [1.0], "b": null}'),
    ("json", "tensor([1.5, float('nan')])", "[1.5, null]"),
    ("csv", "tensor([[1, 2], [3, 4]])", "1,2\n3,4"), ("tsv", "tensor([[1, 2], [3, 4]])", "1\t2\n3\t4"),
    ("csv", "tensor([1.5, 2.5])", "1.5\n2.5"), ("csv", "3", "3"), ("repr", "tensor([0.1, 2])", "tensor([0.1, 2. ])"),
    ("repr", "tensor([1.0], dtype=torch.float64)", "tensor([1.], dtype=torch.float64)"),
])
def test_results_in_other_formats(form, expr, text):
    assert tcli("-o", form, "-e", expr) == (0, text + "\n", "")


def test_npy_output_is_read_back():
    numpy = pytest.importorskip("numpy")
    done = subprocess.run([sys.executable, "-m", "tcli", "-o", "npy", "-e", "ones(2, 3)"], capture_output=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=True)
    assert numpy.load(io.BytesIO(done.stdout)).shape == (2, 3)


def test_a_table_of_three_dims_is_refused():
    code, _, err = tcli("-o", "csv", "-e", "ones(2, 2, 2)")
    assert code == 1
    assert "a table has two dims" in err
    assert "Traceback" not in err


# ---------------------------------------------------------------- the rest

def test_ops_as_json_say_what_fuses():
    listed = {op["name"]: op for op in json.loads(tcli("ops", "--json")[1])}
    assert listed["exp"]["fusable"] and listed["exp"]["gradient"] and not listed["sort"]["fusable"]
    assert "torch.Tensor.exp_" in listed["exp"]["names"]


def test_version_and_help():
    import tcli as package

    assert tcli("--version") == (0, f"tcli {package.__version__}\n", "")
    code, out, err = tcli("--help")
    assert (code, err) == (0, "")
    assert "--device" in out


def test_warnings_name_the_place_in_the_program():
    code, out, err = tcli("-e", "1\nF.mse_loss(ones(5), ones(5, 1))")
    assert (code, out) == (0, "1\ntensor(0.)\n")
    assert err.startswith("warning at <-e>:2:1: Using a target size (torch.Size([5, 1])) that is different")
    code, out, err = tcli("-e", "ones(1); import warnings; warnings.warn('Oh.', FutureWarning)")
    assert err == "warning[FutureWarning] at <-e>:1:27: Oh.\n"


def test_steps_of_optimizers_are_shown_on_request(tmp_path):
    path = tmp_path / "p.tsr"
    path.write_text("""w = ones(2, requires_grad=True); v = ones(1, requires_grad=True)
a = optim.SGD([w], lr=0.5)
for i in range(2): a.zero_grad(); (w * w).sum().backward(); a.step()
b = optim.SGD([v], lr=0.5); (v * v).backward(); b.step()
""")
    code, out, err = tcli("--trace=steps:2", path)
    assert (code, out) == (0, "")
    assert err.split() == "step 2 |g| |w| update w 0 0 0 100 % zero vanishing".split()
    code, out, err = tcli("--trace=all", path)
    assert [line.split()[:4] for line in err.splitlines() if line.startswith("step")] == [
        ["step", "1", "|g|", "|w|"], ["step", "2", "|g|", "|w|"], ["step", "1", "of", "b"]]
    assert "w * w" in err


def test_backward_with_trace_shows_the_pass_on_stderr():
    code, out, err = tcli("-e", "w = ones(2, requires_grad=True)\n(w * w).sum().backward(trace=True)")
    assert (code, out) == (0, "")
    assert "w (leaf)" in err
    assert "2:2" in err


@pytest.mark.parametrize(("expr", "unwanted"), [
    ("1+1", {"numpy", "typer", "rich", "prompt_toolkit", "inspect", "dataclasses", "tcli.engine"}),
    ("ones(2)", {"typer", "rich", "prompt_toolkit", "scipy", "tcli.show.tensor", "tcli.show.diagnostic"}),
])
def test_a_one_liner_imports_only_what_it_needs(expr, unwanted):
    program = ("import sys; from tcli.cli import run; run(['-e', sys.argv[1]]);"
               "print(*sys.modules, file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", program, expr], capture_output=True, text=True, check=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert unwanted & set(done.stderr.split()) == set()


@pytest.mark.parametrize(("word", "hint"), [("expain", "the command 'explain'"), ("version", "'tcli --version'"),
                                            ("help", "'tcli --help'")])
def test_a_mistyped_command_is_named(word, hint, tmp_path):
    code, out, err = tcli(word, cwd=tmp_path)
    assert (code, out) == (1, "") and f"= did you mean {hint}?" in err


def test_a_pattern_that_no_operator_has_is_said():
    assert tcli("ops", "sofmax") == (1, "", "tcli: no operator has 'sofmax' in its name; tcli ops lists them all\n")
