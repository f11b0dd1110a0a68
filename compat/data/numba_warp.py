"""The warp up to order 1 by a core of a CPU, image by image: compiled by Numba, without Python's lock.

Equals `layers.kernels.warp_affine` with a float64 matrix, then `standardize(rescale=)` and `cast`. Each row of a result
is made in short loops over the whole row, which LLVM turns into vector instructions, but for the gather between them:
half the time of the same warp by XLA. Compiled once per machine: the code is kept beside Python's own, or in the user's
cache.

It needs `numba`, and nothing of this package.
"""

import numba
import numba.core.config
import numpy as np

MAY_COMPILE = not numba.core.config.DISABLE_JIT
"""Whether the environment lets Numba compile. Otherwise all of this would run as Python."""
_CONSTANT, _REFLECT = 1, 2  # their places in `image_kernel.FILL_MODES`

_BYTE = np.int32(255)
_BLOCK = 256
"""About how many pixels are worked on at a time: what is known of them stays in the first cache."""


def _inner(function):
    return numba.njit(function, nogil=True, error_model="numpy")


@_inner
def _mapped(coordinate, length, reflects):
    """`layers.kernels.boundary.map_coordinate` of one coordinate, by "reflect" or "wrap"."""
    if length == 1:
        return 0.0
    period = 2.0 * length if reflects else length - 1.0
    turns = np.floor(abs(coordinate) / period)
    if not reflects:
        if coordinate < 0:
            return coordinate + period * (turns + 1)
        return coordinate - period * turns if coordinate > length - 1 else coordinate
    if coordinate >= 0:
        above = coordinate - period * turns
        return period - above - 1 if above >= length else above
    below = coordinate + period * turns if coordinate < -period else coordinate
    if below < -length:
        return below + period
    return (1e-15 if below > -1e-15 else -below) - 1


@_inner
def _read_at(equation, height, top, upside_down, mirrored, length, fill_mode, coordinates, inside):
    """Where rows of the output are read along an axis of `length` pixels: float64 `coordinates` (rows, width), written.

    `inside`, float64 (rows, width), becomes 0 where "constant" fills. Returns whether all lies inside.
    """
    rows, width = coordinates.shape
    last, whole, along = length - 1.0, True, equation[1]
    for i in range(rows):
        row = height - 1.0 - (top + i) if upside_down else np.float64(top + i)
        start = equation[2] + row * equation[0]
        if mirrored:
            for k in range(width):
                coordinates[i, k] = start + (width - 1.0 - k) * along
        else:
            for k in range(width):
                coordinates[i, k] = start + k * along
        ends = coordinates[i, 0], coordinates[i, width - 1]
        if min(ends) >= 0 and max(ends) <= last:
            continue
        whole = False
        if fill_mode == _CONSTANT:
            for k in range(width):
                if not 0 <= coordinates[i, k] <= last:
                    inside[i, k] = 0.0
        elif fill_mode:
            for k in range(width):
                coordinates[i, k] = _mapped(coordinates[i, k], length, fill_mode == _REFLECT)
    return whole


@_inner
def _clamped(coordinate, last):
    """Between 0 and `last`. NaN is 0: whatever the matrix, no index is out of bounds."""
    coordinate = coordinate if coordinate > 0.0 else 0.0
    return coordinate if coordinate < last else last


@_inner
def _neighbours(y, x, height, width, order, at, weights):
    """The pixels around coordinates: places, uint32 (4, size), and weights, float64 (4, size).

    The nearest pixel is the first of the four.
    """
    bottom, right, across = np.int32(height - 1), np.int32(width - 1), np.int32(width)
    a, b, c, d = at[0], at[1], at[2], at[3]
    if order == 0:
        for k in range(len(x)):
            i, j = np.int32(_clamped(y[k], height - 1.0) + 0.5), np.int32(_clamped(x[k], width - 1.0) + 0.5)
            a[k] = i * across + j
        return
    t, u, v, w = weights[0], weights[1], weights[2], weights[3]
    for k in range(len(x)):
        row, column = _clamped(y[k], height - 1.0), _clamped(x[k], width - 1.0)
        i, j = np.int32(row), np.int32(column)
        down, forth = row - i, column - j
        place = i * across + j
        below, beside = across if i < bottom else np.int32(0), np.int32(1) if j < right else np.int32(0)
        a[k], b[k], c[k], d[k] = place, place + beside, place + below, place + below + beside
        t[k], u[k] = (1 - down) * (1 - forth), (1 - down) * forth
        v[k], w[k] = down * (1 - forth), down * forth


@_inner
def _pack(pixels, words):
    """The first three channels, one byte each, as words: int32 (height * width,), written."""
    for k in range(len(words)):
        red, green, blue = np.int32(pixels[k, 0]), np.int32(pixels[k, 1]), np.int32(pixels[k, 2])
        words[k] = red | green << np.int32(8) | blue << np.int32(16)


@_inner
def _blend_words(words, at, weights, order, read, row):
    """Pixels of three channels, float32 (3, size), written; `read` is room, int32 (4, size)."""
    size = row.shape[1]
    p, q, r, s = read[0], read[1], read[2], read[3]
    a, b, c, d = at[0], at[1], at[2], at[3]
    t, u, v, w = weights[0], weights[1], weights[2], weights[3]
    for k in range(size):
        p[k] = words[a[k]]
    if order:
        for k in range(size):
            q[k], r[k], s[k] = words[b[k]], words[c[k]], words[d[k]]
    for channel in range(3):
        by, values = np.int32(8 * channel), row[channel]
        if order == 0:
            for k in range(size):
                values[k] = p[k] >> by & _BYTE
        else:
            for k in range(size):
                values[k] = (
                    (p[k] >> by & _BYTE) * t[k]
                    + (q[k] >> by & _BYTE) * u[k]
                    + (r[k] >> by & _BYTE) * v[k]
                    + (s[k] >> by & _BYTE) * w[k]
                )


