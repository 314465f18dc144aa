"""`tcli --profile` and `--profile-trace FILE`: a program run under the profiler, its tables on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from .options import Settings


def run_profiled(session, settings: Settings, run: Callable[[], None]) -> int:
    """Runs the program; the tables come even if it fails."""
    from ..engine.profile import Recorder, Roofline
    from ..runtime.profiler import chrome_trace, report

    session.load_engine()
    session.positions = True
    roofline, recorder = Roofline(), Recorder()
    try:
        with recorder:
            run()
    finally:
        if settings.profile:
            print(report(recorder, roofline), file=sys.stderr)
        if settings.profile_trace:
            with open(settings.profile_trace, "w", encoding="utf-8") as file:
                json.dump(chrome_trace(recorder), file)
    return 0
