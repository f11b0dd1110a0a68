"""Texts to words, and words to numbers by hashing."""

import hashlib

__all__ = ["hashing_trick", "one_hot", "text_to_word_sequence"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

_MISSING = object()


def text_to_word_sequence(input_text=_MISSING, filters=FILTERS, lower=True, split=" ", *, text=_MISSING):
    r"""Split a text into words: lower its case, make each character of `filters` the string `split`, and split by that.

    Not among the default `filters`: the apostrophe, `\r`, the no-break space, typographic quotes and dashes.

    Args:
        input_text: str. `text` is its name in `keras_preprocessing`.
        filters: characters that separate words: a str, or an iterable of one-character strings.
        lower: whether to lower the case first, by `str.lower`. An upper-case letter in `filters` then has no effect.
        split: str of one or more characters; or None, which deletes the characters of `filters` and splits at
            white space.

    Returns:
        List of str, without empty ones.

    Raises:
        TypeError: `input_text` is no str, or `filters` no iterable.
        ValueError: `filters` holds a string that is not one character, or `split` is empty.

    Example:

    >>> text_to_word_sequence("The cat sat, didn't it?")
    ['the', 'cat', 'sat', "didn't", 'it']
    """
    return Splitter(filters, lower, split)(_either(input_text, text))


def one_hot(input_text=_MISSING, n=_MISSING, filters=FILTERS, lower=True, split=" ", analyzer=None, *, text=_MISSING):
    """`hashing_trick` with Python's `hash`: numbers, not one-hot vectors, and others in the next process.

    Args:
        input_text, filters, lower, split, text: those of `text_to_word_sequence`.
        n, analyzer: those of `hashing_trick`.

    Returns:
        List of int in 1..n-1.

    Example:

    >>> len(one_hot("The cat sat on the mat.", 50))
    6
    """
    return hashing_trick(_either(input_text, text), n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text=_MISSING,
    n=_MISSING,
    hash_function=None,
    filters=FILTERS,
    lower=True,
    split=" ",
    analyzer=None,
    *,
    input_text=_MISSING,
):
    """Number the words of a text by a hash function: word w becomes `hash_function(w) % (n - 1) + 1`.

    Args:
        text: str, or what `analyzer` takes. `input_text` is another name of it.
        n: size of the space, with 0, which no word gets: numbers lie in 1..n-1.
        hash_function: None for Python's `hash`, which differs from process to process; "md5" for one that does not; or
            a function from word to number.
        filters, lower, split: those of `text_to_word_sequence`.
        analyzer: function from text to words, in place of these three.

    Returns:
        List of numbers, one a word.

    Raises:
        TypeError: `text` is no str, `n` is missing, `hash_function` is no function.
        ZeroDivisionError: `n` is 1.

    Example:

    >>> hashing_trick("The cat sat on the mat.", 1000, "md5")
    [132, 759, 622, 379, 132, 962]
    """
    text = _either(text, input_text, "text")
    if n is _MISSING:
        raise TypeError("`n` is missing: how many numbers there are, with 0, which no word gets.")
    if hash_function is None:
        hash_function = hash
    elif isinstance(hash_function, str) and hash_function == "md5":
        hash_function = _md5
    elif not callable(hash_function):
        raise TypeError(f"`hash_function` must be None, 'md5' or a function. Received: {hash_function!r}")
    words = Splitter(filters, lower, split)(text) if analyzer is None else analyzer(text)
    if n == 1:
        raise ZeroDivisionError("`n` must be at least 2: numbers lie in 1..n-1. Received: n=1")
    return [hash_function(word) % (n - 1) + 1 for word in words]


class Splitter:
    """Function from a text to its words. The arguments are those of `text_to_word_sequence`."""

    def __init__(self, filters, lower, split):
        self.lower, self.split = lower, split
        try:
            self.table = str.maketrans(dict.fromkeys(filters, split))
        except (TypeError, ValueError) as error:
            kind = type(error)
            raise kind(f"`filters` must be a str or one-character strings. Received: {filters!r}") from error
        if split == "":
            raise ValueError("`split` must not be empty (in Python's words: empty separator).")

    def __call__(self, text):
        """The words of a text, of which none is empty."""
        if not isinstance(text, str):
            raise TypeError(f"A text must be a str. Received: {shown(text)}")
        if self.lower:
            text = text.lower()
        return list(filter(None, text.translate(self.table).split(self.split)))


def shown(value):
    """A value for an error: its beginning, and its type."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:60] + '...'} ({type(value).__name__})"


def _either(value, other, name="input_text"):
    """The value of an argument with two names."""
    if value is _MISSING and other is _MISSING:
        raise TypeError(f"`{name}` is missing: the text.")
    if value is not _MISSING and other is not _MISSING:
        raise TypeError("`text` and `input_text` are two names of one argument: give one of them.")
    return other if value is _MISSING else value


def _md5(word):
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)
