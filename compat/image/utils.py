"""Loading, saving and converting one image. The module's name is that of `keras_preprocessing.image.utils`."""

import io
import os

import keras
from keras.preprocessing.image import smart_resize
from keras.utils import array_to_img, img_to_array

from ..data.decoding import naming
from ..data.files import is_file, read_bytes
from ..data.messages import warn

__all__ = [
    "array_to_img",
    "img_to_array",
    "list_pictures",
    "load_img",
    "save_img",
    "smart_resize",
    "validate_filename",
]

IMAGE_EXTENSIONS = ("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")


def load_img(
    path,
    color_mode="rgb",
    target_size=None,
    interpolation="nearest",
    keep_aspect_ratio=False,
    grayscale=False,
):
    """Load an image as a Pillow image: `keras.utils.load_img`, which names the file when it cannot be read.

    Args:
        path: path of the file (str, bytes or `pathlib.Path`), or an `io.BytesIO`.
        color_mode: "rgb", "rgba" or "grayscale" (which leaves 16- and 32-bit grey images as they are). A boolean is
            taken for `grayscale`, which held this place in older Keras versions.
        target_size: (height, width) in pixels, or None for the size of the file.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: crop the centre to the aspect ratio of `target_size` before resizing.
        grayscale: the older spelling of `color_mode="grayscale"`.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ValueError: unknown `color_mode` or `interpolation`.
        OSError (FileNotFoundError, PIL.UnidentifiedImageError, ...): the file cannot be read.
    """
    if grayscale or isinstance(color_mode, bool):
        grayscale, color_mode = grayscale or color_mode, "rgb" if isinstance(color_mode, bool) else color_mode
    if grayscale:
        warn('`grayscale` is deprecated. Please use `color_mode="grayscale"`.')
        color_mode = "grayscale"
    if not isinstance(path, (str, bytes, os.PathLike)):
        return keras.utils.load_img(path, color_mode, target_size, interpolation, keep_aspect_ratio)
    with naming(path):
        image = keras.utils.load_img(
            io.BytesIO(read_bytes(path)), color_mode, target_size, interpolation, keep_aspect_ratio
        )
        image.load()  # a truncated file shows only here
    return image


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Save an array as an image file: `keras.utils.save_img`, which also saves grey values above 255, and ".tif".

    Args:
        path: path or file object.
        x: array of rank 3, in the order of `data_format`.
        data_format: "channels_last" or "channels_first"; None means `keras.config.image_data_format()`.
        file_format: format of the file if `path` does not end in it.
        scale: stretch the values to 0..255. Otherwise they are truncated to 8 bits, or, where a grey image
            exceeds 255, to 16 bits (PNG, TIFF).
        **kwargs: passed on to `PIL.Image.Image.save`.
    """
    if file_format is None:
        # Some versions of Keras take the extension for Pillow's name of the format, which differs for these.
        file_format = {".tif": "tiff", ".jpg": "jpeg"}.get(os.path.splitext(str(path))[1].lower())
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode != "I":
        return keras.utils.save_img(path, x, data_format=data_format, file_format=file_format, scale=scale, **kwargs)
    # Pillow 13 no longer writes its 32-bit mode to PNG.
    low, high = image.getextrema()
    if low < 0 or high > 65535:
        raise ValueError(f"`x` must lie in 0..65535 to be saved with `scale=False`. Received values in {low}..{high}.")
    image.convert("I;16").save(path, format=file_format, **kwargs)


def list_pictures(directory, ext=IMAGE_EXTENSIONS):
    """List the paths of all images below a directory.

    Args:
        directory: path of the directory.
        ext: extension or tuple of extensions, without the dot.

    Returns:
        List of paths, in the order of `os.walk`.
    """
    endings = tuple(f".{e}" for e in ((ext,) if isinstance(ext, str) else ext))
    return [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(endings)
    ]


def validate_filename(filename, white_list_formats):
    """Whether `filename` is an existing file that ends in one of `white_list_formats` (a tuple of extensions)."""
    return filename.lower().endswith(white_list_formats) and is_file(filename)
