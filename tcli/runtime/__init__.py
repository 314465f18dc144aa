"""Where programs run: sessions, the names and modules they find, the sandbox, contracts, failures.

Takes compiled code from `lang` and values from `engine`; knows no terminal.
"""
