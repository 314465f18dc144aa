import pytest

from tcli.engine.device import cuda_is_available


def pytest_collection_modifyitems(items) -> None:
    if not cuda_is_available():
        for item in items:
            if "tests/gpu/" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))
