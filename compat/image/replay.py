"""The order and the draws of an iterator with a seed, any batch by its number.

With a seed each batch begins with one of its own, so that what it draws follows from its number. What the batches have
in common is the order of the samples, which the first one of an epoch draws.
"""

import dataclasses
import functools
from typing import Any

import numpy as np

from .batches import draw, rows_of
from .iterator import Iterator

_DRAWING = ("_seed_batch", "_set_index_array", "_flow_index", "_next_indices", "reset")


@dataclasses.dataclass(frozen=True)
class Replay:
    """What an iterator draws for the batches of an endless row of epochs, from now on.

    Args:
        samples, batch_size, shuffle: of the iterator.
        seed: of the first batch.
        generator: its `ImageDataGenerator`, or None.
        image_shape: of an image in the batches.
    """

    samples: int
    batch_size: int
    shuffle: bool
    seed: int
    generator: Any
    image_shape: tuple

    def batch(self, number):
        """The samples of a batch, int (n,), and the `Rows` of what is drawn for them.

        Convention: NumPy's global generator, in the state in which `next(iterator)` would find it.
        """
        length = -(-self.samples // self.batch_size)
        epoch, place = divmod(number, length)
        order, state = _order(self.seed + epoch * length, self.samples, self.shuffle)
        indices = order[place * self.batch_size : (place + 1) * self.batch_size]
        random = np.random.RandomState(self.seed + number)
        if place == 0:
            random.set_state(state)
        table = None if self.generator is None else draw(self.generator, len(indices), self.image_shape, random)
        return indices, rows_of(self.generator, self.image_shape, indices if table is None else table)


@functools.lru_cache(maxsize=4)
def _order(seed, samples, shuffle):
    """The order of the samples in an epoch, and the state that its draw leaves behind."""
    random = np.random.RandomState(seed)
    order = random.permutation(samples) if shuffle else np.arange(samples)
    order.flags.writeable = False
    return order, random.get_state()


def replay_of(iterator):
    """The `Replay` of an iterator.

    Raises:
        ValueError: its draws do not follow from the number of the batch.
    """
    generator, why = iterator.image_data_generator, None
    overridden = [name for name in _DRAWING if getattr(type(iterator), name) is not getattr(Iterator, name)]
    if iterator.seed is None:
        why = "without a `seed` each batch goes on where the one before has left NumPy's global generator"
    elif overridden:
        why = f"{type(iterator).__name__}.{overridden[0]} is overridden"
    elif generator is not None and "get_random_transform" in generator._overridden():
        why = (
            f"{type(generator).__name__}.get_random_transform is overridden, which draws from NumPy's global generator"
        )
    if why is not None:
        raise ValueError(f"draws='replay' cannot take this `source`: {why}. Use draws='stateless', or `to_dataset`.")
    seed = int(iterator.seed) + iterator.total_batches_seen
    shape = iterator._maker().image_shape
    return Replay(iterator.n, iterator.batch_size, bool(iterator.shuffle), seed, generator, shape)
