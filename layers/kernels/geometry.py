"""Affine maps as matrices, and what they do to boxes."""

import functools
import math

from .arithmetic import namespace


def affine_matrix(theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical, height, width, *, ops=None):
    """The matrices of a table of transformations: rotation, shift, shear, zoom and flip about the centre of the image.

    Equals `rotation @ shift @ shear @ zoom @ flip` in homogeneous coordinates (x, y), conjugated by the shift to the
    centre, with the rows and columns of x and y exchanged, because images are indexed (row, column).

    Convention:
        The matrices map *output* pixels (row, column) to *input* pixels; pixel centres lie on integers, the centre is
        ((height - 1) / 2, (width - 1) / 2). Angles are degrees, in which right angles are exact, and so are their
        sines: a quarter turn copies pixels. A positive theta turns the picture counter-clockwise (rows count
        downwards), a positive tx moves it to the left and a positive ty upwards, zx or zy above 1 shows more of it,
        smaller. A flip mirrors the result of the others.

    Args:
        theta, tx, ty, shear, zx, zy: (batch,), of one floating dtype, which is that of the result; theta and shear in
            degrees, tx and ty in pixels.
        flip_horizontal, flip_vertical: boolean (batch,).
        height, width: size of the images in pixels, numbers or scalars of the same dtype.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        (batch, 2, 3).

    Source: the definition; the factors are those of the legacy `apply_affine_transform` of Keras.
    """
    ops = namespace(ops)
    zx, zy = ops.where(flip_horizontal, -zx, zx), ops.where(flip_vertical, -zy, zy)
    cos, sin = _cos_sin(theta, ops)
    xx, yx = cos * zx, sin * zx
    # A shear of the y axis by an angle is a rotation of it.
    sheared_cos, sheared_sin = _cos_sin(theta + shear, ops)
    xy, yy = -sheared_sin * zy, sheared_cos * zy
    x, y = (width - 1) / 2, (height - 1) / 2
    x_offset = x - (xx * x + xy * y) + (cos * tx - sin * ty)
    y_offset = y - (yx * x + yy * y) + (sin * tx + cos * ty)
    return ops.stack([ops.stack([yy, yx, y_offset], axis=-1), ops.stack([xy, xx, x_offset], axis=-1)], axis=-2)


def _cos_sin(degrees, ops):
    """Cosine and sine, exactly -1, 0 or 1 at right angles: an ulp would put an edge of the image outside of it."""
    right = degrees == 90 * ops.floor(degrees / 90 + 0.5)
    radians = degrees * (math.pi / 180)
    return [ops.where(right, ops.floor(x + 0.5), x) for x in (ops.cos(radians), ops.sin(radians))]


def compose(first, second, *, ops=None):
    """The matrix of two warps one after the other: `first`, and then `second` on its result.

    Convention:
        The matrices map output to input, so that the input pixel is first(second(output pixel)).

    Args:
        first, second: (batch, 2, 3), of one dtype.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        (batch, 2, 3).
    """
    ops = namespace(ops)
    # In sums and products, because accelerators multiply matrices in fewer digits.
    columns = [first[:, :, 0] * second[:, 0, k, None] + first[:, :, 1] * second[:, 1, k, None] for k in range(3)]
    columns[2] = columns[2] + first[:, :, 2]
    return ops.stack(columns, axis=-1)


def resize_matrix(matrix, height, width, new_height, new_width, *, ops=None):
    """The matrix of the same warp for images of another size.

    Convention:
        The edges of an image are those of the resized one, so that a pixel of half the size covers two by two: its
        centre lies between theirs.

    Args:
        matrix: (batch, 2, 3), output to input.
        height, width: size of the images that the matrix is for, in pixels, scalars of its dtype.
        new_height, new_width: size of the others.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        (batch, 2, 3); the very same numbers for the same size.
    """
    ops = namespace(ops)
    old, new = (height, width), (new_height, new_width)
    rows = []
    for i in (0, 1):
        scale = new[i] / old[i]
        a, b, offset = (matrix[:, i, k] for k in range(3))
        between = a * ((old[0] - new[0]) / new[0]) + b * ((old[1] - new[1]) / new[1])
        offset = scale * offset + (scale * between + (new[i] - old[i]) / old[i]) / 2
        rows.append(ops.stack([a * (scale * old[0] / new[0]), b * (scale * old[1] / new[1]), offset], axis=-1))
    return ops.stack(rows, axis=1)


