"""A contestant's process: `python -m benchmarks.worker NAME THREADS TINY`."""

import sys

from .common import serve

if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1")
