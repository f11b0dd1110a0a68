"""How an image file becomes pixels: the one place that decides between TensorFlow's decoders and Pillow.

The reference is `keras.utils.load_img` followed by `keras.utils.img_to_array`, which is Pillow. On a machine of many
cores TensorFlow's decoders, which run without Python's lock, decode what they are known to decode to the same pixels;
whatever else lies in a file, and everything on a machine of few, Pillow decodes in a pool of threads. And whatever
TensorFlow refuses, Pillow has the last word on: it either succeeds, and then its pixels are right by definition, or it
raises an error that names the file. Where images are transformed as soon as they are decoded, `jpeg` comes before both.

Convention: images are channels last, sizes are `height, width`, values are the file's own (0 to 255, and up to 65535 or
beyond for grey images of 16 and 32 bits in `color_mode="grayscale"`).
"""

import contextlib
import functools
import io
import os
import traceback
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

from . import jpeg
from .files import blames_file, read_bytes
from .messages import warn
from .needing_tensorflow import tensorflow, tensorflow_if_loaded
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

_ORIENTATION, _FIRST_LYING = 0x0112, 5  # the EXIF tag, and the first of its values that exchange height and width

MANY_CORES = (os.cpu_count() or 1) > 8
"""Whether TensorFlow's decoders are the faster ones. A JPEG of 500x375 to 224x224 takes them 1.05 ms of a core and
Pillow 0.88, of which it holds Python's lock for about 0.1: ten cores and more would wait for that."""
_ROOM = 16  # bytes a pixel, at most, that a decoder takes
_AT_ONCE = 64  # files whose contents are in memory at a time, where TensorFlow decodes


def import_plugins():
    """Let Pillow import what it reads files with: later it would do without what it cannot import then.

    First the usual formats, which are tried first then, as if a file had been opened: with `init` alone a photograph
    would be offered to nine other formats, some of which do not see at once that it is none of theirs.
    """
    Image.preinit()
    Image.init()


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
        import_plugins()
        for name in ("height", "width"):
            size = getattr(self, name)
            if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
                raise ValueError(f"`{name}` must be an integer of at least 1. Received: {size!r}")
        if self.color_mode not in CHANNELS:
            raise ValueError(f"`color_mode` must be one of {tuple(CHANNELS)}. Received: {self.color_mode!r}")
        if self.decoder not in ("pillow", "fast", "keras"):
            raise ValueError(f"`decode` must be 'pillow', 'fast' or 'keras'. Received: {self.decoder!r}")
        interpolations = tuple(KERAS_INTERPOLATIONS if self.decoder == "keras" else INTERPOLATIONS)
        if self.interpolation not in interpolations:
            given = " with decode='keras'" if self.decoder == "keras" else ""
            raise ValueError(
                f"`interpolation` must be one of {interpolations}{given}. Received: {self.interpolation!r}"
            )
        if self.decoder == "keras":
            tensorflow("decode='keras'", "Use decode='pillow'.")
        if self.exif_transpose and self.decoder == "keras":
            raise ValueError("`exif_transpose` must be False with decode='keras': TensorFlow does not read EXIF.")

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
    def takes_nearest_pixels(self):
        """Whether an image is resized to the nearest pixels of all that is decoded, in RGB, and no more is done."""
        plain = self.interpolation == "nearest" and self.decoder != "keras" and self.color_mode == "rgb"
        return plain and not (self.keep_aspect_ratio or self.exif_transpose)

    @property
    def shape(self):
        """(height, width, channels)."""
        return (int(self.height), int(self.width), self.channels)


# ---------------------------------------------------------------------------------------------------------------------
# Pillow
# ---------------------------------------------------------------------------------------------------------------------


