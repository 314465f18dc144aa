"""What an expression gives: its value as text, or the class and the words of its error; and what it warns of."""

import re
import warnings

import numpy as np

MOST = 400  # characters of a message that are looked at
ONCE = "TypedStorage is deprecated"  # given once in a process whatever `set_warn_always` says: it depends on what ran before


def outcome(text: str, torch) -> list:
    """[value or error, warnings] of an expression over `torch` and `np`; `name = ...; expression` sets something up first."""
    names = {"torch": torch, "np": np, "x": torch.ones(2, 3)}
    *before, last = text.split(" ;; ")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.set_warn_always(True)
        try:
            for statement in before:
                exec(statement, names)
            found = repr(eval(last, names))
        except Exception as error:
            kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
            found = f"{kind}: {_said(str(error))}"
        finally:
            torch.set_warn_always(False)
            torch.use_deterministic_algorithms(False)
    told = [_said(str(w.message)) for w in caught if w.category in (UserWarning, FutureWarning)]
    return [found, [each for each in told if not each.startswith(ONCE)]]


def _said(message: str) -> str:
    """A message without the place in PyTorch's sources; lists of possible signatures are not compared."""
    message = re.sub(r" \(Triggered internally.*", "", message, flags=re.DOTALL)
    return re.sub(r"(received an invalid combination of arguments).*", r"\1", message, flags=re.DOTALL)[:MOST]
