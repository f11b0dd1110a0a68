"""Sequences of different lengths as one array."""

import operator

import numpy as np

from .flattening import flatten, in_chunks, places

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
        maxlen = max(lengths, default=0)
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
        for rows in in_chunks(sequences):
            fill = _fill_at_once if _is_plain(padded) else _fill_one_by_one
            fill(padded[rows], sequences[rows], rows.start, maxlen, dtype, padding, truncating)
    return padded


def _is_plain(padded):
    """Whether conversion from C's int32 is that from Python's int."""
    return padded.dtype.kind in "iu" or (padded.dtype.kind == "f" and padded.dtype.itemsize > 2)


def _lengths(sequences):
    try:
        return list(map(len, sequences))
    except TypeError:
        position = [hasattr(sequence, "__len__") for sequence in sequences].index(False)
        raise ValueError(
            "`sequences` must be a list of iterables, each with a length. Found non-iterable: at position "
            f"{position}: {sequences[position]!r}"
        ) from None


def _fill_at_once(padded, sequences, start, maxlen, dtype, padding, truncating):
    """Fill the rows of a chunk of lists of integers, or of arrays."""
    flat = _joined_arrays(sequences, padded) or (flatten(sequences) if padded.ndim == 2 else None)
    if flat is None or not _fits(flat[0], padded.dtype, sequences):
        _fill_one_by_one(padded, sequences, start, maxlen, dtype, padding, truncating)
        return
    values, lengths = flat
    if lengths.max(initial=0) > maxlen:
        rows, at = places(lengths)
        kept = at >= (lengths - maxlen)[rows] if truncating == "pre" else at < maxlen
        values, lengths = values[kept], np.minimum(lengths, maxlen)
    if lengths.min(initial=maxlen) == maxlen:
        padded[...] = values.reshape(padded.shape)
    elif padding == "pre":
        padded[np.arange(maxlen) >= maxlen - lengths[:, None]] = values
    else:
        padded[np.arange(maxlen) < lengths[:, None]] = values


def _joined_arrays(sequences, padded):
    """Arrays of one dtype and item shape one after the other, and their lengths; None if they are not such."""
    if not sequences or set(map(type, sequences)) != {np.ndarray}:
        return None
    kinds = {(array.dtype, array.shape[1:]) for array in sequences if array.size or array.ndim != 1}
    if len(kinds) != 1 or next(iter(kinds))[1] != padded.shape[2:] or next(iter(kinds))[0].kind not in "iuf":
        return None
    filled = [array for array in sequences if len(array)]
    if not filled:
        return None
    return np.concatenate(filled), np.fromiter(map(len, sequences), np.int64, len(sequences))


def _fits(values, dtype, sequences):
    """Whether Python's integers in `values` fit into an integer dtype; NumPy's wrap round, as anywhere."""
    if dtype.kind == "f" or not len(values) or isinstance(sequences[0], np.ndarray):
        return True
    limits = np.iinfo(dtype)
    return limits.min <= int(values.min()) and int(values.max()) <= limits.max


def _fill_one_by_one(padded, sequences, start, maxlen, dtype, padding, truncating):
    """Fill the rows of any sequences. `start` is the position of the first, for errors."""
    for row, (position, sequence) in zip(padded, enumerate(sequences, start), strict=True):
        if not len(sequence):
            continue
        try:
            kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=dtype)
        except (TypeError, ValueError, OverflowError) as error:
            kind = next(kind for kind in (OverflowError, TypeError, ValueError) if isinstance(error, kind))
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
