"""An `Augmentation` of one image in NumPy and SciPy alone, for processes that load no backend of Keras."""

import numpy as np
import scipy.ndimage
from scipy.sparse import csr_array


def augmented(augmentation, image, row, statistics):
    """What the augmentation makes of one image.

    Args:
        augmentation: an `Augmentation`, whose `preprocess`, if there is one, is a function of arrays.
        image: array of rank 3 in its `input_format`, uint8 or float. It is not changed.
        row: `Rows` of one row: a matrix (2, 3) and numbers.
        statistics: `Statistics`.

    Returns:
        Array of rank 3 in its `data_format` and `output_dtype`, of its own.
    """
    a = augmentation
    x = image.transpose(1, 2, 0) if a.input_format == "channels_first" else image
    moved = a.warp and not np.array_equal(row.matrix, np.eye(2, 3))
    x = warped(x, row.matrix, a.order, a.fill_mode, a.fill_value, a.dtype) if moved else x.astype(a.dtype)
    if a.flip and row.flip_vertical:
        x = x[::-1]
    if a.flip and row.flip_horizontal:
        x = x[:, ::-1]
    if a.channel_shift and not np.isnan(row.channel_shift):
        x = np.clip(x + np.asarray(row.channel_shift, x.dtype), x.min(), x.max())
    if a.brightness and not np.isnan(row.brightness):
        x = _brightened(x, row.brightness)
    if a.data_format == "channels_first":
        x = x.transpose(2, 0, 1)
    x = np.ascontiguousarray(x)
    if a.preprocess is not None:
        x = np.asarray(a.preprocess(x)).astype(a.dtype, copy=False)
    return _cast(_standardized(x, a, statistics), a.output_dtype)


def warped(image, matrix, order, fill_mode, fill_value, dtype):
    """One image, (height, width, channels), through `scipy.ndimage.affine_transform`, in `dtype`.

    Up to order 1 by one product with a sparse matrix of the weights, three times as fast, to the bit in float32.
    """
    if order > 1 or dtype != "float32":
        image = image.astype(dtype)
        options = {"order": order, "mode": fill_mode, "cval": fill_value}
        channels = [
            scipy.ndimage.affine_transform(channel, matrix[:, :2], matrix[:, 2], **options)
            for channel in np.moveaxis(image, -1, 0)
        ]
        return np.stack(channels, axis=-1)
    height, width, channels = image.shape
    sides = []
    for equation, length in zip(matrix, (height, width), strict=True):
        along_rows = equation[2] + np.arange(height) * equation[0]
        coordinate = (along_rows[:, None] + (np.arange(width) * equation[1])[None]).ravel()
        sides.append((*_places(coordinate, length, order, fill_mode), (coordinate >= 0) & (coordinate <= length - 1)))
    (top, bottom, below, inside), (left, right, beside, within) = sides
    pixels = image.reshape(-1, channels)
    if order == 0:
        result = pixels[top * np.int32(width) + left].astype(dtype)
    else:
        index, weight = np.empty((len(top), 4), "int32"), np.empty((len(top), 4))
        top, bottom = top * np.int32(width), bottom * np.int32(width)
        for k, (row, of_row) in enumerate(((top, 1 - below), (bottom, below))):
            np.add(row, left, out=index[:, 2 * k])
            np.add(row, right, out=index[:, 2 * k + 1])
            np.multiply(of_row, 1 - beside, out=weight[:, 2 * k])
            np.multiply(of_row, beside, out=weight[:, 2 * k + 1])
        starts = np.arange(0, index.size + 1, 4, dtype="int32")
        weights = csr_array((weight.ravel(), index.ravel(), starts), shape=(len(top), len(pixels)))
        result = (weights @ pixels.astype("float64")).astype(dtype)
    if fill_mode == "constant":
        result[~(inside & within)] = fill_value
    return result.reshape(image.shape)


def _places(coordinate, length, order, fill_mode):
    """The two pixels along an axis, int32, between which a coordinate is read, and how far behind the first."""
    last = length - 1
    if fill_mode == "reflect":
        coordinate = _reflected(coordinate, length)
    elif fill_mode == "wrap" and last:
        turns = np.floor(np.abs(coordinate) / last)
        above = np.where(coordinate > last, coordinate - last * turns, coordinate)
        coordinate = np.where(coordinate < 0, coordinate + last * (turns + 1), above)
    elif fill_mode == "wrap":
        coordinate = 0 * coordinate
    else:
        coordinate = np.clip(coordinate, 0, last)
    if order == 0:
        start = np.clip(np.floor(coordinate + 0.5), 0, last).astype("int32")
        return start, start, None
    start = np.floor(coordinate)
    behind = coordinate - start
    start = start.astype("int32")
    return np.clip(start, 0, last), np.clip(start + 1, 0, last), behind


def _reflected(coordinate, length):
    """Where SciPy's "reflect" reads a coordinate: inside, or up to half a pixel outside."""
    if length == 1:
        return 0 * coordinate
    period = 2 * length
    turns = np.floor(np.abs(coordinate) / period)
    above = coordinate - period * turns
    above = np.where(above >= length, period - above - 1, above)
    below = np.where(coordinate < -period, coordinate + period * turns, coordinate)
    folded = np.where(below > -1e-15, 1e-15, -below) - 1
    below = np.where(below < -length, below + period, folded)
    return np.where(coordinate < 0, below, above)


def _brightened(x, factor):
    """`layers.kernels.adjust_brightness_8bit` of one image."""
    values = x.astype("float32")
    low, high = values.min(), values.max()
    stretched, extent = low < 0 or high > 255, high - low
    grey = np.floor((values - low) / (extent if extent else np.float32(1)) * np.float32(255) if stretched else values)
    adjusted = np.floor(np.clip(grey * np.float32(factor), 0, 255))
    if x.shape[-1] == 4:
        adjusted[..., 3] = grey[..., 3]
    return (adjusted / np.float32(255) * extent + low if stretched else adjusted).astype(x.dtype)


def _standardized(x, augmentation, statistics):
    """`ImageTransformations.standardize`, behind its `preprocessing_function`."""
    if augmentation.rescale:
        x = x * np.asarray(augmentation.rescale, x.dtype)
    if augmentation.samplewise_center:
        x = x - np.mean(x, keepdims=True)
    if augmentation.samplewise_std:
        x = x / (np.std(x, keepdims=True) + np.asarray(1e-6, x.dtype))
    mean, std, whitening = (None if 0 in array.shape else array for array in statistics)
    if mean is not None:
        x = x - mean
    if std is not None:
        x = x / (std + np.asarray(1e-6, std.dtype))
    return x if whitening is None else np.reshape(x.reshape(1, -1) @ whitening, x.shape)


def _cast(x, dtype):
    """In another dtype: to integers, values are rounded, halves away from zero, and clipped."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu" and x.dtype.kind == "f":
        limits = np.iinfo(dtype)
        highest = x.dtype.type(limits.max)  # which may be beyond it, as 2**31 in float32
        highest = np.nextafter(highest, x.dtype.type(0)) if int(highest) > limits.max else highest
        x = np.clip(np.where(x > 0, np.floor(x + 0.5), -np.floor(0.5 - x)), limits.min, highest)
    return np.array(x, dtype)
