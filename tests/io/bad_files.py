"""Makes files that are broken or mean harm: what every reader has to refuse in one clear error.

`make(folder)` writes them all; each is a small change of an honest file. Nothing here is random. Run as a
script it writes them to a folder for a look: `python tests/io/bad_files.py FOLDER`.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import sys
import zipfile
import zlib
from pathlib import Path

HUGE = 1 << 62


# ---------------------------------------------------------------- .npy

def npy(header: str | bytes, data: bytes = b"", version: bytes = b"\1\0", size: int | None = None) -> bytes:
    raw = header.encode("latin-1") if isinstance(header, str) else header
    width = 2 if version[0] == 1 else 4
    return b"\x93NUMPY" + version + (size if size is not None else len(raw)).to_bytes(width, "little") + raw + data


def described(descr="'<f4'", order="False", shape="(2, 3)", more="") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, {more}}}\n"


def npy_files():
    good = npy(described(), bytes(24))
    yield "empty", b""
    yield "magic_only", good[:6]
    yield "cut_in_header", good[:30]
    yield "cut_in_values", good[:-5]
    yield "version_9", npy(described(), bytes(24), b"\x09\0")
    yield "header_size_64k", npy(described(), bytes(24), size=65535)
    yield "header_size_4g", npy(described(), bytes(24), b"\2\0", size=0xFFFFFFFF)
    for name, shape in {"negative": "(-1, 3)", "huge": f"({HUGE}, {HUGE})", "overflow": "(4294967296, 4294967296)",
                        "list": "[2, 3]", "word": "(True, 3)", "text": "'23'", "float": "(2.0, 3)", "none": "None",
                        "too_many": "(" + "1," * 70 + ")", "long": "(" + "9" * 4000 + ",)", "more_than_there": "(2000000,)",
                        "tera": "(1099511627776,)"}.items():
        yield f"shape_{name}", npy(described(shape=shape), bytes(24))
    for name, descr in {"object": "'|O'", "record": "[('a', '<f4'), ('b', '<i4')]", "text": "'<U8'", "void": "'|V8'",
                        "datetime": "'<M8[s]'", "long_double": "'<f16'", "nonsense": "'<zz'", "number": "3",
                        "empty": "''", "nested": "[('a', [('b', '<f4')])]", "control": "'\x1b[2Jf4'"}.items():
        yield f"descr_{name}", npy(described(descr), bytes(24))
    for name, header in {"code": "__import__('os').system('touch PWNED')", "call": "{'descr': f(), 'shape': ()}",
                         "deep": "{'descr': " + "(" * 5000 + ")" * 5000 + "}", "no_shape": "{'descr': '<f4'}\n",
                         "twice": "{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
                         "not_dict": "(1, 2, 3)\n", "binary": bytes(range(256)), "nul": b"\0" * 100,
                         "unclosed": "{'descr': '<f4', 'shape': (2,"}.items():
        yield f"header_{name}", npy(header, bytes(24))
    yield "pickle_behind", npy(described("'|O'"), pickle.dumps([1, 2]))
    yield "python2_cut", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }\n", bytes(8))


# ---------------------------------------------------------------- zip

def zipped(members: dict, method=zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def patched(data: bytes, mark: bytes, at: int, new: bytes, last: bool = False) -> bytes:
    """`data` with `new` at a place counted from where `mark` stands."""
    place = (data.rfind(mark) if last else data.find(mark)) + at
    return data[:place] + new + data[place + len(new):]


def bomb(size: int) -> bytes:
    """A member that unpacks to `size` zero bytes behind a .npy header that asks for them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = npy(described(shape=f"({size // 4},)"))
    parts, crc = [packer.compress(head)], zlib.crc32(head)
    block = bytes(1 << 20)
    for _ in range(size >> 20):
        parts.append(packer.compress(block))
        crc = zlib.crc32(block, crc)
    packed = b"".join([*parts, packer.flush()])
    return raw_zip("x.npy", packed, len(head) + size, crc)


