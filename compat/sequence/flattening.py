"""Lists of lists of integers as one array."""

import array
import itertools
import operator

import numpy as np

_LAST = 2**63 - 1


def flatten(sequences):
    """The integers of lists, one after the other, as an array of uint32.

    Of all that reads Python's integers, `array` takes the shortest time for each, if they are not negative.

    Args:
        sequences: list of lists of int.

    Returns:
        uint32 array; or None if one of the sequences is no list, or holds something else than such integers.
    """
    read = array.array("I")
    try:
        for sequence in sequences:
            read.fromlist(sequence)
    except (TypeError, OverflowError):
        return None
    return np.frombuffer(read, np.uint32)


def in_chunks(lengths, numbers=1 << 14):
    """Slices of a list of sequences of these lengths that together hold about so many items, at least one each."""
    held = np.cumsum(np.asarray(lengths, np.int64) + 1) // numbers
    bounds = [0, *(np.flatnonzero(np.diff(held)) + 1).tolist(), len(lengths)]
    return [slice(start, stop) for start, stop in itertools.pairwise(bounds) if start < stop]


def numbers(sequence):
    """One sequence as an array of int64; what is beyond these becomes the last of them.

    Raises:
        TypeError: it holds something else.
    """
    if isinstance(sequence, np.ndarray):
        if sequence.ndim != 1 or (sequence.dtype.kind not in "iub" and sequence.size):
            raise TypeError(f"an array of {sequence.dtype} with shape {sequence.shape}")
        return (np.minimum(sequence, np.uint64(_LAST)) if sequence.dtype == np.uint64 else sequence).astype(np.int64)
    values = list(sequence)
    wrong = next((value for value in values if not hasattr(type(value), "__index__")), None)
    if wrong is not None or None in values:
        raise TypeError(f"{wrong!r} ({type(wrong).__name__})")
    try:
        return np.fromiter(values, np.int64, len(values))
    except OverflowError:
        return np.array([max(min(operator.index(value), _LAST), -_LAST) for value in values], np.int64)
