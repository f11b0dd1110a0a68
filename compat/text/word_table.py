"""Many texts to word numbers at once: words are found, and looked up, by NumPy instead of one by one by Python."""

import itertools
from collections.abc import Iterable

import numpy as np

_LONGEST = 15  # bytes of a word that is looked up by NumPy
_TEXT, _WORD = 0xFE, 0xFF  # what ends a text, and a word: no UTF-8 holds them
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(9)], np.uint64)
_MULTIPLIERS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class TokenTable:
    """Tokens, numbered from 0: some that are known, and others in the order in which they come first."""

    def __init__(self, words):
        self.words = list(words)
        """The tokens by their number."""
        self._numbers = _Numbers(self.words)

    def number_tokens(self, texts):
        """The numbers of the tokens of a list of lists of these, and how many each has. Tokens may be anything that a
        dictionary takes.
        """
        lengths = np.array([len(tokens) for tokens in texts], np.int64)
        numbers = map(self._numbers.__getitem__, itertools.chain.from_iterable(texts))
        return np.fromiter(numbers, np.int32, lengths.sum()), lengths


class _Numbers(dict):
    """The numbers of words by these; one that is not in there is appended to the list of them."""

    def __init__(self, words):
        super().__init__(zip(words, itertools.count()))
        self._words = words

    def __missing__(self, word):
        number = self[word] = len(self._words)
        self._words.append(word)
        return number


