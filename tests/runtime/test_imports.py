"""What model files import: PyTorch's file modules and the guarded modules of Python and its friends."""

import pytest

import tcli
from tcli.errors import ForbiddenError, UnknownAttribute, UnknownModule

IMPORTS = """from torch.utils.data.dataset import Dataset, random_split
from torch.utils.data.dataloader import DataLoader, default_collate
from torch.utils.data.sampler import Sampler, SubsetRandomSampler
from torch.optim.optimizer import Optimizer
from torch.optim.adam import Adam
from torch.optim.lr_scheduler import _LRScheduler, LRScheduler
from torch.nn.modules.utils import _pair, _single, _triple, _ntuple
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.loss import _Loss, _WeightedLoss
from torch.nn.init import _calculate_fan_in_and_fan_out, xavier_uniform_
from torch.nn.parameter import Parameter, UninitializedParameter, Buffer
from torch.nn.utils.weight_norm import weight_norm
from torch.nn.utils.stateless import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parallel import DataParallel
from torch.autograd.function import Function, once_differentiable
from torch.autograd.gradcheck import gradcheck
from torch.cuda.amp import autocast, GradScaler
from torch.utils.checkpoint import checkpoint, checkpoint_sequential
import torch.utils.checkpoint as checkpoint
import torch.backends.cudnn as cudnn
import torch.nn.utils.parametrize as P
from torch.distributions.normal import Normal
from torch.distributions.kl import kl_divergence
from torch.jit import Final, script
from torch import vmap, Tensor, nn, optim
from typing_extensions import Literal, TypedDict
from typing import Annotated, Required, Unpack, get_args
from safetensors import safe_open
from safetensors.torch import load_file, save_file
import logging, argparse, inspect, csv, io, struct, uuid, weakref
from tqdm.auto import tqdm, trange""".splitlines()


@pytest.mark.parametrize("line", IMPORTS)
def test_the_import_lines_of_model_files_run(line):
    tcli.Session().run(line)


def run(text: str, capsys, **options) -> list:
    tcli.Session(**options).run(text)
    return capsys.readouterr().out.splitlines()


def test_the_version_is_that_of_the_reference():
    session = tcli.Session()
    assert session.run("import torch; torch.__version__") == session.run("torch.version.__version__") == "2.13.0"
    assert session.run("tuple(int(part) for part in torch.__version__.split('.')[:2]) >= (2, 0)")
    assert session.run("hasattr(nn, '__version__')") is False


def test_a_file_module_is_only_what_pytorch_has():
    with pytest.raises(UnknownModule):
        tcli.Session().run("import torch.nn.utils.zork")
    with pytest.raises(UnknownModule):
        tcli.Session().run("from torch.nn.modules.conv import zork")


def test_file_modules_show_the_same_objects(capsys):
    assert run("import torch.nn.modules.conv as c\n"
               "print(c.Conv2d is nn.Conv2d, isinstance(nn.BatchNorm2d(2), nn.modules.batchnorm._BatchNorm))\n"
               "print(nn.modules.utils._pair(3), torch.vmap is torch.func.vmap)", capsys) == ["True True", "(3, 3) True"]


def test_data_parallel_names_the_module(capsys):
    assert run("m = nn.DataParallel(nn.Linear(2, 2)).eval()\nprint(list(m.state_dict()), m(torch.zeros(1, 2)).shape)",
               capsys) == ["['module.weight', 'module.bias'] torch.Size([1, 2])"]


# ---------------------------------------------------------------- argparse

PARSER = """import argparse
p = argparse.ArgumentParser('prog', formatter_class=argparse.ArgumentDefaultsHelpFormatter)
p.add_argument('--lr', type=float, default=0.1, help='learning rate')
g = p.add_mutually_exclusive_group()
g.add_argument('--fast', action=argparse.BooleanOptionalAction)
"""


def test_argparse_reads_the_arguments_of_the_script(capsys):
    lines = run(PARSER + "print(p.parse_args().lr, p.parse_args(['--no-fast']))", capsys, args=["--lr", "7"], script="prog")
    assert lines == ["7.0 Namespace(lr=0.1, fast=False)"]


def test_argparse_tells_how_to_call_the_script(capsys):
    tcli.Session().run(PARSER + "p.print_help()")
    assert "learning rate (default: 0.1)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        tcli.Session().run(PARSER + "p.parse_args(['--lr', 'x'])")
    assert "invalid float value: 'x'" in capsys.readouterr().err


