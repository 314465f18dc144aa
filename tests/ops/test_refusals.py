"""Calls that PyTorch refuses, with the class and words it does so: most are on tensors without dims or elements."""

import warnings

import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.runtime.namespaces import tree

torch = tree("torch")
F = torch.nn.functional
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")  # nan on purpose, changed sizes
dot, nothing, none = torch.tensor(1.0), torch.zeros(0), torch.zeros(0).long()
NO_DIMS = "but tensor has no dimensions"

REFUSED = [
    (lambda: torch.split(dot, 2, 5), RuntimeError, "split expects at least a 1-dimensional tensor"),
    (lambda: torch.split_with_sizes(dot, [1], 3), RuntimeError, "split expects at least"),
    (lambda: torch.chunk(dot, 2, 5), RuntimeError, "chunk expects at least a 1-dimensional tensor"),
    (lambda: torch.unsafe_chunk(dot, 2), RuntimeError, "chunk expects at least"),
    (lambda: torch.tensor_split(dot, 2, 5), RuntimeError, "tensor_split expected at least a 1-dimensional tensor"),
    (lambda: torch.narrow(dot, 3, 0, 0), RuntimeError, "narrow() cannot be applied to a 0-dim tensor."),
    (lambda: torch.narrow_copy(torch.ones(3), 3, 0, 0), RuntimeError, "Expected dim <"),
    (lambda: torch.renorm(dot, 2, 3, 1.0), RuntimeError, "input needs at least 2 dimensions, got 0 dimensions"),
    (lambda: torch.slice_scatter(dot, dot), IndexError, "slice() cannot be applied to a 0-dim tensor."),
    (lambda: torch.unflatten(dot, 2, (1,)), IndexError, "Dimension out of range"),
    (lambda: torch.unique(dot, dim=0), IndexError, NO_DIMS),
    (lambda: torch.take_along_dim(dot, torch.tensor(0), 0), IndexError, NO_DIMS),
    (lambda: torch.repeat_interleave(dot, torch.tensor(2), dim=0), IndexError, NO_DIMS),
    (lambda: torch.linalg.cross(dot, dot), IndexError, NO_DIMS),
    (lambda: torch.diag_embed(dot), IndexError, "Dimension out of range"),
    (lambda: torch.mv(dot, torch.ones(2)), IndexError, NO_DIMS),
    (lambda: torch.fft.fftshift(dot), RuntimeError, "`shifts` required"),
    (lambda: torch.kthvalue(nothing, 2), IndexError, "Expected reduction dim 0 to have non-zero size."),
    (lambda: torch.index_select(dot, 0, torch.tensor(2)), IndexError, "index out of range in self"),
    (lambda: torch.index_copy(dot, 0, torch.tensor(2), dot), IndexError, "index 2 is out of bounds"),
    (lambda: torch.index_add(dot, 0, none, dot), IndexError, NO_DIMS),
    (lambda: torch.index_reduce(torch.ones(3), 0, torch.tensor([0]), torch.ones(2), "amax"), RuntimeError,
     "index_reduce_(): Number of indices (1) should be equal to source.size(dim): (2), for dim: 0"),
    (lambda: torch.cov(nothing, fweights=none.int()), RuntimeError, "cov(): weights sum to zero, can't be normalized"),
    (lambda: torch.lu_unpack(dot, torch.tensor(1).int()), RuntimeError, "Expected tensor with 2 or more dimensions"),
    (lambda: torch.linalg.tensorsolve(dot, dot, dims=(0, 2)), IndexError, "Dimension out of range"),
    (lambda: dot.float(memory_format=torch.channels_last), RuntimeError, "required rank 4 tensor"),
    (lambda: torch.max(dot, True), TypeError, "invalid combination of arguments - got (Tensor, bool)"),
    (lambda: torch.tensor([1]).byte() ** -3, RuntimeError, "Integers to negative integer powers are not allowed."),
    (lambda: torch.div(torch.ones(2).half(), 1j), NotImplementedError, "\"div_cpu\" not implemented for 'ComplexHalf'"),
    (lambda: torch.pow(torch.ones(2).half(), 1j), NotImplementedError, "\"pow\" not implemented for 'ComplexHalf'"),
    (lambda: torch.eye(2, dtype=torch.complex32), NotImplementedError, "\"eye\" not implemented for 'ComplexHalf'"),
    (lambda: torch.cat([nothing, torch.ones(2)], out=nothing), RuntimeError, "refer to a single memory location"),
    (lambda: torch.mean(torch.tensor([1j]), out=torch.zeros(())), RuntimeError,
     "mean.dtype_out(): input types can't be cast to the desired output type Float"),
    (lambda: torch.mean(torch.ones(2, 2), 1, dtype=torch.float64, out=torch.zeros(2)), RuntimeError,
     "Expected out tensor to have dtype double, but got float instead"),
    (lambda: torch.abs(torch.tensor([1j]), out=torch.zeros(1).to(torch.complex128)), RuntimeError,
     "Found dtype ComplexDouble but expected ComplexFloat"),
    (lambda: torch.clamp_min(torch.ones(2), 0, out=torch.zeros(2).double()), RuntimeError,
     "Found dtype Double but expected Float"),
    (lambda: F.linear(torch.ones(2, 3).half(), torch.ones(4, 3)), RuntimeError,
     "expected m1 and m2 to have the same dtype, but got: c10::Half != float"),
    (lambda: F.linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(4).half()), RuntimeError,
     "self and mat2 must have the same dtype, but got Half and Float"),
    (lambda: F.bilinear(torch.ones(2, 3).half(), torch.ones(2, 3), torch.ones(4, 3, 3)), RuntimeError,
     "All tensors must have the same dtype, got input1: c10::Half, input2: float, weight: float"),
    (lambda: F.embedding_bag(none.new_zeros(1), dot, none.new_zeros(1)), ValueError, "weight has to be a 2D Tensor"),
    (lambda: F.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 2), dilation=-1), RuntimeError,
     "dilation should be greater than zero"),
    (lambda: F.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2), dilation=0), RuntimeError, "zero, but got [1, 0]"),
    (lambda: F.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 0, 2)), RuntimeError,
     "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 2"),
    (lambda: F.adaptive_avg_pool2d(dot, 2), RuntimeError, "adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got []"),
    (lambda: F.avg_pool2d(dot, 2), IndexError, "Dimension specified as -3 but tensor has no dimensions"),
    (lambda: torch.fft.ihfft2(torch.ones(3, 4), out=torch.zeros(3, 3)), RuntimeError,
     "ihfftn expects a complex output tensor, but got Float"),
    (lambda: F.dropout1d(torch.ones(1, 2, 3, 4)), RuntimeError, "dropout1d: Expected 2D or 3D input, but received a 4D input."),
    (lambda: F.dropout(torch.ones(2), float("nan")), RuntimeError,
     "dropout probability has to be between 0 and 1, but got nan"),
    (lambda: torch.ones(2, requires_grad=True).set_(torch.ones(1)), RuntimeError, "a leaf Variable that requires grad"),
    (lambda: torch.ones(3).set_(torch.ones(6).untyped_storage(), 1, (7,)), RuntimeError,
     "are out of bounds for storage of size"),
    (lambda: torch.nn.utils.rnn.pack_padded_sequence(torch.ones(3), [2, 2]), IndexError, "Dimension out of range"),
    (lambda: F.glu(dot, 5), RuntimeError, "glu does not support scalars because halving size must be even"),
    (lambda: F.dropout2d(torch.ones(3)), RuntimeError, "Feature dropout requires at least 2 dimensions in the input"),
    (lambda: F.interpolate(dot, size=(3,)), ValueError, "must have the same number of spatial dimensions"),
    (lambda: F.pad(torch.ones(0, 3), (1, 2), "reflect"), RuntimeError, "Expected 2D or 3D (batch mode) tensor"),
    (lambda: F.bilinear(dot, dot, dot), IndexError, NO_DIMS),
    (lambda: F.multilabel_soft_margin_loss(dot, dot), IndexError, NO_DIMS),
    (lambda: F.cross_entropy(dot, torch.tensor(0.5)), IndexError, NO_DIMS),
    (lambda: F.batch_norm(torch.ones(0, 2), None, None, nothing, training=True), IndexError, ""),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED)
