"""Augmentation of an image at a time on the CPU: the kernel of `numba_warp`, where it can do all that is asked.

A thread that has just decoded an image transforms it while it is in its cache, and writes it to its place in the batch.
"""

import functools
import math

import numpy as np

from .jpeg import decodes, nearest_pixels
from .messages import warn
from .rooms import room
from .threads import MOST_AT_ONCE, at_once

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
"""Those that the kernel has, by their numbers in it."""
_WORTH_A_THREAD = 50_000  # values: some 0.1 ms


def image_kernel(augmentation, statistics, shape, dtype):
    """The `ImageKernel` for images of this shape and dtype (a name); None if XLA has to do it, or numba is not there.

    Args:
        augmentation: an `Augmentation`.
        statistics: its `Statistics`.
        shape: (height, width, channels) of the images that come in.
        dtype: name of their dtype.
    """
    a = augmentation
    plain = not (a.preprocess or a.samplewise_center or a.samplewise_std)
    if a.channel_shift or a.brightness:  # of values that are no NaN
        plain &= dtype == "uint8" and math.isfinite(a.fill_value) and shape[-1] in (1, 3, 4)
    unmeasured = all(0 in tuple(array.shape) for array in statistics)
    last = a.input_format == a.data_format == "channels_last"
    dtypes = a.dtype == "float32" and dtype in ("uint8", "float32") and a.output_dtype in ("uint8", "float32")
    small = 0 < math.prod(shape) < 2**31
    if not (plain and unmeasured and last and dtypes and small) or (a.warp and a.order > 1):
        return None
    function = None if a.only_casts(statistics) else _compiled("warp", dtype, a.output_dtype)
    return function and ImageKernel(function, a, shape, dtype)


@functools.cache
def _compiled(name, *dtypes):
    """The machine code that this function of `numba_warp` makes for dtypes (names); None without numba."""
    try:
        from . import numba_warp  # noqa: PLC0415 - a third of a second
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return None
    except ImportError as error:  # numba is there, but not for this NumPy
        warn(f"keras_regen does without numba, which is slower: {error}", RuntimeWarning)
        return None
    return getattr(numba_warp, name)(*dtypes) if numba_warp.MAY_COMPILE else None


class ImageKernel:
    """Transforms images as an `Augmentation` does, to an ulp. In Python's threads: it does not hold their lock."""

    def __init__(self, function, augmentation, shape, dtype):
        a = augmentation
        self._function, self._augmentation, self._shape = function, a, tuple(shape)
        self._settings = (
            *(a.order if a.warp else 0, FILL_MODES.index(a.fill_mode) if a.warp else 0),
            *(np.float32(a.fill_value), np.float32(a.rescale or 1)),
            (dtype == "uint8", a.output_dtype == "uint8"),
        )

    def empty(self, count):
        """Room for so many results, which TensorFlow takes over without a copy."""
        return room((count, *self._shape), self._augmentation.output_dtype)

    def columns(self, rows):
        """What the kernel needs of `Rows`: arrays of n rows, or of none where it is for colours that stay."""
        n, a = len(rows.matrix), self._augmentation
        matrix = rows.matrix if a.warp else np.broadcast_to(np.eye(2, 3), (n, 2, 3))
        flips = np.stack([rows.flip_vertical, rows.flip_horizontal], -1) if a.flip else np.zeros((n, 2))
        shift, brightness = (
            column if used else np.full(n, np.nan)
            for used, column in ((a.channel_shift, rows.channel_shift), (a.brightness, rows.brightness))
        )
        colours = np.stack([shift, brightness], -1) if a.channel_shift or a.brightness else np.zeros((0, 2))
        columns = (matrix, "float64"), (flips, "bool"), (colours, "float32")
        return tuple(np.ascontiguousarray(column, dtype) for column, dtype in columns)

    def __call__(self, images, columns, results):
        """Transform n images, (n, h, w, channels), to results, (n, height, width, channels), which are written.

        Images of three channels in uint8 may have another size, and are resized to the nearest pixels.
        """
        taken = [nearest_pixels(*lengths) for lengths in zip(images.shape[1:3], self._shape[:2], strict=True)]
        self._function(np.ascontiguousarray(images), *taken, *columns, *self._settings, results)

    def batch(self, images, rows, indices=None):
        """The results for n images, or for those at `indices`, int (n,), by several threads if that pays."""
        n, columns = len(rows.matrix), self.columns(rows)
        results = self.empty(n)
        threads = min(n, MOST_AT_ONCE, math.ceil(results.size / _WORTH_A_THREAD))
        step = math.ceil(n / max(1, 4 * threads if threads > 1 else 1)) or 1
        if indices is not None and math.prod(self._shape) > _WORTH_A_THREAD:
            step = 1  # without a copy
        starts = iter(range(0, n, step))

        def work():
            for start in starts:
                part = slice(start, start + step)
                chosen = part if indices is None else indices[part]
                some = images[chosen] if indices is None or step > 1 else images[chosen[0]][None]
                self(some, [column[part] for column in columns], results[part])

        work() if threads < 2 else at_once(work, threads)
        return results


class InOneGo:
    """What becomes of the images of a batch while they are decoded: call it with the place and the image."""

    def __init__(self, kernel, rows):
        self._kernel, self._columns = kernel, kernel.columns(rows)
        self.results = kernel.empty(len(rows.matrix))
        """The batch; undefined where no image came."""

    def __call__(self, place, image):
        part = slice(place, place + 1)
        self._kernel(image[None], [column[part] for column in self._columns], self.results[part])


def resizing(files):
    """A function that reads `Files` and resizes them while they are decoded: as `files.read`, without its options.

    None where that is no faster: without numba or `simplejpeg`, or for no JPEGs.
    """
    decoding = files.decoding
    take = _compiled("take") if decoding.takes_nearest_pixels and decodes(files.paths[:1]) else None
    if take is None:
        return None

    def read(indices):
        results = np.zeros((len(indices), *decoding.shape), decoding.dtype)

        def resize(place, image):
            lengths = zip(image.shape[:2], decoding.shape[:2], strict=True)
            take(np.ascontiguousarray(image), *(nearest_pixels(*pair) for pair in lengths), results[place])

        return results, files.read(indices, then=resize)[1]

    return read
