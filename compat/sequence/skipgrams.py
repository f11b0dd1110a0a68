"""Pairs of words for word2vec."""

import contextlib
import gc
import itertools
import operator
import random

import numpy as np

from . import draws

__all__ = ["make_sampling_table", "skipgrams"]

_PAIRS = 1 << 20  # candidates looked at in one go
_FEW = 300  # candidates that take NumPy longer than Python


def make_sampling_table(size, sampling_factor=1e-5):
    """How probably a word is kept by its rank, as word2vec samples frequent words less often.

    Word frequencies are taken to follow Zipf's law: with r = 0, 1, 2, ... but 1 in place of 0, the inverse frequency is
    r (ln r + 0.577) + 1/2 - 1/(12 r), and the entry the square root of that times `sampling_factor`, at most 1.

    Args:
        size: number of entries, at least 1.
        sampling_factor: the smaller, the fewer frequent words are kept.

    Returns:
        float64 array (size,). Entries 0 and 1 are equal.

    Raises:
        IndexError: `size` is below 1.

    Example:

    >>> make_sampling_table(3)
    array([0.00315225, 0.00315225, 0.00547597])
    """
    if size < 1:
        raise IndexError(f"`size` must be at least 1. Received: {size}")
    rank = np.arange(size)
    rank[0] = 1
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    scaled = sampling_factor * inverse
    return np.minimum(1.0, scaled / np.sqrt(scaled))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
    *,
    seed_all=False,
):
    """Pairs of words that stand near each other, with label 1, and pairs of a word and a random one, with label 0.

    Draws come from Python's global `random`, in the order of the legacy function, and leave it in the same state.
    `seed` is that of the final shuffle alone, unless `seed_all` says otherwise.

    Args:
        sequence: integers of words. 0 is no word: it makes no pairs.
        vocabulary_size: random words lie in 1..vocabulary_size - 1.
        window_size: how far apart the words of a pair may be.
        negative_samples: number of pairs with random words, as a multiple of that of the true ones.
        shuffle: whether to shuffle the pairs. This sets the global `random` to a state that follows from `seed`, if
            given.
        categorical: labels [0, 1] and [1, 0] in place of 1 and 0.
        sampling_table: probabilities, by word, that it is kept as the first of pairs, as of `make_sampling_table`.
        seed: int, of the shuffle; None draws one.
        seed_all: whether `seed` is that of all draws. The global `random` is then neither read nor changed, and the
            result follows from the arguments alone.

    Returns:
        (couples, labels): two lists. Couples are lists of two words; random ones may be true pairs, too.

    Raises:
        TypeError: an argument is not of its type.
        ValueError: there is no word to draw from, as `vocabulary_size` is below 2; `seed_all` without `seed`.
        IndexError: `sampling_table` is too short.

    Example:

    >>> skipgrams([1, 2, 3], 10, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    if seed_all and seed is None:
        raise ValueError("`seed_all=True` needs a `seed`.")
    seed = int(seed) if isinstance(seed, np.integer) else seed
    generator = random.Random(seed) if seed_all else random
    try:
        window_size = operator.index(window_size)
    except TypeError:
        raise TypeError(f"`window_size` must be an integer. Received: {window_size!r}") from None
    words = list(sequence)
    reach = max(min(window_size, len(words) - 1), 0)
    few = _FEW if sampling_table is None else 5 * _FEW
    make = _one_by_one if len(words) * reach < few else _at_once
    return make(words, vocabulary_size, reach, negative_samples, shuffle, categorical, sampling_table, seed, generator)


def _one_by_one(words, vocabulary_size, reach, share, shuffle, categorical, sampling_table, seed, generator):
    """The couples and labels of few words."""
    couples = []
    for at, word in enumerate(words):
        if not word or (sampling_table is not None and sampling_table[word] < generator.random()):
            continue
        near = itertools.chain(words[max(at - reach, 0) : at], words[at + 1 : at + reach + 1])
        couples += [[word, other] for other in near if other]
    labels = [[0, 1] for _ in couples] if categorical else [1] * len(couples)
    if share > 0:
        targets = [word for word, _ in couples]
        generator.shuffle(targets)
        targets = itertools.islice(itertools.cycle(targets), int(len(couples) * share))
        couples += [[word, _random_word(vocabulary_size, generator)] for word in targets]
        labels += [[1, 0] if categorical else 0] * (len(couples) - len(labels))
    if shuffle:
        _seed(seed, generator)
        labelled = list(zip(couples, labels, strict=True))
        generator.shuffle(labelled)
        couples, labels = ([pair[k] for pair in labelled] for k in (0, 1))
    return couples, labels


def _at_once(words, vocabulary_size, reach, share, shuffle, categorical, sampling_table, seed, generator):
    """The couples and labels of many words: the same as `_one_by_one`."""
    words = _array(words, vocabulary_size)
    targets, contexts = _pairs(words, reach, sampling_table, generator)
    true, false = len(targets), 0
    if share > 0:
        false = int(true * share)
        order = draws.shuffled(generator, true)
        random_words = 1 + draws.below(generator, _choices(vocabulary_size), false) if false else targets[:0]
        targets = np.concatenate([targets, np.resize(targets[order], false)])
        contexts = np.concatenate([contexts, random_words.astype(words.dtype)])
    pairs, labels = np.stack([targets, contexts], axis=1), np.arange(true + false) < true
    del targets, contexts  # as much memory as the lists to come
    if shuffle:
        _seed(seed, generator)
        order = draws.shuffled(generator, true + false)
        pairs, labels = pairs.take(order, axis=0), labels[order]
        del order
    with _no_collection():
        couples, labels = _lists(pairs), labels.astype(np.int8).tolist()
    if categorical:
        negative = [1, 0]  # one list for all, as ever
        labels = [[0, 1] if label else negative for label in labels]
    return couples, labels


def _lists(pairs):
    """The pairs as lists; equal numbers are one object as far as they are words: a new one of each takes 32 bytes."""
    few = pairs.dtype != object and pairs.size and pairs.min() >= 0 and pairs.max() <= pairs.size
    objects, couples = np.array(range(pairs.max() + 1), object) if few else None, [None] * len(pairs)
    for start in range(0, len(pairs), _PAIRS >> 6):
        part = pairs[start : start + (_PAIRS >> 6)]
        couples[start : start + len(part)] = (objects[part] if few else part).tolist()
    return couples


def _seed(seed, generator):
    """Seed the global `random` for the final shuffle, as ever; a generator of its own goes on."""
    if generator is random:
        random.seed(random.randint(0, 10_000_000) if seed is None else seed)


def _choices(vocabulary_size):
    """How many words there are to draw from."""
    if vocabulary_size < 2:
        raise ValueError(f"`vocabulary_size` must be at least 2: 0 is no word. Received: {vocabulary_size}")
    return int(vocabulary_size) - 1


def _random_word(vocabulary_size, generator):
    return 1 + generator.randrange(_choices(vocabulary_size))


@contextlib.contextmanager
def _no_collection():
    """Keep the garbage collector from looking through a growing list over and over; from Python 3.12 on it does not."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled and not gc.get_freeze_count():
            # What is new becomes old at once, instead of being looked through when the collector goes on.
            gc.freeze()
            gc.unfreeze()
        if enabled:
            gc.enable()


