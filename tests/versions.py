"""What the oldest versions that are allowed do not have yet."""

import inspect

import keras
import numpy as np
import pytest

NUMPY_1 = np.__version__.startswith("1.")
"""Integers beyond their dtype wrap around, with a warning of NumPy's."""


def has_grain(function):
    """Whether one of Keras's loaders has `format="grain"`."""
    return "format" in inspect.signature(function).parameters


KERAS = tuple(map(int, keras.__version__.split(".")[:2]))
FIT_TAKES_GRAIN = KERAS >= (3, 12)
needs_keras_s_grain = pytest.mark.skipif(not FIT_TAKES_GRAIN, reason="Keras knows no Grain before 3.12")
