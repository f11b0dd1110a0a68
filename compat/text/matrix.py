"""Sequences of numbers as a matrix of their counts."""

import numpy as np

from ..sequence.flattening import flatten, in_chunks, numbers


def matrix(chunks, shape, mode, documents, index_docs, sparse):
    """The matrix of `Tokenizer.sequences_to_matrix`, which checks the arguments.

    Args:
        chunks: the numbers of sequences, one after the other, and the lengths of these: pairs of arrays of integers.
        shape: number of sequences, or None, and of columns.
        mode: "binary", "count", "freq" or "tfidf".
        documents, index_docs: for "tfidf": the number of all texts, and a dictionary of how many a number occurs in.
        sparse: whether to return a CSR array.

    Returns:
        float64 array or `scipy.sparse.csr_array` of that shape.
    """
    rows, width = shape
    made, start = None if sparse else np.zeros(shape), 0
    entries, sizes = [(np.empty(0, np.int32), np.empty(0))], [np.zeros(1, np.int64)]
    for values, lengths in chunks:
        stop = start + len(lengths)
        if sparse or values.min(initial=0) < 0:
            where, columns, counts = _counted(values, lengths, width, start, sparse)
            weights = _weights(mode, columns, counts, lengths[where], documents, index_docs)
            if sparse:
                entries.append((columns.astype(np.int32), weights))
                sizes.append(np.bincount(where, minlength=len(lengths)))
            else:
                made[start:stop][where, columns] = weights
        else:
            _fill(made[start:stop].reshape(-1), values, lengths, width, mode, documents, index_docs)
        start = stop
    if not sparse:
        return made
    from scipy.sparse import csr_array  # noqa: PLC0415  which nothing else needs

    columns, weights = map(np.concatenate, zip(*entries, strict=True))
    return csr_array((weights, columns, np.cumsum(np.concatenate(sizes))), shape=(rows, width))


def flat(sequences):
    """The `chunks` of a list, or an array, of sequences."""
    for chunk in in_chunks(list(map(len, sequences))):
        some = sequences[chunk]
        values = flatten(some) if isinstance(some, list) else None
        if values is not None:
            yield values, np.fromiter(map(len, some), np.int64, len(some))
        else:
            yield _one_by_one(some, chunk.start)


def _fill(made, values, lengths, width, mode, documents, index_docs):
    """Write the weights of numbers, none of them negative, into rows of zeros that follow each other in `made`."""
    lengths_of, starts = np.repeat(lengths, lengths), np.repeat(np.arange(0, len(lengths) * width, width), lengths)
    inside = values < width
    if not inside.all():
        values, starts, lengths_of = (each.compress(inside) for each in (values, starts, lengths_of))
    places = starts + values
    if mode == "binary":
        made[places] = 1
        return
    np.add.at(made, places, 1.0)  # of an int it takes thirty times as long
    if mode != "count":
        # What is there twice is written twice, and the same.
        made[places] = _weights(mode, values, made[places], lengths_of, documents, index_docs)


def _one_by_one(sequences, start):
    """The same of any sequences of a chunk. `start` is its position."""
    arrays = [np.empty(0, np.int64)]
    for position, sequence in enumerate(sequences, start):
        try:
            arrays.append(numbers(sequence))
        except TypeError as error:
            raise TypeError(f"`sequences` must hold integers. Received at position {position}: {error}") from error
    return np.concatenate(arrays), np.array([len(array) for array in arrays[1:]])


def _counted(values, lengths, width, start, sparse):
    """How often each number occurs in each sequence: arrays of rows, columns and counts."""
    rows = np.repeat(np.arange(len(lengths)), lengths)
    inside = values < width
    if not inside.all():
        rows, values = rows[inside], values[inside]
    if values.size and (lowest := values.min()) < 0:
        position = start + int(rows[values.argmin()])
        if lowest < -width:
            raise IndexError(f"`sequences` at position {position} holds {lowest}, where there are {width} columns.")
        if sparse:
            raise IndexError(f"`sparse=True` takes no negative numbers. `sequences` at position {position}: {lowest}")
        # They count from the last column. Where a column is meant twice, what came last in the sequence prevails.
        keys, first, counts = np.unique(rows * 2 * width + values + width, return_index=True, return_counts=True)
        order = np.argsort(first)
        rows, columns = np.divmod(keys[order], 2 * width)
        return rows, columns - width, counts[order]
    keys, counts = np.unique(rows * width + values, return_counts=True)
    return *np.divmod(keys, width), counts


def _weights(mode, columns, counts, lengths, documents, index_docs):
    if mode == "binary":
        return np.ones(len(counts))
    if mode == "count":
        return counts.astype(np.float64)
    if mode == "freq":
        return counts / lengths
    different, where = np.unique(columns, return_inverse=True)
    known = np.array([index_docs.get(index, 0) for index in different.tolist()], np.int64)
    return (1 + np.log(counts)) * np.log(1 + documents / (1 + known))[where]
