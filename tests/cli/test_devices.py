"""`tcli devices`, and what is said where there is no GPU."""

import builtins
import json
import types

import pytest

from tcli.cli.files import main as run
from tcli.engine import cuda
from tcli.errors import DeviceError


def test_it_lists_devices_and_versions(capsys):
    assert run(["devices"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("cpu ") and "meta" in shown and "numpy" in shown
    assert "cuda" in shown


def test_json(capsys):
    assert run(["devices", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cpu"]["cores"] >= 1
    assert found["cuda"]["devices"] or found["cuda"]["missing"]


def without_cupy(monkeypatch, error: ImportError) -> None:
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name == "cupy":
            raise error
        return real(name, *args, **kwargs)
    monkeypatch.setattr(builtins, "__import__", importing)


def test_no_driver(monkeypatch):
    without_cupy(monkeypatch, ModuleNotFoundError("No module named 'cupy'", name="cupy"))
    monkeypatch.setattr(cuda, "driver_version", lambda: None)
    error = cuda.why_not()
    assert isinstance(error, DeviceError)
    assert str(error) == "Torch not compiled with CUDA enabled"
    assert "no NVIDIA driver" in error.notes[0]


@pytest.mark.parametrize("driver, package", [((12, 4), "tcli[cuda]"), ((13, 0), "tcli[cuda13]")])
def test_a_driver_without_cupy_names_the_extra(monkeypatch, driver, package):
    without_cupy(monkeypatch, ModuleNotFoundError("No module named 'cupy'", name="cupy"))
    monkeypatch.setattr(cuda, "driver_version", lambda: driver)
    error = cuda.why_not()
    assert package in error.help
    assert f"supports CUDA {driver[0]}.{driver[1]}, but CuPy is not installed" in error.notes[0]


def fake_cupy(monkeypatch, count, built: int = 13) -> None:
    import sys

    class CUDARuntimeError(RuntimeError):
        pass

    def get_count():
        if isinstance(count, str):
            raise CUDARuntimeError(count)
        return count
    runtime = types.SimpleNamespace(CUDARuntimeError=CUDARuntimeError, getDeviceCount=get_count,
                                    runtimeGetVersion=lambda: built * 1000)
    module = types.ModuleType("cupy")
    module.cuda = types.SimpleNamespace(runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", module)


def test_cupy_for_a_newer_cuda_than_the_driver(monkeypatch):
    fake_cupy(monkeypatch, "cudaErrorInsufficientDriver")
    monkeypatch.setattr(cuda, "driver_version", lambda: (12, 2))
    error = cuda.why_not()
    assert str(error) == "the installed CuPy is built for CUDA 13, the driver supports 12.2"
    assert error.help == "pip install 'tcli[cuda]'"


def test_cupy_without_a_driver_or_without_a_gpu(monkeypatch):
    fake_cupy(monkeypatch, "cudaErrorInsufficientDriver")
    monkeypatch.setattr(cuda, "driver_version", lambda: None)
    assert str(cuda.why_not()).startswith("Found no NVIDIA driver on your system.")
    fake_cupy(monkeypatch, 0)
    assert str(cuda.why_not()) == "No CUDA GPUs are available"
    fake_cupy(monkeypatch, 2)
    assert cuda.why_not() is None