@_inner
def _blend(values, at, weights, order, read, row):
    """Pixels of any channels, float32 (channels, size), written; `read` is room, float32 (4, size)."""
    channels, size = np.uint64(row.shape[0]), row.shape[1]
    p, q, r, s = read[0], read[1], read[2], read[3]
    a, b, c, d = at[0], at[1], at[2], at[3]
    t, u, v, w = weights[0], weights[1], weights[2], weights[3]
    for channel in range(channels):
        blended, on = row[channel], np.uint64(channel)
        if order == 0:
            for k in range(size):
                blended[k] = values[a[k] * channels + on]
        else:
            for k in range(size):
                p[k], q[k] = values[a[k] * channels + on], values[b[k] * channels + on]
                r[k], s[k] = values[c[k] * channels + on], values[d[k] * channels + on]
            for k in range(size):
                blended[k] = p[k] * t[k] + q[k] * u[k] + r[k] * v[k] + s[k] * w[k]


@_inner
def _write(row, scale, to_bytes, result):
    """A row, float32 (channels, size), scaled, and if `to_bytes` rounded and clipped, to (size, channels)."""
    channels, size = row.shape
    if to_bytes:
        for c in range(channels):
            for k in range(size):
                value = row[c, k] * scale
                # Halves away from zero; as a sum in float32, as `layers.kernels.cast` has it.
                row[c, k] = min(max(np.floor(value + np.float32(0.5)), np.float32(0)), np.float32(255))
        scale = np.float32(1)
    if channels == 3:
        red, green, blue = row[0], row[1], row[2]
        for k in range(size):
            result[k, 0], result[k, 1], result[k, 2] = red[k] * scale, green[k] * scale, blue[k] * scale
    else:
        for k in range(size):
            for c in range(channels):
                result[k, c] = row[c, k] * scale


def _warp(images, matrix, flip_vertical, flip_horizontal, order, fill_mode, fill_value, scale, in_bytes, results):
    """Warp, flip and scale each image.

    Args:
        images: (n, height, width, channels), uint8 or float32, contiguous.
        matrix: float64 (n, 2, 3), output pixel to input pixel.
        flip_vertical, flip_horizontal: bool (n,).
        order: 0 or 1.
        fill_mode: 0 nearest, 1 constant, 2 reflect, 3 wrap.
        fill_value: float32, for "constant".
        scale: float32, what to multiply by.
        in_bytes: whether the images are uint8, the results are uint8.
        results: as the images, float32 or uint8: written.
    """
    count, height, width, channels = images.shape
    packs = in_bytes[0] and channels == 3
    block = max(1, _BLOCK // width)
    words = np.empty(height * width if packs else 0, np.int32)
    at, weights = np.zeros((4, block * width), np.uint32), np.zeros((4, block * width), np.float64)
    y, x, inside = np.empty((block, width)), np.empty((block, width)), np.ones((block, width))
    ints, floats = np.empty((4, block * width), np.int32), np.empty((4, block * width), np.float32)
    room = np.empty(channels * block * width, np.float32)
    for n in range(count):
        result = results[n].reshape(height * width, channels)
        turned = flip_vertical[n], flip_horizontal[n]
        if packs:
            _pack(images[n].reshape(height * width, channels), words)
        for top in range(0, height, block):
            rows = min(block, height - top)
            size = rows * width
            whole = _read_at(matrix[n, 0], height, top, *turned, height, fill_mode, y[:rows], inside)
            whole &= _read_at(matrix[n, 1], height, top, *turned, width, fill_mode, x[:rows], inside)
            pixels = room[: channels * size].reshape(channels, size)
            _neighbours(y.ravel()[:size], x.ravel()[:size], height, width, order, at, weights)
            if packs:
                _blend_words(words, at, weights, order, ints, pixels)
            else:
                _blend(images[n].reshape(-1), at, weights, order, floats, pixels)
            if not whole and fill_mode == _CONSTANT:
                for k in range(size):
                    if inside.ravel()[k] == 0.0:
                        pixels[:, k] = fill_value
                inside[:] = 1.0
            _write(pixels, scale, in_bytes[1], result[top * width : top * width + size])


def compiled(images, results):
    """`_warp` for the dtypes of images and results: names. Compiles, or reads what was compiled, when it is called."""
    types, numbers = numba.types, numba.from_dtype
    boolean = types.Array(types.boolean, 1, "C", readonly=True)
    signature = types.void(
        types.Array(numbers(np.dtype(images)), 4, "C", readonly=True),
        types.Array(types.float64, 3, "C", readonly=True),
        *(boolean, boolean),
        *(types.int64, types.int64, types.float32, types.float32),
        types.UniTuple(types.boolean, 2),
        types.Array(numbers(np.dtype(results)), 4, "C"),
    )
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(signature, cache=True, **options)(_warp)
    except RuntimeError:  # nowhere to keep it
        return numba.njit(signature, **options)(_warp)
