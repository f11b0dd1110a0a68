"""The columns of what is drawn, as tensors of a TensorFlow graph."""

import tensorflow as tf

from ... import layers
from ...layers.backends.tensorflow import ops
from .rows import SPEC, Rows, neutral

TENSORS = Rows(*(tf.TensorSpec([None, *column.shape], column.dtype) for column in SPEC))
_DRAWN_AS = {"channel_shift": "channel_shift_intensity"}
"""The names that layers have for columns, where they differ."""


def drawn_by(random_layers, image_shape, data_format):
    """What random layers draw, as a function of TensorFlow tensors.

    Args:
        random_layers: list of geometric and colour layers of `keras_regen.layers`.
        image_shape: of the images that come in.
        data_format: their axis order.

    Returns:
        Function of seeds, int32 (n, 2), that returns the `Rows` of n images.
    """
    pipeline, affine = layers.Pipeline(random_layers), layers.RandomAffine(data_format=data_format)
    height, width = image_shape[1:] if data_format == "channels_first" else image_shape[:2]

    def draw(seeds):
        count, drawn = ops.shape(seeds)[0], {}
        images = tf.zeros([count, *image_shape], tf.uint8)  # only their shape is read
        for transformation in pipeline.get_random_transformation(images, seed=seeds):
            drawn.update(transformation)
        rows = neutral(tf.zeros(count, tf.float64))
        columns = {name: drawn.pop(_DRAWN_AS.get(name, name), None) for name in Rows._fields}
        columns["matrix"] = affine.affine_matrix(drawn, count, height, width, ops)
        columns = {name: column for name, column in columns.items() if column is not None}
        return rows._replace(**{name: tf.cast(x, getattr(SPEC, name).dtype) for name, x in columns.items()})

    return draw
