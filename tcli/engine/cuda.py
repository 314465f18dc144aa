"""NVIDIA GPUs through CuPy, which is imported when a CUDA device is first asked for.

`CudaBackend` is what the engine needs: arrays on a device, kernels run there with that device as the current
one, random numbers from a generator of the device's own (its stream differs from the CPU's), and memory from
CuPy's pool. `why_not` says what is missing where there is no GPU.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import BadIndex, DeviceError, DTypeError, NoCuda
from . import cuda_fuse, dtypes, waiting
from .device import Backend, Device

_COMPILED = "Torch not compiled with CUDA enabled"
_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
BFLOAT16_SINCE = 14  # the first version of CuPy with the type
_HELP = {12: "pip install 'tcli[cuda]'", 13: "pip install 'tcli[cuda13]'"}


def driver_version() -> tuple[int, int] | None:
    """The CUDA version that the installed driver supports, or None without a driver."""
    for name in _DRIVERS:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        version = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(version)) == 0:
            return version.value // 1000, version.value % 1000 // 10
    return None


def _install(driver: tuple[int, int]) -> str:
    return _HELP[13 if driver[0] >= 13 else 12]


def why_not() -> DeviceError | None:
    """The error of asking for a GPU here, or None where one can be used."""
    try:
        import cupy
    except ImportError as error:
        return _no_cupy(error)
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return _no_runtime(cupy, str(error))
    return None if count else DeviceError("No CUDA GPUs are available", help="use --device cpu")


def _no_cupy(error: ImportError) -> DeviceError:
    driver = driver_version()
    if driver is None:
        return NoCuda(_COMPILED, notes=["no NVIDIA driver was found: libcuda.so.1 cannot be loaded"],
                           help="use --device cpu; tcli devices lists what is here")
    missing = "CuPy is not installed" if getattr(error, "name", None) == "cupy" else f"CuPy cannot be imported: {error}"
    return NoCuda(_COMPILED, notes=[f"the driver supports CUDA {driver[0]}.{driver[1]}, but {missing}"],
                       help=_install(driver))


def _no_runtime(cupy: Any, message: str) -> DeviceError:
    driver = driver_version()
    if driver is None:
        return DeviceError("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a "
                           "driver.", notes=[message], help="use --device cpu")
    built = cupy.cuda.runtime.runtimeGetVersion() // 1000
    if built > driver[0]:
        return DeviceError(f"the installed CuPy is built for CUDA {built}, the driver supports {driver[0]}.{driver[1]}",
                           notes=[message], help=_install(driver))
    return DeviceError("No CUDA GPUs are available", notes=[message], help="use --device cpu")


class DeviceModule:
    """CuPy as kernels see it: with NumPy's functions on shapes and types, and the few others that CuPy lacks."""

    _HOST = frozenset({"broadcast_shapes", "errstate", "finfo", "iinfo", "ndindex", "isscalar", "dtype", "promote_types"})

    def __init__(self, module: Any):
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(np if name in self._HOST else self._module, name)
        self.__dict__[name] = found
        return found

    def vecdot(self, a: Any, b: Any) -> Any:
        return (a.conj() * b).sum(-1)


