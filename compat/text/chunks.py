"""Texts in lists of some, which are worked on at once."""

import numpy as np

from .words import shown

CHUNK = 256  # texts, so that what belongs to them stays in the cache of the processor
FEW = 32  # texts that take NumPy longer than Python
_LETTERS = 1 << 18  # after which a chunk is closed, so that long texts do not fill the memory
_STRINGS = {str, np.str_}  # a class derived from them may lower, or split, otherwise


def in_chunks(texts, size=CHUNK):
    """Lists of texts: the first of at most so many, the others of `CHUNK`, with long texts of fewer."""
    chunk, letters = [], 0
    for text in texts:
        chunk.append(text)
        letters += len(text) if isinstance(text, str) else 0
        if len(chunk) >= size or letters >= _LETTERS:
            yield chunk
            chunk, letters, size = [], 0, CHUNK
    if chunk:
        yield chunk


def are_strings(chunk):
    """Whether all texts are strings, and nothing derived from these."""
    return _STRINGS.issuperset(map(type, chunk))


def iterated(texts):
    """An iterator over texts."""
    try:
        return iter(texts)
    except TypeError:
        raise TypeError(f"`texts` must be an iterable of texts. Received: {shown(texts)}") from None
