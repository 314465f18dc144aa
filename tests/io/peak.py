"""How much memory a child process took: the statement that prints its peak in KB.

`ru_maxrss` would not do: Linux lets a child begin with the peak of the process that started it.
"""

PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
