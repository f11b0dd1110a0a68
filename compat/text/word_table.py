"""Many texts to word numbers at once: words are found, and looked up, by NumPy instead of one by one by Python."""

from collections.abc import Iterable

import numpy as np

_LONGEST = 15  # bytes of a word that is looked up by NumPy
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(9)], np.uint64)
_MULTIPLIERS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class WordTable:
    """The words of texts, numbered from 0 in the order in which they come first.

    A word of at most 15 bytes is two integers of 64 bits: its bytes, and in the last the length. They are looked up in
    a hash table, compared in full, all words of a chunk at a time; what is not in there is looked up by Python, once.

    Args:
        filters, lower, split: those of `text_to_word_sequence`.
    """

    def __init__(self, filters, lower, split):
        self.words = []
        """The words by their number."""
        self._lower = lower
        self._numbers = {}
        self._separator = split.encode()
        separators = "".join(filters).encode()
        self._bytes = bytes(self._separator[0] if byte in separators else byte for byte in range(256))
        self._make(1 << 12)

    @staticmethod
    def takes(filters, split):
        """Whether texts can be split as bytes: ASCII alone separates words."""
        if not isinstance(split, str) or len(split) != 1 or split == "\0" or not isinstance(filters, Iterable):
            return False
        return all(isinstance(each, str) and len(each) == 1 and each.isascii() for each in [split, *filters])

    def number(self, texts):
        """The numbers of the words of a chunk of texts, one after the other, and how many each text has.

        Args:
            texts: list of str.

        Returns:
            (numbers, lengths): int64 arrays; or None if the texts cannot be told apart, as one holds a zero character.
        """
        joined = "\0".join(texts)
        if joined.count("\0") != len(texts) - 1:
            return None
        joined = joined.lower() if self._lower else joined
        encoded = joined.encode("utf-8", "surrogatepass").translate(self._bytes)
        found = np.frombuffer(encoded + b"\0" + bytes(16), np.uint8)
        ends = np.flatnonzero((found[:-16] == self._separator[0]) | (found[:-16] == 0))
        text_of = np.cumsum(found[ends] == 0)
        text_of -= found[ends] == 0
        starts = np.concatenate([[0], ends[:-1] + 1])
        sizes = ends - starts
        is_word = sizes > 0
        starts, sizes, text_of = starts[is_word], sizes[is_word], text_of[is_word]
        numbers = self._look_up(encoded, found, starts, sizes)
        return numbers, np.bincount(text_of, minlength=len(texts))

    def number_tokens(self, texts):
        """The same of a list of lists of tokens, which may be anything that a dictionary takes."""
        numbers = [self._number(token) for tokens in texts for token in tokens]
        return np.array(numbers, np.int64), np.array([len(tokens) for tokens in texts], np.int64)

    def _number(self, word):
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self.words)
            self.words.append(word)
        return number

    def _look_up(self, encoded, found, starts, sizes):
        eights = np.ndarray(len(found) - 7, "<u8", found, strides=(1,))
        first = eights[starts] & _MASKS[np.minimum(sizes, 8)]
        second = eights[starts + 8] & _MASKS[np.clip(sizes - 8, 0, 7)]
        second |= np.minimum(sizes, 16).astype(np.uint64) << np.uint64(56)
        place = self._place(first, second)
        numbers = self._entries[place]
        same = (self._first[place] == first) & (self._second[place] == second)
        numbers[~same & (numbers >= 0)] = -2
        numbers[sizes > _LONGEST] = -1
        while (going := np.flatnonzero(numbers == -2)).size:
            place[going] = at = (place[going] + 1) & (len(self._entries) - 1)
            same = (self._first[at] == first[going]) & (self._second[at] == second[going])
            entries = self._entries[at]
            numbers[going] = np.where(same | (entries < 0), entries, -2)
        new = np.flatnonzero(numbers < 0)
        if new.size:
            numbers[new] = self._add(encoded, starts[new], sizes[new], first[new], second[new])
        return numbers

    def _add(self, encoded, starts, sizes, first, second):
        """The numbers of words that are not in the table, which gets them."""
        known = len(self.words)
        ends = (starts + sizes).tolist()
        found = (encoded[start:end] for start, end in zip(starts.tolist(), ends, strict=True))
        numbers = np.array([self._number(word.decode("utf-8", "surrogatepass")) for word in found])
        added, at = np.unique(numbers, return_index=True)
        at = at[(added >= known) & (sizes[at] <= _LONGEST)]
        self._insert(first[at], second[at], numbers[at])
        return numbers

    def _insert(self, first, second, numbers):
        self._held += len(numbers)
        if 2 * self._held > len(self._entries):  # half of it stays free, so that every search ends
            kept = self._entries >= 0
            first, second = (
                np.concatenate(pair) for pair in ((self._first[kept], first), (self._second[kept], second))
            )
            numbers = np.concatenate([self._entries[kept], numbers])
            self._make(1 << (4 * len(numbers)).bit_length())
            self._held = len(numbers)
        place = self._place(first, second)
        while len(place):
            # Of those that want one free place the last that is written has it.
            free = self._entries[place] < 0
            self._entries[place[free]] = numbers[free]
            left = self._entries[place] != numbers
            done = ~left
            self._first[place[done]], self._second[place[done]] = first[done], second[done]
            place = (place[left] + 1) & (len(self._entries) - 1)
            first, second, numbers = first[left], second[left], numbers[left]

    def _make(self, size):
        self._first, self._second = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
        self._entries = np.full(size, -1)
        self._held = 0

    def _place(self, first, second):
        mixed = first * _MULTIPLIERS[0] ^ second * _MULTIPLIERS[1]
        mixed ^= mixed >> np.uint64(32)
        return ((mixed * _MULTIPLIERS[0]) >> np.uint64(64 - (len(self._entries).bit_length() - 1))).astype(np.int64)