class CudaBackend(Backend):
    """The GPUs of this machine."""

    type = "cuda"

    def __init__(self) -> None:
        error = why_not()
        if error is not None:
            raise error
        import cupy

        self._start(cupy)

    def _start(self, module: Any) -> None:
        self.xp = DeviceModule(module)
        self.count = module.cuda.runtime.getDeviceCount()
        self.chosen = 0  # the program's current device; CuPy's follows the arrays that are looked at
        self._generators: dict[int, Any] = {}
        self._seed: int | None = None
        self._peaks: dict[int, _Peak] = {}
        # Expressions may read arrays of the module: kernels are made for them.
        self.launch = cuda_fuse.Launcher(module)
        waiting.arrays.add(module.ndarray)
        if self.count > 1:
            from .fuse import without_shortcuts

            without_shortcuts()

    # ------------------------------------------------------------ where arrays are

    def owns(self, array: Any) -> bool:
        return isinstance(array, self.xp.ndarray)

    def device_of(self, array: Any) -> Device:
        number = array.device.id
        if self.count > 1 and self.xp.cuda.Device().id != number:
            self.xp.cuda.Device(number).use()
        return Device("cuda", number)

    def module_of(self, array: Any) -> Any:
        if self.count > 1:
            self.device_of(array)
        return self.xp

    def number(self, device: Device | None = None) -> int:
        """The ordinal of a device; that of the current one where it names none."""
        index = None if device is None else device.index
        if index is None:
            return self.chosen
        if index >= self.count:
            raise DeviceError(f"CUDA error: invalid device ordinal ({index}; this machine has {self.count} "
                              f"GPU{'s' if self.count != 1 else ''})")
        return index

    def on(self, device: Device | None = None) -> Any:
        """A context in which the device is the current one."""
        return self.xp.cuda.Device(self.number(device))

    # ------------------------------------------------------------ making and moving arrays

    def create(self, device: Device, make: Callable) -> Any:
        with self.on(device):
            return self._twice(lambda: make(self.xp))

    def to_device(self, array: Any, device: Device) -> Any:
        if isinstance(array, np.ndarray):
            _check_dtype(array.dtype, self.xp.__version__)
        with self.on(device):
            # `asarray` would leave an array on another GPU where it is.
            return self._twice(array.copy if self.owns(array) else lambda: self.xp.asarray(array))

    def to_host(self, array: Any) -> np.ndarray:
        with self.xp.cuda.Device(array.device.id):
            return self.xp.asnumpy(array)

    def run(self, device: Device, kernel: Callable, xp: Any, values: list) -> Any:
        with self.on(device):
            return self._twice(lambda: kernel(xp, *values))

    # ------------------------------------------------------------ fusion

    def covers(self, e: Any, operands: list) -> bool:
        """Whether a kernel can be made for an expression on these operands."""
        return cuda_fuse.covers(e, {id(x) for x in operands})

    def fused(self, outputs: list, reduced: list, shape: tuple, into: list | None) -> list | None:
        """The values of expressions of one shape, and of reductions of such expressions, in one pass."""
        with self.on((outputs + reduced)[0].home):
            return self._twice(lambda: cuda_fuse.run(self.launch, outputs, reduced, shape, into))

    def update(self, device: Device, group: Any, sets: list) -> None:
        """Runs a group of expressions over many sets of arrays."""
        with self.on(device):
            self._twice(lambda: cuda_fuse.update(self.launch, group, sets))

    def _twice(self, action: Callable) -> Any:
        """Runs an action again, once, when the memory that the pool keeps stood in its way."""
        try:
            return action()
        except self.xp.cuda.memory.OutOfMemoryError:
            self.release()
        try:
            return action()
        except self.xp.cuda.memory.OutOfMemoryError as error:
            raise self.exhausted(error) from None

    def exhausted(self, error: Exception) -> DeviceError:
        """The error of a device without room, with what is in use there."""
        free, total = self.xp.cuda.runtime.memGetInfo()
        return DeviceError(f"CUDA out of memory. {error}", notes=[
            f"GPU {self.number()} has a total capacity of {total / 2**30:.2f} GiB of which {free / 2**30:.2f} GiB is free; "
            f"tcli holds {self.allocated() / 2**30:.2f} GiB"],
            help="smaller batches, or torch.no_grad() where no gradient is needed")

    # ------------------------------------------------------------ memory

    def release(self) -> bool:
        """Gives what the pool caches back to the device."""
        self.xp.get_default_memory_pool().free_all_blocks()
        self.xp.get_default_pinned_memory_pool().free_all_blocks()
        return True

    def allocated(self, device: Device | None = None) -> int:
        """Bytes in arrays."""
        with self.on(device):
            return self.xp.get_default_memory_pool().used_bytes()

    def reserved(self, device: Device | None = None) -> int:
        """Bytes that the pool holds, in arrays or not."""
        with self.on(device):
            return self.xp.get_default_memory_pool().total_bytes()

    def peak(self, device: Device | None = None) -> int:
        """The most bytes in arrays since the first call or the last reset."""
        hook = self._watch(device)
        return max(hook.most, self.allocated(device))

    def reset_peak(self, device: Device | None = None) -> None:
        self._watch(device).most = self.allocated(device)

    def _watch(self, device: Device | None) -> _Peak:
        number = self.number(device)
        if number not in self._peaks:
            found = self._peaks[number] = _Peak(self, number)
            found.install()
        return self._peaks[number]

    # ------------------------------------------------------------ waiting

    def has_bfloat16(self) -> bool:
        return int(self.xp.__version__.partition(".")[0]) >= BFLOAT16_SINCE

    def synchronize(self, device: Device | None = None) -> None:
        with self.on(device) as current:
            current.synchronize()

    # ------------------------------------------------------------ random numbers

    def seed(self, seed: int) -> None:
        """Every device's generator starts again, each from its own part of the seed."""
        self._seed, self._generators = seed, {}

    def generator(self, device: Device) -> Any:
        """The random state of a device, seeded from the program's seed when it is first used."""
        number = self.number(device)
        found = self._generators.get(number)
        if found is None:
            from . import random

            seed = random.initial_seed() if self._seed is None else self._seed
            found = self._generators[number] = self.xp.random.RandomState((seed + number) % 2**32)
        return found

    def draw(self, device: Device, sampler: Callable, generator: Any, shape: Any, dtype: np.dtype, parameters: tuple) -> Any:
        with self.on(device):
            make = _DRAWS.get(sampler.__name__)
            if make is not None:
                return make(self.xp, self.generator(device), tuple(shape), dtype, *parameters)
            # A sampler that only the CPU has: drawn there, from the CPU's stream, and copied.
            return self.xp.asarray(sampler(generator, shape, dtype, *parameters))


