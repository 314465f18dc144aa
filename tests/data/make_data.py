"""Writes the files of this folder; needs torch, numpy and safetensors. The tests need none of them."""

import collections
import struct
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
KINDS = ("bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 float8_e4m3fn "
         "float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz complex32 complex64 complex128").split()


def values(name: str) -> torch.Tensor:
    return torch.arange(6.0).reshape(2, 3).to(getattr(torch, name))


def checkpoints() -> None:
    kinds = {name: values(name) for name in KINDS}
    torch.save(kinds, HERE / "kinds.pt")
    torch.save(kinds, HERE / "kinds_legacy.pt", _use_new_zipfile_serialization=False)
    save_file({name: t for name, t in kinds.items() if name not in ("complex32", "complex128")}, HERE / "kinds.safetensors")
    base = torch.arange(12.0)
    torch.save({"base": base, "view": base[2:8].reshape(2, 3), "turned": base.reshape(3, 4).t(),
                "parameter": torch.nn.Parameter(torch.ones(2)), "frozen": torch.nn.Parameter(torch.ones(2), False),
                "list": [1, 2.5, None, True, "text", (3, 4)], "size": torch.Size([2, 3]), "dtype": torch.float16,
                "device": torch.device("cuda", 1), "bytes": b"ab\xff", "complex": 1 + 2j, "set": {1, 2}, "big": 2 ** 70,
                "negative": -2 ** 40, "empty": torch.zeros(0, 3), "scalar": torch.tensor(5), "wide": torch.ones(1).expand(3),
                "order": collections.OrderedDict(a=torch.zeros(1))}, HERE / "nested.pt")
    torch.save(torch.nn.Linear(3, 2), HERE / "module.pt")
    torch.save({"scalar": np.float32(1.5), "array": np.arange(6, dtype=">i2").reshape(2, 3),
                "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3))}, HERE / "numpy_inside.pt")
    cuda()


def cuda() -> None:
    """A checkpoint of a machine with a GPU: the same bytes but for the name of the place."""
    torch.save({"w": torch.arange(3.0)}, HERE / "cuda.pth", _use_new_zipfile_serialization=False)
    data = (HERE / "cuda.pth").read_bytes()
    old, new = (b"X" + struct.pack("<I", len(word)) + word for word in (b"cpu", b"cuda:0"))
    assert data.count(old) == 1
    (HERE / "cuda.pth").write_bytes(data.replace(old, new))


def arrays() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3)).astype(">f8")
    text = "{'descr': '>f8', 'fortran_order': True, 'shape': (2L, 3L), }"
    text += " " * (-(len(text) + 11) % 16) + "\n"
    head = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()
    (HERE / "python2.npy").write_bytes(head + array.tobytes(order="F"))
    for version in ((2, 0), (3, 0)):
        with open(HERE / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(4, dtype="i4"), version)


def blocks() -> None:
    """Quantised blocks from the definition of each kind, with the numbers they stand for."""
    rng = np.random.default_rng(0)
    scale, low = np.float16(0.25), np.float16(-1.5)
    q8, q4, q5 = rng.integers(-127, 128, 32), rng.integers(0, 16, 32), rng.integers(0, 32, 32)

    def nibbles(q):
        return bytes(int(a & 15) | int(b & 15) << 4 for a, b in zip(q[:16], q[16:], strict=True))

    def fifths(q):
        return sum(int(v >> 4 & 1) << i for i, v in enumerate(q)).to_bytes(4, "little")

    kinds = {"q8_0": (8, scale.tobytes() + q8.astype(np.int8).tobytes(), q8 * float(scale)),
             "q4_0": (2, scale.tobytes() + nibbles(q4), (q4 - 8) * float(scale)),
             "q4_1": (3, scale.tobytes() + low.tobytes() + nibbles(q4), q4 * float(scale) + float(low)),
             "q5_0": (6, scale.tobytes() + fifths(q5) + nibbles(q5), (q5 - 16) * float(scale)),
             "q5_1": (7, scale.tobytes() + low.tobytes() + fifths(q5) + nibbles(q5), q5 * float(scale) + float(low)),
             "plain": (0, np.arange(6, dtype="<f4").tobytes(), np.arange(6.0))}
    infos, data = b"", b""
    for name, (kind, raw, _) in kinds.items():
        data += bytes(-len(data) % 32)
        shape = (2, 3) if name == "plain" else (1, 32)
        infos += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<IQQIQ", 2, shape[1], shape[0], kind, len(data))
        data += raw
    field = struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<IQ", 8, 4) + b"test"
    head = b"GGUF" + struct.pack("<IQQ", 3, len(kinds), 1) + field + infos
    (HERE / "quantised.gguf").write_bytes(head + bytes(-len(head) % 32) + data)
    np.savez(HERE / "quantised.npz", **{name: found.astype("f4") for name, (_, _, found) in kinds.items()})


if __name__ == "__main__":
    checkpoints()
    arrays()
    blocks()
