"""JPEGs by `simplejpeg`, where it is installed: Pillow's pixels, sooner, not resized.

Both call libjpeg-turbo. Pillow has the first word on each file, and opens it; and the last, on whatever else is in it
than a photograph without fault.
"""

import functools
import io
import itertools

import numpy as np
from PIL import Image, features

from .messages import warn

_TOLD_APART = 8
"""Pixels, from which on no two of the scales that there are, which are eighths, have the same number of them."""


def decodes(paths):
    """Whether `simplejpeg` decodes all of these files (str), by their names and as far as they are photographs."""
    return _decoder() is not None and all(path.lower().endswith((".jpg", ".jpeg")) for path in paths)


def whole(image, content, scaled=False):
    """The pixels of a JPEG in RGB, in which nothing is odd.

    Args:
        image: it, opened by Pillow, and not yet loaded.
        content: its bytes.
        scaled: whether it is to be scaled down while it is decoded, to the size that `image` has by `Image.draft`.

    Returns:
        Array (height, width, 3), uint8; None if Pillow has to decode it.
    """
    decode = _decoder() if image.format in ("JPEG", "MPO") and image.mode == "RGB" else None
    if decode is None or (scaled and min(image.size) < _TOLD_APART):
        return None
    try:
        pixels = decode(content, **_at_least(image)) if scaled else decode(content)
    except (ValueError, RuntimeError):  # broken, also where Pillow goes on; or no room for a decoder
        return None
    return pixels if pixels.shape == (image.height, image.width, 3) else None


def _at_least(image):
    return {"min_height": image.height, "min_width": image.width}


@functools.cache
def _decoder():
    """A function of a content; None without `simplejpeg`, or with one whose pixels are others."""
    try:
        import simplejpeg  # noqa: PLC0415 - which need not be there
    except ModuleNotFoundError as error:
        if error.name != "simplejpeg":
            raise
        return None
    except ImportError as error:  # it is there, but not for this NumPy
        warn(f"keras_regen does without simplejpeg, which is slower: {error}", RuntimeWarning)
        return None
    decode = functools.partial(simplejpeg.decode_jpeg, colorspace="RGB", fastdct=False, fastupsample=False)
    for content, scale in itertools.product(samples(), (1, 2, 4, 8)):
        with Image.open(io.BytesIO(content)) as image:
            image.draft(None, (image.width // scale, image.height // scale))
            pixels = decode(content, **_at_least(image))
            if not np.array_equal(pixels, np.asarray(image.convert("RGB"))):
                warn(
                    f"simplejpeg {simplejpeg.__version__} and Pillow {Image.__version__} (libjpeg-turbo "
                    f"{features.version('libjpeg_turbo')}) decode the same JPEG to different pixels on this machine, "
                    "so JPEGs are left to Pillow: same pixels as before, but slower.",
                    RuntimeWarning,
                )
                return None
    return decode


def samples():
    """The contents of small JPEGs of the kinds that there are, bytes."""
    colour = in_colour()

    def saved(image, **options):
        file = io.BytesIO()
        image.save(file, "JPEG", **options)
        return file.getvalue()

    made = [saved(colour, quality=80, subsampling=subsampling) for subsampling in (0, 1, 2)]
    made += [saved(colour, progressive=True), saved(colour.convert("L"), quality=60)]
    # 4:4:0, in which cameras leave what was 4:2:2 and turned; as many blocks either way, where it is square.
    square = saved(colour.resize((32, 32)), subsampling=1)
    return [*made, square.replace(b"\1\x21\0", b"\1\x12\0", 1)]


def in_colour():
    """A small image in RGB of which every other decoder would make other pixels."""
    noise = np.random.RandomState(0).randint(0, 256, (9, 12, 3)).astype("uint8")
    return Image.fromarray(noise).resize((40, 56), Image.Resampling.BICUBIC)


@functools.lru_cache(maxsize=1024)
def nearest_pixels(length, size):
    """Which of `length` pixels Pillow takes to make `size` of them at the nearest pixel: int32 (size,), read-only."""
    numbers = Image.fromarray(np.arange(length, dtype="int32")[None])
    taken = np.array(numbers.resize((size, 1), Image.Resampling.NEAREST), "int32")[0]
    taken.setflags(write=False)
    return taken
