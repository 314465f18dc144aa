#!/usr/bin/env python3
"""Records PyTorch's random streams and tensor texts into tests/golden/random_streams.json and format.json.

Run it with a Python that has torch and tcli's dependencies. A random case is a seed and a list of draws
made one after the other, so that states left over (cached normals, half-used blocks) count as well. A
format case is an array, what is said about it, and the text. Arrays are base64 of their deflated bytes; results
of more than 64 elements are kept as a digest.
"""

import base64
import hashlib
import json
import math
import zlib
from functools import partial
from pathlib import Path

import ml_dtypes
import numpy as np
import torch

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "bool")


def torch_dtype(name):
    return getattr(torch, name)


def to_numpy(t):
    t = t.detach().contiguous()
    name = str(t.dtype).removeprefix("torch.")
    if hasattr(ml_dtypes, name):
        whole = torch.int16 if name == "bfloat16" else torch.uint8
        return t.view(whole).numpy().view(getattr(ml_dtypes, name))
    return t.numpy()


def packed(array):
    array = np.asarray(array, order="C")
    return {"dtype": array.dtype.name, "shape": list(array.shape),
            "data": base64.b64encode(zlib.compress(array.tobytes(), 9)).decode()}


def result(t):
    array = np.asarray(to_numpy(t), order="C")
    if array.size <= 64:
        return packed(array)
    return {"dtype": array.dtype.name, "shape": list(array.shape),
            "sha256": hashlib.sha256(array.tobytes()).hexdigest()}


# Draws: {"sampler", "shape", "dtype", "parameters"}, or with "arrays" instead of a shape.

IN_PLACE = {
    "uniform": lambda t, *p: t.uniform_(*p), "normal": lambda t, *p: t.normal_(*p),
    "random_": lambda t, *p: t.random_(*p), "bernoulli": lambda t, *p: t.bernoulli_(*p),
    "exponential": lambda t, *p: t.exponential_(*p), "geometric": lambda t, *p: t.geometric_(*p),
    "cauchy": lambda t, *p: t.cauchy_(*p), "log_normal": lambda t, *p: t.log_normal_(*p),
    "trunc_normal": lambda t, *p: torch.nn.init.trunc_normal_(t, *p)}
OF_ARRAYS = {
    "poisson": torch.poisson, "standard_gamma": torch._standard_gamma, "dirichlet": torch._sample_dirichlet,
    "binomial": torch.binomial, "bernoulli_tensor": torch.bernoulli, "normal_tensor": torch.normal,
    "multinomial": torch.multinomial}


def draw(sampler, shape, dtype, *parameters):
    made = {"sampler": sampler, "shape": list(shape), "dtype": dtype, "parameters": list(parameters)}
    if sampler == "randperm":
        out = torch.randperm(shape[0], dtype=torch_dtype(dtype))
    elif sampler == "randint":
        out = torch.randint(*parameters, shape, dtype=torch_dtype(dtype))
    elif sampler == "dropout":
        out = torch.nn.functional.dropout(torch.ones(shape, dtype=torch_dtype(dtype)), *parameters)
    else:
        out = IN_PLACE[sampler](torch.empty(shape, dtype=torch_dtype(dtype)), *parameters)
    return made | {"result": result(out)}


def draw_arrays(sampler, arrays, *parameters):
    out = OF_ARRAYS[sampler](*arrays, *parameters)
    return {"sampler": sampler, "arrays": [packed(to_numpy(a)) for a in arrays],
            "parameters": list(parameters), "result": result(out)}


def draw_strided(sampler, size, shape, strides, dtype, *parameters):
    t = torch.zeros(size, dtype=torch_dtype(dtype)).as_strided(shape, strides)
    IN_PLACE[sampler](t, *parameters)
    return {"sampler": sampler, "size": size, "shape": list(shape), "strides": list(strides), "dtype": dtype,
            "parameters": list(parameters), "result": result(t)}


def case(seed, *steps):
    """Seeds, makes the draws (functions of no argument), and keeps the words of the state after them."""
    torch.manual_seed(seed)
    draws = [step() for step in steps]
    state = torch.get_rng_state().numpy().tobytes()
    # The cached normal itself comes from the C library; whether there is one does not.
    return {"seed": seed, "draws": draws, "has_normal": bool(state[5040]),
            "state_sha256": hashlib.sha256(state[:5024]).hexdigest()}