def raw_zip(name: str, packed: bytes, size: int, crc: int) -> bytes:
    raw = name.encode()
    fields = struct.pack("<HHIIIIHH", 0, 8, 0, crc, len(packed), size, len(raw), 0)
    local = b"PK\3\4\x14\0" + fields + raw + packed
    central = b"PK\1\2\x14\0\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + raw
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def overlapping() -> bytes:
    """Two entries of the directory over the same bytes."""
    good = zipped({"a.npy": npy(described(), bytes(24)), "b.npy": npy(described(), bytes(24))})
    return patched(good, b"PK\1\2", 42, (0).to_bytes(4, "little"), last=True)


def npz_files():
    member = npy(described(), bytes(24))
    good = zipped({"a.npy": member, "b.npy": member})
    yield "no_directory", good[:-40]
    yield "cut", good[:100]
    yield "only_head", b"PK\3\4" + bytes(20)
    yield "only_end", b"PK\5\6" + bytes(18)
    yield "overlap", overlapping()
    yield "directory_outside", patched(good, b"PK\5\6", 16, b"\xf0\xff\xff\x7f")
    yield "many_entries", patched(good, b"PK\5\6", 10, b"\xfe\xff")
    yield "size_lies", patched(good, b"PK\1\2", 24, b"\xff\xff\xff\x7f")
    yield "both_sizes_lie", patched(good, b"PK\1\2", 20, b"\xff\xff\xff\x7f\xff\xff\xff\x7f")
    yield "encrypted", patched(good, b"PK\1\2", 8, b"\1\0")
    yield "method_12", patched(good, b"PK\1\2", 10, b"\x0c\0")
    yield "offset_outside", patched(good, b"PK\1\2", 42, b"\xff\xff\xff\x0f")
    yield "no_local_header", b"XXXX" + good[4:]
    yield "wrong_checksum", patched(zipped({"a.npy": member}, zipfile.ZIP_DEFLATED), b"PK\1\2", 16, b"\1\2\3\4")
    yield "damaged_deflate", patched(zipped({"a.npy": member}, zipfile.ZIP_DEFLATED), b"PK\3\4", 36, b"\xff" * 8)
    for name, path in {"up": "../../evil.npy", "absolute": "/etc/evil.npy", "drive": "C:\\evil.npy",
                       "back": "..\\evil.npy"}.items():
        yield f"path_{name}", zipped({path: member})
    yield "nul_name", patched(patched(good, b"a.npy", 0, b"a\0npy"), b"a.npy", 0, b"a\0npy")
    yield "same_name", patched(patched(good, b"b.npy", 0, b"a.npy"), b"b.npy", 0, b"a.npy")
    yield "bomb_300mb", bomb(300 << 20)
    yield "bomb_lies", raw_zip("x.npy", zlib.compress(bytes(50 << 20))[2:-4], 100, 0)
    yield "size_4g_deflated", raw_zip("x.npy", zlib.compress(bytes(1000))[2:-4], 0xFFFFFFFE, 0)
    yield "object_member", zipped({"a.npy": npy(described("'|O'"), pickle.dumps([1]))})
    yield "no_npy", zipped({"readme.txt": b"hello"})
    yield "bad_member", zipped({"a.npy": b"hello"})
    yield "short_member", zipped({"a.npy": npy(described(shape="(1000,)"), bytes(24))})
    yield "huge_member", zipped({"a.npy": npy(described(shape=f"({HUGE},)"), bytes(24))})
    yield "control_name", zipped({"\x1b]0;evil\x07.npy": b"hello"})


# ---------------------------------------------------------------- .safetensors

def st(header, data: bytes = bytes(24), size: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if size is None else size).to_bytes(8, "little") + raw + data


def one(dtype="F32", shape=(2, 3), offsets=(0, 24), name="w", **more) -> dict:
    return {name: {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)} | more}


