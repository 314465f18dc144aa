"""A stand-in for `cupy.RawKernel`: the same CUDA C, compiled for the host and run thread by thread.

Blocks run one after the other; the threads of a block are coroutines of their own that change places at
`__syncthreads()`, so that what a kernel shares within a block is seen as on a GPU. A block whose threads do not all
reach the same barriers aborts.
"""

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tcli.engine.cuda_prelude import PRELUDE

COMPILER = shutil.which("g++") or shutil.which("clang++")
BEFORE = r"""
#include <ucontext.h>
#include <stdlib.h>
#define TCLI_HOST
#define FN static inline
#define __global__ static
#define __shared__ static
#define __restrict__
extern "C" {
#define DECLARE1(n) float n##f(float); double n(double);
#define DECLARE2(n) float n##f(float, float); double n(double, double);
DECLARE1(exp) DECLARE1(exp2) DECLARE1(expm1) DECLARE1(log) DECLARE1(log2) DECLARE1(log10) DECLARE1(log1p) DECLARE1(sqrt)
DECLARE1(cbrt) DECLARE1(sin) DECLARE1(cos) DECLARE1(tan) DECLARE1(asin) DECLARE1(acos) DECLARE1(atan) DECLARE1(sinh)
DECLARE1(cosh) DECLARE1(tanh) DECLARE1(asinh) DECLARE1(acosh) DECLARE1(atanh) DECLARE1(floor) DECLARE1(ceil)
DECLARE1(trunc) DECLARE1(rint) DECLARE1(fabs) DECLARE1(erf) DECLARE1(erfc) DECLARE1(lgamma)

DECLARE2(pow) DECLARE2(fmod) DECLARE2(atan2) DECLARE2(hypot) DECLARE2(copysign) DECLARE2(nextafter)
}
struct Index { unsigned x, y, z; };
static Index threadIdx, blockIdx, blockDim, gridDim;
static inline unsigned bits_of(float f) { unsigned u; __builtin_memcpy(&u, &f, 4); return u; }
static inline float float_of(unsigned u) { float f; __builtin_memcpy(&f, &u, 4); return f; }
static inline double double_of(unsigned long long u) { double f; __builtin_memcpy(&f, &u, 8); return f; }
static inline float from_half(unsigned short h) { _Float16 x; __builtin_memcpy(&x, &h, 2); return (float)x; }
static inline unsigned short to_half(float f) {
  _Float16 x = (_Float16)f;
  unsigned short h;
  __builtin_memcpy(&h, &x, 2);
  return h;
}
static inline unsigned short to_half(double f) {
  _Float16 x = (_Float16)f;
  unsigned short h;
  __builtin_memcpy(&h, &x, 2);
  return h;
}
"""
RUNNING = r"""
static ucontext_t scheduler, threads[1024];
static int now, state[1024];
static char stacks[1024][32768];
static void (*current)();
static void simple(void (*body)()) { for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) body(); }
static void __syncthreads() { state[now] = 1; swapcontext(&threads[now], &scheduler); }
static void enter() { current(); state[now] = 2; swapcontext(&threads[now], &scheduler); }
static void switching(void (*body)()) {
  current = body;
  for (unsigned t = 0; t < blockDim.x; ++t) {
    getcontext(&threads[t]);
    threads[t].uc_stack.ss_sp = stacks[t]; threads[t].uc_stack.ss_size = sizeof stacks[t]; threads[t].uc_link = 0;
    makecontext(&threads[t], enter, 0);
  }
  for (;;) {
    for (unsigned t = 0; t < blockDim.x; ++t) { now = threadIdx.x = t; swapcontext(&scheduler, &threads[t]); }
    for (unsigned t = 1; t < blockDim.x; ++t) if (state[t] != state[0]) abort();
    if (state[0] == 2) return;
  }
}
"""


def _parameters(code: str) -> list:
    """The C types of the kernel's parameters."""
    listed = code.split("void fused(")[1].split(") {")[0]
    return [p.rsplit(" ", 1)[0] for p in listed.split(", ")]


def _kernel(code: str, number: int) -> str:
    """One kernel and the function that runs all of its blocks on an array of pointers to arguments."""
    kinds = _parameters(code)
    given = ", ".join(f"*({kind}*)given[{i}]" for i, kind in enumerate(kinds))
    own = code.removeprefix(PRELUDE).replace('extern "C" __global__', "static")
    return f"""namespace kernel{number} {{
{own}
static void** given;
static void body() {{ fused({given}); }}
extern "C" void launch{number}(unsigned gx, unsigned gy, unsigned threads_x, void** arguments) {{
  given = arguments; gridDim = {{gx, gy, 1}}; blockDim = {{threads_x, 1, 1}};
  for (blockIdx.y = 0; blockIdx.y < gy; ++blockIdx.y)
    for (blockIdx.x = 0; blockIdx.x < gx; ++blockIdx.x) {'switching' if "__syncthreads" in code else 'simple'}(body);
}}
}}
"""