def transform_boxes(boxes, matrix, height, width, *, ops=None):
    """The boxes around what `warp_affine` makes of the contents of boxes, cut at the edges of the image.

    Convention:
        Boxes are (left, top, right, bottom) in pixels, measured from the edges of the image, so that (0, 0, width,
        height) is all of it and the centre of the first pixel is (0.5, 0.5).

    Args:
        boxes: (batch, count, 4), the dtype of the matrix.
        matrix: (batch, 2, 3), output to input, as for `warp_affine`; invertible.
        height, width: size of the images in pixels.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        (batch, count, 4): for each box the smallest one that holds its four transformed corners, within the image. A
        box that left the image has an area of zero.

    Source: the definition.
    """
    ops = namespace(ops)
    boxes, matrix = ops.convert_to_tensor(boxes), ops.convert_to_tensor(matrix)
    a, b, row_offset = (matrix[:, 0, k, None] for k in range(3))
    c, d, column_offset = (matrix[:, 1, k, None] for k in range(3))
    left, top, right, bottom = (boxes[..., k] - 0.5 for k in range(4))
    corners = [(y - row_offset, x - column_offset) for y in (top, bottom) for x in (left, right)]
    determinant = a * d - b * c
    rows = [(d * row - b * column) / determinant + 0.5 for row, column in corners]
    columns = [(a * column - c * row) / determinant + 0.5 for row, column in corners]
    # In pairs, because Keras has no extremes of a tensor without elements, as when there are no boxes.
    return ops.stack(
        [
            ops.clip(functools.reduce(extreme, values), 0, limit)
            for extreme, values, limit in (
                (ops.minimum, columns, width),
                (ops.minimum, rows, height),
                (ops.maximum, columns, width),
                (ops.maximum, rows, height),
            )
        ],
        axis=-1,
    )


BOX_FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
)  # fmt: skip
"""The formats of Keras: corners; corner and size; centre and size; "rel_" are fractions of the size of the image."""
_ROWS_FIRST = ("yxyx", "center_yxhw")


def boxes_to_xyxy(boxes, box_format, height, width, *, ops=None):
    """Boxes (..., 4) in one of `BOX_FORMATS` as (left, top, right, bottom) in pixels."""
    ops = namespace(ops)
    name = box_format.removeprefix("rel_")
    first, second, third, fourth = (boxes[..., k] for k in range(4))
    x, y, right, bottom = (second, first, fourth, third) if name in _ROWS_FIRST else (first, second, third, fourth)
    if "h" in name:  # the last two are sizes
        x, y = (x - right / 2, y - bottom / 2) if name.startswith("center") else (x, y)
        right, bottom = x + right, y + bottom
    if name != box_format:
        x, y, right, bottom = x * width, y * height, right * width, bottom * height
    return ops.stack([x, y, right, bottom], axis=-1)


def boxes_from_xyxy(boxes, box_format, height, width, *, ops=None):
    """Boxes (..., 4) as (left, top, right, bottom) in pixels in one of `BOX_FORMATS`."""
    ops = namespace(ops)
    name = box_format.removeprefix("rel_")
    x, y, right, bottom = (boxes[..., k] for k in range(4))
    if name != box_format:
        x, y, right, bottom = x / width, y / height, right / width, bottom / height
    if "h" in name:
        right, bottom = right - x, bottom - y
        x, y = (x + right / 2, y + bottom / 2) if name.startswith("center") else (x, y)
    return ops.stack([y, x, bottom, right] if name in _ROWS_FIRST else [x, y, right, bottom], axis=-1)
