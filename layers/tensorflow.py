"""TensorFlow's operations under the names of `keras.ops`: the kernels inside `tf.data`, whatever the Keras backend."""

from types import SimpleNamespace

import tensorflow as tf

ops = SimpleNamespace(
    abs=tf.abs,
    arange=lambda stop, dtype="int32": tf.range(stop, dtype=dtype),
    cast=tf.cast,
    clip=lambda x, low, high: tf.minimum(tf.maximum(x, tf.cast(low, x.dtype)), tf.cast(high, x.dtype)),
    convert_to_tensor=tf.convert_to_tensor,
    flip=lambda x, axis: tf.reverse(x, [axis]),
    floor=tf.floor,
    isnan=tf.math.is_nan,
    matmul=tf.matmul,
    max=tf.reduce_max,
    maximum=tf.maximum,
    mean=tf.reduce_mean,
    min=tf.reduce_min,
    minimum=tf.minimum,
    ones_like=tf.ones_like,
    reshape=tf.reshape,
    # Sizes as numbers where they are known, as tensors where they are not.
    shape=lambda x: tuple(tf.shape(x)[axis] if size is None else size for axis, size in enumerate(x.shape)),
    sqrt=tf.sqrt,
    # Without the handling of negative indices of `keras.ops.take`: the kernels have none, and it costs.
    take=lambda x, indices, axis: tf.gather(x, indices, axis=axis),
    transpose=tf.transpose,
    where=tf.where,
)
