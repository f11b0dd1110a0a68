"""Spline interpolation of order 0 to 5: weights around a coordinate, and coefficients of an image.

Source: Unser, Aldroubi, Eden, "B-spline signal processing", IEEE Transactions on Signal Processing 41 (1993), in the
boundary conditions of `scipy.ndimage`.
"""

from functools import lru_cache

import numpy as np

from .boundary import INDEX_RULE, map_index

ORDERS = (0, 1, 2, 3, 4, 5)
NEAREST_PADDING = 12  # SciPy has no spline boundary condition for `nearest`: it repeats the edge this far instead


def padding(order, fill_mode):
    """The pixels by which the coefficients of an image reach over each of its edges."""
    return NEAREST_PADDING if order > 1 and fill_mode == "nearest" else 0


def spline_weights(fraction, order):
    """The values at `fraction`, in [0, 1), of the order + 1 B-splines that are not zero there, by the Cox-de Boor
    recursion."""
    weights = [1.0]
    for degree in range(1, order + 1):
        rising = [0.0] + [(fraction + (degree - k)) * weights[k - 1] for k in range(1, degree + 1)]
        falling = [((k + 1) - fraction) * weights[k] for k in range(degree)] + [0.0]
        weights = [(up + down) / degree for up, down in zip(rising, falling, strict=True)]
    # They add up to 1. Like SciPy, take the last one as 1 minus the others: it differs from `fraction` in the last bit.
    if order > 0:
        weights[-1] = 1.0
        for weight in weights[:-1]:
            weights[-1] = weights[-1] - weight
    return weights


def knot(coordinate, order, ops):
    """The lower end of the interval between spline knots that holds `coordinate`, and the fraction within it."""
    position = coordinate if order % 2 else coordinate + 0.5
    start = ops.floor(position)
    return start, position - start


def prefilter_matrix(length, order, fill_mode, ops):
    """The matrix that takes the pixels along an axis to spline coefficients: (length + 2 * padding, length), float64.

    It inverts "weigh the coefficients around each pixel": the linear system that SciPy solves by recursive filters.
    """
    pad = padding(order, fill_mode)
    size = length + 2 * pad
    rule = "reflect" if fill_mode == "nearest" else INDEX_RULE[fill_mode]
    pixels, unit = ops.arange(size), ops.eye(size, dtype="float64")
    collocation = 0.0
    for k, weight in enumerate(spline_weights(0.0 if order % 2 else 0.5, order)):
        index = map_index(pixels - order // 2 + k, size, rule, order, ops)
        collocation = collocation + weight * ops.take(unit, index, axis=0)
    repeat_edges = ops.take(ops.eye(length, dtype="float64"), ops.clip(pixels - pad, 0, length - 1), axis=0)
    return ops.linalg.solve(collocation, repeat_edges)


cached_prefilter_matrix = lru_cache(maxsize=64)(prefilter_matrix)


def spline_coefficients(images, order, fill_mode, ops):
    """The coefficients, (batch, height + 2 * padding, width + 2 * padding, channels), of the splines through the
    pixels of floating-point images."""
    _, height, width, channels = ops.shape(images)

    def prefilter(length):
        if isinstance(length, int):
            matrix = ops.convert_to_tensor(cached_prefilter_matrix(length, order, fill_mode, np))
        else:
            matrix = prefilter_matrix(length, order, fill_mode, ops)
        return ops.cast(matrix, images.dtype)

    rows, columns = prefilter(height), prefilter(width)
    rows_done = ops.matmul(rows, ops.reshape(images, (-1, height, width * channels)))
    rows_done = ops.reshape(rows_done, (-1, ops.shape(rows)[0], width, channels))
    # The columns as one tall product: batches of products with three columns each would be many times slower.
    flat = ops.reshape(ops.transpose(rows_done, (0, 1, 3, 2)), (-1, width))
    both_done = ops.matmul(flat, ops.transpose(columns))
    both_done = ops.reshape(both_done, (-1, ops.shape(rows)[0], channels, ops.shape(columns)[0]))
    return ops.transpose(both_done, (0, 1, 3, 2))