class WordTable(TokenTable):
    """Words of texts, numbered from 0: some that are known, and others in the order in which they come first.

    A word of at most 15 bytes is two integers of 64 bits: its bytes, and in the last the length. They are looked up in
    a hash table, compared in full, all words of a chunk at a time; what is not in there is looked up by Python.

    Args:
        filters, lower, split: those of `text_to_word_sequence`.
        words: list of those that are known.
    """

    def __init__(self, filters, lower, split, words=()):
        super().__init__(words)
        self._lower = lower
        separators = {0: _TEXT, **dict.fromkeys("".join([split, *filters]).encode(), _WORD)}
        cases = bytes(range(256)).lower() if lower else bytes(range(256))
        self._bytes = bytes(separators.get(byte, byte) for byte in cases)
        self._held = 0
        self._grow(len(self.words))
        if self.words:
            encoded = [word.encode("utf-8", "surrogatepass") for word in self.words]
            sizes = np.array([len(word) for word in encoded])
            keys = _keys(b"".join(encoded) + bytes(16), np.cumsum(sizes) - sizes, sizes)
            self._insert(np.arange(len(sizes)), *keys, sizes)

    @staticmethod
    def takes(filters, split):
        """Whether texts can be split as bytes: ASCII alone separates words."""
        if not isinstance(split, str) or len(split) != 1 or split == "\0" or not isinstance(filters, Iterable):
            return False
        return all(isinstance(each, str) and len(each) == 1 and each.isascii() for each in [split, *filters])

    def number(self, texts, known=False):
        """The numbers of the words of a chunk of texts, one after the other, and how many each text has.

        Args:
            texts: list of str.
            known: whether a word that is not in the table gets -1, instead of a number of its own.

        Returns:
            (numbers, lengths): arrays of integers; or None if the texts cannot be told apart, as one holds a zero
            character.
        """
        joined = "\0".join(texts)
        if self._lower and not joined.isascii():
            joined = joined.lower()
        encoded = joined.encode("utf-8", "surrogatepass").translate(self._bytes) + bytes([_TEXT]) + bytes(16)
        found = np.frombuffer(encoded, np.uint8)
        ends = np.flatnonzero(found >= _TEXT)
        last = np.flatnonzero(found.take(ends) == _TEXT)
        if len(last) != len(texts):
            return None
        starts = np.concatenate([[0], ends[:-1] + 1])
        sizes = ends - starts
        words = np.flatnonzero(sizes)
        stops = np.searchsorted(words, last, side="right")
        numbers = self._look_up(encoded, starts.take(words), sizes.take(words), known)
        return numbers, np.diff(stops, prepend=0)

    def _look_up(self, encoded, starts, sizes, known):
        first, second = _keys(encoded, starts, sizes)
        place = self._place(first, second)
        numbers = self._entries.take(place)
        going = np.flatnonzero((self._first.take(numbers) != first) | (self._second.take(numbers) != second))
        while (going := going.compress(numbers.take(going) >= 0)).size:  # another word stands there
            place[going] = at = (place.take(going) + 1) & (len(self._entries) - 1)
            numbers[going] = there = self._entries.take(at)
            other = (self._first.take(there) != first.take(going)) | (self._second.take(there) != second.take(going))
            going = going.compress(other)
        new = np.flatnonzero(numbers < 0)
        if known:
            new = new.compress(sizes.take(new) > _LONGEST)
        if new.size:
            ends = (starts + sizes).take(new).tolist()
            found = (encoded[start:end] for start, end in zip(starts.take(new).tolist(), ends, strict=True))
            found = [word.decode("utf-8", "surrogatepass") for word in found]
            if known:
                numbers[new] = [self._numbers.get(word, -1) for word in found]
                return numbers
            before = len(self.words)
            numbers[new] = added = np.array([self._numbers[word] for word in found])
            added, at = np.unique(added, return_index=True)
            at = new.take(at.compress(added >= before))
            self._insert(numbers.take(at), first.take(at), second.take(at), sizes.take(at))
        return numbers

    def _insert(self, numbers, first, second, sizes):
        """Put words into the hash table that are not in there, but long ones."""
        self._grow(len(self.words))
        short = sizes <= _LONGEST
        numbers, first, second = numbers.compress(short), first.compress(short), second.compress(short)
        self._first[numbers], self._second[numbers] = first, second
        self._held += len(numbers)
        if 2 * self._held > len(self._entries):  # half of it stays free, so that every search ends
            self._entries = np.full(1 << (4 * self._held).bit_length(), -1, np.int32)
            numbers = np.flatnonzero(self._second[:-1])
            first, second = self._first.take(numbers), self._second.take(numbers)
        place = self._place(first, second)
        while len(place):
            # Of those that want one free place the last that is written has it.
            free = self._entries.take(place) < 0
            self._entries[place.compress(free)] = numbers.compress(free)
            left = self._entries.take(place) != numbers
            place = (place.compress(left) + 1) & (len(self._entries) - 1)
            first, second, numbers = first.compress(left), second.compress(left), numbers.compress(left)

    def _grow(self, count):
        """Make room for the keys of so many words, and one that is none: the key of number -1, which no word has."""
        if self._held == 0:
            self._entries = np.full(1 << 14, -1, np.int32)
            self._first = self._second = np.zeros(1, np.uint64)
        if count >= len(self._first):
            more = np.zeros(2 * count + 1 - len(self._first) + 1024, np.uint64)
            self._first, self._second = (np.concatenate([keys, more]) for keys in (self._first, self._second))

    def _place(self, first, second):
        mixed = first * _MULTIPLIERS[0] ^ second * _MULTIPLIERS[1]
        mixed ^= mixed >> np.uint64(32)
        return ((mixed * _MULTIPLIERS[0]) >> np.uint64(64 - (len(self._entries).bit_length() - 1))).astype(np.intp)


def _keys(encoded, starts, sizes):
    """Words as two arrays of uint64. Behind the last word of `encoded` there must be 16 bytes more."""
    eights = np.ndarray(len(encoded) - 7, "<u8", encoded, strides=(1,))
    first = eights[starts] & _MASKS.take(np.minimum(sizes, 8))
    second = sizes.astype(np.uint64) << np.uint64(56)
    long = np.flatnonzero(sizes > 8)
    if long.size:
        sizes = np.minimum(sizes.take(long), _LONGEST + 1)
        rest = eights[starts.take(long) + 8] & _MASKS.take(np.minimum(sizes - 8, 7))
        second[long] = rest | sizes.astype(np.uint64) << np.uint64(56)
    return first, second
