"""Matrix products, stacks of them, and contractions."""

from __future__ import annotations

from .common import Case, floats

FASTEST = ((("numpy", "torch", "jax"), 1.1),)
CONTRACTION = ((("jax",), 1.5),)


def product(*shapes_of):
    """Builders of `a @ b` for torch-like modules, NumPy and JAX; shapes_of(n) gives both shapes."""
    def torchlike(torch, n):
        a, b = (torch.tensor(floats(*shape, seed=i)) for i, shape in enumerate(shapes_of[0](n)))
        return lambda: a @ b

    def with_numpy(np, n):
        a, b = (floats(*shape, seed=i) for i, shape in enumerate(shapes_of[0](n)))
        return lambda: a @ b

    def with_jax(jax, n):
        a, b = (jax.numpy.asarray(floats(*shape, seed=i)) for i, shape in enumerate(shapes_of[0](n)))
        run = jax.jit(lambda a, b: a @ b)
        return lambda: run(a, b)
    return torchlike, with_numpy, with_jax


def matmul(name: str, shapes_of, n: int, tiny: int = 3) -> Case:
    torchlike, with_numpy, with_jax = product(shapes_of)
    return Case(name, torchlike, with_numpy, with_jax, n=(n,), tiny=(tiny,), bounds=FASTEST)


def backward(name: str, shapes_of, n: int) -> Case:
    def build(torch, n):
        a, b = (torch.tensor(floats(*shape, seed=i)).requires_grad_() for i, shape in enumerate(shapes_of(n)))
        g = torch.ones((a @ b).shape)

        def run():
            a.grad = b.grad = None
            (a @ b).backward(g)
            return a.grad, b.grad
        return run
    return Case(name, build, n=(n,), tiny=(3,), bounds=((("torch",), 1.1),))


def einsum(name: str, text: str, shapes_of, n: int) -> Case:
    def torchlike(torch, n):
        parts = [torch.tensor(floats(*shape, seed=i)) for i, shape in enumerate(shapes_of(n))]
        return lambda: torch.einsum(text, *parts)

    def with_numpy(np, n):
        parts = [floats(*shape, seed=i) for i, shape in enumerate(shapes_of(n))]
        return lambda: np.einsum(text, *parts, optimize=True)

    def with_jax(jax, n):
        parts = [jax.numpy.asarray(floats(*shape, seed=i)) for i, shape in enumerate(shapes_of(n))]
        run = jax.jit(lambda *parts: jax.numpy.einsum(text, *parts))
        return lambda: run(*parts)
    return Case(name, torchlike, with_numpy, with_jax, n=(n,), tiny=(3,), bounds=CONTRACTION)


CASES = [
    matmul("1000 x 1000", lambda n: ((n, n), (n, n)), 1000),
    matmul("128 x 784 @ 784 x 512", lambda n: ((n, 6 * n), (6 * n, 4 * n)), 128),
    matmul("64 x 64", lambda n: ((n, n), (n, n)), 64),
    matmul("2000 x 2000 @ vector", lambda n: ((n, n), (n,)), 2000),
    matmul("64 of 32 x 32", lambda n: ((64, n, n), (64, n, n)), 32),
    matmul("64 of 128 x 128", lambda n: ((64, n, n), (64, n, n)), 128),
    matmul("8 of 512 x 512", lambda n: ((8, n, n), (8, n, n)), 512),
    matmul("10000 of 8 x 8", lambda n: ((10000, n, n), (10000, n, n)), 8),
    matmul("64 of 128 x 256, one right side", lambda n: ((64, n, 2 * n), (2 * n, n)), 128),
    matmul("one left side, 64 of 128 x 128", lambda n: ((n, n), (64, n, n)), 128),
    backward("64 of 128 x 128, backward", lambda n: ((64, n, n), (64, n, n)), 128),
    backward("64 of 128 x 256, one right side, backward", lambda n: ((64, n, 2 * n), (2 * n, n)), 128),
    einsum("einsum ij,jk,kl->il", "ij,jk,kl->il", lambda n: ((n, n), (n, 2 * n), (2 * n, n)), 300),
    einsum("einsum ij,jk,kl->il, thin", "ij,jk,kl->il", lambda n: ((n, n), (n, n), (n, 2)), 1000),
    einsum("einsum bij,bjk,bkl->bil", "bij,bjk,bkl->bil", lambda n: ((32, n, n), (32, n, n), (32, n, n)), 96),
    einsum("einsum bhqd,bhkd,bhke->bhqe", "bhqd,bhkd,bhke->bhqe", lambda n: ((4, 4, n, 32),) * 3, 128),
    einsum("einsum ijk,jl,km->ilm", "ijk,jl,km->ilm", lambda n: ((n, n, n), (n, n), (n, n)), 100),
    einsum("einsum i,ij,j->", "i,ij,j->", lambda n: ((n,), (n, n), (n,)), 2000),
]
