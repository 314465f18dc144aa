"""`Module`: parameters, buffers and submodules by name, hooks around `forward`, and moving all of it.

Assigning a `Parameter`, a `Module` or a buffer as an attribute registers it. Calling a module runs
`forward` directly when nobody hooked in; everything with hooks is in `hooks.py`, saving and loading
in `state.py`.
"""

from __future__ import annotations

from collections import OrderedDict

from ..engine import dtypes, overrides
from ..engine.class_names import home_in_torch, reduced
from ..engine.device import Device, as_device
from ..engine.fields import new
from ..engine.registry import T
from ..engine.tape import state
from ..engine.tensor import Parameter, Tensor, as_tensor
from ..engine.warn import warn
from ..errors import ArgumentError, BadValue, EngineError, UnknownAttribute, Unsupported

_TABLES = ("_parameters", "_buffers", "_modules")
_HOOKS = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs",
          "_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_state_dict_hooks",
          "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks")

# Hooks on every module there is: lists of (kind, hook); None until the first is registered.
every_module_hooks: dict | None = None


class MissingKey(KeyError, EngineError):
    """A name that is taken, empty or has a dot in it: a KeyError, as PyTorch raises it."""

    __str__ = KeyError.__str__


def typename(value) -> str:
    """How PyTorch names the type of a value in messages."""
    if isinstance(value, Tensor):
        return value.type()
    kind = value if isinstance(value, type) else type(value)
    module = kind.__module__
    if module in ("builtins", "__main__") or module is None:
        return kind.__qualname__
    return f"{home_in_torch(module, kind.__name__) or module}.{kind.__qualname__}"


def class_text(value) -> str:
    """`<class 'torch.nn.modules.container.Sequential'>`: how PyTorch's messages show the class of a value."""
    name = typename(value if isinstance(value, type) else type(value))
    return f"<class '{name.replace('modules.containers', 'modules.container')}'>"


