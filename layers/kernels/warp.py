"""Geometry of images: the affine warp and the flip."""

from .arithmetic import cast, constant, image_shape, namespace, rounded
from .boundary import FILL_MODES, INDEX_RULE, map_coordinate, map_index
from .spline import ORDERS, knot, padding, spline_coefficients, spline_weights


def warp_affine(
    images,
    matrix,
    *,
    order=1,
    fill_mode="nearest",
    fill_value=0.0,
    flip_vertical=None,
    flip_horizontal=None,
    dtype="float32",
    ops=None,
):
    """Resample each image along its own affine map.

    Equals `scipy.ndimage.affine_transform(image[..., c], matrix[:, :2], matrix[:, 2], order=order, mode=fill_mode,
    cval=fill_value)` of each channel, in `dtype`. With a float64 matrix and float32 results: to the last bit up to
    order 1, except for one pixel in millions that is one ulp away; above, within one ulp of the image's largest value.

    Convention:
        The matrix maps *output* pixels to *input* pixels: input = matrix[:, :2] @ (row, column) + matrix[:, 2].
        Coordinates are (row, column), in pixels, counted from the centre of the first pixel: the centre of an
        image is ((height - 1) / 2, (width - 1) / 2). A flip mirrors the warped image.

    Args:
        images: (batch, height, width, channels), uint8 or floating point; fewer than 2**31 pixels in all. In a
            TensorFlow graph height and width, here and in the other kernels, may be unknown.
        matrix: (batch, 2, 3), floating point. Its dtype is the precision of the computation. `keras.ops` keeps
            float64 on the TensorFlow backend only.
        order: order of the spline, 0 (the nearest pixel) to 5. From 2 on, mind that TensorFlow multiplies float32
            matrices in TF32 on NVIDIA GPUs unless told not to.
        fill_mode: what lies outside the image, as SciPy defines it. "nearest": a a | a b c d | d d. "reflect":
            b a | a b c d | d c. "wrap": b c | a b c d | b c, the ends identified, a period of length - 1. "constant":
            `fill_value` at every coordinate below 0 or above length - 1, not blended with the edge (of finite images:
            a NaN or infinity there spreads outside).
        fill_value: number, the value outside under "constant".
        flip_vertical: None or boolean (batch,), images to turn upside down.
        flip_horizontal: None or boolean (batch,), images to mirror left to right.
        dtype: name of the results' dtype. To an integer dtype values are rounded and clipped, as SciPy does.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        The warped images, (batch, height, width, channels), in `dtype`.

    Raises:
        ValueError: `order` or `fill_mode` is not one of those above, or `images` or `matrix` has another shape.

    Example:
        >>> one_row_down = np.array([[[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]]])
        >>> warp_affine(np.array([[[[1.0]], [[2.0]], [[3.0]]]]), one_row_down)[0, :, 0, 0]  # 1, 1, 2

    Source: the sums of `scipy/ndimage/src/ni_interpolation.c`, in the same order, as gathers of whole pixels.
    """
    if order not in ORDERS:
        raise ValueError(f"`order` must be one of {ORDERS}. Received: order={order!r}")
    if fill_mode not in FILL_MODES:
        raise ValueError(f"`fill_mode` must be one of {FILL_MODES}. Received: fill_mode={fill_mode!r}")
    ops = namespace(ops)
    images, matrix = ops.convert_to_tensor(images), ops.convert_to_tensor(matrix)
    height, width, _ = image_shape(images, ops)
    if len(matrix.shape) != 3 or tuple(matrix.shape[1:]) != (2, 3):
        raise ValueError(f"`matrix` must have shape (batch, 2, 3). Received: shape {tuple(matrix.shape)}")

    row = _output_index(height, flip_vertical, matrix.dtype, ops)
    column = _output_index(width, flip_horizontal, matrix.dtype, ops)
    coordinates = [_input_coordinate(matrix[:, axis], row, column, ops) for axis in (0, 1)]
    if order > 1:
        images = spline_coefficients(ops.cast(images, matrix.dtype), order, fill_mode, ops)
    # A backend without a compiler brings its own sampling, in the precisions whose promise it keeps.
    native = order == 1 and any(name in str(matrix.dtype) for name in getattr(ops, "interpolates", ()))
    interpolate = _interpolate_natively if native else _interpolate
    warped = interpolate(images, coordinates, order, (fill_mode, fill_value), dtype, ops)
    return cast(warped, dtype, ops=ops)


def flip(images, flip_vertical, flip_horizontal, *, ops=None):
    """Mirror some images of a batch.

    Equals `image[::-1]` where `flip_vertical` is true, then `image[:, ::-1]` where `flip_horizontal` is.

    Convention:
        A vertical flip turns the image upside down (rows), a horizontal flip swaps left and right (columns).

    Args:
        images: (batch, height, width, channels), any dtype.
        flip_vertical: None or boolean (batch,).
        flip_horizontal: None or boolean (batch,).
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        The images, mirrored or not, in their shape and dtype.

    Raises:
        ValueError: `images` has another shape.

    Example:
        >>> flip(np.array([[[[1.0], [2.0]]]]), [False], [True])[0, 0, :, 0]  # 2, 1

    Source: the definition.
    """
    ops = namespace(ops)
    images = ops.convert_to_tensor(images)
    image_shape(images, ops)
    for axis, flipped in ((1, flip_vertical), (2, flip_horizontal)):
        if flipped is not None:
            chosen = ops.reshape(ops.cast(flipped, "bool"), (-1, 1, 1, 1))
            images = ops.where(chosen, ops.flip(images, axis=axis), images)
    return images