def safetensors_files():
    good = st(one())
    yield "empty", b""
    yield "seven_bytes", good[:7]
    yield "cut_header", good[:20]
    yield "cut_values", good[:-3]
    yield "trailing", good + b"x"
    yield "header_giant", st(one(), size=1 << 40)
    yield "header_max", st(one(), size=(1 << 64) - 1)
    yield "header_zero", st(b"")
    yield "header_list", st([1, 2])
    yield "header_number", st(b"12345678")
    yield "header_cut_json", st(b'{"w": {"dtype": "F32", ')
    yield "header_trailing", st(json.dumps(one()).encode() + b" {}")
    yield "header_not_utf8", st(b'{"\xff\xfe": 1}')
    yield "header_deep", st(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    yield "header_nan", st(b'{"w": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 24]}}')
    yield "header_long_number", st(b'{"w": {"dtype": "F32", "shape": [' + b"9" * 5000 + b'], "data_offsets": [0, 24]}}')
    yield "duplicate", st(b'{"w": {"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}, '
                          b'"w": {"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}')
    yield "overlap", st(one() | one(name="v", offsets=(12, 36)), bytes(36))
    yield "same_place", st(one() | one(name="v"))
    yield "hole", st(one() | one(name="v", offsets=(32, 56)), bytes(56))
    yield "starts_late", st(one(offsets=(8, 32)), bytes(32))
    for name, fields in {
            "outside": one(offsets=(0, 1000)), "backwards": one(offsets=(24, 0)), "negative": one(offsets=(-8, 16)),
            "three": one(offsets=(0, 8, 24)), "floats": one(offsets=(0.0, 24.0)), "texts": one(offsets=("0", "24")),
            "wrong_size": one(shape=(2, 4)), "shape_negative": one(shape=(-2, -3)), "shape_huge": one(shape=(HUGE, HUGE)),
            "shape_float": one(shape=(2.0, 3)), "shape_bool": one(shape=(True, 6)), "shape_long": one(shape=[1] * 70),
            "no_offsets": {"w": {"dtype": "F32", "shape": [2, 3]}},
            "no_dtype": {"w": {"shape": [2, 3], "data_offsets": [0, 24]}},
            "dtype_number": one(dtype=3), "dtype_unknown": one(dtype="F128"), "dtype_wrong": one(dtype="F64"),
            "entry_list": {"w": [1, 2]}, "entry_text": {"w": "x"}, "metadata_list": one() | {"__metadata__": [1]},
            "metadata_number": one() | {"__metadata__": {"a": 1}}, "zero_dim_lie": one(shape=(0, 3)),
            "control": one(name="\x1b[31mred\x07", offsets=(0, 1000)),
            "shape_text": {"w": {"dtype": "F32", "shape": "23", "data_offsets": [0, 24]}}}.items():
        yield name, st(fields)


def index_files():
    yield "missing_part", json.dumps({"weight_map": {"w": "part-1.safetensors"}}).encode()
    yield "path_up", json.dumps({"weight_map": {"w": "../secret.safetensors"}}).encode()
    yield "path_absolute", json.dumps({"weight_map": {"w": "/etc/passwd"}}).encode()
    yield "no_map", b"{}"
    yield "list", b"[1, 2]"
    yield "not_json", b"{nonsense"
    yield "names_itself", json.dumps({"weight_map": {"w": "names_itself.safetensors.index.json"}}).encode()


# ---------------------------------------------------------------- checkpoints

def checkpoint(pickled: bytes, storages: dict | None = None, **more: bytes) -> bytes:
    members = {"archive/data.pkl": pickled, "archive/version": b"3\n", "archive/byteorder": b"little"}
    members |= {f"archive/data/{key}": data for key, data in (storages or {}).items()}
    return zipped(members | more)


def glob(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word.encode())) + word.encode()


def integer(value: int) -> bytes:
    raw = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + raw


def storage(key="0", kind="FloatStorage", count=6) -> bytes:
    return b"(" + text("storage") + glob("torch", kind) + text(key) + text("cpu") + integer(count) + b"tQ"


