"""`torch.func`: functions of functions: gradients, Jacobians, Hessians, batching, calls with other parameters."""

from .calls import functional_call, replace_all_batch_norm_modules_, stack_module_state
from .rearranging import rearrange
from .transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .vmapping import vmap

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "rearrange",
           "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap"]
