"""How often words occur in texts, and in how many of these."""

import numpy as np

_LONG = 10_000  # tokens of a text


def counted(table, chunks):
    """How often each word occurs, in how many texts, and how many texts there are.

    Args:
        table: a `TokenTable`, to which `chunks` adds words.
        chunks: iterator over the numbers of the words of some texts, one after the other, and how many each text has.

    Returns:
        (counts, docs, count): two dictionaries by word, in the order of their first occurrence, and in the order that
        adding a set of the words of each text would give; and an int.
    """
    totals, in_texts, order, count = np.zeros(0, np.int64), np.zeros(0, np.int64), [], 0
    for numbers, lengths in chunks:
        known, count = len(totals), count + len(lengths)
        more = np.zeros(len(table.words) - known, np.int64)
        totals = np.concatenate([totals, more]) + np.bincount(numbers, minlength=len(table.words))
        in_texts = np.concatenate([in_texts, more]) + _texts_with_each(numbers, lengths, len(table.words))
        order += _new_in_order(table.words, known, numbers, lengths)
    counts = dict(zip(table.words, totals.tolist(), strict=True))
    docs = in_texts.tolist()
    return counts, {table.words[k]: docs[k] for k in order}, count


def _texts_with_each(numbers, lengths, count):
    """How many of the texts hold each of the words."""
    if count * len(lengths) <= 4 * len(numbers):  # of few words, as characters are
        held = np.zeros((len(lengths), count), bool)
        for row, words in zip(held, np.split(numbers, np.cumsum(lengths)[:-1]), strict=True):
            row[words] = True
        return held.sum(axis=0)
    pairs = np.sort(numbers.astype(np.int64) << 32 | np.repeat(np.arange(len(lengths)), lengths))
    return np.bincount(pairs.compress(np.diff(pairs, prepend=-1)) >> 32, minlength=count)


def _new_in_order(words, known, numbers, lengths):
    """The numbers of words from `known` on, in the order in which sets of the words of each text have them, as ever."""
    stops = np.cumsum(lengths)
    new = np.flatnonzero(numbers >= known)
    first = new[np.unique(numbers[new], return_index=True)[1]]  # increasing: words are numbered as they come
    text_of = np.searchsorted(stops, first, side="right")
    homes, counts = np.unique(text_of, return_counts=True)
    order, number = [], known
    for home, count in zip(homes.tolist(), counts.tolist(), strict=True):
        mine = range(number, number + count)
        if count > 1:
            of_word = {words[k]: k for k in mine}
            tokens = numbers[stops[home] - lengths[home] : stops[home]]
            if len(tokens) > _LONG:  # each once
                tokens = tokens[np.sort(np.unique(tokens, return_index=True)[1])]
            tokens = [words[k] for k in tokens.tolist()]
            mine = [of_word[word] for word in set(tokens) if word in of_word]
        order += mine
        number += count
    return order
