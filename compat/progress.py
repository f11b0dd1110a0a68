"""What is going on, on stderr."""

import sys


def show(line):
    """Say what is going on: in place on a terminal, where the empty line wipes it out."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    elif line:
        print(line, file=sys.stderr, flush=True)


def counted(what):
    """A function of how many are done and of how many that shows it now and then: "checked 30 of 100 files".

    Args:
        what: "checked {} files", say.
    """

    def show_count(done, total):
        terminal = sys.stderr.isatty()
        parts = 100 if terminal else 10
        if done * parts // total > (done - 1) * parts // total:
            show("" if terminal and done == total else what.format(f"{done:,} of {total:,}"))

    return show_count
