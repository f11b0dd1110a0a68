"""Sequences of different lengths as one array."""

import operator

import numpy as np

from .flattening import flatten, in_chunks

__all__ = ["pad_sequences"]


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Put sequences of different lengths into one array, padded with `value`.

    What `keras.utils.pad_sequences` returns; and what that refuses for no reason: `maxlen=0`, `dtype="object"` with a
    str as value, iterators of sequences, no sequences at all.

    Args:
        sequences: iterable of sequences: lists, tuples or arrays of numbers, of vectors of one shape, of str (with an
            `object` or str dtype).
        maxlen: length of all, not negative; None for that of the longest.
        dtype: of the array. Floats are truncated to integers without a word, as they always were.
        padding: "pre" or "post": where `value` goes.
        truncating: "pre" or "post": where items are left out of sequences that are longer.
        value: number, or str where the dtype holds such; or a vector where the items are.

    Returns:
        Array of shape (number of sequences, maxlen, *shape of an item).

    Raises:
        TypeError: `maxlen` is no integer.
        ValueError: something among `sequences` is no sequence, or items differ in shape, or an argument has no such
            value. Errors name the position.
        OverflowError: an int that the dtype does not hold.

    Example:

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if not isinstance(side, str) or side not in ("pre", "post"):
            raise ValueError(f"`{name}` must be 'pre' or 'post'. Received: {side!r}")
    if isinstance(sequences, (str, bytes)) or not hasattr(sequences, "__iter__"):
        raise ValueError(f"`sequences` must be iterable, over sequences. Received: {sequences!r}")
    sequences = sequences if isinstance(sequences, list) else list(sequences)
    lengths = _lengths(sequences)
    shape = next((np.asarray(x).shape[1:] for x, length in zip(sequences, lengths, strict=True) if length), ())
    if maxlen is None:
        maxlen = int(lengths.max(initial=0))
    else:
        try:
            maxlen = operator.index(maxlen)
        except TypeError:
            raise TypeError(f"`maxlen` must be None or an integer. Received: {maxlen!r}") from None
        if maxlen < 0:
            raise ValueError(f"`maxlen` must not be negative. Received: {maxlen}")
    if isinstance(value, str) and not np.issubdtype(dtype, np.character) and np.dtype(dtype) != object:
        raise ValueError(
            f"`value` is a str, which `dtype` {dtype} is not compatible with: `dtype=object` holds str of any length. "
            f"Received: value={value!r}"
        )
    padded = np.full((len(sequences), maxlen, *shape), value, dtype=dtype)
    if padded.shape[1]:
        for rows in in_chunks(lengths):
            fill = _fill_at_once if _is_plain(padded) else _fill_one_by_one
            fill(padded[rows], sequences[rows], lengths[rows], rows.start, dtype, padding, truncating)
    return padded


def _is_plain(padded):
    """Whether conversion from C's int32 is that from Python's int."""
    return padded.dtype.kind in "iu" or (padded.dtype.kind == "f" and padded.dtype.itemsize > 2)


def _lengths(sequences):
    try:
        return np.fromiter(map(len, sequences), np.int64, len(sequences))
    except TypeError:
        position = [hasattr(sequence, "__len__") for sequence in sequences].index(False)
        raise ValueError(
            "`sequences` must be a list of iterables, each with a length. Found non-iterable: at position "
            f"{position}: {sequences[position]!r}"
        ) from None


def _fill_at_once(padded, sequences, lengths, start, dtype, padding, truncating):
    """Fill the rows of a chunk of lists of integers, or of arrays."""
    kept, maxlen = sequences, padded.shape[1]
    if lengths.max() > maxlen:
        cut = slice(-maxlen, None) if truncating == "pre" else slice(maxlen)
        kept = [sequence[cut] for sequence in sequences]
        lengths = np.minimum(lengths, maxlen)
    values = _joined(kept, padded)
    if values is None:
        _fill_one_by_one(padded, sequences, lengths, start, dtype, padding, truncating)
    elif lengths.min() == maxlen:
        padded[...] = values.reshape(padded.shape)
    elif padding == "pre":
        padded[np.arange(maxlen) >= maxlen - lengths[:, None]] = values
    else:
        padded[np.arange(maxlen) < lengths[:, None]] = values


def _joined(sequences, padded):
    """The items of lists of integers, or of arrays, one after the other; None if they are not such, or do not fit."""
    kinds = set(map(type, sequences))
    if kinds == {np.ndarray}:
        if {array.dtype.kind for array in sequences} <= set("iuf"):
            try:
                joined = np.concatenate(sequences, dtype=padded.dtype, casting="unsafe")
                return joined if joined.shape[1:] == padded.shape[2:] else None
            except ValueError:  # items of different shapes
                pass
        return None
    values = flatten(sequences) if kinds == {list} and padded.ndim == 2 else None
    if values is None or padded.dtype.kind == "f" or not len(values):
        return values
    return values if values.max() <= np.iinfo(padded.dtype).max else None


def _fill_one_by_one(padded, sequences, lengths, start, dtype, padding, truncating):
    """Fill the rows of any sequences. `start` is the position of the first, for errors."""
    maxlen = padded.shape[1]
    for row, (position, sequence), length in zip(padded, enumerate(sequences, start), lengths, strict=True):
        if not length:
            continue
        try:
            kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=dtype)
        except (
            TypeError,
            ValueError,
            OverflowError,
            KeyError,
        ) as error:  # the last of dictionaries, from Python 3.12 on
            kind = next((kind for kind in (OverflowError, ValueError) if isinstance(error, kind)), TypeError)
            raise kind(f"`sequences`, at position {position}: {error}") from error
        if kept.shape[1:] != padded.shape[2:]:
            raise ValueError(
                f"Items must have one shape. `sequences` at position {position} has items of shape {kept.shape[1:]}, "
                f"where the expected shape is {padded.shape[2:]}."
            )
        if padding == "post":
            row[: len(kept)] = kept
        else:
            row[maxlen - len(kept) :] = kept


def _remove_long_seq(maxlen, seq, label):
    """The sequences shorter than `maxlen`, and their labels: a private name of `keras_preprocessing` in use."""
    kept = [(x, y) for x, y in zip(seq, label, strict=False) if len(x) < maxlen]
    return [x for x, _ in kept], [y for _, y in kept]
