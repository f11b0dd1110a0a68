"""How an image file becomes pixels: the one place that decides between TensorFlow's decoders and Pillow.

The reference is `keras.utils.load_img` followed by `keras.utils.img_to_array`, which is Pillow. On a machine of many
cores TensorFlow's decoders, which run without Python's lock, decode what they are known to decode to the same pixels;
whatever else lies in a file, and everything on a machine of few, Pillow decodes in a pool of threads. And whatever
TensorFlow refuses, Pillow has the last word on: it either succeeds, and then its pixels are right by definition, or it
raises an error that names the file.

Convention: images are channels last, sizes are `height, width`, values are the file's own (0 to 255, and up to 65535 or
beyond for grey images of 16 and 32 bits in `color_mode="grayscale"`).
"""

import contextlib
import functools
import io
import os
import traceback
import warnings
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps, UnidentifiedImageError, features

from .bombs import no_bomb
from .files import read_bytes
from .threads import MOST_AT_ONCE, at_once

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "hamming": Image.Resampling.HAMMING,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}

KERAS_INTERPOLATIONS = ("area", "bicubic", "bilinear", "gaussian", "lanczos3", "lanczos5", "mitchellcubic", "nearest")

# Above this Pillow warns of a decompression bomb, and at twice this it refuses: leave both to Pillow.
_MOST_PIXELS = 89_478_485
_PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PNG_HEADER = 29  # bytes up to the interlace flag, the last field of IHDR
_TO_PILLOW, _JPEG, _PNG = 0, 1, 2
_ORIENTATION, _FIRST_LYING = 0x0112, 5  # the EXIF tag, and the first of its values that exchange height and width

MANY_CORES = (os.cpu_count() or 1) > 8
"""Whether TensorFlow's decoders are the faster ones. A JPEG of 500x375 to 224x224 takes them 1.05 ms of a core and
Pillow 0.88, of which it holds Python's lock for about 0.1: ten cores and more would wait for that."""


@dataclass(frozen=True)
class Decoding:
    """Which pixels a file is decoded to.

    Args:
        height, width: size of the decoded image in pixels, at least 1.
        color_mode: "rgb", "rgba" or "grayscale".
        interpolation: one of "nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"; used if the file has
            another size.
        keep_aspect_ratio: cut the largest centred box of the wanted aspect ratio before resizing; like Keras, only if
            the file has another size.
        decoder: "pillow". Or "keras" for the pixels of `keras.utils.image_dataset_from_directory`: TensorFlow's
            decoders at their defaults, and the interpolations of `tf.image.resize` without antialiasing, in float32. Or
            "fast": JPEGs are scaled down by 2, 4 or 8 while they are decoded, never below the wanted size, and then
            resized.
        exif_transpose: turn and mirror the image as its EXIF orientation says, before anything else. Not by "keras".

    Raises:
        ValueError: if an argument is not one of the above.
    """

    height: int
    width: int
    color_mode: str = "rgb"
    interpolation: str = "nearest"
    keep_aspect_ratio: bool = False
    decoder: str = "pillow"
    exif_transpose: bool = False

    def __post_init__(self):
        for name in ("height", "width"):
            size = getattr(self, name)
            if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{name} must be an integer of at least 1, not {size!r}.")
        if self.color_mode not in CHANNELS:
            raise ValueError(f"color_mode must be one of {sorted(CHANNELS)}, not {self.color_mode!r}.")
        if self.decoder not in ("pillow", "fast", "keras"):
            raise ValueError(f"decode must be 'pillow', 'fast' or 'keras', not {self.decoder!r}.")
        interpolations = KERAS_INTERPOLATIONS if self.decoder == "keras" else INTERPOLATIONS
        if self.interpolation not in interpolations:
            raise ValueError(f"interpolation must be one of {sorted(interpolations)}, not {self.interpolation!r}.")
        if self.exif_transpose and self.decoder == "keras":
            raise ValueError("exif_transpose must be False with decode='keras': TensorFlow does not read EXIF.")

    @property
    def channels(self):
        """Number of channels: 1, 3 or 4."""
        return CHANNELS[self.color_mode]

    @property
    def dtype(self):
        """NumPy dtype of the pixels: float32 for grayscale, whose files may hold more than 8 bits, and from "keras",
        uint8 otherwise."""
        return np.dtype("float32" if self.color_mode == "grayscale" or self.decoder == "keras" else "uint8")

    @property
    def shape(self):
        """(height, width, channels)."""
        return (int(self.height), int(self.width), self.channels)


