"""The iterators of other copies of the legacy module, read into ours."""

import keras

from .convention import Axes
from .dataframe_iterator import DataFrameIterator
from .directory_iterator import DirectoryIterator
from .image_data_generator import ImageDataGenerator
from .iterator import Iterator
from .numpy_array_iterator import NumpyArrayIterator
from .overrides import overridden

_OURS = {ours.__name__: ours for ours in (DataFrameIterator, DirectoryIterator, NumpyArrayIterator)}
_LIBRARIES = ("keras", "tf_keras", "keras_preprocessing", "tensorflow")


def adopt(iterator):
    """An iterator of ours in the state of another library's legacy iterator, read from its attributes.

    Args:
        iterator: an iterator of the legacy module of Keras or `tf_keras`, or of `keras_preprocessing`.

    Returns:
        Our iterator, or the reason, a string, why there is none that gives the same batches. None if `iterator` is
        something else altogether.
    """
    legacy = _legacy_class(iterator)
    if legacy is None:
        return None
    for name in ("_get_batches_of_transformed_samples", "__getitem__", "__next__", "_set_index_array"):
        if getattr(type(iterator), name, None) is not getattr(legacy, name, None):
            return f"{type(iterator).__name__}.{name} is overridden"
    state = {"keep_aspect_ratio": False, **vars(iterator)}  # keras_preprocessing has none
    state["image_data_generator"] = _adopt_generator(iterator.image_data_generator)
    if isinstance(state["image_data_generator"], str):
        return state["image_data_generator"]
    ours = _OURS[legacy.__name__].__new__(_OURS[legacy.__name__])
    Iterator.__init__(ours, iterator.n, iterator.batch_size, iterator.shuffle, iterator.seed)
    skipped = ("lock", "index_generator", *vars(keras.utils.PyDataset()))
    for name, value in state.items():
        if name not in skipped:
            setattr(ours, name, value)
    return ours


def _adopt_generator(generator):
    """Our generator with the attributes of another one; the reason, a string, why there is none."""
    if generator is None or isinstance(generator, ImageDataGenerator):
        return generator
    legacy = next((c for c in type(generator).__mro__ if c.__name__ == "ImageDataGenerator" and _is_legacy(c)), None)
    if legacy is None:
        return f"{type(generator).__name__} is not an ImageDataGenerator"
    for name in overridden(generator, legacy):
        return f"{type(generator).__name__}.{name} is overridden"
    archived = legacy.__module__.split(".")[0] == "keras_preprocessing"
    if archived and generator.brightness_range is not None:
        return "keras_preprocessing stretches images to 0..255 for brightness"
    ours = ImageDataGenerator.__new__(ImageDataGenerator)
    vars(ours).update(vars(generator))
    ours.legacy_axes = Axes.ARCHIVED if archived else True
    return ours


def _legacy_class(iterator):
    return next((c for c in type(iterator).__mro__ if c.__name__ in _OURS and _is_legacy(c)), None)


def _is_legacy(cls):
    return cls.__module__.split(".")[0] in _LIBRARIES
