"""Draws that are a function of a seed, the epoch and the index of the sample."""

import dataclasses
import numbers


@dataclasses.dataclass(frozen=True)
class Stateless:
    """How a dataset draws without Python: order and draws follow from `seed`, the epoch and the index of the sample.

    They are the same at any parallelism, and fit for sharding, for restarts and for the tf.data service.

    Args:
        seed: int; None is that of the iterator, or 0.
        shards, shard: of every `shards` samples of an epoch take the one at `shard`, in 0..shards - 1.
        start: how many batches of a pass to leave out without computing them, to go on after a restart.

    Raises:
        TypeError: an argument is no integer.
        ValueError: `shards` is below 1, `shard` not in 0..shards - 1, or `start` below 0.

    Example:

    ```python
    mine = to_dataset(train, draws=Stateless(seed=1, shards=jax.process_count(), shard=jax.process_index()))
    ```
    """

    seed: int | None = None
    shards: int = 1
    shard: int = 0
    start: int = 0

    def __post_init__(self):
        for name, value in vars(self).items():
            optional = name == "seed" and value is None
            if not optional and (not isinstance(value, numbers.Integral) or isinstance(value, bool)):
                raise TypeError(f"`{name}` must be an integer{' or None' * (name == 'seed')}. Received: {value!r}")
        if self.shards < 1:
            raise ValueError(f"`shards` must be at least 1. Received: {self.shards}")
        if not 0 <= self.shard < self.shards:
            raise ValueError(f"`shard` must lie in 0..shards - 1, 0..{self.shards - 1}. Received: {self.shard}")
        if self.start < 0:
            raise ValueError(f"`start` must not be below 0. Received: {self.start}")


def seeded(draws, iterator):
    """A `Stateless` with a seed: that of an iterator, or 0, if it has none of its own."""
    return draws if draws.seed is not None else dataclasses.replace(draws, seed=int(iterator.seed or 0))


def drawing(draws):
    """The `Stateless` of an argument `draws`; None for "replay"."""
    if isinstance(draws, Stateless):
        return draws
    if not isinstance(draws, str) or draws not in ("replay", "stateless"):
        raise ValueError(f"`draws` must be 'replay', 'stateless' or a `Stateless`. Received: draws={draws!r}")
    return Stateless() if draws == "stateless" else None
