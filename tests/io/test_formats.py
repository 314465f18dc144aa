"""Every format: what other programs wrote is read right, what is written comes back."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tcli import io as tio
from tcli.engine import dtypes
from tcli.engine.tensor import Tensor, from_numpy, tensor
from tcli.errors import FileError, TcliError
from tcli.io.formats import TABLE, find
from tcli.io.kinds import KINDS
from tcli.io.source import BytesInput
from tests.io.peak import PEAK

DATA = Path(__file__).parent.parent / "data"
NUMPYS = {name for name, kind in KINDS.items() if kind.npy}
HOLDS = {
    ".npy": set(KINDS) - {"complex32"}, ".npz": set(KINDS) - {"complex32"},
    ".safetensors": {name for name, kind in KINDS.items() if kind.safetensors}, ".pt": set(KINDS),
    ".idx": {"uint8", "int8", "int16", "int32", "float32", "float64"},
    ".h5": NUMPYS, ".zarr": NUMPYS,
    ".gguf": {"int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"}}


def bits(t: Tensor) -> bytes:
    return np.ascontiguousarray(t.cpu_array()).tobytes()


def same(a: Tensor, b: Tensor) -> None:
    assert a.dtype is b.dtype
    assert a.shape == b.shape
    assert bits(a) == bits(b)


def one(value):
    return next(iter(value.values())) if isinstance(value, dict) else value


def test_the_table_of_formats_is_what_the_modules_declare():
    for name, (_, extensions) in TABLE.items():
        assert find(name).name == name
        assert find(name).extensions == tuple(extensions.split())


# ---------------------------------------------------------------- there and back

@st.composite
def tensors(draw, names):
    name = draw(st.sampled_from(sorted(names)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    kind = KINDS[name]
    count = int(np.prod(shape, dtype=int))
    raw = draw(st.binary(min_size=count * kind.itemsize, max_size=count * kind.itemsize))
    if name == "bool":
        raw = bytes(byte & 1 for byte in raw)
    if name == "complex32":
        pairs = np.frombuffer(raw, "f2").astype("f4").view("c8")
        found = from_numpy(np.where(np.isfinite(pairs), pairs, 0).reshape(shape))
        found._half_complex = True
    else:
        found = from_numpy(np.frombuffer(raw, dtypes.NAMES[name].numpy).reshape(shape).copy())
    return found.t() if draw(st.booleans()) and found.ndim == 2 and name != "complex32" else found


@pytest.mark.parametrize("ending", HOLDS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_dtype_comes_back(ending, data, tmp_path):
    value = data.draw(tensors(HOLDS[ending]))
    if ending == ".idx" and not value.ndim:
        return
    path = tmp_path / ("x" + ending)
    tio.save(value, path)
    found = one(tio.load(path))
    if value.dtype.name == "complex32":
        assert found.dtype.name == "complex32"
        np.testing.assert_array_equal(found.cpu_array(), value.cpu_array())
    else:
        same(found, value)
    with tio.open_input(str(path)) as file:
        entry = tio.read_listing(file).entries[0]
    assert (entry.dtype, entry.shape) == (value.dtype.name, tuple(value.shape))


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".mat"])
@pytest.mark.parametrize("name", sorted(NUMPYS))
def test_a_matrix_comes_back_from_tables_and_matlab(name, ending, tmp_path):
    value = tensor([[0, 1, 2], [3, 4, 5]]).to(dtypes.NAMES[name])
    if name in ({"float16"} if ending == ".mat" else {"complex64", "complex128"}):
        with pytest.raises(FileError, match=f"holds no {name}"):
            tio.save(value, tmp_path / ("x" + ending))
        return
    tio.save(value, tmp_path / ("x" + ending))
    found = tio.load(tmp_path / ("x" + ending))
    same(found["arr_0"] if ending == ".mat" else found.tensor(), value)


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_a_table_with_words_comes_back(ending, tmp_path):
    (tmp_path / "x.csv").write_text("name,age\nann,31\nbob,45\n")
    tio.save(tio.load(tmp_path / "x.csv"), tmp_path / ("x" + ending))
    found = tio.load(tmp_path / ("x" + ending))
    assert (found["name"], found["age"].tolist()) == (["ann", "bob"], [31, 45])


@pytest.mark.parametrize("ending", sorted(set(HOLDS) - {".pt", ".npy", ".npz"}) + [".mat", ".parquet"])
def test_a_type_that_a_format_lacks_is_refused_not_changed(ending, tmp_path):
    lacking = sorted(set(KINDS) - HOLDS.get(ending, NUMPYS) - {"complex32"})
    for name in lacking:
        with pytest.raises(TcliError, match=name):
            tio.save(tensor([[0, 1]]).to(dtypes.NAMES[name]), tmp_path / ("x" + ending))
    assert lacking
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "text"), [("x.txt", "1e39\n2\n"), ("x.csv", "a,b\n1e39,2\n"), ("x.json", "[1e39, 2]")])
def test_a_number_beyond_float32_is_inf_without_a_word(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    found = tio.load(tmp_path / name)
    assert (found["a"] if name == "x.csv" else found)[0].item() == float("inf")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("word", [b"\0", b"\xff", b"\x7f\xff\xff\xff"])
def test_damaged_matlab_files_raise_and_do_not_crash(word, packed, tmp_path):
    """Each place of the file in turn is overwritten."""
    import scipy.io

    scipy.io.savemat(tmp_path / "x.mat", {"a": np.arange(6.0).reshape(2, 3), "c": np.array([1j])}, do_compression=packed)
    data = (tmp_path / "x.mat").read_bytes()
    for at in range(120, len(data)):
        damaged = data[:at] + word + data[at + len(word):]
        try:
            found = find("mat").load(BytesInput(damaged, "x.mat"))
        except TcliError as error:
            assert "x.mat" in str(error)
        else:
            assert all(isinstance(value, Tensor) for value in found.values())


def test_matlab_files_of_scipy(tmp_path):
    import scipy.io
    import scipy.sparse

    value = {"wide": np.arange(24, dtype="i2").reshape(2, 3, 4), "flags": np.array([[True, False]]),
             "sparse": scipy.sparse.csc_matrix(np.array([[0, 2.0, 0], [1.0, 0, 3.0]])), "empty": np.zeros((0, 3)),
             "complex": np.array([[1 + 2j, 3.0]], "c8"), "text": "hello", "a_name_of_more_than_four_letters": np.ones(5)}
    for packed in (False, True):
        scipy.io.savemat(tmp_path / "x.mat", value, do_compression=packed, long_field_names=True)
        found = tio.load(tmp_path / "x.mat")
        assert set(found) == set(value) - {"text"}
        for name, each in found.items():
            want = value[name].toarray() if name == "sparse" else np.atleast_2d(value[name])
            assert each.cpu_array().dtype == want.dtype
            np.testing.assert_array_equal(each.cpu_array(), want)
        with tio.open_input(str(tmp_path / "x.mat")) as file:
            listing = tio.read_listing(file)
        assert [e.shape for e in listing.entries if e.name == "wide"] == [(2, 3, 4)]
        assert listing.notes == ["'text' is a text, not numbers"]


@pytest.mark.parametrize(("name", "data"), [
    ("x.h5", b"\x89HDF\r\n\x1a\n" + bytes(200)), ("x.parquet", b"PAR1" + bytes(50) + b"PAR1"),
    ("x.arrow", b"ARROW1" + bytes(90)), ("x.jpg", b"\xff\xd8\xff\xe0" + bytes(60)),
    ("x.gif", b"GIF89a\xff\xff\xff\xff" + bytes(30)), ("x.mat", bytes(200))])
def test_damaged_files_of_other_libraries_are_named(name, data, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError) as caught:
        tio.load(tmp_path / name)
    assert name in caught.value.message


def bomb_h5(path):
    import h5py

    with h5py.File(path, "w") as out:
        out.create_dataset("x", (200_000_000,), "f4", chunks=(10_000_000,), compression="gzip")


def bomb_parquet(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": pa.array(np.zeros(30_000_000, "i1"))}), path)


def bomb_gif(path):
    from PIL import Image

    Image.new("L", (12_000, 12_000)).save(path)


@pytest.mark.parametrize(("ending", "make"), [(".h5", bomb_h5), (".parquet", bomb_parquet), (".gif", bomb_gif)])
def test_a_few_bytes_that_would_fill_the_memory_are_refused(ending, make, tmp_path):
    make(tmp_path / ("x" + ending))
    assert (tmp_path / ("x" + ending)).stat().st_size < 2_000_000
    with pytest.raises(FileError, match="no honest data"):
        tio.load(tmp_path / ("x" + ending))


@pytest.mark.parametrize("ending", [".h5", ".zarr"])
def test_dots_in_names_are_groups(ending, tmp_path):
    value = {"block.0.weight": tensor([[1.0, 2.0]]), "block.0.bias": tensor(3.0), "count": tensor(4)}
    tio.save(value, tmp_path / ("x" + ending))
    found = tio.load(tmp_path / ("x" + ending))
    assert {name: each.tolist() for name, each in found.items()} == {name: each.tolist() for name, each in value.items()}
    tio.save(value, tmp_path / ("x" + ending))
    assert [path.name for path in tmp_path.iterdir()] == ["x" + ending]
    assert tio.load(f"{tmp_path}/x{ending}::block.0.weight").tolist() == [[1, 2]]


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_stores_of_the_package(version, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3")
    top = zarr.open_group(tmp_path / "x.zarr", mode="w", zarr_format=version)
    top.create_array("a/plain", data=np.arange(10.0).reshape(2, 5), chunks=(1, 3), compressors=None)
    top.create_array("packed", data=np.arange(7), chunks=(3,))
    found = tio.load(tmp_path / "x.zarr")
    assert {name: each.tolist() for name, each in found.items()} == {
        "a.plain": np.arange(10.0).reshape(2, 5).tolist(), "packed": list(range(7))}
    with tio.open_input(str(tmp_path / "x.zarr")) as file:
        assert {e.name: (e.dtype, e.shape) for e in tio.read_listing(file).entries} == {
            "a.plain": ("float64", (2, 5)), "packed": ("int64", (7,))}


def test_the_zarr_package_reads_what_is_written(tmp_path):
    zarr = pytest.importorskip("zarr")
    tio.save({"a.b": tensor([[1, 2], [3, 4]]), "c": tensor(5.0)}, tmp_path / "x.zarr")
    top = zarr.open(str(tmp_path / "x.zarr"), mode="r")
    assert top["a/b"][...].tolist() == [[1, 2], [3, 4]]
    assert top["c"][...] == 5


def test_links_out_of_a_store_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(np.arange(3.0).tobytes())
    tio.save(tensor([7.0, 7.0, 7.0]).double(), tmp_path / "x.zarr")
    (tmp_path / "x.zarr" / "0").unlink()
    (tmp_path / "x.zarr" / "0").symlink_to(tmp_path / "secret")
    assert tio.load(tmp_path / "x.zarr").tolist() == [0, 0, 0]


@pytest.mark.parametrize(("header", "said"), [
    ("{", "is no JSON"), ("[]", "no header of a version 2 array"), ('{"zarr_format": 3}', "no header of a version 2 array"),
    ('{"zarr_format": 2, "shape": [2], "chunks": [0], "dtype": "<f4"}', "no header of a version 2 array"),
    ('{"zarr_format": 2, "shape": [9000000000], "chunks": [1], "dtype": "<f4"}', "claims 9000000000 chunks"),
    ('{"zarr_format": 2, "shape": [4611686018427387903], "chunks": [4611686018427387903], "dtype": "<f4"}', "no honest data"),
    ('{"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "|O"}', "are no numbers")])
def test_bad_zarr_headers(header, said, tmp_path):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / ".zarray").write_text(header)
    with pytest.raises(FileError, match=said) as caught:
        tio.load(tmp_path / "x.zarr")
    assert "x.zarr" in caught.value.message


@pytest.mark.parametrize("name", [name for name in sorted(HOLDS[".npy"]) if KINDS[name].npy])
def test_numpy_reads_what_is_written(name, tmp_path):
    value = tensor([[0, 1, 2], [3, 4, 5]]).to(dtypes.NAMES[name])
    tio.save(value, tmp_path / "x.npy")
    tio.save({"a": value, "b": value.t()}, tmp_path / "x.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), value.cpu_array())
    with np.load(tmp_path / "x.npz") as archive:
        np.testing.assert_array_equal(archive["b"], value.t().cpu_array())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("code", ["<f4", ">f4", "<i2", ">i8", ">c8", "|b1", ">f2"])
def test_what_numpy_writes_is_read(code, order, tmp_path):
    array = np.asarray(np.arange(24).reshape(2, 3, 4), dtype=code, order=order)
    np.save(tmp_path / "x.npy", array)
    np.savez_compressed(tmp_path / "x.npz", a=array)
    np.testing.assert_array_equal(tio.load(tmp_path / "x.npy").cpu_array(), array)
    np.testing.assert_array_equal(tio.load(tmp_path / "x.npz")["a"].cpu_array(), array)


def test_python_2_and_later_versions_of_npy():
    assert tio.load(DATA / "python2.npy").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tio.load(DATA / "version2.npy").tolist() == tio.load(DATA / "version3.npy").tolist() == [0, 1, 2, 3]


def test_a_bfloat16_array_of_ml_dtypes_is_read(tmp_path):
    value = tensor([1.5, -2.0]).to(dtypes.bfloat16)
    np.save(tmp_path / "x.npy", value.cpu_array())
    same(tio.load(tmp_path / "x.npy"), value)


def test_a_large_file_is_mapped_and_writes_stay_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(1_000_000, "f4"))
    before = (tmp_path / "x.npy").read_bytes()
    x = tio.load(tmp_path / "x.npy")
    x += 1
    assert x[5].item() == 1
    assert (tmp_path / "x.npy").read_bytes() == before


def test_one_member_of_several(tmp_path):
    tio.save({"a": tensor([1]), "b.c": tensor([2])}, tmp_path / "x.npz")
    assert tio.load(f"{tmp_path}/x.npz::b.c").tolist() == [2]
    with pytest.raises(FileError) as caught:
        tio.load(f"{tmp_path}/x.npz::d")
    assert caught.value.help == "it holds a, b.c"


# ---------------------------------------------------------------- safetensors

def test_safetensors_of_the_library():
    found = tio.load(DATA / "kinds.safetensors")
    assert len(found) == 18
    assert {name: value.dtype.name for name, value in found.items()} == {name: name for name in found}
    assert all(value.to(dtypes.float32).tolist() == [[0, 1, 2], [3, 4, 5]] or value.dtype is dtypes.bool_
               for value in found.values() if not value.is_complex())


def test_the_same_bytes_after_reading_and_writing(tmp_path):
    for name in ("kinds.safetensors", "digits_mlp.safetensors"):
        with tio.open_input(str(DATA / name)) as file:
            metadata = tio.read_listing(file).metadata
        tio.save(tio.load(DATA / name), tmp_path / "x.safetensors", metadata=metadata)
        assert (tmp_path / "x.safetensors").read_bytes() == (DATA / name).read_bytes()


def test_an_index_of_several_files(tmp_path):
    import json

    tio.save({"a": tensor([1.0])}, tmp_path / "m-1.safetensors")
    tio.save({"b": tensor([2.0])}, tmp_path / "m-2.safetensors")
    names = {"a": "m-1.safetensors", "b": "m-2.safetensors"}
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 8}, "weight_map": names}))
    found = tio.load(tmp_path / "m.safetensors.index.json")
    assert {name: value.tolist() for name, value in found.items()} == {"a": [1.0], "b": [2.0]}


def test_gguf_blocks_unpack_to_what_their_definition_says():
    found, expected = tio.load(DATA / "quantised.gguf"), tio.load(DATA / "quantised.npz")
    for name, value in expected.items():
        np.testing.assert_allclose(found[name].cpu_array().reshape(-1), value.cpu_array().reshape(-1), rtol=1e-6)


# ---------------------------------------------------------------- text

@pytest.mark.parametrize(("text", "expected"), [
    ("1,2\n3,4\n", [[1, 2], [3, 4]]), ("1.5;2\n3;4\n", [[1.5, 2], [3, 4]]), ("1\t2\n3\t4", [[1, 2], [3, 4]]),
    ("1 2\n3 4\n", [[1, 2], [3, 4]]), ("\ufeff1,2\r\n3,4\r\n", [[1, 2], [3, 4]]), ("5\n6\n", [[5], [6]]),
    ('"1","2"\n"3","4"\n', [[1, 2], [3, 4]]), ("1,inf\n-inf,2\n", [[1, float("inf")], [float("-inf"), 2]])])
def test_numbers_without_a_header_are_a_matrix(text, expected, tmp_path):
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    found = tio.load(tmp_path / "x.csv")
    assert found.tolist() == expected


def test_a_header_and_words_make_a_table(tmp_path):
    (tmp_path / "x.csv").write_text('name,age,"a, b"\nann,30,1.5\n"bob ""b""",,2\n')
    table = tio.load(tmp_path / "x.csv")
    assert table.columns == ["name", "age", "a, b"]
    assert table["name"] == ["ann", 'bob "b"']
    assert table["age"].isnan().tolist() == [False, True]
    assert table[["age", "a, b"]].tensor().shape == (2, 2)
    assert len(table) == 2
    assert table.codes("name").tolist() == [0, 1]
    with pytest.raises(TcliError, match="'name' holds text"):
        table.tensor()
    with pytest.raises(TcliError, match="no column 'nme'"):
        table["nme"]


