"""An augmentation as one compiled call of TensorFlow."""

import functools

import tensorflow as tf

from ...layers.backends.tensorflow import ops
from .augmentation import Statistics
from .rows_in_graph import TENSORS


def at_one_size(function, size):
    """The function of tensors of samples, called with as many samples every time.

    XLA compiles anew for each number of samples: for the last batch of an epoch, and for each batch from which files
    are left out.

    Args:
        function: takes and returns tensors, or tuples of them, whose first axis is that of the samples.
        size: how many samples to call it with. If there are fewer, the last one is repeated, and the results are cut.

    Returns:
        The function, for 1 to `size` samples; for more it is called with as many as there are.
    """

    def call(*tensors):
        count = tf.shape(tf.nest.flatten(tensors)[0])[0]
        index = tf.minimum(tf.range(size), count - 1)
        filled = tf.cond(
            count < size,
            lambda: tf.nest.map_structure(lambda tensor: tf.gather(tensor, index), tensors),
            lambda: tensors,
        )
        return tf.nest.map_structure(lambda result: result[:count], function(*filled))

    return call


@functools.lru_cache(maxsize=64)
def compiled(augmentation, image_shape, image_dtype, statistics_spec):
    """The augmentation as one XLA-compiled function of (images, rows, statistics), for any number of images."""
    return tf.function(
        lambda images, rows, statistics: augmentation(images, rows, statistics, ops),
        input_signature=[tf.TensorSpec([None, *image_shape], image_dtype), TENSORS, Statistics(*statistics_spec)],
        jit_compile=True,
        autograph=augmentation.preprocess is not None,  # which takes seconds to read all that is called
    )


def transformed(augmentation, images, rows, statistics):
    """An augmentation of NumPy arrays. Returns an array of its own."""
    spec = tuple(tf.TensorSpec(s.shape, s.dtype) for s in statistics)
    return compiled(augmentation, images.shape[1:], images.dtype.name, spec)(images, rows, statistics).numpy()
