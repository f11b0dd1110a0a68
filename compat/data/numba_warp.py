"""The warp up to order 1 by a core of a CPU, image by image: compiled by Numba, without Python's lock.

Equals `layers.kernels.warp_affine` with a float64 matrix, then `shift_channels`, `adjust_brightness_8bit`,
`standardize(rescale=)` and `cast`, of images resized to the nearest pixels. Each row of a result is made in short loops
over the whole row, which LLVM turns into vector instructions, but for the gather between them: half the time of XLA, or
less. Compiled once per machine: the code is kept beside Python's own, or in the user's cache.

It needs `numba`, and nothing of this package.
"""

import sys
from typing import Any

import numba
import numba.core.config
import numpy as np

MAY_COMPILE = not numba.core.config.DISABLE_JIT and sys.byteorder == "little"
"""Whether the environment lets Numba compile, and words are as here. Otherwise all of this would run as Python."""
_CONSTANT, _REFLECT = 1, 2  # their places in `image_kernel.FILL_MODES`
_ALPHA = 3  # the channel that has no brightness

_BYTE, _ZERO, _EIGHT, _SIXTEEN, _NEXT = (np.int64(number) for number in (255, 0, 8, 16, 32))
_PLACES = numba.types.Array(numba.types.int32, 1, "C", readonly=True)
_BLOCK = 512
"""About how many pixels are worked on at a time: what is known of them stays in the first cache."""
_LANES = 64
"""How many values are compared at a time: LLVM does not find the lowest of many otherwise than one by one."""


def _inner(function) -> Any:
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
def _read_at(matrix, n, axis, top, lines, shape, turned, fill_mode, coordinates, inside):
    """Where `lines` rows of the output, from `top` on, are read along an axis: float64 `coordinates`, written.

    `inside`, float64, becomes 0 where "constant" fills. Returns whether all lies inside.
    """
    height, width = shape
    last, whole, along = shape[axis] - 1.0, True, matrix[n, axis, 1]
    for i in range(lines):
        row, begin = height - 1.0 - (top + i) if turned[0] else np.float64(top + i), i * width
        start = matrix[n, axis, 2] + row * matrix[n, axis, 0]
        if turned[1]:
            for k in range(width):
                coordinates[begin + k] = start + (width - 1.0 - k) * along
        else:
            for k in range(width):
                coordinates[begin + k] = start + k * along
        ends = coordinates[begin], coordinates[begin + width - 1]
        if min(ends) >= 0 and max(ends) <= last:
            continue
        whole = False
        if fill_mode == _CONSTANT:
            for k in range(begin, begin + width):
                if not 0 <= coordinates[k] <= last:
                    inside[k] = 0.0
        elif fill_mode:
            for k in range(begin, begin + width):
                coordinates[k] = _mapped(coordinates[k], shape[axis], fill_mode == _REFLECT)
    return whole


@_inner
def _clamped(coordinate, last):
    """Between 0 and `last`. NaN is 0: whatever the matrix, no index is out of bounds."""
    coordinate = coordinate if coordinate > 0.0 else 0.0
    return coordinate if coordinate < last else last


@_inner
def _neighbours(y, x, size, shape, channels, order, at, behind):
    """The values around coordinates: in `at`, uint32 (3, size), the place of the first value of the pixel at or before
    them, and how many values further those below and beside are; in `behind`, float64 (2, size), how far they are
    behind that pixel. By order 0 the places of the nearest pixels.
    """
    height, width = shape
    bottom, right = np.int32(height - 1), np.int32(width - 1)
    apart, across = np.int32(channels), np.int32(width * channels)
    if order == 0:
        for k in range(size):
            i, j = np.int32(_clamped(y[k], height - 1.0) + 0.5), np.int32(_clamped(x[k], width - 1.0) + 0.5)
            at[0, k] = i * across + j * apart
        return
    for k in range(size):
        row, column = _clamped(y[k], height - 1.0), _clamped(x[k], width - 1.0)
        i, j = np.int32(row), np.int32(column)
        at[0, k] = i * across + j * apart
        at[1, k], at[2, k] = across if i < bottom else np.int32(0), apart if j < right else np.int32(0)
        behind[0, k], behind[1, k] = row - i, column - j


@_inner
def _pack(pixels, rows, columns, packed):
    """Pixels of three bytes, each in a word of its own: int32 (len(rows) * len(columns),), written."""
    width = len(columns)
    for i in range(len(rows)):
        line, row = pixels[rows[i]], packed[i * width : (i + 1) * width]
        for j in range(width):
            at = np.uint64(columns[j])
            red, green, blue = np.int32(line[at, 0]), np.int32(line[at, 1]), np.int32(line[at, 2])
            row[j] = red | green << np.int32(8) | blue << np.int32(16)


@_inner
def _places(y, x, size, shape, order, at, down, forth):
    """The pixels at or before coordinates: places, uint32 (size,); and how far behind them, float64 (size,).

    By order 0 the nearest pixels.
    """
    height, width = shape
    across, half = np.int32(width), 0.0 if order else 0.5
    for k in range(size):
        row, column = _clamped(y[k], height - 1.0), _clamped(x[k], width - 1.0)
        i, j = np.int32(row + half), np.int32(column + half)
        at[k], down[k], forth[k] = i * across + j, row - i, column - j


