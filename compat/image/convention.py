"""The geometry of the legacy code, its two mistakes included. The only module that knows of them.

The legacy module composes rotation, shift, shear and zoom as one matrix over (x, y), recentres it and then swaps its
axes, because NumPy indexes (row, column). Two things go wrong on the way:

- the shift drawn from `height_shift_range` and scaled by the height is taken for x, so it moves **columns**, and the
  one from `width_shift_range` moves rows (`draws` puts them there);
- the matrix is recentred about (height / 2, width / 2) before the axes are swapped, so an image that is not square
  turns, shears and zooms about the wrong point.

Every script written against the legacy module has these built in, so they are the default; `legacy_axes=False`
corrects both. It also makes right angles exact: the legacy sines and cosines miss -1, 0 and 1 by an ulp, so that with
`constant` and `wrap` parts of the edge are read from outside the image. The layers of `keras_regen.layers` never had
any of this.
"""

import enum

import numpy as np


class Axes(enum.Enum):
    """Which geometry a generator has, by the value of its `legacy_axes`."""

    LEGACY = True
    """That of the legacy module of Keras, both mistakes included."""
    RIGHT = False
    ARCHIVED = "archived"
    """That of `keras_preprocessing`: x is the row, and the centre one pixel too far down and right."""


COLUMNS = (
    "theta",
    "tx",
    "ty",
    "shear",
    "zx",
    "zy",
    "flip_horizontal",
    "flip_vertical",
    "channel_shift_intensity",
    "brightness",
)
"""The columns of a table of transformations: the keys of `ImageDataGenerator.get_random_transform`."""

_NO_TRANSFORM = np.array([0, 0, 0, 0, 1, 1, 0, 0, np.nan, np.nan], dtype="float64")


def neutral_table(n):
    """The table of `n` transformations that change nothing."""
    return np.tile(_NO_TRANSFORM, (n, 1))


def table_from_rows(rows):
    """Stack the dictionaries of `get_random_transform` into a table.

    Args:
        rows: a sequence of dictionaries. A key that is absent or None leaves that part of the image as it is.

    Returns:
        float64 array (n, 10), the columns as in `COLUMNS`; NaN stands for "none" in the last two.
    """
    table = neutral_table(len(rows))
    for i, row in enumerate(rows):
        for j, name in enumerate(COLUMNS):
            if row.get(name) is not None:
                table[i, j] = row[name]
    return table


def is_identity(table):
    """Boolean (n,): whether a row moves no pixel. The legacy code then returns the image as it came."""
    return np.all(table[:, :6] == _NO_TRANSFORM[:6], axis=1)


def _cos_sin(degrees, exact):
    """Cosine and sine; if `exact`, exactly -1, 0 or 1 at right angles."""
    radians = np.deg2rad(degrees)
    values = np.cos(radians), np.sin(radians)
    if not exact:
        return values
    right = degrees % 90 == 0
    return [np.where(right, np.round(x), x) for x in values]


def _stack(count, elements):
    """So many 3x3 matrices, (n, 3, 3), of numbers and of arrays (n,)."""
    matrices = np.empty((3, 3, count))
    for row, values in zip(matrices, elements, strict=True):
        for element, value in zip(row, values, strict=True):
            element[:] = value
    return np.moveaxis(matrices, -1, 0)


def recentred(matrix, x, y, half_pixel=-0.5):
    """Conjugate 3x3 matrices (..., 3, 3) by the shift to the centre of an image of extent `x` by `y` pixels."""
    x, y = float(x) / 2 + half_pixel, float(y) / 2 + half_pixel
    to_centre = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    from_centre = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    return to_centre @ matrix @ from_centre


def affine_matrices(table, height, width, axes=Axes.LEGACY, swap_axes=True):
    """The matrices of a table of transformations: rotation, then shift, shear and zoom, about the centre.

    Convention:
        Output to input: pixel (row, column) of the result is read at `m[:, :2] @ (row, column) + m[:, 2]`. Pixel
        centres lie on integers. `theta` and `shear` are degrees; `tx` and `ty` pixels, along columns and rows; `zx` and
        `zy` factors of the coordinates, so 2 shows twice as much of the image at half the size.

    Args:
        table: float64 array (n, >= 6) with the columns theta, tx, ty, shear, zx, zy.
        height, width: size of the images in pixels.
        axes: an `Axes`; see the top of this module.
        swap_axes: whether rows come before columns in the image array, as they always do in a generator.

    Returns:
        float64 array (n, 2, 3), with the bits of the legacy code, except for right angles with `Axes.RIGHT`.
    """
    theta, tx, ty, shear, zx, zy = np.asarray(table, dtype="float64")[:, :6].T
    right, archived = axes is Axes.RIGHT, axes is Axes.ARCHIVED
    extent = (width, height) if right else (height, width)
    cos, sin = _cos_sin(theta, exact=right)
    count = len(theta)
    matrix = _stack(count, [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    matrix = matrix @ _stack(count, [[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    cos, sin = _cos_sin(shear, exact=right)
    matrix = matrix @ _stack(count, [[1, -sin, 0], [0, cos, 0], [0, 0, 1]])
    matrix = matrix @ _stack(count, [[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    matrix = recentred(matrix, *extent, half_pixel=0.5 if archived else -0.5)
    if swap_axes and not archived:
        matrix = matrix[:, [1, 0, 2]][:, :, [1, 0, 2]]
    return np.ascontiguousarray(matrix[:, :2])