def tensor(shape=(2, 3), stride=(3, 1), offset=0, **options) -> bytes:
    numbers = [b"(" + b"".join(map(integer, each)) + b"t" for each in (shape, stride)]
    return (glob("torch._utils", "_rebuild_tensor_v2") + b"(" + storage(**options) + integer(offset) + numbers[0]
            + numbers[1] + b"\x89" + glob("collections", "OrderedDict") + b")RtR")


def laughs() -> bytes:
    """Lists of the list before, twice each: two to the power of eighty values in two hundred bytes."""
    out = b"]q\0"
    for k in range(80):
        out += b"0](h" + bytes((k,)) + b"h" + bytes((k,)) + b"eq" + bytes((k + 1,))
    return out


def hash_laughs() -> bytes:
    """Tuples of tuples as the key of a dict: hashing one takes forever."""
    out = b")q\0"
    for k in range(80):
        out += b"0h" + bytes((k,)) + b"h" + bytes((k,)) + b"\x86q" + bytes((k + 1,))
    return b"}" + out + b"Ns"


def evil_pickles():
    """name -> pickle without protocol; each would run or break something in Python's own reader."""
    touch = text("touch PWNED")
    for module, name in (("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"),
                         ("__builtin__", "eval"), ("subprocess", "Popen"), ("subprocess", "call"), ("builtins", "open"),
                         ("builtins", "__import__"), ("runpy", "_run_code"), ("pickle", "loads"), ("torch", "load"),
                         ("torch.hub", "load"), ("importlib", "import_module"), ("shutil", "rmtree"), ("socket", "socket"),
                         ("webbrowser", "open"), ("ctypes", "CDLL"), ("builtins", "getattr"), ("operator", "attrgetter"),
                         ("numpy", "load"), ("numpy.testing._private.utils", "runstring"),
                         ("torch.storage", "_load_from_bytes"),
                         ("collections", "namedtuple"), ("functools", "partial"), ("torch._utils", "_import_dotted_name"),
                         ("nt", "system"), ("timeit", "timeit"), ("tcli.io.pickles", "Reader"), ("tcli.cli", "main")):
        yield f"call_{module}_{name}".replace(".", "_"), glob(module, name) + b"(" + touch + b"tR"
    yield "stack_global", text("os") + text("system") + b"\x93" + touch + b"\x85R"
    yield "dotted_global", text("collections") + text("OrderedDict.__init__.__globals__") + b"\x93" + touch + b"\x85R"
    yield "inst", b"(" + touch + b"ios\nsystem\n"
    yield "obj", b"(" + glob("os", "system") + touch + b"o"
    yield "newobj", glob("os", "system") + touch + b"\x85\x81"
    yield "build_dict", glob("collections", "OrderedDict") + b")R}" + text("__class__") + glob("os", "system") + b"sb"
    yield "build_int", b"K\1}" + text("__class__") + b"K\1sb"
    yield "reduce_text", text("os.system") + touch + b"\x85R"
    yield "extension", b"\x82\1"
    yield "call_class", glob("builtins", "list") + b"(" + glob("builtins", "dict") + b"tR"
    yield "from_type", (glob("torch._tensor", "_rebuild_from_type_v2") + b"(" + glob("os", "system") + b"N"
                        + touch + b"\x85NtR")
    yield "defaultdict", glob("collections", "defaultdict") + glob("os", "system") + b"\x85R"
    yield "laughs", laughs()
    yield "hash_laughs", hash_laughs()
    yield "cycle", b"]q\0h\0a"
    yield "cycle_dict", b"}q\0" + text("me") + b"h\0s"
    yield "deep_lists", b"]" * 100_000 + b"a" * 99_999
    yield "deep_tuples", b")" + b"\x85" * 100_000
    yield "copies", text("x" * 100_000) + b"q\0" + b"0" + b"](" + (
        glob("_codecs", "encode") + b"h\0" + text("latin1") + b"\x86R") * 3000 + b"e"
    yield "number_of_4gb", b"\x8b\xff\xff\xff\x7f"
    yield "number_negative_size", b"\x8b\xff\xff\xff\xff"
    yield "long_text_number", b"L" + b"9" * 5000 + b"L\n"
    yield "bytes_of_8_exabytes", b"\x8e" + b"\xff" * 7 + b"\x7f"
    yield "text_cut", b"X\xff\xff\xff\x7fabc"
    yield "memo_missing", b"h\5"
    yield "memo_huge", b"Nr\xff\xff\xff\xffj\xff\xff\xff\xfe"
    yield "stack_empty", b"0"
    yield "no_mark", b"N" + b"t"
    yield "append_to_none", b"NNa"
    yield "unhashable", b"}]Ns"
    yield "odd_items", b"}(NNNu"
    yield "bad_opcode", b"\xff\xff"
    yield "protocol_99", b"\x80\x63N"
    yield "persistent_number", b"K\1Q"
    yield "persistent_evil", b"(" + text("storage") + glob("os", "system") + text("0") + text("cpu") + b"K\1tQ"
    yield "missing_storage", tensor(key="77")
    yield "storage_too_short", tensor(count=1000)
    yield "storage_two_sizes", b"](" + storage() + storage(count=5) + b"e"
    for name, options in {"reach": {"shape": (3, 3)}, "offset": {"offset": 1}, "negative_offset": {"offset": -1},
                          "negative_stride": {"stride": (-3, 1)}, "huge_stride": {"stride": (HUGE, 1)},
                          "negative_shape": {"shape": (-2, 3)}, "huge_shape": {"shape": (1 << 40, 1 << 40), "stride": (0, 0)},
                          "more_strides": {"stride": (3, 1, 1)}, "many_dims": {"shape": (1,) * 70, "stride": (1,) * 70},
                          "negative_count": {"count": -6}, "huge_count": {"count": 1 << 70},
                          "key_up": {"key": "../../../etc/passwd"}, "unknown_kind": {"kind": "QUInt8Storage"}}.items():
        yield f"tensor_{name}", tensor(**options)
    yield "tensor_of_text", glob("torch._utils", "_rebuild_tensor_v2") + b"(" + text("x") * 5 + b"tR"
    yield "tensor_no_args", glob("torch._utils", "_rebuild_tensor_v2") + b")R"
    yield "parameter_of_text", glob("torch._utils", "_rebuild_parameter") + b"(" + text("x") + b"\x88NtR"
    yield "bare_storage", storage()
    yield "numpy_object", glob("numpy", "dtype") + text("O8") + b"\x89\x88\x87R"
    yield "numpy_wrong_bytes", (glob("numpy._core.multiarray", "_reconstruct") + b")R(K\1K\x09\x85" + glob("numpy", "dtype")
                                + text("f4") + b"\x85R\x89" + b"C\4abcdtb")


