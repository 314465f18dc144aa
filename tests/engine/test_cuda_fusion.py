"""Fusion on CUDA without a GPU: generated kernels are compiled for the host, run thread by thread, and compared."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tcli.engine import cuda_source, fuse, symbols
from tcli.engine.device import CPU, backend, move
from tcli.engine.dispatch import wrap
from tcli.engine.fuse import Pending
from tcli.engine.registry import T, ops
from tcli.engine.symbols import Expr, Reduction

from ..generated import compiled, strict
from ..generated.on_device import run_on, values
from .test_fuse import LAYOUTS, STEPS, _follow, _numbers

pytestmark = pytest.mark.skipif(compiled.COMPILER is None, reason="no C++ compiler")

FUSABLE = [o for o in ops.values() if o.fuse and o.samples]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12, "float16": 2e-3, "bfloat16": 2e-2}
DTYPES = {name: np.dtype(getattr(ml_dtypes, name, name)) for name in cuda_source._TYPES}


@pytest.fixture(autouse=True)
def cuda(monkeypatch):
    """The stand-in device, on which everything waits."""
    on, minimum = fuse.settings.on, fuse.settings.minimum
    device = strict.install(monkeypatch)
    fuse.set_fusion(True, 1)
    with np.errstate(all="ignore"):
        yield device
    fuse.set_fusion(on, minimum)


def _close(got, want, tolerance: float) -> None:
    assert got.shape == want.shape and got.dtype == want.dtype
    if want.dtype.kind in "fV":
        got, want = got.astype(np.float64), want.astype(np.float64)
    np.testing.assert_allclose(got, want, tolerance, tolerance)


# ---------------------------------------------------------------- every step in every dtype

def _samples(dtype, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if dtype.kind == "b":
        return generator.random(57) > 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        found = generator.integers(max(info.min, -9), 9, 57).astype(dtype)
        found[:4] = [info.max, info.min, 0, 1] if seed else [info.min, info.max, 0, 0]
        return found
    found = (generator.standard_normal(57) * 2).astype(dtype)
    found[:8] = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1, 2.5, -2.5]) if seed else np.array(
        [0, 0.0, np.inf, 1, 2, np.nan, -2.5, 2.5])
    return found


def _steps(dtype) -> dict:
    """Every ufunc that has a form in CUDA C for operands of this dtype, with what NumPy gives for them."""
    import scipy.special

    found = {}
    for name in sorted(cuda_source._UFUNCS):
        ufunc = next(f for space in (np._core.umath, scipy.special) if isinstance(f := getattr(space, name, None), np.ufunc))
        kinds = (dtype,) * ufunc.nin
        if cuda_source.formula(ufunc, kinds) is None or name in ("left_shift", "right_shift", "lcm") and dtype.kind == "b":
            continue
        operands = [_samples(dtype, seed) for seed in range(ufunc.nin)]
        if name == "power" and dtype.kind in "iu":
            operands[1] = np.abs(_samples(np.dtype(np.int8), 2).astype(dtype) % dtype.type(5)).astype(dtype)
        if name in ("floor_divide", "remainder", "fmod", "lcm", "gcd") and dtype.kind in "iu":
            operands[0][:2] = 7
        try:
            with np.errstate(all="ignore"):
                want = ufunc(*operands)
        except TypeError:
            continue
        if ufunc.resolve_dtypes((*kinds, None))[:-1] == kinds if dtype.kind != "V" else True:
            found[name] = ufunc, operands, want
    return found


# What the C library and NumPy round differently in the last place.
LOOSE = {"float32": 4e-6, "float64": 1e-13, "float16": 2e-3, "bfloat16": 1.6e-2}


def _all_steps(dtype, cuda) -> list:
    """(name, what one kernel of all steps gives, what NumPy gives)."""
    steps = _steps(dtype)
    leaves: dict = {}

    def leaf(a):
        key = a.tobytes()
        if key not in leaves:
            leaves[key] = fuse.leaf(strict.StrictArray(a))
        return leaves[key]

    outputs = [Expr(ufunc, tuple(map(leaf, operands)), want.dtype, want.shape) for ufunc, operands, want in steps.values()]
    results = backend(cuda).fused(outputs, [], (57,), None)
    return [(name, got, want) for name, got, (_, _, want) in zip(steps, results, steps.values(), strict=True)]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_every_step_is_what_numpy_computes(dtype, cuda):
    found = _all_steps(dtype, cuda)
    assert len(found) > 10
    for _, got, want in found:
        with np.errstate(all="ignore"):
            _close(got.get(), want, LOOSE.get(dtype.name, 0))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_every_cast_is_what_numpy_computes(dtype, cuda):
    a = _samples(dtype, 1)
    if dtype.kind in "fV":  # what C leaves open: numbers that the target cannot hold
        a[2:5] = 3
    targets = [d for d in DTYPES.values() if d != dtype]
    source = fuse.leaf(strict.StrictArray(a))
    with np.errstate(all="ignore"):
        wanted = [(np.abs(a) if dtype.kind in "fV" and d.kind == "u" else a).astype(d) for d in targets]
    magnitude = Expr(np.absolute, (source,), dtype, a.shape) if dtype.kind in "fV" else source
    outputs = [Expr(symbols.CAST, (magnitude if d.kind == "u" else source,), d, a.shape) for d in targets]
    for got, want in zip(backend(cuda).fused(outputs, [], (57,), None), wanted, strict=True):
        _close(got.get(), want, 0)


REDUCED = {"float32": 1e-5, "float64": 1e-12, "float16": 4e-3, "bfloat16": 3e-2, "int32": 0, "int64": 0, "uint8": 0, "bool": 0}
SHAPES = [((5, 7), (0, 1)), ((5, 7), (0,)), ((5, 7), (1,)), ((3, 4, 5), (1,)), ((3, 4, 5), (0, 2)), ((70, 300), (1,)),
          ((3000, 9), (0,)), ((2, 30000), (1,)), ((50000,), (0,)), ((1, 6, 1), (0, 2)), ((1, 6, 1), (1,)), ((257, 1), (0,)),
          ((40, 40, 3), (0,)), ((2, 3, 1000), (0, 1))]


@pytest.mark.parametrize("shape, axes", SHAPES)
def test_every_reduction_is_what_numpy_computes(shape, axes, cuda):
    for name, tolerance in REDUCED.items():
        dtype = DTYPES[name]
        a = np.random.default_rng(0).uniform(0.97, 1.03, shape).astype(dtype) if dtype.kind in "fV" else (
            np.random.default_rng(0).integers(0, 2, shape).astype(dtype))
        source = fuse.leaf(strict.StrictArray(a))
        kinds = [np.add, np.maximum, np.minimum] + [np.logical_and, np.logical_or] * (dtype.kind != "V") + (
            [np.multiply] * (a.size < 500))
        finals, wanted = [], []
        for ufunc in kinds:
            wide = a.astype(np.float32) if dtype.kind in "fV" and dtype.itemsize == 2 and ufunc is np.add else a
            want = ufunc.reduce(wide, axes)
            want = want.astype(dtype) if wide is not a else want
            finals.append(Expr(Reduction(ufunc, axes, want.dtype, False), (source,), want.dtype, want.shape))
            wanted.append(np.asarray(want))
        kept = Expr(np.negative, (source,), dtype, shape) if dtype.kind in "fi" else source.copy()
        first, *rest = backend(cuda).fused([kept], finals, shape, None)
        _close(first.get(), -a if dtype.kind in "fi" else a, 0)
        for got, want in zip(rest, wanted, strict=True):
            _close(got.get(), want, tolerance)


# ---------------------------------------------------------------- every op

def _outcomes(device, o, variant: str) -> list:
    found = []
    for i, sample in enumerate(o.samples):
        try:
            found.append(run_on(device, o, i, sample, variant, values))
        except Exception as error:
            found.append(error)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", ["float32", "float64", "float16", "bfloat16", "int64", "bool"])
def test_every_op_gives_on_cuda_what_the_cpu_gives_unfused(variant, cuda):
    compiled.ahead(lambda: [_outcomes(cuda, o, variant) for o in FUSABLE])
    missing, deferred = [], set()
    ordinary = fuse._deferred

    def noting(op, operands):
        result = ordinary(op, operands)
        if result is not None and result._p.home is not None:
            deferred.add(op.name)
        return result

    for o in FUSABLE:
        fuse.set_fusion(False)
        wanted = _outcomes(CPU, o, variant)
        fuse.set_fusion(True, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fuse, "_deferred", noting)
            got = _outcomes(cuda, o, variant)
        for sample, a, b in zip(o.samples, wanted, got, strict=True):
            try:
                _same_outcome(a, b, variant)
            except AssertionError as error:
                missing.append(f"{o.name}({sample}): {str(error).strip()[:300]}")
    assert not missing, "\n".join(missing)
    assert len(deferred) > (60 if variant in TOLERANCE else 25)


def _same_outcome(a, b, variant: str) -> None:
    if isinstance(a, Exception) or a.error is not None:
        return
    assert not isinstance(b, Exception), repr(b)
    assert b.error is None, repr(b.error)
    for kind in ("outputs", "first", "second"):
        for x, y in zip(getattr(a, kind), getattr(b, kind), strict=True):
            assert (x is None) == (y is None)
            if x is not None:
                assert x[0] == y[0]
                assert np.shape(x[1]) == np.shape(y[1])
                tolerance = TOLERANCE.get(variant if variant.endswith("16") else x[0], 1e-5)
                np.testing.assert_allclose(y[1], x[1], tolerance, tolerance)


# ---------------------------------------------------------------- layouts and random programs

@pytest.mark.parametrize("second", [None, *LAYOUTS])
@pytest.mark.parametrize("first", LAYOUTS)
def test_layouts(first, second, cuda):
    a, b = LAYOUTS[first](_numbers(24, 30)), LAYOUTS[second or first](_numbers(24, 30, seed=1))
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        pytest.skip("these do not broadcast")

    def program(place):
        x, y = (wrap(place(v)) for v in (a, b))
        z = T.tanh(x * 2 + y) - T.where(x > y, x, y)
        waits.append(type(z) is Pending and z.device == cuda)
        return [z, z.sum(), z.sum(0), z.mean(-1), T.amax(z, (0, 1)), T.softmax(z, -1), T.logsumexp(z, 0),
                T.var(z, -1, correction=0)]

    waits: list = []
    fuse.set_fusion(False)
    apart = [t._a for t in program(lambda v: v)]
    fuse.set_fusion(True, 1)
    fused = program(strict.StrictArray)
    assert waits == [False, True]
    for want, t in zip(apart, fused, strict=True):
        _close(move(t._a, CPU), want, 2e-5)


@given(STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_programs_with_writes_and_views_give_the_same_values(cuda, steps):
    found = []
    for on, place in ((False, np.array), (True, strict.StrictArray)):
        fuse.set_fusion(on, 1)
        leaves = [wrap(place(_numbers(5, 7, seed=i))) for i in range(2)]
        found.append([move(t._a, CPU).copy() for t in _follow(steps, leaves, True)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, 1e-4, 1e-5)


@given(STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_programs_give_the_same_gradients(cuda, steps):
    found = []
    for on, place in ((False, np.array), (True, strict.StrictArray)):
        fuse.set_fusion(on, 1)
        leaves = [wrap(place(_numbers(5, 7, seed=i))).requires_grad_() for i in range(2)]
        known = _follow(steps, leaves, False)
        T.sum(known[-1] * known[len(known) // 2]).backward()
        found.append([None if t.grad is None else move(t.grad._a, CPU) for t in leaves])
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(b, a, 1e-3, 1e-4)


# ---------------------------------------------------------------- what becomes of a group

def _on_cuda(*shape, seed: int = 0):
    return wrap(strict.StrictArray(_numbers(*shape, seed=seed)))


def test_a_group_and_its_gradient_are_one_kernel_each(cuda, monkeypatch):
    launched = []
    launch = backend(cuda).launch
    ordinary = type(launch).__call__
    monkeypatch.setattr(type(launch), "__call__", lambda self, key, *rest: launched.append(key) or ordinary(self, key, *rest))
    x, w = _on_cuda(6, 9), _on_cuda(9, seed=1).requires_grad_()
    y = T.tanh(x * w + 1) * T.sigmoid(x)
    assert not launched
    y.sum().backward()
    assert not launched
    assert w.grad.device == cuda
    move(w.grad._a, CPU)
    assert len(launched) == 1
    y.sum().item()
    assert len(launched) == 2


def test_equal_structures_share_a_kernel(cuda):
    def step(rows: int, scale: float):
        return move((T.exp(_on_cuda(rows, 5)) * scale + _on_cuda(5, seed=2))._a, CPU)

    step(3, 2.0)
    kernels = len(backend(cuda).launch.kernels)
    np.testing.assert_allclose(step(4, 3.0), np.exp(_numbers(4, 5)) * np.float32(3) + _numbers(5, seed=2), 1e-6)
    assert len(backend(cuda).launch.kernels) == kernels


def test_expressions_never_mix_devices(cuda):
    x, y = _on_cuda(3), wrap(_numbers(3))
    with pytest.raises(Exception, match="found at least two devices, cuda:0 and cpu"):
        (x * 2) + (y * 2)
    assert ((x * 2) * T.sum(y)).device == cuda
    assert (x * 2).is_cuda and not (y * 2).is_cuda


def test_a_group_with_too_many_arguments_is_divided(cuda):
    leaves = [_on_cuda(7, seed=i) for i in range(180)]
    total = leaves[0]
    for t in leaves[1:]:
        total = total + t * t
    want = sum((_numbers(7, seed=i) ** 2 for i in range(1, 180)), _numbers(7))
    np.testing.assert_allclose(move(total._a, CPU), want, 1e-4)


def test_writes_leave_what_waits_alone(cuda):
    x = _on_cuda(4)
    before = move(x._a, CPU)
    y = x * 2
    x.zero_()
    np.testing.assert_array_equal(move(y._a, CPU), before * 2)
    x.add_(1).mul_(3)
    np.testing.assert_array_equal(move(x._a, CPU), np.full(4, 3, np.float32))


# ---------------------------------------------------------------- optimisers

OPTIMISERS = {
    "SGD": {"lr": 0.1}, "SGD momentum": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "Adam": {"lr": 0.01}, "Adam amsgrad": {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "maximize": True}, "AdamW": {},
    "NAdam": {}, "RAdam": {"lr": 0.01}, "Adamax": {}, "Adagrad": {}, "Adadelta": {}, "RMSprop": {"centered": True,
                                                                                           "momentum": 0.5},
    "Rprop": {}, "ASGD": {"t0": 2}}


def _trained(name: str, dtype: str, place, steps: int = 4) -> list:
    from tcli import optim

    parameters = []
    for i, shape in enumerate([(5, 7), (3,), (), (70, 300)]):
        a = np.asarray(_numbers(*shape, seed=i)).astype(np.dtype(dtype))
        parameters.append(wrap(place(a + 1j * a[::-1] if dtype[0] == "c" and shape else a)).requires_grad_())
    optimiser = getattr(optim, name.split()[0])(parameters, **OPTIMISERS[name])
    for _ in range(steps):
        optimiser.zero_grad()
        loss = sum(T.sum(T.abs(p) ** 2 * 0.5 + T.sin(p).real if p.is_complex() else p * p * 0.5 + T.sin(p)) for p in parameters)
        loss.backward()
        optimiser.step()
    return [move(p.detach()._a, CPU) for p in parameters]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_step_is_one_kernel_and_the_cpus_numbers(name, dtype, cuda, monkeypatch):
    updates = []
    ordinary = strict.StrictBackend.update
    monkeypatch.setattr(strict.StrictBackend, "update",
                        lambda self, device, group, sets: updates.append(len(sets)) or ordinary(self, device, group, sets))
    fuse.set_fusion(False)
    wanted = _trained(name, dtype, np.array)
    fuse.set_fusion(True, 1)
    got = _trained(name, dtype, strict.StrictArray)
    assert updates == [4] * 4
    for a, b in zip(wanted, got, strict=True):
        if dtype == "float16":  # the CPU rounds after each operation, to an eps of zero and 0 / 0
            b = np.where(np.isnan(a), a, b)
        _close(b, a, {"float16": 3e-2, "bfloat16": 3e-2, "float64": 1e-12}.get(dtype, 2e-5))


def test_parameters_of_two_dtypes_take_two_kernels(cuda, monkeypatch):
    from tcli import optim

    updates = []
    monkeypatch.setattr(strict.StrictBackend, "update", lambda self, device, group, sets: updates.append(len(sets)))
    parameters = [wrap(strict.StrictArray(_numbers(3).astype(d))).requires_grad_() for d in ("f4", "f8", "f4")]
    sum(T.sum(p).double() for p in parameters).backward()
    optim.Adam(parameters).step()
    assert sorted(updates) == [1, 2]


@pytest.mark.skipif(compiled.NVCC is None, reason="no CUDA compiler")
def test_nvidias_compiler_takes_the_kernels(cuda):
    compiled.dry.append(None)
    try:
        for dtype in DTYPES.values():
            _all_steps(dtype, cuda)
        _trained("Adam", "float16", strict.StrictArray, steps=1)
        _trained("RMSprop", "bfloat16", strict.StrictArray, steps=1)
        for name in ("float32", "bfloat16", "int64"):
            x = fuse.leaf(strict.StrictArray(np.zeros((70, 300), DTYPES[name])))
            for axes in ((0,), (1,), (0, 1)):
                kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
                backend(cuda).fused([], [Expr(Reduction(np.add, axes, x.dtype, True), (x,), x.dtype, kept)], x.shape, None)
        codes = compiled.dry[1:]
    finally:
        compiled.dry.clear()
    assert len(set(codes)) >= 20
    assert compiled.ptx(codes).count(".entry") == len(set(codes))
