"""Golden texts: what a person sees, kept in files and read in review. `TCLI_ACCEPT=1 pytest tests/show` rewrites them."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """`text` is what `golden/NAME.txt` holds; escapes are written as ␛, so that the files can be read."""
    path, text = FOLDER / f"{name}.txt", text.replace("\x1b", "␛").rstrip("\n") + "\n"
    if os.environ.get("TCLI_ACCEPT"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing; TCLI_ACCEPT=1 writes it"
    assert text == path.read_text(encoding="utf-8")
