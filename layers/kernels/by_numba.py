"""Draws and the warp of one image by a core of a CPU: compiled by Numba, without Python's lock.

Equals `kernels.uniform` to the bit, and `kernels.warp_affine` with a float32 matrix up to order 1 as closely as the
backends agree. A row of the result is made in short loops, which LLVM turns into vector instructions. Compiled once per
machine: the code is kept beside Python's own, or in the user's cache.

It needs `numba`, and nothing of this package.
"""

import numba
import numba.core.config
import numpy as np
from numba import types

MAY_COMPILE = not numba.core.config.DISABLE_JIT
"""Whether the environment lets Numba compile. Otherwise all of this would run as Python."""

_CONSTANT, _REFLECT = 1, 2  # their places in `boundary.FILL_MODES`
_WORD = np.uint64(0xFFFFFFFF)
_ROTATIONS = np.array([[13, 15, 26, 6], [17, 29, 16, 24]], "uint64")
_F = np.float32


def _inner(function):
    return numba.njit(function, nogil=True, error_model="numpy")


@_inner
def _threefry(key, counter):
    """`random.threefry` of words in uint64."""
    keys = key[0], key[1], key[0] ^ key[1] ^ np.uint64(0x1BD11BDA)
    first, second = counter[0] + keys[0] & _WORD, counter[1] + keys[1] & _WORD
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            first = first + second & _WORD
            second = first ^ (second << distance & _WORD | second >> np.uint64(32) - distance)
        first = first + keys[(group + 1) % 3] & _WORD
        second = second + keys[(group + 2) % 3] + np.uint64(group + 1) & _WORD
    return first, second


def _uniform(seed, folded, columns):
    """`random.uniform` of the first image of a batch, float32 (columns,); `folded` are the `data` of `fold_in`."""
    key = np.uint64(seed[0]), np.uint64(seed[1])
    for data in folded:
        key = _threefry(key, (np.uint64(data), _WORD))
    numbers = np.empty(len(columns), _F)
    for k in range(len(columns)):
        bits, _ = _threefry(key, (np.uint64(0), np.uint64(columns[k])))
        numbers[k] = _F(bits >> np.uint64(8)) * _F(2.0**-24)
    return numbers


@_inner
def _mapped(coordinate, length, reflects):
    """`boundary.map_coordinate` of one coordinate, by "reflect" or "wrap"."""
    if length == 1:
        return _F(0)
    period = _F(2 * length) if reflects else _F(length - 1)
    turns = np.floor(abs(coordinate) / period)
    if not reflects:
        if coordinate < 0:
            return coordinate + period * (turns + _F(1))
        return coordinate - period * turns if coordinate > _F(length - 1) else coordinate
    if coordinate >= 0:
        above = coordinate - period * turns
        return period - above - _F(1) if above >= _F(length) else above
    below = coordinate + period * turns if coordinate < -period else coordinate
    return below + period if below < -_F(length) else -below - _F(1)


@_inner
def _read_at(start, along, length, fill_mode, coordinates, outside):
    """Where a row of the result is read along an axis, float32 (width,), written; `outside` gets True where it is."""
    last = _F(length - 1)
    for k in range(len(coordinates)):
        coordinates[k] = start + _F(k) * along
    ends = coordinates[0], coordinates[-1]
    if min(ends) >= 0 and max(ends) <= last:
        return
    for k in range(len(coordinates)):
        at = coordinates[k]
        if fill_mode == _CONSTANT:
            outside[k] |= not 0 <= at <= last
        elif fill_mode:
            at = _mapped(at, length, fill_mode == _REFLECT)
        at = at if at > 0 else _F(0)  # and so of NaN: whatever the matrix, nothing is read outside
        coordinates[k] = at if at < last else last


@_inner
def _pairs(pixels, pairs):
    """Each pixel of three bytes and the one behind it as a word: uint64, written."""
    for k in range(len(pixels)):
        red, green, blue = np.uint64(pixels[k, 0]), np.uint64(pixels[k, 1]), np.uint64(pixels[k, 2])
        pairs[k] = red | green << np.uint64(8) | blue << np.uint64(16)
    for k in range(len(pixels) - 1):
        pairs[k] |= pairs[k + 1] << np.uint64(32)


@_inner
def _blend_pairs(pairs, at, down, forth, upper, lower, both, row):
    """A row of bilinear values, float32 (3, width), written, of `_pairs`; `upper`, `lower` and `both` are room.

    Behind the last column and the last row stands something else, but nothing of it counts: `forth` or `down` is 0.
    """
    byte, eight, sixteen, across = np.uint32(255), np.uint32(8), np.uint32(16), np.uint32(len(at))
    for k in range(len(at)):
        upper[k], lower[k] = pairs[at[k]], pairs[at[k] + across]
    above, under = upper.view(np.uint32), lower.view(np.uint32)
    for k in range(len(down)):
        p, q = above[k], under[k]
        r, g, b = _F(np.int32(p & byte)), _F(np.int32(p >> eight & byte)), _F(np.int32(p >> sixteen & byte))
        both[0, k] = r + (_F(np.int32(q & byte)) - r) * down[k]
        both[1, k] = g + (_F(np.int32(q >> eight & byte)) - g) * down[k]
        both[2, k] = b + (_F(np.int32(q >> sixteen & byte)) - b) * down[k]
    for channel in range(3):
        for k in range(len(at)):
            before = both[channel, 2 * k]
            row[channel, k] = before + (both[channel, 2 * k + 1] - before) * forth[k]


