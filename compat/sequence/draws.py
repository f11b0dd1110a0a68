"""What Python's `random` draws one by one, in bulk: the same numbers, and the same state afterwards.

A generator of `random` makes 32-bit words. `random()` takes two, and `randrange(n)` the upper bits of one, as often as
they are not below n. `randbytes` hands over any number of words at once; nothing is asked for that is not used up.
"""

import numpy as np

_AT_ONCE = 1 << 18  # words
_FEW = 100  # that take NumPy longer than Python


def uniform(generator, count):
    """What `count` calls of `generator.random()` return: float64 in [0, 1)."""
    words = _words(generator, 2 * count).astype(np.float64) if count else np.empty(0)
    high, low = np.floor(words[::2] / 32), np.floor(words[1::2] / 64)
    return (high * 67108864 + low) / 9007199254740992


def below(generator, n, count):
    """What `count` calls of `generator.randrange(n)` return: int64 in 0..n-1."""
    if n.bit_length() > 32:
        return np.array([generator.randrange(n) for _ in range(count)])
    parts, missing = [np.empty(0, np.int64)], count
    while missing:
        words = _words(generator, min(missing, _AT_ONCE)) >> (32 - n.bit_length())
        parts.append(words[words < n].astype(np.int64))
        missing -= len(parts[-1])
    return np.concatenate(parts)


def shuffled(generator, count):
    """The order into which `generator.shuffle` brings `count` items: an array of their former places."""
    if count < 128:
        order = list(range(count))
        generator.shuffle(order)
        return np.array(order, np.int64)
    # The item at the end changes places with one drawn among all, then the last but one with one of the others, ... In
    # step i an item comes to place i for good, and what was there goes to the place that was drawn.
    drawn = np.concatenate([[0], _falling(generator, count)[::-1]])
    bits = count.bit_length()
    by_place = np.sort(drawn << bits | np.arange(count))[::-1]  # the steps that drew a place together, latest first
    place, step = by_place >> bits, by_place & ((1 << bits) - 1)
    # What a step finds at the place it draws was put there by the step before it that drew the same, if any ...
    before = np.full(count, -1)
    same = place[1:] == place[:-1]
    before[step[1:][same]] = step[:-1][same]
    # ... which had it from its own place: a chain back to an item that was not moved before, halved in each round.
    found = np.full(count, -1)
    first = np.flatnonzero(np.concatenate([~same, [True]]))  # of the last step that drew a place
    found[place[first]] = step[first]
    own = np.arange(count)
    source = np.where(found > own, found, np.where(found == own, before, -1))
    source = np.where(source < 0, own, source)
    while True:
        further = source[source]
        if (further == source).all():
            break
        source = further
    return np.where(before < 0, np.where(drawn == own, own, drawn), source[before])


def _falling(generator, n):
    """What `generator.randrange(n)`, `randrange(n - 1)`, ... `randrange(2)` return: int64."""
    parts = []
    while n > 1:
        bits = n.bit_length()
        steps = min(n - (1 << (bits - 1)) + 1, n >> 2, _AT_ONCE)  # for as many the number of bits is the same
        if steps < _FEW:
            following = max(n - _FEW, 1)
            parts.append(_one_by_one(generator.getrandbits, n, following))
            n = following
            continue
        words = (_words(generator, steps) >> (32 - bits)).astype(np.int64)
        # A word counts if it is below n, less what counted before it. A guess that is right up to some word leads to
        # one that is right further on; where it leads to itself, it is right to the end.
        taken = words < n - (np.arange(steps) * n >> bits)
        while True:
            better = words < n - (np.cumsum(taken) - taken)
            if (better == taken).all():
                break
            taken = better
        parts.append(words[taken])
        n -= len(parts[-1])
    return np.concatenate(parts)


def _one_by_one(getrandbits, n, end):
    """The same for n, n - 1, ... end + 1."""
    drawn = []
    for below in range(n, end, -1):
        bits = below.bit_length()
        number = getrandbits(bits)
        while number >= below:
            number = getrandbits(bits)
        drawn.append(number)
    return drawn


def _words(generator, count):
    parts = [generator.randbytes(4 * min(_AT_ONCE, count - at)) for at in range(0, count, _AT_ONCE)]
    return np.frombuffer(b"".join(parts), "<u4")