_folder = tempfile.TemporaryDirectory(prefix="tcli_kernels_")
_functions: dict = {}
made: list = []  # the text of every kernel that was compiled, in order
dry: list = []  # not empty: kernels are noted here instead of being run


def compile_all(codes: list) -> None:
    """Compiles kernels, many in one file: that takes half the time."""
    codes = [code for code in dict.fromkeys(codes) if code not in _functions]
    for start in range(0, len(codes), 60):
        part = codes[start:start + 60]
        text = BEFORE + PRELUDE + RUNNING + "".join(_kernel(code, i) for i, code in enumerate(part))
        name = Path(_folder.name) / hashlib.sha256(text.encode()).hexdigest()[:24]
        name.with_suffix(".cpp").write_text(text)
        subprocess.run([COMPILER, "-O0", "-w", "-ffp-contract=off", "-fwrapv", "-fno-exceptions", "-fno-math-errno",
                        "-fno-strict-aliasing", "-shared", "-fPIC", "-o", name.with_suffix(".so"), name.with_suffix(".cpp"),
                        "-lm"], check=True)
        library = ctypes.CDLL(str(name.with_suffix(".so")))
        for i, code in enumerate(part):
            _functions[code] = getattr(library, f"launch{i}")
        made.extend(part)


def function_of(code: str):
    if code not in _functions:
        compile_all([code])
    return _functions[code]


def ahead(run) -> None:
    """Finds out which kernels a test needs, by running it without running them, and compiles them together."""
    dry.append(None)
    try:
        run()
    finally:
        codes, dry[:] = dry[1:], []
        compile_all(codes)


class RawKernel:
    """A kernel by its text, as CuPy has it: called with blocks, threads and a tuple of arguments."""

    def __init__(self, code, name, options=(), backend="nvrtc", *, translate_cucomplex=False, enable_cooperative_groups=False,
                 jitify=False):
        if COMPILER is None:
            raise RuntimeError("no C++ compiler")
        if name != "fused" or not isinstance(options, tuple):
            raise TypeError(f"{name}, {options!r}")
        self.code, self.options, self.kinds = code, options, _parameters(code)

    def __call__(self, grid, block, args, *, shared_mem=0):
        if len(args) != len(self.kinds):
            raise TypeError(f"the kernel has {len(self.kinds)} parameters, {len(args)} arguments were given")
        if not (0 < grid[0] < 2**31 and all(0 < n < 65536 for n in grid[1:]) and 0 < block[0] <= 1024):
            raise RuntimeError(f"CUDA_ERROR_INVALID_VALUE: invalid argument: blocks {grid}, threads {block}")
        if sum(8 for _ in args) > 4096:
            raise RuntimeError("CUDA_ERROR_INVALID_VALUE: too many arguments")
        if dry:
            dry.append(self.code)
            return
        held = [_value(kind, a) for kind, a in zip(self.kinds, args, strict=True)]
        pointers = (ctypes.c_void_p * len(held))(*[h.ctypes.data for h in held])
        function_of(self.code)(int(grid[0]), int(grid[1]) if len(grid) > 1 else 1, int(block[0]), pointers)


SIZES = {"bool": "b1", "signed char": "i1", "unsigned char": "u1", "short": "i2", "unsigned short": "u2", "int": "i4",
         "unsigned": "u4", "long long": "i8", "unsigned long long": "u8", "float": "f4", "double": "f8"}


def _value(kind: str, a):
    """What the kernel reads of an argument, as a 0-d array: CuPy passes scalars in their own NumPy type."""
    if "*" in kind:
        of = kind.replace("const ", "").replace("* __restrict__", "").replace("*", "").strip()
        of = {"half_bits": "float16", "bfloat_bits": "bfloat16"}.get(of) or np.dtype(SIZES[of]).name
        if a.dtype.name != of:
            raise TypeError(f"an array of {a.dtype} for {kind}")
        return np.asarray(a.data.ptr, np.int64)
    if not isinstance(a, np.generic) or a.dtype != np.dtype(SIZES[kind]):
        raise TypeError(f"{type(a)} for a parameter of type {kind}")
    return np.asarray(a)


# ---------------------------------------------------------------- the compiler for GPUs, where it is installed

NVCC = shutil.which("nvcc")


def ptx(codes: list) -> str:
    """What NVIDIA's compiler makes of kernels."""
    text = PRELUDE + "".join(f"namespace kernel{i} {{{code.removeprefix(PRELUDE)}}}\n".replace(
        'extern "C" __global__ void fused', "__global__ void fused") for i, code in enumerate(dict.fromkeys(codes)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.cu"
        path.write_text(text)
        subprocess.run([NVCC, "--ptx", "--fmad=false", "--std=c++14", "-arch=sm_80", "-o", path.with_suffix(".ptx"), path],
                       check=True, capture_output=True)
        return path.with_suffix(".ptx").read_text()
