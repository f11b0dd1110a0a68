"""An augmentation as one compiled call of JAX."""

import functools

import jax
import numpy as np

from ...layers.backends.jax import ops
from .augmentation import Statistics
from .rows import Rows

try:
    _in_64_bits = jax.enable_x64
except AttributeError:  # before JAX 0.8
    from jax.experimental import enable_x64 as _in_64_bits


@functools.lru_cache(maxsize=64)
def _compiled(augmentation):
    def apply(images, rows, statistics):
        return augmentation(images, Rows(*rows), Statistics(*statistics), ops)

    return jax.jit(apply)


def transformed(augmentation, images, rows, statistics):
    """An augmentation of NumPy arrays. Returns an array of its own."""
    # For this call and this thread alone: the precision of the rest of the program stays what it is.
    with _in_64_bits(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        return np.array(_compiled(augmentation)(images, tuple(rows), tuple(statistics)))
