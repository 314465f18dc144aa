"""How tensors and pictures look at widths of 60, 80 and 120 columns, with and without colours."""

import contextlib
import doctest
import io

import pytest

import tcli
from tcli.runtime import pictures
from tcli.show.charts import histogram, sparkline
from tcli.show.maps import heat, image, shrink
from tcli.show.screen import Screen, color_of
from tcli.show.tensor import header
from tcli.show.values import FORMATS, Look, render
from tests.show.golden import check

TENSORS = {
    "scalar": "tensor(3.5)", "vector": "arange(5) * 0.5", "long_vector": "arange(3000.) / 7",
    "matrix": "arange(12.).view(3, 4) / 3",
    "wide": "torch.linspace(-2, 2, 600).view(4, 150)",
    "tall": "torch.linspace(0, 1, 1000).view(250, 4)",
    "three_dims": "arange(24).view(2, 3, 4)", "four_dims": "torch.linspace(-1, 1, 7200).view(3, 4, 30, 20)",
    "five_dims": "arange(1440).view(2, 3, 2, 12, 10)", "nan_and_inf": "tensor([[1., nan, -inf], [inf, 2., 3.]])",
    "many_nan": "torch.where(arange(400.) % 7 == 0, nan, arange(400.)).view(10, 40)",
    "huge": "ones(3000, 1000).expand(4, 3000, 1000)",
    "empty": "zeros(0, 3)", "empty_vector": "zeros(0)", "bool": "arange(60).view(6, 10) % 3 == 0",
    "wide_bool": "arange(2400).view(8, 300) % 7 == 0", "small_bool": "tensor([True, False])",
    "complex": "torch.complex(arange(6.), -arange(6.)).view(2, 3)", "half": "arange(6).half() / 3",
    "bfloat16": "arange(6).bfloat16() / 3",
    "uint8": "arange(200).to(torch.uint8).view(10, 20)", "with_grad": "ones(2, 3, requires_grad=True) * 2",
    "far_apart": "tensor([1e-8, 1., 1e8])",
}
NAMES = {"matrix": ("B", "C"), "four_dims": ("N", "C", "H", "W")}


@pytest.fixture(scope="module")
def session():
    return tcli.Session(seed=0, trace=True)


