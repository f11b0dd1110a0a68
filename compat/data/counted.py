"""Order and draws as functions of a seed, the epoch and the place of a sample: those of `order` and of the random
layers, in NumPy alone, for processes that load no backend of Keras."""

import dataclasses
from typing import NamedTuple

import numpy as np

from .rows import neutral

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
_TURNS = 6
_UNIFORMS = ("theta", "tx", "tx_sign", "ty", "ty_sign", "shear", "zx", "zy", "flip_horizontal", "flip_vertical",
             "channel_shift_intensity", "brightness")  # fmt: skip
"""The columns of uniform numbers: those of `layers.base`."""


def threefry(key, counter):
    """Threefry-2x32 with 20 rounds, as in `layers.kernels.random`: pairs of uint32 arrays to a pair of uint32."""
    keys = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    first, second = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            first = first + second
            second = first ^ (second << np.uint32(distance) | second >> np.uint32(32 - distance))
        first = first + keys[(group + 1) % 3]
        second = second + keys[(group + 2) % 3] + np.uint32(group + 1)
    return first, second


def fold_in(key, data):
    """A separate key for each `data`: uint32 (..., 2) and integers (n,) to uint32 (n, 2)."""
    data = np.asarray(data).astype("uint32")
    zero = 0 * (key[..., 0] + data)
    return np.stack(threefry((key[..., 0] + zero, key[..., 1] + zero), (zero + data, zero - np.uint32(1))), axis=-1)


def key_of(seed, epoch):
    """The key of an epoch, uint32 (2,)."""
    words = [int(seed) & 0xFFFFFFFF, (int(seed) >> 32) & 0xFFFFFFFF]
    return fold_in(np.array(words, "uint32"), [epoch])[0]


def shuffled(index, count, key):
    """Where indices, int (n,), come to lie in a permutation of 0..count - 1: `order.shuffled`."""
    part = 2 ** max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    index = np.asarray(index, "uint32")
    walking = np.ones(len(index), bool)
    while walking.any():
        left, right = index // np.uint32(part), index & np.uint32(part - 1)
        for number in range(_TURNS):
            bits, _ = threefry((key[0] + 0 * right, key[1] + 0 * right), (right, 0 * right + np.uint32(number)))
            left, right = right, left ^ (bits & np.uint32(part - 1))
        index = np.where(walking, left * np.uint32(part) + right, index)
        walking = index >= count
    return index.astype("int64")


def uniforms(keys):
    """A dictionary of uniform numbers in [0, 1), float32 (n,), of keys, uint32 (n, 2): those of the layers."""
    column = np.arange(len(_UNIFORMS), dtype="uint32")[None]
    zero = 0 * keys[:, :1]
    bits, _ = threefry((keys[:, :1] + 0 * column, keys[:, 1:] + 0 * column), (zero + 0 * column, zero + column))
    numbers = (bits >> np.uint32(8)).astype("float32") * np.float32(2.0**-24)
    return dict(zip(_UNIFORMS, numbers.T, strict=True))


