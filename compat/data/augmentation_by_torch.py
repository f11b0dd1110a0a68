"""An augmentation by PyTorch, operation by operation."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import torch

from ...layers.backends import torch as backend
from .rows import Rows
from .threads import MOST_AT_ONCE, at_once

# PyTorch's own sampling at float64 coordinates, too: of float32 images one pixel in millions is an ulp from SciPy's.
_OPS = SimpleNamespace(**{**vars(backend.ops), "interpolates": ("float32", "float64")})

_AT_A_TIME = 600_000
"""About how many values a thread hands from operation to operation: they stay in its cache, and the calls, which hold
Python's lock, are few. Twice as fast as whole batches of 32 images of 224x224."""


def transformed(augmentation, images, rows, statistics):
    """An augmentation of NumPy arrays. Returns an array of its own."""
    tensors = [torch.from_numpy(np.require(array, requirements="CW")) for array in (images, *rows)]
    measured = type(statistics)(*(torch.from_numpy(np.array(array)) for array in statistics))
    a, (count, *shape) = augmentation, images.shape
    if a.input_format != a.data_format:
        shape = (shape[2], *shape[:2]) if a.data_format == "channels_first" else (*shape[1:], shape[0])
    results = np.empty((count, *shape), a.output_dtype)
    step = max(1, _AT_A_TIME // max(1, math.prod(shape)))
    starts = iter(range(0, count, step))

    def work():
        with keras.device("cpu"), torch.inference_mode():
            for start in starts:
                part = slice(start, start + step)
                some, *rows_of_them = (tensor[part] for tensor in tensors)
                results[part] = augmentation(some, Rows(*rows_of_them), measured, _OPS).numpy()

    at_once(work, min(-(-count // step), MOST_AT_ONCE))
    return results
