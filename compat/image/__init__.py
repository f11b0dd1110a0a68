"""The legacy names: all of `keras.preprocessing.image`, `tensorflow.keras.preprocessing.image` and
`keras_preprocessing.image`, with the same numbers. The sub-modules are those of `keras_preprocessing.image`."""

from .affine_transformations import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
)
from .dataframe_iterator import DataFrameIterator
from .directory_iterator import DirectoryIterator
from .image_data_generator import ImageDataGenerator
from .iterator import BatchFromFilesMixin, Iterator
from .numpy_array_iterator import NumpyArrayIterator
from .utils import array_to_img, img_to_array, list_pictures, load_img, save_img, smart_resize, validate_filename

__all__ = [
    "BatchFromFilesMixin",
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
    "transform_matrix_offset_center",
    "validate_filename",
]