def _check_dtype(dtype: np.dtype, version: str) -> None:
    if dtype.kind in "biufc":
        return
    if dtype.name != "bfloat16":
        raise DTypeError(f"{dtypes.of_numpy(dtype)!r} tensors cannot be on a CUDA device: CuPy has no such type",
                         help="use torch.float16 or torch.bfloat16 there")
    if int(version.partition(".")[0]) < BFLOAT16_SINCE:
        raise DTypeError(f"torch.bfloat16 tensors cannot be on a CUDA device: CuPy {version} has no such type",
                         help=f"install CuPy {BFLOAT16_SINCE} or later, or use torch.float16 there")


class _Peak:
    """Follows how much memory is in use while arrays are made."""

    def __init__(self, backend: CudaBackend, number: int) -> None:
        self.backend, self.number, self.most = backend, number, 0

    def install(self) -> None:
        """Enters a memory hook of CuPy for the rest of the program."""
        peak, base = self, self.backend.xp.cuda.memory_hook.MemoryHook

        class Hook(base):
            name = f"tcli_peak_{peak.number}"

            def malloc_postprocess(self, **details: Any) -> None:
                if details["device_id"] == peak.number:
                    peak.most = max(peak.most, peak.backend.xp.get_default_memory_pool().used_bytes())

        Hook().__enter__()


# ---------------------------------------------------------------- samplers by name

def _uniform(xp, state, shape, dtype, low=0.0, high=1.0):
    wide = dtype if dtype.itemsize > 2 else np.dtype(np.float32)
    # CuPy's uniforms lie in (0, 1]; PyTorch's in [low, high).
    return (low + (high - low) * (1 - state.random_sample(shape, wide))).astype(dtype)


def _normal(xp, state, shape, dtype, mean=0.0, std=1.0, **_how):
    if dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        real, imaginary = (state.standard_normal(shape, part) for _ in range(2))
        return ((real + 1j * imaginary) * (std / 2 ** 0.5) + mean).astype(dtype)
    wide = dtype if dtype.itemsize > 2 else np.dtype(np.float32)
    return (state.standard_normal(shape, wide) * std + mean).astype(dtype)


def _randint(xp, state, shape, dtype, low, high):
    if low >= high:
        raise BadIndex(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return state.randint(low, high, shape, np.int64 if high - low > 2**31 - 1 else np.int32).astype(dtype)


def _bernoulli(xp, state, shape, dtype, p=0.5):
    return (state.random_sample(shape, np.float32) <= p).astype(dtype)


def _exponential(xp, state, shape, dtype, rate=1.0):
    return (-xp.log(state.random_sample(shape, dtype if dtype.itemsize > 2 else np.float32)) / rate).astype(dtype)


def _permutation(xp, state, shape, dtype):
    return state.permutation(shape[0]).astype(dtype)


def _cauchy(xp, state, shape, dtype, median=0.0, sigma=1.0):
    return (state.standard_cauchy(shape, np.float32 if dtype.itemsize <= 2 else dtype) * sigma + median).astype(dtype)


def _log_normal(xp, state, shape, dtype, mean=1.0, std=2.0):
    return xp.exp(_normal(xp, state, shape, dtype, mean, std)).astype(dtype)


_DRAWS: dict[str, Callable] = {"uniform": _uniform, "normal": _normal, "randint": _randint, "bernoulli": _bernoulli,
                               "exponential": _exponential, "_permutation": _permutation, "cauchy": _cauchy,
                               "log_normal": _log_normal}
