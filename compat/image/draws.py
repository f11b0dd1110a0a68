"""Replayed draws: NumPy's global generator, called in the order in which the legacy code calls it.

The order, image by image: theta; the shift by `height_shift_range`; that by `width_shift_range`; shear; zx and zy;
horizontal flip and vertical flip, always, even when off; channel shift; brightness. What is switched off draws nothing,
except for the flips. A shift by a float draws once; by an int or a list it draws twice or more, because an index and a
sign are chosen instead.
"""

import math
from numbers import Real

import numpy as np

from .convention import COLUMNS, Axes, neutral_table, table_from_rows


def _draw_shift(shift_range, size, random):
    try:
        shift = random.choice(shift_range)
        shift *= random.choice([-1, 1])
    except ValueError:  # a float is not a set of choices, and consumed nothing
        shift = random.uniform(-shift_range, shift_range)
    return shift * size if np.max(shift_range) < 1 else shift


def draw_row(generator, height, width, random=np.random):
    """Draw one transformation: the dictionary of `ImageDataGenerator.get_random_transform`.

    Args:
        random: a `numpy.random.RandomState`, or NumPy's global one.
    """
    g = generator
    row = dict.fromkeys(COLUMNS, 0)
    if g.rotation_range:
        row["theta"] = random.uniform(-g.rotation_range, g.rotation_range)
    from_height, from_width = _shift_names(g)
    if g.height_shift_range:
        row[from_height] = _draw_shift(g.height_shift_range, height, random)
    if g.width_shift_range:
        row[from_width] = _draw_shift(g.width_shift_range, width, random)
    if g.shear_range:
        row["shear"] = random.uniform(-g.shear_range, g.shear_range)
    if g.zoom_range[0] == 1 and g.zoom_range[1] == 1:
        row["zx"] = row["zy"] = 1
    else:
        row["zx"], row["zy"] = random.uniform(g.zoom_range[0], g.zoom_range[1], 2)
    row["flip_horizontal"] = (random.random_sample() < 0.5) * g.horizontal_flip
    row["flip_vertical"] = (random.random_sample() < 0.5) * g.vertical_flip
    row["channel_shift_intensity"] = row["brightness"] = None
    if g.channel_shift_range != 0:
        row["channel_shift_intensity"] = random.uniform(-g.channel_shift_range, g.channel_shift_range)
    if g.brightness_range is not None:
        row["brightness"] = random.uniform(g.brightness_range[0], g.brightness_range[1])
    return row


def draw_table(generator, n, height, width, random=np.random):
    """Draw `n` transformations; the same numbers as `n` calls of `draw_row`, in one go where the stream allows.

    Returns:
        float64 array (n, 10), the columns as in `COLUMNS`.
    """
    bounds = uniform_bounds(generator)
    if bounds is None:
        return table_from_rows([draw_row(generator, height, width, random) for _ in range(n)])
    return table_of_uniforms(generator, bounds, random.random_sample((n, len(bounds))), height, width)


def uniform_bounds(generator):
    """The column, the least and the largest value of each draw of an image, if all are uniform; otherwise None."""
    g = generator
    from_height, from_width = _shift_names(g)
    bounds = [
        ("theta", -g.rotation_range, g.rotation_range) if g.rotation_range else None,
        (from_height, -g.height_shift_range, g.height_shift_range) if _is_float(g.height_shift_range) else None,
        (from_width, -g.width_shift_range, g.width_shift_range) if _is_float(g.width_shift_range) else None,
        ("shear", -g.shear_range, g.shear_range) if g.shear_range else None,
        *([] if g.zoom_range[0] == 1 and g.zoom_range[1] == 1 else [(z, *g.zoom_range) for z in ("zx", "zy")]),
        ("flip_horizontal", 0.0, 1.0),
        ("flip_vertical", 0.0, 1.0),
        ("channel_shift_intensity", -g.channel_shift_range, g.channel_shift_range) if g.channel_shift_range else None,
        ("brightness", *g.brightness_range) if g.brightness_range is not None else None,
    ]
    bounds = [bound for bound in bounds if bound is not None]
    shifts = [g.height_shift_range, g.width_shift_range]
    plain = all(_is_float(shift) or not shift for shift in shifts) and all(
        isinstance(low, Real) and math.isfinite(high - low) for _, low, high in bounds
    )
    return bounds if plain else None


def table_of_uniforms(generator, bounds, uniforms, height, width):
    """The table of transformations for draws from [0, 1), float64 (n, len(bounds))."""
    g = generator
    from_height, from_width = _shift_names(g)
    table = neutral_table(len(uniforms))
    for (name, low, high), u in zip(bounds, uniforms.T, strict=True):
        if name.startswith("flip"):
            column = (u < 0.5) * getattr(g, "horizontal_flip" if name.endswith("horizontal") else "vertical_flip")
        else:
            column = low + (high - low) * u
        if name == from_height and g.height_shift_range < 1:
            column = column * height
        if name == from_width and g.width_shift_range < 1:
            column = column * width
        table[:, COLUMNS.index(name)] = column
    return table


def _shift_names(generator):
    """The columns that the height's and the width's shifts are drawn for: tx moves columns, whatever the legacy code
    thinks."""
    return ("ty", "tx") if Axes(generator.legacy_axes) is Axes.RIGHT else ("tx", "ty")


def _is_float(value):
    # Python and NumPy floats alone: `np.random.choice` takes an int, a bool or a NumPy integer for a set of choices.
    return isinstance(value, (float, np.floating)) and bool(value)
