"""Kinds of arguments that several commands take."""

import argparse


def positive(text):
    """An integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def add_size(parser, what):
    """Add `--size HEIGHT WIDTH`, the size of `what`."""
    parser.add_argument(
        "--size",
        nargs=2,
        type=positive,
        default=(224, 224),
        metavar=("HEIGHT", "WIDTH"),
        help=f"size of {what} (default: 224 224)",
    )
