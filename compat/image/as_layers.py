"""The layers that do what a generator does."""

import math

import keras
import numpy as np

from ... import layers
from ...layers.random_affine import INTERPOLATIONS
from .convention import Axes

_GEOMETRY = ("rotation", "width_shift", "height_shift", "shear", "zoom", "horizontal_flip", "vertical_flip")


def as_layers(generator):
    """The layers of a generator as one `keras_regen.layers.Pipeline`: see `ImageDataGenerator.to_layers`."""
    if generator.preprocessing_function:
        raise ValueError(
            "`preprocessing_function` cannot be turned into a layer. Set it to None, and apply it yourself between the "
            f"random layers and the others. Received: {generator.preprocessing_function!r}"
        )
    for method in generator._overridden():
        raise ValueError(f"{type(generator).__name__}.{method} is overridden, and cannot be turned into a layer.")
    if generator.interpolation_order not in INTERPOLATIONS.values():
        raise ValueError(f"`interpolation_order` must be 0 to 5. Received: {generator.interpolation_order!r}")
    common = {"data_format": generator.data_format, "dtype": np.dtype(generator.dtype).name}
    steps = [*_geometry(generator, common), *_color(generator, common), *_statistics(generator, common)]
    return layers.Pipeline(steps)


def random_layers(generator, data_format):
    """The layers, a list, that draw as a generator does; none without one."""
    common = {"data_format": data_format}
    return [] if generator is None else [*_geometry(generator, common), *_color(generator, common)]


def _geometry(g, common):
    # Where the generator keeps the legacy axes, so do the layers: what the height's range moves are columns. In the
    # archived library they are rows.
    columns, rows = g.width_shift_range, g.height_shift_range
    if Axes(g.legacy_axes) is Axes.LEGACY:
        columns, rows = rows, columns
    affine = layers.RandomAffine(
        rotation=abs(g.rotation_range),
        width_shift=_plain(columns),
        height_shift=_plain(rows),
        shear=abs(g.shear_range),
        zoom=sorted(g.zoom_range),
        horizontal_flip=bool(g.horizontal_flip),
        vertical_flip=bool(g.vertical_flip),
        fill_mode=g.fill_mode,
        fill_value=g.cval,
        interpolation=list(INTERPOLATIONS)[g.interpolation_order],
        **common,
    )
    neutral = layers.RandomAffine()
    return [affine] if any(getattr(affine, name) != getattr(neutral, name) for name in _GEOMETRY) else []


def _color(g, common):
    if g.channel_shift_range != 0:
        yield layers.RandomChannelShift(abs(g.channel_shift_range), **common)
    if g.brightness_range is not None:
        yield layers.RandomBrightness(sorted(g.brightness_range), mode="8bit", **common)


def _statistics(g, common):
    if g.rescale:
        yield keras.layers.Rescaling(g.rescale, dtype=common["dtype"])
    center, std = g.featurewise_center and not g.zca_whitening, g.featurewise_std_normalization
    if g.samplewise_center or g.samplewise_std_normalization or center or std:
        standardize = layers.Standardize(
            samplewise_center=bool(g.samplewise_center),
            samplewise_std=bool(g.samplewise_std_normalization),
            featurewise_center=bool(center),
            featurewise_std=bool(std),
            **common,
        )
        if (center or std) and g.mean is not None:
            channels = np.size(g.mean)
            standardize.build(_shape(g, 1, 1, channels))
            deviation = np.full(channels, np.nan) if g.std is None else np.ravel(g.std)
            standardize.set_weights([np.ravel(g.mean), deviation])
        yield standardize
    if g.zca_whitening:
        whitening = layers.ZCAWhitening(g.zca_epsilon, **common)
        if g.zca_whitening_matrix is not None:
            channels, matrix = np.size(g.mean), np.asarray(g.zca_whitening_matrix)
            pixels = len(matrix) // channels
            if g.data_format == "channels_first":
                matrix = matrix.reshape(channels, pixels, channels, pixels).transpose(1, 0, 3, 2).reshape(matrix.shape)
            whitening.build(_shape(g, 1, pixels, channels))  # rows do not matter to it, their number does
            whitening.set_weights([np.ravel(g.mean), matrix])
        yield whitening


def _shape(generator, height, width, channels):
    first = generator.data_format == "channels_first"
    return (None, channels, height, width) if first else (None, height, width, channels)


def _plain(shift):
    """A shift range in Python's own numbers: int and float mean different things to the layer."""
    shift = np.asarray(shift).tolist()
    return math.fabs(shift) if isinstance(shift, float) else shift
