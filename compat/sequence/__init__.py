"""The legacy names: all of `keras.preprocessing.sequence`, `tensorflow.keras.preprocessing.sequence` and
`keras_preprocessing.sequence`, with the same results.

`TimeseriesGenerator` is a Keras class, and loads Keras with its first use; the functions need neither Keras nor
TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING

from .padding import _remove_long_seq as _remove_long_seq
from .padding import pad_sequences
from .skipgrams import make_sampling_table, skipgrams

if TYPE_CHECKING:
    from .timeseries import TimeseriesGenerator, timeseries_generator_from_json

__all__ = [
    "TimeseriesGenerator",
    "make_sampling_table",
    "pad_sequences",
    "skipgrams",
    "timeseries_generator_from_json",
]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.timeseries"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