def pt_files():
    good = checkpoint(b"\x80\2" + tensor() + b".", {"0": bytes(24)})
    yield "empty", b""
    yield "cut", good[:200]
    yield "no_pickle", zipped({"archive/version": b"3"})
    yield "pickle_cut", checkpoint((b"\x80\2" + tensor())[:40], {"0": bytes(24)})
    yield "garbage", b"\x80\2garbage"
    yield "text", b"hello world, this is no checkpoint"
    yield "plain_pickle", pickle.dumps({"a": 1})
    yield "tar", b"pickle\0" + bytes(600)
    yield "torchscript", checkpoint(b"\x80\2}.", {}, **{"archive/constants.pkl": b"\x80\2).", "archive/code/a.py": b"x"})
    yield "data_pkl_bomb", zipped({"archive/data.pkl": b"\x80\2" + b"N0" * (40 << 20)}, zipfile.ZIP_DEFLATED)
    for name, body in evil_pickles():
        yield f"evil_{name}", checkpoint(b"\x80\2" + body + b".", {"0": bytes(24)})


def legacy(body: bytes, keys: bytes = b"\x80\2]X\1\0\0\x000a.", data: bytes = struct.pack("<Q", 6) + bytes(24)) -> bytes:
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    return magic + pickle.dumps({"little_endian": True, "protocol_version": 1001}, 2) + b"\x80\2" + body + b"." + keys + data