@_inner
def _blend(values, at, below, right, down, forth, row):
    """A row of bilinear values, float32 (channels, width), written, of pixels (height * width * channels,)."""
    channels = np.uint32(row.shape[0])
    for channel in range(channels):
        on = np.uint32(channel)
        for k in range(len(at)):
            v, u, beside = down[2 * k], forth[k], right[k] * channels
            a, b = at[k] * channels + on, below[k] * channels + on
            upper = _F(values[a]) * (_F(1) - u) + _F(values[a + beside]) * u
            row[on, k] = upper * (_F(1) - v) + (_F(values[b]) * (_F(1) - u) + _F(values[b + beside]) * u) * v


@_inner
def _write(row, result):
    """A row, float32 (channels, width), to (width, channels)."""
    channels, width = row.shape
    if channels == 3:
        for k in range(width):
            result[k, 0], result[k, 1], result[k, 2] = row[0, k], row[1, k], row[2, k]
    else:
        for k in range(width):
            for channel in range(channels):
                result[k, channel] = row[channel, k]


def _warp(image, matrix, order, fill_mode, fill_value, in_bytes, result):
    """Warp an image.

    Args:
        image: (height, width, channels), uint8 or float32, contiguous.
        matrix: float64 (2, 3), output pixel to input pixel.
        order: 0 or 1.
        fill_mode: its place in `boundary.FILL_MODES`.
        fill_value: float32, for "constant".
        in_bytes: whether the image is uint8.
        result: float32, as the image: written.
    """
    height, width, channels = image.shape
    values, packs = image.reshape(-1), in_bytes and channels == 3 and order == 1
    pairs = np.empty((height + 1) * width if packs else 0, np.uint64)
    if packs:
        _pairs(image.reshape(height * width, channels), pairs)
    y, x, forth, down = np.empty(width, _F), np.empty(width, _F), np.empty(width, _F), np.empty(2 * width, _F)
    at, below, right = np.empty(width, np.uint32), np.empty(width, np.uint32), np.empty(width, np.uint32)
    upper, lower, both = np.empty(width, np.uint64), np.empty(width, np.uint64), np.empty((3, 2 * width), _F)
    row, outside = np.empty((channels, width), _F), np.zeros(width, np.bool_)
    across, last, end = np.int32(width), _F(height - 1), _F(width - 1)
    half = _F(0.5) if order == 0 else _F(0)
    for line in range(height):
        _read_at(_F(matrix[0, 2] + line * matrix[0, 0]), _F(matrix[0, 1]), height, fill_mode, y, outside)
        _read_at(_F(matrix[1, 2] + line * matrix[1, 0]), _F(matrix[1, 1]), width, fill_mode, x, outside)
        for k in range(width):
            i, j = np.int32(y[k] + half), np.int32(x[k] + half)
            at[k] = i * across + j
            down[2 * k] = down[2 * k + 1] = y[k] - _F(i)
            forth[k] = x[k] - _F(j)
        if packs:
            _blend_pairs(pairs, at, down, forth, upper, lower, both, row)
        elif order:
            for k in range(width):
                below[k] = at[k] + (across if y[k] < last else np.int32(0))
                right[k] = np.int32(1) if x[k] < end else np.int32(0)
            _blend(values, at, below, right, down, forth, row)
        else:
            for channel in range(channels):
                for k in range(width):
                    row[channel, k] = values[at[k] * np.uint32(channels) + np.uint32(channel)]
        if fill_mode == _CONSTANT:
            for k in range(width):
                if outside[k]:
                    row[:, k] = fill_value
                    outside[k] = False
        _write(row, result[line])


def uniform():
    """`_uniform`. Compiled, or what was compiled before is read, when it is called."""
    words = types.Array(types.uint32, 1, "C", readonly=True)
    return _compiled(_uniform, types.Array(types.float32, 1, "C")(words, words, words))


def warp(dtype):
    """`_warp` for images of a dtype, a name: as for `uniform`."""
    images = types.Array(numba.from_dtype(np.dtype(dtype)), 3, "C", readonly=True)
    matrix, results = types.Array(types.float64, 2, "C", readonly=True), types.Array(types.float32, 3, "C")
    numbers = types.int64, types.int64, types.float32, types.boolean
    return _compiled(_warp, types.void(images, matrix, *numbers, results))


def _compiled(function, signature):
    try:
        return numba.njit(signature, cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # nowhere to keep it
        return numba.njit(signature, nogil=True, error_model="numpy")(function)