@_inner
def _between(upper, lower, by, down, forth):
    """What is between four bytes, those at bit `by` of two pairs."""
    a, b = upper >> by & _BYTE, upper >> by + _NEXT & _BYTE
    c, d = lower >> by & _BYTE, lower >> by + _NEXT & _BYTE
    above, below = a + (b - a) * forth, c + (d - c) * forth
    return above + (below - above) * down


@_inner
def _blend_pairs(pairs, at, across, down, forth, size, order, upper, lower, row):
    """Pixels of three channels, float32 (3, size), written; `upper` and `lower` are room, int64 (size,).

    Behind the last column and the last row stands something else, but nothing of it counts: `forth` or `down` is 0.
    """
    if order == 0:
        for k in range(size):
            upper[k] = pairs[at[k]]
        for k in range(size):
            row[0, k], row[1, k] = upper[k] & _BYTE, upper[k] >> _EIGHT & _BYTE
            row[2, k] = upper[k] >> _SIXTEEN & _BYTE
        return
    below = np.uint32(across)
    for k in range(size):
        upper[k], lower[k] = pairs[at[k]], pairs[at[k] + below]
    for k in range(size):
        row[0, k] = _between(upper[k], lower[k], _ZERO, down[k], forth[k])
        row[1, k] = _between(upper[k], lower[k], _EIGHT, down[k], forth[k])
        row[2, k] = _between(upper[k], lower[k], _SIXTEEN, down[k], forth[k])


@_inner
def _blend(values, at, behind, size, order, read, row):
    """Pixels of any channels, float32 (channels, size), written; `read` is room, float32 (4, size)."""
    for channel in range(row.shape[0]):
        on = np.uint64(channel)
        if order == 0:
            for k in range(size):
                row[on, k] = values[at[0, k] + on]
        else:
            for k in range(size):
                first, below, beside = at[0, k] + on, np.uint64(at[1, k]), np.uint64(at[2, k])
                read[0, k], read[1, k] = values[first], values[first + beside]
                read[2, k], read[3, k] = values[first + below], values[first + below + beside]
            for k in range(size):
                down, forth = behind[0, k], behind[1, k]
                above = read[0, k] * ((1 - down) * (1 - forth)) + read[1, k] * ((1 - down) * forth)
                row[on, k] = above + read[2, k] * (down * (1 - forth)) + read[3, k] * (down * forth)


@_inner
def _write(row, scale, to_bytes, result):
    """A row, float32 (channels, size), scaled, and if `to_bytes` rounded and clipped, to (size, channels)."""
    channels, size = row.shape[0], result.shape[0]
    if to_bytes:
        for c in range(channels):
            for k in range(size):
                value = row[c, k] * scale
                # Halves away from zero; as a sum in float32, as `layers.kernels.cast` has it.
                row[c, k] = min(max(np.floor(value + np.float32(0.5)), np.float32(0)), np.float32(255))
        scale = np.float32(1)
    if channels == 1:  # written out, as the general loop below takes twice as long
        for k in range(size):
            result[k, 0] = row[0, k] * scale
    elif channels == 3:
        for k in range(size):
            result[k, 0], result[k, 1], result[k, 2] = row[0, k] * scale, row[1, k] * scale, row[2, k] * scale
    else:
        for k in range(size):
            for c in range(channels):
                result[k, c] = row[c, k] * scale


@_inner
def _fill(row, inside, size, fill_value):
    """Put `fill_value` in a row, float32 (channels, size), where `inside`, float64 (size,), is 0."""
    for channel in range(row.shape[0]):
        for k in range(size):
            row[channel, k] = row[channel, k] if inside[k] else fill_value
    for k in range(size):
        inside[k] = 1.0


@_inner
def _range(values):
    """The lowest and the highest of values, float32 (channels, size), none of which is NaN."""
    flat = values.ravel()
    lows, highs = np.full(_LANES, flat[0]), np.full(_LANES, flat[0])
    for start in range(0, len(flat), _LANES):
        for k in range(min(_LANES, len(flat) - start)):
            value = flat[start + k]
            lows[k] = value if value < lows[k] else lows[k]
            highs[k] = value if value > highs[k] else highs[k]
    return lows.min(), highs.max()


@_inner
def _shift_channels(values, intensity):
    """`layers.kernels.shift_channels` of one image, float32 (channels, size)."""
    low, high = _range(values)
    for channel in range(values.shape[0]):
        row = values[channel]
        for k in range(len(row)):
            row[k] = min(max(row[k] + intensity, low), high)


@_inner
def _brighten(values, factor):
    """`layers.kernels.adjust_brightness_8bit` of one image, float32 (channels, size)."""
    low, high = _range(values)
    black, white = np.float32(0), np.float32(255)
    stretched, extent = low < black or high > white, high - low
    divisor = extent if extent else np.float32(1)
    for channel in range(values.shape[0]):
        row, by = values[channel], np.float32(1) if channel == _ALPHA else factor
        if stretched:
            for k in range(len(row)):
                grey = np.floor((row[k] - low) / divisor * white)
                row[k] = np.floor(min(max(grey * by, black), white)) / white * extent + low
        else:
            for k in range(len(row)):
                row[k] = np.floor(min(max(np.floor(row[k]) * by, black), white))


