"""Linear algebra, einsum and Fourier transforms: LAPACK's words and conventions, and what samples cannot say."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine import autograd
from tcli.engine.tensor import tensor
from tcli.errors import BadValue, EngineError, LinAlgError, Unsupported
from tcli.runtime.namespaces import tree

torch = tree("torch")
linalg, fft, einsum = torch.linalg, torch.fft, torch.einsum

SINGULAR = tensor([[0.0, 0.0], [0.0, 0.0]])
INDEFINITE = tensor([[1.0, 2.0], [2.0, 1.0]])
WIDE = torch.ones(2, 3)


def _stack(*matrices):
    return torch.stack(list(matrices))


@pytest.mark.parametrize("call, message", [
    (lambda: linalg.inv(SINGULAR), "linalg.inv: The diagonal element 1 is zero, the inversion could not be completed "
                                   "because the input matrix is singular."),
    (lambda: linalg.inv(_stack(torch.eye(2), SINGULAR)),
     "linalg.inv: (Batch element 1): The diagonal element 1 is zero, the inversion could not be completed because "
     "the "
     "input matrix is singular."),
    (lambda: linalg.solve(SINGULAR, torch.ones(2)),
     "torch.linalg.solve: The solver failed because the input matrix is singular."),
    (lambda: linalg.cholesky(INDEFINITE), "linalg.cholesky: The factorization could not be completed because the "
                                          "input is "
                                          "not positive-definite (the leading minor of order 2 is not "
                                          "positive-definite)."),
    (lambda: linalg.svd(torch.full((2, 2), float("nan"))),
     "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."),
])
def test_what_lapack_cannot_do_is_a_linalg_error(call, message):
    with pytest.raises(LinAlgError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("call, message", [
    (lambda: linalg.inv(WIDE), "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices"),
    (lambda: linalg.det(torch.ones(3)), "linalg.det: The input tensor A must have at least 2 dimensions."),
    (lambda: linalg.inv(torch.ones(2, 2).half()), "linalg.inv: Low precision dtypes not supported. Got Half"),
    (lambda: WIDE @ WIDE, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
    (lambda: WIDE @ torch.ones(2), "size mismatch, got input (2), mat (2x3), vec (2)"),
    (lambda: torch.mm(WIDE, torch.ones(3, 2).double()),
     "expected m1 and m2 to have the same dtype, but got: float != double"),
    (lambda: torch.bmm(torch.ones(2, 2, 3), torch.ones(3, 3, 2)),
     "Expected size for first two dimensions of batch2 tensor to be: [2, 3] but got: [3, 3]."),
    (lambda: einsum("ij,jk->ik", WIDE, WIDE),
     "einsum(): subscript j has size 2 for operand 1 which does not broadcast with previously seen size 3"),
    (lambda: einsum("ij->ii", WIDE), "einsum(): output subscript i appears more than once in the output"),
    (lambda: fft.fft(WIDE, norm="x"), 'Invalid normalization mode: "x"'),
    (lambda: fft.rfft(WIDE + 0j), "rfft expects a real input tensor, but got ComplexFloat"),
    (lambda: linalg.matrix_norm(WIDE, 3), "linalg.matrix_norm: Order 3 not supported."),
])
def test_misuse_is_told_in_pytorchs_words(call, message):
    with pytest.raises(EngineError) as caught:
        call()
    assert str(caught.value) == message


def test_bools_are_not_multiplied_and_numbers_are_no_matrices():
    mask = torch.ones(2, 2).bool()
    with pytest.raises(Unsupported, match="\"addmm_impl_cpu_\" not implemented for 'Bool'"):
        mask @ mask
    with pytest.raises(TypeError, match="unsupported operand type"):
        torch.ones(2, 2) @ 2.0


def test_one_singular_matrix_leaves_the_others_their_inverse():
    inverse, info = linalg.inv_ex(_stack(2 * torch.eye(2), SINGULAR))
    assert info.tolist() == [0, 1]
    assert inverse[0].tolist() == [[0.5, 0.0], [0.0, 0.5]]


def test_signs_are_those_of_lapack():
    a = tensor([[3.0, 1.0], [1.0, 3.0]])
    q, r = linalg.qr(a)
    assert (r.diagonal() < 0).tolist() == [True, False]
    np.testing.assert_allclose((q @ r).numpy(), a.numpy(), rtol=1e-6)
    u, s, vh = linalg.svd(a)
    assert (u[0] < 0).tolist() == [True, True]
    np.testing.assert_allclose((u * s @ vh).numpy(), a.numpy(), rtol=1e-6)


def test_a_loss_of_the_phase_of_complex_vectors_is_refused():
    torch.manual_seed(0)
    a = torch.randn(3, 3, dtype=torch.complex128).requires_grad_(True)
    u, _, _ = linalg.svd(a)
    with pytest.raises(RuntimeError, match="svd_backward: The singular vectors in the complex case"):
        u.imag.sum().backward()
    u.abs().sum().backward()
    assert a.grad is not None


def test_the_gradient_of_det_reaches_singular_matrices():
    a = tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    linalg.det(a).backward()
    np.testing.assert_allclose(a.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-9)


def test_integers_multiply_exactly():
    big = torch.full((40, 40), 2 ** 31)
    assert (big @ big)[0, 0].item() == 40 * 2 ** 62 % 2 ** 64 - (2 ** 64 if 40 * 2 ** 62 % 2 ** 64 >= 2 ** 63 else 0)
    small = torch.arange(1600).reshape(40, 40)
    assert ((small @ small).numpy() == small.numpy() @ small.numpy()).all()


@pytest.mark.parametrize("equation, shapes", [
    ("ii->i", [(3, 3)]), ("ij->", [(2, 3)]), ("ij", [(2, 3)]), ("ba", [(2, 3)]), ("i,j->ij", [(2,), (3,)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("...ij,...jk", [(2, 1, 3, 4), (5, 4, 2)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]), ("ij,ij,i->j", [(2, 3), (2, 3), (2,)]),
    ("b i , b j -> b", [(2, 3), (2, 4)]), ("...i->...", [(2, 3)]), ("iij,j->i", [(2, 2, 3), (3,)]),
])
def test_einsum_is_numpys(equation, shapes):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    leaves = [tensor(a, requires_grad=True) for a in arrays]
    y = einsum(equation, *leaves)
    np.testing.assert_allclose(y.detach().numpy(), np.einsum(equation.replace(" ", ""), *arrays), rtol=1e-9,
                               atol=1e-12)
    first = autograd.grad(y.sum(), leaves)
    step = 1e-6 * rng.standard_normal(shapes[0])
    moved = np.einsum(equation.replace(" ", ""), arrays[0] + step, *arrays[1:]).sum() - y.sum().item()
    assert (first[0].numpy() * step).sum() == pytest.approx(moved, rel=1e-3, abs=1e-10)


def test_einsum_takes_lists_of_labels_and_is_a_view_where_nothing_is_summed():
    x = torch.zeros(2, 2)
    einsum("ii->i", x).fill_(1)
    assert x.tolist() == [[1, 0], [0, 1]]
    assert einsum(torch.ones(2, 3), [0, 1], torch.ones(3), [1], [0]).tolist() == [3, 3]
    with pytest.raises(BadValue, match="not within the valid range"):
        einsum(torch.ones(2, 3), [0, 99])


def test_transforms_keep_single_precision_and_return():
    x = torch.randn(3, 7)
    assert fft.fft(x).dtype is torch.complex64
    assert fft.rfft(torch.arange(4)).dtype is torch.complex64
    np.testing.assert_allclose(fft.irfft(fft.rfft(x), n=7).numpy(), x.numpy(), atol=1e-6)
    y = torch.stft(torch.randn(40), 8, window=torch.hann_window(8), return_complex=True)
    again = torch.stft(torch.istft(y, 8, window=torch.hann_window(8)), 8, window=torch.hann_window(8),
                       return_complex=True)
    np.testing.assert_allclose(again.numpy(), y.numpy(), atol=1e-5)


def test_large_and_small_transforms_agree():
    x = torch.randn(1 << 18)
    np.testing.assert_allclose(fft.fft(x).numpy(), np.fft.fft(x.numpy().astype(np.float64)), rtol=1e-3, atol=0.1)


@pytest.mark.parametrize("pivots", [[9, 2, 3], [-1, 2, 3], [1, 2, -3], [0, 1, 2], [-2**31, -1, 2]])
def test_ldl_solve_follows_no_pivots_that_lead_out_of_the_matrix(pivots):
    with pytest.raises(EngineError, match="Did you properly pass the result of ldl_factor"):
        linalg.ldl_solve(torch.eye(3), tensor(pivots, dtype=torch.int32), torch.eye(3))


@pytest.mark.parametrize("pivots, message", [([0, 2, 3], "greater or equal to 1"), ([1, 2, 4], "at most the number of rows")])
def test_lu_solve_looks_at_its_pivots(pivots, message):
    with pytest.raises(EngineError, match=message):
        linalg.lu_solve(torch.eye(3), tensor(pivots, dtype=torch.int32), torch.eye(3))
