"""Tensor files from the shell: inspect, diff, convert, test, pipes, formats of results, limits."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent.parent / "data"
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
COMMAND = [sys.executable, "-m", "tcli"]


def raw(*args, stdin=b"", cwd=None, **env):
    return subprocess.run([*COMMAND, *map(str, args)], input=stdin, capture_output=True, cwd=cwd, timeout=60,
                          env=ENVIRONMENT | env, check=False)


def tcli(*args, **options):
    done = raw(*args, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# ---------------------------------------------------------------- inspect

def test_inspect_shows_a_tree_with_sizes():
    code, out, err = tcli("inspect", DATA / "digits_mlp.safetensors")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith("digits_mlp.safetensors  safetensors  4 tensors  2,410 elements  9.4 KB")
    assert "  accuracy: 0.9694" in out
    assert out.splitlines()[-3:] == ["fc2                      330  1.3 KB  13.7 %",
                                     "  bias    f32[10]         10    40 B   0.4 %",
                                     "  weight  f32[10, 32]    320  1.2 KB  13.3 %"]


def test_inspect_reads_headers_without_numpy():
    program = "import sys; from tcli.cli import run; run(['inspect', *sys.argv[1:]]); print(*sys.modules, file=sys.stderr)"
    for name in ("digits_mlp.safetensors", "digits_mlp.pt", "lpips_alex.pth", "python2.npy", "quantised.npz", "quantised.gguf"):
        done = subprocess.run([sys.executable, "-c", program, DATA / name], capture_output=True, text=True, check=True,
                              env=ENVIRONMENT)
        assert not {"numpy", "typer", "rich", "json", "re"} & set(done.stderr.split()), name


def test_inspect_as_json_with_statistics():
    found = json.loads(tcli("inspect", "--json", "--stats", "--hash", DATA / "digits_mlp.pt")[1])
    row = next(each for each in found["tensors"] if each["name"] == "fc1.weight")
    assert (row["dtype"], row["shape"], row["bytes"]) == ("float32", [32, 64], 8192)
    assert row["stats"]["count"] == 2048
    assert row["stats"]["nan"] == 0
    assert len(row["sha256"]) == 64


def test_statistics_are_those_of_numpy(tmp_path):
    values = np.random.default_rng(0).standard_normal(3_000_000).astype("f4")
    values[:3] = [np.nan, np.inf, 0]
    np.save(tmp_path / "x.npy", values)
    stats = json.loads(tcli("inspect", "--json", "--stats", tmp_path / "x.npy")[1])["tensors"][0]["stats"]
    finite = values[np.isfinite(values)].astype("f8")
    assert (stats["nan"], stats["inf"], stats["zeros"]) == (1, 1, 1)
    assert stats["mean"] == pytest.approx(finite.mean())
    assert stats["std"] == pytest.approx(finite.std(ddof=1))
    assert (stats["min"], stats["max"]) == (finite.min(), finite.max())


def test_inspect_chooses_by_pattern_and_by_name():
    out = tcli("inspect", "--grep", "bias$", DATA / "digits_mlp.pt")[1]
    assert "weight" not in out
    out = tcli("inspect", DATA / "digits_mlp.pt", "fc2.bias")[1]
    assert "tensor([" in out
    code, _, err = tcli("inspect", DATA / "digits_mlp.pt", "fc2.bais")
    assert code == 1
    assert "did you mean 'fc2.bias'?" in err


def test_repeated_layers_are_folded(tmp_path):
    np.savez(tmp_path / "x.npz", **{f"layers.{i}.{name}.weight": np.zeros((2, 2), "f4") for i in range(12) for name in "qk"})
    out = tcli("inspect", tmp_path / "x.npz")[1]
    assert "0-11  x 12" in out
    assert out.count("weight") == 2
    assert tcli("inspect", "--all", tmp_path / "x.npz")[1].count("weight") == 24


def test_a_bad_file_among_others_does_not_hide_them(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY")
    code, out, err = tcli("inspect", tmp_path / "x.npy", DATA / "python2.npy")
    assert code == 1
    assert "f64[2, 3]" in out
    assert "x.npy" in err


@pytest.mark.parametrize("argv", [["inspect"], ["diff", "a"], ["convert", "a"], ["inspect", "--stat", "x"],
                                  ["inspect", "--grep", "(", str(DATA / "python2.npy")], ["convert", "--dtype", "f99",
                                   str(DATA / "python2.npy"), "y.npy"], ["diff", "--rtol", "x", "a", "b"]])
def test_bad_usage_is_one_line(argv):
    code, out, err = tcli(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("tcli: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["inspect", "diff", "convert", "test"])
def test_each_command_has_help(name):
    code, out, _ = tcli(name, "--help")
    assert code == 0
    assert out.startswith(f"Usage: tcli {name}")
    assert name in tcli("--help")[1]


# ---------------------------------------------------------------- diff

def test_diff_of_the_same_values_in_two_formats():
    assert tcli("diff", DATA / "digits_mlp.pt", DATA / "digits_mlp.safetensors") == (0, "the same: 4 tensors\n", "")


def test_diff_names_the_worst_element(tmp_path):
    a = {"same": np.ones(3), "moved": np.arange(6.0).reshape(2, 3), "gone": np.ones(1), "shape": np.ones(2), "kind": np.ones(2)}
    b = {"same": np.ones(3), "moved": np.arange(6.0).reshape(2, 3), "new": np.ones(1), "shape": np.ones(3),
         "kind": np.ones(2, "f4")}
    b["moved"][1, 2] += 0.5
    np.savez(tmp_path / "a.npz", **a)
    np.savez(tmp_path / "b.npz", **b)
    code, out, _ = tcli("diff", "a.npz", "b.npz", cwd=tmp_path)
    assert code == 1
    assert "! moved  f64[2, 3]  1 of 6 differ  max |a - b| 0.500, relative 0.091 at [1, 2]: 5 -> 5.5" in out
    assert "- gone   f64[1]  only in a.npz" in out
    assert "+ new    f64[1]  only in b.npz" in out
    assert "~ shape  f64[2] -> f64[3]" in out
    assert "~ kind   f64[2] -> f32[2]  max |a - b| 0" in out
    assert out.splitlines()[-1] == "1 the same, 1 differ in value, 2 in shape or dtype, 1 only in a.npz, 1 only in b.npz"
    assert tcli("diff", "a.npz", "b.npz", "--grep", "moved", "--atol", "0.6", cwd=tmp_path)[0] == 0


def test_diff_knows_nan_infinity_and_large_integers(tmp_path):
    np.savez(tmp_path / "a.npz", x=[np.nan, np.inf, 1], n=np.array([2 ** 62, 5]))
    np.savez(tmp_path / "b.npz", x=[np.nan, -np.inf, 1], n=np.array([2 ** 62 + 1, 5]))
    rows = json.loads(tcli("diff", "--json", tmp_path / "a.npz", tmp_path / "b.npz")[1])["different"]
    assert [(row["name"], row["different"], row["max_abs"]) for row in rows] == [("x", 1, "inf"), ("n", 1, 1.0)]


# ---------------------------------------------------------------- convert

@pytest.mark.parametrize("middle", [".pt", ".npz", ".safetensors"])
@pytest.mark.parametrize("name", ["digits_mlp.safetensors", "kinds.safetensors"])
def test_there_and_back_gives_the_same_bytes(name, middle, tmp_path):
    assert tcli("convert", DATA / name, tmp_path / ("m" + middle)) == (0, "", "")
    assert tcli("convert", tmp_path / ("m" + middle), tmp_path / "b.safetensors") == (0, "", "")
    assert (tmp_path / "b.safetensors").read_bytes() == (DATA / name).read_bytes()


def test_convert_casts_selects_and_renames(tmp_path):
    argv = ["convert", DATA / "digits_mlp.pt", tmp_path / "x.npz", "--dtype", "half", "--select", "fc1",
            "--rename", "^fc=layer"]
    assert tcli(*argv)[0] == 0
    with np.load(tmp_path / "x.npz") as archive:
        assert sorted(archive.files) == ["layer1.bias", "layer1.weight"]
        assert archive["layer1.weight"].dtype == np.float16


def test_convert_writes_several_files_and_reads_them_as_one(tmp_path):
    assert tcli("convert", DATA / "digits_mlp.pt", tmp_path / "x.safetensors", "--shard", "2KB")[0] == 0
    assert len(list(tmp_path.glob("x-*-of-*.safetensors"))) == 2
    assert tcli("diff", DATA / "digits_mlp.pt", tmp_path / "x.safetensors.index.json")[0] == 0


# ---------------------------------------------------------------- test

TSR = """x = arange(6).view(2, 3)
x.sum(1)
#> tensor([ 3, 12])
x.float().mean()
#> tensor(2.50001)
x + ones(4)
#> error[shape]: The size of tensor a
"""


def test_expected_values_are_compared_by_shape_and_number(tmp_path):
    (tmp_path / "a.tsr").write_text(TSR)
    assert tcli("test", "a.tsr", cwd=tmp_path)[0] == 0
    (tmp_path / "b.tsr").write_text(TSR.replace("2.50001", "2.6").replace("[ 3, 12]", "[[3, 12]]"))
    code, out, _ = tcli("test", cwd=tmp_path)
    assert code == 1
    assert "shape [2], expected [1, 2]" in out
    assert "number 1 is 2.5000, expected 2.6" in out
    assert "2 files, 6 results, 1 file failed" in out


def test_update_writes_what_came_out(tmp_path):
    (tmp_path / "a.tsr").write_text("x = ones(2)\nx\n#> ?\nprint(x.sum())\n#>\n")
    assert tcli("test", "--update", "a.tsr", cwd=tmp_path)[0] == 0
    assert (tmp_path / "a.tsr").read_text() == "x = ones(2)\nx\n#> tensor([1., 1.])\nprint(x.sum())\n#> tensor(2.)\n"


# ---------------------------------------------------------------- pipes and results

@pytest.mark.parametrize("kind", ["float32", "int64", "bool", "bfloat16", "float8_e4m3fn", "complex64", "float16"])
@pytest.mark.parametrize("form", ["npy", "npz", "safetensors", "pt"])
def test_tensors_go_through_pipes_without_loss(kind, form):
    data = raw("-o", form, "-e", f"tensor([0.1, 0, 3]).to(torch.{kind})").stdout
    shown = tcli("-e", "x = next(iter(_.values())) if type(_) is dict else _", "-e", "x.dtype, x.tolist()", stdin=data)[1]
    direct = tcli("-e", f"x = tensor([0.1, 0, 3]).to(torch.{kind})", "-e", "x.dtype, x.tolist()")[1]
    assert shown == direct


def test_the_mean_of_a_sequence():
    numbers = "\n".join(map(str, range(1, 1_000_001))).encode()
    assert tcli("-e", "_.mean()", stdin=numbers)[1] == "tensor(500000.5000)\n"


def test_a_table_on_stdin():
    assert tcli("-e", "_['age'].mean()", stdin=b"name,age\nbob,3\nann,5\n")[1] == "tensor(4.)\n"
    assert tcli("--in", "csv", "-e", "_.shape", stdin=b"1,2\n3,4\n")[1] == "torch.Size([2, 2])\n"


@pytest.mark.parametrize(("argv", "text"), [
    (["-o", "md", "-e", "[1, 2; 3, 4]"], "| 0 | 1 |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n"),
    (["-r", "-e", "'text'", "-e", "tensor([1, 2])", "-e", "tensor(2.5)"], "text\n1\n2\n2.5\n")])
def test_other_ways_to_write_results(argv, text):
    assert tcli(*argv) == (0, text, "")


def test_raw_numbers_out_and_in():
    data = raw("-o", "bin:>i2", "-e", "tensor([1, 2, 3])").stdout
    assert data == b"\0\1\0\2\0\3"
    assert tcli("--in", "bin:>i2", "-e", "_.tolist()", stdin=data)[1] == "[1, 2, 3]\n"


def test_peek_looks_and_passes_on():
    code, out, err = tcli("-e", "[1., 2., 3.] |> tensor |> peek |> sum")
    assert (code, out) == (0, "tensor(6.)\n")
    assert err.startswith("f32[3]  cpu  |  1.00 … 3.00")


def test_variables_from_files_and_their_members(tmp_path):
    np.savez(tmp_path / "x.npz", a=[1, 2], b=[3])
    assert tcli("-v", "b=x.npz::b", "-v", "x=x.npz", "-e", "b, sorted(x)", cwd=tmp_path)[1] == "(tensor([3]), ['a', 'b'])\n"


# ---------------------------------------------------------------- chunks

@pytest.mark.parametrize("name", ["sum", "mean", "std", "var", "max", "min", "prod", "any", "all"])
@pytest.mark.parametrize("dim", ["", "0"])
def test_reductions_over_chunks_are_those_of_the_whole(name, dim, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((100, 3)) > -2 if name in ("any", "all") else
            np.random.default_rng(0).standard_normal((100, 3)))
    reduced = f"_.{name}({dim})" if name not in ("max", "min") else f"_.a{name}({dim})"
    whole = json.loads(tcli("-o", "json", "-v", "_=x.npy", "-e", reduced, cwd=tmp_path)[1])
    parts = json.loads(tcli("-o", "json", "--chunks", "7", "-v", "_=x.npy", "-e", reduced, cwd=tmp_path)[1])
    assert parts == pytest.approx(whole)


def test_rows_come_out_as_they_go_in(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(10))
    data = (tmp_path / "x.npy").read_bytes()
    assert tcli("--chunks", "3", "-o", "csv", "-e", "_ * 2", stdin=data)[1].split() == [str(2 * n) for n in range(10)]
    code, _, err = tcli("--chunks", "3", "-e", "_[:1]", stdin=data)
    assert code == 1
    assert "it got 3 and gave [1]" in err


# ---------------------------------------------------------------- limits

def test_a_script_writes_where_it_runs_and_nowhere_else(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "p.tsr").write_text("save(ones(2), args[0])\nload(args[0]).sum()")
    assert tcli(tmp_path / "p.tsr", "x.npy", cwd=tmp_path / "in") == (0, "tensor(2.)\n", "")
    (tmp_path / "q.tsr").write_text("save(ones(2), '../y.npy')")
    code, _, err = tcli(tmp_path / "q.tsr", cwd=tmp_path / "in")
    assert code == 1
    assert "error[forbidden]: ../y.npy lies outside the working directory" in err
    assert not (tmp_path / "y.npy").exists()


@pytest.mark.parametrize("text", ["save(ones(1), 'x.npy')", "torch.save(1, 'x.pt')", "open('x.txt', 'w')", "load('y.npy')",
                                  "open('y.npy', 'rb')", "torch.load('y.npy')", "import os; os.makedirs('d')"])
def test_the_sandbox_writes_nothing_and_reads_only_what_is_named(text, tmp_path):
    np.save(tmp_path / "y.npy", np.ones(1))
    code, _, err = tcli("--sandbox", "-e", text, cwd=tmp_path)
    assert code == 1
    assert "error[forbidden]" in err
    assert [path.name for path in tmp_path.iterdir()] == ["y.npy"]


def test_the_sandbox_reads_what_is_named(tmp_path):
    np.save(tmp_path / "y.npy", np.ones(1))
    assert tcli("--sandbox", "-v", "x=y.npy", "-e", "x, load('y.npy')", cwd=tmp_path)[0] == 0


def test_time_and_memory_are_bounded():
    start = time.monotonic()
    code, _, err = tcli("--timeout", "0.5", "-e", "while True: pass")
    assert code == 1
    assert "the program ran longer than 0.5 s" in err
    assert time.monotonic() - start < 10
    code, _, err = tcli("--max-memory", "200MB", "-e", "x = zeros(100_000_000)")
    assert code == 1
    assert "not enough memory" in err


@pytest.mark.slow
def test_a_killed_save_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "x.npy"
    program = ("import sys, tcli.ops; from tcli.engine.tensor import from_numpy; from tcli import io; import numpy\n"
               "print('go', flush=True)\n"
               "for n in range(1, 1000): io.save(from_numpy(numpy.full(400_000, n, 'f4')), sys.argv[1])")
    for round in range(25):
        child = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, env=ENVIRONMENT)
        child.stdout.readline()
        time.sleep(0.003 * (round % 9))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        if path.exists():
            found = np.load(path)
            assert found.shape == (400_000,)
            assert (found == found[0]).all()
        assert len(list(tmp_path.iterdir())) <= 2  # what one killed process left is removed by the next


# ---------------------------------------------------------------- other libraries

def test_emit_prints_the_program_without_sugar():
    code, out, _ = tcli("--emit", "torch", "-e", "x = [1, 2; 3, 4].float() |> softmax(dim=1)", "-e", "randn(2) |> relu")
    assert code == 0
    assert out == ("import torch\nx = torch.softmax(torch.tensor([[1, 2], [3, 4]]).float(), dim=1)\n"
                   "print(torch.relu(torch.randn(2)))\n")


def test_verify_needs_pytorch():
    fake = shutil.which("false")
    code, _, err = tcli("--verify", "torch", "-e", "1", TCLI_TORCH_PYTHON=fake or "/bin/false")
    assert code == 1
    assert "--verify needs PyTorch" in err
