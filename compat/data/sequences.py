"""The batches of sequences, side by side, by their numbers, in NumPy."""

import dataclasses
from typing import Any

import numpy as np

from .random_access import mapped, placed, twice

_HOOKS = ("on_epoch_begin", "on_epoch_end")
_EMPTY_IN = ("keras", "keras_preprocessing", "tensorflow", "tf_keras")
"""Libraries whose own sequences do nothing in these."""


@dataclasses.dataclass(frozen=True, eq=False)
class SequenceBatches:
    """The batches of an endless row of epochs, which are all alike.

    Args:
        sequences: tuple of sequences, for which `why_not_by_number` is None.
        places: that of `Batches`.
        length: how many batches each of them has.
    """

    sequences: tuple
    places: Any
    length: int
    single = False

    def __len__(self):
        return self.length

    def __getitem__(self, number):
        """A batch: tuples and dictionaries of NumPy arrays."""
        return placed(self.places, [_batch(sequence, number % self.length) for sequence in self.sequences])

    def all_skipped(self):
        return False


class Rows:
    """The rows of an array in batches, as a sequence."""

    def __init__(self, array, batch_size):
        self._array, self._size = array, batch_size

    def __len__(self):
        return (len(self._array) + self._size - 1) // self._size

    def __getitem__(self, number):
        return self._array[number * self._size : (number + 1) * self._size]


def length_of(sequence):
    """How many batches a sequence has; None if it does not say, or has no end."""
    return len(sequence) if hasattr(sequence, "__len__") else getattr(sequence, "num_batches", None)


def why_not_by_number(source):
    """Why a batch of a source does not follow from its number alone, as far as the first one shows; None if it does."""
    name = type(source).__name__
    if isinstance(source, (str, bytes)):
        return f"{source!r} is no sequence of batches"
    if not hasattr(source, "__getitem__") or length_of(source) is None:
        return f"{name} has no batches by number, or no length"
    if not length_of(source):
        return f"{name} is empty"
    for hook in _HOOKS:
        of = next((c.__module__.partition(".")[0] for c in type(source).__mro__ if hook in vars(c)), "keras")
        if of not in _EMPTY_IN and not (of == "keras_regen" and source.replacement):
            return f"{name}.{hook} may change what a number stands for, which other processes never learn"
    return twice(f"{name}[0]", lambda: _arrays(_batch(source, 0)))[1]


def _arrays(element):
    found = []
    mapped(lambda part: found.append(np.asarray(part)), element)
    return found


def _batch(sequence, place):
    """A batch of a sequence, in tuples, dictionaries and arrays; None stays None."""
    return mapped(lambda part: part if part is None else np.asarray(part), as_tuples(sequence[place]))


def as_tuples(batch):
    """A batch with tuples for lists."""
    if isinstance(batch, dict):
        return {name: as_tuples(part) for name, part in batch.items()}
    return tuple(map(as_tuples, batch)) if isinstance(batch, (tuple, list)) else batch
