"""Kinds of arguments that several commands take."""

import argparse


def positive(text):
    """An integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number