def test_refused_as_pytorch_does(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)


def test_nan_comes_through_the_gradient_of_logsumexp():
    x = torch.tensor([-torch.inf, -torch.inf], requires_grad=True)
    x.logsumexp(0).backward()
    assert bool(x.grad.isnan().all())


def test_transposed_matrices_without_dims_are_themselves():
    assert dot.mT is dot
    assert dot.mH is dot


def test_addbmm_takes_the_shape_of_its_result():
    x = torch.zeros(1, 2)
    assert x.addbmm_(torch.ones(4, 2, 3), torch.ones(4, 3, 2)) is x
    assert x.tolist() == [[12.0, 12.0], [12.0, 12.0]]


def test_broadcast_tensors_gives_back_what_fits():
    x = torch.ones(2)
    first, second = torch.broadcast_tensors(x, dot)
    assert first is x
    assert second.shape == (2,)


def test_infinite_numbers_add_to_complex_ones_from_either_side():
    for total in (torch.tensor([1 + 1j]) + torch.inf, torch.inf + torch.tensor([1 + 1j])):
        assert total.real.item() == torch.inf
        assert total.imag.isnan().item()


def test_what_creates_resizes_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert torch.linspace(0, 2, 3, out=torch.zeros(1)).tolist() == [0.0, 1.0, 2.0]
    with pytest.warns(UserWarning, match="The number of elements in the out tensor of shape"):
        assert torch.arange(3, out=torch.zeros(1)).tolist() == [0.0, 1.0, 2.0]
    with pytest.warns(UserWarning, match="was resized"):
        torch.add(torch.ones(2), 1, out=torch.zeros(1))