# ---------------------------------------------------------------------------------------------------------------------
# Pillow
# ---------------------------------------------------------------------------------------------------------------------


def decode_with_pillow(path, decoding):
    """Decode one file with Pillow; equals `img_to_array(load_img(path, ...), data_format="channels_last")`.

    Args:
        path: str, bytes or path-like.
        decoding: a `Decoding`.

    Returns:
        An array of shape (height, width, channels) and of `decoding.dtype`; it may be read-only.

    Raises:
        Exception: what the operating system or Pillow raises, of the same type, with the path in its message.
    """
    with naming(path):
        return _pixels(read_bytes(path), decoding)


@contextlib.contextmanager
def naming(path):
    """Name the file in what is raised inside: the same type of exception, with `path` (path-like) in its message."""
    name = os.fsdecode(path)
    try:
        yield
    except Exception as error:
        link = error
        while link is not None:  # Pillow's image, as large as the file says it is, would live on in these frames
            traceback.clear_frames(link.__traceback__)
            link = link.__cause__ or link.__context__
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the operating system's own, which names the file
        try:
            named = type(error)(f"{name}: {error}")
        except TypeError:  # an exception that is not built from one message
            named = OSError(f"{name}: {type(error).__name__}: {error}")
        raise named from error


def _pixels(content, decoding):
    """Pixels of a file's content (bytes), by Pillow."""
    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError as error:  # whose own message shows the address of the BytesIO
        raise UnidentifiedImageError("cannot identify image file") from error
    lies = decoding.exif_transpose and image.getexif().get(_ORIENTATION, 1) >= _FIRST_LYING
    if decoding.decoder == "fast":
        size = (int(decoding.width), int(decoding.height))
        image.draft(None, size[::-1] if lies else size)
    if decoding.exif_transpose:
        ImageOps.exif_transpose(image, in_place=True)
    if decoding.color_mode == "grayscale":
        if image.mode not in ("L", "I;16", "I"):
            image = image.convert("L")
    elif image.mode != decoding.color_mode.upper():
        image = image.convert(decoding.color_mode.upper())
    size = (int(decoding.width), int(decoding.height))
    if image.size != size:
        box = _centred_box(image.height, image.width, decoding) if decoding.keep_aspect_ratio else None
        image = image.resize(size, INTERPOLATIONS[decoding.interpolation], box=box)
    return np.asarray(image, dtype=decoding.dtype).reshape(decoding.shape)