def decode_with_pillow(path, decoding, content=None, may_be_whole=False):
    """Decode one file with Pillow; equals `img_to_array(load_img(path, ...), data_format="channels_last")`.

    Args:
        path: str, bytes or path-like.
        decoding: a `Decoding`.
        content: bytes of the file, if it has been read.
        may_be_whole: whether the caller takes the nearest pixels, `jpeg.nearest_pixels`, where the image comes in the
            size that it has in the file, or is scaled down to. That is for RGB alone, and the faster way with
            `simplejpeg`.

    Returns:
        An array of shape (height, width, channels) and of `decoding.dtype`; it may be read-only.

    Raises:
        Exception: what the operating system or Pillow raises, of the same type, with the path in its message.
    """
    with naming(path):
        return _pixels(read_bytes(path) if content is None else content, decoding, may_be_whole)


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
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = error.filename or name  # the operating system's own, which may name the file
            raise
        try:
            said = str(error) if error.args else ""  # else a SyntaxError says "None"
            named = type(error)(f"{name}: {said or type(error).__name__}")
        except TypeError:  # an exception that is not built from one message
            named = OSError(f"{name}: {type(error).__name__}: {error}")
        raise named from error


def _pixels(content, decoding, may_be_whole=False):
    """Pixels of a file's content (bytes), by Pillow, or by `jpeg`."""
    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError as error:  # whose own message shows the address of the BytesIO
        raise UnidentifiedImageError("cannot identify image file") from error
    lies = decoding.exif_transpose and image.getexif().get(_ORIENTATION, 1) >= _FIRST_LYING
    of_the_file = image.size
    if decoding.decoder == "fast":
        size = (int(decoding.width), int(decoding.height))
        image.draft(None, size[::-1] if lies else size)
    if may_be_whole and decoding.takes_nearest_pixels:
        pixels = jpeg.whole(image, content, scaled=image.size != of_the_file)
        if pixels is not None:
            return pixels
    _load(image)
    if decoding.exif_transpose:
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "P" and decoding.color_mode != "rgba":
        image.info.pop("transparency", None)  # which Pillow would leave out with a warning, that may be an error
    if decoding.interpolation == "nearest":  # the same as if they were converted first, and fewer pixels to convert
        image = _resized(image, decoding)
    mode = decoding.color_mode.upper()
    if decoding.color_mode == "grayscale":
        mode = image.mode if image.mode in ("L", "I;16", "I") else "L"
    image = _resized(image if image.mode == mode else image.convert(mode), decoding)
    return np.asarray(image, dtype=decoding.dtype).reshape(decoding.shape)


def _resized(image, decoding):
    size = int(decoding.width), int(decoding.height)
    if image.size == size:
        return image
    box = _centred_box(image.height, image.width, decoding) if decoding.keep_aspect_ratio else None
    return image.resize(size, INTERPOLATIONS[decoding.interpolation], box=box)


def _load(image):
    """Decode an open image, and tell what it lacks from what the process lacks: many a codec says the same of both."""
    try:
        image.load()
    except Exception:
        bytearray(_ROOM * image.width * image.height)  # a MemoryError, if there is none to be had
        raise


