"""PyTorch's checkpoints: read without running anything, written so that PyTorch reads them."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from tcli import io as tio
from tcli.engine import dtypes
from tcli.engine.args import Size
from tcli.engine.tensor import Parameter, tensor
from tcli.errors import FileError, TcliError
from tcli.io.torch_files import torch_load, torch_save

DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize("name", ["kinds.pt", "kinds_legacy.pt"])
def test_every_dtype_of_both_containers(name):
    found = tio.load(DATA / name)
    assert len(found) == 20
    for kind, value in found.items():
        assert value.dtype.name == kind
        numbers = np.asarray(value.cpu_array()).astype(complex).real
        np.testing.assert_array_equal(numbers, np.arange(6).reshape(2, 3) if kind != "bool" else [[0, 1, 1], [1, 1, 1]])


def test_views_share_memory_and_plain_values_come_as_they_were():
    found = tio.load(DATA / "nested.pt")
    found["base"][2] = 100
    assert found["view"][0, 0].item() == 100
    assert found["turned"].stride() == (1, 4)
    assert isinstance(found["parameter"], Parameter)
    assert found["parameter"].requires_grad
    assert not found["frozen"].requires_grad
    assert found["list"] == [1, 2.5, None, True, "text", (3, 4)]
    assert found["size"] == Size((2, 3))
    assert found["dtype"] is dtypes.float16
    assert str(found["device"]) == "cuda:1"
    assert found["bytes"] == b"ab\xff"
    assert found["complex"] == 1 + 2j
    assert found["set"] == {1, 2}
    assert (found["big"], found["negative"]) == (2 ** 70, -2 ** 40)
    assert found["empty"].shape == (0, 3)
    assert found["wide"].tolist() == [1, 1, 1]
    assert type(found["order"]) is OrderedDict


def test_a_checkpoint_of_a_gpu_is_read_without_one():
    assert tio.load(DATA / "cuda.pth")["w"].tolist() == [0, 1, 2]
    found = torch_load(DATA / "lpips_alex.pth", map_location="cpu")
    assert {name: tuple(value.shape) for name, value in found.items()}["lin4.model.1.weight"] == (1, 256, 1, 1)


def test_numpy_values_inside():
    found = tio.load(DATA / "numpy_inside.pt")
    assert found["scalar"] == 1.5
    assert found["array"].tolist() == found["turned"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_whole_module_is_refused_and_can_be_looked_at():
    with pytest.raises(FileError) as caught:
        tio.load(DATA / "module.pt")
    assert "Unsupported global: GLOBAL torch.nn.modules.linear.Linear" in caught.value.message
    assert "state_dict" in caught.value.help
    with tio.open_input(str(DATA / "module.pt")) as file:
        listing = tio.read_listing(file)
    assert [(entry.name, entry.shape) for entry in listing.entries] == [("weight", (2, 3)), ("bias", (2,))]
    assert "torch.nn.modules.linear.Linear" in listing.notes[0]


def test_both_writers_of_the_digits_agree():
    a, b = tio.load(DATA / "digits_mlp.pt"), tio.load(DATA / "digits_mlp.safetensors")
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name].cpu_array(), b[name].cpu_array())


def test_what_is_saved_comes_back_with_its_sharing(tmp_path):
    base = tensor([float(i) for i in range(12)])
    value = {"base": base, "turned": base.reshape(3, 4).t(), "again": base, "p": Parameter(tensor([1.0])),
             "leaf": tensor([1.0], requires_grad=True), "x": [1, (2, {"y": None})], "s": Size((1, 2)), "d": dtypes.bfloat16,
             "order": OrderedDict(b=1, a=2), "number": 2 ** 100, "text": "ünïcode\n", "bytes": b"\0\xff", "set": {3}}
    torch_save(value, tmp_path / "x.pt")
    found = torch_load(tmp_path / "x.pt", weights_only=True, mmap=True)
    assert found["again"] is found["base"]
    found["base"][1] = 50
    assert found["turned"][1, 0].item() == 50
    assert found["turned"].stride() == (1, 4)
    assert isinstance(found["p"], Parameter)
    assert found["leaf"].requires_grad
    for name in ("x", "s", "d", "order", "number", "text", "bytes", "set"):
        assert found[name] == value[name]
    assert list(found["order"]) == ["b", "a"]


def test_a_small_slice_does_not_drag_its_base_into_the_file(tmp_path):
    torch_save(tensor([0.0] * 1_000_000)[:3], tmp_path / "x.pt")
    assert (tmp_path / "x.pt").stat().st_size < 5000


def test_the_archive_is_what_pytorch_writes(tmp_path):
    import zipfile

    torch_save({"a": tensor([1.0, 2.0])}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        assert archive.testzip() is None
        info = archive.getinfo("x/data/0")
    assert (info.header_offset + 30 + len(info.filename) + len(info.extra)) % 64 >= 0
    data = (tmp_path / "x.pt").read_bytes()
    assert data.index(np.array([1, 2], "<f4").tobytes()) % 64 == 0


@pytest.mark.parametrize("name", ["digits_mlp.pt", "kinds.pt", "nested.pt"])
def test_what_pytorch_wrote_is_written_again_byte_for_byte(name, tmp_path):
    torch_save(torch_load(DATA / name), tmp_path / name)
    assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


@pytest.mark.parametrize(("count", "fingerprint"), [
    (1, "1572819951185464302603834990268477128014"), (9, "0197786035336920144303377056873830784471"),
    (25, "1475072860757635669911691429374780849492"), (600, "1339579879115997573207605494645285621640")])
def test_the_fingerprint_is_pytorchs(count, fingerprint, tmp_path):
    import zipfile

    torch_save([tensor([float(i)] * 2) for i in range(count)], tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        assert archive.read("x/.data/serialization_id").decode() == fingerprint


def test_the_folder_of_an_archive_is_called_as_the_file():
    from tcli.io.checkpoint_writer import folder_of

    assert [folder_of(path) for path in ("a/b.c.pt", "model", "x.pt", ".pt", "", "\u00e4.pt")] == [
        "b.c", "model", "x", "archive", "archive", "archive"]


@pytest.mark.parametrize("where", ["cpu", {"cuda:0": "cpu"}, lambda storage, place: storage])
def test_map_location(where):
    assert torch_load(DATA / "cuda.pth", map_location=where)["w"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("value", "said"), [
    (lambda: 1, "cannot save a function"), ({"a": object()}, "cannot save a object"),
    ([[[]]] and __import__("functools").reduce(lambda a, _: [a], range(200), []), "nested more than")])
def test_what_a_checkpoint_cannot_hold(value, said, tmp_path):
    with pytest.raises(TcliError, match=said):
        torch_save(value, tmp_path / "x.pt")
    assert not list(tmp_path.iterdir())
