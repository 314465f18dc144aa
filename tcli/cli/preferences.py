"""What `:set` changes: one declaration per preference, kept in `$XDG_CONFIG_HOME/tcli/config.toml`.

The file holds only what differs from the defaults. A line of it that makes no sense is passed over
with a note; a preference that is not declared here is kept as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import BadValue, FileError

MODES, MENUS = ("emacs", "vi"), ("tab", "typing")


class Preference:
    """A setting: `read` makes a value of text or raises ValueError; `choices` are what completion offers."""

    __slots__ = ("choices", "default", "help", "name", "read")

    def __init__(self, name: str, default: object, read: Callable[[str], object], help: str, choices=()):
        self.name, self.default, self.read, self.help, self.choices = name, default, read, help, choices


def _switch(text: str) -> bool:
    words = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError("on or off")
    return words[text.lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text
    return read


def _bytes(text: str) -> int:
    from .convert import byte_count
    from .options import UsageError

    try:
        return byte_count(text, "")
    except UsageError:
        raise ValueError("a size such as 256MB") from None


def _format(text: str) -> str:
    from ..show.values import FORMATS

    return _one_of(*FORMATS)(text)


_SWITCH = ("on", "off")
ALL = (
    Preference("mode", "emacs", _one_of(*MODES), "the keys of the line editor", MODES),
    Preference("suggestions", True, _switch, "grey text from the history, taken by Right or End", _SWITCH),
    Preference("menu", "tab", _one_of(*MENUS), "whether completions open by Tab or while typing", MENUS),
    Preference("toolbar", True, _switch, "the line at the bottom", _SWITCH),
    Preference("header", True, _switch, "the line of facts above a tensor", _SWITCH),
    Preference("fmt", "short", _format, "how numbers are written", ("short", "long", "g", "eng", "hex", "sign")),
    Preference("keep", 256 << 20, _bytes, "the largest result that _ and __ hold on to", ("64MB", "256MB", "1GB")),
    Preference("echo", 20_000, int, "the most characters of a result that are shown"),
)
NAMED = {each.name: each for each in ALL}


def config_file() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tcli" / "config.toml"


class Preferences:
    """The values now: `preferences["mode"]`. `set` changes one, `save` writes the file."""

    def __init__(self, path: Path | None = None):
        self.path = path
        self.values = {each.name: each.default for each in ALL}
        self.others: dict[str, object] = {}
        self.problems: list[str] = []

    def __getitem__(self, name: str):
        return self.values[name]

    def set(self, name: str, text: str) -> None:
        """Sets a preference from text; raises BadValue."""
        if name not in NAMED:
            from ..show.suggest import did_you_mean

            raise BadValue(f"there is no setting {name!r}", help=did_you_mean(name, NAMED))
        try:
            self.values[name] = NAMED[name].read(text)
        except ValueError as error:
            said = f"{name} takes {NAMED[name].choices and error or 'a whole number'}, not {text!r}"
            raise BadValue(said) from None

    def load(self) -> Preferences:
        """Reads the file, if there is one."""
        import tomllib

        try:
            found = tomllib.loads(self.path.read_text(encoding="utf-8")) if self.path is not None else {}
        except FileNotFoundError:
            return self
        except (OSError, ValueError) as error:
            self.problems.append(f"{self.path} is not read: {error}")
            return self
        for name, value in found.items():
            self._take(name, value)
        return self

    def _take(self, name: str, value: object) -> None:
        if name not in NAMED:
            self.others[name] = value
            return
        try:
            self.set(name, _word(value))
        except BadValue as error:
            self.problems.append(f"{self.path}: {error.message}")

    def save(self) -> None:
        """Writes what differs from the defaults; raises FileError."""
        if self.path is None:
            return
        changed = {each.name: self.values[each.name] for each in ALL if self.values[each.name] != each.default}
        lines = [f"{name} = {_toml(value)}\n" for name, value in {**self.others, **changed}.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("".join(lines), encoding="utf-8")
        except OSError as error:
            raise FileError(f"{self.path} is not written: {error.strerror}") from None

    def shown(self, name: str) -> str:
        """A value as the user writes it."""
        return _word(self.values[name]) if name != "keep" else _size(self.values[name])


def _word(value: object) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _size(value: object) -> str:
    from ..show.units import size

    return size(value).replace(" ", "")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)
