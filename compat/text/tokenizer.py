"""Texts to sequences of word numbers, and back."""

import collections
import itertools
import json
import math
import operator
import warnings
from collections.abc import Iterator

import numpy as np

from .character_table import CharacterTable
from .chunks import FEW, are_strings, in_chunks, iterated
from .counting import counted
from .matrix import flat, matrix
from .word_table import WordTable
from .words import FILTERS, Splitter, shown

__all__ = ["Tokenizer", "tokenizer_from_json"]

_PER_WORD = 25  # letters of text for each word of the dictionary, from which on it pays to make a table of this


class Tokenizer:
    """Numbers words by their frequency in texts, and turns texts into sequences of these numbers, or into matrices.

    A text that is a list is one of tokens: they are lower-cased, if `lower`, and otherwise taken as they are. Any other
    text is split into its characters, if `char_level`, or by `analyzer`, or into words as by `text_to_word_sequence`.
    The most frequent word gets the number 1, or 2 if there is an `oov_token`, which then gets 1; among words of the
    same frequency the one that came first. No word gets the number 0.

    Args:
        num_words: numbers in sequences are below it, so that one word less is kept; None or 0 for all.
        filters, lower, split: those of `text_to_word_sequence`.
        char_level: whether every character is a token, white space and punctuation included.
        oov_token: what stands for words that are not known or too rare; None leaves them out.
        analyzer: function from a text to its tokens; `filters`, `lower` and `split` then have no effect. An integer in
            this place is a `document_count`, which is what `keras_preprocessing` has there.
        document_count: number of texts seen before.
        **kwargs: `nb_words`, an older name of `num_words`.

    Attributes:
        word_counts: OrderedDict from word to number of its occurrences, in the order of their first.
        word_docs, index_docs: dictionaries from word, or number, to the number of texts that it occurs in.
        word_index, index_word: dictionaries from word to number and back, of all words whatever `num_words`.
        document_count: number of texts seen.

    Raises:
        TypeError: unknown arguments.

    Example:

    >>> tokenizer = Tokenizer(num_words=4)
    >>> tokenizer.fit_on_texts(["The cat sat on the mat.", "The dog sat on the log."])
    >>> tokenizer.texts_to_sequences(["The dog sat on the cat."])
    [[1, 2, 3, 1]]
    """

    def __init__(
        self,
        num_words=None,
        filters=FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        analyzer=None,
        *,
        document_count=0,
        **kwargs,
    ):
        if "nb_words" in kwargs:
            warnings.warn("The `nb_words` argument in `Tokenizer` has been renamed `num_words`.", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        if isinstance(analyzer, int):
            analyzer, document_count = None, analyzer
        self.word_counts = collections.OrderedDict()
        self.word_docs = collections.defaultdict(int)
        self.filters = filters
        self.split = split
        self.lower = lower
        self.num_words = num_words
        self.document_count = document_count
        self.char_level = char_level
        self.oov_token = oov_token
        self.index_docs = collections.defaultdict(int)
        self.word_index = {}
        self.index_word = {}
        self.analyzer = analyzer

    def __setstate__(self, state):
        # Pickles of older versions, and of other libraries, lack some.
        vars(self).update({**vars(Tokenizer()), **state})
        if "index_word" not in state:
            self.index_word = {index: word for word, index in self.word_index.items()}

    def fit_on_texts(self, texts):
        """Count the words of texts, in addition to those counted before, and number all words anew.

        Args:
            texts: iterable of texts.

        Raises:
            TypeError: a text is neither a str nor a list. Nothing is counted then.

        Example:

        >>> tokenizer.fit_on_texts(["The cat sat on the mat.", ["already", "split"]])
        """
        _warn_of_str(texts)
        # Of few long texts Python counts the characters in less memory.
        table = None if self.char_level and operator.length_hint(texts) < FEW else self._table()
        if table is not None:
            counts, docs, number = counted(table, self._in_chunks(texts, table))
            del table  # as much memory as the dictionaries to come
        else:
            counts, docs, number = self._counted(texts)
        self.document_count += number
        _add(self.word_counts, counts)
        _add(self.word_docs, docs)
        words = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)
        if self.oov_token is not None:
            if self.oov_token in self.word_counts:
                warnings.warn(
                    f"The `oov_token`, {self.oov_token!r}, is among the words of the texts: it gets the number of that "
                    "word, no word gets 1, and matrices lack the last word, as ever. Choose another token.",
                    stacklevel=2,
                )
            words.insert(0, self.oov_token)
        self.word_index = dict(zip(words, itertools.count(1)))
        self.index_word = {index: word for word, index in self.word_index.items()}
        self.index_docs.update((self.word_index[word], number) for word, number in self.word_docs.items())

    def _counted(self, texts):
        """How often each token occurs, in how many texts, and how many texts there are."""
        counts, docs, number, used_up = collections.Counter(), collections.Counter(), 0, False
        for tokens in self._tokens(texts):
            number += 1
            counts.update(iter(tokens))
            docs.update(set(tokens))  # in the order of sets, as ever
            used_up = used_up or isinstance(tokens, Iterator)
        if used_up:
            warnings.warn(
                "`analyzer` returned an iterator, which is used up when words are counted: `word_docs` and "
                "`index_docs` lack them, as ever. Return a list.",
                stacklevel=3,
            )
        return counts, docs, number

    def _table(self, words=()):
        """What numbers the tokens of many texts at once; None if that is not by characters, or words split by bytes."""
        if self.char_level:
            return CharacterTable(self.lower, words)
        plain = self.analyzer is None and WordTable.takes(self.filters, self.split)
        return WordTable(self.filters, self.lower, self.split, words) if plain else None

    def _in_chunks(self, texts, table):
        """The numbers that a table has for the words of texts, chunk by chunk, and how many words each text has."""
        start = 0
        for chunk in in_chunks(iterated(texts)):
            numbered = table.number(chunk) if len(chunk) >= FEW and are_strings(chunk) else None
            yield numbered or table.number_tokens(list(self._tokens(chunk, start)))
            start += len(chunk)

    def fit_on_sequences(self, sequences):
        """Count in how many sequences each number occurs, for "tfidf" matrices. After `fit_on_texts` on the same texts,
        all would count twice.

        Args:
            sequences: iterable of sequences of numbers.

        Example:

        >>> tokenizer.fit_on_sequences([[1, 2, 3], [1, 4]])
        """
        docs, number = collections.Counter(), 0
        for sequence in sequences:
            number += 1
            docs.update({index.item() if isinstance(index, np.generic) else index for index in sequence})
        self.document_count += number
        _add(self.index_docs, docs)

    def texts_to_sequences(self, texts):
        """The words of texts as numbers.

        Words that are not known, or whose number is `num_words` or more, are left out, or become that of `oov_token`.

        Args:
            texts: iterable of texts.

        Returns:
            List of lists of int.

        Raises:
            TypeError: a text is neither a str nor a list.

        Example:

        >>> tokenizer.texts_to_sequences(["The mat"])
        [[1, 5]]
        """
        if self._is_overridden("texts_to_sequences_generator") or operator.length_hint(texts) <= FEW:
            return list(self.texts_to_sequences_generator(texts))
        _warn_of_str(texts)
        sequences, words = [], np.array(range(1024), object)
        for chunk in self._numbered(texts):
            if isinstance(chunk, list):
                sequences += chunk
                continue
            while chunk[0].max(initial=0) >= len(words):  # no number is made twice
                words = np.concatenate([words, np.array(range(len(words), 2 * len(words)), object)])
            values, lengths = words.take(chunk[0]).tolist(), np.cumsum(chunk[1]).tolist()
            sequences += [values[start:stop] for start, stop in zip([0, *lengths[:-1]], lengths, strict=True)]
        return sequences

    def _is_overridden(self, *names):
        return any(getattr(type(self), name) is not getattr(Tokenizer, name) for name in names)

    def _numbered(self, texts):
        """The numbers of the words of texts chunk by chunk: a list of lists, or a pair of arrays (numbers, lengths)."""
        number, count, start = self._numbering(), operator.length_hint(texts), 0
        table = indices = None
        for chunk in in_chunks(iterated(texts), FEW):
            plain = are_strings(chunk)
            found = table.number(chunk, known=True) if table is not None and plain else None
            if found is None:
                yield [number(tokens) for tokens in self._tokens(chunk, start)]
            else:
                numbers = indices.take(found[0])
                stops = np.cumsum(found[1])
                inside = np.concatenate([[0], np.cumsum(numbers > 0)])
                yield numbers.compress(numbers), np.diff(inside.take(stops), prepend=0)
            if start == 0 and plain and sum(map(len, chunk)) * count >= _PER_WORD * len(self.word_index) * len(chunk):
                table, indices = self._known()
            start += len(chunk)

    def _known(self):
        """A table of the words that are kept, and an array of their numbers, at whose end is that of all others, 0 for
        none. None and None if there is no table for such texts, or the numbers are not 1, 2, ...
        """
        words, oov = self.word_index, self.word_index.get(self.oov_token)
        regular = set(map(type, words)) == {str} and set(map(type, words.values())) == {int}
        regular = regular and (oov is None) == (self.oov_token is None)
        if not regular or min(words.values()) < 1 or max(words.values()) > len(words) + 1:
            return None, None
        if self.num_words:
            words = {word: index for word, index in words.items() if index < self.num_words}
        table = self._table(words)
        return (None, None) if table is None else (table, np.array([*words.values(), oov or 0]))

    def texts_to_sequences_generator(self, texts):
        """`texts_to_sequences` one by one: an iterator."""
        _warn_of_str(texts)
        number = self._numbering()
        yield from map(number, self._tokens(texts))

    def sequences_to_texts(self, sequences):
        """The words of sequences, joined by one space whatever `split` and `char_level`.

        Args:
            sequences: iterable of sequences of numbers. Unknown ones, and those of `num_words` or more, are left out,
                or become the `oov_token`.

        Returns:
            List of str.

        Example:

        >>> tokenizer.sequences_to_texts([[1, 5]])
        ['the mat']
        """
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """`sequences_to_texts` one by one: an iterator."""
        limit = self.num_words or math.inf
        unknown = self.oov_token
        rare = None if self.word_index.get(unknown) is None else unknown
        if rare is not None:
            rare = unknown = self.index_word[self.word_index[unknown]]
        for sequence in sequences:
            words = []
            for index in sequence:
                word = self.index_word.get(index)
                word = unknown if word is None else word if index < limit else rare
                if word is not None:
                    words.append(word if isinstance(word, str) else str(word))
            yield " ".join(words)

    def texts_to_matrix(self, texts, mode="binary", *, sparse=False):
        """`sequences_to_matrix` of `texts_to_sequences`.

        Args:
            texts: iterable of texts.
            mode, sparse: those of `sequences_to_matrix`.

        Returns:
            float64 array, or SciPy CSR array, (number of texts, `num_words` or number of words + 1).

        Example:

        >>> tokenizer.texts_to_matrix(["The mat, the mat"], mode="count")[0, :6]
        array([0., 2., 0., 0., 0., 2.])
        """
        names = ("texts_to_sequences", "texts_to_sequences_generator", "sequences_to_matrix")
        if self._is_overridden(*names) or not hasattr(texts, "__len__"):
            return self.sequences_to_matrix(self.texts_to_sequences(texts), mode, sparse=sparse)
        width = self._width(mode)
        _warn_of_str(texts)
        chunks = itertools.chain.from_iterable(
            flat(chunk) if isinstance(chunk, list) else (chunk,) for chunk in self._numbered(texts)
        )
        return matrix(chunks, (len(texts), width), mode, self.document_count, self.index_docs, sparse)

    def sequences_to_matrix(self, sequences, mode="binary", *, sparse=False):
        """One row a sequence, one column a number.

        Args:
            sequences: iterable of sequences of numbers. Those beyond the columns are left out.
            mode: with c times that a number occurs in the sequence, d sequences or texts that it was counted in and N
                of all: "binary" for 1, "count" for c, "freq" for c / length of the sequence, "tfidf" for
                (1 + ln c) ln(1 + N / (1 + d)).
            sparse: whether to return a `scipy.sparse.csr_array`, which holds the same.

        Returns:
            float64 array, or CSR array, (number of sequences, `num_words` or number of words + 1).

        Raises:
            ValueError: unknown `mode`; there are neither `num_words` nor words; "tfidf" without texts.
            TypeError: a sequence holds something else than integers.
            IndexError: a negative number beyond the columns; others count from the last column.

        Example:

        >>> tokenizer.sequences_to_matrix([[1, 5, 1]], mode="freq")[0, :6]
        array([0.        , 0.66666667, 0.        , 0.        , 0.        , 0.33333333])
        """
        width = self._width(mode)
        sequences = sequences if isinstance(sequences, (list, np.ndarray)) else list(sequences)
        shape = len(sequences), width
        return matrix(flat(sequences), shape, mode, self.document_count, self.index_docs, sparse)

    def _width(self, mode):
        """The number of columns of a matrix of a mode."""
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(f"`mode` must be 'binary', 'count', 'freq' or 'tfidf'. Received: {mode!r}")
        if not self.num_words and not self.word_index:
            raise ValueError("The number of columns is not known: give `num_words`, or fit on some text data first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("`mode='tfidf'` needs a Tokenizer that was fitted on some data.")
        try:
            return operator.index(self.num_words or len(self.word_index) + 1)
        except TypeError:
            raise TypeError(f"`num_words` must be an integer. Received: {self.num_words!r}") from None

    def to_layer(self, maxlen=None, padding="pre", truncating="pre", mode="int"):
        """A Keras layer that does to texts what this Tokenizer does, for `tf.data`, for models and their export.

        It is made of TensorFlow's operations: with another Keras backend it belongs into `tf.data`. It is saved with a
        model that holds it (`import keras_regen.compat.text.as_layer` before loading). The results are the same but for
        two things: lower case is that of TensorFlow, which lacks 40 letters that Unicode 14 and later versions added;
        and with `lower`, a text ends at a zero character.

        Args:
            maxlen, padding, truncating: those of `pad_sequences`, by which the numbers go into one tensor, padded with
                0. `maxlen=None` is the longest of a batch.
            mode: "int" for numbers; or that of `texts_to_matrix`.

        Returns:
            A layer from texts, str (n,) or (n, 1), to int32 (n, maxlen), or to a matrix in the dtype of the layer.

        Raises:
            ValueError: there is an `analyzer`, `split` is None, no text was fitted on, a token is no str, an argument
                has no such value.
            ImportError: there is no TensorFlow, whose strings the layer takes.

        Example:

        ```python
        model = keras.Sequential([keras.Input((), dtype="string"), tokenizer.to_layer(maxlen=100), *layers])
        ```
        """
        try:
            from .as_layer import layer_of  # noqa: PLC0415  it imports TensorFlow
        except ModuleNotFoundError as error:
            if error.name != "tensorflow":
                raise
            said = "`Tokenizer.to_layer` needs TensorFlow, whose strings the layer takes. Use `texts_to_sequences`."
            raise ImportError(said, name="tensorflow") from error
        if mode == "tfidf" and not self.document_count:
            raise ValueError("`mode='tfidf'` needs a Tokenizer that was fitted on some data.")
        return layer_of(self, maxlen, padding, truncating, mode)

    def get_config(self):
        """The attributes, but for `analyzer`, as a dictionary for JSON; dictionaries are JSON in it."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        config = {name: getattr(self, name) for name in names}
        for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index"):
            config[name] = json.dumps(getattr(self, name))
        return config

    def to_json(self, **kwargs):
        """The configuration as JSON, which every Keras reads. `kwargs` are those of `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)

    def _tokens(self, texts, start=0):
        """The tokens of each text: lists, or what `analyzer` returned. `start` is the position of the first."""
        analyzer, split = self.analyzer, None
        for position, text in enumerate(iterated(texts), start):
            if split is None and analyzer is None and not self.char_level and not isinstance(text, list):
                split = Splitter(self.filters, self.lower, self.split)
            try:
                if isinstance(text, list):
                    tokens = [token.lower() for token in text] if self.lower else text
                elif self.char_level:
                    tokens = text.lower() if self.lower else text
                elif split is not None:
                    tokens = split(text)
                else:
                    tokens = None
            except (AttributeError, TypeError) as error:
                raise TypeError(
                    f"`texts` must hold str, or lists of str. Received at position {position}: {shown(text)}"
                ) from error
            yield analyzer(text) if tokens is None and analyzer is not None else tokens

    def _numbering(self):
        """Function from tokens to the list of their numbers."""
        get, limit, oov = self.word_index.get, self.num_words, self.word_index.get(self.oov_token)
        known = (lambda i: True) if not limit else (lambda i: i < limit)
        if self.oov_token is None and oov is None:
            if limit:
                return lambda tokens: [i for i in map(get, tokens, itertools.repeat(limit)) if i < limit]
            return lambda tokens: [i for i in map(get, tokens) if i is not None]
        if self.oov_token is not None and oov is not None:
            if limit:
                return lambda tokens: [i if i < limit else oov for i in map(get, tokens, itertools.repeat(limit))]
            return lambda tokens: list(map(get, tokens, itertools.repeat(oov)))
        # Not fitted: unknown words are None. Or None is a word: rare words get its number.
        unknown, rare = (oov,) if oov is None else (), () if oov is None else (oov,)
        return lambda tokens: [
            i for index in map(get, tokens) for i in (unknown if index is None else (index,) if known(index) else rare)
        ]


def tokenizer_from_json(json_string):
    """The `Tokenizer` that `to_json` wrote, here or in another library. It can be fitted on.

    Args:
        json_string: str or bytes.

    Returns:
        A `Tokenizer`, without `analyzer`, which JSON does not hold.

    Raises:
        ValueError: `json_string` holds no configuration.
        KeyError: that lacks an entry.

    Example:

    >>> tokenizer_from_json(tokenizer.to_json()).word_index == tokenizer.word_index
    True
    """
    parsed = json.loads(json_string)
    config = parsed.get("config") if isinstance(parsed, dict) else None
    if not isinstance(config, dict):
        raise ValueError(f"`json_string` must be what `Tokenizer.to_json` returns. Received: {shown(json_string)}")
    config = dict(config)
    counts, docs, index_docs, index_word, word_index = (
        json.loads(config.pop(name)) for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    )
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts.update(counts)
    tokenizer.word_docs.update(docs)
    tokenizer.index_docs.update((int(index), number) for index, number in index_docs.items())
    tokenizer.word_index = word_index
    tokenizer.index_word = {int(index): word for index, word in index_word.items()}
    return tokenizer


def _add(totals, counts):
    if not totals:
        totals.update(counts)
        return
    for key, number in counts.items():
        totals[key] = totals.get(key, 0) + number


def _warn_of_str(texts):
    if isinstance(texts, str):
        warnings.warn(
            "`texts` is a str, and each of its characters is taken for a text. For one text write [text].",
            stacklevel=3,
        )
