"""The generator and the samplers against streams recorded from PyTorch, and what must hold besides."""

import base64
import copy
import hashlib
import json
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest

from tcli.engine import dtypes, random, rejection, samplers, shuffles, threads
from tcli.engine.random import Generator
from tcli.errors import EngineError

CASES = json.loads((Path(__file__).parent.parent / "golden" / "random_streams.json").read_text())
F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
# These go through functions of the C library, which may differ in the last bit from one to the next.
LIBRARY = {"normal", "normal_tensor", "exponential", "cauchy", "log_normal", "standard_gamma", "dirichlet",
           "trunc_normal"}


def numpy_dtype(name):
    return dtypes.NAMES[name].numpy if name in dtypes.NAMES else np.dtype(name)


def unpacked(stored):
    data = zlib.decompress(base64.b64decode(stored["data"]))
    return np.frombuffer(data, numpy_dtype(stored["dtype"])).reshape(stored["shape"])


def drawn(generator, draw):
    """The draw of a golden case, made by tcli."""
    name, parameters = draw["sampler"], draw["parameters"]
    sampler = getattr(samplers, name, None) or getattr(rejection, name, None)
    if "arrays" in draw:
        return sampler(generator, *(unpacked(a) for a in draw["arrays"]), *parameters)
    dtype = numpy_dtype(draw["dtype"])
    if "strides" in draw:
        base = np.zeros(draw["size"], dtype)
        strides = [s * dtype.itemsize for s in draw["strides"]]
        view = np.lib.stride_tricks.as_strided(base, draw["shape"], strides)
        return samplers.fill(view, sampler, *parameters, generator=generator)
    if name == "randperm":
        return sampler(generator, draw["shape"][0], dtype)
    if name == "dropout":
        keep = 1 - parameters[0]
        mask = samplers.bernoulli(generator, draw["shape"], dtype, keep)
        return samplers.cast(mask.astype(np.promote_types(dtype, F32)) / keep, dtype)
    return sampler(generator, draw["shape"], dtype, *parameters)


def check(array, stored, sampler):
    array = np.asarray(array, order="C")
    assert [array.dtype.name, list(array.shape)] == [stored["dtype"], stored["shape"]]
    if "data" not in stored:
        assert hashlib.sha256(array.tobytes()).hexdigest() == stored["sha256"]
        return
    expected = unpacked(stored)
    if sampler in LIBRARY and array.dtype == F64:
        np.testing.assert_array_max_ulp(array, expected, 4)
    else:
        assert array.tobytes() == expected.tobytes()


@pytest.mark.filterwarnings("ignore:.*is out of bounds:UserWarning")  # PyTorch says so as well
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['draws'][0]['sampler']}-{c['seed']}")
def test_a_recorded_stream(case):
    generator = Generator().manual_seed(case["seed"])
    for draw in case["draws"]:
        check(drawn(generator, draw), draw["result"], draw["sampler"])
    state = generator.state_bytes().tobytes()
    assert hashlib.sha256(state[:5024]).hexdigest() == case["state_sha256"]
    assert bool(state[5040]) == case["has_normal"]


def test_the_first_numbers_of_seed_0():
    generator = Generator().manual_seed(0)
    assert generator.words(2).tolist() == [2357136044, 2546248239]
    np.testing.assert_array_equal(samplers.uniform(generator.manual_seed(0), (2,), F32),
                                  np.array([0.49625659, 0.76822180], F32))


@pytest.mark.parametrize("counts", [(1, 623, 624, 625, 3), (624, 1), (250_000, 5, 700), (5, 250_000, 1)])
def test_pieces_of_any_size_are_the_same_stream(counts):
    generator = Generator().manual_seed(7)
    pieces = [generator.words(n) for n in counts]
    whole = np.random.RandomState(7).randint(0, 2**32, sum(counts), np.uint32)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert generator.random() == np.random.RandomState(7).randint(0, 2**32, sum(counts) + 1, np.uint32)[-1]