@pytest.mark.parametrize("text", [
    "p.add_argument('--x', dest='__class__')", "p.add_argument('--__class__')", "p.set_defaults(**{'__class__': 3})",
])
def test_argparse_sets_no_attribute_that_a_program_may_not_set(text):
    with pytest.raises(UnknownAttribute):
        tcli.Session().run(PARSER + text)


@pytest.mark.parametrize("text", [
    "class A: pass\np.parse_args([], A())", "class A: pass\np.add_argument('--y', action=A)",
    "argparse.ArgumentParser(formatter_class=int)",
])
def test_argparse_takes_no_classes_of_a_program(text):
    with pytest.raises(ForbiddenError):
        tcli.Session().run(PARSER + text)


def test_argparse_reads_no_files():
    with pytest.raises(tcli.TcliError):
        tcli.Session().run("import argparse\nargparse.ArgumentParser(fromfile_prefix_chars='@')")


# ---------------------------------------------------------------- inspect, logging, tqdm

def test_inspect_shows_signatures_of_ops_and_functions(capsys):
    lines = run("import inspect\ndef f(x: 'int', *a, k=3, **kw) -> float: pass\ns = inspect.signature(f)\n"
                "print(s, s.parameters['k'].default, list(s.parameters), s.parameters['x'].annotation)\n"
                "print(inspect.signature(torch.softmax), 'fused' in inspect.signature(torch.optim.AdamW).parameters)", capsys)
    assert lines == ["(x: 'int', *a, k=3, **kw) -> float 3 ['x', 'a', 'k', 'kw'] int", "(x, dim, dtype=None) True"]


def test_logging_writes_what_its_level_lets_through_to_stderr(capsys):
    tcli.Session().run("import logging\nlog = logging.getLogger('train')\nlog.info('no')\nlog.warning('loss %.2f', 0.5)\n"
                       "logging.basicConfig(level=logging.INFO, format='[%(levelname)s] %(name)s: %(message)s')\n"
                       "log.info('step %d', 3)\nlog.debug('no')\nlogging.error('bad')")
    assert capsys.readouterr().err.splitlines() == ["loss 0.50", "[INFO] train: step 3", "[ERROR] root: bad"]


def test_tqdm_counts_and_is_quiet_off_a_terminal(capsys):
    tcli.Session().run("from tqdm import tqdm, trange\nbar = tqdm([1, 2, 3], desc='x')\n"
                       "for i in bar: bar.set_postfix(loss=0.5, note='a')\n"
                       "print(bar.n, bar.total, bar.postfix, sum(trange(4)))")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("3 3 loss=0.5, note=a 6\n", "")


# ---------------------------------------------------------------- safetensors

def test_safetensors_round_trip(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = run("from safetensors.torch import load_file, save_file\nfrom safetensors import safe_open\n"
                "save_file({'w': torch.ones(2, 3), 'b': torch.zeros(2).half()}, 'm.safetensors', metadata={'k': 'v'})\n"
                "print({k: (v.dtype, tuple(v.shape)) for k, v in sorted(load_file('m.safetensors').items())})\n"
                "with safe_open('m.safetensors', framework='pt', device='cpu') as f:\n"
                "    print(sorted(f.keys()), f.metadata(), f.get_slice('w')[:1], f.get_slice('w').get_shape())", capsys)
    assert lines == ["{'b': (torch.float16, (2,)), 'w': (torch.float32, (2, 3))}",
                     "['b', 'w'] {'k': 'v'} tensor([[1., 1., 1.]]) [2, 3]"]


def test_safetensors_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tcli.TcliError, match="No such file"):
        tcli.Session().run("from safetensors.torch import load_file\nload_file('none.safetensors')")


def test_all_and_any_take_a_dim(capsys):
    assert run("x = torch.tensor([[True, False], [True, True]])\nprint(all(x, 1), any(x, dim=0), all([True, False]))", capsys) \
        == ["tensor([False,  True]) tensor([True, True]) False"]


def test_a_program_of_that_name_is_to_be_run(tmp_path, monkeypatch):
    (tmp_path / "lib.tsr").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tcli.TcliError) as caught:
        tcli.Session().run("from lib import f")
    assert caught.value.help == "programs are not imported; at the prompt `:run lib.tsr` runs it and keeps its names"
