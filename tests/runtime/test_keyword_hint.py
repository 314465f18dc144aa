"""Did-you-mean for keywords."""

import pytest

import tcli


def failure(program):
    with pytest.raises(tcli.TcliError) as caught:
        tcli.Session().run(program)
    return caught.value


@pytest.mark.parametrize(("program", "meant"), [
    ("torch.zeros(2, dytpe=torch.int64)", "dtype"), ("ones(2, 3).sum(dm=1)", "dim"), ("softmax(ones(3), dimm=0)", "dim"),
    ("nn.Linear(2, 3, bais=False)", "bias"), ("optim.SGD([ones(1)], rl=1)", "lr"),
    ("torch.utils.data.DataLoader([1], batchsize=3)", "batch_size"), ("nn.Conv2d(1, 2, 3, paddin=1)", "padding"),
    ("def f(alpha): return alpha\nf(alpa=3)", "alpha"), ("ones(3).to(dtpe=torch.float64)", "dtype"),
    ("class A:\n    def __init__(self, size): self.size = size\nA(siz=3)", "size"),
    ("F.cross_entropy(ones(2, 3), tensor([0, 1]), label_smothing=.1)", "label_smoothing"),
    ("def f(): return nn.Linear(2, 3, bais=False)\nf()", "bias")])
def test_a_mistyped_keyword_is_guessed(program, meant):
    assert failure(program).help == f"did you mean '{meant}'?"


def test_where_nothing_is_near_the_parameters_are_listed():
    assert failure("def f(alpha, beta=2): return alpha\nf(gamma=3)").help == "it takes alpha, beta"
    assert failure("x = ones(3)\n(x * 2).mean(axes_of_x=0)").help == "it takes x, dim, keepdim, dtype"


def test_no_code_of_the_program_runs_to_find_out():
    error = failure("""class Loud:
    @property
    def f(self):
        print("looked")
        return lambda a: a
seen = []
loud = Loud()
loud.f(b=1)
""")
    assert error.help is None


def test_a_private_base_class_is_not_named():
    assert failure("nn.Conv2d(1, 2, 3, paddin=1)").message == "Conv2d.__init__() got an unexpected keyword argument 'paddin'"
    assert failure("nn.Conv2d()").message.startswith("Conv2d.__init__() missing 3 required positional arguments")


def test_names_of_dims_are_given_by_contracts():
    assert failure("torch.randn(2, names=('A',))").help == "a contract names them: `x: f32[A, B] = ...`"
    assert tcli.Session().run("torch.rand(2, names=None)").shape == (2,)


def test_a_mistyped_key_of_a_dictionary_is_guessed():
    assert failure("d = {'alpha': 1, 2: 3}\nd['alhpa']").help == "did you mean 'alpha'?"
    assert failure("s = nn.Linear(2, 1).state_dict()\ns['wieght']").help == "did you mean 'weight'?"
    assert failure("d = {'alpha': 1}\nd['zzz']").help is None
    assert failure("d = {1: 1}\nd[2]").help is None
    assert failure("{'alpha': 1}['alhpa']").help is None
