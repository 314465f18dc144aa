"""The page of a gradient trace in a real browser: it draws, answers the pointer, and fetches nothing."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

import tcli

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
PROGRAM = """x = randn(64, 20)
net = nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 1))
loss = (net(x)  # <script>broken()</script>
        ** 2).mean() + net[0].weight.sum()
"""
# Before anything else of the page: faults are noted. At its end: what there is to see goes into an attribute.
WATCH = "<script>window.faults = []; window.onerror = text => { faults.push(text) }</script>"
LOOK = """<script>
const lines = [...document.querySelectorAll("tr[data-nodes]")];
const boxes = [...document.querySelectorAll("svg g[id] > rect")].map(box => box.getBoundingClientRect());
const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const marked = lines.map(line => {
  line.dispatchEvent(new MouseEvent("mouseenter"));
  const count = document.querySelectorAll("svg .on").length;
  line.dispatchEvent(new MouseEvent("mouseleave"));
  return [count, document.querySelectorAll("svg .on").length];
});
document.body.setAttribute("data-seen", JSON.stringify({
  faults, marked, boxes: boxes.length, empty: boxes.filter(box => !box.width || !box.height).length,
  overlaps: boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => overlap(a, b))).length,
  fetched: performance.getEntriesByType("resource").length, wide: document.body.scrollWidth > window.innerWidth,
  title: document.title, text: document.body.innerText, background: getComputedStyle(document.body).backgroundColor}));
</script>"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    session = tcli.Session(trace=True, seed=0)
    session.run(PROGRAM, "net.tsr")
    text = session.run("trace(loss, format='html')")
    page = folder / "trace.html"
    page.write_text(text.replace("<head>", "<head>" + WATCH, 1).replace("</body>", LOOK + "</body>", 1))
    done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
                           "--window-size=1200,1000", "--dump-dom", page.as_uri()],
                          capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return json.loads(unescape(found[1]))


def test_nothing_goes_wrong_and_nothing_is_fetched(seen):
    assert seen["faults"] == []
    assert seen["fetched"] == 0


def test_the_source_stands_there_as_text(seen):
    assert seen["title"] == "Gradient trace"
    assert "loss = (net(x)  # <script>broken()</script>" in seen["text"]
    assert "net.0.weight" in seen["text"]


def test_the_graph_is_drawn_without_overlaps(seen):
    session = tcli.Session(trace=True, seed=0)
    assert seen["boxes"] == len(session.run(PROGRAM + "trace(loss)", "net.tsr").rows)
    assert (seen["empty"], seen["overlaps"], seen["wide"]) == (0, 0, False)


def test_pointing_at_a_line_marks_its_ops(seen):
    assert [count > 0 for count, _ in seen["marked"]] == [True] * len(seen["marked"])
    assert len(seen["marked"]) >= 1
    assert all(after == 0 for _, after in seen["marked"])