def legacy_storage(count: int = 6) -> bytes:
    return b"(" + text("storage") + glob("torch", "FloatStorage") + text("0") + text("cpu") + integer(count) + b"NtQ"


def legacy_tensor(count: int = 6) -> bytes:
    return (glob("torch._utils", "_rebuild_tensor_v2") + b"(" + legacy_storage(count) + b"K\0K\2K\3\x86K\3K\1\x86\x89"
            + glob("collections", "OrderedDict") + b")RtR")


def legacy_files():
    good = legacy(legacy_tensor())
    yield "cut_values", good[:-4]
    yield "cut_sizes", good[:-30]
    yield "no_keys", legacy(legacy_tensor(), b"\x80\2].", b"")
    yield "wrong_keys", legacy(legacy_tensor(), b"\x80\2N.")
    yield "unknown_key", legacy(legacy_tensor(), b"\x80\2]X\1\0\0\x009a.")
    yield "count_lies", legacy(legacy_tensor(), data=struct.pack("<Q", 1 << 60) + bytes(24))
    yield "count_differs", legacy(legacy_tensor(7))
    yield "version", pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(7, 2) + pickle.dumps({}, 2)
    yield "evil", legacy(glob("posix", "system") + text("touch PWNED") + b"\x85R")
    yield "evil_facts", pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + b"\x80\2" + glob(
        "posix", "system") + text("touch PWNED") + b"\x85R."


# ---------------------------------------------------------------- the others

def csv_files():
    yield "empty", b""
    yield "blank", b"\n\n\n"
    yield "ragged", b"a,b\n1,2\n3\n"
    yield "wider", b"a,b\n1,2\n3,4,5\n"
    yield "not_utf8", b"a,b\n1,2\n\xff\xfe,3\n"
    yield "nul", b"a,b\n1,\0\0\0\n2,3,4\n"
    yield "open_quote", b'a,b\n"1,2\n3,4\n' + b"5,6\n" * 20_000
    yield "ragged_late", b"a,b\n" + b"1,2\n" * 50_000 + b"1,2,3\n"


def json_files():
    yield "cut", b'{"a": [1, 2'
    yield "deep", b"[" * 200_000 + b"]" * 200_000
    yield "long_number", b"[" + b"9" * 10_000 + b"]"
    yield "not_utf8", b'{"a": "\xff"}'
    yield "trailing", b"[1, 2] x"
    yield "word", b"[nope]"


def png(width=4, height=4, depth=8, colour=0, data: bytes | None = None, interlaced=0) -> bytes:
    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((depth, colour, 0, 0, interlaced))
    raw = bytes(20) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def png_files():
    good = png()
    yield "cut", good[:40]
    yield "signature_only", good[:8]
    yield "wrong_checksum", good[:30] + b"\0" + good[31:]
    yield "short_data", png(data=bytes(5))
    yield "long_data", png(data=bytes(5000))
    yield "giant", png(width=0x7FFFFFFF, height=0x7FFFFFFF)
    yield "zero", png(width=0)
    yield "large_lie", png(width=100_000, height=100_000)
    yield "bomb", png(width=20_000, height=20_000, data=bytes(20_001 * 20_000))
    yield "filter_9", png(data=(b"\x09" + bytes(4)) * 4)
    yield "chunk_size", good[:33] + b"\x7f\xff\xff\xff" + good[37:]
    yield "no_end", good[:-12]


def idx_files():
    yield "cut", b"\0\0\x08\1\0\0\0\x09" + bytes(3)
    yield "huge", b"\0\0\x0e\4" + b"\xff" * 16
    yield "kind", b"\0\0\x07\1\0\0\0\1\0"
    yield "no_sizes", b"\0\0\x08\3\0\0"


