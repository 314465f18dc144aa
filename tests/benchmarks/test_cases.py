"""Every benchmark case runs at a tiny size and, where NumPy takes part, computes what NumPy computes."""

import numpy as np
import pytest

from benchmarks import common

CASES = [(which, case) for which in common.MODULES for case in common.cases_of(which) if case.kind == "time"]


@pytest.fixture(scope="module")
def torch():
    from tcli.engine.threads import get_num_threads

    return common.load("tcli", get_num_threads())


def _first(result):
    result = result[0] if isinstance(result, (tuple, list)) else result
    return np.asarray(result._a if hasattr(type(result), "_a") or hasattr(result, "_a") else result)


@pytest.mark.parametrize(("which", "case"), CASES, ids=[f"{which}: {case.name}" for which, case in CASES])
def test_a_case_runs(torch, which, case):
    found = case.builder("tcli")(torch, *case.tiny)()
    common.settle(found)
    if case.numpy is not None and not case.name.startswith(("topk", "median", "sort")):
        wanted = case.numpy(np, *case.tiny)()
        tolerance = 1e-4
        if "log_softmax" not in case.name:  # NumPy's contestant leaves the logarithm out
            np.testing.assert_allclose(_first(found), _first(wanted), rtol=tolerance, atol=tolerance)


def test_cases_have_names_of_their_own():
    for which in common.MODULES:
        names = [case.name for case in common.cases_of(which)]
        assert len(set(names)) == len(names)


def test_a_case_may_be_a_program():
    case = common.from_text("a", "import torch\nx = torch.ones(2)", "x.add_(1)", 0.8)
    run = case.builder("tcli")(None)
    run()
    run(2)
    assert case.repeats
    assert case.bounds == ((("torch",), 0.8),)


def test_the_table_says_which_ratios_hold():
    case = common.Case("a", bounds=((("numpy", "torch"), 1.1), (("jax",), 2.0)))
    row = common.row(case, {"tcli": 2e-3, "numpy": 1e-3, "torch": 4e-3, "jax": 1e-3})
    assert row == ["a", "2 ms", "1 ms", "4 ms", "1 ms", "2.00", "0.50", "2.00", "numpy/torch <= 1.1: 2.00; jax <= 2.0: ok"]
    assert common.row(case, {"tcli": 2e-3})[5:] == ["-", "-", "-", ""]
    assert common.table([row]).count("\n") == 2


def test_memory_and_time_of_a_process():
    import sys

    from benchmarks import processes

    def command(text):
        return lambda python: [python, "-c", text]
    for kind, text in (("process", "pass"), ("memory", "print(5e6)")):
        found, show = processes.measure(common.Case("a", numpy=command(text), kind=kind), {"numpy": sys.executable}, 1)
        assert found["numpy"] > 0 and show(found["numpy"])
    assert processes.megabytes(5e6) == "5 MB" and processes.megabytes(None) == "-"


def test_a_worker_answers(capfd):
    import sys

    worker = common.Worker("tcli", sys.executable, 1, tiny=True)
    try:
        case = common.find_case("linalg", "64 x 64")
        assert common.measure({"tcli": worker}, "linalg", case, 1)["tcli"] > 0
        with pytest.raises(RuntimeError, match="tcli: StopIteration"):
            worker.ask("prepare", "linalg", "nothing")
    finally:
        worker.close()
