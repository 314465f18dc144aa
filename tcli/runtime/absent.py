"""What PyTorch has and tcli has not, and what to use instead: the hints of errors about such names."""

from __future__ import annotations

_SPARSE = "tcli has dense tensors only: keep the dense tensor, or add up over lists of edges with index_add or scatter_add"
_QUANTISED = "tcli has no quantised tensors: float16 and bfloat16 halve the memory of weights (model.half())"
_PROCESSES = "tcli runs in one process; the threads of tcli --threads N share its work"
_GRAPHS = "tcli runs programs as they are and fuses elementwise work by itself: leave the call out"
_NESTED = "pad the sequences: torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), and mask what was padded"

# A name of a module or of a tensor -> what to do without it.
_NAMES = {
    _SPARSE: """sparse_coo_tensor sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor sparse_bsc_tensor
        sparse_compressed_tensor to_sparse coalesce is_coalesced sparse_mask sparse_dim dense_dim
        crow_indices col_indices ccol_indices row_indices SparseAdam smm spmm hspmm sspaddmm saddmm sparse_csr sparse_csc
        sparse_bsr sparse_bsc spsolve spdiags sampled_addmm sparse_resize_ sparse_resize_and_clear_""",
    _QUANTISED: """quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize int_repr q_scale q_zero_point
        q_per_channel_scales q_per_channel_zero_points q_per_channel_axis qint8 quint8 qint32 quint4x2 quint2x4 qscheme
        fake_quantize_per_tensor_affine fake_quantize_per_channel_affine quantization quantized ao per_tensor_affine
        per_channel_affine quantize_dynamic""",
    _PROCESSES: "distributed DistributedDataParallel spawn Process Pool fork FullyShardedDataParallel",
    _GRAPHS: "fx export onnx ScriptModule ScriptFunction trace_module functionalize CompilationUnit",
    _NESTED: "nested_tensor as_nested_tensor nested_tensor_from_jagged to_padded_tensor jagged",
    "torch.linalg.eig(x), or torch.linalg.eigh(x) for a symmetric matrix": "eig symeig",
    "torch.linalg.lstsq(A, B).solution": "lstsq", "torch.linalg.solve(A, B)": "solve",
    "torch.linalg.matrix_rank(x)": "matrix_rank", "torch.linalg.vector_norm(x) and torch.linalg.matrix_norm(x)":
    "frobenius_norm nuclear_norm norm_except_dim", "x.resize_(...) or x.reshape(...)": "resize resize_as",
    "torch.where and masks: x[mask], x.masked_fill(~mask, 0)": "masked_tensor as_masked_tensor MaskedTensor is_masked_tensor",
    "loops and if statements run as they are": "cond while_loop",
}
_HINTS = {name: hint for hint, names in _NAMES.items() for name in names.split()}

# Modules of other people.
_FOREIGN = {
    "plots go to the terminal here: plot(y), hist(x), imshow(img)": "matplotlib seaborn",
    "tcli runs PyTorch's way of writing": "tensorflow jax",
    "load('file.csv') reads a table of numbers": "pandas",
    "programs do not start other programs": "subprocess",
    "a program runs in one thread; tensor operations use several by themselves": "threading concurrent",
    "a program runs in one process; tensor operations use several threads by themselves": "multiprocessing",
    "programs wait for nothing here": "asyncio",
    "torch.linalg, torch.special, torch.fft and torch.distributions have most of it": "scipy",
    "data.iris(), data.digits() and others come with tcli; linear algebra is in torch.linalg": "sklearn",
    "write the environment as a class": "gym gymnasium",
    "torch.stft and torch.fft; load reads arrays": "torchaudio",
    "read the text with open() and split it": "torchtext",
    "write the training loop out": "pytorch_lightning lightning",
    "x.permute, x.reshape, x.unflatten and torch.einsum": "einops",
    "print the numbers, or plot(losses)": "wandb tensorboard",
    "load('image.png') reads an image": "PIL cv2",
    "files lie at or below the directory tcli was started in: open('scratch.txt', 'w')": "tempfile",
    "os.remove and os.makedirs, at or below the directory tcli was started in": "shutil",
    "os.listdir(folder), at or below the directory tcli was started in": "glob",
    "programs have no network": "socket",
    "assert, and torch.testing.assert_close(a, b); tcli test runs .tsr files with expected results": "unittest pytest",
    "torch.save and torch.load keep tensors and state dicts": "pickle",
    "load('image.png') reads an image; F.interpolate and slices crop, scale and flip it": "torchvision",
    "load('model.safetensors') reads the weights; the model is a class you write": "transformers",
}

_MODULES = {name: hint for hint, names in _FOREIGN.items() for name in names.split()} | {
    "torch.distributed": _PROCESSES, "torch.multiprocessing": _PROCESSES, "torch.fx": _GRAPHS, "torch.export": _GRAPHS,
    "torch.onnx": _GRAPHS, "torch._dynamo": _GRAPHS, "torch.quantization": _QUANTISED, "torch.ao": _QUANTISED,
    "torch.nn.quantized": _QUANTISED, "torch.sparse": _SPARSE,
    "torch.utils.tensorboard": "print the numbers, or draw them in the terminal: plot(losses)",
    "torch.utils.cpp_extension": "programs are Python text; torch.autograd.Function makes an operator of your own",
    "torch.library": "torch.autograd.Function makes an operator of your own",
    "torch.utils.benchmark": "time.perf_counter(), or tcli --profile FILE.tsr for a table of times by line and operator",
    "torch.hub": "load('model.safetensors') reads weights; the model is a class you write",
}


def hint_for_name(name: str) -> str | None:
    """What to use instead of an attribute that PyTorch has, or None.

    >>> from tcli.runtime.absent import hint_for_name
    >>> hint_for_name("solve")
    'torch.linalg.solve(A, B)'
    """
    found = _HINTS.get(name)
    if found is None and name.startswith("to_sparse_"):
        return _SPARSE
    return found


def hint_for_module(name: str) -> str | None:
    """What to do without a module of PyTorch or of other people, or None."""
    while name and name not in _MODULES:
        name = name.rpartition(".")[0]
    return _MODULES.get(name)


def hint_for_program(name: str) -> str | None:
    """How to run a program of that name which lies here, or None."""
    import os

    first = name.partition(".")[0]
    program = next((first + ending for ending in (".tsr", ".py") if os.path.isfile(first + ending)), None)
    return f"programs are not imported; at the prompt `:run {program}` runs it and keeps its names" if program else None