def test_a_table_is_written_as_it_was_read(tmp_path):
    text = "name,n,x\nann,1,0.5\nbob,2,0.25\n"
    (tmp_path / "x.csv").write_text(text)
    tio.save(tio.load(tmp_path / "x.csv"), tmp_path / "y.csv")
    assert (tmp_path / "y.csv").read_text() == text


def test_a_column_that_changes_its_kind_late(tmp_path):
    rows = ["a,b,c"] + [f"{i},{i},{i}" for i in range(30_000)]
    rows[20_000] = "x,1.5,"
    (tmp_path / "x.csv").write_text("\n".join(rows) + "\n")
    table = tio.load(tmp_path / "x.csv")
    assert table["a"][19_999] == "x"
    assert table["b"][19_999].item() == 1.5
    assert table["c"][19_999].isnan().item()


def test_the_bundled_sets():
    assert tio.load("digits")["X"].shape == (1797, 64)
    assert tio.load("iris")["species"][0] == "setosa"
    table = tio.load("penguins")
    assert int(table["body_mass_g"].isnan().sum()) == 2
    assert tio.load("flower").shape == (64, 96, 3)


@pytest.mark.parametrize(("text", "expected"), [("[[1, 2], [3, 4.5]]", [[1, 2], [3, 4.5]]), ("[1, null]", None)])
def test_json_lists_are_tensors(text, expected, tmp_path):
    (tmp_path / "x.json").write_text(text)
    found = tio.load(tmp_path / "x.json")
    assert found.tolist() == expected if expected else found.isnan().tolist() == [False, True]


