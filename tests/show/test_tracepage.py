"""The exports of a gradient trace: table, Graphviz, JSON and the page."""

import json
from html.parser import HTMLParser

import pytest

import tcli
from tests.show.golden import check

PROGRAM = '''x = tensor([[1., 2.], [3., 4.]])
w = tensor([[0.5], [-1.]], requires_grad=True)
h = (x @ w).relu()  # <b>"&amp;"</b>
loss = (h * h).sum() + w.sum()
t = trace(loss)
'''


@pytest.fixture
def trace():
    session = tcli.Session(trace=True)
    session.run(PROGRAM, "a<b.tsr")
    found = session["t"]
    for row in found.rows:
        row.seconds = 0.0 if row.leaf else 12e-6
    return found


@pytest.mark.parametrize("format", ["tree", "table", "dot"])
def test_the_text_forms_look_as_they_did(format, trace):
    check(f"trace_{format}", trace.to(format))


def test_json_has_every_row_and_what_it_feeds(trace):
    rows = json.loads(trace.to("json"))
    assert [row["op"] for row in rows if not row["leaf"]] == ["add", "sum", "sum", "mul", "relu", "matmul"]
    leaf = next(i for i, row in enumerate(rows) if row["leaf"])
    assert [row["op"] for row in rows if leaf in row["inputs"]] == ["sum", "matmul"]
    assert rows[leaf]["name"] == "w"


class _Balance(HTMLParser):
    """Notes what is open and which text and attributes there are."""

    OPTIONAL = {"meta", "tr", "td", "th"}

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.OPTIONAL:
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        if tag not in self.OPTIONAL:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_is_whole_and_needs_nothing_else(trace):
    page, parser = trace.to("html"), _Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.links == []
    assert "http" not in page
    assert 'h = (x @ w).relu()  # <b>"&amp;"</b>' in parser.texts
    assert "a<b.tsr" in parser.texts
    assert page.count("<rect width=") == len(trace)


def test_a_trace_of_no_program_is_a_page_too():
    session = tcli.Session()
    session.run("w = ones(2, requires_grad=True); t = trace((w * 0 * nan).sum())")
    assert "nan" in session["t"].to("html")


@pytest.mark.parametrize("name", ["t.html", "t.json", "t.dot", "t.txt"])
def test_a_file_is_written_by_its_ending(name, trace, tmp_path):
    trace.save(tmp_path / name)
    assert (tmp_path / name).read_text().strip()


def test_an_unknown_format_is_told(trace, tmp_path):
    with pytest.raises(tcli.TcliError, match="cannot tell the format"):
        trace.save(tmp_path / "t.xyz")
    with pytest.raises(tcli.TcliError, match="unknown"):
        trace.to("pdf")
