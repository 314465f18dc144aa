"""How long a key press takes at the prompt, from the key to the drawn screen.

The session holds 1000 variables, among them a tensor of 1 GB. Keys of three kinds are timed: a letter of a
name, a letter inside a call (the bottom line shows its signature), and Tab, which opens the menu.
"""

import io
import statistics
import time
from contextlib import suppress

from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from tcli.cli.options import Settings
from tcli.cli.repl import Repl
from tcli.runtime.session import Session

TEXTS = {"a letter of a name": "value_1", "a letter inside a call": "softmax(value_12, di", "Tab": "val\t"}


def session_with_much() -> Session:
    session = Session(seed=0)
    session.run("big = zeros(268435456)")
    for number in range(999):
        session.run(f"value_{number} = randn(3, {number % 7 + 1})")
    return session


def seconds_per_key(session: Session, text: str, rounds: int = 15) -> list[float]:
    """Seconds of the last key of `text`, typed `rounds` times into a fresh line."""
    found: list[float] = []
    with create_pipe_input() as pipe:
        output = Vt100_Output(io.StringIO(), lambda: Size(rows=40, columns=100), term="xterm-256color", enable_cpr=False)
        output.get_rows_below_cursor_position = lambda: 20
        with create_app_session(input=pipe, output=output):
            history = InMemoryHistory([f"value_{n} = randn(3) * {n}" for n in range(2000)])
            prompt = Repl(session, Settings(), write=lambda line: None, history=history, input=pipe, output=output)
            editor = prompt.reader.session
            start = [0.0]

            def drawn(app) -> None:
                typed = app.current_buffer.text
                if start[0] and (typed == text or text.endswith("\t") and app.current_buffer.complete_state):
                    found.append(time.perf_counter() - start[0])
                    start[0] = 0.0
                    if len(found) == rounds:
                        pipe.send_text("\x03")
                        return
                    pipe.send_text("\x1b\x1b\x15")  # leaves the menu, clears the line
                elif typed == text[:-1] and not start[0]:
                    start[0] = time.perf_counter()
                    pipe.send_text(text[-1])
                elif not typed:
                    pipe.send_text(text[:-1])

            editor.app.after_render += drawn
            with suppress(KeyboardInterrupt):
                editor.prompt()
    return found


def main() -> None:
    session = session_with_much()
    for what, text in TEXTS.items():
        found = seconds_per_key(session, text)
        figures = (("best", min(found)), ("median", statistics.median(found)), ("worst", max(found)))
        print(f"{what:<24}" + "".join(f"  {name} {1e3 * seconds:5.1f} ms" for name, seconds in figures))


if __name__ == "__main__":
    main()