def test_json_lines(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1, "b": "x"}\n{"a": null, "b": "y"}\n')
    table = tio.load(tmp_path / "x.jsonl")
    assert table["b"] == ["x", "y"]
    assert table["a"].isnan().tolist() == [False, True]


@pytest.mark.parametrize("ending", [".csv", ".json", ".npy", ".npz", ".pt", ".safetensors", ".idx", ".mtx", ".txt"])
def test_gzip_around_any_format(ending, tmp_path):
    value = tensor([[1.5, 2.0], [3.0, -4.25]])
    tio.save(value, tmp_path / ("x" + ending))
    packed = tmp_path / f"x{ending}.gz"
    packed.write_bytes(gzip.compress((tmp_path / ("x" + ending)).read_bytes()))
    assert one(tio.load(packed)).tolist() == value.tolist()


# ---------------------------------------------------------------- images and raw numbers

@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1)])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_png_there_and_back(shape, kind, tmp_path):
    array = np.random.default_rng(0).integers(0, 2 ** (8 * np.dtype(kind).itemsize), shape).astype(kind)
    tio.save(from_numpy(array), tmp_path / "x.png")
    np.testing.assert_array_equal(tio.load(tmp_path / "x.png").cpu_array(), array)


def test_every_filter_of_png():
    """The photograph was written with all of them."""
    found = tio.load("flower").double()
    np.testing.assert_allclose(found.mean((0, 1)).tolist(), [55.18864, 73.58220, 57.03467], atol=1e-4)


