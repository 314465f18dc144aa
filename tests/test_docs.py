"""What README.md and docs/ show is what tcli does; the generated pages are up to date."""

import re
import runpy
import subprocess
import sys
from collections import Counter
from xml.etree import ElementTree

import pytest

import tcli
from tcli.cli.file_options import FILE_COMMANDS
from tcli.cli.options import COMMANDS, OPTIONS
from tcli.io.formats import TABLE
from tcli.runtime.pictures import names_for
from tcli.runtime.shared_names import _probes as probes
from tcli.runtime.tracing import names_for as trace_names

from .doc_blocks import ROOT, RUN, agrees, blocks, check, documents

KINDS = (*RUN, "sh", "text")
# Blocks that are not run, by file; a new one has to be counted here.
NOT_RUN = {"README.md": 2, "architecture.md": 1}


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_the_blocks_show_what_happens(path, tmp_path):
    wrong = check(path, tmp_path)
    assert not wrong, "\n".join(wrong)


def test_blocks_that_are_not_run_say_why_and_are_counted():
    found: Counter[str] = Counter()
    for path in documents():
        for block in blocks(path):
            assert block.kind in KINDS, f"{path.name}:{block.line} is a block of kind {block.kind!r}"
            if block.kind in RUN and not block.reason:
                continue
            assert block.reason, f"{path.name}:{block.line} is not run and does not say why"
            found[path.name] += 1
    assert dict(found) == NOT_RUN


def test_links_lead_somewhere():
    for path in documents():
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_option_command_format_and_function_is_documented():
    pages = {path.name: path.read_text() for path in documents()}
    command, files, language = pages["command.md"], pages["files.md"], pages["language.md"]
    options = [*OPTIONS, *(option for _, each in FILE_COMMANDS.values() for option in each)]
    assert not [flag for option in options for flag in option.flags if not re.search(rf"(^|\s){flag}\b", command, re.M)]
    assert not [name for name in COMMANDS if name not in command]
    assert not [name for name, (_, endings) in TABLE.items() if name != "image" and endings.split()[0] not in files]
    session = tcli.Session()
    session.load_engine()
    own = set(names_for(session)) | set(probes(session)) | set(trace_names(session))
    assert not [name for name in own if f"`{name}" not in language]


@pytest.mark.parametrize("name", ["prompt", "trace", "pictures"])
def test_pictures_show_the_sessions_that_are_drawn(name):
    entries = runpy.run_path(str(ROOT / "scripts" / "make_screenshots.py"))["SESSIONS"][name]
    path = ROOT / "docs" / "images" / f"{name}.svg"
    words = "".join(ElementTree.parse(path).getroot().itertext()).replace("\xa0", " ")
    missing = [entry for entry in entries if "".join(entry.split()) not in "".join(words.split())]
    assert not missing and path.stat().st_size < 100_000 and f"docs/images/{name}.svg" in (ROOT / "README.md").read_text()


def test_ellipses_and_times_stand_for_anything():
    assert agrees("a\n...\nd", "a\nb\nc\nd") and agrees("a ... c", "a b c") and agrees("x  31 us", "x  2.5 ms")
    assert agrees("a    time\n  10 us", "a   time\n 1.0 us")
    assert not agrees("a\nb", "a\nc") and not agrees("a", "a\nb") and not agrees("x 31 us", "x 31")


@pytest.mark.parametrize("script", ["make_reference.py"])
def test_generated_pages_are_up_to_date(script):
    done = subprocess.run([sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
