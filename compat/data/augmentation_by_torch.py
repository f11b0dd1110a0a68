"""An augmentation by PyTorch, operation by operation."""

from types import SimpleNamespace

import keras
import numpy as np
import torch

from ...layers.backends import torch as backend
from .rows import Rows
from .threads import MOST_AT_ONCE, at_once

# PyTorch's own sampling at float64 coordinates, too: of float32 images one pixel in millions is an ulp from SciPy's.
_OPS = SimpleNamespace(**{**vars(backend.ops), "interpolates": ("float32", "float64")})


def transformed(augmentation, images, rows, statistics):
    """An augmentation of NumPy arrays. Returns an array of its own."""
    tensors = [torch.from_numpy(np.require(array, requirements="CW")) for array in (images, *rows)]
    measured = type(statistics)(*(torch.from_numpy(np.array(array)) for array in statistics))
    made, places = [None] * len(images), iter(range(len(images)))

    def work():
        # Image by image: what the operations hand on stays in the cache. Whole batches took twice as long.
        with keras.device("cpu"), torch.inference_mode():
            for i in places:
                image, *row = (tensor[i : i + 1] for tensor in tensors)
                made[i] = augmentation(image, Rows(*row), measured, _OPS).numpy()

    at_once(work, min(len(images), MOST_AT_ONCE))
    return np.concatenate(made)
