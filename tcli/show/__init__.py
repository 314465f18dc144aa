"""Values, errors and traces as text: pure functions that print nothing and know no terminal.

Takes tensors, errors and trace rows, gives strings (or rich renderables); only `cli` writes them.
"""


def is_tensor(value: object) -> bool:
    """Whether `value` is a tensor: its class says so, and the engine need not be loaded to ask."""
    return any(kind.__name__ == "Tensor" and kind.__module__ == "torch" for kind in type(value).__mro__)


def is_table(value: object) -> bool:
    """Whether `value` is a table: columns by name."""
    return hasattr(type(value), "columns") and hasattr(type(value), "items")


def is_terminal(stream) -> bool:
    """Whether a person may be looking at a stream (which may be closed, or none)."""
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):
        return False
