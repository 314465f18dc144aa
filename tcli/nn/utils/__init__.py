"""`torch.nn.utils`: clipping, parameters as one vector, weight and spectral norm, rnn, parametrize, prune."""

from importlib import import_module

_FILES = {
    "clip_grad": "clip_grad_norm clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_ get_total_norm",
    "vectors": "parameters_to_vector skip_init vector_to_parameters",
    "fusion": "fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval fuse_linear_bn_weights",
    "weight_norms": "remove_spectral_norm remove_weight_norm spectral_norm weight_norm",
}
_WHERE = {name: file for file, names in _FILES.items() for name in names.split()}
_MODULES = ("parametrizations", "parametrize", "prune", "rnn")

__all__ = [*_MODULES, *_WHERE]


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'torch.nn.utils' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found