class Drawn(NamedTuple):
    """How one parameter is drawn."""

    layer: int
    """Number of the layer, which draws by a key of its own."""
    name: str
    uniform: str
    bounds: tuple | None = None
    """Of a uniform distribution; None for a flip."""
    choices: tuple | None = None
    """Numbers of which one is chosen and given a random sign, in place of that."""
    scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Draws:
    """What random layers draw for images of one size.

    Args:
        drawn: tuple of `Drawn`.
        height, width: of the images.
    """

    drawn: tuple
    height: int
    width: int

    def rows(self, keys):
        """The `Rows` of samples by their keys, uint32 (n, 2)."""
        zeros = np.zeros(len(keys))
        values = {"theta": zeros, "tx": zeros, "ty": zeros, "shear": zeros, "zx": zeros + 1, "zy": zeros + 1}
        per_layer = {k: uniforms(fold_in(keys, k)) for k in {how.layer for how in self.drawn}}
        for how in self.drawn:
            numbers = per_layer[how.layer]
            u = numbers[how.uniform]
            if how.choices is not None:
                values[how.name] = np.asarray(how.choices, "float32")[(u * np.float32(len(how.choices))).astype(int)]
                values[how.name] = np.where(numbers[f"{how.name}_sign"] < 0.5, -values[how.name], values[how.name])
            elif how.bounds is None:
                values[how.name] = u < 0.5
            else:
                low, high = how.bounds
                values[how.name] = np.float32(low) + np.float32(high - low) * u
            if how.scale != 1:
                values[how.name] = values[how.name] * np.float32(how.scale)
        rows = neutral(zeros)
        geometry = [np.asarray(values[name], "float64") for name in ("theta", "tx", "ty", "shear", "zx", "zy")]
        given = {
            "flip_horizontal": values.get("flip_horizontal"),
            "flip_vertical": values.get("flip_vertical"),
            "channel_shift": values.get("channel_shift_intensity"),
            "brightness": values.get("brightness"),
        }
        given = {name: value for name, value in given.items() if value is not None}
        return rows._replace(matrix=_matrices(*geometry, self.height, self.width), **given)


def _matrices(theta, tx, ty, shear, zx, zy, height, width):
    """The matrices (n, 2, 3) of `layers.kernels.affine_matrix`, without flips, in float64."""
    cos, sin = _cos_sin(theta)
    xx, yx = cos * zx, sin * zx
    sheared_cos, sheared_sin = _cos_sin(theta + shear)
    xy, yy = -sheared_sin * zy, sheared_cos * zy
    x, y = (width - 1) / 2, (height - 1) / 2
    x_offset = x - (xx * x + xy * y) + (cos * tx - sin * ty)
    y_offset = y - (yx * x + yy * y) + (sin * tx + cos * ty)
    return np.stack([np.stack([yy, yx, y_offset], -1), np.stack([xy, xx, x_offset], -1)], 1)


def _cos_sin(degrees):
    right = degrees % 90 == 0
    radians = np.deg2rad(degrees)
    return [np.where(right, np.round(x), x) for x in (np.cos(radians), np.sin(radians))]


def draws_of(random_layers, image_shape, data_format):
    """The `Draws` of a list of random layers of `keras_regen.layers` on images of a shape and axis order."""
    height, width = image_shape[1:] if data_format == "channels_first" else image_shape[:2]
    drawn = []
    for k, layer in enumerate(random_layers):
        given = vars(layer)
        if "rotation" in given:
            drawn += _geometric(k, layer, height, width)
        for argument, name in (("channel_shift", "channel_shift_intensity"), ("brightness", "brightness")):
            if argument in given:
                drawn.append(Drawn(k, name, name, given[argument]))
    return Draws(tuple(drawn), int(height), int(width))


def _geometric(k, layer, height, width):
    """What a `RandomAffine` draws."""
    if layer.rotation != (0.0, 0.0):
        yield Drawn(k, "theta", "theta", layer.rotation)
    for side, name, length in (("width_shift", "tx", width), ("height_shift", "ty", height)):
        shift, chosen = getattr(layer, side), getattr(layer, f"{side}_choices")
        if chosen is not None:
            fractions = not isinstance(chosen, int) and max(chosen) < 1
            choices = tuple(range(chosen) if isinstance(chosen, int) else chosen)
            yield Drawn(k, name, name, choices=choices, scale=length if fractions else 1.0)
        elif shift != (0.0, 0.0):
            yield Drawn(k, name, name, shift, scale=length if max(map(abs, shift)) < 1 else 1.0)
    if layer.shear != (0.0, 0.0):
        yield Drawn(k, "shear", "shear", layer.shear)
    if layer.zoom != (1.0, 1.0):
        yield Drawn(k, "zx", "zx", layer.zoom)
        yield Drawn(k, "zy", "zx" if layer.uniform_zoom else "zy", layer.zoom)
    for name in ("horizontal", "vertical"):
        if getattr(layer, f"{name}_flip"):
            yield Drawn(k, f"flip_{name}", f"flip_{name}")
