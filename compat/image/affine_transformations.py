"""The legacy functions on one image: a NumPy array of rank 3, in its own dtype, through SciPy and Pillow.

They are made for a few images of any size, with nothing to compile. The iterators, which see thousands of images of
one size, use the kernels of `keras_regen.layers`, whose results are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike
from PIL import ImageEnhance

from . import choices
from .convention import Axes, affine_matrices, is_identity, recentred, table_from_rows
from .utils import array_to_img, img_to_array

__all__ = [
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "flip_axis",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "transform_matrix_offset_center",
]

# Everything SciPy knows; the compiled path covers the four that the legacy documentation lists.
_FILL_MODES = (
    "nearest",
    "constant",
    "reflect",
    "wrap",
    "mirror",
    "grid-constant",
    "grid-mirror",
    "grid-wrap",
)


def transform_matrix_offset_center(matrix: ArrayLike, x: float, y: float) -> np.ndarray:
    """Recentre a 3x3 matrix: the same map about the centre of an image of `x` by `y` pixels.

    Convention:
        The centre is (x / 2 - 0.5, y / 2 - 0.5): pixel centres lie on integers.
    """
    return recentred(np.asarray(matrix), x, y)


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: choices.FillMode = "nearest",
    cval: float = 0.0,
    order: int = 1,
    *,
    legacy_axes: bool = True,
) -> np.ndarray:
    """Rotate, shift, shear and zoom an image about its centre, as one resampling.

    Args:
        x: array of rank 3.
        theta: rotation in degrees.
        tx, ty: shifts in pixels. With `row_axis < col_axis`, `tx` moves columns.
        shear: shear angle in degrees.
        zx, zy: factors of the coordinates: 2 shrinks the picture to half its size.
        row_axis, col_axis, channel_axis: a permutation of 0, 1, 2 with the channels first or last.
        fill_mode: "nearest", "constant", "reflect", "wrap", or another mode of SciPy.
        cval: value outside the image for `fill_mode="constant"`.
        order: order of the spline, 0 to 5.
        legacy_axes: False corrects the centre of images that are not square.

    Returns:
        An array of the shape and dtype of `x`; `x` itself where the parameters change nothing.

    Raises:
        ValueError: the axes or the rank are wrong.
        RuntimeError: unknown `fill_mode` or `order`.
    """
    axes = (row_axis, col_axis, channel_axis)
    if sorted(axes) != [0, 1, 2]:
        raise ValueError(f"`row_axis`, `col_axis` and `channel_axis` must be distinct and one of 0, 1, 2 each. "
                         f"Received: {axes}")  # fmt: skip
    if x.ndim != 3:
        raise ValueError(f"`x` must have rank 3: rows, columns and channels. Received shape: {x.shape}")
    if channel_axis not in (0, 2):
        raise ValueError(f"`channel_axis` must be 0 or 2: channels come first or last. Received: {channel_axis}")
    table = table_from_rows([{"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}])
    if is_identity(table)[0]:
        return x
    if fill_mode not in _FILL_MODES:
        raise RuntimeError(f"`fill_mode` must be one of {', '.join(_FILL_MODES)}. Received: {fill_mode!r}")
    if order not in range(6):
        raise RuntimeError(f"`interpolation_order` must be 0, 1, 2, 3, 4 or 5. Received: {order!r}")
    height, width = x.shape[row_axis], x.shape[col_axis]
    matrix = affine_matrices(table, height, width, Axes(legacy_axes), swap_axes=col_axis > row_axis)[0]
    channels = [
        scipy.ndimage.affine_transform(channel, matrix[:, :2], matrix[:, 2], order=order, mode=fill_mode, cval=cval)
        for channel in np.moveaxis(x, channel_axis, 0)
    ]
    return np.stack(channels, axis=channel_axis)


def flip_axis(x: ArrayLike, axis: int) -> np.ndarray:
    """Reverse an array along `axis`. Returns a view."""
    return np.flip(np.asarray(x), axis)


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Add `intensity` to every channel and clip to the image's own minimum and maximum over all channels.

    Args:
        x: array of rank 3.
        intensity: amount, in the unit of `x`.
        channel_axis: not used, as all channels are treated alike; it keeps its place among the arguments.

    Returns:
        A new array.
    """
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """Multiply the brightness through an 8-bit Pillow image, which truncates to integers, even at a factor of 1.

    Args:
        x: array of rank 3 in the order of `keras.config.image_data_format()`, with 1, 3 or 4 channels.
        brightness: factor; 0 is black, 1 keeps the brightness.
        scale: stretch the image to 0..255 first. Otherwise only an image with values outside 0..255 is stretched,
            and restored afterwards.

    Returns:
        A new array.

    Raises:
        ValueError: the number of channels is not 1, 3 or 4.
    """
    x_min, x_max = np.min(x), np.max(x)
    outside = x_min < 0 or x_max > 255
    image = array_to_img(x, scale=outside or scale)
    x = img_to_array(ImageEnhance.Brightness(image).enhance(brightness))
    if outside and not scale:
        x = x / 255 * (x_max - x_min) + x_min
    return x


def _two_floats(name, value):
    if len(value) != 2:
        raise ValueError(f"`{name}` must be a tuple or list of two floats. Received: {value}")
    return value


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: choices.FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Rotate by an angle drawn from -rg..rg degrees. The other arguments are those of `apply_affine_transform`."""
    theta = np.random.uniform(-rg, rg)
    return apply_affine_transform(
        x, theta, 0, 0, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: choices.FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shift by fractions drawn from -hrg..hrg of the height and -wrg..wrg of the width.

    Convention:
        As in the legacy code, the amount drawn from `hrg` moves columns and the one from `wrg` moves rows.
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x, 0, tx, ty, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: choices.FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shear by an angle drawn from -intensity..intensity degrees."""
    shear = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(
        x, 0, 0, 0, shear, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_zoom(
    x: np.ndarray,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: choices.FillMode = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoom by two independent factors drawn from `zoom_range`, a pair of floats; (1, 1) draws nothing.

    Raises:
        ValueError: `zoom_range` is not a pair.
    """
    low, high = _two_floats("zoom_range", zoom_range)
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    return apply_affine_transform(
        x, 0, 0, 0, 0, zx, zy, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Shift all channels by one amount drawn from -intensity_range..intensity_range (`apply_channel_shift`)."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: np.ndarray, brightness_range: Sequence[float], scale: bool = True) -> np.ndarray:
    """Multiply the brightness by a factor drawn from `brightness_range`, a pair (`apply_brightness_shift`).

    Raises:
        ValueError: `brightness_range` is not a pair.
    """
    low, high = _two_floats("brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(low, high), scale)
