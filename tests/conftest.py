"""Interrupts work in the tests and in what they start, though whoever started the suite may have ignored them."""

import signal
from contextlib import suppress

with suppress(ValueError):  # not the main thread
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