def test_a_word_at_a_time_is_the_same_stream():
    one, many = Generator().manual_seed(3), Generator().manual_seed(3)
    assert [one.random() for _ in range(700)] == many.words(700).tolist()
    assert one.random64() == int(many.words64(1)[0])
    assert one.uniform() == samplers.doubles(many, 1)[0]


@pytest.mark.parametrize("before", [0, 5, 624, 1000, 300_000])
def test_a_state_goes_on_where_it_was_taken(before):
    generator = Generator().manual_seed(21)
    generator.words(before)
    samplers.normal(generator, (3,), F32)
    state = generator.state_bytes()
    assert state.shape == (5056,) and state.dtype == np.uint8
    copies = [Generator().set_state(state), generator.clone_state(), copy.deepcopy(generator),
              pickle.loads(pickle.dumps(generator))]
    expected = samplers.normal(generator, (7,), F64)
    for other in copies:
        np.testing.assert_array_equal(other.state_bytes(), state)
        np.testing.assert_array_equal(samplers.normal(other, (7,), F64), expected)
        assert other.initial_seed() == 21


@pytest.mark.parametrize("seed, initial", [(5, 5), (-1, 2**64 - 1), (-2**63, 2**63), (2**64 - 1, 2**64 - 1)])
def test_seeds_wrap_at_64_bits(seed, initial):
    assert Generator().manual_seed(seed).initial_seed() == initial