def _centred_box(height, width, decoding):
    """(left, top, right, bottom) in whole pixels of the box that `keep_aspect_ratio` keeps."""
    kept_height = min(height, width * int(decoding.height) // int(decoding.width))
    kept_width = min(width, height * int(decoding.width) // int(decoding.height))
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    return left, top, left + kept_width, top + kept_height


def _load_batch_with_pillow(paths, decoding, errors):
    images = np.zeros((len(paths), *decoding.shape), decoding.dtype)
    pending, found = iter(range(len(paths))), {}

    def work():
        for index in pending:
            try:
                images[index] = decode_with_pillow(paths[index], decoding)
            except Exception as error:
                found[index] = error
                if errors is None:
                    return

    at_once(work, min(len(paths), MOST_AT_ONCE))
    if errors is not None:
        errors.update(found)
    elif found:
        raise found[min(found)]
    return images


def _pillow_in_graph(path, decoding):
    """Decode the file named by a string scalar with Pillow, inside a graph."""
    # The name is looked up when the graph runs, so that a test can count the calls.
    image = tf.numpy_function(lambda name: decode_with_pillow(name, decoding), [path], decoding.dtype, stateful=False)
    return tf.ensure_shape(image, decoding.shape)


# ---------------------------------------------------------------------------------------------------------------------
# TensorFlow
# ---------------------------------------------------------------------------------------------------------------------


def _route(content, formats, decoding):
    """Which decoder takes a file's content, a string scalar: an int32 scalar, one of the three constants above."""
    most_pixels = min(_MOST_PIXELS, Image.MAX_IMAGE_PIXELS or _MOST_PIXELS)
    route = tf.constant(_TO_PILLOW)
    if "PNG" in formats:
        padded = tf.strings.join([tf.strings.substr(content, 0, _PNG_HEADER), tf.constant(b"\0" * _PNG_HEADER)])
        header = tf.cast(tf.io.decode_raw(tf.strings.substr(padded, 0, _PNG_HEADER), tf.uint8), tf.int64)
        width, height = (tf.reduce_sum(header[i : i + 4] * [1 << 24, 1 << 16, 1 << 8, 1]) for i in (16, 20))
        depth, colour, interlace = header[24], header[25], header[28]
        # Not 16 bits: scaled differently. Not a palette (3): an index beyond it is an error to Pillow alone. And to
        # rgba only what has an alpha channel (4, 6): elsewhere one value may be marked transparent, and the two read
        # a mark of more bits than the pixels have differently.
        known = (depth <= 8) & (colour != 3) & ((colour >= 4) | (decoding.color_mode != "rgba"))
        known &= (interlace == 0) & (width * height <= most_pixels)
        route = tf.where(known & (tf.strings.substr(content, 0, len(_PNG_START)) == _PNG_START), _PNG, route)
    if "JPEG" in formats:

        def jpeg_route():
            # Pillow refuses a JPEG whose end marker is missing; TensorFlow does not always.
            complete = tf.strings.substr(content, -2, 2) == b"\xff\xd9"
            height, width, channels = tf.unstack(tf.cast(tf.io.extract_jpeg_shape(content), tf.int64))
            known = complete & (height * width <= most_pixels) & ((channels == 1) | (channels == 3))
            return tf.where(known, _JPEG, _TO_PILLOW)

        route = tf.cond(tf.strings.substr(content, 0, 3) == b"\xff\xd8\xff", jpeg_route, lambda: route)
    return route


def _nearest_indices(start, length, size):
    """The source index of each of `size` pixels over `length` pixels from `start` on: Pillow's own arithmetic.

    Pillow adds the scale to a running float64 position, pixel by pixel; multiplying instead rounds differently.
    """
    # Not `/`: inside a graph, TensorFlow's optimizer turns a division by a constant into a multiplication by its
    # reciprocal, which moves a pixel for one pair of sizes in thirty. It leaves this operation alone.
    scale = tf.math.divide_no_nan(tf.cast(length, tf.float64), tf.cast(size, tf.float64))
    first = tf.cast(start, tf.float64) + scale * 0.5
    return tf.cast(tf.cumsum(tf.concat([[first], tf.fill([size - 1], scale)], 0)), tf.int32)


def finish(image, decoding):
    """Resize by nearest neighbour and convert the colours of a decoded uint8 image (h, w, 3 or 4)."""
    height, width, channels = decoding.shape
    shape = tf.shape(image, out_type=tf.int64)

    def resize():
        top, left, kept_height, kept_width = tf.constant(0, tf.int64), tf.constant(0, tf.int64), shape[0], shape[1]
        if decoding.keep_aspect_ratio:
            kept_height = tf.minimum(shape[0], shape[1] * height // width)
            kept_width = tf.minimum(shape[1], shape[0] * width // height)
            top, left = (shape[0] - kept_height) // 2, (shape[1] - kept_width) // 2
        rows = tf.gather(image, _nearest_indices(top, kept_height, height))
        return tf.gather(rows, _nearest_indices(left, kept_width, width), axis=1)

    image = tf.cond((shape[0] == height) & (shape[1] == width), lambda: image, resize)
    # Colours after the resize: nearest neighbour only picks pixels, so the order does not matter, and here are fewer.
    if channels == 1:
        red, green, blue = tf.unstack(tf.cast(tf.ensure_shape(image, (height, width, 3)), tf.int32), axis=-1)
        # Pillow's luma in 16-bit fixed point, rounded to nearest; equal channels stay as they are.
        luma = tf.bitwise.right_shift(19595 * red + 38470 * green + 7471 * blue + 0x8000, 16)
        image = tf.cast(luma[..., None], tf.float32)
    elif channels == 4:
        opaque = tf.ensure_shape(image, (height, width, None))
        with_alpha = tf.pad(opaque, [[0, 0], [0, 0], [0, 1]], constant_values=255)
        image = with_alpha[..., :4]  # cuts the padding off again where the file brought its own alpha
    return tf.ensure_shape(image, decoding.shape)


def _decode_jpeg(content, decoding):
    # INTEGER_ACCURATE is what Pillow's libjpeg does; the default differs by up to 18 grey levels.
    # Always three channels: with one, TensorFlow takes the luma stored in the file instead of computing it.
    return finish(tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE"), decoding)


def _decode_png(content, decoding):
    return finish(tf.io.decode_png(content, channels=4 if decoding.color_mode == "rgba" else 3), decoding)


_DECODERS = {"JPEG": _decode_jpeg, "PNG": _decode_png}


def _decode_native(path, formats, decoding):
    """Decode one file, a string scalar, natively if that is known to be the same and by Pillow if not."""
    content = tf.io.read_file(path)
    return tf.switch_case(
        _route(content, formats, decoding),
        {
            _TO_PILLOW: lambda: _pillow_in_graph(path, decoding),
            _JPEG: lambda: _decode_jpeg(content, decoding),
            _PNG: lambda: _decode_png(content, decoding),
        },
    )


def _native_formats(decoding):
    """The formats that TensorFlow decodes to Pillow's pixels with this decoding on this machine."""
    if decoding.interpolation != "nearest" or decoding.decoder != "pillow" or decoding.exif_transpose:
        return ()  # only Pillow does that, so it may decode
    return tuple(name for name in ("JPEG", "PNG") if _agrees(name))


@functools.cache
def _agrees(name):
    """Whether TensorFlow decodes and resizes small images of the format "JPEG" or "PNG" to Pillow's pixels here.

    The two bring their own libjpeg, and either may be built with another one some day. Warns once if they differ.
    """
    noise = np.random.RandomState(0).randint(0, 256, (9, 12, 3)).astype("uint8")
    colour = Image.fromarray(noise).resize((40, 56), Image.Resampling.BICUBIC)
    if name == "JPEG":
        variants = [(colour, {"quality": 80, "subsampling": subsampling}) for subsampling in (0, 1, 2)]
        variants += [(colour, {"progressive": True}), (colour.convert("L"), {"quality": 60})]
    else:
        variants = [(colour.convert(mode), {}) for mode in ("RGB", "L", "LA", "1")]
    with tf.init_scope(), tf.device("/device:CPU:0"):
        decoding = Decoding(5, 7, "grayscale")
        # Compiled as in use, not eager: the graph optimizer has its own ideas of arithmetic, and the resize from 56 to
        # 5 and from 40 to 7 pixels is sensitive to them.
        decode = tf.function(_DECODERS[name], autograph=False)
        for image, options in variants:
            file = io.BytesIO()
            image.save(file, name, **options)
            decoded = decode(tf.constant(file.getvalue()), decoding).numpy()
            if not np.array_equal(decoded, _pixels(file.getvalue(), decoding)):
                warnings.warn(
                    f"TensorFlow {tf.__version__} and Pillow {Image.__version__} (libjpeg-turbo "
                    f"{features.version('libjpeg_turbo')}) decode the same {name} to different pixels on this "
                    f"machine, so {name} files are decoded by Pillow: same pixels as before, but slower.",
                    RuntimeWarning,
                    stacklevel=2,
                )
                return False
    return True


# ---------------------------------------------------------------------------------------------------------------------
# Batches
# ---------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def _compiled(decoding, formats, most_pixels):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def decode(paths):
        return tf.map_fn(
            lambda path: _decode_native(path, formats, decoding),
            paths,
            fn_output_signature=tf.TensorSpec(decoding.shape, decoding.dtype),
            parallel_iterations=16,
        )

    return decode


def load_batch(paths, decoding, use_tensorflow=MANY_CORES, errors=None):
    """Decode a batch of files, in parallel.

    Args:
        paths: sequence of n str, bytes or path-like; with a scheme ("gs://...") TensorFlow's file systems read them.
        decoding: a `Decoding`.
        use_tensorflow: whether TensorFlow may decode what it decodes to the same pixels. False in a forked child
            process, where it hangs.
        errors: None to raise; or a dictionary that gets the exception of each file that cannot be decoded, by its
            position in `paths`, where the image is then black.

    Returns:
        A writable array of shape (n, height, width, channels) and of `decoding.dtype`.

    Raises:
        Exception: without `errors`, what `decode_with_pillow` raises for the first file, in their order, that cannot be
            decoded.
    """
    paths = [os.fsencode(path) for path in paths]
    if decoding.decoder == "keras":
        return _load_batch_as_keras(paths, decoding, errors)
    formats = _native_formats(decoding) if use_tensorflow and paths else ()
    if not formats:
        return _load_batch_with_pillow(paths, decoding, errors)
    try:
        # On the CPU, where the decoders are, and where a cumulative sum adds in Pillow's order.
        with tf.device("/device:CPU:0"):
            return _compiled(decoding, formats, Image.MAX_IMAGE_PIXELS)(tf.constant(paths)).numpy()
    except tf.errors.OpError:  # Pillow decides: it may read what TensorFlow refuses, and its errors name the file
        return _load_batch_with_pillow(paths, decoding, errors)


def _load_batch_as_keras(paths, decoding, errors):
    if not paths:
        return np.zeros((0, *decoding.shape), decoding.dtype)
    with tf.device("/device:CPU:0"):
        try:
            return np.array(_compiled_as_keras(decoding, Image.MAX_IMAGE_PIXELS)(tf.constant(paths)))
        except tf.errors.OpError:  # which does not name the file
            images = np.zeros((len(paths), *decoding.shape), decoding.dtype)
            for index, path in enumerate(paths):
                try:
                    with naming(path):
                        images[index] = _compiled_as_keras(decoding, Image.MAX_IMAGE_PIXELS)(tf.constant([path]))[0]
                except Exception as error:
                    if errors is None:
                        raise
                    errors[index] = error
            return images


@functools.lru_cache(maxsize=64)
def _compiled_as_keras(decoding, most_pixels):
    spec = tf.TensorSpec(decoding.shape, decoding.dtype)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def decode(paths):
        return tf.map_fn(
            lambda path: as_keras(tf.io.read_file(path), decoding),
            paths,
            fn_output_signature=spec,
            parallel_iterations=os.cpu_count(),
        )

    return decode


def as_keras(content, decoding):
    """The pixels that `image_dataset_from_directory` has, of a file's content (a string scalar)."""
    image = tf.io.decode_image(no_bomb(content), decoding.channels, expand_animations=False)
    image = tf.ensure_shape(image, [None, None, decoding.channels])
    image = cropped(image, decoding) if decoding.keep_aspect_ratio else image
    return tf.cast(tf.image.resize(image, decoding.shape[:2], decoding.interpolation), tf.float32)


def cropped(image, decoding):
    """The largest centred box of the wanted aspect ratio of an image (h, w, channels)."""
    shape = tf.shape(image, out_type=tf.int64)
    height, width = int(decoding.height), int(decoding.width)
    kept = tf.minimum(shape[0], shape[1] * height // width), tf.minimum(shape[1], shape[0] * width // height)
    return tf.image.crop_to_bounding_box(image, (shape[0] - kept[0]) // 2, (shape[1] - kept[1]) // 2, *kept)