@pytest.mark.parametrize("color", ["none", "basic"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_tensors_look_as_they_did(width, color, session):
    parts = []
    for name, text in TENSORS.items():
        value, names = session.run(text, "t.tsr"), NAMES.get(name)
        screen = Screen(width, 24, color)
        shown = render(value, screen, names=names)
        assert color != "none" or max(map(len, shown.split("\n"))) <= max(width, 81)
        parts.append(f"--- {name}: {text}\n{header(value, names)}\n{shown}")
    check(f"tensors_{width}_{color}", "\n".join(parts))


@pytest.mark.parametrize("fmt", FORMATS)
def test_formats(fmt, session):
    parts = [render(session.run(text), Screen(80), Look(fmt)) for text in (
        "tensor([[1.5, -2e-7, 3e12], [0., inf, nan]])", "tensor([[1, -255], [16, 0]])", "tensor([[1 + 2j, -3j]])",
        "tensor([[0.1, 1 / 3]], dtype=torch.float64)")]
    check(f"format_{fmt}", "\n\n".join(parts))


@pytest.mark.parametrize("shade", ["sign", "magnitude"])
def test_shades(shade, session):
    value = session.run("tensor([[-2., 0., 1.], [nan, 0.1, 2.]])")
    check(f"shade_{shade}", render(value, Screen(80, 24, "basic"), Look("short", shade)))


def test_all_rows_are_shown_when_asked_for(session):
    lines = render(session.run("arange(300.).view(100, 3)"), Screen(80), Look(rows=None)).split("\n")
    assert len(lines) == 100


def test_a_table_says_what_the_tensor_holds(session):
    value = session.run("randn(40, 90)")
    lines = render(value, Screen(60)).split("\n")
    columns = [int(each) for each in lines[0].replace("…", "").split()]
    for line in lines[1:]:
        cells = line.replace("…", "").split()
        if cells:
            row = int(cells[0])
            assert [float(each) for each in cells[1:]] == pytest.approx([value[row, j].item() for j in columns], abs=6e-5)


@pytest.mark.parametrize("color", ["none", "basic", "true"])
def test_pictures_look_as_they_did(color, session):
    screen = Screen(40, 12, color)
    grid = session.run("torch.outer(torch.linspace(-1, 1, 30), torch.linspace(-1, 1, 90))").numpy()
    pixels = session.run("torch.stack([torch.linspace(0, 1, 24).view(4, 6)] * 3, -1)").numpy()
    parts = [heat(grid, screen), heat(abs(grid[:3, :4]), screen), heat(grid[:1] * float("nan"), screen),
             image(pixels, screen),
             image(pixels[..., 0], screen),
             histogram(session.run("tensor([1., 2., 2., 3., nan, inf])").numpy(), screen, 3)]
    check(f"pictures_{color}", "\n\n".join(parts))


def test_means_of_blocks_keep_the_mean(session):
    values = session.run("randn(40, 60)").numpy().astype("float64")
    assert shrink(values, 10, 6).shape == (10, 6)
    assert shrink(values, 10, 6).mean() == pytest.approx(values.mean())


def test_a_sparkline_leaves_gaps():
    assert sparkline([0, float("nan"), 7]) == "▁ █"


@pytest.mark.parametrize(("program", "said"), [
    ("heat(ones(2, 2, 2))", "heat() draws a matrix, this tensor has 3 dims"), ("plot([1, 2], [1])", "x has 2 values, y has 1"),
    ("plot(ones(2, 2, 2))", "3 dims"), ("scatter(ones(3))", "tensor of shape (n, 2)"),
    ("imshow(ones(5))", "imshow() takes (H, W)"),
    ("imshow(zeros(0, 3))", "the image is empty"), ("hist([1.], bins=0)", "bins must be at least 1"),
    ("plot([1, 2], label=['a', 'b'])", "2 labels for 1 curves"),
])
def test_what_cannot_be_drawn_is_told(program, said, session):
    with pytest.raises(tcli.TcliError) as caught:
        session.run(program)
    assert said in caught.value.message


@pytest.mark.parametrize("program", [
    "plot(torch.sin(arange(30.) / 4), title='sine')", "plot([1, 2], [[1, 2], [3, 4]], label='y', log=True)",
    "scatter(randn(20, 2))",
    "plot(zeros(0))", "plot([nan, 1.])", "imshow(ones(3, 4, 5))", "imshow(ones(4, 5).bool())", "imshow(randn(4, 5))",
    "hist(zeros(0))",
    "hist(tensor([True, False]))", "heat(tensor([1 + 1j]))", "summary(zeros(0))", "summary(True)", "deep(tensor(1.))",
    "summary(ones(2).bfloat16())", "hist([5, 5])", "heat(zeros(0, 3))", "print(spark([]))",
    "print(spark([nan]))", "imshow([[0, 128, 255]])",
])
def test_edges_are_drawn(program, session, capsys):
    session.run(program)
    out = capsys.readouterr().out
    assert out.strip() or "[]" in program or "nan" in program
    assert "\x1b" not in out


def test_examples_of_the_drawing_functions():
    session, parser, count = tcli.Session(), doctest.DocTestParser(), 0
    for name, function in pictures.names_for(session).items():
        for example in parser.get_examples(function.__doc__ or ""):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                session.run(example.source)
            assert printed.getvalue() == example.want.replace("<BLANKLINE>", ""), name
            count += 1
    assert count >= 5


@pytest.mark.parametrize(("wish", "environment", "color"), [
    ("auto", {}, "none"), ("always", {}, "basic"), ("always", {"COLORTERM": "truecolor"}, "true"),
    ("never", {"CLICOLOR_FORCE": "1"}, "none"),
    ("auto", {"CLICOLOR_FORCE": "1"}, "basic"), ("auto", {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, "none"),
    ("always", {"NO_COLOR": "1"}, "basic"),
])
def test_who_decides_about_colours(wish, environment, color):
    assert color_of(io.StringIO(), wish, environment) == color