def _output_index(length, flipped, dtype, ops):
    """Indices along an output axis, (1 or batch, length): backwards in flipped images, so that a flip costs nothing."""
    index = ops.cast(ops.arange(length), dtype)[None]
    if flipped is None:
        return index
    return ops.where(ops.reshape(ops.cast(flipped, "bool"), (-1, 1)), ops.cast(length - 1, dtype) - index, index)


def _input_coordinate(equation, row, column, ops):
    """One input coordinate of every output pixel, (batch, height, width), from a (batch, 3) row of the matrix."""
    # The products are rounded before they are added, as in SciPy: an ulp decides which pixel order 0 takes, and
    # whether a coordinate on the edge is inside.
    along_rows = equation[:, 2:] + rounded(row * equation[:, :1], ops)
    return along_rows[:, :, None] + rounded(column * equation[:, 1:2], ops)[:, None, :]


def _interpolate(pixels, coordinates, order, fill, target, ops):
    """The spline with the coefficients `pixels` at the coordinates, in the dtype of the coordinates.

    Integers that stay integers at order 0 are the exception: they are copied bit by bit.
    """
    fill_mode, fill_value = fill
    batch, height, width, channels = ops.shape(pixels)
    dtype = coordinates[0].dtype
    pad = padding(order, fill_mode)
    indices, weights, inside = [], [], []
    for coordinate, length in zip(coordinates, (height, width), strict=True):
        last = ops.cast(length - 1, dtype)
        mapped = map_coordinate(coordinate + pad if pad else coordinate, length, fill_mode, ops)
        if fill_mode == "nearest" and order < 2:
            mapped = ops.clip(mapped, 0, last)
        start, fraction = knot(mapped, order, ops)
        if order < 2 and fill_mode != "reflect":  # mapped inside: only the last pixel's neighbour is not, of weight 0
            start = ops.cast(start, "int32")
            indices.append([start, ops.minimum(start + 1, length - 1)][: order + 1])
        else:
            # Beyond `order` pixels outside every index is mapped to the same edge, and a far one would overflow.
            start = ops.cast(ops.clip(start, -order, last + order), "int32") - order // 2
            rule = INDEX_RULE[fill_mode]
            indices.append([map_index(start + k, length, rule, order + 1, ops) for k in range(order + 1)])
        inside.append((coordinate >= 0) & (coordinate <= last))
        weights.append([ops.cast(weight, dtype) for weight in spline_weights(fraction, order)])
        if fill_mode == "constant":
            # By weights of zero and a sum, as choosing between results would keep XLA from vectorizing: half the speed.
            weights[-1] = [ops.where(inside[-1], weight, 0.0) for weight in weights[-1]]

    first_row = ops.reshape(ops.arange(batch, dtype="int32") * height, (-1, 1, 1))
    flat = ops.reshape(pixels, (-1, channels))
    if order == 0 and "int" in target and target in str(pixels.dtype):
        copied = ops.take(flat, (first_row + indices[0][0]) * width + indices[1][0], axis=0)
        within = (inside[0] & inside[1])[..., None]
        return ops.where(within, copied, constant(fill_value, pixels.dtype, ops)) if fill_mode == "constant" else copied
    terms = []
    for y, weight_y in zip(indices[0], weights[0], strict=True):
        for x, weight_x in zip(indices[1], weights[1], strict=True):
            # Whole pixels, in the images' own dtype: one fusion for XLA, the fewest bytes to gather.
            neighbour = ops.cast(ops.take(flat, (first_row + y) * width + x, axis=0), dtype)
            # Not the shorter lerp form a + t * (b - a), which loses the last bits where the values cancel.
            term = neighbour * weight_y[..., None] * weight_x[..., None]
            # Added up in one rounding with the product, its last bit would show in float64, and there alone.
            terms.append(rounded(term, ops) if target == "float64" else term)
    if fill_mode == "constant":
        terms.append(ops.where(~(inside[0] & inside[1]), constant(fill_value, dtype, ops), 0.0)[..., None])
    return sum(terms[1:], terms[0])


def _interpolate_natively(images, coordinates, order, fill, target, ops):
    """What `_interpolate` does at order 1, by the backend's bilinear sampling, which clamps coordinates to the edge."""
    fill_mode, fill_value = fill
    lengths = images.shape[1:3]
    mapped = [map_coordinate(c, length, fill_mode, ops) for c, length in zip(coordinates, lengths, strict=True)]
    sampled = ops.interpolate_bilinear(images, *mapped)
    if fill_mode == "constant":
        within = [(c >= 0) & (c <= length - 1) for c, length in zip(coordinates, lengths, strict=True)]
        sampled = ops.where((within[0] & within[1])[..., None], sampled, fill_value)
    return sampled
