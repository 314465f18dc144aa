"""Models as people write them, run whole: what they compute is what PyTorch computed."""

import json
import shutil
from pathlib import Path

import pytest

import tcli

from .digest import difference, digest

FOLDER = Path(__file__).parent
GOLDEN = FOLDER.parent / "golden" / "models"


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.tsr")), ids=lambda f: f.stem)
@pytest.mark.filterwarnings("ignore")
def test_a_model_computes_what_pytorch_computed(file, tmp_path, monkeypatch):
    for each in ("text.txt", "minilm_slice.safetensors"):
        shutil.copy(FOLDER / each, tmp_path)
    monkeypatch.chdir(tmp_path)
    with tcli.Session(threads=1) as session:
        session.run(file.read_text(), name=str(file))
        found = digest(session["results"])
    want = json.loads((GOLDEN / f"{file.stem}.json").read_text())
    assert list(found) == list(want)
    for path, (kind, expected) in want.items():
        assert found[path][0] == kind, path
        if kind == "text":
            assert found[path][1] == expected, path
        else:
            assert difference(found[path][1], expected) <= 1e-4, path
