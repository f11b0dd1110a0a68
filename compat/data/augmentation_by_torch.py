"""An augmentation by PyTorch, operation by operation."""

from types import SimpleNamespace

import keras
import numpy as np
import torch

from ...layers.backends import torch as backend
from .rows import Rows

# PyTorch's own sampling in float64, too. It is at most an ulp of float32 from SciPy's, for one pixel in millions.
_OPS = SimpleNamespace(**{**vars(backend.ops), "interpolates": ("float32", "float64")})


def transformed(augmentation, images, rows, statistics):
    """An augmentation of NumPy arrays. Returns an array of its own."""
    with keras.device("cpu"), torch.inference_mode():
        tensors = [torch.from_numpy(np.require(array, requirements="CW")) for array in (images, *rows)]
        measured = type(statistics)(*(torch.from_numpy(np.array(array)) for array in statistics))
        return augmentation(tensors[0], Rows(*tensors[1:]), measured, _OPS).contiguous().numpy()
