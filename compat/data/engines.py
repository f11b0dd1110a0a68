"""The batches of the iterators are transformed by the compiler of the Keras backend in use, on the CPU."""

import collections
import importlib
import math

import keras
import numpy as np

from .rows import Rows

_MODULES = {"tensorflow": "augmentation_in_graph", "jax": "augmentation_by_jax", "torch": "augmentation_by_torch"}

COMPILE_AFTER_SECONDS = 0.3
"""Compiling for one image shape takes about this long. Until as much work has come in, SciPy is faster."""

_work = collections.defaultdict(float)


def work(augmentation, shape, count):
    """How many seconds SciPy would have worked by now, with `count` more images of this shape to augment."""
    _work[augmentation, shape] += count * (2e-4 + 2e-8 * math.prod(shape))
    return _work[augmentation, shape]


def transformed(augmentation, images, rows, statistics, size):
    """An augmentation of NumPy arrays, by the kernels.

    Args:
        augmentation: an `Augmentation` without `preprocess`.
        images: array of n images.
        rows: `Rows` of n rows.
        statistics: `Statistics`.
        size: how many images a whole batch has. Fewer are filled up to it, as every number is compiled by itself.

    Returns:
        An array of n images of its own.
    """
    module = importlib.import_module(f".{_MODULES[keras.backend.backend()]}", __package__)
    count = len(images)
    if count < size:
        index = np.minimum(np.arange(size), count - 1)
        images, rows = images[index], Rows(*(column[index] for column in rows))
    return module.transformed(augmentation, images, rows, statistics)[:count]


def has_kernels(dtype):
    """Whether the Keras backend in use has kernels that keep the promises in a dtype; if not, SciPy does it all."""
    name = keras.backend.backend()
    # PyTorch, which compiles nothing, is an ulp away in float64.
    return name in _MODULES and not (name == "torch" and np.dtype(dtype) == np.float64)