def test_raw_numbers_by_type_and_shape(tmp_path):
    (tmp_path / "x.raw").write_bytes(np.arange(6, dtype=">i2").tobytes())
    assert tio.load(tmp_path / "x.raw", format="bin:>i2:2,-1").tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(FileError, match="asks for 4"):
        tio.load(tmp_path / "x.raw", format="bin:>i2:2,2")


# ---------------------------------------------------------------- what is refused

def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    tio.save(tensor([1.0]), tmp_path / "x.npy")
    with pytest.raises(TcliError):
        tio.save({"a": tensor([1]), "b": tensor([2])}, tmp_path / "x.npy")
    assert tio.load(tmp_path / "x.npy").tolist() == [1.0]
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize(("value", "name", "said"), [
    ({"a": "text"}, "x.npz", "'a' is str, not a tensor"), (tensor([1]), "x.xyz", "no format is known"),
    (object(), "x.pt", "cannot save a object"), (tensor([1j]).to(dtypes.complex128), "x.safetensors", "complex128"),
    (tensor([[[1]]]), "x.csv", "a table has two dims"), ({"a": tensor([1]), "b": tensor([2])}, "x.npy", "dict of 2")])
def test_what_does_not_fit_a_format_is_told(value, name, said, tmp_path):
    with pytest.raises(TcliError, match=said):
        tio.save(value, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "data", "package"), [
    ("x.h5", b"\x89HDF\r\n\x1a\n", "h5py"), ("x.parquet", b"PAR1", "pyarrow"), ("x.jpg", b"\xff\xd8\xff", "pillow")])
