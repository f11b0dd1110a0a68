"""The layers that do what a generator does."""

import keras
import numpy as np

from ... import layers
from ..equivalents import layers_of
from .convention import Axes


def as_layers(generator):
    """The layers of a generator as one `keras_regen.layers.Pipeline`: see `ImageDataGenerator.to_layers`."""
    if generator.preprocessing_function:
        raise ValueError(
            "`preprocessing_function` cannot be turned into a layer. Set it to None, and apply it yourself between the "
            f"random layers and the others. Received: {generator.preprocessing_function!r}"
        )
    for method in generator._overridden():
        raise ValueError(f"{type(generator).__name__}.{method} is overridden, and cannot be turned into a layer.")
    dtype = np.dtype(generator.dtype).name
    made = [_made(equivalent, generator.data_format, dtype) for equivalent in _equivalents(generator)]
    for layer in made:
        _set_statistics(layer, generator)
    return layers.Pipeline(made)


def random_layers(generator, data_format):
    """The layers, a list, that draw as a generator does; none without one."""
    equivalents = [] if generator is None else _equivalents(generator)
    return [_made(equivalent, data_format) for equivalent in equivalents if equivalent.is_random]


def _equivalents(generator):
    # In the archived library the range of the height moves rows, as in layers.
    return layers_of(vars(generator), swapped=Axes(generator.legacy_axes) is Axes.LEGACY)


def _made(equivalent, data_format, dtype=None):
    options = {name: getattr(given, "value", given) for name, given in equivalent.options.items()}
    first = [] if equivalent.first is None else [equivalent.first.value]
    if equivalent.name == "keras.layers.Rescaling":
        return keras.layers.Rescaling(*first, dtype=dtype)
    return getattr(layers, equivalent.name)(*first, **options, data_format=data_format, dtype=dtype)


def _set_statistics(layer, g):
    """Give a layer what the generator's `fit` has measured."""
    if g.mean is None:
        return
    channels = np.size(g.mean)
    if isinstance(layer, layers.Standardize) and (layer.featurewise_center or layer.featurewise_std):
        layer.build(_shape(g, 1, 1, channels))
        deviation = np.full(channels, np.nan) if g.std is None else np.ravel(g.std)
        layer.set_weights([np.ravel(g.mean), deviation])
    if isinstance(layer, layers.ZCAWhitening) and g.zca_whitening_matrix is not None:
        matrix = np.asarray(g.zca_whitening_matrix)
        pixels = len(matrix) // channels
        if g.data_format == "channels_first":
            matrix = matrix.reshape(channels, pixels, channels, pixels).transpose(1, 0, 3, 2).reshape(matrix.shape)
        layer.build(_shape(g, 1, pixels, channels))  # only the number of rows and columns together matters
        layer.set_weights([np.ravel(g.mean), matrix])


def _shape(generator, height, width, channels):
    first = generator.data_format == "channels_first"
    return (None, channels, height, width) if first else (None, height, width, channels)
