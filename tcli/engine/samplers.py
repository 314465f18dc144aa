"""Distributions: words of a `Generator` to NumPy arrays, number for number those of PyTorch's CPU kernels.

Every sampler is `name(generator, shape, dtype, parameters...)`; a generator of None is the default one,
`dtype` is a NumPy dtype. How many words a number takes and in which precision it is worked out is part
of the stream: float32 uniforms take one word, anything that goes through float64 takes two, and 16 or
more normals are made in blocks of 16 whereas fewer go through a cached pair. `fill` writes into strided
arrays in PyTorch's order. The samplers that reject and try again are in `rejection.py`. (PyTorch on Intel
processors draws `bernoulli(p)` and `exponential` from MKL's streams; these are its numbers on all others.)
"""

from __future__ import annotations

import math
from _thread import allocate_lock
from collections.abc import Callable

import numpy as np

from .. import native
from ..errors import EngineError, Unsupported
from . import random, shuffles
from .dtypes import C_NAMES, SCALAR_NAMES, name_of
from .mapping import active, check_draw, mapped
from .memory import pool
from .random import Generator
from .warn import warn

_CHUNK = 1 << 16
_WAVE = 1 << 17  # normals that a thread makes at once
_FEW = 64  # numbers that are worked out one by one
# Bits of the significand, with the hidden one.
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
_FLOAT_MAX = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38,
              "float64": 1.7976931348623157e308}
_INT_NAMES = {"int16": "short int", "int64": "long int", "uint16": "short unsigned int",
              "uint64": "long unsigned int"}
_UNSIGNED = ("uint16", "uint32", "uint64")
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_INT64, _INT64_MIN, _INT64_MAX = np.dtype(np.int64), -2**63, 2**63 - 1


def of(generator: Generator | None) -> Generator:
    if active:
        check_draw()
    return random.default_generator if generator is None else generator


def _count(shape) -> int:
    return math.prod(shape)


def _real(dtype: np.dtype) -> np.dtype:
    return _F32 if name_of(dtype) == "complex64" else _F64


