"""What is drawn for the images of a batch, as columns of numbers."""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """What was drawn for the images of a batch: arrays, or tensors, of n rows."""

    matrix: np.ndarray
    """float64 (n, 2, 3), output pixel (row, column) to input pixel."""
    flip_horizontal: np.ndarray
    """bool (n,)."""
    flip_vertical: np.ndarray
    """bool (n,)."""
    channel_shift: np.ndarray
    """float64 (n,) in grey levels; NaN for none."""
    brightness: np.ndarray
    """float64 (n,), factors; NaN for none."""


class Column(NamedTuple):
    """Shape of what one row holds of a column, and its dtype."""

    shape: tuple
    dtype: str


SPEC = Rows(
    Column((2, 3), "float64"),
    Column((), "bool"),
    Column((), "bool"),
    Column((), "float64"),
    Column((), "float64"),
)


def neutral(zeros, identity=np.eye(2, 3)):  # noqa: B008 - nobody writes to it
    """The rows that change nothing.

    Args:
        zeros: (n,) zeros of a float dtype: an array, or a tensor of any backend. The rows are of the same kind.
        identity: the 2x3 matrix of that kind.
    """
    nothing = zeros + float("nan")
    return Rows(zeros[:, None, None] + identity, zeros != 0, zeros != 0, nothing, nothing)
