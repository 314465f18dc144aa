"""Distributions and what is asked of them, the same for tcli and for PyTorch (scripts/record_distributions.py)."""

import numpy as np

CASES = (
    "Normal(t([1.3, 0.4]), t([0.7, 1.9]))", "Normal(0.5, 2.0)", "LogNormal(t([1.3, 0.4]), t([0.7, 1.9]))",
    "HalfNormal(t([0.7, 1.9]))", "HalfCauchy(t([0.7, 1.9]))", "Cauchy(t([1.3, 0.4]), t([0.7, 1.9]))",
    "Laplace(t([1.3, 0.4]), t([0.7, 1.9]))", "Gumbel(t([1.3, 0.4]), t([0.7, 1.9]))", "Exponential(t([0.7, 1.9]))",
    "Weibull(t([0.7, 1.9]), t([1.3, 0.4]))", "Pareto(t([0.7, 1.9]), t([3.0, 2.5]))",
    "Uniform(t([1.3, 0.4]), t([2.0, 3.0]))",
    "Gamma(t([0.7, 1.9]), t([1.3, 0.4]))", "InverseGamma(t([3.0, 2.5]), t([1.3, 0.4]))", "Chi2(t([0.7, 1.9]))",
    "FisherSnedecor(t([3.0, 2.0]), t([5.0, 6.0]))", "Beta(t([0.7, 1.9]), t([1.3, 0.4]))",
    "Dirichlet(t([[0.2, 0.5, 0.3], [1.6, 2.1, 1.3]]))", "StudentT(t([3.0, 1.5]), t([0.7, 1.9]), t([1.3, 0.4]))",
    "Kumaraswamy(t([0.7, 1.9]), t([1.3, 0.4]))", "VonMises(t([0.7, 1.9]), t([1.3, 0.4]))",
    "GeneralizedPareto(t([1.3, 0.4]), t([0.7, 1.9]), t([0.2, -0.3]))", "Bernoulli(probs=t([0.2, 0.8]))",
    "Bernoulli(logits=t([-0.4, 1.2]))", "Bernoulli(0.3)", "ContinuousBernoulli(probs=t([0.2, 0.5]))",
    "ContinuousBernoulli(logits=t([-0.4, 1.2]))", "Geometric(probs=t([0.2, 0.8]))", "Geometric(logits=t([-0.4, 1.2]))",
    "Binomial(5, probs=t([0.2, 0.8]))", "Binomial(5, logits=t([-0.4, 1.2]))",
    "NegativeBinomial(5, probs=t([0.2, 0.8]))", "NegativeBinomial(t([3.0, 4.0]), logits=t([-0.4, 1.2]))",
    "Poisson(t([0.7, 1.9]))", "Categorical(probs=t([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))",
    "Categorical(logits=t([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))",
    "OneHotCategorical(probs=t([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))",
    "OneHotCategoricalStraightThrough(probs=t([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))",
    "Multinomial(4, probs=t([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))", "RelaxedBernoulli(t([0.7]), probs=t([0.2, 0.8]))",
    "RelaxedOneHotCategorical(t([0.7]), logits=t([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))",
    "MultivariateNormal(t([0.7, 1.9]), covariance_matrix=t([[2.0, 0.5], [0.5, 1.0]]))",
    "MultivariateNormal(t([0.7, 1.9]), scale_tril=t([[2.0, 0.0], [0.5, 1.0]]))",
    "MultivariateNormal(t([0.7, 1.9]), precision_matrix=t([[2.0, 0.5], [0.5, 1.0]]))",
    "LowRankMultivariateNormal(t([0.7, 1.9]), t([[1.0], [0.5]]), t([0.5, 0.6]))",
    "LogisticNormal(t([0.7, 1.9]), t([1.3, 0.4]))",
    "LKJCholesky(3, concentration=1.5)", "Independent(Normal(t([[1.3, 0.4]]), t([[0.7, 1.9]])), 1)",
    "MixtureSameFamily(Categorical(t([0.3, 0.7])), Normal(t([0.0, 3.0]), t([1.0, 0.5])))",
    "TransformedDistribution(Normal(t([1.3, 0.4]), t([0.7, 1.9])), [ExpTransform(), AffineTransform(1.0, 2.0)])",
    "TransformedDistribution(Normal(t([1.3, 0.4]), t([0.7, 1.9])), StickBreakingTransform())",
    "Uniform(t([3.0]), t([1.0]))", "Normal(t([0.0]), t([-1.0]))", "Categorical(probs=t([-0.1, 0.5]))", "Bernoulli(t([1.5]))",
    "Dirichlet(t([-1.0, 2.0]))", "Geometric(probs=t([0.0]))", "Poisson(t([-1.0]))")