def cast(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """To `dtype` the way C++ does it: the 16-bit types are reached through float32."""
    if values.dtype == dtype:
        return values
    if values.dtype.kind in "biu" and dtype.kind in "biu":
        return values.astype(dtype)
    if name_of(dtype) in ("float16", "bfloat16"):
        with np.errstate(over="ignore"):
            return values.astype(_F32).astype(dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        return values.astype(dtype)


def _map(function: Callable, values: np.ndarray) -> np.ndarray:
    """`function` of `math` over float64s. NumPy's own differ from the C library's in the last bit."""
    return np.fromiter(map(function, values.tolist()), _F64, values.size)


def missing(kernel: str, dtype: np.dtype) -> Unsupported:
    return Unsupported(f"\"{kernel}\" not implemented for '{SCALAR_NAMES[name_of(dtype)]}'")


def filled(kernel: Callable, generator: Generator, shape, dtype: np.dtype, *parameters) -> np.ndarray | None:
    """What a compiled kernel fills an array with; None where there is none or it does not take these."""
    out = pool.empty(tuple(shape), dtype)
    return out if out.size and kernel(generator.stream(), out, *parameters) else None


def quick_uniform(generator: Generator, shape, dtype: np.dtype, low: float = 0.0, high: float = 1.0) -> np.ndarray | None:
    """Uniform numbers by a compiled kernel; None where there is none."""
    return filled(native.fill_uniform, generator, shape, dtype, low, high)


# Uniforms of [0, 1).

def _few_doubles(generator: Generator, count: int) -> list[float]:
    words = generator.few(2 * count)
    return [((words[i] << 32 | words[i + 1]) & (2**53 - 1)) * 2.0**-53 for i in range(0, 2 * count, 2)]


def doubles(generator: Generator, count: int) -> np.ndarray:
    """float64[count] of 53 random bits each."""
    found = quick_uniform(generator, (count,), _F64)
    if found is not None:
        return found
    if count <= _FEW:
        return np.array(_few_doubles(generator, count))
    out = np.empty(count)
    generator.expect(2 * count)
    for start in range(0, count, _CHUNK):
        bits = generator.words64(min(_CHUNK, count - start))
        bits &= np.uint64(2**53 - 1)
        np.multiply(bits.view(np.int64), 2.0**-53, out=out[start:start + _CHUNK])
    return out


def floats(generator: Generator, count: int) -> np.ndarray:
    """float32[count] of 24 random bits each."""
    found = quick_uniform(generator, (count,), _F32)
    if found is not None:
        return found
    if count <= _FEW:
        return np.array([(word & 0xFFFFFF) * 2.0**-24 for word in generator.few(count)], _F32)
    out = np.empty(count, _F32)
    generator.expect(count)
    for start in range(0, count, _CHUNK):
        bits = generator.words(min(_CHUNK, count - start))
        bits &= np.uint32(2**24 - 1)
        part = out[start:start + _CHUNK]
        part[...] = bits.view(np.int32)
        part *= np.float32(2.0**-24)
    return out


@mapped
def uniform(generator: Generator | None, shape, dtype: np.dtype, low: float = 0.0,
            high: float = 1.0) -> np.ndarray:
    """`tensor.uniform_(low, high)`; complex types draw both parts from the interval."""
    generator = of(generator)
    if dtype.kind == "c":
        parts = uniform(generator, (*shape, 2), _real(dtype), low, high)
        return parts.view(dtype).reshape(shape)
    if dtype is not _F32 and name_of(dtype) not in _DIGITS:
        raise missing("check_uniform_bounds", dtype)
    if low != 0.0 or high != 1.0:
        _check_uniform(dtype, low, high)
    if dtype is _F32 or dtype is _F64:
        found = quick_uniform(generator, shape, dtype, low, high)
        if found is not None:
            return found
    if dtype == _F64:
        values = _scaled(doubles(generator, _count(shape)), high - low, low)
    else:
        values = _uniform32(generator, _count(shape), np.float32(low), np.float32(high))
        if dtype != _F32:
            values = values.astype(dtype)
    if (low, high) != (0.0, 1.0) or dtype.itemsize == 2:
        # Rounding may land on the upper bound, which does not belong to the interval.
        bounds = np.array([low, high]).astype(_F32 if dtype.itemsize == 2 else dtype).astype(dtype)
        values[values == bounds[1]] = bounds[0]
    return values.reshape(shape)


def _uniform32(generator: Generator, count: int, low: np.float32, high: np.float32) -> np.ndarray:
    values = floats(generator, count)
    if low != 0.0 or high != 1.0:
        values = _fma32(values, high - low, low)
    return values


def _check_uniform(dtype: np.dtype, low: float, high: float) -> None:
    top, name = _FLOAT_MAX[name_of(dtype)], C_NAMES[name_of(dtype)]
    for label, bound in (("from", low), ("to", high)):
        if not -top <= bound <= top:
            raise EngineError(f"{label} is out of bounds for {name}")
    if not low <= high:
        raise EngineError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > "
                          f"to={high:g}")
    if high - low > top:
        raise EngineError(f"uniform_ expects to-from <= std::numeric_limits<{SCALAR_NAMES[name_of(dtype)]}>"
                          f"::max(), but found to={high:g} and from={low:g} which result in to-from to "
                          "exceed the limit")


# One rounding for a product and a sum, as PyTorch's kernels are compiled.

def _fma32(a, b, c) -> np.ndarray:
    """a * b + c for float32s: the product is exact in float64."""
    exact = np.multiply(a, b, dtype=_F64)
    return np.add(exact, c, out=np.empty(exact.shape, _F32), dtype=_F64, casting="same_kind")


def _scaled(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """a * b + c for float64s, rounded once (Dekker's exact product, Knuth's exact sum)."""
    if b == 1.0 or c == 0.0:
        return a * b + c
    high_a, high_b = _split(a), _split(b)
    low_a, low_b = a - high_a, b - high_b
    product = a * b
    rest = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b
    total = product + c
    part = total - product
    return total + (((product - (total - part)) + (c - part)) + rest)


def _split(x):
    t = x * 134217729.0
    return t - (t - x)


# Normals.

@mapped
def normal(generator: Generator | None, shape, dtype: np.dtype, mean: float = 0.0, std: float = 1.0,
           *, serial: bool = False) -> np.ndarray:
    """`tensor.normal_(mean, std)`. `serial`: the path of PyTorch for non-contiguous tensors."""
    generator = of(generator)
    if not std >= 0.0:
        raise EngineError(f"normal expects std >= 0.0, but found std {std:g}")
    if dtype.kind == "c":
        parts = normal(generator, (*shape, 2), _real(dtype), mean, std / math.sqrt(2.0), serial=serial)
        return parts.view(dtype).reshape(shape)
    if dtype is not _F32 and name_of(dtype) not in _DIGITS:
        raise missing("normal_kernel_cpu", dtype)
    count = _count(shape)
    if dtype is _F32 or dtype is _F64:
        found = quick_normal(generator, shape, dtype, mean, std, serial)
        if found is not None:
            return found
    if count < 16 or serial:
        values = _scaled(_normal_pairs(generator, count), std, mean)
        fits = dtype == _F32 and std < 1e30 and abs(mean) < 1e30
        return (values.astype(_F32) if fits else cast(values, dtype)).reshape(shape)
    if dtype == _F64:
        return _normal_blocks(generator, count, doubles, _box_muller64, mean, std, count).reshape(shape)
    drawn = count if dtype == _F32 else count // 16 * 16
    values = _normal_blocks(generator, count, floats, _box_muller32, np.float32(mean), np.float32(std),
                            drawn)
    return cast(values, dtype).reshape(shape)


def quick_normal(generator: Generator, shape, dtype: np.dtype, mean: float = 0.0, std: float = 1.0,
                 paired: bool = False) -> np.ndarray | None:
    """Normals by a compiled kernel, in pairs where there are few; None where there is none."""
    if not paired and _count(shape) >= 16:
        return filled(native.fill_normal, generator, shape, dtype, mean, std)
    out = pool.empty(tuple(shape), dtype)
    left = native.normal_pairs(generator.stream(), out, mean, std, generator.next_normal) if out.size else False
    if left is False:
        return None
    generator.next_normal = left
    return out


def _normal_pairs(generator: Generator, count: int) -> np.ndarray:
    """float64 normals one by one: a pair gives a cosine now and a sine for the next call."""
    found = quick_normal(generator, (count,), _F64, 0.0, 1.0, True)
    if found is not None:
        return found
    out = np.empty(count)
    done = 0
    if count and generator.next_normal is not None:
        out[0], generator.next_normal, done = generator.next_normal, None, 1
    pairs = (count - done + 1) // 2
    if not pairs:
        return out
    if count <= _FEW:
        return _few_normals(generator, count, out[:done].tolist(), pairs)
    u = doubles(generator, 2 * pairs)
    radius = np.sqrt(-2.0 * _map(math.log1p, -u[1::2]))
    theta = 2.0 * math.pi * u[0::2]
    out[done::2] = radius * _map(math.cos, theta)
    sines = radius * _map(math.sin, theta)
    out[done + 1::2] = sines[:(count - done) // 2]
    if (count - done) % 2:
        generator.next_normal = float(sines[-1])
    return out


def _few_normals(generator: Generator, count: int, found: list[float], pairs: int) -> np.ndarray:
    """The same for a few numbers, after those `found` already."""
    drawn = _few_doubles(generator, 2 * pairs)
    for i in range(0, 2 * pairs, 2):
        radius = math.sqrt(-2.0 * math.log1p(-drawn[i + 1]))
        theta = 2.0 * math.pi * drawn[i]
        found.append(radius * math.cos(theta))
        found.append(radius * math.sin(theta))
    if len(found) > count:
        generator.next_normal = found.pop()
    return np.array(found)


def _normal_blocks(generator: Generator, count: int, uniforms: Callable, transform: Callable, mean, std,
                   drawn: int) -> np.ndarray:
    """Element j of a block of 16 is paired with j + 8; a ragged end redraws the last 16 elements."""
    whole = count // 16 * 16
    if uniforms is floats and drawn >= 2 * _WAVE:
        data = _drawn_beside(generator, drawn, lambda part: transform(part[:len(part) // 16 * 16], mean, std))
    else:
        data = uniforms(generator, drawn)
    if whole < count <= _CHUNK:  # the redrawn ones in one go with the others
        both = np.concatenate([data[:whole], uniforms(generator, 16)])
        transform(both, mean, std)
        return np.concatenate([both[:count - 16], both[whole:]])
    if uniforms is not floats or drawn < 2 * _WAVE:
        transform(data[:whole], mean, std)
    if count == whole:
        return data
    out = data if drawn == count else np.concatenate([data, data[:count - drawn]])
    out[-16:] = uniforms(generator, 16)
    transform(out[-16:], mean, std)
    return out


def _drawn_beside(generator: Generator, count: int, transform: Callable) -> np.ndarray:
    """`floats`, transformed part by part: while one thread draws the next numbers another one works on those before."""
    from .threads import parallel

    out, turn, following = np.empty(count, _F32), allocate_lock(), iter(range(0, count, _WAVE))
    generator.expect(count)

    def part(_number: int) -> None:
        with turn:  # words come in one order, whoever draws them
            start = next(following)
            mine = out[start:start + _WAVE]
            mine[...] = floats(generator, len(mine))
        transform(mine)
    parallel(-(-count // _WAVE), part)
    return out


def _box_muller64(data: np.ndarray, mean: float, std: float) -> None:
    for start in range(0, data.size, _CHUNK):
        block = data[start:start + _CHUNK].reshape(-1, 2, 8)
        radius = np.sqrt(-2.0 * _map(math.log, 1.0 - block[:, 0].reshape(-1)))
        theta = 2.0 * math.pi * block[:, 1].reshape(-1)
        block[:, 0] = _scaled(radius * _map(math.cos, theta), std, mean).reshape(-1, 8)
        block[:, 1] = _scaled(radius * _map(math.sin, theta), std, mean).reshape(-1, 8)


def _box_muller32(data: np.ndarray, mean: np.float32, std: np.float32) -> None:
    plain = mean == 0 and std == 1
    for start in range(0, data.size, _WAVE):
        block = data[start:start + _WAVE].reshape(-1, 2, 8)
        radius = _log32(np.float32(1.0) - block[:, 0].reshape(-1))
        radius *= np.float32(-2.0)
        np.sqrt(radius, out=radius)
        sine, cosine = _sincos32(np.float32(2.0 * math.pi) * block[:, 1].reshape(-1))
        for half, wave in ((0, cosine), (1, sine)):
            wave *= radius
            # Times one plus nothing: what is left of it is that -0 becomes 0.
            wave = np.add(wave, mean, out=wave) if plain else _fma32(wave, std, mean)
            block[:, half] = wave.reshape(-1, 8)


# The Cephes polynomials that PyTorch evaluates eight at a time for float32 normals. Each Horner step is
# one fused multiply-add there; float64 holds the product of two float32s exactly, so that rounding the
# float64 sum to float32 gives the fused result.

_LOG = [float(np.float32(c)) for c in (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)]
_SINE = [float(np.float32(c)) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)]
_COSINE = [float(np.float32(c)) for c in (2.443315711809948e-5, -1.388731625493765e-3,
                                          4.166664568298827e-2)]
_LN2_LOW, _LN2_HIGH = float(np.float32(-2.12194440e-4)), 0.693359375
_QUARTER_PI = (0.78515625, 2.4187564849853515625e-4, float(np.float32(3.77489497744594108e-8)))


def _horner32(coefficients: list, x: np.ndarray) -> np.ndarray:
    """The polynomial at float64s that are float32 values; rounded to float32 after each step."""
    total, rounded = np.multiply(x, coefficients[0]), np.empty(x.shape, _F32)
    total += coefficients[1]
    for c in coefficients[2:]:
        # There and back: a ufunc that converts its operands does so in pieces, which takes longer.
        np.copyto(rounded, total, "same_kind")
        np.copyto(total, rounded)
        total *= x
        total += c
    np.copyto(rounded, total, "same_kind")
    return rounded


_SQRT_HALF_BITS = 0x3F3504F3


def _log32(x: np.ndarray) -> np.ndarray:
    """log of normal float32s of (0, 1]: x = 2**e * f, f in [sqrt(1/2), sqrt(2)); a polynomial in f - 1."""
    bits = x.view(np.int32)
    exponent = bits - _SQRT_HALF_BITS
    exponent >>= 23
    fraction = (bits - (exponent << 23)).view(_F32)
    fraction -= np.float32(1.0)
    exponent = exponent.astype(_F64)
    square = fraction * fraction
    series = _horner32(_LOG, fraction.astype(_F64))
    series *= fraction
    low = (exponent * _LN2_LOW).astype(_F32)
    series = _fma32(series, square, low)
    series = _fma32(square, -0.5, series)
    series += fraction
    return _fma32(exponent, _LN2_HIGH, series)


def _sincos32(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sin and cos of float32s of [0, 2 pi): reduced by octants, then one polynomial for each of the two."""
    octant = (x * np.float32(1.27323954473516)).astype(np.int32)
    octant += 1
    octant &= ~1
    x = _reduced(x, octant.astype(_F64))
    square = x * x
    wide_square = square.astype(_F64)
    cosine = _horner32(_COSINE, wide_square)
    cosine *= square
    cosine = _fma32(cosine, wide_square, -0.5 * wide_square)
    cosine += np.float32(1.0)
    sine = _horner32(_SINE, wide_square)
    sine *= square
    sine = _fma32(sine, x, x)
    # Where bit 1 of the octant is set, sine and cosine change places.
    sines, cosines = sine.view(np.int32), cosine.view(np.int32)
    moved = octant << 30
    moved >>= 31
    moved &= sines ^ cosines
    sines ^= moved
    cosines ^= moved
    # Bit 2 of the octant is the sign of the sine; moved to bit 31 it flips the float's sign.
    sines ^= (octant & 4) << 29
    octant += 2
    cosines ^= (octant & 4) << 29
    return sine, cosine


def _reduced(x: np.ndarray, octants: np.ndarray) -> np.ndarray:
    """x less that many quarters of pi, subtracted in three parts."""
    rounded = x
    for part in _QUARTER_PI:
        rest = octants * -part
        rest += rounded
        rounded = rest.astype(_F32)
    return rounded


def normal_tensor(generator: Generator | None, mean, std) -> np.ndarray:
    """`torch.normal(mean, std)` where one or both are arrays, of which the mean's dtype wins."""
    arrays = [np.asarray(x) for x in (mean, std)]
    if isinstance(std, np.ndarray):
        if std.size and not std.min() >= 0:
            raise EngineError("normal expects all elements of std >= 0.0")
        shape = np.broadcast_shapes(arrays[0].shape, arrays[1].shape)
        out = normal(generator, shape, mean.dtype if isinstance(mean, np.ndarray) else std.dtype)
        out *= std
    else:
        out = normal(generator, mean.shape, mean.dtype, 0.0, std)
    out += out.dtype.type(mean) if not isinstance(mean, np.ndarray) else mean
    return out


# Integers.

@mapped
def random_(generator: Generator | None, shape, dtype: np.dtype, low: int | None = None,
            high: int | None = None) -> np.ndarray:
    """`tensor.random_()`, `.random_(low, high)`, `.random_(low, None)` (up to the type's largest)."""
    generator, count = of(generator), _count(shape)
    if low is None:
        values = _whole_range(generator, count, dtype) if count else np.empty(0)
    else:
        low, high = _integer_bounds(dtype, low, high)
        drawn = _every_int64 if high - low == 2**64 else _modulo
        values = drawn(generator, count, dtype, high - low, low) if count else np.empty(0)
    return cast(values, dtype).reshape(shape)


def _every_int64(generator: Generator, count: int, dtype: np.dtype, *_) -> np.ndarray:
    kernel = "random_full_64_bits_range_kernel_cpu"
    if name_of(dtype) in _UNSIGNED or name_of(dtype) in ("float16", "bool"):
        raise missing(kernel, dtype)
    if name_of(dtype) not in ("int64", "float64", "float32", "bfloat16"):
        raise EngineError(f"{kernel} handles only int64, double, float and bfloat16")
    return generator.words64(count).view(np.int64)


@mapped
def randint(generator: Generator | None, shape, dtype: np.dtype, low: int, high: int) -> np.ndarray:
    """`torch.randint(low, high, shape)`."""
    if low >= high:
        raise EngineError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return random_(generator, shape, dtype, low, high)


def _modulo(generator: Generator, count: int, dtype: np.dtype, span: int, base: int) -> np.ndarray:
    """Two words where one would be skewed by more than a sixteenth."""
    found = filled(native.fill_integers, generator, (count,), _INT64, base, span)
    if found is not None:
        return found
    if count <= _FEW and span < 2**28:
        return np.array([word % span + base for word in generator.few(count)], np.int64)
    if span < 2**28:
        values = (generator.words(count) % np.uint32(span)).astype(np.int64)
    else:
        values = (generator.words64(count) % np.uint64(span)).view(np.int64)
    if base:
        values += base
    return values


def _whole_range(generator: Generator, count: int, dtype: np.dtype) -> np.ndarray:
    """Non-negative integers of the type; of a float type up to the last before gaps begin."""
    if name_of(dtype) in _UNSIGNED or name_of(dtype) not in C_NAMES or dtype.kind == "c":
        raise missing("random_kernel_cpu", dtype)
    if dtype.kind == "b":
        return generator.words(count) & np.uint32(1)
    digits = _DIGITS.get(name_of(dtype))
    span = 2**digits + 1 if digits else int(np.iinfo(dtype).max) + 1
    if dtype.itemsize == 8:
        return (generator.words64(count) % np.uint64(span)).view(np.int64)
    return generator.words(count) % np.uint32(span)


def _integer_bounds(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """[low, high) after the checks, moved inwards to values that a float type holds."""
    digits = _DIGITS.get(name_of(dtype))
    if high is None:
        if low == _INT64_MIN:
            return low, 2**63
        # The largest uint64 reads as -1 in the signed arithmetic of PyTorch, which then refuses it.
        top = 2**digits if digits else -1 if name_of(dtype) == "uint64" else _integer_limits(dtype)[1]
        low = _inwards(low, dtype, digits, 1) if digits else low
        if digits and low >= top:
            raise EngineError("random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' "
                              f"casted to dtype, but got from={low} > to_inc={top}")
        _check_integer_bounds(dtype, low, top)
        return low, top + 1
    if low >= high:
        raise EngineError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if digits:
        low, high = _inwards(low, dtype, digits, 1), _inwards(high, dtype, digits, -1)
        if low >= high:
            raise EngineError("random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                              f"but got from={low} >= to={high}")
    _check_integer_bounds(dtype, low, high - 1)
    if digits:
        _warn_of_gaps(dtype, digits, {"from": low, "to - 1": high - 1})
    return low, high


def _warn_of_gaps(dtype: np.dtype, digits: int, bounds: dict) -> None:
    """Beyond 2^digits a float type has no longer every integer."""
    for name, bound in bounds.items():
        if not -2**digits <= bound <= 2**digits:
            warn(f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
                 f"{C_NAMES[name_of(dtype)]} can support discrete uniform distribution only within this range. This "
                 "warning will become an error in version 1.7 release, please fix the code in advance")


def _inwards(bound: int, dtype: np.dtype, digits: int, step: int) -> int:
    """The bound, or the next value of the type where rounding `bound + step` would leave the interval."""
    inner = bound + step
    rounded = float(cast(np.array(inner), dtype))
    stored = int(rounded) if abs(rounded) < 2.0**63 else _INT64_MIN
    if (stored < bound) if step > 0 else (stored >= bound):
        exponent = max(abs(inner).bit_length() - 1, 0)
        bound = stored + step * 2**max(exponent - digits + 1, 0)
    return bound


def _check_integer_bounds(dtype: np.dtype, low: int, last: int) -> None:
    name = _INT_NAMES.get(name_of(dtype)) or C_NAMES[name_of(dtype)]
    bottom, top = _integer_limits(dtype)
    for label, bound in (("from", low), ("to - 1", last)):
        if not bottom <= bound <= top:
            raise EngineError(f"{label} is out of bounds for {name}")


def _integer_limits(dtype: np.dtype) -> tuple[int, int]:
    if name_of(dtype) in _FLOAT_MAX:
        return -int(_FLOAT_MAX[name_of(dtype)]), int(_FLOAT_MAX[name_of(dtype)])
    if dtype.kind == "b":
        return 0, 1
    if dtype == _INT64:
        return _INT64_MIN, _INT64_MAX
    return int(np.iinfo(dtype).min), min(int(np.iinfo(dtype).max), _INT64_MAX)


def randperm(generator: Generator | None, count: int, dtype: np.dtype) -> np.ndarray:
    """`torch.randperm(count)`: a forward Fisher-Yates shuffle, a word for each element but the last."""
    generator = of(generator)
    _check_randperm(count, dtype)
    if count < 2:
        return np.arange(count).astype(dtype)
    found = filled(native.shuffle, generator, (count,), _INT64)
    if found is not None:
        return found.astype(dtype, copy=False)
    if count <= _FEW:
        return shuffles.in_turn([i + word % (count - i) for i, word in enumerate(generator.few(count - 1))]).astype(dtype)
    return shuffles.by_words(generator.words(count - 1)).astype(dtype, copy=False)


def _check_randperm(count: int, dtype: np.dtype) -> None:
    if count < 0:
        raise EngineError(f"Trying to create tensor with negative dimension {count}: [{count}]")
    if dtype.kind in "bc" or name_of(dtype) in _UNSIGNED:
        raise missing("randperm", dtype)
    digits = _DIGITS.get(name_of(dtype))
    if digits and name_of(dtype) != "bfloat16" and count > 2**digits + 1:
        raise EngineError(f"n cannot be greater than {2**digits + 1} for {SCALAR_NAMES[name_of(dtype)]} type.")
    if not digits and count - 1 > np.iinfo(dtype).max:
        raise EngineError(f"value cannot be converted to type {name_of(dtype)}_t without overflow")


# Events.

@mapped
def bernoulli(generator: Generator | None, shape, dtype: np.dtype, p: float = 0.5) -> np.ndarray:
    """`tensor.bernoulli_(p)`, also the mask of dropout with 1 - p: ones and zeros."""
    if not 0 <= p <= 1:
        raise EngineError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    generator, count = of(generator), _count(shape)
    if count and name_of(dtype) in _UNSIGNED:
        raise missing("bernoulli_scalar_cpu_", dtype)
    out = filled(native.fill_bernoulli, generator, shape, dtype, p)
    if out is not None:
        return out
    out = np.empty(count, dtype)
    generator.expect(2 * count)
    for start in range(0, count, _CHUNK):
        out[start:start + _CHUNK] = doubles(generator, min(_CHUNK, count - start)) < p
    return out.reshape(shape)


def bernoulli_tensor(generator: Generator | None, p: np.ndarray, dtype: np.dtype | None = None,
                     shape=None) -> np.ndarray:
    """`torch.bernoulli(p)` and `tensor.bernoulli_(p)`: float64 probabilities take two words each."""
    generator = of(generator)
    if name_of(p.dtype) not in _DIGITS:
        raise missing("bernoulli_tensor_cpu_p_", p.dtype)
    shape = p.shape if shape is None else shape
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise EngineError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error "
                          "message be improved?  If so, please report an enhancement request to PyTorch.)")
    drawn = doubles if p.dtype == _F64 else floats
    values = drawn(generator, _count(shape)).reshape(shape)
    return (values < p.astype(values.dtype)).astype(p.dtype if dtype is None else dtype)


# Transforms of one float64 uniform. NumPy's functions serve where the result is rounded to fewer bits.

def _through(function: Callable, fast: Callable, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return _map(function, values) if dtype == _F64 or values.size < 64 else fast(values)


@mapped
def exponential(generator: Generator | None, shape, dtype: np.dtype, rate: float = 1.0) -> np.ndarray:
    """`tensor.exponential_(rate)`."""
    if not rate > 0.0:
        raise EngineError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    if name_of(dtype) not in _DIGITS:
        raise EngineError("Exponential distribution is a continuous probability distribution. dtype must "
                          f"be a floating point but you specified {SCALAR_NAMES[name_of(dtype)]}")
    found = filled(native.fill_exponential, of(generator), shape, dtype, rate)
    if found is not None:
        return found
    logs = _through(math.log1p, np.log1p, -doubles(of(generator), _count(shape)), dtype)
    return cast((-1.0 / rate) * logs, dtype).reshape(shape)


@mapped
def geometric(generator: Generator | None, shape, dtype: np.dtype, p: float) -> np.ndarray:
    """`tensor.geometric_(p)`: the trial of the first success, from 1 on, also as integers."""
    if not 0 < p < 1:
        raise EngineError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if _count(shape) and (name_of(dtype) in _UNSIGNED or dtype.kind == "b"):
        raise missing("geometric_cpu", dtype)
    u = doubles(of(generator), _count(shape))
    with np.errstate(divide="ignore"):
        logs = np.log(u) if (u == 0).any() else _map(math.log, u)
    return cast(np.ceil(logs / math.log1p(-p)), dtype).reshape(shape)


@mapped
def cauchy(generator: Generator | None, shape, dtype: np.dtype, median: float = 0.0,
           sigma: float = 1.0) -> np.ndarray:
    """`tensor.cauchy_(median, sigma)`."""
    if not sigma > 0.0:
        raise EngineError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if name_of(dtype) not in _DIGITS:
        raise EngineError("Cauchy distribution is a continuous probability distribution. dtype must be a "
                          f"floating point but you specified {C_NAMES[name_of(dtype)]}")
    if math.isinf(median):
        doubles(of(generator), _count(shape))
        return np.full(shape, median, dtype)
    angles = math.pi * (doubles(of(generator), _count(shape)) - 0.5)
    return cast(_scaled(_through(math.tan, np.tan, angles, dtype), sigma, median), dtype).reshape(shape)


@mapped
def log_normal(generator: Generator | None, shape, dtype: np.dtype, mean: float = 1.0,
               std: float = 2.0) -> np.ndarray:
    """`tensor.log_normal_(mean, std)`: always through the cached pairs, whatever the size."""
    if not std > 0.0:
        raise EngineError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if name_of(dtype) not in _DIGITS:
        raise missing("log_normal_cpu", dtype)
    exponents = _scaled(_normal_pairs(of(generator), _count(shape)), std, mean)
    return cast(_through(math.exp, np.exp, exponents, dtype), dtype).reshape(shape)


# Choices.

def multinomial(generator: Generator | None, p: np.ndarray, samples: int,
                replacement: bool = False) -> np.ndarray:
    """`torch.multinomial(p, samples, replacement)`: int64 indices, p of one or two dims."""
    _check_multinomial(p, samples, replacement)
    if not replacement or samples == 1:
        return _race(of(generator), p, samples)
    rows = p.reshape(-1, p.shape[-1])
    wide = rows.astype(_F32) if p.dtype.itemsize == 2 else rows
    reached = np.cumsum(wide, axis=1, dtype=wide.dtype)
    reached /= reached[:, -1:]
    reached[:, -1] = 1
    u = doubles(of(generator), len(rows) * samples).reshape(len(rows), samples)
    found = [np.searchsorted(row, drawn) for row, drawn in zip(reached.astype(_F64), u, strict=True)]
    return np.array(found, np.int64).reshape(*p.shape[:-1], samples)


def _race(generator: Generator, p: np.ndarray, samples: int) -> np.ndarray:
    """Each category waits an exponential time at rate p; the first `samples` to arrive are taken."""
    waits = fill(np.empty_like(p), exponential, generator=generator)
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = (p / waits).astype(p.dtype)
    if samples == 1:
        return speed.astype(_F64).argmax(-1)[..., None]
    return np.ascontiguousarray(np.argsort(-speed.astype(_F64), axis=-1, kind="stable")[..., :samples])


def _check_multinomial(p: np.ndarray, samples: int, replacement: bool) -> None:
    if not 0 < p.ndim <= 2:
        raise EngineError("prob_dist must be 1 or 2 dim")
    if name_of(p.dtype) not in _DIGITS:
        raise EngineError("multinomial only supports floating-point dtypes for input, got: "
                          f"{SCALAR_NAMES[name_of(p.dtype)]}")
    if samples <= 0:
        raise EngineError("cannot sample n_sample <= 0 samples")
    if not replacement and samples > p.shape[-1]:
        raise EngineError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if p.shape[-1] > 2**24:
        raise EngineError("number of categories cannot exceed 2^24")
    _check_probabilities(p, once=not replacement or samples == 1)
    if p.size and not (p != 0).any(-1).all():
        raise EngineError("invalid multinomial distribution (sum of probabilities <= 0)")


def _check_probabilities(p: np.ndarray, once: bool) -> None:
    if not p.size or (np.isfinite(p) & (p >= 0)).all():
        return
    if once:
        raise EngineError("probability tensor contains either `inf`, `nan` or element < 0")
    first = p[~(np.isfinite(p) & (p >= 0))][0]
    raise EngineError("invalid multinomial distribution (encountering probability entry "
                      f"{'< 0' if np.isfinite(first) else '= infinity or NaN'})")


# In place, on arrays of any strides.

def memory_order(array: np.ndarray) -> tuple[int, ...]:
    """The dims from the widest stride to the narrowest: the order in which PyTorch walks a tensor."""
    strides = [abs(s) if n > 1 else 0 for s, n in zip(array.strides, array.shape, strict=True)]
    return tuple(sorted(range(array.ndim), key=lambda dim: -strides[dim]))


def fill(array: np.ndarray, sampler: Callable, *parameters, generator: Generator | None = None) -> np.ndarray:
    """Writes `sampler(generator, shape, dtype, *parameters)` into an array, strided or not; returns it."""
    if array.flags.c_contiguous:
        array[...] = sampler(generator, array.shape, array.dtype, *parameters)
        return array
    view = array.transpose(memory_order(array))
    if sampler is normal:
        view[...] = normal(generator, view.shape, array.dtype, *parameters, serial=True)
    else:
        view[...] = sampler(generator, view.shape, array.dtype, *parameters)
    return array


def fill_bernoulli(array: np.ndarray, p: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """`tensor.bernoulli_(p)` with an array of probabilities, broadcast to the tensor."""
    order = memory_order(array)
    p = np.broadcast_to(p, array.shape).transpose(order)
    array.transpose(order)[...] = bernoulli_tensor(generator, p, array.dtype)
    return array
