"""`logging` for programs: messages of a level go to stderr, or to the stream that is asked for, in a format.

Files and handlers of Python's stay out.

Python's own loggers hand out their handlers and format records by attribute paths; a program needs neither.
"""

from __future__ import annotations

import sys
import time
from typing import Any

LEVELS = {"CRITICAL": 50, "FATAL": 50, "ERROR": 40, "WARNING": 30, "WARN": 30, "INFO": 20, "DEBUG": 10, "NOTSET": 0}
_NAMES = {50: "CRITICAL", 40: "ERROR", 30: "WARNING", 20: "INFO", 10: "DEBUG", 0: "NOTSET"}
BASIC_FORMAT = "%(levelname)s:%(name)s:%(message)s"


def level_of(level: int | str) -> int:
    """The number of a level; `ValueError` for an unknown name."""
    if isinstance(level, int):
        return level
    if level not in LEVELS:
        raise ValueError(f"Unknown level: {level!r}")
    return LEVELS[level]


class Logs:
    """The loggers of one session."""

    def __init__(self) -> None:
        self.loggers: dict[str, Logger] = {}
        self.format: str | None = None  # what basicConfig set; until then only warnings are shown, bare
        self.date_format = "%Y-%m-%d %H:%M:%S"
        self.stream: Any = None
        self.root = self.get("root")
        self.root.level = LEVELS["WARNING"]

    def get(self, name: str | None = None) -> Logger:
        """The logger of a name, the same one each time."""
        name = name or "root"
        if name not in self.loggers:
            self.loggers[name] = Logger(self, name)
        return self.loggers[name]

    def configure(self, *, level: int | str | None = None, format: str | None = None, datefmt: str | None = None,
                  stream: Any = None, **ignored: object) -> None:
        """`logging.basicConfig`."""
        self.format = format or BASIC_FORMAT
        self.date_format = datefmt or self.date_format
        self.stream = stream
        if level is not None:
            self.root.level = level_of(level)

    def emit(self, name: str, level: int, message: str) -> None:
        now = time.time()
        stamp = time.strftime(self.date_format, time.localtime(now))
        fields = {"levelname": _NAMES.get(level, f"Level {level}"), "levelno": level, "name": name, "message": message,
                  "asctime": stamp, "created": now, "filename": "", "lineno": 0, "module": "", "funcName": "",
                  "process": 0, "thread": 0, "threadName": "MainThread", "pathname": ""}
        print((self.format or "%(message)s") % fields, file=self.stream or sys.stderr)

    def contents(self) -> dict[str, object]:
        """The names of `logging` in a program."""
        methods = "debug info warning error critical exception log"
        return {**LEVELS, "BASIC_FORMAT": BASIC_FORMAT, "Logger": Logger, "getLogger": self.get, "basicConfig": self.configure,
                "getLevelName": lambda level: _NAMES.get(level, f"Level {level}"), "disable": self.root.disable,
                **{name: getattr(self.root, name) for name in methods.split()}}


class Logger:
    """One logger: shows what is at or above its level, or else the level of the root."""

    def __init__(self, logs: Logs, name: str):
        self._logs, self.name, self.level = logs, name, 0

    def setLevel(self, level: int | str) -> None:
        self.level = level_of(level)

    def getEffectiveLevel(self) -> int:
        return self.level or self._logs.root.level

    def isEnabledFor(self, level: int) -> bool:
        return level >= self.getEffectiveLevel()

    def log(self, level: int, message: object, *args: object, **ignored: object) -> None:
        if self.isEnabledFor(level):
            self._logs.emit(self.name, level, str(message) % args if args else str(message))

    def debug(self, message: object, *args: object, **options: object) -> None:
        self.log(10, message, *args)

    def info(self, message: object, *args: object, **options: object) -> None:
        self.log(20, message, *args)

    def warning(self, message: object, *args: object, **options: object) -> None:
        self.log(30, message, *args)

    warn = warning

    def error(self, message: object, *args: object, **options: object) -> None:
        self.log(40, message, *args)

    exception = error

    def critical(self, message: object, *args: object, **options: object) -> None:
        self.log(50, message, *args)

    def disable(self, level: int | str = 50) -> None:
        """Shows nothing at or below this level any more."""
        self._logs.root.level = level_of(level) + 1

    def addHandler(self, handler: object) -> None:
        """All messages go to stderr; handlers are accepted and do nothing."""