def _warp(images, rows, columns, matrix, flips, colours, order, fill_mode, fill_value, scale, in_bytes, results):
    """Resize to the nearest pixels, warp, flip, shift the channels of, brighten and scale each image.

    Args:
        images: (n, h, w, channels), uint8 or float32, contiguous.
        rows, columns: int32 (height,), (width,), which to take of images of three channels in uint8. All others have
            the size of the results already.
        matrix: float64 (n, 2, 3), output pixel to input pixel.
        flips: bool (n, 2), vertical and horizontal.
        colours: float32 (n, 2), channel shift and brightness, NaN for none; or (0, 2).
        order: 0 or 1.
        fill_mode: 0 nearest, 1 constant, 2 reflect, 3 wrap.
        fill_value: float32, for "constant".
        scale: float32, what to multiply by.
        in_bytes: whether the images are uint8, the results are uint8.
        results: (n, height, width, channels), float32 or uint8: written.
    """
    count, height, width, channels = results.shape
    shape, packs = (height, width), in_bytes[0] and channels == 3
    block = max(1, _BLOCK // width)
    most = block * width
    packed = np.empty((height * width + width) // 2 * 2 + 2 if packs else 2, np.int32)
    # Words of 8 bytes, one at each 4: a pixel, and the next one above it.
    pairs = np.lib.stride_tricks.as_strided(packed.view(np.int64), (len(packed) - 1,), (4,))
    y, x, inside, down, forth = np.empty(most), np.empty(most), np.ones(most), np.empty(most), np.empty(most)
    before, upper, lower = np.empty(most, np.uint32), np.empty(most, np.int64), np.empty(most, np.int64)
    around, behind, read = np.empty((3, most), np.uint32), np.empty((2, most)), np.empty((4, most), np.float32)
    row = np.empty((channels, most), np.float32)
    image = np.empty((channels, height * width if len(colours) else 0), np.float32)
    for n in range(count):
        values, result, turned = images[n].reshape(-1), results[n].reshape(-1, channels), (flips[n, 0], flips[n, 1])
        if packs:
            _pack(images[n], rows, columns, packed[: height * width])
        for top in range(0, height, block):
            # Few slices in here: each counts its references by atomic instructions, which had taken a third of it all.
            lines, start = min(block, height - top), top * width
            size = lines * width
            whole = _read_at(matrix, n, 0, top, lines, shape, turned, fill_mode, y, inside)
            whole &= _read_at(matrix, n, 1, top, lines, shape, turned, fill_mode, x, inside)
            if packs:
                _places(y, x, size, shape, order, before, down, forth)
                _blend_pairs(pairs, before, width, down, forth, size, order, upper, lower, row)
            else:
                _neighbours(y, x, size, shape, channels, order, around, behind)
                _blend(values, around, behind, size, order, read, row)
            if not whole and fill_mode == _CONSTANT:
                _fill(row, inside, size, fill_value)
            if len(colours):
                for channel in range(channels):
                    for k in range(size):
                        image[channel, start + k] = row[channel, k]
            else:
                _write(row, scale, in_bytes[1], result[start : start + size])
        if len(colours):
            if not np.isnan(colours[n, 0]):
                _shift_channels(image, colours[n, 0])
            if not np.isnan(colours[n, 1]):
                _brighten(image, colours[n, 1])
            _write(image, scale, in_bytes[1], result)


def _take(image, rows, columns, result):
    """The pixels of an image, uint8 (h, w, channels), at rows and columns: uint8 (height, width, channels), written."""
    for i in range(len(rows)):
        line, taken = image[rows[i]], result[i]
        for j in range(len(columns)):
            for channel in range(taken.shape[1]):
                taken[j, channel] = line[columns[j], channel]


def warp(images, results):
    """`_warp` for the dtypes of images and results: names. Compiles, or reads what was compiled, when it is called."""
    types, numbers = numba.types, numba.from_dtype
    signature = types.void(
        types.Array(numbers(np.dtype(images)), 4, "C", readonly=True),
        *(_PLACES,) * 2,
        types.Array(types.float64, 3, "C", readonly=True),
        types.Array(types.boolean, 2, "C", readonly=True),
        types.Array(types.float32, 2, "C", readonly=True),
        *(types.int64, types.int64, types.float32, types.float32),
        types.UniTuple(types.boolean, 2),
        types.Array(numbers(np.dtype(results)), 4, "C"),
    )
    return _compiled(_warp, signature)


def take():
    """`_take`: as for `warp`."""
    image = numba.types.Array(numba.types.uint8, 3, "C", readonly=True)
    return _compiled(_take, numba.types.void(image, *(_PLACES,) * 2, numba.types.Array(numba.types.uint8, 3, "C")))


def _compiled(function, signature):
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(signature, cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep it
        return numba.njit(signature, **options)(function)