def test_bad_seeds_and_states():
    generator = Generator()
    assert generator.initial_seed() == 67280421310721
    for bad in (2**64, -2**63 - 1):
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            generator.manual_seed(bad)
    with pytest.raises(RuntimeError, match="manual_seed expected a long, but got float"):
        generator.manual_seed(1.5)
    with pytest.raises(RuntimeError, match="Expected a CPUGeneratorImplState of size 5056"):
        generator.set_state(np.zeros(10, np.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        generator.set_state(np.zeros(5056, np.uint8))
    with pytest.raises(RuntimeError, match="CUDA is not supported"):
        Generator("cuda")


def test_the_default_generator_is_seeded_and_forked():
    random.manual_seed(4)
    assert random.initial_seed() == 4
    first = samplers.uniform(None, (3,), F32)
    with random.fork_rng():
        random.manual_seed(9)
        samplers.uniform(None, (100,), F32)
    second = samplers.uniform(None, (3,), F32)
    np.testing.assert_array_equal(np.concatenate([first, second]),
                                  samplers.uniform(Generator().manual_seed(4), (6,), F32))
    state = random.get_rng_state()
    seed = random.seed()
    assert 0 <= seed < 2**53 and random.initial_seed() == seed
    random.set_rng_state(state)
    assert random.initial_seed() == 4


def test_rejection_leaves_the_generator_behind_the_last_word_used():
    one = Generator().manual_seed(1)
    whole = rejection.poisson(one, np.full(50, 3.0))
    other = Generator().manual_seed(1)
    pieces = [rejection.poisson(other, np.full(n, 3.0)) for n in (1, 20, 29)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_array_equal(one.state_bytes(), other.state_bytes())


def test_choices_without_replacement_are_distinct_and_possible():
    p = np.array([[0.0, 1, 2, 3], [4, 0, 1, 1]], F32)
    found = samplers.multinomial(Generator(), p, 3)
    assert [sorted(row) for row in found.tolist()] == [[1, 2, 3], [0, 2, 3]]


def test_a_permutation_has_every_index_once():
    assert sorted(samplers.randperm(Generator(), 1000, I64).tolist()) == list(range(1000))


@pytest.mark.parametrize("call, message", [
    (lambda g: samplers.uniform(g, (2,), F32, 2.0, 1.0),
     r"uniform_ expects to return a \[from, to\) range, but found from=2 > to=1"),
    (lambda g: samplers.normal(g, (2,), F32, 0.0, -1.0), "normal expects std >= 0.0, but found std -1"),
    (lambda g: samplers.randint(g, (2,), I64, 5, 5),
     "random_ expects 'from' to be less than 'to', but got from=5 >= to=5"),
    (lambda g: samplers.random_(g, (2,), np.dtype(np.int16), 0, 70000), "to - 1 is out of bounds for short int"),
    (lambda g: samplers.bernoulli(g, (2,), F32, 1.5), r"bernoulli_ expects p to be in \[0, 1\], but got p=1.5"),
    (lambda g: samplers.multinomial(g, np.zeros(3, F32), 1), "sum of probabilities <= 0"),
    (lambda g: samplers.multinomial(g, np.ones(3, F32), 4), "cannot sample n_sample > prob_dist.size"),
    (lambda g: rejection.poisson(g, np.array([-1.0])), "invalid Poisson rate, expected rate to be non-negative"),
    (lambda g: samplers.randperm(g, 300, np.dtype(np.uint8)), "value cannot be converted to type uint8_t"),
])
def test_bad_parameters(call, message):
    with pytest.raises(EngineError, match=message):
        call(Generator())


def test_types_without_a_kernel():
    with pytest.raises(NotImplementedError, match="\"normal_kernel_cpu\" not implemented for 'Long'"):
        samplers.normal(Generator(), (2,), I64)


@pytest.mark.parametrize("count", [2, 3, 5, 40, 1000, 5000])
def test_a_shuffle_without_a_loop_is_the_shuffle_step_by_step(count):
    steps = np.arange(count - 1)
    for seed in range(5):
        targets = steps + np.random.default_rng(seed).integers(0, 2**32, count - 1) % (count - steps)
        assert np.array_equal(shuffles._at_once(targets), shuffles.in_turn(targets))


@pytest.mark.parametrize("count", [2, 3, 1999, 2001, 70_001, 200_003])
def test_all_ways_to_shuffle_agree(count):
    words = Generator().words(count - 1)
    steps = np.arange(count - 1)
    targets = shuffles._targets(words, count)
    np.testing.assert_array_equal(targets, words % (count - steps).astype(np.uint32) + steps)
    wanted = shuffles.in_turn(targets)
    np.testing.assert_array_equal(shuffles._at_once(targets), wanted)
    np.testing.assert_array_equal(shuffles._by_swaps(targets), wanted)


def test_swapping_takes_over_once_much_was_shuffled(monkeypatch):
    monkeypatch.setattr(shuffles, "_so_far", [0])
    monkeypatch.setattr(shuffles, "_SWAPS_FROM", 15_000)
    ways = [shuffles._way(count) for count in (500, 10_000, 10_000, 500, 50)]
    assert ways == [shuffles.in_turn, shuffles._at_once, shuffles._by_swaps, shuffles._by_swaps,
                    shuffles.in_turn]


def test_many_normals_do_not_depend_on_the_number_of_threads(monkeypatch):
    drawn = []
    for count in (1, 2, 4):
        monkeypatch.setattr("tcli.engine.threads.get_num_threads", lambda count=count: count)
        drawn.append(samplers.normal(Generator(), (300_007,), F32, 0.5, 2.0))
    for more in drawn[1:]:
        np.testing.assert_array_equal(more, drawn[0])


def test_binomial_takes_shapes_that_broadcast():
    found = rejection.binomial(Generator().manual_seed(0), np.full((2, 1), 40, F32), np.full(3, 0.4, F32))
    assert found.tolist() == [[17, 13, 17], [16, 15, 16]]
    with pytest.raises(EngineError, match="The size of tensor a"):
        rejection.binomial(None, np.ones(3, F32), np.ones(2, F32))


@pytest.mark.parametrize("count", [1 << 18, 300_001, 400_016])
def test_normals_are_the_same_with_any_number_of_threads(count, monkeypatch):
    found = []
    for n in (1, 2, 4):
        monkeypatch.setattr(threads, "get_num_threads", lambda n=n: n)
        generator = Generator().manual_seed(5)
        found.append((samplers.normal(generator, (count,), np.dtype(np.float32), 1.0, 2.0), generator.random()))
    in_parts = Generator().manual_seed(5)
    first = samplers.normal(in_parts, (4096,), np.dtype(np.float32), 1.0, 2.0)
    for values, following in found:
        assert np.array_equal(values, found[0][0])
        assert following == found[0][1]
        assert np.array_equal(values[:4096], first)