def gguf(tensors=1, fields=0, body=b"", version=3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, fields) + body


def gguf_tensor(name=b"w", shape=(32,), kind=0, offset=0) -> bytes:
    return (struct.pack("<Q", len(name)) + name + struct.pack("<I", len(shape))
            + b"".join(struct.pack("<Q", n) for n in shape) + struct.pack("<IQ", kind, offset))


def gguf_files():
    yield "cut", gguf()
    yield "version", gguf(version=77)
    yield "many", gguf(tensors=1 << 60)
    yield "many_fields", gguf(fields=1 << 60)
    yield "name_4g", gguf(body=struct.pack("<Q", 1 << 40) + b"w")
    yield "outside", gguf(body=gguf_tensor() + bytes(32))
    yield "huge_shape", gguf(body=gguf_tensor(shape=(1 << 60, 1 << 60)) + bytes(64))
    yield "dims", gguf(body=gguf_tensor(shape=(1,) * 9) + bytes(64))
    yield "kind", gguf(body=gguf_tensor(kind=200) + bytes(256))
    yield "block", gguf(body=gguf_tensor(shape=(33,), kind=8) + bytes(256))
    yield "offset", gguf(body=gguf_tensor(offset=1 << 62) + bytes(256))
    yield "twice", gguf(tensors=2, body=gguf_tensor() * 2 + bytes(512))
    yield "array_nested", gguf(tensors=0, fields=1, body=struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9)
                               + struct.pack("<IQ", 9, 1) * 50)
    yield "array_huge", gguf(tensors=0, fields=1, body=struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 4, 1 << 61))
    yield "alignment", gguf(fields=1, body=struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, 0)
                            + gguf_tensor() + bytes(256))
    yield "unpack", gguf(body=gguf_tensor(shape=(256,), kind=14) + bytes(512))


def mtx_files():
    head = b"%%MatrixMarket matrix coordinate real general\n"
    yield "header", b"%%MatrixMarket tensor\n1 1 1\n"
    yield "no_size", head
    yield "huge", head + b"1000000000 1000000000 1\n1 1 1.0\n"
    yield "outside", head + b"2 2 1\n3 1 1.0\n"
    yield "zero_index", head + b"2 2 1\n0 1 1.0\n"
    yield "count", head + b"2 2 5\n1 1 1.0\n"
    yield "word", head + b"2 2 1\n1 1 x\n"
    yield "negative", head + b"-2 2 1\n1 1 1\n"


def gz_files():
    yield "cut", gzip.compress(b"1 2 3\n" * 1000)[:-20]
    yield "damaged", gzip.compress(b"1 2 3\n" * 1000)[:20] + b"\xff" * 40
    yield "bomb", gzip.compress(bytes(200 << 20))
    yield "in_gz", gzip.compress(gzip.compress(b"x"))


FAMILIES = {
    "npy": (npy_files, ".npy"), "npz": (npz_files, ".npz"), "st": (safetensors_files, ".safetensors"),
    "index": (index_files, ".safetensors.index.json"), "pt": (pt_files, ".pt"), "legacy": (legacy_files, ".pth"),
    "csv": (csv_files, ".csv"), "json": (json_files, ".json"), "png": (png_files, ".png"), "idx": (idx_files, ".idx"),
    "gguf": (gguf_files, ".gguf"), "mtx": (mtx_files, ".mtx"), "gz": (gz_files, ".txt.gz")}


def make(folder: Path) -> list[Path]:
    """Writes every file to a folder; gives their paths."""
    found = []
    for family, (files, ending) in FAMILIES.items():
        for name, data in files():
            part = folder / family
            part.mkdir(parents=True, exist_ok=True)
            found.append(part / (name + ending))
            found[-1].write_bytes(data)
    return found


if __name__ == "__main__":
    print(len(make(Path(sys.argv[1]))), "files")