def random_cases():
    later = partial(partial, draw)
    sizes = ((), (0,), (1,), (7,), (15,), (16,), (17,), (31,), (3, 4, 5), (1000,), (100003,))
    for number, shape in enumerate(sizes):
        for dtype in FLOATS:
            yield case(number, later("uniform", shape, dtype), later("uniform", shape, dtype, -0.3, 1.7),
                       later("normal", shape, dtype), later("normal", shape, dtype, 1.5, 0.1))
            yield case(-number, later("exponential", shape, dtype, 0.5), later("cauchy", shape, dtype, 1.0, 2.0),
                       later("log_normal", shape, dtype, 0.0, 0.5), later("bernoulli", shape, dtype, 0.3),
                       later("geometric", shape, dtype, 0.2))
        for dtype in INTEGERS:
            yield case(2**40 + number, later("random_", shape, dtype), later("bernoulli", shape, dtype, 0.5))
        yield case(number, later("normal", shape, "complex64"), later("uniform", shape, "complex128"))
    for dtype in (*FLOATS, *INTEGERS[:-1]):
        limits = ((0, 10), (3, 100)) if dtype in ("int8", "uint8") else ((0, 1000), (5, 1200))
        yield case(11, *(later("randint", (n,), dtype, *b) for n in (3, 1000) for b in limits))
    for bounds in ((-2**31, 2**31), (0, 2**28 - 1), (0, 2**28), (-2**62, 2**62), (-2**63, None), (7, None)):
        yield case(12, *(later("random_", (20,), d, *bounds) for d in ("int64", "float32", "float64", "bfloat16")))
    for count in (0, 1, 2, 10, 1000, 70000):
        yield case(count, later("randperm", (count,), "int64"), later("randperm", (min(count, 127),), "int8"))
    for shape in ((5,), (40, 50)):
        yield case(13, *(later("trunc_normal", shape, d, *p) for d in ("float32", "float64")
                         for p in ((0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -2.0, 2.0), (0.0, 1.0, 2.0, 3.0))))
        yield case(14, *(later("dropout", shape, d, p) for d in FLOATS for p in (0.1, 0.5)))
    # The cached half of a pair is handed on between samplers and dropped by none but a seed.
    yield case(15, later("normal", (3,), "float32"), later("uniform", (5,), "float32"),
               later("normal", (20,), "float32"), later("normal", (2,), "float64"),
               later("log_normal", (3,), "float64", 0.0, 1.0), later("normal", (1,), "float16"))
    yield case(2**64 - 1, later("uniform", (2000,), "float32"), later("uniform", (300000,), "float32"),
               later("randint", (5,), "int64", 0, 9), later("normal", (5,), "float32"))
    yield from strided_cases()
    yield from array_cases()


def strided_cases():
    views = ((600, (20, 30), (1, 20)), (1800, (3, 20, 30), (1, 90, 3)), (1200, (20, 30), (60, 2)),
             (100, (10,), (10,)), (600, (2, 5, 60), (300, 1, 5)))
    for size, shape, strides in views:
        yield case(16, *(partial(draw_strided, s, size, shape, strides, d, *p)
                         for d in ("float32", "float64")
                         for s, p in (("normal", (0.5, 2.0)), ("uniform", (0.0, 3.0)), ("bernoulli", (0.4,)))))


def array_cases():
    later = partial(partial, draw_arrays)
    ramp = torch.linspace(0, 1, 40)
    for dtype in map(torch_dtype, FLOATS):
        p = ramp.to(dtype)
        yield case(17, later("bernoulli_tensor", [p]), later("poisson", [p * 9]), later("poisson", [p * 200]),
                   later("multinomial", [p], 1, False), later("multinomial", [p], 10, False),
                   later("multinomial", [p], 50, True), later("multinomial", [p.reshape(4, 10)], 3, True),
                   later("multinomial", [p.reshape(4, 10)], 3, False), later("normal_tensor", [p * 3, p]))
    for dtype in (torch.float32, torch.float64):
        p = ramp.to(dtype)
        yield case(18, later("standard_gamma", [p]), later("standard_gamma", [p * 20]),
                   later("dirichlet", [p.reshape(10, 4) + 0.1]),
                   later("binomial", [(p * 30).round(), p.flip(0)]), later("binomial", [(p * 900).round(), p]))


# Texts.

