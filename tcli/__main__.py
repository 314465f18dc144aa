"""`python -m tcli`: the same as the `tcli` command."""

from tcli.cli import main

if __name__ == "__main__":
    main()
