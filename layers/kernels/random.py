"""Random numbers as a function of a seed and a position: the same on every backend and in any order."""

from .arithmetic import namespace

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(key, counter):
    """Encrypt a counter: 64 bits that look random, and are the same whenever key and counter are.

    Threefry-2x32 with 20 rounds, on int32 bit patterns. Only operators are used, so any array type does that wraps
    around on overflow: NumPy, TensorFlow, JAX, PyTorch.

    Args:
        key, counter: pairs of int32 arrays that broadcast against each other.

    Returns:
        A pair of int32 arrays.

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    first, second = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            first = first + second
            second = first ^ _rotated(second, distance)
        first = first + keys[(group + 1) % 3]
        second = second + keys[(group + 2) % 3] + (group + 1)
    return first, second


def uniform(seed, index, *, columns, ops=None):
    """Uniform numbers in [0, 1), one for each image and column.

    Convention:
        A seed is 64 bits, as two int32. One seed for a batch: the numbers of an image follow from the seed and its
        index. One seed per image: they follow from that seed alone, wherever the image is, in whatever batch.

    Args:
        seed: int32, (2,) or (batch, 2).
        index: int32 (batch,), the indices of the images; read when there is one seed for all of them.
        columns: ints of 32 bits, which numbers: a number follows from its column, not from the others.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        float32 (batch, columns), multiples of 2**-24.

    Source: `threefry` at the counter (index, column).
    """
    ops = namespace(ops)
    index = ops.reshape(index, (-1, 1))
    column = ops.convert_to_tensor([list(columns)], dtype="int32")
    if len(seed.shape) == 2:
        index = 0 * index
    key = ops.reshape(seed[..., 0], (-1, 1)), ops.reshape(seed[..., 1], (-1, 1))
    bits, _ = threefry(key, (index, column))
    return ops.cast((bits // 2**8) & (2**24 - 1), "float32") * 2.0**-24


def fold_in(seed, data, *, ops=None):
    """A separate seed for each `data`: int32, (2,) or (batch, 2), in the shape of `seed`.

    Args:
        seed: int32, (2,) or (batch, 2).
        data: int, or int32 scalar or (batch,), what tells the seeds apart.
        ops: namespace of operations; None means `keras.ops`.
    """
    ops = namespace(ops)
    zero = 0 * seed[..., 0]
    # -1 in the second word: `uniform` never counts there.
    return ops.stack(threefry((seed[..., 0], seed[..., 1]), (zero + data, zero - 1)), axis=-1)


def _rotated(word, distance):
    """The 32 bits turned left. `//` shifts right and copies the sign, which the mask cuts off."""
    return (word * 2**distance) ^ ((word // 2 ** (32 - distance)) & (2**distance - 1))