# Parameters at the edges of what is allowed, broadcast, on the other side, and of the wrong kind.
EDGES = (
    "Normal(t([[1.0], [2.0]]), t([0.5, 1.5, 2.5]))", "Normal(0, 1)", "Uniform(0.0, 1.0)",
    "Beta(t([[0.5, 2.0], [1.0, 1.0]]), 2.0)", "Gamma(1.0, 1.0)", "Gamma(t([200.0, 0.01]), t([1.0, 2.0]))",
    "Beta(0.5, 0.5)", "Dirichlet(t([0.5, 0.5]))", "Exponential(1.0)", "Laplace(0.0, 1.0)", "Cauchy(0.0, 1.0)",
    "HalfNormal(1.0)", "HalfCauchy(1.0)", "Gumbel(0.0, 1.0)", "Pareto(1.0, 1.0)", "Weibull(1.0, 1.0)",
    "LogNormal(0.0, 1.0)", "StudentT(2.0)", "Chi2(1.0)", "FisherSnedecor(1.0, 2.0)", "Poisson(0.0)",
    "Poisson(t([0.2, 30.0]))", "Geometric(1.0)", "Geometric(0.3)", "Bernoulli(t([0.0, 1.0]))",
    "Bernoulli(logits=t([float('inf'), -float('inf')]))", "Categorical(t([1.0]))",
    "Categorical(logits=t([0.0, float('-inf')]))", "Categorical(t([2.0, 3.0, 5.0]))", "OneHotCategorical(t([0.1, 0.9]))",
    "OneHotCategorical(logits=t([0.1, 0.9]))", "Multinomial(10, t([0.5, 0.3, 0.2]))", "Multinomial(0, t([0.5, 0.5]))",
    "Multinomial(3, logits=t([0.5, 0.3]))", "Binomial(t([10.0, 3.0]), t([0.5, 0.2]))", "Binomial(0, t([0.5]))",
    "Binomial(100, 0.5)", "Binomial(10, t([0.0, 1.0]))", "NegativeBinomial(t([10.0]), t([0.5]))",
    "ContinuousBernoulli(0.5)", "VonMises(0.0, 0.01)", "VonMises(1.0, 200.0)", "Kumaraswamy(1.0, 1.0)",
    "InverseGamma(1.0, 1.0)", "MultivariateNormal(zeros(3), eye(3))", "MultivariateNormal(zeros(2, 3), scale_tril=eye(3))",
    "LowRankMultivariateNormal(zeros(3), eye(3)[:, :1], zeros(3) + 1)", "Wishart(t([4.0]), t([[2.0, 0.5], [0.5, 1.0]]))",
    "Wishart(5.0, scale_tril=t([[2.0, 0.0], [0.5, 1.0]]))",
    "Wishart(t([3.0]), precision_matrix=t([[2.0, 0.5], [0.5, 1.0]]))", "LKJCholesky(2, 1.0)",
    "LKJCholesky(4, t([0.5, 2.0]))", "RelaxedBernoulli(t([2.0]), logits=t([0.1]))",
    "LogisticNormal(t([0.1, 0.2]), t([1.0, 2.0]))", "LogisticNormal(t([[0.1, 0.2]]), t([1.0, 2.0]))",
    "Independent(Bernoulli(t([0.2, 0.3])), 1)", "Independent(Normal(t([0.2, 0.3]), 1.0), 0)",
    "Independent(Normal(0.0, 1.0), 1)", "Independent(MultivariateNormal(zeros(2, 3), eye(3)), 1)",
    "MixtureSameFamily(Categorical(t([0.3, 0.7])), Independent(Normal(zeros(2, 3), 1.0), 1))",
    "MixtureSameFamily(Categorical(t([[0.3, 0.7]])), Poisson(t([[1.0, 5.0]])))",
    "MixtureSameFamily(Categorical(t([0.3, 0.7])), Normal(0.0, 1.0))",
    "MixtureSameFamily(Normal(0.0, 1.0), Normal(0.0, 1.0))",
    "TransformedDistribution(Uniform(0.0, 1.0), [SigmoidTransform().inv, AffineTransform(0.5, 2.0)])",
    "TransformedDistribution(Gamma(t([2.0]), 1.0), PowerTransform(t([2.0])))",
    "TransformedDistribution(Normal(t([0.0]), 1.0), TanhTransform())",
    "TransformedDistribution(Normal(t([0.5]), 1.0), AbsTransform())",
    "TransformedDistribution(Normal(zeros(3), 1.0), SoftmaxTransform())",
    "TransformedDistribution(Normal(zeros(3), 1.0), [StickBreakingTransform(), ExpTransform()])",
    "TransformedDistribution(Normal(zeros(2, 3), 1.0), ReshapeTransform((3,), (3, 1)))",
    "TransformedDistribution(Normal(0.0, 1.0), 3)",
    "TransformedDistribution(Normal(zeros(4), 1.0), CorrCholeskyTransform())",
    "TransformedDistribution(Normal(zeros(3), 1.0), CorrCholeskyTransform())", "Uniform(1.0, 0.0)",
    "Normal(t([0.0]), t([0.0]))", "Gamma(t([-1.0]), 1.0)", "Beta(0.0, 1.0)", "Categorical(zeros(2, 0))", "Categorical()",
    "Categorical(t([0.5, 0.5]), logits=t([0.0, 0.0]))", "Bernoulli()", "Bernoulli(0.5, 0.5)",
    "MultivariateNormal(zeros(3))", "MultivariateNormal(zeros(3), eye(3), eye(3))",
    "MultivariateNormal(zeros(3), -eye(3))", "MultivariateNormal(0.0, eye(3))", "MultivariateNormal(zeros(3), zeros(3))",
    "Dirichlet(1.0)", "Multinomial(t([3.0]), t([0.5]))", "Binomial(-1, 0.5)", "LKJCholesky(1)", "LKJCholesky(3, -1.0)",
    "Normal(t([0.0, 1.0]), t([1.0, 2.0, 3.0]))", "Normal(t([float('nan')]), 1.0)", "Normal('a', 1.0)",
    "VonMises(0.0, -1.0)", "Pareto(-1.0, 1.0)", "GeneralizedPareto(0.0, 1.0, 0.0)", "Wishart(1.0, eye(3))",
    "Independent(Normal(zeros(2), 1.0), 2)", "OneHotCategorical(t(0.5))", "Categorical(t(0.5))", "RelaxedBernoulli(0.5)",
    "LowRankMultivariateNormal(zeros(3), eye(2), zeros(3))")