def text_case(t, options=None, default="float32", **said):
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**(options or {}))
    torch.set_default_dtype(torch_dtype(default))
    text = repr(t)
    torch.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)
    name = str(t.dtype).removeprefix("torch.")
    array = {"shape": list(t.shape)} if t.is_meta else packed(to_numpy(t))
    return {"array": array, "dtype": name, "options": options or {}, "default": default, "said": said,
            "text": text}


def format_values():
    torch.manual_seed(0)
    yield from (torch.tensor(x) for x in (0.0, -0.0, 1.0, 0.1, 1e-5, 1e9, math.nan, math.inf, -math.inf, 3, -7,
                                          True, 1 + 2j, 0.5 - 1j, complex(math.nan, -0.0)))
    for magnitude in (1e-10, 1e-4, 1e-3, 1.0, 99.99995, 1e3, 1e5, 1e8, 1e12, 1e30):
        yield torch.randn(3, 5) * magnitude
        yield (torch.randn(7) * magnitude).round()
    for special in (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-6, 1e20):
        yield torch.tensor([1.5, special, -2.25])
        yield torch.tensor([1.0, special, -200.0])
        yield torch.tensor([special, special])
    for shape in ((0,), (0, 3), (2, 0, 4), (1,), (1, 1, 1), (6,), (7,), (20,), (1000,), (1001,), (2, 3, 4),
                  (2, 2, 2, 2), (3, 400), (400, 3), (7, 7, 30), (2, 600), (30, 2, 30)):
        yield torch.randn(shape)
        yield torch.randint(-5, 1000, shape)
    yield torch.rand(50) > 0.5
    yield torch.ones(3, 3, dtype=torch.bool)
    yield torch.zeros(4, dtype=torch.bool)
    for name in (*INTEGERS[:-1], "uint16", "uint32", "uint64"):
        dtype = torch_dtype(name)
        limits = torch.iinfo(dtype)
        yield torch.tensor([0, 1, limits.max], dtype=dtype)
        yield torch.tensor([limits.min, 1], dtype=dtype)
    for name in ("float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
                 "float8_e5m2fnuz"):
        yield (torch.randn(4, 3) * 3).to(torch_dtype(name))
        yield torch.tensor([1.0, -2.0, 40.0]).to(torch_dtype(name))
        yield torch.zeros(2, 0).to(torch_dtype(name))
    yield torch.tensor([1e300, 1e-300, -1e100], dtype=torch.float64)
    for shape in ((3,), (2, 9), (1200,)):
        yield torch.randn(shape, dtype=torch.complex64)
        yield torch.complex(torch.randn(shape).round(), torch.randn(shape).round()).cdouble()


def format_cases():
    values = list(format_values())
    for t in values:
        yield text_case(t)
    torch.manual_seed(1)
    wide, long, small = torch.randn(4, 30), torch.arange(1200).reshape(30, 40), torch.rand(2, 2) + 1e-5
    for options in ({"precision": 0}, {"precision": 2}, {"precision": 10}, {"linewidth": 20}, {"linewidth": 200},
                    {"threshold": 5}, {"threshold": 5, "edgeitems": 1}, {"threshold": 5, "edgeitems": 0},
                    {"edgeitems": 0}, {"profile": "short"}, {"profile": "full"}, {"sci_mode": True},
                    {"sci_mode": False}, {"profile": "short", "precision": 6, "sci_mode": True}):
        for t in (wide, long, small, wide * 1e9, torch.complex(wide, wide), torch.zeros(2)):
            yield text_case(t, options)
    for default in ("float64", "float16", "bfloat16"):
        for t in (small, small.double(), small.half(), small.bfloat16(), torch.arange(3), torch.empty(0),
                  torch.empty(2, 0).double(), torch.complex(small, small), torch.complex(small, small).cdouble()):
            yield text_case(t, default=default)
    for t in (small, wide, torch.tensor(1.0), small.double(), torch.empty(0, 3), torch.rand(3, 4)):
        yield text_case(t.clone().requires_grad_(), requires_grad=True)
        yield text_case(t.clone().requires_grad_() * 2, grad_fn_name="MulBackward0")
        yield text_case(t.to("meta"), device="meta", is_meta=True)
        yield text_case(t.to("meta").half().requires_grad_(), device="meta", is_meta=True, requires_grad=True)
    yield text_case(torch.nn.Parameter(small), parameter=True, requires_grad=True)


def write(name, cases):
    lines = [json.dumps(c, separators=(",", ":")) for c in cases]
    (GOLDEN / name).write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{name}: {len(lines)} cases")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("random_streams.json", random_cases())
    write("format.json", format_cases())