class Module:
    """The base class of all layers and models: subclass it, make layers in `__init__`, write `forward`.

    >>> nn.Linear(3, 2).weight.shape
    torch.Size([2, 3])
    """

    dump_patches = False
    _version = 1
    call_super_init = False
    training: bool
    __reduce_ex__ = reduced

    def __init__(self, *args, **kwargs):
        if kwargs and not self.call_super_init:
            raise ArgumentError(f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                                f"'{next(iter(kwargs))}'")
        if args and not self.call_super_init:
            raise ArgumentError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} "
                                "were given")
        fields = self.__dict__
        fields["training"] = True
        for name in _TABLES:
            fields[name] = {}
        fields["_non_persistent_buffers_set"] = set()
        for name in _HOOKS:
            fields[name] = OrderedDict()
        fields["_is_full_backward_hook"] = None
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # ------------------------------------------------------------ calling

    def __call__(self, *args, **kwargs):
        forward = self.forward
        if self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks \
                or every_module_hooks:
            from .hooks import call_with_hooks

            return call_with_hooks(self, forward, args, kwargs)
        return forward(*args, **kwargs)

    _call_impl = __call__

    def forward(self, *input):
        """What a call of the module computes: a subclass defines it."""
        raise Unsupported(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # ------------------------------------------------------------ attributes

    def __getattr__(self, name: str):
        fields = self.__dict__
        for table in _TABLES:
            if table in fields and name in fields[table]:
                return fields[table][name]
        raise UnknownAttribute(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value) -> None:
        fields = self.__dict__
        parameters = fields.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise UnknownAttribute("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise ArgumentError(f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or "
                                    "None expected)")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if "_modules" not in fields:
                raise UnknownAttribute("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            fields["_modules"][name] = self._registered("module", name, value)
        else:
            self._set_plain(name, value)

    def _set_plain(self, name: str, value) -> None:
        fields = self.__dict__
        if name in fields.get("_modules", ()):
            if value is not None:
                raise ArgumentError(f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module "
                                    "or None expected)")
            fields["_modules"][name] = None
        elif isinstance(value, Buffer) and "_buffers" in fields:
            if name not in fields["_buffers"]:
                self._forget(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in fields.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise ArgumentError(f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, "
                                    "torch.Tensor or None expected)")
            fields["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, keep: str) -> None:
        """Takes `name` out of every table but one."""
        fields = self.__dict__
        fields.pop(name, None)
        for table in _TABLES:
            if table != keep:
                fields[table].pop(name, None)
        if keep != "_buffers":
            fields["_non_persistent_buffers_set"].discard(name)

    def __delattr__(self, name: str) -> None:
        fields = self.__dict__
        for table in _TABLES:
            if name in fields[table]:
                del fields[table][name]
                fields["_non_persistent_buffers_set"].discard(name)
                return
        try:
            object.__delattr__(self, name)
        except AttributeError:
            raise UnknownAttribute(f"'{type(self).__name__}' object has no attribute '{name}'") from None

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in names if not name[:1].isdigit())

    def __setstate__(self, fields: dict) -> None:
        self.__dict__.update(fields)
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())

    # ------------------------------------------------------------ registration

    def _check_name(self, kind: str, table: str, name, *, dot: str) -> None:
        if not isinstance(name, str):
            raise ArgumentError(f"{kind} name should be a string. Got {typename(name)}")
        taken = hasattr(self, name) and name not in self.__dict__[table]
        if kind == "module" and taken:
            raise MissingKey(f"attribute '{name}' already exists")
        if "." in name:
            raise MissingKey(dot)
        if not name:
            raise MissingKey(f'{kind} name can\'t be empty string ""')
        if taken:
            raise MissingKey(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under a name; None keeps the name free of one."""
        if "_parameters" not in self.__dict__:
            raise UnknownAttribute("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", "_parameters", name, dot='parameter name can\'t contain "."')
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentError(f"cannot assign '{typename(param)}' object to parameter '{name}' "
                                "(torch.nn.Parameter or None required)")
        if param is not None and param._node is not None:
            raise BadValue(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                           f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                           "the forward() method.")
        self._parameters[name] = self._registered("parameter", name, param)

    def _registered(self, kind: str, name: str, value):
        """A value that is about to be registered, as the hooks on every module leave it."""
        if every_module_hooks:
            for hook in every_module_hooks.get(f"{kind}_registration", {}).values():
                changed = hook(self, name, value)
                value = value if changed is None else changed
        return value

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is no parameter; `persistent=False` keeps it out of `state_dict`."""
        if "_buffers" not in self.__dict__:
            raise UnknownAttribute("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", "_buffers", name, dot='buffer name can\'t contain "."')
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None "
                                "required)")
        self._buffers[name] = self._registered("buffer", name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a submodule under a name."""
        if module is not None and not isinstance(module, Module):
            raise ArgumentError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", "_modules", name, dot=f'module name can\'t contain ".", got: {name}')
        self._modules[name] = self._registered("module", name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    # ------------------------------------------------------------ by dotted name

    def get_submodule(self, target: str) -> Module:
        """The submodule with a dotted name, `"encoder.0"`; "" is the module itself."""
        module = self
        for part in target.split(".") if target else ():
            found = module._modules.get(part) if isinstance(module, Module) else None
            if found is None:
                if part[:2] == "__" or not hasattr(module, part):
                    raise UnknownAttribute(f"{module._get_name()} has no attribute `{part}`")
                found = getattr(module, part)
                if not isinstance(found, Module):
                    raise UnknownAttribute(f"`{part}` is not an nn.Module")
            module = found
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts another module in the place of the one with a dotted name."""
        if not target:
            raise BadValue("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise BadValue(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and name not in parent._modules:
            raise UnknownAttribute(f"{parent._get_name()} has no attribute `{name}`")
        parent._check_name("module", "_modules", name, dot="")
        parent._modules[name] = module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name."""
        found = self._leaf(target)
        if not isinstance(found, Parameter):
            raise UnknownAttribute(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a dotted name."""
        path, _, name = target.rpartition(".")
        found = self._leaf(target)
        if name not in self.get_submodule(path)._buffers:
            raise UnknownAttribute(f"`{name}` is not a buffer")
        return found

    def _leaf(self, target: str):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name[:2] == "__" or not hasattr(module, name):
            raise UnknownAttribute(f"{module._get_name()} has no attribute `{name}`")
        return getattr(module, name)

    # ------------------------------------------------------------ walks

    def _named_members(self, members_of, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        seen = set()
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in members_of(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield f"{path}.{name}" if path else name, value

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        """(dotted name, parameter) of all parameters, each once."""
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True):
        """All parameters, each once; what an optimiser is given."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        """(dotted name, tensor) of all buffers."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True):
        """All buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self):
        """(name, module) of the direct submodules, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The direct submodules."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True):
        """(dotted name, module) of this module and everything below it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True):
        """This module and all modules below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    # ------------------------------------------------------------ modes and gradients

    def train(self, mode: bool = True):
        """Training mode on or off, here and below; dropout and batch norm look at it."""
        if not isinstance(mode, bool):
            raise BadValue("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """The same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True):
        """Sets `requires_grad` of all parameters: False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients of all parameters."""
        for parameter in self.parameters():
            clear_gradient(parameter, set_to_none)

    # ------------------------------------------------------------ moving and casting

    def apply(self, fn):
        """Calls `fn` on every submodule and then on this module; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse: bool = True):
        """Replaces every parameter's, gradient's and buffer's data by `fn` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        before, state.grad = state.grad, False
        try:
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                parameter.data = fn(parameter)
                if parameter.grad is not None:
                    parameter.grad = fn(parameter.grad).requires_grad_(parameter.grad.requires_grad)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        finally:
            state.grad = before
        return self

    def to(self, *args, dtype=None, device=None, tensor=None, non_blocking: bool = False, memory_format=None, **others):
        """Moves parameters and buffers to a device, or casts the floating ones to a dtype; in place."""
        if "copy" in others:
            raise EngineError(".to() does not accept copy argument")
        if others:
            raise ArgumentError(f"Module.to() got an unexpected keyword argument '{next(iter(others))}'")
        for value in args:
            if isinstance(value, dtypes.dtype):
                dtype = value
            elif isinstance(value, Tensor):
                tensor = value
            elif isinstance(value, (str, int, Device)) and not isinstance(value, bool):
                device = value
        if tensor is not None:
            dtype, device = tensor.dtype, tensor.device
        if dtype is not None and dtype.category < dtypes.FLOAT:
            raise ArgumentError("nn.Module.to only accepts floating point or complex dtypes, but got desired "
                                f"dtype={dtype}")
        if dtype is not None and dtype.category == dtypes.COMPLEX:
            warn("Complex modules are a new feature under active development whose design may change, and some "
                 "modules might not work as expected when using complex tensors as parameters or buffers. Please "
                 "file an issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a "
                 "complex module does not work as expected.")

        def convert(t):
            cast = dtype if t.dtype.category >= dtypes.FLOAT else None
            if device is not None and t.is_meta and as_device(device).type != "meta":
                raise Unsupported("Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
                                  "torch.nn.Module.to() when moving module from meta to a different device.")
            kept = memory_format if memory_format is not None and t.dim() in (4, 5) else None
            if cast is None and device is None and kept is None:
                return t
            return t.to(dtype=cast, device=device, memory_format=kept)
        return self._apply(convert)

    def to_empty(self, *, device, recurse: bool = True):
        """Moves to a device without copying the values."""
        where = as_device(device)
        return self._apply(lambda t: T.empty(t.shape, dtype=t.dtype, device=where), recurse)

    def cpu(self):
        """Moves everything to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        """Moves everything to a GPU."""
        return self._apply(lambda t: t.cuda(device))

    def _cast_floats(self, dtype):
        return self._apply(lambda t: t.to(dtype) if t.dtype.category == dtypes.FLOAT else t)

    def float(self):
        """Casts floating parameters and buffers to float32."""
        return self._cast_floats(dtypes.float32)

    def double(self):
        """Casts floating parameters and buffers to float64."""
        return self._cast_floats(dtypes.float64)

    def half(self):
        """Casts floating parameters and buffers to float16."""
        return self._cast_floats(dtypes.float16)

    def bfloat16(self):
        """Casts floating parameters and buffers to bfloat16."""
        return self._cast_floats(dtypes.bfloat16)

    def type(self, dst_type):
        """Casts all parameters and buffers to a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def share_memory(self):
        """Nothing to do here but for the tensors to say so: kept for programs that call it."""
        return self._apply(lambda t: t.share_memory_())

    def compile(self, *args, **kwargs) -> None:
        """Nothing to do here: programs run as they are."""

    # ------------------------------------------------------------ saving and loading

    def state_dict(self, *args, destination=None, prefix: str = "", keep_vars: bool = False):
        """All parameters and persistent buffers by dotted name; the tensors share the module's memory."""
        from .state import collect

        return collect(self, args, destination, prefix, keep_vars)

    def _save_to_state_dict(self, destination, prefix: str, keep_vars: bool) -> None:
        from .state import save_own

        save_own(self, destination, prefix, keep_vars)

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """Copies tensors by name into the parameters and buffers; a strict load wants exactly the same names."""
        from .state import load

        return load(self, state_dict, strict, assign)

    def _load_from_state_dict(self, state_dict, prefix: str, local_metadata: dict, strict: bool, missing_keys: list,
                              unexpected_keys: list, error_msgs: list) -> None:
        from .state import load_own

        load_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def get_extra_state(self):
        """What a subclass saves beside its tensors."""
        raise EngineError("Reached a code path in Module.get_extra_state() that should never be called. Please file "
                          "an issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to "
                          "report this bug.")

    def set_extra_state(self, state) -> None:
        """Takes back what `get_extra_state` gave."""
        raise EngineError("Reached a code path in Module.set_extra_state() that should never be called. Please file "
                          "an issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to "
                          "report this bug.")

    # ------------------------------------------------------------ hooks

    def register_forward_pre_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False):
        """`hook(module, args)` runs before every `forward` and may return new args."""
        return self._hook("_forward_pre_hooks", hook, prepend, _forward_pre_hooks_with_kwargs=with_kwargs)

    def register_forward_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False):
        """`hook(module, args, output)` runs after every `forward` and may return another output."""
        return self._hook("_forward_hooks", hook, prepend, _forward_hooks_with_kwargs=with_kwargs,
                          _forward_hooks_always_called=always_call)

    def register_full_backward_pre_hook(self, hook, prepend: bool = False):
        """`hook(module, grad_output)` runs before the module's gradients are computed."""
        return self._hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook, prepend: bool = False):
        """`hook(module, grad_input, grad_output)` runs when the gradients of the module's inputs are there."""
        if self._is_full_backward_hook is False:
            raise EngineError("Cannot use both regular backward hooks and full backward hooks on a single Module. "
                              "Please use only one of them.")
        self.__dict__["_is_full_backward_hook"] = True
        return self._hook("_backward_hooks", hook, prepend)

    def register_backward_hook(self, hook):
        """The old form of `register_full_backward_hook`."""
        if self._is_full_backward_hook is True:
            raise EngineError("Cannot use both regular backward hooks and full backward hooks on a single Module. "
                              "Please use only one of them.")
        self.__dict__["_is_full_backward_hook"] = False
        return self._hook("_backward_hooks", hook, False)

    def register_state_dict_pre_hook(self, hook):
        """`hook(module, prefix, keep_vars)` runs before `state_dict` collects."""
        return self._hook("_state_dict_pre_hooks", hook, False)

    def register_state_dict_post_hook(self, hook):
        """`hook(module, state_dict, prefix, local_metadata)` runs after `state_dict` collected."""
        return self._hook("_state_dict_hooks", hook, False)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook):
        """`hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)`, before loading."""
        from .hooks import WithModule

        return self._hook("_load_state_dict_pre_hooks", WithModule(hook, self), False)

    def _register_load_state_dict_pre_hook(self, hook, with_module: bool = False):
        if with_module:
            return self.register_load_state_dict_pre_hook(hook)
        return self._hook("_load_state_dict_pre_hooks", hook, False)

    def register_load_state_dict_post_hook(self, hook):
        """`hook(module, incompatible_keys)` runs after loading."""
        return self._hook("_load_state_dict_post_hooks", hook, False)

    def _hook(self, table: str, hook, prepend: bool, **flags: bool):
        from .hooks import RemovableHandle

        hooks = self.__dict__[table]
        marks = [self.__dict__[name] for name, on in flags.items() if on]
        handle = RemovableHandle(hooks, *marks)
        hooks[handle.id] = hook
        for mark in marks:
            mark[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    # ------------------------------------------------------------ text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands in the parentheses of the module's text."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        body = "\n  " + "\n  ".join(lines + children) + "\n" if lines or children else ""
        return f"{self._get_name()}({body})"


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module it is assigned to."""

    __torch_function__ = overrides.disabled

    def __new__(cls, data=None, *, persistent: bool = True):
        t = new(cls)
        t._a = (data if isinstance(data, Tensor) else as_tensor([] if data is None else data))._a
        t._v = data._v if isinstance(data, Tensor) else [0]
        t.persistent = persistent
        return t


def indented(text: str) -> str:
    """`text` with all lines but the first moved in by two."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])


def clear_gradient(parameter, set_to_none: bool) -> None:
    """`zero_grad` for one tensor."""
    g = parameter.grad
    if g is None:
        return
    if set_to_none:
        parameter.grad = None
        return
    if g._node is not None:
        g.detach_()
    else:
        g.requires_grad_(False)
    g.zero_()
