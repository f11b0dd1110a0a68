"""A shuffled order that is never written down: the place of each sample follows from the key and its index."""

import tensorflow as tf

from ...layers.backends.tensorflow import compiled, ops
from ...layers.kernels import fold_in
from ...layers.kernels.random import threefry

_TURNS = 6


@compiled
def seeds_of(index, key):
    """The seeds of the samples at `index`, int64 (n,), in the epoch of a key, int32 (2,): int32 (n, 2)."""
    return fold_in(key, tf.cast(index, tf.int32), ops=ops)


def shuffled(index, count, key):
    """Where indices come to lie in a permutation of 0..count - 1.

    Args:
        index: int64 (n,), in 0..count - 1.
        count: int below 2**30.
        key: int32 (2,), which chooses the permutation.

    Returns:
        int64 (n,).

    Source: Luby, Rackoff, "How to construct pseudorandom permutations from pseudorandom functions", SIAM Journal on
    Computing 17 (1988); Black, Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002, for the walk.
    """
    # An index has two parts of equally many bits. Their size and the count are tensors, and the turns a loop, so that
    # XLA compiles one small program for data sets of all sizes.
    part = 2 ** max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    return tf.cast(_permute(tf.cast(index, tf.int32), key, tf.constant(count), tf.constant(part)), tf.int64)


@compiled
def _permute(index, key, count, part):
    def turn(number, left, right):
        bits, _ = threefry((key[0], key[1]), (right, 0 * right + number))
        return number + 1, right, left ^ (bits & (part - 1))

    def encrypt(index):
        start = (0, index // part, index & (part - 1))
        _, left, right = tf.while_loop(lambda number, *_: number < _TURNS, turn, start)
        return left * part + right

    def walk(walking, index):
        index = tf.where(walking, encrypt(index), index)
        return index >= count, index

    # The domain is a power of four: what leaves 0..count - 1 walks on until it is back.
    everyone = tf.ones_like(index, tf.bool)
    return tf.while_loop(lambda walking, _: tf.reduce_any(walking), walk, (everyone, index))[1]
