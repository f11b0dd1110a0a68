"""The legacy `ImageDataGenerator` under its old names, and the way from it to `tf.data`.

A name is loaded with its first use, so that commands that need neither TensorFlow nor Keras do without them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str

    from . import image as image
    from . import sequence as sequence
    from . import text as text
    from .convert import distribute, to_dataset
    from .data.stateless import Stateless
    from .device import to_device
    from .explaining.explain import explain
    from .image import DataFrameIterator, DirectoryIterator, ImageDataGenerator, Iterator, NumpyArrayIterator
    from .installing.install import install, uninstall
    from .loaders import (
        audio_dataset_from_directory,
        image_dataset_from_directory,
        text_dataset_from_directory,
        timeseries_dataset_from_array,
    )
    from .pictures import compare, preview
    from .random_access import to_grain, to_torch

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "Stateless",
    "audio_dataset_from_directory",
    "compare",
    "distribute",
    "explain",
    "image_dataset_from_directory",
    "install",
    "preview",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_dataset",
    "to_device",
    "to_grain",
    "to_torch",
    "uninstall",
]

_HOMES = {
    "Stateless": "data.stateless",
    "audio_dataset_from_directory": "loaders",
    "compare": "pictures",
    "distribute": "convert",
    "explain": "explaining.explain",
    "image_dataset_from_directory": "loaders",
    "install": "installing.install",
    "preview": "pictures",
    "text_dataset_from_directory": "loaders",
    "timeseries_dataset_from_array": "loaders",
    "to_dataset": "convert",
    "to_device": "device",
    "to_grain": "random_access",
    "to_torch": "random_access",
    "uninstall": "installing.install",
}
"""The module of each name that is not in `image`."""

_WITHOUT_TENSORFLOW = {
    "distribute": "Use a shard for each process: `to_grain` or `to_torch` with `Stateless(shards=, shard=)`.",
    "to_dataset": "Use `to_grain` or `to_torch`, or give the iterator itself to `fit`.",
}
"""What is made of `tf.data`, and what takes its place where that is not."""

_MODULES = ("image", "sequence", "text")
"""The legacy modules, by their names there."""


def __getattr__(name):
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("keras-regen")
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _WITHOUT_TENSORFLOW:
        needing = importlib.import_module(f"{__name__}.data.needing_tensorflow")
        needing.tensorflow(f"`{name}`", _WITHOUT_TENSORFLOW[name])
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'image')}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES})
