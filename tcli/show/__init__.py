"""Values, errors and traces as text: pure functions that print nothing and know no terminal.

Takes tensors, errors and trace rows, gives strings (or rich renderables); only `cli` writes them.
"""