PAIRED = tuple(c for c in CASES[:CASES.index("LKJCholesky(3, concentration=1.5)")] if "0.5, 2.0)" not in c)


class Asked:
    """One distribution: `aspects()` maps what is asked to a plain answer (numbers, text, or the class of an error)."""

    def __init__(self, torch, expression: str):
        self.torch, self.leaves = torch, []
        self.names = {name: getattr(torch.distributions, name) for name in dir(torch.distributions) if name[0].isupper()}
        self.names |= {"t": self.tensor, "zeros": torch.zeros, "eye": torch.eye}
        self.expression = expression

    def tensor(self, values):
        leaf = self.torch.tensor(values, requires_grad=True)
        self.leaves.append(leaf)
        return leaf

    def make(self):
        return eval(self.expression, self.names)

    def aspects(self) -> dict:
        try:
            d = self.make()
        except Exception as error:
            return {"made": _failure(error), "message": str(error).splitlines()[0]}
        asks = {"repr": lambda: repr(d), "support": lambda: repr(d.support),
                "shapes": lambda: f"{d.batch_shape} {d.event_shape}",
                "has_rsample": lambda: bool(d.has_rsample), "mean": lambda: d.mean, "variance": lambda: d.variance,
                "mode": lambda: d.mode, "entropy": lambda: d.entropy(), "sample": lambda: self.seeded(d.sample, (4,)),
                "sample0": lambda: self.seeded(d.sample), "rsample": lambda: self.with_gradients(self.seeded(d.rsample, (3,))),
                "log_prob": lambda: d.log_prob(self.seeded(d.sample, (3,))),
                "cdf": lambda: d.cdf(self.seeded(d.sample, (3,))),
                "icdf": lambda: d.icdf(self.torch.tensor([[0.1, 0.6], [0.3, 0.9]])),
                "expanded": lambda: self.expanded(d), "enumerated": lambda: d.enumerate_support(),
                "outside": lambda: d.log_prob(self.torch.tensor([-1.5, float("nan")])),
                "misshapen": lambda: d.log_prob(self.torch.zeros(7, 5))}
        if "Wishart" in self.expression:
            del asks["rsample"]  # PyTorch's cannot be differentiated
        return {name: _answer(ask) for name, ask in asks.items()}

    def seeded(self, call, *arguments):
        self.torch.manual_seed(7)
        return call(*arguments)

    def with_gradients(self, sample):
        (sample * sample).sum().backward()
        return [sample, *(leaf.grad for leaf in self.leaves)]

    def expanded(self, d):
        e = d.expand((2, *d.batch_shape))
        drawn = self.seeded(e.sample, (2,))
        return [drawn, e.log_prob(drawn)]


def divergences(torch, expression: str) -> dict:
    """KL(p || q) for all q for which PyTorch has a closed form."""
    found = {}
    for other in PAIRED:
        p, q = Asked(torch, expression).make(), Asked(torch, other).make()
        answer = _answer(lambda p=p, q=q: torch.distributions.kl_divergence(p, q))
        if not isinstance(answer, str):
            found[other] = answer
    return found


def _failure(error: Exception) -> str:
    return "error: " + next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def _answer(ask):
    try:
        return _plain(ask())
    except (NotImplementedError, AttributeError):
        return "not there"
    except Exception as error:
        return _failure(error)


def _plain(value):
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, list):
        return [_plain(v) for v in value]
    array = np.asarray(value.detach().numpy())
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": array.reshape(-1).tolist()}