def _array(words, vocabulary_size):
    """The words as an array: of int32 if they are Python's int and fit, as random ones do, or of int64; else of the
    objects as they are.
    """
    if set(map(type, words)) <= {int}:
        try:
            array = np.array(words, np.int64)
        except OverflowError:
            pass
        else:
            fit = max(array.max(initial=0), -array.min(initial=0), vocabulary_size) < 2**31
            return array.astype(np.int32) if fit else array
    return np.fromiter(words, object, len(words))


def _pairs(words, reach, sampling_table, generator):
    """The true pairs, in order: their targets and their contexts."""
    is_word = words.astype(bool)
    at = np.flatnonzero(is_word)
    if sampling_table is not None and len(at):
        kept = np.array([sampling_table[word] for word in words[at].tolist()])
        at = at[~(kept < draws.uniform(generator, len(at)))]
    offsets = np.concatenate([np.arange(-reach, 0), np.arange(1, reach + 1)])
    rows = max(_PAIRS // max(2 * reach, 1), 1)
    targets, contexts = [words[:0]], [words[:0]]
    for start in range(0, len(at), rows):
        centres = at[start : start + rows]
        near = centres[:, None] + offsets
        inside = (near >= 0) & (near < len(words))
        inside[inside] = is_word[near[inside]]
        targets.append(np.repeat(words[centres], inside.sum(axis=1)))
        contexts.append(words[near[inside]])
    return np.concatenate(targets), np.concatenate(contexts)
