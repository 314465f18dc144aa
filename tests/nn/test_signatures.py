"""Everything of nn, optim, func and data is there, and is called as in PyTorch."""

import json
from pathlib import Path

import pytest

from tcli.runtime.namespaces import known_modules

from .signatures import home_of, parameters

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "signatures.json").read_text())
torch = known_modules()["torch"]

# Internals of PyTorch that its modules show, and what needs sparse tensors, several processes or its compiler.
ABSENT = {
    "nn": "Container factory_kwargs LinearCrossEntropyOptions Parameter",
    "nn.functional": """BroadcastingList1 DType ScalingType SwizzleType Tensor assert_int_or_pair boolean_dispatch grouped_mm
        handle_torch_function has_torch_function has_torch_function_unary has_torch_function_variadic
        scaled_grouped_mm scaled_mm""",
    "nn.init": "Tensor", "nn.utils": "convert_conv2d_weight_memory_format convert_conv3d_weight_memory_format",
    "nn.utils.rnn": "PackedSequence_ Tensor bind copy_method_params",
    "nn.utils.parametrize": """Module ModuleDict ModuleList OpaqueBase Parameter Tensor get_swap_module_params_on_conversion
        is_opaque_reference_type is_traceable_wrapper_subclass""",
    "nn.utils.parametrizations": "Module Tensor",
    "optim": "SparseAdam swap_in_optimizer_params_and_state", "optim.lr_scheduler": "Optimizer Tensor",
    "optim.swa_utils": "LRScheduler Module Tensor",
    "func": "debug_unwrap functionalize",
    "utils.data": """DFIterDataPipe DataChunk IterDataPipe MapDataPipe argument_validation
        functional_datapipe guaranteed_datapipes_determinism non_deterministic runtime_validation
        runtime_validation_disabled""",
}


def _cases() -> list:
    return [pytest.param(module, name, id=f"{module}.{name}") for module, names in GOLDEN.items() for name in names
            if name not in ABSENT.get(module, "").split()]


def _number(text: str) -> str:
    return text.removesuffix(".0")


@pytest.mark.parametrize(("module", "name"), _cases())
def test_it_is_called_as_in_pytorch(module, name):
    found, wanted = parameters(getattr(home_of(torch, module), name)), GOLDEN[module][name]
    if not wanted or wanted[0][0] == "*args":
        assert callable(getattr(home_of(torch, module), name))
        return
    given = dict(found)
    for parameter, default in wanted:
        if parameter in ("device", "dtype", "process_group", "out") or parameter.startswith("*"):
            continue
        assert parameter in given or any(each.startswith("**") for each in given), parameter
        if parameter in given and not default.startswith("<"):
            assert _number(given[parameter]) == _number(default), parameter


def test_what_is_said_to_be_absent_is():
    for module, names in ABSENT.items():
        here = set(dir(home_of(torch, module)))
        for name in names.split():
            if name not in ("L1Unstructured", "RandomUnstructured", "Parameter"):
                assert name not in here, f"{module}.{name}"