def test_a_missing_package_is_named(name, data, package, tmp_path, monkeypatch):
    import sys

    for module in ("h5py", "pyarrow", "PIL", "PIL.Image"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError) as caught:
        tio.load(tmp_path / name)
    assert package in caught.value.message
    assert caught.value.help == f"pip install '{package}'"


def test_a_pipe_is_enough_to_write_to():
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    from tcli.io.source import BytesInput

    for name in ("npy", "npz", "safetensors", "pt"):
        pipe = Pipe()
        find(name).save(tensor([1.0, 2.0]), pipe)
        assert one(tio.load_input(BytesInput(pipe.data))).tolist() == [1.0, 2.0]


# ---------------------------------------------------------------- files larger than memory should be

def test_a_very_large_file_is_read_in_little_memory_and_can_still_be_written_to(tmp_path):
    import os
    import subprocess
    import sys

    from tcli.io.npy import npy_header_bytes

    path = tmp_path / "x.npy"
    head = npy_header_bytes("float32", (100_000_000,))
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + 400_000_000)
    program = ("import sys; import tcli.ops; from tcli import io\n"
               "x = io.load(sys.argv[1]); print(x.sum().item(), x.mean().item())\n"
               f"{PEAK}\n"
               "x[0] = 5; y = x[:3]; y += 1; print(x[:4].tolist(), x[:2].sum().item())")
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert not done.stderr
    sums, peak, values = done.stdout.splitlines()
    assert sums == "0.0 0.0"
    assert int(peak) < 200_000
    assert values == "[6.0, 1.0, 1.0, 0.0] 7.0"
    with open(path, "rb") as file:
        assert not any(file.read(1000)[len(head):])
