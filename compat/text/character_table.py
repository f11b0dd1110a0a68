"""Many texts to the numbers of their characters at once."""

import numpy as np

from .word_table import TokenTable


class CharacterTable(TokenTable):
    """Characters of texts, numbered from 0: some that are known, and others in the order in which they come first.

    Args:
        lower: whether to lower the case first.
        words: list of the tokens that are known.
    """

    def __init__(self, lower, words=()):
        super().__init__(words)
        self._lower = lower
        self._of = np.full(128, -1, np.int32)  # by code point, as far as any was seen
        known = [(ord(word), number) for number, word in enumerate(self.words) if len(word) == 1]
        if known:
            codes, numbers = np.array(known).T
            self._grow(codes.max())
            self._of[codes] = numbers

    def number(self, texts, known=False):
        """The numbers of the characters of texts, as `WordTable.number` returns those of words."""
        joined = "\0".join(texts)
        codes = np.frombuffer((joined.lower() if self._lower else joined).encode("utf-32-le", "surrogatepass"), "<u4")
        ends = np.flatnonzero(codes == 0)
        if len(ends) != len(texts) - 1:
            return None
        lengths = np.diff(ends, prepend=-1, append=len(codes)) - 1
        codes = codes.compress(codes)
        self._grow(codes.max(initial=0))
        numbers = self._of.take(codes)
        if not known and numbers.min(initial=0) < 0:
            new, first = np.unique(codes.compress(numbers < 0), return_index=True)
            for code in new[np.argsort(first)].tolist():
                self._of[code] = self._numbers[chr(code)]
            numbers = self._of.take(codes)
        return numbers, lengths

    def _grow(self, code):
        if code >= len(self._of):
            self._of = np.concatenate([self._of, np.full(int(code) + 1 - len(self._of), -1, np.int32)])