def _centred_box(height, width, decoding):
    """(left, top, right, bottom) in whole pixels of the box that `keep_aspect_ratio` keeps."""
    kept_height = min(height, width * int(decoding.height) // int(decoding.width))
    kept_width = min(width, height * int(decoding.width) // int(decoding.height))
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    return left, top, left + kept_width, top + kept_height


def _in_threads(work, places, raising):
    """Call `work` with each place, in threads.

    Args:
        work: function of a place.
        places: sequence of integers in order.
        raising: whether to begin no more of them after an error.

    Returns:
        Dictionary from place to exception; with `raising`, the first of them all is there.
    """
    pending, errors = iter(places), {}

    def worker():
        for place in pending:
            try:
                work(place)
            except Exception as error:
                errors[place] = error
                if raising:
                    return

    at_once(worker, min(len(places), MOST_AT_ONCE))
    return errors


def _load_with_pillow(paths, decoding, raising, then=None):
    """The images of the files at `paths`, and the exceptions as `_in_threads` returns them; for `then` see below."""
    images = np.zeros((len(paths) if then is None else 0, *decoding.shape), decoding.dtype)

    def load(i):
        if then is None:
            images[i] = decode_with_pillow(paths[i], decoding)
        else:
            then(i, decode_with_pillow(paths[i], decoding, may_be_whole=True))

    return images, _in_threads(load, range(len(paths)), raising)


# ---------------------------------------------------------------------------------------------------------------------
# TensorFlow
# ---------------------------------------------------------------------------------------------------------------------


def agreeing_formats():
    """The formats of which TensorFlow decodes most kinds to Pillow's pixels on this machine; see `route`."""
    from .tensorflow_decoders import FORMATS  # noqa: PLC0415 - by those who use TensorFlow alone

    return tuple(name for name in FORMATS if _agrees(name))


@functools.cache
def _agrees(name):
    """Whether TensorFlow decodes and resizes small images of one of `FORMATS` to Pillow's pixels here.

    The two bring their own libraries, and either may be built with another one some day. Warns once if they differ.
    """
    import tensorflow as tf  # noqa: PLC0415

    from .tensorflow_decoders import FORMATS  # noqa: PLC0415

    colour = jpeg.in_colour()

    def saved(image, **options):
        file = io.BytesIO()
        image.save(file, name, **options)
        return file.getvalue()

    if name == "JPEG":
        contents = jpeg.samples()
    elif name == "PNG":
        contents = [saved(colour.convert(mode)) for mode in ("RGB", "L", "LA", "1", "P")]
    elif name == "WEBP":
        contents = [saved(colour), saved(colour, lossless=True)]
    else:
        contents = [saved(colour)]
    with tf.init_scope(), tf.device("/device:CPU:0"):
        decoding = Decoding(5, 7, "grayscale")
        # Compiled as in use, not eager: the graph optimizer has its own ideas of arithmetic, and the resize from 56 to
        # 5 and from 40 to 7 pixels is sensitive to them.
        decode_all = _compiled(decoding, FORMATS, None)
        for content in contents:
            decoded, here = (tensor[0] for tensor in decode_all(tf.constant([content])))
            if not here or not np.array_equal(decoded, _pixels(content, decoding)):
                warn(
                    f"TensorFlow {tf.__version__} and Pillow {Image.__version__} (libjpeg-turbo "
                    f"{features.version('libjpeg_turbo')}) decode the same {name} to different pixels on this "
                    f"machine, so {name} files are left to Pillow: same pixels as before, but slower.",
                    RuntimeWarning,
                )
                return False
    return True


@functools.lru_cache(maxsize=64)
def _compiled(decoding, formats, most_pixels):
    """A function of contents (n,) that returns images, and whether each is to be had from TensorFlow, bool (n,)."""
    import tensorflow as tf  # noqa: PLC0415

    from .tensorflow_decoders import JPEG, as_keras, decode, route  # noqa: PLC0415

    def decode_one(content):
        if decoding.decoder == "keras":
            return as_keras(content, decoding), tf.constant(True)
        way = route(content, formats, decoding, most_pixels)
        return decode(content, way, decoding), way >= JPEG

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def decode_all(contents):
        specs = tf.TensorSpec(decoding.shape, decoding.dtype), tf.TensorSpec([], tf.bool)
        return tf.map_fn(decode_one, contents, fn_output_signature=specs, parallel_iterations=max(16, os.cpu_count()))

    return decode_all


def _by_tensorflow(contents, decoding, formats):
    """The images in the contents of files (bytes), and whether each is to be had from TensorFlow."""
    # Above this Pillow warns of a decompression bomb, and at twice this it refuses: leave both to Pillow.
    most_pixels = Image.MAX_IMAGE_PIXELS
    tf = tensorflow(
        "decode='keras'", "Use decode='pillow'."
    )  # which a process with a copy of the iterator has yet to load
    # On the CPU, where the decoders are, and where a cumulative sum adds in Pillow's order.
    with tf.device("/device:CPU:0"):
        images, here = _compiled(decoding, formats, most_pixels)(tf.constant(contents))
    return images.numpy(), here.numpy()


def _load_by_tensorflow(paths, decoding, formats, raising):
    """The images of the files at `paths`, and the exceptions as `_in_threads` returns them."""
    contents = {}

    def read(i):
        contents[i] = read_bytes(paths[i])

    def decode_again(i):
        if decoding.decoder == "keras":
            with naming(paths[i]):
                images[i] = _by_tensorflow([contents[i]], decoding, formats)[0][0]
        else:
            images[i] = decode_with_pillow(paths[i], decoding, contents[i])

    errors = _in_threads(read, range(len(paths)), raising)
    left = [i for i in range(len(paths)) if i in contents and not (raising and i > min(errors, default=i))]
    try:
        images, here = _by_tensorflow([contents.get(i, b"") for i in range(len(paths))], decoding, formats)
        left = [i for i in left if not here[i]]
    except tensorflow_if_loaded().errors.OpError:
        # Of one file, which is not named. Pillow may read what TensorFlow refuses.
        images = np.zeros((len(paths), *decoding.shape), decoding.dtype)
    return images, errors | _in_threads(decode_again, left, raising)


# ---------------------------------------------------------------------------------------------------------------------
# Batches
# ---------------------------------------------------------------------------------------------------------------------


def load_batch(paths, decoding, use_tensorflow=MANY_CORES, errors=None, then=None):
    """Decode a batch of files, in parallel.

    Args:
        paths: sequence of n str, bytes or path-like; with a scheme ("gs://...") TensorFlow's file systems read them.
        decoding: a `Decoding`.
        use_tensorflow: whether TensorFlow, where it is loaded, may decode what it decodes to the same pixels. False in
            a forked child process, where it hangs.
        errors: None to raise; or a dictionary that gets the exception of each file that cannot be decoded, by its
            position in `paths`, where the image is then black.
        then: None to return the images; or a function that is called with the position and the image of each file that
            is decoded, in the thread that decoded it, and takes the nearest pixels of an image that has another size.

    Returns:
        A writable array of shape (n, height, width, channels) and of `decoding.dtype`. With `then`, an empty one.

    Raises:
        Exception: without `errors`, what `decode_with_pillow` raises for the first file, in their order, that cannot be
            decoded. With them, only what is not due to the file (see `blames_file`): it may befall any other.
    """
    paths, chunks = [os.fsdecode(path) for path in paths], []
    # Only Pillow resizes otherwise, reduces while it decodes, and turns: so it may decode.
    pillow_only = decoding.interpolation != "nearest" or decoding.decoder != "pillow" or decoding.exif_transpose
    in_one_go = then is not None and decoding.takes_nearest_pixels and jpeg.decodes(paths)  # sooner than TensorFlow
    # Where nobody uses TensorFlow it is not imported for this: the pixels are the same.
    use_tensorflow = use_tensorflow and not (pillow_only or in_one_go) and tensorflow_if_loaded()
    formats = agreeing_formats() if use_tensorflow else ()
    if formats or decoding.decoder == "keras":
        load, most = functools.partial(_load_by_tensorflow, formats=formats), _AT_ONCE
    else:
        load, most = functools.partial(_load_with_pillow, then=then), len(paths) or 1
    for start in range(0, len(paths), most):
        images, found = load(paths[start : start + most], decoding, raising=errors is None)
        for place in sorted(found):
            if errors is None or not blames_file(found[place]):
                raise found[place]
            errors[start + place] = found[place]
        if then is None:
            chunks.append(images)
        else:
            left = sorted(set(range(len(images))) - found.keys())
            failed = _in_threads(
                lambda place, images=images, start=start: then(start + place, images[place]), left, True
            )
            for error in failed.values():
                raise error
    if len(chunks) == 1:
        return chunks[0]
    return np.concatenate([np.zeros((0, *decoding.shape), decoding.dtype), *chunks])
