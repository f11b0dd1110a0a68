"""What Python's `random` draws one by one, in bulk: the same numbers, and the same state afterwards.

A generator of `random` makes 32-bit words. `random()` takes two, and `randrange(n)` the upper bits of one, as often as
they are not below n. `randbytes` hands over any number of words at once; nothing is asked for that is not used up.
"""

import numpy as np

_AT_ONCE = 1 << 18  # words
_FEW = 100  # that take NumPy longer than Python
_MANY = 10_000  # words for which it pays to hand over the state of a generator


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
        parts.append(words.compress(words < n).astype(np.int64))
        missing -= len(parts[-1])
    return np.concatenate(parts)


def shuffled(generator, count):
    """The order into which `generator.shuffle` brings `count` items: an array of their former places."""
    if count < 128:
        order = list(range(count))
        generator.shuffle(order)
        return np.array(order, np.int64)
    # From the last to the first, each changes places with one drawn among those up to it: as LAPACK exchanges rows.
    from scipy.linalg.lapack import dlaswp  # noqa: PLC0415 - a tenth of a second

    drawn = np.concatenate([[0], _falling(generator, count)[::-1]])
    return dlaswp(np.arange(count, dtype=np.float64)[:, None], drawn, inc=-1, overwrite_a=True)[:, 0].astype(np.int64)


def _falling(generator, n):
    """What `generator.randrange(n)`, `randrange(n - 1)`, ... `randrange(2)` return."""
    parts = []
    while n > 1:
        bits = n.bit_length()
        steps = min(n - (1 << (bits - 1)) + 1, n >> 2, _AT_ONCE)  # for as many the number of bits is the same
        if steps < _FEW:
            following = max(n - _FEW, 1)
            parts.append(_one_by_one(generator.getrandbits, n, following))
            n = following
            continue
        words = _words(generator, steps) >> np.uint32(32 - bits)
        # A word counts if it is below n, less what counted before it. That is open for those between n - steps and n.
        counts = words < n - steps
        places = np.flatnonzero(~counts & (words < n))
        room = n - np.cumsum(counts, dtype=np.int32)[places] - words[places]
        # A guess that is right up to some word leads to one that is right further on; where it leads to itself, it is
        # right to the end.
        guess = room > 0
        while True:
            better = np.cumsum(guess) - guess < room
            if (better == guess).all():
                break
            guess = better
        counts[places] = guess
        parts.append(words.compress(counts))
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
    """So many words, as uint32."""
    if count < _MANY:
        return np.frombuffer(generator.randbytes(4 * count), "<u4")
    # NumPy's Mersenne Twister is the same, and takes half the time.
    version, state, rest = generator.getstate()
    twister = np.random.RandomState()
    twister.set_state(("MT19937", state[:-1], state[-1]))
    words = twister.randint(0, 1 << 32, count, np.uint32)
    after = twister.get_state(legacy=False)["state"]
    generator.setstate((version, (*after["key"].tolist(), after["pos"]), rest))
    return words
